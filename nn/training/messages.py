"""The messages of processes that train together, and the errors that one of them has for all."""

import builtins
from collections.abc import Callable
from itertools import zip_longest
from typing import Any, NamedTuple

EXITED, STOPPED, FAILED = range(3)  # the ways in which a process leaves the others, the worst last


class Message(NamedTuple):
    """A call of a process, with texts that must be the same in all, and its value."""

    rank: int
    call: str
    same: tuple[str, ...]
    value: Any


class Left(NamedTuple):
    """The way in which a process takes no further part; without a rank it is all of them."""

    rank: int | None
    way: int
    kind: str  # the name of the class of an error
    text: str


def joined_messages(combine: Callable[[Any, Any], Any], a: Any, b: Any) -> Any:
    """Return the message of two groups of processes, of which the first has the lower ranks."""
    left = [message for message in (a, b) if isinstance(message, Left)]
    if left:
        worst = max(left, key=lambda message: (message.way, bool(message.text)))
        return _missed(worst, b if worst is a else a)
    if a.call != b.call:
        return Left(
            None, FAILED, "RuntimeError",
            f"process {a.rank} has reached {a.call}, but process {b.rank} has reached {b.call}; "
            "all processes must make the same calls in the same order",
        )  # fmt: skip
    for first, second in zip_longest(a.same, b.same, fillvalue="nothing more"):
        if first != second:
            return Left(
                None, FAILED, "ValueError",
                f"the processes differ in {a.call}: {first} in process {a.rank}, but {second} in "
                f"process {b.rank}; build it in the same way in each of them",
            )  # fmt: skip
    try:
        return a._replace(value=combine(a.value, b.value))
    except Exception as error:  # the others could not know of it
        return Left(None, FAILED, type(error).__name__, str(error))


def _missed(left: Left, other: Any) -> Left:
    """Return the message of a process that left, which is an error for one that waits for it."""
    if left.way != EXITED or isinstance(other, Left):
        return left
    return Left(
        None, FAILED, "RuntimeError",
        f"process {left.rank} has ended its program, and process {other.rank} waits for it in "
        f"{other.call}; let all processes make the same calls, and see the output for its error",
    )  # fmt: skip


def first_given(a: Any, b: Any) -> Any:
    """Return the first of two values that is not None."""
    return b if a is None else a


def error_of(left: Left) -> BaseException:
    """Return the error that another process, or the comparison of several, has raised."""
    text = left.text if left.rank is None else f"in process {left.rank}: {left.text}"
    kind = getattr(builtins, left.kind, None)
    if not (isinstance(kind, type) and issubclass(kind, BaseException)):
        kind, text = RuntimeError, f"{text} ({left.kind})"
    try:
        error: BaseException = kind(text)
    except TypeError:  # of the few that need more arguments
        error = RuntimeError(f"{text} ({left.kind})")
    mark(error, 0 if left.rank is None else left.rank)
    return error


def mark(error: BaseException, rank: int) -> None:
    """Note the process that an error comes from, which all processes know then."""
    error._process = rank  # type: ignore[attr-defined]


def origin(error: BaseException, default: int) -> int:
    """Return the process that an error comes from."""
    return getattr(error, "_process", default)


def is_known(error: BaseException | None) -> bool:
    """Return True if an error, or the one that it was raised from, is known to all processes."""
    while error is not None:
        if hasattr(error, "_process"):
            return True
        error = error.__cause__
    return False
