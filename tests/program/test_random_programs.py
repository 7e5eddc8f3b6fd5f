"""Random programs with pieces that depend on values: compiled once, compared on other arguments."""

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import tensorgrad as tg
from tests.program.test_compile import same

PIECES = [
    lambda x, y: np.where(x > y, x, y * 0.5),
    lambda x, y: np.sort(x) + y,
    lambda x, y: x[np.argsort(y)],
    lambda x, y: x * (y > np.mean(y)),
    lambda x, y: np.maximum(x, y),
    lambda x, y: np.clip(x, -0.5, 0.5) + y,
    lambda x, y: np.tanh(x) * y,
    lambda x, y: np.abs(x - y) ** 1.5,
    lambda x, y: x - x[np.argmax(y)],
    lambda x, y: np.cumsum(x) * 0.1 + y[::-1],
    lambda x, y: x / (1 + y * y),
    lambda x, y: tg.softmax(x) * np.max(y),
    lambda x, y: np.take(x, np.argsort(-y)[:3]).sum() + y,
    lambda x, y: np.sqrt(np.where(x > 0, x, 0)) + y,
    lambda x, y: np.concatenate([x[:2], y[2:]]),
    lambda x, y: written(x, y),
    lambda x, y: np.linalg.norm(x) * y,
    lambda x, y: np.median(x) + y * np.std(x),
]


def written(x, y):
    """Write into an array at a place that depends on values."""
    z = x * 1
    z[np.argmin(y)] = 0.3
    z[1:3] += y[:2]
    return z


def function(choices):
    """Return a function of two vectors, made of these pieces."""

    def f(x, y):
        for choice in choices:
            x, y = PIECES[choice](x, y), x
        return np.sum(x * x) + np.sum(y)

    return f


vectors = st.lists(st.floats(-2, 2, allow_nan=False, width=32), min_size=5, max_size=5).map(
    lambda items: np.array(items, float)
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.integers(0, len(PIECES) - 1), min_size=1, max_size=6),
    st.lists(vectors, min_size=4, max_size=4),
)
def test_first_order(choices, drawn):
    f = tg.value_and_grad(function(choices), (0, 1))
    compiled = tg.compile(f)
    with np.errstate(all="ignore"):
        for x, y in (drawn[:2], drawn[2:], drawn[1:3]):
            assert same(f(x, y), compiled(x, y))


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.integers(0, len(PIECES) - 1), min_size=1, max_size=4),
    st.lists(vectors, min_size=4, max_size=4),
)
def test_a_product_with_the_hessian(choices, drawn):
    f = function(choices)

    def product(x, y, v):
        return tg.hvp(lambda x: f(x, y), x, v)

    compiled = tg.compile(product)
    with np.errstate(all="ignore"):
        for x, y, v in (drawn[:3], drawn[1:]):
            assert same(product(x, y, v), compiled(x, y, v))
