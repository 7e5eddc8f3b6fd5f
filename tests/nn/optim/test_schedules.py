"""Schedules against their formulas, PyTorch's schedulers, and through files."""

import json
import math

import numpy as np
import pytest

import nn
import tensorgrad as tg
from nn import schedules
from nn.config import build, describe


@schedules.define
def sawtooth(t, learning_rate, every=4):
    """Fall and start again."""
    return learning_rate * (1 - (t % every) / every)


# fmt: off
CASES = [  # schedule, its rate by hand
    (schedules.constant(0.3),                    lambda t: 0.3),
    (schedules.step(0.8, 4, 0.5),                lambda t: [0.8, 0.4, 0.2, 0.1, 0.05, 0.025][t // 4]),
    (schedules.exponential(0.8, 0.25, every=4),  lambda t: 0.8 * 0.25 ** (t / 4)),
    (schedules.inverse_time(0.5, 0.1),           lambda t: 0.5 / (1 + 0.1 * t)),
    (schedules.cosine(0.4, 10, 0.1),             lambda t: 0.1 + 0.3 * math.cos(math.pi / 20 * min(t, 10)) ** 2),
    (schedules.warmup(0.5, 4),                   lambda t: min(t + 1, 5) / 5 * 0.5),
    (schedules.warmup(schedules.step(0.5, 2, 0.1), 4), lambda t: (t + 1) * 0.1 if t < 4 else 0.5 * 0.1 ** ((t - 4) // 2)),
    (sawtooth(1.0),                              lambda t: [1, 0.75, 0.5, 0.25][t % 4]),
]
TORCH = [  # schedule, the same of torch.optim.lr_scheduler with the rate 0.4
    (schedules.step(0.4, 5, 0.3),         lambda s, o: s.StepLR(o, 5, 0.3)),
    (schedules.exponential(0.4, 0.9),     lambda s, o: s.ExponentialLR(o, 0.9)),
    (schedules.cosine(0.4, 20, 0.05),     lambda s, o: s.CosineAnnealingLR(o, 20, 0.05)),
    (schedules.one_cycle(0.4, 20),        lambda s, o: s.OneCycleLR(o, 0.4, 20)),
    (schedules.one_cycle(0.4, 20, rise=0.1, initial_factor=0.1, final_factor=0.01), lambda s, o: s.OneCycleLR(o, 0.4, 20, pct_start=0.1, div_factor=10, final_div_factor=10)),
    (schedules.warmup(0.4, 4),            lambda s, o: s.LinearLR(o, 0.2, total_iters=4)),
    (schedules.warmup(schedules.cosine(0.4, 16), 4), lambda s, o: s.SequentialLR(o, [s.LinearLR(o, 0.2, total_iters=4), s.CosineAnnealingLR(o, 16)], [4])),
]
# fmt: on
ALL = [case[0] for case in CASES] + [case[0] for case in TORCH]


def name(value):
    """Name a case by its schedule; repr of a function is another in each process."""
    return repr(value) if isinstance(value, schedules.Schedule) else "oracle"


def leaf(array):
    return tg.Tensor(array, requires_grad=True)


def rates_of(optimizer, steps):
    """List the rate of each of the next steps, as the optimizer reports and as it takes it."""
    (p,) = optimizer.parameters
    taken = []
    for _ in range(steps):
        before = p.data.copy()
        p.grad = tg.Tensor(np.ones(1))
        optimizer.step()
        rate = optimizer.current_learning_rate
        np.testing.assert_allclose(before - p.data, rate, rtol=1e-12, atol=1e-14)
        taken.append(rate)
    return taken


@pytest.mark.parametrize(("schedule", "by_hand"), CASES, ids=name)
def test_rates_by_hand(schedule, by_hand):
    expected = [by_hand(t) for t in range(20)]
    np.testing.assert_allclose([schedule(t) for t in range(20)], expected, rtol=1e-12)
    optimizer = nn.SGD([leaf(np.zeros(1))], learning_rate=schedule)
    np.testing.assert_allclose(rates_of(optimizer, 20), expected, rtol=1e-12)


@pytest.mark.filterwarnings("ignore:.*(epoch parameter|lr_scheduler.step)")
@pytest.mark.parametrize(("schedule", "theirs"), TORCH, ids=name)
def test_rates_are_torchs(schedule, theirs):
    torch = pytest.importorskip("torch")
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.4)
    scheduler = theirs(torch.optim.lr_scheduler, optimizer)
    for t in range(20):
        expected = optimizer.param_groups[0]["lr"]
        assert math.isclose(schedule(t), expected, rel_tol=1e-9, abs_tol=1e-12), t
        optimizer.step()
        scheduler.step()


@pytest.mark.parametrize("schedule", ALL, ids=name)
def test_descriptions_hold_name_and_arguments(schedule):
    again = build(json.loads(json.dumps(describe(schedule))))
    assert repr(again) == repr(schedule)
    assert [again(t) for t in range(30)] == [schedule(t) for t in range(30)]
    optimizer = build(json.loads(json.dumps(describe(nn.Adam(learning_rate=schedule)))))
    assert repr(optimizer) == f"Adam(learning_rate={schedule!r})"


def test_the_books_decay_is_inverse_time():
    plain = nn.SGD([leaf(np.zeros(1))], learning_rate=0.5, decay=0.1)
    scheduled = nn.SGD([leaf(np.zeros(1))], learning_rate=schedules.inverse_time(0.5, 0.1))
    assert rates_of(plain, 9) == rates_of(scheduled, 9)


def test_after_its_steps_a_schedule_stays():
    for schedule, last in (
        (schedules.cosine(0.4, 10, 0.1), 0.1),
        (schedules.one_cycle(1, 10), 4e-6),
    ):
        assert [schedule(t) for t in (10, 11, 1000)] == pytest.approx([last] * 3)
    assert schedules.one_cycle(1, 1)(0) == pytest.approx(4e-6)
    assert schedules.one_cycle(1, 10, rise=0)(0) == 1


def test_a_state_continues_with_the_schedule():
    def make():
        return nn.SGD([leaf(np.zeros(1))], learning_rate=schedules.cosine(0.4, 10))

    straight = rates_of(make(), 8)
    first, second = make(), nn.SGD([leaf(np.zeros(1))])
    rates_of(first, 3)
    second.load_state_dict(first.state_dict())
    assert second.current_learning_rate == straight[2]
    assert rates_of(second, 5) == straight[3:]


def test_a_function_is_a_schedule_but_cannot_be_saved():
    def halves(t):
        return 0.5**t

    optimizer = nn.SGD([leaf(np.zeros(1))], learning_rate=halves)
    assert rates_of(optimizer, 4) == [1, 0.5, 0.25, 0.125]
    for act in (optimizer.state_dict, optimizer.config, lambda: describe(optimizer)):
        with pytest.raises(TypeError, match=r"is the function halves, .* put @nn.schedules.define"):
            act()
    nested = schedules.warmup(halves, 3)
    assert nested(3) == 1
    with pytest.raises(TypeError, match="is the function halves"):
        describe(nn.SGD(learning_rate=nested))


@pytest.mark.parametrize("value", [math.nan, -0.1, math.inf, "fast", None])
def test_a_wrong_rate_is_refused_at_the_step(value):
    p = leaf(np.zeros(1))
    optimizer = nn.Adam([p], learning_rate=lambda t: 0.1 if t < 2 else value)
    for _ in range(2):
        p.grad = tg.Tensor(np.ones(1))
        optimizer.step()
    before = p.data.copy(), optimizer.iterations
    with pytest.raises(ValueError, match=f"rate of step 2, from the schedule .*, is {value!r}"):
        optimizer.step()
    assert (p.data, optimizer.iterations) == before


@pytest.mark.parametrize(
    ("act", "error", "words"),
    [
        (lambda: nn.SGD(learning_rate=schedules.constant(1), decay=0.1), ValueError, r"decay=0.1 would be another; .*inverse_time\(rate, d\)"),
        (lambda: schedules.cosine(0.1, 0), ValueError, "cosine was given steps=0, but steps must be above 0"),
        (lambda: schedules.step(-1, 5), ValueError, "step was given learning_rate=-1"),
        (lambda: schedules.one_cycle(1, 5, rise=2), ValueError, "rise=2, but rise must be at least 0 and below 1"),
        (lambda: schedules.cosine(0.1, "10"), ValueError, "steps='10'"),
        (lambda: schedules.cosine(0.1), TypeError, r"cosine\(learning_rate: .*\): missing .* 'steps'"),
        (lambda: schedules.cosine(0.1, 9, end=1), TypeError, r"cosine\(.* unexpected .* 'end'"),
        (lambda: build({"kind": "Schedule", "config": {"name": "waves", "arguments": {}}}), ValueError, r"no schedule 'waves'; .*@nn.schedules.define .*cosine"),
    ],
)  # fmt: skip
def test_wrong_arguments(act, error, words):
    with pytest.raises(error, match=words):
        act()


def test_a_name_stands_for_one_schedule():
    with pytest.raises(
        ValueError, match=r"name cosine .* already stands for the schedule nn\.optim"
    ):

        @schedules.define
        def cosine(t):
            return 1.0


def test_a_plot_shows_all_steps(tmp_path):
    pytest.importorskip("matplotlib")
    assert schedules.cosine(0.1, 50).length() == 50
    assert schedules.warmup(schedules.cosine(0.1, 50), 5).length() == 55
    assert schedules.constant(0.1).length() == 1000
    schedules.warmup(schedules.cosine(0.1, 50), 5).plot(tmp_path / "rates.png")
    assert (tmp_path / "rates.png").stat().st_size > 5000
