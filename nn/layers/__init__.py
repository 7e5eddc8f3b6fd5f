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
from nn.layers.attention import MultiHeadAttention, PositionalEncoding, TransformerBlock
from nn.layers.container import Residual, Sequential
from nn.layers.convolution import Conv1D, Conv2D, Conv2DTranspose
from nn.layers.dense import Dense
from nn.layers.dropout import Dropout, SpatialDropout
from nn.layers.embedding import Embedding
from nn.layers.normalization import BatchNorm, GroupNorm, LayerNorm, RMSNorm
from nn.layers.pooling import (
    AveragePool1D,
    AveragePool2D,
    GlobalAveragePool1D,
    GlobalAveragePool2D,
    MaxPool1D,
    MaxPool2D,
)
from nn.layers.recurrent import GRU, LSTM, RNN, GRUCell, LSTMCell, RNNCell
from nn.layers.shape import Flatten, Function, Reshape

__all__ = [
    "ELU",
    "GELU",
    "GRU",
    "LSTM",
    "RNN",
    "AveragePool1D",
    "AveragePool2D",
    "BatchNorm",
    "Conv1D",
    "Conv2D",
    "Conv2DTranspose",
    "Dense",
    "Dropout",
    "Embedding",
    "Flatten",
    "Function",
    "GRUCell",
    "GlobalAveragePool1D",
    "GlobalAveragePool2D",
    "GroupNorm",
    "LSTMCell",
    "LayerNorm",
    "LeakyReLU",
    "Linear",
    "MaxPool1D",
    "MaxPool2D",
    "MultiHeadAttention",
    "PositionalEncoding",
    "RMSNorm",
    "RNNCell",
    "ReLU",
    "Reshape",
    "Residual",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "SpatialDropout",
    "Tanh",
    "TransformerBlock",
]
