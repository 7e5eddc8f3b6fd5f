"""The lines that compare what a program was made for say the same as its guards, one by one."""

import array
import contextvars
import os
import types

import numpy as np
import pytest

import tensorgrad as tg
from tensorgrad.engine.state import STATE
from tensorgrad.program import guards
from tensorgrad.program.comparing import all_hold, reader, short_look
from tensorgrad.program.keys import plan_of
from tensorgrad.program.reached import AttributesNow
from tensorgrad.program.sources import BufferSource, Fixed, GradSource, Source


class Plain:
    n = 1.0

    def f(self):
        pass


class Answering(Plain):
    def __getattr__(self, name):
        return 5.0


class Hiding:
    n = property(lambda self: 7.0, lambda self, value: None)


class Slotted:
    __slots__ = ("n",)


def given(kind, **values):
    x = kind()
    vars(x).update(values)
    return x


def cell_of(x):
    return (lambda: x).__closure__[0]


def guard_cases():
    """Return for each kind a guard, changes that it does not see, and those that it does."""
    d, cell, items = {"a": 1.0, "if": 2, ("k",): 3.0}, cell_of(1.0), [1.0]
    x, y, z = given(Plain, n=1.0, m=[]), given(Answering, n=1.0), given(Hiding, n=1.0)
    spaced, s, kept = given(Plain, **{"a b": 1.0, "class": 2.0}), Slotted(), Plain()
    other = given(Plain, n=1.0)
    late, unset = Slotted(), types.CellType()
    s.n, number = 1.0, contextvars.ContextVar("number", default=1.0)
    raw, zeros, kind = array.array("d", [1.0]), np.zeros(2), type("Kind", (Plain,), {})

    def f(a=1):
        pass

    return {
        "item": (
            guards.Guard(d, "a", 1.0), [lambda: d.update(a=2.0 - 1.0)],
            [lambda: d.update(a=2.0), lambda: d.update(a=1), lambda: d.pop("a")],
        ),
        "keyword": (guards.Guard(d, "if", 2), [], [lambda: d.update({"if": True})]),
        "tuple": (guards.Guard(d, ("k",), 3.0), [], [lambda: d.pop(("k",))]),
        "zero": (guards.Guard(d, "b", 0.0), [lambda: d.update(b=0.0)], [lambda: d.update(b=-0.0)]),
        "cell": (
            guards.Guard(cell, None, 1.0), [], [lambda: setattr(cell, "cell_contents", 2.0)],
        ),
        "empty cell": (guards.Guard(cell_of(1.0), None, 2.0), [], []),
        "list": (guards.Guard(items, 0, items[0]), [], [lambda: items.clear()]),
        "member": (
            guards.MemberGuard(kind, "__module__"), [], [lambda: setattr(kind, "__module__", "x")],
        ),
        "instance": (
            guards.InstanceGuard(x, "n", 1.0), [lambda: setattr(x, "n", 2.0 - 1.0)],
            [lambda: setattr(x, "n", 2.0), lambda: setattr(x, "n", "text")],
        ),
        "instance of a list": (guards.InstanceGuard(x, "m", x.m), [], [lambda: setattr(x, "m", [])]),
        "answering": (guards.InstanceGuard(y, "n", 1.0), [], [lambda: vars(y).update(n=5.0)]),
        "hiding": (guards.InstanceGuard(z, "n", 1.0), [], [lambda: vars(z).update(n=7.0)]),
        "spaced": (guards.InstanceGuard(spaced, "a b", 1.0), [], [lambda: vars(spaced).clear()]),
        "reserved": (guards.InstanceGuard(spaced, "class", 2.0), [], [lambda: vars(spaced).clear()]),
        "slot": (
            guards.AttributeGuard(s, "n", 1.0), [], [lambda: setattr(s, "n", 2.0), lambda: delattr(s, "n")],
        ),
        "context": (guards.ContextGuard(number, "number", 1.0), [], [lambda: number.set(2.0)]),
        "class value": (
            guards.ClassGuard(kept, "n", 1.0), [],
            [lambda: setattr(kept, "n", 1.0), lambda: vars(kept).pop("n"), lambda: setattr(Plain, "n", 2.0)],
        ),
        "function": (
            guards.FunctionGuard(f, None, guards.defined_by(f)), [],
            [lambda: setattr(f, "__defaults__", (2,)), lambda: setattr(f, "__code__", Plain.f.__code__)],
        ),
        "type": (guards.TypeGuard(kept, None, Plain), [], [lambda: setattr(kept, "__class__", kind)]),
        "size": (guards.SizeGuard(items), [lambda: items.append(1)], [lambda: items.append(1)]),
        "attributes": (
            guards.SizeGuard(AttributesNow(other)), [lambda: setattr(other, "n", 3.0)],
            [lambda: setattr(other, "__dict__", {"n": 3.0, "m": 1.0})],
        ),
        "order": (
            guards.OrderGuard(d), [lambda: d.update(a=5.0)],
            [lambda: d.update(a=d.pop("a")), lambda: d.pop("a")],
        ),
        "order of texts": (
            guards.OrderGuard(vars(x)), [], [lambda: vars(x).update(n=vars(x).pop("n")), vars(x).clear],
        ),
        "absent": (guards.AbsentGuard(d, "len", None), [], [lambda: d.update(len=None)]),
        "unset slot": (guards.UnsetGuard(Slotted(), "m", None), [], []),
        "slot set later": (guards.UnsetGuard(late, "n", None), [], [lambda: setattr(late, "n", None)]),
        "cell set later": (
            guards.UnsetGuard(unset, "cell_contents", None), [],
            [lambda: setattr(unset, "cell_contents", None)],
        ),
        "array": (guards.ArrayGuard(zeros), [], [lambda: zeros.__setitem__(0, -0.0)]),
        "bytes": (guards.ArrayGuard(raw), [], [lambda: raw.append(1.0)]),
        "environment": (
            guards.EnvironmentGuard(None, None, dict(os.environ)), [],
            [lambda: os.environ.update(TENSORGRAD_TEST="1")],
        ),
    }  # fmt: skip


