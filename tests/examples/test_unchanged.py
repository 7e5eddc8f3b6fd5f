"""Plain NumPy code gets its gradient: the page that shows it, each gradient by another way, what is refused."""

import ast
import contextlib
import io
import math
import re
from pathlib import Path

import numpy as np
import pytest

import tensorgrad as tg
from examples.unchanged import gaussian_process, kalman, kmeans, ode

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "unchanged.md"
FILES = sorted((ROOT / "examples" / "unchanged").glob("[!_]*.py"))
BLOCK = re.compile(r"```(\w*)\n(.*?)```", re.DOTALL)


# The page


def test_the_page_prints_what_it_says():
    blocks = BLOCK.findall(PAGE.read_text(encoding="utf-8"))
    names = {}
    for (language, text), (below, expected) in zip(blocks, [*blocks[1:], ("", "")], strict=True):
        if language != "python":
            continue
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            exec(compile(text, str(PAGE), "exec"), names)
        assert out.getvalue() == (expected if below == "text" else ""), text


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_the_page_shows_the_files_as_they_are(file):
    assert file.read_text(encoding="utf-8") in [text for _, text in BLOCK.findall(PAGE.read_text())]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_the_files_import_nothing_but_numpy(file):
    tree = ast.parse(file.read_text(encoding="utf-8"))
    found = [n for n in ast.walk(tree) if isinstance(n, (ast.Import, ast.ImportFrom))]
    assert [ast.unparse(n) for n in found] == ["import numpy as np"]


# Each program, as f(x, *args), with its gradient with respect to x derived by hand

rng = np.random.default_rng(0)
TRACK = np.cumsum(rng.normal(size=(20, 2)), axis=0)
TRACK[5:7] = np.nan
TIMES, START, ANGLES = np.linspace(0, 1, 7), np.array([2.0, -0.5]), rng.normal(size=7)
POINTS = rng.normal(size=(40, 2))
T, Y = np.sort(rng.uniform(0, 10, 15)), rng.normal(size=15)


def kalman_by_hand(log_noise, track):
    """Differentiate the filter's equations: state and covariance by each noise."""
    F = np.block([[np.eye(2), np.eye(2)], [np.zeros((2, 2)), np.eye(2)]])
    H, I = np.eye(2, 4), np.eye(2)  # noqa: E741
    Q, R = np.exp(log_noise[0]) * np.kron([[1 / 3, 1 / 2], [1 / 2, 1]], I), np.exp(log_noise[1]) * I
    gradient = []
    for dQ, dR in ((Q, 0 * R), (0 * Q, R)):
        x, P, dx, dP, total = np.zeros(4), 10 * np.eye(4), np.zeros(4), np.zeros((4, 4)), 0.0
        for z in track:
            x, dx = F @ x, F @ dx
            P, dP = F @ P @ F.T + Q, F @ dP @ F.T + dQ
            if np.isnan(z[0]):
                continue
            e, de = z - H @ x, -H @ dx
            S, dS = H @ P @ H.T + R, H @ dP @ H.T + dR
            V = np.linalg.inv(S)
            K = P @ H.T @ V
            dK = (dP @ H.T - K @ dS) @ V
            x, dx = x + K @ e, dx + dK @ e + K @ de
            P, dP = P - K @ S @ K.T, dP - dK @ S @ K.T - K @ dS @ K.T - K @ S @ dK.T
            total -= 0.5 * (2 * de @ V @ e - e @ V @ dS @ V @ e + np.trace(V @ dS))
        gradient.append(total)
    return np.array(gradient)


def pendulum_by_hand(parameters, start, times, angles):
    """Solve the variational equations with the same method, which gives the derivative of its own result."""
    c, k = parameters

    def motion(state):
        (a, r), S = state[:2], state[2:].reshape(2, 2)  # S: the state by the parameters
        J = np.array([[0, 1], [-k * np.cos(a), -2 * c * abs(r)]])
        by_parameters = np.array([[0, 0], [-r * abs(r), -np.sin(a)]])
        rate = [r, -c * r * abs(r) - k * np.sin(a)]
        return np.concatenate([rate, (J @ S + by_parameters).ravel()])

    path = ode.rk4(motion, np.concatenate([start, np.zeros(4)]), times)
    return 2 * np.mean((path[:, 0] - angles)[:, np.newaxis] * path[:, 2:4], axis=0)


def kmeans_by_hand(centres, points, sharpness):
    to = centres - points[:, np.newaxis]
    d = np.sum(to**2, axis=-1)
    w = np.exp(-sharpness * d)
    w /= np.sum(w, axis=1, keepdims=True)
    mean = np.sum(w * d, axis=1, keepdims=True)
    by_d = w * (1 - sharpness * (d - mean)) / len(points)
    return np.sum(by_d[..., np.newaxis] * 2 * to, axis=0)


