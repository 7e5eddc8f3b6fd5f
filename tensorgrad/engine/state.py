"""The state that calls are recorded under: recording or not, the scope, and who watches.

Every thread and context has its own.
"""

import functools
import inspect
from collections.abc import Callable, Generator
from contextvars import ContextVar
from typing import Any, cast, overload

from tensorgrad.rules import F

NO_KEYWORDS: dict[str, Any] = {}


class State:
    """The state that calls are recorded under; entered by `with`, it holds until the block ends.

    Immutable, so that a thread or a generator that holds one cannot be changed from outside.
    """

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
        self.outer = outer  # the state that it was entered from, to come back to

    def inside(self, **changes: Any) -> "State":
        """Return this state with changes, to be entered from it."""
        names = ("recording", "scope", "observer")
        now = {name: getattr(self, name) for name in names}
        return State(**now | changes, outer=self)

    def run(self, function: Callable[..., Any], args: Any = (), kwargs: Any = NO_KEYWORDS) -> Any:
        """Call the function under this state: faster than `with`, and safe from interruptions.

        A signal between two bytecodes can end `with` before the first line of `__exit__`.
        """
        try:
            STATE.set(self)
            return function(*args, **kwargs)
        finally:
            STATE.set(self.outer or self)

    def __enter__(self) -> None:
        STATE.set(self)

    def __exit__(self, *exc: object) -> None:
        STATE.set(self.outer or self)


STATE: ContextVar[State] = ContextVar("tensorgrad.state", default=State())  # noqa: B039, never written to


