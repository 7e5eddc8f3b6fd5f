"""Solutions by the implicit function theorem: against closed forms, differences and JAX; what is refused."""

import mpmath
import numpy as np
import pytest

import tensorgrad as tg

scipy_optimize = pytest.importorskip("scipy.optimize")
from tensorgrad.scipy import optimize  # noqa: E402


def system(x, a, b):
    """Two equations, whose root depends on two parameters."""
    return np.stack([x[0] ** 2 + a * x[1] - b, np.exp(x[0]) - x[1] * b])


def root_of(p, **kwargs):
    return optimize.root(system, np.ones(2), (p[0], p[1]), tol=1e-13, **kwargs).x


P = np.array([0.7, 2.1])


def differences(f, x, step=1e-5):
    moves = step * np.eye(x.size)
    return np.stack([(f(x + m) - f(x - m)) / (2 * step) for m in moves], -1)


def test_arrays_go_straight_to_scipy():
    ours, scipys = (
        library.root(system, np.ones(2), (0.7, 2.1)) for library in (optimize, scipy_optimize)
    )
    assert ours.keys() == scipys.keys()
    assert ours.x.tobytes() == scipys.x.tobytes()


@pytest.mark.parametrize("method", ["hybr", "lm", "krylov", "broyden1"])
def test_root(method):
    slopes = tg.jacobian(root_of)(P)
    assert np.allclose(tg.jacobian(lambda p: root_of(p, method=method))(P), slopes, rtol=1e-5)
    assert np.allclose(slopes, differences(root_of, P), rtol=1e-7)


def test_second_and_third_derivatives_of_a_root():
    def value(p):
        return np.sum(root_of(p) ** 2 * [1.0, 0.5])

    assert np.allclose(tg.hessian(value)(P), differences(tg.grad(value), P), rtol=1e-6)

    def cube_root(a):
        return optimize.root(lambda x: x**3 - a, 1.0, tol=1e-14).x[0]

    f, expected = cube_root, lambda a: mpmath.mpf(a) ** (mpmath.mpf(1) / 3)
    for order in (1, 2, 3):
        f = tg.grad(f)
        assert np.isclose(f(2.0), float(mpmath.diff(expected, 2.0, order)), rtol=1e-9)


def test_a_tensor_that_the_function_closes_over():
    w = tg.Tensor(3.0, requires_grad=True)
    result = optimize.root(lambda x: x * x - w, 1.0, tol=1e-13)
    result.x.sum().backward()
    assert np.isclose(w.grad.item(), 0.5 / np.sqrt(3))
    assert set(result) >= {"x", "success", "nfev"}
    assert "fjac" not in result


def test_root_of_float32_parameters():
    p = tg.Tensor(P.astype(np.float32), requires_grad=True)
    root_of(p).sum().backward()
    assert p.grad.dtype == np.float32
    assert np.allclose(p.grad.data, tg.jacobian(root_of)(P).sum(0), rtol=1e-5)


def test_root_against_jax():
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    jnp = jax.numpy

    def f(p):
        def equations(x):
            return jnp.stack([x[0] ** 2 + p[0] * x[1] - p[1], jnp.exp(x[0]) - x[1] * p[1]])

        def solve(g, x):
            step = lambda _, x: x - jnp.linalg.solve(jax.jacobian(g)(x), g(x))
            return jax.lax.fori_loop(0, 30, step, x)

        def tangent_solve(g, y):
            return jnp.linalg.solve(jax.jacobian(g)(y), y)

        return jnp.sum(jax.lax.custom_root(equations, jnp.ones(2), solve, tangent_solve) ** 3)

    def ours(p):
        return np.sum(root_of(p) ** 3)

    assert np.allclose(tg.grad(ours)(P), jax.jit(jax.grad(f))(P), rtol=1e-10)


def test_a_writing_after_the_solution_changes_nothing():
    a = tg.Tensor(4.0, requires_grad=True)
    half = a * 1.0
    x = optimize.root(lambda x, a: x * x - a, 1.0, (half,), tol=1e-13).x
    half += 5.0
    x.sum().backward(create_graph=True)
    assert np.isclose(a.grad.item(), 0.25)


def test_a_variable_that_is_bound_anew_is_noticed():
    def run(rebound):
        w = tg.Tensor(3.0, requires_grad=True)
        scale = 1.0
        x = optimize.root(lambda x: scale * x * x - w, 1.0, tol=1e-13).x
        first = tg.Tensor(0.0)
        if rebound == "tensor":
            first, w = w, tg.Tensor(3.0, requires_grad=True)
        elif rebound == "number":
            first, scale = w, 2.0
        else:
            first = w
        x.sum().backward(create_graph=True)
        return first.grad.item()

    assert np.isclose(run(None), 0.5 / np.sqrt(3))
    with pytest.raises(RuntimeError, match="uses recorded tensors"):
        run("tensor")
    with pytest.raises(RuntimeError, match="computes something else"):
        run("number")


