"""Linear algebra where it is hard: singular matrices, repeated values, vectors that are not unique, complex phases."""

import itertools

import numpy as np
import pytest

import tensorgrad as tg

RNG = np.random.default_rng(0)


def leaf(x):
    return tg.Tensor(x, requires_grad=True)


def gradient(f, x):
    t = leaf(x)
    f(t).backward()
    return t.grad.data


def orthogonal(n):
    return np.linalg.qr(RNG.standard_normal((n, n)))[0]


def with_values(values):
    """Return a symmetric matrix with these eigenvalues, in random directions."""
    q = orthogonal(len(values))
    a = (q * values) @ q.T
    return (a + a.T) / 2


def folded(g):
    """Convert the gradient of a symmetric matrix to that of its lower triangle."""
    return np.tril(g + g.T) - np.diag(np.diag(g))


# Determinants


def leibniz(a):
    """Compute the determinant by its definition, a polynomial."""
    n = a.shape[0]
    total = 0.0
    for p in itertools.permutations(range(n)):
        sign = np.linalg.det(np.eye(n)[list(p)])
        total = total + sign * np.prod(a[np.arange(n), list(p)])
    return total


SINGULAR = {
    "rank 2 of 3": np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]]),
    "rank 1 of 3": np.outer([1.0, -2.0, 0.5], [2.0, 1.0, 3.0]),
    "zero": np.zeros((3, 3)),
    "nearly singular": np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0 + 1e-9]]),
    "regular": np.array([[2.0, 0.3, 1.0], [0.1, 1.5, -0.4], [0.7, 0.2, -1.0]]),
}


@pytest.mark.parametrize("name", SINGULAR)
def test_det_of_any_matrix_to_second_order(name):
    a = SINGULAR[name]
    np.testing.assert_allclose(gradient(np.linalg.det, a), gradient(leibniz, a), atol=1e-12)
    direction = RNG.standard_normal(a.shape)

    def hvp(f):
        t = leaf(a)
        f(t).backward(create_graph=True)
        g, t.grad = t.grad, None
        np.sum(g * direction).backward()
        return t.grad.data

    np.testing.assert_allclose(hvp(np.linalg.det), hvp(leibniz), atol=1e-6)


def test_slogdet_of_a_singular_matrix_is_refused_in_backward():
    t = leaf(SINGULAR["zero"])
    with np.errstate(divide="ignore"):
        sign, logdet = np.linalg.slogdet(t)
    assert sign == 0
    assert logdet.data == -np.inf
    with pytest.raises(np.linalg.LinAlgError, match="Singular"):
        logdet.backward()


def test_inv_of_a_singular_matrix_is_refused():
    with pytest.raises(np.linalg.LinAlgError, match="Singular"):
        np.linalg.inv(leaf(np.zeros((2, 2))))


# Repeated eigenvalues and singular values

REPEATED = {
    "identity": np.eye(3),
    "two equal": with_values(np.array([1.0, 2.0, 2.0])),
    "all equal": 2.0 * np.eye(4),
    "zeros": np.zeros((3, 3)),
}


@pytest.mark.parametrize("name", REPEATED)
def test_functions_of_repeated_eigenvalues(name):
    a = REPEATED[name]
    for power in (1, 2, 3):
        found = gradient(lambda t, k=power: np.sum(np.linalg.eigvalsh(t) ** k), a)
        right = power * np.linalg.matrix_power(a, power - 1)
        np.testing.assert_allclose(found, folded(right), atol=1e-12)


@pytest.mark.parametrize("name", REPEATED)
def test_functions_of_repeated_singular_values(name):
    a = REPEATED[name]
    found = gradient(lambda t: np.sum(np.linalg.svdvals(t) ** 2), a)
    np.testing.assert_allclose(found, 2 * a, atol=1e-12)
    assert np.all(np.isfinite(gradient(lambda t: np.linalg.norm(t, "nuc"), a)))
    np.testing.assert_allclose(gradient(lambda t: np.linalg.norm(t, 2), np.eye(3)), np.eye(3) / 3)


