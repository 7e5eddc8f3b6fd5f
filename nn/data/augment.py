"""Augmentation: pictures changed at random in ways that leave their class as it is."""

import reprlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from nn.bits import generator_in, jsonable
from nn.config import NUMBER, Seed, count
from nn.seeding import generator

Augmentation = Callable[..., np.ndarray]  # (X, rng=...) -> X


def flip(
    X: np.ndarray, *, probability: float = 0.5, vertical: bool = False, rng: Seed = None
) -> np.ndarray:
    """Return the pictures, some of them mirrored: left and right, or with `vertical` up and down.

    Shapes: X (N, H, W, ...) -> (N, H, W, ...).
    Raises: ValueError if X holds no pictures, or probability is not between 0 and 1.
    """
    check_pictures(X)
    chosen = choose(len(X), probability, rng)
    out = X.copy()
    out[chosen] = np.flip(X[chosen], axis=1 if vertical else 2)
    return out


def crop(
    X: np.ndarray,
    size: int | tuple[int, int],
    *,
    padding: int = 0,
    fill: float = 0.0,
    rng: Seed = None,
) -> np.ndarray:
    """Return a part of each picture, height and width `size`, at a random place.

    With `padding`, the pictures are enlarged first by so many pixels of `fill` on each side.
    Shapes: X (N, H, W, ...) -> (N, *size, ...).
    Raises: ValueError if X holds no pictures, `size` does not fit in them, or `fill` in X.
    """
    check_pictures(X, fill)
    height, width = (size, size) if isinstance(size, int | np.integer) else size
    if padding:
        count(padding, "padding")
        wider = [(0, 0), (padding, padding), (padding, padding), *[(0, 0)] * (X.ndim - 3)]
        X = np.pad(X, wider, constant_values=fill)
    most = X.shape[1] - count(height, "size"), X.shape[2] - count(width, "size")
    if min(most) < 0:
        raise ValueError(
            f"a part of {height} by {width} pixels does not fit in pictures of {X.shape[1]} by "
            f"{X.shape[2]}, with the padding"
        )
    random = generator(rng)
    rows, columns = (random.integers(0, n + 1, len(X))[:, None] for n in most)
    rows, columns = rows + np.arange(height), columns + np.arange(width)
    return X[np.arange(len(X))[:, None, None], rows[:, :, None], columns[:, None, :]]


def shift(X: np.ndarray, *, pixels: int = 2, fill: float = 0.0, rng: Seed = None) -> np.ndarray:
    """Return the pictures, each moved by up to so many pixels in both directions.

    What comes into view is `fill`: the background, in the units of X.
    Shapes: X (N, H, W, ...) -> (N, H, W, ...).
    Raises: ValueError if X holds no pictures, or cannot hold `fill`.
    """
    check_pictures(X)
    return crop(X, X.shape[1:3], padding=count(pixels, "pixels"), fill=fill, rng=rng)


def rotate(
    X: np.ndarray, *, degrees: float = 10.0, fill: float = 0.0, rng: Seed = None
) -> np.ndarray:
    """Return the pictures, each rotated about its centre by up to so many degrees either way.

    Pixels between others are interpolated linearly, and outside of the picture are `fill`.
    Shapes: X (N, H, W, ...) -> (N, H, W, ...).
    Raises: ValueError if X holds no pictures or cannot hold `fill`, or degrees are negative.
    """
    check_pictures(X, fill)
    if not (isinstance(degrees, NUMBER) and 0 <= degrees < np.inf):
        raise ValueError(f"degrees must be a number of at least 0, not {degrees!r}")
    n, height, width = X.shape[:3]
    angles = np.deg2rad(generator(rng).uniform(-degrees, degrees, n))[:, None, None]
    y, x = np.meshgrid(np.arange(height), np.arange(width), indexing="ij")
    y, x = y - (height - 1) / 2, x - (width - 1) / 2
    rows = np.cos(angles) * y - np.sin(angles) * x + (height - 1) / 2
    columns = np.sin(angles) * y + np.cos(angles) * x + (width - 1) / 2
    border = [(0, 0), (1, 1), (1, 1), *[(0, 0)] * (X.ndim - 3)]
    padded = np.pad(X, border, constant_values=fill)
    top, left = np.floor(rows).astype(int), np.floor(columns).astype(int)
    down, right = rows - top, columns - left
    out = np.zeros(X.shape, np.result_type(X, np.float32))
    for dy in (0, 1):
        for dx in (0, 1):
            weight = (down if dy else 1 - down) * (right if dx else 1 - right)
            i, j = np.clip(top + dy + 1, 0, height + 1), np.clip(left + dx + 1, 0, width + 1)
            neighbours = padded[np.arange(n)[:, None, None], i, j]
            out += weight.reshape(*weight.shape, *[1] * (X.ndim - 3)) * neighbours
    return rounded_to(X.dtype, out)


