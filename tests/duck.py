"""Duck: a stand-in for an array of another library, which refuses every hidden conversion as CuPy's does."""

from typing import Any

import numpy as np


class Duck:
    """An array that speaks NumPy's protocols, and is no ndarray: its numbers lie elsewhere.

    It does not mix with ndarrays that have axes, except for integers and booleans as an index, and is never
    converted to one: `.get()` is the way back. Results without axes are Ducks too.
    """

    __slots__ = ("__weakref__", "array")
    __hash__ = object.__hash__

    def __init__(self, array: Any) -> None:
        assert not isinstance(array, Duck)
        self.array = np.asarray(array)

    def get(self) -> np.ndarray:
        """Return the numbers as an ndarray."""
        return self.array

    @property
    def shape(self) -> tuple[int, ...]:
        return self.array.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.array.dtype

    @property
    def ndim(self) -> int:
        return self.array.ndim

    @property
    def size(self) -> int:
        return self.array.size

    def __len__(self) -> int:
        return len(self.array)

    def __repr__(self) -> str:
        return f"Duck({self.array!r})"

    def __array__(self, *_args: Any, **_kwargs: Any) -> Any:
        raise TypeError("a Duck is not converted to an ndarray without being asked; use .get()")

    def __array_ufunc__(self, ufunc: Any, method: str, *args: Any, **kwargs: Any) -> Any:
        if any(handles(x) for x in (*args, *kwargs.values())):
            return NotImplemented
        if kwargs.get("out") is not None:
            for target in kwargs["out"]:
                if not isinstance(target, Duck):
                    raise TypeError("a Duck is not written into an ndarray")
        function = getattr(ufunc, method)
        if method == "at":
            args = (args[0].array, index_inside(args[1]), *map(inside, args[2:]))
            return function(*args)
        if method == "reduceat":
            return outside(
                function(*inside(args[:1]), index_inside(args[1]), *args[2:], **inside(kwargs))
            )
        if any(isinstance(x, list) for x in args):
            raise TypeError("a list is not converted to a Duck without being asked")
        result = function(*inside(args), **inside(kwargs))
        return kwargs["out"][0] if kwargs.get("out") is not None else outside(result)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if not all(kind is Duck or issubclass(kind, np.ndarray) for kind in types):
            return NotImplemented
        if function in (np.asarray, np.ascontiguousarray):  # asked for by `like=`
            return Duck(function(index_inside(args[0]), *args[1:], **kwargs))
        result = function(*inside(args), **inside(kwargs))
        return outside(result)

    def __getitem__(self, index: Any) -> Any:
        return Duck(self.array[index_inside(index)])

    def __setitem__(self, index: Any, value: Any) -> None:
        self.array[index_inside(index)] = inside(value)

    def __iter__(self) -> Any:
        return (self[i] for i in range(len(self)))

    def __bool__(self) -> bool:
        return bool(self.array)

    def __float__(self) -> float:
        return float(self.array)

    def __int__(self) -> int:
        return int(self.array)

    def __complex__(self) -> complex:
        return complex(self.array)

    def __index__(self) -> int:
        return self.array.__index__()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or not hasattr(np.ndarray, name):
            raise AttributeError(name)
        attribute = getattr(self.array, name)
        if not callable(attribute):
            return outside(attribute)
        if name in ("item", "tolist", "tobytes"):
            return attribute
        return lambda *args, **kwargs: outside(attribute(*inside(args), **inside(kwargs)))


def handles(x: Any) -> bool:
    """Return True for objects of other libraries that answer ufuncs themselves."""
    kind = type(x)
    known = kind is Duck or isinstance(x, (np.ndarray, np.generic))
    return not known and getattr(kind, "__array_ufunc__", None) is not None


def inside(x: Any) -> Any:
    """Replace Ducks by their arrays, in tuples, lists and dicts too.

    Raises: TypeError for an ndarray with axes, which is on the other side.
    """
    if isinstance(x, Duck):
        return x.array
    if (isinstance(x, np.ndarray) and x.ndim) or (type(x) is list and floats_in(x)):
        raise TypeError("an ndarray is not converted to a Duck without being asked")
    if type(x) in (tuple, list):
        return type(x)(map(inside, x))
    return {k: inside(v) for k, v in x.items()} if type(x) is dict else x


def floats_in(x: Any) -> bool:
    """Return True if there are Python's floats in nested lists: numbers that would have to be converted."""
    return any(map(floats_in, x)) if type(x) is list else isinstance(x, (float, bool))


def index_inside(index: Any) -> Any:
    """Replace Ducks in an index; ndarrays of integers and booleans may stand there."""
    if isinstance(index, tuple):
        return tuple(map(index_inside, index))
    return index.array if isinstance(index, Duck) else index


def outside(x: Any) -> Any:
    """Make Ducks of the arrays and of NumPy's numbers in a result."""
    if isinstance(x, (np.ndarray, np.generic)):
        return Duck(x)
    if isinstance(x, tuple) and hasattr(x, "_fields"):
        return type(x)(*map(outside, x))
    return type(x)(map(outside, x)) if type(x) in (tuple, list) else x


def _operator(name: str, ufunc: Any) -> None:
    def forward(a: Duck, b: Any) -> Any:
        return NotImplemented if handles(b) else ufunc(a, b)

    def in_place(a: Duck, b: Any) -> Any:
        return ufunc(a, b, out=a)

    setattr(Duck, f"__{name}__", forward)
    setattr(Duck, f"__r{name}__", lambda b, a: ufunc(a, b))
    setattr(Duck, f"__i{name}__", in_place)


for _name, _ufunc in {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "truediv": np.divide, "pow": np.power,
    "matmul": np.matmul, "mod": np.remainder, "floordiv": np.floor_divide, "and": np.bitwise_and,
    "or": np.bitwise_or, "xor": np.bitwise_xor, "lshift": np.left_shift, "rshift": np.right_shift,
}.items():  # fmt: skip
    _operator(_name, _ufunc)
for _name, _ufunc in {
    "lt": np.less, "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal, "eq": np.equal, "ne": np.not_equal,
}.items():  # fmt: skip
    setattr(Duck, f"__{_name}__", lambda a, b, ufunc=_ufunc: ufunc(a, b))
for _name, _ufunc in {"neg": np.negative, "pos": np.positive, "abs": np.absolute, "invert": np.invert}.items():  # fmt: skip
    setattr(Duck, f"__{_name}__", lambda x, ufunc=_ufunc: ufunc(x))
