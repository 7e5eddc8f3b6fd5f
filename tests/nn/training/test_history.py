"""History: the numbers of a training and their curves."""

import math
import sys

import numpy as np
import pytest

import nn
from nn.training.evaluation import Evaluation
from nn.training.progress import Figures


def history(epochs: int = 2, steps: int = 3, accuracy: float = 0.5) -> nn.History:
    h = nn.History()
    for epoch in range(epochs):
        for step in range(steps):
            h.add_step(epoch + 1, Figures(1.5 / (1 + step), 0.5, accuracy, 0.01), 0.1)
        h.add_epoch(
            Figures(1.0, 0.5, accuracy, 0.01), 0.3, Evaluation(1.2, accuracy) if epoch else None
        )
    return h


def test_columns():
    h = history()
    assert h.steps["epoch"] == [1, 1, 1, 2, 2, 2]
    assert h.steps["loss"] == [2.0, 1.25, 1.0] * 2
    assert h.steps["time"] == [0.1] * 6
    assert h.epochs["loss"] == [1.5, 1.5]
    assert h.epochs["data_loss"] == [1.0, 1.0]
    assert h.epochs["regularization_loss"] == [0.5, 0.5]
    assert h.epochs["time"] == [0.3, 0.3]
    assert math.isnan(h.epochs["val_loss"][0])
    assert h.epochs["val_loss"][1] == 1.2
    assert repr(h).startswith("History(2 epochs, 6 steps: loss 1.5, data_loss 1, ")
    assert "val_loss 1.2" in repr(h)
    assert "val_loss" not in repr(history(1))  # NaN, because there was no validation
    assert (len(h), len(nn.History())) == (2, 0)
    assert repr(nn.History()) == "History(0 epochs, 0 steps)"


def test_state():
    h, copy = history(), nn.History()
    copy.load_state_dict(h.state_dict())
    np.testing.assert_equal(copy.state_dict(), h.state_dict())
    state = h.state_dict()
    state["steps.loss"] = state["steps.loss"][1:]
    with pytest.raises(ValueError, match="the columns of a history's steps differ in length"):
        copy.load_state_dict(state)
    del state["steps.loss"]
    with pytest.raises(ValueError, match="a history has the columns"):
        copy.load_state_dict(state)
    np.testing.assert_equal(copy.state_dict(), h.state_dict())


@pytest.mark.parametrize(
    "h",
    [
        history(),
        history(epochs=1, steps=1),
        history(accuracy=math.nan),
        history(epochs=30, steps=7),
    ],
    ids=["usual", "one step", "no accuracy", "long"],
)
def test_curves_are_drawn_into_a_file(h, tmp_path):
    plt = pytest.importorskip("matplotlib.pyplot")
    plt.switch_backend("agg")
    h.plot(tmp_path / "history.png")
    assert plt.imread(tmp_path / "history.png").std() > 0.01
    assert not plt.get_fignums()


def test_an_interrupted_epoch_is_drawn_too(tmp_path):
    plt = pytest.importorskip("matplotlib.pyplot")
    plt.switch_backend("agg")
    h = nn.History()
    h.add_step(1, Figures(1.0, 0.0, 0.5, 0.1), 0.1)
    h.plot(tmp_path / "history.svg")
    assert (tmp_path / "history.svg").stat().st_size > 1000


def test_curves_have_names_and_the_figures(monkeypatch):
    plt = pytest.importorskip("matplotlib.pyplot")
    plt.switch_backend("agg")
    seen = []
    monkeypatch.setattr(plt, "show", lambda: seen.extend(plt.gcf().axes))
    history().plot()
    loss, accuracy, rate = seen
    assert [ax.get_title() for ax in seen] == ["Loss", "Accuracy", "Learning rate"]
    assert all(ax.get_xlabel() == "epoch" and ax.get_ylabel() for ax in seen)
    faint, training, validation = loss.get_lines()
    np.testing.assert_allclose(faint.get_xdata(), np.arange(1, 7) / 3)
    assert training.get_ydata().tolist() == [1.5, 1.5]
    assert validation.get_ydata()[1] == 1.2
    assert [t.get_text() for t in loss.get_legend().get_texts()] == [
        "one step",
        "training",
        "validation",
    ]
    assert rate.get_lines()[0].get_ydata().tolist() == [0.01] * 6
    assert accuracy.get_lines()[1].get_ydata().tolist() == [0.5, 0.5]


def test_nothing_to_draw():
    with pytest.raises(ValueError, match=r"call model.train before history.plot"):
        nn.History().plot()


def test_without_matplotlib(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"run pip install '\.\[examples\]' in the clone"):
        history().plot()


def test_lines_fit_the_terminal():
    figures = Figures(2.303, 0.001, 0.094, 1e-3 / 1.1)
    whole = str(figures)
    assert whole.endswith("lr: 0.0009090909090909091")
    assert figures.within(len(whole)) == whole
    assert figures.within(80) == (
        "acc: 0.094, loss: 2.304 (data_loss: 2.303, reg_loss: 0.001), lr: 0.0009091"
    )
    assert figures.within(70) == "acc: 0.094, loss: 2.304 (data: 2.303, reg: 0.001), lr: 0.0009091"
    assert figures.within(50) == "acc: 0.094, loss: 2.304, lr: 0.0009091"


def test_curves_need_no_backend_of_the_environment_and_are_written_as_a_whole(
    tmp_path, monkeypatch
):
    history = nn.History()
    history.add_step(1, Figures(1.0, 0.0, 0.5, 0.1), 0.1)
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    history.plot(tmp_path / "a.png")
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]
    with pytest.raises(FileNotFoundError, match=r"nowhere does not exist; create it first"):
        history.plot(tmp_path / "nowhere" / "a.png")
