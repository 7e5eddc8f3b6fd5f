"""Graphs of arrays: small ones, with as much overhead as arithmetic, and large ones, bound by memory."""

import numpy as np

from benchmarks.dialects import Inputs, torch_compiled, ways
from benchmarks.harness import Workload

F = np.float32


def normal(*shape: int, scale: float = 1.0) -> np.ndarray:
    return np.random.default_rng(0).normal(scale=scale, size=shape).astype(F)


# 64 x 64: ten or a hundred times mul, add, tanh


def small(xp, z, x, y):
    for _ in range(10):
        z = xp.tanh(z * x + y)
    return z.sum()


def deep(xp, z, x, y):
    for _ in range(100):
        z = xp.tanh(z * x + y)
    return z.sum()


def small_inputs(_quick: bool) -> Inputs:
    return tuple(normal(3, 64, 64, scale=0.5)), ()


# Chains over a million elements


def products(_xp, x, y):
    return (x * y + x - y * 0.5).sum()


def functions(xp, x, y):
    return (xp.tanh(x * y) + xp.exp(x * 0.1)).sum()


def large_inputs(quick: bool) -> Inputs:
    return tuple(normal(2, 10_000 if quick else 1_000_000)), ()


# Reductions of a square matrix along either axis


def sums(xp, x):
    return (xp.sum(x, axis=0) * xp.mean(x, axis=1)).sum()


def extremes(xp, x):
    return (xp.max(x, axis=0) + xp.max(x, axis=1)).sum()


def variance(xp, x):
    return xp.var(x, axis=1).sum()


def logsumexp(xp, x):
    return xp.logsumexp(x, axis=1).sum()


def square(quick: bool) -> Inputs:
    n = 100 if quick else 1000
    return (normal(n, n),), ()


# Rows of a table by number, as in an embedding: about a third of them more than once


def rows(xp, table, index):
    picked = xp.rows(table, index)
    return (picked * picked).sum()


def table(quick: bool) -> Inputs:
    n = 1000 if quick else 10_000
    return (normal(n, 64),), (np.random.default_rng(1).integers(n, size=n // 2),)


def slices(_xp, x):
    return (x[1:-1, 1:-1] * x[2:, :-2] - x[:-2, 2:]).sum()


# Cross-entropy from logits


def cross_entropy(xp, z, y):
    return xp.cross_entropy(z, y)


def logits(N: int, C: int):
    def inputs(quick: bool) -> Inputs:
        n = N // 10 if quick else N
        return (normal(n, C),), (np.random.default_rng(1).integers(C, size=n),)

    return inputs


DEEP = ways(deep, **{"torch compiled": torch_compiled(deep)})

# fmt: off
WORKLOADS = [
    Workload("64×64 graph: mul, add, tanh",      small_inputs,       ways(small),         "µs", 30, {"torch": 0.75}),
    Workload("64×64 graph, 300 operations",      small_inputs,       DEEP,                "µs", 1, {"compiled / torch": 0.35}),
    Workload("10⁶ elements: mul, add, sub",      large_inputs,       ways(products),      "ms", 1, {"torch": 1.0}),
    Workload("10⁶ elements: mul, tanh, exp",     large_inputs,       ways(functions),     "ms", 1, {"torch": 1.0}),
    Workload("1000×1000: sum, mean",             square,             ways(sums),          "ms"),
    Workload("1000×1000: max",                   square,             ways(extremes),      "ms"),
    Workload("1000×1000: var",                   square,             ways(variance),      "ms"),
    Workload("1000×1000: logsumexp",             square,             ways(logsumexp),     "ms"),
    Workload("rows of a table: take, put",       table,              ways(rows),          "ms"),
    Workload("1000×1000: slices",                square,             ways(slices),        "ms"),
    Workload("cross-entropy, 10 classes",        logits(4096, 10),   ways(cross_entropy), "ms"),
    Workload("cross-entropy, 10,000 classes",    logits(128, 10_000), ways(cross_entropy), "ms"),
]
# fmt: on
