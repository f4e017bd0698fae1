"""Images: in rows, as weights, edge to edge, and as answers to a query."""

import matplotlib.pyplot as plt
import numpy as np

from aelab.plots.style import WIDTH


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
            draw(ax, image)
        row_axes[0].set_ylabel(name, rotation=0, ha="right", va="center")
    if column_names is not None:
        for ax, name in zip(axes[0], column_names, strict=True):
            ax.set_title(name, loc="center", fontsize=9)
    if title:
        figure.suptitle(title, x=0.01, ha="left", fontsize=11)
    return axes


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
    draw(ax, sheet)
    shown = range(0, n_columns, max(1, n_columns // 6))
    labels = [f"{values[i]:.1f}" for i in shown]
    ax.set_xticks([(i + 0.5) * width for i in shown], labels)
    ax.set_yticks([(n_rows - i - 0.5) * height for i in shown], labels)
    ax.set(xlabel="z_1", ylabel="z_2", title=title)
    return ax


def retrieval(queries, found, right, title):
    """Queries, and what was found for each, mistakes in a frame.

    Args:
        queries: Array of shape `(n, height, width, channels)` in [0, 1].
        found: Array of shape `(n, k, height, width, channels)`, the nearest first.
        right: Booleans, shape `(n, k)`. What is not right gets a red frame.
        title: What the figure shows.

    Returns:
        Array of Axes, shape `(n, 1 + k)`.

    Raises:
        ValueError: If the shapes do not match.
    """
    queries, found, right = map(np.asarray, (queries, found, right))
    image_shape = queries.shape[1:]
    if (found.shape, len(found)) != ((*right.shape, *image_shape), len(queries)):
        raise ValueError(
            "There must be k images, and k booleans, for each query. Received shapes: "
            f"queries {queries.shape}, found {found.shape}, right {right.shape}"
        )
    rows = np.concatenate([queries[:, None], found], axis=1)
    names = ["query", *map(str, range(1, 1 + found.shape[1]))]
    axes = reconstructions(
        *rows,
        row_names=[""] * len(queries),
        title=title,
        column_names=names,
    )
    for row, flags in zip(axes, right, strict=True):
        for ax, flag in zip(row[1:], flags, strict=True):
            if not flag:
                ax.spines[:].set(visible=True, color="red", linewidth=2)
    return axes


def as_pictures(images):
    """Images in [0, 1] as matplotlib and Pillow want them: grey ones lose an axis."""
    images = np.clip(np.asarray(images), 0, 1)
    return images[..., 0] if images.shape[-1] == 1 and images.ndim == 4 else images


def draw(ax, image):
    """One image, with fixed limits and without ticks."""
    ax.imshow(image, vmin=0, vmax=1)
    ax.set(xticks=[], yticks=[])
    ax.grid(False)
    ax.spines[:].set_visible(False)
