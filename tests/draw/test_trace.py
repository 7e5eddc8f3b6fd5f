"""trace: every event with its numbers, compared with NumPy and the engine; and its costs."""

import gc
import inspect
import threading
import weakref

import numpy as np
import pytest

import nn
import tensorgrad as tg
from tensorgrad.engine.gradients import gradients
from tensorgrad.engine.state import STATE


def leaf(value, name=None):
    return tg.Tensor(value, requires_grad=True, name=name)


def numbers(stats):
    return stats["numbers"]


def kinds(t):
    return [event.type for event in t.draw().graph.events]


def events(t, kind):
    return [event for event in t.draw().graph.events if event.type == kind]


# What is recorded


def test_events_come_in_the_order_of_the_run_with_their_values():
    x = leaf([1.0, 2.0], name="x")
    with tg.trace() as t:
        loss = np.sum(np.exp(x) * x)
        loss.name = "loss"
        loss.backward()
    described = [
        (e.type, e.vertex.name or e.vertex.op.name, e.slot, e.to and (e.to.name or e.to.op.name))
        for e in t.draw().graph.events
    ]
    assert described == [
        ("forward", "exp", None, None),
        ("forward", "multiply", None, None),
        ("forward", "loss", None, None),
        ("seed", "loss", None, None),
        ("backward", "loss", 0, "multiply"),
        ("backward", "multiply", 0, "exp"),
        ("backward", "multiply", 1, "x"),
        ("backward", "exp", 0, "x"),
        ("leaf", "x", None, None),
    ]
    e = np.exp([1.0, 2.0])
    forward = [numbers(event.vertex.value) for event in events(t, "forward")]
    np.testing.assert_allclose(forward[0], e, rtol=1e-8)
    np.testing.assert_allclose(forward[1], e * [1, 2], rtol=1e-8)
    np.testing.assert_allclose(forward[2], [np.sum(e * [1, 2])], rtol=1e-8)
    seed, *backward = events(t, "seed") + events(t, "backward")
    assert numbers(seed.accumulated) == [1.0]
    contributions = [numbers(event.contribution) for event in backward]
    np.testing.assert_allclose(contributions, [[1, 1], [1, 2], e, e * [1, 2]], rtol=1e-8)
    np.testing.assert_allclose(numbers(backward[3].accumulated), e + e * [1, 2], rtol=1e-8)
    (last,) = events(t, "leaf")
    np.testing.assert_allclose(numbers(last.grad), x.grad.data, rtol=1e-8)


def test_a_tensor_used_twice_by_one_call_shows_both_contributions():
    x = leaf(3.0)
    with tg.trace() as t:
        (x * x).backward()
    first, second = events(t, "backward")
    assert (first.slot, second.slot) == (0, 1)
    assert first.to is second.to
    assert numbers(first.contribution) == numbers(second.contribution) == [3.0]
    assert numbers(first.accumulated) == [3.0]
    assert numbers(second.accumulated) == numbers(second.to.grad) == [6.0]


def test_every_gradient_of_a_network_agrees_with_retain_grad():
    rng = np.random.default_rng(0)
    net = nn.Sequential(nn.Dense(3, 4, rng=rng), nn.Tanh(), nn.Dense(4, 2, rng=rng))
    X, y = rng.normal(size=(5, 3)).astype("f4"), np.array([0, 1, 1, 0, 1])
    with tg.trace() as t:
        hidden = [X]
        for layer in net.children():
            hidden.append(layer(hidden[-1]))
            hidden[-1].retain_grad()
        loss = tg.softmax_cross_entropy(hidden[-1], y)
        loss.backward()
    vertices = {v.serial: v for v in t.draw().graph.vertices}
    for tensor in [*hidden[1:], *net.parameters()]:
        vertex = vertices[tensor.node.serial]
        assert vertex.grad["mean"] == pytest.approx(np.mean(tensor.grad.data, dtype=float), 1e-6)
        assert vertex.grad["std"] == pytest.approx(np.std(tensor.grad.data, dtype=float), 1e-6)
        assert vertex.value["max"] == pytest.approx(np.max(tensor.data), 1e-6)


def test_constants_have_their_values_too():
    x, data = leaf(np.ones((2, 2))), np.array([[1.0, 2.0], [3.0, 4.0]])
    with tg.trace() as t:
        np.sum(x + data).backward()  # a sum saves no value, but the trace has it
    (constant,) = [v for v in t.draw().graph.vertices if v.kind == "constant"]
    assert numbers(constant.value) == [1.0, 2.0, 3.0, 4.0]


