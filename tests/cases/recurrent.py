"""Calls of recurrences over sequences."""

import numpy as np

import tensorgrad as tg
from tests.cases import call, r

MASK = np.array([[True, True, False], [True, False, False]])
GAPS = np.array([[False, True, True], [True, False, True]])

# fmt: off
CASES = {
    tg.rnn: [call(r(2, 3, 2), r(2, 3), r(2, 3), r(3, 3), r(3), None), call(r(2, 3, 1), r(2, 2), r(1, 2), r(2, 2), r(2), MASK)],
    tg.gru: [call(r(2, 3, 2), r(2, 2), r(2, 6), r(2, 6), r(6), r(6), None), call(r(2, 3, 1), r(2, 2), r(1, 6), r(2, 6), r(6), r(6), GAPS)],
}
# fmt: on
