"""Tensor: what it holds, its operators and methods, writing to it, and its gradients."""

import copy
import math
import pickle

import numpy as np
import pytest

import tensorgrad as tg
from tensorgrad import Tensor
from tensorgrad.engine.node import NAMES

FLOATS = ["float16", "float32", "float64", "complex64", "complex128"]
V = np.array([1.0, 2.0, 3.0])


def leaf(value, name=None, dtype=None):
    return Tensor(value, requires_grad=True, name=name, dtype=dtype)


def backward(t):
    np.sum(t).backward()


# The constructor


@pytest.mark.parametrize(
    ("data", "dtype"),
    [
        (1.5, "float64"),
        (3, "int64"),
        (True, "bool"),
        (2j, "complex128"),
        ([1, 2.5], "float64"),
        ([[1, 2], [3, 4]], "int64"),
        ((1.0, 2.0), "float64"),
        (np.float32(2), "float32"),
        (np.ones(3, np.float16), "float16"),
        (np.arange(3, dtype=np.uint8), "uint8"),
        (np.array(2.0), "float64"),
        (range(3), "int64"),
        ([], "float64"),
    ],
)
def test_constructor_follows_numpy(data, dtype):
    t, a = Tensor(data), np.asarray(data)
    assert (t.shape, t.ndim, t.size, t.dtype) == (a.shape, a.ndim, a.size, np.dtype(dtype))
    assert type(t.data) is np.ndarray
    assert not t.requires_grad
    assert t.is_leaf
    assert t.grad is None
    np.testing.assert_array_equal(t.data, a)


def test_dtype_can_be_asked_for():
    assert Tensor([1, 2], dtype=np.float32).dtype == np.float32
    assert leaf([1, 2], dtype=float).requires_grad


def test_a_tensor_of_a_tensor_is_a_constant_of_its_value():
    x = leaf(V)
    t = Tensor(x.detach() * 2.0)
    assert not t.requires_grad
    assert t.tolist() == [2, 4, 6]


def test_a_leaf_copies_its_data_and_a_constant_shares_it():
    a = np.ones(3)
    x, c = leaf(a), Tensor(a)
    a[0] = 5.0
    assert x.tolist() == [1, 1, 1]
    assert c.tolist() == [5, 1, 1]


@pytest.mark.parametrize("data", [[1, 2], 3, True, np.arange(3)])
def test_integers_have_no_gradient(data):
    with pytest.raises(TypeError, match=r"has dtype \w+; write 1\.0 for 1, or pass dtype=float"):
        Tensor(data, requires_grad=True)


@pytest.mark.parametrize(
    ("data", "dtype"), [("one", "<U3"), (None, "object"), ([{}, {}], "object"), (["a", "b"], "<U1")]
)
def test_only_numbers(data, dtype):
    with pytest.raises(TypeError, match=f"a Tensor holds numbers, but the data has dtype {dtype}"):
        Tensor(data)


@pytest.mark.parametrize("data", [2**70, [2**70, 1], -(2**65)])
def test_integers_of_more_than_64_bits_name_the_remedy(data):
    with pytest.raises(TypeError, match="dtype=float for integers of more than 64 bits"):
        Tensor(data)
    assert np.array_equal(Tensor(data, dtype=float).data, np.array(data, float))


def test_ragged_lists_are_refused_by_numpy():
    with pytest.raises(ValueError, match="inhomogeneous"):
        Tensor([[1.0, 2.0], [3.0]])


def test_no_other_attributes():
    with pytest.raises(AttributeError):
        leaf(1.0).colour = "red"


# Its attributes and its text

REPR = {
    "Tensor([1., 2., 3.], dtype=float64)": lambda: Tensor(V),
    "Tensor([1., 2., 3.], dtype=float64, requires_grad=True)": lambda: leaf(V),
    "Tensor(2., dtype=float32, requires_grad=True, name='w')": lambda: leaf(np.float32(2), "w"),
    "Tensor([2., 3., 4.], dtype=float64, op=add)": lambda: leaf(V) + 1,
    "Tensor(6., dtype=float64, op=sum)": lambda: np.sum(leaf(V)),
    "Tensor([1, 2], dtype=int64)": lambda: Tensor([1, 2]),
    "Tensor([], dtype=float64)": lambda: Tensor([]),
}


@pytest.mark.parametrize(("text", "make"), REPR.items(), ids=REPR)
def test_repr(text, make):
    assert repr(make()) == str(make()) == text


def test_repr_of_large_tensors_is_short():
    assert len(repr(leaf(np.ones((500, 500))))) < 500


def test_repr_aligns_the_rows_of_a_matrix():
    assert repr(Tensor(np.eye(2))) == "Tensor([[1., 0.],\n        [0., 1.]], dtype=float64)"


def test_repr_names_the_op_after_backward():
    y = np.exp(leaf(1.0))
    y.backward()
    assert "op=exp" in repr(y)


def test_format():
    loss = np.mean(leaf(V))
    assert f"{loss:.3f}" == "2.000"
    assert f"{leaf(V)}" == str(leaf(V))
    with pytest.raises(TypeError, match="unsupported format string"):
        format(leaf(V), ".3f")


def test_names():
    x = leaf(V, name="x")
    assert x.name == "x"
    y = x * 2
    assert y.name is None
    y.name = "y"
    assert y.name == "y"
    assert "name='y'" in repr(y)
    c = Tensor(V, name="c")
    c.name = "d"
    assert c.name == "d"
    assert (c * 2).name is None
    assert x.detach().name is None


def test_a_name_can_be_taken_away():
    for t in (leaf(V, name="x"), Tensor(V, name="x"), leaf(V)):
        t.name = None
        assert t.name is None


