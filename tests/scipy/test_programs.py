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
GRID, SAMPLES = (np.arange(4.0), np.arange(3.0)), np.arange(12.0).reshape(4, 3) ** 1.5
KNOTS, VALUES = np.arange(4.0), np.array([0.0, 1.0, 0.0, 2.0])
COMPILED = {  # also of values alone, and with what SciPy makes anew in each call
    "dct": lambda x: tsp.fft.dct(x), "dstn": lambda x: tsp.fft.dstn(x), "fft": lambda x: np.abs(tsp.fft.fft(x)), "convolve": lambda x: tsp.signal.convolve(x, x),
    "fftconvolve": lambda x: tsp.signal.fftconvolve(x, x), "correlate": lambda x: tsp.signal.correlate(x, x), "lfilter": lambda x: tsp.signal.lfilter(x[:2], x[2:], x),
    "trapezoid": lambda x: tsp.integrate.trapezoid(x), "simpson": lambda x: tsp.integrate.simpson(x), "cumulative_trapezoid": lambda x: tsp.integrate.cumulative_trapezoid(x),
    "points of CubicSpline": lambda x: tsp.interpolate.CubicSpline(KNOTS, VALUES)(x), "points of a derivative": lambda x: tsp.interpolate.CubicSpline(KNOTS, VALUES).derivative()(x),
    "points of make_interp_spline": lambda x: tsp.interpolate.make_interp_spline(KNOTS, VALUES)(x), "values of a grid": lambda x: tsp.interpolate.RegularGridInterpolator((KNOTS,), x)(np.array([[1.5]])),
    "points of a grid": lambda x: tsp.interpolate.RegularGridInterpolator(GRID, SAMPLES)(np.reshape(x / 3, (2, 2))),
    "points of a cubic grid": lambda x: tsp.interpolate.RegularGridInterpolator((np.arange(6.0),), np.arange(6.0) ** 2, "cubic")(x[:, None]),
    "spsolve": lambda x: tsp.sparse.linalg.spsolve(SPARSE, x), "spsolve by data": lambda x: tsp.sparse.linalg.spsolve(scipy.sparse.csc_array(np.eye(4)), P, data=x),
    "cg": lambda x: tsp.sparse.linalg.cg(scipy.sparse.csr_array(A), x, np.ones(4), rtol=1e-9)[0],
}
SOLVERS = {
    "solve_ivp": lambda x: tsp.integrate.solve_ivp(lambda t, y: -x * y, (0, 1), np.ones(4)).y, "odeint": lambda x: tsp.integrate.odeint(lambda y, t: -x * y, np.ones(4), [0.0, 1.0]),
    "root": lambda x: tsp.optimize.root(lambda y: y**2 - x, np.ones(4)).x, "fixed_point": lambda x: tsp.optimize.fixed_point(lambda y: np.sqrt(x + y), np.ones(4)),
    "minimize": lambda x: tsp.optimize.minimize(lambda y: np.sum((y - x) ** 2), np.ones(4)).x,
}
ARGUMENTS = {
    "solve_ivp": lambda x: tsp.integrate.solve_ivp(lambda t, y: -y, (0, 1), x).y, "odeint": lambda x: tsp.integrate.odeint(lambda y, t, k: -k * y, np.ones(4), [0.0, 1.0], (x,)),
    "root": lambda x: tsp.optimize.root(lambda y, a: y**2 - a, np.ones(4), x).x, "fixed_point": lambda x: tsp.optimize.fixed_point(lambda y, a: np.sqrt(a + y), np.ones(4), (x,)),
    "minimize": lambda x: tsp.optimize.minimize(lambda y, a: np.sum((y - a) ** 2), np.ones(4), (x,)).x,
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
    assert "import numpy as np\nimport scipy.special\n" in source
    assert "tensorgrad" not in source
    space = {}
    exec(source, space)
    (main,) = [name for name in space if name.startswith("value_and_grad")]
    again = space[main](P)
    assert again[0] == value
    np.testing.assert_array_equal(again[1], gradient)


@pytest.mark.parametrize("name", COMPILED)
def test_functions_that_scipy_does_not_dispatch(name):
    f = COMPILED[name]
    for step in (f, tg.grad(lambda x: np.sum(f(x) ** 2))):
        program = tg.compile(step)
        for x in (P / 2, P / 3):
            np.testing.assert_array_equal(program(x), step(x))


@pytest.mark.parametrize(
    ("name", "f"),
    [*SOLVERS.items(), *ARGUMENTS.items()],
    ids=lambda x: x if isinstance(x, str) else "",
)
def test_a_solver_is_refused_by_its_name(name, f):
    for step in (f, tg.grad(lambda x: np.sum(f(x)))):
        with pytest.raises(
            tg.Untraceable, match=f"{name} cannot be part of .* function that {name} is"
        ):
            tg.compile(step)(P)


def test_a_solver_calls_a_compiled_function():
    rate = tg.compile(lambda t, y, k: -k * np.tanh(y))
    plain = lambda t, y, k: -k * np.tanh(y)
    gradients = [
        tg.grad(lambda k, f=f: tsp.integrate.solve_ivp(f, (0, 1), [1.0], args=(k,)).y[0, -1])(2.0)
        for f in (rate, plain)
    ]
    assert gradients[0] == gradients[1]


@pytest.mark.parametrize("make", [tsp.interpolate.CubicSpline, tsp.interpolate.make_interp_spline])
def test_a_spline_of_traced_values_is_refused_by_its_name(make):
    with pytest.raises(tg.Untraceable, match=f"{make.__name__} cannot .* make it outside"):
        tg.compile(lambda y: make(KNOTS, y)(1.5))(VALUES)


def test_a_grid_of_traced_points_is_refused():
    with pytest.raises(tg.Untraceable, match=r"RegularGridInterpolator cannot .* the grid rises"):
        tg.compile(lambda p: tsp.interpolate.RegularGridInterpolator((p,), VALUES)([[1.5]]))(KNOTS)
