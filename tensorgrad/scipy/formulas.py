"""Formulas of derivatives that need more than a line, in differentiable functions."""

import math

import numpy as np
import scipy.special as sp

from tensorgrad.rules import Array
from tensorgrad.scipy.families import exprel
from tensorgrad.scipy.integrals import carlson


def digamma(x: Array) -> Array:
    """Return ψ, with full precision beside its poles, too, where pi x in the reflection would be rounded."""
    if x.dtype.kind == "c":
        return sp.psi(x)
    rest = x - np.rint(x)
    left = (x < 0) & np.not_equal(rest, 0)
    cotangent = math.pi / np.tan(math.pi * np.where(left, rest, 0.25))
    return np.where(
        left, sp.psi(np.where(left, 1 - x, 1)) - cotangent, sp.psi(np.where(left, 1, x))
    )


def rgamma_slope(x: Array) -> Array:
    """Return the derivative of 1 / Γ, below 1/2 by reflection, so that it holds at the poles of Γ."""
    if x.dtype.kind == "c":
        return -sp.rgamma(x) * sp.psi(x)
    left = x < 0.5
    y, z = np.where(left, 1 - x, 0.5), np.where(left, 0.5, x)
    turned = math.pi * (1 - y)
    by_reflection = sp.gamma(y) * (np.cos(turned) - sp.psi(y) * np.sin(turned) / math.pi)
    return np.where(left, by_reflection, -sp.rgamma(z) * sp.psi(z))


def sinhc(x: Array) -> Array:
    """Return sinh x / x, also at 0."""
    return np.sinh(x) / x if x.dtype.kind == "c" else (sp.exprel(x) + sp.exprel(-x)) / 2


def spence_slope(z: Array) -> Array:
    """Return log z / (1 - z), also at 1."""
    return np.log(z) / (1 - z) if z.dtype.kind == "c" else -1 / sp.exprel(np.log(z))


def boxcox_by_power(log: Array, p: Array) -> Array:
    """Return the derivative of (x**p - 1) / p by p, also at p = 0."""
    return log * log * exprel(p * log, n=1)


def incomplete_by_m(phi: Array, m: Array, first: bool) -> Array:
    """Return the derivative by m of the incomplete elliptic integral of the first or second kind.

    Source: Carlson (1995), "Numerical computation of real or complex elliptic integrals", Numerical
    Algorithms 10, equations 4.5 and 4.6, differentiated by m.
    """
    periods = np.rint(phi / math.pi)
    rest = phi - periods * math.pi
    s, c2 = np.sin(rest), np.cos(rest) ** 2
    delta = 1 - m * s * s
    x, z = (1.0, delta) if first else (delta, 1.0)
    part = s**3 / 4 * carlson(c2, x, z, 1.0, powers=(0.5, 0.5, 1.5, 0))
    # Each of the whole periods adds twice the complete integral.
    whole = sp.hyp2f1(1.5 if first else 0.5, 1.5, 2, m) * (math.pi / 4) * periods
    return part + whole if first else -(part + whole)


def tukey_density(out: Array, p: Array) -> Array:
    """Return the density of Tukey's lambda distribution, given its distribution function."""
    inside = (out > 0) & (out < 1)
    u = np.where(inside, out, 0.5)
    return np.where(inside, 1 / (u ** (p - 1) + (1 - u) ** (p - 1)), 0)
