"""Facts about arrays: dtypes and shapes of what NumPy's functions return."""

import types
from collections.abc import Callable
from typing import Any

import numpy as np

from tensorgrad.program.cutting.combined_facts import (
    joined_arrays,
    matrix_product,
    result_type,
    stacked_arrays,
)
from tensorgrad.program.cutting.facts import ANY, Arr, Integer, Known, item_facts, low_of, made
from tensorgrad.program.cutting.size_facts import (
    asked_shape,
    axis_fact,
    axis_of,
    broadcast,
    elements_of,
    times,
)

Facts = dict[str, Any]


# Dtypes, found by the same call of arrays with one element


def probe(x: Any) -> Any:
    """Return an array with one element, or a number, that has the dtype of a value.

    Raises: LookupError if it is not known.
    """
    if type(x) is Arr and x.dtype is not None and x.dtype.kind in "biufc":
        one = np.ones(1, x.dtype)
        return one[0] if x.kind == "generic" else one
    if type(x) is Known and isinstance(x.value, (bool, int, float, complex, np.generic)):
        return x.value
    if type(x) is Integer:
        return 1
    raise LookupError


def elementwise(function: Any, args: Any) -> Any:
    """Return the fact about a call that works on each element."""
    try:
        with np.errstate(all="ignore"):
            found = function(*map(probe, args))
    except (LookupError, TypeError, ValueError, ArithmeticError):
        return ANY
    shapes = [x.shape if type(x) is Arr else () for x in args]
    if isinstance(found, tuple) or not isinstance(found, (np.ndarray, np.generic)):
        return ANY
    shape = broadcast(shapes)
    if any(type(x) is Arr and x.kind == "array" and x.shape for x in args):
        return Arr(found.dtype, shape, "array" if shape else "")
    return Arr(found.dtype, shape, "generic" if shape == () else "")


def asked_dtype(x: Any) -> Any:
    """Return the dtype that is asked for, or None if it is not known."""
    if type(x) is Known and x.value is not None:
        try:
            return np.dtype(x.value)
        except TypeError:
            return None
    return None


# Functions


def created(args: Any, kwargs: Facts) -> Any:
    kind = args[1] if len(args) > 1 else kwargs.get("dtype", Known(float))
    return Arr(asked_dtype(kind), asked_shape(args[0]))


def full_array(args: Any, kwargs: Facts) -> Any:
    kind = args[2] if len(args) > 2 else kwargs.get("dtype", ANY)
    return Arr(asked_dtype(kind), asked_shape(args[0]))


def created_like(args: Any, kwargs: Facts) -> Any:
    x, rest = args[0], set(kwargs) - {"dtype"}
    if type(x) is not Arr or rest or len(args) > 2:
        return ANY
    kind = args[1] if len(args) == 2 else kwargs.get("dtype")
    return Arr(x.dtype if kind is None else asked_dtype(kind), x.shape)


def array_from(args: Any, kwargs: Facts) -> Any:
    x, kind = args[0], args[1] if len(args) > 1 else kwargs.get("dtype")
    asked = kind is None or (type(kind) is Known and kind.value is None)
    if type(x) is not Arr:
        return Arr(None if asked else asked_dtype(kind), None)
    return Arr(x.dtype if asked else asked_dtype(kind), x.shape)


def contiguous(args: Any, kwargs: Facts) -> Any:
    found = array_from(args, kwargs)
    return found._replace(shape=(1,)) if found.shape == () else found


def reshaped(args: Any, kwargs: Facts) -> Any:
    x, *asked = args
    asked = asked or [kwargs.get("shape", ANY)]
    if any(type(n) is Known and isinstance(n.value, str) for n in asked):
        return ANY  # the order
    shape = asked_shape(asked[0] if len(asked) == 1 else made(asked))
    if type(x) is not Arr:
        return ANY
    if shape is None or x.shape is None:
        return of_shape(x, shape)
    items = item_facts(asked[0]) if len(asked) == 1 else tuple(asked)
    open_ = [i for i, n in enumerate(items or asked) if low_of(n) == -1 and type(n) is Known]
    if len(open_) == 1:
        others = [n for i, n in enumerate(shape) if i != open_[0]]
        shape = (
            *shape[: open_[0]],
            open_axis(elements_of(x.shape), others),
            *shape[open_[0] + 1 :],
        )
    return of_shape(x, shape)