def test_without_values_there_are_events_and_times_only():
    x = leaf([1.0, 2.0])
    with tg.trace(values=False) as t:
        np.sum(x * x).backward()
    assert kinds(t) == ["forward", "forward", "seed", "backward", "backward", "backward"]
    assert all(v.value is None and v.grad is None for v in t.draw().graph.vertices)
    assert all(e.contribution is None for e in t.events)
    assert all(e.seconds > 0 for e in t.events if e.type != "seed")


def test_names_given_late_are_shown():
    x = leaf(2.0)
    with tg.trace() as t:
        y = x * 3
        z = np.exp(y)
        y.name = "y"
        z.backward()
        z.name, x.name = "z", "x"
    assert [v.name for v in t.draw().graph.vertices] == ["x", "y", "z"]


def inside_the_library(x):
    return nn.Sequential(nn.Tanh())(x)


def test_the_source_is_the_users_line():
    with tg.trace() as t:
        y = np.exp(leaf(1.0))  # here
        inside_the_library(y)
    first, second = (v.source for v in t.draw().graph.vertices if v.kind == "op")
    assert first.startswith("test_trace.py:")
    assert first.endswith(": y = np.exp(leaf(1.0))  # here")
    assert second.endswith(": return nn.Sequential(nn.Tanh())(x)")


def test_a_graph_recorded_before_the_trace_is_shown():
    x = leaf([1.0, 2.0], name="x")
    y = np.exp(x)
    with tg.trace() as t:
        np.sum(y * 2).backward()
    assert [v.op.name if v.op else v.name for v in t.draw().graph.vertices] == [
        "x", "exp", "multiply", "sum",
    ]  # fmt: skip
    z = np.sum(np.sin(x))
    with tg.trace() as t:
        z.backward()
    assert len(t.draw().graph.vertices) == 3
    assert kinds(t) == ["seed", "backward", "backward", "leaf"]


def test_two_backward_passes_add_up_in_the_leaves_only():
    x = leaf(2.0)
    with tg.trace() as t:
        y = x * 3
        z = y * y
        z.backward(retain_graph=True)
        z.backward()
    last = events(t, "backward")
    assert numbers(last[-1].accumulated) == [x.grad.item()] == [72.0]
    assert numbers(last[1].accumulated) == numbers(last[4].accumulated) == [12.0]


def test_two_outputs_differentiated_together():
    x = leaf(2.0)
    with tg.trace() as t:
        y = x * 3
        a, b = y * y, y * 5
        gradients([(a, None), (b, None)], None)
    assert [event.vertex.serial for event in events(t, "seed")] == [a.node.serial, b.node.serial]
    assert numbers(events(t, "backward")[-1].accumulated) == [3 * (12.0 + 5.0)]
    assert numbers(events(t, "backward")[-1].vertex.grad) == [12.0 + 5.0]


def test_a_backward_pass_inside_a_rule_is_not_counted_twice():
    w = leaf(np.array([0.5, 1.0, 2.0]), name="w")
    with tg.trace() as t:
        h = tg.checkpoint(lambda a: np.tanh(a * w))(w * 2)
        np.sum(tg.checkpoint(lambda a: np.sin(a * w))(h) * w).backward()
        first = w.grad.data
        np.sum(w * w).backward()
    arrived = [e for e in events(t, "backward") if e.to is not None and e.to.name == "w"]
    np.testing.assert_allclose(numbers(arrived[-3].accumulated), first, rtol=1e-8)
    np.testing.assert_allclose(numbers(arrived[-1].accumulated), w.grad.data, rtol=1e-8)
    written = [numbers(event.grad) for event in events(t, "leaf")]
    np.testing.assert_allclose(written, [first, w.grad.data], rtol=1e-8)


def test_hooks_change_the_gradients_below():
    x = leaf(2.0)
    with tg.trace() as t:
        y = x * 3
        y.register_hook(lambda g: g * 10)
        (y * 1).backward()
    assert numbers(events(t, "leaf")[0].grad) == [30.0]


def test_a_gradient_of_a_gradient():
    x = leaf(2.0)
    with tg.trace() as t:
        y = x**3
        y.backward(create_graph=True)
        x.grad.backward()
    assert [numbers(event.grad) for event in events(t, "leaf")] == [[12.0], [24.0]]
    assert x.grad.item() == 24.0
    assert len(events(t, "seed")) == 2
    assert t.draw(y).graph.roots[0].op.name == "power"


