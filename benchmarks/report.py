"""Reports of the measurements: as JSON, and from it as tables and as a picture."""

import datetime
import importlib.metadata
import importlib.util
import json
import os
import platform
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness import CORES, Measured, Workload
from benchmarks.peers import PEERS

VARIABLES = ("OPENBLAS_", "MKL_", "OMP_", "XLA_FLAGS", "ONEDNN_")
PACKAGES = "numpy torch jax autograd mygrad micrograd tangent-ad threadpoolctl"


def machine() -> dict[str, Any]:
    """Describe the machine: processor, cores, versions and settings that affect the numbers."""
    versions = {"python": platform.python_version()}
    for package in PACKAGES.split():
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "processor": _processor(),
        "cores": CORES,
        "system": platform.system(),
        "blas": _blas(),
        # Some of these halve the speed of every product, such as OPENBLAS_CORETYPE=Haswell on a newer processor.
        "environment": {k: v for k, v in sorted(os.environ.items()) if k.startswith(VARIABLES)},
        "versions": versions,
    }


def _blas() -> str:
    """Describe NumPy's BLAS and the architecture that it detects."""
    if importlib.util.find_spec("threadpoolctl") is None:
        return "unknown"
    from threadpoolctl import threadpool_info

    pools = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
    return ", ".join(f"{p['internal_api']} {p['version']} ({p.get('architecture')})" for p in pools)


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def save(result: dict[str, Any], path: str) -> None:
    """Write the report as JSON."""
    Path(path).write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def merged(results: list[dict[str, Any]]) -> dict[str, Any]:
    """Return one report of several runs on one machine, in which later rows replace those of the same workload.

    Each row keeps the time when it was measured; the report has the settings and the date of the last run.
    Raises: ValueError if the machines or their settings differ, or some were quick.
    """
    last, rows = results[-1], {}
    for result in results:
        if different := _differences(result, last):
            raise ValueError(
                "only runs with the same machine and settings can be merged, but these differ in "
                + ", ".join(different)
            )
        for row in result["rows"]:
            rows[row["workload"]] = {"time": result["machine"]["date"]} | row
    families = list(dict.fromkeys(row["family"] for row in rows.values()))
    ordered = sorted(rows.values(), key=lambda row: families.index(row["family"]))
    return last | {"rows": ordered}


def _differences(a: dict[str, Any], b: dict[str, Any]) -> list[str]:
    """List in what the settings of two runs differ; a package that only one of them had does not count."""
    one, other = ({"quick": r["quick"]} | r["machine"] | r["machine"]["versions"] for r in (a, b))
    names = (one.keys() & other.keys()) - {"date", "versions"}
    return sorted(name for name in names if one[name] != other[name])


def row(family: str, workload: Workload, measured: list[Measured]) -> dict[str, Any]:
    return {
        "family": family,
        "workload": workload.name,
        "unit": workload.unit,
        "goals": dict(workload.goals),
        "limit": workload.limit,
        "time": datetime.datetime.now(datetime.UTC).isoformat(timespec="minutes"),
        "measured": [vars(m) for m in measured],
    }


def best(row: dict[str, Any], threads: int | None = None) -> dict[str, dict[str, Any]]:
    """Return each peer's samples at its best number of threads, or at the number given."""
    chosen: dict[str, dict[str, Any]] = {}
    for m in row["measured"]:
        peer = m["peer"]
        if threads not in (None, m["threads"]):
            continue
        if peer not in chosen or np.median(m["samples"]) < np.median(chosen[peer]["samples"]):
            chosen[peer] = m
    return chosen


def ratios(
    row: dict[str, Any], mine: str = "tensorgrad", threads: int | None = None
) -> dict[str, np.ndarray]:
    """Return the quartiles (lower, median, upper) of the ratios ours / theirs of the rounds."""
    chosen = best(row, threads)
    if mine not in chosen:
        return {}
    ours = np.array(chosen.pop(mine)["samples"])
    # Both times of a round were measured within about a second, under the same load.
    return {
        peer: np.percentile(ours / np.array(m["samples"]), [25, 50, 75])
        for peer, m in chosen.items()
    }


