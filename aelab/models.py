"""Autoencoders by composition, the builders that make them, and fast training.

Everything is `keras.ops` and overrides of `call` and `compute_loss`: the same code
runs on TensorFlow, JAX and PyTorch.
"""

import math

import keras
import numpy as np
from keras import layers, ops

# On TensorFlow's CPU, XLA slows these models down.
FAST_SETTINGS = {
    "tensorflow": {"jit_compile": False, "steps_per_execution": 32},
    "jax": {"jit_compile": True, "steps_per_execution": 8},
    "torch": {"jit_compile": False, "steps_per_execution": 1},
}
# What each output activation can reach; targets outside cannot be learnt.
_REACH = {"sigmoid": (0.0, 1.0), "tanh": (-1.0, 1.0), "relu": (0.0, np.inf)}


@keras.saving.register_keras_serializable(package="aelab")
class Autoencoder(keras.Model):
    """An encoder and a decoder, trained to give back what went in.

    `fit(x)` learns to return `x`, `fit(x, y)` to return `y`. The loss is
    `reconstruction + penalty.weight * penalty`, in training and in evaluation;
    each part is logged under its own name. `reconstruction` is the loss handed to
    `compile`, averaged over the batch. Kernel regularizers, if layers have any,
    are added to `loss` alone. Lessons 01 to 04.

    Args:
        encoder: Keras model from images to codes.
        decoder: Keras model from codes to images.
        corruption: Layer applied to the input before the encoder, or None. It is
            called with `training`, so that it can rest at inference.
        penalty: What a code is charged for, or None: called as
            `penalty(x, encoder=encoder)` it returns a scalar, the average over the
            batch of clean images `x`, and it has a number `weight`.
    """

    def __init__(self, encoder, decoder, corruption=None, penalty=None, **kwargs):
        super().__init__(**kwargs)
        self.encoder = encoder
        self.decoder = decoder
        self.corruption = corruption
        self.penalty = penalty
        self.reconstruction_tracker = keras.metrics.Mean(name="reconstruction")
        if penalty is not None:
            self.penalty_tracker = keras.metrics.Mean(name="penalty")

    def build(self, input_shape):
        self.built = True

    def call(self, x, training=False):
        if self.corruption is not None:
            x = self.corruption(x, training=training)
        return self.decoder(self.encoder(x))

    def compute_loss(
        self, x=None, y=None, y_pred=None, sample_weight=None, training=True
    ):
        y = x if y is None else y
        loss = super().compute_loss(x, y, y_pred, sample_weight, training)
        # Weighted like Keras's own `loss`, or a smaller last batch would count more.
        n = ops.shape(x)[0]
        self.reconstruction_tracker.update_state(loss - sum(self.losses), n)
        if self.penalty is not None:
            penalty = self.penalty(x, encoder=self.encoder)
            self.penalty_tracker.update_state(penalty, n)
            loss = loss + self.penalty.weight * penalty
        return loss

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        return super().compute_metrics(x, x if y is None else y, y_pred, sample_weight)

    def fit(self, x=None, y=None, **kwargs):
        """As in Keras, after a look at arrays: shape, NaN, and reachable targets."""
        if isinstance(x, np.ndarray):
            _check_array(x, self.encoder.input_shape, "x")
        target, argument = (x, "x") if y is None else (y, "y")
        if isinstance(target, np.ndarray):
            _check_array(target, self.decoder.output_shape, argument)
            self._check_reach(target)
        return super().fit(x, y, **kwargs)

    def encode(self, x, batch_size=1000):
        """Codes of images: array `(n, ...)` to NumPy array `(n, latent_dim)`."""
        return _in_batches(self.encoder, x, batch_size)

    def decode(self, z, batch_size=1000):
        """Images of codes: array `(n, latent_dim)` to NumPy array `(n, ...)`."""
        return _in_batches(self.decoder, z, batch_size)

    def reconstruct(self, x, batch_size=1000):
        """Images, encoded and decoded: array to NumPy array of the same shape."""
        return self.decode(self.encode(x, batch_size), batch_size)

    def get_config(self):
        parts = ("encoder", "decoder", "corruption", "penalty")
        serialize = keras.saving.serialize_keras_object
        config = {part: serialize(getattr(self, part)) for part in parts}
        return {"name": self.name, **config}

    @classmethod
    def from_config(cls, config):
        restore = keras.saving.deserialize_keras_object
        parts = ("encoder", "decoder", "corruption", "penalty")
        return cls(**{**config, **{part: restore(config[part]) for part in parts}})

    def _check_reach(self, target):
        for layer in reversed(getattr(self.decoder, "layers", [])):
            activation = getattr(getattr(layer, "activation", None), "__name__", None)
            if activation is not None:
                break
        low, high = _REACH.get(activation, (-np.inf, np.inf))
        if target.min() < low or target.max() > high:
            raise ValueError(
                f"The decoder ends in {activation!r} and reaches [{low:g}, {high:g}], "
                "so it cannot learn targets outside: scale the images into it (8-bit "
                "grey values / 255 lie in [0, 1]) or choose another output_activation. "
                f"Received: values in [{target.min():g}, {target.max():g}]"
            )


