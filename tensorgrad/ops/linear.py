"""Products of vectors, matrices and tensors."""

import math
import operator

import numpy as np

from tensorgrad.ops.common import as_array, create, matvec, numpys
from tensorgrad.rules import composite, nondifferentiable, primitive, refuse_out, rule, rule_each

LETTERS = (
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"  # the subscripts of einsum, in its order
)


def _matmul_a(g, _out, _a, b):
    """Return g bᵀ; a vector a is a row, a vector b a column."""
    if b.ndim == 1:
        return np.expand_dims(g, -1) * b if _a.ndim > 1 else g * b
    if _a.ndim == 1:
        return np.matmul(b, g) if b.ndim == 2 else matvec(b, g)
    return np.matmul(g, np.swapaxes(b, -1, -2))


def _matmul_b(g, _out, a, _b):
    """Return aᵀ g; a vector a is a row, a vector b a column."""
    if a.ndim == 1:
        return np.expand_dims(a, -1) * np.expand_dims(g, -2) if _b.ndim > 1 else g * a
    a = np.swapaxes(a, -1, -2)
    return np.matmul(a, g) if _b.ndim > 1 or a.ndim == 2 else matvec(a, g)


@primitive
def einsum(*operands, subscripts):
    sizes: dict[str, int] = {}
    for letters, x in zip(subscripts.split(","), operands, strict=True):
        sizes.update(zip(letters, x.shape, strict=False))
    # Finding a path through BLAS costs 50 µs, as much as ten thousand products without one.
    worth_it = len(operands) > 1 and math.prod(sizes.values()) > 10_000
    return np.einsum(subscripts, *operands, optimize=worth_it)


def _einsum(g, _out, i, *operands, subscripts):
    """Swap roles: g replaces operand i, and the letters of operand i become the output.

    A letter that only operand i has at full length was summed alone: ones broadcast g along it. A letter that it has
    twice selected a diagonal: an identity matrix puts g back there.
    """
    if g.dtype == np.float16:  # which counts only to 2048
        wide = g.astype(np.float32)
        return _einsum(wide, _out, i, *operands, subscripts=subscripts).astype(np.float16)
    inputs, output = subscripts.split("->")
    parts = inputs.split(",")
    others = [(p, x) for k, (p, x) in enumerate(zip(parts, operands, strict=True)) if k != i]
    free = iter(sorted(set(LETTERS) - set(subscripts)))
    known = {
        (letter, n) for p, x in [(output, g), *others] for letter, n in zip(p, x.shape, strict=True)
    }
    target = ""
    for letter, n in zip(parts[i], operands[i].shape, strict=True):
        if letter in target:
            twin = next(free)
            others.append((letter + twin, create(np.eye, g, n, dtype=g.dtype)))
            target += twin
        else:
            target += letter
        if (letter, n) not in known and not (n == 1 and any(letter == k for k, _ in known)):
            others.append((letter, create(np.ones, g, n, g.dtype)))
            known.add((letter, n))
    terms = ",".join([output, *(p for p, _ in others)])
    return einsum(g, *(x for _, x in others), subscripts=f"{terms}->{target}")


# fmt: off
rule(np.matmul,  _matmul_a, _matmul_b)
rule_each(einsum, _einsum)

nondifferentiable(np.einsum_path, static=True)
# fmt: on


@composite(np.einsum)
def _einsum_call(*operands, optimize=False, out=None, dtype=None, order="K", casting="safe"):
    """Spell out the output and the ellipsis, so that the rule sees letters only."""
    subscripts, *arrays = operands if isinstance(operands[0], str) else _in_letters(operands)
    refuse_out("einsum", out)
    arrays = [as_array(x) for x in arrays]
    inputs, arrow, output = subscripts.replace(" ", "").partition("->")
    parts = inputs.split(",")
    if len(parts) != len(arrays):
        raise ValueError(
            f"einsum's {subscripts!r} names {len(parts)} operands, but {len(arrays)} were given"
        )
    if not isinstance(optimize, bool):
        numpys(np.einsum_path, subscripts, *arrays, optimize=optimize)  # because it checks the path
    ranks = [x.ndim - len(p) + 3 if "..." in p else 0 for p, x in zip(parts, arrays, strict=True)]
    dots = "".join(sorted(set(LETTERS) - set(subscripts))[: max(ranks)])
    if not arrow:
        letters = inputs.replace(".", "").replace(",", "")
        output = dots + "".join(sorted(c for c in set(letters) if letters.count(c) == 1))
    elif dots and "..." not in output:
        raise ValueError(
            f"einsum's {subscripts!r} leaves the ellipsis out of its output, but NumPy does not sum over it; write '->...'"
        )
    parts = [p.replace("...", dots[len(dots) - n :]) for p, n in zip(parts, ranks, strict=True)]
    output = output.replace("...", dots)
    # Else NumPy returns a view, whatever the dtype.
    if len(parts) > 1 or set(parts[0]) != set(output):
        arrays = cast_operands(arrays, dtype, casting)
    return einsum(*arrays, subscripts=f"{','.join(parts)}->{output}")


