"""Elementwise functions: arithmetic, powers, exponentials, trigonometry, and choices between values.

At a kink the gradient is the mean of the two one-sided gradients where arguments tie (maximum, minimum), and 0 at a
symmetric corner (abs at 0). Zero times an infinite slope is 0 (sqrt at 0, if the arriving gradient is 0).
"""

import numpy as np
from numpy._core.umath import clip as clip_ufunc

from tensorgrad.contexts import in_own_context
from tensorgrad.operands import STAND_INS, has_foreign, plain_array
from tensorgrad.ops.common import as_array, as_operand, is_plain, values
from tensorgrad.rules import composite, nondifferentiable, primitive, rule, unsupported


@primitive
@in_own_context
def safe_ratio(g, d):
    """Return g / d, but 0 where both are 0."""
    try:
        with np.errstate(invalid="raise"):  # the division itself detects 0 / 0: no second pass
            return g / d
    except FloatingPointError:
        return g / np.where((g == 0) & (d == 0), 1, d)


@primitive
def quotient(g, d):
    """Return g / d, but 0 where both are 0: a zero gradient times an infinite slope is 0, as behind a `where`."""
    if has_foreign(g, d):  # whose libraries raise no such errors
        return g / _divisor(g, d)
    if type(g) in STAND_INS or type(d) in STAND_INS:
        if any(type(x) not in STAND_INS and np.all(x) for x in (g, d)):
            return g / d
        if not is_plain(g, d):
            return g / _divisor(g, d)
    if getattr(d, "ndim", 0) == 0:
        return g / d if d else g / _divisor(g, d)
    return safe_ratio(g, d)


plain_ratio = safe_ratio.compute  # type: ignore[attr-defined]


def safe_divide(g, d):
    """Return the quotient, of arrays without the time that a primitive takes."""
    if type(g) in STAND_INS or type(d) in STAND_INS or not is_plain(g, d):
        return quotient(g, d)
    return g / d if getattr(d, "ndim", 0) == 0 and d else plain_ratio(g, d)


def _divisor(g, d):
    """Return what `quotient` divides by: d, and 1 where g and d are 0."""
    return d if is_plain(g, d) and np.all(d) else np.where(np.equal(g, 0) & np.equal(d, 0), 1, d)


def _quotient_divisor(t, _out, g, d):
    d = _divisor(g, d)
    return safe_divide(safe_divide(t, d) * g, -d)


def _power_base(g, _out, a, b):
    """b a^(b-1), and 0 where a = 0 and either b = 0 (third derivative of x**2) or the arriving gradient is 0."""
    if isinstance(b, (int, float)) and b >= 1:
        return g * (b * a ** (b - 1))
    # Of integers, unsigned b - 1 would wrap around at 0, int8 at -128.
    if getattr(b, "dtype", g.dtype).kind in "iu":
        b = b.astype(g.dtype)
    zero = np.equal(a, 0)
    if not is_plain(g) or np.any(zero):
        a = np.where(zero & (np.equal(b, 0) | np.equal(g, 0)), 1, a)
    return g * (b * a ** (b - 1))


def _power_exponent(g, out, a, _b):
    """a^b log a, and 0 where a = 0."""
    # Cast first: the log of a Python number is float64, of an int8 float16, of a negative number NaN or complex.
    if getattr(a, "dtype", None) != out.dtype:
        a = cast(a, dtype=out.dtype)
    return g * out * np.log(a + (a == 0))


def _share(a, out):
    """The logarithm of the share of a in the sum: a - out, and -inf where all terms are -inf."""
    return a - np.where(np.equal(out, -np.inf), np.inf, out)


def _chosen(g, a, b, larger):
    """g where `larger` selects the argument, g / 2 where both tie, 0 elsewhere."""
    tied = np.equal(a, b)
    if is_plain(g) and not np.any(tied):
        return g * larger  # a `where` is ten times slower
    return np.where(tied, g * 0.5, g * larger)


def _turn(g, side, a, b):
    """g side / (a² + b²), without squares that could overflow, and 0 at the origin."""
    radius = np.hypot(a, b)
    return safe_divide(safe_divide(g * side, radius), radius)


@primitive
def cast(x, dtype):
    """Convert x to another floating-point or complex dtype."""
    return plain_array(x).astype(dtype)[()]


@primitive
def cast_to_integers(x, dtype):
    """Convert x to a dtype that carries no gradient."""
    return plain_array(x).astype(dtype)


@primitive
def astype(x, dtype):
    """Convert x to a dtype that is not of numbers."""
    return plain_array(x).astype(dtype)


@primitive
def where(condition, x, y):
    """Choose elements of x where the condition holds, and of y elsewhere."""
    return np.where(condition, x, y)


@composite(np.where)
def _where(condition, *choices):
    """Find the positions where the condition holds, if there is nothing to choose from."""
    if not choices:
        return np.nonzero(condition)
    return where(as_array(condition), *map(as_operand, choices))


