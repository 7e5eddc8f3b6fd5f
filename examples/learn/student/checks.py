"""check: compares an answer with the right one, and says what is wrong with it.

    check("dW", dW, W.grad)  # ✓ dW, or: dW is N times the right one

It looks, in this order, for an answer that is not there, a wrong shape, a sign, a transposed
matrix, a factor or term that was forgotten, and sums over the wrong axis.
"""

import functools
import itertools

import numpy as np


class NotRight(AssertionError):
    """An answer is not right yet."""


def check(name, answer, right, *, factors=None, terms=None, tolerance=1e-6):
    """Print that an answer is right, or raise NotRight with what is wrong.

    `factors` and `terms` are numbers or arrays by name that are forgotten easily: an answer without
    one of them is told so. `tolerance` is relative to the largest number.
    """
    if answer is None or answer is ...:
        raise NotRight(f"{name} is not there yet: put your answer in the place of the dots")
    a, e = _numbers(name, answer), _numbers("the right answer", right)
    same = functools.partial(_same, tolerance=tolerance)
    if a.shape != e.shape:
        said = _wrong_shape(a, e)
    else:
        said = _wrong_values(a, e, factors or {}, terms or {}, same)
    if said:
        raise NotRight(f"{name} {said}")
    print(f"✓ {name}")


def _numbers(name, answer):
    """Return an answer as an array of floats."""
    if not isinstance(answer, np.ndarray):
        answer = getattr(answer, "data", answer)  # of a tensor
    try:
        return np.asarray(answer, dtype=float)
    except (TypeError, ValueError) as error:
        raise NotRight(f"{name} is no array of numbers: {error}") from None


def _wrong_shape(a, e):
    """Say what a wrong shape comes from."""
    shapes = f"has shape {a.shape}, but should have {e.shape}"
    if a.T.shape == e.shape and a.ndim > 1:
        return f"is transposed: it {shapes}"
    for axes in _choices(a.ndim):
        if e.shape in (a.sum(axes).shape, a.sum(axes, keepdims=True).shape):
            because = "is missing, because what was broadcast is summed"
            return f"{shapes}: a sum over axis {_words(axes)} {because}"
    for axes in _choices(e.ndim):
        if e.sum(axes).shape == a.shape:
            return f"{shapes}: it is summed over axis {_words(axes)}, which should stay"
    return f"{shapes}: a gradient has the shape of what it is the gradient of"


def _choices(n):
    """Return all choices of axes, the smaller ones first."""
    return [axes for k in range(1, n + 1) for axes in itertools.combinations(range(n), k)]


def _words(axes):
    return " and ".join(map(str, axes))


def _wrong_values(a, e, factors, terms, same):
    """Say what is wrong with the values, or return None if they are right."""
    if same(a, e):
        return None
    if not np.isfinite(a[np.isfinite(e)]).all():
        where = tuple(map(int, np.argwhere(~np.isfinite(a) & np.isfinite(e))[0]))
        return (
            f"is {a[where]} at {where}: is there a division by 0, or an exponential that overflows?"
        )
    found = (
        _sign_or_order(a, e, same)
        or _named_factor(a, e, factors, same)
        or _term(a, e, terms, same)
        or _factor(a, e, same)
        or _along_an_axis(a, e, same)
    )
    return found or _first_difference(a, e)


def _same(a, e, tolerance):
    """Return True if two arrays are equal up to rounding."""
    a, e = np.broadcast_arrays(a, e)
    if not np.array_equal(np.isfinite(a), np.isfinite(e)):
        return False
    size = np.abs(e[np.isfinite(e)]).max(initial=0.0)
    return np.allclose(a, e, rtol=tolerance, atol=1e-2 * tolerance * (size or 1.0))


def _sign_or_order(a, e, same):
    if same(a, -e):
        return "has the wrong sign"
    if a.ndim == 2 and a.shape[0] == a.shape[1] and same(a.T, e):
        return "is transposed"
    return None


def _named_factor(a, e, factors, same):
    """Name a factor that is missing or too much."""
    for name, f in factors.items():
        for sign, words in ((1, ""), (-1, ", and has the wrong sign")):
            if same(sign * a * f, e):
                return f"lacks the factor {name}{words}"
            if same(sign * a, e * f):
                return f"has the factor {name} too often{words}"
    return None


def _factor(a, e, same):
    """Give the factor between an answer and the right one, if it is the same everywhere."""
    power = np.sum(e * e)
    k = np.sum(a * e) / power if power else 0.0
    odd = a.size == 1 and min(k % 1, 1 / k % 1 if k else 1) > 1e-6  # any two numbers have one
    return f"is {k:.4g} times the right one" if k and not odd and same(a, k * e) else None


def _term(a, e, terms, same):
    """Name a term that is missing, or has the wrong sign."""
    for name, t in terms.items():
        if same(a + t, e):
            return f"lacks the term {name}"
        if same(a + 2 * np.asarray(t), e):
            return f"has the wrong sign at the term {name}"
    return None


def _along_an_axis(a, e, same):
    """Say that an answer is off by one number or one factor along an axis."""
    if a.size > 1 and same(a - e, np.mean(a - e)):
        return "is off by the same number everywhere: is something to be subtracted or added?"
    for axis in range(a.ndim if a.ndim > 1 else 0):
        difference = a - e
        if a.shape[axis] > 1 and same(difference, difference.mean(axis, keepdims=True)):
            return (
                f"is off by one number along axis {axis}: is a sum or mean over this axis missing?"
            )
        totals = np.sum(e * e, axis, keepdims=True)
        factor = np.sum(a * e, axis, keepdims=True) / np.where(totals == 0, 1, totals)
        if a.shape[axis] > 1 and same(a, factor * e):
            return f"is off by one factor along axis {axis}: is a sum or mean over the wrong axis?"
    return None


def _first_difference(a, e):
    wrong = ~np.isclose(a, e, rtol=1e-6, atol=1e-8)
    where = tuple(map(int, np.argwhere(wrong)[0])) if wrong.any() else ()
    place = f" at {where}" if where else ""
    right = int(np.count_nonzero(~wrong))
    some = f"is right in {right} of {a.size} elements" if right else "is wrong"
    return f"{some}:{place} it is {a[where]:.6g}, but should be {e[where]:.6g}"
