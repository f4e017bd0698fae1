"""`python -m aelab`: run, doctor, data; and what importing the package costs."""

import hashlib
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import numpy as np
import pytest

from aelab import __main__ as cli
from aelab import sources

v4 = nbformat.v4


def markdown(text):
    return v4.new_markdown_cell(text)


def code(text, *tags):
    return v4.new_code_cell(text, metadata={"tags": list(tags)})


def python(command, **environment):
    """Run a command in a Python of its own."""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **environment}
    return subprocess.run(
        [sys.executable, "-c", command], env=env, capture_output=True, text=True
    )


@pytest.fixture(autouse=True)
def _machine(tmp_path, monkeypatch):
    """No settings, empty caches, and a folder of our own to stand in."""
    for name in ("AELAB_DATA", "AELAB_DATASET", "AELAB_BUDGET"):
        # Set, then deleted: what `run` sets is taken back too.
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setattr(sources, "_cache", lambda: tmp_path / "cache")
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def lessons(tmp_path, monkeypatch):
    """A course of two tiny lessons, the second of which fails."""
    folder = tmp_path / "notebooks"
    folder.mkdir()
    good = [
        markdown("# Compress a digit\n\nWords."),
        code("import os\nprint('not', 'this')"),
        markdown("## Measure"),
        code("from pathlib import Path\nprint(f'MSE {1 / 8:.4f}')", "numbers"),
        code("os.environ['AELAB_BUDGET'], os.environ['AELAB_DATASET']", "numbers"),
        code("Path.cwd().name", "numbers"),
    ]
    bad = [
        markdown("# Fail"),
        code("print('seen before')"),
        code("1 / 0"),
        code("print('never seen')", "numbers"),
    ]
    for name, cells in (("01_good", good), ("02_bad", bad)):
        nbformat.write(v4.new_notebook(cells=cells), folder / f"{name}.ipynb")
    monkeypatch.setattr(cli, "NOTEBOOKS", folder)
    return folder


# run


def test_run_prints_the_numbers_and_leaves_a_page(lessons, tmp_path, capsys):
    before = (lessons / "01_good.ipynb").read_bytes()
    arguments = ["run", "1", "--budget", "quick", "--dataset", "glyphs"]
    assert cli.main([*arguments, "--output", "pages/new"]) == 0
    out = capsys.readouterr().out
    lines = [line.strip() for line in out.splitlines() if line.strip()]
    numbers = ["MSE 0.1250", "('quick', 'glyphs')", "'notebooks'"]
    assert lines[:3] == ["Lesson 01_good", "Compress a digit", "Measure"]
    assert lines[3:6] == numbers
    page = tmp_path / "pages" / "new" / "01_good.html"
    assert str(page) in lines[6]
    assert "not this" not in out
    assert "jupyter" in out
    text = page.read_text(encoding="utf-8")
    assert "MSE 0.1250" in text
    assert "not this" in text
    assert (lessons / "01_good.ipynb").read_bytes() == before


@pytest.mark.usefixtures("lessons")
def test_a_lesson_that_fails_is_named_and_leaves_its_page(tmp_path, capsys):
    assert cli.main(["run", "02"]) == 1
    said = capsys.readouterr()
    assert "Failed: 02_bad" in said.out
    assert "ZeroDivisionError" in said.err
    text = (tmp_path / "output" / "02_bad.html").read_text(encoding="utf-8")
    assert "seen before" in text
    assert "ZeroDivisionError" in text


def test_a_lesson_whose_kernel_dies_is_named_and_leaves_its_page(
    lessons, tmp_path, capsys
):
    cells = [code("print('seen before')"), code("import os; os._exit(1)")]
    nbformat.write(v4.new_notebook(cells=cells), lessons / "03_dead.ipynb")
    assert cli.main(["run", "03"]) == 1
    assert "Failed: 03_dead" in capsys.readouterr().out
    assert "seen before" in (tmp_path / "output" / "03_dead.html").read_text("utf-8")


