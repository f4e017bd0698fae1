"""Images to learn from: MNIST, Fashion-MNIST, glyphs, or a user's own."""

import math
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np

from aelab import checks, settings
from aelab.data import files, folders, glyphs
from aelab.data.files import SOURCES, DatasetUnavailable

NAMES = ("auto", *SOURCES, "glyphs")
SPLIT_SEED = 0
N_GLYPHS = (24_000, 4_000)  # training (validation included) and test
MAX_CLASSES = 10_000

# One of so many training images is held out, where a file has no part for it.
_VALIDATION = 12
_TEST = 6
_PARTS = ("train", "val", "test")
_ARRAYS = ("x_train", "y_train", "x_val", "y_val", "x_test", "y_test", "class_names")


class Images(NamedTuple):
    """Images and labels in three parts that share no image.

    Choose with the validation part; look at the test part once, at the end.
    """

    x_train: np.ndarray
    """float32 in [0, 1], shape `(n, height, width, channels)`; 1 or 3 channels."""
    y_train: np.ndarray
    """int64, shape `(n,)`: positions in `class_names`, or -1 for an unknown label."""
    x_val: np.ndarray
    y_val: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    class_names: tuple
    """One string for each class; `()` if no image has a label, all `y_*` being -1."""
    name: str
    """`"mnist"`, `"fashion_mnist"`, `"glyphs"`, or the name of the file or folder."""


def load(name=None):
    """Load a data set as `Images`.

    An `.npz` file of your own holds `x_train`, uint8 in 0..255 or float in [0, 1],
    shape `(n, height, width)` or `(n, height, width, channels)` with 1 or 3 channels.
    Optional are `y_train`, integers from 0, with -1 where a label is unknown; `x_val`,
    `y_val`, `x_test`, `y_test`; and `class_names`. A folder of your own holds PNG or
    JPEG files, in one subfolder for each class or without subfolders; see
    `aelab.data.folders.read`.

    Without a validation part, a twelfth of the training images is held out for it; of
    your own images first a sixth for the test, where there is no test part. Both are
    drawn by a fixed seed, which also shuffles your own training images.

    Args:
        name: `"mnist"`, `"fashion_mnist"`, `"glyphs"`, the path of an `.npz` file or of
            a folder of images, or `"auto"`: MNIST where it can be loaded and glyphs
            where not, with a line that says which. Default: the environment variable
            `AELAB_DATASET`, or `"auto"`.

    Returns:
        `Images`.

    Raises:
        ValueError: If the name is unknown, or if your arrays or images do not fit.
        DatasetUnavailable: If the data cannot be found, read or downloaded.

    Example:
        >>> from aelab import data
        >>> images = data.load("glyphs")
        >>> images.x_train.shape, images.class_names[:3]
        ((22000, 28, 28, 1), ('A', 'B', 'C'))
    """
    name = dataset_name(name)
    if name == "auto":
        return _auto()
    if name == "glyphs":
        return _glyphs()
    if name in SOURCES:
        arrays, _ = files.locate(name)
        return _known(name, arrays)
    path = Path(name)
    if path.is_dir():
        return _own(folders.read(path), path.name)
    return _own(_read_npz(path), path.stem)


def _own_name(name):
    """A name that is never that of a data set which the lessons know."""
    return f"my {name}" if name in NAMES else name


def dataset_name(name=None):
    """The name of the data set that `load(name)` loads.

    Args:
        name: As for `load`.

    Returns:
        String: one of `NAMES`, or the absolute path of an `.npz` file, there or not, or
        of a folder.

    Raises:
        ValueError: If there is no such data set.

    Example:
        >>> from aelab import data
        >>> data.dataset_name("glyphs")
        'glyphs'
    """
    if not isinstance(name, (str, os.PathLike, type(None))):
        raise ValueError(
            "name must be the name of a data set, or the path of a file or folder. "
            "Arrays are saved first: np.savez('mine.npz', x_train=x), then "
            f"data.load('mine.npz'). Received: name of type {type(name).__name__}"
        )
    name = os.fspath(name or "") or settings.dataset()
    if name in NAMES:
        return name
    path = Path(os.path.abspath(os.path.expanduser(name)))
    if path.suffix == ".npz" or os.path.isdir(path):
        return str(path)
    state = "does not exist"
    if path.suffix == ".npy":
        state = "is one array: np.savez('mine.npz', x_train=np.load(path))"
    elif os.path.exists(path):
        state = "is a file of another kind (archives are to be unpacked first)"
    raise ValueError(
        f"dataset must be {', '.join(map(repr, NAMES))}, or the path of an .npz file "
        f"or of a folder of PNG or JPEG images; {path} {state}. "
        f"Received: dataset={name!r}"
    )


