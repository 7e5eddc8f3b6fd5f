"""Data sets: the book's three toys, Fashion-MNIST, IDX files and folders of pictures.

All are plain NumPy arrays in a fixed order: shuffle them before training.
"""

import contextlib
import hashlib
import os
import sys
import threading
import time
import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from nn.config import INSTALL_EXTRAS
from nn.data.book_pictures import from_folder, from_zip
from nn.data.files import FRESH, image_folder, read_idx
from nn.data.synthetic import synthetic_garments
from nn.data.toys import sine, spiral, vertical

__all__ = [
    "FASHION_MNIST_CLASSES", "FashionMNIST", "SyntheticDataWarning", "fashion_mnist",
    "image_folder", "read_idx", "sine", "spiral", "synthetic_garments", "vertical",
]  # fmt: skip

# The names of the classes of Fashion-MNIST; a label is an index.
FASHION_MNIST_CLASSES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
    "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip
URL = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"
IDX_FILES = {  # name -> the md5 of the downloaded NAME.gz, and the md5 of the array in it
    "train-images-idx3-ubyte": (
        "8d4fb7e6c68d591d4c3dfef9ec88bf0d", "f209073e486d5113ebe2cc431d4df862"),
    "train-labels-idx1-ubyte": (
        "25c81989df183df01b3e8a0aad5dffbe", "3236f6424fc25388b2834cb19942cf7e"),
    "t10k-images-idx3-ubyte": (
        "bef4ecab320f06d8554ea6380940ec79", "b7656a891b218fc13e45205c48a92cae"),
    "t10k-labels-idx1-ubyte": (
        "bb300cfdad3c16e7a12a480ee83cd310", "8dea97a4e78c1bd1b5a6e8efbb870b6e"),
}  # fmt: skip
ZIP_FILE = "fashion_mnist_images.zip"
PATIENCE = 10  # seconds that the server has to answer and to begin with the data
OFFLINE = "offline.txt"  # in the cache: why there was no network
DAY_SECONDS = 86_400


class SyntheticDataWarning(UserWarning):
    """Warning that drawn garments replace Fashion-MNIST."""


class FashionMNIST(NamedTuple):
    """The data set and its source; the labels are indices of `FASHION_MNIST_CLASSES`.

    Shapes: X_train (60000, 28, 28) uint8, y_train (60000,) int64, X_test (10000, 28, 28) uint8,
    y_test (10000,) int64.
    """

    X_train: np.ndarray
    y_train: np.ndarray
    X_test: np.ndarray
    y_test: np.ndarray
    source: str

    def __repr__(self) -> str:
        train, test = len(self.y_train), len(self.y_test)
        return f"<FashionMNIST: {train:,} pictures to train, {test:,} to test; {self.source}>"


def fashion_mnist(
    data: str | os.PathLike[str] | None = None, *, download: bool = True
) -> FashionMNIST:
    """Load Fashion-MNIST from `data`, or else from $TENSORGRAD_DATA, the cache or the network.

    A folder may hold the four IDX files, gzipped or not, or the book's zip file, or its unpacked
    contents. Without data and network, drawn garments are returned, with a SyntheticDataWarning;
    the network is then not asked again for a day.
    Raises: ValueError if a file is damaged or of another data set; FileNotFoundError if `data` is
    incomplete; OSError if a download cannot be written.
    Source: Xiao, Rasul and Vollgraf (2017), arXiv:1708.07747.
    """
    cache = _cache()
    named = data or os.environ.get("TENSORGRAD_DATA")
    places = [Path(named).expanduser()] if named else []
    if not data:
        places.append(cache)
    for place in places:
        found = _load(place)
        if found is not None:
            return found
        if data or (place != cache and len(_idx_files(place)) > 0):
            raise FileNotFoundError(_missing(place))
    reason = _download_once_a_day(cache) if download else "download=False"
    if reason is None and (found := _load(cache)) is not None:
        return found._replace(source=f"downloaded from {URL} to {cache}")
    warnings.warn(
        f"Fashion-MNIST is not in {' or '.join(map(str, places))} and was not downloaded "
        f"({reason}). SYNTHETIC garments are used instead: accuracies say nothing about "
        f"Fashion-MNIST. Put the files of {URL} or {ZIP_FILE} into a folder and set "
        "TENSORGRAD_DATA to its path",
        SyntheticDataWarning,
        stacklevel=2,
    )
    return FashionMNIST(*synthetic_garments(rng=0), source="synthetic")


def _load(place: Path) -> FashionMNIST | None:
    """Read the data set in `place`, or return None if nothing there looks like it."""
    if place.is_file():
        return FashionMNIST._make([*from_zip(place), f"zip {place}"])
    files = _idx_files(place)
    if len(files) == len(IDX_FILES):
        return _from_idx(place, files)
    if (place / ZIP_FILE).is_file():
        return FashionMNIST._make([*from_zip(place / ZIP_FILE), f"zip {place / ZIP_FILE}"])
    for folder in (place, place / Path(ZIP_FILE).stem):
        if (folder / "train").is_dir() and (folder / "test").is_dir():
            return FashionMNIST._make([*from_folder(folder), f"folder {folder}"])
    return None


def _idx_files(place: Path) -> dict[str, Path]:
    """Find the IDX files in a folder; a gzipped one wins, because it has its own checksum."""
    both = ((name, place / (name + end)) for end in ("", ".gz") for name in IDX_FILES)
    return {name: path for name, path in both if path.is_file()}


