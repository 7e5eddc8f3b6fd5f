"""The functions above a program: longer blocks of steps, and copied source text."""

import ast
import builtins
import copy
import functools
import inspect
import linecache
import sys
import textwrap
from typing import Any

import numpy as np

from tensorgrad.operands import FOREIGN
from tensorgrad.program.constants import Constants, Defined
from tensorgrad.program.expressions import NoArgument
from tensorgrad.program.source import Line, LineWriter, LocalNames
from tensorgrad.program.steps import Step, Var, resolved
from tensorgrad.program.text import Expr

FEW = 2  # lines of a block that stand in the program itself


class Functions:
    """Definitions of functions, each once."""

    def __init__(self, constants: Constants, names: LocalNames) -> None:
        self.constants, self.names = constants, names
        self.texts: dict[str, str] = {}  # of each function, by its name
        self.by_body: dict[str, str] = {}
        self.copied: dict[Any, str | None] = {}  # the name of each function with source text
        self.imports: set[str] = set()
        constants.functions = self

    # Blocks of steps

    def call_of(self, block: list[Step], used: list[Var], base_of: Any) -> Step | None:
        """Return the call of a function with the steps of a block; None for a short block."""
        group = block[0].group
        assert group is not None
        results = [resolved(v) for v in group.results]
        used = sorted(used, key=lambda v: results.index(v) if v in results else len(results))
        before = {v: v.name for step in block for v in (*step.reads(), *step.made())}
        made = {v for step in block for v in step.made()}
        inputs = list(dict.fromkeys(v for step in block for v in step.reads() if v not in made))
        known = {resolved(v): name for v, name in group.names.items()}
        order = [
            *(v for v in known if v in inputs),
            *(v for v in inputs if v not in known),
        ]
        writer = LineWriter(self.constants, LocalNames())
        writer.inline_results, writer.users_names, writer.arguments = True, False, order
        for v in order:
            v.name = writer.names.new(known.get(v) or base_of(v))
            writer.texts[v] = Expr(v.name)
        try:
            writer.write(block, used)
        except NoArgument:
            return None
        finally:
            for v, name in before.items():
                v.name = name
        if len(writer.lines) <= FEW or not used:
            return None
        returned = ", ".join(writer.expr_of(v).text for v in used)
        body = "\n".join(
            [
                "",
                *indented([x._replace(comment="") for x in writer.lines]),
                f"    return {returned}",
            ]
        )
        parameters = f"({', '.join(writer.texts[v].text for v in order)}):"
        name = self.define(group_name(group), parameters + docstring(group.doc) + body)
        step = Step("call", Defined(name), tuple(order), {})
        step.outs = used[0] if len(used) == 1 else tuple(used)
        step.writes = tuple(v for x in block for v in x.writes if v in inputs)
        step.place, step.scope = block[0].place, block[0].scope
        step.backward = block[0].backward
        return step

    def define(self, name: str, body: str) -> str:
        """Return the name of a function with this text, which is defined if it is new."""
        if body not in self.by_body:
            self.by_body[body] = self.names.new(name)
            self.texts[self.by_body[body]] = f"def {self.by_body[body]}{body}"
        return self.by_body[body]

    # Source text

    def with_source(self, function: Any, strip: str = "_<>") -> str | None:
        """Return the name of a function whose source text is copied, with all that it uses."""
        function = inspect.unwrap(getattr(function, "compute", function))
        if getattr(function, "__module__", None) not in sys.modules:
            return None
        if function not in self.copied:
            self.copied[function] = None
            node = definition(function)
            code = getattr(function, "__code__", None)
            if node is not None and not (code and code.co_freevars):
                self.copy(function, node, strip)
        return self.copied[function]

    def copy(self, function: Any, node: Any, strip: str) -> None:
        """Copy the text of a function, or of a class."""
        name = self.names.new(node.name.strip(strip) or "function")
        self.copied[function] = name
        changes: dict[str, str] = {node.name: name}
        for used in sorted(used_names(node) - {"is_plain"}):
            space = vars(sys.modules[function.__module__])
            value = space.get(used, None)
            if used in space and used not in changes:
                found = self.needed(used, value)
                if found is None:
                    self.copied[function] = None
                    self.names.taken.discard(name)
                    return
                changes[used] = found
        body = Renamed(changes).visit(node)
        body.name = name
        self.texts[name] = ast.unparse(body)

    def needed(self, name: str, value: Any) -> str | None:
        """Return the name under which a function's text finds a global value."""
        if value is np:
            return "np"
        if value is FOREIGN:
            return "()"  # a program has NumPy's arrays only
        if inspect.ismodule(value):
            if value.__name__ in sys.stdlib_module_names:
                self.imports.add(f"import {value.__name__}")
                return value.__name__
            return None
        if isinstance(value, (int, float, str, bool)):
            return repr(value)
        module = getattr(value, "__module__", None) or ""
        if module.partition(".")[0] in ("numpy", *sys.stdlib_module_names):
            shown = getattr(value, "__name__", name)
            self.imports.add(f"from {module} import {shown}")
            return shown
        if callable(value):
            return self.with_source(getattr(value, "compute", value), "<>")
        return None


def definition(function: Any) -> ast.FunctionDef | ast.ClassDef | None:
    """Return the syntax of a function without decorators and hints, or of a class, or None."""
    if getattr(function, "__name__", "") == "<lambda>":
        return lambda_definition(function)
    try:
        lines = textwrap.dedent(inspect.getsource(function))
        tree = ast.parse(lines)
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


def used_names(node: ast.AST) -> set[str]:
    """Return the names that are read in a piece of syntax."""
    return {
        n.id
        for n in ast.walk(node)
        if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load) and not hasattr(builtins, n.id)
    }


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
        """Read `is_plain(x)` as True, because a program has arrays only."""
        self.generic_visit(node)
        if isinstance(node.func, ast.Name) and node.func.id == "is_plain":
            return ast.Constant(True)
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


def group_name(group: Any) -> str:
    """Return the name of the function for a block."""
    name = getattr(group.source, "__name__", "").strip("_")
    return group.name if name == "<lambda>" or not name else name


def docstring(doc: str | None) -> str:
    """Return the first line of a docstring, as source text."""
    first = (doc or "").strip().splitlines()[:1]
    return f'\n    """{first[0]}"""' if first else ""


def indented(lines: list[Line], indent: int = 4) -> list[str]:
    """Return the text of lines, with those that NumPy's warnings are off for inside a `with`."""
    found: list[str] = []
    errors = None
    for line in lines:
        now = line.step.errors if line.step is not None else None
        if now != errors and now is not None:
            asked = ", ".join(f'{k}="{v}"' for k, v in now.items() if v != np.geterr()[k])
            found.append(" " * indent + f"with np.errstate({asked}):")
        errors = now
        margin = " " * (indent + 4 * (now is not None))
        if line.comment:
            found.append(f"{margin}# {line.comment}")
        found.extend(margin + part for part in line.text.split("\n"))
    return found