def gaussian_process_by_hand(log_parameters, t, y):
    """Rasmussen & Williams (2006), equation 5.9."""
    amplitude, length, noise = np.exp(log_parameters)
    d2 = (t[:, np.newaxis] - t) ** 2
    C = amplitude**2 * np.exp(-0.5 * d2 / length**2)
    N = noise**2 * np.eye(len(t))
    inverse = np.linalg.inv(C + N)
    alpha = inverse @ y
    by_K = 0.5 * (np.outer(alpha, alpha) - inverse)
    return np.array([np.sum(by_K * dK) for dK in (2 * C, C * d2 / length**2, 2 * N)])


CASES = {
    "kalman": (kalman.log_likelihood, kalman_by_hand, np.log([0.4, 0.7]), TRACK),
    "ode": (ode.misfit, pendulum_by_hand, np.array([0.3, 4.0]), START, TIMES, ANGLES),
    "kmeans": (kmeans.cost, kmeans_by_hand, POINTS[:3] + 0.1, POINTS, 2.0),
    "gaussian_process": (
        gaussian_process.log_marginal_likelihood, gaussian_process_by_hand, np.log([0.8, 1.5, 0.3]), T, Y
    ),
}  # fmt: skip
every_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


def test_every_file_has_a_case():
    assert CASES.keys() == {file.stem for file in FILES}


@every_case
def test_the_gradient_is_that_derived_by_hand(case):
    f, by_hand, x, *args = case
    found = tg.grad(f)(x, *args)
    assert type(found) is np.ndarray
    np.testing.assert_allclose(found, by_hand(x, *args), rtol=1e-9)


@every_case
def test_gradients_of_both_orders_agree_with_differences(case):
    f, _, x, *args = case
    tg.check_grads(lambda x: f(x, *args), x)


@every_case
def test_the_value_is_that_without_tensorgrad(case):
    f, _, x, *args = case
    assert tg.value_and_grad(f)(x, *args)[0] == f(x, *args)


@every_case
def test_the_hessian_is_that_of_differences(case):
    f, _, x, *args = case
    H = tg.hessian(f)(x, *args).reshape(x.size, x.size)
    np.testing.assert_allclose(H, H.T, rtol=1e-8, atol=1e-10)
    moves = 1e-5 * np.eye(x.size).reshape(-1, *x.shape)
    g = tg.grad(f)
    rows = [(g(x + m, *args) - g(x - m, *args)).ravel() / 2e-5 for m in moves]
    np.testing.assert_allclose(H, rows, rtol=1e-5, atol=1e-6)


def test_the_other_arguments_have_gradients_too():
    rng = np.random.default_rng(1)
    for f, _, *args in CASES.values():
        for i, x in enumerate(args):
            x = np.asarray(x)
            if np.isnan(
                x
            ).any():  # missing measurements, which leave no gradient and must not spoil any
                g = tg.grad(f, argnums=i)(*args)
                assert np.array_equal(g == 0, np.isnan(x))
                continue
            direction = rng.normal(size=x.shape)

            def along(s, f=f, i=i, x=x, args=args, direction=direction):
                return f(*args[:i], x + s * direction, *args[i + 1 :])

            slope = (along(1e-6) - along(-1e-6)) / 2e-6
            found = np.sum(tg.grad(f, argnums=i)(*args) * direction)
            np.testing.assert_allclose(found, slope, rtol=1e-5, atol=1e-7, err_msg=f"argument {i}")


@pytest.mark.parametrize("module", [kalman, ode, kmeans], ids=lambda m: m.__name__.split(".")[-1])
def test_autograd_agrees(module, monkeypatch):
    """Given its own numpy; the fourth writes to elements, which it cannot."""
    autograd = pytest.importorskip("autograd")
    monkeypatch.setattr(module, "np", pytest.importorskip("autograd.numpy"))
    f, _, *args = CASES[module.__name__.split(".")[-1]]
    theirs = autograd.grad(f)(*args)
    monkeypatch.undo()
    np.testing.assert_allclose(tg.grad(f)(*args), theirs, rtol=1e-9)


@pytest.mark.parametrize("module", [ode, kmeans], ids=lambda m: m.__name__.split(".")[-1])
def test_jax_agrees(module, monkeypatch):
    """Given its own numpy; the others write to elements, which it cannot."""
    jax = pytest.importorskip("jax")
    f, _, *args = CASES[module.__name__.split(".")[-1]]
    monkeypatch.setattr(module, "np", jax.numpy)
    with jax.enable_x64(True):
        theirs = jax.grad(f)(*args)
    monkeypatch.undo()
    np.testing.assert_allclose(tg.grad(f)(*args), theirs, rtol=1e-9)


# Code that must change: each row of the page's table, with the alternative


def written(a, index, value):
    a[index] = value
    return a


def added(a, t):
    a += t
    return a


def added_to_item(a, index, value):
    a[index] += value
    return a


