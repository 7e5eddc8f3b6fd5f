"""The optimizers of the book, each a few passes over long arrays in the letters of its formula."""

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

import tensorgrad as tg
from nn.config import register
from nn.optim.base import Optimizer


@register
class SGD(Optimizer):
    """v = momentum v - lr g;  w += v: gradient descent, with momentum if that is not 0."""

    states = ("v",)

    def __init__(
        self,
        parameters: Iterable[tg.Tensor] | None = None,
        learning_rate: float = 1.0,
        decay: float = 0.0,
        momentum: float = 0.0,
    ) -> None:
        super().__init__(parameters, learning_rate=learning_rate, decay=decay, momentum=momentum)

    def update(self, w: Any, g: Any, scratch: Any, v: Any) -> None:
        step = np.multiply(g, self.current_learning_rate, out=scratch)
        if self.momentum:
            v *= self.momentum
            v -= step
            w += v
        else:
            w -= step


@register
class Adagrad(Optimizer):
    """cache += g^2;  w -= lr g / (sqrt(cache) + epsilon).

    Source: Duchi, Hazan and Singer (2011), Adaptive subgradient methods, with a diagonal matrix.
    """

    states = ("cache",)

    def __init__(
        self,
        parameters: Iterable[tg.Tensor] | None = None,
        learning_rate: float = 1.0,
        decay: float = 0.0,
        epsilon: float = 1e-7,
    ) -> None:
        super().__init__(parameters, learning_rate=learning_rate, decay=decay, epsilon=epsilon)

    def update(self, w: Any, g: Any, scratch: Any, cache: Any) -> None:
        cache += np.multiply(g, g, out=scratch)
        step = np.sqrt(cache, out=scratch)
        step += self.epsilon
        np.divide(g, step, out=step)
        step *= self.current_learning_rate
        w -= step


@register
class RMSprop(Optimizer):
    """cache = rho cache + (1 - rho) g^2;  w -= lr g / (sqrt(cache) + epsilon).

    Source: Tieleman and Hinton (2012), Neural Networks for Machine Learning, lecture 6.5.
    """

    states = ("cache",)

    def __init__(
        self,
        parameters: Iterable[tg.Tensor] | None = None,
        learning_rate: float = 0.001,
        decay: float = 0.0,
        epsilon: float = 1e-7,
        rho: float = 0.9,
    ) -> None:
        super().__init__(
            parameters, learning_rate=learning_rate, decay=decay, epsilon=epsilon, rho=rho
        )

    def update(self, w: Any, g: Any, scratch: Any, cache: Any) -> None:
        # The array holds cache / (1 - rho), which saves a pass over it, and so `root` divides the
        # numerator and the denominator of the step: the same numbers.
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
    """m = beta_1 m + (1 - beta_1) g;  v = beta_2 v + (1 - beta_2) g^2;

    m_hat = m / (1 - beta_1^t);  v_hat = v / (1 - beta_2^t);
    w -= lr m_hat / (sqrt(v_hat) + epsilon), where t counts the steps from 1.

    Source: Kingma and Ba (2015), Algorithm 1, arXiv:1412.6980.
    """

    states = ("m", "v")

    def __init__(
        self,
        parameters: Iterable[tg.Tensor] | None = None,
        learning_rate: float = 0.001,
        decay: float = 0.0,
        epsilon: float = 1e-7,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
    ) -> None:
        super().__init__(
            parameters,
            learning_rate=learning_rate,
            decay=decay,
            epsilon=epsilon,
            beta_1=beta_1,
            beta_2=beta_2,
        )

    def update(self, w: Any, g: Any, scratch: Any, m: Any, v: Any) -> None:
        # The arrays hold m / (1 - beta_1) and v / (1 - beta_2), which saves two passes over memory,
        # and `root` divides the numerator and the denominator of the step: the same numbers.
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
