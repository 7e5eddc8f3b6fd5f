"""The graph as a picture, as text, and as a page that shows the gradients arrive one by one.

The drawing code is imported at the first drawing, because most programs draw nothing.
"""

import contextlib
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from tensorgrad.engine.state import STATE, with_state

if TYPE_CHECKING:
    from tensorgrad.draw.drawing import Drawing
    from tensorgrad.draw.model import Graph
    from tensorgrad.draw.tracing import Trace

__all__ = ["draw", "trace"]


class Drawable:
    """A source of graphs: `draw` and its options are the same for all, `read` is its own."""

    def read(self, tensors: Any, parameters: Iterable[Any], show: tuple[str, ...]) -> "Graph":
        """Return the graph under tensors, with what `show` asks for; None: all that is known."""
        raise NotImplementedError

    def draw(
        self,
        tensors: Any = None,
        *,
        depth: int | None = None,
        show: Iterable[str] = ("name", "shape", "dtype"),
        direction: str = "LR",
        max_nodes: int = 200,
        title: str | None = None,
        parameters: Iterable[Any] = (),
        display: str | None = None,
        history: str | None = None,
    ) -> "Drawing":
        """Draw the graph under a tensor, or under several in a list or dict.

        The drawing is for a notebook or a file. `depth` is the number of levels of modules that are
        drawn open. `show` selects the details of each node: "name", "shape", "dtype", "value",
        "grad", "bytes", "source". Without a trace, the only values are those that the graph saves
        for backward, and there are no sources; a `trace` has all values and the lines of the
        program, and its `draw` needs no tensors: then it draws everything that was recorded. Graphs
        of more than `max_nodes` nodes are folded. `parameters` are drawn even if nothing uses them.
        A notebook displays a traced run as a page and other graphs as a still picture, or what
        `display` asks for: "page" or "svg". `history` names a page beside this one that
        `nn.Dashboard` writes: each module then leads to its training there.
        Raises: TypeError for anything but tensors, ValueError for a tensor unknown to the trace.
        """
        from tensorgrad.draw.drawing import Drawing

        show = (show,) if isinstance(show, str) else tuple(show)
        graph = self.read(tensors, parameters, show)
        return Drawing(graph, depth, show, direction, max_nodes, title, display, history)


class RecordedGraph(Drawable):
    """The graph that the tensors hold at the moment, for backward."""

    def read(self, tensors: Any, parameters: Iterable[Any], show: tuple[str, ...]) -> "Graph":
        from tensorgrad.draw.drawing import tensors_in
        from tensorgrad.draw.model import read_graph

        return read_graph(
            [(t.node, t.data) for t in tensors_in(tensors)],
            [p.node for p in parameters if p.node is not None],
            values="value" in show,
            grads="grad" in show,
        )


draw = RecordedGraph().draw


@contextlib.contextmanager
def trace(*, values: bool = True, keep: bool = False) -> "Iterator[Trace]":
    """Record everything computed inside: events, times, memory, lines and, with `values`, numbers.

    Run backward inside too: `with tensorgrad.trace() as t: loss = f(x); loss.backward()`. Then
    `t.draw()` draws the graph although backward has freed it, `t.draw().save("graph.html")` writes
    a page that shows the gradients arrive, and `t.summary()` shows where time and memory went. With
    `keep`, every node keeps the values of its arguments and output for as long as it lives, for
    `Node.inputs` and `Node.output`; they count as memory of the run.
    """
    from tensorgrad.draw.tracing import Trace

    t = Trace(STATE.get().observer, values, keep)
    with with_state(observer=t):
        try:
            yield t
        finally:
            t.end()
