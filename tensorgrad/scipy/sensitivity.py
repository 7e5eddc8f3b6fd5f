"""Gradients of solutions of differential equations, which solve differential equations themselves.

Forward sensitivities S = ∂y/∂θ obey S' = ∂f/∂y S + ∂f/∂θ, and are solved together with y. The
adjoint a of a loss obeys a' = -aᵀ ∂f/∂y; it runs back in time along y, jumps by the gradient that
arrives at each time, and gives the gradient in θ as the integral of aᵀ ∂f/∂θ. S costs n pullbacks
per step, for all gradients at once; the adjoint costs one per step, for each gradient.
Source: Cao, Li, Petzold & Serban (2003), SIAM J. Sci. Comput. 24(3).
"""

from collections.abc import Sequence
from operator import attrgetter
from typing import Any

import numpy as np
import scipy.integrate

from tensorgrad.engine.base import needs_grad, unwrap
from tensorgrad.engine.node import Node, serials
from tensorgrad.engine.state import STATE
from tensorgrad.rules import Function
from tensorgrad.scipy.closures import (
    WatchedFunction,
    as_given,
    as_vector,
    pull_back,
    refuse_changed,
    refuse_steps,
    run_recorded,
    run_unrecorded,
)
from tensorgrad.scipy.rates import RateArguments, adjoint_rate, forward_rate
from tensorgrad.scipy.values import given_tensors
from tensorgrad.tensor.tensor import Tensor
from tensorgrad.transforms.custom import JointOp, record, refuse_written
from tensorgrad.transforms.trees import alias, leaves_of, recorded, tree_map

FORWARD = 200  # numbers in S up to which it is solved forward, if nothing else is asked for
GENERAL = ("method", "rtol", "atol", "max_step", "min_step")  # the options that fit other equations


