"""Maps: points in a plane, by class or as pictures."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib import colors, patheffects

from aelab.plots.images import as_pictures
from aelab.plots.style import WIDTH


def latent_scatter(points, labels, class_names, title, ax=None):
    """Points of a plane, coloured by class, each class named at its median.

    Args:
        points: Array of shape `(n, 2)`.
        labels: Whole numbers from 0, shape `(n,)`.
        class_names: One string a class. Up to ten classes have the colours of `tab10`,
            more have hues that alternate in lightness.
        title: What the figure shows.
        ax: Axes to draw in. Default: a new figure.

    Returns:
        The Axes, without ticks: a map has no unit. Both directions have one scale.

    Raises:
        ValueError: If there are not as many labels as points, points are not pairs, or
            a label has no name.
    """
    points, labels = _check_points(points, labels, "labels"), np.asarray(labels)
    if not np.isin(labels, range(len(class_names))).all():
        raise ValueError(
            f"labels must be from 0 to {len(class_names) - 1}, as many as class_names. "
            f"Received: labels from {labels.min()} to {labels.max()}"
        )
    ax = ax or plt.subplots(figsize=(6, 6))[1]
    palette = _class_colours(len(class_names))
    ax.scatter(*points.T, s=4, c=palette[labels], linewidths=0)
    for label, name in enumerate(class_names):
        if (labels == label).any():
            place = np.median(points[labels == label], axis=0)
            text = ax.text(*place, name, ha="center", va="center", weight="bold")
            text.set_path_effects([patheffects.withStroke(linewidth=3, foreground="w")])
    ax.set_aspect("equal", adjustable="datalim")
    return _frame(ax, title)


def image_scatter(points, images, title, n_cells=28):
    """Images at their points of a plane, without overlaps.

    The plane is cut into cells; in each stands the image whose point is nearest to its
    middle, if one lies inside.

    Args:
        points: Array of shape `(n, 2)`.
        images: Array of shape `(n, height, width, channels)` in [0, 1].
        title: What the figure shows.
        n_cells: Cells along each side.

    Returns:
        The Axes. Errors as `latent_scatter`.
    """
    points, images = _check_points(points, images, "images"), as_pictures(images)
    width = np.ptp(points, axis=0).max() + 1e-9  # one scale for both directions
    low = (points.min(axis=0) + points.max(axis=0) - width) / 2
    place = (points - low) / width * n_cells * (1 - 1e-6)
    cells = place.astype(int)
    from_middle = np.square(place - cells - 0.5).sum(axis=1)
    height, width = images.shape[1:3]
    sheet = np.zeros((n_cells * height, n_cells * width, *images.shape[3:]))
    for i in np.argsort(-from_middle):  # the nearest comes last, and stays
        column, row = cells[i][0], n_cells - 1 - cells[i][1]
        top, left = row * height, column * width
        sheet[top : top + height, left : left + width] = images[i]
    ax = plt.subplots(figsize=(WIDTH, WIDTH))[1]
    ax.imshow(sheet, vmin=0, vmax=1, interpolation="antialiased")
    return _frame(ax, title)


def _class_colours(n):
    if n <= 10:
        return np.array(plt.get_cmap("tab10").colors)[:n]
    i = np.arange(n)
    light = i % 2
    hsv = np.stack([i / n, 0.9 - 0.35 * light, 0.7 + 0.25 * light], axis=1)
    return colors.hsv_to_rgb(hsv)


def _frame(ax, title):
    ax.set(xticks=[], yticks=[], title=title)
    ax.grid(False)
    return ax


def _check_points(points, others, name):
    points = np.asarray(points)
    if points.shape != (len(others), 2):
        raise ValueError(
            f"points must have shape (n, 2), n being the length of {name}. Received: "
            f"points of shape {points.shape}, {len(others)} {name}"
        )
    return points
