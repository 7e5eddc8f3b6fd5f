"""Gradients at edges that finite differences do not reach: ties, infinities, NaN, nothing at all."""

import numpy as np
import pytest

import tensorgrad as tg


def leaf(x):
    return tg.Tensor(x, requires_grad=True)


# A call, its argument, and the gradient of the sum of its result.
# fmt: off
GRADIENTS = [
    (lambda x: np.repeat(x, 2, axis=0),                     2.0,                2.0),
    (lambda x: np.take(x, 0, axis=0),                       2.0,                1.0),
    (lambda x: np.clip(x, 0, 0),                            [0.0, 1.0],         [0, 0]),
    (lambda x: np.clip(x, 1, -1),                           [-1.0, 0.0, 1.0],   [0, 0, 0]),
    (lambda x: np.interp(0.5, [0, np.inf], x),              [3.0, 7.0],         [1, 0]),
    (lambda x: np.interp(0.5, [-np.inf, np.inf], x),        [7.0, 7.0],         [0.5, 0.5]),
    (lambda x: np.interp(0.5, [-np.inf, 1.0], x),           [3.0, 7.0],         [0, 1]),
    (lambda x: np.nanvar(x, axis=1, ddof=1)[0],             [[1.0, 3.0], [np.nan, 2.0]], [[-2, 2], [0, 0]]),
    (lambda x: np.median(x, overwrite_input=True),          [3.0, 1.0, 2.0],    [0, 0, 1]),
    (lambda x: np.median(x[:0]),                            [3.0, 1.0],         [0, 0]),
    (lambda q: np.quantile([1.0, 2.0, 4.0], q),             0.5,                3.0),  # the mean of 2 and 4
    (lambda q: np.quantile([1.0, 2.0, 4.0], q),             [0.0, 1.0],         [2, 4]),
    (lambda q: np.quantile([1.0, 2.0, 4.0], q, method="lower"), 0.3,            0.0),
    (lambda q: np.percentile([1.0, 2.0, 4.0], q),           25.0,               0.02),
    (lambda q: np.nanquantile([1.0, np.nan, 2.0, 4.0], q),  0.3,                2.0),
    (lambda q: np.nanquantile([1.0, np.nan, 2.0, 4.0], q),  [0.5, 1.0],         [3, 4]),
    (lambda q: np.quantile([1.0, 2.0, 4.0], q, method="hazen"), [0.0, 0.9],     [0, 0]),
    (lambda x: np.floor_divide.accumulate(x),               [7.5, 2.0, 2.0],    [1, 0, 0]),
    (lambda x: np.floor_divide.reduce(x, axis=0),           [[7.5, 2.5]],       [[1, 1]]),
    (lambda x: np.floor_divide.reduceat(x, [0, 2, 1]),      [7.5, 2.0, 2.0],    [0, 0, 1]),
]
# fmt: on


@pytest.mark.filterwarnings("ignore:Mean of empty slice", "ignore:Degrees of freedom")
@pytest.mark.parametrize(("f", "at", "expected"), GRADIENTS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_first_derivatives(f, at, expected, dtype):
    x = tg.Tensor(at, requires_grad=True, dtype=dtype)
    with np.errstate(invalid="ignore"):
        np.sum(f(x)).backward()
    assert x.grad.dtype == dtype
    np.testing.assert_allclose(x.grad.data, expected, rtol=1e-5)


def test_second_derivatives_of_a_quantile_by_its_position():
    def f(x, q):
        return np.quantile(x, q) ** 2

    x, q = np.array([1.0, 2.0, 4.0]), 0.3  # 1.6, with slopes 0.4 and 0.6 by x, 2 by q
    (_, by_x_and_q), (_, by_q) = tg.hessian(f, (0, 1))(x, q)
    np.testing.assert_allclose(by_q, 2 * 2 * 2)
    np.testing.assert_allclose(
        by_x_and_q, [2 * 2 * 0.4 - 2 * 1.6 * 2, 2 * 2 * 0.6 + 2 * 1.6 * 2, 0]
    )


def test_overwrite_input_leaves_a_tensor_as_it_is():
    x = leaf([3.0, 1.0, 2.0])
    assert np.median(x, overwrite_input=True).item() == 2
    assert np.quantile(x, 0.5, overwrite_input=True).item() == 2
    np.testing.assert_array_equal(x.data, [3, 1, 2])


def test_the_sign_of_a_complex_zero_is_constant_as_that_of_a_real_one():
    z = leaf(np.array([0j, 3 + 4j]))
    np.testing.assert_allclose(np.sign(z).data, [0, 0.6 + 0.8j])
    np.sum(np.real(np.sign(z))).backward()
    np.testing.assert_allclose(z.grad.data, [0, (0.64 - 0.48j) / 5])
