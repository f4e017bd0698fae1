"""Autoencoder's contract, the builder, and the schedule, on the chosen backend."""

import math
from itertools import pairwise

import keras
import numpy as np
import pytest
from keras import ops

from aelab import evaluation, glyphs, models, training


@keras.saving.register_keras_serializable(package="tests")
class MeanSquareCode(keras.layers.Layer):
    """A penalty with a weight, as small as one can be."""

    def __init__(self, weight, **kwargs):
        super().__init__(**kwargs)
        self.weight = weight

    def call(self, x, encoder):
        return ops.mean(ops.sum(encoder(x) ** 2, axis=-1))

    def get_config(self):
        return {**super().get_config(), "weight": self.weight}


@keras.saving.register_keras_serializable(package="tests")
class Darken(keras.layers.Layer):
    """A corruption that leaves nothing of the input, in training alone."""

    def call(self, x, training=False):
        return ops.zeros_like(x) if training else x


@pytest.fixture(scope="module")
def x():
    return glyphs.draw(300, seed=3).images


def small(**options):
    keras.utils.set_random_seed(0)
    model = models.dense_autoencoder((28, 28, 1), (32,), 8, **options)
    model.compile("adam", loss="mse", **training.fast_settings())
    return model


def test_lecture_model_has_the_lectures_layers():
    model = models.dense_autoencoder((28, 28, 1))
    kernels = [tuple(w.shape) for w in model.weights if len(w.shape) == 2]
    assert kernels == list(pairwise((784, 128, 64, 32, 64, 128, 784)))
    assert model.encoder.layers[-1].activation is keras.activations.linear
    assert model.decoder.get_layer("pixels").activation is keras.activations.sigmoid


@pytest.mark.parametrize(
    "shape", [(28, 28, 1), (27, 27, 1), (45, 33, 1), (8, 8, 3), (9,)]
)
def test_any_shape_comes_out_as_it_went_in(shape):
    x = np.random.default_rng(0).random((3, *shape), dtype="float32")
    model = models.dense_autoencoder(shape, (16,), 4)
    assert model.encode(x).shape == (3, 4)
    assert model.decode(model.encode(x)).shape == x.shape
    assert model.reconstruct(x).shape == x.shape == tuple(model(x).shape)


def test_fit_learns_to_return_its_input(x):
    model = small()
    before = evaluation.mse(x, model.reconstruct(x))
    model.fit(x, epochs=20, verbose=0)
    assert evaluation.mse(x, model.reconstruct(x)) < 0.7 * before


def test_fit_with_targets_learns_those(x):
    model = small()
    model.fit(x, np.zeros_like(x), epochs=20, verbose=0)
    assert model.reconstruct(x).mean() < 0.05


def test_batches_do_not_change_results(x):
    model = small()
    np.testing.assert_allclose(
        model.reconstruct(x, batch_size=7), model.reconstruct(x), atol=1e-6
    )


@pytest.mark.parametrize("weight", [0.0, 0.03])
def test_loss_is_the_sum_of_its_parts(x, weight):
    model = small(penalty=MeanSquareCode(weight))
    # 300 images in batches of 128: the last batch is smaller.
    history = model.fit(x, epochs=2, batch_size=128, verbose=0).history
    logs = model.evaluate(x, batch_size=128, verbose=0, return_dict=True)
    for found in (logs, {name: values[-1] for name, values in history.items()}):
        parts = found["reconstruction"] + weight * found["penalty"]
        assert found["loss"] == pytest.approx(parts, rel=1e-5)
    codes = model.encode(x)
    assert logs["penalty"] == pytest.approx((codes**2).sum(1).mean(), rel=1e-4)
    assert logs["reconstruction"] == pytest.approx(
        evaluation.mse(x, model.reconstruct(x)), rel=1e-4
    )


def test_penalty_acts_on_the_weights(x):
    free, charged = small(), small(penalty=MeanSquareCode(1.0))
    for model in (free, charged):
        model.fit(x, epochs=5, verbose=0)
    assert np.square(charged.encode(x)).sum() < 0.5 * np.square(free.encode(x)).sum()


