"""Data sets: their contents, the order in which places are searched, and errors of damaged files."""

import contextlib
import gzip
import hashlib
import os
import struct
import sys
import threading
import time
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pooch
import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from nn.data import datasets
from nn.data.datasets import (
    FASHION_MNIST_CLASSES,
    SyntheticDataWarning,
    fashion_mnist,
    image_folder,
    read_idx,
    sine,
    spiral,
    synthetic_garments,
    vertical,
)

CODES = {"u1": 0x08, "i1": 0x09, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}
REAL = Path(os.environ.get("TENSORGRAD_DATA") or "nowhere")
needs_real = pytest.mark.skipif(
    not (REAL / datasets.ZIP_FILE).is_file() or len(datasets._idx_files(REAL)) < 4,
    reason="TENSORGRAD_DATA names no folder with Fashion-MNIST as IDX files and as a zip",
)


def idx(values):
    """Write the bytes of an IDX file from the description of the format."""
    header = bytes([0, 0, CODES[values.dtype.str[1:]], values.ndim])
    return header + struct.pack(f">{values.ndim}I", *values.shape) + values.astype(
        values.dtype.newbyteorder(">")
    ).tobytes()  # fmt: skip


def png(value=0, shape=(28, 28)):
    return cv2.imencode(".png", np.full(shape, value, np.uint8))[1].tobytes()


def write_idx(place, *, mark=0, zipped=True):
    """Write a small Fashion-MNIST of 20 and 10 images, whose first pixels are all `mark`."""
    place.mkdir(parents=True, exist_ok=True)
    for split, n in (("train", 20), ("t10k", 10)):
        images = np.zeros((n, 28, 28), np.uint8)
        images[:, 0, 0] = mark
        labels = np.arange(n, dtype=np.uint8) % 10
        for name, values in (("images-idx3", images), ("labels-idx1", labels)):
            path = place / f"{split}-{name}-ubyte"
            if zipped:
                path.with_suffix(".gz").write_bytes(gzip.compress(idx(values)))
            else:
                path.write_bytes(idx(values))
    return place


def pictures():
    """List train/<label>/<n>.png, 11 per class, and test/, 1 per class, with their gray levels."""
    for label in range(10):
        for n in (10, *range(10)):  # out of order, and 10 sorts before 2 as text
            yield f"train/{label}/{n}.png", 20 * label + n
        yield f"test/{label}/7.png", label


def write_folder(place, contents=None):
    if contents is None:
        contents = {name: png(value) for name, value in pictures()}
    for name, data in contents.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(data)
    return place


def write_zip(path, prefix="", **extra):
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name, value in pictures():
            archive.writestr(prefix + name, png(value))
        for name, data in extra.items():
            archive.writestr(name, data)
    return path


def mark(data):
    return data.X_train[0, 0, 0]


class Network:
    """A replacement of pooch's downloader, which serves files or raises an error."""

    def __init__(self, monkeypatch, served):
        self.served, self.asked = served, []
        monkeypatch.setattr(pooch, "HTTPDownloader", lambda **_: self)
        monkeypatch.setattr("pooch.core.time.sleep", lambda _: None)
        monkeypatch.setattr(datasets, "_unreachable", lambda: None)

    def __call__(self, url, output_file, _pooch):
        self.asked.append(url)
        if isinstance(self.served, Exception):
            raise self.served
        Path(output_file).write_bytes(self.served[url.rsplit("/", 1)[1]])


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """Set up an empty cache, no TENSORGRAD_DATA, no network, and few synthetic garments."""
    monkeypatch.delenv("TENSORGRAD_DATA", raising=False)
    monkeypatch.setattr(datasets, "_cache", lambda: tmp_path / "cache")
    monkeypatch.setattr(datasets, "synthetic_garments", lambda rng: synthetic_garments(20, 10, rng))
    Network(monkeypatch, AssertionError("this test must not use the network"))
    return tmp_path / "cache"


# The book's toys


@pytest.mark.parametrize("make", [spiral, vertical])
def test_toys_have_samples_for_each_class_and_follow_the_seed(make):
    X, y = make(100, 3, 7)
    assert (X.shape, X.dtype) == ((300, 2), np.float32)
    assert (y.shape, y.dtype) == ((300,), np.int64)
    assert np.bincount(y).tolist() == [100, 100, 100]
    assert np.array_equal(X, make(100, 3, np.random.default_rng(7))[0])
    assert not np.array_equal(X, make(100, 3, 8)[0])
    assert make(5, 2)[0].shape == (10, 2)


