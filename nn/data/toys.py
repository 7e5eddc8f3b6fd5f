"""The book's three toys: spiral, vertical and sine."""

import numpy as np

from nn.config import Seed, count
from nn.seeding import generator


def spiral(samples: int, classes: int, rng: Seed = None) -> tuple[np.ndarray, np.ndarray]:
    """Make points on interleaved spiral arms, one arm per class, with noise in the angle.

    Shapes: -> X (samples * classes, 2) float32, y (samples * classes,) int64.
    Units: each arm turns by 10 radians; the noise has a standard deviation of 0.5 radians.
    Raises: ValueError if a count is not a positive integer.
    """
    samples, classes = count(samples, "samples"), count(classes, "classes")
    y = np.repeat(np.arange(classes), samples)
    radius = np.tile(np.linspace(0, 1, samples), classes)
    noise = generator(rng).normal(0, 0.5, y.size)
    angle = 10 * (y + radius) + noise
    X = radius[:, None] * np.stack([np.sin(angle), np.cos(angle)], axis=1)
    return X.astype(np.float32), y


def vertical(samples: int, classes: int, rng: Seed = None) -> tuple[np.ndarray, np.ndarray]:
    """Make normal blobs side by side, one per class, 1/3 apart with standard deviation 0.1.

    Shapes: -> X (samples * classes, 2) float32, y (samples * classes,) int64.
    Raises: ValueError if a count is not a positive integer.
    """
    samples, classes = count(samples, "samples"), count(classes, "classes")
    y = np.repeat(np.arange(classes), samples)
    centres = np.stack([y / 3, np.full(y.size, 0.5)], axis=1)
    X = generator(rng).normal(centres, 0.1)
    return X.astype(np.float32), y


def sine(samples: int = 1000) -> tuple[np.ndarray, np.ndarray]:
    """Make one period of the sine, for x from 0 up to but not including 1.

    Shapes: -> X (samples, 1) float32, y (samples, 1) float32.
    Raises: ValueError if `samples` is not a positive integer.
    """
    X = np.arange(count(samples, "samples"))[:, None] / samples
    return X.astype(np.float32), np.sin(2 * np.pi * X).astype(np.float32)
