"""Values and gradients at the kinks: where functions have a corner, a pole or a tie.

There is one convention. Arguments that tie for a choice share the gradient equally: it is the mean of the one-sided
slopes, and 0 at a symmetric corner such as that of abs. An element that is not chosen gets 0, even where its own slope
is infinite. relu has slope 0 at 0.
"""

import doctest
from pathlib import Path

import numpy as np
import pytest

import tensorgrad as tg

BIG = 1e4
E = np.exp(-1.0)


def of_each(f, n):
    """Return f of the elements of one array as n separate arguments."""
    return lambda x: f(*(x[i] for i in range(n)))


# fmt: off
KINKS = [
    # what                            function of one array                         at              value           gradient of its sum
    ("relu",                          tg.relu,                                      [-1, 0, 1],     [0, 0, 1],      [0, 0, 1]),
    ("leaky_relu",                    tg.leaky_relu,                                [-1, 0, 1],     [-0.01, 0, 1],  [0.01, 0.01, 1]),
    ("absolute",                      np.abs,                                       [-1, 0, 1],     [1, 0, 1],      [-1, 0, 1]),
    ("fabs",                          np.fabs,                                      [-1, 0, 1],     [1, 0, 1],      [-1, 0, 1]),
    ("absolute of complex",           np.abs,                                       [0j, 3 + 4j],   [0, 5],         [0, 0.6 + 0.8j]),
    ("maximum, tied",                 of_each(np.maximum, 2),                       [2, 2],         2,              [0.5, 0.5]),
    ("minimum, tied",                 of_each(np.minimum, 2),                       [2, 2],         2,              [0.5, 0.5]),
    ("maximum with itself",           lambda x: np.maximum(x, x),                   [2],            [2],            [1]),
    ("maximum with a number",         lambda x: np.maximum(x, 0),                   [-1, 0, 1],     [0, 0, 1],      [0, 0.5, 1]),
    ("maximum with -inf",             lambda x: np.maximum(x, -np.inf),             [-np.inf, 1],   [-np.inf, 1],   [0.5, 1]),
    ("max, tied",                     np.max,                                       [1, 3, 3, 0],   3,              [0, 0.5, 0.5, 0]),
    ("min, tied",                     np.min,                                       [1, 0, 3, 0],   0,              [0, 0.5, 0, 0.5]),
    ("max, all tied",                 np.max,                                       [1, 1, 1, 1],   1,              [0.25] * 4),
    ("max_pool, tied",                lambda x: tg.max_pool(x.reshape(1, -1, 1), 3).reshape(-1), [2, 1, 2, 0, 0, 0], [2, 0], [0.5, 0, 0.5, 1 / 3, 1 / 3, 1 / 3]),
    ("sort, tied",                    lambda x: np.sort(x) * [1, 2, 4, 8],          [3, 1, 3, 0],   [0, 2, 12, 24], [6, 2, 6, 1]),
    ("sort, at its end as max",       lambda x: np.sort(x)[-1],                     [1, 3, 3, 0],   3,              [0, 0.5, 0.5, 0]),
    ("median, tied",                  np.median,                                    [3, 1, 1, 1, 0], 1,             [0, 1 / 3, 1 / 3, 1 / 3, 0]),
    ("median of two that differ",     np.median,                                    [4, 1, 2, 0],   1.5,            [0, 0.5, 0.5, 0]),
    ("quantile, tied",                lambda x: np.quantile(x, 0.25),               [2, 1, 2, 1, 1], 1,             [0, 1 / 3, 0, 1 / 3, 1 / 3]),
    ("median with infinity",          np.median,                                    [1, np.inf, 2], 2,              [0, 0, 1]),
    ("median between two infinities", np.median,                                    [np.inf, np.inf, 0, 0, np.inf, np.inf], np.inf, [0.25, 0.25, 0, 0, 0.25, 0.25]),
    ("maximum.accumulate, tied",      np.maximum.accumulate,                        [1, 1, 0, 2],   [1, 1, 1, 2],   [2, 1, 0, 1]),
    ("fmax, of NaN",                  lambda x: np.fmax(x, [np.nan, 0, 1]),         [1, 0, 1],      [1, 0, 1],      [1, 0.5, 0.5]),
    ("nanmax, tied",                  np.nanmax,                                    [1, np.nan, 1], 1,              [0.5, 0, 0.5]),
    ("max with an initial, tied",     lambda x: np.max(x, initial=3.0),             [3, 1],         3,              [0.5, 0]),
    ("ptp, all tied",                 np.ptp,                                       [2, 2],         0,              [0, 0]),
    ("clip, at its bounds",           lambda x: np.clip(x, 0, 1),                   [-1, 0, .5, 1, 2], [0, 0, .5, 1, 1], [0, 0.5, 1, 0.5, 0]),
    ("clip, of no width",             lambda x: np.clip(x, 1, 1),                   [0, 2],         [1, 1],         [0, 0]),
    ("sqrt behind where",             lambda x: np.where(x > 0, np.sqrt(x), 0),     [0, 4],         [0, 2],         [0, 0.25]),
    ("log behind where",              lambda x: np.where(x > 0, np.log(x), 0),      [0, 4],         [0, np.log(4)], [0, 0.25]),
    ("1 / x behind where",            lambda x: np.where(x > 0, 1 / x, 0),          [0, 4],         [0, 0.25],      [0, -1 / 16]),
    ("x / x behind where",            lambda x: np.where(x != 0, x / x, 1),         [0, 4],         [1, 1],         [0, 0]),
    ("reciprocal behind where",       lambda x: np.where(x > 0, np.reciprocal(x), 0), [0, 4],       [0, 0.25],      [0, -1 / 16]),
    ("x**0.5 behind where",           lambda x: np.where(x > 0, x**0.5, 0),         [0, 4],         [0, 2],         [0, 0.25]),
    ("x**-1 behind where",            lambda x: np.where(x > 0, x**-1, 0),          [0, 4],         [0, 0.25],      [0, -1 / 16]),
    ("cbrt behind where",             lambda x: np.where(x > 0, np.cbrt(x), 0),     [0, 8],         [0, 2],         [0, 1 / 12]),
    ("arcsin, near 1",                np.arcsin,                                    [1 - 2**-40],   [np.pi / 2 - 2**-19.5], [2**19.5]),
    ("arcsin behind where",           lambda x: np.where(x < 1, np.arcsin(x), 0),   [0, 1],         [0, 0],         [1, 0]),
    ("arccosh behind where",          lambda x: np.where(x > 1, np.arccosh(x), 0),  [1, np.sqrt(2)], [0, np.arccosh(np.sqrt(2))], [0, 1]),
    ("prod with a zero",              np.prod,                                      [2, 0, 3],      0,              [0, 6, 0]),
    ("prod with two zeros",           np.prod,                                      [2, 0, 0],      0,              [0, 0, 0]),
    ("prod that underflows",          lambda x: np.prod(x) * 1e300,                 [1e-300, 1e-200, 1e200],  0,             [1e300, 1e200, 0]),
    ("cumprod with a zero",           np.cumprod,                                   [2, 0, 3],      [2, 0, 0],      [1, 8, 0]),
    ("cumprod with two zeros",        np.cumprod,                                   [2, 0, 0, 3],   [2, 0, 0, 0],   [1, 2, 0, 0]),
    ("prod of nothing but a zero",    np.prod,                                      [0],            0,              [1]),
    ("x**0 at 0",                     lambda x: x**0,                               [0, 2],         [1, 1],         [0, 0]),
    ("x**1 at 0",                     lambda x: x**1,                               [0, 2],         [0, 2],         [1, 1]),
    ("x**2 at 0",                     lambda x: x**2,                               [0, 2],         [0, 4],         [0, 4]),
    ("x**3 below 0",                  lambda x: x**3,                               [-2],           [-8],           [12]),
    ("x**3.0 below 0",                lambda x: x**3.0,                             [-2],           [-8],           [12]),
    ("x**-2 below 0",                 lambda x: x**-2,                              [-2],           [0.25],         [0.25]),
    ("0**x",                          lambda x: 0**x,                               [0, 2],         [1, 0],         [0, 0]),
    ("0**0, of both",                 of_each(np.power, 2),                         [0, 0],         1,              [0, 0]),
    ("0**2, of both",                 of_each(np.power, 2),                         [0, 2],         0,              [0, 0]),
    ("0**1, of both",                 of_each(np.power, 2),                         [0, 1],         0,              [1, 0]),
    ("arctan2 at the origin",         of_each(np.arctan2, 2),                       [0, 0],         0,              [0, 0]),
    ("arctan2 far out",               of_each(np.arctan2, 2),                       [1e200, 1e200], np.pi / 4,      [5e-201, -5e-201]),
    ("hypot at the origin",           of_each(np.hypot, 2),                         [0, 0],         0,              [0, 0]),
    ("hypot far out",                 of_each(np.hypot, 2),                         [3e200, 4e200], 5e200,          [0.6, 0.8]),
    ("sinc at 0",                     np.sinc,                                      [0, 1e-9],      [1, 1],         [0, -np.pi**2 / 3 * 1e-9]),
    ("i0 at 0",                       np.i0,                                        [0, 1e-9],      [1, 1],         [0, 5e-10]),
    ("copysign at 0",                 lambda x: np.copysign(x, -1.0),               [0, 2],         [0, -2],        [0, -1]),
    ("norm at 0",                     np.linalg.norm,                               [0, 0],         0,              [0, 0]),
    ("norm of rows, one of them 0",   lambda x: np.linalg.norm(x, axis=1),          [[0, 0], [3, 4]], [0, 5],       [[0, 0], [0.6, 0.8]]),
    ("norm of order 1 at 0",          lambda x: np.linalg.norm(x, 1),               [0, 2],         2,              [0, 1]),
    ("norm of order inf, tied",       lambda x: np.linalg.norm(x, np.inf),          [2, -2],        2,              [0.5, -0.5]),
    ("det of a singular matrix",      np.linalg.det,                                [[1, 2], [2, 4]], 0,            [[4, -2], [-2, 1]]),
    ("det of zeros",                  np.linalg.det,                                [[0, 0], [0, 0]], 0,            [[0, 0], [0, 0]]),
    ("eigvalsh, repeated",            np.linalg.eigvalsh,                           [[2, 0], [0, 2]], [2, 2],       [[1, 0], [0, 1]]),
    ("svdvals, repeated",             np.linalg.svdvals,                            [[2, 0], [0, 2]], [2, 2],       [[1, 0], [0, 1]]),
    ("nuclear norm at 0",             lambda x: np.linalg.norm(x, "nuc"),           [[0, 0], [0, 0]], 0,            [[0, 0], [0, 0]]),
    ("norm of order 2, tied",         lambda x: np.linalg.norm(x, 2),               [[2, 0], [0, 2]], 2,            [[0.5, 0], [0, 0.5]]),
    ("cond, all tied",                np.linalg.cond,                               [[2, 0], [0, 2]], 1,            [[0, 0], [0, 0]]),
    ("var of one element",            np.var,                                       [3],            0,              [0]),
    ("std of one element",            np.std,                                       [3],            0,              [0]),
    ("std of equal elements",         np.std,                                       [3, 3, 3],      0,              [0, 0, 0]),

    ("exp, underflown",               np.exp,                                       [-BIG],         [0],            [0]),
    ("expm1, far down",               np.expm1,                                     [-BIG, -40],    [-1, -1],       [0, np.exp(-40)]),
    ("log1p",                         np.log1p,                                     [BIG, 1e-20],   [np.log1p(BIG), 1e-20], [1 / (BIG + 1), 1]),
    ("logaddexp",                     of_each(np.logaddexp, 2),                     [BIG, -BIG],    BIG,            [1, 0]),
    ("logaddexp, tied",               of_each(np.logaddexp, 2),                     [-BIG, -BIG],   -BIG + np.log(2), [0.5, 0.5]),
    ("logaddexp, with -inf",          of_each(np.logaddexp, 2),                     [0, -np.inf],   0,              [1, 0]),
    ("logaddexp, of -inf",            of_each(np.logaddexp, 2),                     [-np.inf] * 2,  -np.inf,        [0, 0]),
    ("logsumexp, far up",             tg.logsumexp,                                 [BIG, BIG],     BIG + np.log(2), [0.5, 0.5]),
    ("logsumexp, far apart",          tg.logsumexp,                                 [BIG, -BIG],    BIG,            [1, 0]),
    ("logsumexp, with -inf",          tg.logsumexp,                                 [0, -np.inf],   0,              [1, 0]),
    ("logsumexp, of -inf",            tg.logsumexp,                                 [-np.inf] * 2,  -np.inf,        [0, 0]),
    ("sigmoid",                       tg.sigmoid,                                   [-BIG, 0, BIG], [0, 0.5, 1],    [0, 0.25, 0]),
    ("softplus",                      tg.softplus,                                  [-BIG, 0, BIG], [0, np.log(2), BIG], [0, 0.5, 1]),
    ("tanh",                          np.tanh,                                      [-BIG, 0, BIG], [-1, 0, 1],     [0, 1, 0]),
    ("softmax",                       lambda x: tg.softmax(x) * [1, 2],             [-BIG, BIG],    [0, 2],         [0, 0]),
    ("softmax, tied",                 lambda x: tg.softmax(x) * [1, 2],             [BIG, BIG],     [0.5, 1],       [-0.25, 0.25]),
    ("log_softmax",                   lambda x: tg.log_softmax(x)[:1],              [-BIG, BIG],    [-2 * BIG],     [1, -1]),
    ("softmax_cross_entropy",         lambda x: tg.softmax_cross_entropy(x[None], np.array([0])), [-BIG, BIG], 2 * BIG, [-1, 1]),
    ("sigmoid_cross_entropy",         lambda x: tg.sigmoid_cross_entropy(x, 1),     [-BIG, BIG],    [BIG, 0],       [-1, 0]),
]
FORWARD_WARNS = {"log behind where", "1 / x behind where", "x / x behind where", "reciprocal behind where", "x**-1 behind where"}