def test_spiral_winds_from_the_centre_by_ten_radians():
    X, _ = spiral(2001, 2, 0)
    radius = np.hypot(*X.T)
    assert np.allclose(radius, np.tile(np.linspace(0, 1, 2001), 2), atol=1e-6)
    turn = np.unwrap(np.arctan2(X[1000:2001, 0], X[1000:2001, 1]))
    # The outer half turns by 5 radians, with a deviation of 0.5 in each angle.
    assert np.polyfit(np.linspace(0, 1, 1001), turn, 1)[0] == pytest.approx(5, abs=0.2)


def test_vertical_puts_the_classes_a_third_apart():
    X, y = vertical(5000, 3, 0)
    for label in range(3):
        assert X[y == label].mean(0) == pytest.approx([label / 3, 0.5], abs=0.01)
        assert X[y == label].std(0) == pytest.approx([0.1, 0.1], abs=0.01)


def test_sine_is_one_period():
    X, y = sine()
    assert (X.shape, y.shape, X.dtype, y.dtype) == ((1000, 1), (1000, 1), np.float32, np.float32)
    assert (X[0, 0], X[250, 0]) == (0, 0.25)
    assert y[[0, 250, 500, 750], 0] == pytest.approx([0, 1, 0, -1], abs=1e-6)


# IDX


ANY_IDX = st.sampled_from(sorted(CODES)).flatmap(
    lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=0, max_dims=4, min_side=0))
)


@settings(deadline=None)  # a busy machine can take any time
@given(values=ANY_IDX, zipped=st.booleans())
def test_idx_round_trip(tmp_path_factory, values, zipped):
    path = tmp_path_factory.getbasetemp() / "values.idx"  # no .gz: its content decides
    path.write_bytes(gzip.compress(idx(values)) if zipped else idx(values))
    found = read_idx(path)
    assert (found.dtype, found.shape) == (values.dtype, values.shape)
    assert found.dtype.isnative
    assert found.flags.writeable
    assert found.tobytes() == values.tobytes()


@settings(deadline=None)  # a busy machine can take any time
@given(start=st.sampled_from([b"", b"\0\0\x08", b"\0\0\x08\1", b"\x1f\x8b\x08"]), rest=st.binary())
def test_idx_of_any_bytes_is_an_array_or_a_value_error(tmp_path_factory, start, rest):
    path = tmp_path_factory.getbasetemp() / "any.idx"
    path.write_bytes(start + rest)
    with contextlib.suppress(ValueError):
        assert isinstance(read_idx(path), np.ndarray)


WHOLE = idx(np.arange(6, dtype=np.int16).reshape(2, 3))
BAD_IDX = {
    "empty": (b"", r"starts with the bytes \[\]"),
    "a png": (png(), r"starts with the bytes \[89 50 4e 47\], but an IDX file starts with 00 00"),
    "type 0a": (b"\0\0\x0a\1", r"\[00 00 0a 01\]"),
    "header cut": (WHOLE[:9], "ends inside its header, after 9 of 12 bytes"),
    "data cut": (WHOLE[:-1], r"shape \(2, 3\) of int16, 12 bytes, but holds 11"),
    "data added": (WHOLE + b"!", "12 bytes, but holds more than 12"),
    "gzip cut": (gzip.compress(WHOLE)[:-9], "truncated or damaged gzip"),
    "gzip checksum": (gzip.compress(WHOLE)[:-8] + bytes(8), r"damaged gzip \(CRC check failed"),
    "65 dimensions": (b"\0\0\x08\x41" + b"\0\0\0\1" * 65 + b"\0", r"a shape beyond NumPy \(.*65"),
    "huge": (b"\0\0\x08\4" + bytes(4) + b"\xff" * 12, "a shape beyond NumPy"),
}


@pytest.mark.parametrize("case", BAD_IDX)
def test_damaged_idx_names_the_file_the_fault_and_the_remedy(tmp_path, case):
    data, fault = BAD_IDX[case]
    (tmp_path / "some.idx").write_bytes(data)
    with pytest.raises(ValueError, match=rf"some\.idx.*{fault}.*replace it with a fresh copy"):
        read_idx(tmp_path / "some.idx")


# Folders of pictures


