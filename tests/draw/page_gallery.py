"""Graphs of the kinds that users draw, for the tests of the first view and for the documentation.

`python -m tests.draw.page_gallery FOLDER` takes a picture of the page of each, to be looked at.
"""

import sys
from pathlib import Path

import numpy as np

import nn
import tensorgrad as tg
from tests.draw import page_fixtures as fixtures


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
    return transformer_drawing().document


def transformer_drawing():
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
    return t.draw(title="A transformer layer")


def square():
    x = leaf(3.0, "x")
    with tg.trace() as t:
        (x * x).backward()
    return t.draw(title="x · x").document


def convolution():
    """Trace a small convolutional classifier."""
    rng = np.random.default_rng(0)
    net = nn.Sequential(
        nn.Conv2D(1, 4, 3, rng=rng),
        nn.BatchNorm(4),
        nn.ReLU(),
        nn.MaxPool2D(2),
        nn.Flatten(),
        nn.Dense(4 * 4 * 4, 10, rng=rng),
    )
    X, y = rng.normal(size=(4, 8, 8, 1)).astype("f4"), np.arange(4)
    with tg.trace() as t:
        nn.CategoricalCrossentropy(from_logits=True)(net(X), y).backward()
    return t.draw(title="A convolutional network").document


def fashion_mnist_step():
    """Trace a step of training with Adam on a batch of the size of Fashion-MNIST's."""
    rng = np.random.default_rng(0)
    net = nn.Sequential(
        nn.Dense(784, 128, rng=rng), nn.ReLU(), nn.Dense(128, 128, rng=rng), nn.ReLU(),
        nn.Dense(128, 10, rng=rng),
    )  # fmt: skip
    optimizer = nn.Adam(net.parameters())
    X, y = rng.uniform(size=(128, 784)).astype("f4"), rng.integers(10, size=128)
    with tg.trace() as t:
        nn.CategoricalCrossentropy(from_logits=True)(net(X), y).backward()
        optimizer.step()
        optimizer.zero_grad()
    return t.draw(title="A step on Fashion-MNIST").document


def kalman(steps=6):
    """Trace a Kalman filter whose noises are learned."""
    q, r = leaf(0.1, "q"), leaf(0.5, "r")
    m, P, loss = 0.0, 1.0, 0.0
    with tg.trace() as t:
        for z in np.sin(np.arange(steps)):
            with tg.Scope("Predict"):
                P = P + np.exp(q)
            with tg.Scope("Update"):
                S = P + np.exp(r)
                K = P / S
                e = z - m
                m = m + K * e
                P = (1 - K) * P
            loss = loss + 0.5 * (np.log(S) + e * e / S)
        loss.backward()
    return t.draw(title="A Kalman filter").document


def n_body(steps=3):
    """Trace three bodies that attract each other."""
    rng = np.random.default_rng(0)
    x, v = leaf(rng.normal(size=(3, 2)), "x"), leaf(0.1 * rng.normal(size=(3, 2)), "v")
    mass = leaf(np.array([1.0, 2.0, 3.0]), "mass")

    @tg.Scope("Acceleration")
    def acceleration(x):
        d = x[None] - x[:, None]
        distance = np.sum(d * d, axis=-1) + 0.01
        return np.sum((mass[:, None] / distance[..., None] ** 1.5) * d, axis=1)

    with tg.trace() as t:
        for _ in range(steps):
            v = v + 0.01 * acceleration(x)
            x = x + 0.01 * v
        np.sum(x * x).backward()
    return t.draw(title="Three bodies").document


def gaussian_process():
    """Trace the likelihood of a Gaussian process."""
    rng = np.random.default_rng(0)
    X, y = np.linspace(0, 1, 8), rng.normal(size=8)
    length, noise = leaf(-1.0, "log_length"), leaf(-2.0, "log_noise")
    with tg.trace() as t:
        K = np.exp(-0.5 * (X[:, None] - X) ** 2 / np.exp(2 * length)) + np.exp(noise) * np.eye(8)
        L = np.linalg.cholesky(K)
        a = np.linalg.solve(L, y)
        (0.5 * np.sum(a * a) + np.sum(np.log(np.diagonal(L)))).backward()
    return t.draw(title="The likelihood of a Gaussian process").document


def ten_thousand():
    """Trace a random expression of about 10,000 operations on scalars."""
    rng = np.random.default_rng(0)
    values = [leaf(rng.normal(), f"x{k}") for k in range(16)]
    with tg.trace() as t:
        for _ in range(9900):
            a, b = (values[len(values) - 1 - i] for i in rng.integers(16, size=2))
            k = rng.integers(4)
            values.append(
                a * b if k == 0 else 0.5 * (a + b) if k == 1 else (np.sin, np.cos)[k - 2](a)
            )
        np.sum(np.stack(values[-16:])).backward()
    return t.draw(title="10,000 operations").document


GALLERY = {
    "expression": fixtures.scalars,
    "mlp": lambda: fixtures.network()[1],
    "square": square,
    "residual": lambda: residual(6),
    "convolution": convolution,
    "transformer": transformer,
    "rnn": lambda: recurrent(50),
    "second": second_derivative,
    "nan": fixtures.troubled,
    "fashion": fashion_mnist_step,
    "kalman": kalman,
    "bodies": n_body,
    "process": gaussian_process,
    "large": ten_thousand,
    "steps": two_steps,
}


def take_pictures(folder, names):
    """Open the page of each graph in a window of 1280 × 800 pixels, and store its picture."""
    folder.mkdir(parents=True, exist_ok=True)
    browser = fixtures.browser()
    opener = fixtures.opener(next(browser), folder)
    open_page = next(opener)
    for name in names or GALLERY:
        opened = open_page(GALLERY[name]())
        opened.page.wait_for_timeout(100)
        opened.page.screenshot(path=folder / f"{name}.png")


if __name__ == "__main__":
    take_pictures(Path(sys.argv[1]), sys.argv[2:])
