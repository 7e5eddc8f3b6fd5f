"""Calls of functions that make arrays."""

import numpy as np

import tensorgrad as tg
from tests.cases import call, r

LIKE = tg.Tensor(np.zeros((2, 3)))  # NumPy looks for a tensor here only

# fmt: off
CASES = {
    np.full_like: [call(LIKE, r(3)), call(LIKE, r(), float, shape=(4,))],
}
# fmt: on
