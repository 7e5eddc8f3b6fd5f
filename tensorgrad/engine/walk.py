"""The graph as users read it, for an exporter or a backward of their own."""

from typing import Any

from tensorgrad.engine.backward import toposort
from tensorgrad.engine.base import require_node
from tensorgrad.engine.node import Node


def walk(*tensors: Any) -> list[Node]:
    """Return the nodes of the graph under tensors in topological order, each before its arguments.

    `Node` says what a node tells. An exporter goes through them in reverse.
    Raises: RuntimeError for a constant, and for a graph that backward has freed.

    >>> import numpy as np
    >>> import tensorgrad as tg
    >>> x = tg.Tensor(2.0, requires_grad=True, name="x")
    >>> [node.op.name if node.op else node.name for node in tg.walk(np.sin(x) * x)]
    ['multiply', 'sin', 'x']
    """
    return toposort([require_node(t, "be walked from") for t in tensors])