def test_functions_of_repeated_eigenvalues_of_any_matrix():
    a = np.diag([1.0, 2.0, 2.0])
    found = gradient(lambda t: np.real(np.sum(np.linalg.eigvals(t) ** 2)), a)
    np.testing.assert_allclose(found, 2 * a.T)


@pytest.mark.parametrize("name", REPEATED)
@pytest.mark.parametrize("function", [np.linalg.eigh, np.linalg.svd, np.linalg.eig])
def test_vectors_of_repeated_values_are_refused(function, name):
    result = function(leaf(REPEATED[name]))
    vectors = result[0] if function is np.linalg.svd else result[1]
    with pytest.raises(np.linalg.LinAlgError, match="no gradient"):
        np.sum(np.real(vectors) * np.arange(vectors.size).reshape(vectors.shape)).backward()


def test_vectors_of_values_that_do_not_repeat_beside_some_that_do():
    a = with_values(np.array([1.0, 2.0, 2.0]))

    def projected(t):
        v = np.linalg.eigh(t)[1][:, 0]
        return np.sum(np.outer(v, v) * np.arange(9.0).reshape(3, 3))

    tg.check_grads(projected, a, order=1)


# Functions of vectors that depend on no sign and no phase

A = RNG.standard_normal((3, 3)) + np.diag([1.0, 3.0, 6.0])
C = A + 1j * RNG.standard_normal((3, 3))
M = RNG.standard_normal((3, 3)) + 1j * RNG.standard_normal((3, 3))
HERMITIAN = C @ C.conj().T


def adjoint(a):
    return np.conj(np.swapaxes(a, -1, -2))


def eigh_projector(a):
    v = np.linalg.eigh(a)[1][:, 1:]
    return np.real(np.sum(M * np.matmul(v, adjoint(v))))


def eigh_square_root(a):
    w, v = np.linalg.eigh(a)
    return np.real(np.sum(M * np.matmul(v * np.sqrt(w), adjoint(v))))


def eig_projector(a):
    v = np.linalg.eig(a)[1]
    v = v / np.linalg.norm(v, axis=0)
    return np.sum(np.abs(v) ** 2 * np.arange(9.0).reshape(3, 3))


def eig_function(a):
    w, v = np.linalg.eig(a)
    return np.real(np.sum(M * np.matmul(v * np.exp(w / 5), np.linalg.inv(v))))


def svd_polar(a):
    u, _, vh = np.linalg.svd(a, full_matrices=False)
    return np.real(np.sum(M[: a.shape[0], : a.shape[1]] * np.matmul(u, vh)))


def svd_low_rank(a):
    u, s, vh = np.linalg.svd(a, full_matrices=False)
    return np.real(np.sum(M[: a.shape[0], : a.shape[1]] * np.matmul(u[:, :1] * s[:1], vh[:1])))


def svd_full(a):
    """Return only the part of the full form that the reduced form has, too."""
    u, s, vh = np.linalg.svd(a)
    k = min(a.shape)
    return np.real(np.sum(M[: a.shape[0], : a.shape[1]] * np.matmul(u[:, :k] * s**2, vh[:k])))


def qr_function(a):
    q, r = np.linalg.qr(a)
    return np.real(np.sum(M[: q.shape[0], : q.shape[1]] * q)) + np.sum(np.abs(r) ** 3)


def cholesky_solution(a):
    factor = np.linalg.cholesky(a)
    x = np.linalg.solve(factor, np.arange(3.0))
    return np.real(np.sum(np.conj(x) * x)) + np.sum(np.log(np.real(np.diagonal(factor))))


