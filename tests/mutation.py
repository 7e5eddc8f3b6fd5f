"""Mutation testing of the engine: `python -m tests.mutation [FILE ...]`; needs os.fork.

One small fault at a time is put into a copy of the tree, and the tests run until one of them
fails. A fault that no test notices is printed: a gap in the tests, or dead code. Not a part of the
suite, because a round over the engine takes a while.
"""

import argparse
import contextlib
import importlib
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

from tests.mutants import Mutant, mutants

ROOT = Path(__file__).parents[1]
FILES = [
    "tensorgrad/operands.py",
    "tensorgrad/rules.py",
    "tensorgrad/joint.py",
    *sorted(f"tensorgrad/engine/{p.name}" for p in (ROOT / "tensorgrad/engine").glob("*.py")),
]
TESTS = [
    *sorted(f"tests/engine/{p.name}" for p in (ROOT / "tests/engine").glob("test_*.py")),
    "tests/test_rules.py", "tests/transforms", "tests/debug", "tests/draw/test_draw.py",
    "tests/ops/test_index.py", "tests/ops/test_keywords.py", "tests/ops/test_coverage.py",
    "tests/ops/test_linalg.py",
]  # fmt: skip
MEMORY = 6 << 30  # bytes, because a fault may fill a list for ever

# Faults that change no behaviour, as the line that they make: why.
EQUIVALENT: dict[str, dict[str, str]] = {
    "tensorgrad/engine/views.py": {
        "if len(steps) == 0 and steps[0][0].function is take:": "slower: the way of all views",
        "if len(steps) == 1 and steps[-1][0].function is take:": "the first step is the last",
        "return assign(root, steps[-1][1][0], value)": "the first step is the last",
    },
    "tensorgrad/engine/record.py": {
        "if (recording and (not op.keywords.issuperset(kwargs))):": "slower: no keywords are known ones",
        "x, out = args[0], view._value": "a call without arguments gets no tensor",
        "if out is x._value or base is x._value or ((base is x._value.base)):": "without a base, out is x._value",
        "if len(views) & ((len(views) + 1)) == 0:  # at every doubling: what is left of them": "also at every doubling",
    },
    "tensorgrad/engine/backward.py": {
        "since: int = -1,": "serial numbers begin at 0",
        "def toposort(roots: Iterable[Node], since: int = -1) -> list[Node]:": "serial numbers begin at 0",
    },
    "tensorgrad/engine/gradients.py": {
        "retain_graph: bool = True,": "the callers that leave it out drop the graph",
        "create_graph: bool = True,": "no caller leaves it out",
    },
    "tensorgrad/tensor/interop.py": {
        "return np.empty(1).__dlpack_device__()  # the CPU": "of whatever size",
    },
    "tensorgrad/tensor/operators.py": {
        "plan = plans[((p is not None) - 2 * (q is not None))]": "-2 and -1 count from the end of four",
    },
    "tensorgrad/engine/state.py": {
        "STATE.set(self.outer)": "every state that is entered has an outer one",
        "if (around is not now):": "both are set together",
        "pass  # and met again at every step of a training loop": "slower",
    },
    "tensorgrad/tensor/tensor.py": {
        "pairs = (zip(self.node.args, self.node.parents))": "they are as many",
        "pairs = zip(self.node.args, self.node.parents, strict=False)": "they are as many",
    },
    "tensorgrad/rules.py": {
        "return () if self.read.args[-1] else tuple(range(n)), self.read.output, False": "there is one: *args",
    },
}  # fmt: skip


class Record:
    """Notes of every test how long it took, whether it failed, and which functions it ran."""

    def __init__(self, folder: Path) -> None:
        self.folder = f"{folder}/"
        self.tests: dict[str, dict[str, Any]] = {}
        self.imports = self.ran = set()

    def trace(self, frame: Any, _event: str, _arg: Any) -> None:
        code = frame.f_code
        if code.co_filename.startswith(self.folder):
            self.ran.add(f"{code.co_filename.removeprefix(self.folder)}:{code.co_firstlineno}")

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        start, self.ran = time.perf_counter(), set()
        result = yield
        entry = self.tests.setdefault(item.nodeid, {})
        entry |= {"seconds": time.perf_counter() - start, "ran": list(self.ran)}
        return result

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.tests.setdefault(report.nodeid, {})["failed"] = True


class Choice:
    """Runs the tests that were chosen, in that order, and ends the process if one takes long."""

    def __init__(self, names: list[str], seconds: int) -> None:
        self.order = {name: i for i, name in enumerate(names)}
        self.seconds = seconds

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        chosen = [item for item in items if item.nodeid in self.order]
        items[:] = sorted(chosen, key=lambda item: self.order[item.nodeid])

    def pytest_runtest_setup(self) -> None:
        signal.alarm(self.seconds)


def forked(function: Callable[..., Any], *args: Any) -> int:
    """Call a function in a child of this process, and return the status that it ended with."""
    sys.stdout.flush()
    pid = os.fork()
    if pid:
        return os.waitpid(pid, 0)[1]
    try:
        null = os.open(os.devnull, os.O_RDWR)
        for stream in range(3):
            os.dup2(null, stream)
        os._exit(int(function(*args)))
    except BaseException:
        os._exit(1)


