"""Functions of the user that SciPy calls, and the recorded tensors that they depend on."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tensorgrad.engine.backward import free_inputs
from tensorgrad.engine.base import unwrap
from tensorgrad.engine.gradients import conjugated, gradients
from tensorgrad.engine.node import Node, serials
from tensorgrad.engine.record import apply
from tensorgrad.engine.state import NO_KEYWORDS, STATE
from tensorgrad.rules import Function
from tensorgrad.scipy.values import refuse_traced
from tensorgrad.tensor.tensor import Tensor
from tensorgrad.transforms.call import VARIABLE
from tensorgrad.transforms.trees import leaves_of, recorded, zeros


def run_recorded(function: Function, *args: Any) -> Any:
    """Call a function with recording on, as within a rule, which runs with recording off."""
    return STATE.get().inside(recording=True).run(function, args)


def run_unrecorded(function: Function, *args: Any) -> Any:
    """Call a function with recording off."""
    return STATE.get().inside(recording=False).run(function, args)


def dependencies(tree: Any, since: int) -> set[Node]:
    """Return the nodes older than `since` that the tensors in a tree were made from."""
    nodes = {t.node for t in leaves_of(tree) if recorded(t)}
    newer = {node for node in nodes if node.serial >= since}
    return (nodes - newer) | free_inputs(newer, since)


def as_tuple(args: Any) -> tuple[Any, ...]:
    """Return the argument `args` of SciPy's functions, which may be a single value, as a tuple."""
    return args if isinstance(args, tuple) else (args,)


def as_given(result: Any, given: Any) -> Any:
    """Return a result that depends on no recorded tensor as a tensor, if tensors were given."""
    return Tensor(result) if any(isinstance(x, Tensor) for x in leaves_of(given)) else result


def as_vector(result: Any) -> Any:
    """Return what a user's function returned, perhaps a list of numbers, as one vector."""
    if isinstance(result, (list, tuple)):
        result = np.concatenate([np.ravel(part) for part in result])
    return np.ravel(result) if np.ndim(result) != 1 else result


def on_arrays(function: Any, solver: str) -> Any:
    """Return a user's function for SciPy, which returns arrays also where it computes tensors."""
    if not callable(function):
        return function
    return lambda *args: for_scipy(function(*args), solver)


def for_scipy(result: Any, solver: str) -> Any:
    """Return what a user's function gave as arrays.

    Raises: Untraceable while a program is made of the call.
    """
    refuse_steps(solver, result)
    return unwrap(result)


def refuse_steps(solver: str, *values: Any) -> None:
    """Raise Untraceable if a program is made of a solver's call, whose steps it cannot hold."""
    refuse_traced(
        solver,
        f"because values decide how many steps it takes; compile the function that {solver} is "
        "given, and call the solver outside of compiled functions",
        *values,
    )


class WatchedFunction:
    """A user's function for SciPy: it takes and returns arrays, and notes recorded tensors.

    `found` holds the nodes of the tensors that the function closes over, of all calls so far.
    """

    def __init__(self, function: Function, solver: str) -> None:
        self.function, self.solver = function, solver
        self.found: set[Node] = set()

    def __call__(self, *args: Any) -> Any:
        since = next(serials)
        result = self.function(*args)
        if STATE.get().recording:
            self.found |= dependencies(result, since)
        return for_scipy(result, self.solver)


def pull_back(
    function: Function, x: Any, cotangents: Sequence[Any], parents: list[Node]
) -> tuple[Any, list[list[Any]]]:
    """Return function(x) and, for each cotangent, its gradients in x and in each of the parents.

    They are arrays, or, with recording on, tensors that can be differentiated further.
    Raises: RuntimeError if the function depends on recorded tensors that are not parents.
    """
    again, since = STATE.get().recording, next(serials)
    leaf = x if recorded(x) else Tensor(np.array(x), requires_grad=True)
    variable = run_recorded(apply, VARIABLE, (leaf,), NO_KEYWORDS)
    y = run_recorded(function, variable)
    refuse_others(function, y, since, [*parents, *([x.node] if recorded(x) else [])])
    targets = [variable.node, *parents]
    rows = []
    for g in cotangents:
        found = (
            gradients(
                [(y, conjugated(g))],
                set(targets),
                since=since,
                retain_graph=True,
                create_graph=again,
            )
            if recorded(y)
            else {}
        )
        rows.append([conjugated(found[p]) if p in found else zeros(p) for p in targets])
    return (y, rows) if again else unwrap((y, rows))


def refuse_others(function: Function, y: Any, since: int, parents: Sequence[Node]) -> None:
    """Raise if a result depends on recorded tensors that are not among the parents."""
    others = dependencies(y, since) - set(parents)
    if others:
        shapes = ", ".join(str(node.shape) for node in others)
        raise RuntimeError(
            f"{name_of_user(function)} uses recorded tensors (of shape {shapes}) that it did not "
            "use when the equations were solved, so that their gradients would be lost; pass them "
            "in args, and do not rebind the variables that the function closes over"
        )


def name_of_user(function: Function) -> str:
    """Return what messages call a user's function."""
    return getattr(function, "__name__", type(function).__name__)


def refuse_changed(name: str, before: Any, now: Any) -> None:
    """Raise if a user's function gives other values than it gave when the equations were solved."""
    if not np.array_equal(unwrap(before), unwrap(now), equal_nan=True):
        raise RuntimeError(
            f"{name} cannot be differentiated, because its function computes something else than "
            f"when the equations were solved: {unwrap(now)!r} instead of {unwrap(before)!r}; pass "
            "what it uses in args, and do not rebind the variables that it closes over"
        )
