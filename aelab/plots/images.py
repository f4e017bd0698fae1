"""Images: in rows, as weights, edge to edge, and as answers to a query."""

import matplotlib.pyplot as plt
import numpy as np

from aelab import checks
from aelab.plots.style import TALLEST, WIDTH, describe

MOST = 400  # pictures in one figure: more cannot be seen, and take minutes to draw
SHARPEST = 1600  # pixels: what a figure of full width can show on a sharp screen


def image_rows(rows, title=None, column_names=None):
    """Images in rows, one below the other, each row named at its left. Lesson 01.

    Grey images are always black at 0 and white at 1, so that brightness can be
    compared between rows; values outside [0, 1] are drawn as the nearer of the two.

    Args:
        rows: Dict from the name of a row to its images: floats in [0, 1], shape
            `(n, height, width, channels)`, channels 1 (grey) or 3 (red, green, blue).
            All rows hold the same number n; heights, widths and channels may differ
            from row to row. A list of such arrays gives rows without names.
        title: What the figure shows.
        column_names: n strings over the columns. Default: none.

    Returns:
        Array of Axes, shape `(rows, n)`.

    Raises:
        ValueError: If there is no row, if a row does not hold images, or 8-bit values,
            or another number of images than the rows before it, if there are more than
            400 images, or not as many column names as columns.

    Example:
        >>> x = np.random.default_rng(0).random((4, 28, 28, 1))
        >>> image_rows({"image": x, "brighter": x**0.5}).shape
        (2, 4)
        >>> plt.close()
    """
    if isinstance(rows, dict):
        names = [str(name) for name in rows]
        rows = {f"rows[{name!r}]": np.asarray(row) for name, row in rows.items()}
    else:
        names = [""] * len(rows)
        rows = {f"rows[{i}]": np.asarray(row) for i, row in enumerate(rows)}
    if not rows:
        raise ValueError(
            'rows must hold a row of images or more: {"image": x[:8]}. Received: none'
        )
    for argument, row in rows.items():
        _check_shape(row, argument)
    counts = [len(row) for row in rows.values()]
    n = counts[0]
    if set(counts) != {n}:
        raise ValueError(
            "rows must hold the same number of images each. "
            f"Received: {', '.join(map(str, counts))} images"
        )
    _check_number(sum(counts), "rows", "x[:8]")
    if column_names is not None and len(column_names) != n:
        raise ValueError(
            f"column_names must be {n} strings, one per column. "
            f"Received: column_names={column_names}"
        )
    pictures = [
        as_pictures(row, argument, largest=SHARPEST // n)
        for argument, row in rows.items()
    ]
    axes = _grid(pictures, names, title, column_names)
    named = f": {', '.join(' '.join(name.split()) for name in names)}" * any(names)
    text = f"{len(rows)} x {n} images in rows{named}."
    describe(axes[0, 0].figure, text, title=title)
    return axes


def weights(matrix, image_shape, title=None, n_columns=8):
    """Weights as images: one picture per unit, all on one scale. Lesson 01.

    Weights to or from grey pixels are drawn in red where positive and in blue where
    negative. Those of colour pixels are drawn as colours: `0.5 + 0.5 * w / limit` for
    each of red, green and blue, so that grey means that all three are 0, red that the
    weight of the red channel is above the others, and cyan that it is below them. In
    both cases `limit` is the largest absolute weight of the whole matrix.

    Args:
        matrix: Array, shape `(height * width * channels, units)`: the kernel of a Dense
            layer that reads flattened images, or the transpose of one that writes them.
        image_shape: `(height, width)` or `(height, width, channels)`, channels 1 or 3.
        title: What the figure shows.
        n_columns: Pictures in a row.

    Returns:
        Array of Axes, shape `(rows, n_columns)`; those left over are empty.

    Raises:
        ValueError: If the matrix has another number of rows than an image has values,
            or more than 400 columns, if there are channels other than 1 or 3, or if
            `n_columns` is below 1.

    Example:
        >>> kernel = np.random.default_rng(0).normal(size=(28 * 28, 12))
        >>> weights(kernel, (28, 28, 1)).shape
        (2, 8)
        >>> plt.close()
    """
    image_shape = checks.integers("image_shape", image_shape)
    checks.integer("n_columns", n_columns)
    if len(image_shape) not in (2, 3):
        raise ValueError(
            "image_shape must be (height, width) or (height, width, channels). "
            f"Received: image_shape={image_shape}"
        )
    matrix = np.asarray(matrix)
    n_values = int(np.prod(image_shape))
    if matrix.ndim != 2 or matrix.shape[0] != n_values or matrix.size == 0:
        raise ValueError(
            f"matrix must have shape ({n_values}, units), a row for each value of an "
            f"image of shape {image_shape}: transpose the kernel of a layer that "
            f"writes images. Received: matrix of shape {matrix.shape}"
        )
    checks.finite("matrix", matrix)
    _check_number(matrix.shape[1], "matrix", "matrix[:, :32]")
    if len(image_shape) == 2:
        image_shape = (*image_shape, 1)
    # Each column holds an image's values in the order of Flatten: channels last.
    pictures = matrix.T.reshape(-1, *image_shape)
    _check_shape(pictures, "the pictures of matrix")
    pictures = _reduce(pictures, largest=SHARPEST // n_columns)
    limit = float(np.abs(matrix).max()) or 1.0
    colour = image_shape[-1] == 3

    n_rows = -(-len(pictures) // n_columns)
    side = min(0.85 * WIDTH / n_columns, (TALLEST - 0.4) / n_rows)
    figure, axes = plt.subplots(
        n_rows,
        n_columns,
        figsize=(WIDTH, side * n_rows + 0.4),
        squeeze=False,
        layout="constrained",
    )
    for ax in axes.flat:
        ax.axis("off")
    for picture, ax in zip(pictures, axes.flat, strict=False):
        if colour:
            draw_picture(ax, 0.5 + 0.5 * picture / limit)
        else:
            drawn = ax.imshow(
                picture[..., 0],
                cmap="RdBu_r",
                vmin=-limit,
                vmax=limit,
                interpolation=_interpolation(picture),
            )
    if colour:
        figure.supxlabel(
            f"grey: 0, full colour: {limit:.2g}, its complement: {-limit:.2g}",
            fontsize=9,
        )
    else:
        figure.colorbar(drawn, ax=axes, shrink=0.8, label="weight")
    _suptitle(figure, title)
    scale = "colour by colour" if colour else "red positive, blue negative"
    text = f"{len(pictures)} pictures of weights, one per unit, {scale}."
    describe(figure, text, title=title)
    return axes


def manifold(images, z_1, z_2=None, title=None, ax=None):
    """Images of a two-dimensional latent space, edge to edge. Lessons 01 and 06.

    Args:
        images: Array in [0, 1], shape `(rows, columns, height, width, channels)`,
            channels 1 or 3: z_1 grows to the right and z_2 upwards, so that the first
            row is the lowest.
        z_1: The values that z_1 takes, one per column.
        z_2: The values that z_2 takes, one per row. Default: those of `z_1`.
        title: What the figure shows.
        ax: Axes to draw in. Default: a new figure.

    Returns:
        The Axes.

    Raises:
        ValueError: If there are not as many values as rows or columns, or if `images`
            does not hold rows of images.

    Example:
        >>> images = np.random.default_rng(0).random((3, 5, 8, 8, 1))
        >>> ax = manifold(images, z_1=np.linspace(-2, 2, 5), z_2=[-1, 0, 1])
        >>> [label.get_text() for label in ax.get_xticklabels()]
        ['-2', '-1', '0', '1', '2']
        >>> plt.close()
    """
    images = np.asarray(images)
    if images.ndim != 5 or images.size == 0:
        raise ValueError(
            "images must have shape (rows, columns, height, width, channels): reshape "
            "what the decoder gives to the grid of its codes. "
            f"Received: images of shape {images.shape}"
        )
    z_2 = z_1 if z_2 is None else z_2
    n_rows, n_columns = images.shape[:2]
    for name, values, n, what in (
        ("z_1", z_1, n_columns, "column"),
        ("z_2", z_2, n_rows, "row"),
    ):
        found = np.asarray(values)
        if found.shape != (n,) or found.dtype.kind not in "iuf":
            raise ValueError(
                f"{name} must hold {n} numbers, one per {what} of images. "
                f"Received: {name} of shape {found.shape} and dtype {found.dtype}"
            )
    pictures = as_pictures(
        images.reshape(n_rows * n_columns, *images.shape[2:]),
        argument="images",
        largest=SHARPEST // max(n_rows, n_columns),
    )
    height, width = pictures.shape[1:3]
    sheet = pictures.reshape(n_rows, n_columns, *pictures.shape[1:])[::-1]
    # From (row, column, y, x) to (row, y, column, x): now it can be read as one image.
    sheet = np.moveaxis(sheet, 2, 1)
    sheet = sheet.reshape(n_rows * height, n_columns * width, *pictures.shape[3:])

    if ax is None:
        labels = 0.7  # inches beside the sheet, and below it
        scale = min(
            (WIDTH - labels) / sheet.shape[1],
            (TALLEST - labels) / sheet.shape[0],
        )
        size = (scale * sheet.shape[1] + labels, scale * sheet.shape[0] + labels)
        ax = plt.subplots(figsize=size, layout="constrained")[1]
    draw_picture(ax, sheet)
    columns = range(0, n_columns, max(1, n_columns // 6))
    rows = range(0, n_rows, max(1, n_rows // 6))
    # Pixel centres stand at integers, so a cell's middle is half a pixel to the left.
    ax.set_xticks(
        [(i + 0.5) * width - 0.5 for i in columns],
        [f"{z_1[i]:.2g}" for i in columns],
    )
    ax.set_yticks(
        [(n_rows - i - 0.5) * height - 0.5 for i in rows],
        [f"{z_2[i]:.2g}" for i in rows],
    )
    ax.set(xlabel="z_1", ylabel="z_2")
    _set_title(ax, title)
    text = (
        f"{n_rows} by {n_columns} images edge to edge: z_1 grows from {z_1[0]:.3g} to "
        f"{z_1[-1]:.3g} to the right, z_2 from {z_2[0]:.3g} to {z_2[-1]:.3g} upwards."
    )
    describe(ax.get_figure(root=True), text, title=title, add=True)
    return ax


def retrieval(queries, found, right, title=None):
    """Queries, and what was found for each; mistakes stand in a frame. Lesson 07.

    Args:
        queries: Images in [0, 1], shape `(n, height, width, channels)`.
        found: Images in [0, 1], shape `(n, k, height, width, channels)`, the nearest
            first.
        right: Booleans, shape `(n, k)`. What is not right gets a red frame.
        title: What the figure shows.

    Returns:
        Array of Axes, shape `(n, 1 + k)`.

    Raises:
        ValueError: If the shapes do not match.
    """
    queries, found, right = np.asarray(queries), np.asarray(found), np.asarray(right)
    image_shape = queries.shape[1:]
    if (found.shape, len(found)) != ((*right.shape, *image_shape), len(queries)):
        raise ValueError(
            "There must be k images, and k booleans, for each query. Received shapes: "
            f"queries {queries.shape}, found {found.shape}, right {right.shape}"
        )
    rows = np.concatenate([queries[:, None], found], axis=1)
    numbers = [str(rank) for rank in range(1, 1 + found.shape[1])]
    axes = image_rows(list(rows), title=title, column_names=["query", *numbers])
    for row, flags in zip(axes, right, strict=True):
        for ax, flag in zip(row[1:], flags, strict=True):
            if not flag:
                ax.spines[:].set(visible=True, color="red", linewidth=2)
    wrong = right.size - np.count_nonzero(right)
    text = (
        f"{len(queries)} queries, each beside the {found.shape[1]} images found for "
        f"it; {wrong} of {right.size} are wrong and stand in a red frame."
    )
    describe(axes[0, 0].figure, text, title=title)
    return axes


def as_pictures(x, argument="x", largest=None):
    """Images as matplotlib and Pillow want them: grey ones without a channel axis.

    Args:
        x: Floats in [0, 1] or booleans, shape `(n, height, width, channels)`, channels
            1 or 3. Values outside [0, 1] are clipped.
        argument: Name used in errors.
        largest: Images with a longer side are reduced to at most this many pixels a
            side, by averaging blocks. Default: no limit.

    Returns:
        Array of floats in [0, 1], shape `(n, height, width)` for grey images and
        `(n, height, width, 3)` for colour.

    Raises:
        ValueError: For another rank, no image, other channels, NaN, or 8-bit values.

    Example:
        >>> as_pictures(np.ones((2, 28, 28, 1))).shape
        (2, 28, 28)
    """
    x = np.asarray(x)
    _check_shape(x, argument)
    checks.finite(argument, x)
    checks.eight_bits(argument, x, noise=True)
    if not np.issubdtype(x.dtype, np.floating):
        x = x.astype("float32")
    if largest is not None:
        x = _reduce(x, largest)
    x = np.clip(x, 0, 1)
    return x[..., 0] if x.shape[-1] == 1 else x


def draw_picture(ax, picture):
    """One picture, with fixed limits and without ticks.

    Args:
        ax: The Axes to draw in.
        picture: Array in [0, 1], shape `(height, width)` or `(height, width, 3)`: one
            of `as_pictures`.
    """
    ax.imshow(
        picture, cmap="gray", vmin=0, vmax=1, interpolation=_interpolation(picture)
    )
    ax.set(xticks=[], yticks=[])
    ax.grid(False)
    ax.spines[:].set_visible(False)


def _grid(pictures, names, title, column_names):
    """Axes with one picture each; `pictures` holds one array per row."""
    n = len(pictures[0])
    # The height of each row, in widths of a picture; slim images are not let grow.
    ratios = [np.clip(row.shape[1] / row.shape[2], 0.2, 3.0) for row in pictures]
    longest = max(len(line) for name in names for line in name.split("\n"))
    left = 0.1 + 0.08 * longest  # inches for the names
    extra = 0.1 + 0.3 * bool(title) + 0.2 * (column_names is not None)
    side = min((WIDTH - left) / n, 1.6, (TALLEST - extra) / sum(ratios))
    figure, axes = plt.subplots(
        len(pictures),
        n,
        figsize=(max(side * n + left, 4), side * sum(ratios) + extra),
        squeeze=False,
        height_ratios=ratios,
        layout="constrained",
    )
    for row, name, row_axes in zip(pictures, names, axes, strict=True):
        for picture, ax in zip(row, row_axes, strict=True):
            draw_picture(ax, picture)
        row_axes[0].set_ylabel(name, rotation=0, ha="right", va="center")
    if column_names is not None:
        for ax, name in zip(axes[0], column_names, strict=True):
            ax.set_title(name, loc="center", fontsize=9)
    _suptitle(figure, title)
    return axes


def _suptitle(figure, title):
    if title:
        figure.suptitle(title, x=0.01, ha="left", fontsize=11)


def _set_title(ax, title):
    if title:
        ax.set_title(title)


def _interpolation(picture):
    """Sharp pixels for small pictures, a smooth reduction for large ones."""
    return "nearest" if max(picture.shape[:2]) <= 64 else "auto"


def _reduce(x, largest):
    """Images `(n, height, width, channels)` with at most `largest` pixels a side."""
    block = -(-max(x.shape[1:3]) // max(largest, 1))
    for axis in (1, 2) if block > 1 else ():
        starts = np.arange(0, x.shape[axis], block)
        lengths = np.diff([*starts, x.shape[axis]]).astype(x.dtype)
        lengths = np.expand_dims(lengths, (0, 3 - axis, 3))
        x = np.add.reduceat(x, starts, axis=axis) / lengths
    return x


def _check_shape(x, argument):
    if x.ndim != 4 or x.size == 0:
        raise ValueError(
            f"{argument} must hold images in shape (n, height, width, channels), n at "
            "least 1: one grey image is image[None, ..., None]. "
            f"Received: {argument} of shape {x.shape}"
        )
    if x.shape[-1] not in (1, 3):
        cure = "draw one channel by x[..., :1]"
        if x.shape[1] in (1, 3):
            cure = "bring channels to the end by np.moveaxis(x, 1, -1)"
        raise ValueError(
            f"{argument} must have 1 channel (grey) or 3 (red, green, blue): {cure}. "
            f"Received: {argument} of shape {x.shape}"
        )


def _check_number(n, argument, cure):
    if n > MOST:
        raise ValueError(
            f"{argument} must hold at most {MOST} images: draw some of them, such as "
            f"{cure}. Received: {n} images"
        )
