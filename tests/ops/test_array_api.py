"""The array API's own test suite, which tensors pass where NumPy's arrays do.

TENSORGRAD_ARRAY_API_TESTS names a copy of github.com/data-apis/array-api-tests, with its submodule.
"""

import json
import os
import subprocess
import sys
import types
from functools import wraps
from pathlib import Path

import numpy as np
import pytest

import tensorgrad as tg

FOLDER = os.environ.get("TENSORGRAD_ARRAY_API_TESTS")
ROOT = Path(__file__).parent.parent.parent
EXAMPLES = 20  # inputs that hypothesis draws for each test
# fmt: off
KNOWN = {  # tests that NumPy's arrays pass and tensors do not: why
    "array_api_tests/test_creation_functions.py::test_asarray_arrays": "an array of a tensor without axes is a copy",
}
# fmt: on


def as_tensors(result):
    """Return the result with every array of numbers in it as a constant tensor."""
    if isinstance(result, (np.ndarray, np.number, np.bool_)):
        return tg.Tensor(result)
    if isinstance(result, tuple):
        items = map(as_tensors, result)
        return type(result)(*items) if hasattr(result, "_fields") else tuple(items)
    return [as_tensors(item) for item in result] if isinstance(result, list) else result


def namespace(module=np):
    """NumPy, whose functions return tensors."""

    def returning_tensors(function):
        @wraps(function)
        def call(*args, **kwargs):
            return as_tensors(function(*args, **kwargs))

        return call

    tensors = types.ModuleType("tensors")
    for name, value in vars(module).items():
        if name in ("linalg", "fft") and isinstance(value, types.ModuleType):
            value = namespace(value)
        elif callable(value) and not isinstance(value, type) and name[0] != "_":
            value = returning_tensors(value)
        setattr(tensors, name, value)
    return tensors


def outcomes(script, folder, *tests):
    """Run the suite, or some of its tests, on the module that a script calls xp, and return each outcome."""
    report = folder / "report.json"
    plugin = folder / "outcomes.py"
    plugin.write_text(PLUGIN)
    environment = os.environ | {
        "ARRAY_API_TESTS_MODULE": f"exec('{script}')",
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(folder), os.environ.get("PYTHONPATH", "")]),
        "OUTCOMES": str(report),
    }
    command = [
        sys.executable, "-m", "pytest", "-q", "-p", "outcomes", "-p", "no:cacheprovider", "--tb=line",
        "--disable-deadline", "--derandomize", f"--max-examples={EXAMPLES}",
        *(tests or ("array_api_tests",)),
    ]  # fmt: skip
    done = subprocess.run(command, cwd=FOLDER, env=environment, capture_output=True, text=True)
    assert report.exists(), (done.stdout + done.stderr)[-3000:]
    return json.loads(report.read_text())


PLUGIN = """
import json, os

OUTCOMES = {}

def pytest_runtest_logreport(report):
    if report.when == "call" or report.outcome != "passed":
        text = str(report.longrepr).strip().splitlines()[-1:] if report.failed else []
        OUTCOMES[report.nodeid] = [report.outcome, *text]

def pytest_sessionfinish():
    with open(os.environ["OUTCOMES"], "w") as file:
        json.dump(OUTCOMES, file)
"""


@pytest.mark.skipif(
    not FOLDER, reason="TENSORGRAD_ARRAY_API_TESTS names no copy of array-api-tests"
)
def test_tensors_pass_what_arrays_pass(tmp_path):
    arrays = outcomes("import numpy as xp", tmp_path)
    script = "from tests.ops.test_array_api import namespace; xp = namespace()"
    tensors = outcomes(script, tmp_path)
    passed = [name for name, (outcome, *_) in arrays.items() if outcome == "passed"]
    lost = {name: tensors.get(name) for name in passed if tensors.get(name, [""])[0] != "passed"}
    # Once more: zeros of either sign, say, are drawn by chance in the order of the whole run.
    again = outcomes(script, tmp_path, *lost) if lost else {}
    lost = {name: found for name, found in lost.items() if again.get(name, [""])[0] != "passed"}
    assert len(passed) > 1000
    assert lost.keys() <= KNOWN.keys(), lost
    assert KNOWN.keys() <= lost.keys(), "no longer needed"


def test_the_namespace_returns_tensors():
    xp = namespace()
    assert isinstance(xp.asarray([1.0, 2.0]), tg.Tensor)
    assert isinstance(xp.linalg.inv(xp.eye(2)), tg.Tensor)
    assert all(isinstance(t, tg.Tensor) for t in xp.unstack(xp.eye(2)))
    assert isinstance(xp.unique_counts(xp.ones(2)).counts, tg.Tensor)
    assert xp.float64 is np.float64
    assert xp.isdtype(xp.float64, "real floating") is True
