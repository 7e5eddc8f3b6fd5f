"""Survival: a Weibull model by maximum likelihood, with censoring and standard errors."""

import functools
from typing import Any

import numpy as np

import tensorgrad as tg
from examples.science.comparison import PICTURES, compare_fits, compare_gradients, report

NAMES = ("log shape", "log scale", "treatment", "age", "dose")
TRUE = np.array([0.4, 1.0, 0.5, -0.3, 0.0])


def data(n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return covariates, times, and which of these are deaths: the others left the study alive.

    Shapes: (N, 3), (N,), (N,).
    """
    X = np.column_stack([rng.integers(0, 2, n), rng.normal(size=n), rng.normal(size=n)])
    scale, shape = np.exp(TRUE[1] + X @ TRUE[2:]), np.exp(TRUE[0])
    time, left = scale * rng.weibull(shape, n), rng.uniform(0, 8, n)
    return X, np.minimum(time, left), time <= left


def misfit(p: Any, X: np.ndarray, time: np.ndarray, died: np.ndarray) -> Any:
    """Return the negative log-likelihood: density of deaths, survival of those who left.

    Shapes: p (5,), as NAMES says.
    """
    shape = np.exp(p[0])
    z = shape * (np.log(time) - p[1] - X @ p[2:])  # the logarithm of the cumulative hazard
    log_hazard = p[0] + z - np.log(time)
    return np.sum(np.exp(z) - died * log_hazard)


def solve(n: int = 400) -> dict[str, Any]:
    """Fit the model, and compare gradients, fits and standard errors of the two ways."""
    X, time, died = data(n, np.random.default_rng(0))
    f = functools.partial(misfit, X=X, time=time, died=died)
    results = compare_gradients(f, np.zeros(5), repeats=20)
    results |= compare_fits(f, np.zeros(5), method="BFGS")
    hessian = tg.hessian(f)(results["x"])
    step = 1e-4  # what one writes without derivatives: second differences
    moves = step * np.eye(5)
    second = [
        [f(results["x"] + a + b) - f(results["x"] + a) - f(results["x"] + b) for b in moves]
        for a in moves
    ]
    rough = (np.array(second) + f(results["x"])) / step**2
    results["relative error of the differences' Hessian"] = float(
        np.max(np.abs(rough - hessian)) / np.max(np.abs(hessian))
    )
    errors = np.sqrt(np.diag(np.linalg.inv(hessian)))
    return results | {"errors": errors, "X": X, "time": time, "died": died}


def kaplan_meier(time: np.ndarray, died: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return times and the survival that needs no model."""
    order = np.argsort(time)
    at_risk = np.arange(time.size, 0, -1)
    return time[order], np.cumprod(1 - died[order] / at_risk)


def picture(results: dict[str, Any]) -> Any:
    """Draw survival by treatment, and the estimates with their errors."""
    import matplotlib.pyplot as plt

    X, p = results["X"], results["x"]
    figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3.5), layout="constrained")
    t = np.linspace(0.01, 8, 200)
    for treated, colour in ((0, "tab:gray"), (1, "tab:blue")):
        group = X[:, 0] == treated
        z = np.exp(p[0]) * (np.log(t)[:, None] - p[1] - X[group] @ p[2:])
        survival = np.exp(-np.exp(z)).mean(axis=1)
        left.plot(t, survival, color=colour, label="treated" if treated else "not treated")
        left.step(
            *kaplan_meier(results["time"][group], results["died"][group]), color=colour, alpha=0.4
        )
    left.set(xlabel="years", ylabel="survival", ylim=(0, 1), title="Model and Kaplan-Meier steps")
    left.legend()
    places = np.arange(len(NAMES))
    right.errorbar(p, places, xerr=1.96 * results["errors"], fmt="o", capsize=3, label="95 %")
    right.plot(TRUE, places, "x", color="black", label="true")
    right.set(yticks=places, yticklabels=NAMES, title="Estimates")
    right.axvline(0, color="gray", lw=0.5)
    right.legend()
    return figure


if __name__ == "__main__":
    results = solve()
    report(results)
    for name, value, error, true in zip(NAMES, results["x"], results["errors"], TRUE):
        print(f"{name:10} {value:6.3f} ± {error:.3f}   (true: {true})")
    picture(results).savefig(PICTURES / "science-weibull.png", dpi=110)
