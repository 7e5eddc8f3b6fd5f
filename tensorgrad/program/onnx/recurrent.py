"""Rows of the recurrent functions in the table of ONNX operators, for sequences without a mask.

ONNX has the steps of a sequence first, a direction behind them, and the gates in other orders.
"""

from typing import Any

import numpy as np

from tensorgrad.program.onnx.graph import OnnxGraph

UPDATE_FIRST = (1, 0, 2)  # z, r, n of the parts r, z, n
OUTPUT_SECOND = (0, 3, 1, 2)  # i, o, f, g of the parts i, f, g, o


def in_order_of_gates(g: OnnxGraph, W: Any, order: tuple[int, ...]) -> str:
    """Write weights or biases with the gates first, in another order, behind a direction."""
    name = g.value(W, g.dtype)
    size = g.lengths(W)[-1] // len(order)
    if g.rank(W) == 2:
        name = g.transposed(name, (1, 0))
    if order != tuple(range(len(order))):
        rows = np.concatenate([np.arange(k * size, (k + 1) * size) for k in order])
        name = g.node("Gather", name, g.constant(rows, "gates"), axis=0)
    return g.node("Unsqueeze", name, g.integers(0))


def states_of(
    g: OnnxGraph, op: str, x: Any, W: Any, R: Any, biases: list[Any], first: list[Any],
    order: tuple[int, ...], **attributes: Any,
) -> list[str]:  # fmt: skip
    """Write a recurrence; return the names of the states after each step and at the end."""
    steps = g.transposed(x, (1, 0, 2), g.dtype)
    both = g.node("Concat", *(in_order_of_gates(g, b, order) for b in biases), axis=1)
    begin = [g.node("Unsqueeze", g.value(h, g.dtype), g.integers(0)) for h in first]
    size = g.lengths(R)[0]
    found = g.node(
        op, steps, in_order_of_gates(g, W, order), in_order_of_gates(g, R, order), both, "", *begin,
        outputs=1 + len(first), hidden_size=size, **attributes,
    )  # fmt: skip
    states = g.node("Squeeze", found[0], g.integers(1))
    return [g.transposed(states, (1, 0, 2)), *found[1:]]


def write_rnn(g: OnnxGraph, x: Any, h: Any, W: Any, R: Any, b: Any, mask: Any) -> tuple[str, str]:
    """Write a simple recurrence."""
    zeros = np.zeros(g.lengths(b), g.dtype)
    states, last = states_of(g, "RNN", x, W, R, [b, zeros], [h], (0,))
    return states, last


def write_gru(
    g: OnnxGraph, x: Any, h: Any, W: Any, R: Any, b: Any, c: Any, mask: Any
) -> tuple[str, str]:
    """Write a gated recurrent unit."""
    how = {"linear_before_reset": 1}
    states, last = states_of(g, "GRU", x, W, R, [b, c], [h], UPDATE_FIRST, **how)
    return states, last


def write_lstm(
    g: OnnxGraph, x: Any, h: Any, c: Any, W: Any, R: Any, b: Any, mask: Any
) -> tuple[str, str]:
    """Write a long short-term memory: its states, and behind them the last c."""
    zeros = np.zeros(g.lengths(b), g.dtype)
    states, last, cell = states_of(g, "LSTM", x, W, R, [b, zeros], [h, c], OUTPUT_SECOND)
    end = g.transposed(cell, (1, 0, 2))
    return g.node("Concat", states, end, axis=1), last
