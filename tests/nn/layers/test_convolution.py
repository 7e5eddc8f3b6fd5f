"""Convolutions and poolings as layers: against PyTorch, in every setting, and their errors."""

import itertools

import numpy as np
import pytest

import nn
import tensorgrad as tg

RNG = np.random.default_rng(0)


def normal(*shape, dtype=np.float64):
    return RNG.standard_normal(shape).astype(dtype)


def channels_first(x):
    return np.ascontiguousarray(np.moveaxis(x, -1, 1))


def values_and_gradients(layer, x):
    """Return the output, and the gradients of a weighted sum of it by the input and all parameters."""
    layer.train().zero_grad()
    x = tg.Tensor(x, requires_grad=True)
    out = layer(x)
    assert out.dtype == x.dtype
    weights = np.linspace(-1, 1, out.size).reshape(out.shape).astype(x.dtype)
    out.backward(weights)
    grads = [x.grad, *(p.grad for p in layer.parameters())]
    assert all(g.dtype == x.dtype for g in grads)
    return out.data, [g.data for g in grads], weights


def assert_close(found, expected, dtype):
    np.testing.assert_allclose(
        found, expected, rtol=0, atol=(1e-10 if dtype == np.float64 else 1e-4) * max(1, np.abs(expected).max(initial=0))
    )  # fmt: skip


def compare_with_torch(layer, theirs, x, to_ours):
    """Compare the outputs and all gradients; `to_ours` puts weights of PyTorch in our order of axes."""
    torch = pytest.importorskip("torch")
    ours, grads, weights = values_and_gradients(layer, x)
    with torch.no_grad():
        for p, q in zip(layer.parameters(), theirs.parameters(), strict=True):
            q.copy_(torch.tensor(to_theirs(p.data, to_ours)))
    t = torch.tensor(channels_first(x), requires_grad=True)
    out = theirs(t)
    out.backward(torch.tensor(channels_first(weights)))
    assert_close(ours, np.moveaxis(out.detach().numpy(), 1, -1), x.dtype)
    assert_close(grads[0], np.moveaxis(t.grad.numpy(), 1, -1), x.dtype)
    for g, q in zip(grads[1:], theirs.parameters(), strict=True):
        assert_close(to_theirs(g, to_ours), q.grad.numpy(), x.dtype)


def to_theirs(array, to_ours):
    return (
        array if array.ndim == 1 else np.ascontiguousarray(np.transpose(array, np.argsort(to_ours)))
    )


# fmt: off
CONVOLUTIONS = [  # lengths, channels, outputs, settings
    ((9,),   3, 4, {"kernel_size": 3}),
    ((8,),   4, 6, {"kernel_size": 4, "stride": 3, "padding": "valid", "groups": 2}),
    ((7, 6), 1, 4, {"kernel_size": 3}),
    ((7, 6), 3, 2, {"kernel_size": (3, 2), "stride": (2, 1), "padding": "valid", "bias": False}),
    ((7, 6), 4, 4, {"kernel_size": 3, "stride": 2, "padding": 1, "groups": 4}),
    ((8, 9), 2, 4, {"kernel_size": 3, "padding": (2, 1), "dilation": 2, "groups": 2}),
    ((5, 5), 2, 3, {"kernel_size": 1}),
    ((6, 5), 2, 3, {"kernel_size": 5, "padding": 4, "dilation": (1, 2)}),
    ((8,),   4, 2, {"kernel_size": 2, "padding": 4, "groups": 2}),  # more than a kernel reaches
    ((4, 5), 2, 3, {"kernel_size": 2, "padding": 3}),
    ((12, 14), 2, 3, {"kernel_size": (11, 13)}),
    ((16,), 3, 2, {"kernel_size": 13, "padding": "valid"}),
]
# fmt: on


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", [1, 3])
@pytest.mark.parametrize(("lengths", "C", "O", "settings"), CONVOLUTIONS)
def test_a_convolution_is_torchs(lengths, C, O, settings, n, dtype):  # noqa: E741
    torch = pytest.importorskip("torch")
    axes = len(lengths)
    layer = getattr(nn, f"Conv{axes}D")(C, O, **settings, rng=0, dtype=dtype)
    if layer.biases is not None:
        layer.biases.data += normal(O, dtype=dtype)
    theirs = getattr(torch.nn, f"Conv{axes}d")(
        C, O, **({"padding": "same"} | settings), dtype=getattr(torch, np.dtype(dtype).name)
    )
    order = (*range(2, axes + 2), 1, 0)
    compare_with_torch(layer, theirs, normal(n, *lengths, C, dtype=dtype), order)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("stride", "padding", "groups", "dilation", "bias"),
    [(1, "valid", 1, 1, True), (2, 1, 1, 1, True), (3, 0, 2, 1, False), ((2, 1), (1, 2), 2, 2, True)],
)  # fmt: skip
def test_a_transposed_convolution_is_torchs(stride, padding, groups, dilation, bias, dtype):
    torch = pytest.importorskip("torch")
    settings = {"stride": stride, "groups": groups, "dilation": dilation, "bias": bias}
    layer = nn.Conv2DTranspose(4, 6, (3, 4), padding=padding, **settings, rng=0, dtype=dtype)
    pads = 0 if padding == "valid" else padding
    theirs = torch.nn.ConvTranspose2d(
        4, 6, (3, 4), padding=pads, **settings, dtype=getattr(torch, np.dtype(dtype).name)
    )
    compare_with_torch(layer, theirs, normal(2, 5, 4, 4, dtype=dtype), (2, 3, 1, 0))


