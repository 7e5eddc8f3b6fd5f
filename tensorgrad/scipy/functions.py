"""Functions of tensors that `scipy.special` does not dispatch, and those without a gradient."""

from collections.abc import Callable

import numpy as np
import scipy.special as sp

from tensorgrad.ops.common import as_array, as_inexact, values
from tensorgrad.rules import Function, nondifferentiable, primitive, rule, unsupported
from tensorgrad.scipy.lifting import expressed, taking_tensors

OWN: dict[str, Function] = {}  # functions of tensors by their name in scipy.special
# SciPy's functions that are written in Python and reach the tensor's ufuncs as they are.
THROUGH = {
    "assoc_laguerre", "h1vp", "h2vp", "ivp", "jvp", "kvp", "lambertw", "sinc", "softplus", "yvp", "zeta",
}  # fmt: skip


def taken(name: str) -> Function:
    """Return SciPy's function of that name, which arrays go to as before, and remember it."""
    OWN[name] = taking_tensors(getattr(sp, name), name)
    return OWN[name]


def special_by(name: str) -> Callable[[Function], Function]:
    """Declare an expression that gives SciPy's function of that name its gradient."""

    def declare(expression: Function) -> Function:
        OWN[name] = expressed(getattr(sp, name), name)(expression)
        return expression

    return declare


def spherical(name: str, below: int, above: int) -> None:
    """Declare (2n + 1) f_n' = below n f_n-1 + above (n + 1) f_n+1, which holds at z = 0, too."""

    def slope(n, z):
        # At n = 0 the first term has the factor 0.
        terms = below * n * value(np.maximum(n - 1, 0), z) + above * (n + 1) * value(n + 1, z)
        return terms / (2 * n + 1)

    def compute(n, z):
        return getattr(sp, name)(n, z)

    value = primitive(compute)
    value.compute.__name__ = name  # type: ignore[attr-defined]
    rule(value, None, lambda g, _out, n, z: g * slope(as_array(n), z))
    special_by(name)(
        lambda n, z, derivative=False: slope(as_array(n), z) if derivative else value(n, z)
    )


@special_by("polygamma")
def polygamma_expression(n, x):
    n = as_array(n)
    series = (-1.0) ** (n + 1) * sp.gamma(n + 1.0) * sp.zeta(np.maximum(n, 1) + 1.0, x)
    return np.where(np.equal(n, 0), sp.psi(x), series)


@special_by("multigammaln")
def multigammaln_expression(a, d):
    a = as_array(a)
    return sum(sp.gammaln(a - j / 2) for j in range(int(d)))


@special_by("logsumexp")
def logsumexp_expression(a, axis=None, b=None, keepdims=False, return_sign=False):
    """Return log Σ b exp(a), or log |Σ b exp(a)| and its sign."""
    a = np.atleast_1d(as_inexact(a))
    factor = 1.0 if b is None else as_inexact(b)
    if not return_sign:
        total, top = scaled_sum(a, factor, axis)
        found = np.log(total) + top
        return found if keepdims else np.squeeze(found, axis)
    total, top = scaled_sum(a, factor, axis)
    size = np.abs(total)
    found, sign = np.log(size) + top, total / size
    return (found, sign) if keepdims else (np.squeeze(found, axis), np.squeeze(sign, axis))


def scaled_sum(a, factor, axis):
    """Return Σ factor exp(a - top) and top, the largest a, through which no gradient flows."""
    top = np.max(np.real(values(a)), axis=axis, keepdims=True)
    top = np.where(np.isfinite(top), top, np.zeros_like(top))
    return np.sum(factor * np.exp(a - top), axis=axis, keepdims=True), top


@special_by("softmax")
def softmax_expression(x, axis=None):
    x = as_inexact(x)
    total, top = scaled_sum(x, 1.0, axis)
    return np.exp(x - top) / total


@special_by("log_softmax")
def log_softmax_expression(x, axis=None):
    x = as_inexact(x)
    total, top = scaled_sum(x, 1.0, axis)
    return x - top - np.log(total)


@special_by("comb")
def comb_expression(N, k, *, exact=False, repetition=False):
    N, k = as_array(N), as_array(k)
    inside = (k >= 0) & (N >= 0) & ((k <= N) | repetition)  # outside, SciPy returns 0
    return np.where(inside, sp.binom(N + k - 1 if repetition else N, k), 0)


@special_by("perm")
def perm_expression(N, k, exact=False):
    N, k = as_array(N), as_array(k)
    return np.where((k >= 0) & (N >= 0) & (k <= N), sp.poch(N - k + 1, k), 0)


@special_by("factorial")
def factorial_expression(n, exact=False, extend="zero"):
    n = as_inexact(n)
    if extend == "complex":
        return sp.gamma(n + 1)
    return np.where(n >= 0, sp.gamma(np.where(n >= 0, n, 0) + 1), 0)


@special_by("factorial2")
def factorial2_expression(n, exact=False, extend="zero"):
    return factorialk_expression(n, 2)


