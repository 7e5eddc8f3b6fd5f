"""The public walk over the graph: a backward written by users gives the same bits."""

import numpy as np
import pytest

import nn
import tensorgrad as tg


def gradients_of(y):
    """Return the gradients, as in docs/engine.md."""
    gradients = {y.node: np.ones_like(y.data)[()]}
    for node in tg.walk(y):
        for i, parent in enumerate(node.parents):
            if parent is None:
                continue
            g = node.op.rules[i](gradients[node], node.out, *node.args, **node.kwargs)
            g = tg.unbroadcast(g, parent)
            gradients[parent] = gradients[parent] + g if parent in gradients else g
    return gradients


def network():
    rng = np.random.default_rng(0)
    net = nn.Sequential(nn.Dense(4, 8, rng=0), nn.ReLU(), nn.Dense(8, 3, rng=1), nn.Softmax())
    X, y = rng.standard_normal((5, 4)).astype(np.float32), rng.integers(0, 3, 5)
    return net, lambda: nn.CategoricalCrossentropy()(net(X), y) + net[0].weights.var() * 0.1


@pytest.mark.parametrize("seed", range(3))
def test_a_backward_of_ten_lines_gives_the_same_bits(seed):
    net, loss = network()
    found = gradients_of(loss())
    loss().backward()
    for p in net.parameters():
        assert found[p.node].dtype == p.grad.dtype == np.float32
        assert found[p.node].tobytes() == p.grad.data.tobytes()


def test_a_node_tells_what_was_called():
    net, loss = network()
    y = loss()
    nodes = tg.walk(y)
    serials = [node.serial for node in nodes]
    assert nodes[0] is y.node
    assert serials == sorted(serials, reverse=True)
    (entropy,) = (node for node in nodes if node.op and node.op.name == "softmax_cross_entropy")
    assert entropy.op.function is tg.softmax_cross_entropy
    assert (entropy.shape, entropy.dtype, entropy.module_path, entropy.kwargs) == ((), "f4", "", {})
    assert entropy.inputs[1].dtype == int
    assert entropy.output is None  # the rule reads the softmax in its place
    linear = entropy.parents[0]
    assert (linear.module_path, linear.op.name) == ("2", "linear")
    assert linear.parents[1] is net[2].weights.node
    assert linear.inputs[1] is net[2].weights.data
    assert [p.name for p in linear.parents[1:]] == ["weights", "biases"]
    leaf = linear.parents[1]
    assert (leaf.op, leaf.parents, leaf.inputs, leaf.output, leaf.module_path) == (
        None, (), (), None, "",
    )  # fmt: skip


def test_a_trace_keeps_all_values_if_asked_to():
    x = tg.Tensor([0.5, 2.0], requires_grad=True)
    with tg.trace():
        y = np.sum(np.exp(x + 1.0))
    assert [node.output is None for node in tg.walk(y)[:3]] == [True, False, True]
    with tg.trace(keep=True):
        y = np.sum(np.exp(x + 1.0))
    total, exp, add, _ = tg.walk(y)
    assert add.inputs[0] is x.data
    assert add.inputs[1] == 1.0
    assert add.output.tolist() == exp.inputs[0].tolist() == [1.5, 3.0]
    assert total.output == np.sum(exp.output)
    y.backward()
    assert add.inputs[0] is x.data  # also after backward has freed what the rules read
    with tg.trace(keep=True):
        z = tg.softmax_cross_entropy(np.reshape(x, (1, 2)), np.array([1]))
    assert z.node.output == z.data


def test_what_a_trace_keeps_lives_as_long_as_its_node():
    x = tg.Tensor([0.5, 2.0], requires_grad=True)
    with tg.trace(keep=True) as trace:
        y = np.sum(x * np.ones(2))
        live = trace.memory.live
        del y
        assert trace.memory.live < live


def test_a_constant_and_a_freed_graph_are_refused():
    x = tg.Tensor([0.5, 2.0], requires_grad=True)
    with pytest.raises(RuntimeError, match="cannot be walked from: it is a constant"):
        tg.walk(x.detach())
    y = np.sum(x * x)
    y.backward()
    assert y.node.inputs == ()
    with pytest.raises(RuntimeError, match="already consumed"):
        tg.walk(y)
