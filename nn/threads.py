"""How many threads matrix products run on."""

import contextlib
from typing import Any

SMALL = 1 << 27  # multiplications in a product: below this, a second thread costs more than it does


def for_products(multiplications: int) -> contextlib.AbstractContextManager[Any]:
    """One thread for small products, if threadpoolctl is installed; else what was set before.

    OpenBLAS's threads wait for each other in a busy loop, which on a machine that has other work to
    do can make a step many times slower.
    """
    if multiplications >= SMALL:
        return contextlib.nullcontext()
    try:
        from threadpoolctl import threadpool_limits
    except ImportError:
        return contextlib.nullcontext()
    return threadpool_limits(1, user_api="blas")
