"""How many threads matrix products run on."""

import contextlib
import os
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
