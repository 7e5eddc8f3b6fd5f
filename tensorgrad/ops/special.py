"""Special functions, each in a family that contains the derivatives of its members."""

import math

import numpy as np

from tensorgrad.operands import plain_array
from tensorgrad.rules import Array, composite, primitive, rule

# fmt: off
ERFC = [  # for z up to the bound: numerator and denominator of a rational function, highest power first
    (0.46875, (1.85777706184603153e-1, 3.16112374387056560e0, 1.13864154151050156e2, 3.77485237685302021e2, 3.20937758913846947e3),
              (1.0, 2.36012909523441209e1, 2.44024637934444173e2, 1.28261652607737228e3, 2.84423683343917062e3)),
    (4.0,     (2.15311535474403846e-8, 5.64188496988670089e-1, 8.88314979438837594e0, 6.61191906371416295e1, 2.98635138197400131e2,
               8.81952221241769090e2, 1.71204761263407058e3, 2.05107837782607147e3, 1.23033935479799725e3),
              (1.0, 1.57449261107098347e1, 1.17693950891312499e2, 5.37181101862009858e2, 1.62138957456669019e3, 3.29079923573345963e3,
               4.36261909014324716e3, 3.43936767414372164e3, 1.23033935480374942e3)),
    (np.inf,  (1.63153871373020978e-2, 3.05326634961232344e-1, 3.60344899949804439e-1, 1.25781726111229246e-1, 1.60837851487422766e-2,
               6.58749161529837803e-4),
              (1.0, 2.56852019228982242e0, 1.87295284992346047e0, 5.27905102951428412e-1, 6.05183413124413191e-2, 2.33520497626869185e-3)),
]
# fmt: on


# Φ(-z) = (a₁ t + … + a₈ t⁸) exp(-z²/2) with t = 1 / (1 + 0.305 z), for z from 0 to 14, highest power first: fitted with
# relative errors below 1e-7, that of float32.
TAIL_32 = (
    0.0366995003,
    -0.152989625,
    0.185719178,
    -0.0379789634,
    0.121022813,
    0.103420525,
    0.12246687,
    0.121639729,
)
RATE_32 = 0.305
PIECE = 1 << 15  # elements at a time, which stay in the cache


