"""Functions of a few arrays, whose graphs the tests of the sandbox change."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import tensorgrad as tg
from examples.first_graph import expression

RNG = np.random.default_rng(0)


def normal(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape)


class Example(NamedTuple):
    function: Callable[..., Any]
    inputs: dict[str, np.ndarray]  # that have a gradient
    constants: dict[str, np.ndarray]
    seed: Any = None  # of backward
    passes: int = 1

    def may_change(self, name: str) -> bool:
        """Return True for an input or a constant of real numbers."""
        return name in self.inputs or self.constants.get(name, np.array(0)).dtype == float

    def trace(self, changed: dict[str, np.ndarray] | None = None) -> tuple[dict, dict, float]:
        """Return the document of a run, its tensors by name, and the loss."""
        arrays = {**self.inputs, **self.constants, **(changed or {})}
        t = {n: tg.Tensor(x, requires_grad=n in self.inputs, name=n) for n, x in arrays.items()}
        with np.errstate(all="ignore"), tg.trace() as trace:
            out = self.function(**t)
            for _ in range(self.passes):
                out.backward(self.seed, retain_graph=True)
        seed = 1 if self.seed is None else self.seed
        loss = self.passes * float(np.sum(out.data * seed))
        return trace.draw().document, t, loss

    def plain(self, changed: dict[str, np.ndarray]) -> float:
        """Compute the loss with NumPy alone."""
        with tg.no_grad(), np.errstate(all="ignore"):
            out = np.asarray(self.function(**{**self.inputs, **self.constants, **changed}))
        return self.passes * float(np.sum(out * (1 if self.seed is None else self.seed)))


def sums(A, B):
    return np.mean(np.sum(A * B, axis=-1, keepdims=True) + A, axis=(0, -1)) @ np.array([1.0, -2.0])


def chain(A, B, v):
    return np.sum(np.tanh(A @ B) @ v) + v @ v


def powers(x, p):
    return np.sum(x**p + np.sqrt(x) / p + np.log(x) * np.exp(-x) + 1 / (x + p) ** 2)


def kinks(x, y):
    return np.sum(
        np.maximum(x, y) * np.abs(x) + tg.relu(y - x) - np.minimum(x, 0.5) + np.clip(y, -1, 1)
    )


def classes(X, W, b, V, y):
    return tg.softmax_cross_entropy(tg.relu(X @ W + b) @ V, y)


def binary(X, w, b, y):
    return np.mean(tg.sigmoid_cross_entropy(X @ w + b, y))


def attention(Q, K, V):
    return np.sum(tg.softmax(Q @ K.T / np.sqrt(3), axis=-1) @ V) + tg.logsumexp(Q, axis=0)[1]


def normalized(x, gain):
    x = (x - np.mean(x, axis=0)) / (np.std(x, axis=0) + 0.1)
    return np.sum(gain * x * np.array([[1.0], [-2.0], [0.5], [3.0]])) + np.var(x[1:, -1]) * np.max(
        gain
    )


def arranged(x, y):
    z = np.concatenate([x.reshape(3, 2).T, y[None, ::-1], y[[0, 0, 2]][None]], axis=0)
    return np.sum(z * z[::-1] * np.arange(12.0).reshape(4, 3))


def recurrent(W, U, x):
    h = np.zeros(3)
    for t in range(4):
        h = np.tanh(x[t] @ W + h @ U)
    return h * h


def ordered(x, y):
    z = np.sort(x, axis=0) * np.flip(x) + np.roll(x, 1, axis=1) * np.prod(x, axis=1, keepdims=True)
    z[0, 1:] = y[1:] * y[:2]
    z[-1] = 2.0
    return np.sum(z * z * np.arange(6.0).reshape(2, 3)) + np.sum(np.cumsum(x, axis=1) ** 2)


def systems(A, B):
    A = A + 4 * np.eye(3)
    return np.sum(np.linalg.solve(A, B) ** 2) + np.sum(np.linalg.inv(A)[0]) + np.prod(B)


def layers(x, W, b, gain):
    h = tg.conv(x, W, b, stride=(1, 2), padding=1)
    h = tg.batch_norm(h, gain, b, None) + tg.layer_norm(h, gain, b)
    h = (
        tg.max_pool(h, 2, 1)
        + tg.average_pool(h, 2, 1, "valid")
        + tg.standardize(h, (1, 2))[:, 1:, 1:]
    )
    return np.sum(h * h * np.stack([gain[k % 2] * k for k in range(8)]).reshape(2, 2, 2))


POSITIVE = np.array([0.5, 1.5, 2.5])
EXAMPLES = {
    "first graph": Example(expression, {"a": np.array(-4.0), "b": np.array(2.0)}, {}),
    "sums": Example(sums, {"A": normal(3, 2, 4), "B": normal(2, 1)}, {}),
    "products": Example(chain, {"A": normal(2, 3), "B": normal(3, 4), "v": normal(4)}, {}),
    "powers": Example(powers, {"x": POSITIVE, "p": np.array([[1.5], [2.0]])}, {}),
    "kinks": Example(kinks, {"x": normal(2, 3), "y": normal(3)}, {}),
    "classes": Example(
        classes,
        {"W": normal(3, 5), "b": normal(5), "V": normal(5, 3)},
        {"X": normal(6, 3), "y": np.array([0, 2, 1, 1, 0, 2])},
    ),
    "binary": Example(
        binary,
        {"w": normal(3), "b": np.array(0.1)},
        {"X": normal(5, 3), "y": np.array([0.0, 1, 1, 0, 1])},
    ),
    "attention": Example(attention, {"Q": normal(3, 3), "K": normal(4, 3), "V": normal(4, 2)}, {}),
    "normalized": Example(normalized, {"x": normal(4, 3), "gain": normal(3)}, {}, passes=2),
    "arranged": Example(arranged, {"x": normal(6), "y": normal(3)}, {}),
    "ordered": Example(ordered, {"x": normal(2, 3), "y": normal(3)}, {}),
    "systems": Example(systems, {"A": normal(3, 3), "B": normal(3, 2)}, {}),
    "layers": Example(
        layers,
        {"W": normal(2, 3, 2, 2), "b": normal(2), "gain": normal(2)},
        {"x": normal(2, 2, 3, 2)},
    ),
    "recurrent": Example(
        recurrent,
        {"W": normal(2, 3), "U": normal(3, 3)},
        {"x": normal(4, 2)},
        np.array([1.0, -2, 0.5]),
    ),
}


def together(examples: dict[str, Example]) -> Example:
    """Return the sum of the results of all examples as one."""

    def split(arrays: dict[str, Any], label: str) -> dict[str, Any]:
        return {
            n.removeprefix(f"{label} "): x for n, x in arrays.items() if n.startswith(f"{label} ")
        }

    def function(**arrays: Any) -> Any:
        return sum(
            np.sum(e.function(**split(arrays, label)) * (1 if e.seed is None else e.seed))
            for label, e in examples.items()
        )

    inputs = {f"{label} {n}": x for label, e in examples.items() for n, x in e.inputs.items()}
    constants = {f"{label} {n}": x for label, e in examples.items() for n, x in e.constants.items()}
    return Example(function, inputs, constants)