def _missing(place: Path) -> str:
    """Describe the files that were looked for and not found."""
    lacking = [name for name in IDX_FILES if name not in _idx_files(place)]
    return (
        f"{place} {'holds no complete Fashion-MNIST' if place.exists() else 'does not exist'}: "
        f"looked for the four IDX files, gzipped or not (missing: {', '.join(lacking)}), for "
        f"{ZIP_FILE}, and for folders train and test; get the files from {URL}"
    )


def _from_idx(place: Path, files: dict[str, Path]) -> FashionMNIST:
    """Read the four IDX files, and check their shapes, labels and checksums."""
    arrays: list[np.ndarray] = []
    for name, (_, md5) in IDX_FILES.items():
        path, values = files[name], read_idx(files[name])
        n, item = values.shape[:1], (28, 28) if "images" in name else ()
        if values.dtype != np.uint8 or n in ((), (0,)) or values.shape != n + item:
            raise ValueError(
                f"{path} holds {values.dtype} of shape {values.shape}, but Fashion-MNIST has "
                f"uint8 of shape {('N', *item)} with N > 0; {FRESH}"
            )
        if "labels" in name and values.max() > 9:
            raise ValueError(f"{path} holds the label {values.max()}, outside 0 to 9; {FRESH}")
        # Only files of the full size have a known checksum; smaller ones are for quick trials.
        found = hashlib.md5(values.data, usedforsecurity=False).hexdigest()
        if len(values) in (60_000, 10_000) and found != md5:
            raise ValueError(
                f"{path} is not a file of Fashion-MNIST: the checksum (md5) of its values is "
                f"{found}, not {md5}; files of MNIST's digits have the same names; {FRESH}"
            )
        if "labels" in name and len(values) != len(arrays[-1]):
            raise ValueError(
                f"{path} holds {len(values)} labels for the {len(arrays[-1])} images beside it; "
                f"{FRESH}"
            )
        arrays.append(values if item else values.astype(np.int64))
    return FashionMNIST._make([*arrays, f"IDX files in {place}"])


def _cache() -> Path:
    """Return the folder for downloads, where this operating system keeps caches."""
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or "~/AppData/Local"
    elif sys.platform == "darwin":
        base = "~/Library/Caches"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "tensorgrad" / "fashion-mnist"


def _unreachable() -> str | None:
    """Return the reason why the server of the data set cannot be reached, or None if it answers."""
    import requests

    reasons: list[str | None] = []

    def ask() -> None:
        try:
            requests.head(URL, timeout=PATIENCE)
            reasons.append(None)
        except (OSError, ValueError) as error:
            reasons.append(f"{type(error).__name__}: {error}")

    # In a thread, because the look-up of a name can take longer than any time limit.
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(PATIENCE)
    return reasons[0] if reasons else f"no answer in {PATIENCE} seconds"


def _download_once_a_day(folder: Path) -> str | None:
    """Download the IDX files, unless that failed within the last day; return None or the reason.

    Raises: as `_download`.
    """
    memory = folder / OFFLINE
    with contextlib.suppress(OSError):
        if 0 <= time.time() - memory.stat().st_mtime < DAY_SECONDS:
            return (
                f"there was no network within the last day: {memory.read_text('utf-8')[:300]}; "
                f"to try again, remove {memory}"
            )
    reason = _download(folder)
    with contextlib.suppress(OSError):
        if reason is None:
            memory.unlink(missing_ok=True)
        elif find_spec("pooch") is not None:
            folder.mkdir(parents=True, exist_ok=True)
            memory.write_text(reason, "utf-8")
    return reason


def _download(folder: Path) -> str | None:
    """Download the IDX files; return None, or the reason if they cannot be reached.

    Raises: ValueError if a file arrives damaged; OSError if it cannot be written.
    """
    try:
        import pooch
        from requests.exceptions import ChunkedEncodingError, RequestException, Timeout
    except ImportError:
        return f"pooch is not installed; run {INSTALL_EXTRAS}"
    began = time.monotonic()
    if reason := _unreachable():
        return reason
    left = max(PATIENCE - (time.monotonic() - began), 1)
    known = {f"{name}.gz": f"md5:{md5}" for name, (md5, _) in IDX_FILES.items()}
    fetcher = pooch.create(folder, URL, registry=known, retry_if_failed=2)
    bar = pooch.HTTPDownloader(
        progressbar=sys.stderr is not None and find_spec("tqdm") is not None, timeout=left
    )

    def fetch(*place: Any) -> None:
        try:
            bar(*place)
        except Timeout as error:  # pooch would wait as long again, twice
            raise TimeoutError(f"{type(error).__name__}: {error}") from error

    try:
        for name in known:
            fetcher.fetch(name, downloader=fetch)
    # A damaged file is an error; a file that does not arrive only means that there is no network.
    except (ChunkedEncodingError, ValueError) as error:
        raise ValueError(
            f"the download of {URL}{name} arrived damaged ({error}); try again, or download it in "
            "another way and set TENSORGRAD_DATA to its folder"
        ) from error
    except (RequestException, ConnectionError, TimeoutError) as error:
        return f"{type(error).__name__}: {error}"
    except OSError as error:
        raise OSError(
            f"the downloaded Fashion-MNIST cannot be written to {folder} ({error}); set "
            "TENSORGRAD_DATA to a folder that holds the data, or pass download=False"
        ) from error
    return None
