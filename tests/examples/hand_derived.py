"""The book's networks and their gradients, derived by hand: what the engine is checked against.

A layer has `forward(x)` and `backward(g, x)`, which returns a dict: the gradient in the input under
"x", and in each parameter under its letter. A loss has `forward(y_pred, y)`, a float, and
`backward(y_pred, y)`, the gradient in y_pred. An optimizer is a function from an array and its
gradient to the next array. Nothing is remembered between two calls, and nothing here imports the
library.

Letters: g gradient arriving, x input, W and b weights and bias, z logits, p probabilities,
y targets, N batch, D features in, H features out, C classes or outputs; dx is the gradient in x.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np

CLIP = 1e-7  # the book keeps p this far from 0 and from 1 before it takes a logarithm

Array = np.ndarray
Gradients = dict[str, Array]


class Layer:
    """A function of x (N, D), and of its parameters if it has any."""

    def forward(self, x: Array) -> Array:
        raise NotImplementedError

    def backward(self, g: Array, x: Array) -> Gradients:
        raise NotImplementedError

    def regularization(self) -> float:
        return 0.0


@dataclass(frozen=True, eq=False)
class Dense(Layer):
    """out = x W + b, with the penalty l1 sum|W| + l2 sum W^2, and the same for b.

    dx = g W^T;  dW = x^T g + l1 sign(W) + 2 l2 W;  db = sum_n g_n + l1 sign(b) + 2 l2 b.
    At 0, where |w| has no derivative, sign gives 0.

    Shapes: x (N, D), W (D, H), b (H,) -> (N, H).
    """

    W: Array
    b: Array
    weight_regularizer_l1: float = 0.0
    weight_regularizer_l2: float = 0.0
    bias_regularizer_l1: float = 0.0
    bias_regularizer_l2: float = 0.0

    def forward(self, x: Array) -> Array:
        return x @ self.W + self.b

    def backward(self, g: Array, x: Array) -> Gradients:
        dW, db = x.T @ g, g.sum(axis=0)
        dW += self.weight_regularizer_l1 * np.sign(self.W) + 2 * self.weight_regularizer_l2 * self.W
        db += self.bias_regularizer_l1 * np.sign(self.b) + 2 * self.bias_regularizer_l2 * self.b
        return {"x": g @ self.W.T, "W": dW, "b": db}

    def regularization(self) -> float:
        return float(
            self.weight_regularizer_l1 * np.abs(self.W).sum()
            + self.weight_regularizer_l2 * np.square(self.W).sum()
            + self.bias_regularizer_l1 * np.abs(self.b).sum()
            + self.bias_regularizer_l2 * np.square(self.b).sum()
        )


@dataclass(frozen=True, eq=False)
class Dropout(Layer):
    """out = x mask;  dx = g mask, where mask is 0 at a dropped unit, 1 / (1 - rate) elsewhere.

    Shapes: x (N, D), mask (N, D) -> (N, D).
    """

    mask: Array

    def forward(self, x: Array) -> Array:
        return x * self.mask

    def backward(self, g: Array, x: Array) -> Gradients:
        return {"x": g * self.mask}


class Linear(Layer):
    """out = x;  dx = g."""

    def forward(self, x: Array) -> Array:
        return x

    def backward(self, g: Array, x: Array) -> Gradients:
        return {"x": g}


class ReLU(Layer):
    """out = max(x, 0);  dx = g where x > 0, else 0, also at x = 0."""

    def forward(self, x: Array) -> Array:
        return np.maximum(x, 0)

    def backward(self, g: Array, x: Array) -> Gradients:
        return {"x": g * (x > 0)}


@dataclass(frozen=True, eq=False)
class LeakyReLU(Layer):
    """out = x where x > 0, else alpha x;  dx = g where x > 0, else alpha g, also at x = 0."""

    alpha: float = 0.01

    def forward(self, x: Array) -> Array:
        return np.where(x > 0, x, self.alpha * x)

    def backward(self, g: Array, x: Array) -> Gradients:
        return {"x": np.where(x > 0, g, self.alpha * g)}


class Sigmoid(Layer):
    """out = s = 1 / (1 + exp(-x));  dx = g s (1 - s)."""

    def forward(self, x: Array) -> Array:
        e = np.exp(-np.abs(x))  # at most 1, so no x overflows
        return np.where(x >= 0, 1, e) / (1 + e)

    def backward(self, g: Array, x: Array) -> Gradients:
        # 1 - s is s(-x), which does not round to 0 for a large x.
        return {"x": g * self.forward(x) * self.forward(-x)}


class Tanh(Layer):
    """out = t = tanh(x);  dx = g (1 - t^2)."""

    def forward(self, x: Array) -> Array:
        return np.tanh(x)

    def backward(self, g: Array, x: Array) -> Gradients:
        return {"x": g * (1 - np.tanh(x) ** 2)}


class Softmax(Layer):
    """p_i = exp(x_i) / sum_k exp(x_k) in each row;  dx_j = sum_i g_i J_ij.

    J_ij = dp_i / dx_j = p_i ([i = j] - p_j), where [i = j] is 1 on the diagonal and 0 off it.

    Shapes: x (N, C), J (N, C, C) -> (N, C).
    """

    def forward(self, x: Array) -> Array:
        e = np.exp(x - x.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True)

    def jacobian(self, x: Array) -> Array:
        p = self.forward(x)
        return p[:, :, None] * (np.eye(x.shape[1], dtype=x.dtype) - p[:, None, :])

    def backward(self, g: Array, x: Array) -> Gradients:
        return {"x": np.einsum("ni,nij->nj", g, self.jacobian(x))}


class Loss:
    """The mean over a sample's outputs, then over the samples: of y_pred (N, C) and y (N, C)."""

    def forward(self, y_pred: Array, y: Array) -> float:
        raise NotImplementedError

    def backward(self, y_pred: Array, y: Array) -> Array:
        raise NotImplementedError


