"""Corruptions: their statistics, when they are drawn, and what is refused.

Statistics are held against closed forms, within five standard errors.
"""

import keras
import numpy as np
import pytest
from keras import ops
from scipy import ndimage

from aelab import corruption
from aelab.corruption import (
    AdditiveGaussian,
    MaskPatch,
    MaskPixels,
    OneOf,
    RandomAffine,
    SaltAndPepper,
)

# Each kind with a single amount, and the name of that argument.
AMOUNTS = {
    AdditiveGaussian: "stddev",
    MaskPixels: "rate",
    SaltAndPepper: "rate",
    MaskPatch: "size",
    RandomAffine: "factor",
}
KINDS = list(AMOUNTS)
# Few shapes: JAX compiles every operation for each of them.
GREY = np.full((200, 20, 20, 1), 0.5, "float32")
DOTS = np.full((2000, 1, 1, 1), 0.5, "float32")
COLOUR = np.random.default_rng(0).uniform(0.1, 0.9, (20, 9, 13, 3)).astype("float32")


def every_kind(amount=0.5, **options):
    """One layer of each kind, and one that draws among the others."""
    layers = [kind(amount, **options) for kind in KINDS]
    parts = [kind(amount) for kind in KINDS]
    return [*layers, OneOf(parts, **options)]


def numpy(tensor):
    return ops.convert_to_numpy(tensor)


def assert_mean(values, expected, spread):
    """The mean of independent values, whose standard deviation is `spread`."""
    error = spread / np.sqrt(np.size(values))
    assert np.mean(values) == pytest.approx(expected, abs=5 * error)


def assert_fraction(flags, expected):
    assert_mean(flags, expected, np.sqrt(expected * (1 - expected)))


def assert_uncorrelated(a, b):
    correlation = np.corrcoef(np.ravel(a), np.ravel(b))[0, 1]
    assert abs(correlation) < 5 / np.sqrt(np.size(a))


# What each corruption does.


def test_gaussian_noise_has_the_moments_of_a_gaussian():
    stddev = 0.05  # mid-grey is ten of them away from the clip
    corrupted = AdditiveGaussian(stddev).corrupt_array(GREY, seed=0)
    noise = corrupted.astype("float64") - 0.5
    assert_mean(noise, 0, stddev)
    assert_mean(noise**2, stddev**2, np.sqrt(2) * stddev**2)
    assert_mean(noise**4, 3 * stddev**4, np.sqrt(96) * stddev**4)
    assert_uncorrelated(noise[:, :, 1:], noise[:, :, :-1])
    coloured = AdditiveGaussian(0.01).corrupt_array(COLOUR, seed=0) - COLOUR
    assert_uncorrelated(coloured[..., 0], coloured[..., 1])


@pytest.mark.parametrize("value_range", [(0, 1), (-1, 1)])
def test_clipped_noise_has_the_moments_in_the_docstring(value_range):
    stddev = 0.2
    layer = AdditiveGaussian(stddev, value_range=value_range)
    for end in value_range:
        corrupted = layer.corrupt_array(np.full_like(GREY, end), seed=1)
        away = np.abs(corrupted.astype("float64") - end)
        assert_mean(
            away, stddev / np.sqrt(2 * np.pi), stddev * np.sqrt(0.5 - 0.5 / np.pi)
        )
        assert_mean(away**2, stddev**2 / 2, stddev**2 * np.sqrt(1.5 - 0.25))


def test_noise_is_clipped_to_the_range_and_only_there():
    below = 0.401294  # the standard normal below -0.5 / 2
    clipped = AdditiveGaussian(2.0).corrupt_array(GREY, seed=2)
    assert_fraction(clipped == 0, below)
    assert_fraction(clipped == 1, below)
    free = AdditiveGaussian(2.0, value_range=None).corrupt_array(GREY, seed=2)
    np.testing.assert_array_equal(np.clip(free, 0, 1), clipped)
    assert_mean(free.astype("float64") ** 2, 0.25 + 4, np.sqrt(2 * 16 + 4))


