"""Tensors and other libraries: NumPy's own protocols, DLPack, PyTorch, matplotlib, pandas."""

from fractions import Fraction

import numpy as np
import pytest

import tensorgrad as tg
from tensorgrad import Tensor

V = np.array([1.0, 2.0, 3.0])


def leaf(value=V):
    return Tensor(value, requires_grad=True)


DTYPES = ["float16", "float32", "float64", "complex64", "complex128", "int8", "int64", "bool"]


# DLPack


@pytest.mark.parametrize("dtype", DTYPES)
def test_dlpack_shares_the_array(dtype):
    t = Tensor(np.ones((2, 3), dtype))
    a = np.from_dlpack(t)
    assert a.dtype == dtype
    assert np.shares_memory(a, t.data)
    assert t.__dlpack_device__() == a.__dlpack_device__()


def test_dlpack_refuses_to_lose_a_gradient():
    for t in (leaf(), leaf() * 2):
        with pytest.raises(TypeError, match=r"would lose the gradient; use \.detach\(\)"):
            np.from_dlpack(t)
        assert np.shares_memory(np.from_dlpack(t.detach()), t.data)


@pytest.mark.parametrize("dtype", DTYPES)
def test_to_and_from_torch_without_a_copy(dtype):
    torch = pytest.importorskip("torch")
    t = Tensor(np.ones((2, 3), dtype))
    there = torch.from_dlpack(t)
    assert there.data_ptr() == t.data.ctypes.data
    back = Tensor(there)
    assert back.dtype == dtype
    assert np.shares_memory(back.data, t.data)
    assert np.shares_memory(Tensor(np.from_dlpack(there)).data, t.data)


@pytest.mark.parametrize(
    "a", [V[::-1], V[::2], np.ones((3, 4)).T, np.ones((3, 4), order="F")[1:], np.array(1.5), V[:0]]
)
def test_any_layout_reaches_torch(a):
    torch = pytest.importorskip("torch")
    np.testing.assert_array_equal(torch.from_dlpack(Tensor(a)).numpy(), a)


def test_steps_back_along_one_axis_or_by_one_byte_reach_torch():
    torch = pytest.importorskip("torch")
    flags = tg.Tensor([True, False, False])[::-1]
    assert flags.strides == (-1,)
    assert torch.from_dlpack(flags).tolist() == [False, False, True]
    rows = tg.Tensor([[1.0, 2.0], [3.0, 4.0]])[:, ::-1]
    assert torch.from_dlpack(rows).tolist() == [[2, 1], [4, 3]]


def test_broadcast_memory_is_shared_as_it_is():
    row = np.broadcast_to(np.arange(3.0), (2, 3))
    assert np.shares_memory(np.from_dlpack(tg.Tensor(row)), row)


def test_torch_takes_constants_and_is_taken_as_an_array():
    torch = pytest.importorskip("torch")
    assert torch.as_tensor(Tensor(V)).tolist() == [1, 2, 3]
    assert torch.tensor(Tensor(V)).tolist() == [1, 2, 3]
    assert torch.from_numpy(Tensor(V).numpy()).tolist() == [1, 2, 3]
    x = leaf()
    np.sum(x * torch.tensor([1.0, 0.0, 2.0], dtype=torch.float64)).backward()
    assert x.grad.tolist() == [1, 0, 2]
    with pytest.raises(TypeError, match="would lose the gradient"):
        torch.as_tensor(x)


# NumPy


@pytest.mark.parametrize(
    "wrap",
    [list, tuple, lambda a: [np.float64(v) for v in a], lambda a: a.astype(object).tolist()],
    ids=["list", "tuple", "NumPy scalars", "Python numbers"],
)
def test_sequences_are_arrays(wrap):
    x = leaf()
    for y in (x * wrap(V), wrap(V) * x, np.multiply(wrap(V), x), np.where(V > 1, x, wrap(V))):
        assert y.shape == (3,)
    assert Tensor(wrap(V)).tolist() == [1, 2, 3]


class Column:
    """A column as of pandas or xarray: an object that NumPy can convert to an array."""

    def __init__(self, values):
        self.values = np.asarray(values)

    def __array__(self, dtype=None, copy=None):
        return np.array(self.values, dtype, copy=copy)


