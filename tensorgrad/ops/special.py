"""Special functions, each in a family that contains the derivatives of its members."""

import math

import numpy as np

from tensorgrad.rules import composite, primitive, rule


@primitive
def sinc(x, n=0):
    """Return the n-th derivative of sin(pi x) / (pi x), also at 0."""
    if n == 0:
        return np.sinc(x)
    x = np.asarray(x)
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
    if n == 0:
        return np.i0(x)
    x = np.asarray(x)
    wide = x.astype(np.result_type(x.dtype, np.float64))
    top = float(np.max(np.abs(wide), initial=0.0, where=np.isfinite(wide)))
    nodes = 20 + n + int(math.sqrt(80 * min(top, 720)))  # the sum converges as a Gaussian in them
    out = np.zeros_like(wide)
    odd_or_even = np.sinh if n % 2 else np.cosh  # all of one sign: no cancellation at small x
    for k in range(nodes):
        angle = (k + 0.5) / nodes * math.pi / 2
        out += odd_or_even(wide * math.cos(angle)) * (math.cos(n * angle) / nodes)
    return out.astype(x.dtype)[()]


# fmt: off
rule(sinc,    lambda g, _out, x, n=0: g * sinc(x, n=n + 1))
rule(bessel,  lambda g, _out, x, n=0: g * (bessel(x, n=abs(n - 1)) + bessel(x, n=n + 1)) / 2)
# fmt: on

composite(np.sinc, sinc)
composite(np.i0, bessel)
