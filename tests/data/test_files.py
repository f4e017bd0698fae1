"""Finding, fetching and verifying data files when things go wrong, on loopback only."""

import contextlib
import errno
import gzip
import hashlib
import http.server
import io
import json
import os
import pickle
import shutil
import socket
import stat
import struct
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from concurrent import futures
from pathlib import Path

import numpy as np
import psutil
import pytest
import requests  # noqa: F401, before a test changes the user

from aelab import data
from aelab.data import files

RNG = np.random.default_rng(0)
# Four small arrays in MNIST's form; each test makes them the known ones.
ARRAYS = {
    "x_train": RNG.integers(0, 256, (24, 28, 28), dtype="uint8"),
    "y_train": np.arange(24, dtype="uint8") % 10,
    "x_test": RNG.integers(0, 256, (6, 28, 28), dtype="uint8"),
    "y_test": np.arange(6, dtype="uint8"),
}
posix = pytest.mark.skipif(os.name != "posix", reason="file modes of POSIX")


def npz(save=np.savez, **changed):
    """The bytes of an .npz with `ARRAYS`, some of them changed."""
    file = io.BytesIO()
    save(file, **{**ARRAYS, **changed})
    return file.getvalue()


def idx(array):
    """The bytes of an array in the IDX format, before compression."""
    header = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}i", *array.shape)
    return header + array.tobytes()


def members_that_are_no_arrays():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for key in ARRAYS:
            archive.writestr(f"{key}.npy", "text")
    return file.getvalue()


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
    "other keys": npz().replace(b"x_train", b"x_drain"),
    "pickled array": npz(y_test=np.array([{}], object)),
    "a pickle": pickle.dumps(ARRAYS),
    "no arrays": members_that_are_no_arrays(),
}


@pytest.fixture(autouse=True)
def machine(tmp_path, monkeypatch):
    """A machine with empty caches, whose MNIST is `ARRAYS`, and with no server."""
    monkeypatch.delenv("AELAB_DATA", raising=False)
    monkeypatch.delenv("AELAB_DATASET", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home" / ".cache"))
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "127.0.0.1")
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    monkeypatch.setattr(files, "TIMEOUT", 5)
    hashes = {key: hashlib.sha256(array).hexdigest() for key, array in ARRAYS.items()}
    monkeypatch.setattr(files, "_MNIST_ARRAYS", hashes)
    mnist = files.SOURCES["mnist"]
    monkeypatch.setattr(mnist, "files", {"mnist.npz": sha256(GOOD)})
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # and not listening: connections are refused
        refusing = f"http://127.0.0.1:{held.getsockname()[1]}/"
        for source in files.SOURCES.values():
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
                    with contextlib.suppress(ConnectionError):  # the client gave up
                        (answer if callable(answer) else give)(self)

                def log_message(self, *args):
                    pass

            def give(handler):
                content = answer.get(handler.path.lstrip("/"))
                begin(handler, len(content or b""), 404 if content is None else 200)
                handler.wfile.write(content or b"")

            server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
            thread = threading.Thread(target=server.serve_forever, args=(0.01,))
            thread.start()
            for close in (server.server_close, thread.join, server.shutdown):
                stack.callback(close)
            url = f"http://127.0.0.1:{server.server_port}/"
            for source in files.SOURCES.values():
                monkeypatch.setattr(source, "url", url)
            return url

        yield start


def begin(handler, length, status=200):
    handler.send_response(status)
    handler.send_header("Content-Length", str(length))
    handler.end_headers()


def sha256(content):
    return "sha256:" + hashlib.sha256(content).hexdigest()


