"""Indexing: every kind of index reads and writes as in NumPy, with the gradients that a functional replay has."""

from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import tensorgrad as tg
from tensorgrad.ops import index as indexing


def leaf(x):
    return tg.Tensor(x, requires_grad=True)


@st.composite
def indices(draw, shape):
    """Draw an index of an array of this shape: basic, of integers, of booleans, or a mixture of these."""
    kind = draw(st.sampled_from(["basic", "integers", "booleans", "mixed"]))
    if kind == "basic" or not shape:
        return draw(hnp.basic_indices(shape, allow_newaxis=True, max_dims=len(shape) + 2))
    if kind == "booleans":
        return draw(hnp.arrays(bool, shape[: draw(st.integers(1, len(shape)))]))
    if kind == "integers":
        return draw(
            hnp.integer_array_indices(shape, result_shape=hnp.array_shapes(max_dims=2, max_side=3))
        )
    common = draw(hnp.array_shapes(min_dims=1, max_dims=2, max_side=3))
    index = []
    for n in shape[: draw(st.integers(1, len(shape)))]:
        kind = draw(st.sampled_from(["slice", "integer", "array", "mask"]))
        if kind == "slice":
            index.append(draw(st.slices(n)))
        elif kind == "integer":
            index.append(draw(st.integers(-n, n - 1)))
        elif kind == "array":
            index.append(draw(hnp.arrays(int, common, elements=st.integers(-n, n - 1))))
        else:  # as many are true as an array of the common shape has elements along its last axis
            chosen = draw(st.permutations(range(n)))[: common[-1]]
            index.append(np.isin(np.arange(n), chosen) if n >= common[-1] else draw(st.slices(n)))
    for extra in draw(st.sampled_from([(), (None,), (Ellipsis,)])):
        index.insert(draw(st.integers(0, len(index))), extra)
    return tuple(index)


def refused_by_numpy(call):
    try:
        call()
    except (IndexError, TypeError, ValueError):
        return True
    return False


SHAPES = hnp.array_shapes(min_dims=1, max_dims=3, max_side=4)


@settings(deadline=None, max_examples=300)
@given(SHAPES.flatmap(lambda shape: st.tuples(st.just(shape), indices(shape))))
def test_reading_by_any_index(case):
    shape, index = case
    x = np.arange(float(np.prod(shape))).reshape(shape)
    t = leaf(x)
    if refused_by_numpy(lambda: x[index]):
        with pytest.raises(IndexError):
            t[index]
        return
    picked = t[index]
    np.testing.assert_array_equal(picked.data, x[index])
    weights = np.arange(1.0, 1 + picked.size).reshape(picked.shape)
    expected = np.zeros(shape)
    np.add.at(expected, index, weights)
    picked.backward(weights, retain_graph=True)
    np.testing.assert_array_equal(t.grad.data, expected)
    t.zero_grad()
    # As of large arrays.
    with mock.patch.object(indexing, "FEW_ELEMENTS", 0):
        picked.backward(weights)
    np.testing.assert_array_equal(t.grad.data, expected)


@pytest.mark.parametrize("columns", [(), (0,), (3,)])
def test_positions_named_often_in_arrays_of_one_axis_and_of_no_columns(columns):
    rng = np.random.default_rng(0)
    x, index = leaf(np.zeros((50, *columns))), rng.integers(-50, 50, size=(40, 60))
    weights = rng.normal(size=(40, 60, *columns))
    x[index].backward(weights)
    expected = np.zeros((50, *columns))
    np.add.at(expected, index, weights)
    np.testing.assert_allclose(x.grad.data, expected, rtol=1e-12)


@pytest.mark.parametrize("dtype", ["i1", "u1", "i2", "i8"])
def test_many_rows_of_a_table_named_often_by_small_integers(dtype):
    rng = np.random.default_rng(0)
    table, index = leaf(rng.normal(size=(120, 9))), rng.integers(120, size=700).astype(dtype)
    weights = rng.normal(size=(700, 9))
    table[index].backward(weights)
    expected = np.zeros((120, 9))
    np.add.at(expected, index, weights)
    np.testing.assert_allclose(table.grad.data, expected, rtol=1e-12)


