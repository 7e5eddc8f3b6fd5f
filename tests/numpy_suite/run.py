"""Runs files of NumPy's tests, each in a process of its own, under the plugin; adds up the reports.

python -m tests.numpy_suite.run lib/test_function_base linalg/test_linalg -k median
"""

import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.numpy_suite.rewrite import FOLDERS

ROOT = Path(__file__).parent.parent.parent
WORKERS = 2
# The short form: files, with the number of tests drawn from each.
SHORT = {
    "lib/test_function_base": 80,
    "lib/test_nanfunctions": 40,
    "lib/test_shape_base": 30,
    "linalg/test_linalg": 40,
    "fft/test_pocketfft": 12,
    "_core/test_numeric": 40,
    "_core/test_umath": 60,
    "_core/test_multiarray": 60,
}
# They test no calculation, or must not be run twice in one process.
NOT_RUN = {
    "_core/test_cython", "_core/test_limited_api", "_core/test_mem_policy", "_core/test_multithreading",
    "_core/test_multiprocessing", "_core/test_cpu_features", "_core/test_cpu_dispatcher", "_core/test_simd",
    "_core/test_simd_module", "_core/test_argparse", "_core/test__exceptions", "lib/test__datasource", "lib/test__version",
    "lib/test__iotools",
}  # fmt: skip


def files():
    """Return the names of all files of NumPy's tests that are run, as "lib/test_histograms"."""
    found = [
        f"{folder.parent.name}/{file.stem}"
        for folder in FOLDERS
        for file in sorted(folder.glob("test_*.py"))
    ]
    return [name for name in found if name not in NOT_RUN]


def file_of(name):
    """Return the path of "lib/test_histograms"."""
    folder, _, file = name.partition("/")
    return next(f for f in FOLDERS if f.parent.name == folder) / f"{file}.py"


def run_file(name, *options, sample=None):
    """Return the report of one file, or of a sample of its tests.

    Raises: RuntimeError if pytest made none.
    """
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        environment = os.environ | {
            "NUMPY_SUITE_REPORT": str(report),
            "NUMPY_SUITE_SAMPLE": str(sample or sys.maxsize),
            "OPENBLAS_NUM_THREADS": "1",
            "PYTHONPATH": str(ROOT),
        }
        command = [
            sys.executable, "-m", "pytest", "-q", "-p", "tests.numpy_suite.plugin", "-p", "no:cacheprovider",
            "-c", os.devnull, "--rootdir", folder, "-m", "not slow", "--tb=no", *options, str(file_of(name)),
        ]  # fmt: skip
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
        if not report.exists():
            end = (done.stdout + done.stderr)[-2000:]
            raise RuntimeError(f"{name} ended with {done.returncode}: {end}")
        return json.loads(report.read_text())


def added_up(names, *options):
    """One report of several files."""
    total = {"counts": {}, "examples": {}, "known": [], "broken": [], "refusals": {}}
    total |= {"tests": 0, "failed": 0}
    with ThreadPoolExecutor(WORKERS) as pool:
        for report in pool.map(lambda name: run_file(name, *options), names):
            add(total, report)
    calls = Counter()
    for modes in total["counts"].values():
        for mode, kinds in modes.items():
            calls[mode] += sum(n for kind, n in kinds.items() if kind != "skipped")
    return total | {"calls": calls}


def add(total, report):
    """Add one report to another."""
    for name, modes in report["counts"].items():
        for mode, kinds in modes.items():
            row = total["counts"].setdefault(name, {}).setdefault(mode, {})
            for kind, n in kinds.items():
                row[kind] = row.get(kind, 0) + n
    for key, examples in report["examples"].items():
        total["examples"].setdefault(key, []).extend(examples)
    for text, (n, example) in report["refusals"].items():
        total["refusals"].setdefault(text, [0, example])[0] += n
    for key in ("broken", "known", "tests", "failed"):
        total[key] += report[key]


def main():
    """Print the counts by function, and the disagreements."""
    names = [a for a in sys.argv[1:] if "/" in a]
    total = added_up(names or files(), *(a for a in sys.argv[1:] if "/" not in a))
    for name, modes in sorted(total["counts"].items()):
        print(name, *(f"{mode}: {kinds}" for mode, kinds in modes.items()), sep="  ")
    for key, examples in sorted(total["examples"].items()):
        print(f"\n{key}", *(f"  {text}: {detail}" for text, detail in examples[:3]), sep="\n")
    print(f"\n{total['tests']} tests, {total['failed']} failed; calls: {dict(total['calls'])}")


if __name__ == "__main__":
    main()
