"""Long chains: the time per node must not grow with the length, and a recorded operation takes a few hundred bytes."""

from typing import Any

import tensorgrad as tg
from benchmarks.harness import Run, Workload
from benchmarks.processes import measure_isolated


def chain(n: int, z: Any, x: Any, y: Any) -> Any:
    for _ in range(n // 2):
        z = z * x + y
    return z


def leaves(peer: str) -> list[Any]:
    values = (0.3, 0.9, 0.1)
    if peer == "torch":
        import torch

        return [torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in values]
    if peer == "mygrad":
        import mygrad

        return [mygrad.tensor(v) for v in values]
    if peer == "micrograd":
        from micrograd.engine import Value

        return [Value(v) for v in values]
    return [tg.Tensor(v, requires_grad=True) for v in values]


def nodes(peer: str, n: int | None = None):
    """Build a chain and run backward through it; `n` replaces the length that all peers are given."""

    def way(given: int) -> Run:
        length, start = n or given, leaves(peer)

        def once():
            for p in start:
                p.grad = None
            out = chain(length, *start)
            out.backward()
            return out, *[p.grad for p in start]

        def step():
            for _ in range(max(1, given // length)):  # the same number of nodes in total
                once()

        # A shorter chain has different answers, which the row of its length compares.
        return Run(step, once, compared=n is None)

    return way


def held(peer: str, traced: bool):
    return lambda n: Run(
        sample=lambda: measure_isolated(measure="held", peer=peer, n=n, traced=traced)
    )


def always(n: int):
    return lambda _quick: n


WAYS = {peer: nodes(peer) for peer in ("tensorgrad", "torch")}

# fmt: off
WORKLOADS = [
    Workload("chain of 10³ nodes", always(10**3), WAYS, "µs", 10**3, tolerance=1e-9),
    Workload("chain of 10⁴ nodes", always(10**4), WAYS, "µs", 10**4, tolerance=1e-9),
    Workload("chain of 10⁵ nodes", always(10**5), WAYS, "µs", 10**5, tolerance=1e-9),
    Workload("chain of 10⁶ nodes", always(10**6), WAYS | {"smaller": nodes("tensorgrad", 10**5)}, "µs", 10**6,
             {"smaller": 1.2}, tolerance=1e-9, rounds=3, slow=True),
    Workload("bytes of a recorded operation, traced", always(10**5), {p: held(p, True) for p in ("tensorgrad", "mygrad", "micrograd")},
             "B", limit=500, threads=False, rounds=1),
    Workload("bytes of a recorded operation, resident", always(10**5), {p: held(p, False) for p in ("tensorgrad", "torch", "mygrad", "micrograd")},
             "B", threads=False, rounds=3),
]
# fmt: on
