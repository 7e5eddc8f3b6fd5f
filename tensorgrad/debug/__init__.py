"""Tools to find mistakes: gradients checked against differences, the first NaN located."""
