"""detect_anomaly names the first op that made a NaN or Inf, its line, and what went in."""

import re
import warnings

import numpy as np
import pytest

import tensorgrad as tg
from tensorgrad import Tensor
from tensorgrad.engine.state import STATE, Observer, with_state


def leaf(value):
    return Tensor(value, requires_grad=True)


def message_of(f, *args):
    with pytest.raises(FloatingPointError) as caught, tg.detect_anomaly():
        f(*args)
    return str(caught.value)


def root_behind_where(x):
    return np.where(x > 0, np.sqrt(x), 0.0)  # the root is taken everywhere


def log_of_negative(x):
    return np.sum(np.log(-x))


def root_at_zero(x):
    return np.sum(np.sqrt(x - x))


def quotient(x):
    return x / np.array([1.0, 0.0])


def overflow(x):
    return np.exp(x * 1000)


FORWARD = {
    root_behind_where: (
        "sqrt made NaN of finite values",
        "return np.where(x > 0, np.sqrt(x), 0.0)",
        "argument 0: float64 (2,), from -4 to 9",
        "the result: float64 (2,), 1 NaN, the rest from 3 to 3",
        "first at index (1,), where argument 0 is -4",
    ),
    log_of_negative: (
        "log made NaN of finite values",
        "return np.sum(np.log(-x))",
        "first at index (0,), where argument 0 is -9",
    ),
    quotient: (
        "divide made Inf of finite values",
        "return x / np.array([1.0, 0.0])",
        "first at index (1,), where argument 0 is -4, argument 1 is 0",
    ),
    overflow: ("exp made Inf of finite values", "first at index (0,), where argument 0 is 9000"),
}


@pytest.mark.parametrize(("f", "parts"), FORWARD.items(), ids=lambda f: getattr(f, "__name__", ""))
@pytest.mark.parametrize("kind", [leaf, Tensor], ids=["recorded", "constant"])
def test_forward(f, parts, kind):
    message = message_of(f, kind([9.0, -4.0]))
    for part in parts:
        assert part in message
    line = f.__code__.co_firstlineno
    assert re.search(rf'File ".*test_anomaly\.py", line {line + 1}, in {f.__name__}\n', message)


BACKWARD = (
    "the backward of sqrt made Inf in the gradient of argument 0",
    "return np.sum(np.sqrt(x - x))",
    "the gradient arriving: float64 (2,), from 1 to 1",
    "first at index (0,), where the output is 0, the gradient arriving is 1",
)


@pytest.mark.parametrize("create_graph", [False, True], ids=["", "create_graph"])
def test_backward_names_the_forward_call(create_graph):
    x = leaf([9.0, -4.0])

    def run():
        root_at_zero(x).backward(create_graph=create_graph)

    message = message_of(run)
    for part in BACKWARD:
        assert part in message
    assert "in root_at_zero\n" in message
    assert x.grad is None


def test_zero_times_infinity_in_backward():
    zero_slope = tg.primitive(lambda x: np.zeros_like(x))
    zero_slope.__name__ = "zero_slope"
    tg.rule(zero_slope, lambda g, _out, x: g * np.log(x - x))
    x = leaf([2.0, 3.0])
    message = message_of(lambda: np.sum(zero_slope(x) * 0.0).backward())
    assert message.startswith("the backward of zero_slope made NaN in the gradient of argument 0\n")
    assert "np.sum(zero_slope(x) * 0.0).backward()" in message
    assert "argument 0: float64 (2,), from 2 to 3" in message
    assert "the gradient arriving: float64 (2,), from 0 to 0" in message


def test_an_op_called_before_the_block_is_named_without_its_line():
    y = root_at_zero(leaf([1.0]))
    message = message_of(y.backward)
    assert "the backward of sqrt made Inf" in message
    assert "called before detect_anomaly began" in message


def test_the_first_and_not_the_one_where_it_is_noticed():
    def f(x):
        a = np.log(x)
        b = a * 2
        return np.sum(b - 1)

    assert message_of(f, leaf([-1.0, 1.0])).startswith("log made NaN")


def test_a_nan_that_comes_in_is_said_to_be_given():
    def product(x):
        return x * np.array([1.0, np.nan])

    def total(x):
        return np.sum(x)

    message = message_of(lambda: total(product(leaf([1.0, 2.0]))))
    assert message.startswith("multiply was given NaN\n")
    assert "in product\n" in message
    assert "argument 1: float64 (2,), 1 NaN, the rest from 1 to 1" in message
    assert "where argument 0 is 2, argument 1 is nan" in message
    assert "\nthen sum returned nothing but NaN\n" in message
    assert "in total\n" in message
    assert message.endswith("leave the missing values out first: " + SPELLING)
    assert message_of(np.sin, leaf([np.nan])).startswith("sin was given NaN\n")


