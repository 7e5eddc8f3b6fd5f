"""The hand-derived gradients themselves, against finite differences: NumPy alone, no tensorgrad."""

from collections.abc import Callable
from dataclasses import replace

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import assume, given, settings

from tests.examples import hand_derived as hand
from tests.examples.hand_derived import away_from_zero, network_gradients, relative_error

many = settings(max_examples=25, deadline=None, derandomize=True)
rngs = st.integers(0, 2**32 - 1).map(np.random.default_rng)
sizes = st.integers(1, 5)


def differences(f: Callable[[np.ndarray], float], x: np.ndarray, h: float = 1e-4) -> np.ndarray:
    """df/dx by central differences of fourth order: the error is h^4, so h may be large."""
    gradient = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[i] = h
        near = f(x + step) - f(x - step)
        far = f(x + 2 * step) - f(x - 2 * step)
        gradient[i] = (8 * near - far) / (12 * h)
    return gradient


def assert_gradient(found: np.ndarray, f: Callable[[np.ndarray], float], x: np.ndarray) -> None:
    error = relative_error(found, differences(f, x))
    assert error < 1e-6, f"relative error {error:.1e}"


# Each layer and loss against differences

ACTIVATIONS = [
    hand.Linear(),
    hand.ReLU(),
    hand.LeakyReLU(0.1),
    hand.Sigmoid(),
    hand.Tanh(),
    hand.Softmax(),
]


@pytest.mark.parametrize("layer", ACTIVATIONS, ids=lambda layer: type(layer).__name__)
@many
@given(rng=rngs, N=sizes, D=sizes)
def test_activation(layer, rng, N, D):
    x, g = away_from_zero(2 * rng.normal(size=(N, D))), rng.normal(size=(N, D))
    assert_gradient(layer.backward(g, x)["x"], lambda x: np.sum(g * layer.forward(x)), x)


@many
@given(rng=rngs, D=sizes)
def test_softmax_jacobian(rng, D):
    x, softmax = rng.normal(size=(1, D)), hand.Softmax()
    for i, dp_i in enumerate(softmax.jacobian(x)[0]):
        assert_gradient(dp_i[None], lambda x, i=i: softmax.forward(x)[0, i], x)


@many
@given(rng=rngs, N=sizes, D=sizes)
def test_dropout(rng, N, D):
    layer = hand.Dropout(rng.choice([0, 1.25], size=(N, D)))
    x, g = rng.normal(size=(N, D)), rng.normal(size=(N, D))
    assert_gradient(layer.backward(g, x)["x"], lambda x: np.sum(g * layer.forward(x)), x)


@many
@given(rng=rngs, N=sizes, D=sizes, H=sizes)
def test_dense(rng, N, D, H):
    W, b = away_from_zero(rng.normal(size=(D, H))), away_from_zero(rng.normal(size=H))
    x, g = rng.normal(size=(N, D)), rng.normal(size=(N, H))
    dense = hand.Dense(W, b, *rng.random(4))

    def f(x, **parameters):
        layer = replace(dense, **parameters)
        return np.sum(g * layer.forward(x)) + layer.regularization()

    gradients = dense.backward(g, x)
    assert_gradient(gradients["x"], f, x)
    assert_gradient(gradients["W"], lambda W: f(x, W=W), W)
    assert_gradient(gradients["b"], lambda b: f(x, b=b), b)


def logits(rng, shape):
    return 3 * rng.normal(size=shape)


def probabilities(rng, shape):
    return rng.uniform(0.05, 0.95, size=shape)


def classes(rng, y_pred):
    return rng.integers(y_pred.shape[1], size=len(y_pred))


def rows(rng, y_pred):
    return np.eye(y_pred.shape[1])[classes(rng, y_pred)]


def bits(rng, y_pred):
    return rng.integers(2, size=y_pred.shape).astype(float)


def near(rng, y_pred):
    return y_pred + away_from_zero(rng.normal(size=y_pred.shape))


# fmt: off
LOSSES = [  # loss, its predictions, its targets
    (hand.CategoricalCrossentropy(),        probabilities, classes),
    (hand.CategoricalCrossentropy(),        probabilities, rows),
    (hand.BinaryCrossentropy(),             probabilities, bits),
    (hand.MeanSquaredError(),               logits,        near),
    (hand.MeanAbsoluteError(),              logits,        near),
    (hand.SoftmaxCategoricalCrossentropy(), logits,        classes),
    (hand.SoftmaxCategoricalCrossentropy(), logits,        rows),
    (hand.SigmoidBinaryCrossentropy(),      logits,        bits),
]
# fmt: on


@pytest.mark.parametrize(
    ("loss", "predictions", "targets"),
    LOSSES,
    ids=lambda v: getattr(v, "__name__", type(v).__name__),
)
@many
@given(rng=rngs, N=sizes, C=sizes)
def test_loss(loss, predictions, targets, rng, N, C):
    y_pred = predictions(rng, (N, C))
    y = targets(rng, y_pred)
    assert_gradient(loss.backward(y_pred, y), lambda y_pred: loss.forward(y_pred, y), y_pred)


