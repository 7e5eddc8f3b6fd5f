"""Copied functions, cut to what the calls of one program need."""

import ast
from typing import Any

import numpy as np

from tensorgrad.program.cutting.facts import (
    Copied,
    Integer,
    Known,
    is_whole,
    item_facts,
    low_of,
    sequence_kind,
)
from tensorgrad.program.cutting.indexing import CutIndexes
from tensorgrad.program.cutting.literals import has_slices, short_literal
from tensorgrad.program.cutting.syntax import (
    is_copy,
    is_idle_cast,
    is_read,
    negation,
    without_idle_end,
)

FEW_OF_LIST, LONGEST_ITEM = 4, 80  # items of a list that is written out, and their characters
ENDS = (ast.Return, ast.Raise, ast.Break, ast.Continue)


class Cut(CutIndexes):
    """Writes what is known into a function, and leaves out what is never reached."""

    def visit(self, node: ast.AST) -> Any:
        """Write an expression whose value is known as this value."""
        if isinstance(node, ast.expr):
            found = self.known(node)
            if found is not None:
                return found
        return super().visit(node)

    def known(self, node: ast.expr) -> ast.expr | None:
        """Return a short literal for an expression, or None."""
        fact = self.flow.facts.get(node)
        if isinstance(node, ast.Constant) or not is_read(node) or self.stays(node, fact):
            return None
        if type(fact) is Copied and isinstance(node, ast.Name) and node.id in self.local:
            return ast.Name(fact.name, ast.Load()) if fact.name not in self.local else None
        if type(fact) is not Known or not self.effects.is_quiet_expression(node):
            return None
        plain = isinstance(fact.value, tuple) and not has_slices(fact.value)
        most = len(ast.unparse(node)) if plain else 0
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
        quiet = self.effects.is_quiet_expression(node.test)
        self.generic_visit(node)
        node.test = without_idle_end(node.test)
        same = quiet and ast.dump(node.body) == ast.dump(node.orelse)
        return node.body if same else node

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
        if type(function) is Known and function.value is list and len(node.args) == 1:
            found = self.short_list(node.args[0])
            return self.generic_visit(node) if found is None else found
        fact = self.flow.facts.get(node.args[0]) if len(node.args) == 1 else None
        if type(function) is Known and function.value in (np.asarray, np.asanyarray):
            if not node.keywords and getattr(fact, "kind", None) == "array":
                return self.visit(node.args[0])
        elif is_idle_cast(node, function, fact):
            return self.visit(node.func.value)  # type: ignore[attr-defined]
        elif type(function) is Known and function.value is max and len(node.args) == 2:
            facts = [self.flow.facts.get(x) for x in node.args]
            low = low_of(facts[0]) if type(facts[0]) is Integer else None
            if type(facts[1]) is Known and low is not None and facts[1].value <= low:
                return self.visit(node.args[0])  # max(n, 1), where n is at least 1
        return self.generic_visit(node)

    def visit_Lambda(self, node: ast.Lambda) -> Any:
        return node

    def short_list(self, node: ast.expr) -> ast.List | None:
        """Return a list of the few items that something has, if they are known."""
        items = item_facts(self.flow.facts.get(node)) or ()
        known = all(type(x) is Known for x in items) and self.effects.is_quiet_expression(node)
        if not known or not 0 < len(items) <= FEW_OF_LIST:
            return None
        parts = [short_literal(x.value, self.flow, LONGEST_ITEM) for x in items]
        return None if None in parts else ast.List(parts, ast.Load())  # type: ignore[arg-type]

    def visit_ListComp(self, node: ast.ListComp) -> Any:
        """Write `[x for x in (a, *b)]` as `[a, *b]`, and few known items as they are."""
        found = self.short_list(node)
        if found is not None:
            return found
        self.generic_visit(node)
        items = node.generators[0].iter
        return (
            ast.List(items.elts, ast.Load())
            if is_copy(node) and isinstance(items, ast.Tuple)
            else node
        )

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
            sums, products = (ast.Add, ast.Sub), (ast.Mult, ast.FloorDiv, ast.Pow)
            if right == (0 if isinstance(node.op, sums) else 1) and isinstance(
                node.op, (*sums, *products)
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

    def visit_JoinedStr(self, node: ast.JoinedStr) -> Any:
        self.generic_visit(node)
        if all(isinstance(part, ast.Constant) for part in node.values):
            return ast.Constant("".join(part.value for part in node.values))  # type: ignore[attr-defined]
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
