"""Bits: what a quantised code costs, and JPEG beside it. Lesson 02.

Arrays in, numbers and arrays out; no model is seen.
"""

import io

import numpy as np
from PIL import Image


def quantise(z, step):
    """A code rounded to whole symbols, as a file would hold it. Lesson 02.

    Formula: round(z / step). Back to a code: `symbols * step`, at most step / 2 off.

    Args: z, array of codes; step, float > 0, in the unit of `z`.
    Returns: int64 array of the shape of `z`.
    Raises: ValueError if `step` is not positive, or `z / step` fits no integer.
    """
    if not 0 < step < np.inf:
        raise ValueError(f"step must be positive and finite. Received: step={step}")
    symbols = np.rint(np.asarray(z, "float64") / step)
    if not (np.abs(symbols) < 2**53).all():
        raise ValueError(
            "z must be finite, and within 2**53 steps of 0: choose a larger step. "
            f"Received: z in [{np.min(z):g}, {np.max(z):g}], step={step}"
        )
    return symbols.astype("int64")


def code_bits(symbols_train, symbols):
    """Bits that each image's code costs under an ideal entropy coder. Lesson 02.

    The coder has learned one histogram for each code unit from training codes, and is
    charged on others: a cross-entropy, which learning by heart does not lower.

    Formula, summed over the units, where count(s) of the unit's N training symbols
    are s, and K whole numbers lie between the lowest and the highest, both included:
    `log2((N + K + 1) / (count(s) + 1))`: add-one smoothing over that range and one
    escape. Outside the range, a symbol costs the escape (count 0) and its distance d
    to the range in sign and Elias gamma code, `2 + 2 floor(log2(d))` bits: finite.

    Args:
        symbols_train: Training codes, an integer array `(n_train, ...)`: `quantise`.
        symbols: Held-out codes, an integer array `(n, ...)`, of the same step.

    Returns: float64 array of shape `(n,)`, in bits an image, finite.
    Raises: ValueError if the codes are not integers, empty, or of different sizes.
    Reference: Cover and Thomas, "Elements of Information Theory", chapter 5.
    """
    train, new = np.asarray(symbols_train), np.asarray(symbols)
    whole = train.dtype.kind in "iu" and new.dtype.kind in "iu"
    if not whole or train.shape[1:] != new.shape[1:] or 0 in (train.size, new.size):
        raise ValueError(
            "symbols_train and symbols must be whole numbers, as quantise(z, step) "
            "gives, for codes of one size, at least one each. Received: "
            f"{train.dtype} of shape {train.shape}, {new.dtype} of shape {new.shape}"
        )
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
    """Grey images through JPEG and back, and what they cost: a baseline. Lesson 02.

    The images stand below each other in one mosaic (a second one past 65,500 rows,
    JPEG's limit) and share its header: a file for each 28 x 28 image would spend most
    of its bits on the header. Sides are padded to a multiple of 8, JPEG's block, by
    repeating the edge, so that images share no block. Huffman tables are fitted.

    Args: x, array of grey images, shape `(n, height, width, 1)`, in [0, 1]; quality,
    int, Pillow's, from 1 (smallest file) to 95 (best image). Raises: ValueError for
    others. Returns: float32 array of the shape of `x`, in [0, 1]; float, bits / image.
    Reference: Wallace, 1992, "The JPEG still picture compression standard".
    """
    x = np.asarray(x)
    if quality not in range(1, 96):
        raise ValueError(f"quality must be an int from 1 to 95. Received: {quality!r}")
    if x.ndim != 4 or x.shape[-1] != 1 or x.size == 0:
        raise ValueError(
            "x must hold grey images, shape (n, height, width, 1): average colours by "
            f"x.mean(axis=-1, keepdims=True). Received: x of shape {x.shape}"
        )
    if not (x.min() >= 0 and x.max() <= 1):  # NaN compares to nothing
        raise ValueError(
            "x must lie in [0, 1]: divide 8-bit grey values by 255. "
            f"Received: x in [{x.min():g}, {x.max():g}]"
        )
    n, h, w, _ = x.shape
    grey = np.rint(x[..., 0] * 255).astype("uint8")
    grey = np.pad(grey, ((0, 0), (0, -h % 8), (0, -w % 8)), mode="edge")
    decoded, size, most = np.empty_like(grey), 0, 65500 // grey.shape[1]
    for i in range(0, n, most):
        mosaic = Image.fromarray(grey[i : i + most].reshape(-1, grey.shape[2]))
        file = io.BytesIO()
        mosaic.save(file, "JPEG", quality=int(quality), optimize=True)
        size += len(file.getvalue())
        decoded[i : i + most].flat = np.asarray(Image.open(file)).ravel()
    return decoded[:, :h, :w, None].astype("float32") / 255, 8 * size / n