def test_names_of_what_is_gone_leave_nothing_behind():
    before = len(NAMES._found)
    kept = [Tensor(V, name="kept")]
    for _ in range(10):
        leaf(V, name="x")
        Tensor(V, name="c")
    assert len(NAMES._found) == before + len(kept)


def test_op_and_inputs():
    x, c = leaf(V), 2.0 * np.ones(3)
    y = x * c
    assert y.op is np.multiply
    assert x.op is None
    assert x.inputs == ()
    assert y.inputs[0] is None  # nobody asks for the gradient of c, which would read x
    assert y.inputs[1] is c
    assert np.exp(y).op is np.exp
    z = y * y
    assert z.inputs[0].node is y.node
    backward(z)
    assert z.inputs == ()


def test_a_constant_has_no_inputs():
    assert Tensor(V).inputs == ()
    assert Tensor(V).op is None


# Leaving the graph


def test_detach_numpy_item_tolist():
    x = leaf(V)
    y = x * 2
    d = y.detach()
    assert not d.requires_grad
    assert d.data is y.data
    assert d.numpy() is d.data
    assert y.tolist() == [2, 4, 6]
    assert np.sum(y).item() == 12.0
    assert isinstance(np.sum(y).item(), float)
    with pytest.raises(ValueError, match="size 1"):
        y.item()


@pytest.mark.parametrize("f", [np.asarray, np.array, Tensor.numpy, lambda t: np.array([t, t])])
def test_an_ndarray_of_a_recorded_tensor_is_refused(f):
    with pytest.raises(TypeError, match=r"would lose the gradient; use \.detach\(\) or \.data"):
        f(leaf(V))


@pytest.mark.parametrize("f", [np.asarray, np.array, Tensor.numpy])
def test_an_ndarray_of_a_constant_is_its_value(f):
    assert type(f(Tensor(V))) is np.ndarray
    np.testing.assert_array_equal(f(Tensor(V)), V)
    with tg.no_grad():
        np.testing.assert_array_equal(f(leaf(V)), V)


def test_asarray_rules():
    t = Tensor(V)
    assert np.asarray(t) is t.data
    assert np.array(t) is not t.data
    assert np.asarray(t, dtype=np.float32).dtype == np.float32
    assert np.asarray(t, copy=False) is t.data
    with pytest.raises(ValueError, match="copy"):
        np.asarray(t, dtype=np.float32, copy=False)


def test_python_numbers():
    x = Tensor(2.5)
    assert float(x) == 2.5
    assert int(x) == 2
    assert complex(x) == 2.5 + 0j
    assert math.sqrt(Tensor(4.0)) == 2.0
    with tg.no_grad():
        assert float(leaf(2.5)) == 2.5
    assert [10, 20, 30][Tensor(1)] == 20
    assert bool(x)
    assert not Tensor(0)
    with pytest.raises(ValueError, match="ambiguous"):
        bool(leaf(V))
    with pytest.raises(TypeError):
        float(Tensor(V))


@pytest.mark.parametrize("f", [float, complex, math.sqrt])
def test_a_plain_number_of_a_recorded_tensor_is_refused(f):
    with pytest.raises(TypeError, match=r"would lose the gradient; use \.item\(\) .* np\.stack"):
        f(leaf(2.5))


def test_len_and_iteration():
    x = leaf(np.arange(6.0).reshape(3, 2))
    assert len(x) == 3
    rows = list(x)
    assert [r.tolist() for r in rows] == [[0, 1], [2, 3], [4, 5]]
    backward(rows[1] * 2)
    assert x.grad.tolist() == [[0, 0], [2, 2], [0, 0]]
    a, b, _ = leaf(V)
    (a * b).backward()
    with pytest.raises(TypeError, match="unsized"):
        len(leaf(1.0))
    with pytest.raises(TypeError):
        iter(leaf(1.0))
    assert 2.0 in leaf(V)
    assert 5.0 not in leaf(V)


def test_hash_is_by_identity_and_equality_by_element():
    x, y = leaf(V), leaf(V)
    assert (x == y).tolist() == [True] * 3
    assert type(x == y) is np.ndarray
    assert len({x, y}) == 2
    assert {x: 1}[x] == 1


# Operators

BINARY = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "**": lambda a, b: a**b,
}
OTHERS = {
    "tensor": lambda: Tensor([2.0, 3.0, 4.0]),
    "leaf": lambda: leaf([2.0, 3.0, 4.0]),
    "ndarray": lambda: np.array([2.0, 3.0, 4.0]),
    "int array": lambda: np.array([2, 3, 4]),
    "matrix": lambda: np.array([[2.0], [3.0]]),
    "0-d": lambda: np.array(2.0),
    "float": lambda: 2.0,
    "int": lambda: 2,
    "bool": lambda: True,
    "float32": lambda: np.float32(2),
    "float64": lambda: np.float64(2),
    "int8": lambda: np.int8(2),
    "list": lambda: [2.0, 3.0, 4.0],
    "tuple": lambda: (2, 3, 4),
}


def value(x):
    return x.data if isinstance(x, Tensor) else np.asarray(x) if isinstance(x, (list, tuple)) else x


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
@pytest.mark.parametrize("f", BINARY.values(), ids=BINARY)
def test_operators_from_both_sides(f, other):
    for flip in (False, True):
        x, b = leaf(V), other()
        y = f(b, x) if flip else f(x, b)
        expected = f(value(b), V) if flip else f(V, value(b))
        assert type(y) is Tensor
        np.testing.assert_array_equal(y.data, expected)
        assert y.dtype == expected.dtype
        backward(y)
        h = 1e-6
        up, down = (f(value(b), V + d) if flip else f(V + d, value(b)) for d in (h, -h))
        slope = (up - down) / (2 * h)
        np.testing.assert_allclose(x.grad.data, slope.reshape(-1, 3).sum(0), rtol=1e-6)
        assert x.grad.dtype == x.dtype


