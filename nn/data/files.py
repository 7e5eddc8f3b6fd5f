"""Readers of IDX files and of folders of pictures, one folder per class."""

import gzip
import io
import math
import os
import re
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from nn.config import count
from nn.data.pictures import MAX_PIXELS, decode_image, import_cv2
from tensorgrad.files import as_path, read_file

MAX_BYTES = 1 << 30  # of an array in an IDX file

IDX_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
FRESH = "replace it with a fresh copy (a file in the cache is downloaded again after you delete it)"


def read_idx(path: str | os.PathLike[str], *, max_bytes: int = MAX_BYTES) -> np.ndarray:
    """Read the array in an IDX file of any type, gzipped or not, in the machine's byte order.

    Raises: ValueError if the file is damaged, not an IDX file, or holds more than `max_bytes`;
    OSError if there is no such file.
    Source: LeCun, Cortes and Burges, The MNIST database, section "The IDX file format".
    """
    data = io.BytesIO(read_file(path))
    try:
        # gzip's first bytes, because the file's name may not say so
        if data.getvalue()[:2] == b"\x1f\x8b":
            return _read_array(gzip.GzipFile(fileobj=data), path, max_bytes)
        return _read_array(data, path, max_bytes)
    except (EOFError, OSError, zlib.error) as error:
        raise ValueError(f"{path} is truncated or damaged gzip ({error}); {FRESH}") from error


def _read_array(file: Any, path: Any, max_bytes: int) -> np.ndarray:
    """Read the array in an IDX file, of which the header says how many bytes are unpacked.

    Raises: ValueError if it is damaged or too large.
    """
    start = file.read(4)
    if len(start) < 4 or start[:2] != b"\0\0" or start[2] not in IDX_TYPES:
        raise ValueError(
            f"{path} starts with the bytes [{start.hex(' ')}], but an IDX file starts with "
            f"00 00, a type from 08 to 0e and the number of dimensions; {FRESH}"
        )
    sizes = file.read(4 * start[3])
    if len(sizes) < 4 * start[3]:
        raise ValueError(
            f"{path} ends inside its header, after {4 + len(sizes)} of {4 + 4 * start[3]} bytes; "
            f"{FRESH}"
        )
    shape = tuple(map(int, np.frombuffer(sizes, ">u4")))
    dtype = np.dtype(IDX_TYPES[start[2]])
    expected = math.prod(shape) * dtype.itemsize
    if expected > max_bytes:
        raise ValueError(
            f"{path} announces shape {shape} of {dtype.name}, {expected:,} bytes, more than the "
            f"limit of {max_bytes:,}; read it with nn.datasets.read_idx(path, max_bytes=...)"
        )
    data = bytearray()  # which grows, because the header may announce more than there is
    while len(data) <= expected and (part := file.read(min(1 << 24, expected + 1 - len(data)))):
        data += part
    if len(data) != expected:
        found = f"more than {expected}" if len(data) > expected else str(len(data))
        raise ValueError(
            f"{path} announces shape {shape} of {dtype.name}, {expected} bytes, but holds "
            f"{found} bytes; {FRESH}"
        )
    try:
        values = np.frombuffer(data, dtype).reshape(shape)
    except ValueError as error:
        raise ValueError(f"{path} announces a shape beyond NumPy ({error}); {FRESH}") from error
    return values.astype(dtype.newbyteorder("="), copy=False)


def image_folder(
    path: str | os.PathLike[str],
    *,
    size: tuple[int, int] = (28, 28),
    gray: bool = True,
    max_pixels: int = MAX_PIXELS,
) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Read the pictures of a tree with one folder per class, and the sorted names of the classes.

    Each picture is scaled to fit `size` (height, width), without change of its proportions, and
    centred on black. Transparent pixels become white, or black if the picture is light. Other
    files, and links out of the folder, are left out, with one warning.
    Shapes: -> X (N, height, width) uint8, with a last axis of 3 (RGB) unless gray; y (N,) int64.
    Raises: NotADirectoryError if `path` is not a folder; ValueError if there is no class folder, if
    one has no picture, or if a picture has more than `max_pixels` pixels; TypeError or
    ValueError if `size` is no pair of lengths.
    """
    if not isinstance(size, tuple | list) or len(size) != 2:
        raise TypeError(f"size must be a pair (height, width), such as (28, 28), not {size!r}")
    for length in size:
        count(length, "size")
    path = as_path(path)
    if not path.is_dir():
        raise NotADirectoryError(
            f"image_folder needs a folder with one folder per class, but {path} "
            f"{'is a file' if path.exists() else 'does not exist'}"
        )
    folders = [p for p in path.iterdir() if p.is_dir() and p.name[0] != "."]
    if not folders:
        raise ValueError(f"{path} holds no folder; put the pictures of each class into a folder")
    numbers = all(p.name.isdecimal() for p in folders)
    folders.sort(key=lambda p: (int(p.name) if numbers else 0, p.name))
    strays = sorted(p for p in path.iterdir() if not p.is_dir())
    X: list[np.ndarray] = []
    y: list[int] = []
    for label, folder in enumerate(folders):
        for file in sorted(folder.iterdir(), key=lambda p: natural(p.name)):
            image = _picture_in(file, path, gray, max_pixels)
            if image is None:
                strays.append(file)
            else:
                X.append(_fit(image, size))
                y.append(label)
        if y[-1:] != [label]:
            raise ValueError(
                f"of the {len(list(folder.iterdir()))} entries of the class folder {folder}, none "
                "is a picture that OpenCV can read; add pictures or remove the folder"
            )
    if strays:
        names = ", ".join(str(p.relative_to(path)) for p in strays[:3])
        warnings.warn(
            f"{path}: {len(strays)} entries are not pictures that OpenCV can read, or links out of "
            f"the folder, and were left out: {names}{', ...' if len(strays) > 3 else ''}",
            stacklevel=2,
        )
    return np.stack(X), np.array(y), tuple(p.name for p in folders)


def _picture_in(file: Path, root: Path, gray: bool, max_pixels: int) -> np.ndarray | None:
    """Decode a picture file; None for anything else, and for a link to a place outside of `root`.

    Raises: ValueError, with the file's name, if the picture is too large.
    """
    try:
        # A pipe would never end, and a link could make anything on the disk part of the data.
        if not file.is_file() or not file.resolve().is_relative_to(root.resolve()):
            return None
        if file.stat().st_size > 8 * max_pixels:
            raise ValueError(f"the file has more than {8 * max_pixels:,} bytes")
        return decode_image(file.read_bytes(), gray=gray, max_pixels=max_pixels)
    except (OSError, RuntimeError):  # no permission, a loop of links
        return None
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from error


def natural(name: str) -> list[str | int]:
    """Return a sorting key that puts 9 before 10."""
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", name)]


def _fit(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Scale a picture to fit into `size`, and centre it on black."""
    cv2 = import_cv2()
    scale = min(size[0] / image.shape[0], size[1] / image.shape[1])
    height, width = (max(1, round(side * scale)) for side in image.shape[:2])
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    top, left = (size[0] - height) // 2, (size[1] - width) // 2
    canvas = np.zeros((*size, *image.shape[2:]), np.uint8)
    canvas[top : top + height, left : left + width] = cv2.resize(
        image, (width, height), interpolation=method
    )
    return canvas
