"""The long short-term memory over whole sequences, one node."""

from typing import Any

import numpy as np

from tensorgrad.joint import rule_all
from tensorgrad.ops.common import create
from tensorgrad.ops.recurrence import (
    Sums,
    check_run,
    halved,
    in_one_real_dtype,
    is_recorded,
    kept,
    logistic,
    run,
    run_back,
    shown,
    stacked,
    unstacked,
    zero_like,
)
from tensorgrad.rules import Array, primitive


def swapped(a, H):
    """Exchange the last two of the four gates along the first axis: the sigmoids i, f, o lie together before g."""
    return np.concatenate([a[: 2 * H], a[3 * H :], a[2 * H : 3 * H]])


def lstm_step(M, now, then):
    """Compute i, f, o = σ(…), g = tanh(…), c = f c + i g and h = o tanh(c)."""
    K, H = M.shape[1], len(M) // 4
    gates, tanh_c, c = now[K + H : K + 5 * H], now[K + 5 * H :], then[K : K + H]
    np.dot(M, now[:K], out=gates)
    np.tanh(gates, out=gates)
    sigmoids = gates[: 3 * H]
    sigmoids *= 0.5
    sigmoids += 0.5
    np.multiply(gates[H : 2 * H], now[K : K + H], out=c)
    np.multiply(gates[:H], gates[3 * H :], out=tanh_c)
    c += tanh_c
    np.tanh(c, out=tanh_c)
    np.multiply(gates[2 * H : 3 * H], tanh_c, out=then[K - H : K])


def lstm_step_back(dA, d, now, then, K):
    """Give the four gates their gradients; f times that of c goes to the c before directly."""
    H = len(d) // 2
    dh, dc = d[:H], d[H:]
    gates, tanh_c = now[K + H : K + 5 * H], now[K + 5 * H :]
    slopes, o = gates * gates, gates[2 * H : 3 * H]
    np.subtract(gates[: 3 * H], slopes[: 3 * H], out=slopes[: 3 * H])
    np.subtract(1, slopes[3 * H :], out=slopes[3 * H :])
    part = dA[:H]
    np.multiply(tanh_c, tanh_c, out=part)
    np.subtract(1, part, out=part)
    part *= o
    part *= dh
    dc += part
    np.multiply(dc, gates[3 * H :], out=part)
    np.multiply(dc, now[K : K + H], out=dA[H : 2 * H])
    np.multiply(dh, tanh_c, out=dA[2 * H : 3 * H])
    np.multiply(dc, gates[:H], out=dA[3 * H :])
    dA *= slopes
    dc *= gates[H : 2 * H]
    dh.fill(0)


def lstm_run(x, h, c, W, R, b, mask):
    """Return the states h after each step and the last c, and the buffer of the run."""
    check_run("lstm", 4, x, [h, c], W, R, [b], mask)
    x, h, c, W, R, b = in_one_real_dtype(x, h, c, W, R, b)
    (N, T, D), H = x.shape, h.shape[1]
    M = halved(swapped(stacked(W, R, b), H), 3 * H)
    S = run(x, np.concatenate([h, c], axis=1).T, M, mask, lstm_step, 6 * H)
    out = create(np.empty, x, (N, T + 1, H), x.dtype)
    out[:, :T] = S[1:, D + 1 : D + 1 + H].transpose(2, 0, 1)
    out[:, T] = S[T, D + 1 + H : D + 1 + 2 * H].T
    return out, S


def lstm_steps(x, h, c, W, R, b, mask):
    """Return for each step h and c before, the gates i, f, g, o and tanh of the new c, recorded."""
    x, steps, H = shown(x, mask), [], h.shape[1]
    for t in range(x.shape[1]):
        a = np.matmul(x[:, t], W) + np.matmul(h, R) + b
        i, f, o = (logistic(a[:, k * H : (k + 1) * H]) for k in (0, 1, 3))
        g = np.tanh(a[:, 2 * H : 3 * H])
        new = f * c + i * g
        tanh_c = np.tanh(new)
        steps.append((h, c, i, f, g, o, tanh_c))
        h, c = kept(mask, t, o * tanh_c, h), kept(mask, t, new, c)
    return steps


@primitive
def lstm(x: Array, h: Any, c: Any, W: Any, R: Any, b: Any, mask: Any) -> Array:
    """Return all states of a long short-term memory over sequences, from the first states h and c; last the last c.

    With a = x W + h R + b in the four parts i, f, g, o: c ← σ(a_f) c + σ(a_i) tanh(a_g), h ← σ(a_o) tanh(c). The
    states h come first, and the last c behind them. Where the mask is False, or 0, the states stay as they are.
    Shapes: x (N, T, D), h and c (N, H), W (D, 4 H), R (H, 4 H), b (4 H,), mask (N, T) or None -> (N, T + 1, H).
    Raises: ValueError if the shapes do not fit each other; TypeError if a number is not real.
    Source: Hochreiter and Schmidhuber (1997), with the forget gate of Gers, Schmidhuber and Cummins (2000).
    """
    return lstm_run(x, h, c, W, R, b, mask)[0]


def lstm_gradients(g, S, x, h, c, W, R, b, mask):
    """Go back through the steps; the gradients of the weights are sums over the steps."""
    if is_recorded(g):
        return lstm_recorded(g, S, x, h, W, R, mask)
    D, H, T = x.shape[2], h.shape[1], x.shape[1]
    M = swapped(stacked(W, R, b), H)
    d = create(np.zeros, g, (2 * H, len(x)), g.dtype)
    d[H:] = g[:, T].T
    dx, d, dM = run_back(g[:, :T], d, S, M, D, mask, lstm_step_back)
    return dx, d[:H].T, d[H:].T, *unstacked(swapped(dM, H), D), None


def lstm_recorded(g, steps, x, h, W, R, mask):
    """Return the same gradients, recorded."""
    x = shown(x, mask)
    dh, dc, dx, sums = zero_like(h), g[:, x.shape[1]], [], Sums()
    for t in reversed(range(x.shape[1])):
        h, c, i, f, new, o, tanh_c = steps[t]
        dh = dh + g[:, t]
        live, live_c = kept(mask, t, dh, 0), kept(mask, t, dc, 0)
        d = live_c + live * o * (1 - tanh_c * tanh_c)
        gates = d * new * i * (1 - i), d * c * f * (1 - f), d * i * (1 - new * new)
        da = np.concatenate([*gates, live * tanh_c * o * (1 - o)], axis=1)
        dh, dc = np.matmul(da, R.T) + (dh - live), d * f + (dc - live_c)
        dx.append(np.matmul(da, W.T))
        sums.add(x[:, t], h, da, da)
    return np.stack(dx[::-1], axis=1), dh, dc, *sums.found[:3], None


rule_all(lstm, lstm_gradients, residuals=(lstm_run, lstm_steps))
