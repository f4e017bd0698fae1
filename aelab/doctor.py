"""What a lesson needs, checked one by one: each line is OK, or names a cure."""

import importlib.util
import json
import os
import shutil
import sys
from pathlib import Path
from typing import NamedTuple

import psutil

from aelab import data, settings
from aelab.data import files

NEEDED_MEMORY = 2.0  # GiB free, for a lesson at full budget
NEEDED_DISK = 0.2  # GiB free, for pages and models
OLDEST_KERAS = (3, 13)


class Line(NamedTuple):
    """One thing that was checked. A text that is no finding names a cure."""

    name: str
    good: bool
    text: str


def main():
    """Print a line for each thing that a lesson needs.

    Returns:
        Exit code: 0 if nothing is missing, else 1.
    """
    missing = 0
    for check in CHECKS:
        for line in _guarded(check):
            missing += not line.good
            text = " ".join(line.text.split())
            print(f"{'OK  ' if line.good else 'CURE'}  {line.name}: {text}", flush=True)
    if missing:
        print(f"\nTo cure: {missing}. Then ask again: python -m aelab doctor")
        return 1
    print("\nNothing is missing. Run a lesson: python -m aelab run 01")
    return 0


def _guarded(check):
    """The lines of a check; whatever it raises becomes a line too."""
    try:
        yield from check()
    except Exception as error:  # a doctor must not die of what it looks for
        name = check.__name__.removeprefix("check_").replace("_", " ")
        yield Line(name, False, f"{type(error).__name__}: {error}")


def check_python():
    """Whether this is a Python that the package supports."""
    version = ".".join(map(str, sys.version_info[:3]))
    if (3, 11) <= tuple(sys.version_info[:2]) <= (3, 13):
        yield Line("Python", True, f"{version}, {sys.executable}")
    else:
        yield Line("Python", False, f"{version}; install 3.11, 3.12 or 3.13")


def check_jupyter():
    """Whether notebooks can run, and run in this Python."""
    needed = ("nbclient", "nbconvert", "ipykernel")
    absent = [name for name in needed if importlib.util.find_spec(name) is None]
    if absent:
        cure = "pip install -r requirements.txt"
        yield Line("Jupyter", False, f"{', '.join(absent)} not installed; {cure}")
        return
    yield Line("Jupyter", True, "can run lessons")
    yield _kernels()
    from jupyter_core.paths import jupyter_runtime_dir

    folder = Path(jupyter_runtime_dir())
    if not _writable(folder):
        cure = "set JUPYTER_RUNTIME_DIR to a folder of your own"
        yield Line("Jupyter's folder", False, f"{folder} cannot be written; {cure}")


def _kernels():
    """Whether the kernel that notebooks ask for, python3, is one of this Python."""
    from jupyter_client.kernelspec import KernelSpecManager

    programs = {
        name: found["spec"]["argv"][0]
        for name, found in KernelSpecManager().get_all_specs().items()
    }
    ours = [name for name, program in programs.items() if _is_this_python(program)]
    if "python3" in ours:
        return Line("Jupyter kernels", True, f"{', '.join(ours)}: this Python")
    choice = f", or choose the kernel {ours[0]!r} in Jupyter" if ours else ""
    return Line(
        "Jupyter kernels",
        False,
        f"'python3' is {programs.get('python3')}, not this Python; run `jupyter "
        f"kernelspec remove python3`{choice}",
    )


def _is_this_python(program):
    # Jupyter runs its own Python where a kernel says "python" without a folder. The
    # links of a virtual environment all lead to one program: folders are compared.
    folder = os.path.dirname(program)
    return not folder or os.path.normcase(folder) == os.path.normcase(
        os.path.dirname(sys.executable)
    )


def check_keras_file():
    """The settings that Keras reads from keras.json, and lessons rely on."""
    home = os.path.expanduser(os.environ.get("KERAS_HOME") or "~/.keras")
    path = Path(home, "keras.json")
    if not path.exists():
        yield Line("Keras's file", True, "none, so Keras's own settings hold")
        return
    try:
        said = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        yield Line("Keras's file", False, f"{path} is no JSON ({error}); delete it")
        return
    good = True
    for key, needed in (("floatx", "float32"), ("image_data_format", "channels_last")):
        if said.get(key, needed) != needed:
            good = False
            cure = f'set "{key}": "{needed}" there'
            yield Line("Keras's file", False, f'{path} says "{said[key]}"; {cure}')
    # Without KERAS_BACKEND, lessons run on TensorFlow and other scripts on the file's.
    backend = said.get("backend", "tensorflow")
    if backend != "tensorflow" and not os.environ.get("KERAS_BACKEND"):
        good = False
        cure = f'set KERAS_BACKEND={backend}, or "backend": "tensorflow" there'
        yield Line(
            "Keras's file",
            False,
            f'{path} says "{backend}", which scripts take and lessons do not; {cure}',
        )
    if good:
        yield Line("Keras's file", True, f"{path} says what lessons need")


