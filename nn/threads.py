"""How many threads run: of matrix products, and of an optimizer's step."""

import contextlib
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any

# Multiplications in a product: below this, another thread can cost more than it gives.
SMALL = 1 << 27
CHOSEN = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def for_products(multiplications: int) -> contextlib.AbstractContextManager[Any]:
    """One thread for small products, if threadpoolctl is installed; else what was set before.

    OpenBLAS's threads wait for each other in a busy loop. Two of them took a quarter off the time
    of Fashion-MNIST on a machine that was idle, and multiplied it where others worked too; and the
    last bits of a product depend on their number. Whoever knows that the machine is idle sets
    OMP_NUM_THREADS, and is obeyed.
    """
    if multiplications >= SMALL or any(name in os.environ for name in CHOSEN):
        return contextlib.nullcontext()
    try:
        from threadpoolctl import threadpool_limits
    except ImportError:
        return contextlib.nullcontext()
    return threadpool_limits(1, user_api="blas")


def cores() -> int:
    """How many threads of Python to use: what OMP_NUM_THREADS says, else one for each core.

    At most four, for they take turns in calling NumPy.
    """
    said = os.environ.get("OMP_NUM_THREADS", "")
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
    first, *rest = parts
    if not rest:
        function(first)
        return
    with ThreadPoolExecutor(len(rest)) as pool:
        others = [pool.submit(copy_context().run, function, part) for part in rest]
        function(first)
        for other in others:
            other.result()
