"""Calls of norms and condition numbers."""

import numpy as np

from tensorgrad.ops.norms import unbounded
from tests.cases import c, call, r
from tests.cases.linalg import apart, complex_apart

VECTOR_ORDERS = (None, 1, 2, 3, 0.5, -1, 2.5, np.inf, -np.inf, 0)
MATRIX_ORDERS = (None, "fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf)

# fmt: off
CASES = {
    unbounded:          [call(r(3), 0.0, finite=np.ones(3, dtype=bool))],
    np.linalg.vector_norm: [*(call(r(4), ord=order) for order in VECTOR_ORDERS[1:-1]), call(r(2, 3)), call(r(2, 3), axis=1), call(r(2, 3), axis=(0, 1), keepdims=True), call(c(3), ord=3), call(c(2, 2), axis=0, ord=np.inf),
                            call(c(3)), call(r(2, 3), axis=-1, ord=-np.inf), call(r(2, 3), keepdims=True, ord=1), call(r())],
    np.linalg.matrix_norm: [*(call(apart(3, 2), ord=order) for order in MATRIX_ORDERS[1:]), call(apart(2, 2, 3)), call(complex_apart(2, 2), ord="nuc"), call(apart(2, 2, 2), keepdims=True, ord=2)],
    np.linalg.norm:     [call(r(4)), call(r(2, 3)), call(r(2, 2, 2)), *(call(r(4), order) for order in VECTOR_ORDERS[:-1]), *(call(apart(3, 2), order) for order in MATRIX_ORDERS),
                         call(r(2, 3), axis=1), call(r(2, 3), 1, axis=0), call(r(2, 3), 3, axis=-1, keepdims=True), call(r(2, 3, 2), axis=(0, 2)), call(apart(2, 3, 2), "nuc", axis=(1, 2)),
                         call(apart(2, 3, 2), 1, axis=(2, 1), keepdims=True), call(r(2, 3), keepdims=True), call(c(3)), call(c(3), 1), call(c(2, 2), 2), call(r(2, 3), axis=(1,))],
    np.linalg.cond:     [*(call(apart(2, 2), order) for order in MATRIX_ORDERS), call(apart(3, 2)), call(apart(2, 3, 3), p=2)],
}
# fmt: on
