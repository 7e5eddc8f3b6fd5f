"""Neural networks on tensorgrad, in the vocabulary of the book *Neural Networks from Scratch*."""

from nn import datasets, init
from nn.config import build, describe, register
from nn.layers import (
    ELU,
    GELU,
    Dense,
    Dropout,
    Flatten,
    LeakyReLU,
    Linear,
    ReLU,
    Sequential,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)
from nn.losses import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    Hinge,
    Huber,
    KLDivergence,
    MeanAbsoluteError,
    MeanSquaredError,
)
from nn.metrics import CategoricalAccuracy, RegressionAccuracy
from nn.module import Module
from nn.optim import SGD, Adagrad, Adam, AdamW, Optimizer, RMSprop
from nn.training.history import History
from nn.training.model import Model

__all__ = [
    "ELU",
    "GELU",
    "SGD",
    "Adagrad",
    "Adam",
    "AdamW",
    "BinaryCrossentropy",
    "CategoricalAccuracy",
    "CategoricalCrossentropy",
    "Dense",
    "Dropout",
    "Flatten",
    "Hinge",
    "History",
    "Huber",
    "KLDivergence",
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
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Tanh",
    "build",
    "datasets",
    "describe",
    "init",
    "register",
]
