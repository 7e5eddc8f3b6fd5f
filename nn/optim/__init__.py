"""Optimizers and schedules, and the flat arrays and threads that they use."""

from nn.optim.algorithms import SGD, Adagrad, Adam, AdamW, RMSprop
from nn.optim.base import Optimizer
from nn.optim.muon import Muon

__all__ = ["SGD", "Adagrad", "Adam", "AdamW", "Muon", "Optimizer", "RMSprop"]