def test_matmul_from_both_sides():
    A = np.arange(6.0).reshape(2, 3)
    for make in (lambda a: a, lambda a: a.tolist(), leaf):
        x = leaf(V)
        y = make(A) @ x
        assert y.tolist() == (A @ V).tolist()
        backward(y)
        assert x.grad.tolist() == A.sum(0).tolist()
        z = leaf(V) @ make(A.T)
        assert z.tolist() == (V @ A.T).tolist()


def test_unary_operators():
    x = leaf([-1.0, 2.0])
    assert (-x).tolist() == [1, -2]
    assert (+x).tolist() == [-1, 2]
    assert abs(x).tolist() == [1, 2]
    assert (~Tensor([True, False])).tolist() == [False, True]
    backward(abs(-x))
    assert x.grad.tolist() == [-1, 1]


COMPARE = {
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


@pytest.mark.parametrize("f", COMPARE.values(), ids=COMPARE)
@pytest.mark.parametrize("b", [2.0, 2, np.float64(2), np.array([1.0, 2.5, 3.0]), Tensor(2.0)])
def test_comparisons_are_plain_arrays(f, b):
    for got, expected in (
        (f(leaf(V), b), f(V, value(b))),
        (f(b, leaf(V)), f(value(b), V)),
    ):
        assert type(got) is np.ndarray
        np.testing.assert_array_equal(got, expected)


def test_integer_and_bit_operators_are_constants():
    t = Tensor([5, 6, 7])
    assert (t // 2).tolist() == [2, 3, 3]
    assert (t % 2).tolist() == [1, 0, 1]
    assert (t & 4).tolist() == [4, 4, 4]
    assert (t | 8).tolist() == [13, 14, 15]
    assert (t ^ 1).tolist() == [4, 7, 6]
    assert (t << 1).tolist() == [10, 12, 14]
    assert (1 << Tensor([1, 2])).tolist() == [2, 4]


@pytest.mark.parametrize("dtype", FLOATS)
def test_dtypes_are_kept_by_value_and_gradient(dtype):
    x = leaf(np.array([0.5, 1.5], dtype))
    y = np.sin(x * 2 + 1) / (x**2 + 3.0) - np.mean(x)
    assert y.dtype == dtype
    loss = np.sum(np.real(y))
    loss.backward()
    assert x.grad.dtype == dtype


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        (np.float32, 2.0, np.float32),
        (np.float32, 2, np.float32),
        (np.float16, 1e-3, np.float16),
        (np.float32, np.float64(2), np.float64),
        (np.float32, np.array(2.0), np.float64),
        (np.float32, np.arange(2), np.float64),
        (np.float32, np.arange(2, dtype=np.int8), np.float32),
        (np.float32, 1j, np.complex64),
        (np.float64, np.float32(1), np.float64),
    ],
)
def test_promotion_is_numpys(a, b, expected):
    x = leaf(np.ones(2, a))
    y = x * b
    assert y.dtype == expected == (np.ones(2, a) * b).dtype
    np.sum(np.real(y)).backward()
    assert x.grad.dtype == a  # the gradient comes back to the dtype of what it is of


def test_a_narrower_complex_operand_gets_a_complex_gradient():
    x = leaf(np.array([1 + 1j, 2j], np.complex64))
    y = x * np.array([3 + 4j, 2.0])
    assert y.dtype == np.complex128
    np.sum(np.real(y)).backward()
    assert x.grad.dtype == np.complex64
    assert x.grad.tolist() == [3 - 4j, 2]


def test_zero_d_values_stay_tensors():
    x = leaf(2.0)
    y = x * x + 1.0
    assert type(y) is Tensor
    assert y.shape == ()
    assert type(y.data) is np.ndarray
    assert type(x[...]) is Tensor
    y.backward()
    assert type(x.grad) is Tensor
    assert x.grad.shape == ()


@pytest.mark.parametrize(
    "write",
    [
        lambda t: np.add(t, 1.0, out=np.zeros(3)),
        lambda t: np.exp(t, out=np.zeros(3)),
        lambda t: np.add(V, 1.0, out=t),
        lambda t: np.sum(t, out=np.array(0.0)),
    ],
)
def test_out_is_refused(write):
    with pytest.raises(TypeError, match="cannot write"):
        write(leaf(V))


def test_an_ndarray_cannot_take_a_tensor_in_place():
    a = np.ones(3)
    with pytest.raises(TypeError, match="cannot write into out="):
        a += leaf(V)
    assert a.tolist() == [1, 1, 1]


def test_an_item_of_an_ndarray_cannot_be_a_recorded_tensor():
    a = np.ones(3)
    with pytest.raises(TypeError, match="would lose the gradient"):
        a[:] = leaf(V)
    with pytest.raises(ValueError, match="setting an array element") as caught:
        a[0] = leaf(5.0)
    assert "would lose the gradient" in str(caught.value.__cause__)
    assert a.tolist() == [1, 1, 1]


# Methods