def test_what_can_become_an_array_is_one():
    x, column = leaf(), Column(V)
    assert Tensor(column).tolist() == [1, 2, 3]
    assert Tensor(column, requires_grad=True).requires_grad
    np.sum(x * column + column * x).backward()
    assert x.grad.tolist() == [2, 4, 6]
    assert x[Column([True, False, True])].tolist() == [1, 3]


def test_array_functions_that_build_from_constants():
    constants = [Tensor(1.0), Tensor(2.0)]
    assert np.array(constants).tolist() == [1, 2]
    assert np.asarray(constants[0]).shape == ()
    a = np.zeros(2)
    a[:] = constants
    assert a.tolist() == [1, 2]


def test_stack_builds_from_recorded_tensors():
    x = leaf()
    y = np.stack([x[0] * 2, x[1], 5.0])
    assert y.tolist() == [2, 2, 5]
    np.sum(y).backward()
    assert x.grad.tolist() == [2, 1, 0]


def test_numpys_own_files(tmp_path):
    np.save(tmp_path / "t.npy", Tensor(V))
    np.savez(tmp_path / "t.npz", t=Tensor(V))
    assert Tensor(np.load(tmp_path / "t.npy")).tolist() == [1, 2, 3]
    with np.load(tmp_path / "t.npz") as file:
        assert file["t"].tolist() == [1, 2, 3]


def test_numpys_assertions_take_tensors():
    np.testing.assert_allclose(Tensor(V), V)
    np.testing.assert_array_equal(V, Tensor(V))


# matplotlib


@pytest.fixture
def axes():
    figure = pytest.importorskip("matplotlib.figure")
    return figure.Figure().add_subplot()


def test_matplotlib_plots_what_is_not_recorded(axes):
    t = Tensor(V)
    (line,) = axes.plot(t, t**2, label=f"{np.sum(t):.1f}")
    assert line.get_ydata().tolist() == [1, 4, 9]
    axes.scatter(t, t, c=t)
    axes.bar(t, t)
    axes.hist(t)
    axes.fill_between(t, t, t + 1)
    axes.errorbar(t, t, yerr=t)
    axes.imshow(Tensor(np.eye(3)))
    axes.plot([Tensor(1.0), Tensor(2.0)])
    with tg.no_grad():
        axes.plot(leaf())
    axes.plot((leaf() * 2).detach())


def test_matplotlib_is_refused_what_is_recorded(axes):
    with pytest.raises(TypeError, match=r"detach\(\)"):
        axes.plot(leaf() * 2)


# pandas


def test_masked_arrays_do_not_take_the_array_from_under_a_tensor():
    x, masked = tg.Tensor([1.0, 2.0], requires_grad=True), np.ma.array([1.0, 2.0], mask=[0, 1])
    for f in (np.ma.sin, lambda t: np.ma.add(t, 1), lambda t: masked * t):
        with pytest.raises(TypeError, match="would lose the gradient"):
            f(x)
        assert isinstance(f(tg.Tensor([1.0, 2.0])), np.ma.MaskedArray)


@pytest.mark.parametrize("x", [Fraction(1, 2), None, "a", np.timedelta64(1, "s"), [None, 1.0]])
def test_what_is_no_number_makes_no_array_of_objects(x):
    t = tg.Tensor([1.0, 2.0], requires_grad=True)
    for f in (lambda: t * x, lambda: x + t, lambda: np.add(t, x)):
        with pytest.raises(TypeError, match="a tensor calculates with numbers, but was given"):
            f()


def test_pandas():
    pd = pytest.importorskip("pandas")
    series, x = pd.Series(V, index=list("abc")), leaf()
    assert Tensor(series).tolist() == [1, 2, 3]
    for y in (x * series, series * x, x - series, series / x):
        assert type(y) is Tensor
        assert y.requires_grad
    frame = pd.DataFrame({"u": V, "v": V})
    assert Tensor(frame, requires_grad=True).shape == (3, 2)
    assert x[series > 1].tolist() == [2, 3]
    np.testing.assert_array_equal(tg.grad(lambda a: np.sum(a**2))(series), 2 * V)
    assert pd.Series(Tensor(V)).tolist() == [1, 2, 3]
    with pytest.raises(TypeError, match="would lose the gradient"):
        pd.Series(x)
