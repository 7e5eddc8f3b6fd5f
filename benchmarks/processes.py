"""Measurements in a new process: of memory by `benchmarks.isolated`, and of the time of an import."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def measure_isolated(**request: object) -> float:
    """Return the number that `benchmarks.isolated` measures in a new interpreter."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.isolated", json.dumps(request)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(f"the benchmark {request} failed in its own process:\n{done.stderr}")
    return float(done.stdout.split()[-1])


def seconds_to_import(module: str, bytecode: str) -> float:
    """Time an import in a new interpreter, which stores its bytecode in the folder `bytecode`."""
    code = f"import time; t = time.perf_counter(); import {module}; print(time.perf_counter() - t)"
    # Some environments disable bytecode files, so that every import compiles everything.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=environment | {"PYTHONPYCACHEPREFIX": bytecode},
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout)
