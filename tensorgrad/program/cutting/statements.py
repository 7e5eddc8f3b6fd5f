"""The statements of copied functions, followed with facts in place of values."""

import ast
from typing import Any

from tensorgrad.program.cutting import operator_facts
from tensorgrad.program.cutting.calls import CallEvaluator
from tensorgrad.program.cutting.evaluation import OF_ARRAYS, CallScope, NotUnderstood
from tensorgrad.program.cutting.facts import ANY, Integer, Known, item_facts, sequence_kind
from tensorgrad.program.cutting.joins import equal, item_of

Variables = dict[str, Any] | None  # the variables, or None where nothing comes


class Statements(CallEvaluator):
    """Follows statements."""

    reached: set[ast.stmt]
    numbers: dict[ast.stmt, bool]  # of x += y, if x is one
    loops: list[tuple[list[Any], list[Any]]]  # where the loops around a statement break and go on

    def block(self, body: list[ast.stmt], state: Variables, scope: CallScope) -> Variables:
        """Follow statements; return the variables behind them, or None if nothing comes there."""
        for node in body:
            if state is None:
                return None
            scope.variables = state
            self.reached.add(node)
            handler = getattr(self, f"do_{type(node).__name__}", None)
            if handler is None:
                raise NotUnderstood(f"it has {type(node).__name__}")
            state = handler(node, state, scope)
        return state

    def merged(self, *states: Variables) -> Variables:
        """Return what holds of the variables where several ways meet."""
        found: Variables = None
        for state in states:
            if state is None:
                continue
            if found is None:
                found = dict(state)
                continue
            for name in (*found, *(n for n in state if n not in found)):
                if name in found and name in state:
                    found[name] = self.join(found[name], state[name])
                else:  # it has no value on one way, where reading it raises
                    found[name] = found.get(name, state.get(name))
        return found

    def do_Expr(self, node: ast.Expr, state: Variables, scope: CallScope) -> Variables:
        value = node.value
        if isinstance(value, ast.Yield):
            scope.yielded.append(
                Known(None) if value.value is None else self.value(value.value, scope)
            )
        elif isinstance(value, ast.YieldFrom):
            scope.yielded.append(item_of(self.value(value.value, scope)))
        else:
            self.value(value, scope)
        return state

    def do_Assign(self, node: ast.Assign, state: Variables, scope: CallScope) -> Variables:
        found = self.value(node.value, scope)
        for target in node.targets:
            self.bind(target, found, scope)
        return state

    def do_AugAssign(self, node: ast.AugAssign, state: Variables, scope: CallScope) -> Variables:
        target = node.target
        change = self.value(node.value, scope)
        if isinstance(target, ast.Attribute) and target.attr in OF_ARRAYS:
            raise NotUnderstood(f"it sets {target.attr}")
        if not isinstance(target, ast.Name):
            self.changed(self.value(target.value, scope))
            if isinstance(target, ast.Subscript):
                self.value(target.slice, scope)
            self.lose(change)
            return state
        before = scope.variables.get(target.id, ANY)
        self.changed(before)
        plain = type(before) in (Known, Integer)
        self.numbers[node] = self.numbers.get(node, True) and plain
        found = operator_facts.of_binary(type(node.op).__name__, before, change)
        if getattr(before, "kind", None) == "array":
            found = before  # written in its place
        elif found is ANY or list in (sequence_kind(before), sequence_kind(change)):
            self.lose(before, change)
            found = ANY
        scope.variables[target.id] = found
        return state

    def do_Return(self, node: ast.Return, _state: Variables, scope: CallScope) -> Variables:
        scope.returned.append(Known(None) if node.value is None else self.value(node.value, scope))
        return None

    def do_Raise(self, node: ast.Raise, _state: Variables, scope: CallScope) -> Variables:
        for part in (node.exc, node.cause):
            if part is not None:
                self.lose(self.value(part, scope))
        return None

    def do_Pass(self, _node: ast.Pass, state: Variables, _scope: CallScope) -> Variables:
        return state

    def do_Assert(self, node: ast.Assert, state: Variables, scope: CallScope) -> Variables:
        self.test(node.test, scope)
        return state

    def do_Delete(self, node: ast.Delete, state: Variables, scope: CallScope) -> Variables:
        for target in node.targets:
            if isinstance(target, ast.Subscript):
                self.changed(self.value(target.value, scope))
        return state

    def do_If(self, node: ast.If, state: Variables, scope: CallScope) -> Variables:
        assert state is not None
        answer = self.test(node.test, scope)
        if answer is not None:
            return self.block(node.body if answer else node.orelse, state, scope)
        other = dict(state)
        first = self.block(node.body, state, scope)
        return self.merged(first, self.block(node.orelse, other, scope))

    def do_Break(self, _node: ast.Break, state: Variables, _scope: CallScope) -> Variables:
        self.loops[-1][0].append(state)
        return None

    def do_Continue(self, _node: ast.Continue, state: Variables, _scope: CallScope) -> Variables:
        self.loops[-1][1].append(state)
        return None

    def do_For(self, node: ast.For, state: Variables, scope: CallScope) -> Variables:
        source = self.value(node.iter, scope)
        items = item_facts(source)
        if items is not None and len(items) <= 16:
            return self.unrolled(node, items, state, scope)
        each = item_of(source)
        return self.repeated(node, state, scope, lambda: self.bind(node.target, each, scope))

    def unrolled(self, node: ast.For, items: Any, state: Variables, scope: CallScope) -> Variables:
        """Follow a loop over items that are told apart."""
        left: list[Variables] = []
        for x in items:
            if state is None:
                break
            scope.variables = state
            self.bind(node.target, x, scope)
            breaks, state = self.once(node.body, state, scope)
            left += breaks
        if node.orelse and state is not None:
            state = self.block(node.orelse, state, scope)
        return self.merged(state, *left)

    def once(
        self, body: Any, state: Variables, scope: CallScope
    ) -> tuple[list[Variables], Variables]:
        """Follow the body of a loop; return the variables where it breaks, and where it ends."""
        self.loops.append(([], []))
        end = self.block(body, state, scope)
        breaks, continues = self.loops.pop()
        return breaks, self.merged(end, *continues)

    def repeated(self, node: Any, state: Variables, scope: CallScope, begin: Any) -> Variables:
        """Follow a loop until no variable changes."""
        assert state is not None
        left: list[Variables] = []
        for k in range(MOST_ROUNDS):
            scope.variables = now = dict(state)
            if begin() is False:
                break
            breaks, end = self.once(node.body, now, scope)
            left += breaks
            merged = self.merged(state, end)
            assert merged is not None
            changed = [n for n in merged if n not in state or not equal(merged[n], state[n])]
            if not changed:
                break
            if k >= MOST_ROUNDS - 2:
                self.lose(*(merged[n] for n in changed))
                merged |= dict.fromkeys(changed, ANY)
            state = merged
        else:
            raise NotUnderstood("a loop changes its variables again and again")
        after = self.end_of_loop(node, state, scope)
        return self.merged(after, *left)

    def end_of_loop(self, node: Any, state: Variables, scope: CallScope) -> Variables:
        assert state is not None
        state = dict(state)
        scope.variables = state
        if isinstance(node, ast.While) and self.test(node.test, scope) is True:
            return None
        return self.block(node.orelse, state, scope) if node.orelse else state

    def do_While(self, node: ast.While, state: Variables, scope: CallScope) -> Variables:
        return self.repeated(node, state, scope, lambda: self.test(node.test, scope))

    def do_With(self, node: ast.With, state: Variables, scope: CallScope) -> Variables:
        for item in node.items:  # np.errstate(...)
            self.value(item.context_expr, scope)
            if item.optional_vars is not None:
                self.bind(item.optional_vars, ANY, scope)
        return self.block(node.body, state, scope)

    def do_FunctionDef(
        self, node: ast.FunctionDef, state: Variables, scope: CallScope
    ) -> Variables:
        self.hidden(node, scope)
        scope.variables[node.name] = ANY
        return state


MOST_ROUNDS = 6  # through a loop, until nothing changes
