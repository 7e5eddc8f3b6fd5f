"""The comparison of what tensors gave with what NumPy gave."""

import linecache
import re
import traceback
from pathlib import Path

import numpy as np

import tensorgrad as tg
from tensorgrad.engine.base import unwrap

HERE = str(Path(tg.__file__).parent)
REMEDY = re.compile(r"\b(use|pass|leave|declare|say|assign|take|give|write|make|reduce)\b")
MANY = 10_000_000  # elements; only an array that repeats a few has more
ROUNDING = 1000  # units in the last place, of the largest value; what a composite may differ by


class Outcome:
    """The result of a call, or the error that it or raised."""

    def __init__(self, function, args, kwargs):
        self.result = self.error = None
        try:
            self.result = function(*args, **kwargs)
        except Exception as error:
            self.error = error


def is_refusal(error):
    """Return True for a TypeError or RuntimeError that the library itself raises, with a remedy."""
    if not isinstance(error, (TypeError, RuntimeError)) or error.__traceback__ is None:
        return False
    last = traceback.extract_tb(error.__traceback__)[-1]
    raised = linecache.getline(last.filename, last.lineno).strip().startswith("raise")
    return last.filename.startswith(HERE) and raised and bool(REMEDY.search(str(error)))


def public_type(error):
    """Return the nearest class of an error that is public."""
    return next(c for c in type(error).__mro__ if not c.__name__.startswith("_"))


def verdict(plain, found):
    """("agree", ""), ("refused", why) or (a kind of disagreement, the two values)."""
    if found.error is not None:
        if plain.error is not None and isinstance(found.error, public_type(plain.error)):
            return "agree", ""
        if is_refusal(found.error):
            return "refused", str(found.error)
        if plain.error is None:
            return "raises", f"{type(found.error).__name__}: {found.error}"
        right = public_type(plain.error)
        return (
            "exception",
            f"{right.__name__} in NumPy, {type(found.error).__name__}: {found.error}",
        )
    if plain.error is not None:
        return "accepts", f"NumPy raises {type(plain.error).__name__}: {plain.error}"
    return compared(plain.result, found.result)


def compared(right, found):
    """Return the verdict on two results."""
    if isinstance(right, (tuple, list)) and isinstance(found, (tuple, list)):
        if type(right) is not type(found) or len(right) != len(found):
            return "type", f"{type(right).__name__} of {len(right)}, found {type(found).__name__}"
        verdicts = (compared(r, f) for r, f in zip(right, found))
        return next((v for v in verdicts if v[0] != "agree"), ("agree", ""))
    if isinstance(found, tg.Tensor):
        return compared_arrays(right, found.data)
    if isinstance(right, np.generic) and isinstance(found, np.generic):
        return compared_arrays(right, found)  # np.longlong is an int64, too
    if type(right) is not type(found):
        return "type", f"{type(right).__name__}, found {type(found).__name__}"
    if isinstance(right, (np.ndarray, np.generic)):
        return compared_arrays(right, found)
    if isinstance(right, dict):
        return compared([*right.items()], [*found.items()])
    if isinstance(right, (bool, int, float, complex, str, bytes, np.dtype, type)):
        same = right == found or (right != right and found != found)
        return ("agree", "") if same else ("value", f"{right!r}, found {found!r}")
    return "agree", ""  # of another kind, as iterators are


def compared_arrays(right, found):
    if not isinstance(right, (np.ndarray, np.generic, bool, int, float, complex)):
        return "type", f"{type(right).__name__} in NumPy, but {type(found).__name__} was found"
    if isinstance(right, (np.ma.MaskedArray, np.matrix)) and type(found) is not type(right):
        return "type", f"{type(right).__name__} in NumPy, but {type(found).__name__} was found"
    right, found = np.asarray(right), np.asarray(found)
    if right.shape != found.shape:
        return "shape", f"{right.shape}, found {found.shape}"
    native = right.dtype.newbyteorder("=") if right.ndim == 0 else right.dtype
    if found.dtype not in (right.dtype, native):  # NumPy's scalars have the machine's byte order
        return "dtype", f"{right.dtype}, found {found.dtype}"
    return ("agree", "") if close(right, found) else ("value", f"{right}, found {found}")


def close(right, found):
    """Return True for arrays that are equal except for the last digits of the largest number."""
    if right.size > MANY:
        right, found = (x[(slice(9),) * x.ndim] for x in (right, found))
    if right.dtype.hasobject:
        texts = (re.sub(" at 0x[0-9a-f]+", "", repr(unwrap(x.tolist()))) for x in (right, found))
        return len(set(texts)) == 1
    if right.dtype.kind in "biu":
        return np.array_equal(right, found)
    if right.dtype.kind not in "fc":
        return right.tobytes() == found.tobytes()
    with np.errstate(all="ignore"):
        finite = np.isfinite(right)
        if not np.array_equal(finite, np.isfinite(found)):
            return False
        if not np.array_equal(right[~finite], found[~finite], equal_nan=True):
            return False
        a, b = right[finite], found[finite]
        if a.size == 0 or np.array_equal(a, b):
            return True
        a, b = (x.astype(np.result_type(x, np.float64)) for x in (a, b))
        eps = float(np.finfo(right.dtype).eps)
        return bool(np.max(np.abs(a - b)) <= ROUNDING * eps * np.max(np.abs(a)))
