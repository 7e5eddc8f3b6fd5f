"""Convolutional networks: convolutions alone, batch norm, and a training step of a small network.

"PyTorch" has channels after the samples, as most write it; "PyTorch, channels last" is its faster layout.
"""

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

import nn
import tensorgrad as tg
from benchmarks.harness import Run, Workload

CHANNELS = (1, 16, 32)


class Inputs(NamedTuple):
    """Pictures with channels last, and what else a step needs: weights, targets or a gradient."""

    x: np.ndarray
    others: tuple[np.ndarray, ...]


def normal(*shape: int, seed: int = 0, scale: float = 1.0) -> np.ndarray:
    return (scale * np.random.default_rng(seed).normal(size=shape)).astype(np.float32)


def convolution(n: int, size: int, C: int, outputs: int, kernel: int):
    """Return a maker of pictures, weights (KH, KW, C, O), biases and a gradient."""

    def inputs(quick: bool) -> Inputs:
        N = 2 if quick else n
        W = normal(kernel, kernel, C, outputs, seed=1, scale=(kernel * kernel * C) ** -0.5)
        g = normal(N, size, size, outputs, seed=2)
        return Inputs(normal(N, size, size, C), (W, normal(outputs, seed=3), g))

    return inputs


def our_convolution(inputs: Inputs) -> Callable[[], Any]:
    W, b, g = inputs.others
    leaves = [tg.Tensor(a, requires_grad=True) for a in (inputs.x, W, b)]

    def step():
        for p in leaves:
            p.grad = None
        out = tg.conv(*leaves, padding="same")
        out.backward(g)
        return out, *(p.grad for p in leaves)

    return step


def torch_convolution(last: bool):
    def way(inputs: Inputs) -> Run:
        import torch

        W, b, g = inputs.others
        x, kernels, gradient = (
            torch_pictures(a, last) for a in (inputs.x, np.moveaxis(W, -1, 0), g)
        )
        leaves = [x.requires_grad_(), kernels.requires_grad_(), torch.tensor(b, requires_grad=True)]

        def step():
            for p in leaves:
                p.grad = None
            out = torch.nn.functional.conv2d(*leaves, padding="same")
            out.backward(gradient)
            return out

        def answers():
            out = step()
            dx, dW, db = (p.grad.numpy() for p in leaves)
            out = np.moveaxis(out.detach().numpy(), 1, -1)
            return out, np.moveaxis(dx, 1, -1), np.transpose(dW, (2, 3, 1, 0)), db

        return Run(step, answers)

    return way


def torch_pictures(x: np.ndarray, last: bool) -> Any:
    """Return pictures as PyTorch wants them, in one of its two layouts."""
    import torch

    pictures = torch.from_numpy(np.moveaxis(x, -1, 1).copy())
    return pictures.to(memory_format=torch.channels_last) if last else pictures


def normalization(quick: bool) -> Inputs:
    shape = (2 if quick else 128, 28, 28, 16)
    return Inputs(normal(*shape), (normal(*shape, seed=1),))


def our_normalization(inputs: Inputs) -> Callable[[], Any]:
    layer, (g,) = nn.BatchNorm(16), inputs.others
    x = tg.Tensor(inputs.x, requires_grad=True)

    def step():
        x.grad = None
        layer.zero_grad()
        out = layer(x)
        out.backward(g)
        return out, x.grad, *(p.grad for p in layer.parameters())

    return step


def torch_normalization(last: bool):
    def way(inputs: Inputs) -> Run:
        import torch

        layer = torch.nn.BatchNorm2d(16)
        x, g = (torch_pictures(a, last) for a in (inputs.x, *inputs.others))
        x.requires_grad_()

        def step():
            x.grad = None
            layer.zero_grad()
            out = layer(x)
            out.backward(g)
            return out

        def answers():
            out = np.moveaxis(step().detach().numpy(), 1, -1)
            dx = np.moveaxis(x.grad.numpy(), 1, -1)
            return out, dx, *(p.grad.numpy() for p in layer.parameters())

        return Run(step, answers)

    return way


def pictures(quick: bool) -> Inputs:
    N = 4 if quick else 128
    return Inputs(normal(N, 28, 28, 1), (np.random.default_rng(1).integers(10, size=N),))


def our_network() -> nn.Sequential:
    """Make the network that all peers have: two convolutions, each with ReLU and pooling, then dense."""
    rng = np.random.default_rng(0)
    convolutions = [nn.Conv2D(C, O, 3, rng=rng) for C, O in pairwise(CHANNELS)]  # noqa: E741
    parts = [part for c in convolutions for part in (c, nn.MaxPool2D(), nn.ReLU())]
    hidden = nn.Dense(49 * CHANNELS[-1], 128, initializer="he", rng=rng)
    return nn.Sequential(
        *parts, nn.Flatten(), hidden, nn.ReLU(), nn.Dense(128, 10, initializer="he", rng=rng)
    )


