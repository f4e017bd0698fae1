"""Pictures: arrays in, Axes out; no model is seen and nothing is shown.

Images are drawn with fixed limits, so that brightness can be compared between rows.
"""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib import ticker

WIDTH = 8  # inches, of a figure that fills a notebook


def use_style():
    """Set the look of every figure of the course. Call it once, in the setup cell."""
    plt.rcParams.update(
        {
            "figure.figsize": (6, 3.6),
            "figure.dpi": 100,
            "savefig.dpi": 100,
            "figure.constrained_layout.use": True,
            "font.size": 10,
            "axes.titlesize": 11,
            "axes.titlelocation": "left",
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": True,
            "grid.alpha": 0.3,
            "legend.frameon": False,
            "image.cmap": "gray",
            "image.interpolation": "nearest",
        }
    )


def reconstructions(*rows, row_names, title=None, column_names=None):
    """Images in rows, one below the other, each row named at its left.

    Args:
        *rows: Arrays of the same shape, `(n, height, width, channels)` in [0, 1].
            Values outside are drawn black or white.
        row_names: One string a row.
        title: What the figure shows.
        column_names: Strings over the columns, or None.

    Returns:
        Array of Axes, shape `(rows, n)`.

    Raises:
        ValueError: If the rows differ in shape or in number from their names.
    """
    rows = [as_pictures(row) for row in rows]
    if len({row.shape for row in rows}) != 1 or len(rows) != len(row_names):
        raise ValueError(
            "rows must have one shape, and row_names a name for each. Received: "
            f"shapes {[row.shape for row in rows]}, row_names={row_names}"
        )
    n = len(rows[0])
    side = WIDTH / (n + 1.2)
    figure, axes = plt.subplots(
        *(len(rows), n),
        figsize=(WIDTH, side * len(rows) + (0.4 if title else 0.1)),
        squeeze=False,
    )
    for row, name, row_axes in zip(rows, row_names, axes, strict=True):
        for image, ax in zip(row, row_axes, strict=True):
            _draw(ax, image)
        row_axes[0].set_ylabel(name, rotation=0, ha="right", va="center")
    if column_names is not None:
        for ax, name in zip(axes[0], column_names, strict=True):
            ax.set_title(name, loc="center", fontsize=9)
    if title:
        figure.suptitle(title, x=0.01, ha="left", fontsize=11)
    return axes


def training_curves(curves, title, ylabel="MSE (per pixel)", ax=None, log=True):
    """Values for each epoch, one line a name.

    Args:
        curves: Dict from a name to a sequence of values for epochs 1, 2, ..., or to
            a pair `(epochs, values)` where only some epochs are known.
        title: What the figure shows.
        ylabel: Quantity and unit.
        ax: Axes to draw in. Default: a new figure.
        log: Whether the vertical axis is logarithmic.

    Returns:
        The Axes. Pairs are drawn as points, sequences as lines.
    """
    ax = ax or plt.subplots()[1]
    for name, values in curves.items():
        if isinstance(values, tuple):
            ax.plot(*values, "o", label=name)
        else:
            ax.plot(range(1, len(values) + 1), values, label=name)
    if log:
        ax.set_yscale("log")
        _plain_log_ticks(ax.yaxis)
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.set(xlabel="epoch", ylabel=ylabel, title=title)
    ax.legend()
    return ax


def error_against_size(sizes, errors, title, ylabel="MSE (per pixel)", ax=None):
    """Error against the size of the code, one line a method, both axes in logs.

    Args:
        sizes: Sequence of code sizes.
        errors: Dict from the name of a method to its errors, one for each size, or
            to one number: a floor, drawn as a dashed line.
        title: What the figure shows.
        ylabel: Quantity and unit.
        ax: Axes to draw in. Default: a new figure.

    Returns:
        The Axes.
    """
    ax = ax or plt.subplots()[1]
    for name, values in errors.items():
        if np.ndim(values) == 0:
            ax.axhline(values, color="grey", linestyle="--", label=name)
        else:
            ax.plot(sizes, values, "o-", label=name)
    ax.set_xscale("log", base=2)
    ax.set_yscale("log")
    ax.set_xticks(sizes, labels=map(str, sizes))
    _plain_log_ticks(ax.yaxis)
    ax.set(xlabel="code size (numbers an image)", ylabel=ylabel, title=title)
    ax.legend()
    return ax