def one_hot(y: Array, like: Array) -> Array:
    """Convert class indices (N,), or rows that are one-hot already, to rows like `like` (N, C)."""
    if y.ndim == 1:
        y = y[:, None] == np.arange(like.shape[1])
    return y.astype(like.dtype)


def inside(p: Array) -> Array:
    """Where clipping leaves p as it is; elsewhere the clipped value is a constant."""
    return (p > CLIP) & (p < 1 - CLIP)


class CategoricalCrossentropy(Loss):
    """L = -sum_nc y_nc log(p_nc) / N, p clipped;  dp = -y / (p N), and 0 where p was clipped.

    Shapes: p (N, C), y class indices (N,) or one-hot rows (N, C) -> ().
    """

    def forward(self, y_pred: Array, y: Array) -> float:
        log_p = np.log(np.clip(y_pred, CLIP, 1 - CLIP))
        return float(-np.sum(one_hot(y, y_pred) * log_p) / len(y))

    def backward(self, y_pred: Array, y: Array) -> Array:
        p = np.clip(y_pred, CLIP, 1 - CLIP)
        return -one_hot(y, y_pred) / p / len(y) * inside(y_pred)


class BinaryCrossentropy(Loss):
    """L = -mean(y log(p) + (1 - y) log(1 - p)), p clipped.

    dp = ((1 - y) / (1 - p) - y / p) / (N C), and 0 where p was clipped.
    """

    def forward(self, y_pred: Array, y: Array) -> float:
        p = np.clip(y_pred, CLIP, 1 - CLIP)
        return float(-np.mean(y * np.log(p) + (1 - y) * np.log(1 - p)))

    def backward(self, y_pred: Array, y: Array) -> Array:
        p = np.clip(y_pred, CLIP, 1 - CLIP)
        return ((1 - y) / (1 - p) - y / p) / y_pred.size * inside(y_pred)


class MeanSquaredError(Loss):
    """L = mean((y_pred - y)^2);  dy_pred = 2 (y_pred - y) / (N C)."""

    def forward(self, y_pred: Array, y: Array) -> float:
        return float(np.mean((y_pred - y) ** 2))

    def backward(self, y_pred: Array, y: Array) -> Array:
        return 2 * (y_pred - y) / y_pred.size


class MeanAbsoluteError(Loss):
    """L = mean|y_pred - y|;  dy_pred = sign(y_pred - y) / (N C), and 0 where they are equal."""

    def forward(self, y_pred: Array, y: Array) -> float:
        return float(np.mean(np.abs(y_pred - y)))

    def backward(self, y_pred: Array, y: Array) -> Array:
        return np.sign(y_pred - y) / y_pred.size


class SoftmaxCategoricalCrossentropy(Loss):
    """L = sum_n (log sum_c exp(z_nc) - sum_c y_nc z_nc) / N: that of p = softmax(z), unclipped.

    dz = (softmax(z) - onehot) / N.

    Shapes: z (N, C), y class indices (N,) or one-hot rows (N, C) -> ().
    """

    def forward(self, y_pred: Array, y: Array) -> float:
        z = y_pred - y_pred.max(axis=1, keepdims=True)
        log_p = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
        return float(-np.sum(one_hot(y, z) * log_p) / len(y))

    def backward(self, y_pred: Array, y: Array) -> Array:
        return (Softmax().forward(y_pred) - one_hot(y, y_pred)) / len(y)


