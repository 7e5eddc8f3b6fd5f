"""The initializers, under the name by which users import them: `from nn.init import he`."""

from nn.layers.init import Initializer, book, fans, glorot, he

__all__ = ["Initializer", "book", "fans", "glorot", "he"]