X = np.array([1.0, 2.0, 3.0])
Y = np.array([2.0, np.nan, 6.5])
OK = ~np.isnan(Y)
SPELLING = "(y - a * X)[ok], with ok = ~np.isnan(y)"

# fmt: off
MISSING_DATA = [
    (lambda a: np.nanmean((Y - a * X) ** 2),          "power"),
    (lambda a: np.mean((Y - a * X) ** 2, where=OK),   "power"),
    (lambda a: np.mean(((Y - a * X) ** 2)[OK]),       "power"),
    (lambda a: np.nansum(Y * a),                      "multiply"),
]
# fmt: on


@pytest.mark.parametrize(("f", "op"), MISSING_DATA)
def test_a_gradient_through_missing_data_says_how_to_leave_them_out(f, op):
    message = message_of(tg.grad(f), 1.5)
    assert message.startswith(f"the backward of {op} made NaN in the gradient of argument ")
    assert f"line {f.__code__.co_firstlineno}, in <lambda>\n" in message
    assert message.endswith("0 times NaN is NaN; leave the missing values out first: " + SPELLING)


def test_missing_data_that_are_left_out_first_pass():
    with tg.detect_anomaly():
        found = tg.grad(lambda a: np.mean((Y - a * X)[OK] ** 2))(1.5)
    assert found == pytest.approx(-np.mean(2 * ((Y - 1.5 * X) * X)[OK]))


def warnings_of(f, *args):
    """Return the warnings of a call, whose result must be the same as without detect_anomaly."""
    with warnings.catch_warnings(record=True) as caught, tg.detect_anomaly():
        warnings.simplefilter("always")
        found = f(*args)
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(found, f(*args), strict=True)
    assert all(w.category is tg.KinkWarning and w.filename == __file__ for w in caught)
    return caught


# fmt: off
SLOPES = [
    (lambda x: np.sum(np.where(x > 0, np.sqrt(x), 0)),   [4.0, 0.0], "sqrt",    "first at index (1,), where the output is 0\n"),
    (lambda x: np.where(x > 0, np.cbrt(x), 0),           0.0,        "cbrt",    "the output: 0.0\n"),
    (lambda x: np.where(x > 0, x**0.5, 0),               0.0,        "power",   "argument 0: 0.0\n  argument 1: 0.5\n"),
    (lambda x: np.where(x < 1, np.arcsin(x), 0),         1.0,        "arcsin",  "argument 0: 1.0\n"),
    (lambda x: np.where(x < 1, np.arccos(x), 0),         1.0,        "arccos",  "argument 0: 1.0\n"),
    (lambda x: np.where(x > 1, np.arccosh(x), 0),        1.0,        "arccosh", "argument 0: 1.0\n"),
    (lambda x: np.sqrt(x) ** 2,                          0.0,        "sqrt",    "the output: 0.0\n"),
    (lambda x: np.sum(np.sqrt(x * np.zeros(3)) ** 2),    1.0,        "sqrt",    "first at index (0,), where the output is 0\n"),
    (lambda x: np.sum((np.zeros((2, 1)) ** x) ** 2),     [0.5, 1.0], None,      None),
    (lambda x: np.arctan2(x[0], x[1]),                   [0.0, 0.0], "arctan2", "argument 0: 0.0\n  argument 1: 0.0\n"),
    (lambda x: np.sum(np.abs(np.sqrt(x))),               [1j, 0j],   "sqrt",    "first at index (1,), where the output is 0+0j\n"),
]
# fmt: on


@pytest.mark.parametrize("dtype", ["f", "d"])
@pytest.mark.parametrize(("f", "x", "op", "first"), SLOPES)
def test_0_times_an_infinite_slope_taken_for_0_is_shown(f, x, op, first, dtype):
    x = np.array(x)
    caught = warnings_of(tg.grad(f), x.astype(dtype if x.dtype.kind == "f" else dtype.upper()))
    if op is None:
        assert not caught
        return
    (warning,) = caught
    message = str(warning.message)
    assert message.startswith(f"the backward of {op} took 0 times an infinite slope for 0\n")
    assert first in message
    assert warning.lineno == f.__code__.co_firstlineno
    assert f"line {warning.lineno}, in <lambda>\n    (lambda x: " in message
    assert message.endswith("write it without the infinite slope, as x")


