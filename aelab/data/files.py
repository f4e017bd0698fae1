"""Files of data: where they are found, how they are downloaded, verified and read.

MNIST and Fashion-MNIST are looked for in the folder that `AELAB_DATA` names, then in
Keras's cache, then in aelab's own cache, and are downloaded into the last where none
has them. What is read is compared with published hashes; files that fail are left as
they are. Nothing is unpickled.
"""

import contextlib
import errno
import gzip
import hashlib
import math
import os
import secrets
import shutil
import stat
import sys
import tempfile
import threading
import time
import zipfile
from pathlib import Path

import numpy as np
import pooch
import psutil

from aelab import settings

TIMEOUT = 10  # seconds without a byte before a download is given up
PATIENCE = 30  # seconds over which the speed of a download is measured
SLOWEST = 4_000  # bytes a second: a slower download is given up
LONGEST = 1_800  # seconds before the download of one file is given up
SHOWN_EVERY = 5  # seconds between two lines that tell how far a download is
LARGEST_FILE = 200 * 2**20  # bytes: a longer download is not the file asked for
LARGEST_DATA = 32 * 2**30  # bytes of memory that loading a data set may take at most

ARRAYS = ("x_train", "y_train", "x_test", "y_test")
_DISK_FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))


class DatasetUnavailable(Exception):  # noqa: N818
    """A data set could not be found, read or downloaded: what was tried, and the cure.

    It is the one exception for files and the network. Arrays and arguments that do
    not fit are a `ValueError`.
    """


def fetch(name, folder):
    """Put the verified files of a data set into a folder, for an offline lab.

    A copy on this machine is used where there is one. Else the files are downloaded
    straight into the folder, so that no other place on the disk is needed.

    Args:
        name: `"mnist"` or `"fashion_mnist"`.
        folder: Path. Made if it is not there; `AELAB_DATA` may point to it.

    Returns:
        List of the paths of the files.

    Raises:
        ValueError: If the data set has no files to fetch.
        DatasetUnavailable: If the files could not be downloaded or written, or if
            other files of their names are in the way.
    """
    source = _source(name)
    folder = Path(os.path.expanduser(folder))
    missing = []
    for file in source.files:
        if not os.path.lexists(folder / file):
            missing.append(file)
            continue
        try:
            source.read_file(folder, file)
        except Exception as error:  # whatever a foreign file makes a reader raise
            raise DatasetUnavailable(
                f"{folder} holds another file of that name ({describe_error(error)}). "
                "Nothing was overwritten: move it away, or choose another folder."
            ) from error
    if missing:
        _fill(name, folder, missing)
    return [folder / file for file in source.files]


def search_path():
    """Folders that are searched for data, in order. Nothing is made or changed.

    Returns:
        List of pairs: a label such as `"Keras's cache"`, and a path. The temporary
        folder, which stands in for a cache that cannot be written, is listed where it
        exists.
    """
    found = []
    if settings.data_folder():
        found.append(("AELAB_DATA", Path(os.path.expanduser(settings.data_folder()))))
    keras_home = os.path.expanduser(os.environ.get("KERAS_HOME") or "~/.keras")
    found.append(("Keras's cache", Path(keras_home, "datasets")))
    found.append(("aelab's cache", _cache()))
    with contextlib.suppress(OSError):  # there may be no temporary folder at all
        if _is_private(_temporary_folder()):
            found.append(("aelab's temporary folder", _temporary_folder()))
    return found


def is_available(name):
    """Whether a data set is on this machine, whole and verified; nothing is downloaded.

    Args:
        name: `"mnist"` or `"fashion_mnist"`.

    Returns:
        Label of the first place of `search_path()` that holds it, or None.

    Raises:
        ValueError: If the data set has no files.
    """
    source = _source(name)
    for label, folder in search_path():
        with contextlib.suppress(Exception):
            source.read(folder)
            return label
    return None


def locate(name):
    """Find a data set on this machine, or else download it.

    Args:
        name: `"mnist"` or `"fashion_mnist"`.

    Returns:
        `(arrays, folder)`: a dict of the verified arrays `x_train`, `y_train`,
        `x_test` and `y_test`, uint8, and the folder that they came from.

    Raises:
        ValueError: If the data set has no files.
        DatasetUnavailable: If no place has it and it could not be downloaded.
    """
    source = _source(name)
    tried = []
    for label, folder in search_path():
        try:
            return source.read(folder), folder
        except Exception as error:  # whatever a foreign file makes a reader raise
            tried.append(f"{label}, {folder}: {describe_error(error)}")
    try:
        folder = _download_folder(source)
        source.download(folder)
        return source.read(folder), folder
    except Exception as error:  # whatever goes wrong on the way
        raise _unavailable(name, tried, error) from error


