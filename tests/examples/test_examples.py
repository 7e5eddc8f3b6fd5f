"""The examples run as a user runs them, on pictures as a user makes them."""

import contextlib
import io
import os
import re
import runpy
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

cv2 = pytest.importorskip("cv2", reason="the examples read and draw pictures with OpenCV")
pytest.importorskip("matplotlib", reason="the examples draw with Matplotlib")
pytest.importorskip("safetensors", reason="the examples save their model")

import examples  # noqa: E402
import nn  # noqa: E402
from examples import (  # noqa: E402
    addition,
    fashion_mnist,
    first_graph,
    forecast,
    names,
    spiral,
    vae,
)
from examples.photo import on_black, read_photo  # noqa: E402
from examples.pictures import confusion_matrix, input_figure, predictions_figure, save_figure  # noqa: E402
from nn.data import datasets  # noqa: E402
from tests import mpi  # noqa: E402
from tests.mpi import with_mpi  # noqa: E402

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def garments(tmp_path_factory):
    """Write a small data set in IDX files; return the folder, the test images and their labels."""
    folder = tmp_path_factory.mktemp("data")
    X, y, X_test, y_test = datasets.synthetic_garments(600, 100, rng=0)
    for name, values in {
        "train-images-idx3-ubyte": X, "train-labels-idx1-ubyte": y.astype(np.uint8),
        "t10k-images-idx3-ubyte": X_test, "t10k-labels-idx1-ubyte": y_test.astype(np.uint8),
    }.items():  # fmt: skip
        header = bytes([0, 0, 8, values.ndim]) + struct.pack(f">{values.ndim}I", *values.shape)
        (folder / name).write_bytes(header + values.tobytes())
    return folder, X_test, y_test


@pytest.fixture(scope="module")
def trained(garments, tmp_path_factory):
    """Run the main job, and return the folder with its results."""
    out = tmp_path_factory.mktemp("out") / "run"
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        fashion_mnist.main(["--epochs", "8", "--learning-rate", "0.003", "--initializer", "he",
                            "--data", str(garments[0]), "--out", str(out)])  # fmt: skip
    (out.parent / "printed").write_text(printed.getvalue())
    return out


def test_the_main_job_says_what_it_wrote(trained):
    lines = (trained.parent / "printed").read_text().splitlines()
    wrote = [line.removeprefix("wrote ") for line in lines if line.startswith("wrote ")]
    assert sorted(wrote) == sorted(str(path) for path in trained.iterdir())


def test_the_main_job_leaves_all_that_it_promises(trained):
    assert {p.name for p in trained.iterdir()} >= {
        "model.safetensors", "history.png", "predictions.png", "confusion.png", "graph.dot", "graph.html", "step.py",
        "predict.py", "predict.npz",
    }  # fmt: skip
    # Each of them is checked before the training.
    known = {fashion_mnist.MODEL, fashion_mnist.DASHBOARD, *fashion_mnist.FILES}
    assert {p.name for p in trained.iterdir()} <= known
    for picture in ("history.png", "predictions.png", "confusion.png"):
        assert min(cv2.imread(str(trained / picture)).shape[:2]) > 300
    assert "softmax_cross_entropy" in (trained / "graph.dot").read_text()


