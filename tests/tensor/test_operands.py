"""Operands that are no plain arrays: converted to numbers once, left to their owner, or refused."""

import copy
import math
import operator
import threading
from fractions import Fraction

import numpy as np
import pytest

import tensorgrad as tg

OBJECTS = np.array(
    [[True, 0.5], [True, 1.5], [True, 2.5]], dtype=object
)  # a DataFrame's to_numpy()


def leaf(*values, dtype=float):
    return tg.Tensor(np.array(values, dtype), requires_grad=True)


@pytest.mark.parametrize(
    "f",
    [
        lambda w, X: X * w,
        lambda w, X: w * X,
        lambda w, X: np.multiply(X, w),
        lambda w, X: (X * w).sum(axis=1) ** 2,
        lambda w, X: np.mean(X * w, axis=0),
        lambda w, X: np.cumsum(X * w, axis=0),
        lambda w, X: (X @ w) ** 2,
        lambda w, X: np.dot(X, w),
        lambda w, X: np.where(X > 1, w, X),
        lambda w, X: np.linalg.norm(X - w),
        lambda w, X: np.einsum("ij,j->i", X, w),
        lambda w, X: np.stack([X[0], w]) ** 2,
        lambda w, X: np.hstack([X[0], w]) ** 2,
        lambda w, X: np.convolve(X[:, 1], w),
        lambda w, X: np.interp(w, X[:, 1], X[:, 1] ** 2),
        lambda w, X: np.average(w, weights=X[0]),
        lambda w, X: np.linalg.solve(X[1:], w),
        lambda w, X: np.meshgrid(w, X[:, 1])[0] ** 2,
    ],
)
def test_an_object_array_of_numbers_counts_as_numbers(f):
    w = np.array([0.1, 0.2])
    found = tg.grad(lambda w: np.sum(f(w, OBJECTS)))(w)
    np.testing.assert_allclose(found, tg.grad(lambda w: np.sum(f(w, OBJECTS.astype(float))))(w))


@pytest.mark.parametrize(
    "f",
    [
        lambda w, _X: w * np.array([1, 2], "m8[s]"),
        lambda w, _X: np.sum(w * np.array([1, 2], "m8[s]"), axis=0),
        lambda w, _X: w * np.array(["a", "b"]),
        lambda w, _X: w * np.array([None, 1.0]),
    ],
)
def test_a_recorded_operand_never_leads_to_an_unrecorded_result(f):
    with pytest.raises(TypeError, match=r"numbers|no gradient|dtype"):
        f(leaf(0.1, 0.2), OBJECTS)


@pytest.mark.filterwarnings("ignore:the matrix subclass")
@pytest.mark.parametrize("make", [np.ma.masked_array, np.matrix])
@pytest.mark.parametrize(
    "f",
    [
        lambda x, m: x * m,
        lambda x, m: m * x,
        lambda x, m: np.multiply(x, m),
        lambda x, m: np.multiply(m, x),
        lambda x, m: np.where(x > 0, m, x),
        lambda _x, m: tg.Tensor(m),
    ],
)
def test_masks_and_matrices_are_refused(make, f):
    with pytest.raises(TypeError, match=r"plain arrays|lose the gradient"):
        f(leaf(1.0, 2.0), make([1.0, 3.0]))


def test_a_memory_map_is_an_array(tmp_path):
    m = np.memmap(tmp_path / "x", float, "w+", shape=(2,))
    m[:] = 3.0, 4.0
    assert tg.grad(lambda x: np.sum(x * m))(np.ones(2)).tolist() == [3.0, 4.0]


class Refuses:
    """An operand that refuses ufuncs."""

    __array_ufunc__ = None

    def __rmul__(self, other):
        return "deferred"

    __rpow__ = __rmatmul__ = __radd__ = __rmul__


class Prior(Refuses):
    """An operand that comes first by the older protocol."""

    __array_priority__ = 10
    del_ufunc = None


class Plain:
    """An operand of which NumPy knows nothing."""

    def __rmul__(self, other):
        return "deferred"

    __rpow__ = __rmatmul__ = __radd__ = __rmul__


@pytest.mark.parametrize("kind", [Refuses, Prior, Plain])
@pytest.mark.parametrize("t", [leaf(1.0, 2.0), tg.Tensor([1.0, 2.0])])
def test_an_operator_defers_where_ndarray_does(kind, t):
    for result in (t * kind(), t + kind(), t @ kind(), t ** kind()):
        assert result == "deferred"
    with tg.trace():
        assert t * kind() == "deferred"


