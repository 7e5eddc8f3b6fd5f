"""Neural networks on tensorgrad, in the vocabulary of the book Neural Networks from Scratch."""

from nn import datasets, init
from nn.activations import LeakyReLU, Linear, ReLU, Sigmoid, Softmax, Tanh
from nn.config import build, describe, register
from nn.history import History
from nn.layers import Dense, Dropout, Flatten, Sequential
from nn.losses import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    MeanAbsoluteError,
    MeanSquaredError,
)
from nn.metrics import CategoricalAccuracy, RegressionAccuracy
from nn.model import Model
from nn.module import Module
from nn.optimizer import Optimizer
from nn.optimizers import SGD, Adagrad, Adam, RMSprop

__all__ = [
    "SGD",
    "Adagrad",
    "Adam",
    "BinaryCrossentropy",
    "CategoricalAccuracy",
    "CategoricalCrossentropy",
    "Dense",
    "Dropout",
    "Flatten",
    "History",
    "LeakyReLU",
    "Linear",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "Model",
    "Module",
    "Optimizer",
    "RMSprop",
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
