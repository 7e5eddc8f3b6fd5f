"""The names that users give to results: the variable that the calling line assigns to."""

import dis
import functools
import linecache
import sys
import threading
from types import CodeType, FrameType
from typing import Any

from tensorgrad.engine.base import TensorBase
from tensorgrad.operands import STAND_INS
from tensorgrad.program.steps import LIBRARYS, USERS, hint

# Frames between the user's line and the recorder.
BETWEEN = (
    "tensorgrad.program", "tensorgrad.engine", "tensorgrad.tensor", "tensorgrad.rules",
    "tensorgrad.transforms", "numpy", "contextlib", "functools",
)  # fmt: skip
LIBRARIES = (
    "tensorgrad", "nn", "numpy", "scipy", "pandas", "xarray", "contextlib", "functools",
)  # fmt: skip
CAPTURE = "tensorgrad.program.capture"
STORES = {"STORE_FAST", "STORE_NAME", "STORE_GLOBAL", "STORE_DEREF"}
RETURNS = {"RETURN_VALUE"}


@functools.lru_cache(maxsize=1024)
def following(code: CodeType) -> dict[int, str]:
    """Map each instruction to the variable that its result is assigned to; "" for a return."""
    found: dict[int, str] = {}
    before, last = 0, ""
    for instruction in dis.get_instructions(code):
        name, variable = instruction.opname, None
        if name == "EXTENDED_ARG":  # belongs to the next, in functions with many variables
            continue
        if name.startswith("STORE_FAST_"):  # two instructions in one, of Python 3.13
            variable = instruction.argval[0]
        elif name in STORES:
            variable = instruction.argval
        elif name in RETURNS:
            variable = ""
        if variable is not None:  # the caches behind an instruction count as it
            found |= dict.fromkeys(range(before, instruction.offset, 2), variable)
        if (last, name) != ("PRECALL", "CALL"):  # of Python 3.11, whose first may call already
            before = instruction.offset
        last = name
    return found


@functools.lru_cache(maxsize=4096)
def is_between(module: str) -> bool:
    return module.startswith(BETWEEN)


@functools.lru_cache(maxsize=4096)
def is_library(module: str) -> bool:
    return module.partition(".")[0] in LIBRARIES


def is_users_line(between: tuple[str, ...]) -> bool:
    """Return True if the nearest frame that is not of modules that begin so is the user's."""
    frame: FrameType | None = sys._getframe(2)
    while frame is not None and frame.f_globals.get("__name__", "").startswith(between):
        frame = frame.f_back
    return frame is not None and not is_library(frame.f_globals.get("__name__", ""))


def look_back() -> tuple[str | None, int, tuple[str, int] | None]:
    """Return the variable that takes the result of the running call, its rank, and the user's line.

    Neither is looked for outside of the function that is traced.
    """
    frame: FrameType | None = sys._getframe(2)
    name, rank, looking = None, 0, True
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        if module == CAPTURE:  # beyond the function that is traced
            break
        if looking and not is_between(module):
            variable = following(frame.f_code).get(frame.f_lasti)
            if variable != "":
                looking, name = False, variable
                rank = LIBRARYS if is_library(module) else USERS
        if not is_library(module):
            name_locals(frame)
            return name, rank, (frame.f_code.co_filename, frame.f_lineno)
        frame = frame.f_back
    return name, rank, None


def in_a_step() -> bool:
    """Return True in the method `step` of one of the library's objects, as optimizers have it."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        if module == CAPTURE:
            return False
        if frame.f_code.co_name == "step" and "self" in frame.f_locals and is_library(module):
            return True
        frame = frame.f_back
    return False


class Seen(threading.local):
    """The last instruction of a user's frame whose variables were looked at, for each thread."""

    frame: tuple[int, int] | None = None


SEEN = Seen()


def name_locals(frame: FrameType) -> None:
    """Name values after the user's variables that hold them, as results of the library's calls."""
    here = id(frame), frame.f_lasti
    if here == SEEN.frame or frame.f_code.co_name == "<module>":
        return
    SEEN.frame = here
    for name, x in frame.f_locals.items():
        array = x._value if isinstance(x, TensorBase) else x
        if type(array) in STAND_INS:  # no other object is asked, because a user's class may answer
            hint(array.variable, name, USERS)


def parameters_of(function: Any, args: Any) -> dict[Any, str]:
    """Map the arguments of a call by position to the names of their parameters."""
    code = getattr(function, "__code__", None)
    names = code.co_varnames[: code.co_argcount] if code else ()
    pairs = zip(names, args, strict=False)
    return {x.variable: name.lstrip("_") for name, x in pairs if type(x) in STAND_INS}


def with_line(message: str, place: tuple[str, int] | None) -> str:
    """Return a message, and under it a line of the user's code."""
    if place is None:
        return message
    text = linecache.getline(*place).strip()
    return f'{message}\n  File "{place[0]}", line {place[1]}\n    {text}'
