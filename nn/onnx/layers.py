"""The layers among ONNX's operators: windows over pictures, normalizations and losses.

Pictures have their channels first in ONNX and last here.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

import tensorgrad as tg


def padding_pairs(
    auto_pad: str, pads: Any, lengths: tuple[int, ...], kernel: Any, strides: Any, dilations: Any
) -> list[tuple[int, int]]:
    """Return the padding before and after each axis.

    Raises: ValueError if the form of padding is not known.
    """
    n = len(lengths)
    if auto_pad in ("NOTSET", ""):
        amounts = list(pads or [0] * (2 * n))
        return [(amounts[k], amounts[k + n]) for k in range(n)]
    if auto_pad == "VALID":
        return [(0, 0)] * n
    if auto_pad not in ("SAME_UPPER", "SAME_LOWER"):
        raise ValueError(f"the padding {auto_pad!r} is not known")
    found = []
    for length, k, s, d in zip(lengths, kernel, strides, dilations, strict=True):
        total = max((-(-length // s) - 1) * s + d * (k - 1) + 1 - length, 0)
        small, large = total // 2, total - total // 2
        found.append((small, large) if auto_pad == "SAME_UPPER" else (large, small))
    return found


def last(x: Any) -> Any:
    """Return pictures with the channels last."""
    return np.moveaxis(x, 1, -1)


def first(x: Any) -> Any:
    """Return pictures with the channels first."""
    return np.moveaxis(x, -1, 1)


def kernel_of(W: Any) -> Any:
    """Return weights with the kernel first. Shapes: (O, C, K₁, …) -> (K₁, …, C, O)."""
    return np.transpose(W, (*range(2, W.ndim), 1, 0))


def convolution(
    x: Any, W: Any, b: Any = None, *, auto_pad: str = "NOTSET", pads: Any = None,
    strides: Any = None, dilations: Any = None, group: int = 1, kernel_shape: Any = None,
) -> Any:  # fmt: skip
    """Return the convolution of pictures."""
    n = x.ndim - 2
    strides, dilations = strides or [1] * n, dilations or [1] * n
    padding = padding_pairs(auto_pad, pads, x.shape[2:], W.shape[2:], strides, dilations)
    return first(
        tg.conv(
            last(x), kernel_of(W), b, stride=tuple(strides), padding=padding,
            dilation=tuple(dilations), groups=group,
        )
    )  # fmt: skip


def transposed_convolution(
    x: Any, W: Any, b: Any = None, *, auto_pad: str = "NOTSET", pads: Any = None,
    strides: Any = None, dilations: Any = None, group: int = 1, kernel_shape: Any = None,
    output_padding: Any = None, output_shape: Any = None,
) -> Any:  # fmt: skip
    """Return the transposed convolution of pictures.

    Raises: ValueError for a padding that is not given in numbers.
    """
    if auto_pad not in ("NOTSET", "VALID") or output_shape:
        raise ValueError("auto_pad and output_shape are not known; only pads is")
    n = x.ndim - 2
    strides, dilations = strides or [1] * n, dilations or [1] * n
    extra = output_padding or [0] * n
    padding = padding_pairs(auto_pad, pads, x.shape[2:], W.shape[2:], strides, dilations)
    sizes = zip(x.shape[2:], W.shape[2:], strides, dilations, extra, padding, strict=True)
    lengths = tuple(s * (m - 1) + e + d * (k - 1) + 1 - sum(p) for m, k, s, d, e, p in sizes)
    out = tg.conv_input(
        last(x), kernel_of(W), lengths=lengths, stride=tuple(strides), padding=padding,
        dilation=tuple(dilations), groups=group,
    )  # fmt: skip
    return first(out if b is None else out + b)


def pooling(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a pooling of pictures."""

    def call(
        x: Any, *, kernel_shape: Any, strides: Any = None, auto_pad: str = "NOTSET",
        pads: Any = None, ceil_mode: int = 0, dilations: Any = None, storage_order: int = 0,
        count_include_pad: int = 0,
    ) -> Any:  # fmt: skip
        n = x.ndim - 2
        strides = strides or [1] * n
        if any(d != 1 for d in dilations or []):
            raise ValueError("dilations of a pooling are not known")
        padding = padding_pairs(auto_pad, pads, x.shape[2:], kernel_shape, strides, [1] * n)
        if ceil_mode and any(
            (length + sum(p) - k) % s
            for length, p, k, s in zip(x.shape[2:], padding, kernel_shape, strides, strict=True)
        ):
            raise ValueError("ceil_mode of a pooling is not known where windows are cut off")
        x = last(x)
        if count_include_pad and any(map(sum, padding)):
            x, padding = np.pad(x, [(0, 0), *padding, (0, 0)]), [(0, 0)] * n
        return first(function(x, size=tuple(kernel_shape), stride=tuple(strides), padding=padding))

    return call


