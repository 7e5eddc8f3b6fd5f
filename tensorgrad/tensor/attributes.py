"""The attributes of a tensor that it has from its array, and other shapes of it."""

from inspect import isclass
from typing import Any, Self

import numpy as np

from tensorgrad.engine.node import NAMES
from tensorgrad.engine.record import constant_tensor
from tensorgrad.engine.state import NO_KEYWORDS, STATE
from tensorgrad.tensor.interop import Interop
from tensorgrad.tensor.words import Elements


def view_as(x: Any, dtype: Any) -> np.ndarray:
    """Return a view of an array's memory as numbers of another dtype."""
    return np.asarray(x).view(dtype)


class Attributes(Interop):
    """The attributes of an ndarray, and its methods that are not from a table."""

    __slots__ = ()

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
        return Elements(self._value.size)

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

    def to_device(self, device: str, /, *, stream: Any = None) -> Self:
        """Return the tensor itself, which is on the only device that there is."""
        np.empty(0).to_device(device, stream=stream)  # or NumPy's error
        return self

    @property
    def flat(self) -> Self:
        """All elements in a row, as a view.

        Raises: TypeError if they do not lie in a row in memory.
        """
        if not self.flags.c_contiguous:
            raise TypeError(
                "the elements of this tensor do not lie in a row, so that .flat would be a copy "
                "of it; use np.ravel(tensor) to read them"
            )
        return np.reshape(self, -1)

    @flat.setter
    def flat(self, values: Any) -> None:
        tensor: Any = self
        tensor[...] = np.reshape(np.resize(values, self._value.size), self.shape)

    def view(self, dtype: Any = None, type: Any = None) -> Any:
        """Return a view of the tensor, or of a constant's memory as numbers of another dtype.

        With a `type`, that of a class of arrays, it is an array of this class.
        Raises: TypeError for another dtype of a recorded tensor, which would have no gradient.
        """
        if type is not None or (isclass(dtype) and issubclass(dtype, np.ndarray)):
            given = {"dtype": dtype, "type": type}
            return self.__array__().view(**{k: v for k, v in given.items() if v is not None})
        if dtype is None or dtype == self.dtype:
            return np.reshape(self, self.shape)
        if self.node is not None and STATE.get().recording:
            raise TypeError(
                "a view of a recorded tensor in another dtype has no gradient; use .astype to "
                "convert the numbers, or .data.view for their bits"
            )
        return constant_tensor(view_as, (self, dtype), NO_KEYWORDS)

    def _description(self) -> str:
        """Return what messages call the tensor."""
        node = self.node or getattr(self, "_frozen", None)
        kind = "constant" if node is None else f"result of {node.op.name}" if node.op else "leaf"
        name = NAMES.get(node or self._value)
        return f"{kind} {name!r}" if name else kind

    @property
    def T(self) -> Self:
        """The transpose: the axes in reverse order."""
        return np.transpose(self)

    @property
    def real(self) -> Self:
        """The real part."""
        return np.real(self)

    @property
    def imag(self) -> Self:
        """The imaginary part."""
        return np.imag(self)

    @property
    def mT(self) -> Self:
        """The transpose of each matrix in the last two axes.

        Shapes: (..., M, N) -> (..., N, M).
        """
        return np.matrix_transpose(self)

    def astype(
        self,
        dtype: Any,
        order: str = "K",
        casting: Any = "unsafe",
        subok: bool = True,
        copy: bool = True,
    ) -> Any:
        """Return a copy with the elements in another dtype: an ndarray if it holds integers.

        Raises: TypeError if `casting` does not allow it.
        """
        if not np.can_cast(self.dtype, dtype, casting):
            raise TypeError(
                f"cannot cast a tensor from {self.dtype!r} to {np.dtype(dtype)!r} by the rule "
                f"{casting!r}; casting='unsafe' does"
            )
        found = np.astype(self, dtype)
        return np.copy(found, order) if order in ("C", "F") else found

    def reshape(self, *shape: Any, order: Any = "C", copy: bool | None = None) -> Self:
        """Return the same elements in another shape, given as numbers or as one tuple."""
        keywords = {} if copy is None else {"copy": copy}
        return np.reshape(self, shape[0] if len(shape) == 1 else shape, order, **keywords)

    def transpose(self, *axes: Any) -> Self:
        """Return the axes in another order, given as numbers or as one tuple, or reversed."""
        return np.transpose(self, axes[0] if len(axes) == 1 else axes or None)

    def flatten(self, order: str = "C") -> Self:
        """Return a copy with a single axis.

        Shapes: any -> (size,).
        """
        return np.copy(np.ravel(self, order))

    def compress(self, condition: Any, axis: int | None = None) -> Self:
        """Return the slices along `axis` for which the condition is true."""
        return np.compress(condition, self, axis)


def cannot_be_set(name: str, remedy: str) -> Any:
    """Return the setter of an attribute that a tensor has from its array."""

    def setter(self: Any, value: Any) -> None:
        raise AttributeError(f"the {name} of a tensor cannot be set; write {remedy}")

    return setter


for _name, _remedy in {
    "shape": "x = x.reshape(shape)",
    "dtype": "x = x.astype(dtype)",
    "T": "x[...] = value.T",
    "real": "x = value + 1j * x.imag",
    "imag": "x = x.real + 1j * value",
}.items():
    setattr(Attributes, _name, getattr(Attributes, _name).setter(cannot_be_set(_name, _remedy)))
