"""The engine and the modules against the gradients derived by hand, on the same numbers.

The hand-derived side always computes in float64, so float32 is measured against the truth.
"""

import os
from dataclasses import replace

import numpy as np
import pytest

import nn
import tensorgrad as tg
from tests.examples import hand_derived as hand
from tests.examples.hand_derived import Network, Result, network_gradients, relative_error

LIMITS = {np.float32: 1e-5, np.float64: 1e-12}  # of the relative error of a gradient
NEAR = 1e-5  # to a kink: float32 may round to its other side

SEEDS = [
    seed
    for seed in range(150)
    if hand.distance_to_kink(*hand.random_network(np.random.default_rng(seed), np.float32)) > NEAR
]


def cast(network: Network, dtype: type[np.floating]) -> Network:
    """Cast all arrays of a network to `dtype`, except class indices."""
    layers = [
        replace(layer, **{k: v.astype(dtype) for k, v in vars(layer).items() if np.ndim(v)})
        if vars(layer)
        else layer
        for layer in network.layers
    ]
    y = network.y if network.y.ndim == 1 else network.y.astype(dtype)
    return Network(layers, network.loss, network.X.astype(dtype), y)


def assert_same(found: Result, network: Network) -> None:
    """Assert that every loss and gradient is the one derived by hand."""
    dtype = network.X.dtype
    limit = LIMITS[dtype.type]
    expected = network_gradients(*cast(network, np.float64))
    assert found[:3] == pytest.approx(expected[:3], rel=limit, abs=limit)
    for i, (ours, truth) in enumerate(zip(found.gradients, expected.gradients, strict=True)):
        for letter, g in ours.items():
            assert g.dtype == dtype
            error = relative_error(g, truth[letter])
            assert error < limit, f"layer {i}, d{letter}: relative error {error:.1e}"


# The engine: each layer and loss in its own ops

# fmt: off
OPS = {  # layer -> its output
    hand.Dense:     lambda layer, x, W, b: tg.linear(x, W, b),
    hand.Dropout:   lambda layer, x: x * layer.mask,
    hand.Linear:    lambda layer, x: x * 1,
    hand.ReLU:      lambda layer, x: tg.relu(x),
    hand.LeakyReLU: lambda layer, x: np.where(x > 0, x, layer.alpha * x),
    hand.Sigmoid:   lambda layer, x: tg.sigmoid(x),
    hand.Tanh:      lambda layer, x: np.tanh(x),
    hand.Softmax:   lambda layer, x: tg.softmax(x),
}
LOSS_OPS = {  # loss -> its value
    hand.CategoricalCrossentropy:        lambda p, y: -np.sum(rows(y, p) * np.log(p)) / len(y),
    hand.BinaryCrossentropy:             lambda p, y: -np.mean(np.log(np.where(y == 1, p, 1 - p))),
    hand.MeanSquaredError:               lambda p, y: np.mean((p - y) ** 2),
    hand.MeanAbsoluteError:              lambda p, y: np.mean(np.abs(p - y)),
    hand.SoftmaxCategoricalCrossentropy: lambda z, y: tg.softmax_cross_entropy(z, classes(y)),
    hand.SigmoidBinaryCrossentropy:      lambda z, y: np.mean(np.logaddexp(0, z) - y * z),
}
# fmt: on


def rows(y: np.ndarray, p: tg.Tensor) -> np.ndarray:
    return hand.one_hot(y, p.data)


def classes(y: np.ndarray) -> np.ndarray:
    return y if y.ndim == 1 else y.argmax(axis=1)


def penalty(layer: hand.Dense, W: tg.Tensor, b: tg.Tensor) -> tg.Tensor:
    return (
        layer.weight_regularizer_l1 * np.sum(np.abs(W))
        + layer.weight_regularizer_l2 * np.sum(W**2)
        + layer.bias_regularizer_l1 * np.sum(np.abs(b))
        + layer.bias_regularizer_l2 * np.sum(b**2)
    )


def through_ops(network: Network) -> Result:
    """Return the gradient of every parameter and of the input of every layer, by the engine alone."""
    recorded = []  # of each layer: its input and its parameters
    regularization_loss = tg.Tensor(network.X.dtype.type(0))
    x = tg.Tensor(network.X, requires_grad=True)
    for layer in network.layers:
        x.retain_grad()
        arrays = {letter: w for letter, w in vars(layer).items() if letter in ("W", "b")}
        parameters = {k: tg.Tensor(w, requires_grad=True) for k, w in arrays.items()}
        recorded.append({"x": x, **parameters})
        x = OPS[type(layer)](layer, x, **parameters)
        if parameters:
            regularization_loss = regularization_loss + penalty(layer, **parameters)
    data_loss = LOSS_OPS[type(network.loss)](x, network.y)
    loss = data_loss + regularization_loss
    loss.backward()
    gradients = [{letter: t.grad.data for letter, t in tensors.items()} for tensors in recorded]
    return Result(loss.item(), data_loss.item(), regularization_loss.item(), gradients)


# The modules: the same networks as a newcomer writes them


