"""The import of NumPy's test modules with every call, operator and index in a function handed to a checker.

`f(x)` becomes `__checked__(f, x)`, `a + b` becomes `__checked__(operator.add, a, b)`. Nothing in NumPy
itself is patched, so that a test sees the functions that it would see without.
"""

import ast
import importlib.abc
import importlib.machinery
import operator
import sys
from pathlib import Path

import numpy as np

FOLDERS = [Path(np.__file__).parent / p / "tests" for p in ("_core", "lib", "linalg", "fft")]
CHECKED, OPERATOR = "__checked__", "__operator__"
# They look at the frame that calls them.
LOOK_AROUND = {"super", "locals", "globals", "vars", "dir", "eval", "exec"}

# fmt: off
OPERATORS = {
    ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.Div: "truediv", ast.Pow: "pow", ast.MatMult: "matmul",
    ast.Mod: "mod", ast.FloorDiv: "floordiv", ast.BitAnd: "and_", ast.BitOr: "or_", ast.BitXor: "xor",
    ast.LShift: "lshift", ast.RShift: "rshift", ast.USub: "neg", ast.UAdd: "pos", ast.Invert: "invert",
    ast.Eq: "eq", ast.NotEq: "ne", ast.Lt: "lt", ast.LtE: "le", ast.Gt: "gt", ast.GtE: "ge",
}
# fmt: on


class Rewriter(ast.NodeTransformer):
    """Hands calls, operators, subscripts and assignments to subscripts to the checker."""

    def __init__(self):
        self.inside = 0

    def checked(self, node, function, *args, keywords=()):
        name = ast.Name(CHECKED, ast.Load())
        return ast.copy_location(ast.Call(name, [function, *args], list(keywords)), node)

    def operated(self, node, name, *args):
        module = ast.Name(OPERATOR, ast.Load())
        return self.checked(node, ast.Attribute(module, name, ast.Load()), *args)

    def visit_FunctionDef(self, node):
        self.inside += 1  # decorators, defaults and annotations are left as they are
        node.body = [self.visit(statement) for statement in node.body]
        self.inside -= 1
        return node

    def visit_Call(self, node):
        self.generic_visit(node)
        plain = isinstance(node.func, ast.Name) and node.func.id in LOOK_AROUND
        if not self.inside or plain:
            return node
        return self.checked(node, node.func, *node.args, keywords=node.keywords)

    def visit_BinOp(self, node):
        self.generic_visit(node)
        name = OPERATORS[type(node.op)]
        return self.operated(node, name, node.left, node.right) if self.inside else node

    def visit_UnaryOp(self, node):
        self.generic_visit(node)
        name = OPERATORS.get(type(node.op))
        constant = isinstance(node.operand, ast.Constant)  # `-1` may stand in a pattern
        skip = name is None or constant or not self.inside
        return node if skip else self.operated(node, name, node.operand)

    def visit_Compare(self, node):
        self.generic_visit(node)
        name = OPERATORS.get(type(node.ops[0]))
        if name is None or len(node.ops) > 1 or not self.inside:
            return node
        return self.operated(node, name, node.left, node.comparators[0])

    def visit_Subscript(self, node):
        self.generic_visit(node)
        if not isinstance(node.ctx, ast.Load) or not self.inside:
            return node
        return self.operated(node, "getitem", node.value, as_value(node.slice))

    def visit_Assign(self, node):
        self.generic_visit(node)
        target = node.targets[0]
        if len(node.targets) > 1 or not isinstance(target, ast.Subscript) or not self.inside:
            return node
        index = as_value(target.slice)
        call = self.operated(node, "setitem", target.value, index, node.value)
        return ast.copy_location(ast.Expr(call), node)

    def visit_AugAssign(self, node):
        self.generic_visit(node)
        if not isinstance(node.target, ast.Name) or not self.inside:
            return node
        name = "i" + OPERATORS[type(node.op)].rstrip("_")
        read = ast.Name(node.target.id, ast.Load())
        value = self.operated(node, name, read, node.value)
        return ast.copy_location(ast.Assign([node.target], value), node)

    def visit_AnnAssign(self, node):
        return node


def as_value(index):
    """Return the index between brackets as an expression: a slice is one only there."""
    if isinstance(index, ast.Slice):
        parts = [p or ast.Constant(None) for p in (index.lower, index.upper, index.step)]
        return ast.Call(ast.Name("__slice__", ast.Load()), parts, [])
    if isinstance(index, ast.Tuple):
        return ast.Tuple([as_value(i) for i in index.elts], ast.Load())
    return index


def rewritten(source):
    """Return the syntax tree of a module whose functions call the checker."""
    return ast.fix_missing_locations(Rewriter().visit(ast.parse(source)))


class Loader(importlib.machinery.SourceFileLoader):
    """Compiles the rewritten source, past the cache of bytecode."""

    checker = None

    def get_code(self, fullname):
        path = self.get_filename(fullname)
        return compile(rewritten(self.get_data(path)), path, "exec", dont_inherit=True)

    def exec_module(self, module):
        vars(module).update({CHECKED: self.checker, OPERATOR: operator, "__slice__": slice})
        super().exec_module(module)


class Finder(importlib.abc.MetaPathFinder):
    """Finds the test modules in the folders, and nothing else."""

    def __init__(self, checker, folders=FOLDERS):
        self.loader = type("Loader", (Loader,), {"checker": staticmethod(checker)})
        self.folders = [str(folder) for folder in folders]

    def find_spec(self, name, path=None, target=None):
        if not name.rpartition(".")[2].startswith("test_"):
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path or sys.path, target)
        if spec is None or str(Path(spec.origin or "").parent) not in self.folders:
            return None
        spec.loader = self.loader(name, spec.origin)
        return spec
