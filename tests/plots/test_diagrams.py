"""A diagram shows what was read: where boxes stand, their sizes, and what is said."""

from itertools import pairwise
from types import SimpleNamespace

import keras
import matplotlib.pyplot as plt
import numpy as np
import pytest
from keras import layers
from matplotlib import colors
from matplotlib.patches import FancyBboxPatch, PathPatch

from aelab import plots


def drawn_boxes(ax):
    """Patches of boxes by the name of their layer, and their extents."""
    found = {}
    for patch in ax.patches:
        if isinstance(patch, FancyBboxPatch):
            name = patch.get_gid().removeprefix("box ")
            found[name] = patch
    return found


def paths(ax, kind):
    """Lines with arrow heads: from which layer to which."""
    return {
        patch.get_gid().removeprefix(f"{kind} "): patch.get_path().vertices
        for patch in ax.patches
        if isinstance(patch, PathPatch) and patch.get_gid().startswith(f"{kind} ")
    }


def test_a_corruption_stands_in_front_and_is_dashed(networks):
    noise = layers.GaussianNoise(0.1, name="noise")
    ax = plots.architecture(networks.autoencoder(corruption=noise))
    dashed = {name for name, p in drawn_boxes(ax).items() if p.get_linestyle() == "--"}
    assert dashed == {"noise"}
    assert "in training" in [text.get_text() for text in ax.texts]


def test_the_heads_of_a_vae_stand_above_each_other(networks):
    ax = plots.architecture(networks.vae())
    assert set(paths(ax, "arrow")) >= {"z_mean to sampling", "z_log_var to sampling"}
    middles = [drawn_boxes(ax)[name].get_extents() for name in ("z_mean", "z_log_var")]
    assert middles[0].x0 == middles[1].x0
    assert not middles[0].overlaps(middles[1])


def test_the_skips_of_a_unet_are_arcs_above_the_boxes(networks):
    ax = plots.architecture(networks.unet(), title="A U-Net")
    arcs = paths(ax, "skip")
    assert set(arcs) == {"lower to join_lower", "upper to join_upper"}
    highest = max(p.get_path().get_extents().y1 for p in drawn_boxes(ax).values())
    inner, outer = arcs["lower to join_lower"], arcs["upper to join_upper"]
    assert highest < inner[:, 1].max() < outer[:, 1].max()
    assert outer[:, 1].max() < ax.get_ylim()[1]
    for key, vertices in arcs.items():
        start, end = key.split(" to ")
        for name, x in ((start, vertices[0, 0]), (end, vertices[-1, 0])):
            extent = drawn_boxes(ax)[name].get_path().get_extents()
            assert extent.x0 <= x <= extent.x1
    words = " ".join(text.get_text() for text in ax.texts)
    assert "bottleneck" in words
    assert (
        "Skip connections: from lower to join_lower, from upper" in ax.figure.alt_text
    )
    assert ax.figure.alt_text.startswith("A U-Net. A network: Input 16×16×1")  # noqa: RUF001


def test_sizes_that_hardly_differ_have_nearly_the_same_height(networks):
    model = networks.chain(
        (28, 28, 1), layers.Flatten(), layers.Dense(1024), name="wide"
    )
    heights = [
        patch.get_path().get_extents().height
        for patch in drawn_boxes(plots.architecture(model)).values()
    ]
    assert 0.9 < min(heights) / max(heights) < 1


def test_sides_that_are_not_known_are_told_so(networks):
    model = networks.chain(
        (None, None, 1), layers.Conv2D(4, 3), layers.Conv2D(1, 3), name="anywhere"
    )
    ax = plots.architecture(model)
    assert "?×?×4" in [text.get_text() for text in ax.texts]  # noqa: RUF001


def test_boxes_stand_from_left_to_right_and_tell_their_size(networks):
    ax = plots.architecture(networks.autoencoder(), title="An autoencoder")
    boxes = drawn_boxes(ax)
    extents = [patch.get_path().get_extents() for patch in boxes.values()]
    assert all(a.x1 < b.x0 for a, b in pairwise(extents))
    heights = [extent.height for extent in extents]
    values = [784, 128, 32, 128, 784]
    np.testing.assert_allclose(np.argsort(np.argsort(heights))[2], 0)
    slopes = np.diff(heights) / np.diff(np.log(values))
    np.testing.assert_allclose(slopes, slopes[0])
    bottle = boxes["bottle"].get_facecolor()
    grey = np.mean([patch.get_facecolor()[:3] for patch in boxes.values()], axis=1)
    assert grey[2] < 0.5 < 0.8 < min(np.delete(grey, 2))  # dark in a grey print, too
    assert not colors.same_color(bottle, boxes["pixels"].get_facecolor())
    texts = {text.get_text(): text.get_position() for text in ax.texts}
    assert {"code", "encoder", "decoder", "bottle", "pixels"} <= set(texts)
    assert texts["code"][0] == pytest.approx((extents[2].x0 + extents[2].x1) / 2)
    assert texts["code"][1] > extents[2].y1
    assert texts["encoder"][0] < texts["decoder"][0]
    # Names that Keras made up, such as dense_7, say nothing.
    assert not any(text.startswith("dense") for text in texts)
    assert ax.figure.get_size_inches()[0] == 8


def texts_overlap(ax):
    """Pairs of texts that lie on each other."""
    figure = ax.figure
    figure.canvas.draw()
    boxes = [(t.get_text(), t.get_window_extent().shrunk(0.9, 0.9)) for t in ax.texts]
    return [
        (a, b)
        for i, (a, box) in enumerate(boxes)
        for b, other in boxes[:i]
        if box.overlaps(other)
    ]


@pytest.mark.parametrize(
    ("build", "arguments"),
    [
        ("autoencoder", ()),
        ("vae", ()),
        ("unet", ()),
        ("recurrent", ()),
        ("convolutional", (2,)),
        ("long_chain", (8,)),
        ("long_chain", (40,)),
        ("long_unet", ()),
    ],
)
def test_everything_is_on_the_page_and_no_text_on_another(networks, build, arguments):
    model = getattr(networks, build)(*arguments)
    ax = plots.architecture(model, title="What the network looks like")
    assert texts_overlap(ax) == []
    frame = ax.figure.bbox
    for artist in (*ax.texts, *ax.patches, *ax.lines):
        extent = artist.get_window_extent()
        assert extent.x0 >= frame.x0
        assert extent.x1 <= frame.x1
        assert extent.y0 >= frame.y0
        assert extent.y1 <= frame.y1
    assert min(text.get_fontsize() for text in ax.texts) >= 6


def test_long_chains_go_on_in_the_next_row(networks):
    ax = plots.architecture(networks.long_chain(40))
    extents = [p.get_path().get_extents() for p in drawn_boxes(ax).values()]
    middles = [round(float((extent.y0 + extent.y1) / 2), 3) for extent in extents]
    rows = list(dict.fromkeys(middles))
    assert len(rows) >= 4
    assert rows == sorted(rows, reverse=True)
    assert ax.figure.get_size_inches()[0] == 8


def test_models_without_a_graph_are_refused(networks):
    subclassed = networks.subclassed()
    unbuilt = keras.Sequential([layers.Dense(3)])
    for model, message in (
        (unbuilt, "model must be a Keras model with a graph"),
        (subclassed, "type Subclassed"),
        (None, "type NoneType"),
        (SimpleNamespace(encoder=subclassed, decoder=None), "model.encoder must be"),
        (SimpleNamespace(network=subclassed), "model.network must be"),
    ):
        with pytest.raises(ValueError, match=message):
            plots.architecture(model)
    assert plt.get_fignums() == []
