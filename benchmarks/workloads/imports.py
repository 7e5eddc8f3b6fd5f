"""The time of imports, each in a new interpreter."""

import tempfile

from benchmarks.harness import Run, Workload
from benchmarks.processes import seconds_to_import

MODULES = {
    "tensorgrad": "tensorgrad",
    "numpy": "numpy",
    "torch": "torch",
    "jax": "jax",
    "autograd": "autograd.numpy",
    "mygrad": "mygrad",
}


def importing(module: str):
    def way(folder: tempfile.TemporaryDirectory) -> Run:
        seconds_to_import(module, folder.name)  # compiles
        return Run(sample=lambda: 1000 * seconds_to_import(module, folder.name))

    return way


def bytecode(_quick: bool) -> tempfile.TemporaryDirectory:
    return tempfile.TemporaryDirectory()


WORKLOADS = [
    Workload(
        "import",
        bytecode,
        {peer: importing(module) for peer, module in MODULES.items()},
        "ms",
        goals={"numpy": 1.3},
        threads=False,
    ),
    Workload(
        "import, with nn",
        bytecode,
        {"tensorgrad": importing("nn"), "numpy": importing("numpy")},
        "ms",
        threads=False,
    ),
]
