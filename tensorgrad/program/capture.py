"""Capture: a function is run twice on stand-ins, and what both runs did alike becomes its steps."""

import random
from collections.abc import Callable
from typing import Any

import numpy as np

from tensorgrad.engine.state import STATE
from tensorgrad.program.arrays import Untraceable, Watched
from tensorgrad.program.comparison import Comparison, compared, merge
from tensorgrad.program.counts import Counts
from tensorgrad.program.guards import Guard
from tensorgrad.program.outside import Outside
from tensorgrad.program.recorder import Recorder
from tensorgrad.program.refusals import GROWS, ITERATOR, OF_THE_FIRST
from tensorgrad.program.sizes import choices
from tensorgrad.program.sources import (
    BufferSource,
    GradSource,
    Source,
    generator_state,
    set_generator_state,
)
from tensorgrad.program.tracing import Tracing, results_of
from tensorgrad.program.watching import watched


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
        self.checked = False  # if steps check the numbers of elements that values choose
        self.choices = choices(leaves, self.shapes())  # of axes with other lengths, still to try

    def run(self) -> Tracing:
        """Trace until two runs agree, if possible on arguments of different lengths.

        Raises: Untraceable.
        """
        return self.put_back(self.until_two_agree)

    def until_two_agree(self) -> Tracing:
        """Trace until two runs agree."""
        if self.outside.iterators:
            raise Untraceable(ITERATOR.format(self.outside.iterators[0]))
        first = None  # the run that has made something outside, if one did, and what was there
        for attempt in range(5):
            trace, seen = self.once(self.leaves)
            if first is not None:
                self.check_second(*first, trace)
            first = (trace, self.outside) if attempt == 0 and self.outside.has_grown() else None
            if first is not None:
                self.outside = Outside(self.f)
                self.tensors |= self.outside.tensors
                continue
            if self.counts_matter(trace):
                self.checked = True
                continue
            if self.with_sizes(trace, seen):
                return trace
            again, others = self.once(self.leaves)
            both = {key: t for key, t in others.items() if key in seen}
            if not both:  # no tensor that is not made inside
                merge(trace, again, [])
                return trace
            self.tensors |= both
        raise Untraceable("each run of the function uses other tensors from outside")

    def check_second(self, first: Tracing, before: Outside, second: Tracing) -> None:
        """Check the run after one that has made something outside.

        Raises: Untraceable if it makes more, or finds numbers there and does something else.
        """
        if self.outside.has_grown():
            raise Untraceable(GROWS)
        now = self.outside
        if len(before.tensors) != len(now.tensors) or len(before.generators) != len(now.generators):
            return  # weights, say, which the first run had as arrays of its own
        try:
            compared(first, second, Comparison([]))
        except Untraceable as error:
            raise Untraceable(OF_THE_FIRST) from error

    def counts_matter(self, trace: Tracing) -> bool:
        """Return True if the program is for the numbers of elements that values choose here."""
        if self.checked or not trace.counts.found:
            return False
        if trace.counts.decide:
            return True
        try:
            changed, _ = self.once(self.leaves, Counts(changed=True))
            compared(trace, changed, Comparison([]))
        except Exception:  # of the user's code, which wants these numbers
            return True
        return False

    def with_sizes(self, trace: Tracing, seen: dict[int, Any]) -> bool:
        """Return True if the function does the same with longer arguments, and note the sizes."""
        while self.choices:
            choice = self.choices[0]
            steps = [(step, step.args, step.kwargs) for step in trace.all_steps()]
            results = trace.results
            try:
                longer, others = self.once(choice.changed(self.leaves, choice.more))
                if others.keys() & seen.keys():
                    return False  # a tensor that is not made inside
                merge(trace, longer, choice.pairs(choice.more))
                more = choice.more_at_check
                longest, _ = self.once(choice.changed(self.leaves, more))
                compared(trace, longest, Comparison(choice.pairs(more), known=True))
            except Exception:  # of the user's code, which wants these lengths
                self.choices.pop(0)
                trace.results, trace.lengths = results, []
                for v in (*trace.inputs, *trace.outputs):
                    v.free = ()
                for step, args, kwargs in steps:
                    step.args, step.kwargs = args, kwargs
                continue
            return True
        return False

    def shapes(self) -> list[tuple[int, ...]]:
        """Return the shapes of the tensors and arrays that the function uses from outside."""
        return [t._value.shape for t in self.tensors.values()] + [
            x.shape for x in self.outside.arrays
        ]

    def guards(self) -> list[Guard]:
        """Return the guards of what a program is made for, also of what the first run has made."""
        found = self.outside.guards
        if self.outside.has_grown() or not all(guard.holds() for guard in found):
            found = Outside(self.f).guards
        return found

    def put_back(self, runs: Callable[[], Any]) -> Any:
        """Call a function, then put back what its runs change: generators, numbers, arrays."""
        generators = [(g, generator_state(g)) for g in self.generators]
        nodes = [t.node for t in self.tensors.values() if t.node is not None and t.is_leaf]
        grads = [(node, node.extras and node.extras.grad) for node in nodes]
        constants: list[Any] = [Source(t) for t in self.tensors.values() if t.node is None]
        values = [(source, source.read()) for source in (*constants, *self.buffers)]
        legacy, pythons = np.random.get_state(), random.getstate()
        arrays = [(a, a.copy()) for a in self.outside.arrays if a.nbytes <= 1 << 20]

        def run() -> Any:
            result = runs()
            self.refuse_changes(arrays)
            return result

        try:
            return undone_if_it_fails(run, self.outside, arrays)
        finally:
            np.random.set_state(legacy)
            random.setstate(pythons)
            for generator, state in generators:
                set_generator_state(generator, state)
            for node, grad in grads:
                if node.extras is not None:
                    node.extras.grad = grad
            for source, value in values:
                source.write(value)

    def refuse_changes(self, arrays: list[tuple[np.ndarray, np.ndarray]]) -> None:
        """Raise Untraceable if a run has changed plain values or arrays, given with copies."""
        for guard in self.outside.guards:
            if guard.has_changed_value():
                guard.put_back()
                raise Untraceable(
                    f"the function changes what it uses from outside, {guard!r}; pass it as an "
                    "argument and return the new value"
                )
        for array, copy in arrays:
            if not np.array_equal(array, copy, equal_nan=array.dtype.kind in "fc"):
                raise Untraceable(
                    f"the function writes into an ndarray of shape {array.shape} from outside; "
                    "make it a tensor, or pass it as an argument and return the new one"
                )

    def once(
        self, leaves: list[Any], counts: Counts | None = None
    ) -> tuple[Tracing, dict[int, Any]]:
        """Run the function on stand-ins; also return the tensors that are not known."""
        recorder = self.new_recorder()
        recorder.counts = counts or Counts(self.checked)
        inputs = [recorder.stand_in(x * 1.0 if type(x) is float else x) for x in leaves]
        recorder.arguments = {x.variable for x in inputs}
        sources = self.sources()
        recorder.outside = {id(t): source for t, source in sources}
        known = {id(x) for x in self.outside.arrays}
        recorder.arrays = known - self.outside.compared
        outside = [t for t, source in sources if type(source) is Source and t.node is not None]
        grads = [(t, t.node, t.grad) for t in outside if t.is_leaf]
        hooked = [node.extras for _, node, _ in grads if node.extras and node.extras.hooks]
        if hooked:
            raise Watched(
                "a parameter has a hook, which a program would not call; remove it",
                lambda: any(extras.hooks for extras in hooked),
            )
        buffers = [(b, b.read(), recorder.stand_in(b.read().copy())) for b in self.buffers]
        try:
            for b, _, x in buffers:
                b.write(x)
            traced = STATE.get().inside(observer=recorder)

            def run() -> Any:
                result = traced.run(self.call, (inputs,))
                return traced.run(results_of, (result, recorder, known))

            results = refusing(recorder, lambda: watching([t for t, _ in sources], run))
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
            raise recorder.refuse_kept(kept_outside[0])
        touched = {v.root for step in recorder.steps for v in step.writes}
        kept = {id(x): x for _, _, x in buffers if x.variable not in touched}
        externals = [(recorder.outside[key], x.variable) for key, x in recorder.externals.items()]
        writes = [(recorder.outside[key], x.variable) for key, x in recorder.written.items()]
        places = {key: i for i, key in enumerate(recorder.externals)}
        gradients.sort(key=lambda pair: places.get(id(pair[0]), len(places)))  # as the parameters
        trace = Tracing(
            [x.variable for x in inputs],
            [*externals, *((b, x.variable) for b, _, x in buffers)],
            recorder.steps,
            results,
            [(t, None if x is None else recorder.variable_of(x)) for t, x in gradients],
            [
                (t, old is not None)
                for t, _, old in grads
                if any(t is leaf for leaf, _ in gradients)
            ],
            [*writes, *((b, recorder.variable_of(x)) for b, x in after if id(x) not in kept)],
            recorder.counts,
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


def undone_if_it_fails(runs: Callable[[], Any], outside: Outside, arrays: list[Any]) -> Any:
    """Return what a function returns; if it raises, put back what it has changed outside."""
    try:
        return runs()
    except BaseException:
        outside.undo()
        for array, copy in arrays:
            array[...] = copy
        raise


def refusing(recorder: Recorder, function: Callable[[], Any]) -> Any:
    """Return what a function returns.

    Raises: the first refusal that it, or NumPy, has passed over or turned into another error.
    """
    try:
        result = function()
    except Exception as error:
        refusal = recorder.refusals.hidden_by(error)
        if refusal is not None:
            raise refusal from error
        raise
    if recorder.refusals.found:
        raise recorder.refusals.found[0]
    return result


def watching(tensors: list[Any], function: Callable[[], Any]) -> Any:
    """Call a function that reads the values of these tensors as stand-ins."""
    kinds = [(t, type(t)) for t in tensors]
    try:
        for t, kind in kinds:
            t.__class__ = watched(kind)  # type: ignore[arg-type]
        return function()
    finally:
        for t, kind in kinds:
            t.__class__ = kind
