"""detect_anomaly: which call made the first NaN or Inf, where it stands, and what it was given."""

import contextlib
import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np

from tensorgrad.debug.frames import place, users_frame
from tensorgrad.engine.node import Node, ShapeDtype
from tensorgrad.engine.record import TensorBase
from tensorgrad.engine.state import STATE, Observer, with_state
from tensorgrad.rules import Op


@contextlib.contextmanager
def detect_anomaly() -> Iterator[None]:
    """Raise where the first NaN or Inf is made, be it in the forward pass or in backward.

    The error names the op, the line that called it and the values that went in. An Inf that follows
    from an Inf is let pass, for it may be meant. NumPy's own warnings are off meanwhile. Looking at
    every value takes time, without this none is looked at.
    Raises: FloatingPointError.
    """
    with with_state(observer=Detector(STATE.get().observer)), np.errstate(all="ignore"):
        yield


class Detector(Observer):
    """Looks at every value when it is made."""

    def __init__(self, before: Observer | None) -> None:
        super().__init__(before)
        self.places: weakref.WeakKeyDictionary[Node, str] = weakref.WeakKeyDictionary()
        self.arrived: weakref.WeakKeyDictionary[Node, Any] = weakref.WeakKeyDictionary()
        self.visited: Node | None = None  # whose rules are being applied

    def compute(self, op: Op, values: list[Any], kwargs: dict[str, Any]) -> Any:
        computed = super().compute(op, values, kwargs)
        out = op.output(computed)
        bad = badness(out)
        given = max(map(badness, values), default="") if bad else ""
        if bad == "NaN" or bad > given:
            frame, in_backward = users_frame()
            if not in_backward:  # of what a rule computes only its result counts
                verb = "was given" if bad == given else "made"
                cause = f" of {given or 'finite values'}" if verb == "made" else ""
                arguments = {f"argument {i}": value for i, value in enumerate(values)}
                raise FloatingPointError(
                    f"{op.name} {verb} {bad}{cause}\n{place(frame, STATE.get().scope)}\n"
                    + described(op, arguments, "the result", out)
                )
        return computed

    def recorded(self, node: Node, out: Any) -> None:
        super().recorded(node, out)
        self.places[node] = place(users_frame()[0], node.scope)

    def backward(self, node: Node, i: int | None, step: Any) -> None:
        super().backward(node, i, step)
        step = step._value if isinstance(step, TensorBase) else step
        bad = badness(step)
        if i is None:
            if bad:
                raise FloatingPointError(f"backward was started with a gradient that holds {bad}")
            self.arrived[node] = step
            return
        if node is not self.visited:
            if self.visited is not None:
                self.arrived.pop(self.visited, None)
            self.visited = node
        if bad:
            arguments = {f"argument {k}": value for k, value in enumerate(node.args)}
            if node.out is not None:
                name = "the output" if node.op.residuals is None else "what it kept"
                arguments[name] = getattr(node.out, "_value", node.out)
            arguments["the gradient arriving"] = self.arrived.get(node)
            raise FloatingPointError(
                f"the backward of {node.op.name} made {bad} in the gradient of argument {i}\n"
                f"{self.places.get(node, '  called before detect_anomaly began')}\n"
                + described(node.op, arguments, "that gradient", step)
            )
        to = node.parents[i]
        if to.op is not None:
            self.arrived[to] = self.arrived[to] + step if to in self.arrived else step


def badness(value: Any) -> str:
    """The worst that a value holds: nothing, an Inf, or a NaN, which are ordered as their names."""
    if not is_number(value) or np.result_type(value).kind not in "fc" or np.isfinite(value).all():
        return ""
    return "NaN" if np.isnan(value).any() else "Inf"


def described(op: Op, arguments: dict[str, Any], name: str, result: Any) -> str:
    """What went in and what came out, in all and at the first place that went wrong."""
    lines = [f"  {key}: {summarize(value)}" for key, value in arguments.items()]
    lines.append(f"  {name}: {summarize(result)}")
    known = {key: value for key, value in arguments.items() if is_number(value)}
    shape = np.shape(result)
    elementwise = isinstance(op.function, np.ufunc) and op.function.signature is None
    if (
        elementwise
        and shape
        and np.broadcast_shapes(shape, *map(np.shape, known.values())) == shape
    ):
        wrong = np.isnan(result) if badness(result) == "NaN" else np.isinf(result)
        index = tuple(map(int, np.argwhere(wrong)[0]))
        there = {key: np.broadcast_to(v, shape)[index].item() for key, v in known.items()}
        values = ", ".join(f"{key} is {value:.6g}" for key, value in there.items())
        lines.append(f"  first at index {index}" + (f", where {values}" if values else ""))
    return "\n".join(lines)


def summarize(value: Any) -> str:
    """An array in a few words."""
    if not is_number(value):
        return "not read" if value is None or isinstance(value, ShapeDtype) else repr(value)
    array = np.asarray(value)
    if array.size == 1 or array.dtype.kind not in "fc":
        return f"{array.dtype} {array.shape}" if array.size > 1 else repr(array.flat[0].item())
    counts = [(np.isnan(array).sum(), "NaN"), (np.isinf(array).sum(), "Inf")]
    parts = [f"{n} {kind}" for n, kind in counts if n]
    finite = array[np.isfinite(array)]
    if finite.size:
        size, of = (np.abs(finite), " in magnitude") if array.dtype.kind == "c" else (finite, "")
        rest = "the rest " if parts else ""
        parts.append(f"{rest}from {size.min():.6g} to {size.max():.6g}{of}")
    return f"{array.dtype} {array.shape}, {', '.join(parts)}"


def is_number(value: Any) -> bool:
    return isinstance(value, (np.ndarray, np.generic, float, int, complex))
