"""Builders of autoencoders, and the settings that train them fast."""

import math

import keras
import numpy as np
from keras import layers

from aelab import stacks
from aelab.autoencoder import Autoencoder

# On TensorFlow's CPU, XLA slows these models down.
FAST_SETTINGS = {
    "tensorflow": {"jit_compile": False, "steps_per_execution": 32},
    "jax": {"jit_compile": True, "steps_per_execution": 8},
    "torch": {"jit_compile": False, "steps_per_execution": 1},
}


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
    _check_dropout(dropout)

    image = keras.Input(input_shape, name="image")
    x = layers.Flatten(name="flatten")(image)
    x = stacks.dense(x, hidden_units, activation, dropout, "encoder")
    code = layers.Dense(latent_dim, latent_activation, name="code")(x)

    latent = keras.Input((latent_dim,), name="latent")
    x = stacks.dense(latent, decoder_units, activation, dropout, "decoder")
    x = stacks.pixels(x, input_shape, output_activation)
    return Autoencoder(
        keras.Model(image, code, name="encoder"),
        keras.Model(latent, x, name="decoder"),
        *(corruption, penalty),
        name=name,
    )


def conv_autoencoder(
    input_shape,
    filters=(16, 32, 64),
    latent_dim=None,
    *,
    downsampling="stride",
    upsampling="transpose",
    activation="relu",
    latent_activation="linear",
    output_activation="sigmoid",
    dropout=0.0,
    corruption=None,
    penalty=None,
    name="conv_autoencoder",
):
    """An autoencoder of 3 x 3 convolutions for images of any size. Lesson 02.

    The encoder halves the image (rounding up) after every entry of `filters` but the
    last; the decoder doubles it as often and cuts what is over, so that the output
    has the input's shape. The defaults are the model of lesson 02: 28 x 28 images
    become 7 x 7 x 64 features.

    Args:
        input_shape: `(height, width, channels)`.
        filters: Channels of the encoder's convolutions, at least two.
        latent_dim: Size of a code vector behind a Dense layer. Default: the feature
            map itself is the code, of shape `(height, width, filters[-1])`.
        downsampling: `"stride"` (the convolution skips every other position), or
            `"max"` or `"average"` (pooling after it).
        upsampling: `"transpose"` (transposed convolution, stride 2) or `"resize"`
            (repeat pixels, then convolve).
        activation: Of the hidden layers.
        latent_activation: Of a code vector.
        output_activation: Of the pixels.
        dropout: Share of each hidden layer dropped in training, in [0, 1).
        corruption: As in `Autoencoder`.
        penalty: As in `Autoencoder`.
        name: Name of the model.

    Returns:
        An `Autoencoder`, built and not compiled.

    Raises:
        ValueError: If a size, a choice or `dropout` is none of the above.
    """
    filters = tuple(filters)
    _check_image_and_filters(input_shape, filters)
    _check_choice("downsampling", downsampling, ("stride", "max", "average"))
    _check_choice("upsampling", upsampling, ("transpose", "resize"))
    _check_dropout(dropout)

    image = keras.Input(input_shape, name="image")
    code, levels = stacks.halve(image, filters, downsampling, activation, dropout)
    shape = code.shape[1:]
    if latent_dim is not None:
        _check_sizes(latent_dim=(latent_dim,))
        code = stacks.flatten(code, latent_dim, latent_activation)

    x = latent = keras.Input(code.shape[1:], name="latent")
    if latent_dim is not None:
        x = stacks.unflatten(x, shape, activation)
    widths = (*filters[-2::-1], input_shape[-1])
    sizes = [level.shape[1:3] for level in reversed(levels)]
    outer = (upsampling, activation, output_activation, dropout)
    pixels = stacks.double(x, widths, sizes, *outer)
    return Autoencoder(
        keras.Model(image, code, name="encoder"),
        keras.Model(latent, pixels, name="decoder"),
        *(corruption, penalty),
        name=name,
    )


def skip_autoencoder(
    input_shape,
    filters=(16, 32, 64),
    latent_dim=None,
    *,
    downsampling="stride",
    upsampling="transpose",
    activation="relu",
    output_activation="sigmoid",
    corruption=None,
    name="skip_autoencoder",
):
    """A convolutional autoencoder whose decoder sees every level. Lesson 03.

    Each size on the way up is merged with the encoder's features of that size (a
    U-Net). Fine detail need not pass the narrow place, so nothing is compressed and
    the plain task, copying, is trivial: use it with a `corruption`. `latent_dim`
    puts a Dense layer of that many values in the narrow place, which then sees the
    whole image at once.

    Args:
        As in `conv_autoencoder`.

    Returns:
        An `Autoencoder`. Its `encode` gives a list: the levels, largest first, and
        the feature map or vector.

    Raises:
        ValueError: If a size or a choice is none of those allowed.
    """
    filters = tuple(filters)
    _check_image_and_filters(input_shape, filters)
    _check_choice("downsampling", downsampling, ("stride", "max", "average"))
    _check_choice("upsampling", upsampling, ("transpose", "resize"))

    image = keras.Input(input_shape, name="image")
    code, levels = stacks.halve(image, filters, downsampling, activation, 0.0)
    shape = code.shape[1:]
    if latent_dim is not None:
        _check_sizes(latent_dim=(latent_dim,))
        code = stacks.flatten(code, latent_dim, activation)
    encoder = keras.Model(image, [*levels, code], name="encoder")
    *skips, x = inputs = [keras.Input(tensor.shape[1:]) for tensor in (*levels, code)]
    if latent_dim is not None:
        x = stacks.unflatten(x, shape, activation)
    widths = (*filters[-2::-1], input_shape[-1])
    pixels = stacks.double_with_skips(
        *(x, widths, skips[::-1]),
        *(upsampling, activation, output_activation),
    )
    decoder = keras.Model(inputs, pixels, name="decoder")
    return Autoencoder(encoder, decoder, corruption, name=name)


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


def _check_image_and_filters(input_shape, filters):
    _check_sizes(input_shape=input_shape, filters=filters)
    if len(input_shape) != 3 or len(filters) < 2:
        raise ValueError(
            "input_shape must be (height, width, channels), and filters must have two "
            f"entries or more. Received: input_shape={input_shape}, filters={filters}"
        )


def _check_choice(argument, value, choices):
    if value not in choices:
        raise ValueError(
            f"{argument} must be one of {choices}. Received: {argument}={value!r}"
        )


def _check_dropout(dropout):
    if not 0 <= dropout < 1:
        raise ValueError(f"dropout must be in [0, 1). Received: dropout={dropout}")


def _check_sizes(**sizes):
    for argument, values in sizes.items():
        if not all(isinstance(v, (int, np.integer)) and v > 0 for v in values):
            raise ValueError(
                f"{argument} must be whole numbers of at least 1. "
                f"Received: {argument}={values}"
            )
