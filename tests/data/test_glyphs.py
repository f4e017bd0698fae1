"""The drawn characters: their form, their seed, and that each factor does its work."""

import numpy as np
import pytest

from aelab.data import glyphs

N_FIELDS = len(glyphs.FONTS) * len(glyphs.CHARACTERS)
NEUTRAL = {"scale": 1.0}  # every other factor 0
# The capital I of the plain font: an upright bar.
BAR = np.array([glyphs.CHARACTERS.index("I")])


def render(fields=None, **factors):
    """Images of all characters in all fonts, or of some, with the same factors."""
    fields = np.arange(N_FIELDS) if fields is None else fields
    row = [{**NEUTRAL, **factors}.get(name, 0.0) for name in glyphs.FACTORS]
    rows = np.tile(np.array(row, "float32"), (len(fields), 1))
    return glyphs._render(fields, rows)


def centres(images):
    """Centre of mass in pixels: x to the right, y up, from the image's middle."""
    middle = (glyphs.IMAGE_SIZE - 1) / 2
    along = np.arange(glyphs.IMAGE_SIZE) - middle
    mass = images.sum((1, 2))
    x = (images.sum(1) * along).sum(1) / mass
    y = -(images.sum(2) * along).sum(1) / mass
    return np.stack([x, y], axis=1)


def covariances(images):
    """Second moments about the centre of mass, shape (n, 2, 2), in x and y (up)."""
    middle = (glyphs.IMAGE_SIZE - 1) / 2
    result = []
    for image, (centre_x, centre_y) in zip(images, centres(images), strict=True):
        row, column = np.mgrid[: glyphs.IMAGE_SIZE, : glyphs.IMAGE_SIZE]
        x, y = column - middle - centre_x, middle - row - centre_y
        xy = np.stack([x, y]).reshape(2, -1)
        result.append((image.ravel() * xy) @ xy.T / image.sum())
    return np.array(result)


def lean(covariance):
    """Pixels to the right for each pixel up, along the character's own axis."""
    return covariance[:, 0, 1] / covariance[:, 1, 1]


def turn(degrees):
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[c, -s], [s, c]])  # anticlockwise, with y up


def test_draw_returns_images_labels_and_factors():
    drawn = glyphs.draw(6_000, seed=3)
    assert drawn.images.shape == (6_000, 28, 28, 1)
    assert drawn.images.dtype == np.float32
    assert (drawn.images.min(), drawn.images.max()) == (0, 1)
    assert drawn.labels.shape == (6_000,)
    assert drawn.labels.dtype == np.int64
    assert drawn.factors.shape == (6_000, len(glyphs.FACTORS))
    assert drawn.factors.dtype == np.float32
    # Every character comes about as often, and every image shows one.
    counts = np.bincount(drawn.labels, minlength=len(glyphs.CHARACTERS))
    assert len(counts) == 36
    assert counts.min() > 0.6 * 6_000 / 36
    assert counts.max() < 1.4 * 6_000 / 36
    mass = drawn.images.sum((1, 2, 3))
    assert mass.min() > 5
    assert mass.max() < 0.6 * 28 * 28
    # Factors fill their ranges.
    low, high = np.array(list(glyphs.FACTORS.values())).T
    assert (drawn.factors >= low - 1e-6).all()
    assert (drawn.factors <= high + 1e-6).all()
    assert (np.ptp(drawn.factors, axis=0) > 0.99 * (high - low)).all()


def test_the_seed_alone_decides_what_is_drawn(monkeypatch):
    first = glyphs.draw(300, seed=5)
    other = glyphs.draw(300, seed=6)
    assert not (first.images == other.images).all((1, 2, 3)).any()
    np.random.seed(1)
    monkeypatch.setattr(glyphs, "_BATCH", 7)
    for one, again in zip(first, glyphs.draw(300, seed=5), strict=True):
        np.testing.assert_array_equal(one, again)


def test_characters_restrict_what_is_drawn():
    some = glyphs.draw(400, seed=2, characters="IO")
    assert set(some.labels) == {0, 1}
    # An O is as wide as it is high, an I is not.
    covariance = covariances(some.images[..., 0])
    width = covariance[:, 0, 0] / covariance[:, 1, 1]
    assert width[some.labels == 0].mean() < 0.5 * width[some.labels == 1].mean()


def test_bad_arguments_are_refused():
    cases = [
        ({"n": 0}, "n must be an integer of at least 1. Received: n=0"),
        ({"n": -3}, "n=-3"),
        ({"n": 2.5}, "n=2.5"),
        ({"n": "3"}, "n='3'"),
        ({"seed": -1}, "seed=-1"),
        ({"seed": None}, "seed=None"),
        ({"characters": ""}, "characters=''"),
        ({"characters": "a"}, "characters='a'"),
        ({"characters": "A?"}, "characters='A?'"),
        ({"characters": "ABA"}, "characters='ABA'"),
    ]
    for arguments, words in cases:
        with pytest.raises(ValueError, match="Received") as caught:
            glyphs.draw(**{"n": 1, **arguments})
        assert words in str(caught.value)


