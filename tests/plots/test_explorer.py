"""The explorer moves one unit at a time, with widgets of both kinds and without."""

import base64
import io
import sys
import types

import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

from aelab import plots

WIDGET = "application/vnd.jupyter.widget-view+json"


def decode(z):
    """Images of one row, a pixel for each unit: black at -3, white at 3."""
    return (z[:, None, :, None] + 3) / 6


def explorer(z=(0.0, -3.0, 1.0), units=(0, 2), **options):
    return plots.LatentExplorer(decode, np.array(z), list(units), **options)


def pixels(png):
    return np.asarray(Image.open(io.BytesIO(png)))


class Widget:
    """What the two generations of ipywidgets have in common."""

    model_id = "0123"

    def __init__(self, children=(), **traits):
        self.children = children
        self.__dict__.update(traits)

    def observe(self, handler, name):
        assert name == "value"
        self.move = lambda value: handler({"new": value})


def widgets_of(generation):
    def fails(self, **kwargs):
        raise AssertionError("the explorer must not print a widget itself")

    how = {7: "_ipython_display_", 8: "_repr_mimebundle_"}[generation]
    kind = type("Widget", (Widget,), {how: fails})
    names = ("Image", "FloatSlider", "VBox", "HBox")
    return types.SimpleNamespace(**dict.fromkeys(names, kind))


@pytest.mark.parametrize("generation", [7, 8])
def test_both_generations_of_widgets_are_shown(monkeypatch, generation):
    monkeypatch.setitem(sys.modules, "ipywidgets", widgets_of(generation))
    data, metadata = explorer()._repr_mimebundle_()
    assert data[WIDGET] == {
        "version_major": 2,
        "version_minor": 0,
        "model_id": "0123",
    }
    assert data["text/plain"] == "LatentExplorer(units=[0, 2], span=3)"
    assert pixels(base64.b64decode(data["image/png"])).size
    assert "unit 0, unit 2" in metadata["image/png"]["alt"]
    assert plt.get_fignums() == []


def test_a_still_picture_is_shown_where_widgets_are_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    data, _ = explorer()._repr_mimebundle_()
    assert set(data) == {"text/plain", "image/png"}


@pytest.mark.parametrize("installed", [False, True])
def test_a_slider_moves_its_unit_and_the_image(monkeypatch, installed):
    if installed:
        pytest.importorskip("ipywidgets")
    else:
        monkeypatch.setitem(sys.modules, "ipywidgets", widgets_of(7))
    made = explorer()
    sliders, picture = made.widgets().children
    assert [slider.description for slider in sliders.children] == ["unit 0", "unit 2"]
    assert [slider.value for slider in sliders.children] == [0, 1]
    assert {(slider.min, slider.max) for slider in sliders.children} == {(-3, 3)}
    before = pixels(picture.value)
    if installed:
        sliders.children[1].value = 3.0
    else:
        sliders.children[1].move(3.0)
    np.testing.assert_array_equal(made.z, [0, -3, 3])
    after = pixels(picture.value)
    np.testing.assert_array_equal(after[0, [0, -1]], [128, 255])
    np.testing.assert_array_equal(before[0, [0, -1]], [128, 170])


def test_the_image_has_a_bounded_size():
    assert pixels(explorer().image()).shape == (93, 3 * 93)
    large = plots.LatentExplorer(
        lambda z: np.zeros((len(z), 1000, 500, 3)), np.zeros(2), [0]
    )
    assert pixels(large.image()).shape == (250, 125, 3)


def test_rows_move_one_unit_and_frame_the_nearest():
    made = explorer(span=2)
    axes = made.rows(n_steps=5)
    assert axes.shape == (2, 5)
    steps = [-2, -1, 0, 1, 2]
    for unit, row in zip((0, 2), axes, strict=True):
        assert row[0].get_ylabel() == f"unit {unit}"
        for step, ax in zip(steps, row, strict=True):
            code = np.array([0, -2, 1.0])  # clipped to the span
            code[unit] = step
            (drawn,) = ax.images
            np.testing.assert_allclose(drawn.get_array(), [(code + 3) / 6], rtol=1e-6)
    framed = [[ax.spines["top"].get_visible() for ax in row] for row in axes]
    assert framed == [[step == 0 for step in steps], [step == 1 for step in steps]]
    assert [ax.get_title() for ax in axes[0]] == ["-2.0", "-1.0", "0.0", "1.0", "2.0"]


@pytest.mark.parametrize("units", [3, [], [3], [-1], "0", ["0"], [0.0], [True], [0, 0]])
def test_bad_units_are_refused_by_name(units):
    with pytest.raises(ValueError, match="units must be a list of different positions"):
        plots.LatentExplorer(decode, np.zeros(3), units)


def test_other_errors_name_the_argument():
    with pytest.raises(ValueError, match=r"z must be one code.*z\[0\]"):
        plots.LatentExplorer(decode, np.zeros((1, 3)), [0])
    with pytest.raises(ValueError, match="z holds NaN"):
        plots.LatentExplorer(decode, np.full(3, np.nan), [0])
    with pytest.raises(ValueError, match="span"):
        explorer(span=0)
    with pytest.raises(ValueError, match="n_steps"):
        explorer().rows(n_steps=1)
    flat = plots.LatentExplorer(lambda z: z, np.zeros(3), [0])
    for show in (flat.image, flat.rows):
        with pytest.raises(ValueError, match=r"decode\(z\) must hold images"):
            show()
    assert plt.get_fignums() == []
