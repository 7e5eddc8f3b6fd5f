"""Incomplete integrals that have parameters, and their derivatives by these: by quadrature.

The double exponential rule (Takahasi and Mori, 1974) is exact to rounding for what is analytic.
"""

from typing import Any

import numpy as np
import scipy.special as sp

from tensorgrad.contexts import in_own_context
from tensorgrad.rules import primitive, rule
from tensorgrad.scipy.families import floats, log_derivatives, polygamma_of


def nodes_and_weights(step: float) -> tuple[np.ndarray, np.ndarray]:
    """Return those of the integral from 0 to infinity of what decays as exp(-s)."""
    u = np.arange(-5, 11, step)
    nodes = np.exp(u - np.exp(-u))
    return nodes, step * nodes * (1 + np.exp(-u))


NODES, WEIGHTS = nodes_and_weights(1 / 16)
CARLSON_STEP = 0.375  # a binary fraction, so that the nodes are equidistant to the last bit
CARLSON = np.exp(np.arange(-90, 90, CARLSON_STEP))


def decay(slope: Any, curvature: Any) -> Any:
    """Return the distance over which exp(-slope s - curvature s² / 2) falls by a factor of e."""
    return 2 / (slope + np.sqrt(slope * slope + 2 * curvature))


@primitive
@in_own_context
def gammainc_by_a(a, x, n=1):
    """Return the n-th derivative of gammainc(a, x) by a, from the smaller side of the integral.

    The integrand is t**a exp(-t) / Γ(a) on a logarithmic scale of t, times a polynomial of
    log t - ψ(a), whose sign decides the side, so that nothing cancels.
    """
    (a, x), dtype = floats(a, x)
    inside = (a > 0) & (x > 0) & (x < np.inf)
    A, X = (np.where(inside, v, 1.0)[..., None] for v in (a, x))
    below = np.exp(sp.psi(A + 1)) > X
    side = np.where(below, -1, 1)
    s = decay(np.abs(A - X) * (side * (X - A) > 0), X) * NODES
    with np.errstate(over="ignore", under="ignore"):
        t = X * np.exp(side * s)
        log_t = np.log(X) + side * s
        density = np.exp(A * log_t - t - sp.gammaln(A))
        weights = log_derivatives(
            density, (log_t - sp.psi(A), 0), lambda j, _k: -sp.polygamma(j - 1, A), n
        )
        total = np.sum(np.where(density > 0, weights, 0) * WEIGHTS * (s / NODES), axis=-1)
    found = np.where(inside, -side[..., 0] * total, 0)
    return np.where((a > 0) & (x >= 0), found, np.nan).astype(dtype)[()]


def gamma_density(a: Any, x: Any, n: int = 0) -> Any:
    """Return the n-th derivative by a of the density of the gamma distribution."""
    density = np.exp(sp.xlogy(a - 1, x) - x - sp.gammaln(a))
    if n == 0:
        return density
    slope = np.log(x) - sp.psi(a)
    return log_derivatives(density, (slope, 0), lambda j, _k: -polygamma_of(a, n=j - 1), n)


@primitive
@in_own_context
def betainc_by(a, b, x, n=0, m=0):
    """Return the derivative of betainc(a, b, x) of order n in a and m in b, from one side.

    The integrand is that of the density on a logistic scale, as in `gammainc_by_a`.
    """
    (a, b, x), dtype = floats(a, b, x)
    inside = (a > 0) & (b > 0) & (x > 0) & (x < 1)
    A, B, X = (np.where(inside, v, 0.5)[..., None] for v in (a, b, x))
    z = sp.logit(X)
    by_a, by_b = sp.psi(A + B) - sp.psi(A), sp.psi(A + B) - sp.psi(B)
    below = np.log(X) + by_a < 0 if n else np.log1p(-X) + by_b > 0
    side = np.where(below, -1, 1)
    slope = A * (1 - X) - B * X  # of the logarithm of the integrand
    s = decay(np.maximum(-side * slope, 0), (A + B) * X * (1 - X)) * NODES
    with np.errstate(over="ignore", under="ignore"):
        t = z + side * s
        log_t, log_rest = sp.log_expit(t), sp.log_expit(-t)
        density = np.exp(A * log_t + B * log_rest - sp.betaln(A, B))
        weights = log_derivatives(
            density, (log_t + by_a, log_rest + by_b), lambda j, k: beta_constants(A, B, j, k), n, m
        )
        total = np.sum(np.where(density > 0, weights, 0) * WEIGHTS * (s / NODES), axis=-1)
    found = np.where(inside, -side[..., 0] * total, 0)
    valid = (a > 0) & (b > 0) & (x >= 0) & (x <= 1)
    return np.where(valid, found, np.nan).astype(dtype)[()]


def beta_constants(a: Any, b: Any, j: int, k: int) -> Any:
    """Return the derivative of -log B(a, b) of order j in a and k in b, with j + k of 2 at least."""
    both = polygamma_of(a + b, n=j + k - 1)
    alone = [(b, k)] * (j == 0) + [(a, j)] * (k == 0)
    return both - polygamma_of(alone[0][0], n=alone[0][1] - 1) if alone else both


def beta_density(a: Any, b: Any, x: Any, n: int = 0, m: int = 0) -> Any:
    """Return the derivative of the density of the beta distribution of order n in a and m in b."""
    density = np.exp(sp.xlogy(a - 1, x) + sp.xlog1py(b - 1, -x) - sp.betaln(a, b))
    if n == m == 0:
        return density
    both = sp.psi(a + b)
    first = (np.log(x) + both - sp.psi(a), np.log1p(-x) + both - sp.psi(b))
    return log_derivatives(density, first, lambda j, k: beta_constants(a, b, j, k), n, m)


@primitive
@in_own_context
def carlson(x, y, z, w, powers=(0.5, 0.5, 0.5, 0)):
    """Return the integral of (t+x)**-p (t+y)**-q (t+z)**-r (t+w)**-s over t from 0 to infinity.

    The trapezoidal rule in log t, whose integrand is analytic in a strip of half-width pi.
    """
    arrays, dtype = floats(x, y, z, w)
    with np.errstate(over="ignore", under="ignore", divide="ignore", invalid="ignore"):
        log_sum: Any = np.log(CARLSON)
        for v, p in zip(arrays, powers, strict=True):
            if p:
                log_sum = log_sum - p * np.log(v[..., None] + CARLSON)
        return (np.sum(np.exp(log_sum), axis=-1) * CARLSON_STEP).astype(dtype)[()]


def _carlson(i: int) -> Any:
    """Return the rule of the i-th of four arguments: -p times the integral with the power p + 1."""

    def by_argument(g, _out, x, y, z, w, powers=(0.5, 0.5, 0.5, 0)):
        higher = tuple(p + (i == j) for j, p in enumerate(powers))
        return -powers[i] * g * carlson(x, y, z, w, powers=higher)

    return by_argument


# fmt: off
rule(gammainc_by_a, lambda g, _out, a, x, n=1: g * gammainc_by_a(a, x, n=n + 1),
                    lambda g, _out, a, x, n=1: g * gamma_density(a, x, n))
rule(betainc_by,    lambda g, _out, a, b, x, n=0, m=0: g * betainc_by(a, b, x, n=n + 1, m=m),
                    lambda g, _out, a, b, x, n=0, m=0: g * betainc_by(a, b, x, n=n, m=m + 1),
                    lambda g, _out, a, b, x, n=0, m=0: g * beta_density(a, b, x, n, m))
rule(carlson,       _carlson(0), _carlson(1), _carlson(2), _carlson(3))
# fmt: on
