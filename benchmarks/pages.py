"""The tables of README.md and benchmarks/README.md, written between marks from the JSON file of a run."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import report
from benchmarks.peers import PEERS

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
MARKS = "<!-- measured -->", "<!-- end of measured -->"

SHOWN = [  # the workloads in the README
    "scalar graph: mul, add",
    "64×64 graph: mul, add, tanh",
    "10⁶ elements: mul, tanh, exp",
    "10⁶ elements: mul, add, sub",
    "rows of a table: take, put",
    "MLP 4-8-3, batch 1",
    "MLP 64-64-10, batch 32",
    "MLP 784-256-10, batch 128",
    "MLP 4-8-3, of modules",
    "MLP 64-64-10, of modules",
    "MLP 8-32-4: Jacobian",
    "MLP 8-32-4: Hessian-vector product",
    "CNN step, 28×28, 16/32 channels, batch 128",
    "batch norm, 128×28×28×16",
    "Fashion-MNIST epoch",
    "Fashion-MNIST epoch, by nn.Model",
    "Adam, 10⁷ parameters",
    "import",
]
BESIDE = ("torch", "jax", "autograd", "mygrad")
BESIDE_COMPILED = ("torch", "jax")


def latest() -> dict[str, Any]:
    """Load the report of the latest run in the results folder."""
    return json.loads(max(RESULTS.glob("*.json")).read_text())


def source(result: dict[str, Any]) -> str:
    rounds = max(len(row["measured"][0]["samples"]) for row in result["rows"])
    return f"Measured {report.setting(result)}; medians of up to {rounds} rounds."


def comparison(result: dict[str, Any]) -> str:
    """Format the table of the README: tensorgrad's times, and their ratios to each peer's.

    Raises: ValueError if the run was not complete.
    """
    rows = {row["workload"]: row for row in result["rows"]}
    missing = [name for name in SHOWN if name not in rows]
    if missing or result["quick"]:
        fault = "was quick" if result["quick"] else f"omitted {', '.join(missing)}"
        raise ValueError(
            f"the pages require a complete run of the benchmarks, but this one {fault}"
        )
    body = []
    for name in SHOWN:
        eager, compiled = (
            _cells(rows[name], "tensorgrad", BESIDE),
            _cells(rows[name], "compiled", BESIDE_COMPILED),
        )
        body.append([name, *eager, *compiled])
    peers = [f"/ {PEERS[p].title}" for p in BESIDE]
    head = ["", "tensorgrad", *peers, "compiled", *(f"/ {PEERS[p].title}" for p in BESIDE_COMPILED)]
    return f"{report.table(head, body)}\n\n{source(result)}"


def _cells(row: dict[str, Any], ours: str, peers: Sequence[str]) -> list[str]:
    """Return the time of one of our ways and its ratios to the peers, or empty cells."""
    best = report.best(row)
    if ours not in best:
        return [""] * (1 + len(peers))
    ratio = report.ratios(row, ours)
    cells = [report.number(ratio[p][1], 2) if p in ratio else "" for p in peers]
    return [f"{report.number(np.median(best[ours]['samples']), 2)} {row['unit']}", *cells]


def goals(result: dict[str, Any]) -> str:
    return f"{report.goals(result['rows'])}\n\n{source(result)}"


PAGES: dict[str, Callable[[dict[str, Any]], str]] = {
    "README.md": comparison,
    "benchmarks/README.md": goals,
}


def filled(page: str, result: dict[str, Any]) -> str:
    """Return the text of a page with its table replaced.

    Raises: ValueError if the page has no marks.
    """
    text = (ROOT / page).read_text(encoding="utf-8")
    before, begin, rest = text.partition(MARKS[0])
    _, end, after = rest.partition(MARKS[1])
    if not end:
        raise ValueError(f"{page} needs the marks {MARKS[0]} and {MARKS[1]} around its table")
    return f"{before}{begin}\n{PAGES[page](result)}\n{end}{after}"


def write(result: dict[str, Any]) -> None:
    """Update both pages."""
    texts = {page: filled(page, result) for page in PAGES}
    for page, text in texts.items():
        (ROOT / page).write_text(text, encoding="utf-8")
