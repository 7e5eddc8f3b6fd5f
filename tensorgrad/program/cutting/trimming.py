"""Trimming of cut functions: variables, parameters, checks and functions that nobody needs go."""

import ast
from typing import Any

from tensorgrad.program.cutting.docstrings import shorten_docstring
from tensorgrad.program.cutting.effects import Effects
from tensorgrad.program.cutting.facts import BoundMethod, Copied
from tensorgrad.program.cutting.flow import Flow
from tensorgrad.program.cutting.inlining import (
    drop_components,
    inline_short,
    merge_last_calls,
    names_read,
    without_aliases,
)
from tensorgrad.program.cutting.signatures import bound_facts, parameters
from tensorgrad.program.cutting.syntax import (
    as_list,
    has_star,
    is_same_name,
    is_target,
    is_unnamed,
    walk_syntax,
)

Nodes = dict[str, ast.FunctionDef]


class Trim(ast.NodeTransformer):
    """Leaves out variables that nobody reads, and statements that do nothing."""

    def __init__(self, effects: Effects, read: dict[str, int]) -> None:
        self.effects, self.read = effects, read
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
        if isinstance(target, ast.Tuple) and all(map(is_target, target.elts)):
            return self.unpacked(node, target, value)
        return node

    def is_unread(self, target: ast.expr) -> bool:
        """Return True if nobody reads the names of a target."""
        return not any(self.read.get(x.id) for x in walk_syntax(target) if isinstance(x, ast.Name))

    def unpacked(self, node: ast.Assign, target: ast.Tuple, value: ast.expr) -> Any:
        """Leave out what nobody reads of an assignment to several names."""
        unread = [self.is_unread(x) for x in target.elts]
        quiet = self.effects.is_quiet_expression
        if all(unread) and quiet(value):
            return self.gone()
        stars = any(isinstance(x, ast.Starred) for x in target.elts)
        if stars or not isinstance(value, ast.Tuple) or len(value.elts) != len(unread):
            self.unnamed(target)
            return self.one_length(node, target, value)
        pairs = [
            (x, y)
            for x, y, idle in zip(target.elts, value.elts, unread, strict=True)
            if not (idle and quiet(y)) and not is_same_name(x, y)
        ]
        for x, _ in pairs:
            self.unnamed(x)
        if len(pairs) == len(unread) or not pairs:
            return node if pairs else self.gone()
        self.changed = True
        alone = len(pairs) == 1
        node.targets = [pairs[0][0] if alone else ast.Tuple([x for x, _ in pairs], ast.Store())]
        node.value = pairs[0][1] if alone else ast.Tuple([y for _, y in pairs], ast.Load())
        return node

    def one_length(self, node: ast.Assign, target: ast.Tuple, value: ast.expr) -> ast.Assign:
        """Write `n, _, _ = x.shape` as `n = len(x)`."""
        used = [i for i, x in enumerate(target.elts) if getattr(x, "id", "") != "_"]
        if len(used) != 1 or not isinstance(value, ast.Attribute) or value.attr != "shape":
            return node
        index = ast.Subscript(value, ast.Constant(used[0]), ast.Load())
        first = ast.Call(ast.Name("len", ast.Load()), [value.value], [])
        node.targets, node.value = [target.elts[used[0]]], index if used[0] else first
        return node

    def unnamed(self, target: ast.expr) -> None:
        """Write `_` for what nobody reads in a tuple of names."""
        named = isinstance(target, ast.Tuple) and not self.read.get("_")
        for x in walk_syntax(target) if named else ():
            if isinstance(x, ast.Name) and not self.read.get(x.id) and x.id != "_":
                x.id, self.changed = "_", True
        for x in walk_syntax(target):
            if isinstance(x, ast.Tuple):
                x.elts = [ast.Name("_", ast.Store()) if is_unnamed(y) else y for y in x.elts]

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
        self.unnamed(node.target)
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

    def visit_FunctionDef(self, node: ast.FunctionDef) -> Any:
        return node  # inside another, which nobody follows


class Alike(ast.NodeTransformer):
    """Writes `x if c else x` as x."""

    def __init__(self, effects: Effects) -> None:
        self.effects = effects

    def visit_IfExp(self, node: ast.IfExp) -> Any:
        self.generic_visit(node)
        same = ast.dump(node.body) == ast.dump(node.orelse)
        return node.body if same and self.effects.is_quiet_expression(node.test) else node


