"""A view of the graph as text in Graphviz's DOT language."""

import itertools
import re
import textwrap
from collections import Counter
from collections.abc import Iterable

from tensorgrad.draw.fold import Edge, Group, Item, View
from tensorgrad.draw.formulas import slot_name
from tensorgrad.draw.model import LONG, Graph, Vertex
from tensorgrad.draw.rows import first_of_rows, picture_rows
from tensorgrad.draw.stats import stats_text
from tensorgrad.engine.state import ScopePath

UNSET = ("None", "False")  # keywords that tell nothing
# Kinds differ in shape as well as in colour; dark text on each has a contrast of at least 12.
# fmt: off
STYLES = {
    "op":        'shape=box style="rounded,filled" fillcolor="#eaf1fb" color="#3a6ea5"',
    "parameter": 'shape=cylinder margin=0.08 style=filled fillcolor="#fdf1d8" color="#a86f00"',
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
    dtypes = {str(item.dtype) for item in view.items if isinstance(item, Vertex)}
    common = dtypes.pop() if "dtype" in shown and len(dtypes) == 1 < len(view.items) else ""
    if common:  # it stands below the picture
        shown.remove("dtype")
    roots = {view.owner[root] for root in graph.roots}
    operands = Counter(edge.head for edge in view.edges)
    labels = [_head_label(edge, operands[edge.head]) for edge in view.edges]
    room = 0.22 + 0.06 * max(map(len, labels), default=0)  # inches between ranks
    lines = [
        "digraph tensorgrad {",
        f"  rankdir={direction} nodesep=0.2 ranksep={room:.2f} bgcolor=white labelloc=b",
        f"  label={_caption(view, title, common)}",
        f'  {FONT} fontsize=11 fontcolor="#444444"',
        f'  node [{FONT} fontsize=11 fontcolor="#111111" margin="0.08,0.04"]',
        f'  edge [{FONT} fontsize=9 fontcolor="#555555" color="#555555" arrowsize=0.7]',
    ]
    lines += _clusters(view, names, shown, roots)
    row = picture_rows(view, lambda vertex: call_text(vertex) if vertex.op else vertex.name or "")
    for edge, label in zip(view.edges, labels, strict=True):
        # What leads into another row does not push it to the right of this one.
        words = ["constraint=false"] * (row[edge.tail] != row[edge.head])
        words += _edge_words(edge, label)
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
            label = html(_clipped(f"{here.name} {here.kind}".strip())) or "module"
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


def _clipped(name: str) -> str:
    return name if len(name) <= LONG else name[: LONG - 1] + "…"


def _sums(group: Group) -> str:
    words = [f"{group.operations:,} operation{'s' * (group.operations != 1)}"]
    if group.parameters:
        words.append(f"{group.parameters:,} parameters")
    return f'<font point-size="9">{", ".join(words)}</font>'


def _rows(vertex: Vertex, shown: set[str]) -> list[str]:
    """Return the lines of text in a node."""
    name = html(_clipped(vertex.name)) if vertex.name and "name" in shown else ""
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
    texts = [
        _rounded_text(operand.text) if operand.source is None else "·" for operand in vertex.inputs
    ]
    if len(texts) > MANY:
        texts = [*texts[:2], "…"]
    if vertex.op.name != "take":  # in an index, None is a new axis
        texts = [text for text in texts if text != "None"]
    # The shape tells if axes were kept.
    given = {k: v for k, v in vertex.keywords.items() if k != "keepdims" and v not in UNSET}
    words = [f"{name}={_rounded_text(value)}" for name, value in given.items()]
    if all(text == "·" for text in texts) and not words:
        return vertex.op.name
    return f"{vertex.op.name}({', '.join(texts + words)})"


def _rounded_text(text: str) -> str:
    """Round a number that is longer than its first four digits."""
    return f"{float(text):.4g}" if re.fullmatch(r"-?\d+\.\d+(e[+-]?\d+)?", text) else text


def _head_label(edge: Edge, operands: int) -> str:
    """Return the name of the operand that an edge is, where the order of the operands matters."""
    head = edge.head
    if edge.slot is None or operands < 2 or not isinstance(head, Vertex) or head.op is None:
        return ""
    return "" if head.op.name in COMMUTE else slot_name(head.op, edge.slot)


def _edge_words(edge: Edge, label: str) -> list[str]:
    words = []
    if edge.count > 1:
        words.append(f'label="{edge.count}" penwidth=1.8')
    if edge.saved:
        words.append("dir=both arrowtail=dot")
    if label:
        words.append(f'headlabel="{label}" labeldistance=1.5')
    if isinstance(edge.tail, Vertex) and edge.tail.kind == "constant":
        words.append("style=dashed")
    return words


def _caption(view: View, title: str | None, dtype: str) -> str:
    titles = textwrap.wrap(title or "", 90, replace_whitespace=False)
    rows = [f"<b>{'<br/>'.join(map(html, titles))}</b>"] if titles else []
    lines = [line for note in view.notes for line in textwrap.wrap(note, 90)]
    rows += [f'<font color="#a03000">{html(line)}</font>' for line in lines]
    saved = any(edge.saved for edge in view.edges) or any(
        isinstance(item, Vertex) and item.out_saved for item in view.items
    )
    if legend := "; ".join(filter(None, [LEGEND if saved else "", dtype and f"all {dtype}"])):
        rows.append(f'<font point-size="9">{legend}</font>')
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
