"""The optimizers of the book and AdamW, each a few passes over arrays in its formula's letters."""

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from nn.config import register
from nn.optim.base import Optimizer
from nn.optim.settings import Rate


@register
class SGD(Optimizer):
    """Stochastic gradient descent with momentum: v = momentum v - lr g;  w += v.

    With `nesterov`, w += momentum v - lr g instead, where v is the new velocity. While the learning
    rate is constant, these are PyTorch's steps; it scales v, not g, by a rate that changes.

    Raises: ValueError if a setting is out of bounds, or `nesterov` is set without a momentum.
    Source: Bengio, Boulanger-Lewandowski and Pascanu (2013), Advances in optimizing recurrent
    networks, arXiv:1212.0901, section 3.5 (Nesterov's momentum).
    """

    states = ("v",)

    def __init__(
        self,
        parameters: Iterable[Any] | None = None,
        learning_rate: Rate = 1.0,
        decay: float = 0.0,
        momentum: float = 0.0,
        *,
        nesterov: bool = False,
        weight_decay: float = 0.0,
        clip_norm: float | None = None,
        clip_value: float | None = None,
    ) -> None:
        self.nesterov = nesterov
        super().__init__(
            parameters,
            learning_rate=learning_rate,
            decay=decay,
            momentum=momentum,
            weight_decay=weight_decay,
            clip_norm=clip_norm,
            clip_value=clip_value,
        )
        if self.nesterov and not self.momentum:
            raise ValueError(
                "SGD was given nesterov=True without a momentum, which it needs; write, for "
                "example, SGD(momentum=0.9, nesterov=True)"
            )

    @property
    def nesterov(self) -> bool:
        """The choice of Nesterov's momentum.

        Raises: ValueError if it is set to anything but a bool, or 0.0 or 1.0 from a saved state.
        """
        return self._nesterov

    @nesterov.setter
    def nesterov(self, value: bool) -> None:
        if not isinstance(value, bool | float) or value not in (0, 1):
            raise ValueError(f"SGD was given nesterov={value!r}, but it must be True or False")
        self._nesterov = bool(value)

    def update(self, w: np.ndarray, g: np.ndarray, scratch: np.ndarray, v: np.ndarray) -> None:
        """Change `w` and the velocity `v` in place.

        Shapes: all (n,).
        """
        step = np.multiply(g, self.current_learning_rate, out=scratch)
        if not self.momentum:
            w -= step
            return
        v *= self.momentum
        v -= step
        if self.nesterov:
            w -= step
            w += np.multiply(v, self.momentum, out=scratch)
        else:
            w += v


@register
class Adagrad(Optimizer):
    """Adagrad: cache += g^2;  w -= lr g / (sqrt(cache) + epsilon).

    Raises: ValueError if a setting is out of bounds.
    Source: Duchi, Hazan and Singer (2011), Adaptive subgradient methods, with a diagonal matrix.
    """

    states = ("cache",)

    def __init__(
        self,
        parameters: Iterable[Any] | None = None,
        learning_rate: Rate = 1.0,
        decay: float = 0.0,
        epsilon: float = 1e-7,
        *,
        weight_decay: float = 0.0,
        clip_norm: float | None = None,
        clip_value: float | None = None,
    ) -> None:
        super().__init__(
            parameters,
            learning_rate=learning_rate,
            decay=decay,
            epsilon=epsilon,
            weight_decay=weight_decay,
            clip_norm=clip_norm,
            clip_value=clip_value,
        )

    def update(self, w: np.ndarray, g: np.ndarray, scratch: np.ndarray, cache: np.ndarray) -> None:
        """Change `w` and the sum of squares `cache` in place.

        Shapes: all (n,).
        """
        cache += np.multiply(g, g, out=scratch)
        step = np.sqrt(cache, out=scratch)
        step += self.epsilon
        np.divide(g, step, out=step)
        step *= self.current_learning_rate
        w -= step