def global_pooling(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the reduction of whole pictures."""
    return lambda x: function(x, axis=tuple(range(2, x.ndim)), keepdims=True)


def by_channel(x: Any, v: Any) -> Any:
    """Return a vector of channels in the shape that fits pictures."""
    return np.reshape(v, (-1, *[1] * (x.ndim - 2)))


def batch_normalization(
    x: Any, scale: Any, b: Any, mean: Any, variance: Any, *, epsilon: float = 1e-5,
    momentum: float = 0.9, training_mode: int = 0, spatial: int = 1,
) -> Any:  # fmt: skip
    """Return the batch norm in inference.

    Raises: ValueError in training mode.
    """
    if training_mode:
        raise ValueError("training_mode is not known; export the network in evaluation mode")
    factor = scale / np.sqrt(variance + np.asarray(epsilon, x.dtype))
    return (x - by_channel(x, mean)) * by_channel(x, factor) + by_channel(x, b)


def layer_normalization(
    x: Any, scale: Any, b: Any = None, *, axis: int = -1, epsilon: float = 1e-5, stash_type: int = 1
) -> Any:
    """Return the layer norm over the last axes."""
    axes = tuple(range(axis % x.ndim, x.ndim))
    out = tg.standardize(x, axis=axes, epsilon=epsilon) * scale
    return out if b is None else out + b


def rms_normalization(
    x: Any, scale: Any, *, axis: int = -1, epsilon: float = 1e-5, stash_type: int = 1
) -> Any:
    """Return x over the root of its mean square."""
    axes = tuple(range(axis % x.ndim, x.ndim))
    return x / np.sqrt(np.mean(x * x, axis=axes, keepdims=True) + epsilon) * scale


def group_normalization(
    x: Any, scale: Any, b: Any, *, num_groups: int, epsilon: float = 1e-5, stash_type: int = 1
) -> Any:
    """Return the norm over groups of channels."""
    n, c, *rest = x.shape
    grouped = np.reshape(x, (n, num_groups, c // num_groups, *rest))
    axes = tuple(range(2, grouped.ndim))
    out = np.reshape(tg.standardize(grouped, axis=axes, epsilon=epsilon), x.shape)
    if scale.shape[0] == num_groups != c:  # before opset 21
        scale, b = (np.repeat(v, c // num_groups) for v in (scale, b))
    return out * by_channel(x, scale) + by_channel(x, b)


def instance_normalization(x: Any, scale: Any, b: Any, *, epsilon: float = 1e-5) -> Any:
    """Return the norm over each picture and channel."""
    out = tg.standardize(x, axis=tuple(range(2, x.ndim)), epsilon=epsilon)
    return out * by_channel(x, scale) + by_channel(x, b)


def cross_entropy(z: Any, y: Any, *, reduction: str = "mean", ignore_index: Any = None) -> Any:
    """Return the mean cross-entropy of logits with classes.

    Raises: ValueError for another reduction.
    """
    if reduction != "mean" or ignore_index is not None or z.ndim != 2:
        raise ValueError("the mean over all rows of a matrix alone is known")
    return tg.softmax_cross_entropy(z, np.asarray(y))


# scikit-learn's operators


def extract_features(x: Any, indices: Any) -> Any:
    """Return columns."""
    return np.take(x, np.asarray(indices).reshape(-1), axis=-1)


def scale(x: Any, *, offset: Any = (0.0,), scale: Any = (1.0,)) -> Any:
    """Return (x - offset) scale."""
    return (x - np.asarray(offset, np.float32)) * np.asarray(scale, np.float32)


def normalize(x: Any, *, norm: str = "MAX") -> Any:
    """Return rows over their norm."""
    if norm == "MAX":
        return x / np.max(x, axis=1, keepdims=True)
    power = {"L1": 1, "L2": 2}[norm]
    return x / np.linalg.norm(x, power, axis=1, keepdims=True)


def linear_regression(
    x: Any,
    *,
    coefficients: Any,
    intercepts: Any = None,
    targets: int = 1,
    post_transform: str = "NONE",
) -> Any:
    """Return x W + b."""
    W = np.asarray(coefficients, np.float32).reshape(targets, -1)
    out = x.astype(np.float32) @ W.T
    return out if intercepts is None else out + np.asarray(intercepts, np.float32)


def linear_classification(
    x: Any, *, coefficients: Any, intercepts: Any = None, post_transform: str = "NONE",
    classlabels_ints: Any = None, classlabels_strings: Any = None, multi_class: int = 0,
) -> Any:  # fmt: skip
    """Return the scores of classes, in the place of their labels too."""
    n = len(classlabels_ints or classlabels_strings)
    rows = len(coefficients) // math.prod(x.shape[1:])
    scores = linear_regression(x, coefficients=coefficients, intercepts=intercepts, targets=rows)
    if rows == 1 and n == 2:
        scores = np.concatenate([-scores, scores], axis=1)
    transforms = {"NONE": lambda z: z, "SOFTMAX": tg.softmax, "LOGISTIC": tg.sigmoid}
    if post_transform not in transforms:
        raise ValueError(f"the transform {post_transform!r} is not known")
    scores = transforms[post_transform](scores)
    return np.argmax(scores, axis=1), scores
