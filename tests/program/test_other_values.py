"""Programs called with other values than at the trace: no branch may be cut that these values take.

The comparison with which a program is made sees the values of the trace only, so what a cut function
does for others is seen here: zeros, ties, NaN, infinities, and arrays that lie otherwise in memory.
"""

import inspect
import warnings

import numpy as np
import pytest

import tensorgrad as tg
from tensorgrad.program.arrays import Untraceable
from tests.program import branch_constructs, constructs
from tests.program.test_compile import same
from tests.program.test_table import ROWS, derivative

pytestmark = pytest.mark.usefixtures("functions_of_tests_are_cut")

VALUES = [
    np.array(x)
    for x in (
        [0.1, 0.2, 0.3, 0.4],
        [11.0, -1, 2, 3],
        [25.0, 2, 30, 4],
        [-1.0, 2, 0, 50],
        [0.0, 0, 0, 0],
        [11.0, 11, 11, 11],
        [np.nan, 1, np.inf, -np.inf],
        [1e30, -1e-30, -0.0, 5],
        [12.0, 13, 14, 15],
    )
]
BODIES = {
    name: f
    for module in (constructs, branch_constructs)
    for name, f in vars(module).items()
    if inspect.isfunction(f)
    and f.__module__ == module.__name__
    and next(iter(inspect.signature(f).parameters), "") == "x"
}


def outcome(f, *args):
    """Return what a call returns, or the error that it raises; it draws what the others draw."""
    state = np.random.get_state()
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            return "returns", f(*args)
        except Exception as error:
            return type(error), str(error)
        finally:
            np.random.set_state(state)


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("name", BODIES)
def test_a_body(name, first):
    primitive = tg.primitive(BODIES[name])
    compiled = tg.compile(lambda x: primitive(x))
    made = outcome(compiled.program, VALUES[first])
    if made[0] != "returns":
        assert made[0] is Untraceable or made == outcome(primitive, VALUES[first])
        return
    for x in VALUES:
        assert same(outcome(primitive, x), outcome(compiled, x)), (x, str(made[1]))


# Rules


def with_a_mean(g, _out, x):
    if np.isnan(x).any():
        return np.zeros_like(g)
    mean = x.mean()
    rest = x - mean
    near = abs(float(mean)) < float(np.abs(rest).max())
    return g * rest if near else g * x


def from_the_first_large(g, _out, x):
    found = np.zeros(x.shape, g.dtype)
    for i, v in enumerate(x):
        if float(v) > 10:
            part = found[i:]
            part += g[i]
            break
    else:
        return g * 2
    return found


def halves(g, x):
    h = 1 if float(x[0]) > 10 else 2
    return g[:h], g[h:]


def by_halves(g, _out, x):
    first, second = halves(g, x)
    return np.concatenate([first * 2, second])


def in_order(g, _out, x):
    order = np.argsort(x)
    return g[order[::-1] if float(x[order[0]]) < 0 else order]


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("rule", [with_a_mean, from_the_first_large, by_halves, in_order])
def test_a_rule(rule, first):
    primitive = tg.primitive(lambda x: x * 1.0)
    tg.rule(primitive, rule)
    f = tg.value_and_grad(lambda x: np.sum(primitive(x) ** 2))
    compiled = tg.compile(f)
    program = compiled.program(VALUES[first])
    assert rule.__name__ in program.source
    for x in VALUES:
        assert same(outcome(f, x), outcome(compiled, x)), (x, program.source)


# The table of operations


def variants(x, rng):
    """Yield other values of an array."""
    drawn = rng.standard_normal(x.shape) + (
        1j * rng.standard_normal(x.shape) if x.dtype.kind == "c" else 0
    )
    for factor in (1, 3, 1e30, 1e-30):
        yield (drawn * factor).astype(x.dtype)
    for value in (0.0, -0.0, 1.0, np.nan, np.inf, -np.inf):
        yield np.full_like(x, value)
    yield -np.abs(x).astype(x.dtype)
    yield (x * 1e-3 + 1e4).astype(x.dtype)  # a mean that is larger than the deviation
    for value in (np.nan, np.inf, 0.0, -0.0) if x.size else ():
        one = x.copy()
        one.flat[x.size // 2] = value
        yield one
    for order in (1, -1):
        yield np.sort(x, axis=None)[::order].reshape(x.shape)
    if x.ndim:
        yield np.broadcast_to(x[:1], x.shape).copy()
        yield np.broadcast_to(x[..., :1], x.shape).copy()


def layouts(x):
    """Yield an array as it may lie in memory."""
    yield np.repeat(x, 2, -1)[..., ::2]
    yield np.ascontiguousarray(x[..., ::-1])[..., ::-1]
    locked = x.copy()
    locked.flags.writeable = False
    yield locked


def other_arguments(args, places):
    """Yield arguments, of which some have other values."""
    rng = np.random.default_rng(0)
    for i, x in enumerate(args):
        if not isinstance(x, np.ndarray):
            continue
        found = [*variants(x, rng), *(layouts(x) if x.ndim else ())] if i in places else []
        if x.dtype == bool:
            found = [np.ones_like(x), np.zeros_like(x)]
        for other in found:
            yield (*args[:i], other, *args[i + 1 :])


# Known to differ with copied functions left whole, too: polydiv and poly trim, or are complex, by
# values, and the checks of quantiles that a derivative does not need are left out, or come later.
NOT_COMPARED = {"polydiv", "poly", "nanquantile", "percentile", "nanpercentile", "quantile"}


def compare(row, order, dtype=np.float64):
    """Compare a row's program with eager, to the bit, on many other values."""
    name, function, call, places = row
    if name.split("-")[1] in NOT_COMPARED:
        return
    args = tuple(
        x.astype(dtype) if isinstance(x, np.ndarray) and x.dtype.kind == "f" else x
        for x in call.args
    )
    f = derivative(function, call, places, order)
    static = [
        i
        for i, x in enumerate(args)
        if i not in places and not isinstance(x, (np.ndarray, np.generic))
    ]
    if outcome(f, *args)[0] != "returns":
        return
    compiled = tg.compile(f, static_argnums=tuple(static))
    made = outcome(compiled.program, *args)
    if made[0] is Untraceable or not made[1]._text.functions.definitions:
        return
    for other in other_arguments(args, places):
        assert same(outcome(f, *other), outcome(compiled, *other)), (name, other)


COPIED = [
    row
    for row in ROWS
    if row[0].split("-")[0]
    in ("normalization", "pooling", "convolution", "attention", "lstm", "recurrent")
]


@pytest.mark.parametrize("row", COPIED[::8], ids=lambda row: row[0])
def test_a_row(row):
    compare(row, 1)


@pytest.mark.long
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_all_rows(row, dtype):
    compare(row, 1, dtype)


@pytest.mark.long
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_all_second_derivatives(row):
    compare(row, 2)