class Trimming:
    """Cut functions, from which what nobody needs is left out until nothing changes."""

    def __init__(self, flow: Flow, effects: Effects, nodes: Nodes, roots: set[str]) -> None:
        self.flow, self.effects, self.nodes = flow, effects, nodes
        self.dropped: dict[str, set[str]] = {name: set() for name in nodes}
        self.stale = set(nodes)  # functions that changed since they were looked through
        self.called_by: dict[str, list[tuple[str, ast.Call]]] = {}
        while self.once() or self.without_components(roots):
            pass
        merge_last_calls(self, roots)
        inline_short(self, roots)
        for node in self.followed():
            without_aliases(node)
            Alike(self.effects).visit(node)
        self.look()
        while self.once():
            pass
        for name, node in nodes.items():
            node.body = node.body or [ast.Pass()]
            shorten_docstring(node, self.dropped[name])

    def followed(self) -> list[ast.FunctionDef]:
        """Return the functions whose statements are followed."""
        return [node for name, node in self.nodes.items() if name not in self.flow.opaque]

    def without_components(self, roots: set[str]) -> bool:
        """Leave out parts of results that nobody reads; return True if there were some."""
        found = [drop_components(self, name) for name in self.nodes if name not in roots]
        return any(found)

    def once(self) -> bool:
        """Leave out what nobody needs now; return True if that changed something."""
        now, self.stale = self.stale, set()
        self.look(now)
        self.stale = set()
        for name in sorted(now):
            if name in self.flow.opaque:
                continue  # whose statements are not followed
            node = self.nodes[name]
            trim = Trim(self.effects, names_read(node))
            node.body = [y for x in node.body for y in as_list(trim.visit(x))]
            end_shortly(node.body)
            self.stale |= {name} if trim.changed else set()
        for name in sorted(now):
            if name in self.flow.functions and name not in self.flow.fixed and "." not in name:
                self.drop_parameters(name, self.nodes[name])
        return bool(self.stale)

    def drop_parameters(self, name: str, node: ast.FunctionDef) -> None:
        """Leave out parameters that the function does not read, with their arguments."""
        read = names_read(node)
        unread = {p for p in parameters(node) if not read.get(p)}
        sites = self.sites(name) if unread else []
        unread = {p for p in unread if all(self.may_drop(p, node, call) for call in sites)}
        if node.args.vararg is not None and node.args.vararg.arg not in unread:
            unread -= {x.arg for x in node.args.args} if any(map(has_star, sites)) else set()
        if not unread:
            return
        for call in sites:
            self.drop_arguments(call, node, unread)
        drop(node.args, unread)
        self.dropped[name] |= unread
        self.stale |= {caller for caller, _ in self.calls.get(name, ())}

    def look(self, changed: set[str] | None = None) -> None:
        """Note where functions are called, and by which; of these functions only, if given."""
        changed = set(self.nodes) if changed is None else changed
        self.stale |= changed
        for caller in sorted(changed):
            self.called_by[caller] = [
                (name, part)
                for part in walk_syntax(self.nodes[caller])
                if isinstance(part, ast.Call) and (name := self.called(part)) is not None
            ]
        self.calls: dict[str, list[tuple[str, ast.Call]]] = {}
        for caller, found in self.called_by.items():
            for name, part in found:
                self.calls.setdefault(name, []).append((caller, part))

    def called(self, node: ast.Call) -> str | None:
        """Return the name of the copied function that is called."""
        fact = self.flow.facts.get(node.func)
        if fact is None and isinstance(node.func, ast.Name) and node.func.id in self.nodes:
            return node.func.id  # which was written for a known function
        if type(fact) is BoundMethod:
            return self.flow.method_of(fact.owner, fact.name)
        return fact.name if type(fact) is Copied else None

    def sites(self, name: str) -> list[ast.Call]:
        """Return the calls of a function in the others."""
        return [call for _, call in self.calls.get(name, ())]

    def callers(self, name: str) -> list[ast.FunctionDef]:
        """Return the functions that call one."""
        return [self.nodes[f] for f in dict.fromkeys(f for f, _ in self.calls.get(name, ()))]

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
