"""no_grad and enable_grad: as context managers and decorators, across threads, generators, tasks."""

import asyncio
import threading
import weakref
from contextlib import suppress

import numpy as np
import pytest

import tensorgrad as tg
from tensorgrad.engine.state import STATE, Observer, with_state

x = tg.Tensor([1.0, 2.0], requires_grad=True)


def records() -> bool:
    return (x * 2).requires_grad


@pytest.fixture(autouse=True)
def left_as_it_was():
    before = STATE.get()
    yield
    assert STATE.get() is before


def test_recording_is_the_default():
    assert records()


def test_context_managers_nest():
    with tg.no_grad():
        assert not records()
        with tg.enable_grad():
            assert records()
            with tg.no_grad():
                assert not records()
            assert records()
        assert not records()
    assert records()


def test_one_object_can_be_entered_inside_itself():
    off = tg.no_grad()
    with off, off:
        assert not records()
    with off:
        assert not records()
    assert records()


def test_an_exception_passes_and_the_state_is_restored():
    with pytest.raises(KeyError), tg.no_grad():
        raise KeyError
    assert records()


@pytest.mark.parametrize("decorator", [tg.no_grad, tg.no_grad()], ids=["bare", "called"])
def test_decorator_without_and_with_parentheses(decorator):
    @decorator
    def f(a, *, b=0):
        """Add."""
        return a + b, records()

    assert f(1, b=2) == (3, False)
    assert records()
    assert (f.__name__, f.__doc__) == ("f", "Add.")


def test_decorated_recursion():
    @tg.no_grad
    def f(n):
        return [records()] + (f(n - 1) if n else [])

    assert f(3) == [False] * 4


def test_decorated_method():
    class Model:
        @tg.no_grad()
        def predict(self):
            return records()

    assert Model().predict() is False


def test_enable_grad_decorates_too():
    @tg.enable_grad
    def f():
        return records()

    with tg.no_grad():
        assert f()
        assert not records()


def test_a_decorated_generator_records_nothing_inside_its_body_only():
    @tg.no_grad
    def steps():
        got = yield records()
        try:
            yield got, records()
        except ValueError as error:
            yield str(error), records()
        return "done", records()

    generator = steps()
    assert next(generator) is False
    assert records()
    assert generator.send("sent") == ("sent", False)
    assert records()
    assert generator.throw(ValueError("thrown")) == ("thrown", False)
    with pytest.raises(StopIteration) as stop:
        next(generator)
    assert stop.value.value == ("done", False)


def test_the_consumer_of_a_decorated_generator_keeps_its_own_state():
    @tg.enable_grad
    def steps():
        yield records()
        yield records()

    generator = steps()
    with tg.no_grad():
        assert next(generator)
        assert not records()
    assert next(generator)
    assert list(generator) == []


def test_closing_a_decorated_generator_runs_its_cleanup_in_its_state():
    seen = []

    @tg.no_grad
    def steps():
        try:
            yield
        finally:
            seen.append(records())

    generator = steps()
    next(generator)
    generator.close()
    assert seen == [False]


def test_an_exception_in_a_decorated_generator_reaches_the_caller():
    @tg.no_grad
    def steps():
        yield 1
        raise KeyError("inside")

    generator = steps()
    next(generator)
    with pytest.raises(KeyError, match="inside"):
        next(generator)


def test_a_generator_that_outlives_the_with_of_its_caller_leaves_no_state_behind():
    def steps():
        with tg.no_grad():
            yield

    generator = steps()
    next(generator)
    with tg.enable_grad():
        list(generator)
    assert records()


def test_threads_have_states_of_their_own():
    seen = {}

    def other():
        seen["at start"] = records()
        with tg.no_grad():
            entered.set()
            leave.wait(5)
            seen["inside"] = records()

    entered, leave = threading.Event(), threading.Event()
    with tg.no_grad():
        thread = threading.Thread(target=other)
        thread.start()
        entered.wait(5)
    assert records()
    leave.set()
    thread.join()
    assert seen == {"at start": True, "inside": False}


