"""Node: a remembered call. Nodes refer to nodes and to what their rules read, never to a Tensor."""

import itertools
import math
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

serials = itertools.count()


class ShapeDtype:
    """The shape and dtype of an array that is not saved."""

    __slots__ = ("dtype", "shape")

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self.shape = shape
        self.dtype = dtype

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """The number of elements."""
        return math.prod(self.shape)


class NodeExtras:
    """Optional attributes that only a few nodes need: hooks, and a gradient to be retained."""

    __slots__ = ("grad", "hooks", "retains", "version")

    def __init__(self, retains: bool = False) -> None:
        self.hooks: list[Callable[[Any], Any]] = []
        self.retains = retains
        self.grad: Any = None
        self.version = -1  # the serial number at which a leaf was last given other values

    def run_hooks(self, g: Any) -> Any:
        """Return what the hooks make of the complete gradient."""
        for hook in tuple(self.hooks):  # one may remove itself
            g = hook(g)
        return g


class Node(ShapeDtype):
    """A remembered call: the op, the nodes of its arguments, and what its rules will read.

    It is read, and never written to. `op` is None for a leaf; else it has the `name`, the
    `function`, and the `rules`, one per argument. `parents` are the nodes of the arguments, None
    for a constant; `kwargs` the keywords. A rule is called as `rule(g, node.out, *node.args,
    **node.kwargs)`: an argument that no rule reads stands in `args` as its node, or as its shape
    and dtype, which are all that the rules need of it. `shape` and `dtype` are those of the output.
    """

    __slots__ = (
        "__weakref__", "args", "extras", "kwargs", "op", "out", "parents", "scope", "serial",
    )  # fmt: skip

    op: Any
    # The arguments' nodes (None: a constant); itself None, like args, once backward consumed it.
    parents: Any
    args: Any
    kwargs: dict[str, Any]
    out: Any  # the output, or the residuals in its place, if a rule reads it
    scope: Any
    extras: NodeExtras | None
    serial: int

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        """Make a leaf; `record.remember` makes the nodes of calls."""
        self.shape, self.dtype = shape, dtype
        self.op = self.out = self.scope = None
        self.parents = self.args = ()
        self.kwargs = {}
        self.extras = NodeExtras(retains=True)
        self.serial = next(serials)

    @property
    def name(self) -> str | None:
        """The name that the user gave."""
        return NAMES.get(self)

    @property
    def module_path(self) -> str:
        """The dotted name of the module that made the call, such as "0.attention"; "" for none."""
        return ".".join(part.name for part in (self.scope.path if self.scope else ()) if part.name)

    @property
    def inputs(self) -> tuple[Any, ...]:
        """The values of the arguments; None where no rule reads one, unless a trace keeps it."""
        if self in KEPT:
            return KEPT[self][0]
        return tuple(None if isinstance(a, ShapeDtype) else a for a in self.args or ())

    @property
    def output(self) -> Any:
        """The value of the output; None if no rule reads it, unless a trace keeps it."""
        if self in KEPT:
            return KEPT[self][1]
        return None if self.op is None or self.op.residuals is not None else self.out

    def ensure_extras(self) -> NodeExtras:
        """Return the node's extras, made now if there are none."""
        if self.extras is None:
            self.extras = NodeExtras()
        return self.extras


class Names:
    """The names that users gave: of recorded tensors by node, of constants by array.

    A graph refers to nodes and arrays, not to tensors, and drawings show these names.
    """

    def __init__(self) -> None:
        self._found: dict[int, tuple[weakref.ref[Any], str]] = {}

    def get(self, owner: Any) -> str | None:
        """Return the name of a node or array, or None."""
        reference, name = self._found.get(id(owner), (None, None))
        return name if reference is not None and reference() is owner else None

    def set(self, owner: Any, name: str | None) -> None:
        """Name a node or array, or with None take its name away."""
        key = id(owner)
        if name is None:
            self._found.pop(key, None)
        else:
            self._found[key] = weakref.ref(owner, lambda _: self._found.pop(key, None)), name


class Writes:
    """The arrays of tensors that were written to in place, and the serial number of the last write.

    By array and not by node, because constants, such as `t.detach()`, share the memory of others.
    """

    def __init__(self) -> None:
        self._found: dict[int, list[Any]] = {}  # weak reference, serial number, owner
        self.newest = -1

    def add(self, array: np.ndarray, owner: Callable[[], str]) -> None:
        """Note a write to an array; `owner()` is what messages call the tensor that it is of."""
        key = id(array)
        entry = self._found.get(key)
        if entry is None:
            reference = weakref.ref(array, lambda _: self._found.pop(key, None))
            entry = self._found[key] = [reference, -1, owner()]
        entry[1] = self.newest = next(serials)

    def since(self, serial: int) -> list[tuple[np.ndarray, int, str]]:
        """Return the arrays that were written to after a serial number."""
        if self.newest <= serial:
            return []
        found = [(ref(), version, owner) for ref, version, owner in list(self._found.values())]
        return [entry for entry in found if entry[1] > serial and entry[0] is not None]


def overlap(a: np.ndarray, b: np.ndarray) -> bool:
    """Return True if two arrays have an element in common, or if that is hard to tell."""
    try:
        return np.shares_memory(a, b, max_work=1000)
    except np.exceptions.TooHardError:
        return True


NAMES = Names()
WRITES = Writes()
KEPT: weakref.WeakKeyDictionary[Node, tuple[Any, Any]] = weakref.WeakKeyDictionary()  # by traces
