"""The parameters and variables of copied functions."""

import ast
from collections.abc import Iterator
from typing import Any

from tensorgrad.program.cutting.facts import made
from tensorgrad.program.cutting.syntax import walk_syntax

OPAQUE = (
    ast.Global, ast.Nonlocal, ast.ClassDef, ast.Await, ast.AsyncFor, ast.AsyncWith, ast.Match,
    ast.AsyncFunctionDef, ast.Import, ast.ImportFrom, ast.TryStar, ast.Try,
)  # fmt: skip


def local_names(node: ast.FunctionDef) -> set[str]:
    """Return the names of a function's parameters and variables."""
    return set(parameters(node)) | {n for x in node.body for n in assigned_in(x)}


def assigned_in(node: ast.AST) -> set[str]:
    """Return the names that a piece of syntax assigns."""
    found = set()
    for part in walk_syntax(node):
        if isinstance(part, ast.Name) and not isinstance(part.ctx, ast.Load):
            found.add(part.id)
        elif isinstance(part, (ast.FunctionDef, ast.ClassDef, ast.ExceptHandler)) and part.name:
            found.add(part.name)
    return found


def parameters(node: ast.FunctionDef) -> list[str]:
    """Return the names of all parameters."""
    a = node.args
    stars = [x.arg for x in (a.vararg, a.kwarg) if x is not None]
    return [x.arg for x in (*a.posonlyargs, *a.args, *a.kwonlyargs)] + stars


def positional(node: ast.FunctionDef) -> list[str]:
    """Return the names of the parameters that are given by position, and that of *args."""
    a = node.args
    return [x.arg for x in (*a.posonlyargs, *a.args, *([a.vararg] if a.vararg else []))]


def defaults(node: ast.FunctionDef) -> Iterator[tuple[str, ast.expr]]:
    """Yield the parameters with a default, and this."""
    a = node.args
    positional = [*a.posonlyargs, *a.args]
    for x, default in zip(positional[len(positional) - len(a.defaults) :], a.defaults, strict=True):
        yield x.arg, default
    for x, value in zip(a.kwonlyargs, a.kw_defaults, strict=True):
        if value is not None:
            yield x.arg, value


def bound_facts(node: ast.FunctionDef, args: Any, kwargs: dict[str, Any]) -> dict[str, Any] | None:
    """Return the fact about each parameter that is given; None if they are not told apart."""
    a = node.args
    names = [x.arg for x in (*a.posonlyargs, *a.args)]
    known = {*names, *(x.arg for x in a.kwonlyargs)}
    if a.kwarg is not None or not set(kwargs) <= known or set(kwargs) & set(names[: len(args)]):
        return None
    if len(args) > len(names) and a.vararg is None:
        return None
    found = dict(zip(names, args, strict=False)) | kwargs
    if a.vararg is not None:
        found[a.vararg.arg] = made(args[len(names) :])
    open_ = known - set(found) - {name for name, _ in defaults(node)}
    return None if open_ else found


def is_generator(node: ast.FunctionDef) -> bool:
    """Return True if a function yields."""
    return any(isinstance(part, (ast.Yield, ast.YieldFrom)) for part in own_parts(node))


def own_parts(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the parts of a function, without those of functions inside."""
    for part in ast.iter_child_nodes(node):
        if not isinstance(part, (ast.FunctionDef, ast.Lambda)):
            yield part
            yield from own_parts(part)


def is_opaque(node: ast.FunctionDef) -> bool:
    """Return True for functions with syntax that is not followed."""
    statements = {id(x.value) for x in walk_syntax(node) if isinstance(x, ast.Expr)}
    return any(
        isinstance(part, OPAQUE)
        or (isinstance(part, (ast.Yield, ast.YieldFrom)) and id(part) not in statements)
        or (isinstance(part, ast.comprehension) and part.is_async)
        or (isinstance(part, ast.With) and not all(map(is_errstate, part.items)))
        or keeps_a_generator(part)
        for part in walk_syntax(node)
    )


def is_errstate(item: ast.withitem) -> bool:
    """Return True for np.errstate(...), which does not end a block where it raises."""
    found = item.context_expr
    return isinstance(found, ast.Call) and ast.unparse(found.func) == "np.errstate"


def keeps_a_generator(node: ast.AST) -> bool:
    """Return True if a generator expression may run later, when its variables have other values."""
    if not isinstance(node, (ast.Assign, ast.AugAssign, ast.NamedExpr, ast.Yield, ast.Expr)):
        return False
    used: list[ast.AST] = []
    for part in ast.walk(node):
        if isinstance(part, ast.Call) and ast.unparse(part.func) in USES_ALL:
            used += part.args
        elif isinstance(part, (ast.Starred, ast.YieldFrom)) and part.value is not None:
            used.append(part.value)
    found = (x for x in ast.walk(node) if isinstance(x, ast.GeneratorExp))
    return any(x not in used for x in found)


USES_ALL = {
    "sum", "tuple", "list", "set", "dict", "any", "all", "max", "min", "sorted", "next",
    "math.prod", "frozenset",
}  # fmt: skip


def used_once(node: ast.FunctionDef) -> set[str]:
    """Return the names that are read once at most, in no loop: an iterator there is used once."""
    counts: dict[str, int] = {}
    for part, repeated in reads(node, False):
        counts[part.id] = counts.get(part.id, 0) + 1 + repeated
    return {name for name in local_names(node) if counts.get(name, 0) <= 1}


def reads(node: ast.AST, repeated: bool) -> Iterator[tuple[ast.Name, bool]]:
    """Yield the names that are read, and if that may happen several times in a call."""
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
        yield node, repeated
    loop = isinstance(node, REPEATING)
    first = node.generators[0].iter if isinstance(node, COMPREHENSIONS) else None
    first = node.iter if isinstance(node, ast.For) else first
    if first is not None:
        yield from reads(first, repeated)
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.comprehension):
            for part in (child.target, child.iter, *child.ifs):
                yield from () if part is first else reads(part, True)
        elif child is not first:
            yield from reads(child, repeated or loop)


COMPREHENSIONS = (ast.GeneratorExp, ast.ListComp, ast.SetComp, ast.DictComp)
REPEATING = (ast.For, ast.While, ast.Lambda, *COMPREHENSIONS)
