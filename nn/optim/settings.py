"""The settings of optimizers and schedules: their bounds, and the learning rate of a step."""

import math
from collections.abc import Callable
from typing import Any, TypeAlias

from nn.config import NUMBER, build

Rate: TypeAlias = float | Callable[[int], float]  # a learning rate, or a function of the step

# fmt: off
BOUNDS = {  # setting -> the condition on a value, and its words
    "learning_rate": (lambda x: 0 <= x < math.inf, "at least 0"),
    "decay":         (lambda x: 0 <= x < math.inf, "at least 0"),
    "weight_decay":  (lambda x: 0 <= x < math.inf, "at least 0"),
    "momentum":      (lambda x: 0 <= x < 1,        "at least 0 and below 1"),
    "rho":           (lambda x: 0 <= x < 1,        "at least 0 and below 1"),
    "beta_1":        (lambda x: 0 <= x < 1,        "at least 0 and below 1"),
    "beta_2":        (lambda x: 0 <= x < 1,        "at least 0 and below 1"),
    "epsilon":       (lambda x: 0 < x < math.inf,  "above 0, because a step could be 0 / 0"),
    "clip_norm":     (lambda x: 0 < x < math.inf,  "above 0, or None"),
    "clip_value":    (lambda x: 0 < x < math.inf,  "above 0, or None"),
    # of schedules
    "factor":         (lambda x: 0 < x < math.inf,  "above 0"),
    "every":          (lambda x: 0 < x < math.inf,  "above 0"),
    "steps":          (lambda x: 0 < x < math.inf,  "above 0"),
    "final":          (lambda x: 0 <= x < math.inf, "at least 0"),
    "rise":           (lambda x: 0 <= x < 1,        "at least 0 and below 1"),
    "initial_factor": (lambda x: 0 <= x <= 1,       "from 0 to 1"),
    "final_factor":   (lambda x: 0 <= x <= 1,       "from 0 to 1"),
}
# fmt: on
OPTIONAL = ("clip_norm", "clip_value")  # settings that may be None
STEP_SETTINGS = frozenset(list(BOUNDS)[: list(BOUNDS).index("factor")])  # those of optimizers


def checked(owner: str, settings: dict[str, Any]) -> dict[str, Any]:
    """Convert settings to Python's floats, because NumPy's would make float32 arrays float64.

    A learning rate may be a function, or the description of a schedule, which is built.
    Raises: ValueError if a setting is out of bounds.
    """
    return {name: _setting(owner, name, value) for name, value in settings.items()}


def _setting(owner: str, name: str, value: Any) -> Any:
    """Convert one setting.

    Raises: ValueError if it is out of bounds.
    """
    if name == "learning_rate" and isinstance(value, dict):
        value = build(value)
    if (name == "learning_rate" and callable(value)) or (name in OPTIONAL and value is None):
        return value
    allowed, words = BOUNDS.get(name, (lambda _: True, "a number"))
    if not isinstance(value, NUMBER) or not allowed(value):
        if not isinstance(value, NUMBER) and name in BOUNDS:
            words = f"a number, {words}"
            words += ", or a function of the step" * (name == "learning_rate")
        raise ValueError(f"{owner} was given {name}={value!r}, but {name} must be {words}")
    return float(value)


def rate_at(rate: Rate, step: int, decay: float = 0.0) -> float:
    """Return the learning rate of a step, counted from 0.

    Raises: ValueError if it is not a finite number of at least 0, or a schedule has a `decay`.
    """
    if callable(rate):
        check_decay(rate, decay)
        value = rate(step)
        shown = repr(rate) if hasattr(rate, "config") else getattr(rate, "__name__", repr(rate))
        source = f", from the schedule {shown},"
    else:
        value, source = rate / (1 + decay * step), ""
    if not isinstance(value, NUMBER) or not 0 <= value < math.inf:
        raise ValueError(
            f"the learning rate of step {step}{source} is {value!r}, but must be a finite number "
            "of at least 0; nothing was changed in this step"
        )
    return float(value)


def check_decay(rate: Rate, decay: float) -> None:
    """Raise ValueError if there are a schedule and the book's decay, two ways for one thing."""
    if callable(rate) and decay:
        raise ValueError(
            f"learning_rate={rate!r} is a schedule, and decay={decay} would be another; "
            "decay=d is short for learning_rate=nn.schedules.inverse_time(rate, d): give one of "
            "the two"
        )


def check_savable(rate: Any, owner: str) -> None:
    """Raise TypeError if a learning rate is a function that no file can name."""
    if callable(rate) and not hasattr(rate, "config"):
        name = getattr(rate, "__name__", type(rate).__name__)
        raise TypeError(
            f"{owner} cannot be saved: its learning rate is the function {name}, and a file holds "
            "no code; put @nn.schedules.define above its definition and give the result, such as "
            f"learning_rate={name}(), or use one of nn.schedules"
        )
