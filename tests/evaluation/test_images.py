"""Errors of images against plain loops, known answers and Keras."""

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
    np.testing.assert_allclose(evaluation.image_errors(x, x_hat), by_hand, rtol=1e-12)
    assert evaluation.mse(x, x_hat) == pytest.approx(sum(by_hand) / 5, rel=1e-12)


def test_errors_neither_wrap_nor_overflow():
    x, x_hat = np.zeros((1, 2, 2, 1), "uint8"), np.full((1, 2, 2, 1), 20, "uint8")
    assert evaluation.mse(x, x_hat) == 400
    large = np.full((2, 2, 2, 1), 3e38, "float32")
    assert evaluation.mse(large, -large) == pytest.approx(36e76, rel=1e-6)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "measure", ["image_errors", "mse", "psnr", "mean_psnr", "cross_entropy", "ssim"]
)
def test_pairs_that_cannot_be_compared_are_refused(measure):
    measure = getattr(evaluation, measure)
    x = np.full((5, 12, 11, 2), 0.5)
    third = np.arange(5).reshape(5, 1, 1, 1) == 2
    refused = [
        (x, x[:4], r"x_hat of shape \(4, 12, 11, 2\)"),
        (x, x[0, 0], r"x_hat of shape \(11, 2\)"),
        (x[:0], x[:0], "n at least 1"),
        (x, np.where(third, np.nan, x), r"x_hat holds NaN.*264 of 1320"),
        (np.where(third, np.inf, x), x, "x holds NaN or infinite"),
        (x, np.where(third, 1e200, x), r"x_hat must lie in \[-1e\+100, 1e\+100\]"),
    ]
    for a, b, message in refused:
        with pytest.raises(ValueError, match=message):
            measure(a, b)


def test_one_image_is_held_against_all(pair):
    x, _ = pair
    average = x.mean(axis=0)
    everywhere = np.broadcast_to(average, x.shape)
    for measure in (evaluation.image_errors, evaluation.psnr, evaluation.cross_entropy):
        np.testing.assert_array_equal(measure(x, average), measure(x, everywhere))


def test_psnr_of_known_errors():
    x = np.zeros((3, 2, 2, 1))
    x_hat = x + np.array([0.1, 1.0, 0.0]).reshape(3, 1, 1, 1)
    np.testing.assert_allclose(evaluation.psnr(x, x_hat), [20, 0, np.inf])
    # The mean of 20 and 0 dB, not the ratio of the mean error, which is 2.97 dB.
    assert evaluation.mean_psnr(x[:2], x_hat[:2]) == pytest.approx(10)


def test_measures_for_pixels_in_0_1_refuse_others():
    x = np.full((2, 28, 28, 1), 0.5)
    for measure in (evaluation.psnr, evaluation.cross_entropy, evaluation.ssim):
        with pytest.raises(ValueError, match="divide 8-bit values by 255"):
            measure(x * 255, x)
        with pytest.raises(ValueError, match=r"\(x \+ 1\) / 2"):
            measure(x - 1, x)
        measure(x * 2 * (1 + 1e-7), x)  # A rounding error of a resize is forgiven.
    with pytest.raises(ValueError, match="x_hat must lie"):
        evaluation.cross_entropy(x, x - 3)  # as logits would


def test_cross_entropy_matches_a_loop_and_its_bounds(pair):
    x, x_hat = pair
    total = 0.0
    for p, q in zip(x.ravel().tolist(), x_hat.ravel().tolist(), strict=True):
        q = min(max(q, 1e-7), 1 - 1e-7)
        total -= p * np.log(q) + (1 - p) * np.log(1 - q)
    assert evaluation.cross_entropy(x, x_hat) == pytest.approx(total / x.size)
    # Nothing is below the entropy, which a perfect copy reaches; a half costs log 2.
    assert evaluation.cross_entropy(x, x) < evaluation.cross_entropy(x, x_hat)
    half = np.full_like(x, 0.5)
    assert evaluation.cross_entropy(x, half) == pytest.approx(np.log(2))
    black, white = np.zeros((1, 4)), np.ones((1, 4))
    assert evaluation.cross_entropy(black, white) == pytest.approx(-np.log(1e-7))


