"""Expressions as text, with the precedence that says where parentheses are needed."""

import json
import math
import re
from string import Formatter
from typing import Any, NamedTuple

import numpy as np

WIDTH = 100  # of the text's lines
ATOM, POWER, SIGN, COMPARISON, LOOSE = 14, 12, 11, 4, 0
PRECEDENCE = {
    "|": 5, "^": 6, "&": 7, "<<": 8, ">>": 8, "+": 9, "-": 9, "*": 10, "/": 10, "//": 10, "%": 10,
    "@": 10, "**": POWER, "<": COMPARISON, "<=": COMPARISON, ">": COMPARISON, ">=": COMPARISON,
    "==": COMPARISON, "!=": COMPARISON,
}  # fmt: skip


SIMPLE = re.compile(r"-?[\w.]+")


def string(x: str) -> str:
    """Return a string in double quotes, as formatters write it."""
    return json.dumps(x, ensure_ascii=False)


def broken(function: str, parts: list[str], before: int) -> str:
    """Return `function(parts)`, over several lines if it is too long behind `before` characters."""
    whole = f"{function}({', '.join(parts)})"
    if "\n" not in whole and before + len(whole) <= WIDTH:
        return whole
    inner = "\n".join("    " + line for line in ", ".join(parts).split("\n"))
    return f"{function}(\n{inner}\n)"


def f_string(message: str, parts: list[str]) -> str:
    """Return a message with expressions in place of its fields."""
    if any('"' in part or "\\" in part for part in parts):
        return broken(f"{string(message)}.format", parts, 30)
    given, found = iter(parts), ""
    for literal, field, spec, conversion in Formatter().parse(message):
        found += string(literal)[1:-1].replace("{", "{{").replace("}", "}}")
        if field is not None:
            part = next(given) + (f"!{conversion}" if conversion else "")
            part += f":{spec}" if spec else ""
            found += part if part.isdigit() else f"{{{part}}}"
    return f'f"{found}"'


class Expr(NamedTuple):
    """A text, how tightly it binds, and of how many operations it is made."""

    text: str
    precedence: int = ATOM
    operations: int = 0

    def inside(self, precedence: int) -> str:
        """Return the text, in parentheses if it binds less tightly than its place."""
        return self.text if self.precedence >= precedence else f"({self.text})"


def binary(symbol: str, a: Expr, b: Expr) -> Expr:
    """Return `a symbol b`."""
    level = PRECEDENCE[symbol]
    left, right = level + (symbol == "**" or level == COMPARISON), level + (symbol != "**")
    operations = 1 + a.operations + b.operations
    if symbol == "**" and SIMPLE.fullmatch(a.text) and SIMPLE.fullmatch(b.text):
        return Expr(f"{a.text}**{b.text}", level, operations)  # as formatters write it
    return Expr(f"{a.inside(left)} {symbol} {b.inside(right)}", level, operations)


def unary(symbol: str, x: Expr) -> Expr:
    """Return `symbol x`."""
    return Expr(symbol + x.inside(SIGN), SIGN, 1 + x.operations)


def call(function: str, args: list[Expr], kwargs: dict[str, Expr]) -> Expr:
    """Return `function(args)`."""
    parts = [x.text for x in args] + [f"{key}={x.text}" for key, x in kwargs.items()]
    operations = 1 + sum(x.operations for x in (*args, *kwargs.values()))
    return Expr(f"{function}({', '.join(parts)})", ATOM, operations)


def sequence(items: list[Expr], brackets: str) -> Expr:
    """Return a tuple or list."""
    inner = ", ".join(x.text for x in items)
    if brackets == "()" and len(items) == 1:
        inner += ","
    return Expr(brackets[0] + inner + brackets[1], ATOM, sum(x.operations for x in items))


def number(x: Any) -> Expr:
    """Return Python's number."""
    if isinstance(x, complex):
        return Expr(repr(x)) if np.isfinite(x) else Expr(f"complex({x.real!r}, {x.imag!r})")
    if isinstance(x, float) and not math.isfinite(x):
        return Expr("np.nan") if x != x else Expr("np.inf") if x > 0 else Expr("-np.inf", SIGN)
    text = repr(x)
    return Expr(text, SIGN if text.startswith("-") else ATOM)


def typed_number(x: np.generic) -> Expr:
    """Return NumPy's number, with its type."""
    if isinstance(x, np.bool_):
        return Expr(f"np.bool_({bool(x)})")
    return Expr(f"{dtype(x.dtype)}({number(x.item()).text})")


def dtype(x: np.dtype[Any]) -> str:
    """Return a dtype."""
    name = x.type.__name__
    return (
        f"np.{name}" if getattr(np, name, None) is x.type and x.isnative else f"np.dtype({x.str!r})"
    )


def regular_array(x: np.ndarray) -> Expr | None:
    """Return an expression for a regular or a small array, or None."""
    if x.ndim == 1 and x.size and x.dtype == np.intp and np.array_equal(x, np.arange(x.size)):
        return Expr(f"np.arange({x.size})")
    shape = repr(x.shape[0] if x.ndim == 1 else x.shape)
    if x.size and not x.any() and not (x.dtype.kind in "fc" and np.signbit(x.real).any()):
        return Expr(f"np.zeros({shape}, {dtype(x.dtype)})")
    if x.size and (x == 1).all():
        return Expr(f"np.ones({shape}, {dtype(x.dtype)})")
    if x.ndim == 2 and x.shape[0] == x.shape[1] and np.array_equal(x, np.eye(len(x))):
        return Expr(f"np.eye({len(x)}, dtype={dtype(x.dtype)})")
    if x.size > 6 or x.dtype.kind not in "biufc" or 0 in x.shape:
        return None
    items = nested(x.tolist())
    typed = "" if x.dtype in (np.float64, np.intp, np.bool_) else f", {dtype(x.dtype)}"
    return Expr(f"np.array({items}{typed})")


def nested(x: Any) -> str:
    """Return nested lists of numbers."""
    return f"[{', '.join(map(nested, x))}]" if isinstance(x, list) else number(x).text


def defined_array(x: np.ndarray) -> str:
    """Return the call of np.array that makes an array, over several lines."""
    kind = dtype(x.dtype)
    whole = f"np.array({nested(x.tolist())}, {kind})"
    if len(whole) <= WIDTH - 20:
        return whole
    return f"np.array(\n    {listing(x.tolist(), 4)},\n    {kind},\n)"


def listing(x: Any, indent: int) -> str:
    """Return nested lists of numbers, with a line for each item of a list that is too long."""
    whole = nested(x)
    if not isinstance(x, list) or indent + len(whole) < WIDTH:
        return whole
    margin = " " * (indent + 4)
    items = "".join(f"\n{margin}{listing(item, indent + 4)}," for item in x)
    return f"[{items}\n{' ' * indent}]"


def function_name(function: Any) -> str | None:
    """Return the name by which NumPy or Python knows a function, or None."""
    name = getattr(function, "__name__", "")
    if getattr(__builtins__, name, None) is function or function in (abs, divmod, round, pow):
        return name
    if isinstance(getattr(function, "__self__", None), np.ufunc):
        return f"np.{function.__self__.__name__}.{name}"
    if isinstance(function, type) and issubclass(function, np.generic):
        return f"np.{name}"
    module = (
        "numpy" if isinstance(function, np.ufunc) else getattr(function, "__module__", "") or ""
    )
    owner: Any = np
    for part in module.split(".")[1:]:
        owner = getattr(owner, part, None)
    if module.partition(".")[0] == "numpy" and getattr(owner, name, None) is function:
        return f"np{module[5:]}.{name}"
    return None
