"""ROC-AUC beside scikit-learn and by counting pairs, in any batches."""

import math

import numpy as np
import pytest

import nn
import tensorgrad as tg

rng = np.random.default_rng(0)
Y = rng.integers(0, 2, 60)
SCORES = np.round(Y + rng.normal(size=60), 1)  # with ties
CLASSES = rng.integers(0, 3, 60)
ROWS = np.round(np.eye(3)[CLASSES] + rng.normal(size=(60, 3)), 1)


def counted(scores, y):
    pairs = scores[y == 1][:, None] - scores[y == 0]
    return np.mean(np.where(pairs == 0, 0.5, pairs > 0))


def test_by_counting_pairs():
    for shape in ((60,), (60, 1)):
        found = nn.ROCAUC().calculate(tg.Tensor(SCORES.reshape(shape)), Y.reshape(shape))
        assert math.isclose(found, counted(SCORES, Y), rel_tol=1e-12)
    each = [counted(ROWS[:, k], k == CLASSES) for k in range(3)]
    for y in (CLASSES, np.eye(3)[CLASSES]):
        assert math.isclose(nn.ROCAUC().calculate(ROWS, y), np.mean(each), rel_tol=1e-12)


def test_is_scikit_learns():
    metrics = pytest.importorskip("sklearn.metrics")
    truth = metrics.roc_auc_score(Y, SCORES)
    assert math.isclose(nn.ROCAUC().calculate(SCORES, Y), truth, rel_tol=1e-12)
    p = np.exp(ROWS) / np.exp(ROWS).sum(axis=1, keepdims=True)
    truth = metrics.roc_auc_score(CLASSES, p, multi_class="ovr")
    assert math.isclose(nn.ROCAUC().calculate(p, CLASSES), truth, rel_tol=1e-12)


def test_batches_do_not_matter():
    metric = nn.ROCAUC()
    for a, b in ((0, 1), (1, 30), (30, 60)):
        metric.update(SCORES[a:b], Y[a:b])
    assert metric.result() == metric.calculate(SCORES, Y)


def test_one_class_has_no_area():
    assert math.isnan(nn.ROCAUC().calculate(SCORES, np.ones(60)))
    scores = np.array([[0.1, 0.9, 0.0], [0.8, 0.2, 0.0]])
    assert nn.ROCAUC().calculate(scores, np.array([1, 0])) == 1  # without the third


@pytest.mark.parametrize(
    ("scores", "y", "error", "words"),
    [
        (ROWS, CLASSES[:-1], ValueError, "compares each prediction with one target"),
        (ROWS, CLASSES + 1, ValueError, "takes classes 0 to 2"),
        (ROWS, CLASSES + 0.5, TypeError, "float64"),
        (np.ones((2, 2, 2)), np.ones((2, 2, 2)), ValueError, r"not \(2, 2, 2\)"),
        (np.ones((0, 2)), np.ones((0, 2)), ValueError, "no predictions"),
    ],
)
def test_refused(scores, y, error, words):
    with pytest.raises(error, match=words):
        nn.ROCAUC().calculate(scores, y)
