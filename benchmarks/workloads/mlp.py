"""One step, forward and backward, of networks from tiny to wide: linear, relu, softmax cross-entropy."""

from itertools import pairwise

import numpy as np

import nn
import tensorgrad as tg
from benchmarks.by_hand import Network, Products
from benchmarks.dialects import Inputs, torch_compiled, ways
from benchmarks.harness import Run, Step, Workload


def parameters(widths: tuple[int, ...], seed: int = 0) -> tuple[np.ndarray, ...]:
    """Draw W, b, W, b, … with He's initialization, so that gradients have the same scale in all layers."""
    rng = np.random.default_rng(seed)
    pairs = pairwise(widths)
    return tuple(
        p.astype(np.float32)
        for D, H in pairs
        for p in (rng.normal(scale=(2 / D) ** 0.5, size=(D, H)), np.zeros(H))
    )


def network(xp, *args):
    """Compute the loss from W, b, W, b, …, x, y."""
    *layers, x, y = args
    for i in range(0, len(layers), 2):
        x = xp.linear(x if i == 0 else xp.relu(x), layers[i], layers[i + 1])
    return xp.cross_entropy(x, y)


def by_hand(inputs: Inputs) -> Step:
    net, (X, y) = Network([p.copy() for p in inputs[0]]), inputs[1]

    def step():
        loss = net.forward(X, y)
        net.backward(y)
        return loss, *net.gradients()

    return step


def floor(inputs: Inputs) -> Run:
    X = inputs[1][0]
    products = Products(inputs[0], len(X))
    return Run(lambda: products.run(X), compared=False)


def sized(*widths: int, N: int):
    def inputs(_quick: bool) -> Inputs:
        rng = np.random.default_rng(1)
        X = rng.normal(size=(N, widths[0])).astype(np.float32)
        return parameters(widths), (X, rng.integers(widths[-1], size=N))

    return inputs


def by_tangent(inputs: Inputs) -> Step:
    import tangent

    (X, y), p = inputs[1], inputs[0]
    # It reads the source of a function of NumPy calls, and has no class indices.
    f = tangent.grad(two_layers, wrt=(1, 2, 3, 4), preserve_result=True)
    rows = np.eye(p[-1].size, dtype=np.float32)[y]

    def step():
        *grads, loss = f(X, *p, rows)
        return loss, *grads

    return step


def two_layers(x, W1, b1, W2, b2, y):
    h = np.maximum(np.dot(x, W1) + b1, 0.0)
    z = np.dot(h, W2) + b2
    total = np.sum(np.exp(z), axis=1, keepdims=True)
    return np.sum(y * (np.log(total) - z)) / len(y)


def our_modules(inputs: Inputs, compiled: bool = False) -> Step:
    arrays, (X, y) = inputs
    dense = [nn.Dense(*W.shape) for W in arrays[::2]]
    net = nn.Sequential(*[x for layer in dense for x in (layer, nn.ReLU())][:-1], nn.Softmax())
    p = net.parameters()
    for q, x in zip(p, arrays, strict=True):
        q.data = x.reshape(q.shape)
    loss_of = nn.CategoricalCrossentropy()

    def gradients(X, y):
        loss = loss_of(net(X), y)
        loss.backward()
        return loss.detach()

    f = tg.compile(gradients) if compiled else gradients

    def step():
        for q in p:  # as an optimizer's zero_grad does
            q.grad = None
        loss = f(X, y)
        return loss, *[q.grad.data.reshape(x.shape) for q, x in zip(p, arrays, strict=True)]

    return step


def torch_modules(inputs: Inputs) -> Step:
    import torch

    arrays, (X, y) = inputs
    X, y = torch.tensor(X), torch.tensor(y)
    dense = [torch.nn.Linear(*W.shape) for W in arrays[::2]]
    net = torch.nn.Sequential(*[x for layer in dense for x in (layer, torch.nn.ReLU())][:-1])
    p = list(net.parameters())
    for q, x in zip(p, arrays, strict=True):
        q.data = torch.tensor(x.T.copy())
    loss_of = torch.nn.CrossEntropyLoss()

    def step():
        for q in p:
            q.grad = None
        loss = loss_of(net(X), y)
        loss.backward()
        return loss, *[q.grad.T if q.ndim == 2 else q.grad for q in p]

    return step


MODULES = {
    "tensorgrad": our_modules,
    "compiled": lambda inputs: our_modules(inputs, compiled=True),
    "torch": torch_modules,
}
WAYS = ways(network, hand=by_hand, floor=floor)
SMALL = WAYS | {"torch compiled": torch_compiled(network), "tangent": by_tangent}

# fmt: off
WORKLOADS = [
    Workload("MLP 4-8-3, batch 1",        sized(4, 8, 3, N=1),        SMALL, "µs", 1, {"torch": 0.55, "compiled / torch": 0.30, "compiled / jax": 1.3}),
    Workload("MLP 64-64-10, batch 32",    sized(64, 64, 10, N=32),    SMALL, "µs", 1, {"torch": 0.55, "compiled / torch": 0.30, "compiled / jax": 0.5}),
    Workload("MLP 784-256-10, batch 128", sized(784, 256, 10, N=128), WAYS, "µs", 1, products=True),
    Workload("MLP 4-8-3, of modules",     sized(4, 8, 3, N=1),        MODULES, "µs", 1, {"torch": 0.8, "compiled / torch": 0.40}),
    Workload("MLP 64-64-10, of modules",  sized(64, 64, 10, N=32),    MODULES, "µs", 1, {"torch": 0.8, "compiled / torch": 0.37}),
    Workload("MLP 784-256-10, batch 4096", sized(784, 256, 10, N=4096), WAYS, "ms", 1, products=True, slow=True),
]
# fmt: on
