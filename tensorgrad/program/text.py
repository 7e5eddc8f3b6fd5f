"""Expressions as text, with the precedence that says where parentheses are needed."""

import builtins
import functools
import itertools
import json
import math
import re
import sys
from collections.abc import Callable, Mapping
from string import Formatter
from typing import Any, NamedTuple

import numpy as np

from tensorgrad.program.sizes import ArgumentSize, SizedArray, Whole, is_repeated

SPECIAL = "scipy.special"  # whose ufuncs a program imports
WIDTH = 100  # of the text's lines
ATOM, POWER, SIGN, COMPARISON, LOOSE = 14, 12, 11, 4, 0
PRECEDENCE = {
    "|": 5, "^": 6, "&": 7, "<<": 8, ">>": 8, "+": 9, "-": 9, "*": 10, "/": 10, "//": 10, "%": 10,
    "@": 10, "**": POWER, "<": COMPARISON, "<=": COMPARISON, ">": COMPARISON, ">=": COMPARISON,
    "==": COMPARISON, "!=": COMPARISON,
}  # fmt: skip

SIMPLE = re.compile(r"-?[\w.]+")
NUMERIC, TEMPORAL = "biufc", "mM"  # the kinds of dtypes


def string(x: str) -> str:
    """Return a string in double quotes, as formatters write it."""
    return json.dumps(x, ensure_ascii=False)


def quoted(key: Any) -> str:
    """Return the key of a dict."""
    return string(key) if isinstance(key, str) else repr(key)


def broken(function: str, parts: list[str], before: int) -> str:
    """Return `function(parts)`, over several lines if it is too long behind `before` characters."""
    whole = f"{function}({', '.join(parts)})"
    if "\n" not in whole and before + len(whole) <= WIDTH:
        return whole
    inner = "\n".join("    " + line for line in ", ".join(parts).split("\n"))
    return f"{function}(\n{inner}\n)"


def f_string(message: str, parts: list[str], objects: Mapping[int, Any]) -> str:
    """Return a message with expressions in place of its fields, or objects in place of some."""
    message, parts = with_objects(message, parts, objects)
    if not parts:
        return string(message.format())
    if any('"' in part or "\\" in part for part in parts):
        return broken(f"{string(message)}.format", parts, 30)
    given, found = iter(parts), ""
    for literal, field, spec, conversion in Formatter().parse(message):
        found += escaped(string(literal)[1:-1])
        if field is not None:
            part = next(given) + (f"!{conversion}" if conversion else "")
            part += f":{spec}" if spec else ""
            found += part if part.isdigit() else f"{{{part}}}"
    return f'f"{found}"'


def with_objects(
    message: str, parts: list[str], objects: Mapping[int, Any]
) -> tuple[str, list[str]]:
    """Return a message in which objects are written out, and the expressions of other fields."""
    fields, found = itertools.count(), ""
    for literal, field, spec, conversion in Formatter().parse(message):
        found += escaped(literal)
        if field is not None:
            shape = f"!{conversion}" * bool(conversion) + f":{spec}" * bool(spec)
            i = next(fields)
            said = f"{{{shape}}}"
            found += escaped(said.format(objects[i])) if i in objects else said
    return found, [part for i, part in enumerate(parts) if i not in objects]


def escaped(said: str) -> str:
    """Return a text whose braces stand for themselves in a message."""
    return said.replace("{", "{{").replace("}", "}}")


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


def listed(parts: list[str]) -> str:
    """Return the parts of a tuple, with parentheses where formatters write them: around one."""
    return f"({parts[0]},)" if len(parts) == 1 else ", ".join(parts)


def sequence(items: list[Expr], brackets: str) -> Expr:
    """Return a tuple or list."""
    inner = ", ".join(x.text for x in items) + "," * (brackets == "()" and len(items) == 1)
    return Expr(brackets[0] + inner + brackets[1], ATOM, sum(x.operations for x in items))


