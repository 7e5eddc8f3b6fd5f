"""The comparison that each example makes: the exact gradient and SciPy's finite differences."""

import functools
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import scipy.optimize

import tensorgrad as tg

PICTURES = Path(__file__).parents[2] / "docs"


def seconds(function: Callable[[], Any], repeats: int) -> float:
    """Return the shortest time that a call takes."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return min(times)


def compare_gradients(
    f: Callable[[Any], Any],
    x: np.ndarray,
    repeats: int = 3,
    gradient: Callable[[Any], Any] | None = None,
) -> dict[str, float]:
    """Return the relative error of SciPy's differences, and the times of both gradients.

    The error of one is measured against the other, because the exact gradient is right to rounding.
    """
    exact = gradient or tg.grad(f)
    differences = functools.partial(scipy.optimize.approx_fprime, x, f)
    error = np.max(np.abs(differences() - exact(x))) / np.max(np.abs(exact(x)))
    return {
        "relative error of differences": float(error),
        "gradient, ms": 1e3 * seconds(lambda: exact(x), repeats),
        "differences, ms": 1e3 * seconds(differences, repeats),
    }


def compare_fits(f: Callable[[Any], Any], x: np.ndarray, **options: Any) -> dict[str, Any]:
    """Minimize f with the exact gradient and with SciPy's differences.

    Returns the solution and, of either way, the evaluations, the time and the slope that is left.
    """
    found: dict[str, Any] = {}
    ways = {"exact": (tg.value_and_grad(f), True), "differences": (f, None)}
    for name, (function, jac) in ways.items():
        start = time.perf_counter()
        result = scipy.optimize.minimize(function, x, jac=jac, **options)
        found[f"{name}: seconds"] = time.perf_counter() - start
        found[f"{name}: evaluations"] = result.nfev
        found[f"{name}: slope left"] = float(np.max(np.abs(tg.grad(f)(result.x))))
        found.setdefault("x", result.x)
    return found


def report(results: dict[str, Any]) -> None:
    """Print results, one a line."""
    for name, value in results.items():
        if np.ndim(value) == 0:
            print(f"{name:30} {value:.3g}" if isinstance(value, float) else f"{name:30} {value}")