METHODS = {
    "sum": lambda t: t.sum(axis=0),
    "mean": lambda t: t.mean(axis=1, keepdims=True),
    "max": lambda t: t.max(),
    "min": lambda t: t.min(axis=1),
    "prod": lambda t: t.prod(axis=0),
    "var": lambda t: t.var(ddof=1),
    "std": lambda t: t.std(axis=0),
    "reshape": lambda t: t.reshape(3, 2),
    "reshape tuple": lambda t: t.reshape((3, -1)),
    "reshape order": lambda t: t.reshape(3, 2, order="F"),
    "flatten order": lambda t: t.flatten("F"),
    "mT": lambda t: t.mT,
    "divmod": lambda t: divmod(t, 2)[1],
    "rdivmod": lambda t: divmod(7, t)[1],
    "ravel": lambda t: t.ravel(),
    "flatten": lambda t: t.flatten(),
    "transpose": lambda t: t.transpose(),
    "transpose axes": lambda t: t.transpose(1, 0),
    "transpose tuple": lambda t: t.transpose((1, 0)),
    "T": lambda t: t.T,
    "squeeze": lambda t: t.reshape(2, 1, 3).squeeze(1),
    "swapaxes": lambda t: t.swapaxes(0, 1),
    "clip": lambda t: t.clip(1.5, 4.5),
    "cumsum": lambda t: t.cumsum(axis=1),
    "dot": lambda t: t.dot(np.ones((3, 2))),
    "take": lambda t: t.take([0, 2], axis=1),
    "astype": lambda t: t.astype(np.float32),
    "copy": lambda t: t.copy(),
    "conj": lambda t: t.conj(),
    "real": lambda t: t.real,
    "compress": lambda t: t.compress([True, False, True], axis=1),
    "repeat": lambda t: t.repeat(2, axis=0),
    "trace": lambda t: t.trace(),
    "diagonal": lambda t: t.diagonal(),
    "cumprod": lambda t: t.cumprod(axis=1),
}


@pytest.mark.parametrize("f", METHODS.values(), ids=METHODS)
def test_methods_are_numpys(f):
    a = np.arange(1.0, 7.0).reshape(2, 3)
    x = leaf(a)
    y, expected = f(x), f(a)
    np.testing.assert_array_equal(y.data, expected)
    assert y.dtype == expected.dtype
    assert y.requires_grad
    backward(y)
    assert (x.grad.shape, x.grad.dtype) == (x.shape, x.dtype)


@pytest.mark.parametrize("name", ["argmax", "argmin", "all", "any", "argsort", "nonzero", "round"])
def test_constant_methods_return_arrays(name):
    got, expected = getattr(leaf(V), name)(), getattr(V, name)()
    assert not isinstance(got, Tensor)
    np.testing.assert_array_equal(got, expected)


# Writing

INDICES = {
    "integer": 1,
    "negative": -1,
    "numpy integer": np.int64(2),
    "row and column": (1, 2),
    "slice": slice(1, 3),
    "step": slice(None, None, -2),
    "ellipsis": ...,
    "ellipsis and column": (..., 0),
    "newaxis": (None, slice(None), 1),
    "column": (slice(None), 1),
    "empty tuple": (),
    "boolean mask": np.arange(12).reshape(4, 3) % 2 == 0,
    "row mask": np.array([True, False, True, False]),
    "all False": np.zeros((4, 3), bool),
    "integer array": np.array([2, 0]),
    "list": [3, 1],
    "repeated": np.array([1, 1, 2]),
    "2-d array": np.array([[0, 1], [3, 2]]),
    "two arrays": (np.array([0, 2]), np.array([1, 1])),
    "two arrays repeated": (np.array([0, 0]), np.array([1, 1])),
    "array and slice": (np.array([0, 2]), slice(1, None)),
    "mixed": (slice(1, None), np.array([0, 2])),
    "mask and integer": (np.array([True, False, True, False]), 1),
    "empty array": np.array([], int),
    "ix": np.ix_([0, 3], [2, 1]),
    "tensor": Tensor([0, 2]),
}


def numpy_index(index):
    return index.data if isinstance(index, Tensor) else index


@pytest.mark.parametrize("index", INDICES.values(), ids=INDICES)
def test_reading_an_item(index):
    a = np.arange(12.0).reshape(4, 3)
    x = leaf(a)
    y = x[index]
    np.testing.assert_array_equal(y.data, a[numpy_index(index)])
    backward(y * y)
    expected = np.zeros_like(a)
    np.add.at(expected, numpy_index(index), 2 * a[numpy_index(index)])
    np.testing.assert_array_equal(x.grad.data, expected)


@pytest.mark.parametrize("index", INDICES.values(), ids=INDICES)
def test_writing_an_item(index):
    """Overwritten elements get no gradient; the others and the value get theirs."""
    a, weights = np.arange(12.0).reshape(4, 3), np.arange(1.0, 13).reshape(4, 3)
    i = numpy_index(index)
    values = 100 + np.arange(np.size(a[i]), dtype=float).reshape(np.shape(a[i]))
    x, v = leaf(a), leaf(values)
    y = x * 2.0
    before = y
    y[index] = v * 3.0
    assert y is before
    written = a * 2.0
    written[i] = values * 3.0
    np.testing.assert_array_equal(y.data, written)
    backward(y * weights)
    stays = weights.copy()
    stays[i] = 0
    np.testing.assert_array_equal(x.grad.data, 2 * stays)
    origin = np.full(a.shape, -1)  # which element of values ended up where
    origin[i] = np.arange(values.size).reshape(values.shape)
    expected = np.zeros(values.size)
    np.add.at(expected, origin[origin >= 0], 3 * weights[origin >= 0])
    np.testing.assert_array_equal(v.grad.data, expected.reshape(values.shape))


def test_writing_a_scalar_and_a_row_broadcasts():
    x, s, row = leaf(np.ones((4, 3))), leaf(5.0), leaf(V)
    y = x * 1.0
    y[:2] = s
    y[3] = row
    y[2] = [7, 8, 9]
    assert y.tolist() == [[5, 5, 5], [5, 5, 5], [7, 8, 9], [1, 2, 3]]
    backward(y)
    assert s.grad.item() == 6.0
    assert row.grad.tolist() == [1, 1, 1]
    assert x.grad.tolist() == [[0] * 3] * 4


