"""Interruptions: a step is whole or not begun, and what is switched off is switched on again."""

import signal
import sys
import threading
from collections.abc import Callable
from contextvars import copy_context
from typing import Any, TypeVar

T = TypeVar("T")

HALF_STEP = (
    "the training was stopped inside a step, because the signal came twice: the model may hold "
    "half of the step; load the last checkpoint"
)


class StepGuard:
    """Steps that signals and other threads wait for.

    While `call` calls a function in the main thread, every signal with a handler written in Python
    waits for the end of the step in which it arrives; a second SIGINT does not.
    """

    def __init__(self) -> None:
        # Held during a step. A handler may call `between_steps` in the thread that it interrupts.
        self._lock = threading.RLock()
        # Held by a thread that waits for the end of a step, so that the next step waits for it.
        self._turn = threading.RLock()
        self._stepping = False  # in the main thread, the only one that handles signals
        self._handlers: dict[int, Any] = {}  # those that were there before
        self._taken: list[int] = []  # signals whose handlers are to be given back
        self._waiting: list[tuple[int, Any, Any]] = []

    def __reduce__(self) -> Any:
        return type(self), ()  # the copy of a model has its own, as locks cannot be copied

    def call(self, function: Callable[[], T], undo: Callable[[], Any]) -> T:
        """Call a function in whose steps signals wait, then undo what it switched on or off.

        It runs in a copy of the context, so that recording and the handling of NumPy's errors come
        back: a signal can end a `with` before the first line of its `__exit__`. `undo` is called
        whatever happens, as a step, even if the function was not reached.
        """
        main = _is_main_thread()
        outermost, inside = main and not self._taken, self._stepping
        try:
            if outermost:
                self._take_handlers()
            return copy_context().run(function)
        finally:
            # First, and no call, after which a signal comes.
            self._stepping = main or self._stepping
            try:
                undo()
            finally:
                if outermost:
                    self._give_back_handlers()
                self._end(main and not inside)

    def step(self, function: Callable[..., T], *args: Any) -> T:
        """Call a function as one step; signals that arrive meanwhile are handled after it."""
        with self._turn:
            pass
        main = _is_main_thread()
        outermost = main and not self._stepping  # a callback may call a method of the model
        try:
            self._stepping = main or self._stepping
            with self._lock:
                return function(*args)
        finally:
            self._end(outermost)

    def _end(self, outermost: bool) -> None:
        if outermost:
            self._stepping = False
            self._handle_waiting()

    def between_steps(self, function: Callable[[], T]) -> T:
        """Call a function while no other thread is inside a step."""
        with self._turn, self._lock:
            return function()

    def _take_handlers(self) -> None:
        for number in signal.valid_signals():
            handler = signal.getsignal(number)
            if callable(handler):
                self._handlers[number] = handler
                self._taken.append(number)
                signal.signal(number, self._receive)

    def _give_back_handlers(self) -> None:
        """Restore all handlers, though each may raise as soon as it is restored."""
        try:
            for number in self._taken.copy():
                if signal.getsignal(number) == self._receive:  # or the user has set another
                    signal.signal(number, self._handlers[number])
                self._taken.remove(number)
        finally:
            if self._taken:
                self._give_back_handlers()

    def _receive(self, number: int, frame: Any) -> None:
        handler = self._handlers[number]
        if not self._stepping:
            handler(number, frame)
        elif number == signal.SIGINT and any(n == number for n, _, _ in self._waiting):
            self._waiting.clear()
            try:
                handler(number, frame)
            except BaseException as error:
                _add_note(error, HALF_STEP)
                raise
        else:
            self._waiting.append((number, handler, frame))

    def _handle_waiting(self) -> None:
        while self._waiting:
            number, handler, frame = self._waiting.pop(0)
            handler(number, frame)


def _is_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


def is_half_step(error: BaseException) -> bool:
    """Return True if the error stopped a training inside a step, as a second Ctrl-C does.

    The parameters may then be those of half a step; load a checkpoint in their place.
    """
    return HALF_STEP in getattr(error, "__notes__", ())


def _add_note(error: BaseException, note: str) -> None:
    error.add_note(note)
    if sys.stderr is not None:  # a notebook shows no notes of an interruption
        print(note, file=sys.stderr)
