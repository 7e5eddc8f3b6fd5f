"""The recurrent operators of ONNX, in one direction or both."""

from collections.abc import Callable
from typing import Any

import numpy as np

import tensorgrad as tg

RESET_FIRST = (1, 0, 2)  # of the gates z, r, n
CELL_THIRD = (0, 2, 3, 1)  # of the gates i, o, f, g
GATE_ACTIVATIONS = {1: ["tanh"], 3: ["sigmoid", "tanh"], 4: ["sigmoid", "tanh", "tanh"]}  # by gates


def regrouped(W: Any, order: tuple[int, ...]) -> Any:
    """Return rows of weights or biases with the gates in another order."""
    return np.concatenate([np.split(W, len(order))[k] for k in order]) if len(order) > 1 else W


def rnn_states(x: Any, h: Any, _c: Any, W: Any, R: Any, b: Any, c: Any) -> tuple[Any, Any]:
    """Return the states of a simple recurrence."""
    return tg.rnn(x, h, W.T, R.T, b + c, None), None


def gru_states(x: Any, h: Any, _c: Any, W: Any, R: Any, b: Any, c: Any) -> tuple[Any, Any]:
    """Return the states of a gated recurrent unit."""
    W, R, b, c = (regrouped(v, RESET_FIRST) for v in (W, R, b, c))
    return tg.gru(x, h, W.T, R.T, b, c, None), None


def lstm_states(x: Any, h: Any, cell: Any, W: Any, R: Any, b: Any, c: Any) -> tuple[Any, Any]:
    """Return the states of a long short-term memory, and its last cell."""
    W, R, b = (regrouped(v, CELL_THIRD) for v in (W, R, b + c))
    found = tg.lstm(x, h, cell, W.T, R.T, b, None)
    return found[:, :-1], found[:, -1]


def recurrence(states: Callable[..., Any], gates: int) -> Callable[..., Any]:
    """Return a recurrent operator, whose sequences have their steps first."""

    def call(
        x: Any, W: Any, R: Any, B: Any = None, lengths: Any = None, h: Any = None, c: Any = None,
        peepholes: Any = None, *, hidden_size: int = 0, direction: str = "forward",
        linear_before_reset: int = 1 - (gates == 3), **others: Any,
    ) -> tuple[Any, ...]:  # fmt: skip
        H = R.shape[2]
        check_plain(lengths, peepholes, linear_before_reset, (len(R), gates), others)
        if B is None:
            B = np.zeros((len(R), 2 * gates * H), R.dtype)
        zeros = np.zeros((len(R), x.shape[1], H), R.dtype)
        h, c = (zeros if v is None else v for v in (h, c))
        x, found = np.swapaxes(x, 0, 1), []
        for k in range(len(R)):
            back = direction == "reverse" or k == 1
            seen = np.flip(x, 1) if back else x
            b = B[k][: gates * H], B[k][gates * H :]
            y, cell = states(seen, h[k], c[k], W[k], R[k], *b)
            found.append((np.flip(y, 1) if back else y, y[:, -1], cell))
        sequences, last, cells = zip(*found, strict=True)
        out = np.transpose(np.stack(sequences, axis=1), (2, 1, 0, 3))
        ends = (out, np.stack(last))
        return ends if cells[0] is None else (*ends, np.stack(cells))

    return call


def check_plain(
    lengths: Any, peepholes: Any, reset: int, n: tuple[int, int], others: dict[str, Any]
) -> None:
    """Raise ValueError for settings of a recurrent operator that are not known.

    `n` is the number of its directions and of its gates.
    """
    directions, gates = n
    usual = {"activations": GATE_ACTIVATIONS[gates] * directions, "input_forget": 0, "layout": 0}
    given = {**others}
    if "activations" in given:
        given["activations"] = [name.decode().lower() for name in given["activations"]]
    extra = [name for name, value in given.items() if value != usual.get(name)]
    if lengths is not None:
        extra.append("sequence_lens")
    if peepholes is not None:
        extra.append("P")
    if gates == 3 and not reset:
        extra.append("linear_before_reset=0")
    if extra:
        raise ValueError(f"{', '.join(extra)} of a recurrent operator is not known")