def test_an_earlier_use_keeps_the_gradient_of_the_value_it_saw():
    x = leaf(V)
    y = x * 1.0
    early = np.sum(y * y)
    y[0] = 10.0
    y *= 2.0
    late = np.sum(y)
    assert early.item() == 14.0
    assert late.item() == 30.0
    (early + late).backward()
    assert x.grad.tolist() == [2 * 1, 2 * 2 + 2, 2 * 3 + 2]


def test_a_view_sees_what_is_written_after_it_was_taken():
    x = leaf(V)
    y = x * 1.0
    part, copied = y[1:], y[1:] * 1.0
    y[1] = 50.0
    assert part.tolist() == [50, 3]
    assert copied.tolist() == [2, 3]
    assert y.tolist() == [1, 50, 3]


def test_writing_does_not_reach_the_callers_array():
    a = np.ones(3)
    c = Tensor(a)
    c[0] = 5.0
    c += 1.0
    assert a.tolist() == [1, 1, 1]
    assert c.tolist() == [6, 2, 2]


def test_writing_a_recorded_value_makes_a_constant_recorded():
    v, buffer = leaf(3.0), Tensor(np.zeros(3))
    buffer[1] = v * v
    assert buffer.requires_grad
    backward(buffer)
    assert v.grad.item() == 6.0


IN_PLACE = {
    "+=": (lambda t: t.__iadd__(2.0), lambda a: a + 2.0, 1.0),
    "-=": (lambda t: t.__isub__(2.0), lambda a: a - 2.0, 1.0),
    "*=": (lambda t: t.__imul__(3.0), lambda a: a * 3.0, 3.0),
    "/=": (lambda t: t.__itruediv__(4.0), lambda a: a / 4.0, 0.25),
    "**=": (lambda t: t.__ipow__(2), lambda a: a**2, [2.0, 4.0, 6.0]),
}


@pytest.mark.parametrize("part", [lambda w, t: w[1:], lambda w, t: t, lambda w, t: t[1:]])
def test_a_write_to_the_data_of_a_view_or_an_intermediate_result_is_noticed(part):
    w = Tensor([1.0, 2.0, 3.0], requires_grad=True)
    t = w * 1
    written, y = part(w, t), np.sum(w * w) + np.sum(t * t)
    written.data *= 10.0
    with pytest.raises(RuntimeError, match="which was written to in place after the call"):
        y.backward()


def test_a_write_to_the_data_of_a_result_that_its_own_rule_reads_is_noticed():
    w = Tensor([1.0, 2.0, 3.0], requires_grad=True)
    t = np.exp(w)
    t.data *= 10.0
    with pytest.raises(RuntimeError, match="the result of exp lies in the memory of the result of"):
        np.sum(t).backward()


def test_a_hook_that_removes_itself_leaves_the_others():
    w = Tensor([1.0, 2.0], requires_grad=True)
    remove = w.register_hook(lambda g: (remove(), g * 2)[1])
    w.register_hook(lambda g: g * 10)
    np.sum(w).backward()
    assert w.grad.tolist() == [20.0, 20.0]


@pytest.mark.parametrize("value", [2.0, [1.0, 2.0]])
def test_a_constant_with_new_data_has_its_name(value):
    t = Tensor(value, name="t")
    t.data = np.zeros(t.shape)
    assert t.name == "t"


def test_a_view_of_a_leaf_that_is_written_to_under_no_grad_stays_recorded():
    w = Tensor([1.0, 2.0, 3.0], requires_grad=True)
    recorded = w[1:]
    with tg.no_grad():
        constant = w[1:]
        w[1] = 9.0
    assert recorded.tolist() == constant.tolist() == [9.0, 3.0]
    assert not constant.requires_grad
    np.sum(recorded**2).backward()
    assert w.grad.tolist() == [0.0, 18.0, 6.0]


@pytest.mark.parametrize("view", [np.transpose, np.ravel, lambda t: t.reshape(2, 2).T])
def test_a_tensor_takes_a_view_of_its_own(view):
    def f(w):
        t = w * 1
        t[:] = np.reshape(view(t), (2, 2))
        return np.sum(t * [[1.0, 2.0], [3.0, 4.0]])

    w = np.array([[1.0, 2.0], [3.0, 4.0]])
    expected = tg.grad(lambda w: np.sum(np.reshape(view(w), (2, 2)) * [[1.0, 2.0], [3.0, 4.0]]))(w)
    assert tg.grad(f)(w).tolist() == expected.tolist()


@pytest.mark.parametrize(("write", "f", "slope"), IN_PLACE.values(), ids=IN_PLACE)
def test_in_place_operators(write, f, slope):
    x = leaf(V)
    y = x * 1.0
    assert write(y) is y
    np.testing.assert_array_equal(y.data, f(V))
    backward(y)
    np.testing.assert_array_equal(x.grad.data, np.broadcast_to(slope, 3))


METHODS_IN_PLACE = {
    "sort": lambda t: t.sort(),
    "sort along an axis": lambda t: t.sort(axis=0),
    "partition": lambda t: t.partition(1),
    "fill": lambda t: t.fill(5.0),
    "put": lambda t: t.put([0, 4], [7.0, 8.0]),
}


@pytest.mark.parametrize("write", METHODS_IN_PLACE.values(), ids=METHODS_IN_PLACE)
def test_methods_that_write_in_place(write):
    a = np.array([[3.0, 1.0, 2.0], [0.0, 5.0, 4.0]])
    x = leaf(a)
    y = x * 1.0
    early = y * 2.0
    assert write(y) is None
    expected = a.copy()
    write(expected)
    np.testing.assert_array_equal(y.data, expected)
    backward(y * expected)
    kept = np.isin(a, expected) & (expected.sum() != 30)
    np.testing.assert_array_equal(x.grad.data, np.where(kept, a, 0))
    np.testing.assert_array_equal(early.data, 2 * a)