@primitive
def fraction(x):
    """Return the fractional part of x, with its sign: the first result of np.modf."""
    return np.modf(x)[0]


@primitive
def mantissa(x):
    """Return x without its power of two: the first result of np.frexp."""
    return np.frexp(x)[0]


@primitive
def exponent(x):
    """Return the power of two in x: the second result of np.frexp."""
    return np.frexp(x)[1]


# fmt: off
rule(np.add,         lambda g, _out, _a, _b: g,                       lambda g, _out, _a, _b: g)
rule(np.subtract,    lambda g, _out, _a, _b: g,                       lambda g, _out, _a, _b: -g)
rule(np.multiply,    lambda g, _out, _a, b: g * b,                    lambda g, _out, a, _b: g * a)
rule(np.divide,      lambda g, _out, _a, b: safe_divide(g, b),        lambda g, _out, a, b: safe_divide(safe_divide(g, b) * a, -b))
rule(quotient,       lambda t, _out, g, d: safe_divide(t, _divisor(g, d)),   _quotient_divisor)
rule(np.power,       _power_base,                                     _power_exponent)
rule(np.maximum,     lambda g, _out, a, b: _chosen(g, a, b, np.greater(a, b)),   lambda g, _out, a, b: _chosen(g, a, b, np.greater(b, a)))
rule(np.minimum,     lambda g, _out, a, b: _chosen(g, a, b, np.less(a, b)),      lambda g, _out, a, b: _chosen(g, a, b, np.less(b, a)))
rule(np.fmax,        lambda g, _out, a, b: _chosen(g, a, b, np.greater(a, b) | np.isnan(b)),   lambda g, _out, a, b: _chosen(g, a, b, np.greater(b, a) | np.isnan(a)))
rule(np.fmin,        lambda g, _out, a, b: _chosen(g, a, b, np.less(a, b) | np.isnan(b)),      lambda g, _out, a, b: _chosen(g, a, b, np.less(b, a) | np.isnan(a)))
rule(np.float_power, lambda g, out, a, b: _power_base(g, out, cast(a, dtype=g.dtype), b),      lambda g, out, a, b: _power_exponent(g, out, cast(a, dtype=g.dtype), b))
rule(np.remainder,   lambda g, _out, _a, _b: g,                       lambda g, _out, a, b: -g * np.floor_divide(a, b))
rule(np.fmod,        lambda g, _out, _a, _b: g,                       lambda g, _out, a, b: -g * np.trunc(np.divide(a, b)))
rule(np.nextafter,   lambda g, _out, _a, _b: g,                       lambda g, _out, _a, _b: g * 0)
rule(np.copysign,    lambda g, _out, a, b: g * np.sign(a) * np.copysign(1.0, b).astype(g.dtype),   lambda g, _out, _a, _b: g * 0)
rule(np.heaviside,   lambda g, _out, _a, _b: g * 0,                   lambda g, _out, a, _b: g * np.equal(a, 0))
rule(np.ldexp,       lambda g, _out, _x, n: np.ldexp(g, n),     None)
rule(np.logaddexp,   lambda g, out, a, _b: g * np.exp(_share(a, out)),    lambda g, out, _a, b: g * np.exp(_share(b, out)))
rule(np.logaddexp2,  lambda g, out, a, _b: g * np.exp2(_share(a, out)),   lambda g, out, _a, b: g * np.exp2(_share(b, out)))
rule(np.arctan2,     lambda g, _out, a, b: _turn(g, b, a, b),         lambda g, _out, a, b: _turn(-g, a, a, b))
rule(np.hypot,       lambda g, out, a, _b: safe_divide(g * a, out),   lambda g, out, _a, b: safe_divide(g * b, out))
rule(where,          lambda g, _out, _c, _a, _b: g * 0, lambda g, _out, c, _a, _b: np.where(c, g, 0),   lambda g, _out, c, _a, _b: np.where(c, 0, g))

