"""Writing: a tensor gets a new value and node, and so do all views that share its memory in NumPy.

Earlier calls keep the values that they read. A view is described by its root, the tensor that it
views, and by the calls that lead from the root to it.
"""

from typing import Any

import numpy as np

from tensorgrad.engine.base import TensorBase, ViewStep, wrap
from tensorgrad.engine.record import apply, root_of
from tensorgrad.engine.state import STATE
from tensorgrad.operands import numbers
from tensorgrad.ops.index import assign, take


def assign_(t: Any, result: Any) -> Any:
    """Write a result into a tensor, as `t += 1` and `t[0] = 1` do, and return the tensor."""
    # A Series, say, if a constant tensor left `t += series` to pandas.
    result = cast_to_target(t, result if isinstance(result, TensorBase) else wrap(numbers(result)))
    root, steps = root_of(t)
    if steps:
        result = write_through(root, steps, t, result)
    if root.node is not None and root.node.op is None:
        if STATE.get().recording:
            raise RuntimeError(
                "a leaf that requires a gradient, or a view of one, cannot be written to while "
                "recording, because it would stop being a leaf; write under no_grad(), to .data, "
                "or to a copy like `t * 1`"
            )
        root.data = result._value
        observe_write(root, result)
    else:
        replace(root, result)
    replay_views(root)
    return t


def replace(t: Any, new: Any) -> None:
    """Give a tensor another's value and node; its name and its retain_grad() stay."""
    name, old = t.name, t.node
    t._value, t.node = new._value, new.node
    t._logits = None  # which were of the value before
    observe_write(t, new)
    if name is not None:
        t.name = name
    if t.node is not None and old is not None and old.extras is not None and old.extras.retains:
        t.retain_grad()


def observe_write(t: Any, new: Any) -> None:
    """Tell the observer that a tensor was given another's value."""
    observer = STATE.get().observer
    if observer is not None:
        observer.assigned(t, new)


def is_view_at(t: Any, value: Any, index: Any) -> bool:
    """Return True if the value is the view `t[index]`, as at the end of `t[index] += 1`."""
    if not isinstance(value, TensorBase):
        return False
    (root, steps), (home, path) = root_of(value), root_of(t)
    if root is not home or len(steps) != len(path) + 1:
        return False
    op, others, _ = steps[-1]
    if op.function is not take:
        return False
    (other,) = others
    pair = (index, other) if isinstance(index, tuple) else ((index,), (other,))
    return isinstance(pair[1], tuple) and list(map(id, pair[0])) == list(map(id, pair[1]))


def cast_to_target(t: Any, result: Any) -> Any:
    """Cast the result to the dtype of the tensor that it is written to.

    Raises: TypeError if it does not fit, or a gradient would be lost.
    """
    if result.node is not None and t.dtype.kind not in "fc":
        raise TypeError(
            f"a tensor of dtype {t.dtype} has no gradient, and would lose that of what is written "
            "to it; write its .data, or make the tensor with dtype=float"
        )
    if result.shape != t.shape or not np.can_cast(result.dtype, t.dtype, "same_kind"):
        raise TypeError(
            f"a tensor of shape {t.shape} and dtype {t.dtype} cannot take, in place, a result of "
            f"shape {result.shape} and dtype {result.dtype}"
        )
    return result if result.dtype == t.dtype else np.astype(result, t.dtype)


def write_through(root: Any, steps: tuple[ViewStep, ...], view: Any, value: Any) -> Any:
    """Return the root with a value written at the positions of its view."""
    part = root.dtype.kind == "c" and any(op.function in (np.real, np.imag) for op, *_ in steps)
    if part or not view._value.flags.writeable:
        raise ValueError(
            f"this tensor is a view, made by {steps[-1][0].name}, that cannot be written to; write "
            "to a copy like `t * 1`"
        )
    if len(steps) == 1 and steps[0][0].function is take:
        return assign(root, steps[0][1][0], value)
    places = wrap(np.arange(root.size).reshape(root.shape))
    for op, args, kwargs in steps:  # by calls, because an observer must see the places change
        places = apply(op, (places, *args), kwargs)
    return np.reshape(assign(np.ravel(root), places, value), root.shape)


def replay_views(root: Any) -> None:
    """Compute every view of the root again, recorded if it was, as that of a leaf under no_grad."""
    live = [view for ref in getattr(root, "_views", ()) if (view := ref()) is not None]
    state = STATE.get()
    for view in live:
        recording = state.recording or (view.node is not None and root.node is not None)
        state.inside(recording=recording).run(replay, (view, root))


def replay(view: Any, root: Any) -> None:
    """Compute a view of the root again."""
    fresh = root
    for op, args, kwargs in root_of(view)[1]:
        fresh = apply(op, (fresh, *args), kwargs)
    replace(view, fresh)
