"""Archives: arrays and JSON in a safetensors file, with a checksum of both.

A file of parameters has an array under the name of each parameter and buffer, such as "0.weights",
and any framework's safetensors can read it.
"""

import hashlib
import json
import os
import reprlib
import warnings
from collections.abc import Mapping
from types import ModuleType
from typing import Any

import numpy as np

from nn.config import import_extra
from tensorgrad.files import read_file, write_file

File = str | os.PathLike[str]

MARK, CHECKSUM = "tensorgrad", "checksum"  # our entries in the metadata of the header
VERSION = 2  # files of version 1 had no checksum
HEADER_BYTES = 1 << 24  # of a header; JSON grows by 25 times when it is read
DEPTH = 200  # of lists and objects inside each other
BFLOAT16 = "BF16"  # as safetensors calls it
OTHER_FORMATS = {  # what files of other formats begin with
    b"PK\x03\x04": "a zip file, as torch.save and np.savez write",
    b"\x80": "a pickle, as older torch.save writes",
    b"\x93NUMPY": "a file of np.save",
    b"\x89HDF": "an HDF5 file, as Keras writes",
    b"\x1f\x8b": "a gzip file",
}


def write_parameters(path: File, parameters: Mapping[str, np.ndarray]) -> None:
    """Write arrays under their names; the file is replaced as a whole, or stays as it was.

    Raises: TypeError if safetensors has no form for an array; ImportError if it is not installed.
    """
    write_archive(path, parameters, {"holds": "parameters"})


def read_parameters(path: File) -> dict[str, np.ndarray]:
    """Read the arrays of a file of parameters, which may come from another framework.

    Raises: ValueError if the file is damaged, not of the safetensors format, or holds a whole
    model; ImportError if safetensors is not installed.
    """
    arrays, metadata = read_archive(path)
    if metadata.get("holds") == "model":
        raise ValueError(f"{path} holds a whole model; load it with nn.Model.load({str(path)!r})")
    warn_of_values(path, arrays)
    return arrays


def write_archive(path: Any, arrays: Mapping[str, np.ndarray], metadata: dict[str, Any]) -> None:
    """Write arrays and metadata; the file is replaced as a whole, or stays as it was.

    Raises: TypeError if safetensors has no form for an array; ImportError if it is not installed;
    OSError if the file cannot be written.
    """
    safe = import_safetensors()
    text = json.dumps({"version": VERSION, **metadata})
    # Copies in C order, because safetensors writes the memory without regard to the strides.
    ordered = {k: np.array(a, order="C") for k, a in arrays.items()}
    header = {MARK: text, CHECKSUM: _checksum(ordered, text)}
    try:
        data = safe.numpy.save(ordered, header)
    except safe.SafetensorError as error:
        raise TypeError(f"{path} was not written: {error}") from error
    write_file(path, data)


