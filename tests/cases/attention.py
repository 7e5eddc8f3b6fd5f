"""Calls of attention."""

import numpy as np

import tensorgrad as tg
from tests.cases import call, r

KEYS = np.array([[True, True, False], [False, True, True]])[:, None, None]
NONE = np.array([[True, False, True], [False, False, False]])[
    None, None
]  # the second step may look nowhere
FACTORS = np.tile(np.array([[0, 2, 2], [2, 2, 0]], np.int8), (2, 2, 1, 1))

# fmt: off
CASES = {
    tg.attention: [
        call(r(2, 3, 4), r(2, 3, 4), r(2, 3, 2), None, None, heads=2),
        call(r(2, 2, 2), r(2, 3, 2), r(2, 3, 3), KEYS, None),
        call(r(1, 3, 4), r(1, 3, 4), r(1, 3, 4), None, None, 2, True),
        call(r(2, 2, 4), r(2, 3, 4), r(2, 3, 4), NONE, FACTORS, heads=2),
    ],
    tg.self_attention: [
        call(r(2, 3, 12), None, None, heads=2),
        call(r(2, 3, 6), KEYS, None, 1, True),
        call(r(2, 2, 12), NONE[..., :2], FACTORS[..., :2], heads=2),
    ],
}
# fmt: on
