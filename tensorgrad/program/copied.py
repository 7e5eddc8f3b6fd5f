"""Copied source text: the definitions of functions, rewritten for arrays."""

import ast
import copy
import functools
import inspect
import linecache
import symtable
import textwrap
import types
import weakref
from typing import Any

AS_ARRAYS = {"plain_array", "as_array", "numbers"}  # functions that check what a user gave
# Functions that ask for the kind of an array, because a program has NumPy's only.
OF_KINDS = {"is_plain", "is_foreign", "has_foreign", "create", "reduction"}


def definition(function: Any) -> ast.FunctionDef | ast.ClassDef | None:
    """Return the syntax of a function without decorators and hints, or of a class, or None."""
    if getattr(function, "__name__", "") == "<lambda>":
        return lambda_definition(function)
    try:
        tree = ast.parse(text_of_definition(getattr(function, "__code__", function)))
    except (OSError, TypeError, SyntaxError, IndentationError):
        return None
    node = tree.body[0]
    if not isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        return None
    if isinstance(node, ast.FunctionDef):
        node.decorator_list = []
    for part in ast.walk(node):
        if isinstance(part, ast.FunctionDef):
            part.returns = None
        elif isinstance(part, ast.arg):
            part.annotation = None
        elif isinstance(part, ast.AnnAssign) and isinstance(node, ast.ClassDef):
            part.annotation = ast.Name("object", ast.Load())
    return node


@functools.lru_cache(maxsize=512)
def source_of_code(code: types.CodeType) -> str:
    """Return the source text of a function, which is looked up in its file once."""
    return textwrap.dedent(inspect.getsource(code))


def text_of_definition(x: Any) -> str:
    """Return the source text of a function, by its code, or of a class.

    Raises: OSError or TypeError if there is none.
    """
    return (
        source_of_code(x)
        if isinstance(x, types.CodeType)
        else textwrap.dedent(inspect.getsource(x))
    )


def lambda_definition(function: Any) -> ast.FunctionDef | None:
    """Return the syntax of a function with the body of a lambda, found by its place in the file."""
    code = function.__code__
    begins = {(line, column) for line, _, column, _ in code.co_positions()}
    for node in lambdas_in(code.co_filename):
        if (node.body.lineno, node.body.col_offset) in begins:
            made = ast.parse("def rule():\n    pass").body[0]
            assert isinstance(made, ast.FunctionDef)
            made.args, made.body = node.args, [ast.Return(node.body)]
            return copy.deepcopy(ast.fix_missing_locations(made))
    return None


@functools.lru_cache(maxsize=64)
def lambdas_in(file: str) -> list[ast.Lambda]:
    """Return the lambdas in a file; none in what was typed at a prompt."""
    try:
        tree = ast.parse("".join(linecache.getlines(file)))
    except SyntaxError:
        return []
    return [node for node in ast.walk(tree) if isinstance(node, ast.Lambda)]


def used_names(node: ast.AST, function: Any = None) -> set[str]:
    """Return the global names that a function or class reads: not parameters and variables."""
    code = getattr(function, "__code__", None)
    if code is None or code.co_name == "<lambda>":
        return names_in_text(ast.unparse(node))
    if code not in NAMES_READ:
        NAMES_READ[code] = names_in_text(ast.unparse(node))
    return NAMES_READ[code]


NAMES_READ: weakref.WeakKeyDictionary[types.CodeType, set[str]] = weakref.WeakKeyDictionary()


def names_in_text(source: str) -> set[str]:
    """Return the global names that source text reads."""
    whole = symtable.symtable(source, "copied", "exec")
    tables, found = [whole], set()
    while tables:
        table = tables.pop()
        tables += table.get_children()
        read = (s for s in table.get_symbols() if s.is_referenced())
        found |= {s.get_name() for s in read if s.is_global() or table is whole}
    return found


class Renamed(ast.NodeTransformer):
    """A rewriting of names, without the hints of variables."""

    def __init__(self, changes: dict[str, str]) -> None:
        self.changes = changes

    def visit_Name(self, node: ast.Name) -> ast.AST:
        new = self.changes.get(node.id)
        if new is None:
            return node
        return (
            ast.parse(new, mode="eval").body if not new.isidentifier() else ast.Name(new, node.ctx)
        )

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        """Read `primitive.compute`, the body of a primitive, as the function that is copied."""
        self.generic_visit(node)
        return node.value if node.attr == "compute" else node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """Decide what asks for the kind of an array, and read `plain_array(x)` as np.asarray(x)."""
        self.generic_visit(node)
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name in ("is_plain", "is_foreign", "has_foreign"):
            return ast.Constant(name == "is_plain")
        if name == "reduction":
            return ast.Attribute(node.args[0], "reduce", ast.Load())
        if name == "create":
            return ast.Call(node.args[0], node.args[2:], node.keywords)
        if name in AS_ARRAYS:
            node.func, node.args = ast.parse("np.asarray", mode="eval").body, node.args[:1]
        return node

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.op, ast.Not) and isinstance(node.operand, ast.Constant):
            return ast.Constant(not node.operand.value)
        return node

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.AST:
        """Leave out what does not decide: True in `and`, False in `or`."""
        self.generic_visit(node)
        idle = isinstance(node.op, ast.And)
        values = [v for v in node.values if not (isinstance(v, ast.Constant) and v.value is idle)]
        if len(values) == len(node.values):
            return node
        return values[0] if len(values) == 1 else ast.BoolOp(node.op, values)

    def visit_If(self, node: ast.If) -> Any:
        """Leave out the branch that is never taken."""
        self.generic_visit(node)
        if isinstance(node.test, ast.Constant):
            return (node.body if node.test.value else node.orelse) or None
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        """Leave out what follows a return."""
        self.generic_visit(node)
        ends = [i for i, x in enumerate(node.body) if isinstance(x, (ast.Return, ast.Raise))]
        node.body = node.body[: ends[0] + 1] if ends else node.body
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        """Keep the fields of a class."""
        node.bases = [self.visit(x) for x in node.bases]
        node.body = [x if isinstance(x, ast.AnnAssign) else self.visit(x) for x in node.body]
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        self.generic_visit(node)
        if node.value is None:
            return ast.Pass()
        return ast.copy_location(ast.Assign([node.target], node.value), node)
