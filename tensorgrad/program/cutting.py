"""Copied functions, cut to what the calls of one program need."""

import ast
from typing import Any

import numpy as np

from tensorgrad.program.effects import Effects
from tensorgrad.program.facts import (
    Arr,
    BoundMethod,
    Copied,
    Known,
    is_whole,
    item_facts,
    sequence_kind,
)
from tensorgrad.program.flow import Flow
from tensorgrad.program.index_facts import is_slice
from tensorgrad.program.literals import short_literal

FEW_ITEMS = 6  # items behind a star that are written out
ENDS = (ast.Return, ast.Raise, ast.Break, ast.Continue)


class Cut(ast.NodeTransformer):
    """Writes what is known into a function, and leaves out what is never reached."""

    def __init__(self, flow: Flow, effects: Effects, local: set[str]) -> None:
        self.flow, self.effects, self.local = flow, effects, local

    def visit(self, node: ast.AST) -> Any:
        """Write an expression whose value is known as this value."""
        if isinstance(node, ast.expr):
            found = self.known(node)
            if found is not None:
                return found
        return super().visit(node)

    def known(self, node: ast.expr) -> ast.expr | None:
        """Return a short_literal for an expression, or None."""
        fact = self.flow.facts.get(node)
        if isinstance(node, ast.Constant) or not is_read(node) or self.stays(node, fact):
            return None
        if type(fact) is Copied and isinstance(node, ast.Name) and node.id in self.local:
            return ast.Name(fact.name, ast.Load()) if fact.name not in self.local else None
        if type(fact) is not Known or not self.effects.is_quiet_expression(node):
            return None
        most = len(ast.unparse(node)) if isinstance(fact.value, tuple) else 0
        return short_literal(fact.value, self.flow, most)

    def stays(self, node: ast.expr, fact: Any) -> bool:
        """Return True for names that say more than their value: np.float32, math.pi and x.dtype."""
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            name = node.value.id
            outside = name in self.flow.names and name not in self.local
            return outside or (node.attr == "dtype" and type(fact) is Known)
        if isinstance(node, ast.Name):
            return node.id not in self.local
        return isinstance(node, (ast.Slice, ast.Starred, ast.JoinedStr, ast.Lambda))

    def answer(self, node: ast.expr) -> bool | None:
        """Return the truth that a test has in every call, if it may be left out."""
        answers = self.flow.tests.get(node, {None})
        if len(answers) != 1 or not self.effects.is_quiet_expression(node):
            return None
        return next(iter(answers))

    # Expressions

    def visit_IfExp(self, node: ast.IfExp) -> Any:
        answer = self.answer(node.test)
        if answer is not None:
            return self.visit(node.body if answer else node.orelse)
        self.generic_visit(node)
        node.test = without_idle_end(node.test)
        return node

    def visit_BoolOp(self, node: ast.BoolOp) -> Any:
        """Leave out what does not decide, and what is never asked for."""
        ends, values = isinstance(node.op, ast.Or), []
        for i, part in enumerate(node.values):
            answer = self.answer(part)
            last = i == len(node.values) - 1
            if answer is (not ends) and not last:
                continue
            if part in self.flow.facts:
                values.append(self.visit(part))
            if answer is ends:
                break
        if len(values) == 1:
            return values[0]
        node.values = values
        return node

    def visit_Starred(self, node: ast.Starred) -> Any:
        items = item_facts(self.flow.facts.get(node.value))
        if (
            items is not None
            and len(items) <= FEW_ITEMS
            and self.effects.is_quiet_expression(node.value)
        ):
            parts = [short_literal(x.value, self.flow) if type(x) is Known else None for x in items]
            if None not in parts:
                return parts
        self.generic_visit(node)
        if isinstance(node.value, ast.GeneratorExp) and is_copy(node.value):
            node.value = node.value.generators[0].iter
        return list(node.value.elts) if isinstance(node.value, ast.Tuple) else node

    def visit_Tuple(self, node: ast.Tuple) -> Any:
        """Write `(*x,)` as x, where it is a tuple."""
        self.generic_visit(node)
        first = node.elts[0] if len(node.elts) == 1 and is_read(node) else None
        behind_star = isinstance(first, ast.Starred) and self.kind(first.value) is tuple
        return first.value if behind_star else node  # type: ignore[union-attr]

    def kind(self, node: ast.expr) -> Any:
        return sequence_kind(self.flow.facts.get(node))

    def visit_Call(self, node: ast.Call) -> Any:
        """Leave out conversions of what has the kind and the dtype already."""
        function = self.flow.facts.get(node.func)
        fact = self.flow.facts.get(node.args[0]) if len(node.args) == 1 else None
        if type(function) is Known and function.value in (np.asarray, np.asanyarray):
            if not node.keywords and getattr(fact, "kind", None) == "array":
                return self.visit(node.args[0])
        elif is_idle_cast(node, function, fact):
            return self.visit(node.func.value)  # type: ignore[attr-defined]
        return self.generic_visit(node)

    def visit_Subscript(self, node: ast.Subscript) -> Any:
        """Write known slices as such, a whole axis as a colon, and no colons at the end."""
        array, index = self.flow.facts.get(node.value), node.slice
        parts = index.elts if isinstance(index, ast.Tuple) else [index]
        facts = [self.flow.facts.get(x) for x in parts]
        node.value = self.visit(node.value)
        if type(array) is not Arr:
            node.slice = self.visit(index)
            return node
        axes: Any = array.shape or ()
        shown: list[ast.expr] = []
        for i, (part, fact) in enumerate(zip(parts, facts, strict=True)):
            if isinstance(part, ast.Starred) or not (is_slice(fact) or is_whole(fact)):
                axes = ()  # from here on it is not known which axis a part is for
            new = self.sliced(part, fact, axes[i] if i < len(axes) else None)
            shown += new if isinstance(new, list) else [new]
        if isinstance(index, ast.Tuple):
            node.slice = without_colons(shown)
        else:
            node.slice = shown[0]
        return node

    def sliced(self, node: ast.expr, fact: Any, n: Any) -> Any:
        """Return one part of an index."""
        if type(fact) is not Known or not isinstance(fact.value, slice):
            return self.visit(node)
        x = fact.value
        whole = isinstance(n, int) and range(*x.indices(n)) == range(n)
        if whole or x == slice(None):
            return ast.Slice()
        parts = [x.start, x.stop, x.step]
        if isinstance(node, ast.Slice) or not all(p is None or type(p) is int for p in parts):
            return self.visit(node)
        return ast.Slice(*(None if p is None else short_literal(p, self.flow) for p in parts))

    def visit_Lambda(self, node: ast.Lambda) -> Any:
        return node

    def visit_comprehension(self, node: ast.comprehension) -> Any:
        node.ifs = [x for x in node.ifs if self.answer(x) is not True]
        return self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> Any:
        """Leave out + 0, * 1 and // 1 of integers."""
        facts = [self.flow.facts.get(x) for x in (node.left, node.right)]
        self.generic_visit(node)
        if all(map(is_whole, facts)):
            left, right = (
                x.value if isinstance(x, ast.Constant) else None for x in (node.left, node.right)
            )
            if right == (0 if isinstance(node.op, (ast.Add, ast.Sub)) else 1) and not isinstance(
                node.op, ast.Mod
            ):
                return node.left
            if (isinstance(node.op, ast.Add) and left == 0) or (
                isinstance(node.op, ast.Mult) and left == 1
            ):
                return node.right
        return node

    def visit_FormattedValue(self, node: ast.FormattedValue) -> Any:
        self.generic_visit(node)
        plain = node.conversion == -1 and node.format_spec is None
        if (
            plain
            and isinstance(node.value, ast.Constant)
            and isinstance(node.value.value, (str, int))
        ):
            return ast.Constant(str(node.value.value))
        return node

    # Statements

    def body(self, nodes: list[ast.stmt]) -> list[ast.stmt]:
        """Return statements that are reached, with what is known of them."""
        found: list[ast.stmt] = []
        for node in nodes:
            if node in self.flow.reached:
                new = self.visit(node)
                found += new if isinstance(new, list) else [new]
            if found and isinstance(found[-1], ENDS):
                break
        return found

    def generic_visit(self, node: ast.AST) -> Any:
        for field in ("body", "orelse", "finalbody"):
            nodes = getattr(node, field, None)
            if isinstance(nodes, list) and isinstance(node, ast.stmt):
                setattr(node, field, self.body(nodes))
        for field, value in ast.iter_fields(node):
            if isinstance(value, list) and not (
                isinstance(node, ast.stmt) and field in ("body", "orelse", "finalbody")
            ):
                setattr(node, field, self.items(value))
            elif isinstance(value, ast.AST):
                setattr(node, field, self.visit(value))
        return node

    def items(self, nodes: list[Any]) -> list[Any]:
        found: list[Any] = []
        for x in nodes:
            new = self.visit(x) if isinstance(x, ast.AST) else x
            found += new if isinstance(new, list) else [new]
        return found

    def visit_If(self, node: ast.If) -> Any:
        answer = self.answer(node.test)
        if answer is not None:
            return self.body(node.body if answer else node.orelse)
        self.generic_visit(node)
        node.test = without_idle_end(node.test)
        if not node.body and node.orelse:
            node.test, node.body, node.orelse = negation(node.test), node.orelse, []
        return node

    def visit_While(self, node: ast.While) -> Any:
        if self.answer(node.test) is False:
            return self.body(node.orelse)
        return self.generic_visit(node)

    def visit_Assert(self, node: ast.Assert) -> Any:
        return [] if self.answer(node.test) is True else self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> Any:
        return node  # inside another, which nobody follows


