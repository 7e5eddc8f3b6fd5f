"""Tensor: an ndarray that remembers how it was made."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tensorgrad.engine.gradients import (
    accumulate,
    as_gradient,
    conjugated,
    cotangent_of,
    gradients,
)
from tensorgrad.engine.node import NAMES, Node, ShapeDtype, serials
from tensorgrad.engine.record import (
    NO_KEYWORDS,
    TensorBase,
    apply,
    dispatch,
    needs_grad,
    require_node,
    root_of,
    unwrap,
    wrap,
)
from tensorgrad.engine.state import STATE
from tensorgrad.engine.views import assign_, is_view_at
from tensorgrad.ops.index import assign, take
from tensorgrad.ops.methods import call_with_keywords
from tensorgrad.rules import RULES, Function, plain_array
from tensorgrad.tensor.interop import Interop
from tensorgrad.tensor.logits import ACTIVATIONS, hand_on, share_logits
from tensorgrad.tensor.signatures import Signatures


class Tensor(Interop, Signatures):
    """An array, and the node that made it (None for a constant).

    `requires_grad=True` makes a leaf, which copies its data and whose `.grad` backward fills.
    NumPy's functions and operators take tensors and return tensors, by NumPy's own rules for shapes
    and dtypes.
    Raises: TypeError for data that is not numeric, or a gradient asked of integers.
    """

    __slots__ = ()

    def __init__(
        self, data: Any, requires_grad: bool = False, *, dtype: Any = None, name: str | None = None
    ) -> None:
        lost = isinstance(data, Tensor) and data.node is not None and not requires_grad
        if lost and STATE.get().recording:
            raise TypeError(
                "a Tensor made of a tensor that requires a gradient would be a constant and "
                "lose the gradient; use the tensor itself, or .detach() to do so on purpose"
            )
        array = np.array(
            data.data if isinstance(data, Tensor) else plain_array(data),
            dtype,
            copy=True if requires_grad else None,
        )
        if array.dtype.kind not in "biufc":
            raise TypeError(f"a Tensor holds numbers, but the data has dtype {array.dtype}")
        if requires_grad and array.dtype.kind not in "fc":
            raise TypeError(
                "only floating-point and complex tensors have gradients, but the data has dtype "
                f"{array.dtype}; write 1.0 for 1, or pass dtype=float"
            )
        self._value = array if array.ndim else array[()]
        self.node = Node(array.shape, array.dtype) if requires_grad else None
        if name is not None:
            self.name = name

    # What it is

    @property
    def data(self) -> np.ndarray:
        """The array itself, not a copy: writing to it is not recorded."""
        if type(self._value) is not np.ndarray:
            self._value = np.asarray(self._value)
        return self._value

    @data.setter
    def data(self, value: Any) -> None:
        array = np.asarray(value, self._value.dtype)
        if array.shape != self._value.shape:
            raise ValueError(
                f".data has shape {self.shape}, and cannot be replaced by shape {array.shape}"
            )
        if array is self._value and self.node is not None and self.node.extras is not None:
            # `t.data -= step` arrives here, after writing in place.
            self.node.extras.array, self.node.extras.version = array, next(serials)
        self._logits = None
        if array is self._value:
            root_of(self)[0]._logits = None
        self._value = array

    @property
    def grad(self) -> "Tensor | None":
        """The gradient that backward left here; a value, not to be written to."""
        extras = self.node.extras if self.node is not None else None
        return None if extras is None else extras.grad

    @grad.setter
    def grad(self, value: "Tensor | None") -> None:
        if self.node is None:
            raise RuntimeError(
                "a constant has no gradient; make the tensor with requires_grad=True"
            )
        if value is not None:
            if not isinstance(value, Tensor) or value.shape != self.shape:
                raise ValueError(
                    f"the gradient of a tensor of shape {self.shape} is a Tensor of that shape, "
                    f"not {value!r}"
                )
            if value.dtype != self.dtype:  # as after clipping by a factor of another dtype
                value = np.astype(value, self.dtype)
        self.node.ensure_extras().grad = value

    @property
    def requires_grad(self) -> bool:
        """True if the tensor was made with requires_grad, or recorded from one that was."""
        return self.node is not None

    @property
    def is_leaf(self) -> bool:
        """Whether no recorded operation made it."""
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
        """What the op that made this was given: tensors, constants, None where no rule reads it."""
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

    @property
    def shape(self) -> tuple[int, ...]:
        """The length of each axis."""
        return self._value.shape

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return self._value.ndim

    @property
    def size(self) -> int:
        """The number of elements."""
        return self._value.size

    @property
    def dtype(self) -> np.dtype[Any]:
        """The data type of the elements."""
        return self._value.dtype

    @property
    def itemsize(self) -> int:
        """The bytes of one element."""
        return self._value.itemsize

    @property
    def nbytes(self) -> int:
        """The bytes of all elements."""
        return self._value.nbytes

    @property
    def strides(self) -> tuple[int, ...]:
        """The bytes from one element to the next along each axis."""
        return self._value.strides

    @property
    def flags(self) -> Any:
        """The memory layout of the array."""
        return self._value.flags

    @property
    def device(self) -> str:
        """The device of the array: "cpu"."""
        return "cpu"

    def to_device(self, device: str, /, *, stream: Any = None) -> "Tensor":
        """Return the tensor itself, which is on the only device that there is."""
        np.empty(0).to_device(device, stream=stream)  # or NumPy's error
        return self

    def __repr__(self) -> str:
        body = np.array2string(self.data, separator=", ", prefix="Tensor(", threshold=100)
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

    def __deepcopy__(self, memo: dict[int, Any]) -> "Tensor":
        if not self.is_leaf:
            return np.copy(self)  # recorded
        return _rebuild(self.data.copy(), self.requires_grad, self.name)

    def __reduce__(self) -> tuple[Any, ...]:
        if not self.is_leaf:
            raise TypeError(f"only leaf tensors are copied or pickled; detach() {self!r} first")
        return _rebuild, (self.data, self.requires_grad, self.name)

    # Gradients

    def detach(self) -> "Tensor":
        """Return the same value as a constant that shares the array."""
        return share_logits(self, wrap(self._value))

    def backward(
        self, gradient: Any = None, *, retain_graph: bool = False, create_graph: bool = False
    ) -> None:
        """Add the gradient of this tensor to the `.grad` of every leaf under it.

        `gradient` is the gradient arriving here, 1 by default for a single number. The graph is
        freed on the way unless `retain_graph`. With `create_graph` the gradients are recorded, can
        be differentiated again, and keep the graph in memory until `zero_grad()`.
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
        """Have backward leave a `.grad` here too, though this is no leaf."""
        require_node(self, "retain its gradient").ensure_extras().retains = True

    def register_hook(self, hook: Callable[["Tensor"], "Tensor | None"]) -> Callable[[], None]:
        """Call `hook` with the complete gradient; what it returns, if anything, takes its place.

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
        if method == "__call__" and ufunc in RULES:
            if (kwargs or len(args) > ufunc.nin) and ufunc.signature is None:
                if STATE.get().recording and needs_grad((args, kwargs)):
                    return call_with_keywords(ufunc, *args, **kwargs)
            return apply(RULES[ufunc], args, kwargs)
        return dispatch(ufunc if method == "__call__" else getattr(ufunc, method), args, kwargs)

    def __array_function__(self, function: Function, _types: Any, args: Any, kwargs: Any) -> Any:
        result = dispatch(function, args, kwargs)
        return hand_on(result, function, args, kwargs) if function in ACTIVATIONS else result

    __hash__ = object.__hash__

    def __getitem__(self, index: Any) -> "Tensor":
        return apply(RULES[take], (self, unwrap(index)), NO_KEYWORDS)

    def __setitem__(self, index: Any, value: Any) -> None:
        """Write into this tensor and, as in NumPy, into what it is a view of, and its own views."""
        if not is_view_at(self, value, index):  # which `t[index] += 1` has written to already
            assign_(self, assign(self, unwrap(index), value))

    @property
    def flat(self) -> "Tensor":
        """All elements in a row, as a view."""
        if not self.flags.c_contiguous:
            raise TypeError(
                "the elements of this tensor do not lie in a row, so that .flat would be a copy "
                "of it; use np.ravel(tensor) to read them"
            )
        return np.reshape(self, -1)

    def view(self, dtype: Any = None) -> "Tensor":
        """Return a view of the tensor, or of a constant's memory as numbers of another dtype."""
        if dtype is None or dtype == self.dtype:
            return self[...]
        if self.node is not None and STATE.get().recording:
            raise TypeError(
                "a view of a recorded tensor in another dtype has no gradient; use .astype to "
                "convert the numbers, or .data.view for their bits"
            )
        return wrap(self.data.view(dtype))

    @property
    def T(self) -> "Tensor":
        """The transpose: the axes in reverse order."""
        return np.transpose(self)

    @property
    def real(self) -> "Tensor":
        """The real part."""
        return np.real(self)

    @property
    def imag(self) -> "Tensor":
        """The imaginary part."""
        return np.imag(self)

    @property
    def mT(self) -> "Tensor":
        """The transpose of each matrix in the last two axes.

        Shapes: (..., M, N) -> (..., N, M).
        """
        return np.matrix_transpose(self)

    def reshape(self, *shape: Any, order: str = "C") -> "Tensor":
        """Return the same elements in another shape, given as numbers or as one tuple."""
        return np.reshape(self, shape[0] if len(shape) == 1 else shape, order)

    def transpose(self, *axes: Any) -> "Tensor":
        """Return the axes in another order, given as numbers or as one tuple, or reversed."""
        return np.transpose(self, (axes[0] if len(axes) == 1 else axes) or None)

    def flatten(self, order: str = "C") -> "Tensor":
        """Return a copy with a single axis.

        Shapes: any -> (size,).
        """
        return np.copy(np.ravel(self, order))

    def compress(self, condition: Any, axis: int | None = None) -> "Tensor":
        """Return the slices along `axis` for which the condition is true."""
        return np.compress(condition, self, axis)

    def fill(self, value: Any) -> None:
        """Write one value into every element."""
        self[...] = value


TensorBase.tensor = Tensor


def _rebuild(data: np.ndarray, requires_grad: bool, name: str | None) -> Tensor:
    return Tensor(data, requires_grad, name=name)
