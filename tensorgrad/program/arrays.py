"""TracedArray: the stand-in for an array while a program is made, whose calls are recorded."""

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tensorgrad.engine.base import TensorBase
from tensorgrad.engine.record import ARRAYS, NUMBERS
from tensorgrad.operands import STAND_INS
from tensorgrad.program.steps import Var, given_out
from tensorgrad.rules import STATIC

# fmt: off
ARITHMETIC = {
    "add": "+", "sub": "-", "mul": "*", "truediv": "/", "pow": "**", "matmul": "@", "mod": "%",
    "floordiv": "//", "and": "&", "or": "|", "xor": "^", "lshift": "<<", "rshift": ">>",
}
ORDER = {"lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "ne": "!="}
UFUNC_OF = {
    "+": np.add, "-": np.subtract, "*": np.multiply, "/": np.divide, "**": np.power,
    "@": np.matmul, "%": np.remainder, "//": np.floor_divide, "&": np.bitwise_and,
    "|": np.bitwise_or, "^": np.bitwise_xor, "<<": np.left_shift, ">>": np.right_shift,
    "<": np.less, "<=": np.less_equal, ">": np.greater, ">=": np.greater_equal, "==": np.equal,
    "!=": np.not_equal,
}
# Ufuncs that give the same bits as their operators.
SYMBOLS = {ufunc: symbol for symbol, ufunc in UFUNC_OF.items() if symbol not in ("**", "%", "//")}
UNARY_SYMBOLS = {np.negative: "-", np.positive: "+", np.invert: "~"}
WRITERS = {np.copyto, np.place, np.put, np.putmask, np.fill_diagonal, np.put_along_axis}
READING_METHODS = (
    "all any argmax argmin argpartition argsort choose clip compress conj conjugate cumprod cumsum "
    "diagonal dot flatten max mean min nonzero prod ravel repeat reshape round searchsorted "
    "squeeze std sum swapaxes take trace transpose var view byteswap"
)
WRITING_METHODS = ("fill", "itemset", "partition", "put", "sort", "resize")
CONVERSIONS = (
    "__float__ __int__ __index__ __complex__ __round__ __format__ __dlpack__ item tolist tobytes "
    "flat"
)
# fmt: on
AS_ARRAY = (
    "a traced value is converted to an ndarray, as by np.asarray, .data or a write into one; use "
    "NumPy's functions of it, or tg.Tensor of the ndarray; a step of an optimizer belongs after "
    "the call of the compiled function"
)
AS_NUMBER = (
    "a traced value is converted to Python's numbers, by {}; use NumPy's functions of it, or pass "
    "what it depends on with static_argnums"
)
AS_TEXT = (
    "a traced value is shown as text, as by print or str(), which a program would not do; show "
    "what the compiled function returns"
)
AS_KEY = "a traced number is hashed, as the key of a dict or a cache; use np.where of its values"


class Untraceable(TypeError):
    """The error about a function that `compile` can make no program of: why, and at which line."""


class Watched(Untraceable):
    """The error about a call that a program would hide from what watches it, for the time being."""

    def __init__(self, message: str, lasts: Callable[[], bool]) -> None:
        super().__init__(message)
        self.lasts = lasts  # if it is still so


class TracedArray:
    """An array whose calls are recorded; it has a shape and a dtype, and shows no numbers."""

    __slots__ = ("__weakref__", "recorder", "value", "variable")
    takes_primitives = True

    def __init__(self, recorder: Any, value: Any, variable: Var) -> None:
        self.recorder = recorder
        self.value = value
        self.variable = variable

    # What is known at the trace

    @property
    def shape(self) -> tuple[int, ...]:
        if self.variable.counted:
            self.recorder.counts.read(self.variable)
        return self.variable.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.variable.dtype

    @property
    def ndim(self) -> int:
        return len(self.variable.shape)

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    @property
    def itemsize(self) -> int:
        return self.dtype.itemsize

    @property
    def nbytes(self) -> int:
        return self.size * self.itemsize

    @property
    def strides(self) -> tuple[int, ...]:
        return np.asarray(self.value).strides

    @property
    def flags(self) -> Any:
        return np.asarray(self.value).flags

    @property
    def base(self) -> Any:
        """The array that this one is a view of, as a stand-in if it has one."""
        base = getattr(self.value, "base", None)
        return None if base is None else self.recorder.stand_ins.get(id(base), base)

    def __len__(self) -> int:
        return len(self.value) if not self.shape else self.shape[0]

    def __iter__(self) -> Iterator["TracedArray"]:
        return (self[i] for i in range(len(self)))

    def __hash__(self) -> int:
        if not isinstance(self.value, np.ndarray):  # whose hash is that of its value
            self.recorder.refuse(AS_KEY)
        return object.__hash__(self)

    def __repr__(self) -> str:
        self.recorder.refuse(AS_TEXT)
        return f"TracedArray(shape={self.shape}, dtype={self.dtype})"

    # NumPy's protocols

    def __array_ufunc__(self, ufunc: Any, method: str, *args: Any, **kwargs: Any) -> Any:
        for x in (*args, *kwargs.values()):
            if isinstance(x, TensorBase):
                return x.__array_ufunc__(ufunc, method, *args, **kwargs)  # type: ignore[attr-defined]
        out = kwargs.get("out")
        written = tuple(x for x in out or () if x is not None)
        if method == "at":
            written = args[:1]
        if out is not None and len(out) == 1:
            kwargs["out"] = out[0]
        if method == "__call__" and not kwargs and has_array(args):
            if ufunc in SYMBOLS:
                return self.recorder.record("binary", SYMBOLS[ufunc], args)
            if ufunc in UNARY_SYMBOLS:
                return self.recorder.record("unary", UNARY_SYMBOLS[ufunc], args)
        function = ufunc if method == "__call__" else getattr(ufunc, method)
        return self.recorder.record("call", function, args, kwargs, written)

    def __array_function__(self, function: Any, _types: Any, args: Any, kwargs: Any) -> Any:
        tensor = tensor_in((args, kwargs))
        if tensor is not None:
            return tensor.__array_function__(function, (), args, kwargs)
        if function in STATIC:
            return self.recorder.of_shapes(function, args, kwargs)
        if hasattr(function, "compute"):
            return self.recorder.primitive(function, args, kwargs)
        written = args[:1] if function in WRITERS else given_out(function, args, kwargs)
        return self.recorder.record("call", function, args, kwargs, written)

    def __array_namespace__(self, *, api_version: str | None = None) -> Any:
        return np

    # Items, and what is not a table

    def __getitem__(self, index: Any) -> Any:
        if type(index) is tuple and not index and not isinstance(self.value, np.ndarray):
            return self
        return self.recorder.record("item", None, (self, index))

    def __setitem__(self, index: Any, value: Any) -> None:
        self.recorder.record("set item", None, (self, index, value), written=(self,))

    def is_plain(self) -> bool:
        """Return True in a rule of arrays, where values may decide, and False elsewhere."""
        return self.recorder.group is not None

    def __copy__(self) -> Any:
        return self.copy()

    def __deepcopy__(self, _memo: Any) -> Any:
        return self.copy()

    def copy(self, order: str = "C") -> Any:
        if isinstance(self.value, np.generic):
            return self
        return self.recorder.record("method", "copy", (self, *(() if order == "C" else (order,))))

    def astype(self, dtype: Any, *args: Any, **kwargs: Any) -> Any:
        if not isinstance(self.value, np.ndarray):
            if isinstance(self.value, np.generic) and np.dtype(dtype) == self.dtype:
                return self
            return self.recorder.record("call", np.dtype(dtype).type, (self,))
        return self.recorder.record("method", "astype", (self, np.dtype(dtype), *args), kwargs)

    def __bool__(self) -> bool:
        return self.recorder.decide(self)

    def __contains__(self, _item: Any) -> bool:
        return self.__bool__()

    def __array__(self, *_args: Any, **_kwargs: Any) -> Any:
        raise self.recorder.refuse(AS_ARRAY)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or not hasattr(np.ndarray, name):
            raise AttributeError(f"a traced array has no attribute {name!r}")
        raise self.recorder.refuse(AS_NUMBER.format(f".{name}"))


def has_array(args: Any) -> bool:
    """Return True if NumPy's own arrays or numbers are among the values: then `a + b` is np.add."""
    return any(
        isinstance(x.value if type(x) is TracedArray else x, (np.ndarray, np.generic)) for x in args
    )


def tensor_in(x: Any) -> Any:
    """Return the first tensor in nested tuples, lists and dicts, or None."""
    if isinstance(x, TensorBase):
        return x
    items = x.values() if isinstance(x, dict) else x if isinstance(x, (tuple, list)) else ()
    return next((t for t in map(tensor_in, items) if t is not None), None)


def stand_ins_in(tree: Any) -> Any:
    """Yield the stand-ins in nested tuples, lists and dicts."""
    if type(tree) is TracedArray:
        yield tree
    elif isinstance(tree, (tuple, list)):
        for item in tree:
            yield from stand_ins_in(item)
    elif type(tree) is dict:
        yield from stand_ins_in(list(tree.values()))


def _operator(symbol: str) -> None:
    ufunc = UFUNC_OF[symbol]

    def forward(a: TracedArray, b: Any) -> Any:
        if isinstance(b, TensorBase):  # as an ndarray, which calls the ufunc, or a number
            return ufunc(a, b) if has_array((a,)) else NotImplemented
        return a.recorder.record("binary", symbol, (a, b))

    def reflected(b: TracedArray, a: Any) -> Any:
        return b.recorder.record("binary", symbol, (a, b))

    def in_place(a: TracedArray, b: Any) -> Any:
        if isinstance(b, TensorBase) or not isinstance(a.value, np.ndarray):
            return forward(a, b)
        return a.recorder.record("in place", symbol, (a, b), written=(a,))

    name = next(k for k, v in (ARITHMETIC | ORDER).items() if v == symbol)
    setattr(TracedArray, f"__{name}__", forward)
    if name in ARITHMETIC:
        setattr(TracedArray, f"__r{name}__", reflected)
        setattr(TracedArray, f"__i{name}__", in_place)


def _unary(name: str, symbol: str) -> None:
    setattr(TracedArray, f"__{name}__", lambda x: x.recorder.record("unary", symbol, (x,)))


def _recorded_method(name: str, writes: bool) -> None:
    def call(self: TracedArray, *args: Any, **kwargs: Any) -> Any:
        args = (self, *args)
        written = (self,) if writes else given_out(getattr(np, name, None), args, kwargs)
        return self.recorder.record("method", name, args, kwargs, written)

    setattr(TracedArray, name, call)


def _attribute(name: str) -> None:
    setattr(TracedArray, name, property(lambda x: x.recorder.record("attribute", name, (x,))))


def _refusal(name: str) -> None:
    def refuse(self: TracedArray, *_args: Any) -> Any:
        raise self.recorder.refuse(AS_NUMBER.format(name.strip("_")))

    setattr(TracedArray, name, property(refuse) if name == "flat" else refuse)


for _symbol in UFUNC_OF:
    _operator(_symbol)
_unary("neg", "-")
_unary("pos", "+")
_unary("invert", "~")
TracedArray.__abs__ = lambda x: x.recorder.record("call", abs, (x,))  # type: ignore[attr-defined]
setattr(TracedArray, "__divmod__", lambda a, b: np.divmod(a, b))  # noqa: B010
setattr(TracedArray, "__rdivmod__", lambda b, a: np.divmod(a, b))  # noqa: B010
for _name in READING_METHODS.split():
    _recorded_method(_name, False)
for _name in WRITING_METHODS:
    _recorded_method(_name, True)
for _name in ("T", "mT", "real", "imag"):
    _attribute(_name)
for _name in CONVERSIONS.split():
    _refusal(_name)
for _kinds in (ARRAYS, NUMBERS, STAND_INS):
    _kinds.add(TracedArray)
