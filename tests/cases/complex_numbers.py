"""Calls of functions that take complex numbers apart."""

import numpy as np

from tensorgrad.ops.complex_numbers import nan_to_num
from tests.cases import c, call, r

# fmt: off
CASES = {
    np.absolute:      [call(r(2, 3)), call(r()), call(c(2, 2)), call(c())],
    np.conjugate:     [call(r(2, 3)), call(c(2, 3)), call(c())],
    np.real:          [call(r(2, 3)), call(c(2, 3)), call(c())],
    np.imag:          [call(r(2, 3)), call(c(2, 3)), call(c())],
    np.sign:          [call(c(2, 3)), call(c())],
    np.angle:         [call(c(2, 3)), call(c()), call(c(3), deg=True), call(r(2, 3))],
    np.real_if_close: [call(c(3)), call(r(3)), call(r(3) + 1e-16j), call(c(3), tol=1e9)],
    nan_to_num:       [call(r(2, 3))],
    np.nan_to_num:    [call(r(2, 3), copy=True), call(r(2, 3)), call(c(2)), call(r(3), nan=1.0)],
}
# fmt: on
