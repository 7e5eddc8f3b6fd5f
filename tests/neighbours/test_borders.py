"""Every border that a recorded tensor may cross, in either direction: its gradient is right, or the call refuses."""

import json
import math
import operator
import pickle
import statistics

import numpy as np
import pytest

import tensorgrad as tg

V = np.array([0.4, 1.3, 2.2])
W = np.array([2.0, -1.0, 0.5])


class Lazy:
    """A module that is imported when a row needs it; where it is missing, the row is skipped."""

    def __init__(self, name):
        self.name = name

    def __getattr__(self, name):
        return getattr(pytest.importorskip(self.name), name)


pd, xr, torch, jnp = Lazy("pandas"), Lazy("xarray"), Lazy("torch"), Lazy("jax.numpy")
sparse, sp, linalg, optimize = map(
    Lazy, ("scipy.sparse", "scipy.special", "scipy.linalg", "scipy.optimize")
)
interpolate, stats, signal, ndimage = map(
    Lazy, ("scipy.interpolate", "scipy.stats", "scipy.signal", "scipy.ndimage")
)
einops, numba, sklearn = Lazy("einops"), Lazy("numba"), Lazy("sklearn.linear_model")
tspecial, tlinalg, tsparse = map(
    Lazy, ("tensorgrad.scipy.special", "tensorgrad.scipy.linalg", "tensorgrad.scipy.sparse")
)


def written(t):
    array = np.zeros(3)
    array[:] = t
    return array


def added(t):
    array = np.zeros(3)
    array += t
    return array


def compiled(t):
    try:
        return numba.njit(lambda x: x * 2)(t)
    except numba.TypingError as error:  # of a kind of its own
        raise TypeError(str(error)) from None


def diagonal():
    return sparse.csr_array(np.diag(W))


def scaled():
    return sparse.csr_matrix(np.diag(W))


