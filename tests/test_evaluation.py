"""Errors and baselines against plain loops and known answers."""

import warnings

import numpy as np
import pytest
from scipy import ndimage

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


def test_errors_of_eight_bit_images_do_not_wrap():
    x, x_hat = np.zeros((1, 2, 2, 1), "uint8"), np.full((1, 2, 2, 1), 20, "uint8")
    assert evaluation.mse(x, x_hat) == 400


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


def noisy(x, sigma, seed=2):
    noise = np.random.default_rng(seed).normal(0, sigma, x.shape)
    return np.clip(x + noise, 0, 1)


def ssim_by_definition(x, x_hat):
    """Window by window, with the 121 weights and the moments written out."""
    away = np.arange(11) - 5
    weights = np.exp(-(away[:, None] ** 2 + away**2) / (2 * 1.5**2))
    weights /= weights.sum()
    height, width, channels = x.shape
    values = []
    for channel in range(channels):
        for top in range(height - 10):
            for left in range(width - 10):
                at = np.s_[top : top + 11, left : left + 11, channel]
                a, b = x[at], x_hat[at]
                m_a, m_b = (weights * a).sum(), (weights * b).sum()
                v_a = (weights * (a - m_a) ** 2).sum()
                v_b = (weights * (b - m_b) ** 2).sum()
                covariance = (weights * (a - m_a) * (b - m_b)).sum()
                luminance = (2 * m_a * m_b + 1e-4) / (m_a**2 + m_b**2 + 1e-4)
                structure = (2 * covariance + 9e-4) / (v_a + v_b + 9e-4)
                values.append(luminance * structure)
    return np.mean(values)


@pytest.mark.parametrize("shape", [(3, 11, 11, 1), (2, 14, 12, 3), (2, 28, 28, 1)])
def test_ssim_matches_its_definition(shape):
    x = np.random.default_rng(3).random(shape)
    x_hat = noisy(x, 0.2)
    by_hand = [ssim_by_definition(a, b) for a, b in zip(x, x_hat, strict=True)]
    found = evaluation.ssim(x, x_hat)
    assert found.shape == shape[:1]
    assert found.dtype == "float64"
    np.testing.assert_allclose(found, by_hand, rtol=1e-9)


def test_ssim_matches_keras():
    from keras import ops

    if not hasattr(ops.image, "ssim"):
        pytest.skip("this Keras has no keras.ops.image.ssim")
    rng = np.random.default_rng(4)
    x = ndimage.gaussian_filter(rng.random((6, 28, 26, 2)), (0, 1, 1, 0))
    x, x_hat = x.astype("float32"), noisy(x, 0.1).astype("float32")
    by_keras = ops.convert_to_numpy(ops.image.ssim(x, x_hat, max_val=1.0))
    np.testing.assert_allclose(evaluation.ssim(x, x_hat), by_keras, atol=1e-4)


def test_ssim_ranks_images_as_it_should():
    x = np.random.default_rng(5).random((4, 20, 20, 1))
    np.testing.assert_array_equal(evaluation.ssim(x, x), 1)
    little, much = noisy(x, 0.05), noisy(x, 0.3)
    np.testing.assert_array_equal(
        evaluation.ssim(x, little), evaluation.ssim(little, x)
    )
    assert (evaluation.ssim(x, little) < 1).all()
    assert (evaluation.ssim(x, much) < evaluation.ssim(x, little) - 0.1).all()
    assert (evaluation.ssim(x, 1 - x) < 0).all()


def test_ssim_is_the_mean_over_channels_and_of_each_image_alone():
    x = np.random.default_rng(6).random((5, 16, 12, 3))
    x_hat = noisy(x, 0.1 * np.arange(1, 4))
    channels = [evaluation.ssim(x[..., [c]], x_hat[..., [c]]) for c in range(3)]
    assert np.ptp(channels, axis=0).min() > 0.05
    np.testing.assert_allclose(evaluation.ssim(x, x_hat), np.mean(channels, axis=0))


def test_ssim_of_many_images_is_that_of_few():
    """More than fit one batch."""
    x = np.random.default_rng(7).random((1500, 28, 28, 1), dtype="float32")
    x_hat = noisy(x, 0.1)
    some = [0, 700, 1337, 1499]
    found = evaluation.ssim(x, x_hat)
    assert found.shape == (1500,)
    np.testing.assert_allclose(
        found[some], evaluation.ssim(x[some], x_hat[some]), rtol=1e-12
    )


