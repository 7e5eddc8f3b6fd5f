"""The expressions of copied functions, evaluated with facts in place of values."""

import ast
from collections.abc import Iterator
from typing import Any

from tensorgrad.program.cutting import operator_facts
from tensorgrad.program.cutting.facts import ANY, Copied, Known, Seq, item_facts, made, truth
from tensorgrad.program.cutting.joins import equal, join, lost
from tensorgrad.program.cutting.syntax import walk_syntax

MOST_EVALUATED = 400_000  # expressions, in all
OF_ARRAYS = {"shape", "dtype", "strides", "data"}  # attributes that change what an array is


class NotUnderstood(Exception):
    """The error about what the analysis cannot follow: the program has the text as it is."""


class CallScope:
    """The variables of one call of a function, with what it returns and yields."""

    def __init__(self, name: str, variables: dict[str, Any], local: set[str]) -> None:
        self.name, self.variables, self.local = name, variables, local
        self.returned: list[Any] = []
        self.yielded: list[Any] = []


class Evaluator:
    """Evaluates expressions, and keeps the facts about each of them over all visits."""

    def __init__(self) -> None:
        self.facts: dict[ast.AST, Any] = {}
        self.tests: dict[ast.AST, set[bool | None]] = {}
        self.untracked: set[Any] = set()  # places of lists that something may change
        # The truth of an `and` or `or` whose value is not known.
        self.decided: dict[ast.AST, bool | None] = {}
        self.again = False
        self.count = 0

    # What the analysis of functions adds

    def call_copied(self, name: str, args: Any, kwargs: Any) -> Any:
        """Return the fact about a call of a copied function."""
        raise NotImplementedError

    def called_with_anything(self, name: str) -> None:
        """Note that a function may be called with anything."""
        raise NotImplementedError

    def global_named(self, name: str) -> Any:
        """Return the fact about a global name."""
        raise NotImplementedError

    def method_of(self, owner: Any, name: str) -> str | None:
        """Return the name of a method of a copied class."""
        raise NotImplementedError

    def copied_names(self, node: ast.AST) -> Iterator[str]:
        """Yield the names of copied functions in a piece of syntax."""
        raise NotImplementedError

    # What can no longer be followed

    def lose(self, *facts: Any) -> None:
        """Note that values may be changed, or called, where nobody sees it."""
        for fact in facts:
            for x in lost(fact):
                if type(x) is Seq:
                    self.untrack(x.site)
                elif type(x) is Copied:
                    self.called_with_anything(x.name)
                elif (name := self.method_of(x.owner, x.name)) is not None:
                    self.called_with_anything(name)

    def untrack(self, site: Any) -> None:
        if site not in self.untracked:
            self.untracked.add(site)
            self.again = True

    def join(self, a: Any, b: Any) -> Any:
        """Return what holds of two values."""
        if a is b:
            return a
        found = join(a, b)
        if found is not a and found is not b:
            kept = list(lost(found))
            for x in (*lost(a), *lost(b)):
                if not any(
                    equal(x, y) or getattr(x, "site", 0) is getattr(y, "site", 1) for y in kept
                ):
                    self.lose(x)
        elif not (equal(found, a) and equal(found, b)):
            self.lose(b if found is a else a)
        return found

    # Expressions

    def value(self, node: ast.expr, scope: CallScope) -> Any:
        """Return the fact about an expression, and keep it."""
        self.count += 1
        if self.count > MOST_EVALUATED:
            raise NotUnderstood("it takes too long")
        handler = getattr(self, f"of_{type(node).__name__}", None)
        found = self.unknown(node, scope) if handler is None else handler(node, scope)
        before = self.facts.get(node)
        self.facts[node] = found if before is None else join(before, found)
        return found

    def unknown(self, node: ast.AST, scope: CallScope) -> Any:
        """Evaluate the parts of an expression that is not understood."""
        for part in ast.iter_child_nodes(node):
            if isinstance(part, ast.expr):
                self.lose(self.value(part, scope))
        return ANY

    def of_Constant(self, node: ast.Constant, _scope: CallScope) -> Any:
        return Known(node.value)

    def of_Name(self, node: ast.Name, scope: CallScope) -> Any:
        if node.id in scope.local:
            return scope.variables.get(node.id, ANY)
        return self.global_named(node.id)

    def of_Starred(self, node: ast.Starred, scope: CallScope) -> Any:
        return self.value(node.value, scope)

    def of_Tuple(self, node: ast.Tuple, scope: CallScope) -> Any:
        items = self.spread(node.elts, scope)
        return ANY if items is None else made(items)

    def of_List(self, node: ast.List, scope: CallScope) -> Any:
        return self.mutable(node, self.spread(node.elts, scope), list)

    def of_Set(self, node: ast.Set, scope: CallScope) -> Any:
        return self.mutable(node, self.spread(node.elts, scope), set)

    def mutable(self, node: ast.AST, items: Any, kind: type) -> Any:
        """Return the fact about a new list or set, if nothing changes it later."""
        if items is None or not items or node in self.untracked:
            self.lose(*(items or ()))
            return ANY
        return Seq(items, kind, node)

    def spread(self, nodes: list[ast.expr], scope: CallScope) -> list[Any] | None:
        """Return the facts about items, also behind stars; None if they are not told apart."""
        found: list[Any] = []
        known = True
        for node in nodes:
            x = self.value(node, scope)
            if isinstance(node, ast.Starred):
                items = item_facts(x)
                known = known and items is not None
                found += [x] if items is None else items
            else:
                found.append(x)
        if not known:
            self.lose(*found)
        return found if known else None

    def of_Dict(self, node: ast.Dict, scope: CallScope) -> Any:
        return self.unknown(node, scope)

    def of_JoinedStr(self, node: ast.JoinedStr, scope: CallScope) -> Any:
        for part in node.values:
            if isinstance(part, ast.FormattedValue):
                self.value(part.value, scope)
        return ANY

    def of_Lambda(self, node: ast.Lambda, scope: CallScope) -> Any:
        self.hidden(node, scope)
        return ANY

    def hidden(self, node: ast.AST, scope: CallScope) -> None:
        """Note that a function inside a function may use all it can reach, at any time."""
        for name in self.copied_names(node):
            self.called_with_anything(name)
        for part in walk_syntax(node):
            if isinstance(part, ast.Name) and part.id in scope.local:
                self.lose(scope.variables.get(part.id, ANY))

    def of_BinOp(self, node: ast.BinOp, scope: CallScope) -> Any:
        a, b = self.value(node.left, scope), self.value(node.right, scope)
        found = operator_facts.of_binary(type(node.op).__name__, a, b)
        if found is ANY:
            self.lose(a, b)
        return found

    def of_UnaryOp(self, node: ast.UnaryOp, scope: CallScope) -> Any:
        if isinstance(node.op, ast.Not):
            answer = self.test(node.operand, scope)
            return ANY if answer is None else Known(not answer)
        return operator_facts.of_unary(type(node.op).__name__, self.value(node.operand, scope))

    def of_Compare(self, node: ast.Compare, scope: CallScope) -> Any:
        left, found = self.value(node.left, scope), []
        for op, other in zip(node.ops, node.comparators, strict=True):
            right = self.value(other, scope)
            found.append(operator_facts.compare(type(op).__name__, left, right))
            left = right
        if len(found) == 1:
            return found[0]
        answers = [truth(x) for x in found]
        return Known(False) if False in answers else ANY if None in answers else found[-1]

    def test(self, node: ast.expr, scope: CallScope) -> bool | None:
        """Return the truth of an expression, and keep it."""
        return self.answer(node, self.value(node, scope))

    def answer(self, node: ast.expr, found: Any) -> bool | None:
        answer = truth(found)
        if answer is None and isinstance(node, ast.BoolOp):
            answer = self.decided.get(node)
        self.tests.setdefault(node, set()).add(answer)
        return answer

    def of_BoolOp(self, node: ast.BoolOp, scope: CallScope) -> Any:
        """Return the fact about `and` or `or`, of which the rest is left out where one decides."""
        ends = isinstance(node.op, ast.Or)
        possible: list[Any] = []
        for part in node.values:
            found = self.value(part, scope)
            answer = self.answer(part, found)
            if answer is not (not ends):
                possible.append(found)
            if answer is ends:
                break
        else:
            if answer is (not ends):
                possible.append(found)
        self.decided[node] = ends if answer is ends else None
        return self.all_of(possible)

    def all_of(self, possible: list[Any]) -> Any:
        found = possible[0]
        for x in possible[1:]:
            found = self.join(found, x)
        return found

    def of_IfExp(self, node: ast.IfExp, scope: CallScope) -> Any:
        answer = self.test(node.test, scope)
        if answer is not None:
            return self.value(node.body if answer else node.orelse, scope)
        return self.join(self.value(node.body, scope), self.value(node.orelse, scope))

    def of_NamedExpr(self, node: ast.NamedExpr, scope: CallScope) -> Any:
        found = self.value(node.value, scope)
        name, before = node.target.id, scope.variables.get(node.target.id)
        # It may stand where it is not always evaluated, as behind `and`.
        scope.variables[name] = found if before is None else self.join(before, found)
        return found

    def of_Slice(self, node: ast.Slice, scope: CallScope) -> Any:
        parts = (node.lower, node.upper, node.step)
        return made((Known(None) if x is None else self.value(x, scope) for x in parts), slice)