# fmt: off
TIPS = [
    (lambda x: np.linalg.norm(x) ** 2,                   [0.0, 0.0],               "vector_norm", "1 of 1 values\n"),
    (lambda x: np.sum(np.linalg.norm(x, axis=1) ** 2),   [[3.0, 4.0], [0.0, 0.0]], "vector_norm", "1 of 2 values, first at index (1,)\n"),
    (lambda x: np.linalg.norm(x, 1) ** 2,                [1.0, 0.0],               "vector_norm", "1 of 2 values, first at index (1,)\n"),
    (lambda x: np.linalg.norm(x, np.inf) ** 2,           [0.0, 0.0],               "vector_norm", "1 of 1 values\n"),
    (lambda x: np.sum(np.abs(x) ** 2),                   [1.0, 0.0],               "absolute",    "1 of 2 values, first at index (1,)\n"),
    (lambda x: np.sum(np.abs(x)),                        [0.0],                    "absolute",    "1 of 1 values, first at index (0,)\n"),
    (lambda x: np.sum(np.fabs(x) ** 2),                  [0.0],                    "fabs",        "1 of 1 values, first at index (0,)\n"),
    (lambda x: np.abs(x[0] + 1j * x[1]) ** 2,            [0.0, 0.0],               "absolute",    "1 of 1 values\n"),
    (lambda x: np.hypot(x[0], x[1]) ** 2,                [0.0, 0.0],               "hypot",       "1 of 1 values\n"),
    (lambda x: np.std(x) ** 2,                           [1.0, 1.0],               "std",         "1 of 1 values\n"),
    (lambda x: np.sum(np.linalg.svdvals(x) ** 2),        [[1.0, 0.0], [0.0, 0.0]], "svd",         "1 of 2 values, first at index (1,)\n"),
]
# fmt: on


@pytest.mark.parametrize(("f", "x", "op", "first"), TIPS)
def test_a_second_derivative_at_a_tip_is_shown(f, x, op, first):
    x = np.array(x)
    (warning,) = warnings_of(tg.hessian(f), x)
    message = str(warning.message)
    assert message.startswith(f"a second derivative of {op} is taken at its tip\n")
    assert first in message
    assert warning.lineno == f.__code__.co_firstlineno
    assert message.endswith("write it without the tip, as np.sum(x * x)")
    assert not warnings_of(tg.grad(f), x)  # the first derivative is a subgradient
    assert not warnings_of(lambda x: tg.jvp(f, (x,), (np.ones_like(x),))[1], x)
    away = x + np.array([0.5, 2.0])[: x.shape[-1]]
    assert not warnings_of(tg.hessian(f), away)


def test_a_slope_infinite_at_second_order_is_shown_at_the_forward_call():
    def f(x):
        return np.sum(np.where(x > 0, x**1.5, 0))

    (warning,) = warnings_of(tg.hessian(f), np.array([0.0, 4.0]))
    assert warning.lineno == f.__code__.co_firstlineno + 1
    assert "argument 1: 0.5\n" in str(warning.message)


# fmt: off
WITHOUT_WARNING = [
    (lambda x: np.sum(tg.relu(x) ** 2),         [0.0, 1.0]),
    (lambda x: np.sum(np.maximum(x, 0) ** 2),   [0.0, 1.0]),
    (lambda x: np.max(x) ** 2,                  [1.0, 1.0]),
    (lambda x: np.sum(x**2 + x**3 + x**1),      [0.0, 1.0]),
    (lambda x: np.sum(np.exp(x) * x),           [0.0, 700.0]),
    (lambda x: np.prod(x),                      [0.0, 0.0]),
]
# fmt: on


@pytest.mark.parametrize(("f", "x"), WITHOUT_WARNING)
def test_what_is_smooth_or_a_corner_gives_no_warning(f, x):
    assert not warnings_of(tg.grad(f), np.array(x))
    assert not warnings_of(tg.hessian(f), np.array(x))


def test_a_place_is_shown_once():
    def root(x):
        return np.sqrt(x) ** 2

    def run():
        for _ in range(3):
            found = tg.grad(root)(0.0)
        return found + tg.grad(lambda x: root(x))(0.0) + tg.grad(lambda x: np.sqrt(x) ** 2)(0.0)

    assert len(warnings_of(run)) == 2


def test_a_warning_can_be_made_an_error():
    with warnings.catch_warnings(), tg.detect_anomaly():
        warnings.simplefilter("error", tg.KinkWarning)
        with pytest.raises(tg.KinkWarning, match="the backward of sqrt took 0 times"):
            tg.grad(lambda x: np.sqrt(x) ** 2)(0.0)


def test_a_call_before_the_block_is_shown_at_the_line_of_backward():
    y = np.sqrt(leaf(0.0)) ** 2

    def run():
        y.backward(retain_graph=True)
        return y.data

    (warning,) = warnings_of(run)
    assert "called before detect_anomaly began" in str(warning.message)
    assert warning.lineno == run.__code__.co_firstlineno + 1


def test_an_infinity_that_is_meant_is_let_pass():
    x = leaf([1.0, 2.0, 3.0])
    with tg.detect_anomaly():
        masked = np.where([True, False, True], x, -np.inf)
        np.sum(tg.softmax(masked) * [1.0, 2.0, 3.0]).backward()
    assert np.isfinite(x.grad.data).all()


