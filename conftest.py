"""Fixtures for every test and doctest."""

from importlib.util import find_spec

import pytest

from tensorgrad.rules import COMPOSITE, NONDIFFERENTIABLE, RULES, STATIC, UNSUPPORTED

# A user's program, which the type checkers read: importing it for doctests would declare its rules.
collect_ignore = ["tests/typing_sample.py"]
if find_spec("scipy") is None:
    collect_ignore += ["tensorgrad/scipy", "tests/scipy"]


@pytest.fixture(autouse=True)
def _tables_as_they_were():
    """Undo what a test declares, so that the tables tested are the library's own."""
    tables = (RULES, COMPOSITE, NONDIFFERENTIABLE, STATIC, UNSUPPORTED)
    before = [table.copy() for table in tables]
    yield
    for table, kept in zip(tables, before):
        if table != kept:
            table.clear()
            table.update(kept)
