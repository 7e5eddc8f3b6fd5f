"""Short functions put in place of their calls, and parts of results that nobody reads."""

import ast
import copy
from collections.abc import Iterator
from typing import Any

from tensorgrad.program.cutting.signatures import is_generator, local_names, own_parts, parameters
from tensorgrad.program.cutting.syntax import walk_in_order, walk_syntax

ONE_CALL, MANY_CALLS = 60, 30  # characters of an expression that is put in place of calls


def names_read(node: ast.AST) -> dict[str, int]:
    """Return how often each name is read."""
    found: dict[str, int] = {}
    for part in walk_syntax(node):
        if isinstance(part, ast.Name) and isinstance(part.ctx, (ast.Load, ast.Del)):
            found[part.id] = found.get(part.id, 0) + 1
        elif isinstance(part, ast.AugAssign) and isinstance(part.target, ast.Name):
            found[part.target.id] = found.get(part.target.id, 0) + 1
    return found


# Parts of results


def drop_components(trimming: Any, name: str) -> bool:
    """Leave out of the tuples that a function returns, or yields, what no call reads."""
    node = trimming.nodes[name]
    if name in trimming.flow.fixed or "." in name:
        return False
    given, sites = tuples_of(node), trimming.sites(name)
    if not given or not sites:
        return False
    taken = [place for other in trimming.callers(name) for place in targets_of(other, set(sites))]
    if len(taken) != len(sites):
        return False
    n = len(given[0][1].elts)
    equal_values = all(len(t.elts) == n for _, t in given) and all(
        len(t.elts) == n for _, _, t, _ in taken
    )
    if not equal_values:
        return False
    idle = [i for i in range(n) if all(is_unread(t.elts[i], read) for _, _, t, read in taken)]
    quiet = trimming.effects.is_quiet_expression
    idle = [i for i in idle if all(quiet(t.elts[i]) for _, t in given)]
    if not idle or len(idle) == n:
        return False
    for holder, t in given:
        replace_in(holder, t, without(t, idle))
    for holder, field, t, _ in taken:
        setattr(holder, field, [without(t, idle)] if field == "targets" else without(t, idle))
    trimming.look({name, *(caller for caller, _ in trimming.calls[name])})
    return True


def tuples_of(node: ast.FunctionDef) -> list[tuple[Any, ast.Tuple]]:
    """Return the tuples that a function returns or yields, and what holds them; [] if others."""
    found: list[tuple[Any, ast.Tuple]] = []
    holder: Any
    for part in own_parts(node):
        if isinstance(part, (ast.Return, ast.Yield)):
            holder, value = part, part.value
        elif isinstance(part, ast.YieldFrom) and isinstance(part.value, ast.GeneratorExp):
            holder, value = part.value, part.value.elt
        elif isinstance(part, ast.YieldFrom):
            return []
        else:
            continue
        if value is None and any(
            isinstance(x, (ast.Yield, ast.YieldFrom)) for x in own_parts(node)
        ):
            continue  # the end of a generator
        if not isinstance(value, ast.Tuple) or any(isinstance(x, ast.Starred) for x in value.elts):
            return []
        found.append((holder, value))
    return found


def targets_of(node: ast.AST, sites: set[ast.Call]) -> Iterator[tuple[Any, str, ast.Tuple, Any]]:
    """Yield the tuples of names that take the results of these calls apart."""
    read = None
    for part in walk_syntax(node):
        if isinstance(part, ast.For) and part.iter in sites:
            field, target = "target", part.target
        elif isinstance(part, ast.Assign) and part.value in sites and len(part.targets) == 1:
            field, target = "targets", part.targets[0]
        else:
            continue
        if isinstance(target, ast.Tuple):
            read = names_read(node) if read is None else read
            yield part, field, target, read


def is_unread(node: ast.expr, read: dict[str, int]) -> bool:
    return isinstance(node, ast.Name) and not read.get(node.id)


def without(node: ast.Tuple, idle: list[int]) -> ast.expr:
    """Return a tuple without some items; the item itself if there is one."""
    left = [x for i, x in enumerate(node.elts) if i not in idle]
    return left[0] if len(left) == 1 else ast.Tuple(left, node.ctx)


def replace_in(holder: Any, old: ast.expr, new: ast.expr) -> None:
    for field, value in ast.iter_fields(holder):
        if value is old:
            setattr(holder, field, new)


# Short functions


def inline_short(trimming: Any, roots: set[str]) -> None:
    """Put the expression of short functions in place of their calls."""
    for name, node in trimming.nodes.items():
        if name in roots or name in trimming.flow.fixed:
            continue
        expression = only_expression(node)
        calls = trimming.calls.get(name, [])
        if expression is None or not calls:
            continue
        longest = ONE_CALL if len(calls) == 1 else MANY_CALLS
        if len(ast.unparse(expression)) > longest:
            continue
        change = {
            call: inlined(node, expression, call, trimming.nodes[caller], trimming.effects)
            for caller, call in calls
        }
        if None not in change.values():
            for other in trimming.callers(name):
                Replaced(change).visit(other)
            trimming.look({caller for caller, _ in calls})


