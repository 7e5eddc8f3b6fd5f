"""Convolution: layers that apply the same weights to every window of a picture or a sequence."""

from typing import Any, ClassVar

import numpy as np

import tensorgrad as tg
from nn.config import Seed, count, register
from nn.layers.init import Initializer, initialize
from nn.layers.parts import (
    Sizes,
    WithBiases,
    activated,
    activation_of,
    axis_sizes,
    check_input,
    check_padding,
    floating,
    for_each_axis,
)
from nn.module import Module
from nn.seeding import generator


class Convolution(WithBiases):
    """Base of the convolutions, with `n_axes` in space.

    Raises: ValueError if a size or setting is out of its range.
    """

    n_axes: ClassVar[int]

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Sizes,
        *,
        stride: Sizes = 1,
        padding: Any = "same",
        dilation: Sizes = 1,
        groups: int = 1,
        bias: bool = True,
        activation: str | Module | None = None,
        initializer: str | Initializer = "he",
        rng: Seed = None,
        dtype: Any = np.float32,
    ) -> None:
        kind, n = type(self).__name__, self.n_axes
        self.in_channels = count(in_channels, f"in_channels of {kind}")
        self.out_channels = count(out_channels, f"out_channels of {kind}")
        self.kernel_size = axis_sizes(kernel_size, n, f"kernel_size of {kind}")
        self.stride = axis_sizes(stride, n, f"stride of {kind}")
        self.padding = check_padding(padding, n, kind)
        self.dilation = axis_sizes(dilation, n, f"dilation of {kind}")
        self.groups = count(groups, f"groups of {kind}")
        if self.in_channels % self.groups or self.out_channels % self.groups:
            raise ValueError(
                f"groups of {kind} must divide both numbers of channels, {in_channels} and "
                f"{out_channels}, but {groups} does not"
            )
        shape = (
            *for_each_axis(self.kernel_size, n),
            self.in_channels // self.groups,
            self.out_channels,
        )
        W = initialize(initializer, shape, generator(rng), np.dtype(dtype))
        self.weights = tg.Tensor(self._laid_out(W), requires_grad=True)
        self._make_biases(bias, self.out_channels, dtype)
        self.activation = activation_of(activation)

    def _laid_out(self, W: np.ndarray) -> np.ndarray:
        """Return the weights, drawn as (*kernel, inputs / groups, outputs), as they are stored."""
        return W

    @property
    def _settings(self) -> dict[str, Any]:
        return {
            "stride": self.stride, "padding": self.padding, "dilation": self.dilation,
            "groups": self.groups,
        }  # fmt: skip

    def forward(self, x: tg.Tensor) -> tg.Tensor:
        """Multiply every window of x by the weights; integers are converted to their dtype.

        Shapes: x (N, ..., C) -> (N, ..., O).
        Raises: TypeError if x is not an array; ValueError if it does not have C channels, or is
        smaller than the kernel.
        """
        check_input(x, self, self.n_axes + 2, self.in_channels)
        x = floating(x, self.dtype)
        return activated(self._convolved(x), self.activation)

    def _convolved(self, x: tg.Tensor) -> tg.Tensor:
        return tg.conv(x, self.weights, self.biases, **self._settings)


@register
class Conv1D(Convolution):
    """The convolution of sequences, with weights (K, C / groups, O).

    The arguments are as of `Conv2D`.

    Shapes: x (N, L, C) -> (N, L', O), with C = in_channels and O = out_channels.
    Raises: ValueError if a size or setting is out of its range.
    """

    n_axes = 1
    torch_layout = {"weights": ("weight", (2, 1, 0)), "biases": ("bias", None)}


@register
class Conv2D(Convolution):
    """The convolution of pictures, with weights (KH, KW, C / groups, O).

    `padding` is "same", for ⌈H / stride⌉ rows, "valid" for none, a number of pixels on all sides,
    or one number or pair (before, after) for each axis. `activation` is a name such as "relu" or a
    module; `initializer` is as of `Dense`. With `groups`, the channels are divided into groups that
    are convolved separately: with groups = C, each channel by itself.

    Shapes: x (N, H, W, C) -> (N, H', W', O), with C = in_channels, O = out_channels and
    H' = (H + padding - dilation (KH - 1) - 1) // stride + 1.
    Raises: ValueError if a size or setting is out of its range.
    """

    n_axes = 2
    torch_layout = {"weights": ("weight", (3, 2, 0, 1)), "biases": ("bias", None)}


@register
class Conv2DTranspose(Convolution):
    """The transposed convolution of pictures, which enlarges them.

    It is the gradient of a `Conv2D` with the same settings from O to C channels in its input: each
    pixel adds its products with the weights, (KH, KW, O / groups, C), to a window of the result.

    Shapes: x (N, H, W, C) -> (N, H', W', O); H' is stride H for the padding "same", and else
    stride (H - 1) + dilation (KH - 1) + 1 - padding.
    Raises: ValueError if a size or setting is out of its range.
    """

    n_axes = 2
    torch_layout = {"weights": ("weight", (3, 2, 0, 1)), "biases": ("bias", None)}

    def _laid_out(self, W: np.ndarray) -> np.ndarray:
        *size, C, _ = W.shape  # C is that of one group
        W = np.swapaxes(W.reshape(*size, C, self.groups, -1), -3, -1)
        return W.reshape(*size, -1, self.in_channels)

    def _convolved(self, x: tg.Tensor) -> tg.Tensor:
        lengths = self._lengths(x.shape[1:-1])
        out = tg.conv_input(x, self.weights, lengths=lengths, **self._settings)
        return out if self.biases is None else out + self.biases

    def _lengths(self, lengths: tuple[int, ...]) -> tuple[int, ...]:
        """Return height and width of the result for an input of these lengths."""
        stride, size, dilation = (
            for_each_axis(value, 2) for value in (self.stride, self.kernel_size, self.dilation)
        )
        if self.padding == "same":
            return tuple(length * s for length, s in zip(lengths, stride, strict=True))
        padding = 0 if self.padding == "valid" else self.padding
        pads = [sum(p) if isinstance(p, tuple) else 2 * p for p in for_each_axis(padding, 2)]
        axes = zip(lengths, stride, size, dilation, pads, strict=True)
        return tuple(s * (length - 1) + d * (k - 1) + 1 - p for length, s, k, d, p in axes)