def test_ssim_refuses_what_it_cannot_measure():
    x = np.full((2, 28, 28, 1), 0.5)
    with pytest.raises(ValueError, match=r"at least 11.*\(2, 28, 10, 1\)"):
        evaluation.ssim(x[:, :, :10], x[:, :, :10])
    with pytest.raises(ValueError, match=r"x\[..., None\].*\(2, 28, 28\)"):
        evaluation.ssim(x[..., 0], x[..., 0])
    with pytest.raises(ValueError, match="255"):
        evaluation.ssim(x * 255, x)
    with pytest.raises(ValueError, match="255"):
        evaluation.ssim(x - 1, x)
    with pytest.raises(ValueError, match=r"\(1, 28, 28, 1\)"):
        evaluation.ssim(x, x[:1])
    with pytest.raises(ValueError, match="NaN in 2 of 2"):
        evaluation.ssim(x, x * np.nan)


def blobs(n, spread, seed=8, units=4):
    """Codes of `n` examples of each of three classes around corners of a cube."""
    centres = np.eye(3, units)
    y = np.repeat([3, 5, 7], n)
    noise = np.random.default_rng(seed).normal(0, spread, (3 * n, units))
    return centres.repeat(n, axis=0) + noise, y


def test_probe_reads_what_is_there():
    train, test = blobs(100, 0.1), blobs(50, 0.1, seed=9)
    assert evaluation.linear_probe(*train, *test) > 0.99


def test_probe_has_the_accuracy_that_theory_gives():
    """Two normals at +1 and -1: the normal distribution's value at 1, 0.8413."""
    rng = np.random.default_rng(10)
    y = rng.integers(0, 2, 40_000)
    z = (2 * y - 1 + rng.normal(size=y.shape))[:, None]
    found = evaluation.linear_probe(z[::2], y[::2], z[1::2], y[1::2])
    assert found == pytest.approx(0.8413, abs=0.01)


def test_probe_finds_nothing_where_nothing_is():
    """More units than codes: on the training codes, the same probe is perfect."""
    rng = np.random.default_rng(11)
    z, y = rng.normal(size=(1100, 200)), rng.integers(0, 2, 1100)
    train, test = (z[:100], y[:100]), (z[100:], y[100:])
    assert evaluation.linear_probe(*train, *train) == 1
    assert evaluation.linear_probe(*train, *test) == pytest.approx(0.5, abs=0.06)
    z, y = blobs(200, 0.1)
    shuffled = rng.permutation(y)
    found = evaluation.linear_probe(z, shuffled, *blobs(500, 0.1, seed=12))
    assert found == pytest.approx(1 / 3, abs=0.1)


def test_probe_ignores_scale_shift_and_shape():
    (z, y), (z_test, y_test) = blobs(200, 0.6), blobs(200, 0.6, seed=13)
    plain = evaluation.linear_probe(z, y, z_test, y_test)
    assert 0.6 < plain < 0.95
    scale, shift = np.array([1e-4, 1, 30, 1e4]), np.array([0, 1e-3, 5, 1e4])
    moved = [(codes * scale + shift) for codes in (z, z_test)]
    assert evaluation.linear_probe(moved[0], y, moved[1], y_test) == plain
    square = [codes.reshape(-1, 2, 2) for codes in (z, z_test)]
    assert evaluation.linear_probe(square[0], y, square[1], y_test) == plain


def test_probe_takes_its_scale_from_the_training_codes_alone():
    """An outlier among the test codes changes no other test code's answer."""
    (z, y), (z_test, y_test) = blobs(100, 0.4), blobs(100, 0.4, seed=14)
    outliers = z_test + 1000 * (np.arange(300)[:, None] % 2)
    halves = [
        evaluation.linear_probe(z, y, outliers[i::2], y_test[i::2]) for i in (0, 1)
    ]
    assert evaluation.linear_probe(z, y, outliers, y_test) == np.mean(halves)
    assert halves[0] > 0.8


def test_probe_converges_without_a_word():
    """Codes that are hard to fit: correlated, float32, one unit dead."""
    rng = np.random.default_rng(15)
    z = rng.normal(size=(600, 3)) @ rng.normal(size=(3, 40))
    z = (z + 0.01 * rng.normal(size=z.shape)).astype("float32")
    z[:, 7] = 0.1
    y = (z[:, 0] + rng.normal(size=600) > 0).astype(int)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = evaluation.linear_probe(z[:400], y[:400], z[400:], y[400:])
    assert 0.6 < found < 1


def test_probe_refuses_what_does_not_match():
    z, y = blobs(10, 0.1)
    with pytest.raises(ValueError, match=r"y_train, at least one.*\(29,\)"):
        evaluation.linear_probe(z, y[1:], z, y)
    with pytest.raises(ValueError, match=r"y_test, at least one.*\(30, 1\)"):
        evaluation.linear_probe(z, y, z, y[:, None])
    with pytest.raises(ValueError, match="at least one"):
        evaluation.linear_probe(z, y, z[:0], y[:0])
    with pytest.raises(ValueError, match=r"code of shape \(4,\).*\(30, 3\)"):
        evaluation.linear_probe(z, y, z[:, :3], y)
    with pytest.raises(ValueError, match="class 3 alone"):
        evaluation.linear_probe(z[:10], y[:10], z, y)
