"""Complex numbers: their parts, their size and direction, as seen by a gradient.

Rules are transposed, not conjugated: the engine conjugates at either end, so that the gradient of a real loss with
respect to x + iy is d/dx + i d/dy. A function that has no complex derivative, such as conj, takes the parts apart.
"""

import numpy as np

from tensorgrad.rules import composite, nondifferentiable, primitive, rule


@primitive
def sign_of_real(x):
    return np.sign(x)


def _absolute(g, out, x):
    """The sign; of a complex number its conjugate direction, and 0 at 0."""
    if x.dtype.kind == "c":
        return g * (np.conjugate(x) / np.where(np.equal(out, 0), 1, out))
    return g * np.sign(x)


def _nan_to_num(g, _out, x, nan=0.0, posinf=None, neginf=None):
    """What was replaced passes nothing on; of a complex number each part was or was not."""
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
    """Constant for a real number; a complex one turns on the unit circle."""
    if not np.iscomplexobj(x):
        return sign_of_real(x)
    size = np.absolute(x)
    zero = np.equal(size, 0)
    return np.where(zero, 0, x / np.where(zero, 1, size))


@composite(np.angle)
def _angle(z, deg=False):
    angle = np.arctan2(np.imag(z), np.real(z))
    return np.degrees(angle) if deg else angle


@composite(np.real_if_close)
def _real_if_close(a, tol=100):
    """The real part if all imaginary ones are below `tol`, in machine epsilons where it is above 1."""
    if not np.iscomplexobj(a):
        return a
    limit = tol * np.finfo(a.dtype).eps if tol > 1 else tol
    return np.real(a) if np.all(np.less(np.absolute(np.imag(a)), limit)) else a
