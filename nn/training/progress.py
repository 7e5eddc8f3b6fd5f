"""The progress of a training: the book's lines and, in a terminal, a bar."""

import math
import shutil
import sys
import time
import warnings
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

BAR = "{percentage:3.0f}%|{bar:10}| {remaining}, {rate_fmt}{postfix}"  # fits into 80 columns
REFRESH = 0.1  # seconds between two updates of the bar, because one costs as much as a small step


class Figures(NamedTuple):
    """The numbers of a step or an epoch; an accuracy that was not measured is NaN."""

    data_loss: float
    regularization_loss: float
    accuracy: float
    learning_rate: float
    metrics: Mapping[str, float] = MappingProxyType({})

    @property
    def loss(self) -> float:
        """The data loss plus the regularization loss."""
        return self.data_loss + self.regularization_loss

    def __str__(self) -> str:
        return (
            f"{accuracy_text(self.accuracy, self.metrics)}loss: {self.loss:.3f} ("
            f"data_loss: {self.data_loss:.3f}, reg_loss: {self.regularization_loss:.3f}), "
            f"lr: {self.learning_rate}"
        )

    def within(self, columns: int) -> str:
        """Format the numbers as the book does or, where that is too long, more briefly.

        The learning rate is then rounded, the words are shortened, or the parts of the loss left
        out.
        """
        text = str(self)
        rounded = f"{text.rpartition(':')[0]}: {self.learning_rate:.4g}"
        short = rounded.replace("data_loss", "data").replace("reg_loss", "reg")
        brief = short.partition(" (")[0] + short.rpartition(")")[2]
        return next((t for t in (text, rounded, short) if len(t) <= columns), brief)


def accuracy_text(accuracy: float, metrics: Mapping[str, float] = MappingProxyType({})) -> str:
    """Format an accuracy and metrics for the beginning of a line, without those that are NaN."""
    numbers = {"acc": accuracy, **metrics}
    return "".join(f"{name}: {x:.3f}, " for name, x in numbers.items() if not math.isnan(x))


def check_print_every(print_every: Any) -> None:
    """Raise ValueError if it is not a number of steps or None."""
    if print_every is not None and (
        not isinstance(print_every, int | np.integer) or print_every < 0
    ):
        raise ValueError(f"print_every must be a number of steps or None, not {print_every!r}")


class Progress:
    """The bar of one epoch, and the lines above it; nothing if `print_every` is 0 or None.

    The numbers of samples and steps in the epoch are None where they are not known.
    """

    def __init__(self, samples: int | None, steps: int | None, print_every: int | None) -> None:
        self._every = print_every or 0
        self._last = None if steps is None else steps - 1
        self._waiting = 0
        self._shown = time.perf_counter()
        self._bar: Any = None
        if self._every and sys.stderr is not None:  # as it is in a program without a console
            try:
                from tqdm import tqdm
            except ImportError:
                return  # without tqdm there are lines only
            # disable=None: no bar where the output is not a terminal
            self._bar = tqdm(
                total=samples,
                bar_format=BAR,
                leave=False,
                disable=None,
                unit=" samples",
                unit_scale=True,
            )

    def print_figures(self, name: str, figures: Figures) -> None:
        """Print numbers behind a name, such as "step: 3, ", in a line that fits a terminal."""
        columns = 1 << 20
        if sys.stdout and not getattr(sys.stdout, "closed", False) and sys.stdout.isatty():
            columns = shutil.get_terminal_size().columns
        self.print(name + figures.within(columns - len(name)))

    def print(self, line: str) -> None:
        """Print a line above the bar, unless silent.

        Where no more can be printed, as on a full disk, the rest of the epoch is silent, with a
        warning, because a training is worth more.
        Raises: BrokenPipeError if the reader has gone, who asks for the end so, as by `| head`.
        """
        if not self._every:
            return
        try:
            if self._bar is None or self._bar.disable:
                print(line)
            else:
                self._bar.write(line)
        except BrokenPipeError:
            raise
        except (OSError, ValueError) as error:  # ValueError: the output was closed
            self._every = 0
            warnings.warn(
                f"the lines of this training can no longer be printed ({error}), so it goes on "
                "without them; print_every=0 prints none",
                stacklevel=3,
            )

    def step(self, step: int, samples: int, figures: Figures) -> None:
        """Update the bar after a step, and print each `print_every`-th step and the last one."""
        if not self._every:
            return
        self._waiting += samples
        now = time.perf_counter()
        if self._bar is not None and not self._bar.disable and now - self._shown > REFRESH:
            self._shown = now
            self._bar.set_postfix_str(
                f"step {step}, {accuracy_text(figures.accuracy, figures.metrics)}"
                f"loss: {figures.loss:.3f}",
                refresh=False,
            )
            self._bar.update(self._waiting)
            self._waiting = 0
        if step % self._every == 0 or step == self._last:
            self.print_figures(f"step: {step}, ", figures)

    def close(self) -> None:
        """Remove the bar."""
        if self._bar is not None:
            self._bar.close()
