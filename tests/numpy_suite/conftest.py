"""The marker of tests that take an hour rather than a minute, which run only when asked for."""

import pytest


def pytest_configure(config):
    config.addinivalue_line("markers", "long: takes long; runs with -m long only")


def pytest_collection_modifyitems(config, items):
    """Leave out the long tests unless the markers asked for name them."""
    if "long" in config.getoption("-m"):
        return
    for item in items:
        if item.get_closest_marker("long"):
            item.add_marker(pytest.mark.skip(reason="long; run it with -m long"))
