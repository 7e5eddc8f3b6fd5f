"""The browser in which the tests of the page run."""

import pytest

from tests.draw import page_fixtures as fixtures


@pytest.fixture(scope="module")
def browser():
    yield from fixtures.browser()