def test_what_is_made_of_an_infinity_is_not_let_pass():
    message = message_of(lambda: leaf([0.0, 1.0]) * np.inf)
    assert message.startswith("multiply made NaN of Inf\n")
    assert "first at index (0,), where argument 0 is 0, argument 1 is inf" in message


def test_a_gradient_given_to_backward():
    x = leaf([1.0, 2.0])
    message = message_of(lambda: (x * 2).backward([1.0, np.nan]))
    assert message == "backward was started with a gradient that holds NaN"


def test_numbers_matrices_and_complex_values_are_described():
    assert "argument 0: -1.0\n  the result: nan" in message_of(np.log, leaf(-1.0))
    message = message_of(lambda: leaf(np.ones((2, 2))) @ np.full((2, 3), 1e308))
    assert "matmul made Inf" in message
    assert "argument 1: float64 (2, 3), from 1e+308 to 1e+308" in message
    assert "first at index" not in message  # an element of a product is made of many
    message = message_of(lambda: leaf([1 + 1j, 3 + 4j]) / np.array([0, 1]))
    assert "complex128 (2,), from 1.41421 to 5 in magnitude" in message


def test_nothing_is_raised_where_all_is_finite():
    x = leaf([1.0, 2.0])
    with tg.detect_anomaly():
        y = np.sum(np.sqrt(np.exp(x) / x))
        y.backward(create_graph=True)
        np.sum(x.grad**2).backward()
    assert np.isfinite(x.grad.data).all()


def test_it_is_free_when_off():
    x = leaf([-1.0])
    with tg.detect_anomaly():
        assert STATE.get().observer is not None
    assert STATE.get().observer is None
    with np.errstate(all="ignore"):
        np.sum(np.log(x)).backward()


def test_it_decorates_a_function():
    @tg.detect_anomaly()
    def f(x):
        return np.log(x)

    with pytest.raises(FloatingPointError, match="log made NaN"):
        f(leaf(-1.0))


def test_numpys_warnings_are_silent_inside_and_not_outside():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert "sqrt made NaN" in message_of(np.sqrt, leaf(-1.0))
        with pytest.raises(RuntimeWarning):
            np.sqrt(leaf(-1.0))


def test_the_scope_is_named():
    scope = tg.Scope("Dense", "encoder")
    message = message_of(lambda: scope.call(np.log, leaf(-1.0)))
    assert ", inside encoder Dense\n" in message


def test_the_frames_of_the_library_are_not_the_users():
    message = message_of(lambda: tg.grad(log_of_negative)(np.array([1.0])))
    assert "in log_of_negative\n" in message
    message = message_of(lambda: np.linalg.norm(leaf([1e200, 1e200])))
    assert "test_anomaly.py" in message


def test_in_a_checkpoint():
    x = leaf([1.0, 2.0])
    y = np.sum(tg.checkpoint(root_at_zero)(x))
    message = message_of(y.backward)
    assert "the backward of sqrt made Inf" in message
    assert "in root_at_zero\n" in message


def test_it_hands_on_to_the_observer_around_it():
    class Names(Observer):
        def __init__(self):
            super().__init__()
            self.seen = []

        def compute(self, op, values, kwargs):
            self.seen.append(op.name)
            return super().compute(op, values, kwargs)

    names = Names()
    with with_state(observer=names), pytest.raises(FloatingPointError), tg.detect_anomaly():
        log_of_negative(leaf([1.0]))
    assert names.seen == ["negative", "log"]


def test_it_composes_with_trace():
    x = leaf([4.0, 9.0])
    with tg.trace() as outer, tg.detect_anomaly():
        np.sum(np.sqrt(x)).backward()
    with tg.detect_anomaly(), tg.trace() as inner:
        np.sum(np.sqrt(x)).backward()
        with pytest.raises(FloatingPointError, match="log made NaN"):
            np.log(-x)
    assert outer.events
    assert inner.events


@pytest.mark.parametrize("write", ["data", "view", "operand"])
@pytest.mark.parametrize("create_graph", [False, True])
def test_a_write_that_no_tensor_notices_is_found(write, create_graph):
    with tg.detect_anomaly():
        w, x = tg.Tensor(np.ones(3), requires_grad=True), np.ones(3)
        y = np.sum(w * x * w)  # the line
        array = {"data": w.data, "view": w.detach().data[1:], "operand": x}[write]
        array[0] = 5.0
        with pytest.raises(RuntimeError, match=r"(?s)gradient of multiply needs .*# the line"):
            y.backward(create_graph=create_graph)


def test_a_write_that_no_gradient_needs_passes():
    with tg.detect_anomaly():
        w = tg.Tensor(np.ones(3), requires_grad=True)
        y = np.sum(w + 1.0)
        w.data[0] = 5.0
        y.backward()
    assert w.grad.tolist() == [1.0] * 3
