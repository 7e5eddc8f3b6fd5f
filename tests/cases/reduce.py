"""Calls of reductions and cumulative functions."""

import numpy as np

from tensorgrad.ops.reduce import logsumexp, nan_max, nan_min, std, var
from tests.cases import c, call, holes, r, zeros

# The axes that every reduction takes: none given, one, a negative one, several, an empty tuple, and keepdims.
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
MASK = np.array([[True, False, True], [True, True, False]])
WHERE = [
    call(r(2, 3), where=MASK),
    call(r(2, 3), axis=1, where=[True, False, True]),
    call(r(2, 3), axis=1, where=MASK, keepdims=True),
    call(r(2, 2, 3), axis=(0, -1), where=MASK),
    call(r(2, 3), axis=1, where=MASK),
]
EXTREME = [
    call(r(2, 3), axis=0, initial=0.0),
    call(r(2, 3), where=MASK, initial=0.0),
    call(r(2, 3), axis=1, where=MASK, initial=0.5),
]
COMPLEX = [call(c(3)), call(c(2, 3), axis=1)]

# fmt: off
CASES = {
    np.sum:     [*REDUCTION, *WHERE, *COMPLEX, call(r(2, 3), initial=2.0), call(r(2, 3), dtype=complex)],
    np.mean:    [*REDUCTION, *WHERE, *COMPLEX, call(r(2, 3), dtype=complex)],
    np.max:     [*REDUCTION, *EXTREME, *COMPLEX],
    np.amax:    [*REDUCTION, *EXTREME],
    np.min:     [*REDUCTION, *EXTREME, *COMPLEX],
    np.amin:    [*REDUCTION, *EXTREME],
    np.prod:    [*REDUCTION, *WHERE, *COMPLEX, call(r(7)), call(r(8)), call(zeros(7)), call(zeros(2, 5), axis=1), call(zeros(2, 3), axis=0, initial=2.0, where=MASK),
                 call(r(3), initial=2.0), call(r(3), dtype=complex)],
    np.var:     [call(r(4), correction=1), call(r(2, 3), axis=0, mean=r(1, 3)), call(r(2, 3), axis=1, mean=r(2, 1), ddof=1, keepdims=True), call(r(2, 3), mean=0.5, where=MASK), call(c(4), mean=c(1), correction=1), *REDUCTION, *WHERE, *COMPLEX, call(r(2, 3), where=MASK, ddof=1), call(r(4), ddof=1), call(r(2, 3), axis=1, ddof=1), call(r(2, 3), axis=0, ddof=1, keepdims=True)],
    var:        [call(r(2, 3)), call(c(3), ddof=1)],
    std:        [call(r(2, 3)), call(c(3), ddof=1)],
    np.std:     [call(r(4), correction=1), call(r(2, 3), axis=0, mean=r(1, 3)), call(r(2, 3), mean=0.5, where=MASK), call(c(4), mean=c(1), correction=1), *WHERE[:-1], *COMPLEX, call(r(2, 3), where=MASK, ddof=1), *REDUCTION[1:7], *REDUCTION[8:], call(r(4), ddof=1), call(r(2, 3), axis=1, ddof=1), call(r(2, 3), axis=0, ddof=1, keepdims=True)],
    logsumexp:  [*REDUCTION, *COMPLEX, call(r(2, 3), axis=1, keepdims=True)],
    nan_max:    [*REDUCTION, call(holes(2, 3), axis=1), call(holes(2, 3))],
    nan_min:    [*REDUCTION, call(holes(2, 3), axis=1), call(holes(2, 3))],
    np.ptp:     REDUCTION,

    np.add.reduce:      [call(r(4)), call(r(2, 3)), call(r(2, 3), 1), call(r(2, 3), axis=None), call(r(2, 3), axis=(0, 1), keepdims=True)],
    np.multiply.reduce: [call(r(4)), call(r(2, 3)), call(r(2, 3), 1), call(r(2, 3), axis=None), call(r(2, 3), axis=(0, 1), keepdims=True)],
    np.maximum.reduce:  [call(r(4), dtype=np.float64), call(r(4)), call(r(2, 3)), call(r(2, 3), 1), call(r(2, 3), axis=None), call(r(2, 3), axis=(0, 1), keepdims=True)],
    np.minimum.reduce:  [call(r(4)), call(r(2, 3)), call(r(2, 3), 1), call(r(2, 3), axis=None), call(r(2, 3), axis=(0, 1), keepdims=True)],
    np.fmax.reduce:     [call(r(4)), call(r(2, 3)), call(r(2, 3), 1), call(r(2, 3), axis=None), call(holes(3, 2))],
    np.fmin.reduce:     [call(r(4)), call(r(2, 3)), call(r(2, 3), 1), call(r(2, 3), axis=None), call(holes(3, 2))],
    np.logaddexp.reduce: [call(r(4)), call(r(2, 3)), call(r(2, 3), 1), call(r(2, 3), axis=None), call(r(2, 3), keepdims=True), call(r(2, 3), 1, initial=0.5), call(r(2, 3), where=MASK)],
}
# fmt: on
