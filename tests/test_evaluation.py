"""Errors and baselines against plain loops and known answers."""

import numpy as np
import pytest

from aelab import evaluation


@pytest.fixture
def pair():
    rng = np.random.default_rng(0)
    x = rng.random((5, 4, 3, 2), dtype="float32")
    return x, np.clip(x + rng.normal(0, 0.1, x.shape).astype("float32"), 0, 1)


def test_errors_match_a_loop(pair):
    x, x_hat = pair
    by_hand = []
    for a, b in zip(x, x_hat, strict=True):
        pixels = zip(a.ravel().tolist(), b.ravel().tolist(), strict=True)
        squares = [(p - q) ** 2 for p, q in pixels]
        by_hand.append(sum(squares) / len(squares))
    np.testing.assert_allclose(evaluation.image_errors(x, x_hat), by_hand, rtol=1e-6)
    assert evaluation.mse(x, x_hat) == pytest.approx(sum(by_hand) / 5, rel=1e-6)


def test_psnr_of_known_errors():
    x = np.zeros((3, 2, 2, 1))
    x_hat = x + np.array([0.1, 1.0, 0.0]).reshape(3, 1, 1, 1)
    np.testing.assert_allclose(evaluation.psnr(x, x_hat), [20, 0, np.inf])


@pytest.mark.parametrize("measure", ["image_errors", "mse", "psnr"])
def test_bad_pairs_are_refused(pair, measure):
    x, x_hat = pair
    measure = getattr(evaluation, measure)
    with pytest.raises(ValueError, match=r"\(4, 4, 3, 2\)"):
        measure(x, x_hat[:4])
    with pytest.raises(ValueError, match="at least one"):
        measure(x[:0], x_hat[:0])
    with pytest.raises(ValueError, match="NaN in 1 of 5"):
        measure(x, np.where(np.arange(5).reshape(5, 1, 1, 1) == 2, np.nan, x_hat))


def test_psnr_refuses_images_outside_its_peak(pair):
    with pytest.raises(ValueError, match="255"):
        evaluation.psnr(pair[0] * 255, pair[1] * 255)


def test_pca_matches_the_singular_value_decomposition():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(50, 6, 2, 1)) * np.arange(1, 7).reshape(6, 1, 1)
    flat = x.reshape(50, 12) - x.reshape(50, 12).mean(axis=0)
    u, s, vt = np.linalg.svd(flat, full_matrices=False)
    pca = evaluation.fit_pca(x, 5)
    for k in (1, 3, 5):
        best = (u[:, :k] * s[:k]) @ vt[:k] + x.reshape(50, 12).mean(axis=0)
        found = evaluation.pca_reconstruct(pca, x, k)
        assert found.shape == x.shape
        np.testing.assert_allclose(found.reshape(50, 12), best, atol=1e-8)


@pytest.mark.parametrize("n", [0, 13, 60])
def test_pca_refuses_impossible_sizes(n):
    with pytest.raises(ValueError, match=f"n_components={n}"):
        evaluation.fit_pca(np.ones((50, 12)), n)


def test_principal_angles_of_known_subspaces():
    plane = np.eye(3)[:, :2]
    angle = np.radians(30)
    tilted = np.array([[1, 0], [0, np.cos(angle)], [0, np.sin(angle)]])
    found = evaluation.principal_angles(plane, tilted)
    np.testing.assert_allclose(found, [30, 0], atol=1e-5)
    mixed = plane @ np.array([[1.0, 2.0], [3.0, -1.0]])
    np.testing.assert_allclose(evaluation.principal_angles(plane, mixed), 0, atol=1e-5)
