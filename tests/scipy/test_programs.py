"""Programs of SciPy's functions: the same bits as eager, and text that imports scipy.special."""

import numpy as np
import pytest
import scipy.sparse
import scipy.special as sp

import tensorgrad as tg
import tensorgrad.scipy as tsp
from tests.scipy.rows import CASES, CONSTANT, FUNCTIONS, P, Q

A = np.eye(4) + 0.1
SPARSE = scipy.sparse.csr_array(A)
# fmt: off
OTHERS = {
    "expm": lambda x: tsp.linalg.expm(A * x), "solve": lambda x: tsp.linalg.solve(A, x), "sylvester": lambda x: tsp.linalg.solve_sylvester(A * x, A, A),
    "cho_solve": lambda x: tsp.linalg.cho_solve(tsp.linalg.cho_factor(A), x), "norm": lambda x: tsp.stats.norm.logcdf(x), "gamma": lambda x: tsp.stats.gamma.logpdf(x, Q),
    "multivariate_normal": lambda x: tsp.stats.multivariate_normal.logpdf(x, Q, A), "poisson": lambda x: tsp.stats.poisson.logpmf(np.array([1, 2, 3, 0]), x),
    "sparse": lambda x: tsp.sparse.matmul(SPARSE, x), "t @ A": lambda x: x @ SPARSE,
}
# fmt: on


def rows():
    for function, calls in CASES.items():
        args, first = calls[0], CONSTANT.get(function, 0)
        yield pytest.param(*of_one(function, args, first), id=function.__name__)
    for name, calls in FUNCTIONS.items():
        yield pytest.param(*of_one(getattr(tsp.special, name), calls[0], 0), id=f"tsp-{name}")
    for name, f in OTHERS.items():
        yield pytest.param(f, P, id=name)


def of_one(function, args, first):
    """Return the function of the last floating-point array among the arguments, and that array."""
    places = [
        i
        for i, a in enumerate(args)
        if isinstance(a, np.ndarray) and a.dtype.kind in "fc" and i >= first
    ]
    place = places[-1]
    return lambda x: function(*args[:place], x, *args[place + 1 :]), args[place]


def total(result):
    parts = result if isinstance(result, tuple) else (result,)
    return sum(np.sum(np.real(part)) for part in parts)


@pytest.mark.parametrize(("f", "x"), list(rows()))
def test_a_program_gives_the_same_bits(f, x):
    step = tg.value_and_grad(lambda x: total(f(x)))
    program = tg.compile(step)
    for given in (x, x * 0.9):
        for found, right in zip(program(given), step(given), strict=True):
            np.testing.assert_array_equal(found, right)


@pytest.mark.parametrize(
    "name", ["log_ndtr", "gammainc", "ellipkinc", "jv", "xlogy", "expm", "t @ A"]
)
def test_second_derivatives_have_the_same_bits(name):
    if name in OTHERS:
        f, x = OTHERS[name], P
    else:
        f, x = of_one(getattr(sp, name), CASES[getattr(sp, name)][0], 1 if name == "jv" else 0)
    first = tg.grad(lambda x: total(f(x)))
    second = tg.grad(lambda x: np.sum(first(x) ** 2))
    np.testing.assert_array_equal(tg.compile(second)(x), second(x))


def test_the_text_stands_alone():
    f = tg.compile(tg.value_and_grad(lambda x: np.sum(sp.erfcx(x) + sp.log_ndtr(x))))
    value, gradient = f(P)
    source = f.program(P).source
    assert "\nimport scipy.special\n\nimport numpy as np\n" in source
    assert "tensorgrad" not in source
    space = {}
    exec(source, space)
    (main,) = [name for name in space if name.startswith("value_and_grad")]
    again = space[main](P)
    assert again[0] == value
    np.testing.assert_array_equal(again[1], gradient)
