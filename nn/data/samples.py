"""Samples: data as arrays of finite numbers, in the dtype of the parameters."""

import contextlib
from contextvars import copy_context
from typing import Any

import numpy as np

import tensorgrad as tg
from nn.config import check_unmasked, names_remedy

OTHER_DATA = "give all samples the same shape and convert their values to numbers"
MISSING_VALUES = "values are missing; fill them, or remove those samples"
DATA_REMEDIES = {  # by the kind of a dtype
    "c": "write np.stack([{0}.real, {0}.imag], axis=-1) for two real numbers in place of each",
    "M": "write ({0} - {0}.min()) / np.timedelta64(1, 's') for the seconds since the first time",
    "m": "write {0} / np.timedelta64(1, 's') for seconds",
    "U": "write {0}.astype(float) if the texts are numbers",
}


def samples(data: Any, name: str, dtype: np.dtype[Any]) -> np.ndarray:
    """Convert data to an array of finite numbers, one sample per row.

    Floats are converted to the dtype, unless `Batches` converts them.
    Shapes: -> (N, ...).
    Raises: TypeError if these are not real numbers; ValueError if there are none, or one is NaN,
    infinite or beyond the dtype. Both messages begin with `name`.
    """
    check_unmasked(data, name)
    try:
        array = data.data if isinstance(data, tg.Tensor) else np.asarray(data)
    except ValueError as error:
        raise ValueError(f"{name} is not one array of numbers: {error}{list_hint(data)}") from error
    if array.dtype.kind == "O":  # as of a table with columns of several dtypes
        with contextlib.suppress(TypeError, ValueError):
            array = np.asarray(array.tolist())
    if array.dtype.kind not in "biuf":
        raise TypeError(
            f"{name} must be an array of real numbers, but it is {type(data).__name__} of dtype "
            f"{array.dtype}; {_remedy(data, array, name)}"
        )
    if array.ndim == 0 or not array.size:
        raise ValueError(
            f"{name} has shape {array.shape}, which holds no samples; give an array of shape "
            "(N, ...) with N above 0"
        )
    if array.dtype.kind == "f":
        copy_context().run(_check_values, array, name, dtype)  # whose `with` a signal can end
        if not by_batch(array, dtype):
            return array.astype(dtype, copy=False)
    return array


def inputs(data: Any, name: str, dtype: np.dtype[Any]) -> np.ndarray:
    """Check samples, and convert them to the dtype unless `converted` does so by batch.

    Shapes: -> (N, ...).
    Raises: TypeError or ValueError, with `name`, if they are unusable.
    """
    array = samples(data, name, dtype)
    return array if by_batch(array, dtype) else converted(array, dtype)


def converted(array: np.ndarray, dtype: np.dtype[Any]) -> np.ndarray:
    """Convert an array to the dtype, unless it holds integers that may be indices."""
    return array if may_be_indices(array.dtype) else array.astype(dtype, copy=False)


def by_batch(array: np.ndarray, dtype: np.dtype[Any]) -> bool:
    """Return True if an array is converted by batch, because all at once would need more memory."""
    return array.dtype.itemsize < dtype.itemsize or _is_mapped(array)


def _remedy(data: Any, array: np.ndarray, name: str) -> str:
    """Return what to write in place of data that are not numbers."""
    if hasattr(data, "toarray"):
        return f"write {name}.toarray() for a sparse matrix"
    if hasattr(data, "columns") and hasattr(data, "dtypes"):
        kinds = zip(data.columns, data.dtypes, strict=True)
        texts = [column for column, dtype in kinds if getattr(dtype, "kind", "O") not in "biuf"]
        return f"its columns {texts} hold no numbers" if texts else MISSING_VALUES
    if hasattr(data, "__next__"):
        return f"write np.array(list({name})) for what an iterator yields"
    remedy = DATA_REMEDIES.get(array.dtype.kind, OTHER_DATA).format(name)
    return names_remedy(array, name) or remedy


def list_hint(data: Any) -> str:
    """Return a hint for several arrays in place of one."""
    if not isinstance(data, list) or not all(isinstance(x, np.ndarray) for x in data):
        return ""
    return (
        f"; it is a list of {len(data)} arrays, and each of them counts as a sample: several "
        "inputs of a module are given as a tuple"
    )


def _is_mapped(array: np.ndarray) -> bool:
    """Return True if an array lies in a file that is mapped to memory."""
    owner: Any = array
    while isinstance(owner, np.ndarray):
        if isinstance(owner, np.memmap):
            return True
        owner = owner.base
    return False


def _check_values(array: np.ndarray, name: str, dtype: np.dtype[Any]) -> None:
    """Raise ValueError if a number is NaN, infinite or beyond the dtype."""
    # If the sum is finite, so are the numbers, and a sum needs no memory. A sum that is not finite
    # may only have overflowed, so the numbers are tested.
    with np.errstate(over="ignore", invalid="ignore"):
        if not np.isfinite(array.sum()) and not np.isfinite(array).all():
            bad = ~np.isfinite(array)
            first = tuple(map(int, np.argwhere(bad)[0]))
            raise ValueError(
                f"{name} holds {bad.sum()} values that are NaN or infinite, the first at {first}; "
                "remove those samples or replace the values"
            )
        low, high = array.min(), array.max()
        if not np.isfinite(np.array([low, high]).astype(dtype)).all():
            raise ValueError(
                f"{name} goes from {low:g} to {high:g}, which {dtype} cannot hold; scale it"
            )


def may_be_indices(dtype: np.dtype[Any]) -> bool:
    """Return True for integers of at least 32 bits.

    Smaller ones are the bytes of pictures, which overflow silently in a module's `x - 128`.
    """
    return dtype.kind in "iu" and dtype.itemsize >= 4
