"""Sequences: an LSTM, a block of a transformer and an embedding, forward and backward."""

from collections.abc import Callable
from typing import Any

import numpy as np

import nn
import tensorgrad as tg
from benchmarks.harness import Run, Workload
from benchmarks.workloads.convolution import Inputs, normal


def our_gradients(layer: nn.Module, x: Any, g: np.ndarray) -> Callable[[], Any]:
    """Return a step that computes the output and all gradients, that of x first if it has one."""
    leaves = [x, *layer.parameters()] if isinstance(x, tg.Tensor) else layer.parameters()

    def step():
        for p in leaves:
            p.grad = None
        out = layer(x)
        out.backward(g)
        return out, *(p.grad for p in leaves)

    return step


def torch_gradients(layer: Any, x: Any, g: np.ndarray, transposed: bool = True) -> Run:
    """Return the same step of PyTorch, whose answers have matrices in our order of axes."""
    import torch

    g, leaves = torch.from_numpy(g), [*([x] if x.requires_grad else []), *layer.parameters()]

    def step():
        for p in leaves:
            p.grad = None
        out = layer(x)
        out = out[0] if isinstance(out, tuple) else out
        out.backward(g)
        return out

    def answers():
        out = step()
        found = [p.grad.numpy() for p in leaves]
        return out.detach().numpy(), *(a.T if transposed and a.ndim == 2 else a for a in found)

    return Run(step, answers)


def steps(quick: bool) -> Inputs:
    N, T = (2, 5) if quick else (32, 50)
    return Inputs(normal(N, T, 32), (normal(N, T, 64, seed=1),))


def our_lstm(inputs: Inputs) -> Callable[[], Any]:
    layer = nn.LSTM(32, 64, return_sequences=True, rng=0)
    return our_gradients(layer, tg.Tensor(inputs.x, requires_grad=True), inputs.others[0])


def torch_lstm(inputs: Inputs) -> Run:
    import torch

    layer = torch.nn.LSTM(32, 64, batch_first=True)
    layer.load_state_dict(nn.to_torch(nn.LSTM(32, 64, rng=0)))
    return torch_gradients(layer, torch.tensor(inputs.x, requires_grad=True), inputs.others[0])


def features(quick: bool) -> Inputs:
    shape = (2, 8, 64) if quick else (16, 64, 64)
    return Inputs(normal(*shape), (normal(*shape, seed=1),))


def block() -> nn.TransformerBlock:
    return nn.TransformerBlock(64, 4, rng=0)


def our_block(inputs: Inputs) -> Callable[[], Any]:
    return our_gradients(block(), tg.Tensor(inputs.x, requires_grad=True), inputs.others[0])


def torch_block(inputs: Inputs) -> Run:
    import torch

    T = torch.nn.TransformerEncoderLayer
    layer = T(64, 4, 256, dropout=0, activation="gelu", norm_first=True, batch_first=True)
    layer.load_state_dict(nn.to_torch(block()))
    run = torch_gradients(layer, torch.tensor(inputs.x, requires_grad=True), inputs.others[0])

    def answers():
        """Put the parameters in our order: PyTorch has the biases of its norms at the end, too."""
        out, dx, *_ = run.answers()
        state = {name: p.grad for name, p in layer.named_parameters()}
        ours = nn.from_torch(state, block())
        return out, dx, *(p.data for p in ours.parameters())

    return Run(run.step, answers)


def ids(skewed: bool):
    """Return a maker of integers below 10,000: equally likely, or of a Zipf distribution."""

    def inputs(quick: bool) -> Inputs:
        rng, n = np.random.default_rng(0), 64 if quick else 4096
        x = np.minimum(rng.zipf(1.2, n), 10_000) - 1 if skewed else rng.integers(10_000, size=n)
        return Inputs(x, (normal(n, 64, seed=1),))

    return inputs


def our_embedding(inputs: Inputs) -> Callable[[], Any]:
    return our_gradients(nn.Embedding(10_000, 64, rng=0), inputs.x, inputs.others[0])


def torch_embedding(inputs: Inputs) -> Run:
    import torch

    layer = torch.nn.Embedding(10_000, 64)
    layer.load_state_dict(nn.to_torch(nn.Embedding(10_000, 64, rng=0)))
    return torch_gradients(layer, torch.from_numpy(inputs.x), inputs.others[0], transposed=False)


LSTM = {"tensorgrad": our_lstm, "torch": torch_lstm}
BLOCK = {"tensorgrad": our_block, "torch": torch_block}
EMBEDDING = {"tensorgrad": our_embedding, "torch": torch_embedding}

# fmt: off
WORKLOADS = [
    Workload("LSTM 32→64, 50 steps, batch 32",              steps,      LSTM,      "ms", 1, {"torch": 2.0, "torch, 1 thread": 1.4}, products=True),
    Workload("transformer block, 64 features, 64 steps, batch 16", features, BLOCK, "ms", 1, {"torch": 1.0, "torch, 1 thread": 0.75}, products=True),
    Workload("embedding 10,000×64, 4,096 ids",              ids(False), EMBEDDING, "ms", 1, {"torch": 0.8, "torch, 1 thread": 0.8}),
    Workload("embedding 10,000×64, 4,096 ids of Zipf's law", ids(True), EMBEDDING, "ms", 1, {"torch": 1.8, "torch, 1 thread": 1.8}),
]
# fmt: on
