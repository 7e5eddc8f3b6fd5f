"""Files of parameters and models: complete, exact, without code, with errors for wrong files."""

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import nn
import tensorgrad as tg
from nn import archive, bits
from nn.archive import read_parameters
from nn.config import KINDS

pytest.importorskip("safetensors")

data = np.random.default_rng(0)
y = data.integers(3, size=90)
X = (2 * np.eye(3)[y] @ data.normal(size=(3, 5)) + data.normal(size=(90, 5))).astype(np.float32)


def network(rng: np.random.Generator) -> nn.Sequential:
    """Make a network in which two dropouts share a generator with the layers; a third has its own."""
    return nn.Sequential(
        nn.Dense(5, 16, weight_regularizer_l2=1e-3, rng=rng),
        nn.ReLU(),
        nn.Dropout(0.2, rng=rng),
        nn.Sequential(nn.Dense(16, 8, initializer="he", rng=rng), nn.Tanh()),
        nn.Dropout(0.1, rng=rng),
        nn.Dropout(0.1, rng=np.random.Generator(np.random.MT19937(5))),
        nn.Dense(8, 3, rng=rng),
        nn.Softmax(),
    )


def trained(epochs: int = 2, *, optimizer: nn.Optimizer | None = None) -> nn.Model:
    model = nn.Model(network(np.random.default_rng(1)))
    model.set(
        loss=nn.CategoricalCrossentropy(),
        optimizer=optimizer or nn.Adam(learning_rate=0.02, decay=1e-2),
        accuracy=nn.CategoricalAccuracy(),
    )
    model.train(X, y, epochs=epochs, batch_size=20, print_every=0, validation_data=(X, y), seed=2)
    return model


def timeless(history: nn.History) -> dict[str, np.ndarray]:
    return {k: a for k, a in history.state_dict().items() if not k.endswith("time")}


def assert_same(model: nn.Model, other: nn.Model) -> None:
    """Assert that everything a training depends on is equal bit for bit."""
    np.testing.assert_equal(model.get_parameters(), other.get_parameters())
    np.testing.assert_equal(model.optimizer.state_dict(), other.optimizer.state_dict())
    np.testing.assert_equal(timeless(model.history), timeless(other.history))
    assert model.rng.bit_generator.state == other.rng.bit_generator.state
    for i in (2, 4, 5):
        states = [m.module[i].rng.bit_generator.state for m in (model, other)]
        np.testing.assert_equal(*states)
    assert repr(model) == repr(other)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Save a model and its parameters in two files of a folder."""
    folder = tmp_path_factory.mktemp("files")
    model = trained()
    model.save(folder / "a.model")
    model.save_parameters(folder / "a.params")
    return folder


# Loading


def test_training_resumed_in_a_new_process_equals_training_not_interrupted(folder, tmp_path):
    np.savez(tmp_path / "data.npz", X=X, y=y)
    script = """
