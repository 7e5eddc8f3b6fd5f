"""Regression with a Gaussian process: how likely are observations, given its hyperparameters?"""

import numpy as np


def covariance(log_parameters, s, t):
    """The squared-exponential covariance of the process at times s with that at times t.

    Shapes: log_parameters (3,), logarithms of amplitude, length scale and noise; s (M,), t (N,)
    -> (M, N).
    """
    amplitude, length, _ = np.exp(log_parameters)
    return amplitude**2 * np.exp(-0.5 * ((s[:, np.newaxis] - t) / length) ** 2)


def log_marginal_likelihood(log_parameters, t, y):
    """Of observations y at times t: Rasmussen & Williams (2006), algorithm 2.1.

    Shapes: log_parameters (3,), t (N,), y (N,) -> ().
    """
    K = covariance(log_parameters, t, t)
    K[np.diag_indices_from(K)] += np.exp(2 * log_parameters[2])
    L = np.linalg.cholesky(K)
    alpha = np.linalg.solve(L.T, np.linalg.solve(L, y))
    return -0.5 * y @ alpha - np.log(np.diag(L)).sum() - len(y) / 2 * np.log(2 * np.pi)
