"""Fixtures for every test and doctest."""

import contextlib
import importlib.util
import sys

import pytest

import tensorgrad.scipy
from tensorgrad import *  # noqa: F403  # loads what is loaded at its first use
from tensorgrad.rules import (
    COMPOSITE,
    LATER,
    NONDIFFERENTIABLE,
    RULES,
    STATIC,
    UNSUPPORTED,
    load_tables,
)

# Loaded in the middle of a test, tables would be undone below.
for _library in list(LATER):
    with contextlib.suppress(ImportError):
        importlib.import_module(_library)
load_tables()

# A user's program, which the type checkers read: importing it for doctests would declare its rules.
collect_ignore = ["tests/typing_sample.py"]
if importlib.util.find_spec("scipy") is None:
    collect_ignore += ["tensorgrad/scipy", "tests/scipy", "docs/scipy_functions.py"]


ROOMS = [f"tensorgrad.scipy.{name}" for name in tensorgrad.scipy.__all__]


@pytest.fixture(autouse=True)
def _tables_as_they_were():
    """Undo what a test declares, so that the tables tested are the library's own.

    What a room declares when a test imports it stays.
    """
    tables = (RULES, COMPOSITE, NONDIFFERENTIABLE, STATIC, UNSUPPORTED)
    before = [table.copy() for table in tables]
    rooms = [name in sys.modules for name in ROOMS]
    yield
    if rooms != [name in sys.modules for name in ROOMS]:
        return
    for table, kept in zip(tables, before):
        if table != kept:
            table.clear()
            table.update(kept)
