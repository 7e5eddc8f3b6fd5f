"""A program's text as a whole: its arguments, its lines, and what it returns."""

import inspect
import itertools
import linecache
import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from tensorgrad.contexts import in_own_context
from tensorgrad.program.constants import Constants
from tensorgrad.program.functions import Functions, indented
from tensorgrad.program.layout import broken_lines
from tensorgrad.program.names import with_line
from tensorgrad.program.source import Line, LineWriter, LocalNames, needed_alone
from tensorgrad.program.sources import Fixed
from tensorgrad.program.steps import Var
from tensorgrad.program.text import WIDTH, Expr, listed, quoted
from tensorgrad.program.tracing import Result, Tracing

program_numbers = itertools.count(1)


class Layout:
    """How a program is called: the names of its arguments, and the places of their arrays."""

    def __init__(self, f: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.name = getattr(f, "__name__", type(f).__name__.lower()).replace("<lambda>", "function")
        self.positional, self.variadic = parameter_names(f, len(args))
        self.keywords = list(kwargs)
        self.positional = [unlike(name, self.keywords) for name in self.positional]
        self.variadic = unlike(self.variadic, [*self.keywords, *self.positional])
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


def unlike(name: str, taken: list[str]) -> str:
    """Return a name, with underscores behind it if others have it."""
    while name in taken:
        name += "_"
    return name


def parameter_names(f: Any, n: int) -> tuple[list[str], str]:
    """Return the names of n positional arguments, and that of those that have no own."""
    f = getattr(f, "forward", f)  # a module takes what its forward takes
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
        items = [(f"{text}[{quoted(key)}]", str(key), value) for key, value in x.items()]
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


class Text:
    """A program's text: its lines, the functions above them, and the constants with names."""

    def __init__(
        self,
        trace: Tracing,
        layout: Layout,
        paths: list[tuple[str, str]],
        known: dict[int, str],
        owned: dict[int, str],
        cuts: bool = True,
    ) -> None:
        self.trace, self.layout = trace, layout
        self.outputs = outputs = trace.outputs
        steps = trace.steps
        self.names = LocalNames([*layout.positional, layout.variadic, *layout.keywords])
        self.constants = Constants(known)
        self.constants.taken = self.names
        self.functions = Functions(self.constants, self.names)
        self.main = self.names.new(layout.name)
        self.parameters: list[str] = []
        self.read: list[Any] = []
        writer = LineWriter(self.constants, self.names)
        writer.functions = self.functions
        writer.inline_results = len(outputs) == 1
        writer.arguments = trace.inputs
        self.name_arguments(writer, paths, known, owned, {v for s in steps for v in s.reads()})
        if cuts:
            self.functions.prepare(steps, bool(trace.lengths))
        writer.write(steps, outputs)
        for name, generator in self.constants.generators:
            self.parameters.append(name)
            self.read.append(Fixed(generator))
        returned = self.all_returned(writer)
        comment, places = writer.last_comment, writer.last_places
        last = Line(returned, None, set(), writer.returned, comment, places)
        self.lines = [*writer.lines, last]
        self.lines_alone = needed_alone(self.lines, self.constants.alone)
        self.header = self.signature()
        self.function = self.compiled()

    @property
    def is_cut(self) -> bool:
        """True if copied functions are cut to what the program needs."""
        return self.functions.short is not None

    def name_arguments(
        self, writer: LineWriter, paths: Any, known: Any, owned: Any, used: set[Var]
    ) -> None:
        """Give the arguments, and the tensors from outside, their names.

        Of these, several with one name are named after their owners too.
        """
        for v, (text, name) in zip(self.trace.inputs, paths, strict=True):
            v.name = name
            writer.texts[v] = Expr(text)
        for name, x in self.layout.static:
            self.constants.objects[id(x)] = (name, x)
        used = used | set(self.outputs)
        externals = [(source, v) for source, v in self.trace.externals if v in used]
        names = shortest_names([source.path(owned) for source, _ in externals])
        for (source, v), name in zip(externals, names, strict=True):
            v.name = self.names.new(name)
            writer.texts[v] = Expr(v.name)
            self.parameters.append(v.name)
            self.read.append(source)

    def all_returned(self, writer: LineWriter) -> str:
        """Return the last line: what the function returns, then what it changes."""
        results = self.trace.results
        outputs = iter(self.outputs)
        several = type(results) is tuple and len(results) > 0
        parts = [self.returned(x, writer, outputs) for x in (results if several else [results])]
        changed = [writer.expr_of(v).text for v in outputs]
        if changed:
            parts.append(f"({', '.join(changed)}{',' * (len(changed) == 1)})")
        returned = listed(parts) if several else ", ".join(parts)
        if len(returned) + len("    return ") <= WIDTH or len(parts) == 1:
            return f"return {returned}"
        rows = [line for part in parts for line in broken_lines("    ", f"{part},", WIDTH - 4)]
        return "\n".join(["return (", *rows, ")"])

    def signature(self) -> str:
        """Return the line, or lines, with the name and the parameters."""
        layout = self.layout
        variadic = [f"*{layout.variadic}"] if layout.extra else []
        parts = [*layout.positional, *variadic, *self.parameters, *layout.keywords]
        whole = f"def {self.main}({', '.join(parts)}):"
        if len(whole) <= WIDTH:
            return whole
        inner = "    " + ", ".join(parts)
        if len(inner) > WIDTH:
            inner = "\n".join(f"    {part}," for part in parts)
        return f"def {self.main}(\n{inner}\n):"

    def returned(self, tree: Any, writer: LineWriter, outputs: Iterator[Var]) -> str:
        """Return the text of what the function returns."""
        if type(tree) is Result:
            x = next(outputs) if type(tree.value) is Var else tree.value
            found = writer.expr_of(getattr(x, "_value", x)).text
            return f"{found}.copy()" if tree.kind == "constant" and found.isidentifier() else found
        if isinstance(tree, dict):
            inner = [f"{quoted(k)}: {self.returned(v, writer, outputs)}" for k, v in tree.items()]
            return f"{{{', '.join(inner)}}}"
        parts = [self.returned(x, writer, outputs) for x in tree]
        if isinstance(tree, list):
            return f"[{', '.join(parts)}]"
        return f"({', '.join(parts)}{',' * (len(parts) == 1)})"

    def last_uses(self) -> list[list[Var]]:
        """Return for each line the variables that no later line reads."""
        last: dict[Var, int] = {v: i for i, line in enumerate(self.lines) for v in line.made}
        for i, line in enumerate(self.lines):
            last |= {v: i for v in line.read if v in last}
        gone: list[list[Var]] = [[] for _ in self.lines]
        for v, i in last.items():
            gone[i].append(v)
        return gone

    def body(self, *, free: bool, timed: bool) -> list[str]:
        """Return the lines of the function; with `free`, arrays are let go after their last use."""
        lines = self.lines
        if free:
            lines = []
            for line, gone in zip(self.lines, self.last_uses(), strict=True):
                names = sorted(v.name for v in gone if v.name and not v.scalar)
                freed = f"; del {', '.join(names)}" if names and line.step is not None else ""
                lines.append(line._replace(text=line.text + freed))
        if timed:
            lines = [
                line._replace(text=f"_t = _clock()\n{line.text}\n_note({i}, _clock() - _t)")
                for i, line in enumerate(lines[:-1])
            ] + lines[-1:]
        return indented(lines)

    def alone(self, constants: list[str]) -> str:
        """Return the text for a file of its own, with its constants."""
        shown = self.text(constants=constants, lines=self.lines_alone)
        for line, (short, _) in self.constants.alone.items():
            a, b = ("\n".join(indented([Line(x, None, set(), set())])) for x in (line, short))
            shown = shown.replace(a, b)
        for name, body in reversed(self.functions.texts.items()):
            code = re.sub(r'""".*?"""', "", shown, flags=re.DOTALL)
            if len(re.findall(rf"\b{name}\b", code)) == 1:  # used for the message of an error only
                shown = shown.replace(f"{body}\n\n\n", "")
                shown = re.sub(rf"\b{name}_2\b", name, shown)
        return shown

    def text(
        self,
        *,
        free: bool = False,
        timed: bool = False,
        constants: Any = (),
        lines: list[Line] | None = None,
    ) -> str:
        """Return the whole text, of all lines or of these."""
        warns = ["import warnings"] if self.constants.warns else []
        given = [*warns, *self.functions.imports]
        scipys = [line for line in given if "scipy" in line]
        standard = sorted(set(given) - set(scipys), key=lambda line: (line[:5] == "from ", line))
        above = [*standard, *([""] if standard else [])]
        head = ["\n".join([*above, "import numpy as np", *scipys])]
        head += ["\n".join(constants)] if constants else []
        parts = ["\n\n".join(head), *self.functions.texts.values()]
        body = self.body(free=free, timed=timed) if lines is None else indented(lines)
        parts.append("\n".join([self.header, *body]))
        return "\n\n\n".join(parts) + "\n"

    def note(self, error: Exception) -> None:
        """Add to an error from a line of the program the user's line that recorded it."""
        frame = error.__traceback__
        while frame is not None and frame.tb_frame.f_code.co_filename != self.file:
            frame = frame.tb_next
        if frame is None:
            return
        before = self.shown[: self.shown.index(self.header)] + self.header
        number = frame.tb_lineno - before.count("\n") - 2
        for line in self.lines:
            number -= len(indented([line]))
            if number < 0:
                break
        places = dict.fromkeys(place for place in line.places if place is not None)
        shown = [with_line("", place) for place in places]
        if shown:
            error.add_note("recorded by" + "".join(shown))

    def namespace(self) -> dict[str, Any]:
        """Return the constants that the text finds as global names."""
        return dict(self.constants.arrays.values()) | dict(self.constants.objects.values())

    def compiled(self) -> Any:
        """Return the function that the text defines."""
        self.file = file = f"<program {next(program_numbers)} of {self.layout.name}>"
        self.shown = shown = self.text()
        linecache.cache[file] = (len(shown), None, shown.splitlines(keepends=True), file)
        space = self.namespace()
        exec(compile(self.text(free=True), file, "exec"), space)
        return self.callable_in(space)

    def callable_in(self, space: dict[str, Any]) -> Any:
        """Return the function from the names of a run of the text."""
        function = space[self.main]
        return in_own_context(function) if "np.errstate(" in self.shown else function


def shortest_names(paths: list[str]) -> list[str]:
    """Return for each dotted path the shortest end of it that no other has."""
    parts = [path.split(".") for path in paths]
    found = []
    for own in parts:
        ends = (own[-k:] for k in range(1, len(own) + 1))
        alone = (end for end in ends if sum(x[-len(end) :] == end for x in parts) == 1)
        found.append("_".join(next(alone, own[-1:])))
    return found
