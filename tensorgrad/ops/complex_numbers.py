"""Complex numbers: parts, absolute value, sign and angle.

Rules are transposed, not conjugated: the engine conjugates once at either end, so that the gradient of a real loss with
respect to x + iy is d/dx + i d/dy. Functions without a complex derivative, such as conj, treat the two parts separately.
"""

import numpy as np

from tensorgrad.rules import composite, nondifferentiable, primitive, rule


@primitive
def sign_of_real(x):
    return np.sign(x)


def _absolute(g, out, x):
    """Multiply by the sign; for a complex number, by its conjugate over its absolute value, and by 0 at 0."""
    if x.dtype.kind == "c":
        return g * (np.conjugate(x) / np.where(np.equal(out, 0), 1, out))
    return g * np.sign(x)


def _nan_to_num(g, _out, x, nan=0.0, posinf=None, neginf=None):
    """Pass nothing on where a value was replaced; each part of a complex number counts separately."""
    if x.dtype.kind != "c":
        return np.where(np.isfinite(x), g, 0)
    real = np.where(np.isfinite(np.real(x)), np.real(g), 0)
    return real + 1j * np.where(np.isfinite(np.imag(x)), np.imag(g), 0)


# fmt: off
rule(np.absolute,   _absolute)
rule(np.conjugate,  lambda g, _out, _x: np.conjugate(g))
rule(np.real,       lambda g, _out, _x: g)
rule(np.imag,       lambda g, _out, _x: g * -1j if _x.dtype.kind == "c" else g * 0)
rule(np.nan_to_num, _nan_to_num)

nondifferentiable(np.iscomplex, np.isreal, np.iscomplexobj, np.isrealobj, sign_of_real)
# fmt: on


@composite(np.sign)
def _sign(x):
    """Treat the sign of a real number as a constant; that of a complex one moves on the unit circle."""
    if not np.iscomplexobj(x):
        return sign_of_real(x)
    size = np.absolute(x)
    return x / np.where(np.equal(size, 0), 1, size)


@composite(np.angle)
def _angle(z, deg=False):
    angle = np.arctan2(np.imag(z), np.real(z))
    return np.degrees(angle) if deg else angle


@composite(np.real_if_close)
def _real_if_close(a, tol=100):
    """Return the real part if all imaginary parts are below `tol`, in machine epsilons if `tol` is above 1."""
    if not np.iscomplexobj(a):
        return a
    limit = tol * np.finfo(a.dtype).eps if tol > 1 else tol
    return np.real(a) if np.all(np.less(np.absolute(np.imag(a)), limit)) else a
