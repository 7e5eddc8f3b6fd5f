"""Whole calls: a trace in which each call that has a row in the table of ONNX is one step."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from tensorgrad.contexts import in_own_context
from tensorgrad.engine.base import unwrap, wrap
from tensorgrad.engine.state import NO_KEYWORDS, STATE
from tensorgrad.program.arrays import TracedArray, Untraceable
from tensorgrad.program.capture import Captured
from tensorgrad.program.onnx.formulas import BODIES, WITH_RESIDUALS, WithoutResiduals
from tensorgrad.program.onnx.sizes import Merging
from tensorgrad.program.recorder import Recorder
from tensorgrad.program.steps import Var, substituted_in
from tensorgrad.program.tracing import Tracing
from tensorgrad.rules import COMPOSITE, load_tables

BATCHES = (3, 5, 7)  # sizes at which a function is traced; two give a line, the third checks it
RANDOM = (
    "{} draws random numbers, or reads what changes, at each call{}, which a file cannot do; "
    "switch layers such as Dropout to evaluation by module.eval()"
)


class WholeCallRecorder(Recorder):
    """A recorder that does not look into functions with a row of their own."""

    def __init__(self, whole: Any, before: Any) -> None:
        super().__init__(before)
        self.whole = whole
        self.expanding: list[Any] = []  # composites whose own calls are being recorded

    def grouped(self, name: str, function: Any, args: Any, kwargs: Any) -> Any:
        """Call the body of a function, as one step if it has a row; or the formula for it."""
        without_mask = args and args[-1] is None
        formula = WITH_RESIDUALS.get(function) or BODIES.get(function)
        if function in self.whole and (formula is None or without_mask):
            return self.record("call", function, args, kwargs)
        if formula is not None:
            found = unwrap(formula(*substituted_in(args, as_tensor), **kwargs))
            return (found, WithoutResiduals(name)) if function in WITH_RESIDUALS else found
        return super().grouped(name, function, args, kwargs)

    def record(
        self, form: str, callee: Any, args: Any, kwargs: Any = NO_KEYWORDS, written: Any = ()
    ) -> Any:
        """Record a call; one of a composite without a row as the calls that it is made of."""
        is_whole = form != "call" or written or not load_tables(callee)
        function = None if is_whole else COMPOSITE.get(callee)
        if function is None or callee in self.whole or callee in self.expanding:
            return super().record(form, callee, args, kwargs, written)
        args, kwargs = substituted_in((args, dict(kwargs)), as_tensor)
        self.expanding.append(callee)
        try:
            return substituted_in(function(*args, **kwargs), unwrap)
        finally:
            self.expanding.pop()

    def check_step(self, holds: Any, error: Any, message: Any, *shown: Any) -> None:
        """Write nothing down: a file has no errors."""

    def impure(self, function: Any, args: Any, kwargs: Any) -> Any:
        """Refuse a function that runs each time."""
        scope = STATE.get().scope
        where = "" if scope is None else f" of {scope!r}"
        raise self.refuse(RANDOM.format(getattr(function, "__name__", function), where))


def as_tensor(x: Any) -> Any:
    """Return a stand-in as a constant tensor; anything else as it is."""
    return wrap(x) if type(x) is TracedArray else x


class WholeCalls(Captured):
    """A function that is traced by whole calls."""

    def __init__(self, whole: Any, *args: Any) -> None:
        super().__init__(*args)
        self.whole = whole
        self.choices = []  # this is traced at several sizes by itself

    def new_recorder(self) -> Recorder:
        """Return the recorder of one run."""
        return WholeCallRecorder(self.whole, STATE.get().observer)


class Example(NamedTuple):
    """All that is needed to trace the function of a program again, without its arrays."""

    call: Callable[[list[Any]], Any]
    f: Any
    generators: list[Any]

    @in_own_context
    def traced(self, whole: Any, leaves: list[Any]) -> Tracing:
        """Trace the function on arrays by whole calls."""
        with np.errstate(all="ignore"):
            return WholeCalls(whole, self.call, self.f, leaves, self.generators).run()


class Calls(NamedTuple):
    """The calls of a function: a trace, and what depends on the batch size in it."""

    trace: Tracing
    shapes: dict[Var, tuple[Any, ...]]
    batch: list[int]  # the inputs whose first axis is free


def batched(inputs: list[Var]) -> list[int]:
    """Return the numbers of the inputs whose first axes are as long as that of the first input."""
    lengths = [v.shape[0] if v.shape else None for v in inputs]
    first = next((n for n in lengths if n is not None), None)
    return [i for i, n in enumerate(lengths) if n == first] if first is not None else []


def calls_of(example: Example, inputs: list[Var], axes: list[int], whole: Any) -> Calls:
    """Trace the calls of a function at several batch sizes, and merge the traces.

    `axes` are the numbers of the inputs whose first axes are free; with none, there is one trace.
    """
    sizes = list(BATCHES) if axes else [0]
    traces = []
    for n in sizes:
        shapes = [(n, *v.shape[1:]) if i in axes else v.shape for i, v in enumerate(inputs)]
        leaves = [example_of(v, shape) for v, shape in zip(inputs, shapes, strict=True)]
        traces.append(example.traced(whole, leaves))
    merging = Merging(sizes)
    for parts in ("inputs", "externals", "results", "gradients", "writes"):
        merging.merged([of_variables(getattr(trace, parts)) for trace in traces])
    merging.steps([trace.steps for trace in traces])
    return Calls(traces[0], merging.shapes, axes)


def of_variables(tree: Any) -> Any:
    """Return the variables in a part of a trace, in order."""
    found: list[Var] = []

    def visit(x: Any) -> None:
        if type(x) is Var:
            found.append(x)
        elif isinstance(x, (tuple, list)):
            for item in x:
                visit(item)
        elif isinstance(x, dict):
            visit(list(x.values()))

    visit(tree)
    return found


def example_of(v: Var, shape: tuple[int, ...]) -> Any:
    """Return an array like an input: numbers between 0 and 1, and integers of 0."""
    values = np.random.default_rng(0).uniform(0.1, 0.9, shape)
    if v.weak:
        return v.dtype.type(values).item()
    found = values.astype(v.dtype) if v.dtype.kind in "fc" else np.zeros(shape, v.dtype)
    return found[()] if v.scalar else found


def refuse_changes(trace: Tracing, known: dict[int, str]) -> None:
    """Raise if a function changes what a file cannot: gradients, or state of a module."""
    if trace.gradients:
        raise Untraceable(
            "the function calls backward, which fills .grad; return the gradients, as "
            "tg.value_and_grad does"
        )
    if trace.writes:
        names = ", ".join(dict.fromkeys(source.name(known) for source, _ in trace.writes))
        raise Untraceable(
            f"the function writes to {names}, as layers in training mode do to their running "
            "statistics; switch them to evaluation by module.eval()"
        )
