"""The rows of the op table: for every differentiable function, calls inside its domain and away from kinks.

One file per family, as in tensorgrad/ops; each has `CASES = {function: [call, ...]}`.
"""

import math
from importlib import import_module
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np


class Call(NamedTuple):
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


def call(*args: Any, **kwargs: Any) -> Call:
    """Return a row: the arguments of one call, whose floating-point and complex arrays are differentiated."""
    return Call(args, kwargs)


draws = count()


def r(*shape: int, low: float = -2.0, high: float = 2.0) -> np.ndarray:
    """Draw distinct numbers, spread over [low, high] in random order, never near 0 or another integer."""
    rng = np.random.default_rng([next(draws), *shape])
    n = math.prod(shape)
    x = low + (high - low) * (rng.permutation(n) + rng.uniform(0.2, 0.8, n)) / max(n, 1)
    whole = np.rint(x)
    near = np.abs(x - whole) < 0.05
    x = np.where(near, whole + np.where(whole >= high, -0.05, 0.05) * (1 + rng.random(n)), x)
    return x.reshape(shape)


def c(*shape: int, low: float = -2.0, high: float = 2.0) -> np.ndarray:
    """Draw complex numbers whose real and imaginary parts come from r."""
    return np.asarray(r(*shape, low=low, high=high) + 1j * r(*shape, low=low, high=high))


def holes(*shape: int) -> np.ndarray:
    """Draw numbers by r, with NaN in every third place."""
    x = r(*shape)
    x.flat[1::3] = np.nan
    return x


def zeros(*shape: int) -> np.ndarray:
    """Draw numbers by r, with a zero in every third place."""
    x = r(*shape)
    x.flat[1::3] = 0
    return x


# Import all files, whichever is asked for, so that each draws the same numbers in every run.
for file in sorted(Path(__file__).parent.glob("[!_]*.py")):
    import_module(f"{__name__}.{file.stem}")
