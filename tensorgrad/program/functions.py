"""The functions above a program: longer blocks of steps, and copied source text."""

import ast
import inspect
import sys
import types
from collections.abc import Iterator
from typing import Any

import numpy as np

from tensorgrad.operands import STAND_INS
from tensorgrad.program import text
from tensorgrad.program.branches import Branch, Branches, flat, group_name
from tensorgrad.program.constants import Constants, Defined
from tensorgrad.program.copied import (
    AS_ARRAYS,
    OF_KINDS,
    Renamed,
    definition,
    used_names,
)
from tensorgrad.program.cutting.flow import Definition
from tensorgrad.program.cutting.literals import is_literal
from tensorgrad.program.cutting.specialised import (
    CopiedCall,
    NotCut,
    Specialised,
    fact_about,
    specialised,
    with_branches,
)
from tensorgrad.program.expressions import NoArgument
from tensorgrad.program.layout import broken_lines, laid_out
from tensorgrad.program.simplify import occurrences
from tensorgrad.program.source import Line, LineWriter, LocalNames, without_comments
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
        self.definitions: dict[str, Definition] = {}  # of what is copied
        self.outside: dict[str, Any] = {"np": np}  # the global names in it
        self.lines: dict[str, str] = {}  # that import these
        self.short: Specialised | None = None
        self.preparing = False
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
                *broken_lines("    ", f"return {returned}"),
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
        for used in sorted(used_names(node, function) - AS_ARRAYS - OF_KINDS):
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
        ast.fix_missing_locations(body)
        self.definitions[name] = Definition(body, function)
        self.texts[name] = ""
        if not self.preparing:
            self.show(name, body)
        if self.short is not None:
            raise NotCut("a function is found after the others were cut")

    def prepare(self, steps: list[Step], follows: bool) -> None:
        """Copy the functions that steps call, cut to what these calls need.

        `follows` is True if the text follows the lengths of the arguments.
        Raises: NotCut if that is not possible.
        """
        calls: list[CopiedCall] = []
        self.preparing = True
        for step in with_branches(steps):
            calls += self.calls_in(step, follows)
        self.preparing = False
        if not calls:
            return
        try:
            self.short = specialised(self.definitions, self.outside, calls)
        except Exception as error:  # of a user's function, which does what nobody can follow
            raise NotCut from error
        self.imports -= set(self.lines.values())
        for name in self.definitions:
            node = self.short.nodes.get(name)
            self.texts.pop(name)
            if node is not None:
                self.show(name, node)

    def show(self, name: str, node: ast.AST) -> None:
        self.texts[name] = laid_out(ast.unparse(node))
        used = {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
        self.imports |= {line for word, line in self.lines.items() if word in used}

    def calls_in(self, step: Step, follows: bool) -> Iterator[CopiedCall]:
        """Yield the call of a copied function that a step is, and those that it is given."""
        for x in (*step.args, *step.kwargs.values()):
            if (name := self.name_of_copied(x)) is not None:
                yield CopiedCall(name, None, {})
        name = self.name_of_copied(step.callee) if step.form == "call" else None
        if name is not None:
            args = [fact_about(x, follows) for x in step.args]
            yield CopiedCall(
                name, args, {k: fact_about(x, follows) for k, x in step.kwargs.items()}
            )

    def name_of_copied(self, x: Any) -> str | None:
        """Return the name of a function whose source text is copied."""
        if not isinstance(x, types.FunctionType) or text.function_name(x) is not None:
            return None
        return self.with_source(x)

    def kept(self, function: str, args: Any, kwargs: Any) -> tuple[Any, Any]:
        """Return the arguments of a call that a copied function still takes."""
        if self.short is None or not self.short.dropped.get(function):
            return args, kwargs
        return self.short.kept(function, args, kwargs)

    def from_outside(self, name: str, value: Any, line: str) -> str:
        """Return the name of what a line imports for copied functions."""
        while name in self.outside and self.outside[name] is not value:  # math.sqrt and np.sqrt
            name = self.names.new(name)
        line = line if line.endswith(f" {name}") else f"{line} as {name}"
        self.outside[name], self.lines[name] = value, line
        return name

    def needed(self, name: str, value: Any) -> str | None:
        """Return the name under which a function's text finds a global value."""
        if value is np:
            return "np"
        if value is STAND_INS:
            return "()"  # a program has NumPy's arrays only
        if inspect.ismodule(value):
            if value.__name__ in sys.stdlib_module_names:
                return self.from_outside(value.__name__, value, f"import {value.__name__}")
            whole = self.constants.imported(value.__name__)
            if whole is not None:
                root = whole.partition(".")[0]
                self.outside[root] = sys.modules[root]
            return whole
        if is_literal(value):
            return repr(value)
        module = getattr(value, "__module__", None) or ""
        if module.partition(".")[0] in ("numpy", *sys.stdlib_module_names):
            shown = getattr(value, "__name__", name)
            return self.from_outside(shown, value, f"from {module} import {shown}")
        if callable(value):
            return self.with_source(getattr(value, "compute", value), "<>")
        return None


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
            *broken_lines(space, f"return {returned}"),
        ]
    condition = writer.expr_of(branch.decision).text
    lines = [*indented(without_comments(writer, start), margin), f"{space}if {condition}:"]
    state = dict(writer.pending), dict(writer.texts), set(writer.names.taken)
    numbers = dict(writer.names.last)
    lines += branch_lines(writer, branch.branches[0], margin + 4)
    writer.pending, writer.texts, writer.names.taken = state
    writer.names.last = numbers
    return lines + branch_lines(writer, branch.branches[1], margin)


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
