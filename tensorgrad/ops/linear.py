"""Products of vectors, matrices and tensors."""

import string

import numpy as np

from tensorgrad.rules import composed, primitive, rule, rule_each


def _matmul_a(g, _out, _a, b):
    """g bᵀ; a vector a is a row, a vector b a column."""
    if b.ndim == 1:
        return np.expand_dims(g, -1) * b if _a.ndim > 1 else g * b
    if _a.ndim == 1:
        return np.squeeze(np.matmul(b, np.expand_dims(g, -1)), -1)
    return np.matmul(g, np.swapaxes(b, -1, -2))


def _matmul_b(g, _out, a, _b):
    """aᵀ g; a vector a is a row, a vector b a column."""
    if a.ndim == 1:
        return np.expand_dims(a, -1) * np.expand_dims(g, -2) if _b.ndim > 1 else g * a
    if _b.ndim == 1:
        return np.squeeze(np.matmul(np.swapaxes(a, -1, -2), np.expand_dims(g, -1)), -1)
    return np.matmul(np.swapaxes(a, -1, -2), g)


@primitive
def einsum(*operands, subscripts):
    return np.einsum(subscripts, *operands, optimize=len(operands) > 2)


def _einsum(g, _out, i, *operands, subscripts):
    """Swap roles: g takes the place of operand i, whose own letters become the output.

    A letter that only operand i has was summed alone: ones spread g along it. A letter that it has twice was a
    diagonal: an identity puts g back there.
    """
    inputs, output = subscripts.split("->")
    parts = inputs.split(",")
    others = [(p, x) for k, (p, x) in enumerate(zip(parts, operands, strict=True)) if k != i]
    free = iter(sorted(set(string.ascii_letters) - set(subscripts)))
    known = set(output).union(*(p for p, _ in others))
    target = ""
    for letter, n in zip(parts[i], operands[i].shape, strict=True):
        if letter in target:
            twin = next(free)
            others.append((letter + twin, np.eye(n, dtype=g.dtype)))
            target += twin
        else:
            target += letter
        if letter not in known:
            others.append((letter, np.ones(n, g.dtype)))
            known.add(letter)
    terms = ",".join([output, *(p for p, _ in others)])
    return einsum(g, *(x for _, x in others), subscripts=f"{terms}->{target}")


# fmt: off
rule(np.matmul,  _matmul_a, _matmul_b)
rule_each(einsum, _einsum)
# fmt: on


@composed(np.einsum)
def _einsum_call(subscripts, *operands, optimize=False):
    """Write out the output and the ellipsis, so that the rule has only letters to deal with."""
    if not isinstance(subscripts, str):
        raise TypeError("einsum of tensors takes its subscripts as a string, such as 'ij,jk->ik'")
    inputs, arrow, output = subscripts.replace(" ", "").partition("->")
    parts = inputs.split(",")
    if len(parts) != len(operands):
        raise ValueError(
            f"einsum's {subscripts!r} names {len(parts)} operands, but {len(operands)} were given"
        )
    rank = max(
        (np.ndim(x) - len(p) + 3 for p, x in zip(parts, operands, strict=True) if "..." in p),
        default=0,
    )
    dots = "".join(sorted(set(string.ascii_letters) - set(subscripts))[:rank])
    if not arrow:
        letters = inputs.replace(".", "").replace(",", "")
        output = dots + "".join(sorted(c for c in set(letters) if letters.count(c) == 1))
    parts = [
        p.replace("...", dots[rank - (np.ndim(x) - len(p) + 3) :]) if "..." in p else p
        for p, x in zip(parts, operands, strict=True)
    ]
    arrays = [x if hasattr(x, "shape") else np.asarray(x) for x in operands]
    return einsum(*arrays, subscripts=f"{','.join(parts)}->{output.replace('...', dots)}")


@composed(np.dot)
def _dot(a, b):
    if np.ndim(a) == 0 or np.ndim(b) == 0:
        return np.multiply(a, b)
    if np.ndim(b) <= 2:
        return np.matmul(a, b)
    return np.tensordot(a, b, (-1, -2))


@composed(np.tensordot)
def _tensordot(a, b, axes=2):
    """One matrix product of a with the contracted axes last and b with them first."""
    a, b = (x if hasattr(x, "shape") else np.asarray(x) for x in (a, b))
    if isinstance(axes, (int, np.integer)):
        left, right = range(a.ndim - axes, a.ndim), range(axes)
    else:
        left, right = (np.atleast_1d(x).tolist() for x in axes)
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


@composed(np.outer)
def _outer(a, b):
    return np.expand_dims(np.ravel(a), 1) * np.expand_dims(np.ravel(b), 0)


@composed(np.inner)
def _inner(a, b):
    if np.ndim(a) == 0 or np.ndim(b) == 0:
        return np.multiply(a, b)
    return np.tensordot(a, b, (-1, -1))
