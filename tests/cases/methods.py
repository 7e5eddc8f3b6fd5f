"""Calls of the methods of ufuncs that have no family of their own."""

import numpy as np

from tensorgrad.rules import COMPOSITE
from tests.cases import c, call, cumulative, index, r, reduce

OWN = {*reduce.CASES, *cumulative.CASES, *index.CASES}

# fmt: off
ROWS = {
    "outer":      [call(r(2, low=0.5), r(3, low=0.5)), call(r(2, 2, low=0.5), r(3, low=0.5)), call(r(low=0.5), r(2, low=0.5)), call(r(2, low=0.5), 1.5)],
    "reduce":     [call(r(4, low=0.5)), call(r(3, 2, low=0.5)), call(r(2, 3, low=0.5), 1), call(r(2, 3, low=0.5), axis=-1), call(r(3, 2, low=0.5), keepdims=True),
                   call(r(3, 2, low=0.5), (0,)), call(r(3, low=0.5), dtype=np.float64)],
    "accumulate": [call(r(4, low=0.5)), call(r(3, 2, low=0.5)), call(r(2, 3, low=0.5), 1), call(r(2, 3, low=0.5), axis=-1), call(r(3, low=0.5), dtype=np.float64)],
    "reduceat":   [call(r(5, low=0.5), [0, 2, 4]), call(r(5, low=0.5), [3, 1]), call(r(2, 4, low=0.5), [0, 3], axis=1), call(r(3, 2, low=0.5), [1])],
}
METHODS = [f for f in COMPOSITE if isinstance(getattr(f, "__self__", None), np.ufunc)]
CASES = {f: ROWS[f.__name__] for f in METHODS if f.__name__ in ROWS and f not in OWN}
CASES[np.multiply.outer] = [*ROWS["outer"], call(c(2), c(3))]
CASES[np.ldexp.outer] = [call(r(2), np.array([1, -2, 3])), call(r(2, 2), 2)]
CASES[np.add.reduceat] = [*ROWS["reduceat"], call(c(4), [0, 2])]
# Of more elements the result is constant.
CASES[np.floor_divide.reduce] = [call(r(1)), call(r(1, 3)), call(r(2, 1), axis=1, keepdims=True)]
CASES[np.floor_divide.reduceat] = ROWS["reduceat"][:-1]
# fmt: on
