"""Rules that run on tensors, and composites, decide nothing by values: their steps can be repeated on other values.

An observer follows all values of a call, as one that writes a program does: a result without a gradient is a tensor, too,
and no Python code may look into a tensor. The results are those of eager mode to the last bit, at both orders.
"""

import contextlib
import warnings

import numpy as np
import pytest

import tensorgrad as tg
from tensorgrad.engine.base import TensorBase, wrap
from tensorgrad.engine.gradients import gradients
from tensorgrad.engine.state import Observer, with_state
from tests.cases import call
from tests.cases.writes import WRITTEN
from tests.ops.test_ops import changed, every_row, leaf, outputs, weights

DECIDED = (
    np.real_if_close,
    np.trim_zeros,
    np.polymul,
    np.polydiv,
    np.poly,
)  # shape or dtype by value


class Decision(AssertionError):
    """Python code looked into a tensor."""


def refuse(*args, **kwargs):
    raise Decision


class Followed(tg.Tensor):
    """A tensor whose value no Python code may look at."""

    __slots__ = ()
    __bool__ = __float__ = __int__ = __index__ = __complex__ = __array__ = __round__ = refuse
    item = tolist = numpy = tobytes = __format__ = refuse
    __hash__ = tg.Tensor.__hash__
    data = property(refuse, refuse)


class Follow(Observer):
    """Gives a tensor for every value that comes from values, also for those that rules saved."""

    def __init__(self):
        super().__init__()
        self.known = {}

    def follow(self, x):
        if isinstance(x, (np.ndarray, np.generic, bool, int, float, complex)):
            x = wrap(np.asarray(x) if not isinstance(x, np.number) else x)  # np.True_ is one object
        if isinstance(x, TensorBase):
            x.__class__ = Followed
            self.known[id(x._value)] = x._value
        return x

    def evaluate(self, function, args, kwargs, call):
        return parts(self.follow, super().evaluate(function, args, kwargs, call))

    def returned(self, op, args, kwargs, t):
        t._value = np.asarray(t._value) if isinstance(t._value, np.bool_) else t._value
        self.follow(t)

    def assigned(self, t, source):
        self.follow(t)

    def saved(self, node, args, out, kwargs):
        def known(x):
            return self.follow(x) if isinstance(x, TensorBase) or id(x) in self.known else x

        return parts(known, list(args)), known(out), parts(known, kwargs)

    def gradient(self, node, t):
        self.follow(t)


def parts(change, x):
    """Change everything in tuples, lists and dicts."""
    if isinstance(x, dict):
        return {key: parts(change, item) for key, item in x.items()}
    if isinstance(x, (tuple, list)):
        items = [parts(change, item) for item in x]
        return type(x)(*items) if hasattr(x, "_fields") else type(x)(items)
    return change(x)


def flat(x):
    if isinstance(x, (tuple, list)):
        return [a for item in x for a in flat(item)]
    return [np.asarray(x._value if isinstance(x, TensorBase) else x)]


def both_orders(op, row, follow):
    """Return the results of an op, and its first and second derivatives."""
    leaves = []

    def lift(x):
        leaves.append(follow(leaf(x)))
        return leaves[-1]

    def pull(ts, **keywords):
        pairs = [(t, follow(tg.Tensor(weights(t._value)))) for t in ts]
        return gradients(pairs, {x.node for x in leaves}, **keywords)

    args, kwargs = changed(row, lift)
    result = op(*args, **kwargs)
    found = flat(result)
    recorded = outputs(result)
    if recorded:
        first = pull(recorded, create_graph=True)
        again = [g for g in first.values() if g.node is not None]
        plain = pull(recorded, retain_graph=True)
        second = pull(again, retain_graph=True) if again else {}
        for x in leaves:
            found += [flat(gs[x.node])[0] for gs in (first, plain, second) if x.node in gs]
    return found


@every_row
def test_nothing_is_decided_by_values(op, row):
    op = WRITTEN.get(op, op)
    observer = Follow()
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        right = both_orders(op, row, lambda t: t)
        allowed = contextlib.suppress(*[Decision] * (op in DECIDED))
        with with_state(observer=observer), allowed:
            found = both_orders(op, row, observer.follow)
            assert [a.tobytes() for a in found] == [b.tobytes() for b in right]
            assert [(a.shape, a.dtype) for a in found] == [(b.shape, b.dtype) for b in right]


