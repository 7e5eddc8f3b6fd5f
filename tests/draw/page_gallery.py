"""Graphs of the kinds that users draw, for the tests of the first view and for the pictures of the documentation."""

import numpy as np

import nn
import tensorgrad as tg


def leaf(value, name=None):
    return tg.Tensor(value, requires_grad=True, name=name)


def recurrent(steps):
    """Trace an unrolled recurrent network, whose parameters every step uses."""
    rng = np.random.default_rng(0)
    W, U = leaf(rng.normal(size=(3, 4)), "W"), leaf(rng.normal(size=(4, 4)), "U")
    h, X = np.zeros((2, 4)), rng.normal(size=(steps, 2, 3))
    with tg.trace() as t:
        for x in X:
            h = np.tanh(x @ W + h @ U)
        np.sum(h).backward()
    return t.draw(title=f"An RNN of {steps} steps").document


def residual(blocks):
    class Block(nn.Module):
        def __init__(self, rng):
            self.a, self.b = nn.Dense(8, 8, rng=rng), nn.Dense(8, 8, rng=rng)

        def forward(self, x):
            return x + self.b(tg.relu(self.a(x)))

    rng = np.random.default_rng(0)
    net = nn.Sequential(*(Block(rng) for _ in range(blocks)))
    with tg.trace() as t:
        np.sum(net(rng.normal(size=(4, 8)).astype("f4"))).backward()
    return t.draw().document


def two_steps():
    w, x, y = leaf(3.0, "w"), np.array([1.0, 2.0, 3.0]), np.array([2.0, 4.0, 6.0])
    with tg.trace() as t:
        for _ in range(2):
            np.mean((x * w - y) ** 2).backward()
            w.data -= 0.05 * w.grad.data
            w.zero_grad()
    return t.draw(title="Two steps of gradient descent").document


def chain_of(count):
    x = y = leaf(0.5, "x")
    with tg.trace() as t:
        for k in range(count - 1):
            y = np.sin(y) if k % 2 else y * x
        y.backward()
    return t.draw().document


def second_derivative():
    x = leaf(0.7, "x")
    with tg.trace() as t:
        y = np.sin(x) * x**2
        y.backward(create_graph=True)
        x.grad.backward()
    return t.draw(title="The second derivative of x² sin x").document


def transformer():
    """Trace one layer of a transformer, written in NumPy, whose parts are scopes."""
    rng, D = np.random.default_rng(0), 8
    shapes = {
        "Q": (D, D),
        "K": (D, D),
        "V": (D, D),
        "O": (D, D),
        "W1": (D, 32),
        "b1": (32,),
        "W2": (32, D),
        "b2": (D,),
    }
    p = {name: leaf(rng.normal(0, 0.3, shape), name) for name, shape in shapes.items()}

    @tg.Scope("Norm")
    def norm(x):
        return (x - np.mean(x, -1, keepdims=True)) / np.sqrt(np.var(x, -1, keepdims=True) + 1e-5)

    @tg.Scope("Attention")
    def attention(x):
        scores = tg.softmax((x @ p["Q"]) @ (x @ p["K"]).T / np.sqrt(D), axis=-1)
        return scores @ (x @ p["V"]) @ p["O"]

    @tg.Scope("FeedForward")
    def feed_forward(x):
        return np.maximum(x @ p["W1"] + p["b1"], 0) @ p["W2"] + p["b2"]

    x = leaf(rng.normal(size=(6, D)), "x")
    with tg.trace() as t:
        h = x + attention(norm(x))
        np.mean((h + feed_forward(norm(h))) ** 2).backward()
    return t.draw(title="A transformer layer").document
