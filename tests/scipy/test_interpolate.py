"""Interpolation: differences to second order, SciPy's values, and what is refused."""

import numpy as np
import pytest

import tensorgrad as tg

scipy_interpolate = pytest.importorskip("scipy.interpolate")
scipy_sparse = pytest.importorskip("scipy.sparse.linalg")
from tensorgrad.scipy import interpolate  # noqa: E402

rng = np.random.default_rng(0)
X = np.array([0.0, 0.7, 1.1, 2.0, 2.6, 3.3])
Y = rng.normal(size=(6, 2))
POINTS = np.array([[0.2, 0.95], [1.7, 3.9]])  # the last beyond the end

BOUNDARIES = {
    "not-a-knot": {},
    "natural": {"bc_type": "natural"},
    "clamped": {"bc_type": "clamped"},
    "slopes": {"bc_type": ((1, np.array([0.3, 0.1])), (2, np.array([-1.0, 0.5])))},
    "axis": {"axis": 1},
}


def make(name, y, **options):
    """Make a spline by the class or by the function."""
    if name == "make_interp_spline" and isinstance(options.get("bc_type"), tuple):
        options["bc_type"] = tuple([pair] for pair in options["bc_type"])
    return getattr(interpolate, name)(X, y, **options)


@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("name", ["CubicSpline", "make_interp_spline"])
def test_splines(name, boundary):
    options = BOUNDARIES[boundary]
    y = Y.T if boundary == "axis" else Y
    f = lambda y, x: make(name, y, **options)(x)
    tg.check_grads(f, y, POINTS, order=2)
    value = f(tg.Tensor(y, requires_grad=True), POINTS).data
    assert value.tobytes() == np.ascontiguousarray(f(y, POINTS)).tobytes()
    tg.check_grads(lambda x: make(name, y, **options)(x, 1), POINTS, order=1)


@pytest.mark.parametrize("k", [1, 2, 5])
def test_degrees_of_splines(k):
    f = lambda y, x: interpolate.make_interp_spline(X, y, k)(x)
    tg.check_grads(f, Y, POINTS, order=2)


def test_a_periodic_spline():
    """Its first value is also its last."""

    def f(y, x):
        y = np.concatenate([y, y[:1]])
        return interpolate.CubicSpline(X, y, bc_type="periodic")(x)

    tg.check_grads(f, Y[:-1], POINTS, order=2)


def test_derivatives_and_integrals_of_splines():
    f = lambda y, a, b: interpolate.CubicSpline(X, y).integrate(a, b)
    tg.check_grads(f, Y, 0.3, 2.9, order=2)
    assert np.allclose(
        f(tg.Tensor(Y), 0.3, 2.9).data, scipy_interpolate.CubicSpline(X, Y).integrate(0.3, 2.9)
    )
    tg.check_grads(lambda y, x: interpolate.CubicSpline(X, y).derivative()(x), Y, POINTS, order=1)
    tg.check_grads(lambda y: interpolate.make_interp_spline(X, y).derivative(2)(1.0), Y, order=1)


def test_a_spline_of_arrays_is_scipys():
    spline = interpolate.CubicSpline(X, Y[:, 0])
    scipys = scipy_interpolate.CubicSpline(X, Y[:, 0])
    assert spline(POINTS).tobytes() == scipys(POINTS).tobytes()
    assert np.array_equal(spline.roots(), scipys.roots())
    assert spline.c.tobytes() == scipys.c.tobytes()
    assert spline.integrate(0, 1) == scipys.integrate(0, 1)


def test_float32():
    y = tg.Tensor(Y.astype(np.float32), requires_grad=True)
    np.sum(interpolate.CubicSpline(X, y)(POINTS)).backward()
    assert y.grad.dtype == np.float32
    expected = tg.grad(lambda y: np.sum(interpolate.CubicSpline(X, y)(POINTS)))(Y)
    assert np.allclose(y.grad.data, expected, rtol=1e-6)


def test_what_splines_refuse():
    t = tg.Tensor(X, requires_grad=True)
    with pytest.raises(TypeError, match="with respect to x"):
        interpolate.CubicSpline(t, Y)
    with pytest.raises(TypeError, match="with respect to x"):
        interpolate.make_interp_spline(t, Y)
    with pytest.raises(TypeError, match="roots of a spline"):
        interpolate.CubicSpline(X, t).roots()
    with pytest.raises(TypeError, match="periodic spline"):
        interpolate.CubicSpline(X, t, extrapolate="periodic").integrate(0, 1)
    with pytest.raises(AttributeError, match="nothing"):
        interpolate.CubicSpline(X, Y).nothing  # noqa: B018


# Grids

GRID = (X, np.array([4.0, 3.0, 2.2, 1.0, 0.0, -1.0]))  # one falls
VALUES = rng.normal(size=(6, 6, 2))
INSIDE = np.array([[0.5, 2.5], [1.9, 0.4], [3.1, 3.6]])


@pytest.mark.parametrize("method", ["linear", "nearest", "slinear", "cubic", "quintic"])
def test_grids(method):
    exact = scipy_sparse.spsolve if method in ("slinear", "cubic", "quintic") else None
    options = {"solver": exact} if exact else {}

    def f(v, x):
        return interpolate.RegularGridInterpolator(GRID, v, method, **options)(x)

    tg.check_grads(f, VALUES, INSIDE, order=2)
    scipys = scipy_interpolate.RegularGridInterpolator(GRID, VALUES, method, **options)(INSIDE)
    assert f(tg.Tensor(VALUES), INSIDE).data.tobytes() == scipys.tobytes()


def test_the_points_of_a_linear_grid():
    def f(p, q, v):
        return interpolate.RegularGridInterpolator((p, q), v)((INSIDE[:, 0], INSIDE[:, 1]))

    tg.check_grads(f, *GRID, VALUES, order=2)


@pytest.mark.parametrize("fill", [None, 7.0])
def test_points_beyond_a_grid(fill):
    def f(v, x):
        return interpolate.RegularGridInterpolator(GRID, v, bounds_error=False, fill_value=fill)(x)

    outside = np.array([[-0.5, 2.5], [1.9, 5.4], [1.9, 0.4]])
    tg.check_grads(f, VALUES, outside, order=1)
    with pytest.raises(ValueError, match="out of bounds"):
        interpolate.RegularGridInterpolator(GRID, tg.Tensor(VALUES))(outside)


def test_what_grids_refuse():
    v, p = tg.Tensor(VALUES, requires_grad=True), tg.Tensor(X, requires_grad=True)
    with pytest.raises(TypeError, match="method='pchip'"):
        interpolate.RegularGridInterpolator(GRID, v, "pchip")(INSIDE)
    with pytest.raises(TypeError, match="with respect to points"):
        interpolate.RegularGridInterpolator((p, GRID[1]), VALUES, "cubic")(INSIDE)


@pytest.mark.long  # JAX compiles it for seconds
def test_splines_and_grids_against_jax():
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    theirs = jax.scipy.interpolate.RegularGridInterpolator
    rising = (GRID[0], GRID[1][::-1])
    expected = jax.grad(lambda v: theirs(rising, v[:, ::-1])(INSIDE).sum())(VALUES)
    found = tg.grad(lambda v: np.sum(interpolate.RegularGridInterpolator(GRID, v)(INSIDE)))(VALUES)
    assert np.allclose(found, expected)
