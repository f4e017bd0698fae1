"""Damage to images: its statistics, when it is drawn, and what is refused.

Statistics are held against closed forms, within five standard errors.
"""

import keras
import numpy as np
import pytest
from keras import ops
from scipy import ndimage

from aelab import corruption, evaluation, glyphs, models, training
from aelab.corruption import (
    AdditiveGaussian,
    MaskPatch,
    MaskPixels,
    OneOf,
    RandomAffine,
    SaltAndPepper,
)

LEVELLED = [AdditiveGaussian, MaskPixels, SaltAndPepper, MaskPatch, RandomAffine]
# Few shapes: JAX compiles every operation for each of them.
GREY = np.full((200, 20, 20, 1), 0.5, "float32")
DOTS = np.full((2000, 1, 1, 1), 0.5, "float32")
COLOUR = np.random.default_rng(0).random((20, 9, 13, 3), "float32") * 0.8 + 0.1


def every_kind(level=0.5, **options):
    parts = [kind(level) for kind in LEVELLED]
    return [*(kind(level, **options) for kind in LEVELLED), OneOf(parts, **options)]


def kinds(argument="layer", **options):
    layers = every_kind(**options)
    return pytest.mark.parametrize(argument, layers, ids=lambda c: type(c).__name__)


@pytest.fixture(scope="module")
def x():
    return glyphs.draw(200, seed=3).images[:, 4:24, 4:24]


def identity(damage):
    """A model that gives back its damaged input: its loss is the damage itself."""
    parts = [
        keras.Sequential([keras.Input((20, 20, 1)), keras.layers.Identity()])
        for _ in range(2)
    ]
    model = models.Autoencoder(*parts, damage)
    model.compile("sgd", loss="mse", **training.fast_settings())
    return model


def numpy(tensor):
    return ops.convert_to_numpy(tensor)


def assert_mean(values, expected, spread):
    """The mean of independent values, whose standard deviation is `spread`."""
    error = spread / np.sqrt(np.size(values))
    assert np.mean(values) == pytest.approx(expected, abs=5 * error)


def assert_share(flags, expected):
    assert_mean(flags, expected, np.sqrt(expected * (1 - expected)))


# What each corruption does.


def test_gaussian_noise_has_the_moments_of_a_gaussian():
    s = 0.05  # mid-grey is ten of them away from the clip
    noise = AdditiveGaussian(s).apply(GREY, seed=0).astype("float64") - 0.5
    assert_mean(noise, 0, s)
    assert_mean(noise**2, s**2, np.sqrt(2) * s**2)
    assert_mean(noise**4, 3 * s**4, np.sqrt(96) * s**4)
    neighbours = noise[:, :, 1:] * noise[:, :, :-1]
    assert_mean(neighbours, 0, s**2)


@pytest.mark.parametrize("white", [False, True])
def test_clipped_noise_has_the_moments_in_the_docstring(white):
    s = 0.2
    noisy = AdditiveGaussian(s).apply(np.full_like(GREY, white), seed=1)
    away = np.abs(noisy.astype("float64") - white)
    assert_mean(away, s / np.sqrt(2 * np.pi), s * np.sqrt(0.5 - 0.5 / np.pi))
    assert_mean(away**2, s**2 / 2, s**2 * np.sqrt(1.5 - 0.25))


def test_strong_noise_is_clipped_into_the_range():
    noisy = AdditiveGaussian(2.0).apply(GREY, seed=2)
    below = 0.401294  # the standard normal below -0.5 / 2
    assert_share(noisy == 0, below)
    assert_share(noisy == 1, below)
    assert noisy.min() == 0
    assert noisy.max() == 1


@pytest.mark.parametrize("level", [0.1, 0.75])
def test_mask_pixels_hides_its_share(level):
    masked = MaskPixels(level).apply(GREY, seed=0)
    assert set(np.unique(masked)) == {0, 0.5}
    assert_share(masked == 0, level)
    for place in (masked == 0).reshape(200, -1).T:
        assert_share(place, level)


