"""What a call is recorded under: whether at all, in which scope, and who watches. One per thread and context."""

import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any


class State:
    """Immutable, so that a thread or a generator that holds one cannot be changed from outside."""

    __slots__ = ("observer", "recording", "scope")

    def __init__(
        self, recording: bool = True, scope: "Place | None" = None, observer: Any = None
    ) -> None:
        self.recording = recording
        self.scope = scope
        self.observer = observer


STATE: ContextVar[State] = ContextVar("tensorgrad.state", default=State())  # noqa: B039, never written to


@contextlib.contextmanager
def under(**changes: Any) -> Iterator[State]:
    """The current state with changes, for the body of a `with`."""
    now = STATE.get()
    kept = {name: getattr(now, name) for name in State.__slots__}
    token = STATE.set(State(**kept | changes))
    try:
        yield STATE.get()
    finally:
        STATE.reset(token)


def no_grad() -> contextlib.AbstractContextManager[State]:
    """Record nothing: results are constants. A context manager and a decorator, safe across threads."""
    return under(recording=False)


def enable_grad() -> contextlib.AbstractContextManager[State]:
    """Record again, inside a no_grad."""
    return under(recording=True)


class Place:
    """A step on the path of named parts, from the outermost in, under which operations are recorded."""

    __slots__ = ("kind", "name", "outer")

    def __init__(self, name: str, kind: str, outer: "Place | None") -> None:
        self.name = name
        self.kind = kind
        self.outer = outer

    @property
    def path(self) -> tuple["Place", ...]:
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

    `name` is its place in the part around it ("0", "encoder", or "" at the top), `kind` what it is ("Dense").
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
        if around is not now:  # made once, then met again at every step of a training loop
            inner = State(now.recording, Place(self.name, self.kind, now.scope), now.observer)
            self._inside = (now, inner)
        token = STATE.set(inner)  # type: ignore[arg-type]
        try:
            return function(*args, **kwargs)
        finally:
            STATE.reset(token)
