"""Data sets, the files that hold them, and batches."""