def test_complex_gradients_are_those_of_grad():
    z = leaf(np.array([1 + 2j]))
    with tg.trace() as t:
        np.sum(np.abs(z) ** 2).backward()
    (last,) = events(t, "backward")[-1:]
    assert numbers(last.accumulated) == numbers(events(t, "leaf")[0].grad) == ["2+4j"]


def test_a_traced_training_step_that_clears_the_gradients_shows_them():
    x = leaf([1.0, 2.0])
    with tg.trace() as t:
        np.sum(x * x).backward()
        x.zero_grad()
    assert numbers(events(t, "leaf")[0].grad) == [2.0, 4.0]


def test_training_steps_are_kept_apart():
    w = leaf(3.0, name="w")
    with tg.trace() as t:
        for _ in range(2):
            (w * w).backward()
            w.data -= 0.1 * w.grad.data
            w.zero_grad()
    assert kinds(t) == 2 * ["forward", "seed", "backward", "backward", "leaf", "update", "zero"]
    arrived = [numbers(event.accumulated) for event in events(t, "backward")]
    assert arrived == [[3.0], [6.0], [2.4], [4.8]]
    assert [numbers(event.grad) for event in events(t, "leaf")] == [[6.0], [4.8]]
    assert [numbers(event.value) for event in events(t, "update")] == [[2.4], [1.92]]
    assert numbers(events(t, "leaf")[0].vertex.value) == [3.0]


def test_an_optimizers_steps_are_events():
    net = nn.Dense(2, 2, rng=np.random.default_rng(0))
    optimizer = nn.SGD(net.parameters(), learning_rate=0.1)
    with tg.trace() as t:
        for _ in range(2):
            optimizer.zero_grad()
            np.sum(net(np.ones((1, 2), "f4"))).backward()
            optimizer.step()
    assert kinds(t).count("update") == kinds(t).count("leaf") == 4
    assert kinds(t).count("zero") == 2
    (_, last) = [e for e in events(t, "update") if e.vertex.name == "biases"]
    np.testing.assert_allclose(numbers(last.value), net.biases.data, rtol=1e-6)


def test_gradients_that_functions_return_are_written_nowhere():
    with tg.trace() as t:
        tg.grad(lambda x: x * x)(3.0)
    assert set(kinds(t)) == {"forward", "seed", "backward"}


def test_an_earlier_gradient_is_no_event():
    x = leaf([1.0, 2.0])
    np.sum(x * x).backward()
    with tg.trace() as t:
        np.sum(x * 3)
    assert kinds(t) == ["forward", "forward"]


# Drawing


def test_a_trace_is_drawn_although_backward_freed_the_graph():
    rng = np.random.default_rng(0)
    net = nn.Sequential(nn.Dense(3, 4, rng=rng), nn.ReLU(), nn.Dense(4, 2, rng=rng))
    X, y = np.ones((5, 3), "f4"), np.array([0, 1, 1, 0, 1])
    whole = tg.draw(tg.softmax_cross_entropy(net(X), y)).dot
    with tg.trace() as t:
        loss = tg.softmax_cross_entropy(net(X), y)
        loss.backward()
    assert t.draw().dot == t.draw(loss).dot == whole
    assert t.draw().notes == []


def test_a_part_of_a_trace():
    x = leaf(2.0)
    with tg.trace() as t:
        y, z = x * 2, x + 3
        z.backward()
        y.backward()
    part = t.draw(y).graph
    assert [v.op.name for v in part.vertices if v.op] == ["multiply"]
    assert [e.type for e in part.events] == ["forward", "leaf", "seed", "backward", "leaf"]
    assert len(t.draw([y, z]).graph.roots) == 2
    for stranger in (x * 2, tg.Tensor(1.0)):
        with pytest.raises(ValueError, match="not part of the trace"):
            t.draw(stranger)


def test_traces_and_tensors_are_drawn_with_the_same_options():
    with tg.trace() as t:
        y = leaf(2.0) * 3
    assert inspect.signature(t.draw) == inspect.signature(tg.draw)
    defaults = {p.name: p.default for p in inspect.signature(tg.draw).parameters.values()}
    assert defaults["show"] == ("name", "shape", "dtype")
    options = {"depth": 0, "show": "name", "direction": "TB", "title": "a title"}
    assert t.draw(y, **options).dot == tg.draw(y, **options).dot


