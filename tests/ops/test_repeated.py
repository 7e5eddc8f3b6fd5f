"""Functions of a matrix whose eigenvalues or singular values repeat: right, or refused, at every order."""

import numpy as np
import pytest

import tensorgrad as tg

RNG = np.random.default_rng(0)


def orthogonal(n):
    return np.linalg.qr(RNG.standard_normal((n, n)))[0]


def with_values(values):
    """Return a symmetric matrix with these eigenvalues, in no special directions."""
    q = orthogonal(len(values))
    return symmetric((q * values) @ q.T)


def symmetric(a):
    return (a + np.matrix_transpose(a)) / 2


def by_eigh(f):
    def function(a):
        w, v = np.linalg.eigh(symmetric(a))
        return np.matmul(v * np.expand_dims(f(w), -2), np.matrix_transpose(v))

    return function


def by_eig(f):
    def function(a):
        w, v = np.linalg.eig(a)
        return np.real(np.matmul(v * f(w), np.linalg.inv(v)))

    return function


def by_svd(f):
    def function(a):
        u, s, vh = np.linalg.svd(a)
        return np.matmul(u * f(s), vh)

    return function


TURNED = orthogonal(3)
MATRICES = {
    "identity": np.eye(3),
    "diagonal": np.diag([1.0, 1.0, 2.0]),
    "diagonal, largest repeats": np.diag([1.0, 2.0, 2.0]),
    "turned": with_values(np.array([1.0, 1.0, 2.0])),
    "rotation": TURNED,
    "singular": with_values(np.array([2.0, 0.0, 0.0])),
    "zero": np.zeros((3, 3)),
}
WEIGHTS = {
    "corner": np.diag([1.0, 0.0, 0.0]),
    "beside": np.eye(3)[[0]].T * np.eye(3)[[1]],
    "across": np.eye(3)[[0]].T * np.eye(3)[[2]],
    "identity": np.eye(3),
    "ones": np.ones((3, 3)),
    "no diagonal": np.array([[0.0, 1.0, 2.0], [1.0, 0.0, 3.0], [2.0, 3.0, 0.0]]),
    "any": np.arange(9.0).reshape(3, 3),
}
# fmt: off
SPECTRAL = {
    **{f"{by.__name__} {f.__name__}, {name}": lambda a, by=by, f=f, W=W: np.sum(W * by(f)(a))
       for by in (by_eigh, by_svd) for f in (np.log, np.sin, np.square) for name, W in WEIGHTS.items()},
    **{f"by_eig sin, {name}": lambda a, W=W: np.sum(W * by_eig(np.sin)(a)) for name, W in WEIGHTS.items()},
    **{f"{values.__name__}, {name}": lambda a, values=values, f=f: f(values(symmetric(a)))
       for values in (np.linalg.eigvalsh, np.linalg.svdvals)
       for name, f in {"sum": np.sum, "squares": lambda w: np.sum(w * w), "at rest": lambda w: np.sum((w - 1) ** 2),
                       "logarithms": lambda w: np.sum(np.log(w) ** 2), "square of the sum": lambda w: np.sum(w) ** 2}.items()},
}
# fmt: on


def central(f, a, step, direction=None):
    """Return the gradient by differences or, with a direction, the second derivative along it."""
    found = np.zeros_like(a)
    for i in np.ndindex(a.shape):
        e = np.zeros_like(a)
        e[i] = step
        if direction is None:
            found[i] = (f(a + e) - f(a - e)) / (2 * step)
        else:
            d = step * direction
            found[i] = (f(a + e + d) - f(a - e + d) - f(a + e - d) + f(a - e - d)) / (4 * step**2)
    return found


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("name", SPECTRAL)
def test_a_function_of_the_whole_matrix_is_right_or_refused(name):
    f = SPECTRAL[name]
    for a in MATRICES.values():
        outside = "by_eig " in name or (
            "svd" in name and np.linalg.matrix_rank(a) < 3
        )  # of what differences can tell
        try:
            found = tg.grad(f)(a)
        except np.linalg.LinAlgError:
            continue
        right = central(f, a, 1e-5)
        if np.all(np.isfinite(right)) and not outside:
            np.testing.assert_allclose(found, right, rtol=1e-3, atol=1e-4)
        for direction in (*WEIGHTS.values(), MATRICES["turned"]):
            try:
                found = tg.hvp(f, a, direction)
            except np.linalg.LinAlgError:
                continue
            right = central(f, a, 1e-3, direction)
            if np.all(np.isfinite(right)) and not outside:
                np.testing.assert_allclose(found, right, rtol=2e-2, atol=2e-2)


LOG, LOG_SVD, LOG_EIG = by_eigh(np.log), by_svd(np.log), by_eig(np.log)


@pytest.mark.parametrize("weights", [w for w in WEIGHTS if w != "across"])
@pytest.mark.parametrize("function", [LOG, LOG_SVD, LOG_EIG])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_basis_that_hides_what_is_lost_is_refused(function, weights, dtype):
    """At the identity the logarithm is 0, and nothing arrives at the vectors."""
    W = WEIGHTS[weights].astype(dtype)
    with pytest.raises(
        np.linalg.LinAlgError, match=r"no gradient here: .*np.trace, np.linalg.norm"
    ):
        tg.grad(lambda a: np.sum(W * function(a)))(np.eye(3, dtype=dtype))


def test_a_complex_matrix_with_repeated_values_is_refused():
    a = np.eye(2) + 0j
    for function in (np.linalg.eigh, np.linalg.eig):

        def log(a, function=function):
            w, v = function(a)
            return np.matmul(v * np.log(w), np.conj(np.matrix_transpose(v)))

        with pytest.raises(np.linalg.LinAlgError, match="no gradient here"):
            tg.grad(lambda a, log=log: np.real(np.sum(log(a) * [[1, 2j], [3, 4]])))(a)


@pytest.mark.parametrize("values", [np.linalg.eigvalsh, np.linalg.svdvals])
@pytest.mark.parametrize("f", [np.max, np.sum, lambda w: w[0], lambda w: np.sum((w - 2) ** 2)])
def test_second_derivatives_of_repeated_values_are_refused(values, f):
    a = 2 * np.eye(3)
    tg.grad(lambda a: f(values(a)))(a)
    with pytest.raises(np.linalg.LinAlgError, match="no gradient here"):
        tg.hvp(lambda a: f(values(a)), a, WEIGHTS["no diagonal"])


def test_matrices_of_a_batch_that_get_nothing_are_not_refused():
    a = np.stack([np.diag([1.0, 2.0, 4.0]), np.eye(3)])
    found = tg.grad(lambda a: np.sum(LOG(a)[0]))(a)
    np.testing.assert_allclose(found[0], tg.grad(lambda a: np.sum(LOG(a)))(a[0]))
    assert not np.any(found[1])


def test_leading_vectors_beside_repeated_values():
    """Singular covariances: fewer samples than dimensions, and a constant feature."""
    for x in ([3.0, 1.0, 2.0, 1.0], [3.0, 1.0, 0.0, 0.0]):
        a = np.outer(x, x)

        def projected(a):
            v = np.linalg.eigh(symmetric(a))[1][:, -1:]
            return np.sum(np.matmul(v, np.matrix_transpose(v)) * np.arange(16.0).reshape(4, 4))

        np.testing.assert_allclose(tg.grad(projected)(a), central(projected, a, 1e-4), atol=1e-5)
        with pytest.raises(np.linalg.LinAlgError, match="no gradient here"):
            tg.hessian(projected)(a)