@pytest.mark.parametrize("level", [0.1, 0.75, 1.0])
def test_salt_and_pepper_replaces_its_share_half_and_half(level):
    noisy = SaltAndPepper(level).apply(GREY, seed=0)
    assert set(np.unique(noisy)) == ({0, 1} if level == 1 else {0, 0.5, 1})
    assert_share(noisy == 0, level / 2)
    assert_share(noisy == 1, level / 2)


@pytest.mark.parametrize(
    ("shape", "level", "side"),
    [
        ((9, 13, 3), 0.4, 4),
        ((20, 7, 1), 0.3, 2),
        ((20, 7, 1), 1.0, 7),
        ((1, 1, 1), 1.0, 1),
    ],
)
def test_mask_patch_hides_a_square_anywhere_inside(shape, level, side):
    n, (height, width, _) = 2000, shape
    hidden = MaskPatch(level).apply(np.ones((n, *shape)), seed=0) == 0
    assert (hidden == hidden[..., :1]).all()
    rows, columns = hidden.any(axis=(2, 3)), hidden.any(axis=(1, 3))
    # As many rows and columns as the side, all of their crossings, in one piece.
    assert (rows.sum(1) == side).all()
    assert (columns.sum(1) == side).all()
    assert (hidden[..., 0] == rows[:, :, None] & columns[:, None]).all()
    top, left = rows.argmax(1), columns.argmax(1)
    assert (rows[range(n), top + side - 1] & columns[range(n), left + side - 1]).all()
    for first, places in ((top, height - side + 1), (left, width - side + 1)):
        for place in range(places):
            assert_share(first == place, 1 / places)
    down, right = top - top.mean(), left - left.mean()
    assert_mean(down * right, 0, down.std() * right.std() + 1e-9)