def test_in_place_matmul():
    x = leaf(np.eye(2))
    y = x * 1.0
    y @= np.array([[1.0, 2.0], [3.0, 4.0]])
    backward(y)
    assert x.grad.tolist() == [[3, 7], [3, 7]]


def test_in_place_keeps_the_dtype():
    x = leaf(np.ones(3, np.float32))
    y = x * 1
    y += np.ones(3)
    assert y.dtype == np.float32
    backward(y)
    assert x.grad.dtype == np.float32


def test_in_place_cannot_change_shape_or_kind():
    y = leaf(V) * 1.0
    with pytest.raises(TypeError, match=r"shape \(3,\) and dtype float64 cannot take, in place, a"):
        y += np.ones((2, 3))
    with pytest.raises(TypeError, match="dtype complex128"):
        y *= 1j
    c = Tensor([1, 2])
    with pytest.raises(TypeError, match="float64"):
        c *= 0.5


def test_a_leaf_cannot_be_written_to_while_recording():
    x = leaf(V)
    with pytest.raises(RuntimeError, match=r"write under no_grad\(\), to \.data, or to a copy"):
        x += 1.0
    with pytest.raises(RuntimeError, match="stop being a leaf"):
        x[0] = 1.0
    assert x.tolist() == [1, 2, 3]


def test_a_leaf_can_be_written_to_under_no_grad():
    x = leaf(V)
    with tg.no_grad():
        x -= 1.0
        x[0] = 9.0
    assert x.is_leaf
    assert x.requires_grad
    assert x.tolist() == [9, 1, 2]
    backward(x * x)
    assert x.grad.tolist() == [18, 2, 4]


def test_data_takes_arrays_of_its_shape_only():
    x = leaf(np.ones(3, np.float32))
    x.data = [4, 5, 6]
    assert x.dtype == np.float32
    assert x.tolist() == [4, 5, 6]
    with pytest.raises(ValueError, match=r"has shape \(3,\), and cannot be replaced by shape \(2,"):
        x.data = np.ones(2)


def test_data_of_a_constant_is_written_and_replaced():
    c = Tensor(V.copy())
    c.data -= 1.0
    assert c.tolist() == [0, 1, 2]
    c.data = V
    assert c.tolist() == [1, 2, 3]
    inner = leaf(V) * 1.0
    inner.data *= 2.0
    assert inner.tolist() == [2, 4, 6]


def test_a_view_in_the_same_dtype_is_recorded():
    x = leaf(V)
    backward(x.view(np.float64) * x.view())
    assert x.grad.tolist() == [2, 4, 6]


# Gradients


def test_gradients_accumulate_until_zeroed():
    x = leaf(V)
    for k in (1, 2, 3):
        backward(x * x)
        assert x.grad.tolist() == (2 * k * V).tolist()
    x.zero_grad()
    assert x.grad is None
    x.zero_grad()
    Tensor(1.0).zero_grad()
    (x * 1.0).zero_grad()


def test_a_gradient_is_a_value_that_nobody_writes_into():
    a, b = leaf(V), leaf(V)
    backward(a + b)
    assert a.grad.data is b.grad.data  # handed to both, and so not copied
    with pytest.raises(ValueError, match="read-only"):
        a.grad.data[0] = 5.0
    backward(a * 2.0)
    assert a.grad.tolist() == [3, 3, 3]
    assert b.grad.tolist() == [1, 1, 1]
    with pytest.raises(ValueError, match="read-only"):
        a.grad.data[0] = 5.0


def test_recorded_gradients_are_read_only_too():
    x = leaf(V)
    for _ in range(2):
        np.sum(x**2).backward(create_graph=True)
        with pytest.raises(ValueError, match="read-only"):
            x.grad.data[0] = 5.0


def test_grad_can_be_set_and_is_brought_to_the_tensors_dtype():
    x = leaf(V.astype(np.float32))
    backward(x * x)
    x.grad = x.grad * np.float64(0.5)
    assert x.grad.dtype == np.float32
    assert x.grad.tolist() == [1, 2, 3]
    x.grad = None
    assert x.grad is None
    with pytest.raises(ValueError, match=r"a Tensor of shape \(3,\) and float32, not"):
        x.grad = Tensor(1.0)
    with pytest.raises(ValueError, match="and float32, not array"):
        x.grad = V
    with pytest.raises(ValueError, match=r"and float32, not Tensor\(.*dtype=complex128"):
        x.grad = Tensor(V + 1j)
    with pytest.raises(RuntimeError, match="a constant has no gradient"):
        Tensor(V).grad = Tensor(V)


def test_the_gradient_of_an_inner_tensor_is_kept_on_request():
    x = leaf(V)
    y = x * 2.0
    z = y * y
    y.retain_grad()
    backward(z)
    assert y.grad.tolist() == [4, 8, 12]
    assert z.grad is None
    y.zero_grad()
    assert y.grad is None
    with pytest.raises(RuntimeError, match="cannot retain its gradient: it is a constant"):
        Tensor(V).retain_grad()


def test_hooks_see_the_complete_gradient_in_order_and_replace_it():
    x, seen = leaf(V), []
    y = x * 1.0

    def see(g):
        seen.append(g.tolist())

    def double(g):
        return 2 * g

    y.register_hook(see)
    y.register_hook(double)
    remove = y.register_hook(see)
    z = np.sum(y * 2.0) + np.sum(y * 3.0)
    z.backward(retain_graph=True)
    assert seen == [[5, 5, 5], [10, 10, 10]]
    assert x.grad.tolist() == [10, 10, 10]
    remove()
    z.backward()
    assert len(seen) == 3


