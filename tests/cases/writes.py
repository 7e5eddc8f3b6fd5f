"""Calls of functions that write into their first argument; the test gives them a copy of it."""

import numpy as np

import tensorgrad as tg
from tests.cases import c, call, r

MASK = np.array([[True, False, True], [False, False, True]])
TWICE = np.array([0, 2, 2])

# fmt: off
CASES = {
    np.copyto:         [call(r(2, 3), r(2, 3)), call(r(2, 3), r(3)), call(r(2, 3), r(), where=MASK), call(r(2, 3), r(3), where=MASK), call(c(2), r(2))],
    np.place:          [call(r(2, 3), MASK, r(3)), call(r(2, 3), MASK, r(2)), call(r(2, 3), MASK, [1.0])],
    np.putmask:        [call(r(2, 3), MASK, r(2, 3)), call(r(2, 3), MASK, r(2)), call(r(2, 3), MASK, r())],
    np.put:            [call(r(2, 3), [0, 4], r(2)), call(r(4), [0, 2, 0], r(3)), call(r(4), [1, 2, 3], r(2)), call(r(4), -1, r()), call(r(3), [4, -1], r(2), mode="wrap"), call(r(3), [4, -1], r(2), "clip")],
    np.put_along_axis: [call(r(2, 3), np.array([[0, 2], [1, 0]]), r(2, 2), 1), call(r(2, 3), np.array([[1, 0, 1]]), r(3), axis=0), call(r(2, 3), np.array([4, 0]), r(), None), call(r(2, 3), np.array([[0], [1]]), 1.0, -1)],
    np.fill_diagonal:  [call(r(3, 3), r()), call(r(3, 3), r(3)), call(r(5, 2), r(2), wrap=True), call(r(2, 3), r(2)), call(r(2, 2, 2), r())],
    np.add.at:         [call(r(4), TWICE, r(3)), call(r(4), TWICE, r()), call(r(2, 3), (slice(None), TWICE), r(3)), call(r(3), 1, 2.0), call(r(2, 3), MASK, r(3))],
    np.subtract.at:    [call(r(4), TWICE, r(3)), call(r(3, 2), (TWICE, 1), r(3))],
}
# fmt: on


def written(function):
    """Return the function as one that returns the array it has written to: a tensor, if any argument is one."""

    def call(x, *args, **kwargs):
        given = (x, *args, *kwargs.values())
        lift = tg.Tensor if any(isinstance(a, tg.Tensor) for a in given) else np.asarray
        copy = np.copy(x) if isinstance(x, tg.Tensor) else lift(np.copy(x))
        function(copy, *args, **kwargs)
        return copy

    return call


WRITTEN = {function: written(function) for function in CASES}
