"""Models of convolutions with kernels of size 3, in one or two dimensions."""

import math

import keras
from keras import layers

from aelab import checks
from aelab.models.autoencoder import Autoencoder, output_range
from aelab.models.dense import LOSS_DTYPE, gaussian_heads, latent_vector, through
from aelab.models.variational import VariationalAutoencoder

DOWNSAMPLING = ("stride", "max", "average")
UPSAMPLING = ("transpose", "resize")

# For shapes (length, channels) and (height, width, channels).
CONVOLUTIONS = {2: layers.Conv1D, 3: layers.Conv2D}
TRANSPOSED = {2: layers.Conv1DTranspose, 3: layers.Conv2DTranspose}
REPEATS = {2: layers.UpSampling1D, 3: layers.UpSampling2D}
CROPS = {2: layers.Cropping1D, 3: layers.Cropping2D}
POOLS = {
    ("max", 2): layers.MaxPooling1D,
    ("max", 3): layers.MaxPooling2D,
    ("average", 2): layers.AveragePooling1D,
    ("average", 3): layers.AveragePooling2D,
}


def conv_encoder(
    input_shape,
    filters=(16, 32, 64),
    latent_dim=None,
    *,
    downsampling="stride",
    activation="relu",
    latent_activation=None,
    latent_layers=(),
    dropout=0.0,
    name="encoder",
):
    """The first half of a convolutional autoencoder: images to codes. Lesson 03.

    Each convolution but the last is followed by a halving of all sides, rounded up: 28
    x 28 images and the default filters give a feature map of 7 x 7 x 64.

    Args:
        input_shape: `(height, width, channels)`, or `(length, channels)` for signals.
            A side may be None if there is no `latent_dim`: then images of any size are
            encoded. They are decoded to their own size if it is a multiple of 2 **
            (len(filters) - 1), and otherwise to the next larger one that is.
        filters: Channels of each convolution, from the image inwards, at least two.
        latent_dim: Size of a code vector behind a Dense layer. Default: the feature
            map itself is the code.
        downsampling: `"stride"` (the convolution skips every other position), or
            `"max"` or `"average"` (pooling after it).
        activation: Of the convolutions.
        latent_activation: Of the code. Default: none for a vector, `activation` for a
            feature map.
        latent_layers: Layers applied to the code, one after the other, such as
            `[layers.TopK(25)]`.
        dropout: Fraction of each hidden layer dropped in training, in [0, 1).
        name: Name of the model.

    Returns:
        A `keras.Model` from `(n, *input_shape)` to `(n, latent_dim)`, or to
        `(n, *sides, filters[-1])`.

    Raises:
        ValueError: If a size or a choice is none of those allowed.
    """
    image = conv_input(input_shape)
    last_activation = activation
    if latent_dim is not None:
        check_known_sides("input_shape", input_shape)
    elif latent_activation is not None:
        last_activation = latent_activation
    x = conv_features(
        image, filters, downsampling, activation, last_activation, dropout, name
    )
    if latent_dim is None:
        x = through(latent_layers, x)
    else:
        x = layers.Flatten(name="flatten")(x)
        x = latent_vector(x, latent_dim, latent_activation, latent_layers)
    return keras.Model(image, x, name=name)


