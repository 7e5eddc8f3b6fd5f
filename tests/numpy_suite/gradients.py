"""The gradients of a call against central differences of NumPy's own function, in double precision.

One random direction stands for all elements. What is not smooth shows itself: there the differences to
the left and to the right do not meet.
"""

import numpy as np

import tensorgrad as tg
from tests.numpy_suite.calls import as_leaves, mapped
from tests.numpy_suite.compare import is_refusal

ELEMENTS = 400  # of all differentiated arrays together
STEP = 2.0**-16
SURE = 1e-4  # what the differences must settle to, relative to their size, to be believed


LARGEST = 1e100  # slopes beyond it overflow on the way


class NotSmooth(Exception):
    """The differences do not settle."""


def double(x):
    return np.complex128 if x.dtype.kind == "c" else np.float64


def outputs(result):
    """Return the floating-point and complex arrays in a result."""
    if isinstance(result, (tuple, list)):
        return [x for item in result for x in outputs(item)]
    if isinstance(result, (np.ndarray, np.inexact, tg.Tensor, float, complex)):
        x = result if isinstance(result, tg.Tensor) else np.asarray(result)
        return [x] if x.dtype.kind in "fc" else []
    return []


def real_sum(weights, result):
    """Return the real number whose gradient is checked: the outputs, weighted at random."""
    total = 0.0
    for w, out in zip(weights, outputs(result), strict=True):
        if w.shape != out.shape:
            raise NotSmooth
        used = w != 0  # where the value is not finite, nothing arrives
        if out.ndim and not np.all(used):
            out, w = out[used], w[used]
        if np.any(used):
            total = total + np.sum(np.real(np.conj(w) * out))
    return total


def draw(rng, x):
    """Random numbers of the shape and kind of x, 0 where x is not finite."""
    values = rng.standard_normal(x.shape)
    if x.dtype.kind == "c":
        values = values + 1j * rng.standard_normal(x.shape)
    return np.where(np.isfinite(x), values, 0)


def moved(args, xs, directions, step):
    """Return the arguments with the arrays xs a step further, as plain arrays."""
    places = {id(x): (x.astype(double(x)) + step * v)[()] for x, v in zip(xs, directions)}
    return mapped(args, lambda x: places.get(id(x), x))


def difference(at):
    """Return the derivative of a function of one number at 0, with the error that it may have.

    Raises: NotSmooth where it cannot be told.
    """
    middle, slopes = at(0.0), []
    for h in (STEP, STEP / 2):
        ahead, behind = at(h), at(-h)
        slopes.append(((ahead - behind) / (2 * h), (ahead - middle) / h, (middle - behind) / h))
    (wide, *_), (narrow, right, left) = slopes
    noise = 50 * np.finfo(float).eps * abs(middle) / STEP
    scale = max(abs(narrow), abs(right), abs(left)) + 1e-3
    error = abs(wide - narrow) + noise
    bend = abs(slopes[0][1] - slopes[0][2])  # halves with the step where the function is smooth
    if not np.isfinite(error + bend) or error > SURE * scale:
        raise NotSmooth
    if abs(right - left) > 0.7 * bend + 10 * noise + 1e-7 * scale:
        raise NotSmooth
    return narrow, 10 * error + SURE * scale


def product(gradients, directions):
    """Return the slope along the directions."""
    return sum(
        float(np.sum(np.real(np.conj(v) * np.where(v == 0, 0, g))))
        for g, v in zip(gradients, directions)
    )


