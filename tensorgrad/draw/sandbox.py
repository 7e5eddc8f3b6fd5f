"""The data from which the page computes a traced run again, when a number is changed in it.

That is the numbers of the inputs and constants, the gradients that backward started from, and the
formula of each call. A run that they do not determine has no sandbox, but the reason.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from tensorgrad.draw.formulas import computations, slot_name
from tensorgrad.draw.javascript import Untranslatable, javascript, operands_read
from tensorgrad.draw.model import MOST_NUMBERS, Graph, Vertex

MOST_RESULTS = 50_000  # numbers that are computed at each change
MOST_CALLS = 2_000  # operations, so that the page of a large graph opens at once
FormulaRow = tuple[tuple[str, ...], tuple[str | None, ...]]  # the operands' names, and the formulas


class NoSandbox(Exception):
    """The reason why a run cannot be computed again."""


def sandbox(graph: Graph, ids: Mapping[Vertex, str]) -> dict[str, Any]:
    """Return what the page computes a run from: formulas and numbers; or the reason why not."""
    try:
        _check_events(graph)
        _check_amounts(graph.vertices)
        rows: dict[FormulaRow, int] = {}
        used = _slots_used(graph)
        calls = {ids[v]: _formula_row(v, used[v], rows) for v in graph.vertices if v.op is not None}
    except NoSandbox as reason:
        return {"reason": str(reason)}
    return {
        "rows": [{"operands": [*names], "formulas": [*formulas]} for names, formulas in rows],
        "calls": calls,
        "numbers": {ids[v]: _digits(v.numbers) for v in graph.vertices if v.numbers is not None},
        "seeds": [_digits(e.numbers) for e in graph.events if e.type == "seed"],
    }


def _check_events(graph: Graph) -> None:
    if all(vertex.op is None for vertex in graph.vertices):
        raise NoSandbox("there is no operation")
    if not graph.events:
        raise NoSandbox("it was drawn without a trace, so it has no values")
    if any(event.type == "forward" and event.vertex.value is None for event in graph.events):
        raise NoSandbox("the trace has no values")
    updated = False
    for event in graph.events:
        updated = updated or event.type == "update"
        if updated and event.type == "forward":
            raise NoSandbox("inputs change during the run, as in several steps of training")


def _check_amounts(vertices: Iterable[Vertex]) -> None:
    inputs = [v for v in vertices if v.op is None]
    _check_count("its inputs and constants", inputs, MOST_NUMBERS)
    _check_count("its results", [v for v in vertices if v.op is not None], MOST_RESULTS)
    calls = sum(v.op is not None for v in vertices)
    if calls > MOST_CALLS:
        raise NoSandbox(
            f"it has {calls:,} operations, and the sandbox takes at most {MOST_CALLS:,}"
        )
    for vertex in vertices:
        if vertex.dtype.kind not in "fbiu":
            raise NoSandbox(
                f"it has numbers of type {vertex.dtype}, and the sandbox real ones only"
            )


def _check_count(what: str, vertices: list[Vertex], most: int) -> None:
    count = sum(int(np.prod(v.shape, dtype=int)) for v in vertices)
    if count > most:
        raise NoSandbox(f"{what} are {count:,} numbers, and the sandbox takes at most {most:,}")


def _slots_used(graph: Graph) -> dict[Vertex, set[int]]:
    """Return the slots of each call through which gradients leave it."""
    used: dict[Vertex, set[int]] = {vertex: set() for vertex in graph.vertices}
    for event in graph.events:
        if event.type == "backward" and event.slot is not None:
            used[event.vertex].add(event.slot)
    return used


def _formula_row(vertex: Vertex, used: set[int], rows: dict[FormulaRow, int]) -> int:
    """Return the number of the row with the formulas of a call."""
    op = vertex.op
    assert op is not None
    for operand in vertex.inputs:
        if (source := operand.source) and source.op is None and source.numbers is None:
            raise NoSandbox(f"the numbers of {source.name or source.kind} are not known")
    names = tuple(slot_name(op, slot) for slot in range(len(vertex.inputs)))
    whole, *parts = computations(vertex)
    formulas: list[str | None] = [_computable(vertex, whole, names)]
    for slot, part in enumerate(parts):
        formulas.append(_computable(vertex, part, names) if slot in used else None)
    read = {slot for text in formulas if text for slot in operands_read(text, names)}
    sources = [vertex.inputs[slot].source for slot in read]
    if vertex.unrecorded and any(s is None or s.kind == "constant" for s in sources):
        raise NoSandbox(
            f"{op.name} reads a result of {vertex.unrecorded}, which changes with the inputs, but "
            "is not part of the graph"
        )
    return rows.setdefault((names, tuple(formulas)), len(rows))


def _computable(vertex: Vertex, text: str | None, names: tuple[str, ...]) -> str:
    """Return a formula, if it can be computed and reads arrays and plain numbers only."""
    name = vertex.op and vertex.op.name
    if text is None:
        raise NoSandbox(f"{name} has no formula that can be computed here")
    try:
        javascript(text, names, gradient=True)
    except Untranslatable as error:
        raise NoSandbox(f"{name} cannot be computed here: {error}") from None
    for slot in operands_read(text, names):
        operand = vertex.inputs[slot]
        if operand.source is None and not _is_number(operand.text):
            raise NoSandbox(f"{name} has the argument {operand.text}")
    return text


def _is_number(text: str) -> bool:
    try:
        float({"True": "1", "False": "0"}.get(text, text))
    except ValueError:
        return False
    return True


def _digits(numbers: np.ndarray | None) -> list[float | str] | None:
    """Return all digits of the numbers, in row-major order; NaN and infinity as strings."""
    if numbers is None:
        return None
    flat = numbers.ravel()
    if numbers.dtype.kind in "biu":
        return [int(x) for x in flat]
    return [float(x) if np.isfinite(x) else str(float(x)) for x in flat]
