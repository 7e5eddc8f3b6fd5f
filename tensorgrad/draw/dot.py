"""A view of the graph as text in Graphviz's DOT language."""

import itertools
import textwrap
from collections import Counter
from collections.abc import Iterable

from tensorgrad.draw.fold import Edge, Group, Item, View
from tensorgrad.draw.formulas import slot_name
from tensorgrad.draw.model import Graph, Vertex
from tensorgrad.draw.rows import first_of_rows, picture_rows
from tensorgrad.draw.stats import stats_text
from tensorgrad.engine.state import ScopePath

# Kinds differ in shape as well as in colour; dark text on each has a contrast of at least 12.
# fmt: off
STYLES = {
    "op":        'shape=box style="rounded,filled" fillcolor="#eaf1fb" color="#3a6ea5"',
    "parameter": 'shape=cylinder style=filled fillcolor="#fdf1d8" color="#a86f00"',
    "leaf":      'shape=ellipse style=filled fillcolor="#e3f4e6" color="#2b7a4b"',
    "constant":  'shape=note style="filled,dashed" fillcolor="#f4f4f4" color="#6b6b6b"',
    "group":     'shape=box3d style=filled fillcolor="#efe8f8" color="#6a4c93"',
}
# fmt: on
COMMUTE = {"add", "multiply", "maximum", "minimum", "logaddexp", "hypot", "concatenate", "einsum"}
FONT = 'fontname="Helvetica,Arial,sans-serif"'
BOX = (
    'labeljust=l labelloc=t margin=10 style="rounded,filled" fillcolor="#00000008" color="#b5b5b5"'
)
MANY = 6  # beyond this number of operands, a label omits some
LEGEND = "● saved for backward"


def dot(graph: Graph, view: View, show: Iterable[str], direction: str, title: str | None) -> str:
    """Write the text, with each node and each edge on its own line.

    Names are n0, n1, … and c0, c1, … (constants) in recording order, and g0, g1, … (groups).
    """
    ids, groups = graph.names(), itertools.count()
    names = {
        item: ids[item] if isinstance(item, Vertex) else f"g{next(groups)}" for item in view.items
    }
    shown = set(show)
    roots = {view.owner[root] for root in graph.roots}
    lines = [
        "digraph tensorgrad {",
        f"  rankdir={direction} nodesep=0.25 ranksep=0.4 bgcolor=white labelloc=b",
        f"  label={_caption(view, title)}",
        f'  {FONT} fontsize=11 fontcolor="#444444"',
        f'  node [{FONT} fontsize=11 fontcolor="#111111" margin="0.11,0.05"]',
        f'  edge [{FONT} fontsize=9 fontcolor="#555555" color="#555555" arrowsize=0.7]',
    ]
    lines += _clusters(view, names, shown, roots)
    operands = Counter(edge.head for edge in view.edges)
    row = picture_rows(view, lambda vertex: call_text(vertex) if vertex.op else vertex.name or "")
    for edge in view.edges:
        # What leads into another row does not push it to the right of this one.
        words = ["constraint=false"] * (row[edge.tail] != row[edge.head])
        words += _edge_words(edge, operands[edge.head])
        ending = f" [{' '.join(words)}]" if words else ""
        lines.append(f"  {names[edge.tail]} -> {names[edge.head]}{ending}")
    lines += [
        f"  {{rank=same; {names[a]} -> {names[b]} [style=invis]}}" for a, b in first_of_rows(row)
    ]
    return "\n".join([*lines, "}", ""])


def _clusters(view: View, names: dict[Item, str], shown: set[str], roots: set[Item]) -> list[str]:
    """Write the nodes inside the boxes of their modules, without recursion at any depth."""
    inside: dict[ScopePath | None, list[Item | ScopePath]] = {None: []}
    for item in view.items:
        part: Item | ScopePath = item
        place = item.scope
        while place is not None and place not in inside:
            inside[place] = [part]
            part, place = place, place.outer
        inside[place].append(part)
    lines: list[str] = []
    boxes = itertools.count()
    stack: list[tuple[int, Item | ScopePath | None]] = [
        (1, part) for part in reversed(inside[None])
    ]
    while stack:
        level, here = stack.pop()
        indent = "  " * level
        if here is None:
            lines.append(indent + "}")
        elif isinstance(here, ScopePath):
            label = html(f"{here.name} {here.kind}".strip()) or "module"
            lines.append(f"{indent}subgraph cluster_m{next(boxes)} {{ label=<{label}> {BOX}")
            stack.append((level, None))
            stack += [(level + 1, part) for part in reversed(inside[here])]
        else:
            lines.append(f"{indent}{names[here]} {_node(here, shown, here in roots)}")
    return lines