@pytest.mark.parametrize(
    ("value_range", "missing"), [((0, 1), 0), ((-1, 1), -1), (None, 0), ((0, 255), 0)]
)
def test_mask_pixels_masks_a_fraction_with_the_value_of_the_range(value_range, missing):
    for rate in (0.1, 0.75):
        masked = MaskPixels(rate, value_range=value_range).corrupt_array(GREY, seed=0)
        assert set(np.unique(masked)) == {missing, 0.5}
        assert_fraction(masked == missing, rate)
        for place in (masked == missing).reshape(200, -1).T:
            assert_fraction(place, rate)


def test_rescaling_keeps_the_expected_value_and_is_not_clipped():
    x = np.tile(np.float32([0.1, 0.5, 0.9]), (20_000, 1))
    for value_range, shift in (((0, 1), 0), (None, 0), (None, -5), ((-1, 1), -0.9)):
        layer = MaskPixels(0.75, rescale=True, value_range=value_range)
        rescaled = layer.corrupt_array(x + shift, seed=0)
        for found, value in zip(rescaled.T, x[0] + shift, strict=True):
            low = -1 if value_range == (-1, 1) else 0
            height = value - low  # 4 times that in a quarter of the cases
            left = np.unique(found)
            np.testing.assert_allclose(
                left, np.sort([low, low + 4 * height]), rtol=1e-5
            )
            assert_mean(found, value, abs(height) * np.sqrt(3))
    drawn = MaskPixels((0.2, 0.8), rescale=True).corrupt_array(x, seed=0)
    assert_mean(drawn[:, 1], 0.5, 0.5 * np.sqrt(np.log(4) / 0.6 - 1))


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-1, 1)])
def test_salt_and_pepper_are_the_ends_of_the_range_in_equal_parts(low, high):
    for rate in (0.1, 0.75, 1.0):
        layer = SaltAndPepper(rate, value_range=(low, high))
        noisy = layer.corrupt_array(GREY, seed=0)
        assert set(np.unique(noisy)) == ({low, high} | ({0.5} if rate < 1 else set()))
        assert_fraction(noisy == low, rate / 2)
        assert_fraction(noisy == high, rate / 2)


@pytest.mark.parametrize(
    ("shape", "size", "side"),
    [
        ((9, 13, 3), 0.4, 4),
        ((20, 7, 1), 1.0, 7),
        ((1, 1, 1), 1.0, 1),
        ((12, 2), 0.25, 3),  # a signal
        ((9,), 0.3, 3),  # a table
        ((4, 5, 6, 1), 0.5, 2),  # a volume
    ],
)
def test_mask_patch_hides_one_piece_anywhere_inside(shape, size, side):
    n, axes = 2000, range(1, max(len(shape), 2))
    layer = MaskPatch(size)
    corrupted, hidden = layer.corrupt_array(np.ones((n, *shape)), 0, return_mask=True)
    np.testing.assert_array_equal(hidden, corrupted == 0)
    box, firsts = np.ones_like(hidden), []
    for axis in axes:
        others = tuple(other for other in range(1, hidden.ndim) if other != axis)
        covered = hidden.any(axis=others, keepdims=True)
        box &= covered  # all crossings of what is covered along each axis
        covered = covered.reshape(n, -1)
        first = covered.argmax(axis=1)
        assert (covered.sum(axis=1) == side).all()
        assert covered[range(n), first + side - 1].all()  # in one run
        n_places = covered.shape[1] - side + 1
        for place in range(n_places):
            assert_fraction(first == place, 1 / n_places)
        firsts.append(first)
    np.testing.assert_array_equal(hidden, box)
    for i, first in enumerate(firsts):
        for other in firsts[:i]:
            if np.ptp(first) and np.ptp(other):
                assert_uncorrelated(first, other)


