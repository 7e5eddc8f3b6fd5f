"""Pooling: layers that reduce each window, or a whole picture, to one number per channel."""

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

import tensorgrad as tg
from nn.config import register
from nn.layers.parts import Sizes, axis_sizes, check_ndim, check_padding
from nn.module import Module


class Pooling(Module):
    """Base of the poolings over windows, with `n_axes` in space."""

    n_axes: ClassVar[int]
    pool: ClassVar[Callable[..., tg.Tensor]]

    def __init__(
        self, size: Sizes = 2, *, stride: Sizes | None = None, padding: Any = "valid"
    ) -> None:
        kind, n = type(self).__name__, self.n_axes
        self.size = axis_sizes(size, n, f"size of {kind}")
        self.stride = None if stride is None else axis_sizes(stride, n, f"stride of {kind}")
        self.padding = check_padding(padding, n, kind)

    def forward(self, x: tg.Tensor) -> tg.Tensor:
        """Reduce every window of x.

        Shapes: x (N, ..., C) -> (N, ..., C).
        Raises: ValueError if x has another number of axes, or is smaller than a window.
        """
        check_ndim(x, self, self.n_axes + 2)
        return type(self).pool(x, size=self.size, stride=self.stride, padding=self.padding)


class MaxPooling(Pooling):
    """Base of the layers that take the maximum of each window."""

    pool = staticmethod(tg.max_pool)


class AveragePooling(Pooling):
    """Base of the layers that take the mean of each window."""

    pool = staticmethod(tg.average_pool)


@register
class MaxPool1D(MaxPooling):
    """The maximum of each window of a sequence. The arguments are as of `MaxPool2D`.

    Shapes: x (N, L, C) -> (N, L', C).
    Raises: ValueError if a setting is out of its range.
    """

    n_axes = 1


@register
class MaxPool2D(MaxPooling):
    """The maximum of each window of a picture, whose gradient goes to the maximum; ties share it.

    `stride` is the distance of the windows, by default their size; `padding` is as of `Conv2D`, and
    is never the maximum.

    Shapes: x (N, H, W, C) -> (N, H', W', C), with H' = (H + padding - size) // stride + 1.
    Raises: ValueError if a setting is out of its range.
    """

    n_axes = 2


@register
class AveragePool1D(AveragePooling):
    """The mean of each window of a sequence. The arguments are as of `AveragePool2D`.

    Shapes: x (N, L, C) -> (N, L', C).
    Raises: ValueError if a setting is out of its range.
    """

    n_axes = 1


@register
class AveragePool2D(AveragePooling):
    """The mean of each window of a picture, in which the padding does not count.

    `stride` is the distance of the windows, by default their size; `padding` is as of `Conv2D`.

    Shapes: x (N, H, W, C) -> (N, H', W', C), with H' = (H + padding - size) // stride + 1.
    Raises: ValueError if a setting is out of its range.
    """

    n_axes = 2


class GlobalPooling(Module):
    """Base of the means over all axes in space."""

    n_axes: ClassVar[int]

    def forward(self, x: tg.Tensor) -> tg.Tensor:
        """Take the mean over all axes in space.

        Shapes: x (N, ..., C) -> (N, C).
        Raises: ValueError if x has another number of axes.
        """
        check_ndim(x, self, self.n_axes + 2)
        return np.mean(x, axis=tuple(range(1, self.n_axes + 1)))


@register
class GlobalAveragePool1D(GlobalPooling):
    """The mean of each channel over a whole sequence.

    Shapes: x (N, L, C) -> (N, C).
    """

    n_axes = 1


@register
class GlobalAveragePool2D(GlobalPooling):
    """The mean of each channel over a whole picture.

    Shapes: x (N, H, W, C) -> (N, C).
    """

    n_axes = 2