def test_image_folder_reads_classes_in_order(tmp_path):
    for name in ("10", "9", "2"):
        write_folder(tmp_path, {f"{name}/{n}.png": png(int(name) + n) for n in (1, 12, 3)})
    X, y, names = image_folder(tmp_path)
    assert names == ("2", "9", "10")
    assert (X.shape, X.dtype, y.dtype) == ((9, 28, 28), np.uint8, np.int64)
    assert y.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert X[:, 0, 0].tolist() == [3, 5, 14, 10, 12, 21, 11, 13, 22]


def test_image_folder_reads_unicode_names_and_sorts_mixed_ones_as_text(tmp_path):
    write_folder(tmp_path, {"schön/ñ 1.png": png(1), "10/画像.png": png(2), "9/x.png": png(3)})
    X, _, names = image_folder(str(tmp_path))
    assert names == ("10", "9", "schön")
    assert X[:, 0, 0].tolist() == [2, 3, 1]


def test_image_folder_keeps_the_aspect_and_pads_with_black(tmp_path):
    contents = {"a/1wide.png": png(200, (40, 80)), "a/2tall.png": png(100, (7, 2))}
    (wide, tall), _, _ = image_folder(write_folder(tmp_path, contents), size=(20, 28))
    assert np.array_equal(np.flatnonzero(wide.any(1)), np.arange(3, 17))
    assert (wide[3:17] == 200).all()
    assert np.array_equal(np.flatnonzero(tall.any(0)), np.arange(11, 17))
    assert (tall[:, 11:17] == 100).all()


@pytest.mark.parametrize("size", [28, (28,), (28, 0), (28.5, 28), "ab"])
def test_image_folder_takes_a_pair_of_lengths(size, tmp_path):
    with pytest.raises((TypeError, ValueError), match="size must be"):
        image_folder(tmp_path, size=size)


def test_image_folder_gives_colours_as_rgb(tmp_path):
    red = np.zeros((28, 28, 3), np.uint8)
    red[..., 2] = 255  # OpenCV writes blue, green, red
    write_folder(tmp_path, {"a/red.png": cv2.imencode(".png", red)[1].tobytes()})
    X, _, _ = image_folder(tmp_path, gray=False)
    assert X.shape == (1, 28, 28, 3)
    assert X[0, 0, 0].tolist() == [255, 0, 0]


def test_image_folder_reports_strays_in_one_warning(tmp_path):
    contents = {"a/1.png": png(), "a/notes.txt": b"hello", "a/empty.png": b"", "README": b"!"}
    write_folder(tmp_path, {**contents, "a/deeper/2.png": png(), "a/cut.png": png()[:40]})
    with pytest.warns(UserWarning, match=r"5 entries are not .* README, .*, \.\.\.") as caught:
        X, _, _ = image_folder(tmp_path)
    assert len(X) == len(caught) == 1
    assert caught[0].filename == __file__


@pytest.mark.parametrize(
    ("contents", "path", "error", "words"),
    [
        ({}, "none", NotADirectoryError, "none does not exist"),
        ({"f.png": png()}, "f.png", NotADirectoryError, "is a file"),
        ({"f.png": png()}, "", ValueError, "holds no folder"),
        ({"a/1.png": png(), "b/x": b""}, "", ValueError, "1 entries .*b, none is a picture"),
        ({"a/b/1.png": png()}, "", ValueError, "1 entries .*a, none is a picture"),
    ],
    ids=["missing", "file", "no class", "empty class", "a level too high"],
)
def test_image_folder_says_what_is_wrong(tmp_path, contents, path, error, words):
    with pytest.raises(error, match=words):
        image_folder(write_folder(tmp_path, contents) / path)


# Fashion-MNIST: its contents


@pytest.mark.parametrize("zipped", [True, False])
def test_idx_files_are_read_gzipped_or_not(tmp_path, zipped):
    found = fashion_mnist(write_idx(tmp_path / "d", mark=9, zipped=zipped))
    assert [a.shape for a in found[:4]] == [(20, 28, 28), (20,), (10, 28, 28), (10,)]
    assert [a.dtype for a in found[:4]] == [np.uint8, np.int64] * 2
    assert mark(found) == 9
    assert found.y_train.tolist() == [*range(10)] * 2
    assert found.source == f"IDX files in {tmp_path / 'd'}"
    assert len(FASHION_MNIST_CLASSES) == 10


def as_zip(place):
    return write_zip(place / "other name.zip")


