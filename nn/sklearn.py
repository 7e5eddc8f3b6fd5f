"""Estimators for scikit-learn: networks in its pipelines, searches and files.

`from nn.sklearn import Classifier, Regressor`; needs scikit-learn.
"""

from collections.abc import Callable
from typing import Any, Self

import numpy as np

import tensorgrad as tg
from nn.estimator_parts import Network, estimator_network, estimator_optimizer
from nn.losses import BinaryCrossentropy, CategoricalCrossentropy, Loss, MeanSquaredError
from nn.optim import Optimizer
from nn.training.model import Model
from nn.training.monitor import EarlyStopping
from nn.training.weighting import split_samples

try:
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, is_classifier
    from sklearn.utils import check_random_state
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data
except ImportError as error:
    raise ImportError(
        "nn.sklearn needs scikit-learn 1.6 or newer, which is not installed; run "
        "pip install 'tensorgrad-numpy[sklearn]'"
    ) from error

__all__ = ["Classifier", "Regressor"]


class _Estimator(BaseEstimator):
    """Base of the estimators: a Model that is made when the data are known."""

    def __init__(
        self,
        network: Network = (100,),
        *,
        activation: str = "relu",
        optimizer: str | Callable[[], Optimizer] = "adam",
        learning_rate: Any = 0.001,
        weight_decay: float = 0.0,
        epochs: int = 200,
        batch_size: int = 200,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        patience: int = 10,
        min_delta: float = 1e-4,
        verbose: int = 0,
        random_state: Any = None,
    ) -> None:
        self.network = network
        self.activation = activation
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.epochs = epochs
        self.batch_size = batch_size
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.min_delta = min_delta
        self.verbose = verbose
        self.random_state = random_state

    def _build(self, n_outputs: int, X: np.ndarray) -> None:
        """Make the model for the data of the first fit, in their dtype.

        Raises: ValueError or TypeError if the network is unusable.
        """
        seed = check_random_state(self.random_state).randint(np.iinfo(np.int32).max)
        rng = np.random.default_rng(seed)
        sizes = self.n_features_in_, n_outputs
        self.model_ = Model(estimator_network(self.network, self.activation, *sizes, rng, X.dtype))
        if (shape := self.model_.predict(X[:1]).shape) != (1, n_outputs):
            raise ValueError(
                f"network(n_inputs, n_outputs, rng) must return a module with {n_outputs} outputs "
                f"for each sample, but the one it returned gave shape {shape} for one sample"
            )
        optimizer = estimator_optimizer(self.optimizer, self.learning_rate, self.weight_decay)
        self.model_.set(loss=self._loss(), optimizer=optimizer)
        self.model_.rng = rng

    def _loss(self) -> Loss:
        raise NotImplementedError

    def _train(self, X: np.ndarray, y: np.ndarray, weights: Any, epochs: int) -> Self:
        """Train for this number of epochs, or until nothing is gained any more."""
        monitor = "val_loss" if self.early_stopping else "loss"
        stopping = EarlyStopping(
            monitor, self.patience, min_delta=self.min_delta, restore_best=self.early_stopping
        )
        if weights is not None:  # a factor of all weights changes nothing
            weights = weights / np.mean(weights)
        held = None
        if self.early_stopping:
            classes = y.ravel() if is_classifier(self) else None
            rest, part = split_samples(
                len(X), self.validation_fraction, "validation_fraction", classes
            )
            held = X[part], y[part], None if weights is None else weights[part]
            X, y, weights = X[rest], y[rest], None if weights is None else weights[rest]
        self.model_.train(
            X,
            y,
            epochs=epochs,
            batch_size=min(self.batch_size, len(X)),
            sample_weight=weights,
            validation_data=held,
            callbacks=[stopping] if epochs > 1 else [],
            print_every=self.verbose,
        )
        self.n_iter_ = len(self.model_.history)
        self.loss_curve_ = self.model_.history.epochs["loss"]
        return self

    def _outputs(self, X: Any) -> np.ndarray:
        """Compute the network's outputs.

        Shapes: X (N, D) -> (N, K).
        """
        check_is_fitted(self)
        X = validate_data(self, X, dtype=[np.float32, np.float64], reset=False)
        return self.model_.predict(X)