def test_kernel_regularizers_count_in_the_loss_alone(x):
    encoder = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            keras.layers.Flatten(),
            keras.layers.Dense(4, kernel_regularizer="l2"),
        ]
    )
    decoder = models.dense_autoencoder((28, 28, 1), (), 4).decoder
    model = models.Autoencoder(encoder, decoder)
    model.compile("adam", loss="mse")
    logs = model.evaluate(x, verbose=0, return_dict=True)
    error = evaluation.mse(x, model.reconstruct(x))
    assert logs["reconstruction"] == pytest.approx(error, rel=1e-4)
    assert logs["loss"] > logs["reconstruction"] + 1e-3


def test_corruption_rests_at_inference(x):
    model = small(corruption=Darken())
    model.fit(x, epochs=1, verbose=0)
    # Trained in the dark, the model draws one picture; at inference codes differ.
    assert model.encode(x).std(axis=0).max() > 0
    dark = ops.convert_to_numpy(model(x[:5], training=True))
    np.testing.assert_allclose(dark, np.broadcast_to(dark[:1], dark.shape), atol=1e-6)


def test_dropout_acts_in_training_alone(x):
    model = small(dropout=0.5)
    first, second = (ops.convert_to_numpy(model(x[:4], training=True)) for _ in "ab")
    assert np.abs(first - second).max() > 1e-4
    np.testing.assert_array_equal(model.reconstruct(x[:4]), model.reconstruct(x[:4]))


def test_validation_data_and_other_inputs(x):
    class Batches(keras.utils.PyDataset):
        def __len__(self):
            return 3

        def __getitem__(self, i):
            return x[i * 100 : (i + 1) * 100], x[i * 100 : (i + 1) * 100]

    model = small()
    history = model.fit(x[:200], validation_data=(x[200:], x[200:]), verbose=0).history
    error = evaluation.mse(x[200:], model.reconstruct(x[200:]))
    assert history["val_loss"][-1] == pytest.approx(error, rel=1e-4)
    assert np.isfinite(model.fit(Batches(), verbose=0).history["loss"][0])


def test_same_seed_same_run(x):
    runs = []
    for _ in range(2):
        model = small()
        model.fit(x, epochs=2, verbose=0)
        runs.append(model.reconstruct(x))
    np.testing.assert_allclose(*runs, atol=1e-6)


def test_saved_model_gives_equal_outputs(x, tmp_path):
    model = small(corruption=Darken(), penalty=MeanSquareCode(0.1), dropout=0.1)
    model.fit(x, epochs=1, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded.reconstruct(x), model.reconstruct(x))
    assert loaded.penalty.weight == 0.1
    assert isinstance(loaded.corruption, Darken)
    loaded.fit(x, epochs=1, verbose=0)
    assert loaded.encoder.input_shape == model.encoder.input_shape


def test_decoder_may_be_asymmetric():
    model = models.dense_autoencoder((28, 28, 1), (), 4, decoder_units=(8, 16))
    widths = [w.shape[-1] for w in model.decoder.weights if len(w.shape) == 2]
    assert widths == [8, 16, 784]


def test_conv_lecture_model_has_the_lectures_layers():
    model = models.conv_autoencoder((28, 28, 1))
    kernels = [w for w in model.weights if len(w.shape) == 4]
    assert [math.prod(w.shape) for w in kernels] == [
        *(9 * 16, 9 * 16 * 32, 9 * 32 * 64),
        *(9 * 64 * 32, 9 * 32 * 16, 9 * 16),
    ]
    shapes = [layer.output.shape[1:] for layer in model.encoder.layers[1:]]
    assert shapes == [(14, 14, 16), (7, 7, 32), (7, 7, 64)]
    assert model.decoder.layers[-1].activation is keras.activations.sigmoid


