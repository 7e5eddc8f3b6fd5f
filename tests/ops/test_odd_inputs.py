"""Odd inputs: every row of the op table, with its arrays made odd, returns or raises what NumPy does.

Values, dtypes, shapes and exceptions are compared, of constant tensors and of leaves.
"""

import warnings
from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
import pytest

import tensorgrad as tg
from tests.cases import Call
from tests.ops.test_ops import changed, full_name

FAMILIES = [
    "elementwise",
    "index",
    "apply",
    "shape",
    "arrange",
    "statistics",
    "calculus",
    "sets",
    "methods",
    "others",
]


def filled(*values: float) -> Callable[[np.ndarray], np.ndarray]:
    """Return a function that writes these values into every second place of a copy."""

    def fill(x: np.ndarray) -> np.ndarray:
        x = np.array(x)
        if x.size:
            part = x.reshape(-1)[::2]
            part[...] = np.resize(values, part.size)
        return x

    return fill


# fmt: off
ODD = {
    "number":     lambda x: np.asarray(x.ravel()[0]),
    "empty":      lambda x: x[..., :0] if x.ndim else x,
    "no rows":    lambda x: x[:0] if x.ndim else x,
    "one":        lambda x: x[(slice(1),) * x.ndim],
    "zeros":      lambda x: x * 0,
    "ties":       lambda x: np.rint(x.real),
    "infinite":   filled(np.inf),
    "negative infinity": filled(-np.inf),
    "NaN":        filled(np.nan),
    "mixed":      filled(np.inf, -np.inf, np.nan, -0.0, np.inf),
    "huge":       lambda x: x * 1e200,
    "Fortran":    np.asfortranarray,
    "int64":      lambda x: np.rint(x.real * 3).astype(np.int64),
    "int8":       lambda x: np.rint(x.real * 60).astype(np.int8),
    "uint8":      lambda x: np.abs(np.rint(x.real * 60)).astype(np.uint8),
    "bool":       lambda x: x.real > 0,
    "float16":    lambda x: x.real.astype(np.float16),
    "float32":    lambda x: x.real.astype(np.float32),
    "longdouble": lambda x: x.real.astype(np.longdouble),
    "complex64":  lambda x: x.astype(np.complex64),
    "complex128": lambda x: x.astype(np.complex128),
}
LIFTS = {
    "constant": tg.Tensor,
    "leaf":     lambda x: tg.Tensor(x, requires_grad=x.dtype.kind in "fc"),
}
# fmt: on


def outcome(function: Callable[..., Any], row: Call) -> Any:
    """Return what a call returns, as a list of arrays, or the exception that it raises."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return list(leaves_of(function(*row.args, **row.kwargs)))
        except Exception as error:
            return error


def leaves_of(result: Any) -> Any:
    if isinstance(result, (tuple, list)):
        for item in result:
            yield from leaves_of(item)
    else:
        yield np.asarray(result.data if isinstance(result, tg.Tensor) else result)


def assert_same(found: Any, right: Any, what: str) -> None:
    if isinstance(right, Exception):
        kinds = (TypeError,) if isinstance(right, TypeError) else (type(right),)
        assert isinstance(found, kinds), f"{what}: {found!r}, but NumPy raises {right!r}"
        return
    assert not isinstance(found, Exception), f"{what}: {found!r}, but NumPy returns {right!r}"
    for a, b in zip(found, right, strict=True):
        assert (a.dtype, a.shape) == (b.dtype, b.shape), what
        near = 64 * float(np.finfo(b.dtype).eps) if b.dtype.kind in "fc" else 0
        with np.errstate(all="ignore"):
            assert np.allclose(a, b, near, near, equal_nan=True), f"{what}: {a}, but NumPy {b}"


def lift_of(make_odd: Callable[..., Any], lift: Callable[..., Any]) -> Callable[..., Any]:
    def make(x: np.ndarray) -> Any:
        with np.errstate(invalid="ignore"):
            return lift(make_odd(x))

    return make


TABLES = {
    op: calls
    for family in FAMILIES
    for op, calls in import_module(f"tests.cases.{family}").CASES.items()
}


@pytest.mark.skipif(
    np.lib.NumpyVersion(np.__version__) < "2.4.0",
    reason="older NumPys answer some odd input in another way",
)
@pytest.mark.parametrize("op", TABLES, ids=full_name)
def test_odd_inputs_are_as_in_numpy(op: Callable[..., Any]) -> None:
    plain = getattr(op, "compute", op)
    for row in TABLES[op]:
        for name, make_odd in ODD.items():
            with np.errstate(invalid="ignore"):  # NaN as an integer
                odd = changed(row, make_odd)
            right = outcome(plain, odd)
            for kind, lift in LIFTS.items():
                found = outcome(op, changed(row, lift_of(make_odd, lift)))
                assert_same(found, right, f"{name}, {kind}, {odd}")
