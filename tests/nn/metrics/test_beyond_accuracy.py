"""Metrics beyond accuracy: against scikit-learn and formulas, over batches, and their errors."""

import copy
import functools
import inspect
import json
import math

import numpy as np
import pytest

import nn
import tensorgrad as tg
from nn.config import build, describe

rng = np.random.default_rng(0)
N, C = 200, 5
scores = rng.normal(size=(N, C))
classes = rng.integers(C - 1, size=N)  # the last class has no samples, but is predicted
bits = rng.integers(2, size=N)
chances = rng.random(N)
targets = 3 * rng.normal(size=(N, 2)) + 1000
weights = np.r_[0, rng.integers(0, 4, N - 1)] / 2
estimates = targets + rng.normal(size=(N, 2)) * [1, 2]


def labels(f, average):
    return lambda m: getattr(m, f)(classes, scores.argmax(1), average=average, zero_division=0)


def binary(f, threshold=0.5):
    return lambda m: getattr(m, f)(bits, chances > threshold)


# fmt: off
CASES = [  # metric, predictions, targets, the same by sklearn.metrics
    (nn.TopKAccuracy(1),                  scores,    classes, lambda m: m.accuracy_score(classes, scores.argmax(1))),
    (nn.TopKAccuracy(2),                  scores,    classes, lambda m: m.top_k_accuracy_score(classes, scores, k=2, labels=range(C))),
    (nn.TopKAccuracy(k=3),                scores,    np.eye(C)[classes], lambda m: m.top_k_accuracy_score(classes, scores, k=3, labels=range(C))),
    (nn.Precision(),                      scores,    classes, labels("precision_score", "macro")),
    (nn.Precision("micro"),               scores,    classes, labels("precision_score", "micro")),
    (nn.Precision("binary"),              chances,   bits,    binary("precision_score")),
    (nn.Recall(),                         scores,    np.eye(C)[classes], labels("recall_score", "macro")),
    (nn.Recall("micro"),                  scores,    classes, labels("recall_score", "micro")),
    (nn.Recall("binary", threshold=0.2),  chances,   bits,    binary("recall_score", 0.2)),
    (nn.Precision("weighted"),            scores,    classes, labels("precision_score", "weighted")),
    (nn.Recall("weighted"),               scores,    classes, labels("recall_score", "weighted")),
    (nn.F1("weighted"),                   scores.argmax(1), classes, labels("f1_score", "weighted")),
    (nn.CategoricalAccuracy(),            scores,    classes, lambda m: m.accuracy_score(classes, scores.argmax(1))),
    (nn.CategoricalAccuracy(binary=True), chances,   bits,    lambda m: m.accuracy_score(bits, chances > 0.5)),
    (nn.ROCAUC(),                         chances.round(1), bits, lambda m: m.roc_auc_score(bits, chances.round(1))),
    (nn.Perplexity(from_logits=True),     scores,    classes, lambda m: np.exp(m.log_loss(classes, tg.softmax(scores), labels=range(C)))),
    (nn.F1(),                             scores,    classes, labels("f1_score", "macro")),
    (nn.F1(),                             scores.argmax(1), classes, labels("f1_score", "macro")),
    (nn.F1("micro"),                      scores,    classes, labels("f1_score", "micro")),
    (nn.F1("binary"),                     chances,   bits,    binary("f1_score")),
    (nn.RSquared(),                       estimates, targets, lambda m: m.r2_score(targets, estimates)),
    (nn.RSquared(),                       estimates[:, 0], targets[:, 0], lambda m: m.r2_score(targets[:, 0], estimates[:, 0])),
    (nn.AbsoluteError(),                  estimates, targets, lambda m: m.mean_absolute_error(targets, estimates)),
]
# fmt: on
every_case = pytest.mark.parametrize(("metric", "y_pred", "y", "theirs"), CASES)


@every_case
def test_scikit_learn_has_the_same_value(metric, y_pred, y, theirs):
    sklearn = pytest.importorskip("sklearn.metrics")
    assert metric.calculate(y_pred, y) == pytest.approx(theirs(sklearn), rel=1e-12)


class Weighted:
    """The functions of a module with sample_weight."""

    def __init__(self, module, weights):
        self.module, self.weights = module, weights

    def __getattr__(self, name):
        return functools.partial(getattr(self.module, name), sample_weight=self.weights)


