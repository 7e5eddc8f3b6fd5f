"""Order statistics of few and of many ranks, covariances with weights of another dtype, and histograms."""

from fractions import Fraction

import numpy as np
import pytest

import tensorgrad as tg

RNG = np.random.default_rng(0)


def gradient(f, x):
    return tg.grad(lambda t: np.sum(f(t)))(x)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_many_quantiles_have_the_gradients_of_one_at_a_time(dtype):
    x = RNG.integers(0, 8, (3, 40)).astype(dtype)  # equal elements abound
    many = np.linspace(0, 1, 101)
    weights = RNG.standard_normal((101, 3)).astype(dtype)
    together = gradient(lambda t: weights * np.quantile(t, many, axis=1), x)
    single = sum(
        gradient(lambda t, w=w, q=q: w * np.quantile(t, q, axis=1), x)
        for w, q in zip(weights, many)
    )
    assert together.dtype == single.dtype == x.dtype
    np.testing.assert_allclose(together, single, rtol=1e-4 if dtype == np.float32 else 1e-12)


def test_quantiles_at_fractions_are_floats():
    x = tg.Tensor(np.arange(8))
    for q in (Fraction(1, 2), [Fraction(1, 2), Fraction(1, 4)]):
        found = np.quantile(x, q)
        assert found.dtype == float
        np.testing.assert_array_equal(found, np.quantile(x.data, np.array(q, float)))
    assert np.percentile(x, Fraction(50)).item() == 3.5


def test_equal_elements_share_the_gradient_of_a_median():
    x = np.array([3.0, 2.0, np.nan, 2.0, 1.0, 2.0])
    third = 1 / 3
    np.testing.assert_allclose(gradient(np.nanmedian, x), [0, third, 0, third, 0, third])
    np.testing.assert_allclose(gradient(np.nanmedian, x[:4]), [0, 0.5, 0, 0.5])
    np.testing.assert_allclose(
        gradient(np.median, np.array([1.0, 3.0, 2.0, 5.0])), [0, 0.5, 0.5, 0]
    )


def test_the_second_derivative_of_a_median_reaches_the_element():
    x = np.array([3.0, 1.0, 2.0])
    second = tg.hessian(lambda t: np.median(t) ** 3)(x)
    np.testing.assert_allclose(second, np.diag([0, 0, 12.0]))


def test_weights_of_float32_lose_no_digits_of_a_covariance():
    x = np.array([[-4.8270, -7.5824, -0.6047], [-1.5412, -1.9719, -4.1460]])
    weights = np.array([0.3666, 0.0583, 0.7006], np.float32)  # the divisor is a small difference

    def gradients(weights):
        return tg.grad(lambda x, w: np.cov(x, ddof=2, aweights=w)[0, 1], (0, 1))(x, weights)

    (of_x, of_weights), (right, right_weights) = (
        gradients(weights),
        gradients(weights.astype(float)),
    )
    np.testing.assert_allclose(of_x, right, rtol=1e-12)
    np.testing.assert_allclose(of_weights, right_weights, rtol=1e-6)
    assert of_weights.dtype == np.float32


@pytest.mark.parametrize("n", [0, 1, 2, 5])
def test_the_gradient_of_a_vandermonde_matrix(n):
    x = np.array([2.0, 0.0, -1.5], np.float32)
    slopes = sum(k * np.where(k == 1, 1.0, x ** max(k - 1, 0)) for k in range(1, n)) + 0 * x
    for increasing in (True, False):
        found = gradient(lambda t, i=increasing: np.vander(t, n, increasing=i), x)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, slopes, rtol=1e-6)


def test_the_edges_of_a_histogram_have_a_gradient_by_its_range():
    a, weights = tg.Tensor([0.5, 1.5]), np.array([1.0, 10.0, 100.0])

    def edges(function):
        return lambda r: np.sum(weights * function(a, 2, r))

    for function in (np.histogram_bin_edges, lambda *args: np.histogram(*args)[1]):
        found = tg.grad(edges(function))(np.array([0.0, 3.0]))
        np.testing.assert_allclose(found, [6.0, 105.0])  # the edges lie at 0, 1/2 and 1 of the way
        tg.check_grads(edges(function), np.array([0.0, 3.0]), order=2)
    density = tg.grad(lambda r: np.histogram(a, 2, r, density=True)[0][0])(np.array([0.0, 3.0]))
    np.testing.assert_allclose(density, [1 / 9, -1 / 9])  # 1/2 over the width of 3/2
