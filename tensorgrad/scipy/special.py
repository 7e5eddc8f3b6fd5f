"""The names of `scipy.special`: SciPy's own functions where tensors reach them, ours elsewhere."""

from typing import Any as _Any

import scipy.special as _special

from tensorgrad.scipy import tables as _tables  # noqa: F401  # gives SciPy's functions their rules
from tensorgrad.scipy.functions import OWN as _OWN


def __getattr__(name: str) -> _Any:
    """Return a function of scipy.special that takes tensors."""
    return _OWN[name] if name in _OWN else getattr(_special, name)


def __dir__() -> list[str]:
    return dir(_special)
