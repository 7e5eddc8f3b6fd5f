"""Odd calls of products, reductions, decompositions and transforms: NumPy's values, dtypes, shapes and exceptions."""

import warnings

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

import tensorgrad as tg
from tests.ops.test_ops import full_name

RNG = np.random.default_rng(0)
DTYPES = ("float64", "float32", "float16", "int64", "int8", "uint8", "bool", "complex128", "complex64")  # fmt: skip
SHAPES = ((), (1,), (3,), (0,), (2, 3), (3, 3), (0, 3), (2, 2, 3))
AXES = ({}, {"axis": 0}, {"axis": -1}, {"axis": 5}, {"axis": (0, 1)}, {"axis": (0, 0)}, {"axis": ()}, {"axis": 0, "keepdims": True},
        {"axis": [0]}, {"axis": None, "out": None})  # fmt: skip
ORDERS = (None, 0, 1, 2, 3, -1, np.inf, -np.inf, "fro", "nuc", "x")


def make(shape, dtype="float64"):
    x = 2 * RNG.standard_normal(shape) + (1j * RNG.standard_normal(shape) if dtype[0] == "c" else 0)
    return np.asarray(np.abs(x) if dtype[0] == "u" else x).astype(dtype)


def each(functions, *more, shapes=SHAPES, dtypes=DTYPES, keywords=({},)):
    """Yield every function of an array of every shape and dtype, with each of the keywords."""
    return [
        (f, (make(shape, dtype), *more), kw)
        for f in functions for shape in shapes for dtype in dtypes for kw in keywords
    ]  # fmt: skip


FFT = np.fft
REDUCTIONS = (np.sum, np.mean, np.max, np.min, np.prod, np.var, np.std, np.ptp)
REDUCE = tuple(u.reduce for u in (np.add, np.multiply, np.maximum, np.minimum, np.fmax, np.fmin))
ACCUMULATE = tuple(u.accumulate for u in (np.add, np.multiply, np.maximum, np.minimum))
PAIRS = [(a, b) for a in SHAPES for b in SHAPES]
SQUARE = ((0, 0), (1, 1), (3, 3), (2, 3), (3,), (2, 2, 2))
MATRIX = (np.linalg.inv, np.linalg.det, np.linalg.slogdet, np.linalg.pinv, np.linalg.eigvalsh, np.linalg.svdvals, np.linalg.qr)  # fmt: skip
SINGULAR = (np.zeros((2, 2)), np.ones((3, 3)), np.stack([np.ones((2, 2)), np.diag([1.0, 2.0])]), np.zeros((2, 2), int))  # fmt: skip
X5 = np.arange(5.0)
RANK_2 = np.array([[1.0, 2, 0], [1, 0, 2], [2, 1, 3], [0, 0, 0]])

