"""Notebooks run without a browser: whose kernel, what is kept, how a failure reads."""

import ast
import json
import sys

import nbformat
import pytest

from aelab import runner

v4 = nbformat.v4


def book(*cells):
    """A notebook: text cells start with a mark of a heading, the others are code."""
    return v4.new_notebook(
        cells=[
            v4.new_markdown_cell(text)
            if text.startswith("#")
            else v4.new_code_cell(text)
            for text in cells
        ]
    )


def outputs(cell):
    return [o.get("text") or o.get("data") for o in cell.outputs]


def test_cells_run_in_a_kernel_of_this_python_whatever_jupyter_knows(
    tmp_path, monkeypatch
):
    foreign = tmp_path / "kernels" / "python3"
    foreign.mkdir(parents=True)
    spec = {"argv": ["/nowhere/python", "-m", "x"], "display_name": "P"}
    (foreign / "kernel.json").write_text(json.dumps({**spec, "language": "python"}))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    lesson = book(
        "# Title",
        "import sys, os, IPython; print('warned', file=sys.stderr); sys.executable",
        "## Part one\n\nText.\n\n### Part two",
        "handle = IPython.display.display(1, display_id=True); handle.update(2)",
        "os.getcwd(), os.environ['AELAB_X']",
    )
    lesson.cells[1].outputs = [v4.new_output("stream", text="of another run")]
    sections, progress = [], []
    runner.execute(
        lesson,
        tmp_path,
        environment={"AELAB_X": "set"},
        on_section=sections.append,
        on_progress=progress.append,
    )
    assert outputs(lesson.cells[1]) == [{"text/plain": repr(sys.executable)}]
    assert outputs(lesson.cells[3]) == [{"text/plain": "2"}]
    (folder_and_setting,) = outputs(lesson.cells[4])
    shown = ast.literal_eval(folder_and_setting["text/plain"])
    assert shown == (str(tmp_path), "set")
    counts = [c.execution_count for c in lesson.cells if c.cell_type == "code"]
    assert counts == [1, 2, 3]
    assert sections == ["Title", "Part two"]
    assert progress == ["2"]


def test_a_claim_that_fails_shows_what_was_measured(tmp_path):
    lesson = book(
        "# Title",
        "import numpy as np; pca, ours = 0.25, {'mse': np.float32(0.5)}\n"
        # A slow kernel: after an error it refuses all that comes within this time.
        "get_ipython().kernel.stop_on_error_timeout = 0.5",
        "## Compared",
        "assert pca > 0\nfor factor in (3, 1):\n"
        "    assert ours['mse'] < pca * factor < missing if factor < 0 else True\n"
        "    assert ours['mse'] < pca * factor",
        "print('never run')",
    )
    with pytest.raises(runner.CellFailed) as caught:
        runner.execute(lesson, tmp_path)
    text = str(caught.value)
    assert text.startswith("In the section 'Compared', cell 2:\n")
    assert "AssertionError" in text
    assert text.endswith(
        "expected: ours['mse'] < pca * factor\n"
        "    here: ours['mse'] = 0.5, pca * factor = 0.25"
    )
    assert lesson.cells[-1].outputs == []


def test_a_dead_kernel_is_told_with_its_cell(tmp_path):
    lesson = book("# Title", "print('before')", "import os\nos._exit(1)")
    with pytest.raises(runner.CellFailed, match=r"(?s)'Title', cell 2: .*died.*_exit"):
        runner.execute(lesson, tmp_path)
    assert outputs(lesson.cells[1]) == ["before\n"]


def test_a_page_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    page = tmp_path / "page.html"
    runner.write_page(book("# Héllo"), page)
    assert "Héllo" in page.read_text("utf-8")
    page.unlink()
    monkeypatch.setattr(runner.Path, "replace", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        runner.write_page(book("# Title"), page)
    assert list(tmp_path.iterdir()) == []


def test_threads_wait_passively_unless_told_otherwise(tmp_path, monkeypatch):
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    lesson = book("import os; os.environ['OMP_WAIT_POLICY']")
    runner.execute(lesson, tmp_path)
    assert "PASSIVE" in str(outputs(lesson.cells[0]))
    runner.execute(lesson, tmp_path, environment={"OMP_WAIT_POLICY": "ACTIVE"})
    assert "ACTIVE" in str(outputs(lesson.cells[0]))


def test_a_relative_data_folder_is_that_of_the_caller(tmp_path, monkeypatch):
    (tmp_path / "lessons").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AELAB_DATA", "lab")
    lesson = book("import os; os.environ['AELAB_DATA']")
    runner.execute(lesson, tmp_path / "lessons")
    assert repr(str(tmp_path / "lab")) in outputs(lesson.cells[0])[0]["text/plain"]


def test_a_page_tells_what_its_figures_show(tmp_path):
    lesson = book(
        "import matplotlib.pyplot as plt",
        "from aelab.plots.style import describe",
        "describe(plt.subplots()[0], 'A curve that falls.'); plt.show()",
    )
    inline = "module://matplotlib_inline.backend_inline"
    runner.execute(lesson, tmp_path, environment={"MPLBACKEND": inline})
    runner.write_page(lesson, tmp_path / "page.html")
    assert 'alt="A curve that falls."' in (tmp_path / "page.html").read_text("utf-8")


def test_a_page_lists_its_sections_and_wraps_code(tmp_path):
    lesson = book("# Title\n\n## Long way", "1")
    runner.write_page(lesson, tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text("utf-8")
    assert 'href="#Long-way"' in page
    assert 'id="Long-way"' in page
    assert "pre-wrap" in page
