"""Runner: a program together with how it is called."""

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from tensorgrad.engine.base import TensorBase, wrap
from tensorgrad.engine.state import STATE
from tensorgrad.program.arrays import Untraceable
from tensorgrad.program.capture import Captured
from tensorgrad.program.comparing import all_hold, reader, short_look
from tensorgrad.program.counts import OtherCount, is_of_count
from tensorgrad.program.cutting.specialised import NotCut
from tensorgrad.program.expressions import NoArgument
from tensorgrad.program.guards import Guard
from tensorgrad.program.keys import plan_of
from tensorgrad.program.onnx.calls import Example
from tensorgrad.program.program import Program
from tensorgrad.program.refusals import unmade
from tensorgrad.program.results import same_bits, wrapper_of
from tensorgrad.program.sizes import Choice
from tensorgrad.program.sources import Fixed, generator_state, set_generator_state
from tensorgrad.program.steps import OF_RESULT, Var, hint, resolved
from tensorgrad.program.tracing import results_in
from tensorgrad.program.writing import Layout, Text, is_array
from tensorgrad.transforms.trees import leaves_of, tree_map


class Runner:
    """A program together with how its arguments are taken apart, and its results put together."""

    def __init__(self, compiled: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Make the program.

        Raises: the error of the function itself, if it raises one eagerly too; else Untraceable.
        """
        self.f = compiled.f
        self.captured: Captured | None = None  # while the program is made
        try:
            self.make(compiled, args, kwargs)
            self.captured = None
            return
        except Untraceable:
            raise
        except Exception as error:
            failure = error
        call = partial(self.f, *args, **kwargs)
        call() if self.captured is None else self.captured.put_back(call)
        raise unmade(failure) from failure

    def make(self, compiled: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Trace the function, and write the program for all lengths that it is right for."""
        f, static = compiled.f, compiled.static_argnums
        # A program has its own copies, because what a caller holds may change.
        args = tuple(tree_map(copy_of, x) if i in static else x for i, x in enumerate(args))
        layout = Layout(f, args, kwargs)
        shown = tuple(None if i in static else x for i, x in enumerate(args))
        leaves = leaves_of((shown, kwargs))

        def build(arrays: list[Any]) -> Any:
            found = iter(arrays)

            def of(x: Any) -> Any:
                if not is_array(x):
                    return x
                return wrap(next(found)) if isinstance(x, TensorBase) else next(found)

            inputs = [x if i in static else tree_map(of, x) for i, x in enumerate(args)]
            return tuple(inputs), tree_map(of, kwargs)

        self.build = build
        self.made_by = compiled, args, kwargs
        self.recording = STATE.get().recording
        self.plan = None if kwargs or static else plan_of(args)
        self.plain = not any(isinstance(x, TensorBase) for x in leaves)
        self.after = layout.extra
        paths = layout.paths(shown, kwargs)
        arrays = [array_of(x) for x in leaves if is_array(x)]
        generators = [x for _, x in layout.static]
        self.example = Example(self.run_eagerly, f, generators)
        objects = [x for x in leaves_of((args, kwargs)) if not is_array(x)]
        captured = Captured(self.run_eagerly, (f, *objects), arrays, generators)
        self.captured = captured
        self.cuts = True  # copied functions, as long as that gives the same bits
        self.write(captured, layout, paths)
        while self.text.trace.lengths:
            if self.serves(captured, captured.choices[0]) and self.runs_right(captured, arrays):
                return
            if self.text.is_cut:
                self.cuts = False
            else:
                captured.choices.pop(0)
                self.cuts = True
            self.write(captured, layout, paths)
        if self.text.is_cut:
            if self.runs_right(captured, arrays):
                return
            self.cuts = False
            self.write(captured, layout, paths)
        self.check(captured, arrays)

    def run_eagerly(self, arrays: list[Any]) -> Any:
        """Return what the function returns for other arrays."""
        args, kwargs = self.build(arrays)
        return self.f(*args, **kwargs)

    def write(self, captured: Captured, layout: Layout, paths: Any) -> None:
        """Trace the function, and write its program."""
        trace = captured.run()
        name_result(trace, self.f)
        self.known = captured.outside.names
        try:
            text = Text(trace, layout, paths, self.known, captured.outside.owned, self.cuts)
        except (NotCut, SyntaxError):
            if not self.cuts:
                raise
            self.cuts = False
            self.write(captured, layout, paths)
            return
        except NoArgument:  # in a function above, which is not given what has the length
            captured.choices.pop(0)
            self.write(captured, layout, paths)
            return
        self.program = Program(text, self)
        self.function, self.parameters = text.function, text.parameters
        self.read = reader(text.read) if text.read else None
        self.name, self.text = text.main, text
        self.guards = captured.guards()
        self.fits: Callable[[], bool] = self.first_fit
        self.accepts: Callable[[tuple[Any, ...]], bool] = self.first_look
        self.nodes = [(t, t.node) for t in captured.tensors.values()]
        self.had_gradients = trace.had_gradients
        self.finish = wrapper_of(trace)
        self.written = [source for source, _ in trace.writes]
        drawn_from = [*captured.generators, *(x.value for x in text.read if type(x) is Fixed)]
        self.tries = captured.outside.tries
        self.generators = drawn_from if trace.counts.checked or self.tries else []

    def check(self, captured: Captured, arrays: list[Any]) -> None:
        """Compare the program with the function itself, to the bit.

        Raises: TypeError if they differ.
        """
        if not self.is_right(captured, arrays):
            raise Untraceable(
                f"the program of {self.name} gives other bits than the function "
                "itself, because the function does something else for stand-ins than for arrays, "
                "as by isinstance(x, np.ndarray); leave it out of what is compiled"
            )

    def is_right(self, captured: Captured, arrays: list[Any]) -> bool:
        """Return True if the program gives the bits of the function itself."""

        def found(run: Callable[[list[Any]], Any]) -> tuple[Any, list[Any], list[Any]]:
            result = run(arrays)
            leaves = [leaf.grad for leaf, _ in self.had_gradients]
            return result, leaves, [source.read() for source in self.written]

        def by_program(arrays: list[Any]) -> Any:
            return self(*self.build(arrays))

        both = (self.run_eagerly, by_program)
        return same_bits(*(captured.put_back(partial(found, run)) for run in both))

    def runs_right(self, captured: Captured, arrays: list[Any]) -> bool:
        """Return True if the program runs, and gives the bits of the function itself."""
        try:
            return self.is_right(captured, arrays)
        except Exception:  # the text then has its functions whole
            return False

    def serves(self, captured: Captured, choice: Choice) -> bool:
        """Return True if the program is right also for lengths at which it was not traced."""
        try:
            changed = choice.changed(captured.leaves, choice.more_at_check)
        except Exception:  # the program is then made for one length
            return False
        return self.runs_right(captured, changed)

    def first_fit(self) -> bool:
        """Return True if what the function uses from outside is as it was.

        The lines that say so stand in the place of this method from now on.
        """
        self.fits = all_hold(self.guards, self.nodes, self.had_gradients)
        return self.fits()

    def first_look(self, args: tuple[Any, ...]) -> bool:
        """Return True if this is the program for a call, as far as a short look can tell."""
        self.fits()
        self.accepts = short_look(self.plan, self.recording, self.fits)
        return self.accepts(args)

    def first_changed(self) -> Guard | None:
        """Return a guard of what has changed outside, or None."""
        return next((guard for guard in self.guards if not guard.holds()), None)

    def __call__(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        try:
            result = self.computed(self.function, args, kwargs)
        except OtherCount:
            raise
        except Exception as error:
            if not self.tries or self.captured is not None:
                raise
            failure = error
        else:
            return result if self.finish is None else self.finish(result)
        return self.in_eager(failure, args, kwargs)

    def in_eager(self, failure: Exception, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Return what the function itself does, which may catch the error of its program.

        Raises: the error of the program, which has more to say, if the function raises the same.
        """
        try:
            return self.f(*args, **kwargs)
        except Exception as error:
            if type(error) is not type(failure):
                raise
        raise failure

    def call(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Return what the program's function, or one in its place, computes."""
        result = self.computed(function, args, kwargs)
        return result if self.finish is None else self.finish(result)

    def computed(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Return the arrays that the function computes, before they are put in their places.

        Raises: OtherCount if values choose other numbers of elements; generators are put back.
        """
        if not self.plain:
            args, kwargs = tree_map(array_of, (args, kwargs))
        if self.read is not None:
            if self.after:
                kwargs = kwargs | dict(zip(self.parameters, self.read()))
            else:
                args = (*args, *self.read())
        states = [(g, generator_state(g)) for g in self.generators] if self.generators else ()
        try:
            return function(*args, **kwargs) if kwargs else function(*args)
        except Exception as error:
            for generator, state in states:
                set_generator_state(generator, state)
            if is_of_count(error):
                raise OtherCount(*error.args) from error
            self.text.note(error)
            raise

    def counts_fit(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
        """Return True if values choose as many elements as at the trace."""
        states = [(g, generator_state(g)) for g in self.generators]
        try:
            if self.text.trace.counts.checked:
                self.computed(self.function, args, kwargs)
        except OtherCount:
            return False
        for generator, state in states:
            set_generator_state(generator, state)
        return True


def name_result(trace: Any, f: Any) -> None:
    """Name the first result after the function that returned it."""
    name = getattr(inspect.unwrap(f), "__name__", "")
    first = next((r.value for r in results_in(trace.results) if type(r.value) is Var), None)
    taken = getattr(f, "__name__", "")  # by the program itself
    first = first and resolved(first)
    if first is not None and first.gradient_of is None and name.isidentifier() and name != taken:
        hint(first, name, OF_RESULT)


def copy_of(x: Any) -> Any:
    """Return a copy of an array; anything else as it is."""
    return x.copy() if isinstance(x, np.ndarray) else x


def array_of(x: Any) -> Any:
    """Return the array of a tensor; anything else as it is."""
    return x._value if isinstance(x, TensorBase) else x
