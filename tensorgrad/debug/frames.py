"""The line of the user's code that led here."""

import linecache
import sys
from types import FrameType
from typing import Any

from tensorgrad.engine import backward

LIBRARY = {"tensorgrad", "nn", "numpy", "contextlib"}  # whose frames are not the user's


def users_frame() -> tuple[FrameType | None, bool]:
    """The innermost frame of the user's code, and whether it is in a backward that it called."""
    frame: FrameType | None = sys._getframe(1)
    in_backward = False
    while frame is not None:
        if frame.f_globals.get("__name__", "").partition(".")[0] not in LIBRARY:
            break
        in_backward = in_backward or frame.f_code is backward.backward.__code__
        frame = frame.f_back
    return frame, in_backward


def place(frame: FrameType | None, scope: Any) -> str:
    """A line of the user's code as a traceback shows it."""
    if frame is None:
        return "  called from no line of a file"
    file, number = frame.f_code.co_filename, frame.f_lineno
    text = linecache.getline(file, number, frame.f_globals).strip()
    inside = f", inside {scope!r}" if scope is not None else ""
    line = f'  File "{file}", line {number}, in {frame.f_code.co_name}{inside}'
    return f"{line}\n    {text}" if text else line
