"""Losses beyond the book's, label smoothing and class weights: against PyTorch, and their errors."""

import json

import numpy as np
import pytest

import nn
import tensorgrad as tg
from nn.config import build, describe

N, C = 6, 4
rng = np.random.default_rng(0)
z = rng.normal(size=(N, C))
p = tg.softmax(z)
q = tg.sigmoid(z)
classes = np.array([0, 3, 1, 2, 3, 0])
one_hot = np.eye(C)[classes]
soft = tg.softmax(rng.normal(size=(N, C)))
bits = rng.integers(2, size=(N, C))
values = 2 * rng.normal(size=(N, C))
weights = [0.5, 2.0, 0.0, 3.0]
logits = {"from_logits": True}


def binary(F, x, y, smoothing=0.0, weights=(1, 1)):
    y = (1 - smoothing) * y + smoothing / 2
    return -(weights[1] * y * F.logsigmoid(x) + weights[0] * (1 - y) * F.logsigmoid(-x)).mean()


# fmt: off
CASES = [  # loss, predictions, targets, the targets for PyTorch, the same of them in PyTorch
    (nn.Huber(),                 values,     z,         z,       lambda F, x, y: F.huber_loss(x, y)),
    (nn.Huber(0.3),              values,     z,         z,       lambda F, x, y: F.huber_loss(x, y, delta=0.3)),
    (nn.Huber(delta=50),         values,     z,         z,       lambda F, x, y: F.mse_loss(x, y) / 2),
    (nn.Hinge(),                 values,     bits,      bits,    lambda F, x, y: (1 - (2 * y - 1) * x).clamp(min=0).mean()),
    (nn.Hinge(),                 values,     2 * bits - 1, bits, lambda F, x, y: (1 - (2 * y - 1) * x).clamp(min=0).mean()),
    (nn.KLDivergence(),          p,          soft,      soft,    lambda F, x, y: F.kl_div(x.log(), y, reduction="batchmean")),
    (nn.KLDivergence(),          p,          one_hot,   one_hot, lambda F, x, y: F.kl_div(x.log(), y, reduction="batchmean")),
    (nn.KLDivergence(**logits),  z,          soft,      soft,    lambda F, x, y: F.kl_div(F.log_softmax(x, 1), y, reduction="batchmean")),
    (nn.CategoricalCrossentropy(**logits, label_smoothing=0.1), z, classes, one_hot, lambda F, x, y: F.cross_entropy(x, y, label_smoothing=0.1)),
    (nn.CategoricalCrossentropy(**logits, label_smoothing=0.1), z, one_hot, one_hot, lambda F, x, y: F.cross_entropy(x, y, label_smoothing=0.1)),
    (nn.CategoricalCrossentropy(**logits, label_smoothing=0.3), z, soft,    soft,    lambda F, x, y: F.cross_entropy(x, y, label_smoothing=0.3)),
    (nn.CategoricalCrossentropy(label_smoothing=0.1),           p, classes, one_hot, lambda F, x, y: F.cross_entropy(x.log(), y, label_smoothing=0.1) - x.sum(1).log().mean()),
    (nn.CategoricalCrossentropy(**logits, class_weight=weights), z, classes, one_hot, lambda F, x, y: F.cross_entropy(x, y, weight=x.new_tensor(weights))),
    (nn.CategoricalCrossentropy(**logits, class_weight=weights), z, soft,    soft,    lambda F, x, y: F.cross_entropy(x, y, weight=x.new_tensor(weights))),
    (nn.CategoricalCrossentropy(**logits, class_weight=weights, label_smoothing=0.2), z, classes, one_hot,
     lambda F, x, y: F.cross_entropy(x, y, weight=x.new_tensor(weights), label_smoothing=0.2)),
    (nn.CategoricalCrossentropy(class_weight=weights), p, classes, one_hot, lambda F, x, y: -(x.log() * y * x.new_tensor(weights)).sum() / N),
    (nn.BinaryCrossentropy(**logits, label_smoothing=0.1),  z, bits, bits, lambda F, x, y: binary(F, x, y, 0.1)),
    (nn.BinaryCrossentropy(label_smoothing=0.1),            q, bits, bits, lambda F, x, y: binary(F, x.logit(), y, 0.1)),
    (nn.BinaryCrossentropy(**logits, class_weight=[1, 5]),  z, bits, bits, lambda F, x, y: F.binary_cross_entropy_with_logits(x, y, pos_weight=x.new_tensor(5))),
    (nn.BinaryCrossentropy(**logits, class_weight=[2, .5]), z, soft, soft, lambda F, x, y: binary(F, x, y, weights=(2, 0.5))),
    (nn.BinaryCrossentropy(class_weight=(2, 0.5), label_smoothing=0.2), q, bits, bits, lambda F, x, y: binary(F, x.logit(), y, 0.2, (2, 0.5))),
]
# fmt: on
every_case = pytest.mark.parametrize(("loss", "x", "y", "y_torch", "theirs"), CASES)


@every_case
@pytest.mark.parametrize(("dtype", "limit"), [("float64", 1e-11), ("float32", 2e-5)])
def test_value_and_gradient_are_torchs(loss, x, y, y_torch, theirs, dtype, limit):
    torch = pytest.importorskip("torch")
    t = torch.tensor(x, requires_grad=True)
    expected = theirs(torch.nn.functional, t, torch.tensor(y_torch, dtype=torch.float64))
    expected.backward()
    leaf = tg.Tensor(x.astype(dtype), requires_grad=True)
    found = loss(leaf, y)
    found.backward()
    assert found.dtype == leaf.grad.dtype == dtype
    assert found.item() == pytest.approx(expected.item(), rel=limit)
    np.testing.assert_allclose(leaf.grad.data, t.grad.numpy(), rtol=10 * limit, atol=limit)


