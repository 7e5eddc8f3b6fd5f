"""Program: a function as text that imports NumPy only, and as a function that runs."""

import html
import io
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tensorgrad.files import as_path, write_file
from tensorgrad.program.constants import is_small
from tensorgrad.program.sources import Fixed
from tensorgrad.program.steps import Var
from tensorgrad.program.text import defined_array
from tensorgrad.program.writing import Text

if TYPE_CHECKING:
    from tensorgrad.draw.drawing import Drawing


class Program:
    """A function as a straight line of NumPy calls, which `tg.compile` makes.

    `print` shows its text. A call takes the arguments of the function that it was made from.
    """

    def __init__(self, text: Text, run: Any) -> None:
        self._text = text
        self._run = run

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._run(args, kwargs)

    def __copy__(self) -> "Program":
        return self  # nothing in it changes

    def __deepcopy__(self, _memo: Any) -> "Program":
        return self

    def __reduce__(self) -> Any:
        """Let a copy in another process be made there, from the function and the arguments."""
        return program_of, self._run.made_by

    @property
    def source(self) -> str:
        """The text. It runs without tensorgrad, if no note in it says otherwise."""
        return self._text.alone(constant_lines(self._text))

    def __str__(self) -> str:
        return self.source

    def __repr__(self) -> str:
        lines = len(self._text.lines) + 1
        return f"<Program {self._text.main}, {lines} lines; print it to read them>"

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(self.source)}</pre>"

    @property
    def inputs(self) -> dict[str, tuple[tuple[int, ...], np.dtype[Any]]]:
        """The shape and dtype of each array that the text takes, by its name."""
        ids = set(map(id, self._text.read))  # tensors are not compared by ==
        read = [v for source, v in self._text.trace.externals if id(source) in ids]
        return {v.name: (v.shape, v.dtype) for v in (*self._text.trace.inputs, *read)}

    @property
    def free_axes(self) -> dict[str, tuple[int, ...]]:
        """The axes along which the text serves every length but 0, by the names of its arguments.

        Axes of equal length here are to have equal lengths in each call.
        """
        found = {v.name: free_axes_of(v) for v in self._text.trace.inputs}
        return {name: axes for name, axes in found.items() if axes}

    @property
    def free_axes_of_outputs(self) -> list[tuple[int, ...]]:
        """The axes of each returned array that follow those of the arguments."""
        return [free_axes_of(v) for v in self._text.outputs]

    @property
    def outputs(self) -> list[tuple[tuple[int, ...], np.dtype[Any]]]:
        """The shape and dtype of each array that the text returns."""
        return [(v.shape, v.dtype) for v in self._text.outputs]

    @property
    def constants(self) -> dict[str, np.ndarray]:
        """The arrays that are neither arguments nor tensors: part of the program, by name."""
        return dict(self._text.constants.arrays.values())

    @property
    def parameters(self) -> dict[str, np.ndarray]:
        """The arrays of tensors from outside that the text takes, as they are now, by name."""
        pairs = zip(self._text.parameters, self._text.read, strict=True)
        return {name: source.read() for name, source in pairs if type(source) is not Fixed}

    @property
    def memory(self) -> int:
        """The largest number of bytes of arrays, made by the lines, that live at a time.

        Arrays inside a line, or inside a function above, are not counted.
        """
        live: dict[Var, int] = {}
        most = 0
        for line, gone in zip(self._text.lines, self._text.last_uses(), strict=True):
            live |= {v: int(np.prod(v.shape)) * v.dtype.itemsize for v in line.made if not v.view}
            most = max(most, sum(live.values()))
            for v in gone:
                live.pop(v, None)
        return most

    def save(
        self,
        path: str | Path,
        *,
        batch: Sequence[str] | None = None,
        names: Mapping[str, Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        """Write the text to a file, and large constants to a file of the same name in .npz.

        A path that ends in .onnx gets an ONNX model instead. `batch` names the arguments whose
        first axis may then have any length; without it they are the first array and those of the
        same length, if the function takes other lengths. `names` maps names to tensors and arrays
        from outside, as `dict(module.named_parameters())` does, and `metadata` are texts, or what
        JSON can hold.
        Raises: TypeError for a call that ONNX has no operator for; ImportError if onnx is not
        installed; OSError if the file cannot be written.
        """
        path = as_path(path)
        if path.suffix == ".onnx":
            # Here, because few programs are exported, and it takes an eighth of the import.
            from tensorgrad.program.onnx.export import onnx_bytes

            text, run = self._text, self._run
            data = onnx_bytes(
                run.example, text.trace.inputs, text.main, run.known,
                batch=batch, names=names, metadata=metadata,
            )  # fmt: skip
            write_file(path, data)
            return
        write_file(path, self.source.encode())
        large = {name: x for name, x in self.constants.items() if not is_small(x)}
        if large:
            arrays = io.BytesIO()
            np.savez(arrays, **large)
            write_file(path.with_suffix(".npz"), arrays.getvalue())

    def time(self, *args: Any, **kwargs: Any) -> str:
        """Run the lines with these arguments; return a table of the microseconds of each."""
        space, clock = self._text.namespace(), time.perf_counter
        seconds = [0.0] * len(self._text.lines)
        space["_clock"], space["_note"] = clock, seconds.__setitem__
        timed = self._text.text(timed=True)
        exec(compile(timed, f"<timed {self._text.main}>", "exec"), space)
        function, best = self._text.callable_in(space), [np.inf] * len(seconds)
        for _ in range(20):
            self._run.call(function, args, kwargs)
            best = [min(pair) for pair in zip(best, seconds, strict=True)]
        rows = zip(best, self._text.lines, strict=True)
        shown = [(t, line.text.replace("\n", "\n" + " " * 11)) for t, line in rows if line.step]
        table = [f"{1e6 * t:9.1f}  {line}" for t, line in shown]
        return "\n".join([f"{1e6 * sum(best[:-1]):9.1f}  µs in all", *table])

    def draw(self, **options: Any) -> "Drawing":
        """Draw the lines as a graph; the options are those of `tg.draw`."""
        from tensorgrad.program.drawing import ProgramGraph

        return ProgramGraph(self._text, self.source).draw(**options)


def program_of(f: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Program:
    """Return the program of a compiled function for such arguments."""
    program: Program = f.program(*args, **kwargs)
    return program


def free_axes_of(v: Var) -> tuple[int, ...]:
    """Return the axes of a variable whose length follows those of the arguments."""
    return tuple(axis for axis, number in enumerate(v.free) if number is not None)


def constant_lines(text: Text) -> list[str]:
    """Return the definitions of the constants, and notes about what has no text."""
    lines = []
    for name, x in text.constants.arrays.values():
        if is_small(x):
            lines.append(f"{name} = {defined_array(x)}")
        else:
            file = f'np.load(__file__.removesuffix(".py") + ".npz")["{name}"]'
            lines += [f"# {x.dtype}, {x.shape}; save() writes the file", f"{name} = {file}"]
    for name, x in text.constants.objects.values():
        known = name in (*text.layout.positional, *text.parameters)
        if not known and id(x) not in text.constants.only_in_checks:
            lines.append(f"# {name}: {x!r} has no source text, so this text does not stand alone")
    return lines
