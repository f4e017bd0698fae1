"""What is near to what in a code or on a map, and whether clusters are classes."""

import numpy as np
from scipy.optimize import linear_sum_assignment
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score
from sklearn.neighbors import NearestNeighbors

from aelab.evaluation.codes import flat_codes


def nearest(z, k=10, queries=None):
    """Which rows of `z` are nearest to each row, in Euclidean distance. Lesson 06.

    Args:
        z: Array of codes, images or points on a map, shape `(n, ...)`.
        k: How many, at least 1.
        queries: Array of shape `(m, ...)`: the nearest to these, instead of to the
            rows of `z` themselves.

    Returns: int array of positions in `z`, the nearest first: shape `(n, k)`, no row
    being its own neighbour; or `(m, k)`.
    Raises: ValueError if `k` is below 1 or there are not that many rows.
    """
    z = flat_codes(z)
    n_known = len(z) - 1 if queries is None else len(z)
    if not 1 <= k <= n_known:
        raise ValueError(
            f"k must be from 1 to {n_known}, as many rows as there are to choose from. "
            f"Received: k={k}"
        )
    queries = None if queries is None else flat_codes(queries)
    known = NearestNeighbors(n_neighbors=k).fit(z)
    return known.kneighbors(queries, return_distance=False)


def neighbour_overlap(z, points, k=10):
    """How many of the k nearest neighbours are the same in both. Lesson 06.

    Formula: mean_i(size of (nearest of i in z) and (nearest of i in points)) / k. By
    chance it is k / (n - 1).

    Args:
        z, points: Arrays of shape `(n, ...)`: a code and its map, or two maps.
        k: Neighbours to compare.

    Returns: float in [0, 1]. Raises: ValueError if lengths differ, or as `nearest`.
    """
    if len(z) != len(points):
        raise ValueError(
            f"z and points must have one length. Received: {len(z)} and {len(points)}"
        )
    first, second = nearest(z, k), nearest(points, k)
    return float((first[:, :, None] == second[:, None, :]).sum() / first.size)


def neighbour_accuracy(z, labels, k=10):
    """How well the k nearest others tell the class of a point. Lesson 06.

    The majority decides, the first class in a tie; no point votes for itself.

    Args:
        z: Array of shape `(n, ...)`.
        labels: Whole numbers from 0, shape `(n,)`.
        k: Neighbours to ask.

    Returns: float, accuracy in [0, 1].
    Raises: ValueError if `labels` are not n whole numbers from 0, or as `nearest`.
    """
    labels = _classes("labels", labels, len(z))
    of_neighbours = labels[nearest(z, k)]
    votes = np.stack([(of_neighbours == c).sum(1) for c in range(labels.max() + 1)])
    return float((votes.argmax(axis=0) == labels).mean())


def retrieval_precision(z, labels, k=10):
    """Of the k nearest others, what share has the class of the query. Lesson 06.

    Every row is a query once; the mean over all. Args and errors as
    `neighbour_accuracy`. Returns: float in [0, 1], the precision at k.
    """
    labels = _classes("labels", labels, len(z))
    return float((labels[nearest(z, k)] == labels[:, None]).mean())


def match_clusters(labels, clusters):
    """The class that each cluster stands for: one to one, as many hits as can be.

    The Hungarian method. It looks at the labels, so it is for scores alone. Lesson 06.

    Args:
        labels: True classes, whole numbers from 0, shape `(n,)`.
        clusters: Clusters found, likewise, in any order.

    Returns: int array: the class of cluster 0, 1, ..., or -1 where clusters are more
    than classes. Raises: ValueError if the lengths differ or a number is negative.
    """
    labels = _classes("labels", labels, len(labels))
    clusters = _classes("clusters", clusters, len(labels))
    counts = np.zeros((clusters.max() + 1, labels.max() + 1), int)
    np.add.at(counts, (clusters, labels), 1)
    rows, columns = linear_sum_assignment(counts, maximize=True)
    matched = np.full(len(counts), -1)
    matched[rows] = columns
    return matched


def cluster_agreement(labels, clusters):
    """How well clusters agree with classes, by three measures. Lesson 06.

    Args and errors as `match_clusters`.

    Returns:
        Dict of floats: `accuracy` after `match_clusters`, in [0, 1]; `ari`, the
        adjusted Rand index, 1 for the classes, 0 in expectation for random clusters
        and below it for worse; `nmi`, mutual information over the mean of both
        entropies, in [0, 1].
    """
    matched = match_clusters(labels, clusters)
    return {
        "accuracy": float((matched[np.asarray(clusters)] == labels).mean()),
        "ari": float(adjusted_rand_score(labels, clusters)),
        "nmi": float(normalized_mutual_info_score(labels, clusters)),
    }


def _classes(name, values, n):
    values = np.asarray(values)
    whole = values.shape == (n,) and np.issubdtype(values.dtype, np.integer)
    if not whole or n == 0 or values.min() < 0:
        raise ValueError(
            f"{name} must be a flat array of {n} whole numbers from 0. "
            f"Received: dtype {values.dtype}, shape {values.shape}"
        )
    return values
