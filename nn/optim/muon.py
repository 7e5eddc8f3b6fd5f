"""Muon: an optimizer that looks at a whole matrix of weights."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from nn.config import register
from nn.optim.algorithms import Adam
from nn.optim.settings import Rate

# Of the polynomial a x + b x³ + c x⁵, which brings all singular values near 1 in few steps.
COEFFICIENTS = (3.4445, -4.7750, 2.0315)
NEWTON_SCHULZ_STEPS = 5


@register
class Muon(Adam):
    """Muon: momentum for matrices of weights, each step made orthogonal by Newton-Schulz.

    m = momentum m + (1 - momentum) g;  u = (1 - momentum) g + momentum m;
    w -= 0.2 sqrt(max(D, H)) lr orthogonal(u) for w of shape (D, H).

    Parameters with another number of axes than two, such as biases and kernels of convolutions,
    take steps of Adam. The factor 0.2 sqrt(max(D, H)) gives both kinds of steps the same size, so
    that a learning rate and a weight decay that suit AdamW suit Muon; it is PyTorch's
    `adjust_lr_fn="match_rms_adamw"`. Embeddings and the last layer learn better with Adam: give
    them an optimizer of their own.

    Raises: ValueError if a setting is out of bounds; TypeError for complex matrices.
    Source: Jordan, Jin, Boza, You, Cesista, Newhouse and Bernstein (2024), Muon: an optimizer for
    hidden layers in neural networks; Liu et al. (2025), Muon is scalable for LLM training,
    equation 4 (the factor), arXiv:2502.16982.
    """

    whole = True

    def __init__(
        self,
        parameters: Iterable[Any] | None = None,
        learning_rate: Rate = 0.001,
        decay: float = 0.0,
        momentum: float = 0.95,
        epsilon: float = 1e-7,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        *,
        weight_decay: float = 0.1,
        clip_norm: float | None = None,
        clip_value: float | None = None,
    ) -> None:
        self.momentum = momentum
        super().__init__(
            parameters,
            learning_rate,
            decay,
            epsilon,
            beta_1,
            beta_2,
            weight_decay=weight_decay,
            clip_norm=clip_norm,
            clip_value=clip_value,
        )

    def update(
        self, w: np.ndarray, g: np.ndarray, scratch: np.ndarray, m: np.ndarray, v: np.ndarray
    ) -> None:
        """Change `w` and the momentum `m`, and `v` if it is no matrix, in place.

        Shapes: all (D, H), or all another shape for a step of Adam.
        """
        if w.ndim != 2 or not w.size:
            super().update(w, g, scratch, m, v)
            return
        m *= self.momentum
        m += np.multiply(g, 1 - self.momentum, out=scratch)
        u = np.multiply(g, 1 - self.momentum, out=scratch)
        u += self.momentum * m
        factor = 0.2 * max(w.shape) ** 0.5
        w -= factor * self.current_learning_rate * orthogonalized(u, self.epsilon)


def orthogonalized(u: np.ndarray, epsilon: float = 1e-7) -> np.ndarray:
    """Return a matrix with the singular vectors of `u` and singular values near 1, from 0.7 to 1.2.

    Shapes: u (D, H) -> (D, H).
    Source: Jordan et al. (2024), Muon, section "Definition"; five steps in the dtype of `u`.
    """
    a, b, c = COEFFICIENTS
    X = u if u.shape[0] <= u.shape[1] else u.T  # the smaller of the two products
    X = X / max(float(np.linalg.norm(X)), epsilon)
    for _ in range(NEWTON_SCHULZ_STEPS):
        S = X @ X.T
        X = a * X + (b * S + c * (S @ S)) @ X
    return X if u.shape[0] <= u.shape[1] else X.T
