"""Build the lessons and their solutions from the sources in `notebooks/src`.

python -m tools.build             write the notebooks, keeping outputs that still fit
python -m tools.build --execute   run them too, at full budget on MNIST
python -m tools.build --record    run what `aelab.records` holds anew, and keep it
                                  (with --dataset glyphs, on the built-in images)
python -m tools.build --check     tell which notebooks differ from their source

A source is a py:percent file. Cells tagged `exercise` stay in the lesson, cells
tagged `solution` in the solution; all others stand in both. `{{minutes}}` becomes
what the last full run measured. Name lessons (01_vanilla) to build only those.
`AELAB_DATA` says where MNIST is. A notebook whose run fails, an assertion included, is
left as it was, and so are its records.
"""

import argparse
import base64
import copy
import hashlib
import io
import re
import sys
import time
import tomllib
from pathlib import Path

import jupytext
import nbformat
import numpy as np
import psutil
from PIL import Image

from aelab import runner
from tools import results

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = ROOT / "notebooks"
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
RUN = "aelab"  # the key of a notebook's metadata that tells what its outputs are of
MNIST = "mnist"  # what lessons and solutions are stored with
FULL = {
    "AELAB_BUDGET": "full",
    "AELAB_DATASET": MNIST,
    "KERAS_BACKEND": "tensorflow",
}
IDLE = 0.7  # load average below which a run may be timed
LARGEST = 800_000  # bytes of a stored notebook
GREY_STEPS = (5, 15)  # of 256, if it is too large; divisors of 255, which is white
ARCHIVE = "/content/aelab.zip"  # where an upload to Colab lies
COLAB = """\
import sys

if "google.colab" in sys.modules:  # elsewhere this cell does nothing
    %pip install -q "{package}"{note}"""


def sources(names=()):
    """Paths of the sources, all or those named, in order of the lessons."""
    known = {path.stem: path for path in sorted((NOTEBOOKS / "src").glob("*.py"))}
    unknown = sorted(set(names) - set(known))
    if unknown:
        raise ValueError(f"Lessons are {', '.join(known)}. Received: {unknown}")
    return [known[name] for name in names or known]


def targets(source):
    """Where a source's lesson and solution stand: `{path: tag that is left out}`."""
    file = f"{source.stem}.ipynb"
    return {NOTEBOOKS / file: "solution", NOTEBOOKS / "solutions" / file: "exercise"}


def build(source, left_out):
    """The notebook of a source, without the cells that carry the tag `left_out`."""
    text = source.read_text(encoding="utf-8")
    measured = results.read().get("lessons", {}).get(source.stem, {})
    text = text.replace("{{minutes}}", results.minutes_of(measured))
    title, *rest = jupytext.reads(text, fmt="py:percent").cells
    if address():
        title.source += "\n\n" + badge(source.stem)
    seen, kept = {}, []
    for cell in [title, colab_cell(), *rest]:
        tags = cell.metadata.get("tags", [])
        if left_out in tags:
            continue
        if cell.cell_type == "code" and not strip_comments(cell.source):
            raise ValueError(f"{source.name}: a cell holds no code: {cell.source!r}")
        # A cell is known by what it says, so that its outputs survive a move.
        count = seen[cell.source] = seen.get(cell.source, 0) + 1
        digest = hashlib.sha256(f"{source.stem}\n{count}\n{cell.source}".encode())
        cell.id = digest.hexdigest()[:8]
        cell.metadata = {"tags": tags} if tags else {}
        kept.append(cell)
    return nbformat.v4.new_notebook(cells=kept, metadata=METADATA)