rule(np.positive,    lambda g, _out, _x: g)
rule(np.negative,    lambda g, _out, _x: -g)
rule(np.fabs,        lambda g, _out, x: g * np.sign(x))
rule(np.degrees,     lambda g, _out, _x: np.degrees(g))
rule(np.rad2deg,     lambda g, _out, _x: np.rad2deg(g))
rule(np.radians,     lambda g, _out, _x: np.radians(g))
rule(np.deg2rad,     lambda g, _out, _x: np.deg2rad(g))
rule(np.unwrap,      lambda g, _out, _p, discont=None, axis=-1, period=2 * np.pi: g)
rule(fraction,       lambda g, _out, _x: g)
rule(mantissa,       lambda g, _out, x: np.ldexp(g, -exponent(x)))
rule(np.reciprocal,  lambda g, _out, x: safe_divide(safe_divide(g, x), -x))
rule(np.square,      lambda g, _out, x: g * (2 * x))
rule(np.sqrt,        lambda g, out, _x: safe_divide(g, 2 * out))
rule(np.cbrt,        lambda g, out, _x: safe_divide(g, 3 * out * out))
rule(np.exp,         lambda g, out, _x: g * out)
rule(np.exp2,        lambda g, out, _x: g * out * float(np.log(2)))
rule(np.expm1,       lambda g, _out, x: g * np.exp(x))   # not out + 1, which loses all digits near out = -1
rule(np.log,         lambda g, _out, x: safe_divide(g, x))
rule(np.log2,        lambda g, _out, x: safe_divide(g, x * float(np.log(2))))
rule(np.log10,       lambda g, _out, x: safe_divide(g, x * float(np.log(10))))
rule(np.log1p,       lambda g, _out, x: safe_divide(g, x + 1))
rule(np.sin,         lambda g, _out, x: g * np.cos(x))
rule(np.cos,         lambda g, _out, x: -g * np.sin(x))
rule(np.tan,         lambda g, out, _x: g * (1 + out * out))
rule(np.arcsin,      lambda g, _out, x: safe_divide(g, np.sqrt((1 - x) * (1 + x))))   # not 1 - x * x, which loses digits near x = 1
rule(np.arccos,      lambda g, _out, x: -safe_divide(g, np.sqrt((1 - x) * (1 + x))))
rule(np.arctan,      lambda g, _out, x: g / (1 + x * x))
rule(np.sinh,        lambda g, _out, x: g * np.cosh(x))
rule(np.cosh,        lambda g, _out, x: g * np.sinh(x))
rule(np.tanh,        lambda g, out, _x: g * (1 - out * out))
rule(np.arcsinh,     lambda g, _out, x: g / np.sqrt(1 + x * x))
rule(np.arccosh,     lambda g, _out, x: safe_divide(g, np.sqrt(x - 1) * np.sqrt(x + 1)))   # two roots: one root of the product is on another branch for complex x
rule(np.arctanh,     lambda g, _out, x: safe_divide(g, (1 - x) * (1 + x)))
rule(cast,           lambda g, _out, _x, dtype=None: g)
rule(np.copy,        lambda g, _out, _x, order="K": g)

nondifferentiable(
    safe_ratio, np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal, np.logical_and, np.logical_or,
    np.logical_not, np.logical_xor, np.isnan, np.isinf, np.isfinite, np.signbit, np.floor,
    np.ceil, np.trunc, np.rint, np.round, np.fix, np.floor_divide, np.isclose, np.allclose, np.array_equal,
    np.invert, np.bitwise_and, np.bitwise_or, np.bitwise_xor, np.left_shift, np.right_shift, np.bitwise_count, np.gcd, np.lcm,
    np.spacing, np.around, np.isposinf, np.isneginf, np.array_equiv, cast_to_integers, exponent,
)
nondifferentiable(np.result_type, np.can_cast, static=True)
# fmt: on
unsupported(
    "an array of objects, texts or times has no gradient; use a dtype of numbers, or pass .data",
    astype,
)


@composite(np.clip)
def clip(a, a_min=None, a_max=None, *, min=None, max=None):
    """Clipped elements get no gradient, elements equal to a bound half of it, as in maximum and minimum."""
    bounds = [None if x is np._NoValue else x for x in (a_min, a_max, min, max)]
    if any(x is not None for x in bounds[:2]) and any(x is not None for x in bounds[2:]):
        raise ValueError("clip takes a_min and a_max, or min and max, but got both")
    low, high = bounds[2:] if bounds[0] is None and bounds[1] is None else bounds[:2]
    clipped = a = as_array(a)
    if low is not None:
        clipped = np.maximum(clipped, within_dtype(low, a.dtype))
    if high is not None:
        clipped = np.minimum(clipped, within_dtype(high, a.dtype))
        if low is not None and (not is_plain(low, high) or np.any(np.greater_equal(low, high))):
            fixed = np.greater_equal(low, high) & np.logical_not(np.isnan(clipped))
            clipped = np.where(fixed, high, clipped)  # a has no influence
    return np.copy(a) if clipped is a else clipped


composite(clip_ufunc, clip)  # array.clip(tensor, tensor) arrives there


def within_dtype(bound, dtype):
    """Return the nearest integer that the dtype has, because a Python integer beyond it raises in other functions."""
    if type(bound) is int and dtype.kind in "iu":
        info = np.iinfo(dtype)
        return sorted((info.min, bound, info.max))[1]
    return bound


@composite(np.astype)
def _astype(x, dtype, copy=True):
    """Integers and booleans carry no gradient."""
    kind = np.dtype(dtype).kind
    function = cast if kind in "fc" else cast_to_integers if kind in "biu" else astype
    return function(x, dtype=dtype)


@composite(np.modf)
def _modf(x):
    part = fraction(x)
    return part, np.trunc(np.astype(values(x), part.dtype))


@composite(np.frexp)
def _frexp(x):
    return mantissa(x), exponent(x)


@composite(np.divmod)
def _divmod(a, b):
    return np.floor_divide(a, b), np.remainder(a, b)
