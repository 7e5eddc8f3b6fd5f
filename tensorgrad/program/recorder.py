"""The recorder: an observer of the engine that writes down every NumPy call as a step."""

import copy
import linecache
from typing import Any

import numpy as np

from tensorgrad.engine.base import TensorBase, unwrap
from tensorgrad.engine.node import Node, ShapeDtype
from tensorgrad.engine.record import IMPURE
from tensorgrad.engine.state import NO_KEYWORDS, STATE, Observer
from tensorgrad.ops.common import check_step
from tensorgrad.program.arrays import TracedArray, Untraceable
from tensorgrad.program.names import look_back, parameters_of
from tensorgrad.program.steps import (
    RUN,
    CallGroup,
    Step,
    Var,
    gradient_hint,
    hint,
    substituted_in,
    variables,
)
from tensorgrad.program.traced_rules import traced_op
from tensorgrad.rules import Function, Op

CALLBACK = "a function that NumPy calls back uses a traced value; write it without the callback"
WRITTEN = (
    "a traced value is written into an ndarray; write into a tensor, as tg.Tensor(array), or use "
    "np.where or np.stack"
)
PARAMETER = (
    "a parameter is written to, as by an optimizer's step; return the gradients, and step outside"
)


class Recorder(Observer):
    """An observer that writes down what is computed, and gives stand-ins for the results."""

    def __init__(self, before: Observer | None = None) -> None:
        super().__init__(before)
        self.steps: list[Step] = []
        self.stand_ins: dict[int, TracedArray] = {}  # by the identity of their arrays
        self.tensors: dict[int, Any] = {}  # seen as arguments, by identity
        self.nodes: dict[Node, TracedArray] = {}  # the output of each node
        self.externals: dict[int, TracedArray] = {}  # the values of tensors from outside
        self.written: dict[int, Any] = {}  # what was written into some of these
        self.group: CallGroup | None = None
        self.place: tuple[str, int] | None = None  # of the forward call, while its rule runs
        self.errors = np.geterr()
        self.generators: dict[int, tuple[Any, Any]] = {}  # and their states before the trace
        self.running = False
        self.outside: dict[int, Any] = {}  # what is known of each tensor from outside
        self.arguments: set[Var] = set()

    # Steps

    def stand_in(self, value: Any, root: Var | None = None) -> TracedArray:
        """Return a new stand-in for a value."""
        found = TracedArray(self, value, Var(value, root))
        if isinstance(value, np.ndarray):
            self.stand_ins[id(value)] = found
        return found

    def record(
        self, form: str, callee: Any, args: Any, kwargs: Any = NO_KEYWORDS, written: Any = ()
    ) -> Any:
        """Run one call with the arrays themselves, and write it down with their variables."""
        self.check(written)
        values, keywords = substituted_in(args, value_of), substituted_in(kwargs, value_of)
        self.running = True
        try:
            result = RUN[form](callee, *values, **keywords)
        finally:
            self.running = False
        step = Step(form, callee, substituted_in(args, stored), substituted_in(kwargs, stored))
        step.writes = tuple(x.variable for x in written)
        found = self.lifted(result, args, kwargs, step)
        step.outs = substituted_in(found, stored)
        given = set(variables((step.args, step.kwargs)))
        if not step.writes and (step.outs is None or step.outs in given):
            return found  # as astype does that has nothing to do
        step.group, step.scope = self.group, STATE.get().scope
        name, rank, step.place = look_back()
        step.place = self.place or step.place
        if name is not None and type(step.outs) is Var:
            hint(step.outs, name, rank)
        errors = np.geterr()
        step.errors = None if errors == self.errors else errors
        self.steps.append(step)
        return found

    def check(self, written: Any) -> None:
        """Raise where a call cannot be a step."""
        if any(x.variable.root in self.arguments for x in written if type(x) is TracedArray):
            raise self.refuse("the function writes into its argument; write into a copy, as x * 1")
        if self.running:
            raise self.refuse(CALLBACK)
        if any(type(x) is not TracedArray for x in written):
            raise self.refuse(WRITTEN)
        if "raise" in np.geterr().values() and np.geterr() != self.errors:
            raise self.refuse("a decision is made by np.errstate(... 'raise'); write np.where")

    def lifted(self, result: Any, args: Any, kwargs: Any, step: Step) -> Any:
        """Return stand-ins for the arrays in a result."""
        if result is None or isinstance(result, TracedArray):
            return result
        if isinstance(result, (tuple, list)):
            items = [self.lifted(item, args, kwargs, step) for item in result]
            return type(result)(*items) if hasattr(result, "_fields") else type(result)(items)
        if not isinstance(result, (np.ndarray, np.generic, bool, int, float, complex)):
            raise self.refuse(
                f"{step.callee} returned a {type(result).__name__}, which is no array"
            )
        known = [x for x in stand_ins_in((args, kwargs)) if isinstance(x.value, np.ndarray)]
        for x in known:
            if x.value is result:
                return x
        root = None
        if getattr(result, "base", None) is not None:
            root = next((x for x in known if np.may_share_memory(x.value, result)), None)
        return self.stand_in(result, None if root is None else root.variable.root)

    def refuse(self, message: str) -> Untraceable:
        """Return the error about what cannot be part of a program, with the user's line."""
        _, _, where = look_back()
        if where is None:
            return Untraceable(message)
        text = linecache.getline(*where).strip()
        return Untraceable(f'{message}\n  File "{where[0]}", line {where[1]}\n    {text}')

    # Calls of primitives and rules

    def of_shapes(self, function: Function, args: Any, kwargs: Any) -> Any:
        """Call a function of shapes and dtypes."""
        return function(*substituted_in(args, value_of), **substituted_in(kwargs, value_of))

    def primitive(self, function: Any, args: Any, kwargs: Any) -> Any:
        """Call a primitive of arrays."""
        if function in IMPURE:
            return self.impure(function, args, kwargs)
        if function is check_step:
            return self.check_step(*args)
        return self.grouped(function.__name__, function.compute, args, kwargs)

    def grouped(self, name: str, function: Function, args: Any, kwargs: Any) -> Any:
        """Call the body of a function, whose steps belong together.

        If it asks for values, the whole call is one step.
        """
        outer, start = self.group, len(self.steps)
        if outer is None:
            self.group = CallGroup(name, function, parameters_of(function, args))
        try:
            return function(*args, **kwargs)
        except Untraceable:
            self.undo(start)
        finally:
            self.group = outer
        return self.record("call", function, args, kwargs)

    def undo(self, start: int) -> None:
        """Forget the last steps.

        Raises: Untraceable if one of them wrote to an array from before.
        """
        made = {v for step in self.steps[start:] for v in step.made()}
        for step in self.steps[start:]:
            if any(v.root not in made for v in step.writes):
                raise self.refuse("a function writes into its arguments and then asks for values")
        del self.steps[start:]

    def impure(self, function: Any, args: Any, kwargs: Any) -> Any:
        """Call a function that runs each time; its generators are put back after the trace."""
        for x in (*args, *kwargs.values()):
            if hasattr(x, "bit_generator"):
                state = copy.deepcopy(x.bit_generator.state)
                self.generators.setdefault(id(x), (x, state))
        found = self.record("call", function.compute, args, kwargs)
        self.steps[-1].pure = False
        return found

    def check_step(self, holds: Any, error: Any, message: Any, *shown: Any) -> None:
        """Check a condition now, and write down that each run is to check it."""
        check_step.compute(*substituted_in((holds, error, message, *shown), value_of))
        step = Step("check", error, substituted_in((holds, message, *shown), stored), {})
        step.pure, step.group, step.place = False, self.group, look_back()[2]
        self.steps.append(step)

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

    def argument_of_rule(self, x: Any) -> Any:
        """Return an array in place of a node or a ShapeDtype, which stand for unread arguments."""
        if isinstance(x, Node):
            return self.nodes.get(x, x)
        if isinstance(x, ShapeDtype):
            return np.broadcast_to(np.zeros((), x.dtype), x.shape)
        return x


def value_of(x: Any) -> Any:
    """Return the array that a stand-in stands for."""
    return x.value if type(x) is TracedArray else x


def stored(x: Any) -> Any:
    """Return the variable of a stand-in."""
    return x.variable if type(x) is TracedArray else x


def stand_ins_in(tree: Any) -> Any:
    """Yield the stand-ins in nested tuples, lists and dicts."""
    if type(tree) is TracedArray:
        yield tree
    elif isinstance(tree, (tuple, list)):
        for item in tree:
            yield from stand_ins_in(item)
    elif type(tree) is dict:
        yield from stand_ins_in(list(tree.values()))
