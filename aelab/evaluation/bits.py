"""Bits: what a quantised code costs, and JPEG beside it. Lesson 03."""

import io

import numpy as np
from PIL import Image

from aelab import checks

# The largest magnitude up to which float64 holds every integer.
_LARGEST_SYMBOL = 2**53
# JPEG's own limit for a side, in whole blocks of 8; and for a mosaic, fewer pixels than
# those from which Pillow suspects an attack.
_LARGEST_SIDE = 65_496
_LARGEST_MOSAIC = 2**26


def quantise(z, step):
    """A code rounded to integer symbols, as a file would hold it. Lesson 03.

    Formula: round(z / step). Back to a code: `symbols * step`, at most step / 2 off.

    Args:
        z: Array of codes, any shape.
        step: Float above 0, in the unit of `z`.

    Returns:
        int64 array of the shape of `z`.

    Raises:
        ValueError: If `step` is not positive, `z` holds NaN or infinite values, or a
            symbol reaches 2**53.

    Example:
        >>> quantise([-1.3, 0.4, 0.8], step=0.5)
        array([-3,  1,  2])
    """
    checks.positive("step", step)
    z = np.asarray(z, "float64")
    checks.finite("z", z)
    with np.errstate(over="ignore"):
        symbols = np.rint(z / step)
    if not (np.abs(symbols) < _LARGEST_SYMBOL).all():
        raise ValueError(
            "z must lie within 2**53 steps of 0: choose a larger step. "
            f"Received: z in [{np.min(z):g}, {np.max(z):g}], step={step}"
        )
    return symbols.astype("int64")


def code_bits(symbols_train, symbols):
    """Bits that each image's code costs under an ideal entropy coder. Lesson 03.

    The coder has learned one histogram for each code unit from training codes, and is
    charged on others. That is a cross-entropy, which memorising does not lower.

    Formula, summed over the units, where count(s) of the unit's N training symbols
    are s, and K integers lie between the lowest and the highest, both included:
    `log2((N + K + 1) / (count(s) + 1))`: add-one smoothing over that range and one
    escape. Outside the range, a symbol costs the escape (count 0) and its distance d
    to the range in sign and Elias gamma code, `2 + 2 floor(log2(d))` bits: finite.

    Args:
        symbols_train: Training codes, integer array of shape `(n_train, ...)`, as
            `quantise` gives.
        symbols: Held-out codes, integer array of shape `(n, ...)`, of the same step.

    Returns:
        float64 array of shape `(n,)`, in bits per image, finite.

    Raises:
        ValueError: If the codes are not integers, reach 2**53, are empty, or have
            different sizes.

    Example:
        >>> train = np.array([[0], [0], [1]])  # one unit, three images
        >>> code_bits(train, np.array([[0], [1]])).round(3)  # of 3 + 2 + 1 counts
        array([1.   , 1.585])

    Reference: Cover and Thomas, "Elements of Information Theory", chapter 5.
    """
    train, new = np.asarray(symbols_train), np.asarray(symbols)
    integers = train.dtype.kind in "iu" and new.dtype.kind in "iu"
    if not integers or train.shape[1:] != new.shape[1:] or 0 in (train.size, new.size):
        raise ValueError(
            "symbols_train and symbols must be integers, as quantise(z, step) gives, "
            "for codes of one size, at least one each. Received: "
            f"{train.dtype} of shape {train.shape}, {new.dtype} of shape {new.shape}"
        )
    for argument, array in (("symbols_train", train), ("symbols", new)):
        checks.value_range(argument, array, 1 - _LARGEST_SYMBOL, _LARGEST_SYMBOL - 1)
    bits = np.zeros(len(new))
    by_unit = [a.reshape(len(a), -1).T.astype("int64", order="C") for a in (train, new)]
    for seen, s in zip(*by_unit, strict=True):
        values, counts = np.unique(seen, return_counts=True)
        low, high = values[0], values[-1]
        place = np.searchsorted(values, s).clip(max=len(values) - 1)
        count = np.where(values[place] == s, counts[place], 0)
        bits += np.log2(len(seen) + (high - low + 1) + 1) - np.log2(count + 1)
        distance = np.maximum(low - s, s - high).clip(min=0)
        bits += 2 * np.frexp(distance)[1]  # frexp counts binary digits: 0 for 0.
    return bits


def jpeg(x, quality):
    """Grey images through JPEG and back, and what they cost: a baseline. Lesson 03.

    The images stand below each other in one mosaic and share its header: a file for
    each 28 x 28 image would spend most of its bits on the header. A second mosaic is
    begun where JPEG allows no more rows. Sides are padded to a multiple of 8, JPEG's
    block, by repeating the edge, so that images share no block. Huffman tables are
    fitted.

    Args:
        x: Array of grey images in [0, 1], shape `(n, height, width, 1)`, no side above
            65,496 and no image above 2**26 pixels.
        quality: Integer, Pillow's scale, from 1 (smallest file) to 95 (best image).

    Returns:
        x_hat: float32 array of the shape of `x`, in [0, 1].
        bits: Float, bits per image.

    Raises:
        ValueError: If `x` holds no such images or `quality` is out of range.

    Example:
        >>> x_hat, bits = jpeg(np.full((100, 28, 28, 1), 0.5), quality=50)
        >>> x_hat.shape, round(float(x_hat.mean()), 2), bits < 784
        ((100, 28, 28, 1), 0.5, True)

    Reference: Wallace, 1992, "The JPEG still picture compression standard".
    """
    x = checks.images("x", x, channels=1)
    checks.integer("quality", quality)
    if quality > 95:
        raise ValueError(f"quality must be at most 95. Received: quality={quality}")
    n, height, width, _ = x.shape
    rows, columns = height + -height % 8, width + -width % 8
    if max(rows, columns) > _LARGEST_SIDE or rows * columns > _LARGEST_MOSAIC:
        raise ValueError(
            f"x must hold images with sides of at most {_LARGEST_SIDE} and at most "
            f"{_LARGEST_MOSAIC} pixels: cut them into tiles. Received: x of shape "
            f"{x.shape}"
        )
    grey = np.rint(x[..., 0] * 255.0).astype("uint8")
    grey = np.pad(grey, ((0, 0), (0, rows - height), (0, columns - width)), "edge")
    decoded = np.empty_like(grey)
    size = 0
    step = min(_LARGEST_SIDE // rows, _LARGEST_MOSAIC // (rows * columns))
    for start in range(0, n, step):
        mosaic = grey[start : start + step]
        file = io.BytesIO()
        Image.fromarray(mosaic.reshape(-1, columns)).save(
            file, "JPEG", quality=int(quality), optimize=True
        )
        size += len(file.getvalue())
        with Image.open(file) as image:
            decoded[start : start + step] = np.asarray(image).reshape(mosaic.shape)
    x_hat = decoded[:, :height, :width, None].astype("float32") / 255
    return x_hat, 8 * size / n
