"""The simple recurrence and the gated recurrent unit over whole sequences, each one node."""

from typing import Any

import numpy as np

from tensorgrad.joint import rule_all
from tensorgrad.ops.common import create
from tensorgrad.ops.recurrence import (
    Sums,
    check_run,
    halved,
    hidden_states,
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


def rnn_step(M, now, then):
    """Compute h = tanh(M [1; x; h])."""
    K = M.shape[1]
    h = then[K - len(M) : K]
    np.dot(M, now[:K], out=h)
    np.tanh(h, out=h)


def rnn_step_back(dA, d, now, then, K):
    """Multiply by 1 - h²; nothing goes to the state before directly."""
    h = then[K - len(d) : K]
    np.multiply(h, h, out=dA)
    np.subtract(1, dA, out=dA)
    dA *= d
    d.fill(0)


def rnn_run(x, h, W, R, b, mask):
    """Return the states after each step, and the buffer of the run."""
    check_run("rnn", 1, x, [h], W, R, [b], mask)
    x, h, W, R, b = in_one_real_dtype(x, h, W, R, b)
    S = run(x, h.T, stacked(W, R, b), mask, rnn_step, 0)
    return hidden_states(S, x.shape[2], h.shape[1]), S


def rnn_steps(x, h, W, R, b, mask):
    """Return the states before and after each step, recorded."""
    x, states = shown(x, mask), [h]
    for t in range(x.shape[1]):
        new = np.tanh(np.matmul(x[:, t], W) + np.matmul(states[t], R) + b)
        states.append(kept(mask, t, new, states[t]))
    return states


@primitive
def rnn(x: Array, h: Any, W: Any, R: Any, b: Any, mask: Any) -> Array:
    """Return all states of the recurrence h ← tanh(x W + h R + b) over sequences, from the first state h.

    Where the mask is False, or 0, the state stays as it is.
    Shapes: x (N, T, D), h (N, H), W (D, H), R (H, H), b (H,), mask (N, T) or None -> (N, T, H).
    Raises: ValueError if the shapes do not fit each other; TypeError if a number is not real.
    Source: Elman (1990), Finding structure in time.
    """
    return rnn_run(x, h, W, R, b, mask)[0]


def rnn_gradients(g, S, x, h, W, R, b, mask):
    """Go back through the steps; the gradients of the weights are sums over the steps."""
    if is_recorded(g):
        return rnn_recorded(g, S, x, W, R, mask)
    D, M = x.shape[2], stacked(W, R, b)
    d = create(np.zeros, g, h.T.shape, g.dtype)
    dx, d, dM = run_back(g, d, S, M, D, mask, rnn_step_back)
    return dx, d.T, *unstacked(dM, D), None


def rnn_recorded(g, states, x, W, R, mask):
    """Return the same gradients, recorded."""
    x, dh, dx, sums = shown(x, mask), zero_like(states[0]), [], Sums()
    for t in reversed(range(x.shape[1])):
        dh = dh + g[:, t]
        live = kept(mask, t, dh, 0)
        # Where a state is held, `live` is 0, so the slope of the state itself does no harm.
        da = live * (1 - states[t + 1] * states[t + 1])
        dh = np.matmul(da, R.T) + (dh - live)
        dx.append(np.matmul(da, W.T))
        sums.add(x[:, t], states[t], da, da)
    return np.stack(dx[::-1], axis=1), dh, *sums.found[:3], None


# The gated recurrent unit


def gru_matrix(W, R, b, c):
    """Return the matrix for r, z and the two parts of n, of which the second is multiplied by r."""
    D, H = len(W), len(R)
    M = create(np.zeros, W, (4 * H, 1 + D + H), W.dtype)
    M[: 3 * H, 0], M[: 3 * H, 1 : D + 1] = b, W.T
    M[: 2 * H, 0] += c[: 2 * H]
    M[: 2 * H, D + 1 :] = R.T[: 2 * H]
    M[3 * H :, 0], M[3 * H :, D + 1 :] = c[2 * H :], R.T[2 * H :]
    return M


def gru_step(M, now, then):
    """Compute r, z = σ(…), n = tanh(a + r m) and h = n + z (h - n), with a and m the two parts of n."""
    K, H = M.shape[1], len(M) // 4
    gates, h, new = now[K:], now[K - H : K], then[K - H : K]
    np.dot(M, now[:K], out=gates)
    n = gates[2 * H : 3 * H]
    both = gates[: 2 * H]
    np.tanh(both, out=both)
    both *= 0.5
    both += 0.5
    np.multiply(gates[:H], gates[3 * H :], out=new)
    n += new
    np.tanh(n, out=n)
    np.subtract(h, n, out=new)
    new *= gates[H : 2 * H]
    new += n


def gru_step_back(dA, d, now, then, K):
    """Give r, z and the two parts of n their gradients; z d goes to the state before directly."""
    H = len(d)
    h, r, z, n, m = (now[K + k * H : K + (k + 1) * H] for k in range(-1, 4))
    dr, dz, dn, dm = (dA[k * H : (k + 1) * H] for k in range(4))
    np.subtract(h, n, out=dz)
    dz *= d
    np.multiply(d, z, out=dr)
    np.subtract(d, dr, out=dn)
    d[...] = dr
    np.multiply(z, 1 - z, out=dr)
    dz *= dr
    np.multiply(n, n, out=dr)
    np.subtract(1, dr, out=dr)
    dn *= dr
    np.multiply(dn, r, out=dm)
    np.multiply(dm, 1 - r, out=dr)
    dr *= m


def gru_run(x, h, W, R, b, c, mask):
    """Return the states after each step, and the buffer of the run."""
    check_run("gru", 3, x, [h], W, R, [b, c], mask)
    x, h, W, R, b, c = in_one_real_dtype(x, h, W, R, b, c)
    H = h.shape[1]
    S = run(x, h.T, halved(gru_matrix(W, R, b, c), 2 * H), mask, gru_step, 4 * H)
    return hidden_states(S, x.shape[2], H), S


def gru_steps(x, h, W, R, b, c, mask):
    """Return for each step h before, r, z, n and the part of n that r multiplies, recorded; at the end the last h."""
    x, steps, H = shown(x, mask), [], h.shape[1]
    for t in range(x.shape[1]):
        a, m = np.matmul(x[:, t], W) + b, np.matmul(h, R) + c
        r, z = logistic(a[:, :H] + m[:, :H]), logistic(a[:, H : 2 * H] + m[:, H : 2 * H])
        n = np.tanh(a[:, 2 * H :] + r * m[:, 2 * H :])
        steps.append((h, r, z, n, m[:, 2 * H :]))
        h = kept(mask, t, n + z * (h - n), h)
    return steps


@primitive
def gru(x: Array, h: Any, W: Any, R: Any, b: Any, c: Any, mask: Any) -> Array:
    """Return all states of a gated recurrent unit over sequences, from the first state h.

    With a = x W + b and m = h R + c, each of the three parts r, z, n: r = σ(a_r + m_r), z = σ(a_z + m_z),
    n = tanh(a_n + r m_n), h ← (1 - z) n + z h. Where the mask is False, or 0, the state stays as it is.
    Shapes: x (N, T, D), h (N, H), W (D, 3 H), R (H, 3 H), b and c (3 H,), mask (N, T) or None -> (N, T, H).
    Raises: ValueError if the shapes do not fit each other; TypeError if a number is not real.
    Source: Cho et al. (2014), arXiv:1406.1078, with r after the product, as in PyTorch.
    """
    return gru_run(x, h, W, R, b, c, mask)[0]


def gru_gradients(g, S, x, h, W, R, b, c, mask):
    """Go back through the steps; the gradients of the weights are sums over the steps."""
    if is_recorded(g):
        return gru_recorded(g, S, x, h, W, R, mask)
    D, H, M = x.shape[2], h.shape[1], gru_matrix(W, R, b, c)
    d = create(np.zeros, g, h.T.shape, g.dtype)
    dx, d, dM = run_back(g, d, S, M, D, mask, gru_step_back)
    dW, _, db = unstacked(dM[: 3 * H], D)
    _, dR, dc = unstacked(np.concatenate([dM[: 2 * H], dM[3 * H :]]), D)
    return dx, d.T, dW, dR, db, dc, None


def gru_recorded(g, steps, x, h, W, R, mask):
    """Return the same gradients, recorded."""
    x, dh, dx, sums = shown(x, mask), zero_like(h), [], Sums()
    for t in reversed(range(x.shape[1])):
        h, r, z, n, m = steps[t]
        dh = dh + g[:, t]
        live = kept(mask, t, dh, 0)
        dn = live * (1 - z) * (1 - n * n)
        gates = [dn * m * r * (1 - r), live * (h - n) * z * (1 - z)]
        da, dr = (np.concatenate([*gates, part], axis=1) for part in (dn, dn * r))
        dh = np.matmul(dr, R.T) + live * z + (dh - live)
        dx.append(np.matmul(da, W.T))
        sums.add(x[:, t], h, da, dr)
    return np.stack(dx[::-1], axis=1), dh, *sums.found, None


# fmt: off
rule_all(rnn, rnn_gradients, residuals=(rnn_run, rnn_steps))
rule_all(gru, gru_gradients, residuals=(gru_run, gru_steps))
# fmt: on
