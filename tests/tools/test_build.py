"""Building notebooks from their sources: what is kept, what is told, what is stored."""

import base64
import io
import json

import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pytest
from nbformat import v4
from PIL import Image

from aelab import settings
from tools import build, results

SOURCE = """\
# %% [markdown]
# # 09 Title
#
# All cells take {{minutes}} minutes.

# %%
import os, sys
print("told", os.environ["AELAB_BUDGET"], os.environ["AELAB_DATASET"])
print("warned", file=sys.stderr)

# %% tags=["exercise"]
answer = None

# %% tags=["solution"]
answer = 4

# %%
assert answer in (None, 4)
"""


@pytest.fixture
def source(tmp_path, monkeypatch):
    """The source of a course of one small lesson, nothing built or measured yet."""
    monkeypatch.setattr(build, "ROOT", tmp_path)
    monkeypatch.setattr(build, "NOTEBOOKS", tmp_path / "notebooks")
    monkeypatch.setattr(build, "address", lambda: "")
    monkeypatch.setattr(results, "RESULTS", tmp_path / "results.json")
    path = tmp_path / "notebooks" / "src" / "09_x.py"
    path.parent.mkdir(parents=True)
    path.write_text(SOURCE)
    return path


def code(path):
    book = nbformat.read(path, as_version=4)
    return [cell for cell in book.cells if cell.cell_type == "code"]


def test_a_build_makes_lesson_and_solution_and_tells_drift(source, tmp_path, capsys):
    lesson, solution = build.targets(source)
    assert build.main(["--check"]) == 1
    assert not lesson.exists()
    assert build.main([]) == 0
    first = lesson.read_bytes(), solution.read_bytes()
    assert build.main(["--check"]) == 0
    assert build.main([]) == 0
    assert (lesson.read_bytes(), solution.read_bytes()) == first

    nbformat.validate(nbformat.read(lesson, as_version=4))
    assert "answer = None" in [cell.source for cell in code(lesson)]
    assert "answer = 4" not in lesson.read_text()
    assert "answer = 4" in [cell.source for cell in code(solution)]
    assert "answer = None" not in solution.read_text()
    assert "several minutes" in lesson.read_text()

    capsys.readouterr()
    lesson.write_text(lesson.read_text().replace("# 09 Title", "# 09 Other"))
    assert build.main(["--check"]) == 1
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith(str(lesson.relative_to(tmp_path)))


def test_a_full_run_is_stored_with_its_date_versions_and_minutes(source, monkeypatch):
    monkeypatch.setenv("AELAB_BUDGET", "quick")
    monkeypatch.setattr(build.psutil, "getloadavg", lambda: (0.1, 3.0, 3.0))
    assert build.main(["09_x", "--execute"]) == 0
    lesson, solution = build.targets(source)
    for path in (lesson, solution):
        assert [cell.execution_count for cell in code(path)] == [1, 2, 3, 4]
        (output,) = code(path)[1].outputs
        assert output.text == "told full mnist\n"
        run = nbformat.read(path, as_version=4).metadata["aelab"]
        assert run["date"].startswith("20")
        assert run["versions"]["keras"]
        assert run["backend"] == "tensorflow"
    kept = results.read()["lessons"]["09_x"]
    assert kept["run"] == run
    assert f"take {kept['minutes']} minutes" in lesson.read_text()
    # What was run stays, in cells that did not change.
    source.write_text(SOURCE.replace("Title", "Other title").replace("(None", "(0"))
    assert build.main([]) == 0
    assert [cell.execution_count for cell in code(lesson)] == [1, 2, 3, None]
    assert nbformat.read(lesson, as_version=4).metadata["aelab"] == run


def test_a_solution_runs_where_its_exercise_stands_and_nothing_runs_twice(source):
    check = SOURCE.replace("assert answer in (None, 4)", "print(answer)")
    source.write_text(
        check + "\n# %% [markdown]\n# ## Later\n\n# %%\n"
        "answer = 5\nruns = globals().get('runs', 0) + 1\nruns\n"
    )
    assert build.main(["09_x", "--execute"]) == 0
    lesson, solution = build.targets(source)
    told = {path: [c.outputs for c in code(path)] for path in (lesson, solution)}
    assert told[lesson][3][0].text == "None\n"
    assert told[solution][3][0].text == "4\n"
    for path in (lesson, solution):
        (later,) = told[path][4]
        assert later.data["text/plain"] == "1"
        assert later.execution_count == code(path)[4].execution_count == 5


def test_what_a_solution_adds_after_the_check_runs_once_and_repeats_nothing(source):
    source.write_text(
        SOURCE
        + '\n# %% tags=["solution"]\nadded = globals().get("added", 0) + 1\nadded\n'
        "\n# %%\nruns = globals().get('runs', 0) + 1\nruns\n"
    )
    assert build.main(["09_x", "--execute"]) == 0
    _, solution = build.targets(source)
    added = code(solution)[4:]
    assert [cell.outputs[0].data["text/plain"] for cell in added] == ["1", "1"]


def test_minutes_of_a_busy_machine_are_an_upper_bound(source, monkeypatch, capsys):
    monkeypatch.setattr(build.psutil, "getloadavg", lambda: (3.0, 0.1, 0.1))
    assert build.main(["09_x", "--execute"]) == 0
    assert "busy machine" in capsys.readouterr().out
    minutes = results.read()["lessons"]["09_x"]["minutes"]
    lesson, _ = build.targets(source)
    assert f"take at most {minutes:.0f} minutes" in lesson.read_text()


