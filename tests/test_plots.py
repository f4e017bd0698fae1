"""Every plot shows the data it was given, with fixed limits and names."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from aelab import plots


@pytest.fixture(autouse=True)
def fresh_figures():
    with plt.rc_context():
        plots.use_style()
        yield
    plt.close("all")


def images(n=4, channels=1):
    return np.random.default_rng(0).random((n, 6, 5, channels))


def test_reconstructions_draw_each_image_where_it_belongs():
    x, x_hat = images(), images() ** 2
    axes = plots.reconstructions(
        *(x, x_hat), row_names=("image", "copy"), title="two rows", column_names="abcd"
    )
    assert axes.shape == (2, 4)
    for row, name, row_axes in zip((x, x_hat), ("image", "copy"), axes, strict=True):
        assert row_axes[0].get_ylabel() == name
        for image, ax in zip(row, row_axes, strict=True):
            (drawn,) = ax.images
            np.testing.assert_array_equal(drawn.get_array(), image[..., 0])
            assert drawn.get_clim() == (0, 1)
    assert [ax.get_title() for ax in axes[0]] == list("abcd")
    assert axes[0, 0].figure.get_suptitle() == "two rows"


def test_reconstructions_in_colour_and_clipped():
    axes = plots.reconstructions(3 * images(2, 3) - 1, row_names=("colour",))
    shown = axes[0, 0].images[0].get_array()
    assert shown.shape == (6, 5, 3)
    assert shown.min() == 0
    assert shown.max() == 1


@pytest.mark.parametrize("names", [("one",), ("one", "two", "three")])
def test_reconstructions_refuse_missing_names(names):
    with pytest.raises(ValueError, match="row_names"):
        plots.reconstructions(images(), images(), row_names=names)


def test_reconstructions_refuse_rows_of_other_shapes():
    with pytest.raises(ValueError, match=r"\(3, 6, 5\)"):
        plots.reconstructions(images(4), images(3), row_names=("a", "b"))


def test_labels_stay_inside_the_figure():
    name = "a long name\nof a row"
    axes = plots.reconstructions(images(8), row_names=(name,), title="title")
    figure = axes[0, 0].figure
    figure.canvas.draw()
    box = axes[0, 0].yaxis.label.get_window_extent()
    assert box.x0 >= 0
    assert axes[0, -1].get_window_extent().x1 <= figure.bbox.x1


def test_training_curves_count_epochs_from_one():
    ax = plots.training_curves({"here": [3, 2, 1], "there": ([1, 3], [4, 5])}, "falls")
    here, there = ax.lines
    np.testing.assert_array_equal(here.get_xdata(), [1, 2, 3])
    np.testing.assert_array_equal(there.get_ydata(), [4, 5])
    assert there.get_linestyle() == "None"
    assert ax.get_yscale() == "log"
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["here", "there"]
    assert ax.get_xlabel() == "epoch"


def test_error_against_size_draws_curves_and_floors():
    ax = plots.error_against_size([2, 8], {"PCA": [0.2, 0.1], "floor": 0.3}, "errors")
    curve, floor = ax.lines
    np.testing.assert_array_equal(curve.get_xdata(), [2, 8])
    np.testing.assert_array_equal(floor.get_ydata(), [0.3, 0.3])
    assert [t.get_text() for t in ax.get_xticklabels()] == ["2", "8"]
    assert ax.get_title(loc="left") == "errors"


def test_error_curves_start_at_zero_error():
    ax = plots.error_curves([0, 5], {"a": [1, 2], "b": [3, 9]}, "t", xlabel="shift")
    np.testing.assert_array_equal(ax.lines[1].get_xydata(), [[0, 3], [5, 9]])
    assert ax.get_ylim()[0] == 0
    assert ax.get_xlabel() == "shift"


def test_rate_distortion_draws_pairs_in_logs():
    ax = plots.rate_distortion({"a": ([0.1, 1], [0.02, 0.001])}, "t")
    np.testing.assert_array_equal(ax.lines[0].get_xydata(), [[0.1, 0.02], [1, 0.001]])
    assert ax.get_xscale() == ax.get_yscale() == "log"
    ax.figure.canvas.draw()
    assert "0.01" in [tick.get_text() for tick in ax.get_yticklabels()]


def test_weights_share_a_scale_around_zero():
    matrix = np.random.default_rng(0).normal(size=(30, 10))
    axes = plots.weights(matrix, (6, 5), "units", n_columns=4)
    assert axes.shape == (3, 4)
    drawn = [ax.images[0] for ax in axes.flat if ax.images]
    assert len(drawn) == 10
    np.testing.assert_array_equal(drawn[3].get_array(), matrix[:, 3].reshape(6, 5))
    limit = np.abs(matrix).max()
    assert {image.get_clim() for image in drawn} == {(-limit, limit)}


def test_axes_handed_in_are_used():
    _, ax = plt.subplots()
    assert plots.training_curves({"a": [1]}, "t", ax=ax) is ax
    assert plots.error_against_size([1], {"a": [1]}, "t", ax=ax) is ax


def test_scatter_names_each_class_at_its_median():
    points = np.array([[0, 0], [1, 0], [5, 1], [9, 9], [9, 8], [9, 7.0]])
    labels = np.array([0, 0, 0, 2, 2, 2])
    ax = plots.latent_scatter(points, labels, ["A", "B", "C"], "a map")
    (drawn,) = ax.collections
    np.testing.assert_array_equal(drawn.get_offsets(), points)
    colours = drawn.get_facecolors()
    assert (colours[:3] == colours[0]).all()
    assert (colours[3] != colours[0]).any()
    assert {t.get_text(): t.get_position() for t in ax.texts} == {
        "A": (1, 0),
        "C": (9, 8),
    }
    assert ax.get_title(loc="left") == "a map"


def test_classes_beyond_ten_have_colours_of_their_own():
    n = 26
    ax = plots.latent_scatter(np.zeros((n, 2)), np.arange(n), [""] * n, "t")
    colours = ax.collections[0].get_facecolors()[:, :3]
    apart = np.abs(colours[:, None] - colours).max(axis=2)[~np.eye(n, dtype=bool)]
    assert apart.min() > 0.1


def test_image_scatter_puts_images_in_cells_and_the_middle_one_wins():
    # Three cells a side on [0, 3]: two images share the first, one is at its right.
    points = np.array([[0.5, 0.4], [0.0, 0.0], [3.0, 0.0], [3.0, 3.0]])
    ax = plots.image_scatter(points, images(4), "t", n_cells=3)
    sheet = ax.images[0].get_array()
    assert sheet.shape == (18, 15)
    np.testing.assert_array_equal(sheet[12:, :5], images(4)[0, ..., 0])
    np.testing.assert_array_equal(sheet[12:, 10:], images(4)[2, ..., 0])
    np.testing.assert_array_equal(sheet[:6, 10:], images(4)[3, ..., 0])
    assert sheet[6:12].max() == 0
    assert ax.images[0].get_clim() == (0, 1)


def test_maps_have_one_scale_in_both_directions():
    points = np.array([[0.0, 0.0], [4.0, 1.0]])
    sheet = plots.image_scatter(points, images(2) + 0.1, "t", 4).images[0].get_array()
    rows = np.flatnonzero(sheet.reshape(4, 6, 4, 5).max(axis=(1, 2, 3)))
    np.testing.assert_array_equal(rows, [1, 2])
    ax = plots.latent_scatter(points, [0, 1], ["a", "b"], "t")
    assert ax.get_aspect() == 1


@pytest.mark.parametrize("label", [-1, 2])
def test_scatter_refuses_labels_without_a_name(label):
    with pytest.raises(ValueError, match="labels must be from 0 to 1"):
        plots.latent_scatter(np.zeros((2, 2)), np.array([0, label]), ["a", "b"], "t")


def test_image_scatter_in_colour():
    points = np.array([[0.0, 0.0], [1.0, 1.0]])
    sheet = plots.image_scatter(points, images(2, 3), "t", 2).images[0].get_array()
    assert sheet.shape == (12, 10, 3)


@pytest.mark.parametrize("points", [np.zeros((3, 2)), np.zeros((4, 3))])
def test_maps_refuse_points_that_do_not_match(points):
    with pytest.raises(ValueError, match="points must have shape"):
        plots.latent_scatter(points, np.zeros(4, int), ["a"], "t")
    with pytest.raises(ValueError, match="4 images"):
        plots.image_scatter(points, images(4), "t")


def test_retrieval_frames_what_is_wrong():
    found = images(6).reshape(2, 3, 6, 5, 1)
    right = np.array([[True, False, True], [True, True, True]])
    axes = plots.retrieval(images(2), found, right, "search")
    assert axes.shape == (2, 4)
    np.testing.assert_array_equal(
        axes[1, 0].images[0].get_array(), images(2)[1, ..., 0]
    )
    np.testing.assert_array_equal(axes[1, 3].images[0].get_array(), found[1, 2, ..., 0])
    framed = np.array([[ax.spines["top"].get_visible() for ax in row] for row in axes])
    np.testing.assert_array_equal(framed[:, 1:], ~right)
    assert not framed[:, 0].any()


def test_retrieval_refuses_other_shapes():
    with pytest.raises(ValueError, match="k booleans"):
        plots.retrieval(images(2), images(6), np.ones((2, 3), bool), "t")