# fmt: off
RIGHT = {  # with the gradient of the sum
    "list * t": (lambda t: W.tolist() * t, W), "t * list": (lambda t: t * W.tolist(), W), "ndarray * t": (lambda t: W * t, W), "ndarray @ t": (lambda t: W @ t, W),
    "np.stack of a list": (lambda t: np.stack([t[0], t[1], t[2]]) * W, W), "list(t)": (lambda t: sum(list(t)), np.ones(3)), "sum(t)": (lambda t: sum(t), np.ones(3)),
    "max(t)": (lambda t: max(t), [0, 0, 1]), "sorted(t)": (lambda t: sorted(t)[0], [1, 0, 0]), "unpacking": (lambda t: (lambda a, b, c: a * b + c)(*t), [1.3, 0.4, 1]),
    "math.prod": (lambda t: math.prod(t), [2.86, 0.88, 0.52]), "pow": (lambda t: pow(t, 2), 2 * V), "abs": (lambda t: abs(t), np.ones(3)), "operator.mul": (lambda t: operator.mul(t, W), W),
    "memory map": (lambda t: t * np.memmap.__new__(np.memmap, pytest.file, float, "w+", shape=(3,)), np.zeros(3)),
    "Series * t": (lambda t: pd.Series(W) * t, W), "t * Series": (lambda t: t * pd.Series(W), W), "t @ DataFrame": (lambda t: t @ pd.DataFrame(np.diag(W)), W), "t[Series]": (lambda t: t[pd.Series([True, False, True])], [1, 0, 1]),
    "DataArray(t)": (lambda t: (xr.DataArray(t) * W).data, W), "DataArray * t": (lambda t: (xr.DataArray(W) * t).data, W), "t * DataArray": (lambda t: (t * xr.DataArray(W)).data, W), "np.exp(DataArray)": (lambda t: np.exp(xr.DataArray(t)).data, np.exp(V)),
    "DataArray.tg.interp": (lambda t: xr.DataArray(t, dims="a", coords={"a": [0.0, 1.0, 2.0]}).tg.interp(a=[0.5, 1.25]).data, [0.5, 1.25, 0.25]),
    "t * torch": (lambda t: t * torch.tensor(W), W), "t * jax": (lambda t: t * jnp.asarray(W), W.astype(np.float32)),
    "t @ sparse array": (lambda t: t @ diagonal(), W), "t @ sparse matrix": (lambda t: t @ scaled(), W), "tsp.sparse.matmul": (lambda t: tsparse.matmul(diagonal(), t), W),
    "scipy.special": (lambda t: sp.exp10(t), 10**V * np.log(10)), "tsp.special": (lambda t: tspecial.logsumexp(t), np.exp(V) / np.exp(V).sum()), "tsp.linalg": (lambda t: tlinalg.solve(np.diag(W), t), 1 / W),
    "einops": (lambda t: einops.repeat(t, "a -> a b", b=2), [2, 2, 2]), "array API": (lambda t: t.__array_namespace__().square(t), 2 * V),
    "copy()": (lambda t: t.copy() * W, W), "np.copy": (lambda t: np.copy(t) * W, W), "np.frompyfunc of a rule": (lambda t: np.vectorize(lambda x: x)(t.detach()) * t, V),
}
REFUSED = {
    "np.asarray": lambda t: np.asarray(t), "np.array of a list": lambda t: np.array([t[0], t[1]]), "ndarray[:] = t": written, "ndarray += t": added,
    "float": lambda t: float(t[0]), "complex": lambda t: complex(t[0]), "math.sin": lambda t: math.sin(t[0]), "np.float64": lambda t: np.float64(t[0]), "np.vectorize": lambda t: np.vectorize(lambda x: x)(t), "np.full": lambda t: np.full(3, t[0]),
    "json": lambda t: json.dumps(t), "pickle of a result": lambda t: pickle.dumps(t * 2), "statistics": lambda t: statistics.fmean(t), "buffer": lambda t: memoryview(t), "dlpack": lambda t: np.from_dlpack(t),
    "masked array * t": lambda t: np.ma.array(W, mask=[0, 1, 0]) * t, "t * masked array": lambda t: t * np.ma.array(W), "t * text": lambda t: t * np.array(["a", "b", "c"]), "t * objects": lambda t: t * np.array([None, 1.0, 2.0]),
    "Series(t)": lambda t: pd.Series(t), "DataFrame(t)": lambda t: pd.DataFrame({"a": t}), "Series[:] = t": lambda t: pd.Series(W).__setitem__(slice(None), t), "DataArray.values": lambda t: xr.DataArray(t).values, "DataArray.to_pandas": lambda t: xr.DataArray(t).to_pandas(), "DataArray.interp": lambda t: xr.DataArray(t, dims="a", coords={"a": V}).interp(a=1.0),
    "torch.as_tensor": lambda t: torch.as_tensor(t), "torch.tensor": lambda t: torch.tensor(t), "torch.from_dlpack": lambda t: torch.from_dlpack(t), "torch * t": lambda t: torch.tensor(W) + torch.as_tensor(t), "torch.sin": lambda t: torch.sin(t), "jax.numpy.asarray": lambda t: jnp.asarray(t), "jax.numpy.sin": lambda t: jnp.sin(t),
    "A @ t": lambda t: diagonal() @ t, "A.dot(t)": lambda t: diagonal().dot(t), "t * A": lambda t: t * diagonal(), "A + t": lambda t: diagonal() + t, "sparse array of t": lambda t: sparse.csr_array(t[None]), "sparse.diags": lambda t: sparse.diags_array(t),
    "scipy.linalg": lambda t: linalg.expm(np.diag(W) * t), "scipy.special, in Python": lambda t: sp.logsumexp(t), "scipy.stats": lambda t: stats.norm.pdf(t), "scipy.interpolate": lambda t: interpolate.CubicSpline(V, t), "scipy.signal": lambda t: signal.fftconvolve(t, W), "scipy.ndimage": lambda t: ndimage.gaussian_filter(t, 1.0), "scipy.optimize": lambda t: optimize.minimize(lambda x: (x - t)[0] ** 2, [0.0]),
    "sklearn": lambda t: sklearn.LinearRegression().fit(t[:, None], W), "numba.njit": compiled, "einops.asnumpy": lambda t: einops.asnumpy(t),
}
# fmt: on


def leaf():
    return tg.Tensor(V, requires_grad=True)


@pytest.mark.parametrize("name", RIGHT)
def test_what_crosses_keeps_its_gradient(name, tmp_path, monkeypatch):
    monkeypatch.setattr(pytest, "file", tmp_path / "file", raising=False)
    f, expected = RIGHT[name]
    t = leaf()
    result = f(t)
    assert type(result) is tg.Tensor
    assert result.requires_grad
    np.sum(result).backward()
    np.testing.assert_allclose(t.grad.data, expected, rtol=1e-6)


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_cross_says_so(name, tmp_path, monkeypatch):
    monkeypatch.setattr(pytest, "file", tmp_path / "file", raising=False)
    with pytest.raises((TypeError, ValueError)) as raised:
        REFUSED[name](leaf())
    assert str(raised.value)


LIBRARIES = ["np.asarray", "torch.as_tensor", "Series(t)", "DataArray.values", "sklearn", "A @ t"]


@pytest.mark.parametrize("name", LIBRARIES)
def test_constants_cross(name):
    t = tg.Tensor(V)
    REFUSED[name](t)
    with tg.no_grad():
        REFUSED[name](leaf())
