"""The op table: every differentiable function, on every row of tests/cases, against differences, NumPy and PyTorch.

A new op is one row in tensorgrad/ops and one in tests/cases; the suite fails if either is missing.
"""

import contextlib
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tensorgrad as tg
from docs.coverage import home
from tensorgrad.engine.backward import toposort, unbroadcast
from tensorgrad.rules import COMPOSITE, NONDIFFERENTIABLE, RULES, STATIC
from tests.cases import Call
from tests.cases.writes import WRITTEN
from tests.ops.torch_functions import TORCH, torch

CASES: dict[Callable[..., Any], list[Call]] = {}
for file in sorted((Path(__file__).parents[1] / "cases").glob("[a-z]*.py")):
    family = import_module(f"tests.cases.{file.stem}").CASES
    assert CASES.keys().isdisjoint(family)
    CASES |= family


def full_name(op: Callable[..., Any]) -> str:
    """Return the name by which users know a function, such as "linalg.norm" or "add.reduce"."""
    owner = getattr(op, "__self__", None)
    module = getattr(op, "__module__", None) or "numpy"
    prefix = f"{owner.__name__}." if isinstance(owner, np.ufunc) else module.partition(".")[2] + "."
    return (prefix + op.__name__).lstrip(".")


def rows(cases: dict[Callable[..., Any], list[Call]]) -> list[Any]:
    return [
        pytest.param(WRITTEN.get(op, op), row, id=f"{full_name(op)}-{i}")
        for op, calls in cases.items()
        for i, row in enumerate(calls)
    ]


every_row = pytest.mark.parametrize(("op", "row"), rows(CASES))


def is_operand(x: Any) -> bool:
    """Tell if a part of a call is one that the table differentiates; numbers and lists stay constants."""
    return isinstance(x, np.ndarray) and x.dtype.kind in "fc"


def changed(part: Any, change: Callable[[Any], Any]) -> Any:
    """Return a part of a call with every operand in it changed, however deep in lists and tuples."""
    if is_operand(part):
        return change(part)
    if isinstance(part, Call):
        return Call(changed(part.args, change), changed(part.kwargs, change))
    if isinstance(part, dict):
        return {key: changed(x, change) for key, x in part.items()}
    if type(part) in (list, tuple):
        return type(part)(changed(x, change) for x in part)
    return part


def operands(row: Call) -> list[np.ndarray]:
    found: list[np.ndarray] = []
    changed(row, found.append)
    return found


def refill(row: Call, values: Any) -> Call:
    values = iter(values)
    return changed(row, lambda _: next(values))


def leaf(x: Any) -> tg.Tensor:
    """Make a leaf that holds the array itself with its strides, not a copy."""
    t = tg.Tensor(x, requires_grad=True)
    t.data = np.asarray(x)
    return t


def outputs(result: Any) -> list[tg.Tensor]:
    """Return the recorded tensors among the results of an op."""
    if isinstance(result, tg.Tensor):
        return [result] if result.node is not None else []
    return (
        [t for item in result for t in outputs(item)] if isinstance(result, (tuple, list)) else []
    )


def arrays(result: Any) -> list[np.ndarray]:
    if isinstance(result, (tuple, list)):
        return [a for item in result for a in arrays(item)]
    return [result.data if isinstance(result, tg.Tensor) else np.asarray(result)]


def weights(a: Any) -> np.ndarray:
    """Make gradients to start from: fixed, all different, none of them 0."""
    w = np.linspace(0.5, 1.5, a.size).reshape(a.shape)
    return (w * (1 - 0.5j) if a.dtype.kind == "c" else w).astype(a.dtype)


def values_and_gradients(op: Callable[..., Any], row: Call) -> tuple[list[Any], list[Any]]:
    """Return the results of an op, and the gradient of each operand, None where none arrives."""
    leaves: list[tg.Tensor] = []

    def lift(x: Any) -> tg.Tensor:
        leaves.append(leaf(x))
        return leaves[-1]

    args, kwargs = changed(row, lift)
    result = op(*args, **kwargs)
    for t in outputs(result):
        t.backward(weights(t.data), retain_graph=True)
    return arrays(result), [None if t.grad is None else t.grad.data for t in leaves]


