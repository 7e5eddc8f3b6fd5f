"""Model: a module with a loss, an optimizer and a metric, as in the book."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

import tensorgrad as tg
from nn.config import argument_text, count
from nn.data.batches import Batches, each
from nn.data.samples import converted
from nn.data.streams import Stream, is_many_batches, over_batches
from nn.seeding import generator
from nn.summary import first_input_shape
from nn.training.advice import check_single_sample, warn_of_settings
from nn.training.assembly import Assembly
from nn.training.callback import Callback, check_callbacks
from nn.training.evaluation import (
    EVALUATION_BATCH,
    Evaluation,
    checked_batches,
    checked_data,
    checked_inputs,
    evaluate,
    in_step_threads,
    modes_of,
    parameter_dtype,
    predict,
    validate_inputs,
)
from nn.training.history import History
from nn.training.loop import train
from nn.training.plan import TrainPlan
from nn.training.processes import Processes, check_processes
from nn.training.programs import Compile, call_module, check_compile
from nn.training.progress import check_print_every
from nn.training.weighting import split_samples, with_class_weights


class Model(Assembly):
    """A network with a loss, an optimizer, an accuracy and a history, which trains and evaluates.

    `add` the layers and `finalize`, or give a module; `set` a loss, an optimizer, an accuracy and
    metrics; `train`. The first axis of data counts samples. A module of several inputs takes a
    tuple or, by the names of its arguments, a dict of arrays. An entry "mask" (N, T) of a dict, as
    of `nn.data.pad`, reaches the loss and the metrics too, where there is a target for each step.
    Data of any real dtype is converted to that of the parameters, except integers of at least 32
    bits, which the module gets as they are.
    `history` and the optimizer continue from one `train` to the next.

    Raises: TypeError if `module` is not a Module.
    """

    def __call__(self, X: Any) -> tg.Tensor:
        """Return the outputs for these samples as a Tensor, recorded, in the module's mode.

        Shapes: X (N, ...) -> (N, ...).
        Raises: RuntimeError if the model is incomplete.
        """
        self._check_finalized("the model")
        if isinstance(X, tg.Tensor):
            return self.module(X)
        dtype = parameter_dtype(self.module)
        return call_module(self.module, each(lambda x: converted(np.asarray(x), dtype), X))

    def train(
        self,
        X: Any,
        y: Any = None,
        *,
        epochs: int = 1,
        batch_size: int | None = None,
        print_every: int | None = 1,
        validation_data: Any = None,
        validation_split: float = 0.0,
        validation_every: int = 1,
        shuffle: bool = True,
        seed: int | np.random.Generator | None = None,
        sample_weight: Any = None,
        class_weight: Any = None,
        steps: int | None = None,
        accumulate: int = 1,
        callbacks: Sequence[Callback] = (),
        compile: Compile = "auto",
        threads: int | None = None,
        distributed: Processes | None = None,
    ) -> History:
        """Train for more epochs, in batches of `batch_size` samples (None: all in one batch).

        Without y, X is an iterable of batches (X, y) or (X, y, sample_weight), or a function that
        returns one, such as a generator function; an epoch is one pass, or so many `steps`.
        `validation_data` is (X, y) or (X, y, sample_weight), or batches of these as for X, or a
        fraction `validation_split` of the data is left out of the training; both are used every
        `validation_every` epochs.
        `sample_weight` counts in the loss and in the metrics, `class_weight`, a dict or list of
        weights or "balanced", in the loss of the training alone. A step learns from `accumulate`
        batches together. `seed` determines the order of the samples; without it the order
        continues from the last training. In each epoch, a line is printed of its first step,
        of every `print_every`-th after it and of the last one, and one of the epoch as a whole;
        none for 0 or None. After Ctrl-C, the model and its `history` are
        those of the last complete step, and the next training completes the epoch first, unless its
        batches or `seed` differ.
        Without `seed`, its callbacks go on as well, as after a file that was saved in a training.
        So do `nn.augment.AugmentedBatches`, lists of batches, and what has a `state_dict` and a
        `load_state_dict`; other iterables begin their epoch anew.
        With `compile="auto"`, steps run as programs (`tensorgrad.compile`) where the module can be
        traced, with the same results; `True` raises if it cannot, `False` never does so.
        `threads` is the number of BLAS threads meanwhile. By default, small products take one:
        a second saves a fifth of the time on an idle machine, and costs up to a hundred times as
        much on a busy one, because the threads wait for each other in a busy loop.
        With `distributed=nn.distributed.MPI()`, every process of an MPI job makes this call with
        the same data, and learns from its share of each batch; docs/scaling.md says more.

        Shapes: X (N, ...), y (N, ...) as the loss requires, sample_weight (N,).
        Raises: FloatingPointError at a step whose loss is NaN or infinite, before a parameter
        changes; TypeError or ValueError for unusable data; RuntimeError for an incomplete model.
        """
        processes = check_processes(distributed)

        def run() -> History:
            self._check_trainable()
            check_print_every(print_every)
            weights = (sample_weight, class_weight)
            batches, held = self._data(X, y, batch_size, weights, validation_split, steps)
            plan = TrainPlan(
                batches, held if validation_data is None else self._validation(validation_data),
                count(epochs, "epochs"), shuffle, print_every,
                count(validation_every, "validation_every"), count(accumulate, "accumulate"),
                check_callbacks(callbacks), check_compile(compile),
                None if threads is None else count(threads, "threads"), processes,
            )  # fmt: skip
            warn_of_settings(self, batches)
            self._no_samples = batches.no_samples()
            for measure in self.measures().values():
                measure.init(batches.y)
            if seed is not None:
                self.rng, self.position = generator(seed), None
                self.source, self.callbacks = None, ()
            self._untrained = False
            train(self, plan)
            return self.history

        return processes.together(run)

    def evaluate(
        self,
        X_val: Any,
        y_val: Any = None,
        *,
        batch_size: int | None = None,
        verbose: bool = True,
        sample_weight: Any = None,
        compile: Compile = "auto",
    ) -> Evaluation:
        """Return the mean loss, without penalties, accuracy and metrics; print them if `verbose`.

        Without y_val, X_val is an iterable of batches, or a function that returns one, as in
        `train`; it is read once, to its end.
        Shapes: X_val (N, ...), y_val (N, ...) as the loss requires, sample_weight (N,).
        Raises: TypeError or ValueError for unusable data; RuntimeError for an incomplete model.
        """
        self._check_finalized("evaluate")
        self._need("loss", "evaluate")
        size, names = EVALUATION_BATCH if batch_size is None else batch_size, ("X_val", "y_val")
        batches: Batches | Stream
        if y_val is None:
            given = {"batch_size": batch_size, "sample_weight": sample_weight}
            batches = self._stream(X_val, None, given, "evaluate", names)
        else:
            data = checked_data(self, X_val, y_val, names, sample_weight)
            batches = checked_batches(self, data, size, names)
        self._no_samples = batches.no_samples()
        evaluation = in_step_threads(
            self, batches.size, evaluate, self, batches, check_compile(compile)
        )
        if verbose:
            print(f"validation, {evaluation}")
        return evaluation

    def predict(
        self, X: Any, *, batch_size: int | None = None, compile: Compile = "auto"
    ) -> np.ndarray:
        """Return the outputs for these samples, or for batches of them from an iterator.

        X may be a generator, another iterator, or a function that returns one: each item is then
        such an X, and the outputs come one after another.
        Shapes: X (N, ...) -> (N, ...).
        Raises: TypeError or ValueError for unusable data; RuntimeError if the model is incomplete,
        or its layers were added here and neither trained nor given parameters.
        """
        self._check_finalized("predict")
        if callable(X) or isinstance(X, Iterator):
            return over_batches(
                X, lambda x: self.predict(x, batch_size=batch_size, compile=compile)
            )
        size = EVALUATION_BATCH if batch_size is None else count(batch_size, "batch_size")
        data = checked_inputs(self.module, X)
        if self._untrained and self.module.parameters():
            raise RuntimeError(
                "predict was called before the model was trained: its parameters are random; call "
                "model.train(...), model.load_parameters(path) or model.set_parameters(parameters) "
                "first"
            )
        self._no_samples = Batches(data, size, parameter_dtype(self.module)).no_samples()
        return predict(self, data, size, check_compile(compile))

    def summary(self, input_shape: tuple[int, ...] | None = None, dtype: Any = None) -> str:
        """Return a table of the modules with their output shapes, parameters and bytes.

        `input_shape` is the shape of one sample, such as (784,), and `dtype` its dtype. Without
        them, those of the last data are used, or else the number of inputs of the first layer.
        Raises: ValueError if no shape is known; TypeError if `input_shape` is not a shape.
        """
        arrays, named = self._arguments(self._no_samples)
        shapes, named_shapes = [a.shape[1:] for a in arrays], {}
        if input_shape:
            shapes = [input_shape]
        elif named:
            named_shapes = {name: a.shape[1:] for name, a in named.items()}
        elif not arrays:
            shapes = [first_input_shape(self.module)]
        dtype = dtype or next((a.dtype for a in (*arrays, *named.values())), None)
        table = self.module.summary(*shapes, dtype=dtype, **named_shapes)
        return "\n".join([table, *filter(None, [str(self.programs)])])

    def draw(self, X: Any, **options: Any) -> Any:
        """Return a Drawing of the forward pass on samples, in evaluation mode.

        The options are those of `tensorgrad.draw`.
        Shapes: X (N, ...).
        Raises: TypeError or ValueError for unusable data; RuntimeError for an incomplete model.
        """
        self._check_finalized("draw")
        data = checked_inputs(self.module, X)
        dtype = parameter_dtype(self.module)
        arrays, named = self._arguments(each(lambda array: converted(array, dtype), data.X))
        restore = modes_of(self.module)
        try:
            self.module.eval()
            return self.module.draw(*arrays, **named, **options)
        finally:
            restore()

    # Data

    def _data(
        self, X: Any, y: Any, size: int | None, weights: tuple[Any, Any], fraction: float,
        steps: int | None,
    ) -> tuple[Batches | Stream, Batches | None]:  # fmt: skip
        """Check the data of a training, in arrays or batch by batch, and split those in arrays."""
        if y is not None:
            if steps is not None:
                raise ValueError("steps counts batches of an iterable; with y, give batch_size")
            return self._batches(X, y, size, weights, fraction)
        given = {
            "batch_size": size, "sample_weight": weights[0],
            "class_weight": weights[1], "validation_split": fraction or None,
        }  # fmt: skip
        return self._stream(X, steps, given), None

    def _batches(
        self, X: Any, y: Any, size: int | None, weights: tuple[Any, Any], fraction: float
    ) -> tuple[Batches, Batches | None]:
        """Check the data of a training, and split them; the second are those of the validation."""
        names = ("X", "y")
        data = checked_data(self, X, y, names, weights[0])
        learned, held, rest = with_class_weights(data, weights[1]), None, None
        if fraction:
            rest, part = split_samples(len(data.y), fraction)
            learned, data = learned.targets_of(rest), data.targets_of(part)
            held = checked_batches(self, data, EVALUATION_BATCH, names, part, learning=True)
        batches = checked_batches(self, learned, size, names, rest, learning=True)
        check_single_sample(self.module, batches)
        return batches, held

    def _stream(
        self,
        source: Iterable[Any] | Callable[[], Any],
        steps: int | None,
        given: dict[str, Any],
        action: str = "train",
        names: tuple[str, str] = ("X", "y"),
    ) -> Stream:
        """Check the first batch of an iterable.

        Raises: TypeError or ValueError if it is unusable, or an argument is for arrays only.
        """
        if isinstance(source, np.ndarray | tg.Tensor):
            raise TypeError(
                f"{action} was given {names[0]}, of shape {source.shape}, without the targets "
                f"{names[1]}; write model.{action}({', '.join(names)})"
            )
        for name, value in given.items():
            if value is not None:
                raise ValueError(
                    f"{name} is for data in arrays, but {' without '.join(names)} is an iterable "
                    "of batches, which has them ready; leave it out"
                )
        steps = None if steps is None else count(steps, "steps")
        stream = Stream(source, steps, parameter_dtype(self.module), *names)
        validate_inputs(self, stream, names, learning=action == "train")
        return stream

    def _validation(self, data: Any) -> Batches | Stream:
        """Check the data (X, y) or (X, y, sample_weight) of a validation, or batches of them."""
        names = ("X of validation_data", "y of validation_data")
        if is_many_batches(data):
            return self._stream(data, None, {}, names=names)
        if not isinstance(data, tuple | list) or len(data) not in (2, 3):
            once = "; a generator can be read only once" if isinstance(data, Iterator) else ""
            raise TypeError(
                "validation_data must be a pair (X, y), or (X, y, sample_weight), or batches of "
                "them: a list of tuples, or a function that returns a generator, not "
                f"{argument_text(data)}{once}"
            )
        X, y, weights = (*data, None)[:3]
        checked = checked_data(self, X, y, names, weights)
        return checked_batches(self, checked, EVALUATION_BATCH, names, learning=True)
