"""Model: a module with a loss, an optimizer and a metric, used as in the book."""

from collections.abc import Mapping
from typing import Any, Self

import numpy as np

import tensorgrad as tg
from nn.config import count
from nn.data.batches import Batches, pair, samples
from nn.layers.container import Sequential
from nn.losses import Loss
from nn.metrics import Accuracy
from nn.module import Module
from nn.optim.base import Optimizer
from nn.training import saving
from nn.training.history import History
from nn.training.loop import (
    CHUNK,
    Evaluation,
    TrainState,
    evaluate,
    first_output,
    mode,
    threads,
    train_epoch,
    validate_inputs,
)
from nn.training.saving import File


class Model(TrainState):
    """Layers added one by one, or any module, and what it takes to train them.

    `add` the layers and `finalize`, or give a module; `set` a loss, an optimizer and an accuracy;
    `train`. The first axis of data counts samples; data of any real dtype is brought to that of the
    parameters. `history` and the optimizer go on from one `train` to the next.
    """

    def __init__(self, module: Module | None = None) -> None:
        if module is not None and not isinstance(module, Module):
            raise TypeError(f"Model takes a Module, but got {_what(module)}")
        super().__init__(Sequential() if module is None else module)
        self._finalized = module is not None
        self._untouched = module is None  # its parameters are as the layers drew them
        self._provided: Optimizer | None = None  # the one that has its parameters from here
        self._sample_shape: tuple[int, ...] | None = None

    def __repr__(self) -> str:
        parts = [f"{k}={getattr(self, k)!r}" for k in ("loss", "optimizer", "accuracy")]
        return f"Model({self.module!r}, {', '.join(parts)})"

    # Building

    def add(self, layer: Module) -> None:
        """Append a layer.

        Raises: TypeError if it is no module, or this model was made of one that is no Sequential.
        """
        if not isinstance(self.module, Sequential):
            raise TypeError(
                f"this model was made of a {type(self.module).__name__}, to which no layer can be "
                "added; add to an nn.Model() of its own, or put both into an nn.Sequential"
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
        """Take a loss, an optimizer, an accuracy; what is not given stays as it is.

        An optimizer that was made with parameters keeps to those, and never changes the others.
        """
        for name, part, kind in [
            ("loss", loss, Loss),
            ("optimizer", optimizer, Optimizer),
            ("accuracy", accuracy, Accuracy),
        ]:
            if part is None:
                continue
            if not isinstance(part, kind):
                raise TypeError(f"{name} must be an nn.{kind.__name__}, but got {_what(part)}")
            setattr(self, name, part)

    def finalize(self) -> None:
        """Declare the layers complete.

        Raises: RuntimeError if there are none.
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
        """Train for so many epochs more, in batches of `batch_size` (None: of all samples).

        `seed` decides the order of the samples; without one it goes on from the last training.
        `print_every` counts steps, and 0 or None is silent. An interruption from the keyboard
        leaves a model that goes on from the last step, and the `history` up to it.
        Raises: FloatingPointError at a step whose loss is NaN or infinite, before it changes a
        parameter; TypeError or ValueError for unusable data, RuntimeError for an incomplete model.
        """
        self._check_trainable()
        epochs = count(epochs, "epochs")
        if print_every is not None and (
            not isinstance(print_every, int | np.integer) or print_every < 0
        ):
            raise ValueError(f"print_every must be a number of steps or None, not {print_every!r}")
        batches = self._batches(X, y, batch_size, ("X", "y"))
        validate_inputs(self, batches.X, batches.y, ("X", "y"), learning=True)
        self._sample_shape = batches.X.shape[1:]
        validation = None
        if validation_data is not None:
            names = ("X of validation_data", "y of validation_data")
            if not isinstance(validation_data, tuple | list) or len(validation_data) != 2:
                raise TypeError(
                    f"validation_data must be a pair (X, y), not {_what(validation_data)}"
                )
            validation = self._batches(*validation_data, CHUNK, names)
            validate_inputs(self, validation.X, validation.y, names, learning=True)
        if self.accuracy is not None:
            self.accuracy.init(batches.y)
        if seed is not None:
            self.rng = np.random.default_rng(seed)
        self.module.zero_grad()
        self._untouched = False
        with mode(self.module, training=True), threads(self.module, batches.size):
            try:
                for _ in range(epochs):
                    train_epoch(self, batches, validation, shuffle=shuffle, print_every=print_every)
            finally:
                self.module.zero_grad()  # of a step that was interrupted
        return self.history

    def evaluate(
        self, X_val: Any, y_val: Any, *, batch_size: int | None = None, verbose: bool = True
    ) -> Evaluation:
        """The mean loss, without penalties, and the accuracy; printed too, unless not `verbose`."""
        self._ready("evaluate")
        self._need("loss", "evaluate")
        names = ("X_val", "y_val")
        batches = self._batches(X_val, y_val, CHUNK if batch_size is None else batch_size, names)
        validate_inputs(self, batches.X, batches.y, names)
        self._sample_shape = batches.X.shape[1:]
        with threads(self.module, batches.size):
            evaluation = evaluate(self, batches)
        if verbose:
            print(f"validation, {evaluation}")
        return evaluation

    def predict(self, X: Any, *, batch_size: int | None = None) -> np.ndarray:
        """The outputs for these samples, as one array.

        Raises: RuntimeError if the layers were added here and never trained, nor given parameters.
        """
        self._ready("predict")
        size = CHUNK if batch_size is None else count(batch_size, "batch_size")
        X = samples(X, "X", self._dtype).astype(self._dtype, copy=False)
        first_output(self.module, X, "X")
        if self._untouched and self.module.parameters():
            raise RuntimeError(
                "predict was called before this model learned anything: its parameters are random; "
                "call model.train(...), or give it some with model.load_parameters(path) or "
                "model.set_parameters(parameters)"
            )
        self._sample_shape = X.shape[1:]
        with (
            mode(self.module, training=False),
            threads(self.module, min(size, len(X))),
            tg.no_grad(),
        ):
            parts = [self.module(tg.Tensor(X[i : i + size])).data for i in range(0, len(X), size)]
        return np.concatenate(parts)

    def summary(self, input_shape: tuple[int, ...] | None = None) -> str:
        """A table of the modules with the shapes of their outputs, their parameters and bytes.

        `input_shape` is that of one sample; without it, that of the data seen last is taken, or
        what the first layer says.
        """
        shape = input_shape or self._sample_shape
        if shape is None:
            first = next((m for m in self.module.modules() if not m.children()), None)
            features = getattr(first, "n_inputs", None)
            if features is None:
                raise ValueError(
                    "the shapes of outputs follow from that of a sample, and this model has seen "
                    "none yet; give it, as in summary(input_shape=(28, 28))"
                )
            shape = (features,)
        return self.module.summary(shape)

    def draw(self, X: Any, **options: Any) -> Any:
        """A Drawing of what `predict` does with samples; options are those of `tensorgrad.draw`."""
        self._ready("draw")
        X = samples(X, "X", self._dtype).astype(self._dtype, copy=False)
        with mode(self.module, training=False):
            return self.module.draw(X, **options)

    # Keeping

    def get_parameters(self) -> dict[str, np.ndarray]:
        """A copy of every parameter's array, by name."""
        return self.module.state_dict()

    def set_parameters(self, parameters: Mapping[str, Any]) -> None:
        """Take over what `get_parameters` gave."""
        self.module.load_state_dict(parameters)
        self._untouched = False

    def save_parameters(self, path: File) -> None:
        """Write the parameters to a safetensors file."""
        saving.save_parameters(path, self.get_parameters())

    def load_parameters(self, path: File) -> None:
        """Read the parameters from a safetensors file.

        Raises: ValueError for a file that does not fit, with nothing changed.
        """
        parameters = saving.load_parameters(path)
        try:
            self.set_parameters(parameters)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error

    def save(self, path: File) -> None:
        """Write all that it takes to go on training from here as if there had been no pause."""
        self._ready("save")
        if self.optimizer is not None:
            self._provide(self.optimizer)
        saving.save(path, self)

    @classmethod
    def load(cls, path: File) -> Self:
        """The model that `save` wrote; the file can hold no code.

        Classes of your own must be defined before, with @nn.register above them.
        Raises: ValueError for a file that is damaged or holds something else.
        """
        parts = saving.load(path)
        model = cls(parts.module)
        for name, part in vars(parts).items():
            setattr(model, name, part)
        if model.optimizer is not None:
            everything = len(model.optimizer.parameters) == len(model.module.parameters())
            model._provided = model.optimizer if everything else None
        return model

    # What must be there

    def _ready(self, action: str) -> None:
        if not self._finalized:
            raise RuntimeError(
                f"{action} was called before the model is complete: it has "
                f"{len(self.module.children())} layers; model.add(layer) all of them, then call "
                "model.finalize()"
            )

    def _check_trainable(self) -> None:
        self._ready("train")
        self._need("loss", "train")
        self._need("optimizer", "train")
        assert self.optimizer is not None
        self._provide(self.optimizer)

    def _need(self, name: str, action: str) -> None:
        if getattr(self, name) is None:
            raise RuntimeError(f"{action} needs its {name} set; call model.set({name}=...) first")

    def _provide(self, optimizer: Optimizer) -> None:
        """Give the optimizer the parameters, unless it was made with some of its own."""
        parameters = self.module.parameters()
        if optimizer is self._provided or not optimizer.parameters:
            optimizer.parameters = parameters
            self._provided = optimizer
        elif not {*map(id, optimizer.parameters)} <= {*map(id, parameters)}:
            raise ValueError(
                "the optimizer was made with parameters that are not this model's; make it without "
                "any, or with model.module.parameters()"
            )

    @property
    def _dtype(self) -> np.dtype[Any]:
        return next((p.dtype for p in self.module.parameters()), np.dtype(np.float32))

    def _batches(self, X: Any, y: Any, size: int | None, names: tuple[str, str]) -> Batches:
        X, y = pair(X, y, self._dtype, names)
        return Batches(X, y, len(X) if size is None else count(size, "batch_size"))


def _what(value: Any) -> str:
    """The value, or the call that was forgotten behind a class."""
    if isinstance(value, type):
        return f"the class {value.__name__}; write {value.__name__}()"
    return repr(value) if isinstance(value, str | float) else f"a value of {type(value)}"
