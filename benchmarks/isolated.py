"""Memory, measured in a separate process: `python -m benchmarks.isolated REQUEST` prints a number."""

import ctypes
import gc
import json
import sys
import tracemalloc
from pathlib import Path

from benchmarks.harness import Run, Step
from benchmarks.peers import PEERS
from benchmarks.workloads import FAMILIES
from benchmarks.workloads.growth import chain, leaves


def resident(field: str) -> int:
    """Read the bytes of this process: VmRSS now, or VmHWM, the peak since `reset_peak`."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) * 1024
    raise OSError(f"/proc/self/status has no {field}")


def reset_peak() -> None:
    """Reset the peak, and return memory that was freed, but is held for later use, to the system."""
    getattr(ctypes.CDLL(None), "malloc_trim", lambda _: None)(0)
    Path("/proc/self/clear_refs").write_text("5")


def peak_resident(workload: str, peer: str, quick: bool) -> float:
    """Measure the growth of the resident set, at its peak, in a first step, without parameters and data."""
    step = _step(workload, peer, quick)
    reset_peak()
    before = resident("VmRSS")
    step()
    return resident("VmHWM") - before


def peak_traced(workload: str, peer: str, quick: bool) -> float:
    """Measure the peak of the bytes that a step allocates through Python's and NumPy's allocators."""
    step = _step(workload, peer, quick)
    step()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    tracemalloc.reset_peak()
    step()
    return tracemalloc.get_traced_memory()[1] - before


def _step(workload: str, peer: str, quick: bool) -> Step:
    """Set up the step of a workload, after small steps have loaded everything that it needs."""
    work = next(w for family in FAMILIES.values() for w in family if w.name == workload)
    PEERS[peer].set_threads(1)
    for family in ("scalars", "arrays"):
        small = FAMILIES[family][0]
        small.ways[peer](small.inputs(True))()
    made = work.ways[peer](work.inputs(quick))
    return made.step if isinstance(made, Run) else made


def bytes_per_operation(peer: str, n: int, traced: bool) -> float:
    """Measure the memory that a recorded chain of n scalar operations holds, per operation."""
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


MEASURES = {"resident": peak_resident, "traced": peak_traced, "held": bytes_per_operation}


if __name__ == "__main__":
    request = json.loads(sys.argv[1])
    print(MEASURES[request.pop("measure")](**request))
