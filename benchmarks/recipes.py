"""What all benchmarks share: MNIST, recipes of models, and training by a recipe.

A recipe is a model, and how it is trained. Those of lesson 01 stand here.
"""

import time
from collections.abc import Callable
from typing import NamedTuple

import keras
import numpy as np

from aelab import data, models, training


class Recipe(NamedTuple):
    """A model, and how it is trained."""

    build: Callable
    """Function from the shape of an image to a model of aelab."""
    epochs: int
    batch_size: int = 128
    rate: float = 1e-3
    """Learning rate of Adam: constant, or the peak of the schedule."""
    schedule: bool = False
    """Whether the rate follows `training.warmup_cosine`."""
    loss: str | None = None
    """As in `compile`. Default: the model's own."""
    clipnorm: float | None = None
    weight_decay: float | None = None
    policy: str = "float32"
    """Keras's dtype policy."""


LECTURE = Recipe(
    lambda shape: models.dense_autoencoder(shape, (128, 64), 32),
    epochs=20,
)
LECTURE_SCHEDULED = LECTURE._replace(rate=5e-3, schedule=True)
LESSON_01 = {
    "two layers": Recipe(
        lambda shape: models.dense_autoencoder(shape, (), 32, latent_activation="relu"),
        epochs=20,
    ),
    "lecture's model": LECTURE,
    "the same, with a schedule": LECTURE_SCHEDULED,
    "wide": Recipe(
        lambda shape: models.dense_autoencoder(
            shape, (512, 256), 32, activation="silu"
        ),
        epochs=24,
        batch_size=192,
        rate=5e-3,
        schedule=True,
        weight_decay=0.05,
    ),
}


def load(n_images=None):
    """MNIST as `data.Images`; of each part the first `n_images`, if that is given."""
    images = data.load("mnist")
    parts = ("x_train", "y_train", "x_val", "y_val", "x_test", "y_test")
    first = {part: getattr(images, part)[:n_images] for part in parts}
    return images._replace(**first)


class Clock(keras.callbacks.Callback):
    """Takes the time at which a training begins, and at which each epoch ends."""

    def on_train_begin(self, logs=None):
        """Take the time."""
        self.marks = [time.perf_counter()]

    def on_epoch_end(self, epoch, logs=None):
        """Take the time."""
        self.marks.append(time.perf_counter())


def train(recipe, x, seed):
    """Train a new model of aelab by a recipe, on the backend that Keras runs on.

    Args:
        recipe: A `Recipe`.
        x: Array of training images, shape `(n, height, width, channels)`.
        seed: Integer, for the weights and all that is drawn in training.

    Returns:
        The model, and a list with the seconds of each epoch.
    """
    keras.config.set_dtype_policy(recipe.policy)
    keras.utils.set_random_seed(seed)
    model = recipe.build(x.shape[1:])
    clock = Clock()
    if recipe.schedule:
        training.train(
            model,
            x,
            epochs=recipe.epochs,
            peak=recipe.rate,
            batch_size=recipe.batch_size,
            loss=recipe.loss,
            clipnorm=recipe.clipnorm,
            weight_decay=recipe.weight_decay,
            callbacks=[clock],
        )
    else:
        optimizer = keras.optimizers.Adam(
            recipe.rate, clipnorm=recipe.clipnorm, weight_decay=recipe.weight_decay
        )
        model.compile(optimizer, loss=recipe.loss, **training.fast_settings())
        model.fit(
            x,
            batch_size=recipe.batch_size,
            epochs=recipe.epochs,
            verbose=0,
            callbacks=[clock],
        )
    return model, np.diff(clock.marks).tolist()


def count_weights(model):
    """Number of weights that are trained."""
    return sum(int(np.prod(v.shape)) for v in model.trainable_variables)