def number(x: Any) -> Expr:
    """Return Python's number."""
    if isinstance(x, complex):
        parts = x.real, x.imag
        if all(math.isfinite(p) and (p or math.copysign(1, p) > 0) for p in parts):
            return Expr(complex.__repr__(x))  # whose sum has no place for the sign of a zero
        return Expr(f"complex({', '.join(number(p).text for p in parts)})")
    if isinstance(x, float) and not math.isfinite(x):
        return Expr("np.nan") if x != x else Expr("np.inf") if x > 0 else Expr("-np.inf", SIGN)
    # Because a subclass may show something else, such as an IntEnum its name.
    kind = bool if type(x) is bool else int if isinstance(x, int) else float
    text = kind.__repr__(x)
    return Expr(text, SIGN if text.startswith("-") else ATOM)


def typed_number(x: np.generic) -> Expr:
    """Return NumPy's number, with its type."""
    if x.dtype.kind in TEMPORAL:
        unit = x.dtype.str.partition("[")[2][:-1]
        value = str(x) if x.dtype.kind == "M" or np.isnat(x) else int(x.astype(np.int64))
        parts = [quoted(value), *([string(unit)] if unit else [])]
        return Expr(f"np.{type(x).__name__}({', '.join(parts)})")
    name = "np.bool_" if isinstance(x, np.bool_) else dtype(x.dtype)
    return Expr(f"{name}({number(shortest_number(x)).text})")


def shortest_number(x: np.generic) -> Any:
    """Return Python's number that becomes this one of NumPy, with the fewest digits."""
    if x.dtype in (np.float16, np.float32):
        short = float(str(x))
        if x.dtype.type(short) == x:
            return short
    return x.item()


def dtype(x: np.dtype[Any]) -> str:
    """Return a dtype."""
    name = x.type.__name__
    if x == np.bool_:
        return "bool"
    complete = getattr(np, name, None) is x.type and x.isnative and x.kind in NUMERIC
    return f"np.{name}" if complete else f"np.dtype({string(x.str)})"


def has_negative_zero(x: Any) -> bool:
    """Return True if a part of a number, or of those in an array, is -0.0."""
    parts = (x.real, x.imag) if x.dtype.kind == "c" else (x,) if x.dtype.kind == "f" else ()
    return any(bool(((part == 0) & np.signbit(part)).any()) for part in parts)


def regular_array(x: np.ndarray) -> Expr | None:
    """Return an expression for a regular or a small array that lies in memory alike, or None."""
    if x.flags.f_contiguous and not x.flags.c_contiguous:
        of_transposed = regular_array(x.T)
        return None if of_transposed is None else Expr(f"{of_transposed.text}.T")
    if x.ndim == 1 and x.size and x.dtype == np.intp and np.array_equal(x, np.arange(x.size)):
        return Expr(f"np.arange({x.size})")
    shape = repr(x.shape[0] if x.ndim == 1 else x.shape)
    if x.size > 1 and not any(x.strides):  # a number that products read as no BLAS does
        return call("np.broadcast_to", [typed_number(x.flat[0]), Expr(shape)], {})
    if not x.flags.c_contiguous:
        return None
    if x.size and not x.any() and not has_negative_zero(x):
        return Expr(f"np.zeros({shape}, {dtype(x.dtype)})")
    if x.size and (x == 1).all() and not has_negative_zero(x):
        return Expr(f"np.ones({shape}, {dtype(x.dtype)})")
    if x.ndim == 2 and x.shape[0] == x.shape[1] and np.array_equal(x, np.eye(len(x))):
        return eye_text([number(len(x))], x.dtype)
    if x.dtype.kind not in NUMERIC or 0 in x.shape:
        return None
    if x.size > 6:
        return full_text(Expr(shape), x.flat[0]) if is_repeated(x) else None
    items = nested(x.tolist())
    typed = "" if x.dtype in (np.float64, np.intp, np.bool_) else f", {dtype(x.dtype)}"
    return Expr(f"np.array({items}{typed})")


