"""The recorder: an observer of the engine that writes down every NumPy call as a step."""

from typing import Any

import numpy as np

from tensorgrad.engine.base import TensorBase, unwrap
from tensorgrad.engine.node import Node, ShapeDtype
from tensorgrad.engine.record import IMPURE
from tensorgrad.engine.state import Observer
from tensorgrad.ops.common import check_step
from tensorgrad.program.arrays import TracedArray, stand_ins_in
from tensorgrad.program.names import look_back
from tensorgrad.program.recording import StepRecorder
from tensorgrad.program.steps import OPERATIONS_OWN, Var, gradient_hint, hint, substituted_in
from tensorgrad.program.traced_rules import traced_op
from tensorgrad.rules import Op

PARAMETER = (
    "a parameter is written to, as by an optimizer's step; return the gradients, and step outside"
)


class Recorder(StepRecorder, Observer):
    """An observer that writes down what the engine computes."""

    def __init__(self, before: Observer | None = None) -> None:
        StepRecorder.__init__(self)
        Observer.__init__(self, before)
        self.tensors: dict[int, Any] = {}  # seen as arguments, by identity
        self.nodes: dict[Node, TracedArray] = {}  # the output of each node
        self.externals: dict[int, TracedArray] = {}  # the values of tensors from outside
        self.written: dict[int, Any] = {}  # what was written into some of these
        self.outside: dict[int, Any] = {}  # what is known of each tensor from outside
        self.arrays: set[int] = set()  # of arrays from outside that may change

    # What the engine tells

    def compute(self, op: Op, values: list[Any], kwargs: dict[str, Any]) -> Any:
        if self.before is not None:
            raise self.refuse("detect_anomaly and trace watch every call, which a program has not")
        if op.residuals is None and not hasattr(op.function, "compute"):
            return op.compute(*values, **kwargs)
        if not any(True for _ in stand_ins_in((values, kwargs))):
            return op.compute(*values, **kwargs)
        return self.grouped(op.name, op.compute, tuple(values), kwargs)

    def evaluate(self, function: Any, args: Any, kwargs: Any, call: Any) -> Any:
        if function in IMPURE:
            self.see(args)
            return self.impure(function, unwrap(args), unwrap(kwargs))
        self.see((args, kwargs))
        if function is check_step:
            return self.check_step(*unwrap(args))
        if hasattr(function, "compute"):
            return self.grouped(function.__name__, function.compute, unwrap(args), unwrap(kwargs))
        return call()

    def returned(self, op: Op, args: tuple[Any, ...], kwargs: dict[str, Any], t: Any) -> None:
        self.see(args)
        node = t.node
        if type(t._value) is not TracedArray:
            return
        name, rank, _ = look_back()
        if name is not None:
            hint(t._value.variable, name, rank)
        if hasattr(op.function, "compute"):  # a primitive, whose name says more than x or out
            hint(t._value.variable, op.name.strip("_"), OPERATIONS_OWN)
        if node is not None:
            self.nodes[node] = t._value
            node.op = traced_op(op, self, t._value.variable)

    def see(self, args: Any) -> None:
        """Note the tensors among the arguments of a call."""
        for x in args:
            if isinstance(x, TensorBase):
                if type(x._value) is not TracedArray:
                    self.tensors.setdefault(id(x), x)
                elif x.node is not None:
                    self.nodes.setdefault(x.node, x._value)
            elif isinstance(x, (tuple, list)):
                self.see(x)
            elif isinstance(x, dict):
                self.see(x.values())

    def backward(self, node: Node, i: int | None, given: Any, contribution: Any) -> None:
        to = node if i is None else node.parents[i]
        value = unwrap(contribution)
        if type(value) is TracedArray and to in self.nodes:
            gradient_hint(value.variable, self.nodes[to].variable)

    def gradient(self, node: Node, t: Any) -> None:
        if node in self.nodes and type(t._value) is TracedArray:
            t._value.variable.gradient_of = self.nodes[node].variable

    def external(self, t: Any, value: Any) -> TracedArray:
        """Return the stand-in for the value of a tensor from outside, or what was written there."""
        key = id(t)
        if key in self.written:
            return self.written[key]
        if key not in self.externals:
            self.externals[key] = self.stand_in(value)
        return self.externals[key]

    def write(self, t: Any, value: Any) -> None:
        """Write a value into a tensor from outside, as a layer does into its running statistics."""
        if t.node is not None or type(value) is not TracedArray:
            raise self.refuse(PARAMETER)
        self.written[id(t)] = value

    def put_back(self) -> None:
        """Put the generators back that steps have drawn from."""
        for generator, state in self.generators.values():
            generator.bit_generator.state = state

    def forget(self) -> None:
        """Let go of everything, because stand-ins and nodes refer to this recorder."""
        for held in (self.nodes, self.stand_ins, self.externals, self.written, self.fixed):
            held.clear()

    def argument_of_rule(self, x: Any) -> Any:
        """Return an array in place of a node or a ShapeDtype, which stand for unread arguments."""
        if isinstance(x, Node):
            return self.nodes.get(x, x)
        if isinstance(x, ShapeDtype):
            return np.broadcast_to(np.zeros((), x.dtype), x.shape)
        return self.outside_seen(x)

    def outside_seen(self, tree: Any) -> Any:
        """Return stand-ins for the arrays from outside, so that a rule reads them at each call."""

        def of(x: Any) -> Any:
            if type(x) is not np.ndarray or {id(x), id(x.base)}.isdisjoint(self.arrays):
                return x
            return self.fixed_stand_in(x)

        if not self.arrays or isinstance(tree, (Node, ShapeDtype, TensorBase)):
            return tree
        return substituted_in(tree, of)

    def variable_of(self, x: Any) -> Var:
        """Return the variable of a value that leaves the function, which may be a constant."""
        x = x if type(x) is TracedArray else self.fixed_stand_in(x)
        return x.variable if x.variable.fixed is None else x.copy().variable
