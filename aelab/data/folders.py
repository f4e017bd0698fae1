"""A folder of PNG and JPEG files, read as if it were one `.npz` file of arrays."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from aelab.data import files

SUFFIXES = (".png", ".jpg", ".jpeg")
PARTS = ("train", "val", "test")
ORDER_SEED = 0

_FORMATS = ("PNG", "JPEG")
_OTHER_SUFFIXES = (".bmp", ".gif", ".tif", ".tiff", ".webp", ".heic", ".npy", ".pgm")
_OTHER_PARTS = ("valid", "validation", "training", "testing")
_GREY_MODES = ("1", "L", "LA")
_DEEP_MODES = ("I", "F", "I;16", "I;16B", "I;16L", "I;16N")
_ORIENTATION = 0x0112  # the EXIF tag, and its values that swap height and width
_SWAPPED = (5, 6, 7, 8)


def read(folder):
    """Read a folder of images into arrays, named as those of a user's `.npz`.

    The layout is that of `keras.utils.image_dataset_from_directory`: one subfolder
    for each class, its name the name of the class. Files that stand in the folder
    itself are images without labels. Subfolders `train` and, if you like, `val` and
    `test` hold such a folder each.

    Grey files become one channel and colour files three; where both are mixed, all
    become colour. What is transparent is laid over white. A JPEG is turned as its
    camera noted. Hidden files are ignored. The images come in a fixed random order,
    since the files are sorted by class.

    Args:
        folder: Path of the folder.

    Returns:
        Dict of `x_train`, uint8 of shape `(n, height, width, channels)`, `y_train`,
        int64 of shape `(n,)` with -1 for images without labels, `class_names`, sorted,
        and `x_val`, `y_val`, `x_test`, `y_test` where there are such subfolders.

    Raises:
        ValueError: If there is no image, if their sizes differ, if they have 16 bits a
            pixel, if they would not fit in memory, or if the layout is another one.
        DatasetUnavailable: If a file cannot be read.
    """
    folder = Path(folder)
    labelled = {part: _list(place) for part, place in _parts(folder).items()}
    found = [path for part in labelled.values() for path, _ in part]
    shape = _common_shape(folder, found)
    n_images = {part: len(listed) for part, listed in labelled.items()}
    headers = {
        f"x_{part}": ((n, *shape), np.dtype("uint8")) for part, n in n_images.items()
    }
    files.check_memory(folder, headers)

    classes = {name for part in labelled.values() for _, name in part if name}
    class_names = sorted(classes)
    label_of = {name: label for label, name in enumerate(class_names)}
    label_of[None] = -1
    rng = np.random.default_rng(ORDER_SEED)
    arrays = {"class_names": np.array(class_names, "str")}
    for part, listed in labelled.items():
        x = np.empty((len(listed), *shape), "uint8")
        y = np.empty(len(listed), "int64")
        for row, position in enumerate(rng.permutation(len(listed))):
            path, name = listed[position]
            x[row] = _pixels(path, channels=shape[-1])
            y[row] = label_of[name]
        arrays[f"x_{part}"] = x
        arrays[f"y_{part}"] = y
    return arrays


def _parts(folder):
    """The folder of each part of the data: `train` alone if there are no parts."""
    subfolders = _subfolders(folder)
    by_role = {path.name.lower(): path for path in subfolders}
    roles = set(by_role) & {*PARTS, *_OTHER_PARTS}
    if "train" in roles and set(by_role) <= set(PARTS):
        return {part: by_role[part] for part in PARTS if part in by_role}
    if not roles or roles == {"train"}:  # a class may be called train
        return {"train": folder}
    raise ValueError(
        f"{folder} must hold either one subfolder for each class, or train and, if you "
        "like, val and test, each with such subfolders. Received: "
        f"{[path.name for path in subfolders]}"
    )


def _list(folder):
    """Sorted images of one part: pairs of a path and the name of its class or None."""
    loose = _image_files(folder)
    listed = [(path, None) for path in loose]
    for subfolder in _subfolders(folder):
        inner = _subfolders(subfolder)
        if inner:
            raise ValueError(
                f"{subfolder} must hold the images of one class, and no folders. Name "
                "the folder that holds the class folders. "
                f"Received: {[path.name for path in inner]}"
            )
        of_class = _image_files(subfolder)
        if not of_class:
            files.say(f"Data: {subfolder} holds no PNG or JPEG file and is left out.")
        listed += [(path, subfolder.name) for path in of_class]
    if loose and len(listed) > len(loose):
        raise ValueError(
            f"{folder} must hold either images or class folders: move images without "
            f"a class elsewhere. Received: {len(loose)} images beside class folders, "
            f"such as {loose[0].name}"
        )
    if not listed:
        kinds = sorted({path.suffix for path in Path(folder).rglob("*.*")})
        raise ValueError(
            f"{folder} must hold PNG or JPEG files, in one subfolder for each class or "
            "without subfolders. Convert others with Pillow: "
            "Image.open(path).save('name.png'). "
            f"Received: {', '.join(kinds) or 'no'} files"
        )
    return listed


def _subfolders(folder):
    return [path for path in _visible(folder) if path.is_dir()]


def _image_files(folder):
    paths = [path for path in _visible(folder) if path.is_file()]
    left_out = [path for path in paths if path.suffix.lower() in _OTHER_SUFFIXES]
    images = [path for path in paths if path.suffix.lower() in SUFFIXES]
    if left_out and images:
        files.say(
            f"Data: {len(left_out)} file(s) of {folder}, neither PNG nor JPEG, are "
            f"left out, such as {left_out[0].name}."
        )
    return images


def _visible(folder):
    """What a folder holds, sorted by name, but for hidden entries."""
    try:
        entries = sorted(Path(folder).iterdir())
    except OSError as error:
        raise files.DatasetUnavailable(
            f"{folder} cannot be read: {files.describe_error(error)}."
        ) from error
    return [
        path
        for path in entries
        if not path.name.startswith(".") and path.name != "__MACOSX"
    ]


def _common_shape(folder, paths):
    """Height, width and channels of all images, from the headers of their files."""
    sizes = {}  # the first file of each size
    is_colour = False
    for path in paths:
        size, colour = _header(path)
        sizes.setdefault(size, path)
        is_colour = is_colour or colour
    if len(sizes) > 1:
        examples = [
            f"{path.relative_to(folder)} is {height} x {width}"
            for (height, width), path in list(sizes.items())[:3]
        ]
        raise ValueError(
            f"The images of {folder} must have one size, height x width. Resize and "
            "crop each, for example to 64 x 64: "
            "PIL.ImageOps.fit(PIL.Image.open(path), (64, 64)).save(path). "
            f"Received: {len(sizes)} sizes, such as {', '.join(examples)}"
        )
    (height, width), _ = sizes.popitem()
    return height, width, 3 if is_colour else 1


def _header(path):
    """`(height, width)` of an image as it is looked at, and whether it has colours."""
    try:
        with Image.open(path, formats=_FORMATS) as image:
            mode = image.mode
            width, height = image.size
            if image.format != "PNG" and image.getexif().get(_ORIENTATION) in _SWAPPED:
                width, height = height, width
            colour = mode not in _GREY_MODES
            if mode == "P":
                palette = np.frombuffer(image.palette.palette, "uint8").reshape(-1, 3)
                colour = bool((palette != palette[:, :1]).any())
    except Exception as error:  # whatever a broken file makes Pillow raise
        raise _unreadable(path, error) from error
    if mode in _DEEP_MODES:
        raise ValueError(
            f"{path} must have 8 bits a channel: which of its values is white, the "
            "file does not say. Scale the pixels to [0, 1] yourself and save them by "
            f"np.savez, or save files of 8 bits. Received: an image of mode {mode!r}"
        )
    return (height, width), colour


def _pixels(path, channels):
    """uint8 array of shape `(height, width, channels)`."""
    try:
        with Image.open(path, formats=_FORMATS) as file:
            image = file if file.format == "PNG" else ImageOps.exif_transpose(file)
            if image.mode in ("LA", "PA", "RGBA") or "transparency" in image.info:
                image = image.convert("RGBA")
                white = Image.new("RGBA", image.size, "white")
                image = Image.alpha_composite(white, image)
            pixels = np.asarray(image.convert("RGB" if channels == 3 else "L"))
    except Exception as error:  # whatever a broken file makes Pillow raise
        raise _unreadable(path, error) from error
    return pixels.reshape(*pixels.shape[:2], channels)


def _unreadable(path, error):
    return files.DatasetUnavailable(
        f"{path} cannot be read as a PNG or JPEG image "
        f"({files.describe_error(error)}). Remove it, or save it again."
    )