def read_archive(path: Any) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Read the arrays and the metadata of a file, which are empty if another program wrote it.

    A file without a checksum, as other programs write it, loads with a warning.
    Raises: ValueError if the file is damaged or of another version; OSError if there is none.
    """
    safe = import_safetensors()
    data = read_file(path)
    try:
        entries = _header_entries(data)
        # By name, because safetensors returns them in an order of its own each time.
        arrays = dict(sorted(_loaded(safe, data).items()))
        text = entries.get(MARK, "{}")
        metadata = json.loads(text)
        _check_json(metadata)
    except Exception as error:  # whatever the decoders of JSON and of arrays stumble over
        raise ValueError(
            f"{path}, of {len(data)} bytes, is damaged or not a safetensors file that NumPy can "
            f"hold ({error}){_format_hint(data)}"
        ) from error
    version = metadata.get("version", VERSION)
    if version not in (1, VERSION):
        raise ValueError(
            f"{path} was written in version {reprlib.repr(version)} of this format, but this "
            f"tensorgrad reads versions up to {VERSION}; update tensorgrad"
        )
    _verify(path, arrays, entries, version if MARK in entries else None)
    return arrays, metadata


def _format_hint(data: bytes) -> str:
    """Say which other format the contents of a file have, and what to do; "" if it is unknown."""
    found = next((name for begin, name in OTHER_FORMATS.items() if data.startswith(begin)), None)
    if found is None:
        return ""
    return (
        f"; it begins like {found}: read it with the library that wrote it, and give the arrays by "
        "name to module.load_state_dict, or to nn.from_torch"
    )


def _loaded(safe: ModuleType, data: bytes) -> dict[str, np.ndarray]:
    """Return the arrays of a file; those of bfloat16, which NumPy lacks, as float32.

    Raises: ValueError for arrays of other dtypes that NumPy lacks; the errors of safetensors.
    """
    try:
        return safe.numpy.load(data)
    except KeyError:  # the name of a dtype
        return {name: _from_entry(name, **entry) for name, entry in safe.deserialize(data)}


def _from_entry(name: str, dtype: str, shape: list[int], data: bytes) -> np.ndarray:
    """Make an array of what safetensors tells of it.

    Raises: ValueError if NumPy lacks the dtype.
    """
    if dtype == BFLOAT16:  # the upper half of a float32
        halves = np.frombuffer(data, "<u2").astype(np.uint32)
        return (halves << 16).view(np.float32).reshape(shape)
    kind, bits = dtype[0].lower(), "8" if dtype == "BOOL" else dtype[1:]
    if kind not in "fiub" or not bits.isdigit():
        raise ValueError(
            f"{name} has the dtype {dtype}, which NumPy lacks; convert it to float32 where the "
            "file was written"
        )
    return np.frombuffer(data, f"<{kind}{int(bits) // 8}").reshape(shape)


def warn_of_values(path: Any, arrays: Mapping[str, np.ndarray]) -> None:
    """Warn of arrays with values that are NaN or infinite, by name."""
    bad = [name for name, a in arrays.items() if a.dtype.kind in "fc" and not np.isfinite(a).all()]
    if bad:
        warnings.warn(
            f"{path} holds NaN or infinite values in {', '.join(bad[:5])}"
            f"{f' and {len(bad) - 5} more' if len(bad) > 5 else ''}: predictions will be NaN; load "
            "an earlier file",
            stacklevel=4,
        )


def _verify(
    path: Any, arrays: dict[str, np.ndarray], entries: dict[str, Any], version: int | None
) -> None:
    """Compare the checksum, or warn if the file is older than checksums or of another program.

    Raises: ValueError if it differs, or is missing where it must be.
    """
    expected = entries.get(CHECKSUM)
    if expected is None and version != VERSION:
        writer = "another program" if version is None else "an older version of tensorgrad"
        warnings.warn(
            f"{path} was written by {writer}, without a checksum, so that damage would not be "
            "noticed; saving it again adds one",
            stacklevel=5,
        )
    elif expected != (found := _checksum(arrays, entries.get(MARK, ""))):
        raise ValueError(
            f"{path} is damaged: the checksum of its contents is {found}, but it was written with "
            f"{expected}; load another copy or an earlier checkpoint"
        )


def _checksum(arrays: Mapping[str, np.ndarray], text: str) -> str:
    """Compute a checksum of arrays, with their names, dtypes and shapes, and of a text."""
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass"))
    for name in sorted(arrays):
        array = arrays[name]
        # In a fixed byte order, which is that of safetensors.
        little = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
        digest.update(repr((name, little.dtype.str, array.shape)).encode("utf-8", "surrogatepass"))
        digest.update(little.reshape(-1).view(np.uint8).data)
    return f"sha256:{digest.hexdigest()}"


def _header_entries(data: bytes) -> dict[str, Any]:
    """Return the metadata in the header of a safetensors file.

    Raises: ValueError if the header is too long or no JSON object.
    """
    length = int.from_bytes(data[:8], "little")
    if length > min(HEADER_BYTES, len(data) - 8):
        raise ValueError(
            f"its header would be {length:,} bytes long, but can be {HEADER_BYTES:,} at most"
        )
    header = json.loads(data[8 : 8 + length])
    if not isinstance(header, dict):
        raise ValueError("its header is no JSON object")
    entries = header.get("__metadata__", {})
    if not isinstance(entries, dict) or not all(isinstance(v, str) for v in entries.values()):
        raise ValueError("its __metadata__ is no JSON object of strings")
    return entries


def _check_json(metadata: Any) -> None:
    """Check that metadata are an object, and not too deep.

    Raises: ValueError if they are not.
    """
    if not isinstance(metadata, dict):
        raise ValueError(f"its entry {MARK!r} is no JSON object, but {type(metadata).__name__}")
    level: list[Any] = [metadata]
    for _ in range(DEPTH):
        inner = [v for part in level for v in (part.values() if isinstance(part, dict) else part)]
        level = [value for value in inner if isinstance(value, dict | list)]
        if not level:
            return
    raise ValueError(f"its entry {MARK!r} has more than {DEPTH} levels")


def import_safetensors() -> ModuleType:
    """Import safetensors, which only files need.

    Raises: ImportError if it is not installed.
    """
    return import_extra("safetensors.numpy", "models are saved and loaded with safetensors")