class Classifier(ClassifierMixin, _Estimator):
    """A classifier: a network trained with cross-entropy, as an estimator of scikit-learn.

    `network` is a tuple of the sizes of the hidden layers, or a function (n_inputs, n_outputs, rng)
    -> Module that returns logits, of which two classes need a single one. `optimizer` is "adam",
    "adamw", "sgd", "rmsprop", "adagrad", "muon", or a function that makes one; `learning_rate` may
    be one of nn.schedules. Training ends after `epochs`, or when the loss has not fallen by
    `min_delta` for `patience` epochs: that of the training or, with `early_stopping`, that of a
    fraction of the samples of each class, whose best parameters are then restored.
    """

    def _loss(self) -> Loss:
        two = len(self.classes_) == 2
        return (BinaryCrossentropy if two else CategoricalCrossentropy)(from_logits=True)

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train a new network.

        Shapes: X (N, D), y (N,) of any labels, sample_weight (N,).
        Raises: ValueError if the data are unusable.
        """
        X, y, weights = self._checked(X, y, sample_weight, reset=True)
        self.classes_, classes = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(
                f"a classifier needs samples of at least two classes, but y has one class, "
                f"{self.classes_.tolist()[0]!r}"
            )
        self._build(self._n_outputs, X)
        return self._train(X, self._targets(classes), weights, self.epochs)

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:
        """Train for one more epoch; the first call needs all `classes`.

        Shapes: X (N, D), y (N,) of any labels, classes (C,), sample_weight (N,).
        Raises: ValueError if the data are unusable, a class is new, or `classes` changes.
        """
        first = not hasattr(self, "model_")
        X, y, weights = self._checked(X, y, sample_weight, reset=first)
        if first:
            if classes is None:
                raise ValueError("the first call of partial_fit needs classes, all that there are")
            self.classes_ = np.unique(classes)
            if len(self.classes_) < 2:
                raise ValueError(
                    f"a classifier needs at least two classes, but classes has "
                    f"{self.classes_.tolist()}"
                )
            self._build(self._n_outputs, X)
        elif classes is not None and not np.array_equal(np.unique(classes), self.classes_):
            raise ValueError(
                f"classes is {np.unique(classes).tolist()}, but the first fit had "
                f"{self.classes_.tolist()}; leave it out, or train a new estimator"
            )
        if new := sorted(set(np.unique(y).tolist()) - set(self.classes_.tolist()), key=repr):
            raise ValueError(
                f"y has the classes {new}, which are not among those of the first call of "
                f"partial_fit, {self.classes_.tolist()}"
            )
        return self._train(X, self._targets(np.searchsorted(self.classes_, y)), weights, 1)

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the probabilities of the classes, in the order of `classes_`.

        Shapes: X (N, D) -> (N, C).
        """
        return tg.softmax(self._logits(X))

    def predict_log_proba(self, X: Any) -> np.ndarray:
        """Return the logarithms of the probabilities of the classes, in the order of `classes_`.

        Shapes: X (N, D) -> (N, C).
        """
        return tg.log_softmax(self._logits(X))

    def predict(self, X: Any) -> np.ndarray:
        """Return the most probable class of each sample.

        Shapes: X (N, D) -> (N,).
        """
        p = self.predict_proba(X)
        return self.classes_[p.argmax(axis=1)]

    def _checked(self, X: Any, y: Any, sample_weight: Any, *, reset: bool) -> tuple[Any, Any, Any]:
        X, y = validate_data(self, X, y, dtype=[np.float32, np.float64], reset=reset)
        check_classification_targets(y)
        return X, y, _weights(sample_weight, X)

    @property
    def _n_outputs(self) -> int:
        """The number of logits: one for two classes."""
        return 1 if len(self.classes_) == 2 else len(self.classes_)

    def _logits(self, X: Any) -> np.ndarray:
        """Compute a logit for each class.

        Shapes: X (N, D) -> (N, C).
        """
        z = self._outputs(X).astype(np.float64)
        return z if len(self.classes_) > 2 else np.concatenate([np.zeros_like(z), z], axis=1)

    def _targets(self, classes: np.ndarray) -> np.ndarray:
        """Return class indices, or for two classes a column of 0 and 1.

        Shapes: classes (N,) -> (N,) or (N, 1).
        """
        return classes[:, None] if len(self.classes_) == 2 else classes


class Regressor(RegressorMixin, _Estimator):
    """A regressor: a network trained with the mean squared error, as an estimator of scikit-learn.

    Its arguments are those of Classifier. Scale the targets, for example with scikit-learn's
    TransformedTargetRegressor, if they are far from the order of 1.
    """

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def _loss(self) -> Loss:
        return MeanSquaredError()

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train a new network.

        Shapes: X (N, D), y (N,) or (N, K), sample_weight (N,).
        Raises: ValueError if the data are unusable.
        """
        X, y, weights = self._checked(X, y, sample_weight, reset=True)
        self._build(1 if y.ndim == 1 else y.shape[1], X)
        return self._train(X, y.reshape(len(y), -1), weights, self.epochs)

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train for one more epoch.

        Shapes: X (N, D), y (N,) or (N, K), sample_weight (N,).
        Raises: ValueError if the data are unusable.
        """
        first = not hasattr(self, "model_")
        X, y, weights = self._checked(X, y, sample_weight, reset=first)
        if first:
            self._build(1 if y.ndim == 1 else y.shape[1], X)
        return self._train(X, y.reshape(len(y), -1), weights, 1)

    def predict(self, X: Any) -> np.ndarray:
        """Return the outputs.

        Shapes: X (N, D) -> (N,) or (N, K).
        """
        outputs = self._outputs(X)
        return outputs[:, 0] if self._single else outputs

    def _checked(self, X: Any, y: Any, sample_weight: Any, *, reset: bool) -> tuple[Any, Any, Any]:
        X, y = validate_data(
            self, X, y, dtype=[np.float32, np.float64], reset=reset, multi_output=True,
            y_numeric=True,
        )  # fmt: skip
        self._single = y.ndim == 1
        return X, y, _weights(sample_weight, X)


def _weights(sample_weight: Any, X: np.ndarray) -> np.ndarray | None:
    """Check the weights of samples.

    Shapes: sample_weight (N,) or a number, X (N, D) -> (N,).
    Raises: ValueError if they are unusable, or one is negative.
    """
    if sample_weight is None:
        return None
    return _check_sample_weight(sample_weight, X, ensure_non_negative=True)
