"""Programs: the steps of a training as straight lines of NumPy calls, where a module allows it."""

import functools
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

import tensorgrad as tg
from nn.losses import Loss
from nn.module import Module

# The calls that run eagerly first, because making a program takes as long as many of them.
EAGER_CALLS = 8
Compile = bool | str  # "auto", True or False


class Programs:
    """The programs of a model's steps, kept from one call of `train` to the next; not in copies."""

    def __init__(self) -> None:
        self.reasons: dict[str, str] = {}  # why there is no program
        self.passing: dict[str, str] = {}  # why there is none for the time being
        self._made: dict[str, tuple[tuple[Any, ...], Callable[..., Any]]] = {}
        self._calls: dict[str, int] = {}

    def __deepcopy__(self, memo: Any) -> "Programs":
        return Programs()

    def __reduce__(self) -> Any:
        return Programs, ()

    def call(
        self, name: str, make: Callable[..., Any], parts: tuple[Any, ...], args: Any, mode: Compile
    ) -> Any:
        """Call the function that `make` makes of these parts, as a program if the mode allows it.

        Raises: TypeError with `mode=True` where there can be none.
        """
        known, function = self._made.get(name, (None, None))
        if known is None or not all(map(operator.is_, known, parts)):
            self.reasons.pop(name, None)
            self._calls[name] = 0
            function = tg.compile(make(*parts))
            self._made[name] = (parts, function)
        self._calls[name] += 1
        waits = mode == "auto" and (name in self.reasons or self._calls[name] <= EAGER_CALLS)
        if not mode or waits:
            return function.f(*args)  # type: ignore[union-attr]
        try:
            found = (function if mode is True else function.by_program)(*args)  # type: ignore[union-attr, misc]
        except tg.Untraceable as error:
            if mode is True:
                raise
            refusal = error
        else:
            self.passing.pop(name, None)
            return found
        found = function.f(*args)  # type: ignore[union-attr]
        reasons = self.passing if isinstance(refusal, tg.Watched) else self.reasons
        reasons[name] = str(refusal).splitlines()[0]
        return found

    def __str__(self) -> str:
        reasons = self.reasons | self.passing
        lines = [f"{name} runs eagerly: {reason}" for name, reason in reasons.items()]
        made = [
            name
            for name, (_, f) in self._made.items()
            if getattr(f, "programs", None) and name not in reasons
        ]
        return "\n".join([*lines, *(f"{name} runs as a program" for name in made)])


def check_compile(mode: Compile) -> Compile:
    """Return the mode.

    Raises: ValueError if it is none.
    """
    if mode not in ("auto", True, False):
        raise ValueError(f'compile is "auto", True or False, not {mode!r}')
    return mode


def call_module(module: Module, X: Any) -> tg.Tensor:
    """Call a module with an array, or with those of a tuple or dict as its arguments.

    Shapes: X (N, ...) -> (N, ...).
    """
    if isinstance(X, dict):
        return module(**{name: tg.Tensor(array) for name, array in X.items()})
    return module(*map(tg.Tensor, X)) if isinstance(X, tuple) else module(tg.Tensor(X))


def outputs_of(module: Module) -> Callable[..., Any]:
    """Return the function from samples to outputs."""

    def outputs(X: Any) -> tg.Tensor:
        return call_module(module, X).detach()

    return outputs


def evaluation_of(module: Module, loss: Loss) -> Callable[..., Any]:
    """Return the function from a batch to outputs and loss."""

    def evaluation(
        X: Any, y: Any, sample_weight: Any = None, mask: Any = None
    ) -> tuple[tg.Tensor, tg.Tensor]:
        y_pred = call_module(module, X)
        return y_pred.detach(), loss(y_pred, y, sample_weight, mask).detach()

    return evaluation


def step_of(module: Module, loss: Loss) -> Callable[..., Any]:
    """Return the function that adds the gradients of a batch to the parameters."""

    def step(
        share: float | None, X: Any, y: Any, sample_weight: Any = None, mask: Any = None
    ) -> tuple[Any, ...]:
        y_pred = call_module(module, X)
        data_loss = loss(y_pred, y, sample_weight, mask)
        found = (part.penalty() for part in module.modules())
        penalties = [penalty for penalty in found if penalty is not None]
        total = functools.reduce(operator.add, penalties, data_loss)
        tg.check(np.isfinite(total), FloatingPointError, "the loss is {}", total.detach())
        (total if share is None else total * share).backward()
        return y_pred.detach(), data_loss.detach(), [p.detach() for p in penalties]

    return step