def numpys(op: Callable[..., Any], row: Call) -> list[np.ndarray]:
    """Return the results of the function itself for plain arrays."""
    return arrays(getattr(op, "compute", op)(*row.args, **row.kwargs))


def assert_same(found: list[Any], right: list[Any], what: str) -> None:
    for a, b in zip(found, right, strict=True):
        assert (a is None) == (b is None), what
        if a is not None:
            assert (a.dtype, a.shape) == (b.dtype, b.shape), what
            np.testing.assert_allclose(a, b, rtol=1e-13, atol=1e-15, err_msg=what)


def test_every_rule_and_every_composed_function_has_a_row():
    known = RULES.keys() | COMPOSITE.keys()
    assert {f for f in known if not home(f).startswith("tensorgrad.scipy")} == CASES.keys()


def test_every_function_is_in_one_table():
    assert RULES.keys().isdisjoint(COMPOSITE)
    assert NONDIFFERENTIABLE.isdisjoint(CASES)
    assert STATIC.isdisjoint(CASES.keys() | NONDIFFERENTIABLE)


@every_row
def test_gradients_agree_with_differences(op: Any, row: Call) -> None:
    found = operands(row)

    def f(*xs: Any) -> Any:
        args, kwargs = refill(row, xs)
        return op(*args, **kwargs)

    tg.check_grads(f, *found)


@every_row
def test_values_are_numpys(op: Any, row: Call) -> None:
    assert_same(values_and_gradients(op, row)[0], numpys(op, row), "value")


def precision(dtype: Any) -> int:
    return np.finfo(dtype).bits  # of the real part


# NumPy has no complex numbers of half precision.
DTYPES = {
    "float16": {"f": "f2"},
    "float32": {"f": "f4", "c": "c8"},
    "float64": {"f": "f8", "c": "c16"},
}


@every_row
def test_rules_keep_the_dtype(op: Any, row: Call) -> None:
    for dtypes in DTYPES.values():
        if all(x.dtype.kind in dtypes for x in operands(row)):
            cast = changed(row, lambda x, dtypes=dtypes: x.astype(dtypes[x.dtype.kind]))
            try:
                with np.errstate(
                    all="ignore"
                ):  # NumPy 2.1's own sinc divides 0 by 0 in half precision
                    numpys(op, cast)
            except TypeError:  # NumPy's linear algebra has no half precision
                continue
            assert_dtypes_kept(op, cast)


def assert_dtypes_kept(op: Any, row: Call) -> None:
    """Assert that every rule's own result, before the engine casts it, and the final gradient have the operand's dtype."""
    leaves = [leaf(x) for x in operands(row)]
    args, kwargs = refill(row, leaves)
    roots = outputs(op(*args, **kwargs))
    grads = {t.node: weights(t.data)[()] for t in roots}
    for node in toposort(grads):
        g = grads.get(node)
        for i, parent in enumerate(node.parents if node.op and g is not None else ()):
            if parent is not None:
                step = node.op.rules[i](g, node.out, *node.args, **node.kwargs)
                # As of g with an array of integers; NumPy has no complex numbers of half precision.
                half = 32 if step.dtype.kind == "c" else 16
                most = max(precision(parent.dtype), precision(g.dtype), half)
                assert precision(step.dtype) <= most, f"{node.op.name}, argument {i}"
                step = unbroadcast(step, parent)
                grads[parent] = grads[parent] + step if parent in grads else step
    for x, t in zip(operands(row), leaves):
        if t.node in grads:
            assert (grads[t.node].dtype, grads[t.node].shape) == (x.dtype, x.shape)