OFTEN = {
    "hardly": lambda rng: rng.integers(1500, size=400),
    "some very often": lambda rng: rng.zipf(1.3, size=2000).clip(max=1500) - 1,
    "each often": lambda rng: np.repeat(np.arange(0, 1500, 100), 65)[rng.permutation(975)],
    "one only": lambda rng: np.full(300, -1),
}


@pytest.mark.parametrize("dtype", ["f2", "f4", "c16"])
@pytest.mark.parametrize("rows", [1500, 70_000])
@pytest.mark.parametrize("how", OFTEN)
def test_rows_named_however_often_are_added_as_in_double_precision(how, rows, dtype):
    rng = np.random.default_rng(0)
    index = OFTEN[how](rng)
    table = leaf(np.zeros((rows, 6), dtype))
    # Every other column of a larger array, as gradients of slices are.
    weights = rng.normal(size=(len(index), 12)).astype(dtype)[:, ::2]
    before = weights.copy()
    found = indexing.put(weights, index, (rows, 6))
    expected = np.zeros((rows, 6), np.result_type(dtype, float))
    np.add.at(expected, index, weights)
    scale = np.zeros((rows, 6))
    np.add.at(scale, index, np.abs(weights).astype(float))
    assert found.dtype == weights.dtype
    assert np.all(np.abs(found - expected) <= 8 * np.finfo(dtype).eps * scale)
    np.testing.assert_array_equal(weights, before)
    table[index].backward(weights)
    np.testing.assert_array_equal(table.grad.data, found)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("index", [[2, -1, 2], [[0, 1], [3, 3]], []])
def test_rows_are_those_of_an_index_and_lie_as_those(index, order):
    x = np.asarray(np.arange(24.0).reshape(4, 6), order=order)
    for kind in ("i1", "i8", "u1", ">i4"):
        at = np.array(index, int).astype(kind)
        if kind != "u1" or not (at > 3).any():
            found = indexing.take(x, at)
            np.testing.assert_array_equal(found, x[at])
            assert found.flags.c_contiguous == x[at].flags.c_contiguous or order == "F"
    with pytest.raises(IndexError, match="index 4 is out of bounds for axis 0 with size 4"):
        indexing.take(x, np.array([0, 4]))


@st.composite
def histories(draw):
    """Draw an array and a sequence of reads and writes, each with an index and, for a write, values that broadcast."""
    shape = draw(SHAPES)
    steps = []
    for _ in range(draw(st.integers(1, 5))):
        index = draw(indices(shape))
        if refused_by_numpy(lambda index=index: np.empty(shape)[index]):
            continue
        picked = np.empty(shape)[index].shape
        value = None
        if draw(st.booleans()):
            value = tuple(draw(st.sampled_from([n, 1])) for n in picked)
            value = value[draw(st.integers(0, len(value))) :]
            if value == picked and draw(st.booleans()):
                value = (1, *value)
        steps.append((index, value))
    return shape, steps


@settings(deadline=None, max_examples=300)
@given(histories())
def test_writing_is_as_a_functional_replay(history):
    """NumPy moves a label with every element, and gradients go back along the labels."""
    shape, steps = history
    size = int(np.prod(shape))
    sources = [leaf(np.arange(float(size)).reshape(shape))]
    labels = np.arange(size).reshape(shape)
    t, x = sources[0] * 1.0, sources[0].data.copy()
    loss, arrived, count = 0.0 * np.sum(t), {}, size
    for k, (index, value_shape) in enumerate(steps, 1):
        if value_shape is not None:
            n = int(np.prod(value_shape))
            value = leaf(1000.0 * k + np.arange(n).reshape(value_shape))
            if refused_by_numpy(
                lambda index=index, value=value: np.copy(x).__setitem__(index, value.data)
            ):
                with pytest.raises((TypeError, ValueError)):
                    t[index] = value
                continue
            sources.append(value)
            t[index], x[index] = value, value.data
            labels[index] = count + np.arange(n).reshape(value_shape)
            count += n
        picked = t[index]
        np.testing.assert_array_equal(picked.data, x[index])
        loss = loss + k * np.sum(picked)
        for label in np.ravel(labels[index]):
            arrived[label] = arrived.get(label, 0) + k
    np.testing.assert_array_equal(t.data, x)
    loss.backward()
    found = np.concatenate(
        [np.zeros(s.size) if s.grad is None else np.ravel(s.grad.data) for s in sources]
    )
    expected = np.array([arrived.get(label, 0) for label in range(count)], float)
    np.testing.assert_array_equal(found, expected)


