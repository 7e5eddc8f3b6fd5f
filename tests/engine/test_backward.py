"""The graph: its order, its shapes, what it keeps and when it lets go; and backward over it."""

import gc
import itertools
import weakref
from contextlib import contextmanager

import numpy as np
import pytest

import tensorgrad as tg
from tensorgrad.engine import backward
from tensorgrad.engine.backward import toposort
from tensorgrad.engine.node import WRITES as WRITTEN
from tensorgrad.engine.node import Node, overlap
from tensorgrad.engine.state import Observer, with_state

DEEP = 100_000


def leaf(value=2.0, name=None):
    return tg.Tensor(value, requires_grad=True, name=name)


@pytest.fixture
def no_collector():
    """Turn the garbage collector off, so that reference counts alone free the memory."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@contextmanager
def watched():
    """Collect weak references to the arrays and nodes that live calls made."""

    class Watch(Observer):
        def __init__(self):
            super().__init__()
            self.nodes, self.arrays, self.steps = [], [], []

        def compute(self, op, values, kwargs):
            out = op.compute(*values, **kwargs)
            if isinstance(out, np.ndarray):
                self.arrays.append(weakref.ref(out))
            return out

        def returned(self, op, args, kwargs, t):
            if t.node is not None:
                self.nodes.append(weakref.ref(t.node))

        def backward(self, node, i, given, contribution):
            if i is not None:  # which marks a seed
                self.steps.append((node.op.name, i))

    watch = Watch()
    with with_state(observer=watch):
        yield watch


def alive(references):
    return [r() for r in references if r() is not None]


# Order


def test_toposort_gives_each_node_after_all_that_use_it():
    a, b = leaf(), leaf()
    c = a * b
    d = c + a
    e = np.exp(c) * d
    order = toposort([e.node])
    assert len(order) == 6
    for node in order:
        for parent in node.parents:
            if parent is not None:
                assert order.index(parent) > order.index(node)


def test_toposort_of_random_graphs():
    rng = np.random.default_rng(0)
    for _ in range(50):
        tensors = [leaf(), leaf()]
        for _ in range(30):
            i, j = rng.integers(len(tensors), size=2)
            tensors.append(tensors[i] + tensors[j])
        order = toposort([tensors[-1].node])
        position = {node: k for k, node in enumerate(order)}
        assert len(position) == len(order)
        assert all(
            position[parent] > position[node] for node in order for parent in node.parents if parent
        )


def test_toposort_of_several_roots_holds_shared_nodes_once():
    a = leaf()
    b = a * a
    c, d = b + 1.0, b * 3.0
    assert toposort([c.node, d.node]) == [d.node, c.node, b.node, a.node]


# Shapes of graphs


def test_x_times_x():
    x = leaf(3.0)
    (x * x).backward()
    assert x.grad.item() == 6.0


def test_a_diamond():
    x = leaf(3.0)
    y = x * x
    (y * 2.0 + y * y).backward()
    assert x.grad.item() == 2 * 2 * 3 + 4 * 3**3


def test_a_diamond_of_diamonds_is_walked_once():
    """Sixty doublings are 2^60 paths but only sixty calls."""
    x = leaf(1.0)
    y = x
    with watched() as watch:
        for _ in range(60):
            y = y + y
        y.backward()
    assert x.grad.item() == 2.0**60
    assert len(watch.steps) == 120


def test_two_results_of_one_value():
    x = leaf([1.0, 2.0])
    y = np.exp(x)
    np.sum(y).backward(retain_graph=True)
    np.sum(y * y).backward()
    np.testing.assert_allclose(x.grad.data, np.exp(x.data) + 2 * np.exp(2 * x.data))


def test_a_tensor_used_ten_thousand_times():
    x, total = leaf(np.arange(3.0)), 0.0
    for k in range(10_000):
        total = total + x * float(k)
    np.sum(total).backward()
    assert x.grad.tolist() == [sum(range(10_000))] * 3


def test_ten_thousand_uses_are_summed_in_one_array():
    """Contributions are added in place: the fan-in of n costs n additions and not n arrays."""
    x = leaf(np.ones(3))
    total = sum((x * 1.0 for _ in range(100)), start=0.0)
    found = backward.backward({total.node: np.ones(3)})
    assert found[x.node].tolist() == [100.0] * 3


@pytest.mark.parametrize(
    "step", [lambda y: y + 1.0, lambda y: np.sin(y), lambda y: y * y], ids=["add", "sin", "square"]
)
def test_a_chain_of_a_hundred_thousand_calls(step):
    x = leaf(0.5)
    y = x
    for _ in range(DEEP):
        y = step(y)
    y.backward()
    assert np.isfinite(x.grad.item())
    del y


def test_a_long_chain_of_arrays_that_is_dropped_without_backward(no_collector):
    x = leaf(np.ones(3))
    y = x
    for _ in range(DEEP):
        y = y * 1.0
    last = weakref.ref(y.node)
    del y
    assert last() is None


def test_a_long_chain_with_create_graph():
    x = leaf(1.0)
    y = x
    for _ in range(5_000):
        y = y * 1.0001
    y.backward(create_graph=True)
    assert x.grad.item() == pytest.approx(1.0001**5_000)


def test_the_work_of_backward_is_one_rule_per_recorded_operand():
    counts = []
    for n in (100, 200, 400):
        x = leaf(1.0)
        with watched() as watch:
            y = x
            for _ in range(n):
                y = y * x + 1.0
            y.backward()
        counts.append(len(watch.steps))
    assert counts == [300, 600, 1200]


def test_only_what_leads_to_the_targets_is_walked():
    x, w = leaf(2.0), leaf(3.0)
    y = np.exp(w) * x
    with watched() as watch:
        found = backward.backward({y.node: np.float64(1)}, {x.node})
    assert watch.steps == []  # the observer is told through `watch`, which was not passed
    assert found == {x.node: np.exp(3.0)}
    assert w.grad is None


def test_a_part_that_leads_to_no_target_is_left_alone():
    """Neither are its hooks called, nor is it freed."""
    x, w, seen = leaf(2.0), leaf(3.0), []
    part = w * w
    part.register_hook(seen.append)
    y = part * x
    assert backward.backward({y.node: np.float64(1)}, {x.node}) == {x.node: 9.0}
    assert seen == []
    part.backward()
    assert w.grad.item() == 6.0


def test_targets_can_lie_inside_the_graph_and_above_each_other():
    x = leaf(2.0)
    y = x * x
    z = y * y
    found = backward.backward({z.node: np.float64(1)}, {x.node, y.node})
    assert found == {y.node: 8.0, x.node: 32.0}


def test_serial_numbers_grow():
    x = leaf()
    numbers = [t.node.serial for t in (x, x * 1.0, np.exp(x), x[...], x + x)]
    assert numbers == sorted(set(numbers))


def test_the_first_node_of_a_process_is_one_like_others(monkeypatch):
    serials = itertools.count()
    for module in ("node", "record"):
        monkeypatch.setattr(f"tensorgrad.engine.{module}.serials", serials)
    x, seen = leaf(3.0), []
    assert x.node.serial == 0
    x.register_hook(lambda g: seen.append(g.item()))
    y = x * 2.0
    assert toposort([y.node]) == [y.node, x.node]
    y.backward(retain_graph=True)
    assert backward.backward({y.node: np.float64(1)}) == {x.node: 2.0}
    assert seen == [2.0, 2.0]


# What is kept


def test_a_node_whose_rules_read_nothing_saves_nothing():
    x, y = leaf(np.ones(3)), leaf(np.ones(3))
    for t in (x + y, x - y, -x, np.sum(x), np.reshape(x, (3, 1)), np.broadcast_to(x, (2, 3))):
        assert t.node.out is None
        assert all(isinstance(a, Node) for a in t.node.args)


def test_a_constant_that_no_rule_reads_is_kept_as_its_shape():
    big = np.ones((2, 3))
    node = (leaf(np.ones(3)) + big).node
    assert not isinstance(node.args[1], np.ndarray)
    assert (node.args[1].shape, node.args[1].dtype) == ((2, 3), np.dtype(float))


def test_only_what_the_wanted_rules_read_is_saved():
    x, c = leaf(np.ones(3)), np.full(3, 2.0)
    node = (x * c).node  # the gradient of x reads c; nobody asks for c's, which would read x
    assert node.args[0] is x.node
    assert node.args[1] is c
    assert node.out is None


def test_a_node_does_not_refer_to_tensors(no_collector):
    x = leaf(np.ones(3))
    y = np.exp(x)
    t = weakref.ref(y)
    z = y * y
    del y
    assert t() is None
    np.sum(z).backward()
    np.testing.assert_allclose(x.grad.data, 2 * np.exp(2.0) * np.ones(3))


def test_an_inner_array_that_no_rule_reads_is_freed_during_the_forward_pass(no_collector):
    x = leaf(np.ones(1000))
    with watched() as watch:
        loss = np.sum((x + 1.0) - 2.0)
    assert len(watch.arrays) == 2
    assert alive(watch.arrays) == []
    loss.backward()


def test_a_graph_that_is_dropped_without_backward_frees_all_at_once(no_collector):
    x = leaf(np.ones(1000))
    with watched() as watch:
        loss = np.mean(np.exp(x) * x / (x * x + 1.0)) ** 2
        shape = np.reshape(x * 2.0, (10, 100)).T[3:, ::2]
    assert len(alive(watch.nodes)) == 11
    del loss, shape
    assert alive(watch.nodes) == []
    assert alive(watch.arrays) == []


def test_a_failed_backward_keeps_the_graph_and_dropping_it_frees_it(no_collector):
    x = leaf(np.ones(10))
    with watched() as watch:
        y = np.exp(x)
        with pytest.raises(ValueError, match="single number"):
            y.backward()
        del y
    assert alive(watch.nodes) == []


def test_backward_frees_the_graph_as_it_consumes_it(no_collector):
    x, seen = leaf(np.ones(1000)), []
    with watched() as watch:
        a = np.exp(x)
        b = np.exp(a)
        loss = np.sum(np.exp(b))
        del a, b
    kept = [r for r in watch.arrays if r() is not None]
    x.register_hook(lambda g: seen.append(len(alive(kept))))
    assert len(kept) == 3
    loss.backward()
    assert seen == [1]  # when the gradient reached x, only what the last rule had read was left
    assert alive(watch.arrays) == []


def test_retain_graph_keeps_what_a_second_backward_needs():
    x = leaf(3.0)
    y = x * x
    for k in range(1, 4):
        y.backward(retain_graph=True)
        assert x.grad.item() == 6.0 * k


def test_a_second_backward_says_what_to_do():
    x = leaf(3.0)
    y = x * x
    y.backward()
    with pytest.raises(RuntimeError, match=r"already consumed by a backward.*retain_graph=True"):
        y.backward()


def test_a_backward_through_a_part_that_was_consumed_says_what_to_do():
    x = leaf(3.0)
    shared = np.exp(x)
    (shared * 2.0).backward()
    with pytest.raises(RuntimeError, match="already consumed"):
        (shared * 3.0).backward()
    assert x.grad.item() == pytest.approx(2 * np.exp(3.0))


def test_create_graph_keeps_the_graph():
    x = leaf(3.0)
    y = x**3
    y.backward(create_graph=True)
    y.backward()
    assert x.grad.item() == 54.0


def test_create_graph_adds_constant_and_recorded_contributions():
    x = leaf(np.array([1.0, 2.0, 3.0]))
    y = np.sum(x * x + (x + x))  # x + x, which is met first, sends back constants
    y.backward(create_graph=True)
    assert x.grad.tolist() == [4, 6, 8]
    g = x.grad
    x.zero_grad()
    np.sum(g * g).backward()
    assert x.grad.tolist() == [16, 24, 32]


def train(steps, width=32):
    """Train a two-layer network for some steps, and count the nodes and arrays that are alive afterwards."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(16, 8)), rng.normal(size=(16, 1))
    W1, W2 = leaf(0.1 * rng.normal(size=(8, width))), leaf(0.1 * rng.normal(size=(width, 1)))
    with watched() as watch:
        for _ in range(steps):
            loss = np.mean((tg.relu(X @ W1) @ W2 - y) ** 2)
            loss.backward()
            for p in (W1, W2):
                p.data -= 0.1 * p.grad.data
                p.zero_grad()
    return loss.item(), alive(watch.nodes), alive(watch.arrays)