import numpy as np, nn
data = np.load("data.npz")
model = nn.Model.load("paused.model")
X, y = data["X"], data["y"]
model.train(X, y, epochs=3, batch_size=20, print_every=0, validation_data=(X, y))
model.save("resumed.model")
"""
    (tmp_path / "paused.model").write_bytes((folder / "a.model").read_bytes())
    root = str(Path(nn.__file__).parents[1])
    subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": root},
        check=True,
    )
    assert_same(nn.Model.load(tmp_path / "resumed.model"), trained(epochs=5))


@pytest.mark.parametrize(
    "optimizer",
    [nn.SGD(momentum=0.9), nn.Adagrad(), nn.RMSprop(rho=0.8)],
    ids=lambda optimizer: type(optimizer).__name__,
)
def test_every_optimizer_comes_back(optimizer, tmp_path):
    model = trained(optimizer=optimizer)
    model.save(tmp_path / "m")
    loaded = nn.Model.load(tmp_path / "m")
    assert_same(loaded, model)
    for m in (model, loaded):
        m.train(X, y, epochs=2, batch_size=20, print_every=0, validation_data=(X, y))
    assert_same(loaded, model)


def test_generators_that_were_shared_still_are(folder):
    layers = nn.Model.load(folder / "a.model").module
    assert layers[2].rng is layers[4].rng
    assert layers[2].rng is not layers[5].rng


@pytest.mark.parametrize("kind", bits.BIT_GENERATORS)
def test_every_kind_of_generator_comes_back(kind, tmp_path):
    model = nn.Model(nn.Dropout(0.5, rng=np.random.Generator(getattr(np.random, kind)(3))))
    model.module.rng.random(7, np.float32)
    model.save(tmp_path / "m")
    loaded = nn.Model.load(tmp_path / "m")
    np.testing.assert_array_equal(loaded.module.rng.random(9), model.module.rng.random(9))


def test_a_model_that_never_trained_and_one_without_parts(tmp_path):
    model = nn.Model(nn.Sequential(nn.Dense(5, 3, dtype=np.float64), nn.Softmax()))
    model.save(tmp_path / "m")
    loaded = nn.Model.load(tmp_path / "m")
    assert loaded.loss is loaded.optimizer is loaded.accuracy is None
    assert loaded.module[0].weights.dtype == np.float64
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))
    model.set(loss=nn.CategoricalCrossentropy(), optimizer=nn.Adam())
    model.save(tmp_path / "m")
    loaded = nn.Model.load(tmp_path / "m")
    for m in (model, loaded):
        m.train(X, y, print_every=0)
    np.testing.assert_equal(model.get_parameters(), loaded.get_parameters())


def test_an_optimizer_of_some_parameters_comes_back_with_those(tmp_path):
    model = trained(optimizer=nn.SGD())
    model.set(optimizer=nn.Adam(model.module[6].parameters()))
    model.train(X, y, print_every=0)
    model.save(tmp_path / "m")
    loaded = nn.Model.load(tmp_path / "m")
    assert [p.shape for p in loaded.optimizer.parameters] == [(8, 3), (3,)]
    for m in (model, loaded):
        m.train(X, y, print_every=0)
    np.testing.assert_equal(model.get_parameters(), loaded.get_parameters())


def test_a_layer_can_be_added_to_a_loaded_model(folder):
    model = nn.Model.load(folder / "a.model")
    model.add(nn.Tanh())
    model.add(nn.Dense(3, 3))
    model.finalize()
    model.set(loss=nn.CategoricalCrossentropy(from_logits=True))
    model.train(X, y, print_every=0)
    assert len(model.optimizer.parameters) == 8


@nn.register
class Scaled(nn.Module):
    def __init__(self, factor: float, inner: nn.Module):
        self.factor = factor
        self.inner = inner
        self.shift = tg.Tensor(np.full((), 3.0, np.float32), requires_grad=True)

    def forward(self, x):
        return self.inner(x) * self.factor + self.shift


def test_a_module_of_ones_own(tmp_path):
    model = nn.Model(Scaled(2.0, nn.Dense(5, 3)))
    model.save(tmp_path / "m")
    loaded = nn.Model.load(tmp_path / "m")
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))
    assert loaded.get_parameters()["shift"].shape == ()


class Norm(nn.Module):
    """Subtraction of a running mean."""

    def __init__(self, n: int):
        self.n = n
        self.buffer("mean", np.zeros(n, np.float32))
        self.buffer("seen", 0)
        self.shift = tg.Tensor(np.zeros(n, np.float32), requires_grad=True)

    def forward(self, x):
        if self.training:
            self.mean = 0.5 * self.mean + x.data.mean(0) / 2
            self.seen += len(x)
        self.centered = (x - self.mean).detach()  # a result, which no file needs
        return x - self.mean + self.shift


def normalizing(norm: nn.Module) -> nn.Model:
    model = nn.Model(nn.Sequential(norm, nn.Dense(5, 3, rng=0), nn.Softmax()))
    model.set(loss=nn.CategoricalCrossentropy(), optimizer=nn.Adam())
    return model


@pytest.fixture
def own_kinds(monkeypatch):
    """Forget the classes that a test registers."""
    monkeypatch.setattr("nn.config.KINDS", KINDS.copy())


@pytest.mark.usefixtures("own_kinds")
def test_buffers_are_in_both_kinds_of_files(tmp_path):
    nn.register(Norm)
    model = normalizing(Norm(5))
    model.train(X + 10, y, epochs=2, batch_size=20, print_every=0)
    assert model.module[0].seen == 180
    assert model.module[0].mean.mean() > 5
    model.save(tmp_path / "m")
    loaded = nn.Model.load(tmp_path / "m")
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))
    model.save_parameters(tmp_path / "p")
    fresh = normalizing(Norm(5))
    fresh.load_parameters(tmp_path / "p")
    np.testing.assert_array_equal(fresh.predict(X), model.predict(X))
    np.testing.assert_equal(loaded.get_parameters(), fresh.get_parameters())


def test_training_with_frozen_layers_resumes(tmp_path):
    """A model's file says what is frozen, so that training continues; a file of parameters does not."""
    model = trained(1)
    model.module[0].freeze()
    model.module[3][0].biases.requires_grad = False
    frozen = [p.is_frozen for p in model.module.parameters()]
    before = model.get_parameters()
    model.train(X, y, batch_size=20, print_every=0)
    model.save(tmp_path / "m")
    loaded = nn.Model.load(tmp_path / "m")
    assert [p.is_frozen for p in loaded.module.parameters()] == frozen
    for m in (model, loaded):
        m.train(X, y, batch_size=20, print_every=0)
        assert [p.is_frozen for p in m.module.parameters()] == frozen
    assert_same(model, loaded)
    changed = [not np.array_equal(before[k], a) for k, a in model.get_parameters().items()]
    assert changed == [not flag for flag in frozen]
    model.save_parameters(tmp_path / "p")
    loaded.module.unfreeze()
    loaded.load_parameters(tmp_path / "p")
    assert not any(p.is_frozen for p in loaded.module.parameters())