# fmt: off
CALLS = [
    *each(REDUCTIONS + REDUCE, keywords=AXES, dtypes=("float64", "float32", "int64", "bool")),
    *each(REDUCTIONS, shapes=((2, 3),)),
    *each(REDUCE[2:], shapes=((2, 3),), keywords=({"dtype": "f4"}, {"axis": 1, "dtype": "f8"})),
    *each((np.var, np.std), shapes=((2, 3),), keywords=({"correction": 1}, {"ddof": 1.5}, {"mean": 0.5}, {"mean": np.ones((1, 3)), "axis": 0}, {"ddof": 1, "correction": 1},
                                                       {"mean": np.ones((2, 1)), "axis": 1, "keepdims": True, "correction": 1})),
    *each((np.logaddexp.reduce,), keywords=({}, {"axis": None}, {"keepdims": True}, {"initial": 1.0}, {"dtype": "f4"}, {"axis": 5}), dtypes=("float64", "float16", "int8", "bool")),
    *each(ACCUMULATE, keywords=({}, {"axis": -1}, {"axis": None}, {"axis": 5}, {"axis": (0,)}, {"dtype": "f4"}, {"out": None}), dtypes=("float64", "int8", "bool")),
    *each((np.cumsum, np.cumprod, np.cumulative_sum, np.cumulative_prod), keywords=({}, {"axis": 0}, {"axis": 5}, {"out": None, "axis": 0}, {"dtype": "f4"}), dtypes=("float64", "int8", "bool")),
    *each((np.sinc, np.i0, np.sign, np.absolute, np.angle, np.real, np.imag, np.conjugate, np.nan_to_num, np.real_if_close)),
    *[(f, (np.array(x),), {}) for f in (np.sinc, np.i0, np.sign, np.absolute, np.angle, np.nan_to_num)
      for x in ([np.inf, -np.inf, np.nan, 0.0, -0.0], [complex(np.inf, 1), complex(0, np.nan), 0j])],
    *each((np.linalg.norm,), keywords=[{"ord": o} for o in ORDERS] + [{"axis": 0}, {"axis": [0]}, {"axis": (0, 0)}, {"axis": 5}, {"axis": (0, 1), "ord": 1, "keepdims": True}], dtypes=("float64", "int64", "uint8")),
    *each((np.linalg.matrix_norm,), keywords=[{"ord": o} for o in ORDERS], dtypes=("float64", "int64", "uint8")),
    *each((np.linalg.cond,), shapes=SQUARE, keywords=[{"p": o} for o in ORDERS], dtypes=("float64", "float32", "int64", "float16")),
    *[(np.linalg.cond, (x, p), {}) for x in SINGULAR for p in (None, 2, -2, 1, "fro", np.inf)],
    *each(MATRIX, shapes=(*SQUARE, ())),
    *[(np.linalg.matrix_power, (make(shape, dtype), n), {}) for shape in SQUARE for dtype in ("float64", "int64") for n in (0, 1, 3, 1.5)],
    *[(np.linalg.lstsq, (make((3, 2), a), make((3,), b)), {}) for a in DTYPES for b in DTYPES],
    *[(np.linalg.tensorinv, (make((2, 3, 6)),), {"ind": n}) for n in (2, 0, -1, 1)],
    *[(np.linalg.multi_dot, ([make(s) for s in shapes],), {}) for shapes in ([(2, 3)], [(2, 3), (3, 2)], [(3,), (3, 2), (2,)], [(2, 3), (2, 3), (3, 2)])],
    *[(f, (make(a, dtype), make(b, dtype)), {}) for a, b in PAIRS for dtype in ("float64", "bool")
      for f in (np.dot, np.inner, np.vdot, np.vecdot, np.outer, np.kron, np.tensordot, np.linalg.cross, np.linalg.tensordot)],
    *[(np.tensordot, (make(a), make(b)), {"axes": axes}) for a, b in PAIRS for axes in (0, 1, (5, 0), ([0], [1, 2]), (-1, 0))],
    *[(np.vecdot, (make((2, 3), dtype), make((2, 3), dtype)), kw) for dtype in ("float64", "complex64", "int8")
      for kw in ({"axes": [-1, -1, ()]}, {"axes": [0, 0]}, {"keepdims": True}, {"axis": 0, "keepdims": True}, {"dtype": "c16"}, {"axis": 5})],
    *[(np.vecdot, (make((3, 3, 3)), make((3, 1, 3))), {"axes": axes, "keepdims": kept}) for kept in (False, True)
      for axes in ([-1, -1, -1], [-1, -1, (-1,)], [-1, (-2, -1), ()], [0, 2, 0], [2, 2, (1,)], [0, 2])],
    *[(f, (make((2, 3)), [5, -1, 7]), {"mode": mode}) for f in (np.take,) for mode in ("clip", "wrap", "raise", "ä")],
    *[(np.choose, (np.arange(3), [1.0, make(())]), {"mode": mode}) for mode in ("clip", "wrap", "raise", "ä")],
    *[(np.einsum, (make((2, 3)), [n, 1], make((3,)), [1], [n]), {}) for n in (-1, 0, 51, 52)],
    *[(np.einsum, ("a,a,a->a", *(make((2,)) for _ in range(3))), {"optimize": o}) for o in ("greedy", ["einsum_path", (0, 1, 2)], ["einsum_path", (1,), (0, 1)], ("greedy", 100), "no", None)],
    (np.choose, (make((3,)), [1.0, 2.0]), {}), (np.ravel, (make((2, 2)), "x"), {}), (np.reshape, (make((2, 2)), 4, "ä"), {}),
    *[(np.add.reduceat, (make((3, 2)), []), {"axis": axis}) for axis in (0, 1)],
    *[(f, (make((3,), "int32"), *more), {"dtype": dtype}) for f, *more in ((np.add.reduceat, [0, 1]), (np.subtract.reduce,), (np.subtract.accumulate,)) for dtype in ("int32", "float32")],
    *[(np.poly, (roots,), {}) for roots in ([3, np.float64(-1.5)], [make(()), make(())], [np.float64(2), 1j], [make((2,)), make((2,))], [])],
    *[(np.concatenate, (parts,), {"axis": axis}) for axis in (None, 0) for parts in ([make((2,), "f4"), 1.0], [make((2,), "i1"), 2, make((2,), "i2")], [make((), "f4"), 1j])],
    (np.linalg.lstsq, (RANK_2, np.array([1, 0, 0, 0])), {"rcond": -1}),
    *[(np.linspace, (make(shape), make(shape)), {"num": n, "endpoint": end, "retstep": True}) for shape in SHAPES[:3] for n in (0, 1, 2) for end in (True, False)],
    *[(np.einsum, (s, *(make(shape, dtype) for shape in shapes)), kw) for dtype in ("float64", "float32", "int8")
      for s, *shapes in (("ij,jk->ik", (2, 3), (3, 2)), ("ij->i", (2, 3)), ("ii->i", (3, 3)), ("...j,j", (2, 2, 3), (3,)), ("ij->", (0, 3)))
      for kw in ({"dtype": "f8"}, {"dtype": "f4"}, {"dtype": complex}, {"order": "F"}, {"casting": "no"}, {"dtype": "f4", "casting": "same_kind"}, {"out": None}, {"what": 1})],
    *each((np.polyder, np.polyint, np.poly, np.roots), shapes=SHAPES[:6]),
    *[(f, (make(a, dtype), make(b, dtype)), {}) for a, b in PAIRS for dtype in ("float64", "int64", "uint8") for f in (np.polyadd, np.polysub, np.polymul, np.polydiv, np.polyval)],
    *[(np.polyder, (make((4,)), m), {}) for m in (0, 2, 5, -1, 1.5)], *[(np.polyint, (make((2,)), 2, k), {}) for k in (1.0, [1.0], [1, 2], [], [1, 2, 3], 1j)],
    *[(np.roots, (np.array(p),), {}) for p in ([0, 0, 1, 2], [0.0, 0], [1, 0, 0], [0, 1.0, 2, 0, 0], [5])],
    *[(np.polyfit, (X5, make((5, *more), dtype), deg), kw) for more in ((), (2,)) for dtype in ("float64", "int64") for deg in (0, 1, -1, [1], 6)
      for kw in ({}, {"cov": True}, {"cov": "unscaled"}, {"full": True}, {"w": np.ones(5), "cov": True})],
    *each((FFT.fft, FFT.ifft, FFT.rfft, FFT.irfft, FFT.hfft, FFT.ihfft), shapes=((1,), (4,), (2, 3), ()), keywords=({}, {"n": 2}, {"n": 0}, {"n": 6}, {"axis": 5}, {"norm": "ortho"}, {"out": None}), dtypes=("float64", "float32", "int8", "complex64")),
    *each((FFT.hfft, FFT.ihfft), shapes=((4,),), keywords=({"norm": "x"},)),
    *each((FFT.fftn, FFT.rfftn, FFT.irfftn, FFT.rfft2, FFT.irfft2), shapes=((4,), (4, 3), (2, 4, 3)), keywords=({}, {"axes": (0, 0)}, {"axes": (5,)}, {"s": (2, 3), "axes": (0, 1)}, {"s": (2, -1), "axes": (0, 1)}, {"s": (2,), "axes": (0, 1)}, {"out": None}), dtypes=("float64", "float32")),
    *[(sliding_window_view, (make(shape), 2), {"axis": axis}) for shape in SHAPES for axis in (0, -1, 5)],
]
# fmt: on


