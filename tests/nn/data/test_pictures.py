"""Pictures of every kind of pixel, and files made to fill the memory or to wait for ever."""

import gzip
import os
import struct
import subprocess
import sys
import warnings
import zipfile
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

import nn
from examples.photo import read_photo
from nn.data import book_pictures
from nn.data.pictures import decode_image, picture_size

ROOT = Path(nn.__file__).parents[1]
rng = np.random.default_rng(0)


def encoded(picture: np.ndarray, suffix: str = ".png", *flags: int) -> bytes:
    return cv2.imencode(suffix, picture, flags)[1].tobytes()


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_bomb(width: int, height: int) -> bytes:
    """Make a small PNG file that unpacks to a large picture."""
    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    rows = zlib.compress(bytes(1 + 4 * width) * min(height, 100), 9)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    )


# Sizes from headers


@pytest.mark.parametrize(
    "suffix", [".png", ".jpg", ".webp", ".bmp", ".gif", ".tiff", ".pgm", ".ppm"]
)
@pytest.mark.parametrize("shape", [(3, 5), (200, 301), (28, 28)])
def test_the_size_is_read_from_the_header(suffix, shape):
    if not cv2.haveImageWriter(f"x{suffix}"):
        pytest.skip(f"this OpenCV cannot write {suffix}")
    picture = rng.integers(0, 256, (*shape, 3), np.uint8)
    data = encoded(picture[..., 0] if suffix == ".pgm" else picture, suffix)
    assert picture_size(data) == shape[::-1]
    assert picture_size(data[: len(data) // 50]) in (None, shape[::-1])
    assert decode_image(data).shape == shape
    assert decode_image(data, gray=False).shape == (*shape, 3)


def test_headers_with_other_layouts():
    assert picture_size(b"P5 # a comment\n# another\n 7\n9 255\n" + bytes(63)) == (7, 9)
    jpeg = encoded(np.zeros((5, 6), np.uint8), ".jpg", cv2.IMWRITE_JPEG_PROGRESSIVE, 1)
    assert picture_size(jpeg) == (6, 5)
    assert picture_size(jpeg[:2] + b"\xff\xff\xff" + jpeg[3:]) == (6, 5)  # filling bytes
    lossless = encoded(np.zeros((5, 6, 3), np.uint8), ".webp", cv2.IMWRITE_WEBP_QUALITY, 101)
    assert picture_size(lossless) == (6, 5)
    transparent = encoded(rng.integers(0, 256, (5, 6, 4), np.uint8), ".webp")
    assert picture_size(transparent) == (6, 5)
    assert picture_size(b"BM" + bytes(12) + struct.pack("<IHH", 12, 4, 3)) == (4, 3)
    assert picture_size(b"MM\0*" + struct.pack(">IH", 8, 0)) is None


def test_other_files_are_no_pictures():
    for data in (
        b"",
        b"\xff\xd8",
        b"GIF89a",
        b"BM",
        b"II*\0",
        b"P5 x",
        b"RIFFxxxxWEBPVP8 ",
        b"x" * 99,
    ):
        assert picture_size(data) is None
        assert decode_image(data) is None


# Pixels


@pytest.mark.parametrize("gray", [True, False])
@pytest.mark.parametrize("paint", [0, 255])
def test_transparent_pixels_contrast_with_the_picture(paint, gray):
    picture = np.full((40, 40, 4), paint, np.uint8)
    picture[..., 3] = 0
    picture[10:30, 15:25, 3] = 255
    for dtype, factor in ((np.uint8, 1), (np.uint16, 257)):
        found = decode_image(encoded(picture.astype(dtype) * dtype(factor)), gray=gray)
        want = np.full((40, 40) if gray else (40, 40, 3), 255 - paint)
        want[10:30, 15:25] = paint
        np.testing.assert_array_equal(found, want)


def test_a_transparent_palette_is_seen():
    """PNG's tRNS chunk makes colours of a picture without an alpha channel transparent."""
    rows = zlib.compress(b"".join(b"\0" + bytes([0, 0, 1, 1]) for _ in range(4)))
    data = (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", 4, 4, 8, 3, 0, 0, 0))
        + chunk(b"PLTE", bytes([0, 0, 0, 0, 0, 0]))
        + chunk(b"tRNS", bytes([0, 255]))
        + chunk(b"IDAT", rows)
        + chunk(b"IEND", b"")
    )
    np.testing.assert_array_equal(decode_image(data), [[255, 255, 0, 0]] * 4)


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
def test_values_are_scaled_by_the_bits_that_they_use(bits):
    ramp = np.linspace(0, (1 << bits) - 1, 256).astype(np.uint16)
    picture = np.tile(ramp, (4, 1))
    for suffix in (".png", ".tiff"):
        found = decode_image(encoded(picture, suffix))
        np.testing.assert_allclose(found, np.tile(np.arange(256), (4, 1)), atol=1)
        colour = decode_image(encoded(np.dstack([picture] * 3), suffix), gray=False)
        np.testing.assert_allclose(colour[..., 1], found, atol=1)


def test_channels_come_in_the_order_of_rgb():
    for dtype in (np.uint8, np.uint16):
        picture = np.zeros((2, 2, 3), dtype)
        picture[..., 2] = np.iinfo(dtype).max  # red, in OpenCV's order
        np.testing.assert_array_equal(decode_image(encoded(picture), gray=False)[0, 0], [255, 0, 0])


def test_floats_are_no_picture():
    assert decode_image(encoded(np.zeros((3, 3), np.float32), ".tiff")) is None


# Bombs


def test_a_picture_beyond_the_limit_is_refused_before_it_is_unpacked(tmp_path):
    (tmp_path / "cats").mkdir()
    bomb = tmp_path / "cats" / "a.png"
    bomb.write_bytes(png_bomb(60_000, 60_000))
    words = r"a\.png: the picture has 60,000 by 60,000 pixels, more than the limit of 100,000,000"
    with pytest.raises(ValueError, match=words):
        nn.datasets.image_folder(tmp_path)
    with pytest.raises(ValueError, match=words):
        read_photo(bomb)
    bomb.write_bytes(encoded(np.zeros((20, 30), np.uint8)))
    with pytest.raises(ValueError, match=r"30 by 20 pixels, more than the limit of 599 \(max_pix"):
        nn.datasets.image_folder(tmp_path, max_pixels=599)
    assert nn.datasets.image_folder(tmp_path, max_pixels=600)[0].shape == (1, 28, 28)
    os.truncate(bomb, 10**10)
    with pytest.raises(ValueError, match=r"a\.png: the file has more than 800,000,000 bytes"):
        nn.datasets.image_folder(tmp_path)


def test_a_png_whose_chunk_is_longer_than_the_file_is_no_picture():
    """OpenCV would allocate 2 GiB for it."""
    data = encoded(rng.integers(0, 256, (9, 9), np.uint8))
    at = data.index(b"IDAT") - 4
    for length in (2**31 - 1, 2**32 - 1, len(data) - at):
        assert decode_image(data[:at] + struct.pack(">I", length) + data[at + 4 :]) is None
    for stop in range(len(data)):
        assert decode_image(data[:stop]) is None


def test_a_jpeg_of_many_scans_is_refused():
    data = encoded(np.zeros((9, 9), np.uint8), ".jpg", cv2.IMWRITE_JPEG_PROGRESSIVE, 1)
    at = data.rindex(b"\xff\xda")
    with pytest.raises(ValueError, match="more than 200 scans"):
        decode_image(data[:at] + data[at:-2] * 201 + data[-2:])


def test_gzip_that_unpacks_to_more_than_its_header_says(tmp_path):
    path = tmp_path / "a.gz"
    header = b"\0\0\x08\1" + struct.pack(">I", 1000)
    path.write_bytes(gzip.compress(header + bytes(50_000_000)))
    with pytest.raises(
        ValueError, match=r"a\.gz announces .* 1000 bytes, but holds more than 1000"
    ):
        nn.datasets.read_idx(path)
    path.write_bytes(gzip.compress(b"\0\0\x08\1" + struct.pack(">I", 2**32 - 1)))
    with pytest.raises(
        ValueError, match=r"4,294,967,295 bytes, more than the limit of 1,073,741,824"
    ):
        nn.datasets.read_idx(path)
    with pytest.raises(ValueError, match=r"but holds 0 bytes"):
        nn.datasets.read_idx(path, max_bytes=2**32)
    path.write_bytes(b"\0\0\x08\1" + struct.pack(">I", 5) + b"hello")
    assert nn.datasets.read_idx(path, max_bytes=5).tobytes() == b"hello"


def test_a_zip_member_that_unpacks_to_more_than_a_picture(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for split in ("train", "test"):
            for label in range(10):
                archive.writestr(f"{split}/{label}/0.png", bytes(10_000_000))
    with pytest.raises(
        ValueError, match=r"a\.zip: train/0/0\.png cannot be read \(it would unpack"
    ):
        book_pictures.from_zip(path)


LARGE = """
import resource, sys, numpy as np
from examples.photo import read_photo
import cv2
read_photo(sys.argv[2])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
picture = read_photo(sys.argv[1])
assert picture.max() == 255
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the unit of the memory differs")
@pytest.mark.parametrize("suffix", [".jpg", pytest.param(".png", marks=pytest.mark.long)])
def test_a_photo_of_64_megapixels_needs_less_than_200_mb(suffix, tmp_path):
    picture = np.full((8000, 8000, 3), 250, np.uint8)
    picture[2000:6000, 3000:5000] = (30, 60, 90)
    path, small = tmp_path / f"large{suffix}", tmp_path / f"small{suffix}"
    path.write_bytes(encoded(picture, suffix))
    small.write_bytes(encoded(picture[::200, ::200], suffix))
    done = subprocess.run(
        [sys.executable, "-c", LARGE, str(path), str(small)],
        capture_output=True, text=True, check=True, env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert float(done.stdout) < 200
    large, small = read_photo(path).astype(int), read_photo(small).astype(int)
    assert abs(large - small).mean() < 3


# Files that are none


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX's kinds of files")
def test_pipes_and_links_out_of_the_folder_are_left_out(tmp_path):
    picture = encoded(rng.integers(0, 256, (9, 9), np.uint8))
    (tmp_path / "secret.png").write_bytes(picture)
    folder = tmp_path / "data" / "cats"
    folder.mkdir(parents=True)
    (folder / "a.png").write_bytes(picture)
    (folder / "inside.png").symlink_to(folder / "a.png")
    (folder / "outside.png").symlink_to(tmp_path / "secret.png")
    (folder / "device.png").symlink_to("/dev/zero")
    (folder / "loop.png").symlink_to(folder / "loop.png")
    os.mkfifo(folder / "pipe.png")
    with pytest.warns(
        UserWarning, match=r"4 entries are not pictures .*, or links out of the fold"
    ):
        X, _, _ = nn.datasets.image_folder(tmp_path / "data")
    assert len(X) == 2
    (tmp_path / "link").symlink_to(tmp_path / "data")
    with warnings.catch_warnings(action="ignore"):
        assert (
            len(nn.datasets.image_folder(tmp_path / "link")[0]) == 2
        )  # a link to the folder is one
    with pytest.raises(OSError, match="this is a device, not a file"):
        read_photo("/dev/zero")
    with pytest.raises(OSError, match="this is a pipe, not a file"):
        nn.datasets.read_idx(folder / "pipe.png")
