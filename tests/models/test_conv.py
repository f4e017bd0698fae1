"""Builders of convolutional models: shapes, sizes, pooling, and another output."""

import math

import keras
import numpy as np
import pytest
from keras import ops

from aelab import evaluation, layers, models, penalties, training


def test_lecture_model_has_the_lectures_layers():
    model = models.conv_autoencoder((28, 28, 1))
    kernels = [math.prod(w.shape) for w in model.weights if len(w.shape) == 4]
    encoder = [9 * 16, 9 * 16 * 32, 9 * 32 * 64]
    decoder = [9 * 64 * 32, 9 * 32 * 16, 9 * 16]
    assert kernels == encoder + decoder
    shapes = [layer.output.shape[1:] for layer in model.encoder.layers[1:]]
    assert shapes == [(14, 14, 16), (7, 7, 32), (7, 7, 64)]
    assert model.decoder.layers[-1].activation is keras.activations.sigmoid


# Every pair of choices, with sides that are odd once, twice, and smaller than 4.
@pytest.mark.parametrize(
    ("shape", "downsampling", "upsampling"),
    [
        ((27, 27, 1), "stride", "transpose"),
        ((45, 33, 3), "max", "resize"),
        ((5, 4, 2), "average", "transpose"),
        ((3, 2, 1), "stride", "resize"),
        ((45, 2), "max", "transpose"),
        ((13, 1), "average", "resize"),
    ],
)
def test_any_size_comes_out_as_it_went_in(shape, downsampling, upsampling):
    x = np.random.default_rng(0).random((2, *shape), dtype="float32")
    for latent_dim in (None, 6):
        model = models.conv_autoencoder(
            shape,
            (3, 4, 5),
            latent_dim,
            downsampling=downsampling,
            upsampling=upsampling,
        )
        quarters = [math.ceil(side / 4) for side in shape[:-1]]
        code = (*quarters, 5) if latent_dim is None else (6,)
        assert model.encode(x).shape == (2, *code)
        assert model.reconstruct(x).shape == x.shape


def test_the_output_need_not_have_the_inputs_shape():
    encoder = models.conv_encoder((14, 14, 1), (4, 8), latent_dim=5)
    decoder = models.conv_decoder((28, 27, 3), (16, 8, 4), latent_dim=5)
    larger = models.Autoencoder(encoder, decoder)
    x = np.random.default_rng(0).random((6, 14, 14, 1), "float32")
    y = np.random.default_rng(1).random((6, 28, 27, 3), "float32")
    larger.compile("adam")
    with pytest.raises(ValueError, match="y is missing"):
        larger.fit(x, verbose=0)
    larger.fit(x, y, verbose=0)
    assert larger.reconstruct(x).shape == y.shape


def test_sides_may_be_left_open():
    model = models.conv_autoencoder((None, None, 1), (3, 4))
    for height, width in ((8, 8), (12, 6)):
        x = np.random.default_rng(0).random((3, height, width, 1), "float32")
        assert model.encode(x).shape == (3, height // 2, width // 2, 4)
        assert model.reconstruct(x).shape == x.shape
    with pytest.raises(ValueError, match="any, any, 1"):
        model.encode(np.zeros((3, 8, 8, 2)))


def test_pooling_keeps_the_largest_or_the_mean():
    x = np.zeros((1, 4, 4, 1), "float32")
    x[0, :2, :2, 0] = [[0, 1], [2, 5]]
    for downsampling, expected in (("max", 5), ("average", 2)):
        encoder = models.conv_encoder((4, 4, 1), (1, 1), downsampling=downsampling)
        kernel = np.zeros((3, 3, 1, 1))
        kernel[1, 1] = 1
        encoder.get_layer("encoder_1").set_weights([kernel, np.zeros(1)])
        pooled = keras.Model(encoder.input, encoder.get_layer("pool_1").output)
        assert ops.convert_to_numpy(pooled(x))[0, 0, 0, 0] == expected


def test_it_learns(x):
    keras.utils.set_random_seed(0)
    model = models.conv_autoencoder((28, 28, 1), (4, 8), latent_dim=8, dropout=0.1)
    before = evaluation.mse(x, model.reconstruct(x))
    training.train(model, x, epochs=15, batch_size=32)
    assert evaluation.mse(x, model.reconstruct(x)) < 0.7 * before


def test_the_codes_activation_and_layers_act_on_maps_and_vectors():
    x = np.random.default_rng(0).random((4, 8, 8, 1), "float32")
    for latent_dim in (None, 6):
        model = models.conv_autoencoder(
            (8, 8, 1),
            (4, 6),
            latent_dim,
            latent_activation="sigmoid",
            penalty=penalties.KLSparsity(0.1, 1.0),
        )
        z = model.encode(x)
        assert z.min() > 0
        assert z.max() < 1
        sparse = models.conv_autoencoder(
            (8, 8, 1), (4, 6), latent_dim, latent_layers=[layers.TopK(2)]
        )
        assert np.count_nonzero(sparse.encode(x), axis=-1).max() <= 2
    assert models.conv_autoencoder((8, 8, 1)).encode(x).min() >= 0  # relu, as inside


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"filters": (16,)}, r"filters=\(16,\)"),
        ({"filters": (16, 0)}, "filters"),
        ({"filters": 16}, "filters must be a tuple"),
        ({"latent_dim": 0}, "latent_dim"),
        ({"input_shape": (784,)}, r"height, width, channels.*\(784,\)"),
        ({"input_shape": (28, 0, 1)}, "input_shape"),
        ({"input_shape": (None, 28, 1), "latent_dim": 3}, "known sides"),
        ({"downsampling": "min"}, r"'stride', 'max', 'average'.*'min'"),
        ({"upsampling": "nearest"}, r"'transpose', 'resize'.*'nearest'"),
    ],
)
def test_bad_options_are_named(options, words):
    for build in (models.conv_autoencoder, models.conv_vae, models.unet):
        with pytest.raises(ValueError, match=words):
            build(**{"input_shape": (28, 28, 1), **options})


def test_open_sides_that_do_not_come_back_are_refused():
    model = models.conv_autoencoder((None, None, 1), (3, 4, 5))
    model.compile("adam")
    model.fit(np.zeros((2, 8, 12, 1), "float32"), verbose=0)
    with pytest.raises(ValueError, match=r"\(8, 12, 1\).*multiples of 2 \*\* n"):
        model.fit(np.zeros((2, 8, 11, 1), "float32"), verbose=0)
