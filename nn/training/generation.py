"""Generation: sequences continued by a model that predicts the next step."""

from typing import Any

import numpy as np

import tensorgrad as tg
from nn.config import NUMBER, Seed, argument_text, count
from nn.module import Module
from nn.seeding import generator
from nn.training.evaluation import in_evaluation_mode
from nn.training.model import Model


def generate(
    model: Model | Module,
    start: Any,
    n: int,
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    window: int | None = None,
    rng: Seed = None,
) -> np.ndarray:
    """Return sequences of integers, continued by n that the model draws one after another.

    The model takes integers (N, T) and returns logits, or the probabilities of a softmax, for the
    next one: (N, C), or (N, T, C), of which the last step counts. Logits are divided by the
    `temperature`: below 1, likely integers become likelier, and with 0 the likeliest is taken. With
    `top_k`, only the k likeliest can be drawn. With `window`, the model sees only so many last
    steps.

    Shapes: start (T,) or (N, T) of integers -> (T + n,) or (N, T + n).
    Raises: TypeError if start is not of integers, or the model none of this library; ValueError if
    a shape or a setting does not fit, or the model returns NaN.
    """
    if not isinstance(model, Model | Module):
        raise TypeError(
            f"generate takes an nn.Model or a module, not {argument_text(model)}; write a function "
            "f as nn.Function(f)"
        )
    ids = np.asarray(start)
    if ids.dtype.kind not in "iu":
        raise TypeError(
            f"generate starts from integers, but got {type(start).__name__} of dtype {ids.dtype}"
        )
    if ids.ndim not in (1, 2) or not ids.size:
        raise ValueError(
            f"generate starts from integers (T,) or (N, T), not from shape {ids.shape}"
        )
    if not (isinstance(temperature, NUMBER) and 0 <= temperature < np.inf):
        raise ValueError(f"temperature must be a number of at least 0, not {temperature!r}")
    n = count(n, "n of generate")
    top_k = None if top_k is None else count(top_k, "top_k")
    window = None if window is None else count(window, "window")
    module, rng = model.module if isinstance(model, Model) else model, generator(rng)
    rows = np.atleast_2d(ids).astype(np.intp)

    def draw() -> np.ndarray:
        found = rows
        for _ in range(n):
            z = next_logits(module, found if window is None else found[:, -window:])
            found = np.concatenate([found, drawn(z, temperature, top_k, rng)[:, None]], axis=1)
        return found

    found = in_evaluation_mode(module, draw)
    return found[0] if ids.ndim == 1 else found


def next_logits(module: Module, ids: np.ndarray) -> np.ndarray:
    """Return the logits of the next integers.

    Shapes: ids (N, T) -> (N, C).
    Raises: ValueError if the module returns another shape, or NaN.
    """
    out = module(tg.Tensor(ids))
    logits = tg.logits_of(out, tg.softmax)
    z = (out if logits is None else logits).data
    if z.ndim not in (2, 3) or len(z) != len(ids):
        raise ValueError(
            f"generate takes a model that returns (N, C) or (N, T, C) for {ids.shape} integers, "
            f"but {type(module).__name__} returned shape {z.shape}"
        )
    z = (z if z.ndim == 2 else z[:, -1]).astype(np.float64)
    if np.isnan(z).any():
        raise ValueError(
            f"{type(module).__name__} returned NaN for the step after {ids.shape[1]} integers, of "
            "which none can be drawn; look for NaN in its parameters"
        )
    return z


def drawn(
    z: np.ndarray, temperature: float, top_k: int | None, rng: np.random.Generator
) -> np.ndarray:
    """Draw one class for each row of logits.

    Shapes: z (N, C) -> (N,).
    """
    if temperature == 0:
        return z.argmax(axis=1)
    z = z / temperature
    if top_k is not None and top_k < z.shape[1]:
        # By order, so that of equal logits no more than k are left.
        behind = np.argsort(-z, axis=1, kind="stable")[:, top_k:]
        np.put_along_axis(z, behind, -np.inf, 1)
    # The largest of the logits with Gumbel noise is a draw from their softmax.
    return (z + rng.gumbel(size=z.shape)).argmax(axis=1)
