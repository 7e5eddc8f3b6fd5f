"""The line of the user's code that led to the present call."""

import linecache
import sys
from types import FrameType
from typing import Any, NamedTuple

from tensorgrad.engine import backward

LIBRARY = {"tensorgrad", "nn", "numpy", "contextlib"}  # packages whose frames are not the user's


class Place(NamedTuple):
    """A line of the user's code, for a warning, and as the text of a message."""

    text: str
    file: str
    line: int


def users_frame() -> tuple[FrameType | None, bool]:
    """Return the innermost frame of the user's code, and if a backward pass runs the call."""
    frame: FrameType | None = sys._getframe(1)
    users: FrameType | None = None
    in_backward = False
    while frame is not None and not (users and in_backward):
        if users is None and frame.f_globals.get("__name__", "").partition(".")[0] not in LIBRARY:
            users = frame
        in_backward = in_backward or frame.f_code is backward.backward.__code__
        frame = frame.f_back
    return users, in_backward


def place(frame: FrameType | None, scope: Any) -> str:
    """Format a line of the user's code as a traceback does."""
    if frame is None:
        return "  at an unknown line"
    file, number = frame.f_code.co_filename, frame.f_lineno
    text = linecache.getline(file, number, frame.f_globals).strip()
    inside = f", inside {scope!r}" if scope is not None else ""
    line = f'  File "{file}", line {number}, in {frame.f_code.co_name}{inside}'
    return f"{line}\n    {text}" if text else line


def place_of(frame: Any, scope: Any) -> Place:
    """Return the place of a frame."""
    if frame is None:
        return Place(place(frame, scope), "unknown", 0)
    return Place(place(frame, scope), frame.f_code.co_filename, frame.f_lineno)
