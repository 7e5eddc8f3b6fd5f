"""The networks and optimizers that the estimators of scikit-learn are given by names and sizes."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from nn.config import argument_text
from nn.layers import Dense, ReLU, Sequential, Sigmoid, Tanh
from nn.module import Module
from nn.optim import SGD, Adagrad, Adam, AdamW, Muon, Optimizer, RMSprop

ACTIVATION_CLASSES = {"relu": ReLU, "tanh": Tanh, "sigmoid": Sigmoid}
OPTIMIZER_CLASSES = {
    "adam": Adam, "adamw": AdamW, "sgd": SGD, "rmsprop": RMSprop, "adagrad": Adagrad, "muon": Muon,
}  # fmt: skip
Network = Sequence[int] | Callable[[int, int, np.random.Generator], Module]


def estimator_network(
    network: Network,
    activation: str,
    n_inputs: int,
    n_outputs: int,
    rng: np.random.Generator,
    dtype: np.dtype[Any],
) -> Module:
    """Make the network of a function, or Dense layers with an activation between two.

    Raises: TypeError if the function returns no module; ValueError if there are no sizes, or no
    activation of this name.
    """
    if callable(network):
        module = network(n_inputs, n_outputs, rng)
        if not isinstance(module, Module):
            raise TypeError(f"network must return an nn.Module, not {argument_text(module)}")
        return module
    if isinstance(network, str) or not isinstance(network, Sequence):
        raise ValueError(
            "network must be a tuple of the sizes of hidden layers, such as (100,), or a function "
            f"that returns a module, not {network!r}"
        )
    if activation not in ACTIVATION_CLASSES:
        raise ValueError(
            f"activation must be one of {', '.join(ACTIVATION_CLASSES)}, not {activation!r}"
        )
    make = ACTIVATION_CLASSES[activation]
    layers: list[Module] = []
    initializer = "he" if make is ReLU else "glorot"
    for n, m in pairwise([n_inputs, *network, n_outputs]):
        layers += [Dense(n, m, initializer=initializer, rng=rng, dtype=dtype), make()]
    return Sequential(*layers[:-1])


def estimator_optimizer(
    optimizer: str | Callable[[], Optimizer], learning_rate: Any, weight_decay: float
) -> Optimizer:
    """Make the optimizer of this name, or that of a function.

    Raises: ValueError if there is none of this name.
    """
    if callable(optimizer):
        return optimizer()
    if optimizer not in OPTIMIZER_CLASSES:
        raise ValueError(
            f"optimizer must be one of {', '.join(OPTIMIZER_CLASSES)}, or a function that makes "
            f"one, not {optimizer!r}"
        )
    make = OPTIMIZER_CLASSES[optimizer]
    return make(learning_rate=learning_rate, weight_decay=weight_decay)
