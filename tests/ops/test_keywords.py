"""Keywords: supported, or refused at the call because they would lose a gradient; dtypes change as in NumPy."""

from contextlib import nullcontext

import numpy as np
import pytest

import tensorgrad as tg
from tensorgrad.ops.methods import call_with_keywords


def leaf(x=(1.0, 2.0, 3.0), dtype=None):
    return tg.Tensor(x, requires_grad=True, dtype=dtype)


OUT = np.zeros(3)

# fmt: off
UNSUPPORTED = [
    (lambda x: np.add(x, 1, out=OUT),                            r"add cannot write into out= with tensors"),
    (lambda x: np.exp(x, OUT),                                   r"exp cannot write into out= with tensors"),
    (lambda x: np.sum(x, out=OUT[0]),                            r"sum cannot write into out= with tensors"),
    (lambda x: np.nan_to_num(x, copy=False),                     r"cannot write into a tensor that requires a gradient"),
    (lambda x: np.quantile(x, 0.5, out=OUT),                     r"quantile cannot write into out= with tensors"),
    (lambda x: np.sum(x, initial=x[0]),                          r"sum takes no tensor as initial"),
    (lambda x: np.ldexp(x, tg.Tensor(1)) + np.ldexp(1.0, x),     r"ufunc 'ldexp' not supported"),
    (lambda x: np.power.reduce(x),                               r"NumPy's own value depends on how the array lies in memory"),
    (lambda x: np.multiply.at(x, [0], 2.0),                      r"it writes in place; assign to the tensor's elements"),
    (lambda x: np.subtract.reduce(x, where=[True, False, True]), r"subtract.reduce of tensors has no keyword where"),
    (lambda x: np.subtract.reduce(x[None], axis=(0, 1)),         r"'subtract' is not reorderable, so at most one axis"),
    (lambda x: np.cumulative_sum(x[None]),                       r"axis must be given for an array of 2 dimensions"),
    (lambda x: np.quantile(x + 1j, 0.5),                         r"must be an array of real numbers"),
    (lambda x: tg.sigmoid(x + 1j),                               r"take real numbers, but these are complex"),
    (lambda x: np.average(x, axis=0, weights=[1.0, 2.0]),                r"but have shape \(2,\)"),
    (lambda x: np.add(x, 1, sig="dd->d"),                        r"add of tensors has no keyword signature"),
    (lambda x: np.sqrt(x.astype(">f4"), casting="no"),           r"Cannot cast ufunc 'sqrt' input"),
    (lambda x: np.vecdot(x, x, axis=[0]),                        r"cannot be interpreted as an integer"),
    (lambda x: np.vecdot(x, x, keepdims="true"),                 r"takes keepdims=True or False"),
    (lambda x: OUT.sum(out=x[0]),                                r"sum cannot write into out= with tensors"),
    (lambda x: OUT.std(out=x[0]),                                r"sum cannot write into out= with tensors"),
    (lambda x: x.astype(object),                                 r"an array of objects, texts or times has no gradient; use a dtype of numbers"),
    (lambda x: np.astype(x, "U5"),                               r"an array of objects, texts or times has no gradient; use a dtype of numbers"),
]
# fmt: on


@pytest.mark.parametrize(("f", "message"), UNSUPPORTED, ids=[message for _, message in UNSUPPORTED])
def test_what_would_be_lost_is_refused(f, message):
    with pytest.raises((TypeError, ValueError), match=message):
        f(leaf())
    assert not OUT.any()


def test_weights_without_a_sum_have_no_average():
    with pytest.raises(ZeroDivisionError, match="weights that sum to 0"):
        np.average(leaf(), weights=[1.0, -1.0, 0.0])


@pytest.mark.parametrize("f", [np.sum, np.prod, np.cumsum, np.cumprod])
def test_a_result_of_integers_carries_no_gradient(f):
    out = f(leaf(), dtype=int)
    assert out.dtype == int
    assert not out.requires_grad


@pytest.mark.parametrize("f", [np.sum, np.mean, np.prod, np.var, np.std, np.cumsum, np.cumprod])
def test_a_wider_dtype_sends_back_the_narrower(f):
    x = leaf(dtype=np.float32)
    out = f(x, dtype=np.float64)
    assert out.dtype == np.float64
    np.sum(out).backward()
    assert x.grad.dtype == np.float32


