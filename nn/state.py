"""Arrays that take the place of others, in the state of a module."""

from typing import Any

import numpy as np

import tensorgrad as tg


def misfits(array: np.ndarray, needed: np.ndarray) -> list[str]:
    """List the reason why an array cannot take the place of another; none if it can."""
    if array.shape != needed.shape:
        return [f"shape {array.shape}, but {needed.shape} is needed"]
    if not np.can_cast(array.dtype, needed.dtype, "same_kind"):
        return [f"dtype {array.dtype}, but {needed.dtype} is needed"]
    return []


def fitted(value: Any, old: np.ndarray, name: str) -> np.ndarray:
    """Return a copy of a buffer's new value, in the dtype of the old one.

    Raises: TypeError if it does not hold numbers; ValueError if it has another shape or kind.
    """
    if value is old:  # as after `self.mean *= 0.9`
        return old
    array = tg.Tensor(value).data
    for problem in misfits(array, old):
        raise ValueError(
            f"the buffer {name} was assigned an array of {problem}; assign one that fits, or make "
            "the buffer anew with self.buffer(name, array)"
        )
    return np.array(array, old.dtype)