def test_one_object_serves_many_threads():
    off, wrong = tg.no_grad(), []

    def work():
        for _ in range(200):
            with off, off:
                wrong.append(records())
            wrong.append(not records())

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(wrong) == 1600
    assert not any(wrong)


def test_decorated_coroutines_and_tasks():
    @tg.no_grad
    async def quiet():
        before = records()
        await asyncio.sleep(0)
        return before, records()

    async def loud():
        await asyncio.sleep(0)
        return records()

    async def main():
        return await asyncio.gather(quiet(), loud(), quiet())

    assert asyncio.run(main()) == [(False, False), True, (False, False)]


def test_decorated_generators_and_coroutines_take_positions_and_keywords():
    @tg.no_grad
    def steps(a, *, b):
        yield a + b

    @tg.no_grad
    async def later(a, *, b):
        return a + b

    assert list(steps(1, b=2)) == [3]
    assert asyncio.run(later(1, b=2)) == 3


def test_what_cannot_be_decorated_is_refused():
    async def steps():
        yield records()

    for function in (steps, dict):
        with pytest.raises(TypeError, match="decorate the functions that it calls"):
            tg.no_grad(function)


def test_backward_in_no_grad_and_inside_threads():
    loss = np.sum(x * x)
    with tg.no_grad():
        loss.backward()
    assert x.grad.tolist() == [2, 4]
    x.zero_grad()


def test_a_failing_backward_restores_the_state():
    y = x * 2
    with suppress(ValueError):
        y.backward()
    assert records()


def test_a_scope_does_not_keep_its_observer():
    scope, watch = tg.Scope("Dense"), Observer()
    with with_state(observer=watch):
        assert scope.call(lambda: STATE.get().observer) is watch
    gone = weakref.ref(watch)
    del watch
    assert gone() is None
    assert scope.call(lambda: STATE.get().observer) is None


def test_a_scope_is_restored_after_an_exception():
    scope = tg.Scope("Dense", "encoder")
    with pytest.raises(KeyError):
        scope.call({}.__getitem__, "missing")
    assert scope.call(lambda: (x * 2).node.scope.path[-1].name) == "encoder"


def test_scopes_lie_inside_each_other():
    model, layer = tg.Scope("Model"), tg.Scope("Dense", "0")
    inside = model.call(layer.call, lambda: (x * 2).node.scope)
    assert [(part.kind, part.name) for part in inside.path] == [("Model", ""), ("Dense", "0")]
    assert repr(inside) == "Model > 0 Dense"
    assert (x * 2).node.scope is None


def test_a_scope_follows_the_state_that_it_is_called_in():
    scope = tg.Scope("Dense")
    assert scope.call(records)
    with tg.no_grad():
        assert not scope.call(records)
    assert scope.call(records)
    assert tg.Scope("Model").call(scope.call, lambda: repr((x * 2).node.scope)) == "Model > Dense"
    assert scope.call(lambda a, *, b: a + b, 1, b=2) == 3


class Count(Observer):
    """Counts events, to see who is told of them."""

    def __init__(self, before=None):
        super().__init__(before)
        self.events = []

    def compute(self, op, values, kwargs):
        self.events.append(op.name)
        return super().compute(op, values, kwargs)

    def returned(self, op, args, kwargs, t):
        self.events.append("constant" if t.node is None else "recorded")
        super().returned(op, args, kwargs, t)

    def evaluate(self, function, args, kwargs, call):
        self.events.append(function.__name__)
        return super().evaluate(function, args, kwargs, call)

    def assigned(self, t, source):
        self.events.append("assigned")
        super().assigned(t, source)

    def saved(self, node, args, out, kwargs):
        self.events.append("saved")
        return super().saved(node, args, out, kwargs)

    def backward(self, node, i, given, contribution):
        self.events.append(f"backward {i}")
        super().backward(node, i, given, contribution)

    def gradient(self, node, t):
        self.events.append("gradient")
        super().gradient(node, t)