def test_what_root_refuses():
    a = tg.Tensor(0.0, requires_grad=True)
    loose = {"method": "krylov", "options": {"fatol": 1e-6}}
    with pytest.raises(ValueError, match=r"singular"):  # near a double root
        optimize.root(lambda x, a: x**2 - a, 1.0, (a,), **loose)
    with pytest.raises(ValueError, match=r"Jacobian of the equations is singular"):
        optimize.root(
            lambda x, a: np.stack([x[0] + x[1], x[0] + x[1]]) - a, np.ones(2), (a,), method="lm"
        )
    with pytest.raises(RuntimeError, match="did not converge"):
        optimize.root(lambda x, a: x**2 + 1 - a, 1.0, (a,))
    with pytest.raises(ValueError, match="2 numbers for 1"):
        optimize.root(lambda x, a: np.stack([x[0] - a, x[0] - a]), [1.0], (a,), method="lm")
    with pytest.raises(ValueError, match="pass a smaller tol"):
        optimize.root(lambda x, a: np.exp(x) - 2 - a, 3.0, (a,), tol=0.5)


def test_a_leaf_that_was_written_to_is_noticed():
    a = tg.Tensor(4.0, requires_grad=True)
    x = optimize.root(lambda x: x * x - a, 1.0, tol=1e-13).x
    a.data = np.array(9.0)
    with pytest.raises(RuntimeError, match="written to"):
        x.sum().backward()


# fixed points


def test_fixed_point():
    def golden(a):
        return optimize.fixed_point(lambda x, a: np.sqrt(a + x), np.array([1.0, 2.0]), (a,), 1e-13)

    a = np.array([1.0, 3.0])  # x = (1 + √(1 + 4a)) / 2
    assert np.allclose(np.diag(tg.jacobian(golden)(a)), 1 / np.sqrt(1 + 4 * a))
    second = np.diag(tg.hessian(lambda a: np.sum(golden(a)))(a))
    assert np.allclose(second, -2 * (1 + 4 * a) ** -1.5)
    assert optimize.fixed_point(np.cos, 1.0) == scipy_optimize.fixed_point(np.cos, 1.0)


def test_fixed_points_that_are_none():
    a = tg.Tensor(3.0, requires_grad=True)
    with pytest.raises(RuntimeError, match="Failed to converge"):
        optimize.fixed_point(lambda x, a: a * x + 1, 1.0, (a,), method="iteration", maxiter=20)
    with pytest.raises(ValueError, match="singular"):
        optimize.fixed_point(lambda x, a: x + 0 * (a - x), 1.0, (a,), method="iteration")


# minima


def rosenbrock(x, a, b):
    return (a - x[0]) ** 2 + b * (x[1] - x[0] ** 2) ** 2 + 0.3 * x[1] ** 2


def minimum(p, **kwargs):
    result = optimize.minimize(rosenbrock, np.zeros(2), (p[0], p[1]), **kwargs)
    return result.x, result.fun


EXACT = {
    "method": "BFGS",
    "options": {"gtol": 1e-9},
    "jac": lambda x, a, b: tg.grad(rosenbrock)(x, a, b),
}


def test_minimize():
    p = np.array([1.0, 3.0])
    slopes = tg.jacobian(lambda p: minimum(p, **EXACT)[0])(p)
    assert np.allclose(slopes, differences(lambda p: minimum(p, **EXACT)[0], p), atol=1e-6)
    second = tg.hessian(lambda p: minimum(p, **EXACT)[1])(p)
    assert np.allclose(second, differences(tg.grad(lambda p: minimum(p, **EXACT)[1]), p), atol=1e-6)


@pytest.mark.parametrize("method", ["L-BFGS-B", "TNC", "SLSQP", "Nelder-Mead", "Powell"])
def test_methods_of_minimize(method):
    p = np.array([1.0, 3.0])
    slopes = tg.jacobian(lambda p: minimum(p, method=method, tol=1e-9)[0])(p)
    assert np.allclose(slopes, tg.jacobian(lambda p: minimum(p, **EXACT)[0])(p), rtol=1e-2)


def quadratic(x, a):
    return np.sum((x - a) ** 2) + x[0] * x[1]


@pytest.mark.parametrize("method", ["L-BFGS-B", "SLSQP"])
def test_bounds_that_hold_a_variable(method):
    """With x0 held at 1, x1 = a1 - 1 / 2."""
    bounds = [(1.0, None), (None, 5.0)]
    f = lambda a: optimize.minimize(quadratic, np.ones(2), (a,), method, bounds=bounds).x
    a = np.array([0.5, 3.0])
    assert np.allclose(f(a), [1.0, 2.5])
    assert np.allclose(tg.jacobian(f)(a), [[0, 0], [0, 1]], atol=1e-6)
    free = tg.jacobian(f)(np.array([3.0, 2.0]))
    assert np.allclose(free, np.linalg.inv([[1, 0.5], [0.5, 1]]), atol=1e-6)


def test_what_minimize_refuses():
    a = tg.Tensor([0.5, 3.0], requires_grad=True)
    with pytest.raises(RuntimeError, match="constraints"):
        optimize.minimize(
            quadratic, np.ones(2), (a,), constraints={"type": "eq", "fun": lambda x: x[0] - 1}
        )
    with pytest.raises(TypeError, match="bounds"):
        optimize.minimize(lambda x: x[0] ** 2, [1.0], bounds=[(a[0], None)])
    with pytest.raises(RuntimeError, match="did not converge"):
        optimize.minimize(rosenbrock, np.zeros(2), (a[0], a[1]), options={"maxiter": 1})
    with pytest.raises(ValueError, match="hardly holds"):
        optimize.minimize(lambda x: (x[0] - a[0]) ** 2, [1.0], bounds=[(0.5, None)])
    with pytest.raises(ValueError, match="singular"):
        optimize.minimize(lambda x: (x[0] - a[0] + x[1]) ** 2, np.ones(2))
