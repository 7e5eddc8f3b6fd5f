"""`array.tg.interp`: xarray's values, and their gradient in the samples."""

import inspect
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import tensorgrad as tg

xr = pytest.importorskip("xarray")
pytest.importorskip("scipy")
rng = np.random.default_rng(0)
V = rng.random((4, 5, 6))
DAYS = np.datetime64("2020-01-01") + np.arange(4)


def da(x):
    """Label an array (4, 5, 6)."""
    coords = {"y": [0.0, 1, 3, 4], "x": [0.0, 1, 2, 4, 8], "z": np.arange(6.0) * 2}
    return xr.DataArray(x, dims=("y", "x", "z"), coords=coords, name="v", attrs={"units": "mm"})


def days(x):
    return xr.DataArray(x[:, 0, 0], dims="t", coords={"t": DAYS})


def points(*values, dims="p"):
    return xr.DataArray(np.array(values), dims=dims)


def dataset(x):
    return xr.Dataset({"a": da(x), "b": da(x).isel(x=0, drop=True), "c": ("y", [1.0, 2, 3, 4])})


# fmt: off
TO = {  # a name -> what to interpolate onto
    "a number": {"y": 2.2}, "one dimension": {"x": [0.5, 3.0, 7.0]}, "two": {"x": [0.5, 3.0], "y": [0.2, 3.3, 4.0]}, "outside": {"x": [-1, 0.5, 9.0]},
    "points": {"x": points(0.5, 3.0, 7.9), "y": points(0.2, 3.3, 4.0)}, "points of three": {"x": points(0.5, 3.0), "y": points(0.2, 3.3), "z": points(1.0, 9.0)},
    "points and a dimension": {"x": points(0.5, 3.0), "y": points(0.2, 3.3), "z": [1.0, 9.0, 3.0]}, "a matrix": {"x": points([0.5, 1.0], [2.0, 3.0], dims=("p", "q"))},
    "a dimension that is there": {"x": points(0.5, 1.0, 2.0, 3.0, dims="y")}, "points along their own": {"x": points(0.4, 3.0, dims="x"), "y": points(0.3, 2.0, dims="x")},
    "extrapolated": {"x": [-1.0, 9.0], "kwargs": {"fill_value": "extrapolate"}}, "filled": {"x": [-1.0, 9.0, 3.0], "kwargs": {"fill_value": 7.0}},
    "filled on either side": {"x": [-1.0, 9.0, 3.0], "kwargs": {"fill_value": (7.0, 8.0)}}, "points extrapolated": {"x": points(-1.0, 3.0), "y": points(5, 3.3), "kwargs": {"fill_value": None}},
    "points filled": {"x": points(-1.0, 3.0), "y": points(5, 3.3), "kwargs": {"fill_value": 3.0}}, "nearest": {"x": [0.4, 3.0], "method": "nearest"},
    "nearest points": {"x": points(0.4, 3.0), "y": points(0.3, 2.0), "method": "nearest"}, "zero": {"x": [0.4, 3.0], "method": "zero"}, "slinear": {"x": [0.4, 3.0], "method": "slinear"},
    "quadratic": {"x": [0.4, 3.0], "method": "quadratic"}, "cubic": {"x": [0.4, 3.0, 9.0], "method": "cubic"}, "cubic, two": {"x": [0.4, 3.0], "y": [0.3, 0.5, 2.0], "method": "cubic"},
    "cubic points": {"x": points(0.4, 3.0), "y": points(0.3, 2.0), "method": "cubic"}, "cubic extrapolated": {"x": [-1.0, 9.0], "method": "cubic", "kwargs": {"fill_value": "extrapolate"}},
    "quintic": {"z": [0.4, 3.0], "method": "quintic"}, "polynomial": {"z": [0.4, 3.0], "method": "polynomial", "kwargs": {"order": 5}}, "barycentric": {"z": [0.4, 3.0], "method": "barycentric"},
    "krogh": {"z": [0.4, 3.0], "method": "krogh"},
}
OTHERS = {  # of an array: what is interpolated, and onto what
    "unsorted": (lambda x: da(x).isel(x=[3, 1, 0, 4, 2]), {"x": [0.5, 3.0]}), "descending": (lambda x: da(x).isel(x=slice(None, None, -1)), {"x": [0.5, 3.0]}),
    "times": (days, {"t": DAYS[:3] + np.timedelta64(13, "h")}), "one time": (days, {"t": np.datetime64("2020-01-02T07")}), "no coordinate": (lambda x: xr.DataArray(x[:, 0, 0], dims="t"), {"t": [0.5, 2.0]}),
    "complex": (lambda x: da(x * (1 + 2j)), {"x": [0.5, 3.0]}), "complex, cubic": (lambda x: da(x * (1 + 2j)), {"x": [0.5, 3.0], "method": "cubic"}),
}
# fmt: on
CASES = {name: (da, to) for name, to in TO.items()} | OTHERS


