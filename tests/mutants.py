"""Faults for tests to notice: a program's text with one small change each."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

SWAPPED = {
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE,
    ast.GtE: ast.Gt, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
    ast.And: ast.Or, ast.Or: ast.And, ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add,
    ast.Div: ast.Mult, ast.FloorDiv: ast.Mult, ast.Mod: ast.Mult, ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.LShift: ast.RShift, ast.RShift: ast.LShift,
}  # fmt: skip
REMOVED = (ast.Raise, ast.Delete, ast.AugAssign, ast.Continue, ast.Break)
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
NAMES = {"any": "all", "all": "any", "max": "min", "min": "max"}


@dataclass(frozen=True)
class Mutant:
    """A file's text with one fault."""

    file: str
    number: int  # of the line
    function: str | None  # in which it is: file and first line
    old: str  # the line as it was
    new: str  # and as it is
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.number}\n    - {self.old}\n    + {self.new}"


def mutants(file: str, text: str) -> Iterator[Mutant]:
    """Yield every mutant of a file, in the order of its lines."""
    lines = text.splitlines(keepends=True)
    tree = ast.parse(text)
    seen = {ast.dump(tree)}
    functions = [node for node in ast.walk(tree) if isinstance(node, FUNCTIONS)]  # outer ones first
    for node in mutable(tree):
        for change in changes(node):
            start, end = node.lineno - 1, node.end_lineno - 1
            head = "".join(lines[:start]) + columns(lines[start], 0, node.col_offset)
            tail = columns(lines[end], node.end_col_offset, None) + "".join(lines[end + 1 :])
            old = lines[start].strip()
            if change == "pass":  # with the line, which tells one from the other
                change = f"pass  # {old}" if not tail.split("\n")[0].strip() else change
            mutated = head + change + tail
            dump = ast.dump(ast.parse(mutated))
            if dump not in seen:
                seen.add(dump)
                new = mutated.splitlines()[start].strip()
                around = [f for f in functions if f.lineno <= node.lineno <= f.end_lineno]
                function = f"{file}:{first_line(around[-1])}" if around else None
                yield Mutant(file, node.lineno, function, old, new, mutated)


def first_line(function: Any) -> int:
    """Return the number of a function's first line, which a decorator may be."""
    return min([function.lineno, *(node.lineno for node in function.decorator_list)])


def columns(line: str, start: int, end: int | None) -> str:
    """Return a part of a line by ast's columns, which count bytes."""
    return line.encode()[start:end].decode()


def mutable(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield every node that is run, except for texts and what only type checkers read."""
    for field, value in ast.iter_fields(tree):
        if field in ("annotation", "returns", "decorator_list"):
            continue
        for node in value if isinstance(value, list) else [value]:
            if isinstance(node, ast.JoinedStr) or not isinstance(node, ast.AST):
                continue
            if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
                continue
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__slots__":
                continue
            if hasattr(node, "lineno"):
                yield node
            yield from mutable(node)


def changes(node: ast.AST) -> Iterator[str]:
    """Yield the texts that take a node's place, one for each fault in it."""
    if isinstance(node, ast.expr):
        yield from (f"({change})" if " " in change else change for change in expressions(node))
    if isinstance(node, ast.Return):
        if node.value is not None and ast.unparse(node.value) not in ("None", "False"):
            yield "return None"
    elif (
        isinstance(node, REMOVED)
        or (isinstance(node, ast.Expr) and not isinstance(node.value, ast.Constant))
        or (isinstance(node, ast.Assign) and not isinstance(node.targets[0], (ast.Name, ast.Tuple)))
    ):
        yield "pass"
    if isinstance(node, ast.AugAssign) and type(node.op) in SWAPPED:
        yield ast.unparse(ast.AugAssign(node.target, SWAPPED[type(node.op)](), node.value))


def expressions(node: ast.expr) -> Iterator[str]:
    """Yield the texts that take an expression's place."""
    match node:
        case ast.Constant(value=bool(value)):
            yield str(not value)
        case ast.Constant(value=int(value)):
            yield from (str(value + 1), str(value - 1))
        case ast.Name(id=name, ctx=ast.Load()) if name in NAMES:
            yield NAMES[name]
        case ast.UnaryOp(op=ast.Not() | ast.USub(), operand=operand):
            yield ast.unparse(operand)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in SWAPPED:
            yield ast.unparse(ast.BinOp(left, SWAPPED[type(op)](), right))
        case ast.BoolOp(op=op, values=values):
            yield ast.unparse(ast.BoolOp(SWAPPED[type(op)](), values))
            for i in range(len(values)):
                rest = values[:i] + values[i + 1 :]
                yield ast.unparse(ast.BoolOp(op, rest) if len(rest) > 1 else rest[0])
        case ast.Compare(left=left, ops=ops, comparators=comparators):
            yield f"not ({ast.unparse(node)})"
            for i, op in enumerate(ops):
                swapped = [*ops[:i], SWAPPED[type(op)](), *ops[i + 1 :]]
                if isinstance(op, (ast.Lt, ast.LtE, ast.Gt, ast.GtE)) or len(ops) > 1:
                    yield ast.unparse(ast.Compare(left, swapped, comparators))
        case ast.IfExp(body=body, orelse=orelse):
            yield from (ast.unparse(body), ast.unparse(orelse))
        case ast.Lambda(args=args):
            yield ast.unparse(ast.Lambda(args, ast.Constant(None)))
        case ast.Call(func=func, args=args, keywords=keywords):
            for i in range(len(keywords)):
                yield ast.unparse(ast.Call(func, args, keywords[:i] + keywords[i + 1 :]))
        case ast.Subscript(value=value, slice=ast.Slice(lower=lower, upper=upper, step=step)):
            for parts in [(None, upper, step), (lower, None, step), (lower, upper, None)]:
                yield ast.unparse(ast.Subscript(value, ast.Slice(*parts)))