def as_zip_in_folder(place):
    mac = {"__MACOSX/train/0/._00.png": b"not a picture", "fashion/notes.txt": b""}
    return write_zip(place / datasets.ZIP_FILE, prefix="fashion/", **mac).parent


def as_folder_of_that_name(place):
    return write_folder(place / "fashion_mnist_images").parent


@pytest.mark.parametrize("make", [as_zip, as_zip_in_folder, write_folder, as_folder_of_that_name])
def test_pictures_are_read_label_by_label_in_numeric_order(tmp_path, make):
    found = fashion_mnist(make(tmp_path))
    assert found.y_train.tolist() == [label for label in range(10) for _ in range(11)]
    assert found.X_train[:, 5, 5].tolist() == [20 * i + n for i in range(10) for n in range(11)]
    assert found.y_test.tolist() == found.X_test[:, 5, 5].tolist() == [*range(10)]
    assert [a.dtype for a in found[:4]] == [np.uint8, np.int64] * 2
    assert found.source.split()[0] in ("zip", "folder")


def test_idx_files_come_before_the_zip_and_the_zip_before_the_folder(tmp_path):
    write_zip(write_folder(tmp_path) / datasets.ZIP_FILE)
    assert fashion_mnist(tmp_path).source.startswith("zip")
    assert fashion_mnist(write_idx(tmp_path)).source.startswith("IDX")


@needs_real
def test_the_real_idx_files_and_zip_hold_the_same():
    official, book = fashion_mnist(REAL), fashion_mnist(REAL / datasets.ZIP_FILE)
    assert official.X_train.shape == (60_000, 28, 28)
    assert official.X_test.shape == (10_000, 28, 28)
    for X, y, book_X, book_y in (
        (official.X_train, official.y_train, book.X_train, book.y_train),
        (official.X_test, official.y_test, book.X_test, book.y_test),
    ):
        order = np.argsort(y, kind="stable")
        assert np.array_equal(y[order], book_y)
        assert np.array_equal(X[order], book_X)


# Fashion-MNIST: damaged and foreign files


def spoil_gzip(place):
    path = write_idx(place) / "t10k-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-20])


def spoil_labels(place):
    path = write_idx(place) / "train-labels-idx1-ubyte.gz"
    path.write_bytes(idx(np.full(20, 10, np.uint8)))


def spoil_count(place):
    path = write_idx(place) / "t10k-labels-idx1-ubyte.gz"
    path.write_bytes(idx(np.zeros(9, np.uint8)))


def spoil_type(place):
    path = write_idx(place) / "train-images-idx3-ubyte.gz"
    path.write_bytes(idx(np.zeros((20, 28, 28), np.float32)))


def spoil_size(place):
    path = write_idx(place) / "train-images-idx3-ubyte.gz"
    path.write_bytes(idx(np.zeros((20, 32, 32), np.uint8)))


def no_images(place):
    path = write_idx(place) / "train-images-idx3-ubyte.gz"
    path.write_bytes(idx(np.zeros((0, 28, 28), np.uint8)))


def no_dimension(place):
    path = write_idx(place) / "t10k-labels-idx1-ubyte.gz"
    path.write_bytes(idx(np.array(1, np.uint8)))


def another_mnist(place):
    path = write_idx(place) / "t10k-images-idx3-ubyte.gz"
    path.write_bytes(idx(np.zeros((10_000, 28, 28), np.uint8)))


def spoil_zip(place):
    path = write_zip(place / datasets.ZIP_FILE)
    path.write_bytes(path.read_bytes()[:-100])


def spoil_member(place):
    path = write_zip(place / datasets.ZIP_FILE)
    data = bytearray(path.read_bytes())
    data[data.index(b"IHDR") + 20] ^= 255
    path.write_bytes(data)


def spoil_label_folder(place):
    write_zip(place / datasets.ZIP_FILE, **{"train/ten/1.png": png()})


def spoil_picture(place):
    (write_folder(place) / "train/3/2.png").write_bytes(png()[:50])


def spoil_picture_size(place):
    (write_folder(place) / "test/3/7.png").write_bytes(png(0, (32, 28)))


def other_folder(place):
    write_folder(place, {"train/cat/1.png": png(), "test/cat/1.png": png()})


