"""Capture: a function is run twice on stand-ins, and what both runs did alike becomes its steps."""

import contextlib
import linecache
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from tensorgrad.engine.base import TensorBase
from tensorgrad.engine.state import STATE
from tensorgrad.program.arrays import TracedArray, Untraceable
from tensorgrad.program.outside import PLAIN_VALUES, Guard, Outside, watched
from tensorgrad.program.recorder import Recorder
from tensorgrad.program.sources import BufferSource, GradSource, Source
from tensorgrad.program.steps import Step, Var, substituted_in


class Result(NamedTuple):
    """One array in what a function returned, and what it is wrapped in."""

    kind: str  # "array", "tensor", "recorded", or "same" for what is no array
    value: Any  # a Var or a constant


class Tracing(NamedTuple):
    """The record of one run of a function."""

    inputs: list[Var]
    externals: list[tuple[Any, Var]]  # a source, and the variable of its value
    steps: list[Step]
    results: Any  # a tree of Result
    gradients: list[tuple[Any, Var | None]]  # the leaves whose .grad changed
    had_gradients: list[tuple[Any, bool]]  # the same leaves, and if they had one before
    writes: list[tuple[Any, Var]]  # a source that was written to, and the variable
    guards: Any


class Captured:
    """The traces of a function, and the state that they are to leave as it was."""

    def __init__(
        self, call: Callable[[list[Any]], Any], f: Any, leaves: list[Any], generators: Any = ()
    ) -> None:
        self.call, self.f = call, f
        self.leaves = leaves
        self.outside = Outside(f)
        self.tensors: dict[int, Any] = dict(self.outside.tensors)
        self.buffers = [BufferSource(*pair) for pair in self.outside.buffers]
        self.generators = [*self.outside.generators, *generators]

    def run(self) -> Tracing:
        """Trace until two runs agree.

        Raises: Untraceable.
        """
        with self.put_back():
            before, seen = self.once()
            for _ in range(4):
                trace, again = self.once()
                both = {key: t for key, t in again.items() if key in seen}
                if not both:  # no tensor that is not made inside
                    different(before, trace)
                    return trace
                self.tensors |= both
                before, seen = self.once()
        raise Untraceable("each run of the function uses other tensors from outside")

    def guards(self) -> list[Guard]:
        """Return the guards of what a program is made for, also of what the first run has made."""
        found = self.outside.guards
        if not all(guard.holds() for guard in found):
            found = Outside(self.f).guards
        return [guard for guard in found if guard.matters()]

    @contextlib.contextmanager
    def put_back(self) -> Iterator[None]:
        """Put back what the runs change: generators, numbers, arrays."""
        generators = [(g, generator_state(g)) for g in self.generators]
        leaves = [t.node for t in self.tensors.values() if t.node is not None and t.is_leaf]
        grads = [(node, node.extras and node.extras.grad) for node in leaves]
        constants: list[Any] = [Source(t) for t in self.tensors.values() if t.node is None]
        values = [(source, source.read()) for source in (*constants, *self.buffers)]
        legacy = np.random.get_state()
        arrays = [(a, a.copy()) for a in self.outside.arrays if a.nbytes <= 1 << 20]
        try:
            yield
        finally:
            np.random.set_state(legacy)
            for generator, state in generators:
                set_generator_state(generator, state)
            for node, grad in grads:
                if node.extras is not None:
                    node.extras.grad = grad
            for source, value in values:
                source.write(value)
        for guard in self.outside.guards:
            if guard.has_changed_value():
                guard.put_back()
                raise Untraceable(
                    f"the function changes what it uses from outside, {guard!r}; pass it as an "
                    "argument and return the new value"
                )
        for array, copy in arrays:
            if not np.array_equal(array, copy, equal_nan=array.dtype.kind in "fc"):
                array[...] = copy
                raise Untraceable(
                    f"the function writes into an ndarray of shape {array.shape} from outside; "
                    "make it a tensor, or pass it as an argument and return the new one"
                )

    def once(self) -> tuple[Tracing, dict[int, Any]]:
        """Run the function on stand-ins; also return the tensors that are not known."""
        recorder = self.new_recorder()
        inputs = [recorder.stand_in(x * 1.0 if type(x) is float else x) for x in self.leaves]
        recorder.arguments = {x.variable for x in inputs}
        sources = self.sources()
        recorder.outside = {id(t): source for t, source in sources}
        leaves = [t for t, source in sources if type(source) is Source and t.node is not None]
        grads = [(t, t.node, t.grad) for t in leaves if t.is_leaf]
        if any(node.extras is not None and node.extras.hooks for _, node, _ in grads):
            raise Untraceable("a parameter has a hook, which a program would not call; remove it")
        buffers = [(b, b.read(), recorder.stand_in(b.read().copy())) for b in self.buffers]
        try:
            for b, _, x in buffers:
                b.write(x)
            with watching([t for t, _ in sources]):
                traced = STATE.get().inside(observer=recorder)
                result = traced.run(self.call, (inputs,))
                results = traced.run(results_of, (result,))
            after = [(b, b.read()) for b in self.buffers]
            gradients = [
                (t, None if t.grad is None else t.grad._value)
                for t, _, old in grads
                if t.grad is not old
            ]
        finally:
            for _, node, old in grads:
                if node.extras is not None:
                    node.extras.grad = old
            recorder.put_back()
            for b, array, _ in buffers:
                b.write(array)
            kept_outside = self.outside.restore()
            recorder.nodes.clear()
        if kept_outside:
            raise Untraceable(
                "the function keeps a traced value in a list, a dict or an attribute from outside, "
                "which a program does not fill; return it instead"
            )
        touched = {v.root for step in recorder.steps for v in step.writes}
        kept = {id(x): x for _, _, x in buffers if x.variable not in touched}
        externals = [(recorder.outside[key], x.variable) for key, x in recorder.externals.items()]
        writes = [(recorder.outside[key], x.variable) for key, x in recorder.written.items()]
        trace = Tracing(
            [x.variable for x in inputs],
            [*externals, *((b, x.variable) for b, _, x in buffers)],
            recorder.steps,
            results,
            [(t, None if x is None else x.variable) for t, x in gradients],
            [
                (t, old is not None)
                for t, _, old in grads
                if any(t is leaf for leaf, _ in gradients)
            ],
            [*writes, *((b, x.variable) for b, x in after if id(x) not in kept)],
            self.outside.guards,
        )
        recorder.forget()
        return trace, recorder.tensors

    def new_recorder(self) -> Recorder:
        """Return the recorder of one run."""
        return Recorder(STATE.get().observer)

    def sources(self) -> list[tuple[Any, Any]]:
        """Return the tensors from outside, and their gradients, each with its source."""
        values = [(t, Source(t)) for t in self.tensors.values()]
        leaves = [t for t in self.tensors.values() if t.node is not None and t.is_leaf]
        return values + [(t.grad, GradSource(t)) for t in leaves if t.grad is not None]