@every_case
def test_first_and_second_derivatives_agree_with_differences(loss, x, y, y_torch, theirs):
    tg.check_grads(lambda t: loss(t, y), x)


@every_case
def test_a_description_builds_the_same_loss(loss, x, y, y_torch, theirs):
    again = build(json.loads(json.dumps(describe(loss))))
    assert repr(again) == repr(loss)
    assert again(x, y).item() == loss(x, y).item()


@pytest.mark.parametrize(("f", "make"), [
    (tg.softmax, lambda **s: nn.CategoricalCrossentropy(label_smoothing=0.1, class_weight=[1, 2, 3], **s)),
    (tg.sigmoid, lambda **s: nn.BinaryCrossentropy(label_smoothing=0.1, class_weight=[1, 2], **s)),
    (tg.softmax, lambda **s: nn.KLDivergence(**s)),
])  # fmt: skip
def test_probabilities_of_huge_logits_lose_nothing(f, make):
    huge = np.array([[1e4, -1e4, 0], [-1e4, 1e4, 0]])
    y = np.array([[1.0, 0, 0], [1, 0, 0]])
    leaf = tg.Tensor(huge, requires_grad=True)
    loss = make()(f(leaf), y)
    assert loss.item() == make(from_logits=True)(huge, y).item() > 1e3
    loss.backward()
    assert np.isfinite(leaf.grad.data).all()


def test_a_weighted_loss_does_not_depend_on_the_batches():
    loss = nn.CategoricalCrossentropy(from_logits=True, class_weight=weights)
    halves = [loss(z[at], classes[at]).item() for at in (slice(3), slice(3, 6))]
    assert np.mean(halves) == pytest.approx(loss(z, classes).item())


def test_equal_weights_and_no_smoothing_change_nothing():
    plain = nn.CategoricalCrossentropy()(p, classes).item()
    assert nn.CategoricalCrossentropy(class_weight=[1] * C)(p, classes).item() == pytest.approx(
        plain
    )
    plain = nn.BinaryCrossentropy()(q, bits).item()
    assert nn.BinaryCrossentropy(class_weight=[1, 1])(q, bits).item() == pytest.approx(plain)


def test_huber_at_its_bound_and_far_beyond():
    x = np.array([-1e300, -1.0, 0.0, 1.0, 1e300])
    slopes = tg.grad(lambda t: 5 * nn.Huber()(t, np.zeros(5)))(x)
    np.testing.assert_array_equal(slopes, [-1, -1, 0, 1, 1])
    assert nn.Huber()(x, np.zeros(5)).item() == pytest.approx(2e300 / 5)


def test_the_divergence_of_a_distribution_from_itself_is_0():
    assert nn.KLDivergence()(soft, soft).item() == pytest.approx(0, abs=1e-15)


# Errors

cce, kl, hinge = nn.CategoricalCrossentropy, nn.KLDivergence(), nn.Hinge()
# fmt: off
ERRORS = [
    (lambda: cce(label_smoothing=1),                       r"label_smoothing must be at least 0 and below 1, not 1"),
    (lambda: cce(label_smoothing=float("nan")),            r"below 1, not nan"),
    (lambda: nn.BinaryCrossentropy(label_smoothing="0.1"), r"below 1, not '0\.1'"),
    (lambda: cce(class_weight=[1, -1]),                    r"class_weight must be a list with a finite number of at least 0 for each class, such as \[1\.0, 2\.5\], not \[1, -1\]"),
    (lambda: cce(class_weight={0: 1.0, 1: 2.0}),           r"must be a list .* not \{0: 1\.0, 1: 2\.0\}"),
    (lambda: cce(class_weight=2.0),                        r"must be a list .* not 2\.0"),
    (lambda: cce(class_weight=[1, 2])(p, classes),         r"class_weight has 2 weights, \[1\.0, 2\.0\], but there are 4 classes; give one weight for each"),
    (lambda: nn.BinaryCrossentropy(class_weight=[1])(q, bits), r"class_weight has 1 weights, \[1\.0\], but there are 2 classes"),
    (lambda: nn.Huber(0),                                  r"delta must be a finite number above 0, not 0"),
    (lambda: nn.Huber(delta=float("inf")),                 r"above 0, not inf"),
    (lambda: nn.Huber()(values, values[:, :1]),            r"shape \(6, 4\), but the targets \(6, 1\)"),
    (lambda: hinge(values, 2 * bits),                      r"Hinge\(\) takes targets that are -1 and 1, or 0 and 1, but got \[0\.0, 2\.0\]"),
    (lambda: hinge(values, bits - 1),                      r"but got \[-1\.0, 0\.0\]"),
    (lambda: hinge(values[:, 0], bits),                    r"shape \(6,\), but the targets \(6, 4\)"),
    (lambda: kl(p[0], soft[0]),                            r"KLDivergence\(\) takes predictions of shape \(N, C\), but got shape \(4,\)"),
    (lambda: kl(p, 2 * soft),                              r"rows of probabilities.* their sums from"),
    (lambda: kl(p, classes),                               r"predictions have shape \(6, 4\), but the targets \(6,\)"),
]
# fmt: on


@pytest.mark.parametrize(("call", "message"), ERRORS)
def test_what_does_not_fit_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
