"""xarray over tensors: labels stay, gradients flow, operators defer to it, and what it converts is refused."""

from pathlib import Path

import numpy as np
import pytest

import tensorgrad as tg

xr = pytest.importorskip("xarray")
sp = pytest.importorskip("scipy.special")

V = np.arange(1.0, 7.0).reshape(2, 3) / 7 + 0.1
W = np.array([[0.3, 0.2, 0.9], [0.5, 0.1, 0.4]])


def da(x):
    """Label an array of two rows and three columns."""
    coords = {"a": [0, 1], "b": [10.0, 20.0, 30.0]}
    return xr.DataArray(x, dims=("a", "b"), coords=coords, name="v")


def assigned(d):
    copied = d.copy()
    copied[{"b": 0}] = 0.0
    return copied**2


# fmt: off
FUNCTIONS = {
    "arithmetic":lambda d:d*2+d**2,"NumPy's functions":lambda d:np.exp(d),"matmul":lambda d:d@da(W),"xr.dot":lambda d:xr.dot(d,da(W),dim="b"),
    "sum":lambda d:d.sum("a")**2,"mean":lambda d:d.mean("b")**2,"prod":lambda d:d.prod("b"),"max":lambda d:d.max("b")**2,"min":lambda d:d.min("a")**2,"std":lambda d:d.std("b"),"var":lambda d:d.var("b"),"median":lambda d:d.median("b")**2,"quantile":lambda d:d.quantile(.3,"b")**2,
    "cumsum":lambda d:d.cumsum("b")**2,"cumprod":lambda d:d.cumprod("b"),"diff":lambda d:d.diff("b")**2,"shift":lambda d:d.shift(b=1,fill_value=0.)**2,"roll":lambda d:d.roll(b=1)**2*da(W),
    "isel":lambda d:d.isel(b=1)**2,"sel":lambda d:d.sel(b=20.)**2,"sel nearest":lambda d:d.sel(b=[12.,29.],method="nearest")**2,"where":lambda d:d.where(da(W)>.35,0.)**2,"xr.where":lambda d:xr.where(da(W)>.35,d,d**2),"clip":lambda d:d.clip(.3,.8)**2,"fillna":lambda d:d.fillna(0.)**2,
    "transpose":lambda d:d.transpose("b","a")**2*da(W),"stack":lambda d:d.stack(z=("a","b"))**2,"unstack":lambda d:d.stack(z=("a","b")).unstack("z")**2,"expand_dims":lambda d:d.expand_dims("c")**2,"squeeze":lambda d:d.isel(a=[0]).squeeze("a")**2,"concat":lambda d:xr.concat([d,d*2],"a")**2,"broadcast":lambda d:xr.broadcast(d,xr.DataArray([1.,2.],dims="c"))[0]**2,"align":lambda d:xr.align(d,da(W).isel(b=[0,2]))[0]**2,"reindex":lambda d:d.reindex(b=[10.,20.,40.],fill_value=0.)**2,
    "pad":lambda d:d.pad(b=1,constant_values=0.)**2,"rolling mean":lambda d:d.rolling(b=2).mean().isel(b=slice(1,None))**2,"rolling sum":lambda d:d.rolling(b=2,min_periods=1).sum()**2,"coarsen":lambda d:d.isel(b=slice(0,2)).coarsen(b=2).mean()**2,
    "groupby mean":lambda d:d.groupby(xr.DataArray([0,1,0],dims="b",coords={"b":[10.,20.,30.]},name="g")).mean()**2,"groupby sum":lambda d:d.groupby(xr.DataArray([0,1,0],dims="b",coords={"b":[10.,20.,30.]},name="g")).sum()**2,
    "differentiate":lambda d:d.differentiate("b")**2*100,"integrate":lambda d:d.integrate("b")**2/100,"polyfit":lambda d:d.polyfit("b",1).polyfit_coefficients**2,"weighted mean":lambda d:d.weighted(xr.DataArray([1.,2.,3.],dims="b")).mean("b")**2,"weighted sum":lambda d:d.weighted(xr.DataArray([1.,2.,3.],dims="b")).sum("b")**2,
    "cov":lambda d:xr.cov(d,da(W),dim="b"),"corr":lambda d:xr.corr(d,da(W),dim="b"),"sortby":lambda d:d.sortby("b",ascending=False)**2*da(W),
    "copy":lambda d:d.copy()**2,"astype":lambda d:d.astype("f8")**2,"round":lambda d:d+0*d.round(1),"real":lambda d:d.real**2,"T":lambda d:d.T**2*da(W),"assign_coords":lambda d:d.assign_coords(b=[1,2,3])**2,"rename":lambda d:d.rename(a="q")**2,"drop_vars":lambda d:d.drop_vars("b")**2,"swap_dims":lambda d:d.swap_dims(b="c")**2,"head":lambda d:d.head(b=2)**2,"thin":lambda d:d.thin(b=2)**2,
    "apply_ufunc":lambda d:xr.apply_ufunc(lambda x:np.tanh(x)*2,d),"apply_ufunc with core dims":lambda d:xr.apply_ufunc(lambda x:np.sum(x**2,axis=-1),d,input_core_dims=[["b"]]),"Dataset.map":lambda d:xr.Dataset({"u":d,"w":d*2}).map(np.sin).u,"Dataset.sum":lambda d:xr.Dataset({"u":d,"w":d**2}).sum().w,"Dataset arithmetic":lambda d:(xr.Dataset({"u":d})*xr.Dataset({"u":d})).u,"Dataset.to_array":lambda d:xr.Dataset({"u":d,"w":d**2}).to_array()**2,"merge":lambda d:xr.merge([d.to_dataset(),(d**2).rename("w").to_dataset()]).w,"item assignment":assigned,
    "apply_ufunc with SciPy":lambda d:xr.apply_ufunc(sp.erf,d),"scipy.special":lambda d:sp.erf(d), "dropna": lambda d: d.dropna("b")**2,"compute":lambda d:d.compute()**2,"cumulative":lambda d:d.cumulative("b").sum()**2,"reduce":lambda d:d.reduce(np.sum,"b")**2,"Dataset.groupby":lambda d: xr.Dataset({"u":d}).groupby("b").mean().u**2,
    "tg.interp": lambda d: d.tg.interp(b=[15.0, 22.0])**2, "tg.interp of points": lambda d: d.tg.interp(b=xr.DataArray([15.0, 22.0], dims="c"), a=xr.DataArray([0.2, 0.7], dims="c"))**2, "tg.interp, cubic": lambda d: d.pad(b=1, mode="edge").assign_coords(b=[0.0, 10, 20, 30, 40]).tg.interp(b=[15.0, 22.0], method="cubic")**2,
    "Dataset.tg.interp": lambda d: xr.Dataset({"u": d, "w": d**2}).tg.interp(b=[15.0, 22.0]).w,
    "interp by apply_ufunc":lambda d:xr.apply_ufunc(lambda y:np.interp([15.,22.],d.b.data,y),d.isel(a=0),input_core_dims=[["b"]],output_core_dims=[["c"]])**2,
}
# fmt: on


