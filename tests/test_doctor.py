"""The doctor finds what is missing, names a cure, and never dies of it."""

import importlib.util
import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest

from aelab import cli, doctor, settings


@pytest.fixture
def examine(tmp_path, monkeypatch, capsys):
    """A function: the doctor's exit code, and the lines to cure by name.

    Keras, which takes long to import, is looked at only where a test asks for it.
    """
    for name in ("AELAB_DATA", "AELAB_DATASET", "AELAB_BUDGET"):
        monkeypatch.delenv(name, raising=False)
    backend = os.environ.get("KERAS_BACKEND") or "tensorflow"
    monkeypatch.setenv("KERAS_BACKEND", backend)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(doctor, "NEEDED_MEMORY", 0.01)
    monkeypatch.setattr(doctor, "NEEDED_DISK", 0.0)

    def call(keras=False):
        checks = [c for c in doctor.CHECKS if keras or c is not doctor.check_keras]
        with monkeypatch.context() as patch:
            patch.setattr(doctor, "CHECKS", checks)
            rc = cli.main(["doctor"])
        *lines, _, _ = capsys.readouterr().out.splitlines()
        told = {}
        for line in lines:
            assert line.startswith(("OK    ", "CURE  ")), line
            name, _, text = line[6:].partition(": ")
            told[name] = text if line.startswith("CURE") else None
        cures = {name: text for name, text in told.items() if text is not None}
        assert rc == (1 if cures else 0)
        return cures

    return call


def absent(monkeypatch, missing):
    """Let a package look as if it were not installed."""
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name: None if name == missing else real(name),
    )


def test_this_machine_is_fit(examine):
    assert examine(keras=True) == {}


def test_a_setting_that_cannot_be_is_named_with_its_cure(examine, monkeypatch):
    images = np.zeros((40, 4, 4), "uint8")
    labelled = str(Path("labelled.npz").absolute())
    np.savez(labelled, x_train=images, y_train=np.full(40, "cat"))
    np.savez("relative.npz", x_train=images)
    for variable, value, words in [
        ("AELAB_BUDGET", "huge", ["'huge'", "full"]),
        ("AELAB_DATASET", "emnist", ["'emnist'", "glyphs"]),
        ("AELAB_DATASET", "none.npz", ["none.npz"]),
        ("AELAB_DATASET", labelled, ["y_train"]),
        ("AELAB_DATASET", "relative.npz", [f"={Path('relative.npz').absolute()}"]),
        ("AELAB_DATA", "nowhere", ["nowhere"]),
        ("AELAB_DATA", ".", [f"AELAB_DATA={Path.cwd()}"]),
    ]:
        with monkeypatch.context() as patch:
            patch.setenv(variable, value)
            cures = examine()
        assert list(cures) == [variable], (variable, value)
        for word in words:
            assert word in cures[variable]


def test_own_images_that_load_are_described(examine, monkeypatch, capsys):
    np.savez("mine.npz", x_train=np.zeros((40, 4, 4), "uint8"))
    monkeypatch.setenv("AELAB_DATASET", str(Path("mine.npz").absolute()))
    assert examine() == {}


def test_an_unknown_backend_is_a_line_and_no_traceback(examine, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "theano")
    cures = examine(keras=True)
    assert list(cures) == ["Backend"]
    assert "'theano'" in cures["Backend"]


def test_a_backend_that_is_not_installed_is_a_line(examine, monkeypatch):
    for backend in settings.BACKENDS:
        with monkeypatch.context() as patch:
            absent(patch, backend)
            patch.setenv("KERAS_BACKEND", backend)
            cures = examine(keras=True)
        assert list(cures) == ["Backend"]
        assert f"pip install {backend}" in cures["Backend"]


def test_whatever_a_check_raises_becomes_a_line(examine, monkeypatch):
    def check_the_unforeseen():
        raise ImportError("libcudart.so: cannot open\nshared object file")
        yield

    monkeypatch.setattr(doctor, "CHECKS", [check_the_unforeseen, doctor.check_room])
    assert examine() == {
        "the unforeseen": "ImportError: libcudart.so: cannot open shared object file"
    }


def test_what_keras_reads_from_its_file_is_checked(examine, tmp_path, monkeypatch):
    file = tmp_path / "keras" / "keras.json"
    file.parent.mkdir()
    fine = {"floatx": "float32", "image_data_format": "channels_last"}
    monkeypatch.delenv("KERAS_BACKEND")
    for text, word in [
        (json.dumps({**fine, "backend": "tensorflow"}), None),
        (json.dumps({"floatx": "float16"}), '"float32"'),
        (json.dumps({"image_data_format": "channels_first"}), '"channels_last"'),
        (json.dumps({**fine, "backend": "jax"}), "KERAS_BACKEND=jax"),
        ("{", "delete it"),
        ("[]", "AttributeError"),
    ]:
        file.write_text(text)
        cures = examine()
        assert len(cures) == (word is not None), text
        assert word is None or word in " ".join(cures.values())
    file.write_text(json.dumps({"backend": "jax"}))
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")  # then the file's is not taken
    assert examine() == {}


def test_a_kernel_of_another_python_is_found(examine, tmp_path, monkeypatch):
    for name, program in [
        ("python3", "/elsewhere/bin/python"),
        ("class", sys.executable),
    ]:
        folder = tmp_path / "kernels" / name
        folder.mkdir(parents=True)
        spec = {"argv": [program, "-m"], "display_name": name, "language": "python"}
        (folder / "kernel.json").write_text(json.dumps(spec))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    cures = examine()
    assert list(cures) == ["Jupyter kernels"]
    assert "/elsewhere/bin/python" in cures["Jupyter kernels"]
    assert "'class'" in cures["Jupyter kernels"]


def test_missing_jupyter_and_another_python_are_found(examine, monkeypatch):
    with monkeypatch.context() as patch:
        absent(patch, "ipykernel")
        assert "requirements.txt" in examine()["Jupyter"]
    for version in ((3, 10, 9), (3, 14, 0)):
        with monkeypatch.context() as patch:
            patch.setattr(sys, "version_info", version)
            assert "install 3.11, 3.12 or 3.13" in examine()["Python"]


def test_too_little_room_is_found(examine, tmp_path, monkeypatch):
    for what in ("memory", "disk"):
        with monkeypatch.context() as patch:
            patch.setattr(doctor, f"NEEDED_{what.upper()}", 1e6)
            assert list(examine()) == [f"Free {what}"]
    (tmp_path / "file").write_text("in the way of the cache")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert "AELAB_DATA" in examine()["Cache"]
    monkeypatch.setenv("AELAB_DATA", str(tmp_path))
    assert examine() == {}


def test_only_the_data_that_is_asked_for_is_missed(examine, monkeypatch):
    assert examine() == {}
    monkeypatch.setenv("AELAB_DATASET", "mnist")
    cures = examine()
    assert list(cures) == ["Data mnist"]
    assert "python -m aelab data mnist --to FOLDER" in cures["Data mnist"]
