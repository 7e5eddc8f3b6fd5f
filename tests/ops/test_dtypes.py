"""The table of dtypes: every differentiable function keeps the dtypes of NumPy, in values and in gradients.

A result has NumPy's dtype, and a gradient, of first and of second order, the dtype of its operand.
"""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tensorgrad as tg
from tests.cases import Call
from tests.ops.test_ops import CASES, changed, full_name, leaf, operands, outputs, refill

DTYPES = ["float16", "float32", "float64", "complex64", "complex128"]


def converted(row: Call, dtype: str) -> Call | None:
    """Return the row with all its operands in one dtype, None if that would lose imaginary parts."""
    to = np.dtype(dtype)
    if to.kind == "f" and any(x.dtype.kind == "c" for x in operands(row)):
        return None
    return changed(row, lambda x: x.astype(to))


def numpys(op: Callable[..., Any], row: Call) -> Any:
    """Return what NumPy computes, None for a dtype that it does not take."""
    try:
        return getattr(op, "compute", op)(*row.args, **row.kwargs)
    except (TypeError, ValueError):
        return None


def dtypes(result: Any) -> list[Any]:
    if isinstance(result, (tuple, list)):
        return [dtype for item in result for dtype in dtypes(item)]
    return [np.asarray(result.data if isinstance(result, tg.Tensor) else result).dtype]


def gradients(roots: list[Any], leaves: list[Any], **options: Any) -> list[Any]:
    """Return the gradients of all roots together, each starting from ones."""
    for t in leaves:
        t.zero_grad()
    for t in roots:
        t.backward(np.ones(t.shape, t.dtype), retain_graph=True, **options)
    return [t.grad for t in leaves if t.grad is not None]


# A Python number is an array of its own dtype for np.dot(2, x), a weak one here; np.poly of half precision is float64.
PENDING = {np.dot, np.inner, np.poly}
OPS = [
    pytest.param(op, id=full_name(op), marks=[pytest.mark.xfail] if op in PENDING else [])
    for op, calls in CASES.items()
    if calls
]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("op", OPS)
def test_dtypes_are_kept(op: Callable[..., Any], dtype: str) -> None:
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter(
            "ignore", RuntimeWarning
        )  # half precision overflows, complex numbers lose a part
        for row in CASES[op]:
            cast = converted(row, dtype)
            if cast is not None and (right := numpys(op, cast)) is not None:
                check(op, cast, dtypes(right))


def check(op: Callable[..., Any], row: Call, right: list[Any]) -> None:
    leaves = [leaf(x) for x in operands(row)]
    args, kwargs = refill(row, leaves)
    result = op(*args, **kwargs)
    assert dtypes(result) == right, f"values of {row}"
    try:
        first = gradients(list(outputs(result)), leaves, create_graph=True)
        assert {g.dtype for g in first} <= {t.dtype for t in leaves}, f"gradients of {row}"
        recorded = [g for g in first if g.requires_grad]
        second = gradients(recorded, leaves)
        assert {g.dtype for g in second} <= {t.dtype for t in leaves}, f"second order of {row}"
    except np.linalg.LinAlgError:  # a gradient can be refused
        pass
