"""Limits to the memory that the nodes of an ONNX graph may ask for, checked before it is used."""

import contextlib
import math
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import tensorgrad as tg
from nn.onnx.functions import integers
from nn.onnx.layers import padding_pairs

Lengths = tuple[int, ...]
MAX_RESULTS = 1 << 30  # of the results of one call
TEMPORARIES = 3  # arrays as large as its result that a function needs meanwhile
MORE_TEMPORARIES = {"Erf": 8, "Gelu": 8}
UNFIT = (IndexError, KeyError, TypeError, ValueError, ZeroDivisionError, OverflowError)


class Held:
    """The bytes of the results that a call of a network holds, up to a limit."""

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes, self.total = max_bytes, 0
        self._bytes: dict[str, int] = {}  # of the results that are freed after their last use
        self._owners: dict[str, str] = {}  # the result whose memory a result is, or is a view of
        self._users: Counter[str] = Counter()  # how many results use the memory of one

    def check(self, op: str, given: Sequence[Any], attributes: dict[str, Any]) -> None:
        """Check that the results of a node have space, before they are computed.

        Raises: ValueError if they have not.
        """
        arrays = [x for x in given if x is not None]
        itemsize = max((x.dtype.itemsize for x in arrays), default=4)
        size = elements(op, arrays, attributes)
        needed = self.total + MORE_TEMPORARIES.get(op, TEMPORARIES) * itemsize * size
        if needed > self.max_bytes:
            raise ValueError(
                f"it needs about {needed:,} bytes together with the results before it, more than "
                f"the limit of {self.max_bytes:,}; call the network in tg.no_grad(), give it fewer "
                "samples or, if you trust the file, pass from_onnx(path, max_bytes=...)"
            )

    def add(self, name: str, result: Any, given: Sequence[tuple[str, Any]]) -> None:
        """Count a result, unless it is a view of one of the named inputs of its node."""
        shared = [other for other, x in given if _share_memory(result, x)]
        if shared:
            for owner in [self._owners[other] for other in shared if other in self._owners][:1]:
                self._own(name, owner)
            return
        size = math.prod(result.shape) * result.dtype.itemsize
        self.total += size
        self._own(name, name)
        if not getattr(result, "requires_grad", False):  # or the graph refers to it
            self._bytes[name] = size

    def free(self, name: str) -> None:
        """Count a result no more, unless a view or the graph refers to it."""
        owner = self._owners.pop(name, name)
        self._users[owner] -= 1
        if not self._users[owner]:
            self.total -= self._bytes.pop(owner, 0)

    def _own(self, name: str, owner: str) -> None:
        self._owners[name] = owner
        self._users[owner] += 1


def _share_memory(a: Any, b: Any) -> bool:
    """Return True if two arrays of NumPy may share memory; in a trace, they count as if not."""
    with contextlib.suppress(tg.Untraceable):
        a, b = (x.data if isinstance(x, tg.Tensor) else x for x in (a, b))
        both = isinstance(a, np.ndarray) and isinstance(b, np.ndarray)
        return both and np.may_share_memory(a, b)
    return False


def elements(op: str, arrays: Sequence[Any], attributes: dict[str, Any]) -> int:
    """Return how many elements the largest array of a node can have; by default as its first input.

    Of inputs that do not fit, the function of the node raises.
    """
    shapes = [x.shape for x in arrays]
    size = math.prod(shapes[0]) if shapes else 0
    if op in BROADCASTING:
        return max(size, math.prod(together(*shapes))) if shapes else 0
    table, given = (DECIDED, arrays) if op in DECIDED else (RESULT_SIZES, shapes)
    with contextlib.suppress(*UNFIT):
        return int(table[op](*given, **attributes))
    return size


def together(*shapes: Sequence[int]) -> Lengths:
    """Return the shape to which shapes are broadcast, if they fit, or a larger one."""
    n = max(map(len, shapes))
    padded = [(1,) * (n - len(shape)) + tuple(shape) for shape in shapes]
    return tuple(0 if 0 in lengths else max(lengths) for lengths in zip(*padded, strict=True))


