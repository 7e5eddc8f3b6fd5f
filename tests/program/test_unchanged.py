"""NumPy code that does not import tensorgrad, as programs: the same bits as eager."""

import pytest

import tensorgrad as tg
from tests.examples.test_unchanged import CASES
from tests.program.test_compile import same

STATIC = {"kalman": 1}  # which measurements are missing decides what is computed


@pytest.mark.parametrize("name", CASES)
def test_a_file(name):
    f, _, x, *args = CASES[name]
    g = tg.value_and_grad(f)
    compiled = tg.compile(g, static_argnums=STATIC.get(name, ()))
    for point in (x, x * 1.01):
        assert same(g(point, *args), compiled(point, *args))
