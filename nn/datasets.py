"""The public module of data sets: `from nn.datasets import spiral`."""

from nn.data.datasets import *  # noqa: F403
from nn.data.datasets import __all__  # noqa: F401
