"""Stacks of plain Keras layers, from tensor to tensor, that the builders join.

Their arguments are checked here, too.
"""

import math

import numpy as np
from keras import layers

_POOLING = {"max": layers.MaxPooling2D, "average": layers.AveragePooling2D}
# Losses need more digits than half precision has, so the layers that they are computed
# from keep to this in mixed precision, too.
LOSS_DTYPE = "float32"


def dense(x, units, activation, dropout, prefix):
    """Dense layers of the given widths, each followed by dropout if there is any."""
    for i, width in enumerate(units, start=1):
        x = layers.Dense(width, activation, name=f"{prefix}_{i}")(x)
        x = _drop(x, dropout, f"{prefix}_dropout_{i}")
    return x


def pixels(x, shape, activation):
    """A vector as an image of the given shape, by a Dense layer."""
    options = {"name": "pixels", "dtype": LOSS_DTYPE}
    x = layers.Dense(math.prod(shape), activation, **options)(x)
    return layers.Reshape(shape, name="reconstruction", dtype=LOSS_DTYPE)(x)


def gaussian(x, latent_dim):
    """A vector as the mean and the log variance of `latent_dim` units."""
    names = ("z_mean", "z_log_var")
    return [layers.Dense(latent_dim, name=n, dtype=LOSS_DTYPE)(x) for n in names]


def flatten(x, latent_dim, activation):
    """A feature map as a vector of `latent_dim` values."""
    x = layers.Flatten(name="flatten")(x)
    return layers.Dense(latent_dim, activation, name="code")(x)


def unflatten(x, shape, activation):
    """The way back of `flatten`: a vector as a feature map of the given shape."""
    x = layers.Dense(math.prod(shape), activation, name="features")(x)
    return layers.Reshape(shape, name="feature_map")(x)


def halve(x, filters, downsampling, activation, dropout):
    """3 x 3 convolutions that halve the image after all but the last.

    Args:
        x: Images, shape `(batch, height, width, channels)`.
        filters: Channels of each convolution.
        downsampling: `"stride"`, `"max"` or `"average"`.
        activation: Of each convolution.
        dropout: Share dropped after each convolution in training.

    Returns:
        `(features, levels)`: the feature map, and for each halving the tensor that
        had the larger size, largest first.
    """
    levels = []
    for i, width in enumerate(filters[:-1], start=1):
        if downsampling == "stride":
            levels.append(x)
            x = _convolve(x, width, activation, f"encoder_{i}", strides=2)
        else:
            x = _convolve(x, width, activation, f"encoder_{i}")
            levels.append(x)
            x = _POOLING[downsampling](2, padding="same", name=f"pool_{i}")(x)
        x = _drop(x, dropout, f"encoder_dropout_{i}")
    return _convolve(x, filters[-1], activation, f"encoder_{len(filters)}"), levels


def double(x, widths, sizes, upsampling, activation, output_activation, dropout):
    """The way back of `halve`: a feature map to pixels.

    Args:
        x: Feature map, shape `(batch, height, width, channels)`.
        widths: Channels of each convolution, one more than `sizes`. The first leaves
            the size as it is, the last gives the pixels.
        sizes: `(height, width)` to reach, one after the other.
        upsampling: `"transpose"` or `"resize"`.
        activation: Of each convolution but the last.
        output_activation: Of the last.
        dropout: Share dropped after each convolution but the last, in training.

    Returns:
        Tensor of shape `(batch, *sizes[-1], widths[-1])`.
    """
    x = _convolve(x, widths[0], activation, "decoder_1")
    for i, (width, size) in enumerate(zip(widths[1:-1], sizes[:-1], strict=True), 2):
        x = _drop(x, dropout, f"decoder_dropout_{i - 1}")
        x = _enlarge(x, width, size, upsampling, activation, f"decoder_{i}")
    x = _drop(x, dropout, f"decoder_dropout_{len(sizes)}")
    last = (sizes[-1], upsampling, output_activation, "pixels", LOSS_DTYPE)
    return _enlarge(x, widths[-1], *last)


def double_with_skips(x, widths, levels, upsampling, activation, output_activation):
    """As `double`, but each size is merged with the encoder's level of that size."""
    x = _convolve(x, widths[0], activation, "decoder_1")
    for i, (width, level) in enumerate(zip(widths, levels, strict=False), 2):
        x = _enlarge(x, width, level.shape[1:3], upsampling, activation, f"decoder_{i}")
        x = layers.Concatenate(name=f"skip_{i}")([x, level])
        x = _convolve(x, width, activation, f"merge_{i}")
    return _convolve(x, widths[-1], output_activation, "pixels", dtype=LOSS_DTYPE)


def check_image_and_filters(input_shape, filters):
    """Raise ValueError unless a convolutional stack can be built."""
    check_sizes(input_shape=input_shape, filters=filters)
    if len(input_shape) != 3 or len(filters) < 2:
        raise ValueError(
            "input_shape must be (height, width, channels), and filters must have two "
            f"entries or more. Received: input_shape={input_shape}, filters={filters}"
        )


def check_choice(argument, value, choices):
    """Raise ValueError unless a value is one of several."""
    if value not in choices:
        raise ValueError(
            f"{argument} must be one of {choices}. Received: {argument}={value!r}"
        )


def check_dropout(dropout):
    """Raise ValueError unless a share can be dropped."""
    if not 0 <= dropout < 1:
        raise ValueError(f"dropout must be in [0, 1). Received: dropout={dropout}")


def check_sizes(**sizes):
    """Raise ValueError unless all values are whole numbers of at least 1."""
    for argument, values in sizes.items():
        if not all(isinstance(v, (int, np.integer)) and v > 0 for v in values):
            raise ValueError(
                f"{argument} must be whole numbers of at least 1. "
                f"Received: {argument}={values}"
            )


def _convolve(x, width, activation, name, strides=1, dtype=None):
    options = {"activation": activation, "name": name, "dtype": dtype}
    return layers.Conv2D(width, 3, strides, "same", **options)(x)


def _enlarge(x, width, size, upsampling, activation, name, dtype=None):
    """Double height and width, then cut to `size`: an odd one has a row too many."""
    if upsampling == "resize":
        x = layers.UpSampling2D(2, name=f"{name}_resize")(x)
        x = _convolve(x, width, activation, name, dtype=dtype)
    else:
        options = {"activation": activation, "name": name, "dtype": dtype}
        x = layers.Conv2DTranspose(width, 3, 2, "same", **options)(x)
    over = [
        (0, found - wanted) for found, wanted in zip(x.shape[1:3], size, strict=True)
    ]
    return x if over == [(0, 0), (0, 0)] else layers.Cropping2D(over, dtype=dtype)(x)


def _drop(x, share, name):
    return layers.Dropout(share, name=name)(x) if share else x