def test_a_hook_on_a_leaf_changes_what_it_keeps():
    x = leaf(V)
    x.register_hook(lambda g: np.clip(g, -1.0, 1.0))
    backward(x * 5.0)
    assert x.grad.tolist() == [1, 1, 1]


def test_a_hook_may_return_an_array():
    x = leaf(V)
    x.register_hook(lambda g: g.data * 2)
    backward(x)
    assert x.grad.tolist() == [2, 2, 2]


def test_a_hook_that_returns_another_shape_is_refused():
    x = leaf(V)
    x.register_hook(lambda g: np.sum(g))
    with pytest.raises(ValueError, match=r"shape \(3,\) .* cannot have shape \(\)"):
        backward(x)


def test_hooks_see_the_direction_of_steepest_ascent():
    x, seen = leaf(np.array([1 + 2j])), []
    y = x * 1.0
    y.register_hook(lambda g: seen.append(g.data))
    np.sum(np.abs(y) ** 2).backward()
    np.testing.assert_allclose(seen[0], [2 + 4j])
    np.testing.assert_allclose(x.grad.data, [2 + 4j])


def test_hooks_are_recorded_with_create_graph():
    x = leaf(3.0)
    y = x * 1.0
    y.register_hook(lambda g: g * y.detach())
    (y * y).backward(create_graph=True)
    assert x.grad.item() == 18.0
    assert x.grad.requires_grad


def test_a_hook_on_a_constant_is_refused():
    with pytest.raises(RuntimeError, match="cannot have a hook: it is a constant"):
        Tensor(V).register_hook(print)


def test_backward_from_a_vector_says_what_to_do():
    with pytest.raises(
        ValueError, match=r"shape \(3,\); reduce it first, with np\.sum or np\.mean"
    ):
        (leaf(V) * 2).backward()


def test_backward_from_a_complex_number_says_what_to_do():
    with pytest.raises(TypeError, match=r"complex; take np\.real or np\.abs of it first"):
        (leaf(1 + 2j) * 2).backward()


def test_backward_from_a_single_number_of_any_rank():
    x = leaf(3.0)
    (x * np.ones((1, 1))).backward()
    assert x.grad.item() == 1.0
    z = leaf([[3.0]])
    z.backward()
    assert z.grad.tolist() == [[1.0]]


def test_backward_with_a_gradient():
    x = leaf(V)
    for g in ([1.0, 0.0, 2.0], np.array([1, 0, 2]), Tensor([1.0, 0.0, 2.0])):
        (x * x).backward(g)
        assert x.grad.tolist() == [2, 0, 12]
        x.zero_grad()


def test_a_gradient_that_is_given_is_recorded_with_create_graph_only():
    x, g = leaf(V), leaf(2 * V)
    x.backward(g * 1.0)
    assert not x.grad.requires_grad
    x.zero_grad()
    x.backward(g * 1.0, create_graph=True)
    backward(x.grad * x.grad)
    assert g.grad.tolist() == [4, 8, 12]


@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("second", [False, True])
def test_a_sum_of_gradients_is_recorded_if_the_last_backward_is(first, second):
    x = leaf(V)
    np.sum(x**2).backward(create_graph=first)
    y = np.sum(x**2)
    with tg.no_grad():
        y.backward(create_graph=second)
    assert x.grad.tolist() == [4, 8, 12]
    assert x.grad.requires_grad == second


def test_the_gradient_given_is_copied():
    x, g = leaf(V), np.ones(3)
    (x + 0.0).backward(g)
    g[0] = 7.0
    assert x.grad.tolist() == [1, 1, 1]


@pytest.mark.parametrize(
    ("g", "shape", "dtype"),
    [
        (1.0, r"\(\)", "float64"),
        (np.ones(2), r"\(2,\)", "float64"),
        (V + 1j, r"\(3,\)", "complex128"),
    ],
)
def test_a_gradient_of_the_wrong_shape_or_dtype_is_refused(g, shape, dtype):
    message = rf"shape \(3,\) and dtype float64 cannot have shape {shape} and dtype {dtype}"
    with pytest.raises(ValueError, match=message):
        (leaf(V) * 2).backward(g)


def test_backward_of_a_constant_says_why():
    with pytest.raises(
        RuntimeError, match="it is a constant, made from no tensor with requires_gr"
    ):
        Tensor(1.0).backward()
    with tg.no_grad():
        y = leaf(1.0) * 2
    with pytest.raises(RuntimeError, match="or under no_grad"):
        y.backward()


def test_backward_of_a_leaf_itself():
    x = leaf(2.0)
    x.backward()
    assert x.grad.item() == 1.0


def test_what_no_gradient_reaches_has_none():
    x, unused = leaf(V), leaf(V)
    backward(x)
    assert unused.grad is None


def test_third_derivatives_of_a_nested_function():
    x = leaf(0.7)
    y = np.sin(np.exp(x) * x) / (1 + x**2)
    orders = []
    for _ in range(3):
        y.backward(create_graph=True)
        y = x.grad
        x.grad = None
        orders.append(y.item())

    def f(t):
        return np.sin(np.exp(t) * t) / (1 + t**2)

    h = 1e-3
    p2, p1, m1, m2 = (f(0.7 + k * h) for k in (2, 1, -1, -2))
    assert orders[0] == pytest.approx((m2 - 8 * m1 + 8 * p1 - p2) / (12 * h), rel=1e-9)
    assert orders[1] == pytest.approx((p1 - 2 * f(0.7) + m1) / h**2, rel=1e-4)
    assert orders[2] == pytest.approx((p2 - 2 * p1 + 2 * m1 - m2) / (2 * h**3), rel=1e-3)


