"""PyTorch's own samples of the operators that NumPy has too: the same values and gradients.

They come from torch.testing._internal.common_methods_invocations, which needs the package expecttest.
"""

import warnings
from operator import attrgetter

import numpy as np
import pytest

import tensorgrad as tg
from tests.numpy_suite.compare import is_refusal

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    try:
        import torch
        from torch.testing._internal.common_methods_invocations import op_db
    except ImportError:
        torch, op_db = None, []

SHORT = ["add", "matmul", "sum", "var", "linalg.solve", "linalg.svdvals", "fft.rfft", "cumprod", "gather", "where"]  # fmt: skip
pytestmark = pytest.mark.skipif(torch is None, reason="PyTorch or expecttest is not installed")


def reduced(function):
    """Give a reduction PyTorch's keywords."""
    return lambda x, dim=None, keepdim=False: function(x, axis=axes(dim), keepdims=keepdim)


def along(function):
    """Give a function along one axis PyTorch's keyword for it."""
    return lambda x, dim=-1: function(x, axis=dim)


def spread(function):
    """Give a variance or standard deviation PyTorch's keywords, and its correction of 1 by default."""

    def call(x, dim=None, unbiased=True, correction=None, keepdim=False):
        if isinstance(dim, bool):
            dim, unbiased = None, dim
        ddof = int(unbiased) if correction is None else correction
        return function(x, axis=axes(dim), ddof=ddof, keepdims=keepdim)

    return call


def axes(dim):
    """Convert PyTorch's dimensions to axes: an empty list means all of them."""
    if isinstance(dim, (list, tuple)):
        return tuple(dim) or None
    return dim


def scaled(function):
    return lambda a, b, alpha=1: function(a, b * alpha)


def fft1(function):
    return lambda x, n=None, dim=-1, norm=None: function(x, n, dim, norm)


def fft2(function):
    return lambda x, s=None, dim=(-2, -1), norm=None: function(x, s, dim, norm)


def fftn(function):
    return lambda x, s=None, dim=None, norm=None: function(x, s, dim, norm)


def shifted(function):
    return lambda x, dim=None: function(x, dim)


def varied(function):
    """Let a function of a list take the elements as arguments, as in PyTorch's samples."""
    return lambda *arrays: function(list(arrays[0]) if len(arrays) == 1 else list(arrays))


def sized(x, *shape):
    """Return the shape in a call such as x.reshape(2, 3) or reshape(x, (2, 3))."""
    return tuple(shape[0]) if len(shape) == 1 and not isinstance(shape[0], int) else shape


def mixed(function):
    """Give a function of an array, indices and an axis PyTorch's order of arguments."""
    return lambda x, dim, index, **_: function(x, index, dim)


def selected(x, dim, index):
    return np.take(x, index, dim)


def diagonal(x, offset=0, dim1=0, dim2=1):
    return np.diagonal(x, offset, dim1, dim2)


