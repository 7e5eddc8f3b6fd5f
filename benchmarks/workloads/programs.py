"""The time until a program runs: tracing a function and writing its text, once for a kind of arguments."""

import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

import nn
import tensorgrad as tg
from benchmarks.dialects import Formula, Inputs, compiled_gradient
from benchmarks.harness import Run, Workload
from benchmarks.workloads.fashion_mnist import BATCH, WIDTHS
from benchmarks.workloads.scalars import inputs, long


def timed(make: Callable[[], Any]) -> Run:
    def sample() -> float:
        start = time.perf_counter()
        make()
        return 1000 * (time.perf_counter() - start)

    return Run(sample=sample)


def of_formula(formula: Formula) -> Callable[[Inputs], Run]:
    def way(inputs: Inputs) -> Run:
        args = [*inputs[0], *inputs[1]]
        return timed(lambda: compiled_gradient(formula, len(inputs[0])).program(*args).source)

    return way


def of_step(batch: tuple[np.ndarray, np.ndarray]) -> Run:
    """Make the step of the network for Fashion-MNIST, as `nn.Model` does."""
    layers: list[Any] = []
    for i, (D, H) in enumerate(pairwise(WIDTHS)):
        layers += [nn.Dense(D, H, rng=i), nn.ReLU() if i < 2 else nn.Softmax()]
    net, loss = nn.Sequential(*layers), nn.CategoricalCrossentropy()

    def gradients(X, y):
        value = loss(net(X), y)
        value.backward()
        return value.detach()

    def make():
        net.zero_grad()
        return tg.compile(gradients).program(*batch).source

    return timed(make)


def batch(_quick: bool) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.normal(size=(BATCH, WIDTHS[0])).astype(np.float32), rng.integers(10, size=BATCH)


# fmt: off
WORKLOADS = [
    Workload("trace and write: Fashion-MNIST step", batch, {"tensorgrad": of_step}, "ms", limit=50, threads=False),
    Workload("trace and write: scalar graph, 900 operations", inputs, {"tensorgrad": of_formula(long)}, "ms", limit=300, threads=False),
]
# fmt: on
