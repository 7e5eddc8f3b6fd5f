"""Helpers that several families of ops use."""

import functools
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from tensorgrad.contexts import in_own_context
from tensorgrad.operands import (
    STAND_INS,
    has_foreign,
    is_foreign,
    numbers,
    objects_as_numbers,
    plain_array,
)
from tensorgrad.rules import (
    Function,
    composite,
    nondifferentiable,
    primitive,
    refuse_out,
    rule,
)


def along_first_axis(function: Function) -> Function:
    """Turn a reduction into a ufunc's method, whose default is axis=0 instead of all axes."""

    def method(array: Any, axis: Any = 0, out: Any = None, **kwargs: Any) -> Any:
        refuse_out(function.__name__, out)
        return function(beside_mask(array, **kwargs), axis=axis, **kwargs)

    return method


def beside_mask(array: Any, where: Any = True, **_kwargs: Any) -> Any:
    """Return the operand of a reduction; a tensor if only its mask is one, which NumPy does not ask."""
    array = as_array(array)
    return array if where is True or not isinstance(array, np.ndarray) else substitute(where, array)


def as_array(x: Any, other: Any = None) -> Any:
    """Return arrays and tensors unchanged, and numbers, lists and objects that are numbers as arrays.

    They become the kind of array that `other` is, with which they are to be combined.
    """
    if hasattr(x, "shape") and not isinstance(x, np.ndarray):
        return x
    array = objects_as_numbers(plain_array(x))
    return array if not hasattr(other, "shape") or array is x else create(np.asarray, other, array)


def as_operand(x: Any) -> Any:
    """Return Python's numbers as they are, which do not count for the dtype; the rest as arrays.

    Raises: TypeError for objects that are not numbers.
    """
    if isinstance(x, (int, float, complex)):
        return x
    array = as_array(x)
    return numbers(array) if array.dtype.kind == "O" else array


def sum_kept(x: Any, axis: Any) -> Any:
    """Sum along an axis that is kept; in float32 if x is of float16, which counts only to 2048."""
    if x.dtype != np.float16:
        return np.sum(x, axis=axis, keepdims=True)
    return np.sum(x, axis=axis, keepdims=True, dtype=np.float32).astype(np.float16)


def as_inexact(x: Any) -> Any:
    """Return arrays and tensors with integers converted to floating point, numbers and lists as such arrays."""
    x = as_array(x)
    return np.astype(x, float) if x.dtype.kind in "biu" else x


def create(function: Function, x: Any, *args: Any, **kwargs: Any) -> Any:
    """Return what np.zeros, np.eye or the like makes, as the kind of array that x is, or that x holds."""
    x = getattr(x, "_value", x)
    return function(*args, **kwargs, **({"like": x} if is_foreign(type(x)) else {}))


SHORT = 4096  # longest row of ones in the cache: beyond it, the time to allocate one is negligible


@functools.lru_cache(maxsize=64)
def ones_row(n, dtype):
    """Return n ones from a cache, because allocating them takes longer than summing a small array."""
    row = np.ones(n, dtype)
    row.setflags(write=False)
    return row


def sum_rows(x):
    """Sum the rows of a matrix by a product, three times faster than np.sum; of float16 in float32."""
    n = len(x)
    ones = np.ones if n > SHORT or has_foreign(x) else ones_row
    return np.dot(create(ones, x, n, x.dtype), x)


def zeros_of(v: Any, shape: Any, *others: Any) -> Any:
    """Return zeros of another shape, of the kind of array that v is; a stand-in if one is among the others."""
    like = next((x for x in (v, *others) if type(x) in STAND_INS), None)
    if like is None:
        return create(np.zeros, v, shape, v.dtype)
    return np.zeros_like(like, v.dtype, order="C", shape=shape)


LONG_RUN = 64  # rows of one position that a product sums


def set_rows(out, rows, v):
    """Write rows at positions, each row as one item, which takes half the time. Shapes: out (R, F), rows (M,), v (M, F)."""
    item = np.dtype((np.void, out.itemsize * out.shape[1]))
    out.view(item)[rows, 0] = v.view(item)[:, 0]


def add_rows(out, rows, v):
    """Add rows to zeros at positions that may repeat, many times faster than np.add.at.

    An assignment leaves the last of each position; while those that it overwrote are few, they are added in the same
    way. If they are many, all are sorted. Shapes: out (R, F), rows (M,), v (M, F).
    """
    last, v = np.empty(len(out), np.intp), np.ascontiguousarray(v)
    total = v
    while rows.size:
        last[rows] = order = np.arange(len(rows))
        left = np.flatnonzero(last[rows] != order)
        if 2 * left.size >= len(rows):
            add_runs(out, rows, v)
            return
        set_rows(out, rows, total)
        rows, v = rows[left], v.take(left, axis=0)
        total = out.take(rows, axis=0) + v


def add_runs(out, rows, v):
    """Add rows whose positions repeat often: sorted, they are runs of one position.

    Long runs are summed by a product, of the others two neighbours at a time. Shapes: as of `add_rows`.
    """
    short = rows.astype(np.uint16) if len(out) <= 1 << 16 else rows  # which NumPy sorts faster
    order = np.argsort(short, kind="stable")
    rows, v = rows[order], v.take(order, axis=0)
    starts = np.flatnonzero(np.diff(rows, prepend=-1))
    sizes = np.diff(starts, append=len(rows))
    for i in np.flatnonzero(sizes > LONG_RUN):
        run = v[starts[i] : starts[i] + sizes[i]]
        run[0] = np.ones(len(run), v.dtype).dot(run)
    place = np.arange(len(rows)) - np.repeat(starts, sizes)
    place[np.repeat(sizes > LONG_RUN, sizes)] = 0
    at, step = np.flatnonzero(place), 1
    while at.size:
        odd = place[at] & step != 0
        later = at[odd]
        set_rows(v, later - step, v.take(later - step, axis=0) + v.take(later, axis=0))
        at, step = at[~odd], 2 * step
    rows = rows[starts]
    set_rows(out, rows, out.take(rows, axis=0) + v.take(starts, axis=0))


