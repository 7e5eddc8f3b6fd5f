"""Small questions about syntax, and small changes of it."""

import ast
from collections.abc import Iterator
from typing import Any

from tensorgrad.program.cutting.facts import BoundMethod, Known


def walk_syntax(node: ast.AST) -> list[ast.AST]:
    """Return a piece of syntax with all its parts, as ast.walk does in three times as long."""
    found = [node]
    for part in found:
        for field in part._fields:
            value = getattr(part, field, None)
            if isinstance(value, list):
                found += [x for x in value if isinstance(x, ast.AST)]
            elif isinstance(value, ast.AST) and field != "ctx":
                found.append(value)
    return found


def without_colons(parts: list[ast.expr], alone: bool) -> ast.expr:
    """Return an index without the colons at its end; `alone` tells that its first part is none."""
    while len(parts) > 1 and isinstance(parts[-1], ast.Slice) and is_colon(parts[-1]):
        parts = parts[:-1]
    return parts[0] if len(parts) == 1 and alone else ast.Tuple(parts, ast.Load())


def is_idle_cast(node: ast.Call, function: Any, fact: Any) -> bool:
    """Return True for `x.astype(dtype, copy=False)` of an array that has the dtype."""
    if type(function) is not BoundMethod or function.name != "astype" or type(fact) is not Known:
        return False
    kept = [(k.arg, getattr(k.value, "value", None)) for k in node.keywords]
    owner = function.owner
    plain = kept == [("copy", False)] and getattr(owner, "kind", None) == "array"
    return plain and owner.dtype is not None and owner.dtype == fact.value


def is_int(x: ast.AST) -> bool:
    return isinstance(x, ast.Constant) and type(x.value) is int


def is_colon(x: ast.Slice) -> bool:
    return x.lower is None and x.upper is None and x.step is None


def without_idle_end(test: ast.expr) -> ast.expr:
    """Return a test without a last part that never decides."""
    if isinstance(test, ast.BoolOp):
        idle = isinstance(test.op, ast.And)
        while len(test.values) > 1 and getattr(test.values[-1], "value", None) is idle:
            test.values.pop()
        return test.values[0] if len(test.values) == 1 else test
    return test


def negation(test: ast.expr) -> ast.expr:
    """Return the negation of a test."""
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        return test.operand
    return ast.UnaryOp(ast.Not(), test)


def is_read(node: ast.expr) -> bool:
    return isinstance(getattr(node, "ctx", None) or ast.Load(), ast.Load)


def is_copy(node: ast.GeneratorExp | ast.ListComp) -> bool:
    """Return True for `x for x in xs`."""
    first = node.generators[0]
    same = isinstance(node.elt, ast.Name) and isinstance(first.target, ast.Name)
    return same and len(node.generators) == 1 and not first.ifs and node.elt.id == first.target.id  # type: ignore[attr-defined]


def is_unnamed(node: ast.expr) -> bool:
    """Return True for a tuple of names that nobody reads."""
    names = [getattr(x, "id", "") for x in node.elts] if isinstance(node, ast.Tuple) else []
    return len(names) > 1 and set(names) == {"_"}


def is_target(node: ast.expr) -> bool:
    """Return True for names, also in tuples and behind stars."""
    parts = (ast.Name, ast.Tuple, ast.Starred, ast.Store)
    return all(isinstance(x, parts) for x in ast.walk(node))


def is_same_name(a: ast.expr, b: ast.expr) -> bool:
    return isinstance(a, ast.Name) and isinstance(b, ast.Name) and a.id == b.id


def walk_in_order(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the parts of a piece of syntax in the order of its text."""
    for part in ast.iter_child_nodes(node):
        yield part
        yield from walk_in_order(part)


def as_list(x: Any) -> list[Any]:
    return x if isinstance(x, list) else [x]


def has_star(call: ast.Call) -> bool:
    """Return True if a call gives arguments behind stars."""
    return any(isinstance(x, ast.Starred) for x in call.args) or any(
        k.arg is None for k in call.keywords
    )
