"""The main workload: an epoch of 784-128-128-10 on Fashion-MNIST, batches of 128, Adam; and the time to 0.87."""

import time
from collections.abc import Callable, Iterator
from functools import cache
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

import nn
import tensorgrad as tg
from benchmarks.by_hand import Adam, AdamPass, Network, Products
from benchmarks.harness import Run, Workload
from benchmarks.workloads.mlp import parameters

WIDTHS = (784, 128, 128, 10)
BATCH = 128
LEARNING_RATE, DECAY, EPSILON = 0.001, 1e-3, 1e-7
GOAL, MOST_EPOCHS = 0.87, 30
COMPARED = 20  # steps whose losses are compared, before rounding errors grow


class Data(NamedTuple):
    """Images, as rows, and labels of the training and the test set."""

    X: np.ndarray
    y: np.ndarray
    X_test: np.ndarray
    y_test: np.ndarray


@cache
def data(quick: bool) -> Data:
    """Load the data, scaled to [-1, 1] as in the book; synthetic images where the real ones are missing."""
    if quick:
        rng = np.random.default_rng(0)
        X, y = rng.uniform(-1, 1, size=(1280, 784)).astype(np.float32), rng.integers(10, size=1280)
        return Data(X, y, X[:256], y[:256])
    d = nn.datasets.fashion_mnist(download=False)
    X, X_test = (
        (x.reshape(len(x), -1).astype(np.float32) - 127.5) / 127.5 for x in (d.X_train, d.X_test)
    )
    return Data(X, d.y_train.astype(np.int64), X_test, d.y_test.astype(np.int64))


def batches(n: int, epoch: int) -> Iterator[np.ndarray]:
    """Yield the rows of each batch, in the same order for all peers, and another in each epoch."""
    order = np.random.default_rng(epoch).permutation(n)
    for i in range(0, n, BATCH):
        yield order[i : i + BATCH]


class Trainer:
    """A network in training: `step` takes the row numbers of a batch and returns its loss."""

    def __init__(
        self, step: Callable[[np.ndarray], Any], weights: Callable[[], list[np.ndarray]]
    ) -> None:
        self.step, self.weights, self.epochs = step, weights, 0

    def epoch(self, n: int) -> None:
        self.epochs += 1
        for rows in batches(n, self.epochs):
            loss = self.step(rows)
        float(loss)


def ours(d: Data) -> Trainer:
    p = [tg.Tensor(x, requires_grad=True) for x in parameters(WIDTHS)]
    optimizer = nn.Adam(p, learning_rate=LEARNING_RATE, decay=DECAY, epsilon=EPSILON)
    W1, b1, W2, b2, W3, b3 = p

    def step(rows):
        for q in p:
            q.grad = None
        h = tg.relu(tg.linear(d.X[rows], W1, b1))
        h = tg.relu(tg.linear(h, W2, b2))
        loss = tg.softmax_cross_entropy(tg.linear(h, W3, b3), d.y[rows])
        loss.backward()
        optimizer.step()
        return loss.item()

    return Trainer(step, lambda: [x.data for x in p])


def torch(d: Data) -> Trainer:
    import torch
    import torch.nn.functional as F

    X, y = torch.from_numpy(d.X), torch.from_numpy(d.y)
    p = [torch.tensor(x.T.copy(), requires_grad=True) for x in parameters(WIDTHS)]
    optimizer = torch.optim.Adam(p, lr=LEARNING_RATE, eps=EPSILON, fused=True)
    W1, b1, W2, b2, W3, b3 = p
    steps = 0

    def step(rows):
        nonlocal steps
        optimizer.param_groups[0]["lr"] = LEARNING_RATE / (1 + DECAY * steps)
        steps += 1
        index = torch.from_numpy(rows)
        optimizer.zero_grad()
        h = F.relu(F.linear(X[index], W1, b1))
        h = F.relu(F.linear(h, W2, b2))
        loss = F.cross_entropy(F.linear(h, W3, b3), y[index])
        loss.backward()
        optimizer.step()
        return loss.item()

    return Trainer(step, lambda: [x.detach().numpy().T for x in p])