def address():
    """The project's public address, or an empty string while it has none."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    return project["tool"]["aelab"]["repository"]


def badge(stem):
    """A link that opens a lesson on Colab, which reads notebooks from GitHub."""
    place = address().removeprefix("https://github.com/")
    colab = "https://colab.research.google.com"
    link = f"{colab}/github/{place}/blob/main/notebooks/{stem}.ipynb"
    return f"[![Open in Colab]({colab}/assets/colab-badge.svg)]({link})"


def colab_cell():
    """The cell that installs the package on Colab, from its address or an upload."""
    package = f"aelab @ git+{address()}" if address() else ARCHIVE
    note = "" if address() else "  # upload it first: README, Colab"
    return nbformat.v4.new_code_cell(
        COLAB.format(package=package, note=note), metadata={"tags": ["colab"]}
    )


def strip_comments(code):
    """Code without the lines that are comments."""
    return re.sub(r"^\s*#.*$", "", code, flags=re.MULTILINE).strip()


def write(path, book):
    """Write a notebook, the same bytes on each system."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(nbformat.writes(book) + "\n", encoding="utf-8", newline="\n")


def keep_outputs(book, old):
    """Give the cells of `book` the outputs of the same cells in `old`."""
    by_id = {cell.id: cell for cell in old.cells if cell.cell_type == "code"}
    for cell in book.cells:
        if cell.cell_type == "code" and cell.id in by_id:
            cell.outputs = by_id[cell.id].outputs
            cell.execution_count = by_id[cell.id].execution_count
    if RUN in old.metadata:
        book.metadata = {**METADATA, RUN: old.metadata[RUN]}
    return book


def execute_lesson(source):
    """Build, run and store a lesson and its solution; record the minutes.

    Both run in one kernel, each solution where its exercise stands, after the lesson's
    own cells. What stands in both is not computed twice.

    Raises:
        aelab.runner.CellFailed: If a cell fails. What was stored before stays.
    """
    lesson_path, solution_path = targets(source)
    lesson, solution = build(source, "solution"), build(source, "exercise")
    # Not handed to `new_notebook`, which would copy the cells.
    session = nbformat.v4.new_notebook()
    session.cells = in_one_order(lesson.cells, solution.cells)
    # Beside other work a lesson takes longer than by itself.
    busy = psutil.getloadavg()[0] > IDLE
    start = time.perf_counter()
    solution_path.parent.mkdir(exist_ok=True)
    runner.execute(session, solution_path.parent, environment=FULL)
    minutes = round((time.perf_counter() - start) / 60, 1)
    note = " at most, on a busy machine" if busy else ""
    print(f"{lesson_path.relative_to(ROOT)}: {minutes} minutes{note}", flush=True)
    shared = {cell.id: cell for cell in lesson.cells}
    for cell in solution.cells:
        if cell.cell_type == "code" and cell.execution_count is None:
            cell.outputs = copy.deepcopy(shared[cell.id].outputs)
    run = results.describe_run(FULL["KERAS_BACKEND"])
    lessons = results.read().get("lessons", {})
    lessons[source.stem] = {"minutes": minutes, "busy": busy, "run": run}
    results.record("lessons", lessons)
    for book, path in ((lesson, lesson_path), (solution, solution_path)):
        number_cells(book)
        book.metadata = {**METADATA, RUN: run}
        for step in GREY_STEPS:
            if len(nbformat.writes(book)) > LARGEST:
                shrink(book, step)
        # Built once more: the text names the minutes.
        write(path, keep_outputs(build(source, targets(source)[path]), old=book))


def record_lesson(source, dataset):
    """Run a lesson at full budget without reading records, and write its own.

    Args:
        source: Path of the lesson's source.
        dataset: Name of the images. Each has records of its own.

    Raises:
        aelab.runner.CellFailed: If a cell fails. The records stay as they were.
    """
    book = build(source, "exercise")
    begin = "from aelab import records\n\nrecords.begin()"
    cells = []
    for cell in book.cells:
        cells.append(cell)
        if "setup" in cell.metadata.get("tags", ()):
            cells.append(nbformat.v4.new_code_cell(begin))
    kept_as = source.stem if dataset == MNIST else f"{source.stem} on {dataset}"
    cells.append(nbformat.v4.new_code_cell(f"records.save({kept_as!r})"))
    book.cells = cells
    runner.execute(book, NOTEBOOKS, environment={**FULL, "AELAB_DATASET": dataset})


