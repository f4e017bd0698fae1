"""What every model of the course is: an encoder and a decoder.

Everything is `keras.ops` and overrides of `call` and `compute_loss`: the same code
runs on TensorFlow, JAX and PyTorch.
"""

import keras
import numpy as np
from keras import layers, ops

# What each output activation can reach; targets outside cannot be learnt.
_REACH = {"sigmoid": (0.0, 1.0), "tanh": (-1.0, 1.0), "relu": (0.0, np.inf)}
# Layers after the last activation that leave its values as they are.
_SHAPES_ONLY = (layers.Reshape, layers.Cropping2D)


class EncoderDecoder(keras.Model):
    """Two models, and what can be done with them once they are trained.

    Args:
        encoder: Keras model from images to codes.
        decoder: Keras model from codes to images.
    """

    def __init__(self, encoder, decoder, **kwargs):
        super().__init__(**kwargs)
        self.encoder = encoder
        self.decoder = decoder
        self.reconstruction_tracker = keras.metrics.Mean(name="reconstruction")

    def build(self, input_shape):
        self.built = True

    def fit(self, x=None, y=None, **kwargs):
        """As in Keras, after a look at arrays: shape, NaN, and reachable targets."""
        if isinstance(x, np.ndarray):
            check_array(x, self.encoder.input_shape, "x")
        target, argument = (x, "x") if y is None else (y, "y")
        if isinstance(target, np.ndarray):
            check_array(target, self.decoder.output_shape, argument)
            self._check_reach(target)
        if kwargs.get("sample_weight") is not None:
            y = target  # Keras drops the weights of examples without targets.
        return super().fit(x, y, **kwargs)

    def encode(self, x, batch_size=1000):
        """Codes of images: array `(n, ...)` to NumPy array `(n, latent_dim)`.

        An encoder with several outputs gives a list of arrays.
        """
        return _in_batches(self.encoder, x, self.encoder.input_shape, batch_size)

    def decode(self, z, batch_size=1000):
        """Images of codes: array `(n, latent_dim)` to NumPy array `(n, ...)`."""
        return _in_batches(self._draw, z, self.decoder.input_shape, batch_size)

    def reconstruct(self, x, batch_size=1000):
        """Images, encoded and decoded: array to NumPy array of the same shape."""

        def there_and_back(batch):
            return self._draw(self._code(batch))

        return _in_batches(there_and_back, x, self.encoder.input_shape, batch_size)

    def _code(self, x):
        return self.encoder(x)

    def _draw(self, z):
        return self.decoder(z)

    def _output_activation(self):
        for layer in reversed(getattr(self.decoder, "layers", [])):
            if not isinstance(layer, _SHAPES_ONLY):
                return getattr(getattr(layer, "activation", None), "__name__", None)
        return None

    def _check_reach(self, target):
        activation = self._output_activation()
        low, high = _REACH.get(activation, (-np.inf, np.inf))
        if target.min() < low or target.max() > high:
            raise ValueError(
                f"The decoder ends in {activation!r} and reaches [{low:g}, {high:g}], "
                "so it cannot learn targets outside: scale the images into it (8-bit "
                "grey values / 255 lie in [0, 1]) or choose another output. "
                f"Received: values in [{target.min():g}, {target.max():g}]"
            )


@keras.saving.register_keras_serializable(package="aelab")
class Autoencoder(EncoderDecoder):
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
        super().__init__(encoder, decoder, **kwargs)
        self.corruption = corruption
        self.penalty = penalty
        if penalty is not None:
            self.penalty_tracker = keras.metrics.Mean(name="penalty")
        self.build(encoder.input_shape)

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


def check_array(x, expected, argument):
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


def _in_batches(function, x, expected, batch_size):
    """Apply a function of tensors to an array that fits `expected`, in batches.

    Returns NumPy arrays in float32, in the structure that the function returns.
    """
    x = np.asarray(x)
    check_array(x, expected, "x")
    parts = [
        keras.tree.map_structure(_to_float32, function(x[start : start + batch_size]))
        for start in range(0, len(x), batch_size)
    ]
    return keras.tree.map_structure(lambda *part: np.concatenate(part), *parts)


def _to_float32(tensor):
    """NumPy array of a tensor, whose own dtype may be one that NumPy lacks."""
    return ops.convert_to_numpy(ops.cast(tensor, "float32"))
