"""Nested dicts, lists and tuples of arrays, and in which kind of array a result is given back."""

from typing import Any

import numpy as np

from tensorgrad.engine.record import wrap
from tensorgrad.engine.tensor import Tensor
from tensorgrad.rules import Function


def tree_map(f: Function, tree: Any, *others: Any) -> Any:
    """The tree with `f` of each leaf, and of the leaves in the same places of other trees.

    Raises: ValueError if another tree is built differently.
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
    """Whether two nodes of trees have the same places: the same keys, or the same length."""
    if isinstance(tree, dict):
        return isinstance(other, dict) and tree.keys() == other.keys()
    return isinstance(other, (list, tuple)) and len(tree) == len(other)


def leaves_of(tree: Any) -> list[Any]:
    """The leaves of nested dicts, lists and tuples, in order."""
    leaves: list[Any] = []
    tree_map(leaves.append, tree)
    return leaves


def recorded(t: Any) -> bool:
    return isinstance(t, Tensor) and t.node is not None


def detached(t: Any) -> Any:
    return t.detach() if isinstance(t, Tensor) else t


def alias(t: Any) -> Any:
    """Another tensor of the same value and node: writing to one does not change the other."""
    return wrap(t._value, t.node) if isinstance(t, Tensor) else t


def in_kind_of(given: Any, t: Any) -> Any:
    """A result as an array, but as a tensor if `given` was one or if it can be differentiated."""
    if not isinstance(t, Tensor) or isinstance(given, Tensor) or recorded(t):
        return t
    return np.array(t.data)[()]  # a copy, since the graph and other results may share the array


def dtype_of(x: Any) -> np.dtype[Any]:
    return x.dtype if hasattr(x, "dtype") else np.asarray(x).dtype


def zeros(x: Any) -> Tensor:
    """A constant of the shape and dtype of an array, a number, a tensor or a node."""
    return Tensor(np.zeros(np.shape(x), dtype_of(x)))


def ones(x: Any) -> np.ndarray:
    """An array of the shape and dtype of another."""
    return np.ones(np.shape(x), dtype_of(x))