class SigmoidBinaryCrossentropy(Loss):
    """L = mean(log(1 + exp(z)) - y z): that of p = sigmoid(z), unclipped.

    dz = (sigmoid(z) - y) / (N C).
    """

    def forward(self, y_pred: Array, y: Array) -> float:
        return float(np.mean(np.logaddexp(0, y_pred) - y * y_pred))

    def backward(self, y_pred: Array, y: Array) -> Array:
        return (Sigmoid().forward(y_pred) - y) / y_pred.size


class Result(NamedTuple):
    """The losses of a network and, for each of its layers, the gradients of `loss`."""

    loss: float
    data_loss: float
    regularization_loss: float
    gradients: list[Gradients]  # gradients[0]["x"] is the gradient in the network's input


def forward(layers: Sequence[Layer], X: Array) -> list[Array]:
    """Return the input of every layer, and last the output of the network."""
    values = [X]
    for layer in layers:
        values.append(layer.forward(values[-1]))
    return values


def network_gradients(layers: Sequence[Layer], loss: Loss, X: Array, y: Array) -> Result:
    """Apply the chain rule from the loss, penalties included, back to the input."""
    *inputs, output = forward(layers, X)
    data_loss = loss.forward(output, y)
    regularization_loss = sum(layer.regularization() for layer in layers)

    g = loss.backward(output, y)
    gradients: list[Gradients] = []
    for layer, x in zip(reversed(layers), reversed(inputs), strict=True):
        gradients.append(layer.backward(g, x))
        g = gradients[-1]["x"]
    total = data_loss + regularization_loss
    return Result(total, data_loss, regularization_loss, gradients[::-1])


def distance_to_kink(layers: Sequence[Layer], loss: Loss, X: Array, y: Array) -> float:
    """Return the smallest distance of a value from a kink, where rounding would choose the gradient."""
    *inputs, output = forward(layers, X)
    steps = zip(layers, inputs, strict=True)
    kinked = [x for layer, x in steps if isinstance(layer, ReLU | LeakyReLU)]
    if isinstance(loss, MeanAbsoluteError):
        kinked.append(output - y)
    return min((float(np.abs(x).min()) for x in kinked), default=np.inf)


def relative_error(found: Array, expected: Array) -> float:
    """max|found - expected| / max|expected|; two arrays of zeros are 0 apart."""
    assert found.shape == expected.shape, f"found {found.shape}, expected {expected.shape}"
    difference = np.abs(np.subtract(found, expected, dtype=np.float64)).max(initial=0)
    scale = np.abs(expected).max(initial=0)
    if scale == 0:
        return 0.0 if difference == 0 else np.inf
    return float(difference / scale)


def away_from_zero(x: Array) -> Array:
    """Move every value of x 0.01 further from 0, where relu(x) and |x| have their kink."""
    return x + np.copysign(x.dtype.type(0.01), x)


class Network(NamedTuple):
    """The arguments of `network_gradients`."""

    layers: list[Layer]
    loss: Loss
    X: Array  # (N, D)
    y: Array  # (N, C), or class indices (N,)


def random_network(rng: np.random.Generator, dtype: type[np.floating]) -> Network:
    """Make one to four dense layers, each with or without penalties, an activation and dropout."""
    n_dense = rng.integers(1, 5)
    N, *widths = rng.integers(2, 9, size=n_dense + 2)
    layers: list[Layer] = []
    for i, (D, H) in enumerate(pairwise(widths)):
        W = away_from_zero(rng.normal(size=(D, H)) / np.sqrt(D))
        b = away_from_zero(0.5 * rng.normal(size=H))
        penalties = rng.choice([0, 1e-3, 1e-1], size=4).tolist()
        layers.append(Dense(W.astype(dtype), b.astype(dtype), *penalties))
        if i < n_dense - 1:
            activations = ReLU(), LeakyReLU(0.1), Sigmoid(), Tanh(), Softmax(), Linear()
            layers.append(activations[rng.integers(len(activations))])
            if rng.random() < 0.3:
                mask = rng.choice([0, 1.25], p=[0.2, 0.8], size=(N, H))
                layers.append(Dropout(mask.astype(dtype)))

    C = widths[-1]
    classes = rng.integers(C, size=N)
    rows = np.eye(C, dtype=dtype)[classes]
    bits = rng.integers(2, size=(N, C)).astype(dtype)
    values = rng.normal(size=(N, C)).astype(dtype)
    heads: list[tuple[list[Layer], Loss, Array]] = [
        ([Softmax()], CategoricalCrossentropy(), classes),
        ([Softmax()], CategoricalCrossentropy(), rows),
        ([], SoftmaxCategoricalCrossentropy(), classes),
        ([], SoftmaxCategoricalCrossentropy(), rows),
        ([Sigmoid()], BinaryCrossentropy(), bits),
        ([], SigmoidBinaryCrossentropy(), bits),
        ([Linear()], MeanSquaredError(), values),
        ([Linear()], MeanAbsoluteError(), values),
    ]
    head, loss, y = heads[rng.integers(len(heads))]
    return Network(layers + head, loss, rng.normal(size=(N, widths[0])).astype(dtype), y)