def of_product(a: Lengths, b: Lengths) -> Lengths:
    """Return the shape of a matrix product."""
    if len(a) < 2 or len(b) < 2:
        return (*a[:-1], *b[:-2], *b[1:][-1:])
    return (*together(a[:-2], b[:-2]), a[-2], b[-1])


def product_size(a: Lengths, b: Lengths, **_: Any) -> int:
    """Return the size of a matrix product."""
    return math.prod(of_product(a, b))


def gemm_size(
    a: Lengths, b: Lengths, c: Lengths = (), *, transA: int = 0, transB: int = 0, **_: Any
) -> int:
    """Return the size of a product plus an array."""
    found = of_product(a[::-1] if transA else a, b[::-1] if transB else b)
    return math.prod(together(found, c))


def einsum_size(*shapes: Lengths, equation: str) -> int:
    """Return the size of a sum of products."""
    inputs, arrow, output = equation.replace(" ", "").partition("->")
    lengths: dict[str, int] = {}
    rest: list[Sequence[int]] = [()]  # the axes that an ellipsis stands for
    for term, shape in zip(inputs.split(","), shapes, strict=True):
        before, dots, after = term.partition("...")
        end = len(shape) - len(after)
        lengths |= zip(before, shape, strict=False)
        lengths |= zip(after, shape[end:], strict=False)
        if dots:
            rest.append(shape[len(before) : end])
    if not arrow:
        output = "".join(letter for letter in lengths if inputs.count(letter) == 1) + "..."
    batch = together(*rest) if "." in output else ()
    return math.prod(lengths.get(letter, 1) for letter in output) * math.prod(batch)


def channels_size(x: Lengths, *vectors: Lengths, **_: Any) -> int:
    """Return the size of pictures times vectors of their channels."""
    return x[0] * max(x[1], *map(math.prod, vectors)) * math.prod(x[2:])


