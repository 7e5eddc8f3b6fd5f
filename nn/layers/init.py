"""First weights: functions of a shape (D, H) and a random generator."""

from collections.abc import Callable

import numpy as np

Initializer = Callable[[tuple[int, ...], np.random.Generator], np.ndarray]


def book(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Small normal numbers, 0.01 wide."""
    return 0.01 * rng.standard_normal(shape)


def he(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Normal numbers of variance 2 / D, which keep their size through layers of ReLU.

    Source: He, Zhang, Ren and Sun (2015), Delving Deep into Rectifiers, section 2.2.
    """
    fan_in, _ = fans(shape)
    return np.sqrt(2 / fan_in) * rng.standard_normal(shape)


def glorot(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Uniform numbers of variance 2 / (D + H), which keep their size both forward and backward.

    Source: Glorot and Bengio (2010), Understanding the difficulty of training deep feedforward
    neural networks, equation 16.
    """
    limit = np.sqrt(6 / sum(fans(shape)))
    return rng.uniform(-limit, limit, shape)


def fans(shape: tuple[int, ...]) -> tuple[int, int]:
    """The inputs per output and the outputs per input; axes before (D, H) are a window's."""
    *window, D, H = shape
    size = int(np.prod(window))
    return size * D, size * H


INITIALIZERS: dict[str, Initializer] = {"book": book, "he": he, "glorot": glorot}


def initialize(
    initializer: str | Initializer,
    shape: tuple[int, ...],
    rng: np.random.Generator,
    dtype: np.dtype,
) -> np.ndarray:
    """The first weights by an initializer or its name.

    Raises: ValueError for a name that is unknown, or if a callable returns another shape; TypeError
    for what is neither.
    """
    if isinstance(initializer, str):
        if initializer not in INITIALIZERS:
            raise ValueError(
                f"there is no initializer {initializer!r}; write one of "
                f"{', '.join(INITIALIZERS)}, or give a function (shape, rng) -> array"
            )
        initializer = INITIALIZERS[initializer]
    if not callable(initializer):
        raise TypeError(
            f"an initializer is a name ({', '.join(INITIALIZERS)}) or a function "
            f"(shape, rng) -> array, not {initializer!r}"
        )
    weights = np.asarray(initializer(shape, rng), dtype)
    if weights.shape != shape:
        raise ValueError(
            f"the initializer was asked for weights of shape {shape}, but returned {weights.shape}"
        )
    return weights