def tensors(x, requires_grad):
    if isinstance(x, np.ndarray):
        return tg.Tensor(x, requires_grad=requires_grad and x.dtype.kind in "fc")
    if isinstance(x, list):
        return [tensors(item, requires_grad) for item in x]
    return x


def found(call):
    """Return the results of a call as arrays, or the exception that it raised."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            result = call()
        except Exception as error:
            return error
    results = result if isinstance(result, tuple) else (result,)
    return [np.asarray(x.data if isinstance(x, tg.Tensor) else x) for x in results]


def copied(x):
    return (
        [copied(item) for item in x]
        if isinstance(x, list)
        else x.copy()
        if isinstance(x, np.ndarray)
        else x
    )


def difference(ours, right):
    if isinstance(right, Exception) or isinstance(ours, Exception):
        related = isinstance(ours, type(right)) or isinstance(right, type(ours))
        return "" if related else f"{ours!r}, not {right!r}"
    for x, y in zip(ours, right, strict=True):
        if (x.dtype, x.shape) != (y.dtype, y.shape):
            return f"{x.dtype}{x.shape}, not {y.dtype}{y.shape}"
        eps = np.finfo(y.dtype).eps if y.dtype.kind in "fc" else 0
        size = np.max(np.abs(y[np.isfinite(y)]), initial=1) if eps else 0
        if not np.allclose(x, y, rtol=1000 * eps, atol=1000 * eps * size, equal_nan=True):
            return f"{x.tolist()}, not {y.tolist()}"
    return ""


BY_FUNCTION = {}
for function, args, kwargs in CALLS:
    BY_FUNCTION.setdefault(function, []).append((args, kwargs))


@pytest.mark.parametrize("requires_grad", [False, True], ids=["constant", "leaf"])
@pytest.mark.parametrize("function", BY_FUNCTION, ids=full_name)
def test_odd_calls_are_as_in_numpy(function, requires_grad):
    wrong = []
    for args, kwargs in BY_FUNCTION[function]:
        right = found(lambda args=args, kwargs=kwargs: function(*map(copied, args), **kwargs))
        given = [tensors(x, requires_grad) for x in args]
        ours = found(lambda given=given, kwargs=kwargs: function(*given, **kwargs))
        if why := difference(ours, right):
            shapes = [f"{x.dtype}{x.shape}" if isinstance(x, np.ndarray) else x for x in args]
            wrong.append(f"{shapes} {kwargs}: {why}")
    assert not wrong, f"{len(wrong)} calls differ from NumPy, first: " + "\n".join(wrong[:5])
