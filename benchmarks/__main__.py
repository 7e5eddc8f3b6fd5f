"""`python -m benchmarks`: every workload, for tensorgrad and every peer that is installed."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import pages, report
from benchmarks.harness import DisagreementError, Workload, measure
from benchmarks.workloads import FAMILIES

ROUNDS, QUICK_ROUNDS = 15, 3


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    # fmt: off
    parser.add_argument("--only", action="append", metavar="NAME", help="a family, or a part of the names of workloads; can be repeated")
    parser.add_argument("--quick", action="store_true", help="small inputs and few rounds, to check that everything works")
    parser.add_argument("--rounds", type=int, help=f"number of times that all peers are timed in turn ({ROUNDS}; quick {QUICK_ROUNDS})")
    parser.add_argument("--json", metavar="PATH", help="file for all measurements")
    parser.add_argument("--plot", metavar="PATH", help="file for a picture of the ratios (.png, .svg, .pdf)")
    parser.add_argument("--from", metavar="PATH", dest="sources", action="append", help="measure nothing; make the tables and the picture from this JSON file; rows of later ones replace those of earlier ones")
    parser.add_argument("--pages", action="store_true", help="update the tables in README.md and benchmarks/README.md")
    parser.add_argument("--list", action="store_true", help="list the workloads and exit")
    # fmt: on
    options = parser.parse_args(arguments)
    chosen = list(_chosen(options.only, options.quick))
    if not chosen:
        parser.error(f"--only {' '.join(options.only)} matches no workload; --list shows them all")
    if options.pages and not options.sources and (options.only or options.quick):
        parser.error("--pages requires a complete run: omit --only and --quick, or give --from")
    if options.list:
        for family, workload in chosen:
            print(f"{family:14} {workload.name}")
        return 0
    if options.sources:
        result, refused = (
            report.merged([json.loads(Path(p).read_text()) for p in options.sources]),
            0,
        )
        if options.json:
            report.save(result, options.json)
    else:
        result, refused = run(chosen, quick=options.quick, rounds=options.rounds, file=options.json)
    if result["rows"]:
        print(report.tables(result))
        if options.plot:
            report.plot(result, options.plot)
        if options.pages:
            pages.write(result)
    return 1 if refused else 0


def _chosen(only: list[str] | None, quick: bool) -> Any:
    for family, workloads in FAMILIES.items():
        for workload in workloads:
            named = any(name == family or name in workload.name for name in only or ())
            if named or (not only and not (quick and workload.slow)):
                yield family, workload


def run(
    chosen: Sequence[tuple[str, Workload]],
    *,
    quick: bool = False,
    rounds: int | None = None,
    file: str | None = None,
) -> tuple[dict[str, Any], int]:
    """Measure workloads, writing a file after each; return the report and the number refused."""
    result: dict[str, Any] = {"machine": report.machine(), "quick": quick, "rows": []}
    refused = 0
    for family, workload in chosen:
        say(f"… {workload.name}")
        n = rounds or (QUICK_ROUNDS if quick else ROUNDS)
        try:
            measured = measure(workload, quick=quick, rounds=min(n, workload.rounds or n), say=say)
        except DisagreementError as why:
            say(f"REFUSED: {why}")
            refused += 1
            continue
        result["rows"].append(report.row(family, workload, measured))
        if file:
            report.save(result, file)
    return result, refused


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
