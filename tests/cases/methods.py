"""Calls of the methods of ufuncs."""

import numpy as np

from tensorgrad.ops.methods import DIFFERENTIABLE, FOLDED, UNRELIABLE
from tests.cases import c, call, r

OUTER = [
    call(r(2, low=0.5), r(3, low=0.5)),
    call(r(2, 2, low=0.5), r(3, low=0.5)),
    call(r(low=0.5), r(2, low=0.5)),
    call(r(2, low=0.5), 1.5),
]
ALONG = [
    call(r(4, low=0.5)),
    call(r(3, 2, low=0.5)),
    call(r(2, 3, low=0.5), 1),
    call(r(2, 3, low=0.5), axis=-1),
]
KEPT = [call(r(3, 2, low=0.5), keepdims=True), call(r(1, 2, low=0.5))]
REDUCEAT = [
    call(r(5, low=0.5), [0, 2, 4]),
    call(r(5, low=0.5), [3, 1]),
    call(r(2, 4, low=0.5), [0, 3], axis=1),
    call(r(3, 2, low=0.5), [1]),
]

CASES = {f.outer: OUTER for f in DIFFERENTIABLE}
CASES |= {f.reduceat: REDUCEAT for f in DIFFERENTIABLE if f not in UNRELIABLE}
CASES |= {f.reduce: [*ALONG, *KEPT] for f in FOLDED if f not in UNRELIABLE}
CASES |= {f.accumulate: ALONG for f in (*FOLDED, np.fmax, np.fmin, np.logaddexp)}
CASES[np.multiply.outer] = [*OUTER, call(c(2), c(3))]
CASES[np.add.reduceat] = [*REDUCEAT, call(c(4), [0, 2])]