def _node(item: Item, shown: set[str], root: bool) -> str:
    if isinstance(item, Group):
        rows = [f"<b>{html(item.title)}</b>" if item.title else "", _sums(item)]
        style = STYLES["group"]
    else:
        rows = _rows(item, shown)
        style = STYLES[item.kind]
        if item.freed:
            style = style.replace('"rounded,filled"', '"rounded,filled,dotted"')
    if root:
        style += " peripheries=2 penwidth=1.5"
    return f"[label=<{'<br/>'.join(row for row in rows if row)}> {style}]"


def _sums(group: Group) -> str:
    words = [f"{group.operations:,} operation{'s' * (group.operations != 1)}"]
    if group.parameters:
        words.append(f"{group.parameters:,} parameters")
    return f'<font point-size="9">{", ".join(words)}</font>'


def _rows(vertex: Vertex, shown: set[str]) -> list[str]:
    """Return the lines of text in a node."""
    name = html(vertex.name) if vertex.name and "name" in shown else ""
    expression = html(call_text(vertex)) if vertex.op is not None else ""
    mark = " ●" if vertex.out_saved else ""
    title = " = ".join(filter(None, (name, expression))) or vertex.kind
    rows = [f"<b>{title}</b>{mark}"]
    number = "value" in shown and vertex.value is not None and vertex.shape == ()
    spec = [str(vertex.shape)] * ("shape" in shown and not number)
    spec += [str(vertex.dtype)] * ("dtype" in shown)
    small = [" ".join(spec)]
    if "bytes" in shown:
        small.append(bytes_text(vertex.nbytes))
    if "value" in shown and vertex.value is not None:
        small.append("value " + stats_text(vertex.value, vertex.shape))
    if "grad" in shown and vertex.grad is not None:
        small.append("grad " + stats_text(vertex.grad, vertex.shape))
    if "source" in shown and vertex.source:
        small.append(vertex.source if len(vertex.source) <= 60 else vertex.source[:59] + "…")
    return rows + [f'<font point-size="9">{html(row)}</font>' for row in small if row]


def call_text(vertex: Vertex) -> str:
    """Return the op with its arguments other than tensors: sum(·, axis=0), power(·, 2)."""
    assert vertex.op is not None
    texts = [operand.text if operand.source is None else "·" for operand in vertex.inputs]
    if len(texts) > MANY:
        texts = [*texts[:2], "…"]
    words = [f"{name}={value}" for name, value in vertex.keywords.items()]
    if all(text == "·" for text in texts) and not words:
        return vertex.op.name
    return f"{vertex.op.name}({', '.join(texts + words)})"


def _edge_words(edge: Edge, operands: int) -> list[str]:
    words = []
    if edge.count > 1:
        words.append(f'label="{edge.count}" penwidth=1.8')
    if edge.saved:
        words.append("dir=both arrowtail=dot")
    if edge.slot is not None and isinstance(edge.head, Vertex) and edge.head.op is not None:
        name = slot_name(edge.head.op, edge.slot)
        if operands > 1 and edge.head.op.name not in COMMUTE:
            words.append(f'headlabel="{name}" labeldistance=1.5')
    if isinstance(edge.tail, Vertex) and edge.tail.kind == "constant":
        words.append("style=dashed")
    return words


def _caption(view: View, title: str | None) -> str:
    rows = [f"<b>{html(title)}</b>"] if title and html(title) else []
    lines = [line for note in view.notes for line in textwrap.wrap(note, 90)]
    rows += [f'<font color="#a03000">{html(line)}</font>' for line in lines]
    if any(edge.saved for edge in view.edges) or any(
        isinstance(item, Vertex) and item.out_saved for item in view.items
    ):
        rows.append(f'<font point-size="9">{LEGEND}</font>')
    return f"<{'<br/>'.join(rows)}>" if rows else '""'


def bytes_text(nbytes: int) -> str:
    """Return a number of bytes in B, KB, MB or GB."""
    value, unit = float(nbytes), "B"
    for unit in ("B", "KB", "MB", "GB"):
        if value < 1000 or unit == "GB":
            break
        value /= 1000
    return f"{nbytes} B" if unit == "B" else f"{value:.1f} {unit}"


ESCAPES = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\n": "<br/>", "\t": " ", "\r": ""}
    # XML excludes control characters, for which Unicode has pictures, and a few others.
    | {chr(c): chr(0x2400 + c) for c in range(32) if chr(c) not in "\n\t\r"}
    | {chr(c): "\ufffd" for c in (*range(0xD800, 0xE000), 0xFFFE, 0xFFFF)}
)


def html(text: str) -> str:
    """Escape any text for Graphviz's labels in angle brackets."""
    return text.translate(ESCAPES)
