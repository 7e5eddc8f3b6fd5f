"""The public module of schedules: `learning_rate=nn.schedules.cosine(0.1, 1000)`."""

from nn.optim.schedules import (
    Schedule,
    constant,
    cosine,
    define,
    exponential,
    inverse_time,
    one_cycle,
    step,
    warmup,
)

__all__ = [
    "Schedule",
    "constant",
    "cosine",
    "define",
    "exponential",
    "inverse_time",
    "one_cycle",
    "step",
    "warmup",
]
