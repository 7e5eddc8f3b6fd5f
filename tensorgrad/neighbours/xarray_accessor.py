"""The accessor of xarray's objects: `array.tg.interp`, which keeps the gradient.

`DataArray.interp` converts its values to an ndarray inside SciPy, which asks nobody, so that it
refuses recorded tensors. Here xarray computes the values, and how they depend on the samples: it
interpolates the positions of the samples, or the rows of a unit matrix.
"""

from collections.abc import Hashable, Mapping
from types import ModuleType
from typing import Any

import numpy as np

from tensorgrad.engine.base import needs_grad, unwrap
from tensorgrad.ops.common import substituted

BY_LINES, BY_STEPS = ("linear", "slinear"), ("nearest", "zero")
BY_SPLINES = ("quadratic", "cubic", "quintic", "polynomial", "barycentric", "krogh")
UNIT = "unit of the samples"
CLOSE = 1e-5  # SciPy solves for splines of several dimensions by iteration


class Interpolation:
    """An interpolation of a DataArray along one dimension or several, as xarray makes it."""

    def __init__(
        self, xr: ModuleType, targets: Mapping[Any, Any], method: str, options: Mapping[str, Any]
    ) -> None:
        if method not in (*BY_LINES, *BY_STEPS, *BY_SPLINES):
            raise TypeError(
                f"interp has no gradient with method={method!r}, which is not linear in the "
                f"values; use one of {', '.join((*BY_LINES, *BY_STEPS, *BY_SPLINES))}"
            )
        self.xr, self.targets, self.method = xr, targets, method
        # Outside of the samples the value is constant, unless it is extrapolated.
        outside = options.get("fill_value", np.nan)
        fill = "extrapolate" if outside is None or isinstance(outside, str) else np.nan
        self.options = dict(options) | (
            {} if method in ("barycentric", "krogh") else {"fill_value": fill}
        )

    def apply(self, array: Any) -> Any:
        """Return the interpolated array; its labels do not count."""
        for dim, target in self.targets.items():
            array = self.along(array, dim, target)
        return array

    def along(self, array: Any, dim: Hashable, target: Any) -> Any:
        """Return the array interpolated along one dimension."""
        n, splines = array.sizes[dim], self.method in BY_SPLINES
        way = self.xr.DataArray(
            np.eye(n) if splines else np.arange(n, dtype=float),
            dims=(dim, UNIT) if splines else (dim,),
            coords={dim: array[dim].variable},
        ).interp({dim: target}, method=self.method, kwargs=self.options)
        new = [d for d in way.dims if d != UNIT and (d == dim or d not in array.dims)]
        return self.xr.apply_ufunc(
            weighted if splines else stepped if self.method in BY_STEPS else on_lines,
            array,
            way.drop_vars(list(way.coords)),
            input_core_dims=[[dim], [*new, UNIT] if splines else new],
            output_core_dims=[new],
            exclude_dims={dim},
            kwargs={"new": len(new)},
        )


def flattened(
    way: np.ndarray, new: int, ndim: int, rest: int
) -> tuple[np.ndarray, tuple[int, ...]]:
    """Return an array with its new axes as one, of at least `ndim` axes, and their shape.

    Shapes: way (L..., M..., and `rest` more) -> (1..., L..., product of M, and `rest` more).
    """
    loops = way.ndim - new - rest
    shape = way.shape[loops : loops + new]
    ones = (1,) * (ndim - loops - 1 - rest)
    return way.reshape(*ones, *way.shape[:loops], -1, *way.shape[loops + new :]), shape


def weighted(samples: Any, way: np.ndarray, new: int) -> Any:
    """Return sums of the samples.

    Shapes: samples (L..., N), way (L..., M..., N) -> (L..., M...).
    """
    weights, shape = flattened(way, new, samples.ndim + 1, 1)
    weights = np.where(np.isnan(weights), 0, weights)
    found = np.squeeze(np.matmul(weights, samples[..., None]), -1)
    return np.reshape(found, found.shape[:-1] + shape)


def stepped(samples: Any, way: np.ndarray, new: int) -> Any:
    """Return the samples at positions."""
    positions, shape = flattened(way, new, samples.ndim, 0)
    known = np.isfinite(positions)
    index = np.where(known, positions, 0).astype(int)
    found = np.where(known, np.take_along_axis(samples, index, -1), 0)
    return np.reshape(found, found.shape[:-1] + shape)