def check_keras():
    """Whether Keras and the backend that is asked for are there and work."""
    try:
        backend = settings.backend()
    except ValueError as error:
        yield Line("Backend", False, str(error))
        return
    if importlib.util.find_spec(backend) is None:
        others = [name for name in settings.BACKENDS if importlib.util.find_spec(name)]
        choice = f", or set KERAS_BACKEND={others[0]}" if others else ""
        cure = f"pip install {backend}{choice}"
        yield Line("Backend", False, f"{backend} is not installed; {cure}")
        return
    os.environ["KERAS_BACKEND"] = backend
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import keras

    from aelab import lesson

    version = tuple(int(part) for part in keras.__version__.split(".")[:2])
    if version >= OLDEST_KERAS:
        yield Line("Keras", True, keras.__version__)
    else:
        yield Line("Keras", False, f"{keras.__version__}; pip install -U 'keras>=3.13'")
    yield Line("Backend, device, precision", True, lesson.describe_machine())


def check_settings():
    """Whether the variables of the environment say what they may say."""
    try:
        yield Line("AELAB_BUDGET", True, settings.budget())
    except ValueError as error:
        yield Line("AELAB_BUDGET", False, str(error))
    if not settings.data_folder():
        return
    folder = Path(settings.data_folder()).expanduser()
    if not folder.is_dir():
        yield Line("AELAB_DATA", False, f"{folder} is no folder; correct the variable")
    elif not folder.is_absolute():
        yield _relative("AELAB_DATA", folder.resolve())
    else:
        yield Line("AELAB_DATA", True, str(folder))


def check_data():
    """Which data sets are on this machine."""
    yield _chosen_data()
    for name in files.SOURCES:
        place = files.is_available(name)
        if place:
            yield Line(f"Data {name}", True, f"found in {place}")
        else:
            how = f"python -m aelab data {name} --to FOLDER"
            wanted = settings.dataset() == name
            yield Line(f"Data {name}", not wanted, f"not on this machine; {how}")
    yield Line("Data glyphs", True, "built in, used where others are missing")


def _chosen_data():
    """Whether the data set that is asked for is known, and an own one can be loaded."""
    try:
        name = data.dataset_name()
        if name in data.NAMES:
            return Line("AELAB_DATASET", True, name)
        images = data.load(name)
    except (ValueError, MemoryError, files.DatasetUnavailable) as error:
        return Line("AELAB_DATASET", False, str(error) or type(error).__name__)
    if not Path(settings.dataset()).expanduser().is_absolute():
        return _relative("AELAB_DATASET", name)
    n_images = len(images.x_train) + len(images.x_val) + len(images.x_test)
    return Line(
        "AELAB_DATASET",
        True,
        f"{name}: {n_images:,} images of shape {images.x_train.shape[1:]}, "
        f"{len(images.class_names)} classes",
    )


def _relative(variable, path):
    cure = f"lessons run in another folder; set {variable}={path}"
    return Line(variable, False, f"found from this folder alone; {cure}")


def check_cache():
    """Whether a data set could be downloaded into the cache."""
    folder = dict(files.search_path())["aelab's cache"]
    if _writable(folder):
        yield Line("Cache", True, str(folder))
    elif settings.data_folder():
        yield Line("Cache", True, f"{folder} cannot be written; AELAB_DATA is used")
    else:
        cure = "set AELAB_DATA to a folder of your own"
        yield Line("Cache", False, f"{folder} cannot be written; {cure}")


def _writable(folder):
    """Whether a folder can be written, or made where it does not exist yet."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)


def check_room():
    """Whether memory and disk are large enough for a lesson."""
    memory = psutil.virtual_memory().available / 2**30
    if memory >= NEEDED_MEMORY:
        yield Line("Free memory", True, f"{memory:.1f} GiB")
    else:
        cure = f"close programs, {NEEDED_MEMORY} GiB are needed"
        yield Line("Free memory", False, f"{memory:.1f} GiB; {cure}")
    disk = shutil.disk_usage(Path.cwd()).free / 2**30
    if disk >= NEEDED_DISK:
        yield Line("Free disk", True, f"{disk:.1f} GiB")
    else:
        cure = f"make room, {NEEDED_DISK} GiB are needed"
        yield Line("Free disk", False, f"{disk:.1f} GiB; {cure}")


CHECKS = (
    check_python,
    check_jupyter,
    check_keras_file,
    check_keras,
    check_settings,
    check_data,
    check_cache,
    check_room,
)
