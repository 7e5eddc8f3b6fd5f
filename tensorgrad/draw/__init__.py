"""The graph as a picture, as text, and as a page on which the gradients arrive one by one.

What draws is loaded at the first drawing: half of the programs that import this draw nothing.
"""

import contextlib
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from tensorgrad.engine.state import STATE, with_state

if TYPE_CHECKING:
    from tensorgrad.draw.drawing import Drawing
    from tensorgrad.draw.trace import Trace

__all__ = ["draw", "trace"]


def draw(
    tensors: Any,
    *,
    depth: int | None = None,
    show: Iterable[str] = ("name", "shape", "dtype"),
    direction: str = "LR",
    max_nodes: int = 200,
    title: str | None = None,
    parameters: Iterable[Any] = (),
) -> "Drawing":
    """The graph under a tensor, or under several in a list or dict, for a notebook or a file.

    `depth` is how many levels of modules are drawn open. `show` says what is told of each node:
    "name", "shape", "dtype", "value", "grad", "bytes", "source"; values are those that the graph
    keeps for backward, where a `trace` has them all, and the lines of the program. More than
    `max_nodes` nodes are folded. `parameters` are drawn even if nothing uses them.
    """
    from tensorgrad.draw.drawing import Drawing, tensors_in
    from tensorgrad.draw.model import read

    show = (show,) if isinstance(show, str) else tuple(show)
    graph = read(
        [(t.node, t.data) for t in tensors_in(tensors)],
        [p.node for p in parameters if p.node is not None],
        values="value" in show,
        grads="grad" in show,
    )
    return Drawing(graph, depth, show, direction, max_nodes, title)


@contextlib.contextmanager
def trace(*, values: bool = True) -> "Iterator[Trace]":
    """Record all that is computed inside: events, times, memory, lines and, with `values`, numbers.

    Run backward inside too: `with tensorgrad.trace() as t: loss = f(x); loss.backward()`. Then
    `t.draw()` shows the graph though backward has freed it, `t.draw().save("graph.html")` makes a
    page on which the gradients arrive, and `t.summary()` tells where time and memory went.
    """
    from tensorgrad.draw.trace import Trace

    t = Trace(STATE.get().observer, values)
    with with_state(observer=t):
        try:
            yield t
        finally:
            t.end()
