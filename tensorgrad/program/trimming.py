"""What nobody needs any more in cut functions: variables, parameters, checks, whole functions."""

import ast
import re
from collections.abc import Iterator
from typing import Any

from tensorgrad.program.effects import Effects
from tensorgrad.program.facts import Copied
from tensorgrad.program.flow import Flow
from tensorgrad.program.inlining import drop_components, inline_short, names_read
from tensorgrad.program.signatures import bound_facts, parameters

Nodes = dict[str, ast.FunctionDef]


class Trim(ast.NodeTransformer):
    """Leaves out variables that nobody reads, and statements that do nothing."""

    def __init__(self, effects: Effects, read: dict[str, int], empty: set[str]) -> None:
        self.effects, self.read, self.empty = effects, read, empty
        self.changed = False

    def gone(self) -> list[ast.stmt]:
        self.changed = True
        return []

    def visit_Assign(self, node: ast.Assign) -> Any:
        if len(node.targets) != 1:
            return node
        target, value = node.targets[0], node.value
        if isinstance(target, ast.Name):
            unread = not self.read.get(target.id) and self.effects.is_quiet_expression(value)
            same = isinstance(value, ast.Name) and value.id == target.id
            return self.gone() if unread or same else node
        if isinstance(target, ast.Tuple) and all(isinstance(x, ast.Name) for x in target.elts):
            return self.unpacked(node, target, value)
        return node

    def unpacked(self, node: ast.Assign, target: ast.Tuple, value: ast.expr) -> Any:
        """Leave out what nobody reads of an assignment to several names."""
        unread = [not self.read.get(x.id) for x in target.elts]  # type: ignore[attr-defined]
        if all(unread) and self.effects.is_quiet_expression(value):
            return self.gone()
        if not isinstance(value, ast.Tuple) or len(value.elts) != len(unread):
            for x, idle in zip(target.elts, unread, strict=True):
                if idle and x.id != "_":  # type: ignore[attr-defined]
                    x.id, self.changed = "_", True  # type: ignore[attr-defined]
            return node
        pairs = [
            (x, y)
            for x, y, idle in zip(target.elts, value.elts, unread, strict=True)
            if not (idle and self.effects.is_quiet_expression(y)) and not is_same_name(x, y)
        ]
        if len(pairs) == len(unread) or not pairs:
            return node if pairs else self.gone()
        self.changed = True
        node.targets = [
            pairs[0][0] if len(pairs) == 1 else ast.Tuple([x for x, _ in pairs], ast.Store())
        ]
        node.value = (
            pairs[0][1] if len(pairs) == 1 else ast.Tuple([y for _, y in pairs], ast.Load())
        )
        return node

    def visit_Expr(self, node: ast.Expr) -> Any:
        value = node.value
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            return node
        return self.gone() if self.effects.is_idle(node) else node

    def visit_If(self, node: ast.If) -> Any:
        self.generic_visit(node)
        if not node.body and not node.orelse and self.effects.is_quiet_expression(node.test):
            return self.gone()
        node.body = node.body or [ast.Pass()]
        return node

    def visit_For(self, node: ast.For) -> Any:
        self.generic_visit(node)
        if not node.body and not node.orelse and self.effects.is_quiet_expression(node.iter):
            return self.gone()
        node.body = node.body or [ast.Pass()]
        return node

    def visit_While(self, node: ast.While) -> Any:
        self.generic_visit(node)
        node.body = node.body or [ast.Pass()]
        return node

    def visit_With(self, node: ast.With) -> Any:
        self.generic_visit(node)
        return node if node.body else self.gone()

    def visit_Pass(self, node: ast.Pass) -> Any:
        return node

    def visit_Lambda(self, node: ast.Lambda) -> Any:
        return node


def is_same_name(a: ast.expr, b: ast.expr) -> bool:
    return isinstance(a, ast.Name) and isinstance(b, ast.Name) and a.id == b.id


