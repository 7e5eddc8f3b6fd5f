"""Exported networks: a Python file in NumPy alone, and an ONNX model, that predict the same."""

import json
import runpy
import shutil
import subprocess
import sys

import numpy as np
import pytest

import nn
import nn.export
import tensorgrad as tg
from examples import networks
from tests.program.test_compile import drawn
from tests.program.test_layers import LAYERS

# Runs in a process that has neither this library nor anything else but NumPy.
ALONE = """
import importlib.util, sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        known = name.partition(".")[0] in {*sys.stdlib_module_names, "numpy"}
        if not known and not name.startswith("_"):
            raise ImportError(f"{name} is blocked")
sys.meta_path.insert(0, Blocked())
"""
PREDICT_ALL = (
    ALONE
    + """
import json, pathlib, runpy
import numpy as np
for name in json.loads(sys.argv[1]):
    predict = runpy.run_path(f"{name}.py")["predict"]
    with np.load(f"{name}_in.npz") as given:
        np.savez(f"{name}_out.npz", *(predict(given[key]) for key in given.files))
"""
)


def run_alone(folder, code, *args, check=True):
    """Run code in a process with NumPy alone, in a folder."""
    return subprocess.run(
        [sys.executable, "-I", "-c", code, *args],
        cwd=folder,
        capture_output=True,
        text=True,
        check=check,
    )


def test_every_layer_predicts_in_numpy_alone(tmp_path):
    names = {name.replace(" ", "_"): name for name in LAYERS}
    expected = {}
    for stem, name in names.items():
        make, x = LAYERS[name]
        layer = make().eval()
        layer.export(tmp_path / f"{stem}.py", x.shape[1:])
        batches = [drawn(n, *x.shape[1:], seed=n) for n in (1, 4, 7)]
        np.savez(tmp_path / f"{stem}_in.npz", *batches)
        expected[stem] = [layer(tg.Tensor(batch)).data for batch in batches]
    run_alone(tmp_path, PREDICT_ALL, json.dumps(list(names)))
    for stem, arrays in expected.items():
        with np.load(tmp_path / f"{stem}_out.npz") as found:
            for key, array in zip(found.files, arrays, strict=True):
                assert found[key].dtype == array.dtype
                np.testing.assert_allclose(found[key], array, rtol=1e-5, atol=1e-5, err_msg=stem)


def small(**options):
    """Return a small network, which was not trained."""
    return nn.Sequential(
        nn.Dense(4, 8, rng=0), nn.ReLU(), nn.Dropout(0.5, rng=0), nn.Dense(8, 3, rng=1), nn.Softmax()
    ).eval()  # fmt: skip


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """Return the folder of a small network's file."""
    folder = tmp_path_factory.mktemp("exported")
    small().export(folder / "net.py", classes=["cat", "dog", "owl"])
    return folder


def test_the_file_checks_what_it_is_given(exported):
    predict = runpy.run_path(str(exported / "net.py"))["predict"]
    x = drawn(5, 4)
    np.testing.assert_allclose(predict(x), small()(tg.Tensor(x)).data, rtol=1e-6)
    assert predict(x.astype(">f8")).dtype == np.float32
    assert predict(x[:0]).shape == (0, 3)
    assert predict([[1, 2, 3, 4]]).shape == (1, 3)
    long = drawn(2050, 4)  # more than are computed at a time
    np.testing.assert_allclose(predict(long), small()(tg.Tensor(long)).data, rtol=1e-5)
    with pytest.raises(ValueError, match=r"this is one sample: write x\[None\]"):
        predict(x[0])
    with pytest.raises(ValueError, match=r"takes samples of shape \(4,\).* has shape \(4, 5\)"):
        predict(x.T)
    with pytest.raises(TypeError, match="takes real numbers, but this array has dtype <U1"):
        predict(np.array([["a"] * 4]))


