"""NumPy's own tests with tensors in place of arrays: the same values, dtypes, shapes and exceptions, and gradients."""

import pytest

from docs.coverage import PAGE, minor_version
from docs.refusals import DIFFERENCES, REFUSALS
from tests.numpy_suite.known import stale, unnamed
from tests.numpy_suite.run import SHORT, added_up, files, run_file

pytestmark = pytest.mark.skipif(
    f"NumPy {minor_version()};" not in PAGE.read_text(), reason="the tables are of another NumPy"
)


def assert_agrees(report):
    assert not report["examples"], "\n".join(f"{k}: {v[0]}" for k, v in report["examples"].items())
    assert not report["broken"], "\n".join(report["broken"])
    assert not unnamed(report["refusals"]), "refused for a reason that no table names"


@pytest.mark.parametrize("name", SHORT)
def test_a_sample_of_numpys_tests_agrees(name):
    report = run_file(name, sample=SHORT[name])
    assert_agrees(report)
    assert report["counts"], "no call was seen"


@pytest.mark.long
def test_every_test_of_numpy_agrees():
    report = added_up(files())
    assert_agrees(report)
    assert not stale(report["known"]), "no longer needed in the table of known disagreements"
    assert report["calls"]["leaves"] > 20_000
    assert report["calls"]["first"] > 10_000


def test_the_page_names_every_kind_of_refusal_and_every_difference():
    page = PAGE.read_text()
    for reasons in REFUSALS.values():
        assert f"| {' | '.join(reasons)} |" in page
    for reason in DIFFERENCES.values():
        assert f"- {reason}\n" in page