@pytest.mark.usefixtures("lessons")
@pytest.mark.parametrize("ran", [[True, True], [False, True], [True, False]])
def test_all_lessons_run_even_after_one_that_failed(monkeypatch, capsys, ran):
    asked = []

    def run_one(path, output):
        asked.append(path.stem)
        return ran[len(asked) - 1]

    monkeypatch.setattr(cli, "run_one", run_one)
    assert cli.main(["run", "all"]) == (0 if all(ran) else 1)
    assert asked == ["01_good", "02_bad"]
    failed = [name for name, good in zip(asked, ran, strict=True) if not good]
    assert all(f"Failed: {name}" in capsys.readouterr().out for name in failed)


@pytest.mark.usefixtures("lessons")
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "07"], ["01, 02 or all", "07"]),
        (["run", "01", "vanilla"], ["01, 02 or all", "vanilla"]),
        (["run", "01", "--dataset", "cifar10"], ["'glyphs'", ".npz", "'cifar10'"]),
        (["data", "cifar10", "--to", "lab"], ["'mnist'", "'cifar10'"]),
        (["data", "glyphs", "--to", "lab"], ["built in", "'glyphs'"]),
    ],
)
def test_what_is_unknown_gets_one_line_with_value_and_cure(
    tmp_path, monkeypatch, capsys, arguments, words
):
    monkeypatch.setattr(cli, "run_one", lambda *_: pytest.fail("ran all the same"))
    assert cli.main(arguments) == 1
    said = capsys.readouterr()
    (line,) = said.err.splitlines()
    assert line.startswith("aelab: ")
    for word in words:
        assert word in line
    assert said.out == ""
    assert not (tmp_path / "output").exists()
    assert not (tmp_path / "lab").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "01", "--budget", "huge"], ["--budget", "'huge'", "full", "quick"]),
        (["train"], ["'train'", "run", "doctor", "data"]),
        (["data", "mnist"], ["--to"]),
        (["run"], ["lessons"]),
        ([], ["command"]),
    ],
)
def test_a_wrong_command_line_shows_the_right_one(capsys, arguments, words):
    with pytest.raises(SystemExit) as caught:
        cli.main(arguments)
    assert caught.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith("usage: python -m aelab")
    for word in words:
        assert word in error.splitlines()[-1]


def test_the_environment_is_checked_before_a_lesson_runs(lessons, monkeypatch, capsys):
    monkeypatch.setenv("AELAB_DATASET", "emnist")
    monkeypatch.setattr(cli, "run_one", lambda *_: pytest.fail("ran all the same"))
    assert cli.main(["run", "01"]) == 1
    assert "'emnist'" in capsys.readouterr().err


@pytest.mark.usefixtures("lessons")
def test_the_budget_is_checked_before_a_lesson_runs(monkeypatch, capsys):
    monkeypatch.setenv("AELAB_BUDGET", "huge")
    monkeypatch.setattr(cli, "run_one", lambda *_: pytest.fail("ran all the same"))
    assert cli.main(["run", "01"]) == 1
    assert "'huge'" in capsys.readouterr().err


def test_stored_results_are_not_shown_as_this_machines(lessons, tmp_path, capsys):
    stored = code("print('measured here')", "numbers")
    stored.outputs = [v4.new_output("stream", text="measured elsewhere")]
    cells = [code("1 / 0"), stored]
    nbformat.write(v4.new_notebook(cells=cells), lessons / "04_stored.ipynb")
    assert cli.main(["run", "04", "--output", str(tmp_path / "out")]) == 1
    assert "elsewhere" not in capsys.readouterr().out
    assert "elsewhere" not in (tmp_path / "out" / "04_stored.html").read_text("utf-8")


