"""Joint rules: one rule for all arguments of a function, which share its work."""

import functools
from collections.abc import Sequence
from typing import Any

from tensorgrad.rules import (
    RULES,
    Function,
    Op,
    Residuals,
    SavedArguments,
    is_ours,
    load_tables,
    owned_result,
)


class AllOp(Op):
    """A function with one rule for all arguments, whose work they share: it returns a tuple."""

    def declare(self, rules: Sequence[Function | None]) -> None:
        gradient: Any = rules[0]
        super().declare([gradient] * len(SavedArguments(gradient).args))

    @property
    def rules(self) -> "SharedRules":
        """Made anew for each visit of a backward, so that nothing it computes stays behind."""
        return SharedRules(self.gradient)

    @rules.setter
    def rules(self, rules: Sequence[Function]) -> None:
        self.gradient = rules[0]


class SharedRules:
    """The rules of a call with one for all arguments: the first that is called computes all."""

    def __init__(self, gradients: Function) -> None:
        self.gradients = gradients
        self.found: Sequence[Any] | None = None

    def __getitem__(self, i: int) -> Function:
        return functools.partial(self.gradient, i)

    def gradient(self, i: int, g: Any, out: Any, *args: Any, **kwargs: Any) -> Any:
        if self.found is None:
            self.found = self.gradients(g, out, *args, **kwargs)
        if self.found[i] is None:
            raise TypeError(
                f"{self.gradients.__name__} gives no gradient with respect to argument {i}, but a "
                "tensor that requires one was given there; pass its .data"
            )
        return self.found[i]


def rule_all(function: Function, gradients: Function, *, residuals: Residuals = None) -> None:
    """Declare one rule, `gradients(g, out, *args)`, that returns those of all arguments: a tuple.

    They share its work. None stands for an argument without a gradient. `residuals` as in `rule`.

    >>> import numpy as np
    >>> import tensorgrad as tg
    >>> scale = tg.primitive(lambda x, s: x * s)
    >>> tg.rule_all(scale, lambda g, _out, x, s: (g * s, np.sum(g * x)))
    >>> tg.grad(lambda x, s: np.sum(scale(x, s)), (0, 1))(np.array([1.0, 2.0]), 3.0)
    (array([3., 3.]), np.float64(3.0))
    """
    RULES[function] = AllOp(function, (owned_each(gradients),), residuals)


def owned_each(gradients: Function) -> Function:
    """Return the rule with each of its results checked and copied, as `owned` does with one."""
    if is_ours(gradients):
        return gradients
    load_tables()

    @functools.wraps(gradients)
    def call(g: Any, out: Any, *args: Any, **kwargs: Any) -> Any:
        steps = gradients(g, out, *args, **kwargs)
        pairs = enumerate(steps)
        return tuple(None if step is None else owned_result(step, i, g, args) for i, step in pairs)

    return call
