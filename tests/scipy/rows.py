"""The rows of scipy.special's op table: calls inside the domain, whose floating-point arrays are differentiated."""

import numpy as np
import scipy.special as sp
from scipy.special import _ufuncs

X = np.array([-1.7, -0.6, 0.4, 2.3])  # anywhere
P = np.array([0.3, 0.8, 1.7, 4.2])  # positive
Q = np.array([2.6, 0.7, 1.3, 3.1])  # positive, too
U = np.array([0.07, 0.4, 0.65, 0.93])  # between 0 and 1
V = np.array([-0.8, -0.3, 0.25, 0.7])  # between -1 and 1
Z = np.array([0.7 + 0.4j, -1.2 + 0.9j, 0.3 - 1.1j])
N = np.array([0, 1, 2, 5])  # orders and degrees
TRIALS = np.array(7)  # of a dtype of its own: SciPy warns of a float32 beside it
K = np.array([0.0, 1.0, 2.0, 5.0])

# fmt: off
CASES = {
    sp.erf: [(X,), (Z,)], sp.erfc: [(X,), (Z,)], sp.erfi: [(X,), (Z,)], sp.erfcx: [(X,), (P * 5,), (Z,)], sp.erfinv: [(V,)], sp.erfcinv: [(U,)],
    sp.dawsn: [(X,), (P * 5,), (Z,)], sp.wofz: [(Z,)], sp.ndtr: [(X,), (Z,)], sp.log_ndtr: [(X,), (X * 8,), (Z,)], sp.ndtri: [(U,)], sp.ndtri_exp: [(-P,)],
    sp.owens_t: [(X, V)],
    sp.gamma: [(P,), (X,), (Z,)], sp.gammaln: [(P,), (X,)], sp.loggamma: [(P,), (Z,)], sp.rgamma: [(P,), (X,), (np.array([0.0, -1.0, -2.0]),), (Z,)], sp.psi: [(P,), (X,), (Z,)],
    sp.beta: [(P, Q)], sp.betaln: [(P, Q)], sp.poch: [(P, Q)], sp.binom: [(P + 3, Q)],
    sp.gammainc: [(P, Q), (Q, P)], sp.gammaincc: [(P, Q), (Q, P)], sp.gammaincinv: [(P, U)], sp.gammainccinv: [(P, U)],
    sp.betainc: [(P, Q, U)], sp.betaincc: [(P, Q, U)], sp.betaincinv: [(P, Q, U)], sp.betainccinv: [(P, Q, U)],
    _ufuncs._zeta: [(2.5, P), (P + 1, Q)], _ufuncs._riemann_zeta: [(P + 1,), (X,), (X - 4,), (Z,)], sp.zetac: [(P + 1,), (X - 4,)],
    sp.bdtr: [(2.0, TRIALS, U)], sp.bdtrc: [(2.0, TRIALS, U)], sp.bdtri: [(2.0, TRIALS, U)], sp.nbdtr: [(3, 5, U)], sp.nbdtrc: [(3, 5, U)], sp.nbdtri: [(3, 5, U)],
    sp.pdtr: [(2.0, P)], sp.pdtrc: [(2.0, P)], sp.pdtri: [(2, U)], sp.stdtr: [(P, X), (P * 1000, X), (P, np.zeros(4))], sp.stdtrit: [(P, U)],
    sp.chdtr: [(P, Q)], sp.chdtrc: [(P, Q)], sp.chdtri: [(P, U)], sp.gdtr: [(P, Q, U)], sp.gdtrc: [(P, Q, U)], sp.gdtrix: [(P, Q, U)], sp.gdtria: [(U, P, Q)],
    sp.fdtr: [(P, Q, U)], sp.fdtrc: [(P, Q, U)], sp.fdtri: [(P, Q, U)], sp.nrdtrimn: [(U, P, X)], sp.nrdtrisd: [(X, U, Q)], sp.tklmbda: [(V, 0.3)], sp.voigt_profile: [(X, P, Q)],
    sp.expit: [(X,), (X * 20,)], sp.log_expit: [(X,), (X * 20,)], sp.logit: [(U,)], sp.xlogy: [(X, P), (Z, Z + 2)], sp.xlog1py: [(X, P), (Z, Z + 2)], sp.entr: [(P,)],
    sp.rel_entr: [(P, Q)], sp.kl_div: [(P, Q)], sp.huber: [(P, X)], sp.pseudo_huber: [(P, X)],
    sp.boxcox: [(P, X), (P, np.zeros(4))], sp.boxcox1p: [(P, X), (P, np.zeros(4))], sp.inv_boxcox: [(P, Q), (V, U), (V, np.zeros(4))], sp.inv_boxcox1p: [(P, Q), (V, U), (V, np.zeros(4))],
    sp.cbrt: [(X,)], sp.exp2: [(X,)], sp.exp10: [(X,)], sp.expm1: [(X,), (Z,)], sp.exprel: [(X,), (np.zeros(2),), (X * 3,)], sp.log1p: [(P,), (Z,)], sp.cosm1: [(X,)], sp.powm1: [(P, X)],
    sp.sindg: [(X * 30,)], sp.cosdg: [(X * 30,)], sp.tandg: [(X * 30,)], sp.cotdg: [(X * 30,)], sp.radian: [(P, Q, U)],
    sp.exp1: [(P,), (Z,)], sp.expi: [(P,), (X,), (Z,)], sp.expn: [(N, P)], sp.spence: [(P,), (np.ones(2),), (Z + 1.5,)], _ufuncs._lambertw: [(P, 0, 1e-8), (np.zeros(1), 0, 1e-8), (Z, 1, 1e-8)],
    sp.wrightomega: [(X,), (Z,)], sp.wright_bessel: [(0.5, 1.5, P)], sp.log_wright_bessel: [(0.5, 1.5, P)],
    sp.sici: [(P,), (Z,)], sp.shichi: [(P,), (Z,)], sp.fresnel: [(X,), (Z,)],
    sp.ellipk: [(V,), (np.zeros(2),)], sp.ellipkm1: [(U,)], sp.ellipe: [(V,), (np.zeros(2),)], sp.ellipkinc: [(X, V), (X * 3, U), (V, np.zeros(4))], sp.ellipeinc: [(X, V), (X * 3, U), (V, np.zeros(4))],
    sp.ellipj: [(X, 0.3)], sp.elliprf: [(P, Q, U), (P, P, P)], sp.elliprd: [(P, Q, U)], sp.elliprc: [(P, Q)], sp.elliprj: [(P, Q, U, Q + U)], sp.elliprg: [(P, Q, U)], sp.agm: [(P, Q)],
    sp.hyp0f1: [(1.5, X), (1.5, Z)], sp.hyp1f1: [(0.5, 1.5, X), (0.5, 1.5, Z)], sp.hyperu: [(0.5, 1.5, P)], sp.hyp2f1: [(0.5, 1.5, 2.5, V), (0.5, 1.5, 2.5, Z / 2)],
    sp.pbdv: [(0.6, X)], sp.pbvv: [(0.6, X)], sp.pbwa: [(0.6, X)],

    sp.jv: [(K, P), (1.5, Z)], sp.yv: [(K, P), (1.5, Z)], sp.yn: [(N, P)], sp.iv: [(K, P), (1.5, Z)], sp.kv: [(K, P), (1.5, Z)], sp.kn: [(N, P)], sp.hankel1: [(1.5, Z)], sp.hankel2: [(1.5, Z)],
    sp.jve: [(1.5, P), (1.5, Z)], sp.yve: [(1.5, P), (1.5, Z)], sp.ive: [(K, X), (1.5, Z)], sp.kve: [(K, P), (1.5, Z)], sp.hankel1e: [(1.5, Z)], sp.hankel2e: [(1.5, Z)],
    sp.j0: [(X,)], sp.j1: [(X,)], sp.y0: [(P,)], sp.y1: [(P,)], sp.i0: [(X,)], sp.i1: [(X,)], sp.k0: [(P,)], sp.k1: [(P,)], sp.i0e: [(X,)], sp.i1e: [(X,)], sp.k0e: [(P,)], sp.k1e: [(P,)],
    sp.ber: [(P,)], sp.bei: [(P,)], sp.ker: [(P,)], sp.kei: [(P,)], sp.berp: [(P,)], sp.beip: [(P,)], sp.kerp: [(P,)], sp.keip: [(P,)],
    sp.airy: [(X,), (Z,)], sp.itairy: [(U,)], sp.airye: [(P,)], sp.kelvin: [(P,)], sp.struve: [(1.5, P)], sp.modstruve: [(1.5, P)], sp.itstruve0: [(P,)], sp.it2struve0: [(P,)], sp.itmodstruve0: [(P,)],
    sp.itj0y0: [(P,)], sp.iti0k0: [(P,)], sp.it2j0y0: [(P,)], sp.it2i0k0: [(P,)],

    sp.eval_jacobi: [(N, 0.5, 1.5, V)], sp.eval_sh_jacobi: [(N, 3.5, 1.5, U)], sp.eval_gegenbauer: [(N, 0.5, V)], sp.eval_legendre: [(N, V), (2.5, V)], sp.eval_sh_legendre: [(N, U)],
    sp.eval_chebyt: [(N, V)], sp.eval_chebyc: [(N, V)], sp.eval_sh_chebyt: [(N, U)], sp.eval_chebyu: [(N, V)], sp.eval_chebys: [(N, V)], sp.eval_sh_chebyu: [(N, U)],
    sp.eval_laguerre: [(N, P)], sp.eval_genlaguerre: [(N, 0.5, P)], sp.eval_hermite: [(N, X)], sp.eval_hermitenorm: [(N, X)], sp.lpmv: [(1, 2.5, V), (0, N, V)],
}
A = np.array([[0.3, 1.2, -0.5], [2.0, -1.0, 0.7]])
FUNCTIONS = {  # in tensorgrad.scipy.special
    "polygamma": [(1, P), (0, P), (N, P)], "multigammaln": [(P + 1, 2)], "logsumexp": [(A,), (A, 1), (A, 0, A + 3), (A, None, None, True), (A, 0, A - 2, False, True)],
    "softmax": [(A,), (A, 1)], "log_softmax": [(A,), (A, 1)], "comb": [(P + 3, Q)], "perm": [(P + 3, Q)], "factorial": [(P,), (-V[:1], False, "complex")], "factorial2": [(P, False, "complex")],
    "factorialk": [(P, 3, False, "complex")], "diric": [(X, 5), (np.zeros(1), 4)],
    "spherical_jn": [(N, P), (N, P, True), (0, np.zeros(1)), (N, Z[:1])], "spherical_yn": [(N, P), (N, P, True)], "spherical_in": [(N, P), (N, P, True)], "spherical_kn": [(N, P), (N, P, True)],
    "assoc_laguerre": [(P, 2, 1.5)], "h1vp": [(1.5, P)], "h2vp": [(1.5, P)], "ivp": [(1.5, P)], "jvp": [(1.5, P, 2)], "kvp": [(1.5, P)], "yvp": [(1.5, P)],
    "lambertw": [(P,)], "softplus": [(P,)], "zeta": [(P + 1, Q), (2.5, P), (X,)],
}
CONSTANT = {  # arguments by position that are integers by nature, although floating-point numbers
    sp.jv: 1, sp.yv: 1, sp.iv: 1, sp.kv: 1, sp.ive: 1, sp.kve: 1,
}
# fmt: on
