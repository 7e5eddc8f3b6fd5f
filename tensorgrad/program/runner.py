"""Runner: a program together with how it is called."""

import inspect
from collections.abc import Iterator
from typing import Any

from tensorgrad.engine.base import TensorBase, wrap
from tensorgrad.engine.state import STATE
from tensorgrad.program.arrays import Untraceable
from tensorgrad.program.capture import Captured
from tensorgrad.program.keys import SWITCH, plan_of
from tensorgrad.program.program import Program
from tensorgrad.program.results import results_in, same_bits, wrapper_of
from tensorgrad.program.steps import Var, hint
from tensorgrad.program.writing import Layout, Text, is_array


class Runner:
    """A program together with how its arguments are taken apart, and its results put together."""

    def __init__(self, compiled: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        f, static = compiled.f, compiled.static_argnums
        layout = Layout(f, args, kwargs)
        arrays: list[Any] = []
        shown = tuple(None if i in static else x for i, x in enumerate(args))
        take_apart((shown, kwargs), arrays)

        def call(stand_ins: list[Any]) -> Any:
            found = iter(stand_ins)
            inputs = [x if i in static else put_together(x, found) for i, x in enumerate(args)]
            keywords = {name: put_together(x, found) for name, x in kwargs.items()}
            return f(*inputs, **keywords)

        generators = [x for _, x in layout.static]
        captured = Captured(call, f, arrays, generators)
        trace = captured.run()
        name_result(trace, f)
        text = Text(trace, layout, layout.paths(shown, kwargs), captured.outside.names)
        self.program = Program(text, self)
        self.function, self.read, self.parameters = text.function, text.read, text.parameters
        self.name, self.text = text.main, text
        self.guards = captured.guards()
        self.nodes = [(t, t.node) for t in captured.tensors.values()]
        self.had_gradients = trace.had_gradients
        self.recording = STATE.get().recording
        self.plan = None if kwargs or static else plan_of(args)
        self.plain = not any(isinstance(x, TensorBase) for x in leaves_in((shown, kwargs)))
        self.finish = wrapper_of(trace)
        self.after = layout.extra
        self.written = [source for source, _ in trace.writes]
        self.check(captured, f, args, kwargs)

    def check(self, captured: Captured, f: Any, args: Any, kwargs: Any) -> None:
        """Compare the program with the function itself, to the bit.

        Raises: TypeError if they differ.
        """
        found = []
        for run in (lambda: f(*args, **kwargs), lambda: self(args, kwargs)):
            with captured.put_back():
                result = run()
                leaves = [leaf.grad for leaf, _ in self.had_gradients]
                found.append((result, leaves, [source.read() for source in self.written]))
        if not same_bits(*found):
            raise Untraceable(
                f"the program of {self.name} gives other bits than the function "
                "itself, because the function does something else for stand-ins than for arrays, "
                "as by isinstance(x, np.ndarray); leave it out of what is compiled"
            )

    def accepts(self, args: tuple[Any, ...]) -> bool:
        """Return True if this is the program for the arguments, as far as a short look can tell."""
        plan = self.plan
        if plan is None or len(plan) != len(args):
            return False
        for given, (kind, dtype, shape) in zip(args, plan, strict=True):
            x: Any = given
            if type(x) is not kind:
                return False
            if shape is not None and not (x.shape == shape and x.dtype is dtype and x.flags.forc):
                return False
        state = STATE.get()
        return state.observer is None and state.recording is self.recording and not SWITCH.off

    def fits(self) -> bool:
        """Return True if what the function uses from outside is as it was."""
        for guard in self.guards:
            if not guard.holds():
                return False
        for t, node in self.nodes:
            if t.node is not node or (node and node.extras and node.extras.hooks):
                return False
        return all((leaf.node.extras.grad is not None) is had for leaf, had in self.had_gradients)

    def __call__(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return self.call(self.function, args, kwargs)

    def call(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Return what the program's function, or one in its place, computes."""
        if not self.plain:
            args, kwargs = values_in(args), values_in(kwargs)
        if self.read:
            outside = [source.read() for source in self.read]
            if self.after:
                kwargs = kwargs | dict(zip(self.parameters, outside))
            else:
                args = (*args, *outside)
        try:
            result = function(*args, **kwargs) if kwargs else function(*args)
        except Exception as error:
            self.text.note(error)
            raise
        return result if self.finish is None else self.finish(result)


def name_result(trace: Any, f: Any) -> None:
    """Name the first result after the function that returned it."""
    name = getattr(inspect.unwrap(f), "__name__", "")
    first = next((r.value for r in results_in(trace.results) if type(r.value) is Var), None)
    taken = getattr(f, "__name__", "")  # by the program itself
    if first is not None and first.gradient_of is None and name.isidentifier() and name != taken:
        hint(first, name, 2)


def leaves_in(tree: Any) -> Iterator[Any]:
    """Yield the leaves of nested containers."""
    if isinstance(tree, dict):
        tree = list(tree.values())
    if isinstance(tree, (list, tuple)):
        for x in tree:
            yield from leaves_in(x)
    else:
        yield tree


def take_apart(tree: Any, arrays: list[Any]) -> None:
    """Collect the arrays in nested containers."""
    for x in leaves_in(tree):
        if is_array(x):
            arrays.append(x._value if isinstance(x, TensorBase) else x)


def put_together(x: Any, stand_ins: Iterator[Any]) -> Any:
    """Return an argument with stand-ins for its arrays."""
    if isinstance(x, dict):
        return {key: put_together(value, stand_ins) for key, value in x.items()}
    if isinstance(x, (list, tuple)):
        items = [put_together(item, stand_ins) for item in x]
        return type(x)(*items) if hasattr(x, "_fields") else type(x)(items)
    if isinstance(x, TensorBase):
        return wrap(next(stand_ins))
    return next(stand_ins) if is_array(x) else x


def values_in(x: Any) -> Any:
    """Replace the tensors in an argument by their arrays."""
    if isinstance(x, TensorBase):
        return x._value
    if isinstance(x, dict):
        return {key: values_in(value) for key, value in x.items()}
    if isinstance(x, (list, tuple)):
        items = [values_in(item) for item in x]
        return type(x)(*items) if hasattr(x, "_fields") else type(x)(items)
    return x