def test_fourier_transforms_are_as_exact_as_products(monkeypatch):
    x, layer = normal(2, 20, 21, 3), nn.Conv2D(3, 4, 11, dtype=np.float64, rng=0)
    found, grads, _ = values_and_gradients(layer, x)
    single, grads_single, _ = values_and_gradients(nn.Conv2D(3, 4, 11, rng=0), x.astype(np.float32))
    monkeypatch.setattr("tensorgrad.ops.spectral.LEAST", 99)
    exact, expected, _ = values_and_gradients(layer, x)
    for a, b, c in zip((found, *grads), (exact, *expected), (single, *grads_single), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-13 * np.abs(b).max())
        np.testing.assert_allclose(c, b, atol=1e-5 * np.abs(b).max())


def test_a_transposed_convolution_enlarges_by_its_stride():
    layer = nn.Conv2DTranspose(2, 3, 3, stride=2)
    assert layer(normal(1, 4, 5, 2, dtype=np.float32)).shape == (1, 8, 10, 3)
    assert layer.weights.shape == (3, 3, 3, 2)


def test_the_weights_of_a_transposed_convolution_have_the_variance_of_its_inputs():
    layer = nn.Conv2DTranspose(64, 32, 3, groups=2, rng=0)
    assert layer.weights.data.var() == pytest.approx(2 / (9 * 32), rel=0.05)
    assert layer.weights.shape == (3, 3, 16, 64)


def test_a_convolution_with_same_padding_at_a_stride_keeps_every_window():
    """PyTorch has no such padding: ⌈L / stride⌉ windows, as in Keras, with the odd zero at the end."""
    x = np.arange(5.0).reshape(1, 5, 1)
    out = tg.conv(x, np.ones((2, 1, 1)), None, stride=2, padding="same")
    assert out.ravel().tolist() == [1, 5, 4]
    out = tg.conv(x[:, :4], np.ones((3, 1, 1)), None, stride=2, padding="same")
    assert out.ravel().tolist() == [3, 5]


@pytest.mark.parametrize("size", [100, 3000, 1_000_000])
def test_blocks_of_any_size_give_the_same_numbers(size, monkeypatch):
    """In blocks of samples, of rows of a sample, and of everything."""
    layer = nn.Conv2D(3, 4, 3, dtype=np.float64, rng=0)
    strided = nn.Conv2D(3, 4, 3, stride=2, dtype=np.float64, rng=0)
    x = normal(5, 9, 8, 3)
    for module in (layer, strided, nn.MaxPool2D(2), nn.AveragePool2D(3, stride=1)):
        expected, grads, _ = values_and_gradients(module, x)
        with monkeypatch.context() as patch:
            patch.setattr("tensorgrad.ops.convolution.COLUMN_BYTES", size)
            patch.setattr("tensorgrad.ops.pooling.POOL_BYTES", size)
            found, again, _ = values_and_gradients(module, x)
        for a, b in zip((found, *again), (expected, *grads), strict=True):
            np.testing.assert_allclose(a, b, atol=1e-13)


