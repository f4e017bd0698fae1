"""Builders of dense models: what they build, and the theorem about linear ones."""

from itertools import pairwise

import keras
import numpy as np
import pytest
from keras import ops

from aelab import evaluation, layers, models, training


def test_lecture_model_has_the_lectures_layers():
    model = models.dense_autoencoder((28, 28, 1))
    kernels = [tuple(w.shape) for w in model.weights if len(w.shape) == 2]
    assert kernels == list(pairwise((784, 128, 64, 32, 64, 128, 784)))
    assert model.encoder.get_layer("latent").activation is keras.activations.linear
    assert model.decoder.get_layer("pixels").activation is keras.activations.sigmoid


def test_decoder_may_be_asymmetric():
    model = models.dense_autoencoder((28, 28, 1), (), 4, decoder_units=(8, 16))
    widths = [w.shape[-1] for w in model.decoder.weights if len(w.shape) == 2]
    assert widths == [8, 16, 784]


def test_layers_on_the_code():
    model = models.dense_autoencoder((9,), (), 20, latent_layers=[layers.TopK(3)])
    x = np.random.default_rng(0).random((6, 9), "float32")
    assert (np.count_nonzero(model.encode(x), axis=1) == 3).all()


def test_a_single_layer_or_size_is_named():
    for build, shape in (
        (models.dense_encoder, (9,)),
        (models.conv_encoder, (8, 8, 1)),
    ):
        with pytest.raises(ValueError, match="latent_layers must be a list"):
            build(shape, latent_layers=layers.TopK(2))
    for build in (models.conv_autoencoder, models.unet, models.dense_vae):
        with pytest.raises(ValueError, match=r"input_shape must be.*784"):
            build(784)
    with pytest.raises(ValueError, match=r"units must be.*8"):
        models.recurrent_autoencoder((6, 2), 8)


def test_dropout_acts_in_training_alone(x):
    model = models.dense_autoencoder((28, 28, 1), (16,), 4, dropout=0.5)
    first, second = (
        ops.convert_to_numpy(model(x[:4], training=True)["reconstruction"])
        for _ in "ab"
    )
    assert np.abs(first - second).max() > 1e-4
    np.testing.assert_array_equal(model.reconstruct(x[:4]), model.reconstruct(x[:4]))


def test_linear_autoencoder_reaches_pca():
    """The theorem of lesson 01, in small: random data with a clear spectrum."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(512, 10)) * np.array([5, 4, 3, 1, 1, 0.5, 0.5, 0.2, 0.1, 0.1])
    x = (x @ np.linalg.qr(rng.normal(size=(10, 10)))[0]).astype("float32") + 1
    keras.utils.set_random_seed(0)
    model = models.dense_autoencoder((10,), (), 3, output_activation="linear")
    training.train(model, np.tile(x, (16, 1)), epochs=20, peak=3e-2)
    pca = evaluation.fit_pca(x, 3)
    best = evaluation.mse(x, evaluation.pca_reconstruct(pca, x))
    assert best * 0.9999 < evaluation.mse(x, model.reconstruct(x)) < best * 1.01
    kernel = ops.convert_to_numpy(model.decoder.get_layer("pixels").kernel)
    assert evaluation.principal_angles(kernel.T, pca.components_.T).max() < 2


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"latent_dim": 0}, "latent_dim=0"),
        ({"latent_dim": 2.5}, "latent_dim=2.5"),
        ({"hidden_units": (128, 0)}, "hidden_units"),
        ({"hidden_units": 128}, "hidden_units must be a tuple"),
        ({"decoder_units": (-1,)}, "decoder_units"),
        ({"input_shape": (28, 0, 1)}, "input_shape"),
        ({"input_shape": 784}, "input_shape must be a tuple"),
        ({"dropout": 1.0}, "dropout"),
    ],
)
def test_bad_sizes_are_named(options, words):
    for build in (models.dense_autoencoder, models.dense_vae):
        with pytest.raises(ValueError, match=words):
            build(**{"input_shape": (28, 28, 1), **options})
