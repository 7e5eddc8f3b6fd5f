"""The peak memory of a step, beyond parameters and data, each in its own process.

Resident memory is that of the system, and comparable with PyTorch. Traced memory is reported by Python's and NumPy's
allocators: it is exact, but PyTorch has no counterpart.
"""

from benchmarks.harness import Run, Workload
from benchmarks.processes import measure_isolated

PEERS = ("compiled", "torch", "autograd", "mygrad")


def peak(measure: str, workload: str, peer: str):
    def sample(quick: bool) -> float:
        request = {"workload": workload, "peer": peer, "quick": quick}
        return measure_isolated(measure=measure, **request) / 2**20

    return lambda quick: Run(sample=lambda: sample(quick))


def row(measure: str, workload: str) -> Workload:
    peers = ["tensorgrad", *(p for p in PEERS if measure == "resident" or p != "torch")]
    return Workload(
        f"peak memory, {measure}: {workload}",
        lambda quick: quick,
        {peer: peak(measure, workload, peer) for peer in peers},
        "MiB",
        goals={"torch": 1.1} if measure == "resident" else {"compiled / tensorgrad": 1.0},
        rounds=3 if measure == "resident" else 1,
        threads=False,
        slow=True,
    )


WORKLOADS = [
    row(measure, workload)
    for workload in (
        "MLP 784-256-10, batch 128",
        "MLP 784-256-10, batch 4096",
        "10⁶ elements: mul, add, sub",
        "10⁶ elements: mul, tanh, exp",
        "rows of a table: take, put",
        "cross-entropy, 10,000 classes",
    )
    for measure in ("resident", "traced")
]
