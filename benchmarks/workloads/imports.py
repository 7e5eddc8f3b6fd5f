"""What an import costs, each in a new interpreter."""

from benchmarks.harness import Run, Workload
from benchmarks.isolated import seconds_to_import

MODULES = {
    "tensorgrad": "tensorgrad",
    "numpy": "numpy",
    "torch": "torch",
    "jax": "jax",
    "autograd": "autograd.numpy",
    "mygrad": "mygrad",
}


def importing(module: str):
    return lambda _: Run(sample=lambda: 1000 * seconds_to_import(module))


WORKLOADS = [
    Workload(
        "import",
        lambda quick: quick,
        {peer: importing(module) for peer, module in MODULES.items()},
        "ms",
        goals={"numpy": 1.3},
    ),
    Workload(
        "import, with nn",
        lambda quick: quick,
        {"tensorgrad": importing("nn"), "numpy": importing("numpy")},
        "ms",
    ),
]
