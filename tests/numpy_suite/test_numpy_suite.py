"""NumPy's own tests with tensors in place of arrays: the same values, dtypes, shapes and exceptions, and gradients."""

import pytest

from tests.numpy_suite.known import KNOWN, REFUSALS, stale, unknown, unnamed
from tests.numpy_suite.run import SHORT, added_up, files, run_file


def assert_agrees(report):
    wrong = unknown(report["examples"])
    shown = [f"{key}: {report['examples'][key][0]}" for key in wrong]
    assert not wrong, "\n".join(shown)
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
    assert not stale(report["examples"]), "no longer needed in the table of known disagreements"
    assert report["calls"]["leaves"] > 50_000
    assert report["calls"]["first"] > 20_000


def test_every_known_disagreement_and_every_refusal_has_a_reason():
    for entry, reason in (KNOWN | REFUSALS).items():
        assert len(reason) > 20, entry
