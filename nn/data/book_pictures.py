"""The book's pictures of Fashion-MNIST, in its zip file or unpacked in folders."""

import functools
import re
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from nn.data.files import FRESH, natural
from nn.data.pictures import decode_image, picture_size
from tensorgrad.files import read_file

MEMBER_BYTES = 1 << 16  # of a picture in the zip file


def from_folder(folder: Path) -> list[np.ndarray]:
    """Read X_train, y_train, X_test and y_test from the unpacked contents of the book's zip file.

    Raises: ValueError if a picture is damaged or missing.
    """
    names = (p.relative_to(folder).as_posix() for p in folder.glob("t*/*/*.png"))
    return _from_pictures(folder, names, lambda name: read_file(folder / name))


def from_zip(path: Path) -> list[np.ndarray]:
    """Read X_train, y_train, X_test and y_test from the book's zip file.

    Raises: ValueError if it is damaged.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            # A name that stands for several entries is read as the last of them.
            entries = {info.filename: info for info in archive.infolist()}
            return _from_pictures(path, entries, lambda name: _member(archive, entries[name]))
    except (FileNotFoundError, ImportError):
        raise
    # Of a damaged file zipfile raises errors of all kinds: OSError, struct.error, UnicodeError, ….
    except Exception as error:
        if str(path) in str(error) and isinstance(error, ValueError):
            raise
        raise ValueError(f"{path} is not a readable zip file ({error}); {FRESH}") from error


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """Unpack a picture in a zip file.

    Raises: ValueError, before it is unpacked, if it is too large for one.
    """
    if info.file_size > MEMBER_BYTES:
        raise ValueError(
            f"it would unpack to {info.file_size:,} bytes, more than the {MEMBER_BYTES:,} that a "
            "picture of 28 by 28 can need"
        )
    return archive.read(info)


def _from_pictures(
    place: Path, names: Iterable[str], read: Callable[[str], bytes]
) -> list[np.ndarray]:
    """Read X_train, y_train, X_test, y_test from train/<label>/<number>.png and test, in order."""
    splits: dict[str, list] = {"train": [], "test": []}
    for name in names:
        match = re.fullmatch(r"(?:.*/)?(train|test)/([^/]+)/([^/.][^/]*)\.png", name)
        if match:
            splits[match[1]].append((match[2], natural(match[3]), name))
    arrays = []
    for split, entries in splits.items():
        labels = {label for label, _, _ in entries}
        if labels != set("0123456789"):
            raise ValueError(
                f"{place} holds {split}/<label>/<number>.png for the labels "
                f"{sorted(labels) or 'none'}, but Fashion-MNIST has each of 0 to 9; {FRESH}"
            )
        entries.sort()
        X = np.empty((len(entries), 28, 28), np.uint8)
        for row, (_, _, name) in zip(X, entries, strict=True):
            row[:] = _garment(f"{place}: {name}", functools.partial(read, name))
        arrays += [X, np.array([int(label) for label, _, _ in entries])]
    return arrays


def _garment(name: str, read: Callable[[], bytes]) -> np.ndarray:
    """Decode a picture of the data set.

    Shapes: -> (28, 28), uint8.
    Raises: ValueError, with the name, if it cannot be read or has another size.
    """
    try:
        data = read()
        size = picture_size(data)
        image = decode_image(data) if size == (28, 28) else None
    except ImportError:
        raise
    except Exception as error:  # of the decoders of deflate, bzip2, lzma, …
        reason = error or type(error).__name__
        raise ValueError(f"{name} cannot be read ({reason}); {FRESH}") from error
    if image is None:
        what = "not a readable picture"
        if size not in (None, (28, 28)):
            what = f"of shape {size[::-1]}"
        raise ValueError(f"{name} is {what}, but 28 by 28 is needed; {FRESH}")
    return image