def test_layers_that_were_frozen_for_a_while_resume(tmp_path):
    """The corrections of Adam count the steps of each parameter, which the file says too."""
    model = trained(1)
    model.module[0].freeze()
    steps = len(model.train(X, y, batch_size=20, print_every=0).steps["loss"]) // 2
    model.save(tmp_path / "m")
    loaded = nn.Model.load(tmp_path / "m")
    for m in (model, loaded):
        m.module.unfreeze()
        m.train(X, y, batch_size=20, print_every=0)
        assert {*m.optimizer.state_dict()["missed"]} == {0, steps}
    assert_same(model, loaded)


# fmt: off
HOLDERS = {  # an attribute made by the constructor, and by `forward` of a mean
    "an array":     (np.zeros(5),            lambda mean: mean),
    "a constant":   (tg.Tensor(np.zeros(5)), tg.Tensor),
    "made late":    (None,                   lambda mean: mean),
    "a number":     (np.float64(0),          np.mean),
    "in a dict":    ({"a": np.zeros(5)},     lambda mean: {"a": mean}),
    "in a list":    ([],                     lambda mean: [mean]),
}
# fmt: on


class Losing(nn.Module):
    def __init__(self, holder: str):
        self.holder = holder
        self.state = HOLDERS[holder][0]

    def forward(self, x):
        if self.training:
            self.state = HOLDERS[self.holder][1](x.data.mean(0))
        return x


@pytest.mark.parametrize("holder", HOLDERS)
@pytest.mark.usefixtures("own_kinds")
def test_arrays_that_a_file_would_lose_are_refused(holder, tmp_path, monkeypatch):
    nn.register(Losing)
    model = normalizing(Losing(holder))
    model.save(tmp_path / "fresh")
    model.train(X, y, print_every=0)
    with pytest.raises(TypeError, match=r"its array state.* is not.*write self\.buffer\('state"):
        model.save(tmp_path / "m")
    assert not (tmp_path / "m").exists()
    monkeypatch.setattr(Losing, "transient", ("state",))
    model.save(tmp_path / "m")


@pytest.mark.usefixtures("own_kinds")
def test_a_module_without_parameters_that_was_added_later_is_refused(tmp_path):
    @nn.register
    class Net(nn.Module):
        def __init__(self):
            self.layer = nn.Dense(5, 3)

        def forward(self, x):
            return self.layer(x)

    net = Net()
    net.activation = nn.ReLU()
    with pytest.raises(TypeError, match=r"or modules \(activation\)"):
        nn.Model(net).save(tmp_path / "m")


def test_arrays_of_dtypes_that_numpy_lacks(tmp_path):
    torch = pytest.importorskip("torch")
    from safetensors.torch import save_file

    weights, path = (
        torch.randn(4, 8, generator=torch.manual_seed(0)).bfloat16(),
        tmp_path / "foreign",
    )
    others = {
        "bool": torch.tensor([True, False]),
        "int8": torch.tensor([[-3]], dtype=torch.int8),
        "float16": torch.tensor(0.1, dtype=torch.float16),
    }
    save_file({"weights": weights, **others}, path)
    with pytest.warns(UserWarning, match="by another program"):
        found = read_parameters(path)
    np.testing.assert_array_equal(found.pop("weights"), weights.float().numpy(), strict=True)
    for name, array in found.items():
        np.testing.assert_array_equal(array, others[name].numpy(), strict=True)
    dense = nn.Dense(4, 8)
    save_file({"weights": weights, "biases": torch.zeros(8)}, path)
    with pytest.warns(UserWarning, match="by another program"):
        dense.load_parameters(path)
    np.testing.assert_array_equal(dense.weights.data, weights.float().numpy(), strict=True)
    save_file({"weights": weights.to(torch.float8_e4m3fn)}, path)
    with pytest.raises(
        ValueError, match=r"weights has the dtype F8_E4M3, .* convert it to float32"
    ):
        dense.load_parameters(path)


def test_files_of_other_formats_are_named(tmp_path):
    path = tmp_path / "other"
    for content, name in [
        (b"PK\3\4" + bytes(20), r"a zip file, as torch\.save and np\.savez write"),
        (b"\x80\2" + bytes(20), "a pickle"),
        (b"\x93NUMPY" + bytes(20), r"a file of np\.save"),
        (b"\x89HDF" + bytes(20), "an HDF5 file, as Keras writes"),
        (b"\x1f\x8b" + bytes(20), "a gzip file"),
    ]:
        path.write_bytes(content)
        for load in (nn.Model.load, nn.Dense(2, 2).load_parameters):
            with pytest.raises(ValueError, match=f"begins like {name}.* to module.load_state_dict"):
                load(path)


