"""Finding, fetching and verifying data files when things go wrong, on loopback only."""

import contextlib
import gzip
import hashlib
import http.server
import io
import json
import os
import pickle
import shutil
import socket
import struct
import subprocess
import sys
import threading
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest

from aelab import data, sources

RNG = np.random.default_rng(0)
# Four small arrays in MNIST's form; each test makes them the known ones.
ARRAYS = {
    "x_train": RNG.integers(0, 256, (24, 28, 28), dtype="uint8"),
    "y_train": np.arange(24, dtype="uint8") % 10,
    "x_test": RNG.integers(0, 256, (6, 28, 28), dtype="uint8"),
    "y_test": np.arange(6, dtype="uint8"),
}


def npz(save=np.savez, **changed):
    """The bytes of an .npz with `ARRAYS`, some of them changed."""
    file = io.BytesIO()
    save(file, **{**ARRAYS, **changed})
    return file.getvalue()


def idx(array):
    """The bytes of an array in the IDX format, before compression."""
    header = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}i", *array.shape)
    return header + array.tobytes()


class Trap:
    """Makes a folder when it is unpickled: proof that somebody did."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


GOOD = npz()
BAD = {
    "nothing": b"",
    "HTML": b"<!DOCTYPE html><html><body>Log in to this network</body></html>",
    "half a file": GOOD[: len(GOOD) // 2],
    "flipped bytes": GOOD[:300] + bytes(b ^ 0xFF for b in GOOD[300:400]) + GOOD[400:],
    "wrong shape": npz(x_train=ARRAYS["x_train"][:-1]),
    "wrong rank": npz(x_train=ARRAYS["x_train"].reshape(24, 784)[:, :-1]),
    "wrong type": npz(x_train=ARRAYS["x_train"].astype("float32")),
    "one wrong pixel": npz(x_train=ARRAYS["x_train"] ^ (np.arange(28) == 5)),
    "wrong labels": npz(y_test=ARRAYS["y_test"][::-1]),
    "other keys": npz(x_train=ARRAYS["x_train"]).replace(b"x_train", b"x_drain"),
    "pickled array": npz(y_test=np.array([{}], object)),
    "a pickle": pickle.dumps(ARRAYS),
}


@pytest.fixture(autouse=True)
def machine(tmp_path, monkeypatch):
    """A machine with empty caches, whose MNIST is `ARRAYS`, and with no server."""
    monkeypatch.delenv("AELAB_DATA", raising=False)
    monkeypatch.delenv("AELAB_DATASET", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home" / ".cache"))
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "127.0.0.1")
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    monkeypatch.setattr(sources, "TIMEOUT", 5)
    hashes = {key: hashlib.sha256(array).hexdigest() for key, array in ARRAYS.items()}
    monkeypatch.setattr(sources, "_MNIST_ARRAYS", hashes)
    mnist = sources.SOURCES["mnist"]
    monkeypatch.setattr(mnist, "files", {"mnist.npz": sha256(GOOD)})
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # and not listening: connections are refused
        refusing = f"http://127.0.0.1:{held.getsockname()[1]}/"
        for source in sources.SOURCES.values():
            monkeypatch.setattr(source, "url", refusing)
        yield tmp_path


@pytest.fixture
def serve(monkeypatch):
    """A function that serves files on loopback to both data sets.

    It takes a mapping from names to bytes, or a function of the request's handler.
    """
    with contextlib.ExitStack() as stack:

        def start(answer):
            class Handler(http.server.BaseHTTPRequestHandler):
                def do_GET(self):
                    (answer if callable(answer) else give)(self)

                def log_message(self, *args):
                    pass

            def give(handler):
                content = answer.get(handler.path.lstrip("/"))
                handler.send_response(404 if content is None else 200)
                handler.send_header("Content-Length", str(len(content or b"")))
                handler.end_headers()
                handler.wfile.write(content or b"")

            server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
            thread = threading.Thread(target=server.serve_forever, args=(0.01,))
            thread.start()
            for close in (server.server_close, thread.join, server.shutdown):
                stack.callback(close)
            url = f"http://127.0.0.1:{server.server_port}/"
            for source in sources.SOURCES.values():
                monkeypatch.setattr(source, "url", url)
            return url

        yield start


def sha256(content):
    return "sha256:" + hashlib.sha256(content).hexdigest()


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def contents(folder):
    """Everything below a folder: each file's bytes and time."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


def md5(content):
    return "md5:" + hashlib.md5(content).hexdigest()