def test_a_constant_takes_every_keyword_of_a_ufunc():
    with tg.no_grad():
        out = np.add(leaf(), 1, dtype=np.float32)
    assert out.dtype == np.float32
    assert np.multiply(tg.Tensor([2.0]), 3.0, dtype=np.float32).dtype == np.float32


def test_casting_to_integers_is_constant():
    assert type(np.astype(leaf(), int)) is np.ndarray
    assert type(leaf().astype(bool)) is np.ndarray


@pytest.mark.parametrize("f", [np.nanmax, np.nanmin, np.nanmedian])
def test_nothing_but_nan_warns_as_numpy_does(f):
    with pytest.warns(RuntimeWarning, match="All-NaN slice"):
        out = f(leaf([np.nan, np.nan]))
    assert np.isnan(out.data)


def test_a_variance_without_freedom_is_nan_as_in_numpy():
    with pytest.warns(RuntimeWarning, match="Degrees of freedom"), np.errstate(all="ignore"):
        out = np.var(leaf([1.0]), ddof=1)
    assert np.isnan(out.data)
    with np.errstate(all="ignore"):
        x = leaf([1.0])
        with pytest.warns(RuntimeWarning, match="Degrees of freedom"):
            np.var(x, ddof=1).backward()
    assert np.isnan(x.grad.data)


# fmt: off
UFUNC_CALLS = [  # ufunc, arguments, keywords; of float32
    (np.add,      ([1.0, 2.0, 3.0], 1.0),              {"where": [True, False, True]}),
    (np.divide,   (1.0, [0.0, 2.0, 4.0]),              {"where": [False, True, True]}),
    (np.divide,   (1.0, [0.0, 2.0, 4.0]),              {"where": [0, 1, 1]}),
    (np.divide,   ([1.0, 2.0], [[0.0, 2.0], [4.0, 0.0]]), {"where": [[False, True], [True, False]]}),
    (np.log,      ([0.0, -1.0, 2.0],),                 {"where": [False, False, True]}),
    (np.sqrt,     ([4.0, 9.0],),                       {"where": [[True], [False], [True]]}),
    (np.multiply, ([2.0, 3.0], [np.inf, 5.0]),         {"where": [False, True]}),
    (np.exp,      (0.5,),                              {"where": [True, False]}),
    (np.maximum,  ([1.0, -2.0], 0),                    {"dtype": np.float64}),
    (np.add,      ([1.0, 2.0], 1),                     {"dtype": np.complex64}),
    (np.multiply, ([1.0, 2.0], [3.0, 4.0]),            {"dtype": np.float16, "where": [True, False]}),
    (np.square,   ([1.0, 2.0],),                       {"order": "F", "subok": False}),
]
# fmt: on


@pytest.mark.parametrize(("ufunc", "args", "keywords"), UFUNC_CALLS)
def test_keywords_of_recorded_ufuncs(ufunc, args, keywords):
    leaves = [leaf(a, np.float32) if np.ndim(a) or len(args) == 1 else a for a in args]
    arrays = [t.data if isinstance(t, tg.Tensor) else t for t in leaves]
    found = call_with_keywords(ufunc, *leaves, **keywords)
    where = np.broadcast_to(keywords.get("where", True), found.shape)
    blank = {} if where.all() else {"out": np.zeros(found.shape, found.dtype)}
    np.testing.assert_array_equal(found.data, ufunc(*arrays, **keywords, **blank))
    assert found.dtype == ufunc(*arrays, **keywords, **blank).dtype
    np.sum(np.real(found)).backward()
    for t in leaves:
        if isinstance(t, tg.Tensor):
            assert t.grad.dtype == np.float32
            assert np.all(np.isfinite(t.grad.data))


def test_gradients_and_second_derivatives_where_asked():
    def f(x):
        return np.sum(call_with_keywords(np.divide, 1.0, x, where=[False, True, True]))

    at = np.array([0.0, 2.0, 4.0])
    np.testing.assert_allclose(tg.grad(f)(at), [0, -1 / 4, -1 / 16])
    np.testing.assert_allclose(tg.hessian(f)(at), np.diag([0, 2 / 8, 2 / 64]))


