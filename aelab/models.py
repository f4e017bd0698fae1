"""Builders of autoencoders."""

import keras
from keras import layers

from aelab import stacks
from aelab.autoencoder import Autoencoder
from aelab.vae import VariationalAutoencoder


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
    shapes = (input_shape, hidden_units, latent_dim, decoder_units)
    image, x, latent, pixels = _dense(*shapes, activation, output_activation, dropout)
    code = layers.Dense(latent_dim, latent_activation, name="code")(x)
    return Autoencoder(
        keras.Model(image, code, name="encoder"),
        keras.Model(latent, pixels, name="decoder"),
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
    image, code, levels = _halved(
        *(input_shape, filters, downsampling, upsampling, activation, dropout)
    )
    shape = code.shape[1:]
    if latent_dim is not None:
        stacks.check_sizes(latent_dim=(latent_dim,))
        code = stacks.flatten(code, latent_dim, latent_activation)

    x = latent = keras.Input(code.shape[1:], name="latent")
    if latent_dim is not None:
        x = stacks.unflatten(x, shape, activation)
    outer = (upsampling, activation, output_activation, dropout)
    pixels = stacks.double(x, *_way_back(image, filters, levels), *outer)
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
    image, code, levels = _halved(
        *(input_shape, filters, downsampling, upsampling, activation, 0.0)
    )
    shape = code.shape[1:]
    if latent_dim is not None:
        stacks.check_sizes(latent_dim=(latent_dim,))
        code = stacks.flatten(code, latent_dim, activation)
    encoder = keras.Model(image, [*levels, code], name="encoder")
    *skips, x = inputs = [keras.Input(tensor.shape[1:]) for tensor in (*levels, code)]
    if latent_dim is not None:
        x = stacks.unflatten(x, shape, activation)
    widths, _ = _way_back(image, filters, levels)
    pixels = stacks.double_with_skips(
        *(x, widths, skips[::-1]),
        *(upsampling, activation, output_activation),
    )
    decoder = keras.Model(inputs, pixels, name="decoder")
    return Autoencoder(encoder, decoder, corruption, name=name)


def dense_vae(
    input_shape,
    hidden_units=(512, 512),
    latent_dim=40,
    *,
    decoder_units=None,
    activation="relu",
    dropout=0.0,
    name="dense_vae",
    **options,
):
    """A variational autoencoder of fully connected layers. Lesson 05.

    Args:
        input_shape, hidden_units, latent_dim, decoder_units, activation, dropout: As
            in `dense_autoencoder`. Codes and pixels have no activation of their own.
        name: Name of the model.
        **options: `beta`, `likelihood`, `sample_at_inference` and `seed`, as in
            `VariationalAutoencoder`.

    Returns:
        A `VariationalAutoencoder`, built and not compiled.

    Raises:
        ValueError: If a size is below 1 or an option is out of range.
    """
    shapes = (input_shape, hidden_units, latent_dim, decoder_units)
    image, x, latent, pixels = _dense(*shapes, activation, "linear", dropout)
    return VariationalAutoencoder(
        keras.Model(image, stacks.gaussian(x, latent_dim), name="encoder"),
        keras.Model(latent, pixels, name="decoder"),
        name=name,
        **options,
    )


def conv_vae(
    input_shape,
    filters=(16, 32, 64),
    latent_dim=128,
    *,
    downsampling="stride",
    upsampling="transpose",
    activation="relu",
    dropout=0.0,
    name="conv_vae",
    **options,
):
    """A variational autoencoder of 3 x 3 convolutions for any image size. Lesson 05.

    Args:
        input_shape, filters, downsampling, upsampling, activation, dropout: As in
            `conv_autoencoder`. Codes and pixels have no activation of their own.
        latent_dim: Number of values in a code, at least 1.
        name: Name of the model.
        **options: `beta`, `likelihood`, `sample_at_inference` and `seed`, as in
            `VariationalAutoencoder`.

    Returns:
        A `VariationalAutoencoder`, built and not compiled.

    Raises:
        ValueError: If a size or a choice is none of those allowed.
    """
    stacks.check_sizes(latent_dim=(latent_dim,))
    image, features, levels = _halved(
        *(input_shape, filters, downsampling, upsampling, activation, dropout)
    )
    x = layers.Flatten(name="flatten")(features)
    latent = keras.Input((latent_dim,), name="latent")
    grown = stacks.unflatten(latent, features.shape[1:], activation)
    outer = (upsampling, activation, "linear", dropout)
    pixels = stacks.double(grown, *_way_back(image, filters, levels), *outer)
    return VariationalAutoencoder(
        keras.Model(image, stacks.gaussian(x, latent_dim), name="encoder"),
        keras.Model(latent, pixels, name="decoder"),
        name=name,
        **options,
    )


def _dense(
    input_shape,
    hidden_units,
    latent_dim,
    decoder_units,
    activation,
    output_activation,
    dropout,
):
    """Two dense stacks: image, its last hidden tensor, latent, its pixels."""
    hidden_units = tuple(hidden_units)
    decoder_units = hidden_units[::-1] if decoder_units is None else decoder_units
    stacks.check_sizes(input_shape=input_shape, latent_dim=(latent_dim,))
    stacks.check_sizes(hidden_units=hidden_units, decoder_units=decoder_units)
    stacks.check_dropout(dropout)
    image = keras.Input(input_shape, name="image")
    x = layers.Flatten(name="flatten")(image)
    x = stacks.dense(x, hidden_units, activation, dropout, "encoder")
    latent = keras.Input((latent_dim,), name="latent")
    pixels = stacks.dense(latent, decoder_units, activation, dropout, "decoder")
    return image, x, latent, stacks.pixels(pixels, input_shape, output_activation)


def _halved(input_shape, filters, downsampling, upsampling, activation, dropout):
    """A checked convolutional encoder: image, features, and larger levels."""
    filters = tuple(filters)
    stacks.check_image_and_filters(input_shape, filters)
    stacks.check_choice("downsampling", downsampling, ("stride", "max", "average"))
    stacks.check_choice("upsampling", upsampling, ("transpose", "resize"))
    stacks.check_dropout(dropout)
    image = keras.Input(input_shape, name="image")
    return image, *stacks.halve(image, filters, downsampling, activation, dropout)


def _way_back(image, filters, levels):
    """Widths and sizes of a decoder's convolutions, from the features to the image."""
    widths = (*filters[-2::-1], image.shape[-1])
    return widths, [level.shape[1:3] for level in reversed(levels)]
