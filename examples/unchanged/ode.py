"""The classical Runge-Kutta method, and a pendulum with air resistance."""

import numpy as np


def rk4(f, y, times):
    """Solve y' = f(y) for the given times; y is the value at the first of them.

    Shapes: y (D,), times (T,) -> (T, D).
    """
    path = [y]
    for h in np.diff(times):
        k1 = f(y)
        k2 = f(y + h / 2 * k1)
        k3 = f(y + h / 2 * k2)
        k4 = f(y + h * k3)
        y = y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        path.append(y)
    return np.stack(path)


def swing(parameters, start, times):
    """Return the angles of a pendulum with air resistance.

    Shapes: parameters (2,), damping and gravity over length; start (2,), angle and its rate;
    times (T,) -> (T,).
    """
    damping, pull = parameters

    def motion(state):
        angle, rate = state
        return np.stack([rate, -damping * rate * np.abs(rate) - pull * np.sin(angle)])

    return rk4(motion, start, times)[:, 0]


def misfit(parameters, start, times, angles):
    """Return the mean squared difference between observed angles and those of the pendulum."""
    return np.mean((swing(parameters, start, times) - angles) ** 2)
