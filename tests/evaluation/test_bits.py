"""Bits of quantised codes against loops and theory; JPEG against its files."""

import io
import warnings
from collections import Counter

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from aelab import evaluation
from aelab.evaluation import bits


@pytest.mark.parametrize("step", [0.03, 0.25, 2, np.float32(0.7)])
def test_quantise_is_at_most_half_a_step_off(step):
    z = np.random.default_rng(16).normal(0, 3, (200, 4, 3)).astype("float32")
    symbols = evaluation.quantise(z, step)
    assert symbols.dtype == "int64"
    assert symbols.shape == z.shape
    error = np.abs(symbols * step - z).max()
    assert 0.49 * step < error <= 0.5 * step * (1 + 1e-6)


def test_quantise_of_known_values():
    z = [-1.3, -0.4, 0.0, 0.4, 0.8, 5.1]
    np.testing.assert_array_equal(evaluation.quantise(z, 0.5), [-3, -1, 0, 1, 2, 10])


def test_quantise_refuses_what_gives_no_integer():
    refused = [
        (1.0, 0, "step must be above 0"),
        (1.0, -0.5, "step=-0.5"),
        (1.0, np.nan, "step=nan"),
        (1.0, np.inf, "step=inf"),
        (np.nan, 1, "z holds NaN or infinite values"),
        (np.inf, 1, "z holds NaN or infinite values"),
        (1.0, 1e-300, "choose a larger step"),
        (1e300, 1e-300, "choose a larger step"),
    ]
    for value, step, message in refused:
        with pytest.raises(ValueError, match=message):
            evaluation.quantise(np.array([0.0, value]), step)


def bits_by_hand(train, new):
    bits = []
    for image in new.reshape(len(new), -1).tolist():
        total = 0
        units = train.reshape(len(train), -1).T.tolist()
        for seen, s in zip(units, image, strict=True):
            low, high = min(seen), max(seen)
            p = (Counter(seen)[s] + 1) / (len(seen) + high - low + 1 + 1)
            total -= np.log2(p)
            if not low <= s <= high:
                binary = f"{max(low - s, s - high):b}"
                gamma = "0" * (len(binary) - 1) + binary
                total += len("+" + gamma)
        bits.append(total)
    return bits


def test_code_bits_match_a_loop():
    rng = np.random.default_rng(17)
    scale = np.array([[0.2, 1, 4], [10, 100, 1000]])
    train = np.rint(rng.normal(0, scale, (60, 2, 3))).astype("int64")
    new = np.rint(rng.normal(0, 3 * scale, (40, 2, 3))).astype("int64")
    outside = (new < train.min(axis=0)) | (new > train.max(axis=0))
    assert 0.1 < outside.mean() < 0.9
    found = evaluation.code_bits(train, new)
    assert found.shape == (40,)
    np.testing.assert_allclose(found, bits_by_hand(train, new), rtol=1e-12)


@pytest.mark.parametrize("k", [1, 3, 6])
def test_uniform_symbols_cost_their_logarithm(k):
    rng = np.random.default_rng(k)
    train = rng.integers(-5, 2**k - 5, (20_000, 3))
    found = evaluation.code_bits(train, rng.integers(-5, 2**k - 5, (2000, 3)))
    assert found.mean() == pytest.approx(3 * k, abs=0.02)
    assert found.mean() >= 3 * k


def test_constant_symbols_cost_next_to_nothing():
    constant = np.full((5000, 10), -7)
    found = evaluation.code_bits(constant, constant[:3])
    np.testing.assert_allclose(found, 10 * np.log2(5002 / 5001))
    assert found.max() < 0.003


def test_bits_of_units_add():
    rng = np.random.default_rng(18)
    train, new = rng.poisson(3, (500, 4)), rng.poisson(3, (50, 4))
    alone = [evaluation.code_bits(train[:, [i]], new[:, [i]]) for i in range(4)]
    assert np.std(alone) > 0.1
    np.testing.assert_allclose(evaluation.code_bits(train, new), np.sum(alone, axis=0))


def test_unseen_symbols_cost_finite_bits_that_grow():
    train = np.arange(8).repeat(100)
    far = np.array([3, 8, 9, 11, 100, 10**6, 2**52])
    found = evaluation.code_bits(train, far)
    assert np.isfinite(found).all()
    assert (np.diff(found) > 0).all()
    np.testing.assert_allclose(evaluation.code_bits(train, 7 - far), found)
    gap = np.array([0, 0, 0, 5])  # 2 was never seen, yet lies in the range.
    np.testing.assert_allclose(evaluation.code_bits(gap, [2, 5]), np.log2([11, 5.5]))


def test_code_bits_are_the_lengths_of_a_code_that_can_be_read():
    """Kraft: the sum of 2^-bits over all symbols is 1, so nothing comes for free."""
    train = np.random.default_rng(19).poisson(2, 30)
    every = np.arange(-(2**16), 2**16)
    total = np.exp2(-evaluation.code_bits(train, every)).sum()
    assert 0.999 < total <= 1


def test_held_out_codes_cost_more_than_those_learned_by_heart():
    rng = np.random.default_rng(20)
    train, new = rng.integers(0, 10**6, (2, 100, 5))
    by_heart = evaluation.code_bits(train, train).mean()
    assert evaluation.code_bits(train, new).mean() > by_heart + 4


