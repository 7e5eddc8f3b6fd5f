"""The optimizers of the book, each a few passes over long arrays in its formula's letters."""

import math
from collections.abc import Iterable

import numpy as np

import tensorgrad as tg
from nn.config import register
from nn.optim.base import Optimizer


@register
class SGD(Optimizer):
    """Stochastic gradient descent with momentum: v = momentum v - lr g;  w += v.

    Raises: ValueError if a setting is out of bounds.
    """

    states = ("v",)

    def __init__(
        self,
        parameters: Iterable[tg.Tensor] | None = None,
        learning_rate: float = 1.0,
        decay: float = 0.0,
        momentum: float = 0.0,
    ) -> None:
        super().__init__(parameters, learning_rate=learning_rate, decay=decay, momentum=momentum)

    def update(self, w: np.ndarray, g: np.ndarray, scratch: np.ndarray, v: np.ndarray) -> None:
        """Change `w` and the velocity `v` in place.

        Shapes: all (n,).
        """
        step = np.multiply(g, self.current_learning_rate, out=scratch)
        if self.momentum:
            v *= self.momentum
            v -= step
            w += v
        else:
            w -= step


@register
class Adagrad(Optimizer):
    """Adagrad: cache += g^2;  w -= lr g / (sqrt(cache) + epsilon).

    Raises: ValueError if a setting is out of bounds.
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
        parameters: Iterable[tg.Tensor] | None = None,
        learning_rate: float = 0.001,
        decay: float = 0.0,
        epsilon: float = 1e-7,
        rho: float = 0.9,
    ) -> None:
        super().__init__(
            parameters, learning_rate=learning_rate, decay=decay, epsilon=epsilon, rho=rho
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
    w -= lr m_hat / (sqrt(v_hat) + epsilon), where t counts the steps from 1.

    Raises: ValueError if a setting is out of bounds.
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
