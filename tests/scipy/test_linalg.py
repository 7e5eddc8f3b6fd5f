"""scipy.linalg on tensors: SciPy's values, gradients of first and second order, and no memory overwritten."""

import numpy as np
import pytest
import scipy.linalg

import tensorgrad as tg
from tensorgrad.scipy import linalg

RNG = np.random.default_rng(0)
A = RNG.normal(size=(3, 3)) / 2 + 2 * np.eye(3)
B = RNG.normal(size=(2, 2)) + 3 * np.eye(2)
S = A @ A.T + np.eye(3)
M, V = RNG.normal(size=(3, 2)), RNG.normal(size=3)
AC = A + 1j * RNG.normal(size=(3, 3)) / 3
HC = AC @ AC.conj().T + np.eye(3)
MC, BC = M + 1j * M[::-1], B + 0.3j * B.T


def cho(lower):
    return lambda a, b: linalg.cho_solve(linalg.cho_factor(a, lower), b)


# fmt: off
CASES = {
    "solve": (linalg.solve, A, V), "solve columns": (linalg.solve, A, M), "solve complex": (linalg.solve, AC, MC),
    "solve pos": (lambda a, b: linalg.solve(a, b, assume_a="pos"), S, V), "solve sym": (lambda a, b: linalg.solve(a, b, True, assume_a="sym"), S, V),
    "solve her": (lambda a, b: linalg.solve(a, b, assume_a="her"), HC, MC), "solve tridiagonal": (lambda a, b: linalg.solve(a, b, assume_a="tridiagonal"), A, V),
    "solve diagonal": (lambda a, b: linalg.solve(a, b, assume_a="diagonal"), A, V), "solve transposed": (lambda a, b: linalg.solve(a, b, transposed=True), A, M),
    "triangular": (linalg.solve_triangular, A, V), "triangular lower": (lambda a, b: linalg.solve_triangular(a, b, lower=True, trans=1), A, M),
    "triangular unit": (lambda a, b: linalg.solve_triangular(a, b, unit_diagonal=True), A, M), "triangular complex": (lambda a, b: linalg.solve_triangular(a, b, trans="C"), AC, MC),
    "cholesky": (linalg.cholesky, S), "cholesky lower": (lambda a: linalg.cholesky(a, lower=True), S), "cholesky complex": (linalg.cholesky, HC),
    "cho_solve": (cho(False), S, V), "cho_solve lower": (cho(True), S, M), "cho_solve complex": (cho(False), HC, MC), "cho_solve complex lower": (cho(True), HC, MC),
    "expm": (linalg.expm, A), "expm complex": (linalg.expm, AC), "expm stack": (linalg.expm, np.stack([A, A.T]) / 3), "expm nilpotent": (linalg.expm, np.array([[0.0, 1.0], [0.0, 0.0]])),
    "logm": (linalg.logm, A), "logm complex": (linalg.logm, AC + 2 * np.eye(3)), "sqrtm": (linalg.sqrtm, S), "sqrtm complex": (linalg.sqrtm, AC + 2 * np.eye(3)),
    "sylvester": (linalg.solve_sylvester, A, B, M), "sylvester complex": (linalg.solve_sylvester, AC, BC, MC),
    "lyapunov": (linalg.solve_continuous_lyapunov, A, S), "lyapunov complex": (linalg.solve_continuous_lyapunov, AC, HC),
    "block_diag": (linalg.block_diag, A, V, M), "toeplitz": (linalg.toeplitz, V), "toeplitz row": (linalg.toeplitz, V, M[0]), "toeplitz complex": (linalg.toeplitz, MC[:, 0]), "toeplitz stack": (linalg.toeplitz, M), "toeplitz stack row": (linalg.toeplitz, M, V),
    "inv": (linalg.inv, A), "det": (linalg.det, A),
}
# fmt: on


@pytest.mark.parametrize("name", CASES)
def test_values_and_gradients(name):
    f, *xs = CASES[name]
    tg.check_grads(f, *xs)
    found, right = f(*[tg.Tensor(x, requires_grad=True) for x in xs]), f(*xs)
    assert type(right) is not tg.Tensor
    assert found.dtype == right.dtype
    np.testing.assert_array_equal(found.data, right)


@pytest.mark.parametrize("name", ["solve", "expm", "sqrtm", "sylvester", "cho_solve"])
def test_single_precision_stays(name):
    f, *xs = CASES[name]
    leaves = [tg.Tensor(x, requires_grad=True, dtype=np.float32) for x in xs]
    y = f(*leaves)
    assert y.dtype == f(*[x.data for x in leaves]).dtype
    np.sum(y).backward()
    for leaf, exact in zip(leaves, tg.grad(lambda *xs: np.sum(f(*xs)), tuple(range(len(xs))))(*xs)):
        assert leaf.grad.dtype == np.float32
        np.testing.assert_allclose(leaf.grad.data, exact, rtol=2e-3, atol=1e-3)


@pytest.mark.parametrize(("name", "theirs"), [("expm", "matrix_exp"), ("solve", "linalg.solve")])
def test_torch_agrees(name, theirs):
    torch = pytest.importorskip("torch")
    function = torch
    for part in theirs.split("."):
        function = getattr(function, part)
    f, *xs = CASES[name]
    twins = [torch.tensor(x, requires_grad=True) for x in xs]
    function(*twins).sum().backward()
    found = tg.grad(lambda *xs: np.sum(f(*xs)), tuple(range(len(xs))))(*xs)
    for a, b in zip(found, twins, strict=True):
        np.testing.assert_allclose(a, b.grad.numpy(), rtol=1e-10)


def test_the_factor_is_scipys_and_a_tensor_is_not_overwritten():
    x = tg.Tensor(S, requires_grad=True)
    factor, lower = linalg.cho_factor(x, overwrite_a=True)
    np.testing.assert_array_equal(factor.data, scipy.linalg.cho_factor(S)[0])
    assert lower is False
    t, b = tg.Tensor(np.asfortranarray(S), requires_grad=True), tg.Tensor(V, requires_grad=True)
    linalg.solve(t, b, overwrite_a=True, overwrite_b=True)
    linalg.cholesky(t, overwrite_a=True)
    np.testing.assert_array_equal(t.data, S)
    np.testing.assert_array_equal(b.data, V)


def test_what_is_not_here_is_scipys_and_refuses_recorded_tensors():
    assert linalg.eigh is scipy.linalg.eigh
    with pytest.raises(TypeError, match="would lose the gradient"):
        linalg.eigh(tg.Tensor(S, requires_grad=True))
    with pytest.raises(TypeError, match="unexpected keyword argument 'wrong'"):
        linalg.solve(tg.Tensor(S, requires_grad=True), V, wrong=1)
