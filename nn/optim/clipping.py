"""The norm of all gradients together, to which `clip_norm` scales them down."""

import math
from collections.abc import Iterable
from contextvars import copy_context

import numpy as np


def norm_scale(gradients: Iterable[np.ndarray | None], limit: float) -> float:
    """Return the factor, at most 1, that brings the norm of all gradients down to the limit.

    Shapes: each of `gradients` (n,) of reals.
    Raises: FloatingPointError if a gradient is NaN or infinite.
    Source: Pascanu, Mikolov and Bengio (2013), On the difficulty of training recurrent neural
    networks, Algorithm 1, arXiv:1211.5063.
    """
    total = 0.0
    for i, g in enumerate(gradients):
        if g is None:
            continue
        # In a copy of the context, because a signal can end a `with` before its `__exit__`.
        squares = copy_context().run(_sum_of_squares, g)
        if not math.isfinite(squares):
            raise FloatingPointError(
                f"the gradient of parameter {i} of the optimizer holds NaN or infinity, which "
                "clip_norm cannot scale; nothing was changed: find its origin with "
                "tg.detect_anomaly(), or lower the learning rate"
            )
        total += squares
    return min(1.0, limit / math.sqrt(total)) if total else 1.0


def _sum_of_squares(g: np.ndarray) -> float:
    """Return Σ g², in double precision where the dtype of g is too short for it.

    Shapes: g (n,) -> a number.
    """
    if g.itemsize >= 4:
        with np.errstate(over="ignore", invalid="ignore"):
            squares = float(np.dot(g, g))
        if math.isfinite(squares):
            return squares
    g = g.astype(np.float64)
    return float(np.dot(g, g))