def describe_error(error):
    """Why a file could not be read or downloaded, in a few words.

    Args:
        error: An exception.

    Returns:
        String of one line.
    """
    if isinstance(error, FileNotFoundError):
        return "not there"
    if isinstance(error, PermissionError):
        return f"this user may not read or write it ({_one_line(error)})"
    if "pickle" in str(error):  # NumPy would advise to unpickle it
        return "not a file of plain arrays"
    return f"{type(error).__name__}: {_one_line(error)}"


def say(text):
    """Print a line, also where the terminal cannot show each of its characters.

    Args:
        text: String. What the encoding of the terminal lacks is shown as its number.
    """
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    print(text.encode(encoding, "backslashreplace").decode(encoding), flush=True)


def npz_headers(path):
    """What an `.npz` file says of its arrays, without reading them.

    Args:
        path: Path of the file.

    Returns:
        Dict from the name of an array to `(shape, dtype)`.

    Raises:
        OSError, ValueError, zipfile.BadZipFile: Among others, if the file is broken.
    """
    headers = {}
    with zipfile.ZipFile(path) as archive:
        for member in archive.namelist():
            if not member.endswith(".npy"):
                continue
            with archive.open(member) as file:
                major, _ = np.lib.format.read_magic(file)
                if major == 1:
                    header = np.lib.format.read_array_header_1_0(file)
                else:
                    header = np.lib.format.read_array_header_2_0(file)
            shape, _, dtype = header
            if min(shape, default=0) < 0:
                raise ValueError(f"{member} has a negative shape {shape}")
            headers[member.removesuffix(".npy")] = (shape, dtype)
    return headers


def read_npz(path, names):
    """Read arrays of an `.npz` file. Nothing is unpickled.

    Args:
        path: Path of the file.
        names: Names of the arrays to read. Others are left alone.

    Returns:
        Dict of arrays: those of `names` that the file holds.

    Raises:
        OSError, ValueError, zipfile.BadZipFile: Among others, if the file is broken.
    """
    arrays = {}
    with zipfile.ZipFile(path) as archive:
        members = set(archive.namelist())
        for name in names:
            if f"{name}.npy" in members:
                with archive.open(f"{name}.npy") as file:
                    arrays[name] = np.lib.format.read_array(file, allow_pickle=False)
    return arrays


def check_memory(path, headers):
    """Refuse arrays of images that would not fit in memory, before they are read.

    Args:
        path: Where they are, for the error.
        headers: Dict from names of arrays to `(shape, dtype)`. Those that start with
            `x` hold pixels, which become float32 and are then cut into parts.

    Raises:
        ValueError: If loading takes more than `LARGEST_DATA`, or than is free now.
    """
    stored = 0
    n_pixels = 0
    for name, (shape, dtype) in headers.items():
        stored += math.prod(shape) * dtype.itemsize
        if name.startswith("x"):
            n_pixels += math.prod(shape)
    as_float32 = 4 * n_pixels
    # The most that is held at once: float32 beside what was stored, later beside the
    # parts that are cut from it; and one byte a pixel while values are checked.
    needed = as_float32 + max(stored, as_float32) + n_pixels
    free = psutil.virtual_memory().available
    if needed > min(free, LARGEST_DATA):
        raise ValueError(
            f"{path} is too large: its images need {needed / 2**30:.1f} GiB of memory "
            f"as float32, where {free / 2**30:.1f} GiB are free and "
            f"{LARGEST_DATA / 2**30:.1f} GiB are allowed. Close other programs, "
            "or use fewer images (x_train[:10_000]) or smaller ones "
            "(x_train[:, ::2, ::2]). Received: "
            + ", ".join(f"{name} of shape {headers[name][0]}" for name in headers)
        )


def _source(name):
    if name not in SOURCES:
        raise ValueError(
            f"Only {', '.join(map(repr, SOURCES))} can be fetched (glyphs are built "
            f"in). Received: {name!r}"
        )
    return SOURCES[name]