@every_case
def test_weights_are_those_of_scikit_learn(metric, y_pred, y, theirs):
    sklearn = pytest.importorskip("sklearn.metrics")
    truth = theirs(Weighted(sklearn, weights))
    assert truth != theirs(sklearn)
    assert metric.calculate(y_pred, y, weights) == pytest.approx(truth, rel=1e-12)
    for part in (slice(1), slice(1, 70), slice(70, N)):  # the first weight is 0
        metric.update(tg.Tensor(y_pred[part]), y[part], weights[part])
    assert metric.result() == pytest.approx(truth, rel=1e-12)
    metric.reset()
    assert math.isnan(metric.calculate(y_pred, y, np.zeros(N)))
    whole = metric.calculate(y_pred, y)
    assert metric.calculate(y_pred, y, np.full(N, 0.3)) == pytest.approx(whole, rel=1e-12)


@every_case
def test_the_result_does_not_depend_on_the_batches(metric, y_pred, y, theirs):
    whole = metric.calculate(y_pred, y)
    metric.reset()
    for start, stop in ((0, 1), (1, 2), (2, 90), (90, N)):
        batch = metric.update(tg.Tensor(y_pred[start:stop]), y[start:stop])
        alone = metric.calculate(y_pred[start:stop], y[start:stop])
        np.testing.assert_equal(batch, alone)  # also if both are NaN
    assert metric.result() == pytest.approx(whole, rel=1e-12)
    metric.reset()
    metric.update(y_pred, y)
    assert metric.result() == whole
    metric.reset()


@every_case
def test_a_description_builds_the_same_metric(metric, y_pred, y, theirs):
    again = build(json.loads(json.dumps(describe(metric))))
    assert repr(again) == repr(metric)
    assert again.calculate(y_pred, y) == metric.calculate(y_pred, y)


# By hand

right, predicted = np.array([0, 0, 1, 2, 2, 2]), np.array([0, 1, 1, 1, 2, 0])
# fmt: off
BY_HAND = [
    (nn.Precision(),        (1 / 2 + 1 / 3 + 1) / 3),
    (nn.Recall(),           (1 / 2 + 1 + 1 / 3) / 3),
    (nn.F1(),               (2 / 4 + 2 / 4 + 2 / 4) / 3),
    (nn.Precision("micro"), 3 / 6),
    (nn.Recall("micro"),    3 / 6),
    (nn.F1("micro"),        3 / 6),
]
# fmt: on


@pytest.mark.parametrize(("metric", "expected"), BY_HAND, ids=repr)
def test_six_samples_by_hand(metric, expected):
    assert metric.calculate(predicted, right) == pytest.approx(expected)


def test_rows_of_the_confusion_matrix_are_the_right_classes():
    expected = [[1, 1, 0], [0, 1, 0], [1, 1, 1]]
    np.testing.assert_array_equal(nn.confusion_matrix(predicted, right), expected)
    rows = np.eye(4)[predicted]
    matrix = nn.confusion_matrix(rows, right, np.array([1, 2, 3, 4, 5, 0.5]))
    np.testing.assert_array_equal(matrix[:3, :3], [[1, 2, 0], [0, 3, 0], [0.5, 4, 5]])
    matrix = nn.confusion_matrix(tg.Tensor(rows), right)
    assert matrix.shape == (4, 4)
    np.testing.assert_array_equal(matrix[:3, :3], expected)


def test_batches_with_more_classes_than_those_before():
    metric = nn.Recall()
    for start in range(6):
        metric.update(predicted[start : start + 1], right[start : start + 1])
    assert metric.result() == pytest.approx((1 / 2 + 1 + 1 / 3) / 3)


def test_equal_outputs_come_in_the_order_of_their_classes():
    rows = np.ones((3, 3))
    for k in (1, 2, 3):
        found = nn.TopKAccuracy(k).compare(rows, np.arange(3))
        np.testing.assert_array_equal(found, np.arange(3) < k)


def test_nan_is_no_prediction_of_the_right_class():
    rows = np.array([[np.nan, 1.0, 2.0], [1.0, np.nan, 2.0]])
    assert not nn.TopKAccuracy(1).compare(rows, [0, 0]).any()


def test_r_squared_of_the_mean_is_0_and_of_constant_targets_0_or_1():
    y = np.array([1.0, 2.0, 6.0])
    assert nn.RSquared().calculate(np.full(3, 3.0), y) == 0
    assert nn.RSquared().calculate(y, y) == 1
    assert nn.RSquared().calculate(np.ones(3), np.ones(3)) == 1
    assert nn.RSquared().calculate(y, np.ones(3)) == 0