def test_random_affine_is_that_of_scipy():
    n, factor, seed = len(COLOUR), 0.5, 7
    moved = numpy(RandomAffine(factor)._corrupt(ops.array(COLOUR), factor, seed))
    draws = [
        factor * numpy(keras.random.uniform((n,), -1, 1, seed=part))
        for part in corruption.split_seed(seed, 5)
    ]
    for image, found, draw in zip(COLOUR, moved, np.transpose(draws), strict=True):
        rotation, shear, scaling = draw[:3]
        shift_x, shift_y = draw[3:]
        angle = np.radians(25 * rotation)
        # SciPy counts (row, column); rows grow downwards, so a shear to the right
        # moves the upper rows.
        matrix = np.array(
            [[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]
        )
        matrix = matrix @ np.array([[1, 0], [0.5 * shear, 1]]) / (1 + 0.25 * scaling)
        sides = np.array([9, 13])
        centre = (sides - 1) / 2
        target = centre + 0.1 * sides * np.array([shift_y, shift_x])
        offset = centre - matrix @ target
        for channel in range(3):
            expected = ndimage.affine_transform(
                image[..., channel], matrix, offset, order=1, mode="grid-constant"
            )
            np.testing.assert_allclose(found[..., channel], expected, atol=1e-3)
    signed = RandomAffine(factor, value_range=(-1, 1))
    again = numpy(signed._corrupt(ops.array(2 * COLOUR - 1), factor, seed))
    np.testing.assert_allclose(again, 2 * moved - 1, atol=1e-5)


def test_random_affine_moves_both_ways_up_to_its_factor_and_fills_with_black():
    blob = np.zeros((500, 21, 21, 1), "float32")
    blob[:, 9:12, 9:12] = 1
    moved = RandomAffine(1.0).corrupt_array(blob, seed=0)[..., 0]
    mass = moved.sum(axis=(1, 2))
    row = (moved.sum(axis=2) * np.arange(21)).sum(axis=1) / mass
    column = (moved.sum(axis=1) * np.arange(21)).sum(axis=1) / mass
    for centre in (row, column):
        assert_mean(centre, 10, 2.1 / np.sqrt(3))
        assert 0.9 < np.abs(centre - 10).max() / 2.1 <= 1.02
    assert 0.45 < mass.min() / 9 < 0.65 < 1.4 < mass.max() / 9 < 1.7  # 0.75^2, 1.25^2
    assert_uncorrelated(row, column)
    assert_uncorrelated(row, mass)
    assert_uncorrelated(column, mass)
    for value_range, black in (((0, 1), 0), ((-1, 1), -1), (None, 0)):
        layer = RandomAffine(1.0, value_range=value_range)
        white = layer.corrupt_array(np.ones_like(blob), seed=0)
        assert white.min() == black
        assert (white == black).any(axis=(1, 2, 3)).mean() > 0.5
        assert (white[:, 8:13, 8:13] > 0.999).all()


def test_one_of_draws_each_kind_equally_often():
    layer = OneOf([MaskPixels(1.0), SaltAndPepper(1.0), AdditiveGaussian(0.0)])
    dots = layer.corrupt_array(DOTS, seed=0)
    assert_fraction(dots == 0, 1 / 3 + 1 / 6)
    assert_fraction(dots == 1, 1 / 6)
    assert_fraction(dots == 0.5, 1 / 3)
    # Which kind it is does not depend on what the kind draws.
    layer = OneOf([MaskPixels(0.5), AdditiveGaussian(0.0)])
    assert_fraction(layer.corrupt_array(DOTS, seed=0) == 0, 1 / 4)


# Masks.


def test_masks_say_where_values_were_replaced():
    signed, signals = 2 * COLOUR - 1, COLOUR[:, :, 0]
    for x, value_range in ((COLOUR, (0, 1)), (signed, (-1, 1)), (signals, (0, 1))):
        for kind in (MaskPixels, SaltAndPepper, MaskPatch):
            layer = kind((0.2, 0.8), value_range=value_range)
            corrupted, mask = layer.corrupt_array(x, seed=4, return_mask=True)
            assert mask.shape == x.shape
            assert mask.dtype == bool
            np.testing.assert_array_equal(mask, corrupted != x)
            np.testing.assert_array_equal(corrupted, layer.corrupt_array(x, seed=4))
            # A pixel is corrupted in all of its channels alike.
            assert (mask == mask[..., :1]).all()
            for pixel in corrupted[mask].reshape(-1, 3):
                assert pixel.min() == pixel.max()
    # What is black already is masked as well.
    layer = MaskPixels(0.5)
    mask = layer.corrupt_array(np.zeros_like(GREY), seed=0, return_mask=True)[1]
    assert_fraction(mask, 0.5)


def test_features_of_a_table_are_masked_independently():
    table = np.ones((5000, 2))
    for layer in (MaskPixels(0.5), SaltAndPepper(0.5)):
        mask = layer.corrupt_array(table, seed=0, return_mask=True)[1]
        assert_uncorrelated(mask[:, 0], mask[:, 1])


# Shapes, ranges and types.


def test_any_rank_and_range_keeps_its_shape_dtype_and_range():
    shapes = [(20, 5), (20, 11, 2), COLOUR.shape]
    rng = np.random.default_rng(2)
    for shape in shapes:
        for low, high in ((0, 1), (-1, 1), (None, None)):
            value_range = None if low is None else (low, high)
            x = (
                rng.normal(size=shape) * 9
                if low is None
                else rng.uniform(low, high, shape)
            )
            kinds = [AdditiveGaussian, MaskPixels, MaskPatch]
            kinds += [SaltAndPepper] if value_range else []
            kinds += [RandomAffine] if len(shape) == 4 else []
            layers = [kind((0.3, 0.5), value_range=value_range) for kind in kinds]
            for layer in layers:
                corrupted = layer.corrupt_array(x, seed=0)
                assert corrupted.shape == shape
                assert corrupted.dtype == np.float32
                assert np.abs(corrupted - x).max() > 0.1
                if value_range:
                    assert low - 1e-6 <= corrupted.min()
                    assert corrupted.max() <= high + 1e-6


def test_an_amount_of_zero_changes_nothing_in_any_range():
    for value_range in ((0, 1), (-1, 1), None):
        low, high = value_range or (-30, 30)
        x = low + (high - low) * COLOUR
        for kind in KINDS:
            if kind is SaltAndPepper and value_range is None:
                continue
            layer = kind(0, value_range=value_range)
            tolerance = 1e-5 * high if kind is RandomAffine else 0
            corrupted = layer.corrupt_array(x, seed=0)
            np.testing.assert_allclose(corrupted, x, rtol=0, atol=tolerance)
        rescaled = MaskPixels(0, rescale=True, value_range=value_range)
        np.testing.assert_allclose(rescaled.corrupt_array(x, 0), x, atol=1e-5)


def test_random_affine_names_the_shape_that_it_needs():
    signal = np.ones((2, 100, 1), "float32")
    for layer in (RandomAffine(0.5), OneOf([MaskPixels(0.5), RandomAffine(0.5)])):
        words = r"shape \(n, height, width, channels\).*Received: x of shape \("
        with pytest.raises(ValueError, match=words + "2, 100, 1"):
            layer.corrupt_array(signal, seed=0)
        with pytest.raises(ValueError, match=words + "2, 100, 1"):
            layer(signal, training=True)
        with pytest.raises(ValueError, match=words + "None, 100, 1"):
            layer(keras.Input((100, 1)))


def test_integers_come_out_in_the_compute_dtype_in_both_modes():
    ones = ops.ones(GREY.shape, "int32")
    for layer in (
        AdditiveGaussian(0.2, seed=0),
        MaskPixels(0.5),
        OneOf([MaskPixels(1)]),
    ):
        for training in (False, True):
            found = layer(ones, training=training)
            assert keras.backend.standardize_dtype(found.dtype) == "float32"
        assert layer(keras.Input((20, 20, 1), dtype="int32")).dtype == "float32"
        assert layer.corrupt_array(np.ones((3, 2), int), seed=0).dtype == np.float32
    noisy = numpy(AdditiveGaussian(0.2, seed=0)(ones, training=True))
    assert_mean(noisy - 1, -0.2 / np.sqrt(2 * np.pi), 0.2)


def test_half_precision_keeps_small_rates():
    for dtype in ("mixed_bfloat16", "mixed_float16"):
        # 0.002 is below what bfloat16 tells apart near 1.
        layer = MaskPixels(0.002, seed=0, dtype=dtype)
        found = layer(GREY, training=True)
        assert keras.backend.standardize_dtype(found.dtype) == layer.compute_dtype
        assert_fraction(numpy(ops.cast(found, "float32")) == 0, 0.002)
        assert layer.corrupt_array(GREY, seed=0).dtype == np.float32
    dtypes = ["mixed_bfloat16"]
    if keras.backend.backend() != "jax":  # where float64 has to be switched on
        dtypes.append("float64")
    for dtype in dtypes:
        for layer in every_kind((0.1, 0.5), dtype=dtype):
            found = layer(GREY, training=True)
            assert keras.backend.standardize_dtype(found.dtype) == layer.compute_dtype
            assert np.abs(numpy(ops.cast(found, "float32")) - GREY).max() > 0.05


# Amounts that differ between examples.


def test_a_pair_gives_each_example_its_own_amount():
    low, high = 0.2, 0.6
    masked = MaskPixels((low, high)).corrupt_array(GREY, seed=0) == 0
    fractions = masked.mean(axis=(1, 2, 3))
    noise = np.sqrt(0.25 / 400)
    assert fractions.min() > low - 4 * noise
    assert fractions.max() < high + 4 * noise
    assert_mean(fractions, 0.4, (high - low) / np.sqrt(12) + noise)
    expected = (high - low) ** 2 / 12 + noise**2
    assert fractions.var() == pytest.approx(expected, rel=0.25)
    # Amounts are independent of the draws that they are compared with.
    assert_fraction(MaskPixels((0, 1)).corrupt_array(DOTS, seed=0) == 0, 0.5)


def test_a_pair_is_used_in_full():
    noisy = AdditiveGaussian((0.01, 0.1)).corrupt_array(GREY, seed=0)
    salted = SaltAndPepper((0, 1)).corrupt_array(GREY, seed=0)
    patched = MaskPatch((0.2, 0.8)).corrupt_array(GREY, seed=0)
    for amounts, low, high in (
        (noisy.std(axis=(1, 2, 3)), 0.01, 0.1),
        ((salted == 1).mean(axis=(1, 2, 3)), 0, 0.5),
        (np.sqrt((patched == 0).mean(axis=(1, 2, 3))), 0.2, 0.8),
    ):
        assert 0.9 * low <= amounts.min() < low + 0.1 * (high - low)
        assert high - 0.1 * (high - low) < amounts.max() < 1.15 * high
    layer = AdditiveGaussian((0.01, 0.1), seed=0)
    first = numpy(layer(GREY, training=True)).std(axis=(1, 2, 3))
    second = numpy(layer(GREY, training=True)).std(axis=(1, 2, 3))
    assert_uncorrelated(first, second)


# When it is drawn.


def test_each_call_and_each_example_is_drawn_afresh_in_training():
    for layer in every_kind(seed=1):
        first = numpy(layer(GREY, training=True))
        second = numpy(layer(GREY, training=True))
        assert not np.array_equal(first, second)
        assert not np.array_equal(first[0], first[1])


def test_rests_at_inference_unless_asked():
    for layer in every_kind():
        np.testing.assert_array_equal(numpy(layer(GREY)), GREY)
        np.testing.assert_array_equal(numpy(layer(GREY, training=False)), GREY)
    for layer in every_kind(at_inference=True):
        first = numpy(layer(GREY, training=False))
        assert np.abs(first - GREY).max() > 0.1
        assert not np.array_equal(first, numpy(layer(GREY, training=False)))
    resting = OneOf([MaskPixels(1.0, at_inference=True)])
    np.testing.assert_array_equal(numpy(resting(GREY)), GREY)
    asked = OneOf([MaskPixels(1.0)], at_inference=True)
    assert numpy(asked(GREY)).max() == 0


def test_fit_draws_afresh_for_each_batch_and_epoch():
    layer = OneOf([kind((0.1, 0.6)) for kind in KINDS], seed=0)
    dense = keras.layers.Dense(1, kernel_initializer="ones")
    model = keras.Sequential([keras.Input((20, 20, 1)), layer, dense])
    # Nothing is learnt at a rate of 0: only new corruption can move the loss.
    model.compile(keras.optimizers.SGD(0.0), loss="mse", jit_compile=False)
    losses = []
    keep = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: losses.append(float(logs["loss"]))
    )
    model.fit(GREY, GREY, 50, epochs=2, shuffle=False, verbose=0, callbacks=[keep])
    assert len(set(losses)) == 8
    assert model.evaluate(GREY, GREY, verbose=0) == 0


