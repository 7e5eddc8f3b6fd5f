"""Rules of `scipy.special`'s ufuncs, one line each; importing this file registers all its tables."""

import math

import numpy as np
import scipy.special as sp
from scipy.special import _ufuncs

from tensorgrad.ops.common import valued_by_numpy
from tensorgrad.ops.elementwise import safe_divide
from tensorgrad.rules import rule
from tensorgrad.scipy import bessel as _bessel  # noqa: F401  # their rows
from tensorgrad.scipy import functions as _functions  # noqa: F401
from tensorgrad.scipy import orthogonal as _orthogonal  # noqa: F401
from tensorgrad.scipy.families import SQRT_PI, dawson, exprel, polygamma_of, scaled_ierfc
from tensorgrad.scipy.formulas import (
    boxcox_by_power,
    digamma,
    incomplete_by_m,
    rgamma_slope,
    sinhc,
    spence_slope,
    tukey_density,
)
from tensorgrad.scipy.integrals import (
    beta_density,
    betainc_by,
    carlson,
    gamma_density,
    gammainc_by_a,
)
from tensorgrad.scipy.outputs import each_output
from tensorgrad.scipy.student import student_by_df, student_density
from tensorgrad.scipy.zeta import hurwitz_zeta, riemann_zeta

DEGREE = math.pi / 180
SQRT_2, SQRT_2_PI = math.sqrt(2), math.sqrt(2 * math.pi)

# fmt: off
# The error function and the normal distribution
rule(sp.erf,        lambda g, _out, x: g * (2 / SQRT_PI * np.exp(-x * x)))
rule(sp.erfc,       lambda g, _out, x: g * (-2 / SQRT_PI * np.exp(-x * x)))
rule(sp.erfi,       lambda g, _out, x: g * (2 / SQRT_PI * np.exp(x * x)))
rule(sp.erfcx,      lambda g, out, x: g * (2 * (x * out - 1 / SQRT_PI)) if x.dtype.kind == "c" else -2 * g * scaled_ierfc(x, n=1))
rule(sp.erfinv,     lambda g, out, _x: g * (SQRT_PI / 2 * np.exp(out * out)))
rule(sp.erfcinv,    lambda g, out, _x: g * (-SQRT_PI / 2 * np.exp(out * out)))
rule(sp.dawsn,      lambda g, out, x: g * (1 - 2 * x * out) if x.dtype.kind == "c" else g * dawson(x, n=1))
rule(sp.wofz,       lambda g, out, z: g * (2j / SQRT_PI - 2 * z * out))
rule(sp.ndtr,       lambda g, _out, x: g * (np.exp(-x * x / 2) / SQRT_2_PI))
rule(sp.log_ndtr,   lambda g, _out, x: g * (2 / SQRT_2_PI) / sp.erfcx(-x / SQRT_2))
rule(sp.ndtri,      lambda g, out, _x: g * (SQRT_2_PI * np.exp(out * out / 2)))
rule(sp.ndtri_exp,  lambda g, out, _y: g * (SQRT_2_PI / 2) * sp.erfcx(-out / SQRT_2))
rule(sp.owens_t,    lambda g, _out, h, a: g * (-np.exp(-h * h / 2) * sp.erf(a * h / SQRT_2) / (2 * SQRT_2_PI)),
                    lambda g, _out, h, a: g * (np.exp(-h * h * (1 + a * a) / 2) / (2 * math.pi * (1 + a * a))))

# The gamma function
rule(sp.gamma,      lambda g, out, x: g * out * digamma(x))
rule(sp.gammaln,    lambda g, _out, x: g * digamma(x))
rule(sp.loggamma,   lambda g, _out, x: g * sp.psi(x))
rule(sp.rgamma,     lambda g, _out, x: g * rgamma_slope(x))
rule(sp.psi,        lambda g, _out, x: g * polygamma_of(x, n=1))
rule(sp.beta,       lambda g, out, a, b: g * out * (sp.psi(a) - sp.psi(a + b)), lambda g, out, a, b: g * out * (sp.psi(b) - sp.psi(a + b)))
rule(sp.betaln,     lambda g, _out, a, b: g * (sp.psi(a) - sp.psi(a + b)),      lambda g, _out, a, b: g * (sp.psi(b) - sp.psi(a + b)))
rule(sp.poch,       lambda g, out, z, m: g * out * (sp.psi(z + m) - sp.psi(z)), lambda g, out, z, m: g * out * sp.psi(z + m))
rule(sp.binom,      lambda g, out, n, k: g * out * (sp.psi(n + 1) - sp.psi(n - k + 1)),
                    lambda g, out, n, k: g * out * (sp.psi(n - k + 1) - sp.psi(k + 1)))
