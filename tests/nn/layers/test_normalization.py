"""Normalizations as layers: against PyTorch and differences, in training and evaluation, and their errors."""

import numpy as np
import pytest

import nn
import tensorgrad as tg
from tests.nn.layers.test_convolution import (
    assert_close,
    channels_first,
    normal,
    values_and_gradients,
)

SHAPES = [(6, 4), (1, 4), (3, 5, 4), (2, 3, 5, 4), (1, 1, 3, 4)]
# fmt: off
LAYERS = [  # ours, PyTorch's with channels first, or last if True
    (lambda **kw: nn.BatchNorm(4, **kw),            lambda torch, **kw: torch.nn.BatchNorm1d(4, **kw),           False),
    (lambda **kw: nn.LayerNorm(4, **kw),            lambda torch, **kw: torch.nn.LayerNorm(4, **kw),             True),
    (lambda **kw: nn.LayerNorm(4, bias=False, **kw), lambda torch, **kw: torch.nn.LayerNorm(4, bias=False, **kw), True),
    (lambda **kw: nn.GroupNorm(2, 4, **kw),         lambda torch, **kw: torch.nn.GroupNorm(2, 4, **kw),          False),
    (lambda **kw: nn.GroupNorm(4, 4, **kw),         lambda torch, **kw: torch.nn.GroupNorm(4, 4, **kw),          False),
    (lambda **kw: nn.RMSNorm(4, **kw),              lambda torch, **kw: torch.nn.RMSNorm(4, eps=1e-5, **kw),     True),
]
# fmt: on
every_layer = pytest.mark.parametrize(("ours", "theirs", "last"), LAYERS)


def pair(ours, theirs, dtype):
    """Return a layer and its counterpart with the same parameters, which are not those of the start."""
    torch = pytest.importorskip("torch")
    layer, twin = ours(dtype=dtype), theirs(torch, dtype=getattr(torch, np.dtype(dtype).name))
    for p, q in zip(layer.parameters(), twin.parameters(), strict=True):
        p.data += normal(*p.shape, dtype=dtype)
        with torch.no_grad():
            q.copy_(torch.tensor(p.data))
    return layer, twin


def outputs_of(twin, x, weights, last):
    """Return the output of PyTorch's layer and all gradients, channels last."""
    import torch

    shape = x.shape
    given = x if last else channels_first(x.reshape(len(x), -1, shape[-1]) if x.ndim > 2 else x)
    t = torch.tensor(given, requires_grad=True)
    out = twin(t)
    turned = (
        weights
        if last
        else channels_first(weights.reshape(len(x), -1, shape[-1]) if x.ndim > 2 else weights)
    )
    out.backward(torch.tensor(turned))
    arrays = (out.detach().numpy(), t.grad.numpy())
    arrays = arrays if last else tuple(np.moveaxis(a, 1, -1).reshape(shape) for a in arrays)
    return [*arrays, *(q.grad.numpy() for q in twin.parameters())]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", SHAPES)
