"""The table of a trace: calls, times and bytes of operations and modules."""

from collections.abc import Iterable
from dataclasses import dataclass

from tensorgrad.draw.dot import bytes_text
from tensorgrad.engine.state import ScopePath


@dataclass(slots=True)
class Call:
    """One operation of a run; its backward time is 0 if backward did not pass through it."""

    op: str
    scope: ScopePath | None
    forward: float
    backward: float
    nbytes: int


@dataclass(slots=True)
class Totals:
    """The sums over several calls."""

    calls: int = 0
    forward: float = 0.0
    backward: float = 0.0
    nbytes: int = 0

    def add(self, call: Call) -> None:
        self.calls += 1
        self.forward += call.forward
        self.backward += call.backward
        self.nbytes += call.nbytes


def table(calls: Iterable[Call]) -> str:
    """Format a row per operation, the slowest first, and a row per module with its contents."""
    ops: dict[str, Totals] = {}
    modules: dict[tuple[str, ...], Totals] = {}
    total = Totals()
    for call in calls:
        total.add(call)
        ops.setdefault(call.op, Totals()).add(call)
        path: tuple[str, ...] = ()
        for place in call.scope.path if call.scope is not None else ():
            path += (f"{place.name} {place.kind}".strip(),)
            modules.setdefault(path, Totals()).add(call)
    slowest = sorted(ops.items(), key=lambda item: -item[1].forward - item[1].backward)
    rows = [("operation", None), *slowest, ("total", total)]
    if modules:
        # Each parent before its children, and siblings in the order of their first calls.
        first = {path: i for i, path in enumerate(modules)}
        ordered = sorted(modules, key=lambda path: [first[path[: n + 1]] for n in range(len(path))])
        rows += [("", None), ("module", None)]
        rows += [("  " * (len(path) - 1) + path[-1], modules[path]) for path in ordered]
    width = max(len(name) for name, _ in rows)
    return "\n".join(_row(name, row, width) for name, row in rows)


def _row(name: str, row: Totals | None, width: int) -> str:
    if row is None:
        heads = f"{'calls':>7} {'forward':>12} {'backward':>12} {'output':>10}" if name else ""
        return f"{name:<{width}} {heads}".rstrip()
    times = f"{1e3 * row.forward:>9.3f} ms {1e3 * row.backward:>9.3f} ms"
    return f"{name:<{width}} {row.calls:>7} {times} {bytes_text(row.nbytes):>10}"
