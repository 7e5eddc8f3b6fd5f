"""The graph as a picture, as text and as an interactive page."""

from tensorgrad.draw.drawing import Drawing, draw
from tensorgrad.draw.trace import Trace, trace

__all__ = ["Drawing", "Trace", "draw", "trace"]
