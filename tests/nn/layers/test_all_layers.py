"""Every layer beyond the book: saved and loaded, copied, frozen, summed up, drawn as a cluster."""

import copy

import numpy as np
import pytest

import nn
import tensorgrad as tg

# fmt: off
LAYERS = [  # layer, shape of a sample, shape of its output
    (lambda: nn.Dense(6, 4, bias=False, activation="relu", initializer="he"), (6,), (4,)),
    (lambda: nn.Conv1D(2, 4, 3, stride=2, activation="tanh"),     (5, 2),       (3, 4)),
    (lambda: nn.Conv2D(2, 4, 3, groups=2, bias=False),            (5, 4, 2),    (5, 4, 4)),
    (lambda: nn.Conv2D(2, 4, (3, 2), padding="valid", dilation=2), (5, 4, 2),   (1, 2, 4)),
    (lambda: nn.Conv2DTranspose(2, 4, 3, stride=2),               (5, 4, 2),    (10, 8, 4)),
    (lambda: nn.MaxPool1D(),                                      (5, 2),       (2, 2)),
    (lambda: nn.MaxPool2D(3, stride=1, padding=1),                (5, 4, 2),    (5, 4, 2)),
    (lambda: nn.AveragePool1D(),                                  (5, 2),       (2, 2)),
    (lambda: nn.AveragePool2D((2, 1)),                            (5, 4, 2),    (2, 4, 2)),
    (lambda: nn.GlobalAveragePool1D(),                            (5, 2),       (2,)),
    (lambda: nn.GlobalAveragePool2D(),                            (5, 4, 2),    (2,)),
    (lambda: nn.BatchNorm(2),                                     (5, 4, 2),    (5, 4, 2)),
    (lambda: nn.LayerNorm(2),                                     (5, 2),       (5, 2)),
    (lambda: nn.GroupNorm(2, 4),                                  (5, 4),       (5, 4)),
    (lambda: nn.RMSNorm(2),                                       (5, 2),       (5, 2)),
    (lambda: nn.Residual(nn.Sequential(nn.Dense(2, 2), nn.Tanh())), (5, 2),     (5, 2)),
    (lambda: nn.Residual(nn.Conv2D(2, 3, 3), shortcut=nn.Conv2D(2, 3, 1)), (5, 4, 2), (5, 4, 3)),
    (lambda: nn.Reshape(5, -1),                                   (5, 2, 3),    (5, 6)),
    (lambda: nn.Function(np.tanh),                                (3, 2),       (3, 2)),
    (lambda: nn.SpatialDropout(0.5, rng=0),                       (3, 2),       (3, 2)),
    (lambda: nn.RNN(2, 3),                                        (5, 2),       (3,)),
    (lambda: nn.GRU(2, 3, return_sequences=True),                 (5, 2),       (5, 3)),
    (lambda: nn.LSTM(2, 3, return_sequences=True, bidirectional=True), (5, 2),  (5, 6)),
    (lambda: nn.MultiHeadAttention(4, 2),                         (5, 4),       (5, 4)),
    (lambda: nn.TransformerBlock(4, 2, n_hidden=3, dropout=0.3, causal=True, rng=0), (5, 4), (5, 4)),
    (lambda: nn.PositionalEncoding(4),                            (5, 4),       (5, 4)),
    (lambda: nn.GRUCell(2, 3),                                    (2,),         (3,)),
]
# fmt: on
every_layer = pytest.mark.parametrize(
    ("make", "sample", "output"),
    LAYERS,
    ids=[repr(make()).partition("\n")[0] for make, *_ in LAYERS],
)  # fmt: skip


def inputs(sample, n=3):
    return np.random.default_rng(0).standard_normal((n, *sample)).astype(np.float32)


