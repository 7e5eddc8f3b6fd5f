"""Calls of sets, with numbers that are all different, because equal ones have kinks."""

import numpy as np

from tests.cases import call, r

# fmt: off
CASES = {
    np.unique:         [call(r(5)), call(r(2, 3)), call(r(3, 2), axis=0), call(r(2, 3), axis=1), call(r(4), True, True, return_counts=True), call(r(3), return_counts=True)],
    np.unique_values:  [call(r(4)), call(r(2, 2))],
    np.unique_counts:  [call(r(4))],
    np.unique_inverse: [call(r(4)), call(r(2, 2))],
    np.unique_all:     [call(r(4))],
    np.union1d:        [call(r(3), r(2)), call(r(2, 2), [5, 6])],
    np.intersect1d:    [call(r(3), r(2)), call(r(3), r(2), return_indices=True)],
    np.setdiff1d:      [call(r(3), r(2)), call(r(2, 2), [7.0], True)],
    np.setxor1d:       [call(r(3), r(2)), call(r(3), [7.0], assume_unique=True)],
}
# fmt: on
