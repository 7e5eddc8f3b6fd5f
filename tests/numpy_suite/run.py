"""Runs files of NumPy's tests, each in a process of its own, under the plugin; adds up the reports.

python -m tests.numpy_suite.run lib/test_function_base linalg/test_linalg -k median
"""

import json
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.numpy_suite.rewrite import FOLDERS

ROOT = Path(__file__).parent.parent.parent


def file_of(name):
    """The path of "lib/test_histograms"."""
    folder, _, file = name.partition("/")
    return next(f for f in FOLDERS if f.parent.name == folder) / f"{file}.py"


def run_file(name, *options, timeout=3000):
    """The report of one file."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        environment = os.environ | {"NUMPY_SUITE_REPORT": str(report), "PYTHONPATH": str(ROOT)}
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "tests.numpy_suite.plugin",
            "-p",
            "no:cacheprovider",
            "-c",
            os.devnull,
            "--rootdir",
            folder,
            "-m",
            "not slow",
            "--tb=no",
            *options,
            str(file_of(name)),
        ]
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, timeout=timeout
        )
        if not report.exists():
            raise RuntimeError(
                f"{name} ended with {done.returncode}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
            )
        return json.loads(report.read_text()) | {"output": done.stdout[-3000:]}


def main():
    names = [a for a in sys.argv[1:] if "/" in a]
    options = [a for a in sys.argv[1:] if "/" not in a]
    out = Path(os.environ.get("NUMPY_SUITE_OUT", "/tmp/wt/suite_reports"))
    out.mkdir(exist_ok=True)

    def one(name):
        try:
            report = run_file(name, *options)
        except Exception as error:
            print(name, str(error)[-1500:], flush=True)
            return
        (out / f"{name.replace('/', '.')}.json").write_text(json.dumps(report, indent=1))
        print(
            name,
            report["tests"],
            "failed",
            report["failed"],
            "broken",
            len(report["broken"]),
            report["output"][-80:],
            flush=True,
        )

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(one, names))


if __name__ == "__main__":
    main()