def test_the_training_step_of_the_main_job_runs_alone(trained, tmp_path):
    model = nn.Model.load(trained / "model.safetensors")
    parameters = {"".join(name.split(".")): p for name, p in model.module.named_parameters()}
    rng = np.random.default_rng(0)
    X, y = rng.uniform(-1, 1, size=(5, 784)).astype(np.float32), rng.integers(10, size=5)
    np.savez(tmp_path / "given.npz", X=X, y=y, **{name: p.data for name, p in parameters.items()})
    (tmp_path / "step.py").write_text((trained / "step.py").read_text())
    code = (
        "import sys; sys.modules.update(tensorgrad=None, nn=None)\n"
        "import numpy as np; from step import step\n"
        "given = np.load('given.npz'); loss, gradients = step(*(given[name] for name in given))\n"
        "np.savez('found.npz', loss, *gradients)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)
    loss = model.loss(model.module(X), y)
    loss.backward()
    with np.load(tmp_path / "found.npz") as found:
        found_loss, *gradients = [found[name] for name in found]
    assert found_loss == pytest.approx(loss.item(), rel=1e-6)
    for p in model.module.parameters():
        at = [i for i, g in enumerate(gradients) if g.shape == p.shape]
        assert any(np.allclose(gradients[i], p.grad.data, atol=1e-7) for i in at)
    assert len(gradients) == len(parameters)


@pytest.fixture(scope="module")
def convolutional(garments, tmp_path_factory):
    """Run the main job with a small convolutional network and all that goes with it."""
    out = tmp_path_factory.mktemp("cnn")
    fashion_mnist.main(["train", "--network", "cnn", "--channels", "4", "8", "--hidden", "16", "--batch-norm", "--dropout",
                        "0.1", "--augment", "1", "--epochs", "5", "--data", str(garments[0]), "--out", str(out)])  # fmt: skip
    return out


def test_a_convolutional_network_leaves_its_filters_and_maps_too(convolutional):
    assert {p.name for p in convolutional.iterdir()} >= {
        "model.safetensors", "history.png", "predictions.png", "confusion.png", "filters.png", "maps.png",
        "graph.dot", "graph.html", "step.py", "predict.py", "predict.npz",
    }  # fmt: skip
    for picture in ("filters.png", "maps.png"):
        assert cv2.imread(str(convolutional / picture)).std() > 10
    dot = (convolutional / "graph.dot").read_text()
    assert all(name in dot for name in ("Conv2D", "MaxPool2D", "BatchNorm"))


def test_a_convolutional_network_learns_and_predicts(convolutional, garments, tmp_path, capsys):
    fashion_mnist.main(["evaluate", "--data", str(garments[0]), "--out", str(convolutional)])
    found = capsys.readouterr().out
    assert float(found.partition("acc: ")[2].partition(",")[0]) > 0.4
    path = tmp_path / "photo.png"
    cv2.imwrite(str(path), garments[1][0])
    fashion_mnist.main(["predict", str(path), "--model", str(convolutional / "model.safetensors"),
                        "--out", str(tmp_path)])  # fmt: skip
    assert (tmp_path / "seen_photo.png").exists()


def test_the_defaults_are_those_of_the_network(garments, tmp_path):
    kinds = {}
    for network in ("mlp", "cnn"):
        args = fashion_mnist.parser().parse_args(["train", "--network", network])
        fashion_mnist.set_defaults(args)
        kinds[network] = fashion_mnist.build(args, 100)
    assert "inverse_time" in repr(kinds["mlp"].optimizer)
    assert "one_cycle" in repr(kinds["cnn"].optimizer)
    shapes = [p.shape for p in kinds["cnn"].module.parameters()]
    assert shapes == [
        (3, 3, 1, 16),
        (16,),
        (3, 3, 16, 32),
        (32,),
        (1568, 128),
        (128,),
        (128, 10),
        (10,),
    ]
    args = fashion_mnist.parser().parse_args(["train", "--hidden", "7"])
    fashion_mnist.set_defaults(args)
    assert args.hidden == [7]


def test_a_variational_autoencoder_draws_its_plane(garments, tmp_path, capsys):
    vae.main(["--epochs", "2", "--data", str(garments[0]), "--out", str(tmp_path)])
    losses = [float(part.split()[0]) for part in capsys.readouterr().out.split("loss: ")[1:]]
    assert losses[1] < 0.96 * losses[0]
    for name in ("plane.png", "decoded.png", "reconstructions.png"):
        assert cv2.imread(str(tmp_path / name)).std() > 10


def test_the_loss_of_the_autoencoder_is_its_bound():
    """Against the integral: KL of N(m, s²) from N(0, 1), and Bernoulli pixels."""
    rng = np.random.default_rng(0)
    mean, log_variance = rng.normal(size=(2, 3, 2))
    x, logits = rng.random((3, 28, 28)), rng.normal(size=(3, 28, 28))
    pixels, divergence = vae.negative_elbo(x, logits, mean, log_variance)
    p = 1 / (1 + np.exp(-logits))
    assert pixels == pytest.approx(-np.sum(x * np.log(p) + (1 - x) * np.log(1 - p)) / 3)
    z = np.linspace(-30, 30, 200_001)[:, None, None]
    s = np.exp(log_variance / 2)
    density = np.exp(-(((z - mean) / s) ** 2) / 2) / (s * np.sqrt(2 * np.pi))
    ratio = -(((z - mean) / s) ** 2) / 2 - np.log(s) + z**2 / 2
    assert divergence == pytest.approx(
        np.sum(np.trapezoid(density * ratio, z, axis=0)) / 3, rel=1e-6
    )


def test_a_missing_dot_is_a_friendly_note(garments, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PATH", "")
    fashion_mnist.main(["--epochs", "1", "--data", str(garments[0]), "--out", str(tmp_path)])
    assert "no graph.svg" in capsys.readouterr().out
    assert (tmp_path / "graph.html").exists()


def test_training_goes_on_from_a_file(trained, garments, tmp_path, capsys):
    fashion_mnist.main(["train", "--epochs", "1", "--resume", str(trained / "model.safetensors"),
                        "--data", str(garments[0]), "--out", str(tmp_path)])  # fmt: skip
    assert "epoch: 9" in capsys.readouterr().out


def test_evaluate_tells_every_class(trained, garments, capsys):
    fashion_mnist.main(["evaluate", "--data", str(garments[0]), "--out", str(trained)])
    out = capsys.readouterr().out
    assert "validation, acc: " in out
    assert all(name in out for name in fashion_mnist.NAMES)


def pictures_of(garment):
    """Return the garment as users photograph or export it: large, in colour, on any background."""
    large = cv2.resize(garment, (560, 560), interpolation=cv2.INTER_CUBIC)
    wide = cv2.copyMakeBorder(large, 30, 60, 200, 300, cv2.BORDER_CONSTANT, value=0)
    colour = cv2.merge([(wide * share).astype(np.uint8) for share in (0.9, 1.0, 0.8)])
    alpha = np.where(wide > 20, 255, 0).astype(np.uint8)
    return {
        "small": garment,
        "large": large,
        "black background": colour,
        "white background": 255 - wide,
        "gray paper": (235 - 0.8 * wide).astype(np.uint8),
        "transparent": cv2.merge([255 - wide, 255 - wide, 255 - wide, alpha]),
        "transparent, and light": cv2.merge([205 + wide // 6] * 3 + [alpha]),
        "sixteen bits": wide.astype(np.uint16) * 257,
    }


@pytest.mark.parametrize("kind", list(pictures_of(np.eye(28, dtype=np.uint8))))
def test_a_picture_of_any_kind_is_seen_as_in_the_data_set(kind, garments, tmp_path):
    garment = garments[1][int(np.flatnonzero(garments[2] == 8)[0])]  # a bag
    path = tmp_path / "photo ä.png"
    path.write_bytes(cv2.imencode(".png", pictures_of(garment)[kind])[1].tobytes())
    seen = read_photo(path)
    assert seen.shape == (28, 28)
    assert seen.dtype == np.uint8
    reference = read_photo_of(garment, tmp_path)
    assert np.corrcoef(seen.ravel(), reference.ravel())[0, 1] > 0.9
    assert seen[[0, 0, -1, -1], [0, -1, 0, -1]].max() < 60  # a dark background


def read_photo_of(garment, tmp_path):
    path = tmp_path / "reference.png"
    cv2.imwrite(str(path), garment)
    return read_photo(path)


def test_a_photograph_is_turned_as_its_camera_says(tmp_path):
    upright = np.full((300, 100, 3), 255, np.uint8)
    upright[20:280, 30:70] = 0
    data = cv2.imencode(".jpg", np.rot90(upright))[1].tobytes()
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"  # 6: turn it right
    marker = b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif
    (tmp_path / "photo.jpg").write_bytes(data[:2] + marker + data[2:])
    rows, columns = np.nonzero(read_photo(tmp_path / "photo.jpg") > 128)
    assert np.ptp(rows) > 5 * np.ptp(columns)


def test_a_tall_picture_keeps_its_proportions(tmp_path):
    tall = np.full((300, 100), 255, np.uint8)
    tall[50:250, 40:60] = 0
    cv2.imwrite(str(tmp_path / "tall.png"), tall)
    rows, columns = np.nonzero(read_photo(tmp_path / "tall.png") > 128)
    assert np.ptp(rows) + 1 == 28
    assert np.ptp(columns) + 1 in (2, 3)


def test_a_light_background_is_inverted_and_contrast_is_full():
    paper = np.full((10, 10), 230.0)
    paper[3:6, 3:6] = 130
    seen = on_black(paper)
    assert seen[0, 0] == 0
    assert seen[4, 4] == 255


def test_predict_names_the_class_and_saves_what_it_saw(trained, garments, tmp_path, capsys):
    (tmp_path / "other").mkdir()
    paths = [tmp_path / name for name in ("photo.png", "bag.png", "other/bag.png")]
    for path, garment in zip(paths, garments[1]):
        cv2.imwrite(str(path), 255 - cv2.resize(garment, (200, 200)))
    model = str(trained / "model.safetensors")
    fashion_mnist.main(["predict", *map(str, paths), "--model", model, "--out", str(tmp_path)])
    out = capsys.readouterr().out
    assert all(name in out for name in fashion_mnist.NAMES)
    # Two pictures with the same name do not overwrite each other.
    for name in ("seen_photo.png", "seen_bag_1.png", "seen_bag_2.png"):
        assert name in out
        assert (tmp_path / name).exists()


def test_the_picture_of_an_input_does_not_claim_to_be_right():
    p = np.eye(10)[3]
    figure = input_figure(np.zeros((28, 28), np.uint8), p, fashion_mnist.NAMES)
    words = [ax.get_title() for ax in figure.axes]
    assert words == ["input of the network", "prediction: Dress"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"hello", "is not a picture that OpenCV can read"),
        (b"", "is not a picture that OpenCV can read"),
        (cv2.imencode(".tiff", np.eye(9, dtype=np.float32))[1].tobytes(), "of 8 or 16 bits"),
        (None, "No such file"),
    ],
)
def test_what_is_no_picture_gets_a_clear_error(content, message, trained, tmp_path):
    path = tmp_path / "photo.png"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SystemExit, match=message):
        fashion_mnist.main(["predict", str(path), "--out", str(trained)])


def test_a_picture_of_one_colour_gets_a_clear_error(tmp_path):
    cv2.imwrite(str(tmp_path / "white.png"), np.full((50, 70), 255, np.uint8))
    with pytest.raises(ValueError, match=r"has one colour only \(70x50 pixels\)"):
        read_photo(tmp_path / "white.png")


@pytest.mark.parametrize(("arguments", "message"), [
    (["--learning-rate", "1e30"],         "lower the learning rate"),
    (["--resume", "{folder}"],            "Is a directory"),
    (["--resume", "{folder}/nothing"],    "No such file"),
    (["--out", "{folder}/file"],          "cannot be made .*; name another one by --out: .*file"),
    (["--out", "{folder}/with"],          "this is a folder; name a file in it: .*predictions.png"),
])  # fmt: skip
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_what_goes_wrong_is_told_without_a_traceback(arguments, message, garments, tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "with" / "predictions.png").mkdir(parents=True)
    arguments = [a.format(folder=tmp_path) for a in arguments]
    common = ["--epochs", "1", "--data", str(garments[0]), "--out", str(tmp_path)]
    with pytest.raises(SystemExit, match=message):
        fashion_mnist.main([*common, *arguments])
    assert not [*tmp_path.rglob("model.safetensors")]


@pytest.mark.parametrize("example", [addition, forecast, names, vae])
def test_the_options_and_their_defaults_are_listed(example, capsys):
    with pytest.raises(SystemExit) as end:
        example.main(["--help"])
    assert end.value.code == 0
    text = capsys.readouterr().out
    assert f"usage: python -m {example.__name__}" in text
    assert "(default: 0)" in text  # of the seed
    assert "None" not in text
    wrong = [("--epochs", "0", 1), ("--seed", "-1", 0)] + [("--hours", "50", 1000)] * (
        example is forecast
    )
    for option, value, least in wrong:
        with pytest.raises(SystemExit):
            example.main([option, value])
        error = capsys.readouterr().err
        assert f"argument {option}: must be at least {least}, not {value}" in error


def test_addition_learns_in_its_short_form(tmp_path, capsys):
    addition.main(
        ["--epochs", "2", "--problems", "3000", "--features", "16", "--out", str(tmp_path)]
    )
    printed = capsys.readouterr().out
    losses = [float(part.split()[0]) for part in printed.split("loss: ")[1:]]
    assert losses[1] < losses[0] < np.log(12)
    assert "right answers to 2000 problems" in printed
    assert cv2.imread(str(tmp_path / "attention.png")).std() > 10


def test_problems_and_their_answers():
    symbols = addition.problems(np.array([356, 7]), np.array([847, 990]))
    written = ["".join(addition.SYMBOLS[i] for i in row) for row in symbols]
    assert written == ["356+847=3021", "007+990=7990"]
    a, b = addition.samples(np.random.default_rng(0), 1000)
    assert len({*zip(a, b, strict=True)}) == 1000


def test_names_are_invented_in_the_short_form(capsys):
    names.main(["--epochs", "2", "--neurons", "16"])
    printed = capsys.readouterr().out
    assert len(re.findall(r"loss (\d\.\d+) nats per letter", printed)) == 2
    assert printed.count("of them new") == 2


def test_the_baseline_of_names_is_that_of_counts():
    known = ["abab"] * 5
    loss = names.trigram_loss(known, ["abab"])
    assert loss < 1e-3
    assert names.trigram_loss(known, ["zzzz"]) > 2


def test_a_forecast_in_its_short_form(tmp_path, capsys):
    arguments = ["--epochs", "2", "--hours", "1500", "--neurons", "12", "--out", str(tmp_path)]
    forecast.main(arguments)
    errors = re.findall(r"mean absolute error (\d\.\d+)", capsys.readouterr().out)
    assert len(errors) == 3
    assert 0 < float(errors[2]) < 1
    assert cv2.imread(str(tmp_path / "forecast.png")).std() > 10


def test_the_loss_of_quantiles_is_least_at_the_quantiles():
    rng = np.random.default_rng(0)
    y = rng.normal(size=(4001, 1))
    loss = forecast.QuantileLoss()

    def at(*values):
        return loss(np.tile(np.array(values), (len(y), 1)), y).item()

    best = np.quantile(y, forecast.QUANTILES)
    for shift in (-0.2, 0.2):
        assert at(*best) < at(*(best + shift))


def copy_of_the_examples(folder):
    """Copy the examples to a folder where Python finds other packages before ours."""
    shutil.copytree(ROOT / "examples", folder / "examples", ignore=shutil.ignore_patterns("learn"))
    return {**os.environ, "PYTHONPATH": str(ROOT)}


@pytest.mark.parametrize("name", ["nn", "tensorgrad"])
@pytest.mark.parametrize(
    "example",
    [
        "addition",
        "fashion_mnist",
        "first_graph",
        "forecast",
        "names",
        "readme_pictures",
        "spiral",
        "vae",
    ],
)
def test_a_foreign_package_of_the_same_name_is_named_with_its_place(name, example, tmp_path):
    environment = copy_of_the_examples(tmp_path)
    (tmp_path / name).mkdir()
    (tmp_path / name / "__init__.py").write_text("raise SystemExit('foreign code was run')")
    command = [sys.executable, "-m", f"examples.{example}"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 1
    assert f"{tmp_path / name} is a package {name} of another project; run" in done.stderr
    assert f"pip uninstall {name}" in done.stderr


def test_a_foreign_module_of_one_file_is_named_too(tmp_path, monkeypatch):
    (tmp_path / "nn.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "nn")
    with pytest.raises(ImportError, match=r"nn\.py is a package nn of another project"):
        examples.check_packages()


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr(examples, "FILES", {"no_such_package": "some.py"})
    with pytest.raises(ImportError, match="there is no package no_such_package; run the examples"):
        examples.check_packages()


def test_our_packages_are_ours_wherever_they_lie(tmp_path):
    environment = copy_of_the_examples(tmp_path)
    command = [sys.executable, "-m", "examples.first_graph", str(tmp_path / "out")]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.stdout.startswith("g = 24.7041"), done.stderr


def test_predict_before_training_says_what_to_do(tmp_path):
    with pytest.raises(SystemExit, match="train one first"):
        fashion_mnist.main(["predict", "x.png", "--out", str(tmp_path)])


@pytest.mark.parametrize(
    "arguments", [["--help"], ["train", "--help"], ["evaluate", "--help"], ["predict", "--help"]]
)
def test_help(arguments, capsys):
    with pytest.raises(SystemExit) as stop:
        fashion_mnist.main(arguments)
    assert stop.value.code == 0
    assert "usage: python -m examples.fashion_mnist" in capsys.readouterr().out


def test_confusion_counts_true_rows_and_predicted_columns():
    matrix = confusion_matrix(np.array([1, 1, 0]), np.array([0, 1, 0]), 2)
    assert matrix.tolist() == [[1, 1], [0, 1]]


def test_a_failed_picture_leaves_none_behind(tmp_path):
    class Broken:
        def savefig(self, path, **_):
            path.write(b"half")
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        save_figure(Broken(), tmp_path / "a.png")
    assert list(tmp_path.iterdir()) == []


def test_the_first_graph_prints_micrograds_numbers(tmp_path, capsys):
    first_graph.main(str(tmp_path))
    out = capsys.readouterr().out
    assert "g = 24.7041" in out
    assert "dg/da = 138.8338" in out
    assert "dg/db = 645.5773" in out
    assert (tmp_path / "graph.dot").exists()


def test_the_spiral_is_learned(tmp_path):
    net, X, y = spiral.train()
    assert np.mean(net(X).data.argmax(axis=1) == y) >= 0.95
    save_figure(spiral.boundary_figure(net, X, y), tmp_path / "boundary.png")
    assert (tmp_path / "boundary.png").stat().st_size > 10_000


def test_the_main_job_runs_as_a_module(garments, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(
        sys,
        "argv",
        ["fashion_mnist", "--epochs", "1", "--data", str(garments[0]), "--out", str(tmp_path)],
    )
    with pytest.warns(RuntimeWarning, match="found in sys.modules"):
        runpy.run_module("examples.fashion_mnist", run_name="__main__")
    assert "epoch: 1" in capsys.readouterr().out


def test_an_interrupted_training_keeps_what_was_learned(garments, tmp_path, monkeypatch, capsys):
    step, steps = nn.Adam.step, []

    def interrupted(optimizer):
        step(optimizer)
        steps.append(1)
        if len(steps) == 7:
            raise KeyboardInterrupt

    monkeypatch.setattr(nn.Adam, "step", interrupted)
    fashion_mnist.main(["--data", str(garments[0]), "--out", str(tmp_path)])
    assert "interrupted: the model is saved" in capsys.readouterr().out
    assert nn.Model.load(tmp_path / "model.safetensors").optimizer.iterations == 7


# The command line anywhere


@pytest.fixture
def photo(garments, tmp_path):
    path = tmp_path / "photo.png"
    cv2.imwrite(str(path), garments[1][0])
    return path


@pytest.fixture
def undrawn(monkeypatch):
    """Leave out the pictures, which take longer than a short training."""
    for name in ("draw_results", "draw_step"):
        monkeypatch.setattr(fashion_mnist, name, lambda *_: None)


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "ascii"])
def test_output_in_any_encoding(encoding, photo, trained, tmp_path, monkeypatch):
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding=encoding))
    arguments = ["predict", str(photo), "--model", str(trained / "model.safetensors")]
    fashion_mnist.main([*arguments, "--out", str(tmp_path)])
    sys.stdout.flush()
    text = written.getvalue().decode(encoding)
    assert ("█" in text) == (encoding == "utf-8")
    assert encoding == "utf-8" or "###" in text
    assert (tmp_path / "seen_photo.png").exists()