def test_the_command_line_reads_files_from_any_folder(exported, tmp_path):
    np.save(tmp_path / "one.npy", drawn(4))
    np.save(tmp_path / "two.npy", drawn(2, 4))
    np.save(tmp_path / "code.npy", np.array([print], object), allow_pickle=True)
    command = [sys.executable, "-I", str(exported / "net.py")]
    done = subprocess.run(
        [*command, "one.npy", "two.npy"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    lines = done.stdout.splitlines()
    assert [line.partition(":")[0] for line in lines] == ["one.npy", "two.npy", "two.npy"]
    assert all(name in lines[0] for name in ("cat", "dog", "owl", "%"))
    failed = subprocess.run(
        [*command, "code.npy", "none.npy", "one.npy"], cwd=tmp_path, capture_output=True, text=True
    )
    assert failed.returncode == 1
    assert "code.npy: error: Object arrays cannot be loaded" in failed.stderr
    assert "none.npy: error: [Errno 2]" in failed.stderr
    assert failed.stdout.startswith("one.npy:")


def test_weights_that_do_not_belong_are_refused(exported, tmp_path):
    file = shutil.copy(exported / "net.py", tmp_path / "net.py")
    with pytest.raises(FileNotFoundError, match=r"put net\.npz into "):
        runpy.run_path(file)
    data = (exported / "net.npz").read_bytes()
    (tmp_path / "net.npz").write_bytes(data[: len(data) // 2])
    with pytest.raises(ValueError, match=r"net\.npz is damaged, or belongs to another file"):
        runpy.run_path(file)
    np.savez(tmp_path / "net.npz", weights=np.ones(3))
    with pytest.raises(ValueError, match="damaged, or belongs to another file"):
        runpy.run_path(file)
    with np.load(exported / "net.npz") as arrays:
        np.savez(tmp_path / "net.npz", **dict(arrays) | {"biases": np.ones(9)})
    with pytest.raises(ValueError, match=r"biases has shape \(9,\) and dtype float64, not \(8,\)"):
        runpy.run_path(file)


SCALE = 2.0


def doubled(x):
    """Return twice a number of the file."""
    return SCALE * x


def read_text(path: str) -> np.ndarray:
    """Read numbers from a text file."""
    if path.endswith(".no"):
        import no_such_package  # noqa: F401
    return doubled(np.loadtxt(path, dtype=np.float32))


def predict(x):
    """Return x, under a name that the file has."""
    return x


def read_by_predict(path):
    """Read an array."""
    return predict(np.load(path))


def test_a_reader_is_written_into_the_file(tmp_path):
    small().export(tmp_path / "net.py", reader=read_text, classes=["cat", "dog", "owl"])
    np.savetxt(tmp_path / "x.txt", [1, 2, 3, 4])
    code = (
        ALONE
        + "import runpy; sys.argv = sys.argv[1:]; runpy.run_path('net.py', run_name='__main__')"
    )
    done = run_alone(tmp_path, code, "net.py", "x.txt")
    best = small()(tg.Tensor(np.float32([[2, 4, 6, 8]]))).data.argmax()
    assert done.stdout.startswith(f"x.txt: {['cat', 'dog', 'owl'][best]} ")
    done = run_alone(tmp_path, code, "net.py", "x.no", check=False)
    assert "x.no: error: no_such_package is blocked" in done.stderr


def test_readers_that_cannot_stand_alone_are_refused(tmp_path):
    bound = SCALE

    def closure(path):
        return np.load(path) * bound

    def library(path):
        return tg.relu(np.load(path))

    for reader, message in [
        (read_by_predict, "the file has a function predict already"),
        (closure, "a function defined by def at the top of a file"),
        (lambda path: path, "a function defined by def at the top of a file"),
        (library, "library uses tensorgrad, which may not be installed"),
    ]:
        with pytest.raises(TypeError, match=message):
            small().export(tmp_path / "net.py", reader=reader)
    assert list(tmp_path.iterdir()) == []


@nn.register
class Chooses(nn.Module):
    def forward(self, x):
        return x if x.sum() > 0 else -x


@nn.register
class Own(nn.Module):
    """A layer that asks for its mode."""

    def forward(self, x):
        return x * 2 if self.training else x


@pytest.mark.parametrize("suffix", [".py", ".onnx"])
def test_modules_that_have_no_file_are_named(suffix, tmp_path):
    if suffix == ".onnx":
        pytest.importorskip("onnx")
    path = tmp_path / f"net{suffix}"
    with pytest.raises(TypeError, match=r"net\..* was not written: the truth of a traced value"):
        Chooses().export(path, (4,))
    with pytest.raises(ValueError, match=r"2 \(Dropout\) is in training mode.* module\.eval\(\)"):
        small().train().export(path)
    with pytest.raises(ValueError, match=r"0 \(BatchNorm\), 1 \(Own\) are in training mode"):
        nn.Sequential(nn.BatchNorm(4), Own(), nn.ReLU()).export(path, (4,))
    with pytest.raises(ValueError, match=r"no data yet; give the shape, as .* or export\(path, "):
        nn.Sequential(nn.Flatten(), nn.Dense(4, 2)).export(path)
    with pytest.raises(OSError, match="does not exist; create it first"):
        small().export(tmp_path / "no" / f"net{suffix}")
    (tmp_path / "folder.py").mkdir()
    (tmp_path / "folder.onnx").mkdir()
    with pytest.raises(OSError, match="this is a folder"):
        small().export(tmp_path / f"folder{suffix}")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["folder.onnx", "folder.py"]


def test_other_suffixes_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"export writes a file \.py or \.onnx"):
        small().export(tmp_path / "net.h5")


def test_a_function_without_source_is_refused(tmp_path):
    space = {"np": np}
    exec("def own(x):\n    return np.array([2 * float(v) for v in x.flat]).reshape(x.shape)", space)
    with pytest.raises(TypeError, match=r"net\.py was not written: own: .* has no source text"):
        nn.Function(tg.primitive(space["own"])).export(tmp_path / "net.py", (3,))


def test_both_files_are_written_or_none(tmp_path, monkeypatch):
    small().export(tmp_path / "net.py")
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    write = nn.export.write_file

    def full(path, data):
        if path.suffix == ".py":
            raise OSError(28, "No space left on device", str(path))
        return write(path, data)

    monkeypatch.setattr(nn.export, "write_file", full)
    other = nn.Sequential(nn.Dense(4, 2, rng=3))
    with pytest.raises(OSError, match="No space left"):
        other.export(tmp_path / "net.py")
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before
    with pytest.raises(OSError, match="No space left"):
        other.export(tmp_path / "new.py")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["net.npz", "net.py"]


@nn.register
class TwoInputs(nn.Module):
    def __init__(self):
        self.dense = nn.Dense(4, 3, rng=0)

    def forward(self, features, index):
        return self.dense(features) + index[:, None]


def test_a_network_of_two_inputs(tmp_path):
    module = TwoInputs()
    features, index = drawn(5, 4), np.arange(5)
    model = nn.Model(module)
    assert model.predict({"index": index, "features": features}).shape == (5, 3)
    model.export(tmp_path / "net.py")
    predict = runpy.run_path(str(tmp_path / "net.py"))["predict"]
    expected = module(tg.Tensor(features), tg.Tensor(index)).data
    np.testing.assert_allclose(predict(features, index), expected, rtol=1e-6)
    with pytest.raises(ValueError, match=r"the inputs have \[5, 4\] samples"):
        predict(features, index[:4])
    with pytest.raises(TypeError, match="index takes integers"):
        predict(features, index + 0.5)
    onnxruntime = pytest.importorskip("onnxruntime")
    model.export(tmp_path / "net.onnx", classes=["a", "b", "c"], preprocessing="none")
    session = onnxruntime.InferenceSession(tmp_path / "net.onnx")
    assert [i.name for i in session.get_inputs()] == ["features", "index"]
    assert session.get_modelmeta().custom_metadata_map == {
        "classes": '["a", "b", "c"]',
        "preprocessing": "none",
        "parameters": '["dense.weights", "dense.biases"]',
        "frozen": "[]",
    }
    found = session.run(None, {"features": features, "index": index})[0]
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_a_model_is_exported_in_evaluation_mode_with_the_shape_of_its_data(tmp_path):
    model = nn.Model(nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.BatchNorm(4), nn.Dense(4, 2)))
    model.set(loss=nn.CategoricalCrossentropy(from_logits=True), optimizer=nn.Adam())
    with pytest.raises(ValueError, match="give the shape"):
        model.export(tmp_path / "net.py")
    model.train(drawn(6, 2, 2), np.zeros(6, int), print_every=None)
    model.module.train()
    assert model.export(tmp_path / "net.py") == tmp_path / "net.py"
    assert all(part.training for part in model.module.modules())
    predict = runpy.run_path(str(tmp_path / "net.py"))["predict"]
    x = drawn(3, 2, 2)
    np.testing.assert_allclose(predict(x), model.predict(x), rtol=1e-5, atol=1e-6)


def fashion(network, steps, n_test):
    """Return a network trained for a few steps, and test pictures."""
    args = type("Args", (), {
        "batch_norm": True, "channels": [16, 32], "hidden": [128] if network == "cnn" else [128, 128],
        "dropout": 0.1, "l2": 0.0, "initializer": "he",
    })  # fmt: skip
    data = nn.datasets.fashion_mnist(download=False)
    model = nn.Model(getattr(networks, network)(args, np.random.default_rng(0)))
    model.set(loss=nn.CategoricalCrossentropy(), optimizer=nn.Adam())
    X = networks.pictures(data.X_train[: 128 * steps])
    X = X.reshape(len(X), -1) if network == "mlp" else X
    model.train(X, data.y_train[: len(X)], batch_size=128, print_every=None)
    test = networks.pictures(data.X_test[:n_test])
    return model, test.reshape(len(test), *X.shape[1:])


def assert_same_classes(network, steps, n_test, folder):
    onnxruntime = pytest.importorskip("onnxruntime")
    model, X = fashion(network, steps, n_test)
    expected = model.predict(X)
    model.export(folder / "net.py")
    model.export(folder / "net.onnx")
    session = onnxruntime.InferenceSession(folder / "net.onnx")
    for found in (
        runpy.run_path(str(folder / "net.py"))["predict"](X),
        np.concatenate([session.run(None, {"x": x})[0] for x in np.split(X, 10)]),
    ):
        np.testing.assert_array_equal(found.argmax(axis=1), expected.argmax(axis=1))
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.filterwarnings("ignore::nn.datasets.SyntheticDataWarning")
@pytest.mark.parametrize("network", ["mlp", "cnn"])
def test_the_same_classes_of_fashion_mnist(network, tmp_path):
    assert_same_classes(network, 4, 200, tmp_path)


@pytest.mark.long
@pytest.mark.parametrize("network", ["mlp", "cnn"])
def test_the_same_classes_of_all_test_pictures(network, tmp_path):
    assert_same_classes(network, 468, 10_000, tmp_path)
