"""Warnings of settings and data that cannot be learned from, and errors of them."""

import copy
import warnings
from itertools import pairwise
from typing import Any

import tensorgrad as tg
from nn.data.batches import each
from nn.data.samples import converted
from nn.layers.activations import (
    ELU,
    LeakyReLU,
    Linear,
    ReLU,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)
from nn.layers.container import Sequential
from nn.layers.normalization import BatchNorm
from nn.losses import BinaryCrossentropy, CategoricalCrossentropy, Hinge, KLDivergence
from nn.metrics import Metric
from nn.module import Module
from nn.training.evaluation import first_output
from nn.training.programs import call_module
from nn.training.train_state import TrainState

Unbounded = ReLU | LeakyReLU | ELU | SiLU | Softplus | Tanh | Linear  # no probabilities
OfProbabilities = BinaryCrossentropy | CategoricalCrossentropy | KLDivergence


class LearningWarning(UserWarning):
    """The settings of a model cannot learn, or not as they are meant."""


def check_single_sample(module: Module, batches: Any) -> None:
    """Check that a last batch of a single sample can be learned from, as batch norm cannot.

    Raises: ValueError if it cannot.
    """
    samples, size = batches.samples, batches.size
    alone = samples is not None and samples - (batches.steps - 1) * size == 1
    if not alone or not any(isinstance(m, BatchNorm) for m in module.modules()):
        return
    one = each(lambda array: converted(array[:1], batches.dtype), batches.X)
    try:
        with tg.no_grad():
            call_module(copy.deepcopy(module).train(), one)  # a copy, because training changes it
    except ValueError as error:
        raise ValueError(
            f"the last of {batches.steps} batches has a single one of {samples} samples: {error}; "
            f"give another batch_size than {size}, or leave out a sample"
        ) from error


def warn_of_settings(state: TrainState, data: Any = None) -> None:
    """Warn of what cannot learn, as far as it can be seen; with data, also by the outputs.

    Shapes: data.X (N, ...).
    """
    said_of = _of_layers(state.module)
    outputs = None if data is None else first_output(state.module, data.X, "X").shape[-1]
    said_of += [*_of_outputs(state, _last(state.module), outputs), *_of_rate(state)]
    if data is None:  # a training raises an error
        said_of += _of_parameters(state)
    for said in said_of:
        warnings.warn(said, LearningWarning, stacklevel=3)


def _of_layers(module: Module) -> list[str]:
    """List what is wrong with two layers that follow each other."""
    pairs = [pair for chain in module.modules() if isinstance(chain, Sequential)
             for pair in pairwise(chain)]  # fmt: skip
    if any(isinstance(a, Softmax) and isinstance(b, Softmax) for a, b in pairs):
        said = (
            "the model has two Softmax layers in a row, and the second makes the probabilities of "
            "the first almost equal; leave one out"
        )
        return [said]
    return []


def _last(module: Module) -> Module:
    """Return the last layer of a Sequential that changes its outputs, or the module itself."""
    while isinstance(module, Sequential) and len(module):
        *_, before, module = None, *module
        if isinstance(module, Linear | ReLU) and isinstance(before, Softmax | Sigmoid):
            module = before  # the probabilities pass unchanged
    return module


def _of_outputs(state: TrainState, last: Module, outputs: int | None) -> list[str]:
    """List what is wrong with the last layer, the outputs and the loss."""
    loss, said = state.loss, []
    from_logits = getattr(loss, "from_logits", False)
    if isinstance(last, Softmax) and (outputs or _width(state.module)) == 1:
        said.append(
            "the model ends with a Softmax over one output, which is always 1, so that nothing can "
            "be learned; for two classes write nn.Sigmoid() and nn.BinaryCrossentropy(), or give "
            "the layer before two outputs"
        )
    if isinstance(last, Sigmoid) and isinstance(loss, CategoricalCrossentropy) and not from_logits:
        said.append(
            "the model ends with a Sigmoid before nn.CategoricalCrossentropy, which takes "
            "probabilities that sum to 1 and ignores the wrong classes here; write nn.Softmax(), "
            "or nn.BinaryCrossentropy() for classes that do not exclude each other"
        )
    takes_scores = from_logits or isinstance(loss, Hinge)
    if isinstance(last, Softmax | Sigmoid) and takes_scores:
        said.append(
            f"the model ends with a {type(last).__name__}, but {loss!r} takes logits; remove the "
            "layer or from_logits=True"
        )
    if from_logits:
        said += [
            f"{metric!r} takes outputs above 0.5 as class 1, but {loss!r} trains logits; write "
            "threshold=0"
            for metric in state.measures().values()
            if binary_threshold(metric) == 0.5
        ]
    if isinstance(last, Unbounded) and isinstance(loss, OfProbabilities) and not from_logits:
        said.append(
            f"the model ends with a {type(last).__name__}, but {loss!r} takes probabilities; write "
            f"{'nn.Sigmoid()' if isinstance(loss, BinaryCrossentropy) else 'nn.Softmax()'} in its "
            "place"
        )
    if isinstance(last, Softmax) and isinstance(loss, BinaryCrossentropy) and not from_logits:
        said.append(
            "the model ends with a Softmax before nn.BinaryCrossentropy, which takes each output "
            "by itself; write nn.CategoricalCrossentropy(), or nn.Sigmoid() for the Softmax"
        )
    return said


def binary_threshold(metric: Metric) -> float | None:
    """Return the output above which a metric takes class 1, or None if it compares outputs."""
    binary = getattr(metric, "binary", False) or getattr(metric, "average", None) == "binary"
    return getattr(metric, "threshold", None) if binary else None


def _of_rate(state: TrainState) -> list[str]:
    """List what is wrong with the learning rates."""
    rates = [] if state.optimizer is None else [state.optimizer.learning_rate]
    rates += [g["learning_rate"] for g in getattr(state.optimizer, "groups", []) if len(g) > 1
              and "learning_rate" in g]  # fmt: skip
    if rates and all(not callable(rate) and rate == 0 for rate in rates):
        said = (
            f"{state.optimizer!r} has the learning rate 0, with which no parameter changes; give "
            "it another, such as learning_rate=0.001"
        )
        return [said]
    return []


def _of_parameters(state: TrainState) -> list[str]:
    """List what is wrong with the parameters."""
    parameters = state.module.parameters()
    if parameters and all(p.is_frozen for p in parameters):
        said = (
            f"all {len(parameters)} parameters of the model are frozen, and nothing can learn; "
            "call model.module.unfreeze(), or set p.requires_grad = True for some"
        )
        return [said]
    return []


def _width(module: Module) -> int | None:
    """Return the number of outputs of the last layer that tells it, if one does."""
    widths = [getattr(m, "n_neurons", None) for m in module.modules()]
    return next((n for n in reversed(widths) if n is not None), None)