@pytest.fixture(autouse=True)
def as_before():
    yield
    Plain.n = 1.0
    os.environ.pop("TENSORGRAD_TEST", None)


@pytest.mark.parametrize("kind", guard_cases())
def test_the_lines_hold_as_the_guard_does(kind):
    guard, unseen, seen = guard_cases()[kind]
    compare = all_hold([guard], [], [])
    for change in (lambda: None, *unseen, *seen):
        change()
        assert compare() is bool(guard.holds())
    assert not seen or not compare()


def test_every_kind_of_guard_has_a_case():
    kinds = {type(guard) for guard, _, _ in guard_cases().values()}
    defined = {
        x for x in vars(guards).values() if isinstance(x, type) and issubclass(x, guards.Guard)
    }
    assert kinds == defined


def test_nodes_hooks_and_gradients_are_compared():
    t = tg.Tensor(np.ones(2), requires_grad=True)
    compare = all_hold([], [(t, t.node)], [(t, False)])
    assert compare()
    np.sum(t).backward()
    with_gradient = all_hold([], [(t, t.node)], [(t, True)])
    assert with_gradient()
    assert not compare()
    remove = t.register_hook(lambda g: g)
    assert not with_gradient()
    remove()
    assert with_gradient()
    t.grad = None
    assert [with_gradient(), compare()] == [False, True]
    constant = tg.Tensor(np.ones(2))
    compare = all_hold([], [(constant, None)], [])
    assert compare()
    constant.requires_grad = True
    assert not compare()


def test_a_short_look_at_arguments():
    x = np.ones((2, 3))
    plan = plan_of((x, 1.0, None, np.ones(1)))
    true = [True]
    look = short_look(plan, STATE.get().recording, lambda: true[0])
    good = (x, 2.0, None, np.zeros(1))
    assert look(good)
    others = [
        good[:3], (*good, x), (x.T, *good[1:]), (x.astype("f4"), *good[1:]), (tg.Tensor(x), *good[1:]),
        (np.ones((4, 3))[::2], *good[1:]), (x, 1, *good[2:]), (x, 2.0, 0.0, good[3]),
        (x.view(type("Users", (np.ndarray,), {})), *good[1:]),
    ]  # fmt: skip
    assert not any(map(look, others))
    with tg.no_grad():
        assert not look(good)
    with tg.no_compile():
        assert not look(good)
    with tg.trace():
        assert not look(good)
    true[0] = False
    assert not look(good)
    assert not short_look(None, True, lambda: True)(())
    assert short_look([], True, lambda: True)(())


def test_sources_are_read_in_order():
    t = tg.Tensor(np.ones(2), requires_grad=True)
    np.sum(t * 2).backward()
    buffers = types.SimpleNamespace(mean=np.zeros(1))
    sources = [Source(t), GradSource(t), BufferSource(vars(buffers), "mean"), Fixed(len)]
    found = reader(sources)()
    assert all(map(lambda a, b: a is b, found, [t._value, t.grad._value, buffers.mean, len]))
    buffers.mean = np.ones(1)
    assert reader(sources)()[2] is buffers.mean
