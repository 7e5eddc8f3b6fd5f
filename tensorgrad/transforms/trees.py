"""Nested dicts, lists and tuples of arrays, and the kind of array that a result is."""

from typing import Any

import numpy as np

from tensorgrad.engine.base import with_node
from tensorgrad.operands import has_foreign
from tensorgrad.ops.common import create
from tensorgrad.rules import Function
from tensorgrad.tensor.logits import share_logits
from tensorgrad.tensor.tensor import Tensor


def tree_map(f: Function, tree: Any, *others: Any) -> Any:
    """Apply `f` to each leaf of a tree, with the corresponding leaves of the other trees.

    Raises: ValueError if another tree has a different structure.
    """
    if tree is None:
        return None
    if not isinstance(tree, (dict, list, tuple)):
        return f(tree, *others)
    for other in others:
        if not built_alike(tree, other):
            raise ValueError(f"expected something built like {tree!r}, but got {other!r}")
    if isinstance(tree, dict):
        return {key: tree_map(f, tree[key], *(other[key] for other in others)) for key in tree}
    items = [tree_map(f, *parts) for parts in zip(tree, *others)]
    return type(tree)(*items) if hasattr(tree, "_fields") else type(tree)(items)


def built_alike(tree: Any, other: Any) -> bool:
    """Return True if two nodes of trees have the same keys, or the same length."""
    if isinstance(tree, dict):
        return isinstance(other, dict) and tree.keys() == other.keys()
    return isinstance(other, (list, tuple)) and len(tree) == len(other)


def leaves_of(tree: Any) -> list[Any]:
    """Return the leaves of nested dicts, lists and tuples, in order."""
    leaves: list[Any] = []
    tree_map(leaves.append, tree)
    return leaves


def refuse_objects(name: str, tree: Any) -> None:
    """Raise if a function returned an array of objects, whose gradients would be lost.

    Raises: TypeError with the dtype and shape that arrived.
    """
    for y in leaves_of(tree):
        if getattr(y, "dtype", None) == np.object_:
            raise TypeError(
                f"{name} returned an array of dtype {y.dtype} and shape {np.shape(y)}, whose "
                "elements are Python objects without a gradient; return a tensor, as "
                "np.stack of the elements, or convert the data to floats with astype(float)"
            )


def refuse_hidden(name: str, tree: Any) -> None:
    """Raise if a function returned an object that is no container, with recorded tensors in it.

    Raises: TypeError with the class that arrived.
    """
    for y in leaves_of(tree):
        if not isinstance(y, Tensor) and any(map(recorded, getattr(y, "__dict__", {}).values())):
            raise TypeError(
                f"{name} returned a {type(y).__name__}, whose tensors would lose their gradient; "
                "return arrays, in tuples, lists and dicts"
            )


def recorded(t: Any) -> bool:
    """Return True if `t` is a tensor with a node."""
    return isinstance(t, Tensor) and t.node is not None


def detached(t: Any) -> Any:
    """Return a tensor as a constant; anything else as it is."""
    return t.detach() if isinstance(t, Tensor) else t


def alias(t: Any) -> Any:
    """Return another tensor with the same value and node, which a write to `t` does not change."""
    return share_logits(t, with_node(t, t.node)) if isinstance(t, Tensor) else t


def without_logits(t: Any) -> Any:
    """Return a tensor that has logits as another without them; anything else as it is."""
    return with_node(t, t.node) if getattr(t, "_logits", None) else t


def in_kind_of(given: Any, t: Any) -> Any:
    """Convert a result to an array, unless `given` is a tensor or the result is recorded."""
    if not isinstance(t, Tensor) or isinstance(given, Tensor) or recorded(t):
        return t
    # A copy, since the graph and other results may share the array.
    return t._value.copy() if has_foreign(t._value) else np.copy(t._value)[()]


def dtype_of(x: Any) -> np.dtype[Any]:
    """Return the dtype of an array, a number, a tensor or a node."""
    return x.dtype if hasattr(x, "dtype") else np.asarray(x).dtype


def zeros(x: Any) -> Tensor:
    """Return a constant 0 with the shape and dtype of an array, a number, a tensor or a node."""
    return Tensor(create(np.zeros, x, np.shape(x), dtype_of(x)))


def ones(x: Any) -> np.ndarray:
    """Return an array of ones with the shape and dtype of `x`."""
    return create(np.ones, x, np.shape(x), dtype_of(x))