# fmt: off
INVARIANT = [
    (eigh_projector, HERMITIAN.real), (eigh_projector, HERMITIAN), (eigh_square_root, HERMITIAN.real), (eigh_square_root, HERMITIAN),
    (eig_projector, A), (eig_projector, C), (eig_function, A), (eig_function, C), (eig_function, A - 3 * np.rot90(np.eye(3))),
    *((f, x) for f in (svd_polar, svd_low_rank, svd_full, qr_function) for x in (A, C, A[:, :2], C[:, :2], A[:2], C[:2])),
    (cholesky_solution, HERMITIAN.real), (cholesky_solution, HERMITIAN),
]
# fmt: on


@pytest.mark.parametrize(("f", "x"), INVARIANT, ids=lambda x: getattr(x, "__name__", None))
def test_functions_of_vectors_to_second_order(f, x):
    tg.check_grads(f, x, order=2, rtol=2e-4, atol=1e-6)


@pytest.mark.parametrize("function", [np.linalg.eigh, np.linalg.eig, np.linalg.svd])
def test_the_phase_of_complex_vectors_is_refused(function):
    result = function(leaf(HERMITIAN))
    vectors = result[0] if function is np.linalg.svd else result[1]
    with pytest.raises(np.linalg.LinAlgError, match="multiplied with exp"):
        np.real(vectors[0, 0] + 1j * vectors[1, 0]).backward()


def test_the_vector_of_a_real_value_of_a_real_matrix_has_no_phase():
    """NumPy returns it as complex numbers beside a conjugate pair, and from 2.5 on always."""
    a = np.array([[0.3, -1.2, 0.4], [1.4, 0.5, -0.3], [0.2, 0.6, 2.0]])
    (real,) = np.flatnonzero(np.linalg.eigvals(a).imag == 0)

    def f(t):
        v = np.linalg.eig(t)[1][:, real]
        return np.sum(np.real(v) * [1.0, 2.0, 3.0]) + np.sum(np.imag(v) * [4.0, 5.0, 6.0])

    tg.check_grads(f, a, order=2)


@pytest.mark.parametrize(
    "call", [lambda t: np.linalg.svd(t)[0], lambda t: np.linalg.qr(t, "complete")[0]]
)
def test_columns_that_complete_a_basis_are_refused(call):
    with pytest.raises(np.linalg.LinAlgError, match="completes a basis"):
        np.sum(call(leaf(A[:, :2]))).backward()


def test_vectors_of_a_singular_value_of_zero_are_refused():
    a = np.outer([1.0, 2.0, 3.0], [1.0, -1.0])
    u = np.linalg.svd(leaf(a), full_matrices=False)[0]
    with pytest.raises(np.linalg.LinAlgError, match="without full rank"):
        np.sum(u * np.arange(6.0).reshape(3, 2)).backward()
    tg.check_grads(lambda t: np.linalg.svd(t)[1][0], a, order=1)


def test_qr_of_a_matrix_without_full_rank_is_refused():
    q, _ = np.linalg.qr(leaf(np.ones((3, 2)) * 0.0))
    with pytest.raises(np.linalg.LinAlgError):
        np.sum(q).backward()


def test_qr_raw_is_refused():
    with pytest.raises(TypeError, match="no mode='raw'; use 'reduced', 'complete' or 'r'"):
        np.linalg.qr(leaf(A), "raw")


# What comes back


def test_results_are_numpys_named_tuples():
    a = HERMITIAN.real
    for function in (np.linalg.eigh, np.linalg.eig, np.linalg.svd, np.linalg.qr, np.linalg.slogdet):
        ours, theirs = function(leaf(a)), function(a)
        assert type(ours) is type(theirs)
        for x, y in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(getattr(x, "data", x), y, atol=1e-12)
    assert np.linalg.eigh(leaf(a)).eigenvalues.shape == (3,)


def test_only_one_triangle_is_read_and_only_there_is_a_gradient():
    a = HERMITIAN.real
    for lower, call in (
        (True, np.linalg.cholesky),
        (False, lambda t: np.linalg.cholesky(t, upper=True)),
        (True, np.linalg.eigvalsh),
        (False, lambda t: np.linalg.eigvalsh(t, "U")),
    ):
        g = gradient(lambda t, call=call: np.sum(call(t) ** 2), a)
        assert not np.any(np.triu(g, 1) if lower else np.tril(g, -1))


