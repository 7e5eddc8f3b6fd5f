"""Derivatives of functions of arrays, numbers and tensors.

Arguments and results may be nested dicts, lists and tuples. A derivative has the kind of the
argument: an array for an array or a number, a Tensor for a Tensor. If it can be differentiated
further, because the function takes or closes over a tensor that requires a gradient, it is always a
Tensor. So all transformations can be nested. Gradients are returned; `.grad` does not change.
"""

import functools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from tensorgrad.engine.gradients import conjugated
from tensorgrad.engine.state import STATE
from tensorgrad.ops.common import create
from tensorgrad.rules import Function, nondifferentiable, primitive
from tensorgrad.tensor.tensor import Tensor
from tensorgrad.transforms.call import Argnums, RecordedCall
from tensorgrad.transforms.colouring import sparse_jacobian
from tensorgrad.transforms.trees import (
    in_kind_of,
    leaves_of,
    ones,
    recorded,
    refuse_objects,
    tree_map,
    zeros,
)


def single_number(call: RecordedCall) -> Any:
    """Return the single number that the function returned.

    Raises: TypeError or ValueError if it returned anything else.
    """
    if isinstance(call.y, (dict, list, tuple, type(None))):
        raise TypeError(
            f"grad needs {call.name} to return a single number, but it returned a "
            f"{type(call.y).__name__}; return (value, aux) with has_aux=True to return more"
        )
    if getattr(call.y, "size", 1) != 1:
        raise ValueError(
            f"grad needs {call.name} to return a single number, but it returned shape "
            f"{np.shape(call.y)}; reduce it, with np.sum or np.mean, or use jacobian or "
            "elementwise_grad"
        )
    return call.y


def named(function: Function, prefix: str, f: Function) -> Function:
    """Give the derivative of `f` a name, and the signature of `f`."""
    function.__name__ = f"{prefix}_of_{getattr(f, '__name__', type(f).__name__)}"
    function.__wrapped__ = f  # type: ignore[attr-defined]
    return function


