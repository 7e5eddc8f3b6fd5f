"""Normalization: layers that give activations mean 0 and variance 1, and then scale and shift."""

from typing import Any

import numpy as np

import tensorgrad as tg
from nn.config import NUMBER, count, register
from nn.layers.parts import WithBiases, check_input, floating


class Normalization(WithBiases):
    """Base of the normalizations, with weights of ones and biases of zeros, one per feature.

    Raises: ValueError if a setting is out of its range.
    """

    torch_layout = {
        "weights": ("weight", None), "biases": ("bias", None),
        "running_variance": ("running_var", None),
    }  # fmt: skip

    def __init__(self, n_features: int, epsilon: float, bias: bool, dtype: Any) -> None:
        kind = type(self).__name__
        self.n_features = count(n_features, f"n_features of {kind}")
        if not (isinstance(epsilon, NUMBER) and epsilon > 0):
            raise ValueError(
                f"epsilon of {kind} prevents a division by 0 and must be above 0, not {epsilon!r}"
            )
        self.epsilon = epsilon
        self.weights = tg.Tensor(np.ones(self.n_features, dtype), requires_grad=True)  # (C,)
        self._make_biases(bias, self.n_features, dtype)  # (C,)

    def forward(self, x: tg.Tensor) -> tg.Tensor:
        """Normalize x; integers are converted to the dtype of the weights.

        Shapes: x (..., C) -> (..., C).
        Raises: TypeError if x is not an array; ValueError if it does not have C features.
        """
        check_input(x, self, None, self.n_features)
        return self._normalized(floating(x, self.dtype))

    def _normalized(self, x: tg.Tensor) -> tg.Tensor:
        raise NotImplementedError


@register
class BatchNorm(Normalization):
    """Batch normalization: in training each feature has mean 0 and variance 1 over the batch.

    Mean and variance are over all axes but the last. The running ones, which are used in
    evaluation, are buffers: new = momentum old + (1 - momentum) of the batch, with the variance
    over n - 1.

    Shapes: x (..., C) -> (..., C), with C = n_features.
    Raises: ValueError if a setting is out of its range, or a batch of the training has a single
    number per feature.
    Source: Ioffe and Szegedy (2015), arXiv:1502.03167, algorithms 1 and 2.
    """

    running_mean: np.ndarray  # (C,)
    running_variance: np.ndarray  # (C,)

    def __init__(
        self,
        n_features: int,
        *,
        momentum: float = 0.9,
        epsilon: float = 1e-5,
        dtype: Any = np.float32,
    ) -> None:
        if not (isinstance(momentum, NUMBER) and 0 <= momentum <= 1):
            raise ValueError(
                "momentum of BatchNorm is the share of the old running mean and must be between 0 "
                f"and 1, not {momentum!r}"
            )
        super().__init__(n_features, epsilon, True, dtype)
        self.momentum = momentum
        self.buffer("running_mean", np.zeros(self.n_features, dtype))
        self.buffer("running_variance", np.ones(self.n_features, dtype))

    def _normalized(self, x: tg.Tensor) -> tg.Tensor:
        if not self.training:
            scale = self.weights / np.sqrt(self.running_variance + self.dtype.type(self.epsilon))
            return tg.shift_scale(x, self.running_mean, scale, self.biases)
        n = x.size // self.n_features
        if n == 1:
            raise ValueError(
                f"{self!r} needs several numbers per feature in training, because the mean of a "
                f"single one leaves nothing of it, but got shape {x.shape}; give it batches of at "
                "least two samples, or call eval() to use the running mean and variance"
            )
        moments = tg.channel_moments(x)
        self._follow(moments, n)
        return tg.batch_norm(x, self.weights, self.biases, moments, epsilon=self.epsilon)

    def _follow(self, moments: np.ndarray, n: int) -> None:
        """Update the running mean and variance by those of a batch of n numbers per feature.

        Shapes: moments (2, C).
        """
        mean, variance = moments
        old, new = self.momentum, 1 - self.momentum
        self.running_mean = old * self.running_mean + new * mean
        self.running_variance = old * self.running_variance + new * n / (n - 1) * variance


@register
class LayerNorm(Normalization):
    """Layer normalization: the features of each sample, or position, have mean 0 and variance 1.

    Shapes: x (..., C) -> (..., C), with C = n_features.
    Raises: ValueError if a setting is out of its range.
    Source: Ba, Kiros and Hinton (2016), arXiv:1607.06450, equation 4.
    """

    def __init__(
        self, n_features: int, *, epsilon: float = 1e-5, bias: bool = True, dtype: Any = np.float32
    ) -> None:
        super().__init__(n_features, epsilon, bias, dtype)

    def _normalized(self, x: tg.Tensor) -> tg.Tensor:
        return tg.layer_norm(x, self.weights, self.biases, epsilon=self.epsilon)


@register
class GroupNorm(Normalization):
    """Group normalization: in each sample, each group of features has mean 0 and variance 1.

    Mean and variance are over all axes but the first, and the C / n_groups features of a group.

    Shapes: x (N, ..., C) -> (N, ..., C), with C = n_features.
    Raises: ValueError if a setting is out of its range, or n_groups does not divide n_features.
    Source: Wu and He (2018), arXiv:1803.08494, section 3.
    """

    def __init__(
        self,
        n_groups: int,
        n_features: int,
        *,
        epsilon: float = 1e-5,
        dtype: Any = np.float32,
    ) -> None:
        super().__init__(n_features, epsilon, True, dtype)
        self.n_groups = count(n_groups, "n_groups of GroupNorm")
        if self.n_features % self.n_groups:
            raise ValueError(
                f"n_groups of GroupNorm must divide n_features, but {n_groups} does not divide "
                f"{n_features}"
            )

    def _normalized(self, x: tg.Tensor) -> tg.Tensor:
        groups = np.reshape(x, (*x.shape[:-1], self.n_groups, self.n_features // self.n_groups))
        axis = (*range(1, x.ndim - 1), -1)
        out = np.reshape(tg.standardize(groups, axis=axis, epsilon=self.epsilon), x.shape)
        return out * self.weights + self.biases


@register
class RMSNorm(Normalization):
    """Normalization by the root mean square: x / √(mean of x² + epsilon) times weights.

    Shapes: x (..., C) -> (..., C), with C = n_features.
    Raises: ValueError if a setting is out of its range.
    Source: Zhang and Sennrich (2019), arXiv:1910.07467, equation 4.
    """

    def __init__(self, n_features: int, *, epsilon: float = 1e-5, dtype: Any = np.float32) -> None:
        super().__init__(n_features, epsilon, False, dtype)

    def _normalized(self, x: tg.Tensor) -> tg.Tensor:
        square = np.mean(x * x, axis=-1, keepdims=True)
        return x / np.sqrt(square + self.epsilon) * self.weights