@pytest.mark.skipif(
    keras.backend.backend() == "torch", reason="PyTorch would first compile C++"
)
def test_compiled_code_draws_afresh():
    parts = [MaskPatch((0.1, 0.6)), SaltAndPepper(0.5)]
    layer = OneOf(parts, at_inference=True, seed=0)
    model = keras.Sequential([keras.Input((20, 20, 1)), layer])
    model.compile(loss="mse", jit_compile=True)
    losses = {model.evaluate(GREY, GREY, 50, verbose=0) for _ in "abc"}
    assert len(losses) == 3
    assert min(losses) > 0
    assert RandomAffine(0.5).supports_jit == (keras.backend.backend() != "tensorflow")


def test_evaluate_measures_the_corruption_when_asked():
    layer = MaskPixels(0.3, at_inference=True, seed=0)
    model = keras.Sequential([keras.Input((20, 20, 1)), layer])
    model.compile(loss="mse")
    losses = [model.evaluate(GREY, GREY, 100, verbose=0) for _ in "ab"]
    error = 0.25 * np.sqrt(0.3 * 0.7 / GREY.size)
    np.testing.assert_allclose(losses, 0.3 * 0.25, atol=5 * error)
    assert losses[0] != losses[1]


# Seeds.


def test_corrupt_array_depends_on_its_arguments_alone():
    kept = COLOUR.copy()
    for layer in every_kind():
        keras.utils.set_random_seed(0)
        before = layer.corrupt_array(COLOUR, seed=5)
        layer(COLOUR, training=True)
        keras.utils.set_random_seed(1)
        np.testing.assert_array_equal(layer.corrupt_array(COLOUR, seed=5), before)
        same = layer.corrupt_array(COLOUR.tolist(), seed=np.int64(5))
        np.testing.assert_array_equal(same, before)
        assert not np.array_equal(layer.corrupt_array(COLOUR, seed=6), before)
    np.testing.assert_array_equal(COLOUR, kept)


