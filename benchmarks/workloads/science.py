"""Gradients of the examples of science: a likelihood, a posterior, a process, a pendulum."""

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


def pendulum(xp: Any, torques: Any) -> Any:
    """Return the miss after ten Runge-Kutta steps, as in examples/science/pendulum.py."""
    angle, rate, h = 0.0, 0.0, 2.0 / torques.shape[0]

    def motion(angle: Any, rate: Any, torque: Any) -> Any:
        return rate, torque - 9.81 * xp.sin(angle) - 0.1 * rate

    for i in range(torques.shape[0]):
        a1, b1 = motion(angle, rate, torques[i])
        a2, b2 = motion(angle + h / 2 * a1, rate + h / 2 * b1, torques[i])
        a3, b3 = motion(angle + h / 2 * a2, rate + h / 2 * b2, torques[i])
        a4, b4 = motion(angle + h * a3, rate + h * b3, torques[i])
        angle = angle + h / 6 * (a1 + 2 * a2 + 2 * a3 + a4)
        rate = rate + h / 6 * (b1 + 2 * b2 + 2 * b3 + b4)
    return (angle - np.pi) ** 2 + rate**2


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
            "pendulum": lambda: (2.0 * np.sign(np.sin(0.6 * np.arange(10))),),
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


def jax(f: Any) -> Way:
    def way(inputs: Inputs) -> Step:
        import jax

        jax.config.update("jax_enable_x64", True)
        x, *rest = map(jax.numpy.asarray, inputs)
        gradient = jax.jit(jax.grad(lambda x: f(jax.numpy, x, *rest)))
        return lambda: (jax.block_until_ready(gradient(x)),)

    return way


def autograd(f: Any) -> Way:
    def way(inputs: Inputs) -> Step:
        import autograd
        import autograd.numpy as anp

        gradient = autograd.grad(lambda x: f(anp, x, *inputs[1:]))
        return lambda: (gradient(inputs[0]),)

    return way


def rows(f: types.FunctionType) -> dict[str, Way]:
    return {
        "tensorgrad": ours(f),
        "compiled": ours_compiled(f),
        "jax": jax(f),
        "autograd": autograd(f),
    }


# fmt: off
WORKLOADS = [
    Workload("Weibull model: gradient",        inputs_of("survival"), rows(survival), tolerance=1e-9),
    Workload("eight schools: gradient",        inputs_of("schools"),  rows(schools),  tolerance=1e-9),
    Workload("Gaussian process: gradient",     inputs_of("process"),  rows(process),  tolerance=1e-6),
    Workload("pendulum, 10 steps: gradient",   inputs_of("pendulum"), rows(pendulum), tolerance=1e-8),
]
# fmt: on
