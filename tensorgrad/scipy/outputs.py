"""Rules of ufuncs with several outputs: each output is a call of its own."""

from typing import Any

import numpy as np

from tensorgrad.rules import Function, composite, primitive, rule


def each_output(ufunc: np.ufunc, *slopes: tuple[Function | None, ...]) -> None:
    """Declare the derivative of each output by each argument (None: no gradient there)."""
    parts = [_part(ufunc, i, by) for i, by in enumerate(slopes)]
    composite(ufunc, lambda *args: tuple(part(*args) for part in parts))


def _part(ufunc: np.ufunc, i: int, slopes: tuple[Function | None, ...]) -> Function:
    """Return the function that computes output i, with its rules."""

    def compute(*args: Any) -> Any:
        return ufunc(*args)[i]

    compute.__name__ = f"{ufunc.__name__}_{i}"
    function = primitive(compute)
    rule(function, *(slope and _times(slope, len(slopes)) for slope in slopes))
    return function


def _times(slope: Function, n: int) -> Function:
    """Return the rule of a derivative, which is a function of one argument or of two."""
    if n == 1:
        return lambda g, _out, x: g * slope(x)
    return lambda g, _out, a, x: g * slope(a, x)
