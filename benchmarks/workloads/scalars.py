"""Graphs of single numbers, which measure only the overhead of an operation."""

import math
from collections.abc import Callable

import numpy as np

from benchmarks.dialects import Formula, Inputs, torch_compiled, ways
from benchmarks.harness import Step, Workload

N = 100  # times three operations: micrograd's recursive sort fails beyond about 1,000


def straight(_xp, z, x, y):
    for _ in range(N):
        z = z * x + y
        z = z * 0.5
    return z


def curved(xp, z, x, y):
    for _ in range(N):
        z = xp.tanh(z * x + y)
    return z


def long(xp, z, x, y):
    for _ in range(3 * N):
        z = xp.tanh(z * x + y)
    return z


def inputs(_quick: bool) -> Inputs:
    return tuple(np.array(v) for v in (0.3, 0.9, 0.1)), ()


def micrograd(formula: Formula) -> Callable[[Inputs], Step]:
    def way(inputs: Inputs) -> Step:
        from micrograd.engine import Value

        class Namespace:
            @staticmethod
            def tanh(a):  # micrograd lacks it; written like its other operations
                out = Value(math.tanh(a.data), (a,), "tanh")

                def _backward():
                    a.grad += (1 - out.data**2) * out.grad

                out._backward = _backward
                return out

        leaves = [Value(float(x)) for x in inputs[0]]

        def step():
            for p in leaves:
                p.grad = 0
            out = formula(Namespace, *leaves)
            out.backward()
            return out.data, *[p.grad for p in leaves]

        return step

    return way


LONG = ways(long, **{"torch compiled": torch_compiled(long)})

# fmt: off
WORKLOADS = [
    Workload("scalar graph: mul, add",       inputs, ways(straight, micrograd=micrograd(straight)), "µs", 3 * N, {"torch": 0.5}, tolerance=1e-9),
    Workload("scalar graph: mul, add, tanh", inputs, ways(curved, micrograd=micrograd(curved)),     "µs", 3 * N, {"torch": 0.5}, tolerance=1e-9),
    Workload("scalar graph, 900 operations", inputs, LONG, "µs", 1, {"compiled / torch": 0.06}, tolerance=1e-9),
]
# fmt: on