def error_curves(x, curves, title, xlabel, ylabel="MSE (per pixel)", ax=None):
    """Values against a quantity, one line a name.

    Args:
        x: Sequence of numbers, for the horizontal axis.
        curves: Dict from a name to as many values.
        title: What the figure shows.
        xlabel: The quantity of `x` and its unit.
        ylabel: The quantity of the values and its unit.
        ax: Axes to draw in. Default: a new figure.

    Returns:
        The Axes.
    """
    ax = ax or plt.subplots()[1]
    for name, values in curves.items():
        ax.plot(x, values, "o-", label=name)
    ax.set(xlabel=xlabel, ylabel=ylabel, title=title)
    ax.set_ylim(bottom=0)
    ax.legend()
    return ax


def rate_distortion(curves, title, ax=None):
    """Error against bits, one line a method: the lower left is the better.

    Args:
        curves: Dict from the name of a method to a pair `(bits, errors)`: bits a
            pixel, and MSE per pixel.
        title: What the figure shows.
        ax: Axes to draw in. Default: a new figure.

    Returns:
        The Axes, both in logs.
    """
    ax = ax or plt.subplots()[1]
    for name, (bits, errors) in curves.items():
        ax.plot(bits, errors, "o-", label=name)
    for axis, scale in ((ax.xaxis, ax.set_xscale), (ax.yaxis, ax.set_yscale)):
        scale("log")
        _plain_log_ticks(axis)
    ax.set(xlabel="rate (bits / pixel)", ylabel="MSE (per pixel)", title=title)
    ax.legend()
    return ax


def weights(matrix, image_shape, title, n_columns=8):
    """Weights as images: one picture a unit, red positive, blue negative.

    Args:
        matrix: Array of shape `(pixels, units)`: a Dense kernel that reads images,
            or the transpose of one that writes them.
        image_shape: `(height, width)`.
        title: What the figure shows.
        n_columns: Pictures in a row.

    Returns:
        Array of Axes. All pictures share one scale, symmetric about zero.
    """
    pictures = np.asarray(matrix).T.reshape(-1, *image_shape[:2])
    n_rows = -(-len(pictures) // n_columns)
    height = 0.85 * WIDTH / n_columns * n_rows + 0.4  # the rest is the colour bar's
    figure, axes = plt.subplots(
        *(n_rows, n_columns), figsize=(WIDTH, height), squeeze=False
    )
    limit = np.abs(pictures).max()
    for ax in axes.flat:
        ax.axis("off")
    for picture, ax in zip(pictures, axes.flat, strict=False):
        drawn = ax.imshow(picture, cmap="RdBu_r", vmin=-limit, vmax=limit)
    figure.colorbar(drawn, ax=axes, shrink=0.8, label="weight")
    figure.suptitle(title, x=0.01, ha="left", fontsize=11)
    return axes


def manifold(images, values, title):
    """Images of a two-dimensional latent space, edge to edge.

    Args:
        images: Array of shape `(rows, columns, height, width, channels)` in [0, 1]:
            z_1 grows to the right, z_2 upwards, so the first row is the lowest.
        values: The numbers that each of z_1 and z_2 takes, as many as columns.
        title: What the figure shows.

    Returns:
        The Axes.
    """
    n_rows, n_columns, height, width = np.shape(images)[:4]
    sheet = np.moveaxis(np.asarray(images)[::-1], 2, 1)
    sheet = as_pictures(sheet.reshape(1, n_rows * height, n_columns * width, -1))[0]
    ax = plt.subplots(figsize=(WIDTH, WIDTH * n_rows / n_columns))[1]
    _draw(ax, sheet)
    shown = range(0, n_columns, max(1, n_columns // 6))
    labels = [f"{values[i]:.1f}" for i in shown]
    ax.set_xticks([(i + 0.5) * width for i in shown], labels)
    ax.set_yticks([(n_rows - i - 0.5) * height for i in shown], labels)
    ax.set(xlabel="z_1", ylabel="z_2", title=title)
    return ax


def as_pictures(images):
    """Images in [0, 1] as matplotlib and Pillow want them: grey ones lose an axis."""
    images = np.clip(np.asarray(images), 0, 1)
    return images[..., 0] if images.shape[-1] == 1 and images.ndim == 4 else images


def _draw(ax, image):
    ax.imshow(image, vmin=0, vmax=1)
    ax.set(xticks=[], yticks=[])
    ax.grid(False)
    ax.spines[:].set_visible(False)


def _plain_log_ticks(axis):
    """Label a log axis with plain numbers at 1, 2 and 5 of each decade."""
    axis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter(ticker.FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(ticker.NullFormatter())
