"""Tests for `aelab.models.arithmetic`."""

import keras
import numpy as np
import pytest
from keras import layers

from aelab import models


@pytest.mark.parametrize(
    ("shape", "layer"),
    [
        ((7, 5, 3), layers.Conv2D(4, (3, 2), strides=2, padding="same")),
        ((7, 5, 3), layers.Conv2D(4, 3, padding="valid")),
        ((9, 2), layers.Conv1D(3, 4, strides=3, padding="same")),
        ((4, 3, 2), layers.Conv2DTranspose(3, 2, strides=2, padding="valid")),
        ((6, 5), layers.Dense(4)),
    ],
)
def test_each_product_of_a_linear_layer_is_counted(shape, layer):
    """In the matrix of the layer: a number for each product, where none is left out.

    Where the window reaches beyond the border it is multiplied by zeros, which have
    no place in the matrix. So these are counted on a wider image without padding.
    """
    image = keras.Input(shape)
    model = keras.Model(image, layer(image))
    found = models.count_multiplications(model)
    layer.set_weights([np.ones(w.shape) for w in layer.get_weights()])
    eye = np.eye(np.prod(shape), dtype="float32").reshape(-1, *shape)
    zero = model.predict(np.zeros((1, *shape), "float32"), verbose=0)
    products = np.sum(model.predict(eye, verbose=0) - zero)
    if getattr(layer, "padding", "valid") == "same":
        assert products < found
        places = [-(-side // layer.strides[0]) for side in shape[:-1]]
        assert found == np.prod(layer.kernel.shape) * np.prod(places)
    else:
        assert found == products


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
