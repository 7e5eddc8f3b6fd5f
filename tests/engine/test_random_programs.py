"""Programs drawn at random: expressions against PyTorch, in-place writes against a pure replay."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

import tensorgrad as tg

many = settings(max_examples=40, deadline=None, derandomize=True)
rngs = st.integers(0, 2**32 - 1).map(np.random.default_rng)

SHAPES = [(), (3,), (2, 3), (2, 1), (1, 3)]

# Each takes the library (NumPy or torch) and tensors, and stays in a range where nothing overflows.
# fmt: off
UNARY = [
    lambda lib, x: lib.sin(x),
    lambda lib, x: lib.tanh(x),
    lambda lib, x: lib.exp(-x * x),
    lambda lib, x: lib.sqrt(x * x + 1),
    lambda lib, x: lib.log(x * x + 0.5),
    lambda lib, x: x / 2 - 1,
    lambda lib, x: -x,
    lambda lib, x: 1 / (x * x + 1),
    lambda lib, x: lib.cumsum(x, 0) if x.ndim else x,
    lambda lib, x: x[..., :1] if x.ndim else x,
    lambda lib, x: x.reshape(-1)[0],
    lambda lib, x: x[None],
    lambda lib, x: x.sum(),
    lambda lib, x: x.mean(),
]
BINARY = [
    lambda lib, x, y: x + y,
    lambda lib, x, y: x - y,
    lambda lib, x, y: x * y,
    lambda lib, x, y: x / (y * y + 1),
    lambda lib, x, y: lib.maximum(x, y),
    lambda lib, x, y: lib.where(x > y, x * 2, y),
    lambda lib, x, y: lib.tanh(x @ y.T) if x.ndim == y.ndim == 2 and x.shape[1] == y.shape[1] else x * 0.5,
]
# fmt: on


def fits(x, y):
    try:
        return len(np.broadcast_shapes(x.shape, y.shape)) < 4
    except ValueError:
        return False


def program(rng, length):
    """Return a list of steps, each an operation and the positions of its operands among the values so far."""
    values = [np.zeros(SHAPES[i]) for i in rng.integers(len(SHAPES), size=3)]
    shapes = [v.shape for v in values]
    steps = []
    for _ in range(length):
        i, j = rng.integers(len(values), size=2)
        if rng.random() < 0.6 and fits(values[i], values[j]):
            f, operands = BINARY[rng.integers(len(BINARY))], (i, j)
        else:
            f, operands = UNARY[rng.integers(len(UNARY))], (i,)
        out = np.asarray(f(np, *(values[k] for k in operands)))
        if out.ndim < 5:
            values.append(out)
            steps.append((f, operands))
    return shapes, steps


def run(steps, lib, leaves):
    values = list(leaves)
    for f, operands in steps:
        values.append(f(lib, *(values[k] for k in operands)))
    return sum(v.sum() * (k + 1) for k, v in enumerate(values[-6:]))


@many
@given(rng=rngs)
def test_expressions_agree_with_torch_to_second_order(rng):
    torch = pytest.importorskip("torch")
    shapes, steps = program(rng, 12)
    arrays = [rng.normal(size=shape) for shape in shapes]
    v = [rng.normal(size=shape) for shape in shapes]

    theirs = [torch.tensor(a, requires_grad=True) for a in arrays]
    loss = run(steps, torch, theirs)
    if not loss.requires_grad:
        return
    first = torch.autograd.grad(loss, theirs, create_graph=True, allow_unused=True)
    product = sum((g * torch.tensor(w)).sum() for g, w in zip(first, v) if g is not None)
    second = [None] * 3
    if product.requires_grad:
        second = torch.autograd.grad(product, theirs, allow_unused=True)

    def f(xs):
        return run(steps, np, xs)

    value, found = tg.value_and_grad(f)(arrays)
    np.testing.assert_allclose(value, loss.item(), rtol=1e-10)
    hessian_times_v = tg.hvp(f, arrays, v)
    for mine, expected in ((found, first), (hessian_times_v, second)):
        for a, b in zip(mine, expected):
            b = np.zeros(a.shape) if b is None else b.detach().numpy()
            np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-9)
    np.testing.assert_allclose(
        tg.jvp(f, (arrays,), (v,))[1], sum(np.sum(g * w) for g, w in zip(found, v)), atol=1e-9
    )


# fmt: off
INDICES = [
    0, -1, slice(None), slice(1, 3), slice(None, None, -1), ..., [0, 2], [1, 1, 3], (slice(None), 1),
    (..., 0), np.arange(12).reshape(4, 3) % 5 == 0, np.array([True, False, True, False]), (2, [0, 2]),
    np.ix_([0, 3], [1, 2]),
]
# fmt: on


def pure(a, index, value):
    """Return `a` after `a[index] = value`, computed from whole arrays without writing to `a`."""
    place = np.full(a.shape, -1)
    target = place[index]
    place[index] = np.arange(target.size).reshape(target.shape)
    chosen = np.clip(place, 0, None)
    spread = np.reshape(np.broadcast_to(value, target.shape), (-1,))[chosen.ravel()]
    return np.where(place >= 0, np.reshape(spread, a.shape), a)


@many
@given(rng=rngs)
def test_in_place_writes_agree_with_a_replay_without_them(rng):
    steps = []
    for _ in range(rng.integers(1, 8)):
        index = INDICES[rng.integers(len(INDICES))]
        shape = np.empty((4, 3))[index].shape
        kind = rng.integers(4)
        steps.append((index, kind, rng.normal(size=shape if rng.random() < 0.7 else ())))
    a, v = rng.normal(size=(4, 3)), rng.normal(size=(4, 3))

    def written(x, v):
        """Take the steps in place; the values read between them count, too."""
        y, total = x * 1.0, 0.0
        for index, kind, w in steps:
            total = total + np.sum(np.sin(y[index]))
            if kind == 0:
                y[index] = w * np.sum(v)
            elif kind == 1:
                y[index] *= w
            elif kind == 2:
                y[index] += np.mean(v[1]) * w
            else:
                y *= np.tanh(v)
        return total + np.sum(y * v)

    def replayed(x, v):
        y, total = x * 1.0, 0.0
        for index, kind, w in steps:
            total = total + np.sum(np.sin(y[index]))
            if kind == 0:
                y = pure(y, index, w * np.sum(v))
            elif kind == 1:
                y = pure(y, index, y[index] * w)
            elif kind == 2:
                y = pure(y, index, y[index] + np.mean(v[1]) * w)
            else:
                y = y * np.tanh(v)
        return total + np.sum(y * v)

    for f in (written, replayed):
        np.testing.assert_allclose(f(a, v), written(a.copy(), v), rtol=1e-12)
    both = (0, 1)
    found, expected = (tg.value_and_grad(f, both)(a, v) for f in (written, replayed))
    np.testing.assert_allclose(found[0], expected[0])
    second = tg.hvp(lambda p: written(*p), (a, v), (v, a))
    reference = tg.hvp(lambda p: replayed(*p), (a, v), (v, a))
    for mine, theirs in zip([*found[1], *second], [*expected[1], *reference]):
        np.testing.assert_allclose(mine, theirs, rtol=1e-9, atol=1e-10)
