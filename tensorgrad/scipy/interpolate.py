"""Splines and interpolation on grids that can be differentiated: scipy.interpolate for tensors.

A spline is linear in its values: it is the sum of these times the splines of unit values, which
SciPy computes, too.
"""

import functools
from typing import Any

import numpy as np
import scipy.interpolate

from tensorgrad.engine.base import needs_grad, unwrap
from tensorgrad.ops.common import as_array, values
from tensorgrad.rules import Function
from tensorgrad.scipy.grids import RegularGridInterpolator, SameSpline, refuse_recorded, sampled
from tensorgrad.scipy.values import given_tensors, refuse_traced

__all__ = ["CubicSpline", "RegularGridInterpolator", "Spline", "make_interp_spline"]


def __getattr__(name: str) -> Any:
    """Return SciPy's own function of a name that is not here; it takes arrays."""
    return getattr(scipy.interpolate, name)


MADE_OUTSIDE = (
    "because SciPy makes the spline of arrays; make it outside of the compiled function, which may "
    "call it, or use np.interp"
)


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
        value = sampled(x, SameSpline(self.spline), nu=nu, extrapolate=extrapolate)
        if self.samples is None:
            return value
        units = sampled(as_array(x), SameSpline(self.basis()), nu=nu, extrapolate=extrapolate)
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
        refuse_traced("CubicSpline", MADE_OUTSIDE, x, y, bc_type)
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
    refuse_traced("make_interp_spline", MADE_OUTSIDE, x, y, t, bc_type)
    make = functools.partial(
        scipy.interpolate.make_interp_spline, unwrap(x), k=k, t=unwrap(t), check_finite=check_finite
    )
    spline = make(unwrap(y), bc_type=unwrap(bc_type), axis=axis)
    units = unit_values(np.size(unwrap(x)), bc_type)
    return Spline(spline, y, lambda: make(units, bc_type=without_values(bc_type, len(units))))


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
