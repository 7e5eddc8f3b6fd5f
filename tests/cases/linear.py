"""Calls of products."""

import numpy as np

from tensorgrad.ops.linear import einsum
from tests.cases import c, call, r

# fmt: off
CASES = {
    np.matmul:    [call(r(2, 3), r(3, 4)), call(r(3), r(3)), call(r(2, 3), r(3)), call(r(3), r(3, 2)), call(r(5, 2, 3), r(3, 4)),
                   call(r(3), r(2, 3, 2)), call(r(2, 3, 2), r(2)), call(r(2, 1, 2, 3), r(4, 3, 2)), call(c(2, 3), c(3, 2)), call([[1.0, 2.0]], r(2, 2))],
    np.dot:       [call(r(3), r(3)), call(r(2, 3), r(3, 2)), call(r(2, 3), r(3)), call(r(), r(3)), call(2, r(3)), call(r(2, 3), r(2, 3, 2)), call(c(3), c(3))],
    np.inner:     [call(r(3), r(3)), call(r(2, 3), r(3)), call(r(2, 3), r(4, 3)), call(r(), r(3)), call(2, r(3)), call(c(3), c(3))],
    np.outer:     [call(r(3), r(2)), call(r(2, 2), r(3)), call(r(), r(3)), call(c(2), r(2)), call([1.0, 2.0], r(3))],
    np.tensordot: [call(r(2, 3), r(2, 3)), call(r(2, 3), r(3, 4), 1), call(r(2, 3, 2), r(3, 2), ([1, 2], [0, 1])), call(r(2, 3), r(3, 2), axes=(1, 0)),
                   call(r(2), r(3), 0), call(c(2, 3), c(3), 1)],
    np.einsum:    [call("ij,jk->ik", r(2, 3), r(3, 2)), call("ij,jk", r(2, 3), r(3, 2)), call("ii->i", r(3, 3)), call("ii", r(3, 3)), call("ij->", r(2, 3)),
                   call("...ij,...jk->...ik", r(2, 1, 2, 3), r(4, 3, 2)), call("i,j,k->kji", r(2), r(3), r(2)), call("ij->ji", r(2, 3)),
                   call("iij,ik->jk", r(2, 2, 3), r(2, 2)), call("i...,i...->...", r(3, 2), r(3, 2)), call("ij,j->i", c(2, 3), c(3)),
                   call("ij,ij->j", r(2, 3), r(2, 3), optimize=True), call("ij,ij->i", r(2, 1), r(2, 3)), call("ii,i->", r(3, 3), r(3)), call("iji->j", r(2, 3, 2)),
                   call(r(2, 3), [0, 1], r(3, 2), [1, 2], [2, 0]), call(r(2, 3), [0, 1], r(2), [0]), call("...->...", r(2, 2)), call(",i->i", r(), r(3)),
                   call("i,i", [1.0, 2.0], r(2)), call("ab,bc,cd->ad", r(2, 3), r(3, 2), r(2, 2), optimize="greedy"), call("iiii->i", r(2, 2, 2, 2)), call("ij,jk", r(2, 3), r(3, 2), dtype=complex), call("ij->j", r(2, 3), order="F", casting="safe")],
    einsum:       [call(r(2, 3), r(3, 2), subscripts="ij,jk->ik"), call(r(3, 3), subscripts="ii->"), call(r(2, 3), subscripts="ij->j")],
    np.vdot:      [call(r(3), r(3)), call(r(2, 2), r(2, 2)), call(c(3), c(3)), call(r(), r()), call([1.0, 2.0], c(2))],
    np.vecdot:    [call(r(3), r(3)), call(r(2, 3), r(3)), call(c(2, 3), c(2, 3)), call(r(3, 2), r(3, 2), axis=0), call(r(2, 1, 3), r(4, 3)), call(r(3, 2), r(2, 3), axes=[0, -1, ()]), call(c(2, 3), c(3), keepdims=True), call(r(3), r(3), dtype=complex)],
    np.kron:      [call(r(2), r(3)), call(r(2, 2), r(1, 3)), call(r(2), r(2, 2)), call(r(2, 1, 2), r(2)), call(r(), r(2)), call([1.0, 2.0], c(2))],
    np.cross:     [call(r(3), r(3)), call(r(2, 3), r(3)), call(c(3), r(3)), call(r(3, 2), r(2, 3), axisa=0), call(r(3, 2), r(3, 2), axis=0), call(r(3, 2), r(3, 2), 0, 0, 1)],
    np.linalg.cross:     [call(r(3), r(3)), call(r(2, 3), r(3)), call(r(3, 2), r(3, 2), axis=0)],
    np.linalg.matmul:    [call(r(2, 3), r(3, 2)), call(r(3), r(3, 2))],
    np.linalg.outer:     [call(r(2), r(3)), call(c(2), r(2))],
    np.linalg.tensordot: [call(r(2, 3), r(3, 2), axes=1), call(r(2, 3), r(2, 3))],
    np.linalg.vecdot:    [call(r(3), r(3)), call(c(2, 3), c(2, 3)), call(r(3, 2), r(3, 2), axis=0)],
}
if hasattr(np, "matvec"):  # NumPy has them from 2.2 on
    CASES |= {
        np.matvec:    [call(r(2, 3), r(3)), call(r(4, 2, 3), r(3)), call(r(2, 3), r(4, 3)), call(c(2, 2), c(2))],
        np.vecmat:    [call(r(2), r(2, 3)), call(r(4, 2), r(2, 3)), call(r(2), r(4, 2, 3)), call(c(2), c(2, 2))],
    }
# fmt: on
