"""Every function of NumPy is in exactly one list, and the page about it says what the lists say."""

import numpy as np
import pytest

import tensorgrad as tg
from docs.coverage import (
    METHODS,
    PAGE,
    functions,
    is_numpys,
    label,
    lists_of,
    methods,
    minor_version,
    page,
)
from tensorgrad.engine.record import dispatch
from tensorgrad.rules import NONDIFFERENTIABLE, STATIC, UNSUPPORTED


def test_every_function_is_in_exactly_one_list():
    wrong = {
        label(f, names): lists_of(f) for f, names in functions().items() if len(lists_of(f)) != 1
    }
    assert not wrong, f"in no list, or in several: {wrong}"


def test_every_method_of_a_ufunc_is_in_exactly_one_list():
    wrong = {
        f"{u.__name__}.{name}": lists_of(m) for u, name, m in methods() if len(lists_of(m)) != 1
    }
    assert not wrong, f"in no list, or in several: {wrong}"


def test_the_walk_finds_what_there_is():
    """A walk that finds nothing proves nothing."""
    names = {name for all_names in functions().values() for name in all_names}
    assert {
        "add",
        "concatenate",
        "concat",
        "linalg.eigh",
        "fft.irfftn",
        "einsum",
        "save",
        "test",
    } <= names
    assert len(names) > 400
    assert "float64" not in names
    assert "vectorize" not in names
    assert len(list(methods())) >= 85 * len(METHODS)


@pytest.mark.skipif(
    f"NumPy {minor_version()};" not in PAGE.read_text(), reason="the page is of another NumPy"
)
def test_the_page_is_up_to_date():
    assert PAGE.read_text() == page(), "write it anew with: python -m docs.coverage"


# Non-differentiable functions of a tensor: their results, and that nothing is recorded.
# fmt: off
CONSTANTS = [
    (np.argsort, ()), (np.argmax, ()), (np.floor, ()), (np.isfinite, ()), (np.nonzero, ()), (np.shape, ()),
    (np.greater, (0.5,)), (np.searchsorted, (0.5,)), (np.digitize, ([0.0, 1.0],)), (np.array_equal, (1,)), (np.linalg.matrix_rank, ()),
    (np.greater.outer, ([0.5],)), (np.logical_and.reduce, ()), (np.array_str, ()),
]
# fmt: on


@pytest.mark.parametrize(("function", "args"), CONSTANTS)
def test_a_constant_function_takes_tensors_and_records_nothing(function, args):
    assert function in NONDIFFERENTIABLE | STATIC
    x = np.array([0.2, 1.5, 0.7])
    found, right = function(tg.Tensor(x, requires_grad=True), *args), function(x, *args)
    assert type(found) is type(right)
    np.testing.assert_array_equal(found, right)


@pytest.mark.parametrize(
    "function", list(filter(is_numpys, UNSUPPORTED)), ids=lambda f: f"{f.__qualname__}"
)
def test_what_is_refused_says_why_and_only_where_a_gradient_would_be_lost(function):
    with pytest.raises(TypeError) as raised:
        dispatch(function, (tg.Tensor([1.0, 2.0], requires_grad=True),), {})
    assert UNSUPPORTED[function] in str(raised.value)
    assert len(UNSUPPORTED[function]) > 20


def test_a_refused_function_takes_constant_tensors():
    x, y = np.array([1.0, 2.0]), np.array([3.0, 5.0])
    for found, right in zip(np.histogram2d(tg.Tensor(x), y), np.histogram2d(x, y), strict=True):
        np.testing.assert_array_equal(found, right)


def test_an_argument_that_a_composed_function_lacks_is_refused_by_name():
    t = tg.Tensor(np.ones((2, 2)), requires_grad=True)
    for call in (lambda: np.trace(t, out=np.zeros(())), lambda: np.diff(t, out=1)):
        with pytest.raises(TypeError, match="unexpected keyword argument 'out'"):
            call()
    with pytest.raises(TypeError, match=r"trace of tensors: .*'out'; leave it out, or pass .data"):
        np.trace(t, out=np.zeros(()))
