"""Data-parallel training: measured with 1 and 2 processes, and on paper for more.

Run: python -m benchmarks.scaling [--measure]
"""

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import nn
from benchmarks.harness import CORES
from examples import networks

RESULTS = Path(__file__).parent / "results" / "scaling" / "figures.json"
BATCHES = (128, 1024)  # rows of a step
SHARES = {"mlp": (1, 4, 16, 64, 128, 512, 1024), "cnn": (1, 4, 16, 64, 128)}  # of a process
EPOCHS, REPEATS = 4, 200
MEGABYTES = (0.5, 4.0, 64.0)
COUNTS, GIGABITS = (8, 64, 512), (10, 100)  # processes on paper, and the speed of their network
LATENCY = {10: 25e-6, 100: 3e-6}  # seconds of a message: TCP on Ethernet, and InfiniBand; assumed
WIDE = 4096  # inputs and outputs of the wide layer


def network(name: str = "mlp") -> nn.Model:
    """Return a network of the main job, 784-128-128-10 or convolutional, with its optimizer."""
    options = {"hidden": [128, 128] if name == "mlp" else [128], "channels": [16, 32]}
    more = {"l2": 0.0, "dropout": 0.0, "initializer": "he", "batch_norm": False}
    make = {"mlp": networks.mlp, "cnn": networks.cnn}[name]
    model = nn.Model(make(argparse.Namespace(**options, **more), np.random.default_rng(0)))
    model.set(
        loss=nn.CategoricalCrossentropy(), optimizer=nn.Adam(), accuracy=nn.CategoricalAccuracy()
    )
    return model


def data() -> tuple[np.ndarray, np.ndarray]:
    """Return 60,000 samples of the shape of Fashion-MNIST; their values change no time."""
    rng = np.random.default_rng(0)
    return rng.random((60_000, 784), np.float32), rng.integers(0, 10, 60_000)


