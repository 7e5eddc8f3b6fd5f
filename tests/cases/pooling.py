"""Calls of pooling and of the functions that are their rules."""

import numpy as np

import tensorgrad as tg
from tensorgrad.ops.pooling import average_pool_input, max_pool_input, max_pool_output
from tests.cases import call, r

# Integers are constants here: they decide which pixels have the maximum.
X = np.random.default_rng(0).permutation(80).reshape(2, 5, 4, 2)
TIED = np.array([1, 1, 0, 1, 1, 1]).reshape(1, 6, 1)
MAXIMA, TIED_MAXIMA = tg.max_pool(X, 2), tg.max_pool(TIED, 3)
OVERLAPPING = tg.max_pool(X, 3, 1, 1)

# fmt: off
CASES = {
    tg.max_pool: [call(r(2, 4, 6, 2), 2), call(r(2, 5, 3), size=(3,), stride=2), call(r(1, 5, 5, 2), 3, stride=2, padding=1), call(r(1, 5, 4, 3), (2, 3), 1, "same"), call(r(2, 7, 2), 3), call(r(1, 2, 4, 2, 1), 2)],
    max_pool_input: [call(r(*MAXIMA.shape), X, MAXIMA, size=2), call(r(1, 2, 1), TIED, TIED_MAXIMA, size=3), call(r(*OVERLAPPING.shape), X, OVERLAPPING, size=3, stride=1, padding=1)],
    max_pool_output: [call(r(*X.shape), X, MAXIMA, size=2), call(r(1, 6, 1), TIED, TIED_MAXIMA, size=3), call(r(*X.shape), X, OVERLAPPING, size=3, stride=1, padding=1)],
    tg.average_pool: [call(r(2, 4, 6, 2), 2), call(r(2, 5, 3), size=(3,), stride=2), call(r(1, 5, 5, 2), 3, stride=2, padding=1), call(r(1, 5, 4, 3), (2, 3), 1, "same"), call(r(2, 7, 2), 3)],
    average_pool_input: [call(r(2, 2, 3, 2), lengths=(4, 6), size=2), call(r(1, 3, 3, 2), lengths=(5, 5), size=3, stride=2, padding=1)],
}
# fmt: on