@pytest.mark.usefixtures("lessons")
def test_relative_folders_still_hold_in_a_lessons_own_folder(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AELAB_DATA", "lab")
    monkeypatch.setenv("AELAB_DATASET", "mnist")
    monkeypatch.setattr(cli, "run_one", lambda *_: True)
    assert cli.main(["run", "01"]) == 0
    assert os.environ["AELAB_DATA"] == str(tmp_path / "lab")
    assert os.environ["AELAB_DATASET"] == "mnist"
    assert cli.main(["run", "01", "--dataset", "mine.npz"]) == 0
    assert os.environ["AELAB_DATASET"] == str(tmp_path / "mine.npz")


@pytest.mark.usefixtures("lessons")
def test_a_number_that_only_begins_like_a_lesson_is_unknown(monkeypatch, capsys):
    monkeypatch.setattr(cli, "run_one", lambda *_: True)
    assert cli.main(["run", "0200"]) == 1
    assert "0200" in capsys.readouterr().err


@pytest.mark.usefixtures("lessons")
@pytest.mark.parametrize(
    "arguments",
    [["run", "01", "--output", "in_the_way"], ["data", "mnist", "--to", "in_the_way"]],
)
def test_a_folder_that_cannot_be_made_is_named(
    tmp_path, monkeypatch, capsys, arguments
):
    monkeypatch.setattr(sources, "find", lambda name: ([], tmp_path))
    Path("in_the_way").write_text("a file")
    assert cli.main(arguments) == 1
    assert "in_the_way" in capsys.readouterr().err


@pytest.mark.usefixtures("lessons")
def test_a_path_of_data_is_made_absolute(tmp_path, monkeypatch):
    monkeypatch.setattr(cli, "run_one", lambda *_: True)
    assert cli.main(["run", "01", "--dataset", "mine.npz"]) == 0
    assert os.environ["AELAB_DATASET"] == str(tmp_path / "mine.npz")


def test_without_notebooks_the_cure_is_named(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(cli, "NOTEBOOKS", tmp_path / "nowhere")
    assert cli.main(["run", "01"]) == 1
    assert "pip install -e ." in capsys.readouterr().err


# data


def test_data_fetches_into_a_folder_and_says_how_to_use_it(
    tmp_path, monkeypatch, capsys
):
    keys = ("x_train", "y_train", "x_test", "y_test")
    arrays = {key: np.full((2, 2), i, "uint8") for i, key in enumerate(keys)}
    known = {key: hashlib.sha256(array).hexdigest() for key, array in arrays.items()}
    monkeypatch.setattr(sources, "_MNIST_ARRAYS", known)
    (tmp_path / "keras" / "datasets").mkdir(parents=True)
    np.savez(tmp_path / "keras" / "datasets" / "mnist.npz", **arrays)
    assert cli.main(["data", "mnist", "--to", "lab"]) == 0
    assert (tmp_path / "lab" / "mnist.npz").is_file()
    first, second = capsys.readouterr().out.splitlines()
    assert first == f"{Path('lab', 'mnist.npz')}: checked"
    assert f"AELAB_DATA={tmp_path / 'lab'}" in second


def test_data_that_cannot_be_had_is_an_error(tmp_path, monkeypatch, capsys):
    def refuse(folder):
        raise OSError("no network")

    monkeypatch.setattr(sources.SOURCES["mnist"], "download", refuse)
    assert cli.main(["data", "mnist", "--to", "lab"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("aelab: mnist could not be had")
    assert "no network" in error
    assert not (tmp_path / "lab").exists()


# doctor


@pytest.fixture
def doctor(monkeypatch, capsys):
    """A function that runs the doctor and returns its code and its lines by name."""
    monkeypatch.setattr(cli, "NEEDED_MEMORY", 0.01)
    monkeypatch.setattr(cli, "NEEDED_DISK", 0.0)

    def call():
        rc = cli.main(["doctor"])
        lines = capsys.readouterr().out.splitlines()
        return rc, {line[6:].split(": ")[0]: line for line in lines}

    return call


def cures(lines):
    return [name for name, line in lines.items() if line.startswith("CURE")]


def test_the_doctor_finds_this_machine_fit(doctor):
    rc, lines = doctor()
    assert rc == 0
    assert all(line.startswith("OK    ") for line in lines.values())
    for name in ("Python", "Jupyter", "Keras", "AELAB_BUDGET", "Data glyphs"):
        assert name in lines
    assert (
        os.environ.get("KERAS_BACKEND", "tensorflow")
        in (lines["Backend, device, precision"])
    )


@pytest.mark.parametrize(
    ("name", "value"), [("AELAB_BUDGET", "huge"), ("AELAB_DATASET", "emnist")]
)
def test_the_doctor_finds_a_bad_setting(doctor, monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    rc, lines = doctor()
    assert rc == 1
    assert cures(lines) == [name]
    assert repr(value) in lines[name]
    assert "must be" in lines[name]


@pytest.mark.parametrize("missing", cli.BACKENDS)
def test_the_doctor_finds_a_backend_that_is_not_installed(doctor, monkeypatch, missing):
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name, *rest: None if name == missing else real(name, *rest),
    )
    monkeypatch.setenv("KERAS_BACKEND", missing)
    rc, lines = doctor()
    assert rc == 1
    assert cures(lines) == ["Backend"]
    assert f"pip install {missing}" in lines["Backend"]
    assert "KERAS_BACKEND" in lines["Backend"]


def test_the_doctor_finds_jupyter_missing(doctor, monkeypatch):
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name, *rest: None if name == "ipykernel" else real(name, *rest),
    )
    rc, lines = doctor()
    assert rc == 1
    assert "requirements.txt" in lines["Jupyter"]


@pytest.mark.parametrize("version", [(3, 10, 9), (3, 14, 0)])
def test_the_doctor_finds_another_python(doctor, monkeypatch, version):
    monkeypatch.setattr(cli, "check_keras", lambda: [])
    monkeypatch.setattr(sys, "version_info", version)
    rc, lines = doctor()
    assert rc == 1
    assert "install 3.11, 3.12 or 3.13" in lines["Python"]


@pytest.mark.parametrize("what", ["Memory", "Disk"])
def test_the_doctor_finds_too_little_room(doctor, monkeypatch, what):
    monkeypatch.setattr(cli, "check_keras", lambda: [])
    monkeypatch.setattr(cli, f"NEEDED_{what.upper()}", 1e6)
    rc, lines = doctor()
    assert rc == 1
    assert cures(lines) == [f"Free {what.lower()}"]


def test_the_doctor_misses_only_the_data_that_is_asked_for(doctor, monkeypatch):
    monkeypatch.setattr(cli, "check_keras", lambda: [])
    assert doctor()[0] == 0
    monkeypatch.setenv("AELAB_DATASET", "mnist")
    rc, lines = doctor()
    assert rc == 1
    assert cures(lines) == ["Data mnist"]
    assert "python -m aelab data mnist --to FOLDER" in lines["Data mnist"]


# Importing


def test_importing_the_package_is_cheap():
    done = python(
        "import sys; before = set(sys.modules); import aelab;"
        "print(*{name.split('.')[0] for name in set(sys.modules) - before})"
    )
    assert done.returncode == 0, done.stderr
    assert "aelab" in done.stdout.split()
    assert not {"keras", "numpy", "matplotlib"} & set(done.stdout.split())


def test_an_unknown_backend_is_named_at_import():
    done = python("import aelab", KERAS_BACKEND="theano")
    assert done.returncode != 0
    last = done.stderr.splitlines()[-1]
    assert last.startswith("ValueError: KERAS_BACKEND must be one of tensorflow, jax")
    assert "KERAS_BACKEND='theano'" in last


def test_python_m_aelab_returns_the_exit_code():
    run = "import runpy, sys; sys.argv[1:] = ['data', 'cifar10', '--to', 'x'];"
    done = python(run + "runpy.run_module('aelab', run_name='__main__')")
    assert done.returncode == 1
    assert "'cifar10'" in done.stderr
    assert "Traceback" not in done.stderr