def conv_decoder(
    output_shape,
    filters=(64, 32, 16),
    latent_dim=None,
    *,
    upsampling="transpose",
    activation="relu",
    output_activation="sigmoid",
    dropout=0.0,
    name="decoder",
):
    """The second half of a convolutional autoencoder: codes to images. Lesson 03.

    The sides are doubled `len(filters) - 1` times; where a side of the image is odd,
    the surplus row is cropped. The output need not have the shape of what was encoded:
    a larger image, or one with colours, will do.

    Args:
        output_shape: `(height, width, channels)`, or `(length, channels)` for signals.
            A side may be None if there is no `latent_dim`: each side of the code is
            then doubled as it is.
        filters: Channels from the code outwards, at least two: first those of the
            feature map to start from, then those of each convolution; the last
            convolution has the channels of the image.
        latent_dim: Size of a code vector, which a Dense layer turns into the feature
            map. Default: the code is the feature map.
        upsampling: `"transpose"` (transposed convolution, stride 2) or `"resize"`
            (repeat each position, then convolve).
        activation: Of the hidden layers.
        output_activation: Of the pixels; it must reach every value of the images.
        dropout: Fraction of each hidden layer dropped in training, in [0, 1).
        name: Name of the model.

    Returns:
        A `keras.Model` from `(n, latent_dim)`, or from `(n, *sides, filters[0])`, to
        `(n, *output_shape)`.

    Raises:
        ValueError: If a size or a choice is none of those allowed.
    """
    *sides, channels = check_image_shape("output_shape", output_shape)
    filters = check_filters(filters)
    checks.fraction("dropout", dropout)
    n_doublings = len(filters) - 1
    # From the sides of the code to those of the image, each rounded up when halved.
    sizes = [halved(sides, times) for times in range(n_doublings, -1, -1)]
    feature_shape = (*sizes[0], filters[0])
    if latent_dim is None:
        x = latent = keras.Input(feature_shape, name="latent")
    else:
        checks.integer("latent_dim", latent_dim)
        check_known_sides("output_shape", output_shape)
        latent = keras.Input((latent_dim,), name="latent")
        x = layers.Dense(math.prod(feature_shape), activation, name="features")(latent)
        x = layers.Reshape(feature_shape, name="feature_map")(x)

    x = convolve(x, filters[1], activation, f"{name}_1")
    for i in range(2, n_doublings + 1):
        if dropout:
            x = layers.Dropout(dropout, name=f"{name}_dropout_{i - 1}")(x)
        x = enlarge(
            x, filters[i], sizes[i - 1], upsampling, activation, name=f"{name}_{i}"
        )
    if dropout:
        x = layers.Dropout(dropout, name=f"{name}_dropout_{n_doublings}")(x)
    x = enlarge(
        x,
        channels,
        sizes[-1],
        upsampling,
        output_activation,
        name="pixels",
        dtype=LOSS_DTYPE,
    )
    return keras.Model(latent, x, name=name)