DECIDABLE = (np.ndarray, np.generic, int, float, complex)


def is_plain(*xs: Any) -> bool:
    """Return True for arrays and numbers, whose values may decide what a rule computes.

    Those of tensors may not: an observer may follow them, and a program stand for them.
    """
    for x in xs:
        if not isinstance(x, DECIDABLE):
            return next((other.is_plain() for other in xs if type(other) in STAND_INS), False)
    return True


@primitive
def values(x: Any) -> np.ndarray:
    """Return the array of a tensor, for decisions through which no gradient flows."""
    return plain_array(x)


@primitive
def numpys(function: Function, *args: Any, **kwargs: Any) -> Any:
    """Return what NumPy computes of the arrays of tensors: a value without a gradient."""
    return function(*args, **kwargs)


@primitive
def substitute(x: Any, value: Any) -> Any:
    """Return the value, whose gradient goes to x: an expression that equals it except for rounding and infinities."""
    return value


def check(
    holds: Any, error: type[Exception], message: str | Callable[..., str], *shown: Any
) -> None:
    """Raise an error or warn, with values in the message, unless a condition on values holds.

    In a function of tensors an `if` would decide once, when a program is made of it; this is a call
    that the program repeats. Fields such as `{}` in the message are filled with what is `shown`, or
    the message is a function of that.
    Raises: the error.

    >>> total = np.sum([1.0, 2.0])
    >>> check(total > 0, ValueError, "weights have a sum above 0, not {}", total)
    """
    if not isinstance(holds, (bool, np.bool_)):
        check_step(holds, error, message, *shown)
    elif not holds:
        text = message.format(*shown) if isinstance(message, str) else message(*shown)
        if not issubclass(error, Warning):
            raise error(text)
        warnings.warn(text, error, stacklevel=3)


@primitive
def check_step(
    holds: Any, error: type[Exception], message: str | Callable[..., str], *shown: Any
) -> None:
    """Check a condition that is a tensor, as it is where observers follow values."""
    check(bool(holds), error, message, *shown)


rule(substitute, lambda g, _out, _x, _value: g, None)
nondifferentiable(values, numpys, check_step)


def valued_by_numpy(function: Function) -> Any:
    """Declare an expression that gives a NumPy function its gradient; values, dtypes and errors are NumPy's own."""

    def declare(expression: Function) -> Function:
        @in_own_context
        @functools.wraps(expression)
        def call(*args: Any, **kwargs: Any) -> Any:
            refuse_out(function.__name__, kwargs.get("out"))
            value = numpys(function, *args, **kwargs)
            with np.errstate(all="ignore"):  # because NumPy has already warned
                return substituted(expression(*args, **kwargs), value)

        composite(function, call)
        return expression

    return declare


def substituted(found: Any, value: Any) -> Any:
    """Substitute the value for what an expression returned, also in tuples."""
    if isinstance(value, tuple):
        pairs = map(substituted, found, value)
        return type(value)(*pairs) if hasattr(value, "_fields") else tuple(pairs)
    return substitute(found, plain_array(value)[()] if is_plain(value) else value)


@primitive
def positions(indices: Any) -> Any:
    """Return indices as integers; NumPy casts lists and single numbers without a check, arrays only safely."""
    casting = "same_kind" if hasattr(indices, "dtype") and indices.ndim else "unsafe"
    return plain_array(indices).astype(np.intp, casting=casting, copy=False)


nondifferentiable(positions)


def axis_index(axis: Any, ndim: int) -> int:
    """Return a single axis, counted from the front.

    Raises: numpy.exceptions.AxisError if the array has no such axis.
    """
    return normalize_axis_index(axis, ndim)


def axis_indices(axis: Any, ndim: int) -> tuple[int, ...]:
    """Return the axes that a reduction over `axis` removes, counted from the front.

    Raises: numpy.exceptions.AxisError if the array has no such axis; ValueError if one occurs twice.
    """
    return tuple(range(ndim)) if axis is None else normalize_axis_tuple(axis, ndim, "axis")


def adjoint(a):
    """Return the conjugate transpose of a matrix, or of each matrix in a stack."""
    return np.conj(np.matrix_transpose(a))


def matvec(a, x):
    """Multiply a stack of matrices by one of vectors."""
    return np.squeeze(np.matmul(a, np.expand_dims(x, -1)), -1)


def fold_triangle(h, lower):
    """Convert the gradient of a Hermitian matrix to that of the one triangle that is read."""
    both = h + adjoint(h)
    both = np.tril(both) if lower else np.triu(both)
    return both * (1 - create(np.eye, h, h.shape[-1], dtype=h.dtype) / 2)


def hermitian_of(a):
    """Return the Hermitian matrix that the lower triangle stands for."""
    lower = np.tril(a)
    return (lower + adjoint(lower)) * (1 - create(np.eye, a, a.shape[-1], dtype=a.dtype) / 2)
