"""The marker of tests that take an hour rather than a minute, which run only when asked for: pytest -m long."""


def pytest_configure(config):
    config.addinivalue_line("markers", "long: takes long; runs with -m long only")


def pytest_collection_modifyitems(config, items):
    """Deselect the long tests unless the markers asked for name them."""
    if "long" in config.getoption("-m"):
        return
    left = [item for item in items if item.get_closest_marker("long")]
    items[:] = [item for item in items if item not in left]
    config.hook.pytest_deselected(items=left)
