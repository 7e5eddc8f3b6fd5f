"""k-means with soft assignment: every point belongs partly to every centre."""

import numpy as np


def squared_distances(points, centres):
    """Return the squared distance of each point from each centre.

    Shapes: points (N, D), centres (K, D) -> (N, K).
    """
    return np.sum((points[:, np.newaxis] - centres) ** 2, axis=-1)


def memberships(distances, sharpness):
    """Return the weight of each centre for each point: larger if nearer, and summing to 1.

    Shapes: distances (N, K) -> (N, K).
    """
    weights = -sharpness * distances
    weights -= weights.max(axis=1, keepdims=True)  # exp cannot overflow
    weights = np.exp(weights)
    weights /= weights.sum(axis=1, keepdims=True)
    return weights


def cost(centres, points, sharpness=1.0):
    """Return the mean squared distance of points from centres, weighted by the memberships."""
    distances = squared_distances(points, centres)
    return np.sum(memberships(distances, sharpness) * distances) / len(points)