def of_shape(x: Arr, shape: Any) -> Arr:
    """Return the fact about an array of another shape: numbers of NumPy stay such without axes."""
    return Arr(
        x.dtype, shape, "array" if shape else x.kind if x.kind == "array" or shape == () else ""
    )


def open_axis(count: Any, others: list[Any]) -> Any:
    """Return the length of the axis that a reshape leaves open."""
    rest = elements_of(others)
    if type(count) is Known and type(rest) is Known and rest.value:
        return count.value // rest.value
    return Integer(None, 1 if (low_of(count) or 0) > 0 else 0)


def with_other_axes(args: Any, kwargs: Facts, function: Any) -> Any:
    """Return an array with its axes in another order, or with others of length 1."""
    x = args[0]
    if type(x) is not Arr or x.shape is None:
        return of_shape(x, None) if type(x) is Arr else ANY
    try:
        rest, named = (
            [known_value(a) for a in args[1:]],
            {k: known_value(a) for k, a in kwargs.items()},
        )
        lengths = tuple(range(2, len(x.shape) + 2))  # of which each is found again
        found = function(np.broadcast_to(np.int8(0), lengths), *rest, **named).shape
    except (LookupError, TypeError, ValueError):
        return of_shape(x, None)
    return of_shape(x, tuple(x.shape[n - 2] if n > 1 else 1 for n in found))


def known_value(x: Any) -> Any:
    """Return a known value.

    Raises: LookupError if it is not.
    """
    if type(x) is not Known:
        raise LookupError
    return x.value


def cast_array(args: Any, kwargs: Facts) -> Any:
    x = args[0]
    known = type(x) is Arr and len(args) > 1
    return Arr(asked_dtype(args[1]), x.shape, x.kind) if known else ANY


def copy_fact(args: Any, _kwargs: Facts) -> Any:
    return args[0]._replace(kind="array") if type(args[0]) is Arr else ANY


def of_reduction(args: Any, kwargs: Facts, function: Any) -> Any:
    """Return the sum, or another number, of elements along axes."""
    x = args[0]
    if type(x) is not Arr or len(args) > 2 or not set(kwargs) <= {"axis", "keepdims", "initial"}:
        return ANY
    try:
        kind = function(probe(x._replace(kind="array"))).dtype
        axis = known_value(
            args[1] if len(args) == 2 else kwargs.get("axis", default_axis(function))
        )
        kept = known_value(kwargs.get("keepdims", Known(False)))
        if axis is None and not kept:
            return Arr(kind, (), "generic")
        full: Any = x.shape
        axes = range(len(full)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
        along = {i % len(full) for i in axes}
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError):
        return ANY
    if kept:
        shape = tuple(1 if i in along else n for i, n in enumerate(full))
    else:
        shape = tuple(n for i, n in enumerate(full) if i not in along)
    return Arr(kind, shape, "array" if shape else "generic")


def default_axis(function: Any) -> Known:
    return Known(0 if isinstance(function, types.BuiltinMethodType) else None)


def triangle_fact(args: Any, kwargs: Facts) -> Any:
    kind = kwargs.get("dtype", Known(float))
    n = axis_of(args[0])
    return Arr(asked_dtype(kind), (n, axis_of(args[1]) if len(args) > 1 else n))


def of_one_dtype(args: Any, _kwargs: Facts) -> Any:
    """Return an array with some or all of the elements of another."""
    x = args[0]
    return Arr(x.dtype, None) if type(x) is Arr and x.kind == "array" else ANY


def chosen(args: Any, _kwargs: Facts) -> Any:
    """Return the elements of one array or another."""
    found = elementwise(lambda a, b, c: np.where(np.asarray(a, bool), b, c), args)
    return found._replace(kind="array" if found.shape else "") if type(found) is Arr else ANY


def rule_of(rule: Any, function: Any) -> Callable[[Any, Facts], Any]:
    return lambda args, kwargs: rule(args, kwargs, function)


