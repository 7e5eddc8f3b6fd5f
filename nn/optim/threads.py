"""The number of threads of matrix products and of an optimizer's step."""

import contextlib
import os
import threading
from collections.abc import Callable, Sequence
from contextvars import copy_context
from typing import Any

# Multiplications in a matrix product below which another thread can cost more than it saves.
SINGLE_THREAD_BELOW = 1 << 27
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def blas_threads(multiplications: int) -> contextlib.AbstractContextManager[Any]:
    """Limit small matrix products to one thread, if threadpoolctl is installed.

    OpenBLAS's threads wait for each other in a busy loop. A second thread took a quarter off the
    time of Fashion-MNIST on an idle machine, but multiplied the time on a busy one, and the last
    bits of a product depend on the number of threads. Set OMP_NUM_THREADS to choose the number.
    """
    if multiplications >= SINGLE_THREAD_BELOW or any(
        name in os.environ for name in THREAD_VARIABLES
    ):
        return contextlib.nullcontext()
    try:
        from threadpoolctl import threadpool_limits
    except ImportError:
        return contextlib.nullcontext()
    return threadpool_limits(1, user_api="blas")


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
