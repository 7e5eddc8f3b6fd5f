"""The names that users give to results: the variable that the calling line assigns to."""

import dis
import functools
import sys
from types import CodeType, FrameType
from typing import Any

# Frames between the user's line and the recorder.
BETWEEN = (
    "tensorgrad.program", "tensorgrad.engine", "tensorgrad.tensor", "tensorgrad.rules",
    "tensorgrad.transforms", "numpy", "contextlib", "functools",
)  # fmt: skip
LIBRARIES = ("tensorgrad", "nn", "numpy", "scipy", "contextlib", "functools")
CAPTURE = "tensorgrad.program.capture"
STORES = {"STORE_FAST", "STORE_NAME", "STORE_GLOBAL", "STORE_DEREF"}
RETURNS = {"RETURN_VALUE"}


@functools.lru_cache(maxsize=1024)
def following(code: CodeType) -> dict[int, str]:
    """Map each instruction to the variable that its result is assigned to; "" for a return."""
    found: dict[int, str] = {}
    before = 0
    for instruction in dis.get_instructions(code):
        name, variable = instruction.opname, None
        if name.startswith("STORE_FAST_"):  # two instructions in one, of Python 3.13
            variable = instruction.argval[0]
        elif name in STORES:
            variable = instruction.argval
        elif name in RETURNS:
            variable = ""
        if variable is not None:  # the caches behind an instruction count as it
            found |= dict.fromkeys(range(before, instruction.offset, 2), variable)
        before = instruction.offset
    return found


@functools.lru_cache(maxsize=4096)
def is_between(module: str) -> bool:
    return module.startswith(BETWEEN)


@functools.lru_cache(maxsize=4096)
def is_library(module: str) -> bool:
    return module.partition(".")[0] in LIBRARIES


def look_back() -> tuple[str | None, int, tuple[str, int] | None]:
    """Return the variable that takes the result of the running call, its rank, and the user's line.

    Neither is looked for outside of the function that is traced. The rank is 3 for a variable of
    the user's code, 1 for one of the library's.
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
                rank = 1 if is_library(module) else 3
        if not is_library(module):
            return name, rank, (frame.f_code.co_filename, frame.f_lineno)
        frame = frame.f_back
    return name, rank, None


def parameters_of(function: Any, args: Any) -> dict[Any, str]:
    """Map the arguments of a call by position to the names of their parameters."""
    code = getattr(function, "__code__", None)
    names = code.co_varnames[: code.co_argcount] if code else ()
    pairs = zip(names, args, strict=False)
    return {x.variable: name.lstrip("_") for name, x in pairs if hasattr(x, "variable")}