def own_cache():
    return Path(sources.pooch.os_cache("aelab"))


def assert_is_mnist(arrays):
    for array, expected in zip(arrays, ARRAYS.values(), strict=True):
        np.testing.assert_array_equal(array, expected)


# Where it is found


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_any_container_of_the_true_arrays_passes(machine, monkeypatch, save):
    monkeypatch.setenv("AELAB_DATA", str(machine / "lab"))
    write(machine / "lab" / "mnist.npz", npz(save, note="saved again"))
    arrays, folder = sources.find("mnist")
    assert folder == machine / "lab"
    assert_is_mnist(arrays)


def test_places_are_searched_in_order(machine, monkeypatch, serve):
    serve({"mnist.npz": GOOD})
    sources.find("mnist")
    assert sources.at_hand("mnist") == "aelab's cache"
    write(machine / "keras" / "datasets" / "mnist.npz", GOOD)
    assert sources.at_hand("mnist") == "Keras's cache"
    write(machine / "lab" / "mnist.npz", GOOD)
    monkeypatch.setenv("AELAB_DATA", str(machine / "lab"))
    assert sources.at_hand("mnist") == "AELAB_DATA"
    assert sources.find("mnist")[1] == machine / "lab"


def test_at_hand_knows_no_bad_file_and_does_not_download(machine, serve):
    asked = []
    serve(asked.append)
    assert sources.at_hand("mnist") is None
    write(machine / "keras" / "datasets" / "mnist.npz", BAD["one wrong pixel"])
    assert sources.at_hand("mnist") is None
    assert asked == []


def test_a_download_is_kept(machine, serve, capsys):
    asked = []
    url = serve({"mnist.npz": GOOD})
    arrays, folder = sources.find("mnist")
    assert_is_mnist(arrays)
    assert f"Downloading from {url}" in capsys.readouterr().out
    assert folder == own_cache()
    assert (folder / "mnist.npz").read_bytes() == GOOD
    serve(asked.append)
    assert_is_mnist(sources.find("mnist")[0])
    assert asked == []


def test_a_read_only_data_folder_is_read_and_left_alone(machine, monkeypatch):
    folder = write(machine / "lab" / "mnist.npz", GOOD).parent
    (folder / "mnist.npz").chmod(0o444)
    folder.chmod(0o555)
    before = contents(folder)
    monkeypatch.setenv("AELAB_DATA", str(folder))
    try:
        assert_is_mnist(sources.find("mnist")[0])
        assert sources.at_hand("mnist") == "AELAB_DATA"
        images = data.load("mnist")
    finally:
        folder.chmod(0o755)
    assert contents(folder) == before
    assert [path.name for path in folder.iterdir()] == ["mnist.npz"]
    assert images.x_train.shape == (22, 28, 28, 1)
    np.testing.assert_array_equal(images.y_test, ARRAYS["y_test"])


def test_without_a_writable_home_the_download_goes_to_a_temporary_folder(
    machine, monkeypatch, serve
):
    in_the_way = write(machine / "file", b"a file, not a folder")
    monkeypatch.setenv("HOME", str(in_the_way))
    monkeypatch.setenv("XDG_CACHE_HOME", str(in_the_way))
    serve({"mnist.npz": GOOD})
    arrays, folder = sources.find("mnist")
    assert_is_mnist(arrays)
    assert folder == machine / "temporary" / "aelab-cache"
    assert (folder / "mnist.npz").read_bytes() == GOOD
    assert sources.at_hand("mnist") == "aelab's cache"
    assert in_the_way.read_bytes() == b"a file, not a folder"


# What goes wrong on the way


def test_the_error_names_each_place_and_the_cure(machine, monkeypatch):
    monkeypatch.setenv("AELAB_DATA", str(machine / "lab"))
    write(machine / "keras" / "datasets" / "mnist.npz", BAD["wrong shape"])
    with pytest.raises(sources.DatasetUnavailable) as caught:
        sources.find("mnist")
    lines = str(caught.value).splitlines()
    assert lines[0] == "mnist could not be had. Tried:"
    assert lines[1] == f"  AELAB_DATA, {machine / 'lab'}: not there"
    assert lines[2].startswith(f"  Keras's cache, {machine / 'keras' / 'datasets'}: ")
    assert "x_train is not MNIST's (shape (23, 28, 28), uint8)" in lines[2]
    assert lines[3] == f"  aelab's cache, {own_cache()}: not there"
    assert lines[4].startswith("  download: ConnectionError")
    assert "python -m aelab data mnist --to FOLDER" in lines[5]
    assert "AELAB_DATA=FOLDER" in lines[5]
    assert "AELAB_DATASET=glyphs" in lines[5]
    assert len(lines) == 6


