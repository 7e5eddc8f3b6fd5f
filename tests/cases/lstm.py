"""Calls of the long short-term memory over sequences."""

import numpy as np

import tensorgrad as tg
from tests.cases import call, r

MASK = np.array([[True, True, False], [False, True, True]])

# fmt: off
CASES = {
    tg.lstm: [
        call(r(2, 3, 2), r(2, 2), r(2, 2), r(2, 8), r(2, 8), r(8), None),
        call(r(2, 3, 1), r(2, 2), r(2, 2), r(1, 8), r(2, 8), r(8), MASK),
    ],
}
# fmt: on
