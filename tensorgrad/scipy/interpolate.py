"""Splines and interpolation on grids that can be differentiated: scipy.interpolate for tensors.

A spline is linear in its values: it is the sum of these times the splines of unit values, which
SciPy computes, too.
"""

import functools
import itertools
from typing import Any

import numpy as np
import scipy.interpolate

from tensorgrad.engine.base import needs_grad, unwrap
from tensorgrad.ops.common import as_array, numpys, substituted, values
from tensorgrad.rules import Function
from tensorgrad.scipy.values import given_tensors, with_rules

__all__ = ["CubicSpline", "RegularGridInterpolator", "Spline", "make_interp_spline"]

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


class Spline:
    """A spline of SciPy that takes and returns tensors, if its values or the points are tensors.

    What it has no gradient for, such as `roots`, it hands on to SciPy's, but only if its values are
    not recorded.
    """

    def __init__(self, spline: Any, samples: Any, basis: Function) -> None:
        self.spline = spline  # of arrays
        self.samples = np.moveaxis(samples, spline.axis, 0) if given_tensors(samples) else None
        self.basis = functools.cache(basis)  # the splines of unit values

    def __call__(self, x: Any, nu: int = 0, extrapolate: Any = None) -> Any:
        """Return the spline, or its derivative of order nu, at the points x."""
        value = sampled(x, self.spline, nu=nu, extrapolate=extrapolate)
        if self.samples is None:
            return value
        units = sampled(as_array(x), self.basis(), nu=nu, extrapolate=extrapolate)
        change = np.tensordot(units, self.samples - values(self.samples), 1)  # 0, with a gradient
        n, axis = np.ndim(x), self.spline.axis
        return value + np.moveaxis(change, list(range(n)), list(range(axis, axis + n)))

    def derivative(self, nu: int = 1) -> "Spline":
        """Return the derivative of order nu as a spline."""
        return self.like(self.spline.derivative(nu), lambda: self.basis().derivative(nu))

    def antiderivative(self, nu: int = 1) -> "Spline":
        """Return the integral of order nu as a spline."""
        return self.like(self.spline.antiderivative(nu), lambda: self.basis().antiderivative(nu))

    def integrate(self, a: Any, b: Any, extrapolate: Any = None) -> Any:
        """Return the integral from a to b.

        Raises: TypeError if it is to be differentiated, and the spline is periodic.
        """
        if self.samples is None and not given_tensors(a, b):
            return self.spline.integrate(a, b, extrapolate)
        if "periodic" in (extrapolate, self.spline.extrapolate):
            raise TypeError(
                "the integral of a periodic spline has no gradient; subtract two values of "
                "antiderivative(), within one period"
            )
        integral = self.antiderivative()
        return integral(b, extrapolate=extrapolate) - integral(a, extrapolate=extrapolate)

    def like(self, spline: Any, basis: Function) -> "Spline":
        """Return another spline of the same values."""
        other = Spline(spline, None, basis)
        other.samples = self.samples
        return other

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or "spline" not in self.__dict__:
            raise AttributeError(f"a spline has no attribute {name!r}")
        if needs_grad(self.samples) and name not in ("x", "t", "k", "axis", "extrapolate"):
            raise TypeError(
                f"{name} of a spline whose values require a gradient has none; call the spline, or "
                "take .spline, which is SciPy's, of arrays"
            )
        return getattr(self.spline, name)


class CubicSpline(Spline):
    """The cubic spline through points, as scipy.interpolate.CubicSpline; differentiable in y.

    >>> import tensorgrad as tg
    >>> x, y = np.arange(4.0), np.array([0.0, 1.0, 0.0, 2.0])
    >>> tg.grad(lambda y: CubicSpline(x, y)(1.5))(y).round(4)
    array([-0.0625,  0.5625,  0.5625, -0.0625])
    """

    def __init__(
        self, x: Any, y: Any, axis: int = 0, bc_type: Any = "not-a-knot", extrapolate: Any = None
    ) -> None:
        refuse_recorded("CubicSpline", x=x, bc_type=bc_type)
        make = functools.partial(scipy.interpolate.CubicSpline, unwrap(x), extrapolate=extrapolate)
        spline = make(unwrap(y), axis=axis, bc_type=unwrap(bc_type))
        units = unit_values(np.size(unwrap(x)), bc_type)
        super().__init__(
            spline, y, lambda: make(units, bc_type=without_values(bc_type, len(units)))
        )


def make_interp_spline(
    x: Any,
    y: Any,
    k: int = 3,
    t: Any = None,
    bc_type: Any = None,
    axis: int = 0,
    check_finite: bool = True,
) -> Spline:
    """Make the spline of degree k through points, as scipy.interpolate.make_interp_spline does.

    It can be differentiated in y.
    """
    refuse_recorded("make_interp_spline", x=x, t=t, bc_type=bc_type)
    make = functools.partial(
        scipy.interpolate.make_interp_spline, unwrap(x), k=k, t=unwrap(t), check_finite=check_finite
    )
    spline = make(unwrap(y), bc_type=unwrap(bc_type), axis=axis)
    units = unit_values(np.size(unwrap(x)), bc_type)
    return Spline(spline, y, lambda: make(units, bc_type=without_values(bc_type, len(units))))


def refuse_recorded(name: str, **given: Any) -> None:
    """Raise if an argument without a gradient is a tensor that requires one."""
    for argument, value in given.items():
        if needs_grad(value):
            raise TypeError(
                f"{name} has no gradient with respect to {argument}, but a tensor that requires "
                "one was given there; pass its .data"
            )


def unit_values(n: int, bc_type: Any) -> np.ndarray:
    """Return the unit vectors; of a periodic spline, whose ends are one value, the first twice."""
    units = np.eye(n)
    if isinstance(bc_type, str) and bc_type == "periodic":
        units[-1] = units[0]
    return units


def without_values(bc_type: Any, n: int) -> Any:
    """Return the boundary conditions with derivatives 0, for n splines."""
    if isinstance(bc_type, (tuple, list)):
        if len(bc_type) == 2 and isinstance(bc_type[0], (int, np.integer)):
            return (bc_type[0], np.zeros(n))
        return type(bc_type)(without_values(part, n) for part in bc_type)
    return bc_type


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
        self.interpolator = scipy.interpolate.RegularGridInterpolator(
            unwrap(tuple(points)), unwrap(values), method, bounds_error, fill_value, solver=solver,
            solver_args=solver_args,
        )  # fmt: skip
        self.method, self.bounds_error, self.fill_value = method, bounds_error, fill_value
        self.grid, self.values = [as_array(p) for p in points], as_array(values)
        for axis, p in enumerate(self.grid):
            if unwrap(p)[0] > unwrap(p)[-1]:
                self.grid[axis], self.values = p[::-1], np.flip(self.values, axis)

    def __call__(self, xi: Any, method: str | None = None, *, nu: Any = None) -> Any:
        """Return the values at points.

        Shapes: xi (..., dimensions of the grid).
        Raises: TypeError if pchip, or a spline in the points of the grid, is to be differentiated.
        """
        method = self.method if method is None else method
        if isinstance(xi, tuple):
            xi = np.stack(np.broadcast_arrays(*map(as_array, xi)), axis=-1)
        if not given_tensors(xi, self.values, *self.grid):
            return self.interpolator(xi, method, nu=nu)
        value = numpys(self.interpolator, xi, method, nu=nu)
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
            basis = scipy.interpolate.make_interp_spline(p, np.eye(p.size), k)
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
