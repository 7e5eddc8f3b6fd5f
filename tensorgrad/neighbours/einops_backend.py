"""The backend of einops for tensors."""

from types import ModuleType
from typing import Any

import numpy as np

from tensorgrad.tensor.tensor import Tensor


class Backend:
    """The functions of a backend of einops, for tensors."""

    framework_name = "tensorgrad"

    def is_appropriate_type(self, tensor: Any) -> bool:
        return isinstance(tensor, Tensor)

    def from_numpy(self, x: np.ndarray) -> Tensor:
        return Tensor(x, requires_grad=x.dtype.kind in "fc")

    def to_numpy(self, x: Tensor) -> np.ndarray:
        return x.numpy()  # or an error, where a gradient would be lost

    def arange(self, start: int, stop: int) -> Tensor:
        return Tensor(np.arange(start, stop))

    def stack_on_zeroth_dimension(self, tensors: list[Any]) -> Any:
        return np.stack(tensors)

    def add_axis(self, x: Tensor, new_position: int) -> Any:
        return np.expand_dims(x, new_position)

    def tile(self, x: Tensor, repeats: tuple[int, ...]) -> Any:
        return np.tile(x, repeats)

    def concat(self, tensors: list[Any], axis: int) -> Any:
        return np.concatenate(tensors, axis=axis)

    def is_float_type(self, x: Tensor) -> bool:
        return x.dtype.kind in "fc"

    def einsum(self, pattern: str, *x: Any) -> Any:
        return np.einsum(pattern, *x)


def add_backend(backends: ModuleType) -> None:
    """Give einops the backend, which it finds among the subclasses of its own class."""
    # Kept there, because a class knows its subclasses weakly.
    backends.TensorgradBackend = type("TensorgradBackend", (Backend, backends.AbstractBackend), {})  # type: ignore[attr-defined]