# Changes that give a row another shape, which NumPy may refuse, and changes of the memory layout alone.
# fmt: off
SHAPES = {
    "0-d":      lambda x: np.asarray(x.ravel()[0]),
    "empty":    lambda x: x[tuple(slice(0 if n == len(x) else n) for n in x.shape)],   # what was square stays so
    "stride-0": lambda x: np.broadcast_to(x[..., :1], x.shape),
}
LAYOUTS = {
    "non-contiguous":  lambda x: np.repeat(x, 2, axis=-1)[..., ::2],
    "negative-stride": lambda x: np.flip(np.flip(x).copy()),
    "Fortran":         np.asfortranarray,
    "read-only":       lambda x: np.broadcast_to(x.copy(), x.shape),
}
# fmt: on


@every_row
def test_every_shape_that_numpy_takes_is_taken(op: Any, row: Call) -> None:
    found = operands(row)
    for kind, reshape in SHAPES.items():
        if any(x.ndim and x.size for x in found):
            odd = refill(row, [reshape(x) if x.ndim and x.size else x for x in found])
            try:
                expected = numpys(op, odd)
            except Exception:
                continue
            with contextlib.suppress(np.linalg.LinAlgError):  # a gradient can be refused
                assert_right(op, odd, expected, kind)


def test_to_interpolate_between_no_points_is_numpys_error():
    with pytest.raises(ValueError, match="sample points is empty"):
        np.interp(leaf(np.array(1.0)), [], [])


def assert_right(op: Any, row: Call, expected: list[np.ndarray], kind: str) -> None:
    values, grads = values_and_gradients(op, row)
    assert_same(values, expected, kind)
    for x, g in zip(operands(row), grads):
        assert g is None or (g.dtype, g.shape) == (x.dtype, x.shape), kind
        assert g is None or np.all(np.isfinite(g)), kind
    assert_same(grads, values_and_gradients(op, changed(row, np.array))[1], kind)


@every_row
def test_the_layout_in_memory_is_no_matter(op: Any, row: Call) -> None:
    values, grads = values_and_gradients(op, row)
    for kind, lay_out in LAYOUTS.items():
        odd = changed(row, lambda x, lay_out=lay_out: lay_out(x) if x.ndim else x)
        odd_values, odd_grads = values_and_gradients(op, odd)
        assert_same(odd_values, values, kind)
        assert_same(odd_grads, grads, kind)


@pytest.mark.parametrize(("op", "row"), rows({op: CASES[op] for op in TORCH}))
def test_torch_agrees(op: Any, row: Call) -> None:
    pytest.importorskip("torch")
    if row.kwargs.get("axis") == ():
        pytest.skip("no axis means every axis to PyTorch")
    if "dtype" in row.kwargs:
        pytest.skip("PyTorch has dtypes of its own")
    found = operands(row)
    twins = [torch.tensor(x, requires_grad=True) for x in found]
    args, kwargs = refill(row, twins)
    try:
        theirs = list(torch_outputs(TORCH[op](*args, **kwargs)))
        recorded = [t for t in theirs if t.requires_grad]
        arriving = [torch.tensor(weights(t.detach().numpy())) for t in recorded]
        torch.autograd.backward(recorded, arriving)
    except (TypeError, RuntimeError, NotImplementedError, ValueError):
        pytest.skip("PyTorch does not take this call")
    values, grads = values_and_gradients(op, row)
    for ours, their in zip(values, theirs, strict=True):
        np.testing.assert_allclose(ours, their.detach().numpy(), rtol=1e-10, atol=1e-12)
    for ours, twin in zip(grads, twins):
        np.testing.assert_allclose(ours, twin.grad.resolve_conj().numpy(), rtol=1e-10, atol=1e-12)


def torch_outputs(result: Any) -> Iterator[Any]:
    if isinstance(result, (tuple, list)):
        for item in result:
            yield from torch_outputs(item)
    else:
        yield result.resolve_conj().resolve_neg()