def test_a_batch_is_as_its_matrices_one_by_one():
    batch = np.stack([HERMITIAN.real, HERMITIAN.real + np.eye(3), np.diag([1.0, 2.0, 4.0])])
    functions = [
        np.linalg.inv,
        np.linalg.det,
        np.linalg.pinv,
        np.linalg.cholesky,
        np.linalg.eigvalsh,
        np.linalg.svdvals,
        lambda t: np.linalg.slogdet(t)[1],
        lambda t: np.linalg.qr(t)[1] ** 2,
        lambda t: np.linalg.norm(t, "nuc", axis=(-2, -1)),
        lambda t: np.linalg.solve(t, np.arange(3.0)),
    ]
    for f in functions:
        alone = [gradient(lambda t, f=f: np.sum(f(t)), a) for a in batch]
        np.testing.assert_allclose(gradient(lambda t, f=f: np.sum(f(t)), batch), alone, atol=1e-10)


# Norms at the origin and other kinks


@pytest.mark.parametrize("order", [None, 1, 2, 3, 2.5, 0.5, np.inf, "fro"])
def test_norms_at_the_origin(order):
    x = np.zeros((2, 2)) if order == "fro" else np.zeros(3)
    assert not np.any(gradient(lambda t: np.linalg.norm(t, order), x))


@pytest.mark.parametrize("order", [2, 2.5, 3])
def test_norms_at_the_origin_have_no_curvature_either(order):
    t = leaf(np.zeros(3))
    np.linalg.norm(t, order).backward(create_graph=True)
    g, t.grad = t.grad, None
    np.sum(g).backward()
    assert not np.any(t.grad.data)


def test_ties_of_the_largest_share():
    np.testing.assert_array_equal(
        gradient(lambda t: np.linalg.norm(t, np.inf), [2.0, -2.0, 1.0]), [0.5, -0.5, 0]
    )
    np.testing.assert_array_equal(
        gradient(lambda t: np.linalg.norm(t, 1), np.eye(2)), np.eye(2) / 2
    )


def test_a_count_of_what_is_not_zero_has_no_slope():
    assert not np.any(gradient(lambda t: np.linalg.norm(t, 0) + 0 * np.sum(t), np.ones(3)))


@pytest.mark.parametrize(("x", "order", "axis", "message"), [
    (np.ones((2, 2, 2)), 2, None, "along 1 or 2 axes, not 3"),
    (np.ones(2), "fro", None, "a vector has no norm of ord='fro'"),
    (np.ones((2, 2)), 3, None, "a matrix has no norm of ord=3"),
])  # fmt: skip
def test_norms_that_are_none(x, order, axis, message):
    with pytest.raises(ValueError, match=message):
        np.linalg.norm(leaf(x), order, axis)


def test_matrix_power_zero_is_the_identity():
    np.testing.assert_array_equal(np.linalg.matrix_power(leaf(A), 0), np.eye(3))


def test_least_squares_without_full_rank():
    """The shortest solution has a gradient along changes that keep the rank; here, of the right side."""
    a = np.outer([1.0, 2.0, 3.0], [1.0, -1.0])
    b = leaf([1.0, 0.5, 2.0])
    x, residuals, rank, s = np.linalg.lstsq(a, b)
    assert (rank, residuals.size, s.shape) == (1, 0, (2,))
    np.sum(x * [1.0, 2.0]).backward()
    np.testing.assert_allclose(b.grad.data, np.linalg.pinv(a).T @ [1.0, 2.0])


def test_multi_dot_takes_the_cheaper_order():
    shapes = [(30, 2), (2, 40), (40, 3)]
    x = [leaf(RNG.standard_normal(shape)) for shape in shapes]
    y = np.linalg.multi_dot(x)
    assert [t.shape for t in y.inputs] == [(30, 2), (2, 3)]


