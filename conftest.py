"""Fixtures for every test and doctest."""

import pytest

from tensorgrad.rules import COMPOSITE, NONDIFFERENTIABLE, RULES, STATIC, UNSUPPORTED

# A user's program, which the type checkers read: importing it for doctests would declare its rules.
collect_ignore = ["tests/typing_sample.py"]


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
