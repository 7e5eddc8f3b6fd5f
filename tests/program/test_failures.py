"""Failures of a trace: refused with the line, the function's own errors as in eager, state as before."""

import array
import collections
import contextvars
import functools
import itertools
import os
import random
import re
import types

import numpy as np
import pytest

import nn
import tensorgrad as tg

rng = np.random.default_rng(0)
X, Y = rng.standard_normal((24, 6)).astype(np.float32), rng.integers(0, 3, 24)


class Net(nn.Module):
    """A network whose activation is given, with a state that this may use."""

    def __init__(self, act):
        self.first, self.last = nn.Dense(6, 8, rng=0), nn.Dense(8, 3, rng=1)
        self.act = act

    def forward(self, x):
        return self.last(self.act(self.first(x)))


def trained(act, compile):
    """Return the weights and predictions of four epochs, and the summary."""
    random.seed(5)
    model = nn.Model(Net(act()))
    model.set(
        loss=nn.CategoricalCrossentropy(from_logits=True),
        optimizer=nn.SGD(learning_rate=0.05),
        accuracy=nn.CategoricalAccuracy(),
    )
    model.train(X, Y, epochs=4, batch_size=8, seed=0, print_every=None, compile=compile)
    values = [value.tobytes() for value in model.module.state_dict().values()]
    return [*values, model.predict(X, compile=compile).tobytes()], model.summary()


def of_memoryview():
    return lambda h: np.tanh(h) * len(memoryview(getattr(h, "_value", h)))


def of_an_attribute():
    return lambda h: np.tanh(h) * getattr(h, "_value", h).__array_interface__["version"]


def of_random():
    return lambda h: np.tanh(h) * random.random()


def of_a_counter():
    count = itertools.count()
    return lambda h: np.tanh(h) * next(count)


def of_a_generator():
    """Return one that other values follow in long after the trace."""
    factors = (1.0 if i < 10 else 2.0 for i in range(100))
    return lambda h: np.tanh(h) * next(factors)


def counting(counter, count, number):
    """Return an activation that counts its calls, and goes on otherwise after ten of them."""

    def act(h):
        count(counter)
        return np.tanh(h) * (1.0 if number(counter) < 10 else 2.0)

    return lambda: act


def add_one(counter):
    counter[0] += 1


def first(counter):
    return counter[0]


def append(counter):
    counter.append(0)


number = contextvars.ContextVar("number", default=0)


def count_in_environment(_):
    os.environ["TENSORGRAD_TEST_COUNT"] = str(count_of_environment(_) + 1)


def count_of_environment(_):
    return int(os.environ.get("TENSORGRAD_TEST_COUNT", "0"))


COUNTERS = {
    "list": lambda: counting([0], add_one, first),
    "length": lambda: counting([], append, len),
    "deque": lambda: counting(collections.deque(), append, len),
    "UserList": lambda: counting(collections.UserList(), append, len),
    "set": lambda: counting(set(), lambda x: x.add(len(x)), len),
    "dict": lambda: counting({}, lambda x: x.update({len(x): 0}), len),
    "Counter": lambda: counting(collections.Counter(), lambda x: x.update("a"), lambda x: x["a"]),
    "array": lambda: counting(np.zeros(1), add_one, first),
    "array.array": lambda: counting(array.array("i", [0]), add_one, first),
    "bytearray": lambda: counting(bytearray(1), add_one, first),
    "ContextVar": lambda: counting(number, lambda x: x.set(x.get() + 1), lambda x: x.get()),
    "environ": lambda: counting(None, count_in_environment, count_of_environment),
}  # fmt: skip
REFUSED = {
    "memoryview": (of_memoryview, "a line raises TypeError: memoryview"),
    "attribute": (of_an_attribute, "a line raises AttributeError: a traced array has no attribute"),
    "random": (of_random, "two runs of the function on the same arguments differ"),
    "count": (of_a_counter, "an iterator from outside, count"),
    "generator": (of_a_generator, "an iterator from outside, <generator"),
}

COUNTED = "changes what it uses|arguments differ|adds something|writes into an ndarray"


@pytest.fixture(autouse=True)
def without_counts():
    yield
    number.set(0)
    os.environ.pop("TENSORGRAD_TEST_COUNT", None)


@pytest.mark.parametrize("kind", [*REFUSED, *COUNTERS])
def test_a_model_trains_as_in_eager_and_says_why(kind):
    found = []
    for mode in (False, "auto"):
        act, words = REFUSED.get(kind) or (COUNTERS[kind](), COUNTED)
        number.set(0)
        os.environ.pop("TENSORGRAD_TEST_COUNT", None)
        values, summary = trained(act, mode)
        found.append(values)
    assert found[0] == found[1]
    assert re.search(f"train runs eagerly: .*({words})", summary)
    with pytest.raises(tg.Untraceable, match=words):
        trained(REFUSED[kind][0] if kind in REFUSED else COUNTERS[kind](), True)


