"""Calls of linear algebra: of matrices far from singular, with eigenvalues and singular values apart."""

import numpy as np

from tensorgrad.ops import decompositions, linalg, qr, repeated
from tests.cases import c, call, r


def apart(*shape: int) -> np.ndarray:
    """Make matrices whose singular values, and eigenvalues if square, are real and well apart.

    They are up to 3 by 3, so that Gershgorin's discs, of radius 0.4 about 1.5, 3 and 4.5 (give or
    take 0.2), never meet.
    """
    n, m = shape[-2:]
    return r(*shape) / 10 + 1.5 * np.arange(1.0, n + 1)[:, None] * np.eye(n, m)


def definite(*shape: int) -> np.ndarray:
    """Make a positive definite matrix, symmetric or, of complex numbers, Hermitian."""
    a = apart(*shape)
    return a @ np.swapaxes(a, -1, -2)


def complex_apart(*shape: int) -> np.ndarray:
    return apart(*shape) + 1j * r(*shape) / 5


def complex_definite(*shape: int) -> np.ndarray:
    a = complex_apart(*shape)
    return a @ np.swapaxes(a, -1, -2).conj()


# fmt: off
CASES = {
    np.linalg.inv:      [call(apart(3, 3)), call(apart(2, 2, 2)), call(complex_apart(2, 2)), call(apart(1, 1))],
    np.linalg.solve:    [call(apart(3, 3), r(3)), call(apart(3, 3), r(3, 2)), call(apart(2, 2, 2), r(2, 2, 3)), call(apart(2, 2, 2), r(2)), call(apart(2, 2), r(3, 2, 1)), call(complex_apart(2, 2), c(2)),
                         call([[2.0, 1.0], [0.0, 1.0]], r(2))],
    np.linalg.pinv:     [call(apart(3, 2)), call(apart(2, 3)), call(apart(2, 2)), call(apart(2, 3, 2)), call(complex_apart(3, 2)), call(apart(3, 2), rcond=1e-9), call(apart(3, 2), rtol=1e-9), call(definite(3, 3), hermitian=True), call(apart(3, 3), hermitian=True), call(complex_definite(2, 2), hermitian=True)],
    np.linalg.lstsq:    [call(apart(4, 2), r(4)), call(apart(4, 2), r(4, 3)), call(apart(2, 3), r(2)), call(complex_apart(3, 2), c(3)), call(apart(2, 2), r(2), rcond=1e-9), call([[1.0, 0.5], [0.2, 2.0], [0.0, 1.0]], r(3))],
    linalg.least_squares: [call(apart(4, 2), r(4)), call(apart(2, 3), r(2, 2)), call(complex_apart(3, 2), c(3)), call(apart(3, 2), r(3), rcond=1e-9)],
    np.linalg.det:      [call(apart(3, 3)), call(apart(2, 2, 2)), call(complex_apart(2, 2)), call(apart(1, 1)), call(np.outer(r(3), r(3)) + np.diag([0.0, 0.0, 1.0])), call(np.ones((2, 2)))],
    linalg.cofactors:   [call(apart(3, 3)), call(apart(2, 2, 2)), call(complex_apart(2, 2)), call(np.ones((3, 3))), call(apart(1, 1))],
    np.linalg.slogdet:  [call(apart(3, 3)), call(apart(2, 2, 2)), call(complex_apart(2, 2)), call(-apart(1, 1))],
    linalg.sign_and_logdet: [call(complex_apart(2, 2)), call(complex_apart(2, 3, 3))],
    np.linalg.matrix_power: [call(apart(2, 2), 3), call(apart(2, 2), 1), call(apart(3, 3), -2), call(apart(2, 2, 2), 5), call(complex_apart(2, 2), 2)],
    np.linalg.multi_dot:   [call([r(2, 3), r(3, 4), r(4, 1)]), call([r(2), r(2, 3), r(3)]), call([r(3), r(3, 2)]), call((r(2, 3), r(3, 2), [[1.0], [2.0]], r(1, 2)))],
    np.linalg.tensorinv:   [call(apart(6, 6).reshape(2, 3, 6)), call(apart(4, 4).reshape(4, 2, 2), ind=1)],
    np.linalg.tensorsolve: [call(apart(6, 6).reshape(2, 3, 6), r(2, 3)), call(apart(4, 4).reshape(2, 2, 2, 2), r(2, 2)), call(apart(6, 6).reshape(6, 2, 3).transpose(1, 0, 2), r(6), axes=(0, 2))],

    np.linalg.cholesky: [call(definite(3, 3)), call(definite(2, 2, 2)), call(complex_definite(2, 2)), call(complex_definite(3, 3), upper=True), call(definite(2, 2), upper=True), call(definite(1, 1))],
    np.linalg.eigh:     [call(definite(3, 3)), call(definite(2, 2, 2)), call(definite(3, 3), "U"), call(r(2, 2)), call(definite(2, 2), UPLO="L")],
    np.linalg.eigvalsh: [call(definite(3, 3)), call(complex_definite(3, 3)), call(definite(3, 3), "U"), call(complex_definite(2, 2), UPLO="U"), call(definite(2, 2, 2))],
    np.linalg.eig:      [call(apart(3, 3)), call(apart(2, 2, 2)), call(definite(2, 2))],
    np.linalg.eigvals:  [call(apart(3, 3)), call(complex_apart(3, 3)), call(np.array([[0.3, -1.2], [1.4, 0.5]])), call(apart(2, 2, 2))],
    np.linalg.svd:      [call(apart(3, 3)), call(apart(3, 2), full_matrices=False), call(apart(2, 3), False), call(apart(2, 2, 2)), call(apart(3, 2), compute_uv=False), call(complex_apart(2, 3), compute_uv=False),
                         call(definite(3, 3), hermitian=True), call(-definite(2, 2), compute_uv=False, hermitian=True)],
    np.linalg.svdvals:  [call(apart(3, 2)), call(complex_apart(2, 3)), call(apart(2, 2, 2))],
    np.linalg.qr:       [call(apart(3, 3)), call(apart(4, 2)), call(apart(2, 3)), call(apart(2, 3, 2)), call(apart(4, 2), mode="r"), call(apart(3, 3), "complete"), call(apart(2, 3), "complete"), call(complex_apart(3, 2)),
                         call(complex_apart(2, 3)), call(complex_apart(3, 3))],
    decompositions.eigh: [call(definite(3, 3)), call(definite(2, 2), UPLO="U")],
    decompositions.eig:  [call(apart(3, 3))],
    decompositions.svd:  [call(apart(3, 3)), call(apart(3, 2), full_matrices=False)],
    repeated.marked:     [call(r(2, 3), 0.0)],
    repeated.in_basis:   [call(r(2, 2), 0.0, equal=np.eye(2, dtype=bool), strict=np.zeros((2, 2), bool))],
    qr.qr:              [call(apart(3, 2)), call(apart(3, 3), mode="complete"), call(complex_apart(3, 2))],
}
# fmt: on
