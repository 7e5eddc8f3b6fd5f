"""Assembly: the parts of a model, set and checked, saved and loaded."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

import tensorgrad as tg
from nn.archive import File
from nn.config import argument_text
from nn.data.batches import arrays_of
from nn.export import export
from nn.layers.container import Sequential
from nn.losses import Loss
from nn.metrics import Accuracy, Metric
from nn.module import Module
from nn.optim.base import Optimizer
from nn.state import Leftovers
from nn.training import saving
from nn.training.advice import warn_of_settings
from nn.training.evaluation import in_evaluation_mode
from nn.training.train_state import TrainState
from nn.words import MODEL, WithWords

PART_BASES = {
    "loss": "an nn.losses.Loss",
    "optimizer": "an nn.Optimizer",
    "accuracy": "an nn.metrics.Accuracy",
}
PART_EXAMPLES = {  # in errors about what is none
    "loss": "nn.CategoricalCrossentropy()",
    "optimizer": "nn.Adam()",
    "accuracy": "nn.CategoricalAccuracy()",
}


class Assembly(TrainState, WithWords):
    """A module with a loss, an optimizer and metrics: what a model is, without what it does.

    Raises: TypeError if `module` is not a Module.
    """

    _words: ClassVar[Mapping[str, str]] = MODEL

    def __init__(self, module: Module | None = None) -> None:
        if module is not None and not isinstance(module, Module):
            raise TypeError(f"Model takes a Module, but got {argument_text(module)}")
        super().__init__(Sequential() if module is None else module)
        self._finalized = module is not None
        self._untrained = module is None  # the parameters are as the layers drew them
        self._provided: Optimizer | None = None  # the optimizer that got its parameters from here
        self._no_samples: Any = None  # inputs of the shapes and dtypes of the last data

    def __repr__(self) -> str:
        settings = [f"{k}={getattr(self, k)!r}" for k in ("loss", "optimizer", "accuracy")]
        settings += [f"metrics={self.metrics!r}"] if self.metrics else []
        return f"Model({self.module!r}, {', '.join(settings)})"

    # Building

    def add(self, layer: Module) -> None:
        """Append a layer.

        Raises: TypeError if it is not a Module, or this model's module is not a Sequential.
        """
        if not isinstance(self.module, Sequential):
            raise TypeError(
                f"this model was made from a {type(self.module).__name__}, to which no layer can "
                "be added; start from an empty nn.Model(), or put both into an nn.Sequential"
            )
        self.module.append(layer)
        self._finalized = False

    def set(
        self,
        *,
        loss: Loss | None = None,
        optimizer: Optimizer | None = None,
        accuracy: Accuracy | None = None,
        metrics: Sequence[Metric] | None = None,
    ) -> None:
        """Set the loss, the optimizer, the accuracy or the metrics; those not given stay.

        An optimizer that was made with parameters changes only these. Metrics are measured beside
        the accuracy, and stand in the history under their names, such as "f1" and "val_f1".
        Raises: TypeError if one is not of its class.
        """
        kinds = {"loss": Loss, "optimizer": Optimizer, "accuracy": Accuracy}
        given = {"loss": loss, "optimizer": optimizer, "accuracy": accuracy}
        for name, part in given.items():
            if part is None:
                continue
            if not isinstance(part, kinds[name]):
                raise TypeError(
                    f"{name} must be {PART_BASES[name]}, such as {PART_EXAMPLES[name]}, but got "
                    f"{argument_text(part)}"
                )
            setattr(self, name, part)
        if optimizer is not None and self._finalized:  # a training may be under way
            self._provide(optimizer)
        if metrics is not None:
            if isinstance(metrics, str) or not isinstance(metrics, Sequence):
                raise TypeError(f"metrics must be a list, not {argument_text(metrics)}")
            for metric in metrics:
                if not isinstance(metric, Metric):
                    what = argument_text(metric)
                    raise TypeError(f"a metric must be an nn.Metric, such as nn.F1(), not {what}")
            self.metrics = list(metrics)

    def finalize(self) -> None:
        """Declare the model complete; warn if its parts cannot learn together.

        Raises: RuntimeError if it has no layers.
        """
        if isinstance(self.module, Sequential) and not len(self.module):
            raise RuntimeError("this model has no layers; call model.add(layer) before finalize()")
        self._finalized = True
        warn_of_settings(self)

    def parameters(self) -> list[tg.Tensor]:
        """List the parameters of the module, as `model.module.parameters()` does."""
        return self.module.parameters()

    # Saving

    def get_parameters(self) -> dict[str, np.ndarray]:
        """Return a copy of the array of every parameter and buffer, by name."""
        return self.module.state_dict()

    def set_parameters(self, parameters: Mapping[str, Any]) -> None:
        """Copy arrays, such as those of `get_parameters`, to the parameters and buffers so named.

        Raises: ValueError, before anything is changed, if the arrays do not fit.
        """
        self.module.load_state_dict(parameters)
        self._untrained = False

    def save_parameters(self, path: File) -> None:
        """Write the parameters and buffers to a safetensors file."""
        self.module.save_parameters(path)

    def load_parameters(self, path: File, strict: bool = True) -> Leftovers:
        """Read the parameters and buffers from a safetensors file.

        With `strict=False`, those that fit are read, and the others are returned by name.
        Raises: ValueError, before anything is changed, if the file is damaged or does not fit.
        """
        left = self.module.load_parameters(path, strict)
        self._untrained = False
        return left

    def save(self, path: File) -> None:
        """Write everything that is needed to continue training as if it had not been interrupted.

        Raises: TypeError if a part cannot be rebuilt from its description, or an array that is no
        buffer has changed since its module was made; RuntimeError if the model is incomplete.
        """
        self._check_finalized("save")
        if self.optimizer is not None:
            self._provide(self.optimizer)
        saving.save(path, self)

    @classmethod
    def load(cls, path: File) -> Self:
        """Read the model that `save` wrote; no code of the file is executed.

        Define your own classes before, with @nn.register above them.
        Raises: ValueError if the file is damaged or holds something else.
        """
        state = saving.load(path)
        model = cls(state.module)
        for name, part in vars(state).items():
            setattr(model, name, part)
        if model.optimizer is not None:
            given = [len(group["parameters"]) for group in model.optimizer.groups]
            model._provided = model.optimizer if given == [len(model.module.parameters())] else None
        return model

    def export(
        self,
        path: File,
        input_shape: tuple[int, ...] | None = None,
        *,
        dtype: Any = None,
        classes: Sequence[str] | None = None,
        preprocessing: str = "",
        reader: Callable[[str], Any] | None = None,
    ) -> Path:
        """Write the predictions to a file, .py or .onnx, as `Module.export` does.

        It holds what `predict` computes, in evaluation mode. `input_shape` is the shape of one
        sample, and `dtype` its dtype. Without them, those of the last data are used.
        Raises: ValueError for another suffix, or if no shape is known; TypeError if the module
        cannot be traced; RuntimeError if the model is incomplete; OSError, ImportError.
        """
        self._check_finalized("export")
        arrays, named = self._arguments(self._no_samples)
        shapes = [input_shape] if input_shape else [a.shape[1:] for a in arrays]
        named_shapes = {} if input_shape else {k: a.shape[1:] for k, a in named.items()}
        dtypes = [a.dtype for a in (*arrays, *named.values())]
        if dtype is not None:
            dtypes = [dtype] * max(len(dtypes), 1)
        return in_evaluation_mode(
            self.module, lambda: export(
                self.module, path, shapes, named_shapes, dtypes=dtypes, classes=classes,
                preprocessing=preprocessing, reader=reader,
            ),
        )  # fmt: skip

    def _arguments(self, X: Any) -> tuple[list[np.ndarray], dict[str, np.ndarray]]:
        """Return the module's inputs, and those by name in the order of its arguments."""
        if X is None or not isinstance(X, dict):
            return [] if X is None else arrays_of(X), {}
        names = inspect.signature(self.module.forward).parameters
        return [], {name: X[name] for name in [*names, *X] if name in X}

    # Checks before use

    def _check_finalized(self, action: str) -> None:
        """Raise RuntimeError if the model is incomplete."""
        if not self._finalized:
            layers = len(self.module.children())
            remedy = (
                f"call model.finalize() after the last of its {layers} layers"
                if layers
                else "it has no layers; call model.add(layer) for each, then model.finalize()"
            )
            raise RuntimeError(f"{action} was called before the model is complete: {remedy}")

    def _check_trainable(self) -> None:
        """Raise RuntimeError if something is missing, and give the optimizer its parameters."""
        self._check_finalized("train")
        self._need("loss", "train")
        self._need("optimizer", "train")
        assert self.optimizer is not None
        self._provide(self.optimizer)

    def _need(self, name: str, action: str) -> None:
        """Raise RuntimeError if the loss or the optimizer is not set."""
        if getattr(self, name) is None:
            raise RuntimeError(f"{action} needs its {name} set; call model.set({name}=...) first")

    def _provide(self, optimizer: Optimizer) -> None:
        """Give the optimizer the model's parameters, unless it was made with parameters.

        Raises: ValueError if those are not the model's.
        """
        parameters = self.module.parameters()
        if optimizer is self._provided or not optimizer.parameters:
            optimizer.parameters = parameters
            self._provided = optimizer
        elif not {*map(id, optimizer.parameters)} <= {*map(id, parameters)}:
            raise ValueError(
                "the optimizer was made with parameters that are not this model's; make it without "
                "parameters, or with model.module.parameters()"
            )
