"""`python -m aelab`: run and data; and what importing the package costs."""

import hashlib
import io
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import numpy as np
import pytest
from nbformat import v4

from aelab import cli, runner
from aelab.data import files


@pytest.fixture(autouse=True)
def _machine(tmp_path, monkeypatch):
    """No settings, empty caches, and a folder of our own to stand in."""
    for name in ("AELAB_DATA", "AELAB_DATASET", "AELAB_BUDGET"):
        # Set, then deleted: what `run` sets is taken back too.
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


def write(path, *cells):
    """Write a notebook: a heading, then cells of code, the last tagged `numbers`."""
    book = v4.new_notebook(cells=[v4.new_markdown_cell("# Measure")])
    book.cells += [v4.new_code_cell(source) for source in cells]
    book.cells[-1].metadata.tags = ["numbers"]
    nbformat.write(book, path)
    return path


@pytest.fixture
def lessons(tmp_path, monkeypatch):
    """A course of two tiny lessons, the second of which fails."""
    folder = tmp_path / "notebooks"
    folder.mkdir()
    write(
        folder / "01_good.ipynb",
        "import os; print('not', 'this')",
        "print(f'MSE {1 / 8:.4f}')\nprint(os.environ.get('AELAB_BUDGET'))\n"
        "print(os.environ['AELAB_DATASET'], os.getcwd())",
    )
    write(folder / "02_bad.ipynb", "print('seen', 'before')", "assert 1 > 2")
    monkeypatch.setattr(cli, "NOTEBOOKS", folder)
    return folder


@pytest.fixture
def started(monkeypatch):
    """Names of the lessons whose kernel was started, instead of running them."""
    names = []
    monkeypatch.setattr(cli, "run_one", lambda path, output: names.append(path.stem))
    return names


def test_run_prints_the_numbers_and_leaves_a_page(lessons, tmp_path, capsys):
    before = (lessons / "01_good.ipynb").read_bytes()
    arguments = ["run", "1", "--budget", "quick", "--dataset", "glyphs"]
    assert cli.main([*arguments, "--output", "pages/new"]) == 0
    said = capsys.readouterr()
    lines = [line.strip() for line in said.out.splitlines() if line.strip()]
    page = tmp_path / "pages" / "new" / "01_good.html"
    assert lines[:2] == ["Lesson 01_good", "Measure"]
    assert lines[2:5] == ["MSE 0.1250", "quick", f"glyphs {lessons}"]
    assert lines[5].endswith(f"Page with all figures: {page}")
    assert lines[-1].endswith(f"jupyter lab {Path('notebooks')}")
    assert said.err == ""
    assert "not this" in page.read_text("utf-8")
    assert (lessons / "01_good.ipynb").read_bytes() == before


@pytest.mark.usefixtures("lessons")
def test_a_lesson_that_fails_is_explained_and_the_others_run(tmp_path, capsys):
    assert cli.main(["run", "02", "01"]) == 1
    said = capsys.readouterr()
    assert "\x1b" not in said.err
    assert "Lesson 02_bad failed. In the section 'Measure', cell 2:" in said.err
    assert "AssertionError" in said.err
    assert "expected: 1 > 2" in said.err
    page = (tmp_path / "output" / "02_bad.html").read_text("utf-8")
    assert "seen before" in page
    assert "AssertionError" in page
    assert "MSE 0.1250" in said.out
    last_lines = said.out[said.out.index("Failed: 02_bad. ") :]
    assert "python -m aelab doctor" in last_lines
    jupyter = last_lines.splitlines()[-1]
    assert jupyter.endswith(f"jupyter lab {Path('notebooks')}")


@pytest.mark.usefixtures("lessons")
def test_an_interrupted_run_leaves_no_page(tmp_path, monkeypatch, capsys):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(runner, "execute", interrupt)
    assert cli.main(["run", "01"]) == 130
    assert capsys.readouterr().err == "\naelab: interrupted\n"
    assert list((tmp_path / "output").iterdir()) == []


@pytest.mark.usefixtures("lessons")
def test_want_of_memory_is_told_by_name(monkeypatch, capsys):
    def load(name):
        raise MemoryError

    monkeypatch.setattr(cli.data, "load", load)
    assert cli.main(["run", "01", "--dataset", "mnist"]) == 1
    assert capsys.readouterr().err == "aelab: MemoryError\n"


