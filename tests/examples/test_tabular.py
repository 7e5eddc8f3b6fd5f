"""The example of tables, in its short form: scores that are level with scikit-learn's."""

import re

import pytest

pytest.importorskip("sklearn")

from examples import tabular


def test_the_short_form(capsys):
    tabular.main(["--quick"])
    printed = capsys.readouterr().out
    scores = dict(re.findall(r"(\w+)  score (0\.\d+)", printed))
    ours, theirs = float(scores["Classifier"]), float(scores["MLPClassifier"])
    assert ours > max(0.95, theirs - 0.02)
    ours, theirs = float(scores["Regressor"]), float(scores["MLPRegressor"])
    assert ours > max(0.3, theirs - 0.05)
    assert printed.count("classifier__network") == 4
