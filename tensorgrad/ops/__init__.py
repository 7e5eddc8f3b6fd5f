"""The tables of operations, one file per family.

Importing this package registers the families that nearly every program uses. `load_tables` adds the
others at the first call of a function that no table has.
"""

import importlib

from tensorgrad.rules import LATER

FIRST = "complex_numbers elementwise index linear others reduce shape writes"
REST = (
    "apply arrange calculus cumulative decompositions linalg methods norms polynomials qr quantiles "
    "sets special statistics windows"
)
LATER["numpy"] = tuple(f"{__name__}.{family}" for family in REST.split())
LATER["numpy.fft"] = (f"{__name__}.fourier",)

for _family in FIRST.split():
    importlib.import_module(f"{__name__}.{_family}")