def test_characters_differ_in_every_font():
    for images in render().reshape(len(glyphs.FONTS), len(glyphs.CHARACTERS), -1):
        apart = np.abs(images[:, None] - images[None]).sum(-1)
        assert (apart + 100 * np.eye(len(images))).min() > 3


@pytest.mark.parametrize(("pixels", "atol"), [(-2, 1e-4), (2, 1e-4), (1.3, 0.3)])
def test_shift_moves_the_centre_right_and_up(pixels, atol):
    still = centres(render())
    right = centres(render(shift_x=pixels)) - still
    up = centres(render(shift_y=pixels)) - still
    for moved, expected in ((right, [pixels, 0]), (up, [0, pixels])):
        np.testing.assert_allclose(moved - expected, 0, atol=atol)
        np.testing.assert_allclose(moved.mean(0), expected, atol=0.02)


@pytest.mark.parametrize("slant", [-0.4, 0.25])
def test_slant_leans_right_going_up(slant):
    upright = covariances(render())
    slanted = covariances(render(slant=slant))
    np.testing.assert_allclose(lean(slanted) - lean(upright), slant, atol=0.05)
    # A shear leaves heights as they are.
    np.testing.assert_allclose(slanted[:, 1, 1], upright[:, 1, 1], rtol=0.04)


@pytest.mark.parametrize("degrees", [-15.0, 8.0, 15.0])
def test_positive_rotation_is_anticlockwise(degrees):
    turned = covariances(render(rotation=degrees))
    expected = turn(degrees) @ covariances(render()) @ turn(degrees).T
    # Wide characters reach the edge; with the oldest matplotlib 1.26 was seen.
    np.testing.assert_allclose(turned, expected, atol=1.5)
    # The top of an upright bar that turns anticlockwise goes to the left.
    bar = lean(covariances(render(BAR, rotation=degrees)))
    np.testing.assert_allclose(bar, -np.tan(np.radians(degrees)), atol=0.02)


def test_all_factors_together_scale_slant_and_then_rotate():
    images = render(rotation=12, slant=0.3, scale=0.8, shift_x=1, shift_y=-1)
    change = 0.8 * turn(12) @ np.array([[1, 0.3], [0, 1]])
    expected = change @ covariances(render()) @ change.T
    np.testing.assert_allclose(covariances(images), expected, atol=1.5)


@pytest.mark.parametrize("scale", [0.75, 0.9])
def test_scale_multiplies_every_length(scale):
    whole, scaled = covariances(render()), covariances(render(scale=scale))
    ratio = np.trace(scaled, axis1=1, axis2=2) / np.trace(whole, axis1=1, axis2=2)
    np.testing.assert_allclose(np.sqrt(ratio), scale, atol=0.03)


@pytest.mark.parametrize("scale", [1.0, 0.75])
def test_scale_1_fits_the_longer_side_to_the_glyph_size(scale):
    images = render(scale=scale, stroke=0.5)  # so that no hairline is lost
    sides = [images.max(axis).sum(1) - 2 * 0.5 for axis in (1, 2)]
    longer = np.max(sides, axis=0)
    np.testing.assert_allclose(longer, scale * glyphs.GLYPH_SIZE, rtol=0.1)


def test_stroke_is_in_pixels_on_each_side():
    widths = [render(BAR, stroke=s)[0, 14].sum() for s in (-0.25, 0.0, 0.75)]
    np.testing.assert_allclose(np.diff(widths), [2 * 0.25, 2 * 0.75], atol=0.05)


@pytest.mark.parametrize("scale", [0.75, 1.05])
def test_stroke_raises_the_brightness_of_every_character(scale):
    steps = np.linspace(*glyphs.FACTORS["stroke"], 5)
    brightness = [render(scale=scale, stroke=s).mean((1, 2)) for s in steps]
    assert (np.diff(brightness, axis=0) > 0).all()


def test_stroke_is_as_wide_at_every_scale():
    added = [
        np.ptp([render(BAR, scale=s, stroke=t)[0, 14].sum() for t in (0.0, 0.5)])
        for s in (0.75, 1.05)
    ]
    np.testing.assert_allclose(added, [1, 1], atol=0.05)


def test_factors_and_labels_tell_how_each_image_was_drawn():
    images, labels, factors = glyphs.draw(300, seed=4, characters="A7QX")
    places = np.array([glyphs.CHARACTERS.index(c) for c in "A7QX"])[labels]
    in_each_font = [
        glyphs._render(font * len(glyphs.CHARACTERS) + places, factors)
        for font in range(len(glyphs.FONTS))
    ]
    apart = np.abs(in_each_font - images[..., 0]).max((2, 3))
    assert apart.min(0).max() < 1e-6
    assert set(apart.argmin(0)) == set(range(len(glyphs.FONTS)))
