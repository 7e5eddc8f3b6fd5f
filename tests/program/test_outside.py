"""Programs follow what their function finds outside: every kind of change, value and gradient."""

import array
import contextvars
import copy
import dataclasses
import enum
import functools
import threading
import types
import warnings

import numpy as np
import pytest

import tensorgrad as tg


class OfClass:
    factor = 1.0
    table = np.ones(3)

    @classmethod
    def by_method(cls, x):
        return x * cls.factor

    @staticmethod
    def by_name(x):
        return x * OfClass.factor


class Inherited(OfClass):
    pass


@dataclasses.dataclass(slots=True)
class InSlots:
    factor: float
    unset: list = dataclasses.field(init=False)


class Lazy:
    @functools.cached_property
    def table(self):
        return np.ones(3)


@functools.lru_cache
def cached():
    return np.ones(3)


def of_function():
    pass


of_function.factor = 1.0
of_context = contextvars.ContextVar("of_context", default=1.0)
slots, values = InSlots(1.0), {"factor": 1.0}
read_only = types.MappingProxyType(values)
standard, raw = array.array("d", [1.0, 2.0]), bytearray(b"ab")
scalar, matrix, record = np.array(1.0), np.ones((3, 3)), np.zeros(3, dtype=[("a", float)])
large = np.ones((3, 10_000))
lazy, names, inner = Lazy(), types.SimpleNamespace(table=np.ones(3)), types.SimpleNamespace()
inner.names = types.SimpleNamespace(table=np.ones(3))
listed = [large]


def into(x, index):
    return lambda value: x.__setitem__(index, value)


# How to change a value outside, and a function that uses it.
CASES = {
    "class": (lambda v: setattr(OfClass, "factor", v), lambda x: x * OfClass.factor),
    "inherited": (lambda v: setattr(OfClass, "factor", v), lambda x: x * Inherited.factor),
    "class method": (lambda v: setattr(OfClass, "factor", v), lambda x: OfClass.by_method(x)),
    "static method": (lambda v: setattr(OfClass, "factor", v), lambda x: Inherited.by_name(x)),
    "array of a class": (into(OfClass.table, 0), lambda x: x * OfClass.table),
    "slot": (lambda v: setattr(slots, "factor", v), lambda x: x * slots.factor),
    "function": (lambda v: setattr(of_function, "factor", v), lambda x: x * of_function.factor),
    "context": (of_context.set, lambda x: x * of_context.get()),
    "mapping proxy": (into(values, "factor"), lambda x: x * read_only["factor"]),
    "array.array": (into(standard, 0), lambda x: x * standard[0]),
    "bytearray": (lambda v: into(raw, 0)(int(v)), lambda x: x * raw[0]),
    "array of no axes": (into(scalar, ...), lambda x: x**scalar),
    "number of an array": (into(scalar, ...), lambda x: x * float(scalar)),
    "decision by an array": (into(scalar, ...), lambda x: x if scalar > 2 else x**2),
    "view": (into(matrix, 0), lambda x: x * matrix[0]),
    "product": (into(matrix, (0, 1)), lambda x: matrix @ x),
    "computed": (into(matrix, (0, 1)), lambda x: (2 * matrix)[:2] @ x),
    "mask": (into(matrix, (0, 1)), lambda x: np.where(matrix[0] > 2, x, x**2)),
    "field": (into(record, "a"), lambda x: x * record["a"]),
    "namespace": (into(names.table, 0), lambda x: x * (names.table * 2)),
    "nested namespace": (into(inner.names.table, 0), lambda x: x * inner.names.table),
    "cached property": (lambda v: into(lazy.table, 0)(v), lambda x: x * lazy.table),
    "new cached property": (
        lambda v: setattr(lazy, "table", np.full(3, v)),
        lambda x: x * (lazy.table + 1),
    ),
    "cached function": (lambda v: into(cached(), 0)(v), lambda x: x * cached()),
    "computed from one": (lambda v: into(cached(), 0)(v), lambda x: x * (cached() * 2)),
    "large": (into(large, 1), lambda x: x[:, None] * large),
    "view of large": (into(large, 1), lambda x: x[:, None] * large[:, ::2]),
    "large in a list": (into(large, 1), lambda x: x[:, None] * listed[0]),
    "product with large": (into(large, 1), lambda x: x @ large),
}


@pytest.mark.parametrize("derive", [lambda f: f, tg.grad, lambda f: tg.grad(squares(tg.grad(f)))])
@pytest.mark.parametrize("case", CASES)
def test_what_changes_outside_changes_the_result(case, derive):
    change, use = CASES[case]

    def f(x):
        return np.sum(use(x) ** 2) + np.sum(use(x))

    x = np.array([0.5, 1.5, 2.0])
    eager, compiled = derive(f), tg.compile(derive(f))
    results = []
    for value in (1.0, 2.0, 3.0, 1.0):
        change(value)
        found, expected = compiled(x), eager(x)
        assert np.asarray(found).tobytes() == np.asarray(expected).tobytes()
        results.append(np.asarray(found).tolist())
    assert results[0] == results[3]
    assert results[0] != results[2]


