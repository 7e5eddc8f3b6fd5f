"""Films as SVG, in which everything that changes is there from the beginning and shown in turn."""

import itertools
from collections.abc import Iterable, Sequence
from typing import Any

from tensorgrad.draw.dot import html
from tensorgrad.draw.film import HEAD, PICTURE_LINES, Card, Film, Look, Wire
from tensorgrad.draw.film_layout import CARD

COLOURS = {
    "page": "#fafaf8", "panel": "#ffffff", "ink": "#1c2430", "muted": "#566070", "faint": "#dfe3e8",
    "edge": "#a3adba", "parameter": "#a86a08", "leaf": "#2467b0", "op": "#8d98a7",
    "group": "#7d8797", "constant": "#8d98a7", "gradient": "#b4235f", "now": "#3b5bdb",
    "forward": "#1f7a45", "backward": "#b4235f", "update": "#a86a08",
}  # fmt: skip
WIRES = {"waiting": "faint", "forward": "edge", "backward": "gradient"}
FILLS = {"parameter": "#fff6e0", "leaf": "#eaf3fd", "group": "#f1f3f5"}
SIZES = {"title": 15.0, "value": 14.0, "said": 21.0, "head": 20.0}
BASE_LINES = (21.0, 40.0, 58.0)  # the base lines of the texts on a card
FONTS = "system-ui, Segoe UI, DejaVu Sans, sans-serif"
LETTER = 0.56  # of the width of a letter, as a part of its height: for text of unknown fonts
TRAVEL = 0.55  # the part of a moment in which a gradient moves


def svg_film(film: Film, seconds: float, width: int, height: int) -> str:
    """Write a film as SVG, which runs again and again without a script."""
    count = len(film.moments)
    clock = Clock(seconds, count)
    size = f'viewBox="0 0 {film.width:g} {PICTURE_LINES:g}" width="{width}" height="{height}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="{FONTS}">',
        f"<title>{html(film.title)}</title>",
        f'<rect width="100%" height="100%" fill="{COLOURS["page"]}"/>',
        f'<g>{_camera(film, clock)}<g transform="scale({film.scale:.4g})">',
    ]
    parts += [_wire(wire, clock) for wire in film.wires]
    parts += [
        clock.shown(_card(card, look), looks)
        for card in film.cards
        for look, looks in _runs(card.looks)
    ]
    parts += [_moving(wire, k, clock) for k, m in enumerate(film.moments) if (wire := m.wire)]
    parts.append("</g></g>")
    parts += _frame(film, clock)
    return "\n".join([*parts, "</svg>"])


class Clock:
    """The time of a film, in moments of equal length."""

    def __init__(self, seconds: float, count: int) -> None:
        self.seconds, self.count = seconds, count

    def shown(self, content: str, moments: Sequence[tuple[int, int]]) -> str:
        """Show a group between moments [begin, end) only."""
        if moments == [(0, self.count)]:
            return f"<g>{content}</g>"
        changes: list[tuple[int, int]] = [(0, 0)]
        for begin, end in moments:
            changes += [(begin, 1), (end, 0)]
        return f'<g opacity="0">{self.steps("opacity", changes)}{content}</g>'

    def steps(self, name: str, changes: Iterable[tuple[int, Any]]) -> str:
        """Animate an attribute by values that begin at moments; of two at one, the last counts."""
        last = sorted({at: value for at, value in changes if at < self.count}.items())
        times = ";".join(f"{at / self.count:.5g}" for at, _ in last)
        values = ";".join(str(value) for _, value in last)
        return (
            f'<animate attributeName="{name}" calcMode="discrete" dur="{self.seconds:g}s" '
            f'repeatCount="indefinite" keyTimes="{times}" values="{values}"/>'
        )


def _runs(looks: Sequence[Any]) -> list[tuple[Any, list[tuple[int, int]]]]:
    """List each look with the moments [begin, end) at which it is shown."""
    found: dict[Any, list[tuple[int, int]]] = {}
    at = 0
    for look, group in itertools.groupby(looks):
        length = len(list(group))
        found.setdefault(look, []).append((at, at + length))
        at += length
    return list(found.items())


