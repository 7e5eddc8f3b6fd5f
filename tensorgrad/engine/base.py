"""TensorBase: all that the engine knows of Tensor, and the ways from tensors to arrays and back."""

import weakref
from typing import Any

import numpy as np

from tensorgrad.engine.node import Node
from tensorgrad.engine.state import STATE
from tensorgrad.rules import Function, Op

ViewStep = tuple[Op, tuple[Any, ...], dict[str, Any]]  # from a tensor to a view of it


class TensorBase:
    """An array and the node that made it: all that the recorder knows of Tensor."""

    __slots__ = ("__weakref__", "_logits", "_value", "_view_of", "_views", "node")
    takes_primitives = True  # other libraries' arrays do not know them, and are given to them

    # A 0-d value is a NumPy scalar: calculating with it is five times faster. Not "_data", by which
    # np.ma would take the array from under the tensor.
    _value: Any
    node: Node | None
    # Of the result of softmax or sigmoid: the function, its argument, and a serial number.
    _logits: tuple[Function, "TensorBase", int] | None
    _view_of: tuple[weakref.ref["TensorBase"], tuple[ViewStep, ...]]  # of a view; else not set
    _views: list[weakref.ref["TensorBase"]]
    tensor: type["TensorBase"]  # Tensor itself, once there is one: the type of every result


new_tensor = TensorBase.__new__  # looked up once


def wrap(data: Any, node: Node | None = None) -> Any:
    """Make a Tensor of its parts, past the checks of the constructor."""
    t = new_tensor(TensorBase.tensor)
    t._value = data
    t.node = node
    return t


def unwrap(x: Any) -> Any:
    """Replace every tensor in x, however deep in tuples, lists and dicts, by its array."""
    if isinstance(x, TensorBase):
        return x._value
    if type(x) in (tuple, list):
        return type(x)(unwrap(item) for item in x)
    if type(x) is dict:
        return {key: unwrap(item) for key, item in x.items()}
    return x


def unwrap_constants(x: Any) -> Any:
    """Replace each tensor in x by its array, in tuples and lists too, except recorded ones."""
    if type(x) is np.ndarray:
        return x
    if isinstance(x, TensorBase):
        return x if x.node is not None and STATE.get().recording else x._value
    return type(x)(map(unwrap_constants, x)) if type(x) in (tuple, list) else x


def with_node(t: Any, node: Node | None) -> Any:
    """Return another tensor with the value of `t`, and with this node."""
    other = new_tensor(type(t))  # which may be one that an observer knows
    other._value, other.node = t._value, node
    return other


def require_node(t: Any, purpose: str) -> Node:
    """Return the tensor's node.

    Raises: RuntimeError if the tensor is a constant.
    """
    if t.node is None:
        raise RuntimeError(
            f"this tensor cannot {purpose}: it is a constant, made from no tensor with "
            "requires_grad=True, or under no_grad"
        )
    return t.node


def needs_grad(x: Any) -> bool:
    """Return True if a tensor in x, however deep in tuples, lists and dicts, has a gradient."""
    if isinstance(x, TensorBase):
        return x.node is not None
    if isinstance(x, dict):
        return any(map(needs_grad, x.values()))
    return isinstance(x, (tuple, list)) and any(map(needs_grad, x))
