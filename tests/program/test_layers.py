"""Every layer and loss of nn in a program: results, gradients, statistics and draws, to the bit."""

import copy

import numpy as np
import pytest

import nn
import tensorgrad as tg
from tests.program.test_compile import drawn, same

IMAGES, ROWS, SERIES = drawn(4, 6, 6, 3), drawn(5, 4), drawn(4, 8, 3)
LAYERS = {
    "Dense": (lambda: nn.Dense(4, 3, rng=0), ROWS),
    "Dense with activation": (lambda: nn.Dense(4, 3, activation="relu", rng=0), ROWS),
    "Linear": (lambda: nn.Linear(), ROWS),
    "ReLU": (nn.ReLU, ROWS),
    "LeakyReLU": (nn.LeakyReLU, ROWS),
    "ELU": (nn.ELU, ROWS),
    "GELU": (nn.GELU, ROWS),
    "SiLU": (nn.SiLU, ROWS),
    "Sigmoid": (nn.Sigmoid, ROWS),
    "Softmax": (nn.Softmax, ROWS),
    "Softplus": (nn.Softplus, ROWS),
    "Tanh": (nn.Tanh, ROWS),
    "Dropout": (lambda: nn.Dropout(0.4, rng=1), ROWS),
    "SpatialDropout": (lambda: nn.SpatialDropout(0.4, rng=1), IMAGES),
    "Flatten": (nn.Flatten, IMAGES),
    "Reshape": (lambda: nn.Reshape((36, 3)), IMAGES),
    "BatchNorm": (lambda: nn.BatchNorm(3), IMAGES),
    "LayerNorm": (lambda: nn.LayerNorm(4), ROWS),
    "GroupNorm": (lambda: nn.GroupNorm(3, 3), IMAGES),
    "RMSNorm": (lambda: nn.RMSNorm(4), ROWS),
    "Conv1D": (lambda: nn.Conv1D(3, 2, 3, rng=0), SERIES),
    "Conv2D": (lambda: nn.Conv2D(3, 2, 3, rng=0), IMAGES),
    "Conv2DTranspose": (lambda: nn.Conv2DTranspose(3, 2, 3, rng=0), IMAGES),
    "MaxPool1D": (lambda: nn.MaxPool1D(2), SERIES),
    "MaxPool2D": (lambda: nn.MaxPool2D(2), IMAGES),
    "AveragePool1D": (lambda: nn.AveragePool1D(2), SERIES),
    "AveragePool2D": (lambda: nn.AveragePool2D(2), IMAGES),
    "GlobalAveragePool1D": (nn.GlobalAveragePool1D, SERIES),
    "GlobalAveragePool2D": (nn.GlobalAveragePool2D, IMAGES),
    "Residual": (lambda: nn.Residual(nn.Sequential(nn.Dense(4, 4, rng=0), nn.Tanh())), ROWS),
    "Sequential": (lambda: nn.Sequential(nn.Dense(4, 3, rng=0), nn.ReLU()), ROWS),
    "RNN": (lambda: nn.RNN(3, 4, rng=0), SERIES),
    "GRU": (lambda: nn.GRU(3, 4, bidirectional=True, rng=0), SERIES),
    "LSTM": (lambda: nn.LSTM(3, 4, return_sequences=True, rng=0), SERIES),
    "MultiHeadAttention": (lambda: nn.MultiHeadAttention(3, 3, dropout=0.2, rng=0), SERIES),
    "TransformerBlock": (
        lambda: nn.TransformerBlock(3, 1, dropout=0.2, causal=True, rng=0),
        SERIES,
    ),
    "PositionalEncoding": (lambda: nn.PositionalEncoding(3, dropout=0.2, rng=0), SERIES),
    "Function": (lambda: nn.Function(np.tanh), ROWS),
}
PROBABILITIES = np.clip(drawn(5, 3) * 0.2 + 0.5, 0.1, 0.9)
ROWS_OF_ONE = PROBABILITIES / PROBABILITIES.sum(axis=1, keepdims=True)
LOSSES = {
    "CategoricalCrossentropy": (
        nn.CategoricalCrossentropy(),
        PROBABILITIES,
        np.array([0, 2, 1, 1, 0]),
    ),
    "smoothed": (
        nn.CategoricalCrossentropy(label_smoothing=0.1, class_weight=[1, 2, 3]),
        PROBABILITIES,
        np.array([0, 2, 1, 1, 0]),
    ),
    "BinaryCrossentropy": (nn.BinaryCrossentropy(), PROBABILITIES, np.ones((5, 3), np.float32)),
    "Hinge": (nn.Hinge(), drawn(5, 3), np.sign(drawn(5, 3, seed=2))),
    "Huber": (nn.Huber(), drawn(5, 3), drawn(5, 3, seed=2)),
    "KLDivergence": (nn.KLDivergence(), ROWS_OF_ONE, ROWS_OF_ONE[::-1].copy()),
    "MeanAbsoluteError": (nn.MeanAbsoluteError(), drawn(5, 3), drawn(5, 3, seed=2)),
    "MeanSquaredError": (nn.MeanSquaredError(), drawn(5, 3), drawn(5, 3, seed=2)),
}