def value_and_grad(
    f: Function, argnums: Argnums = 0, has_aux: bool = False, holomorphic: bool = False
) -> Function:
    """Return a function that computes the value of `f`, a single number, and its gradient.

    With `has_aux`, `f` returns a pair `(value, aux)`, and the function `((value, aux), gradient)`.

    >>> value_and_grad(lambda x: np.sum(x**2))(np.array([1.0, 2.0]))
    (np.float64(5.0), array([2., 4.]))
    """

    def value_and_gradient(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
        call = RecordedCall(f, args, kwargs, argnums, has_aux)
        y = single_number(call)
        call.check("grad", holomorphic)
        found = call.pull([(y, ones(y))], free=True)
        gradient = call.by_argument([conjugated(g) for g in found] if holomorphic else found)
        value = call.results(y)
        return ((value, call.results(call.aux)) if has_aux else value), gradient

    return named(value_and_gradient, "value_and_grad", f)


def grad(
    f: Function, argnums: Argnums = 0, has_aux: bool = False, holomorphic: bool = False
) -> Function:
    """Return a function that computes the gradient of `f`, which returns a single number.

    The gradient is with respect to the positional arguments `argnums`; for several, it is a tuple.
    With `has_aux`, `f` returns `(value, aux)` and the function `(gradient, aux)`. The gradient with
    respect to a complex number points to steepest ascent; with `holomorphic` it is the complex
    derivative.

    >>> grad(lambda x: np.sum(x**2))(np.array([1.0, 2.0]))
    array([2., 4.])
    """
    both = value_and_grad(f, argnums, has_aux, holomorphic)

    def gradient(*args: Any, **kwargs: Any) -> Any:
        value, g = both(*args, **kwargs)
        return (g, value[1]) if has_aux else g

    return named(gradient, "grad", f)


def elementwise_grad(f: Function, argnums: Argnums = 0) -> Function:
    """Return a function that computes the derivative of the elementwise function `f`, elementwise.

    >>> elementwise_grad(np.sin)(np.zeros(3))
    array([1., 1., 1.])
    """

    @functools.wraps(f)
    def total(*args: Any, **kwargs: Any) -> Any:
        y = f(*args, **kwargs)
        refuse_objects(getattr(f, "__name__", type(f).__name__), y)
        return np.sum(y)

    return named(grad(total, argnums), "elementwise_grad", f)


def vjp(f: Function, *args: Any, has_aux: bool = False) -> tuple[Any, ...]:
    """Compute `f(*args)`, and return `(y, pullback)`, or `(y, pullback, aux)` with `has_aux`.

    `pullback(g)` multiplies the cotangent g by the Jacobian, and returns a tuple with the gradient
    in each argument.
    Shapes: g as y.

    >>> y, pullback = vjp(np.sin, np.zeros(2))
    >>> pullback(np.array([1.0, 2.0]))
    (array([1., 2.]),)
    """
    call = RecordedCall(f, args, {}, range(len(args)), has_aux)

    def pullback(g: Any) -> tuple[Any, ...]:
        outputs: list[tuple[Any, Any]] = []
        tree_map(lambda y, cotangent: outputs.append((y, cotangent)), call.y, g)
        record = STATE.get().recording and any(map(recorded, leaves_of(g)))
        return call.by_argument(call.pull(outputs, record=record))

    y = call.results(call.y)
    return (y, pullback, call.results(call.aux)) if has_aux else (y, pullback)


def jvp(f: Function, primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    """Compute `f(*primals)` and its directional derivative along the tangents.

    Shapes: each tangent as its primal.

    >>> jvp(np.sin, (np.zeros(2),), (np.array([1.0, 2.0]),))
    (array([0., 0.]), array([1., 2.]))
    """
    call = RecordedCall(f, primals, {}, range(len(primals)))
    given: list[Any] = []
    tree_map(lambda x, v: given.append(tangent_of(x, v)), tuple(primals), tuple(tangents))
    found = iter(call.pusher()(given))
    tangent = tree_map(lambda y: next(found) if call.recorded_here(y) else zeros(y), call.y)
    return call.results(call.y), tree_map(functools.partial(in_kind_of, call.kind), tangent)


def tangent_of(x: Any, v: Any) -> Any:
    """Return the tangent `v` of `x`.

    Raises: ValueError if it has another shape.
    """
    if np.shape(v) != np.shape(x):
        raise ValueError(f"a tangent of shape {np.shape(v)} was given for shape {np.shape(x)}")
    return v


def jacobian(
    f: Function,
    argnums: Argnums = 0,
    has_aux: bool = False,
    holomorphic: bool = False,
    sparsity: Any = None,
) -> Function:
    """Return a function that computes the Jacobian of `f` for its positional arguments `argnums`.

    It runs backward once for each number in the output, or for each number in the arguments if
    these are far fewer. With `sparsity`, an array or sparse matrix that is nonzero where a
    derivative may be, it runs once for each group of rows, or columns, that have no place in
    common, and returns a scipy.sparse.csr_array, of shape (size of the output, of the argument).
    Shapes: the shape of the output, followed by the shape of the argument.

    >>> jacobian(lambda x: x**2)(np.array([1.0, 2.0]))
    array([[2., 0.],
           [0., 4.]])
    """

    def jacobian_of(*args: Any, **kwargs: Any) -> Any:
        call = RecordedCall(f, args, kwargs, argnums, has_aux)
        call.check("jacobian", holomorphic)
        if sparsity is not None:
            matrix = sparse_jacobian(call, sparsity)
            return (matrix, call.results(call.aux)) if has_aux else matrix
        outputs = [y for y in leaves_of(call.y) if call.recorded_here(y)]
        height, width = sum(y.size for y in outputs), sum(x.size for x in call.variables)
        real = all(x.dtype.kind == "f" for x in call.variables)
        by_columns = height > 2 * width and (real or holomorphic)
        blocks = (
            jacobian_columns(call, outputs)
            if by_columns
            else jacobian_rows(call, outputs, holomorphic)
        )

        def block(y: Any) -> Any:
            if call.recorded_here(y):
                return call.by_argument(next(blocks))
            return call.by_argument([stack([], y, x, 0) for x in call.variables])

        matrix = tree_map(block, call.y)
        return (matrix, call.results(call.aux)) if has_aux else matrix

    return named(jacobian_of, "jacobian", f)


def jacobian_rows(
    call: RecordedCall, outputs: list[Tensor], holomorphic: bool
) -> Iterator[list[Tensor]]:
    """Yield each output's derivative by each variable, with a pull per number in the outputs."""
    for y in outputs:
        found = [call.pull([(y, one)]) for one in units(y)]
        whole = [stack([row[k] for row in found], y, x, 0) for k, x in enumerate(call.variables)]
        yield list(map(conjugated, whole)) if holomorphic else whole


def jacobian_columns(call: RecordedCall, outputs: list[Tensor]) -> Iterator[list[Tensor]]:
    """Yield each output's derivative by each variable, with a push per number in the variables."""
    push, n = call.pusher(), len(call.variables)
    found = [
        [push([one if i == k else None for i in range(n)]) for one in units(call.foreign.get(x, x))]
        for k, x in enumerate(call.variables)
    ]
    for i, y in enumerate(outputs):
        yield [stack([c[i] for c in found[k]], y, x, -1) for k, x in enumerate(call.variables)]


def units(spec: Any) -> np.ndarray:
    """Return, for each position of such an array, the array that is 1 there and 0 elsewhere."""
    eye = create(np.eye, spec, spec.size, dtype=spec.dtype)
    return eye.reshape(spec.size, *spec.shape)


def stack(parts: list[Tensor], y: Any, x: Any, axis: int) -> Tensor:
    """Stack the derivative of y by x from its rows (axis 0) or columns (axis -1)."""
    shape = (*np.shape(y), *x.shape)
    if not parts:
        return Tensor(create(np.zeros, y, shape, x.dtype))
    stacked = np.stack(parts, axis) if any(map(recorded, parts)) else stack_constants(axis, *parts)
    whole = np.reshape(stacked, shape)
    whole = whole if isinstance(whole, Tensor) else Tensor(whole)
    return whole if whole.dtype == x.dtype else np.astype(whole, x.dtype)


@primitive
def stack_constants(axis: int, *parts: Any) -> Any:
    """Stack rows or columns that have no gradient, faster than a recorded np.stack does."""
    return np.stack(parts, axis)


nondifferentiable(stack_constants)


def hessian(f: Function, argnums: Argnums = 0, has_aux: bool = False) -> Function:
    """Return a function that computes the second derivatives of `f`, which returns a single number.

    Shapes: the shape of the argument, twice.

    >>> hessian(lambda x: np.sum(x**3))(np.array([1.0, 2.0]))
    array([[ 6.,  0.],
           [ 0., 12.]])
    """
    return named(jacobian(grad(f, argnums, has_aux), argnums, has_aux), "hessian", f)


def hvp(f: Function, x: Any, v: Any) -> Any:
    """Multiply the Hessian of `f` at `x` by `v`, for the cost of a few gradients.

    Shapes: x (...), v (...) -> (...).

    >>> hvp(lambda x: np.sum(x**3), np.array([1.0, 2.0]), np.array([1.0, 0.0]))
    array([6., 0.])
    """
    return vjp(grad(f), x)[1](v)[0]