def of_a_step(name: str, data: tuple[Any, Any], batch: int, processes: Any) -> float:
    """Return the median of the seconds of a step, after those that make the programs."""
    model, steps = network(name), 300 if name == "mlp" and batch < 512 else 24
    X, y = data[0][: steps * batch], data[1][: steps * batch]
    X = X if name == "mlp" else X.reshape(-1, 28, 28, 1)
    options = {"batch_size": batch, "print_every": None, "seed": 0, "distributed": processes}
    model.train(X, y, **options)
    first = len(model.history.steps["time"]) - (steps // 2)
    return statistics.median(model.history.steps["time"][first:])


def of_a_call(function: Callable[[], Any]) -> float:
    """Return the median of the seconds of a call."""
    times = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        function()
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def worker() -> None:
    """Measure in this process of a job; process 0 prints the figures."""
    processes = nn.distributed.MPI()
    X, y = data()
    found: dict[str, Any] = {"epochs": {}, "allreduce": {}}
    for batch in BATCHES:
        model = network()
        options = {"batch_size": batch, "print_every": None, "seed": 0, "distributed": processes}
        model.train(X, y, epochs=EPOCHS, **options)
        found["epochs"][batch] = statistics.median(model.history.epochs["time"][1:])
    found["exchange"] = of_a_call(lambda: processes.exchange("nothing"))
    for megabytes in MEGABYTES:
        array = np.ones(int(megabytes * 250_000), np.float32)
        found["allreduce"][megabytes] = of_a_call(lambda a=array: processes.sum_in_place(a))
    found["cnn"] = of_a_step("cnn", (X, y), 128, processes)
    # By themselves, but at the same time: cores share their memory, and threads a core.
    found["beside"] = {
        name: of_a_step(name, (X, y), 128 // processes.size, None) for name in SHARES
    }
    if processes.size == 1:
        found["steps"] = {
            name: {rows: of_a_step(name, (X, y), rows, None) for rows in shares}
            for name, shares in SHARES.items()
        }
        found["gigaflops"] = of_products()
    found["bytes"] = {n: 4 * sum(p.size for p in network(n).parameters()) for n in SHARES}
    if processes.rank == 0:
        print(json.dumps(found))


def of_products() -> float:
    """Return the 10⁹ operations a second of a product like those of the wide layer."""
    a, b = np.ones((128, WIDE), np.float32), np.ones((WIDE, WIDE), np.float32)
    times = []
    for _ in range(12):
        began = time.perf_counter()
        a @ b
        times.append(time.perf_counter() - began)
    return 2 * a.size * WIDE / statistics.median(times) / 1e9


def measured() -> dict[str, Any]:
    """Run the worker with 1 and 2 processes of one thread each; return both figures."""
    root = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    found = {"cores": CORES}
    for processes in (1, 2):
        command = ["mpiexec", "-n", str(processes), sys.executable, "-m", "benchmarks.scaling"]
        done = subprocess.run(
            [*command, "--worker"], env=os.environ | root | {"OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE, text=True, check=True,
        )  # fmt: skip
        found[str(processes)] = json.loads(done.stdout.splitlines()[-1])
    return found


class Paper:
    """A model of a step: the computation of a share, the exchange, and a ring of the gradient.

    A step of n rows takes as long as in one process, interpolated between those that were measured.
    What 2 processes take beyond it, without the Allreduce itself, is the work on the flat gradient.
    The message goes through log2(P) processes, and each byte of the gradient twice through the
    network.
    """

    def __init__(self, figures: dict[str, Any], name: str) -> None:
        one, two = figures["1"], figures["2"]
        self.rows = [int(rows) for rows in one["steps"][name]]
        self.seconds = list(one["steps"][name].values())
        self.bytes, self.message = one["bytes"][name], two["exchange"]
        self.flops = one["gigaflops"] * 1e9
        step = two["cnn"] if name == "cnn" else two["epochs"]["128"] / math.ceil(60_000 / 128)
        reduced = self.bytes / 0.5e6 * two["allreduce"]["0.5"]
        self.work = max(0.0, step - two["beside"][name] - reduced - self.message)

    def computation(self, rows: float) -> float:
        """Return the seconds that a process takes for its rows."""
        return float(np.interp(rows, self.rows, self.seconds))

    def communication(self, processes: int, gigabits: int, size: float | None = None) -> float:
        """Return the seconds of the exchange and the Allreduce; the latter of so many bytes."""
        hops, rate = math.log2(processes), gigabits / 8 * 1e9
        size = self.bytes if size is None else size
        ring = 2 * (processes - 1) / processes * size / rate
        return hops * (self.message + 4 * LATENCY[gigabits]) + ring

    def speedup(self, batch: int, processes: int, gigabits: int) -> float:
        """Return how many times more rows a second are learned than in one process."""
        rows = batch / processes
        step = (
            self.computation(max(1.0, rows)) + self.work + self.communication(processes, gigabits)
        )
        largest = min(batch, self.rows[-1])  # beyond, the time grows with the rows
        return self.computation(largest) * batch / largest / step

    def rows_that_saturate(self, gigabits: int) -> float:
        """Return the rows of a process below which a wide layer waits for the network.

        A layer of W weights takes 6 W operations a row, and sends 8 W bytes: W cancels out.
        """
        return 8 / (gigabits / 8 * 1e9) * self.flops / 6


def tables(figures: dict[str, Any]) -> str:
    """Return the measured figures and those on paper, as tables in Markdown."""
    return "\n\n".join([_measured(figures), _on_paper(figures), _of_the_wide_layer(figures)])


def _measured(figures: dict[str, Any]) -> str:
    one, two = figures["1"], figures["2"]
    rows = []
    for batch in map(str, BATCHES):
        a, b = one["epochs"][batch], two["epochs"][batch]
        rows.append(
            [f"epoch, batch {batch}, 784-128-128-10", f"{a:.3f} s", f"{b:.3f} s", f"{a / b:.2f}×"]
        )
    a, b = one["cnn"], two["cnn"]
    rows.append(["step, batch 128, CNN", f"{a * 1e3:.1f} ms", f"{b * 1e3:.1f} ms", f"{a / b:.2f}×"])
    for name, a in one["beside"].items():
        b = two["beside"][name]
        what = f"128 rows of the {name.upper()} by one, or 64 by each of two at once, not shared"
        rows.append([what, f"{a * 1e3:.2f} ms", f"{b * 1e3:.2f} ms", f"{a / b:.2f}×"])
    rows.append(["exchange of a step", "", f"{two['exchange'] * 1e6:.0f} µs", ""])
    for megabytes, seconds in two["allreduce"].items():
        rate = 8 * float(megabytes) * 1e6 / seconds / 1e9
        rows.append(
            [
                f"Allreduce of {float(megabytes):g} MB",
                "",
                f"{seconds * 1e3:.2f} ms",
                f"{rate:.0f} Gbit/s",
            ]
        )
    return _table(["measured, one thread each", "1 process", "2 processes", "ratio"], rows)


def _on_paper(figures: dict[str, Any]) -> str:
    rows = []
    for name, batches in (("mlp", BATCHES), ("cnn", BATCHES[:1])):
        paper = Paper(figures, name)
        jobs = [(f"batch {batch}", lambda p, batch=batch: batch) for batch in batches]
        jobs.append(("batch 128 for each process", lambda p: 128 * p))
        for what, batch_of in jobs:
            for gigabits in GIGABITS:
                cells = [f"{paper.speedup(batch_of(p), p, gigabits):.1f}×" for p in COUNTS]
                rows.append(
                    [
                        f"{name.upper()}, {paper.bytes / 1e6:.2f} MB, {what}",
                        f"{gigabits} Gbit/s",
                        *cells,
                    ]
                )
    return _table(["on paper", "network", *(f"{p} processes" for p in COUNTS)], rows)


def _of_the_wide_layer(figures: dict[str, Any]) -> str:
    paper, size = Paper(figures, "mlp"), 4 * WIDE**2
    times = [f"{paper.communication(64, g, size) * 1e3:.0f} ms" for g in GIGABITS]
    least = [f"{paper.rows_that_saturate(g):.0f}" for g in GIGABITS]
    rows = [
        ["Allreduce with 64 processes", *times],
        ["rows of a process below which it waits", *least],
    ]
    header = f"on paper, a layer {WIDE}×{WIDE} ({size / 1e6:.0f} MB)"
    return _table([header, *(f"{g} Gbit/s" for g in GIGABITS)], rows)


def _table(header: list[str], rows: list[list[str]]) -> str:
    return "\n".join(
        "| " + " | ".join(row) + " |" for row in [header, ["---"] * len(header), *rows]
    )


def main() -> None:
    """Print the tables of the figures in the file, measured anew if asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--measure", action="store_true", help="measure, and replace the file")
    parser.add_argument("--worker", action="store_true", help="measure in this process of a job")
    args = parser.parse_args()
    if args.worker:
        worker()
        return
    if args.measure:
        RESULTS.write_text(json.dumps(measured(), indent=1) + "\n")
    print(tables(json.loads(RESULTS.read_text())))


if __name__ == "__main__":
    main()
