"""Programs as ONNX models: what onnxruntime computes is what the function computes."""

import math
import sys

import numpy as np
import pytest

import nn
import tensorgrad as tg
from tests.program.test_compile import drawn
from tests.program.test_layers import LAYERS, LOSSES

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
SIZES = (1, 2, 9)  # of batches, none of them that of a trace


def leaves(tree):
    if isinstance(tree, dict):
        return leaves(list(tree.values()))
    if isinstance(tree, (tuple, list)):
        return [leaf for item in tree for leaf in leaves(item)]
    return [tree.data if isinstance(tree, tg.Tensor) else np.asarray(tree)]


def opened(path):
    """Return the file as onnx and onnxruntime read it."""
    return onnx.load(path), onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])


def free_inputs(model):
    dims = {i.name: i.type.tensor_type.shape.dim for i in model.graph.input}
    return [name for name, shape in dims.items() if shape and shape[0].dim_param == "N"]


def assert_equal(found, expected, tolerance=1e-5):
    for x, y in zip(found, expected, strict=True):
        assert x.dtype == y.dtype
        assert x.shape == y.shape
        np.testing.assert_allclose(x, y, rtol=tolerance, atol=tolerance)


def exported(f, args, path, **options):
    tg.compile(f).program(*args).save(path, **options)
    return opened(path)


@pytest.mark.parametrize("name", LAYERS)
def test_layers_of_other_batch_sizes(name, tmp_path):
    make, x = LAYERS[name]
    layer = make().eval()
    for p in layer.parameters():  # also those that begin as ones and zeros
        p.data = p.data + 0.1 * drawn(*p.shape, seed=3)
    for key, array in layer.named_buffers():
        layer.load_state_dict({key: np.abs(array + 0.1 * drawn(*array.shape, seed=4))}, False)
    names = dict(layer.named_parameters()) | dict(layer.named_buffers())
    model, session = exported(layer, (x,), tmp_path / "x.onnx", names=names)
    (given,) = [i.name for i in model.graph.input]
    assert free_inputs(model) == [given] == ["args_0" if name == "Function" else "x"]
    assert {key for key in names if key not in initializers(model)} == set()
    for n in SIZES:
        batch = drawn(n, *x.shape[1:], seed=n)
        assert_equal(session.run(None, {given: batch}), [layer(tg.Tensor(batch)).data])


def initializers(model):
    return {array.name for array in model.graph.initializer}


@pytest.mark.parametrize("name", LOSSES)
def test_losses_of_other_batch_sizes(name, tmp_path):
    loss, z, y = LOSSES[name]
    model, session = exported(lambda z, y: loss(z, y).detach(), (z, y), tmp_path / "x.onnx")
    assert free_inputs(model) == ["z", "y"]
    for n in (1, 4, 5):
        found = session.run(None, {"z": z[:n], "y": y[:n]})
        assert_equal(found, [loss(tg.Tensor(z[:n]), y[:n]).data])


X = np.random.default_rng(0).uniform(0.2, 0.9, (6, 4)).astype(np.float32)
W, B, Y = drawn(4, 3), drawn(3), np.array([0, 1, 2, 0, 2, 1])
ELEMENTWISE = [
    np.exp, np.log, np.sin, np.cos, np.tan, np.arcsin, np.arccos, np.arctan, np.sinh, np.cosh, np.arcsinh, np.arctanh,
    np.sqrt, np.square, np.expm1, np.log1p, np.log2, np.log10, np.exp2, np.floor, np.ceil, np.rint, np.sign,
    np.reciprocal, np.isnan, np.isfinite, np.isinf, np.negative, np.abs, np.fabs,
]  # fmt: skip


def written(x):
    z = x * 1
    z[:, 1] = 0.5
    z[:, 2:] = x[:, :2]
    return z


def cross_entropy(x, W, b, y):
    return tg.softmax_cross_entropy(np.tanh(x @ W + b), y)


