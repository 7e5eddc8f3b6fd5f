"""The memory of a step at its peak, beyond parameters and data, each in a process of its own.

Resident is what the system sees, and can be compared with PyTorch; traced is what Python's and NumPy's allocators
say, exactly, and can not.
"""

from benchmarks.harness import Run, Workload
from benchmarks.isolated import ask

PEERS = ("torch", "autograd", "mygrad")


def peak(what: str, workload: str, peer: str):
    def sample(quick: bool) -> float:
        return ask(what=what, workload=workload, peer=peer, quick=quick) / 2**20

    return lambda quick: Run(sample=lambda: sample(quick))


def row(what: str, workload: str) -> Workload:
    peers = ["tensorgrad", *(PEERS if what == "resident" else PEERS[1:])]
    return Workload(
        f"peak memory, {what}: {workload}",
        lambda quick: quick,
        {peer: peak(what, workload, peer) for peer in peers},
        "MiB",
        goals={"torch": 1.1} if what == "resident" else {},
        rounds=3 if what == "resident" else 1,
        threads=False,
        slow=True,
    )


WORKLOADS = [
    row(what, workload)
    for workload in (
        "MLP 784-256-10, batch 128",
        "MLP 784-256-10, batch 4096",
        "10⁶ elements: mul, add, sub",
        "10⁶ elements: mul, tanh, exp",
        "rows of a table: take, put",
        "cross-entropy, 10,000 classes",
    )
    for what in ("resident", "traced")
]
