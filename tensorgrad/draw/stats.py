"""A description of an array: its numbers if they are few, and its statistics."""

import contextlib
from typing import Any

import numpy as np

from tensorgrad.contexts import in_own_context
from tensorgrad.operands import as_ndarray

LISTED = 64  # the largest size of an array whose numbers are listed
BINS = 32

Stats = dict[str, Any]


@in_own_context
def statistics(value: Any, histogram: bool = True) -> Stats:
    """Compute size, numbers, range, mean, standard deviation and histogram.

    NaN and infinity are counted, and take no part in the rest. Complex arrays are described by
    their absolute values. A single number has no statistics but itself. `dead` counts the units,
    the positions on the last axis, that are 0 throughout.
    """
    x = as_ndarray(value)
    stats: Stats = {"size": x.size}
    if x.size <= LISTED:
        stats["numbers"] = [plain_number(v) for v in x.ravel()]
    if x.size > 1:
        with np.errstate(all="ignore"):
            stats |= _summary(np.abs(x) if x.dtype.kind == "c" else x, histogram)
    if x.ndim > 1 and len(x) > 1 and (dead := int(np.sum(~np.any(x, tuple(range(x.ndim - 1)))))):
        stats["dead"] = dead
    return stats


def _summary(x: np.ndarray, histogram: bool) -> Stats:
    wide = x.astype(np.float64).ravel()  # so that a sum of float16 does not overflow
    finite = wide[np.isfinite(wide)]
    found: Stats = {
        "zeros": int(np.sum(wide == 0)),
        "nan": int(np.sum(np.isnan(wide))),
        "inf": int(np.sum(np.isinf(wide))),
    }
    if finite.size:
        found |= {"mean": plain_number(np.mean(finite)), "std": plain_number(np.std(finite))}
        low, high = finite.min(), finite.max()
        # Converted back to the array's own precision, in which they are exact and short.
        found |= {
            name: plain_number(v.astype(x.dtype) if x.dtype.kind == "f" else v)
            for name, v in (("min", low), ("max", high))
        }
        if histogram and 0 < high - low < np.inf:
            with contextlib.suppress(ValueError):  # the range is too narrow or too wide for 32 bins
                found["histogram"] = np.histogram(finite, BINS)[0].tolist()
    return {name: v for name, v in found.items() if v not in (0, "nan", "inf") or name in SIGNED}


SIGNED = ("min", "max", "mean", "std")  # included even if 0, which counts are not


def plain_number(v: Any) -> bool | int | float | str:
    """Convert a number for JSON: rounded to its precision; NaN, infinity and complex as strings."""
    v = v[()] if isinstance(v, np.ndarray) else v
    kind = as_ndarray(v).dtype.kind
    if kind == "b":
        return bool(v)
    if kind in "iu":
        return int(v)
    if kind == "c":
        return f"{v:.9g}"
    if not np.isfinite(v):
        return "nan" if np.isnan(v) else "inf" if v > 0 else "-inf"
    return float(str(v)) if np.asarray(v).dtype == np.float32 else float(f"{v:.9g}")


def stats_text(stats: Stats, shape: tuple[int, ...]) -> str:
    """Describe an array in one line: its few numbers, or range, mean and standard deviation."""
    if stats["size"] == 0:
        return "empty"
    if "numbers" in stats and stats["size"] <= 6:
        return _nested([_short(v) for v in stats["numbers"]], shape)
    words = []
    if "min" in stats:
        words = [f"{_short(stats['min'])} … {_short(stats['max'])}"]
        if "mean" in stats:
            words += [f"mean {_short(stats['mean'])} ± {_short(stats.get('std', 0.0))}"]
    words += [f"{stats[name]} {name}" for name in ("nan", "inf") if name in stats]
    return ", ".join(words)


def _short(v: Any) -> str:
    if isinstance(v, str):
        return v
    if isinstance(v, int):
        return str(v)
    short = f"{v:.4g}"
    return short if any(c in short for c in ".en") else short + ".0"


def _nested(words: list[str], shape: tuple[int, ...]) -> str:
    """Join words, given in row-major order, inside nested brackets of the shape."""
    for n in reversed(shape):
        words = [f"[{', '.join(words[i : i + n])}]" for i in range(0, len(words), n)]
    return words[0]