# fmt: off
POOLINGS = [  # lengths, settings of PyTorch
    ((8,),   {"kernel_size": 2}),
    ((9,),   {"kernel_size": 3, "stride": 2, "padding": 1}),
    ((6, 8), {"kernel_size": 2}),
    ((7, 9), {"kernel_size": 2}),
    ((7, 8), {"kernel_size": (3, 2), "stride": (2, 1)}),
    ((7, 8), {"kernel_size": 3, "stride": 1, "padding": 1}),
    ((5, 5), {"kernel_size": 2, "stride": 3}),
]
# fmt: on


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("lengths", "settings"), POOLINGS)
@pytest.mark.parametrize("kind", ["Max", "Average"])
def test_a_pooling_is_torchs(kind, lengths, settings, dtype):
    torch = pytest.importorskip("torch")
    axes = len(lengths)
    ours = {("size" if name == "kernel_size" else name): v for name, v in settings.items()}
    layer = getattr(nn, f"{kind}Pool{axes}D")(**ours)
    if kind == "Average":
        settings = settings | {"count_include_pad": False}
    theirs = getattr(torch.nn, f"{kind[:3].replace('Ave', 'Avg')}Pool{axes}d")(**settings)
    for n in (1, 3):
        compare_with_torch(layer, theirs, normal(n, *lengths, 2, dtype=dtype), ())


def test_pixels_that_tie_for_the_maximum_share_its_gradient():
    x = tg.Tensor(np.array([[2.0, 2, 0], [1, 2, 5]]).reshape(1, 2, 3, 1), requires_grad=True)
    tg.max_pool(x, 2).backward([[[[6.0]]]])
    assert x.grad.data.reshape(2, 3).tolist() == [[2, 2, 0], [0, 2, 0]]
    x.zero_grad()
    tg.max_pool(x, 2, stride=1).backward([[[[6.0], [1.0]]]])
    assert x.grad.data.reshape(2, 3).tolist() == [[2, 2, 0], [0, 2, 1]]


@pytest.mark.parametrize("layer", [nn.MaxPool2D(2), nn.MaxPool2D(3, padding=1)], ids=repr)
def test_the_maximum_of_a_mask_is_true_where_one_pixel_is(layer):
    mask = np.random.default_rng(0).normal(size=(2, 4, 4, 1)) > 1
    found = layer(mask)
    assert found.dtype == bool
    np.testing.assert_array_equal(found, layer(mask.astype(np.float32)) == 1)
    with pytest.raises(TypeError, match=r"max_pool takes real numbers, but got .* complex64"):
        layer(mask.astype(np.complex64))


@pytest.mark.parametrize("layer", [nn.MaxPool2D(2), nn.MaxPool2D(2, stride=1)], ids=repr)
def test_nan_is_the_maximum_of_its_window(layer):
    array = normal(1, 4, 4, 1)
    array[0, 0, 0] = np.nan
    x = tg.Tensor(array, requires_grad=True)
    out = layer(x)
    assert np.isnan(out.data).sum() == 1
    np.sum(out).backward()
    assert x.grad.data[0, 0, 0, 0] == 1
    assert np.isfinite(x.grad.data).all()


def test_padding_is_never_the_maximum_and_does_not_count_in_a_mean():
    x = np.full((1, 3, 3, 1), -2.0)
    for pool in (nn.MaxPool2D(3, stride=1, padding="same"), nn.AveragePool2D(3, padding=1)):
        np.testing.assert_allclose(pool(x), -2)


def test_integers_are_pooled():
    x = np.arange(16).reshape(1, 4, 4, 1)
    assert nn.MaxPool2D()(x).ravel().tolist() == [5, 7, 13, 15]
    assert nn.AveragePool2D()(x).ravel().tolist() == [2.5, 4.5, 10.5, 12.5]


def test_global_means():
    x = normal(2, 3, 4, 5)
    np.testing.assert_allclose(nn.GlobalAveragePool2D()(x), x.mean((1, 2)))
    np.testing.assert_allclose(nn.GlobalAveragePool1D()(x[0]), x[0].mean(1))


# fmt: off
LAYERS = [
    nn.Conv1D(2, 3, 2, dtype=np.float64), nn.Conv2D(2, 4, 3, stride=2, groups=2, activation="tanh", dtype=np.float64),
    nn.Conv2DTranspose(2, 2, 3, stride=2, dtype=np.float64), nn.MaxPool2D(), nn.MaxPool1D(3, stride=2),
    nn.AveragePool2D(3, stride=1, padding=1), nn.AveragePool1D(), nn.GlobalAveragePool1D(), nn.GlobalAveragePool2D(),
]
# fmt: on


