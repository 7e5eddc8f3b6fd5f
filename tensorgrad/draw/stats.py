"""What is told of an array: its numbers if they are few, and its statistics."""

import contextlib
from typing import Any

import numpy as np

LISTED = 64  # arrays up to this size are told number by number
BINS = 32

Stats = dict[str, Any]


def statistics(value: Any, histogram: bool = True) -> Stats:
    """Size, numbers, range, mean, deviation, histogram; NaN and infinities only counted.

    Of complex numbers they are of the absolute values. One number is told by itself alone.
    """
    x = np.asarray(value)
    stats: Stats = {"size": x.size}
    if x.size <= LISTED:
        stats["numbers"] = [plain_number(v) for v in x.ravel()]
    if x.size > 1:
        with np.errstate(all="ignore"):
            stats |= _summary(np.abs(x) if x.dtype.kind == "c" else x, histogram)
    return stats


def _summary(x: np.ndarray, histogram: bool) -> Stats:
    wide = x.astype(np.float64).ravel()  # so that float16 does not overflow in its own sum
    finite = wide[np.isfinite(wide)]
    found: Stats = {
        "zeros": int(np.sum(wide == 0)),
        "nan": int(np.sum(np.isnan(wide))),
        "inf": int(np.sum(np.isinf(wide))),
    }
    if finite.size:
        found |= {"mean": plain_number(np.mean(finite)), "std": plain_number(np.std(finite))}
        low, high = finite.min(), finite.max()
        # Back in the array's own precision, in which they are exact and short.
        found |= {
            name: plain_number(v.astype(x.dtype) if x.dtype.kind == "f" else v)
            for name, v in (("min", low), ("max", high))
        }
        if histogram and 0 < high - low < np.inf:
            with contextlib.suppress(ValueError):  # a range too narrow or too wide for 32 bins
                found["histogram"] = np.histogram(finite, BINS)[0].tolist()
    return {name: v for name, v in found.items() if v not in (0, "nan", "inf") or name in SIGNED}


SIGNED = ("min", "max", "mean", "std")  # of these 0 is told, of the counts it is understood


def plain_number(v: Any) -> int | float | str:
    """A number as JSON has it, no longer than its precision; NaN, infinity and complex as words."""
    v = v[()] if isinstance(v, np.ndarray) else v
    kind = np.asarray(v).dtype.kind
    if kind in "biu":
        return int(v)
    if kind == "c":
        return f"{v:.6g}"
    if not np.isfinite(v):
        return "nan" if np.isnan(v) else "inf" if v > 0 else "-inf"
    return float(str(v)) if np.asarray(v).dtype == np.float32 else float(f"{v:.9g}")


def told(stats: Stats, shape: tuple[int, ...]) -> str:
    """A line for a small picture: a few numbers themselves, or range, mean and deviation."""
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
    """Words in row-major order, in the brackets of their shape."""
    for n in reversed(shape):
        words = [f"[{', '.join(words[i : i + n])}]" for i in range(0, len(words), n)]
    return words[0]