KINKS = {  # where rules decide by values: ties, zeros, NaN, repeated numbers
    "divide": (lambda x: x / x[::-1], [0.0, 1.0, 2.0, 0.0]),
    "where sqrt": (lambda x: np.where(x > 0, np.sqrt(x), 0), [0.0, 4.0, -1.0]),
    "log": (lambda x: np.where(x > 0, np.log(x), 0), [0.0, 4.0]),
    "power": (lambda x: x ** np.array([0.0, 2.0, 3.0]), [0.0, 0.0, -2.0]),
    "maximum": (lambda x: np.maximum(x, [1.0, 2.0, 3.0]), [1.0, 5.0, 0.0]),
    "max": (lambda x: np.max(np.reshape(x, (2, 2)), axis=1) ** 2, [1.0, 1.0, 2.0, 3.0]),
    "nanmax": (lambda x: np.nanmax(np.reshape(x, (2, 2)), axis=1) ** 2, [1.0, np.nan, 2.0, 2.0]),
    "max of NaN": (lambda x: np.max(np.reshape(x, (2, 2)), axis=1) ** 2, [1.0, np.nan, 2.0, 2.0]),
    "sort": (lambda x: np.sort(x) ** 2 * np.arange(4), [2.0, 1.0, 2.0, 0.0]),
    "prod": (lambda x: np.prod(x) ** 2, [2.0, 0.0, 3.0]),
    "prod of tiny": (lambda x: np.prod(x), [1e-3, 1e3, 2.0]),
    "median": (lambda x: np.median(x) ** 2, [2.0, 1.0, 2.0, 5.0]),
    "clip": (lambda x: np.clip(x, x[0], x[1]) ** 2, [3.0, 1.0, 2.0]),
    "det": (lambda x: np.linalg.det(np.reshape(x, (2, 2))), [1.0, 2.0, 2.0, 4.0]),
    "masks": (lambda x: np.mean(x[x > 0]) ** 2, [1.0, -1.0, 3.0]),
    "argmax": (lambda x: x[np.argmax(x)] ** 2, [1.0, -1.0, 3.0]),
    "where alone": (lambda x: x[np.where(x > 0)] ** 2, [1.0, -1.0, 3.0]),
    "argsort": (lambda x: x[np.argsort(x)[:2]] ** 2, [1.0, -1.0, 3.0]),
    "sum where": (lambda x: np.sum(x**2, where=x > 0), [1.0, -1.0, 3.0]),
    "std where": (lambda x: np.std(x, where=x > 0), [1.0, -1.0, 3.0]),
    "one-hot": (lambda x: x ** (np.arange(3) == np.argmax(x)), [1.0, 2.0, 3.0]),
}


@pytest.mark.parametrize(("f", "x"), KINKS.values(), ids=KINKS)
def test_kinks_are_not_decided_either(f, x):
    observer = Follow()
    with np.errstate(all="ignore"):
        right = both_orders(f, call(np.array(x)), lambda t: t)
        with with_state(observer=observer):
            found = both_orders(f, call(np.array(x)), observer.follow)
    assert [a.tobytes() for a in found] == [b.tobytes() for b in right]


@pytest.mark.parametrize(
    ("f", "x", "error"),
    [
        (lambda x: np.average(x, weights=x), [1.0, -1.0], ZeroDivisionError),
        (lambda x: np.linalg.cond(np.reshape(x, (2, 2))), [1.0, 2.0, 2.0, 4.0], np.linalg.LinAlgError),
        (lambda x: np.linalg.eigh(np.diag(x))[1][0], [1.0, 1.0], np.linalg.LinAlgError),
    ],
    ids=["average", "cond", "eigh"],
)  # fmt: skip
def test_errors_that_depend_on_values_are_raised_by_checks(f, x, error):
    observer = Follow()
    for follow in (None, observer):
        with with_state(observer=follow), pytest.raises(error):
            both_orders(f, call(np.array(x)), observer.follow if follow else lambda t: t)


def test_an_all_nan_slice_warns_through_a_check():
    observer = Follow()
    x = observer.follow(leaf([np.nan, np.nan]))
    with with_state(observer=observer), pytest.warns(RuntimeWarning, match="All-NaN slice"):
        np.nanmax(x)


def test_check_raises_unless_its_condition_holds():
    tg.check(True, ValueError, "no")
    tg.check(np.True_, ValueError, "no")
    tg.check(tg.Tensor(1.0) > 0, ValueError, "no")
    with pytest.raises(ValueError, match=r"^1\.0 of 2$"):
        tg.check(np.float64(1) > 2, ValueError, "{} of {}", 1.0, 2)
    with pytest.raises(TypeError, match=r"^1 and 2$"):
        tg.check(tg.Tensor(0), TypeError, lambda a, b: f"{a} and {b}", tg.Tensor(1), 2)
    with pytest.warns(UserWarning, match="beware"):
        tg.check(False, UserWarning, "beware")
