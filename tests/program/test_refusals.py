"""Refusals of traced values that a function passes over, shows as text or hashes."""

import contextlib
import functools
import warnings

import numpy as np
import pytest

import tensorgrad as tg


def after_float(x):
    n = 0.0
    with contextlib.suppress(Exception):
        n = float(x[0])
    return np.sum(x) * (2 if n > 0 else 1)


def after_if(x):
    try:
        if np.sum(x) > 0:
            return np.sum(x) * 2
    except TypeError:
        pass
    return np.sum(x)


def after_singular(x):
    try:
        return np.sum(np.linalg.inv(np.diag(x)))
    except np.linalg.LinAlgError:
        return np.sum(x)


def after_check(x):
    try:
        return np.average(x, weights=x)
    except ZeroDivisionError:
        return np.sum(x)


def after_warning(x):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            return np.sum(np.log(x))
        except RuntimeWarning:
            return np.sum(x)


def after_no_elements(x):
    try:
        return np.max(x[x > 1])
    except ValueError:
        return np.sum(x)


REFUSED = {
    "float": (after_float, "by float"),
    "if": (after_if, "the truth of a traced value"),
    "singular": (after_singular, "goes on after LinAlgError was raised"),
    "check": (after_check, "goes on after ZeroDivisionError was raised"),
    "warning": (after_warning, "goes on after RuntimeWarning was raised"),
    "no elements": (after_no_elements, "goes on after ValueError was raised"),
    "str": (lambda x: np.sum(x) * (2 if "nan" in str(x) else 1), "shown as text"),
    "repr": (lambda x: np.sum(x) * (2 if "nan" in f"{x!r}" else 1), "shown as text"),
    "percent": (lambda x: np.sum(x) * (2 if "nan" in "%s" % x else 1), "shown as text"),  # noqa: UP031
}
HASHED = {
    "dict": lambda x: np.sum(x) * {1.0: 2.0}.get(x[0], 1.0),
    "set": lambda x: np.sum(x) * (2 if x[0] in {1.0, 3.0} else 1),
    "cache": functools.lru_cache(lambda number: number * 2),
}


@pytest.mark.parametrize("derive", [lambda f: f, tg.value_and_grad])
@pytest.mark.parametrize("kind", [kind for kind in REFUSED if kind != "float"])
def test_a_decision_that_no_line_shows_is_refused(kind, derive):
    f, words = REFUSED[kind]
    with pytest.raises(TypeError, match=words) as error:
        tg.compile(derive(f))(np.array([-1.0, 0.0, 1.0]))
    assert "test_refusals.py" in str(error.value)


def test_a_conversion_that_is_passed_over_is_refused():
    f, words = REFUSED["float"]
    with pytest.raises(TypeError, match=words):
        tg.compile(f)(np.array([-1.0, 0.0]))


def test_a_refusal_that_numpy_turns_into_another_error_is_shown():
    def f(x):
        found = np.zeros(2)
        found[0] = x[0]
        return found

    with pytest.raises(TypeError, match=r"by float.*\n.*test_refusals.py"):
        tg.compile(f)(np.ones(2))


@pytest.mark.parametrize("kind", HASHED)
def test_a_traced_number_is_no_key(kind):
    use = HASHED[kind]
    with pytest.raises(TypeError, match="a traced number is hashed"):
        tg.compile(lambda x: use(x) if kind != "cache" else use(x[0]))(np.array([-1.0, 2.0]))


def test_a_refusal_that_the_library_passes_over_is_none():
    """Rules that decide by values are tried as they are first, then traced both ways."""
    f = tg.compile(tg.grad(lambda x: tg.softmax_cross_entropy(x, np.array([0, 1]))))
    assert f(np.ones((2, 3))).shape == (2, 3)