def our_step(inputs: Inputs, compiled: bool = False) -> Run:
    net, (y,) = our_network(), inputs.others
    loss_of = nn.CategoricalCrossentropy(from_logits=True)
    optimizer = nn.Adam(net.parameters(), learning_rate=1e-3)

    def backward(X, y):
        loss = loss_of(net(tg.Tensor(X)), y)
        loss.backward()
        return loss.detach()

    f = tg.compile(backward) if compiled else backward

    def gradients():
        net.zero_grad()
        loss = f(inputs.x, y)
        return loss, *(p.grad for p in net.parameters())

    return stepping(gradients, optimizer.step)


def torch_step(last: bool):
    def way(inputs: Inputs) -> Run:
        import torch

        net, ours = torch_network(), our_network()
        state = nn.to_torch(ours)
        # The columns of the dense layer, which follow the order of axes here.
        W = state["7.weight"].reshape(128, 7, 7, CHANNELS[-1]).permute(0, 3, 1, 2)
        net.load_state_dict(state | {"7.weight": W.reshape(128, -1)})
        if last:
            net = net.to(memory_format=torch.channels_last)
        x, y = torch_pictures(inputs.x, last), torch.from_numpy(inputs.others[0])
        optimizer = torch.optim.Adam(net.parameters(), lr=1e-3, fused=True)

        def gradients():
            optimizer.zero_grad()
            loss = torch.nn.functional.cross_entropy(net(x), y)
            loss.backward()
            return loss

        def answers():
            loss = gradients()
            return loss, *in_our_layout(p.grad.numpy() for p in net.parameters())

        return stepping(gradients, optimizer.step, answers)

    return way


def torch_network() -> Any:
    from torch import nn as T

    convolutions = [T.Conv2d(C, O, 3, padding=1) for C, O in pairwise(CHANNELS)]  # noqa: E741
    parts = [part for c in convolutions for part in (c, T.MaxPool2d(2), T.ReLU())]
    return T.Sequential(
        *parts, T.Flatten(), T.Linear(49 * CHANNELS[-1], 128), T.ReLU(), T.Linear(128, 10)
    )


def in_our_layout(gradients: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    """Put PyTorch's gradients in our order of axes."""
    for g in gradients:
        if g.ndim == 4:
            yield np.transpose(g, (2, 3, 1, 0))
        elif g.shape == (128, 49 * CHANNELS[-1]):
            yield np.moveaxis(g.reshape(128, CHANNELS[-1], 7, 7), 1, -1).reshape(128, -1).T
        else:
            yield g.T


def stepping(gradients: Callable[[], Any], update: Callable[[], Any], answers: Any = None) -> Run:
    """Return a run of whole steps, whose answers are the loss and the gradients of the first."""

    def step():
        gradients()
        update()

    return Run(step, answers or gradients)


CONVOLUTIONS = {
    "tensorgrad": our_convolution,
    "torch": torch_convolution(False),
    "torch last": torch_convolution(True),
}
NORMALIZATIONS = {
    "tensorgrad": our_normalization,
    "torch": torch_normalization(False),
    "torch last": torch_normalization(True),
}
STEPS = {
    "tensorgrad": our_step,
    "compiled": lambda inputs: our_step(inputs, compiled=True),
    "torch": torch_step(False),
    "torch last": torch_step(True),
}

STEP_GOALS = {
    "torch": 1.3,
    "torch last": 1.8,
    "torch, 1 thread": 0.92,
    "torch last, 1 thread": 1.5,
    "compiled / torch": 1.3,
    "compiled / torch last": 1.8,
    "compiled / torch, 1 thread": 0.92,
    "compiled / torch last, 1 thread": 1.5,
}
NORMALIZATION_GOALS = {"torch": 1.6, "torch, 1 thread": 1.0, "torch last, 1 thread": 1.7}

# fmt: off
WORKLOADS = [
    Workload("CNN step, 28×28, 16/32 channels, batch 128", pictures, STEPS, "ms", 1, STEP_GOALS, products=True),
    Workload("batch norm, 128×28×28×16",  normalization, NORMALIZATIONS, "ms", 1, NORMALIZATION_GOALS),
    Workload("convolution 3×3, 16→32, 32×14×14",  convolution(32, 14, 16, 32, 3), CONVOLUTIONS, "ms", 1, products=True),
    Workload("convolution 3×3, 64→64, 32×16×16",  convolution(32, 16, 64, 64, 3), CONVOLUTIONS, "ms", 1, products=True),
    Workload("convolution 3×3, 16→32, 32×32×32",  convolution(32, 32, 16, 32, 3), CONVOLUTIONS, "ms", 1, products=True),
    Workload("convolution 5×5, 32→32, 32×16×16",  convolution(32, 16, 32, 32, 5), CONVOLUTIONS, "ms", 1, products=True),
    Workload("convolution 3×3, 3→16, 32×32×32",   convolution(32, 32, 3, 16, 3),  CONVOLUTIONS, "ms", 1, products=True),
]
# fmt: on