@pytest.mark.parametrize("shape", [(27, 27, 1), (45, 33, 1), (32, 32, 3), (5, 4, 2)])
@pytest.mark.parametrize("upsampling", ["transpose", "resize"])
@pytest.mark.parametrize("downsampling", ["stride", "max", "average"])
def test_conv_output_has_the_inputs_shape(shape, downsampling, upsampling):
    x = np.random.default_rng(0).random((2, *shape), dtype="float32")
    how = {"downsampling": downsampling, "upsampling": upsampling}
    as_map = models.conv_autoencoder(shape, (3, 4, 5), **how)
    height, width = (-(-side // 4) for side in shape[:2])
    assert as_map.encode(x).shape == (2, height, width, 5)
    assert as_map.reconstruct(x).shape == x.shape
    as_vector = models.conv_autoencoder(shape, (3, 4, 5), latent_dim=6, **how)
    assert as_vector.encode(x).shape == (2, 6)
    assert as_vector.decode(as_vector.encode(x)).shape == x.shape
    for latent_dim, code_shape in ((None, (height, width, 5)), (6, (6,))):
        skipping = models.skip_autoencoder(shape, (3, 4, 5), latent_dim, **how)
        assert skipping.encode(x)[-1].shape == (2, *code_shape)
        assert skipping.reconstruct(x).shape == x.shape


def test_pooling_keeps_the_largest_or_the_mean():
    x = np.zeros((1, 4, 4, 1), "float32")
    x[0, :2, :2, 0] = [[0, 1], [2, 5]]
    for downsampling, expected in (("max", 5), ("average", 2)):
        model = models.conv_autoencoder((4, 4, 1), (1, 1), downsampling=downsampling)
        first = model.encoder.get_layer("encoder_1")
        kernel = np.zeros((3, 3, 1, 1))
        kernel[1, 1] = 1
        first.set_weights([kernel, np.zeros(1)])
        pooled = keras.Model(model.encoder.input, model.encoder.layers[2].output)
        assert ops.convert_to_numpy(pooled(x))[0, 0, 0, 0] == expected


def test_conv_learns(x):
    keras.utils.set_random_seed(0)
    model = models.conv_autoencoder((28, 28, 1), (4, 8), latent_dim=8, dropout=0.1)
    model.compile("adam", loss="mse", **training.fast_settings())
    before = evaluation.mse(x, model.reconstruct(x))
    model.fit(x, epochs=15, batch_size=32, verbose=0)
    assert evaluation.mse(x, model.reconstruct(x)) < 0.7 * before


def test_skips_carry_what_the_code_does_not(x):
    """With the code set to zero, the levels alone must still change the output."""
    model = models.skip_autoencoder((28, 28, 1), (4, 8))
    level, code = model.encode(x[:2])
    assert level.shape == (2, 28, 28, 1)
    np.testing.assert_array_equal(level, x[:2])
    blind = [
        ops.convert_to_numpy(model.decoder([z, 0 * code])) for z in (level, 0 * level)
    ]
    assert np.abs(blind[0] - blind[1]).max() > 1e-3


def test_conv_and_skips_are_saved_and_loaded(x, tmp_path):
    for model in (
        models.conv_autoencoder((28, 28, 1), (3, 4), 5, downsampling="max"),
        models.skip_autoencoder((28, 28, 1), (3, 4), 5, upsampling="resize"),
    ):
        model.save(tmp_path / "model.keras")
        loaded = keras.saving.load_model(tmp_path / "model.keras")
        np.testing.assert_array_equal(loaded.reconstruct(x), model.reconstruct(x))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"filters": (16,)}, r"filters=\(16,\)"),
        ({"filters": (16, 0)}, "filters"),
        ({"latent_dim": 0}, "latent_dim"),
        ({"input_shape": (784,)}, r"height, width, channels.*\(784,\)"),
        ({"downsampling": "min"}, r"'stride', 'max', 'average'.*'min'"),
        ({"upsampling": "nearest"}, r"'transpose', 'resize'.*'nearest'"),
        ({"dropout": -0.1}, "dropout"),
    ],
)
def test_bad_conv_options_are_named(options, words):
    with pytest.raises(ValueError, match=words):
        models.conv_autoencoder(**{"input_shape": (28, 28, 1), **options})
    if "dropout" not in options:
        with pytest.raises(ValueError, match=words):
            models.skip_autoencoder(**{"input_shape": (28, 28, 1), **options})


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"latent_dim": 0}, "latent_dim"),
        ({"latent_dim": 2.5}, "latent_dim"),
        ({"hidden_units": (128, 0)}, "hidden_units"),
        ({"decoder_units": (-1,)}, "decoder_units"),
        ({"input_shape": (28, 0, 1)}, "input_shape"),
        ({"dropout": 1.0}, "dropout"),
    ],
)
def test_bad_sizes_are_named(options, words):
    with pytest.raises(ValueError, match=words):
        models.dense_autoencoder(**{"input_shape": (28, 28, 1), **options})


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda x: x * 255, r"reaches \[0, 1\].*255"),
        (lambda x: 2 * x - 1, r"Received: values in \[-1, 1\]"),
        (lambda x: np.where(x > 0.5, np.nan, x), "NaN"),
        (lambda x: x[:0], "n at least 1"),
        (lambda x: x[..., 0], r"shape \(n, 28, 28, 1\)"),
        (lambda x: x[:, :27], r"\(300, 27, 28, 1\)"),
    ],
)
def test_fit_refuses_what_cannot_be_learnt(x, spoil, words):
    with pytest.raises(ValueError, match=words):
        small().fit(spoil(x), verbose=0)