def erase(
    X: np.ndarray,
    *,
    probability: float = 0.5,
    area: tuple[float, float] = (0.02, 0.2),
    fill: float = 0.0,
    rng: Seed = None,
) -> np.ndarray:
    """Return the pictures, some of them with a rectangle of `fill` at a random place.

    Its area is a fraction of the picture between the two of `area`, its shape between 1:2 and 2:1.
    Shapes: X (N, H, W, ...) -> (N, H, W, ...).
    Raises: ValueError if X holds no pictures or cannot hold `fill`, or a fraction is not between 0
    and 1.
    Source: Zhong, Zheng, Kang, Li and Yang (2020), arXiv:1708.04896, algorithm 1.
    """
    check_pictures(X, fill)
    low, high = area
    if not 0 <= low <= high <= 1:
        raise ValueError(f"area must be two fractions of the picture in order, not {area}")
    random = generator(rng)
    chosen = np.flatnonzero(choose(len(X), probability, random))
    height, width = X.shape[1:3]
    sizes = random.uniform(low, high, len(chosen)) * height * width
    ratios = np.exp(random.uniform(np.log(0.5), np.log(2), len(chosen)))
    heights = np.clip(np.rint(np.sqrt(sizes * ratios)), 1, height).astype(int)
    widths = np.clip(np.rint(np.sqrt(sizes / ratios)), 1, width).astype(int)
    tops, lefts = random.integers(0, height - heights + 1), random.integers(0, width - widths + 1)
    out = X.copy()
    for i, top, left, h, w in zip(chosen, tops, lefts, heights, widths, strict=True):
        out[i, top : top + h, left : left + w] = fill
    return out


