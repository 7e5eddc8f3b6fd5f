"""Layers and activations: modules whose forward passes are recorded NumPy calls."""

from nn.layers.activations import (
    ELU,
    GELU,
    LeakyReLU,
    Linear,
    ReLU,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)
from nn.layers.container import Sequential
from nn.layers.dense import Dense
from nn.layers.dropout import Dropout
from nn.layers.shape import Flatten

__all__ = [
    "ELU",
    "GELU",
    "Dense",
    "Dropout",
    "Flatten",
    "LeakyReLU",
    "Linear",
    "ReLU",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Tanh",
]