def test_code_bits_refuse_what_is_no_code():
    symbols = np.ones((5, 3), "int64")
    refused = [
        (symbols, symbols * 0.5, "integers, as quantise"),
        (symbols, symbols[:, :2], r"\(5, 2\)"),
        (symbols[:0], symbols, "at least one"),
        (symbols, symbols * -(2**63), "symbols must lie in"),  # wraps in int64
        (symbols * 2**53, symbols, "symbols_train must lie in"),
        (symbols, symbols.astype("uint64") * 2**63, "symbols must lie in"),
    ]
    for train, new, message in refused:
        with pytest.raises(ValueError, match=message):
            evaluation.code_bits(train, new)


def soft_images(*shape):
    rough = np.random.default_rng(21).random((*shape, 1))
    smooth = ndimage.gaussian_filter(rough, (0, 1.5, 1.5, 0))
    return np.clip(0.5 + 3 * (smooth - 0.5), 0, 1)


@pytest.mark.parametrize("size", [(28, 28), (27, 27), (8, 33), (5, 3)])
def test_jpeg_trades_bits_for_error(size):
    x = soft_images(30, *size)
    errors, costs = [], []
    for quality in (1, 10, 50, 90):
        x_hat, bits = evaluation.jpeg(x, quality)
        assert x_hat.shape == x.shape
        assert x_hat.dtype == "float32"
        assert x_hat.min() >= 0
        assert x_hat.max() <= 1
        errors.append(evaluation.mse(x, x_hat))
        costs.append(bits)
    assert (np.diff(errors) < 0).all()
    assert (np.diff(costs) > 0).all()
    padded = (size[0] + 7) // 8 * 8 * ((size[1] + 7) // 8 * 8)
    assert 0 < costs[-1] < 8 * padded
    assert errors[-1] < 1e-3


def test_jpeg_costs_what_the_file_weighs():
    """Sides of 8: the mosaic is the images, one below the other."""
    x = soft_images(6, 16, 8)
    file = io.BytesIO()
    column = np.rint(x.reshape(96, 8) * 255).astype("uint8")
    Image.fromarray(column).save(file, "JPEG", quality=60, optimize=True)
    decoded = np.asarray(Image.open(file)).reshape(x.shape) / 255
    x_hat, bits = evaluation.jpeg(x, 60)
    assert 6 * bits == 8 * len(file.getvalue())
    np.testing.assert_allclose(x_hat, decoded, atol=1e-6)


def test_jpeg_shares_its_header():
    x = soft_images(200, 16, 16)
    alone = np.mean([evaluation.jpeg(image[None], 50)[1] for image in x[:20]])
    assert evaluation.jpeg(x, 50)[1] < alone / 3


def test_jpeg_keeps_images_apart_and_in_order():
    """More images than one mosaic holds, each of one grey."""
    grey = np.arange(8191) * 37 % 256 / 255
    x = np.broadcast_to(grey.reshape(-1, 1, 1, 1), (8191, 7, 5, 1))
    x_hat, bits = evaluation.jpeg(x, 95)
    np.testing.assert_allclose(x_hat, x, atol=0.01)
    assert bits == pytest.approx(evaluation.jpeg(x[:8000], 95)[1], rel=0.05)


def test_jpeg_begins_a_mosaic_before_pillow_suspects_an_attack(monkeypatch):
    assert bits._LARGEST_MOSAIC < Image.MAX_IMAGE_PIXELS
    x = soft_images(9, 16, 16)
    expected, in_one = evaluation.jpeg(x, 90)
    monkeypatch.setattr(bits, "_LARGEST_MOSAIC", 2 * 16 * 16 + 1)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 2 * 16 * 16)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        x_hat, in_five = evaluation.jpeg(x, 90)
    np.testing.assert_array_equal(x_hat, expected)
    assert in_five > in_one + 4 * 100 * 8 / 9  # four more headers


@pytest.mark.parametrize("shape", [(65_496, 3), (3, 65_496)])
def test_jpeg_goes_up_to_its_longest_side(shape):
    x = np.full((2, *shape, 1), 0.5, "float32")
    x_hat, _ = evaluation.jpeg(x, 50)
    assert x_hat.shape == x.shape
    np.testing.assert_allclose(x_hat, 0.5, atol=0.01)


def test_jpeg_refuses_what_it_cannot_hold():
    x = np.full((2, 8, 8, 1), 0.5)
    tall = np.zeros((1, 65_497, 1, 1), "uint8")
    refused = [
        (x, 0, "quality must be an integer of at least 1"),
        (x, 96, "at most 95.*quality=96"),
        (x, 50.5, "quality=50.5"),
        (x, None, "quality=None"),
        (x.repeat(3, axis=-1), 50, r"1 channel.*x.mean.*\(2, 8, 8, 3\)"),
        (x[..., 0], 50, r"\(2, 8, 8\)"),
        (x[:0], 50, "n at least 1"),
        (x * 510, 50, "divide 8-bit values by 255"),
        (-x, 50, r"x must lie in \[0, 1\]"),
        (x * np.nan, 50, "x holds NaN"),
        (tall, 50, r"65496.*tiles.*\(1, 65497, 1, 1\)"),
        (tall.transpose(0, 2, 1, 3), 50, r"tiles.*\(1, 1, 65497, 1\)"),
        (np.zeros((1, 9000, 9000, 1), "uint8"), 50, "67108864 pixels.*tiles"),
    ]
    for images, quality, message in refused:
        with pytest.raises(ValueError, match=message):
            evaluation.jpeg(images, quality)
    # A rounding error above 1 is forgiven, and stays white.
    assert evaluation.jpeg(x * 2 * (1 + 3e-6), 95)[0].min() > 0.99
