"""detect_anomaly: the call that made the first NaN or Inf, and what a convention decided."""

import contextlib
import warnings
import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np

from tensorgrad.debug.frames import Place, place, place_of, users_frame
from tensorgrad.engine.base import TensorBase, unwrap
from tensorgrad.engine.node import Node, ShapeDtype
from tensorgrad.engine.state import STATE, Observer, with_state
from tensorgrad.operands import as_ndarray, has_foreign
from tensorgrad.ops.common import create
from tensorgrad.ops.decompositions import svd, svd_shapes, unpack
from tensorgrad.ops.reduce import std
from tensorgrad.rules import Op

MISSING = "leave the missing values out first: (y - a * X)[ok], with ok = ~np.isnan(y)"
GIVEN_NAN = f"  if NaN stands for a missing value, {MISSING}"
TIMES_NAN = f"  0 times NaN is NaN; {MISSING}"
UNNOTICED_WRITE = "  write to the tensor, as t[0] = 5, and not to t.data[0], or after backward"
BEHIND_WHERE = (
    "  this is right behind np.where; but if the whole is smooth there, as sqrt(x)**2 is, the "
    "gradient is wrong: write it without the infinite slope, as x"
)
SMOOTH = (
    "  if the whole is smooth there, as norm(x)**2 is, the second derivative is wrong: write it "
    "without the tip, as np.sum(x * x)"
)


class KinkWarning(RuntimeWarning):
    """A derivative that a convention decided: `detect_anomaly` shows where."""


@contextlib.contextmanager
def detect_anomaly() -> Iterator[None]:
    """Raise where the first NaN or Inf is made, in the forward pass or in backward.

    The error shows the op, the line that called it and the values that it was given. An Inf that
    follows from an Inf passes, because it may be meant. So does a NaN among numbers that an op was
    given, because it may be a missing value that is left out later; where nothing but NaN is left,
    or 0 times NaN makes a gradient NaN, that is an error.

    A `tensorgrad.KinkWarning`, once for each line, shows where a convention decided a derivative:
    where 0 times an infinite slope was taken for 0, as behind `np.where(x > 0, np.sqrt(x), 0)`, and
    where a second derivative is taken at a tip, as that of `abs` or `norm` at 0. The corners of
    `relu`, `maximum` and the like give no warning.

    A write to an array that a gradient still needs, as `t.data[0] = 5` between the call and
    backward, which no tensor notices, is an error.

    NumPy's own warnings are off meanwhile. Every value is looked at, which takes time, and every
    gradient of an elementwise function is computed twice. Without this, none of it costs anything.
    Raises: FloatingPointError; RuntimeError for such a write.
    """
    with with_state(observer=Detector(STATE.get().observer)), np.errstate(all="ignore"):
        yield