def dense_autoencoder(
    input_shape,
    hidden_units=(128, 64),
    latent_dim=32,
    *,
    decoder_units=None,
    activation="relu",
    latent_activation="linear",
    output_activation="sigmoid",
    dropout=0.0,
    corruption=None,
    penalty=None,
    name="dense_autoencoder",
):
    """An autoencoder of fully connected layers. Lesson 01.

    The defaults are the model of that lesson: 784-128-64-32-64-128-784 for images
    of 28 x 28. `hidden_units=()` leaves one layer on either side of the code.

    Args:
        input_shape: Shape of one image, for example `(28, 28, 1)`. Any rank.
        hidden_units: Widths of the encoder's layers, from the image inwards.
        latent_dim: Number of values in a code, at least 1.
        decoder_units: Widths of the decoder's layers, from the code outwards.
            Default: `hidden_units` reversed.
        activation: Of the hidden layers.
        latent_activation: Of the code. Linear codes may take any sign and size.
        output_activation: Of the pixels; it must reach every value of the images.
        dropout: Share of each hidden layer dropped in training, in [0, 1).
        corruption: As in `Autoencoder`.
        penalty: As in `Autoencoder`.
        name: Name of the model.

    Returns:
        An `Autoencoder`, built and not compiled.

    Raises:
        ValueError: If a size is below 1 or `dropout` is outside [0, 1).
    """
    hidden_units = tuple(hidden_units)
    if decoder_units is None:
        decoder_units = hidden_units[::-1]
    _check_sizes(input_shape=input_shape, latent_dim=(latent_dim,))
    _check_sizes(hidden_units=hidden_units, decoder_units=decoder_units)
    if not 0 <= dropout < 1:
        raise ValueError(f"dropout must be in [0, 1). Received: dropout={dropout}")

    def hidden(units, prefix):
        for i, width in enumerate(units, start=1):
            yield layers.Dense(width, activation, name=f"{prefix}_{i}")
            if dropout:
                yield layers.Dropout(dropout, name=f"{prefix}_dropout_{i}")

    encoder = keras.Sequential(
        [
            keras.Input(input_shape, name="image"),
            layers.Flatten(name="flatten"),
            *hidden(hidden_units, "encoder"),
            layers.Dense(latent_dim, latent_activation, name="code"),
        ],
        name="encoder",
    )
    decoder = keras.Sequential(
        [
            keras.Input((latent_dim,), name="latent"),
            *hidden(decoder_units, "decoder"),
            layers.Dense(math.prod(input_shape), output_activation, name="pixels"),
            layers.Reshape(input_shape, name="reconstruction"),
        ],
        name="decoder",
    )
    return Autoencoder(encoder, decoder, corruption, penalty, name=name)


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

    Measured by `benchmarks/speed.py`: on a CPU most of a step of these models is
    the cost of starting it, so several steps run in one call.
    """
    return FAST_SETTINGS[keras.backend.backend()]


def _check_sizes(**sizes):
    for argument, values in sizes.items():
        if not all(isinstance(v, (int, np.integer)) and v > 0 for v in values):
            raise ValueError(
                f"{argument} must be whole numbers of at least 1. "
                f"Received: {argument}={values}"
            )


def _check_array(x, expected, argument):
    """Raise ValueError unless an array fits `(None, ...)`, has rows, and no NaN."""
    if x.shape[1:] != tuple(expected[1:]) or len(x) == 0:
        raise ValueError(
            f"{argument} must have shape (n, {', '.join(map(str, expected[1:]))}) with "
            f"n at least 1: one grey image is image[None, ..., None]. "
            f"Received: {argument} of shape {x.shape}"
        )
    if not np.isfinite(x).all():
        raise ValueError(
            f"{argument} holds NaN or infinite values. Replace them or drop those rows."
        )


def _in_batches(model, x, batch_size):
    x = np.asarray(x)
    _check_array(x, model.input_shape, "x")
    parts = [
        ops.convert_to_numpy(model(x[start : start + batch_size], training=False))
        for start in range(0, len(x), batch_size)
    ]
    return np.concatenate(parts)