State = tuple[Array, ...]  # what an optimizer remembers of one array: zeros at first
Step = tuple[Array, State]  # step t = 1, 2, ... takes (w, g, state) to the next (w, state)


def sgd(
    w: Array,
    g: Array,
    state: State,
    lr: float,
    t: int,
    *,
    momentum: float = 0.0,
    nesterov: bool = False,
) -> Step:
    """v <- momentum v - lr g;  w <- w + v, or with nesterov w <- w + momentum v - lr g."""
    (v,) = state
    v = momentum * v - lr * g
    return w + (momentum * v - lr * g if nesterov else v), (v,)


def adagrad(w: Array, g: Array, state: State, lr: float, t: int, *, epsilon: float = 1e-7) -> Step:
    """cache <- cache + g^2;  w <- w - lr g / (sqrt(cache) + epsilon)."""
    (cache,) = state
    cache = cache + g**2
    return w - lr * g / (np.sqrt(cache) + epsilon), (cache,)


def rmsprop(
    w: Array, g: Array, state: State, lr: float, t: int, *, epsilon: float = 1e-7, rho: float = 0.9
) -> Step:
    """cache <- rho cache + (1 - rho) g^2;  w <- w - lr g / (sqrt(cache) + epsilon)."""
    (cache,) = state
    cache = rho * cache + (1 - rho) * g**2
    return w - lr * g / (np.sqrt(cache) + epsilon), (cache,)


def adam(
    w: Array,
    g: Array,
    state: State,
    lr: float,
    t: int,
    *,
    epsilon: float = 1e-7,
    beta_1: float = 0.9,
    beta_2: float = 0.999,
) -> Step:
    """m <- beta_1 m + (1 - beta_1) g;  v <- beta_2 v + (1 - beta_2) g^2.

    m_hat = m / (1 - beta_1^t);  v_hat = v / (1 - beta_2^t);
    w <- w - lr m_hat / (sqrt(v_hat) + epsilon).
    """
    m, v = state
    m = beta_1 * m + (1 - beta_1) * g
    v = beta_2 * v + (1 - beta_2) * g**2
    m_hat = m / (1 - beta_1**t)
    v_hat = v / (1 - beta_2**t)
    return w - lr * m_hat / (np.sqrt(v_hat) + epsilon), (m, v)


def adamw(
    w: Array,
    g: Array,
    state: State,
    lr: float,
    t: int,
    *,
    weight_decay: float = 0.01,
    **settings: float,
) -> Step:
    """w <- w - lr weight_decay w besides the step of Adam."""
    after, state = adam(w, g, state, lr, t, **settings)
    return after - lr * weight_decay * w, state


Optimizer = Callable[..., Step]
ARRAYS_OF_STATE: dict[Optimizer, int] = {sgd: 1, adagrad: 1, rmsprop: 1, adam: 2, adamw: 2}
LEARNING_RATE: dict[Optimizer, float] = {
    sgd: 1.0, adagrad: 1.0, rmsprop: 0.001, adam: 0.001, adamw: 0.001
}  # fmt: skip


def optimize(
    step: Optimizer,
    w: Array,
    gradients: Iterable[Array],
    *,
    learning_rate: float | None = None,
    decay: float = 0.0,
    **settings: float,
) -> list[Array]:
    """Return the array after each step, in float64, one step per gradient; the defaults are the book's.

    lr = learning_rate / (1 + decay iterations), where iterations = t - 1 counts the steps before.
    """
    lr_0 = LEARNING_RATE[step] if learning_rate is None else learning_rate
    w = w.astype(np.float64)
    state: State = (np.zeros_like(w),) * ARRAYS_OF_STATE[step]
    after = []
    for iterations, g in enumerate(gradients):
        lr = lr_0 / (1 + decay * iterations)
        w, state = step(w, g.astype(np.float64), state, lr, iterations + 1, **settings)
        after.append(w)
    return after
