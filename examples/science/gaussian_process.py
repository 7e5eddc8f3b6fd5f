"""A Gaussian process fitted by its marginal likelihood: a trend, a yearly cycle, and noise."""

from typing import Any

import numpy as np

import tensorgrad as tg
from examples.science.comparison import PICTURES, compare_fits, compare_gradients, report

NAMES = ("trend size", "trend length", "cycle size", "cycle length", "cycle decay", "noise")


def data(n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return times in years, with gaps, and measurements."""
    t = np.sort(rng.uniform(0, 8, n))
    t = t[(t < 4.5) | (t > 5.5)]
    y = 0.6 * np.sin(t / 1.7) + 0.5 * np.sin(2 * np.pi * t) * (1 + 0.1 * t) + 0.25 * t
    return t, y - y.mean() + 0.15 * rng.normal(size=t.size)


def kernel(p: Any, a: np.ndarray, b: np.ndarray) -> Any:
    """Return the covariance between two sets of times.

    Shapes: p (6,), logarithms of what NAMES says; a (N,), b (M,) -> (N, M).
    """
    size, length, cycle, width, decay, _ = (np.exp(p[i]) for i in range(6))
    d = a[:, None] - b
    trend = size**2 * np.exp(-0.5 * (d / length) ** 2)
    wave = np.exp(-2 * (np.sin(np.pi * d) / width) ** 2 - 0.5 * (d / decay) ** 2)
    return trend + cycle**2 * wave


def misfit(p: Any, t: np.ndarray, y: np.ndarray) -> Any:
    """Return the negative logarithm of the marginal likelihood."""
    K = kernel(p, t, t) + (np.exp(2 * p[5]) + 1e-8) * np.eye(t.size)
    L = np.linalg.cholesky(K)
    z = np.linalg.solve(L, y)
    return 0.5 * np.sum(z**2) + np.sum(np.log(np.diagonal(L))) + 0.5 * t.size * np.log(2 * np.pi)


def predict(p: Any, t: np.ndarray, y: np.ndarray, at: np.ndarray) -> tuple[Any, Any]:
    """Return the mean and the standard deviation at other times."""
    K = kernel(p, t, t) + np.exp(2 * p[5]) * np.eye(t.size)
    cross = kernel(p, at, t)
    mean = cross @ np.linalg.solve(K, y)
    spread = np.sum(cross * np.linalg.solve(K, cross.T).T, axis=1)
    return mean, np.sqrt(np.diagonal(kernel(p, at, at)) - spread)


def solve(n: int = 150) -> dict[str, Any]:
    """Fit the process, and compare the two ways to do so."""
    t, y = data(n, np.random.default_rng(0))
    start = np.log([1.0, 1.0, 1.0, 1.0, 10.0, 0.3])
    results = compare_gradients(lambda p: misfit(p, t, y), start)
    results |= compare_fits(lambda p: misfit(p, t, y), start, method="L-BFGS-B")
    curvature = tg.hessian(lambda p: misfit(p, t, y))(results["x"])
    return results | {"errors": np.sqrt(np.diag(np.linalg.inv(curvature))), "t": t, "y": y}


def picture(results: dict[str, Any]) -> Any:
    """Draw the data, the process and its uncertainty."""
    import matplotlib.pyplot as plt

    at = np.linspace(0, 10, 500)
    mean, spread = predict(results["x"], results["t"], results["y"], at)
    figure, axes = plt.subplots(figsize=(8, 3.5), layout="constrained")
    axes.fill_between(at, mean - 2 * spread, mean + 2 * spread, alpha=0.25, label="± 2 σ")
    axes.plot(at, mean, label="mean")
    axes.plot(results["t"], results["y"], ".", color="black", ms=4, label="data")
    axes.set(xlabel="years", ylabel="measurement", title="A Gaussian process: a trend and a cycle")
    axes.legend(ncols=3, loc="upper left")
    return figure


if __name__ == "__main__":
    results = solve()
    report(results)
    for name, value, error in zip(NAMES, results["x"], results["errors"]):
        print(f"{name:13} {np.exp(value):7.3f}  (log ± {error:.2f})")
    picture(results).savefig(PICTURES / "science-gaussian-process.png", dpi=110)