def cast_operands(arrays, dtype, casting):
    """Convert arrays to the dtype, or else to the one they have in common, as einsum does.

    Raises: TypeError if that is not `casting`.
    """
    target = np.dtype(dtype) if dtype is not None else np.result_type(*(x.dtype for x in arrays))
    for x in arrays:
        if not np.can_cast(x.dtype, target, casting):
            raise TypeError(
                f"einsum cannot cast {x.dtype} to {target} with casting={casting!r}; use x.astype first"
            )
    return [x if dtype is None or x.dtype == target else x.astype(target) for x in arrays]


def _in_letters(operands):
    """Convert the form einsum(a, [0, 1], b, [1, 2], [0, 2]) to subscripts in a string."""

    def text(numbers):
        for n in numbers:
            if n is not Ellipsis and not 0 <= n < len(LETTERS):
                raise ValueError(
                    f"einsum takes subscripts from 0 to {len(LETTERS) - 1}, but got {n}"
                )
        return "".join("..." if n is Ellipsis else LETTERS[n] for n in numbers)

    pairs = len(operands) // 2
    subscripts = ",".join(text(numbers) for numbers in operands[1 : 2 * pairs : 2])
    if len(operands) % 2:
        subscripts += "->" + text(operands[-1])
    return subscripts, *operands[: 2 * pairs : 2]


@composite(np.dot)
def _dot(a, b):
    a, b = as_array(a), as_array(b)  # a number counts as an array here, also in the dtype
    if a.ndim == 0 or b.ndim == 0:
        return np.multiply(a, b)
    if b.ndim <= 2:
        return np.matmul(a, b)
    return np.tensordot(a, b, (-1, -2))


@composite(np.tensordot)
def _tensordot(a, b, axes=2):
    """Compute one matrix product, of a with the contracted axes last and b with them first."""
    a, b = as_array(a), as_array(b)
    if isinstance(axes, (int, np.integer)):
        left, right = [*range(-axes, 0)], [*range(axes)]
    else:
        left, right = (np.atleast_1d(x).astype(int).tolist() for x in axes)
    pairs = zip(left, right)  # an IndexError where there is no such axis
    if len(left) != len(right) or any(a.shape[i] != b.shape[j] for i, j in pairs):
        raise ValueError(
            f"tensordot of shapes {a.shape} and {b.shape} cannot sum over axes {left} and {right}, whose lengths differ"
        )
    left, right = [i % a.ndim for i in left], [i % b.ndim for i in right]
    keep_a = [i for i in range(a.ndim) if i not in left]
    keep_b = [i for i in range(b.ndim) if i not in right]
    shape = [a.shape[i] for i in keep_a] + [b.shape[i] for i in keep_b]
    n = int(np.prod([a.shape[i] for i in left], dtype=int))
    rows = np.reshape(
        np.transpose(a, keep_a + left), (-1, n) if n else (int(np.prod(shape[: len(keep_a)])), 0)
    )
    columns = np.reshape(
        np.transpose(b, right + keep_b), (n, -1) if n else (0, int(np.prod(shape[len(keep_a) :])))
    )
    return np.reshape(np.matmul(rows, columns), shape)


@composite(np.outer)
def _outer(a, b):
    return np.expand_dims(np.ravel(a), 1) * np.expand_dims(np.ravel(b), 0)


@composite(np.inner)
def _inner(a, b):
    a, b = as_array(a), as_array(b)  # a number counts as an array here, also in the dtype
    if a.ndim == 0 or b.ndim == 0:
        return np.multiply(a, b)
    return np.tensordot(a, b, (-1, -1))


@composite(np.vdot)
def _vdot(a, b):
    return np.matmul(conj_of(np.ravel(as_array(a))), np.ravel(as_array(b)))


