"""The types that editors and type checkers see: they fit the tables, NumPy, and what happens."""

import ast
import importlib.util
import inspect
import os
import re
import runpy
import subprocess
import sys
import types
import typing
from pathlib import Path

import numpy as np
import pytest

from tensorgrad import Tensor
from tensorgrad.tensor import operators, signatures

ROOT = Path(__file__).parent.parent
SAMPLE = ROOT / "tests" / "typing_sample.py"
CHECKERS = {
    # Without the project's own settings, as on a user's machine.
    "mypy": ["--config-file", os.devnull, "--follow-imports", "silent", "--python-version", "3.11"],
    "pyright": ["--pythonpath", sys.executable],
}
MISTAKES = """\
import numpy as np
import nn
import tensorgrad as tg
t = tg.Tensor([1.0], requires_grad=True)
t.sun()
t.sum(axes=0)
t.sum(out=np.zeros(()))
t.mean().back()
t.swapaxes(0)
(t * 2).shap
tg.relu(t).sun()
tg.softmax(t, axes=0)
tg.nograd()
nn.Dense(2, 3)(t).sun()
number: int = t.sum()
@tg.no_grad
def f(x: int) -> int:
    return x
f("1")
@tg.primitive
def g(x: int) -> int:
    return x
g("1")
"""
MISTAKEN_LINES = {5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 19, 23}
# Keywords of NumPy that tensors refuse, the last since NumPy 2.5.
UNTYPED = {"out", "kwargs", "device", "subok", "descending"}


def errors(checker, file):
    """Return the lines with errors that a type checker finds in a file, and what it printed."""
    if importlib.util.find_spec(checker) is None:
        pytest.skip(f"{checker} is not installed (pip install {checker})")
    command = [sys.executable, "-m", checker, *CHECKERS[checker], str(file)]
    environment = {**os.environ, "MYPYPATH": str(ROOT), "NO_COLOR": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    printed = done.stdout + done.stderr
    if not re.search(r"\d+ errors?|no issues found", printed):
        pytest.skip(f"{checker} did not run: {printed.strip()[-200:]}")
    lines = re.findall(rf"{file.name}:(\d+)(?::\d+)?(?: -|:) error", printed)
    return set(map(int, lines)), printed


@pytest.mark.parametrize("checker", CHECKERS)
def test_what_users_write_is_accepted(checker):
    found, printed = errors(checker, SAMPLE)
    assert not found, printed


@pytest.mark.parametrize("checker", CHECKERS)
def test_mistakes_are_found(checker, tmp_path):
    file = tmp_path / "mistakes.py"
    file.write_text(MISTAKES)
    found, printed = errors(checker, file)
    assert found == MISTAKEN_LINES, printed


def real(value, hint):
    """Tell if a value is of a type, as `assert_type` says of it before the program runs."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if hint is typing.Any:
        return True
    if origin in (typing.Union, types.UnionType):
        return any(real(value, arg) for arg in args)
    if origin in (tuple, list):
        return isinstance(value, origin) and all(real(item, args[0]) for item in value)
    return isinstance(value, hint)


def test_the_sample_runs_and_its_types_are_the_real_ones(monkeypatch):
    checked = []

    def assert_type(value, hint):
        checked.append(hint)
        assert real(value, hint), f"assert_type number {len(checked)}: {value!r}"
        return value

    assert not real(np.ones(2), Tensor)
    assert not real([1.0], list[Tensor])
    assert not real(1, Tensor | None)
    monkeypatch.setattr(typing, "assert_type", assert_type)
    runpy.run_path(str(SAMPLE))
    assert len(checked) > 80


DECLARED = {
    node.name: node
    for node in ast.walk(ast.parse(inspect.getsource(signatures)))
    if isinstance(node, ast.FunctionDef)
}


def test_what_is_declared_is_what_the_tables_set():
    made = {
        name
        for name, value in vars(Tensor).items()
        if getattr(value, "__module__", None) == operators.__name__
    }
    assert made == set(DECLARED)
    assert vars(signatures.Signatures).keys().isdisjoint(made)  # nothing of it is there at run time


def parameters_of(function):
    """List the names of the parameters after the array."""
    if isinstance(function, np.ufunc):
        return []
    try:
        return list(inspect.signature(function).parameters)[1:]
    except ValueError as error:  # np.dot before NumPy 2.4
        pytest.skip(str(error))


METHODS = [name for name in DECLARED if not name.startswith("__")]


@pytest.mark.parametrize("name", METHODS)
def test_parameters_are_named_as_in_numpy(name):
    args = DECLARED[name].args
    declared = [a.arg for a in [*args.posonlyargs, *args.args, *args.kwonlyargs]][1:]
    assert declared == [p for p in parameters_of(getattr(np, name)) if p not in UNTYPED]


@pytest.mark.parametrize("name", METHODS)
def test_help_shows_the_signature_and_one_line(name):
    method = getattr(Tensor([1.0]), name)
    assert re.fullmatch(r"(Return|Write) `np\.\w+` (of|into) this tensor\.", method.__doc__)
    if not isinstance(getattr(np, name), np.ufunc):
        assert parameters_of(getattr(np, name)) == list(inspect.signature(method).parameters)