SPOILED = {
    spoil_gzip: r"t10k-images-idx3-ubyte\.gz is truncated or damaged gzip",
    spoil_labels: r"train-labels-idx1-ubyte\.gz holds the label 10, outside 0 to 9",
    spoil_count: r"t10k-labels-idx1-ubyte\.gz holds 9 labels for the 10 images",
    spoil_type: r"train-images-idx3-ubyte\.gz holds float32 of shape \(20, 28, 28\)",
    spoil_size: r"holds uint8 of shape \(20, 32, 32\), but .* uint8 of shape \('N', 28, 28\)",
    no_images: r"shape \(0, 28, 28\).* N > 0",
    no_dimension: r"t10k-labels-idx1-ubyte\.gz holds uint8 of shape \(\), but",
    another_mnist: r"t10k-images-idx3-ubyte\.gz is not a file of Fashion-MNIST: the checksum \(md5\)",
    spoil_zip: r"fashion_mnist_images\.zip is not a readable zip",
    spoil_member: r"zip: train/0/10\.png cannot be read \(Bad CRC-32 for file 'train/0/10\.png'\)",
    spoil_label_folder: r"train/<label>/<number>\.png for the labels .*'ten'.* each of 0 to 9",
    spoil_picture: r"train/3/2\.png is not a readable picture",
    spoil_picture_size: r"test/3/7\.png is of shape \(32, 28\), but 28 by 28 is needed",
    other_folder: r"for the labels \['cat'\]",
}


@pytest.mark.parametrize("where", ["data", "environment", "cache"])
@pytest.mark.parametrize("spoil", SPOILED)
def test_a_damaged_file_is_an_error_wherever_it_lies(tmp_path, monkeypatch, cache, spoil, where):
    place = cache if where == "cache" else tmp_path / "place"
    spoil(place)
    if where == "environment":
        monkeypatch.setenv("TENSORGRAD_DATA", str(place))
    with pytest.raises(ValueError, match=SPOILED[spoil] + ".*; replace it with a fresh copy"):
        fashion_mnist(place if where == "data" else None)


def test_a_file_that_is_no_zip_is_an_error(tmp_path):
    (tmp_path / "data.txt").write_text("hello")
    with pytest.raises(ValueError, match=r"data\.txt is not a readable zip"):
        fashion_mnist(tmp_path / "data.txt")


# Fashion-MNIST: the places that are searched


def test_data_comes_before_the_environment_and_that_before_the_cache(tmp_path, monkeypatch, cache):
    write_idx(cache, mark=3)
    assert mark(fashion_mnist()) == 3
    monkeypatch.setenv("TENSORGRAD_DATA", str(tmp_path / "nowhere"))
    assert mark(fashion_mnist()) == 3
    monkeypatch.setenv("TENSORGRAD_DATA", str(write_idx(tmp_path / "environment", mark=2)))
    assert mark(fashion_mnist()) == 2
    assert mark(fashion_mnist(write_idx(tmp_path / "data", mark=1))) == 1


@pytest.mark.parametrize("exists", [True, False])
def test_data_that_holds_nothing_is_an_error_even_if_the_cache_does(tmp_path, cache, exists):
    write_idx(cache)
    place = tmp_path / "place"
    if exists:
        place.mkdir()
    what = "holds no complete Fashion-MNIST" if exists else "does not exist"
    looked_for = "looked for the four IDX files.*train-images.*fashion_mnist_images.zip"
    with pytest.raises(FileNotFoundError, match=f"place {what}: {looked_for}"):
        fashion_mnist(place)


def test_an_incomplete_set_in_the_environment_names_what_lacks(tmp_path, monkeypatch):
    (write_idx(tmp_path) / "t10k-labels-idx1-ubyte.gz").unlink()
    monkeypatch.setenv("TENSORGRAD_DATA", str(tmp_path))
    with pytest.raises(FileNotFoundError, match=r"missing: t10k-labels-idx1-ubyte\)"):
        fashion_mnist()


def test_the_cache_follows_the_operating_system(monkeypatch):
    monkeypatch.undo()
    monkeypatch.setenv("XDG_CACHE_HOME", "/xdg")
    monkeypatch.setattr(sys, "platform", "linux")
    assert datasets._cache() == Path("/xdg/tensorgrad/fashion-mnist")
    monkeypatch.setattr(sys, "platform", "darwin")
    assert datasets._cache().relative_to(Path.home()).parts[:2] == ("Library", "Caches")
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", "/local")
    assert datasets._cache() == Path("/local/tensorgrad/fashion-mnist")


