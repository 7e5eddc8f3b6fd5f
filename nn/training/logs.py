"""Callbacks that write the numbers of the epochs to files: CSVLogger and TensorBoard."""

import csv
import math
import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nn.config import import_extra
from nn.training.callback import Callback, Run
from tensorgrad.files import check_output


def write_or_warn(path: str, what: str, write: Callable[[], Any]) -> None:
    """Write to a log, or warn that it cannot be written, because a training is worth more."""
    try:
        write()
    except OSError as error:
        reason = error.strerror or str(error)
        warnings.warn(f"{what} is not in {path}, which cannot be written: {reason}", stacklevel=3)


class CSVLogger(Callback):
    """A CSV file with a row for each epoch, written when the epoch ends; NaN is an empty field.

    With `append`, rows are added to a file that is there, whose columns must be the same. A row
    that cannot be written is left out with a warning, and the training goes on.

    Raises: ValueError if they are not; OSError before the training if the file cannot be written.
    """

    first_process_only = True

    def __init__(self, path: str | os.PathLike[str], *, append: bool = False) -> None:
        self.path = os.path.expanduser(os.fsdecode(path))
        self.append = append

    def on_train_begin(self, run: Run) -> None:
        """Write the names of the columns, if the file is new.

        Raises: ValueError if the file has other columns; OSError if it cannot be written.
        """
        Path(self.path).parent.mkdir(parents=True, exist_ok=True)
        check_output(self.path)
        columns = ["epoch", *run.names]
        if self.append and Path(self.path).exists():
            with open(self.path, newline="", encoding="utf-8") as file:
                found = next(csv.reader(file), [])
            if found != columns:
                raise ValueError(
                    f"{self.path} has the columns {found}, but this training measures {columns}; "
                    "write to another file"
                )
            return
        self._write("w", columns)

    def on_epoch_end(self, run: Run) -> None:
        """Add the row of an epoch."""
        numbers = (run.logs.get(name, math.nan) for name in run.names)
        row = [run.epoch, *("" if math.isnan(x) else x for x in numbers)]
        write_or_warn(self.path, f"epoch {run.epoch}", lambda: self._write("a", row))

    def _write(self, mode: str, row: list[Any]) -> None:
        """Write a row as a whole, or none of it."""
        begin = os.path.getsize(self.path) if mode == "a" and os.path.exists(self.path) else 0
        try:
            with open(self.path, mode, newline="", encoding="utf-8") as file:
                csv.writer(file).writerow(row)
        except OSError:
            if os.path.isfile(self.path):
                os.truncate(self.path, begin)
            raise


class TensorBoard(Callback):
    """Files that TensorBoard opens: `tensorboard --logdir FOLDER` draws the numbers of the epochs.

    The numbers of the training and of the validation lie in two folders, so that they share axes.
    Numbers that cannot be written are left out with a warning, and the training goes on.

    Raises: ImportError if tensorboardX is not installed.
    """

    first_process_only = True

    def __init__(self, folder: str | os.PathLike[str] = "runs/tensorboard") -> None:
        self.folder = os.path.expanduser(os.fsdecode(folder))
        self._writers: dict[str, Any] = {}

    def on_train_begin(self, run: Run) -> None:
        """Open the files.

        Raises: ImportError if tensorboardX is not installed.
        """
        purpose = "files for TensorBoard are written with tensorboardX"
        writer = import_extra("tensorboardX", purpose, "pip install tensorboardX").SummaryWriter
        names = {"training", *("validation" for name in run.names if name.startswith("val_"))}
        self._writers = {name: writer(os.path.join(self.folder, name)) for name in names}

    def on_epoch_end(self, run: Run) -> None:
        """Write the numbers of an epoch."""
        write_or_warn(self.folder, f"epoch {run.epoch}", lambda: self._write(run))

    def _write(self, run: Run) -> None:
        for name, value in run.logs.items():
            kind = "validation" if name.startswith("val_") else "training"
            if kind in self._writers and not math.isnan(value):
                self._writers[kind].add_scalar(name.removeprefix("val_"), value, run.epoch)
        for writer in self._writers.values():
            writer.flush()

    def on_train_end(self, run: Run) -> None:
        """Close the files."""
        for name, writer in self._writers.items():
            write_or_warn(self.folder, f"the end of {name}", writer.close)
        self._writers = {}
