"""The recurrent autoencoder on signals."""

import keras
import numpy as np
import pytest

from aelab import evaluation, models, training


def test_it_learns_a_signal():
    rng = np.random.default_rng(0)
    phase = rng.uniform(0, 2 * np.pi, (200, 1, 1))
    x = np.sin(np.arange(20)[None, :, None] * 0.5 + phase).astype("float32")
    keras.utils.set_random_seed(0)
    model = models.recurrent_autoencoder((20, 1), (16,), 3)
    training.train(model, x, epochs=25, batch_size=20, peak=2e-2)
    assert evaluation.mse(x, model.reconstruct(x)) < 0.2 * x.var()


def test_every_layer_has_its_width():
    model = models.recurrent_autoencoder((6, 2), (5, 4), 3)
    widths = [model.encoder.get_layer(f"encoder_{i}").units for i in (1, 2)]
    widths += [model.decoder.get_layer(f"decoder_{i}").units for i in (1, 2)]
    assert widths == [5, 4, 4, 5]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"units": ()}, "units"),
        ({"units": (0,)}, "units"),
        ({"input_shape": (28, 28, 1)}, "2 entries"),
        ({"latent_dim": 0}, "latent_dim"),
        ({"dropout": 1}, "dropout"),
    ],
)
def test_bad_sizes_are_named(options, words):
    with pytest.raises(ValueError, match=words):
        models.recurrent_autoencoder(**{"input_shape": (6, 2), **options})
