"""The results of a program: arrays, tensors, and tensors that stand for recorded ones."""

from collections.abc import Callable
from typing import Any

import numpy as np

from tensorgrad.engine.base import TensorBase, wrap
from tensorgrad.engine.gradients import ACCUMULATING, read_only
from tensorgrad.engine.state import STATE
from tensorgrad.program.sizes import ArgumentSize
from tensorgrad.program.tracing import Result, Tracing, results_in
from tensorgrad.tensor.tensor import Tensor


class WithoutGraph(Tensor):
    """A result of a compiled function that eager would have recorded: its values only.

    To calculate with it would lose a gradient, so each recorded use raises.
    """

    __slots__ = ()

    @property
    def node(self) -> Any:  # type: ignore[override]
        """Nothing where nothing is recorded.

        Raises: RuntimeError elsewhere.
        """
        if STATE.get().recording:
            raise RuntimeError(
                "this tensor comes from a compiled function that uses parameters, and has no "
                "graph; compile the gradient, as tg.compile(tg.value_and_grad(f)), or a step "
                "function that calls loss.backward() inside, or use the values only, by .detach()"
            )
        return None

    @property  # type: ignore[misc]
    def requires_grad(self) -> bool:
        """True, as of what the function itself returns."""
        return True

    @property
    def is_leaf(self) -> bool:
        """False."""
        return False

    @property  # type: ignore[misc]
    def name(self) -> None:
        """None."""

    @property  # type: ignore[misc]
    def grad(self) -> None:
        """None."""

    def __copy__(self) -> Tensor:
        return without_gradient(self._value)

    def __deepcopy__(self, _memo: Any) -> Tensor:
        return without_gradient(self._value.copy())

    def detach(self) -> Tensor:
        """Return the same value as a constant that shares the array."""
        return wrap(self._value)

    def __repr__(self) -> str:
        return f"{repr(self.detach())[:-1]}, without a graph)"


def without_gradient(value: Any) -> Any:
    """Return a tensor that raises, and says what to write, where a gradient would be lost."""
    t = TensorBase.__new__(WithoutGraph)
    t._value = value
    return t


def wrapper_of(trace: Tracing) -> Callable[[Any], Any] | None:
    """Return what makes of a program's result that of the function; None if it is the same."""
    kinds = {r.kind for r in results_in(trace.results)}
    changes = bool(trace.gradients or trace.writes)
    if not changes and kinds <= {"array", "constant"} and in_plain_containers(trace.results):
        return None
    gradients, writes = trace.gradients, trace.writes
    rewrap = rewrapping(trace.results)
    several = type(trace.results) is tuple and len(trace.results) > 0

    def finish(found: Any) -> Any:
        if changes:
            *found, rest = found
            found = found if several else found[0]
            values = iter(rest)
            with ACCUMULATING:
                for leaf, v in gradients:
                    g = None if v is None else read_only(wrap(next(values)))
                    leaf.node.ensure_extras().grad = g
            for source, _ in writes:
                source.write(next(values))
        return rewrap(found)

    return finish


def in_plain_containers(tree: Any) -> bool:
    """Return True if results are in tuples, lists and dicts, without an instance of a subclass."""
    if type(tree) is Result:
        return True
    items = tree.values() if isinstance(tree, dict) else tree
    return type(tree) in (tuple, list, dict) and all(map(in_plain_containers, items))


def rewrapping(tree: Any) -> Callable[[Any], Any]:
    """Return what brings a program's results to the kinds that the function returned."""
    if type(tree) is Result:
        if tree.kind == "same" and type(tree.value) is not ArgumentSize:
            return lambda _: tree.value
        if tree.kind in ("array", "constant", "same"):
            return lambda found: found
        return wrap if tree.kind == "tensor" else without_gradient
    if isinstance(tree, dict):
        values = {key: rewrapping(x) for key, x in tree.items()}
        return lambda found: {key: value(found[key]) for key, value in values.items()}
    items, kind = [rewrapping(x) for x in tree], type(tree)
    make = kind._make if hasattr(kind, "_fields") else kind
    return lambda found: make([item(x) for item, x in zip(items, found, strict=True)])


def same_bits(a: Any, b: Any) -> bool:
    """Return True if two trees of arrays and tensors have the same structure, dtypes and bits.

    NaN is NaN, because its sign depends on the order of operands, which NumPy does not promise.
    """
    if isinstance(a, dict):
        return isinstance(b, dict) and all(same_bits(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same_bits, a, b))
    if isinstance(a, TensorBase):
        return isinstance(b, TensorBase) and same_bits(a._value, b._value)
    if isinstance(a, (np.ndarray, np.generic)):
        x, y = np.asarray(a), np.asarray(b)
        return x.dtype == y.dtype and x.shape == y.shape and same_elements(x, y)
    return a is b or bool(a == b) or (a != a and b != b)


def same_elements(x: Any, y: Any) -> bool:
    """Return True if two arrays of one dtype and shape have the same bits, or NaN, everywhere."""
    if x.tobytes() == y.tobytes():
        return True
    if x.dtype.kind == "c":
        return same_elements(x.real, y.real) and same_elements(x.imag, y.imag)
    if x.dtype.kind != "f":
        return False
    same = (x == y) & (np.signbit(x) == np.signbit(y))
    return bool((same | np.isnan(x) & np.isnan(y)).all())