def test_eigenvalues_without_a_basis_of_eigenvectors_are_refused():
    def squares(a):
        return np.sum(np.real(np.linalg.eigvals(a)) ** 2)

    np.testing.assert_allclose(
        tg.grad(squares)(np.array([[1.0, 1.0], [0.0, 2.0]])), [[2, 0], [2, 4]]
    )
    with pytest.raises(np.linalg.LinAlgError, match="without a basis of eigenvectors"):
        tg.grad(squares)(np.array([[1.0, 1.0], [0.0, 1.0]]))


def test_a_singular_value_of_0_has_no_slope():
    nuclear = tg.grad(lambda a: np.linalg.norm(a, "nuc"))
    np.testing.assert_allclose(nuclear(np.ones((2, 3))), np.full((2, 3), 6**-0.5))


# Numbers as NumPy has them


@pytest.mark.parametrize("p", [None, 2, 1, "fro", np.inf])
def test_the_condition_number_of_a_singular_matrix_is_infinite(p):
    a = np.stack([np.diag([1.0, 0.0]), np.array([[2.0, 0.5], [0.0, 1.0]])])
    for x in (a, a.astype(np.float32), np.zeros((2, 2), int)):
        found = np.linalg.cond(tg.Tensor(x), p)
        np.testing.assert_allclose(found.data, np.linalg.cond(x, p), rtol=1e-5)
    t = leaf(a)
    np.linalg.cond(t, p)[1].backward()  # of the other there is a gradient
    np.testing.assert_allclose(t.grad.data[1], gradient(lambda x: np.linalg.cond(x, p), a[1]))
    assert not np.any(t.grad.data[0])
    with pytest.raises(np.linalg.LinAlgError, match="infinite, and has no gradient"):
        np.sum(np.linalg.cond(leaf(a), p)).backward()


@pytest.mark.parametrize("dtype", [np.int64, np.int8, bool, np.float32])
def test_least_squares_with_a_matrix_of_integers(dtype):
    a = np.array([[1, 0], [1, 1], [0, 1]]).astype(dtype)
    y = np.array([1.0, 2.0, 4.0])
    x = np.linalg.lstsq(a, leaf(y))[0]
    assert x.dtype == np.float64
    np.testing.assert_allclose(x.data, np.linalg.lstsq(a, y)[0])
    tg.check_grads(lambda y: np.sum(np.linalg.lstsq(a, y)[0] ** 3), y)
    g = gradient(lambda y: np.sum(np.linalg.lstsq(a, y)[0]), y.astype(np.float32))
    assert g.dtype == np.float32


@pytest.mark.parametrize("a", [HERMITIAN.real, HERMITIAN, A])
def test_pinv_of_a_hermitian_matrix_reads_one_triangle(a):
    def f(x):
        return np.sum(np.abs(np.linalg.pinv(x, hermitian=True) - M) ** 2)

    g = gradient(f, a)
    assert not np.any(np.triu(g, 1))
    tg.check_grads(f, a, rtol=1e-4, atol=1e-5)


# Cross products


def test_vectors_of_two_components_have_a_third_of_zero():
    a, b = RNG.standard_normal((4, 2)), RNG.standard_normal((4, 3))
    flat = np.concatenate([a, np.zeros((4, 1))], axis=1)
    np.testing.assert_array_equal(np.cross(leaf(a), leaf(b)).data, np.cross(flat, b))
    np.testing.assert_array_equal(np.cross(leaf(b), leaf(a)).data, np.cross(b, flat))
    w = b[:, :2]
    np.testing.assert_array_equal(
        np.cross(leaf(a), leaf(w)).data, a[:, 0] * w[:, 1] - a[:, 1] * w[:, 0]
    )
    weights = np.random.default_rng(1).standard_normal((4, 3))
    found = gradient(lambda t: np.sum(weights * np.cross(t, b)), a)
    np.testing.assert_allclose(found, np.cross(b, weights)[:, :2], rtol=1e-12)
