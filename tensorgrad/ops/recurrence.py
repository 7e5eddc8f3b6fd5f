"""Runs over sequences, forward and back, that all recurrences share.

Features come first inside: the samples of a step are the columns of [1; x; h], one product with [b W R]ᵀ gives all its
gates, and the rows of a gate lie together. One buffer (T + 1, rows, N) holds [1; x; h; c; gates] of each step, which the
rule reads. Where a rule is recorded, to be differentiated again, it is the same formula written in functions of rows.
"""

from typing import Any

import numpy as np

from tensorgrad.operands import has_foreign
from tensorgrad.ops.common import create, is_plain


def in_one_real_dtype(x, *arrays):
    """Return arrays of one dtype, that of their sum.

    Raises: TypeError if they are complex.
    """
    dtype = np.result_type(x, *arrays)
    if dtype.kind != "f":
        raise TypeError(
            f"a recurrence calculates with real floating-point numbers, not with {dtype}"
        )
    return [a.astype(dtype, copy=False) for a in (x, *arrays)]


def check_run(name, gates, x, states, W, R, biases, mask):
    """Raise ValueError if the shapes of the arguments of a recurrence do not fit each other."""
    N, T, D = x.shape if x.ndim == 3 else (0, 0, 0)
    H = R.shape[0] if R.ndim else 0
    right = T > 0 and W.shape == (D, gates * H) and R.shape == (H, gates * H) and H > 0
    right = right and all(s.shape == (N, H) for s in states)
    right = right and all(b.shape == (gates * H,) for b in biases)
    if right and (mask is None or mask.shape == (N, T)):
        return
    found = [a.shape for a in (x, *states, W, R, *biases)] + ([] if mask is None else [mask.shape])
    raise ValueError(
        f"{name} takes sequences (N, T, D) of one step or more, states (N, H), weights (D, {gates} H) and (H, {gates} H), biases "
        f"({gates} H,) and a mask (N, T) or None, but got arrays of shapes {', '.join(map(str, found))}"
    )


def stacked(W, R, b):
    """Return the matrix of the columns [1; x; h]. Shapes: W (D, G), R (H, G), b (G,) -> (G, 1 + D + H)."""
    return create(np.ascontiguousarray, W, np.concatenate([b[None], W, R]).T)


def unstacked(dM, D):
    """Return the gradients of weights, recurrent weights and biases. Shapes: dM (G, 1 + D + H)."""
    return dM[:, 1 : D + 1].T, dM[:, D + 1 :].T, dM[:, 0]


def halved(M, rows):
    """Return the matrix with half the weights of the sigmoids, which are (1 + tanh(a / 2)) / 2."""
    M = M.copy()
    M[:rows] *= 0.5
    return M


def run(x, state, M, mask, step, rows):
    """Return the buffer of a run: [1; x; h; the rest of the state; rows of the step's own] of each step.

    Shapes: x (N, T, D), state (S, N), M (G, K), mask (N, T) -> (T + 1, K + rows, N).
    """
    N, T, D = x.shape
    K = M.shape[1]
    x = shown(x, mask)
    skipped = None if mask is None else np.logical_not(mask.T)
    S = create(np.empty, x, (T + 1, K + rows, N), x.dtype)
    S[:, 0] = 1
    S[:T, 1 : D + 1] = x.transpose(1, 2, 0)
    places = slice(D + 1, D + 1 + len(state))
    S[0, places] = state
    for t in range(T):
        step(M, S[t], S[t + 1])
        if skipped is not None:
            np.copyto(S[t + 1, places], S[t, places], where=skipped[t])
    return S


def run_back(g, d, S, M, D, mask, step):
    """Return the gradients of the sequences, of the first state and of the matrix.

    `d` is that of the last state, and is overwritten.
    Shapes: g (N, T, H), d (S, N), S (T + 1, rows, N), M (G, K) -> (N, T, D), (S, N), (G, K).
    """
    N, T, H = g.shape
    arriving = create(np.ascontiguousarray, g, g.transpose(1, 2, 0))
    back = create(np.ascontiguousarray, M, M[:, 1:].T)
    dx, dM = create(np.empty, g, (T, D, N), g.dtype), create(np.zeros, g, M.shape, g.dtype)
    dA, product = (
        create(np.empty, g, (len(M), N), g.dtype),
        create(np.empty, g, (len(back), N), g.dtype),
    )
    for t in range(T - 1, -1, -1):
        now = S[t]
        d[:H] += arriving[t]
        if mask is not None:
            held = np.where(mask[:, t], 0, d)
            d -= held
        step(dA, d, now, S[t + 1], M.shape[1])
        np.dot(back, dA, out=product)
        d[:H] += product[D:]
        if mask is not None:
            d += held
        dx[t] = product[:D]
        dM += np.dot(dA, now[: M.shape[1]].T)
    return create(np.ascontiguousarray, dx, dx.transpose(2, 0, 1)), d, dM


def hidden_states(S, D, H):
    """Return the states h after each step. Shapes: S (T + 1, rows, N) -> (N, T, H)."""
    return create(np.ascontiguousarray, S, S[1:, D + 1 : D + 1 + H].transpose(2, 0, 1))


def shown(x, mask):
    """Return the sequences with 0 where the mask leaves steps out, so that a NaN there does no harm."""
    return x if mask is None else np.where(mask[..., None], x, 0)


def logistic(a):
    """Return 1 / (1 + exp(-a)), as the runs compute it."""
    return np.tanh(a * 0.5) * 0.5 + 0.5


def kept(mask, t, new, old):
    """Return the new rows, and the old ones of samples that the mask leaves out. Shapes: (N, ...) -> (N, ...)."""
    return new if mask is None else np.where(mask[:, t : t + 1], new, old)


def is_recorded(g):
    """Return True for a gradient that is to be recorded: then rules are formulas, step by step."""
    return not (is_plain(g) or has_foreign(g))


def zero_like(rows):
    return create(np.zeros, rows, rows.shape, rows.dtype)


class Sums:
    """The gradients of weights and biases, summed over the steps."""

    found: Any = None

    def add(self, x, h, da, dr):
        """Add those of one step, with the gradients `da` in x W + b and `dr` in h R + b."""
        new = np.matmul(x.T, da), np.matmul(h.T, dr), np.sum(da, axis=0), np.sum(dr, axis=0)
        self.found = new if self.found is None else [a + b for a, b in zip(self.found, new)]
