"""Operands as arrays of numbers, and the shape that a gradient of one may have."""

import contextlib
import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

STAND_INS: set[type] = set()  # for arrays while a program is made: their numbers are hidden
PROTOCOLS = ("__array_function__", "__array_ufunc__", "shape", "dtype")


def speaks_protocols(kind: type) -> bool:
    """Return True for a kind of array of another library that speaks NumPy's protocols.

    Such arrays are taken as they are, and never converted. Tensors and stand-ins are none.
    """
    own = issubclass(kind, (np.ndarray, np.generic)) or hasattr(kind, "takes_primitives")
    return not own and all(hasattr(kind, name) for name in PROTOCOLS)


is_foreign: Callable[[type], bool] = functools.cache(speaks_protocols)


def own_array(x: Any, dtype: Any, copies: bool) -> Any:
    """Return an array of the dtype, of the kind that x is; NumPy's as a copy only if asked for."""
    x = plain_array(x)
    if isinstance(x, np.ndarray):
        return np.array(x, dtype, copy=True if copies else None)
    return x.astype(dtype or x.dtype)


def has_foreign(*xs: Any) -> bool:
    """Return True if one of these is an array of another library."""
    return any(map(is_foreign, map(type, xs)))


def refuse_mixed(name: str, operands: Sequence[Any], error: TypeError) -> None:
    """Raise the error of a call again, with the kinds, if its arrays are of several libraries."""
    parts = [p for x in operands for p in (x if isinstance(x, (list, tuple)) else [x])]
    arrays = [getattr(p, "_value", p) for p in parts]  # those of tensors
    kinds = {type(x) for x in arrays if is_foreign(type(x)) or isinstance(x, np.ndarray)}
    if len(kinds) > 1 and any(map(is_foreign, kinds)):
        names = sorted(f"{kind.__module__.partition('.')[0]}.{kind.__name__}" for kind in kinds)
        raise TypeError(
            f"{name} was given arrays of {' and '.join(names)}, which do not mix ({error}); bring "
            "all to one kind, with the other library's function, such as cupy.asarray(x), or a "
            "tensor to NumPy with t.numpy()"
        ) from error


REDUCTIONS = {np.add: np.sum, np.maximum: np.max, np.minimum: np.min}


def reduction(ufunc: np.ufunc, x: Any) -> Any:
    """Return `ufunc.reduce`, or what other libraries have in its place."""
    return REDUCTIONS[ufunc] if is_foreign(type(x)) else ufunc.reduce


def as_ndarray(x: Any) -> np.ndarray:
    """Bring an array of any kind to NumPy, in the way of its library."""
    methods = ("get", "compute") if is_foreign(type(x)) else ()  # CuPy's name, and Dask's
    method = next((name for name in methods if hasattr(x, name)), None)
    return np.asarray(getattr(x, method)() if method else x)


def numbers(x: Any) -> np.ndarray:
    """Convert an operand to an array of numbers; numbers that NumPy holds as objects, too.

    Raises: TypeError for other objects, texts and times, and for arrays that are more than numbers.
    """
    if type(x) is np.ndarray and x.dtype.kind in "fciub":
        return x
    array = plain_array(x)
    if array.dtype.kind == "O":
        with contextlib.suppress(ValueError):  # of ragged lists
            array = np.asarray(array.tolist())
    if array.dtype.kind not in "fciub":
        raise TypeError(f"a tensor calculates with numbers, but was given {x!r}; pass it as floats")
    return array


def plain_array(x: Any) -> np.ndarray:
    """Convert x to an array.

    Raises: TypeError for a masked array, a matrix, units and the like, which would be lost.
    """
    if isinstance(x, np.ndarray) and type(x) not in (np.ndarray, np.memmap):
        raise TypeError(
            f"a tensor calculates with plain arrays, and would lose what a {type(x).__name__} "
            "adds to one, such as a mask or units; pass np.asarray(...) of it, or .filled(...) "
            "of a masked array"
        )
    return x if type(x) in STAND_INS or is_foreign(type(x)) else np.asarray(x)


def objects_as_numbers(x: Any) -> Any:
    """Replace arrays of objects in x, however deep in tuples, lists and dicts, by those of numbers.

    Objects that are no numbers stay.
    """
    if type(x) in (tuple, list):
        return type(x)(map(objects_as_numbers, x))
    if type(x) is dict:
        return {key: objects_as_numbers(item) for key, item in x.items()}
    if type(x) is np.ndarray and x.dtype.kind == "O":
        with contextlib.suppress(TypeError):
            return numbers(x)
    return x


def refuse_integers(array: np.ndarray) -> None:
    """Raise TypeError for an array of integers or booleans."""
    if array.dtype.kind not in "fc":
        raise TypeError(
            "only floating-point and complex tensors have gradients, but the data has dtype "
            f"{array.dtype}; write 1.0 for 1, or pass dtype=float"
        )


def refuse_shape(gradient: Any, x: Any, operands: Sequence[Any]) -> None:
    """Raise if a call of these operands cannot have repeated x to the shape of its gradient.

    The sum over an axis that x does not have would be a wrong number.
    """
    shape = getattr(x, "shape", ())
    before = (1,) * (gradient.ndim - len(shape)) + shape
    repeated = {n for n, m in zip(gradient.shape, before, strict=False) if n != m}
    known = all(hasattr(a, "shape") or np.isscalar(a) for a in operands)
    if known and not repeated <= {n for a in operands for n in getattr(a, "shape", ())}:
        raise wrong_shape(gradient, shape)


def wrong_shape(gradient: Any, shape: tuple[int, ...]) -> ValueError:
    """Return the error about a gradient whose shape does not fit that of the argument."""
    return ValueError(
        f"a rule gave a gradient of shape {gradient.shape} for an argument of shape {shape}; it "
        "must have the argument's shape, or one to which the call broadcasts the argument"
    )
