"""Models of recurrent layers, for signals: sequences of measurements in time."""

import keras
from keras import layers

from aelab import checks
from aelab.models.autoencoder import Autoencoder, output_range
from aelab.models.dense import LOSS_DTYPE, latent_vector


def recurrent_encoder(
    input_shape,
    units=(64,),
    latent_dim=16,
    *,
    latent_activation="linear",
    latent_layers=(),
    dropout=0.0,
    name="encoder",
):
    """The first half of a recurrent autoencoder: signals to codes.

    Layers of gated recurrent units (GRU) read the signal; what the last one remembers
    after the last step becomes the code.

    Args:
        input_shape: `(timesteps, features)`.
        units: Widths of the recurrent layers, at least one.
        latent_dim: Number of values in a code, at least 1.
        latent_activation: Of the code.
        latent_layers: Layers applied to the code, such as `[layers.TopK(4)]`.
        dropout: Fraction of each layer's input dropped in training, in [0, 1).
        name: Name of the model.

    Returns:
        A `keras.Model` from `(n, timesteps, features)` to `(n, latent_dim)`.

    Raises:
        ValueError: If a size is below 1 or `dropout` is outside [0, 1).

    Reference: Cho et al., 2014, "Learning Phrase Representations using RNN
    Encoder-Decoder for Statistical Machine Translation", arXiv:1406.1078.
    """
    shape = checks.integers("input_shape", input_shape, length=2)
    units = _check_units(units)
    checks.fraction("dropout", dropout)
    signal = x = keras.Input(shape, name="signal")
    for i, width in enumerate(units, start=1):
        x = layers.GRU(
            width,
            return_sequences=i < len(units),
            dropout=dropout,
            name=f"{name}_{i}",
        )(x)
    x = latent_vector(x, latent_dim, latent_activation, latent_layers)
    return keras.Model(signal, x, name=name)


def recurrent_decoder(
    output_shape,
    units=(64,),
    latent_dim=16,
    *,
    output_activation="linear",
    dropout=0.0,
    name="decoder",
):
    """The second half of a recurrent autoencoder: codes to signals.

    The code is handed to the first recurrent layer at every step.

    Args:
        output_shape: `(timesteps, features)`.
        units: Widths of the recurrent layers, at least one.
        latent_dim: Number of values in a code, at least 1.
        output_activation: Of the signal; it must reach all its values.
        dropout: Fraction of each layer's input dropped in training, in [0, 1).
        name: Name of the model.

    Returns:
        A `keras.Model` from `(n, latent_dim)` to `(n, timesteps, features)`.

    Raises:
        ValueError: If a size is below 1 or `dropout` is outside [0, 1).
    """
    timesteps, features = checks.integers("output_shape", output_shape, length=2)
    units = _check_units(units)
    checks.integer("latent_dim", latent_dim)
    checks.fraction("dropout", dropout)
    latent = keras.Input((latent_dim,), name="latent")
    x = layers.RepeatVector(timesteps, name="repeat")(latent)
    for i, width in enumerate(units, start=1):
        x = layers.GRU(
            width,
            return_sequences=True,
            dropout=dropout,
            name=f"{name}_{i}",
        )(x)
    x = layers.Dense(
        features, output_activation, name="reconstruction", dtype=LOSS_DTYPE
    )(x)
    return keras.Model(latent, x, name=name)


def recurrent_autoencoder(
    input_shape,
    units=(64,),
    latent_dim=16,
    *,
    latent_activation="linear",
    latent_layers=(),
    output_activation="linear",
    dropout=0.0,
    corruption=None,
    penalty=None,
    name="recurrent_autoencoder",
):
    """An autoencoder of recurrent layers, for signals.

    Args:
        input_shape: `(timesteps, features)`.
        units: Widths of the encoder's recurrent layers; the decoder has them reversed.
        latent_dim: Number of values in a code, at least 1.
        latent_activation: Of the code.
        latent_layers: As in `recurrent_encoder`.
        output_activation: Of the signal; it must reach all its values.
        dropout: Fraction of each layer's input dropped in training, in [0, 1).
        corruption: As in `Autoencoder`.
        penalty: As in `Autoencoder`.
        name: Name of the model.

    Returns:
        An `Autoencoder`, built and not compiled.

    Raises:
        ValueError: If a size is below 1 or `dropout` is outside [0, 1).

    Reference: Malhotra et al., 2016, "LSTM-based Encoder-Decoder for Multi-sensor
    Anomaly Detection", arXiv:1607.00148.
    """
    encoder = recurrent_encoder(
        input_shape,
        units,
        latent_dim,
        latent_activation=latent_activation,
        latent_layers=latent_layers,
        dropout=dropout,
    )
    decoder = recurrent_decoder(
        input_shape,
        units[::-1],
        latent_dim,
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


def _check_units(units):
    units = checks.integers("units", units)
    if not units:
        raise ValueError("units must name one recurrent layer or more. Received: ()")
    return units
