"""Fashion-MNIST on a GPU: an epoch with CuPy's arrays in tensors, beside PyTorch on the same GPU.

Run: python -m benchmarks.cupy_epoch
"""

import itertools
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import nn
import tensorgrad as tg

SIZES, BATCH, RATE = (784, 128, 128, 10), 128, 0.1
LONGEST = 280.0  # seconds for everything


def weights() -> list[np.ndarray]:
    """Return the same initial weights and biases for all, by He's rule."""
    rng, arrays = np.random.default_rng(0), []
    for n, m in itertools.pairwise(SIZES):
        arrays.append((rng.normal(size=(n, m)) * np.sqrt(2 / n)).astype(np.float32))
        arrays.append(np.zeros(m, np.float32))
    return arrays


def trained(
    xp: Any, X: Any, y: Any, epochs: int, wait: Callable[[], Any]
) -> tuple[list[float], list[np.ndarray]]:
    """Train with the arrays of a module such as CuPy; return the seconds of epochs, and weights.

    Shapes: X (N, 784), y (N,) of integers.
    """
    p = [tg.Tensor(xp.asarray(a), requires_grad=True) for a in weights()]
    X, targets = xp.asarray(X), xp.asarray(np.eye(SIZES[-1], dtype=np.float32)[y])
    seconds = []
    for _ in range(epochs):
        began = time.perf_counter()
        for start in range(0, len(X), BATCH):
            step(p, X[start : start + BATCH], targets[start : start + BATCH])
        wait()
        seconds.append(time.perf_counter() - began)
    return seconds, [t.detach().numpy() for t in p]


def step(p: list[tg.Tensor], X: Any, targets: Any) -> None:
    """Take a step of gradient descent on the cross-entropy of a batch."""
    h = tg.Tensor(X)
    for k in range(0, len(p) - 2, 2):
        h = np.maximum(h @ p[k] + p[k + 1], 0)
    z = h @ p[-2] + p[-1]
    loss = -np.sum(targets * tg.log_softmax(z, axis=1)) / len(X)
    loss.backward()
    for t in p:
        t.data = t.data - RATE * t.grad.data
        t.zero_grad()


def trained_by_torch(
    X: Any, y: Any, epochs: int, device: str = "cuda"
) -> tuple[list[float], list[np.ndarray]]:
    """Train the same with PyTorch; return the seconds of epochs, and weights.

    Shapes: X (N, 784), y (N,) of integers.
    """
    import torch

    p = [torch.tensor(a, device=device, requires_grad=True) for a in weights()]
    X, y = torch.tensor(X, device=device), torch.tensor(y.astype(np.int64), device=device)
    optimizer, seconds = torch.optim.SGD(p, lr=RATE), []
    for _ in range(epochs):
        began = time.perf_counter()
        for start in range(0, len(X), BATCH):
            h = X[start : start + BATCH]
            for k in range(0, len(p) - 2, 2):
                h = torch.relu(torch.addmm(p[k + 1], h, p[k]))
            z = torch.addmm(p[-1], h, p[-2])
            loss = torch.nn.functional.cross_entropy(z, y[start : start + BATCH])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        if device == "cuda":
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - began)
    return seconds, [t.detach().cpu().numpy() for t in p]


def main() -> None:
    """Train with both, compare the weights, and print the seconds of an epoch."""
    try:
        import cupy as cp
    except ImportError:
        sys.exit("this needs a GPU with CuPy: pip install cupy-cuda12x")
    data = nn.datasets.fashion_mnist()
    X = data.X_train.reshape(len(data.X_train), -1).astype(np.float32) / 127.5 - 1
    began = time.perf_counter()
    first, _ = trained(cp, X, data.y_train, 1, cp.cuda.Device().synchronize)
    epochs = int(min(5, max(2, LONGEST / 3 // first[0])))
    seconds, ours = trained(cp, X, data.y_train, epochs, cp.cuda.Device().synchronize)
    print(f"tensorgrad on CuPy: {np.median(seconds[1:]):.3f} s an epoch, of {epochs}")
    try:
        theirs_seconds, theirs = trained_by_torch(X, data.y_train, epochs)
    except ImportError:
        sys.exit("PyTorch is not installed, so there is nothing to compare with")
    print(f"PyTorch:            {np.median(theirs_seconds[1:]):.3f} s an epoch, of {epochs}")
    far = max(np.abs(a - b).max() for a, b in zip(ours, theirs))
    print(f"the weights differ by at most {far:.1e}; {time.perf_counter() - began:.0f} s in all")


if __name__ == "__main__":
    main()