DERIVATIVES = [
    # of                              at   the first, the second, …
    (lambda x: x**2,                  0.0, [0, 2, 0]),
    (lambda x: x**3,                  0.0, [0, 0, 6, 0]),
    (lambda x: x**1,                  0.0, [1, 0, 0]),
    (lambda x: x**0,                  0.0, [0, 0, 0]),
    (lambda x: np.power(x, [2.0]),    0.0, [0, 2, 0]),
    (np.square,                       0.0, [0, 2, 0]),
    (lambda x: x * x,                 0.0, [0, 2, 0]),
    (np.prod,                         0.0, [1, 0, 0]),
    (lambda x: np.prod([x * x, x][0] * np.ones(1)), 0.0, [0, 2, 0]),
    (np.sinc,                         0.0, [0, -np.pi**2 / 3, 0, np.pi**4 / 5]),
    (np.i0,                           0.0, [0, 1 / 2, 0, 3 / 8]),
    (lambda x: np.cumprod(x * np.ones(3))[-1], 0.0, [0, 0, 6]),
    (tg.softplus,                     0.0, [1 / 2, 1 / 4, 0]),
    (np.tanh,                         0.0, [1, 0, -2]),
    (lambda x: np.where(x > 0, np.sqrt(x), 0), 0.0, [0, 0, 0]),
    (lambda x: np.where(x > 0, x**0.5, 0), 0.0, [0, 0, 0]),
]
# fmt: on