def only_expression(node: ast.FunctionDef) -> ast.expr | None:
    """Return the expression that is all that a function returns, or None."""
    body = node.body[1:] if ast.get_docstring(node) is not None else node.body
    if len(body) != 1 or not isinstance(body[0], ast.Return) or node.args.vararg:
        return None
    inner = (ast.Lambda, ast.NamedExpr, ast.GeneratorExp, ast.ListComp, ast.SetComp, ast.DictComp)
    found = body[0].value
    return None if found is None or any(isinstance(x, inner) for x in walk_syntax(found)) else found


def inlined(
    node: ast.FunctionDef, expression: ast.expr, call: ast.Call, other: ast.AST, effects: Any
) -> ast.expr | None:
    """Return what stands for a call of a function; None if the call has to stay."""
    names = [x.arg for x in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
    owner = [call.func.value] if isinstance(call.func, ast.Attribute) else []  # of a method
    given = dict(zip(names, [*owner, *call.args], strict=False))
    given |= {k.arg: k.value for k in call.keywords if k.arg is not None}
    if set(given) != set(names) or any(isinstance(x, ast.Starred) for x in call.args):
        return None
    read = names_read(expression)
    assigned = {
        x.id
        for x in walk_syntax(other)
        if isinstance(x, ast.Name) and not isinstance(x.ctx, ast.Load)
    }
    assigned |= {x.arg for x in walk_syntax(other) if isinstance(x, ast.arg)}
    if assigned & (set(read) - set(names)):
        return None  # a global name means something else there
    for name, value in given.items():
        simple = isinstance(value, (ast.Name, ast.Constant))
        if not effects.is_quiet_expression(value):
            return None  # it would happen at another time, or not at all
        if read.get(name, 0) != 1 and not (
            simple or (not read.get(name) and effects.is_quiet_expression(value))
        ):
            return None
    found: ast.expr = Filled(given).visit(copy.deepcopy(expression))
    return found


class Filled(ast.NodeTransformer):
    """Puts arguments in place of parameters."""

    def __init__(self, given: dict[str, ast.expr]) -> None:
        self.given = given

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return copy.deepcopy(self.given.get(node.id, node))


class Replaced(ast.NodeTransformer):
    """Puts expressions in place of calls."""

    def __init__(self, change: dict[Any, Any]) -> None:
        self.change = change

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        return self.change.get(node, node)


# A last line that calls another function


def merge_last_calls(trimming: Any, roots: set[str]) -> None:
    """Put the body of a function in place of its only call, if that is the last line of another."""
    for name, node in trimming.nodes.items():
        calls = trimming.calls.get(name, [])
        kept = "." in name or name in roots or name in trimming.flow.fixed
        if kept or len(calls) != 1 or calls[0][0] == name or is_generator(node):
            continue
        caller, call = trimming.nodes[calls[0][0]], calls[0][1]
        last = caller.body[-1] if caller.body else None
        if isinstance(last, ast.Return) and last.value is call and node.body:
            lines = merged_body(node, caller, call)
            if lines is not None:
                caller.body[-1:] = lines
                trimming.look({calls[0][0]})


def merged_body(node: ast.FunctionDef, caller: ast.FunctionDef, call: Any) -> Any:
    """Return the statements of a function with the arguments of a call; None if names clash."""
    body = node.body[1:] if ast.get_docstring(node) is not None else node.body
    names = [x.arg for x in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
    given = dict(zip(names, call.args, strict=False))
    given |= {k.arg: k.value for k in call.keywords if k.arg is not None}
    simple = all(isinstance(x, (ast.Name, ast.Constant)) for x in given.values())
    if node.args.vararg or set(given) != set(names) or not simple:
        return None
    own, callers = local_names(node), local_names(caller)
    change = {p: x.id for p, x in given.items() if isinstance(x, ast.Name) and x.id != p}
    outside = (set(names_read(node)) - own) & callers
    hidden = (set(names_read(caller)) - callers) & own
    if outside or hidden or set(change.values()) & own or len({*change.values()}) < len(change):
        return None
    before = [
        ast.copy_location(ast.Assign([ast.Name(p, ast.Store())], x), call)
        for p, x in given.items()
        if isinstance(x, ast.Constant)
    ]
    if any(isinstance(part, ast.Lambda) for part in walk_syntax(node)):
        return None
    for part in walk_syntax(node):
        if isinstance(part, ast.Name):
            part.id = change.get(part.id, part.id)
    return [*before, *body]


def without_aliases(node: ast.FunctionDef) -> None:
    """Read y as x behind `y = x`, if neither gets another value."""
    inner = (ast.FunctionDef, ast.Lambda)  # with variables of their own
    if any(isinstance(part, inner) for part in walk_in_order(node)):
        return
    stored: dict[str, int] = dict.fromkeys(parameters(node), 1)
    loops = [part for part in walk_in_order(node) if isinstance(part, (ast.For, ast.While))]
    repeated = {id(part) for loop in loops for part in ast.walk(loop)}
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
        if id(assignment) in repeated:  # where x may have another value when y is read
            continue
        y = target.id
        before = order[: next(i for i, p in enumerate(order) if p is target)]
        if stored[y] == stored.get(x) == 1 and all(p.id != y for p in before):
            for p in order:
                p.id = x if p.id == y else p.id
