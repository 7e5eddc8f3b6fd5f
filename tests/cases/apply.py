"""Calls of functions that apply others along axes."""

import numpy as np

from tests.cases import call, r

# fmt: off
CASES = {
    np.apply_along_axis: [call(lambda x: np.sum(x * x), 1, r(2, 3)), call(np.cumsum, 0, r(3, 2)), call(lambda x: np.outer(x, x), -1, r(2, 2)), call(np.sort, 0, r(3))],
    np.apply_over_axes: [call(np.sum, r(2, 3, 2), (0, 2)), call(np.prod, r(2, 3), 1), call(np.cumsum, r(2, 3), [0])],
}
# fmt: on