class GivenDropout(nn.Module):
    """Dropout whose mask is known, so that its gradient is."""

    def __init__(self, mask: np.ndarray) -> None:
        super().__init__()
        self.mask = mask

    def forward(self, x: tg.Tensor) -> tg.Tensor:
        return x * self.mask


def dense(layer: hand.Dense) -> nn.Dense:
    """Return the same layer as a module, in the dtype of its W."""
    penalties = {k: v for k, v in vars(layer).items() if k not in ("W", "b")}
    module = nn.Dense(*layer.W.shape, **penalties)
    module.weights = tg.Tensor(layer.W, requires_grad=True)
    module.biases = tg.Tensor(layer.b.reshape(module.biases.shape), requires_grad=True)
    return module


# fmt: off
MODULES = {
    hand.Dense:     dense,
    hand.Dropout:   lambda layer: GivenDropout(layer.mask),
    hand.Linear:    lambda _layer: nn.Linear(),
    hand.ReLU:      lambda _layer: nn.ReLU(),
    hand.LeakyReLU: lambda layer: nn.LeakyReLU(layer.alpha),
    hand.Sigmoid:   lambda _layer: nn.Sigmoid(),
    hand.Tanh:      lambda _layer: nn.Tanh(),
    hand.Softmax:   lambda _layer: nn.Softmax(),
}
LOSS_MODULES = {  # loss -> the activation that it contains, the loss
    hand.CategoricalCrossentropy:        ([],             nn.CategoricalCrossentropy()),
    hand.BinaryCrossentropy:             ([],             nn.BinaryCrossentropy()),
    hand.MeanSquaredError:               ([],             nn.MeanSquaredError()),
    hand.MeanAbsoluteError:              ([],             nn.MeanAbsoluteError()),
    hand.SoftmaxCategoricalCrossentropy: ([nn.Softmax()], nn.CategoricalCrossentropy()),
    hand.SigmoidBinaryCrossentropy:      ([nn.Sigmoid()], nn.BinaryCrossentropy()),
}
# fmt: on


def through_modules(network: Network) -> Result:
    """Return the gradient of every parameter and of the input of the network, by `nn`."""
    modules = [MODULES[type(layer)](layer) for layer in network.layers]
    head, loss_function = LOSS_MODULES[type(network.loss)]
    net = nn.Sequential(*modules, *head)
    X = tg.Tensor(network.X, requires_grad=True)
    data_loss = loss_function(net(X), network.y)
    regularization_loss = loss_function.regularization_loss(net)
    loss = data_loss + regularization_loss
    loss.backward()
    gradients = [
        {"W": m.weights.grad.data, "b": m.biases.grad.data.reshape(-1)}
        if isinstance(m, nn.Dense)
        else {}
        for m in modules
    ]
    gradients[0]["x"] = X.grad.data
    return Result(loss.item(), data_loss.item(), regularization_loss.item(), gradients)


# The comparison

both_ways = pytest.mark.parametrize("through", [through_ops, through_modules])
both_dtypes = pytest.mark.parametrize("dtype", LIMITS)


@pytest.mark.parametrize("seed", SEEDS)
@both_dtypes
@both_ways
def test_random_network(through, dtype, seed):
    network = cast(hand.random_network(np.random.default_rng(seed), np.float32), dtype)
    assert_same(through(network), network)


@pytest.fixture(scope="module")
def fashion_network() -> Network:
    """Make 784-128-128-10 with the book's first weights and penalties, on 128 images.

    The images are real where TENSORGRAD_DATA says where they are, and noise elsewhere.
    """
    if "TENSORGRAD_DATA" in os.environ:
        data = nn.datasets.fashion_mnist()
        pixels, y = data.X_train[:128], data.y_train[:128]
    else:
        rng = np.random.default_rng(0)
        pixels, y = rng.integers(256, size=(128, 28, 28)), rng.integers(10, size=128)
    X = (pixels.reshape(128, 784) / 127.5 - 1).astype(np.float32)
    networks = (dense_network(X, y, np.random.default_rng(seed)) for seed in range(20))
    return next(network for network in networks if hand.distance_to_kink(*network) > 1e-6)


def dense_network(X: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> Network:
    layers: list[hand.Layer] = []
    for D, H in [(784, 128), (128, 128), (128, 10)]:
        W = 0.01 * rng.standard_normal((D, H), dtype=np.float32)
        b = np.zeros(H, np.float32)
        layers += [hand.Dense(W, b, weight_regularizer_l2=5e-4, bias_regularizer_l2=5e-4)]
        layers += [hand.ReLU()]
    return Network(layers[:-1], hand.SoftmaxCategoricalCrossentropy(), X, y)


@both_dtypes
@both_ways
def test_fashion_mnist_network(through, dtype, fashion_network):
    network = cast(fashion_network, dtype)
    assert_same(through(network), network)


def test_a_wrong_gradient_is_rejected():
    network = hand.random_network(np.random.default_rng(0), np.float32)
    right = network_gradients(*network)
    assert_same(right, network)
    wrong = [{letter: g * np.float32(1.0001) for letter, g in d.items()} for d in right.gradients]
    with pytest.raises(AssertionError, match=r"layer 0, dx: relative error 1\.0e-04"):
        assert_same(right._replace(gradients=wrong), network)