def on_lines(samples: Any, way: np.ndarray, new: int) -> Any:
    """Return what lies on the lines between samples, at positions."""
    n = samples.shape[-1]
    positions = np.where(np.isfinite(way), way, 0)
    low = np.clip(np.floor(positions), 0, max(n - 2, 0))
    part, _ = flattened(np.where(np.isfinite(way), way - low, np.nan), new, samples.ndim, 0)
    left = stepped(samples, low, new)
    right = stepped(samples, np.minimum(low + 1, n - 1), new)
    rise = np.reshape(part, part.shape[:-1] + left.shape[left.ndim - new :])
    found = left + np.where(np.isnan(rise), 0, rise) * (right - left)
    return np.where(np.isnan(rise), 0, found)


def differentiable(xr: ModuleType, array: Any, value: Any, targets: Any, options: Any) -> Any:
    """Return `value`, xarray's interpolation of an array, with the gradient in its samples.

    Raises: TypeError if it would be the gradient of another interpolation.
    """
    method, kwargs = options
    found = Interpolation(xr, targets, method, kwargs).apply(array).transpose(*value.dims).data
    ours, theirs = unwrap(found), value.data
    both = np.isfinite(ours) & np.isfinite(theirs)
    scale = np.max(np.abs(theirs), where=both, initial=0.0)
    outside = np.isfinite(theirs) & np.equal(ours, 0)  # where the value is constant
    if not (np.abs(ours - theirs) <= CLOSE * scale)[both & ~outside].all():
        raise TypeError(
            f"interp with method={method!r} and kwargs={kwargs!r} has no gradient here, because "
            "its values are not the sums of samples that are known of this method; pass .data"
        )
    return value.copy(data=substituted(found, theirs))


def accessors(xr: ModuleType) -> tuple[type, type]:
    """Return the accessors of DataArray and of Dataset."""

    class OfDataArray:
        """Methods that keep the gradient of a DataArray where xarray's own method refuses."""

        def __init__(self, array: Any) -> None:
            self.array = array

        def interp(
            self,
            coords: Mapping[Any, Any] | None = None,
            method: str = "linear",
            assume_sorted: bool = False,
            kwargs: Mapping[str, Any] | None = None,
            **coords_kwargs: Any,
        ) -> Any:
            """Interpolate onto new coordinates, as DataArray.interp does.

            Raises: TypeError if a gradient is wanted and the method is not linear in the values.
            """
            targets, array = dict(coords or {}) | coords_kwargs, self.array
            constant = array.copy(data=unwrap(array.data))
            value = constant.interp(targets, method, assume_sorted, kwargs)
            if not needs_grad(array.data):
                return value
            array = array if assume_sorted else array.sortby(list(targets))
            return differentiable(xr, array, value, targets, (method, dict(kwargs or {})))

    class OfDataset:
        """Methods that keep the gradients of a Dataset where xarray's own method refuses."""

        def __init__(self, dataset: Any) -> None:
            self.dataset = dataset

        def interp(
            self,
            coords: Mapping[Any, Any] | None = None,
            method: str = "linear",
            assume_sorted: bool = False,
            kwargs: Mapping[str, Any] | None = None,
            method_non_numeric: str = "nearest",
            **coords_kwargs: Any,
        ) -> Any:
            """Interpolate onto new coordinates, as Dataset.interp does.

            Raises: TypeError if a gradient is wanted and the method is not linear in the values.
            """
            targets, dataset = dict(coords or {}) | coords_kwargs, self.dataset
            constant = {
                name: array.copy(data=unwrap(array.data))
                for name, array in dataset.data_vars.items()
            }
            found = dataset.assign(constant).interp(
                targets, method, assume_sorted, kwargs, method_non_numeric
            )
            recorded = {n: a for n, a in dataset.data_vars.items() if needs_grad(a.data)}
            for name, array in recorded.items():
                here = {dim: target for dim, target in targets.items() if dim in array.dims}
                new = array.tg.interp(here, method, assume_sorted, kwargs) if here else array
                data = new.transpose(*found[name].dims).data
                found[name] = found[name].copy(data=data)
            return found

    return OfDataArray, OfDataset


def add_accessors(xr: ModuleType) -> None:
    """Give xarray the accessors."""
    array, dataset = accessors(xr)
    xr.register_dataarray_accessor("tg")(array)
    xr.register_dataset_accessor("tg")(dataset)
