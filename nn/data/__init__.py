"""Data sets, the files that hold them, and batches."""

from nn.data.sequences import length_mask, pad

__all__ = ["length_mask", "pad"]
