"""Models of fully connected layers."""

import math

import keras
from keras import layers

from aelab import checks
from aelab.models.autoencoder import Autoencoder, output_range
from aelab.models.variational import VariationalAutoencoder

# Losses need more digits than half precision has: the layers that they are computed
# from keep to this in mixed precision, too.
LOSS_DTYPE = "float32"


def dense_encoder(
    input_shape,
    units=(128, 64),
    latent_dim=32,
    *,
    activation="relu",
    latent_activation="linear",
    latent_layers=(),
    dropout=0.0,
    name="encoder",
):
    """The first half of a dense autoencoder: images to codes. Lesson 01.

    Args:
        input_shape: Shape of one image, for example `(28, 28, 1)`. Any rank.
        units: Widths of the hidden layers, from the image inwards; `()` for none.
        latent_dim: Number of values in a code, at least 1.
        activation: Of the hidden layers.
        latent_activation: Of the code. Linear codes may take any sign and size.
        latent_layers: Layers applied to the code, one after the other, such as
            `[layers.TopK(25)]`.
        dropout: Fraction of each hidden layer dropped in training, in [0, 1).
        name: Name of the model.

    Returns:
        A `keras.Model` from `(n, *input_shape)` to `(n, latent_dim)`.

    Raises:
        ValueError: If a size is below 1 or `dropout` is outside [0, 1).
    """
    image = keras.Input(checks.integers("input_shape", input_shape), name="image")
    x = layers.Flatten(name="flatten")(image)
    x = _hidden(x, units, activation, dropout, name)
    x = latent_vector(x, latent_dim, latent_activation, latent_layers)
    return keras.Model(image, x, name=name)


def dense_decoder(
    output_shape,
    units=(64, 128),
    latent_dim=32,
    *,
    activation="relu",
    output_activation="sigmoid",
    dropout=0.0,
    name="decoder",
):
    """The second half of a dense autoencoder: codes to images. Lesson 01.

    Args:
        output_shape: Shape of one image, for example `(28, 28, 1)`. Any rank.
        units: Widths of the hidden layers, from the code outwards; `()` for none.
        latent_dim: Number of values in a code, at least 1.
        activation: Of the hidden layers.
        output_activation: Of the pixels; it must reach every value of the images.
        dropout: Fraction of each hidden layer dropped in training, in [0, 1).
        name: Name of the model.

    Returns:
        A `keras.Model` from `(n, latent_dim)` to `(n, *output_shape)`.

    Raises:
        ValueError: If a size is below 1 or `dropout` is outside [0, 1).
    """
    checks.integer("latent_dim", latent_dim)
    shape = checks.integers("output_shape", output_shape)
    latent = keras.Input((latent_dim,), name="latent")
    x = _hidden(latent, units, activation, dropout, name)
    x = layers.Dense(
        math.prod(shape), output_activation, name="pixels", dtype=LOSS_DTYPE
    )(x)
    x = layers.Reshape(shape, name="reconstruction", dtype=LOSS_DTYPE)(x)
    return keras.Model(latent, x, name=name)