def squares(f):
    return lambda x: np.sum(f(x) ** 2)


def test_a_linear_gradient_follows_a_large_array():
    """Its rule multiplies the array by ones, which a trace could compute once and for all."""
    weights = np.ones(10_000)
    f = tg.compile(tg.value_and_grad(lambda x: np.sum(x * weights)))
    for factor in (1, 2, 3):
        weights[:] = factor
        value, gradient = f(np.ones(10_000))
        assert value == 10_000 * factor
        np.testing.assert_array_equal(gradient, weights)
    assert len(f.programs) == 1


def test_an_array_that_is_returned_as_a_gradient_is_a_copy():
    weights = np.arange(20_000.0)
    gradient = tg.compile(tg.grad(lambda x: np.sum(x * weights)))
    first = gradient(np.ones(20_000))
    first[0] = 7.0
    assert weights[0] == 0
    assert gradient(np.ones(20_000))[0] == 0


class Methods:
    """Compiled methods, two of them with one name."""

    def __init__(self, factor):
        self.factor = factor

    @tg.compile
    def scaled(self, x):
        return np.sum(x * self.factor)

    @classmethod
    @tg.compile
    def of_class(cls, x):
        return np.sum(x) * len(cls.__name__)

    twice = tg.compile(lambda self, x: np.sum(x) * self.factor * 2)
    thrice = tg.compile(lambda self, x: np.sum(x) * self.factor * 3)


class Overriding(Methods):
    @tg.compile
    def scaled(self, x):
        return super().scaled(x) * 10


def test_a_compiled_method_belongs_to_its_instance_its_class_and_its_name():
    x, m = np.array([1.0, 2.0]), Methods(1.0)
    assert [m.scaled(x), m.twice(x), m.thrice(x)] == [3, 6, 9]
    for other in (copy.copy(m), copy.deepcopy(m)):
        other.factor = 5.0
        assert [other.scaled(x), other.twice(x), m.scaled(x)] == [15, 30, 3]
    assert Overriding(2.0).scaled(x) == 60
    assert [Methods.of_class(x), Overriding.of_class(x), m.of_class(x)] == [21, 30, 21]


def test_an_instance_that_cannot_keep_a_compiled_method_says_so():
    slotted = type("Slotted", (), {"__slots__": (), "f": tg.compile(lambda self, x: x)})
    with pytest.raises(TypeError, match='Slotted has slots only; add "__dict__" to __slots__'):
        slotted().f(np.ones(2))


class Mode(enum.Enum):
    SUM = 1
    MEAN = 2


class Factor(enum.IntEnum):
    TWO = 2
    THREE = 3


def test_a_program_is_made_for_the_members_of_an_enum():
    f = tg.compile(lambda x, mode, n: n * (np.sum(x) if mode is Mode.SUM else np.mean(x)))
    for mode in Mode:
        for n in Factor:
            assert f(np.ones(4), mode, n) == n * (4 if mode is Mode.SUM else 1)


class Trainer:
    """An object whose compiled method does not use the state that another method updates."""

    def __init__(self):
        self.momentum = np.zeros(3)
        self.weights = np.ones(3)
        self.gradient = tg.compile(tg.grad(self.loss))

    def loss(self, x):
        return np.sum(x * self.scaled())

    def scaled(self):
        return 2 * self.weights

    def update(self):
        self.momentum += 1


def test_an_array_that_the_function_does_not_use_makes_no_other_program():
    trainer = Trainer()
    for _ in range(5):
        trainer.update()
        np.testing.assert_array_equal(trainer.gradient(np.ones(3)), 2.0)
    assert [len(kept) for kept in trainer.gradient.programs.values()] == [1]
    trainer.weights += 1
    np.testing.assert_array_equal(trainer.gradient(np.ones(3)), 4.0)


def test_an_array_that_changes_at_each_call_is_named_once():
    state = np.zeros(2)
    f = tg.compile(lambda x: np.sum(x * state))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for i in range(40):
            state += 1
            assert f(np.ones(2)) == 2 * (i + 1)
    found = [str(w.message) for w in caught]
    assert len(found) == 1
    assert "traced anew each time when the elements of array([" in found[0]


@pytest.mark.parametrize("first", [None, 3.0])
def test_each_thread_has_its_own_attributes_of_a_local(first):
    local, results = threading.local(), []
    compiled = tg.compile(lambda x: x * getattr(local, "k", 1.0))

    def use(k):
        if k is not None:
            local.k = k
        results.append([float(compiled(2.0)) for _ in range(3)])

    use(first)
    for k in (5.0, 3.0, None):
        thread = threading.Thread(target=use, args=(k,))
        thread.start()
        thread.join()
    assert results == [[2 * (first or 1.0)] * 3, [10.0] * 3, [6.0] * 3, [2.0] * 3]
