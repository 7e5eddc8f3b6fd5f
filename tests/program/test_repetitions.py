"""Repetitions: what is computed once instead of twice, and what must not be."""

import numpy as np
import pytest

import tensorgrad as tg
from tests.program.test_compile import assert_same, drawn


def tensor(x):
    return tg.Tensor(x)


def test_a_jacobian_has_its_slopes_once():
    program = assert_same(
        tg.jacobian(lambda x, W: np.tanh(np.tanh(x @ W) @ W)),
        (drawn(3), drawn(3, 3, seed=1)),
        (drawn(3, seed=2), drawn(3, 3, seed=3)),
    )
    assert program.source.count("1 - ") == 2


def test_a_hessian_vector_product_has_its_slopes_once():
    def f(x, v):
        return tg.hvp(lambda x: np.sum(np.tanh(x)), x, v)

    program = assert_same(f, (drawn(4), drawn(4, seed=1)), (drawn(4, seed=2), drawn(4, seed=3)))
    assert program.source.count("tanh * tanh") == 1


def written_between(x):
    y = x * 1.5
    a = np.exp(y)
    y[0] = 3.0
    return a, np.exp(y)


def written_after(x):
    a, b = np.exp(x), np.exp(x)
    b[0] = 3.0
    return a * 2, b


def written_through_a_view(x):
    y = x * 1.5
    part = y[:2]
    a = np.exp(y)
    part[1] = 0.5
    return a, np.exp(y)


def signs_of_zero(x):
    return np.copysign(1, np.abs(x) * 0.0), np.copysign(1, np.abs(x) * -0.0)


def kinds_of_one(x):
    return np.sum(x**1.0), np.add(x, 1.0), np.add(x, True), np.add(x, 1)


def warned_of(x):
    with np.errstate(divide="ignore"):
        a = 1 / (x - x)
    return a, x - x + 1


def of_axes(x):
    y = x * np.ones((4, 4))
    return np.sum(y * 2, axis=0), np.sum(y * 2, axis=1)


APART = [
    of_axes, written_between, written_after, written_through_a_view, signs_of_zero, kinds_of_one, warned_of
]  # fmt: skip


@pytest.mark.parametrize("f", APART)
def test_what_differs_stays_apart(f):
    assert_same(lambda x: f(tensor(x)), *[(drawn(4, seed=i),) for i in range(3)])


def test_what_is_computed_once_is_read_by_keywords_too():
    def f(x):
        return np.take(x, indices=np.argsort(x)) + np.take(x * 2, indices=np.argsort(x))

    program = assert_same(f, (drawn(4),), (drawn(4, seed=1),))
    assert program.source.count("argsort(") == 1


def test_what_is_written_before_both_is_no_hindrance():
    def f(x):
        y = tensor(x) * 1.5
        y[0] = 3.0
        return np.sum(np.exp(y)) * np.mean(np.exp(y))

    program = assert_same(f, (drawn(4),), (drawn(4, seed=1),))
    assert program.source.count("np.exp(") == 1


def test_arrays_that_are_returned_are_the_callers_own():
    f = tg.compile(lambda x: (np.exp(x), np.exp(x), np.exp(x).T, np.exp(x)[:1]))
    found = f(np.ones((2, 3)))
    found = f(np.ones((2, 3)))
    pairs = [(i, j) for i in range(4) for j in range(i)]
    assert not any(np.shares_memory(found[i], found[j]) for i, j in pairs)


def test_what_runs_each_time_runs_each_time():
    noise = tg.impure(lambda rng, x: rng.normal(size=x.shape))
    f = tg.compile(lambda rng, x: (x + noise(rng, x), x + noise(rng, x)))
    rng = np.random.default_rng(0)
    for _ in range(2):
        a, b = f(rng, np.zeros(3))
        assert not np.any(a == b)


def test_the_users_names_stay():
    def f(x):
        first = np.exp(x)
        second = np.exp(x)
        return np.sum(first * second) + np.sum(second)

    source = tg.compile(f).program(np.ones(3)).source
    assert "first = np.exp(x)" in source