class Older:
    """An operand that comes first by the older protocol alone, though it is an array, too."""

    __array_priority__ = 10.0

    def __rmul__(self, other):
        return "deferred"

    def __array__(self, dtype=None, copy=None):
        return np.array([3.0, 4.0], dtype)


class Later(Older):
    """An operand that comes last by the older protocol."""

    __array_priority__ = -10.0


class Ufuncs(Later):
    """An operand with ufuncs of its own, which count for more."""

    def __array_ufunc__(self, ufunc, method, *args, **kwargs):
        return "computed"


class ArraysUfuncs(Later):
    """An operand with the ufuncs of an ndarray."""

    __array_ufunc__ = np.ndarray.__array_ufunc__


@pytest.mark.parametrize("t", [leaf(1.0, 2.0), tg.Tensor([1.0, 2.0])])
def test_priorities_of_operands_are_numpys(t):
    assert t * Older() == t * Ufuncs() == "deferred"
    for kind in (Later, ArraysUfuncs):
        assert (t * kind()).tolist() == [3.0, 8.0]


def test_numbers_lists_and_arrays_do_not_take_the_operation_over():
    t = leaf(1.0, 2.0)
    for other in (2, 2.0, 1j, True, np.float32(2), [3, 4], (3, 4), np.ones(2), np.ones((2, 2))):
        assert isinstance(t * other, tg.Tensor)
        assert isinstance(other * t, tg.Tensor)


@pytest.mark.parametrize("f", [operator.floordiv, operator.mod, operator.and_, divmod])
def test_operators_without_a_rule_defer_too(f):
    class Owner:
        __array_ufunc__ = None

        def take_over(self, _other):
            return "owner"

        __rfloordiv__ = __rmod__ = __rand__ = __rdivmod__ = take_over

    assert f(tg.Tensor([1.0, 2.0]), Owner()) == "owner"
    assert f(leaf(1.0, 2.0), Owner()) == "owner"


@pytest.mark.parametrize("make", [leaf, lambda *x: tg.Tensor(x), lambda *_x: tg.Tensor([1, 2])])
@pytest.mark.parametrize(
    "f", [np.floor_divide, np.logical_and, np.less, np.divmod, np.floor_divide.outer]
)
def test_a_result_without_a_gradient_holds_no_objects(make, f):
    t, objects = make(1.0, 2.0), np.array([True, 1.5], object)
    for found, right in (
        (f(t, objects), f(t.data, objects.astype(float))),
        (f(objects, t), f(objects.astype(float), t.data)),
    ):
        pairs = zip(found, right, strict=True) if f is np.divmod else [(found, right)]
        for a, b in pairs:
            np.testing.assert_array_equal(getattr(a, "data", a), b)
            assert a.dtype == b.dtype
    if f is not np.less:
        with pytest.raises(TypeError, match="a tensor calculates with numbers"):
            f(t, Fraction(1, 2))


@pytest.mark.parametrize(
    "f",
    [
        lambda t, x: np.quantile(x, t / 4),
        lambda t, x: np.linspace(t, x),
        lambda t, x: np.convolve(t, x),
        lambda t, x: np.polyadd(t, x),
        lambda t, x: np.concatenate([t, x]),
        lambda t, x: np.cov(t, x),
        lambda t, x: np.histogram(t, bins=x)[1],
    ],
)
def test_objects_beside_a_constant_are_numbers_as_well(f):
    objects, t = np.array([1.0, 1.5], object), tg.Tensor([1.0, 2.0])
    found, right = f(t, objects), f(t, objects.astype(float))
    assert found.dtype == right.dtype == float
    np.testing.assert_array_equal(found, right)


