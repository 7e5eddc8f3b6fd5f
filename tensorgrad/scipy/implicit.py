"""Solutions of equations as tensors, by the implicit function theorem.

From r(x, θ) = 0 follows dx = -(∂r/∂x)⁻¹ ∂r/∂θ dθ: the solver is not differentiated, only the
equations that it has solved.
"""

from collections.abc import Sequence
from operator import attrgetter
from typing import Any

import numpy as np

from tensorgrad.engine.gradients import conjugated, gradients
from tensorgrad.engine.node import serials
from tensorgrad.rules import Function
from tensorgrad.scipy.closures import (
    dependencies,
    pull_back,
    refuse_changed,
    run_recorded,
    run_unrecorded,
)
from tensorgrad.tensor.tensor import Tensor
from tensorgrad.transforms.custom import JointOp, record, refuse_written
from tensorgrad.transforms.functional import jacobian, jvp
from tensorgrad.transforms.trees import zeros

TRUSTED = 0.01  # the largest relative error of a gradient that is not refused


def implicit(solver: Function, residual: Function, x: np.ndarray, refusal: str = "") -> Any:
    """Return the solution x of residual(x) = 0 as a tensor, if the residual depends on any.

    `solver` gives the node its name; `refusal` says why there is no gradient.
    Shapes: x (...), residual x -> (x.size,).
    Raises: RuntimeError with the refusal; ValueError if the Jacobian at x is singular, or x is too
    far from the solution.
    """
    began = next(serials)
    r = residual(x)
    parents = sorted(dependencies(r, began), key=attrgetter("serial"))
    if not parents:
        return x
    if refusal:
        raise RuntimeError(refusal)
    name = solver.__name__
    matrix = run_unrecorded(jacobian_matrix, residual, x)
    refuse_unsolved(name, residual, x, r, matrix)

    def pull(g: Any, out: Any) -> Sequence[Any]:
        refuse_written(f"{name} cannot be differentiated", parents, began)
        if isinstance(g, Tensor):
            return run_recorded(pull_again, g, out)
        cotangent = -np.linalg.solve(matrix.T, np.ravel(g))
        found = gradients(
            [(r, conjugated(cotangent))], set(parents), since=began, retain_graph=True
        )
        return [conjugated(found[p])._value if p in found else zeros(p)._value for p in parents]

    def pull_again(g: Any, out: Any) -> Sequence[Any]:
        """Apply the theorem in recorded calls, where x is the recorded solution."""
        slopes = jacobian_matrix(residual, out)
        cotangent = -np.linalg.solve(np.matrix_transpose(slopes), np.ravel(g))
        again, rows = pull_back(residual, out, [cotangent], parents)
        refuse_changed(name, r, again)
        return rows[0][1:]

    op = JointOp(solver, lambda *_values: x, lambda g, out, *_args: pull(g, out), True)
    return record(op, parents)


def jacobian_matrix(residual: Function, x: Any) -> Any:
    """Return the derivative of the residual by x.

    Shapes: x (...), of n numbers -> (n, n).
    """
    return np.reshape(jacobian(residual)(x), (np.size(x), np.size(x)))


def refuse_unsolved(name: str, residual: Function, x: Any, r: Tensor, matrix: np.ndarray) -> None:
    """Raise if the gradient at x would be wrong: at a singular Jacobian, or far from the solution.

    A Newton step leads from x to the solution. By how much it changes the Jacobian is the relative
    error of the gradient; near a double root, at which the Jacobian is singular, it is 1/2.
    """
    n = matrix.shape[0]
    if not np.linalg.cond(matrix) < 1 / (n * np.finfo(matrix.dtype).eps):
        raise ValueError(
            f"{name} found a solution at which the Jacobian of the equations is singular, so that "
            f"it is not a differentiable function of the parameters; the solution is {x!r}, and "
            f"the Jacobian {matrix.tolist()}"
        )
    step = -np.linalg.solve(matrix, r.data)
    if not step.any():
        return
    moved = np.asarray(x + step.reshape(np.shape(x)))
    slope = run_unrecorded(jvp, residual, (moved,), (step.reshape(np.shape(x)),))[1]
    error = np.linalg.norm(np.linalg.solve(matrix, slope) - step) / np.linalg.norm(step)
    if not error < TRUSTED:
        raise ValueError(
            f"{name} stopped too far from the solution, or at one where the Jacobian is singular: "
            f"a Newton step from {x!r} changes the Jacobian by {error:.0%}, and the gradient would "
            "be as wrong; pass a smaller tol"
        )
