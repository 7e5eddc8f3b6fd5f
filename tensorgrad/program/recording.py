"""Recording: NumPy's calls on stand-ins, run and written down as steps."""

import contextlib
import copy
from collections.abc import Iterator
from typing import Any

import numpy as np

from tensorgrad.contexts import in_own_context
from tensorgrad.engine.record import IMPURE
from tensorgrad.engine.state import NO_KEYWORDS, STATE
from tensorgrad.ops.common import check_step
from tensorgrad.program.arrays import TracedArray, Untraceable, stand_ins_in
from tensorgrad.program.branches import Branches, Unequal, Way, all_ways, unshared
from tensorgrad.program.counts import Counts
from tensorgrad.program.names import BETWEEN, look_back, parameters_of, with_line
from tensorgrad.program.refusals import CALLBACK, INTO_NDARRAY, KEPT_OUTSIDE, TRUTH, Refusals
from tensorgrad.program.steps import RUN, CallGroup, Step, Var, hint, substituted_in, variables
from tensorgrad.rules import Function

BODY_OF_CHECK: Any = check_step.compute  # type: ignore[attr-defined]


class StepRecorder:
    """Writes down the calls of stand-ins, and gives stand-ins for their results."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.stand_ins: dict[int, TracedArray] = {}  # by the identity of their arrays
        self.fixed: dict[int, TracedArray] = {}  # stand-ins of arrays that stay what they are
        self.group: CallGroup | None = None
        self.forward: Any = None  # the place and the scope of the forward call, while its rule runs
        self.pull: Any = None  # of a checkpoint or custom gradient, while it runs
        self.errors = np.geterr()
        self.generators: dict[int, tuple[Any, Any]] = {}  # and their states before the trace
        self.running = False
        self.arguments: set[Var] = set()
        self.forced: list[bool] | None = None  # decisions, while a function's ways are traced
        self.decisions: list[bool] = []
        self.opaque: Any = None  # the function whose call is a step, because its own cannot be
        self.counts = Counts()
        self.refusals = Refusals()

    # Steps

    def stand_in(self, value: Any, root: Var | None = None) -> TracedArray:
        """Return a new stand-in for a value."""
        found = TracedArray(self, value, Var(value, root))
        if isinstance(value, np.ndarray):
            self.stand_ins[id(value)] = found
        return found

    def fixed_stand_in(self, x: np.ndarray) -> TracedArray:
        """Return the stand-in for an array that is no variable; steps have the array itself."""
        if id(x) not in self.fixed:
            self.fixed[id(x)] = TracedArray(self, x, Var(x))
            self.fixed[id(x)].variable.fixed = x
        return self.fixed[id(x)]

    def record(
        self, form: str, callee: Any, args: Any, kwargs: Any = NO_KEYWORDS, written: Any = ()
    ) -> Any:
        """Run one call with the arrays themselves, and write it down with their variables."""
        errors = self.check(written)
        by_values = self.counts.before(form, callee, args, kwargs)
        values, keywords = substituted_in(args, value_of), substituted_in(kwargs, value_of)
        self.running = True
        try:
            result = RUN[form](callee, *values, **keywords)
        except Exception as error:
            self.refusals.raised(error, form, callee, args)
            raise
        finally:
            self.running = False
        opaque = form == "call" and callee is self.opaque
        if opaque:  # it may return its argument for some values only
            result = unshared(result, (args, kwargs))
        step = Step(form, callee, substituted_in(args, stored), substituted_in(kwargs, stored))
        step.writes = tuple(v for x in written for v in (x.variable, *x.variable.root.shares))
        found = self.lifted(result, args, kwargs, step)
        step.outs = substituted_in(found, stored)
        for v in step.made() if opaque else ():
            v.shares = tuple(x for x in step.reads() if not x.scalar)
        if not step.writes and (result is None or is_given(result, step)):
            return found  # as astype does that has nothing to do
        self.placed(step)
        step.errors = None if errors == self.errors else errors
        self.steps += [step, *self.counts.after(step, by_values)]
        return found

    def placed(self, step: Step) -> None:
        """Note where a step comes from, and the name that the user's line gives its result."""
        step.group, step.scope, step.pull = self.group, STATE.get().scope, self.pull
        name, rank, step.place = look_back()
        if self.forward is not None:
            place, step.scope = self.forward
            step.backward, step.place = True, place or step.place
        if name is not None and type(step.outs) is Var:
            hint(step.outs, name, rank)

    def check(self, written: Any) -> dict[str, str]:
        """Raise where a call cannot be a step; return which of NumPy's warnings are on."""
        if any(x.variable.root in self.arguments for x in written if type(x) is TracedArray):
            raise self.refuse("the function writes into its argument; write into a copy, as x * 1")
        if self.running:
            raise self.refuse(CALLBACK)
        if any(type(x) is not TracedArray for x in written):
            raise self.refuse(INTO_NDARRAY)
        errors = np.geterr()
        if errors != self.errors and "raise" in errors.values():
            raise self.refuse("a decision is made by np.errstate(... 'raise'); write np.where")
        self.refusals.check_warnings()
        return errors

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
        if not isinstance(result, np.ndarray):
            return self.stand_in(result)
        known = [x for x in stand_ins_in((args, kwargs)) if isinstance(x.value, np.ndarray)]
        for x in known:
            if x.value is result:
                return x
        if result.base is None:
            return self.stand_in(result)
        known = [x for x in known if x.variable.fixed is None]
        root = next((x for x in known if np.may_share_memory(x.value, result)), None)
        found = self.stand_in(result, None if root is None else root.variable.root)
        for x in (root, self.stand_ins.get(id(result.base))):
            if x is not None and is_same_view(x.value, result):
                found.variable.alias = x.variable
        return found

    def refuse(self, message: str) -> Untraceable:
        """Return the error about what cannot be part of a program, with the user's line."""
        return self.refusals.note(message)

    def refuse_kept(self, x: Any) -> Untraceable:
        """Return the error about a stand-in that is kept, with the line that made it."""
        variable = stored(getattr(x, "_value", x))
        places = (step.place for step in self.steps if variable in step.made())
        return Untraceable(with_line(KEPT_OUTSIDE, next(places, None)))

    # Calls of primitives and rules

    def of_shapes(self, function: Function, args: Any, kwargs: Any) -> Any:
        """Call a function of shapes and dtypes."""
        for x in stand_ins_in((args, kwargs)):
            self.counts.read(x.variable, BETWEEN)
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

        If it decides by values, all ways through it are one step; if it asks for more, the call is.
        """
        outer, start, refused = self.group, len(self.steps), len(self.refusals.found)
        if outer is None:
            self.group = CallGroup(name, function, parameters_of(function, args))
        try:
            for given in self.ways_to_give(args):
                try:
                    result = function(*given, **kwargs)
                except Untraceable:
                    self.undo(start)
                    self.refusals.forget(refused)
                    continue
                if outer is None and self.group is not None:
                    self.group.results = list(variables(substituted_in(result, stored)))
                return result
        finally:
            self.group = outer
        if self.forced is None:
            with contextlib.suppress(Exception):  # of a way that the values at hand do not allow
                return self.branched(name, function, args, kwargs)
            self.refusals.forget(refused)
        self.opaque = function
        return self.record("call", function, args, kwargs)

    def ways_to_give(self, args: Any) -> Iterator[Any]:
        """Yield arguments as they are, then with stand-ins for arrays, which traced items index."""
        yield args
        if any(type(x) is np.ndarray for x in args):
            yield tuple(self.fixed_stand_in(x) if type(x) is np.ndarray else x for x in args)

    def decide(self, x: TracedArray) -> bool:
        """Return the truth of a value while the ways through a function are traced.

        Raises: Untraceable at other times.
        """
        if self.forced is None:
            raise self.refuse(TRUTH)
        k = len(self.decisions)
        answer = self.forced[k] if k < len(self.forced) else bool(x.value)
        self.decisions.append(answer)
        step = Step("decide", None, (x.variable,), {})
        step.pure = False
        self.steps.append(step)
        return answer

    @in_own_context
    def branched(self, name: str, function: Function, args: Any, kwargs: Any) -> Any:
        """Call a function that decides by values; write down all ways through it as one step.

        Raises: an exception if they cannot be traced.
        """
        start, outer, errors, results = len(self.steps), self.group, self.errors, []

        def run(forced: list[bool]) -> Way:
            self.forced, self.decisions = forced, []
            result = function(*args, **kwargs)
            results.append(result)
            steps = self.steps[start:]
            self.undo(start)
            return Way(self.decisions, steps, substituted_in(result, stored))

        group = CallGroup(name, function, parameters_of(function, args))
        self.group = outer or group
        try:
            with np.errstate(all="ignore"):
                self.errors = np.geterr()
                branches = Branches(all_ways(run), group)
        finally:
            del self.steps[start:]
            self.group, self.errors, self.forced = outer, errors, None
        step = Step("branch", branches, branches.parameters, {})
        step.outs = substituted_in(results[0], stored)
        if not branches.makes(step.outs):
            raise Unequal
        self.placed(step)
        self.steps.append(step)
        return results[0]

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
        """Call a function that runs each time; its generators are put back after the trace.

        What it does to the buffers of a module, whose values are stand-ins, are steps like others.
        """
        if any(getattr(x, "_buffers", ()) for x in (*args, *kwargs.values())):
            return function.compute(*args, **kwargs)
        for x in (*args, *kwargs.values()):
            if hasattr(x, "bit_generator"):
                state = copy.deepcopy(x.bit_generator.state)
                self.generators.setdefault(id(x), (x, state))
        self.opaque = function.compute
        found = self.record("call", function.compute, args, kwargs)
        self.steps[-1].pure = False
        return found

    def check_step(self, holds: Any, error: Any, message: Any, *shown: Any) -> None:
        """Check a condition now, and write down that each run is to check it."""
        try:
            BODY_OF_CHECK(*substituted_in((holds, error, message, *shown), value_of))
        except Exception as raised:
            self.refusals.raised(raised, "check", None, ())
            raise
        step = Step("check", error, substituted_in((holds, message, *shown), stored), {})
        step.pure, step.group, step.place = False, self.group, look_back()[2]
        self.steps.append(step)


def is_given(result: Any, step: Step) -> bool:
    """Return True if the result of a call is one of its arguments."""
    if not isinstance(result, np.ndarray):
        return False
    return type(step.outs) is not Var or step.outs in set(step.reads())


def is_same_view(a: np.ndarray, b: np.ndarray) -> bool:
    """Return True if two arrays show the same elements, which lie in memory alike."""
    if a.shape != b.shape or a.strides != b.strides or a.dtype != b.dtype:
        return False
    return bool(a.__array_interface__["data"] == b.__array_interface__["data"])


def value_of(x: Any) -> Any:
    """Return the array that a stand-in stands for."""
    return x.value if type(x) is TracedArray else x


def stored(x: Any) -> Any:
    """Return the variable of a stand-in, or the array from outside that it stands for."""
    if type(x) is not TracedArray:
        return x
    return x.variable if x.variable.fixed is None else x.variable.fixed
