"""A notebook run without a browser: in a kernel of this Python, kept as a page."""

import ast
import os
import re
import subprocess
import tempfile
import time
from pathlib import Path

from bs4 import BeautifulSoup
from jupyter_client import AsyncKernelManager
from jupyter_client.kernelspec import KernelSpecManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError
from nbconvert import HTMLExporter

from aelab import settings

WIDGET = "application/vnd.jupyter.widget-view+json"
# Threads that sleep while they wait for each other, for a lesson beside other work.
PASSIVE = {"OMP_WAIT_POLICY": "PASSIVE", "KMP_BLOCKTIME": "0"}
LONGEST = 200  # characters shown of a measured value
PATIENCE = 30  # seconds to wait for the values behind a failed assertion


class CellFailed(Exception):  # noqa: N818
    """A cell did not run to its end: names the section, the error, and the values."""


def execute(book, folder, environment=None, on_section=None, on_progress=None):
    """Run all cells of a notebook; what they put out is stored in it.

    Outputs that the notebook holds already are dropped first: they are another
    run's. The kernel is one of this Python, whatever kernels Jupyter knows.

    Args:
        book: Notebook, as `nbformat.read` returns it.
        folder: Folder that the cells run in.
        environment: Dict of environment variables to change.
        on_section: Called with each heading under which cells begin to run.
        on_progress: Called with each text that a cell puts in place of an older
            one, such as the line on the current epoch.

    Raises:
        CellFailed: If a cell raised an error, or its kernel died. The cells before it
            keep their outputs.
    """
    cells = [i for i, cell in enumerate(book.cells) if cell.cell_type == "code"]
    for index in cells:
        book.cells[index].outputs = []
        book.cells[index].execution_count = None
    # Without folders to search, Jupyter falls back on the kernel of this Python.
    kernels = AsyncKernelManager(
        kernel_name="python3", kernel_spec_manager=KernelSpecManager(kernel_dirs=[])
    )
    client = _Client(book, km=kernels, timeout=None, record_timing=False)
    client.on_progress = on_progress
    variables = {**PASSIVE, **os.environ, **(environment or {})}
    if variables.get("AELAB_DATA"):  # given from here; the cells run in `folder`
        variables["AELAB_DATA"] = str(settings.absolute(variables["AELAB_DATA"]))
    last = None
    try:
        # TensorFlow's start-up notes go to the kernel's error stream.
        with client.setup_kernel(
            cleanup_kc=True, cwd=str(folder), env=variables, stderr=subprocess.DEVNULL
        ):
            for count, index in enumerate(cells, start=1):
                section = heading(book, index)
                if on_section and section != last:
                    on_section(section)
                last = section
                _execute_cell(client, index, count)
    finally:
        _drop_noise(book)


def heading(book, index):
    """The nearest heading above a cell, without its marks."""
    for cell in reversed(book.cells[:index]):
        if cell.cell_type == "markdown":
            headings = re.findall(r"^#+ +(.+)$", cell.source, re.MULTILINE)
            if headings:
                return headings[-1]
    return "Start"


def tagged_text(book, tag):
    """The text outputs of the cells that carry a tag, one string for each output."""
    found = []
    for cell in book.cells:
        if tag in cell.metadata.get("tags", []):
            for output in cell.get("outputs", []):
                text = output.get("data", {}).get("text/plain", output.get("text"))
                if text:
                    found.append(text)
    return found


def write_page(book, path):
    """Write a notebook as an HTML page: whole, or not at all."""
    page, _ = HTMLExporter().from_notebook_node(book)
    page = _made_readable(page, book)
    with tempfile.TemporaryDirectory(dir=path.parent) as beside:
        part = Path(beside, path.name)
        part.write_text(page, encoding="utf-8")
        part.replace(path)


def _made_readable(page, book):
    """The page with what nbconvert leaves out.

    These are its figures' text alternatives, a list of its sections, and lines of code
    that wrap on a narrow screen.
    """
    texts = {}
    for cell in book.cells:
        for output in cell.get("outputs", []):
            text = output.get("metadata", {}).get("image/png", {}).get("alt")
            if text:
                texts["".join(output["data"]["image/png"].split())] = text
    soup = BeautifulSoup(page, "html.parser")
    for picture in soup.select(".jp-RenderedImage img"):
        source = "".join(picture["src"].partition(",")[2].split())
        picture["alt"] = texts.get(source, picture.get("alt", ""))
    style = soup.new_tag("style")
    style.string = (
        "@media (max-width: 40em) "
        "{.highlight pre {white-space: pre-wrap; overflow-wrap: anywhere}}"
    )
    soup.head.append(style)
    sections = soup.new_tag("nav")
    for heading in soup.select("h2[id]"):
        link = soup.new_tag("a", href=f"#{heading['id']}", style="display: block")
        link.string = heading.get_text().rstrip("¶")
        sections.append(link)
    soup.select_one("main, body").insert(0, sections)
    return str(soup)


