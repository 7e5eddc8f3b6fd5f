"""The formulas of the layers of networks, which the page tells in words and its sandbox computes.

A window is a group of pixels that a kernel covers: `windows(x, …)` has them on its last axes, and
`folded(w, …)` adds them up again, each pixel at its place.
"""

import math
import string
from collections.abc import Callable, Sequence

from tensorgrad.draw.calls import CallShapes, Prose, Shape, reduced
from tensorgrad.draw.formula_tables import PROSE_FORMULAS
from tensorgrad.draw.reductions import Lines, ones_text
from tensorgrad.ops.spatial import Padding, Windows, per_axis, windows_of

MOST_PRODUCTS = 1_000_000  # of a convolution in the sandbox


def told(name: str, computed: Sequence[str | None]) -> Lines:
    """Return the words of a table, with the formulas to compute with."""
    return [Prose(words, text) for words, text in zip(PROSE_FORMULAS[name], computed)]


class Standardized:
    """The formulas of x with mean 0 and variance 1 along some axes.

    `of` averages an expression over these axes.
    """

    def __init__(self, shape: Shape, axes: Sequence[int], epsilon: float) -> None:
        self.shape, self.axes = shape, axes
        centred = f"(x − ({self.of('x')}))"
        self.deviation = f"sqrt(({self.of(f'{centred} ^ 2')}) + {epsilon})"
        self.x = f"({centred} / {self.deviation})"

    def of(self, text: str) -> str:
        return reduced("mean", text, self.axes, self.shape)

    def gradient(self, h: str) -> str:
        """Return the gradient of x, given that of the standardized x."""
        along = self.of(f"{h} · {self.x}")
        return f"({h} − ({self.of(h)}) − {self.x} · ({along})) / {self.deviation}"


def _norm_lines(name: str, call: CallShapes, axes: Sequence[int], features: Sequence[int]) -> Lines:
    """Write x̂ · gain + bias with x standardized along some axes; gain and bias lie along others."""
    (shape, *_), epsilon = call.shapes, call.keyword("epsilon", 1e-5)
    normal = Standardized(shape, axes, epsilon)
    bias = "" if call.texts[2] == "None" else " + bias"
    return told(
        name,
        [
            f"{normal.x} · gain{bias}",
            normal.gradient("g · gain"),
            reduced("Σ", f"(g · {normal.x})", features, shape),
            reduced("Σ", "g", features, shape),
        ],
    )


def _layer_norm_lines(call: CallShapes) -> Lines:
    ndim = len(call.shape)
    return _norm_lines("layer_norm", call, (ndim - 1,), range(ndim - 1))


def _batch_norm_lines(call: CallShapes) -> Lines:
    channels = range(len(call.shape) - 1)
    return _norm_lines("batch_norm", call, channels, channels)


def _standardize_lines(call: CallShapes) -> Lines:
    (shape,) = call.shapes
    normal = Standardized(shape, call.axes(shape, -1), call.keyword("epsilon", 1e-5))
    return told("standardize", [normal.x, normal.gradient("g")])


def _shift_scale_lines(call: CallShapes) -> Lines:
    (shape, *_) = call.shapes
    parts = ["g · scale", "(−g · scale)", "(g · (x − mean))", "g"]
    sums = [reduced("Σ", text, range(len(shape) - 1), shape) for text in parts[1:]]
    return told("shift_scale", ["(x − mean) · scale + bias", parts[0], *sums])


def _conv_lines(call: CallShapes) -> Lines:
    x, W, _ = call.shapes
    n = len(W) - 2
    stride, dilation = call.keyword("stride", 1), call.keyword("dilation", 1)
    windows = windows_of(x[1:-1], W[:-2], stride, _padding(call), dilation)
    if call.keyword("groups", 1) != 1 or math.prod(call.shape) * math.prod(W[:-1]) > MOST_PRODUCTS:
        return None
    places, kernel = string.ascii_lowercase[3 : 3 + n], string.ascii_lowercase[15 : 15 + n]
    of_windows, of_weights, of_out = f"a{places}c{kernel}", f"{kernel}co", f"a{places}o"
    how = _how(windows)
    seen = f"windows(x, {how}, 0)"
    bias = "" if call.texts[2] == "None" else " + b"
    return told(
        "conv",
        [
            f"einsum('{of_windows},{of_weights}->{of_out}', {seen}, W){bias}",
            f"folded(einsum('{of_out},{of_weights}->{of_windows}', g, W), {x}, {how})",
            f"einsum('{of_windows},{of_out}->{of_weights}', {seen}, g)",
            reduced("Σ", "g", range(n + 1), call.shape),
        ],
    )


def _how(windows: Windows) -> str:
    return ", ".join(map(str, windows))


def _padding(call: CallShapes) -> Padding:
    word = call.keywords.get("padding", "valid")  # a word is written without quotes
    return word if word.isalpha() else call.keyword("padding")


def _pool_windows(call: CallShapes) -> tuple[str, str, tuple[int, ...]]:
    """Return the windows of a pooling, the index that puts results beside them, and their axes."""
    lengths = call.shapes[0][1:-1]
    size = per_axis(call.keyword("size"), len(lengths), "size")
    stride = call.keyword("stride")
    windows = windows_of(lengths, size, size if stride is None else stride, _padding(call), 1)
    n = len(call.shape)
    index = ", ".join([":"] * n + ["newaxis"] * len(lengths))
    return _how(windows), f"[{index}]", tuple(range(n, n + len(lengths)))


def _max_pool_lines(call: CallShapes) -> Lines:
    how, index, axes = _pool_windows(call)
    seen = f"windows(x, {how}, −∞)"
    best = f"({seen} == out{index})"
    ways = f"total({best}, {axes})"
    parts = f"g{index} / {ways} · {best}"
    return told(
        "max_pool", [f"largest({seen}, {axes})", f"folded({parts}, {call.shapes[0]}, {how})"]
    )


def _average_pool_lines(call: CallShapes) -> Lines:
    how, index, axes = _pool_windows(call)
    (x,) = call.shapes
    inside = f"windows({ones_text(x)}, {how}, 0)"
    count = f"total({inside}, {axes})"
    return told(
        "average_pool",
        [
            f"total(windows(x, {how}, 0), {axes}) / {count}",
            f"folded(g{index} / {count} · {inside}, {x}, {how})",
        ],
    )


LAYERS: list[tuple[str, Callable[[CallShapes], Lines], tuple[str, ...]]] = [
    ("layer_norm", _layer_norm_lines, ("epsilon",)),
    ("batch_norm", _batch_norm_lines, ("epsilon",)),
    ("standardize", _standardize_lines, ("axis", "epsilon")),
    ("shift_scale", _shift_scale_lines, ()),
    ("conv", _conv_lines, ("stride", "padding", "dilation", "groups")),
    ("max_pool", _max_pool_lines, ("size", "stride", "padding")),
    ("average_pool", _average_pool_lines, ("size", "stride", "padding")),
]  # op, its formula, the keywords that the formula knows
