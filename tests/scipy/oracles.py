"""mpmath's counterparts of scipy.special's functions: `f(m, *numbers)`, with m the module mpmath."""

import scipy.special as sp
from scipy.special import _ufuncs


def normal_quantile(m, p):
    return m.sqrt(2) * m.erfinv(2 * p - 1)


def faddeeva(m, z):
    return m.exp(-z * z) * m.erfc(-1j * z)


def dawson(m, x):
    return m.sqrt(m.pi) / 2 * m.exp(-x * x) * m.erfi(x)


def student(m, v, t):
    half = m.mpf(1) / 2
    if abs(t) < 0.1:
        density = m.gamma((v + 1) / 2) / (m.sqrt(v * m.pi) * m.gamma(v / 2))
        return half + t * density * m.hyp2f1(half, (v + 1) / 2, 3 * half, -t * t / v)
    tail = m.betainc(v / 2, half, 0, v / (v + t * t), regularized=True) / 2
    return 1 - tail if m.re(t) > 0 else tail


def log_normal(m, x):
    tail = m.erfc(abs(x) / m.sqrt(2)) / 2
    return m.log1p(-tail) if m.re(x) > 0 else m.log(tail)


def power_over(m, log, p):
    """Return (exp(p log) - 1) / p."""
    return m.expm1(p * log) / p if p else log


def root_over(m, y, p):
    """Return log(1 + p y) / p."""
    return m.log1p(p * y) / p if p else y


def integrals(first, second, struve, sign):
    """Return the integrals of two Bessel functions of order 0 from 0 to x."""

    def both(m, x):
        h0, below = getattr(m, struve)(0, x), getattr(m, struve)(-1, x)
        ways = ((getattr(m, first), sign[0]), (getattr(m, second), sign[1]))
        return tuple(m.pi * x / 2 * (f(0, x) * below + s * f(1, x) * h0) for f, s in ways)

    return both


def inverse(f, start):
    """Return the inverse of f(m, *parameters, x) in x, from a start that SciPy gives."""

    def solved(m, *args):
        *parameters, y = args
        first = start(*map(float, args))
        return m.findroot(lambda x: f(m, *parameters, x) - y, first)

    return solved


def gammainc(m, a, x):
    return m.gammainc(a, 0, x, regularized=True)


def gammaincc(m, a, x):
    return m.gammainc(a, x, m.inf, regularized=True)


def betainc(m, a, b, x):
    return m.betainc(a, b, 0, x, regularized=True)


def betaincc(m, a, b, x):
    return m.betainc(a, b, x, 1, regularized=True)


def fdtr(m, n, d, x):
    return betainc(m, n / 2, d / 2, n * x / (d + n * x))


def tukey_quantile(m, p, y):
    return (y**p - (1 - y) ** p) / p


def airys(m, x):
    return m.airyai(x), m.airyai(x, derivative=1), m.airybi(x), m.airybi(x, derivative=1)


def scaled_airys(m, x):
    factor = m.exp(2 * x * m.sqrt(x) / 3)
    ai, aip, bi, bip = airys(m, x)
    return ai * factor, aip * factor, bi / factor, bip / factor


def wright(m, a, b, x):
    return m.nsum(lambda k: x**k / m.factorial(k) * m.rgamma(a * k + b), [0, m.inf])


def elliptic(m, u, k):
    return tuple(m.ellipfun(name, u, m=k) for name in ("sn", "cn", "dn"))


def spherical(bessel, factor=1):
    return lambda m, n, z: factor * m.sqrt(m.pi / 2 / z) * getattr(m, bessel)(n + m.mpf(1) / 2, z)


