"""Tests that the workflow, the script and the package's declaration agree."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
WORKFLOW = (ROOT / ".github/workflows/test.yml").read_text("utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def test_the_oldest_numpy_tested_is_the_declared_minimum():
    (minimum,) = (d.removeprefix("numpy>=") for d in PROJECT["dependencies"])
    assert f"requirement: numpy=={minimum} " in WORKFLOW


def test_every_declared_python_is_tested():
    declared = re.findall(r"Python :: (3\.\d+)", "\n".join(PROJECT["classifiers"]))
    matrix = re.search(r"python: \[(.*)\]", WORKFLOW).group(1)
    assert re.findall(r"3\.\d+", matrix) == declared
    assert PROJECT["requires-python"] == f">={declared[0]}"


def test_the_workflow_calls_steps_of_the_script():
    steps = re.findall(r"^(\w+)\(\)", (ROOT / ".ci/run").read_text("utf-8"), re.MULTILINE)
    called = re.findall(r"run: \.ci/run (.+)", WORKFLOW)
    assert called
    assert {step for line in called for step in line.split()} <= set(steps)
