"""Conversions of a tensor by other code: to an array, a number, or shared memory."""

import operator
import sys
from typing import Any

import numpy as np

from tensorgrad.engine.base import TensorBase
from tensorgrad.engine.state import STATE
from tensorgrad.operands import as_ndarray, is_foreign, plain_array

REMEDIES = {  # the part of a library that converts a tensor, and what to write there
    f"scipy.{name}": f"tensorgrad.scipy.{name} has the functions that take tensors; "
    for name in (
        "fft",
        "integrate",
        "interpolate",
        "linalg",
        "optimize",
        "signal",
        "special",
        "stats",
    )
} | {
    "scipy.sparse": "for A @ t with a sparse A, write tensorgrad.scipy.sparse.matmul(A, t), or "
    "t @ A for the product from the left; ",
    "xarray": "in xarray, write array.tg.interp for array.interp, and xr.apply_ufunc with a NumPy "
    "function for others; ",
}


def calling_library() -> str | None:
    """Return the library of REMEDIES whose code is running, found among the callers."""
    frame: Any = sys._getframe(2)
    for _ in range(8):
        if frame is None:
            break
        parts = frame.f_globals.get("__name__", "").split(".")
        for name in (parts[0], ".".join(parts[:2])):
            if name in REMEDIES:
                return name
        frame = frame.f_back
    return None


class Interop(TensorBase):
    """The conversions of Tensor; they raise where a gradient would be lost."""

    __slots__ = ()
    __pandas_priority__ = 5000  # above a DataFrame's: pandas leaves `series * tensor` to Tensor

    def numpy(self) -> np.ndarray:
        """Return the array itself, or that of another library's array brought to NumPy.

        A tensor that is part of a graph needs `.detach()` first.
        """
        return as_ndarray(self._value) if self.node is None else self.__array__()

    def item(self, *index: Any) -> Any:
        """Return the only number, or the one at an index, as Python's own type."""
        return self._here().item(*index)

    def tobytes(self, order: Any = "C") -> bytes:
        """Return the bytes of the numbers."""
        return self._here().tobytes(order)

    def __bytes__(self) -> bytes:
        return bytes(np.asarray(self._here()))  # not one byte for each number, as of a sequence

    def tolist(self) -> Any:
        """Return the elements as nested lists of Python numbers."""
        return self._here().tolist()

    def _here(self) -> Any:
        """Return the value as NumPy's."""
        return as_ndarray(self._value) if is_foreign(type(self._value)) else self._value

    def _numbers(self) -> str:
        """Return the numbers as text, or what another library says of its array."""
        if not isinstance(self._value, (np.ndarray, np.generic)):
            return repr(self._value)
        array = np.asarray(self._value)
        return np.array2string(array, separator=", ", prefix="Tensor(", threshold=100)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if self.node is not None and STATE.get().recording:
            remedy = REMEDIES.get(calling_library() or "", "")
            raise TypeError(
                "making an ndarray of a tensor that requires a gradient would lose the gradient; "
                f"{remedy}use .detach() or .data to do so on purpose, np.stack for a list of "
                "tensors, and for ndarray[i] = tensor np.zeros_like(tensor) in the ndarray's place"
            )
        return np.array(self._value, dtype, copy=copy)

    def _number(self) -> Any:
        """Return the value for Python's own types, as `math.sin(t)` asks for it."""
        if self.node is not None and STATE.get().recording:
            raise TypeError(
                "making a plain number of a tensor that requires a gradient would lose the "
                "gradient; use .item() to do so on purpose, np.f(tensor) for math.f(tensor), and "
                "for ndarray[i] = tensor np.stack of a list, or np.zeros_like(tensor) in the "
                "ndarray's place"
            )
        return self._value

    def __dlpack__(
        self,
        *,
        stream: Any = None,
        max_version: Any = None,
        dl_device: Any = None,
        copy: Any = None,
    ) -> Any:
        array = self.__array__()
        if any(step < 0 for step in array.strides):  # which PyTorch does not survive
            array = array.copy()
        return array.__dlpack__(
            stream=stream, max_version=max_version, dl_device=dl_device, copy=copy
        )

    def __dlpack_device__(self) -> tuple[int, int]:
        return np.empty(0).__dlpack_device__()  # the CPU

    def __len__(self) -> int:
        return len(plain_array(self._value))

    def __bool__(self) -> bool:
        return bool(self._value)

    def __float__(self) -> float:
        return float(self._number())

    def __int__(self) -> int:
        return int(self._value)

    def __index__(self) -> int:
        return operator.index(self._value)

    def __complex__(self) -> complex:
        return complex(self._number())

    def __round__(self, ndigits: int | None = None) -> Any:
        return round(self._value, ndigits)

    def __array_namespace__(self, *, api_version: str | None = None) -> Any:
        return np

    def __format__(self, spec: str) -> str:
        return format(self._value, spec) if self._value.ndim == 0 else object.__format__(self, spec)