def test_parameters_open_in_safetensors_for_pytorch(folder):
    torch = pytest.importorskip("torch")
    from safetensors.torch import load_file, save_file

    parameters = nn.Model.load(folder / "a.model").get_parameters()
    tensors = load_file(folder / "a.params")
    assert tensors.keys() == parameters.keys()
    for name, tensor in tensors.items():
        np.testing.assert_array_equal(tensor.numpy(), parameters[name])
    save_file({k: 2 * t for k, t in tensors.items()}, folder / "torch.params")
    model = trained()
    with pytest.warns(UserWarning, match=r"by another program, without a checksum"):
        model.load_parameters(folder / "torch.params")
    np.testing.assert_array_equal(model.get_parameters()["6.biases"], 2 * parameters["6.biases"])
    assert torch.equal(tensors["6.biases"] * 2, load_file(folder / "torch.params")["6.biases"])


def test_parameters_in_any_memory_order_and_under_any_name(tmp_path):
    model = nn.Model(nn.Dense(5, 3))
    model.module.weights.data = np.asfortranarray(model.module.weights.data)
    path = tmp_path / "weights, größer.params.old"
    model.save_parameters(path)
    other = nn.Model(nn.Dense(5, 3))
    other.load_parameters(str(path))
    np.testing.assert_equal(other.get_parameters(), model.get_parameters())


# Writing


def test_a_failed_write_leaves_the_old_file(folder, tmp_path, monkeypatch):
    path = tmp_path / "m"
    path.write_bytes(b"what was there")
    model = nn.Model.load(folder / "a.model")

    def full(*_):
        raise OSError(28, "No space left on device")

    for name in ("fsync", "replace"):
        with monkeypatch.context() as patch:
            patch.setattr(os, name, full)
            for save in (model.save, model.save_parameters):
                with pytest.raises(OSError, match="No space left"):
                    save(path)
    assert [p.name for p in tmp_path.iterdir()] == ["m"]
    assert path.read_bytes() == b"what was there"


def test_what_cannot_be_saved_is_told_before_the_file_is_touched(tmp_path):
    class Mine(nn.Module):
        def forward(self, x):
            return x

    path = tmp_path / "m"
    path.write_bytes(b"what was there")
    model = nn.Model(nn.Sequential(nn.Dense(5, 3), Mine()))
    with pytest.raises(
        TypeError, match=r"Mine cannot be saved, .*put @nn.register above its class"
    ):
        model.save(path)
    wide = nn.Model(nn.Dense(5, 3, dtype=np.longdouble))
    if wide.module.weights.dtype.itemsize > 8:
        with pytest.raises(TypeError, match=r"was not written: .*float128"):
            wide.save_parameters(path)
    assert path.read_bytes() == b"what was there"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_module_that_could_not_be_loaded_is_not_saved(tmp_path):
    """The description has each layer's arguments, but not that one layer is in two places."""
    layer = nn.Dense(5, 5)
    model = nn.Model(nn.Sequential(layer, nn.ReLU(), layer))
    with pytest.raises(TypeError, match=r"or modules \(2, 2.biases, 2.weights\), because one"):
        model.save(tmp_path / "m")
    tied = nn.Sequential(nn.Dense(5, 5), nn.Dense(5, 5))
    tied[1].weights = tied[0].weights
    with pytest.raises(TypeError, match=r"or modules \(1.weights\)"):
        nn.Model(tied).save(tmp_path / "m")
    assert not list(tmp_path.iterdir())
    model.save_parameters(tmp_path / "p")
    other = nn.Model(nn.Sequential(again := nn.Dense(5, 5), nn.ReLU(), again))
    other.load_parameters(tmp_path / "p")
    np.testing.assert_array_equal(other.predict(X), model.predict(X))


@nn.register
class Twice(nn.Module):
    def __init__(self, n: int):
        self.n = n
        self.layer = self.again = nn.Dense(n, n)

    def forward(self, x):
        return self.again(self.layer(x))


def test_a_constructor_that_shares_a_layer_is_saved(tmp_path):
    model = nn.Model(Twice(5))
    model.save(tmp_path / "m")
    loaded = nn.Model.load(tmp_path / "m")
    assert loaded.module.layer is loaded.module.again
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))


