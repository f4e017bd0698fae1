"""Where the files of MNIST and Fashion-MNIST are found, fetched and verified.

A file is looked for in the folder named by `AELAB_DATA`, then in Keras's cache,
then in aelab's own cache, and is downloaded into the last where none has it. What
is read is compared with published hashes; files that fail are left as they are.
"""

import contextlib
import gzip
import hashlib
import os
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pooch

TIMEOUT = 10  # seconds without an answer before a download gives up


class DatasetUnavailable(Exception):  # noqa: N818
    """A data set could not be had: says what was tried, and the cure."""


def fetch(name, folder):
    """Put the verified files of a data set into a folder, for an offline lab.

    Args:
        name: `"mnist"` or `"fashion_mnist"`.
        folder: Path. Made if it is not there; `AELAB_DATA` may point to it.

    Returns:
        List of the paths of the files.

    Raises:
        ValueError: If the data set has no files to fetch.
        DatasetUnavailable: If it cannot be had, or if another file is in the way.
    """
    if name not in SOURCES:
        raise ValueError(
            f"Only {', '.join(map(repr, SOURCES))} can be fetched (glyphs are built "
            f"in). Received: {name!r}"
        )
    source, folder = SOURCES[name], Path(folder).expanduser()
    paths = [folder / file for file in source.files]
    if not all(path.exists() for path in paths):
        _, found = find(name)
        for file, path in zip(source.files, paths, strict=True):
            if not path.exists():
                _copy(found / file, path)
    try:
        source.read(folder)
    except Exception as error:  # whatever a foreign file makes a reader raise
        raise DatasetUnavailable(
            f"{folder} holds other files of that name ({explain(error)}). Nothing was "
            "overwritten: move them away, or choose another folder."
        ) from error
    return paths


def places():
    """Folders searched for data, in order, as `(label, path)` pairs."""
    found = []
    if os.environ.get("AELAB_DATA"):
        found.append(("AELAB_DATA", Path(os.environ["AELAB_DATA"]).expanduser()))
    keras_home = Path(os.environ.get("KERAS_HOME", "~/.keras")).expanduser()
    found.append(("Keras's cache", keras_home / "datasets"))
    found.append(("aelab's cache", _cache()))
    return found


def at_hand(name):
    """Label of the place that holds a data set on this machine, or None."""
    for label, folder in places():
        with contextlib.suppress(Exception):
            SOURCES[name].read(folder)
            return label
    return None


def find(name):
    """Verified arrays of a data set and the folder that they came from."""
    source, tried = SOURCES[name], []
    for label, folder in places():
        try:
            return source.read(folder), folder
        except Exception as error:  # whatever a foreign file makes a reader raise
            tried.append(f"{label}, {folder}: {explain(error)}")
    folder = _cache()
    try:
        source.download(folder)
        return source.read(folder), folder
    # Whatever goes wrong on the way, the cure is the same.
    except Exception as error:
        tried.append(f"download: {explain(error)}")
    raise DatasetUnavailable(
        f"{name} could not be had. Tried:\n  " + "\n  ".join(tried) + "\n"
        f"Cure: where there is a network, run `python -m aelab data {name} --to "
        "FOLDER`, bring FOLDER here, and set AELAB_DATA=FOLDER. Or use "
        "AELAB_DATASET=glyphs, which needs no file."
    )


def explain(error):
    """Why a file could not be read, in a few words."""
    if isinstance(error, FileNotFoundError):
        return "not there"
    if "pickle" in str(error):  # NumPy would advise to unpickle it
        return "not a file of plain arrays"
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"


def _cache():
    """aelab's own cache, or a folder for the moment where home is read-only."""
    folder = Path(pooch.os_cache("aelab"))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError:
        return Path(tempfile.gettempdir(), "aelab-cache")


def _copy(path, target):
    """Copy a file so that the target is whole or not there."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent) as beside:
            part = shutil.copyfile(path, Path(beside, target.name))
            os.replace(part, target)
    except OSError as error:
        raise DatasetUnavailable(
            f"{target} cannot be written ({error}). Make room, or name another folder."
        ) from error


class _Source:
    """Files of a data set, with the hash and address of each."""

    def __init__(self, url, files, class_names):
        self.url = url
        self.files = files
        self.class_names = class_names

    def download(self, folder):
        """Fetch the files; each is put in place only after its hash was right."""
        pooch.get_logger().setLevel("WARNING")
        print(f"Downloading from {self.url} ...", flush=True)
        for file, known_hash in self.files.items():
            path = folder / file
            pooch.retrieve(
                self.url + path.name,
                known_hash,
                fname=path.name,
                path=path.parent,
                downloader=pooch.HTTPDownloader(timeout=TIMEOUT),
            )


class _Mnist(_Source):
    """One `.npz`, known by the SHA-256 of its arrays whatever wrote the file."""

    def read(self, folder):
        (file,) = self.files
        with np.load(folder / file, allow_pickle=False) as npz:
            arrays = [npz[key] for key in _MNIST_ARRAYS]
        for array, (key, known) in zip(arrays, _MNIST_ARRAYS.items(), strict=True):
            if hashlib.sha256(np.ascontiguousarray(array)).hexdigest() != known:
                raise ValueError(
                    f"{key} is not MNIST's (shape {array.shape}, {array.dtype})"
                )
        return arrays


class _FashionMnist(_Source):
    """Four gzip files in the IDX format, known by their published MD5 sums."""

    def read(self, folder):
        return [
            self._read_idx(folder / file, known) for file, known in self.files.items()
        ]

    def _read_idx(self, path, known_hash):
        compressed = path.read_bytes()
        if "md5:" + hashlib.md5(compressed).hexdigest() != known_hash:
            raise ValueError(f"{path.name} is not Fashion-MNIST's")
        content = gzip.decompress(compressed)
        rank = content[3]
        shape = np.frombuffer(content, ">i4", count=rank, offset=4)
        return np.frombuffer(content, "u1", offset=4 + 4 * rank).reshape(shape)


_MNIST_ARRAYS = {
    "x_train": "741c988805d008ac6e4c904b69001ba184c24b2c540a4ef403f4c71b676cf757",
    "y_train": "1feba77c54802fa5339a11837ea4b2866434b83314ec45192930f1df69120c13",
    "x_test": "6d87418db22cc8025d05968bec9bd5c3932904b23485740db143a061a2c9d161",
    "y_test": "ddeff807876a9661a1110d45c266c86239a3a1b7d37da0c3716a7a683c852ff5",
}
_ADDRESS = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"
SOURCES = {
    "mnist": _Mnist(
        _ADDRESS,
        {
            "mnist.npz": "sha256:"
            "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1"
        },
        tuple("0123456789"),
    ),
    "fashion_mnist": _FashionMnist(
        _ADDRESS,
        {
            "fashion-mnist/train-images-idx3-ubyte.gz": "md5:"
            "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
            "fashion-mnist/train-labels-idx1-ubyte.gz": "md5:"
            "25c81989df183df01b3e8a0aad5dffbe",
            "fashion-mnist/t10k-images-idx3-ubyte.gz": "md5:"
            "bef4ecab320f06d8554ea6380940ec79",
            "fashion-mnist/t10k-labels-idx1-ubyte.gz": "md5:"
            "bb300cfdad3c16e7a12a480ee83cd310",
        },
        (
            "T-shirt/top",
            "Trouser",
            "Pullover",
            "Dress",
            "Coat",
            "Sandal",
            "Shirt",
            "Sneaker",
            "Bag",
            "Ankle boot",
        ),
    ),
}
