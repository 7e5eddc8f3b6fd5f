"""Node: a remembered call."""

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from tensorgrad.rules import ShapeDtype

serials = itertools.count()


class NodeExtras:
    """What few nodes have: a name, hooks, a gradient that is kept. Every leaf has one."""

    __slots__ = ("array", "grad", "hooks", "name", "retains", "version")

    def __init__(self, retains: bool = False) -> None:
        self.name: str | None = None
        self.hooks: list[Callable[[Any], Any]] = []
        self.retains = retains
        self.grad: Any = None
        self.array: Any = None  # a leaf's array that was written to in place, and
        self.version = -1  # the serial number at which it last was


class Node(ShapeDtype):
    """A remembered call: the op, the nodes of its arguments, and what its rules will read.

    An argument that no rule reads is kept as its node or its Spec, which tell its shape. A leaf has
    no op; a constant argument has no node.
    """

    __slots__ = (
        "__weakref__",
        "args",
        "extras",
        "kwargs",
        "op",
        "out",
        "parents",
        "scope",
        "serial",
    )

    op: Any
    # The arguments' nodes (None: a constant); itself None, like args, once backward consumed it.
    parents: Any
    args: Any
    kwargs: dict[str, Any]
    out: Any  # the output, or what is kept in its place, if a rule reads it
    scope: Any
    extras: NodeExtras | None
    serial: int

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        """A leaf; `record.apply` fills in the nodes of calls itself, which is faster."""
        self.shape, self.dtype = shape, dtype
        self.op = self.out = self.scope = None
        self.parents = self.args = ()
        self.kwargs = {}
        self.extras = NodeExtras(retains=True)
        self.serial = next(serials)

    def ensure_extras(self) -> NodeExtras:
        """The node's notes, opened if there are none."""
        if self.extras is None:
            self.extras = NodeExtras()
        return self.extras
