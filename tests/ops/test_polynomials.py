"""The roots of polynomials: where coefficients are zero, and where roots meet."""

import numpy as np
import pytest

import tensorgrad as tg


def moves(p, r):
    """Return how a simple root moves with each coefficient: -rᵏ / p'(r)."""
    return -np.vander([r], len(p))[0] / np.polyval(np.polyder(p), r)


@pytest.mark.parametrize(
    "p",
    [[1.0, -3.0, 0.0], [2.0, 1.0, -3.0, 0.0], [0.0, 1.0, -3.0, 2.0], [0.0, 0.0, 2.0, -3.0, 0.0]],
)
def test_roots_move_with_first_and_last_coefficients_that_are_zero(p):
    p = np.array(p)
    jacobian = tg.jacobian(np.roots)(p)
    np.testing.assert_allclose(jacobian, [moves(p, r) for r in np.roots(p)], atol=1e-14)


def test_the_second_derivative_of_a_root_at_zero():
    # The root of x² - 3x + c near 0 is (3 - √(9 - 4c)) / 2.
    def root(c):
        return np.roots(np.stack([c * 0 + 1, c * 0 - 3, c]))[1]

    derivatives = [root(0.0)]
    for _ in range(3):
        root = tg.grad(root)
        derivatives.append(root(0.0))
    np.testing.assert_allclose(derivatives, [0, 1 / 3, 2 / 27, 12 / 243])


@pytest.mark.parametrize("p", [[1.0, -2.0, 1.0], [1.0, -3.0, 0.0, 0.0], [2.0, 0.0, 0.0]])
def test_multiple_roots_have_no_gradient(p):
    with pytest.raises(np.linalg.LinAlgError, match="a multiple root of a polynomial"):
        tg.grad(lambda p: np.sum(np.roots(p).real ** 2))(np.array(p))


def test_sums_over_roots_that_almost_meet_keep_their_digits():
    p = np.array([1.0, -3.0, 3.0, -1.0])
    found = tg.grad(lambda p: np.sum(np.roots(p).real))(p)  # -p[1] / p[0]
    np.testing.assert_allclose(found, [-3, -1, 0, 0], atol=1e-4)
