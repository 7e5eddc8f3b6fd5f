"""A Kalman filter: the likelihood of noisy positions, some of which are missing."""

import numpy as np


def log_likelihood(log_noise, positions, dt=1.0):
    """Return the log-likelihood of the track of a body in the plane whose velocity drifts.

    `log_noise` holds the logarithms of the drift's variance and of a measurement's.
    Shapes: log_noise (2,), positions (T, 2), rows of NaN where missing -> ().
    """
    drift, blur = np.exp(log_noise)
    F = np.eye(4)  # the state: x, y and their velocities
    F[:2, 2:] = dt * np.eye(2)
    H = np.eye(2, 4)
    Q = drift * np.kron([[dt**3 / 3, dt**2 / 2], [dt**2 / 2, dt]], np.eye(2))
    R = blur * np.eye(2)

    x, P = np.zeros(4), 10.0 * np.eye(4)
    total = 0.0
    for z in positions:
        x = F @ x
        P = F @ P @ F.T + Q
        if np.isnan(z).any():
            continue
        error = z - H @ x
        S = H @ P @ H.T + R
        K = np.linalg.solve(S, H @ P).T
        x = x + K @ error
        P -= K @ S @ K.T
        total -= 0.5 * (error @ np.linalg.solve(S, error) + np.linalg.slogdet(2 * np.pi * S)[1])
    return total
