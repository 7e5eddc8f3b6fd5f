"""The values of the page's equations, computed from their text."""

import math
from typing import Any

import numpy as np

from tensorgrad.draw.reading import python_of

# The cases of operations that the page computes again, too.
FAMILIES = (
    "elementwise",
    "linear",
    "shape",
    "reduce",
    "index",
    "neural",
    "cumulative",
    "arrange",
    "complex_numbers",
    "special",
)


def added(shape: tuple[int, ...], value: Any, index: Any) -> np.ndarray:
    out = np.zeros(shape, np.result_type(value, float))
    np.add.at(out, index, value)
    return out


def softmax(z: Any) -> Any:
    e = np.exp(z - np.max(z, axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


ENVIRONMENT: dict[str, Any] = vars(np) | {
    **{name: getattr(np.linalg, name) for name in ("inv", "solve", "det", "cholesky", "pinv")},
    "total": lambda x, axes: np.sum(x, axis=axes, keepdims=np.ndim(x) > 0),
    "average": lambda x, axes: np.mean(x, axis=axes, keepdims=True),
    "ones": lambda *shape: np.ones(shape),
    "added": added,
    "softmax": softmax,
    "onehot": lambda y, n: np.eye(n)[np.asarray(y, int)],
    "astype": lambda x, dtype: np.asarray(np.real(x) if np.dtype(dtype).kind == "f" else x).astype(
        dtype
    ),
    "erf": np.vectorize(math.erf),
    "xlogy": lambda x, y: x * np.log(y),
    "xlog1py": lambda x, y: x * np.log1p(y),
    "π": np.pi,
    "NaN": np.nan,
    "conj": np.conj,
    "f4": np.float32,
    "index": slice(None),
}


def value_of(text: str, **letters: Any) -> Any:
    """Compute an equation's right side, with the values of its letters.

    Raises: NameError if it calls a function that NumPy lacks.
    """
    with np.errstate(all="ignore"):
        return eval(python_of(text), {}, ENVIRONMENT | letters)
