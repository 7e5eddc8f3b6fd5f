"""History: the numbers of a training at every step and every epoch, and their curves."""

import math
import os
from collections.abc import Mapping
from itertools import groupby
from typing import Any

import numpy as np

from nn.figures import finish_figure, new_figure
from nn.training.progress import Figures

FIGURES = ("loss", "data_loss", "regularization_loss", "accuracy", "learning_rate")
STEP_COLUMNS = ("epoch", *FIGURES, "time", "position")
EPOCH_COLUMNS = (*FIGURES, "time", "val_loss", "val_accuracy")

TRAINED, VALIDATED = "#0072B2", "#D55E00"  # distinct with any colour vision: Okabe and Ito (2008)


class Table:
    """Rows of numbers under names; a name that is new is NaN in the rows before it."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names
        # Rows, because a single append cannot be interrupted halfway, unlike one append per column.
        self.rows: list[tuple[float, ...]] = []

    def add(self, numbers: Mapping[str, float]) -> None:
        """Add a row, in which a number that is not given is NaN."""
        if new := tuple(name for name in numbers if name not in self.names):
            rows = [row + (math.nan,) * len(new) for row in self.rows]
            self.names, self.rows = self.names + new, rows
        self.rows.append(tuple(numbers.get(name, math.nan) for name in self.names))

    def columns(self) -> dict[str, list[float]]:
        """Return a list of numbers for each name."""
        columns = zip(*self.rows) if self.rows else ((),) * len(self.names)
        return {name: list(column) for name, column in zip(self.names, columns)}


class History:
    """The numbers of a training: `steps` and `epochs` are dicts with a list under each name.

    Both have `loss` (the sum of the next two), `data_loss`, `regularization_loss`, `accuracy`,
    `learning_rate`, `time`, and the metrics by their names. `steps` also has `epoch`, counted from
    1, and `position`, the epochs since the beginning; `epochs` also has `val_loss`, `val_accuracy`
    and the metrics of the validation. The numbers of an epoch are means over its samples; `time`
    does not include validation. A number that was not measured is NaN. `pandas.DataFrame` takes
    both.

    Units: nats for cross-entropies; seconds for `time`.
    """

    def __init__(self) -> None:
        self._steps, self._epochs = Table(STEP_COLUMNS), Table(EPOCH_COLUMNS)

    @property
    def steps(self) -> dict[str, list[float]]:
        """The numbers of every step, in order, by name."""
        return self._steps.columns()

    @property
    def epochs(self) -> dict[str, list[float]]:
        """The numbers of every completed epoch, in order, by name."""
        return self._epochs.columns()

    def __len__(self) -> int:
        """Count the completed epochs."""
        return len(self._epochs.rows)

    def __repr__(self) -> str:
        table = self._epochs
        last = dict(zip(table.names, table.rows[-1])) if table.rows else {}
        measured = ((name, x) for name, x in last.items() if name != "time" and not math.isnan(x))
        figures = ", ".join(f"{name} {x:.4g}" for name, x in measured)
        count = f"{len(self)} epochs, {len(self._steps.rows)} steps"
        return f"History({count}{figures and ': '}{figures})"

    def last_step(self) -> dict[str, float]:
        """Return the numbers of the last step, by name."""
        return dict(zip(self._steps.names, self._steps.rows[-1]))

    def last_epoch(self) -> dict[str, float]:
        """Return the numbers of the last completed epoch, by name."""
        return dict(zip(self._epochs.names, self._epochs.rows[-1]))

    def add_step(
        self, epoch: int, figures: Figures, seconds: float, part: float = math.nan
    ) -> None:
        """Add a step of the epoch with this number.

        `part` is the part of the epoch that is complete after this step, from 0 to 1.
        """
        place = {"epoch": epoch, "time": seconds, "position": epoch - 1 + part}
        self._steps.add(_numbers(figures) | place)

    def add_epoch(self, figures: Figures, seconds: float, validation: Any = None) -> None:
        """Add an epoch, with the evaluation of its validation if there was one."""
        numbers = _numbers(figures) | {"time": seconds}
        if validation is not None:
            measured = {"loss": validation.loss, "accuracy": validation.accuracy}
            measured |= validation.metrics
            numbers |= {f"val_{name}": x for name, x in measured.items()}
        self._epochs.add(numbers)

    def state_dict(self) -> dict[str, np.ndarray]:
        """Return the numbers as arrays with names such as "steps.loss"."""
        tables = {"steps": self.steps, "epochs": self.epochs}
        return {
            f"{table}.{name}": np.array(numbers, np.float64)
            for table, columns in tables.items()
            for name, numbers in columns.items()
        }

    def load_state_dict(self, state: Mapping[str, np.ndarray]) -> None:
        """Replace all numbers by those that `state_dict` returned.

        Raises: ValueError, before anything is changed, if columns are missing or differ in length.
        """
        tables = {"steps": Table(STEP_COLUMNS), "epochs": Table(EPOCH_COLUMNS)}
        for kind, table in tables.items():
            given = {k.partition(".")[2]: a for k, a in state.items() if k.startswith(f"{kind}.")}
            if missing := sorted(set(table.names) - set(given)):
                raise ValueError(
                    f"a history has the columns {sorted(self.state_dict())}, but the {kind} of "
                    f"these lack {missing}"
                )
            table.names += tuple(name for name in given if name not in table.names)
            columns = [given[name] for name in table.names]
            if len({c.shape for c in columns}) > 1 or columns[0].ndim != 1:
                raise ValueError(f"the columns of a history's {kind} differ in length")
            table.rows = list(zip(*(c.tolist() for c in columns)))
        if strange := sorted(k for k in state if k.partition(".")[0] not in tables):
            raise ValueError(f"a history has columns of steps and epochs, not {strange}")
        self._steps, self._epochs = tables["steps"], tables["epochs"]

    def plot(self, path: str | os.PathLike[str] | None = None) -> None:
        """Plot loss, accuracy and learning rate, to a file or, without `path`, on the screen.

        Raises: ValueError if there are no steps yet; ImportError if Matplotlib is not installed.
        """
        if not self._steps.rows:
            raise ValueError("this history is empty; call model.train before history.plot")
        metrics = self._steps.names[len(STEP_COLUMNS) :]
        panels = [name for name in ("loss", "accuracy", *metrics) if self._measured(name)]
        n = len(panels) + 1
        figure = new_figure(path, figsize=(4.4 * n, 3.4), layout="constrained")
        figure.get_layout_engine().set(w_pad=0.1)
        axes = np.ravel(figure.subplots(1, n))
        for ax, name in zip(axes, panels):
            self._curves(ax, name)
            ax.set(title=name.replace("_", " ").capitalize(), ylabel=_unit(name))
        rates = axes[-1]
        rates.plot(self._positions(), self.steps["learning_rate"], color=TRAINED, linewidth=1.5)
        rates.set(title="Learning rate", ylabel="learning rate")
        rates.set_ylim(bottom=0)
        for ax in axes:
            ax.set_xlabel("epoch")
            ax.set_xlim(left=0)
            ax.locator_params(axis="x", integer=True)
            ax.grid(color="0.9")
            ax.spines[["top", "right"]].set_visible(False)
        finish_figure(figure, path)

    def _curves(self, ax: Any, name: str) -> None:
        """Plot a number of every step in a faint colour, below the means of the epochs."""
        faint = {"color": TRAINED, "alpha": 0.25, "linewidth": 0.8, "label": "one step"}
        ax.plot(self._positions(), self.steps[name], **faint)
        epochs = np.arange(len(self.epochs[name])) + 1
        style = {"linewidth": 1.8, "markersize": 4}
        ax.plot(epochs, self.epochs[name], "o-", color=TRAINED, label="training", **style)
        if self._measured(f"val_{name}"):
            numbers = self.epochs[f"val_{name}"]
            ax.plot(epochs, numbers, "s--", color=VALIDATED, label="validation", **style)
        # The first steps are far off; the limits follow the steps after them.
        seen = np.array(self.steps[name])[len(self.steps[name]) // 50 :]
        low, high = np.nanmin(seen), np.nanmax(seen)
        margin = 0.05 * (high - low) or 0.05
        if name == "loss":
            ax.set_ylim(0 if low >= 0 else low - margin, high + margin)
        else:
            ax.set_ylim(low - margin, min(high + margin, 1.02))
        ax.legend(frameon=False)

    def _positions(self) -> np.ndarray:
        """Compute the time of each step's end, in epochs since the beginning.

        Where the part of an epoch is not known, its steps share the epoch.
        """
        positions: list[float] = []
        for epoch, group in groupby(zip(self.steps["epoch"], self.steps["position"]), _first):
            known = [position for _, position in group]
            shared = [epoch - 1 + (k + 1) / len(known) for k in range(len(known))]
            positions += shared if any(map(math.isnan, known)) else known
        return np.array(positions)

    def _measured(self, name: str) -> bool:
        """Return True if at least one number of this name is finite."""
        columns = self.epochs if name.startswith("val_") else self.steps
        return bool(np.any(np.isfinite(columns.get(name, []))))


def _numbers(figures: Figures) -> dict[str, float]:
    """Return the figures of a step or an epoch by the names of their columns."""
    own = figures._asdict()
    metrics = own.pop("metrics")
    return {"loss": figures.loss, **own, **metrics}


def _first(pair: tuple[float, float]) -> float:
    return pair[0]


def _unit(name: str) -> str:
    """Return the label of the y-axis."""
    return {"accuracy": "fraction right", "loss": "mean over samples"}.get(name, "")
