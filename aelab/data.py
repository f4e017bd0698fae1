"""Images to learn from: MNIST, Fashion-MNIST, glyphs, or a user's own file."""

import os
from pathlib import Path
from typing import NamedTuple

import numpy as np

from aelab import glyphs
from aelab.sources import SOURCES, DatasetUnavailable, explain, find, places

NAMES = ("auto", *SOURCES, "glyphs")
SPLIT_SEED = 0
N_GLYPHS = (24_000, 4_000)  # training (validation included) and test


class Images(NamedTuple):
    """Images and labels in three parts that share no image.

    `x_*` are float32 in [0, 1], shape `(n, height, width, channels)`. `y_*` are
    int64, shape `(n,)`, -1 where a file came without labels. Choose with the
    validation part; look at the test part once, at the end.
    """

    x_train: np.ndarray
    y_train: np.ndarray
    x_val: np.ndarray
    y_val: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    class_names: tuple
    name: str


def load(name=None):
    """Load a data set as `Images`.

    Args:
        name: `"mnist"`, `"fashion_mnist"`, `"glyphs"`, the path of an `.npz` file,
            or `"auto"`: MNIST where it can be had and glyphs where not, with a
            line that says which. Default: the environment variable
            `AELAB_DATASET`, or `"auto"`.

    A user's `.npz` holds `x_train`: uint8 in 0..255 or float in [0, 1], shape
    `(n, height, width)` or `(n, height, width, channels)`. Optional: `y_train`,
    `x_test` (or a sixth of the images is held out), `y_test`, `class_names`.

    Returns:
        `Images`. A twelfth of the training images, drawn by a fixed seed, is the
        validation part.

    Raises:
        ValueError: If the name is unknown or a user's arrays are not images.
        DatasetUnavailable: If the data cannot be found, read or downloaded.
    """
    name = chosen(name)
    if name == "auto":
        return _auto()
    if name == "glyphs":
        return _glyphs()
    if name in SOURCES:
        return _known(name)[0]
    return _own(Path(name).expanduser())


def chosen(name=None):
    """The data set that `load(name)` would load; ValueError if there is none such."""
    name = str(name or os.environ.get("AELAB_DATASET") or "auto")
    if name not in NAMES and not name.endswith(".npz"):
        raise ValueError(
            f"dataset must be {', '.join(map(repr, NAMES))} or the path of an .npz "
            f"file. Received: dataset={name!r}"
        )
    return name


def as_images(x, argument="x"):
    """Check an array of images and bring it into the form of `Images`.

    Args:
        x: uint8 in 0..255 or float in [0, 1], shape `(n, height, width)` or
            `(n, height, width, channels)`.
        argument: Name used in error messages.

    Returns:
        float32 array in [0, 1], shape `(n, height, width, channels)`.

    Raises:
        ValueError: If the array is empty, of another rank or type, not finite, or
            outside [0, 1].
    """
    x = np.asarray(x)
    if x.ndim not in (3, 4) or x.size == 0:
        raise ValueError(
            f"{argument} must hold at least one image, in shape (n, height, width) or "
            f"(n, height, width, channels). Received: {argument} of shape {x.shape}"
        )
    if x.dtype == np.uint8:
        x = x.astype("float32") / 255
    elif not np.issubdtype(x.dtype, np.floating):
        raise ValueError(
            f"{argument} must be uint8 in 0..255 or float in [0, 1]. "
            f"Received: {argument} of dtype {x.dtype}"
        )
    if not np.isfinite(x).all():
        raise ValueError(
            f"{argument} holds NaN or infinite values. Replace them or drop those "
            "images first."
        )
    if x.min() < 0 or x.max() > 1:
        raise ValueError(
            f"{argument} must lie in [0, 1]: divide 8-bit grey values by 255. "
            f"Received: {argument} in [{x.min():g}, {x.max():g}]"
        )
    x = x.astype("float32", copy=False)
    return x[..., None] if x.ndim == 3 else x


def _auto():
    try:
        images, folder = _known("mnist")
    except DatasetUnavailable:
        print(
            "Data: glyphs, because MNIST is on no disk here and could not be "
            "downloaded. `python -m aelab data mnist --to FOLDER` fetches it."
        )
        return _glyphs()
    label = next(label for label, place in places() if place == folder)
    print(f"Data: MNIST, found in {label}.")
    return images


def _known(name):
    """Images of a data set with verified files, and the folder they came from."""
    (x, y, x_test, y_test), folder = find(name)
    x, x_test = as_images(x), as_images(x_test)
    return _images(x, y, x_test, y_test, SOURCES[name].class_names, name), folder


def _glyphs():
    train, test = (
        glyphs.draw(n, seed) for seed, n in enumerate(N_GLYPHS, start=SPLIT_SEED)
    )
    return _images(
        train.images,
        train.labels,
        test.images,
        test.labels,
        tuple(glyphs.CHARACTERS),
        "glyphs",
    )


def _own(path):
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {key: file[key] for key in file.files}
    except Exception as error:  # whatever a foreign file makes NumPy raise
        raise DatasetUnavailable(
            f"{path} cannot be read as an .npz file of arrays ({explain(error)}). "
            "Write it with np.savez(path, x_train=..., y_train=...)."
        ) from error
    if "x_train" not in arrays:
        raise ValueError(
            f"{path} must hold an array x_train. Received: {sorted(arrays)}"
        )
    x, y = _labelled(arrays, "train")
    if "x_test" in arrays:
        x_test, y_test = _labelled(arrays, "test")
        if x_test.shape[1:] != x.shape[1:]:
            raise ValueError(
                "x_test must have images of x_train's shape "
                f"{x.shape[1:]}. Received: {x_test.shape[1:]}"
            )
    else:
        keep, held_out = _hold_out(len(x), 6)
        x, x_test, y, y_test = x[keep], x[held_out], y[keep], y[held_out]
    highest = max(y.max(), y_test.max())
    names = np.asarray(arrays.get("class_names", np.arange(highest + 1)))
    if names.ndim != 1 or len(names) <= highest:
        raise ValueError(
            f"class_names must name the labels 0 to {highest}. Received: {names}"
        )
    return _images(x, y, x_test, y_test, tuple(map(str, names)), path.stem)


def _labelled(arrays, part):
    x = as_images(arrays[f"x_{part}"], f"x_{part}")
    y = np.asarray(arrays.get(f"y_{part}", np.full(len(x), -1)))
    if y.shape != x.shape[:1] or not np.issubdtype(y.dtype, np.integer) or y.min() < -1:
        raise ValueError(
            f"y_{part} must hold an integer for each of the {len(x)} images, -1 where "
            f"the label is unknown. Received: y_{part} of shape {y.shape} and dtype "
            f"{y.dtype}"
        )
    return x, y


def _images(x, y, x_test, y_test, class_names, name):
    """Images from whole training and test sets, the validation part cut out."""
    y, y_test = y.astype("int64"), y_test.astype("int64")
    keep, held_out = _hold_out(len(x), 12)
    return Images(
        *(x[keep], y[keep], x[held_out], y[held_out], x_test, y_test),
        class_names=class_names,
        name=name,
    )


def _hold_out(n, share):
    """Positions to keep and to hold out: one in `share`, at least one of each."""
    if n < 2:
        raise ValueError(
            f"A data set needs images to learn from and others to check with. "
            f"Received: {n} training image"
        )
    order = np.random.default_rng(SPLIT_SEED).permutation(n)
    n_out = max(1, n // share)
    return np.sort(order[n_out:]), np.sort(order[:n_out])
