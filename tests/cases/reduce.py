"""Calls of reductions and cumulative functions."""

import numpy as np

from tensorgrad.ops.reduce import logsumexp
from tests.cases import c, call, r

# What every reduction takes: no axis, one, a negative one, several, none of them, and axes kept.
REDUCTION = [
    call(r()),
    call(r(4)),
    call(r(2, 3)),
    call(r(2, 3), axis=0),
    call(r(2, 3), 1),
    call(r(2, 3, 2), axis=-2),
    call(r(2, 3, 2), axis=(0, -1)),
    call(r(2, 3), axis=()),
    call(r(2, 3), keepdims=True),
    call(r(2, 3, 2), axis=1, keepdims=True),
    call(r(2, 3, 2), axis=(2, 0), keepdims=True),
]
COMPLEX = [call(c(3)), call(c(2, 3), axis=1)]

# fmt: off
CASES = {
    np.sum:     [*REDUCTION, *COMPLEX],
    np.mean:    [*REDUCTION, *COMPLEX],
    np.max:     REDUCTION,
    np.amax:    REDUCTION,
    np.min:     REDUCTION,
    np.amin:    REDUCTION,
    np.prod:    [*REDUCTION, *COMPLEX, call(r(7)), call(r(8))],
    np.var:     [*REDUCTION, call(r(4), ddof=1), call(r(2, 3), axis=1, ddof=1), call(r(2, 3), axis=0, ddof=1, keepdims=True)],
    np.std:     [*REDUCTION[1:7], *REDUCTION[8:], call(r(4), ddof=1), call(r(2, 3), axis=1, ddof=1), call(r(2, 3), axis=0, ddof=1, keepdims=True)],
    np.cumsum:  [call(r(4)), call(r(2, 3)), call(r(2, 3), axis=0), call(r(2, 3), -1), call(r()), call(c(2, 3), axis=1)],
    logsumexp:  [*REDUCTION, call(r(2, 3), axis=1, keepdims=True)],

    np.add.reduce:      [call(r(4)), call(r(2, 3)), call(r(2, 3), 1), call(r(2, 3), axis=None), call(r(2, 3), axis=(0, 1), keepdims=True)],
    np.multiply.reduce: [call(r(4)), call(r(2, 3)), call(r(2, 3), 1), call(r(2, 3), axis=None), call(r(2, 3), axis=(0, 1), keepdims=True)],
    np.maximum.reduce:  [call(r(4)), call(r(2, 3)), call(r(2, 3), 1), call(r(2, 3), axis=None), call(r(2, 3), axis=(0, 1), keepdims=True)],
    np.minimum.reduce:  [call(r(4)), call(r(2, 3)), call(r(2, 3), 1), call(r(2, 3), axis=None), call(r(2, 3), axis=(0, 1), keepdims=True)],
    np.add.accumulate:  [call(r(4)), call(r(2, 3)), call(r(2, 3), 1), call(r(2, 3), axis=-1)],
}
# fmt: on