def test_r_squared_far_from_0_loses_no_digits():
    y = np.array([1.0, 2.0, 3.0, 4.0])
    e = np.array([0.5, -0.5, 0.25, 0.0])
    metric = nn.RSquared()
    for half in (slice(2), slice(2, 4)):
        metric.update(y[half] + e[half] + 1e9, y[half] + 1e9)
    assert metric.result() == pytest.approx(1 - np.sum(e**2) / 5, rel=1e-6)


def test_a_metric_of_ones_own():
    class Largest(nn.Metric):
        def statistics(self, y_pred, y):
            return np.max(np.abs(y_pred - y))

        def combine(self, a, b):
            return max(a, b)

        def value(self, statistics):
            return float(statistics)

    metric = Largest()
    assert metric.update(np.array([1.0]), np.array([3.0])) == 2
    assert metric.update(np.array([1.0]), np.array([2.0])) == 1
    assert metric.result() == 2
    words = r"Largest was given sample_weight, but .* define statistics\(self, y_pred, y, sample_w"
    with pytest.raises(TypeError, match=words):
        metric.update(np.ones(1), np.ones(1), np.ones(1))


def test_the_parameters_of_a_metric_are_looked_up_once(monkeypatch):
    looked_up, signature = [], inspect.signature
    monkeypatch.setattr(inspect, "signature", lambda f: looked_up.append(f) or signature(f))

    class Own(nn.Metric):
        def statistics(self, y_pred, y, sample_weight=None):
            return np.sum(y_pred.data * sample_weight)

        def value(self, statistics):
            return float(statistics)

    metric = Own()
    for _ in range(5):
        assert metric.update(tg.Tensor(np.ones(2)), np.ones(2), np.array([1.0, 3.0])) == 4
    assert looked_up == [Own.statistics]


def test_a_model_measures_the_top_k(tmp_path):
    pytest.importorskip("safetensors")
    model = nn.Model(nn.Sequential(nn.Dense(C, C, rng=0), nn.Softmax()))
    model.set(
        loss=nn.CategoricalCrossentropy(label_smoothing=0.1),
        optimizer=nn.AdamW(),
        accuracy=nn.TopKAccuracy(2),
    )
    X = scores.astype(np.float32)
    model.train(X, classes, epochs=2, print_every=0)
    found = model.evaluate(X, classes)
    assert found.accuracy == nn.TopKAccuracy(2).calculate(model.predict(X), classes)
    model.save(tmp_path / "model.safetensors")
    again = nn.Model.load(tmp_path / "model.safetensors")
    assert [repr(part) for part in (again.loss, again.optimizer, again.accuracy)] == [
        "CategoricalCrossentropy(label_smoothing=0.1)", "AdamW()", "TopKAccuracy(k=2)"
    ]  # fmt: skip
    assert again.evaluate(X, classes) == found


# Errors

