"""NumPy code that knows nothing of tensorgrad, for docs/unchanged.md to differentiate."""
