"""Tensor: an ndarray that remembers how it was made."""

import operator
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tensorgrad import graph, ops
from tensorgrad.graph import Node, Notes, serials
from tensorgrad.rules import COMPOSED, CONSTANT, RULES, Function, Op, Spec
from tensorgrad.state import STATE, State, under

NO_KEYWORDS: dict[str, Any] = {}
PLAIN = {np.ndarray, float, int, bool, complex, *np.sctypeDict.values()}


class Tensor:
    """An array, and the node that made it (None for a constant).

    `requires_grad=True` makes a leaf, which copies its data and whose `.grad` backward fills. NumPy's functions and
    operators take tensors and return tensors, under NumPy's own rules for shapes and dtypes.
    Raises: TypeError for data that is not numeric, or a gradient asked of integers.
    """

    __slots__ = ("__weakref__", "_data", "_name", "node")

    node: Node | None

    def __init__(
        self, data: Any, requires_grad: bool = False, *, dtype: Any = None, name: str | None = None
    ) -> None:
        array = np.array(
            data.data if isinstance(data, Tensor) else data,
            dtype,
            copy=True if requires_grad else None,
        )
        if array.dtype.kind not in "biufc":
            raise TypeError(f"a Tensor holds numbers, but the data has dtype {array.dtype}")
        if requires_grad and array.dtype.kind not in "fc":
            raise TypeError(
                f"only floating-point and complex tensors have gradients, but the data has dtype {array.dtype}; "
                "write 1.0 for 1, or pass dtype=float"
            )
        self._data = array if array.ndim else array[()]
        self.node = Node(array.shape, array.dtype) if requires_grad else None
        self.name = name

    # What it is

    @property
    def data(self) -> np.ndarray:
        """The array itself, not a copy: writing to it is not recorded."""
        # Calculations on NumPy's scalars are five times faster than on 0-d arrays, so results stay scalars until
        # somebody asks for an array.
        if type(self._data) is not np.ndarray:
            self._data = np.asarray(self._data)
        return self._data

    @data.setter
    def data(self, value: Any) -> None:
        array = np.asarray(value, self._data.dtype)
        if array.shape != self._data.shape:
            raise ValueError(
                f".data has shape {self._data.shape}, and cannot be replaced by shape {array.shape}"
            )
        if array is self._data and self.node is not None and self.node.notes is not None:
            self.node.notes.written = next(
                serials
            )  # `t.data -= step` arrives here after writing in place
        self._data = array

    @property
    def grad(self) -> "Tensor | None":
        """The gradient that backward left here; a value, not to be written to."""
        notes = self.node.notes if self.node is not None else None
        return None if notes is None else notes.grad

    @grad.setter
    def grad(self, value: "Tensor | None") -> None:
        if self.node is None:
            raise RuntimeError(
                "a constant has no gradient; make the tensor with requires_grad=True"
            )
        if value is not None and (not isinstance(value, Tensor) or value.shape != self.shape):
            raise ValueError(
                f"the gradient of a tensor of shape {self.shape} is a Tensor of that shape, not {value!r}"
            )
        _notes(self.node).grad = value

    @property
    def requires_grad(self) -> bool:
        return self.node is not None

    @property
    def is_leaf(self) -> bool:
        """Whether no recorded operation made it."""
        return self.node is None or self.node.op is None

    @property
    def name(self) -> str | None:
        if self.node is None:
            return getattr(self, "_name", None)
        return self.node.notes.name if self.node.notes is not None else None

    @name.setter
    def name(self, name: str | None) -> None:
        if self.node is None:
            self._name = name
        elif name is not None or self.node.notes is not None:
            _notes(self.node).name = name

    @property
    def inputs(self) -> tuple[Any, ...]:
        """What the op that made this tensor was given: tensors and constants, None where no rule reads the value."""
        if self.node is None or self.node.parents is None:
            return ()
        pairs = zip(self.node.args, self.node.parents, strict=True)
        return tuple(
            None if isinstance(a, Spec) else a if p is None else _tensor(a, p) for a, p in pairs
        )

    @property
    def op(self) -> Function | None:
        """The function that made this tensor, None for leaves and constants."""
        return None if self.node is None or self.node.op is None else self.node.op.function

    @property
    def shape(self) -> tuple[int, ...]:
        return self._data.shape

    @property
    def ndim(self) -> int:
        return self._data.ndim

    @property
    def size(self) -> int:
        return self._data.size

    @property
    def dtype(self) -> np.dtype[Any]:
        return self._data.dtype

    def __repr__(self) -> str:
        body = np.array2string(self.data, separator=", ", prefix="Tensor(", threshold=100)
        notes = [f"dtype={self.dtype}"]
        if self.node is not None:
            notes.append(
                "requires_grad=True" if self.node.op is None else f"op={self.node.op.name}"
            )
        if self.name is not None:
            notes.append(f"name={self.name!r}")
        return f"Tensor({body}, {', '.join(notes)})"

    # Leaving the graph

    def detach(self) -> "Tensor":
        """The same value as a constant, sharing the array."""
        return _tensor(self._data)

    def numpy(self) -> np.ndarray:
        """The array itself; of a tensor that is part of a graph only after `.detach()`."""
        return self.__array__()

    def item(self) -> Any:
        return self._data.item()

    def tolist(self) -> Any:
        return self._data.tolist()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if self.node is not None and STATE.get().recording:
            raise TypeError(
                "making an ndarray of a tensor that requires a gradient would lose the gradient; "
                "use .detach() or .data to do so on purpose, or np.stack to build from a list of tensors"
            )
        return np.array(self._data, dtype, copy=copy)

    def __len__(self) -> int:
        return len(self.data)

    def __iter__(self) -> Iterator["Tensor"]:
        return (self[i] for i in range(len(self)))

    def __bool__(self) -> bool:
        return bool(self._data)

    def __float__(self) -> float:
        return float(self._data)

    def __int__(self) -> int:
        return int(self._data)

    def __index__(self) -> int:
        return operator.index(self._data)

    def __complex__(self) -> complex:
        return complex(self._data)

    def __format__(self, spec: str) -> str:
        return format(self._data if self._data.ndim == 0 else self, spec)

    def __reduce__(self) -> tuple[Any, ...]:
        if not self.is_leaf:
            raise TypeError(f"only leaf tensors are copied or pickled; detach() {self!r} first")
        return _rebuild, (self.data, self.requires_grad, self.name)

    # Gradients

    def backward(
        self, gradient: Any = None, *, retain_graph: bool = False, create_graph: bool = False
    ) -> None:
        """Add the gradient of this tensor to the `.grad` of every leaf under it.

        `gradient` is the gradient arriving here, 1 by default for a single number. The graph is freed on the way
        unless `retain_graph`. With `create_graph` the gradients are recorded, and can be differentiated again.
        Raises: RuntimeError if nothing was recorded or the graph was freed; ValueError if the shape does not fit.
        """
        arrived = gradients(
            [(self, gradient)], None, retain_graph=retain_graph, create_graph=create_graph
        )
        for node, g in arrived.items():
            notes = _notes(node)
            if notes.grad is None:
                notes.grad = g
            else:
                with under(recording=create_graph):
                    notes.grad = notes.grad + g

    def zero_grad(self) -> None:
        if self.node is not None and self.node.notes is not None:
            self.node.notes.grad = None

    def retain_grad(self) -> None:
        """Have backward leave a `.grad` here too, though this is no leaf."""
        _notes(_recorded(self, "retain its gradient")).retains = True

    def register_hook(self, hook: Callable[["Tensor"], "Tensor | None"]) -> Callable[[], None]:
        """Call `hook` with the gradient when it is complete; what it returns, if anything, takes its place.

        Returns a function that removes the hook.
        """

        def call(g: Any) -> Any:
            changed = hook(_gradient(g))
            return (
                g if changed is None else _conj(changed if isinstance(g, Tensor) else changed._data)
            )

        hooks = _notes(_recorded(self, "have a hook")).hooks
        hooks.append(call)
        return lambda: hooks.remove(call)

    # NumPy's protocols

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *args: Any, **kwargs: Any) -> Any:
        return dispatch(ufunc if method == "__call__" else getattr(ufunc, method), args, kwargs)

    def __array_function__(self, function: Function, _types: Any, args: Any, kwargs: Any) -> Any:
        return dispatch(function, args, kwargs)

    __hash__ = object.__hash__

    def __getitem__(self, index: Any) -> "Tensor":
        return apply(RULES[ops.index.take], (self, _plain(index)), NO_KEYWORDS)

    def __setitem__(self, index: Any, value: Any) -> None:
        _become(self, ops.index.assign(self, _plain(index), value))

    @property
    def T(self) -> "Tensor":
        return np.transpose(self)

    def reshape(self, *shape: Any) -> "Tensor":
        return np.reshape(self, shape[0] if len(shape) == 1 else shape)

    def transpose(self, *axes: Any) -> "Tensor":
        return np.transpose(self, (axes[0] if len(axes) == 1 else axes) or None)

    def flatten(self) -> "Tensor":
        return np.ravel(self)


