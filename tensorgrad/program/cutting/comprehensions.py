"""Comprehensions and assignments of copied functions, with facts in place of values."""

import ast
from collections.abc import Callable
from typing import Any

from tensorgrad.program.cutting.evaluation import OF_ARRAYS, CallScope, NotUnderstood
from tensorgrad.program.cutting.facts import ANY, MUTABLE, ONE_PASS, Iter, Seq, item_facts
from tensorgrad.program.cutting.joins import item_of
from tensorgrad.program.cutting.parts import Parts
from tensorgrad.program.cutting.syntax import walk_syntax


class Comprehensions(Parts):
    """Evaluates comprehensions, and gives variables their facts."""

    single: dict[str, set[str]]  # the variables of each function that are read once at most

    def of_GeneratorExp(self, node: ast.GeneratorExp, scope: CallScope) -> Any:
        items, item = self.comprehension(node, scope)
        return Iter(item) if items is None else Seq(items, ONE_PASS)

    def of_ListComp(self, node: ast.ListComp, scope: CallScope) -> Any:
        items, item = self.comprehension(node, scope)
        if items is None:
            self.lose(item)
        return self.mutable(node, items, list)

    def of_SetComp(self, node: ast.SetComp, scope: CallScope) -> Any:
        items, _ = self.comprehension(node, scope)
        return self.mutable(node, items, set)

    def of_DictComp(self, node: ast.DictComp, scope: CallScope) -> Any:
        inner = self.inner(node, scope)
        self.rows(
            node.generators,
            inner,
            lambda: self.lose(self.value(node.key, inner), self.value(node.value, inner)),
        )
        return ANY

    def inner(self, node: Any, scope: CallScope) -> CallScope:
        """Return the scope inside a comprehension."""
        if any(isinstance(part, ast.NamedExpr) for part in walk_syntax(node)):
            raise NotUnderstood("a comprehension assigns")
        targets = {
            part.id
            for g in node.generators
            for part in walk_syntax(g.target)
            if isinstance(part, ast.Name)
        }
        return CallScope(scope.name, dict(scope.variables), scope.local | targets)

    def comprehension(self, node: Any, scope: CallScope) -> tuple[list[Any] | None, Any]:
        """Return the facts about the items of a comprehension, and one about each of them."""
        inner, found = self.inner(node, scope), []
        exact = self.rows(node.generators, inner, lambda: found.append(self.value(node.elt, inner)))
        item = found[0] if found else ANY
        for x in found[1:] if not exact else ():
            item = self.join(item, x)
        return (found if exact else None), item

    def rows(self, generators: Any, scope: CallScope, body: Callable[[], Any]) -> bool:
        """Run the body for each row; return False if it is not known how often, or for which."""
        if not generators:
            body()
            return True
        first, *rest = generators
        source = self.value(first.iter, scope)
        items, exact = item_facts(source), True
        if items is None:
            items, exact = (item_of(source),), False
        for x in items:
            self.bind(first.target, x, scope)
            answers = [self.test(condition, scope) for condition in first.ifs]
            if False in answers:
                continue
            exact = self.rows(rest, scope, body) and exact and None not in answers
        return exact

    def bind(self, target: ast.expr, x: Any, scope: CallScope) -> None:
        """Give a target of an assignment its value."""
        if isinstance(target, ast.Name):
            once = target.id in self.single.get(scope.name, ())
            scope.variables[target.id] = x if once else self.kept(x)
        elif isinstance(target, (ast.Tuple, ast.List)):
            self.bind_parts(target.elts, x, scope)
        elif isinstance(target, ast.Starred):
            self.bind(target.value, x, scope)
        elif isinstance(target, ast.Subscript):
            base = self.value(target.value, scope)
            self.value(target.slice, scope)
            self.changed(base)
            self.lose(x)
        elif isinstance(target, ast.Attribute):
            base = self.value(target.value, scope)
            if target.attr in OF_ARRAYS:
                raise NotUnderstood(f"it sets {target.attr}")
            self.lose(base, x)

    def kept(self, x: Any) -> Any:
        """Return the fact about what is kept: of an iterator nobody knows how far it is used."""
        if (type(x) is Iter and not x.again) or (type(x) is Seq and x.kind is ONE_PASS):
            self.lose(x)
            return ANY
        return x

    def bind_parts(self, targets: list[ast.expr], x: Any, scope: CallScope) -> None:
        items = item_facts(x)
        star = next((i for i, t in enumerate(targets) if isinstance(t, ast.Starred)), None)
        if star is not None and items is not None:
            after = len(targets) - star - 1
            end = len(items) - after
            middle = Seq(items[star:end], list, targets[star])
            if targets[star] in self.untracked or end < star:
                self.lose(middle)
                items = None
            else:
                items = (*items[:star], middle, *items[end:])
        if items is None or len(items) != len(targets):
            each = item_of(x)
            self.lose(x)
            items = tuple(ANY if isinstance(t, ast.Starred) else each for t in targets)
        for target, item in zip(targets, items, strict=True):
            self.bind(target, item, scope)

    def changed(self, x: Any) -> None:
        """Note that a list is changed."""
        if type(x) is Seq and x.kind in MUTABLE:
            self.untrack(x.site)
