"""Memory: nothing outlives its use, with the garbage collector off, and a node keeps what its rules read.

tests/test_graph.py holds the engine by itself to the same; here are networks, transforms, and every op.
"""

import contextlib
import gc
import inspect
import platform
import subprocess
import sys
import tracemalloc
import weakref
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import nn
import tensorgrad as tg
from tensorgrad.engine.node import Node, NodeExtras
from tensorgrad.engine.state import Observer, with_state
from tensorgrad.joint import AllOp
from tensorgrad.rules import EachOp
from tests.cases.writes import WRITTEN
from tests.ops.test_ops import CASES, changed, full_name, leaf


@pytest.fixture
def no_collector():
    """Turn the garbage collector off, and hide all older objects from `census`."""
    gc.collect()
    gc.freeze()
    gc.disable()
    yield
    gc.enable()
    gc.unfreeze()


def census():
    """Count the tensors and parts of graphs that are alive."""
    return Counter(type(x) for x in gc.get_objects() if type(x) in (tg.Tensor, Node, NodeExtras))


# A thousand steps of a network

rng = np.random.default_rng(0)
X, y = rng.normal(size=(64, 8)).astype(np.float32), rng.integers(3, size=64)


def network():
    rng = np.random.default_rng(0)
    return [
        nn.Dense(8, 16, weight_regularizer_l2=1e-4, bias_regularizer_l1=1e-4, rng=rng),
        nn.ReLU(),
        nn.Dropout(0.1, rng=rng),
        nn.Dense(16, 3, rng=rng),
        nn.Softmax(),
    ]


OPTIMIZERS = {
    "SGD": lambda p: nn.SGD(p, learning_rate=0.1, momentum=0.9),
    "Adagrad": lambda p: nn.Adagrad(p, learning_rate=0.1),
    "RMSprop": lambda p: nn.RMSprop(p, learning_rate=0.01),
    "Adam": lambda p: nn.Adam(p, learning_rate=0.01),
}


@pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_thousands_of_training_steps_leave_nothing_behind(make, no_collector):
    module, loss = nn.Sequential(*network()), nn.CategoricalCrossentropy()
    optimizer = make(module.parameters())

    def steps(n):
        for i in range(n):
            rows = slice(16 * (i % 4), 16 * (i % 4 + 1))
            value = loss(module(tg.Tensor(X[rows])), y[rows])
            for layer in module.modules():
                if (penalty := layer.penalty()) is not None:
                    value = value + penalty
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
        return value.item()

    first = steps(10)  # in which the optimizer makes its arrays, and the ops their plans
    objects = census()
    last = steps(
        3000
    )  # after which Python has filled its own lists of freed tuples, too: 2,000 each
    assert last < first
    assert census() == objects
    tracemalloc.start()
    steps(10)
    before = tracemalloc.get_traced_memory()[0]
    steps(200)
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown < 4_000  # bytes: less than one number a step


def test_a_model_in_training_keeps_its_figures_alone(no_collector):
    model = nn.Model()
    for layer in network():
        model.add(layer)
    model.set(
        loss=nn.CategoricalCrossentropy(), optimizer=nn.Adam(), accuracy=nn.CategoricalAccuracy()
    )
    model.finalize()

    def train(epochs):
        model.train(X, y, epochs=epochs, batch_size=16, print_every=None)

    with contextlib.redirect_stdout(None):
        train(2)
        objects = census()
        train(250)  # of four batches
        assert census() == objects


def test_evaluating_records_nothing(no_collector):
    module = nn.Sequential(*network()).eval()
    objects = census()
    with tg.no_grad():
        out = module(tg.Tensor(X))
    assert out.node is None
    del out
    assert census() == objects


# What derivatives leave behind

V = np.linspace(0.5, 1.5, 6)


def f(x):
    y = np.exp(x) * x
    y[1:] += np.sin(x[:-1])
    y /= np.sum(y)
    return np.sum(y**2) + np.linalg.det(np.reshape(x[:4], (2, 2)))


@tg.custom_gradient
def cube(x):
    return x**3, lambda g: g * 3 * x**2


USES = {
    "grad": lambda: tg.grad(f)(V),
    "value_and_grad": lambda: tg.value_and_grad(f)(V),
    "elementwise_grad": lambda: tg.elementwise_grad(np.tanh)(V),
    "vjp": lambda: tg.vjp(np.cumsum, V)[1](V),
    "a pullback that is not called": lambda: tg.vjp(f, V),
    "jvp": lambda: tg.jvp(f, (V,), (V,)),
    "jacobian": lambda: tg.jacobian(np.cumsum)(V),
    "hessian": lambda: tg.hessian(f)(V),
    "hvp": lambda: tg.hvp(f, V, V),
    "third order": lambda: tg.grad(lambda x: np.sum(tg.hvp(f, x, V)))(V),
    "checkpoint": lambda: tg.grad(lambda x: tg.checkpoint(f)(np.sin(x)))(V),
    "custom_gradient": lambda: tg.grad(lambda x: np.sum(cube(x)))(V),
    "check_grads": lambda: tg.check_grads(f, V),
    "no backward": lambda: f(tg.Tensor(V, requires_grad=True) * 1),
    "trace": lambda: traced(),
    "a hook": lambda: hooked(),
    "an error in the function": lambda: failed(lambda x: np.linalg.inv(np.outer(x, x) * 0)),
    "an error in backward": lambda: failed(lambda x: raising(np.sin(x))),
}


