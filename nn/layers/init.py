"""Initializers: functions of a shape (D, H) and a random generator that return first weights."""

from collections.abc import Callable

import numpy as np

from nn.config import charge

# A function (shape, rng) -> array.
Initializer = Callable[[tuple[int, ...], np.random.Generator], np.ndarray]


def book(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Draw normal numbers with standard deviation 0.01, as the book does.

    Shapes: -> `shape`.
    """
    return 0.01 * rng.standard_normal(shape)


def normal(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Draw normal numbers with standard deviation 1, as for the rows of an embedding.

    Shapes: -> `shape`.
    """
    return rng.standard_normal(shape)


def he(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Draw normal numbers of variance 2 / D, which preserves magnitudes through ReLU layers.

    Shapes: -> `shape`, (..., D, H).
    Source: He, Zhang, Ren and Sun (2015), Delving Deep into Rectifiers, section 2.2.
    """
    fan_in, _ = fans(shape)
    return np.sqrt(2 / fan_in) * rng.standard_normal(shape)


def glorot(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Draw uniform numbers of variance 2 / (D + H), which preserves magnitudes in both directions.

    Shapes: -> `shape`, (..., D, H).
    Source: Glorot and Bengio (2010), Understanding the difficulty of training deep feedforward
    neural networks, equation 16.
    """
    limit = np.sqrt(6 / sum(fans(shape)))
    return rng.uniform(-limit, limit, shape)


def lecun(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Draw normal numbers of variance 1 / D, which preserves magnitudes through linear layers.

    Shapes: -> `shape`, (..., D, H).
    Source: LeCun, Bottou, Orr and Müller (1998), Efficient BackProp, equation 16.
    """
    fan_in, _ = fans(shape)
    return np.sqrt(1 / fan_in) * rng.standard_normal(shape)


def he_uniform(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Draw uniform numbers of variance 2 / D, that of `he`.

    Shapes: -> `shape`, (..., D, H).
    Source: He, Zhang, Ren and Sun (2015), Delving Deep into Rectifiers, section 2.2.
    """
    fan_in, _ = fans(shape)
    limit = np.sqrt(6 / fan_in)
    return rng.uniform(-limit, limit, shape)


def glorot_normal(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Draw normal numbers of variance 2 / (D + H), that of `glorot`.

    Shapes: -> `shape`, (..., D, H).
    Source: Glorot and Bengio (2010), Understanding the difficulty of training deep feedforward
    neural networks, equation 12.
    """
    return np.sqrt(2 / sum(fans(shape))) * rng.standard_normal(shape)


def lecun_uniform(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Draw uniform numbers of variance 1 / D, that of `lecun`.

    Shapes: -> `shape`, (..., D, H).
    Source: LeCun, Bottou, Orr and Müller (1998), Efficient BackProp, equation 16.
    """
    fan_in, _ = fans(shape)
    limit = np.sqrt(3 / fan_in)
    return rng.uniform(-limit, limit, shape)


def orthogonal(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Draw a matrix with orthonormal columns, or rows if there are fewer of them.

    All axes but the last together count the rows. Every such matrix is equally likely.

    Shapes: -> `shape`, (..., D, H).
    Source: Saxe, McClelland and Ganguli (2014), arXiv:1312.6120, section 3.
    """
    *rows, columns = shape
    size = int(np.prod(rows))
    normal = rng.standard_normal((max(size, columns), min(size, columns)))
    Q, R = np.linalg.qr(normal)
    Q *= np.copysign(1, np.diagonal(R))  # because LAPACK's choice of signs is not random
    return (Q if size >= columns else Q.T).reshape(shape)


def fans(shape: tuple[int, ...]) -> tuple[int, int]:
    """Count the inputs per output and the outputs per input of weights of this shape.

    Shapes: `shape` is (..., D, H), where axes before D are those of a convolution's window.
    """
    *window, D, H = shape
    size = int(np.prod(window))
    return size * D, size * H


# fmt: off
INITIALIZERS: dict[str, Initializer] = {
    "book":       book,
    "he":         he,      "he_normal":     he,             "he_uniform":     he_uniform,
    "glorot":     glorot,  "glorot_normal": glorot_normal,  "glorot_uniform": glorot,
    "lecun":      lecun,   "lecun_normal":  lecun,          "lecun_uniform":  lecun_uniform,
    "normal":     normal,  "orthogonal":    orthogonal,
}
# fmt: on


def initialize(
    initializer: str | Initializer,
    shape: tuple[int, ...],
    rng: np.random.Generator,
    dtype: np.dtype,
) -> np.ndarray:
    """Return the first weights from an initializer or its name.

    Shapes: -> `shape`.
    Raises: ValueError if the name is unknown or the initializer returns another shape; TypeError if
    the initializer is neither a name nor a function.
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
            f"an initializer must be a name ({', '.join(INITIALIZERS)}) or a function "
            f"(shape, rng) -> array, not {initializer!r}"
        )
    charge(shape)
    weights = np.asarray(initializer(shape, rng), dtype)
    if weights.shape != shape:
        raise ValueError(
            f"the initializer was asked for weights of shape {shape}, but returned {weights.shape}"
        )
    return weights