@composite(np.vecdot)
def _vecdot(x1, x2, out=None, *, axis=-1, axes=None, keepdims=False, dtype=None):
    """Conjugate the first vector."""
    refuse_out("vecdot", out)
    if type(keepdims) not in (bool, np.bool_):
        raise TypeError(f"vecdot takes keepdims=True or False, but got {keepdims!r}")
    x1, x2 = with_axes("vecdot", x1, 1, x2, 1)
    if axes is not None:
        numpys(np.vecdot, x1, x2, axes=axes, keepdims=keepdims)  # because it checks them
        first, second = (np.atleast_1d(axis).tolist() for axis in axes[:2])
        x1, x2 = np.moveaxis(x1, first, [-1]), np.moveaxis(x2, second, [-1])
        axis = axes[2] if keepdims and len(axes) > 2 else -1
    if dtype is not None:
        x1, x2 = x1.astype(dtype), x2.astype(dtype)
    if axes is None:
        axis = operator.index(axis)
        x1, x2 = (np.moveaxis(x, axis, -1) for x in (x1, x2))
    result = np.matmul(np.expand_dims(conj_of(x1), -2), np.expand_dims(x2, -1))[..., 0, 0]
    return np.expand_dims(result, axis) if keepdims else result


def conj_of(x):
    return np.conj(x) if x.dtype.kind == "c" else x


def with_axes(name, x1, n1, x2, n2):
    """Return both as arrays.

    Raises: ValueError if one has fewer axes than it needs.
    """
    x1, x2 = as_array(x1), as_array(x2)
    if x1.ndim < n1 or x2.ndim < n2:
        raise ValueError(
            f"{name} takes arrays of at least {n1} and {n2} axes, not of shapes {x1.shape} and {x2.shape}"
        )
    return x1, x2


def _matvec(x1, x2):
    x1, x2 = with_axes("matvec", x1, 2, x2, 1)
    return np.matmul(x1, np.expand_dims(x2, -1))[..., 0]


def _vecmat(x1, x2):
    """Conjugate the vector."""
    x1, x2 = with_axes("vecmat", x1, 1, x2, 2)
    return np.matmul(np.expand_dims(conj_of(x1), -2), x2)[..., 0, :]


if hasattr(np, "matvec"):  # NumPy has them from 2.2 on
    composite(np.matvec, _matvec)
    composite(np.vecmat, _vecmat)


@composite(np.kron)
def _kron(a, b):
    """Multiply all pairs, each axis of b inside the same axis of a."""
    a, b = as_array(a), as_array(b)
    n = max(a.ndim, b.ndim)
    rows, columns = ((1,) * (n - x.ndim) + x.shape for x in (a, b))
    apart = np.reshape(a, [k for size in rows for k in (size, 1)])
    inner = np.reshape(b, [k for size in columns for k in (1, size)])
    return np.reshape(apart * inner, [i * j for i, j in zip(rows, columns, strict=True)])


@composite(np.cross)
def _cross(a, b, axisa=-1, axisb=-1, axisc=-1, axis=None):
    """Give vectors of two components a third one of 0; of two such vectors, return the third component only."""
    if axis is not None:
        axisa = axisb = axisc = axis
    a, b = np.moveaxis(as_array(a), axisa, -1), np.moveaxis(as_array(b), axisb, -1)
    sizes = a.shape[-1], b.shape[-1]
    if not {2, 3}.issuperset(sizes):
        raise ValueError(f"a cross product takes vectors of 2 or 3 components, not of {sizes}")
    a, b = (
        np.concatenate([x, create(np.zeros, x, (*x.shape[:-1], 1), x.dtype)], -1) if n == 2 else x
        for x, n in zip((a, b), sizes, strict=True)
    )
    (a0, a1, a2), (b0, b1, b2) = (np.moveaxis(x, -1, 0) for x in (a, b))
    third = a0 * b1 - a1 * b0
    if sizes == (2, 2):
        return third
    return np.stack([a1 * b2 - a2 * b1, a2 * b0 - a0 * b2, third], axis=axisc)


@composite(np.linalg.cross)
def _linalg_cross(x1, x2, /, *, axis=-1):
    x1, x2 = as_array(x1), as_array(x2)
    if not x1.shape[axis] == x2.shape[axis] == 3:
        raise ValueError(
            f"linalg.cross takes vectors of 3 components, not shapes {x1.shape} and {x2.shape}"
        )
    return np.cross(x1, x2, axis=axis)


@composite(np.linalg.outer)
def _linalg_outer(x1, x2, /):
    x1, x2 = as_array(x1), as_array(x2)
    if x1.ndim != 1 or x2.ndim != 1:
        raise ValueError(
            f"linalg.outer takes two vectors, not shapes {x1.shape} and {x2.shape}; np.outer flattens"
        )
    return np.outer(x1, x2)


@composite(np.linalg.matmul)
def _linalg_matmul(x1, x2, /):
    return np.matmul(x1, x2)


@composite(np.linalg.tensordot)
def _linalg_tensordot(x1, x2, /, *, axes=2):
    return np.tensordot(x1, x2, axes)


@composite(np.linalg.vecdot)
def _linalg_vecdot(x1, x2, /, *, axis=-1):
    return np.vecdot(x1, x2, axis=axis)
