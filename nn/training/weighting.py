"""Weights of samples and classes, and the split of data into training and validation."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from nn.config import NUMBER, argument_text
from nn.data.batches import Batch

FORM_OF_WEIGHTS = 'a dict such as {0: 1.0, 1: 2.5}, a list with a weight per class, or "balanced"'


def with_class_weights(data: Batch, class_weight: Any) -> Batch:
    """Return data in which each sample has the weight of its class.

    Raises: TypeError if the weights have another form; ValueError if one is negative, or the
    targets are no classes.
    """
    if class_weight is None:
        return data
    classes = _classes(data.y)
    table = _table(class_weight, classes)
    weights = np.array([table.get(int(k), 1.0) for k in classes], np.float32)
    return data._replace(class_weights=weights)


def _classes(y: np.ndarray) -> np.ndarray:
    """Return the class of each sample, from indices, rows over the classes, or 0 and 1.

    Shapes: y (N,), (N, 1) or (N, C) -> (N,).
    Raises: ValueError if these are no classes.
    """
    if y.ndim == 2 and y.shape[1] > 1:
        if y.dtype.kind in "iu" and not np.all(y.sum(axis=1) == 1):
            raise ValueError(
                f"class_weight needs one class for each sample, but y of shape {y.shape} has one "
                "for each step; give class_weight= to the loss"
            )
        return y.argmax(axis=1)
    flat = y.reshape(len(y), -1)
    if flat.shape[1] != 1 or not np.array_equal(flat, np.round(flat)):
        raise ValueError(
            "class_weight needs targets that are class indices, one-hot rows, or 0 and 1, but y "
            f"has shape {y.shape} and dtype {y.dtype}; give sample_weight in its place"
        )
    return flat[:, 0].astype(np.intp)


def _table(class_weight: Any, classes: np.ndarray) -> dict[int, float]:
    """Return the weight of each class; those that are not named have weight 1.

    Raises: TypeError if the weights have another form; ValueError if one is negative.
    """
    found, counts = np.unique(classes, return_counts=True)
    if isinstance(class_weight, str) and class_weight == "balanced":
        weights = len(classes) / (len(found) * counts)
        return dict(zip(found.tolist(), weights.tolist()))
    if isinstance(class_weight, list | tuple | np.ndarray):
        if found[-1] >= len(class_weight) or found[0] < 0:
            raise ValueError(
                f"class_weight has {len(class_weight)} weights, but the classes go from {found[0]} "
                f"to {found[-1]}; give one for each"
            )
        class_weight = dict(enumerate(class_weight))
    if not isinstance(class_weight, Mapping):
        raise TypeError(
            f"class_weight must be {FORM_OF_WEIGHTS}, not {argument_text(class_weight)}"
        )
    for k, weight in class_weight.items():
        if not isinstance(weight, NUMBER) or not 0 <= weight < np.inf:
            raise ValueError(
                f"class_weight has {weight!r} for class {k!r}; a weight is a finite number of at "
                "least 0"
            )
    if unknown := sorted(set(class_weight) - set(found.tolist()), key=repr):
        raise ValueError(
            f"class_weight has weights for the classes {unknown}, which do not occur in y; it has "
            f"{found.tolist()}"
        )
    return dict(class_weight)


def split_samples(
    N: int, fraction: float, name: str = "validation_split", classes: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Split the numbers of N samples into those of the training and a random part for validation.

    The same N is always split in the same way, so that a training that goes on does not learn from
    the samples of its validation. With `classes`, each class has the same share in both parts, as
    far as its number of samples allows. Errors have the name of the fraction.
    Shapes: classes (N,) -> (N - n,), (n,).
    Raises: ValueError if the fraction leaves no sample on one side.
    """
    if not isinstance(fraction, NUMBER) or not 0 < fraction < 1:
        raise ValueError(f"{name} must be above 0 and below 1, not {fraction!r}")
    n = round(N * fraction)
    if not 0 < n < N:
        raise ValueError(
            f"{name}={fraction} of {N} samples leaves {N - n} for the training and {n} "
            "for the validation; both need some"
        )
    order = np.random.default_rng(N).permutation(N)
    held = np.arange(N) < n
    if classes is not None:
        order = order[np.argsort(classes[order], kind="stable")]
        held = np.diff(np.arange(N + 1) * n // N) > 0  # at equal distances
    return np.sort(order[~held]), np.sort(order[held])
