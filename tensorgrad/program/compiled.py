"""compile: a function that becomes a program at its first call, one for each kind of arguments."""

import contextlib
import functools
import inspect
import os
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np

from tensorgrad.engine.base import TensorBase, needs_grad, wrap
from tensorgrad.engine.state import STATE
from tensorgrad.operands import plain_array
from tensorgrad.program.arrays import Untraceable
from tensorgrad.program.capture import Captured
from tensorgrad.program.program import Program
from tensorgrad.program.results import results_in, same_bits, wrapper_of
from tensorgrad.program.steps import Var, hint
from tensorgrad.program.writing import Layout, Text, is_array

MOST_PROGRAMS = 16  # programs that a function keeps
SWITCH = threading.local()


@contextlib.contextmanager
def no_compile() -> Iterator[None]:
    """Run compiled functions eagerly inside, to look for a mistake.

    The environment variable `TENSORGRAD_COMPILE=0` does so for a whole run.
    """
    before = getattr(SWITCH, "off", False)
    SWITCH.off = True
    try:
        yield
    finally:
        SWITCH.off = before


def compile(  # noqa: A001  # as JAX and PyTorch call it
    f: Any = None, *, static_argnums: int | tuple[int, ...] = ()
) -> Any:
    """Return a function that computes what `f` does by a program, which is made at its first call.

    `f` takes arrays, in nested containers too, and returns such: a loss, a gradient function, a
    Module. For every structure of shapes, dtypes and plain values among its arguments it is traced
    once, and becomes a straight line of NumPy calls (see `Program`); calls after that run this
    line, and give the same bits. Arrays, tensors and floats are variables of a program; it is made
    for integers, texts and the arguments that `static_argnums` names.
    Raises: TypeError where `f` decides by the values of its arguments, with the line.

    >>> import tensorgrad as tg
    >>> slope = tg.compile(tg.grad(lambda x: np.sum(np.tanh(x))))
    >>> slope(np.array([0.0, 1.0])).round(4)
    array([1.  , 0.42])
    """
    if f is None:
        return functools.partial(compile, static_argnums=static_argnums)
    return Compiled(f, static_argnums)


class Compiled:
    """A function that runs as a program."""

    def __init__(self, f: Any, static_argnums: int | tuple[int, ...] = ()) -> None:
        if not callable(f):
            raise TypeError(f"compile takes a function or a Module, but was given {f!r}")
        functools.update_wrapper(self, f, updated=())
        self.f = f
        numbers = (static_argnums,) if isinstance(static_argnums, int) else static_argnums
        self.static_argnums = frozenset(numbers)
        self.programs: dict[Any, list[Runner]] = {}
        self.lock = threading.RLock()

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        """Return the method of an instance, if a method was decorated."""
        return self if instance is None else functools.partial(self, instance)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Return what the function returns."""
        if runs_eagerly(args, kwargs):
            return self.f(*args, **kwargs)
        return self.runner(args, kwargs)(args, kwargs)

    def program(self, *args: Any, **kwargs: Any) -> Program:
        """Return the program for such arguments."""
        return self.runner(args, kwargs).program

    def runner(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> "Runner":
        """Return the program for the arguments, made now if there is none."""
        key = self.key(args, kwargs)
        for runner in self.programs.get(key, ()):
            if runner.fits():
                return runner
        with self.lock:
            runner = Runner(self, args, kwargs)
            kept = self.programs.setdefault(key, [])
            kept[:] = [r for r in kept if r.fits()][: MOST_PROGRAMS - 1]
            kept.append(runner)
            while sum(map(len, self.programs.values())) > MOST_PROGRAMS:
                oldest = next(iter(self.programs))
                self.programs[oldest].pop(0)
                if not self.programs[oldest]:
                    del self.programs[oldest]
            return runner

    def key(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Return what a program is made for: structure, shapes, dtypes and static values."""
        static = self.static_argnums
        kinds = [kind_of(x) if i not in static else hashable(x) for i, x in enumerate(args)]
        if kwargs:
            kinds.append(tuple((name, kind_of(x)) for name, x in kwargs.items()))
        kinds.append(STATE.get().recording)
        return tuple(kinds)

    def __repr__(self) -> str:
        return f"<compiled {self.f!r}>"


def hashable(x: Any) -> Any:
    """Return a static argument as the key of a dict.

    Raises: TypeError if it can change.
    """
    if isinstance(x, (list, tuple)):
        return (type(x), *map(hashable, x))
    if isinstance(x, slice):
        return (slice, x.start, x.stop, x.step)
    if isinstance(x, dict):
        return (dict, *((key, hashable(value)) for key, value in x.items()))
    if isinstance(x, np.ndarray):
        return (x.dtype, x.shape, x.tobytes())
    hash(x)
    return (type(x), x)


def kind_of(x: Any) -> Any:
    """Return what of an argument a program is made for."""
    if type(x) is np.ndarray:
        return (x.dtype, x.shape, x.flags.forc)
    if isinstance(x, TensorBase):
        return ("tensor", type(x), *kind_of(np.asarray(x._value)))
    if isinstance(x, (float, complex, np.generic)):
        return type(x)
    if isinstance(x, dict):
        return (dict, tuple((key, kind_of(value)) for key, value in x.items()))
    if isinstance(x, (list, tuple)):
        return (type(x), *map(kind_of, x))
    if x is None or isinstance(x, (bool, int, str, bytes)):
        return (type(x), x)
    return static_kind(x)


def static_kind(x: Any) -> Any:
    """Return an object that is no array, which a program is made for.

    Raises: TypeError if its values could change.
    """
    if isinstance(x, np.ndarray):
        plain_array(x)
    if isinstance(x, (type, np.dtype, slice, type(Ellipsis), np.random.Generator)) or callable(x):
        return x if not isinstance(x, slice) else (slice, x.start, x.stop, x.step)
    raise TypeError(
        f"a compiled function takes arrays, numbers, and dicts, lists and tuples of them, but was "
        f"given a {type(x).__name__}; pass its arrays, or name it in static_argnums"
    )


def runs_eagerly(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Return True where a program would lose something, and where programs are off."""
    state = STATE.get()
    if state.observer is not None or getattr(SWITCH, "off", False):
        return True
    if os.environ.get("TENSORGRAD_COMPILE") == "0":
        return True
    return state.recording and (needs_grad(args) or (bool(kwargs) and needs_grad(kwargs)))


class Runner:
    """A program together with how its arguments are taken apart, and its results put together."""

    def __init__(self, compiled: Compiled, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
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
        self.name = text.main
        self.guards = [g for g in captured.outside.guards if g.matters()]
        self.had_gradients = trace.had_gradients
        self.plain = not any(isinstance(x, TensorBase) for x in leaves_in((shown, kwargs)))
        self.finish = wrapper_of(trace)
        self.after = layout.extra
        self.written = [t for t, _ in trace.writes]
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
                found.append((result, leaves, [t._value for t in self.written]))
        if not same_bits(*found):
            raise Untraceable(
                f"the program of {self.name} gives other bits than the function "
                "itself, because the function does something else for stand-ins than for arrays, "
                "as by isinstance(x, np.ndarray); leave it out of what is compiled"
            )

    def fits(self) -> bool:
        """Return True if what the function uses from outside is as it was."""
        return all(guard.holds() for guard in self.guards) and all(
            (leaf.grad is not None) == had for leaf, had in self.had_gradients
        )

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
        result = function(*args, **kwargs) if kwargs else function(*args)
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