@primitive
def sinc(x, n=0):
    """Return the n-th derivative of sin(pi x) / (pi x), also at 0."""
    if n == 0:
        return np.sinc(x)
    x = plain_array(x)
    t = np.pi * x.astype(np.result_type(x.dtype, np.float64))
    near = np.abs(t) < n + 3
    far = np.where(near, 1, t)
    out = np.sin(far) / far
    for k in range(1, n + 1):  # from t f(t) = sin t, differentiated k times; loses digits near 0
        out = (np.sin(far + k * np.pi / 2) - k * out) / far
    u = np.where(near, t, 0)
    series = np.zeros_like(u)
    for k in range(n + 18 + n % 2, (n + 1) // 2 - 1, -1):  # the even powers 2k of sin(t) / t
        factor = math.perm(2 * k, n) / math.factorial(2 * k + 1)
        series = series * u * u + (-1) ** k * factor
    series = series * u ** (n % 2)
    return (np.where(near, series, out) * np.pi**n).astype(x.dtype)[()]


@primitive
def bessel(x, n=0):
    """Return the modified Bessel function of the first kind and of integer order n, by its integral.

    Source: Abramowitz and Stegun (1964), equation 9.6.19.
    """
    x = plain_array(x)
    if n == 0 or x.dtype.kind == "c":  # which NumPy refuses
        return np.i0(x)
    wide = x.astype(np.result_type(x.dtype, np.float64))
    top = float(np.max(np.abs(wide), initial=0.0, where=np.isfinite(wide)))
    nodes = 20 + n + int(math.sqrt(80 * min(top, 720)))  # the sum converges as a Gaussian in them
    out = np.zeros_like(wide)
    odd_or_even = np.sinh if n % 2 else np.cosh  # all of one sign: no cancellation at small x
    for k in range(nodes):
        angle = (k + 0.5) / nodes * math.pi / 2
        out += odd_or_even(wide * math.cos(angle)) * (math.cos(n * angle) / nodes)
    return out.astype(x.dtype)[()]


def horner(coefficients, x):
    """Return a polynomial of x, highest power first; in place, so four times as fast as polyval."""
    out = np.full_like(x, coefficients[0])
    for c in coefficients[1:]:
        out *= x
        out += c
    return out


def erfc(z):
    """Return 1 - erf(z) of numbers of at least 0, with full relative precision.

    Source: Cody (1969), "Rational Chebyshev approximations for the error function", Mathematics of
    Computation 23, with the coefficients of his subroutine CALERF.
    """
    out = z.copy()  # NaN stays NaN
    low = -1.0
    for high, numerator, denominator in ERFC:
        here = (z > low) & (z <= high)
        t = np.minimum(z[here], 100)  # from where on exp(-t * t) is 0
        u = t if high == 4 else t * t if high < 4 else 1 / (t * t)
        ratio = horner(numerator, u)
        ratio /= horner(denominator, u)
        if high < 4:
            out[here] = 1 - t * ratio
        elif high == 4:
            out[here] = np.exp(-t * t) * ratio
        else:
            out[here] = np.exp(-t * t) / t * (1 / math.sqrt(math.pi) - u * ratio)
        low = high
    return out


@primitive
def ndtr(x: Array) -> Array:
    """Return the cumulative distribution function of the standard normal distribution.

    Shapes: any -> the same.
    Raises: TypeError if x is complex.
    """
    x = plain_array(x)
    if x.dtype.kind == "c":
        raise TypeError(f"ndtr takes real numbers, but got an array of dtype {x.dtype}")
    x = x.astype(np.result_type(x.dtype, np.float16), copy=False)
    wide = x.astype(np.result_type(x.dtype, np.float32), copy=False)
    tail = erfc(np.abs(np.atleast_1d(wide)) / math.sqrt(2)).reshape(wide.shape) / 2
    return np.where(wide < 0, tail, 1 - tail).astype(x.dtype)[()]


def gelu_of_piece(x, out, slope, t):
    """Write x Φ(x) and its derivative Φ(x) + x φ(x) of numbers of float32, with errors of about 1e-7; t is scratch memory."""
    np.abs(x, out=t)
    t *= RATE_32
    t += 1
    np.divide(1, t, out=t)
    np.multiply(x, x, out=slope)
    slope *= -0.5
    np.exp(slope, out=slope)
    np.multiply(t, TAIL_32[0], out=out)
    for c in TAIL_32[1:]:
        out += c
        out *= t
    out *= slope
    out -= x > 0  # 1 - Φ(-x), or Φ(x) itself, with all digits, except for the sign
    np.abs(out, out=out)
    slope *= x
    slope *= 1 / math.sqrt(2 * math.pi)
    slope += out
    out *= x


def gelu_and_slope(x):
    """Return x Φ(x) and its derivative, which the rule reads."""
    x = plain_array(x)
    if x.dtype != np.float32:
        return x * ndtr(x), gelu_slope(x)
    out, slope = np.empty(x.shape, x.dtype), np.empty(x.shape, x.dtype)
    rows = np.ascontiguousarray(x).reshape(-1), out.reshape(-1), slope.reshape(-1)
    t = np.empty(min(x.size, PIECE), x.dtype)
    for i in range(0, x.size, PIECE):
        x_part, out_part, slope_part = (row[i : i + PIECE] for row in rows)
        gelu_of_piece(x_part, out_part, slope_part, t[: len(x_part)])
    return out[()], slope[()]


def gelu_slope(x):
    """Return Φ(x) + x φ(x)."""
    return ndtr(x) + x * np.exp(x * x * -0.5) * (1 / math.sqrt(2 * math.pi))


@primitive
def gelu(x: Array) -> Array:
    """Return x Φ(x), where Φ is the distribution function of the standard normal distribution.

    Shapes: any -> the same.
    Raises: TypeError if x is complex.
    Source: Hendrycks and Gimpel (2016), arXiv:1606.08415, section 2.
    """
    return gelu_and_slope(x)[0]


# fmt: off
rule(gelu,    lambda g, slope, _x: g * slope, residuals=(gelu_and_slope, gelu_slope))
rule(ndtr,    lambda g, _out, x: g * np.exp(-x * x / 2) / math.sqrt(2 * math.pi))
rule(sinc,    lambda g, _out, x, n=0: g * sinc(x, n=n + 1))
rule(bessel,  lambda g, _out, x, n=0: g * (bessel(x, n=abs(n - 1)) + bessel(x, n=n + 1)) / 2)
# fmt: on

composite(np.sinc, sinc)
composite(np.i0, bessel)