def total(array):
    """Return a number of all that is known; xarray's own sum would do so, too."""
    data = array.data
    known = np.isfinite(data.data if isinstance(data, tg.Tensor) else data)
    safe = np.where(known, data, 0)
    return np.sum(np.real(safe * safe * (1 + np.arange(known.size).reshape(known.shape))))


@pytest.mark.parametrize("name", CASES)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of all-NaN slices, by xarray
def test_values_labels_and_gradients(name):
    make, to = CASES[name]
    t = tg.Tensor(V, requires_grad=True)
    found, right = make(t).tg.interp(**to), make(V).interp(**to)
    xr.testing.assert_identical(found.copy(data=found.data.data), right)
    total(found).backward()
    direction = rng.random(V.shape)
    up, down = (total(make(V + h * direction).interp(**to)) for h in (1e-5, -1e-5))
    np.testing.assert_allclose(np.sum(t.grad.data * direction), (up - down) / 2e-5, rtol=1e-6)


def test_second_derivatives():
    small = V[:2, :3, :2]
    make = lambda x: xr.DataArray(x, dims=("y", "x", "z"))
    tg.check_grads(lambda x: make(x).tg.interp(x=[0.5, 1.2], y=[0.3]).data ** 3, small)


def test_a_dataset():
    t = tg.Tensor(V, requires_grad=True)
    to = {"x": [0.5, 3.0], "y": [0.2]}
    found, right = dataset(t).tg.interp(**to), dataset(V).interp(**to)
    assert type(found.a.data) is type(found.b.data) is tg.Tensor
    assert isinstance(found.c.data, np.ndarray)
    xr.testing.assert_identical(
        found.map(lambda a: a.copy(data=getattr(a.data, "_value", a.data))), right
    )
    (np.sum(found.a.data) + np.sum(found.b.data)).backward()
    ones = np.ones_like(V)
    np.testing.assert_allclose(np.sum(t.grad.data * V), float(right.a.sum() + right.b.sum()))
    assert np.sum(t.grad.data * ones) == pytest.approx(right.a.size + right.b.size)


def test_single_precision():
    t = tg.Tensor(np.float32(V), requires_grad=True)
    found = da(t).tg.interp(x=[0.5, 3.0])
    assert found.dtype == da(np.float32(V)).interp(x=[0.5, 3.0]).dtype
    np.sum(found.data).backward()
    assert t.grad.dtype == np.float32


def test_a_missing_sample_hides_no_other():
    x = V.copy()
    x[0, 0, 0] = np.nan
    t = tg.Tensor(x, requires_grad=True)
    np.sum(da(t).tg.interp(x=[0.5, 3.0]).data[1:]).backward()
    assert np.isfinite(t.grad.data).all()


def test_constants_go_to_xarray():
    assert isinstance(da(V).tg.interp(x=[0.5]).data, np.ndarray)
    with tg.no_grad():
        da(tg.Tensor(V, requires_grad=True)).tg.interp(x=[0.5])


@pytest.mark.parametrize("method", ["pchip", "akima", "makima"])
def test_methods_that_are_not_linear_are_refused(method):
    d = da(tg.Tensor(V, requires_grad=True))
    with pytest.raises(TypeError, match=f"no gradient with method='{method}', which is not linear"):
        d.tg.interp(x=[0.5], method=method)


def test_new_coordinates_have_no_gradient():
    d, x = da(tg.Tensor(V, requires_grad=True)), tg.Tensor([0.5], requires_grad=True)
    with pytest.raises(TypeError, match="would lose the gradient"):
        d.tg.interp(x=xr.DataArray(x, dims="p"))


def test_signatures_are_xarrays():
    for theirs in (xr.DataArray, xr.Dataset):
        ours = inspect.signature(theirs.tg.interp).parameters
        right = inspect.signature(theirs.interp).parameters
        assert list(ours) == list(right)
        assert [p.default for p in ours.values()] == [p.default for p in right.values()]


@pytest.mark.parametrize("order", [("xarray", "tensorgrad"), ("tensorgrad", "xarray")])
def test_the_order_of_imports_does_not_matter(order):
    code = f"import {order[0]}, {order[1]}; print(xarray.DataArray([1.0, 3.0]).tg.interp(dim_0=0.5).item())"
    root = Path(tg.__file__).parent.parent
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "2.0"


def test_the_accessor_is_there_also_after_a_question_for_the_library():
    """`importlib.util.find_spec` finds a library without importing it, as other libraries ask."""
    code = (
        "import importlib.util, tensorgrad\n"
        "assert importlib.util.find_spec('xarray') and importlib.util.find_spec('xarray')\n"
        "import xarray\n"
        "assert hasattr(xarray.DataArray([1.0]), 'tg')"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