class Sensitivity:
    """The gradient of y at several times, in the nodes that it depends on.

    `start` is the node of y0 among these parents, or None.
    Shapes: rhs takes t and y (n,); y (n, T).
    """

    def __init__(
        self, equation: "Equation", t0: float, times: np.ndarray, y: np.ndarray,
        parents: list[Node], options: dict[str, Any],
    ) -> None:  # fmt: skip
        self.fun, self.rhs, self.y0 = equation.fun, equation.rhs, as_vector(equation.y0)
        self.t0, self.times, self.y, self.parents = t0, times, y, parents
        self.options = {name: options[name] for name in GENERAL if name in options}
        self.start = self.y0.node if isinstance(self.y0, Tensor) else None
        self.arguments = RateArguments(equation.args, parents, self.start)
        self.began, self.n = next(serials), len(y)
        self.first = self.slope_at_start()
        self.size = float(np.max(np.abs(y), initial=0.0)) or 1.0
        self.found: list[np.ndarray] | None = None  # S, once it was needed

    def record(self, solver: Function, sensitivity: str | None) -> Tensor:
        """Return y as a tensor."""
        numbers = self.n * sum(p.size for p in self.parents)
        adjoint = sensitivity == "adjoint" or (sensitivity is None and numbers > FORWARD)

        def pull(g: Any, *_values: Any) -> Sequence[Any]:
            refuse_written(f"{solver.__name__} cannot be differentiated", self.parents, self.began)
            refuse_changed(solver.__name__, self.first, self.slope_at_start())
            if isinstance(g, Tensor):
                return run_recorded(lambda: self.product(g, self.forward(solve_recorded)))
            if adjoint:
                return self.adjoint(g)
            if self.found is None:
                self.found = self.forward(solve_arrays)
            return self.product(g, self.found)

        return record(JointOp(solver, lambda *_values: self.y, pull), self.parents)

    def initial(self) -> np.ndarray:
        """Return the state at the start as an array."""
        return np.asarray(self.y0.data if isinstance(self.y0, Tensor) else self.y0, float)

    def slope_at_start(self) -> Any:
        """Return the value of the right-hand side at the start."""
        return run_unrecorded(self.rhs, self.t0, self.initial())

    def product(self, g: Any, slopes: Sequence[Any]) -> list[Any]:
        """Return the gradient in each parent.

        Shapes: g (n, T), each of slopes (n, size of the parent, T).
        """
        pairs = zip(slopes, self.parents)
        return [np.reshape(np.einsum("nt,npt->p", g, s), p.shape) for s, p in pairs]

    def pull(self, t: float, y: Any, cotangents: Any) -> tuple[Any, list[list[Any]]]:
        """Return y' and, for each cotangent, its gradients in y and in each parent."""
        return pull_back(lambda y: self.rhs(t, y), y, cotangents, self.parents)

    def reach(self) -> list[float]:
        """Return the size of ∂y/∂θ for each parent, so that one absolute tolerance fits all.

        Parameters of the size 10⁶ have small derivatives, which are as wanted as others.
        """
        span, eye = abs(self.times[-1] - self.t0), np.eye(self.n)
        ends = ((self.t0, self.initial()), (self.times[-1], self.y[:, -1]))
        rows = [row for t, y in ends for row in run_unrecorded(self.pull, t, y, eye)[1]]
        largest = [max(np.max(np.abs(row[i])) for row in rows) for i in range(1, len(rows[0]))]
        pairs = zip(self.parents, largest)
        sizes = [max(span * float(m), float(p is self.start)) for p, m in pairs]
        return [size if 0 < size < np.inf else 1.0 for size in sizes]

    def forward(self, solve: Function) -> list[Any]:
        """Solve for S together with y: (n, size of the parent, T) for each parent."""
        n, parents = self.n, self.parents
        scales = [reach / self.size for reach in self.reach()]
        columns = sum(p.size for p in parents)
        program = solve is solve_arrays and self.arguments.program(forward_rate, self.fun, n)
        every_scale = np.repeat(scales, [p.size for p in parents])

        def augmented(t: float, state: Any) -> Any:
            if program:
                found = program(float(t), state, every_scale, *self.arguments.values)
                if found is not None:
                    return found
            y, S = state[:n], np.reshape(state[n:], (n, columns))
            slope, rows = self.pull(t, y, np.eye(n))
            by_y = np.stack([row[0] for row in rows])
            by_parents = np.stack([divided(row[1:], scales) for row in rows])
            return np.concatenate([slope, np.ravel(by_y @ S + by_parents)])

        at_start = [np.eye(n) if p is self.start else np.zeros((n, p.size)) for p in parents]
        S = np.concatenate([block / scale for block, scale in zip(at_start, scales)], axis=1)
        atol = np.broadcast_to(self.options.get("atol", 1e-6), n)
        options = self.options | {"atol": np.concatenate([atol, np.repeat(atol, columns)])}
        state = np.concatenate([self.y0, np.ravel(S)])
        times, again = np.unique(self.times, return_inverse=True)  # odeint may take one twice
        back = self.times[-1] < self.t0
        times, again = (times[::-1], len(times) - 1 - again) if back else (times, again)
        path = solve(augmented, (self.t0, times[-1]), state, t_eval=times, **options)[n:, again]
        S = np.reshape(path, (n, columns, again.size))
        blocks = np.split(S, np.cumsum([p.size for p in parents])[:-1], axis=1)
        return [block * scale for block, scale in zip(blocks, scales)]

    def adjoint(self, g: np.ndarray) -> list[Any]:
        """Return the gradient in each parent by the adjoint equation.

        Shapes: g (n, T).
        """
        n, parents, largest = self.n, self.parents, np.max(np.abs(g), initial=0.0)
        if not largest:
            return [np.zeros(p.shape) for p in parents]
        scales, unit = self.reach(), self.size / largest  # so that the tolerances of y fit a
        span = (self.t0, self.times[-1])
        path = integrated(self.rhs, span, self.initial(), dense_output=True, **self.options).sol

        program = self.arguments.program(adjoint_rate, self.fun, n)
        every_scale = np.repeat(scales, [p.size for p in parents])

        def backwards(t: float, state: np.ndarray) -> np.ndarray:
            if program is not None:
                given = (path(t), state[:n], every_scale)
                found = program(float(t), *given, *self.arguments.values)
                if found is not None:
                    return found
            _, ((by_y, *by_parents),) = self.pull(t, path(t), [state[:n]])
            return -np.concatenate([by_y, divided(by_parents, scales)])

        atol = np.broadcast_to(self.options.get("atol", 1e-6), n)
        columns = sum(p.size for p in parents)
        options = self.options | {"atol": np.concatenate([atol, np.full(columns, atol.min())])}
        state, t = np.zeros(n + columns), self.times[-1]
        for i in reversed(np.flatnonzero(g.any(axis=0))):
            state = adjoint_before(backwards, t, self.times[i], state, options)
            state[:n] += unit * g[:, i]
            t = self.times[i]
        state = adjoint_before(backwards, t, self.t0, state, options) / unit
        blocks = np.split(state[n:], np.cumsum([p.size for p in parents])[:-1])
        steps = [block * scale for block, scale in zip(blocks, scales)]
        return [
            np.reshape(step + state[:n] if p is self.start else step, p.shape)
            for step, p in zip(steps, parents)
        ]


