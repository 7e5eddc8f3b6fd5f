"""The tables of operations, one file per family. Importing them fills the registry."""

from tensorgrad.ops import elementwise, index, linear, neural, reduce, shape

__all__ = ["elementwise", "index", "linear", "neural", "reduce", "shape"]
