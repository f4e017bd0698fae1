"""What makes training fast and steady: settings, a schedule, and a ramp."""

import math

import keras
from keras import ops

# On TensorFlow's CPU, XLA slows these models down.
FAST_SETTINGS = {
    "tensorflow": {"jit_compile": False, "steps_per_execution": 32},
    "jax": {"jit_compile": True, "steps_per_execution": 8},
    "torch": {"jit_compile": False, "steps_per_execution": 1},
}


def warmup_cosine(peak, n_images, batch_size, epochs, warmup=0.05):
    """Learning rate that rises to `peak`, then falls to zero along a cosine.

    The warm-up lets Adam measure its averages before it takes large steps; the
    fall lets the weights settle. Lesson 01 shows what it buys.

    Args:
        peak: Highest learning rate.
        n_images: Number of training images.
        batch_size: Images a step.
        epochs: Passes over the images, all that will be trained.
        warmup: Share of all steps spent rising, in (0, 1).

    Returns:
        A `keras.optimizers.schedules.CosineDecay`.
    """
    steps = math.ceil(n_images / batch_size) * epochs
    rising = max(1, int(warmup * steps))
    return keras.optimizers.schedules.CosineDecay(
        0.0, max(1, steps - rising), warmup_target=peak, warmup_steps=rising
    )


def fast_settings():
    """Arguments for `compile` that make small models train fast on this backend.

    Starting a step takes time that small models notice: several run in one call.
    """
    return FAST_SETTINGS[keras.backend.backend()]


class Ramp(keras.callbacks.Callback):
    """Moves a variable in equal steps, epoch by epoch, and then leaves it there.

    The first epoch runs at `start`, epoch number `epochs + 1` and all later ones at
    `stop`. With `vae.beta` it is the warm-up of lesson 05, with the `k` of a `TopK`
    layer the annealing of lesson 04. Whole-number variables are rounded.

    Args:
        variable: Keras variable that holds one number.
        start: Its value in the first epoch.
        stop: Its value in the end.
        epochs: Epochs that the way takes, at least 1.

    Raises:
        ValueError: If `epochs` is below 1.
    """

    def __init__(self, variable, start, stop, epochs):
        super().__init__()
        if not epochs >= 1:
            raise ValueError(f"epochs must be at least 1. Received: epochs={epochs}")
        self.variable, self.start, self.stop = variable, start, stop
        self.epochs = epochs

    def on_epoch_begin(self, epoch, logs=None):
        share = min(1.0, epoch / self.epochs)
        value = self.start + share * (self.stop - self.start)
        if keras.backend.is_int_dtype(self.variable.dtype):
            value = round(value)
        self.variable.assign(ops.cast(value, self.variable.dtype))