@every_layer
def test_it_is_saved_and_loaded(make, sample, output, tmp_path):
    pytest.importorskip("safetensors")
    layer = make()
    model = nn.Model(nn.Sequential(layer, nn.Flatten(), nn.Dense(int(np.prod(output)), 2)))
    model.set(loss=nn.MeanSquaredError(), optimizer=nn.SGD(), accuracy=nn.RegressionAccuracy())
    model.finalize()
    x = inputs(sample)
    model.train(x, np.ones((3, 2), np.float32), epochs=1, print_every=0)
    model.save(tmp_path / "model.safetensors")
    again = nn.Model.load(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(again.predict(x), model.predict(x))
    assert repr(again.module) == repr(model.module)
    assert again.summary(sample) == model.summary(sample)


@every_layer
def test_its_shapes_in_training_evaluation_and_the_summary(make, sample, output):
    layer = make()
    for mode in (True, False):
        assert layer.train(mode)(inputs(sample)).shape == (3, *output)
        assert layer.train(mode)(inputs(sample, 1)).shape == (1, *output)
    shape = f"({', '.join(['N', *map(str, output)])})"
    assert shape in layer.summary(sample).splitlines()[1]
    assert type(layer).__name__ in layer.summary(sample).splitlines()[1]


@every_layer
def test_a_copy_learns_by_itself(make, sample, output):
    layer, x = make().eval(), inputs(sample)
    twin = copy.deepcopy(layer)
    np.testing.assert_array_equal(layer(x).data, twin(x).data)
    for p in twin.parameters():
        p.data += 1
    if twin.parameters():
        assert not np.array_equal(layer(x).data, twin(x).data)
    assert [name for name, _ in twin.named_buffers()] == [name for name, _ in layer.named_buffers()]


@every_layer
def test_frozen_it_gets_no_gradient_and_passes_it_on(make, sample, output):
    layer = make().freeze()
    x = tg.Tensor(inputs(sample), requires_grad=True)
    np.sum(layer(x) ** 2).backward()
    assert all(p.grad is None for p in layer.parameters())
    assert np.any(x.grad.data)


@every_layer
def test_it_is_drawn_as_a_cluster(make, sample, output):
    layer = make()
    net = nn.Sequential(layer)
    x = tg.Tensor(inputs(sample), requires_grad=True, name="x")
    dot = net.draw(x).dot
    assert f'label="0 {type(layer).__name__}"' in dot or f"0 {type(layer).__name__}" in dot


@every_layer
def test_its_results_in_float64_are_of_float64(make, sample, output):
    layer = nn.build(double(nn.describe(make())))
    x = tg.Tensor(inputs(sample).astype(np.float64), requires_grad=True)
    out = layer(x)
    assert out.dtype == np.float64
    np.sum(out).backward()
    assert x.grad.dtype == np.float64


def double(description):
    """Return the description with float64 in place of float32, however deep."""
    if isinstance(description, dict):
        return {key: double(value) for key, value in description.items()}
    if isinstance(description, list):
        return [double(value) for value in description]
    return "float64" if description == "float32" else description


def test_a_network_opens_in_pytorch_with_equal_outputs():
    torch = pytest.importorskip("torch")
    T = torch.nn
    ours = nn.Sequential(
        nn.Conv2D(3, 4, 3, stride=2, padding=1), nn.BatchNorm(4), nn.ReLU(), nn.MaxPool2D(),
        nn.Conv2DTranspose(4, 6, 3, padding="valid", bias=False), nn.GroupNorm(2, 6), nn.GlobalAveragePool2D(),
        nn.Dense(6, 2), nn.LayerNorm(2),
    )  # fmt: skip
    theirs = T.Sequential(
        T.Conv2d(3, 4, 3, stride=2, padding=1), T.BatchNorm2d(4), T.ReLU(), T.MaxPool2d(2),
        T.ConvTranspose2d(4, 6, 3, bias=False), T.GroupNorm(2, 6), T.Sequential(T.AdaptiveAvgPool2d(1), T.Flatten()),
        T.Linear(6, 2), T.LayerNorm(2),
    )  # fmt: skip
    x = inputs((12, 10, 3))
    ours(x)  # moves the running statistics
    theirs.load_state_dict(nn.to_torch(ours))
    expected = theirs.eval()(torch.tensor(np.moveaxis(x, -1, 1).copy())).detach().numpy()
    np.testing.assert_allclose(ours.eval()(x).data, expected, atol=1e-5)
    again = nn.from_torch(theirs.state_dict(), copy.deepcopy(ours))
    for name, array in again.state_dict().items():
        np.testing.assert_array_equal(array, ours.state_dict()[name])


# Reshape, Function, Residual, SpatialDropout, activation=, bias=


def test_reshape_in_both_forms():
    x = inputs((12,))
    for layer in (nn.Reshape(2, 6), nn.Reshape((2, 6)), nn.Reshape(-1, 6)):
        np.testing.assert_array_equal(layer(x), x.reshape(3, 2, 6))
    assert nn.Reshape(2, -1)(x[:0]).shape == (0, 2, 6)


def test_a_function_of_ones_own_works_but_cannot_be_saved():
    layer = nn.Function(lambda x: 2 * x)
    assert layer(tg.Tensor([1.0, 2.0])).tolist() == [2, 4]
    with pytest.raises(TypeError, match="cannot be saved: a file holds the names of functions of"):
        nn.describe(layer)


@pytest.mark.parametrize(
    "name", ["os.system", "numpy.load", "numpy.random", "tensorgrad.rules", "numpy.f2py.compile", "sin", "tensorgrad._import_module"]
)  # fmt: skip
def test_a_file_can_only_name_harmless_functions(name):
    with pytest.raises(ValueError, match="is not a function of tensorgrad or a ufunc of NumPy"):
        nn.build({"kind": "Function", "config": {"function": name}})


def test_residual_adds_the_input():
    layer = nn.Residual(nn.Dense(3, 3, initializer="he", rng=0))
    x = inputs((3,))
    np.testing.assert_allclose(layer(x).data, x + layer.module(x).data, rtol=1e-6)
    shortcut = nn.Dense(3, 2, rng=1)
    layer = nn.Residual(nn.Dense(3, 2, rng=0), shortcut=shortcut)
    np.testing.assert_allclose(layer(x).data, shortcut(x).data + layer.module(x).data, rtol=1e-5)
    names = [name for name, _ in layer.named_parameters()]
    assert names == ["module.weights", "module.biases", "shortcut.weights", "shortcut.biases"]


def test_spatial_dropout_drops_whole_channels():
    layer, x = nn.SpatialDropout(0.4, rng=0), np.ones((200, 3, 4, 5), np.float32)
    out = layer(x)
    per_channel = out.reshape(200, 12, 5)
    assert np.all(per_channel == per_channel[:, :1])
    assert set(np.unique(out)) == {0, np.float32(1 / 0.6)}
    assert np.mean(out == 0) == pytest.approx(0.4, abs=0.04)
    assert layer.eval()(x) is x


def test_dense_with_an_activation_and_without_biases():
    layer = nn.Dense(3, 4, activation="gelu", initializer="he", rng=0)
    plain = nn.Dense(3, 4, bias=False, initializer="he", rng=0)
    x = inputs((3,))
    np.testing.assert_array_equal(layer(x).data, nn.GELU()(layer_product(x, layer)).data)
    assert plain.biases is None
    assert [name for name, _ in plain.named_parameters()] == ["weights"]
    np.testing.assert_allclose(plain(x).data, x @ plain.weights.data, rtol=1e-6)
    penalized = nn.Dense(3, 4, 0, 1, 1, 1, bias=False, rng=0)
    assert penalized.penalty().item() == pytest.approx(np.sum(penalized.weights.data**2), rel=1e-5)
    assert "activation: GELU()" in repr(layer)
    assert isinstance(nn.Dense(3, 4, activation=nn.LeakyReLU(0.3)).activation, nn.LeakyReLU)


def layer_product(x, layer):
    return tg.linear(x, layer.weights, layer.biases)


# fmt: off
WRONG = [
    (ValueError, lambda: nn.Reshape(0, 3),           r"the shape of a sample, such as Reshape\(28, 28, 1\), .* not \(0, 3\)"),
    (ValueError, lambda: nn.Reshape(-1, -1),         "in which one length may be -1"),
    (ValueError, lambda: nn.Reshape(2, 3)(inputs((5,))), r"Reshape\(2, 3\) was given samples of shape \(5,\), which have 5 elements"),
    (ValueError, lambda: nn.Reshape(2, -1)(inputs((5,))), "which have 5 elements"),
    (TypeError,  lambda: nn.Function(nn.ReLU),       r"not the class ReLU; write ReLU\(\)"),
    (TypeError,  lambda: nn.Function(3),             "Function takes a function of a Tensor, such as np.sin"),
    (TypeError,  lambda: nn.Residual(nn.ReLU),       r"Residual takes a module, not the class ReLU; write ReLU\(\)"),
    (ValueError, lambda: nn.Residual(nn.Dense(3, 2))(inputs((3,))), r"of shape \(3, 2\), to the input of shape \(3, 3\); .* give a shortcut="),
    (ValueError, lambda: nn.SpatialDropout(1.0),     r"rate is the fraction .* below 1, not 1\.0"),
    (ValueError, lambda: nn.Dense(3, 2, activation="soft"), "there is no activation 'soft'; write one of elu, "),
]
# fmt: on


@pytest.mark.parametrize(("error", "call", "message"), WRONG)
def test_wrong_settings_and_inputs(error, call, message):
    with pytest.raises(error, match=message):
        call()


@every_layer
def test_compiled_it_gives_the_same_bits(make, sample, output):
    layer, twin = make(), make()
    if isinstance(layer, nn.BatchNorm):  # in training, a program would have to write its buffers
        layer, twin = layer.eval(), twin.eval()
    twin.load_state_dict(layer.state_dict())

    def of(module):
        return lambda x: np.sum(np.sin(module(x)))

    compiled, eager = tg.compile(tg.value_and_grad(of(layer))), tg.value_and_grad(of(twin))
    for k in range(3):  # the first call makes the program
        x = inputs(sample) + k
        for found, expected in zip(compiled(x), eager(x), strict=True):
            np.testing.assert_array_equal(
                getattr(found, "data", found), getattr(expected, "data", expected)
            )


class ForeignTensor:  # as of PyTorch: its dtype is not NumPy's
    dtype, shape = "torch.float32", (3, 2)


# fmt: off
NO_NUMBERS = [
    (lambda x: np.ma.masked_array(x, x > 0), r"the input of .* is a masked array, .* array\.filled\(value\)"),
    (lambda x: x.astype(str),    r"takes numbers, but got an input of dtype <U32; .* x\.astype\(np\.float32\)"),
    (lambda x: x.astype(object), "takes numbers, but got an input of dtype object"),
    (lambda x: x.tolist(),       r"takes a Tensor or an array, but got list: .*; write np\.asarray\(\.\.\.\) of it"),
    (lambda _: ForeignTensor(),  "takes a Tensor or an array, but got ForeignTensor"),
    (lambda _: None,             "takes a Tensor or an array, but got NoneType: None"),
]
# fmt: on


@pytest.mark.parametrize("training", [True, False])
@every_layer
def test_an_input_that_holds_no_numbers_is_refused(make, sample, output, training):
    layer = make().train(training)
    if isinstance(layer, nn.Function):
        pytest.skip("it takes whatever its function takes")
    for convert, message in NO_NUMBERS:
        with pytest.raises(TypeError, match=f"(?s){message}"):
            layer(convert(inputs(sample)))


@pytest.mark.parametrize("layer", [nn.Flatten(), nn.Reshape(1), nn.SpatialDropout(0.5, rng=0)])
def test_an_input_without_samples_is_refused(layer):
    with pytest.raises(ValueError, match=r"whose first axis counts samples, but got shape \(\)"):
        layer(np.float32(1))
