"""Tensor: what makes a recorded value an ndarray to its users."""
