"""Gradients of the examples of science: a likelihood, a posterior, a process, a pendulum, an ODE."""

import types
from collections.abc import Callable
from typing import Any

import numpy as np

import tensorgrad as tg
from benchmarks.harness import Step, Workload

Inputs = tuple[np.ndarray, ...]
Way = Callable[[Inputs], Step]


def survival(xp: Any, p: Any, X: Any, time: Any, died: Any) -> Any:
    """Return the misfit of a Weibull model with censoring, as in examples/science/weibull.py."""
    z = xp.exp(p[0]) * (xp.log(time) - p[1] - X @ p[2:])
    return xp.sum(xp.exp(z) - died * (p[0] + z - xp.log(time)))


def schools(xp: Any, q: Any, effects: Any, errors: Any) -> Any:
    """Return the log-posterior of four chains, as in examples/science/hmc.py."""
    mu, log_tau, z = 10 * q[:, :1], q[:, 1:2], q[:, 2:]
    tau = xp.exp(log_tau)
    misfit = xp.sum(((effects - mu - tau * z) / errors) ** 2) + xp.sum(z**2)
    prior = -0.5 * q[:, 0] ** 2 - xp.log(1 + (tau[:, 0] / 5) ** 2) + log_tau[:, 0]
    return xp.sum(prior) - 0.5 * misfit


def process(xp: Any, p: Any, t: Any, y: Any) -> Any:
    """Return the misfit of a Gaussian process, as in examples/science/gaussian_process.py."""
    d = t[:, None] - t
    trend = xp.exp(2 * p[0] - 0.5 * (d / xp.exp(p[1])) ** 2)
    wave = xp.exp(-2 * (xp.sin(np.pi * d) / xp.exp(p[3])) ** 2 - 0.5 * (d / xp.exp(p[4])) ** 2)
    K = trend + xp.exp(2 * p[2]) * wave + (xp.exp(2 * p[5]) + 1e-8) * np.eye(t.shape[0])
    L = xp.linalg.cholesky(K)
    return 0.5 * xp.sum(xp.linalg.solve(L, y) ** 2) + xp.sum(xp.log(xp.diag(L)))


STEP = 6.0 / 30  # seconds of a torque


def swung(xp: Any, angle: Any, rate: Any, torque: Any) -> tuple[Any, Any]:
    """Return angle and rate after one Runge-Kutta step."""

    def motion(angle: Any, rate: Any) -> Any:
        return rate, torque - 9.81 * xp.sin(angle) - 0.1 * rate

    a1, b1 = motion(angle, rate)
    a2, b2 = motion(angle + STEP / 2 * a1, rate + STEP / 2 * b1)
    a3, b3 = motion(angle + STEP / 2 * a2, rate + STEP / 2 * b2)
    a4, b4 = motion(angle + STEP * a3, rate + STEP * b3)
    angle = angle + STEP / 6 * (a1 + 2 * a2 + 2 * a3 + a4)
    return angle, rate + STEP / 6 * (b1 + 2 * b2 + 2 * b3 + b4)


def pendulum(xp: Any, torques: Any) -> Any:
    """Return the miss after thirty Runge-Kutta steps, as in examples/science/pendulum.py."""
    angle, rate = 0.0, 0.0
    for i in range(torques.shape[0]):
        angle, rate = swung(xp, angle, rate, torques[i])
    return (angle - np.pi) ** 2 + rate**2


def pendulum_scanned(xp: Any, torques: Any) -> Any:
    """Return the same by a loop that JAX compiles as one; it takes minutes for the steps in a row."""
    import jax

    step = lambda state, torque: (swung(xp, *state, torque), None)  # noqa: E731
    angle, rate = jax.lax.scan(step, (0.0, 0.0), torques)[0]
    return (angle - np.pi) ** 2 + rate**2


def hunt(xp: Any, y: Any, births: Any, hunting: Any, deaths: Any, growth: Any) -> Any:
    """Return the rates of prey and of predators."""
    rates = births - hunting * y[1], growth * y[0] - deaths
    return y * xp.stack(rates)


def predators(xp: Any, solve: Callable[..., Any], p: Any, times: Any, counts: Any) -> Any:
    """Return the misfit of a differential equation, as in examples/science/predator_prey.py."""
    q = xp.exp(p)
    path = solve(q[4:], times, q[0], q[1], q[2], q[3])
    return xp.sum((xp.log(path) - xp.log(counts)) ** 2)