def test_a_gradient_penalty_reaches_the_parameters():
    rng = np.random.default_rng(0)
    W, x = leaf(rng.normal(size=(3, 2))), leaf(rng.normal(size=(4, 3)))

    def penalty(weights):
        """Compute it in closed form: d sum(tanh(x W)) / dx = (1 - tanh^2) W^T."""
        slope = (1 - np.tanh(x.data @ weights) ** 2) @ weights.T
        return np.sum(slope**2)

    np.sum(np.tanh(x @ W)).backward(create_graph=True)
    g = x.grad
    W.zero_grad()
    np.sum(g * g).backward()
    for i in np.ndindex(W.shape):
        step = np.zeros(W.shape)
        step[i] = 1e-6
        slope = (penalty(W.data + step) - penalty(W.data - step)) / 2e-6
        assert W.grad.data[i] == pytest.approx(slope, rel=1e-6)


@pytest.mark.parametrize("dtype", FLOATS)
def test_higher_orders_keep_the_dtype(dtype):
    x = leaf(np.array([0.5, 1.5], dtype))
    np.sum(np.real(x**3)).backward(create_graph=True)
    g = x.grad
    x.grad = None
    assert g.dtype == dtype
    np.sum(np.real(g)).backward()
    assert x.grad.dtype == dtype


# Copies


def test_leaves_are_pickled_and_copied():
    x = leaf(V, name="x")
    for twin in (pickle.loads(pickle.dumps(x)), copy.copy(x), copy.deepcopy(x)):
        assert twin.tolist() == [1, 2, 3]
        assert twin.requires_grad
        assert twin.is_leaf
        assert twin.name == "x"
        assert twin.node is not x.node
        assert not np.shares_memory(twin.data, x.data)
    constant = pickle.loads(pickle.dumps(Tensor([1, 2])))
    assert not constant.requires_grad
    assert constant.dtype == np.int64


def test_shared_leaves_stay_shared_in_a_deep_copy():
    x = leaf(V)
    a, b = copy.deepcopy([x, x])
    assert a is b


def test_part_of_a_graph_is_not_pickled():
    with pytest.raises(TypeError, match=r"only leaf tensors are pickled; detach\(\)"):
        pickle.dumps(leaf(V) * 2)


def test_a_subclass_leaves_the_results_of_others_as_they_are():
    class Parameter(Tensor):
        pass

    x = Tensor(V, requires_grad=True)
    assert type(np.sin(x)) is type(x * 2) is type(x[0]) is type(x.detach()) is Tensor
    p = Parameter(V, requires_grad=True)
    assert type(np.sin(p)) is type(p * 2) is Tensor
    np.sum(p * x).backward()
    np.testing.assert_array_equal(p.grad.data, x.data)


def test_a_constant_is_not_made_of_a_recorded_tensor():
    x = leaf(V)
    with pytest.raises(
        TypeError, match=r"lose the gradient; use the tensor itself, or \.detach\(\)"
    ):
        Tensor(x * 2)
    assert Tensor((x * 2).detach()).tolist() == [2, 4, 6]
    assert Tensor(x * 2, requires_grad=True).is_leaf
    with tg.no_grad():
        assert not Tensor(x).requires_grad


def test_axes_of_transpose_are_those_of_ndarray():
    x = np.arange(24.0).reshape(2, 3, 4)
    t = tg.Tensor(x, requires_grad=True)
    for axes in [(), (None,), ((2, 0, 1),), (np.array([1, 0, 2]),), (2, 1, 0)]:
        np.testing.assert_array_equal(t.transpose(*axes).data, x.transpose(*axes))
    for axes in [(0,), ((),), (0, 1)]:
        with pytest.raises(ValueError, match="axes don't match array"):
            t.transpose(*axes)


@pytest.mark.parametrize("array", [np.array(3), np.array([3, 1]), np.array([[1.0, 2.0]])])
def test_the_bytes_of_a_tensor_are_those_of_its_array(array):
    assert bytes(tg.Tensor(array)) == bytes(array)


def test_astype_takes_the_keywords_of_ndarray():
    array = np.arange(6.0).reshape(2, 3)
    t = leaf(array)
    found = t.astype("f4", casting="same_kind", copy=False)
    assert found.dtype == np.float32
    np.sum(found * found).backward()
    np.testing.assert_array_equal(t.grad, 2 * array)
    assert t.astype(np.float32, "F").flags.f_contiguous
    assert t.astype(dtype=complex).dtype == complex
    with pytest.raises(
        TypeError, match=r"from dtype\('float64'\) to dtype\('int64'\) by the rule 'safe'"
    ):
        t.astype(np.int64, casting="safe")


def test_flat_is_assigned_to_with_repeated_values_as_in_numpy():
    array = np.arange(1.0, 7.0).reshape(2, 3)

    def f(x):
        y = x * 2.0
        y.flat = x[0, :2] ** 2 if isinstance(x, tg.Tensor) else [1.0, 4.0]
        return np.sum(y * array)

    assert tg.value_and_grad(f)(array)[0] == f(array) == 1 + 8 + 3 + 16 + 5 + 24
    np.testing.assert_array_equal(tg.grad(f)(array), [[2 * 9, 4 * 12, 0], [0, 0, 0]])


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("shape", "x.reshape"),
        ("dtype", "x.astype"),
        ("T", "value.T"),
        ("real", "x.imag"),
        ("imag", "x.real"),
    ],
)
def test_attributes_that_cannot_be_set_say_what_to_write(name, remedy):
    t = leaf([1.0, 2.0]) * 1j
    with pytest.raises(
        AttributeError, match=rf"the {name} of a tensor cannot be set; write x.*{remedy}"
    ):
        setattr(t, name, t.data)
