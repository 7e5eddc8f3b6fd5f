"""Families of special functions, each closed under differentiation, with full precision in their tails."""

import math
from typing import Any

import numpy as np
import scipy.special as sp

from tensorgrad.contexts import in_own_context
from tensorgrad.rules import primitive, rule

SQRT_PI = math.sqrt(math.pi)


def floats(*xs: Any) -> tuple[list[np.ndarray], np.dtype]:
    """Return arrays as float64 (complex128), broadcast to one shape, and the dtype of the result."""
    arrays = [np.asarray(x) for x in xs]
    dtype = np.result_type(*(a if a.dtype.kind in "fc" else np.float64 for a in arrays))
    wide = complex if dtype.kind == "c" else float
    return list(np.broadcast_arrays(*(a.astype(wide) for a in arrays))), dtype


@primitive
def scaled_ierfc(x, n=1):
    """Return exp(x²) times the n-fold integral of erfc from x to infinity; erfcx for n = 0.

    Backward recurrence of the ratios (Abramowitz and Stegun 7.2.5) for x > 1, forward recurrence below.
    """
    (x,), dtype = floats(x)
    before, here = np.full_like(x, 2 / SQRT_PI), sp.erfcx(x)
    up = np.where(x > 1, x, 1)
    ratios: list[Any] = [1 / (up + np.sqrt(up * up + 300 + 2 * n))]
    for k in range(150 + n, 0, -1):
        ratios.append(
            1 / (2 * up + 2 * k * ratios[-1])
        )  # of m_k-1 to m_k-2, with m_-1 = 2 / sqrt(pi)
    far = here
    for k in range(1, n + 1):
        before, here = here, (before - 2 * x * here) / (2 * k)
        far = far * ratios[-1 - k]
    return np.where(x > 1, far, here).astype(dtype)[()]


@primitive
def dawson(x, n=0):
    """Return the n-th derivative of Dawson's integral: recurrence near 0, asymptotic series far out."""
    (x,), dtype = floats(x)
    far = np.abs(x) > 7
    u, big = np.where(far, 0, x), np.where(far, x, 7)
    out, before = sp.dawsn(u), np.zeros_like(u)
    for k in range(n):
        out, before = (1.0 if k == 0 else 0.0) - 2 * u * out - 2 * k * before, out
    term = (-1) ** n * math.factorial(n) / (2 * big ** (n + 1))
    tail = term
    for k in range(45 - n):  # each term (2k - 1)!! / (2^(k+1) x^(2k+1)) differentiated n times
        term = term * (2 * k + 1) / (2 * big * big)
        term = term * ((2 * k + n + 1) * (2 * k + n + 2)) / ((2 * k + 1) * (2 * k + 2))
        tail = tail + term
    return np.where(far, tail, out).astype(dtype)[()]


@primitive
@in_own_context
def exprel(x, n=0):
    """Return the n-th derivative of (exp(x) - 1) / x, the integral of t**n exp(x t) from 0 to 1."""
    (x,), dtype = floats(x)
    low, high = np.where(x < -1, x, -1), np.where(x > 20 + n, x, 20 + n)
    below = math.factorial(n) / (-low) ** (n + 1) * sp.gammainc(n + 1, -low)
    with np.errstate(over="ignore"):
        above = np.expm1(high) / high
        for k in range(1, n + 1):
            above = (np.exp(high) - k * above) / high
    u = np.where((x >= -1) & (x <= 20 + n), x, 0)
    power, near = np.ones_like(u), np.zeros_like(u)
    for k in range(100 + 3 * n):
        near = near + power / (n + k + 1)
        power = power * u / (k + 1)
    found = np.where(x < -1, below, np.where(x > 20 + n, above, near))
    return np.where(np.isnan(x), x, found).astype(dtype)[()]


@primitive
def polygamma_of(x, n=1):
    """Return the n-th derivative of digamma, also of complex numbers.

    Source: Abramowitz and Stegun (1964), equations 6.4.6 (recurrence), 6.4.7 (reflection) and 6.4.11.
    """
    (z,), dtype = floats(x)
    if dtype.kind != "c":
        return np.asarray(sp.polygamma(n, z)).astype(dtype)[()]
    left = z.real < 0.5
    u = np.where(left, 1 - z, z)
    out = np.zeros_like(u)
    sign = (-1) ** (n + 1)
    for _ in range(25):
        out = out + sign * math.factorial(n) / u ** (n + 1)
        u = u + 1
    out = out + sign * (math.factorial(n - 1) / u**n + math.factorial(n) / (2 * u ** (n + 1)))
    for k in range(1, 13):
        factor = sp.bernoulli(2 * k)[-1] * math.perm(2 * k + n - 1, n - 1)
        out = out + sign * factor / u ** (2 * k + n)
    cot = _cotangent(np.where(left, z, 0.25), n)
    return np.where(left, (-1) ** n * out - math.pi * cot, out).astype(dtype)[()]


def _cotangent(z: np.ndarray, n: int) -> np.ndarray:
    """Return the n-th derivative of cot(pi z), a polynomial of it: (cot)' = -pi (1 + cot²)."""
    polynomial = np.polynomial.Polynomial([0.0, 1.0])
    for _ in range(n):
        polynomial = -math.pi * polynomial.deriv() * np.polynomial.Polynomial([1.0, 0.0, 1.0])
    return polynomial(1 / np.tan(math.pi * z))


def log_derivatives(weights: Any, first: Any, later: Any, n: int, m: int = 0) -> Any:
    """Return ∂ⁿ/∂aⁿ ∂ᵐ/∂bᵐ of f, given f and the derivatives of log f.

    `first` are those by a and by b, and `later(j, k)` those of order j in a and k in b. Each step
    applies Leibniz' rule to f' = f (log f)'.
    """
    table: dict[tuple[int, int], Any] = {(0, 0): weights}
    for k in range(m + 1):
        for j in range(n + 1):
            if (j, k) == (0, 0):
                continue
            by_a = j > 0
            J, K, total = (j - 1, k, 0) if by_a else (j, k - 1, 0)
            for p in range(J + 1):
                for q in range(K + 1):
                    slope = first[not by_a] if p == q == 0 else later(p + by_a, q + (not by_a))
                    total = total + math.comb(J, p) * math.comb(K, q) * slope * table[J - p, K - q]
            table[j, k] = total
    return table[n, m]


# fmt: off
rule(scaled_ierfc, lambda g, _out, x, n=1: -2 * (n + 1) * g * scaled_ierfc(x, n=n + 1))
rule(dawson,       lambda g, _out, x, n=0: g * dawson(x, n=n + 1))
rule(exprel,       lambda g, _out, x, n=0: g * exprel(x, n=n + 1))
rule(polygamma_of, lambda g, _out, x, n=1: g * polygamma_of(x, n=n + 1))
# fmt: on
