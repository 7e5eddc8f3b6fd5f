"""Regression with a Gaussian process: the likelihood of observations, given hyperparameters."""

import numpy as np


def covariance(log_parameters, s, t):
    """Return the squared-exponential covariance of the process between times s and times t.

    Shapes: log_parameters (3,), logarithms of amplitude, length scale and noise; s (M,), t (N,)
    -> (M, N).
    """
    amplitude, length, _ = np.exp(log_parameters)
    return amplitude**2 * np.exp(-0.5 * ((s[:, np.newaxis] - t) / length) ** 2)


def log_marginal_likelihood(log_parameters, t, y):
    """Return the log marginal likelihood of observations y at times t.

    Shapes: log_parameters (3,), t (N,), y (N,) -> ().
    Source: Rasmussen and Williams (2006), Gaussian Processes for Machine Learning, algorithm 2.1.
    """
    K = covariance(log_parameters, t, t)
    K[np.diag_indices_from(K)] += np.exp(2 * log_parameters[2])
    L = np.linalg.cholesky(K)
    alpha = np.linalg.solve(L.T, np.linalg.solve(L, y))
    return -0.5 * y @ alpha - np.log(np.diag(L)).sum() - len(y) / 2 * np.log(2 * np.pi)
