"""Signatures are SciPy's, and arrays give what SciPy gives: the same type, dtype and bits."""

import importlib
import inspect
import warnings

import numpy as np
import pytest

pytest.importorskip("scipy")
import scipy.sparse

import tensorgrad.scipy as tsp
from tensorgrad.scipy.functions import OWN
from tensorgrad.scipy.stats import DISTRIBUTIONS

MORE = {"sensitivity", "data"}  # keywords that only tensors need
LINALG = [
    "solve", "solve_triangular", "cho_factor", "cho_solve", "cholesky", "expm", "logm", "sqrtm",
    "solve_sylvester", "solve_continuous_lyapunov", "block_diag", "toeplitz", "inv", "det",
]  # fmt: skip
NAMES = {
    "fft": tsp.fft.__all__,
    "integrate": tsp.integrate.__all__,
    "interpolate": [name for name in tsp.interpolate.__all__ if name != "Spline"],
    "linalg": LINALG,
    "optimize": tsp.optimize.__all__,
    "signal": tsp.signal.__all__,
    "sparse.linalg": ["spsolve", "cg"],
    "special": sorted(OWN),
}
PAIRS = [(room, name) for room, names in NAMES.items() for name in names]
METHODS = [(name, method) for name, d in DISTRIBUTIONS.items() for method in d.functions]


def found(package, room, name):
    return getattr(importlib.import_module(f"{package}.{room}"), name)


def ours_of(room, name):
    place = tsp
    for part in room.split("."):
        place = getattr(place, part)
    return getattr(place, name)


def parameters(function):
    return [
        (p.name, p.kind, repr(p.default))
        for p in inspect.signature(function).parameters.values()
        if p.name not in MORE
    ]


@pytest.mark.parametrize(("room", "name"), PAIRS)
def test_signatures(room, name):
    theirs = found("scipy", room, name)
    if name == "toeplitz" or not callable(theirs):
        pytest.skip("of another SciPy")
    assert parameters(ours_of(room, name)) == parameters(theirs)


@pytest.mark.parametrize(("name", "method"), METHODS)
def test_signatures_of_distributions(name, method):
    theirs = getattr(getattr(scipy.stats, name), method)
    assert parameters(getattr(getattr(tsp.stats, name), method)) == parameters(theirs)


A = np.array([[4.0, 1.0, 0.5], [1.0, 3.0, 0.2], [0.5, 0.2, 2.0]])
B = np.array([1.0, 2.0, 3.0])
S = scipy.sparse.csr_array(A)
# fmt: off
CALLS = {
    "fft": {"dct": [(B,)], "dst": [(B, 3)], "idct": [(A,)], "fft": [(B,)], "irfft": [(B,)], "dctn": [(A,)], "fft2": [(A,)], "fftshift": [(B,)]},
    "integrate": {"trapezoid": [(B,)], "simpson": [(A,)], "cumulative_trapezoid": [(B,)]},
    "linalg": {"solve": [(A, B)], "solve_triangular": [(A, B)], "cholesky": [(A,)], "expm": [(A,)], "logm": [(A,)], "sqrtm": [(A,)], "solve_sylvester": [(A, A, A)], "inv": [(A,)],
               "solve_continuous_lyapunov": [(A, A)], "block_diag": [(A, B)], "toeplitz": [(B,)], "det": [(A,)], "cho_factor": [(A,)], "cho_solve": [((A, False), B)]},
    "signal": {"convolve": [(B, B)], "fftconvolve": [(B, B)], "correlate": [(B, B)], "lfilter": [(B, B, A)]},
    "sparse.linalg": {"spsolve": [(S, B)], "cg": [(S, B)]},
    "special": {"logsumexp": [(A,)], "softmax": [(A,)], "log_softmax": [(A,)], "polygamma": [(1, B)], "comb": [(5, B)], "spherical_jn": [(1, B)], "multigammaln": [(B, 2)]},
}
# fmt: on
ROWS = [
    (room, name, args)
    for room, functions in CALLS.items()
    for name, calls in functions.items()
    for args in calls
]


def same(a, b):
    """Compare results, in tuples too, to the bit."""
    if isinstance(b, tuple):
        assert type(a) is type(b)
        for x, y in zip(a, b, strict=True):
            same(x, y)
        return
    assert type(a) is type(b)
    assert getattr(a, "dtype", None) == getattr(b, "dtype", None)
    np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("dtype", ["f4", "f8", "c16", "i8"])
@pytest.mark.parametrize(("room", "name", "args"), ROWS)
def test_arrays_give_what_scipy_gives(room, name, args, dtype):
    args = tuple(a.astype(dtype) if isinstance(a, np.ndarray) else a for a in args)
    theirs = found("scipy", room, name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            right = theirs(*args)
        except Exception as error:  # which ours is to raise, too
            with pytest.raises(type(error)):
                ours_of(room, name)(*args)
        else:
            same(ours_of(room, name)(*args), right)


@pytest.mark.parametrize(
    "room", ["linalg", "signal", "fft", "integrate", "interpolate", "optimize"]
)
def test_other_names_are_scipys(room):
    theirs = importlib.import_module(f"scipy.{room}")
    missing = [n for n in theirs.__all__ if not hasattr(getattr(tsp, room), n)]
    assert not missing
