"""Networks read from ONNX files: our own, PyTorch's and scikit-learn's; and files that are not what they seem."""

import os
import sys
import warnings

import numpy as np
import pytest

import nn
import tensorgrad as tg
from tests.program.test_compile import drawn
from tests.program.test_layers import LAYERS

onnx = pytest.importorskip("onnx")
helper = pytest.importorskip("onnx.helper")


@pytest.mark.parametrize("name", LAYERS)
def test_layers_come_back_with_their_gradients(name, tmp_path):
    make, x = LAYERS[name]
    layer = make().eval()
    layer.export(tmp_path / "x.onnx", x.shape[1:])
    read = nn.from_onnx(tmp_path / "x.onnx")
    assert {*layer.state_dict()} == {*read.state_dict()}
    found = []
    for network in (layer, read):
        t = tg.Tensor(drawn(3, *x.shape[1:]), requires_grad=True)
        out = network(t)
        np.sum(out * out).backward()
        found.append((out.data, t.grad.data))
    for a, b in zip(*found, strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ["Conv1D", "Conv2D", "Conv2DTranspose", "RNN", "GRU", "LSTM"])
def test_layers_that_were_read_are_written_again(name, tmp_path):
    """Their files hold arrays transposed, which are then transposed again."""
    runtime = pytest.importorskip("onnxruntime")
    make, x = LAYERS[name]
    layer = make().eval()
    layer.export(tmp_path / "x.onnx", x.shape[1:])
    read = nn.from_onnx(tmp_path / "x.onnx").eval()
    read.export(tmp_path / "again.onnx", x.shape[1:])
    session = runtime.InferenceSession(str(tmp_path / "again.onnx"))
    x = drawn(3, *x.shape[1:]).astype(np.float32)
    (found,) = session.run(None, {session.get_inputs()[0].name: x})
    np.testing.assert_allclose(found, layer(tg.Tensor(x)).data, rtol=1e-4, atol=1e-5)


def small():
    return nn.Sequential(
        nn.Dense(4, 8, rng=0), nn.BatchNorm(8), nn.ReLU(), nn.Dense(8, 3, rng=1)
    ).eval()


@pytest.fixture
def file(tmp_path):
    small().export(tmp_path / "net.onnx")
    return tmp_path / "net.onnx"


def test_a_network_that_was_read_can_be_trained_drawn_compiled_and_written(file, tmp_path):
    network = nn.from_onnx(file)
    assert [p.is_frozen for p in network.parameters()].count(True) == 2  # of the batch norm
    x, y = drawn(20, 4), np.arange(20) % 3
    model = nn.Model(network)
    model.set(
        loss=nn.CategoricalCrossentropy(from_logits=True), optimizer=nn.Adam(learning_rate=0.02)
    )
    history = model.train(x, y, epochs=60, print_every=None)
    assert history.epochs["loss"][-1] < 0.8 * history.epochs["loss"][0]
    dot = network.draw(x[:2]).dot
    assert "Gemm" in dot
    assert "0.weights" in dot
    np.testing.assert_array_equal(tg.compile(network)(x).data, network(tg.Tensor(x)).data)
    network.export(tmp_path / "again.onnx", (4,))
    again = nn.from_onnx(tmp_path / "again.onnx")
    assert {*again.state_dict()} == {*network.state_dict()}
    np.testing.assert_allclose(again(tg.Tensor(x)).data, model.predict(x), rtol=1e-5, atol=1e-6)
    with pytest.raises(TypeError, match=r"network\.export\('network\.onnx', shape\)"):
        nn.describe(network)
    with pytest.raises(ValueError, match="takes 1 inputs, x, but got 2"):
        network(x, x)
    with pytest.raises(ValueError, match=r"net\.onnx: the node .*Gemm: .*mismatch"):
        network(tg.Tensor(drawn(2, 5)))


