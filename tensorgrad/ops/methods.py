"""The methods of ufuncs: outer, reduceat, and reduce and accumulate where no function has their name.

A reduction such as that of np.subtract applies the ufunc to one slice after another. `at` writes in place.
"""

import contextlib
import functools
from typing import Any

import numpy as np

from tensorgrad.contexts import in_own_context
from tensorgrad.ops.common import (
    as_array,
    as_inexact,
    axis_indices,
    create,
    numpys,
    substituted,
    values,
)
from tensorgrad.rules import composite, nondifferentiable, refuse_out, unsupported

# fmt: off
DIFFERENTIABLE_UFUNCS = (
    np.add, np.subtract, np.multiply, np.divide, np.power, np.float_power, np.remainder, np.fmod, np.maximum, np.minimum,
    np.fmax, np.fmin, np.logaddexp, np.logaddexp2, np.arctan2, np.hypot, np.copysign, np.heaviside, np.nextafter,
)
OUTER_ONLY = (np.ldexp, np.divmod)  # which take or return integers, or return two arrays
NONDIFFERENTIABLE_UFUNCS = (
    np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal, np.logical_and, np.logical_or,
    np.logical_xor, np.bitwise_and, np.bitwise_or, np.bitwise_xor, np.left_shift, np.right_shift,
    np.gcd, np.lcm,
)
FOLDED = (
    np.subtract, np.divide, np.power, np.float_power, np.remainder, np.fmod, np.logaddexp2, np.arctan2, np.hypot,
    np.copysign, np.heaviside, np.nextafter,
)
UNRELIABLE = (np.power, np.arctan2)   # np.power.reduce([2.0, 3.0, 2.0]) is 4.0 in NumPy 2.4
# fmt: on


def slices(a, axis):
    """Return the slices of an array along one axis."""
    a = np.moveaxis(a, axis, 0)
    return [a[i] for i in range(a.shape[0])]


def only(name, unknown):
    """Refuse keywords that a ufunc or its method would ignore for tensors."""
    if unknown:
        raise TypeError(
            f"{name} of tensors has no keyword {', '.join(unknown)}; leave it out, or pass .data "
            "if no gradient is wanted"
        )


def call_with_keywords(
    ufunc,
    *args,
    out=None,
    where=True,
    dtype=None,
    casting="same_kind",
    order="K",
    subok=True,
    **unknown,
):
    """Call a ufunc of recorded tensors with where=, dtype= and, beside where=, out=.

    Elements that `where` leaves out come from `out`, or are 0. An ndarray as `out` cannot hold the recorded result: use
    the returned tensor; what NumPy would write to that ndarray is NaN instead, so that a mistake shows.
    Raises: TypeError for `out` without `where`, and where NumPy refuses to cast.
    """
    only(ufunc.__name__, unknown)
    args, extra = args[: ufunc.nin], args[ufunc.nin :]
    (out,) = extra or (out if isinstance(out, tuple) else (out,))
    if dtype is not None or casting != "same_kind":
        args = _cast_operands(ufunc, args, dtype, casting)
    if where is True:
        refuse_out(
            ufunc.__name__,
            out,
            " (for an ndarray a, `a += tensor` is such a write: say a = a + tensor)",
        )
        return ufunc(*args)
    mask = values(where)
    if hasattr(where, "dtype") and mask.ndim and not np.can_cast(mask.dtype, bool, "safe"):
        raise TypeError(f"{ufunc.__name__} takes where= of booleans, but got dtype {mask.dtype}")
    shape = np.broadcast_shapes(mask.shape, *map(np.shape, args))
    mask = np.broadcast_to(mask.astype(bool), shape)
    chosen = ufunc(*(np.broadcast_to(a, shape)[mask] if np.ndim(a) else a for a in args))
    chosen = np.broadcast_to(chosen, (np.count_nonzero(mask),))
    return _masked_result(ufunc, out, mask, chosen, casting)


def _cast_operands(ufunc, args, dtype, casting):
    """Convert the operands to the dtypes with which NumPy computes a result of this dtype."""
    given = [a if type(a) in (int, float, complex) else as_array(a) for a in args]
    kinds = [type(a) if type(a) in (int, float, complex) else a.dtype for a in given]
    loop = {} if dtype is None else {"signature": (None,) * ufunc.nin + (np.dtype(dtype),)}
    found = ufunc.resolve_dtypes((*kinds, None), **loop, casting=casting)
    return [np.astype(as_array(a), to) for a, to in zip(given, found[: ufunc.nin], strict=True)]


def _masked_result(ufunc, out, mask, chosen, casting):
    """Return an array with these elements where the mask is True: `out` if it is a tensor, else a new one."""
    if out is None:
        result = np.zeros_like(chosen, shape=mask.shape)
    elif not np.can_cast(chosen.dtype, out.dtype, casting) or out.shape != mask.shape:
        raise TypeError(
            f"{ufunc.__name__} cannot write a result of shape {mask.shape} and dtype {chosen.dtype} to out= of shape "
            f"{out.shape} and dtype {out.dtype}"
        )
    elif isinstance(out, np.ndarray):
        result = np.zeros_like(chosen, dtype=out.dtype, shape=out.shape)
        result[...] = out
        out[mask] = np.nan
        with contextlib.suppress(TypeError):  # of a recorded tensor; a constant is written
            out[mask] = chosen
    else:
        result = out
    result[mask] = np.astype(chosen, result.dtype)
    return result


