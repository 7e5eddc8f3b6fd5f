"""SciPy's functions for arrays and tensors, under SciPy's names: `import tensorgrad.scipy as tsp`.

Arrays go straight to SciPy. SciPy computes the values of tensors as well; the rules are added here.
"""

import importlib
from types import ModuleType

__all__ = ["fft", "integrate", "interpolate", "optimize", "signal"]


def __getattr__(name: str) -> ModuleType:
    """Import a subpackage at its first use, because SciPy's take long to import."""
    if name in __all__:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"tensorgrad.scipy has no {name}; it has {', '.join(__all__)}")
