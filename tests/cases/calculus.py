"""Calls of sampled functions."""

import numpy as np

from tensorgrad.ops.calculus import convolve_full
from tests.cases import c, call, r

RISING = np.array([-1.5, -0.2, 0.7, 1.6])

# fmt: off
CASES = {
    np.diff:       [call(r(4)), call(r(2, 3)), call(r(4), 2), call(r(3, 2), axis=0), call(r(2, 3), prepend=0.0), call(r(2, 3), 1, -1, r(2, 1), r()), call(r(3), n=0), call(c(3))],
    np.ediff1d:    [call(r(4)), call(r(2, 3)), call(r(3), r(2), r()), call(r(3), to_begin=1.0)],
    np.gradient:   [call(r(5)), call(r(3, 4)), call(r(5), 2.0), call(r(5), r()), call(r(4), RISING), call(r(3, 4), axis=1), call(r(3, 4), axis=(1, 0)), call(r(5), edge_order=2),
                    call(r(4), RISING, edge_order=2), call(r(3, 4), 0.5, RISING), call(r(3, 4), r(), r(), edge_order=2), call(r(4, 2), RISING, axis=0), call(c(4))],
    np.trapezoid:  [call(r(4)), call(r(2, 3)), call(r(4), RISING), call(r(4), dx=0.5), call(r(3, 2), axis=0), call(r(4, 2), RISING, axis=0), call(r(2, 3), r(2, 3)), call(r(4), None, r())],
    np.interp:     [call(r(5, low=-1, high=1), RISING, r(4)), call(r(), RISING, r(4)), call(np.array([-3.0, 0.1, 3.0]), RISING, r(4)), call(r(3, low=-4, high=4), RISING, r(4), -1.0, 2.0),
                    call(r(2, 3), RISING, r(4), left=-1.0), call(r(4, low=-4, high=4), RISING, r(4), period=3.5), call([0.5], RISING, c(4))],
    np.convolve:   [*(call(r(n), r(m), mode) for mode in ("full", "same", "valid") for n, m in ((5, 3), (2, 5), (4, 4), (5, 2))), call(c(4), c(2)), call(r(3), [1, 2]), call(r(3), r()), call(r(4), r(2), 1)],
    np.correlate:  [*(call(r(n), r(m), mode) for mode in ("full", "same", "valid") for n, m in ((5, 3), (2, 5), (4, 4), (5, 2))), call(c(4), c(2)), call(c(2), c(4), "same"), call([1, 2], r(3))],
    convolve_full: [call(r(4), r(2)), call(r(2), r(4)), call(c(2), c(3))],
    np.linspace:   [call(r(), r(), 4), call(r(2), r(2), 3), call(r(2, 1), r(2), 3, axis=-1), call(r(), 1.0, 4, endpoint=False), call(0.0, r(), 3, retstep=True), call(r(), r(), num=1),
                    call(r(), r(), 4, dtype=complex)],
    np.logspace:   [call(r(), r(), 4), call(r(2), r(2), 3), call(r(), 1.0, 4, False, 2.0), call(r(), r(), 3, base=r(low=1)), call(r(), r(), 3, base=r(2, low=1)),
                   call(r(2), r(2), 3, base=r(2, low=1), axis=1)],
    np.geomspace:  [call(r(low=0.5), r(low=0.5), 4), call(r(2, low=0.5), r(2, low=0.5), 3), call(1.0, r(low=0.5), 4, endpoint=False), call(r(low=-2, high=-1), r(low=-3, high=-2), 3)],
    np.vander:     [call(r(3)), call(r(3), 2), call(r(2), N=4, increasing=True), call(c(2))],
}
# fmt: on