@special_by("factorialk")
def factorialk_expression(n, k, exact=False, extend="zero"):
    """Return the product n (n - k) (n - 2k) … as a gamma function, where SciPy takes fractions."""
    n = as_inexact(n)
    return k ** ((n - 1) / k) * sp.gamma(n / k + 1) / sp.gamma(1 / k + 1)


@special_by("diric")
def diric_expression(x, n):
    """Return sin(n x / 2) / (n sin(x / 2)) as a Chebyshev polynomial, which has no gap at 2 pi."""
    n = as_array(n)
    return sp.eval_chebyu(n - 1, np.cos(as_inexact(x) / 2)) / n


spherical("spherical_jn", 1, -1)
spherical("spherical_yn", 1, -1)
spherical("spherical_in", 1, 1)
spherical("spherical_kn", -1, -1)

# fmt: off
CONSTANT = (  # of integers alone, or no functions of numbers
    "ai_zeros bei_zeros beip_zeros ber_zeros bernoulli berp_zeros bi_zeros c_roots cg_roots chebyc chebys chebyt chebyu erf_zeros euler "
    "fresnel_zeros fresnelc_zeros fresnels_zeros geterr h_roots he_roots hermite hermitenorm jn_zeros jnjnp_zeros jnp_zeros "
    "jnyn_zeros kei_zeros keip_zeros kelvin_zeros ker_zeros kerp_zeros l_roots laguerre legendre p_roots ps_roots roots_chebyc roots_chebys "
    "roots_chebyt roots_chebyu roots_hermite roots_hermitenorm roots_laguerre roots_legendre roots_sh_chebyt roots_sh_chebyu roots_sh_legendre s_roots "
    "seterr sh_chebyt sh_chebyu sh_legendre stirling2 t_roots test ts_roots u_roots us_roots y0_zeros y1_zeros y1p_zeros yn_zeros ynp_zeros"
)
REFUSED = {
    "its Fortran routine gives all orders at once, without a derivative; use the function of one order": "lmbda lqmn lqn pbdn_seq pbdv_seq pbvv_seq riccati_jn riccati_yn",
    "its derivatives are arrays (diff_n=), which have no gradient; use eval_legendre, or lpmv": (
        "assoc_legendre_p assoc_legendre_p_all legendre_p legendre_p_all sph_harm_y sph_harm_y_all sph_legendre_p sph_legendre_p_all"
    ),
    "a polynomial object and its roots hold arrays; use the eval_ function of that name for a gradient in x": (
        "gegenbauer genlaguerre jacobi sh_jacobi roots_gegenbauer roots_genlaguerre roots_jacobi roots_sh_jacobi la_roots j_roots js_roots"
    ),
    "the derivatives of ellipsoidal harmonics have no formula here": "ellip_harm ellip_harm_2 ellip_normal",
    "the derivatives of Mathieu functions and characteristic values have no formula here": (
        "mathieu_a mathieu_b mathieu_cem mathieu_modcem1 mathieu_modcem2 mathieu_modsem1 mathieu_modsem2 mathieu_sem mathieu_even_coef mathieu_odd_coef"
    ),
    "the derivatives of spheroidal wave functions have no formula here; the second output is the derivative in x, as an array": (
        "obl_ang1 obl_ang1_cv obl_cv obl_cv_seq obl_rad1 obl_rad1_cv obl_rad2 obl_rad2_cv pro_ang1 pro_ang1_cv pro_cv pro_cv_seq pro_rad1 pro_rad1_cv pro_rad2 pro_rad2_cv"
    ),
    "SciPy finds a parameter of a distribution by iteration; differentiate the distribution function and apply the implicit function theorem": (
        "bdtrik bdtrin btdtria btdtrib chdtriv chndtridf chndtrinc chndtrix fdtridfd gdtrib nbdtrik nbdtrin ncfdtri ncfdtridfd ncfdtridfn ncfdtrinc "
        "nctdtridf nctdtrinc nctdtrit pdtrik stdtridf"
    ),
    "the derivatives of noncentral distributions have no closed form": "chndtr ncfdtr nctdtr",
    "the derivatives of the Kolmogorov-Smirnov distributions have no closed form": "kolmogi kolmogorov smirnov smirnovi",
    "SciPy has deprecated or removed it; use lpmv, or eval_legendre": "clpmn lpmn lpn sph_harm",
    "its derivative has no closed form": "besselpoly modfresnelm modfresnelp",
}
nondifferentiable(sp.gammasgn, sp.round)
# fmt: on
for _name in filter(sp.__dict__.get, CONSTANT.split()):  # SciPy drops functions now and then
    nondifferentiable(taken(_name))
for _reason, _names in REFUSED.items():
    for _name in filter(sp.__dict__.get, _names.split()):
        _function = getattr(sp, _name)
        unsupported(_reason, _function if isinstance(_function, np.ufunc) else taken(_name))
