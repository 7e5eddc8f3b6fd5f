"""Predators and prey: the parameters of a differential equation, from noisy counts."""

import functools
from typing import Any

import numpy as np

import tensorgrad as tg
import tensorgrad.scipy as tsp
from examples.science.comparison import PICTURES, compare_fits, compare_gradients, report

NAMES = (
    "births of prey",
    "hunting",
    "deaths of predators",
    "growth by hunting",
    "prey",
    "predators",
)
TRUE = np.array([1.1, 0.4, 0.9, 0.3, 4.0, 1.5])


def hunt(t: float, y: Any, births: Any, hunting: Any, deaths: Any, growth: Any) -> Any:
    """Return the rates of prey and of predators."""
    prey, predators = y[0], y[1]
    return np.stack([
        births * prey - hunting * prey * predators,
        growth * prey * predators - deaths * predators,
    ])  # fmt: skip


def populations(log_p: Any, times: np.ndarray) -> Any:
    """Return prey and predators at several times.

    Shapes: log_p (6,), logarithms of what NAMES says; times (T,) -> (2, T).
    """
    p = np.exp(log_p)
    span = (0.0, times[-1])
    return tsp.integrate.solve_ivp(
        hunt, span, p[4:], t_eval=times, args=(p[0], p[1], p[2], p[3]), rtol=1e-6, atol=1e-6
    ).y


def misfit(log_p: Any, times: np.ndarray, counts: np.ndarray) -> Any:
    """Return half the sum of squares of logarithms, whose noise is 0.1."""
    residuals = (np.log(populations(log_p, times)) - np.log(counts)) / 0.1
    return 0.5 * np.sum(residuals**2)


def solve(n: int = 40) -> dict[str, Any]:
    """Fit the parameters, and compare the two ways to do so."""
    rng = np.random.default_rng(0)
    times = np.linspace(0.4, 16, n)
    counts = populations(np.log(TRUE), times) * np.exp(0.1 * rng.normal(size=(2, n)))
    start = np.log(TRUE) + 0.15 * rng.normal(size=6)
    f = functools.partial(misfit, times=times, counts=counts)
    results = compare_gradients(f, start)
    results |= compare_fits(f, start, method="BFGS", options={"gtol": 1e-3})
    slopes = tg.jacobian(lambda p: np.log(populations(p, times)))(results["x"]).reshape(-1, 6) / 0.1
    covariance = np.linalg.inv(slopes.T @ slopes)
    return results | {"covariance": covariance, "times": times, "counts": counts, "start": start}


def picture(results: dict[str, Any]) -> Any:
    """Draw counts, the fit with its uncertainty, and where it began."""
    import matplotlib.pyplot as plt

    t = np.linspace(0.01, 18, 300)
    figure, axes = plt.subplots(figsize=(8, 3.5), layout="constrained")
    rng = np.random.default_rng(1)
    draws = rng.multivariate_normal(results["x"], results["covariance"], 20)
    for i, (name, colour) in enumerate({"prey": "tab:green", "predators": "tab:red"}.items()):
        for draw in draws:
            axes.plot(t, populations(draw, t)[i], color=colour, alpha=0.1, lw=1)
        axes.plot(t, populations(results["x"], t)[i], color=colour, label=name)
        axes.plot(t, populations(results["start"], t)[i], "--", color=colour, lw=0.8, alpha=0.7)
        axes.plot(results["times"], results["counts"][i], ".", color=colour)
    axes.set(xlabel="years", ylabel="thousands", title="Fitted populations (dashed: the start)")
    axes.legend()
    return figure


if __name__ == "__main__":
    results = solve()
    report(results)
    errors = np.sqrt(np.diag(results["covariance"]))
    for name, value, error, true in zip(NAMES, np.exp(results["x"]), errors, TRUE):
        print(f"{name:20} {value:.3f} ± {value * error:.3f}   (true: {true})")
    picture(results).savefig(PICTURES / "science-predator-prey.png", dpi=110)
