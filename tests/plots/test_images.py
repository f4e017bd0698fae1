"""Images are drawn as the arrays they are: their place, grey values and colours."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib import colors

from aelab import plots


def images(n=4, channels=1, height=6, width=5, seed=0):
    return np.random.default_rng(seed).random((n, height, width, channels))


def shown(ax):
    """The colours that an image is shown in, whatever it was drawn from."""
    (image,) = ax.images
    return image.to_rgba(image.get_array())[..., :3]


def test_rows_draw_each_image_where_it_belongs():
    x, x_hat = images(seed=0), images(seed=1)
    axes = plots.image_rows(
        {"image": x, "copy": x_hat}, title="two rows", column_names="abcd"
    )
    assert axes.shape == (2, 4)
    for row, name, row_axes in zip((x, x_hat), ("image", "copy"), axes, strict=True):
        assert row_axes[0].get_ylabel() == name
        for image, ax in zip(row, row_axes, strict=True):
            np.testing.assert_array_equal(ax.images[0].get_array(), image[..., 0])
    assert [ax.get_title() for ax in axes[0]] == list("abcd")
    assert axes[0, 0].figure.get_suptitle() == "two rows"
    assert "2 x 4 images in rows: image, copy" in axes[0, 0].figure.alt_text


def test_grey_is_grey_without_the_house_style():
    x = np.array([-1.0, 0.0, 0.25, 1.0, 2.0, 0.5]).reshape(1, 2, 3, 1)
    with plt.rc_context():
        plt.rcdefaults()
        (ax,) = plots.image_rows({"x": x})[0]
        rgb = shown(ax)
    expected = np.clip(x[0], 0, 1) * np.ones(3)
    np.testing.assert_allclose(rgb, expected, atol=1 / 255)


def test_brightness_does_not_depend_on_the_other_pixels():
    dim = np.full((1, 4, 4, 1), 0.25)
    axes = plots.image_rows(
        {"dim": dim, "ramp": np.linspace(0, 1, 16).reshape(dim.shape)}
    )
    np.testing.assert_allclose(shown(axes[0, 0]), 0.25, atol=1 / 255)


def test_rows_may_differ_in_size_and_colour():
    x, small = images(3, 3, 8, 12), images(3, 1, 4, 4)
    axes = plots.image_rows({"colour": x, "small": small})
    np.testing.assert_array_equal(axes[0, 1].images[0].get_array(), x[1])
    np.testing.assert_array_equal(axes[1, 2].images[0].get_array(), small[2, ..., 0])


def test_a_list_gives_rows_without_names():
    axes = plots.image_rows([images(2), images(2)])
    assert [row[0].get_ylabel() for row in axes] == ["", ""]


def test_labels_stay_inside_the_figure():
    with plt.rc_context():
        plots.use_style()
        axes = plots.image_rows({"a rather long name\nof a row": images(8)}, title="t")
        figure = axes[0, 0].figure
        figure.canvas.draw()
    assert axes[0, 0].yaxis.label.get_window_extent().x0 >= 0
    assert axes[0, -1].get_window_extent().x1 <= figure.bbox.x1


def test_large_images_are_averaged_down_and_figures_stay_on_the_screen():
    x = np.zeros((1, 2000, 3000, 1), "float32")
    x[:, ::2] = 1
    axes = plots.image_rows({f"row {i}": x for i in range(3)})
    drawn = axes[0, 0].images[0].get_array()
    assert drawn.shape == (1000, 1500)
    np.testing.assert_allclose(drawn, 0.5)
    tall = plots.image_rows({f"{i}": images(1) for i in range(40)})
    assert tall[0, 0].figure.get_size_inches().max() <= 12.01


def test_reducing_keeps_the_mean_of_uneven_blocks():
    x = images(2, 3, 7, 11)
    small = plots.as_pictures(x, largest=4)
    assert small.shape == (2, 3, 4, 3)
    np.testing.assert_allclose(small[1, 2, 3], x[1, 6:, 9:].mean(axis=(0, 1)))
    np.testing.assert_allclose(small[0, 0, 0], x[0, :3, :3].mean(axis=(0, 1)))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plots.image_rows({}), "rows must hold a row"),
        (lambda: plots.image_rows({"a": images(4), "b": images(3)}), "4, 3 images"),
        (
            lambda: plots.image_rows({"a": images()[..., 0]}),
            r"rows\['a'\].*\(4, 6, 5\)",
        ),
        (lambda: plots.image_rows(images(2)), r"rows\[0\].*\(6, 5, 1\)"),
        (lambda: plots.image_rows({"a": images(0)}), "n at least 1"),
        (lambda: plots.image_rows({"a": images(4, 2)}), r"x\[\.\.\., :1\]"),
        (lambda: plots.image_rows({"a": images(4, 32, 3, 32)}), "moveaxis"),
        (lambda: plots.image_rows({"a": images() * np.nan}), "NaN"),
        (lambda: plots.image_rows({"a": images() * 255}), "divide 8-bit values by 255"),
        (lambda: plots.image_rows({"a": (images() * 255).astype("uint8")}), "by 255"),
        (lambda: plots.image_rows({"a": images(401)}), r"x\[:8\].*401 images"),
        (lambda: plots.image_rows({"a": images()}, column_names="abc"), "4 strings"),
        (lambda: plots.weights(np.ones((30, 4)), (6, 4)), r"shape \(24, units\)"),
        (lambda: plots.weights(np.ones((4, 30)), (6, 5)), "transpose"),
        (lambda: plots.weights(np.ones((60, 4)), (6, 5, 2)), "1 channel"),
        (lambda: plots.weights(np.ones((30, 4)), 30), "tuple of integers"),
        (lambda: plots.weights(np.ones((30, 4)), (30,)), r"\(height, width\)"),
        (lambda: plots.weights(np.ones((30, 4)), (6, 5), n_columns=0), "n_columns"),
        (lambda: plots.weights(np.ones((30, 999)), (6, 5)), "at most 400"),
        (lambda: plots.weights(np.ones((30, 4)) / 0.0, (6, 5)), "infinite"),
        (lambda: plots.manifold(images(6).reshape(2, 3, 6, 5, 1), [1, 2]), "z_1.* 3 "),
        (
            lambda: plots.manifold(images(6).reshape(2, 3, 6, 5, 1), [1, 2, 3], [1]),
            "z_2 must hold 2 numbers",
        ),
        (
            lambda: plots.manifold(
                images(6).reshape(2, 3, 6, 5, 1), ["a", "b", "c"], [1, 2]
            ),
            "z_1 must hold 3 numbers.*dtype <U1",
        ),
        (lambda: plots.image_rows({"a": 0.5}), r"rows\['a'\].*\(\)"),
        (lambda: plots.manifold(images(6), [1, 2]), "reshape"),
        (
            lambda: plots.retrieval(images(2), images(6), np.ones((2, 3), bool)),
            "k booleans",
        ),
    ],
)
@pytest.mark.filterwarnings("ignore:divide by zero")
def test_errors_name_the_cure_and_leave_no_figure(call, message):
    with pytest.raises(ValueError, match=message):
        call()
    assert plt.get_fignums() == []


def test_noise_may_leave_the_range():
    noisy = images() + np.random.default_rng(1).normal(size=(4, 6, 5, 1)) * 30
    plots.image_rows({"noisy": noisy, "mask": images() > 0.5})


def test_weights_share_a_scale_around_zero():
    matrix = np.random.default_rng(0).normal(size=(30, 10))
    axes = plots.weights(matrix, (6, 5), title="units", n_columns=4)
    assert axes.shape == (3, 4)
    drawn = [ax.images[0] for ax in axes.flat if ax.images]
    assert len(drawn) == 10
    np.testing.assert_array_equal(drawn[3].get_array(), matrix[:, 3].reshape(6, 5))
    limit = np.abs(matrix).max()
    assert {image.get_clim() for image in drawn} == {(-limit, limit)}
    largest = drawn[0].to_rgba(limit)
    assert largest[0] > 2 * largest[2]  # more red than blue
    np.testing.assert_allclose(drawn[0].to_rgba(0.0)[:3], 0.96, atol=0.02)


def test_weights_of_colour_pixels_are_colours():
    # Unit 0 likes red at the top left; unit 1 dislikes green at the bottom right.
    kernel = np.zeros((4, 5, 3, 2))
    kernel[0, 0, 0, 0] = 0.5
    kernel[3, 4, 1, 1] = -1.0
    axes = plots.weights(kernel.reshape(60, 2), (4, 5, 3))
    assert sum(len(ax.images) for ax in axes.flat) == 2
    first, second = shown(axes[0, 0]), shown(axes[0, 1])
    assert first.shape == (4, 5, 3)
    np.testing.assert_allclose(first[0, 0], [0.75, 0.5, 0.5])
    np.testing.assert_allclose(second[3, 4], [0.5, 0, 0.5])
    first[0, 0] = 0.5
    np.testing.assert_allclose(first, 0.5)


def test_weights_that_are_all_zero_are_white():
    axes = plots.weights(np.zeros((4, 1)), (2, 2, 1))
    np.testing.assert_allclose(shown(axes[0, 0]), 0.97, atol=0.01)


def test_manifold_puts_the_first_image_at_the_lower_left():
    grid = images(6).reshape(2, 3, 6, 5, 1)
    ax = plots.manifold(grid, [-1.5, 0, 1.25], [10, 20], title="t")
    sheet = ax.images[0].get_array()
    assert sheet.shape == (12, 15)
    np.testing.assert_array_equal(sheet[6:, :5], grid[0, 0, ..., 0])
    np.testing.assert_array_equal(sheet[:6, 10:], grid[1, 2, ..., 0])
    ax.figure.canvas.draw()
    assert [t.get_text() for t in ax.get_xticklabels()] == ["-1.5", "0", "1.2"]
    assert [t.get_text() for t in ax.get_yticklabels()] == ["10", "20"]
    # Pixel i reaches from i - 0.5 to i + 0.5: the middles of three columns of five.
    np.testing.assert_array_equal(ax.get_xticks(), [2, 7, 12])
    np.testing.assert_array_equal(ax.get_yticks(), [8.5, 2.5])
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("z_1", "z_2")


def test_manifold_goes_into_a_panel_beside_another():
    figure, (left, right) = plt.subplots(1, 2)
    plots.describe(figure, "The other panel.")
    assert plots.manifold(np.zeros((2, 2, 4, 4, 1)), [0, 1], ax=right) is right
    assert not left.images
    assert figure.alt_text.startswith("The other panel. 2 by 2 images")


@pytest.mark.parametrize("shape", [(3, 16), (16, 3)])
def test_manifold_of_any_shape_has_its_ticks_on_its_images(shape):
    grid = np.zeros((*shape, 2, 2, 3))
    ax = plots.manifold(grid, np.arange(shape[1]), np.arange(shape[0]))
    height, width = ax.images[0].get_array().shape[:2]
    assert (height, width) == (2 * shape[0], 2 * shape[1])
    for ticks, length, labels in (
        (ax.get_xticks(), width, ax.get_xticklabels()),
        (height - 1 - np.array(ax.get_yticks()), height, ax.get_yticklabels()),
    ):
        np.testing.assert_array_equal(
            ticks, [2 * int(label.get_text()) + 0.5 for label in labels]
        )
        assert 3 <= len(ticks) <= 10
        assert 0.7 * length < ticks.max() < length  # to the last images
    assert ax.figure.get_size_inches().max() <= 12


def test_retrieval_frames_what_is_wrong():
    found = images(6).reshape(2, 3, 6, 5, 1)
    right = np.array([[True, False, True], [True, True, True]])
    axes = plots.retrieval(images(2), found, right, title="search")
    assert axes.shape == (2, 4)
    np.testing.assert_array_equal(
        axes[1, 0].images[0].get_array(), images(2)[1, ..., 0]
    )
    np.testing.assert_array_equal(axes[1, 3].images[0].get_array(), found[1, 2, ..., 0])
    framed = np.array([[ax.spines["top"].get_visible() for ax in row] for row in axes])
    np.testing.assert_array_equal(framed[:, 1:], ~right)
    assert not framed[:, 0].any()
    assert colors.same_color(axes[0, 2].spines["left"].get_edgecolor(), "red")
    assert [ax.get_title() for ax in axes[0]] == ["query", "1", "2", "3"]
    assert "1 of 6 are wrong" in axes[0, 0].figure.alt_text