def _outer_method(ufunc):
    def outer(a, b, **unknown):
        only(f"{ufunc.__name__}.outer", unknown)
        return ufunc(np.reshape(a, np.shape(a) + (1,) * np.ndim(b)), as_array(b))

    return outer


def _valued(ufunc, method, expression):
    """Add dtype= to the expression of a ufunc's method, whose values are NumPy's own."""
    function = getattr(ufunc, method)

    @in_own_context
    def call(array, *args, dtype=None, out=None, **kwargs):
        name = f"{ufunc.__name__}.{method}"
        refuse_out(name, out)
        only(name, kwargs.keys() - {"axis", "keepdims", "indices"})
        array = as_array(array) if dtype is None else np.astype(as_array(array), dtype)
        value = numpys(function, array, *args, dtype=dtype, **kwargs)
        with np.errstate(all="ignore"):  # because NumPy has already warned
            return substituted(expression(as_inexact(array), *args, **kwargs), value)

    return call


def _accumulate(ufunc):
    def accumulate(array, axis=0):
        results: list[Any] = []
        for x in slices(array, axis):
            results.append(ufunc(results[-1], x) if results else x)
        return np.stack(results, axis) if results else array

    return _valued(ufunc, "accumulate", accumulate)


def _reduce(ufunc):
    def reduce(array, axis=0, keepdims=False):
        axes = sorted(axis_indices(axis, array.ndim) if array.ndim else ())
        for i in reversed(axes):
            if array.shape[i] == 0:
                zeros = create(np.zeros, array, array.shape, array.dtype)
                return ufunc.reduce(zeros, axis=axis, keepdims=keepdims)
            array = functools.reduce(ufunc, slices(array, i))
        return np.expand_dims(array, tuple(axes)) if keepdims else array

    return _valued(ufunc, "reduce", reduce)


def _reduceat(ufunc):
    def reduceat(array, indices, axis=0):
        """Reduce from each index to the next; if the next is not larger, return the element itself."""
        moved = np.moveaxis(array, axis, 0)
        ends = [*indices[1:], len(moved)]
        parts = [ufunc.reduce(moved[i : max(i + 1, j)], axis=0) for i, j in zip(indices, ends)]
        return np.stack(parts, axis) if parts else np.moveaxis(moved[:0], 0, axis)

    return _valued(ufunc, "reduceat", reduceat)


for _ufunc in (*DIFFERENTIABLE_UFUNCS, *OUTER_ONLY):
    composite(_ufunc.outer, _outer_method(_ufunc))
for _ufunc in DIFFERENTIABLE_UFUNCS:
    if _ufunc not in UNRELIABLE:
        composite(_ufunc.reduceat, _reduceat(_ufunc))
for _ufunc in FOLDED:
    composite(_ufunc.accumulate, _accumulate(_ufunc))
    if _ufunc not in UNRELIABLE:
        composite(_ufunc.reduce, _reduce(_ufunc))
for _ufunc in UNRELIABLE:
    unsupported(
        "NumPy's own value depends on how the array lies in memory; use functools.reduce, or accumulate",
        _ufunc.reduce,
        _ufunc.reduceat,
    )
for _ufunc in (np.fmax, np.fmin, np.logaddexp):
    composite(_ufunc.accumulate, _accumulate(_ufunc))
for _ufunc in NONDIFFERENTIABLE_UFUNCS:
    nondifferentiable(_ufunc.outer, _ufunc.reduce, _ufunc.accumulate, _ufunc.reduceat)
# The slope of a quotient's floor is 0, but a first or single element stays as it is.
nondifferentiable(np.floor_divide.outer)
composite(np.floor_divide.reduce, _reduce(np.floor_divide))
composite(np.floor_divide.accumulate, _accumulate(np.floor_divide))
composite(np.floor_divide.reduceat, _reduceat(np.floor_divide))

# A dict, because a set would be in another order in each process.
UFUNCS = dict.fromkeys(f for f in vars(np).values() if isinstance(f, np.ufunc))
unsupported(
    "it writes in place; assign to the tensor's elements, as in x[index] += y",
    *(f.at for f in UFUNCS if f not in (np.add, np.subtract)),  # their `at` is an assignment
)
for _ufunc in UFUNCS:
    if _ufunc in (*DIFFERENTIABLE_UFUNCS, *NONDIFFERENTIABLE_UFUNCS, np.floor_divide):
        continue
    unsupported(
        "NumPy has this method only for functions of two arguments and one result of their type",
        _ufunc.reduce,
        _ufunc.accumulate,
        _ufunc.reduceat,
    )
    if _ufunc not in OUTER_ONLY:
        unsupported("NumPy has this method only for functions of two numbers", _ufunc.outer)
