"""Products of a constant `scipy.sparse` matrix with tensors: `t @ A`, and `matmul(A, t)`."""

from typing import Any

import numpy as np
import scipy.sparse as scipy_sparse

from tensorgrad.ops.common import as_array
from tensorgrad.rules import primitive, rule
from tensorgrad.scipy import sparse_linalg as linalg  # noqa: F401  # tsp.sparse.linalg.spsolve
from tensorgrad.tensor.operators import PRODUCTS


def __getattr__(name: str) -> Any:
    """Return what scipy.sparse has by a name."""
    return getattr(scipy_sparse, name)


def matmul(a: Any, b: Any) -> Any:
    """Return the matrix product of a constant sparse matrix, of any format, with an array or tensor.

    Either may be the sparse one. Its elements have no gradient.
    Shapes: a (M, N), b (N,) or (..., N, K) -> (M,) or (..., M, K), and the reverse.
    """
    if scipy_sparse.issparse(a) and scipy_sparse.issparse(b):
        return a @ b
    if scipy_sparse.issparse(b):
        product = by_columns(b, columns_of(as_array(a)), transposed=True)
        return product if product.ndim == 1 else np.matrix_transpose(product)
    return by_columns(a, as_array(b)) if scipy_sparse.issparse(a) else np.matmul(a, b)


def columns_of(x: Any) -> Any:
    """Return a vector as it is, and matrices transposed."""
    return x if x.ndim < 2 else np.matrix_transpose(x)


def by_columns(a: Any, x: Any, transposed: bool = False) -> Any:
    """Return a @ x for a vector, a matrix or a stack of matrices x, which SciPy takes as one."""
    if x.ndim <= 2:
        return sparse_product(a, x, transposed=transposed)
    row = np.moveaxis(x, -2, 0)
    product = sparse_product(a, np.reshape(row, (row.shape[0], -1)), transposed=transposed)
    return np.moveaxis(np.reshape(product, (-1, *row.shape[1:])), 0, -2)


@primitive
def sparse_product(a, x, transposed=False):
    """Return a @ x, or that of the transpose, which is a keyword so that `a` stays the same object."""
    return np.asarray((a.T if transposed else a) @ x)


rule(
    sparse_product,
    None,
    lambda g, _out, a, _x, transposed=False: sparse_product(a, g, transposed=not transposed),
)
PRODUCTS["scipy"] = matmul