def test_a_program_without_a_console(undrawn, garments, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    fashion_mnist.main(["--epochs", "1", "--data", str(garments[0]), "--out", str(tmp_path)])
    assert (tmp_path / "model.safetensors").exists()
    with pytest.raises(SystemExit, match="error: "):
        fashion_mnist.main(["--resume", str(tmp_path / "nothing"), "--out", str(tmp_path)])


def in_a_process(arguments, **environment):
    return subprocess.Popen(
        [sys.executable, "-m", "examples.fashion_mnist", *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def test_without_docstrings_and_with_a_foreign_backend(photo, trained, tmp_path):
    model = ["--model", trained / "model.safetensors"]
    environment = {"PYTHONOPTIMIZE": "2", "MPLBACKEND": "module://of.another.environment"}
    done = in_a_process(["predict", photo, *model, "--out", tmp_path], **environment)
    _, errors = done.communicate()
    assert done.returncode == 0, errors.decode()
    assert (tmp_path / "seen_photo.png").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="pipes of POSIX")
def test_a_closed_pipe_loses_no_model(garments, tmp_path):
    """As `| head -1` closes it; the training ends, and its model is saved."""
    common = ["--data", garments[0], "--out", tmp_path, "--checkpoint-every", "1"]
    process = in_a_process(["--epochs", "300", *common], PYTHONUNBUFFERED="1")
    while b"step: 0" not in process.stdout.readline():
        pass
    process.stdout.close()
    errors = process.stderr.read()
    process.stderr.close()
    assert process.wait() == 0, errors.decode()
    assert b"Traceback" not in errors
    loaded = nn.Model.load(tmp_path / "model.safetensors")
    assert 0 < loaded.optimizer.iterations < 1500


def test_one_unreadable_picture_does_not_stop_the_others(photo, trained, tmp_path, capsys):
    (tmp_path / "broken.png").write_bytes(b"hello")
    arguments = ["predict", tmp_path / "broken.png", photo, tmp_path / "nothing.png"]
    model = ["--model", trained / "model.safetensors", "--out", tmp_path]
    with pytest.raises(SystemExit) as stop:
        fashion_mnist.main([*map(str, arguments), *map(str, model)])
    assert "broken.png is not a picture" in stop.value.code
    assert "nothing.png" in stop.value.code
    assert f"{photo}: " in capsys.readouterr().out
    assert (tmp_path / "seen_photo.png").exists()


def test_resume_says_what_it_ignores(undrawn, trained, garments, tmp_path, capsys):
    common = ["--data", str(garments[0]), "--out", str(tmp_path), "--epochs", "1"]
    resume = ["--resume", str(trained / "model.safetensors")]
    fashion_mnist.main([*common, *resume, "--hidden", "5", "--seed", "4", "--batch-size", "64"])
    assert "ignored: --hidden, --seed\n" in capsys.readouterr().out
    fashion_mnist.main([*common, *resume, "--network", "cnn"])
    assert "ignored: --network\n" in capsys.readouterr().out
    fashion_mnist.main([*common, *resume])
    assert "ignored" not in capsys.readouterr().out


@pytest.mark.parametrize("augment", [[], ["--augment", "1"]])
def test_a_crashed_run_goes_on_from_its_checkpoint(
    augment, undrawn, garments, tmp_path, monkeypatch
):
    common = ["--data", str(garments[0]), "--out", str(tmp_path), *augment]
    step = nn.Adam.step

    def crash(optimizer):
        if optimizer.iterations == 8:
            raise RuntimeError("crash")
        step(optimizer)

    with monkeypatch.context() as patch:
        patch.setattr(nn.Adam, "step", crash)
        with pytest.raises(RuntimeError, match="crash"):
            fashion_mnist.main([*common, "--epochs", "3", "--checkpoint-every", "3"])
    checkpoint = tmp_path / "checkpoint.safetensors"
    assert nn.Model.load(checkpoint).optimizer.iterations == 6
    fashion_mnist.main([*common, "--epochs", "2", "--resume", str(checkpoint)])
    resumed = nn.Model.load(tmp_path / "model.safetensors")
    assert not checkpoint.exists()  # the model is further
    fashion_mnist.main([*common, "--epochs", "3"])
    whole = nn.Model.load(tmp_path / "model.safetensors")
    np.testing.assert_equal(resumed.get_parameters(), whole.get_parameters())


def test_a_folder_that_is_full_is_found_before_the_training(garments, tmp_path, monkeypatch):
    def full(path, data):
        raise OSError(28, "the file was not written: No space left on device", str(path))

    monkeypatch.setattr(fashion_mnist, "write_file", full)
    monkeypatch.setattr(nn.Model, "train", lambda *_, **__: pytest.fail("the training began"))
    with pytest.raises(SystemExit, match=r"MB cannot be written .*No space left") as stop:
        fashion_mnist.main(["--data", str(garments[0]), "--out", str(tmp_path)])
    assert str(tmp_path) in stop.value.code
    assert ".space" not in stop.value.code


def test_a_model_that_cannot_be_saved_leaves_its_checkpoint(
    undrawn, garments, tmp_path, monkeypatch
):
    def full(*_):
        raise OSError(28, "the file was not written: No space left on device")

    monkeypatch.setattr(nn.ModelCheckpoint, "on_epoch_end", lambda _, run: write(run))
    write = lambda run: (run.model.save(checkpoint), monkeypatch.setattr(nn.Model, "save", full))
    checkpoint = tmp_path / "checkpoint.safetensors"
    with pytest.raises(SystemExit) as stop:
        fashion_mnist.main(["--epochs", "1", "--data", str(garments[0]), "--out", str(tmp_path)])
    assert f"the last checkpoint is in {checkpoint}; see --resume" in stop.value.code


def test_the_home_folder_in_an_option(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    for option in ("--out", "--data", "--resume"):
        args = fashion_mnist.parser().parse_args(["train", f"{option}=~/x"])
        assert getattr(args, option[2:]) == tmp_path / "x"


def test_ctrl_c_while_pictures_are_drawn_ends_in_one_line(garments, tmp_path, monkeypatch, capsys):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(fashion_mnist, "draw_results", stop)
    with pytest.raises(SystemExit) as ended:
        fashion_mnist.main(["--epochs", "1", "--data", str(garments[0]), "--out", str(tmp_path)])
    assert ended.value.code == 130
    errors = capsys.readouterr().err
    assert f"the model is in {tmp_path / 'model.safetensors'}; its pictures are not" in errors
    assert "Traceback" not in errors


def test_ctrl_c_while_an_example_is_imported_ends_in_one_line(tmp_path):
    (tmp_path / "numpy.py").write_text("raise KeyboardInterrupt")  # which all examples import
    command = [sys.executable, "-m", "examples.fashion_mnist"]
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode != 0
    assert (done.stdout, done.stderr) == ("", "interrupted\n")
    (tmp_path / "numpy.py").write_text("raise ArithmeticError('of another kind')")
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert "Traceback" in done.stderr
    assert "ArithmeticError: of another kind" in done.stderr


def test_synthetic_data_have_a_folder_of_their_own(
    undrawn, garments, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TENSORGRAD_DATA", raising=False)
    monkeypatch.setattr(datasets, "_cache", lambda: tmp_path / "cache")
    small = datasets.synthetic_garments(300, 50, rng=0)
    monkeypatch.setattr(datasets, "synthetic_garments", lambda rng: small)
    fashion_mnist.main(["--epochs", "1", "--offline"])
    out = capsys.readouterr().out
    assert "the output goes to runs/synthetic, not to runs/fashion_mnist" in out.replace("\\", "/")
    assert out.rstrip().endswith("say nothing of Fashion-MNIST.")
    assert (tmp_path / "runs" / "synthetic" / "model.safetensors").exists()
    assert not (tmp_path / "runs" / "fashion_mnist").exists()


def test_the_caption_says_which_pictures_are_chosen(garments):
    figure = predictions_figure(
        garments[1][:30],
        np.eye(10)[np.arange(30) % 10],
        garments[2][:30],
        list("abcdefghij"),
        chosen=24,
    )
    text = figure.get_suptitle()
    assert text.startswith("the first 24 test images: ")
    assert text.endswith("; then 6 others, chosen because they are wrong")


@with_mpi
def test_two_processes_train_what_one_trains_and_one_prints(undrawn, garments, tmp_path):
    options = [
        "train",
        "--data",
        str(garments[0]),
        "--epochs",
        "1",
        "--batch-size",
        "50",
        "--offline",
    ]
    command = [
        "-m",
        "examples.fashion_mnist",
        *options,
        "--distributed",
        "--out",
        str(tmp_path / "two"),
    ]
    done = mpi.finished(mpi.launched(command, 2))
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("epoch: 1\n") == done.stdout.count("model.safetensors") == 1
    fashion_mnist.main([*options, "--out", str(tmp_path / "one")])
    one, two = (nn.Model.load(tmp_path / name / fashion_mnist.MODEL) for name in ("one", "two"))
    np.testing.assert_allclose(two.history.steps["loss"], one.history.steps["loss"], rtol=1e-4)
    assert two.history.epochs["val_accuracy"] == pytest.approx(one.history.epochs["val_accuracy"])