def _card(card: Card, look: Look) -> str:
    now, waits = look.state == "now", look.state == "waiting"
    border = COLOURS["now" if now else "faint" if waits else card.kind]
    ink = COLOURS["muted" if waits else "ink"]
    fill = COLOURS["panel"] if waits else FILLS.get(card.kind, COLOURS["panel"])
    box = (
        f'<rect x="{card.x:g}" y="{card.y:g}" width="{CARD[0]:g}" height="{CARD[1]:g}" rx="8" '
        f'fill="{fill}" stroke="{border}" stroke-width="{3 if now else 1.5}"/>'
    )
    texts = zip(
        (look.title, look.value, look.grad),
        BASE_LINES,
        (ink, COLOURS["muted"], COLOURS["gradient"]),
    )
    return box + "".join(
        _text(
            shortened(text, CARD[0] - 16, SIZES["title" if k == 0 else "value"]),
            card.x + 9,
            card.y + row,
            SIZES["title" if k == 0 else "value"],
            colour,
            k != 1,
        )
        for k, (text, row, colour) in enumerate(texts)
        if text
    )


def shortened(text: str, width: float, size: float) -> str:
    """Cut a text off where it would be wider."""
    most = int(width / (size * LETTER))
    return text if len(text) <= most else text[: most - 1] + "…"


def _text(text: str, x: float, y: float, size: float, colour: str, bold: bool = False) -> str:
    style = f'font-size="{size:g}" fill="{colour}"' + ' font-weight="600"' * bold
    return f'<text x="{x:g}" y="{y:g}" {style}>{html(text)}</text>'


def _path(points: Sequence[tuple[float, float]]) -> str:
    (a, b), *rest = points
    return f"M{a:g} {b:g}C" + " ".join(f"{x:g} {y:g}" for x, y in rest)


def _wire(wire: Wire, clock: Clock) -> str:
    changes = [
        (begin, COLOURS[WIRES[state]]) for state, runs in _runs(wire.states) for begin, _ in runs
    ]
    first = COLOURS[WIRES[wire.states[0]]]
    animated = clock.steps("stroke", changes) if len(changes) > 1 else ""
    style = f'fill="none" stroke="{first}" stroke-width="2"'
    return f'<path d="{_path(wire.points)}" {style}>{animated}</path>'


def _moving(wire: Wire, k: int, clock: Clock) -> str:
    """Let a point move along a wire, from its end to its begin, in moment k."""
    begin, end = k / clock.count, (k + TRAVEL) / clock.count
    motion = (
        f'<animateMotion path="{_path(wire.points)}" dur="{clock.seconds:g}s" calcMode="linear" '
        f'repeatCount="indefinite" keyPoints="1;1;0;0" keyTimes="0;{begin:.5g};{end:.5g};1"/>'
    )
    return clock.shown(
        f'<circle r="8" fill="{COLOURS["gradient"]}">{motion}</circle>', [(k, k + 1)]
    )


def _camera(film: Film, clock: Clock) -> str:
    places = [f"{m.camera[0]:.5g} {m.camera[1]:.5g}" for m in film.moments]
    times = [f"{k / clock.count:.5g}" for k in range(clock.count)]
    if len(set(places)) == 1:
        places, times = [places[0], places[0]], ["0", "1"]
    else:
        places, times = [*places, places[-1]], [*times, "1"]
    return (
        f'<animateTransform attributeName="transform" type="translate" dur="{clock.seconds:g}s" '
        f'repeatCount="indefinite" keyTimes="{";".join(times)}" values="{";".join(places)}"/>'
    )


def _frame(film: Film, clock: Clock) -> list[str]:
    """Write title, narration and progress."""
    top = PICTURE_LINES - 92
    parts = [
        f'<rect width="{film.width:g}" height="{HEAD:g}" fill="{COLOURS["panel"]}"/>',
        f'<rect y="{top:g}" width="{film.width:g}" height="92" fill="{COLOURS["panel"]}"/>',
        _text(
            shortened(film.title, film.width - 60, SIZES["head"]),
            26,
            36,
            SIZES["head"],
            COLOURS["ink"],
            True,
        ),
    ]
    for k, moment in enumerate(film.moments):
        said = _text(
            shortened(moment.said, film.width - 60, SIZES["said"]),
            26,
            top + 62,
            SIZES["said"],
            COLOURS["ink"],
        )
        phase = _text(moment.phase, 26, top + 32, 15, COLOURS[moment.phase], True)
        parts.append(clock.shown(phase + said, [(k, k + 1)]))
    bar = (
        f'<animate attributeName="width" from="0" to="{film.width:g}" dur="{clock.seconds:g}s" '
        'repeatCount="indefinite"/>'
    )
    parts.append(f'<rect y="{top - 4:g}" height="4" width="0" fill="{COLOURS["now"]}">{bar}</rect>')
    return parts