def run_tests(folder: Path, groups: list[list[str]], plugin: Any) -> int:
    """Run one group of paths after the other, in a folder, until one fails; return 0 if none did."""
    import resource  # which Windows lacks

    os.chdir(folder)
    sys.path.insert(0, str(folder))
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    options = ["-q", "-p", "no:cacheprovider", "-W", "ignore::pytest.PytestAssertRewriteWarning"]
    if isinstance(plugin, Choice):
        options.append("-x")
    passed = (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)
    return any(pytest.main([*options, *paths], [plugin]) not in passed for paths in groups)


def run_unmutated(folder: Path, tests: list[str]) -> int:
    """Run all tests, and note what they do and which packages they import."""
    record = Record(folder)
    sys.settrace(record.trace)
    threading.settrace(record.trace)
    run_tests(folder, [tests], record)
    sys.settrace(None)
    files = {name: getattr(module, "__file__", None) for name, module in sys.modules.items()}
    packages = [name for name, file in files.items() if file and "site-packages" in file]
    (folder / "record.json").write_text(json.dumps([record.tests, list(record.imports), packages]))
    return 0


class Trials:
    """Runs the tests on mutants, in a copy of the tree for each process."""

    def __init__(
        self, base: Path, tests: dict[str, dict[str, Any]], imports: set[str | None], seconds: int
    ) -> None:
        self.base = base
        self.tests = tests
        self.imports = imports  # the functions that an import runs, and so any test may depend on
        self.seconds = seconds

    def chosen(self, mutant: Mutant) -> list[str]:
        """Return the tests that run the mutant's function, those that take the least time first."""
        everything = mutant.function in self.imports
        names = [
            n for n, test in self.tests.items() if everything or mutant.function in test["ran"]
        ]
        return sorted(names, key=lambda name: self.tests[name]["seconds"])

    def __call__(self, mutant: Mutant) -> bool:
        """Return True if a test fails on the mutant."""
        folder = self.base.with_name(f"copy-{os.getpid()}")
        if not folder.exists():
            shutil.copytree(self.base, folder)
        (folder / mutant.file).write_text(mutant.text)
        names = self.chosen(mutant)
        files = Counter(name.split("::")[0] for name in names)
        groups = [[file] for file, _ in files.most_common()]  # the likeliest first
        try:
            return bool(forked(run_tests, folder, groups, Choice(names, self.seconds)))
        finally:
            shutil.copy2(self.base / mutant.file, folder / mutant.file)


TRIALS: list[Trials] = []  # one in each process


def start(*args: Any) -> None:
    sys.dont_write_bytecode = True  # the mutants' would be taken for the file's
    TRIALS.append(Trials(*args))


def trial(mutant: Mutant) -> bool:
    return TRIALS[0](mutant)


def main() -> int:
    parser = argparse.ArgumentParser("python -m tests.mutation", description=__doc__)
    parser.add_argument(
        "files", nargs="*", default=FILES, metavar="FILE[:LINE]", help="default: the engine"
    )
    parser.add_argument(
        "--tests", nargs="+", default=TESTS, metavar="PATH", help="default: the engine's"
    )
    parser.add_argument("--sample", type=int, metavar="N", help="of each file, N mutants by chance")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument(
        "--seconds", type=int, default=60, help="for one test; more counts as killed"
    )
    parser.add_argument("--list", action="store_true", help="show the mutants and run nothing")
    parser.add_argument("--root", type=Path, default=ROOT, help="the tree; default: this one")
    options = parser.parse_args()
    chosen = {}
    for name in options.files:
        file, _, line = name.partition(":")
        found = list(mutants(file, (options.root / file).read_text()))
        found = [mutant for mutant in found if line in ("", str(mutant.number))]
        if options.sample is not None and options.sample < len(found):
            found = random.Random(options.seed).sample(found, options.sample)
        chosen.setdefault(file, []).extend(sorted(found, key=lambda mutant: mutant.number))
    if options.list:
        for found in chosen.values():
            print(*found, sep="\n")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        return survey(chosen, Path(folder) / "base", options)


def survey(chosen: dict[str, list[Mutant]], base: Path, options: argparse.Namespace) -> int:
    """Run the tests on the mutants of each file, and return how many survived."""
    ignored = shutil.ignore_patterns(".*", "__pycache__")
    shutil.copytree(options.root, base, ignore=ignored)
    forked(run_unmutated, base, options.tests)
    tests, imports, packages = json.loads((base / "record.json").read_text())
    for name in [name for name, test in tests.items() if test.get("failed")]:
        print(f"left out, because it fails without a fault: {name}", flush=True)
        del tests[name]
    for name in packages:
        with contextlib.suppress(Exception):
            importlib.import_module(name)  # once, and not in every child
    survivors = 0
    args = (base, tests, {None, *imports}, options.seconds)
    with ProcessPoolExecutor(options.jobs, get_context("fork"), start, args) as pool:
        for file, found in chosen.items():
            known = EQUIVALENT.get(file, {})
            tried = [mutant for mutant in found if mutant.new not in known]
            alive = 0
            for mutant, killed in zip(tried, pool.map(trial, tried)):
                print(".", end="", file=sys.stderr, flush=True)
                if not killed:
                    print(mutant, flush=True)
                alive += not killed
            caught = len(tried) - alive
            print(
                f"{file}: {len(found)} mutants, {caught} killed, {len(found) - len(tried)} known to be equivalent, {alive} survived",
                flush=True,
            )
            survivors += alive
    return int(survivors > 0)


if __name__ == "__main__":
    sys.exit(main())
