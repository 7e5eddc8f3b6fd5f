"""Known values as expressions."""

import ast
import math
from typing import Any

import numpy as np

from tensorgrad.program.cutting.flow import Flow

LONGEST_TEXT, LONGEST_TUPLE, LONGEST_RECORD = 24, 32, 64  # of what is written out


def has_slices(x: Any) -> bool:
    """Return True for a tuple with slices in it."""
    return isinstance(x, tuple) and any(isinstance(y, slice) or has_slices(y) for y in x)


def short_literal(x: Any, flow: Flow, most: int = 0) -> ast.expr | None:
    """Return the expression of a known value; None if it is longer than `most`, or has none."""
    if isinstance(x, (tuple, str, int, float, type(None))) and not isinstance(x, np.generic):
        return written(x, flow, most)
    if isinstance(x, slice):
        ends = [x.start, x.stop, x.step]
        ends = ends[:3] if x.step is not None else ends[:2] if x.start is not None else ends[1:2]
        if all(end is None or type(end) is int for end in ends):
            return ast.parse(f"slice({', '.join(map(repr, ends))})", mode="eval").body
        return None
    if isinstance(x, np.dtype):
        x = x.type if x.isnative and x == np.dtype(x.type) else None
    if isinstance(x, type) and issubclass(x, np.generic):
        name = "bool" if x is np.bool_ else f"np.{x.__name__}"
        return ast.parse(name, mode="eval").body if hasattr(np, x.__name__) else None
    return None


def written(x: Any, flow: Flow, most: int = 0) -> ast.expr | None:
    """Return the expression of a number, a text, or a tuple of them; None if it is long."""
    if isinstance(x, tuple):
        parts: list[Any]
        kind = flow.classes.get(type(x))
        parts = [short_literal(item, flow, most) for item in x]
        if (
            None in parts
            or (slice in map(type, x) and not most)
            or (hasattr(x, "_fields") and kind is None)
        ):
            return None
        found: Any = ast.Tuple(parts, ast.Load())
        if kind is not None:
            found = ast.Call(ast.Name(kind, ast.Load()), parts, [])
        long = LONGEST_TUPLE if kind is None else LONGEST_RECORD
        return found if len(ast.unparse(found)) <= max(long, most) else None
    if isinstance(x, float) and not np.isfinite(x):
        return ast.parse(f"{'-' * (x < 0)}np.{'nan' if x != x else 'inf'}", mode="eval").body
    if not isinstance(x, tuple) and type(x) not in (int, float, bool, str, type(None)):
        return None  # such as an IntEnum
    if isinstance(x, str) and (len(x) > LONGEST_TEXT or not x.isprintable()):
        return None
    if isinstance(x, (int, float)) and not isinstance(x, bool) and math.copysign(1, x) < 0:
        return ast.UnaryOp(ast.USub(), ast.Constant(-x))
    return ast.Constant(x)


def is_literal(value: Any) -> bool:
    """Return True for numbers and texts, and for lists and tuples of them, such as coefficients."""
    if isinstance(value, (list, tuple)):
        return all(map(is_literal, value))
    return isinstance(value, (int, float, str, bool)) and not isinstance(value, np.generic)
