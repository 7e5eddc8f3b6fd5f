"""The public module of data sets: `from nn.datasets import spiral`."""

from typing import NoReturn

from nn import words
from nn.data.datasets import *  # noqa: F403
from nn.data.datasets import __all__  # noqa: F401


def __getattr__(name: str) -> NoReturn:
    """Say what to write for a data set of the book."""
    message, remedy = f"module 'nn.datasets' has no attribute {name!r}", words.BOOK.get(name)
    raise AttributeError(f"{message}; write {remedy}" if remedy else message)
