"""Measuring: set up every peer, check that all give the same answers, then time them in turn, round by round."""

import gc
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from benchmarks.peers import PEERS, missing

Step = Callable[[], Any]
CORES = os.cpu_count() or 1


class DisagreementError(Exception):
    """A difference between the answers of two peers, whose times therefore cannot be compared."""


@dataclass(frozen=True)
class Run:
    """A peer that is set up: `step` is timed, `answers` (by default the first step) is compared.

    Answers are a tuple of arrays, the loss first. `sample`, if given, replaces the timing by its own measurement. A
    run that does only part of the work, such as the floor, has no answers to compare.
    """

    step: Step | None = None
    answers: Step | None = None
    sample: Callable[[], float] | None = None
    compared: bool = True


@dataclass(frozen=True)
class Workload:
    """One row of the benchmarks: the work, each peer's implementation, and the goals.

    `inputs(quick)` makes the inputs of all peers; `ways` maps a peer to a function of them that returns its step or
    Run. A time is divided by `count` and reported in `unit`. `goals` maps a peer, or a pair as in
    `report.parse_goal`, to the largest ratio ours / theirs to reach; `limit` is the largest value to reach.
    """

    name: str
    inputs: Callable[[bool], Any]
    ways: Mapping[str, Callable[[Any], Step | Run]]
    unit: str = "µs"
    count: float = 1
    goals: Mapping[str, float] = field(default_factory=dict)
    limit: float | None = None
    tolerance: float = 1e-4
    products: bool = False  # has matrix products large enough for BLAS to use several threads
    threads: bool = True  # is measured with different numbers of threads
    rounds: int | None = None  # fewer rounds, if each sample takes long
    slow: bool = False  # omitted by --quick unless named


SECONDS = {"µs": 1e6, "ms": 1e3, "s": 1.0}


@dataclass
class Measured:
    """The samples of one peer with one number of threads."""

    peer: str
    threads: int
    samples: list[float]


def measure(
    workload: Workload, *, quick: bool, rounds: int, say: Callable[[str], None]
) -> list[Measured]:
    """Measure every peer that is installed.

    Raises: DisagreementError if a peer computes different answers.
    """
    runs = dict(_set_up(workload, workload.inputs(quick), quick, say))
    check_answers(workload, runs)
    entrants = [(p, n, run) for p, run in runs.items() for n in _threads(workload, p)]
    results = [Measured(p, n, []) for p, n, _ in entrants]
    scale = SECONDS.get(workload.unit, 1.0) / workload.count
    floor = 0.002 if quick else 0.02
    repeats: dict[int, int] = {}
    for _ in range(rounds):
        for i, (peer, threads, run) in enumerate(entrants):
            PEERS[peer].set_threads(threads)
            gc.collect()
            if run.sample is not None:
                results[i].samples.append(run.sample())
                continue
            if i not in repeats:
                repeats[i] = _repeats(run.step, floor)
            results[i].samples.append(_time(run.step, repeats[i]) * scale)
    return results


def _set_up(
    workload: Workload, inputs: Any, quick: bool, say: Callable[[str], None]
) -> Iterator[tuple[str, Run]]:
    for peer, way in workload.ways.items():
        if package := missing(peer):
            say(f"{workload.name}: {PEERS[peer].title} omitted, because {package} is not installed")
            continue
        if quick and PEERS[peer].slow:
            continue
        run = way(inputs)
        yield peer, run if isinstance(run, Run) else Run(run)


def _threads(workload: Workload, peer: str) -> list[int]:
    """Return the numbers of threads to try: PyTorch uses them for everything, BLAS for large products only."""
    both = PEERS[peer].set_threads is PEERS["torch"].set_threads or (
        workload.products and PEERS[peer].set_threads is PEERS["hand"].set_threads
    )
    return [1, CORES] if workload.threads and both and CORES > 1 else [1]


def _repeats(step: Step, least: float) -> int:
    """Return the number of steps to time together, so that reading the clock does not count."""
    step()
    n = 1
    while (seconds := _time(step, n) * n) < least:
        n = max(n + 1, min(10 * n, int(n * least / seconds)))
    return n


def _time(step: Step, n: int) -> float:
    """Return the seconds per step."""
    times = range(n)
    start = time.perf_counter()
    for _ in times:
        step()
    return (time.perf_counter() - start) / n


def as_array(x: Any) -> np.ndarray:
    """Convert a value of any peer to an ndarray."""
    if hasattr(x, "detach"):
        return np.asarray(x.detach())
    return np.asarray(x if isinstance(x, (np.ndarray, np.generic)) else getattr(x, "data", x))


def check_answers(workload: Workload, runs: Mapping[str, Run]) -> None:
    """Assert that every peer's loss and gradients agree with tensorgrad's, relative to the largest entry of each.

    Raises: DisagreementError if they do not.
    """
    expected: list[np.ndarray] | None = None
    for peer in sorted(runs, key=lambda p: p != "tensorgrad"):
        answer = runs[peer].answers or runs[peer].step
        if not runs[peer].compared or answer is None:
            continue
        found = [as_array(x) for x in answer()]
        if expected is None:
            expected = found
        if len(found) != len(expected):
            raise DisagreementError(
                f"{workload.name}: {PEERS[peer].title} gives {len(found)} answers, tensorgrad {len(expected)}"
            )
        for i, (x, y) in enumerate(zip(found, expected, strict=True)):
            answer_name = f"gradient {i}" if i else "the loss"
            if x.shape != y.shape:
                raise DisagreementError(
                    f"{workload.name}: {answer_name} has shape {x.shape} in {PEERS[peer].title}, {y.shape} in tensorgrad"
                )
            error = _difference(x, y)
            if not error <= workload.tolerance:
                raise DisagreementError(
                    f"{workload.name}: {answer_name} of {PEERS[peer].title} differs from tensorgrad's by {error:.1e} of "
                    f"its largest entry, more than {workload.tolerance:.0e}: they compute different things"
                )


def _difference(x: np.ndarray, y: np.ndarray) -> float:
    x, y = x.astype(np.float64), y.astype(np.float64)
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        return np.inf
    return float(np.abs(x - y).max(initial=0) / max(np.abs(y).max(initial=0), 1e-30))
