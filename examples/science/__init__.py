"""Five problems of science, each solved with exact gradients and by SciPy's finite differences."""
