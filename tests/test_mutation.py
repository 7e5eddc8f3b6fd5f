"""The mutation tester itself: on a module whose tests have a gap that is known."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import mutation

TOY = '''"""A docstring is no code."""


def clamp(x: int, low: int = 0) -> int:
    """Nor is this one."""
    if x < low:
        return low
    return x


def unused(x):
    return x + 1
'''
TESTS = "from toy import clamp\n\n\ndef test_clamp():\n    assert [clamp(-2), clamp(3)] == [0, 3]\n"


def made(text):
    return [mutant.new for mutant in mutation.mutants("toy.py", text)]


def test_each_kind_of_fault_is_made():
    assert made("a = b < c") == ["a = (not b < c)", "a = (b <= c)"]
    assert made("if a and b: c()") == ["if (a or b): c()", "if b: c()", "if a: c()", "if a and b: pass"]
    assert made("x[i] += 1") == ["pass  # x[i] += 1", "x[i] -= 1", "x[i] += 2", "x[i] += 0"]
    assert made("f = lambda x: x[1:]") == []


def test_texts_and_hints_are_left_alone():
    assert made('def f(x: "int" = "a") -> "int":\n    """Two."""\n    raise') != []
    assert made('"""One."""\nx: list[1] = f"{1 + 1}"\n__slots__ = (1,)\n') == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="each mutant runs in a fork")
def test_a_gap_in_the_tests_is_found(tmp_path):
    (tmp_path / "toy.py").write_text(TOY)
    (tmp_path / "test_toy.py").write_text(TESTS)
    options = ["toy.py", "--root", tmp_path, "--tests", "test_toy.py", "--jobs", "1"]
    done = subprocess.run(
        [sys.executable, "-m", "tests.mutation", *options],
        cwd=Path(mutation.__file__).parents[1], capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    print(done.stdout)
    *survivors, total = done.stdout.splitlines()
    assert total == ""
