"""Facts about arrays that are made of several."""

import functools
from typing import Any

import numpy as np

from tensorgrad.program.cutting.facts import ANY, Arr, Known, item_facts
from tensorgrad.program.cutting.size_facts import axis_fact, axis_of, whole


def matrix_product(args: Any, kwargs: dict[str, Any]) -> Any:
    """Return the product of vectors and matrices, or of stacks of them."""
    a, b = args[:2]
    if kwargs or type(a) is not Arr or type(b) is not Arr or a.dtype is None or b.dtype is None:
        return ANY
    kind = np.result_type(a.dtype, b.dtype)
    if a.shape is None or b.shape is None or not a.shape or not b.shape:
        return Arr(kind, None, "")
    if max(len(a.shape), len(b.shape)) > 2:
        return Arr(kind, None)
    shape = (*a.shape[:-1], *b.shape[1:])
    return Arr(kind, shape, "array" if shape else "generic")


def joined_arrays(args: Any, kwargs: dict[str, Any], new: bool = False) -> Any:
    """Return an array that is put together from several, along a new axis or one that they have."""
    items = item_facts(args[0])
    if not items or not all(type(x) is Arr and x.dtype is not None for x in items):
        return ANY
    if "dtype" in kwargs:
        return ANY
    kind = np.result_type(*(x.dtype for x in items))
    axis = args[1] if len(args) > 1 else kwargs.get("axis", Known(0))
    shapes = [x.shape for x in items]
    full = None not in shapes and len(set(map(len, shapes))) == 1
    if not full or type(axis) is not Known or type(axis.value) is not int:
        return Arr(kind, None)
    rest, i = shapes[0], axis.value % (len(shapes[0]) + new)
    if new:
        return Arr(kind, (*rest[:i], len(items), *rest[i:]))
    length = functools.reduce(lambda a, b: whole("+", a, b), (axis_fact(s[i]) for s in shapes))
    return Arr(kind, (*rest[:i], axis_of(length), *rest[i + 1 :]))


def stacked_arrays(args: Any, kwargs: dict[str, Any]) -> Any:
    return joined_arrays(args, kwargs, new=True)


def result_type(args: Any, _kwargs: dict[str, Any]) -> Any:
    """Return the dtype of a sum."""
    found = []
    for x in args:
        if type(x) is Arr and x.dtype is not None:
            found.append(x.dtype)
        elif type(x) is Known and isinstance(x.value, (np.dtype, type, bool, int, float, complex)):
            found.append(x.value)
        else:
            return ANY
    return Known(np.result_type(*found))
