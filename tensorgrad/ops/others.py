"""Functions that do not calculate: they create, describe, print, save and load arrays, or change settings."""

import numpy as np

from tensorgrad.ops.common import as_array
from tensorgrad.rules import composite, nondifferentiable, unsupported


def known(*names):
    """Return those functions of these names that the installed NumPy has."""
    return [getattr(np, name) for name in names if hasattr(np, name)]


# fmt: off
nondifferentiable(
    # arrays from shapes and plain numbers
    np.arange, np.bartlett, np.blackman, np.diag_indices, np.empty, np.empty_like, np.eye, np.fromfunction, np.hamming, np.hanning,
    np.identity, np.indices, np.ix_, np.kaiser, np.mask_indices, np.nested_iters, np.ones, np.ones_like, np.tri, np.tril_indices,
    np.triu_indices, np.zeros, np.zeros_like,
    np.min_scalar_type,
    # text and files
    np.array2string, np.array_repr, np.array_str, np.base_repr, np.binary_repr, np.format_float_positional,
    np.format_float_scientific, np.from_dlpack, np.frombuffer, np.fromfile, np.fromiter, np.fromregex, np.fromstring,
    np.genfromtxt, np.load, np.loadtxt, np.save, np.savetxt, np.savez, np.savez_compressed,
    # bits and dates
    np.busday_count, np.busday_offset, np.datetime_as_string, np.datetime_data, np.is_busday, np.isnat, np.packbits, np.unpackbits,
    # NumPy itself
    np.frompyfunc, np.get_include, np.get_printoptions, np.getbufsize, np.geterr, np.geterrcall, np.info, np.printoptions,
    np.set_printoptions, np.setbufsize, np.seterr, np.seterrcall, np.show_config, np.show_runtime,
    np.test, np.linalg.test,
)
nondifferentiable(  # types and memory
    np.common_type, np.isdtype, np.isfortran, np.isscalar, np.issubdtype, np.iterable, np.may_share_memory,
    np.mintypecode, np.promote_types, np.shares_memory, np.typename,
    static=True,
)
unsupported(
    "it makes an ndarray, which has no gradient; use np.copy for a tensor, np.stack for a list of tensors, or .data for the numbers",
    np.array, np.asanyarray, np.asarray, np.asarray_chkfinite, np.ascontiguousarray, np.asfortranarray, np.asmatrix, np.bmat, np.require,
)
unsupported("it makes an ndarray, which has no gradient; use np.broadcast_to", np.full)
unsupported("counts carry no gradient, and weights only in np.histogram; pass .data", np.histogram2d, np.histogramdd)
unsupported("NumPy has deprecated or removed it; use np.vstack, np.trapezoid or np.isin", *known("row_stack", "trapz", "in1d"))
# fmt: on


@composite(np.full_like)
def _full_like(a, fill_value, dtype=None, order="K", subok=True, shape=None, *, device=None):
    out = np.empty_like(a, dtype, order, subok, shape, device=device)
    fill = as_array(fill_value)
    # NumPy casts numbers without a check; a recorded tensor is checked, so that no gradient is lost.
    out[...] = fill.astype(out.dtype) if isinstance(fill, np.ndarray) else fill
    return out