V = np.array([1.0, 2.0, 3.0])
LOST = "would lose the gradient"
# fmt: off
REFUSED = {
    "an element":               (lambda x: written(np.zeros(2), 0, x[0]),         LOST),
    "an element of a matrix":   (lambda x: written(np.zeros((2, 2)), (0, 1), x[0]), LOST),
    "a 0-d array":              (lambda x: written(np.zeros(()), (), x[0]),       LOST),
    "an element through flat":  (lambda x: written(np.zeros(2).flat, 0, x[0]),    "setting"),  # all that NumPy lets through
    "a complex element":        (lambda x: written(np.zeros(2, complex), 0, x[0]), LOST),
    "fill":                     (lambda x: np.zeros(2).fill(x[0]),                LOST),
    "a row":                    (lambda x: written(np.zeros((2, 3)), 0, x),       LOST),
    "a slice":                  (lambda x: written(np.zeros(5), slice(3), x),     LOST),
    "a mask":                   (lambda x: written(np.zeros(3), V > 1, x[0]),     LOST),
    "a list of tensors":        (lambda x: written(np.zeros(3), slice(3), [x[0], x[1], x[2]]), LOST),
    "an addition to an array":  (lambda x: added(np.zeros(3), x),                 r"a \+= tensor.*a = a \+ tensor"),
    "an array of tensors":      (lambda x: np.array([x[0], x[1]]),                LOST),
    "an array of an array":     (lambda x: np.asarray(x, dtype=float),           LOST),
    "a nested list of tensors": (lambda x: np.array([[x[0], 0.0], [0.0, x[1]]]),  LOST),
    "a list as an operand":     (lambda x: np.eye(2) @ [x[0], x[1]],              LOST),
    "an iterator":              (lambda x: np.fromiter(x, float),                 LOST),
    "float":                    (lambda x: float(x[0]),                           LOST),
    "math":                     (lambda x: math.sin(x[0]),                        LOST),
    "NumPy's numbers":          (lambda x: np.float64(x[0]),                      LOST),
    "out":                      (lambda x: np.exp(x, out=np.zeros(3)),            "use its result"),
}
INSTEAD = {
    "a list that is stacked":   lambda x: np.stack([x[0], x[1]]),
    "a matrix of numbers":      lambda x: np.stack([np.stack([x[0], 0.0]), np.stack([0.0, x[1]])]),
    "zeros_like":               lambda x: written(np.zeros_like(x), slice(2), x[:2]),
    "empty_like of a shape":    lambda x: written(np.empty_like(x, shape=2), slice(2), x[:2]),
    "ones_like":                lambda x: written(np.ones_like(x), slice(2), x[:2]),
    "full_like":                lambda x: written(np.full_like(x, np.nan), slice(3), x)[:2],
    "zeros with like":          lambda x: written(np.zeros((2, 2), like=x), 0, x[:2]),
    "ones with like":           lambda x: written(np.ones(3, like=x), slice(2), x[:2]),
    "empty with like":          lambda x: written(np.empty(2, like=x), slice(2), x[:2]),
    "a Tensor":                 lambda x: written(tg.Tensor(np.zeros(3)), slice(2), x[:2]),
    "a copy":                   lambda x: written(x.copy(), 2, 0.0),
    "an element in place":      lambda x: added_to_item(np.zeros_like(x), slice(2), x[:2]),
    "a sum":                    lambda x: np.zeros(2) + x[:2],
}
# fmt: on


def said(error):
    """Return the text of an error and of its causes."""
    return "" if error is None else f"{error} {said(error.__cause__)}"


@pytest.mark.parametrize(("habit", "message"), REFUSED.values(), ids=REFUSED)
def test_what_would_lose_the_gradient_is_refused(habit, message):
    with pytest.raises((TypeError, ValueError)) as caught:
        habit(tg.Tensor(V, requires_grad=True))
    assert re.search(message, said(caught.value))


WRITES = ("out", "an addition to an array")  # out= takes no tensors at all


@pytest.mark.parametrize("name", [name for name in REFUSED if name not in WRITES])
def test_the_refusals_are_of_recorded_tensors_alone(name):
    habit, _ = REFUSED[name]
    habit(tg.Tensor(V))
    with tg.no_grad():
        habit(tg.Tensor(V, requires_grad=True))


@pytest.mark.parametrize("instead", INSTEAD.values(), ids=INSTEAD)
def test_what_to_write_instead_has_the_gradient(instead):
    assert tg.grad(lambda x: np.sum(instead(x)))(V).tolist() == [1, 1, 0]


def test_a_part_is_a_window_onto_the_whole():
    """As in NumPy, which writes through it."""

    def f(x):
        x = np.copy(x)
        row = x[:2]
        row += 1
        return np.sum(row) + np.sum(x**2)

    value, gradient = tg.value_and_grad(f)(V)
    assert value == f(V) == 2 + 3 + 4 + 9 + 9
    assert gradient.tolist() == [5, 7, 6]


def test_whole_numbers_take_no_recorded_value():
    x, t = tg.Tensor(V, requires_grad=True), tg.Tensor([1, 2, 3])
    with pytest.raises(
        TypeError, match=r"dtype int64 has no gradient.*make the tensor with dtype=float"
    ):
        t[0] = x[1]
    t[0] = 2.5
    assert t.tolist() == [2, 2, 3]
    assert t.dtype == np.int64
    t[1] = x[1].detach() + 3
    assert t.tolist() == [2, 5, 3]
