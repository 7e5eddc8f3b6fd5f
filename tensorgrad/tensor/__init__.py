"""Tensor: what makes a recorded value an ndarray to its users."""

import sys
from types import ModuleType
from typing import Any


class _Package(ModuleType):
    """This package, which says what to write when it is called as torch.tensor is."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Refuse to be called.

        Raises: TypeError, which says what to write.
        """
        raise TypeError("tg.tensor is a package; write tg.Tensor([1.0, 2.0], requires_grad=True)")


sys.modules[__name__].__class__ = _Package
