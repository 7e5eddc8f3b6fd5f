"""Logits: probabilities hand on the tensor that softmax or sigmoid computed them from.

A cross-entropy starts from it, because the logarithm of a probability that has been rounded to 0 is
lost. It is an attribute of the tensor of probabilities, and not of its node, so that it is there
without a graph too, and is freed with that tensor.
"""

from typing import Any

from tensorgrad.engine.base import TensorBase, with_node, wrap
from tensorgrad.engine.node import WRITES, overlap, serials
from tensorgrad.engine.record import bound, constant_tensor
from tensorgrad.engine.state import NO_KEYWORDS, STATE
from tensorgrad.ops.elementwise import cast
from tensorgrad.ops.neural import sigmoid, softmax
from tensorgrad.rules import RULES, Function

ACTIVATIONS = {softmax, sigmoid}


def logits_of(p: TensorBase, activation: Function) -> Any:
    """Return the logits, if `p` is the result of `tg.softmax` or `tg.sigmoid` itself, else None.

    `activation` is one of these two functions; a softmax counts if it was along the last axis. The
    logits have a gradient if `p` has one. Operations on `p`, copies of it, and `p` after it was
    written to have no logits; `p.detach()` has them without a gradient. Tensors do not notice a
    write to parts of the array `p.data`, so do not use the logits after one.
    Shapes: p (...) -> (...).
    Raises: ValueError for another function.

    >>> import tensorgrad as tg
    >>> z = tg.Tensor([[1000.0, -1000.0]])
    >>> p = tg.softmax(z)
    >>> tg.log_softmax(tg.logits_of(p, tg.softmax)).tolist()
    [[0.0, -2000.0]]
    >>> tg.logits_of(p * 1, tg.softmax) is None
    True
    """
    if activation not in ACTIVATIONS:
        raise ValueError(f"only tg.softmax and tg.sigmoid hand on logits, but not {activation!r}")
    made_by, logits, since = getattr(p, "_logits", None) or (None, None, 0)
    if logits is None or made_by is not activation:
        return None
    if any(overlap(p._value, written) for written, *_ in WRITES.since(since)):
        return None
    return with_node(logits, logits.node)


def hand_on(p: Any, activation: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Return `p`, the result of a call of an activation, with the logits of that call."""
    if kwargs or len(args) > 1:
        args, kwargs = bound(RULES[activation], args, kwargs)
    (z,) = args
    if kwargs.get("axis", -1) in (-1, z.ndim - 1):
        # Copied, because z or its array may be written to later, and `p` stays what it is then.
        if STATE.get().observer is None:
            value = z._value
            logits = wrap(value.copy() if value.dtype == p._value.dtype else value.astype(p.dtype))
        else:
            logits = constant_tensor(cast, (z, p.dtype), NO_KEYWORDS)
        logits.node = p.node and z.node
        p._logits = activation, logits, next(serials)
    return p


def share_logits(p: Any, other: Any) -> Any:
    """Return `other`, a tensor with the value of `p`, with the logits of `p`.

    They have a gradient if `other` has one.
    """
    if logits := getattr(p, "_logits", None):
        activation, z, since = logits
        other._logits = activation, with_node(z, other.node and z.node), since
    return other
