"""The layers of a network: their parameters, gradients and outputs, as distributions."""

import copy
from typing import Any

import numpy as np

import tensorgrad as tg
from nn.dashboard.distributions import dead_units, distribution
from nn.data.batches import Batch
from nn.module import Module
from nn.summary import with_noted_outputs
from nn.training.programs import call_module

Distributions = dict[str, list[Any]]  # by the names of parameters or modules


def described_layers(module: Module) -> list[dict[str, Any]]:
    """List the modules that have parameters of their own or no children, with their parameters."""
    layers: list[dict[str, Any]] = []
    names = {id(p): name for name, p in module.named_parameters()}
    seen: set[int] = set()
    for path, part in module.named_modules():
        below = {id(p) for child in part.children() for p in child.parameters()}
        own = [id(p) for p in part.parameters() if id(p) not in below | seen]
        seen.update(own)
        if own or not part.children():
            parameters = [names[k] for k in own]
            layers.append({"path": path, "kind": type(part).__name__, "parameters": parameters})
    return layers


def distributions_of_parameters(module: Module) -> Distributions:
    """Return the distributions of the parameters."""
    return {name: distribution(p.data) for name, p in module.named_parameters() if p.size}


def distributions_of_gradients(module: Module) -> Distributions:
    """Return the distributions of the gradients that there are."""
    named = ((name, p.grad) for name, p in module.named_parameters() if p.size)
    return {name: distribution(g.data) for name, g in named if g is not None}


def watched_outputs(
    module: Module, batches: list[Batch], paths: list[str]
) -> tuple[dict[str, list[Any]], list[np.ndarray]]:
    """Compute the outputs for batches in evaluation mode, and watch those of layers for the first.

    Each has its distribution, the number of its dead units, and that of all. The network computes
    in a copy, so that neither its modes, buffers nor random generators change.
    """
    own = copy.deepcopy(module)
    names = {id(part): path for path, part in own.named_modules() if path in set(paths)}
    found: dict[str, list[Any]] = {}
    outputs: list[np.ndarray] = []

    def note(part: Module, out: Any) -> None:
        array = _first_array(out)
        if not outputs and id(part) in names and array is not None and array.size:
            found[names[id(part)]] = [distribution(array), *dead_units(array)]

    def call() -> None:
        for batch in batches:
            outputs.append(call_module(own, batch.X).data)

    with_noted_outputs(own, note, call)
    return found, outputs


def _first_array(out: Any) -> np.ndarray | None:
    """Return the array of a tensor, or of the first one in a tuple, as of a recurrent layer."""
    while isinstance(out, tuple | list) and out:
        out = out[0]
    return out.data if isinstance(out, tg.Tensor) else None