def test_what_where_leaves_out_comes_from_out():
    x, mask = leaf([0.0, 2.0]), np.array([False, True])
    buffer, fill = np.array([7.0, 8.0]), leaf([5.0, 6.0])
    found = call_with_keywords(np.divide, 1.0, x, out=(buffer,), where=mask)
    np.testing.assert_array_equal(found.data, [7, 0.5])
    np.testing.assert_array_equal(buffer, [7, np.nan])  # no number without its gradient
    out = fill * 1.0
    assert call_with_keywords(np.divide, 1.0, x, out, where=mask) is out
    np.sum(out).backward()
    np.testing.assert_array_equal(fill.grad.data, [1, 0])
    np.testing.assert_array_equal(x.grad.data, [0, -0.25])


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"out": OUT}, r"cannot write into out= with tensors"),
        ({"where": np.array([1.0, 0.0, 1.0])}, r"takes where= of booleans, but got dtype float64"),
        ({"dtype": int}, r"Cannot cast ufunc 'add'"),
        ({"where": OUT > 1, "out": np.zeros(3, int)}, r"cannot write a result of .* to out= of"),
        (
            {"where": OUT > 1, "out": np.zeros(4)},
            r"broadcast|cannot write a result of shape \(3,\)",
        ),
    ],
)
def test_what_numpy_refuses_of_a_ufunc_is_refused(keywords, message):
    with pytest.raises(TypeError, match=message):
        call_with_keywords(np.add, leaf(), 1.0, **keywords)


@pytest.mark.parametrize("recorded", [False, True])
@pytest.mark.parametrize("make", [lambda x: np.zeros(2), lambda x: np.zeros_like(x)])
def test_where_with_out_does_not_depend_on_recording(make, recorded):
    x = tg.Tensor([0.0, 2.0], requires_grad=recorded)
    with tg.no_grad() if not recorded else nullcontext():
        out = make(x)
        found = np.divide(1.0, x, out=out, where=x != 0)
    assert (type(found), found.requires_grad) == (tg.Tensor, recorded)
    np.testing.assert_array_equal(found.data, [0, 0.5])
    if not recorded:
        np.testing.assert_array_equal(out, [0, 0.5])  # as in NumPy


REDUCTIONS = [
    np.sum,
    np.prod,
    np.mean,
    np.max,
    np.min,
    np.var,
    np.std,
    np.nansum,
    np.nanmean,
    np.nanmax,
]


@pytest.mark.parametrize("function", REDUCTIONS)
@pytest.mark.parametrize("array", [np.array, list])
def test_a_mask_may_be_the_only_tensor(function, array):
    x, mask = [3.0, 1.0, 2.0], np.array([True, False, True])
    given = {"initial": 1.5} if function in (np.max, np.min, np.nanmax) else {}

    def f(mask):
        return function(array(x), where=mask, **given)

    assert np.asarray(f(tg.Tensor(mask))) == f(mask)
    if not function.__name__.startswith("nan"):  # whose text in NumPy asks for the values
        assert tg.compile(f)(mask) == f(mask)


# fmt: off
LISTS = {  # beside a list, the tensor is what says how many or where
    np.tile:                ([1.0, 2.0], 2),
    np.delete:              ([1.0, 2.0, 3.0], 1),
    np.array_split:         ([1.0, 2.0, 3.0], 2),
    np.split:               ([1.0, 2.0, 3.0], [1, 2]),
    np.hsplit:              ([1.0, 2.0, 3.0], [1]),
    np.vsplit:              ([[1.0, 2.0], [3.0, 4.0]], [1]),
    np.dsplit:              ([[[1.0, 2.0]]], 2),
    np.histogram_bin_edges: ([1.0, 2.0, 4.0], 3),
}
# fmt: on


@pytest.mark.parametrize("function", LISTS)
def test_a_count_may_be_the_only_tensor(function):
    x, count = LISTS[function]
    found, expected = function(x, tg.Tensor(count)), function(np.array(x), count)
    assert len(found) == len(expected)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_tensor_chooses_among_lists():
    found = np.choose(tg.Tensor([1, 0]), [[1.0, 2.0], [3, 4]])
    np.testing.assert_array_equal(found, [3, 2])