class Detector(Observer):
    """An observer that looks at every value when it is made."""

    def __init__(self, before: Observer | None) -> None:
        super().__init__(before)
        self.places: weakref.WeakKeyDictionary[Node, Place] = weakref.WeakKeyDictionary()
        self.arrived: weakref.WeakKeyDictionary[Node, Any] = weakref.WeakKeyDictionary()
        self.fingerprints: weakref.WeakKeyDictionary[Node, int] = weakref.WeakKeyDictionary()
        self.visited: Node | None = None  # whose rules are being applied
        self.in_rule: list[Node] = []  # recorded by a rule of the node that is visited next
        self.differentiates_twice = False
        self.first_given = ""  # the message on the first call that was given a NaN
        self.warned: set[tuple[str, str]] = set()

    def compute(self, op: Op, values: list[Any], kwargs: dict[str, Any]) -> Any:
        computed = super().compute(op, values, kwargs)
        out = op.output(computed)
        kind = nonfinite(out)
        given = max(map(nonfinite, values), default="") if kind else ""
        if kind == "NaN" or kind > given:
            frame, in_backward = users_frame()
            if not in_backward:  # of what a rule computes only its result counts
                self.refuse(op, values, out, given, place(frame, STATE.get().scope))
        return computed

    def refuse(self, op: Op, values: list[Any], out: Any, given: str, where: str) -> None:
        """Raise for the output of a call, unless it still holds numbers beside a NaN given."""
        kind = nonfinite(out)
        wrong = np.isnan(out) if kind == "NaN" else np.isinf(out)
        arguments = {f"argument {i}": value for i, value in enumerate(values)}
        does = "was given NaN" if kind == given else f"made {kind} of {given or 'finite values'}"
        message = f"{op.name} {does}\n{where}\n" + report(op, arguments, "the result", out, wrong)
        if kind == given:
            if not np.all(wrong):
                self.first_given = self.first_given or message
                return
            if self.first_given:
                message = f"{self.first_given}\nthen {op.name} returned nothing but NaN\n{where}"
            message += f"\n{GIVEN_NAN}"
        raise FloatingPointError(message)

    def returned(self, op: Op, args: Any, kwargs: dict[str, Any], t: Any) -> None:
        super().returned(op, args, kwargs, t)
        node = t.node
        if node is None:
            return
        frame, in_backward = users_frame()
        self.places[node] = place_of(frame, node.scope)
        self.fingerprints[node] = fingerprint(node)
        if in_backward:
            self.in_rule.append(node)

    def backward(self, node: Node, i: int | None, given: Any, contribution: Any) -> None:
        super().backward(node, i, given, contribution)
        if i is None:
            self.start(node, contribution)
            return
        step = unwrap(contribution)
        self.visit(node)
        if nonfinite(step):
            self.refuse_gradient(node, i, step)
        self.warn_of_slope(node, i)
        if self.differentiates_twice:
            self.warn_of_tip(node)
        to = node.parents[i]
        if to.op is not None:
            self.arrived[to] = self.arrived[to] + step if to in self.arrived else step

    def start(self, node: Node, cotangent: Any) -> None:
        """Note a gradient that backward starts from."""
        self.arrived[node] = unwrap(cotangent)
        kind = nonfinite(self.arrived[node])
        if kind:
            raise FloatingPointError(f"backward was started with a gradient that holds {kind}")
        self.in_rule.clear()
        # A forward derivative starts from leaves, in which its pullback is linear.
        source = getattr(cotangent, "node", None)
        if source is None or source.op is None:
            self.differentiates_twice = isinstance(cotangent, TensorBase) and source is None

    def visit(self, node: Node) -> None:
        """Forget the node visited before, and give what this one's rule recorded its place."""
        for made in self.in_rule:
            self.places[made] = self.place(node)
        self.in_rule.clear()
        if node is not self.visited:
            if self.fingerprints.get(node, fingerprint(node)) != fingerprint(node):
                raise RuntimeError(
                    f"an array that the gradient of {node.op.name} needs was written to after the "
                    f"call\n{self.place(node).text}\n{UNNOTICED_WRITE}"
                )
            if self.visited is not None:
                self.arrived.pop(self.visited, None)
            self.visited = node

    def place(self, node: Node) -> Place:
        """Return the line of the forward call, or that of backward for an earlier call."""
        if node in self.places:
            return self.places[node]
        here = place_of(users_frame()[0], None)
        return here._replace(text="  called before detect_anomaly began")

    def refuse_gradient(self, node: Node, i: int, step: Any) -> None:
        """Raise for a gradient that holds a NaN or Inf."""
        kind = nonfinite(step)
        g = self.arrived.get(node)
        arguments = saved_values(node) | {"the gradient arriving": g}
        wrong = np.isnan(step) if kind == "NaN" else np.isinf(step)
        message = (
            f"the backward of {node.op.name} made {kind} in the gradient of argument {i}\n"
            f"{self.place(node).text}\n" + report(node.op, arguments, "that gradient", step, wrong)
        )
        missing = "NaN" in map(nonfinite, node.args) and np.any(np.equal(g, 0))
        raise FloatingPointError(f"{message}\n{TIMES_NAN}" if missing else message)

    def warn_of_slope(self, node: Node, i: int) -> None:
        """Warn if a finite gradient comes from an infinite slope, which only a 0 can have met."""
        infinite = infinite_slopes(node, i)
        if np.any(infinite):
            head = f"the backward of {node.op.name} took 0 times an infinite slope for 0"
            text = report(node.op, saved_values(node), "", None, infinite)
            self.warn(node, head, f"{text}\n{BEHIND_WHERE}")

    def warn_of_tip(self, node: Node) -> None:
        """Warn if the function has a tip where the node's call was."""
        measure = TIPS.get(node.op.function)
        tip = np.equal(measure(node), 0) if measure else np.False_
        if np.any(tip):
            head = f"a second derivative of {node.op.name} is taken at its tip"
            index = tuple(map(int, np.argwhere(tip)[0]))
            first = f", first at index {index}" if index else ""
            count = f"{np.count_nonzero(tip)} of {tip.size} values{first}"
            text = f"  where the slope, 0 by convention, has no derivative: {count}"
            self.warn(node, head, f"{text}\n{SMOOTH}")

    def warn(self, node: Node, head: str, text: str) -> None:
        """Warn of a node's call, but once only of each line."""
        where = self.place(node)
        if (head, where.text) not in self.warned:
            self.warned.add((head, where.text))
            message = f"{head}\n{where.text}\n{text}"
            warnings.warn_explicit(message, KinkWarning, where.file, where.line)