def test_batches_and_seeds_of_corrupt_array_are_uncorrelated():
    dots, layer = np.ones((3500, 1, 1, 1)), MaskPixels(0.5)
    found = [layer.corrupt_array(dots, seed) for seed in range(4)]
    batches = [part for dots in found for part in np.split(dots, [1000, 2000, 3000])]
    for i, batch in enumerate(batches):
        for other in batches[:i]:
            n = min(len(batch), len(other))
            assert_uncorrelated(batch[:n], other[:n])


def test_corrupt_array_hashes_its_seed_so_that_results_can_be_drawn_again():
    def hashed(seed, n):
        states = np.random.SeedSequence(seed).generate_state(n)
        return [int(state) % 2**31 for state in states]

    x = np.full((1500, 3, 3, 1), 0.5, "float32")
    found = MaskPixels(0.5).corrupt_array(x, seed=9)
    for start, batch_seed in zip((0, 1000), hashed(9, 2), strict=True):
        batch = found[start : start + 1000]
        draw_seed = hashed(batch_seed, 2)[1]
        draws = numpy(keras.random.uniform(batch.shape, seed=draw_seed))
        np.testing.assert_array_equal(batch == 0, draws < 0.5)


def test_layers_of_one_seed_draw_the_same_stream():
    def stream(layer):
        return np.array([numpy(layer(GREY, training=True)) for _ in "ab"])

    first = stream(MaskPixels(0.5, seed=3))
    np.testing.assert_array_equal(stream(MaskPixels(0.5, seed=3)), first)
    assert_uncorrelated(stream(MaskPixels(0.5, seed=4)), first)
    unseeded = []
    for _ in "ab":
        keras.utils.set_random_seed(7)
        unseeded.append(stream(MaskPixels(0.5)))
    np.testing.assert_array_equal(unseeded[0], unseeded[1])


