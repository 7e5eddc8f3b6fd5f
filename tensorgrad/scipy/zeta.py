"""Derivatives of the zeta functions by s, of any order, to full precision.

They are computed as truncated Taylor series in s: lists of coefficients, of which the n-th is the
n-th derivative divided by n!.
"""

import math
from typing import Any

import numpy as np
import scipy.special as sp

from tensorgrad.rules import primitive, rule
from tensorgrad.scipy.families import floats

TERMS = 8  # summed one by one, before the Euler-Maclaurin formula gives the rest
BERNOULLI = sp.bernoulli(24)[2::2]


def series_product(a: list[Any], b: list[Any]) -> list[Any]:
    """Return the product of two series."""
    return [sum(a[i] * b[k - i] for i in range(k + 1)) for k in range(len(a))]


def power(base: Any, s: Any, n: int) -> list[Any]:
    """Return the series of base**-s."""
    log = -np.log(base)
    terms = [np.power(base, -s)]
    for k in range(n):
        terms.append(terms[-1] * log / (k + 1))
    return terms


def inverse_series(x: Any, n: int) -> list[Any]:
    """Return the series of 1 / x."""
    return [(-1) ** k / x ** (k + 1) for k in range(n + 1)]


def rising(series: list[Any], factor: Any) -> list[Any]:
    """Return the series times that of a number that grows with s."""
    return [factor * c + (series[k - 1] if k else 0) for k, c in enumerate(series)]


def by_summation(s: Any, q: Any, n: int, terms: int = TERMS) -> list[Any]:
    """Return the series of Σ (q + k)**-s by the Euler-Maclaurin formula.

    Source: NIST Digital Library of Mathematical Functions, equation 25.11.7.
    """
    far = q + terms
    last = power(far, s, n)
    total = series_product([far * c for c in last], inverse_series(s - 1, n))
    rest = rising([c / far for c in last], s)
    for j, number in enumerate(BERNOULLI):
        total = [t + number / math.factorial(2 * j + 2) * r for t, r in zip(total, rest)]
        for i in (2 * j + 1, 2 * j + 2):
            rest = [r / far for r in rising(rest, s + i)]
    total = [t + c / 2 for t, c in zip(total, last)]
    for k in reversed(range(terms)):
        total = [t + c for t, c in zip(total, power(q + k, s, n))]
    return total


def by_reflection(s: Any, n: int, terms: int = TERMS) -> list[Any]:
    """Return the series of 2 (2π)**(s - 1) sin(π s / 2) Γ(1 - s) ζ(1 - s), which is ζ(s)."""
    angle, half = math.pi / 2 * (s - 4 * np.rint(np.real(s) / 4)), math.pi / 2
    sine = [np.sin(angle + k * half) * half**k / math.factorial(k) for k in range(n + 1)]
    slopes = [math.log(2 * math.pi) - sp.psi(1 - s)]  # of log (2π)**s Γ(1 - s)
    slopes += [-((-1) ** k) * polygamma(1 - s, k) / math.factorial(k) for k in range(1, n)]
    gamma = [np.exp(math.log(2 * math.pi) * s + sp.loggamma(1 - s)) / math.pi]
    for k in range(n):
        gamma.append(sum(gamma[i] * slopes[k - i] for i in range(k + 1)) / (k + 1))
    mirrored = by_summation(1 - s, 1.0, n, terms)
    return series_product(
        series_product(sine, gamma), [(-1) ** k * c for k, c in enumerate(mirrored)]
    )


def polygamma(z: Any, n: int) -> Any:
    """Return the n-th derivative of digamma for Re z > 1."""
    return (-1) ** (n + 1) * math.factorial(n) * by_summation(n + 1.0, z, 0)[0]


@primitive
def riemann_zeta(s, n=1):
    """Return the n-th derivative of the Riemann zeta function, also of complex numbers."""
    (s,), dtype = floats(s)
    finite, left = np.isfinite(s), np.real(s) < -0.25
    terms = TERMS + int(np.max(np.abs(np.imag(s)), initial=0.0, where=finite))
    near, mirrored = np.where(left | ~finite, 2, s), np.where(left & finite, s, -1)
    with np.errstate(all="ignore"):
        right = by_summation(near, 1.0, n, terms)[n]
        found = np.where(left, by_reflection(mirrored, n, terms)[n], right)
    limit = np.where(np.equal(s, np.inf), 0, np.nan)
    return np.where(finite, math.factorial(n) * found, limit).astype(dtype)[()]


@primitive
def hurwitz_zeta(s, q, n=1):
    """Return the n-th derivative by s of the Hurwitz zeta function, for real s > 1 and q > 0."""
    (s, q), dtype = floats(s, q)
    inside = np.isfinite(s) & (np.real(s) > 1) & np.equal(np.imag(s), 0) & (np.real(q) > 0)
    with np.errstate(all="ignore"):
        found = by_summation(np.where(inside, s, 2), np.where(inside, q, 1), n)[n]
    return np.where(inside, math.factorial(n) * found, np.nan).astype(dtype)[()]


def hurwitz_by_q(s: Any, q: Any, n: int) -> Any:
    """Return the derivative by q of the n-th derivative by s, that of -s ζ(s + 1, q)."""
    return -s * hurwitz_zeta(s + 1, q, n=n) - n * (
        hurwitz_zeta(s + 1, q, n=n - 1) if n > 1 else sp.zeta(s + 1, q)
    )


# fmt: off
rule(riemann_zeta, lambda g, _out, s, n=1: g * riemann_zeta(s, n=n + 1))
rule(hurwitz_zeta, lambda g, _out, s, q, n=1: g * hurwitz_zeta(s, q, n=n + 1),
                   lambda g, _out, s, q, n=1: g * hurwitz_by_q(s, q, n))
# fmt: on