def jax(d: Data) -> Trainer:
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    X, y = jnp.asarray(d.X), jnp.asarray(d.y)

    def loss_of(p, x, y):
        W1, b1, W2, b2, W3, b3 = p
        h = jax.nn.relu(jax.nn.relu(x @ W1 + b1) @ W2 + b2)
        return -jnp.mean(jax.nn.log_softmax(h @ W3 + b3)[jnp.arange(len(y)), y])

    @jax.jit
    def update(p, m, v, t, rows, X, y):
        loss, g = jax.value_and_grad(loss_of)(p, X[rows], y[rows])
        rate = (LEARNING_RATE / (1 + DECAY * t) / (1 - 0.9 ** (t + 1))).astype("float32")
        c2 = (1 - 0.999 ** (t + 1)).astype("float32")  # float32 would round it badly
        m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, g)
        v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, g)
        p = jax.tree.map(lambda p, m, v: p - rate * m / (jnp.sqrt(v / c2) + EPSILON), p, m, v)
        return p, m, v, t + 1, loss

    p = [jnp.asarray(x) for x in parameters(WIDTHS)]
    state = p, jax.tree.map(jnp.zeros_like, p), jax.tree.map(jnp.zeros_like, p), jnp.float64(0)

    def step(rows):
        nonlocal state
        *state, loss = update(*state, rows, X, y)
        return float(loss)

    return Trainer(step, lambda: [np.asarray(x) for x in state[0]])


def _flat_adam(size: int) -> Callable[[np.ndarray, np.ndarray], None]:
    """Return an optimizer for peers that have none: the floor's."""
    adam = AdamPass(size)
    return lambda p, g: adam.run(p, g, LEARNING_RATE / (1 + DECAY * adam.t))


def autograd(d: Data) -> Trainer:
    import autograd.numpy as anp
    from autograd import value_and_grad
    from autograd.scipy.special import logsumexp

    arrays = parameters(WIDTHS)
    flat = np.concatenate([x.ravel() for x in arrays])
    ends = np.cumsum([x.size for x in arrays])
    p = [part.reshape(x.shape) for part, x in zip(np.split(flat, ends[:-1]), arrays, strict=True)]
    adam = _flat_adam(flat.size)

    def loss_of(p, x, y):
        W1, b1, W2, b2, W3, b3 = p
        h = anp.maximum(anp.dot(x, W1) + b1, 0)
        z = anp.dot(anp.maximum(anp.dot(h, W2) + b2, 0), W3) + b3
        return anp.mean(logsumexp(z, axis=1) - z[np.arange(len(y)), y])

    f = value_and_grad(loss_of)

    def step(rows):
        loss, grads = f(p, d.X[rows], d.y[rows])
        adam(flat, np.concatenate([g.ravel() for g in grads]))
        return loss

    return Trainer(step, lambda: p)


def by_hand(d: Data) -> Trainer:
    net = Network([p.copy() for p in parameters(WIDTHS)])
    optimizer = Adam(LEARNING_RATE, DECAY, EPSILON)

    def step(rows):
        y = d.y[rows]
        loss = net.forward(d.X[rows], y)
        net.backward(y)
        optimizer.pre_update_params()
        for layer in net.dense:
            optimizer.update_params(layer)
        optimizer.post_update_params()
        return loss

    return Trainer(step, lambda: [p for x in net.dense for p in (x.weights, x.biases.ravel())])


def floor(d: Data) -> Trainer:
    """Do gathers, products and Adam only; the shorter last batch is filled up to full size."""
    arrays = parameters(WIDTHS)
    products = Products(arrays, BATCH)
    p = np.concatenate([x.ravel() for x in arrays])
    g, adam = np.random.default_rng(0).normal(size=p.size).astype(np.float32), AdamPass(p.size)
    X, y = np.empty((BATCH, WIDTHS[0]), np.float32), np.empty(BATCH, np.int64)

    def step(rows):
        rows = np.resize(rows, BATCH)
        np.take(d.X, rows, axis=0, out=X, mode="clip")
        np.take(d.y, rows, out=y, mode="clip")
        products.run(X)
        adam.run(p, g)
        return 0.0

    return Trainer(step, list)