def test_cross_entropy_and_errors_of_many_images_are_those_of_few():
    """More than fit one block, and the last block smaller."""
    x = np.random.default_rng(1).random((1400, 28, 28, 1), dtype="float32")
    x_hat = noisy(x, 0.1)
    halves = [
        evaluation.cross_entropy(x[part], x_hat[part])
        for part in (slice(700), slice(700, None))
    ]
    assert evaluation.cross_entropy(x, x_hat) == pytest.approx(np.mean(halves))
    some = [0, 700, 1337, 1399]
    for measure in (evaluation.image_errors, evaluation.ssim):
        found = measure(x, x_hat)
        assert found.shape == (1400,)
        expected = measure(x[some], x_hat[some])
        np.testing.assert_allclose(found[some], expected, rtol=1e-12)


def noisy(x, sigma, seed=2):
    noise = np.random.default_rng(seed).normal(0, sigma, x.shape)
    return np.clip(x + noise, 0, 1)


def ssim_by_definition(x, x_hat):
    """Window by window, with all weights and the moments written out."""
    height, width, channels = x.shape
    size = min(11, height - 1 + height % 2, width - 1 + width % 2)
    away = np.arange(size) - size // 2
    weights = np.exp(-(away[:, None] ** 2 + away**2) / (2 * 1.5**2))
    weights /= weights.sum()
    values = []
    for channel in range(channels):
        for top in range(height - size + 1):
            for left in range(width - size + 1):
                at = np.s_[top : top + size, left : left + size, channel]
                a, b = x[at], x_hat[at]
                m_a, m_b = (weights * a).sum(), (weights * b).sum()
                v_a = (weights * (a - m_a) ** 2).sum()
                v_b = (weights * (b - m_b) ** 2).sum()
                covariance = (weights * (a - m_a) * (b - m_b)).sum()
                luminance = (2 * m_a * m_b + 1e-4) / (m_a**2 + m_b**2 + 1e-4)
                structure = (2 * covariance + 9e-4) / (v_a + v_b + 9e-4)
                values.append(luminance * structure)
    return np.mean(values)


@pytest.mark.parametrize(
    "shape", [(3, 11, 11, 1), (2, 14, 12, 3), (1, 28, 28, 1), (2, 9, 8, 1)]
)
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
    found = evaluation.ssim(x, little)
    np.testing.assert_array_equal(found, evaluation.ssim(little, x))
    assert (found < 1).all()
    assert (evaluation.ssim(x, much) < found - 0.1).all()
    assert (evaluation.ssim(x, 1 - x) < 0).all()


def test_ssim_needs_images():
    x = np.full((2, 28, 28, 1), 0.5)
    with pytest.raises(ValueError, match=r"\(n, height, width, channels\)"):
        evaluation.ssim(x[..., 0], x[..., 0])


def test_distance_to_nearest_matches_brute_force():
    """More references than one block holds, far from 0, where products lose digits."""
    rng = np.random.default_rng(6)
    references = rng.random((5000, 3, 2, 1)) + 1e7
    x = np.concatenate([references[[7, 4999]], rng.random((20, 3, 2, 1)) + 1e7])
    brute = [np.square(references - image).mean(axis=(1, 2, 3)).min() for image in x]
    found = evaluation.distance_to_nearest(x, references)
    np.testing.assert_allclose(found, brute, rtol=1e-9)
    np.testing.assert_array_equal(found[:2], 0)


def test_distance_to_nearest_refuses_other_images():
    x = np.zeros((2, 3, 3, 1))
    refused = [
        (x, x[:, :2], r"references of shape \(2, 2, 3, 1\)"),
        (x, x[:0], "at least one"),
        (x[:0], x, "n at least 1"),
        (x, x * np.nan, "references holds NaN"),
    ]
    for a, b, message in refused:
        with pytest.raises(ValueError, match=message):
            evaluation.distance_to_nearest(a, b)