def test_the_last_write_to_a_position_wins():
    value = leaf([1.0, 2.0, 3.0])
    t = leaf([0.0, 0.0]) * 1
    t[[0, 1, 0]] = value
    np.testing.assert_array_equal(t.data, [3.0, 2.0])
    np.sum(t).backward()
    np.testing.assert_array_equal(value.grad.data, [0, 1, 1])


def test_an_earlier_use_keeps_the_gradient_of_what_it_saw():
    x = leaf([1.0, 2.0])
    t = x * 1
    before = t * t
    t[0] = 5.0
    after = t * t
    np.sum(before + after).backward()
    np.testing.assert_array_equal(before.data, [1, 4])
    np.testing.assert_array_equal(after.data, [25, 4])
    np.testing.assert_array_equal(x.grad.data, [2, 8])


def test_a_view_of_a_leaf_cannot_be_written_to_while_recording():
    x = leaf([[1.0, 2.0], [3.0, 4.0]])
    row = x[0]
    with pytest.raises(RuntimeError, match="or a view of one, cannot be written to"):
        row[1] = 5.0
    np.testing.assert_array_equal(x.data, [[1, 2], [3, 4]])
    with tg.no_grad():
        x[0] += 1
    np.testing.assert_array_equal(x.data, [[2, 3], [3, 4]])


def test_writing_twice_through_an_index_reaches_the_tensor():
    t = leaf(np.zeros((2, 2))) * 1
    v = leaf(3.0)
    t[0][1] = v
    t[0] += 1
    np.testing.assert_array_equal(t.data, [[1, 4], [0, 0]])
    np.sum(t * t).backward()
    assert v.grad.item() == 8


# fmt: off
VIEWS = [
    lambda x: x[:2],         lambda x: x[0],          lambda x: x.T,             lambda x: x[1:][0],
    lambda x: x.reshape(-1), lambda x: x[::-1, 1:],   lambda x: x[None, ..., 2], lambda x: np.swapaxes(x, 0, 1)[1:],
    lambda x: x[...],        lambda x: np.ravel(x)[2:7], lambda x: np.expand_dims(x, 1), lambda x: np.split(x, 3)[1],
    lambda x: np.squeeze(x), lambda x: np.real(x),
    # Copies, which look the same until one is written to.
    lambda x: x.flatten(),   lambda x: np.tile(x, 1),    lambda x: np.repeat(x, 1, 0),   lambda x: np.tile(x[:1], (2, 1)),
    lambda x: np.pad(x, 0),  lambda x: np.pad(x, 0, "edge"), lambda x: np.clip(x, None, None), lambda x: np.meshgrid(x[0], x[1])[1],
]
# fmt: on


@pytest.mark.parametrize("view", VIEWS)
def test_views_and_what_they_are_of_are_written_together(view):
    def f(x):
        x = np.copy(x)
        before = x * 1
        v, w = view(x), view(x)
        v += x[0, 0]  # through one view
        x[1] *= 2  # through the whole
        w[..., 0] = 7 + v[..., -1]  # through the other view
        return np.sum(v * w) + np.sum(x**2) + np.sum(before)

    x = np.arange(1.0, 13.0).reshape(3, 4)
    value, gradient = tg.value_and_grad(f)(x)
    assert value == f(x)
    steps = 1e-6 * np.eye(12).reshape(12, 3, 4)
    slopes = [(f(x + e) - f(x - e)) / 2e-6 for e in steps]
    np.testing.assert_allclose(gradient.ravel(), slopes, rtol=1e-6)


def test_a_view_outlives_what_it_is_of():
    x = leaf([1.0, 2.0, 3.0])
    v = (x * 2)[1:]
    v += 1
    assert v.tolist() == [5, 7]
    np.sum(v).backward()
    assert x.grad.tolist() == [0, 2, 2]


