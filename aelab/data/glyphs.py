"""Letters and digits with known factors: the data set that needs no network.

Each character is turned once per font into a signed distance field. An image is
that field, seen through a random affine map and thresholded at a random level, which
makes the stroke thicker or thinner without a second rendering.
"""

import functools
from pathlib import Path
from typing import NamedTuple

import matplotlib
import numpy as np
from matplotlib.ft2font import FT2Font
from scipy import ndimage

from aelab import checks

CHARACTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
# Upright fonts only: an italic would carry a slant that no factor tells of.
FONTS = (
    "DejaVuSans",
    "DejaVuSans-Bold",
    "DejaVuSansMono",
    "DejaVuSerif",
    "DejaVuSerif-Bold",
    "STIXGeneral",
    "STIXGeneralBol",
    "cmss10",
)
# name: (lowest, highest), drawn uniformly.
FACTORS = {
    "rotation": (-15.0, 15.0),  # degrees, positive turns anticlockwise
    "slant": (-0.4, 0.4),  # pixels to the right for each pixel up
    "scale": (0.75, 1.05),  # 1 fits the longer side to GLYPH_SIZE
    "stroke": (-0.25, 0.75),  # pixels added to each side of a stroke
    "shift_x": (-2.0, 2.0),  # pixels to the right
    "shift_y": (-2.0, 2.0),  # pixels up
}
IMAGE_SIZE = 28
GLYPH_SIZE = 20.0  # pixels, the longer side of an unscaled character

_FIELD_SIZE = 96  # side of a distance field
_FIELD_GLYPH = 64  # longer side of a character in it
_FIELD_STEP = _FIELD_GLYPH / GLYPH_SIZE  # field cells for each image pixel
_BATCH = 1000


class Glyphs(NamedTuple):
    """Drawn characters: images, what they show, and how they were drawn."""

    images: np.ndarray
    """float32 in [0, 1], shape `(n, 28, 28, 1)`, white on black."""
    labels: np.ndarray
    """int64, shape `(n,)`: position in `characters`."""
    factors: np.ndarray
    """float32, shape `(n, 6)`: columns in the order of `FACTORS`."""


def draw(n, seed=0, characters=CHARACTERS):
    """Draw `n` random characters, each with its own font and factors.

    Lessons use it where there is no network, and where a question needs an
    answer that only the maker of an image knows: what was its slant?

    Args:
        n: Number of images, at least 1.
        seed: Integer of at least 0. The same seed draws the same images.
        characters: String of characters to draw from, each one of `CHARACTERS`.

    Returns:
        `Glyphs(images, labels, factors)`: images float32 in [0, 1] of shape
        `(n, 28, 28, 1)`, labels int64 of shape `(n,)`, factors float32 of shape
        `(n, 6)`, in the units of `FACTORS`.

    Raises:
        ValueError: If `n` or `seed` is no such integer, or if a character is unknown or
            occurs twice.

    Example:
        >>> from aelab.data import glyphs
        >>> images, labels, factors = glyphs.draw(3, seed=0, characters="AB")
        >>> images.shape, factors.shape
        ((3, 28, 28, 1), (3, 6))
    """
    checks.integer("n", n)
    checks.integer("seed", seed, low=0)
    unknown = set(characters) - set(CHARACTERS)
    if unknown or not characters or len(set(characters)) < len(characters):
        raise ValueError(
            f"characters must be a string of different characters of {CHARACTERS!r}, "
            f"at least one. Received: characters={characters!r}"
        )
    rng = np.random.default_rng(seed)
    labels = rng.integers(len(characters), size=n)
    fonts = rng.integers(len(FONTS), size=n)
    low, high = np.array(list(FACTORS.values()), dtype="float32").T
    factors = rng.uniform(low, high, size=(n, len(FACTORS))).astype("float32")

    rows = np.array([CHARACTERS.index(c) for c in characters])[labels]
    fields = fonts * len(CHARACTERS) + rows
    images = np.empty((n, IMAGE_SIZE, IMAGE_SIZE, 1), "float32")
    for start in range(0, n, _BATCH):
        part = slice(start, start + _BATCH)
        images[part, ..., 0] = _render(fields[part], factors[part])
    return Glyphs(images, labels, factors)


def _render(fields, factors):
    """Sample distance fields through each image's inverse affine map."""
    factor = dict(zip(FACTORS, factors.T[:, :, None], strict=True))
    scale = factor["scale"]
    centre = (IMAGE_SIZE - 1) / 2
    y, x = np.mgrid[:IMAGE_SIZE, :IMAGE_SIZE].reshape(2, 1, -1).astype("float32")
    # Image coordinates with the origin in the middle and y pointing up.
    x = x - centre - factor["shift_x"]
    y = centre - y - factor["shift_y"]
    angle = np.radians(factor["rotation"])
    turned_x = np.cos(angle) * x + np.sin(angle) * y
    turned_y = np.cos(angle) * y - np.sin(angle) * x
    field_x = (turned_x - factor["slant"] * turned_y) / scale * _FIELD_STEP
    field_y = turned_y / scale * _FIELD_STEP
    middle = (_FIELD_SIZE - 1) / 2
    distance = _bilinear(fields, middle - field_y, middle + field_x)
    inside = distance / _FIELD_STEP * scale + factor["stroke"] + 0.5
    return np.clip(inside, 0, 1).reshape(-1, IMAGE_SIZE, IMAGE_SIZE)


def _bilinear(fields, row, column):
    """Values of the fields at fractional positions, clamped at the border."""
    last = _FIELD_SIZE - 1.001
    row, column = np.clip(row, 0, last), np.clip(column, 0, last)
    top, left = row.astype("int32"), column.astype("int32")
    down, right = row - top.astype("float32"), column - left.astype("float32")
    flat = _distance_fields()
    corner = (fields[:, None] * _FIELD_SIZE + top) * _FIELD_SIZE + left
    upper = flat[corner] * (1 - right) + flat[corner + 1] * right
    corner += _FIELD_SIZE
    lower = flat[corner] * (1 - right) + flat[corner + 1] * right
    return upper * (1 - down) + lower * down


@functools.cache
def _distance_fields():
    """Distance to the outline for every font and character, flattened.

    In field cells, positive inside. Order: font, character, row, column.
    """
    folder = Path(matplotlib.get_data_path(), "fonts", "ttf")
    fields = [
        _distance_field(_bitmap(FT2Font(str(folder / f"{font}.ttf")), character))
        for font in FONTS
        for character in CHARACTERS
    ]
    return np.concatenate(fields, axis=None).astype("float32")


def _bitmap(font, character):
    """The character's ink as booleans, its longer side `_FIELD_GLYPH` cells."""
    longer = max(_ink(font, character, _FIELD_GLYPH).shape)
    return _ink(font, character, _FIELD_GLYPH**2 / longer)


def _ink(font, character, size):
    font.set_size(size, 72)
    font.set_text(character)
    font.draw_glyphs_to_bitmap()
    ink = np.asarray(font.get_image()) > 127
    rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _distance_field(bitmap):
    canvas = np.zeros((_FIELD_SIZE, _FIELD_SIZE), bool)
    height, width = bitmap.shape
    top, left = (_FIELD_SIZE - height) // 2, (_FIELD_SIZE - width) // 2
    canvas[top : top + height, left : left + width] = bitmap
    edt = ndimage.distance_transform_edt
    # Half a cell off each side, so that the outline runs between the cells.
    return np.where(canvas, edt(canvas) - 0.5, 0.5 - edt(~canvas))