def test_operators_without_a_rule_take_objects_as_numbers():
    row = OBJECTS[0]
    quotient, rest = divmod(leaf(2.0, 2.0), row)
    assert quotient.dtype == rest.dtype == (leaf(2.0, 2.0) // row).dtype == float
    with pytest.raises(TypeError, match="a tensor calculates with numbers, but was given 'text'"):
        leaf(1.0) // "text"


def test_a_constant_takes_a_series_in_place():
    pandas = pytest.importorskip("pandas")
    t = tg.Tensor([1.0, 2.0])
    t += pandas.Series([10.0, 20.0], index=["a", "b"])
    assert type(t) is tg.Tensor
    assert type(t.data) is np.ndarray
    assert t.tolist() == [11.0, 22.0]
    with pytest.raises(TypeError):  # and not an array of objects
        t + pandas.NA


@pytest.mark.parametrize("other", [None, "text", np.array([None, 1.0])])
def test_where_makes_no_objects_and_texts_of_recorded_numbers(other):
    with pytest.raises(TypeError, match=r"calculates with numbers|which has no gradient"):
        np.where([True, False], leaf(1.0, 2.0), other)


def test_where_takes_objects_as_numbers():
    t = leaf(1.0, 2.0)
    assert np.where([True, False], t, np.array([True, 3.0], object)).dtype == float


def test_labels_stay_with_xarray_and_so_does_the_gradient():
    xarray = pytest.importorskip("xarray")
    base = xarray.DataArray([1.0, 2.0, 3.0], dims="time")
    for f in (lambda x: x * base, lambda x: base * x):
        assert isinstance(f(leaf(1.0, 2.0, 3.0)), xarray.DataArray)
        assert tg.grad(lambda x, f=f: np.sum(f(x).data))(2.0) == 6.0
    assert tg.grad(lambda x: np.sum((x * (base * x)).data))(2.0) == 24.0
    assert isinstance((base * leaf(1.0, 2.0, 3.0)).copy(deep=True).data, tg.Tensor)


def test_pandas_holds_constants_and_a_recorded_tensor_stays_one():
    pandas = pytest.importorskip("pandas")
    series = pandas.Series([1.0, 2.0])
    assert isinstance(leaf(1.0, 2.0) * series, tg.Tensor)
    assert isinstance(series * leaf(1.0, 2.0), tg.Tensor)
    assert isinstance(tg.Tensor([1.0, 2.0]) * series, pandas.Series)
    assert isinstance(series * tg.Tensor([1.0, 2.0]), pandas.Series)


def test_units_are_not_lost():
    units = pytest.importorskip("astropy.units")
    with pytest.raises(TypeError, match="Quantity"):
        leaf(1.0, 2.0) * (np.ones(2) * units.km)


@pytest.mark.parametrize(
    "write",
    [
        lambda x, y: np.fix(x, y),
        lambda x, y: np.round(x, 0, y),
        lambda x, y: np.around(x, 0, y),
        lambda x, y: np.all(np.stack([x, x]), 0, y),
        lambda x, y: np.any(np.stack([x, x]), 0, y),
        lambda x, y: np.isposinf(x, y),
        lambda x, y: np.floor(x, y),
        lambda x, y: np.greater(x, 0, y),
        lambda x, y: np.round(x, out=y),
    ],
)
def test_nothing_writes_into_a_recorded_tensor_behind_the_record(write):
    y = leaf(1.5, 2.5) * 1.0
    with pytest.raises(TypeError, match="write"):
        write(np.array([7.3, -8.9]), y)
    assert y.tolist() == [1.5, 2.5]


def test_comparisons_with_text_and_none_are_false_as_in_numpy():
    t = leaf(1.0)
    assert not np.any(t == "auto")
    assert np.all(t != "auto")
    assert t not in ["auto", "full"]
    assert not np.any(t == None)  # noqa: E711
    assert (t == tg.Tensor([1.0])).tolist() == [True]


def test_threads_that_share_a_leaf_lose_no_gradient():
    x, n = leaf(*np.zeros(1000)), 200

    def work():
        for _ in range(n):
            np.sum(x).backward()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    np.testing.assert_array_equal(x.grad.data, 4 * n)


def test_sums_of_half_precision_go_beyond_2048():
    b = leaf(1, 1, 1, dtype=np.float16)
    np.sum(np.zeros((5000, 3), np.float16) + b).backward()
    assert b.grad.dtype == np.float16
    np.testing.assert_array_equal(b.grad.data, 5000)


def test_name_and_retained_gradient_survive_a_write():
    x = leaf(1.0, 2.0)
    y = x * 1.0
    y.name = "y"
    y.retain_grad()
    y += 3.0
    y[0] = 5.0
    np.sum(y * y).backward()
    assert y.name == "y"
    assert y.grad.tolist() == [10.0, 10.0]
    assert x.grad.tolist() == [0.0, 10.0]


def test_a_buffer_that_a_rule_returns_stays_the_users():
    buffer = np.zeros(5)

    @tg.primitive
    def double(x):
        return 2 * x

    def rule(g, _out, _x):
        buffer[:2] = 2 * g
        return buffer[:2]

    tg.rule(double, rule)
    x = leaf(1.0, 2.0)
    np.sum(double(x)).backward()
    first = x.grad
    np.sum(double(x) * 10.0).backward()
    assert first.tolist() == [2.0, 2.0]
    assert x.grad.tolist() == [22.0, 22.0]
    assert buffer.flags.writeable


def test_attributes_of_an_array():
    array = np.arange(6.0).reshape(2, 3)
    t = tg.Tensor(array, requires_grad=True)
    for name in ("nbytes", "itemsize", "strides", "device", "shape", "ndim", "size", "dtype"):
        assert getattr(t, name) == getattr(array, name)
    assert t.flags.c_contiguous
    assert t.to_device("cpu") is t
    with pytest.raises(ValueError, match="cuda"):
        t.to_device("cuda")
    assert t.__array_namespace__() is np
    assert t.item(1, 2) == 5.0
    assert t.tobytes() == array.tobytes()
    assert tg.grad(lambda x: x.flat[1] ** 2)(array).tolist() == [[0, 2, 0], [0, 0, 0]]
    with pytest.raises(TypeError, match=r"np\.ravel"):
        _ = t.T.flat
    y = t * 1.0
    y.flat[4] = 9.0
    assert y.tolist() == [[0, 1, 2], [3, 9, 5]]
    assert isinstance(t.view(), tg.Tensor)
    with pytest.raises(TypeError, match=r"\.data\.view"):
        t.view(np.int64)
    assert tg.Tensor(array).view(np.int64).dtype == np.int64


def test_recorded_numbers_are_rounded_and_formatted_but_not_made_floats():
    loss = leaf(1.5)[0] * 2.1
    assert round(loss, 1) == 3.2
    assert f"{loss:.2f}" == "3.15"
    for f in (float, math.isfinite, math.sin, lambda t: "%.3f" % t):  # noqa: UP031
        with pytest.raises(TypeError, match=r"\.item\(\)"):
            f(loss)


def test_a_deep_copy_of_a_recorded_tensor_is_recorded():
    x = leaf(1.0, 2.0)
    y = copy.deepcopy(x * 3.0)
    np.sum(y).backward()
    assert x.grad.tolist() == [3.0, 3.0]
    twin = copy.deepcopy(x)
    assert twin.is_leaf
    assert twin.requires_grad
    assert twin.grad is None


def test_view_takes_a_class_of_arrays():
    t = tg.Tensor([1.0, 2.0])
    for view in (t.view(np.memmap), t.view(type=np.memmap), t.view(float, np.memmap)):
        assert type(view) is np.memmap
        assert np.shares_memory(view, t.data)
    assert t.view(np.float32, np.memmap).dtype == np.float32
    for x in (t, t.data):
        with pytest.raises(ValueError, match="sub-type of ndarray"):
            x.view(type=3)
    with pytest.raises(TypeError, match="would lose the gradient"):
        leaf(1.0).view(type=np.memmap)


@pytest.mark.parametrize("make", [leaf, lambda *x: tg.Tensor(np.array(x))])
def test_reshape_copies_if_asked(make):
    t = make(1.0, 2.0, 3.0, 4.0)
    assert np.shares_memory(t.reshape(2, 2, copy=False).data, t.data)
    copied = t.reshape((2, 2), copy=True)
    assert not np.shares_memory(copied.data, t.data)
    copied[0] = 9.0
    assert t.tolist() == [1.0, 2.0, 3.0, 4.0]
    with pytest.raises(ValueError, match="Unable to avoid creating a copy"):
        t.reshape(2, 2).T.reshape(4, copy=False)


def test_messages_name_the_ufunc_of_a_method():
    with pytest.raises(TypeError, match=r"^power\.reduce of tensors that require a gradient: "):
        np.power.reduce(leaf(1.0, 2.0))


def test_an_array_of_objects_that_is_written_to_stays_itself():
    for write in (
        lambda a, t: np.put(a, [0, 1], t),
        lambda a, t: np.putmask(a, [True, True], t),
        lambda a, t: np.place(a, [True, True], t),
        lambda a, t: np.copyto(a, t),
        lambda a, t: np.put_along_axis(a, np.array([0, 1]), t, 0),
    ):
        array = np.array([None, 0], object)
        write(array, tg.Tensor([3.0, 4.0]))
        assert array.tolist() == [3.0, 4.0]
        with pytest.raises(TypeError, match="would lose the gradient"):
            write(np.array([1, 2], object), leaf(3.0, 4.0))