def window_size(
    x: Lengths, kernel: Sequence[int], channels: int, *, auto_pad: str = "NOTSET", pads: Any = None,
    strides: Any = None, dilations: Any = None, **_: Any,
) -> int:  # fmt: skip
    """Return the size of padded pictures, of results with so many channels, or of a row of windows.

    A convolution copies at least one row of windows at once.
    """
    n = len(x) - 2
    strides, dilations = strides or [1] * n, dilations or [1] * n
    pads = padding_pairs(auto_pad, pads, x[2:], kernel, strides, dilations)
    padded = [length + sum(p) for length, p in zip(x[2:], pads, strict=True)]
    sizes = zip(padded, kernel, strides, dilations, strict=True)
    counts = [max((m - d * (k - 1) - 1) // s + 1, 0) for m, k, s, d in sizes]
    row = x[1] * math.prod(kernel) * math.prod(counts[1:])
    return max(x[0] * x[1] * math.prod(padded), x[0] * channels * math.prod(counts), row)


def convolution_size(x: Lengths, W: Lengths, *_: Lengths, **how: Any) -> int:
    """Return the size of a convolution."""
    return window_size(x, W[2:], W[0], **how)


def transposed_convolution_size(
    x: Lengths, W: Lengths, *_: Lengths, strides: Any = None, dilations: Any = None, group: int = 1,
    output_padding: Any = None, **__: Any,
) -> int:  # fmt: skip
    """Return the size of a transposed convolution before its padding is cut off."""
    n = len(x) - 2
    settings = strides or [1] * n, dilations or [1] * n, output_padding or [0] * n
    sizes = zip(x[2:], W[2:], *settings, strict=True)
    lengths = [s * max(m - 1, 0) + e + d * (k - 1) + 1 for m, k, s, d, e in sizes]
    row = W[1] * group * math.prod(W[2:]) * math.prod(x[3:])
    return max(x[0] * W[1] * group * math.prod(lengths), row)


def pooling_size(x: Lengths, *, kernel_shape: Sequence[int], **how: Any) -> int:
    """Return the size of a pooling."""
    return window_size(x, kernel_shape, x[1], **{**how, "dilations": None})


def gather_size(x: Lengths, index: Lengths, *, axis: int = 0, **_: Any) -> int:
    """Return the size of places along an axis."""
    return math.prod(index) * math.prod(n for k, n in enumerate(x) if k != axis % len(x))


def gather_nd_size(x: Lengths, index: Lengths, **_: Any) -> int:
    """Return the size of places in several axes."""
    return math.prod(index[:-1]) * math.prod(x[index[-1] :])


def recurrence_size(x: Lengths, _W: Lengths, R: Lengths, *_: Lengths, **__: Any) -> int:
    """Return the size of the gates of all steps."""
    return x[0] * x[1] * R[0] * max(R[1], R[2])


def regression_size(
    x: Lengths, *, coefficients: Sequence[float], targets: int = 1,
    classlabels_ints: Sequence[int] = (), classlabels_strings: Sequence[Any] = (), **_: Any,
) -> int:  # fmt: skip
    """Return the size of the scores of samples."""
    rows = len(coefficients) // max(math.prod(x[1:]), 1)
    return x[0] * max(targets, rows, len(classlabels_ints), len(classlabels_strings), *x[1:])


def scaler_size(x: Lengths, *, offset: Sequence[float] = (), scale: Sequence[float] = ()) -> int:
    """Return the size of samples times vectors of their features."""
    return math.prod(together(x, (len(offset) or 1,), (len(scale) or 1,)))


def tile_size(x: Any, repeats: Any, **_: Any) -> int:
    """Return the size of an array several times along its axes."""
    return math.prod(n * k for n, k in zip(x.shape, integers(repeats), strict=True))


def pad_size(x: Any, pads: Any, *_: Any, **__: Any) -> int:
    """Return a size that an array has at most with its padding."""
    most = max([*map(abs, integers(pads)), 0])
    return math.prod(n + 2 * most for n in x.shape)


def range_size(start: Any, stop: Any, step: Any, **_: Any) -> int:
    """Return the number of numbers at equal distances."""
    start, stop, step = (float(np.asarray(v)) for v in (start, stop, step))
    return max(math.ceil((stop - start) / step), 0)


# fmt: off
BROADCASTING = {
    "Add", "And", "BitwiseAnd", "BitwiseOr", "BitwiseXor", "Clip", "Div", "Equal", "GatherElements",
    "Greater", "GreaterOrEqual", "LayerNormalization", "Less", "LessOrEqual", "Max", "Mean", "Min",
    "Mod", "Mul", "Or", "Pow", "PRelu", "RMSNormalization", "Sub", "Sum", "Where", "Xor",
}
RESULT_SIZES: dict[str, Callable[..., int]] = {  # of shapes and attributes
    "ArrayFeatureExtractor": lambda x, index, **_: math.prod(x[:-1]) * math.prod(index),
    "AveragePool": pooling_size,
    "BatchNormalization": channels_size,
    "Concat": lambda *shapes, **_: sum(map(math.prod, shapes)),
    "Conv": convolution_size,
    "ConvTranspose": transposed_convolution_size,
    "Einsum": einsum_size,
    "Gather": gather_size,
    "GatherND": gather_nd_size,
    "Gemm": gemm_size,
    "GroupNormalization": channels_size,
    "GRU": recurrence_size,
    "InstanceNormalization": channels_size,
    "LinearClassifier": regression_size,
    "LinearRegressor": regression_size,
    "LSTM": recurrence_size,
    "MatMul": product_size,
    "MaxPool": pooling_size,
    "RNN": recurrence_size,
    "Scaler": scaler_size,
    "ScatterND": lambda *shapes, **_: sum(map(math.prod, shapes)),
}
DECIDED: dict[str, Callable[..., int]] = {  # by the numbers in the inputs
    "ConstantOfShape": lambda shape, **_: math.prod(integers(shape)),
    "OneHot": lambda index, depth, *_, **__: math.prod(index.shape) * integers(depth)[0],
    "Pad": pad_size,
    "Range": range_size,
    "Tile": tile_size,
}
# fmt: on
