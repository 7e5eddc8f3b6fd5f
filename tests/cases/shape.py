"""Calls of rearrangements."""

import numpy as np

from tensorgrad.ops.shape import concatenate
from tests.cases import c, call, r

# fmt: off
CASES = {
    np.reshape:      [call(r(2, 3), (3, 2)), call(r(2, 3), -1), call(r(4), (2, -1)), call(r(), (1, 1)), call(r(1), ()), call(c(2, 2), 4)],
    np.ravel:        [call(r(2, 3)), call(r()), call(c(2, 2))],
    np.squeeze:      [call(r(2, 1, 3, 1)), call(r(1, 2, 1), axis=0), call(r(1, 2, 1), axis=(0, -1)), call(r(1))],
    np.expand_dims:  [call(r(2, 3), 0), call(r(2, 3), axis=-1), call(r(2), axis=(0, 2)), call(r(), 0)],
    np.transpose:    [call(r(2, 3)), call(r(2, 3, 4), (1, 2, 0)), call(r(2, 3, 4), axes=(-1, 0, 1)), call(r(3)), call(r()), call(c(2, 3))],
    np.swapaxes:     [call(r(2, 3, 4), 0, 2), call(r(2, 3), -1, 0), call(r(2, 3, 2), axis1=1, axis2=2)],
    np.moveaxis:     [call(r(2, 3, 4), 0, -1), call(r(2, 3, 4), (0, 1), (2, 0)), call(r(2, 3), source=1, destination=0)],
    np.broadcast_to: [call(r(3), (2, 3)), call(r(2, 1), (3, 2, 4)), call(r(), (2, 2)), call(r(3), shape=(3,)), call(r(3), 3)],
    np.flip:         [call(r(2, 3)), call(r(2, 3), 0), call(r(2, 3, 2), axis=(0, -1)), call(r())],
    concatenate:     [call(r(2, 3), r(1, 3), axis=0), call(r(2, 3), r(2, 2), r(2, 1), axis=-1), call(r(2), c(3))],
    np.concatenate:  [call([r(2, 3), r(1, 3)]), call((r(2, 3), r(2, 1)), axis=1), call([r(2, 3), r(4, 1)], axis=None), call([r(2), c(1)])],
    np.stack:        [call([r(3), r(3)]), call([r(2, 3), r(2, 3)], axis=1), call((r(2), r(2), r(2)), -1), call([r(), r()])],
    np.array_split:  [call(r(7), 3), call(r(2, 5), 2, axis=1), call(r(7), [2, 5]), call(r(3, 4), [1], -1)],
    np.split:        [call(r(6), 3), call(r(2, 4), 2, axis=1), call(r(7), [2, 5]), call(r(3, 4), [1], -1)],
}
# fmt: on