def _fill(name, folder, missing):
    """Put the missing files of a data set into a folder: copied, or else downloaded."""
    source = SOURCES[name]
    is_new = not os.path.lexists(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise _unwritable(folder, error) from error
    tried = []
    try:
        for label, place in search_path():
            try:
                source.read(place)
            except Exception as error:  # whatever a foreign file makes a reader raise
                tried.append(f"{label}, {place}: {describe_error(error)}")
                continue
            _copy(place, folder, missing)
            return
        try:
            source.download(folder)
        except Exception as error:  # whatever goes wrong on the way
            raise _unavailable(name, tried, error) from error
    finally:
        if is_new:  # leave no empty folder behind a failure
            for file in source.files:
                with contextlib.suppress(OSError):
                    (folder / file).parent.rmdir()
            with contextlib.suppress(OSError):
                folder.rmdir()


def _copy(place, folder, files):
    for file in files:
        try:
            with _whole(folder / file) as part:
                shutil.copyfile(place / file, part)
        except OSError as error:
            raise _unwritable(folder / file, error) from error


def _unwritable(path, error):
    return DatasetUnavailable(
        f"{path} cannot be written ({error}). Make room, or name another folder."
    )


def _unavailable(name, tried, error):
    """The error of a data set that is nowhere and could not be downloaded."""
    lines = [f"{name} could not be loaded. Tried:"]
    lines += [f"  {line}" for line in tried]
    lines.append(f"  download: {describe_error(error)}")
    if getattr(error, "errno", None) in _DISK_FULL:
        lines.append(
            "Cure: the disk is full. Free 100 MB, or use a folder on another disk: "
            f"`python -m aelab data {name} --to FOLDER`, and set AELAB_DATA=FOLDER."
        )
    else:
        if "ssl" in type(error).__name__.lower() or "certificate" in str(error).lower():
            lines.append(
                "The server's certificate was not accepted. Check this machine's date; "
                "behind a proxy that inspects traffic, set REQUESTS_CA_BUNDLE to the "
                "file of its certificate; else `pip install --upgrade certifi`."
            )
        lines.append(
            f"Cure: where there is a network, run `python -m aelab data {name} --to "
            "FOLDER`, bring FOLDER here, and set AELAB_DATA=FOLDER. Or use "
            "AELAB_DATASET=glyphs, which needs no file."
        )
    return DatasetUnavailable("\n".join(lines))


def _one_line(error):
    return " ".join(str(error).split())[:300]


# Folders that downloads go to


def _cache():
    """aelab's own cache, which need not exist."""
    return Path(pooch.os_cache("aelab"))


def _temporary_folder():
    """The folder that stands in for the cache, one for each user of the machine."""
    user = os.geteuid() if hasattr(os, "geteuid") else "user"
    return Path(tempfile.gettempdir(), f"aelab-cache-{user}")


def _is_private(folder):
    """Whether a folder belongs to this user, and no other user may write to it."""
    state = os.lstat(folder)  # of a link itself: somebody else may have put it there
    owned = not hasattr(os, "geteuid") or state.st_uid == os.geteuid()
    shared = os.name == "posix" and state.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return stat.S_ISDIR(state.st_mode) and owned and not shared


def _download_folder(source):
    """The cache, or the temporary folder where the cache cannot take the files."""
    cache = _cache()
    if _can_take(cache, source.files):
        return cache
    folder = _temporary_folder()
    folder.mkdir(mode=0o700, exist_ok=True)
    if not _is_private(folder):
        raise PermissionError(
            f"{cache} cannot be written, and {folder} is open to other users"
        )
    say(
        f"Data: {cache} cannot be used by this user, so the files go to {folder}, "
        "which a restart may empty. To keep them, set AELAB_DATA to your own folder."
    )
    return folder


def _can_take(folder, files):
    """Whether files can be made in a folder, and none of another user is in the way."""
    if not folder.is_absolute():  # the home folder of this user is not known
        return False
    for file in files:
        path = folder / file
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=path.parent):
                pass
            if os.path.lexists(path):
                with open(path, "rb"):
                    pass
        except OSError:
            return False
    return True


