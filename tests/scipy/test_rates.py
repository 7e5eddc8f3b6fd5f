"""The equations of sensitivities as programs: the same bits, and recorded calls where there can be none."""

import numpy as np
import pytest

import tensorgrad as tg

pytest.importorskip("scipy.integrate")
from tensorgrad.scipy import integrate, rates


def swing(t, y, pull, drag):
    return np.stack([y[1], -pull["g"] * np.sin(y[0]) - drag * y[1]])


def swung(g, drag, y0, sensitivity, fun=swing):
    path = integrate.solve_ivp(
        fun, (0, 4), y0, args=({"g": g}, drag), sensitivity=sensitivity, rtol=1e-6
    )
    return np.sum(path.y[:, -1])


@pytest.mark.parametrize("sensitivity", ["forward", "adjoint"])
def test_a_program_gives_the_same_bits(sensitivity, monkeypatch):
    gradient = tg.grad(lambda *xs: swung(*xs, sensitivity), (0, 1, 2))
    given = [(9.8, 0.3, np.array([1.0, 0.0])), (5.0, 0.1, np.array([0.5, 1.0]))]
    monkeypatch.setattr(rates, "PROGRAMS", {})
    monkeypatch.setattr(rates, "EAGER_STEPS", 10**9)
    right = [gradient(*xs) for xs in given]
    monkeypatch.setattr(rates, "EAGER_STEPS", 1)
    monkeypatch.setattr(rates, "PROGRAMS", {})
    found = [gradient(*xs) for xs in given]
    (program,) = rates.PROGRAMS.values()
    assert len(program.compiled.programs) == 1  # for both solutions
    for a, b in zip(found, right, strict=True):
        for x, y in zip(a, b, strict=True):
            np.testing.assert_array_equal(x, y)
    with tg.no_compile():
        calls = program.calls
        gradient(*given[0])
        assert program.calls > calls


def test_what_cannot_be_a_program_is_recorded(monkeypatch):
    monkeypatch.setattr(rates, "EAGER_STEPS", 1)
    monkeypatch.setattr(rates, "PROGRAMS", {})

    def deciding(t, y, pull, drag):
        return swing(t, y, pull, drag if y[1] > 0 else drag * 1.0)

    def outside(fun):
        k = tg.Tensor(0.3, requires_grad=True)
        swung(9.8, 0.3, [1.0, 0.0], None, lambda t, y, *args: fun(t, y, *args) * k).backward()
        return k.grad

    same = [
        tg.grad(lambda g, f=f: swung(g, 0.3, [1.0, 0.0], None, f))(9.8) for f in (swing, deciding)
    ]
    assert same[0] == same[1]
    assert [p.function is None for p in rates.PROGRAMS.values()] == [False, True]
    assert outside(swing) == outside(deciding)  # a tensor from outside is no argument
    assert len(rates.PROGRAMS) == 2


def test_a_tensor_that_is_given_twice(monkeypatch):
    monkeypatch.setattr(rates, "EAGER_STEPS", 1)

    def last(k):
        fall = lambda t, y, a, b: -a * y * b
        return integrate.solve_ivp(fall, (0, 1), [1.0], args=(k, k), rtol=1e-10, atol=1e-10).y[
            0, -1
        ]

    assert np.isclose(tg.grad(last)(2.0), -4 * np.exp(-4), rtol=1e-8)  # of exp(-k²)


def test_a_number_from_outside_may_change(monkeypatch):
    monkeypatch.setattr(rates, "EAGER_STEPS", 1)
    factor = {"of drag": 1.0}

    def changing(t, y, pull, drag):
        return swing(t, y, pull, factor["of drag"] * drag)

    gradient = tg.grad(lambda g, d: swung(g, d, [1.0, 0.0], None, changing))
    first = gradient(9.8, 0.3)
    factor["of drag"] = 2.0
    np.testing.assert_allclose(gradient(9.8, 0.15), first, rtol=1e-9)


def test_programs_are_kept_for_a_few_functions(monkeypatch):
    monkeypatch.setattr(rates, "PROGRAMS", {})
    for _ in range(rates.KEPT_EQUATIONS + 3):
        tg.grad(lambda g: swung(g, 0.3, [1.0, 0.0], None, lambda *args: swing(*args)))(9.8)
    assert len(rates.PROGRAMS) == rates.KEPT_EQUATIONS


def test_calls_that_are_watched_are_recorded(monkeypatch):
    monkeypatch.setattr(rates, "EAGER_STEPS", 1)
    monkeypatch.setattr(rates, "PROGRAMS", {})
    gradient = tg.grad(lambda g: swung(g, 0.3, [1.0, 0.0], None))
    with tg.detect_anomaly():
        gradient(9.8)
    (program,) = rates.PROGRAMS.values()
    assert program.calls > 1
    assert not program.compiled.programs
    gradient(9.8)
    assert program.compiled.programs
