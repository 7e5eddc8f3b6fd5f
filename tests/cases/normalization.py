"""Calls of normalization and of the parts of its rules."""

import numpy as np

import tensorgrad as tg
from tensorgrad.ops.normalization import blend, mean_products
from tests.cases import call, r

# Integers are constants here: the inverse deviations, with means around zero and far from it.
# fmt: off
CASES = {
    tg.batch_norm: [call(r(5, 2), r(2), r(2), None), call(r(2, 3, 2, 3), r(3), r(3), None), call(r(4, 1), r(1), r(1), None, epsilon=0.1)],
    tg.standardize: [call(r(3, 4)), call(r(2, 3, 4), axis=(0, 2)), call(r(4, 3), 0, 0.1)],
    tg.layer_norm: [call(r(3, 4), r(4), r(4)), call(r(2, 3, 4), r(4), None), call(r(4), r(4), r(4), epsilon=0.1), call(r(2, 3), r(3), r(3), 0.2)],
    tg.shift_scale: [call(r(5, 2), r(2), r(2), r(2)), call(r(2, 3, 2, 3), r(3), r(3), r(3))],
    blend: [call(r(5, 2), r(2), r(2), r(5, 2), r(2), r(2))],
    mean_products: [call(r(2, 3, 2), r(2, 3, 2), r(2), np.full(2, inverse)) for inverse in (0, 9)],
}
# fmt: on