@pytest.mark.parametrize(
    ("view", "name"),
    [
        (lambda z: np.broadcast_to(z, (2, 3)), "broadcast_to"),
        (lambda z: z.imag, "imag"),
        (lambda z: z.real, "real"),
    ],
)
def test_views_that_cannot_be_written_to_say_so(view, name):
    z = leaf(np.array([1j, 2.0, 3.0])) * 1
    v = view(z)
    with pytest.raises(ValueError, match=f"made by {name}, that cannot be written to"):
        v += 1.0


def test_reading_in_a_loop_leaves_no_list_of_views_behind():
    x = leaf(np.arange(3.0)) * 1
    for _ in range(1000):
        x[1:]
    assert len(x._views) <= 2


def test_tensors_are_indices():
    x = leaf(np.arange(3.0))
    i, mask = tg.Tensor([0, 2, 2]), tg.Tensor([True, False, True])
    t = x * 1
    t[mask] = t[mask] * 10
    for picked in (t[i], t[i,], t[1:][tg.Tensor(1)], t[mask,], np.take(t, i)):
        np.sum(picked).backward(retain_graph=True)
    np.testing.assert_array_equal(x.grad.data, [10 + 10 + 10 + 10, 0, 20 + 20 + 10 + 10 + 20])


@pytest.mark.parametrize("number", [1.0, [1.0, 2.0], np.ones((2, 1)), np.ones((1, 1, 2, 1))])
def test_numbers_are_written(number):
    x = leaf(np.ones((2, 2, 2)))
    t = x * 2
    t[:, :, 1] = number
    np.sum(t * t).backward()
    np.testing.assert_array_equal(x.grad.data[..., 1], 0)
    np.testing.assert_array_equal(x.grad.data[..., 0], 8)


def test_an_integer_tensor_takes_no_gradient():
    t = tg.Tensor([1, 2, 3])
    with pytest.raises(TypeError, match="dtype int64 has no gradient"):
        t[0] = leaf(2.5)
    t[0] = 7.9
    np.testing.assert_array_equal(t.data, [7, 2, 3])


def test_an_ndarray_takes_no_tensor_with_a_gradient():
    for write in (
        lambda a, t: np.copyto(a, t),
        lambda a, t: np.put(a, [0], t),
        lambda a, t: np.add.at(a, [0], t),
    ):
        with pytest.raises(TypeError, match="would lose the gradient"):
            write(np.zeros(1), leaf([1.0]))


# fmt: off
WRITES = [  # of five numbers: the function, and its other arguments
    (np.put,    ([1, -2], [7.0, 8.0]),     {}),
    (np.put,    ([1, 2, 3], []),           {}),
    (np.put,    ([], [3.0]),               {}),
    (np.put,    ([1.7], 3.0),              {}),
    (np.put,    ([9, -6], [7.0, 8.0]),     {"mode": "clip"}),
    (np.put,    ([9, -6], [7.0, 8.0]),     {"mode": "wrap"}),
    (np.put,    ([9, -6], [7.0, 8.0]),     {}),
    (np.put,    ([9], [7.0]),              {"mode": "no"}),
    (np.copyto, (np.longdouble("inf"),),   {"casting": "unsafe"}),
    (np.copyto, ([1.0, 2.0],),             {"casting": "unsafe"}),
    (np.copyto, (3,),                      {"casting": "safe"}),
    (np.copyto, (2.5,),                    {"casting": "safe"}),
    (np.copyto, (2.5,),                    {"casting": "same_kind"}),
    (np.copyto, (1j,),                     {"casting": "unsafe"}),
    (np.copyto, (2**80,),                  {"casting": "unsafe"}),
    (np.copyto, (7,),                      {"where": [0, 1, 1, 0, 0]}),
    (np.copyto, (7,),                      {"where": np.array([0, 1, 1, 0, 0])}),
    (np.copyto, ([1, 2, 3, 4, 5],),        {"where": [True]}),
    (np.putmask, ([True], 5),              {}),
    (np.putmask, ([True, False] * 2 + [True], [5, 6]), {}),
]
# fmt: on


