"""Maps: points in a plane, by class or as pictures."""

import matplotlib.pyplot as plt
import numpy as np

from aelab import checks
from aelab.plots.images import SHARPEST, as_pictures, draw_picture
from aelab.plots.style import WIDTH, describe

MARKERS = ("o", "^", "s", "D", "v", "P", "X", "*", "<", ">")


def latent_scatter(points, labels=None, class_names=None, title=None, ax=None):
    """Points of a plane, by class, each class named at its median. Lesson 07.

    Args:
        points: Array, shape `(n, 2)`.
        labels: Integers from 0, shape `(n,)`; -1, which `data.load` gives where there
            are no labels, is drawn in grey and not named. Default: no classes.
        class_names: One string per class, at most 100. Default: the labels themselves.
        title: What the figure shows.
        ax: Axes to draw in. Default: a new figure.

    Returns:
        The Axes, without ticks: a map has no unit. Both directions have one scale. The
        first ten classes have the colours of `tab10` as discs, the next ten the same
        colours as triangles, and so on.

    Raises:
        ValueError: If points are not finite pairs, if there are not as many labels as
            points, or if labels are no integers or have no name.

    Example:
        >>> ax = latent_scatter([[0, 0], [1, 1], [9, 9]], [0, 0, 1], ["A", "B"])
        >>> [text.get_text() for text in ax.texts]
        ['A', 'B']
        >>> plt.close()
    """
    points = _check_points(points)
    labels, class_names = _check_labels(labels, class_names, len(points))

    ax = plt.subplots(figsize=(6, 6), layout="constrained")[1] if ax is None else ax
    colours = plt.get_cmap("tab10").colors
    size = float(np.clip(20_000 / len(points), 4, 20))
    unknown = points[labels < 0]
    ax.scatter(unknown[:, 0], unknown[:, 1], s=size, color="0.5", linewidths=0)
    for tens, marker in zip(range(0, len(class_names), 10), MARKERS, strict=False):
        # Ten classes in one go, in the order given: none of them lies on top.
        chosen = (labels >= tens) & (labels < tens + 10)
        ax.scatter(
            points[chosen, 0],
            points[chosen, 1],
            s=size if tens == 0 else 2 * size,
            c=[colours[label % 10] for label in labels[chosen]],
            marker=marker,
            linewidths=0,
        )
    for label, name in enumerate(class_names):
        if (labels == label).any():
            x, y = np.median(points[labels == label], axis=0)
            frame = {
                "boxstyle": "round,pad=0.15",
                "facecolor": (1, 1, 1, 0.8),
                "edgecolor": colours[label % 10],
                "linewidth": 1.5,
            }
            ax.text(x, y, name, ha="center", va="center", weight="bold", bbox=frame)
    ax.set_aspect("equal", adjustable="datalim")
    _frame(ax, title)
    shown = [class_names[label] for label in np.unique(labels[labels >= 0])]
    classes = f" of the classes {', '.join(shown)}" if shown else ""
    text = f"A map of {len(points)} points{classes}."
    describe(ax.get_figure(root=True), text, title=title, add=True)
    return ax


def image_scatter(points, images, title=None, n_cells=28):
    """Images at their points of a plane, without overlaps. Lesson 07.

    The plane is divided into cells; in each stands the image whose point is nearest to
    its middle, if one lies inside.

    Args:
        points: Array, shape `(n, 2)`.
        images: Images in [0, 1], shape `(n, height, width, channels)`.
        title: What the figure shows.
        n_cells: Cells along each side, an integer from 1.

    Returns:
        The Axes.

    Raises:
        ValueError: If points are not finite pairs, or if there are not as many images.
    """
    points = _check_points(points)
    checks.integer("n_cells", n_cells)
    pictures = as_pictures(images, argument="images", largest=SHARPEST // n_cells)
    if len(pictures) != len(points):
        raise ValueError(
            "There must be an image for each of points. "
            f"Received: {len(points)} points, {len(pictures)} images"
        )
    extent = np.ptp(points, axis=0).max() + 1e-9  # one scale for both directions
    low = (points.min(axis=0) + points.max(axis=0) - extent) / 2
    place = (points - low) / extent * n_cells * (1 - 1e-6)
    cells = place.astype(int)
    from_middle = np.square(place - cells - 0.5).sum(axis=1)
    height, width = pictures.shape[1:3]
    sheet = np.zeros((n_cells * height, n_cells * width, *pictures.shape[3:]))
    for i in np.argsort(-from_middle):  # the nearest comes last, and stays
        column, row = cells[i, 0], n_cells - 1 - cells[i, 1]
        top, left = row * height, column * width
        sheet[top : top + height, left : left + width] = pictures[i]
    ax = plt.subplots(figsize=(WIDTH, WIDTH), layout="constrained")[1]
    draw_picture(ax, sheet)
    _frame(ax, title)
    drawn = len(np.unique(cells, axis=0))
    text = f"A map of {len(points)} points, {drawn} of them drawn as their images."
    describe(ax.figure, text, title=title)
    return ax


def _frame(ax, title):
    ax.set(xticks=[], yticks=[])
    ax.grid(False)
    if title:
        ax.set_title(title)


def _check_points(points):
    points = np.asarray(points)
    if points.ndim != 2 or points.shape[1] != 2 or len(points) == 0:
        raise ValueError(
            "points must have shape (n, 2), n at least 1: a longer code wants a map "
            f"first, by PCA or t-SNE. Received: points of shape {points.shape}"
        )
    checks.finite("points", points)
    return points


def _check_labels(labels, class_names, n_points):
    """Labels as an array, -1 where there are none, and a list of names."""
    if labels is None:
        return np.full(n_points, -1), []
    labels = np.asarray(labels)
    if labels.shape != (n_points,):
        raise ValueError(
            f"labels must have shape ({n_points},), one per point. "
            f"Received: labels of shape {labels.shape}"
        )
    if not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(
            "labels must be integers: class_names, labels = np.unique(labels, "
            "return_inverse=True) makes them so. "
            f"Received: labels of dtype {labels.dtype}"
        )
    highest = int(labels.max())
    n_classes = highest + 1 if class_names is None else len(class_names)
    if labels.min() < -1 or highest >= n_classes or n_classes > 100:
        raise ValueError(
            "labels must be from 0 (or -1: none) to the number of class_names less 1, "
            "and below 100: class_names, labels = np.unique(labels, "
            "return_inverse=True) makes them so. "
            f"Received: labels {labels.min()} to {highest}, {n_classes} class names"
        )
    if class_names is None:
        class_names = range(n_classes)
    return labels, [str(name) for name in class_names]