# fmt: off
ORACLES = {
    sp.erf: lambda m, x: m.erf(x), sp.erfc: lambda m, x: m.erfc(x), sp.erfi: lambda m, x: m.erfi(x), sp.erfcx: lambda m, x: m.exp(x * x) * m.erfc(x),
    sp.erfinv: lambda m, x: m.erfinv(x), sp.erfcinv: lambda m, x: m.erfinv(1 - x), sp.dawsn: dawson, sp.wofz: faddeeva,
    sp.ndtr: lambda m, x: m.erfc(-x / m.sqrt(2)) / 2, sp.log_ndtr: lambda m, x: log_normal(m, x) if m.im(x) == 0 else m.log(m.erfc(-x / m.sqrt(2)) / 2),
    sp.ndtri: normal_quantile, sp.ndtri_exp: lambda m, y: normal_quantile(m, m.exp(y)),
    sp.owens_t: lambda m, h, a: m.quad(lambda x: m.exp(-h * h * (1 + x * x) / 2) / (1 + x * x), [0, a]) / (2 * m.pi),
    sp.gamma: lambda m, x: m.gamma(x), sp.gammaln: lambda m, x: m.log(abs(m.gamma(x))), sp.loggamma: lambda m, x: m.loggamma(x), sp.rgamma: lambda m, x: m.rgamma(x),
    sp.psi: lambda m, x: m.psi(0, x), sp.beta: lambda m, a, b: m.beta(a, b), sp.betaln: lambda m, a, b: m.log(m.beta(a, b)),
    sp.poch: lambda m, z, k: m.rf(z, k), sp.binom: lambda m, n, k: m.binomial(n, k),
    sp.gammainc: gammainc, sp.gammaincc: gammaincc, sp.gammaincinv: inverse(gammainc, sp.gammaincinv), sp.gammainccinv: inverse(gammaincc, sp.gammainccinv),
    sp.betainc: betainc, sp.betaincc: betaincc, sp.betaincinv: inverse(betainc, sp.betaincinv), sp.betainccinv: inverse(betaincc, sp.betainccinv),
    _ufuncs._zeta: lambda m, s, q: m.zeta(s, q), _ufuncs._riemann_zeta: lambda m, s: m.zeta(s), sp.zetac: lambda m, s: m.zeta(s) - 1,
    sp.bdtr: lambda m, k, n, p: betainc(m, n - k, k + 1, 1 - p), sp.bdtrc: lambda m, k, n, p: betainc(m, k + 1, n - k, p),
    sp.bdtri: inverse(lambda m, k, n, p: betainc(m, n - k, k + 1, 1 - p), lambda k, n, y: sp.bdtri(k, int(n), y)), sp.nbdtr: lambda m, k, n, p: betainc(m, n, k + 1, p),
    sp.nbdtrc: lambda m, k, n, p: betaincc(m, n, k + 1, p), sp.nbdtri: inverse(lambda m, k, n, p: betainc(m, n, k + 1, p), lambda k, n, y: sp.nbdtri(int(k), int(n), y)),
    sp.pdtr: lambda m, k, x: gammaincc(m, k + 1, x), sp.pdtrc: lambda m, k, x: gammainc(m, k + 1, x),
    sp.pdtri: inverse(lambda m, k, x: gammaincc(m, k + 1, x), lambda k, y: sp.pdtri(int(k), y)),
    sp.stdtr: student, sp.stdtrit: inverse(student, sp.stdtrit), sp.chdtr: lambda m, v, x: gammainc(m, v / 2, x / 2), sp.chdtrc: lambda m, v, x: gammaincc(m, v / 2, x / 2),
    sp.chdtri: inverse(lambda m, v, x: gammaincc(m, v / 2, x / 2), sp.chdtri), sp.gdtr: lambda m, a, b, x: gammainc(m, b, a * x), sp.gdtrc: lambda m, a, b, x: gammaincc(m, b, a * x),
    sp.gdtrix: inverse(lambda m, a, b, x: gammainc(m, b, a * x), sp.gdtrix),
    sp.gdtria: lambda m, p, b, x: m.findroot(lambda y: gammainc(m, b, y) - p, sp.gammaincinv(float(b), float(p))) / x,
    sp.fdtr: fdtr, sp.fdtrc: lambda m, n, d, x: 1 - fdtr(m, n, d, x), sp.fdtri: inverse(fdtr, sp.fdtri),
    sp.nrdtrimn: lambda m, p, s, x: x - s * normal_quantile(m, p), sp.nrdtrisd: lambda m, mean, p, x: (x - mean) / normal_quantile(m, p),
    sp.voigt_profile: lambda m, x, s, w: m.re(faddeeva(m, (x + 1j * w) / (s * m.sqrt(2)))) / (s * m.sqrt(2 * m.pi)),
    sp.expit: lambda m, x: 1 / (1 + m.exp(-x)), sp.log_expit: lambda m, x: -m.log(1 + m.exp(-x)), sp.logit: lambda m, x: m.log(x / (1 - x)),
    sp.xlogy: lambda m, x, y: x * m.log(y), sp.xlog1py: lambda m, x, y: x * m.log1p(y), sp.entr: lambda m, x: -x * m.log(x), sp.rel_entr: lambda m, x, y: x * m.log(x / y),
    sp.kl_div: lambda m, x, y: x * m.log(x / y) - x + y, sp.pseudo_huber: lambda m, d, r: d * d * (m.sqrt(1 + (r / d) ** 2) - 1),
    sp.boxcox: lambda m, x, p: power_over(m, m.log(x), p), sp.boxcox1p: lambda m, x, p: power_over(m, m.log1p(x), p),
    sp.inv_boxcox: lambda m, y, p: m.exp(root_over(m, y, p)), sp.inv_boxcox1p: lambda m, y, p: m.expm1(root_over(m, y, p)),
    sp.cbrt: lambda m, x: m.sign(x) * m.cbrt(abs(x)), sp.exp2: lambda m, x: m.mpf(2) ** x, sp.exp10: lambda m, x: m.mpf(10) ** x, sp.expm1: lambda m, x: m.expm1(x),
    sp.exprel: lambda m, x: m.expm1(x) / x if x else m.mpf(1), sp.log1p: lambda m, x: m.log1p(x), sp.cosm1: lambda m, x: m.cos(x) - 1, sp.powm1: lambda m, x, y: m.powm1(x, y),
    sp.sindg: lambda m, x: m.sin(m.radians(x)), sp.cosdg: lambda m, x: m.cos(m.radians(x)), sp.tandg: lambda m, x: m.tan(m.radians(x)), sp.cotdg: lambda m, x: m.cot(m.radians(x)),
    sp.radian: lambda m, d, f, s: m.radians(d + f / 60 + s / 3600), sp.exp1: lambda m, x: m.e1(x), sp.expi: lambda m, x: m.ei(x), sp.expn: lambda m, n, x: m.expint(n, x),
    sp.spence: lambda m, z: m.polylog(2, 1 - z), _ufuncs._lambertw: lambda m, z, k, _tol: m.lambertw(z, k),
    sp.wrightomega: lambda m, z: m.lambertw(m.exp(z), m.ceil((m.im(z) - m.pi) / (2 * m.pi))), sp.wright_bessel: wright, sp.log_wright_bessel: lambda m, a, b, x: m.log(wright(m, a, b, x)),
    sp.sici: lambda m, x: (m.si(x), m.ci(x)), sp.shichi: lambda m, x: (m.shi(x), m.chi(x)), sp.fresnel: lambda m, x: (m.fresnels(x), m.fresnelc(x)),
    sp.ellipk: lambda m, k: m.ellipk(k), sp.ellipkm1: lambda m, p: m.ellipk(1 - p), sp.ellipe: lambda m, k: m.ellipe(k), sp.ellipkinc: lambda m, phi, k: m.ellipf(phi, k),
    sp.ellipeinc: lambda m, phi, k: m.ellipe(phi, k), sp.ellipj: elliptic,
    sp.elliprf: lambda m, *x: m.elliprf(*x), sp.elliprd: lambda m, *x: m.elliprd(*x), sp.elliprc: lambda m, *x: m.elliprc(*x), sp.elliprj: lambda m, *x: m.elliprj(*x),
    sp.elliprg: lambda m, *x: m.elliprg(*x), sp.agm: lambda m, a, b: m.agm(a, b), sp.hyp0f1: lambda m, v, z: m.hyp0f1(v, z), sp.hyp1f1: lambda m, a, b, z: m.hyp1f1(a, b, z),
    sp.hyperu: lambda m, a, b, z: m.hyperu(a, b, z), sp.hyp2f1: lambda m, a, b, c, z: m.hyp2f1(a, b, c, z),
    sp.jv: lambda m, v, z: m.besselj(v, z), sp.yv: lambda m, v, z: m.bessely(v, z), sp.yn: lambda m, n, z: m.bessely(n, z), sp.iv: lambda m, v, z: m.besseli(v, z),
    sp.kv: lambda m, v, z: m.besselk(v, z), sp.kn: lambda m, n, z: m.besselk(n, z), sp.hankel1: lambda m, v, z: m.hankel1(v, z), sp.hankel2: lambda m, v, z: m.hankel2(v, z),
    sp.hankel1e: lambda m, v, z: m.hankel1(v, z) * m.exp(-1j * z), sp.hankel2e: lambda m, v, z: m.hankel2(v, z) * m.exp(1j * z), sp.kve: lambda m, v, z: m.besselk(v, z) * m.exp(z),
    sp.jve: lambda m, v, x: m.besselj(v, x), sp.yve: lambda m, v, x: m.bessely(v, x), sp.ive: lambda m, v, x: m.besseli(v, x) * m.exp(-abs(x)),
    sp.j0: lambda m, x: m.besselj(0, x), sp.j1: lambda m, x: m.besselj(1, x), sp.y0: lambda m, x: m.bessely(0, x), sp.y1: lambda m, x: m.bessely(1, x), sp.i0: lambda m, x: m.besseli(0, x),
    sp.i1: lambda m, x: m.besseli(1, x), sp.k0: lambda m, x: m.besselk(0, x), sp.k1: lambda m, x: m.besselk(1, x), sp.k0e: lambda m, x: m.besselk(0, x) * m.exp(x),
    sp.k1e: lambda m, x: m.besselk(1, x) * m.exp(x), sp.i0e: lambda m, x: m.besseli(0, x) * m.exp(-abs(x)), sp.i1e: lambda m, x: m.besseli(1, x) * m.exp(-abs(x)),
    sp.ber: lambda m, x: m.ber(0, x), sp.bei: lambda m, x: m.bei(0, x), sp.ker: lambda m, x: m.ker(0, x), sp.kei: lambda m, x: m.kei(0, x),
    sp.airy: airys, sp.airye: scaled_airys,
    sp.itairy: lambda m, x: (m.airyai(x, derivative=-1), m.airybi(x, derivative=-1), -m.airyai(-x, derivative=-1), -m.airybi(-x, derivative=-1)),
    sp.struve: lambda m, v, x: m.struveh(v, x), sp.modstruve: lambda m, v, x: m.struvel(v, x), sp.itstruve0: lambda m, x: x * x / m.pi * m.hyper([1, 1], [1.5, 1.5, 2], -x * x / 4),
    sp.itmodstruve0: lambda m, x: x * x / m.pi * m.hyper([1, 1], [1.5, 1.5, 2], x * x / 4), sp.it2struve0: lambda m, x: m.pi / 2 - 2 * x / m.pi * m.hyper([0.5, 1], [1.5, 1.5, 1.5], -x * x / 4),
    sp.itj0y0: integrals("besselj", "bessely", "struveh", (1, 1)), sp.iti0k0: integrals("besseli", "besselk", "struvel", (-1, 1)),
    sp.it2j0y0: lambda m, x: (x * x / 8 * m.hyper([1, 1], [2, 2, 2], -x * x / 4),), sp.it2i0k0: lambda m, x: (x * x / 8 * m.hyper([1, 1], [2, 2, 2], x * x / 4),),
    sp.pbdv: lambda m, v, x: (m.pcfd(v, x), m.diff(lambda t: m.pcfd(v, t), x)), sp.pbvv: lambda m, v, x: (m.pcfv(-v - m.mpf(1) / 2, x),), sp.pbwa: lambda m, a, x: (m.pcfw(a, x),),
    sp.eval_jacobi: lambda m, n, a, b, x: m.jacobi(n, a, b, x), sp.eval_gegenbauer: lambda m, n, a, x: m.gegenbauer(n, a, x), sp.eval_legendre: lambda m, n, x: m.legendre(n, x),
    sp.eval_sh_jacobi: lambda m, n, p, q, x: m.factorial(n) * m.gamma(n + p) / m.gamma(2 * n + p) * m.jacobi(n, p - q, q - 1, 2 * x - 1),
    sp.huber: lambda m, d, r: r * r / 2 if abs(r) <= d else d * (abs(r) - d / 2), sp.tklmbda: lambda m, x, p: inverse(tukey_quantile, lambda p, x: sp.tklmbda(x, p))(m, p, x),
    sp.eval_sh_legendre: lambda m, n, x: m.legendre(n, 2 * x - 1), sp.eval_chebyt: lambda m, n, x: m.chebyt(n, x), sp.eval_chebyu: lambda m, n, x: m.chebyu(n, x),
    sp.eval_sh_chebyt: lambda m, n, x: m.chebyt(n, 2 * x - 1), sp.eval_sh_chebyu: lambda m, n, x: m.chebyu(n, 2 * x - 1), sp.eval_chebyc: lambda m, n, x: 2 * m.chebyt(n, x / 2),
    sp.eval_chebys: lambda m, n, x: m.chebyu(n, x / 2), sp.eval_laguerre: lambda m, n, x: m.laguerre(n, 0, x), sp.eval_genlaguerre: lambda m, n, a, x: m.laguerre(n, a, x),
    sp.eval_hermite: lambda m, n, x: m.hermite(n, x), sp.eval_hermitenorm: lambda m, n, x: m.mpf(2) ** (-n / 2) * m.hermite(n, x / m.sqrt(2)), sp.lpmv: lambda m, k, v, x: m.legenp(v, k, x),
}
FUNCTION_ORACLES = {
    "polygamma": lambda m, n, x: m.psi(n, x), "multigammaln": lambda m, a, d: m.log(m.pi) * d * (d - 1) / 4 + sum(m.loggamma(a - j / m.mpf(2)) for j in range(int(d))),
    "comb": lambda m, n, k: m.binomial(n, k), "perm": lambda m, n, k: m.rf(n - k + 1, k), "factorial": lambda m, n, *_: m.factorial(n),
    "factorial2": lambda m, n, *_: m.power(2, (n + 1) / 2) * m.gamma(n / 2 + 1) / m.sqrt(m.pi), "factorialk": lambda m, n, k, *_: m.power(k, n / k) * m.gamma(n / k + 1) / m.power(k, m.mpf(1) / k) / m.gamma(1 + m.mpf(1) / k),
    "zeta": lambda m, s, q: m.zeta(s, q), "lambertw": lambda m, z: m.lambertw(z),
    "spherical_jn": spherical("besselj"), "spherical_yn": spherical("bessely"), "spherical_in": spherical("besseli"), "spherical_kn": spherical("besselk"),
    "jvp": lambda m, v, z, n=1: m.besselj(v, z, derivative=int(n)), "yvp": lambda m, v, z: m.bessely(v, z, derivative=1), "ivp": lambda m, v, z: m.besseli(v, z, derivative=1),
    "kvp": lambda m, v, z: -(m.besselk(v - 1, z) + m.besselk(v + 1, z)) / 2, "h1vp": lambda m, v, z: (m.hankel1(v - 1, z) - m.hankel1(v + 1, z)) / 2, "h2vp": lambda m, v, z: (m.hankel2(v - 1, z) - m.hankel2(v + 1, z)) / 2,
    "diric": lambda m, x, n: m.sin(n * x / 2) / (n * m.sin(x / 2)), "softplus": lambda m, x: m.log1p(m.exp(x)), "assoc_laguerre": lambda m, x, n, k: m.laguerre(n, k, x),
}
NOT_ANALYTIC = {sp.jve, sp.yve, sp.ive}  # of complex numbers
ONLY_DIFFERENCES = {  # a derivative of a Kelvin function is not in mpmath; the functions are
    sp.berp, sp.beip, sp.kerp, sp.keip, sp.kelvin,
}  # fmt: skip
OF_ARRAYS = {"logsumexp", "softmax", "log_softmax"}  # compared with PyTorch's
# fmt: on