rule(sp.gammainc,   lambda g, _out, a, x: g * gammainc_by_a(a, x, n=1),         lambda g, _out, a, x: g * gamma_density(a, x))
rule(sp.gammaincc,  lambda g, _out, a, x: -g * gammainc_by_a(a, x, n=1),        lambda g, _out, a, x: -g * gamma_density(a, x))
rule(sp.gammaincinv,  lambda g, out, a, _y: -g * gammainc_by_a(a, out, n=1) / gamma_density(a, out), lambda g, out, a, _y: g / gamma_density(a, out))
rule(sp.gammainccinv, lambda g, out, a, _y: -g * gammainc_by_a(a, out, n=1) / gamma_density(a, out), lambda g, out, a, _y: -g / gamma_density(a, out))
rule(sp.betainc,    lambda g, _out, a, b, x: g * betainc_by(a, b, x, n=1),      lambda g, _out, a, b, x: g * betainc_by(a, b, x, m=1),
                    lambda g, _out, a, b, x: g * beta_density(a, b, x))
rule(sp.betaincc,   lambda g, _out, a, b, x: -g * betainc_by(a, b, x, n=1),     lambda g, _out, a, b, x: -g * betainc_by(a, b, x, m=1),
                    lambda g, _out, a, b, x: -g * beta_density(a, b, x))
rule(sp.betaincinv, lambda g, out, a, b, _y: -g * betainc_by(a, b, out, n=1) / beta_density(a, b, out),
                    lambda g, out, a, b, _y: -g * betainc_by(a, b, out, m=1) / beta_density(a, b, out),
                    lambda g, out, a, b, _y: g / beta_density(a, b, out))
rule(sp.betainccinv, lambda g, out, a, b, _y: -g * betainc_by(a, b, out, n=1) / beta_density(a, b, out),
                    lambda g, out, a, b, _y: -g * betainc_by(a, b, out, m=1) / beta_density(a, b, out),
                    lambda g, out, a, b, _y: -g / beta_density(a, b, out))
rule(_ufuncs._riemann_zeta, lambda g, _out, x: g * riemann_zeta(x, n=1))  # what scipy.special.zeta calls
rule(_ufuncs._zeta, lambda g, _out, x, q: g * hurwitz_zeta(x, q, n=1),          lambda g, _out, x, q: -g * x * sp.zeta(x + 1, q))
rule(sp.zetac,      lambda g, _out, x: g * riemann_zeta(x, n=1))

