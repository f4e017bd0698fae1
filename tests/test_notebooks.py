"""The notebooks: built from their sources, executed, small, and in the house's form."""

import ast
import re
from statistics import median

import build
import nbformat
import pytest

SOURCES = build.sources()
STORED = [path for source in SOURCES for path in build.targets(source)]
PATHS = re.compile(r"(?<![\w.~])/(home|root|tmp|work|Users|mnt|content)/|[A-Z]:\\\\")


def name(path):
    return f"{path.parent.name}/{path.stem}"


def code_cells(book):
    return [cell for cell in book.cells if cell.cell_type == "code"]


def texts(cell):
    """All text that a cell put out."""
    for output in cell.outputs:
        yield output.get("text", "")
        yield from (v for v in output.get("data", {}).values() if isinstance(v, str))


@pytest.fixture(scope="module")
def book(request):
    return nbformat.read(request.param, as_version=4)


each_book = pytest.mark.parametrize("book", STORED, indirect=True, ids=name)
each_source = pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)


@each_source
def test_building_twice_gives_the_same_bytes(source):
    for left_out in build.targets(source).values():
        first, second = (build.build(source, left_out) for _ in range(2))
        assert nbformat.writes(first) == nbformat.writes(second)
        ids = [cell.id for cell in first.cells]
        assert len(set(ids)) == len(ids)
        nbformat.validate(first)


@each_source
def test_stored_notebooks_are_in_sync(source):
    for path, left_out in build.targets(source).items():
        assert not build.is_stale(path, build.build(source, left_out)), (
            f"{path.name} differs: python notebooks/build.py"
        )


def test_drift_is_told(tmp_path):
    source = SOURCES[0]
    path = tmp_path / "lesson.ipynb"
    book = build.build(source, "solution")
    assert build.is_stale(path, book)
    build.write(path, book)
    assert not build.is_stale(path, book)
    edited = nbformat.read(path, as_version=4)
    edited.cells[5].source += "\nmore"
    build.write(path, edited)
    assert build.is_stale(path, book)


def test_outputs_of_unchanged_cells_survive_a_build():
    old = build.build(SOURCES[0], "solution")
    code_cells(old)[2].execution_count = 7
    new = build.keep_outputs(build.build(SOURCES[0], "solution"), old)
    assert code_cells(new)[2].execution_count == 7


def test_code_cells_without_code_are_refused(tmp_path):
    source = tmp_path / "09_x.py"
    source.write_text("# %% [markdown]\n# # 09 Title\n\n# %%\n# forgot the marker\n")
    with pytest.raises(ValueError, match="holds no code"):
        build.build(source, "solution")


def test_unknown_lessons_are_named():
    with pytest.raises(ValueError, match=r"01_vanilla.*12_none"):
        build.sources(["12_none"])


@each_source
def test_stubs_and_solutions_stand_where_they_belong(source):
    lesson, solution = (
        {tag for cell in build.build(source, left_out).cells for tag in tags(cell)}
        for left_out in build.targets(source).values()
    )
    assert "exercise" in lesson
    assert "solution" not in lesson
    assert "solution" in solution
    assert "exercise" not in solution


def tags(cell):
    return cell.metadata.get("tags", [])


@each_book
def test_every_cell_was_executed_in_order(book):
    counts = [cell.execution_count for cell in code_cells(book)]
    assert counts == list(range(1, len(counts) + 1))


@each_book
def test_outputs_hold_no_debris(book):
    for cell in code_cells(book):
        for output in cell.outputs:
            assert output.output_type != "error"
            assert output.get("name") != "stderr"
        for text in texts(cell):
            assert not PATHS.search(text[:20_000]), text[:200]
            assert "\x08" not in text
            assert "\r" not in text


@each_book
def test_outputs_are_those_of_a_full_run_on_mnist(book):
    (setup,) = [cell for cell in book.cells if "setup" in tags(cell)]
    told = "".join(texts(setup))
    assert "Budget: full" in told
    assert "mnist" in told


@pytest.mark.parametrize("path", STORED, ids=name)
def test_stored_notebooks_are_small(path):
    assert path.stat().st_size <= 800_000


@each_book
def test_exercises_are_open_in_lessons_and_solved_in_solutions(book, request):
    said = [t for c in code_cells(book) for t in texts(c) if t.startswith("Exercise")]
    solved = "solutions" in request.node.callspec.id
    ending = "solved.\n" if solved else "open.\n"
    assert said == [f"Exercise {n}: {ending}" for n in (1, 2, 3)]


@each_book
def test_cells_keep_the_limits(book):
    lengths = sorted(
        sum(bool(line.strip()) for line in cell.source.splitlines())
        for cell in code_cells(book)
    )
    assert median(lengths) <= 6
    assert lengths[int(0.9 * len(lengths))] <= 18
    assert lengths[-1] <= 30


@each_book
def test_figures_are_shown_and_claims_asserted(book):
    pictures = [
        c
        for c in code_cells(book)
        for o in c.outputs
        if "image/png" in o.get("data", {})
    ]
    assert len(pictures) >= 5
    assert sum("assert " in cell.source for cell in code_cells(book)) >= 5
    assert sum("numbers" in tags(cell) for cell in book.cells) == 1


def test_lessons_share_one_setup_cell():
    """The seed and the modules that a lesson uses differ; the rest is the same."""
    cells = []
    for source in SOURCES:
        book = build.build(source, "solution")
        (setup,) = [cell.source for cell in book.cells if "setup" in tags(cell)]
        statements = ast.parse(setup).body
        assert len(statements) <= 12
        kept = [x for x in statements if not isinstance(x, ast.Import | ast.ImportFrom)]
        code = "\n".join(map(ast.unparse, kept))
        cells.append(re.sub(r"seed=\d+", "seed=N", code))
    assert len(set(cells)) == 1


def test_colab_cell_installs_only_on_colab_and_only_the_package():
    cell = build.colab_cell().source
    assert 'if "google.colab" in sys.modules:' in cell
    (install,) = [line for line in cell.splitlines() if "%pip" in line]
    assert install.startswith("    ")
    assert not re.search("jupyter|tensorflow|requirements", install)


def test_badge_and_address_appear_once_the_project_has_one(monkeypatch):
    def first_cells():
        return [cell.source for cell in build.build(SOURCES[0], "solution").cells[:2]]

    monkeypatch.setattr(build, "address", lambda: "")
    assert "Open in Colab" not in "".join(first_cells())
    monkeypatch.setattr(build, "address", lambda: "https://github.com/owner/aelab")
    title, install = first_cells()
    assert f"/github/owner/aelab/blob/main/notebooks/{SOURCES[0].stem}.ipynb" in title
    assert '"aelab @ git+https://github.com/owner/aelab"' in install
