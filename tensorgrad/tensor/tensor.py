"""Tensor: an ndarray that remembers how it was made."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tensorgrad.engine.base import TensorBase, require_node, with_node, wrap
from tensorgrad.engine.gradients import accumulate, as_gradient, conjugated, cotangent_of, gradients
from tensorgrad.engine.node import NAMES, WRITES, Node, ShapeDtype, serials
from tensorgrad.engine.record import BLANK, CREATING, apply, dispatch, records, root_of
from tensorgrad.engine.state import NO_KEYWORDS, STATE
from tensorgrad.engine.views import assign_, is_view_at
from tensorgrad.operands import is_foreign, objects_as_numbers, own_array, refuse_integers
from tensorgrad.ops.common import as_operand, create
from tensorgrad.ops.index import assign, take
from tensorgrad.ops.writes import FILLING
from tensorgrad.rules import NONDIFFERENTIABLE, RULES, Function, load_tables
from tensorgrad.tensor.attributes import Attributes
from tensorgrad.tensor.interop import calling_library
from tensorgrad.tensor.logits import ACTIVATIONS, hand_on, share_logits
from tensorgrad.tensor.signatures import Signatures
from tensorgrad.tensor.words import Words


class Tensor(Attributes, Signatures, Words):
    """An array, and the node that made it (None for a constant).

    `requires_grad=True` makes a leaf, which copies its data and whose `.grad` backward fills.
    NumPy's functions and operators take tensors and return tensors, by NumPy's own rules for shapes
    and dtypes.
    Raises: TypeError for data that is not numeric, or a gradient asked of integers.
    """

    __slots__ = ("_frozen",)  # the node of a frozen leaf; else None or not set

    def __init__(
        self, data: Any, requires_grad: bool = False, *, dtype: Any = None, name: str | None = None
    ) -> None:
        lost = isinstance(data, Tensor) and data.node is not None and not requires_grad
        if lost and STATE.get().recording:
            raise TypeError(
                "a Tensor made of a tensor that requires a gradient would be a constant and "
                "lose the gradient; use the tensor itself, or .detach() to do so on purpose"
            )
        given = data._value if isinstance(data, Tensor) else data
        array = own_array(given, dtype, requires_grad)
        if array.dtype.kind not in "biufc":
            raise TypeError(
                f"a Tensor holds numbers, but the data has dtype {array.dtype}; pass numbers, and "
                "dtype=float for integers of more than 64 bits"
            )
        if requires_grad:
            refuse_integers(array)
        self._value = array if array.ndim else array[()]
        self.node = Node(array.shape, array.dtype) if requires_grad else None
        if isinstance(data, Tensor) and (observer := STATE.get().observer) is not None:
            observer.assigned(self, data)
        if name is not None:
            self.name = name

    @property
    def data(self) -> np.ndarray:
        """The array itself, not a copy. Writing to it is not recorded."""
        if type(self._value) is not np.ndarray and not is_foreign(type(self._value)):
            self._value = np.asarray(self._value)
        return self._value

    @data.setter
    def data(self, value: Any) -> None:
        before = self._value  # which is `value` after writing in place, as by `t.data -= step`
        array = value if value is before else own_array(value, before.dtype, False)
        if array.shape != before.shape:
            raise ValueError(
                f".data has shape {self.shape}, and cannot be replaced by shape {array.shape}"
            )
        name = self.name if self.node is None else None  # a constant's is that of its array
        self._logits = None
        if array is before:
            root = root_of(self)[0]
            for t in (self,) if root is self else (self, root):
                if type(t._value) is np.ndarray:  # not a number, which cannot be written to
                    WRITES.add(t._value, t._description)
        if (node := self.node or getattr(self, "_frozen", None)) is not None:
            node.ensure_extras().version = next(serials)
        self._value = array
        if name is not None:
            self.name = name

    @property
    def grad(self) -> "Tensor | None":
        """The gradient that backward left here, read-only; assign a Tensor or None to set it."""
        extras = self.node.extras if self.node is not None else None
        return None if extras is None else extras.grad

    @grad.setter
    def grad(self, value: "Tensor | None") -> None:
        if self.node is None:
            raise RuntimeError(
                "a constant has no gradient; make the tensor with requires_grad=True"
            )
        if value is not None:
            fits = isinstance(value, Tensor) and value.shape == self.shape
            if not fits or value.dtype.kind == "c" != self.dtype.kind:
                raise ValueError(
                    f"a gradient is a Tensor of shape {self.shape} and {self.dtype}, not {value!r}"
                )
            if value.dtype != self.dtype:  # as after clipping by a factor of another dtype
                value = np.astype(value, self.dtype)
        self.node.ensure_extras().grad = value

    @property
    def requires_grad(self) -> bool:
        """True if the tensor was made with requires_grad, or recorded from one that was.

        Set to False, it freezes a leaf: a constant without `.grad`, until it is set to True again.
        Set to True, it makes a leaf of a constant, with a copy of its data.
        Raises: RuntimeError for the result of an operation; TypeError for a gradient of integers.
        """
        return self.node is not None

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        if bool(value) == self.requires_grad:
            return
        name, frozen = self.name, getattr(self, "_frozen", None)
        if not self.is_leaf:
            raise RuntimeError(
                "this tensor requires a gradient because an operation made it of tensors that do; "
                "use .detach() for a constant of the same value, or freeze those leaves"
            )
        if not value:
            self.zero_grad()
            self._frozen, self.node = self.node, None
        else:
            if frozen is None:
                self._value = self._value_of_a_leaf()
            self._logits = None  # whose gradient would pass by this leaf
            self._frozen, self.node = None, frozen or Node(self.shape, self.dtype)
            self.zero_grad()
        self.name = name

    def _value_of_a_leaf(self) -> Any:
        """Return a copy of a constant's value, after checking that the constant can be a leaf."""
        refuse_integers(self.data)
        if root_of(self)[0] is not self:
            raise RuntimeError(
                "this tensor is a view of another, whose values it shares; make a leaf with "
                "tg.Tensor(t, requires_grad=True), which copies them"
            )
        array = self.data.copy()
        return array if array.ndim else array[()]

    @property
    def is_frozen(self) -> bool:
        """True for a leaf whose `requires_grad` was set to False: a constant for the time being."""
        return self.node is None and getattr(self, "_frozen", None) is not None

    @property
    def is_leaf(self) -> bool:
        """True if no recorded operation made it."""
        return self.node is None or self.node.op is None

    @property
    def name(self) -> str | None:
        """The name that drawings and messages show."""
        return NAMES.get(self._value if self.node is None else self.node)

    @name.setter
    def name(self, name: str | None) -> None:
        NAMES.set(self.data if self.node is None else self.node, name)

    @property
    def inputs(self) -> tuple[Any, ...]:
        """The arguments of the op that made this: tensors, constants, None if not saved."""
        if self.node is None or self.node.parents is None:
            return ()
        pairs = zip(self.node.args, self.node.parents, strict=True)
        return tuple(
            None if isinstance(a, ShapeDtype) else a if p is None else wrap(a, p) for a, p in pairs
        )

    @property
    def op(self) -> Function | None:
        """The function that made this tensor, None for leaves and constants."""
        return None if self.node is None or self.node.op is None else self.node.op.function

    def __repr__(self) -> str:
        body = self._numbers()
        extras = [f"dtype={self.dtype}"]
        if self.node is not None:
            extras.append(
                "requires_grad=True" if self.node.op is None else f"op={self.node.op.name}"
            )
        if self.name is not None:
            extras.append(f"name={self.name!r}")
        return f"Tensor({body}, {', '.join(extras)})"

    def __iter__(self) -> Iterator["Tensor"]:
        return (self[i] for i in range(len(self)))

    def __copy__(self) -> "Tensor":
        if not self.is_leaf:
            return np.copy(self)  # recorded
        return _rebuild(self.data, self.requires_grad, self.name, self.is_frozen)

    def __deepcopy__(self, memo: dict[int, Any]) -> "Tensor":
        # A DataArray copies its array deeply, also where it sorts: no new leaf is meant.
        if not self.is_leaf or (self.node is not None and calling_library() == "xarray"):
            return np.copy(self)  # recorded
        return _rebuild(self.data.copy(), self.requires_grad, self.name, self.is_frozen)

    def __reduce__(self) -> tuple[Any, ...]:
        if not self.is_leaf:
            raise TypeError(f"only leaf tensors are pickled; detach() {self!r} first")
        return _rebuild, (self.data, self.requires_grad, self.name, self.is_frozen)

    # Gradients

    def detach(self) -> "Tensor":
        """Return the same value as a constant that shares the array."""
        return share_logits(self, with_node(self, None))

    def backward(
        self, gradient: Any = None, *, retain_graph: bool = False, create_graph: bool = False
    ) -> None:
        """Add the gradient of this tensor to the `.grad` of every leaf under it.

        `gradient` is the cotangent, the gradient in this tensor, by default 1 for a single number.
        The graph is freed on the way unless `retain_graph`. With `create_graph` the gradients are
        recorded, can be differentiated again, and keep the graph in memory until `zero_grad()`.
        Raises: RuntimeError if nothing was recorded or the graph was freed; ValueError if the
        gradient's shape does not fit.
        """
        found = gradients(
            [(self, gradient)], None, retain_graph=retain_graph, create_graph=create_graph
        )
        accumulate(found, create_graph)

    def zero_grad(self) -> None:
        """Set `.grad` to None."""
        if self.node is not None and self.node.extras is not None:
            self.node.extras.grad = None

    def retain_grad(self) -> None:
        """Make backward leave a `.grad` here too, although this is no leaf."""
        require_node(self, "retain its gradient").ensure_extras().retains = True

    def register_hook(self, hook: Callable[["Tensor"], "Tensor | None"]) -> Callable[[], None]:
        """Call `hook` with the complete gradient; a gradient that it returns replaces this one.

        Returns a function that removes the hook.
        """

        def call(g: Any) -> Any:
            changed = hook(as_gradient(g))
            if changed is None:
                return g
            return conjugated(cotangent_of(g, changed, isinstance(g, Tensor)))

        hooks = require_node(self, "have a hook").ensure_extras().hooks
        hooks.append(call)
        return lambda: hooks.remove(call)

    # NumPy's protocols

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *args: Any, **kwargs: Any) -> Any:
        if ufunc not in RULES and ufunc not in NONDIFFERENTIABLE:
            load_tables(ufunc)
        if method == "__call__" and ufunc in RULES:
            given = kwargs and ufunc.signature is None
            if given and ({"out", "where"} <= kwargs.keys() or records((args, kwargs))):
                from tensorgrad.ops.methods import call_with_keywords  # which few programs need

                return call_with_keywords(ufunc, *args, **kwargs)
            return dispatch(ufunc, args, kwargs)
        function = ufunc if method == "__call__" else getattr(ufunc, method)
        result = dispatch(function, args, kwargs)
        if getattr(result, "dtype", np.dtype(bool)).kind == "O" and function in NONDIFFERENTIABLE:
            return dispatch(function, tuple(map(as_operand, args)), kwargs)  # or an error
        return result

    def __array_function__(self, function: Function, _types: Any, args: Any, kwargs: Any) -> Any:
        for x in (*args, *kwargs.values()) if kwargs else args:
            if type(x) is np.ndarray and x.dtype.kind == "O" and function not in FILLING:
                args, kwargs = objects_as_numbers([args, kwargs])
                break
        if function in CREATING and not any(isinstance(x, TensorBase) for x in args):
            # The tensor is that of `like=`, which NumPy leaves out.
            result = create(function, self._value, *args, **kwargs)
            return wrap(result) if function in BLANK else result
        result = dispatch(function, args, kwargs)
        return hand_on(result, function, args, kwargs) if function in ACTIVATIONS else result

    __hash__ = object.__hash__

    def __getitem__(self, index: Any) -> "Tensor":
        return apply(RULES[take], (self, index), NO_KEYWORDS)

    def __setitem__(self, index: Any, value: Any) -> None:
        """Write into this tensor and, as in NumPy, into what it is a view of, and its own views."""
        if not is_view_at(self, value, index):  # which `t[index] += 1` has written to already
            assign_(self, assign(self, index, value))

    def fill(self, value: Any) -> None:
        """Write one value into every element."""
        self[...] = value


TensorBase.tensor = Tensor


def _rebuild(
    data: np.ndarray, requires_grad: bool, name: str | None, frozen: bool = False
) -> Tensor:
    t = Tensor(data, requires_grad or frozen, name=name)
    t.requires_grad = requires_grad
    return t