def without_colons(parts: list[ast.expr]) -> ast.expr:
    """Return an index without the colons at its end."""
    plain = not any(isinstance(x, (ast.Starred, ast.Constant)) and not is_int(x) for x in parts)
    while plain and len(parts) > 1 and isinstance(parts[-1], ast.Slice) and is_colon(parts[-1]):
        parts = parts[:-1]
    return (
        parts[0]
        if len(parts) == 1 and not isinstance(parts[0], ast.Starred)
        else ast.Tuple(parts, ast.Load())
    )


def is_idle_cast(node: ast.Call, function: Any, fact: Any) -> bool:
    """Return True for `x.astype(dtype, copy=False)` of an array that has the dtype."""
    if type(function) is not BoundMethod or function.name != "astype" or type(fact) is not Known:
        return False
    kept = [(k.arg, getattr(k.value, "value", None)) for k in node.keywords]
    owner = function.owner
    plain = kept == [("copy", False)] and getattr(owner, "kind", None) == "array"
    return plain and owner.dtype == fact.value


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


def is_copy(node: ast.GeneratorExp) -> bool:
    """Return True for `x for x in xs`."""
    first = node.generators[0]
    same = isinstance(node.elt, ast.Name) and isinstance(first.target, ast.Name)
    return same and len(node.generators) == 1 and not first.ifs and node.elt.id == first.target.id  # type: ignore[attr-defined]
