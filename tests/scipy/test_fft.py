"""Transforms: SciPy's values, and gradients by differences and by their matrices."""

import numpy as np
import pytest

import tensorgrad as tg

scipy_fft = pytest.importorskip("scipy.fft")
from tensorgrad.scipy import fft  # noqa: E402

rng = np.random.default_rng(0)
X = rng.normal(size=(5, 6))


@pytest.mark.parametrize("orthogonalize", [None, True, False])
@pytest.mark.parametrize("norm", ["backward", "ortho", "forward"])
@pytest.mark.parametrize("type", [1, 2, 3, 4])
@pytest.mark.parametrize("name", ["dct", "idct", "dst", "idst"])
def test_cosine_and_sine_transforms(name, type, norm, orthogonalize):
    """Their Jacobians are their matrices, which SciPy gives."""
    options = {"norm": norm, "orthogonalize": orthogonalize}
    matrix = getattr(scipy_fft, name)(np.eye(5), type, axis=0, **options)
    f = lambda x: getattr(fft, name)(x, type, **options)
    assert np.allclose(tg.jacobian(f)(X[:, 0]), matrix)
    assert f(tg.Tensor(X)).data.tobytes() == getattr(scipy_fft, name)(X, type, **options).tobytes()


@pytest.mark.parametrize("n", [3, 8])
@pytest.mark.parametrize("name", ["dct", "idct", "dst", "idst"])
def test_other_lengths(name, n):
    tg.check_grads(lambda x: getattr(fft, name)(x**2, n=n, axis=0), X, order=2)
    s = lambda x: getattr(fft, name + "n")(x**2, 3, s=(n, 4))
    tg.check_grads(s, X, order=2)
    expected = getattr(scipy_fft, name + "n")(X**2, 3, s=(n, 4))
    assert np.allclose(s(tg.Tensor(X)).data, expected)
    tg.check_grads(lambda x: getattr(fft, name + "n")(x, axes=0), X, order=1)


def test_float32_and_complex_numbers():
    x = tg.Tensor(X.astype(np.float32), requires_grad=True)
    y = fft.dctn(x)
    assert y.dtype == np.float32
    np.sum(y**2).backward()
    assert x.grad.dtype == np.float32
    assert np.allclose(x.grad.data, tg.grad(lambda x: np.sum(fft.dctn(x) ** 2))(X), rtol=1e-4)
    tg.check_grads(fft.dct, X[0] + 1j * X[1], order=2)


@pytest.mark.parametrize("name", fft.COMPLEX)
def test_fourier_transforms(name):
    f, g = getattr(fft, name), getattr(scipy_fft, name)
    assert np.allclose(f(tg.Tensor(X)).data, g(X))
    assert f(X).tobytes() == g(X).tobytes()
    tg.check_grads(lambda x: f(x) ** 2, X, order=1)


def test_keywords_of_fourier_transforms():
    assert np.allclose(fft.fftn(tg.Tensor(X), (4,), workers=1).data, scipy_fft.fftn(X, (4,)))
    assert np.allclose(fft.rfft(tg.Tensor(X), 4, 0, "ortho").data, scipy_fft.rfft(X, 4, 0, "ortho"))