@pytest.mark.parametrize("kind", COUNTERS)
def test_what_a_refused_function_has_counted_is_put_back(kind):
    act = COUNTERS[kind]()()
    with pytest.raises(tg.Untraceable, match=COUNTED):
        tg.compile(act)(np.ones(3))
    factors = [act(np.ones(1))[0] / np.tanh(1.0) for _ in range(11)]
    assert factors == [1.0] * 9 + [2.0] * 2


def test_a_cache_that_the_first_run_fills_is_no_change():
    cache = {}

    def table(n):
        if n not in cache:
            cache[n] = np.full(n, 2.0)
        return cache[n]

    f = tg.compile(lambda x: np.sum(x * table(len(x))))
    assert [f(np.ones(n)) for n in (2, 3, 2, 4)] == [4, 6, 4, 8]
    cache[2][:] = 5.0
    assert f(np.ones(2)) == 10


@functools.lru_cache
def cached(n):
    return n


def test_a_cache_that_each_run_fills_is_refused():
    def f(x):
        return x * cached(cached.cache_info().currsize)

    with pytest.raises(tg.Untraceable, match="a container or a cache from outside at each call"):
        tg.compile(f)(np.ones(2))


def raises(x, y):
    """Raise an error of the user's own, for some shapes and at some values."""
    if len(x) == 3:
        raise KeyError("three rows")
    return np.sum(x @ y)


def test_an_error_of_the_function_is_its_own():
    f = tg.compile(raises)
    assert f(np.ones((2, 2)), np.ones(2)) == 4
    for args in ([np.ones((3, 2)), np.ones(2)], [np.ones((2, 2)), np.ones(3)], [np.ones(2)]):
        errors = []
        for run in (raises, f, f.program, f.by_program):
            with pytest.raises(Exception) as error:  # any, the same for all
                run(*args)
            errors.append((error.type, str(error.value)))
            assert error.value.__context__ is None
        assert len(set(errors)) == 1


def test_a_model_raises_the_modules_own_error_once():
    class Failing(Net):
        bad = False

        def forward(self, x):
            if self.bad:
                raise KeyError("mine")
            return super().forward(x)

    model = nn.Model(Failing(np.tanh))
    model.set(loss=nn.CategoricalCrossentropy(from_logits=True), optimizer=nn.SGD())

    class Switch(nn.Callback):
        def on_epoch_end(self, run):
            Failing.bad = True

    def train(*callbacks):
        model.train(X, Y, epochs=4, batch_size=8, print_every=None, callbacks=list(callbacks))

    train()
    with pytest.raises(KeyError, match="mine") as error:
        train(Switch())
    assert error.value.__context__ is None
    Failing.bad = False
    train()
    assert "train runs as a program" in model.summary()


def test_a_mistake_of_the_compiler_is_no_error_of_a_training(monkeypatch):
    monkeypatch.setattr("tensorgrad.program.runner.Text", None)
    words = "no program could be written, because of TypeError: 'NoneType' object is not callable"
    values, summary = trained(lambda: np.tanh, "auto")
    assert values == trained(lambda: np.tanh, False)[0]
    assert f"train runs eagerly: {words}" in summary
    with pytest.raises(tg.Untraceable, match=words):
        tg.compile(np.sum)(np.ones(2))


def test_an_argument_of_another_kind_is_refused_by_name():
    with pytest.raises(tg.Untraceable, match="was given a set; pass its arrays"):
        tg.compile(lambda x, y: x)(np.ones(2), {1, 2})


def by_attribute():
    kept = types.SimpleNamespace()

    def f(x):
        factor, kept.factor = getattr(kept, "factor", 2.0), 3.0
        return np.sum(x * factor)

    return f


def by_entry():
    kept = {}

    def f(x):
        factor = kept.get("factor", 2.0)
        kept["factor"] = 3.0
        return np.sum(x * factor)

    return f


@pytest.mark.parametrize("make", [by_attribute, by_entry])
def test_a_second_call_that_finds_a_number_of_the_first_is_refused(make):
    f = make()
    with pytest.raises(tg.Untraceable, match="the next call finds it and does something else"):
        tg.compile(f)(np.ones(3))
    assert [f(np.ones(3)), f(np.ones(3))] == [6, 9]  # as if nothing had been tried


def test_a_first_call_may_note_what_no_call_reads():
    kept = types.SimpleNamespace()

    def f(x):
        kept.shape, kept.built = x.shape, True
        return np.sum(x * 2.0)

    assert tg.compile(f)(np.ones(3)) == 6
    assert vars(kept) == {"shape": (3,), "built": True}
