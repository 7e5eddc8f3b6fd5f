"""The functions above a program: longer blocks of steps, and copied source text."""

import ast
import inspect
import sys
from typing import Any

import numpy as np

from tensorgrad.operands import STAND_INS
from tensorgrad.program import text
from tensorgrad.program.branches import Branch, Branches, flat
from tensorgrad.program.constants import Constants, Defined
from tensorgrad.program.copied import (
    AS_ARRAYS,
    OF_KINDS,
    Renamed,
    definition,
    double_quoted,
    used_names,
)
from tensorgrad.program.expressions import NoArgument
from tensorgrad.program.simplify import occurrences
from tensorgrad.program.source import Line, LineWriter, LocalNames
from tensorgrad.program.steps import Step, Var, resolved, substituted_in
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
        writer = LineWriter(self.constants, LocalNames(self.names_outside(block)))
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
                *indented(without_comments(writer, 0)),
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

    def branching(self, branches: Branches) -> str:
        """Return the name of a function with branches."""
        ways = list(branches.root.walk())
        steps = [step for branch in ways for step in branch.steps]
        outside = self.names_outside(steps, [branch.result for branch in ways])
        writer = LineWriter(self.constants, LocalNames(outside))
        writer.inline_results, writer.users_names = True, False
        writer.arguments = given = list(branches.parameters)
        parts = [*given, *branches.parts(), *branches.made()]
        before = {v: v.name for v in parts}
        for v in given:
            v.name = writer.names.new(branches.group.names.get(v) or v.name or "value")
            writer.texts[v] = Expr(v.name)
        writer.uses = occurrences(branches.parts())
        try:
            lines = branch_lines(writer, branches.root, 4)
        finally:
            for v, name in before.items():
                v.name = name
        parameters = f"({', '.join(writer.texts[v].text for v in given)}):"
        body = "\n".join([parameters + docstring(branches.group.doc), *lines])
        return self.define(group_name(branches.group), body)

    def names_outside(self, steps: list[Step], results: Any = None) -> list[str]:
        """Return the names of constants and functions, which a variable of the steps would hide."""

        def named(x: Any) -> Any:
            if isinstance(x, np.ndarray):
                self.constants.array(x)
            return x

        for step in steps:
            if step.form == "call":
                self.constants.function(step.callee)
            substituted_in((step.args, step.kwargs), named)
        substituted_in(results, named)
        constants = (*self.constants.objects.values(), *self.constants.arrays.values())
        return [*self.texts, *(name for name, _ in constants)]

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
        for used in sorted(used_names(node) - AS_ARRAYS - OF_KINDS):
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
        self.texts[name] = double_quoted(ast.unparse(body))

    def needed(self, name: str, value: Any) -> str | None:
        """Return the name under which a function's text finds a global value."""
        if value is np:
            return "np"
        if value is STAND_INS:
            return "()"  # a program has NumPy's arrays only
        if inspect.ismodule(value):
            if value.__name__ in sys.stdlib_module_names:
                self.imports.add(f"import {value.__name__}")
                return value.__name__
            return self.constants.imported(value.__name__)
        if is_literal(value):
            return repr(value)
        module = getattr(value, "__module__", None) or ""
        if module.partition(".")[0] in ("numpy", *sys.stdlib_module_names):
            shown = getattr(value, "__name__", name)
            self.imports.add(f"from {module} import {shown}")
            return shown
        if callable(value):
            return self.with_source(getattr(value, "compute", value), "<>")
        return None


def is_literal(value: Any) -> bool:
    """Return True for numbers and texts, and for lists and tuples of them, such as coefficients."""
    if isinstance(value, (list, tuple)):
        return all(map(is_literal, value))
    return isinstance(value, (int, float, str, bool)) and not isinstance(value, np.generic)


def branch_lines(writer: LineWriter, branch: Branch, margin: int) -> list[str]:
    """Return the lines of a branch, which ends with what it returns."""
    start, writer.width, space = len(writer.lines), text.WIDTH - margin, " " * margin
    for step in branch.steps:
        writer.step(step)
    if branch.decision is None:
        parts = [writer.expr_of(x).text for x in flat(branch.result)]
        returned = text.listed(parts) if isinstance(branch.result, tuple) else ", ".join(parts)
        return [
            *indented(without_comments(writer, start), margin),
            f"{' ' * margin}return {returned}",
        ]
    condition = writer.expr_of(branch.decision).text
    lines = [*indented(without_comments(writer, start), margin), f"{space}if {condition}:"]
    state = dict(writer.pending), dict(writer.texts), set(writer.names.taken)
    numbers = dict(writer.names.last)
    lines += branch_lines(writer, branch.branches[0], margin + 4)
    writer.pending, writer.texts, writer.names.taken = state
    writer.names.last = numbers
    return lines + branch_lines(writer, branch.branches[1], margin)


def without_comments(writer: LineWriter, start: int) -> list[Line]:
    """Return a function's lines, in which no comments about modules stand."""
    return [line._replace(comment="") for line in writer.lines[start:]]


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
