"""Calls under an observer have the same bits as calls without."""

import operator

import numpy as np
import pytest

import tensorgrad as tg
from tensorgrad.engine.state import Observer, with_state

rng = np.random.default_rng(0)
REAL = rng.standard_normal(500)
COMPLEX = REAL + 1j * rng.standard_normal(500)
NAMES = ["add", "sub", "mul", "truediv", "pow", "mod", "floordiv", "lt", "ge", "eq", "ne"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("other", [0.5, 2, 3.0, np.float32(1.5), rng.uniform(0.5, 2, 500)], ids=str)
@pytest.mark.parametrize("dtype", ["f4", "f8", "c8", "c16"])
def test_operators_have_the_same_bits_under_an_observer(name, other, dtype):
    compute = getattr(operator, name)
    if dtype.startswith("c") and name in ("mod", "floordiv"):
        return
    x = (COMPLEX if dtype.startswith("c") else np.abs(REAL)).astype(dtype)
    scalars = zip(map(tg.Tensor, x[:50]), np.broadcast_to(other, 500)[:50].tolist())
    for t, b in [(tg.Tensor(x), other), (tg.Tensor(x, requires_grad=True), other), *scalars]:
        for pair in ((t, b), (b, t)):
            if isinstance(pair[0], np.ndarray):
                continue  # NumPy's own operator calls the ufunc
            right = compute(*pair)
            with with_state(observer=Observer()):
                found = compute(*pair)
            assert np.asarray(found.data).tobytes() == np.asarray(right.data).tobytes()
            assert found.dtype == right.dtype