class Trimming:
    """Cut functions, from which what nobody needs is left out until nothing changes."""

    def __init__(self, flow: Flow, effects: Effects, nodes: Nodes, roots: set[str]) -> None:
        self.flow, self.effects, self.nodes = flow, effects, nodes
        self.dropped: dict[str, set[str]] = {name: set() for name in nodes}
        while self.once() or self.without_components(roots):
            pass
        inline_short(self, roots)
        for node in nodes.values():
            without_aliases(node)
        while self.once():
            pass
        for name, node in nodes.items():
            node.body = node.body or [ast.Pass()]
            shorten_docstring(node, self.dropped[name])

    def without_components(self, roots: set[str]) -> bool:
        """Leave out parts of results that nobody reads; return True if there were some."""
        found = [drop_components(self, name) for name in self.nodes if name not in roots]
        return any(found)

    def once(self) -> bool:
        """Leave out what nobody needs now; return True if that changed something."""
        changed = False
        for node in self.nodes.values():
            trim = Trim(self.effects, names_read(node), set())
            node.body = [y for x in node.body for y in as_list(trim.visit(x))]
            end_shortly(node.body)
            changed = changed or trim.changed
        for name, node in self.nodes.items():
            if name in self.flow.functions and name not in self.flow.fixed and "." not in name:
                changed = self.drop_parameters(name, node) or changed
        return changed

    def drop_parameters(self, name: str, node: ast.FunctionDef) -> bool:
        """Leave out parameters that the function does not read, with their arguments."""
        read = names_read(node)
        unread = {p for p in parameters(node) if not read.get(p)}
        sites = list(self.sites(name)) if unread else []
        unread = {p for p in unread if all(self.may_drop(p, node, call) for call in sites)}
        if node.args.vararg is not None and node.args.vararg.arg not in unread:
            unread -= {x.arg for x in node.args.args} if any(map(has_star, sites)) else set()
        if not unread:
            return False
        for call in sites:
            self.drop_arguments(call, node, unread)
        drop(node.args, unread)
        self.dropped[name] |= unread
        return True

    def sites(self, name: str) -> Iterator[ast.Call]:
        """Yield the calls of a function in the others."""
        for other in self.nodes.values():
            for part in ast.walk(other):
                if isinstance(part, ast.Call) and self.calls_it(part, name):
                    yield part

    def calls_it(self, node: ast.Call, name: str) -> bool:
        if isinstance(node.func, ast.Name) and node.func.id == name:
            return True
        fact = self.flow.facts.get(node.func)
        return type(fact) is Copied and fact.name == name

    def may_drop(self, parameter: str, node: ast.FunctionDef, call: ast.Call) -> bool:
        """Return True if an argument can be left out of a call."""
        if has_star(call):
            return False
        given = arguments_of(node, call)
        return given is not None and all(
            map(self.effects.is_quiet_expression, given.get(parameter, []))
        )

    def drop_arguments(self, call: ast.Call, node: ast.FunctionDef, unread: set[str]) -> None:
        names = [x.arg for x in (*node.args.posonlyargs, *node.args.args)]
        vararg = node.args.vararg.arg if node.args.vararg else ""
        names += [vararg] * (len(call.args) - len(names))
        call.args = [x for x, p in zip(call.args, names, strict=False) if p not in unread]
        call.keywords = [k for k in call.keywords if k.arg not in unread]


def as_list(x: Any) -> list[Any]:
    return x if isinstance(x, list) else [x]


def has_star(call: ast.Call) -> bool:
    """Return True if a call gives arguments behind stars."""
    return any(isinstance(x, ast.Starred) for x in call.args) or any(
        k.arg is None for k in call.keywords
    )


def arguments_of(node: ast.FunctionDef, call: ast.Call) -> dict[str, list[ast.expr]] | None:
    """Return the arguments of a call by parameter, or None if they do not fit."""
    kwargs = {k.arg: k.value for k in call.keywords if k.arg is not None}
    if bound_facts(node, call.args, kwargs) is None:
        return None
    names = [x.arg for x in (*node.args.posonlyargs, *node.args.args)]
    found = {p: [x] for p, x in (dict(zip(names, call.args, strict=False)) | kwargs).items()}
    if node.args.vararg is not None:
        found[node.args.vararg.arg] = call.args[len(names) :]
    return found