def test_reach_follows_the_output(x):
    signed = 2 * x - 1
    small(output_activation="tanh").fit(signed, verbose=0)
    small(output_activation="linear").fit(100 * signed, verbose=0)
    with pytest.raises(ValueError, match="relu"):
        small(output_activation="relu").fit(signed, verbose=0)


def test_reach_is_that_of_the_last_layer_not_of_one_before_it(x):
    hidden = keras.layers.Dense(8, activation="relu")
    stretch = keras.layers.Rescaling(2.0, offset=-1.0)
    shape = keras.layers.Reshape((28, 28, 1))
    pixels = keras.layers.Dense(784, activation="sigmoid")
    decoder = keras.Sequential([keras.Input((8,)), hidden, pixels, stretch, shape])
    model = models.Autoencoder(small().encoder, decoder)
    model.compile("adam", loss="mse")
    model.fit(2 * x - 1, verbose=0)


@pytest.mark.parametrize("method", ["encode", "reconstruct"])
def test_methods_refuse_bad_arrays(x, method):
    with pytest.raises(ValueError, match="NaN"):
        getattr(small(), method)(np.full_like(x, np.nan))
    with pytest.raises(ValueError, match="shape"):
        getattr(small(), method)(x[0])


def test_decode_refuses_codes_of_another_size():
    with pytest.raises(ValueError, match=r"\(n, 8\)"):
        small().decode(np.zeros((2, 9), "float32"))


def test_schedule_rises_and_falls_to_zero():
    schedule = training.warmup_cosine(2e-3, n_images=1000, batch_size=32, epochs=5)
    steps = 32 * 5  # ceil(1000 / 32) an epoch
    rates = np.array([float(schedule(step)) for step in range(steps + 1)])
    top = int(0.05 * steps)
    assert rates[0] == 0
    assert rates.max() == pytest.approx(2e-3)
    assert rates.argmax() == top
    assert (np.diff(rates[:top]) > 0).all()
    assert (np.diff(rates[top:]) < 0).all()
    assert rates[-1] == pytest.approx(0, abs=1e-9)


def test_linear_autoencoder_reaches_pca():
    """The theorem of lesson 01, in small: random data with a clear spectrum."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(512, 10)) * np.array([5, 4, 3, 1, 1, 0.5, 0.5, 0.2, 0.1, 0.1])
    x = (x @ np.linalg.qr(rng.normal(size=(10, 10)))[0]).astype("float32") + 1
    keras.utils.set_random_seed(0)
    linear = {"latent_activation": "linear", "output_activation": "linear"}
    model = models.dense_autoencoder((10,), (), 3, **linear)
    seen = np.tile(x, (16, 1))
    schedule = training.warmup_cosine(3e-2, len(seen), 128, 20)
    model.compile(
        keras.optimizers.Adam(schedule), loss="mse", **training.fast_settings()
    )
    model.fit(seen, batch_size=128, epochs=20, verbose=0)
    pca = evaluation.fit_pca(x, 3)
    best = evaluation.mse(x, evaluation.pca_reconstruct(pca, x))
    assert best * 0.9999 < evaluation.mse(x, model.reconstruct(x)) < best * 1.01
    kernel = ops.convert_to_numpy(model.decoder.get_layer("pixels").kernel)
    assert evaluation.principal_angles(kernel.T, pca.components_.T).max() < 2


@pytest.mark.parametrize(
    "build",
    [models.dense_autoencoder, models.conv_autoencoder, models.skip_autoencoder],
)
@pytest.mark.parametrize("size", [12, 13])
def test_pixels_are_float32_in_mixed_precision(build, size):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        autoencoder = build((size, size, 1))
    finally:
        keras.config.set_dtype_policy(before)
    assert autoencoder.encoder.layers[-1].compute_dtype == "bfloat16"
    assert autoencoder.decoder.output.dtype == "float32"
    x = np.zeros((2, size, size, 1))
    for array in (
        autoencoder.reconstruct(x),
        *keras.tree.flatten(autoencoder.encode(x)),
    ):
        assert array.dtype == np.float32
