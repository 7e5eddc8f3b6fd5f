"""Parts of several layers: checks of settings and inputs, and an activation at the end."""

import inspect
import math
import reprlib
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

import tensorgrad as tg
from nn.config import KINDS, argument_text, check_unmasked, count
from nn.module import Module

Sizes = int | Sequence[int]


class WithBiases(Module):
    """Base of layers with biases, which are None in a layer made with `bias=False`.

    There is no attribute `bias`, which users of PyTorch would take for the biases.
    """

    transient: ClassVar[tuple[str, ...]] = ("rng", "initializer", "bias")
    weights: tg.Tensor
    biases: tg.Tensor

    @property
    def dtype(self) -> np.dtype:
        """The dtype of the weights and biases."""
        return self.weights.dtype

    def _make_biases(self, bias: bool, n: int, dtype: Any) -> None:
        zeros = np.zeros(n, dtype)
        self.biases = tg.Tensor(zeros, requires_grad=True) if bias else None  # type: ignore[assignment]

    def config(self) -> dict[str, Any]:
        """Return the constructor's arguments in a form that JSON can hold.

        Raises: TypeError if an argument is not stored under its name, or JSON cannot hold it.
        """
        left_out = self.biases is None and "bias" in inspect.signature(type(self)).parameters
        return super().config() | ({"bias": False} if left_out else {})


def activation_of(activation: str | Module | None) -> Module | None:
    """Return an activation, given as a module or by its name, such as "relu".

    Raises: ValueError if there is none of this name; TypeError if it is neither.
    """
    if activation is None or isinstance(activation, Module):
        return activation
    if not isinstance(activation, str):
        raise TypeError(
            "activation must be a name such as 'relu', or a module, not "
            f"{argument_text(activation)}"
        )
    names = {
        name.lower(): kind
        for name, kind in KINDS.items()
        if kind.__module__ == "nn.layers.activations"
    }
    if activation.lower() not in names:
        raise ValueError(
            f"there is no activation {activation!r}; write one of {', '.join(sorted(names))}, or "
            "give a module"
        )
    return names[activation.lower()]()  # type: ignore[return-value]


def axis_sizes(value: Any, n: int, name: str) -> int | tuple[int, ...]:
    """Return a size in the form that is saved: an integer, or one for each of n axes in space.

    Raises: ValueError if it is neither.
    """
    if not isinstance(value, Sequence | np.ndarray):
        return count(value, name)
    if len(value) != n:
        raise ValueError(f"{name} must be an integer or {n} of them, not {value!r}")
    return tuple(count(v, name) for v in value)


def for_each_axis(value: int | tuple[int, ...], n: int) -> tuple[int, ...]:
    """Return the result of `axis_sizes` as one integer for each axis."""
    return value if isinstance(value, tuple) else (value,) * n


def check_padding(padding: Any, n: int, kind: str) -> Any:
    """Return a padding in the form that is saved: a string, a number, or one or a pair per axis.

    Raises: ValueError if it is none of these.
    """

    def amount(p: Any) -> bool:
        return isinstance(p, int | np.integer) and not isinstance(p, bool) and p >= 0

    def pair(p: Any) -> bool:
        return isinstance(p, Sequence) and len(p) == 2 and all(map(amount, p))

    if padding in ("same", "valid") or amount(padding):
        return padding
    several = isinstance(padding, Sequence) and len(padding) == n
    if several and (all(map(amount, padding)) or all(map(pair, padding))):
        return tuple(tuple(p) if pair(p) else p for p in padding)
    raise ValueError(
        f'padding of {kind} must be "same", "valid", a number of pixels, or one number or pair '
        f"(before, after) for each of {n} axes, not {padding!r}"
    )


def check_array(x: Any, layer: Module, n_axes: int = 0) -> None:
    """Check that the input of a layer is a Tensor or an array of numbers, of at least `n_axes`.

    Raises: TypeError if it is neither, or a masked array; ValueError if it has fewer axes.
    """
    if not isinstance(x, tg.Tensor):
        if type(x) is not np.ndarray:  # the text of a layer takes longer than its product
            check_unmasked(x, f"the input of {layer!r}")
        kind = getattr(getattr(x, "dtype", None), "kind", None)  # of an np.dtype
        if kind is None:
            raise TypeError(
                f"{layer!r} takes a Tensor or an array, but got {type(x).__name__}: "
                f"{reprlib.repr(x)}; write np.asarray(...) of it"
            )
        if kind not in "biufc":
            raise TypeError(
                f"{layer!r} takes numbers, but got an input of dtype {x.dtype}; if these are "
                "numbers, write x.astype(np.float32)"
            )
    if len(x.shape) < n_axes:
        raise ValueError(
            f"{layer!r} takes inputs whose first axis counts samples, but got shape {x.shape}"
        )


def check_input(x: Any, layer: Module, n_axes: int | None, features: int) -> None:
    """Check that the input of a layer has its number of axes (None: any) and of features.

    Raises: TypeError if x is not an array of numbers; ValueError if its shape does not fit.
    """
    check_array(x, layer)
    shape = x.shape
    if shape[-1:] != (features,) or n_axes not in (None, len(shape)):
        axes = "" if n_axes is None else f"inputs of {n_axes} axes, with "
        raise ValueError(
            f"{layer!r} takes {axes}{features} features along the last axis, but got an input of "
            f"shape {shape}{remedy(shape, n_axes, features)}"
        )


def remedy(shape: tuple[int, ...], n_axes: int | None, features: int) -> str:
    """Return what to write for an input of the wrong shape, if it holds what is asked for."""
    if n_axes is None and len(shape) > 2 and math.prod(shape[1:]) == features:
        return "; put nn.Flatten() before it"
    if n_axes == len(shape) + 1 and features == 1:
        return "; write x[..., None], which has an axis of one channel"
    if n_axes == len(shape) and shape[1:2] == (features,):
        return "; if axis 1 has the features, write np.moveaxis(x, 1, -1)"
    return ""


def check_ndim(x: Any, layer: Module, n_axes: int) -> None:
    """Check that the input of a layer has its number of axes.

    Raises: TypeError if x is not an array of numbers; ValueError if it has another number of axes.
    """
    check_array(x, layer)
    if np.ndim(x) != n_axes:
        raise ValueError(
            f"{layer!r} takes inputs of {n_axes} axes, samples first and channels last, but got an "
            f"input of shape {np.shape(x)}"
        )


def floating(x: Any, dtype: np.dtype) -> Any:
    """Return the input of a layer in the dtype of its parameters, unless it has a gradient.

    Data of float64 would turn all that follows from a float32 layer to float64.
    Shapes: x (...) -> (...).
    """
    if x.dtype.kind in "biuf" and x.dtype != dtype and not getattr(x, "requires_grad", False):
        return x.astype(dtype)
    return x


def activated(out: tg.Tensor, activation: Module | None) -> tg.Tensor:
    """Apply the activation, if there is one.

    Shapes: out (...) -> (...).
    """
    return out if activation is None else activation(out)


def check_mask(mask: Any, shape: tuple[int, ...], layer: Module) -> Any:
    """Return a mask as booleans, True for the steps that count; None for all.

    Shapes: mask `shape` -> `shape`.
    Raises: ValueError if it has another shape.
    """
    if mask is None:
        return None
    if np.shape(mask) != shape:
        raise ValueError(
            f"{layer!r} takes a mask of shape {shape}, True for each step of a sample that counts, "
            f"but got shape {np.shape(mask)}"
        )
    return np.not_equal(mask, 0)
