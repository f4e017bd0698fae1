"""Maps show points where they are, and say which class they are of."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib import colors

from aelab import plots


def images(n=4, channels=1):
    return np.random.default_rng(0).random((n, 6, 5, channels))


def drawn(ax):
    """Points as rows (x, y, red, green, blue), with the form of their marker."""
    rows = []
    for group in ax.collections:
        points, faces = group.get_offsets(), group.get_facecolors()[:, :3]
        faces = np.broadcast_to(faces, (len(points), 3)) if len(points) else faces[:0]
        form = hash(group.get_paths()[0].vertices.tobytes())
        rows += [(*p, *f, form) for p, f in zip(points, faces, strict=True)]
    return np.array(rows, dtype=float)


def test_scatter_names_each_class_at_its_median():
    points = np.array([[0, 0], [1, 0], [5, 1], [9, 9], [9, 8], [9, 7.0]])
    labels = np.array([0, 0, 0, 2, 2, 2])
    ax = plots.latent_scatter(points, labels, ["A", "B", "C"], "a map")
    np.testing.assert_array_equal(drawn(ax)[:, :2], points)
    colour_of = {0: "tab:blue", 2: "tab:green"}
    expected = [colors.to_rgb(colour_of[label]) for label in labels]
    np.testing.assert_allclose(drawn(ax)[:, 2:5], expected)
    names = {text.get_text(): text.get_position() for text in ax.texts}
    assert names == {"A": (1, 0), "C": (9, 8)}
    frame = ax.texts[1].get_bbox_patch()
    assert colors.same_color(frame.get_edgecolor(), "tab:green")
    assert ax.get_title() == "a map"
    assert ax.get_aspect() == 1
    assert ax.figure.alt_text == "a map. A map of 6 points of the classes A, C."


def test_classes_beyond_ten_differ_in_colour_or_marker():
    n = 36
    ax = plots.latent_scatter(np.arange(2 * n).reshape(n, 2), np.arange(n))
    looks = drawn(ax)[:, 2:]
    assert len(np.unique(looks, axis=0)) == n
    np.testing.assert_array_equal(looks[0, :3], looks[10, :3])
    assert looks[0, 3] != looks[10, 3]
    assert [text.get_text() for text in ax.texts] == [str(i) for i in range(n)]


def test_points_without_labels_are_grey_and_unnamed():
    points = np.array([[0, 0], [1, 1], [2, 2.0]])
    for labels in (None, [-1, -1, -1]):
        ax = plots.latent_scatter(points, labels)
        np.testing.assert_array_equal(drawn(ax)[:, :2], points)
        np.testing.assert_array_equal(drawn(ax)[:, 2:5], 0.5)
        assert len(ax.texts) == 0
    ax = plots.latent_scatter(points, [-1, 0, 0], ["only"])
    np.testing.assert_array_equal(drawn(ax)[0, 2:5], 0.5)
    assert [text.get_text() for text in ax.texts] == ["only"]


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
    assert ax.images[0].get_cmap().name == "gray"
    assert "4 points, 3 of them drawn" in ax.figure.alt_text


def test_image_scatter_has_one_scale_in_both_directions():
    points = np.array([[0.0, 0.0], [4.0, 1.0]])
    ax = plots.image_scatter(points, images(2) + 0.1, n_cells=4)
    sheet = ax.images[0].get_array()
    rows = np.flatnonzero(sheet.reshape(4, 6, 4, 5).max(axis=(1, 2, 3)))
    np.testing.assert_array_equal(rows, [1, 2])


def test_image_scatter_in_colour_and_of_large_images():
    points = np.array([[0.0, 0.0], [1.0, 1.0]])
    ax = plots.image_scatter(points, images(2, 3), n_cells=2)
    assert ax.images[0].get_array().shape == (12, 10, 3)
    large = np.full((2, 300, 200, 3), 0.5, "float32")
    sheet = plots.image_scatter(points, large, n_cells=20).images[0].get_array()
    assert sheet.shape == (20 * 75, 20 * 50, 3)


def test_points_are_small_where_there_are_many():
    sizes = [
        plots.latent_scatter(np.zeros((n, 2))).collections[0].get_sizes()[0]
        for n in (10, 3000, 20_000)
    ]
    assert sizes[0] > sizes[1] > sizes[2] >= 4


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plots.latent_scatter(np.zeros((4, 3))), "PCA or t-SNE"),
        (lambda: plots.latent_scatter(np.zeros((0, 2))), "n at least 1"),
        (lambda: plots.latent_scatter(np.full((4, 2), np.nan)), "NaN"),
        (lambda: plots.latent_scatter(np.zeros((2, 2)), [0, 1, 1]), r"shape \(2,\)"),
        (lambda: plots.latent_scatter(np.zeros((2, 2)), ["cat", "dog"]), "return_inv"),
        (lambda: plots.latent_scatter(np.zeros((2, 2)), [0.0, 1.0]), "return_inverse"),
        (lambda: plots.latent_scatter(np.zeros((2, 2)), [0, 2], "ab"), "labels 0 to 2"),
        (lambda: plots.latent_scatter(np.zeros((2, 2)), [-2, 0], "ab"), "-2 to 0"),
        (lambda: plots.latent_scatter(np.zeros((2, 2)), [0, 10**9]), "below 100"),
        (lambda: plots.image_scatter(np.zeros((4, 3)), images(4)), "PCA or t-SNE"),
        (lambda: plots.image_scatter(np.zeros((3, 2)), images(4)), "3 points, 4 im"),
        (lambda: plots.image_scatter(np.zeros((4, 2)), images(4, 2)), "1 channel"),
        (lambda: plots.image_scatter(np.zeros((4, 2)), images(), n_cells=0), "n_cells"),
    ],
)
def test_errors_name_the_cure_and_leave_no_figure(call, message):
    with pytest.raises(ValueError, match=message):
        call()
    assert plt.get_fignums() == []
