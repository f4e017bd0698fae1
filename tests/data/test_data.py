"""What `data.load` returns, from a name, from the environment, from a user's file."""

import hashlib
import os
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest

from aelab import data
from aelab.data import files, glyphs

RNG = np.random.default_rng(0)


class Trap:
    """Makes a folder when it is unpickled: proof that somebody did."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def grey(n, height=28, width=28):
    return RNG.integers(0, 256, (n, height, width), dtype="uint8")


def in_set(images):
    return {image.tobytes() for image in images}


def refusal(call, *args, error=ValueError, **kwargs):
    """The message of the error that a call raises."""
    with pytest.raises(error) as caught:
        call(*args, **kwargs)
    return str(caught.value)


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch):
    monkeypatch.delenv("AELAB_DATASET", raising=False)
    monkeypatch.setattr(data, "N_GLYPHS", (240, 40))


@pytest.fixture
def own(tmp_path):
    """A function that saves arrays as a user would, and loads them."""

    def save_and_load(**arrays):
        path = tmp_path / "mine.npz"
        np.savez(path, **arrays)
        return data.load(str(path))

    return save_and_load


@pytest.fixture
def no_mnist(monkeypatch, tmp_path):
    """A machine with no MNIST on it, and with no network."""

    def refuse(folder):
        raise OSError("no network")

    monkeypatch.delenv("AELAB_DATA", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setattr(files, "_cache", lambda: tmp_path / "cache")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(files.SOURCES["mnist"], "download", refuse)


# Glyphs and the split


def test_glyphs_come_as_images_whose_parts_share_none():
    letters = data.load("glyphs")
    assert letters.name == "glyphs"
    assert letters.class_names == tuple(glyphs.CHARACTERS)
    for part, n in {"train": 220, "val": 20, "test": 40}.items():
        x = getattr(letters, f"x_{part}")
        y = getattr(letters, f"y_{part}")
        assert x.shape == (n, 28, 28, 1)
        assert x.dtype == np.float32
        assert (x.min(), x.max()) == (0, 1)
        assert y.shape == (n,)
        assert y.dtype == np.int64
        assert set(y) <= set(range(36))
    everything = np.concatenate([letters.x_train, letters.x_val, letters.x_test])
    assert len(in_set(everything)) == 280
    np.random.seed(1)  # what a lesson may do in between
    np.testing.assert_array_equal(data.load("glyphs").x_val, letters.x_val)


def test_the_validation_images_are_those_of_stored_results():
    stored = {
        60_000: "55ad26621306ab6669199d05a6d876cac5b0347c53421a7eea33eb7beed00ae2",
        24_000: "b6f3d497f8f12c5dab817092ca134006327b1686f22593778b0fd3c74ad58bd8",
    }
    for n, known in stored.items():
        keep, held_out = data._hold_out(n, 12)
        assert hashlib.sha256(held_out.astype("<i8").tobytes()).hexdigest() == known
        np.testing.assert_array_equal(keep, np.setdiff1d(np.arange(n), held_out))
    x = np.arange(24.0).reshape(24, 1, 1, 1)
    images = data._split(x, np.arange(24), x, np.arange(24), (), "x")
    np.testing.assert_array_equal(images.x_val.ravel(), data._hold_out(24, 12)[1])
    np.testing.assert_array_equal(images.x_train.ravel(), images.y_train)


# Names


def test_names_come_from_the_call_or_the_environment(monkeypatch, tmp_path):
    assert data.dataset_name() == "auto"
    monkeypatch.setenv("AELAB_DATASET", "")
    assert data.dataset_name() == "auto"
    monkeypatch.setenv("AELAB_DATASET", "glyphs")
    assert data.load().name == "glyphs"
    monkeypatch.setenv("AELAB_DATASET", "emnist")
    assert "dataset='emnist'" in refusal(data.load)
    assert data.load("glyphs").name == "glyphs"
    # Paths come back absolute, so that a lesson finds them from its own folder.
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    (tmp_path / "photos").mkdir()
    for name in ("photos", "~/photos", Path("photos"), tmp_path / "photos"):
        assert data.dataset_name(name) == str(tmp_path / "photos")
    assert data.dataset_name("mine.npz") == str(tmp_path / "mine.npz")


def test_what_is_no_data_set_is_refused_with_what_is(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    np.save("one.npy", grey(12))
    Path("photos.zip").write_bytes(b"PK")
    cases = {
        "cifar10": [*data.NAMES, ".npz", "folder", "dataset='cifar10'"],
        "photos/cats": [str(tmp_path / "photos" / "cats"), "does not exist"],
        "one.npy": ["np.savez('mine.npz', x_train=np.load(path))"],
        "photos.zip": ["unpack"],
    }
    for name, words in cases.items():
        message = refusal(data.load, name)
        for word in words:
            assert word in message, name
    for array in (grey(2), [1.0], 3):
        message = refusal(data.load, array)
        assert "np.savez('mine.npz', x_train=x)" in message
        assert type(array).__name__ in message


@pytest.mark.usefixtures("no_mnist")
def test_auto_without_mnist_is_glyphs_and_says_why(monkeypatch, capsys):
    assert data.load("auto").name == "glyphs"
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("Data: glyphs, because MNIST")
    assert "python -m aelab data mnist --to" in line
    monkeypatch.setenv("AELAB_DATA", "/mistyped")
    data.load("auto")
    assert "AELAB_DATA=/mistyped" in capsys.readouterr().out
    # Asked for by name, it is never replaced.
    assert "no network" in refusal(data.load, "mnist", error=data.DatasetUnavailable)


# as_images


def test_images_are_scaled_to_float32_in_unit_range():
    x = np.arange(256, dtype="uint8").reshape(4, 8, 8)
    images = data.as_images(x)
    assert images.dtype == np.float32
    np.testing.assert_array_equal(images[..., 0], x.astype("float32") / 255)
    for dtype in ("float16", "float32", "float64", ">f4"):
        x = RNG.random((2, 5, 4, 3)).astype(dtype)
        np.testing.assert_array_equal(data.as_images(x), x.astype("float32"))
    # One constant image, and a list of images, are images as well.
    assert data.as_images(np.zeros((1, 2, 2), "uint8")).shape == (1, 2, 2, 1)
    assert data.as_images([np.ones((3, 2))] * 4).shape == (4, 3, 2, 1)


def test_a_rounding_error_beyond_the_range_is_clipped():
    x = np.array([-1e-6, 0.5, 1.0000001, 1 + 9e-6]).reshape(1, 2, 2)
    before = x.copy()
    images = data.as_images(x)
    np.testing.assert_allclose(images.ravel(), [0, 0.5, 1, 1])
    assert images.min() >= 0
    assert images.max() <= 1
    np.testing.assert_array_equal(x, before)


def test_what_is_no_image_is_refused_with_its_cure():
    def zeros(*shape):
        return np.zeros(shape, "float32")

    def full(value, dtype):
        return np.full((1, 4, 4), value, dtype)

    mask = np.eye(4, dtype="uint8")[None]
    cases = [
        # Values.
        (full(200.0, "float32"), ["[0, 1]", "200", "divide 8-bit values by 255"]),
        (full(40_000.0, "float32"), ["[0, 1]", "40000", "value of white"]),
        (np.array([[[-1.0, 1.0]]]), ["[-1, 1]", "(x + 1) / 2"]),
        (full(1.1, "float32"), ["[0, 1]", "1.1"]),
        (full(np.nan, "float32"), ["NaN", "16 of 16"]),
        (full(np.inf, "float64"), ["infinite"]),
        # Types.
        (mask, ["mask", "astype('float32')", "pictures * 255", "uint8"]),
        (mask.astype(bool), ["mask", "astype('float32')", "bool"]),
        (mask.astype("int64"), ["astype('float32')", "int64"]),
        (full(200, "int64"), ["astype('uint8')", "int64"]),
        (full(60_000, "uint16"), ["pictures / 65535", "uint16"]),
        (full(100_000, "int32"), ["value of white", "100000"]),
        (full(-3, "int8"), ["uint8", "-3..-3"]),
        (full(1j, complex), ["uint8", "complex128"]),
        (full("a", "str"), ["uint8", "<U1"]),
        (full(None, object), ["uint8", "object"]),
        # Shapes.
        (zeros(0, 28, 28), ["at least one image", "(0, 28, 28)"]),
        (zeros(2, 28, 0, 1), ["at least one image", "(2, 28, 0, 1)"]),
        (zeros(28, 28), ["pictures[None]", "(28, 28)"]),
        (zeros(9, 784), ["pictures.reshape(-1, 28, 28)", "(9, 784)"]),
        (zeros(9, 3072), ["reshape(-1, 32, 32, 3)", "transpose(0, 2, 3, 1)"]),
        (zeros(9, 30), ["reshape(-1, height, width)"]),
        (zeros(2, 3, 32, 32), ["np.moveaxis(pictures, 1, -1)", "(2, 3, 32, 32)"]),
        (zeros(2, 1, 28, 28), ["np.moveaxis(pictures, 1, -1)"]),
        (zeros(2, 8, 8, 4), ["pictures[..., :3]"]),
        (zeros(2, 8, 8, 2), ["pictures[..., :1]"]),
        (zeros(2, 8, 8, 7), ["1 or 3 channels", "(2, 8, 8, 7)"]),
        (zeros(1, 2, 28, 28, 1), ["channels", "(1, 2, 28, 28, 1)"]),
        ([zeros(2, 2), zeros(3, 3)], ["differ in size", "resize"]),
    ]
    for x, words in cases:
        message = refusal(data.as_images, x, "pictures")
        for word in ("pictures", *words):
            assert word in message, (word, message)
    # Each cure does what it says.
    flat = RNG.random((4, 3, 5, 5))
    colour = flat.reshape(4, -1).reshape(-1, 3, 5, 5).transpose(0, 2, 3, 1)
    np.testing.assert_array_equal(colour, np.moveaxis(flat, 1, -1))
    np.testing.assert_array_equal(data.as_images(mask * 255)[..., 0], mask)


# A user's own file


def test_own_grey_images_without_labels_or_test_set(own):
    x = grey(144, 27, 27)
    images = own(x_train=x)
    assert images.name == "mine"
    assert images.class_names == ()
    # A sixth for the test, and a twelfth of the rest for validation.
    assert [len(part) for part in images[:6]] == [110, 110, 10, 10, 24, 24]
    for y in (images.y_train, images.y_val, images.y_test):
        assert y.dtype == np.int64
        assert set(y) == {-1}
    parts = [images.x_train, images.x_val, images.x_test]
    assert set.union(*map(in_set, parts)) == in_set(data.as_images(x))


def test_own_colour_images_with_every_part(own):
    x = {part: RNG.random((n, 9, 7, 3)) for part, n in (("val", 4), ("test", 5))}
    names = np.array([b"cat", b"dog"])
    images = own(
        x_train=RNG.random((36, 9, 7, 3)),
        y_train=np.arange(36, dtype="uint8") % 2,
        x_val=x["val"],
        y_val=np.array([1, 0, -1, 1]),
        x_test=x["test"],
        y_test=np.arange(5) % 2,
        class_names=names,
    )
    assert images.class_names == ("cat", "dog")
    assert images.x_train.shape == (36, 9, 7, 3)  # none held out
    np.testing.assert_array_equal(images.x_val, x["val"].astype("float32"))
    np.testing.assert_array_equal(images.x_test, x["test"].astype("float32"))
    np.testing.assert_array_equal(images.y_val, [1, 0, -1, 1])
    np.testing.assert_array_equal(images.y_test, np.arange(5) % 2)
    assert images.y_train.dtype == images.y_test.dtype == np.int64


def test_own_files_sorted_by_class_are_shuffled_labels_with_them(own):
    y = np.arange(60)
    x = np.broadcast_to(3 * y[:, None, None], (60, 3, 3)).astype("uint8")
    images = own(x_train=x, y_train=y // 20)
    assert images.class_names == ("0", "1", "2")
    assert len(set(images.y_train[:12])) == 3
    for part in ("train", "val", "test"):
        number = np.rint(getattr(images, f"x_{part}")[:, 0, 0, 0] * 255) / 3
        np.testing.assert_array_equal(getattr(images, f"y_{part}"), number // 20)
    again = own(x_train=x, y_train=y // 20)
    np.testing.assert_array_equal(again.x_train, images.x_train)


def test_own_files_may_hold_few_images_and_some_labels(own, capsys):
    parts = own(x_train=grey(3))
    assert [len(part) for part in parts[:6:2]] == [1, 1, 1]
    parts = own(x_train=grey(2), x_test=grey(1))
    assert [len(part) for part in parts[:6:2]] == [1, 1, 1]
    # Labels of the test alone, as where anomalies are looked for.
    images = own(x_train=grey(12), x_test=grey(4), y_test=[0, 1, 1, 0])
    assert set(images.y_train) == {-1}
    assert images.class_names == ("0", "1")
    # One class; names with gaps between the labels; no label known in spite of names.
    assert own(x_train=grey(12), y_train=np.zeros(12, int)).class_names == ("0",)
    images = own(x_train=grey(12), y_train=[0, 3] * 6, class_names=list("abcd"))
    assert images.class_names == tuple("abcd")
    images = own(x_train=grey(12), y_train=np.full(12, -1), class_names=list("ab"))
    assert images.class_names == ()
    # What is not used is said, pickled or not.
    capsys.readouterr()
    own(x_train=grey(12), y=np.zeros(12), note=np.array([{}], object))
    assert capsys.readouterr().out == "Data: mine.npz also holds note, y: not used.\n"


def test_own_file_may_be_named_by_the_environment(tmp_path, monkeypatch):
    np.savez_compressed(tmp_path / "shapes.npz", x_train=grey(12))
    monkeypatch.setenv("AELAB_DATASET", str(tmp_path / "shapes.npz"))
    assert data.load().name == "shapes"


def test_own_images_never_pass_for_a_known_set(tmp_path):
    np.savez_compressed(tmp_path / "mnist.npz", x_train=grey(12))
    assert data.load(tmp_path / "mnist.npz").name == "my mnist"


def test_own_arrays_that_do_not_fit_are_refused_with_their_cure(own):
    x = grey(12)
    unique = "np.unique(y_train, return_inverse=True)"
    ids = np.arange(12) % 3
    cases = [
        ({"images": x}, ["x_train", "['images']"]),
        ({"x_train": grey(2)}, ["at least 3", "test, val", "2 image"]),
        ({"x_train": grey(1), "x_test": x}, ["at least 2", "(val)", "1 image"]),
        ({"x_train": x * 2.0}, ["x_train", "[0, 1]"]),
        ({"x_train": x, "x_test": x * 2.0}, ["x_test", "[0, 1]"]),
        ({"x_train": x, "x_test": grey(0)}, ["x_test", "at least one image"]),
        ({"x_train": x, "x_test": grey(3, 28, 27)}, ["x_test", "(28, 27, 1)"]),
        ({"x_train": x, "x_val": grey(3, 27, 28)}, ["x_val", "(27, 28, 1)"]),
        # Labels of another form.
        (
            {"y_train": np.arange(11)},
            ["y_train", "12", "(11,)", "as many as the images"],
        ),
        ({"y_train": np.array(3)}, ["y_train", "()"]),
        ({"y_train": ["cat", "dog"] * 6}, [unique, "<U3"]),
        ({"y_train": np.array([b"cat"] * 12)}, [unique, "|S3"]),
        ({"y_train": ids / 1.0}, ["y_train.astype('int64')", "float64"]),
        ({"y_train": ids == 0}, ["y_train.astype('int64')", "bool"]),
        ({"y_train": ids[:, None]}, ["y_train[:, 0]", "(12, 1)"]),
        ({"y_train": np.eye(3)[ids]}, ["argmax(axis=1)", "(12, 3)"]),
        ({"y_train": ids.astype(object)}, ["y_train", "object", "astype('int64')"]),
        ({"x_train": np.array([{}] * 12)}, ["x_train", "np.stack", "object"]),
        ({"class_names": np.array(["a", None])}, ["class_names", "dtype=str"]),
        # Labels that do not count from 0.
        ({"y_train": ids - 2}, ["y_train", "-1 where"]),
        ({"y_train": ids + 1}, ["labels start at 0", "y_train - 1", "from 1 to 3"]),
        (
            {"y_train": ids + 1, "class_names": list("abc")},
            ["labels start at 0", "0 to 3", "3 class names"],
        ),
        ({"y_train": ids * 100}, [unique, "3 different labels from 0 to 200"]),
        ({"y_train": np.full(12, 5 * 10**7)}, [unique, "50000000"]),
        ({"y_train": np.full(12, 2**40)}, [unique, str(2**40)]),
        ({"y_train": np.full(12, 2**63, "uint64")}, [unique, "uint64"]),
        ({"y_train": ids, "class_names": list("ab")}, ["0 to 2", "2 class names"]),
        ({"y_train": ids, "class_names": np.array("cat")}, ["class_names", "()"]),
        ({"y_train": ids, "class_names": np.zeros(3)}, ["class_names", "float64"]),
        # Parts without their other half.
        ({"y_test": ids}, ["y_test", "x_test"]),
        ({"y_val": ids}, ["y_val", "x_val"]),
        ({"y_train": ids, "x_test": x}, ["y_test=np.full(12, -1)"]),
        ({"y_train": ids, "x_val": x}, ["y_val=np.full(12, -1)"]),
        ({"x_test": grey(3), "y_test": np.arange(4)}, ["y_test", "3 images", "(4,)"]),
    ]
    for arrays, words in cases:
        message = refusal(
            own, **({"x_train": x} if "images" not in arrays else {}) | arrays
        )
        assert "Received" in message, message
        for word in words:
            assert word in message, (word, message)


def test_the_cures_of_labels_work(own):
    kinds = {
        "names": np.array(["dog", "cat", "emu"] * 4),
        "ids": np.array([5 * 10**7, 3, 2**40] * 4),
    }
    for y_train in kinds.values():
        y_test = y_train[1:5]
        class_names, y_train = np.unique(y_train, return_inverse=True)
        images = own(
            x_train=grey(12),
            y_train=y_train,
            x_test=grey(4),
            y_test=np.searchsorted(class_names, y_test),
            class_names=class_names,
        )
        named = [images.class_names[label] for label in images.y_test]
        assert named == list(map(str, y_test))


def test_labels_that_number_the_images_are_refused(own, monkeypatch):
    monkeypatch.setattr(data, "MAX_CLASSES", 50)
    x = grey(60, 3, 3)
    assert "at most 50" in refusal(own, x_train=x, y_train=np.arange(60))
    names = list(map(str, range(60)))
    ids = np.zeros(60, int)
    assert "at most 50" in refusal(own, x_train=x, y_train=ids, class_names=names)


# Files that are broken, hostile or too large


def test_a_broken_file_is_refused_with_its_path_and_left_alone(tmp_path):
    whole = tmp_path / "whole.npz"
    np.savez(whole, x_train=grey(12))
    content = whole.read_bytes()
    directory = bytearray(content)
    directory[content.rindex(b"PK\x01\x02") + 10] = 77  # method of compression
    one_array = tmp_path / "one.npy"
    np.save(one_array, grey(12))
    flipped = bytes(byte ^ 255 for byte in content[300:400])
    broken = {
        "empty": b"",
        "text": b"not a zip file",
        "start": b"PK\x03\x04 and no more",
        "half": content[: len(content) // 2],
        "flipped": content[:300] + flipped + content[400:],
        "directory": bytes(directory),
        "array": one_array.read_bytes(),
        "negative": content.replace(b"(12, 28, 28)", b"(-2, 28, 28)"),
    }
    for name, bad in broken.items():
        path = tmp_path / f"{name}.npz"
        path.write_bytes(bad)
        message = refusal(data.load, path, error=data.DatasetUnavailable)
        assert str(path) in message
        assert "np.savez" in message
        assert path.read_bytes() == bad
    message = refusal(data.load, tmp_path / "no.npz", error=data.DatasetUnavailable)
    assert message == f"There is no file {tmp_path / 'no.npz'}."


def test_pickled_arrays_are_refused_and_not_executed(tmp_path):
    path = tmp_path / "evil.npz"
    proof = tmp_path / "executed"
    np.savez(path, x_train=np.array([Trap(proof)], object))
    assert "x_train as Python objects" in refusal(data.load, path)
    # A header that says otherwise does not help it.
    path.write_bytes(path.read_bytes().replace(b"'|O'", b"'|u1'"))
    with pytest.raises((ValueError, data.DatasetUnavailable)):
        data.load(path)
    assert not proof.exists()
    np.savez(path, x_train=np.array([Trap(proof)], object))
    with np.load(path, allow_pickle=True) as file:
        file["x_train"]
    assert proof.exists(), "the trap does not work"


def test_arrays_too_large_for_memory_are_refused_before_they_are_read(
    own, tmp_path, monkeypatch
):
    # A few bytes that say of themselves that they are 3 TB.
    bomb = tmp_path / "bomb.npz"
    np.savez(bomb, x_train=grey(12))
    header = b"'shape': (12, 28, 28), }" + 20 * b" "
    claim = b"'shape': (3000000, 1000, 1000), }".ljust(len(header))
    with zipfile.ZipFile(bomb) as archive:
        member = archive.read("x_train.npy")
    assert header in member
    with zipfile.ZipFile(bomb, "w") as archive:
        archive.writestr("x_train.npy", member.replace(header, claim))
    monkeypatch.setattr(files, "LARGEST_DATA", 2**60)
    with monkeypatch.context() as patch:
        patch.setattr(files, "read_npz", lambda *_: pytest.fail("was read"))
        message = refusal(data.load, bomb)
    for word in (str(bomb), "GiB", "fewer images", "(3000000, 1000, 1000)"):
        assert word in message
    # The limit of the house, where memory would do; labels and names count as well.
    monkeypatch.setattr(files, "LARGEST_DATA", 100_000)
    own(x_train=grey(12))
    for arrays in ({"x_train": grey(50)}, {"class_names": ["a" * 100_000]}):
        assert "too large" in refusal(own, **{"x_train": grey(12), **arrays})


def test_memory_in_use_stays_below_what_is_checked(tmp_path, monkeypatch):
    path = tmp_path / "mine.npz"
    n_pixels = 300 * 64 * 64
    for dtype in ("uint8", "float32", "float64"):
        x = np.ones((300, 64, 64), dtype)
        x[0] = 2 if dtype == "uint8" else 0
        np.savez(path, x_train=x)
        needed = 4 * n_pixels + max(x.nbytes, 4 * n_pixels) + n_pixels
        del x
        monkeypatch.setattr(files, "LARGEST_DATA", needed)
        tracemalloc.start()
        images = data.load(path)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert 8 * n_pixels < peak < 1.05 * needed, dtype
        del images


# The real MNIST, where it is at hand


@pytest.fixture(scope="session")
def mnist_folder():
    """Folder with the real MNIST: found as in the lessons, or beside the project."""
    beside = Path(__file__).resolve().parents[3] / "shared" / "data"
    for _, folder in [*files.search_path(), ("beside", beside)]:
        # Known here by its size alone: whether it is MNIST, the tests must find.
        path = folder / "mnist.npz"
        if path.is_file() and path.stat().st_size > 10_000_000:
            return folder
    pytest.skip("MNIST is not at hand: python -m aelab data mnist --to FOLDER")


@pytest.mark.mnist
def test_mnist_comes_in_three_parts(mnist_folder, monkeypatch, capsys):
    monkeypatch.setenv("AELAB_DATA", str(mnist_folder))
    mnist = data.load()
    assert capsys.readouterr().out == "Data: MNIST, found in AELAB_DATA.\n"
    assert mnist.name == "mnist"
    assert mnist.class_names == tuple("0123456789")
    assert mnist.x_train.shape == (55_000, 28, 28, 1)
    assert mnist.x_val.shape == (5_000, 28, 28, 1)
    assert mnist.x_test.shape == (10_000, 28, 28, 1)
    assert mnist.x_train.dtype == np.float32
    assert (mnist.x_train.min(), mnist.x_train.max()) == (0, 1)
    # The published class counts of MNIST.
    training = np.bincount(mnist.y_train) + np.bincount(mnist.y_val)
    assert training.tolist() == (
        [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    )
    assert np.bincount(mnist.y_test).tolist() == (
        [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    )
