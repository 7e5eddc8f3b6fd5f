"""The mutation tester itself: on a module whose tests have a gap that is known."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.mutants import mutants
from tests.mutation import EQUIVALENT, ROOT

TOY = '''"""A docstring is no code."""


def clamp(x: int, low: int = 0) -> int:
    """Nor is this one."""
    if x < low:
        return low
    return x


def unused(x):
    return -x
'''
TESTS = "from toy import clamp\n\n\ndef test_clamp():\n    assert [clamp(-2), clamp(3)] == [0, 3]\n"


FAULTS = {
    "a = b < c": ["a = (not (b < c))", "a = (b <= c)"],
    "a = b is c": ["a = (not (b is c))"],
    "if a and b: c()": ["if (a or b): c()", "if b: c()", "if a: c()", "if a and b: pass"],
    "a[i] += 1": ["pass", "a[i] -= 1", "a[i] += 2", "a[i] += 0"],
    "a.b = not True": ["pass", "a.b = True", "a.b = not False"],
    "a = b if c else any(d)": ["a = b", "a = any(d)", "a = b if c else all(d)"],
    "a = f(b, axis=c)": ["a = f(b)"],
    "a = lambda: b[i:]": ["a = (lambda: None)", "a = lambda: b[:]"],
    "def f(): return a + b": ["def f(): return None", "def f(): return (a - b)"],
    "for a in b: raise c": ["for a in b: pass"],
}
UNTOUCHED = """'A docstring.'
a: list[1] = f"{1 + 1}"
def f(a: "1" = b) -> (1 + 1): 'Another.'
class A: __slots__ = (1, 2)
if TYPE_CHECKING: a = 1
"""


@pytest.mark.parametrize(("text", "faults"), FAULTS.items(), ids=FAULTS)
def test_each_kind_of_fault_is_made(text, faults):
    made = mutants("toy.py", text)
    assert [mutant.new.partition("  #")[0] for mutant in made] == faults


def test_texts_and_hints_are_left_alone():
    assert list(mutants("toy.py", UNTOUCHED)) == []


def test_a_mutant_knows_its_line_and_its_function():
    text = "@decorated\ndef f(a):\n    é = 'é', a < 1  # é\n    return a\n"
    negated, *_ = mutants("toy.py", text)
    assert negated.text == text.replace("a < 1", "(not (a < 1))")
    assert (negated.number, negated.function) == (3, "toy.py:1")
    assert str(negated).splitlines()[0] == "toy.py:3"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="each mutant runs in a fork")
@pytest.mark.long
@pytest.mark.parametrize("file", EQUIVALENT)
def test_faults_that_are_known_are_still_made(file):
    made = {mutant.new for mutant in mutants(file, (ROOT / file).read_text())}
    assert EQUIVALENT[file].keys() <= made


def test_a_gap_in_the_tests_is_found(tmp_path):
    (tmp_path / "toy.py").write_text(TOY)
    (tmp_path / "test_toy.py").write_text(TESTS)
    options = ["toy.py", "--root", tmp_path, "--tests", "test_toy.py", "--jobs", "1"]
    done = subprocess.run(
        [sys.executable, "-m", "tests.mutation", *options],
        cwd=Path(__file__).parents[1], capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    *survivors, total = done.stdout.splitlines()
    assert survivors == [
        "toy.py:6", "    - if x < low:", "    + if (x <= low):",  # which is equivalent
        "toy.py:12", "    - return -x", "    + return None",
        "toy.py:12", "    - return -x", "    + return x",
    ]  # fmt: skip
    assert total == "toy.py: 8 mutants, 5 killed, 0 known to be equivalent, 3 survived"
