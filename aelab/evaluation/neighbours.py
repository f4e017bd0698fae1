"""What is near to what in a code or on a map, and whether clusters are classes."""

import numpy as np
from scipy.optimize import linear_sum_assignment
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score
from sklearn.metrics.cluster import contingency_matrix
from sklearn.neighbors import NearestNeighbors

from aelab import checks


def nearest(z, k=10, queries=None):
    """Positions of the k nearest rows to each row, in Euclidean distance. Lesson 07.

    Args:
        z: Array of codes, images or points on a map, shape `(n, ...)`.
        k: Integer, how many, at least 1.
        queries: Array of shape `(m, ...)`: the nearest to these are looked up, instead
            of to the rows of `z` themselves.

    Returns:
        Integer array of positions in `z`, the nearest first: shape `(n, k)`, no row
        being its own neighbour; or `(m, k)`.

    Raises:
        ValueError: If `k` is below 1, there are not that many rows to choose from, or
            `queries` have another number of units than `z`.

    Example:
        >>> nearest(np.array([[0.0], [1.0], [3.0]]), k=1).ravel()
        array([1, 0, 1])
    """
    z = checks.codes("z", z)
    n_known = len(z) - 1 if queries is None else len(z)
    checks.integer("k", k)
    if k > n_known:
        raise ValueError(
            f"k must be from 1 to {n_known}, as many rows as there are to choose from. "
            f"Received: k={k}"
        )
    # Distances are found by products, which lose digits far away from 0.
    centre = z.mean(axis=0)
    if queries is not None:
        queries = checks.codes("queries", queries)
        if queries.shape[1] != z.shape[1]:
            raise ValueError(
                f"queries must have {z.shape[1]} units, as z. Received: queries of "
                f"{queries.shape[1]} units"
            )
        queries = queries - centre
    known = NearestNeighbors(n_neighbors=k).fit(z - centre)
    return known.kneighbors(queries, return_distance=False)


def neighbour_overlap(z, points, k=10):
    """Fraction of the k nearest neighbours that two spaces have in common. Lesson 07.

    Formula: mean_i(size of (nearest of i in z) and (nearest of i in points)) / k. By
    chance it is k / (n - 1).

    Args:
        z: Array of shape `(n, ...)`, for example a code.
        points: Array of shape `(n, ...)`, for example its map.
        k: Integer, neighbours to compare.

    Returns:
        Float in [0, 1].

    Raises:
        ValueError: If the lengths differ, or as `nearest`.

    Example:
        >>> z = np.arange(8.0)[:, None]
        >>> neighbour_overlap(z, -2 * z, k=3)
        1.0
    """
    if len(z) != len(points):
        raise ValueError(
            "z and points must have one length. Received: z of length "
            f"{len(z)}, points of length {len(points)}"
        )
    first, second = nearest(z, k), nearest(points, k)
    return float((first[:, :, None] == second[:, None, :]).sum() / first.size)


def neighbour_accuracy(z, labels, k=10):
    """Accuracy of a vote of the k nearest others about a point's class. Lesson 07.

    The majority decides, the lowest class in a tie; no point votes for itself.

    Args:
        z: Array of shape `(n, ...)`.
        labels: Integers from 0, shape `(n,)`.
        k: Integer, neighbours that vote.

    Returns:
        Float in [0, 1].

    Raises:
        ValueError: If `labels` are not n integers from 0, or as `nearest`.

    Example:
        >>> z = np.array([[0.0], [1.0], [2.0], [7.0], [8.0], [9.0]])
        >>> neighbour_accuracy(z, np.array([0, 0, 0, 1, 1, 1]), k=2)
        1.0
    """
    labels = _labels("labels", labels, len(z))
    classes, labels = np.unique(labels, return_inverse=True)
    of_neighbours = labels[nearest(z, k)]
    votes = [(of_neighbours == c).sum(axis=1) for c in range(len(classes))]
    return float((np.argmax(votes, axis=0) == labels).mean())


def retrieval_precision(z, labels, k=10):
    """Fraction of the k nearest others that have the class of the query. Lesson 07.

    Every row is a query once; the mean over all, known as precision at k.

    Args:
        z: Array of shape `(n, ...)`.
        labels: Integers from 0, shape `(n,)`.
        k: Integer, neighbours to retrieve.

    Returns:
        Float in [0, 1].

    Raises:
        ValueError: If `labels` are not n integers from 0, or as `nearest`.

    Example:
        >>> z = np.array([[0.0], [1.0], [2.1], [9.0]])
        >>> retrieval_precision(z, np.array([0, 0, 1, 1]), k=1)
        0.75
    """
    labels = _labels("labels", labels, len(z))
    return float((labels[nearest(z, k)] == labels[:, None]).mean())


def cluster_agreement(labels, clusters):
    """Agreement of clusters with classes, by three measures. Lesson 07.

    For the accuracy each cluster stands for at most one class, and each class for at
    most one cluster, so that the accuracy is highest (the Hungarian method).

    Args:
        labels: True classes, integers from 0, shape `(n,)`.
        clusters: Clusters found, likewise, in any order.

    Returns:
        Dict of floats: `accuracy`, in [0, 1]; `ari`, the adjusted Rand index, 1 for the
        classes, 0 in expectation for random clusters and below it for worse; `nmi`,
        mutual information over the mean of both entropies, in [0, 1].

    Raises:
        ValueError: If the lengths differ, there is none, or a number is negative.

    Example:
        >>> labels, clusters = np.array([0, 0, 1, 1]), np.array([5, 5, 3, 3])
        >>> cluster_agreement(labels, clusters)
        {'accuracy': 1.0, 'ari': 1.0, 'nmi': 1.0}

    Reference: Hubert and Arabie, 1985, "Comparing partitions", Journal of
    Classification 2, 193-218.
    """
    labels = _labels("labels", labels, len(labels))
    clusters = _labels("clusters", clusters, len(labels))
    counts = contingency_matrix(labels, clusters)
    matched = linear_sum_assignment(counts, maximize=True)
    return {
        "accuracy": float(counts[matched].sum() / len(labels)),
        "ari": float(adjusted_rand_score(labels, clusters)),
        "nmi": float(normalized_mutual_info_score(labels, clusters)),
    }


def _labels(argument, values, n):
    """An array of n integers from 0."""
    values = np.asarray(values)
    integers = values.shape == (n,) and np.issubdtype(values.dtype, np.integer)
    if not integers or n == 0 or values.min() < 0:
        lowest = f", lowest {values.min()}" if integers and n else ""
        raise ValueError(
            f"{argument} must be a flat array of {n} integers from 0 (-1 stands for "
            f"images without labels). Received: dtype {values.dtype}, shape "
            f"{values.shape}{lowest}"
        )
    return values
