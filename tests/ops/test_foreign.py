"""Arrays of other libraries: every row of the op table on a stand-in that refuses conversion, and Dask for real."""

from typing import Any

import numpy as np
import pytest

import nn
import tensorgrad as tg
from tests.cases import Call
from tests.duck import Duck
from tests.ops.test_ops import (
    every_row,
    outputs,
    values_and_gradients,
    weights,
)

# NumPy's function gets an array of the ranks, or the numbers beside Ducks in a nested list, or a prototype of NumPy's
# own: kinds that do not mix.
REFUSED = {"partition-1", "hstack-3", "block-2", "choose-1", "full_like-0", "full_like-1"}


def as_duck(x: Any) -> Any:
    """Make a Duck of every array in a call, and of every list of numbers, as a user of Ducks would write it."""
    if isinstance(x, np.ndarray) and (x.ndim or x.dtype.kind in "fc"):
        return Duck(np.array(x))
    if (
        type(x) is list
        and x
        and all(isinstance(n, (int, float)) for n in np.ravel(np.array(x, object)))
    ):
        return Duck(np.array(x))
    if isinstance(x, dict):
        return {key: as_duck(value) for key, value in x.items()}
    return type(x)(map(as_duck, x)) if type(x) in (list, tuple) else x


def lifted(row: Call, leaves: list[Any], lists: bool) -> Call:
    """Make leaves of Ducks of the operands of a row, and Ducks of its other arrays."""

    def lift(x: Any) -> Any:
        if isinstance(x, np.ndarray) and x.dtype.kind in "fc":
            leaves.append(tg.Tensor(Duck(np.array(x)), requires_grad=True))
            return leaves[-1]
        if isinstance(x, dict):
            return {key: lift(value) for key, value in x.items()}
        if (
            type(x) is tuple
            or (type(x) is list and not lists)
            or (type(x) is list and any(isinstance(i, np.ndarray) for i in x))
        ):
            return type(x)(map(lift, x))
        return as_duck(x) if lists or isinstance(x, np.ndarray) else x

    return Call(lift(tuple(row.args)), lift(row.kwargs))


def called(op: Any, row: Call) -> tuple[Any, list[Any]]:
    """Return the result of the call on Ducks, and its leaves; lists stay lists where a Duck takes them."""
    for lists in (False, True):
        leaves: list[Any] = []
        args, kwargs = lifted(row, leaves, lists)
        try:
            return op(*args, **kwargs), leaves
        except TypeError as error:
            if lists or "without being asked" not in str(error):
                raise
    raise AssertionError


@every_row
def test_an_array_of_another_library_stays_one(op: Any, row: Call, request: Any) -> None:
    if request.node.callspec.id in REFUSED:
        pytest.skip("NumPy's own function is given what a Duck refuses")
    _, gradients = values_and_gradients(op, row)
    result, leaves = called(op, row)
    for t in outputs(result):
        assert type(t.data) is Duck
        t.backward(Duck(weights(np.empty(t.shape, t.dtype))), retain_graph=True)
    for leaf, right in zip(leaves, gradients, strict=True):
        assert (leaf.grad is None) == (right is None)
        if right is not None:
            assert type(leaf.grad.data) is Duck
            assert leaf.grad.dtype == right.dtype
            np.testing.assert_allclose(leaf.grad.numpy(), right, rtol=1e-11, atol=1e-13)


MIXED = {
    "operator": lambda x, other: x + other,
    "reflected": lambda x, other: tg.Tensor(other, requires_grad=True) * x,
    "product": lambda x, other: x @ other,
    "ufunc": lambda x, other: np.maximum(x, other),
    "function": lambda x, other: np.where(x > 0, x, other),
    "list": lambda x, other: np.concatenate([x, other]),
    "module": lambda x, other: nn.Dense(3, 2)(x[None]),
    "loss": lambda x, other: nn.MeanSquaredError()(x, other),
}


@pytest.mark.parametrize("call", MIXED.values(), ids=MIXED)
def test_kinds_that_refuse_each_other_are_named_with_what_to_do(call: Any) -> None:
    x = tg.Tensor(Duck(np.ones(3)), requires_grad=True)
    with pytest.raises(
        TypeError, match=r"arrays of numpy\.ndarray and tests\.Duck, which do not mix .*asarray"
    ) as caught:
        call(x, np.ones(3))
    assert "without being asked" in str(caught.value.__cause__)


def test_two_other_libraries_that_refuse_each_other_are_named() -> None:
    da = pytest.importorskip("dask.array")
    x = tg.Tensor(da.ones(3), requires_grad=True)
    for call in (lambda y: x + y, lambda y: np.add(x, y), lambda y: y * x):
        with pytest.raises(
            TypeError, match=r"arrays of dask\.Array and tests\.Duck, which do not mix"
        ):
            call(tg.Tensor(Duck(np.ones(3))))


def test_a_wrong_call_of_one_kind_keeps_its_own_error() -> None:
    with pytest.raises(TypeError) as caught:
        np.where(tg.Tensor(np.ones(3)), 1)
    assert "do not mix" not in str(caught.value)
