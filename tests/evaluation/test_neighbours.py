"""Neighbours, search and clusters: held against brute force and known cases."""

import itertools

import numpy as np
import pytest

from aelab import evaluation


@pytest.fixture
def z():
    return np.random.default_rng(0).normal(size=(60, 3, 2)).astype("float32")


def sorted_by_distance(points, query):
    return np.argsort(((points - query) ** 2).sum(axis=tuple(range(1, points.ndim))))


def test_nearest_are_the_nearest_others(z):
    found = evaluation.nearest(z, 4)
    assert found.shape == (60, 4)
    for i, near in enumerate(found):
        assert sorted_by_distance(z, z[i])[:5].tolist() == [i, *near]


def test_nearest_keeps_its_digits_far_from_0():
    """The spread is a billionth of the distance from 0."""
    units = np.random.default_rng(1).integers(0, 1000, (200, 20))
    z = 1000.0 + units * 2.0**-40  # exact in float64
    np.testing.assert_array_equal(
        evaluation.nearest(z, 3), evaluation.nearest(units - 500.0, 3)
    )
    np.testing.assert_array_equal(
        evaluation.nearest(z, 3, queries=z[:9] + 2.0**-40),
        evaluation.nearest(units - 500.0, 3, queries=units[:9] - 499.0),
    )


def test_a_twin_is_a_neighbour_but_no_point_is_its_own():
    twins = np.repeat(np.arange(5.0)[:, None] * 10, 2, axis=0)
    near = evaluation.nearest(twins, 1)[:, 0]
    np.testing.assert_array_equal(near, np.arange(10) ^ 1)


def test_queries_are_looked_up_among_the_known(z):
    found = evaluation.nearest(z[:50], 3, queries=z[48:])
    assert found.shape == (12, 3)
    assert found[0, 0] == 48  # a query may be among the known
    for query, near in zip(z[48:], found, strict=True):
        np.testing.assert_array_equal(sorted_by_distance(z[:50], query)[:3], near)


def test_nearest_refuses_what_it_cannot_search(z):
    refused = [
        ({"z": z, "k": 0}, "k must be an integer of at least 1"),
        ({"z": z, "k": 60}, "from 1 to 59.*k=60"),
        ({"z": z, "k": 2.5}, "k must be an integer"),
        ({"z": np.zeros(5)}, r"\(n, ...\).*z of shape \(5,\)"),
        ({"z": np.zeros((0, 2))}, "n at least 1"),
        ({"z": np.full((9, 2), np.nan)}, "z holds NaN"),
        ({"z": 1e155 * z.astype("float64")}, r"z must lie in .*1e\+100"),
        ({"z": z, "queries": z[:, 0]}, "queries must have 6 units.*2 units"),
    ]
    for arguments, message in refused:
        with pytest.raises(ValueError, match=message):
            evaluation.nearest(**arguments)
    assert evaluation.nearest(z, 60, queries=z[:1]).shape == (1, 60)


def test_overlap_counts_common_neighbours(z):
    points = z[:, 0] + np.random.default_rng(1).normal(size=(60, 2)) * 0.5
    first, second = evaluation.nearest(z, 7), evaluation.nearest(points, 7)
    common = [len(set(a) & set(b)) for a, b in zip(first, second, strict=True)]
    overlap = evaluation.neighbour_overlap(z, points, 7)
    assert overlap == pytest.approx(np.mean(common) / 7)
    assert 0.1 < overlap < 1
    assert evaluation.neighbour_overlap(z, 3 * z + 1, 7) == 1
    with pytest.raises(ValueError, match="z of length 60, points of length 59"):
        evaluation.neighbour_overlap(z, z[1:])


def test_overlap_by_chance():
    one, other = np.random.default_rng(0).normal(size=(2, 1000, 5))
    chance = 10 / 999
    error = np.sqrt(chance / 10_000)
    overlap = evaluation.neighbour_overlap(one, other)
    assert overlap == pytest.approx(chance, abs=5 * error)


def test_neighbours_vote_without_the_point_itself():
    line = np.arange(20.0)[:, None]
    alternating = np.arange(20) % 2
    assert evaluation.neighbour_accuracy(line, alternating, 1) == 0
    halves = (np.arange(20) >= 10).astype(int)
    apart = line + 100 * halves[:, None]
    assert evaluation.neighbour_accuracy(apart, halves, 3) == 1
    odd_one = np.array([1] + [0] * 19)
    assert evaluation.neighbour_accuracy(line, odd_one, 3) == 19 / 20


