"""Fixtures for tests of programs."""

import pytest


@pytest.fixture
def functions_of_tests_are_cut(monkeypatch):
    """Cut the functions of a test as those of the library, where a user's would stay whole."""
    monkeypatch.setattr("tensorgrad.program.cutting.flow.PACKAGES", {"tensorgrad", "nn", "tests"})
