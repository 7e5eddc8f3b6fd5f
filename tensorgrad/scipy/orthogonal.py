"""Rules of orthogonal polynomials and of Legendre functions. By their degree they have no derivative."""

import numpy as np
import scipy.special as sp

from tensorgrad.rules import rule


def lower(n):
    """Return the degree n - 1, and 0 for n = 0, whose derivative has the factor 0."""
    return np.maximum(n - 1, 0)


def jacobi_slope(n, a, b, x):
    """Return the derivative of a Jacobi polynomial."""
    return np.not_equal(n, 0) * (n + a + b + 1) / 2 * sp.eval_jacobi(lower(n), a + 1, b + 1, x)


def ultraspherical(n, order, x):
    """Return the Gegenbauer polynomial of degree n - 1, which is 0 for n = 0."""
    return np.not_equal(n, 0) * sp.eval_gegenbauer(lower(n), order, x)


# fmt: off
rule(sp.eval_jacobi,     None, None, None, lambda g, _out, n, a, b, x: g * jacobi_slope(n, a, b, x))
rule(sp.eval_sh_jacobi,  None, None, None, lambda g, _out, n, p, q, x: g * n * sp.eval_sh_jacobi(lower(n), p + 2, q + 1, x))
rule(sp.eval_gegenbauer, None, None, lambda g, _out, n, a, x: g * 2 * a * ultraspherical(n, a + 1, x))
rule(sp.eval_legendre,   None, lambda g, _out, n, x: g * ultraspherical(n, 1.5, x))
rule(sp.eval_sh_legendre, None, lambda g, _out, n, x: 2 * g * ultraspherical(n, 1.5, 2 * x - 1))
rule(sp.eval_chebyt,     None, lambda g, _out, n, x: g * n * sp.eval_chebyu(lower(n), x))
rule(sp.eval_chebyc,     None, lambda g, _out, n, x: g * n * sp.eval_chebys(lower(n), x))
rule(sp.eval_sh_chebyt,  None, lambda g, _out, n, x: 2 * g * n * sp.eval_sh_chebyu(lower(n), x))
rule(sp.eval_chebyu,     None, lambda g, _out, n, x: 2 * g * ultraspherical(n, 2.0, x))
rule(sp.eval_chebys,     None, lambda g, _out, n, x: g * ultraspherical(n, 2.0, x / 2))
rule(sp.eval_sh_chebyu,  None, lambda g, _out, n, x: 4 * g * ultraspherical(n, 2.0, 2 * x - 1))
rule(sp.eval_laguerre,   None, lambda g, _out, n, x: -g * np.not_equal(n, 0) * sp.eval_genlaguerre(lower(n), 1.0, x))
rule(sp.eval_genlaguerre, None, None, lambda g, _out, n, a, x: -g * np.not_equal(n, 0) * sp.eval_genlaguerre(lower(n), a + 1, x))
rule(sp.eval_hermite,    None, lambda g, _out, n, x: 2 * g * n * sp.eval_hermite(lower(n), x))
rule(sp.eval_hermitenorm, None, lambda g, _out, n, x: g * n * sp.eval_hermitenorm(lower(n), x))
rule(sp.lpmv,            None, None, lambda g, out, m, v, x: g * (v * x * out - (v + m) * sp.lpmv(m, v - 1, x)) / (x * x - 1))
# fmt: on