def dense_autoencoder(
    input_shape,
    hidden_units=(128, 64),
    latent_dim=32,
    *,
    decoder_units=None,
    activation="relu",
    latent_activation="linear",
    latent_layers=(),
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
        latent_activation: Of the code.
        latent_layers: Layers applied to the code, such as `[layers.TopK(25)]`.
        output_activation: Of the pixels; it must reach every value of the images.
        dropout: Fraction of each hidden layer dropped in training, in [0, 1).
        corruption: As in `Autoencoder`.
        penalty: As in `Autoencoder`.
        name: Name of the model.

    Returns:
        An `Autoencoder`, built and not compiled.

    Raises:
        ValueError: If a size is below 1 or `dropout` is outside [0, 1).
    """
    hidden_units = checks.integers("hidden_units", hidden_units)
    if decoder_units is None:
        decoder_units = hidden_units[::-1]
    checks.integers("decoder_units", decoder_units)
    encoder = dense_encoder(
        input_shape,
        hidden_units,
        latent_dim,
        activation=activation,
        latent_activation=latent_activation,
        latent_layers=latent_layers,
        dropout=dropout,
    )
    decoder = dense_decoder(
        input_shape,
        decoder_units,
        latent_dim,
        activation=activation,
        output_activation=output_activation,
        dropout=dropout,
    )
    return Autoencoder(
        encoder,
        decoder,
        corruption=corruption,
        penalty=penalty,
        output_range=output_range(output_activation),
        name=name,
    )


def dense_vae(
    input_shape,
    hidden_units=(512, 512),
    latent_dim=40,
    *,
    decoder_units=None,
    activation="relu",
    dropout=0.0,
    beta=1.0,
    likelihood="bernoulli",
    variance=0.01,
    sample_at_inference=False,
    seed=None,
    name="dense_vae",
):
    """A variational autoencoder of fully connected layers. Lesson 06.

    Args:
        input_shape: Shape of one image, for example `(28, 28, 1)`. Any rank.
        hidden_units: Widths of the encoder's layers, from the image inwards.
        latent_dim: Number of values in a code, at least 1.
        decoder_units: Widths of the decoder's layers, from the code outwards.
            Default: `hidden_units` reversed.
        activation: Of the hidden layers; codes and pixels have none of their own.
        dropout: Fraction of each hidden layer dropped in training, in [0, 1).
        beta: As in `VariationalAutoencoder`.
        likelihood: As in `VariationalAutoencoder`.
        variance: As in `VariationalAutoencoder`.
        sample_at_inference: As in `VariationalAutoencoder`.
        seed: As in `VariationalAutoencoder`.
        name: Name of the model.

    Returns:
        A `VariationalAutoencoder`, built and not compiled.

    Raises:
        ValueError: If a size is below 1 or another argument is out of range.
    """
    hidden_units = checks.integers("hidden_units", hidden_units)
    if decoder_units is None:
        decoder_units = hidden_units[::-1]
    checks.integers("decoder_units", decoder_units)
    image = keras.Input(checks.integers("input_shape", input_shape), name="image")
    x = layers.Flatten(name="flatten")(image)
    x = _hidden(x, hidden_units, activation, dropout, "encoder")
    encoder = keras.Model(image, gaussian_heads(x, latent_dim), name="encoder")
    decoder = dense_decoder(
        input_shape,
        decoder_units,
        latent_dim,
        activation=activation,
        output_activation="linear",
        dropout=dropout,
    )
    return VariationalAutoencoder(
        encoder,
        decoder,
        beta=beta,
        likelihood=likelihood,
        variance=variance,
        sample_at_inference=sample_at_inference,
        seed=seed,
        name=name,
    )


def latent_vector(x, latent_dim, activation, latent_layers):
    """A Dense layer of `latent_dim` units on a flat tensor, then the layers on it."""
    checks.integer("latent_dim", latent_dim)
    x = layers.Dense(latent_dim, activation, name="latent")(x)
    return through(latent_layers, x)


def through(latent_layers, x):
    """The code `x` after the layers on it, applied one after the other."""
    if not isinstance(latent_layers, (list, tuple)):
        raise ValueError(
            "latent_layers must be a list of layers, such as [layers.TopK(25)]. "
            f"Received: latent_layers={latent_layers!r}"
        )
    for layer in latent_layers:
        x = layer(x)
    return x


def gaussian_heads(x, latent_dim):
    """`[z_mean, z_log_var]`: two Dense layers of `latent_dim` units on one tensor."""
    checks.integer("latent_dim", latent_dim)
    z_mean = layers.Dense(latent_dim, name="z_mean", dtype=LOSS_DTYPE)(x)
    z_log_var = layers.Dense(latent_dim, name="z_log_var", dtype=LOSS_DTYPE)(x)
    return [z_mean, z_log_var]


def _hidden(x, units, activation, dropout, prefix):
    """Dense layers of the given widths, each followed by dropout if there is any."""
    checks.fraction("dropout", dropout)
    for i, width in enumerate(checks.integers("units", units), start=1):
        x = layers.Dense(width, activation, name=f"{prefix}_{i}")(x)
        if dropout:
            x = layers.Dropout(dropout, name=f"{prefix}_dropout_{i}")(x)
    return x
