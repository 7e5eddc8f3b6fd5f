"""NumPy code that does not import tensorgrad, for docs/unchanged.md to differentiate."""
