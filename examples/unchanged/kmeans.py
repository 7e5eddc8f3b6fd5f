"""k-means with soft assignment: every point belongs a little to every centre."""

import numpy as np


def squared_distances(points, centres):
    """Shapes: points (N, D), centres (K, D) -> (N, K)."""
    return np.sum((points[:, np.newaxis] - centres) ** 2, axis=-1)


def memberships(distances, sharpness):
    """How much each point belongs to each centre: the nearer, the more, 1 in all.

    Shapes: distances (N, K) -> (N, K).
    """
    weights = -sharpness * distances
    weights -= weights.max(axis=1, keepdims=True)  # exp cannot overflow
    weights = np.exp(weights)
    weights /= weights.sum(axis=1, keepdims=True)
    return weights


def cost(centres, points, sharpness=1.0):
    """The mean squared distance of a point from the centres, weighted by its memberships."""
    distances = squared_distances(points, centres)
    return np.sum(memberships(distances, sharpness) * distances) / len(points)