def model(compile: bool | str, threads: int | None = None) -> Callable[[Data], Run]:
    """Train nn.Model with everything that users get: metrics, history, and its choice of threads.

    The time of an epoch is that of its history, because the data are checked once, not in every epoch.
    """

    def way(d: Data) -> Run:
        net = nn.Model()
        for i, (D, H) in enumerate(pairwise(WIDTHS)):
            net.add(nn.Dense(D, H))
            net.add(nn.ReLU() if i < 2 else nn.Softmax())
        net.set(
            loss=nn.CategoricalCrossentropy(),
            optimizer=nn.Adam(learning_rate=LEARNING_RATE, decay=DECAY, epsilon=EPSILON),
            accuracy=nn.CategoricalAccuracy(),
        )
        net.finalize()
        for p, x in zip(net.module.parameters(), parameters(WIDTHS), strict=True):
            p.data = x.reshape(p.shape)
        options = {"batch_size": BATCH, "print_every": 0, "compile": compile, "threads": threads}

        def sample() -> float:
            net.train(d.X, d.y, epochs=1, **options)
            return net.history.epochs["time"][-1]

        return Run(sample=sample)

    return way


def epoch(make: Callable[[Data], Trainer]) -> Callable[[Data], Run]:
    def way(d: Data) -> Run:
        trainer, trial = make(d), make(d)

        def answers():
            losses = [trial.step(rows) for rows, _ in zip(batches(len(d.X), 0), range(COMPARED))]
            # Logits instead of weights, because Adam's first steps turn a gradient's rounding error into a full step.
            return np.array(losses, float), logits(trial.weights(), d.X_test[:1000])

        return Run(lambda: trainer.epoch(len(d.X)), answers, compared=make is not floor)

    return way


def logits(weights: list[np.ndarray], X: np.ndarray) -> np.ndarray:
    for i in range(0, len(weights), 2):
        X = (X if i == 0 else np.maximum(X, 0)) @ weights[i] + weights[i + 1]
    return X


def accuracy(weights: list[np.ndarray], X: np.ndarray, y: np.ndarray) -> float:
    return float(np.mean(np.argmax(logits(weights, X), axis=1) == y))


def until_accurate(make: Callable[[Data], Trainer]) -> Callable[[Data], Run]:
    """Measure the seconds of training, without the tests after each epoch, until the test accuracy is reached."""

    def sample(d: Data) -> float:
        trainer, seconds = make(d), 0.0
        for _ in range(MOST_EPOCHS):
            start = time.perf_counter()
            trainer.epoch(len(d.X))
            seconds += time.perf_counter() - start
            if accuracy(trainer.weights(), d.X_test, d.y_test) >= GOAL:
                return seconds
        return float("nan")

    return lambda d: Run(sample=lambda: sample(d))


TRAINERS = {"tensorgrad": ours, "torch": torch, "jax": jax, "autograd": autograd, "hand": by_hand}
EPOCH_GOALS = {"torch": 0.75, "jax": 1.0, "floor": 1.25, "hand": 0.25}

BY_MODEL = {"tensorgrad": model(False), "compiled": model("auto"), "torch": epoch(torch)}
MODEL_GOALS = {"torch": 1.0, "compiled / torch": 0.88, "compiled / torch, 1 thread": 0.58}
BY_MODEL_OF_TWO = {
    "tensorgrad": model(False, 2),
    "compiled": model("auto", 2),
    "torch": epoch(torch),
    "jax": epoch(jax),
}

# fmt: off
WORKLOADS = [
    Workload("Fashion-MNIST epoch", data, {p: epoch(make) for p, make in (TRAINERS | {"floor": floor}).items()},
             "s", 1, EPOCH_GOALS, tolerance=1e-3, products=True),
    Workload("Fashion-MNIST epoch, by nn.Model", data, BY_MODEL, "s", 1, MODEL_GOALS, tolerance=1e-3),
    Workload("Fashion-MNIST epoch, by nn.Model, threads=2", data, BY_MODEL_OF_TWO, "s", 1,
             {"compiled / torch": 0.72, "compiled / jax": 1.15}, tolerance=1e-3),
    Workload("Fashion-MNIST to 0.87 of test accuracy", data, {p: until_accurate(TRAINERS[p]) for p in ("tensorgrad", "torch", "jax")},
             "s", 1, rounds=3, slow=True, products=True),
]
# fmt: on