def input_of(layer, n):
    return normal(n, *((5, 4) if getattr(layer, "n_axes", 2) == 2 else (6,)), 2)


@pytest.mark.parametrize("layer", LAYERS, ids=repr)
def test_two_derivatives_agree_with_differences(layer):
    parameters = layer.parameters()

    def f(x, *arrays):
        for p, array in zip(parameters, arrays, strict=True):
            object.__setattr__(layer, p.name, array)
        return layer(x)

    arrays = [p.data for p in parameters]
    originals = {p.name: p for p in parameters}
    try:
        tg.check_grads(f, input_of(layer, 2), *arrays, order=2)
    finally:
        for name, p in originals.items():
            object.__setattr__(layer, name, p)


@pytest.mark.parametrize("layer", LAYERS, ids=repr)
def test_no_samples_give_no_samples(layer):
    x = tg.Tensor(input_of(layer, 0), requires_grad=True)
    out = layer(x)
    assert out.shape == (0, *layer(input_of(layer, 1)).shape[1:])
    layer.zero_grad()
    np.sum(out).backward()
    assert x.grad.shape == x.shape
    assert not any(p.grad.data.any() for p in layer.parameters())


@pytest.mark.parametrize("kind", [bool, np.uint8, np.int64])
def test_a_convolution_converts_integers_to_its_dtype(kind):
    layer, x = nn.Conv2D(1, 2, 3, rng=0), (normal(2, 4, 4, 1) > 0).astype(kind)
    out = layer(x)
    assert out.dtype == np.float32
    np.testing.assert_array_equal(out.data, layer(x.astype(np.float32)).data)


def test_a_convolution_begins_as_he_did_or_as_it_is_told():
    layer = nn.Conv2D(16, 64, 3, rng=0)
    assert layer.weights.data.var() == pytest.approx(2 / (9 * 16), rel=0.05)
    assert not layer.biases.data.any()
    assert layer.weights.dtype == np.float32
    grouped = nn.Conv2D(16, 64, 3, groups=4, initializer="lecun_uniform", rng=0)
    assert grouped.weights.shape == (3, 3, 4, 64)
    assert grouped.weights.data.var() == pytest.approx(1 / (9 * 4), rel=0.05)
    np.testing.assert_array_equal(layer.weights.data, nn.Conv2D(16, 64, 3, rng=0).weights.data)


