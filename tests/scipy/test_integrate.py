"""Differential equations and integrals: closed forms, differences and JAX; both ways; what is refused."""

import numpy as np
import pytest

import tensorgrad as tg

scipy_integrate = pytest.importorskip("scipy.integrate")
from tensorgrad.scipy import integrate  # noqa: E402

TIMES = np.linspace(0.0, 4.0, 9)
TIGHT = {"rtol": 1e-10, "atol": 1e-10}
P = np.array([1.1, 0.4, 0.5, 0.2])
START = np.array([2.0, 1.0])


def hunt(t, y, a, b, c, d):
    """Predators and prey."""
    return [a * y[0] - b * y[0] * y[1], -c * y[1] + d * y[0] * y[1]]


def path(p, y0=START, **options):
    return integrate.solve_ivp(
        hunt, (0, 4), y0, args=tuple(p[i] for i in range(4)), **TIGHT | {"t_eval": TIMES} | options
    ).y


def differences(f, x, step=1e-4):
    moves = step * np.eye(x.size)
    return np.stack([(f(x + m) - f(x - m)) / (2 * step) for m in moves], -1)


def test_arrays_go_straight_to_scipy():
    scipys = scipy_integrate.solve_ivp(hunt, (0, 4), START, args=tuple(P), dense_output=True)
    ours = integrate.solve_ivp(hunt, (0, 4), START, args=tuple(P), dense_output=True)
    assert ours.y.tobytes() == scipys.y.tobytes()
    assert ours.sol(1.0).tobytes() == scipys.sol(1.0).tobytes()
    p = tg.Tensor(P, requires_grad=True)
    assert path(p).data.tobytes() == path(P).tobytes()


@pytest.mark.parametrize("sensitivity", ["forward", "adjoint", None])
def test_solve_ivp(sensitivity):
    weights = np.cos(np.arange(18.0)).reshape(2, 9)

    def loss(x):
        return np.sum(weights * path(x[:4], x[4:], sensitivity=sensitivity))

    x = np.concatenate([P, START])
    assert np.allclose(tg.grad(loss)(x), differences(loss, x), rtol=1e-6)


@pytest.mark.parametrize("method", ["DOP853", "Radau", "LSODA"])
@pytest.mark.parametrize("sensitivity", ["forward", "adjoint"])
def test_methods(method, sensitivity):
    """Logistic growth: y = 1 / (1 + (1 / y0 - 1) exp(-k t))."""

    def last(x):
        return integrate.solve_ivp(
            lambda t, y: x[0] * y * (1 - y), (0, 2), [x[1]], method, sensitivity=sensitivity,
            rtol=1e-7, atol=1e-9,
        ).y[0, -1]  # fmt: skip

    k, y0 = 1.5, 0.2
    y = 1 / (1 + (1 / y0 - 1) * np.exp(-2 * k))
    expected = [2 * y * (1 - y), y**2 * np.exp(-2 * k) / y0**2]
    assert np.allclose(tg.grad(last)(np.array([k, y0])), expected, rtol=1e-5)


SECOND = [  # the second derivative by each way, of the first by each
    ("forward", 1e-6),
    ("adjoint", 1e-6),
    pytest.param("forward", 1e-9, marks=pytest.mark.long),
    pytest.param("adjoint", 1e-9, marks=pytest.mark.long),
]


@pytest.mark.parametrize(("sensitivity", "tolerance"), SECOND)
def test_second_derivatives(sensitivity, tolerance):
    def loss(p, tolerance=tolerance):
        y = path(p, sensitivity=sensitivity, rtol=tolerance, atol=tolerance, t_eval=[1.0, 2.0])
        return np.sum(y**2)

    v = np.array([1.0, 0.0, -1.0, 0.5])
    rise = [tg.grad(loss)(P + h * v, 1e-10) for h in (1e-4, -1e-4)]
    assert np.allclose(tg.hvp(loss, P, v), (rise[0] - rise[1]) / 2e-4, rtol=300 * tolerance)


def test_third_derivative():
    """y = exp(k t)."""
    f = lambda k: integrate.solve_ivp(lambda t, y: k * y, (0, 1), [1.0], **TIGHT).y[0, -1]
    for _ in range(3):
        f = tg.grad(f)
    assert np.isclose(f(0.5), np.exp(0.5), rtol=1e-6)


