"""compile: a function that becomes a program at its first call, one for each kind of arguments."""

import contextlib
import copy
import functools
import threading
import types
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

from tensorgrad.engine.base import needs_grad
from tensorgrad.engine.state import STATE
from tensorgrad.program.arrays import Watched
from tensorgrad.program.counts import OtherCount
from tensorgrad.program.keys import SWITCH, hashable, kind_of
from tensorgrad.program.members import found_by_name
from tensorgrad.program.program import Program
from tensorgrad.program.runner import Runner
from tensorgrad.program.watching import recorder_now

MOST_PROGRAMS = 16  # programs that a function keeps
COUNTS = (
    "values choose another number of elements at each call, as in x[x > 0], and each number wants "
    "a program of its own; write np.where(condition, a, b), which keeps the shape"
)


@contextlib.contextmanager
def no_compile() -> Iterator[None]:
    """Run compiled functions eagerly inside, to look for a mistake.

    The environment variable `TENSORGRAD_COMPILE=0` does so for a whole run.
    """
    before = SWITCH.off
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

    >>> import numpy as np
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
        self.recent: Runner | None = None
        self.watched: Watched | None = None
        self.said = False  # that it runs eagerly
        self.kept_as = f"_compiled_{self.name}"  # the attribute that has the method of an instance

    def __set_name__(self, owner: type, name: str) -> None:
        self.kept_as = f"_compiled_{owner.__qualname__}_{name}"  # as super() has another of a name

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        """Return the method of an instance, if a method was decorated, which keeps it."""
        if instance is None:
            return self
        method = getattr(instance, "__dict__", {}).get(self.kept_as)
        # A copy of an instance has the method of the original.
        if method is None or method.f.__self__ is not instance or method.f.__func__ is not self.f:
            static = {i - 1 for i in self.static_argnums}
            method = Compiled(types.MethodType(self.f, instance), tuple(static))
            self.keep(instance, method)
        return method

    def keep(self, instance: Any, method: "Compiled") -> None:
        """Let an instance, or a class, keep its method.

        Raises: TypeError if it has slots only.
        """
        if isinstance(instance, type):
            setattr(instance, self.kept_as, method)
        elif hasattr(instance, "__dict__"):
            vars(instance)[self.kept_as] = method
        else:
            kind = type(instance).__name__
            raise TypeError(
                f"a compiled method is kept by its instance, but {kind} has slots only; add "
                f'"__dict__" to __slots__ of {kind}, or compile a function that takes its arrays'
            )

    def __copy__(self) -> "Compiled":
        return Compiled(self.f, tuple(self.static_argnums))

    def __deepcopy__(self, memo: dict[int, Any]) -> "Compiled":
        return Compiled(copy.deepcopy(self.f, memo), tuple(self.static_argnums))

    def __reduce__(self) -> Any:
        """Leave the programs out of files and what goes to other processes.

        pickle needs a function that is found by its name in a module; cloudpickle takes any.
        """
        f = self.f
        if isinstance(f, types.MethodType):
            return getattr, (f.__self__, f.__func__.__name__)
        if isinstance(f, types.FunctionType) and found_by_name(f) is self:
            return f.__qualname__
        return Compiled, (f, tuple(self.static_argnums))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Return what the function returns."""
        if (recent := self.fitting(args, kwargs)) is not None:
            try:  # contextlib.suppress takes half a microsecond
                return recent(args, kwargs)
            except OtherCount:
                pass
        if runs_eagerly(args, kwargs):
            return self.f(*args, **kwargs)
        try:
            return self.by_program(*args, **kwargs)
        except Watched as error:
            if not self.said:
                self.said = True
                warnings.warn(f"{self.name} runs eagerly: {error}", RuntimeWarning, stacklevel=2)
        return self.f(*args, **kwargs)

    def fitting(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Runner | None:
        """Return the program of the last call, if a short look tells that it is the one."""
        recent = self.recent
        if recent is not None and not kwargs and recent.accepts(args):
            return recent
        return None

    def by_program(self, *args: Any, **kwargs: Any) -> Any:
        """Return what the function returns, by its program in any case.

        Raises: Untraceable where a call would run eagerly, or there can be no program.
        """
        if (recent := self.fitting(args, kwargs)) is not None:
            with contextlib.suppress(OtherCount):
                return recent(args, kwargs)
        if SWITCH.off:
            raise Watched("no_compile or TENSORGRAD_COMPILE=0 switches programs off", lambda: False)
        if self.watched is not None and self.watched.lasts():
            raise Watched(str(self.watched), self.watched.lasts)
        tried: list[Runner] = []
        while True:
            try:
                self.recent = runner = self.runner(args, kwargs, tried)
            except Watched as error:
                self.watched = error
                raise
            try:
                return runner(args, kwargs)
            except OtherCount:
                tried.append(runner)

    def program(self, *args: Any, **kwargs: Any) -> Program:
        """Return the program for such arguments."""
        runner, others = self.runner(args, kwargs), []
        while not runner.counts_fit(args, kwargs):
            others.append(runner)
            runner = self.runner(args, kwargs, others)
        return runner.program

    def runner(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], besides: Sequence[Runner] = ()
    ) -> Runner:
        """Return the program for the arguments, made now if there is none besides some."""
        if STATE.get().observer is not None:
            text = "detect_anomaly or trace watches every call, and a program makes none"
            raise Watched(text, lambda: False)
        key = self.key(args, kwargs)
        for runner in self.programs.get(key, ()):
            if runner not in besides and runner.fits():
                return runner
        if len(besides) == MOST_PROGRAMS - 1:
            raise Watched(COUNTS, lambda: True)
        with self.lock:
            runner = Runner(self, args, kwargs)
            kept = self.programs.setdefault(key, [])
            if len(kept) == MOST_PROGRAMS - 1:
                self.tell_of_changes(kept[-1])
            kept.append(runner)
            while sum(map(len, self.programs.values())) > MOST_PROGRAMS:
                oldest = next(iter(self.programs))
                self.programs[oldest].pop(0)
                if not self.programs[oldest]:
                    del self.programs[oldest]
            return runner

    def tell_of_changes(self, runner: Runner) -> None:
        """Warn that the function is traced again and again, and name what changes."""
        changed = runner.first_changed()
        if changed is not None:
            warnings.warn(
                f"{self.name} is traced anew each time when {changed!r} changes, which takes much "
                "longer than a call; pass it as an argument, or make it a Tensor",
                RuntimeWarning,
                stacklevel=5,
            )

    def key(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Return what a program is made for: structure, shapes, dtypes and static values."""
        static = self.static_argnums
        kinds = [kind_of(x) if i not in static else hashable(x) for i, x in enumerate(args)]
        if kwargs:
            kinds.append(tuple((name, kind_of(x)) for name, x in kwargs.items()))
        kinds.append(STATE.get().recording)
        return tuple(kinds)

    @property
    def name(self) -> str:
        """The name of the function."""
        return getattr(self.f, "__name__", type(self.f).__name__)

    def __repr__(self) -> str:
        return f"<compiled {self.f!r}>"


def runs_eagerly(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Return True where a program would lose something, and where programs are off."""
    state = STATE.get()
    if recorder_now() is not None or SWITCH.off:
        return True
    return state.recording and (needs_grad(args) or (bool(kwargs) and needs_grad(kwargs)))