@pytest.mark.usefixtures("lessons")
def test_what_is_wrong_gets_one_line_before_a_kernel_starts(
    tmp_path, monkeypatch, capsys, started
):
    images = np.zeros((40, 4, 4), "uint8")
    np.savez("strings.npz", x_train=images, y_train=np.full(40, "cat"))
    np.savez("other.npz", pictures=images)
    Path("empty").mkdir()
    Path("in_the_way").write_text("a file")
    cases = [
        (["run", "07"], {}, ["01, 02 or all", "07"]),
        (["run", "01", "vanilla"], {}, ["01, 02 or all", "vanilla"]),
        (["run", "0200"], {}, ["0200"]),
        (["run", "01", "--dataset", "cifar10"], {}, ["'glyphs'", ".npz", "'cifar10'"]),
        (["run", "01", "--dataset", "none.npz"], {}, [str(tmp_path / "none.npz")]),
        (["run", "01", "--dataset", "strings.npz"], {}, ["y_train"]),
        (["run", "01", "--dataset", "other.npz"], {}, ["x_train"]),
        (["run", "01", "--dataset", "empty"], {}, [str(tmp_path / "empty")]),
        (["run", "01"], {"AELAB_DATASET": "emnist"}, ["'emnist'"]),
        (["run", "01"], {"AELAB_BUDGET": "huge"}, ["'huge'", "full, quick"]),
        (["run", "01"], {"KERAS_BACKEND": "theano"}, ["'theano'", "jax"]),
        (["run", "01", "--output", "in_the_way"], {}, ["in_the_way"]),
        (["data", "cifar10", "--to", "lab"], {}, ["'mnist'", "'cifar10'"]),
        (["data", "glyphs", "--to", "lab"], {}, ["built in", "'glyphs'"]),
    ]
    for arguments, environment, words in cases:
        with monkeypatch.context() as patch:
            patch.delenv("AELAB_DATASET", raising=False)
            for name, value in environment.items():
                patch.setenv(name, value)
            assert cli.main(arguments) == 1, arguments
        said = capsys.readouterr()
        lines = said.err.splitlines()
        assert lines[0].startswith("aelab: ")
        assert len(lines) <= 3, said.err
        for word in words:
            assert word in said.err, arguments
        assert said.out == ""
    assert started == []
    assert not Path("output").exists()
    assert not Path("lab").exists()


@pytest.mark.usefixtures("lessons")
def test_a_backend_that_is_not_installed_is_told(monkeypatch, capsys, started):
    real = cli.importlib.util.find_spec
    absent = lambda name: None if name == "jax" else real(name)  # noqa: E731
    monkeypatch.setattr(cli.importlib.util, "find_spec", absent)
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    assert cli.main(["run", "01"]) == 1
    assert 'pip install -e ".[jax]"' in capsys.readouterr().err
    assert started == []


def test_a_wrong_command_line_shows_the_right_one(capsys):
    for arguments, words in [
        (["run", "01", "--budget", "huge"], ["--budget", "'huge'", "full", "quick"]),
        (["train"], ["'train'", "run", "doctor", "data"]),
        (["data", "mnist"], ["--to"]),
        (["run"], ["lessons"]),
        ([], ["command"]),
    ]:
        with pytest.raises(SystemExit) as caught:
            cli.main(arguments)
        assert caught.value.code == 2
        error = capsys.readouterr().err
        assert error.startswith("usage: python -m aelab")
        for word in words:
            assert word in error.splitlines()[-1]


@pytest.mark.usefixtures("lessons")
def test_a_relative_path_still_holds_in_a_lessons_own_folder(tmp_path, started):
    np.savez("mine.npz", x_train=np.zeros((40, 4, 4), "uint8"))
    assert cli.main(["run", "all", "--dataset", "mine.npz"]) == 1
    assert started == ["01_good", "02_bad"]
    assert os.environ["AELAB_DATASET"] == str(tmp_path / "mine.npz")


def test_without_notebooks_the_cure_is_named(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(cli, "NOTEBOOKS", tmp_path / "nowhere")
    assert cli.main(["run", "01"]) == 1
    assert "pip install -e ." in capsys.readouterr().err


# data


def test_data_fetches_into_a_folder_and_says_how_to_use_it(tmp_path, monkeypatch):
    keys = ("x_train", "y_train", "x_test", "y_test")
    arrays = {key: np.full((2, 2), i, "uint8") for i, key in enumerate(keys)}
    known = {key: hashlib.sha256(array).hexdigest() for key, array in arrays.items()}
    monkeypatch.setattr(files, "_MNIST_ARRAYS", known)
    (tmp_path / "keras" / "datasets").mkdir(parents=True)
    np.savez(tmp_path / "keras" / "datasets" / "mnist.npz", **arrays)
    terminal = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", terminal)
    assert cli.main(["data", "mnist", "--to", "läb"]) == 0
    assert (tmp_path / "läb" / "mnist.npz").is_file()
    terminal.flush()
    first, second = terminal.buffer.getvalue().decode().splitlines()
    assert first == str(Path("l\\xe4b", "mnist.npz")) + ": checked"
    assert f"AELAB_DATA={tmp_path}" in second


def test_data_that_could_not_be_downloaded_is_an_error(tmp_path, monkeypatch, capsys):
    def refuse(folder):
        raise OSError("no network")

    monkeypatch.setattr(files.SOURCES["mnist"], "download", refuse)
    assert cli.main(["data", "mnist", "--to", "lab"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("aelab: mnist could not be loaded")
    assert "no network" in error
    assert not (tmp_path / "lab").exists()


# The package from outside


def python(*arguments):
    """Run this Python, with this checkout to import from."""
    root = Path(cli.__file__).parent.parent
    return subprocess.run(
        [sys.executable, *arguments],
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
    )


def test_importing_the_package_is_cheap():
    done = python(
        "-c",
        "import sys; before = set(sys.modules); import aelab;"
        "print(*{name.split('.')[0] for name in set(sys.modules) - before})",
    )
    assert done.stdout.split() == ["aelab"], done.stderr


def test_python_m_aelab_returns_the_exit_code_and_needs_no_keras():
    done = python("-X", "importtime", "-m", "aelab", "data", "cifar10", "--to", "x")
    assert done.returncode == 1
    assert "'cifar10'" in done.stderr
    assert "Traceback" not in done.stderr
    assert "keras" not in done.stderr
