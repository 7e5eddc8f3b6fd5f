"""The samples that a dashboard watches: their inputs, targets and predictions."""

import base64
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

import tensorgrad as tg
from nn.dashboard.distributions import rounded
from nn.data.batches import Batch, arrays_of, converted, each
from nn.losses import BinaryCrossentropy, CategoricalCrossentropy, Hinge, KLDivergence
from nn.metrics import CategoricalAccuracy, confusion_matrix
from nn.metrics.accuracy import class_indices
from nn.metrics.base import array

SHOWN = 24  # samples with their predictions
PART_SIZE = 250  # samples computed at a time
POINTS_SHOWN = 150  # of predicted over right numbers
LARGEST_SIDE = 64  # pixels of a picture, at most
MINUS_SIGNS = str.maketrans("-", "−")
NONFINITE_WORDS = {"inf": "∞", "−inf": "−∞", "nan": "NaN"}
NUMBERS_SHOWN = 8  # numbers of an input or an output in words
LARGEST_MATRIX = 20  # classes; of more, the pairs that are confused most often are listed
PAIRS_SHOWN = 12


def watched_batches(data: Any, count: int) -> list[Batch]:
    """Take so many samples of data, evenly spaced, in batches that are each spread over them all.

    Shapes: of each batch X (n, ...), y (n, ...).
    """
    N = len(data.y)
    index = np.unique(np.linspace(0, N - 1, min(count, N)).astype(int))
    parts = -(-len(index) // PART_SIZE)
    return [_taken(data, index[k::parts]) for k in range(parts)]


def _taken(data: Any, index: np.ndarray) -> Batch:
    X = each(lambda array: converted(array[index], data.dtype), data.X)
    y = data.y[index]
    return Batch(X, y.astype(data.dtype, copy=False) if y.dtype.kind == "f" else y)


class WatchedSamples:
    """Samples with right answers, which are compared with predictions as the loss sees them."""

    def __init__(
        self,
        batches: list[Batch],
        parts: Any,
        classes: Sequence[str] | None,
        shape: tuple[int, ...] | None,
    ) -> None:
        self.batches, self.classes = batches, classes
        self.loss, self.accuracy = parts.loss, parts.accuracy
        first = batches[0]
        self.shown = np.linspace(0, len(first.y) - 1, min(SHOWN, len(first.y))).astype(int)
        self.inputs = _inputs(each(lambda a: a[self.shown], first.X), shape)

    def compared(self, outputs: list[np.ndarray]) -> dict[str, Any]:
        """Return what a page shows of the outputs for all batches.

        Shapes: of each batch (n, ...).
        """
        pairs = [b.unmasked(tg.Tensor(out)) for b, out in zip(self.batches, outputs)]
        y_pred, y = (np.concatenate([array(pair[k]) for pair in pairs]) for k in (0, 1))
        found = {"predictions": self._predictions(outputs[0][self.shown])}
        if (classified := self._classified(y_pred, y)) is not None:
            return found | self._confused(*classified)
        if y_pred.shape != y.shape or y.dtype.kind == "c":
            return found
        a, b = y.ravel(), y_pred.ravel()
        some = np.unique(np.linspace(0, a.size - 1, min(POINTS_SHOWN, a.size)).astype(int))
        return found | {"points": [[rounded(a[k]), rounded(b[k])] for k in some]}

    def _predictions(self, out: np.ndarray) -> list[Any]:
        """Return for each sample shown: predicted, right answer, probability, and if it is right.

        Shapes: out (n, ...).
        """
        y = self.batches[0].y[self.shown]
        if (classified := self._classified(out, y)) is None:
            return [[in_words(a), in_words(b), None, None] for a, b in zip(out, y)]
        mask, sure = self.batches[0].mask, self._probability(out)
        found = []
        for k, (a, b) in enumerate(zip(*classified)):
            if mask is not None:
                counted = np.not_equal(mask[self.shown[k]], 0)
                a, b = a[counted], b[counted]
            probability = None if sure is None else rounded(sure[k])
            found.append([self._names(a), self._names(b), probability, bool(np.all(a == b))])
        return found

    def _names(self, indices: np.ndarray) -> str:
        names = [self._name(int(k)) for k in np.ravel(indices)[: NUMBERS_SHOWN + 1]]
        return " ".join(names if len(names) <= NUMBERS_SHOWN else [*names[:NUMBERS_SHOWN], "…"])

    def _name(self, k: int) -> str:
        names = self.classes or ()
        if self._is_binary() and len(names) != 2:
            return str(k)  # the names are those of several answers
        return names[k] if k < len(names) else str(k)

    def _classified(self, out: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
        """Return predicted and right classes, or None if the outputs are no classes.

        Shapes: out (n, ..., C) or (n, ...), y (n, ...) -> (n, ...), (n, ...).
        """
        if out.shape == y.shape and self._is_binary():
            return (out > self._threshold()).astype(int), (y > 0.5).astype(int)
        rows = out.ndim > 1 and out.shape[-1] > 1
        indices = rows and y.dtype.kind in "iub" and y.ndim == out.ndim - 1
        if indices or (rows and out.shape == y.shape and self._is_categorical()):
            return class_indices(out, y, "Dashboard", "")
        return None

    def _is_binary(self) -> bool:
        return isinstance(self.loss, BinaryCrossentropy | Hinge) or getattr(
            self.accuracy, "binary", False
        )

    def _is_categorical(self) -> bool:
        kinds = CategoricalCrossentropy | KLDivergence
        return isinstance(self.loss, kinds) or isinstance(self.accuracy, CategoricalAccuracy)

    def _threshold(self) -> float:
        """Return the output above which the answer is 1."""
        if getattr(self.accuracy, "binary", False):
            return self.accuracy.threshold
        return 0.0 if isinstance(self.loss, Hinge) or self._from_logits() else 0.5

    def _from_logits(self) -> bool:
        return bool(getattr(self.loss, "from_logits", False))

    def _probability(self, out: np.ndarray) -> np.ndarray | None:
        """Return the probability of the predicted class of each sample, None if there is none.

        Shapes: out (n, C) -> (n,).
        """
        if out.ndim != 2 or self._from_logits() or isinstance(self.loss, Hinge):
            return None
        if out.shape[-1] == 1:
            return np.maximum(out, 1 - out)[:, 0]
        return out.max(axis=1) if np.allclose(out.sum(axis=1), 1, atol=1e-3) else None

    def _confused(self, predicted: np.ndarray, right: np.ndarray) -> dict[str, Any]:
        """Count right against predicted classes, in a matrix or, of many classes, in pairs.

        Shapes: both (...).
        """
        C = max(int(predicted.max()), int(right.max()), len(self.classes or ()) - 1, 1) + 1
        if C <= LARGEST_MATRIX:
            matrix = np.zeros((C, C), int)
            counts = confusion_matrix(predicted.ravel(), right.ravel())
            matrix[: len(counts), : len(counts)] = counts
            return {"confusion": matrix.tolist()}
        wrong = predicted != right
        pairs, counts = np.unique(
            np.stack([right[wrong], predicted[wrong]], 1), axis=0, return_counts=True
        )
        order = np.argsort(-counts, kind="stable")[:PAIRS_SHOWN]
        most = [
            [self._name(int(a)), self._name(int(b)), int(counts[k])]
            for k in order
            for a, b in [pairs[k]]
        ]
        return {"pairs": most, "wrong": int(wrong.sum()), "compared": int(wrong.size)}


def _inputs(X: Any, shape: tuple[int, ...] | None) -> dict[str, Any]:
    """Return the inputs as pictures of bytes if they are pictures, and else in words.

    Shapes: of each array (n, ...).
    """
    pictures = _pictures(X, shape) if isinstance(X, np.ndarray) else None
    if pictures is None:
        named = X.items() if isinstance(X, dict) else [("", a) for a in arrays_of(X)]
        rows = zip(
            *([f"{name}: {in_words(x)}" if name else in_words(x) for x in a] for name, a in named)
        )
        return {"words": [" | ".join(row) for row in rows]}
    step = -(-max(pictures.shape[1:3]) // LARGEST_SIDE)
    pictures = pictures[:, ::step, ::step].astype(np.float64)
    low, high = pictures.min(), pictures.max()
    letters = np.round((pictures - low) * (255 / ((high - low) or 1))).astype(np.uint8)
    coded = [base64.b64encode(picture.tobytes()).decode() for picture in letters]
    return {"pictures": coded, "shape": list(letters.shape[1:])}


def _pictures(X: np.ndarray, shape: tuple[int, ...] | None) -> np.ndarray | None:
    """Return samples as pictures, or None if they are none.

    Shapes: X (n, ...) -> (n, H, W, 1 or 3).
    """
    if shape is not None and X[0].size == math.prod(shape):
        X = X.reshape(len(X), *shape)
    elif X.ndim != 4 and not (X.ndim == 3 and X.shape[1] == X.shape[2] > 4):
        return None
    X = X[..., None] if X.ndim == 3 else X
    return X[..., :3] if X.shape[-1] >= 3 else X[..., :1]


def in_words(x: Any) -> str:
    """Write the first numbers of an array."""
    numbers = np.ravel(x)
    words = [f"{number:.4g}".translate(MINUS_SIGNS) for number in numbers[:NUMBERS_SHOWN]]
    words = [NONFINITE_WORDS.get(word, word) for word in words]
    return " ".join(words + ["…"] * (numbers.size > NUMBERS_SHOWN))