class with_state:  # noqa: N801, used as a verb
    """The current state with changes, for the body of a `with` or for a decorated function.

    One `with_state` can be entered again inside itself, and by several threads at once, because the
    state to come back to is stored in the state. Of a generator it covers the body, not the code
    that it yields to.
    """

    def __init__(self, **changes: Any) -> None:
        self.changes = changes

    def inside(self) -> State:
        """Return the state to enter from the current one."""
        return STATE.get().inside(**self.changes)

    def __enter__(self) -> None:
        self.inside().__enter__()

    def __exit__(self, *exc: object) -> None:
        STATE.get().__exit__(*exc)

    def __call__(self, function: F) -> F:
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
                state = self.inside()
                try:  # each task of an event loop has a state of its own
                    STATE.set(state)
                    return await function(*args, **kwargs)
                finally:
                    STATE.set(cast(State, state.outer))

        else:

            @functools.wraps(function)
            def call(*args: Any, **kwargs: Any) -> Any:
                return self.inside().run(function, args, kwargs)

        return cast(F, call)

    def _steps(self, generator: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
        """Run the generator, each of its steps under the changed state."""
        step, sent = generator.send, None
        while True:
            try:
                item = self.inside().run(step, (sent,))
            except StopIteration as stop:
                return stop.value
            try:
                step, sent = generator.send, (yield item)
            except BaseException as error:  # also the GeneratorExit of close()
                step, sent = generator.throw, error


@overload
def no_grad(function: None = None) -> with_state: ...
@overload
def no_grad(function: F) -> F: ...
def no_grad(function: Any = None) -> Any:
    """Record nothing, so that results are constants: a context manager and a decorator.

    It holds for the thread that enters it. Decorate a generator instead of entering this inside it,
    because the state would reach the code that it yields to.
    """
    return (
        with_state(recording=False) if function is None else with_state(recording=False)(function)
    )


@overload
def enable_grad(function: None = None) -> with_state: ...
@overload
def enable_grad(function: F) -> F: ...
def enable_grad(function: Any = None) -> Any:
    """Record again, inside a no_grad: a context manager and a decorator."""
    return with_state(recording=True) if function is None else with_state(recording=True)(function)


class Observer:
    """Watches what is computed, and hands every event on to the observer that was there before."""

    def __init__(self, before: "Observer | None" = None) -> None:
        self.before = before

    def compute(self, op: Any, values: list[Any], kwargs: dict[str, Any]) -> Any:
        """Compute an op: every op is computed by a call of this."""
        if self.before is None:
            return op.compute(*values, **kwargs)
        return self.before.compute(op, values, kwargs)

    def returned(self, op: Any, args: tuple[Any, ...], kwargs: dict[str, Any], t: Any) -> None:
        """Note the tensor that the call just computed returns; its node is None if not recorded."""
        if self.before is not None:
            self.before.returned(op, args, kwargs, t)

    def evaluate(self, function: Any, args: Any, kwargs: Any, call: Any) -> Any:
        """Return the result of a function that has no gradient, or what is to stand for it.

        `call()` computes it from the arrays of the arguments. Every call of such a function is a
        call of this, unless shapes and dtypes alone decide its result.
        """
        if self.before is None:
            return call()
        return self.before.evaluate(function, args, kwargs, call)

    def assigned(self, t: Any, source: Any) -> None:
        """Note that a tensor, new or written to, has the value of `source`, and no op made it."""
        if self.before is not None:
            self.before.assigned(t, source)

    def saved(self, node: Any, args: Any, out: Any, kwargs: Any) -> tuple[Any, Any, Any]:
        """Return what a rule that runs on tensors reads, or what is to stand for it."""
        if self.before is None:
            return args, out, kwargs
        return self.before.saved(node, args, out, kwargs)

    def backward(self, node: Any, i: int | None, given: Any, contribution: Any) -> None:
        """Note the gradient that a node's rule gave argument `i`, or a cotangent (i is None).

        `given` is what the rule or the caller gave, `contribution` has the shape and dtype of the
        argument.
        """
        if self.before is not None:
            self.before.backward(node, i, given, contribution)

    def gradient(self, node: Any, t: Any) -> None:
        """Note the complete gradient of a node, as backward returns it."""
        if self.before is not None:
            self.before.gradient(node, t)


class ScopePath:
    """A named part of the program that operations are recorded under, and the parts around it."""

    __slots__ = ("kind", "name", "outer", "parameters")

    def __init__(
        self, name: str, kind: str, outer: "ScopePath | None", parameters: Any = None
    ) -> None:
        self.name = name
        self.kind = kind
        self.outer = outer
        self.parameters = parameters  # a function that lists its own; None: unknown

    @property
    def path(self) -> tuple["ScopePath", ...]:
        """The parts from the outermost to this one."""
        path, part = [self], self.outer
        while part is not None:
            path.append(part)
            part = part.outer
        return tuple(reversed(path))

    def __repr__(self) -> str:
        return " > ".join(
            f"{part.name} {part.kind}" if part.name else part.kind for part in self.path
        )


class Scope(with_state):
    """A named part of a program, such as a layer, whose calls are drawn together.

    `name` is its name in the part around it ("0", "encoder", or "" at the top), `kind` its type
    ("Dense"). Enter it by `with`, decorate a function with it, or `call` a function inside it.
    `parameters` lists the tensors that are drawn as its parameters; without it, they are the named
    leaves that nothing outside of the part uses.

    >>> import numpy as np
    >>> import tensorgrad as tg
    >>> with tg.Scope("Encoder", "first"):
    ...     y = np.exp(tg.Tensor(1.0, requires_grad=True))
    >>> y.node.module_path
    'first'
    """

    def __init__(
        self, kind: str, name: str = "", parameters: "Callable[[], Any] | None" = None
    ) -> None:
        self.kind = kind
        self.name = name
        self.parameters = parameters
        self._inside: tuple[State | None, State | None] = (None, None)

    def inside(self) -> State:
        """Return the current state with this part in its scope."""
        now = STATE.get()
        return now.inside(scope=ScopePath(self.name, self.kind, now.scope, self.parameters))

    def call(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call the function inside this scope."""
        return self.run(function, args, kwargs)

    def run(self, function: Any, args: Any = (), kwargs: Any = NO_KEYWORDS) -> Any:
        """Call the function inside this scope, faster, because the arguments are not unpacked."""
        now = STATE.get()
        around, inner = self._inside
        if around is not now or inner is None:
            inner = self.inside()
            if now.observer is None:  # which would be kept alive
                self._inside = (now, inner)  # and met again at every step of a training loop
        try:  # as State.run does, without one more call, of which a small network has many
            STATE.set(inner)
            return function(*args, **kwargs)
        finally:
            STATE.set(now)
