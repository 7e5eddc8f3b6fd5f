"""Neural networks on tensorgrad, in the vocabulary of the book *Neural Networks from Scratch*."""

import typing as _typing
from importlib import import_module as _import_module

from nn import augment, data, datasets, distributed, init, schedules, words
from nn.config import build, describe, register
from nn.layers import (
    ELU,
    GELU,
    GRU,
    LSTM,
    RNN,
    AveragePool1D,
    AveragePool2D,
    BatchNorm,
    Conv1D,
    Conv2D,
    Conv2DTranspose,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    Function,
    GlobalAveragePool1D,
    GlobalAveragePool2D,
    GroupNorm,
    GRUCell,
    LayerNorm,
    LeakyReLU,
    Linear,
    LSTMCell,
    MaxPool1D,
    MaxPool2D,
    MultiHeadAttention,
    PositionalEncoding,
    ReLU,
    Reshape,
    Residual,
    RMSNorm,
    RNNCell,
    Sequential,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    SpatialDropout,
    Tanh,
    TransformerBlock,
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
    Perplexity,
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
from nn.training.checkpoint import ModelCheckpoint
from nn.training.finder import LearningRateFinder
from nn.training.generation import generate
from nn.training.health import GradientHealth, GradientWarning
from nn.training.history import History
from nn.training.interruptions import is_half_step
from nn.training.logs import CSVLogger, TensorBoard
from nn.training.model import Model
from nn.training.monitor import EarlyStopping, ReduceOnPlateau

if _typing.TYPE_CHECKING:  # imported by `__getattr__` when they are first used
    from nn.dashboard.callback import Dashboard
    from nn.interchange import from_torch, to_torch
    from nn.onnx.reader import from_onnx

_HOMES = {  # the same for `__getattr__`
    "Dashboard": "nn.dashboard.callback",
    "from_onnx": "nn.onnx.reader",
    "from_torch": "nn.interchange",
    "to_torch": "nn.interchange",
}

__all__ = [
    "ELU",
    "F1",
    "GELU",
    "GRU",
    "LSTM",
    "RNN",
    "ROCAUC",
    "SGD",
    "AbsoluteError",
    "Adagrad",
    "Adam",
    "AdamW",
    "AveragePool1D",
    "AveragePool2D",
    "BatchNorm",
    "BinaryCrossentropy",
    "CSVLogger",
    "Callback",
    "CategoricalAccuracy",
    "CategoricalCrossentropy",
    "Conv1D",
    "Conv2D",
    "Conv2DTranspose",
    "Dashboard",
    "Dense",
    "Dropout",
    "EarlyStopping",
    "Embedding",
    "ExponentialMovingAverage",
    "Flatten",
    "Function",
    "GRUCell",
    "GlobalAveragePool1D",
    "GlobalAveragePool2D",
    "GradientHealth",
    "GradientWarning",
    "GroupNorm",
    "Hinge",
    "History",
    "Huber",
    "KLDivergence",
    "LSTMCell",
    "LayerNorm",
    "LeakyReLU",
    "LearningRateFinder",
    "LearningWarning",
    "Linear",
    "MaxPool1D",
    "MaxPool2D",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "Metric",
    "Model",
    "ModelCheckpoint",
    "Module",
    "MultiHeadAttention",
    "Muon",
    "Optimizer",
    "Perplexity",
    "PositionalEncoding",
    "Precision",
    "RMSNorm",
    "RMSprop",
    "RNNCell",
    "RSquared",
    "ReLU",
    "Recall",
    "ReduceOnPlateau",
    "RegressionAccuracy",
    "Reshape",
    "Residual",
    "Run",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "SpatialDropout",
    "Tanh",
    "TensorBoard",
    "TopKAccuracy",
    "TransformerBlock",
    "augment",
    "build",
    "confusion_matrix",
    "data",
    "datasets",
    "describe",
    "distributed",
    "from_onnx",
    "from_torch",
    "generate",
    "init",
    "is_half_step",
    "manual_seed",
    "register",
    "schedules",
    "to_torch",
]


def __getattr__(name: str) -> object:
    """Import a name, or nn.sklearn, at its first use, or say what to write for one of the book."""
    if name == "sklearn":
        return _import_module("nn.sklearn")
    if name in _HOMES:
        value = globals()[name] = getattr(_import_module(_HOMES[name]), name)
        return value
    remedy = words.BOOK.get(name) or words.TORCH.get(name)
    message = f"module 'nn' has no attribute {name!r}"
    raise AttributeError(f"{message}; write {remedy}" if remedy else message)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
