"""A constant sparse matrix times a tensor: all formats, both sides, first and second order."""

import numpy as np
import pytest
import scipy.sparse

import tensorgrad as tg
from tensorgrad.scipy import sparse

DENSE = np.array([[0.0, 1.5, 0.0, -2.0], [0.7, 0.0, 0.0, 0.0], [0.0, 0.3, 1.1, 0.0]])
FORMATS = ["bsr", "coo", "csc", "csr", "dia", "dok", "lil"]
LEFT = [np.arange(3.0) - 1, np.arange(6.0).reshape(2, 3), np.arange(12.0).reshape(2, 2, 3) / 5]
RIGHT = [np.arange(4.0) - 1, np.arange(8.0).reshape(4, 2), np.arange(24.0).reshape(2, 4, 3) / 5]


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("make", [scipy.sparse.csr_array, scipy.sparse.csr_matrix])
def test_products_are_those_of_the_dense_matrix(kind, make):
    a = make(DENSE).asformat(kind)
    for t in LEFT:
        tg.check_grads(lambda t: sparse.matmul(t, a) ** 2, t)
        for found in (tg.Tensor(t, requires_grad=True) @ a, tg.Tensor(t) @ a):
            assert type(found) is tg.Tensor
            np.testing.assert_allclose(found.data, t @ DENSE)
        slope = tg.grad(lambda t: np.sum((t @ a) ** 2))(t)
        np.testing.assert_allclose(slope, 2 * (t @ DENSE) @ DENSE.T)
    for t in RIGHT:
        tg.check_grads(lambda t: sparse.matmul(a, t) ** 2, t)
        found = sparse.matmul(a, tg.Tensor(t, requires_grad=True))
        np.testing.assert_allclose(found.data, DENSE @ t)


def test_single_precision_and_complex_numbers():
    a = scipy.sparse.csr_array(DENSE.astype(np.float32))
    t = tg.Tensor(RIGHT[1], requires_grad=True, dtype=np.float32)
    y = sparse.matmul(a, t)
    np.sum(y).backward()
    assert y.dtype == t.grad.dtype == np.float32
    tg.check_grads(
        lambda t: sparse.matmul(scipy.sparse.csr_array(DENSE * (1 + 2j)), t), RIGHT[1] * 1j
    )


def test_arrays_and_two_sparse_matrices():
    a = scipy.sparse.csr_array(DENSE)
    assert type(sparse.matmul(a, RIGHT[0])) is np.ndarray
    assert sparse.issparse(sparse.matmul(a, a.T))
    np.testing.assert_allclose(sparse.matmul(DENSE, RIGHT[0]), DENSE @ RIGHT[0])
    assert sparse.csr_array is scipy.sparse.csr_array


@pytest.mark.parametrize(
    "f",
    [lambda a, t: a @ t, lambda a, t: a.dot(t), lambda a, t: a.multiply(t), lambda a, t: a * t],
)
def test_what_scipy_takes_first_raises_and_names_the_way_out(f):
    t = tg.Tensor(np.ones((4, 4)), requires_grad=True)
    with pytest.raises(TypeError, match=r"tensorgrad\.scipy\.sparse\.matmul\(A, t\), or t @ A"):
        f(scipy.sparse.csr_array(np.eye(4)), t)


def test_other_operators_with_a_sparse_matrix_lose_no_gradient():
    a, t = scipy.sparse.csr_array(np.eye(4)), tg.Tensor(np.ones((4, 4)), requires_grad=True)
    for f in (lambda: t * a, lambda: t + a, lambda: a + t, lambda: np.matmul(t, a)):
        with pytest.raises(TypeError, match=r"lose the gradient|calculates with numbers"):
            f()


@pytest.mark.parametrize(
    ("call", "room"),
    [
        (lambda t: scipy.linalg.expm(t), "linalg"),
        (lambda t: scipy.stats.norm.pdf(t), "stats"),
        (lambda t: scipy.special.logsumexp(t), "special"),
    ],
)
def test_scipys_functions_name_the_room_that_takes_tensors(call, room):
    import scipy.linalg
    import scipy.stats  # noqa: F401

    with pytest.raises(TypeError, match=rf"tensorgrad\.scipy\.{room} has"):
        call(tg.Tensor(np.eye(2), requires_grad=True))