def inputs_of(name: str) -> Callable[[bool], Inputs]:
    """Return what a function is given: first what it is differentiated by."""

    def inputs(_quick: bool) -> Inputs:
        rng = np.random.default_rng(0)
        t = np.sort(rng.uniform(0, 8, 130))
        return {
            "survival": lambda: (
                0.1 * np.arange(5.0), rng.normal(size=(400, 3)), rng.uniform(0.1, 8, 400),
                rng.integers(0, 2, 400).astype(float),
            ),
            "schools": lambda: (
                rng.normal(size=(4, 10)), rng.normal(size=8), rng.uniform(9, 18, 8)
            ),
            "process": lambda: (np.log([1.0, 1.0, 1.0, 1.0, 10.0, 0.3]), t, np.sin(t)),
            "pendulum": lambda: (2.0 * np.sign(np.sin(0.56 * np.arange(30))),),
            "predators": lambda: (
                np.log([1.1, 0.4, 0.9, 0.3, 4.0, 1.5]), np.linspace(0.0, 16, 41),
                rng.uniform(1, 5, (41, 2)),
            ),
        }[name]()  # fmt: skip

    return inputs


def ours(f: Any) -> Way:
    def way(inputs: Inputs) -> Step:
        gradient = tg.grad(lambda x: f(np, x, *inputs[1:]))
        return lambda: (gradient(inputs[0]),)

    return way


def ours_compiled(f: Any) -> Way:
    def way(inputs: Inputs) -> Step:
        gradient = tg.compile(tg.grad(lambda x: f(np, x, *inputs[1:])))
        return lambda: (gradient(inputs[0]),)

    return way


def jax_of(f: Any) -> Way:
    def way(inputs: Inputs) -> Step:
        import jax

        jax.config.update("jax_enable_x64", True)
        x, *rest = map(jax.numpy.asarray, inputs)
        gradient = jax.jit(jax.grad(lambda x: f(jax.numpy, x, *rest)))
        return lambda: (jax.block_until_ready(gradient(x)),)

    return way


def autograd_of(f: Any) -> Way:
    def way(inputs: Inputs) -> Step:
        import autograd
        import autograd.numpy as anp

        gradient = autograd.grad(lambda x: f(anp, x, *inputs[1:]))
        return lambda: (gradient(inputs[0]),)

    return way


def hunt_in_time(t: float, y: Any, *p: Any) -> Any:
    return hunt(np, y, *p)


def predators_by_us(inputs: Inputs) -> Step:
    import tensorgrad.scipy as tsp

    def solve(y0: Any, times: Any, *p: Any) -> Any:
        span = (times[0], times[-1])
        found = tsp.integrate.solve_ivp(
            hunt_in_time, span, y0, t_eval=times, args=p, rtol=1e-6, atol=1e-6
        )
        return found.y.T

    gradient = tg.grad(lambda x: predators(np, solve, x, *inputs[1:]))
    return lambda: (gradient(inputs[0]),)


def predators_by_jax(inputs: Inputs) -> Step:
    import jax
    from jax.experimental.ode import odeint

    def solve(y0: Any, times: Any, *p: Any) -> Any:
        rate = lambda y, _t, *p: hunt(jax.numpy, y, *p)  # noqa: E731
        return odeint(rate, y0, times, *p, rtol=1e-6, atol=1e-6)

    return jax_of(lambda xp, *args: predators(xp, solve, *args))(inputs)


def predators_by_autograd(inputs: Inputs) -> Step:
    from autograd.builtins import tuple as autograd_tuple
    from autograd.scipy.integrate import odeint

    def solve(y0: Any, times: Any, *p: Any) -> Any:
        import autograd.numpy as anp

        rate = lambda y, _t, *p: hunt(anp, y, *p)  # noqa: E731
        return odeint(rate, y0, times, autograd_tuple(p), rtol=1e-6, atol=1e-6)

    return autograd_of(lambda xp, *args: predators(xp, solve, *args))(inputs)


def rows(f: types.FunctionType) -> dict[str, Way]:
    return {
        "tensorgrad": ours(f),
        "compiled": ours_compiled(f),
        "jax": jax_of(f),
        "autograd": autograd_of(f),
    }


DIFFERENTIAL = {
    "tensorgrad": predators_by_us,
    "jax": predators_by_jax,
    "autograd": predators_by_autograd,
}
# fmt: off
WORKLOADS = [
    Workload("Weibull model: gradient",        inputs_of("survival"), rows(survival), tolerance=1e-9),
    Workload("eight schools: gradient",        inputs_of("schools"),  rows(schools),  tolerance=1e-9),
    Workload("Gaussian process: gradient",     inputs_of("process"),  rows(process),  tolerance=1e-6),
    Workload("pendulum, 30 steps: gradient",   inputs_of("pendulum"), rows(pendulum) | {"jax": jax_of(pendulum_scanned)}, tolerance=1e-8),
    # Each has a solver of its own, with the same tolerances.
    Workload("predators and prey: gradient",   inputs_of("predators"), DIFFERENTIAL,  tolerance=1e-3, unit="ms"),
]
# fmt: on