def test_a_server_that_never_answers_is_given_up(monkeypatch):
    monkeypatch.setattr(sources, "TIMEOUT", 0.4)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        monkeypatch.setattr(sources.SOURCES["mnist"], "url", url)
        began = time.monotonic()
        with pytest.raises(sources.DatasetUnavailable, match=r"download: .*[Tt]imeout"):
            sources.find("mnist")
    assert 0.3 < time.monotonic() - began < 5


def test_a_server_that_stops_in_the_middle_is_given_up(machine, monkeypatch, serve):
    done = threading.Event()

    def stall(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(GOOD)))
        handler.end_headers()
        handler.wfile.write(GOOD[:5000])
        done.wait(10)

    monkeypatch.setattr(sources, "TIMEOUT", 0.4)
    serve(stall)
    try:
        with pytest.raises(sources.DatasetUnavailable, match="download: "):
            sources.find("mnist")
    finally:
        done.set()
    assert contents(own_cache()) == {}


def test_half_a_file_from_a_closed_connection_is_refused(machine, serve):
    def cut(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(GOOD)))
        handler.end_headers()
        handler.wfile.write(GOOD[: len(GOOD) // 2])

    serve(cut)
    with pytest.raises(sources.DatasetUnavailable, match="download: "):
        sources.find("mnist")
    assert contents(own_cache()) == {}


def test_a_file_that_the_server_does_not_have_is_named(serve):
    url = serve({})
    with pytest.raises(sources.DatasetUnavailable, match=f"404.*{url}mnist.npz"):
        sources.find("mnist")


@pytest.mark.parametrize("name", BAD)
def test_a_bad_download_is_refused_and_not_kept(machine, serve, name):
    serve({"mnist.npz": BAD[name]})
    with pytest.raises(sources.DatasetUnavailable, match=r"download: .*hash"):
        sources.find("mnist")
    assert contents(own_cache()) == {}


# Bad files on the disk


@pytest.fixture(params=["AELAB_DATA", "Keras's cache"])
def place(request, machine, monkeypatch):
    """A folder of the user's that is searched for data."""
    monkeypatch.setenv("AELAB_DATA", str(machine / "lab"))
    return dict(sources.places())[request.param]


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("online", [False, True])
def test_a_bad_file_is_passed_over_and_left_as_it_is(
    machine, place, serve, name, online
):
    write(place / "mnist.npz", BAD[name])
    before = contents(place)
    if online:
        serve({"mnist.npz": GOOD})
        arrays, folder = sources.find("mnist")
        assert folder == own_cache()
        assert_is_mnist(arrays)
    else:
        with pytest.raises(sources.DatasetUnavailable) as caught:
            sources.find("mnist")
        (line,) = [
            text for text in str(caught.value).splitlines() if str(place) in text
        ]
        assert "not there" not in line
    assert contents(place) == before


def test_a_bad_file_in_our_own_cache_stays_until_there_is_a_good_one(machine, serve):
    path = write(own_cache() / "mnist.npz", BAD["half a file"])
    with pytest.raises(sources.DatasetUnavailable):
        sources.find("mnist")
    assert path.read_bytes() == BAD["half a file"]
    serve({"mnist.npz": BAD["HTML"]})
    with pytest.raises(sources.DatasetUnavailable):
        sources.find("mnist")
    assert path.read_bytes() == BAD["half a file"]
    serve({"mnist.npz": GOOD})
    assert_is_mnist(sources.find("mnist")[0])
    assert path.read_bytes() == GOOD


@pytest.mark.parametrize("kind", ["array", "file"])
def test_nothing_is_unpickled(machine, place, kind):
    proof = machine / "executed"
    trap = Trap(proof)
    content = npz(y_test=np.array([trap], object))
    write(place / "mnist.npz", content if kind == "array" else pickle.dumps(trap))
    with pytest.raises(sources.DatasetUnavailable, match="not a file of plain arrays"):
        sources.find("mnist")
    assert not proof.exists()
    if kind == "array":
        with np.load(place / "mnist.npz", allow_pickle=True) as file:
            file["y_test"]
    else:
        np.load(place / "mnist.npz", allow_pickle=True)
    assert proof.exists(), "the trap does not work"


@pytest.mark.parametrize("kind", ["one array", "members that are no arrays"])
def test_foreign_files_under_our_name_are_passed_over(machine, kind):
    path = write(machine / "keras" / "datasets" / "mnist.npz", b"")
    with path.open("wb") as file:
        if kind == "one array":
            np.save(file, ARRAYS["x_train"])
        else:
            with zipfile.ZipFile(file, "w") as archive:
                for key in ARRAYS:
                    archive.writestr(key, "text")
    assert sources.at_hand("mnist") is None


# Two at once


CHILD = """
import json, sys
from aelab import sources
hashes, url, files = json.loads(sys.argv[1])
sources._MNIST_ARRAYS = hashes
mnist = sources.SOURCES["mnist"]
mnist.url, mnist.files = url, files
print("found in", sources.find("mnist")[1])
"""


def test_two_processes_may_download_at_once(machine, serve):
    both = threading.Barrier(2)

    def give_when_both_have_asked(handler):
        both.wait(30)
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(GOOD)))
        handler.end_headers()
        for start in range(0, len(GOOD), 1000):
            handler.wfile.write(GOOD[start : start + 1000])

    url = serve(give_when_both_have_asked)
    settings = [sources._MNIST_ARRAYS, url, sources.SOURCES["mnist"].files]
    command = [sys.executable, "-c", CHILD, json.dumps(settings)]
    # The parent's path, for a package that is not installed.
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    children = [subprocess.Popen(command, env=env, **pipes) for _ in range(2)]
    for child in children:
        output, _ = child.communicate(timeout=60)
        assert child.returncode == 0, output
        assert f"found in {own_cache()}" in output
    files = contents(own_cache())
    assert [path.name for path in files] == ["mnist.npz"]
    assert files[own_cache() / "mnist.npz"][0] == GOOD