# fmt: off
ERRORS = [
    (lambda: nn.TopKAccuracy(0),                           ValueError, "k of TopKAccuracy must be an integer of at least 1, not 0"),
    (lambda: nn.TopKAccuracy(6).compare(scores, classes),  ValueError, r"TopKAccuracy\(k=6\) takes rows of at least 6 outputs, but got predictions of shape \(200, 5\)"),
    (lambda: nn.TopKAccuracy(1).compare(classes, classes), ValueError, r"got predictions of shape \(200,\)"),
    (lambda: nn.TopKAccuracy(2).compare(scores, classes + 2), ValueError, r"TopKAccuracy\(k=2\) takes classes 0 to 4, but they go from 2 to 5"),
    (lambda: nn.TopKAccuracy(2).compare(scores, classes * 1.0), TypeError, r"integers, but they have dtype float64; .* y\.astype\(int\)"),
    (lambda: nn.TopKAccuracy(2).compare(scores, classes[:-1]), ValueError, r"\(200,\) and \(199,\)"),
    (lambda: nn.F1("samples"),                             ValueError, "average must be one of macro, weighted, micro, binary, not 'samples'"),
    (lambda: nn.F1().calculate(scores, classes, bits - 0.5),       ValueError, "sample_weight must be finite numbers of at least 0"),
    (lambda: nn.confusion_matrix(classes, classes, np.ones(3)),    ValueError, r"one number for each of the 200 samples, shape \(200,\), but has shape \(3,\)"),
    (lambda: nn.F1(threshold="a"),                         ValueError, "threshold must be a number, not 'a'"),
    (lambda: nn.F1().result(),                             ValueError, r"F1\(\) has no result, because it was given no predictions"),
    (lambda: nn.F1().calculate(scores[:0], classes[:0]),   ValueError, "given no predictions"),
    (lambda: nn.RSquared().calculate([], []),              ValueError, "given no predictions"),
    (lambda: nn.Recall().calculate(chances[:, None], bits[:, None]), ValueError, r'shape \(200, 1\) have one output; use Recall\("binary"\)'),
    (lambda: nn.Recall("binary").calculate(chances, bits[:, None]), ValueError, r"Recall\(average='binary'\) compares .* \(200,\) and \(200, 1\)"),
    (lambda: nn.Precision().calculate(chances, bits),      TypeError,  r"Precision\(\) takes class indices that are integers, but they have dtype float64"),
    (lambda: nn.confusion_matrix(-classes, classes),       ValueError, "confusion_matrix takes classes numbered from 0, but they go from -3 to 0"),
    (lambda: nn.confusion_matrix(chances[:, None], bits),  ValueError, r"confusion_matrix takes the largest of .* use \(y_pred\[:, 0\] > 0\.5\)"),
    (lambda: nn.AbsoluteError().calculate(targets, targets[:, :1]), ValueError, r"AbsoluteError\(\) compares .* \(200, 2\) and \(200, 1\)"),
    (lambda: nn.Metric().statistics(1, 1),                 NotImplementedError, "Metric needs a method statistics"),
    (lambda: nn.Metric().value(np.ones(1)),                NotImplementedError, "Metric needs a method value"),
    (lambda: nn.metrics.classification.ClassMetric().fraction(1, 1, 1), NotImplementedError, "ClassMetric needs a method fraction"),
]
# fmt: on


@pytest.mark.parametrize(("call", "error", "message"), ERRORS)
def test_what_does_not_fit_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()


ORDERED = [
    nn.CategoricalAccuracy(), nn.TopKAccuracy(2), nn.F1(), nn.Precision("micro"),
    nn.Recall("weighted"), nn.ROCAUC(),
]  # fmt: skip


@pytest.mark.parametrize("metric", ORDERED, ids=lambda metric: type(metric).__name__)
@pytest.mark.parametrize("method", ["calculate", "update"])
def test_predictions_that_are_nan_have_no_order(metric, method):
    metric, with_nan = copy.deepcopy(metric), scores.copy()
    with_nan[3, 1:3] = np.nan
    with pytest.raises(
        ValueError, match=r"compares predictions .* but 2 of 1000 are NaN; look for"
    ):
        getattr(metric, method)(with_nan, classes)
    with pytest.raises(ValueError, match="it was given no predictions"):
        metric.result()  # nothing was added
    assert np.isfinite(
        getattr(metric, method)(np.where(np.isnan(with_nan), np.inf, scores), classes)
    )


def test_binary_predictions_that_are_nan_have_no_order():
    with_nan = np.where(chances > 0.9, np.nan, chances)
    for metric in (nn.CategoricalAccuracy(binary=True), nn.F1("binary"), nn.ROCAUC()):
        with pytest.raises(ValueError, match=f"but {np.isnan(with_nan).sum()} of 200 are NaN"):
            metric.calculate(with_nan, bits)
    with pytest.raises(ValueError, match="confusion_matrix compares predictions"):
        nn.confusion_matrix(np.stack([with_nan, chances], 1), bits)
    # Signs as targets are allowed: they are compared with a number.
    signs = 2 * bits - 1
    accuracy = nn.CategoricalAccuracy(binary=True)
    assert accuracy.calculate(chances, signs) == accuracy.calculate(chances, bits)


@pytest.mark.parametrize(
    ("y", "error", "words"),
    [
        (
            classes + C,
            ValueError,
            "CategoricalAccuracy.* takes classes 0 to 4, but they go from 5 to",
        ),
        (classes - 1, ValueError, "takes classes 0 to 4, but they go from -1"),
        (
            classes.astype(str),
            TypeError,
            "takes class indices .* dtype <U21; write names, y = np.unique",
        ),
    ],
)
def test_accuracy_refuses_classes_that_no_prediction_can_be(y, error, words):
    for y_pred in (scores, tg.Tensor(scores)):
        with pytest.raises(error, match=words):
            nn.CategoricalAccuracy().calculate(y_pred, y)