# Distributions
rule(sp.bdtr,       None, None, lambda g, _out, k, n, p: -g * beta_density(np.floor(k) + 1, n - np.floor(k), p))
rule(sp.bdtrc,      None, None, lambda g, _out, k, n, p: g * beta_density(np.floor(k) + 1, n - np.floor(k), p))
rule(sp.bdtri,      None, None, lambda g, out, k, n, _y: -g / beta_density(np.floor(k) + 1, n - np.floor(k), out))
rule(sp.nbdtr,      None, None, lambda g, _out, k, n, p: g * beta_density(n, np.floor(k) + 1, p))
rule(sp.nbdtrc,     None, None, lambda g, _out, k, n, p: -g * beta_density(n, np.floor(k) + 1, p))
rule(sp.nbdtri,     None, None, lambda g, out, k, n, _y: g / beta_density(n, np.floor(k) + 1, out))
rule(sp.pdtr,       None, lambda g, _out, k, m: -g * gamma_density(np.floor(k) + 1, m))
rule(sp.pdtrc,      None, lambda g, _out, k, m: g * gamma_density(np.floor(k) + 1, m))
rule(sp.pdtri,      None, lambda g, out, k, _y: -g / gamma_density(np.floor(k) + 1, out))
rule(sp.stdtr,      lambda g, _out, df, t: g * student_by_df(df, t, n=1),       lambda g, _out, df, t: g * student_density(df, t))
rule(sp.stdtrit,    lambda g, out, df, _p: -g * student_by_df(df, out, n=1) / student_density(df, out), lambda g, out, df, _p: g / student_density(df, out))
rule(sp.tklmbda,    lambda g, out, _x, p: g * tukey_density(out, p), None)
valued_by_numpy(sp.chdtr)(lambda v, x: sp.gammainc(v / 2, x / 2))
valued_by_numpy(sp.chdtrc)(lambda v, x: sp.gammaincc(v / 2, x / 2))
valued_by_numpy(sp.chdtri)(lambda v, p: 2 * sp.gammainccinv(v / 2, p))
valued_by_numpy(sp.gdtr)(lambda a, b, x: sp.gammainc(b, a * x))
valued_by_numpy(sp.gdtrc)(lambda a, b, x: sp.gammaincc(b, a * x))
valued_by_numpy(sp.gdtrix)(lambda a, b, p: sp.gammaincinv(b, p) / a)
valued_by_numpy(sp.gdtria)(lambda p, b, x: sp.gammaincinv(b, p) / x)
valued_by_numpy(sp.fdtr)(lambda n, d, x: sp.betainc(n / 2, d / 2, n * x / (d + n * x)))
valued_by_numpy(sp.fdtrc)(lambda n, d, x: sp.betainc(d / 2, n / 2, d / (d + n * x)))
valued_by_numpy(sp.fdtri)(lambda n, d, p: d / n / (1 / sp.betaincinv(n / 2, d / 2, p) - 1))
valued_by_numpy(sp.nrdtrimn)(lambda p, std, x: x - std * sp.ndtri(p))
valued_by_numpy(sp.nrdtrisd)(lambda mn, p, x: (x - mn) / sp.ndtri(p))
valued_by_numpy(sp.voigt_profile)(lambda x, s, w: np.real(sp.wofz((x + 1j * w) / (s * SQRT_2))) / (s * SQRT_2_PI))

# Logistic functions, entropies and losses
rule(sp.expit,      lambda g, out, x: g * (out * sp.expit(-x)))
rule(sp.log_expit,  lambda g, _out, x: g * sp.expit(-x))
rule(sp.logit,      lambda g, _out, x: g / (x * (1 - x)))
rule(sp.xlogy,      lambda g, _out, _x, y: g * np.log(y),       lambda g, _out, x, y: safe_divide(g * x, y))
rule(sp.xlog1py,    lambda g, _out, _x, y: g * np.log1p(y),     lambda g, _out, x, y: safe_divide(g * x, 1 + y))
rule(sp.entr,       lambda g, _out, x: -g * (np.log(x) + 1))
rule(sp.rel_entr,   lambda g, _out, x, y: g * (np.log(x / y) + 1),  lambda g, _out, x, y: -safe_divide(g * x, y))
rule(sp.kl_div,     lambda g, _out, x, y: g * np.log(x / y),    lambda g, _out, x, y: safe_divide(g * (y - x), y))
rule(sp.huber,      lambda g, _out, d, r: g * np.maximum(np.abs(r) - d, 0), lambda g, _out, d, r: g * np.clip(r, -d, d))
rule(sp.pseudo_huber, lambda g, _out, d, r: g * d * (r / d) ** 4 / (np.hypot(1, r / d) * (1 + np.hypot(1, r / d)) ** 2),
                    lambda g, _out, d, r: g * r / np.hypot(1, r / d))