# Values that can be checked by eye


def test_the_losses_are_means_over_outputs_and_samples():
    y_pred, y = np.array([[0.5, 0.25, 0.25], [0.5, 0.25, 0.25]]), np.array([[1, 0, 0], [0, 1, 0]])
    # fmt: off
    for loss, expected in [
        (hand.CategoricalCrossentropy(), -np.log(0.5 * 0.25) / 2),
        (hand.BinaryCrossentropy(),      -np.log(0.5 * 0.75 * 0.75 * 0.5 * 0.25 * 0.75) / 6),
        (hand.MeanSquaredError(),        (0.25 + 0.0625 + 0.0625 + 0.25 + 0.5625 + 0.0625) / 6),
        (hand.MeanAbsoluteError(),       (0.5 + 0.25 + 0.25 + 0.5 + 0.75 + 0.25) / 6),
    ]:
        assert loss.forward(y_pred, y) == pytest.approx(expected)
    # fmt: on


def test_the_penalty_of_a_dense_layer():
    dense = hand.Dense(np.array([[1.0, -2.0]]), np.array([3.0, 0.0]), 0.1, 0.01, 0.001, 0.0001)
    assert dense.regularization() == pytest.approx(0.1 * 3 + 0.01 * 5 + 0.001 * 3 + 0.0001 * 9)


def test_gradients_at_the_kinks():
    zero, one = np.zeros((1, 1)), np.ones((1, 1))
    dense = hand.Dense(zero, zero[0], weight_regularizer_l1=1.0, bias_regularizer_l1=1.0)
    assert dense.backward(zero, zero)["W"] == 0
    assert dense.backward(zero, zero)["b"] == 0
    assert hand.ReLU().backward(one, zero)["x"] == 0
    assert hand.LeakyReLU(0.1).backward(one, zero)["x"] == 0.1
    assert hand.MeanAbsoluteError().backward(one, one) == 0


@pytest.mark.parametrize("loss", [hand.CategoricalCrossentropy(), hand.BinaryCrossentropy()])
def test_a_clipped_probability_has_a_finite_loss_and_no_gradient(loss):
    y_pred, y = np.array([[0.0, 1.0], [1.0, 0.0]]), np.array([[1.0, 0.0], [1.0, 0.0]])
    assert loss.forward(y_pred, y) == pytest.approx(-np.log(hand.CLIP) / 2, rel=1e-6)
    assert not loss.backward(y_pred, y).any()


# The fused losses are the unfused ones, without their overflow

FUSED = [  # fused, the activation and the loss that it fuses, targets
    (hand.SoftmaxCategoricalCrossentropy, hand.Softmax, hand.CategoricalCrossentropy, classes),
    (hand.SoftmaxCategoricalCrossentropy, hand.Softmax, hand.CategoricalCrossentropy, rows),
    (hand.SigmoidBinaryCrossentropy, hand.Sigmoid, hand.BinaryCrossentropy, bits),
]


@pytest.mark.parametrize(("fused", "activation", "loss", "targets"), FUSED)
@many
@given(rng=rngs, N=sizes, C=st.integers(2, 5))
def test_fused(fused, activation, loss, targets, rng, N, C):
    z = rng.normal(size=(N, C))
    y = targets(rng, z)
    apart = network_gradients([activation()], loss(), z, y)
    assert fused().forward(z, y) == pytest.approx(apart.loss, rel=1e-12)
    assert relative_error(fused().backward(z, y), apart.gradients[0]["x"]) < 1e-12


def test_fused_losses_do_not_overflow():
    z, y = np.array([[1e4, -1e4]]), np.array([[0.0, 1.0]])
    for fused, loss, gradient in [
        (hand.SoftmaxCategoricalCrossentropy(), 2e4, [[1, -1]]),
        (hand.SigmoidBinaryCrossentropy(), 1e4, [[0.5, -0.5]]),
    ]:
        assert fused.forward(z, y) == loss
        np.testing.assert_array_equal(fused.backward(z, y), gradient)


# Whole networks


@settings(many, max_examples=100)
@given(rng=rngs)
def test_network(rng):
    layers, loss, X, y = hand.random_network(rng, np.float64)
    assume(hand.distance_to_kink(layers, loss, X, y) > 2e-3)
    result = network_gradients(layers, loss, X, y)
    assert result.loss == result.data_loss + result.regularization_loss

    assert_gradient(
        result.gradients[0]["x"], lambda X: network_gradients(layers, loss, X, y).loss, X
    )
    for i, layer in enumerate(layers):
        for letter in sorted({"W", "b"} & vars(layer).keys()):

            def f(w, i=i, layer=layer, letter=letter):
                others = [*layers[:i], replace(layer, **{letter: w}), *layers[i + 1 :]]
                return network_gradients(others, loss, X, y).loss

            assert_gradient(result.gradients[i][letter], f, getattr(layer, letter))


