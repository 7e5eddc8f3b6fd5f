"""The data sets, under the name by which users import them: `from nn.datasets import spiral`."""

from nn.data.datasets import *  # noqa: F403
from nn.data.datasets import __all__  # noqa: F401
