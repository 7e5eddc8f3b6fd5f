"""Watching changes nothing: under trace and detect_anomaly every value and gradient has the bits that it has without."""

import contextlib
import operator
from typing import Any

import numpy as np
import pytest

import tensorgrad as tg
from tests.cases import Call, c, call, r
from tests.ops.test_ops import arrays, changed, every_row, leaf, outputs, weights

WATCHERS = {
    "trace": (tg.trace, 1),
    "detect_anomaly": (tg.detect_anomaly, 2),
}  # with the order of derivatives


def bits(results: Any) -> list[Any]:
    return [(a.dtype, a.shape, a.tobytes()) for a in arrays(results)]


def run(op: Any, row: Call, order: int) -> Any:
    """Return the value of a call and its derivatives up to an order; the second are those of the sum of the first."""
    leaves: list[tg.Tensor] = []

    def lift(x: Any) -> tg.Tensor:
        leaves.append(leaf(x))
        return leaves[-1]

    args, kwargs = changed(row, lift)
    result = op(*args, **kwargs)
    yield bits(result)
    for n in range(order):
        for t in leaves:
            t.grad = None
        try:
            for t in outputs(result):
                t.backward(weights(t.data), retain_graph=True, create_graph=n + 1 < order)
        except (
            TypeError,
            np.linalg.LinAlgError,
        ) as error:  # a function without a second derivative
            yield repr(error)
            return
        result = [t.grad for t in leaves if t.grad is not None]
        yield bits(result)


def assert_unchanged(op: Any, row: Call) -> None:
    with np.errstate(all="ignore"):
        plain = {order: list(run(op, row, order)) for order in (1, 2)}
        for name, (watch, order) in WATCHERS.items():
            with watch():
                assert list(run(op, row, order)) == plain[order], name


@every_row
def test_every_row_has_the_same_bits(op: Any, row: Call) -> None:
    # The step between points is NaN if there is only one point, where detect_anomaly may raise.
    one_point = op is np.linspace and row.kwargs.get("num") == 1
    with contextlib.suppress(FloatingPointError) if one_point else contextlib.nullcontext():
        assert_unchanged(op, row)


# fmt: off
KINDS = {
    "arrays":            (r(50, low=0.1), r(50, low=0.1)),
    "complex arrays":    (c(50), c(50)),
    "a real and a complex": (r(50, low=0.1), c(50)),
    "numbers":           (r(low=0.1), r(low=0.1)),
    "complex numbers":   (c(), c()),
    "float32":           (r(50, low=0.1).astype("f4"), r(50, low=0.1).astype("f4")),
    "float32 numbers":   (r(low=0.1).astype("f4"), r(low=0.1).astype("f4")),
    "a number":          (r(50, low=0.1), r(low=0.1)),
}
CONSTANTS = (2, 0.5, -1, 3, np.float64(0.1), np.float32(0.5))
ARITHMETIC = (operator.add, operator.sub, operator.mul, operator.truediv, operator.pow, operator.mod)
# fmt: on


def is_defined(op: Any, *operands: Any) -> bool:
    return op is not operator.mod or not any(np.iscomplexobj(x) for x in operands)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("op", ARITHMETIC)
def test_every_operator_has_the_same_bits(op: Any, kind: str) -> None:
    a, b = KINDS[kind]
    if is_defined(op, a, b):
        assert_unchanged(op, call(a, b))
        for constant in CONSTANTS:
            assert_unchanged(op, call(a, constant))
            assert_unchanged(op, call(abs(constant), b))


def test_many_numbers_to_a_power_have_the_same_bits():
    for x in r(100, low=0.1):
        for constant in (2, 0.5, 3, -1):
            assert_unchanged(operator.pow, call(np.asarray(x), constant))


def test_a_difference_would_be_noticed():
    calls = []

    def changes(x):
        calls.append(x)
        return x * (1 + 1e-16 * 3 * len(calls))

    with pytest.raises(AssertionError, match="trace"):
        assert_unchanged(changes, call(r(9)))