def test_in_a_tie_the_lowest_class_wins():
    # Two neighbours each, of both classes, but at the ends.
    line, labels = np.arange(4.0)[:, None], np.array([7, 2, 2, 7])
    # Votes: {2, 2}, {7, 2}, {2, 7}, {2, 2}: always class 2.
    assert evaluation.neighbour_accuracy(line, labels, 2) == 0.5


def test_precision_counts_the_class_of_the_query():
    line, labels = np.array([[0.0], [1.0], [2.1], [9.0]]), np.array([0, 0, 1, 1])
    # Two nearest each: 0 -> 1, 2; 1 -> 0, 2; 2 -> 1, 0; 3 -> 2, 1.
    expected = np.mean([0.5, 0.5, 0, 0.5])
    assert evaluation.retrieval_precision(line, labels, 2) == expected


def test_clusters_are_matched_as_well_as_any_order_can():
    rng = np.random.default_rng(0)
    labels = rng.integers(4, size=200)
    clusters = np.where(
        rng.random(200) < 0.5, (labels + 1) % 4, rng.integers(4, size=200)
    )
    best = max(
        np.mean(np.array(order)[clusters] == labels)
        for order in itertools.permutations(range(4))
    )
    assert evaluation.cluster_agreement(labels, clusters)["accuracy"] == best


def test_clusters_and_classes_need_not_be_as_many():
    labels, clusters = np.array([0, 0, 0, 1, 1, 1]), np.array([0, 2, 2, 1, 1, 1])
    assert evaluation.cluster_agreement(labels, clusters)["accuracy"] == 5 / 6
    one = evaluation.cluster_agreement(np.array([0, 0, 1, 2]), np.zeros(4, int))
    assert one == {"accuracy": 0.5, "ari": 0.0, "nmi": 0.0}


def test_matching_is_not_greedy():
    labels = np.repeat([0, 1, 0], [10, 9, 9])
    clusters = np.repeat([0, 0, 1], [10, 9, 9])
    assert evaluation.cluster_agreement(labels, clusters)["accuracy"] == 18 / 28


def test_a_split_class_by_all_three_measures():
    labels, clusters = np.array([0, 0, 1, 1]), np.array([0, 0, 1, 2])
    # Of 6 pairs 1 is together in both, 2 in the classes, 1 in the clusters.
    ari = (1 - 2 / 6) / ((2 + 1) / 2 - 2 / 6)
    nmi = 2 * np.log(2) / (np.log(2) + 1.5 * np.log(2))
    expected = {"accuracy": 0.75, "ari": ari, "nmi": nmi}
    assert evaluation.cluster_agreement(labels, clusters) == pytest.approx(expected)


def test_agreement_of_renamed_and_of_random_clusters():
    rng = np.random.default_rng(0)
    labels = rng.integers(10, size=5000)
    renamed = evaluation.cluster_agreement(labels, (labels + 3) % 10)
    assert renamed == pytest.approx({"accuracy": 1, "ari": 1, "nmi": 1})
    chance = evaluation.cluster_agreement(labels, rng.integers(10, size=5000))
    assert chance["accuracy"] < 0.14
    assert abs(chance["ari"]) < 0.01
    assert chance["nmi"] < 0.01


def test_labels_may_be_large_numbers():
    """Nothing of the size of the largest label is made: that would be 80 GB."""
    line = np.array([0.0, 1, 2, 50, 51, 52])[:, None]
    labels = np.repeat([3, 10**10], 3)
    assert evaluation.neighbour_accuracy(line, labels, 2) == 1
    agreement = evaluation.cluster_agreement(labels, labels[::-1] + 5)
    assert agreement == {"accuracy": 1, "ari": 1, "nmi": 1}


def test_labels_must_be_classes(z):
    bad = [
        ([0, 1], r"60 integers from 0.*shape \(2,\)"),
        (np.zeros(60), "dtype float64"),
        (np.full(60, -1), "-1 stands for images without labels.*lowest -1"),
        (np.zeros((60, 1), int), r"shape \(60, 1\)"),
    ]
    for measure in (evaluation.neighbour_accuracy, evaluation.retrieval_precision):
        for labels, message in bad:
            with pytest.raises(ValueError, match=message):
                measure(z, labels)
    with pytest.raises(ValueError, match="labels must be a flat array of 0 integers"):
        evaluation.cluster_agreement(np.zeros(0, int), np.zeros(0, int))
    with pytest.raises(ValueError, match="clusters must be a flat array of 3 integers"):
        evaluation.cluster_agreement(np.array([0, 1, 2]), np.array([0, 1]))
