"""Layers and activations: modules whose forward passes are recorded NumPy calls."""

from nn.layers.activations import LeakyReLU, Linear, ReLU, Sigmoid, Softmax, Tanh
from nn.layers.container import Sequential
from nn.layers.dense import Dense
from nn.layers.dropout import Dropout
from nn.layers.shape import Flatten

__all__ = [
    "Dense",
    "Dropout",
    "Flatten",
    "LeakyReLU",
    "Linear",
    "ReLU",
    "Sequential",
    "Sigmoid",
    "Softmax",
    "Tanh",
]
