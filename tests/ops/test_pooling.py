"""Pooling: each window by itself, for every way in which windows can lie."""

import functools
import itertools

import numpy as np
import pytest

import tensorgrad as tg

RNG = np.random.default_rng(0)


def windows_on(n, size, stride, padding):
    """Return the slices of an axis that the windows cover, without the padding."""
    before, after = padding if isinstance(padding, tuple) else (0, 0)
    if padding == "same":
        missing = max((-(-n // stride) - 1) * stride + size - n, 0)
        before, after = missing // 2, missing - missing // 2
    starts = range(-before, n + after - size + 1, stride)
    return [slice(max(start, 0), start + size) for start in starts]


def pooled(name, x, places, g):
    """Return the pooling of x, and the gradient of its product with g, window by window."""
    out, gradient = np.empty(g.shape), np.zeros_like(x)
    for at in itertools.product(*map(range, g.shape[1:-1])):
        part = (slice(None), *(places[axis][k] for axis, k in enumerate(at)))
        inner, here = x[part], (slice(None), *at)
        axes = tuple(range(1, x.ndim - 1))
        best = inner.max(axes) if name == "max_pool" else inner.mean(axes)
        out[here] = best
        chosen = inner == np.expand_dims(best, axes) if name == "max_pool" else np.ones(inner.shape)
        gradient[part] += chosen / chosen.sum(axes, keepdims=True) * np.expand_dims(g[here], axes)
    return out, gradient


def inner_product(x, f, g):
    return np.sum(f(x) * g)


@pytest.mark.parametrize("name", ["max_pool", "average_pool"])
@pytest.mark.parametrize("padding", ["valid", "same", (1, 1)])
@pytest.mark.parametrize("lengths", [(4,), (5,), (6,), (4, 6), (5, 5)])
def test_each_window_by_itself(name, padding, lengths):
    x = np.round(RNG.standard_normal((2, *lengths, 2)))  # with ties
    pads = 1 if padding == (1, 1) else padding
    for size, stride in itertools.product([2, 3], [None, 1, 2, 3]):
        places = [windows_on(n, size, stride or size, padding) for n in lengths]
        g = RNG.standard_normal((2, *map(len, places), 2))
        f = functools.partial(getattr(tg, name), size=size, stride=stride, padding=pads)
        out, gradient = pooled(name, x, places, g)
        np.testing.assert_allclose(f(x), out, atol=1e-12)
        np.testing.assert_allclose(tg.grad(inner_product)(x, f, g), gradient, atol=1e-12)


@pytest.mark.parametrize("name", ["max_pool", "average_pool"])
@pytest.mark.parametrize("settings", [(1, 2, 1), ((2, 1), None, 1), (2, 1, (0, 2)), ((3, 2), 2, 2)])
def test_windows_in_the_padding_are_refused(name, settings):
    with pytest.raises(ValueError, match="lie beside the input of lengths"):
        getattr(tg, name)(np.ones((1, 5, 5, 1)), *settings)