FUNCTIONS = {
    "gradients": (tg.value_and_grad(cross_entropy, (1, 2)), (X, W, B, Y)),
    "elementwise": (lambda x: [f(x) for f in ELEMENTWISE], (X,)),
    "arithmetic": (
        lambda x: (x**2 + 2**x, x // 0.3, x % 0.3, x / 2, 1 - x, np.maximum(x, 0.5), np.fmod(x, 0.3)),
        (X,),
    ),
    "integers": (lambda y: (y // 2, y % 2, y * 3, y / 2, -y, abs(y), y & 1, y | 1, y ^ 3, ~y), (Y,)),
    "truths": (
        lambda x: (x > 0.5, (x > 0.3) & (x < 0.6), (x > 0.3) | (x == 0), ~(x >= 0.4), x != 0.5, x <= 0.5),
        (X,),
    ),
    "shapes": (
        lambda x: (
            x.T, np.reshape(x, (-1, 2)), np.swapaxes(x, 0, 1), np.moveaxis(x, 0, 1), np.expand_dims(x, 1), x.ravel(),
            np.concatenate([x, x], 1), np.concatenate([x, x]), np.stack([x, x], 1), np.tile(x, (1, 2)), np.flip(x, 1),
            np.squeeze(x[:, :1]), np.repeat(x, 2, 1), np.roll(x, 1, 1), np.split(x, 2, 1), np.tril(x.T @ x),
            np.broadcast_to(x[:, None], (len(x), 2, 4)), np.zeros_like(x), np.full_like(x, 2.0),
            np.pad(x, ((0, 0), (1, 2))),
        ),
        (X,),
    ),
    "indices": (
        lambda x, y: (
            x[:, None], x[..., ::-1], x[:, 1], x[1:, 2:], x[0], x[-1:, 0], x[y], x[:, np.array([0, 2])],
            x[np.arange(len(y)), y], np.take(x, y, axis=1), np.take_along_axis(x, y[:, None], 1),
        ),
        (X, Y),
    ),
    "writes": (written, (X,)),
    "reductions": (
        lambda x: (
            x.sum(0), x.sum(), np.sum(x, axis=(0, 1), keepdims=True), x.mean(1), x.mean(), x.max(1), x.min(),
            np.prod(x, 1), np.var(x, 1), np.std(x, 1), np.var(x, 1, ddof=1), tg.logsumexp(x, 1), np.argmax(x, 1),
            np.argmin(x), np.any(x > 0.5, 1), np.all(x > 0.1), np.cumsum(x, 1), np.linalg.norm(x, axis=1), np.sort(x, 1),
            np.add.reduce(x),
        ),
        (X,),
    ),
    "choices": (lambda x: (np.where(x > 0.5, x, -x), np.clip(x, 0.3, 0.6), np.hypot(x, 2 * x)), (X,)),
    "products": (
        lambda x, W: (
            np.einsum("ij,jk->ik", x, W), np.dot(x, W), x @ W, np.tensordot(x, W, 1), np.inner(x, W.T),
            np.outer(x[0], x[1]), x[0] @ x[1],
        ),
        (X, W),
    ),
    "networks": (
        lambda x: (
            tg.softmax(x), tg.log_softmax(x, axis=0), tg.softplus(x), tg.sigmoid(x), tg.sigmoid_cross_entropy(x, x),
            tg.leaky_relu(x - 0.5, 0.2), tg.standardize(x, axis=0), tg.ndtr(x),
        ),
        (X,),
    ),
    "distributions": (lambda z, p: tg.softmax_cross_entropy(z, p), (X, X / X.sum(1, keepdims=True))),
    "one hot": (lambda y: (y[:, None] == np.arange(3)).astype(np.float32), (Y,)),
    "float64": (lambda x: np.tanh(x) * 2, (X.astype(float),)),
    "an argument as result": (lambda x: (x, x), (X,)),
}  # fmt: skip


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_of_other_batch_sizes(name, tmp_path):
    f, args = FUNCTIONS[name]
    model, session = exported(f, args, tmp_path / "x.onnx")
    free = free_inputs(model)
    assert free, "the first axis is not free"
    for n in (2, 4, 6):
        batch = [x[:n] if i.name in free else x for i, x in zip(model.graph.input, args)]
        with np.errstate(all="ignore"):
            expected = leaves(f(*batch))
        assert_equal(
            session.run(None, {i.name: x for i, x in zip(model.graph.input, batch)}), expected
        )


@pytest.mark.parametrize("axes", [1, 2])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("padding", ["same", "valid", 2])
def test_windows_of_every_kind(axes, stride, padding, tmp_path):
    x, kernel = drawn(2, *(9, 8)[:axes], 4), drawn(*(3, 4)[:axes], 2, 6)
    lengths = tg.conv(x, kernel, None, stride=stride, padding=padding, groups=2).shape[1:-1]
    g = drawn(2, *lengths, 6)

    def f(x, g):
        how = {"stride": stride, "padding": padding}
        return (
            tg.conv(x, kernel, None, groups=2, dilation=1, **how),
            tg.conv_input(g, kernel, lengths=(9, 8)[:axes], groups=2, **how),
            tg.max_pool(x, 3, **how),
            tg.average_pool(x, 3, **how),
        )

    _, session = exported(f, (x, g), tmp_path / "x.onnx")
    for n in (1, 2):
        assert_equal(session.run(None, {"x": x[:n], "g": g[:n]}), leaves(f(x[:n], g[:n])))


SERIES, HIDDEN = drawn(3, 5, 2), 4
RECURRENT = {
    "rnn": lambda x, mask: tg.rnn(x, np.zeros((len(x), 4), np.float32), drawn(2, 4), drawn(4, 4), drawn(4), mask),
    "gru": lambda x, mask: tg.gru(
        x, np.ones((len(x), 4), np.float32), drawn(2, 12), drawn(4, 12), drawn(12), drawn(12, seed=1), mask
    ),
    "lstm": lambda x, mask: tg.lstm(
        x, np.ones((len(x), 4), np.float32), np.zeros((len(x), 4), np.float32), drawn(2, 16), drawn(4, 16), drawn(16), mask
    ),
    "attention": lambda x, mask: tg.attention(x, x, x, None if mask is None else mask[:, None, None], None, heads=2),
}  # fmt: skip


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("name", RECURRENT)
def test_sequences_with_and_without_a_mask(name, masked, tmp_path):
    f = lambda x, n: RECURRENT[name](x, np.arange(5) < n[:, None] if masked else None)
    lengths = np.array([5, 0, 3])
    model, session = exported(f, (SERIES, lengths), tmp_path / "x.onnx")
    kinds = {node.op_type for node in model.graph.node}
    assert (name.upper() in kinds) is (not masked and name != "attention")
    for k in (1, 2, 3):
        given = {"x": SERIES[:k], "n": lengths[:k]}
        found = session.run(None, {i.name: given[i.name] for i in session.get_inputs()})
        assert_equal(found, leaves(f(*given.values())))


def test_an_embedding_takes_integers(tmp_path):
    words = nn.Sequential(
        nn.Embedding(9, 4, rng=0), nn.GRU(4, 3, rng=0), nn.Dense(3, 2, rng=0)
    ).eval()
    words.export(tmp_path / "words.onnx", (6,), dtype=np.int64)
    _, session = opened(tmp_path / "words.onnx")
    index = np.random.default_rng(0).integers(0, 9, (4, 6))
    assert_equal(session.run(None, {"x": index}), [words(tg.Tensor(index)).data])
    read = nn.from_onnx(tmp_path / "words.onnx")
    assert_equal([read(tg.Tensor(index)).data], [words(tg.Tensor(index)).data])


def test_the_gradient_of_what_has_a_formula_is_refused(tmp_path):
    f = tg.grad(lambda x: np.sum(tg.gelu(x) ** 2))
    with pytest.raises(TypeError, match="the gradient of gelu has no operator"):
        tg.compile(f).program(X).save(tmp_path / "x.onnx")


def test_transpositions_between_layers_cancel(tmp_path):
    network = nn.Sequential(
        nn.Reshape(8, 8, 1), nn.Conv2D(1, 4, 3, rng=0), nn.MaxPool2D(), nn.ReLU(), nn.Conv2D(4, 2, 3, rng=0),
        nn.Tanh(), nn.AveragePool2D(), nn.Flatten(), nn.Dense(8, 3, rng=0), nn.Softmax(),
    ).eval()  # fmt: skip
    x = drawn(2, 64)
    model, session = exported(network, (x,), tmp_path / "x.onnx")
    kinds = [node.op_type for node in model.graph.node]
    assert kinds == [
        "Reshape", "Transpose", "Conv", "MaxPool", "Relu", "Conv", "Tanh", "AveragePool", "Transpose",
        "Reshape", "Gemm", "Softmax",
    ]  # fmt: skip
    assert_equal(session.run(None, {"x": x}), [network(x).data])


def test_a_file_that_older_runtimes_read_with_metadata(tmp_path):
    model, _ = exported(
        np.tanh, (X,), tmp_path / "x.onnx", metadata={"classes": ["a", "b"], "n": "1"}
    )
    assert (model.ir_version, model.opset_import[0].version) == (8, 18)
    assert {entry.key: entry.value for entry in model.metadata_props} == {
        "classes": '["a", "b"]',
        "n": "1",
    }
    assert model.producer_name == "tensorgrad"


def test_names_are_those_of_the_function(tmp_path):
    w = tg.Tensor(W, requires_grad=True, name="w")

    def scores(picture):
        hidden = np.tanh(picture @ w)
        return hidden, hidden.sum()

    with tg.no_grad():
        model, _ = exported(scores, (X,), tmp_path / "x.onnx")
    assert [i.name for i in model.graph.input] == ["picture"]
    assert [o.name for o in model.graph.output] == ["hidden", "output"]
    assert initializers(model) == {"w", "axes"}


def test_batch_names_the_arguments_with_a_free_axis(tmp_path):
    f = lambda W, x: x @ W
    model, _ = exported(f, (W, X), tmp_path / "x.onnx", batch=["x"])
    assert free_inputs(model) == ["x"]
    with pytest.raises(ValueError, match=r"'z' is none of the arrays W, x"):
        tg.compile(f).program(W, X).save(tmp_path / "x.onnx", batch=["z"])
    model, _ = exported(f, (W, X), tmp_path / "x.onnx", batch=[])
    assert free_inputs(model) == []


def test_a_function_of_one_size_has_a_file_of_that_size(tmp_path):
    f = lambda x: np.ones((2, 6), np.float32) @ x
    model, session = exported(f, (X,), tmp_path / "x.onnx")
    assert free_inputs(model) == []
    assert_equal(session.run(None, {"x": X}), [f(X)])
    with pytest.raises(ValueError, match="matmul"):
        tg.compile(f).program(X).save(tmp_path / "y.onnx", batch=["x"])


def test_sizes_that_are_no_line_are_refused(tmp_path):
    f = lambda x: x * len(x) ** 2
    with pytest.raises(TypeError, match=r"9, 25, 49 for the batch sizes 3, 5, 7, which is neither"):
        tg.compile(f).program(X).save(tmp_path / "x.onnx", batch=["x"])


@tg.impure
def noise(rng, shape):
    return rng.standard_normal(shape)


RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("f", "message"),
    [
        (lambda x: np.fft.rfft(x), r"np\.fft\.rfft has no row .* tg\.onnx_row\(np\.fft\.rfft"),
        (lambda x: x[x > 0.5].sum(), "integers as indices, not masks"),
        (lambda x: x + noise(RNG, x.shape), "noise draws random numbers"),
        (lambda x: np.sum(x, where=x > 0.5), r"the row of np\.sum does not fit: .*'where'"),
        (lambda x: np.ones(3), "returns nothing that depends on its arguments"),
    ],
)  # fmt: skip
def test_a_function_that_has_no_file_is_named(f, message, tmp_path):
    program = tg.compile(f).program(X)
    with pytest.raises(TypeError, match=message):
        program.save(tmp_path / "x.onnx")
    assert list(tmp_path.iterdir()) == []


def test_layers_in_training_mode_are_named(tmp_path):
    for layer, message in [
        (nn.Sequential(nn.Dropout(0.5, rng=0)), "random numbers.* of Sequential > 0 Dropout"),
        (nn.BatchNorm(4), "writes to running_mean, running_variance, .* module.eval()"),
    ]:
        with pytest.raises(TypeError, match=message):
            tg.compile(layer).program(X).save(tmp_path / "x.onnx")


def test_backward_inside_is_refused(tmp_path):
    w = tg.Tensor(W, requires_grad=True)

    def step(x):
        np.sum(x @ w).backward()
        return x

    with pytest.raises(TypeError, match="calls backward"):
        tg.compile(step).program(X).save(tmp_path / "x.onnx")


def test_a_row_of_ones_own(tmp_path):
    @tg.primitive
    def erf_of_twice(x):
        return 2 * tg.ndtr(2 * math.sqrt(2) * x) - 1

    program = tg.compile(lambda x: erf_of_twice(x)).program(X)
    tg.onnx_row(erf_of_twice, lambda g, x: g.node("Erf", g.node("Mul", x, 2.0)))
    program.save(tmp_path / "x.onnx")
    model, session = opened(tmp_path / "x.onnx")
    assert [node.op_type for node in model.graph.node] == ["Mul", "Erf"]
    assert_equal(session.run(None, {"x": X}), [erf_of_twice(X)], 1e-4)


def test_without_onnx_an_error_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ImportError, match="pip install onnx"):
        tg.compile(np.tanh).program(X).save(tmp_path / "x.onnx")


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(OSError, match="does not exist; create it first"):
        tg.compile(np.tanh).program(X).save(tmp_path / "no" / "x.onnx")
    with pytest.raises(OSError, match="does not exist; create it first"):
        tg.compile(np.tanh).program(X).save(tmp_path / "no" / "x.py")
