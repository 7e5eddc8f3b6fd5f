"""Damaged and forged files: each loads as it was, or gives a clear error with its name."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

for module in ("cv2", "matplotlib", "safetensors", "resource"):
    pytest.importorskip(module)

from nn import archive  # noqa: E402
from tests import fuzz  # noqa: E402

ROOT = Path(__file__).parents[1]


def fuzzed(first: int, count: int) -> dict:
    """Run cases in a process of their own, which may crash."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz", str(first), str(count)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60 + count,
    )
    assert done.returncode == 0, f"crashed in case {done.stderr[-300:]}"
    return json.loads(done.stdout)


def assert_clean(result: dict, count: int) -> None:
    assert result["found"] == []
    assert sum(result["cases"].values()) == count
    assert len(result["cases"]) == (7 if fuzz.onnx is None else 8)
    assert result["peak"] < fuzz.MEMORY


def test_1000_damaged_or_forged_files():
    assert_clean(fuzzed(0, 1000), 1000)


@pytest.mark.long
def test_100_000_damaged_or_forged_files():
    for first in range(0, 100_000, 5_000):
        assert_clean(fuzzed(first, 5_000), 5_000)


def test_the_fuzzer_finds_a_loader_without_a_checksum(monkeypatch, tmp_path):
    monkeypatch.setattr(archive, "_verify", lambda *_: None)
    loaders = fuzz.Loaders(tmp_path)
    results = [fuzz.run_case(loaders, number) for number in range(400)]
    assert ("model", "a silent change") in results
    assert ("parameters", "a silent change") in results


def test_the_fuzzer_finds_raw_errors_and_missing_names(monkeypatch, tmp_path):
    loaders = fuzz.Loaders(tmp_path)
    for error, words in ((KeyError("x"), "raw KeyError"), (ValueError("x"), "without the file's")):

        def fail(_, error=error):
            raise error

        loaders.table = {
            name: (files, fail, exact) for name, (files, _, exact) in loaders.table.items()
        }
        assert all(words in fuzz.run_case(loaders, number)[1] for number in range(3))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)
arrays = st.dictionaries(
    st.text(min_size=1, max_size=4).filter(lambda name: name != "__metadata__"),
    hnp.arrays(
        st.sampled_from([np.float32, np.float64, np.int8, np.uint64, np.bool_, np.float16]),
        hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3),
    ),
    max_size=3,
)


@settings(max_examples=60, deadline=None)
@given(arrays, st.dictionaries(st.text(max_size=4), json_values, max_size=4), st.randoms())
def test_what_is_written_is_read_and_no_flipped_bit_is(tmp_path_factory, named, metadata, chance):
    path = tmp_path_factory.getbasetemp() / "archive"
    metadata.pop("version", None)
    archive.write_archive(path, named, metadata)
    found, described = archive.read_archive(path)
    assert described == {"version": archive.VERSION, **metadata}
    assert found.keys() == named.keys()
    for name, array in named.items():
        np.testing.assert_array_equal(found[name], array, strict=True)
    data = bytearray(path.read_bytes())
    data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    path.write_bytes(data)
    with pytest.raises(ValueError, match="archive"):
        archive.read_archive(path)
