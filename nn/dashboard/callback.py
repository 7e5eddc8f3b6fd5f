"""Dashboard: a callback that writes a page of its training, while it runs."""

import contextlib
import itertools
import math
import os
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nn.config import NUMBER, argument_text, count
from nn.dashboard.curves import Curves
from nn.dashboard.distributions import rounded
from nn.dashboard.layers import (
    described_layers,
    distributions_of_gradients,
    distributions_of_parameters,
    watched_outputs,
)
from nn.dashboard.page import dashboard_page
from nn.dashboard.records import Records
from nn.dashboard.samples import WatchedSamples, watched_batches
from nn.training.callback import Callback, Run
from nn.training.logs import write_or_warn
from tensorgrad.files import check_output, write_file

PER_EPOCH, WITHOUT_END = 4, 50  # records in an epoch; steps between two in one of unknown length
COST = 20  # a page is written at most once in so many times the seconds that writing takes
EPOCHS_SHOWN = 500  # epochs in the page, evenly spaced if there are more
PLACES = ("epoch", "position", "time")  # columns of a history that are no curves


class Dashboard(Callback):
    """A page, in one HTML file, that shows a training over time and is written while it runs.

    It has the loss, the accuracy and the metrics of training and validation, the learning rate, and
    at a few steps of each epoch (every `every` steps), behind a slider: the distributions of the
    values, gradients and outputs of each layer, its dead units, the confusion matrix or, of a
    regression, predicted over right numbers, and the predictions for some samples. They are
    computed for `samples` of the validation or, without one, of the training, in a copy of the
    network: the training stays the same to the last bit.

    The page is written at most every `refresh` seconds, at the end of an epoch or with a record.
    Open in a browser, it loads itself again as often, until the training ends. `classes` names the
    classes, `image_shape` such as (28, 28) shows rows of inputs as pictures, and `graph` is the
    name of a drawing of the network beside the page, to which each layer leads.
    If the file cannot be written during the training, there is a warning, and it goes on.

    Raises: ValueError or TypeError if an argument is unusable; OSError before the training if the
    file cannot be written.
    """

    first_process_only = True

    def __init__(
        self,
        path: str | os.PathLike[str] = "run.html",
        *,
        every: int | None = None,
        samples: int = 1000,
        classes: Sequence[str] | None = None,
        image_shape: tuple[int, ...] | None = None,
        graph: str | None = None,
        title: str | None = None,
        refresh: float = 2.0,
    ) -> None:
        self.path = os.fsdecode(path)
        if Path(self.path).suffix.lower() not in (".html", ".htm"):
            raise ValueError(f"a dashboard is a page, named such as run.html, not {self.path!r}")
        if not (isinstance(refresh, NUMBER) and 0 <= refresh < 3600):
            raise ValueError(f"refresh must be a number of seconds below 3600, not {refresh!r}")
        self.every = None if every is None else count(every, "every")
        self.samples = count(samples, "samples")
        self.classes = _checked_classes(classes)
        self.image_shape = _checked_shape(image_shape)
        self.graph, self.title, self.refresh = graph, title, float(refresh)
        self._gradients: dict[str, list[Any]] | None = None
        self._status = "begins"
        self._cost = 0.0
        self._written = -float("inf")

    def on_train_begin(self, run: Run) -> None:
        """Check that the page can be written, take the samples, and write the first page.

        Raises: OSError if it cannot.
        """
        check_output(self.path)
        module, history = run.model.module, run.model.history
        self._layers = described_layers(module)
        self._records = Records(len(self._layers) + 2 * len(list(module.named_parameters())))
        self._watched = WatchedSamples(
            watched_batches(run.validation or run.training, self.samples),
            run.model, self.classes, self.image_shape,
        )  # fmt: skip
        self._curves, self._ends = Curves(), _ends_of_epochs(history)
        for row in zip(*history.steps.values()):
            self._add_step(dict(zip(history.steps, row)))
        self._status, self._gradients = "training", None
        self._goal = len(history) + run.epochs
        self._records.end_turn(self._record(run))
        self._write(run)

    def state_dict(self) -> dict[str, Any]:
        """Return the records."""
        return self._records.state_dict()

    def load_state_dict(self, state: Mapping[str, Any], run: Run) -> None:
        """Go on from these records.

        Raises: ValueError if they are not of this model.
        """
        names = {name for name, p in run.model.module.named_parameters() if p.size}
        self._records.load_state_dict(state, names)

    def on_backward_end(self, run: Run) -> None:
        """Look at the gradients, if it is their turn."""
        self._gradients = None
        step = self._steps_in_epoch + 1
        if (self._is_turn(run, step) and self._records.wanted()) or self._is_last(run, step):
            self._gradients = distributions_of_gradients(run.model.module)

    def on_step_end(self, run: Run) -> None:
        """Add the numbers of a step, and make a record and write the page if it is their turn."""
        self._add_step(run.logs)
        if self._is_turn(run, self._steps_in_epoch):
            wanted = self._records.wanted()
            self._records.end_turn(self._record(run) if wanted else None)
            self._write_in_turn(run)
        if self._is_last(run, self._steps_in_epoch) and self._recorded != self._curves.steps:
            self._records.set_last(self._record(run))  # the one that opens, with its gradients
        self._gradients = None

    def on_epoch_end(self, run: Run) -> None:
        """Note the end of an epoch, and write the page if it is its turn."""
        self._ends.append(self._curves.steps)
        self._write_in_turn(run)

    def on_train_end(self, run: Run) -> None:
        """Write the last page, also after an error."""
        if self._status == "begins":  # another callback refused the training
            return
        self._status = _ending(run)
        # After an error the network may not compute, and that error is the one to see.
        with contextlib.suppress(*([Exception] if run.error else [])):
            if self._recorded != self._curves.steps:
                self._records.set_last(self._record(run))
        self._write(run)
        self._status = "begins"

    @property
    def _steps_in_epoch(self) -> int:
        return self._curves.steps - (self._ends[-1] if self._ends else 0)

    def _is_turn(self, run: Run, step: int) -> bool:
        """Return True if a record may be made after this step of an epoch."""
        every = self.every or max(1, round(run.steps / PER_EPOCH) if run.steps else WITHOUT_END)
        return step % every == 0 or (self.every is None and step == run.steps)

    def _is_last(self, run: Run, step: int) -> bool:
        """Return True for the last step of the training, if the length of epochs is known."""
        return step == run.steps and len(self._ends) + 1 == self._goal

    def _add_step(self, numbers: Mapping[str, float]) -> None:
        """Add the numbers of a step to the curves."""
        self._curves.add({name: x for name, x in numbers.items() if name not in PLACES})

    def _record(self, run: Run) -> dict[str, Any]:
        """Look at the network as it is now."""
        module, self._recorded = run.model.module, self._curves.steps
        paths = [layer["path"] for layer in self._layers]
        outputs, arrays = watched_outputs(module, self._watched.batches, paths)
        return {
            "step": self._curves.steps,
            "epoch": len(self._ends) + (self._steps_in_epoch > 0),
            "values": distributions_of_parameters(module),
            "gradients": self._gradients or {},
            "outputs": outputs,
            **self._watched.compared(arrays),
        }

    def _write_in_turn(self, run: Run) -> None:
        """Write the page, unless the last one is new; with `refresh=0`, always."""
        pause = max(self.refresh, COST * self._cost) if self.refresh else 0.0
        if time.perf_counter() - self._written >= pause:
            self._write(run)

    def _write(self, run: Run) -> None:
        """Write the page, or warn that it cannot be written."""
        began = time.perf_counter()
        page = dashboard_page(self._data(run), self._records.texts())
        write_or_warn(self.path, f"epoch {run.epoch}", lambda: write_file(self.path, page))
        self._written = time.perf_counter()
        self._cost = self._written - began

    def _data(self, run: Run) -> dict[str, Any]:
        """Return all that is not in records, as plain data."""
        model, epochs = run.model, run.model.history.epochs
        shown = _evenly(len(model.history), EPOCHS_SHOWN)
        rows = {name: [rounded(column[k]) for k in shown] for name, column in epochs.items()}
        return {
            "title": self.title or f"Training: {Path(self.path).stem}",
            "status": self._status,
            "said": run.stopped if run.error is None else error_text(run.error),
            "written": round(time.time() * 1000),
            "refresh": max(self.refresh, 0.5),
            "done": len(model.history), "goal": self._goal,
            "seconds": rows["time"][-1] if rows["time"] else None,
            "loss": str(model.loss), "optimizer": str(model.optimizer),
            "parameters": sum(p.size for p in model.module.parameters()),
            "samples": sum(len(batch.y) for batch in self._watched.batches),
            "of": "validation" if run.validation else "training",
            "layers": self._layers,
            "classes": self.classes,
            "inputs": self._watched.inputs,
            "graph": self.graph,
            "curves": self._curves.columns(),
            "epochs": rows,
            "numbers": [k + 1 for k in shown],
            "ends": [self._ends[k] for k in shown if k < len(self._ends)],
            "least": _least(epochs.get("val_loss", [])),
        }  # fmt: skip


