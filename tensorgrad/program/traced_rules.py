"""The rules of a recorded call while a program is made: each rule's call is a group of steps."""

import copy
from typing import Any

from tensorgrad.engine.base import TensorBase, unwrap
from tensorgrad.engine.state import STATE
from tensorgrad.joint import AllOp
from tensorgrad.program.arrays import TracedArray
from tensorgrad.program.steps import Var, gradient_hint
from tensorgrad.rules import Function, Op


def traced_op(op: Op, recorder: Any, out: Var) -> Op:
    """Return the op of one call, with rules that the recorder writes down."""
    traced = copy.copy(op)
    if hasattr(op, "pull"):  # a call of checkpoint or custom_gradient, which is traced itself
        traced.pull = own_gradient(op, recorder)  # type: ignore[attr-defined]
        return traced
    place = recorder.steps[-1].place if recorder.steps else None
    rules = TracedRules(op, recorder, out, place, STATE.get().scope)
    if isinstance(op, AllOp):
        traced.gradient = rules.of(op.gradient)  # type: ignore[attr-defined]
    else:
        traced.rules = rules
    return traced


def own_gradient(op: Any, recorder: Any) -> Function:
    """Return the gradient of a call, whose steps are known as its own."""

    def pull(*args: Any) -> Any:
        outer, recorder.pull = recorder.pull, pull
        try:
            return op.pull(*args)
        finally:
            recorder.pull = outer

    return pull


class TracedRules:
    """The rules of an op, which run as groups of steps."""

    def __init__(self, op: Op, recorder: Any, out: Var, place: Any, scope: Any) -> None:
        self.op, self.recorder, self.out = op, recorder, out
        self.forward = place, scope

    def __getitem__(self, i: int) -> Function:
        return self.of(self.op.rules[i])

    def of(self, rule: Function) -> Function:
        """Return a rule that runs as a group of steps."""
        recorder = self.recorder

        def call(g: Any, out: Any, *args: Any, **kwargs: Any) -> Any:
            value = unwrap(g)
            if type(value) is TracedArray:
                gradient_hint(value.variable, self.out)
            outer, recorder.forward = recorder.forward, self.forward
            try:
                kwargs = recorder.outside_seen(kwargs)
                if isinstance(g, TensorBase):
                    args = tuple(recorder.outside_seen(x) for x in args)
                    return rule(g, out, *args, **kwargs)
                args = tuple(recorder.argument_of_rule(x) for x in args)
                return recorder.grouped(f"{self.op.name}_rule", rule, (g, out, *args), kwargs)
            finally:
                recorder.forward = outer

        return call