def traced():
    with tg.trace() as t:
        f(tg.Tensor(V, requires_grad=True) * 1).backward()
    t.summary()


def hooked():
    x = tg.Tensor(V, requires_grad=True)
    y = np.sin(x)
    seen = []
    y.register_hook(lambda g: seen.append(g))
    y.retain_grad()
    np.sum(y).backward()


def failed(g):
    try:
        tg.grad(lambda x: np.sum(g(x)))(V)
    except (ValueError, np.linalg.LinAlgError) as error:
        # A frame that caught an error keeps it in a cycle with itself, were it not for this.
        error.__traceback__ = None


@tg.custom_gradient
def raising(x):
    def refuse(_g):
        raise ValueError("no")

    return x * 1, refuse


@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_what_is_done_and_dropped_is_gone(use, no_collector):
    use()  # once, for what is remembered for good
    objects = census()
    use()
    assert census() == objects


def test_writes_let_go_of_what_was_there(no_collector):
    """A tensor that is written to a thousand times holds one array, and the graph what its rules read."""
    x = tg.Tensor(np.zeros(1000)) + tg.Tensor(0.0, requires_grad=True)
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for i in range(1000):
        x[i] = 1.0
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown < 2_000_000  # a thousand nodes; the arrays would be 8 MB
    assert np.sum(x).item() == 1000


def test_weak_references_die_with_the_graph(no_collector):
    x = tg.Tensor(V, requires_grad=True)
    a = np.exp(x)
    b = a * x
    c = b.T
    c[1:] = 0.0
    loss = np.sum(c * b)
    tensors, nodes = [weakref.ref(t) for t in (a, b, c)], [weakref.ref(t.node) for t in (a, b, c)]
    del a, b, c
    assert all(t() is None for t in tensors)
    assert all(n() is not None for n in nodes)
    loss.backward(retain_graph=True)
    assert all(n() is not None for n in nodes)
    loss.backward()
    assert all(n() is None for n in nodes)
    assert x.node is not None


# What a node keeps: by every rule's own signature, on every row of the op table


class Keeps(Observer):
    """Checks of every node, as it is recorded, that it holds what its rules read and no more."""

    def compute(self, op, values, kwargs):
        return op.compute(*values, **kwargs)

    def returned(self, op, args, kwargs, t):
        if t.node is not None:
            self.check(t.node)

    def check(self, node):
        wanted = [i for i, parent in enumerate(node.parents) if parent is not None]
        read = [reads(node.op, i, len(node.args)) for i in wanted]
        for i, kept in enumerate(node.args):
            if not any(args[i] for _, args in read):
                assert not isinstance(kept, np.ndarray), f"{node.op.name} keeps argument {i}"
        assert node.out is None or any(output for output, _ in read), (
            f"{node.op.name} keeps its output"
        )
        assert not any(
            isinstance(x, tg.Tensor) for x in (*node.args, *node.kwargs.values(), node.out)
        )


def reads(op, i, n):
    """Tell if the rule of argument i reads the output, and which of the n arguments it or the residuals read."""
    each = isinstance(op, EachOp)
    rule = op.gradient if isinstance(op, EachOp | AllOp) else op.rules[i]
    names = list(inspect.signature(rule).parameters)
    args = [not name.startswith("_") for name in names[3 if each else 2 :]]
    if op.residuals is not None:
        again = inspect.signature(op.residuals).parameters
        args = [a or not name.startswith("_") for a, name in zip(args, again, strict=True)]
    return not names[1].startswith("_"), args[:1] * n if each else args


@pytest.mark.parametrize("op", CASES, ids=full_name)
def test_a_node_keeps_only_what_its_rules_read(op):
    for row in CASES[op]:
        args, kwargs = changed(row, leaf)
        with with_state(observer=Keeps()):
            WRITTEN.get(op, op)(*args, **kwargs)


def test_nothing_read_is_nothing_saved():
    """So of a sum of a thousand arrays none is kept."""
    x = tg.Tensor(np.zeros(1000), requires_grad=True)
    total = x * 1
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for _ in range(1000):
        total = -(total + x)
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown < 2_000_000  # two thousand nodes; the arrays would be 16 MB


def test_the_check_finds_what_is_kept_needlessly():
    keeps = tg.primitive(lambda x: 2 * x)
    tg.rule(keeps, lambda g, _out, _x: 2 * g)
    x = tg.Tensor(V, requires_grad=True)
    with with_state(observer=Keeps()):
        node = keeps(x).node
        node.args = [V]
        with pytest.raises(AssertionError, match="keeps argument 0"):
            Keeps().check(node)
        node.args, node.out = [x.node], V
        with pytest.raises(AssertionError, match="keeps its output"):
            Keeps().check(node)


# Large arrays

STEPS = """
import resource
import numpy as np
import tensorgrad as tg
x, y = (tg.Tensor(np.full(1_000_000, 0.5, np.float32), requires_grad=True) for _ in range(2))
def step():
    x.grad = y.grad = None
    np.sum(x * y + x - y * 0.5).backward()
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(3):
    step()
before = faults()
for _ in range(10):
    step()
print((faults() - before) / 10)
"""


@pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc", reason="about the memory of Linux's C library"
)
def test_a_step_takes_the_memory_that_the_last_one_freed():
    """Page faults, counted: the step uses nine arrays of 1,000 pages, of which four were fetched anew each time."""
    done = subprocess.run(
        [sys.executable, "-c", STEPS],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    assert float(done.stdout) < 100
