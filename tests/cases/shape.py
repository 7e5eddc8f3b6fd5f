"""Calls of shapes."""

import numpy as np

from tensorgrad.ops.shape import concatenate
from tests.cases import c, call, r

# fmt: off
CASES = {
    np.reshape:      [call(r(2, 3), (3, 2)), call(r(2, 3), -1), call(r(4), (2, -1)), call(r(), (1, 1)), call(r(1), ()), call(c(2, 2), 4),
                      call(r(2, 3), (3, 2), order="F"), call(r(2, 3), shape=6)],
    np.ravel:        [call(r(2, 3)), call(r()), call(c(2, 2)), call(r(2, 3), order="F"), call(r(2, 3), order="f")],
    np.squeeze:      [call(r(2, 1, 3, 1)), call(r(1, 2, 1), axis=0), call(r(1, 2, 1), axis=(0, -1)), call(r(1))],
    np.expand_dims:  [call(r(2, 3), 0), call(r(2, 3), axis=-1), call(r(2), axis=(0, 2)), call(r(), 0)],
    np.transpose:    [call(r(2, 3)), call(r(2, 3, 4), (1, 2, 0)), call(r(2, 3, 4), axes=(-1, 0, 1)), call(r(3)), call(r()), call(c(2, 3))],
    np.matrix_transpose:        [call(r(2, 3)), call(r(2, 3, 4)), call(c(2, 3))],
    np.linalg.matrix_transpose: [call(r(2, 3)), call(r(2, 3, 4)), call(c(2, 3))],
    np.swapaxes:     [call(r(2, 3, 4), 0, 2), call(r(2, 3), -1, 0), call(r(2, 3, 2), axis1=1, axis2=2)],
    np.moveaxis:     [call(r(2, 3, 4), 0, -1), call(r(2, 3, 4), (0, 1), (2, 0)), call(r(2, 3), source=1, destination=0)],
    np.rollaxis:     [call(r(2, 3, 4), 2), call(r(2, 3, 4), 0, 2), call(r(2, 3, 4), -1, start=1), call(r(2, 3, 4), 0, 3), call(r(2, 3, 4), 1, -1), call(r(2, 3), 1, 1)],
    np.broadcast_to: [call(r(3), (2, 3)), call(r(2, 1), (3, 2, 4)), call(r(), (2, 2)), call(r(3), shape=(3,)), call(r(3), 3)],
    concatenate:     [call(r(2, 3), r(1, 3), axis=0), call(r(2, 3), r(2, 2), r(2, 1), axis=-1), call(r(2), c(3))],
    np.concatenate:  [call([r(2, 3), r(1, 3)]), call((r(2, 3), r(2, 1)), axis=1), call([r(2, 3), r(4, 1)], axis=None), call([r(2), c(1)]),
                      call([r(2, 1), [[1.0, 2.0]]], axis=None), call([r(2), [1, 2]]), call([r(2), r(1)], dtype=complex), call([r(2), np.arange(2)], dtype=float)],
    np.stack:        [call([r(3), r(3)]), call([r(2, 3), r(2, 3)], axis=1), call((r(2), r(2), r(2)), -1), call([r(), r()]), call([r(), 2.0]), call([r(2), r(2)], dtype=complex)],
    np.hstack:       [call([r(2), r(3)]), call([r(2, 3), r(2, 1)]), call([r(), r()]), call([r(), 1.0, r()])],
    np.vstack:       [call([r(3), r(3)]), call([r(2, 3), r(3)]), call([r(), r()]), call([r(2), [1, 2]])],
    np.dstack:       [call([r(3), r(3)]), call([r(2, 3), r(2, 3)]), call([r(2, 1, 3), r(2, 1, 1)])],
    np.column_stack: [call([r(3), r(3)]), call([r(2, 3), r(2)]), call([r(), r()])],
    np.append:       [call(r(2), r(3)), call(r(2, 3), r(2)), call(r(2, 3), r(1, 3), axis=0), call(r(3), 1.0), call([1, 2], r(2))],
    np.block:        [call([r(2), r(3)]), call([[r(2, 2), r(2, 1)], [r(1, 2), r(1, 1)]]), call([[r(2, 2), np.zeros((2, 1))], [r(1, 2), 1.0]]), call(r(2)),
                      call([[r(3)], [r(3)]]), call([r(2, 2), r(2, 3)])],
    np.atleast_1d:   [call(r()), call(r(2)), call(r(), r(2, 2))],
    np.atleast_2d:   [call(r()), call(r(2)), call(r(), r(2, 2, 1))],
    np.atleast_3d:   [call(r()), call(r(2)), call(r(2, 3), r(2, 2, 1))],
    np.array_split:  [call(r(7), 3), call(r(2, 5), 2, axis=1), call(r(7), [2, 5]), call(r(3, 4), [1], -1)],
    np.split:        [call(r(6), 3), call(r(2, 4), 2, axis=1), call(r(7), [2, 5]), call(r(3, 4), [1], -1), call(r(5), [4, 2])],
    np.hsplit:       [call(r(4), 2), call(r(2, 4), 2), call(r(2, 4), [1])],
    np.vsplit:       [call(r(4, 2), 2), call(r(3, 2), [1])],
    np.dsplit:       [call(r(2, 1, 4), 2), call(r(1, 2, 3), [1])],
    np.unstack:      [call(r(2, 3)), call(r(2, 3), axis=1), call(r(2, 3, 2), axis=-1)],
    np.broadcast_arrays: [call(r(3), r(2, 1)), call(r(), r(2)), call(r(2), 1.0), call(r(2, 2))],
    np.meshgrid:     [call(r(2), r(3)), call(r(2), r(3), indexing="ij"), call(r(2), r(3), sparse=True), call(r(2), r(3), r(2)), call(r(2)), call(r(), r(2))],
}
# fmt: on
