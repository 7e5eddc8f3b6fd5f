"""Arrays that take the place of others, in the state of a module."""

import warnings
from collections.abc import Mapping
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
    other = hasattr(value, "__array_function__") and not isinstance(value, (np.ndarray, tg.Tensor))
    array = value if other else tg.Tensor(value).data  # other arrays stay what they are
    for problem in misfits(array, old):
        raise ValueError(
            f"the buffer {name} was assigned an array of {problem}; assign one that fits, or make "
            "the buffer anew with self.buffer(name, array)"
        )
    return array.astype(old.dtype) if other else np.array(array, old.dtype)


def cast_or_none(array: np.ndarray, dtype: np.dtype[Any]) -> np.ndarray | None:
    """Convert a copy of an array to a dtype, or return None if the dtype cannot hold a value.

    Rounding is no loss. No warning is raised, whatever NumPy is set to.
    """
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        new = np.array(array, dtype)
    if dtype.kind in "fc":
        return new if np.array_equal(np.isfinite(new), np.isfinite(array)) else None
    return new if np.array_equal(new, array) else None


def cast_all(
    arrays: Mapping[str, np.ndarray], needed: Mapping[str, np.ndarray], owner: str
) -> dict[str, np.ndarray]:
    """Convert arrays to those that can take the places of others of the same names.

    Raises: ValueError that lists all that do not fit, or are missing or not needed.
    """
    problems = [f"{name} is missing" for name in needed if name not in arrays]
    problems += [
        f"{name} is neither a parameter nor a buffer here" for name in arrays if name not in needed
    ]
    new: dict[str, np.ndarray] = {}
    for name in needed.keys() & arrays.keys():
        array, old = arrays[name], needed[name]
        reasons = misfits(array, old)
        problems += [f"{name} has {reason}" for reason in reasons]
        if reasons:
            continue
        fit = cast_or_none(array, old.dtype)
        if fit is None:
            problems.append(f"{name} has values beyond {old.dtype}, up to {abs(array).max():g}")
        else:
            new[name] = fit
    if problems:
        raise ValueError(
            f"these arrays do not fit {owner}, and nothing was loaded: "
            + "; ".join(sorted(problems))
        )
    return new
