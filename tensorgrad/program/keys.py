"""Keys of programs: structure, shapes, dtypes and static values of the arguments."""

import enum
import os
import threading
from typing import Any

import numpy as np

from tensorgrad.engine.base import TensorBase
from tensorgrad.operands import is_foreign, plain_array
from tensorgrad.program.arrays import Untraceable, Watched


class Switch(threading.local):
    """If programs are off, for each thread."""

    off = os.environ.get("TENSORGRAD_COMPILE") == "0"


SWITCH = Switch()


def hashable(x: Any) -> Any:
    """Return a static argument as the key of a dict.

    Raises: Untraceable if it can change.
    """
    if isinstance(x, (list, tuple)):
        return (type(x), *map(hashable, x))
    if isinstance(x, slice):
        return (slice, x.start, x.stop, x.step)
    if isinstance(x, dict):
        return (dict, *((key, hashable(value)) for key, value in x.items()))
    if isinstance(x, (set, frozenset)):
        return (type(x), frozenset(map(hashable, x)))
    if isinstance(x, np.ndarray):
        return (x.dtype, x.shape, x.tobytes())
    if isinstance(x, (float, complex, np.generic)):
        value = np.asarray(x)
        return (type(x), value.dtype, value.tobytes())  # which tells -0.0 and 0.0 apart
    try:
        hash(x)
    except TypeError:
        raise Untraceable(
            f"a static argument is compared with those of earlier calls, so it has to be hashable, "
            f"but {type(x).__name__} is not; pass a tuple of what the function uses of it"
        ) from None
    return (type(x), x)


def kind_of(x: Any) -> Any:
    """Return what of an argument a program is made for."""
    if type(x) is np.ndarray:
        return (x.dtype, x.shape, x.flags.forc)
    if isinstance(x, TensorBase):
        value = x._value
        return (
            "tensor",
            type(x),
            *kind_of(value if is_foreign(type(value)) else np.asarray(value)),
        )
    if isinstance(x, (float, complex, np.generic)):
        return type(x)
    if isinstance(x, dict):
        return (dict, tuple((key, kind_of(value)) for key, value in x.items()))
    if isinstance(x, (list, tuple)):
        return (type(x), *map(kind_of, x))
    if x is None or isinstance(x, (bool, int, str, bytes)):
        return (type(x), x)
    if is_foreign(type(x)):
        text = f"a program has NumPy's arrays, but was given a {type(x).__name__}"
        raise Watched(text, lambda: False)
    return static_kind(x)


def static_kind(x: Any) -> Any:
    """Return an object that is no array, which a program is made for.

    Raises: Untraceable if its values could change.
    """
    if isinstance(x, np.ndarray):
        plain_array(x)
    kinds = (type, np.dtype, slice, type(Ellipsis), np.random.Generator, enum.Enum)
    if isinstance(x, kinds) or callable(x):
        return x if not isinstance(x, slice) else (slice, x.start, x.stop, x.step)
    raise Untraceable(
        f"a compiled function takes arrays, numbers, and dicts, lists and tuples of them, but was "
        f"given a {type(x).__name__}; pass its arrays, or name it in static_argnums"
    )


def plan_of(args: tuple[Any, ...]) -> list[tuple[Any, Any, Any]] | None:
    """Return the kinds of the arguments, if each is an array, a float or None."""
    if not all(type(x) in (np.ndarray, float, type(None)) for x in args):
        return None
    if not all(x.flags.forc for x in args if type(x) is np.ndarray):
        return None
    return [(type(x), getattr(x, "dtype", None), getattr(x, "shape", None)) for x in args]
