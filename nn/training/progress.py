"""The progress of a training: the book's lines and, in a terminal, a bar."""

import math
import time
from typing import Any, NamedTuple

import numpy as np

BAR = "{percentage:3.0f}%|{bar:10}| {remaining} left{postfix}"  # fits into 80 columns
REFRESH = 0.1  # seconds between two updates of the bar, because one costs as much as a small step


class Figures(NamedTuple):
    """The numbers of a step or an epoch; an accuracy that was not measured is NaN."""

    data_loss: float
    regularization_loss: float
    accuracy: float
    learning_rate: float

    @property
    def loss(self) -> float:
        """The data loss plus the regularization loss."""
        return self.data_loss + self.regularization_loss

    def __str__(self) -> str:
        return (
            f"{accuracy_text(self.accuracy)}loss: {self.loss:.3f} ("
            f"data_loss: {self.data_loss:.3f}, reg_loss: {self.regularization_loss:.3f}), "
            f"lr: {self.learning_rate}"
        )


def accuracy_text(accuracy: float) -> str:
    """Format an accuracy for the beginning of a line; an accuracy of NaN gives an empty string."""
    return "" if math.isnan(accuracy) else f"acc: {accuracy:.3f}, "


def check_print_every(print_every: Any) -> None:
    """Raise ValueError if it is not a number of steps or None."""
    if print_every is not None and (
        not isinstance(print_every, int | np.integer) or print_every < 0
    ):
        raise ValueError(f"print_every must be a number of steps or None, not {print_every!r}")


class Progress:
    """The bar of one epoch, and the lines above it; nothing if `print_every` is 0 or None."""

    def __init__(self, samples: int, steps: int, print_every: int | None) -> None:
        self._every = print_every or 0
        self._last = steps - 1
        self._waiting = 0
        self._shown = time.perf_counter()
        self._bar: Any = None
        if self._every:
            try:
                from tqdm import tqdm
            except ImportError:
                return  # without tqdm there are lines only
            # disable=None: no bar where the output is not a terminal
            self._bar = tqdm(total=samples, bar_format=BAR, leave=False, disable=None)

    def print(self, line: str) -> None:
        """Print a line above the bar, unless silent."""
        if not self._every:
            return
        if self._bar is None or self._bar.disable:
            print(line)
        else:
            self._bar.write(line)

    def step(self, step: int, samples: int, figures: Figures) -> None:
        """Update the bar after a step, and print each `print_every`-th step and the last one."""
        if not self._every:
            return
        self._waiting += samples
        now = time.perf_counter()
        if self._bar is not None and not self._bar.disable and now - self._shown > REFRESH:
            self._shown = now
            self._bar.set_postfix_str(
                f"step {step}, {accuracy_text(figures.accuracy)}loss: {figures.loss:.3f}, "
                f"lr: {figures.learning_rate:.3g}",
                refresh=False,
            )
            self._bar.update(self._waiting)
            self._waiting = 0
        if step % self._every == 0 or step == self._last:
            self.print(f"step: {step}, {figures}")

    def close(self) -> None:
        """Remove the bar."""
        if self._bar is not None:
            self._bar.close()