def test_a_name_may_be_as_long_as_the_file_system_allows(tmp_path):
    path = tmp_path / ("m" * 255)
    nn.Model(nn.Dense(5, 3)).save(path)
    assert nn.Model.load(path).predict(X).shape == (90, 3)


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    nn.Model(nn.Dense(5, 3)).save(tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert nn.Model.load(tmp_path / "real").predict(X).shape == (90, 3)


# Wrong files


def rewritten(path: Path, change, at: Path) -> Path:
    """Change the arrays and the metadata of a file, as a forger would: the checksum is right."""
    arrays, metadata = archive.read_archive(path)
    change(arrays, metadata)
    archive.write_archive(at, arrays, metadata)
    return at


def drop(name):
    return lambda arrays, _: arrays.pop(name)


def put(name, value):
    return lambda arrays, _: arrays.update({name: np.asarray(value, np.float32)})


def tell(**entries):
    return lambda _, metadata: metadata.update(entries)


def entry(key, *path):
    def change(_, metadata):
        *way, last = path
        for step in way:
            metadata = metadata[step]
        metadata[last] = key

    return change


# fmt: off
WRONG_MODELS = [  # change, words
    (drop("parameters.0.weights"),                            "0.weights is missing"),
    (put("parameters.0.more", [1]),                           "0.more is neither a parameter nor a buffer here"),
    (put("parameters.0.biases", [1]),                         r"0.biases has shape \(1,\), but \(16,\) is needed"),
    (lambda a, _: a.update({"parameters.0.biases": np.zeros(16)}), "0.biases has dtype float64, but the built module has float32"),
    (drop("optimizer.m.6.biases"),                            "'m.6.biases'"),
    (put("optimizer.m.more", [1]),                            r"does not use the arrays \['m.more'\]"),
    (put("optimizer.v.6.biases", [1]),                        "arrays of the shapes"),
    (put("history.steps.more", [1]),                          "differ in length"),
    (put("history.steps.loss", [1]),                          "dtype float32, but a history has float64"),
    (lambda a, _: a.update({"history.steps.loss": np.ones(1)}), "differ in length"),
    (lambda a, _: a.update({"optimizer.m.0.biases": np.zeros(16)}), "dtype float64, but the optimizer has float32"),
    (put("something", [1]),                                   "'something', which belongs to no part"),
    (entry("Unknown", "module", "kind"),                      "no registered class 'Unknown'; .*@nn.register"),
    (entry("os.system", "module", "kind"),                    "no registered class 'os.system'"),
    (entry("Adam", "module", "kind"),                         "Adam does not take the arguments"),
    (tell(module={"kind": "Adam", "config": {}}),             "its module is of the class Adam"),
    (tell(module=None),                                       "its module is of the class NoneType"),
    (tell(loss={"kind": "ReLU", "config": {}}),               "its loss is of the class ReLU"),
    (tell(module=["x"]),                                      "a description is"),
    (entry(-1, "module", "config", "layers", 0, "config", "n_inputs"), "positive integer, not -1"),
    (entry(10**15, "module", "config", "layers", 0, "config", "n_inputs"), "Dense would have n_inputs=1000000000000000, but"),
    (entry(60_000, "module", "config", "layers", 0, "config", "n_inputs"), r"array of shape \(60000, 16\), but the file holds far fewer"),
    (entry(-5, "iterations"),                                 "number of steps taken, not -5"),
    (entry(2.0, "optimizer", "config", "beta_1"),             "beta_1=2.0"),
    (tell(optimized=["0.weights", "nonsense"]),               "'nonsense'"),
    (entry("secrets", "random", 0, "state", "bit_generator"), "'secrets' is not one of"),
    (entry({}, "random", 0, "state", "state"),                "state.state of its random generator PCG64 .* is None"),
    (entry("x", "random", 0, "state", "state", "state"),      "one integer from 0 to .* is 'x'"),
    (entry(True, "iterations"),                               "number of steps taken, not True"),
    (tell(missed=[1]),                                        r"missed is a list of \d numbers of steps, from 0 to \d+, not \[1\]"),
    (tell(missed="1"),                                        "missed is a list of .*, not '1'"),
    (entry(1 << 60, "iterations"),                            "number of steps taken, not 1152921504606846976"),
    (tell(frozen="0.weights"),                                "its frozen should be a list of its parameters, not '0.weights'"),
    (tell(frozen=["nonsense"]),                               r"its frozen .* not \['nonsense'\]"),
    (tell(optimized={"0.weights": 1}),                        "its optimized should be a list"),
    (tell(random={}),                                         "has not the form of one"),
    (tell(random=[{"names": [["rng"]], "state": {}}]),        "names of a random state"),
    (entry(["nonsense"], "random", 0, "names"),                    "has random states for"),
    (tell(version=99),                                        "written in version 99 .* reads versions up to 2; update"),
    (lambda _, m: m.pop("random"),                            "has no entry 'random'"),
    (lambda _, m: m.clear(),                                  "holds no model written by Model.save"),
]
# fmt: on


@pytest.mark.parametrize(("change", "words"), WRONG_MODELS)
def test_a_wrong_model_is_refused(change, words, folder, tmp_path):
    path = rewritten(folder / "a.model", change, tmp_path / "m")
    with pytest.raises(ValueError, match=words) as caught:
        nn.Model.load(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (drop("0.weights"), "0.weights is missing"),
        (put("more", [1]), "more is neither a parameter nor a buffer here"),
        (put("0.biases", [1]), r"0.biases has shape \(1,\), but \(16,\) is needed"),
        (lambda a, _: a.update({"0.biases": a["0.biases"].astype("c8")}), "dtype complex64"),
    ],
)
def test_wrong_parameters_change_nothing(change, words, folder, tmp_path):
    path = rewritten(folder / "a.params", change, tmp_path / "m")
    model = trained()
    before = model.get_parameters()
    with pytest.raises(ValueError, match=words) as caught:
        model.load_parameters(path)
    assert str(path) in str(caught.value)
    np.testing.assert_equal(model.get_parameters(), before)