# Fashion-MNIST: with and without a network


def serve(tmp_path, monkeypatch):
    """Serve a small Fashion-MNIST with right checksums."""
    files = {p.name: p.read_bytes() for p in write_idx(tmp_path / "served", mark=5).iterdir()}
    known = {
        name: (hashlib.md5(files[f"{name}.gz"]).hexdigest(), md5)
        for name, (_, md5) in datasets.IDX_FILES.items()
    }
    monkeypatch.setattr(datasets, "IDX_FILES", known)
    return Network(monkeypatch, files)


def test_downloads_once_into_the_cache(tmp_path, monkeypatch, cache):
    network = serve(tmp_path, monkeypatch)
    found = fashion_mnist()
    assert mark(found) == 5
    assert found.source == f"downloaded from {datasets.URL} to {cache}"
    assert network.asked == [f"{datasets.URL}{name}.gz" for name in datasets.IDX_FILES]
    assert fashion_mnist().source == f"IDX files in {cache}"
    assert len(network.asked) == 4


def test_an_interrupted_download_is_completed(tmp_path, monkeypatch, cache):
    network = serve(tmp_path, monkeypatch)
    fashion_mnist()
    (cache / "t10k-images-idx3-ubyte.gz").unlink()
    assert mark(fashion_mnist()) == 5
    assert network.asked[4:] == [f"{datasets.URL}t10k-images-idx3-ubyte.gz"]


def test_a_server_that_stops_answering_is_not_asked_again(monkeypatch):
    network = Network(monkeypatch, requests.ReadTimeout("no bytes"))
    with pytest.warns(SyntheticDataWarning, match="ReadTimeout: no bytes"):
        fashion_mnist()
    assert len(network.asked) == 1  # each time takes 10 seconds


@pytest.mark.parametrize(
    "error",
    [ConnectionError("no route"), requests.ConnectionError("no route"), TimeoutError("no route"),
     requests.Timeout("no route"), requests.HTTPError("503: no route")],
    ids=lambda e: type(e).__module__ + type(e).__name__,
)  # fmt: skip
def test_without_a_network_it_says_so_and_draws_garments(monkeypatch, cache, error):
    Network(monkeypatch, error)
    with pytest.warns(SyntheticDataWarning) as caught:
        found = fashion_mnist()
    assert found.source == "synthetic"
    assert repr(found) == "<FashionMNIST: 20 pictures to train, 10 to test; synthetic>"
    assert found.X_train.shape == (20, 28, 28)
    words = str(caught[0].message)
    for part in (str(cache), "no route", "SYNTHETIC", "TENSORGRAD_DATA"):
        assert part in words
    assert caught[0].filename == __file__


def test_a_failing_download_is_tried_three_times(monkeypatch):
    network = Network(monkeypatch, requests.ConnectionError("no route"))
    with pytest.warns(SyntheticDataWarning):
        fashion_mnist()
    assert len(network.asked) == 3


def test_a_network_that_is_not_there_is_asked_once_a_day(tmp_path, monkeypatch, cache):
    network = serve(tmp_path, monkeypatch)
    monkeypatch.setattr(datasets, "_unreachable", lambda: "swallowed")
    for words in ("swallowed", "no network within the last day: swallowed; to try again, remove"):
        with pytest.warns(SyntheticDataWarning, match=words):
            fashion_mnist()
    monkeypatch.setattr(datasets, "_unreachable", lambda: None)
    with pytest.warns(SyntheticDataWarning, match="within the last day"):
        fashion_mnist()
    assert network.asked == []
    yesterday = time.time() - datasets.DAY_SECONDS - 1
    os.utime(cache / datasets.OFFLINE, (yesterday, yesterday))
    assert mark(fashion_mnist()) == 5
    assert not (cache / datasets.OFFLINE).exists()


def test_a_network_that_swallows_packets_is_given_up_in_time(monkeypatch):
    asked = threading.Event()

    def swallow(*_, **__):
        asked.set()
        threading.Event().wait(30)

    monkeypatch.undo()
    monkeypatch.setattr(requests, "head", swallow)
    monkeypatch.setattr(datasets, "PATIENCE", 0.05)
    assert datasets._unreachable() == "no answer in 0.05 seconds"
    assert asked.is_set()
    monkeypatch.setattr(requests, "head", lambda *_, **__: None)
    assert datasets._unreachable() is None

    def refuse(*_, **__):
        raise requests.ConnectionError("refused")

    monkeypatch.setattr(requests, "head", refuse)
    assert datasets._unreachable() == "ConnectionError: refused"


