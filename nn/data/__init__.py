"""Data sets, the files they are read from, and batches."""