def as_images(x, argument="x"):
    """Check an array of images and bring it into the form of `Images`.

    Args:
        x: uint8 in 0..255 or float in [0, 1], shape `(n, height, width)` or
            `(n, height, width, channels)` with 1 or 3 channels.
        argument: Name used in errors.

    Returns:
        float32 array in [0, 1], shape `(n, height, width, channels)`. Floats beyond
        the range by a rounding error, at most 1e-5, are clipped.

    Raises:
        ValueError: If the array is empty, of another shape or type, not finite, or
            outside [0, 1].

    Example:
        >>> import numpy as np
        >>> from aelab import data
        >>> data.as_images(np.full((2, 28, 28), 255, "uint8")).shape
        (2, 28, 28, 1)
    """
    try:
        x = np.asarray(x)
    except ValueError as error:
        raise ValueError(
            f"{argument} must be an array, which it cannot be if its images differ in "
            f"size: resize them first. Received: {argument} of type {type(x).__name__}"
        ) from error
    _check_shape(x, argument)
    _check_dtype(x, argument)
    if x.dtype == np.uint8:
        x = x.astype("float32")
        x /= 255
    else:
        checks.finite(argument, x)
        checks.value_range(argument, x)
        x = x.astype("float32", copy=False)
        if x.min() < 0 or x.max() > 1:
            x = np.clip(x, 0, 1)
    return x[..., None] if x.ndim == 3 else x


def _check_shape(x, argument):
    """Refuse what is not `(n, height, width)` or `(n, height, width, 1 or 3)`."""
    wanted = (
        f"{argument} must hold at least one image, in shape (n, height, width) or "
        "(n, height, width, channels) with 1 or 3 channels"
    )
    received = f"Received: {argument} of shape {x.shape}"
    cure = ""
    if x.size == 0 or x.ndim not in (2, 3, 4):
        raise ValueError(f"{wanted}. {received}")
    if x.ndim == 2:
        raise ValueError(
            f"{wanted}: one grey image is {argument}[None], flat images are "
            f"{argument}.{_unflatten(x.shape[1])}. {received}"
        )
    if x.ndim == 3 or x.shape[-1] in (1, 3):
        return
    if x.shape[1] in (1, 3):
        cure = f": channels come last, np.moveaxis({argument}, 1, -1)"
    elif x.shape[-1] == 4:
        cure = f": leave transparency out, {argument}[..., :3]"
    elif x.shape[-1] == 2:
        cure = f": choose one channel, {argument}[..., :1]"
    raise ValueError(f"{wanted}{cure}. {received}")