def _tensor(data: Any, node: Node | None = None) -> Tensor:
    """A Tensor from its parts, past the checks of the constructor."""
    t = Tensor.__new__(Tensor)
    t._data = data
    t.node = node
    return t


def _rebuild(data: np.ndarray, requires_grad: bool, name: str | None) -> Tensor:
    return Tensor(data, requires_grad, name=name)


def _notes(node: Node) -> Notes:
    if node.notes is None:
        node.notes = Notes()
    return node.notes


def _recorded(t: Tensor, purpose: str) -> Node:
    if t.node is None:
        raise RuntimeError(
            f"this tensor cannot {purpose}: it is a constant, made from no tensor with requires_grad=True, "
            "or under no_grad"
        )
    return t.node


def _spec(value: Any) -> Any:
    return Spec(value.shape, value.dtype) if isinstance(value, np.ndarray) else value


def _plain(x: Any) -> Any:
    """The value with every tensor in it, however deep in tuples, lists and dicts, replaced by its array."""
    if isinstance(x, Tensor):
        return x._data
    if type(x) in (tuple, list):
        return type(x)(_plain(item) for item in x)
    if type(x) is dict:
        return {key: _plain(item) for key, item in x.items()}
    return x


def _needs_grad(x: Any) -> bool:
    if isinstance(x, Tensor):
        return x.node is not None
    if isinstance(x, dict):
        return any(map(_needs_grad, x.values()))
    return isinstance(x, (tuple, list)) and any(map(_needs_grad, x))


