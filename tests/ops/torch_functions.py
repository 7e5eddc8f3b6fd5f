"""PyTorch's names of the functions in the op table; empty where it is not installed."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

import tensorgrad as tg
from tensorgrad.ops.linear import einsum

try:
    import torch
except ImportError:
    torch = None


def hermitian(a, lower):
    """Return the Hermitian matrix that NumPy reads from one triangle."""
    half = torch.tril(a, -1) if lower else torch.triu(a, 1)
    return half + half.mH + torch.diag_embed(torch.diagonal(a, 0, -2, -1).real)


def regular_det(a):
    """Refuse singular matrices, because PyTorch's gradient there is 0, which is wrong for a rank one below full."""
    if torch.linalg.matrix_rank(a.detach()).min() < a.shape[-1]:
        raise ValueError("singular")
    return torch.linalg.det(a)


def channels_last(f, x):
    """Apply a function of PyTorch, which has channels after the samples, to an array that has them last."""
    return torch.movedim(f(torch.movedim(x, -1, 1)), 1, -1)


def torch_conv(x, W, b, **settings):
    """Convolve by PyTorch, which does not know all paddings."""
    n = x.ndim - 2
    kernels = torch.permute(W, (n + 1, n, *range(n)))
    f = getattr(torch.nn.functional, f"conv{n}d")
    return channels_last(lambda y: f(y, kernels, b, **settings), x)


def torch_pool(name, x, size, **settings):
    """Pool by PyTorch, which does not know all paddings."""
    f = getattr(torch.nn.functional, f"{name}{x.ndim - 2}d")
    return channels_last(lambda y: f(y, size, **settings), x)