def saved_values(node: Node) -> dict[str, Any]:
    """Return what a node saved of its call, by the names that messages use."""
    values = {f"argument {k}": value for k, value in enumerate(node.args)}
    if node.out is not None:
        values["the output" if node.op.residuals is None else "the residuals"] = node.out
    return values


def fingerprint(node: Node) -> int:
    """Return a number that changes with the arrays that a node saved."""
    return hash(tuple(a.tobytes() for a in (*node.args, node.out) if isinstance(a, np.ndarray)))


def infinite_slopes(node: Node, i: int) -> Any:
    """Return where an elementwise function has an infinite slope by its argument i."""
    if not is_elementwise(node.op):
        return np.False_
    if node.op.function is np.arctan2:  # at its pole, where its rule has 0 times infinity, too
        return np.equal(np.hypot(*node.args), 0)
    small = np.sqrt(np.finfo(node.dtype).tiny)  # not 1, so that no finite slope overflows
    kind = next((a for a in (*node.args, node.out) if has_foreign(a)), None)
    probe = create(np.full, kind, node.shape, small, node.dtype)[()]
    return ~np.isfinite(node.op.rules[i](probe, node.out, *node.args, **node.kwargs))


def output_or_argument(node: Node) -> Any:
    """Return the output of a function that is 0 where its argument is, or else that argument."""
    return node.args[0] if node.out is None else node.out


def norm_or_elements(node: Node) -> Any:
    """Return a norm, or the elements if it has a tip where one of them is 0, as a sum of abs."""
    return node.args[0] if 0 < node.kwargs.get("ord", 2) < 2 else node.out


def singular_values(node: Node) -> Any:
    """Return the singular values of an svd, with 0 for those that differ from it by rounding."""
    _, s, _ = unpack(node.out, *svd_shapes(node.args[0], node.kwargs.get("full_matrices", True)))
    s = np.real(s)
    eps = np.finfo(s.dtype).eps * s.shape[-1]
    return np.where(s <= eps * np.max(s, axis=-1, initial=0, keepdims=True), 0, s)


TIPS = {  # functions with a tip, where each direction has a slope of its own: what is 0 there
    np.absolute: output_or_argument,
    np.fabs: output_or_argument,
    np.hypot: output_or_argument,
    np.linalg.vector_norm: norm_or_elements,
    std: output_or_argument,
    svd: singular_values,
}


def is_elementwise(op: Op) -> bool:
    return isinstance(op.function, np.ufunc) and op.function.signature is None


def nonfinite(value: Any) -> str:
    """Return the worst that a value holds: "" < "Inf" < "NaN"."""
    if not is_numeric(value) or np.result_type(value).kind not in "fc" or np.isfinite(value).all():
        return ""
    return "NaN" if np.isnan(value).any() else "Inf"


def report(op: Op, arguments: dict[str, Any], name: str, result: Any, wrong: Any) -> str:
    """Describe the arguments and the result as a whole, and at the first element that is wrong."""
    lines = [f"  {key}: {array_summary(value)}" for key, value in arguments.items()]
    if result is not None:
        lines.append(f"  {name}: {array_summary(result)}")
    known = {key: value for key, value in arguments.items() if is_numeric(value)}
    shape = np.shape(wrong)
    if (
        is_elementwise(op)
        and shape
        and np.broadcast_shapes(shape, *map(np.shape, known.values())) == shape
    ):
        index = tuple(map(int, np.argwhere(wrong)[0]))
        there = {key: np.broadcast_to(v, shape)[index].item() for key, v in known.items()}
        values = ", ".join(f"{key} is {value:.6g}" for key, value in there.items())
        lines.append(f"  first at index {index}" + (f", where {values}" if values else ""))
    return "\n".join(lines)


def array_summary(value: Any) -> str:
    """Describe an array in one line: dtype, shape, counts of NaN and Inf, and the range."""
    if not is_numeric(value):
        return "not read" if value is None or isinstance(value, ShapeDtype) else repr(value)
    array = as_ndarray(value)
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


def is_numeric(value: Any) -> bool:
    return isinstance(value, (np.ndarray, np.generic, float, int, complex)) or has_foreign(value)
