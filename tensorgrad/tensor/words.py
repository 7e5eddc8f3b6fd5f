"""Words of PyTorch on tensors, and what to write here in their place."""

from collections.abc import Iterable
from typing import Any

KEYWORDS = {"dim": "axis=", "dims": "axis=", "keepdim": "keepdims="}


class Elements(int):
    """The number of elements; called, as PyTorch's size(), it says what to write."""

    __slots__ = ()

    def __call__(self, *axis: int) -> Any:
        """Refuse to be called.

        Raises: TypeError, which says what to write.
        """
        remedy = f"x.shape[{axis[0]}]" if axis else "x.shape"
        raise TypeError(f"x.size is a number, {int(self)}, and no method; write {remedy}")


def check_keywords(keywords: Iterable[str], method: str) -> None:
    """Raise TypeError if one of the keywords has another name in NumPy."""
    for name in keywords:
        if name in KEYWORDS:
            raise TypeError(
                f"{method} has no argument {name}, which is PyTorch's; write {KEYWORDS[name]}"
            )


def missing_name(name: str) -> str:
    """Describe a name that this package lacks, and what to write if NumPy or torch has it."""
    import numpy as np

    message = f"module 'tensorgrad' has no attribute {name!r}"
    if name in CREATED:
        return f"{message}; write tg.Tensor(np.{CREATED[name]}), with requires_grad=True for a leaf"
    if callable(getattr(np, name, None)):
        return f"{message}; write np.{name}, which takes tensors"
    return message


CREATED = {  # function of torch -> that of NumPy
    "zeros": "zeros(shape)",
    "ones": "ones(shape)",
    "full": "full(shape, value)",
    "arange": "arange(n)",
    "linspace": "linspace(a, b, n)",
    "eye": "eye(n)",
    "rand": "random.default_rng(0).random(shape)",
    "randn": "random.default_rng(0).normal(size=shape)",
    "as_tensor": "asarray(x)",
    "from_numpy": "asarray(x)",
}