def in_one_order(lesson, solution):
    """The cells of a lesson, and after each exercise's check its solution and check.

    Args:
        lesson: List of cells.
        solution: List of cells: those of the lesson, with each stub replaced by what
            solves the exercise.

    Returns:
        List of cells of both. Of those that stand in both it holds the lesson's, and
        the solution's too where it is the first code after a stub: the check.
    """
    cells = []
    answers = []  # of the exercise whose check comes next
    waiting = False  # for the check of an exercise
    others = iter(solution)
    for cell in lesson:
        if "exercise" in cell.metadata.get("tags", ()):
            waiting = True
            cells.append(cell)
            continue
        only_in_solution = []
        for other in others:
            if other.id == cell.id:
                break
            only_in_solution.append(other)
        if not waiting:
            cells += [*only_in_solution, cell]
            continue
        answers += only_in_solution
        cells.append(cell)
        if cell.cell_type == "code":
            cells += [*answers, other]
            answers = []
            waiting = False
    return [*cells, *others]


def number_cells(book):
    """Number the code cells of a notebook, as if it had run alone."""
    code = [cell for cell in book.cells if cell.cell_type == "code"]
    for count, cell in enumerate(code, start=1):
        cell.execution_count = count
        for output in cell.outputs:
            if output.output_type == "execute_result":
                output.execution_count = count


def shrink(book, step):
    """Store figures with a palette of 256 colours, whose greys lie a step apart."""
    for cell in book.cells:
        for output in cell.get("outputs", ()):
            shown = output.get("data", {})
            if "image/png" in shown:
                shown["image/png"] = smaller(shown["image/png"], step)


def smaller(png, step):
    """A figure in base64, with greys a step apart and as many colours as are left.

    One palette for all would be spent on the many greys of images, and lose the few
    colours that tell classes apart.
    """
    figure = Image.open(io.BytesIO(base64.b64decode(png))).convert("RGB")
    pixels = np.asarray(figure)
    palette = np.arange(0, 256, step, "uint8").repeat(3).tolist()  # with white
    n_greys = len(palette) // 3
    indices = np.rint(pixels.mean(axis=-1) / step).astype("uint8")
    is_coloured = np.ptp(pixels, axis=-1) > 8
    if is_coloured.any():
        colours = Image.fromarray(pixels[is_coloured][None]).quantize(256 - n_greys)
        indices[is_coloured] = n_greys + np.asarray(colours)[0]
        palette += colours.getpalette()
    reduced = Image.fromarray(indices, "P")
    reduced.putpalette(palette)
    file = io.BytesIO()
    reduced.save(file, "PNG", optimize=True)
    return base64.b64encode(file.getvalue()).decode()


def is_stale(path, book):
    """Whether the notebook at a path differs from `book` in more than its outputs."""
    if not path.exists():
        return True
    return contents(nbformat.read(path, as_version=4)) != contents(book)


def contents(book):
    """What a notebook holds besides its outputs."""
    return [
        (cell.id, cell.cell_type, cell.source, cell.metadata) for cell in book.cells
    ]


def main(arguments=None):
    """Build, execute or check; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.build",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("lessons", nargs="*")
    parser.add_argument("--record", action="store_true")
    parser.add_argument("--dataset", default=MNIST, help="images to record with")
    parser.add_argument("--execute", action="store_true")
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args(arguments)
    if options.dataset != MNIST and (options.execute or not options.record):
        parser.error("--dataset goes with --record alone: notebooks are of MNIST")
    failed = False
    for source in sources(options.lessons):
        if options.record or options.execute:
            try:
                if options.record:
                    record_lesson(source, options.dataset)
                if options.execute:
                    execute_lesson(source)
            except runner.CellFailed as error:
                failed = True
                print(f"{source.stem} failed, and is not stored. {error}", flush=True)
            continue
        for path, left_out in targets(source).items():
            book = build(source, left_out)
            if not options.check:
                if path.exists():
                    keep_outputs(book, nbformat.read(path, as_version=4))
                write(path, book)
            elif is_stale(path, book):
                failed = True
                print(f"{path.relative_to(ROOT)} is stale: python -m tools.build")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
