"""The data of a loss is checked once, by prepare; forward computes, and decides nothing by values."""

import numpy as np
import pytest

import nn
import tensorgrad as tg
from tensorgrad.engine.state import Observer, with_state

rng = np.random.default_rng(0)
Z = rng.standard_normal((6, 3)).astype(np.float32)
P = np.exp(Z) / np.exp(Z).sum(axis=1, keepdims=True)
C = rng.integers(0, 3, 6)
ROWS = np.eye(3)[C]
W = rng.random(6).astype(np.float32)
BITS = rng.integers(0, 2, (6, 3))
LOSSES = [
    (nn.CategoricalCrossentropy(), P, C),
    (nn.CategoricalCrossentropy(from_logits=True), Z, C),
    (nn.CategoricalCrossentropy(label_smoothing=0.1, class_weight=[1.0, 2.0, 3.0]), P, C),
    (nn.CategoricalCrossentropy(label_smoothing=0.1), P, ROWS),
    (nn.BinaryCrossentropy(label_smoothing=0.1), P, BITS),
    (nn.BinaryCrossentropy(from_logits=True, class_weight=[1.0, 2.0]), Z, BITS),
    (nn.KLDivergence(), P, P[::-1]),
    (nn.Hinge(), Z, BITS),
    (nn.Hinge(), Z, 2 * BITS - 1),
    (nn.MeanSquaredError(), Z, BITS),
    (nn.MeanAbsoluteError(), Z, BITS),
    (nn.Huber(), Z, BITS),
]


class Undecided(tg.Tensor):
    """A tensor whose value no Python code may look at, as in a trace."""

    __slots__ = ()

    def __bool__(self):
        raise AssertionError("a decision by value")

    __float__ = __int__ = __index__ = __array__ = item = tolist = __bool__


class Follow(Observer):
    """Gives a tensor for every result that has no gradient, and steps that are checks."""

    def __init__(self):
        super().__init__()
        self.names = []

    def evaluate(self, function, args, kwargs, call):
        self.names.append(getattr(function, "__name__", ""))
        result = super().evaluate(function, args, kwargs, call)
        return result if result is None else undecided(result)

    def returned(self, op, args, kwargs, t):
        t.__class__ = Undecided


def undecided(x):
    t = tg.Tensor(x)
    t.__class__ = Undecided
    return t


@pytest.mark.parametrize(("loss", "y_pred", "y"), LOSSES, ids=lambda x: type(x).__name__)
def test_prepared_targets_give_the_same_loss(loss, y_pred, y):
    p = tg.Tensor(y_pred)
    right = loss(p, y)
    assert loss.forward(p, *loss.prepare(p, y)).data.tobytes() == right.data.tobytes()
    assert loss(p, tg.Tensor(y)).data.tobytes() == right.data.tobytes()
    with pytest.raises(TypeError, match=r"would lose the gradient"):
        loss(p, tg.Tensor(y.astype(float), requires_grad=True))


@pytest.mark.parametrize(("loss", "y_pred", "y"), LOSSES, ids=lambda x: type(x).__name__)
def test_nothing_is_decided_by_values_but_in_checks(loss, y_pred, y):
    right = loss(tg.Tensor(y_pred), y)
    follow = Follow()
    with with_state(observer=follow):
        found = loss(undecided(y_pred), undecided(y))
        weighted = loss(undecided(y_pred), undecided(y), undecided(W))
    assert found._value.tobytes() == right.data.tobytes()
    assert weighted._value.tobytes() == loss(tg.Tensor(y_pred), y, W).data.tobytes()
    assert "check_step" in follow.names
    wrong = undecided(np.where(y == np.max(y), 7, y))
    if not isinstance(loss, (nn.MeanSquaredError, nn.MeanAbsoluteError, nn.Huber)):
        with with_state(observer=follow), pytest.raises(ValueError, match="7"):
            loss(undecided(y_pred), wrong)
    with with_state(observer=follow), pytest.raises(ValueError, match="is NaN: 1 of 18 pred"):
        loss(undecided(np.where(y_pred == np.max(y_pred), np.nan, y_pred)), undecided(y))


class Own(nn.losses.Loss):
    """A loss that returns what it was made with."""

    def __init__(self, result):
        self.result = result

    def forward(self, y_pred, y):
        return self.result(y_pred, y)


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (lambda p, y: (p - y) ** 2, r"such as np.mean\(\(y_pred - y\) \*\* 2\), but returned shape \(3, 2\)"),
        (lambda p, y: np.mean((p - y) ** 2, axis=-1), r"returned shape \(3,\)"),
        (lambda p, y: 1.0, "a Tensor that is computed from y_pred, .* but returned 1.0"),
        (lambda p, y: np.mean(p.data), "Own.forward must return one number"),
    ],
)  # fmt: skip
def test_what_a_loss_of_ones_own_may_not_return(result, words):
    with pytest.raises(TypeError, match=words):
        Own(result)(np.ones((3, 2)), np.zeros((3, 2)))
    assert Own(lambda p, y: np.mean(p - y))(np.ones((3, 2)), np.zeros((3, 2))).item() == 1
