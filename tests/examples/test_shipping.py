"""The files that the main job writes to predict with: they read pictures in NumPy alone."""

import sys

import numpy as np
import pytest

import nn
from examples import networks, photo, reading, results
from tests.nn.test_export import ALONE, run_alone

COMMAND_LINE = (
    ALONE
    + "import runpy; sys.argv[:] = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')"
)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Return the model, and the folder with its files and a photograph."""
    args = type("Args", (), {"hidden": [16], "dropout": 0.0, "l2": 0.0, "initializer": "he"})
    model = nn.Model(networks.mlp(args, np.random.default_rng(0)))
    folder = tmp_path_factory.mktemp("job")
    results.write_predictor(model, folder)
    garment = np.zeros((50, 40))
    garment[10:40, 15:30] = np.arange(30)[:, None] * 8 + 15
    paper = (255 - garment).astype(np.uint8)
    (folder / "photo.pgm").write_bytes(b"P5 # of a camera\n40 50\n255\n" + paper.tobytes())
    return model, folder, paper


def test_the_files_of_the_main_job_predict(written):
    model, folder, _ = written
    expected = results.NAMES[
        model.predict(reading.read_picture(str(folder / "photo.pgm")).reshape(1, -1))[0].argmax()
    ]
    pictures = np.random.default_rng(0).integers(0, 256, (3, 28, 28)).astype(np.uint8)
    np.save(folder / "some.npy", pictures)
    done = run_alone(folder, COMMAND_LINE, "predict.py", "photo.pgm", "some.npy")
    first, *others = done.stdout.splitlines()
    assert first.startswith(f"photo.pgm: {expected} ")
    classes = model.predict(networks.scaled(pictures)).argmax(axis=1)
    assert [line.split(": ")[1].rpartition("%")[0].partition(",")[0].rpartition(" ")[0] for line in others] == [
        results.NAMES[k] for k in classes
    ]  # fmt: skip


def test_without_opencv_other_pictures_are_refused_with_a_remedy(written):
    _, folder, _ = written
    (folder / "photo.png").write_bytes(b"not read")
    done = run_alone(folder, COMMAND_LINE, "predict.py", "photo.png", check=False)
    assert done.returncode == 1
    assert "photo.png: error: this kind of picture is read with OpenCV" in done.stderr
    assert "give a .pgm or .npy file" in done.stderr


def test_a_photograph_is_read_as_by_the_main_job(written, tmp_path):
    cv2 = pytest.importorskip("cv2")
    _, folder, paper = written
    cv2.imwrite(str(tmp_path / "photo.png"), paper)
    expected = (photo.read_photo(tmp_path / "photo.png") - 127.5) / 127.5
    for path in (tmp_path / "photo.png", folder / "photo.pgm"):
        assert np.abs(reading.read_picture(str(path)) - expected).max() < 1.5 / 127.5
    small = np.full((9, 9), 255, np.uint8)
    small[2:7, 2:6] = np.arange(4) * 50
    cv2.imwrite(str(tmp_path / "small.png"), small)  # is enlarged
    expected = (photo.read_photo(tmp_path / "small.png") - 127.5) / 127.5
    assert np.abs(reading.read_picture(str(tmp_path / "small.png")) - expected).max() < 3 / 127.5


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"P2\n1 1\n255\n0", "not a binary PGM file"),
        (b"P5\n100 100\n255\n0", r"the picture of 100 x 100 pixels is not complete"),
        (b"", "not a binary PGM file"),
        (b"P5\n2 2\n255\n\0\0\0\0", "one colour only"),
        (b"P5\n0 0\n255\n", "is not complete"),
    ],
)
def test_damaged_pictures_are_named(data, message, tmp_path):
    (tmp_path / "x.pgm").write_bytes(data)
    with pytest.raises(ValueError, match=message):
        reading.read_picture(str(tmp_path / "x.pgm"))


def test_pictures_of_16_bits(tmp_path):
    levels = np.array([[0, 65535], [32768, 0]], ">u2")
    (tmp_path / "x.pgm").write_bytes(b"P5\n2 2 65535\n" + levels.tobytes())
    np.testing.assert_allclose(reading.read_pgm(str(tmp_path / "x.pgm")), levels / 257.0)


def test_without_onnx_one_line_says_so(written, tmp_path, monkeypatch, capsys):
    model, _, _ = written
    monkeypatch.setitem(sys.modules, "onnx", None)
    results.write_predictor(model, tmp_path)
    *wrote, last = capsys.readouterr().out.splitlines()
    assert wrote == [f"wrote {tmp_path / name}" for name in ("predict.py", "predict.npz")]
    assert last.startswith("no model.onnx: ")
    assert "pip install onnx" in last
    assert sorted(p.name for p in tmp_path.iterdir()) == ["predict.npz", "predict.py"]
