"""Calls of what networks need and NumPy lacks."""

import numpy as np

import tensorgrad as tg
from tests.cases import call, r

LABELS = np.array([2, 0, 2, 1])
SHARES = np.array(
    [[0.2, 0.3, 0.5], [1.0, 0.0, 0.0], [0.1, 0.1, 0.1], [0.5, 0.5, 0.5]]
)  # rows need not sum to 1

# fmt: off
CASES = {
    tg.relu:                  [call(r(2, 3)), call(r())],
    tg.leaky_relu:            [call(r(2, 3)), call(r()), call(r(4), slope=0.3), call(r(4), 0.3)],
    tg.sigmoid:               [call(r(2, 3)), call(r())],
    tg.softplus:              [call(r(2, 3)), call(r())],
    tg.softmax:               [call(r(2, 3)), call(r(4)), call(r(2, 3), axis=0), call(r(2, 3, 2), 1), call(r(2, 3), axis=(0, 1))],
    tg.log_softmax:           [call(r(2, 3)), call(r(4)), call(r(2, 3), axis=0), call(r(2, 3, 2), 1), call(r(2, 3), axis=(0, 1))],
    tg.linear:                [call(r(2, 3), r(3, 4), r(4)), call(r(3), r(3, 2), r(2)), call(r(2, 2, 3), r(3, 2), r(2))],
    tg.dropout:               [call(r(2, 3), np.array([[2, 0, 2], [0, 2, 2]]))],
    tg.softmax_cross_entropy: [call(r(4, 3), LABELS), call(r(4, 3), SHARES), call(r(1, 5), LABELS[:1])],
    tg.sigmoid_cross_entropy: [call(r(2, 3), np.array([[0, 1, 0], [1, 1, 0]])), call(r(), 1)],
}
# fmt: on