ARRAY_RULES: dict[Any, Callable[[Any, Facts], Any]] = {
    np.ndarray: created, np.empty: created, np.zeros: created, np.ones: created,
    np.full: full_array, np.empty_like: created_like, np.zeros_like: created_like,
    np.ones_like: created_like,
    np.asarray: array_from, np.asanyarray: array_from, np.ascontiguousarray: contiguous,
    np.astype: cast_array, np.copy: copy_fact, np.reshape: reshaped, np.matmul: matrix_product,
    np.dot: matrix_product, np.concatenate: joined_arrays, np.stack: stacked_arrays,
    np.where: chosen, np.result_type: result_type, np.tri: triangle_fact,
    np.broadcast_to: lambda args, _: Arr(getattr(args[0], "dtype", None), asked_shape(args[1])),
}  # fmt: skip
for part in (
    np.tile, np.repeat, np.roll, np.flip, np.triu, np.tril, np.ravel, np.squeeze,
):  # fmt: skip
    ARRAY_RULES[part] = of_one_dtype
for turn in (np.moveaxis, np.swapaxes, np.transpose, np.expand_dims, np.matrix_transpose):
    ARRAY_RULES[turn] = rule_of(with_other_axes, turn)
for total in (
    np.sum, np.prod, np.max, np.min, np.mean, np.any, np.all, np.add.reduce, np.maximum.reduce,
    np.minimum.reduce, np.multiply.reduce,
):  # fmt: skip
    ARRAY_RULES[total] = rule_of(of_reduction, total)
ARRAY_METHODS: dict[str, Any] = {
    "astype": np.astype, "copy": np.copy, "reshape": np.reshape, "swapaxes": np.swapaxes,
    "dot": np.dot, "sum": np.sum, "prod": np.prod, "max": np.max, "min": np.min, "mean": np.mean,
    "any": np.any, "all": np.all,
}  # fmt: skip


def of_call(function: Any, args: Any, kwargs: Facts) -> Any:
    """Return the fact about a call of NumPy's function."""
    if kwargs.get("out") is not None:
        return kwargs["out"]
    if function in ARRAY_RULES:
        return ARRAY_RULES[function](args, kwargs) if args else ANY
    if isinstance(function, np.ufunc) and function.nout == 1 and function.signature is None:
        return elementwise(function, args) if not kwargs and len(args) == function.nin else ANY
    return ANY


def of_method(name: str, x: Arr, args: Any, kwargs: Facts) -> Any:
    """Return the fact about a call of an array's method."""
    if name == "transpose":
        return of_call(np.transpose, (x, made(args)) if len(args) > 1 else (x, *args), kwargs)
    if name in ("reshape", "astype"):
        kwargs = {k: v for k, v in kwargs.items() if k not in ("copy", "order")}
    if name in ARRAY_METHODS and not (name == "copy" and args):
        found = of_call(ARRAY_METHODS[name], (x, *args), kwargs)
        # A number of NumPy gives a number here, where np.copy gives an array.
        return found._replace(kind=x.kind) if name == "copy" and type(found) is Arr else found
    if name == "view" and len(args) == 1:
        kind = asked_dtype(args[0])  # which is of objects for a class of arrays
        return ANY if kind is None or kind.kind == "O" else viewed(x, kind)
    return ANY


def viewed(x: Arr, dtype: Any) -> Arr:
    """Return an array whose memory is read as numbers of another dtype."""
    if dtype is None or x.dtype is None or not x.shape:
        return Arr(dtype, None, x.kind if x.kind == "array" else "")
    *rest, last = x.shape
    if dtype.itemsize == x.dtype.itemsize:
        return Arr(dtype, x.shape)
    if not isinstance(last, int) or not dtype.itemsize or last * x.dtype.itemsize % dtype.itemsize:
        return Arr(dtype, None)
    return Arr(dtype, (*rest, last * x.dtype.itemsize // dtype.itemsize))


def attribute(x: Arr, name: str) -> Any:
    """Return the fact about an attribute of an array."""
    if name == "dtype":
        return ANY if x.dtype is None else Known(x.dtype)
    if name == "itemsize" and x.dtype is not None:
        return Known(x.dtype.itemsize)
    if name in ("real", "imag"):
        real = None if x.dtype is None else np.empty(0, x.dtype).real.dtype
        return Arr(real, x.shape, x.kind)
    if x.shape is None:
        return Integer(None, 0) if name in ("size", "ndim", "nbytes") else ANY
    if name == "ndim":
        return Known(len(x.shape))
    if name == "shape":
        return made(map(axis_fact, x.shape))
    if name == "size":
        return elements_of(x.shape)
    if name == "nbytes" and x.dtype is not None:
        return times(elements_of(x.shape), Known(x.dtype.itemsize))
    return Arr(x.dtype, x.shape[::-1], x.kind) if name == "T" else ANY