def drop(args: ast.arguments, unread: set[str]) -> None:
    """Leave parameters out of a signature, with their defaults."""
    positional = [*args.posonlyargs, *args.args]
    values = [None] * (len(positional) - len(args.defaults)) + list(args.defaults)
    kept = [(x, d) for x, d in zip(positional, values, strict=True) if x.arg not in unread]
    n = sum(x.arg not in unread for x in args.posonlyargs)
    args.posonlyargs, args.args = [x for x, _ in kept[:n]], [x for x, _ in kept[n:]]
    args.defaults = [d for _, d in kept if d is not None]
    pairs = zip(args.kwonlyargs, args.kw_defaults, strict=True)
    keywords = [(x, d) for x, d in pairs if x.arg not in unread]
    args.kwonlyargs, args.kw_defaults = [x for x, _ in keywords], [d for _, d in keywords]
    if args.vararg is not None and args.vararg.arg in unread:
        args.vararg = None


def without_aliases(node: ast.FunctionDef) -> None:
    """Read y as x behind `y = x`, if neither gets another value."""
    stored: dict[str, int] = dict.fromkeys(parameters(node), 1)
    order = [part for part in walk_in_order(node) if isinstance(part, ast.Name)]
    for part in order:
        if not isinstance(part.ctx, ast.Load):
            stored[part.id] = stored.get(part.id, 0) + 1
    for assignment in list(walk_in_order(node)):
        if not isinstance(assignment, ast.Assign) or not isinstance(assignment.value, ast.Name):
            continue
        target, x = assignment.targets[0], assignment.value.id
        if len(assignment.targets) > 1 or not isinstance(target, ast.Name):
            continue
        y = target.id
        before = order[: next(i for i, p in enumerate(order) if p is target)]
        if stored[y] == stored.get(x) == 1 and all(p.id != y for p in before):
            for p in order:
                p.id = x if p.id == y else p.id


def walk_in_order(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the parts of a piece of syntax in the order of its text."""
    for part in ast.iter_child_nodes(node):
        yield part
        yield from walk_in_order(part)


def end_shortly(body: list[ast.stmt]) -> None:
    """Leave out a last return of nothing, and a name for what is returned in the next line."""
    if body and isinstance(body[-1], ast.Return) and body[-1].value is None:
        body.pop()
    if len(body) < 2 or not isinstance(body[-1], ast.Return):
        return
    before, value = body[-2], body[-1].value
    if not isinstance(before, ast.Assign) or len(before.targets) != 1 or value is None:
        return
    if is_same_name(before.targets[0], value):
        body[-2:] = [ast.Return(before.value)]


# Docstrings


def shorten_docstring(node: ast.FunctionDef, dropped: set[str]) -> None:
    """Leave out of a docstring the errors that a function no longer raises, and lost parameters."""
    doc = ast.get_docstring(node, clean=False)
    if doc is None:
        return
    if not any(isinstance(part, ast.Raise) for part in ast.walk(node)):
        doc = re.sub(
            r"\n\s*Raises:.*?(?=\n\s*\n|\n\s*(?:Shapes|Units|Source):|$)", "", doc, flags=re.DOTALL
        )
    lines = doc.split("\n")
    for name in dropped:
        lines = without_sentences(lines, f"`{name}`")
    doc = "\n".join(lines).rstrip()
    if "\n" not in doc.strip():
        doc = doc.strip()
    elif not doc.endswith("\n"):
        doc += "\n    "
    node.body[0].value = ast.Constant(doc)  # type: ignore[attr-defined]


def without_sentences(lines: list[str], name: str) -> list[str]:
    """Leave out sentences below the first line that speak of a parameter."""
    if len(lines) < 2 or name not in "\n".join(lines[1:]):
        return lines
    rest = "\n".join(lines[1:])
    parts = re.split(r"(?<=\.)(?=\s)", rest)
    kept = "".join(x for x in parts if name not in x)
    return [lines[0], *kept.split("\n")]
