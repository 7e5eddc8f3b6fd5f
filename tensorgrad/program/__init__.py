"""Functions as programs: their NumPy calls, forward and backward, as text that runs."""

from tensorgrad.program.arrays import Untraceable, Watched
from tensorgrad.program.compiled import compile, no_compile  # noqa: A004
from tensorgrad.program.onnx.table import onnx_row
from tensorgrad.program.program import Program

__all__ = ["Program", "Untraceable", "Watched", "compile", "no_compile", "onnx_row"]
