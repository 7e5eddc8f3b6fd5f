"""Calls of special functions."""

import numpy as np

from tensorgrad.ops.special import bessel, gelu, ndtr, sinc
from tests.cases import c, call, r

# fmt: off
CASES = {
    ndtr:    [call(r(2, 3)), call(r()), call(r(9, low=-9.0, high=9.0)), call(np.zeros(2))],
    gelu:    [call(r(2, 3)), call(r()), call(r(9, low=-9.0, high=9.0))],
    np.sinc: [call(r(2, 3)), call(r()), call(np.zeros(2)), call(r(5, low=-9.0, high=9.0)), call(np.array([1.0, 0.3])), call(c(2))],
    sinc:    [call(r(2, 3)), call(r(9, low=-9.0, high=9.0), n=2), call(np.zeros(2), n=3), call(r(9), n=1), call(r(9), n=4)],
    np.i0:   [call(r(2, 3)), call(r()), call(np.zeros(2)), call(r(4, low=-10.0, high=10.0))],
    bessel:  [call(r(2, 3), n=1), call(r(), n=2), call(r(3))],
}
# fmt: on
