"""What `data.load` returns, from a name, from the environment, from a user's file."""

import os
from pathlib import Path

import numpy as np
import pytest

from aelab import data, glyphs, sources

RNG = np.random.default_rng(0)


class Trap:
    """Makes a file when it is unpickled: proof that somebody did."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def grey(n, height=28, width=28):
    return RNG.integers(0, 256, (n, height, width), dtype="uint8")


def in_set(images):
    return {image.tobytes() for image in images}


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch):
    monkeypatch.delenv("AELAB_DATASET", raising=False)


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
    monkeypatch.setattr(sources, "_cache", lambda: tmp_path / "cache")
    monkeypatch.setattr(sources.SOURCES["mnist"], "download", refuse)


# Glyphs


@pytest.fixture(scope="module")
def letters():
    return data.load("glyphs")


def test_glyphs_come_as_images(letters):
    assert letters.name == "glyphs"
    assert letters.class_names == tuple(glyphs.CHARACTERS)
    sizes = {"train": 22_000, "val": 2_000, "test": 4_000}
    for part, n in sizes.items():
        x, y = getattr(letters, f"x_{part}"), getattr(letters, f"y_{part}")
        assert x.shape == (n, 28, 28, 1)
        assert x.dtype == np.float32
        assert x.min() == 0
        assert x.max() == 1
        assert y.shape == (n,)
        assert y.dtype == np.int64
        assert set(y) == set(range(36))


def test_a_twelfth_of_the_training_set_is_for_validation(letters):
    n = len(letters.x_train) + len(letters.x_val)
    assert n == 24_000
    assert len(letters.x_val) == n // 12


def test_parts_share_no_image(letters):
    parts = [in_set(x) for x in (letters.x_train, letters.x_val, letters.x_test)]
    assert len(set.union(*parts)) == sum(len(x) for x in parts) == 28_000


def test_the_split_is_fixed(monkeypatch):
    monkeypatch.setattr(data, "N_GLYPHS", (240, 40))
    first = data.load("glyphs")
    np.random.seed(1)  # what a lesson may do in between
    second = data.load("glyphs")
    for one, other in zip(first[:6], second[:6], strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_split_depends_on_its_seed(monkeypatch):
    x = np.arange(120, dtype="uint8").repeat(4).reshape(120, 2, 2)
    labels = np.zeros(120, int)
    parts = []
    for seed in (0, 1):
        monkeypatch.setattr(data, "SPLIT_SEED", seed)
        parts.append(data._images(x, labels, x, labels, (), "x").x_val)
    assert in_set(parts[0]) != in_set(parts[1])


# Names


def test_an_unknown_name_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="dataset must be") as caught:
        data.load("cifar10")
    for word in (*data.NAMES, ".npz", "dataset='cifar10'"):
        assert word in str(caught.value)


def test_the_environment_names_the_default(monkeypatch):
    monkeypatch.setattr(data, "N_GLYPHS", (24, 4))
    monkeypatch.setenv("AELAB_DATASET", "glyphs")
    assert data.load().name == "glyphs"
    monkeypatch.setenv("AELAB_DATASET", "emnist")
    with pytest.raises(ValueError, match="emnist"):
        data.load()
    assert data.load("glyphs").name == "glyphs"


def test_no_name_at_all_means_auto(monkeypatch):
    assert data.chosen() == "auto"
    monkeypatch.setenv("AELAB_DATASET", "")
    assert data.chosen() == "auto"


@pytest.mark.usefixtures("no_mnist")
def test_auto_without_mnist_is_glyphs_and_says_why(monkeypatch, capsys):
    monkeypatch.setattr(data, "N_GLYPHS", (24, 4))
    assert data.load("auto").name == "glyphs"
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("Data: glyphs, because MNIST")
    assert "python -m aelab data mnist --to" in line


@pytest.mark.usefixtures("no_mnist")
def test_mnist_by_name_is_never_replaced():
    with pytest.raises(sources.DatasetUnavailable, match="no network"):
        data.load("mnist")


# as_images


def test_8_bit_images_are_scaled_to_unit_range():
    x = np.arange(256, dtype="uint8").reshape(4, 8, 8)
    images = data.as_images(x)
    assert images.dtype == np.float32
    assert images.shape == (4, 8, 8, 1)
    np.testing.assert_allclose(images[..., 0], x / 255, rtol=1e-6)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_floats_keep_their_values(dtype):
    x = RNG.random((2, 5, 4, 3)).astype(dtype)
    images = data.as_images(x)
    assert images.dtype == np.float32
    np.testing.assert_array_equal(images, x.astype("float32"))


@pytest.mark.parametrize(
    ("x", "words"),
    [
        (np.full((1, 4, 4), 1.5), ["[0, 1]", "1.5", "divide", "255"]),
        (np.full((1, 4, 4), -0.25), ["[0, 1]", "-0.25"]),
        (np.full((1, 4, 4), np.nan), ["NaN", "drop"]),
        (np.full((1, 4, 4), np.inf), ["infinite"]),
        (np.zeros((0, 28, 28)), ["at least one image", "(0, 28, 28)"]),
        (np.zeros((2, 28, 0, 1)), ["at least one image", "(2, 28, 0, 1)"]),
        (np.zeros((28, 28)), ["(n, height, width)", "(28, 28)"]),
        (np.zeros((1, 2, 28, 28, 1)), ["channels", "(1, 2, 28, 28, 1)"]),
        (np.zeros((1, 4, 4), "int64"), ["uint8", "int64"]),
        (np.zeros((1, 4, 4), bool), ["uint8", "bool"]),
        (np.zeros((1, 4, 4), complex), ["uint8", "complex128"]),
        (np.full((1, 4, 4), "a"), ["uint8", "<U1"]),
    ],
)
def test_what_is_no_image_is_refused(x, words):
    with pytest.raises(ValueError, match="pictures") as caught:
        data.as_images(x, "pictures")
    for word in words:
        assert word in str(caught.value)


# A user's own file


def test_own_grey_images_without_labels_or_test_set(own):
    x = grey(144, 27, 27)
    images = own(x_train=x)
    assert images.name == "mine"
    assert images.class_names == ()
    # A sixth for the test, and a twelfth of the rest for validation.
    assert [len(part) for part in images[:6]] == [110, 110, 10, 10, 24, 24]
    for part in (images.y_train, images.y_val, images.y_test):
        assert set(part) == {-1}
    parts = [images.x_train, images.x_val, images.x_test]
    assert set.union(*map(in_set, parts)) == in_set(data.as_images(x))


def test_own_colour_images_with_everything(own):
    x, x_test = RNG.random((36, 45, 33, 3)), RNG.random((5, 45, 33, 3))
    y, y_test = np.arange(36, dtype="uint8") % 2, np.arange(5) % 2
    names = np.array(["cat", "dog"])
    images = own(x_train=x, y_train=y, x_test=x_test, y_test=y_test, class_names=names)
    assert images.class_names == ("cat", "dog")
    assert images.x_train.shape == (33, 45, 33, 3)
    assert images.x_val.shape == (3, 45, 33, 3)
    np.testing.assert_array_equal(images.x_test, x_test.astype("float32"))
    np.testing.assert_array_equal(images.y_test, y_test)
    assert images.y_train.dtype == np.int64


def test_labels_stay_with_their_images(own):
    y = np.arange(60)
    x = np.broadcast_to(y[:, None, None], (60, 3, 3)).astype("uint8")
    images = own(x_train=x, y_train=y)
    assert images.class_names == tuple(map(str, range(60)))
    for part in ("train", "val", "test"):
        x, y = getattr(images, f"x_{part}"), getattr(images, f"y_{part}")
        np.testing.assert_array_equal(np.rint(x[:, 0, 0, 0] * 255), y)


def test_own_file_may_be_named_by_the_environment(tmp_path, monkeypatch):
    np.savez(tmp_path / "shapes.npz", x_train=grey(12))
    monkeypatch.setenv("AELAB_DATASET", str(tmp_path / "shapes.npz"))
    assert data.load().name == "shapes"


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"images": grey(12)}, ["x_train", "['images']"]),
        ({"x_train": grey(12), "y_train": np.arange(11)}, ["y_train", "12", "(11,)"]),
        ({"x_train": grey(12), "y_train": np.zeros(12)}, ["y_train", "float64"]),
        ({"x_train": grey(12), "y_train": np.zeros((12, 1), int)}, ["(12, 1)"]),
        (
            {"x_train": grey(12), "x_test": grey(3), "y_test": np.arange(4)},
            ["y_test", "3 images", "(4,)"],
        ),
        (
            {"x_train": grey(12), "x_test": grey(3, 28, 27)},
            ["x_test", "(28, 28, 1)", "(28, 27, 1)"],
        ),
        ({"x_train": grey(12) * 2.0}, ["x_train", "[0, 1]"]),
        ({"x_train": grey(12), "x_test": grey(3) * 2.0}, ["x_test", "[0, 1]"]),
        ({"x_train": np.zeros(12)}, ["x_train", "(12,)"]),
        ({"x_train": grey(1)}, ["1 training image"]),
        ({"x_train": grey(0)}, ["x_train", "at least one image"]),
    ],
)
def test_own_arrays_that_do_not_fit_are_refused(own, arrays, words):
    with pytest.raises(ValueError, match="Received") as caught:
        own(**arrays)
    for word in words:
        assert word in str(caught.value)


def test_pickled_arrays_are_refused_and_not_executed(tmp_path):
    path, proof = tmp_path / "evil.npz", tmp_path / "executed"
    np.savez(path, x_train=np.array([Trap(proof)], object))
    with pytest.raises(sources.DatasetUnavailable, match=r"evil\.npz.*np\.savez"):
        data.load(str(path))
    assert not proof.exists()
    with np.load(path, allow_pickle=True) as file:
        file["x_train"]
    assert proof.exists(), "the trap does not work"


@pytest.mark.parametrize("content", [b"", b"not a zip file", b"PK\x03\x04 cut off"])
def test_a_corrupt_file_is_refused_with_its_path(tmp_path, content):
    path = tmp_path / "broken.npz"
    path.write_bytes(content)
    with pytest.raises(sources.DatasetUnavailable, match=r"broken\.npz.*np\.savez"):
        data.load(str(path))
    assert path.read_bytes() == content


def test_half_a_file_is_refused(tmp_path):
    path = tmp_path / "half.npz"
    np.savez(path, x_train=grey(12))
    path.write_bytes(path.read_bytes()[:4000])
    with pytest.raises(sources.DatasetUnavailable, match=r"half\.npz"):
        data.load(path)


def test_a_missing_file_is_refused_with_its_path(tmp_path):
    with pytest.raises(sources.DatasetUnavailable, match=r"absent\.npz"):
        data.load(tmp_path / "absent.npz")


def test_a_single_array_under_the_name_of_an_archive_is_refused(tmp_path):
    np.save(tmp_path / "one.npy", grey(12))
    (tmp_path / "one.npy").rename(tmp_path / "one.npz")
    with pytest.raises(sources.DatasetUnavailable, match=r"one\.npz"):
        data.load(tmp_path / "one.npz")


def test_an_archive_damaged_in_its_directory_is_refused(tmp_path):
    path = tmp_path / "damaged.npz"
    np.savez(path, x_train=grey(12))
    content = bytearray(path.read_bytes())
    content[content.rindex(b"PK\x01\x02") + 10] = 77  # method of compression
    path.write_bytes(content)
    with pytest.raises(sources.DatasetUnavailable, match=r"damaged\.npz"):
        data.load(path)


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"class_names": np.array("cat")}, ["class_names"]),
        ({"class_names": np.array(["a", "b"])}, ["class_names", "0 to 11"]),
        ({"x_test": grey(0)}, ["x_test", "at least one image"]),
    ],
)
def test_own_class_names_and_test_set_are_checked(own, arrays, words):
    with pytest.raises(ValueError, match=words[0]) as caught:
        own(x_train=grey(12), y_train=np.arange(12), **arrays)
    for word in words:
        assert word in str(caught.value)


# The real MNIST, where it is at hand


@pytest.fixture(scope="session")
def mnist_folder():
    """Folder with the real MNIST: found as in the lessons, or beside the project."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    for folder in (*(folder for _, folder in sources.places()), beside):
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
    assert mnist.x_train.min() == 0
    assert mnist.x_train.max() == 1
    # The published class counts of MNIST.
    training = np.bincount(mnist.y_train) + np.bincount(mnist.y_val)
    assert training.tolist() == (
        [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    )
    assert np.bincount(mnist.y_test).tolist() == (
        [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    )


@pytest.mark.mnist
@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_mnist_is_known_in_another_container(mnist_folder, tmp_path, save):
    with np.load(mnist_folder / "mnist.npz", allow_pickle=False) as file:
        arrays = dict(file)
    save(tmp_path / "mnist.npz", note="saved again", **arrays)
    read = sources.SOURCES["mnist"].read(tmp_path)
    np.testing.assert_array_equal(read[0], arrays["x_train"])


@pytest.mark.mnist
def test_mnist_with_one_pixel_changed_is_refused(mnist_folder, tmp_path):
    with np.load(mnist_folder / "mnist.npz", allow_pickle=False) as file:
        arrays = dict(file)
    arrays["x_test"][17, 3, 5] += 1
    np.savez(tmp_path / "mnist.npz", **arrays)
    with pytest.raises(ValueError, match="x_test is not MNIST's"):
        sources.SOURCES["mnist"].read(tmp_path)
