"""Functions of functions: derivatives, checkpoint and custom gradients."""