def adjoint_before(
    f: Function, t: float, end: float, state: np.ndarray, options: Any
) -> np.ndarray:
    """Return the adjoint at an earlier time."""
    return state if t == end else integrated(f, (t, end), state, t_eval=[end], **options).y[:, -1]


def divided(parts: Sequence[Any], scales: Sequence[float]) -> Any:
    """Return derivatives by all parents as one vector, each divided by its scale."""
    return np.concatenate([np.ravel(part) / scale for part, scale in zip(parts, scales)])


def integrated(
    f: Function, span: Any, state: np.ndarray, recording: bool = False, **options: Any
) -> Any:
    """Return SciPy's solution of an equation of arrays.

    Raises: RuntimeError if the solver failed.
    """
    run = run_recorded if recording else run_unrecorded
    found = run(lambda: scipy.integrate.solve_ivp(f, span, state, **options))
    if not found.success:
        raise RuntimeError(
            f"the sensitivities of a differential equation could not be solved ({found.message}); "
            "choose another method, or larger tolerances"
        )
    return found


def solve_arrays(*args: Any, **options: Any) -> np.ndarray:
    """Return the solution of an equation of arrays."""
    return integrated(*args, **options).y


def solve_recorded(f: Function, span: Any, state: Any, **options: Any) -> Any:
    """Return the solution of an equation as a tensor that can be differentiated again."""
    equation = Equation(scipy.integrate.solve_ivp, f, state, (), None)
    found = integrated(equation.watched, span, unwrap(equation.y0), recording=True, **options)
    return equation.solution(found.y, found.t, span[0], options)


class Equation:
    """y' = fun(t, y, *args) as SciPy solves it, and the tensors that its solution depends on."""

    def __init__(
        self, solver: Function, fun: Function, y0: Any, args: tuple[Any, ...], sensitivity: Any
    ) -> None:
        if sensitivity not in (None, "forward", "adjoint"):
            raise ValueError(
                f"{solver.__name__} takes sensitivity='forward', 'adjoint' or None, which chooses "
                f"by the sizes, but got {sensitivity!r}"
            )
        self.solver, self.fun, self.sensitivity = solver, fun, sensitivity
        self.y0 = alias(as_vector(y0)) if given_tensors(*leaves_of(y0)) else y0
        self.args = tree_map(alias, args)
        self.watched = WatchedFunction(fun, solver.__name__)
        refuse_steps(solver.__name__, self.y0, self.args)

    def rhs(self, t: float, y: Any) -> Any:
        """Return y'."""
        return as_vector(self.fun(t, y, *self.args))

    def is_recorded(self) -> bool:
        """Return True if the solution depends on recorded tensors."""
        return bool(self.parents())

    def parents(self) -> list[Node]:
        """Return the nodes that the solution depends on."""
        if not STATE.get().recording:
            return []
        given = {t.node for t in leaves_of((self.y0, self.args)) if recorded(t)}
        return sorted(given | self.watched.found, key=attrgetter("serial"))

    def solution(
        self, y: np.ndarray, times: Any, t0: float, options: dict[str, Any], unsolved: str = ""
    ) -> Any:
        """Return y as a tensor, if it depends on any.

        Raises: RuntimeError if the solver failed; TypeError if y is complex.
        """
        parents = self.parents()
        if not parents:
            return as_given(y, (self.y0, self.args))
        if unsolved:
            raise RuntimeError(
                f"{self.solver.__name__} did not solve the equation ({unsolved}), so that its "
                "result has no gradient; choose another method, or other tolerances"
            )
        if y.dtype.kind == "c":
            raise TypeError(
                f"{self.solver.__name__} of complex states has no gradient here; solve for the "
                "real and the imaginary part, side by side"
            )
        sensitivity = Sensitivity(self, t0, times, y, parents, options)
        return sensitivity.record(self.solver, self.sensitivity)


def refuse_recorded_times(name: str, *times: Any) -> None:
    """Raise if times are tensors with a gradient."""
    if needs_grad(times):
        raise TypeError(
            f"{name} has no gradient with respect to times, but a tensor that requires one was "
            "given there; pass its .data, or solve T fun(s T, y) over s from 0 to 1"
        )
