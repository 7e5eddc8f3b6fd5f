"""Student's t distribution, and its derivatives by the degrees of freedom, to full precision.

They are small differences of large terms if df is large, which their formulas here avoid. Below,
u is t² / df, and p = u / (1 + u), the square of the correlation that t tests.
"""

import math
from typing import Any

import numpy as np
import scipy.special as sp

from tensorgrad.rules import primitive, rule
from tensorgrad.scipy.families import floats, log_derivatives
from tensorgrad.scipy.integrals import decay, nodes_and_weights

FINE_NODES, FINE_WEIGHTS = nodes_and_weights(1 / 32)  # finer, because heavy tails decay slowly
BERNOULLI_NUMBERS = sp.bernoulli(28)[2::2]
BIG = 1e200  # u from which 1 + u would overflow in a square
ENOUGH = 10  # for the asymptotic series of the constant


def constant_slope(df: Any, n: int) -> Any:
    """Return the n-th derivative of log Γ((df + 1) / 2) - log Γ(df / 2) - log(df / 2) / 2.

    Source: NIST Digital Library of Mathematical Functions, equations 5.11.1 and 5.11.8, subtracted.
    """
    z = df / 2
    small = z < ENOUGH
    far = np.where(small, z + ENOUGH, z)
    total = 0.0
    for k in reversed(range(1, len(BERNOULLI_NUMBERS) + 1)):
        factor = -(1 - 4.0**-k) * BERNOULLI_NUMBERS[k - 1] / (k * (2 * k - 1))
        falling = (-1) ** n * math.perm(2 * k - 2 + n, n)  # of the derivatives of a power
        total = total + factor * falling / far ** (2 * k - 1 + n)
    steps = (log_slope(far, n) - log_slope(z, n)) / 2
    for k in range(ENOUGH):
        steps = steps + log_slope(z + k, n) - log_slope(z + k + 0.5, n)
    return (total + np.where(small, steps, 0)) / 2**n


def log_slope(x: Any, n: int) -> Any:
    """Return the n-th derivative of log x."""
    return np.log(x) if n == 0 else (-1) ** (n - 1) * math.factorial(n - 1) / x**n


def log1p_of(u: Any, df: Any, log_t: Any) -> Any:
    """Return log(1 + t² / df)."""
    return np.where(u < BIG, np.log1p(u), 2 * log_t - np.log(df))


def kernel_slope(df: Any, u: Any, log: Any, n: int) -> Any:
    """Return the n-th derivative by df of -(df + 1) / 2 times `log`, which is log(1 + t² / df)."""
    r = 1 / (1 + u)
    p = np.where(u < BIG, u * r, 1)
    if n == 1:
        small = p < 0.5
        q = np.where(small, p, 0.5)
        series = -q * q / 2 * sp.hyp2f1(1, 2, 3, q)  # of log(1 - p) + p
        return (np.where(small, series, p - log) + p / df) / 2
    squares = sum((i + 1) * r**i for i in range(n - 1))
    powers = sum(r**i for i in range(n))
    factor = (-1) ** n * math.factorial(n - 2) / (2 * df ** (n - 1))
    return factor * (p * p * squares - (n - 1) / df * p * powers)


def slopes_of(df: Any, u: Any, log: Any, n: int) -> Any:
    """Return the n-th derivative by df of the logarithm of the density."""
    return constant_slope(df, n) + kernel_slope(df, u, log, n)


@primitive
def student_slope(df, t, n=1):
    """Return the n-th derivative of the logarithm of the density by df."""
    (df, t), dtype = floats(df, t)
    with np.errstate(all="ignore"):
        u = (t / np.sqrt(df)) ** 2
        slope = slopes_of(df, u, log1p_of(u, df, np.log(np.abs(t))), n)
    return np.where(np.isinf(df), 0, slope).astype(dtype)[()]


def student_slope_by_t(df: Any, t: Any, n: int) -> Any:
    """Return the derivative by t of the n-th derivative by df."""
    return (-1) ** (n + 1) * math.factorial(n) * t * (1 - t * t) / (df + t * t) ** (n + 1)


def log_density(df: Any, log: Any) -> Any:
    """Return the logarithm of the density, given log(1 + t² / df)."""
    return constant_slope(df, 0) - math.log(2 * math.pi) / 2 - (df + 1) / 2 * log


@primitive
def student_log_density(df, t):
    """Return the logarithm of the density."""
    (df, t), dtype = floats(df, t)
    with np.errstate(all="ignore"):
        log = log1p_of((t / np.sqrt(df)) ** 2, df, np.log(np.abs(t)))
        normal = -t * t / 2 - math.log(2 * math.pi) / 2
        found = np.where(np.isinf(df), normal, log_density(df, log))
    return found.astype(dtype)[()]


def student_density(df: Any, t: Any, n: int = 0) -> Any:
    """Return the n-th derivative of the density by df."""
    density = np.exp(student_log_density(df, t))
    slope = student_slope(df, t, n=1) if n else 0
    return log_derivatives(density, (slope, 0), lambda j, _k: student_slope(df, t, n=j), n)


@primitive
def student_by_df(df, t, n=1):
    """Return the n-th derivative of the distribution function by df.

    It is the integral of that of the density from 0 to t or, where its sign is another, from t to
    infinity, on a logarithmic scale.
    """
    (df, t), dtype = floats(df, t)
    inside = (df > 0) & (df < np.inf) & np.not_equal(t, 0) & np.isfinite(t)
    V, X = (np.where(inside, v, 1.0)[..., None] for v in (df, np.abs(t)))
    with np.errstate(all="ignore"):
        u = (X / np.sqrt(V)) ** 2
        side = np.where(slopes_of(V, u, log1p_of(u, V, np.log(X)), 1) > 0, -1, 1)
        p = np.where(u < BIG, u / (1 + u), 1)
        slope = 1 - (V + 1) * p  # of the logarithm of the integrand
        width = decay(np.maximum(-side * slope, 0), 2 * (V + 1) * p / (1 + u))
        # Towards 0 the integrand is flat down to its peak at 1, if df is small.
        width = np.where(side < 0, np.minimum(width, 1 + np.log(np.maximum(X, 1))), width)
        s = width * FINE_NODES
        u, log_x = u * np.exp(2 * side * s), np.log(X) + side * s
        log = log1p_of(u, V, log_x)
        density = np.exp(log_x + log_density(V, log))
        slopes = [slopes_of(V, u, log, j) for j in range(1, n + 1)]
        weights = log_derivatives(density, (slopes[0], 0), lambda j, _k: slopes[j - 1], n)
        total = np.sum(np.where(density > 0, weights, 0) * FINE_WEIGHTS * (s / FINE_NODES), axis=-1)
    found = np.where(inside, -side[..., 0] * total * np.sign(t), 0)
    return np.where(np.isnan(t) | ~(df > 0), np.nan, found).astype(dtype)[()]


# fmt: off
rule(student_log_density, lambda g, _out, df, t: g * student_slope(df, t, n=1),       lambda g, _out, df, t: -g * (df + 1) * t / (df + t * t))
rule(student_slope,       lambda g, _out, df, t, n=1: g * student_slope(df, t, n=n + 1), lambda g, _out, df, t, n=1: g * student_slope_by_t(df, t, n))
rule(student_by_df,       lambda g, _out, df, t, n=1: g * student_by_df(df, t, n=n + 1), lambda g, _out, df, t, n=1: g * student_density(df, t, n))
# fmt: on
