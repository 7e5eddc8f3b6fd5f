"""What PyTorch calls the functions of the op table; empty where it is not installed."""

import numpy as np

import tensorgrad as tg
from tensorgrad.ops.linear import einsum

try:
    import torch
except ImportError:
    torch = None

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

        # index
        np.sort: lambda x, axis=-1: torch.sort(x, axis).values,
        np.take_along_axis: lambda x, i, axis=-1: torch.take_along_dim(x, torch.as_tensor(i), axis),

        # linear
        np.matmul: torch.matmul, np.dot: torch.dot, np.inner: torch.inner, np.outer: torch.outer,
        np.tensordot: torch.tensordot, np.einsum: torch.einsum,
        einsum: lambda *xs, subscripts: torch.einsum(subscripts, *xs),

        # neural
        tg.relu: F.relu, tg.leaky_relu: lambda x, slope=0.01: F.leaky_relu(x, slope), tg.sigmoid: torch.sigmoid,
        tg.softplus: F.softplus, tg.softmax: lambda x, axis=-1: torch.softmax(x, axis),
        tg.log_softmax: lambda x, axis=-1: torch.log_softmax(x, axis), tg.linear: lambda x, W, b: F.linear(x, W.T, b),
        tg.softmax_cross_entropy: lambda z, y: F.cross_entropy(z, torch.as_tensor(y)),
        tg.sigmoid_cross_entropy: lambda z, y: F.binary_cross_entropy_with_logits(z, torch.as_tensor(y) * torch.ones_like(z), reduction="none"),
    }
    # fmt: on
