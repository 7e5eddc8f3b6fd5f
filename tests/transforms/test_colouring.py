"""Sparse Jacobians: as dense ones, in fewer passes; a pattern that lacks something is refused."""

import numpy as np
import pytest

import tensorgrad as tg

sparse = pytest.importorskip("scipy.sparse")
from tensorgrad.transforms import colouring  # noqa: E402


def heat(x):
    """Three neighbours act on each place."""
    return np.concatenate([x[:1], x[1:-1] + x[:-2] * x[2:], np.exp(x[-1:])])


def arrow(x):
    """All act on the first, and each on itself."""
    return np.concatenate([np.sum(x**2, keepdims=True), np.sin(x)])


TRIDIAGONAL = sparse.diags_array([np.ones(19), np.ones(20), np.ones(19)], offsets=[-1, 0, 1])
ARROW = np.vstack([np.ones(20), np.eye(20)])
X = np.random.default_rng(0).normal(size=20)


@pytest.mark.parametrize(
    ("f", "pattern", "passes"), [(heat, TRIDIAGONAL, 3), (arrow, ARROW, 2)], ids=["heat", "arrow"]
)
def test_sparse_jacobian(f, pattern, passes):
    found = tg.jacobian(f, sparsity=pattern)(X)
    assert isinstance(found, sparse.csr_array)
    assert np.allclose(found.toarray(), tg.jacobian(f)(X))
    coo = sparse.coo_array(pattern)
    assert colouring.colours(*coo.coords, coo.shape).max() + 1 == passes


def test_columns_are_used_where_they_are_fewer():
    wide = np.hstack([np.ones((20, 1)), np.eye(20)])
    f = lambda x: x[0] ** 2 + np.sin(x[1:])
    x = np.arange(21.0)
    assert np.allclose(tg.jacobian(f, sparsity=wide)(x).toarray(), tg.jacobian(f)(x))


def test_float32_shapes_and_aux():
    x = X.astype(np.float32).reshape(4, 5)
    f = lambda x: (np.sin(x) ** 2, "aux")
    found, aux = tg.jacobian(f, has_aux=True, sparsity=np.eye(20))(x)
    assert found.dtype == np.float32
    assert aux == "aux"
    assert np.allclose(found.diagonal(), np.sin(2 * x).reshape(-1), atol=1e-6)
    assert tg.jacobian(lambda x: np.zeros(2), sparsity=np.zeros((2, 3)))(np.ones(3)).nnz == 0


def test_what_sparse_jacobians_refuse():
    with pytest.raises(ValueError, match="derivatives by number 0"):
        tg.jacobian(heat, sparsity=np.eye(20))(X)
    with pytest.raises(ValueError, match=r"shape \(3, 3\)"):
        tg.jacobian(heat, sparsity=np.eye(3))(X)
    with pytest.raises(TypeError, match="2 arguments"):
        tg.jacobian(lambda x, y: x * y, (0, 1), sparsity=np.eye(20))(X, X)
    with pytest.raises(TypeError, match="no gradient"):
        tg.jacobian(heat, sparsity=TRIDIAGONAL)(tg.Tensor(X, requires_grad=True))