def test_a_thousand_training_steps_leave_nothing_behind(no_collector):
    loss, nodes, arrays = train(1000)
    assert loss < 0.5
    assert len(nodes) <= 1  # the last loss's own
    assert arrays == []


def test_gradients_of_gradients_leave_nothing_behind(no_collector):
    x = leaf(np.ones(10))
    with watched() as watch:
        for _ in range(3):
            np.sum(x**3).backward(create_graph=True)
            penalty = np.sum(x.grad**2)
            x.zero_grad()
            penalty.backward()
            x.zero_grad()
            del penalty
    assert alive(watch.nodes) == []
    assert alive(watch.arrays) == []


# Writing to what a rule will read

WRITES = {
    "-=": lambda t: setattr(t, "data", t.data.__isub__(1.0)),
    "*=": lambda t: setattr(t, "data", t.data.__imul__(2.0)),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
@pytest.mark.parametrize(
    "use",
    [
        lambda t: t * t,
        lambda t: np.exp(t) * t,
        lambda t: np.sin(t),
        lambda t: np.ones((2, 3)) * t / t,
    ],
    ids=["square", "product", "sin", "quotient"],
)
def test_writing_to_a_leaf_that_a_rule_will_read_is_refused(use, write):
    t = leaf(np.ones(3), name="weights")
    loss = np.sum(use(t))
    write(t)
    message = r"leaf 'weights' of shape \(3,\), which was written to in place after the call"
    with pytest.raises(RuntimeError, match=message):
        loss.backward()


@pytest.mark.parametrize(
    "use",
    [lambda t: t + t, lambda t: -t * 2.0, lambda t: np.reshape(t, (3, 1)) - 1.0, np.exp],
    ids=["add", "scale", "reshape", "exp"],
)
def test_writing_to_a_leaf_that_no_rule_reads_is_allowed(use):
    t, twin = leaf(np.ones(3)), leaf(np.ones(3))
    loss = np.sum(use(t))
    t.data -= 1.0
    loss.backward()
    np.sum(use(twin)).backward()
    assert t.grad.tolist() == twin.grad.tolist()


def test_writing_before_the_call_is_allowed():
    t = leaf(np.ones(3))
    t.data -= 0.5
    np.sum(t * t).backward()
    assert t.grad.tolist() == [1.0] * 3


def test_a_new_array_leaves_what_was_recorded_as_it_was():
    t = leaf(np.ones(3))
    loss = np.sum(t * t)
    t.data = np.full(3, 5.0)
    loss.backward()
    assert t.grad.tolist() == [2.0] * 3
    assert t.data.tolist() == [5.0] * 3


def test_writing_is_noticed_behind_a_view():
    """The transpose that the rule reads lies in the memory that was written to."""
    W, x = leaf(np.ones((3, 2)), name="W"), leaf(np.ones((4, 2)))
    loss = np.sum(np.matmul(x, W.T))
    W.data -= 1.0
    with pytest.raises(RuntimeError, match=r"argument 1 of matmul .* leaf 'W' of shape \(3, 2\)"):
        loss.backward()


def test_writing_to_what_leads_to_no_target_is_allowed():
    x, w = leaf(np.ones(3)), leaf(np.ones(3))
    loss = np.sum(w * w + x)
    w.data -= 1.0
    found = backward.backward({loss.node: np.float64(1)}, {x.node}, free=False)
    assert found[x.node].tolist() == [1.0] * 3
    with pytest.raises(RuntimeError, match="written to in place"):
        backward.backward({loss.node: np.float64(1)}, {w.node})


def constants_that_share(t):
    """Return constants that lie in the memory of a tensor."""
    return {
        "detached": t.detach(),
        "part of detached": t.detach()[1:],
        "made of .data": tg.Tensor(t.data),
        "made of a part of .data": tg.Tensor(t.data[:2]),
    }


@pytest.mark.parametrize("constant", constants_that_share(leaf(np.ones(3))))
@pytest.mark.parametrize("result", [False, True], ids=["leaf", "result"])
def test_writing_to_a_constant_that_shares_the_memory_is_refused(constant, result):
    w = leaf(np.ones(3))
    t = w * 2 if result else w
    written = constants_that_share(t)[constant]
    loss = np.sum(t * t)
    written.data *= 10
    with pytest.raises(RuntimeError, match="in the memory of the constant of shape"):
        loss.backward()
    np.sum(w * w).backward()  # recorded after the write
    assert w.grad.tolist() == (w.data * 2).tolist()


def test_writing_to_a_constant_operand_is_refused():
    w, c = leaf(np.ones(3)), tg.Tensor(np.ones(3), name="c")
    loss = np.sum(w * c)
    c.data *= 10
    with pytest.raises(RuntimeError, match="constant 'c' of shape"):
        loss.backward()


def test_leaves_between_each_other_in_memory_are_told_apart():
    memory = np.ones((3, 2))
    a, b = leaf(np.ones(3)), leaf(np.ones(3), name="b")
    a.data, b.data = memory.T
    assert np.may_share_memory(a.data, b.data)
    loss = np.sum(a * a)
    b.data -= 1.0
    loss.backward()
    assert a.grad.tolist() == [2.0] * 3
    loss = np.sum(b * b)
    b.data -= 1.0
    with pytest.raises(RuntimeError, match="leaf 'b'"):
        loss.backward()


def test_memory_of_unclear_overlap_counts_as_shared():
    memory = np.zeros(1 << 20, np.int8)

    def strided(strides):
        return np.lib.stride_tricks.as_strided(memory, (6,) * len(strides), strides)

    a, b = strided((50021, 40009, 30011, 20011)), strided((50023, 40013, 30013, 20021))[1:]
    assert overlap(a, b)
    assert not overlap(memory[::2], memory[1::2])
    assert not overlap(memory[:5], memory[5:])


def test_a_write_is_forgotten_with_its_array():
    w = leaf(np.ones(3))
    before = len(WRITTEN._found)
    w.data *= 2
    assert len(WRITTEN._found) == before + 1
    assert WRITTEN.since(WRITTEN.newest) == []
    ((array, version, _),) = WRITTEN.since(WRITTEN.newest - 1)
    assert (array is w.data, version) == (True, WRITTEN.newest)
    del array
    del w
    assert len(WRITTEN._found) == before


@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize("since", ["before", "during"])
def test_a_graph_that_another_backward_consumes_is_refused(create_graph, since):
    """As if another thread went through the same graph meanwhile."""
    w = leaf(np.ones(3))
    shared = np.sin(np.exp(w))
    loss, other = np.sum(shared * shared), np.sum(shared)
    t = shared if since == "before" else w * 1.0
    total = loss + np.sum(t)
    t.register_hook(lambda g: other.backward())
    with pytest.raises(RuntimeError, match="already consumed by a backward"):
        total.backward(create_graph=create_graph)


def test_every_public_attribute_of_a_node_is_a_slot():
    assert not hasattr(leaf().node, "__dict__")


def test_nodes_hash_by_identity():
    nodes = [leaf(1.0).node for _ in range(3)]
    assert len(set(nodes)) == 3
    assert all(a != b for a, b in itertools.combinations(nodes, 2))
