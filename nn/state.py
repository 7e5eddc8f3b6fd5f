"""Arrays that take the place of others, in the state of a module."""

import operator
from collections import deque
from collections.abc import Iterable, Mapping
from contextvars import copy_context
from itertools import starmap
from typing import Any, NamedTuple

import numpy as np

import tensorgrad as tg
from nn.config import check_unmasked


def loadable(value: Any, name: str) -> np.ndarray:
    """Convert what is to be loaded to an array.

    Raises: TypeError for a masked array.
    """
    check_unmasked(value, name)
    return np.asarray(value)


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


def set_all(places: Iterable[tuple[Any, Any, Any]]) -> None:
    """Set all items of the triples (holder, key, value), such as (array, ..., numbers).

    It is one call in C, so that no signal comes between two of them.
    """
    deque(starmap(operator.setitem, list(places)), maxlen=0)


def cast_or_none(array: np.ndarray, dtype: np.dtype[Any]) -> np.ndarray | None:
    """Convert a copy of an array to a dtype, or return None if the dtype cannot hold a value.

    Rounding is no loss. No warning is raised, whatever NumPy is set to.
    """
    # In a copy of the context, because a signal can end a `with` before its `__exit__`.
    new = copy_context().run(_cast, array, dtype)
    if dtype.kind in "fc":
        return new if np.array_equal(np.isfinite(new), np.isfinite(array)) else None
    return new if np.array_equal(new, array) else None


def _cast(array: np.ndarray, dtype: np.dtype[Any]) -> np.ndarray:
    with np.errstate(all="ignore"):
        return np.array(array, dtype)


class Leftovers(NamedTuple):
    """The leftovers of loading: names that the arrays lack, or have besides, or that do not fit.

    `mismatched` has the reason for each name.
    """

    missing: list[str]
    unexpected: list[str]
    mismatched: dict[str, str]

    def __str__(self) -> str:
        lines = [f"{name} is missing" for name in self.missing]
        lines += [f"{name} is neither a parameter nor a buffer here" for name in self.unexpected]
        lines += [f"{name} has {reason}" for name, reason in self.mismatched.items()]
        return "; ".join(sorted(lines))


def cast_all(
    arrays: Mapping[str, np.ndarray], needed: Mapping[str, np.ndarray]
) -> tuple[dict[str, np.ndarray], Leftovers]:
    """Convert the arrays that can take the places of others of the same names; list the rest."""
    left = Leftovers(
        [name for name in needed if name not in arrays],
        [name for name in arrays if name not in needed],
        {},
    )
    new: dict[str, np.ndarray] = {}
    for name in (name for name in needed if name in arrays):
        array, old = arrays[name], needed[name]
        reasons = misfits(array, old)
        fit = None if reasons else cast_or_none(array, old.dtype)
        if fit is not None:
            new[name] = fit
        elif reasons:
            left.mismatched[name] = reasons[0]
        else:
            left.mismatched[name] = f"values beyond {old.dtype}, up to {abs(array).max():g}"
    return new, left