TORCH_NETWORKS = {
    "mlp": lambda T: [T.Flatten(), T.Linear(64, 32), T.ReLU(), T.Dropout(0.3), T.Linear(32, 10), T.Softmax(1)],
    "cnn": lambda T: [
        T.Conv2d(1, 4, 3, padding=1), T.BatchNorm2d(4), T.ReLU(), T.MaxPool2d(2), T.Conv2d(4, 8, 3, stride=2), T.GELU(),
        T.AdaptiveAvgPool2d(1), T.Flatten(), T.Linear(8, 10),
    ],
    "others": lambda T: [
        T.ConvTranspose2d(1, 4, 3, stride=2, padding=1, output_padding=1), T.GroupNorm(2, 4), T.SiLU(), T.AvgPool2d(2),
        T.Flatten(), T.LayerNorm(256), T.ELU(), T.Linear(256, 3), T.LogSoftmax(1),
    ],
}  # fmt: skip


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", TORCH_NETWORKS)
def test_networks_of_pytorch(name, tmp_path):
    torch = pytest.importorskip("torch")
    network = torch.nn.Sequential(*TORCH_NETWORKS[name](torch.nn)).eval()
    path = str(tmp_path / "t.onnx")
    how = {"input_names": ["x"], "dynamic_axes": {"x": {0: "N"}}, "dynamo": False}
    torch.onnx.export(network, (torch.randn(2, 1, 8, 8),), path, **how)
    read = nn.from_onnx(path)
    x = torch.randn(5, 1, 8, 8, requires_grad=True)
    expected = network(x)
    (expected**2).sum().backward()
    t = tg.Tensor(x.detach().numpy(), requires_grad=True)
    out = read(t)
    np.sum(out**2).backward()
    np.testing.assert_allclose(out.data, expected.detach().numpy(), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(t.grad.data, x.grad.numpy(), rtol=1e-3, atol=1e-5)


@pytest.mark.long
@pytest.mark.filterwarnings("ignore")
def test_the_newer_exporter_of_pytorch(tmp_path):
    torch = pytest.importorskip("torch")
    pytest.importorskip("onnxscript")
    network = torch.nn.Sequential(*TORCH_NETWORKS["cnn"](torch.nn)).eval()
    path = str(tmp_path / "t.onnx")  # its weights are in t.onnx.data beside it
    how = {"dynamic_shapes": ({0: torch.export.Dim("N")},), "dynamo": True, "verbose": False}
    torch.onnx.export(network, (torch.randn(2, 1, 8, 8),), path, external_data=True, **how)
    x = torch.randn(5, 1, 8, 8)
    np.testing.assert_allclose(
        nn.from_onnx(path)(tg.Tensor(x.numpy())).data,
        network(x).detach().numpy(),
        rtol=1e-4,
        atol=1e-5,
    )


@pytest.mark.filterwarnings("ignore")
def test_networks_of_scikit_learn(tmp_path):
    skl2onnx = pytest.importorskip("skl2onnx")
    neural = pytest.importorskip("sklearn.neural_network")
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    x, y = drawn(60, 5), np.arange(60) % 3
    models = [
        neural.MLPClassifier((8,), max_iter=20).fit(x, y),
        make_pipeline(StandardScaler(), LogisticRegression()).fit(x, y),
        neural.MLPRegressor(hidden_layer_sizes=(8,), max_iter=20).fit(x, y.astype(np.float32)),
    ]
    for model in models:
        classifier = hasattr(model, "predict_proba")
        for options in [None] + [{"zipmap": False}] * classifier:
            made = skl2onnx.to_onnx(model, x[:1], options=options)
            (tmp_path / "s.onnx").write_bytes(made.SerializeToString())
            found = nn.from_onnx(tmp_path / "s.onnx")(tg.Tensor(x)).data
            expected = model.predict_proba(x) if classifier else model.predict(x).reshape(-1, 1)
            np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def written(path, nodes, arrays=(), outputs=("y",), inputs=("x",), domain="", opset=18, kind=1):
    """Write a model of these nodes."""
    infos = [helper.make_tensor_value_info(name, 1, None) for name in inputs]
    results = [helper.make_tensor_value_info(name, kind, None) for name in outputs]
    graph = helper.make_graph(nodes, "g", infos, results, list(arrays))
    imports = [helper.make_opsetid("", opset)]
    model = helper.make_model(graph, opset_imports=imports, ir_version=8)
    path.write_bytes(model.SerializeToString())
    return path


def node(op, inputs=("x",), outputs=("y",), **attributes):
    return helper.make_node(op, list(inputs), list(outputs), name=f"the_{op}", **attributes)


@pytest.mark.parametrize(("op", "gates"), [("RNN", 1), ("GRU", 3), ("LSTM", 4)])
def test_recurrent_operators_with_the_usual_settings_written_out(op, gates, tmp_path):
    """PyTorch's exporters write them; others change the result, and are refused."""
    from onnx.numpy_helper import from_array

    names = ["Tanh"] if gates == 1 else ["Sigmoid", "Tanh", "Tanh"][: 2 + (gates == 4)]
    arrays = [drawn(2, gates * 3, 4), drawn(2, gates * 3, 3)]
    stored = [from_array(a, name) for a, name in zip(arrays, "WR")]
    how = {"hidden_size": 3, "direction": "bidirectional"}
    how |= {"linear_before_reset": 1} if gates == 3 else {}
    usual = {"activations": names * 2, "layout": 0} | ({"input_forget": 0} if gates == 4 else {})
    path, x = tmp_path / "net.onnx", drawn(5, 2, 4)
    found = []
    for settings in ({}, usual):
        nodes = [node(op, ("x", "W", "R"), **how, **settings)]
        found.append(nn.from_onnx(written(path, nodes, stored))(tg.Tensor(x)).data)
        runtime = pytest.importorskip("onnxruntime").InferenceSession(str(path))
        (expected,) = runtime.run(None, {"x": x})
        np.testing.assert_allclose(found[-1], expected, rtol=1e-4, atol=1e-5)
    others = {"activations": ["Relu", *names[1:]] * 2}, {"clip": 0.1}, {"layout": 1}
    for settings in (*others, *[{"input_forget": 1}] * (gates == 4)):
        (name,) = settings
        hostile = nn.from_onnx(
            written(path, [node(op, ("x", "W", "R"), **how, **settings)], stored)
        )
        with pytest.raises(ValueError, match=f"{name} of a recurrent operator is not known"):
            hostile(tg.Tensor(x))


def test_constants_of_formulas_do_not_learn(tmp_path):
    """The scale of attention is one; a bias or a slope of one number is a parameter."""
    from onnx.numpy_helper import from_array

    arrays = {"scale": [0.5], "b": [0.1], "slope": [0.2], "vector": [2.0, 3.0]}
    stored = [from_array(np.array(a, np.float32), name) for name, a in arrays.items()]
    table = from_array(np.array([1.0, 2.0], np.float32), "table")
    nodes = [
        node("Constant", (), ("c",), value=table),
        node("Mul", ("x", "scale"), ("y0",)),
        node("Add", ("y0", "b"), ("y1",)),
        node("PRelu", ("y1", "slope"), ("y2",)),
        node("Mul", ("y2", "vector"), ("y3",)),
        node("Add", ("y3", "c"), ("y",)),
    ]
    read = nn.from_onnx(written(tmp_path / "net.onnx", nodes, stored))
    learns = {name for name, p in read.state_dict().items() if read.tensors[name].requires_grad}
    assert learns == {"b", "slope", "vector"}
    assert {*read.tensors} == {*learns, "scale", "c"}
    np.testing.assert_allclose(read(tg.Tensor([[1.0, -1.0]])).data, [[2.2, 1.76]], rtol=1e-6)


def test_what_cannot_be_read_is_named(tmp_path):
    path = tmp_path / "net.onnx"
    body = helper.make_graph([], "body", [], [])
    for nodes, message in [
        (
            [node("NonMaxSuppression")],
            r"the_NonMaxSuppression has the operator NonMaxSuppression, which has no",
        ),
        ([node("Foo", domain="com.foo")], r"operator Foo of the domain com\.foo"),
        ([node("Relu", then_branch=body)], "attribute then_branch of a kind that is not known"),
        ([node("MaxPool", outputs=("y", "i"), kernel_shape=[2])], "returns positions of maxima"),
        ([node("Add", inputs=("x", "z"))], "the_Add reads 'z', which nothing makes"),
        ([node("Relu", outputs=("z",))], "nothing makes the output 'y'"),
    ]:
        with pytest.raises(ValueError, match=rf"net\.onnx: .*{message}"):
            nn.from_onnx(written(path, nodes))
    with pytest.raises(ValueError, match="there is no output 'z'; it has y"):
        nn.from_onnx(written(path, [node("Relu")]), outputs=["z"])


def huge(path, dims, **fields):
    tensor = onnx.TensorProto(name="W", data_type=1, dims=dims, **fields)
    return written(path, [node("MatMul", ("x", "W"))], [tensor])


def external(path, location, **entries):
    tensor = onnx.TensorProto(name="W", data_type=1, dims=[2, 2], data_location=1)
    for key, value in {"location": location, **entries}.items():
        tensor.external_data.add(key=key, value=str(value))
    return written(path, [node("MatMul", ("x", "W"))], [tensor])


def test_hostile_files_are_refused_before_memory_is_used(tmp_path):
    path = tmp_path / "net.onnx"
    secret = tmp_path.parent / f"{tmp_path.name}_secret.bin"
    secret.write_bytes(bytes(16))
    (tmp_path / "short.bin").write_bytes(bytes(8))
    os.symlink(secret, tmp_path / "link.bin")
    for dims, fields, message in [
        ([1 << 40, 1 << 20], {"raw_data": b"1234"}, r"W, .*\(.*\).*, has 4 bytes"),
        ([-1], {"raw_data": b"1234"}, r"W would have the shape \(-1,\)"),
        ([1 << 40], {}, r"W, of shape .*, has 0 numbers"),
    ]:
        with pytest.raises(ValueError, match=rf"net\.onnx: {message}"):
            nn.from_onnx(huge(path, dims, **fields))
    for location in (f"../{secret.name}", str(secret), "link.bin", "none.bin", ""):
        with pytest.raises(ValueError, match="not a file in the folder of the model"):
            nn.from_onnx(external(path, location))
    for entries in ({}, {"offset": 4, "length": 16}, {"offset": -16}, {"length": 4}):
        with pytest.raises(ValueError, match=r"W needs 16 bytes, but its place in 'short\.bin'"):
            nn.from_onnx(external(path, "short.bin", **entries))
    (tmp_path / "long.bin").write_bytes(np.arange(6, dtype="<f4").tobytes())
    read = nn.from_onnx(external(path, "long.bin", offset=8))
    np.testing.assert_array_equal(read.state_dict()["W"], [[2, 3], [4, 5]])


def test_a_node_that_cannot_be_computed_is_named_whatever_the_error_is(file):
    network = nn.from_onnx(file)
    causes = [KeyError("x"), ZeroDivisionError("x"), AttributeError("x"), MemoryError("x")]
    causes += [UnicodeDecodeError("utf-8", b"", 0, 1, "x"), OverflowError("x")]
    for cause in causes:

        def fail(*_, cause=cause, **__):
            raise cause

        network.operations = tuple(op._replace(function=fail) for op in network.operations)
        with pytest.raises(ValueError, match=r"net\.onnx: the node .*x"):
            network(tg.Tensor(np.ones((1, 4), np.float32)))


def test_an_output_that_an_operator_does_not_have_is_named(tmp_path):
    path = tmp_path / "net.onnx"
    unused = written(path, [node("Relu", outputs=("y", "z"))])
    assert nn.from_onnx(unused)(tg.Tensor(np.ones(2))).shape == (2,)
    for nodes in (
        [node("Relu", outputs=("a", "z")), node("Abs", inputs=("z",))],
        [node("Relu", outputs=("a", "y"))],
    ):
        network = nn.from_onnx(written(path, nodes))
        with pytest.raises(ValueError, match=r"net\.onnx: the node the_Relu has the output [zy], "):
            network(tg.Tensor(np.ones(2)))


def test_a_size_that_a_file_asks_for_has_a_limit(tmp_path):
    shape = onnx.numpy_helper.from_array(np.array([1 << 40, 1 << 10]), "s")
    for nodes in ([node("Expand", ("x", "s"))], [node("ConstantOfShape", ("s",))]):
        network = nn.from_onnx(written(tmp_path / "net.onnx", nodes, [shape]))
        with pytest.raises(ValueError, match=r"net\.onnx: the node the_\w+: .* the limit of"):
            network(tg.Tensor(np.ones((1, 1), np.float32)))


def test_damaged_files_give_an_error_with_their_name(file):
    data = file.read_bytes()
    rng = np.random.default_rng(0)
    refused = 0
    for k in range(300):
        damaged = bytearray(data)
        if k % 2:
            del damaged[rng.integers(len(data)) :]
        for at in rng.integers(len(damaged), size=k % 4 + 1) if damaged else ():
            damaged[at] = rng.integers(256)
        file.write_bytes(bytes(damaged))
        message = ""
        try:
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                nn.from_onnx(file)(tg.Tensor(np.ones((2, 4), np.float32)))
        except (ValueError, TypeError) as error:
            message = str(error)
        refused += "net.onnx" in message
        assert "net.onnx" in message or not message
    assert refused > 100


def test_without_onnx_an_error_says_what_to_install(file, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ImportError, match="pip install onnx"):
        nn.from_onnx(file)


@pytest.mark.parametrize(
    ("op", "attributes", "opset", "x", "expected"),
    [
        ("Softmax", {}, 11, np.ones((2, 2, 2)), np.full((2, 2, 2), 0.25)),
        ("Softmax", {}, 13, np.ones((2, 2, 2)), np.full((2, 2, 2), 0.5)),
        ("ReduceSum", {"axes": [1], "keepdims": 0}, 11, np.ones((2, 3)), np.full(2, 3.0)),
        ("Unsqueeze", {"axes": [0]}, 11, np.ones(2), np.ones((1, 2))),
        ("Slice", {"starts": [1], "ends": [9], "axes": [1]}, 9, np.eye(2), np.array([[0.0], [1.0]])),
        ("Clip", {"min": 0.0, "max": 0.5}, 9, np.array([-1.0, 0.2, 3]), np.array([0, 0.2, 0.5])),
        ("Pad", {"pads": [1, 0]}, 9, np.ones(1), np.array([0.0, 1.0])),
        ("AveragePool", {"kernel_shape": [2], "pads": [1, 0], "count_include_pad": 1}, 18, np.ones((1, 1, 2)), [[[0.5, 1]]]),
        ("MaxPool", {"kernel_shape": [2], "auto_pad": "SAME_UPPER"}, 18, np.array([[[1.0, 3, 2]]]), [[[3.0, 3, 2]]]),
        ("HardSigmoid", {}, 18, np.array([-9.0, 0, 9]), np.array([0, 0.5, 1])),
        ("Selu", {}, 18, np.array([1.0]), np.array([1.050701])),
        ("Flatten", {"axis": 2}, 18, np.ones((2, 3, 4)), np.ones((6, 4))),
        ("Dropout", {"ratio": 0.5}, 9, np.ones(3), np.ones(3)),
    ],
)  # fmt: skip
def test_operators_of_older_and_newer_opsets(op, attributes, opset, x, expected, tmp_path):
    path = written(tmp_path / "net.onnx", [node(op, **attributes)], opset=opset)
    found = nn.from_onnx(path)(tg.Tensor(x.astype(np.float32))).data
    np.testing.assert_allclose(found, expected, rtol=1e-6)