def mixup(
    X: np.ndarray,
    y: np.ndarray,
    *,
    alpha: float = 0.2,
    n_classes: int | None = None,
    rng: Seed = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Return weighted means of pairs of samples, and of their targets.

    The weights are of a Beta(alpha, alpha) distribution. Class indices y become distributions over
    `n_classes`, by default as many as the largest index needs. Means of X keep its dtype, and those
    of targets that are integers are float32.
    Shapes: X (N, ...), y (N,) of integers or (N, ...) -> X, y (N, C) or as y.
    Raises: ValueError if alpha is not positive, X and y differ in length, or a class is none.
    Source: Zhang, Cisse, Dauphin and Lopez-Paz (2018), arXiv:1710.09412, section 2.
    """
    if not (isinstance(alpha, NUMBER) and alpha > 0):
        raise ValueError(f"alpha of mixup must be above 0, not {alpha!r}")
    random, y = generator(rng), np.asarray(y)
    check_lengths(X, y)
    if y.ndim == 1 and y.dtype.kind in "iu":
        C = n_classes or int(y.max(initial=-1)) + 1
        if y.size and not 0 <= y.min() <= y.max() < C:
            raise ValueError(f"y has classes from {y.min()} to {y.max()}, but n_classes is {C}")
        y = np.equal(y[:, None], np.arange(C)).astype(X.dtype if X.dtype.kind == "f" else "f4")
    shares = random.beta(alpha, alpha, len(X))
    order = random.permutation(len(X))

    def mixed(a: np.ndarray) -> np.ndarray:
        dtype = a.dtype if a.dtype.kind == "f" else np.dtype(np.float32)
        weights = shares.reshape(-1, *[1] * (a.ndim - 1)).astype(dtype)
        return weights * a + (1 - weights) * a[order]

    return rounded_to(X.dtype, mixed(X)), mixed(y)


class AugmentedBatches:
    """Shuffled batches of X and y, changed by augmentations, anew in each epoch.

    `augmentations` are functions `(X, rng=...) -> X`, such as `nn.augment.flip`, or a `partial` of
    one, which are applied in order. With `mixup`, its alpha, pairs of samples are mixed at the end.
    The same `rng` gives the same batches. `nn.Model.train` takes it in place of X and y, and a file
    of the model holds its place and its random state, from which a resumed training goes on.

    Shapes: X (N, ...), y (N, ...) -> batches of (batch_size, ...), the last with the remainder.
    Raises: ValueError if X and y differ in length; TypeError if an augmentation is no function.
    """

    def __init__(
        self,
        X: np.ndarray,
        y: np.ndarray,
        augmentations: Sequence[Augmentation] = (),
        *,
        batch_size: int = 32,
        mixup: float | None = None,
        rng: Seed = None,
    ) -> None:
        check_lengths(X, y)
        self.X, self.y = X, y
        if not isinstance(augmentations, Sequence) or not all(map(callable, augmentations)):
            raise TypeError(
                "augmentations must be a list of functions (X, rng=...) -> X, such as "
                f"[nn.augment.flip], not {augmentations!r}"
            )
        self.augmentations = list(augmentations)
        self.batch_size = count(batch_size, "batch_size")
        self.mixup = mixup
        self.rng = generator(rng)
        self._began = self.rng.bit_generator.state  # from which the order of the epoch was drawn
        self._batch = 0  # the next one of the epoch
        self._start = 0  # the batch that the next iteration begins with

    def __len__(self) -> int:
        """Count the batches."""
        return -(-len(self.X) // self.batch_size)

    def __iter__(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Iterate over the batches of one epoch; after `load_state_dict`, over the rest of one."""
        start, self._start = self._start, 0
        if start == 0:
            self._began = self.rng.bit_generator.state
        rng = generator_in(jsonable(self._began)) if start else self.rng
        order = rng.permutation(len(self.X))
        for k in range(start, len(self)):
            index = order[k * self.batch_size : (k + 1) * self.batch_size]
            X, y = self.X[index], self.y[index]
            for augmentation in self.augmentations:
                X = augmentation(X, rng=self.rng)
            if self.mixup is not None:
                X, y = mixup(X, y, alpha=self.mixup, n_classes=self._n_classes(), rng=self.rng)
            self._batch = k + 1
            yield X, y
        self._batch = 0

    def state_dict(self) -> dict[str, Any]:
        """Return the place in the epoch and the random states, in a form for JSON."""
        return {
            **self._sizes(),
            "batch": self._batch,
            "began": jsonable(self._began),
            "random": jsonable(self.rng.bit_generator.state),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on, at the next iteration, from what `state_dict` returned.

        Raises: ValueError if it is not of batches of as many samples, in this size.
        """
        for name, here in self._sizes().items():
            if state.get(name) != here:
                raise ValueError(f"its {name} is {reprlib.repr(state.get(name))}, but here {here}")
        batch = state.get("batch")
        if type(batch) is not int or not 0 <= batch <= len(self):
            raise ValueError(f"its epoch has no batch {reprlib.repr(batch)}")
        began, rng = generator_in(state.get("began")), generator_in(state.get("random"))
        self._began, self.rng = began.bit_generator.state, rng
        self._batch = self._start = batch

    def _sizes(self) -> dict[str, int]:
        return {"samples": len(self.X), "batch_size": self.batch_size}

    def _n_classes(self) -> int | None:
        """Return the number of classes, if the targets are class indices."""
        indices = self.y.ndim == 1 and self.y.dtype.kind in "iu"
        return int(self.y.max()) + 1 if indices else None


def check_lengths(X: Any, y: Any) -> None:
    """Raise ValueError if there is not one target for each sample."""
    if len(X) != len(y):
        raise ValueError(f"X has {len(X)} samples but y has {len(y)}; each needs its target")


def rounded_to(dtype: np.dtype[Any], x: np.ndarray) -> np.ndarray:
    """Return numbers in a dtype, rounded if it is of integers."""
    return (x if dtype.kind == "f" else np.rint(x)).astype(dtype, copy=False)


def check_pictures(X: Any, fill: float = 0) -> None:
    """Check pictures, (N, H, W) or (N, H, W, C), and that their dtype can hold a number.

    Raises: ValueError if they are none, or the number would become another in their dtype.
    """
    if not isinstance(X, np.ndarray) or X.ndim not in (3, 4):
        raise ValueError(
            "augmentations take pictures as an array (N, H, W) or (N, H, W, C), but got "
            f"{type(X).__name__} of shape {np.shape(X)}"
        )
    exact = isinstance(fill, NUMBER) and np.isfinite(fill)
    if exact and X.dtype.kind in "biu":
        low, high = (
            (0, 1) if X.dtype.kind == "b" else (np.iinfo(X.dtype).min, np.iinfo(X.dtype).max)
        )
        exact = low <= fill <= high and fill == int(fill)
    if not exact:
        raise ValueError(f"fill is {fill!r}, which pictures of dtype {X.dtype} cannot hold")


def choose(n: int, probability: float, rng: Seed) -> np.ndarray:
    """Choose each of n samples with this probability. Shapes: -> (n,) of bool.

    Raises: ValueError if it is not between 0 and 1.
    """
    if not (isinstance(probability, NUMBER) and 0 <= probability <= 1):
        raise ValueError(f"probability must be between 0 and 1, not {probability!r}")
    return generator(rng).random(n) < probability