# fmt: off
WRONG = [
    (lambda: nn.Conv2D(0, 3, 3),                    "in_channels of Conv2D must be an integer of at least 1, not 0"),
    (lambda: nn.Conv1D(2, 2.5, 3),                  r"out_channels of Conv1D must be an integer of at least 1, not 2\.5"),
    (lambda: nn.Conv2D(1, 3, 0),                    "kernel_size of Conv2D must be an integer of at least 1, not 0"),
    (lambda: nn.Conv2D(1, 3, (3, 3, 3)),            r"kernel_size of Conv2D must be an integer or 2 of them, not \(3, 3, 3\)"),
    (lambda: nn.Conv2D(1, 3, 3, stride=0),          "stride of Conv2D must be an integer of at least 1, not 0"),
    (lambda: nn.Conv2D(1, 3, 3, padding="full"),    'padding of Conv2D must be "same", "valid", a number of pixels, .* not \'full\''),
    (lambda: nn.Conv2D(1, 3, 3, padding=-1),        "not -1"),
    (lambda: nn.Conv2D(4, 6, 3, groups=4),          "groups of Conv2D must divide both numbers of channels, 4 and 6, but 4 does not"),
    (lambda: nn.Conv2D(4, 6, 3, activation="rely"), "there is no activation 'rely'; write one of elu, gelu, .*, or give a module"),
    (lambda: nn.Conv2D(1, 2, 3)(normal(2, 5, 5)),   r"Conv2D\(1, 2, 3\) takes inputs of 4 axes, with 1 features .* shape \(2, 5, 5\); write x\[\.\.\., None\]"),
    (lambda: nn.Conv2D(3, 2, 3)(normal(2, 5, 5)),   r"shape \(2, 5, 5\)$"),
    (lambda: nn.Conv2D(3, 2, 3)(normal(2, 3, 5, 5)), r"shape \(2, 3, 5, 5\); if axis 1 has the features, write np\.moveaxis\(x, 1, -1\)$"),
    (lambda: nn.Dense(12, 2)(normal(5, 3, 4)),      r"Dense\(12, 2\) takes 12 features .* shape \(5, 3, 4\); put nn\.Flatten\(\) before it"),
    (lambda: nn.Dense(12, 2)(normal(5, 4)),         r"shape \(5, 4\)$"),
    (lambda: nn.Conv2D(1, 2, 3)(normal(2, 5, 5, 3)), r"takes inputs of 4 axes, with 1 features along the last axis, but got .* shape \(2, 5, 5, 3\)$"),
    (lambda: nn.Conv2D(1, 2, 5, padding="valid")(normal(2, 4, 4, 1)), r"a kernel of size \(5, 5\) .* more than the input of lengths \(4, 4\) has"),
    (lambda: nn.MaxPool2D(0),                       "size of MaxPool2D must be an integer of at least 1, not 0"),
    (lambda: nn.MaxPool2D(2)(normal(2, 3, 3)),      r"MaxPool2D\(\) takes inputs of 4 axes, .* shape \(2, 3, 3\)"),
    (lambda: nn.MaxPool1D(4)(normal(2, 3, 1)),      r"more than the input of lengths \(3,\) has"),
    (lambda: nn.AveragePool1D(2, stride=(1, 2)),    "stride of AveragePool1D must be an integer or 1 of them"),
    (lambda: nn.GlobalAveragePool2D()(normal(2, 3)), r"takes inputs of 4 axes, samples first and channels last, .* \(2, 3\)"),
    (lambda: tg.conv(normal(2, 3), normal(3, 3, 1, 1), None), r"an array of shape \(2, 3\) beside a kernel of 2 axes"),
    (lambda: tg.conv(normal(2, 3, 3, 2), normal(3, 3, 1, 1), None), "take 1 channels to 1, but the inputs have 2 channels"),
    (lambda: tg.conv(normal(2, 3, 3, 1), normal(3, 3, 1, 2), normal(1)), r"take biases of shape \(2,\), not \(1,\)"),
    (lambda: tg.conv(normal(2, 3, 3, 1), normal(3, 3, 1, 2), None, padding="same "), 'padding must be "same", "valid" or integers'),
    (lambda: tg.conv(normal(2, 3, 3, 1), normal(3, 3, 1, 2), None, stride=0.5), r"stride must be an integer of at least 1, or a tuple of 2, not 0\.5"),
    (lambda: tg.conv_input(normal(2, 3, 1), normal(2, 1, 1), lengths=(9,)), r"there are \(8,\) windows over inputs of lengths \(9,\)"),
    (lambda: tg.conv_weights(normal(2, 3, 1), normal(1, 2, 1), size=(2,)), "there are 2 inputs but 1 outputs"),
]
# fmt: on


@pytest.mark.parametrize(("call", "message"), WRONG)
def test_wrong_settings_and_inputs(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_what_is_no_array_and_no_activation():
    with pytest.raises(
        TypeError, match=r"Conv2D\(1, 2, 3\) takes a Tensor or an array, but got list"
    ):
        nn.Conv2D(1, 2, 3)([[1.0]])
    with pytest.raises(
        TypeError, match=r"activation must be .*, not the class ReLU; write ReLU\(\)"
    ):
        nn.Conv2D(1, 2, 3, activation=nn.ReLU)


@pytest.mark.parametrize("groups", [1, 2])
def test_a_convolution_is_the_sum_over_its_windows(groups):
    """Against the definition, in loops."""
    layer = nn.Conv2D(
        2, 4, (2, 3), stride=2, padding="valid", groups=groups, dtype=np.float64, rng=0
    )
    x, W = normal(2, 5, 6, 2), layer.weights.data
    out = layer(x).data
    per_in, per_out = 2 // groups, 4 // groups
    for n, i, j, o in itertools.product(range(2), range(2), range(2), range(4)):
        first = o // per_out * per_in
        window = x[n, 2 * i : 2 * i + 2, 2 * j : 2 * j + 3, first : first + per_in]
        assert out[n, i, j, o] == pytest.approx(np.sum(window * W[..., o]))
