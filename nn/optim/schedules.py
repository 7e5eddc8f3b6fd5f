"""Schedules: learning rates as functions of the step, saved by their names and arguments."""

import functools
import inspect
import math
import os
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec

from nn.config import Configured, register
from nn.figures import finish_figure, new_figure
from nn.optim.settings import BOUNDS, Rate, check_savable, checked

P = ParamSpec("P")
SCHEDULES: dict[str, Callable[..., float]] = {}  # name -> function of the step and arguments


@register
class Schedule(Configured):
    """A learning rate as a function of the step, counted from 0; made by one of `nn.schedules`.

    Raises: ValueError if no schedule of this name is known, or an argument is out of bounds;
    TypeError if the arguments are not those of the schedule.
    """

    def __init__(self, name: str, arguments: dict[str, Any]) -> None:
        if name not in SCHEDULES:
            raise ValueError(
                f"there is no schedule {name!r}; if it is your own, define it with "
                f"@nn.schedules.define before loading (known: {', '.join(sorted(SCHEDULES))})"
            )
        bound = inspect.signature(SCHEDULES[name]).bind(0, **arguments)
        bound.apply_defaults()
        _, *given = bound.arguments.items()  # the first is the step
        checked(name, {key: value for key, value in given if key in BOUNDS})
        self.name = name
        self.arguments = dict(given)

    def __call__(self, step: int) -> float:
        """Return the learning rate of a step."""
        return SCHEDULES[self.name](step, **self.arguments)

    def config(self) -> dict[str, Any]:
        """Return the name and the arguments in a form that JSON can hold.

        Raises: TypeError if an argument is a function that no file can name.
        """
        for value in self.arguments.values():
            check_savable(value, repr(self))
        return super().config()

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value!r}" for name, value in self.arguments.items())
        return f"{self.name}({shown})"

    def length(self) -> int:
        """Return the number of steps until the rate stays constant, or 1,000 if it never does."""
        inner = self.arguments.get("learning_rate")
        rest = inner.length() if isinstance(inner, Schedule) else 0
        return int(self.arguments.get("steps", 0)) + rest or 1000

    def plot(self, path: str | os.PathLike[str] | None = None, *, steps: int | None = None) -> None:
        """Plot the rates of the first steps, to a file or, without `path`, on the screen.

        Raises: ImportError if Matplotlib is not installed.
        """
        n = steps or self.length() + 1
        figure = new_figure(path, figsize=(5, 3.2), layout="constrained")
        ax = figure.subplots()
        ax.plot(range(n), [self(t) for t in range(n)], color="#0072B2", linewidth=1.8)
        ax.set(title=repr(self), xlabel="step", ylabel="learning rate")
        ax.title.set(fontsize="small", wrap=True)
        ax.set_xlim(0, max(n - 1, 1))
        ax.set_ylim(bottom=0)
        ax.grid(color="0.9")
        ax.spines[["top", "right"]].set_visible(False)
        finish_figure(figure, path)


def define(formula: Callable[Concatenate[int, P], float]) -> Callable[P, Schedule]:
    """Decorate a function of the step and of arguments, so that its schedules can be saved.

    The result takes the arguments alone and returns a schedule.
    Raises: ValueError if another schedule has this name; TypeError if the arguments do not fit the
    formula.
    """
    name = formula.__name__
    known = SCHEDULES.setdefault(name, formula)
    if (known.__module__, known.__qualname__) != (formula.__module__, formula.__qualname__):
        raise ValueError(
            f"the name {name} in saved files already stands for the schedule "
            f"{known.__module__}.{known.__qualname__}; give your function another name"
        )
    SCHEDULES[name] = formula  # the same function may come again: a notebook's cell can run twice
    signature = inspect.signature(formula)
    _, *parameters = signature.parameters.values()

    @functools.wraps(formula)
    def make(*args: P.args, **kwargs: P.kwargs) -> Schedule:
        taken = inspect.signature(make)
        try:
            bound = taken.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(
                f"{name}{taken.replace(return_annotation=taken.empty)}: {error}"
            ) from None
        return Schedule(name, bound.arguments)

    make.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=parameters, return_annotation=Schedule
    )
    return make


@define
def constant(t: int, learning_rate: float) -> float:
    """Stay at `learning_rate`."""
    return learning_rate


@define
def step(t: int, learning_rate: float, every: float, factor: float = 0.1) -> float:
    """Multiply the rate by `factor` after each `every` steps, at once."""
    return learning_rate * factor ** (t // every)


@define
def exponential(t: int, learning_rate: float, factor: float, every: float = 1) -> float:
    """Multiply the rate by `factor` in the course of each `every` steps, smoothly."""
    return learning_rate * factor ** (t / every)


@define
def inverse_time(t: int, learning_rate: float, decay: float) -> float:
    """Divide the rate by 1 + decay t, as the book does and the optimizers' own `decay=`."""
    return learning_rate / (1 + decay * t)


@define
def cosine(t: int, learning_rate: float, steps: int, final: float = 0.0) -> float:
    """Fall along half a cosine from `learning_rate` to `final` in this number of steps.

    Source: Loshchilov and Hutter (2017), SGDR, equation 5, without restarts, arXiv:1608.03983.
    """
    return _between(learning_rate, final, t / steps)


@define
def one_cycle(
    t: int,
    learning_rate: float,
    steps: int,
    *,
    rise: float = 0.3,
    initial_factor: float = 0.04,
    final_factor: float = 4e-6,
) -> float:
    """Rise along half a cosine to `learning_rate` in the fraction `rise` of the steps, then fall.

    The first rate is `initial_factor` and the last `final_factor` times the highest.
    Source: Smith and Topin (2019), Super-convergence, arXiv:1708.07120; the numbers are PyTorch's.
    """
    top, last = max(rise * steps - 1, 0), steps - 1
    if t >= last:
        return learning_rate * final_factor
    if t < top:
        return _between(learning_rate * initial_factor, learning_rate, t / top)
    return _between(learning_rate, learning_rate * final_factor, (t - top) / (last - top))


@define
def warmup(t: int, learning_rate: Rate, steps: int) -> float:
    """Rise linearly to a rate, or to the first rate of a schedule, which follows from its start."""
    if t < steps:
        top = learning_rate(0) if callable(learning_rate) else learning_rate
        return top * (t + 1) / (steps + 1)  # the first step has a rate above 0
    return learning_rate(t - int(steps)) if callable(learning_rate) else learning_rate


def _between(start: float, end: float, fraction: float) -> float:
    """Return the number at a fraction, at most 1, of half a cosine from start to end."""
    return end + (start - end) * (1 + math.cos(math.pi * min(fraction, 1))) / 2