# Fashion-MNIST


@pytest.fixture
def fashion(monkeypatch):
    """Four small files, known as Fashion-MNIST: bytes by path."""
    source = sources.SOURCES["fashion_mnist"]
    files = {
        path: gzip.compress(idx(array))
        for path, array in zip(source.files, ARRAYS.values(), strict=True)
    }
    known = {path: md5(content) for path, content in files.items()}
    monkeypatch.setattr(source, "files", known)
    return files


def test_fashion_images_and_labels_are_parsed(machine, monkeypatch, fashion):
    for path, content in fashion.items():
        write(machine / "lab" / path, content)
    monkeypatch.setenv("AELAB_DATA", str(machine / "lab"))
    assert_is_mnist(sources.find("fashion_mnist")[0])
    images = data.load("fashion_mnist")
    assert images.class_names[0] == "T-shirt/top"
    assert len(images.class_names) == 10
    assert images.x_test.shape == (6, 28, 28, 1)
    np.testing.assert_allclose(images.x_test[..., 0] * 255, ARRAYS["x_test"], atol=1e-4)


def test_fashion_is_downloaded_by_file_name(machine, serve, fashion):
    serve({Path(path).name: content for path, content in fashion.items()})
    assert_is_mnist(sources.find("fashion_mnist")[0])
    stored = {path: found for path, (found, _) in contents(own_cache()).items()}
    assert stored == {own_cache() / path: fashion[path] for path in fashion}
    assert sources.at_hand("fashion_mnist") == "aelab's cache"


@pytest.mark.parametrize("which", range(4))
@pytest.mark.parametrize("known", [False, True])
def test_a_cut_gzip_file_is_refused(machine, monkeypatch, fashion, which, known):
    cut = list(fashion)[which]
    fashion[cut] = fashion[cut][:-9]
    if known:  # by its sum, so that the gzip format itself must refuse it
        files = sources.SOURCES["fashion_mnist"].files
        monkeypatch.setitem(files, cut, md5(fashion[cut]))
    folder = machine / "keras" / "datasets"
    for path, content in fashion.items():
        write(folder / path, content)
    before = contents(folder)
    words = "EOFError" if known else f"{Path(cut).name} is not Fashion-MNIST's"
    with pytest.raises(sources.DatasetUnavailable, match=f"Keras's cache.*{words}"):
        sources.find("fashion_mnist")
    assert sources.at_hand("fashion_mnist") is None
    assert contents(folder) == before