@contextlib.contextmanager
def _whole(path):
    """The path of a file to write, put in place of `path` once it is whole.

    It is made with the permissions of any new file. One that a killed process left
    behind is removed when the same file is next written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    for orphan in path.parent.glob(f"{path.name}.*.part"):
        with contextlib.suppress(OSError):
            if time.time() - orphan.stat().st_mtime > LONGEST:
                orphan.unlink()
    part = path.with_name(f"{path.name}.{secrets.token_hex(4)}.part")
    try:
        yield part
        os.replace(part, path)
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


# Downloading


class _Transfer:
    """A file that is being downloaded: pooch writes to it, `_download` watches it."""

    def __init__(self, url, file):
        self.url = url
        self.file = file
        self.received = 0  # bytes
        self.response = None
        self.error = None
        self.abandoned = False

    def run(self):
        # The hook keeps the response, which pooch leaves open where it is broken off.
        hooks = {"response": self.keep}
        downloader = pooch.HTTPDownloader(timeout=TIMEOUT, hooks=hooks)
        try:
            downloader(self.url, self, None)
        except Exception as error:  # raised again by the thread that waits
            self.error = error
        finally:
            if self.response is not None:
                self.response.close()

    def keep(self, response, **kwargs):
        self.response = response

    def write(self, chunk):
        if self.abandoned:
            raise TimeoutError("given up")
        self.received += len(chunk)
        if self.received > LARGEST_FILE:
            raise ValueError(f"the file is longer than {LARGEST_FILE / 2**20:.0f} MB")
        self.file.write(chunk)

    def flush(self):
        self.file.flush()


def _download(url, path):
    """Download a file, or give up on a server that is too slow.

    It runs in a thread, since the timeout of a socket begins again with each byte:
    one byte every nine seconds would never end.
    """
    with open(path, "xb") as file:
        transfer = _Transfer(url, file)
        thread = threading.Thread(target=transfer.run, daemon=True)
        began = measured = shown = time.monotonic()
        received = 0
        thread.start()
        try:
            while thread.is_alive():
                thread.join(0.05)
                now = time.monotonic()
                if now - began > LONGEST:
                    raise TimeoutError(f"not finished after {LONGEST} seconds")
                if now - measured > PATIENCE:
                    speed = (transfer.received - received) / (now - measured)
                    if speed < SLOWEST:
                        raise TimeoutError(
                            f"only {speed:.0f} bytes a second came from {url}"
                        )
                    measured = now
                    received = transfer.received
                if now - shown > SHOWN_EVERY:
                    say(f"  {url.rpartition('/')[2]}: {transfer.received / 1e6:.1f} MB")
                    shown = now
        finally:
            transfer.abandoned = True
    if transfer.error is not None:
        raise transfer.error


def _hash(algorithm, content):
    return hashlib.new(algorithm, content, usedforsecurity=False).hexdigest()


class _Source:
    """Files of a data set, with the hash and address of each."""

    def __init__(self, url, files, class_names):
        self.url = url
        self.files = files
        self.class_names = class_names

    def read(self, folder):
        """The verified arrays of the files in a folder, as a dict."""
        arrays = {}
        for file in self.files:
            arrays.update(self.read_file(folder, file))
        return arrays

    def download(self, folder):
        """Fetch each file that is not there or not right.

        It takes the place of another only after its hash was right.
        """
        say(f"Downloading from {self.url} ...")
        for file, known_hash in self.files.items():
            path = Path(folder, file)
            with contextlib.suppress(Exception):
                self.read_file(folder, file)
                continue
            with _whole(path) as part:
                _download(self.url + path.name, part)
                algorithm, known = known_hash.split(":")
                if _hash(algorithm, part.read_bytes()) != known:
                    raise ValueError(
                        f"{self.url}{path.name} gave {part.stat().st_size:,} bytes "
                        f"whose {algorithm} hash is not the published one. A network "
                        "with a login page answers so"
                    )


class _Mnist(_Source):
    """One `.npz`, known by the SHA-256 of its arrays whatever wrote the file."""

    def read_file(self, folder, file):
        path = Path(folder, file)
        headers = npz_headers(path)
        check_memory(path, {name: headers[name] for name in _MNIST_ARRAYS})
        arrays = read_npz(path, _MNIST_ARRAYS)
        for name, known in _MNIST_ARRAYS.items():
            array = np.ascontiguousarray(arrays[name])
            if hashlib.sha256(array).hexdigest() != known:
                raise ValueError(
                    f"{name} is not MNIST's (shape {array.shape}, {array.dtype})"
                )
        return arrays


class _FashionMnist(_Source):
    """Four gzip files in the IDX format, known by their published MD5 sums."""

    def read_file(self, folder, file):
        path = Path(folder, file)
        if path.stat().st_size > LARGEST_FILE:
            raise ValueError(f"{path.name} is too long to be Fashion-MNIST's")
        compressed = path.read_bytes()
        if "md5:" + _hash("md5", compressed) != self.files[file]:
            raise ValueError(f"{path.name} is not Fashion-MNIST's")
        content = gzip.decompress(compressed)
        rank = content[3]
        shape = np.frombuffer(content, ">i4", count=rank, offset=4)
        array = np.frombuffer(content, "u1", offset=4 + 4 * rank).reshape(shape)
        name = ARRAYS[list(self.files).index(file)]
        return {name: array}


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
