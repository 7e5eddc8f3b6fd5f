"""Two traces of one function: what differs between them is no program."""

import ctypes
import types

import numpy as np
import pytest

import tensorgrad as tg


def errors_off(x, off):
    with np.errstate(divide="ignore" if off else "warn"):
        return np.log(x)


def part_written(x, k):
    y = x * 2
    y[-k] = 3.0
    return y


@tg.impure
def scaled(x, function):
    return function(x) * 1


def by_cell(x, k):
    return scaled(x, lambda y: y * k)


def by_code(x, k):
    return scaled(x, (lambda y: y * 2) if k else (lambda y: y * 3))


# fmt: off
UNLIKE = {
    "function":   lambda x, k: np.exp(x) if k else np.sin(x),
    "operator":   lambda x, k: x + 2 if k else x - 2,
    "form":       lambda x, k: -x if k else np.abs(x),
    "one more":   lambda x, k: np.exp(x) * 2 if k else np.exp(x),
    "number":     lambda x, k: x * (2.0 + k),
    "sign":       lambda x, k: np.copysign(x, -0.0 if k else 0.0),
    "dtype":      lambda x, k: x * (np.float32(2) if k else np.float64(2)),
    "kind":       lambda x, k: x * (2 if k else 2.0),
    "array":      lambda x, k: x * np.array([0.1 + k, 0.7]),
    "operands":   lambda x, k: np.exp(x) - np.sin(x) if k else np.sin(x) - np.exp(x),
    "keyword":    lambda x, k: np.sum(x, keepdims=bool(k)),
    "no keyword": lambda x, k: np.sum(x, axis=0) if k else np.sum(x),
    "item":       lambda x, k: x[0] if k else x[-1],
    "slice":      lambda x, k: x[k:],
    "layout":     lambda x, k: np.array([[0.1, 0.2], [0.3, 0.4]], order="F" if k else "C") * x,
    "written":    part_written,
    "warnings":   errors_off,
    "container":  lambda x, k: (x * 2,) if k else [x * 2],
    "key":        lambda x, k: {"a" if k else "b": x * 2},
    "results":    lambda x, k: (x * 2, x * 3) if k else (x * 2,),
    "order":      lambda x, k: [x * 2, x + 3][:: 1 if k else -1],
    "check":      lambda x, k: tg.check(np.all(x > 0 if k else x < 5), ValueError, "no") or x * 2,
    "message":    lambda x, k: tg.check(np.all(x > 0), ValueError, "no" if k else "yes") or x * 2,
    "cell":       by_cell,
    "code":       by_code,
}
# fmt: on


def turns():
    """Return a function that counts its calls where no program looks: in memory of C."""
    number = ctypes.c_int()

    def turn():
        number.value += 1
        return number.value

    return turn


@pytest.mark.parametrize("name", UNLIKE)
def test_what_differs_between_two_runs_is_refused(name):
    turn, f = turns(), UNLIKE[name]
    with pytest.raises(TypeError, match="two runs of the function"):
        tg.compile(lambda x: f(x, turn() % 2))(np.ones((1, 1)))  # with one length only


@pytest.mark.parametrize("name", UNLIKE)
def test_what_is_alike_in_both_runs_is_no_difference(name):
    f = UNLIKE[name]
    for k in (0, 1):
        x = np.array([[0.5]])
        assert repr(tg.compile(lambda x, k=k: f(x, k))(x)) == repr(f(x, k))


@pytest.mark.parametrize("kind", [float, np.float32, complex])
def test_a_nan_that_each_run_makes_is_one_value(kind):
    f = lambda x: x * kind("nan") + np.array([kind("nan"), 2])
    assert repr(tg.compile(f)(np.ones(2))) == repr(f(np.ones(2)))


def test_the_ways_of_a_rule_are_compared_too():
    turn = turns()
    p = tg.primitive(lambda x: x * 1)
    tg.rule(p, lambda g, _out, x: g * 2 if np.all(x > 0) else g * (3 + turn()))
    with pytest.raises(TypeError, match="two runs of the function"):
        tg.compile(tg.grad(lambda x: np.sum(p(x) ** 2)))(np.ones((1, 1)))


class Settings:
    k = 2.0


SOME = {"attribute": types.SimpleNamespace(k=2.0), "class": Settings}


@pytest.mark.parametrize("name", SOME)
def test_what_a_refused_function_has_changed_is_put_back(name):
    settings, numbers, array = SOME[name], [2.0], np.ones(3)

    def f(x):
        y = x * settings.k * numbers[0]
        settings.k = numbers[0] = array[1] = 3.0
        return y

    def counted(x):
        settings.k += 1
        numbers[0] += 1
        array[1] += 1
        return x * 2

    for change, reason in ((f, "two runs of the function"), (counted, "changes what it uses")):
        with pytest.raises(TypeError, match=reason):
            tg.compile(change)(np.ones(2))
        assert settings.k == 2
        assert numbers == [2]
        assert array.tolist() == [1, 1, 1]