PAGE = Path(__file__).parents[2] / "docs" / "at_the_kinks.md"
HEAD = """# At the kinks

At a corner, a pole or a tie a function has no single gradient, so one has to be chosen. tensorgrad follows one
convention:

- Arguments that tie for `maximum`, `max`, `sort`, `median`, `clip` and similar functions share the gradient equally.
- At a symmetric corner or tip, such as `abs` and `norm` at 0, the gradient is 0, the mean of the slopes around it.
- An element that `where` does not choose gets 0, even where its own slope is infinite, such as that of a root or a
  logarithm at 0. Where the value itself is infinite or NaN, such as `x * np.log(x)` at 0, so is the gradient.
- `relu` has slope 0 at 0.
- Products, powers and quotients have the right gradient at 0, and intermediate results do not overflow.

Every row is a test in [tests/ops/test_kinks.py](../tests/ops/test_kinks.py), which also generates this page: the value
of the function at the point, and the gradient of its sum.

| function | at | value | gradient |
|---|---|---|---|
"""

TAIL = """
## What this costs: zero times an infinite slope is 0

The convention gives `np.where(x > 0, np.sqrt(x), 0)` its gradient at 0, where PyTorch and JAX return NaN. It has a price.
Where a smooth function is written with a root, a logarithm or a norm, a slope of 0 can meet an infinite one at a point
where their product has a finite limit. The gradient is then 0 and wrong; PyTorch and JAX return NaN there, too.

```python
>>> import numpy as np
>>> import tensorgrad as tg
>>> tg.grad(lambda x: np.sqrt(x) ** 2)(0.0)  # of x, whose slope is 1
np.float64(0.0)

```

At the tip of a norm the first derivative is right, but the second is not:

```python
>>> zero = np.zeros(2)
>>> tg.hessian(lambda x: np.linalg.norm(x) ** 2)(zero)
array([[0., 0.],
       [0., 0.]])
>>> tg.hessian(lambda x: np.sum(x * x))(zero)
array([[2., 0.],
       [0., 2.]])

```

So write the smooth function without the detour:

| instead of | write |
|---|---|
| `np.sqrt(x) ** 2`, `np.cbrt(x) ** 3`, `np.exp(np.log(x))` | `x` |
| `np.linalg.norm(x) ** 2`, `np.sum(np.abs(x) ** 2)` | `np.sum(x * x)` |
| `np.hypot(a, b) ** 2` | `a * a + b * b` |
| `np.abs(z) ** 2` of complex numbers | `z.real ** 2 + z.imag ** 2` |
| `np.std(x) ** 2` | `np.var(x)` |
| `np.sum(np.linalg.svdvals(F) ** 2)` | `np.sum(F * F)` |
| `tg.logsumexp(np.log(p) + z)` | `top + np.log(p @ np.exp(z - top))`, with a constant `top = np.max(z)` |

The last row matters for the weights `p` of a mixture: a weight of 0 gets the gradient 0 and stays 0.

```python
>>> p, z = np.array([1.0, 0.0]), np.array([0.0, 2.0])
>>> tg.grad(lambda p: tg.logsumexp(np.log(p) + z))(p)
array([1., 0.])
>>> top = np.max(z)
>>> tg.grad(lambda p: top + np.log(p @ np.exp(z - top)))(p)
array([1.       , 7.3890561])

```

`tg.detect_anomaly` shows the places. It gives a `tg.KinkWarning`, once for each line, where 0 times an infinite slope was
taken for 0, and where a second derivative is taken at the tip of `abs`, `hypot`, `std`, a norm or a singular value:

```python
>>> import warnings
>>> def warnings_of(derivative, f, x):
...     with tg.detect_anomaly(), warnings.catch_warnings(record=True) as caught:
...         warnings.simplefilter("always", tg.KinkWarning)
...         derivative(f)(x)
...     for warning in caught:
...         print(str(warning.message).partition("\\n")[0])
>>> warnings_of(tg.grad, lambda x: np.sqrt(x) ** 2, 0.0)
the backward of sqrt took 0 times an infinite slope for 0
>>> warnings_of(tg.hessian, lambda x: np.linalg.norm(x) ** 2, zero)
a second derivative of vector_norm is taken at its tip
>>> warnings_of(tg.grad, lambda x: np.where(x > 0, np.sqrt(x), 0), 0.0)
the backward of sqrt took 0 times an infinite slope for 0
>>> warnings_of(tg.grad, lambda x: np.maximum(x, 0) + tg.relu(x), 0.0)

```

The third warning is harmless: behind `np.where`, 0 is right. Only you know if the whole function is smooth at this point,
so the warning names the line, the values and the remedy, and changes no result. The corners of `relu`, `maximum` and
similar functions give no warning. `warnings.simplefilter("error", tg.KinkWarning)` turns the warnings into errors.

## Missing data: zero times NaN is NaN

`np.nanmean`, `np.nansum` and similar functions give the missing elements of their argument the gradient 0. But what was
computed *before* is differentiated as well, and there NaN takes part: the gradient of `y - a * X` squared is
`2 * (y - a * X)` times 0, and NaN times 0 is NaN. PyTorch and JAX return the same.

```python
>>> X, y = np.array([1.0, 2.0, 3.0]), np.array([2.0, np.nan, 6.5])
>>> tg.grad(lambda a: np.nanmean((y - a * X) ** 2))(1.5)
np.float64(nan)

```

Leave the missing elements out first, before anything is computed with them:

```python
>>> ok = ~np.isnan(y)
>>> tg.grad(lambda a: np.mean((y - a * X)[ok] ** 2))(1.5)
np.float64(-6.5)
>>> tg.grad(lambda a: np.mean((y[ok] - a * X[ok]) ** 2))(1.5)
np.float64(-6.5)

```

If NaN is in the data that is multiplied, as in `np.nansum(data * b)`, index the data: `np.sum(data[ok] * b)`.
"""


