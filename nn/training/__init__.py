"""Training: Model, its loop, history, progress bar and files."""
