"""Layers without parameters: other shapes, and any function."""

import inspect
import math
import types
from collections.abc import Callable
from typing import Any, cast

import numpy as np

import tensorgrad as tg
from nn.config import argument_text, register
from nn.layers.parts import check_array
from nn.module import Module


@register
class Flatten(Module):
    """The layer that makes one row of each sample.

    Shapes: x (N, ...) -> (N, D).
    """

    def forward(self, x: tg.Tensor) -> tg.Tensor:
        """Reshape each sample to one row.

        Shapes: x (N, ...) -> (N, D).
        Raises: TypeError if x is not an array of numbers; ValueError if it has no axis.
        """
        check_array(x, self, 1)
        return np.reshape(x, (x.shape[0], math.prod(x.shape[1:])))


@register
class Reshape(Module):
    """The layer that gives each sample another shape, in which one length may be -1.

    Shapes: x (N, ...) -> (N, *shape).
    Raises: ValueError if a length is neither positive nor a single -1.
    """

    def __init__(self, *shape: Any) -> None:
        lengths = shape[0] if len(shape) == 1 and isinstance(shape[0], tuple | list) else shape
        whole = all(isinstance(n, int | np.integer) and (n > 0 or n == -1) for n in lengths)
        if not whole or sum(n == -1 for n in lengths) > 1:
            raise ValueError(
                "Reshape takes the shape of a sample, such as Reshape(28, 28, 1), in which one "
                f"length may be -1, not {shape}"
            )
        self.shape = tuple(map(int, lengths))

    def forward(self, x: tg.Tensor) -> tg.Tensor:
        """Reshape each sample.

        Shapes: x (N, ...) -> (N, *shape).
        Raises: TypeError if x is not an array of numbers; ValueError if the samples have another
        number of elements.
        """
        check_array(x, self, 1)
        size, fixed = math.prod(x.shape[1:]), math.prod(n for n in self.shape if n != -1)
        if size % fixed or (-1 not in self.shape and size != fixed):
            raise ValueError(
                f"{self!r} was given samples of shape {tuple(x.shape[1:])}, which have {size} "
                "elements"
            )
        shape = (n if n != -1 else size // fixed for n in self.shape)
        return np.reshape(x, (x.shape[0], *shape))


@register
class Function(Module):
    """A function without parameters as a module, such as `nn.Function(np.sin)`.

    In a file it is the name of a function of tensorgrad or of a ufunc of NumPy; others cannot be
    saved.

    Shapes: as of the function.
    Raises: TypeError if it is not a function.
    """

    def __init__(self, function: Callable[..., Any] | str) -> None:
        if isinstance(function, str):
            function = named_function(function)
        if not callable(function) or isinstance(function, type):
            raise TypeError(
                "Function takes a function of a Tensor, such as np.sin, not "
                f"{argument_text(function)}"
            )
        self.function = function

    def config(self) -> dict[str, Any]:
        """Return the function's name.

        Raises: TypeError if it is not a function of tensorgrad or a ufunc of NumPy.
        """
        for module in (np, tg):
            name = getattr(self.function, "__name__", "")
            full = f"{module.__name__}.{name}"
            if getattr(module, name, None) is self.function and is_saved(module, self.function):
                return {"function": full}
        raise TypeError(
            f"Function({self.function!r}) cannot be saved: a file holds the names of functions of "
            "tensorgrad and of NumPy's ufuncs only; write a module with this function as its "
            "forward, and put @nn.register above it"
        )

    def forward(self, *args: Any) -> Any:
        """Call the function.

        Shapes: as of the function.
        """
        return self.function(*args)


def is_saved(module: types.ModuleType, function: Any) -> bool:
    """Return True for the functions of a module that a file may name."""
    return isinstance(function, np.ufunc) if module is np else inspect.isfunction(function)


def named_function(name: str) -> Callable[..., Any]:
    """Return the function that a file names.

    Raises: ValueError if it is not a function of tensorgrad or a ufunc of NumPy.
    """
    owner, _, own = name.partition(".")
    module = {"numpy": np, "tensorgrad": tg}.get(owner)
    function = getattr(module, own, None)
    if module is None or not is_saved(module, function) or own.startswith("_"):
        raise ValueError(f"{name!r} is not a function of tensorgrad or a ufunc of NumPy")
    return cast(Callable[..., Any], function)