def test_download_false_asks_no_network_and_is_the_same_each_time(monkeypatch):
    network = Network(monkeypatch, {})
    with pytest.warns(SyntheticDataWarning, match="download=False"):
        first = fashion_mnist(download=False)
    with pytest.warns(SyntheticDataWarning):
        assert np.array_equal(first.X_train, fashion_mnist(download=False).X_train)
    assert network.asked == []


def test_without_pooch_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.warns(SyntheticDataWarning, match=r"run pip install '\.\[examples\]' in the clone"):
        fashion_mnist()


@pytest.mark.parametrize("damage", ["checksum", "cut off"])
def test_a_damaged_download_is_an_error_and_leaves_no_file(tmp_path, monkeypatch, cache, damage):
    network = serve(tmp_path, monkeypatch)
    if damage == "checksum":
        network.served["train-labels-idx1-ubyte.gz"] = b"<html>Please log in</html>"
        words, file = "MD5 hash of downloaded file", "train-labels-idx1-ubyte.gz"
    else:
        network.served = requests.exceptions.ChunkedEncodingError("IncompleteRead")
        words, file = "IncompleteRead", "train-images-idx3-ubyte.gz"
    with pytest.raises(ValueError, match=f"{file} arrived damaged.*{words}.*try again"):
        fashion_mnist()
    assert not (cache / file).exists()


def test_a_cache_that_cannot_be_written_is_an_error(tmp_path, monkeypatch, cache):
    serve(tmp_path, monkeypatch)
    monkeypatch.setattr(datasets, "_cache", lambda: cache / "inside")
    cache.write_text("a file, so that no folder can be made in it")
    with pytest.raises(OSError, match=r"cannot be written to .*inside.*TENSORGRAD_DATA"):
        fashion_mnist()


def test_without_opencv_it_says_what_to_install(tmp_path, monkeypatch):
    path = write_zip(tmp_path / "data.zip")
    monkeypatch.setitem(sys.modules, "cv2", None)
    for call in (lambda: fashion_mnist(path), lambda: synthetic_garments(1, 1)):
        with pytest.raises(
            ImportError, match=r"OpenCV.*run pip install '\.\[examples\]' in the clone"
        ):
            call()


# Synthetic garments


def test_synthetic_garments_follow_the_seed_and_hold_every_class_equally():
    X, y, X_test, y_test = synthetic_garments(200, 50, 3)
    assert (X.shape, X.dtype, X_test.shape) == ((200, 28, 28), np.uint8, (50, 28, 28))
    assert y.dtype == y_test.dtype == np.int64
    assert np.bincount(y).tolist() == [20] * 10
    assert np.bincount(y_test).tolist() == [5] * 10
    assert np.array_equal(X, synthetic_garments(200, 50, np.random.default_rng(3))[0])
    assert not np.array_equal(X, synthetic_garments(200, 50, 4)[0])
    assert len(np.unique(X.reshape(200, -1), axis=0)) == 200


def test_synthetic_garments_can_be_learnt_but_not_by_their_means():
    X, y, X_test, y_test = synthetic_garments(3000, 1000, 0)
    X, X_test = X.reshape(-1, 784) / 255, X_test.reshape(-1, 784) / 255
    means = np.stack([X[y == label].mean(0) for label in range(10)])
    distance = ((X_test[:, None] - means) ** 2).sum(2)
    assert 0.6 < np.mean(distance.argmin(1) == y_test) < 0.9
    # Least squares with slight weight decay, one column per class.
    features, ridge = np.c_[X, np.ones(len(X))], 10 * np.eye(785)
    W = np.linalg.solve(features.T @ features + ridge, features.T @ np.eye(10)[y])
    assert np.mean((np.c_[X_test, np.ones(1000)] @ W).argmax(1) == y_test) > 0.8


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: spiral(0, 3), "samples must be an integer of at least 1, not 0"),
        (lambda: spiral(10, 2.0), r"classes must be an integer of at least 1, not 2\.0"),
        (lambda: vertical(10, -1), "classes must be an integer of at least 1, not -1"),
        (lambda: sine("9"), "samples must be an integer of at least 1, not '9'"),
    ],
)
def test_data_of_nothing(make, message):
    with pytest.raises(ValueError, match=message):
        make()
