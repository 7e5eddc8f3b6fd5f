"""Recording: what of a call's arguments reaches NumPy, and what of it is remembered."""

import numpy as np
import pytest

import tensorgrad as tg


def leaf(value, dtype=None):
    return tg.Tensor(value, requires_grad=True, dtype=dtype)


@pytest.mark.parametrize("number", [2.0, 2, True])
@pytest.mark.parametrize("f", [np.multiply, np.add, np.maximum, np.divide])
def test_a_python_number_leaves_the_dtype_of_a_functions_other_operand(f, number):
    """Python's numbers stay weak, as in NumPy: an array of the number would promote the result."""
    x = leaf([1.0, 3.0], np.float32)
    for y in (f(x, number), f(number, x)):
        assert y.dtype == np.float32
        np.sum(y).backward()
        assert x.grad.dtype == np.float32


def test_positions_and_keywords_reach_a_function_without_a_gradient():
    a = np.array([[1.0, 5.0, 3.0], [4.0, 2.0, 6.0]])
    x = leaf(a)
    assert np.argmax(x, axis=1).tolist() == np.argmax(x, 1).tolist() == [1, 2]
    assert np.searchsorted(a[0, :2], v=leaf([1.0, 5.0]), side="right").tolist() == [1, 2]
    assert np.lexsort((x[0], x[1])).tolist() == np.lexsort(keys=(x[0], x[1])).tolist() == [1, 0, 2]


def test_tensors_deep_in_the_arguments_of_a_function_are_found():
    x = leaf([1.0, 2.0])
    nothing = tg.primitive(lambda tree, t, key=None: float(tree[0][1]["a"].sum()))
    tree = [(0.0, {"a": x * 2.0})]
    with pytest.raises(TypeError, match="has no gradient rule"):
        nothing(tree, tg.Tensor(1.0))
    with tg.no_grad():
        assert nothing(tree, tg.Tensor(1.0)) == 6.0
    assert nothing([(0.0, {"a": x.detach()})], tg.Tensor(1.0)) == 3.0
