"""Metrics: their values, which over an epoch do not depend on its batches, and their errors."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nn
import tensorgrad as tg
from nn.metrics import Accuracy, Mean

p = np.array([[0.7, 0.2, 0.1], [0.1, 0.3, 0.6], [0.3, 0.5, 0.2], [0.4, 0.3, 0.3]], np.float32)
y = np.array([0, 2, 0, 0])
rows = np.eye(3)[y]
bits = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 1], [0, 0, 1]])
regression = nn.RegressionAccuracy(0.5)

# fmt: off
CASES = [  # metric, predictions, targets, which are right
    (nn.CategoricalAccuracy(), p,                y,        [1, 1, 0, 1]),
    (nn.CategoricalAccuracy(), p,                rows,     [1, 1, 0, 1]),
    (nn.CategoricalAccuracy(), p.argmax(axis=1), y,        [1, 1, 0, 1]),
    (nn.CategoricalAccuracy(), p.argmax(axis=1), rows,     [1, 1, 0, 1]),
    (nn.CategoricalAccuracy(), p[None],          y[None],  [[1, 1, 0, 1]]),
    (nn.CategoricalAccuracy(binary=True), p,     bits,     [[0, 0, 1], [0, 1, 1], [1, 0, 0], [1, 1, 0]]),
    (nn.CategoricalAccuracy(binary=True), p[:, 0], bits[:, 0], [0, 0, 1, 1]),
    (nn.CategoricalAccuracy(binary=True), p[:, 0], bits[:, 0] == 1, [0, 0, 1, 1]),
    (nn.CategoricalAccuracy(True, threshold=0), p - 0.5, bits, [[0, 0, 1], [0, 1, 1], [1, 0, 0], [1, 1, 0]]),
    (regression, np.array([1, 2.5, -3]), np.array([1.4, 1.9, -3.5]), [1, 0, 1]),
    (regression, np.array([[1, 2.5]]), np.array([[1.4, 1.9]]), [[1, 0]]),
]
# fmt: on


@pytest.mark.parametrize(("metric", "y_pred", "y", "right"), CASES)
@pytest.mark.parametrize("wrap", [np.asarray, tg.Tensor, lambda x: tg.Tensor(x * 1.0, True), list])
def test_accuracy(metric, y_pred, y, right, wrap):
    y_pred = wrap(y_pred.tolist() if wrap is list else y_pred)
    np.testing.assert_array_equal(metric.compare(y_pred, y), np.array(right, bool))
    assert metric.calculate(y_pred, y) == pytest.approx(np.mean(right))


@given(st.lists(st.integers(1, 40), min_size=1, max_size=6), st.integers(1, 3))
def test_the_result_does_not_depend_on_the_batches(lengths, outputs):
    rng = np.random.default_rng(0)
    a, b = rng.integers(2, size=(2, sum(lengths), outputs))
    metric = nn.CategoricalAccuracy(binary=True)
    at = np.cumsum([0, *lengths])
    for start, end in pairwise(at):
        batch = metric.update(a[start:end], b[start:end])
        assert batch == np.mean(a[start:end] == b[start:end])
    assert metric.result() == metric.calculate(a, b) == np.mean(a == b) <= 1
    metric.reset()
    metric.update(a, a)
    assert metric.result() == 1


def test_calculate_leaves_the_result_alone():
    metric = nn.CategoricalAccuracy()
    metric.update(p, y)
    metric.calculate(p[2:3], y[2:3])
    assert metric.result() == 0.75


def test_regression_learns_its_precision_from_the_targets():
    metric = nn.RegressionAccuracy()
    targets = np.linspace(0, 1000, 11, dtype=np.float32)
    metric.init(targets)
    assert metric.precision == pytest.approx(np.std(targets) / 250)
    metric.init(targets / 2)  # as before a second training: the precision stays
    assert metric.precision == pytest.approx(np.std(targets) / 250)
    assert metric.calculate(targets + 1, targets) == 1
    assert metric.calculate(targets + 2, targets) == 0
    metric.init(tg.Tensor(targets / 2), reinit=True)
    assert metric.precision == pytest.approx(np.std(targets) / 500)


def test_exact_predictions_of_constant_targets_are_right():
    metric = nn.RegressionAccuracy()
    metric.init(np.ones(3))
    assert metric.calculate(np.ones(3), np.ones(3)) == 1


def test_the_mean_weighs_batches_by_their_samples():
    mean = Mean()
    mean.update(np.float32(1), 128)
    mean.update(4.0, 64)
    assert mean.result() == 2
    mean.reset()
    mean.update(3, 1)
    assert mean.result() == 3


# Errors

# fmt: off
ERRORS = [
    (lambda: Mean().result(),                                 ValueError,   "no mean yet"),
    (lambda: nn.CategoricalAccuracy().result(),               ValueError,   r"CategoricalAccuracy\(\) has no result, because it was given no predictions"),
    (lambda: nn.CategoricalAccuracy().calculate(p[:0], y[:0]), ValueError,  "given no predictions"),
    (lambda: nn.CategoricalAccuracy().compare(p, y[:3]),      ValueError,   r"shapes are \(4,\) and \(3,\)"),
    (lambda: nn.CategoricalAccuracy().compare(p, y[:, None]), ValueError,   r"shapes are \(4, 3\) and \(4, 1\)"),
    (lambda: nn.CategoricalAccuracy().compare(p[:, :1], y),   ValueError,   r"predictions of shape \(4, 1\) have one output; use CategoricalAccuracy\(binary=True\)"),
    (lambda: nn.CategoricalAccuracy(True).compare(p, bits[:, 0]), ValueError, r"CategoricalAccuracy\(binary=True\) compares .* \(4, 3\) and \(4,\)"),
    (lambda: regression.compare(p[:, :1], p[:, 0]),           ValueError,   r"\(4, 1\) and \(4,\)"),
    (lambda: nn.RegressionAccuracy().compare(p, p),           RuntimeError, r"no precision yet; give one, or call init\(y\)"),
    (lambda: Accuracy().compare(p, p),                        NotImplementedError, "Accuracy needs a method compare"),
]
# fmt: on


@pytest.mark.parametrize(("call", "error", "message"), ERRORS)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize("precision", [-1, "0.1", float("nan")])
def test_a_precision_is_a_distance(precision):
    with pytest.raises(ValueError, match="precision must be None or at least 0, not"):
        nn.RegressionAccuracy(precision)