@every_layer
def test_it_is_torchs(ours, theirs, last, shape, dtype):
    layer, twin = pair(ours, theirs, dtype)
    if shape == (1, 4) and not last:
        pytest.skip("PyTorch refuses a single number per channel")
    x = normal(*shape, dtype=dtype)
    out, grads, weights = values_and_gradients(layer, x)
    for found, expected in zip((out, *grads), outputs_of(twin, x, weights, last), strict=True):
        assert_close(found, expected, dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_running_statistics_and_evaluation_are_torchs(dtype):
    layer, twin = pair(*LAYERS[0][:2], dtype)
    for n in (3, 5, 1):
        x = normal(n, 7, 4, dtype=dtype) * 3 + 1
        values_and_gradients(layer, x)
        outputs_of(twin, x, x, False)
    assert_close(layer.running_mean, twin.running_mean.numpy(), dtype)
    assert_close(layer.running_variance, twin.running_var.numpy(), dtype)
    layer.eval()
    twin.eval()
    t = tg.Tensor(x, requires_grad=True)
    out = layer(t)
    layer.zero_grad()
    out.backward(x)
    for q in twin.parameters():
        q.grad = None
    found = (out.data, t.grad.data, *(p.grad.data for p in layer.parameters()))
    for ours, theirs in zip(found, outputs_of(twin, x, x, False), strict=True):
        assert_close(ours, theirs, dtype)
    assert_close(layer.running_mean, twin.running_mean.numpy(), dtype)


def test_evaluation_does_not_depend_on_the_batch():
    layer, x = nn.BatchNorm(3), normal(20, 3, dtype=np.float32)
    layer(x)
    layer.eval()
    np.testing.assert_array_equal(layer(x[:1]).data, layer(x).data[:1])


def test_momentum_is_the_share_of_the_old_mean():
    layer, x = nn.BatchNorm(2, momentum=0.75), np.full((3, 2), 4, np.float32)
    layer(x)
    assert layer.running_mean.tolist() == [1, 1]
    assert layer.running_variance.tolist() == [0.75, 0.75]


def test_a_single_number_per_channel_is_refused_in_training():
    layer = nn.BatchNorm(3)
    words = (
        r"BatchNorm\(3\) needs several numbers per feature .* got shape \(1, 3\); give it batches"
    )
    with pytest.raises(ValueError, match=words):
        layer(np.ones((1, 3)))
    assert not layer.running_mean.any()
    assert layer(np.ones((1, 2, 3))).shape == (1, 2, 3)
    layer.eval()
    assert layer(np.ones((1, 3))).shape == (1, 3)


def test_a_last_batch_of_one_sample_is_refused_before_the_training():
    model = nn.Model(nn.Sequential(nn.Dense(3, 3, rng=0), nn.BatchNorm(3), nn.Dropout(0.5, rng=0)))
    model.set(loss=nn.MeanSquaredError(), optimizer=nn.SGD(learning_rate=0.1))
    X = normal(9, 3)
    before, words = model.module.state_dict(), r"last of 3 batches has a single one of 9 samples: B"
    state = repr(model.module[2].rng.bit_generator.state)
    with pytest.raises(
        ValueError, match=words + r".*; give another batch_size than 4, or leave out"
    ):
        model.train(X, X, batch_size=4, print_every=0)
    for name, array in model.module.state_dict().items():
        np.testing.assert_array_equal(array, before[name])
    assert repr(model.module[2].rng.bit_generator.state) == state
    with pytest.raises(ValueError, match="give another batch_size than 1"):
        model.train(X, X, batch_size=1, print_every=0)
    for size in (3, 5, 9):
        model.train(X, X, batch_size=size, print_every=0)
    assert model.predict(X[:1]).shape == (1, 3)
    with pytest.raises(ValueError, match="needs several numbers per feature in training"):
        model.train([(X, X), (X[:1], X[:1])], print_every=0)
    pictures = nn.Model(nn.Sequential(nn.BatchNorm(3)))
    pictures.set(loss=nn.MeanSquaredError(), optimizer=nn.SGD(learning_rate=0.1))
    P = normal(3, 2, 2, 3)
    pictures.train(P, P, batch_size=2, print_every=0)


def test_a_large_mean_costs_no_digits():
    """E[x²] - E[x]² in float32 would be NaN or off by far: 1,000² has 7 digits, the variance has its own."""
    x = (normal(64, 14, 14, 3) + 1000).astype(np.float32)
    exact = x.astype(np.float64)
    exact = (exact - exact.mean((0, 1, 2))) / np.sqrt(exact.var((0, 1, 2)) + 1e-5)
    np.testing.assert_allclose(nn.BatchNorm(3)(x).data, exact, atol=2e-4)
    moments = tg.channel_moments(x)
    np.testing.assert_allclose(moments[1], x.astype(np.float64).var((0, 1, 2)), rtol=1e-5)


def test_equal_numbers_have_finite_gradients():
    layer = nn.BatchNorm(2, dtype=np.float64)
    out, grads, _ = values_and_gradients(layer, np.full((4, 2), 3.0))
    assert not out.any()
    assert all(np.isfinite(g).all() for g in grads)


@pytest.mark.parametrize("shape", [(700, 3), (2, 500, 1, 16), (33, 31, 5)])
def test_blocks_of_long_rows_are_right(shape, monkeypatch):
    """Numbers of rows that 1,024 does not divide, in many blocks."""
    x, C = normal(*shape), shape[-1]
    layer = nn.BatchNorm(C, dtype=np.float64)
    with monkeypatch.context() as patch:
        patch.setattr("tensorgrad.ops.channels.ROW_BYTES", 10_000)
        out, grads, weights = values_and_gradients(layer, x)
    axes = tuple(range(x.ndim - 1))
    normalized = (x - x.mean(axes)) / np.sqrt(x.var(axes) + 1e-5)
    np.testing.assert_allclose(out, normalized, atol=1e-12)
    np.testing.assert_allclose(grads[1], np.sum(weights * normalized, axes), atol=1e-10)
    np.testing.assert_allclose(grads[2], np.sum(weights, axes), atol=1e-10)
    again = (
        weights - weights.mean(axes) - normalized * np.mean(weights * normalized, axes)
    ) / np.sqrt(x.var(axes) + 1e-5)
    np.testing.assert_allclose(grads[0], again, atol=1e-12)


@pytest.mark.parametrize("training", [True, False])
@every_layer
def test_two_derivatives_agree_with_differences(ours, theirs, last, training):
    layer = ours(dtype=np.float64)
    layer(normal(5, 4))  # statistics that are not those of the start
    layer.train(training)
    names = [name for name, _ in layer.named_parameters()]

    def f(x, *arrays):
        for name, array in zip(names, arrays, strict=True):
            object.__setattr__(layer, name, array)
        return layer(x)

    tg.check_grads(f, normal(2, 3, 4), *(normal(4) + 1 for _ in names), order=2)


@every_layer
def test_integers_are_converted_and_an_empty_batch_is_right_or_refused(ours, theirs, last):
    layer = ours()
    assert layer(np.arange(8).reshape(2, 4)).dtype == np.float32
    empty = np.ones((0, 4), np.float32)
    if isinstance(layer, nn.BatchNorm):
        with pytest.raises(
            ValueError, match=r"an array of shape \(0, 4\) has no mean and variance"
        ):
            layer(empty)
        layer.eval()
    assert layer(empty).shape == (0, 4)


# fmt: off
WRONG = [
    (lambda: nn.BatchNorm(0),                 "n_features of BatchNorm must be an integer of at least 1, not 0"),
    (lambda: nn.BatchNorm(3, momentum=1.5),   r"must be between 0 and 1, not 1\.5"),
    (lambda: nn.LayerNorm(3, epsilon=0),      "epsilon of LayerNorm prevents a division by 0 and must be above 0, not 0"),
    (lambda: nn.GroupNorm(3, 4),              "n_groups of GroupNorm must divide n_features, but 3 does not divide 4"),
    (lambda: nn.RMSNorm(3)(normal(2, 4)),     r"RMSNorm\(3\) takes 3 features along the last axis, but got .* shape \(2, 4\)"),
    (lambda: nn.BatchNorm(1)(np.float32(3)),  r"takes 1 features .* shape \(\)"),
    (lambda: tg.batch_norm(normal(2, 3), normal(2), normal(3), None), r"take vectors of shape \(3,\), .* not of shape \(2,\)"),
]
# fmt: on


@pytest.mark.parametrize(("call", "message"), WRONG)
def test_wrong_settings_and_inputs(call, message):
    with pytest.raises(ValueError, match=message):
        call()