def dispatch(function: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call a function that got a tensor the way its table says.

    Raises: TypeError if no table has it and a gradient would be lost.
    """
    op = RULES.get(function)
    if op is not None:
        return apply(op, args, kwargs)
    if function in COMPOSED:
        return COMPOSED[function](*args, **kwargs)
    if function not in CONSTANT and STATE.get().recording and _needs_grad((args, kwargs)):
        name = getattr(function, "__qualname__", function)
        raise TypeError(
            f"{name} has no gradient rule; declare one with tensorgrad.rule({name}, ...), or pass the tensor's .data "
            "if no gradient is wanted"
        )
    if kwargs.get("out") is not None and _needs_grad(kwargs["out"]):
        raise TypeError(
            f"{function.__name__} cannot write its result into a tensor: use its return value"
        )
    return function(*_plain(args), **_plain(kwargs))


def apply(op: Op, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
    """Compute an op and, if a gradient is wanted of any argument, remember the call."""
    if len(args) != op.arity or not op.keywords.issuperset(kwargs):
        args, kwargs = op.bind(args, kwargs)
    for name, value in kwargs.items():
        if isinstance(value, Tensor):
            raise TypeError(f"{op.name} takes no tensor as {name}; pass its .data or .item()")
    values: list[Any] = []
    nodes: list[Node | None] = []
    wanted, bit = 0, 1
    for x in args:
        if isinstance(x, Tensor):
            values.append(x._data)
            nodes.append(x.node)
            if x.node is not None:
                wanted |= bit
        else:
            values.append(x if type(x) in PLAIN else op.operand(x))
            nodes.append(None)
        bit += bit
    state = STATE.get()
    observer = state.observer
    if observer is None:
        out = op.compute(*values, **kwargs)
    else:
        out = observer.compute(op, values, kwargs)
    if not wanted or not state.recording:
        return _tensor(out)
    unread, reads_out = op.plans.get(wanted) or op.plan(wanted, len(values))
    if kwargs and not op.keywords.issuperset(kwargs):
        raise TypeError(op.unknown(kwargs))
    for i in unread:
        values[i] = nodes[i] or _spec(values[i])
    node = Node.__new__(Node)
    node.op = op
    node.parents = nodes
    node.args = values
    node.kwargs = kwargs
    node.out = out if reads_out else None
    node.shape, node.dtype = out.shape, out.dtype
    node.notes, node.scope, node.serial = None, state.scope, next(serials)
    if observer is not None:
        observer.recorded(node, out)
    return _tensor(out, node)


def operator_pair(ufunc: np.ufunc, compute: Function) -> tuple[Function, Function]:
    """`a * b` and its reflection: `apply` for two operands, written out because scalar graphs live by it."""
    op = RULES[ufunc]
    op.compute = compute  # on NumPy's scalars the operator is ten times faster than the ufunc
    plans = [op.plan(wanted, 2) for wanted in range(4)]
    new, new_node, state_of = Tensor.__new__, Node.__new__, STATE.get

    def forward(a: Any, b: Any) -> Tensor:
        state = state_of()
        if state.observer is not None:
            return apply(op, (a, b), NO_KEYWORDS)
        if isinstance(a, Tensor):
            x, p = a._data, a.node
        else:
            x, p = a if type(a) in PLAIN else np.asarray(a), None
        if isinstance(b, Tensor):
            y, q = b._data, b.node
        else:
            y, q = b if type(b) in PLAIN else np.asarray(b), None
        t = new(Tensor)
        t._data = out = compute(x, y)
        if (p is None and q is None) or not state.recording:
            t.node = None
            return t
        unread, reads_out = plans[(p is not None) + 2 * (q is not None)]
        t.node = node = new_node(Node)
        node.op = op
        node.parents = (p, q)
        node.args = (
            (p or _spec(x)) if 0 in unread else x,
            (q or _spec(y)) if 1 in unread else y,
        )
        node.kwargs = NO_KEYWORDS
        node.out = out if reads_out else None
        node.shape, node.dtype = out.shape, out.dtype
        node.notes, node.scope, node.serial = None, state.scope, next(serials)
        return t

    return forward, lambda b, a: forward(a, b)


def _become(t: Tensor, result: Tensor) -> Tensor:
    """Give a tensor a new value and node: how `t += 1` and `t[0] = 1` write without touching what was recorded."""
    if t.node is not None and t.node.op is None:
        if STATE.get().recording:
            raise RuntimeError(
                "a leaf that requires a gradient cannot be written to while recording, for it would stop being a "
                "leaf; write under no_grad(), to .data, or to a copy such as `t * 1`"
            )
        t.data = result._data
        return t
    if result.shape != t.shape or not np.can_cast(result.dtype, t.dtype, "same_kind"):
        raise TypeError(
            f"a tensor of shape {t.shape} and dtype {t.dtype} cannot take, in place, a result of shape "
            f"{result.shape} and dtype {result.dtype}"
        )
    if result.dtype != t.dtype:
        result = np.astype(result, t.dtype)
    t._data, t.node = result._data, result.node
    return t


def gradients(
    outputs: list[tuple[Tensor, Any]],
    targets: set[Node] | None,
    *,
    retain_graph: bool = False,
    create_graph: bool = False,
) -> dict[Node, Tensor]:
    """The gradients of outputs, each with the gradient arriving there (None: 1), in targets or every leaf."""
    seeds: dict[Node, Any] = {}
    for t, g in outputs:
        node = _recorded(t, "be differentiated")
        seed = _conj(_seed(t, g, create_graph))
        seeds[node] = seeds[node] + seed if node in seeds else seed
    now = STATE.get()
    watch = None if now.observer is None else now.observer.backward
    lift, free = (_tensor, False) if create_graph else (None, not retain_graph)
    token = STATE.set(State(create_graph, now.scope, now.observer))
    try:
        found = graph.backward(seeds, targets, free=free, lift=lift, watch=watch)
        return {node: _gradient(g) for node, g in found.items()}
    finally:
        STATE.reset(token)


def _seed(t: Tensor, g: Any, create_graph: bool) -> Any:
    """The gradient that backward starts from, checked, as what the rules take."""
    if g is None:
        if t.size != 1:
            raise ValueError(
                f"backward starts from a single number, but this tensor has shape {t.shape}; reduce it first, "
                "with np.sum or np.mean, or pass gradient="
            )
        one = t.dtype.type(1) if t.ndim == 0 else np.ones_like(t._data)
        return _tensor(one) if create_graph else one
    value: Any = g if isinstance(g, Tensor) else np.array(g)[()]
    if value.shape != t.shape or not np.can_cast(value.dtype, t.dtype, "same_kind"):
        raise ValueError(
            f"the gradient of a tensor of shape {t.shape} and dtype {t.dtype} cannot have shape {value.shape} and "
            f"dtype {value.dtype}"
        )
    value = value.astype(t.dtype)
    if create_graph:
        return value if isinstance(value, Tensor) else _tensor(value)
    return value._data if isinstance(value, Tensor) else value


def _conj(g: Any) -> Any:
    return np.conj(g) if g.dtype.kind == "c" else g


def _gradient(g: Any) -> Tensor:
    """A gradient as users meet it: a Tensor, in the direction of steepest ascent, that nobody writes into."""
    g = _conj(g)
    if isinstance(g, Tensor):
        return g
    if type(g) is np.ndarray:
        g.flags.writeable = False  # arguments of one op can share it, as in a + b
    return _tensor(g)


# fmt: off
OPERATORS = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "truediv": np.divide, "pow": np.power,
    "matmul": np.matmul, "mod": np.remainder, "floordiv": np.floor_divide,
    "and": np.bitwise_and, "or": np.bitwise_or, "xor": np.bitwise_xor, "lshift": np.left_shift, "rshift": np.right_shift,
}
COMPARISONS = {
    "eq": np.equal, "ne": np.not_equal, "lt": np.less, "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal,
}
UNARY = {"neg": np.negative, "pos": np.positive, "abs": np.absolute, "invert": np.invert}
METHODS = (
    "all any argmax argmin argpartition argsort astype clip conj conjugate copy cumprod cumsum diagonal dot imag max "
    "mean min nonzero prod ptp ravel real repeat round searchsorted squeeze std sum swapaxes take trace var"
)
# fmt: on


def _method(function: Function) -> Function:
    def method(self: Tensor, *args: Any, **kwargs: Any) -> Any:
        return dispatch(function, (self, *args), kwargs)

    method.__doc__ = f"`np.{function.__name__}` of this tensor."
    return method


def _binary(name: str, ufunc: np.ufunc) -> None:
    """Give Tensor `a op b`, `b op a` and `a op= b`."""
    if ufunc in RULES:
        forward, reflected = operator_pair(ufunc, getattr(operator, name))
    else:
        forward, reflected = _method(ufunc), lambda b, a: dispatch(ufunc, (a, b), NO_KEYWORDS)
    setattr(Tensor, f"__{name}__", forward)
    setattr(Tensor, f"__r{name}__", reflected)
    setattr(Tensor, f"__i{name}__", lambda a, b: _become(a, forward(a, b)))


for _name, _function in OPERATORS.items():
    _binary(_name, _function)
for _name, _function in (COMPARISONS | UNARY).items():
    setattr(Tensor, f"__{_name}__", _method(_function))
for _name in METHODS.split():
    setattr(Tensor, _name, _method(getattr(np, _name)))