def _ending(run: Run) -> str:
    """Name the way in which a training ended."""
    if run.error is None:
        return "stopped" if run.stopped else "finished"
    return "interrupted" if isinstance(run.error, KeyboardInterrupt) else "failed"


def error_text(error: BaseException) -> str:
    """Return the class and the words of an error."""
    return ": ".join(filter(None, [type(error).__name__, str(error)]))


def _ends_of_epochs(history: Any) -> list[int]:
    """Count the steps up to the end of each completed epoch."""
    counts = Counter(history.steps["epoch"])
    return list(itertools.accumulate(counts[k + 1] for k in range(len(history))))


def _evenly(count: int, most: int) -> list[int]:
    """Return positions among so many, the first and the last too: all of them if they are few."""
    if count <= most:
        return list(range(count))
    return [k * (count - 1) // (most - 1) for k in range(most)]


def _least(losses: Sequence[float | None]) -> list[Any] | None:
    """Return the least of some losses, and its epoch."""
    known = [(x, k + 1) for k, x in enumerate(losses) if x is not None and math.isfinite(x)]
    return list(min(known)) if known else None


def _checked_classes(classes: Any) -> list[str] | None:
    """Return names of classes as a list.

    Raises: TypeError if they are none.
    """
    if classes is None:
        return None
    if isinstance(classes, str) or not all(isinstance(name, str) for name in classes):
        raise TypeError(
            f"classes must be a list with the name of each class, not {argument_text(classes)}"
        )
    return list(classes)


def _checked_shape(shape: Any) -> tuple[int, ...] | None:
    """Return the shape of a picture.

    Raises: ValueError if it is none.
    """
    if shape is None:
        return None
    whole = isinstance(shape, tuple | list) and all(isinstance(n, int) and n > 0 for n in shape)
    if not whole or len(shape) not in (2, 3):
        raise ValueError(
            f"image_shape must be (height, width) or (height, width, channels), not {shape!r}"
        )
    return tuple(shape)
