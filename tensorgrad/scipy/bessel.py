"""Rules of Bessel functions and their kin. By its order, none of them has a closed derivative."""

import math

import numpy as np
import scipy.special as sp

from tensorgrad.ops.elementwise import safe_divide
from tensorgrad.rules import rule
from tensorgrad.scipy.outputs import each_output


def scaled_by_real(g, out, z):
    """Return the part of the gradient that comes from the factor exp(-|Re z|)."""
    return np.sign(np.real(z)) * np.real(g * out)


def scaled_by_imag(g, out, z):
    """Return the part of the gradient that comes from the factor exp(-|Im z|); 0 of real numbers."""
    return 1j * np.sign(np.imag(z)) * np.real(g * out) if z.dtype.kind == "c" else 0


def struve_term(v, x):
    """Return (x/2)^v / (√π Γ(v + 3/2)), which the recurrences of Struve functions have."""
    return (x / 2) ** v * sp.rgamma(v + 1.5) / math.sqrt(math.pi)


def real_root(z):
    """Return the slope of 2/3 z^(3/2), by which airye scales, for z > 0.

    Raises: TypeError for complex numbers, of which the scaling is not analytic.
    """
    if z.dtype.kind == "c":
        raise TypeError("airye of complex numbers has no gradient; use scipy.special.airy")
    return np.sqrt(np.maximum(z, 0))


# fmt: off
rule(sp.jv,      None, lambda g, _out, v, z: g * (sp.jv(v - 1, z) - sp.jv(v + 1, z)) / 2)
rule(sp.yv,      None, lambda g, _out, v, z: g * (sp.yv(v - 1, z) - sp.yv(v + 1, z)) / 2)
rule(sp.yn,      None, lambda g, _out, n, z: g * (sp.yn(n - 1, z) - sp.yn(n + 1, z)) / 2)
rule(sp.iv,      None, lambda g, _out, v, z: g * (sp.iv(v - 1, z) + sp.iv(v + 1, z)) / 2)
rule(sp.kv,      None, lambda g, _out, v, z: -g * (sp.kv(v - 1, z) + sp.kv(v + 1, z)) / 2)
rule(sp.kn,      None, lambda g, _out, n, z: -g * (sp.kn(np.abs(n - 1), z) + sp.kn(n + 1, z)) / 2)
rule(sp.hankel1, None, lambda g, _out, v, z: g * (sp.hankel1(v - 1, z) - sp.hankel1(v + 1, z)) / 2)
rule(sp.hankel2, None, lambda g, _out, v, z: g * (sp.hankel2(v - 1, z) - sp.hankel2(v + 1, z)) / 2)
rule(sp.jve,     None, lambda g, out, v, z: g * (sp.jve(v - 1, z) - sp.jve(v + 1, z)) / 2 + scaled_by_imag(g, out, z))
rule(sp.yve,     None, lambda g, out, v, z: g * (sp.yve(v - 1, z) - sp.yve(v + 1, z)) / 2 + scaled_by_imag(g, out, z))
rule(sp.ive,     None, lambda g, out, v, z: g * (sp.ive(v - 1, z) + sp.ive(v + 1, z)) / 2 - scaled_by_real(g, out, z))
rule(sp.kve,     None, lambda g, out, v, z: g * (out - (sp.kve(v - 1, z) + sp.kve(v + 1, z)) / 2))
rule(sp.hankel1e, None, lambda g, out, v, z: g * ((sp.hankel1e(v - 1, z) - sp.hankel1e(v + 1, z)) / 2 - 1j * out))
rule(sp.hankel2e, None, lambda g, out, v, z: g * ((sp.hankel2e(v - 1, z) - sp.hankel2e(v + 1, z)) / 2 + 1j * out))
rule(sp.j0,      lambda g, _out, x: -g * sp.j1(x))
rule(sp.j1,      lambda g, _out, x: g * (sp.j0(x) - sp.jv(2, x)) / 2)
rule(sp.y0,      lambda g, _out, x: -g * sp.y1(x))
rule(sp.y1,      lambda g, _out, x: g * (sp.y0(x) - sp.yn(2, x)) / 2)
rule(sp.i0,      lambda g, _out, x: g * sp.i1(x))
rule(sp.i1,      lambda g, _out, x: g * (sp.i0(x) + sp.iv(2, x)) / 2)
rule(sp.k0,      lambda g, _out, x: -g * sp.k1(x))
rule(sp.k1,      lambda g, _out, x: -g * (sp.k0(x) + sp.kn(2, x)) / 2)
rule(sp.i0e,     lambda g, out, x: g * (sp.i1e(x) - np.sign(x) * out))
rule(sp.i1e,     lambda g, out, x: g * ((sp.i0e(x) + sp.ive(2, x)) / 2 - np.sign(x) * out))
rule(sp.k0e,     lambda g, out, x: g * (out - sp.k1e(x)))
rule(sp.k1e,     lambda g, out, x: g * (out - (sp.k0e(x) + sp.kve(2, x)) / 2))