# Keras's contract with a layer.


@pytest.mark.filterwarnings("error:.*build")
def test_works_in_a_model_whose_sides_and_batch_are_known_late():
    for sides in ((9, 13), (None, None)):
        for layer in every_kind():
            model = keras.Sequential([keras.Input((*sides, 3)), layer])
            assert model.output_shape == (None, *sides, 3)
            assert layer.count_params() == 0
            corrupted = numpy(model(COLOUR, training=True))
            assert np.abs(corrupted - COLOUR).max() > 0.1
            np.testing.assert_array_equal(model.predict(COLOUR, verbose=0), COLOUR)


def test_config_restores_every_argument():
    options = {"at_inference": True, "seed": 9, "name": "mine", "dtype": "float32"}
    layers = [kind((0.1, 0.4), value_range=(-1, 1), **options) for kind in KINDS]
    layers.append(MaskPixels([0.1, 0.4], rescale=True, value_range=None, **options))
    inner = OneOf([MaskPatch(0.2, value_range=(-1, 1)), *layers[1:3]])
    layers.append(OneOf([layers[0], inner], **options))
    for layer in layers:
        config = layer.get_config()
        copied = keras.saving.deserialize_keras_object(
            keras.saving.serialize_keras_object(layer)
        )
        for restored in (type(layer).from_config(config), copied):
            assert restored.get_config() == config
            assert restored.at_inference
            assert (restored.seed, restored.name) == (9, "mine")
            assert restored.value_range == layer.value_range
            np.testing.assert_array_equal(
                restored.corrupt_array(COLOUR, 0), layer.corrupt_array(COLOUR, 0)
            )
    assert layers[0].stddev == (0.1, 0.4)
    assert layers[-2].rate == (0.1, 0.4)