def test_one_kind_of_file_for_the_other(folder):
    model = trained()
    before = model.get_parameters()
    with pytest.raises(ValueError, match=r"holds a whole model; load it with nn.Model.load\("):
        model.load_parameters(folder / "a.model")
    with pytest.raises(ValueError, match=r"holds parameters only; build the model, then call"):
        nn.Model.load(folder / "a.params")
    np.testing.assert_equal(model.get_parameters(), before)


@pytest.mark.parametrize("kind", ["a.model", "a.params"])
def test_damaged_and_foreign_files(kind, folder, tmp_path):
    whole = (folder / kind).read_bytes()
    path = tmp_path / "m"
    model = trained()
    before = model.get_parameters()
    foreign = [b"", b"PK\3\4", b"\x80\4\x95", b"{}", os.urandom(500), whole + b"x"]
    truncated = [whole[:n] for n in (1, 8, 9, 100, len(whole) // 2, len(whole) - 1)]
    for content in foreign + truncated:
        path.write_bytes(content)
        for load in (nn.Model.load, model.load_parameters):
            with pytest.raises(
                ValueError, match=f"{len(content)} bytes, is damaged or not a safetensors file"
            ):
                load(path)
    for load in (nn.Model.load, model.load_parameters):
        with pytest.raises(FileNotFoundError):
            load(tmp_path / "nothing")
    np.testing.assert_equal(model.get_parameters(), before)


def test_a_damaged_header_is_refused_or_harmless(folder, tmp_path):
    whole = bytearray((folder / "a.model").read_bytes())
    header = 8 + int.from_bytes(whole[:8], "little")
    rng = np.random.default_rng(0)
    path = tmp_path / "m"
    refused = 0
    for _ in range(200):
        damaged = whole.copy()
        for i in rng.integers(header, size=rng.integers(1, 4)):
            damaged[i] = rng.integers(32, 127)
        path.write_bytes(damaged)
        try:
            nn.Model.load(path)
        except ValueError:
            refused += 1
    assert refused > 100


def test_without_safetensors(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "safetensors", None)
    model = nn.Model(nn.Dense(5, 3))
    calls = (model.save, model.save_parameters, nn.Model.load, model.load_parameters)
    for call in calls:
        with pytest.raises(ImportError, match=r"run pip install '\.\[examples\]' in the clone"):
            call(tmp_path / "m")


# Damage that no format notices


@pytest.mark.parametrize("kind", ["a.model", "a.params"])
def test_every_flipped_bit_is_noticed(kind, folder, tmp_path):
    whole = bytearray((folder / kind).read_bytes())
    model = trained()
    before = model.get_parameters()
    load = nn.Model.load if kind == "a.model" else model.load_parameters
    header = 8 + int.from_bytes(whole[:8], "little")
    rng = np.random.default_rng(0)
    path = tmp_path / "m"
    places = [*rng.integers(header, size=60), *rng.integers(header, len(whole), size=60)]
    for i in places:
        whole[i] ^= (bit := 1 << int(rng.integers(8)))
        path.write_bytes(whole)
        with pytest.raises(ValueError, match=f"^.*{path}"):
            load(path)
        whole[i] ^= bit
    np.testing.assert_equal(model.get_parameters(), before)


def test_damaged_weights_are_told_with_both_checksums(folder, tmp_path):
    whole = bytearray((folder / "a.model").read_bytes())
    whole[-1] ^= 1
    (tmp_path / "m").write_bytes(whole)
    with pytest.raises(ValueError, match=r"is damaged: the checksum .* is sha256:.* written with"):
        nn.Model.load(tmp_path / "m")


def test_a_file_of_version_1_loads_with_a_note(folder, tmp_path):
    """It has no checksum, and its history and metadata lack what came later."""
    import json

    import safetensors.numpy

    arrays, metadata = archive.read_archive(folder / "a.model")
    metadata |= {"version": 1}
    del metadata["frozen"], metadata["optimizer"]["config"]["epsilon"]
    del arrays["history.epochs.time"]
    old = safetensors.numpy.save(arrays, {"tensorgrad": json.dumps(metadata)})
    (tmp_path / "m").write_bytes(old)
    with pytest.warns(UserWarning, match="by an older version of tensorgrad, without a checksum"):
        loaded = nn.Model.load(tmp_path / "m")
    assert_same(loaded, trained())
    assert np.isnan(loaded.history.epochs["time"]).all()
    metadata |= {"version": 2}
    new = safetensors.numpy.save(arrays, {"tensorgrad": json.dumps(metadata)})
    (tmp_path / "m").write_bytes(new)
    with pytest.raises(ValueError, match="was written with None"):
        nn.Model.load(tmp_path / "m")


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_not_finite_load_with_a_warning(value, tmp_path):
    model = nn.Model(nn.Sequential(nn.Dense(5, 3), nn.Dense(3, 3)))
    model.module[1].weights.data[1, 2] = value
    model.save(tmp_path / "m")
    model.save_parameters(tmp_path / "p")
    with pytest.warns(UserWarning, match=r"m holds NaN or infinite values in 1\.weights"):
        nn.Model.load(tmp_path / "m")
    with pytest.warns(UserWarning, match=r"p holds NaN or infinite values in 1\.weights"):
        model.load_parameters(tmp_path / "p")


# Forged files: right in form and checksum, but made to do harm


def test_random_states_out_of_bounds_are_refused(tmp_path):
    """NumPy sets them without a check, and some make it read outside its memory."""
    for kind, fields in bits.BIT_GENERATORS.items():
        state = bits.jsonable(getattr(np.random, kind)(1).state)
        same = bits.generator_in(state)
        np.testing.assert_equal(bits.jsonable(same.bit_generator.state), state)
        assert {"bit_generator", *fields} == set(flat(state)), kind
        for name, (length, bound) in fields.items():
            wrong = [-1, bound, 2**300, -(2**70), 0.5, True, None, "1", [], [0] * 623, {}]
            for value in wrong:
                inside = [value] + [1] * (length - 1) if length else value
                for put_in in (value, inside):
                    forged = bits.jsonable(getattr(np.random, kind)(1).state)
                    inner = forged
                    *way, last = name.split(".")
                    for step in way:
                        inner = inner[step]
                    inner[last] = put_in
                    with pytest.raises(ValueError, match=rf"the {name} of its random .*{kind}"):
                        bits.generator_in(forged)
    for kind in ("PCG64", "PCG64DXSM"):
        state = bits.jsonable(getattr(np.random, kind)(1).state)
        state["state"]["inc"] = 2
        with pytest.raises(ValueError, match=r"state\.inc .* is even"):
            bits.generator_in(state)
    state = bits.jsonable(np.random.MT19937(1).state)
    state["state"]["key"] = [0] * 624
    with pytest.raises(ValueError, match=r"state\.key .* is 0"):
        bits.generator_in(state)


def flat(state, path=""):
    """Yield the dotted names of the numbers in a random state."""
    for key, value in state.items():
        if isinstance(value, dict):
            yield from flat(value, f"{path}{key}.")
        else:
            yield path + key


@pytest.mark.parametrize("text", ["[]", "1", "null", '"x"', "{", '{"version": NaN}', "9" * 5000])
def test_metadata_that_are_no_object(text, tmp_path):
    import safetensors.numpy

    path = tmp_path / "m"
    path.write_bytes(safetensors.numpy.save({"a": np.ones(2)}, {"tensorgrad": text}))
    for load in (nn.Model.load, nn.Model(nn.Dense(2, 2)).load_parameters):
        with pytest.raises(ValueError, match=str(path)):
            load(path)


def test_metadata_of_any_depth_are_refused(tmp_path):
    import safetensors.numpy

    path = tmp_path / "m"
    for depth in (300, 5_000, 200_000):
        text = '{"a":' + "[" * depth + "]" * depth + "}"
        path.write_bytes(safetensors.numpy.save({}, {"tensorgrad": text}))
        with pytest.raises(ValueError, match="is damaged or not a safetensors file"):
            nn.Model.load(path)


def test_a_header_beyond_the_limit_is_not_read(tmp_path):
    path = tmp_path / "m"
    length = archive.HEADER_BYTES + 8
    path.write_bytes(length.to_bytes(8, "little") + b"{" + b" " * (length - 2) + b"}")
    with pytest.raises(ValueError, match=r"header would be 16,777,224 bytes long, but can be"):
        nn.Model.load(path)


def test_a_small_file_builds_no_large_model(tmp_path):
    """Of many layers too, which all together may have no more elements than the file."""
    import tracemalloc

    layer = {"kind": "Dense", "config": {"n_inputs": 250, "n_neurons": 250}}
    many = {"kind": "Sequential", "config": {"layers": [layer] * 5_000}}
    wide = {"kind": "Dense", "config": {"n_inputs": 60_000, "n_neurons": 60_000}}
    for module in (many, wide):
        metadata = {"holds": "model", "module": module}
        metadata |= dict.fromkeys(("loss", "optimizer", "accuracy"))
        archive.write_archive(tmp_path / "m", {}, metadata)
        tracemalloc.start()
        with pytest.raises(ValueError, match="but the file holds far fewer"):
            nn.Model.load(tmp_path / "m")
        assert tracemalloc.get_traced_memory()[1] < 1e7
        tracemalloc.stop()


# Crashes


KILLED = """
import sys, numpy as np, nn
models = [nn.Model(nn.Dense(300, 200, rng=seed)) for seed in (0, 1)]
print("ready", flush=True)
while True:
    for model in models:
        model.save(sys.argv[1])
"""


def killed_saves(kills: int, path: Path) -> None:
    """Kill a process that saves one model after the other, and check the file after each kill."""
    root = str(Path(nn.__file__).parents[1])
    known = [nn.Dense(300, 200, rng=seed).weights.data for seed in (0, 1)]
    rng = np.random.default_rng(0)
    nn.Model(nn.Dense(300, 200, rng=0)).save(path)
    for _ in range(kills):
        process = subprocess.Popen(
            [sys.executable, "-c", KILLED, str(path)],
            env=os.environ | {"PYTHONPATH": root},
            stdout=subprocess.PIPE,
        )
        process.stdout.readline()
        time.sleep(rng.uniform(0, 0.05))
        process.kill()
        process.wait()
        process.stdout.close()
        weights = nn.Model.load(path).module.weights.data
        assert any(np.array_equal(weights, w) for w in known)
    nn.Model(nn.Dense(300, 200, rng=0)).save(path)
    assert [p.name for p in path.parent.iterdir()] == [path.name]  # no parts of dead processes


def test_a_killed_save_leaves_a_complete_file(tmp_path):
    killed_saves(3, tmp_path / "m")


@pytest.mark.long
def test_200_killed_saves_leave_complete_files(tmp_path):
    killed_saves(200, tmp_path / "m")


@pytest.mark.parametrize(
    "optimizer",
    [
        lambda a, b: nn.Adam(learning_rate=nn.schedules.one_cycle(0.05, 12), clip_norm=0.5),
        lambda a, b: nn.AdamW([{"parameters": a}, {"parameters": b, "learning_rate": nn.schedules.cosine(0.1, 9)}]),
        lambda a, b: nn.Muon(learning_rate=nn.schedules.warmup(0.02, 5)),
    ],
)  # fmt: skip
def test_schedules_and_groups_continue_from_a_file(tmp_path, optimizer):
    X, y = nn.datasets.spiral(20, 3, rng=0)

    def train(model, epochs):
        model.train(X, y, epochs=epochs, batch_size=20, print_every=0)
        return model

    first, second = nn.Dense(2, 8, rng=0), nn.Dense(8, 3, rng=1)
    model = nn.Model(nn.Sequential(first, nn.ReLU(), second, nn.Softmax()))
    model.set(
        loss=nn.CategoricalCrossentropy(),
        optimizer=optimizer(first.parameters(), second.parameters()),
    )
    model.rng = np.random.default_rng(0)
    train(model, 2).save(tmp_path / "model")
    again = nn.Model.load(tmp_path / "model")
    assert repr(again.optimizer) == repr(model.optimizer)
    straight, resumed = train(model, 2), train(again, 2)
    for name, array in straight.get_parameters().items():
        np.testing.assert_array_equal(resumed.get_parameters()[name], array)
    for name, numbers in straight.history.steps.items():
        if name != "time":
            np.testing.assert_array_equal(resumed.history.steps[name], numbers)


def test_a_function_as_a_schedule_is_refused_at_save_with_the_remedy(tmp_path):
    model = nn.Model(nn.Dense(2, 1, rng=0))
    model.set(loss=nn.MeanSquaredError(), optimizer=nn.SGD(learning_rate=lambda t: 0.1 / (t + 1)))
    model.train(np.ones((4, 2)), np.ones((4, 1)), epochs=2, print_every=0)
    assert model.history.steps["learning_rate"] == [0.1, 0.05]
    with pytest.raises(TypeError, match=r"put @nn\.schedules\.define above its definition"):
        model.save(tmp_path / "model")
