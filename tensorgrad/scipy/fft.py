"""Fourier, cosine and sine transforms: scipy.fft for tensors."""

import inspect
from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.fft

from tensorgrad.ops.common import as_inexact, axis_indices, numpys
from tensorgrad.ops.fourier import resized
from tensorgrad.rules import Function
from tensorgrad.scipy.values import given_tensors, valued_by, with_rules

COMPLEX = [
    "fft", "ifft", "rfft", "irfft", "hfft", "ihfft", "fft2", "ifft2", "rfft2", "irfft2", "fftn",
    "ifftn", "rfftn", "irfftn", "fftshift", "ifftshift",
]  # fmt: skip
__all__ = ["dct", "dctn", "dst", "dstn", "idct", "idctn", "idst", "idstn", *COMPLEX]


def __getattr__(name: str) -> Any:
    """Return SciPy's own function of a name that is not here; it takes arrays."""
    return getattr(scipy.fft, name)


TRANSPOSED = {1: 1, 2: 3, 3: 2, 4: 4}  # the type of the transposed matrix, apart from its ends
INVERSE = {None: "forward", "backward": "forward", "forward": "backward", "ortho": "ortho"}


def _transform(g, _out, _x, kind, type=2, axis=-1, norm=None, orthogonalize=None):
    """Multiply by the transposed matrix: another type with other ends, unless it is orthogonal."""
    orthogonal = norm == "ortho" if orthogonalize is None else orthogonalize
    before, after = (1.0, 1.0) if orthogonal else ends(kind, type)
    options = {"axis": axis, "norm": norm, "orthogonalize": orthogonalize}
    g = scaled(g, before, axis, kind, type)
    return scaled(transform(g, kind, type=TRANSPOSED[type], **options), after, axis, kind, type)


@with_rules(_transform, None)
def transform(
    x: Any, kind: str, type: int = 2, axis: int = -1, norm: Any = None, orthogonalize: Any = None
) -> Any:
    """Transform along one axis by a cosine ("dct") or sine ("dst") transform."""
    function = getattr(scipy.fft, kind)
    return function(x, type, axis=axis, norm=norm, orthogonalize=orthogonalize)


def ends(kind: str, type: int) -> tuple[float, float]:
    """Return the factors of the ends before and after the transposed transform.

    A cosine transform of type 3, say, takes every element twice but the first.
    """
    if type == 1 and kind == "dct":
        return 2.0, 0.5
    return {2: (2.0, 1.0), 3: (1.0, 0.5)}.get(type, (1.0, 1.0))


def scaled(g: Any, factor: float, axis: int, kind: str, type: int) -> Any:
    """Multiply the first element of a cosine transform, or the last of a sine transform.

    Of a cosine transform of type 1 they are both.
    """
    if factor == 1.0:
        return g
    weights = np.ones(g.shape[axis], np.finfo(g.dtype).dtype)
    weights[[0, -1] if type == 1 else [0 if kind == "dct" else -1]] = factor
    return g * np.reshape(weights, (-1,) + (1,) * (g.ndim - 1 - axis % g.ndim))


def transforms(
    kind: str, x: Any, of: tuple[int, Any], lengths: Any, axes: Sequence[int], orthogonalize: Any
) -> Any:
    """Transform along several axes, cropped or padded with zeros to these lengths.

    `of` are the type and the norm.
    """
    x = as_inexact(x)
    for axis, n in zip(axes, lengths or [None] * len(axes), strict=True):
        x = x if n is None else resized(x, axis, n)
        x = transform(x, kind, type=of[0], axis=axis, norm=of[1], orthogonalize=orthogonalize)
    return x


def real_transform(name: str) -> Function:
    """Return dct, idct, dst or idst."""
    kind, inverse = name[-3:], name[0] == "i"

    @valued_by(getattr(scipy.fft, name))
    def along_axis(
        x: Any, type: int = 2, n: int | None = None, axis: int = -1, norm: str | None = None,
        overwrite_x: bool = False, workers: int | None = None, orthogonalize: bool | None = None,
    ) -> Any:  # fmt: skip
        of = (TRANSPOSED[type], INVERSE[norm]) if inverse else (type, norm)
        return transforms(kind, x, of, [n], [axis], orthogonalize)

    return named_as_scipys(along_axis, name)


def real_transforms(name: str) -> Function:
    """Return dctn, idctn, dstn or idstn."""
    kind, inverse = name[-4:-1], name[0] == "i"

    @valued_by(getattr(scipy.fft, name))
    def along_axes(
        x: Any, type: int = 2, s: Any = None, axes: Any = None, norm: str | None = None,
        overwrite_x: bool = False, workers: int | None = None, orthogonalize: bool | None = None,
    ) -> Any:  # fmt: skip
        of = (TRANSPOSED[type], INVERSE[norm]) if inverse else (type, norm)
        lengths = None if s is None else np.atleast_1d(s).tolist()
        along = range(-len(lengths), 0) if axes is None and lengths else axes
        indices = axis_indices(None if along is None else tuple(np.atleast_1d(along)), np.ndim(x))
        return transforms(kind, x, of, lengths, indices, orthogonalize)

    return named_as_scipys(along_axes, name)


def complex_transform(name: str) -> Function:
    """Return a transform that NumPy has too, which computes that of tensors."""
    function, numpys_own = getattr(scipy.fft, name), getattr(np.fft, name)
    signature = inspect.signature(function)

    def along(*args: Any, **kwargs: Any) -> Any:
        if not given_tensors(*args, *kwargs.values()):
            return numpys(function, *args, **kwargs)
        given = signature.bind(*args, **kwargs).arguments
        given = {key: v for key, v in given.items() if key not in ("overwrite_x", "workers")}
        if given.get("s") is not None and "axes" not in given and name.endswith("n"):
            given["axes"] = tuple(range(-len(given["s"]), 0))
        return numpys_own(given.pop("x"), **given)

    return named_as_scipys(along, name)


def named_as_scipys(function: Function, name: str) -> Function:
    """Return the function with the name and signature of SciPy's."""
    function.__name__ = function.__qualname__ = name
    function.__signature__ = inspect.signature(getattr(scipy.fft, name))  # type: ignore[attr-defined]
    function.__doc__ = f"Transform arrays and tensors as scipy.fft.{name} does."
    return function


dct, idct, dst, idst = map(real_transform, ("dct", "idct", "dst", "idst"))
dctn, idctn, dstn, idstn = map(real_transforms, ("dctn", "idctn", "dstn", "idstn"))
globals().update({name: complex_transform(name) for name in COMPLEX})
