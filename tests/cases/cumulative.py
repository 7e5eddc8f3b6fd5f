"""Calls of running sums, products and extremes."""

import numpy as np

from tensorgrad.ops.cumulative import cummax, cummin
from tests.cases import c, call, r, zeros

RUNNING = [
    call(r(4)),
    call(r(2, 3)),
    call(r(2, 3), axis=0),
    call(r(2, 5), -1),
    call(r()),
    call(c(2, 3), axis=1),
    call(r(3), dtype=complex),
]
ACCUMULATE = [
    call(r(4)),
    call(r(3, 2)),
    call(r(2, 5), 1),
    call(r(2, 3), axis=-1),
    call(r(2, 3, 2), axis=1),
    call(r(4), axis=None, dtype=np.float64),
]

# fmt: off
CASES = {
    np.cumsum:               RUNNING,
    np.cumprod:              [*RUNNING, call(zeros(7)), call(zeros(2, 3), axis=0), call(zeros(2, 5), axis=1)],
    np.cumulative_sum:       [call(r(4)), call(r(2, 3), axis=0), call(r(2, 3), axis=-1, include_initial=True), call(c(3), include_initial=True)],
    np.cumulative_prod:      [call(r(4)), call(r(2, 3), axis=0), call(r(2, 3), axis=-1, include_initial=True), call(zeros(5))],
    cummax:                  [call(r(4), axis=0), call(r(2, 5), axis=1)],
    cummin:                  [call(r(4), axis=0), call(r(2, 5), axis=1)],
    np.add.accumulate:       [*ACCUMULATE, call(c(3))],
    np.multiply.accumulate:  [*ACCUMULATE, call(c(3)), call(zeros(7))],
    np.maximum.accumulate:   ACCUMULATE,
    np.minimum.accumulate:   ACCUMULATE,
}
# fmt: on
