"""The U-Net: what its skips carry, and targets of another kind."""

import keras
import numpy as np
import pytest
from keras import ops

from aelab import corruption, evaluation, models, training


@pytest.mark.parametrize("downsampling", ["max", "average", "stride"])
def test_skips_carry_what_the_narrow_place_does_not(x, downsampling):
    model = models.unet(
        (28, 28, 1), filters=(4, 6, 8), latent_dim=3, downsampling=downsampling
    )
    network = model.network
    # With nothing let through the narrow place, the skips still change the output.
    kernel, bias = network.get_layer("features").get_weights()
    network.get_layer("features").set_weights([0 * kernel, 0 * bias])
    reconstruction = model.reconstruct(x[:5])
    assert reconstruction.std(axis=0).max() > 1e-4
    # Each skip is a feature map, of the full size and of half of it.
    shapes = [network.get_layer(f"skip_{i}").input[1].shape[1:] for i in (1, 2)]
    assert shapes == [(28, 28, 4), (14, 14, 6)]


def test_it_learns_to_denoise_and_other_channels(x):
    keras.utils.set_random_seed(1)
    noise = corruption.AdditiveGaussian(0.5)
    # So few channels of relu, or a higher rate, may end in black images for good.
    model = models.unet(
        (28, 28, 1), filters=(4, 8), activation="silu", corruption=noise
    )
    training.train(model, x, epochs=20, batch_size=32, peak=3e-3)
    noisy = noise.corrupt_array(x, seed=1)
    cleaned = evaluation.mse(x, model.reconstruct(noisy))
    assert cleaned < 0.5 * evaluation.mse(x, noisy)
    colours = models.unet((28, 28, 1), output_channels=3, filters=(4, 8))
    colours.compile("adam")
    colours.fit(x, np.repeat(x, 3, axis=-1), verbose=0)
    assert colours.reconstruct(x[:2]).shape == (2, 28, 28, 3)
    first = ops.convert_to_numpy(colours(x[:2])["reconstruction"])
    np.testing.assert_allclose(first, colours.reconstruct(x[:2]), atol=1e-5)


def test_open_sides_take_images_of_any_fitting_size():
    unet = models.unet((None, None, 1), filters=(3, 4))
    for sides in ((8, 8), (12, 6)):
        x = np.random.default_rng(0).random((2, *sides, 1), "float32")
        assert unet.reconstruct(x).shape == x.shape


def test_corruption_rests_at_inference(x):
    class Darken(keras.layers.Layer):
        def call(self, x, training=False):
            return 0 * x if training else x

    unet = models.unet((28, 28, 1), filters=(3, 4), corruption=Darken())
    unet.compile("adam")
    found = unet.evaluate(x, verbose=0, return_dict=True)["reconstruction"]
    expected = np.square(unet.reconstruct(x) - x).mean()
    assert found == pytest.approx(expected, rel=1e-4)