def number(x: float, digits: int = 3) -> str:
    """Format a number with some significant digits, but all digits before the point."""
    if not np.isfinite(x) or x == 0:
        return "–" if x else "0"
    return f"{x:,.{max(0, digits - 1 - int(np.floor(np.log10(abs(x)))))}f}"


def table(head: list[str], rows: Iterable[list[str]]) -> str:
    """Format a Markdown table with aligned columns."""
    lines = [head, *rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    rule = ["-" * widths[0], *["-" * (w - 1) + ":" for w in widths[1:]]]
    aligned = [
        [
            cell.ljust(w) if i == 0 else cell.rjust(w)
            for i, (cell, w) in enumerate(zip(line, widths, strict=True))
        ]
        for line in lines
    ]
    return "\n".join("| " + " | ".join(line) + " |" for line in [aligned[0], rule, *aligned[1:]])


def times(rows: list[dict[str, Any]]) -> str:
    """Format tensorgrad's results and their ratios to every peer, with quartiles: below 1, tensorgrad needs less."""
    peers = [p for p in PEERS if any(p in best(row) for row in rows) and p != "tensorgrad"]
    body = []
    for row in rows:
        ours, ratio = best(row)["tensorgrad"], ratios(row)
        low, median, high = np.percentile(ours["samples"], [25, 50, 75])
        cells = [row["workload"], f"{number(median)} {row['unit']} ({number(low)}–{number(high)})"]
        for peer in peers:
            if peer not in ratio:
                cells.append("")
                continue
            low, median, high = ratio[peer]
            cells.append(f"{number(median, 2)} ({number(low, 2)}–{number(high, 2)})")
        body.append(cells)
    return table(["ours / theirs", "tensorgrad", *[PEERS[p].title for p in peers]], body)


def goals(rows: list[dict[str, Any]]) -> str:
    """Format each goal with its measurement, and the amount by which it is missed."""
    body = []
    for row in rows:
        for pair, goal in row["goals"].items():
            mine, peer, threads = parse_goal(pair)
            ratio = ratios(row, mine, threads)
            if peer in ratio:
                low, median, high = ratio[peer]
                name = row["workload"] + (", compiled" if mine == "compiled" else "")
                title = PEERS[peer].title + _threads(best(row, threads)[peer], threads)
                spread = f"{number(low)}–{number(high)}"
                figures = [f"≤ {goal:g}", number(median), spread, _verdict(median, goal)]
                body.append([name, title, *figures])
        if row["limit"] is not None:
            value = float(np.median(best(row)["tensorgrad"]["samples"]))
            limit = f"≤ {row['limit']:g} {row['unit']}"
            body.append(
                [row["workload"], "", limit, number(value), "", _verdict(value, row["limit"])]
            )
    return table(["goal", "against", "at most", "median", "quartiles", ""], body) if body else ""


def parse_goal(text: str) -> tuple[str, str, int | None]:
    """Return the two peers that a goal compares, and the threads that both have, or None for the best number of each.

    The text is "theirs", "ours / theirs" or either of them with ", 1 thread".
    """
    pair, _, threads = text.partition(", ")
    ours, _, theirs = pair.rpartition(" / ")
    return ours or "tensorgrad", theirs, int(threads.split()[0]) if threads else None


def _threads(measured: dict[str, Any], asked: int | None) -> str:
    if asked:
        return ", both 1 thread" if asked == 1 else f", both {asked} threads"
    return f", {measured['threads']} threads" if measured["threads"] > 1 else ""


def _verdict(value: float, goal: float) -> str:
    return "reached" if value <= goal else f"missed by {100 * (value / goal - 1):.0f} %"


def setting(report: dict[str, Any]) -> str:
    """Describe a run: its dates, machine and versions."""
    m = report["machine"]
    dates = sorted({row.get("time", m["date"])[:10] for row in report["rows"]})
    date = dates[0] if len(dates) == 1 else f"{dates[0]} to {dates[-1]}"
    versions = ", ".join(f"{name} {version}" for name, version in m["versions"].items())
    return f"{date}, {m['processor']}, {m['cores']} cores, {m['system']}; {m['blas']}; {versions}"


def tables(report: dict[str, Any]) -> str:
    """Format the whole report as Markdown."""
    m = report["machine"]
    families = list(dict.fromkeys(row["family"] for row in report["rows"]))
    parts = [setting(report)]
    if m["environment"]:
        parts.append(
            "Set in the environment: " + ", ".join(f"{k}={v}" for k, v in m["environment"].items())
        )
    if report["quick"]:
        parts.append(
            "A quick run, with small inputs and few rounds: it shows that everything works, but not the speed."
        )
    parts += [
        f"**{f}**\n\n{times([r for r in report['rows'] if r['family'] == f])}" for f in families
    ]
    if reached := goals(report["rows"]):
        parts.append(f"**Goals**\n\n{reached}")
    return "\n\n".join(parts)


# Okabe and Ito's colours, which colour-blind readers can distinguish.
FASTER, SLOWER, GOAL = "#0072B2", "#E69F00", "#000000"
DRAWN = ["torch", "jax", "autograd", "mygrad", "hand", "floor"]


def plot(report: dict[str, Any], path: str) -> None:
    """Draw the ratios ours / theirs as bars from 1, a panel per peer: to the left tensorgrad is faster."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    rows = [r for r in report["rows"] if set(best(r)) & set(DRAWN)]
    peers = [p for p in DRAWN if any(p in best(r) for r in rows)]
    if not rows:
        return
    figure, axes = plt.subplots(
        1,
        len(peers),
        sharey=True,
        squeeze=False,
        figsize=(3.2 + 1.9 * len(peers), 1.4 + 0.24 * len(rows)),
        layout="constrained",
    )
    for ax, peer in zip(axes[0], peers, strict=True):
        _panel(ax, rows, peer)
    axes[0, 0].set_yticks(range(len(rows)), [r["workload"] for r in rows], fontsize=8)
    axes[0, 0].set_ylim(len(rows) - 0.4, -0.6)
    m = report["machine"]
    figure.suptitle(
        "tensorgrad's time (or memory) as a multiple of each peer's: bars to the left are less; ticks are goals",
        fontsize=10,
    )
    figure.supxlabel(
        f"{m['processor']}, {m['cores']} cores, NumPy {m['versions']['numpy']}, {m['date']}; "
        "medians, with quartiles; every peer at its best number of threads",
        fontsize=8,
    )
    figure.savefig(path, dpi=150)
    plt.close(figure)


def _panel(ax: Any, rows: list[dict[str, Any]], peer: str) -> None:
    ax.set_xscale("log")
    ax.set_xlim(1 / 64, 100)  # bars end at 15, numbers are beyond
    for y, row in enumerate(rows):
        if peer not in best(row):
            continue
        low, median, high = ratios(row)[peer]
        if not np.isfinite(median):
            continue
        shown = np.clip(median, 1 / 60, 15)
        ax.barh(y, shown - 1, left=1, height=0.7, color=FASTER if median < 1 else SLOWER)
        ax.plot(
            [np.clip(low, 1 / 60, 15), np.clip(high, 1 / 60, 15)],
            [y, y],
            color="black",
            linewidth=0.8,
        )
        ax.text(90, y, number(median, 2), va="center", ha="right", fontsize=7)
        if peer in row["goals"]:
            ax.plot([row["goals"][peer]] * 2, [y - 0.45, y + 0.45], color=GOAL, linewidth=1.6)
    ax.axvline(1, color="black", linewidth=0.8)
    ax.set_xticks([1 / 32, 1 / 8, 1 / 2, 2, 8], ["1/32", "1/8", "1/2", "2", "8"], fontsize=7)
    ax.minorticks_off()
    ax.set_title(PEERS[peer].title, fontsize=9)
    for side in ("top", "right", "left"):
        ax.spines[side].set_visible(False)
    ax.tick_params(axis="y", length=0)
