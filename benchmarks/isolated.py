"""What needs a process of its own: peak memory, time to import. `python -m benchmarks.isolated REQUEST` prints a number."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def ask(**request: object) -> float:
    """The number measured in a new interpreter."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.isolated", json.dumps(request)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(f"the benchmark {request} failed in its own process:\n{done.stderr}")
    return float(done.stdout.split()[-1])


def seconds_to_import(module: str, bytecode: str) -> float:
    """In a bare interpreter, which keeps what it compiles in the folder `bytecode`."""
    code = f"import time; t = time.perf_counter(); import {module}; print(time.perf_counter() - t)"
    # Some environments forbid bytecode files, and would have every import compile all it reads.
    kept = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=kept | {"PYTHONPYCACHEPREFIX": bytecode},
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout)


def resident(what: str) -> int:
    """Bytes of this process: VmRSS now, or VmHWM at most since `forget_peak`."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(what + ":"):
            return int(line.split()[1]) * 1024
    raise OSError(f"/proc/self/status tells no {what}")


def forget_peak() -> None:
    """Start from nothing: no peak, and no memory that was freed but is still held for the next who asks."""
    import ctypes

    getattr(ctypes.CDLL(None), "malloc_trim", lambda _: None)(0)
    Path("/proc/self/clear_refs").write_text("5")


def peak_resident(workload: str, peer: str, quick: bool) -> float:
    """Bytes by which the resident set grows at most during a first step, parameters and data being there."""
    step = _step(workload, peer, quick)
    forget_peak()
    before = resident("VmRSS")
    step()
    return resident("VmHWM") - before


def peak_traced(workload: str, peer: str, quick: bool) -> float:
    """Bytes at most allocated during a step through Python's and NumPy's allocators."""
    import tracemalloc

    step = _step(workload, peer, quick)
    step()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    tracemalloc.reset_peak()
    step()
    return tracemalloc.get_traced_memory()[1] - before


def _step(workload: str, peer: str, quick: bool):
    """The step of a workload, after another of the same kind, but small, has loaded what it needs."""
    from benchmarks.harness import Run
    from benchmarks.peers import PEERS
    from benchmarks.workloads import FAMILIES

    work = next(w for family in FAMILIES.values() for w in family if w.name == workload)
    PEERS[peer].set_threads(1)
    for family in ("scalars", "arrays"):
        small = FAMILIES[family][0]
        small.ways[peer](small.inputs(True))()
    made = work.ways[peer](work.inputs(quick))
    return made.step if isinstance(made, Run) else made


def bytes_per_operation(peer: str, n: int, traced: bool) -> float:
    """Memory that a recorded chain of n scalar operations holds, per operation."""
    import gc
    import tracemalloc

    from benchmarks.workloads.growth import chain, leaves

    start = leaves(peer)
    chain(1000, *start)
    gc.collect()
    if traced:
        tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0] if traced else resident("VmRSS")
    end = chain(n, *start)
    held = (tracemalloc.get_traced_memory()[0] if traced else resident("VmRSS")) - before
    assert end is not None
    return held / n


if __name__ == "__main__":
    asked = json.loads(sys.argv[1])
    # fmt: off
    print({"resident": peak_resident, "traced": peak_traced, "held": bytes_per_operation}[asked.pop("what")](**asked))
    # fmt: on
