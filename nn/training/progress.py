"""What a training says while it runs: the book's lines, and in a terminal a bar."""

import math
import time
from typing import Any, NamedTuple

REFRESH = 0.1  # seconds between two texts of the bar: a text costs as much as a small step


class Figures(NamedTuple):
    """The figures of a step or an epoch; an accuracy that was not measured is NaN."""

    data_loss: float
    regularization_loss: float
    accuracy: float
    learning_rate: float

    @property
    def loss(self) -> float:
        return self.data_loss + self.regularization_loss

    def __str__(self) -> str:
        return (
            f"{accuracy_text(self.accuracy)}loss: {self.loss:.3f} ("
            f"data_loss: {self.data_loss:.3f}, reg_loss: {self.regularization_loss:.3f}), "
            f"lr: {self.learning_rate}"
        )


def accuracy_text(accuracy: float) -> str:
    return "" if math.isnan(accuracy) else f"acc: {accuracy:.3f}, "


class Progress:
    """The bar of one epoch, with lines printed above it; `print_every` 0 or None is silent."""

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
                return  # the lines say it all
            # disable=None: a bar is for terminals only
            self._bar = tqdm(
                total=samples, unit=" samples", unit_scale=True, leave=False, disable=None
            )

    def say(self, line: str) -> None:
        if not self._every:
            return
        if self._bar is None or self._bar.disable:
            print(line)
        else:
            self._bar.write(line)

    def step(self, step: int, samples: int, figures: Figures) -> None:
        """Tell of a step, numbered from 0, every so many steps and at the last one."""
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
            self.say(f"step: {step}, {figures}")

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()