rule(sp.boxcox,     lambda g, _out, x, p: g * x ** (p - 1),     lambda g, _out, x, p: g * boxcox_by_power(np.log(x), p))
rule(sp.boxcox1p,   lambda g, _out, x, p: g * np.exp((p - 1) * np.log1p(x)), lambda g, _out, x, p: g * boxcox_by_power(np.log1p(x), p))
rule(sp.inv_boxcox, lambda g, out, _y, p: g * out ** (1 - p),   lambda g, out, _y, p: -g * boxcox_by_power(np.log(out), p) * out ** (1 - p))
rule(sp.inv_boxcox1p, lambda g, out, _y, p: g * (1 + out) ** (1 - p), lambda g, out, _y, p: -g * boxcox_by_power(np.log1p(out), p) * (1 + out) ** (1 - p))

# Elementary functions with more digits
rule(sp.cbrt,       lambda g, out, _x: g / (3 * out * out))
rule(sp.exp2,       lambda g, out, _x: g * out * math.log(2))
rule(sp.exp10,      lambda g, out, _x: g * out * math.log(10))
rule(sp.expm1,      lambda g, _out, x: g * np.exp(x))
rule(sp.exprel,     lambda g, _out, x: g * exprel(x, n=1))
rule(sp.log1p,      lambda g, _out, x: g / (1 + x))
rule(sp.cosm1,      lambda g, _out, x: -g * np.sin(x))
rule(sp.powm1,      lambda g, _out, x, y: g * y * x ** (y - 1), lambda g, out, x, _y: g * (out + 1) * np.log(x))
rule(sp.sindg,      lambda g, _out, x: g * DEGREE * sp.cosdg(x))
rule(sp.cosdg,      lambda g, _out, x: -g * DEGREE * sp.sindg(x))
rule(sp.tandg,      lambda g, out, _x: g * DEGREE * (1 + out * out))
rule(sp.cotdg,      lambda g, out, _x: -g * DEGREE * (1 + out * out))
rule(sp.radian,     lambda g, _out, _d, _m, _s: g * DEGREE, lambda g, _out, _d, _m, _s: g * (DEGREE / 60), lambda g, _out, _d, _m, _s: g * (DEGREE / 3600))

# Exponential integrals and their kin
rule(sp.exp1,       lambda g, _out, z: -g * np.exp(-z) / z)
rule(sp.expi,       lambda g, _out, z: g * np.exp(z) / z)
rule(sp.expn,       None, lambda g, _out, n, x: -g * np.where(np.equal(n, 0), np.exp(-x) * (1 + x) / (x * x), sp.expn(np.maximum(n - 1, 0), x)))
rule(sp.spence,     lambda g, _out, z: g * spence_slope(z))
rule(_ufuncs._lambertw, lambda g, out, _z, _k, _tol: g * np.exp(-out) / (1 + out), None, None)  # what scipy.special.lambertw calls
rule(sp.wrightomega, lambda g, out, _z: g * out / (1 + out))
rule(sp.wright_bessel, None, None, lambda g, _out, a, b, x: g * sp.wright_bessel(a, a + b, x))
rule(sp.log_wright_bessel, None, None, lambda g, out, a, b, x: g * np.exp(sp.log_wright_bessel(a, a + b, x) - out))
each_output(sp.sici,    (lambda x: np.sinc(x / math.pi),), (lambda x: np.cos(x) / x,))
each_output(sp.shichi,  (sinhc,),              (lambda x: np.cosh(x) / x,))
each_output(sp.fresnel, (lambda x: np.sin(math.pi / 2 * x * x),), (lambda x: np.cos(math.pi / 2 * x * x),))

# Elliptic integrals
rule(sp.ellipk,     lambda g, _out, m: g * (math.pi / 8) * sp.hyp2f1(1.5, 1.5, 2, m))
rule(sp.ellipkm1,   lambda g, _out, p: -g * (math.pi / 8) * sp.hyp2f1(1.5, 1.5, 2, 1 - p))
rule(sp.ellipe,     lambda g, _out, m: -g * (math.pi / 8) * sp.hyp2f1(0.5, 1.5, 2, m))
rule(sp.ellipkinc,  lambda g, _out, phi, m: g / np.sqrt(1 - m * np.sin(phi) ** 2), lambda g, _out, phi, m: g * incomplete_by_m(phi, m, first=True))
rule(sp.ellipeinc,  lambda g, _out, phi, m: g * np.sqrt(1 - m * np.sin(phi) ** 2), lambda g, _out, phi, m: g * incomplete_by_m(phi, m, first=False))
each_output(sp.ellipj, (lambda u, m: sp.ellipj(u, m)[1] * sp.ellipj(u, m)[2], None), (lambda u, m: -sp.ellipj(u, m)[0] * sp.ellipj(u, m)[2], None),
                       (lambda u, m: -m * sp.ellipj(u, m)[0] * sp.ellipj(u, m)[1], None), (lambda u, m: sp.ellipj(u, m)[2], None))
