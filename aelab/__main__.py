"""python -m aelab run | doctor | data"""

import argparse
import importlib.util
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import psutil

from aelab import BACKENDS, BUDGETS, budget, data, sources

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"
NEEDED_MEMORY = 2.0  # GiB free, for a lesson at full budget
NEEDED_DISK = 0.2  # GiB free, for pages and models


def main(arguments=None):
    """Parse the command line, act, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m aelab", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)

    command = commands.add_parser("run", help="run lessons and keep a page of each")
    command.add_argument("lessons", nargs="+", help="numbers such as 01, or all")
    command.add_argument("--dataset", help=f"{', '.join(data.NAMES)}, or an .npz file")
    command.add_argument("--budget", choices=BUDGETS)
    command.add_argument("--output", default="output", help="folder for the pages")
    command.set_defaults(
        act=lambda a: run(a.lessons, a.dataset, a.budget, Path(a.output))
    )
    command = commands.add_parser("doctor", help="can this machine run the lessons?")
    command.set_defaults(act=lambda a: doctor())
    command = commands.add_parser("data", help="fetch a data set for an offline lab")
    command.add_argument("name", help=" or ".join(sources.SOURCES))
    command.add_argument("--to", required=True, metavar="FOLDER")
    command.set_defaults(act=lambda a: fetch(a.name, a.to))

    chosen = parser.parse_args(arguments)
    try:
        return chosen.act(chosen)
    except (ValueError, OSError, sources.DatasetUnavailable) as error:
        print(f"aelab: {error}", file=sys.stderr)
        return 1


def run(lessons, dataset, size, output):
    """Run lessons, print their numbers, and leave an HTML page of each.

    The settings reach the lessons through the environment, as everywhere else.
    """
    paths = find_lessons(lessons)
    if dataset:
        os.environ["AELAB_DATASET"] = dataset
    for variable in ("AELAB_DATA", "AELAB_DATASET"):  # lessons run in their own folder
        value = os.environ.get(variable, "")
        if value.endswith(".npz") or (value and variable == "AELAB_DATA"):
            os.environ[variable] = str(Path(value).expanduser().resolve())
    if size:
        os.environ["AELAB_BUDGET"] = size
    budget()
    data.chosen()
    output.mkdir(parents=True, exist_ok=True)
    failed = [path.stem for path in paths if not run_one(path, output)]
    if failed:
        print(f"Failed: {', '.join(failed)}. The page shows the cell and its error.")
        return 1
    print(
        "To work through the course, read, change and run it in Jupyter:\n"
        f"  {Path(sys.executable).parent / 'jupyter'} lab notebooks"
    )
    return 0


def find_lessons(names):
    """Paths of the notebooks that the names stand for, in order."""
    known = {path.stem[:2]: path for path in sorted(NOTEBOOKS.glob("??_*.ipynb"))}
    by_name = {**known, **{path.stem: path for path in known.values()}}
    if not known:
        raise ValueError(
            f"No lessons in {NOTEBOOKS}: they come with the project's folder, not with "
            "the installed package. Install it from there: pip install -e ."
        )
    if "all" in names:
        return list(known.values())
    unknown = [name for name in names if name.zfill(2) not in by_name]
    if unknown:
        raise ValueError(
            f"Lessons are {', '.join(known)} or all. Received: {', '.join(unknown)}"
        )
    return [by_name[name.zfill(2)] for name in names]


def run_one(path, output):
    """Run one notebook with progress; return whether every cell ran."""
    import nbformat
    from nbclient.exceptions import CellExecutionError, DeadKernelError
    from nbconvert import HTMLExporter

    book = nbformat.read(path, as_version=4)
    for cell in book.cells:
        if cell.cell_type == "code":  # the stored results are another machine's
            cell.outputs, cell.execution_count = [], None
    began = time.perf_counter()
    print(f"Lesson {path.stem}", flush=True)
    try:
        lesson_client()(
            book,
            timeout=None,
            kernel_name="python3",
            resources={"metadata": {"path": path.parent}},
        ).execute(stderr=subprocess.DEVNULL)  # start-up notes of TensorFlow
        done = True
    except (CellExecutionError, DeadKernelError) as error:
        done = False
        print(f"\n{error}", file=sys.stderr)
    page = output / f"{path.stem}.html"
    page.write_text(HTMLExporter().from_notebook_node(book)[0], encoding="utf-8")
    minutes = (time.perf_counter() - began) / 60
    for cell in book.cells:
        if "numbers" in cell.metadata.get("tags", []):
            for out in cell.get("outputs", []):
                print("\n" + out.get("data", {}).get("text/plain", out.get("text", "")))
    print(f"\n{minutes:.1f} minutes. Page with all figures: {page.resolve()}")
    return done


def lesson_client():
    """A notebook client that tells which section runs, and on a terminal the epoch."""
    from nbclient import NotebookClient

    class LessonClient(NotebookClient):
        def process_message(self, msg, cell, cell_index):
            if msg["msg_type"] == "execute_input":
                section = self._section(cell_index)
                if section != getattr(self, "shown", None):
                    self.shown = section
                    say(f"  {section}\n")
            elif msg["msg_type"] == "update_display_data" and sys.stdout.isatty():
                say(f"    {msg['content']['data']['text/plain']}")
            return super().process_message(msg, cell, cell_index)

        def _section(self, cell_index):
            """The nearest heading above a cell."""
            for cell in reversed(self.nb.cells[:cell_index]):
                if cell.cell_type == "markdown" and cell.source.startswith("#"):
                    return cell.source.splitlines()[0].lstrip("# ")
            return "Start"

    return LessonClient


def say(text):
    """Print over what stands on a terminal's line; plainly elsewhere."""
    clear = "\r\033[K" if sys.stdout.isatty() else ""
    print(clear + text, end="", flush=True)


