"""The plugin of the pytest that runs NumPy's tests: the finder goes in, the report comes out."""

import json
import os
import random
import sys

from tests.numpy_suite.checker import Checker
from tests.numpy_suite.rewrite import Finder

CHECKER = Checker()


def pytest_configure(config):
    sys.meta_path.insert(0, Finder(CHECKER))


def pytest_collection_modifyitems(config, items):
    """Keep a sample of the tests, the same ones each time, if the environment names its size."""
    size = int(os.environ.get("NUMPY_SUITE_SAMPLE", len(items)))
    if size < len(items):
        items[:] = random.Random(0).sample(items, size)


def pytest_sessionfinish(session, exitstatus):
    outcomes = {"tests": session.testscollected, "failed": session.testsfailed}
    with open(os.environ["NUMPY_SUITE_REPORT"], "w") as file:
        json.dump(CHECKER.report.as_dict() | outcomes, file, indent=1)
