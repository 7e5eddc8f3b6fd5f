"""Places of the cards of a film: in columns after their inputs, and in rows below one another."""

from collections.abc import Sequence

from tensorgrad.draw.fold import Edge, Item, Vertex

CARD = (168.0, 66.0)  # width and height, in pixels of a film of 720 lines
GAP = (44.0, 16.0)  # between columns, and between the cards of one
BETWEEN = 40.0  # rows
SWEEPS = 6  # of the ordering of columns

Places = dict[Item, tuple[float, float]]  # of upper left corners


def placed(
    items: Sequence[Item], edges: Sequence[Edge], width: float
) -> tuple[Places, tuple[float, float]]:
    """Place cards in columns, of which so many stand in a row as `width` has room for.

    The result is their places, and the width and height of all.
    """
    columns = _columns(items, edges)
    _order(columns, edges)
    room = max(1, int((width + GAP[0]) // (CARD[0] + GAP[0])))
    rows = [columns[k : k + room] for k in range(0, len(columns), room)]
    places: Places = {}
    top = 0.0
    for row in rows:
        tallest = max(map(len, row)) * (CARD[1] + GAP[1]) - GAP[1]
        for k, column in enumerate(row):
            y = top + (tallest - len(column) * (CARD[1] + GAP[1]) + GAP[1]) / 2
            for item in column:
                places[item] = k * (CARD[0] + GAP[0]), y
                y += CARD[1] + GAP[1]
        top += tallest + BETWEEN
    widest = max(map(len, rows)) * (CARD[0] + GAP[0]) - GAP[0]
    return places, (widest, top - BETWEEN)


def is_input(item: Item) -> bool:
    """Return True for a leaf, a parameter or a constant."""
    return isinstance(item, Vertex) and item.kind != "op"


def _columns(items: Sequence[Item], edges: Sequence[Edge]) -> list[list[Item]]:
    """List the cards by column: calls after their inputs, inputs just before their first use."""
    tails: dict[Item, list[Item]] = {item: [] for item in items}
    heads: dict[Item, list[Item]] = {item: [] for item in items}
    for edge in edges:
        tails[edge.head].append(edge.tail)
        heads[edge.tail].append(edge.head)
    rank: dict[Item, int] = {}
    for item in items:  # in the order of recording
        if not is_input(item):
            before = [rank[t] for t in tails[item] if t in rank]
            rank[item] = 1 + max(before, default=0)
    for item in items:
        if is_input(item):
            rank[item] = min((rank[h] for h in heads[item]), default=1) - 1
    lowest = min(rank.values())
    columns: list[list[Item]] = [[] for _ in range(max(rank.values()) - lowest + 1)]
    for item in items:
        columns[rank[item] - lowest].append(item)
    return [column for column in columns if column]


def _order(columns: list[list[Item]], edges: Sequence[Edge]) -> None:
    """Sort each column by the mean height of its neighbours, forward and backward."""
    near: dict[Item, list[Item]] = {}
    for edge in edges:
        near.setdefault(edge.tail, []).append(edge.head)
        near.setdefault(edge.head, []).append(edge.tail)
    height: dict[Item, float] = {}

    def settle(column: list[Item]) -> None:
        for k, item in enumerate(column):
            height[item] = k - (len(column) - 1) / 2

    def mean(item: Item) -> float:
        others = [height[other] for other in near.get(item, [])]
        return sum(others) / len(others) if others else height[item]

    for column in columns:
        settle(column)
    for sweep in range(SWEEPS):
        for column in columns if sweep % 2 else columns[::-1]:
            column.sort(key=mean)
            settle(column)
