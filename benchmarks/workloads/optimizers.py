"""Each optimizer alone: steps with the same gradient, on the parameters of a small and a large network."""

from typing import Any, NamedTuple

import numpy as np

import nn
import tensorgrad as tg
from benchmarks.by_hand import Adam, AdamPass
from benchmarks.harness import Run, Workload

STEPS = 3  # after which the parameters are compared


class Inputs(NamedTuple):
    """Parameters and their gradients."""

    arrays: list[np.ndarray]
    gradients: list[np.ndarray]


def sized(n: int):
    """Return a maker of three matrices, of a half, a third and the rest of n, each with a bias."""

    def inputs(quick: bool) -> Inputs:
        size = n // 100 if quick else n
        rng = np.random.default_rng(0)
        parts = [size // 2, size // 3, size - size // 2 - size // 3]
        shapes = [s for part in parts for s in ((part // 100, 100), (100,))]
        arrays = [rng.normal(size=s).astype(np.float32) for s in shapes]
        return Inputs(arrays, [rng.normal(size=s).astype(np.float32) for s in shapes])

    return inputs


def ours(name: str, **settings: float):
    def way(inputs: Inputs) -> Run:
        def fresh():
            parameters = [tg.Tensor(x, requires_grad=True) for x in inputs.arrays]
            for p, g in zip(parameters, inputs.gradients, strict=True):
                p.grad = tg.Tensor(g)
            return parameters, getattr(nn, name)(parameters, **settings)

        def answers():
            parameters, optimizer = fresh()
            for _ in range(STEPS):
                optimizer.step()
            return parameters

        return Run(fresh()[1].step, answers)

    return way


def torch(name: str, **settings: Any):
    def way(inputs: Inputs) -> Run:
        import torch

        def fresh():
            parameters = [torch.tensor(x, requires_grad=True) for x in inputs.arrays]
            for p, g in zip(parameters, inputs.gradients, strict=True):
                p.grad = torch.tensor(g)
            return parameters, getattr(torch.optim, name)(parameters, **settings)

        def answers():
            parameters, optimizer = fresh()
            for _ in range(STEPS):
                optimizer.step()
            return parameters

        return Run(fresh()[1].step, answers)

    return way


class Layer:
    """A layer as the book's optimizers expect it."""

    def __init__(self, W, b, dW, db):
        self.weights, self.biases, self.dweights, self.dbiases = W.copy(), b.copy(), dW, db


def by_hand(inputs: Inputs) -> Run:
    def fresh():
        a, g = inputs
        return [Layer(*a[i : i + 2], *g[i : i + 2]) for i in range(0, len(a), 2)], Adam()

    def take(layers, optimizer):
        optimizer.pre_update_params()
        for layer in layers:
            optimizer.update_params(layer)
        optimizer.post_update_params()

    def answers():
        layers, optimizer = fresh()
        for _ in range(STEPS):
            take(layers, optimizer)
        return [p for layer in layers for p in (layer.weights, layer.biases)]

    state = fresh()
    return Run(lambda: take(*state), answers)


def floor(inputs: Inputs) -> Run:
    p = np.concatenate([x.ravel() for x in inputs.arrays])
    g = np.concatenate([x.ravel() for x in inputs.gradients])
    adam = AdamPass(p.size)
    return Run(lambda: adam.run(p, g), compared=False)


# fmt: off
ROWS = [  # name, ours, PyTorch's (fused where there is a fused version), other peers
    ("SGD",               ours("SGD", learning_rate=0.01),                torch("SGD", lr=0.01, fused=True), {}),
    ("SGD with momentum", ours("SGD", learning_rate=0.01, momentum=0.9),  torch("SGD", lr=0.01, momentum=0.9, fused=True), {}),
    ("Adagrad",           ours("Adagrad", learning_rate=0.01),            torch("Adagrad", lr=0.01, eps=1e-7, fused=True), {}),
    ("RMSprop",           ours("RMSprop", learning_rate=0.001),           torch("RMSprop", lr=0.001, alpha=0.9, eps=1e-7, foreach=True), {}),
    ("Adam",              ours("Adam", learning_rate=0.001),              torch("Adam", lr=0.001, eps=1e-7, fused=True), {"hand": by_hand, "floor": floor}),
]
# fmt: on

WORKLOADS = [
    Workload(
        f"{name}, {size} parameters",
        sized(n),
        {"tensorgrad": our, "torch": their, **others},
        unit,
        goals={"torch": 1.2} if n > 10**6 else {},
    )
    for n, size, unit in ((10**5, "10⁵", "µs"), (10**7, "10⁷", "ms"))
    for name, our, their, others in ROWS
]