def test_results_without_backward_are_the_roots():
    x = leaf(2.0)
    with tg.trace() as t:
        y = x * 2
        np.exp(y), np.sin(y)
    assert [v.op.name for v in t.draw().graph.roots] == ["exp", "sin"]


def test_drawing_inside_the_trace():
    x = leaf(2.0)
    with tg.trace() as t:
        y = x * 3
        y.backward(retain_graph=True)
        half_way = t.draw()
        y.backward()
    assert numbers(next(v for v in half_way.graph.vertices if not v.op).grad)
    assert len(half_way.graph.events) == 4
    assert [numbers(event.grad) for event in events(t, "leaf")] == [[3.0], [6.0]]


def test_unused_parameters_can_be_drawn():
    rng = np.random.default_rng(0)
    used, unused = nn.Dense(2, 2, rng=rng), nn.Dense(2, 2, rng=rng)
    with tg.trace() as t:
        loss = np.sum(used(np.ones((1, 2), "f4")))
        loss.backward()
    parameters = used.parameters() + unused.parameters()
    for drawing in (t.draw(parameters=parameters), tg.draw(loss, parameters=parameters)):
        assert sum(v.kind == "parameter" for v in drawing.graph.vertices) >= 2
    assert sum(v.kind == "parameter" for v in t.draw(parameters=parameters).graph.vertices) == 4


def test_a_scope_is_a_context_and_a_decorator():
    @tg.Scope("Energy", "energy")
    def energy(h):
        with tg.Scope("Inner", "inner"):
            return np.sum(h * h)

    scope = tg.Scope("Outer", "outer")
    with tg.trace() as t:
        with scope:
            y = energy(leaf([1.0, 2.0]))
            with scope:  # entered again inside itself
                np.exp(y)
        np.sin(y)
    paths = [[p.name for p in v.scope.path] if v.scope else [] for v in t.draw().graph.vertices]
    assert paths[1:] == [["outer", "energy", "inner"]] * 2 + [["outer", "outer"], []]
    assert STATE.get().scope is None


# The summary


def test_the_summary_shows_calls_times_and_bytes():
    rng = np.random.default_rng(0)
    net = nn.Sequential(nn.Dense(3, 4, rng=rng), nn.ReLU(), nn.Dense(4, 4, rng=rng))
    with tg.trace() as t:
        np.sum(net(np.ones((5, 3), "f4"))).backward()
        with tg.no_grad():
            np.exp(leaf(1.0))
    rows = {line.split("  ")[0].strip(): line for line in t.summary().splitlines() if line}
    lines = [line for line in t.summary().splitlines() if line]
    assert lines[0].split() == ["operation", "calls", "forward", "backward", "output"]
    assert rows["linear"].split()[1] == "2"
    assert rows["linear"].split()[-2:] == ["160", "B"]
    assert rows["exp"].split()[1] == "1"
    assert rows["total"].split()[1] == "5"
    modules = [line.split("   ")[0] for line in lines[lines.index(rows["module"]) + 1 :]]
    assert modules == ["Sequential", "  0 Dense", "  1 ReLU", "  2 Dense"]
    assert rows["Sequential"].split()[1] == "3"


def test_the_summary_of_an_empty_trace():
    with tg.trace() as t:
        pass
    assert t.summary().splitlines()[-1].split()[:2] == ["total", "0"]
    assert t.draw().dot.startswith("digraph")


# Memory


def test_live_bytes_are_those_of_live_arrays():
    x = leaf(np.ones(1000))
    with tg.trace() as t:
        y = x + 1  # 8000 bytes, which nothing reads afterwards
        y = y * 2  # 8000 more; then x + 1 is freed
        y = np.exp(y)  # backward reads it, but not y * 2
        np.sum(y).backward()
    live = [event.live_bytes for event in t.events if event.type == "forward"]
    assert live == [8000, 16000, 16000, 8000]


def test_residuals_of_an_op_are_live_until_backward():
    z, y = leaf(np.ones((100, 10))), np.zeros(100, int)
    with tg.trace() as t:
        loss = tg.softmax_cross_entropy(z, y)  # saves the softmax
        held = t.memory.live
        loss.backward()
        z.grad = None
    assert held == 8000
    assert t.memory.live == 0


