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
    """The number of BLAS threads for products of a size: one for small ones.

    It needs threadpoolctl. OpenBLAS's threads wait for each other in a busy loop. A second thread
    took a quarter off the time of Fashion-MNIST on an idle machine, but multiplied the time on a
    busy one, and the last bits of a product depend on the number of threads. Set OMP_NUM_THREADS to
    choose the number.
    """

    # The number belongs to the process: the first of several callers sets it, the last restores it.
    _lock = threading.RLock()
    _callers: ClassVar[list["BlasThreads"]] = []
    _before: ClassVar[list[tuple[Any, int]]] = []  # libraries, and their numbers of threads

    def __init__(self, multiplications: int) -> None:
        chosen = any(name in os.environ for name in THREAD_VARIABLES)
        self._limited = multiplications < SINGLE_THREAD_BELOW and not chosen

    def set(self) -> None:
        """Set the number of threads."""
        if not self._limited:
            return
        try:
            from threadpoolctl import ThreadpoolController
        except ImportError:
            return
        with self._lock:
            self._callers.append(self)
            if len(self._callers) == 1:
                libraries = ThreadpoolController().select(user_api="blas").lib_controllers
                self._before[:] = [(library, library.num_threads) for library in libraries]
                for library in libraries:
                    library.set_num_threads(1)

    def restore(self) -> None:
        """Restore the number of threads, if this set it."""
        with self._lock:
            if self not in self._callers:
                return
            self._callers.remove(self)
            if not self._callers:
                for library, number in self._before:
                    library.set_num_threads(number)
                self._before.clear()


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
