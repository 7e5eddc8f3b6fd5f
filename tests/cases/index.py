"""Calls of indexing functions."""

import numpy as np

from tensorgrad.ops.index import assign, put, shared, take
from tests.cases import c, call, r

TWICE = np.array([0, 2, 2])  # names a position twice
MASK = np.array([[True, False, True], [False, False, True]])
X = r(5)

# Every kind of index of an array of shape (2, 3, 4), with the shape of its result.
# fmt: off
INDICES = [
    (1,                                         (3, 4)),
    (-1,                                        (3, 4)),
    ((1, 2, 3),                                 ()),
    (slice(None, None, -1),                     (2, 3, 4)),
    ((slice(None), slice(0, 3, 2)),             (2, 2, 4)),
    ((Ellipsis, 1),                             (2, 3)),
    ((None, 0, Ellipsis, None),                 (1, 3, 4, 1)),
    ([1, 0],                                    (2, 3, 4)),
    ((slice(None), TWICE),                      (2, 3, 4)),
    ((np.array([[0], [1]]), TWICE),             (2, 3, 4)),
    ((0, slice(None), TWICE),                   (3, 3)),
    ((TWICE - 1, slice(None), TWICE),           (3, 3)),
    (MASK,                                      (3, 4)),
    ((MASK, TWICE),                             (3,)),
    ((slice(None), np.array([True, False, True])), (2, 2, 4)),
    (((0, 0), range(2)),                        (2, 4)),
    (np.True_,                                  (1, 2, 3, 4)),
]

CASES = {
    take:               [*(call(r(2, 3, 4), index) for index, _ in INDICES), call(r(), ()), call(c(3), TWICE)],
    put:                [*(call(r(*shape), index, (2, 3, 4)) for index, shape in INDICES), call(c(3), TWICE, (4,))],
    assign:             [*(call(r(2, 3, 4), index, r(*shape)) for index, shape in INDICES),
                         call(r(2, 3), 0, r()), call(r(2, 3), slice(None), r(1, 1, 3)), call(c(3), 1, r())],
    np.take:            [call(r(4), TWICE), call(r(), 0, axis=0), call(r(), [0, 0], axis=-1), call(r(2, 3), TWICE), call(r(2, 3), [[0], [2]], axis=1), call(r(2, 3), 1, axis=0),
                         call(r(3), [-1, 5], mode="wrap"), call(r(3), [-1, 5], mode="clip"), call(r(2, 3), TWICE, -1), call(r(2, 3), [4, -1], 1, None, "clip")],
    np.take_along_axis: [call(r(2, 3), np.array([[0, 2], [1, 1]]), axis=1), call(r(2, 3), np.array([[1, 0, 1]]), 0),
                         call(r(2, 3), np.array([5, 0]), axis=None), call(r(2, 3), np.array([[0], [2]]), -1)],
    shared:             [call(r(5), np.array([True, True, False, True, False])), call(r(2, 3), np.array([[True, False, False], [True, True, False]]))],
    np.sort:            [call(r(5)), call(r(2, 3)), call(r(3, 2), axis=0), call(r(2, 3), axis=None), call(r(2, 3, 2), -2), call(r(4), kind="stable"),
                         call(r(4), stable=True), call(c(4))],
    np.partition:       [call(r(6), 2), call(r(2, 5), (1, 3)), call(r(5, 2), 2, axis=0), call(r(2, 3), 3, axis=None)],
    np.sort_complex:    [call(r(4)), call(c(4))],
    np.compress:        [call([True, False, True], r(3)), call([False, True], r(2, 3), axis=0), call([0, 1, 1], r(2, 3), 1), call([True, False, True], r(2, 3))],
    np.extract:         [call(MASK, r(2, 3)), call([True, False, True], r(3))],
    np.choose:          [call([1, 0, 1], [r(3), r(3)]), call([[0], [2]], [r(3), 1.0, r(2, 1)]), call([3, -1], [r(2), r(2)], mode="wrap"), call([3, -1], [r(2), r(2)], mode="clip"),
                         call([1, 0], r(2, 2))],
    np.select:          [call([MASK, ~MASK], [r(2, 3), r(3)]), call([MASK, MASK[0]], [r(3), r(2, 1)], 5.0), call([MASK], [r(2, 3)]), call([np.True_], [r()], 2)],
    np.piecewise:       [call(X, [X < 0, X > 1], [np.sin, np.exp, lambda x: x * x]), call(X, [X < 0], [lambda x, k: k * x, -1.0], 3.0), call(X, X > 0, [np.sqrt])],
    np.trim_zeros:      [call(r(4)), call(r(3), "f"), call(r(3), trim="b")],
    np.bincount:        [call([0, 2, 2], r(3)), call([0, 2, 2], weights=r(3), minlength=5)],
    np.histogram:       [call(np.arange(5), 3, weights=r(5)), call(np.arange(6), [0, 2, 5], weights=r(6), density=True), call(np.arange(6), 2, (1, 4), weights=r(6)), call(r(6), 3), call(r(7), 3, density=True),
                         call(r(6), 3, density=True, weights=r(6, low=0.5)), call(np.arange(6), r(3) * [0.01, 0.01, 0.01] + [0.5, 2.5, 4.5], weights=r(6), density=True)],
    np.histogram_bin_edges: [call(r(6), 3), call(r(2, 4)), call(r(5), "sqrt"), call(np.array([1.5]), 2)],
}
# fmt: on
