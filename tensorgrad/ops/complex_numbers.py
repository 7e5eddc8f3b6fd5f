"""Complex numbers: parts, absolute value, sign and angle.

Rules are transposed, not conjugated: the engine conjugates once at either end, so that the gradient of a real loss with
respect to x + iy is d/dx + i d/dy. Functions without a complex derivative, such as conj, treat the two parts separately.
"""

import numpy as np

from tensorgrad.ops.common import as_array, numpys, values
from tensorgrad.rules import composite, nondifferentiable, primitive, rule


@primitive
def sign_of_real(x):
    return np.sign(x)


@primitive
def nan_to_num(x, copy=True, nan=0.0, posinf=None, neginf=None):
    """Replace NaN and infinities."""
    return np.nan_to_num(x, copy or None, nan, posinf, neginf)


def _absolute(g, out, x):
    """Multiply by the sign; for a complex number, by its conjugate over its absolute value, and by 0 at 0."""
    if x.dtype.kind == "c":
        return g * (np.conjugate(x) / np.where(np.equal(out, 0), 1, out))
    return g * np.sign(x)


def _nan_to_num(g, _out, x, copy=True, nan=0.0, posinf=None, neginf=None):
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
rule(nan_to_num,    _nan_to_num)

nondifferentiable(np.iscomplex, np.isreal, sign_of_real)
nondifferentiable(np.iscomplexobj, np.isrealobj, static=True)
# fmt: on


@composite(np.nan_to_num)
def _nan_to_num_call(x, copy=True, nan=0.0, posinf=None, neginf=None):
    if not copy and getattr(x, "requires_grad", False):
        raise TypeError(
            "nan_to_num cannot write into a tensor that requires a gradient; leave out copy=False and use its result"
        )
    return nan_to_num(x, copy=copy, nan=nan, posinf=posinf, neginf=neginf)


@composite(np.sign)
def _sign(x):
    """Treat the sign of a real number as a constant; that of a complex one moves on the unit circle."""
    if not np.iscomplexobj(x):
        return sign_of_real(x)
    size = np.absolute(values(x))
    turns = np.isfinite(size) & (size > 0)
    turning = np.where(turns, x, 1)
    return np.where(turns, turning / np.absolute(turning), numpys(np.sign, x))


@composite(np.angle)
def _angle(z, deg=False):
    z = as_array(z)
    angle = np.arctan2(np.imag(z), np.real(z) if z.dtype.kind != "b" else z.astype(float))
    return np.degrees(angle) if deg else angle


@composite(np.real_if_close)
def _real_if_close(a, tol=100):
    """Return the real part if all imaginary parts are below `tol`, in machine epsilons if `tol` is above 1."""
    if not np.iscomplexobj(a):
        return a
    limit = tol * np.finfo(a.dtype).eps if tol > 1 else tol
    return np.real(a) if np.all(np.less(np.absolute(np.imag(a)), limit)) else a
