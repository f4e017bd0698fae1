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


def test_a_twin_is_a_neighbour_but_nobody_is_his_own():
    twins = np.repeat(np.arange(5.0)[:, None] * 10, 2, axis=0)
    near = evaluation.nearest(twins, 1)[:, 0]
    np.testing.assert_array_equal(near, np.arange(10) ^ 1)


def test_queries_are_looked_up_among_the_known(z):
    found = evaluation.nearest(z[:50], 3, queries=z[48:])
    assert found.shape == (12, 3)
    assert found[0, 0] == 48  # a query may be among the known
    for query, near in zip(z[48:], found, strict=True):
        np.testing.assert_array_equal(sorted_by_distance(z[:50], query)[:3], near)


@pytest.mark.parametrize("k", [0, 60, -1])
def test_nearest_refuses_more_than_there_are(z, k):
    with pytest.raises(ValueError, match=rf"from 1 to 59.*k={k}"):
        evaluation.nearest(z, k)
    assert evaluation.nearest(z, 60, queries=z[:1]).shape == (1, 60)


@pytest.mark.parametrize(
    "bad", [np.zeros(5), np.zeros((0, 2)), np.full((9, 2), np.nan)]
)
def test_nearest_refuses_what_is_no_code(bad):
    with pytest.raises(ValueError, match=r"shape \(n, \.\.\.\)"):
        evaluation.nearest(bad, 1)


def test_overlap_counts_common_neighbours(z):
    points = z[:, 0] + np.random.default_rng(1).normal(size=(60, 2)) * 0.5
    first, second = evaluation.nearest(z, 7), evaluation.nearest(points, 7)
    common = [len(set(a) & set(b)) for a, b in zip(first, second, strict=True)]
    overlap = evaluation.neighbour_overlap(z, points, 7)
    assert overlap == pytest.approx(np.mean(common) / 7)
    assert 0.1 < overlap < 1
    assert evaluation.neighbour_overlap(z, 3 * z + 1, 7) == 1


def test_overlap_by_chance():
    rng = np.random.default_rng(0)
    one, other = rng.normal(size=(2, 1000, 5))
    chance = 10 / 999
    error = np.sqrt(chance / 10_000)
    overlap = evaluation.neighbour_overlap(one, other)
    assert overlap == pytest.approx(chance, abs=5 * error)


def test_overlap_needs_points_for_codes(z):
    with pytest.raises(ValueError, match="60 and 59"):
        evaluation.neighbour_overlap(z, z[1:])


def test_neighbours_vote_without_the_point_itself():
    line = np.arange(20.0)[:, None]
    alternating = np.arange(20) % 2
    assert evaluation.neighbour_accuracy(line, alternating, 1) == 0
    halves = (np.arange(20) >= 10).astype(int)
    apart = line + 100 * halves[:, None]
    assert evaluation.neighbour_accuracy(apart, halves, 3) == 1
    odd_one = np.array([1] + [0] * 19)
    assert evaluation.neighbour_accuracy(line, odd_one, 3) == 19 / 20


def test_in_a_tie_the_first_class_wins():
    # Two neighbours each, of both classes, but at the ends.
    line, labels = np.arange(4.0)[:, None], np.array([1, 0, 0, 1])
    # Votes: {0, 0}, {1, 0}, {0, 1}, {0, 0}: always class 0.
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
    np.testing.assert_array_equal(
        evaluation.match_clusters(labels, clusters), [3, 0, 1, 2]
    )


def test_spare_clusters_stand_for_no_class():
    labels, clusters = np.array([0, 0, 0, 1, 1, 1]), np.array([0, 2, 2, 1, 1, 1])
    np.testing.assert_array_equal(
        evaluation.match_clusters(labels, clusters), [-1, 1, 0]
    )
    assert evaluation.cluster_agreement(labels, clusters)["accuracy"] == 5 / 6


def test_fewer_clusters_than_classes():
    labels = np.array([0, 0, 1, 2])
    agreement = evaluation.cluster_agreement(labels, np.zeros(4, int))
    assert agreement["accuracy"] == 0.5
    assert agreement["ari"] == agreement["nmi"] == 0


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


@pytest.mark.parametrize(
    "labels",
    [[0, 1], np.array([0.0] * 60), np.array([-1] * 60), np.zeros((60, 1), int)],
)
@pytest.mark.parametrize("measure", ["neighbour_accuracy", "retrieval_precision"])
def test_labels_must_be_classes(z, labels, measure):
    with pytest.raises(ValueError, match="labels must be a flat array of 60 whole"):
        getattr(evaluation, measure)(z, labels)


def test_no_labels_are_no_classes():
    with pytest.raises(ValueError, match="0 whole numbers"):
        evaluation.match_clusters(np.zeros(0, int), np.zeros(0, int))


def test_clusters_must_be_as_many_as_labels():
    with pytest.raises(ValueError, match="clusters must be a flat array of 3 whole"):
        evaluation.cluster_agreement(np.array([0, 1, 2]), np.array([0, 1]))
