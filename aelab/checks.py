"""One wording for each check of arguments; NumPy alone, so that all may use it."""

import numpy as np

# A resized image may leave its range by a rounding error: that is forgiven.
ROUNDING = 1e-5
# Squares of larger values, and the products of such squares, may overflow float64.
LARGEST = 1e100


def choice(argument, value, choices):
    """Raise ValueError unless `value` is one of `choices`."""
    if value not in choices:
        raise ValueError(
            f"{argument} must be one of {', '.join(map(repr, choices))}. "
            f"Received: {argument}={value!r}"
        )


def number(argument, value, low=-np.inf, high=np.inf):
    """Raise ValueError unless `value` is a finite number from `low` to `high`."""
    kinds = (int, float, np.integer, np.floating)
    real = isinstance(value, kinds) and not isinstance(value, bool)
    if not (real and np.isfinite(value) and low <= value <= high):
        raise ValueError(
            f"{argument} must be a number from {low:g} to {high:g}. "
            f"Received: {argument}={value!r}"
        )


def positive(argument, value):
    """Raise ValueError unless `value` is a finite number above 0."""
    number(argument, value, low=0)
    if value == 0:
        raise ValueError(f"{argument} must be above 0. Received: {argument}={value}")


def fraction(argument, value):
    """Raise ValueError unless `value` is a number in [0, 1)."""
    number(argument, value, low=0)
    if value >= 1:
        raise ValueError(
            f"{argument} must be a fraction in [0, 1). Received: {argument}={value}"
        )


def integer(argument, value, low=1):
    """Raise ValueError unless `value` is an integer of at least `low`."""
    whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if not whole or value < low:
        raise ValueError(
            f"{argument} must be an integer of at least {low}. "
            f"Received: {argument}={value!r}"
        )


def integers(argument, values, length=None):
    """The tuple of a sequence of positive integers, such as a shape or layer widths.

    Args:
        argument: Name used in the error.
        values: Sequence of integers of at least 1.
        length: How many there must be. Default: any number, none included.

    Returns:
        Tuple of `int`.

    Raises:
        ValueError: For a single integer, for other types, and for values below 1.
    """
    if not isinstance(values, (tuple, list, np.ndarray)):
        raise ValueError(
            f"{argument} must be a tuple of integers, such as (28, 28, 1) or (128,). "
            f"Received: {argument}={values!r}"
        )
    for value in values:
        whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
        if not whole or value < 1:
            raise ValueError(
                f"{argument} must hold integers of at least 1. "
                f"Received: {argument}={values!r}"
            )
    if length is not None and len(values) != length:
        raise ValueError(
            f"{argument} must have {length} entries. Received: {argument}={values!r}"
        )
    return tuple(int(value) for value in values)


def seed(argument, value):
    """The `int` of a seed in [0, 2**31); ValueError for anything else."""
    integer(argument, value, low=0)
    if value >= 2**31:
        raise ValueError(
            f"{argument} must be below 2**31. Received: {argument}={value}"
        )
    return int(value)


def finite(argument, x):
    """Raise ValueError if an array holds NaN or infinite values."""
    bad = np.size(x) - np.count_nonzero(np.isfinite(x))
    if bad:
        raise ValueError(
            f"{argument} holds NaN or infinite values ({bad} of {np.size(x)}): replace "
            "them, or drop those rows."
        )


def eight_bits(argument, x, noise=False):
    """Raise ValueError if values meant for [0, 1] are rather those of 0 to 255.

    Noise and networks may leave [0, 1], but hardly by a factor of twenty; integers
    above 1 are grey levels that nobody has divided. With `noise`, values that leave the
    range on both sides may be as large as they are.
    """
    most = 1 if np.issubdtype(x.dtype, np.integer) else 20
    if x.max() > most and not (noise and x.min() < 0):
        raise ValueError(
            f"{argument} must lie in [0, 1]: divide 8-bit values by 255, as "
            "aelab.data.as_images(x) does. "
            f"Received: {argument} of dtype {x.dtype}, values up to {x.max():g}"
        )


def value_range(argument, x, low=0.0, high=1.0, cure=""):
    """Raise ValueError if a value of an array lies outside [low, high].

    A rounding error of `ROUNDING` is forgiven: clip if it matters. `cure` says what to
    do where the mistake is not one of the common ones.
    """
    smallest, largest = float(np.min(x)), float(np.max(x))
    if smallest >= low - ROUNDING and largest <= high + ROUNDING:
        return
    if (low, high) == (0, 1):
        if smallest >= 0 and largest > 255:
            cure = ": divide by the value of white"
        elif smallest >= 0 and largest > 1:
            cure = ": divide 8-bit values by 255"
        elif smallest >= -1 - ROUNDING and largest <= 1 + ROUNDING:
            cure = ": bring values from [-1, 1] there by (x + 1) / 2"
    raise ValueError(
        f"{argument} must lie in [{low:g}, {high:g}]{cure}. "
        f"Received: {argument} in [{smallest:.9g}, {largest:.9g}]"
    )


def images(argument, x, low=0.0, high=1.0, channels=None):
    """The array of a batch of images, checked.

    Args:
        argument: Name used in errors.
        x: Floats in [low, high], shape `(n, height, width, channels)`, n at least 1.
        low, high: The range of the pixels.
        channels: Number of channels there must be. Default: any.

    Returns:
        `x` as a NumPy array, not copied.

    Raises:
        ValueError: For another rank, no image, NaN, or values outside the range.
    """
    x = np.asarray(x)
    if x.ndim != 4 or x.size == 0:
        raise ValueError(
            f"{argument} must hold images in shape (n, height, width, channels), n at "
            "least 1: one grey image is image[None, ..., None]. "
            f"Received: {argument} of shape {x.shape}"
        )
    if channels is not None and x.shape[-1] != channels:
        raise ValueError(
            f"{argument} must have {channels} channel(s): colours are averaged by "
            f"x.mean(axis=-1, keepdims=True). Received: {argument} of shape {x.shape}"
        )
    finite(argument, x)
    value_range(argument, x, low, high)
    return x


def codes(argument, z):
    """The flattened float64 matrix of a batch of codes, checked.

    Args:
        argument: Name used in errors.
        z: Numbers, shape `(n, ...)`, n at least 1: codes, flat images, points on a map.

    Returns:
        float64 array, shape `(n, units)`; `z` itself where it is that already.

    Raises:
        ValueError: For a flat array, no code, NaN, or values beyond `LARGEST`.
    """
    z = np.asarray(z, "float64")
    if z.ndim < 2 or z.size == 0:
        raise ValueError(
            f"{argument} must hold codes in shape (n, ...), n at least 1: a single "
            f"code is z[None]. Received: {argument} of shape {z.shape}"
        )
    finite(argument, z)
    value_range(argument, z, -LARGEST, LARGEST)
    return z.reshape(len(z), -1)