@register
class RMSprop(Optimizer):
    """RMSprop: cache = rho cache + (1 - rho) g^2;  w -= lr g / (sqrt(cache) + epsilon).

    Raises: ValueError if a setting is out of bounds.
    Source: Tieleman and Hinton (2012), Neural Networks for Machine Learning, lecture 6.5.
    """

    states = ("cache",)

    def __init__(
        self,
        parameters: Iterable[Any] | None = None,
        learning_rate: Rate = 0.001,
        decay: float = 0.0,
        epsilon: float = 1e-7,
        rho: float = 0.9,
        *,
        weight_decay: float = 0.0,
        clip_norm: float | None = None,
        clip_value: float | None = None,
    ) -> None:
        super().__init__(
            parameters,
            learning_rate=learning_rate,
            decay=decay,
            epsilon=epsilon,
            rho=rho,
            weight_decay=weight_decay,
            clip_norm=clip_norm,
            clip_value=clip_value,
        )

    def update(self, w: np.ndarray, g: np.ndarray, scratch: np.ndarray, cache: np.ndarray) -> None:
        """Change `w` and the mean of squares `cache` in place.

        Shapes: all (n,).
        """
        # The array holds cache / (1 - rho), which saves a pass over it. Dividing numerator and
        # denominator of the step by `root` gives the same step.
        root = math.sqrt(1 - self.rho)
        cache *= self.rho
        cache += np.multiply(g, g, out=scratch)
        step = np.sqrt(cache, out=scratch)
        step += self.epsilon / root
        np.divide(g, step, out=step)
        step *= self.current_learning_rate / root
        w -= step


@register
class Adam(Optimizer):
    """Adam: steps by the mean of the gradient over the root of the mean of its square.

    m = beta_1 m + (1 - beta_1) g;  v = beta_2 v + (1 - beta_2) g^2;
    m_hat = m / (1 - beta_1^t);  v_hat = v / (1 - beta_2^t);
    w -= lr m_hat / (sqrt(v_hat) + epsilon), where t counts the steps of each parameter from 1: as
    in PyTorch, those before it got a gradient, or in which it was frozen, are left out.

    Raises: ValueError if a setting is out of bounds.
    Source: Kingma and Ba (2015), Algorithm 1, arXiv:1412.6980.
    """

    states = ("m", "v")

    def __init__(
        self,
        parameters: Iterable[Any] | None = None,
        learning_rate: Rate = 0.001,
        decay: float = 0.0,
        epsilon: float = 1e-7,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        *,
        weight_decay: float = 0.0,
        clip_norm: float | None = None,
        clip_value: float | None = None,
    ) -> None:
        super().__init__(
            parameters,
            learning_rate=learning_rate,
            decay=decay,
            epsilon=epsilon,
            beta_1=beta_1,
            beta_2=beta_2,
            weight_decay=weight_decay,
            clip_norm=clip_norm,
            clip_value=clip_value,
        )

    def update(
        self, w: np.ndarray, g: np.ndarray, scratch: np.ndarray, m: np.ndarray, v: np.ndarray
    ) -> None:
        """Change `w` and the means `m` and `v` in place.

        Shapes: all (n,).
        """
        # The arrays hold m / (1 - beta_1) and v / (1 - beta_2), which saves two passes over memory.
        # Dividing numerator and denominator of the step by `root` gives the same step.
        t = self.iterations
        root = math.sqrt((1 - self.beta_2) / (1 - self.beta_2**t))  # sqrt(v_hat) = root sqrt(v)
        alpha = self.current_learning_rate * (1 - self.beta_1) / (1 - self.beta_1**t)
        m *= self.beta_1
        m += g
        v *= self.beta_2
        v += np.multiply(g, g, out=scratch)
        step = np.sqrt(v, out=scratch)
        step += self.epsilon / root
        np.divide(m, step, out=step)
        step *= alpha / root
        w -= step


@register
class AdamW(Adam):
    """Adam with decoupled weight decay: w -= lr (m_hat / (sqrt(v_hat) + epsilon) + weight_decay w).

    It is Adam with another default of `weight_decay`, under the name that the paper gave it. As in
    PyTorch and Keras, the learning rate multiplies both terms: it is the paper's eta_t, with
    alpha = 1.

    Raises: ValueError if a setting is out of bounds.
    Source: Loshchilov and Hutter (2019), Decoupled weight decay regularization, Algorithm 2,
    arXiv:1711.05101.
    """

    def __init__(
        self,
        parameters: Iterable[Any] | None = None,
        learning_rate: Rate = 0.001,
        decay: float = 0.0,
        epsilon: float = 1e-7,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        *,
        weight_decay: float = 0.01,
        clip_norm: float | None = None,
        clip_value: float | None = None,
    ) -> None:
        super().__init__(
            parameters,
            learning_rate,
            decay,
            epsilon,
            beta_1,
            beta_2,
            weight_decay=weight_decay,
            clip_norm=clip_norm,
            clip_value=clip_value,
        )
