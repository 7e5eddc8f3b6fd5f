"""Calls of indexing functions."""

import numpy as np

from tensorgrad.ops.index import assign, put, take
from tests.cases import c, call, r

TWICE = np.array([0, 2, 2])  # names a position twice
MASK = np.array([[True, False, True], [False, False, True]])

# Every kind of index of an array of shape (2, 3, 4), with the shape of what it picks.
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
    (np.True_,                                  (1, 2, 3, 4)),
]

CASES = {
    take:               [*(call(r(2, 3, 4), index) for index, _ in INDICES), call(r(), ()), call(c(3), TWICE)],
    put:                [*(call(r(*shape), index, (2, 3, 4)) for index, shape in INDICES), call(c(3), TWICE, (4,))],
    assign:             [*(call(r(2, 3, 4), index, r(*shape)) for index, shape in INDICES),
                         call(r(2, 3), 0, r()), call(r(2, 3), slice(None), r(1, 1, 3)), call(c(3), 1, r())],
    np.take:            [call(r(4), TWICE), call(r(2, 3), TWICE), call(r(2, 3), [[0], [2]], axis=1), call(r(2, 3), 1, axis=0),
                         call(r(3), [-1, 5], mode="wrap"), call(r(3), [-1, 5], mode="clip"), call(r(2, 3), TWICE, -1)],
    np.take_along_axis: [call(r(2, 3), np.array([[0, 2], [1, 1]]), axis=1), call(r(2, 3), np.array([[1, 0, 1]]), 0),
                         call(r(2, 3), np.array([5, 0]), axis=None), call(r(2, 3), np.array([[0], [2]]))],
    np.sort:            [call(r(5)), call(r(2, 3)), call(r(3, 2), axis=0), call(r(2, 3), axis=None), call(r(2, 3, 2), -2)],
}
# fmt: on