@pytest.mark.parametrize("sensitivity", ["forward", "adjoint"])
def test_tensors_that_the_function_closes_over_only_late(sensitivity):
    w = tg.Tensor(2.0, requires_grad=True)

    def fun(t, y):
        return w * np.ones(1) if t > 1 else np.ones(1)

    y = integrate.solve_ivp(fun, (0, 3), [0.0], max_step=0.1, sensitivity=sensitivity, **TIGHT).y
    y[0, -1].backward()
    assert np.isclose(w.grad.item(), 2.0, rtol=0.1)
    closed = integrate.solve_ivp(lambda t, y: w, (0, 3), [0.0], sensitivity=sensitivity).y
    assert np.isclose(tg.grad(lambda s: 0 * s + closed[0, -1])(1.0), 0)
    w.grad = None
    closed[0, -1].backward()
    assert np.isclose(w.grad.item(), 3.0)


def test_one_tensor_as_start_and_as_parameter():
    """y = w exp(w t)."""
    for sensitivity in ("forward", "adjoint"):
        w = tg.Tensor([0.5], requires_grad=True)
        y = integrate.solve_ivp(
            lambda t, y, w: w * y, (0, 2), w, args=(w,), sensitivity=sensitivity, **TIGHT
        ).y
        y[0, -1].backward()
        assert np.isclose(w.grad.item(), 2 * np.e, rtol=1e-7)


@pytest.mark.parametrize("sensitivity", ["forward", "adjoint"])
def test_large_parameters_and_small_gradients(sensitivity):
    """Tolerances are relative to what they bound: y = exp(-t k / 10⁸)."""

    def loss(k):
        f = lambda t, y: -(k / 1e8) * y
        return 1e-12 * integrate.solve_ivp(f, (0, 1), [1.0], sensitivity=sensitivity).y[0, -1]

    assert np.isclose(tg.grad(loss)(1e8), -1e-20 * np.exp(-1), rtol=1e-2, atol=0)


def test_a_stiff_equation_backwards():
    """The adjoint follows the solution; solved back in time, this one would explode."""

    def last(x):
        f = lambda t, y: -200 * (y - x * np.cos(t))
        return integrate.solve_ivp(
            f, (0, 2), [0.0], "Radau", t_eval=[1.0, 2.0], sensitivity="adjoint", rtol=1e-6
        ).y[0, -1]

    assert np.isclose(tg.grad(last)(3.0), last(1.0), rtol=1e-4)


def test_float32():
    p = tg.Tensor(P.astype(np.float32), requires_grad=True)
    np.sum(path(p, rtol=1e-6)).backward()
    assert p.grad.dtype == np.float32
    expected = tg.grad(lambda p: np.sum(path(p, rtol=1e-6)))(p.data.astype(float))
    assert np.allclose(p.grad.data, expected, rtol=1e-4)


def test_backwards_in_time():
    def first(k):
        return integrate.solve_ivp(lambda t, y: k * y, (1, 0), [1.0], t_eval=[0.5, 0.0], **TIGHT).y[
            0
        ]

    assert np.allclose(tg.jacobian(first)(0.5), [-0.5 * np.exp(-0.25), -np.exp(-0.5)], rtol=1e-7)


@pytest.mark.parametrize("sensitivity", ["forward", "adjoint"])
def test_odeint(sensitivity):
    def ours(p):
        args = tuple(p[i] for i in range(4))
        return integrate.odeint(hunt, START, TIMES, args, tfirst=True, sensitivity=sensitivity)

    expected = scipy_integrate.odeint(hunt, START, TIMES, tuple(P), tfirst=True)
    assert ours(P).tobytes() == expected.tobytes()
    slopes = tg.jacobian(lambda p: ours(p)[8])(P)
    assert np.allclose(slopes, tg.jacobian(lambda p: path(p)[:, 8])(P), atol=1e-5)