@pytest.mark.filterwarnings("error::UserWarning")
def test_a_saved_model_gives_equal_outputs(tmp_path):
    for layer in every_kind((0.1, 0.4), at_inference=True, seed=9):
        model = keras.Sequential([keras.Input((9, 13, 3)), layer])
        model.save(tmp_path / "model.keras")
        loaded = keras.saving.load_model(tmp_path / "model.keras")
        assert type(loaded.layers[-1]) is type(layer)
        for _ in "ab":
            np.testing.assert_array_equal(numpy(loaded(COLOUR)), numpy(model(COLOUR)))


# A corruption of one's own, as the docstring of `Corruption` shows it.


@keras.saving.register_keras_serializable(package="tests")
class Fade(corruption.Corruption):
    """Takes away a part of the brightness of each example."""

    def __init__(self, strength, **options):
        super().__init__(**options)
        self._set_amount("strength", strength, high=1)

    def _corrupt(self, x, amount, seed):
        return (1 - amount) * x


class Invert(corruption.Corruption):
    """Has no amount to choose."""

    def _corrupt(self, x, amount, seed):
        assert amount is None
        return self._clip(1.5 - x)


def test_a_subclass_of_a_few_lines_is_a_full_corruption(tmp_path):
    np.testing.assert_allclose(Fade(0.3).corrupt_array(GREY, seed=0), 0.35, rtol=1e-6)
    faded = Fade((0.2, 0.6)).corrupt_array(GREY, seed=0).mean(axis=(1, 2, 3))
    assert_mean(faded, 0.3, 0.2 / np.sqrt(12))
    half = Fade((0.2, 0.6), dtype="mixed_bfloat16")(GREY, training=True)
    assert keras.backend.standardize_dtype(half.dtype) == "bfloat16"
    mixed = OneOf([Fade(1.0), MaskPixels(0.0)]).corrupt_array(GREY, seed=0)
    assert_fraction(mixed[:, 0, 0] == 0, 0.5)
    with pytest.raises(ValueError, match=r"strength must be .* from 0 to 1"):
        Fade(1.1)

    model = keras.Sequential([keras.Input((20, 20, 1)), Fade((0.2, 0.6), seed=2)])
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras").layers[-1]
    assert loaded.get_config() == model.layers[-1].get_config()
    assert loaded.strength == (0.2, 0.6)


