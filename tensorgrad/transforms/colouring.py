"""Sparse Jacobians: rows, or columns, that have no place in common are computed in one pass."""

from collections.abc import Callable
from typing import Any

import numpy as np

from tensorgrad.transforms.call import RecordedCall
from tensorgrad.transforms.trees import leaves_of, ones


def sparse_jacobian(call: RecordedCall, sparsity: Any) -> Any:
    """Return the Jacobian of a call as a scipy.sparse.csr_array with the pattern `sparsity`.

    Shapes: sparsity (size of the output, size of the argument), an array or a sparse matrix.
    Raises: ValueError if the pattern has another shape, or lacks a derivative; TypeError if there
    is more than one output or argument, or if the Jacobian is to be differentiated.
    """
    import scipy.sparse

    outputs, variables = leaves_of(call.y), call.variables
    if len(outputs) != 1 or len(variables) != 1:
        raise TypeError(
            "jacobian with sparsity takes a function of one array that returns one, but "
            f"{call.name} has {len(variables)} arguments and {len(outputs)} outputs"
        )
    if call.linked:
        raise TypeError(
            f"the Jacobian of {call.name} with sparsity is a scipy.sparse array, which has no "
            "gradient, but it depends on a tensor that requires one; pass its .data"
        )
    (y,), (x,) = outputs, variables
    pattern = scipy.sparse.csr_array(sparsity, dtype=bool)
    if pattern.shape != (np.size(y), x.size):
        raise ValueError(
            f"sparsity has shape {pattern.shape}, but the Jacobian of {call.name} has shape "
            f"{(np.size(y), x.size)}"
        )
    pattern.eliminate_zeros()
    pattern = pattern.tocoo()
    data = np.zeros(pattern.nnz, x.dtype)
    if call.recorded_here(y):
        rows, columns = pattern.coords
        fill(data, call, y, rows, columns, pattern.shape)
    matrix = scipy.sparse.csr_array((data, pattern.coords), pattern.shape)
    refuse_missing(call, y, matrix)
    return matrix


def fill(data: Any, call: RecordedCall, y: Any, rows: Any, columns: Any, shape: Any) -> None:
    """Write the derivatives: by pulls of rows, or by pushes of columns if these are fewer."""
    by_row, by_column = colours(rows, columns, shape), colours(columns, rows, shape[::-1])
    if by_row.max(initial=0) <= by_column.max(initial=0):
        compress(data, by_row, rows, columns, lambda g: call.pull([(y, g.reshape(y.shape))])[0])
    else:
        push, x = call.pusher(), call.variables[0]
        compress(data, by_column, columns, rows, lambda v: push([v.reshape(x.shape)])[0])


def compress(data: Any, colour: Any, lines: Any, places: Any, apply: Callable[..., Any]) -> None:
    """Write the derivatives, all lines of one colour by one pass."""
    for k in range(colour.max(initial=-1) + 1):
        here = colour[lines] == k
        found = apply((colour == k).astype(data.dtype)).data
        data[here] = found.reshape(-1)[places[here]]


def colours(lines: np.ndarray, places: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return a colour for each line, so that lines of one colour have no place in common.

    Each takes the first that is free: at most as many more than needed as lines cross one line.
    """
    order = np.argsort(lines, kind="stable")
    starts = np.searchsorted(lines[order], np.arange(shape[0] + 1))
    colour, taken = np.zeros(shape[0], int), np.zeros((1, shape[1]), bool)
    for i in range(shape[0]):
        mine = places[order[starts[i] : starts[i + 1]]]
        free = np.flatnonzero(~taken[:, mine].any(axis=1))
        if not free.size:
            taken = np.concatenate([taken, np.zeros((1, shape[1]), bool)])
        colour[i] = free[0] if free.size else len(taken) - 1
        taken[colour[i], mine] = True
    return colour


def refuse_missing(call: RecordedCall, y: Any, matrix: Any) -> None:
    """Raise if the function has derivatives that the pattern lacks, seen by one random pull."""
    if not call.recorded_here(y):
        return
    weights = np.random.default_rng(0).uniform(1, 2, np.size(y)).astype(matrix.dtype)
    expected = call.pull([(y, weights.reshape(np.shape(y)) * ones(y))])[0].data.reshape(-1)
    near = np.finfo(matrix.dtype).eps ** 0.5 * (abs(matrix).T @ weights + np.abs(expected))
    wrong = ~(np.abs(matrix.T @ weights - expected) <= near) & np.isfinite(expected)
    if wrong.any():
        raise ValueError(
            f"{call.name} has derivatives by number {np.argmax(wrong)} of its argument where "
            "sparsity has none, so that the sparse Jacobian would be wrong; complete the pattern"
        )
