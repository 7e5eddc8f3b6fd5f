"""Attention of several heads as one node, and its weights as a function of functions that have gradients.

The scores of a few samples at a time stay in the cache; of all that is computed, the weights alone are saved.
"""

import math
from typing import Any

import numpy as np

from tensorgrad.joint import rule_all
from tensorgrad.operands import reduction
from tensorgrad.ops.common import create, is_plain
from tensorgrad.rules import Array, primitive

SCORES = 1 << 17  # elements of a block of scores, which stay in the cache


def heads_of(x, heads):
    """Return a view with the heads before the steps. Shapes: x (N, T, heads d) -> (N, heads, T, d)."""
    return np.swapaxes(np.reshape(x, (*x.shape[:2], heads, x.shape[2] // heads)), 1, 2)


def side_by_side(x):
    """Put the heads side by side. Shapes: x (N, heads, T, d) -> (N, T, heads d)."""
    x = np.swapaxes(x, 1, 2)
    return np.reshape(x, (*x.shape[:2], x.shape[2] * x.shape[3]))


def thirds(qkv):
    """Return views of queries, keys and values that lie side by side. Shapes: qkv (N, T, 3 D) -> (N, T, D) each."""
    if qkv.ndim != 3 or qkv.shape[2] % 3:
        raise ValueError(
            f"self_attention takes queries, keys and values side by side, (N, T, 3 D), but got shape {qkv.shape}"
        )
    D = qkv.shape[2] // 3
    return qkv[..., :D], qkv[..., D : 2 * D], qkv[..., 2 * D :]


def check_attention(q, k, v, mask, heads, causal):
    """Raise ValueError if the shapes of queries, keys and values do not fit each other."""
    shapes = q.shape, k.shape, v.shape
    fits = all(len(shape) == 3 and shape[0] == len(q) for shape in shapes) and heads > 0
    fits = fits and q.shape[2] == k.shape[2] and k.shape[1] == v.shape[1]
    if (
        not fits
        or q.shape[2] % heads
        or v.shape[2] % heads
        or (causal and q.shape[1] != k.shape[1])
    ):
        raise ValueError(
            f"attention of {heads} heads takes queries (N, T, D), keys (N, S, D) and values (N, S, E), with D and E "
            f"that {heads} divides, and T = S if causal, but got shapes {', '.join(map(str, shapes))}"
        )
    found, goal = () if mask is None else mask.shape, (len(q), heads, q.shape[1], k.shape[1])
    if mask is not None and (
        len(found) != 4 or any(n not in (1, m) for n, m in zip(found, goal, strict=True))
    ):
        raise ValueError(
            f"a mask of shape {found} does not fit scores (N, heads, T, S) of shape {goal}"
        )


def allowed(mask, q, causal):
    """Return where a step of q may look, from the mask and, if causal, to no later step; None for everywhere."""
    if not causal:
        return mask
    before = create(np.tri, q, q.shape[1], dtype=bool)[None, None]
    return before if mask is None else np.logical_and(mask, before)


def attention_weights(
    q: Array, k: Any, mask: Any = None, *, heads: int = 1, causal: bool = False
) -> Array:
    """Return the weights of attention: the softmax of q kᵀ / √d over the steps that the mask allows.

    Where it allows none, the weights are 0.
    Shapes: q (N, T, D), k (N, S, D), mask (N, heads, T, S), or 1 in place of a length -> (N, heads, T, S).
    Raises: ValueError if the shapes do not fit each other.
    """
    check_attention(q, k, k, mask, heads, causal)
    q, k, mask = heads_of(q, heads), heads_of(k, heads), allowed(mask, q, causal)
    scores = np.matmul(q * (1 / math.sqrt(q.shape[-1])), np.swapaxes(k, -1, -2))
    if mask is None:
        e = np.exp(scores - np.max(scores, axis=-1, keepdims=True))
        return e / np.sum(e, axis=-1, keepdims=True)
    # The inner `where`s prevent infinities and NaN in gradients, of which 0 times is NaN again.
    top = np.max(np.where(mask, scores, -np.inf), axis=-1, keepdims=True)
    shifted = scores - np.where(np.equal(top, -np.inf), 0, top)
    e = np.where(mask, np.exp(np.where(mask, shifted, 0)), 0)
    total = np.sum(e, axis=-1, keepdims=True)
    return e / np.where(np.greater(total, 0), total, 1)


def blocks_of(n, size):
    """Yield slices of samples, of which each has so many scores."""
    several = max(SCORES // max(size, 1), 1)
    yield from (slice(i, i + several) for i in range(0, n, several))


def softmax_in_place(scores, mask):
    """Replace scores by their softmax along the axis before the last, 0 where the mask is False.

    Without a maximum in each column, which takes as long as the exponentials, if no score is so far from 0 that a sum
    may overflow; sums are products, which take a sixth of their time, and the mask multiplies, which takes a third of that of an assignment.
    """
    steps = scores.shape[-2]
    far = (math.log(np.finfo(scores.dtype).max) - math.log(max(steps, 1))) / 4
    if not (-far <= np.min(scores, initial=0) and np.max(scores, initial=0) <= far):  # or NaN
        shift_down(scores, mask)
    np.exp(scores, out=scores)
    if mask is not None:
        scores *= mask.astype(scores.dtype)
    total = sum_columns(scores)
    np.copyto(total, 1, where=total == 0)  # of a step that may look nowhere
    np.divide(1, total, out=total)
    scores *= total


def shift_down(scores, mask):
    """Subtract the largest score of each column, of those that the mask allows; the others become -inf."""
    if mask is not None:
        np.copyto(scores, -np.inf, where=np.logical_not(mask))
    top = reduction(np.maximum, scores)(scores, axis=-2, keepdims=True)
    if mask is not None:
        np.copyto(top, 0, where=np.isneginf(top))
    scores -= top


def sum_columns(x):
    """Sum along the axis before the last, which is kept. Shapes: x (..., S, T) -> (..., 1, T)."""
    return np.matmul(create(np.ones, x, (1, x.shape[-2]), x.dtype), x)


def scaled_columns(x, factor):
    """Return x times a factor, with features before steps, so that a product with it takes three fifths of the time.

    Shapes: x (N, heads, T, d) -> (N, heads, d, T).
    """
    out = create(np.empty, x, (*x.shape[:2], x.shape[3], x.shape[2]), x.dtype)
    return np.multiply(x.swapaxes(-1, -2), factor, out=out)


def attended(q, k, v, mask, dropped, heads=1, causal=False):
    """Return the output of attention and its weights, which the rule reads.

    They are computed in the order (N, heads, S, T), because NumPy sums columns several times faster than rows.
    """
    check_attention(q, k, v, mask, heads, causal)
    dtype = np.result_type(q, k, v, np.float16)
    out = create(np.empty, q, (*q.shape[:2], v.shape[2]), dtype)
    mask = allowed(mask, q, causal)
    if mask is not None:
        mask = create(np.ascontiguousarray, mask, np.swapaxes(mask, -1, -2), bool)
    q, k, v, parts = (heads_of(a.astype(dtype, copy=False), heads) for a in (q, k, v, out))
    columns = scaled_columns(q, 1 / math.sqrt(q.shape[3]))
    turned = create(np.empty, q, (*k.shape[:3], q.shape[2]), dtype)
    for n in blocks_of(len(q), math.prod(turned.shape[1:])):
        block = turned[n]
        np.matmul(k[n], columns[n], out=block)
        softmax_in_place(block, mask if mask is None or len(mask) == 1 else mask[n])
        used = block if dropped is None else block * dropped[n].swapaxes(-1, -2)
        np.matmul(used.swapaxes(-1, -2), v[n], out=parts[n])
    return out, turned.swapaxes(-1, -2)


def weights_again(q, k, v, mask, dropped, heads=1, causal=False):
    """Return the weights, recorded."""
    return attention_weights(q, k, mask, heads=heads, causal=causal)


@primitive
def attention(
    q: Array, k: Any, v: Any, mask: Any, dropped: Any, heads: int = 1, causal: bool = False
) -> Array:
    """Return the sums of values by the weights softmax(q kᵀ / √d), each head with its own share d of the features.

    The mask is True where a step of q may look at one of k; if causal, only at those up to its own. Where it may look
    at none, the output is 0. `dropped` multiplies the weights, as the mask of a dropout does.
    Shapes: q (N, T, D), k (N, S, D), v (N, S, E), mask (N, heads, T, S), or 1 in place of a length, or None, dropped
    (N, heads, T, S) or None -> (N, T, E).
    Raises: ValueError if the shapes do not fit each other.
    Source: Vaswani et al. (2017), arXiv:1706.03762, equation 1.
    """
    return attended(q, k, v, mask, dropped, heads, causal)[0]


def attention_gradients(g, weights, q, k, v, _mask, dropped, heads=1, causal=False):
    """Go back through the softmax: weights times the deviations of the gradients from their mean by the weights."""
    if is_plain(g):
        found = [create(np.empty, g, x.shape, g.dtype) for x in (q, k, v)]
        attention_back(g, weights, q, k, v, dropped, heads, found)
        return *found, None, None
    scale = 1 / math.sqrt(q.shape[2] // heads)
    g, q, k, v = (heads_of(x, heads) for x in (g, q, k, v))
    used = weights if dropped is None else weights * dropped
    d = np.matmul(g, np.swapaxes(v, -1, -2))
    d = d if dropped is None else d * dropped
    d = weights * (d - np.sum(d * weights, axis=-1, keepdims=True)) * scale
    dq, dk = np.matmul(d, k), np.matmul(np.swapaxes(d, -1, -2), q)
    return (
        side_by_side(dq),
        side_by_side(dk),
        side_by_side(np.matmul(np.swapaxes(used, -1, -2), g)),
        None,
        None,
    )


def attention_back(g, weights, q, k, v, dropped, heads, found):
    """Write the same gradients, of arrays, to `found`, a few samples at a time."""
    dq, dk, dv = (heads_of(x, heads) for x in found)
    g, q, k, v = (heads_of(x, heads) for x in (g, q, k, v))
    columns = scaled_columns(g, 1 / math.sqrt(q.shape[3]))
    turned = weights.swapaxes(-1, -2)
    for n in blocks_of(len(g), math.prod(weights.shape[1:])):
        block, part = turned[n], None if dropped is None else dropped[n].swapaxes(-1, -2)
        d = np.matmul(v[n], columns[n])
        used = block if part is None else block * part
        np.matmul(used, g[n], out=dv[n])
        if part is not None:
            d *= part
        d -= sum_columns(d * block)
        d *= block
        np.matmul(d.swapaxes(-1, -2), k[n], out=dq[n])
        np.matmul(d, q[n], out=dk[n])


def attended_thirds(qkv, mask, dropped, heads=1, causal=False):
    """Return the output of attention among thirds, and its weights."""
    q, k, v = thirds(qkv)
    return attended(q, k, v, mask, dropped, heads, causal)


def weights_of_thirds(qkv, mask, dropped, heads=1, causal=False):
    """Return the weights, recorded."""
    q, k, _ = thirds(qkv)
    return attention_weights(q, k, mask, heads=heads, causal=causal)


@primitive
def self_attention(
    qkv: Array, mask: Any, dropped: Any, heads: int = 1, causal: bool = False
) -> Array:
    """Return `attention` of queries, keys and values that lie side by side, as one product makes them.

    Shapes: qkv (N, T, 3 D), mask (N, heads, T, T), or 1 in place of a length, or None, dropped (N, heads, T, T) or
    None -> (N, T, D).
    Raises: ValueError if the shapes do not fit each other.
    """
    return attended_thirds(qkv, mask, dropped, heads, causal)[0]


def self_attention_gradients(g, weights, qkv, mask, dropped, heads=1, causal=False):
    """Put the gradients of queries, keys and values side by side."""
    q, k, v = thirds(qkv)
    if is_plain(g):
        found = create(np.empty, g, qkv.shape, g.dtype)
        attention_back(g, weights, q, k, v, dropped, heads, thirds(found))
        return found, None, None
    found = attention_gradients(g, weights, q, k, v, mask, dropped, heads, causal)
    return np.concatenate(found[:3], axis=-1), None, None


rule_all(attention, attention_gradients, residuals=(attended, weights_again))
rule_all(self_attention, self_attention_gradients, residuals=(attended_thirds, weights_of_thirds))