@pytest.mark.parametrize("name", FUNCTIONS)
def test_gradients_agree_with_differences(name):
    f = FUNCTIONS[name]
    x = tg.Tensor(V, requires_grad=True)
    found = f(da(x))
    assert isinstance(found, xr.DataArray)
    assert type(found.data) is tg.Tensor
    np.testing.assert_allclose(found.data.data, f(da(V)).data)
    np.sum(found.data).backward()
    for i in np.ndindex(V.shape):
        step = np.zeros_like(V)
        step[i] = 1e-6
        slope = (float(f(da(V + step)).sum()) - float(f(da(V - step)).sum())) / 2e-6
        np.testing.assert_allclose(x.grad.data[i], slope, atol=1e-5)


def test_the_page_names_every_function():
    page = (Path(tg.__file__).parents[1] / "docs" / "xarray.md").read_text(encoding="utf-8")
    missing = [name for name in FUNCTIONS if name not in page]
    assert not missing
    assert f"{len(FUNCTIONS)} calls" in page


@pytest.mark.parametrize("f", [lambda t, d: t * d, lambda t, d: d * t, lambda t, d: t + d])
def test_operators_leave_the_labels_to_xarray(f):
    t = tg.Tensor(V, requires_grad=True)
    found = f(t, da(W))
    assert isinstance(found, xr.DataArray)
    assert found.dims == ("a", "b")
    np.sum(found.data).backward()
    assert t.grad is not None


def test_what_xarray_converts_is_refused_with_the_way_out():
    d = da(tg.Tensor(V, requires_grad=True))
    for f in (
        lambda: d.interp(b=15.0),
        lambda: d.values,
        lambda: d.to_pandas(),
        lambda: np.asarray(d),
    ):
        with pytest.raises(
            TypeError,
            match=r"write array\.tg\.interp for array\.interp, and xr\.apply_ufunc with a NumPy",
        ):
            f()
    assert da(tg.Tensor(V)).interp(b=15.0).shape == (2,)


def test_a_copy_of_a_leaf_elsewhere_is_a_leaf():
    import copy

    t = tg.Tensor(V, requires_grad=True)
    assert copy.deepcopy(t).is_leaf
    assert not da(t).copy().data.is_leaf