class Slope:
    """A call as a function of its floating-point arguments, along one random direction."""

    def __init__(self, function, args):
        self.function, self.args = function, args
        _, pairs = as_leaves(args)
        self.xs = [x for x, _ in pairs]
        rng = np.random.default_rng(0)
        self.directions = [draw(rng, x) * np.maximum(abs_finite(x), 2.0**-10) for x in self.xs]
        self.others = [draw(rng, x) for x in self.xs]
        if any(x.dtype.char in "gG" for x in self.xs):
            raise NotSmooth  # longer than double precision
        results = outputs(self.plain(0.0))
        self.weights = [draw(rng, out) for out in results]
        self.finite = all(np.all(np.isfinite(x)) for x in [*self.xs, *results])
        if not results or sum(x.size for x in self.xs) > ELEMENTS:
            raise NotSmooth
        if not {x.dtype for x in results} <= {np.dtype("f8"), np.dtype("c16")}:
            raise NotSmooth  # differences cannot tell it, or not to so many digits

    def plain(self, step):
        args, kwargs = moved(self.args, self.xs, self.directions, step)
        return self.function(*args, **kwargs)

    def value(self, step):
        return float(real_sum(self.weights, self.plain(step)))

    def gradient(self, step=0.0, again=False):
        """Return the gradients by the engine, some steps away; again: of their sum, weighted at random."""
        there = moved(self.args, self.xs, self.directions, step)
        (args, kwargs), pairs = as_leaves(there, double)
        leaves = [t for _, t in pairs]
        loss = real_sum(self.weights, self.function(*args, **kwargs))
        found = backward(loss, leaves, create_graph=again)
        if not again:
            return [g.data for g in found]
        loss = sum(np.sum(np.real(np.conj(u) * g)) for u, g in zip(self.others, found))
        return [g.data for g in backward(loss, leaves)]

    def is_additive(self, at, expected, tolerance):
        """Return True if the slopes along two directions add up, which at ties of a median they do not."""
        first = self.directions
        rng = np.random.default_rng(1)
        second = [draw(rng, x) * np.maximum(abs_finite(x), 2.0**-10) for x in self.xs]
        try:
            self.directions = second
            other, _ = difference(at)
            self.directions = [a + b for a, b in zip(first, second)]
            both, _ = difference(at)
        except Exception:
            return False
        finally:
            self.directions = first
        return abs(expected + other - both) <= 3 * tolerance + SURE * (abs(other) + abs(both))

    def slope(self, step):
        """Return the number whose derivative is the second order."""
        return product(self.gradient(step), self.others)


def backward(loss, leaves, create_graph=False):
    """Return the gradients of a loss, 0 where nothing was recorded."""
    for t in leaves:
        t.grad = None
    if getattr(loss, "requires_grad", False):
        loss.backward(create_graph=create_graph)
    return [tg.Tensor(np.zeros_like(t.data)) if t.grad is None else t.grad for t in leaves]


def abs_finite(x):
    """Return the magnitudes, by which steps are scaled; 1 for 0."""
    size = np.abs(np.where(np.isfinite(x), x, 0).astype(double(x)))
    return np.where(size == 0, 1, size)


def checked_order(slope, order):
    """Return the verdict on one order: "checked", "skipped", "refused" or "wrong", with the numbers."""
    at = slope.value if order == 1 else slope.slope
    try:
        expected, tolerance = difference(at)
    except Exception:  # not smooth, not finite, or outside the domain a step further
        return "skipped", ""
    if abs(expected) > LARGEST:
        return "skipped", ""
    try:
        found = product(slope.gradient(again=order == 2), slope.directions)
    except Exception as error:
        if is_refusal(error) or isinstance(error, np.linalg.LinAlgError):
            return "refused", str(error)
        return "raises", f"{type(error).__name__}: {error}"
    if abs(found - expected) <= tolerance:
        return "checked", ""
    if np.isnan(found) and not slope.finite:  # 0 times what is not a number is none either
        return "skipped", ""
    if not slope.is_additive(at, expected, tolerance):
        return "skipped", ""
    return "wrong", f"differences {expected:.9g}, found {found:.9g}"


def checked_gradients(function, args):
    """Return the verdicts on the first and the second order."""
    with np.errstate(all="ignore"):
        try:
            slope = Slope(function, args)
        except Exception:
            return ("skipped", ""), ("skipped", "")
        first = checked_order(slope, 1)
        second = checked_order(slope, 2) if first[0] == "checked" else ("skipped", "")
    return first, second
