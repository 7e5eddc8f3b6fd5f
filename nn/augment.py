"""The public module of augmentations: `from nn.augment import flip`."""

from nn.data.augment import (
    Augmentation,
    AugmentedBatches,
    crop,
    erase,
    flip,
    mixup,
    rotate,
    shift,
)

__all__ = [
    "Augmentation",
    "AugmentedBatches",
    "crop",
    "erase",
    "flip",
    "mixup",
    "rotate",
    "shift",
]