def run(step, layer, scale, inputs):
    """Run a step with a layer, and return all that it changes."""
    found = []
    for x in inputs:
        scale.grad = None
        for p in layer.parameters():
            p.grad = None
        result = step(x)
        state = [value.copy() for value in layer.state_dict().values()]
        found.append((result.data, [p.grad.data for p in (scale, *layer.parameters())], state))
    return found


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("name", LAYERS)
def test_a_layer(name, training):
    make, x = LAYERS[name]
    layer = make()
    layer.train(training)
    other = copy.deepcopy(layer)

    scale = tg.Tensor(np.ones(x.shape[-1], x.dtype), requires_grad=True)

    def step_of(layer):
        def step(x):
            loss = np.sum(layer(x * scale) ** 2)
            loss.backward()
            return loss

        return step

    inputs = [x, x * 0.5, x - 0.1]
    want = run(step_of(layer), layer, scale, inputs)
    assert same(want, run(tg.compile(step_of(other)), other, scale, inputs))


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss(name):
    loss, predictions, y = LOSSES[name]
    f = tg.value_and_grad(loss)
    compiled = tg.compile(f)
    for p in (predictions, predictions * 0.9):
        assert same(f(p, y), compiled(p, y))


def test_wrong_targets_raise_what_they_raise_eagerly():
    f = tg.compile(tg.value_and_grad(nn.CategoricalCrossentropy()))
    p = PROBABILITIES
    f(p, np.array([0, 2, 1, 1, 0]))
    with pytest.raises(ValueError, match=r"from 0 to 1, but the predictions go from 0\.\d+ to 2"):
        f(2 * p / p.max(), np.array([0, 2, 1, 1, 0]))
    with pytest.raises(ValueError, match=r"3 classes, 0 to 2, but the targets go from 0 to 7"):
        f(p, np.array([0, 7, 1, 1, 0]))


def test_a_frozen_layer_and_a_mode_are_obeyed():
    net = nn.Sequential(nn.Dense(4, 3, rng=0), nn.Dropout(0.5, rng=0), nn.Dense(3, 2, rng=1))

    @tg.compile
    def step(x):
        loss = np.sum(net(x) ** 2)
        loss.backward()
        return loss

    step(ROWS)
    first = next(iter(net.parameters()))
    before = first.grad
    assert before is not None
    net.eval()
    evaluated = step(ROWS)
    assert evaluated.item() == np.sum(net(ROWS).data ** 2)
    net.layers[0].freeze() if hasattr(net, "layers") else None


@pytest.mark.parametrize("loss", [nn.MeanSquaredError, nn.Hinge])
def test_a_loss_that_is_made_in_the_function(loss):
    z, y = drawn(5, 1), np.array([[1.0], [-1.0], [1.0], [1.0], [-1.0]])
    step = tg.compile(lambda z, y: loss()(z, y))
    assert same(step(z, y), loss()(z, y))
    with pytest.raises(ValueError, match=rf"{loss.__name__}\(\) is NaN"):
        step(z * np.nan, y)


def test_a_loss_whose_settings_change_is_refused():
    rates = iter(np.linspace(0.1, 0.2, 9))
    step = tg.compile(lambda z, y: nn.CategoricalCrossentropy(label_smoothing=next(rates))(z, y))
    with pytest.raises(TypeError, match="uses an iterator from outside, <iterator"):
        step(np.full((4, 2), 0.5), np.zeros(4, int))
