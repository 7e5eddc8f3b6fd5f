"""Neural networks on tensorgrad, in the vocabulary of the book *Neural Networks from Scratch*."""

from nn import datasets, init, schedules
from nn.config import build, describe, register
from nn.interchange import from_torch, to_torch
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
from nn.metrics import (
    F1,
    ROCAUC,
    AbsoluteError,
    CategoricalAccuracy,
    Metric,
    Precision,
    Recall,
    RegressionAccuracy,
    RSquared,
    TopKAccuracy,
    confusion_matrix,
)
from nn.module import Module
from nn.optim import SGD, Adagrad, Adam, AdamW, Muon, Optimizer, RMSprop
from nn.seeding import manual_seed
from nn.training.advice import LearningWarning
from nn.training.averaging import ExponentialMovingAverage
from nn.training.callback import Callback, Run
from nn.training.finder import LearningRateFinder
from nn.training.health import GradientHealth, GradientWarning
from nn.training.history import History
from nn.training.logs import CSVLogger, TensorBoard
from nn.training.model import Model
from nn.training.monitor import EarlyStopping, ReduceOnPlateau

__all__ = [
    "ELU",
    "F1",
    "GELU",
    "ROCAUC",
    "SGD",
    "AbsoluteError",
    "Adagrad",
    "Adam",
    "AdamW",
    "BinaryCrossentropy",
    "CSVLogger",
    "Callback",
    "CategoricalAccuracy",
    "CategoricalCrossentropy",
    "Dense",
    "Dropout",
    "EarlyStopping",
    "ExponentialMovingAverage",
    "Flatten",
    "GradientHealth",
    "GradientWarning",
    "Hinge",
    "History",
    "Huber",
    "KLDivergence",
    "LeakyReLU",
    "LearningRateFinder",
    "LearningWarning",
    "Linear",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "Metric",
    "Model",
    "Module",
    "Muon",
    "Optimizer",
    "Precision",
    "RMSprop",
    "RSquared",
    "ReLU",
    "Recall",
    "ReduceOnPlateau",
    "RegressionAccuracy",
    "Run",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Tanh",
    "TensorBoard",
    "TopKAccuracy",
    "build",
    "confusion_matrix",
    "datasets",
    "describe",
    "from_torch",
    "init",
    "manual_seed",
    "register",
    "schedules",
    "to_torch",
]
