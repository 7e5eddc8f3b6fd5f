"""Layers with hand-written backward passes, in NumPy and float32, and the floor, the least work of any engine.

The layers, the loss and Adam follow *Neural Networks from Scratch in Python* (Kinsley and Kukieła, 2020) line by
line in everything that affects speed: the same calls and copies, in the same order.
"""

from collections.abc import Sequence

import numpy as np


class Dense:
    def __init__(self, W: np.ndarray, b: np.ndarray) -> None:
        self.weights, self.biases = W, b.reshape(1, -1)
        self.l1 = self.l2 = 0

    def forward(self, inputs):
        self.inputs = inputs
        self.output = np.dot(inputs, self.weights) + self.biases

    def backward(self, dvalues):
        self.dweights = np.dot(self.inputs.T, dvalues)
        self.dbiases = np.sum(dvalues, axis=0, keepdims=True)
        self.dinputs = np.dot(dvalues, self.weights.T)


class ReLU:
    def forward(self, inputs):
        self.inputs = inputs
        self.output = np.maximum(0, inputs)

    def backward(self, dvalues):
        self.dinputs = dvalues.copy()
        self.dinputs[self.inputs <= 0] = 0


class Softmax:
    def forward(self, inputs):
        self.inputs = inputs
        exp_values = np.exp(inputs - np.max(inputs, axis=1, keepdims=True))
        self.output = exp_values / np.sum(exp_values, axis=1, keepdims=True)


class CategoricalCrossentropy:
    def forward(self, y_pred, y_true):
        clipped = np.clip(y_pred, 1e-7, 1 - 1e-7)
        return np.mean(-np.log(clipped[range(len(y_pred)), y_true]))

    def backward(self, y_pred, y_true):
        """Compute the gradient of the loss in the inputs of the softmax."""
        dinputs = y_pred.copy()
        dinputs[range(len(y_pred)), y_true] -= 1
        return dinputs / len(y_pred)


class Adam:
    def __init__(self, learning_rate=0.001, decay=0.0, epsilon=1e-7, beta_1=0.9, beta_2=0.999):
        self.learning_rate = self.current_learning_rate = learning_rate
        self.decay, self.epsilon, self.beta_1, self.beta_2 = decay, epsilon, beta_1, beta_2
        self.iterations = 0

    def pre_update_params(self):
        self.current_learning_rate = self.learning_rate * (
            1.0 / (1.0 + self.decay * self.iterations)
        )

    def update_params(self, layer):
        if not hasattr(layer, "weight_cache"):
            layer.weight_momentums = np.zeros_like(layer.weights)
            layer.weight_cache = np.zeros_like(layer.weights)
            layer.bias_momentums = np.zeros_like(layer.biases)
            layer.bias_cache = np.zeros_like(layer.biases)
        b1, b2, t = self.beta_1, self.beta_2, self.iterations + 1
        layer.weight_momentums = b1 * layer.weight_momentums + (1 - b1) * layer.dweights
        layer.bias_momentums = b1 * layer.bias_momentums + (1 - b1) * layer.dbiases
        weight_momentums_corrected = layer.weight_momentums / (1 - b1**t)
        bias_momentums_corrected = layer.bias_momentums / (1 - b1**t)
        layer.weight_cache = b2 * layer.weight_cache + (1 - b2) * layer.dweights**2
        layer.bias_cache = b2 * layer.bias_cache + (1 - b2) * layer.dbiases**2
        weight_cache_corrected = layer.weight_cache / (1 - b2**t)
        bias_cache_corrected = layer.bias_cache / (1 - b2**t)
        lr = self.current_learning_rate
        layer.weights += (
            -lr * weight_momentums_corrected / (np.sqrt(weight_cache_corrected) + self.epsilon)
        )
        layer.biases += (
            -lr * bias_momentums_corrected / (np.sqrt(bias_cache_corrected) + self.epsilon)
        )

    def post_update_params(self):
        self.iterations += 1


class Network:
    """A network of dense layers with ReLU between them, then softmax with cross-entropy."""

    def __init__(self, parameters: Sequence[np.ndarray]) -> None:
        pairs = zip(parameters[::2], parameters[1::2], strict=True)
        self.dense = [Dense(W, b) for W, b in pairs]
        self.layers = [x for layer in self.dense for x in (layer, ReLU())][:-1]
        self.softmax, self.loss = Softmax(), CategoricalCrossentropy()

    def forward(self, X, y):
        for layer in self.layers:
            layer.forward(X)
            X = layer.output
        self.softmax.forward(X)
        return self.loss.forward(self.softmax.output, y)

    def backward(self, y):
        g = self.loss.backward(self.softmax.output, y)
        for layer in reversed(self.layers):
            layer.backward(g)
            g = layer.dinputs

    def gradients(self):
        return [g for layer in self.dense for g in (layer.dweights, layer.dbiases.ravel())]


class Products:
    """The matrix products of a network's forward and backward passes, written into preallocated arrays."""

    def __init__(self, parameters: Sequence[np.ndarray], N: int) -> None:
        self.W = list(parameters[::2])
        rng = np.random.default_rng(0)
        self.outputs = [rng.normal(size=(N, W.shape[1])).astype(W.dtype) for W in self.W]
        self.dW = [np.empty_like(W) for W in self.W]
        self.dx = [np.empty((N, W.shape[0]), W.dtype) for W in self.W]

    def run(self, X):
        inputs = [X, *self.outputs[:-1]]
        for x, W, out in zip(inputs, self.W, self.outputs, strict=True):
            np.matmul(x, W, out=out)
        for i in reversed(range(len(self.W))):
            np.matmul(inputs[i].T, self.outputs[i], out=self.dW[i])
            if i:  # the data need no gradient
                np.matmul(self.outputs[i], self.W[i].T, out=self.dx[i])


class AdamPass:
    """Adam on one flat array, in blocks that fit the cache, with as few passes over memory as NumPy allows."""

    def __init__(self, size: int, block: int = 16_384) -> None:
        self.m, self.v = np.zeros((2, size), np.float32)
        self.scratch = np.empty(min(block, size), np.float32)
        self.block, self.t = block, 0

    def run(self, p: np.ndarray, g: np.ndarray, learning_rate: float = 0.001) -> None:
        self.t += 1
        c1, c2 = 1 - 0.9**self.t, 1 - 0.999**self.t
        # lr m̂ / (√v̂ + ε) = lr √c2 / c1 · m / (√v + ε √c2)
        rate, epsilon = learning_rate * c2**0.5 / c1, 1e-7 * c2**0.5
        for i in range(0, p.size, self.block):
            j = min(i + self.block, p.size)
            m, v, d, s = self.m[i:j], self.v[i:j], g[i:j], self.scratch[: j - i]
            m *= 0.9
            np.multiply(d, 0.1, out=s)
            m += s
            v *= 0.999
            np.square(d, out=s)
            s *= 0.001
            v += s
            np.sqrt(v, out=s)
            s += epsilon
            np.divide(m, s, out=s)
            s *= rate
            p[i:j] -= s