# ruff: noqa: A006
# fmt: off
SAME = ["abs", "acos", "acosh", "asin", "asinh", "atan", "atan2", "atanh", "mul", "true_divide", "maximum", "minimum", "fmax", "fmin", "fmod", "remainder", "copysign", "cos", "cosh", "deg2rad", "exp", "exp2", "expm1", "float_power", "hypot", "log", "log10", "log1p", "log2", "logaddexp", "logaddexp2", "matmul", "positive", "pow", "rad2deg", "real", "imag", "reciprocal", "sin", "sinh", "sinc", "sqrt", "square", "tan", "tanh", "neg", "i0", "angle", "outer", "inner", "kron", "vdot", "dot", "trace", "fliplr", "flipud", "ravel", "atleast_1d", "atleast_2d", "atleast_3d", "floor", "ceil", "trunc", "sign", "nextafter", "tril", "triu", "diag", "diagflat", "conj", "nan_to_num", "linalg.det", "linalg.inv", "linalg.slogdet", "linalg.matrix_power", "linalg.tensorinv", "linalg.svdvals", "linalg.cond"]
NAMES = {"neg": "negative", "mul": "multiply"}
OPERATORS = {name: attrgetter(NAMES.get(name, name))(np) for name in SAME}
OPERATORS |= {
    "add": scaled(np.add), "sub": scaled(np.subtract), "div@no_rounding_mode": np.divide, "__radd__": lambda a, b: b + a, "__rmul__": lambda a, b: b * a,
    "__rsub__": lambda a, b: b - a, "__rdiv__": lambda a, b: b / a, "__rpow__": lambda a, b: b ** a, "__rmod__": lambda a, b: b % a,
    "__rmatmul__": lambda a, b: b @ a, "rsub": lambda a, b, alpha=1: b - a * alpha, "mm": np.matmul, "bmm": np.matmul, "mv": np.matmul,
    "clamp": np.clip, "clamp_min": np.maximum, "clamp_max": np.minimum,
    "conj_physical": np.conj, "clone": np.copy, "sgn": np.sign, "lerp": lambda a, b, w: a + w * (b - a),
    "rsqrt": lambda x: 1 / np.sqrt(x), "addcmul": lambda x, a, b, value=1: x + value * a * b,
    "addcdiv": lambda x, a, b, value=1: x + value * a / b, "sigmoid": tg.sigmoid, "nn.functional.relu": tg.relu,
    "nn.functional.leaky_relu": lambda x, negative_slope=0.01: tg.leaky_relu(x, negative_slope),
    "softmax": lambda x, dim, dtype=None: tg.softmax(x, dim), "log_softmax": lambda x, dim, dtype=None: tg.log_softmax(x, dim),
    "logsumexp": lambda x, dim, keepdim=False: tg.logsumexp(x, axes(dim), keepdims=keepdim),

    "sum": reduced(np.sum), "mean": reduced(np.mean), "amax": reduced(np.max), "amin": reduced(np.min), "nansum": reduced(np.nansum),
    "nanmean": reduced(np.nanmean), "prod": reduced(np.prod), "var": spread(np.var), "std": spread(np.std),
    "cumsum": along(np.cumsum),
    "cumprod": along(np.cumprod), "max@reduction_no_dim": np.max, "min@reduction_no_dim": np.min, "max@binary": np.maximum,
    "min@binary": np.minimum, "quantile": lambda x, q, dim=None, keepdim=False, interpolation="linear":
        np.quantile(x, q, dim, keepdims=keepdim, method=interpolation),
    "cov": lambda x, correction=1, fweights=None, aweights=None: np.cov(x, ddof=correction, fweights=fweights, aweights=aweights),
    "corrcoef": np.corrcoef,

    "reshape": lambda x, *shape: np.reshape(x, sized(x, *shape)), "view": lambda x, *shape: np.reshape(x, sized(x, *shape)),
    "reshape_as": lambda x, y: np.reshape(x, y.shape), "view_as": lambda x, y: np.reshape(x, y.shape),
    "expand": lambda x, *shape: np.broadcast_to(x, sized(x, *shape)) if -1 not in sized(x, *shape) else None,
    "broadcast_to": np.broadcast_to, "broadcast_tensors": lambda *xs: np.broadcast_arrays(*xs), "permute": lambda x, dims: np.transpose(x, dims),
    "squeeze": lambda x, dim=None: np.squeeze(x, dim) if dim is None or (x.ndim and x.shape[dim] == 1) else x,
    "unsqueeze": np.expand_dims, "transpose": np.swapaxes, "movedim": np.moveaxis, "T": np.transpose, "mT": np.matrix_transpose,
    "t": np.transpose, "flip": lambda x, dims: np.flip(x, tuple(dims)), "cat": lambda xs, dim=0: np.concatenate(list(xs), dim),
    "stack": lambda xs, dim=0: np.stack(list(xs), dim), "hstack": varied(np.hstack), "vstack": varied(np.vstack), "dstack": varied(np.dstack),
    "column_stack": varied(np.column_stack), "hsplit": np.hsplit, "vsplit": np.vsplit, "dsplit": np.dsplit,
    "tensor_split": lambda x, n, dim=0: np.array_split(x, n, dim), "unbind": lambda x, dim=0: np.unstack(x, axis=dim),
    "meshgrid@variadic_tensors": lambda *xs, indexing="ij": np.meshgrid(*xs, indexing=indexing), "roll": lambda x, shifts, dims=None:
        np.roll(x, shifts, dims if dims is None or isinstance(dims, int) else tuple(dims) or None),
    "rot90": lambda x, k=1, dims=(0, 1): np.rot90(x, k, dims), "tile": np.tile, "repeat": lambda x, *n: np.tile(x, sized(x, *n)),
    "diagonal": diagonal, "linalg.diagonal": lambda x, offset=0, dim1=-2, dim2=-1: np.diagonal(x, offset, dim1, dim2),
    "diag": np.diag, "flatten": lambda x, start_dim=0, end_dim=-1: np.ravel(x) if (start_dim, end_dim) == (0, -1) else None,
    "repeat_interleave": lambda x, repeats, dim=None, output_size=None: np.repeat(x, repeats, dim),
    "narrow": lambda x, dim, start, length: np.take(x, np.arange(start, start + length), dim) if isinstance(start, int) else None,
    "select": selected, "index_select": selected, "take": lambda x, index: np.take(x, index), "gather": mixed(np.take_along_axis),
    "take_along_dim": lambda x, index, dim=None: np.take_along_axis(x, index, dim) if dim is not None else None, "__getitem__": lambda x, index: x[index],
    "masked_select": lambda x, mask: np.broadcast_arrays(x, mask)[0][np.broadcast_to(np.asarray(mask), np.broadcast_shapes(x.shape, mask.shape))],
    "sort": lambda x, dim=-1, descending=False, stable=False: np.sort(x, dim) if x.ndim and not descending else None,
    "msort": lambda x: np.sort(x, 0), "diff": lambda x, n=1, dim=-1, prepend=None, append=None:
        np.diff(x, n, dim, **{k: v for k, v in (("prepend", prepend), ("append", append)) if v is not None}),
    "trapezoid": lambda y, x=None, dx=1.0, dim=-1: np.trapezoid(y, x, dx, dim), "trapz": lambda y, x=None, dx=1.0, dim=-1: np.trapezoid(y, x, dx, dim),
    "linalg.vander": lambda x, N=None: None if x.ndim != 1 else np.vander(x, N, True), "tensordot": lambda a, b, dims: np.tensordot(a, b, dims),

    "linalg.vecdot": lambda a, b, dim=-1: np.vecdot(a, b, axis=dim), "linalg.cross": lambda a, b, dim=-1: np.cross(a, b, axis=dim),
    "linalg.pinv": lambda a, rtol=None: np.linalg.pinv(a) if rtol is None else None, "linalg.norm": lambda x, ord=None, dim=None, keepdim=False:
        np.linalg.norm(x, ord, axes(dim), keepdim), "linalg.vector_norm": lambda x, ord=2, dim=None, keepdim=False:
        np.linalg.vector_norm(x, ord=ord, axis=axes(dim), keepdims=keepdim),
    "linalg.matrix_norm": lambda x, ord="fro", dim=(-2, -1), keepdim=False: np.linalg.matrix_norm(x, ord=ord, keepdims=keepdim)
        if tuple(dim) == (-2, -1) else None,
    "linalg.qr": lambda a, mode="reduced": np.linalg.qr(a, mode=mode), "pinverse": np.linalg.pinv,
    "linalg.tensorsolve": lambda a, b, dims=None: np.linalg.tensorsolve(a, b, dims),
    "addmm": lambda x, a, b, beta=1, alpha=1: beta * x + alpha * (a @ b), "baddbmm": lambda x, a, b, beta=1, alpha=1: beta * x + alpha * (a @ b),
    "nn.functional.linear": lambda x, W, b=None: x @ np.transpose(W) + (0 if b is None else b), "where": lambda x, c, y: np.where(c, x, y),
    "masked_fill": lambda x, mask, value: np.where(mask, value, x), "nanquantile":
        lambda x, q, dim=None, keepdim=False, interpolation="linear": np.nanquantile(x, q, dim, keepdims=keepdim, method=interpolation),
    "linalg.solve": lambda a, b, left=True: np.linalg.solve(a, b) if left and a.ndim == b.ndim else None,
    "einsum": lambda xs, equation: np.einsum(equation, *xs), "linalg.multi_dot": lambda xs: np.linalg.multi_dot(list(xs)),

    **{f"fft.{name}": fft1(getattr(np.fft, name)) for name in ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft")},
    **{f"fft.{name}": fft2(getattr(np.fft, name)) for name in ("fft2", "ifft2", "rfft2", "irfft2")},
    **{f"fft.{name}": fftn(getattr(np.fft, name)) for name in ("fftn", "ifftn", "rfftn", "irfftn")},
    **{f"fft.{name}": shifted(getattr(np.fft, name)) for name in ("fftshift", "ifftshift")},
}
# fmt: on


def key(info):
    return info.name + (f"@{info.variant_test_name}" if info.variant_test_name else "")


CHECKED = {key(info): info for info in op_db if key(info) in OPERATORS}


def mapped(tree, change):
    if isinstance(tree, (list, tuple)):
        return type(tree)(mapped(item, change) for item in tree)
    return change(tree)


def ours(x, as_leaf):
    """Convert a tensor of PyTorch to an array, or to a leaf if it is one."""
    if not isinstance(x, torch.Tensor):
        return x
    return (
        tg.Tensor(array_of(x), requires_grad=True) if x.requires_grad and as_leaf else array_of(x)
    )


def leaves(tree, kind):
    if isinstance(tree, (list, tuple)):
        return [t for item in tree for t in leaves(item, kind)]
    if isinstance(tree, dict):
        return leaves(list(tree.values()), kind)
    return [tree] if isinstance(tree, kind) else []


def outputs(result):
    """Return the floating-point and complex arrays and tensors in a result."""
    found = leaves(result, (tg.Tensor, np.ndarray, np.inexact))
    return [t for t in found if t.dtype.kind in "fc"]


def array_of(t):
    return t.numpy(force=True)


def is_taken(function, arguments, keywords):
    """Tell if NumPy takes a sample at all: PyTorch's empty and 0-d tensors have axes of their own."""
    try:
        result = function(*arguments, **keywords)
    except Exception:
        return False
    return result is not None and result is not NotImplemented


def compare(info, sample):
    """Compare values, then gradients for a random cotangent; False if the sample cannot be compared."""
    function, arguments = OPERATORS[key(info)], [sample.input, *sample.args]
    with torch.no_grad():
        plain = mapped([arguments, list(sample.kwargs.values())], lambda x: ours(x, False))
    if not is_taken(function, plain[0], dict(zip(sample.kwargs, plain[1]))):
        return False
    mine = mapped([arguments, list(sample.kwargs.values())], lambda x: ours(x, True))
    try:
        found = outputs(function(*mine[0], **dict(zip(sample.kwargs, mine[1]))))
    except TypeError as error:
        if is_refusal(error):
            return False
        raise
    right = leaves(info(sample.input, *sample.args, **sample.kwargs), torch.Tensor)
    right = [t for t in right if t.is_floating_point() or t.is_complex()]
    if any(r.ndim == 0 < f.ndim for r, f in zip(right, found)):  # as np.cumsum of a number
        return False
    for r, f in zip(right, found, strict=True):
        np.testing.assert_allclose(getattr(f, "data", f), array_of(r), 1e-6, 1e-8)
    try:
        compare_gradients(right, found, [arguments, sample.kwargs], mine)
    except np.linalg.LinAlgError:  # vectors that nothing determines
        return False
    return True


def compare_gradients(right, found, arguments, mine):
    """Compare the gradients for one random cotangent of every result."""
    rng = np.random.default_rng(0)
    cotangents = [rng.standard_normal(f.shape).astype(f.dtype) for f in found]
    inputs = [t for t in leaves(arguments, torch.Tensor) if t.requires_grad]
    pairs = [(r, torch.as_tensor(g)) for r, g in zip(right, cotangents) if r.requires_grad]
    expected = [None] * len(inputs)
    if pairs:
        results, weights = zip(*pairs)
        expected = torch.autograd.grad(results, inputs, weights, allow_unused=True)
    loss = sum(np.sum(np.real(np.conj(g) * f)) for g, f in zip(cotangents, found))
    if getattr(loss, "requires_grad", False):
        loss.backward()
    ours = [t for t in leaves(mine, tg.Tensor) if t.requires_grad]
    for t, e in zip(ours, expected, strict=True):
        grad = np.zeros(t.shape) if t.grad is None else t.grad.data
        right = np.zeros(t.shape) if e is None else array_of(e)
        scale = np.max(np.abs(right), initial=1.0, where=np.isfinite(right))
        np.testing.assert_allclose(grad, right, 1e-6, 2e-5 * scale)


def in_double(x):
    """Convert float32, as the weights of cov are: PyTorch subtracts sums of them in float32, NumPy in float64."""
    if isinstance(x, torch.Tensor) and x.dtype == torch.float32:
        return x.detach().double().requires_grad_(x.requires_grad)
    return x


def compared(name):
    """Compare the samples of an operator, and count them."""
    info, count = CHECKED[name], 0
    for dtype in (torch.float64, torch.complex128):
        if dtype in info.supported_backward_dtypes("cpu"):
            for sample in info.sample_inputs("cpu", dtype, requires_grad=True):
                sample = sample.transform(in_double)
                with np.errstate(all="ignore"), warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    count += compare(info, sample)
    return count


@pytest.mark.parametrize("name", SHORT)
def test_samples_of_a_few_operators_agree(name):
    assert compared(name) > 0


@pytest.mark.long
@pytest.mark.parametrize("name", CHECKED)
def test_samples_agree(name):
    compared(name)
