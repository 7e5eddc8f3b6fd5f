"""Reductions and their kin at the edges: nothing to reduce, half precision, complex branches, means that are given."""

import numpy as np
import pytest

import tensorgrad as tg

RNG = np.random.default_rng(0)


def leaf(x, dtype=None):
    return tg.Tensor(x, requires_grad=True, dtype=dtype)


def gradient(f, x):
    t = leaf(x)
    out = f(t)
    out.backward(np.ones(out.shape, out.dtype))
    return t.grad.data


# fmt: off
COUNTED = {  # a float16 that counts in 5,000 places
    "linear":           lambda b: tg.linear(np.ones((5000, 2), np.float16), np.zeros((2, 3), np.float16), b),
    "linear, 3 axes":   lambda b: tg.linear(np.ones((50, 100, 2), np.float16), np.zeros((2, 3), np.float16), b),
    "einsum":           lambda b: np.einsum("ij,j->ij", np.ones((5000, 3), np.float16), b),
    "matmul":           lambda b: np.matmul(np.ones((5000, 1), np.float16), b[None]),
}
# fmt: on


@pytest.mark.parametrize("name", COUNTED)
def test_gradients_of_float16_count_beyond_2048(name):
    g = gradient(COUNTED[name], np.ones(3, np.float16))
    assert g.dtype == np.float16
    np.testing.assert_array_equal(g, 5000)


def test_running_sums_of_float16_count_beyond_2048():
    g = gradient(np.cumsum, np.zeros(5000, np.float16))
    np.testing.assert_array_equal(g, np.arange(5000, 0, -1).astype(np.float16))


def test_log_softmax_of_float16_counts_beyond_2048():
    g = gradient(lambda x: tg.log_softmax(x, axis=0), np.zeros((5000, 1), np.float16))
    np.testing.assert_allclose(g, 0, atol=1e-3)


@pytest.mark.parametrize("f", [tg.softmax, tg.log_softmax])
@pytest.mark.parametrize("shape", [(0,), (3, 0), (0, 3)])
def test_the_softmax_of_nothing_is_nothing(f, shape):
    x = leaf(np.zeros(shape))
    y = f(x)
    assert y.shape == shape
    np.sum(y).backward()
    assert x.grad.shape == shape


def test_the_logsumexp_of_nothing_is_minus_infinity():
    x = leaf(np.zeros((2, 0)))
    y = tg.logsumexp(x, axis=1)
    np.testing.assert_array_equal(y.data, [-np.inf, -np.inf])
    np.sum(y).backward()
    assert x.grad.shape == (2, 0)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int64, bool])
@pytest.mark.parametrize("f", [tg.softmax, tg.log_softmax, tg.logsumexp, tg.sigmoid, tg.softplus])
def test_integers_become_numbers_with_a_fraction(f, dtype):
    x = np.array([0, 1, 100]).astype(dtype)
    y = f(tg.Tensor(x))
    assert y.dtype == np.float64
    np.testing.assert_allclose(y.data, f(tg.Tensor(x.astype(float))).data)


@pytest.mark.parametrize("dtype", [np.complex64, np.complex128])
def test_the_logsumexp_of_complex_numbers_has_its_principal_value(dtype):
    z = (RNG.normal(size=(4, 3)) + 20j * RNG.normal(size=(4, 3))).astype(dtype)
    rtol = 1e4 * np.finfo(dtype).eps
    found = tg.logsumexp(tg.Tensor(z), axis=1)
    assert found.dtype == dtype
    np.testing.assert_allclose(found.data, np.log(np.sum(np.exp(z), axis=1)), rtol=rtol)
    if dtype == np.complex128:
        tg.check_grads(lambda z: np.real(tg.logsumexp(z) * (1 + 2j)), z)


@pytest.mark.parametrize("f", [np.var, np.std])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_mean_that_is_given_has_its_gradient(f, dtype):
    x, m = leaf(RNG.normal(size=(2, 4)), dtype), leaf(RNG.normal(size=(2, 1)), dtype)
    out = f(x, axis=1, mean=m, correction=1)
    assert out.dtype == dtype
    np.sum(out).backward()
    assert (x.grad.dtype, m.grad.dtype) == (dtype, dtype)
    tg.check_grads(lambda x, m: np.sum(f(x, axis=1, mean=m, correction=1) ** 3), x.data.astype(float), m.data.astype(float))  # fmt: skip


@pytest.mark.parametrize("f", [np.var, np.std])
def test_around_its_own_mean_the_gradient_is_that_without(f):
    x = RNG.normal(size=(2, 3))
    found = gradient(lambda t: f(t, mean=np.mean(t, keepdims=True)), x)
    np.testing.assert_allclose(found, gradient(f, x))


def test_two_names_of_the_correction_are_refused():
    with pytest.raises(ValueError, match="one and the same"):
        np.var(leaf([1.0, 2.0]), ddof=1, correction=1)


def test_the_second_derivative_of_a_product_with_one_tiny_factor():
    x = np.array([1.0, 1e-17, 2.0])
    right = np.prod(x) / np.outer(x, x) * (1 - np.eye(3))
    np.testing.assert_allclose(tg.hessian(np.prod)(x), right, atol=1e-12)


def test_the_sign_at_0_has_no_slope():
    assert not np.any(gradient(lambda x: np.real(np.sign(x + 0j)), [0.0]))
    assert not np.any(gradient(lambda z: np.real(np.sign(z)), np.zeros(2, complex)))
    second = tg.hvp(lambda x: np.real(np.sum(np.sign(x + 0j))), np.zeros(2), np.ones(2))
    assert not np.any(second)


def test_the_sign_of_infinity_is_numpys():
    z = np.array([complex(np.inf, 1), complex(1, -np.inf), 2j])
    np.testing.assert_array_equal(np.sign(leaf(z)).data, np.sign(z))
    g = gradient(lambda z: np.real(np.sign(z)), z)
    np.testing.assert_allclose(g, [0, 0, 0.5], atol=1e-15)


def test_nan_to_num_writes_into_no_tensor_with_a_gradient():
    x = leaf([1.0, np.nan])
    with pytest.raises(TypeError, match="leave out copy=False"):
        np.nan_to_num(x, copy=False)
    assert np.isnan(x.data[1])
