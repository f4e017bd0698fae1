"""python -m aelab run | doctor | data"""

import argparse
import importlib.util
import os
import re
import sys
import time
from pathlib import Path

from aelab import data, doctor, settings
from aelab.data import files

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"
WITHOUT_FILES = ("auto", "glyphs")  # data sets that need no file of the user's
COLOURS = re.compile(r"\x1b\[[0-9;]*m")
INTERRUPTED = 130  # exit code, as shells have it


def main(arguments=None):
    """Parse the command line, act, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m aelab", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)

    command = commands.add_parser("run", help="run lessons and keep a page of each")
    command.add_argument("lessons", nargs="+", help="numbers such as 01, or all")
    command.add_argument(
        "--dataset",
        metavar="NAME",
        help=f"{', '.join(data.NAMES)}, or the path of an .npz file or of a folder of "
        "images",
    )
    command.add_argument("--budget", choices=settings.BUDGETS)
    command.add_argument("--output", default="output", help="folder for the pages")

    commands.add_parser("doctor", help="can this machine run the lessons?")

    command = commands.add_parser("data", help="fetch a data set for an offline lab")
    command.add_argument("name", help=" or ".join(files.SOURCES))
    command.add_argument("--to", required=True, metavar="FOLDER")

    options = parser.parse_args(arguments)
    for stream in (sys.stdout, sys.stderr):
        # A path may have characters that a terminal has not: an error of its own.
        stream.reconfigure(errors="backslashreplace")
    try:
        if options.command == "run":
            return run(
                options.lessons, options.dataset, options.budget, Path(options.output)
            )
        if options.command == "data":
            return fetch(options.name, options.to)
        return doctor.main()
    except (ValueError, OSError, MemoryError, files.DatasetUnavailable) as error:
        print(f"aelab: {str(error) or type(error).__name__}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\naelab: interrupted", file=sys.stderr)
        return INTERRUPTED


def run(lessons, dataset, budget, output):
    """Run lessons, print their numbers, and leave an HTML page of each.

    What the settings have wrong is found here, before a kernel starts.

    Args:
        lessons: Numbers or names of lessons, or `["all"]`.
        dataset: Value for `AELAB_DATASET`, or None to leave it.
        budget: Value for `AELAB_BUDGET`, or None to leave it.
        output: Folder for the pages. Made if it is not there.

    Returns:
        Exit code: 1 if a lesson failed, else 0.

    Raises:
        ValueError: If a lesson, a setting or an own data set is not as it must be.
        DatasetUnavailable: If the data set cannot be read.
    """
    paths = find_lessons(lessons)
    apply_settings(dataset, budget)
    output.mkdir(parents=True, exist_ok=True)
    failed = [path.stem for path in paths if not run_one(path, output)]
    if failed:
        print(
            f"\nFailed: {', '.join(failed)}. The page ends with the cell and its "
            "error.\nWhether this machine has all that the lessons need, "
            "`python -m aelab doctor` tells."
        )
    print(
        "\nTo work through the course, read, change and run it in Jupyter:\n"
        f"  {Path(sys.executable).parent / 'jupyter'} lab {near(NOTEBOOKS)}"
    )
    return 1 if failed else 0


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


def apply_settings(dataset, budget):
    """Put the settings into the environment, where lessons read them, and check them.

    Paths become absolute, since lessons run in their own folder. A data set that
    needs a file is loaded, so that an error in it is told before anything is trained.
    """
    if budget:
        os.environ["AELAB_BUDGET"] = budget
    settings.budget()
    backend = settings.backend()
    for package in (backend, "nbclient", "nbconvert", "ipykernel"):
        if importlib.util.find_spec(package) is None:
            raise ValueError(
                f"{package} is not installed: `pip install -r requirements.txt` "
                "installs what lessons need with TensorFlow, "
                '`pip install -e ".[jax]"` or ".[torch]" another backend.'
            )
    name = data.dataset_name(dataset)
    os.environ["AELAB_DATASET"] = name
    if name not in WITHOUT_FILES:
        data.load(name)


def run_one(path, output):
    """Run one notebook, leave its page, and return whether every cell ran."""
    import nbformat

    # It needs Jupyter, which a package installed for its models alone has not.
    from aelab import runner

    book = nbformat.read(path, as_version=4)
    began = time.perf_counter()
    print(f"Lesson {path.stem}", flush=True)
    error = None
    try:
        runner.execute(
            book,
            path.parent,
            on_section=lambda heading: say(f"  {heading}\n"),
            on_progress=lambda text: say(f"    {text}", passing=True),
        )
    except runner.CellFailed as failure:
        error = str(failure)
    say("")
    page = output / f"{path.stem}.html"
    runner.write_page(book, page)
    for table in runner.tagged_text(book, "numbers"):
        print("\n" + table)
    if error is not None:
        sys.stdout.flush()
        colours = sys.stderr.isatty()
        text = error if colours else COLOURS.sub("", error)
        print(f"\nLesson {path.stem} failed. {text}\n", file=sys.stderr, flush=True)
    minutes = (time.perf_counter() - began) / 60
    print(f"\n{minutes:.1f} minutes. Page with all figures: {page.resolve()}")
    return error is None


def say(text, passing=False):
    """Print over what stands on a terminal's line; elsewhere only what is to stay."""
    if sys.stdout.isatty():
        print("\r\033[K" + text, end="", flush=True)
    elif not passing:
        print(text, end="", flush=True)


def fetch(name, folder):
    """Fetch a data set into a folder, and say how lessons find it there."""
    for path in files.fetch(name, folder):
        print(f"{path}: checked")
    print(f"Set AELAB_DATA={settings.absolute(folder)} where the lessons run.")
    return 0


def near(path):
    """A path as seen from the current folder, if it lies in it."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path
