"""The normal distribution function: its digits, its limits, and its refusals."""

import numpy as np
import pytest

import tensorgrad as tg

POINTS = np.array([-37.0, -20.0, -5.7, -5.6, -1.0, -0.67, -0.66, -1e-9, 0, 0.5, 0.7, 3.0, 5.7, 9.0])


@pytest.mark.parametrize(("dtype", "limit"), [("float64", 2e-13), ("float32", 1e-6)])
def test_ndtr_has_all_its_digits_in_both_tails(dtype, limit):
    mpmath = pytest.importorskip("mpmath")
    lowest = -40 if dtype == "float64" else -6
    x = POINTS[lowest < POINTS].astype(dtype)
    found = tg.ndtr(x)
    assert found.dtype == dtype
    expected = [float(mpmath.ncdf(float(value))) for value in x]
    np.testing.assert_allclose(found, expected, rtol=limit)


def test_ndtr_at_its_limits():
    far = np.array([-np.inf, -1e300, -40.0, 40.0, 1e300, np.inf, np.nan])
    np.testing.assert_array_equal(tg.ndtr(far), [0, 0, 0, 1, 1, 1, np.nan])
    assert tg.ndtr(0) == 0.5
    assert tg.ndtr(np.zeros((0, 3))).shape == (0, 3)


def test_ndtr_of_complex_numbers_is_refused():
    with pytest.raises(TypeError, match=r"ndtr takes real numbers, but got .* complex128"):
        tg.ndtr(np.array([1j]))


def test_gelu_of_float32_is_that_of_float64():
    x = np.concatenate([np.linspace(-40, 40, 40_001), [0, 1e-30]])
    small = x.astype(np.float32)
    found, slope = tg.gelu(small), tg.elementwise_grad(tg.gelu)(small)
    exact, right = (
        tg.gelu(small.astype(float)),
        tg.elementwise_grad(tg.gelu)(small.astype(float)),
    )
    assert found.dtype == slope.dtype == np.float32
    np.testing.assert_allclose(found, exact, rtol=3e-7, atol=4e-7)
    np.testing.assert_allclose(slope, right, atol=6e-7)
    assert np.isnan(tg.gelu(np.float32([np.nan]))).all()
    with pytest.raises(TypeError, match="ndtr takes real numbers"):
        tg.gelu(np.array([1j]))
