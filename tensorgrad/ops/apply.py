"""Functions of the user, applied along axes."""

import numpy as np

from tensorgrad.ops.common import as_array, axis_index
from tensorgrad.rules import composite


@composite(np.apply_along_axis)
def _apply_along_axis(func1d, axis, arr, *args, **kwargs):
    arr = as_array(arr)
    axis = axis_index(axis, arr.ndim)
    rows = np.moveaxis(arr, axis, -1)
    lead = rows.shape[:-1]
    results = [func1d(rows[i], *args, **kwargs) for i in np.ndindex(lead)]
    out = np.reshape(np.stack(results), lead + np.shape(results[0]))
    inner = range(len(lead), out.ndim)
    return np.moveaxis(out, list(inner), [axis + k for k, _ in enumerate(inner)])


@composite(np.apply_over_axes)
def _apply_over_axes(func, a, axes):
    for axis in np.atleast_1d(axes).tolist():
        result = func(a, axis)
        result = result if result.ndim == a.ndim else np.expand_dims(result, axis)
        if result.ndim != a.ndim:
            raise ValueError(
                f"apply_over_axes needs a function that keeps the axes or removes one, but it made "
                f"{np.ndim(result) - 1} of {np.ndim(a)}"
            )
        a = result
    return a