def expected_and_measured(code, values):
    """Lines on the assertions of a cell that do not hold.

    Args:
        code: Source of the cell.
        values: Dict from the source of an expression to its value as text; those that
            could not be computed are missing.

    Returns:
        List of lines: each claim, and below it what its sides were.

    Example:
        >>> values = {"a < b": "False", "a": "0.5", "b": "0.25"}
        >>> expected_and_measured("assert a < b", values)
        ['expected: a < b', '    here: a = 0.5, b = 0.25']
    """
    lines = []
    for claim, sides in _claims(code).items():
        if values.get(claim) == "False":
            lines.append(f"expected: {claim}")
            known = [f"{side} = {values[side]}" for side in sides if side in values]
            if known:
                lines.append("    here: " + ", ".join(known))
    return lines


class _Client(NotebookClient):
    """Tells of texts that are renewed while a cell runs."""

    on_progress = None

    def process_message(self, msg, cell, cell_index):
        if self.on_progress and msg["msg_type"] == "update_display_data":
            self.on_progress(msg["content"]["data"].get("text/plain", ""))
        return super().process_message(msg, cell, cell_index)


def _execute_cell(client, index, count):
    cell = client.nb.cells[index]
    where = f"In the section {heading(client.nb, index)!r}, cell {count}"
    try:
        client.execute_cell(cell, index, execution_count=count)
    except DeadKernelError as error:
        raise CellFailed(
            f"{where}: the kernel died, as it does where memory runs out.\n"
            f"{_indent(cell.source)}"
        ) from error
    except CellExecutionError as error:
        traceback = next(o for o in cell.outputs if o.output_type == "error").traceback
        lines = [f"{where}:", *traceback]
        if error.ename == "AssertionError" and not error.evalue:
            expressions = _expressions(cell.source)
            lines += expected_and_measured(cell.source, _values(client, expressions))
        raise CellFailed("\n".join(lines)) from error


def _claims(code):
    """What the assertions of a cell claim: `{test: its sides}`, as source text."""
    try:
        tree = ast.parse(code)
    except SyntaxError:  # a line for IPython alone
        return {}
    claims = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assert):
            compared = [n for n in ast.walk(node.test) if isinstance(n, ast.Compare)]
            sides = [side for n in compared for side in (n.left, *n.comparators)]
            claims[ast.unparse(node.test)] = [
                ast.unparse(side)
                for side in sides
                if not isinstance(side, ast.Constant)
            ]
    return claims


def _expressions(code):
    """All that must be computed to explain the assertions of a cell."""
    claims = _claims(code)
    return {*claims, *(side for sides in claims.values() for side in sides)}


def _values(client, expressions):
    """Values of expressions in the kernel, as text; without those that fail there."""
    client.timeout = PATIENCE
    deadline = time.monotonic() + PATIENCE
    status = "aborted"
    # For a moment after an error a kernel refuses what it is asked.
    while status == "aborted" and time.monotonic() < deadline:
        message = client.kc.execute(
            "", silent=True, user_expressions={e: f"str({e})" for e in expressions}
        )
        reply = client.wait_for_reply(message)
        status = reply["content"]["status"] if reply else "none"
    answers = reply["content"].get("user_expressions", {}) if reply else {}
    return {
        expression: ast.literal_eval(answer["data"]["text/plain"])[:LONGEST]
        for expression, answer in answers.items()
        if answer["status"] == "ok"
    }


def _drop_noise(book):
    """Take out error streams, and widgets, which would hide the picture beside them."""
    for cell in book.cells:
        if cell.cell_type == "code":
            cell.outputs = [o for o in cell.outputs if o.get("name") != "stderr"]
            for output in cell.outputs:
                output.get("data", {}).pop(WIDGET, None)


def _indent(text):
    return "\n".join("    " + line for line in text.splitlines())
