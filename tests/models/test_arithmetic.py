"""Tests for `aelab.models.arithmetic`."""

import keras
import numpy as np
import pytest
from keras import layers

from aelab import models


@pytest.mark.parametrize(
    ("shape", "layer"),
    [
        ((7, 5, 3), layers.Conv2D(4, (3, 2), strides=2)),
        ((9, 2), layers.Conv1D(3, 4, strides=3)),
        ((4, 3, 2), layers.Conv2DTranspose(3, 2, strides=2)),
        ((6, 5), layers.Dense(4)),
    ],
)
def test_each_product_is_counted(shape, layer):
    """With weights of 1, the outputs of all images of one 1 add up to their number."""
    image = keras.Input(shape)
    model = keras.Model(image, layer(image))
    weights, bias = layer.get_weights()
    layer.set_weights([np.ones_like(weights), np.zeros_like(bias)])
    ones = np.eye(np.prod(shape), dtype="float32").reshape(-1, *shape)
    products = np.sum(model.predict(ones, verbose=0))
    assert models.count_multiplications(model) == products


def test_what_is_multiplied_by_the_padding_counts():
    """As on an image with room for all windows: 7 rows and 5 columns become 9 x 7."""

    def count(side, **options):
        image = keras.Input(side)
        convolution = layers.Conv2D(4, 3, strides=2, **options)
        return models.count_multiplications(keras.Model(image, convolution(image)))

    assert count((7, 5, 3), padding="same") == count((9, 7, 3), padding="valid")


def test_models_inside_a_model_are_counted_once():
    autoencoder = models.dense_autoencoder((28, 28, 1), (128,), 32)
    found = models.count_multiplications(autoencoder)
    assert found == 2 * (784 * 128 + 128 * 32)
    parts = [autoencoder.encoder, autoencoder.decoder]
    assert found == sum(models.count_multiplications(part) for part in parts)
    convolutional = models.conv_autoencoder((28, 28, 1), (16, 32, 64))
    weights = [(9 * 16, 14 * 14), (9 * 16 * 32, 49), (9 * 32 * 64, 49)]
    on_the_way_down = sum(kernel * places for kernel, places in weights)
    encoder = models.count_multiplications(convolutional.encoder)
    assert encoder == on_the_way_down


def test_what_cannot_be_counted_is_refused():
    recurrent = models.recurrent_autoencoder((6, 2), (5,), 3)
    with pytest.raises(ValueError, match=r"Dense layers and convolutions.*a [A-Z]"):
        models.count_multiplications(recurrent)
    anywhere = models.unet((None, None, 1), filters=(3, 4))
    with pytest.raises(ValueError, match="known sides"):
        models.count_multiplications(anywhere)
