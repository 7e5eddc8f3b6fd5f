"""What a call is recorded under: whether at all, in which scope, and who watches.

One per thread and context.
"""

import functools
import inspect
from collections.abc import Callable, Generator
from contextvars import ContextVar
from typing import Any


class State:
    """Immutable, so that a thread or a generator that holds one cannot be changed from outside."""

    __slots__ = ("observer", "outer", "recording", "scope")

    def __init__(
        self,
        recording: bool = True,
        scope: "ScopePath | None" = None,
        observer: "Observer | None" = None,
        outer: "State | None" = None,
    ) -> None:
        self.recording = recording
        self.scope = scope
        self.observer = observer
        self.outer = outer  # the state that `under` was entered from


STATE: ContextVar[State] = ContextVar("tensorgrad.state", default=State())  # noqa: B039, never written to


class with_state:  # noqa: N801, used as a verb
    """The current state with changes: for the body of a `with`, or a function that it decorates.

    One `under` can be entered again inside itself, and by several threads at once, for the state to
    come back to is kept in the state. Of a generator it covers the body, not the code that it
    yields to.
    """

    def __init__(self, **changes: Any) -> None:
        self.changes = changes

    def __enter__(self) -> None:
        now = STATE.get()
        kept = {"recording": now.recording, "scope": now.scope, "observer": now.observer}
        STATE.set(State(**kept | self.changes, outer=now))

    def __exit__(self, *exc: object) -> None:
        STATE.set(STATE.get().outer or STATE.get())

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        if inspect.isclass(function) or inspect.isasyncgenfunction(function):
            raise TypeError(
                f"{function.__name__} is a class or an asynchronous generator, which this cannot "
                "decorate; decorate the functions that it calls"
            )
        if inspect.isgeneratorfunction(function):

            @functools.wraps(function)
            def call(*args: Any, **kwargs: Any) -> Any:
                return self._steps(function(*args, **kwargs))

        elif inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def call(*args: Any, **kwargs: Any) -> Any:
                with self:  # each task of an event loop has a state of its own
                    return await function(*args, **kwargs)

        else:

            @functools.wraps(function)
            def call(*args: Any, **kwargs: Any) -> Any:
                with self:
                    return function(*args, **kwargs)

        return call

    def _steps(self, generator: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
        """The generator, each of whose steps is taken under the changed state."""
        step, sent = generator.send, None
        while True:
            try:
                with self:
                    item = step(sent)
            except StopIteration as stop:
                return stop.value
            try:
                step, sent = generator.send, (yield item)
            except BaseException as error:  # also the GeneratorExit of close()
                step, sent = generator.throw, error


def no_grad(function: Callable[..., Any] | None = None) -> Any:
    """Record nothing: results are constants. A context manager and a decorator.

    It holds for the thread that enters it. Decorate a generator rather than enter this inside one,
    whose state would reach the code that it yields to.
    """
    return (
        with_state(recording=False) if function is None else with_state(recording=False)(function)
    )


def enable_grad(function: Callable[..., Any] | None = None) -> Any:
    """Record again, inside a no_grad. A context manager and a decorator."""
    return with_state(recording=True) if function is None else with_state(recording=True)(function)


class Observer:
    """Watches what is computed; hands every event on to the observer that was there before it."""

    def __init__(self, before: "Observer | None" = None) -> None:
        self.before = before

    def compute(self, op: Any, values: list[Any], kwargs: dict[str, Any]) -> Any:
        """Compute an op, for which this is called."""
        if self.before is None:
            return op.compute(*values, **kwargs)
        return self.before.compute(op, values, kwargs)

    def recorded(self, node: Any, out: Any) -> None:
        """Take note that the call just computed is part of the graph."""
        if self.before is not None:
            self.before.recorded(node, out)

    def backward(self, node: Any, i: int | None, step: Any) -> None:
        """Take note of what a node's rule gave for its argument `i`, or of a seed (i is None)."""
        if self.before is not None:
            self.before.backward(node, i, step)


class ScopePath:
    """A step on the path of named parts, outermost first, under which operations are recorded."""

    __slots__ = ("kind", "name", "outer")

    def __init__(self, name: str, kind: str, outer: "ScopePath | None") -> None:
        self.name = name
        self.kind = kind
        self.outer = outer

    @property
    def path(self) -> tuple["ScopePath", ...]:
        """The places from the outermost to this one."""
        path, place = [self], self.outer
        while place is not None:
            path.append(place)
            place = place.outer
        return tuple(reversed(path))

    def __repr__(self) -> str:
        return " > ".join(
            f"{place.name} {place.kind}" if place.name else place.kind for place in self.path
        )


class Scope:
    """A named part of a program, such as a layer: what its calls record is drawn together.

    `name` is its place in the part around it ("0", "encoder", or "" at the top), `kind` what it is
    ("Dense").
    """

    __slots__ = ("_inside", "kind", "name")

    def __init__(self, kind: str, name: str = "") -> None:
        self.kind = kind
        self.name = name
        self._inside: tuple[State | None, State | None] = (None, None)

    def call(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call the function inside this scope."""
        now = STATE.get()
        around, inner = self._inside
        if around is not now:
            inner = State(now.recording, ScopePath(self.name, self.kind, now.scope), now.observer)
            if now.observer is None:  # which would be kept alive
                self._inside = (now, inner)  # and met again at every step of a training loop
        token = STATE.set(inner)  # type: ignore[arg-type]
        try:
            return function(*args, **kwargs)
        finally:
            STATE.reset(token)
