"""One call of a function, recorded so that its result can be differentiated."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tensorgrad.engine.backward import free_inputs
from tensorgrad.engine.gradients import gradients
from tensorgrad.engine.node import Node, serials
from tensorgrad.engine.record import apply
from tensorgrad.engine.state import NO_KEYWORDS, STATE
from tensorgrad.operands import is_foreign
from tensorgrad.rules import Function, Op
from tensorgrad.tensor.tensor import Tensor
from tensorgrad.transforms.trees import (
    detached,
    dtype_of,
    in_kind_of,
    leaves_of,
    ones,
    recorded,
    refuse_hidden,
    refuse_objects,
    tree_map,
    zeros,
)

Argnums = int | Sequence[int]


def variable(x: Any) -> Any:
    """Identity. Gives each derivative its own variables, which avoids perturbation confusion."""
    return x


VARIABLE = Op(variable, [lambda g, _out, _x: g])


class RecordedCall:
    """One call of a function with its own variables, by which its result is differentiated."""

    def __init__(
        self,
        f: Function,
        args: Sequence[Any],
        kwargs: dict[str, Any],
        argnums: Argnums,
        has_aux: bool = False,
    ) -> None:
        self.name = getattr(f, "__name__", type(f).__name__)
        positions = argnums if isinstance(argnums, Sequence) else [argnums]
        self.single = positions is not argnums
        n = len(args)
        places = {i % n for i in positions if -n <= i < n}
        if len(places) != len(positions):
            raise ValueError(
                f"argnums={argnums} must name positional arguments of {self.name}, which was given "
                f"{n}, and each once"
            )
        self.since, self.outer = next(serials), STATE.get().recording
        self.variables: list[Node] = []
        self.foreign: dict[Node, Any] = {}  # the arrays of variables that are not NumPy's
        self.given: list[Any] = []
        inputs = list(args)

        def call() -> Any:
            for i in positions:
                self.given.append(args[i])
                inputs[i] = tree_map(functools.partial(self.variable, i), args[i])
            return f(*inputs, **kwargs)

        self.y, self.aux = STATE.get().inside(recording=True).run(call), None
        if has_aux:
            if not isinstance(self.y, tuple) or len(self.y) != 2:
                raise TypeError(
                    f"with has_aux=True {self.name} must return (value, aux), but it returned "
                    f"{self.y!r}"
                )
            self.y, self.aux = self.y
        refuse_objects(self.name, self.y)
        refuse_hidden(self.name, self.y)
        recorded_here = [t.node for t in leaves_of((self.y, self.aux)) if self.recorded_here(t)]
        self.linked = self.outer and bool(free_inputs(recorded_here, self.since))

    def variable(self, i: int, x: Any) -> Tensor:
        """Make a variable of one array in argument `i`.

        Raises: TypeError if its dtype has no gradient.
        """
        dtype = dtype_of(x)
        if dtype.kind not in "fc":
            raise TypeError(
                f"argument {i} of {self.name} has dtype {dtype}, which has no gradient; write 1.0 "
                "for 1, or leave it out of what to differentiate by"
            )
        leaf = x if recorded(x) and self.outer else Tensor(x, requires_grad=True)
        t = apply(VARIABLE, (leaf,), NO_KEYWORDS)
        self.variables.append(t.node)  # not t, which the function may write to
        if is_foreign(type(t._value)):
            self.foreign[t.node] = t._value
        return t

    def recorded_here(self, t: Any) -> bool:
        """Return True if `t` was recorded in this call."""
        return recorded(t) and t.node.serial > self.since

    def pull(
        self, outputs: list[tuple[Any, Any]], *, record: bool = False, free: bool = False
    ) -> list[Tensor]:
        """Return the gradient in each variable, given outputs and the cotangent of each."""
        found = gradients(
            [(y, g) for y, g in outputs if self.recorded_here(y)],
            set(self.variables),
            since=self.since,
            retain_graph=not free,
            create_graph=record or (self.linked and STATE.get().recording),
        )
        return [found[x] if x in found else zeros(self.foreign.get(x, x)) for x in self.variables]

    def pusher(self) -> Callable[[Sequence[Any]], list[Tensor]]:
        """Return the function from the variables' tangents (None: zero) to the outputs' tangents.

        The pullback is linear in the cotangents; its own pullback is the pushforward.
        """
        outputs = [y for y in leaves_of(self.y) if self.recorded_here(y)]
        cotangents = [Tensor(ones(y), requires_grad=True) for y in outputs]
        state = STATE.get().inside(recording=True)
        pulled = state.run(self.pull, [list(zip(outputs, cotangents))], {"record": True})

        def push(tangents: Sequence[Any]) -> list[Tensor]:
            further = self.linked or any(map(recorded, tangents))
            found = gradients(
                [(x, v) for x, v in zip(pulled, tangents) if v is not None and recorded(x)],
                {g.node for g in cotangents if g.node},
                since=self.since,
                retain_graph=True,
                create_graph=STATE.get().recording and further,
            )
            return [found[g.node] if g.node in found else zeros(g) for g in cotangents]

        return push

    def by_argument(self, values: Sequence[Any]) -> Any:
        """Arrange one value per variable like the arguments, each in the kind of its argument."""
        items = iter(values)
        trees = tree_map(lambda x: in_kind_of(x, next(items)), self.given)
        return trees[0] if self.single else tuple(trees)

    @property
    def kind(self) -> Any:
        """One of the tensors among the arguments, or None."""
        return next((x for x in leaves_of(self.given) if isinstance(x, Tensor)), None)

    def results(self, tree: Any) -> Any:
        """Convert what the function returned to the kind of its arguments."""
        value = tree if self.linked else tree_map(detached, tree)
        return tree_map(functools.partial(in_kind_of, self.kind), value)

    def check(self, asked: str, holomorphic: bool) -> None:
        """Check that the result has the derivative that was asked for.

        Raises: TypeError.
        """
        inputs = [x.dtype for x in self.variables]
        for y in leaves_of(self.y):
            dtype = dtype_of(y)
            if dtype.kind not in "fc":
                raise TypeError(
                    f"{self.name} returned dtype {dtype} and shape {np.shape(y)}, which has no "
                    "gradient; return floating-point or complex numbers"
                )
            if holomorphic and {dtype.kind, *(d.kind for d in inputs)} != {"c"}:
                raise TypeError(
                    f"{asked} with holomorphic=True takes complex functions of complex numbers, "
                    f"but {self.name} took {', '.join(map(str, inputs))} and returned {dtype}"
                )
            if dtype.kind == "c" and not holomorphic:
                raise TypeError(
                    f"{self.name} returned {dtype}, but {asked} takes real functions; take np.real "
                    "or np.abs of the result, or pass holomorphic=True if it is holomorphic"
                )