def test_views_are_counted_once_and_earlier_arrays_not_at_all():
    x, data = leaf(np.ones((10, 100))), np.ones(100)
    with tg.trace() as t:
        y = x.T  # a view of the leaf
        z = (x * data).T  # a view of a new array
        w = z[:5]
    assert [event.live_bytes for event in t.events] == [0, 8000, 8000, 8000]
    del y, z, w


def test_a_sum_of_gradients_counts_as_an_array():
    x, twos = leaf(np.ones(1000)), np.full(1000, 2.0)
    with tg.trace() as t:
        y = np.exp(x)
        loss = np.sum(y * twos) + np.sum(y * twos)
        del y
        loss.backward()
    assert [(event.type, event.live_bytes // 8000) for event in t.draw().graph.events] == [
        ("forward", 1),  # y
        ("forward", 2),  # y * twos
        ("forward", 2),
        ("forward", 2),
        ("forward", 2),
        ("forward", 1),
        ("seed", 1),
        ("backward", 1),
        ("backward", 1),
        ("backward", 1),  # through the second sum: a number, broadcast
        ("backward", 2),  # into y
        ("backward", 2),
        ("backward", 4),  # into y again: the two summands and the sum
        ("backward", 4),  # y, both gradients, and the first summand, which the loop still holds
        ("leaf", 1),
    ]


def test_a_trace_keeps_no_array_alive():
    x = leaf(np.ones(1000))
    watched = []
    gc.disable()
    try:
        with tg.trace() as t:
            y = np.exp(x)
            watched += [weakref.ref(y.data), weakref.ref(y.node)]
            mask = np.ones(1000)
            z = y * mask
            watched += [weakref.ref(z.data), weakref.ref(z.node), weakref.ref(mask)]
            del mask
            loss = np.sum(z)
            del y, z
            assert watched[0]() is not None
            loss.backward()
            assert all(reference() is None for reference in watched)
            dropped = np.sin(x) * 2
            watched.append(weakref.ref(dropped.data))
            del dropped
            assert watched[-1]() is None
        assert len(t.events) == 10
    finally:
        gc.enable()


# Costs and side effects


def test_nothing_is_observed_outside():
    assert STATE.get().observer is None
    x = leaf(2.0)
    with tg.trace() as t:
        assert STATE.get().observer is t
        y = x * 2
    assert STATE.get().observer is None
    np.exp(y)
    assert len(t.events) == 1


def test_results_are_the_same_bit_for_bit():
    def run():
        rng = np.random.default_rng(0)
        net = nn.Sequential(nn.Dense(6, 5, rng=rng), nn.Tanh(), nn.Dense(5, 3, rng=rng))
        X, y = rng.normal(size=(8, 6)).astype("f4"), rng.integers(0, 3, 8)
        h = net(X)
        loss = tg.softmax_cross_entropy(h + h * h, y)
        loss.backward()
        return [loss.data, *(p.grad.data for p in net.parameters())]

    plain = run()
    with tg.trace():
        traced = run()
    for a, b in zip(plain, traced, strict=True):
        np.testing.assert_array_equal(a, b)


def test_an_error_inside_leaves_the_trace_up_to_it():
    x = leaf(np.ones((2, 3)))
    with pytest.raises(ValueError, match="matmul"), tg.trace() as t:
        np.matmul(np.exp(x), x)
    assert STATE.get().observer is None
    assert [e.vertex.op.name for e in t.events] == ["exp"]


def test_traces_nest_and_each_sees_everything():
    x = leaf(2.0)
    with tg.trace() as outer:
        y = x * 2
        with tg.trace() as inner:
            z = np.exp(y)
            z.backward()
    assert len(inner.events) == 5
    assert len(outer.events) == 6
    assert outer.draw().dot == inner.draw().dot


def test_other_threads_are_not_traced():
    x = leaf(2.0)
    with tg.trace() as t:
        thread = threading.Thread(target=lambda: (x * 2).backward())
        thread.start()
        thread.join()
    assert t.events == []


def test_a_call_with_2000_operands():
    x = leaf(np.ones(1))
    with tg.trace() as t:
        np.sum(np.concatenate([x] * 2000)).backward()
    assert numbers(events(t, "leaf")[0].grad) == [2000.0]


def test_a_chain_of_5000_operations_is_traced_without_recursion():
    x = y = leaf(1.0)
    with tg.trace() as t:
        for _ in range(5000):
            y = y + x
        y.backward()
    assert len(t.events) == 5000 + 1 + 10_000 + 1
    assert numbers(events(t, "leaf")[0].grad) == [5001.0]
