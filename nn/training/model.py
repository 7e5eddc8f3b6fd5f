"""Model: a module with a loss, an optimizer and a metric, as in the book."""

from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np

from nn.config import argument_text, count
from nn.data.batches import Batches, converted, inputs
from nn.layers.container import Sequential
from nn.losses import Loss
from nn.metrics import Accuracy
from nn.module import Module
from nn.optim.base import Optimizer
from nn.summary import first_input_shape
from nn.training import saving
from nn.training.evaluation import (
    EVALUATION_BATCH,
    Evaluation,
    checked_batches,
    evaluate,
    first_output,
    in_step_threads,
    modes_of,
    parameter_dtype,
    predict,
)
from nn.training.history import History
from nn.training.loop import train
from nn.training.progress import check_print_every
from nn.training.saving import File
from nn.training.train_state import TrainState
from nn.words import MODEL, WithWords


class Model(TrainState, WithWords):
    """A network with a loss, an optimizer, an accuracy and a history, which trains and evaluates.

    `add` the layers and `finalize`, or give a module; `set` a loss, an optimizer and an accuracy;
    `train`. The first axis of data counts samples. Data of any real dtype is converted to that of
    the parameters, but for integers of at least 32 bits, which the module gets as they are.
    `history` and the optimizer continue from one `train` to the next.

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
        self._no_samples: np.ndarray | None = None  # of the shape and dtype of the last data

    def __repr__(self) -> str:
        settings = [f"{k}={getattr(self, k)!r}" for k in ("loss", "optimizer", "accuracy")]
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
    ) -> None:
        """Set the loss, the optimizer or the accuracy; those not given stay as they are.

        An optimizer that was made with parameters changes only these.
        Raises: TypeError if one is not of its class.
        """
        kinds = {"loss": Loss, "optimizer": Optimizer, "accuracy": Accuracy}
        given = {"loss": loss, "optimizer": optimizer, "accuracy": accuracy}
        for name, part in given.items():
            if part is None:
                continue
            if not isinstance(part, kinds[name]):
                kind = kinds[name].__name__
                raise TypeError(f"{name} must be an nn.{kind}, but got {argument_text(part)}")
            setattr(self, name, part)

    def finalize(self) -> None:
        """Declare the model complete.

        Raises: RuntimeError if it has no layers.
        """
        if isinstance(self.module, Sequential) and not len(self.module):
            raise RuntimeError("this model has no layers; call model.add(layer) before finalize()")
        self._finalized = True

    # Using

    def train(
        self,
        X: Any,
        y: Any,
        *,
        epochs: int = 1,
        batch_size: int | None = None,
        print_every: int | None = 1,
        validation_data: tuple[Any, Any] | None = None,
        shuffle: bool = True,
        seed: int | np.random.Generator | None = None,
    ) -> History:
        """Train for more epochs, in batches of `batch_size` samples (None: all in one batch).

        `seed` determines the order of the samples; without it the order continues from the last
        training. A line is printed every `print_every` steps, and none for 0 or None. After
        Ctrl-C, the model and its `history` are those of the last complete step.

        Shapes: X (N, ...), y (N, ...) as the loss requires; the same for `validation_data`.
        Raises: FloatingPointError at a step whose loss is NaN or infinite, before a parameter
        changes; TypeError or ValueError for unusable data; RuntimeError for an incomplete model.
        """
        self._check_trainable()
        epochs = count(epochs, "epochs")
        check_print_every(print_every)
        batches = checked_batches(self, X, y, batch_size, ("X", "y"), learning=True)
        self._no_samples = converted(batches.X[:0], batches.dtype)
        validation = None if validation_data is None else self._validation(validation_data)
        if self.accuracy is not None:
            self.accuracy.init(batches.y)
        if seed is not None:
            self.rng, self.position = np.random.default_rng(seed), None
        self._untrained = False
        train(
            self,
            batches,
            validation,
            epochs=epochs,
            shuffle=shuffle,
            print_every=print_every,
        )
        return self.history

    def evaluate(
        self, X_val: Any, y_val: Any, *, batch_size: int | None = None, verbose: bool = True
    ) -> Evaluation:
        """Return the mean loss, without penalties, and the accuracy; print them if `verbose`.

        Shapes: X_val (N, ...), y_val (N, ...) as the loss requires.
        Raises: TypeError or ValueError for unusable data; RuntimeError for an incomplete model.
        """
        self._check_finalized("evaluate")
        self._need("loss", "evaluate")
        size = EVALUATION_BATCH if batch_size is None else batch_size
        batches = checked_batches(self, X_val, y_val, size, ("X_val", "y_val"))
        self._no_samples = converted(batches.X[:0], batches.dtype)
        evaluation = in_step_threads(self, batches.size, evaluate, self, batches)
        if verbose:
            print(f"validation, {evaluation}")
        return evaluation

    def predict(self, X: Any, *, batch_size: int | None = None) -> np.ndarray:
        """Return the outputs for these samples.

        Shapes: X (N, ...) -> (N, ...).
        Raises: TypeError or ValueError for unusable data; RuntimeError if the model is incomplete,
        or its layers were added here and neither trained nor given parameters.
        """
        self._check_finalized("predict")
        size = EVALUATION_BATCH if batch_size is None else count(batch_size, "batch_size")
        X = inputs(X, "X", parameter_dtype(self.module))
        first_output(self.module, X, "X")
        if self._untrained and self.module.parameters():
            raise RuntimeError(
                "predict was called before the model was trained: its parameters are random; call "
                "model.train(...), model.load_parameters(path) or model.set_parameters(parameters) "
                "first"
            )
        self._no_samples = converted(X[:0], parameter_dtype(self.module))
        return predict(self, X, size)

    def summary(self, input_shape: tuple[int, ...] | None = None, dtype: Any = None) -> str:
        """Return a table of the modules with their output shapes, parameters and bytes.

        `input_shape` is the shape of one sample, such as (784,), and `dtype` its dtype. Without
        them, those of the last data are used, or else the number of inputs of the first layer.
        Raises: ValueError if no shape is known; TypeError if `input_shape` is not a shape.
        """
        if self._no_samples is not None:
            input_shape = input_shape or self._no_samples.shape[1:]
            dtype = dtype or self._no_samples.dtype
        return self.module.summary(input_shape or first_input_shape(self.module), dtype=dtype)

    def draw(self, X: Any, **options: Any) -> Any:
        """Return a Drawing of the forward pass on samples, in evaluation mode.

        The options are those of `tensorgrad.draw`.
        Shapes: X (N, ...).
        Raises: TypeError or ValueError for unusable data; RuntimeError for an incomplete model.
        """
        self._check_finalized("draw")
        dtype = parameter_dtype(self.module)
        X = converted(inputs(X, "X", dtype), dtype)
        restore = modes_of(self.module)
        try:
            self.module.eval()
            return self.module.draw(X, **options)
        finally:
            restore()

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
        saving.save_parameters(path, self.get_parameters())

    def load_parameters(self, path: File) -> None:
        """Read the parameters and buffers from a safetensors file.

        Raises: ValueError, before anything is changed, if the file is damaged or does not fit.
        """
        parameters = saving.load_parameters(path)
        try:
            self.set_parameters(parameters)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error

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

    def _check_finalized(self, action: str) -> None:
        """Raise RuntimeError if the model is incomplete."""
        if not self._finalized:
            raise RuntimeError(
                f"{action} was called before the model is complete: it has "
                f"{len(self.module.children())} layers; call model.add(layer) for each layer, then "
                "model.finalize()"
            )

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

    def _validation(self, data: tuple[Any, Any]) -> Batches:
        """Check the pair (X, y) of a validation, and split it into batches."""
        if not isinstance(data, tuple | list) or len(data) != 2:
            raise TypeError(f"validation_data must be a pair (X, y), not {argument_text(data)}")
        names = ("X of validation_data", "y of validation_data")
        return checked_batches(self, *data, EVALUATION_BATCH, names, learning=True)
