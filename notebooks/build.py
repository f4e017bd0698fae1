"""Build the lessons and their solutions from the sources in `src`.

build.py             write the notebooks, keeping outputs that still fit
build.py --execute   run them too, at full budget on MNIST
build.py --check     tell which notebooks differ from their source

A source is a py:percent file. Cells tagged `exercise` stay in the lesson, cells
tagged `solution` in the solution; all others stand in both. `{{minutes}}` becomes
what the last full run measured. Name lessons (01_vanilla) to build only those.
"""

import argparse
import base64
import hashlib
import io
import os
import re
import sys
import time
import tomllib
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient
from PIL import Image

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "benchmarks"))
import results  # noqa: E402

METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
WIDGET = "application/vnd.jupyter.widget-view+json"
COLAB = """\
import sys

if "google.colab" in sys.modules:  # elsewhere this cell does nothing
    %pip install -q "{package}"{note}"""


def sources(names=()):
    """Paths of the sources, all or those named, in order of the lessons."""
    known = {path.stem: path for path in sorted((HERE / "src").glob("*.py"))}
    unknown = sorted(set(names) - set(known))
    if unknown:
        raise ValueError(f"Lessons are {', '.join(known)}. Received: {unknown}")
    return [known[name] for name in names or known]


def targets(source):
    """Where a source's lesson and solution stand: `{path: tag that is left out}`."""
    file = f"{source.stem}.ipynb"
    return {HERE / file: "solution", HERE / "solutions" / file: "exercise"}


def build(source, left_out):
    """The notebook of a source, without the cells that carry the tag `left_out`."""
    text = source.read_text(encoding="utf-8")
    text = text.replace("{{minutes}}", measured_minutes(source.stem))
    title, *rest = jupytext.reads(text, fmt="py:percent").cells
    if address():
        title.source += "\n\n" + badge(source.stem)
    cells = [title, colab_cell(), *rest]
    seen, kept = {}, []
    for cell in cells:
        tags = cell.metadata.get("tags", [])
        if left_out in tags:
            continue
        if cell.cell_type == "code" and not strip_comments(cell.source):
            raise ValueError(f"{source.name}: a cell holds no code: {cell.source!r}")
        count = seen[cell.source] = seen.get(cell.source, 0) + 1
        digest = hashlib.sha256(f"{source.stem}\n{count}\n{cell.source}".encode())
        cell.id = digest.hexdigest()[:8]
        cell.metadata = {"tags": tags} if tags else {}
        kept.append(cell)
    return nbformat.v4.new_notebook(cells=kept, metadata=METADATA)


def address():
    """The project's public address, or an empty string while it has none."""
    project = tomllib.loads((HERE.parent / "pyproject.toml").read_text("utf-8"))
    return project["tool"]["aelab"]["repository"]


def badge(stem):
    """A link that opens a lesson on Colab, which reads notebooks from GitHub."""
    place = address().removeprefix("https://github.com/")
    colab = "https://colab.research.google.com"
    link = f"{colab}/github/{place}/blob/main/notebooks/{stem}.ipynb"
    return f"[![Open in Colab]({colab}/assets/colab-badge.svg)]({link})"


def colab_cell():
    """The cell that installs the package on Colab, from its address or an upload."""
    package = f"aelab @ git+{address()}" if address() else "/content/aelab.zip"
    note = "" if address() else "  # upload it first: README, Colab"
    return nbformat.v4.new_code_cell(
        COLAB.format(package=package, note=note), metadata={"tags": ["colab"]}
    )


def strip_comments(code):
    return re.sub(r"^\s*#.*$", "", code, flags=re.MULTILINE).strip()


def measured_minutes(stem):
    minutes = results.read().get("lessons", {}).get(stem)
    return "not yet measured" if minutes is None else f"{minutes['minutes']:.1f}"


def write(path, book):
    path.parent.mkdir(exist_ok=True)
    path.write_text(nbformat.writes(book) + "\n", encoding="utf-8", newline="\n")


def keep_outputs(book, old):
    """Give cells of `book` the outputs of the same cells in `old`."""
    by_id = {cell.id: cell for cell in old.cells if cell.cell_type == "code"}
    for cell in book.cells:
        if cell.cell_type == "code" and cell.id in by_id:
            cell.outputs = by_id[cell.id].outputs
            cell.execution_count = by_id[cell.id].execution_count
    return book


def execute(book, folder):
    """Run every cell as a person would, and keep what belongs in a stored notebook."""
    NotebookClient(
        book,
        timeout=None,
        kernel_name="python3",
        record_timing=False,
        resources={"metadata": {"path": folder}},
    ).execute()
    for cell in book.cells:
        if cell.cell_type == "code":
            cell.outputs = [o for o in cell.outputs if o.get("name") != "stderr"]
            for output in cell.outputs:
                shown = output.get("data", {})
                # A widget without its kernel would hide the picture beside it.
                shown.pop(WIDGET, None)
                if "image/png" in shown:
                    shown["image/png"] = smaller(shown["image/png"])
    book.metadata = METADATA


def smaller(png):
    """A figure in base64 with 128 colours: a third of the bytes, and nobody sees it."""
    figure, file = Image.open(io.BytesIO(base64.b64decode(png))), io.BytesIO()
    figure = figure.convert("RGB").quantize(128, dither=Image.Dither.NONE)
    figure.save(file, "PNG", optimize=True)
    return base64.b64encode(file.getvalue()).decode()


def execute_lesson(source):
    """Build, run and store the lesson and its solution; record the lesson's minutes."""
    os.environ.setdefault("AELAB_DATASET", "mnist")
    os.environ["AELAB_BUDGET"] = "full"
    for path, left_out in targets(source).items():
        book = build(source, left_out)
        began = time.perf_counter()
        execute(book, path.parent)
        minutes = (time.perf_counter() - began) / 60
        print(f"{path.relative_to(HERE)}: {minutes:.1f} minutes", flush=True)
        if left_out == "solution":
            fact = {"minutes": round(minutes, 1), "cores": os.cpu_count()}
            lessons = results.read().get("lessons", {})
            results.record("lessons", {**lessons, source.stem: fact})
        write(path, keep_outputs(build(source, left_out), book))


def is_stale(path, book):
    """Whether the notebook at a path differs from `book` in more than its outputs."""
    if not path.exists():
        return True
    old = nbformat.read(path, as_version=4)
    facts = [(c.id, c.cell_type, c.source, c.metadata) for c in old.cells]
    return facts != [(c.id, c.cell_type, c.source, c.metadata) for c in book.cells]


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("lessons", nargs="*")
    parser.add_argument("--execute", action="store_true")
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    stale = []
    for source in sources(options.lessons):
        if options.execute:
            execute_lesson(source)
            continue
        for path, left_out in targets(source).items():
            book = build(source, left_out)
            if options.check:
                stale += [path] if is_stale(path, book) else []
            else:
                if path.exists():
                    keep_outputs(book, nbformat.read(path, as_version=4))
                write(path, book)
    for path in stale:
        print(f"{path.relative_to(HERE)} differs from its source: build it again")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