def test_a_claim_that_fails_fails_the_command_and_stores_nothing(source, capsys):
    assert build.main([]) == 0
    source.write_text(SOURCE.replace("(None, 4)", "(None, 5)"))
    lesson, solution = build.targets(source)
    before = lesson.read_bytes(), solution.read_bytes()
    assert build.main(["--execute"]) == 1
    said = capsys.readouterr().out
    assert "09_x failed" in said
    assert "expected: answer in (None, 5)\n    here: answer = 4" in said
    assert (lesson.read_bytes(), solution.read_bytes()) == before
    assert results.read() == {}


def test_a_cell_without_code_and_an_unknown_lesson_are_refused(source):
    source.write_text("# %% [markdown]\n# # 09 Title\n\n# %%\n# forgot the marker\n")
    with pytest.raises(ValueError, match=r"09_x\.py: a cell holds no code"):
        build.build(source, "solution")
    with pytest.raises(ValueError, match=r"09_x\. Received: \['12_none'\]"):
        build.main(["12_none"])


def test_the_same_cell_twice_has_two_names(source):
    source.write_text(SOURCE + "\n# %%\nx = 1\n\n# %%\nx = 1\n")
    names = [cell.id for cell in build.build(source, "solution").cells]
    assert len(set(names)) == len(names)


def encoded(pixels):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def decoded(png):
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(png))).convert("RGB"))


@pytest.mark.parametrize("step", build.GREY_STEPS)
def test_grey_figures_are_stored_with_a_palette(step):
    greys = np.random.default_rng(0).integers(0, 256, (64, 64, 1), "uint8")
    png = encoded(greys.repeat(3, axis=-1))
    output = v4.new_output("display_data", {"image/png": png, "text/plain": "figure"})
    book = v4.new_notebook(cells=[v4.new_code_cell("plot()", outputs=[output])])
    build.shrink(book, step)
    shown = book.cells[0].outputs[0].data
    assert len(shown["image/png"]) < 0.9 * len(png)
    assert np.abs(decoded(shown["image/png"]) - greys.astype(int)).max() <= 12
    assert shown["text/plain"] == "figure"


@pytest.mark.parametrize("step", build.GREY_STEPS)
def test_white_and_the_few_colours_of_classes_survive_many_greys(step):
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (300, 300, 1), "uint8").repeat(3, axis=-1)
    pixels[100:] = 255
    classes = np.array(plt.get_cmap("tab10").colors)
    shades = np.linspace(0.2, 1, 4)[:, None, None]  # anti-aliased edges
    pixels[:4, :10] = 255 * (1 - shades * (1 - classes))
    pixels[50, 50] = 255 * classes[8]
    kept = decoded(build.smaller(encoded(pixels), step))
    assert np.abs(kept.astype(int) - pixels.astype(int)).max() <= 12
    assert (kept[100:] == 255).all()


def test_the_colab_cell_installs_only_on_colab_and_only_the_package():
    cell = build.colab_cell().source
    assert 'if "google.colab" in sys.modules:' in cell
    (install,) = [line for line in cell.splitlines() if "%pip" in line]
    assert install.startswith("    ")
    for foreign in ("jupyter", "requirements", *settings.BACKENDS):
        assert foreign not in install


def test_badge_and_address_appear_once_the_project_has_one(source, monkeypatch):
    assert "Open in Colab" not in build.build(source, "solution").cells[0].source
    monkeypatch.setattr(build, "address", lambda: "https://github.com/owner/aelab")
    title, install = build.build(source, "solution").cells[:2]
    assert "/github/owner/aelab/blob/main/notebooks/09_x.ipynb" in title.source
    assert '"aelab @ git+https://github.com/owner/aelab"' in install.source


def test_records_are_made_by_a_run_of_their_own(source, tmp_path, monkeypatch):
    file = tmp_path / "records.json"
    cells = f"""\
# %% [markdown]
# # 09 Title

# %% tags=["setup"]
from pathlib import Path
from aelab import records
records.FILE = Path({str(file)!r})

# %%
def study(seed):
    return 2 * seed

print("study", records.result_of(study, seed=4))
"""
    source.write_text(cells)
    assert build.main(["--record"]) == 0
    assert build.main(["--record", "--dataset", "glyphs"]) == 0
    assert list(json.loads(file.read_text())) == ["09_x", "09_x on glyphs"]
    with pytest.raises(SystemExit):  # what is stored is of MNIST
        build.main(["--execute", "--dataset", "glyphs"])
    lesson, _ = build.targets(source)
    assert not lesson.exists()
    assert '"call": "study(seed=4)"' in file.read_text()
    assert build.main(["--execute"]) == 0
    read, printed = code(lesson)[-1].outputs
    assert read.data["text/plain"].startswith("study: 1 result read, recorded ")
    assert printed.text == "study 8\n"
    assert "begin" not in "".join(cell.source for cell in code(lesson))

    before = file.read_bytes()
    source.write_text(cells + "\n# %%\nassert False\n")
    assert build.main(["--record"]) == 1
    assert file.read_bytes() == before