@pytest.mark.long  # JAX compiles it for seconds
def test_odeint_against_jax():
    jax = pytest.importorskip("jax")
    ode = pytest.importorskip("jax.experimental.ode")
    jax.config.update("jax_enable_x64", True)

    def swing(y, t, k):
        return jax.numpy.stack([y[1], -k * jax.numpy.sin(y[0])])

    def theirs(k):
        return ode.odeint(swing, jax.numpy.array([1.0, 0.0]), TIMES, k, rtol=1e-9, atol=1e-9)[5, 0]

    def ours(k):
        f = lambda y, t, k: np.stack([y[1], -k * np.sin(y[0])])
        return integrate.odeint(f, [1.0, 0.0], TIMES, (k,), rtol=1e-9, atol=1e-9)[5, 0]

    assert np.isclose(tg.grad(ours)(2.0), jax.jit(jax.grad(theirs))(2.0), rtol=1e-6)


def test_what_is_refused():
    w = tg.Tensor(1.0, requires_grad=True)
    f = lambda t, y: -w * y
    with pytest.raises(TypeError, match="events or dense_output"):
        integrate.solve_ivp(f, (0, 1), [1.0], events=lambda t, y: y[0] - 0.5)
    with pytest.raises(TypeError, match="events or dense_output"):
        integrate.solve_ivp(f, (0, 1), [1.0], dense_output=True)
    with pytest.raises(TypeError, match="with respect to times"):
        integrate.solve_ivp(f, (0, w), [1.0])
    with pytest.raises(RuntimeError, match="did not solve"):
        integrate.solve_ivp(lambda t, y: w * y**2, (0, 3), [1.0])
    with pytest.raises(TypeError, match="complex"):
        integrate.solve_ivp(f, (0, 1), [1.0 + 1j])
    with pytest.raises(ValueError, match="'forward', 'adjoint' or None"):
        integrate.solve_ivp(f, (0, 1), [1.0], sensitivity="backward")


def test_what_changed_after_the_solution_is_noticed():
    w, scale = tg.Tensor(1.0, requires_grad=True), 1.0
    y = integrate.solve_ivp(lambda t, y: -w * scale * y, (0, 1), [1.0]).y
    scale = 2.0
    with pytest.raises(RuntimeError, match="computes something else"):
        y.sum().backward()
    y = integrate.solve_ivp(lambda t, y: -w * y, (0, 1), [1.0]).y
    w.data = np.array(3.0)
    with pytest.raises(RuntimeError, match="written to"):
        y.sum().backward()


# Integrals of samples


@pytest.mark.parametrize("n", [2, 3, 6, 7])
@pytest.mark.parametrize("function", ["trapezoid", "simpson", "cumulative_trapezoid"])
def test_integrals_of_samples(function, n):
    rng = np.random.default_rng(n)
    y, x = rng.normal(size=(3, n)), np.cumsum(rng.uniform(0.5, 1, n))
    f, g = getattr(integrate, function), getattr(scipy_integrate, function)
    t = tg.Tensor(y, requires_grad=True)
    assert f(t, x).data.tobytes() == np.asarray(g(y, x)).tobytes()
    tg.check_grads(f, y, x, order=2)
    tg.check_grads(lambda y: f(y, dx=0.3), y, order=2)
    tg.check_grads(lambda y: f(y, axis=0), y, order=2)
    tg.check_grads(lambda y: f(y, np.cumsum(np.abs(y), -1)), y, order=2)
    assert np.array_equal(f(y, x), g(y, x))


def test_cumulative_trapezoid_from_zero():
    tg.check_grads(
        lambda y: integrate.cumulative_trapezoid(y, initial=0, axis=0), np.ones((3, 2)), order=2
    )


@pytest.mark.parametrize("samples", [0, 1])
def test_the_integral_of_no_interval(samples):
    y = tg.Tensor(np.ones(samples), requires_grad=True)
    found = integrate.trapezoid(y)
    assert found.item() == scipy_integrate.trapezoid(y.data) == 0
    found.backward()
    np.testing.assert_array_equal(y.grad.data, np.zeros(samples))


def test_no_times_give_the_empty_lists_of_scipy():
    def solve(k, solve_ivp=integrate.solve_ivp):
        return solve_ivp(lambda t, y, k: -k * y, (0, 1), [1.0], t_eval=[], args=(k,))

    own = solve(2.0, scipy_integrate.solve_ivp)
    for k in (2.0, tg.Tensor(2.0, requires_grad=True)):
        found = solve(k)
        assert (found.t, found.y, found.nfev) == (own.t, own.y, own.nfev)
