"""Neural networks on tensorgrad, in the vocabulary of the book Neural Networks from Scratch."""

from nn import datasets, init
from nn.activations import LeakyReLU, Linear, ReLU, Sigmoid, Softmax, Tanh
from nn.config import build, describe, register
from nn.layers import Dense, Dropout, Flatten, Sequential
from nn.losses import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    MeanAbsoluteError,
    MeanSquaredError,
)
from nn.metrics import CategoricalAccuracy, RegressionAccuracy
from nn.module import Module

__all__ = [
    "BinaryCrossentropy",
    "CategoricalAccuracy",
    "CategoricalCrossentropy",
    "Dense",
    "Dropout",
    "Flatten",
    "LeakyReLU",
    "Linear",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "Module",
    "ReLU",
    "RegressionAccuracy",
    "Sequential",
    "Sigmoid",
    "Softmax",
    "Tanh",
    "build",
    "datasets",
    "describe",
    "init",
    "register",
]
