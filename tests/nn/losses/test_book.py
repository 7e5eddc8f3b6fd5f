"""Losses: their values and gradients, against the hand-derived ones and PyTorch, and their errors."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nn
import tensorgrad as tg
from tests.examples import hand_derived as hand

N, C = 6, 4
rng = np.random.default_rng(0)
z = rng.normal(size=(N, C)).astype(np.float32)
p = tg.softmax(z)
q = tg.sigmoid(z)
classes = np.array([0, 3, 1, 2, 3, 0])
one_hot = np.eye(C, dtype=np.float32)[classes]
soft = tg.softmax(rng.normal(size=(N, C)))
bits = rng.integers(2, size=(N, C))
values = rng.normal(size=(N, C)).astype(np.float32)

# fmt: off
CASES = [  # loss, predictions, targets, the hand-derived loss, the activation before both
    (nn.CategoricalCrossentropy(),                 p, classes, hand.CategoricalCrossentropy(),        None),
    (nn.CategoricalCrossentropy(),                 p, one_hot, hand.CategoricalCrossentropy(),        None),
    (nn.CategoricalCrossentropy(),                 z, classes, hand.SoftmaxCategoricalCrossentropy(), tg.softmax),
    (nn.CategoricalCrossentropy(),                 z, one_hot, hand.SoftmaxCategoricalCrossentropy(), tg.softmax),
    (nn.CategoricalCrossentropy(),                 z, soft,    hand.SoftmaxCategoricalCrossentropy(), tg.softmax),
    (nn.CategoricalCrossentropy(from_logits=True), z, classes, hand.SoftmaxCategoricalCrossentropy(), None),
    (nn.CategoricalCrossentropy(from_logits=True), z, soft,    hand.SoftmaxCategoricalCrossentropy(), None),
    (nn.BinaryCrossentropy(),                      q, bits,    hand.BinaryCrossentropy(),             None),
    (nn.BinaryCrossentropy(),                      z, bits,    hand.SigmoidBinaryCrossentropy(),      tg.sigmoid),
    (nn.BinaryCrossentropy(),                      z, p,       hand.SigmoidBinaryCrossentropy(),      tg.sigmoid),
    (nn.BinaryCrossentropy(from_logits=True),      z, bits,    hand.SigmoidBinaryCrossentropy(),      None),
    (nn.MeanSquaredError(),                        z, values,  hand.MeanSquaredError(),               None),
    (nn.MeanAbsoluteError(),                       z, values,  hand.MeanAbsoluteError(),              None),
]
TORCH = {  # loss -> the same in torch.nn.functional, of predictions or logits
    nn.CategoricalCrossentropy: lambda F, x, y, logits: F.cross_entropy(x, y) if logits else F.nll_loss(x.log(), y),
    nn.BinaryCrossentropy: lambda F, x, y, logits: (
        F.binary_cross_entropy_with_logits if logits else F.binary_cross_entropy)(x, y),
    nn.MeanSquaredError: lambda F, x, y, _logits: F.mse_loss(x, y),
    nn.MeanAbsoluteError: lambda F, x, y, _logits: F.l1_loss(x, y),
}
# fmt: on
every_case = pytest.mark.parametrize(("loss", "x", "y", "by_hand", "activation"), CASES)
both_dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def value_and_gradient(loss, x, y, activation=None):
    x = tg.Tensor(x, requires_grad=True)
    value = loss(x if activation is None else activation(x), y)
    value.backward()
    assert value.shape == ()
    assert value.dtype == x.grad.dtype == x.dtype
    return value.item(), x.grad.data


# Values and gradients


@every_case
@both_dtypes
def test_against_the_hand_derived(loss, x, y, by_hand, activation, dtype):
    value, g = value_and_gradient(loss, x.astype(dtype), y, activation)
    limit = 1e-5 if dtype == np.float32 else 1e-12
    wide = x.astype(np.float64)
    y = y if y.ndim == 1 else y.astype(np.float64)
    assert value == pytest.approx(by_hand.forward(wide, y), rel=limit)
    assert hand.relative_error(g, by_hand.backward(wide, y)) < limit


@every_case
def test_against_torch(loss, x, y, by_hand, activation):
    torch = pytest.importorskip("torch")
    value, g = value_and_gradient(loss, x, y, activation)
    t = torch.tensor(x, requires_grad=True)
    y = classes if y is one_hot else y  # nll_loss takes class indices only
    target = torch.tensor(y if y is classes else y.astype(np.float32))
    logits = activation is not None or getattr(loss, "from_logits", False)
    expected = TORCH[type(loss)](torch.nn.functional, t, target, logits)
    expected.backward()
    assert value == pytest.approx(expected.item(), rel=1e-5)
    np.testing.assert_allclose(g, t.grad.numpy(), rtol=1e-4, atol=1e-7)


@every_case
@pytest.mark.parametrize("wrap", [np.asarray, tg.Tensor, list])
def test_constants_have_a_loss_too(loss, x, y, by_hand, activation, wrap):
    if activation is not None:
        x = activation(x)
    if wrap is list:
        x, y = x.astype(np.float64).tolist(), y.tolist()
    value = loss(wrap(x), wrap(y))
    assert isinstance(value, tg.Tensor)
    assert not value.requires_grad
    assert value.item() == pytest.approx(value_and_gradient(loss, np.array(x), np.array(y))[0])


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 5), min_size=1, max_size=4).map(tuple))
def test_elementwise_losses_take_any_shape(shape):
    a, b = np.random.default_rng(0).random((2, *shape)).astype(np.float32)
    assert nn.MeanSquaredError()(a, b).item() == pytest.approx(np.mean((a - b) ** 2))
    assert nn.MeanAbsoluteError()(a, b).item() == pytest.approx(np.mean(np.abs(a - b)))
    expected = -np.mean(b * np.log(a) + (1 - b) * np.log(1 - a))
    assert nn.BinaryCrossentropy()(a, b).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    "loss", [nn.CategoricalCrossentropy(), nn.BinaryCrossentropy(), nn.KLDivergence()], ids=repr
)
def test_predictions_that_are_no_probabilities_are_refused(loss):
    for logits in ([[-0.5, 1.5]], [[0.2, 1.1]], [[-0.001, 1.0]]):
        with pytest.raises(ValueError, match=r"from 0 to 1, but the predictions go from .* logits"):
            loss(tg.Tensor(logits, requires_grad=True), [[0.0, 1.0]])
    rounded = np.array([[-1e-7, 1 + 1e-6]])
    assert loss(rounded, [[0.0, 1.0]]).item() == pytest.approx(0, abs=1e-6)
    with pytest.raises(ValueError, match="is NaN"):
        loss([[np.nan, 1.0]], [[1.0, 0.0]])


def test_the_gradient_of_the_absolute_error_has_the_right_sign():
    _, g = value_and_gradient(nn.MeanAbsoluteError(), [2.0, -1.0, 1.0, 0.0], [1.0, 1.0, 1.0, -1.0])
    np.testing.assert_array_equal(g, [0.25, -0.25, 0, 0.25])


# Logits


@both_dtypes
@pytest.mark.parametrize("from_logits", [False, True])
def test_huge_logits_do_not_overflow(dtype, from_logits):
    logits = np.array([[1e4, -1e4, 0], [-1e4, 1e4, 0]], dtype)
    softmax, sigmoid = (None, None) if from_logits else (tg.softmax, tg.sigmoid)

    loss = nn.CategoricalCrossentropy(from_logits=from_logits)
    value, g = value_and_gradient(loss, logits, [0, 0], softmax)
    assert value == 1e4
    np.testing.assert_array_equal(g, [[0, 0, 0], [-0.5, 0.5, 0]])

    loss = nn.BinaryCrossentropy(from_logits=from_logits)
    value, g = value_and_gradient(loss, logits, [[1, 0, 1], [1, 0, 0]], sigmoid)
    assert value == pytest.approx((2e4 + 2 * np.log(2)) / 6)
    np.testing.assert_allclose(g, np.array([[0, 0, -0.5], [-1, 1, 0.5]]) / 6, rtol=1e-6)


def test_the_gradient_goes_to_the_logits_at_once():
    t = tg.Tensor(z, requires_grad=True)
    loss = nn.CategoricalCrossentropy()(nn.Softmax()(t), classes)
    assert loss.op is tg.softmax_cross_entropy
    assert loss.inputs[0].node is t.node
    loss = nn.BinaryCrossentropy()(nn.Sigmoid()(t), bits)
    (node,) = (parent for parent in loss.node.parents if parent is not None)
    assert node.op.function is tg.sigmoid_cross_entropy
    assert node.parents[0] is t.node


# fmt: off
FROM_PROBABILITIES = [  # the activation, logits, the loss, targets, and its value in nats
    (tg.softmax, [[40, -40]],                    nn.CategoricalCrossentropy(), [1],         80),
    (tg.softmax, [[40, -40]],                    nn.CategoricalCrossentropy(), [[0, 1]],    80),
    (tg.softmax, [[1000, -1000], [-1000, 1000]], nn.CategoricalCrossentropy(), [1, 1],      1000),
    (tg.softmax, [[1, 1], [0, 0]],               nn.CategoricalCrossentropy(), [0, 1],      np.log(2)),
    (tg.sigmoid, [[40], [-40]],                  nn.BinaryCrossentropy(),      [[0], [1]],  40),
    (tg.sigmoid, [[1000, -1000]],                nn.BinaryCrossentropy(),      [[0, 0]],    500),
    (tg.sigmoid, [0, 0, 0],                      nn.BinaryCrossentropy(),      [0, 0.5, 1], np.log(2)),
]
# fmt: on
WAYS = {
    "recorded": lambda f, z: f(tg.Tensor(z, requires_grad=True)),
    "constant": lambda f, z: f(tg.Tensor(z)),
    "no_grad": lambda f, z: tg.no_grad(f)(tg.Tensor(z, requires_grad=True)),
    "detached": lambda f, z: f(tg.Tensor(z, requires_grad=True)).detach(),
}
from_probabilities = pytest.mark.parametrize(
    ("f", "logits", "loss", "y", "right"), FROM_PROBABILITIES
)


@both_dtypes
@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@from_probabilities
def test_a_loss_is_the_same_recorded_or_not(f, logits, loss, y, right, way, dtype):
    p = way(f, np.array(logits, dtype))
    value = loss(p, np.array(y))
    assert value.dtype == dtype
    assert value.requires_grad == p.requires_grad
    assert value.item() == pytest.approx(right, rel=1e-6)
    with tg.no_grad():
        assert loss(p, np.array(y)).data.tobytes() == value.data.tobytes()


@from_probabilities
@pytest.mark.parametrize(
    "change", [lambda p: p * 1, lambda p: p[:], lambda p: p + 0, lambda p: p.__iadd__(0)]
)
def test_changed_probabilities_are_taken_as_probabilities(f, logits, loss, y, right, change):
    z = np.array(logits, float)
    clipped = loss(f(z), np.array(y)).item()  # of an array, which has no logits
    assert clipped == pytest.approx(min(right, clipped))
    for way in WAYS.values():
        assert loss(change(way(f, z)), np.array(y)).item() == clipped


@from_probabilities
def test_a_second_loss_of_the_same_probabilities(f, logits, loss, y, right):
    """After backward freed the graph, the value is the same, and a second backward is refused."""
    z = tg.Tensor(np.array(logits, float), requires_grad=True)
    p = f(z * 1)
    first = loss(p, np.array(y))
    first.backward()
    again = loss(p, np.array(y))
    assert again.item() == first.item() == pytest.approx(right)
    with pytest.raises(RuntimeError, match=r"already consumed by a backward.*retain_graph=True"):
        again.backward()

    g, z.grad = z.grad.data, None
    p = f(z * 1)
    loss(p, np.array(y)).backward(retain_graph=True)
    loss(p, np.array(y)).backward()
    np.testing.assert_array_equal(z.grad.data, 2 * g)


def test_a_leaf_of_probabilities_gets_a_gradient_itself():
    leaf = tg.Tensor(tg.softmax(tg.Tensor(z)), requires_grad=True)
    nn.CategoricalCrossentropy()(leaf, classes).backward()
    np.testing.assert_allclose(leaf.grad.data, -one_hot / (N * p), rtol=1e-5)


@pytest.mark.parametrize(
    "targets", [[0], [[0.2, 0.3, 0.5]], [[0.2], [0.3], [0.5]], [0, 1, 2, 0, 1]]
)
def test_targets_that_would_broadcast(targets):
    message = r"logits of shape \(3, 3\) takes class indices of shape \(3,\), or distributions of shape \(3, 3\)"
    with pytest.raises(ValueError, match=message):
        tg.softmax_cross_entropy(tg.Tensor(np.ones((3, 3)), requires_grad=True), np.array(targets))


def test_a_softmax_along_the_samples_is_no_distribution_over_classes():
    t = tg.Tensor(z, requires_grad=True)
    columns = tg.softmax(t, axis=0)
    loss = nn.CategoricalCrossentropy()
    assert loss(columns, classes).item() == pytest.approx(loss(columns.data, classes).item())
    assert loss(tg.softmax(t, axis=1), classes).op is tg.softmax_cross_entropy


def test_probabilities_of_0_and_1_are_clipped():
    certain = np.array([[1, 0], [1, 0]], np.float64)
    value, g = value_and_gradient(nn.CategoricalCrossentropy(), certain, [0, 1])
    assert value == pytest.approx(-np.log(1e-7) / 2)
    assert not g.any()
    value, g = value_and_gradient(nn.BinaryCrossentropy(), certain, [[0, 0], [1, 1]])
    assert value == pytest.approx(-np.log(1e-7) / 2)
    assert not g.any()


def test_second_order():
    y = classes
    loss = nn.CategoricalCrossentropy()
    tg.check_grads(lambda t: loss(tg.softmax(t), y), z.astype(np.float64))
    tg.check_grads(lambda t: nn.BinaryCrossentropy()(tg.sigmoid(t), bits), z.astype(np.float64))
    tg.check_grads(lambda t: loss(t, y), p.astype(np.float64))
    tg.check_grads(lambda t: nn.BinaryCrossentropy()(t, bits), q.astype(np.float64))


# Penalties, and losses that a user defines


def test_the_loss_is_drawn_as_a_part():
    t = tg.Tensor(z, requires_grad=True)
    assert repr(nn.MeanSquaredError()(t, values).node.scope) == "MeanSquaredError"


def test_regularization_is_told_apart():
    net = nn.Sequential(nn.Dense(2, 3, weight_regularizer_l2=0.5), nn.ReLU())
    penalty = nn.MeanSquaredError().regularization_loss(net)
    assert penalty.item() == pytest.approx(0.5 * np.sum(net[0].weights.data ** 2))


def test_a_loss_of_ones_own():
    class Huber(nn.losses.Loss):
        def forward(self, y_pred, y):
            d = np.abs(y_pred - y)
            return np.mean(np.where(d < 1, 0.5 * d**2, d - 0.5))

    assert Huber()([0.0, 3.0], [0.5, 0.0]).item() == (0.125 + 2.5) / 2


def test_a_loss_without_forward_says_so():
    class Empty(nn.losses.Loss):
        pass

    with pytest.raises(NotImplementedError, match="Empty needs a method forward"):
        Empty()([1.0], [1.0])


# Errors

nan, inf = float("nan"), float("inf")
cce, bce, mse, mae = (
    nn.CategoricalCrossentropy(),
    nn.BinaryCrossentropy(),
    nn.MeanSquaredError(),
    nn.MeanAbsoluteError(),
)
column = values[:, :1]
# fmt: off
ERRORS = [
    (cce, p,         classes[:-1],          r"there are 6 predictions but 5 targets"),
    (cce, p,         classes.astype(float), r"shape \(6,\) are class indices and must be integers, but have dtype float64"),
    (cce, p,         classes == 1,          r"must be integers, but have dtype bool"),
    (cce, p,         classes + 1,           r"4 classes, 0 to 3, but the targets go from \d to 4"),
    (cce, p,         classes - 1,           r"the targets go from -1 to 2"),
    (cce, p,         classes[:, None],      r"shape \(6,\), class indices, or \(6, 4\), one-hot rows, but the targets have shape \(6, 1\)"),
    (cce, p,         np.array(1),           r"but the targets have shape \(\)"),
    (cce, p,         one_hot * 2,           r"go from 0\.0 to 2\.0, and their sums from 2\.0 to 2\.0"),
    (cce, p,         one_hot * nan,         r"go from nan to nan"),
    (cce, p[0],      classes,               r"takes predictions of shape \(N, C\), but got shape \(4,\)"),
    (cce, p * nan,   classes,               r"CategoricalCrossentropy\(\) is NaN: 24 of 24 predictions and 0 of 6 targets are NaN"),
    (cce, p[:0],     classes[:0],           r"got no samples: the predictions have shape \(0, 4\)"),
    (cce, p,         ["a"] * N,             r"targets that are real numbers, but got float32 and <U1; write names, y = np\.unique\(y, return_inverse=True\)"),
    (cce, one_hot.astype(int), classes,     r"predictions of a floating-point dtype .* but got int64 and int64"),
    (bce, q,         bits * 2,              r"takes targets from 0 to 1, but they go from 0\.0 to 2\.0"),
    (bce, q,         bits * nan,            r"takes targets from 0 to 1, but they go from nan to nan"),
    (bce, q[:, :1],  bits[:, 0],            r"shape \(6, 1\), but the targets \(6,\); .* write y\.reshape\(\(-1, 1\)\)"),
    (mse, values[:, 0], column,             r"shape \(6,\), but the targets \(6, 1\); .* write y\.reshape\(\(-1,\)\)"),
    (mae, column,    values[:, 0],          r"shape \(6, 1\), but the targets \(6,\)"),
    (mae, column,    values,                r"shape \(6, 1\), but the targets \(6, 4\); each prediction needs one target$"),
    (mse, values,    values * nan,          r"MeanSquaredError\(\) is NaN: 0 of 24 predictions and 24 of 24 targets"),
    (mse, values * 1j, values,              r"floating-point dtype .* but got complex64 and float32"),
]
# fmt: on


@pytest.mark.parametrize(("loss", "x", "y", "message"), ERRORS)
@pytest.mark.parametrize("wrap", [np.asarray, tg.Tensor])
def test_what_does_not_fit_is_refused_at_the_call(loss, x, y, message, wrap):
    with pytest.raises((TypeError, ValueError), match=message):
        loss(wrap(x), y)


def test_infinite_predictions_that_make_nan_are_counted():
    with (
        np.errstate(invalid="ignore"),
        pytest.raises(
            ValueError, match="1 of 2 predictions and 1 of 2 targets are NaN or infinite"
        ),
    ):
        mse(np.array([inf, 0]), np.array([inf, 0]))


def test_targets_that_would_lose_a_gradient_are_refused():
    y = tg.Tensor(values, requires_grad=True)
    with pytest.raises(TypeError, match=r"use \.detach\(\)"):
        mse(z, y)
    assert mse(z, y.detach()).item() == mse(z, values).item()
