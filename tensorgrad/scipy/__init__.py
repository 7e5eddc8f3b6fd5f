"""SciPy's functions with gradients, loaded at first use.

`scipy.special`'s own functions take tensors as they are. What SciPy does not dispatch is here under
the same name: `import tensorgrad.scipy as tsp`, then `tsp.linalg.expm`, `tsp.stats.norm.logpdf`.
"""

import importlib
from typing import Any

from tensorgrad.rules import LATER

__all__ = [  # imported at first use
    "fft",
    "integrate",
    "interpolate",
    "linalg",
    "optimize",
    "signal",
    "sparse",
    "special",
    "stats",
]

LATER["scipy.special"] = ("tensorgrad.scipy.tables",)
LATER["scipy.sparse"] = ("tensorgrad.scipy.sparse",)


def __getattr__(name: str) -> Any:
    """Import a module of this package at its first use."""
    if name in __all__:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"tensorgrad.scipy has {', '.join(__all__)}, but not {name}")
