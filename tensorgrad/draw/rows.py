"""Rows of a still picture: a long graph is broken like a line of text, so that it fits a slide."""

import itertools
from collections import Counter
from collections.abc import Callable, Mapping

from tensorgrad.draw.fold import Item, View
from tensorgrad.draw.model import Vertex
from tensorgrad.engine.state import ScopePath

SLIDE = 960, 540  # points of a slide of 16:9
LETTER_WIDTH, BESIDE_LABEL = 6.2, 45  # points: a letter, the space around a label
NODE_HEIGHT, BETWEEN_ROWS = 56, 40
MOST_ROWS = 8


def picture_rows(view: View, label: Callable[[Vertex], str]) -> dict[Item, int]:
    """Return the row of every item: all 0 unless rows make the picture larger on a slide."""
    ranks = _ranks(view)
    length = [0.0] * (1 + max(ranks.values(), default=0))
    for item, rank in ranks.items():
        text = label(item) if isinstance(item, Vertex) else item.title
        length[rank] = max(length[rank], BESIDE_LABEL + LETTER_WIDTH * len(text))
    ends, many = list(itertools.accumulate(length)), Counter(ranks.values())
    ways = [_cuts(view, ranks, ends, count) for count in range(1, MOST_ROWS + 1)]
    cuts = max(ways, key=lambda cuts: _slide_scale(length, many, cuts))
    in_order = sorted(ranks, key=ranks.__getitem__)
    return {item: sum(ranks[item] >= cut for cut in cuts) for item in in_order}


def _slide_scale(length: list[float], many: Mapping[int, int], cuts: list[int]) -> float:
    """Return the scale, at most 1, at which rows that begin at these ranks fit a slide."""
    rows = [range(a, b) for a, b in itertools.pairwise([0, *cuts, len(length)])]
    wide = max(sum(length[rank] for rank in row) for row in rows)
    high = sum(BETWEEN_ROWS + NODE_HEIGHT * max(many[rank] for rank in row) for row in rows)
    return min(1.0, SLIDE[0] / max(wide, 1.0), SLIDE[1] / high)


def first_of_rows(row: dict[Item, int]) -> list[tuple[Item, Item]]:
    """Return pairs of first items, one row above the other, of rows that begin outside modules."""
    first: dict[int, Item] = {}
    for item, k in row.items():
        first.setdefault(k, item)
    pairs = [(first[k], first[k + 1]) for k in first if k + 1 in first]
    return [(a, b) for a, b in pairs if a.scope is None and b.scope is None]


def _ranks(view: View) -> dict[Item, int]:
    """Return the number of items before each, and put those without inputs beside their use."""
    ranks: dict[Item, int] = dict.fromkeys(view.items, 0)
    for edge in view.edges:  # in the order of their heads
        ranks[edge.head] = max(ranks[edge.head], ranks[edge.tail] + 1)
    uses: dict[Item, int] = {}
    for edge in view.edges:
        uses[edge.tail] = min(uses.get(edge.tail, ranks[edge.head]), ranks[edge.head])
    inner = {edge.head for edge in view.edges}
    return {
        item: rank if item in inner else max(0, uses.get(item, 1) - 1)
        for item, rank in ranks.items()
    }


def _cuts(view: View, ranks: dict[Item, int], ends: list[float], count: int) -> list[int]:
    """Return the first ranks of the rows but the first: near even parts, where few edges cross."""
    crossing: Counter[int] = Counter()
    for edge in view.edges:
        crossing.update(range(ranks[edge.tail] + 1, ranks[edge.head] + 1))
    starts = _row_starts(ranks)
    cuts = []
    for k in range(1, count):
        aim = k * ends[-1] / count
        far = {rank: abs(ends[rank - 1] - aim) for rank in starts}
        near = [(crossing[r], d, r) for r, d in far.items() if d <= 0.3 * ends[-1] / count]
        cuts += [min(near)[2]] if near else []
    return sorted({*cuts})


def _row_starts(ranks: dict[Item, int]) -> list[int]:
    """Return the ranks at which a row can begin: outside of modules."""
    inside: set[int] = set()
    spans: dict[ScopePath, list[int]] = {}
    first: dict[int, Item] = {}
    for item, rank in ranks.items():
        first.setdefault(rank, item)
        for part in () if item.scope is None else item.scope.path:
            spans.setdefault(part, []).append(rank)
    for found in spans.values():
        inside.update(range(min(found) + 1, max(found) + 1))
    return [r for r, item in first.items() if r and r not in inside and item.scope is None]
