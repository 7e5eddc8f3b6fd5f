"""Calls of sliding windows."""

from numpy.lib.stride_tricks import sliding_window_view

from tensorgrad.ops.windows import fold, windows
from tests.cases import c, call, r

# fmt: off
CASES = {
    windows: [call(r(5), (2,)), call(r(2, 5), size=(3,), step=2), call(r(4, 5), (2, 3)), call(r(2, 4, 4), (2, 2), step=(1, 2)), call(r(5), size=(2,), step=3), call(c(4), (2,))],
    fold: [call(r(4, 2), (5,)), call(r(2, 2, 3), shape=(5,), step=2), call(r(3, 3, 2, 3), (4, 5)), call(r(2, 2, 2), shape=(5,), step=3), call(c(3, 2), (4,))],
    sliding_window_view: [call(r(5), 2), call(r(3, 4), (2, 2)), call(r(3, 4), 3, axis=1), call(r(3, 4), 2, axis=0), call(r(3, 4), (2, 1), (1, 0))],
}
# fmt: on