@contextlib.contextmanager
def watching(tensors: list[Any]) -> Iterator[None]:
    """Read the values of these tensors as stand-ins."""
    kinds = [(t, type(t)) for t in tensors]
    try:
        for t, kind in kinds:
            t.__class__ = watched(kind)  # type: ignore[arg-type]
        yield
    finally:
        for t, kind in kinds:
            t.__class__ = kind


def results_of(result: Any) -> Any:
    """Return the tree of what a function returned."""

    def leaf(x: Any) -> Result:
        if isinstance(x, TensorBase):
            value = x._value
            kind = "tensor" if x.node is None else "recorded"
            if type(value) is TracedArray:
                return Result(kind, value.variable)
            return Result("same", x)
        if type(x) is TracedArray:
            return Result("array", x.variable)
        if isinstance(x, (np.ndarray, *PLAIN_VALUES)):
            return Result("same", x)
        raise Untraceable(
            f"the function returns a {type(x).__name__}; return arrays, in tuples, lists and dicts"
        )

    return substituted_in(result, leaf)


def generator_state(generator: Any) -> Any:
    """Return a copy of a generator's state."""
    if isinstance(generator, np.random.RandomState):
        return generator.get_state()
    return generator.bit_generator.state


def set_generator_state(generator: Any, state: Any) -> None:
    """Put a generator's state back."""
    if isinstance(generator, np.random.RandomState):
        generator.set_state(state)
    else:
        generator.bit_generator.state = state


class Comparison:
    """Compares two traces, whose variables correspond in the order in which they are met."""

    def __init__(self) -> None:
        self.first: dict[Var, int] = {}
        self.second: dict[Var, int] = {}

    def alike(self, x: Any, y: Any) -> bool:
        """Return True if two trees hold the same variables and constants."""
        if type(x) is not type(y):
            return False
        if type(x) is Var:
            a, b = self.first, self.second
            return a.setdefault(x, len(a)) == b.setdefault(y, len(b))
        if isinstance(x, (tuple, list)):
            return len(x) == len(y) and all(map(self.alike, x, y))
        if type(x) is dict:
            return x.keys() == y.keys() and all(self.alike(x[k], y[k]) for k in x)
        if type(x) is slice:
            return self.alike((x.start, x.stop, x.step), (y.start, y.stop, y.step))
        return x is y or self.alike_constants(x, y)

    def alike_constants(self, x: Any, y: Any) -> bool:
        if isinstance(x, (np.ndarray, np.generic)):
            return x.dtype == y.dtype and x.shape == y.shape and x.tobytes() == y.tobytes()
        if isinstance(x, TensorBase):
            return self.alike(x._value, y._value)
        code = getattr(x, "__code__", None)
        if code is not None:  # of functions made by the same line
            return code is getattr(y, "__code__", None)
        return bool(x == y) or (x != x and y != y)

    def alike_steps(self, a: Step, b: Step) -> bool:
        return self.alike(
            (a.form, a.callee, a.args, a.kwargs, a.outs),
            (b.form, b.callee, b.args, b.kwargs, b.outs),
        )


def different(a: Tracing, b: Tracing) -> None:
    """Compare two traces.

    Raises: Untraceable with the line of the first difference.
    """
    compare = Comparison()
    compare.alike((a.inputs, [v for _, v in a.externals]), (b.inputs, [v for _, v in b.externals]))
    for step, other in zip(a.steps, b.steps, strict=False):
        if not compare.alike_steps(step, other):
            raise Untraceable(differs(step))
    if len(a.steps) != len(b.steps) or not compare.alike(a.results, b.results):
        steps = a.steps or b.steps
        raise Untraceable(differs(steps[-1] if steps else None))


def differs(step: Step | None) -> str:
    """Return the message about a step that differs between two runs."""
    text = (
        "two runs of the function on the same arguments differ: it uses random numbers, the time, "
        "or something that it changes; pass such values as arguments, or draw them in a function "
        "declared by tg.impure"
    )
    if step is None or step.place is None:
        return text
    file, line = step.place
    return f'{text}\n  File "{file}", line {line}\n    {linecache.getline(file, line).strip()}'
