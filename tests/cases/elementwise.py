"""Calls of elementwise functions."""

import numpy as np
from numpy._core.umath import clip as clip_ufunc

from tensorgrad.ops.elementwise import cast, fraction, mantissa
from tests.cases import c, call, r

MASK = np.array([True, False, True])

# fmt: off
CASES = {
    np.add:         [call(r(), r(3)), call(r(2, 3), r(2, 1)), call(r(3), 2), call([1.0, 2.0], r(3, 2)), call(c(3), r(3))],
    np.subtract:    [call(r(), r(3)), call(r(2, 3), r(2, 1)), call(r(3), 2), call([1.0, 2.0], r(3, 2)), call(c(3), r(3))],
    np.multiply:    [call(r(), r(3)), call(r(2, 3), r(2, 1)), call(r(3), 2), call([1.0, 2.0], r(3, 2)), call(c(3), r(3))],
    np.divide:      [call(r(), r(3)), call(r(2, 3), r(2, 1)), call(r(3), 2), call([1.0, 2.0], r(3, 2)), call(c(3), c(3))],
    np.power:       [call(r(3, low=0.5), r(2, 1)), call(r(), 3), call(r(3), 2.0), call(r(2, low=0.5), [1, 2]), call(2, r(3)), call(r(4), -1), call(2.5, r(2)),
                     call(c(2), 2), call(c(2), c(2)), call(r(2), c(2)), call(c(2), r(2)), call(2.5, c(2)), call(c(2), 0.5),
                     call(r(3, low=17, high=25), np.array([0, 1, 2], np.uint8)), call(r(1, low=1.05, high=1.1), np.array([-128], np.int8))],
    np.maximum:     [call(c(3), c(3)), call(r(2, 3), r(2, 1)), call(r(), r()), call(r(4), 0), call([1.0, 2.0], r(2))],
    np.minimum:     [call(c(3), c(3)), call(r(2, 3), r(2, 1)), call(r(), r()), call(r(4), 0), call([1.0, 2.0], r(2))],
    np.fmax:        [call(c(3), c(3)), call(r(2, 3), r(2, 1)), call(r(), r()), call(r(4), 0), call(r(2), [np.nan, np.nan])],
    np.fmin:        [call(c(3), c(3)), call(r(2, 3), r(2, 1)), call(r(), r()), call(r(4), 0), call(r(2), [np.nan, np.nan])],
    np.float_power: [call(r(3, low=0.5), r(2, 1)), call(r(), 3), call(r(3), 2.0), call(2, r(3)), call(c(2), r(2))],
    np.remainder:   [call(r(2, 3), r(2, 1, low=1.1, high=1.9)), call(r(4, low=-8.0, high=8.0), 3), call(7.5, r(3))],
    np.fmod:        [call(r(2, 3), r(2, 1, low=1.1, high=1.9)), call(r(4, low=-8.0, high=8.0), 3), call(7.5, r(3))],
    np.divmod:      [call(r(2, 3), r(2, 1, low=1.1, high=1.9)), call(r(4, low=-8.0, high=8.0), 3), call(7.5, r(3))],
    np.copysign:    [call(r(2, 3), r(2, 1)), call(r(), r()), call(r(4), -1.0), call(2.0, r(3))],
    np.heaviside:   [call(r(2, 3), r(2, 1)), call([0.0, 1.0], r(2))],
    np.ldexp:       [call(r(2, 3), 2), call(r(), -1), call(r(3), np.array([[1], [-2]]))],
    np.logaddexp:   [call(r(2, 3), r(2, 1)), call(r(), r()), call(r(4), 0)],
    np.logaddexp2:  [call(r(2, 3), r(2, 1)), call(r(), r()), call(r(4), 0)],
    np.arctan2:     [call(r(2, 3), r(2, 1)), call(r(), r()), call(r(4), 2)],
    np.hypot:       [call(r(2, 3), r(2, 1)), call(r(), r()), call(r(4), 2)],
    np.where:       [call(MASK, r(2, 3), r(3)), call(True, r(), r(2)), call(MASK, r(3), 0), call([[True], [False]], 1, r(3)), call(MASK, c(3), r(3))],
    clip_ufunc:     [call(r(4), r(4, high=-1), r(4, low=1))],
    np.clip:        [call(r(2, 5), -1, 1), call(r(6), 0.5, None), call(r(6), None, 0.5), call(r(4), r(4, high=-1), r(4, low=1)),
                     call(r(), -1, 1), call(r(4), 1.5, -1.5), call(r(6), min=-1), call(r(6), max=1)],

    np.positive:    [call(r(2, 3)), call(r()), call(c(2))],
    np.negative:    [call(r(2, 3)), call(r()), call(c(2))],
    np.fabs:        [call(r(2, 3)), call(r())],
    np.degrees:     [call(r(2, 3)), call(r())],
    np.rad2deg:     [call(r(2, 3)), call(r())],
    np.radians:     [call(r(2, 3)), call(r())],
    np.deg2rad:     [call(r(2, 3)), call(r())],
    np.unwrap:      [call(r(6, low=-20.0, high=20.0)), call(r(2, 3, low=-9.0, high=9.0), axis=0), call(r(5, low=-9.0, high=9.0), period=4), call(r(5, low=-9.0, high=9.0), 4.0)],
    np.modf:        [call(r(2, 3)), call(r())],
    fraction:       [call(r(2, 3)), call(r())],
    np.frexp:       [call(r(2, 3)), call(r())],
    mantissa:       [call(r(2, 3)), call(r())],
    np.reciprocal:  [call(r(2, 3)), call(r()), call(c(2))],
    np.square:      [call(r(2, 3)), call(r()), call(c(2))],
    np.sqrt:        [call(r(2, 3, low=0.1)), call(r(low=0.1)), call(c(2))],
    np.cbrt:        [call(r(2, 3, low=0.1)), call(r(low=0.1)), call(r(3, high=-0.1))],
    np.exp:         [call(r(2, 3)), call(r()), call(c(2))],
    np.exp2:        [call(r(2, 3)), call(r()), call(c(2))],
    np.expm1:       [call(r(2, 3)), call(r()), call(c(2))],
    np.log:         [call(r(2, 3, low=0.1)), call(r(low=0.1)), call(c(2))],
    np.log2:        [call(r(2, 3, low=0.1)), call(r(low=0.1)), call(c(2))],
    np.log10:       [call(r(2, 3, low=0.1)), call(r(low=0.1)), call(c(2))],
    np.log1p:       [call(r(2, 3, low=-0.8)), call(r(low=0.1)), call(c(2))],
    np.sin:         [call(r(2, 3)), call(r()), call(c(2))],
    np.cos:         [call(r(2, 3)), call(r()), call(c(2))],
    np.tan:         [call(r(2, 3, low=-1.2, high=1.2)), call(r(high=1.0)), call(c(2))],
    np.arcsin:      [call(r(2, 3, low=-0.9, high=0.9)), call(r(low=-0.9, high=0.9)), call(c(2))],
    np.arccos:      [call(r(2, 3, low=-0.9, high=0.9)), call(r(low=-0.9, high=0.9)), call(c(2))],
    np.arctan:      [call(r(2, 3)), call(r()), call(c(2))],
    np.sinh:        [call(r(2, 3)), call(r()), call(c(2))],
    np.cosh:        [call(r(2, 3)), call(r()), call(c(2))],
    np.tanh:        [call(r(2, 3)), call(r()), call(c(2))],
    np.arcsinh:     [call(r(2, 3)), call(r()), call(c(2))],
    np.arccosh:     [call(r(2, 3, low=1.2, high=4)), call(r(low=1.2, high=4)), call(c(2))],
    np.arctanh:     [call(r(2, 3, low=-0.9, high=0.9)), call(r(low=-0.9, high=0.9)), call(c(2))],
    np.copy:        [call(r(2, 3)), call(r()), call(c(3)), call(r(2, 3), order="F")],
    np.astype:      [call(r(2, 3), np.float64), call(r(2), complex), call(r(2), np.float64, copy=False)],
    cast:           [call(r(2, 3), dtype=np.float64), call(r(2), dtype=complex), call(c(2), dtype=complex)],
}
# fmt: on
