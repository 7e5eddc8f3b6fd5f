"""Every row of the table of operations as a program: the same bits as eager, first and second order."""

import warnings

import numpy as np
import pytest

import tensorgrad as tg
from tensorgrad.program.arrays import Untraceable
from tests import cases
from tests.program.test_compile import same

# Rows whose result has a shape, or a dtype, that depends on values, and decompositions by cases.
REFUSED = {
    "real_if_close", "piecewise", "trim_zeros", "histogram", "lstsq", "qr", "poly", "polymul",
}  # fmt: skip


def is_inexact(x):
    is_array = isinstance(x, (np.ndarray, np.generic)) and x.dtype.kind in "fc"
    return is_array or type(x) is float


def total(x):
    """Return a single number that depends on every part of a result."""
    if isinstance(x, (list, tuple)):
        return sum(map(total, x))
    return np.sum(np.real(x) * 1.0) + (np.sum(np.imag(x)) if np.iscomplexobj(x) else 0)


def rows():
    """Yield the rows with arrays to differentiate: an id, the function, the call, the positions."""
    families = [module for module in vars(cases).values() if hasattr(module, "CASES")]
    for family in sorted(families, key=lambda module: module.__name__):
        for function, calls in family.CASES.items():
            name = getattr(function, "__name__", "f")
            for k, call in enumerate(calls):
                places = tuple(i for i, x in enumerate(call.args) if is_inexact(x))
                if places:
                    yield f"{family.__name__[12:]}-{name}-{k}", function, call, places


ROWS = list(rows())


def derivative(function, call, places, order):
    def f(*args):
        return total(function(*args, **call.kwargs))

    if order == 1:
        return tg.value_and_grad(f, places)
    first = tg.grad(f, places)
    return tg.grad(lambda *args: sum(np.sum(np.real(g) * 0.7) for g in first(*args)), places)


def compare(row, order):
    """Compare a row's program with eager, on the row's arguments and on others."""
    name, function, call, places = row
    f = derivative(function, call, places, order)
    static = tuple(
        i
        for i, x in enumerate(call.args)
        if i not in places and not isinstance(x, (np.ndarray, np.generic))
    )
    compiled = tg.compile(f, static_argnums=static)
    others = tuple(x * 0.99 if i in places else x for i, x in enumerate(call.args))
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        for args in (call.args, others):
            try:
                want = f(*args)
            except (TypeError, ValueError, np.linalg.LinAlgError, ZeroDivisionError):
                continue  # no gradient, or not of these values
            try:
                got = compiled(*args)
            except Untraceable:
                assert name.split("-")[1] in REFUSED, name
                return
            assert same(want, got), name


@pytest.mark.parametrize("row", ROWS[::9], ids=lambda row: row[0])
def test_a_first_derivative(row):
    compare(row, 1)


@pytest.mark.parametrize("row", ROWS[3::60], ids=lambda row: row[0])
def test_a_second_derivative(row):
    compare(row, 2)


@pytest.mark.long
@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_all_rows(row, order):
    compare(row, order)
