"""Optimizers, and the flat arrays and threads that they use."""

from nn.optim.algorithms import SGD, Adagrad, Adam, AdamW, RMSprop
from nn.optim.base import Optimizer

__all__ = ["SGD", "Adagrad", "Adam", "AdamW", "Optimizer", "RMSprop"]
