"""The public module of initializers: `from nn.init import he`."""

from nn.layers.init import (
    Initializer,
    book,
    fans,
    glorot,
    glorot_normal,
    he,
    he_uniform,
    lecun,
    lecun_uniform,
    normal,
    orthogonal,
)

__all__ = [
    "Initializer",
    "book",
    "fans",
    "glorot",
    "glorot_normal",
    "he",
    "he_uniform",
    "lecun",
    "lecun_uniform",
    "normal",
    "orthogonal",
]
