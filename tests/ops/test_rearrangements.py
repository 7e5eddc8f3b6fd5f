"""Random chains of rearrangements: each gradient goes back to the element whose number NumPy has moved there."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import tensorgrad as tg
from tensorgrad.engine.backward import toposort

MANY = 2000  # elements, above which nothing is repeated


@st.composite
def axes_of(draw, n, least=0):
    """Draw some of the axes, counted from either end."""
    chosen = draw(st.permutations(range(n)))[: draw(st.integers(min(least, n), n))]
    return tuple(axis - n * draw(st.booleans()) for axis in chosen)


def axis_of(draw, n):
    return draw(st.integers(-n, n - 1))


# Each function takes `draw` and the array, for its shape, and returns a function that rearranges the array.
# fmt: off
def reshape(draw, x):
    shape = draw(st.sampled_from([(-1,), (x.size,), x.shape[::-1], (1, *x.shape), (-1, x.shape[0])]))
    order = draw(st.sampled_from("CF"))
    return lambda y: np.reshape(y, shape, order=order)


def transpose(draw, x):
    axes = draw(st.permutations(range(x.ndim)))
    return lambda y: np.transpose(y, axes)


def move(draw, x):
    a, b = axis_of(draw, x.ndim), axis_of(draw, x.ndim)
    function = draw(st.sampled_from([np.moveaxis, np.swapaxes, np.rollaxis]))
    return lambda y: function(y, a, b)


def roll(draw, x):
    shift, axis = draw(st.integers(-5, 5)), draw(st.sampled_from([None, axis_of(draw, x.ndim)]))
    return lambda y: np.roll(y, shift, axis)


def flip(draw, x):
    axes = draw(axes_of(x.ndim))
    return lambda y: np.flip(y, axes)


def turn(draw, x):
    k, axes = draw(st.integers(-3, 3)), draw(st.permutations(range(x.ndim)))[:2]
    return (lambda y: np.rot90(y, k, axes)) if x.ndim > 1 else np.flipud


def repeat(draw, x):
    axis = draw(st.sampled_from([None, axis_of(draw, x.ndim)]))
    length = x.size if axis is None else x.shape[axis]
    counts = draw(st.sampled_from([2, draw(hnp.arrays(int, length, elements=st.integers(0, 2)))]))
    return lambda y: np.repeat(y, counts, axis)


def tile(draw, x):
    reps = draw(st.lists(st.integers(1, 2), min_size=0, max_size=x.ndim + 1))
    return lambda y: np.tile(y, reps)


def pad(draw, x):
    least = 2 if min(x.shape) > 1 else 1
    mode = draw(st.sampled_from(["constant", "edge", "symmetric", "wrap", "reflect"][: 4 + (least > 1)]))
    widths = [(draw(st.integers(0, 2)), draw(st.integers(0, 2))) for _ in x.shape]
    return lambda y: np.pad(y, widths, mode)


def triangle(draw, x):
    function, k = draw(st.sampled_from([np.tril, np.triu])), draw(st.integers(-2, 2))
    return lambda y: function(y, k)


def diagonal(draw, x):
    k = draw(st.integers(-1, 1))
    if x.ndim == 1:
        return lambda y: np.diag(y, k)
    a, b = draw(st.permutations(range(x.ndim)))[:2]
    return lambda y: np.diagonal(y, k, a, b)


def pick(draw, x):
    axis = axis_of(draw, x.ndim)
    index = draw(hnp.arrays(int, hnp.array_shapes(max_dims=2, max_side=3), elements=st.integers(-x.shape[axis], x.shape[axis] - 1)))
    return lambda y: np.take(y, index, axis)


def leave_out(draw, x):
    axis = axis_of(draw, x.ndim)
    n = draw(st.integers(0, x.shape[axis] - 1))
    return draw(st.sampled_from([lambda y: np.delete(y, n, axis), lambda y: np.insert(y, n, 0, axis)]))


def cut(draw, x):
    axis, parts = axis_of(draw, x.ndim), draw(st.integers(1, 3))
    order = draw(st.permutations(range(parts)))
    return lambda y: np.concatenate([np.array_split(y, parts, axis)[i] for i in order], axis)


def join(draw, x):
    axis = axis_of(draw, x.ndim)
    return draw(st.sampled_from([
        lambda y: np.concatenate([y, y], axis), lambda y: np.stack([y, y], axis), lambda y: np.append(y, y), lambda y: np.block([[y], [y]]),
        lambda y: np.hstack([y, y]), lambda y: np.vstack([y, y]), lambda y: np.column_stack([y, y]) if y.ndim < 3 else np.dstack([y, y]),
    ]))


def widen(draw, x):
    return draw(st.sampled_from([
        lambda y: np.expand_dims(y, -1), lambda y: np.broadcast_to(y, (2, *y.shape)), lambda y: np.atleast_3d(y), lambda y: np.squeeze(y),
        lambda y: np.resize(y, (3, 5)), lambda y: np.broadcast_arrays(y, np.zeros((2, *y.shape)))[0], np.ravel,
    ]))
# fmt: on


GROWING = [repeat, tile, pad, join, widen]
MOVES = [reshape, transpose, move, roll, flip, turn, triangle, diagonal, pick, leave_out, cut]


@settings(deadline=None, max_examples=400)
@given(st.data(), hnp.array_shapes(max_dims=3, max_side=4))
def test_chains_of_rearrangements(data, shape):
    numbers = np.arange(1, 1 + np.prod(shape)).reshape(shape)  # 0 is none of them, but padding
    x = tg.Tensor(numbers.astype(float), requires_grad=True)
    moved, t = numbers, x * 1.0
    for _ in range(data.draw(st.integers(1, 5))):
        if not moved.size or not moved.ndim or moved.ndim > 4:
            break
        step = data.draw(st.sampled_from(MOVES if moved.size > MANY else MOVES + GROWING))
        do = step(data.draw, moved)
        moved, t = do(moved), do(t)
    np.testing.assert_array_equal(t.data, moved)
    weights = np.arange(1.0, 1 + moved.size).reshape(moved.shape)
    t.backward(weights)
    expected = np.bincount(moved.ravel(), weights.ravel(), numbers.size + 1)[1:]
    np.testing.assert_allclose(x.grad.data, expected.reshape(shape), rtol=1e-12)


def test_many_arrays_are_joined_in_a_tree_so_that_backward_stays_linear():
    x = [tg.Tensor(float(i), requires_grad=True) for i in range(1000)]
    y = np.stack(x)
    assert y.data.tolist() == list(range(1000))
    assert all(len(node.parents) <= 256 for node in toposort([y.node]))
    np.sum(y * np.arange(1000)).backward()
    assert [t.grad.item() for t in x] == list(range(1000))