def _unflatten(n_values):
    """The call that gives flat images their shape, by the likeliest shape."""
    side = math.isqrt(n_values)
    if side**2 == n_values:
        return f"reshape(-1, {side}, {side})"
    side = math.isqrt(n_values // 3)
    if 3 * side**2 == n_values:
        return (
            f"reshape(-1, {side}, {side}, 3), or where a whole channel comes first "
            f"reshape(-1, 3, {side}, {side}).transpose(0, 2, 3, 1)"
        )
    return "reshape(-1, height, width)"


def _check_dtype(x, argument):
    """Refuse what is neither uint8 in 0..255 nor float, and masks kept as uint8."""
    wanted = f"{argument} must be uint8 in 0..255 or float in [0, 1]"
    if np.issubdtype(x.dtype, np.floating):
        return
    kind = x.dtype.kind
    largest = int(x.max()) if kind in "iub" else 0
    if x.dtype == np.uint8 and largest != 1:
        return
    if kind not in "iub":
        cure = "convert it"
    elif kind == "b" or largest <= 1:
        cure = f"a mask of 0 and 1 is {argument}.astype('float32')"
        if kind != "b":
            cure += f", or {argument} * 255 as uint8"
    elif largest <= 255:
        cure = f"grey values up to 255 are {argument}.astype('uint8')"
    elif largest <= 65_535:
        cure = f"16-bit values are {argument} / 65535, or divided by their own white"
    else:
        cure = "divide by the value of white"
    raise ValueError(
        f"{wanted}: {cure}. Received: {argument} of dtype {x.dtype}"
        + (f" in {x.min()}..{x.max()}" if kind in "iu" else "")
    )


def _auto():
    try:
        arrays, folder = files.locate("mnist")
    except DatasetUnavailable:
        files.say(
            "Data: glyphs, because MNIST is on no disk here and could not be "
            "downloaded. `python -m aelab data mnist --to FOLDER` fetches it."
        )
        if settings.data_folder():
            files.say(f"Data: AELAB_DATA={settings.data_folder()} was searched too.")
        return _glyphs()
    label = next(label for label, place in files.search_path() if place == folder)
    print(f"Data: MNIST, found in {label}.")
    return _known("mnist", arrays)


def _known(name, arrays):
    """`Images` of a data set with verified files."""
    return _split(
        as_images(arrays["x_train"]),
        arrays["y_train"].astype("int64"),
        as_images(arrays["x_test"]),
        arrays["y_test"].astype("int64"),
        SOURCES[name].class_names,
        name,
    )


def _glyphs():
    n_train, n_test = N_GLYPHS
    train = glyphs.draw(n_train, seed=SPLIT_SEED)
    test = glyphs.draw(n_test, seed=SPLIT_SEED + 1)
    return _split(
        train.images,
        train.labels,
        test.images,
        test.labels,
        tuple(glyphs.CHARACTERS),
        "glyphs",
    )


def _split(x, y, x_test, y_test, class_names, name):
    """`Images` of training and test images, the validation part cut out."""
    keep, held_out = _hold_out(len(x), _VALIDATION)
    return Images(
        x_train=x[keep],
        y_train=y[keep],
        x_val=x[held_out],
        y_val=y[held_out],
        x_test=x_test,
        y_test=y_test,
        class_names=class_names,
        name=name,
    )


def _hold_out(n, one_in):
    """Positions to keep and to hold out, sorted: at least one of each if n > 1."""
    order = np.random.default_rng(SPLIT_SEED).permutation(n)
    n_out = max(1, n // one_in)
    return np.sort(order[n_out:]), np.sort(order[:n_out])


# A user's own images


def _read_npz(path):
    """The arrays of a user's file, by their names."""
    try:
        headers = files.npz_headers(path)
    except Exception as error:  # whatever a foreign file makes a reader raise
        raise _unreadable(path, error) from error
    if "x_train" not in headers:
        raise ValueError(
            f"{path} must hold an array x_train. Received: {sorted(headers)}"
        )
    unused = sorted(set(headers) - set(_ARRAYS))
    if unused:
        files.say(f"Data: {path.name} also holds {', '.join(unused)}: not used.")
    headers = {name: header for name, header in headers.items() if name in _ARRAYS}
    for name, (_, dtype) in headers.items():
        if dtype.hasobject:
            raise ValueError(_object_array(path, name))
    files.check_memory(path, headers)
    try:
        return files.read_npz(path, headers)
    except Exception as error:  # whatever a foreign file makes a reader raise
        raise _unreadable(path, error) from error


def _unreadable(path, error):
    if isinstance(error, FileNotFoundError):
        return DatasetUnavailable(f"There is no file {path}.")
    return DatasetUnavailable(
        f"{path} cannot be read as an .npz file of arrays "
        f"({files.describe_error(error)}). Write it with "
        "np.savez(path, x_train=...)."
    )


def _object_array(path, name):
    """What to do about an array of Python objects, which only pickle could read."""
    if name.startswith("x"):
        cure = "np.stack(list_of_images), which needs images of one size"
    elif name.startswith("y"):
        cure = f"{name}.astype('int64'), or for names {_count(name, 'astype(str)')}"
    else:
        cure = "np.array(class_names, dtype=str)"
    return (
        f"{path} holds {name} as Python objects, which are not read for safety. Save a "
        f"plain array: {cure}. Received: {name} of dtype object"
    )


def _own(arrays, name):
    """`Images` of a user's arrays, the missing parts held out."""
    x, y = _checked_parts(arrays)
    class_names = _class_names(arrays.get("class_names"), y)
    to_hold_out = [part for part in ("test", "val") if part not in x]
    n = len(x["train"])
    n_least = 1 + len(to_hold_out)
    if n < n_least:
        raise ValueError(
            f"x_train must hold at least {n_least} images, since one at least is held "
            f"out for each part that is not given ({', '.join(to_hold_out)}). "
            f"Received: x_train with {n} image(s)"
        )
    # Files are often sorted by class; and whoever takes the first 1,000 wants all.
    order = np.random.default_rng(SPLIT_SEED).permutation(n)
    x["train"] = x["train"][order]
    y["train"] = y["train"][order]
    for part in to_hold_out:
        one_in = _TEST if part == "test" else _VALIDATION
        keep, held_out = _hold_out(len(x["train"]), one_in)
        x[part] = x["train"][held_out]
        y[part] = y["train"][held_out]
        x["train"] = x["train"][keep]
        y["train"] = y["train"][keep]
    return Images(
        x_train=x["train"],
        y_train=y["train"],
        x_val=x["val"],
        y_val=y["val"],
        x_test=x["test"],
        y_test=y["test"],
        class_names=class_names,
        name=_own_name(name),
    )


def _checked_parts(arrays):
    """Images and labels by part, each with its other half and in one shape."""
    received = f"Received: {', '.join(sorted(arrays))}"
    x, y = {}, {}
    for part in _PARTS:
        x_name, y_name = f"x_{part}", f"y_{part}"
        if x_name not in arrays:
            if y_name in arrays:
                raise ValueError(
                    f"{y_name} must come with the images that it labels: save {x_name} "
                    f"as well, or leave {y_name} out. {received}"
                )
            continue
        # Taken out, so that what is converted is not held twice.
        x[part] = as_images(arrays.pop(x_name), x_name)
        n_images = len(x[part])
        if part != "train" and "y_train" in arrays and y_name not in arrays:
            raise ValueError(
                f"{y_name} must be there where y_train and {x_name} are: if the labels "
                f"are unknown, save {y_name}=np.full({n_images}, -1). {received}"
            )
        y[part] = _labels(arrays.get(y_name), y_name, n_images)
        if x[part].shape[1:] != x["train"].shape[1:]:
            raise ValueError(
                f"{x_name} must have images of x_train's shape "
                f"{x['train'].shape[1:]}. Received: {x[part].shape[1:]}"
            )
    return x, y


def _labels(y, name, n_images):
    """The labels of a part as int64, -1 for each where there are none."""
    if y is None:
        return np.full(n_images, -1, "int64")
    cure = ""
    if y.dtype.kind in "USO":
        cure = _count(name)
    elif y.ndim == 2 and y.shape == (n_images, 1):
        cure = f"{name} = {name}[:, 0]"
    elif y.ndim == 2 and len(y) == n_images:
        cure = f"one-hot labels are {name} = {name}.argmax(axis=1)"
    elif y.dtype.kind in "fb":
        cure = f"{name} = {name}.astype('int64')"
    elif y.ndim != 1 or len(y) != n_images:
        cure = "they must be as many as the images"
    elif y.dtype.kind not in "iu" or y.max() > np.iinfo("int64").max or y.min() < -1:
        cure = _count(name)
    if cure:
        raise ValueError(
            f"{name} must hold an integer from 0 for each of the {n_images} images, -1 "
            f"where the label is unknown: {cure}. Received: {name} of shape {y.shape} "
            f"and dtype {y.dtype}"
        )
    return y.astype("int64")


def _count(name, convert=""):
    """The line that turns labels of any kind into positions in `class_names`."""
    cure = f"class_names, {name} = np.unique({name}, return_inverse=True)"
    if convert:
        cure = cure.replace(f"({name}", f"({name}.{convert}")
    if name == "y_train":
        cure += " (and y_test = np.searchsorted(class_names, y_test))"
    return cure + ", and save class_names too"


def _class_names(names, y):
    """The names of the classes that a user's labels count, or `()` without labels."""
    labels = np.unique(np.concatenate([np.unique(part) for part in y.values()]))
    labels = labels[labels >= 0]
    if not labels.size:
        return ()
    lowest, highest = int(labels[0]), int(labels[-1])
    received = f"Received: {len(labels)} different labels from {lowest} to {highest}"
    from_one = lowest == 1 and highest == len(labels)
    cure = _count("y_train")
    if from_one:
        cure = "labels start at 0, so save y_train - 1"
    if len(labels) > MAX_CLASSES:
        raise ValueError(
            f"y_train must hold classes, at most {MAX_CLASSES:,} of them: numbers that "
            f"tell each image from all others are no labels. {received}"
        )
    if names is None:
        if highest >= len(labels):
            raise ValueError(
                "y_train must count the classes from 0 and leave no number out, or the "
                f"file must hold class_names: {cure}. {received}"
            )
        return tuple(map(str, range(len(labels))))
    names = np.asarray(names)
    if names.ndim != 1 or names.dtype.kind not in "USiu" or len(names) > MAX_CLASSES:
        raise ValueError(
            f"class_names must be a list of at most {MAX_CLASSES:,} strings. Received: "
            f"class_names of shape {names.shape} and dtype {names.dtype}"
        )
    if highest >= len(names):
        raise ValueError(
            f"class_names must name the labels 0 to {highest}: {cure}. {received}, and "
            f"{len(names)} class names"
        )
    return tuple(map(str, names.astype(str)))