TORCH = {}
if torch is not None:
    F = torch.nn.functional
    # fmt: off
    TORCH = {
        # elementwise
        np.add: torch.add, np.subtract: torch.subtract, np.multiply: torch.multiply, np.divide: torch.divide,
        np.power: torch.pow, np.maximum: torch.maximum, np.minimum: torch.minimum, np.logaddexp: torch.logaddexp,
        np.arctan2: torch.arctan2, np.hypot: torch.hypot, np.clip: torch.clamp,
        np.where: lambda c, a, b: torch.where(torch.as_tensor(c), a, b),
        np.positive: torch.positive, np.negative: torch.negative, np.absolute: torch.abs, np.fabs: torch.abs,
        np.reciprocal: torch.reciprocal, np.square: torch.square, np.sqrt: torch.sqrt,
        np.fmax: torch.fmax, np.fmin: torch.fmin, np.float_power: torch.float_power, np.fmod: torch.fmod,
        np.copysign: torch.copysign, np.logaddexp2: torch.logaddexp2, np.degrees: torch.rad2deg,
        np.rad2deg: torch.rad2deg, np.radians: torch.deg2rad, np.deg2rad: torch.deg2rad, np.sinc: torch.sinc,
        np.i0: torch.i0, np.sign: torch.sgn, np.angle: torch.angle, np.nan_to_num: torch.nan_to_num,
        np.exp: torch.exp, np.exp2: torch.exp2, np.expm1: torch.expm1,
        np.log: torch.log, np.log2: torch.log2, np.log10: torch.log10, np.log1p: torch.log1p,
        np.sin: torch.sin, np.cos: torch.cos, np.tan: torch.tan,
        np.arcsin: torch.arcsin, np.arccos: torch.arccos, np.arctan: torch.arctan,
        np.sinh: torch.sinh, np.cosh: torch.cosh, np.tanh: torch.tanh,
        np.arcsinh: torch.arcsinh, np.arccosh: torch.arccosh, np.arctanh: torch.arctanh,
        np.conjugate: torch.conj, np.real: torch.real, np.imag: torch.imag, np.copy: torch.clone,

        # reduce
        np.sum: torch.sum, np.mean: torch.mean, np.max: torch.amax, np.amax: torch.amax, np.min: torch.amin,
        np.amin: torch.amin, np.prod: torch.prod, np.cumsum: torch.cumsum,
        np.cumprod: torch.cumprod, np.nansum: torch.nansum, np.nanmean: torch.nanmean, np.cov: torch.cov,
        np.corrcoef: torch.corrcoef, np.quantile: lambda x, q, *args, **kwargs: torch.quantile(x, torch.as_tensor(q, dtype=x.dtype), *args, **kwargs),
        np.nanquantile: lambda x, q, *args, **kwargs: torch.nanquantile(x, torch.as_tensor(q, dtype=x.dtype), *args, **kwargs),
        np.var: lambda x, axis=None, ddof=0, **kwargs: torch.var(x, axis, correction=ddof, **kwargs),
        np.std: lambda x, axis=None, ddof=0, **kwargs: torch.std(x, axis, correction=ddof, **kwargs),
        tg.logsumexp: lambda x, axis, keepdims=False: torch.logsumexp(x, axis, keepdims),

        # shape
        np.reshape: torch.reshape, np.ravel: torch.ravel, np.squeeze: torch.squeeze, np.expand_dims: torch.unsqueeze,
        np.transpose: lambda x, axes=None: torch.permute(x, axes or tuple(range(x.ndim))[::-1]), np.swapaxes: torch.swapaxes, np.moveaxis: torch.moveaxis,
        np.broadcast_to: torch.broadcast_to, np.flip: lambda x, axis=None: torch.flip(x, tuple(np.arange(x.ndim)[list(axis) if isinstance(axis, tuple) else axis].ravel().tolist())), np.concatenate: torch.concatenate,
        np.stack: torch.stack, np.array_split: torch.tensor_split,
        np.hstack: torch.hstack, np.vstack: torch.vstack, np.dstack: torch.dstack, np.column_stack: torch.column_stack,
        np.hsplit: torch.hsplit, np.vsplit: torch.vsplit, np.dsplit: torch.dsplit, np.unstack: torch.unbind,
        np.atleast_1d: torch.atleast_1d, np.atleast_2d: torch.atleast_2d, np.broadcast_arrays: torch.broadcast_tensors,
        np.meshgrid: lambda *xs, indexing="xy": torch.meshgrid(*xs, indexing=indexing),

        # arrange
        np.fliplr: torch.fliplr, np.flipud: torch.flipud, np.roll: torch.roll, np.tile: torch.tile, np.triu: torch.triu,
        np.tril: torch.tril, np.diag: torch.diag, np.diagflat: torch.diagflat, np.diagonal: torch.diagonal,
        np.rot90: lambda x, k=1, axes=(0, 1): torch.rot90(x, k, axes),
        np.repeat: lambda x, n, axis=None: torch.repeat_interleave(x, torch.as_tensor(n), axis),
        np.trace: lambda x: torch.trace(x),

        # calculus
        np.diff: torch.diff, np.gradient: lambda x, *h, axis=None, edge_order=1: torch.gradient(x, spacing=h or 1, dim=axis, edge_order=edge_order),
        np.trapezoid: lambda y, x=None, dx=1, axis=-1: torch.trapezoid(y, dx=dx, dim=axis) if x is None else torch.trapezoid(y, torch.as_tensor(x), dim=axis),
        np.vander: lambda x, N=None, increasing=False: torch.vander(x, N, increasing),
        sliding_window_view: lambda x, n: x.unfold(0, n, 1),

        # index
        np.sort: lambda x, axis=-1: torch.sort(x, axis).values,
        np.take_along_axis: lambda x, i, axis=-1: torch.take_along_dim(x, torch.as_tensor(i), axis),

        # linear
        np.matmul: torch.matmul, np.dot: torch.dot, np.inner: torch.inner, np.outer: torch.outer,
        np.tensordot: torch.tensordot, np.einsum: torch.einsum,
        einsum: lambda *xs, subscripts: torch.einsum(subscripts, *xs),
        np.vdot: torch.vdot, np.vecdot: torch.linalg.vecdot, np.kron: torch.kron, np.cross: lambda a, b, axis=-1: torch.linalg.cross(*torch.broadcast_tensors(a, b), dim=axis),
        np.linalg.inv: torch.linalg.inv, np.linalg.solve: torch.linalg.solve, np.linalg.pinv: lambda a, **kw: torch.linalg.pinv(hermitian(a, True) if kw.get("hermitian") else a, **kw), np.linalg.det: regular_det,
        np.linalg.slogdet: lambda a: tuple(torch.linalg.slogdet(a)), np.linalg.matrix_power: torch.linalg.matrix_power,
        np.linalg.multi_dot: torch.linalg.multi_dot, np.linalg.tensorinv: torch.linalg.tensorinv, np.linalg.tensorsolve: torch.linalg.tensorsolve,
        np.linalg.vector_norm: lambda x, axis=None, keepdims=False, **order: torch.linalg.vector_norm(x, order.get("ord", 2), axis, keepdims),
        np.linalg.matrix_norm: lambda x, keepdims=False, **order: torch.linalg.matrix_norm(x, order.get("ord", "fro"), keepdim=keepdims),
        np.linalg.norm: lambda x, order=None, axis=None, keepdims=False: torch.linalg.norm(x, order, axis, keepdims),
        np.linalg.cond: torch.linalg.cond, np.linalg.svdvals: torch.linalg.svdvals, np.linalg.eigvals: torch.linalg.eigvals,
        np.linalg.cholesky: lambda a, upper=False: torch.linalg.cholesky(hermitian(a, not upper), upper=upper),
        np.linalg.eigvalsh: lambda a, UPLO="L": torch.linalg.eigvalsh(hermitian(a, UPLO == "L"), UPLO=UPLO),

        # fourier
        **{getattr(np.fft, name): getattr(torch.fft, name) for name in np.fft.__all__ if name.endswith(("fft", "fft2", "fftn", "shift"))},

        # neural
        tg.relu: F.relu, tg.leaky_relu: lambda x, slope=0.01: F.leaky_relu(x, slope), tg.sigmoid: torch.sigmoid,
        tg.ndtr: torch.special.ndtr, tg.softplus: F.softplus, tg.softmax: lambda x, axis=-1: torch.softmax(x, axis),
        tg.log_softmax: lambda x, axis=-1: torch.log_softmax(x, axis), tg.linear: lambda x, W, b: F.linear(x, W.T, b),
        tg.batch_norm: lambda x, gain, bias, _moments, epsilon=1e-5: channels_last(lambda y: F.batch_norm(y, None, None, gain, bias, training=True, eps=epsilon), x),
        tg.standardize: lambda x, axis=-1, epsilon=1e-5: (x - x.mean(axis, keepdim=True)) / torch.sqrt(x.var(axis, correction=0, keepdim=True) + epsilon),
        tg.conv: torch_conv, tg.max_pool: lambda x, *args, **kwargs: torch_pool("max_pool", x, *args, **kwargs),
        tg.average_pool: lambda x, *args, **kwargs: torch_pool("avg_pool", x, *args, **kwargs, count_include_pad=False),
        tg.softmax_cross_entropy: lambda z, y: F.cross_entropy(z, torch.as_tensor(y)),
        tg.sigmoid_cross_entropy: lambda z, y: F.binary_cross_entropy_with_logits(z, torch.as_tensor(y) * torch.ones_like(z), reduction="none"),
    }
    # fmt: on
