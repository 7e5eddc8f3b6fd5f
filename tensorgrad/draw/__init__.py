"""The graph as a picture, as text and as an interactive page."""

from tensorgrad.draw.drawing import Drawing, draw

__all__ = ["Drawing", "draw"]
