"""ModelCheckpoint: a callback that saves the model during its training."""

import os
import re
import warnings

import numpy as np

from nn.config import count
from nn.training.callback import Callback, Run
from nn.training.saving import check_savable_model
from tensorgrad.files import check_output


class ModelCheckpoint(Callback):
    """A file of the model, replaced after each epoch or after every `every` steps.

    It holds everything: `nn.Model.load(path)` and `train`, with callbacks of the same classes, go
    on, also from inside an epoch, as if the training had not been interrupted. It is written after
    the other callbacks have acted. A model whose parameters are NaN or infinite is not written, so
    that the file holds the last good one. If the file cannot be written, there is a warning, and
    the training goes on.

    Raises: ValueError if `every` is not a number of steps, or the path has a place for the epoch;
    OSError before the training if the file cannot be written; TypeError or ImportError before it if
    the model cannot be saved.
    """

    acts_last = True
    first_process_only = True

    def __init__(self, path: str | os.PathLike[str], every: int | None = None) -> None:
        self.path = os.fsdecode(path)
        if re.search(r"\{(epoch|step)\b", self.path):
            raise ValueError(
                f"the path {self.path!r} has a place for a number, but the checkpoint is one file, "
                "which is replaced; for a file of each epoch write a callback with "
                "on_epoch_end(self, run), which calls "
                'run.model.save(f"model-{run.epoch}.safetensors")'
            )
        self.every = None if every is None else count(every, "every")
        self.saved = ""  # the place in the training that the file is of

    def on_train_begin(self, run: Run) -> None:
        """Check that the model and the file can be written.

        Raises: OSError, TypeError or ImportError if they cannot.
        """
        self.saved = ""
        check_output(self.path)
        check_savable_model(run.model)

    def on_step_end(self, run: Run) -> None:
        """Save the model, if it is its turn."""
        if self.every and run.model.optimizer.iterations % self.every == 0:
            self._save(run, f"batch {run.step} of epoch {run.epoch}")

    def on_epoch_end(self, run: Run) -> None:
        """Save the model, unless steps are counted."""
        if not self.every:
            self._save(run, f"epoch {run.epoch}")

    def on_divergence(self, run: Run) -> None:
        """Add to the error where the last good model is."""
        if run.error is not None:
            where = f"the model as after {self.saved} is in {self.path}; load it with "
            where += f"nn.Model.load({self.path!r})"
            run.error.add_note(where if self.saved else f"nothing was saved yet in {self.path}")

    def _save(self, run: Run, place: str) -> None:
        if not all(np.isfinite(p.data).all() for p in run.model.module.parameters()):
            return
        try:
            run.model.save(self.path)
            self.saved = place
        except OSError as error:
            warnings.warn(f"no checkpoint after {place}: {error}", stacklevel=2)
