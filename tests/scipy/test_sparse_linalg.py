"""Sparse systems: against dense ones, to second order."""

import numpy as np
import pytest

import tensorgrad as tg

sparse = pytest.importorskip("scipy.sparse")
import scipy.sparse.linalg  # noqa: E402

import tensorgrad.scipy as tsp  # noqa: E402

rng = np.random.default_rng(0)
POSITIONS = np.array([0, 0, 1, 1, 2, 3, 3]), np.array([0, 2, 1, 0, 2, 3, 1])
DATA = rng.uniform(1, 2, 7) + 2.0 * (POSITIONS[0] == POSITIONS[1])
A = sparse.csr_array((DATA, POSITIONS), (4, 4))


@pytest.mark.parametrize(
    "b", [rng.normal(size=4), rng.normal(size=(4, 2))], ids=["vector", "matrix"]
)
@pytest.mark.parametrize("format", ["csr", "csc", "coo", "dia"])
def test_spsolve(format, b):
    a = A.asformat(format)
    assert np.allclose(
        tsp.sparse.linalg.spsolve(a, tg.Tensor(b)).data, np.linalg.solve(a.toarray(), b)
    )
    tg.check_grads(lambda b: tsp.sparse.linalg.spsolve(a, b) ** 2, b, order=2)
    if format != "dia":
        tg.check_grads(lambda d, b: tsp.sparse.linalg.spsolve(a, b, data=d), a.data, b, order=2)


def test_spsolve_against_a_dense_system():
    def dense(d):
        full = (
            np.zeros((4, 4), d.dtype)
            if isinstance(d, np.ndarray)
            else np.zeros_like(d, shape=(4, 4))
        )
        full[POSITIONS] = d
        return np.sum(np.linalg.solve(full, np.arange(4.0)) ** 2)

    coo = sparse.coo_array((DATA, POSITIONS), (4, 4))
    ours = lambda d: np.sum(tsp.sparse.linalg.spsolve(coo, np.arange(4.0), data=d) ** 2)
    assert np.allclose(tg.grad(ours)(DATA), tg.grad(dense)(DATA))
    assert np.allclose(tg.hessian(ours)(DATA), tg.hessian(dense)(DATA))


def test_cg():
    laplace = sparse.diags_array([-np.ones(5), 2.5 * np.ones(6), -np.ones(5)], offsets=[-1, 0, 1])
    laplace = laplace.tocsr()
    b = rng.normal(size=6)

    def f(scale, b):
        return tsp.sparse.linalg.cg(laplace, b, rtol=1e-13, data=scale * laplace.data)[0]

    tg.check_grads(f, 1.5, b, order=2)
    ours, info = tsp.sparse.linalg.cg(laplace, b)
    assert info == 0
    assert np.array_equal(ours, scipy.sparse.linalg.cg(laplace, b)[0])
    with pytest.raises(RuntimeError, match="did not converge"):
        tsp.sparse.linalg.cg(laplace, tg.Tensor(b, requires_grad=True), rtol=1e-12, maxiter=1)


def test_a_singular_matrix():
    with pytest.raises(ValueError, match="singular"):
        tsp.sparse.linalg.spsolve(sparse.csc_array(np.ones((2, 2))), tg.Tensor(np.ones(2)))


def test_complex_right_sides():
    A = scipy.sparse.csc_array(np.array([[2.0, 1.0], [1.0, 3.0]]))
    b = np.array([1.0 + 2j, 2.0 - 1j])
    tg.check_grads(lambda b: tsp.sparse.linalg.spsolve(A, b), b)
    tg.check_grads(lambda d: tsp.sparse.linalg.spsolve(A, b, data=d), A.data * (1 + 0.5j))
    found = tsp.sparse.linalg.spsolve(A, tg.Tensor(b, requires_grad=True))
    np.testing.assert_allclose(found.data, np.linalg.solve(A.toarray(), b))
