"""Calls of arrangements."""

import numpy as np

from tensorgrad.ops.arrange import pad_constant, spread_diagonal
from tests.cases import c, call, r

# fmt: off
CASES = {
    np.flip:         [call(r(2, 3)), call(r(2, 3), 0), call(r(2, 3, 2), axis=(0, -1)), call(r())],
    np.fliplr:       [call(r(2, 3)), call(r(2, 3, 2))],
    np.flipud:       [call(r(3)), call(r(2, 3))],
    np.rot90:        [call(r(2, 3)), call(r(2, 3), 2), call(r(2, 3), k=-1), call(r(2, 3, 2), 3, axes=(1, 2)), call(r(2, 3), 1, (1, 0))],
    np.roll:         [call(r(4), 1), call(r(2, 3), 2), call(r(2, 3), -1, axis=1), call(r(2, 3), (1, 2), (0, 1)), call(r(2, 3), 1, axis=(0, 1)), call(r(4), shift=-6)],
    np.tile:         [call(r(3), 2), call(r(3), (2, 2)), call(r(2, 3), 2), call(r(2, 3), (2, 1)), call(r(), 3), call(r(2), (2, 1, 2)), call(r(2), ()), call(r(2), 0)],
    np.repeat:       [call(r(3), 2), call(r(2, 3), 2), call(r(2, 3), 2, axis=1), call(r(2, 3), [1, 0, 2], 1), call(r(3), [0, 1, 3]), call(r(2, 2), 3, axis=-2)],
    np.delete:       [call(r(4), 1), call(r(2, 3), [0, 2], axis=1), call(r(2, 3), 4), call(r(5), slice(1, 4)), call(r(4), np.array([True, False, True, False])), call(r(4), -1)],
    np.insert:       [call(r(3), 1, r()), call(r(3), [0, 2], r(2)), call(r(2, 3), 1, r(2), axis=1), call(r(2, 3), [1], r(2, 1), axis=1), call(r(2, 3), 0, r(3), axis=0),
                      call(r(3), 1, r(2)), call(r(2, 2), 3, r()), call(r(3), slice(0, 2), r()), call(r(2, 3), [0, 2], r(2, 2), axis=1), call(r(3), [1], r(2)), call(r(3), -1, 1.0),
                      call(r(2, 3), 1, [[1.0, 2.0], [3.0, 4.0]], axis=1), call(r(3), [], [])],
    np.resize:       [call(r(3), 2), call(r(3), (2, 4)), call(r(2, 3), (3, 2)), call(r(2), (5,))],
    np.tril:         [call(r(3, 3)), call(r(2, 3), 1), call(r(2, 3, 3), k=-1), call(r(3))],
    np.triu:         [call(r(3, 3)), call(r(2, 3), 1), call(r(2, 3, 3), k=-1), call(r(3))],
    np.diag:         [call(r(3)), call(r(2), 1), call(r(2), k=-2), call(r(2, 3)), call(r(3, 3), -1), call(r(3, 2), k=1), call(c(2))],
    np.diagflat:     [call(r(3)), call(r(2, 2)), call(r(2), 1)],
    np.diagonal:     [call(r(3, 3)), call(r(2, 3), 1), call(r(3, 2), -1), call(r(2, 3, 4), 0, 1, 2), call(r(2, 3, 2), axis1=-1, axis2=0), call(c(2, 2))],
    spread_diagonal: [call(r(2), (2, 3)), call(r(2), (3, 3), offset=-1), call(r(2, 2), (2, 2, 3), axis1=1, axis2=2), call(r(3, 2), (2, 3, 2), axis1=-1, axis2=0)],
    np.trace:        [call(r(3, 3)), call(r(2, 3), 1), call(r(2, 3, 4), 0, 1, 2), call(r(2, 2), dtype=complex)],
    np.linalg.diagonal: [call(r(3, 3)), call(r(2, 3, 4), offset=1)],
    np.linalg.trace:    [call(r(3, 3)), call(r(2, 3, 4), offset=-1)],
    pad_constant:        [call(r(2, 3), ((1, 0), (2, 1))), call(r(2), ((1, 2),), constant_values=1.5)],
    np.pad:          [call(r(3), 2), call(r(2, 3), ((1, 0), (2, 1))), call(r(2, 3), 1, constant_values=2.0), call(r(2, 3), (1, 2), "constant", constant_values=((1, 2), (3, 4))),
                      *(call(r(3, 4), ((1, 2), (0, 3)), mode) for mode in ("edge", "reflect", "symmetric", "wrap", "linear_ramp", "mean", "maximum", "minimum", "median")),
                      call(r(3), 5, "reflect"), call(r(3), 7, "wrap"), call(r(4), 2, "reflect", reflect_type="odd"), call(r(2, 3), 2, "symmetric", reflect_type="odd"),
                      call(r(4), 2, "linear_ramp", end_values=(1, -2)), call(r(2, 5), 1, mode="mean", stat_length=2), call(r(5), (2, 1), "maximum", stat_length=((2, 3),))],
}
# fmt: on