def test_three_of_four_files_are_not_enough(machine, fashion):
    for path in list(fashion)[:3]:
        write(machine / "keras" / "datasets" / path, fashion[path])
    with pytest.raises(sources.DatasetUnavailable, match=r"Keras's cache.*not there"):
        sources.find("fashion_mnist")


# fetch: files for an offline lab


def test_fetch_puts_the_file_into_a_folder_once(machine, serve):
    asked = []
    serve({"mnist.npz": GOOD})
    target = machine / "new" / "lab" / "mnist.npz"
    assert sources.fetch("mnist", target.parent) == [target]
    assert target.read_bytes() == GOOD
    assert list(target.parent.iterdir()) == [target]
    serve(asked.append)
    before = contents(target.parent)
    assert sources.fetch("mnist", str(target.parent)) == [target]
    assert contents(target.parent) == before
    assert asked == []


def test_fetch_takes_what_is_at_hand(machine, monkeypatch):
    content = npz(np.savez_compressed)
    source = write(machine / "lab" / "mnist.npz", content)
    monkeypatch.setenv("AELAB_DATA", str(source.parent))
    (path,) = sources.fetch("mnist", "~/copy")
    assert path == machine / "home" / "copy" / "mnist.npz"
    assert path.read_bytes() == content


def test_fetch_keeps_the_folders_of_fashion(machine, serve, fashion, monkeypatch):
    serve({Path(path).name: content for path, content in fashion.items()})
    folder = machine / "stick"
    paths = sources.fetch("fashion_mnist", folder)
    assert [path.relative_to(folder).as_posix() for path in paths] == list(fashion)
    monkeypatch.setenv("AELAB_DATA", str(folder))
    assert sources.find("fashion_mnist")[1] == folder


@pytest.mark.parametrize("name", BAD)
def test_fetch_never_overwrites(machine, serve, name):
    serve({"mnist.npz": GOOD})
    folder = machine / "lab"
    write(folder / "mnist.npz", BAD[name])
    before = contents(folder)
    with pytest.raises(sources.DatasetUnavailable, match="Nothing was") as caught:
        sources.fetch("mnist", folder)
    assert str(folder) in str(caught.value)
    assert "another folder" in str(caught.value)
    assert contents(folder) == before


@pytest.mark.parametrize("name", ["half a file", "HTML"])
def test_fetch_leaves_nothing_when_the_download_is_bad(machine, serve, name):
    serve({"mnist.npz": BAD[name]})
    with pytest.raises(sources.DatasetUnavailable, match="download: "):
        sources.fetch("mnist", machine / "lab")
    assert contents(machine / "lab") == {}


def half_a_copy(source, target):
    """What `shutil.copyfile` does on a disk that is full."""
    content = Path(source).read_bytes()
    Path(target).write_bytes(content[: len(content) // 2])
    raise OSError("no space left")


def test_fetch_leaves_nothing_when_the_copy_breaks_off(machine, monkeypatch):
    write(machine / "keras" / "datasets" / "mnist.npz", GOOD)
    monkeypatch.setattr(shutil, "copyfile", half_a_copy)
    with pytest.raises((OSError, sources.DatasetUnavailable), match="no space left"):
        sources.fetch("mnist", machine / "lab")
    assert list((machine / "lab").iterdir()) == []


def test_fetch_of_fashion_can_be_taken_up_again(machine, monkeypatch, fashion):
    for path, content in fashion.items():
        write(machine / "keras" / "datasets" / path, content)
    whole_copy, copied = shutil.copyfile, []

    def copy_two(source, target):
        copied.append(source)
        copy = whole_copy if len(copied) < 3 else half_a_copy
        return copy(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "copyfile", copy_two)
        with pytest.raises((OSError, sources.DatasetUnavailable)):
            sources.fetch("fashion_mnist", machine / "lab")
    paths = sources.fetch("fashion_mnist", machine / "lab")
    assert [path.read_bytes() for path in paths] == list(fashion.values())


def test_fetch_into_a_place_that_is_no_folder_names_it(machine):
    write(machine / "keras" / "datasets" / "mnist.npz", GOOD)
    in_the_way = write(machine / "lab", b"a file")
    with pytest.raises(sources.DatasetUnavailable, match=str(in_the_way)):
        sources.fetch("mnist", in_the_way)


@pytest.mark.parametrize("name", ["glyphs", "cifar10"])
def test_fetch_knows_only_what_has_files(machine, name):
    with pytest.raises(ValueError, match=f"'mnist', 'fashion_mnist'.*'{name}'"):
        sources.fetch(name, machine)
