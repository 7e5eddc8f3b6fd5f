"""Program: a function as text that imports NumPy only, and as a function that runs."""

import inspect
import itertools
import linecache
from typing import Any

import numpy as np

from tensorgrad.program.capture import Result, Tracing
from tensorgrad.program.constants import Constants
from tensorgrad.program.functions import Functions, indented
from tensorgrad.program.simplify import simplified
from tensorgrad.program.source import Line, LineWriter, LocalNames
from tensorgrad.program.steps import Var
from tensorgrad.program.text import Expr

program_numbers = itertools.count(1)


class Layout:
    """How a program is called: the names of its arguments, and the places of their arrays."""

    def __init__(self, f: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.name = getattr(f, "__name__", type(f).__name__.lower()).strip("<>")
        self.positional, self.variadic = parameter_names(f, len(args))
        self.keywords = list(kwargs)
        pairs = [*zip(self.positional, args, strict=False), *kwargs.items()]
        self.static = [(name, x) for name, x in pairs if hasattr(x, "bit_generator")]
        self.extra = len(args) > len(self.positional)  # arguments that *args takes

    def paths(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[tuple[str, str]]:
        """Return the text and the name of each array in the arguments."""
        n = len(self.positional)
        roots = [(name, name, x) for name, x in zip(self.positional, args)]
        rest = enumerate(args[n:])
        roots += [(f"{self.variadic}[{i}]", f"{self.variadic}_{i}", x) for i, x in rest]
        roots += [(name, name, x) for name, x in kwargs.items()]
        return [pair for text, name, x in roots for pair in paths_in(x, text, name)]


def parameter_names(f: Any, n: int) -> tuple[list[str], str]:
    """Return the names of n positional arguments, and that of those that have no own."""
    try:
        parameters = list(inspect.signature(f).parameters.values())
    except (TypeError, ValueError):
        return [f"x{i}" for i in range(n)], "args"
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    names = [p.name for p in parameters if p.kind in kinds][:n]
    variadic = next((p.name for p in parameters if p.kind is p.VAR_POSITIONAL), "args")
    return names, variadic


def paths_in(x: Any, text: str, name: str) -> list[tuple[str, str]]:
    """Return text and name of the arrays in an argument."""
    if isinstance(x, dict):
        items = [(f"{text}[{key!r}]", str(key), value) for key, value in x.items()]
    elif isinstance(x, (list, tuple)):
        fields = getattr(x, "_fields", None)
        items = [
            (f"{text}.{fields[i]}", fields[i], value)
            if fields
            else (f"{text}[{i}]", f"{name}_{i}", value)
            for i, value in enumerate(x)
        ]
    else:
        return [(text, name)] if is_array(x) else []
    return [pair for inner, key, value in items for pair in paths_in(value, inner, key)]


def is_array(x: Any) -> bool:
    """Return True for what a program takes as an array, and False for what it is made for."""
    return isinstance(x, (np.ndarray, np.generic, float, complex)) or hasattr(x, "_value")


class Program:
    """A function as a straight line of NumPy calls: the text, and the function that it is."""

    def __init__(
        self, trace: Tracing, layout: Layout, paths: list[tuple[str, str]], known: Any
    ) -> None:
        self.trace, self.layout = trace, layout
        self.externals = [source for source, _ in trace.externals]
        results = list(leaves(trace.results))
        outputs = [r.value for r in results if type(r.value) is Var]
        outputs += [v for _, v in trace.gradients if v is not None] + [v for _, v in trace.writes]
        given = {*trace.inputs, *(v for _, v in trace.externals)}
        n = len(outputs)
        steps = simplified(trace.steps, outputs, given)
        assert len(outputs) == n
        self.names = LocalNames([*layout.positional, layout.variadic, *layout.keywords])
        self.constants = Constants(known)
        self.constants.taken = self.names
        self.functions = Functions(self.constants, self.names)
        main = self.names.new(layout.name)
        writer = LineWriter(self.constants, self.names)
        writer.functions = self.functions
        writer.inline_results = len(outputs) == 1
        for v, (text, name) in zip(trace.inputs, paths, strict=True):
            v.name = name
            writer.texts[v] = Expr(text)
        for name, x in layout.static:
            self.constants.objects[id(x)] = (name, x)
        used = {v for step in steps for v in step.reads()} | set(outputs)
        self.parameters: list[str] = []
        self.read = []
        for source, v in trace.externals:
            if v in used:
                v.name = self.names.new(external_name(source, known))
                writer.texts[v] = Expr(v.name)
                self.parameters.append(v.name)
                self.read.append(source)
        writer.write(steps, outputs)
        replaced = iter(outputs)
        returned = self.returned(trace.results, lambda _: writer.expr_of(next(replaced)).text)
        if type(trace.results) is tuple and trace.results:
            returned = returned[1:-1].removesuffix(",") + "," * (len(trace.results) == 1)
        rest = [writer.expr_of(v).text for v in replaced]
        if rest:
            returned = f"{returned}, ({', '.join(rest)}{',' * (len(rest) == 1)})"
        self.lines = [*writer.lines, Line(f"return {returned}", None, set(), writer.returned)]
        self.main = main
        self.header = f"def {main}({self.signature()}):"
        self.function = self.compiled()

    def signature(self) -> str:
        """Return the parameters of the text."""
        layout = self.layout
        variadic = [f"*{layout.variadic}"] if layout.extra else []
        return ", ".join([*layout.positional, *variadic, *self.parameters, *layout.keywords])

    def returned(self, tree: Any, text_of: Any) -> str:
        """Return the text of what the function returns."""
        if type(tree) is Result:
            if type(tree.value) is Var:
                return text_of(tree)
            value = getattr(tree.value, "_value", tree.value)
            return self.constants.expr(
                value, None, lambda x: self.constants.expr(x, None, None)
            ).text
        if isinstance(tree, dict):
            inner = ", ".join(f"{k!r}: {self.returned(v, text_of)}" for k, v in tree.items())
            return f"{{{inner}}}"
        parts = [self.returned(x, text_of) for x in tree]
        if isinstance(tree, list):
            return f"[{', '.join(parts)}]"
        return f"({', '.join(parts)}{',' * (len(parts) == 1)})"

    def body(self, *, free: bool) -> list[str]:
        """Return the lines of the function; with `free`, arrays are let go after their last use."""
        if not free:
            return indented(self.lines)
        last: dict[Var, int] = {v: i for i, line in enumerate(self.lines) for v in line.made}
        for i, line in enumerate(self.lines):
            last |= {v: i for v in line.read if v in last}
        lines = []
        for i, line in enumerate(self.lines):
            gone = sorted(v.name for v, k in last.items() if k == i and v.name and not v.scalar)
            freed = f"; del {', '.join(gone)}" if gone and line.step is not None else ""
            lines.append(line._replace(text=line.text + freed))
        return indented(lines)

    def text(self, *, free: bool = False) -> str:
        """Return the whole text, without the constants that have names."""
        imports = sorted(["import numpy as np", *self.functions.imports])
        parts = ["\n".join(imports), *self.functions.texts.values()]
        parts.append("\n".join([self.header, *self.body(free=free)]))
        return "\n\n\n".join(parts) + "\n"

    def compiled(self) -> Any:
        """Return the function that the text defines."""
        source = self.text(free=True)
        file = f"<program {next(program_numbers)} of {self.layout.name}>"
        shown = self.text()
        linecache.cache[file] = (len(shown), None, shown.splitlines(keepends=True), file)
        space: dict[str, Any] = dict(self.constants.arrays.values())
        space |= dict(self.constants.objects.values())
        exec(compile(source, file, "exec"), space)
        return space[self.main]

    @property
    def source(self) -> str:
        """The text of the program."""
        return self.text()

    def __str__(self) -> str:
        return self.source


def leaves(tree: Any) -> Any:
    """Yield the results in a tree."""
    if type(tree) is Result:
        yield tree
    elif isinstance(tree, dict):
        for x in tree.values():
            yield from leaves(x)
    elif tree is not None:
        for x in tree:
            yield from leaves(x)


def external_name(source: Any, known: dict[int, str]) -> str:
    """Return the name of a tensor from outside."""
    name = source.tensor.name or known.get(id(source.tensor)) or "parameter"
    return f"grad_{name}" if source.is_grad else name
