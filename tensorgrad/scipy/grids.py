"""Interpolation on grids that can be differentiated, and the splines of SciPy that it is made of."""

import itertools
from typing import Any

import numpy as np
import scipy.interpolate

from tensorgrad.engine.base import needs_grad, unwrap
from tensorgrad.ops.common import as_array, numpys, substituted, values
from tensorgrad.scipy.values import given_tensors, given_traced, refuse_traced, with_rules
from tensorgrad.tensor.tensor import Tensor

DEGREES = {"slinear": 1, "cubic": 3, "quintic": 5}


def _sampled(g, _out, x, spline, nu=0, extrapolate=None):
    """Multiply by the derivative of the spline at each point."""
    slopes = g * sampled(x, spline, nu=nu + 1, extrapolate=extrapolate)
    first = spline.axis
    return np.sum(slopes, axis=(*range(first), *range(first + x.ndim, slopes.ndim)))


@with_rules(_sampled, None)
def sampled(x: Any, spline: Any, nu: int = 0, extrapolate: Any = None) -> Any:
    """Return the derivative of order nu of a spline of arrays, at points."""
    return spline(x, nu, extrapolate)


class SameSpline:
    """A spline of SciPy that equals every other of the same coefficients, as programs ask."""

    def __init__(self, spline: Any) -> None:
        self.call, self.axis = spline, spline.axis
        knots = spline.x if hasattr(spline, "x") else spline.t
        numbers = (np.asarray(knots).tobytes(), np.asarray(spline.c).tobytes())
        self.key = (type(spline), spline.axis, str(spline.extrapolate), *numbers)

    def __call__(self, *args: Any) -> Any:
        return self.call(*args)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SameSpline) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)


def refuse_recorded(name: str, **given: Any) -> None:
    """Raise if an argument without a gradient is a tensor that requires one."""
    for argument, value in given.items():
        if needs_grad(value):
            raise TypeError(
                f"{name} has no gradient with respect to {argument}, but a tensor that requires "
                "one was given there; pass its .data"
            )


