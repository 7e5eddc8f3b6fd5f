"""How many threads run: of matrix products, and of an optimizer's step."""

import contextlib
import os
import threading
from collections.abc import Callable, Sequence
from contextvars import copy_context
from typing import Any

# Multiplications in a product: below this, another thread can cost more than it gives.
SINGLE_THREAD_BELOW = 1 << 27
CHOSEN = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def for_products(multiplications: int) -> contextlib.AbstractContextManager[Any]:
    """One thread for small products, if threadpoolctl is installed; else what was set before.

    OpenBLAS's threads wait for each other in a busy loop. Two of them took a quarter off the time
    of Fashion-MNIST on a machine that was idle, and multiplied it where others worked too; and the
    last bits of a product depend on their number. Whoever knows that the machine is idle sets
    OMP_NUM_THREADS, and is obeyed.
    """
    if multiplications >= SINGLE_THREAD_BELOW or any(name in os.environ for name in CHOSEN):
        return contextlib.nullcontext()
    try:
        from threadpoolctl import threadpool_limits
    except ImportError:
        return contextlib.nullcontext()
    return threadpool_limits(1, user_api="blas")


def cores() -> int:
    """How many threads of Python to use: what the environment says, else one for each core.

    At most four, for they take turns in calling NumPy.
    """
    said = next((os.environ[name] for name in CHOSEN if name in os.environ), "").partition(",")[0]
    if said.isdecimal() and int(said):
        return min(int(said), 4)
    # Not all cores of a machine need be this process's; only Linux tells.
    mine = getattr(os, "sched_getaffinity", lambda _: range(os.cpu_count() or 1))(0)
    return min(len(mine), 4)


def side_by_side(function: Callable[[Any], None], parts: Sequence[Any]) -> None:
    """Call the function on each part, all but the first in threads of their own.

    The threads end with the call, so that a process forked later misses none.
    Raises: what the function raises, once no thread runs any more.
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
        except RuntimeError:  # there can be no more, as when the interpreter is about to end
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