def conv_autoencoder(
    input_shape,
    filters=(16, 32, 64),
    latent_dim=None,
    *,
    downsampling="stride",
    upsampling="transpose",
    activation="relu",
    latent_activation=None,
    latent_layers=(),
    output_activation="sigmoid",
    dropout=0.0,
    corruption=None,
    penalty=None,
    name="conv_autoencoder",
):
    """An autoencoder of convolutions for images or signals. Lesson 03.

    The defaults are the model of that lesson: 28 x 28 images become 7 x 7 x 64
    features. Each side is halved `len(filters) - 1` times. With a `latent_dim`, the
    Dense layers around the code have (sides of the feature map) x `filters[-1]` x
    `latent_dim` weights: take more filters for larger images.

    Args:
        input_shape: As in `conv_encoder`.
        filters: Channels of the encoder's convolutions; the decoder has them reversed.
        latent_dim: As in `conv_encoder`.
        downsampling: As in `conv_encoder`.
        upsampling: As in `conv_decoder`.
        activation: Of the hidden layers.
        latent_activation: As in `conv_encoder`.
        latent_layers: As in `conv_encoder`.
        output_activation: Of the pixels; it must reach every value of the images.
        dropout: Fraction of each hidden layer dropped in training, in [0, 1).
        corruption: As in `Autoencoder`.
        penalty: As in `Autoencoder`.
        name: Name of the model.

    Returns:
        An `Autoencoder`, built and not compiled.

    Raises:
        ValueError: If a size or a choice is none of those allowed.
    """
    filters = check_filters(filters)
    encoder = conv_encoder(
        input_shape,
        filters,
        latent_dim,
        downsampling=downsampling,
        activation=activation,
        latent_activation=latent_activation,
        latent_layers=latent_layers,
        dropout=dropout,
    )
    decoder = conv_decoder(
        input_shape,
        filters[::-1],
        latent_dim,
        upsampling=upsampling,
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


def conv_vae(
    input_shape,
    filters=(16, 32, 64),
    latent_dim=128,
    *,
    downsampling="stride",
    upsampling="transpose",
    activation="relu",
    dropout=0.0,
    beta=1.0,
    likelihood="bernoulli",
    variance=0.01,
    sample_at_inference=False,
    seed=None,
    name="conv_vae",
):
    """A variational autoencoder of convolutions for any image size. Lesson 06.

    Args:
        input_shape: `(height, width, channels)`, or `(length, channels)` for signals.
        filters: Channels of the encoder's convolutions; the decoder has them reversed.
        latent_dim: Number of values in a code, at least 1.
        downsampling: As in `conv_encoder`.
        upsampling: As in `conv_decoder`.
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
        ValueError: If a size or a choice is none of those allowed.
    """
    filters = check_filters(filters)
    check_known_sides("input_shape", input_shape)
    image = conv_input(input_shape)
    x = conv_features(
        image, filters, downsampling, activation, activation, dropout, "encoder"
    )
    x = layers.Flatten(name="flatten")(x)
    encoder = keras.Model(image, gaussian_heads(x, latent_dim), name="encoder")
    decoder = conv_decoder(
        input_shape,
        filters[::-1],
        latent_dim,
        upsampling=upsampling,
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


def conv_input(input_shape):
    """A checked `keras.Input` for images or signals."""
    return keras.Input(check_image_shape("input_shape", input_shape), name="image")


def conv_features(
    x, filters, downsampling, activation, last_activation, dropout, prefix
):
    """Convolutions, each but the last followed by a halving of the sides."""
    filters = check_filters(filters)
    checks.choice("downsampling", downsampling, DOWNSAMPLING)
    checks.fraction("dropout", dropout)
    for i, width in enumerate(filters[:-1], start=1):
        name = f"{prefix}_{i}"
        if downsampling == "stride":
            x = convolve(x, width, activation, name, strides=2)
        else:
            x = convolve(x, width, activation, name)
            x = pool(x, downsampling, name=f"pool_{i}")
        if dropout:
            x = layers.Dropout(dropout, name=f"{prefix}_dropout_{i}")(x)
    return convolve(x, filters[-1], last_activation, f"{prefix}_{len(filters)}")


def convolve(x, width, activation, name, strides=1, dtype=None):
    """A convolution with kernels of size 3 that keeps the sides, or halves them."""
    convolution = CONVOLUTIONS[len(x.shape) - 1]
    return convolution(
        width,
        kernel_size=3,
        strides=strides,
        padding="same",
        activation=activation,
        name=name,
        dtype=dtype,
    )(x)


def pool(x, kind, name):
    """Halve the sides, rounded up, by the maximum or the average of each pair."""
    return POOLS[kind, len(x.shape) - 1](2, padding="same", name=name)(x)


def enlarge(x, width, size, upsampling, activation, name, dtype=None):
    """Double the sides, then crop to `size`: where a side is odd, a row is too many."""
    checks.choice("upsampling", upsampling, UPSAMPLING)
    rank = len(x.shape) - 1
    if upsampling == "resize":
        x = REPEATS[rank](2, name=f"{name}_resize")(x)
        x = convolve(x, width, activation, name, dtype=dtype)
    else:
        x = TRANSPOSED[rank](
            width,
            kernel_size=3,
            strides=2,
            padding="same",
            activation=activation,
            name=name,
            dtype=dtype,
        )(x)
    surplus = [
        (0, 0 if wanted is None else found - wanted)
        for found, wanted in zip(x.shape[1:-1], size, strict=True)
    ]
    if any(after for _, after in surplus):
        surplus = surplus if rank == 3 else surplus[0]
        x = CROPS[rank](surplus, name=f"{name}_crop", dtype=dtype)(x)
    return x


def halved(sides, times):
    """Sides after so many halvings, each rounded up; None stays None."""
    return tuple(None if side is None else math.ceil(side / 2**times) for side in sides)


def check_filters(filters):
    """The tuple of channels; ValueError unless there are two or more."""
    filters = checks.integers("filters", filters)
    if len(filters) < 2:
        raise ValueError(
            f"filters must have two entries or more. Received: filters={filters}"
        )
    return filters


def check_image_shape(argument, shape):
    """The tuple of a shape with one or two sides, which may be None, and channels."""
    if not isinstance(shape, (tuple, list)) or len(shape) not in CONVOLUTIONS:
        raise ValueError(
            f"{argument} must be (height, width, channels), or (length, channels) for "
            f"signals. Received: {argument}={shape!r}"
        )
    known = [1 if side is None else side for side in shape[:-1]]
    checks.integers(argument, [*known, shape[-1]])
    return tuple(shape)


def check_known_sides(argument, shape):
    """Raise ValueError if a side is None where a Dense layer has to know it."""
    if None in check_image_shape(argument, shape):
        raise ValueError(
            f"{argument} must have known sides for a code vector: leave latent_dim "
            f"out, or give the sides. Received: {argument}={shape}"
        )
