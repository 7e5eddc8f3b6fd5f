"""The public module of initializers: `from nn.init import he`."""

from nn.layers.init import Initializer, book, fans, glorot, he

__all__ = ["Initializer", "book", "fans", "glorot", "he"]
