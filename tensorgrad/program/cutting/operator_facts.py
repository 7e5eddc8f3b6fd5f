"""Facts about the results of operators."""

import operator
from collections.abc import Callable
from typing import Any

from tensorgrad.program.cutting import array_facts, combined_facts, size_facts
from tensorgrad.program.cutting.builtin_facts import LONGEST, pure_call
from tensorgrad.program.cutting.facts import (
    ANY,
    MOST_ITEMS,
    Arr,
    BoundMethod,
    Copied,
    Integer,
    Iter,
    Known,
    OfType,
    Seq,
    is_whole,
    item_facts,
    made,
    sequence_kind,
    truth,
)
from tensorgrad.program.cutting.joins import equal_values

PLAIN_OPERATORS: dict[str, Callable[..., Any]] = {
    "Add": operator.add, "Sub": operator.sub, "Mult": operator.mul, "Div": operator.truediv,
    "FloorDiv": operator.floordiv, "Mod": operator.mod, "Pow": operator.pow,
    "MatMult": operator.matmul, "BitAnd": operator.and_, "BitOr": operator.or_,
    "BitXor": operator.xor, "LShift": operator.lshift, "RShift": operator.rshift,
    "USub": operator.neg, "UAdd": operator.pos, "Invert": operator.invert,
    "Eq": operator.eq, "NotEq": operator.ne, "Lt": operator.lt, "LtE": operator.le,
    "Gt": operator.gt, "GtE": operator.ge,
}  # fmt: skip


OF_INTEGERS = {"Add": "+", "Sub": "-", "Mult": "*", "FloorDiv": "//", "Mod": "%"}


def of_binary(name: str, a: Any, b: Any) -> Any:
    """Return the fact about an arithmetic operation."""
    function = PLAIN_OPERATORS[name]
    if type(a) is Known and type(b) is Known:
        repeats = name == "Mult" and any(isinstance(x.value, (str, tuple)) for x in (a, b))
        too_large = repeats and any(type(x.value) is int and x.value > MOST_ITEMS for x in (a, b))
        power = name in ("Pow", "LShift") and type(b.value) is int and abs(b.value) > LONGEST
        return ANY if too_large or power else pure_call(function, (a, b), {})
    if is_whole(a) and is_whole(b):
        return size_facts.whole(OF_INTEGERS[name], a, b) if name in OF_INTEGERS else ANY
    if sequence_kind(a) is not None or sequence_kind(b) is not None:
        return of_sequences(name, a, b)
    if Arr in (type(a), type(b)):
        if name == "MatMult":
            return combined_facts.matrix_product((a, b), {})
        return array_facts.elementwise(function, (a, b))
    return ANY


def of_sequences(name: str, a: Any, b: Any) -> Any:
    """Return the fact about a sum of sequences, or a repeated one."""
    first, second = item_facts(a), item_facts(b)
    if (
        name == "Add"
        and sequence_kind(a) is sequence_kind(b)
        and first is not None
        and second is not None
    ):
        sites = getattr(a, "site", None) or getattr(b, "site", None)
        return made(first + second, sequence_kind(a), sites)
    times = name == "Mult" and type(b) is Known and type(b.value) is int and b.value <= MOST_ITEMS
    if times and first is not None and sequence_kind(a) in (tuple, list):
        return made(first * b.value, sequence_kind(a), getattr(a, "site", None))
    return ANY


def of_unary(name: str, x: Any) -> Any:
    """Return the fact about -x, +x, ~x or not x."""
    if name == "Not":
        answer = truth(x)
        return ANY if answer is None else Known(not answer)
    if type(x) is Known:
        return pure_call(PLAIN_OPERATORS[name], (x,), {})
    if type(x) is Arr:
        return array_facts.elementwise(PLAIN_OPERATORS[name], (x,))
    return Integer() if type(x) is Integer else ANY


def compare(name: str, a: Any, b: Any) -> Any:
    """Return the fact about one comparison."""
    if name in ("Is", "IsNot"):
        return is_identical(a, b, name == "Is")
    if name in ("In", "NotIn"):
        return is_in(a, b, name == "In")
    if type(a) is Known and type(b) is Known:
        return pure_call(PLAIN_OPERATORS[name], (a, b), {})
    if name in ("Eq", "NotEq"):
        answer = equal_values(a, b)
        if answer is not None:
            return Known(answer is (name == "Eq"))
    if is_whole(a) and is_whole(b):
        return ordered(name, a, b)
    if Arr in (type(a), type(b)):
        return array_facts.elementwise(PLAIN_OPERATORS[name], (a, b))
    return ANY


def ordered(name: str, a: Any, b: Any) -> Any:
    """Return the fact about a comparison of integers, of which the least is known of one."""
    if name in ("Gt", "GtE"):
        a, b, name = b, a, {"Gt": "Lt", "GtE": "LtE"}[name]
    if type(a) is Integer and type(b) is Integer and a.key is not None and a.key == b.key:
        return Known(name == "LtE") if name in ("Lt", "LtE") else ANY
    if name not in ("Lt", "LtE"):
        return ANY
    less = PLAIN_OPERATORS[name]
    if type(a) is Known and type(b) is Integer and b.low is not None and less(a.value, b.low):
        return Known(True)
    if type(b) is Known and type(a) is Integer and a.low is not None and not less(a.low, b.value):
        return Known(False)
    return ANY


def is_identical(a: Any, b: Any, wanted: bool) -> Any:
    if type(a) is Known and type(b) is Known and isinstance(a.value, (type(None), bool, type)):
        return Known((a.value is b.value) is wanted)
    nothing = [x for x in (a, b) if type(x) is Known and x.value is None]
    other = b if nothing and a is nothing[0] else a
    if nothing and type(other) in (Known, Arr, Seq, Integer, Copied, BoundMethod, Iter, OfType):
        both = type(other) is Known and other.value is None
        return Known(both is wanted)
    return ANY


def is_in(a: Any, b: Any, wanted: bool) -> Any:
    items = item_facts(b)
    if items is None or (type(b) is Known and isinstance(b.value, str) and type(a) is not Known):
        return ANY
    if type(b) is Known and isinstance(b.value, str):
        found = pure_call(operator.contains, (b, a), {})
        return Known(found.value is wanted) if type(found) is Known else ANY
    same = [equal_values(a, item) for item in items]
    if True in same:
        return Known(wanted)
    return ANY if None in same else Known(not wanted)
