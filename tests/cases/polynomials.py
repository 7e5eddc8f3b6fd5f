"""Calls of polynomials."""

import numpy as np

from tests.cases import c, call, r

X = np.array([-1.0, -0.3, 0.4, 1.1, 1.9])

# fmt: off
CASES = {
    np.polyval: [call(r(3), r(2)), call(r(3), r()), call(r(1), r(2, 2)), call([1, 2], r(2)), call(c(3), r(2))],
    np.polyadd: [call(r(3), r(2)), call(r(2), r(3)), call(r(2), 1.0), call([1, 2], r(2))],
    np.polysub: [call(r(3), r(2)), call(r(2), r(3)), call(r(2), 1.0)],
    np.polymul: [call(r(3), r(2)), call(r(2), r()), call([1, 2], r(2))],
    np.polydiv: [call(r(5), r(3, low=0.5)), call(r(2), r(3)), call(r(3), r(1)), call(r(4), r(2, low=0.5))],
    np.polyder: [call(r(4)), call(r(4), 2), call(r(1))],
    np.polyint: [call(r(3)), call(r(3), 2), call(r(3), 2, [1.0, 2.0]), call(r(2), k=3.0)],
    np.poly:    [call(r(3)), call(r(1)), call(np.array([[2.0, 0.5], [0.3, -1.0]])), call(c(2))],
    np.roots:   [call(np.array([1.5, -0.5, -2.5, 0.3])), call(np.array([1.0, 0.2, 2.0])), call(np.array([2.0, -3.0])), call(np.array([1.0, -3.0, 0.0])), call(c(3))],
    np.polyfit: [call(X, r(5), 2), call(X + r(5) / 10, r(5), 1), call(X, r(5, 2), 1), call(X, r(5), 1, w=r(5, low=0.5)), call(X, r(5), 1, cov=True), call(X, r(5, 2), 1, cov="unscaled"), call(X, r(5), 1, full=True)],
}
# fmt: on
