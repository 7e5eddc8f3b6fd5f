"""Formulas of the distributions in `scipy.stats`, in differentiable functions, at location 0 and scale 1."""

import math
from typing import NamedTuple

import numpy as np
import scipy.special as sp

from tensorgrad.ops.common import as_inexact
from tensorgrad.rules import Function
from tensorgrad.scipy.student import student_log_density

LOG_2_PI = math.log(2 * math.pi)


class Formulas(NamedTuple):
    """The formulas that give a distribution its gradients; its values are SciPy's own."""

    log_density: Function  # or the logarithm of the probability of k
    distribution: Function  # the cumulative distribution function
    lowest: float = -np.inf  # of the support
    highest: float = np.inf
    log_distribution: Function | None = None
    constant: tuple[str, ...] = ()  # parameters that `distribution` has no derivative by


def binom_log_probability(k, n, p):
    """Return the logarithm of n! / (k! (n - k)!) p^k (1 - p)^(n - k)."""
    ways = sp.gammaln(n + 1) - sp.gammaln(k + 1) - sp.gammaln(n - k + 1)
    return ways + sp.xlogy(k, p) + sp.xlog1py(n - k, -p)


def nbinom_log_probability(k, n, p):
    """Return the logarithm of Γ(k + n) / (k! Γ(n)) p^n (1 - p)^k."""
    ways = sp.gammaln(k + n) - sp.gammaln(k + 1) - sp.gammaln(n)
    return ways + sp.xlogy(n, p) + sp.xlog1py(k, -p)


# fmt: off
CONTINUOUS = {
    "norm":    Formulas(lambda y: -y * y / 2 - LOG_2_PI / 2,                                    sp.ndtr, log_distribution=sp.log_ndtr),
    "t":       Formulas(lambda y, df: student_log_density(df, y),                               lambda y, df: sp.stdtr(df, y)),
    "gamma":   Formulas(lambda y, a: sp.xlogy(a - 1, y) - y - sp.gammaln(a),                    lambda y, a: sp.gammainc(a, y), 0),
    "chi2":    Formulas(lambda y, df: sp.xlogy(df / 2 - 1, y / 2) - y / 2 - sp.gammaln(df / 2) - math.log(2), lambda y, df: sp.chdtr(df, y), 0),
    "beta":    Formulas(lambda y, a, b: sp.xlogy(a - 1, y) + sp.xlog1py(b - 1, -y) - sp.betaln(a, b), lambda y, a, b: sp.betainc(a, b, y), 0, 1),
    "expon":   Formulas(lambda y: -y,                                                           lambda y: -np.expm1(-y), 0),
    "uniform": Formulas(lambda y: 0 * y,                                                        lambda y: y, 0, 1),
}
DISCRETE = {
    "poisson": Formulas(lambda k, mu: sp.xlogy(k, mu) - sp.gammaln(k + 1) - mu,                 lambda k, mu: sp.pdtr(k, mu), 0),
    "binom":   Formulas(binom_log_probability, lambda k, n, p: sp.betainc(n - k, k + 1, 1 - p), 0, constant=("n",)),
    "nbinom":  Formulas(nbinom_log_probability,                                                 lambda k, n, p: sp.betainc(n, k + 1, p), 0),
}
# fmt: on


def multivariate_normal_log_density(x, mean=None, cov=1, allow_singular=False):
    """Return the logarithm of the density at each point; of cov, the lower triangle is read.

    Shapes: x (..., D), mean (D,), cov (D, D), (D,) or () -> (...).
    """
    x, cov = as_inexact(x), as_inexact(cov)
    n = cov.shape[-1] if cov.ndim else 1 if mean is None else np.size(mean)
    mean = np.zeros(n) if mean is None else np.reshape(as_inexact(mean), -1)
    root = np.linalg.cholesky(cov if cov.ndim == 2 else np.eye(n) * cov)
    points = np.reshape(x, (*x.shape, 1)) if n == 1 and x.ndim < 2 else x
    rows = np.reshape(points, (-1, n)) - mean
    z = np.linalg.solve(root, np.matrix_transpose(rows))
    distance = np.squeeze(np.reshape(np.sum(z * z, axis=0), points.shape[:-1]))
    return -(distance + n * LOG_2_PI) / 2 - np.sum(np.log(np.diagonal(root)))


def dirichlet_log_density(x, alpha):
    """Return the logarithm of the density at each column; the last row may be left out.

    Shapes: x (K,) or (K, N), alpha (K,) -> () or (N,).
    """
    x, alpha = as_inexact(x), as_inexact(alpha)
    if x.shape[0] == alpha.shape[0] - 1:
        x = np.concatenate([x, 1 - np.sum(x, axis=0, keepdims=True)])
    weights = np.reshape(alpha - 1, (-1,) + (1,) * (x.ndim - 1))
    constant = sp.gammaln(np.sum(alpha)) - np.sum(sp.gammaln(alpha))
    return np.sum(sp.xlogy(weights, x), axis=0) + constant