@pytest.mark.parametrize(
    "draws", [*2 * np.eye(5), -np.eye(5)[1], (0.5, -0.3, 0.8, 0.2, -0.6)]
)
def test_random_affine_moves_as_its_docstring_says(draws, x, monkeypatch):
    """Against SciPy, with turn, lean and scale as matrices, level 0.5."""
    parts = iter(draws)
    monkeypatch.setattr(
        corruption, "_uniform", lambda shape, *_: next(parts) * ops.ones(shape)
    )
    x = np.pad(x[:20], ((0, 0), (8, 8), (8, 8), (0, 0)))
    moved = RandomAffine(0.5).apply(x, seed=0)
    turn, lean, scale, *shift = np.array(draws) / 2
    angle = np.radians(25 * turn)
    rotation = [[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]
    # Rows grow downwards, so a lean to the right moves the upper rows.
    matrix = rotation @ np.array([[1, 0], [0.5 * lean, 1]]) / (1 + 0.25 * scale)
    middle = np.array(x.shape[1:3]) / 2 - 0.5
    to = middle + 0.1 * np.array(x.shape[1:3]) * shift[::-1]
    offset = middle - matrix @ to
    for image, found in zip(x, moved, strict=True):
        expected = ndimage.affine_transform(image[..., 0], matrix, offset, order=1)
        np.testing.assert_allclose(found[..., 0], expected, atol=1e-3)


def test_random_affine_goes_both_ways_and_no_further_than_its_level():
    blob = np.zeros((500, 21, 21, 1), "float32")
    blob[:, 9:12, 9:12] = 1
    moved = RandomAffine(1.0).apply(blob, seed=0)[..., 0]
    mass = moved.sum(axis=(1, 2))
    for axis in (1, 2):
        centre = (moved.sum(axis=3 - axis) * np.arange(21)).sum(axis=1) / mass
        assert_mean(centre, 10, 2.1 / np.sqrt(3))
        assert 0.9 < np.abs(centre - 10).max() / 2.1 <= 1.02
    assert 0.45 < mass.min() / 9 < 0.65 < 1.4 < mass.max() / 9 < 1.7  # 0.75^2, 1.25^2


def test_random_affine_draws_each_move_for_itself_and_fills_with_black():
    blob = np.zeros((500, 21, 21, 1), "float32")
    blob[:, 9:12, 9:12] = 1
    moved = RandomAffine(1.0).apply(blob, seed=0)[..., 0]
    mass = moved.sum(axis=(1, 2))
    row, column = (
        (moved.sum(axis=axis) * np.arange(21)).sum(axis=1) / mass for axis in (2, 1)
    )
    moves = np.corrcoef([row, column, mass])
    assert np.abs(moves[~np.eye(3, dtype=bool)]).max() < 5 / np.sqrt(500)
    white = RandomAffine(1.0).apply(np.ones((50, 21, 21, 1)), seed=0)
    assert (white == 0).any(axis=(1, 2, 3)).mean() > 0.5
    assert (white[:, 8:13, 8:13] > 0.999).all()


def test_channels_of_a_pixel_are_damaged_alike_but_by_noise():
    for kind in (MaskPixels, SaltAndPepper, MaskPatch):
        damaged = kind(0.5).apply(COLOUR, seed=0)
        touched = damaged != COLOUR
        assert touched.any()
        assert (touched == touched[..., :1]).all()
        assert (damaged[touched] == np.repeat(damaged[touched][::3], 3)).all()
    noise = AdditiveGaussian(0.01).apply(COLOUR, seed=0) - COLOUR
    assert abs(np.corrcoef(noise.reshape(-1, 3).T)[0, 1]) < 5 / np.sqrt(20 * 9 * 13)


@pytest.mark.parametrize("kind", LEVELLED)
def test_level_zero_changes_nothing(kind, x):
    np.testing.assert_array_equal(kind(0).apply(x, seed=0), x)


@kinds()
@pytest.mark.parametrize("x", [COLOUR, DOTS, GREY.tolist()])
def test_any_image_keeps_shape_and_range(layer, x):
    damaged = layer.apply(x, seed=0)
    assert damaged.shape == np.shape(x)
    assert damaged.dtype == np.float32
    assert damaged.min() >= 0
    assert damaged.max() <= 1


@pytest.mark.filterwarnings("error:.*build")
@kinds()
@pytest.mark.parametrize("shape", [(9, 13, 3), (None, None, 3)])
def test_works_as_a_layer_of_any_model(layer, shape):
    model = keras.Sequential([keras.Input(shape), layer])
    assert model.output_shape == (None, *shape)
    assert np.abs(numpy(model(COLOUR, training=True)) - COLOUR).max() > 0.1
    np.testing.assert_array_equal(numpy(model(COLOUR, training=False)), COLOUR)


# Levels that differ between images.


def test_a_pair_gives_each_image_its_own_level():
    low, high = 0.2, 0.6
    shares = (MaskPixels((low, high)).apply(GREY, seed=0) == 0).mean(axis=(1, 2, 3))
    noise = np.sqrt(0.25 / 400)
    assert shares.min() > low - 4 * noise
    assert shares.max() < high + 4 * noise
    assert_mean(shares, 0.4, (high - low) / np.sqrt(12) + noise)
    expected = (high - low) ** 2 / 12 + noise**2
    assert shares.var() == pytest.approx(expected, rel=0.25)


def test_a_pair_moves_every_kind():
    scale = AdditiveGaussian((0.01, 0.1)).apply(GREY, seed=0).std(axis=(1, 2, 3))
    specks = (SaltAndPepper((0, 1)).apply(GREY, seed=0) == 1).mean(axis=(1, 2, 3))
    area = (MaskPatch((0.2, 0.8)).apply(GREY, seed=0) == 0).mean(axis=(1, 2, 3))
    for values, low, high in (
        (scale, 0.01, 0.1),
        (specks, 0, 0.5),
        (np.sqrt(area), 0.2, 0.8),
    ):
        assert 0.9 * low <= values.min() < low + 0.1 * (high - low)
        assert high - 0.1 * (high - low) < values.max() < 1.15 * high


def test_levels_do_not_depend_on_the_draws_they_are_held_against():
    masked = MaskPixels((0, 1)).apply(DOTS, seed=0) == 0
    assert_share(masked, 0.5)


def test_levels_are_drawn_afresh():
    layer = AdditiveGaussian((0.01, 0.1), seed=0)
    first, second = (numpy(layer(GREY, training=True)).std((1, 2, 3)) for _ in "ab")
    assert abs(np.corrcoef(first, second)[0, 1]) < 5 / np.sqrt(200)


def test_one_of_applies_each_kind_to_its_share():
    damage = OneOf([MaskPixels(1.0), SaltAndPepper(1.0), AdditiveGaussian(0.0)])
    dots = damage.apply(DOTS, seed=0)
    assert_share(dots == 0, 1 / 3 + 1 / 6)
    assert_share(dots == 1, 1 / 6)
    assert_share(dots == 0.5, 1 / 3)


def test_one_of_chooses_independently_of_the_draws():
    damage = OneOf([MaskPixels(0.5), AdditiveGaussian(0.0)])
    assert_share(damage.apply(DOTS, seed=0) == 0, 1 / 4)


# When damage is drawn.


@kinds(seed=1)
def test_every_training_batch_is_drawn_afresh(layer):
    first, second = (numpy(layer(GREY, training=True)) for _ in "ab")
    assert not np.array_equal(first, second)
    assert not np.array_equal(first[0], first[1])


@kinds()
def test_rests_at_inference(layer):
    np.testing.assert_array_equal(numpy(layer(GREY)), GREY)
    np.testing.assert_array_equal(numpy(layer(GREY, training=False)), GREY)


@kinds(at_inference=True)
def test_works_at_inference_when_asked(layer):
    first, second = (numpy(layer(GREY, training=False)) for _ in "ab")
    assert np.abs(first - GREY).max() > 0.1
    assert not np.array_equal(first, second)


def test_one_of_decides_when_its_parts_act():
    resting = OneOf([MaskPixels(1.0, at_inference=True)])
    np.testing.assert_array_equal(numpy(resting(GREY)), GREY)
    assert numpy(OneOf([MaskPixels(1.0)], at_inference=True)(GREY)).max() == 0


def test_two_epochs_see_different_damage(x):
    """Under jit where it is cheap, every kind: PyTorch would first compile C++."""
    jit = keras.backend.backend() != "torch"
    every = OneOf([kind((0.1, 0.6)) for kind in LEVELLED])
    losses = {}
    for damage in (None, every):
        model = models.dense_autoencoder((20, 20, 1), (8,), 4, corruption=damage)
        # Nothing is learnt at a rate of 0: only new damage can move the loss.
        model.compile(keras.optimizers.SGD(0.0), loss="mse", jit_compile=jit)
        logs = model.fit(x, epochs=3, batch_size=100, shuffle=False, verbose=0)
        losses[damage] = logs.history["loss"]
    assert np.ptp(losses[None]) < 1e-7
    first, second, third = losses[every]
    assert min(abs(first - second), abs(second - third), abs(third - first)) > 1e-7


def test_evaluate_measures_denoising_when_asked(x):
    settings = {"loss": "mse", **training.fast_settings(), "steps_per_execution": 1}
    keras.utils.set_random_seed(0)
    resting = models.dense_autoencoder((20, 20, 1), (), 8, corruption=MaskPixels(0.5))
    resting.compile(keras.optimizers.Adam(1e-2), **settings)
    resting.fit(x, epochs=20, batch_size=100, verbose=0)
    clean = resting.evaluate(x, batch_size=100, verbose=0, return_dict=True)["loss"]
    assert clean == pytest.approx(evaluation.mse(x, resting.reconstruct(x)), rel=1e-4)

    damage = MaskPixels(0.9, at_inference=True, seed=0)
    asked = models.Autoencoder(resting.encoder, resting.decoder, damage)
    asked.compile(**settings)
    logs = [
        asked.evaluate(x, batch_size=100, verbose=0, return_dict=True) for _ in "ab"
    ]
    noisy = evaluation.mse(x, asked.reconstruct(damage.apply(x, seed=1)))
    assert noisy > 1.1 * clean
    assert logs[0]["loss"] == pytest.approx(noisy, rel=0.02)
    assert logs[0]["reconstruction"] == pytest.approx(logs[0]["loss"], rel=1e-5)
    assert logs[0]["loss"] != logs[1]["loss"]


def test_loss_of_an_identity_is_the_damage():
    asked = identity(MaskPixels(0.3, at_inference=True, seed=0))
    logs = asked.evaluate(GREY, batch_size=100, verbose=0, return_dict=True)
    error = 0.25 * np.sqrt(0.3 * 0.7 / GREY.size)
    assert logs["loss"] == pytest.approx(0.3 * 0.25, abs=5 * error)


@pytest.mark.parametrize("dtype", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_keeps_the_share(dtype):
    layer = MaskPixels(0.002, seed=0, dtype=dtype)  # below what bfloat16 tells apart
    damaged = layer(GREY, training=True)
    assert keras.backend.standardize_dtype(damaged.dtype) == layer.compute_dtype
    assert_share(numpy(ops.cast(damaged, "float32")) == 0, 0.002)


def test_every_kind_runs_in_mixed_precision():
    for layer in every_kind(level=(0.1, 0.5), dtype="mixed_bfloat16"):
        damaged = layer(GREY, training=True)
        assert keras.backend.standardize_dtype(damaged.dtype) == layer.compute_dtype
        assert np.abs(numpy(ops.cast(damaged, "float32")) - GREY).max() > 0.05


def test_whole_numbers_are_damaged_too():
    ones = ops.ones(GREY.shape, "int32")
    damaged = numpy(AdditiveGaussian(0.2, seed=0)(ones, training=True))
    assert_mean(damaged - 1, -0.2 / np.sqrt(2 * np.pi), 0.2)


# Seeds.


@kinds()
def test_apply_depends_on_its_seed_alone(layer, x):
    keras.utils.set_random_seed(0)
    before = layer.apply(x, seed=5)
    layer(x, training=True)
    keras.utils.set_random_seed(1)
    np.testing.assert_array_equal(layer.apply(x, seed=5), before)
    np.testing.assert_array_equal(layer.apply(x, seed=np.int64(5)), before)
    assert not np.array_equal(layer.apply(x, seed=6), before)


def test_apply_draws_each_of_its_batches_and_seeds_anew(monkeypatch):
    sizes = []
    corrupt = MaskPixels.corrupt

    def spy(self, x, seed):
        sizes.append(len(x))
        return corrupt(self, x, seed)

    monkeypatch.setattr(MaskPixels, "corrupt", spy)
    dots = np.ones((3500, 1, 1, 1))
    found = [MaskPixels(0.5).apply(dots, seed)[:3000] for seed in range(4)]
    assert sizes == 4 * [1000, 1000, 1000, 500]
    batches = np.reshape(found, (12, 1000))
    # Two unrelated batches agree in half of their pixels.
    for i, batch in enumerate(batches):
        for other in batches[:i]:
            assert_share(batch == other, 0.5)


def test_apply_leaves_its_argument_alone():
    x = GREY.copy()
    SaltAndPepper(0.5).apply(x, seed=0)
    np.testing.assert_array_equal(x, GREY)


def test_layers_of_one_seed_draw_the_same_stream():
    draws = []
    for seed in (3, 3, 4):
        layer = MaskPixels(0.5, seed=seed)
        draws.append([numpy(layer(GREY, training=True)) for _ in "ab"])
    np.testing.assert_array_equal(draws[0], draws[1])
    assert not np.array_equal(draws[0], draws[2])
    unseeded = []
    for _ in "ab":
        keras.utils.set_random_seed(7)
        unseeded.append(numpy(MaskPixels(0.5)(GREY, training=True)))
    np.testing.assert_array_equal(*unseeded)


# Saving.


@kinds(level=(0.1, 0.4), at_inference=True, seed=9)
def test_config_restores_every_argument(layer):
    config = layer.get_config()
    restored = type(layer).from_config(config)
    assert restored.get_config() == config
    copied = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(layer)
    )
    np.testing.assert_array_equal(copied.apply(GREY, 0), layer.apply(GREY, 0))
    for other in (restored, copied):
        assert other.at_inference
        assert other.seed == 9
    if not isinstance(layer, OneOf):
        assert restored.level == layer.level == (0.1, 0.4)


@kinds(level=(0.1, 0.4), at_inference=True, seed=9)
def test_saved_model_gives_equal_outputs(layer, x, tmp_path):
    model = models.dense_autoencoder((20, 20, 1), (), 4, corruption=layer)
    model.build(x.shape)
    model.save(tmp_path / "model.keras")
    loaded, again = (
        keras.saving.load_model(tmp_path / "model.keras") for _ in range(2)
    )
    assert type(loaded.corruption) is type(layer)
    np.testing.assert_array_equal(loaded.reconstruct(x), model.reconstruct(x))
    np.testing.assert_array_equal(
        loaded.corruption.apply(x, 0), model.corruption.apply(x, 0)
    )
    np.testing.assert_array_equal(numpy(loaded(x)), numpy(again(x)))
    np.testing.assert_array_equal(numpy(loaded(x)), numpy(again(x)))


# What is refused.


@pytest.mark.parametrize("kind", LEVELLED)
@pytest.mark.parametrize(
    "level",
    [
        *(-0.1, 2.1, 50, np.nan, np.inf, "0.5", None),
        *((), (0.5,), (0.6, 0.2), (0, 0.1, 0.2), (0.1, 2.5), (-0.1, 0.5), (0.1, None)),
    ],
)
def test_bad_levels_are_named(kind, level):
    with pytest.raises(
        ValueError, match=rf"level of {kind.__name__} .*Received: "
    ) as e:
        kind(level)
    assert f"level={level!r}" in str(e.value)
    assert f"from 0 to {kind.max_level:g}" in str(e.value)


@pytest.mark.parametrize("kind", LEVELLED)
def test_levels_may_reach_their_bounds(kind):
    for level in (0, kind.max_level, (0, kind.max_level), [0.5, 0.5], np.float32(0.5)):
        kind(level).apply(GREY, seed=0)
    if kind is not AdditiveGaussian:
        with pytest.raises(ValueError, match="from 0 to 1 "):
            kind(1.01)


@kinds()
@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda x: x[0], r"shape \(20, 20, 1\)"),
        (lambda x: x[..., 0], r"n, height, width, channels"),
        (lambda x: x[:0], "n > 0"),
        (lambda x: np.where(x > 0, np.nan, x), "NaN"),
        (lambda x: x + np.inf, "infinite"),
        (lambda x: (x * 255).astype("uint8"), "255"),
        (lambda x: x - 1, r"\[-0.5, -0.5\]"),
    ],
)
def test_apply_refuses_bad_arrays(layer, spoil, words):
    with pytest.raises(ValueError, match=words):
        layer.apply(spoil(GREY), seed=0)


@pytest.mark.parametrize("seed", [-1, 2**31, 1.5, "1", None])
def test_bad_seeds_are_named(seed):
    with pytest.raises(ValueError, match="seed must be a whole number"):
        MaskPixels(0.5).apply(GREY, seed)
    if seed is not None:
        with pytest.raises(ValueError, match="seed must be a whole number"):
            MaskPixels(0.5, seed=seed)


def test_layer_refuses_what_is_no_batch_of_images():
    with pytest.raises(ValueError, match="ndim=4"):
        MaskPixels(0.5)(GREY[..., 0], training=True)


@pytest.mark.parametrize(
    "parts", [[], MaskPixels(0.5), [0.5], [keras.layers.Dropout(0.5)], None]
)
def test_one_of_needs_corruptions(parts):
    with pytest.raises(ValueError, match="corruptions must be a list"):
        OneOf(parts)


def test_a_subclass_must_say_what_it_does():
    with pytest.raises(NotImplementedError, match="damage"):
        corruption.Corruption(0.5).apply(GREY, seed=0)