rule(sp.elliprf,    lambda g, _out, x, y, z: -g / 4 * carlson(x, y, z, 1.0, powers=(1.5, 0.5, 0.5, 0)), lambda g, _out, x, y, z: -g / 4 * carlson(x, y, z, 1.0, powers=(0.5, 1.5, 0.5, 0)),
                    lambda g, _out, x, y, z: -g / 4 * carlson(x, y, z, 1.0, powers=(0.5, 0.5, 1.5, 0)))
rule(sp.elliprd,    lambda g, _out, x, y, z: -g * 0.75 * carlson(x, y, z, 1.0, powers=(1.5, 0.5, 1.5, 0)), lambda g, _out, x, y, z: -g * 0.75 * carlson(x, y, z, 1.0, powers=(0.5, 1.5, 1.5, 0)),
                    lambda g, _out, x, y, z: -g * 2.25 * carlson(x, y, z, 1.0, powers=(0.5, 0.5, 2.5, 0)))
rule(sp.elliprc,    lambda g, _out, x, y: -g / 4 * carlson(x, y, 1.0, 1.0, powers=(1.5, 1, 0, 0)), lambda g, _out, x, y: -g / 2 * carlson(x, y, 1.0, 1.0, powers=(0.5, 2, 0, 0)))
rule(sp.elliprj,    lambda g, _out, x, y, z, p: -g * 0.75 * carlson(x, y, z, p, powers=(1.5, 0.5, 0.5, 1)), lambda g, _out, x, y, z, p: -g * 0.75 * carlson(x, y, z, p, powers=(0.5, 1.5, 0.5, 1)),
                    lambda g, _out, x, y, z, p: -g * 0.75 * carlson(x, y, z, p, powers=(0.5, 0.5, 1.5, 1)), lambda g, _out, x, y, z, p: -g * 1.5 * carlson(x, y, z, p, powers=(0.5, 0.5, 0.5, 2)))
valued_by_numpy(sp.elliprg)(lambda x, y, z: (z * sp.elliprf(x, y, z) - (x - z) * (y - z) * sp.elliprd(x, y, z) / 3 + np.sqrt(x * y / z)) / 2)
valued_by_numpy(sp.agm)(lambda a, b: math.pi / 4 * (a + b) / sp.ellipk(((a - b) / (a + b)) ** 2))

# Hypergeometric functions
rule(sp.hyp0f1,     None, lambda g, _out, v, z: g * sp.hyp0f1(v + 1, z) / v)
rule(sp.hyp1f1,     None, None, lambda g, _out, a, b, z: g * (a / b) * sp.hyp1f1(a + 1, b + 1, z))
rule(sp.hyperu,     None, None, lambda g, _out, a, b, x: -g * a * sp.hyperu(a + 1, b + 1, x))
rule(sp.hyp2f1,     None, None, None, lambda g, _out, a, b, c, z: g * (a * b / c) * sp.hyp2f1(a + 1, b + 1, c + 1, z))
each_output(sp.pbdv, (None, lambda v, x: sp.pbdv(v, x)[1]), (None, lambda v, x: (x * x / 4 - v - 0.5) * sp.pbdv(v, x)[0]))
each_output(sp.pbvv, (None, lambda v, x: sp.pbvv(v, x)[1]), (None, lambda v, x: (x * x / 4 - v - 0.5) * sp.pbvv(v, x)[0]))
each_output(sp.pbwa, (None, lambda a, x: sp.pbwa(a, x)[1]), (None, lambda a, x: (a - x * x / 4) * sp.pbwa(a, x)[0]))
# fmt: on
