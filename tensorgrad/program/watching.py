"""Watching: tensors from outside, whose values are read as stand-ins while a program is made."""

import functools
from typing import Any

from tensorgrad.engine.base import TensorBase
from tensorgrad.engine.state import STATE
from tensorgrad.program.arrays import TracedArray
from tensorgrad.program.recorder import Recorder

SLOT = TensorBase.__dict__["_value"]


def is_stand_in(x: Any) -> bool:
    """Return True for a stand-in, and for a tensor that has one for its value."""
    return type(x) is TracedArray or (
        isinstance(x, TensorBase) and type(SLOT.__get__(x)) is TracedArray
    )


def recorder_now() -> Recorder | None:
    """Return the recorder that is making a program in this thread, or None."""
    observer = STATE.get().observer
    return observer if isinstance(observer, Recorder) else None


@functools.cache
def watched(kind: type) -> type:
    """Return the class of tensors whose values are read as stand-ins while a program is made.

    The class of a tensor is changed to it for that time, so that tensors elsewhere cost nothing.
    """

    def read(t: Any) -> Any:
        value = SLOT.__get__(t)
        recorder = None if type(value) is TracedArray else recorder_now()
        return value if recorder is None else recorder.external(t, value)

    def write(t: Any, value: Any) -> None:
        recorder = recorder_now()
        if recorder is None or id(t) not in recorder.outside:
            SLOT.__set__(t, value)
        else:
            recorder.write(t, value)

    return type(kind.__name__, (kind,), {"__slots__": (), "_value": property(read, write)})