@many
@given(rng=rngs)
def test_float32_stays_float32(rng):
    result = network_gradients(*hand.random_network(rng, np.float32))
    dtypes = {g.dtype for gradients in result.gradients for g in gradients.values()}
    assert dtypes == {np.dtype(np.float32)}


def test_distance_to_kink():
    X, y = np.array([[1.0, -0.25]]), np.array([[1.5, 0.0]])
    relu, mse, mae = hand.ReLU(), hand.MeanSquaredError(), hand.MeanAbsoluteError()
    assert hand.distance_to_kink([hand.Tanh()], mse, X, y) == np.inf
    assert hand.distance_to_kink([relu], mse, X, y) == 0.25
    assert hand.distance_to_kink([relu], mae, X, y) == 0  # relu(-0.25) is the target 0


# The checks can fail


def test_differences_reject_a_wrong_gradient():
    x, y = np.array([[1.0, -2.0]]), np.zeros((1, 2))
    loss = hand.MeanAbsoluteError()
    right = loss.backward(x, y)
    assert_gradient(right, lambda x: loss.forward(x, y), x)
    for wrong in (-right, right * (1 + 1e-5), right * [1, 0]):  # the book's own sign is the first
        with pytest.raises(AssertionError, match="relative error"):
            assert_gradient(wrong, lambda x: loss.forward(x, y), x)


def test_relative_error():
    zeros, ones = np.zeros(3), np.ones(3)
    assert relative_error(np.array([1.0, 2.1]), np.array([1.0, 2.0])) == pytest.approx(0.05)
    assert relative_error(zeros, zeros) == 0
    assert relative_error(ones, zeros) == np.inf
    with pytest.raises(AssertionError, match=r"found \(3,\), expected \(1, 3\)"):
        relative_error(ones, ones[None])


# Optimizers: under a constant gradient g, where each step has a closed form; then PyTorch

# fmt: off
CLOSED_FORMS = [  # optimizer, its keywords, its steps k = 1, 2, ... over its learning rate
    (hand.sgd,     {},                            lambda _k, g: -g),
    (hand.sgd,     {"decay": 0.5},                lambda k, g: -g / (1 + 0.5 * (k - 1))),
    (hand.sgd,     {"momentum": 0.9},             lambda k, g: -g * (1 - 0.9**k) / (1 - 0.9)),
    (hand.adagrad, {"epsilon": 0},                lambda k, g: -np.sign(g) / np.sqrt(k)),
    (hand.adagrad, {"epsilon": 0, "decay": 1},    lambda k, g: -np.sign(g) / np.sqrt(k) / k),
    (hand.rmsprop, {"epsilon": 0},                lambda k, g: -np.sign(g) / np.sqrt(1 - 0.9**k)),
    (hand.rmsprop, {"rho": 0},                    lambda _k, g: -g / (np.abs(g) + 1e-7)),
    (hand.adam,    {},                            lambda _k, g: -g / (np.abs(g) + 1e-7)),
    (hand.adam,    {"epsilon": 1, "beta_1": 0.5}, lambda _k, g: -g / (np.abs(g) + 1)),
]
# fmt: on


@pytest.mark.parametrize(("step", "keywords", "steps"), CLOSED_FORMS)
def test_constant_gradient(step, keywords, steps):
    w, g = np.array([1.0, -1.0]), np.array([0.5, -4.0])
    k = np.arange(1.0, 6)[:, None]  # (5, 1)
    change = hand.LEARNING_RATE[step] * np.broadcast_to(steps(k, g), (5, 2))
    path = hand.optimize(step, w, [g] * 5, **keywords)
    np.testing.assert_allclose(path, w + np.cumsum(change, axis=0), rtol=1e-12)


TORCH = [
    (hand.sgd, {"momentum": 0.9}, "SGD", {"lr": 1, "momentum": 0.9}),
    (hand.adagrad, {"decay": 0.01}, "Adagrad", {"lr": 1, "lr_decay": 0.01, "eps": 1e-7}),
    (hand.rmsprop, {}, "RMSprop", {"lr": 0.001, "alpha": 0.9, "eps": 1e-7}),
    (hand.adam, {}, "Adam", {"lr": 0.001, "betas": (0.9, 0.999), "eps": 1e-7}),
]


@pytest.mark.parametrize(("step", "keywords", "name", "options"), TORCH)
def test_optimizer_against_torch(step, keywords, name, options):
    torch = pytest.importorskip("torch")
    w, *gradients = np.random.default_rng(0).normal(size=(21, 3, 2))
    p = torch.tensor(w)
    optimizer = getattr(torch.optim, name)([p], **options)
    for g, expected in zip(gradients, hand.optimize(step, w, gradients, **keywords), strict=True):
        p.grad = torch.tensor(g)
        optimizer.step()
        np.testing.assert_allclose(p.numpy(), expected, rtol=1e-12)
