"""Functions that catch errors: traced where shapes decide, else as in eager or refused."""

import contextlib
import warnings

import numpy as np
import pytest

import tensorgrad as tg
from tests.program.test_refusals import after_check, after_singular


def reshaped(x):
    try:
        return np.sum(x.reshape(2, -1)[0])
    except ValueError:
        return np.sum(x * 2)


def reshaped_by_a_function(x):
    try:
        return np.sum(np.reshape(x, (2, -1))[0])
    except ValueError:
        return np.sum(x * 2)


def added(x):
    try:
        return np.sum(x + np.ones(2))
    except ValueError:
        return np.sum(x * 2)


def multiplied(x):
    try:
        return x @ np.ones(2)
    except ValueError:
        return np.sum(x * 2)


def item(x):
    try:
        return x[3] ** 2
    except IndexError:
        return x[0] ** 2


def suppressed(x):
    with contextlib.suppress(ValueError):
        x = np.concatenate([x, np.ones((2, 2))])
    return np.sum(x)


def along_an_axis(x):
    try:
        return np.sum(np.sum(x, axis=1))
    except np.exceptions.AxisError:
        return np.sum(x) * 2


def own_error(x):
    try:
        if len(x) != 3:
            raise KeyError("other")
        return np.sum(x)
    except KeyError:
        return np.sum(x) * 2


def always(x):
    try:
        return np.sum(np.tanh(x))
    finally:
        x = None


BY_SHAPES = [
    reshaped, reshaped_by_a_function, added, multiplied, item, suppressed, along_an_axis, own_error,
    always,
]  # fmt: skip


@pytest.mark.parametrize("derive", [lambda f: f, tg.value_and_grad], ids=["value", "gradient"])
@pytest.mark.parametrize("f", BY_SHAPES, ids=lambda f: f.__name__)
def test_an_error_of_shapes_is_part_of_a_program(f, derive):
    eager = derive(f)
    compiled = tg.compile(eager)
    for x in ([1.0, 2.0, 3.0], [4.0, 1.0, 5.0], [1.0] * 4, [2.0] * 4, [3.0, 1.0], [1.0, 2.0]):
        assert repr(compiled(np.array(x))) == repr(eager(np.array(x)))
    assert [len(kept) for kept in compiled.programs.values()] == [1, 1, 1]


def by_index(x):
    try:
        return np.sum(x[np.argsort(x)] / x[np.sum(x > 0) - 1])
    except IndexError:
        return np.sum(x)


BY_VALUES = [
    (after_singular, [0.0, 1.0, 2.0]),
    (after_check, [1.0, -1.0, 0.0]),
    (by_index, [1.0, 2.0, 3.0]),
]


@pytest.mark.parametrize("derive", [lambda f: f, tg.value_and_grad], ids=["value", "gradient"])
@pytest.mark.parametrize(("f", "other"), BY_VALUES, ids=[f.__name__ for f, _ in BY_VALUES])
def test_an_error_that_other_values_raise_is_caught_as_in_eager(f, other, derive):
    eager = derive(f)
    compiled = tg.compile(eager)
    for x in ([1.0, 2.0, 3.0], other, [3.0, 2.0, 1.0], other):
        assert repr(compiled(np.array(x))) == repr(eager(np.array(x)))
    assert [len(kept) for kept in compiled.programs.values()] == [1]


def test_random_numbers_are_drawn_once_where_an_error_is_caught():
    @tg.impure
    def noise(rng, shape):
        return rng.standard_normal(shape)

    def f(x, rng):
        y = x + noise(rng, x.shape)
        try:
            return np.sum(y * np.linalg.inv(np.diag(x)))
        except np.linalg.LinAlgError:
            return np.sum(y)

    compiled = tg.compile(f)
    a, b = np.random.default_rng(1), np.random.default_rng(1)
    for x in (np.ones(2), np.zeros(2), np.ones(2), np.zeros(2)):
        assert compiled(x, a) == f(x, b)


def test_an_error_that_is_not_caught_has_the_line_of_the_program():
    def f(x):
        try:
            return np.sum(np.linalg.inv(np.diag(x)))
        except ZeroDivisionError:
            return np.sum(x)

    compiled = tg.compile(f)
    compiled(np.ones(2))
    with pytest.raises(np.linalg.LinAlgError, match="Singular matrix") as error:
        compiled(np.zeros(2))
    assert "recorded by" in error.value.__notes__[0]
    assert "np.linalg.inv(np.diag(x))" in error.value.__notes__[0]


def test_another_error_than_the_programs_is_the_functions():
    def f(x):
        try:
            return np.sum(np.linalg.inv(np.diag(x)))
        except np.linalg.LinAlgError as error:
            raise KeyError("singular") from error

    compiled = tg.compile(f)
    compiled(np.ones(2))
    with pytest.raises(KeyError, match="singular"):
        compiled(np.zeros(2))


def test_a_warning_that_is_an_error_is_refused():
    def f(x):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            try:
                return np.sum(np.log(x))
            except RuntimeWarning:
                return np.sum(x)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(tg.Untraceable, match="a decision is made by warnings that are errors"):
            tg.compile(f)(np.ones(2))


def test_warnings_that_are_switched_off_are_no_decision():
    def f(x):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return np.sum(np.log(np.abs(x) + 1))

    assert tg.compile(f)(np.zeros(2)) == 0