def eye_text(lengths: list[Expr], kind: np.dtype[Any]) -> Expr:
    """Return an identity matrix."""
    return call("np.eye", lengths, {} if kind == np.float64 else {"dtype": Expr(dtype(kind))})


def full_text(shape: Expr, fill: np.generic) -> Expr:
    """Return an array that repeats a number."""
    plain = fill.dtype in (np.float64, np.intp, np.bool_)
    return call("np.full", [shape, number(fill.item()) if plain else typed_number(fill)], {})


def size_text(x: ArgumentSize, length: Callable[[int], Expr]) -> Expr:
    """Return a number that follows the lengths of arguments, as 1 / len(x)."""
    count = whole_text(x.whole, length)
    if x.form == "ratio":
        return binary("/", number(x.number), count)
    if x.form == "multiple":
        return binary("*", number(x.number), count)
    if x.form == "unbiased":
        less = binary("-", count, number(1))
        return binary("/", binary("*", number(x.number), count), less)
    return call("np.sqrt", [count], {}) if x.form == "root" else count


def whole_text(x: Whole, length: Callable[[int], Expr]) -> Expr:
    """Return an integer that follows the lengths of arguments, as 2 * len(x) - 1."""
    found = functools.reduce(lambda a, b: binary("*", a, b), map(length, x.lengths))
    if x.times != 1:
        found = unary("-", found) if x.times == -1 else binary("*", number(x.times), found)
    if x.plus:
        found = binary("+-"[x.plus < 0], found, number(abs(x.plus)))
    return found._replace(operations=0)


def array_text(x: SizedArray, inner: Callable[[Any], Expr]) -> Expr:
    """Return an array that follows the lengths of arguments, as np.arange(len(x))."""
    kind = dtype(x.like.dtype)
    if x.kind == "eye":
        return eye_text([inner(n) for n in dict.fromkeys(x.shape)], x.like.dtype)
    if x.kind == "rows":
        (axis,) = (i for i, n in enumerate(x.shape) if type(n) is ArgumentSize)
        return call("np.repeat", [inner(x.fill), inner(x.shape[axis])], {"axis": number(axis)})
    if x.kind == "arange":
        start, stop, step = x.fill
        ends = [stop] if start == 0 and step == 1 else [start, stop, step][: 2 + (step != 1)]
        typed = {} if x.like.dtype == np.intp else {"dtype": Expr(kind)}
        found = call("np.arange", [inner(n) for n in ends], typed)
        return found if len(x.shape) == 1 else Expr(f"{found.text}.reshape({inner(x.shape).text})")
    shape = inner(x.shape[0] if len(x.shape) == 1 else x.shape)
    plain = isinstance(x.fill, np.generic)
    if plain and x.fill == 0 and not has_negative_zero(x.fill):
        return call("np.zeros", [shape, Expr(kind)], {})
    if plain and x.fill == 1 and not has_negative_zero(x.fill):
        return call("np.ones", [shape, Expr(kind)], {})
    return call("np.full", [shape, inner(x.fill)], {})


def nested(x: Any) -> str:
    """Return nested lists of numbers."""
    return f"[{', '.join(map(nested, x))}]" if isinstance(x, list) else number(x).text


def defined_array(x: np.ndarray) -> str:
    """Return the call of np.array that makes an array, over several lines."""
    if x.flags.f_contiguous and not x.flags.c_contiguous:
        return f"{defined_array(x.T)}.T"
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
    """Return the name by which NumPy, Python or SciPy knows a function, or None."""
    name = getattr(function, "__name__", "")
    if getattr(builtins, name, None) is function:
        return str(name)
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
    if isinstance(function, np.ufunc) and getattr(sys.modules.get(SPECIAL), name, None) is function:
        return f"{SPECIAL}.{name}"
    return None