@pytest.mark.parametrize("dtype", [float, int])
@pytest.mark.parametrize(("function", "args", "kwargs"), WRITES)
def test_a_write_is_numpys(function, args, kwargs, dtype):
    def written(x):
        with np.errstate(all="ignore"):
            try:
                function(x, *args, **kwargs)
            except Exception as error:
                return type(error)
        return np.asarray(x).tolist()

    x = np.arange(5).astype(dtype)
    assert written(tg.Tensor(x.copy())) == written(x)


def test_equal_elements_of_a_set_send_everything_to_the_first():
    x = leaf([2.0, 1.0, 2.0])
    unique, first, inverse, counts = np.unique(x, True, True, True)
    unique.backward(np.array([3.0, 5.0]))
    np.testing.assert_array_equal(x.grad.data, [5, 3, 0])
    np.testing.assert_array_equal(first, [1, 0])
    np.testing.assert_array_equal(inverse, [1, 0, 1])
    np.testing.assert_array_equal(counts, [1, 2])


# Finite differences cannot check these, because a step would make equal numbers different.
# fmt: off
SETS = [
    (np.intersect1d, ([3.0, 1.0, 2.0], [2.0, 5.0, 3.0]), [1, 0, 1]),
    (np.setdiff1d,   ([3.0, 1.0, 2.0], [2.0, 5.0, 3.0]), [0, 1, 0]),
    (np.setxor1d,    ([3.0, 1.0, 2.0], [2.0, 5.0, 3.0]), [0, 1, 0]),
    (np.union1d,     ([3.0, 1.0, 2.0], [2.0, 5.0, 3.0]), [1, 1, 1]),
    (np.trim_zeros,  ([0.0, 0.0, 1.5, 0.0, 2.5, 0.0],), [0, 0, 1, 1, 1, 0]),
]
# fmt: on


@pytest.mark.parametrize(("function", "args", "expected"), SETS)
def test_of_sets(function, args, expected):
    x = leaf(args[0])
    result = function(x, *args[1:])
    np.testing.assert_array_equal(result.data, function(np.array(args[0]), *args[1:]))
    np.sum(result).backward()
    np.testing.assert_array_equal(x.grad.data, expected)


@pytest.mark.parametrize("obj", [1, [0, 2], slice(0, 2)])
def test_elements_are_inserted_and_deleted_where_tensors_say(obj):
    x = np.arange(4.0)
    where = obj if isinstance(obj, slice) else tg.Tensor(obj)
    np.testing.assert_array_equal(np.insert(leaf(x), where, 9.0).data, np.insert(x, obj, 9.0))
    np.testing.assert_array_equal(np.delete(leaf(x), where).data, np.delete(x, obj))
    np.testing.assert_array_equal(np.insert(x, obj, values=leaf(9.0)).data, np.insert(x, obj, 9.0))


def test_in_place_with_a_function_that_has_no_gradient():
    t = leaf([5.0, 7.0]) * 1
    t //= 2
    np.testing.assert_array_equal(t.data, [2, 3])
    assert not t.requires_grad


@pytest.mark.parametrize(
    "index",
    [((0, 0, 1),), range(2), ([0, 0],), tg.Tensor([0, 0]), (tg.Tensor([0, 0]),), np.uint8([1, 1])],
)
def test_whatever_numpy_makes_an_array_of_can_name_a_position_twice(index):
    x, plain = (
        leaf([2.0, 3.0]),
        tuple(map(np.asarray, index)) if isinstance(index, tuple) else np.asarray(index),
    )
    picked = x[index]
    np.sum(picked).backward()
    expected = np.zeros(2)
    np.add.at(expected, plain, 1.0)
    np.testing.assert_array_equal(x.grad.data, expected)
    t = leaf([2.0, 3.0]) * 1
    v = leaf(np.arange(1.0, 1 + picked.size))
    np.add.at(t, index, v)
    np.testing.assert_array_equal(t.data - [2, 3], np.bincount(np.ravel(plain), v.data, 2))
    np.sum(t).backward()
    np.testing.assert_array_equal(v.grad.data, np.ones(picked.size))
