"""The classical Runge-Kutta method, and a pendulum in air to try it on."""

import numpy as np


def rk4(f, y, times):
    """The solution of y' = f(y) at the given times, the first of which is that of the given y.

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
    """The angles of a pendulum that is slowed by air.

    Shapes: parameters (2,), damping and gravity over length; start (2,), angle and its rate;
    times (T,) -> (T,).
    """
    damping, pull = parameters

    def motion(state):
        angle, rate = state
        return np.stack([rate, -damping * rate * np.abs(rate) - pull * np.sin(angle)])

    return rk4(motion, start, times)[:, 0]


def misfit(parameters, start, times, angles):
    """The mean squared distance of observed angles from those of the pendulum."""
    return np.mean((swing(parameters, start, times) - angles) ** 2)