def written(x) -> str:
    """Format numbers, and lists of them, with four digits."""
    if np.ndim(x):
        return f"[{', '.join(map(written, x))}]"
    return f"{x:.4g}"


def page() -> str:
    rows = (f"| {name} | {' | '.join(map(written, numbers))} |\n" for name, _, *numbers in KINKS)
    return HEAD + "".join(rows) + TAIL


def test_the_page_is_this_table():
    assert PAGE.read_text() == page(), "regenerate it with: python -m tests.ops.test_kinks"


def test_the_blocks_on_the_page_show_what_they_print():
    page = doctest.DocTestParser().get_doctest(PAGE.read_text(), {}, PAGE.name, str(PAGE), 0)
    assert len(page.examples) > 11
    with np.errstate(divide="ignore"):  # the logarithm of the weight 0
        assert doctest.DocTestRunner().run(page).failed == 0


# The spelling that the page advises, a point, and the right gradient there.
# fmt: off
ADVICE = [
    (lambda x: x,                                        0.0,                    1.0),
    (lambda x: np.sum(x * x),                            np.zeros(2),            [0, 0]),
    (lambda F: np.sum(F * F),                            np.diag([1.0, 0.0]),    [[2, 0], [0, 0]]),
    (lambda x: np.var(x),                                np.ones(2),             [0, 0]),
    (lambda z: np.sum(z.real**2 + z.imag**2),            np.array([0j, 1 + 2j]), [0, 2 + 4j]),
]
SECOND = [
    (lambda x: np.sum(x * x),                            np.zeros(2),            2 * np.eye(2)),
    (lambda x: x[0] * x[0] + x[1] * x[1],                np.zeros(2),            2 * np.eye(2)),
    (lambda x: np.var(x),                                np.ones(2),             [[0.5, -0.5], [-0.5, 0.5]]),
    (lambda x: np.sum(np.reshape(x, (2, 2))**2),         np.array([1.0, 0, 0, 0]), 2 * np.eye(4)),
]
# fmt: on