def doctor():
    """Print a line for each thing a lesson needs; return 1 where one is missing."""
    lines = [*check_python(), *check_keras(), *check_data(), *check_room()]
    for name, good, text in lines:
        print(f"{'OK  ' if good else 'CURE'}  {name}: {text}")
    return 0 if all(good for _, good, _ in lines) else 1


def check_python():
    version = ".".join(map(str, sys.version_info[:3]))
    good = (3, 11) <= sys.version_info[:2] <= (3, 13)
    yield "Python", good, version if good else f"{version}; install 3.11, 3.12 or 3.13"
    for module in ("nbclient", "nbconvert", "ipykernel"):
        if importlib.util.find_spec(module) is None:
            yield "Jupyter", False, "missing; pip install -r requirements.txt"
            return
    yield "Jupyter", True, "can run lessons"


def check_keras():
    backend = os.environ.get("KERAS_BACKEND") or "tensorflow"
    os.environ["KERAS_BACKEND"] = backend
    if importlib.util.find_spec(backend) is None:
        found = [name for name in BACKENDS if importlib.util.find_spec(name)]
        cure = f"pip install {backend}, or set KERAS_BACKEND to one of {found}"
        yield "Backend", False, f"{backend} is not installed; {cure}"
        return
    import keras

    from aelab import lesson

    version = tuple(int(part) for part in keras.__version__.split(".")[:2])
    cure = "" if version >= (3, 13) else "; pip install -U 'keras>=3.13'"
    yield "Keras", not cure, keras.__version__ + cure
    yield "Backend, device, precision", True, lesson.describe_machine()
    layout = keras.config.image_data_format()
    cure = "" if layout == "channels_last" else "; set it in ~/.keras/keras.json"
    yield "Image layout", not cure, layout + cure


def check_data():
    for variable, setting in (("AELAB_BUDGET", budget), ("AELAB_DATASET", data.chosen)):
        try:
            yield variable, True, setting()
        except ValueError as error:
            yield variable, False, str(error)
    wanted = os.environ.get("AELAB_DATASET", "")
    if wanted.endswith(".npz") and not Path(wanted).expanduser().exists():
        yield "Data", False, f"{wanted} is not there; correct AELAB_DATASET"
    for name in sources.SOURCES:
        place = sources.at_hand(name)
        cure = f"not on this machine; python -m aelab data {name} --to FOLDER"
        good = bool(place) or name != wanted
        yield f"Data {name}", good, f"found in {place}" if place else cure
    yield "Data glyphs", True, "built in, used where others are missing"


def check_room():
    memory = psutil.virtual_memory().available / 2**30
    good = memory >= NEEDED_MEMORY
    cure = "" if good else f"; close programs, {NEEDED_MEMORY} GiB are needed"
    yield "Free memory", good, f"{memory:.1f} GiB{cure}"
    disk = shutil.disk_usage(Path.cwd()).free / 2**30
    good = disk >= NEEDED_DISK
    cure = "" if good else f"; make room, {NEEDED_DISK} GiB are needed"
    yield "Free disk", good, f"{disk:.1f} GiB{cure}"


def fetch(name, folder):
    """Fetch a data set and say how to use it."""
    for path in sources.fetch(name, folder):
        print(f"{path}: checked")
    print(f"Set AELAB_DATA={Path(folder).resolve()} where the lessons run.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
