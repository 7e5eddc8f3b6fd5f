"""Weights of samples: beside PyTorch, by repetition, by finite differences, and refused."""

import numpy as np
import pytest

import nn
import tensorgrad as tg

rng = np.random.default_rng(0)
N, C = 6, 4
Z = rng.normal(size=(N, C))
P = np.exp(Z) / np.exp(Z).sum(axis=1, keepdims=True)
CLASSES = rng.integers(0, C, N)
ROWS = rng.dirichlet(np.ones(C), N)
BITS = rng.integers(0, 2, (N, C)).astype(float)
NUMBERS = rng.normal(size=(N, C))
W = np.array([0.0, 1.0, 2.0, 0.5, 3.0, 1.0])

# fmt: off
CASES = {  # loss, predictions, targets
    "categorical of logits": (nn.CategoricalCrossentropy(from_logits=True), Z, CLASSES),
    "categorical of rows":   (nn.CategoricalCrossentropy(from_logits=True, class_weight=[1, 2, 0.5, 1]), Z, ROWS),
    "categorical":           (nn.CategoricalCrossentropy(label_smoothing=0.1), P, CLASSES),
    "binary of logits":      (nn.BinaryCrossentropy(from_logits=True, class_weight=[1, 3]), Z, BITS),
    "binary":                (nn.BinaryCrossentropy(), P, BITS),
    "divergence":            (nn.KLDivergence(), P, ROWS),
    "hinge":                 (nn.Hinge(), 3 * Z, BITS),
    "squared":               (nn.MeanSquaredError(), Z, NUMBERS),
    "absolute":              (nn.MeanAbsoluteError(), Z, NUMBERS),
    "huber":                 (nn.Huber(0.5), Z, NUMBERS),
    "huber, a row":          (nn.Huber(0.5), Z[:, 0], NUMBERS[:, 0]),
}
# fmt: on
every_case = pytest.mark.parametrize(("loss", "y_pred", "y"), CASES.values(), ids=CASES)


@every_case
def test_a_weight_counts_as_so_many_samples(loss, y_pred, y):
    each = [loss(y_pred[i : i + 1], y[i : i + 1]).item() for i in range(N)]
    assert np.isclose(loss(y_pred, y, W).item(), np.mean(W * each), rtol=1e-12)
    assert np.isclose(loss(y_pred, y, np.ones(N)).item(), loss(y_pred, y).item(), rtol=1e-12)


@every_case
def test_gradients(loss, y_pred, y):
    order = 1 if isinstance(loss, nn.Hinge | nn.MeanAbsoluteError | nn.Huber) else 2
    tg.check_grads(lambda p: loss(p, y, W), y_pred, order=order)
    g = tg.grad(lambda p: loss(p, y, W))(y_pred.astype(np.float32))
    assert g.dtype == np.float32
    assert not g[0].any()


def test_are_torchs():
    torch = pytest.importorskip("torch")
    F = torch.nn.functional
    z, w = torch.tensor(Z), torch.tensor(W)
    truth = (w * F.cross_entropy(z, torch.tensor(CLASSES), reduction="none")).mean()
    found = nn.CategoricalCrossentropy(from_logits=True)(Z, CLASSES, W)
    np.testing.assert_allclose(found.data, truth, rtol=1e-12)
    truth = (w[:, None] * F.huber_loss(z, torch.tensor(NUMBERS), reduction="none")).mean()
    np.testing.assert_allclose(nn.Huber()(Z, NUMBERS, W).data, truth, rtol=1e-12)


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        (W[1:], r"one number for each of the 6 samples, shape \(6,\), but has shape \(5,\)"),
        (W[:, None], r"shape \(6, 1\)"),
        (-W, r"of at least 0, not \[-0.0, -1.0, .* of dtype float64"),
        (np.full(N, np.nan), "finite numbers"),
        (["a"] * N, "dtype <U1"),
    ],
)
def test_refused(weights, words):
    with pytest.raises(ValueError, match=words):
        nn.MeanSquaredError()(Z, NUMBERS, weights)


def test_a_loss_of_ones_own_says_that_it_takes_none():
    class Mine(nn.losses.Loss):
        def forward(self, y_pred, y):
            return np.mean(y_pred - y)

    assert Mine()(Z, NUMBERS).shape == ()
    with pytest.raises(TypeError, match=r"define forward\(self, y_pred, y, sample_weight=None\)"):
        Mine()(Z, NUMBERS, W)