@pytest.mark.parametrize(("f", "at", "expected"), ADVICE)
def test_the_spelling_that_the_page_advises(f, at, expected):
    np.testing.assert_allclose(tg.grad(f)(at), expected)


@pytest.mark.parametrize(("f", "at", "expected"), SECOND)
def test_the_second_derivative_of_that_spelling(f, at, expected):
    np.testing.assert_allclose(tg.hessian(f)(at), expected)


@pytest.mark.parametrize("kink", KINKS, ids=lambda kink: kink[0])
def test_value_and_gradient(kink):
    name, f, at, value, gradient = kink
    x = tg.Tensor(at, requires_grad=True, dtype=complex if np.iscomplexobj(at) else float)
    quiet = (
        "ignore" if name in FORWARD_WARNS else "warn"
    )  # NumPy's own value behind `where` is infinite
    with np.errstate(divide=quiet, invalid=quiet):
        out = f(x)
    np.testing.assert_allclose(out.data, value, rtol=1e-12, atol=1e-300)
    np.sum(out).backward()
    np.testing.assert_allclose(x.grad.data, gradient, rtol=1e-12, atol=1e-300)


@pytest.mark.parametrize(("f", "at", "expected"), DERIVATIVES)
def test_derivatives_of_higher_order(f, at, expected):
    x = tg.Tensor(at, requires_grad=True)
    found, y = [], np.sum(f(x))
    for _ in expected:
        x.zero_grad()
        y.backward(create_graph=True)
        found.append(x.grad.item())
        if x.grad.node is None:  # a constant
            break
        y = x.grad
    np.testing.assert_allclose(found, expected[: len(found)], atol=1e-300)
    assert not np.any(expected[len(found) :])


def test_the_mean_of_more_numbers_than_half_precision_counts():
    x = tg.Tensor(np.ones(70_000, np.float16), requires_grad=True)
    np.mean(x).backward()
    np.testing.assert_allclose(x.grad.data, 1 / 70_000, rtol=0.01)


if __name__ == "__main__":
    PAGE.write_text(page())
