"""The number of threads of matrix products and of an optimizer's step."""

import os
import threading
from collections.abc import Callable, Sequence
from contextvars import copy_context
from typing import Any, ClassVar

# Multiplications in a matrix product below which another thread can cost more than it saves.
SINGLE_THREAD_BELOW = 1 << 27
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class BlasThreads:
    """The number of BLAS threads during a step: the one given, or one for small products.

    It needs threadpoolctl. OpenBLAS's threads wait for each other in a busy loop. A second thread
    took a quarter off the time of Fashion-MNIST on an idle machine, but multiplied the time on a
    busy one, and the last bits of a product depend on the number of threads. OMP_NUM_THREADS takes
    the place of the choice, but not of a number that is given.
    """

    # The number belongs to the process: the first of several callers sets it, the last restores it.
    _lock = threading.RLock()
    _callers: ClassVar[list["BlasThreads"]] = []
    _before: ClassVar[list[tuple[Any, int]]] = []  # libraries, and their numbers of threads

    def __init__(self, multiplications: int, number: int | None = None) -> None:
        chosen = any(name in os.environ for name in THREAD_VARIABLES)
        self.number = number
        self._limited = multiplications < SINGLE_THREAD_BELOW and not chosen

    def set(self) -> None:
        """Set the number of threads.

        Raises: ImportError if a number was given, but threadpoolctl is not installed.
        """
        if self.number is None and not self._limited:
            return
        try:
            from threadpoolctl import ThreadpoolController
        except ImportError as error:
            if self.number is None:
                return
            raise ImportError(
                f"threads={self.number} needs threadpoolctl: pip install threadpoolctl, or set "
                "OMP_NUM_THREADS before Python starts"
            ) from error
        with self._lock:
            if not self._callers:
                libraries = ThreadpoolController().select(user_api="blas").lib_controllers
                self._before[:] = [(library, library.num_threads) for library in libraries]
            self._callers.append(self)
            self._apply()

    def restore(self) -> None:
        """Restore the number of threads, if this set it."""
        with self._lock:
            if self not in self._callers:
                return
            self._callers.remove(self)
            self._apply()
            if not self._callers:
                self._before.clear()

    def _apply(self) -> None:
        """Set the number given last, or one if none was given, or the one from before."""
        given = [caller.number for caller in self._callers if caller.number is not None]
        for library, before in self._before:
            library.set_num_threads([before, 1, *given][-1] if self._callers else before)


def cores() -> int:
    """Count the Python threads to use: the number in the environment, or else one per core.

    The maximum is four, because the threads take turns in calling NumPy.
    """
    chosen = next(
        (os.environ[name] for name in THREAD_VARIABLES if name in os.environ), ""
    ).partition(",")[0]
    if chosen.isdecimal() and int(chosen):
        return min(int(chosen), 4)
    # A process may not be allowed to use all cores; only Linux says which it may.
    mine = getattr(os, "sched_getaffinity", lambda _: range(os.cpu_count() or 1))(0)
    return min(len(mine), 4)


def run_in_threads(function: Callable[[Any], None], parts: Sequence[Any]) -> None:
    """Call the function on each part, each but the first in a thread of its own.

    The threads end with the call, because a process that is forked later would lack them.
    Raises: the function's error, after all threads have ended.
    """
    here, threads, errors = list(parts[:1]), [], []

    def run(part: Any) -> None:
        try:
            function(part)
        except BaseException as error:
            errors.append(error)

    for part in parts[1:]:
        thread = threading.Thread(target=copy_context().run, args=(run, part))
        try:
            thread.start()
        except RuntimeError:  # no more threads can start, as when the interpreter is shutting down
            here.append(part)
        else:
            threads.append(thread)
    try:
        for part in here:
            function(part)
    finally:
        for thread in threads:
            thread.join()
    if errors:
        raise errors[0]
