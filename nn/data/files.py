"""Readers of IDX files and of folders of pictures, one folder per class."""

import gzip
import math
import os
import re
import warnings
import zlib
from pathlib import Path
from types import ModuleType

import numpy as np

from nn.config import INSTALL_EXTRAS

IDX_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
FRESH = "replace it with a fresh copy (a file in the cache is downloaded again after you delete it)"


def read_idx(path: str | os.PathLike[str]) -> np.ndarray:
    """Read the array in an IDX file of any type, gzipped or not, in the machine's byte order.

    Raises: ValueError if the file is damaged or not an IDX file.
    Source: LeCun, Cortes and Burges, The MNIST database, section "The IDX file format".
    """
    data = Path(path).read_bytes()
    if data[:2] == b"\x1f\x8b":  # gzip's first bytes, because the file's name may not say so
        try:
            data = gzip.decompress(data)
        except (EOFError, OSError, zlib.error) as error:
            raise ValueError(f"{path} is truncated or damaged gzip ({error}); {FRESH}") from error
    if len(data) < 4 or data[:2] != b"\0\0" or data[2] not in IDX_TYPES:
        raise ValueError(
            f"{path} starts with the bytes [{data[:4].hex(' ')}], but an IDX file starts with "
            f"00 00, a type from 08 to 0e and the number of dimensions; {FRESH}"
        )
    start = 4 + 4 * data[3]
    if len(data) < start:
        raise ValueError(
            f"{path} ends inside its header, after {len(data)} of {start} bytes; {FRESH}"
        )
    shape = tuple(map(int, np.frombuffer(data[4:start], ">u4")))
    dtype = np.dtype(IDX_TYPES[data[2]])
    expected = math.prod(shape) * dtype.itemsize
    if len(data) - start != expected:
        raise ValueError(
            f"{path} announces shape {shape} of {dtype.name}, {expected} bytes, but holds "
            f"{len(data) - start} bytes; {FRESH}"
        )
    try:
        values = np.frombuffer(data, dtype, offset=start).reshape(shape)
    except ValueError as error:
        raise ValueError(f"{path} announces a shape beyond NumPy ({error}); {FRESH}") from error
    return values.astype(dtype.newbyteorder("="))  # a copy, because frombuffer is read-only


def image_folder(
    path: str | os.PathLike[str], *, size: tuple[int, int] = (28, 28), gray: bool = True
) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Read the pictures of a tree with one folder per class, and the sorted names of the classes.

    Each picture is scaled to fit `size` (height, width), without change of its proportions, and
    centred on black. Other files are left out, with one warning.
    Shapes: -> X (N, height, width) uint8, with a last axis of 3 (RGB) unless gray; y (N,) int64.
    Raises: NotADirectoryError if `path` is not a folder; ValueError if there is no class folder, or
    one has no picture.
    """
    path = Path(path).expanduser()
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
            image = None if file.is_dir() else decode_image(file.read_bytes(), gray=gray)
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
            f"{path}: {len(strays)} entries are not pictures that OpenCV can read and were left "
            f"out: {names}{', ...' if len(strays) > 3 else ''}",
            stacklevel=2,
        )
    return np.stack(X), np.array(y), tuple(p.name for p in folders)


def decode_image(data: bytes, *, gray: bool = True) -> np.ndarray | None:
    """Decode the bytes of an image file to a gray or RGB picture, or return None if they hold none.

    Shapes: -> (height, width) uint8, with a last axis of 3 unless gray.
    Raises: ImportError if OpenCV is not installed.
    """
    cv2 = import_cv2()
    # From bytes, because imread cannot open every path that Python can.
    try:
        image = cv2.imdecode(
            np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE if gray else cv2.IMREAD_COLOR
        )
    except cv2.error:  # no bytes at all, or more pixels than OpenCV allows
        return None
    return image if gray or image is None else cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def natural(name: str) -> list[str | int]:
    """Return a sorting key that puts 9 before 10."""
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", name)]


def import_cv2() -> ModuleType:
    """Import OpenCV, which only pictures need.

    Raises: ImportError if it is not installed.
    """
    try:
        import cv2
    except ImportError as error:
        raise ImportError(
            f"pictures are read and drawn with OpenCV, which is not installed; run {INSTALL_EXTRAS}"
        ) from error
    return cv2


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