def test_a_subclass_needs_no_amount_but_the_hook():
    assert Invert().corrupt_array(np.zeros((2, 3)), seed=0).max() == 1  # clipped
    assert "amount" not in str(Invert().get_config())
    with pytest.raises(NotImplementedError, match=r"Corruption must define _corrupt"):
        corruption.Corruption().corrupt_array(GREY, seed=0)


# What is refused.


def test_every_kind_of_the_package_is_tested_here():
    kinds = {
        kind
        for name, kind in vars(corruption).items()
        if isinstance(kind, type)
        and issubclass(kind, corruption.Corruption)
        and not name.startswith("_")
    }
    assert kinds == {*AMOUNTS, OneOf, corruption.Corruption}


def test_bad_arguments_are_named_with_what_was_received():
    for kind, name in AMOUNTS.items():
        for value in (-0.1, 50, np.nan, np.inf, "0.5", None, True, [0.1, 0.2, 0.3], ()):
            with pytest.raises(
                ValueError, match=f"^{name} must be .*Received: {name}="
            ):
                kind(value)
        for pair in ((0.6, 0.2), (-0.1, 0.5), (0.1, 9), (0.1, None), ("a", "b")):
            with pytest.raises(ValueError, match=rf"^{name}\[[01]\] must be a number"):
                kind(pair)
        for seed in (-1, 2**31, 1.5, "1", True):
            with pytest.raises(ValueError, match=r"^seed must be "):
                kind(0.5, seed=seed)
        for value_range in (1, (0,), (0, 1, 2), (1, 0), (0, 0), (0, np.inf), "01"):
            with pytest.raises(ValueError, match=r"^value_range.* must be "):
                kind(0.5, value_range=value_range)
        if kind is not AdditiveGaussian:
            with pytest.raises(ValueError, match="from 0 to 1"):
                kind(1.01)

    with pytest.raises(ValueError, match=r"stddev must be a number from 0 to 4\."):
        AdditiveGaussian(4.1, value_range=(-1, 1))
    for rate in (1, (0.5, 1.0)):
        with pytest.raises(ValueError, match="rate must be below 1 with rescale=True"):
            MaskPixels(rate, rescale=True)
    with pytest.raises(ValueError, match="SaltAndPepper needs a value_range"):
        SaltAndPepper(0.5, value_range=None)
    for parts in ([], MaskPixels(0.5), [0.5], [keras.layers.Dropout(0.5)], None):
        with pytest.raises(ValueError, match="corruptions must be a list"):
            OneOf(parts)
    with pytest.raises(ValueError, match="corruptions must share one value_range"):
        OneOf([MaskPixels(0.5), MaskPixels(0.5, value_range=(-1, 1))])


def test_bad_arrays_are_named_with_a_cure():
    table = [
        (np.float32(0.5), "at least two axes"),
        (GREY[:, 0, 0, 0], "at least two axes"),
        (GREY[:0], "at least one example"),
        (GREY[:, :, :0], "at least one example"),
        (np.where(GREY > 0, np.nan, GREY), "NaN"),
        (GREY + np.inf, "infinite"),
        ((GREY * 255).astype("uint8"), "divide 8-bit values by 255"),
        (GREY - 1, r"\(x \+ 1\) / 2"),
        (GREY - 3, r"tell the layer its value_range.*Received: x in \[-2.5, -2.5\]"),
    ]
    for x, words in table:
        for layer in (MaskPixels(0.5), OneOf([AdditiveGaussian(0.5)])):
            with pytest.raises(ValueError, match=words):
                layer.corrupt_array(x, seed=0)
    for seed in (-1, 2**31, 1.5, "1", None):
        with pytest.raises(ValueError, match="seed must be"):
            MaskPixels(0.5).corrupt_array(GREY, seed)
    with pytest.raises(ValueError, match="at least two axes"):
        MaskPixels(0.5)(GREY[:, 0, 0, 0], training=True)
