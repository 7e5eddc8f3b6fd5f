"""The workloads, one file per family; a new workload is one row in the list of its family."""

from benchmarks.harness import Workload
from benchmarks.workloads import (
    arrays,
    convolution,
    fashion_mnist,
    functional,
    growth,
    imports,
    memory,
    mlp,
    optimizers,
    programs,
    scalars,
    science,
    sequences,
)

FAMILIES: dict[str, list[Workload]] = {
    "scalars": scalars.WORKLOADS,
    "arrays": arrays.WORKLOADS,
    "mlp": mlp.WORKLOADS,
    "convolution": convolution.WORKLOADS,
    "sequences": sequences.WORKLOADS,
    "fashion-mnist": fashion_mnist.WORKLOADS,
    "functional": functional.WORKLOADS,
    "programs": programs.WORKLOADS,
    "science": science.WORKLOADS,
    "optimizers": optimizers.WORKLOADS,
    "growth": growth.WORKLOADS,
    "memory": memory.WORKLOADS,
    "imports": imports.WORKLOADS,
}