def test_observers_hand_on_to_the_one_before():
    outer = Count()
    with with_state(observer=outer):
        inner = Count(STATE.get().observer)
        with with_state(observer=inner):
            loss = np.sum(x * x)
            loss.backward()
        np.exp(2.0 * tg.Tensor(1.0))
    calls = ["multiply", "recorded", "sum", "recorded"]
    calls += ["backward None", "backward 0", "backward 0", "backward 1"]  # None: the seed
    calls += ["gradient"]
    assert inner.events == calls
    assert outer.events == [*calls, "multiply", "constant", "exp", "constant"]
    assert x.grad.tolist() == [2, 4]
    x.zero_grad()


def test_observers_are_told_of_calls_without_a_gradient():
    """But not of those whose result comes from shapes and dtypes alone."""
    outer = Count()
    with with_state(observer=outer), with_state(observer=(inner := Count(outer))):
        t = tg.Tensor(x.detach())
        assert (np.argmax(t), np.size(t), np.result_type(t)) == (1, 2, np.float64)
        assert (t > 1).tolist() == [False, True]
        assert np.zeros_like(t).tolist() == [0, 0]
        t[0] = 3.0
    assert inner.events == [
        "assigned",
        "argmax",
        "gt",
        "zeros_like",
        "assign",
        "constant",
        "assigned",
    ]
    assert outer.events == inner.events


def test_observers_are_told_what_a_rule_reads_when_it_runs_on_tensors():
    count = Count()
    with with_state(observer=count):
        tg.grad(lambda x: np.sum(x * x))(x.data)
        assert "saved" not in count.events
        np.sum(x * x).backward(create_graph=True)
    assert count.events.count("saved") == 3  # of sum and multiply, and of the leaf
    x.zero_grad()


def test_observers_see_each_call_of_an_impure_function_even_without_tensors():
    @tg.impure
    def draw(rng, n):
        assert isinstance(n, int)
        return rng.random(n)

    rng, right = np.random.default_rng(0), np.random.default_rng(0).random(2)
    count = Count()
    with with_state(observer=count):
        assert draw(rng, 2).tolist() == right.tolist()
    assert count.events == ["draw"]
    assert draw(rng, n=2).tolist() != right.tolist()
    assert draw.__name__ == "draw"
    with with_state(observer=Substitute()):
        assert isinstance(draw(rng, tg.Tensor(2).item()), tg.Tensor)


class Substitute(Observer):
    """An observer that gives tensors for the results of calls without a gradient, as a tracer."""

    def evaluate(self, function, args, kwargs, call):
        self.given = args
        return tg.Tensor(super().evaluate(function, args, kwargs, call))

    def backward(self, node, i, given, contribution):
        self.steps.append((np.shape(given), np.shape(contribution)))


def test_an_observer_may_return_something_in_place_of_a_result_without_a_gradient():
    watch = Substitute()
    t = tg.Tensor([[1.0, 5.0], [7.0, 2.0]])
    with with_state(observer=watch):
        row = np.argmax(t[:, 0])
        assert isinstance(row, tg.Tensor)
        assert isinstance(watch.given[0], tg.Tensor)  # as it was given, not unwrapped
        assert t[row].tolist() == t[(row, ...)].tolist() == [7, 2]
        view = t[row, None]
        view[0, 1] = 9.0
        assert np.sum(t, axis=0, where=t > 4).tolist() == [7, 14]
    assert t.tolist() == [[1, 5], [7, 9]]
    with tg.no_grad(), with_state(observer=watch):
        assert t[np.argmin(t[0])].tolist() == [1, 5]


def test_observers_are_given_a_contribution_before_broadcasting_is_undone():
    watch = Substitute()
    watch.steps = []
    with with_state(observer=watch):
        np.sum(x * np.ones((3, 2))).backward()
    assert watch.steps[1:] == [((3, 2), (3, 2)), ((3, 2), (2,))]
    x.zero_grad()