def md5(content):
    return "md5:" + hashlib.md5(content).hexdigest()


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def contents(folder):
    """Everything below a folder: each file's bytes and time."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in paths}


def own_cache():
    return Path(files.pooch.os_cache("aelab"))


def assert_is_mnist(arrays):
    assert list(arrays) == list(ARRAYS)
    for key, expected in ARRAYS.items():
        np.testing.assert_array_equal(arrays[key], expected)


def refusal(call, *args, error=data.DatasetUnavailable):
    """The message of the error that a call raises."""
    with pytest.raises(error) as caught:
        call(*args)
    return str(caught.value)


# Where it is found


def test_places_are_searched_in_order_and_none_is_made(machine, monkeypatch, serve):
    before = sorted(machine.rglob("*"))
    assert [label for label, _ in files.search_path()] == [
        "Keras's cache",
        "aelab's cache",
    ]
    assert files.is_available("mnist") is None
    assert sorted(machine.rglob("*")) == before
    serve({"mnist.npz": GOOD})
    files.locate("mnist")
    assert files.is_available("mnist") == "aelab's cache"
    write(machine / "keras" / "datasets" / "mnist.npz", npz(np.savez_compressed))
    assert files.is_available("mnist") == "Keras's cache"
    write(machine / "lab" / "mnist.npz", npz(note="another container"))
    monkeypatch.setenv("AELAB_DATA", str(machine / "lab"))
    assert files.is_available("mnist") == "AELAB_DATA"
    arrays, folder = files.locate("mnist")
    assert folder == machine / "lab"
    assert_is_mnist(arrays)
    monkeypatch.setenv("AELAB_DATA", "~/lab")
    assert files.search_path()[0] == ("AELAB_DATA", machine / "home" / "lab")


def test_only_data_sets_with_files_are_looked_for(machine):
    for name in ("glyphs", "cifar10"):
        for call in (files.locate, files.is_available):
            message = refusal(call, name, error=ValueError)
            assert "'mnist', 'fashion_mnist'" in message
            assert repr(name) in message
        assert repr(name) in refusal(files.fetch, name, machine, error=ValueError)


def test_is_available_knows_no_bad_file_and_does_not_download(machine, serve):
    asked = []
    serve(asked.append)
    for bad in ("one wrong pixel", "no arrays", "pickled array"):
        write(machine / "keras" / "datasets" / "mnist.npz", BAD[bad])
        assert files.is_available("mnist") is None
    assert asked == []


def test_a_download_is_kept(machine, serve, capsys):
    asked = []
    url = serve({"mnist.npz": GOOD})
    arrays, folder = files.locate("mnist")
    assert_is_mnist(arrays)
    assert capsys.readouterr().out == f"Downloading from {url} ...\n"
    assert folder == own_cache()
    assert [path.name for path in folder.iterdir()] == ["mnist.npz"]
    assert (folder / "mnist.npz").read_bytes() == GOOD
    serve(asked.append)
    assert_is_mnist(files.locate("mnist")[0])
    assert asked == []


@posix
def test_a_read_only_data_folder_is_read_and_left_alone(machine, monkeypatch):
    folder = write(machine / "lab" / "mnist.npz", GOOD).parent
    (folder / "mnist.npz").chmod(0o444)
    folder.chmod(0o555)
    before = contents(folder)
    monkeypatch.setenv("AELAB_DATA", str(folder))
    try:
        assert files.is_available("mnist") == "AELAB_DATA"
        images = data.load("mnist")
    finally:
        folder.chmod(0o755)
    assert contents(folder) == before
    assert [path.name for path in folder.iterdir()] == ["mnist.npz"]
    assert images.x_train.shape == (22, 28, 28, 1)
    np.testing.assert_array_equal(images.y_test, ARRAYS["y_test"])


# Several users of one machine


@pytest.fixture
def shared(monkeypatch):
    """A folder on this machine that every user may read and write."""
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="aelab-test-") as folder:
        folder = Path(folder)
        folder.chmod(0o777)
        monkeypatch.setattr("tempfile.tempdir", str(folder))
        yield folder


@contextlib.contextmanager
def another_user():
    """What follows runs as a user who may not read what is private to this one.

    Where the tests do not run as root, it is the same user, whom the modes that a test
    sets keep out as well.
    """
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65_534)
    try:
        yield
    finally:
        os.seteuid(0)


@posix
@pytest.mark.parametrize("locked", ["file", "folder"])
def test_a_cache_of_another_user_does_not_lock_us_out(
    shared, monkeypatch, serve, capsys, locked
):
    monkeypatch.setenv("XDG_CACHE_HOME", str(shared / "cache"))
    path = write(own_cache() / "mnist.npz", GOOD)
    if locked == "file":
        path.chmod(0o000)
        path.parent.chmod(0o777)
    else:
        path.unlink()
        path.parent.chmod(0o555)
    url = serve({"mnist.npz": GOOD})
    with another_user():
        arrays, folder = files.locate("mnist")
        assert_is_mnist(arrays)
        assert folder == shared / f"aelab-cache-{os.geteuid()}"
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        note, download = capsys.readouterr().out.splitlines()
        assert f"files go to {folder}" in note
        assert "AELAB_DATA" in note
        assert url in download
        # From now on it is found there, and copied from there.
        serve({})
        assert files.is_available("mnist") == "aelab's temporary folder"
        assert data.load("auto").name == "mnist"
        assert "found in aelab's temporary folder" in capsys.readouterr().out
        (copy,) = files.fetch("mnist", shared / "lab")
        assert copy.read_bytes() == GOOD
    path.parent.chmod(0o755)


@posix
def test_fetch_into_a_folder_that_may_not_be_written_says_so(shared, serve):
    serve({"mnist.npz": GOOD})
    (shared / "lab").mkdir(mode=0o555)
    with another_user():
        message = refusal(files.fetch, "mnist", shared / "lab")
    assert message.startswith(f"{shared / 'lab'} cannot be written")
    (shared / "lab").chmod(0o755)


@posix
def test_files_have_the_permissions_of_any_new_file(machine, serve):
    serve({"mnist.npz": GOOD})
    old = os.umask(0o022)
    try:
        _, folder = files.locate("mnist")
        (copy,) = files.fetch("mnist", machine / "copy")
        (downloaded,) = files.fetch("mnist", machine / "lab")
    finally:
        os.umask(old)
    for path in (folder / "mnist.npz", copy, downloaded):
        assert stat.S_IMODE(path.stat().st_mode) == 0o644


@posix
@pytest.mark.parametrize("planted", ["link", "open folder"])
def test_a_temporary_folder_that_others_may_write_is_not_used(machine, planted):
    home = write(machine / "home", b"a file, so that no cache can be made")
    folder = machine / "temporary" / f"aelab-cache-{os.geteuid()}"
    write(machine / "trap" / "mnist.npz", GOOD)
    if planted == "link":
        folder.symlink_to(machine / "trap")
    else:
        write(folder / "mnist.npz", GOOD)
        folder.chmod(0o777)
    message = refusal(files.locate, "mnist")
    assert f"{folder} is open to other users" in message
    assert files.is_available("mnist") is None
    assert home.is_file()


def test_without_a_home_the_download_goes_to_the_temporary_folder(
    machine, monkeypatch, serve
):
    monkeypatch.setattr(files.pooch, "os_cache", lambda name: f"~/.cache/{name}")
    monkeypatch.chdir(machine)
    serve({"mnist.npz": GOOD})
    _, folder = files.locate("mnist")
    assert folder.parent == machine / "temporary"
    assert not (machine / "~").exists()


# What goes wrong on the way


def test_the_error_names_each_place_and_the_cure(machine, monkeypatch):
    monkeypatch.setenv("AELAB_DATA", str(machine / "lab"))
    write(machine / "keras" / "datasets" / "mnist.npz", BAD["wrong shape"])
    lines = refusal(files.locate, "mnist").splitlines()
    assert lines[0] == "mnist could not be loaded. Tried:"
    assert lines[1] == f"  AELAB_DATA, {machine / 'lab'}: not there"
    assert lines[2].startswith(f"  Keras's cache, {machine / 'keras' / 'datasets'}: ")
    assert "x_train is not MNIST's (shape (23, 28, 28), uint8)" in lines[2]
    assert lines[3] == f"  aelab's cache, {own_cache()}: not there"
    assert lines[4].startswith("  download: ConnectionError")
    assert "python -m aelab data mnist --to FOLDER" in lines[5]
    assert "AELAB_DATA=FOLDER" in lines[5]
    assert "AELAB_DATASET=glyphs" in lines[5]
    assert len(lines) == 6


def test_no_server_can_hold_us_up(monkeypatch, serve):
    """Servers that are silent, that stop, and that drip: the file, or its headers."""
    done = threading.Event()

    def drip(handler):
        begin(handler, len(GOOD))
        drops(handler)

    def drip_headers(handler):
        handler.wfile.write(b"HTTP/1.0 200 OK\r\nX: ")
        drops(handler)

    def drops(handler):
        while not done.wait(0.02):
            handler.wfile.write(b"x")

    def stop(handler):
        begin(handler, len(GOOD))
        handler.wfile.write(GOOD[:5000])
        done.wait(20)

    def silent(handler):
        done.wait(20)

    slow = {"PATIENCE": 0.3, "SLOWEST": 1000}
    cases = [
        (silent, {"TIMEOUT": 0.3}, "timed out"),
        (stop, {"TIMEOUT": 0.3}, "timed out"),
        (drip, slow, "bytes a second came from http://127.0.0.1"),
        (drip_headers, slow, "only 0 bytes a second"),
        (drip, {"LONGEST": 0.3}, "not finished after 0.3 seconds"),
    ]
    try:
        for answer, limits, words in cases:
            with monkeypatch.context() as patch:
                for name, value in limits.items():
                    patch.setattr(files, name, value)
                serve(answer)
                began = time.monotonic()
                message = refusal(files.locate, "mnist")
                assert time.monotonic() - began < 10
                assert "download: " in message
                assert words in message
                assert contents(own_cache()) == {}
    finally:
        done.set()


def test_a_slow_server_that_goes_on_is_waited_for(monkeypatch, serve, capsys):
    def slowly(handler):
        begin(handler, len(GOOD))
        for start in range(0, len(GOOD), 2000):
            time.sleep(0.07)
            handler.wfile.write(GOOD[start : start + 2000])

    serve(slowly)
    monkeypatch.setattr(files, "PATIENCE", 0.5)
    monkeypatch.setattr(files, "SLOWEST", 100)
    monkeypatch.setattr(files, "SHOWN_EVERY", 0.2)
    assert_is_mnist(files.locate("mnist")[0])
    _, *progress = capsys.readouterr().out.splitlines()
    assert progress
    assert all(line.startswith("  mnist.npz: 0.0 MB") for line in progress)


def test_a_server_that_never_ends_is_given_up(monkeypatch, serve):
    done = threading.Event()

    def flood(handler):
        handler.send_response(200)
        handler.end_headers()
        while not done.is_set():
            handler.wfile.write(bytes(100_000))

    monkeypatch.setattr(files, "LARGEST_FILE", 1_000_000)
    serve(flood)
    try:
        assert "longer than 1 MB" in refusal(files.locate, "mnist")
    finally:
        done.set()
    assert contents(own_cache()) == {}


def test_half_a_file_from_a_closed_connection_is_refused(serve):
    def cut(handler):
        begin(handler, len(GOOD))
        handler.wfile.write(GOOD[: len(GOOD) // 2])

    serve(cut)
    assert "download: " in refusal(files.locate, "mnist")
    assert contents(own_cache()) == {}


def test_each_cause_has_its_own_cure(serve, monkeypatch):
    url = serve({})
    message = refusal(files.locate, "mnist")
    assert "404" in message
    assert f"{url}mnist.npz" in message
    serve({"mnist.npz": BAD["HTML"]})
    message = refusal(files.locate, "mnist")
    assert f"gave {len(BAD['HTML'])} bytes" in message
    assert "login page" in message
    # A server that speaks no TLS where TLS is asked for.
    url = serve({"mnist.npz": GOOD}).replace("http:", "https:")
    monkeypatch.setattr(files.SOURCES["mnist"], "url", url)
    message = refusal(files.locate, "mnist")
    assert "SSLError" in message
    assert "REQUESTS_CA_BUNDLE" in message
    assert "AELAB_DATASET=glyphs" in message

    def full(self, chunk):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    serve({"mnist.npz": GOOD})
    monkeypatch.setattr(files._Transfer, "write", full)
    message = refusal(files.locate, "mnist")
    assert "the disk is full" in message
    assert "AELAB_DATA=FOLDER" in message
    assert "network" not in message
    assert contents(own_cache()) == {}


def test_a_bad_download_is_refused_and_not_kept(serve):
    for name, content in BAD.items():
        serve({"mnist.npz": content})
        message = refusal(files.locate, "mnist")
        assert "sha256 hash is not the published one" in message, name
        assert contents(own_cache()) == {}


# Bad files on the disk


@pytest.mark.parametrize("place", ["AELAB_DATA", "Keras's cache"])
def test_a_bad_file_is_passed_over_and_left_as_it_is(
    machine, monkeypatch, serve, place
):
    monkeypatch.setenv("AELAB_DATA", str(machine / "lab"))
    folder = dict(files.search_path())[place]
    refusing = files.SOURCES["mnist"].url
    for name, content in BAD.items():
        write(folder / "mnist.npz", content)
        before = contents(folder)
        monkeypatch.setattr(files.SOURCES["mnist"], "url", refusing)
        lines = refusal(files.locate, "mnist").splitlines()
        (line,) = [line for line in lines if str(folder) in line]
        assert "not there" not in line, name
        serve({"mnist.npz": GOOD})
        arrays, found = files.locate("mnist")
        assert found == own_cache()
        assert_is_mnist(arrays)
        assert contents(folder) == before
        shutil.rmtree(own_cache())


def test_a_bad_file_in_our_own_cache_stays_until_there_is_a_good_one(serve):
    path = write(own_cache() / "mnist.npz", BAD["half a file"])
    refusal(files.locate, "mnist")
    assert path.read_bytes() == BAD["half a file"]
    serve({"mnist.npz": BAD["HTML"]})
    refusal(files.locate, "mnist")
    assert path.read_bytes() == BAD["half a file"]
    serve({"mnist.npz": GOOD})
    assert_is_mnist(files.locate("mnist")[0])
    assert path.read_bytes() == GOOD


def test_nothing_is_unpickled(machine):
    proof = machine / "executed"
    trap = Trap(proof)
    path = machine / "keras" / "datasets" / "mnist.npz"
    for content in (npz(y_test=np.array([trap], object)), pickle.dumps(trap)):
        write(path, content)
        assert "Keras's cache" in refusal(files.locate, "mnist")
    assert not proof.exists()
    np.load(path, allow_pickle=True)
    assert proof.exists(), "the trap does not work"


def test_a_file_under_our_name_that_is_too_large_is_not_read(machine, monkeypatch):
    write(machine / "keras" / "datasets" / "mnist.npz", GOOD)
    assert files.is_available("mnist") == "Keras's cache"
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory(available=1000))
    monkeypatch.setattr(files, "read_npz", lambda *_: pytest.fail("was read"))
    assert "too large" in refusal(files.locate, "mnist")


def memory(available):
    return type("Memory", (), {"available": available})


def test_what_a_killed_download_left_is_cleared_away(machine, serve):
    killed = write(own_cache() / "mnist.npz.0123abcd.part", b"half")
    running = write(own_cache() / "mnist.npz.4567cdef.part", b"half")
    other = write(own_cache() / "mine.part", b"half")
    long_ago = time.time() - 2 * files.LONGEST
    os.utime(killed, (long_ago, long_ago))
    os.utime(other, (long_ago, long_ago))
    serve({"mnist.npz": GOOD})
    files.locate("mnist")
    assert not killed.exists()
    assert running.exists()
    assert other.exists()


# Two at once, and other locales


def test_two_may_download_at_once(serve):
    both = threading.Barrier(2)

    def give_when_both_have_asked(handler):
        both.wait(60)
        begin(handler, len(GOOD))
        for start in range(0, len(GOOD), 1000):
            handler.wfile.write(GOOD[start : start + 1000])

    serve(give_when_both_have_asked)
    with futures.ThreadPoolExecutor(2) as pool:
        for arrays, folder in pool.map(files.locate, ["mnist", "mnist"]):
            assert_is_mnist(arrays)
            assert folder == own_cache()
    found = contents(own_cache())
    assert [path.name for path in found] == ["mnist.npz"]
    assert found[own_cache() / "mnist.npz"][0] == GOOD


CHILD = """
import json, sys
from aelab import data
from aelab.data import files
known, url, folder, own = json.loads(sys.argv[1])
files._MNIST_ARRAYS = known
files.SOURCES["mnist"].url = url
files.SOURCES["mnist"].files = {"mnist.npz": sys.argv[2]}
files.fetch("mnist", folder)
print(data.load(own).x_val.shape)
"""


def test_paths_that_the_locale_cannot_spell_are_no_error(machine, serve):
    url = serve({"mnist.npz": GOOD})
    folder = machine / "dàtä"
    own = write(machine / "bïlder.npz", npz(note=0))
    arguments = json.dumps([files._MNIST_ARRAYS, url, str(folder), str(own)])
    plain = {"PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"}
    process = subprocess.run(
        [sys.executable, "-c", CHILD, arguments, sha256(GOOD)],
        # The parent's path, for a package that is not installed.
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **plain},
        capture_output=True,
        timeout=90,
    )
    assert process.returncode == 0, process.stderr
    assert (folder / "mnist.npz").read_bytes() == GOOD
    _, note, shape = process.stdout.splitlines()
    assert note == b"Data: b\\xeflder.npz also holds note: not used."
    assert shape == b"(2, 28, 28, 1)"


# Fashion-MNIST


@pytest.fixture
def fashion(monkeypatch):
    """Four small files, known as Fashion-MNIST: bytes by path."""
    source = files.SOURCES["fashion_mnist"]
    compressed = {
        path: gzip.compress(idx(array))
        for path, array in zip(source.files, ARRAYS.values(), strict=True)
    }
    known = {path: md5(content) for path, content in compressed.items()}
    monkeypatch.setattr(source, "files", known)
    return compressed


def test_fashion_images_and_labels_are_parsed(machine, monkeypatch, fashion):
    for path, content in fashion.items():
        write(machine / "lab" / path, content)
    monkeypatch.setenv("AELAB_DATA", str(machine / "lab"))
    assert_is_mnist(files.locate("fashion_mnist")[0])
    images = data.load("fashion_mnist")
    assert images.class_names[0] == "T-shirt/top"
    assert len(images.class_names) == 10
    assert images.x_test.shape == (6, 28, 28, 1)
    np.testing.assert_allclose(images.x_test[..., 0] * 255, ARRAYS["x_test"], atol=1e-4)


def test_fashion_is_downloaded_by_file_name(serve, fashion):
    asked = []

    def give(handler):
        asked.append(handler.path)
        content = served[handler.path.lstrip("/")]
        begin(handler, len(content))
        handler.wfile.write(content)

    served = {Path(path).name: content for path, content in fashion.items()}
    serve(give)
    first = next(iter(fashion))
    write(own_cache() / first, fashion[first])  # from a download that broke off
    assert_is_mnist(files.locate("fashion_mnist")[0])
    assert len(asked) == 3
    stored = {path: found for path, (found, _) in contents(own_cache()).items()}
    assert stored == {own_cache() / path: fashion[path] for path in fashion}
    assert files.is_available("fashion_mnist") == "aelab's cache"


@pytest.mark.parametrize("known", [False, True])
def test_a_cut_gzip_file_is_refused(machine, monkeypatch, fashion, known):
    for cut, content in dict(fashion).items():
        fashion[cut] = content[:-9]
        with monkeypatch.context() as patch:
            if known:  # by its sum, so that the gzip format itself must refuse it
                hashes = files.SOURCES["fashion_mnist"].files
                patch.setitem(hashes, cut, md5(fashion[cut]))
            folder = machine / "keras" / "datasets"
            for path, stored in fashion.items():
                write(folder / path, stored)
            words = "EOFError" if known else f"{Path(cut).name} is not Fashion-MNIST's"
            assert words in refusal(files.locate, "fashion_mnist")
            assert files.is_available("fashion_mnist") is None
        fashion[cut] = content


def test_three_of_four_files_are_not_enough(machine, fashion):
    for path in list(fashion)[:3]:
        write(machine / "keras" / "datasets" / path, fashion[path])
    lines = refusal(files.locate, "fashion_mnist").splitlines()
    assert lines[1].startswith("  Keras's cache")
    assert lines[1].endswith("not there")


# fetch: files for an offline lab


def test_fetch_downloads_into_the_folder_once(machine, serve):
    asked = []
    serve({"mnist.npz": GOOD})
    # No cache is needed for it.
    write(machine / "home", b"a file in the way")
    target = machine / "new" / "lab" / "mnist.npz"
    assert files.fetch("mnist", target.parent) == [target]
    assert target.read_bytes() == GOOD
    assert list(target.parent.iterdir()) == [target]
    assert list((machine / "temporary").iterdir()) == []
    serve(asked.append)
    before = contents(target.parent)
    assert files.fetch("mnist", str(target.parent)) == [target]
    assert contents(target.parent) == before
    assert asked == []


def test_fetch_takes_what_is_on_the_machine(machine, monkeypatch):
    content = npz(np.savez_compressed)
    source = write(machine / "lab" / "mnist.npz", content)
    monkeypatch.setenv("AELAB_DATA", str(source.parent))
    (path,) = files.fetch("mnist", "~/copy")
    assert path == machine / "home" / "copy" / "mnist.npz"
    assert path.read_bytes() == content


def test_fetch_keeps_the_folders_of_fashion(machine, serve, fashion, monkeypatch):
    serve({Path(path).name: content for path, content in fashion.items()})
    folder = machine / "stick"
    paths = files.fetch("fashion_mnist", folder)
    assert [path.relative_to(folder).as_posix() for path in paths] == list(fashion)
    monkeypatch.setenv("AELAB_DATA", str(folder))
    assert files.locate("fashion_mnist")[1] == folder


def test_fetch_never_overwrites(machine, serve):
    asked = []
    serve(asked.append)
    folder = machine / "lab"
    for content in BAD.values():
        write(folder / "mnist.npz", content)
        before = contents(folder)
        message = refusal(files.fetch, "mnist", folder)
        assert "Nothing was overwritten" in message
        assert str(folder) in message
        assert contents(folder) == before
    assert asked == []


def half_a_copy(source, target):
    """What `shutil.copyfile` does on a disk that is full."""
    content = Path(source).read_bytes()
    Path(target).write_bytes(content[: len(content) // 2])
    raise OSError("no space left")


def test_fetch_leaves_nothing_behind_a_failure(machine, serve, fashion, monkeypatch):
    lab = machine / "lab"
    for content in (BAD["half a file"], BAD["HTML"]):
        serve({"mnist.npz": content})
        for name in ("mnist", "fashion_mnist"):
            assert "download: " in refusal(files.fetch, name, lab)
            assert not lab.exists()
    lab.mkdir()  # one that was there before stays
    write(machine / "keras" / "datasets" / "mnist.npz", GOOD)
    monkeypatch.setattr(shutil, "copyfile", half_a_copy)
    assert "no space left" in refusal(files.fetch, "mnist", lab)
    assert list(lab.iterdir()) == []


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
        refusal(files.fetch, "fashion_mnist", machine / "lab")
    assert len(contents(machine / "lab")) == 2
    paths = files.fetch("fashion_mnist", machine / "lab")
    assert [path.read_bytes() for path in paths] == list(fashion.values())


def test_fetch_into_a_place_that_is_no_folder_names_it(machine):
    write(machine / "keras" / "datasets" / "mnist.npz", GOOD)
    in_the_way = write(machine / "lab", b"a file")
    message = refusal(files.fetch, "mnist", in_the_way)
    assert str(in_the_way) in message
    assert "name another folder" in message
