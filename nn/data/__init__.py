"""Data sets, the files that hold them, and batches."""

from nn.data.pictures import decode_image
from nn.data.sequences import length_mask, pad

__all__ = ["decode_image", "length_mask", "pad"]
