"""The equations of sensitivities as programs, which take a third of the time of recorded calls.

There is one for a function that takes all that its solution depends on as arguments, and that
`tg.compile` can trace; others are recorded at each step.
"""

from collections.abc import Callable, Hashable
from typing import Any

import numpy as np

from tensorgrad.engine.base import unwrap
from tensorgrad.engine.node import Node
from tensorgrad.rules import Function
from tensorgrad.scipy.closures import as_vector
from tensorgrad.transforms.functional import vjp
from tensorgrad.transforms.trees import leaves_of, recorded, tree_map

EAGER_STEPS = 64  # before a program is made, which takes as long as about so many of them
KEPT_EQUATIONS = 8  # equations whose programs are kept
START = -1
PROGRAMS: dict[Any, "RateProgram"] = {}


class RateProgram:
    """A function as a program, once it was called often enough."""

    def __init__(self, function: Function) -> None:
        self.function: Function | None = function  # or None, if it can be no program
        self.compiled: Any = None
        self.calls = 0

    def __call__(self, *args: Any) -> Any:
        """Return what the function does, or None if it is to be called in another way."""
        from tensorgrad.program.arrays import Watched
        from tensorgrad.program.compiled import Compiled, runs_eagerly

        self.calls += 1
        if self.function is None or self.calls <= EAGER_STEPS or runs_eagerly(args, {}):
            return None
        self.compiled = self.compiled or Compiled(self.function)
        try:
            return self.compiled.by_program(*args)
        except Watched:
            return None
        except Exception:  # that recorded calls raise, too, if it is not about the program
            self.function = self.compiled = None
            return None


class RateArguments:
    """The arguments of a right-hand side, as the leaves of a tree, some of which are parents."""

    def __init__(self, args: tuple[Any, ...], parents: list[Node], start: Node | None) -> None:
        leaves = leaves_of(args)
        places = iter(range(len(leaves)))
        self.skeleton = tree_map(lambda _leaf: next(places), args)
        self.values = unwrap(leaves)
        where: dict[Node, int | None] = {} if start is None else {start: START}
        for place, x in enumerate(leaves):
            if recorded(x):  # a tensor that is given twice has no place
                where[x.node] = None if where.get(x.node, START) != START else place
        self.order = tuple(map(where.get, parents))

    def program(self, make: Callable[..., Function], fun: Function, n: int) -> RateProgram | None:
        """Return the program of an equation of n numbers, which is kept for the next solution.

        There is none if a parent is no argument.
        """
        key = (make, fun, n, repr(self.skeleton), self.order)
        if None in self.order or not isinstance(fun, Hashable):
            return None
        if key not in PROGRAMS:
            while len(PROGRAMS) >= KEPT_EQUATIONS:
                PROGRAMS.pop(next(iter(PROGRAMS)), None)
            PROGRAMS[key] = RateProgram(make(fun, n, self.skeleton, self.order))
        return PROGRAMS[key]


def forward_rate(fun: Function, n: int, skeleton: Any, order: tuple[int, ...]) -> Function:
    """Return the right-hand side of y and of its sensitivities S, in a row of numbers."""

    def rate(t: Any, state: Any, scales: Any, *leaves: Any) -> Any:
        S = np.reshape(state[n:], (n, -1))
        slope, rows = pulled(fun, t, state[:n], np.eye(n), leaves, skeleton, order)
        by_y = np.stack([row[0] for row in rows])
        by_parents = np.stack([row[1] for row in rows]) / scales
        return np.concatenate([slope, np.ravel(by_y @ S + by_parents)])

    return rate


def adjoint_rate(fun: Function, n: int, skeleton: Any, order: tuple[int, ...]) -> Function:
    """Return the right-hand side of the adjoint, and of the integrals of the gradients."""

    def rate(t: Any, y: Any, adjoint: Any, scales: Any, *leaves: Any) -> Any:
        _, ((by_y, by_parents),) = pulled(fun, t, y, [adjoint], leaves, skeleton, order)
        return -np.concatenate([by_y, by_parents / scales])

    return rate


def pulled(
    fun: Function, t: Any, y: Any, cotangents: Any, leaves: Any, skeleton: Any, order: Any
) -> tuple[Any, list[tuple[Any, Any]]]:
    """Return y' and, for each cotangent, its gradients in y and in all parents, as two vectors."""
    wanted = [place for place in order if place != START]

    def rhs(y: Any, *given: Any) -> Any:
        filled = dict(zip(wanted, given))
        args = tree_map(lambda place: filled.get(place, leaves[place]), skeleton)
        return as_vector(fun(t, y, *args))

    slope, pull = vjp(rhs, y, *(leaves[place] for place in wanted))
    rows = []
    for g in cotangents:
        by_y, *parts = pull(g)
        found = iter(parts)
        blocks = [np.zeros(y.size) if i == START else np.ravel(next(found)) for i in order]
        rows.append((by_y, np.concatenate(blocks)))
    return slope, rows