class RegularGridInterpolator:
    """Interpolation on a grid, as scipy.interpolate.RegularGridInterpolator.

    It can be differentiated in the values and the points asked for, and if it is linear, in the
    grid's points.
    """

    def __init__(
        self,
        points: Any,
        values: Any,
        method: str = "linear",
        bounds_error: bool = True,
        fill_value: Any = np.nan,
        *,
        solver: Any = None,
        solver_args: Any = None,
    ) -> None:
        refuse_traced(
            "RegularGridInterpolator",
            "because values decide if the grid rises or falls; let only values and points that "
            "are asked for depend on arguments",
            *points,
        )
        self.given = (unwrap(tuple(points)), unwrap(values), method, bounds_error, fill_value)
        self.solver = {"solver": solver, "solver_args": solver_args}
        self.interpolator = None if given_traced(self.given) else self.scipys()
        self.method, self.bounds_error, self.fill_value = method, bounds_error, fill_value
        self.recorded = given_tensors(values, *points)
        # As tensors, because an array that is indexed by points of a program asks for their values.
        self.grid, self.values = [as_constant(p) for p in points], as_constant(values)
        for axis, p in enumerate(self.grid):
            if unwrap(p)[0] > unwrap(p)[-1]:
                self.grid[axis], self.values = p[::-1], np.flip(self.values, axis)

    def scipys(self) -> Any:
        """Return SciPy's interpolator of arrays."""
        return scipy.interpolate.RegularGridInterpolator(*self.given, **self.solver)

    def __call__(self, xi: Any, method: str | None = None, *, nu: Any = None) -> Any:
        """Return the values at points.

        Shapes: xi (..., dimensions of the grid).
        Raises: TypeError if pchip, or a spline in the points of the grid, is to be differentiated.
        """
        method = self.method if method is None else method
        if isinstance(xi, tuple):
            xi = np.stack(np.broadcast_arrays(*map(as_array, xi)), axis=-1)
        if self.interpolator is None or given_traced(xi):
            value = numpys(on_grid, self.solver, xi, method, nu, *self.given)
        else:
            value = numpys(self.interpolator, xi, method, nu=nu)
        if not (self.recorded or given_tensors(xi)):
            return value
        points = np.reshape(xi, (-1, len(self.grid)))
        columns = [points[:, axis] for axis in range(len(self.grid))]
        found = self.expression(method, columns, nu)
        return substituted(np.reshape(self.filled(found, columns), value.shape), value)

    def expression(self, method: str, columns: list[Any], nu: Any) -> Any:
        """Return the values at points, one coordinate in each column."""
        if method == "linear":
            return self.linear(columns)
        if method == "nearest":
            ways = (self.cell(axis, x) for axis, x in enumerate(columns))
            return self.values[tuple(np.where(values(w) <= 0.5, i, i + 1) for i, w in ways)]
        if method not in DEGREES:
            raise TypeError(
                f"RegularGridInterpolator has no gradient with method={method!r}; 'linear', "
                "'nearest', 'slinear', 'cubic' and 'quintic' have"
            )
        refuse_recorded(f"RegularGridInterpolator with method={method!r}", points=self.grid)
        return self.splines(DEGREES[method], columns, nu or [0] * len(columns))

    def cell(self, axis: int, x: Any) -> tuple[np.ndarray, Any]:
        """Return the cell that each point lies in, and how far along it."""
        p = self.grid[axis]
        last = max(p.shape[0] - 2, 0)
        i = np.clip(np.searchsorted(unwrap(p), unwrap(x), "right") - 1, 0, last)
        low, high = p[i], p[np.minimum(i + 1, p.shape[0] - 1)]
        width = high - low
        return i, (x - low) / np.where(np.equal(unwrap(width), 0), 1, width)

    def linear(self, columns: list[Any]) -> Any:
        """Return the sum over the corners of each cell."""
        cells = [self.cell(axis, x) for axis, x in enumerate(columns)]
        total: Any = 0.0
        for corner in itertools.product((0, 1), repeat=len(cells)):
            weight: Any = 1.0
            for (_, way), right in zip(cells, corner):
                weight = weight * (way if right else 1 - way)
            index = tuple(i + right for (i, _), right in zip(cells, corner))
            part = self.values[
                tuple(np.minimum(i, n - 1) for i, n in zip(index, self.values.shape))
            ]
            total = total + part * np.reshape(weight, (-1,) + (1,) * (part.ndim - 1))
        return total

    def splines(self, k: int, columns: list[Any], nu: Any) -> Any:
        """Return the product of splines along each axis."""
        found = self.values
        for axis, x in enumerate(columns):
            p = unwrap(self.grid[axis])
            basis = SameSpline(scipy.interpolate.make_interp_spline(p, np.eye(p.size), k))
            units = sampled(x, basis, nu=int(nu[axis]), extrapolate=None)
            found = (
                np.einsum("ma,ma...->m...", units, found) if axis else np.tensordot(units, found, 1)
            )
        return found

    def filled(self, found: Any, columns: list[Any]) -> Any:
        """Return the values with those outside of the grid replaced."""
        missing = np.zeros(found.shape[0], bool)
        if not self.bounds_error and self.fill_value is not None:
            for p, x in zip(unwrap(self.grid), unwrap(columns)):
                missing |= (x < p[0]) | (x > p[-1])
        return np.where(np.reshape(missing, (-1,) + (1,) * (found.ndim - 1)), 0.0, found)


def as_constant(x: Any) -> Any:
    """Return a tensor unchanged, and anything else as a constant one."""
    return x if isinstance(x, Tensor) else Tensor(x)


def on_grid(solver: dict[str, Any], xi: Any, method: str, nu: Any, *given: Any) -> Any:
    """Return what SciPy interpolates, in one call that a program can repeat."""
    return scipy.interpolate.RegularGridInterpolator(*given, **solver)(xi, method, nu=nu)
