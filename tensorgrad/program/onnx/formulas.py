"""Formulas of functions that compute by blocks: what they stand for, in calls that have operators.

They are traced in place of the functions' own code, and give the first of the function's results.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from tensorgrad.ops import attention, lstm, normalization, recurrent, special
from tensorgrad.ops.recurrence import kept, logistic, shown
from tensorgrad.program.arrays import Untraceable


class WithoutResiduals:
    """The place of what a gradient rule would read, of which a file knows nothing."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __getattr__(self, name: str) -> Any:
        raise Untraceable(f"the gradient of {self.name} has no operator; save the function alone")

    def __getitem__(self, index: Any) -> Any:
        return self.__getattr__("[]")

    def __iter__(self) -> Any:
        return self.__getattr__("[]")


def gelu_formula(x: Any) -> Any:
    """Return x Φ(x)."""
    return x * special.ndtr(x)


def layer_norm_formula(x: Any, gain: Any, bias: Any, epsilon: float = 1e-5) -> Any:
    """Return the layer norm."""
    out = normalization.standardize(x, epsilon=epsilon) * gain
    return out if bias is None else out + bias


def attention_formula(
    q: Any, k: Any, v: Any, mask: Any, dropped: Any, heads: int = 1, causal: bool = False
) -> Any:
    """Return the sums of values by the weights of attention."""
    weights = attention.attention_weights(q, k, mask, heads=heads, causal=causal)
    weights = weights if dropped is None else weights * dropped
    return attention.side_by_side(np.matmul(weights, attention.heads_of(v, heads)))


def self_attention_formula(
    qkv: Any, mask: Any, dropped: Any, heads: int = 1, causal: bool = False
) -> Any:
    """Return the same of queries, keys and values that lie side by side."""
    q, k, v = attention.thirds(qkv)
    return attention_formula(q, k, v, mask, dropped, heads, causal)


def rnn_formula(x: Any, h: Any, W: Any, R: Any, b: Any, mask: Any) -> Any:
    """Return the states after each step of a simple recurrence."""
    x, states = shown(x, mask), []
    for t in range(x.shape[1]):
        h = kept(mask, t, np.tanh(np.matmul(x[:, t], W) + np.matmul(h, R) + b), h)
        states.append(h)
    return np.stack(states, axis=1)


def gru_formula(x: Any, h: Any, W: Any, R: Any, b: Any, c: Any, mask: Any) -> Any:
    """Return the states after each step of a gated recurrent unit."""
    x, states, H = shown(x, mask), [], h.shape[1]
    for t in range(x.shape[1]):
        a, m = np.matmul(x[:, t], W) + b, np.matmul(h, R) + c
        r, z = logistic(a[:, :H] + m[:, :H]), logistic(a[:, H : 2 * H] + m[:, H : 2 * H])
        n = np.tanh(a[:, 2 * H :] + r * m[:, 2 * H :])
        h = kept(mask, t, n + z * (h - n), h)
        states.append(h)
    return np.stack(states, axis=1)


def lstm_formula(x: Any, h: Any, c: Any, W: Any, R: Any, b: Any, mask: Any) -> Any:
    """Return the states after each step of a long short-term memory, and the last c."""
    x, states, H = shown(x, mask), [], h.shape[1]
    for t in range(x.shape[1]):
        a = np.matmul(x[:, t], W) + np.matmul(h, R) + b
        i, f, o = (logistic(a[:, k * H : (k + 1) * H]) for k in (0, 1, 3))
        new = f * c + i * np.tanh(a[:, 2 * H : 3 * H])
        h, c = kept(mask, t, o * np.tanh(new), h), kept(mask, t, new, c)
        states.append(h)
    return np.stack([*states, c], axis=1)


# fmt: off
# Of the functions that also return what their rule reads, and of those that do not.
WITH_RESIDUALS: dict[Any, Callable[..., Any]] = {
    special.gelu_and_slope:         gelu_formula,
    normalization.layer_normalized: layer_norm_formula,
    attention.attended:             attention_formula,
    attention.attended_thirds:      self_attention_formula,
    recurrent.rnn_run:              rnn_formula,
    recurrent.gru_run:              gru_formula,
    lstm.lstm_run:                  lstm_formula,
}
BODIES: dict[Any, Callable[..., Any]] = {
    getattr(function, "compute", function): formula for function, formula in (
        (special.gelu,             gelu_formula),
        (normalization.layer_norm, layer_norm_formula),
        (attention.attention,      attention_formula),
        (attention.self_attention, self_attention_formula),
        (recurrent.rnn,            rnn_formula),
        (recurrent.gru,            gru_formula),
        (lstm.lstm,                lstm_formula),
    )
}
# fmt: on