# Kelvin functions: ber + i bei is a Bessel function, whose equation gives their second derivatives.
rule(sp.ber,     lambda g, _out, x: g * sp.berp(x))
rule(sp.bei,     lambda g, _out, x: g * sp.beip(x))
rule(sp.ker,     lambda g, _out, x: g * sp.kerp(x))
rule(sp.kei,     lambda g, _out, x: g * sp.keip(x))
rule(sp.berp,    lambda g, out, x: -g * sp.bei(x) - safe_divide(g * out, x))
rule(sp.beip,    lambda g, out, x: g * sp.ber(x) - safe_divide(g * out, x))
rule(sp.kerp,    lambda g, out, x: -g * (sp.kei(x) + out / x))
rule(sp.keip,    lambda g, out, x: g * (sp.ker(x) - out / x))
each_output(sp.kelvin, (lambda x: sp.kelvin(x)[2],), (lambda x: sp.kelvin(x)[3],), (lambda x: 1j * sp.kelvin(x)[0] - sp.kelvin(x)[2] / x,),
                       (lambda x: 1j * sp.kelvin(x)[1] - sp.kelvin(x)[3] / x,))

# Airy and Struve functions, and integrals of Bessel functions
each_output(sp.airy, (lambda z: sp.airy(z)[1],), (lambda z: z * sp.airy(z)[0],), (lambda z: sp.airy(z)[3],), (lambda z: z * sp.airy(z)[2],))
each_output(sp.airye, (lambda z: sp.airye(z)[1] + real_root(z) * sp.airye(z)[0],), (lambda z: z * sp.airye(z)[0] + real_root(z) * sp.airye(z)[1],),
                      (lambda z: sp.airye(z)[3] - real_root(z) * sp.airye(z)[2],), (lambda z: z * sp.airye(z)[2] - real_root(z) * sp.airye(z)[3],))
each_output(sp.itairy, (lambda x: sp.airy(x)[0],), (lambda x: sp.airy(x)[2],), (lambda x: sp.airy(-x)[0],), (lambda x: sp.airy(-x)[2],))
rule(sp.struve,  None, lambda g, _out, v, x: g * (sp.struve(v - 1, x) - sp.struve(v + 1, x) + struve_term(v, x)) / 2)
rule(sp.modstruve, None, lambda g, _out, v, x: g * (sp.modstruve(v - 1, x) + sp.modstruve(v + 1, x) + struve_term(v, x)) / 2)
rule(sp.itstruve0, lambda g, _out, x: g * sp.struve(0, x))
rule(sp.it2struve0, lambda g, _out, x: -g * sp.struve(0, x) / x)
rule(sp.itmodstruve0, lambda g, _out, x: g * sp.modstruve(0, x))
each_output(sp.itj0y0, (lambda x: sp.j0(x),), (lambda x: sp.y0(x),))
each_output(sp.iti0k0, (lambda x: sp.i0(x),), (lambda x: sp.k0(x),))
each_output(sp.it2j0y0, (lambda x: (1 - sp.j0(x)) / x,), (lambda x: -sp.y0(x) / x,))
each_output(sp.it2i0k0, (lambda x: (sp.i0(x) - 1) / x,), (lambda x: -sp.k0(x) / x,))
# fmt: on
