"""The browser in which the tests of the page run, and pages that it opens."""

import pytest

from tests.draw import page_fixtures as fixtures


@pytest.fixture(scope="module")
def browser():
    yield from fixtures.browser()


@pytest.fixture
def open_page(browser, tmp_path):
    yield from fixtures.opener(browser, tmp_path)
