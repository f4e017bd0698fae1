"""A folder of images as a data set: layouts, kinds of files, and what is wrong."""

import shutil
import zlib

import numpy as np
import pytest
from PIL import Image

from aelab import data
from aelab.data import files, folders

RNG = np.random.default_rng(0)


def save(path, pixels, **options):
    """Write an image file, its folders included."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    image.save(path, **options)
    return path


def grey(height=6, width=5):
    return RNG.integers(0, 256, (height, width), dtype="uint8")


def colour(height=6, width=5):
    return RNG.integers(0, 256, (height, width, 3), dtype="uint8")


def refusal(folder, error=ValueError):
    with pytest.raises(error) as caught:
        data.load(folder)
    return str(caught.value)


def only(folder):
    """The one image of a folder, shape `(height, width, channels)`, uint8."""
    (x,) = folders.read(folder)["x_train"]
    return x


def test_class_folders_give_images_labels_and_names(tmp_path):
    folder = tmp_path / "pets"
    saved = {}  # bytes of each image, and the name of its class
    for i in range(36):
        name = ("dog", "cat", "Émeu")[i % 3]
        pixels = grey()
        save(folder / name / f"{i}.{('png', 'PNG')[i % 2]}", pixels)
        saved[pixels.tobytes()] = name
    images = data.load(folder)
    assert images.name == "pets"
    assert images.class_names == ("cat", "dog", "Émeu")  # sorted, as Keras does
    assert [len(part) for part in images[:6]] == [28, 28, 2, 2, 6, 6]
    assert images.x_train.shape[1:] == (6, 5, 1)
    found = {}
    for part in ("train", "val", "test"):
        for x, y in zip(
            getattr(images, f"x_{part}"), getattr(images, f"y_{part}"), strict=True
        ):
            pixels = np.rint(x * 255).astype("uint8")
            found[pixels.tobytes()] = images.class_names[y]
    assert found == saved
    # Any first images hold several classes, and they are the same each time.
    assert len(set(images.y_train[:12])) == 3
    np.testing.assert_array_equal(data.load(str(folder)).x_train, images.x_train)


def test_a_flat_folder_has_no_labels(tmp_path, monkeypatch):
    for i in range(12):
        save(tmp_path / "photos" / f"{i}.jpg", colour())
    monkeypatch.chdir(tmp_path)
    images = data.load("photos")
    assert images.class_names == ()
    assert set(images.y_train) | set(images.y_test) == {-1}
    assert images.x_train.shape == (9, 6, 5, 3)


def test_parts_have_folders_of_their_own(tmp_path):
    for i in range(4):
        save(tmp_path / "Train" / ("a", "b")[i % 2] / f"{i}.png", grey())
    save(tmp_path / "test" / "c" / "0.png", grey())
    images = data.load(tmp_path)
    assert [len(part) for part in images[:6:2]] == [3, 1, 1]
    assert images.class_names == ("a", "b", "c")
    assert images.y_test.tolist() == [2]
    save(tmp_path / "val" / "b" / "0.png", grey())
    shutil.rmtree(tmp_path / "test" / "c")
    for i in range(3):
        save(tmp_path / "test" / f"{i}.png", grey())
    images = data.load(tmp_path)
    assert [len(part) for part in images[:6:2]] == [4, 1, 3]
    assert images.y_val.tolist() == [1]
    assert images.y_test.tolist() == [-1, -1, -1]


def test_a_class_may_be_called_train(tmp_path):
    for name in ("car", "plane", "train"):
        save(tmp_path / name / "0.png", grey())
    assert data.load(tmp_path).class_names == ("car", "plane", "train")


def test_hidden_and_foreign_files_are_ignored_and_said(tmp_path, capsys):
    for i in range(3):
        save(tmp_path / "a" / f"{i}.png", grey())
    (tmp_path / "a" / "._0.png").write_bytes(b"of a Mac")
    (tmp_path / "a" / ".DS_Store").write_bytes(b"")
    (tmp_path / "a" / "Thumbs.db").write_bytes(b"")
    (tmp_path / "README.txt").write_text("what they are")
    for hidden in (".git", "__MACOSX"):
        save(tmp_path / hidden / "0.png", grey(9, 9))
    assert data.load(tmp_path).class_names == ("a",)
    assert capsys.readouterr().out == ""
    save(tmp_path / "a" / "3.gif", grey())
    (tmp_path / "notes").mkdir()
    assert data.load(tmp_path).class_names == ("a",)
    out = capsys.readouterr().out
    assert f"1 file(s) of {tmp_path / 'a'}" in out
    assert "3.gif" in out
    assert f"{tmp_path / 'notes'} holds no PNG or JPEG" in out


def test_each_kind_of_file_becomes_what_it_shows(tmp_path):
    g, c = grey(), colour()
    alpha = RNG.integers(0, 256, (6, 5), dtype="uint8")
    on_white = c * (alpha[..., None] / 255) + 255 - alpha[..., None]
    bits = g > 127
    palette = Image.fromarray(g).convert("P")
    few = Image.fromarray(c).quantize(16)
    two = Image.fromarray(np.where(bits, 200, 30).astype("uint8"))
    cases = {
        "grey": (g, g[..., None], 0),
        "colour": (c, c, 0),
        "black and white": (Image.fromarray(bits), 255 * bits[..., None], 0),
        "grey palette": (palette, g[..., None], 0),
        "palette": (few, np.asarray(few.convert("RGB")), 0),
        "alpha": (np.dstack([c, alpha]), on_white, 2),
        "opaque": (np.dstack([c, np.full_like(alpha, 255)]), c, 0),
    }
    for name, (pixels, expected, atol) in cases.items():
        x = only(save(tmp_path / name / "x.png", pixels).parent)
        assert x.dtype == np.uint8
        assert x.shape == expected.shape, name
        np.testing.assert_allclose(x.astype(int), expected, atol=atol, err_msg=name)
    # Grey with alpha stays grey; one value that stands for transparent shows white.
    faint = Image.fromarray(np.dstack([g, alpha]), mode="LA")
    x = only(save(tmp_path / "faint" / "x.png", faint).parent)
    expected = g * (alpha / 255) + 255 - alpha
    np.testing.assert_allclose(x[..., 0].astype(int), expected, atol=2)
    x = only(save(tmp_path / "keyed" / "x.png", two, transparency=30).parent)
    np.testing.assert_array_equal(x[..., 0], np.where(bits, 200, 255))
    # JPEG: near in value; CMYK is colour; turned as the camera noted.
    smooth = np.add.outer(np.arange(0, 160, 5), np.arange(0, 96, 4)).astype("uint8")
    x = only(save(tmp_path / "jpeg" / "x.jpeg", smooth, quality=95).parent)
    np.testing.assert_allclose(x[..., 0].astype(int), smooth, atol=4)
    cmyk = Image.fromarray(np.dstack([smooth] * 3)).convert("CMYK")
    x = only(save(tmp_path / "cmyk" / "x.jpg", cmyk, quality=95).parent)
    np.testing.assert_allclose(x.astype(int), np.dstack([smooth] * 3), atol=6)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise by a quarter
    options = {"exif": exif, "quality": 95}
    x = only(save(tmp_path / "turned" / "x.jpg", smooth, **options).parent)
    np.testing.assert_allclose(x[..., 0].astype(int), np.rot90(smooth, -1), atol=4)


def test_grey_among_colour_becomes_colour(tmp_path):
    g = grey()
    save(tmp_path / "a" / "0.png", g)
    save(tmp_path / "b" / "0.png", colour())
    arrays = folders.read(tmp_path)
    assert arrays["x_train"].shape == (2, 6, 5, 3)
    (x,) = arrays["x_train"][arrays["y_train"] == 0]
    np.testing.assert_array_equal(x, np.dstack([g] * 3))


def test_folders_that_do_not_fit_are_refused_with_their_cure(tmp_path):
    def nothing(folder):
        pass

    def other_kinds(folder):
        save(folder / "a" / "0.bmp", grey())
        save(folder / "a" / "1.gif", grey())

    def sizes(folder):
        save(folder / "a" / "0.png", grey())
        save(folder / "b" / "0.png", grey())
        save(folder / "b" / "1.png", grey(5, 6))
        save(folder / "b" / "2.png", grey(7, 7))

    def deep(folder):
        save(folder / "0.png", grey().astype("uint16") * 200)

    def both(folder):
        save(folder / "loose.png", grey())
        save(folder / "a" / "0.png", grey())

    def wrapped(folder):
        save(folder / "unpacked" / "cats" / "0.png", grey())

    def other_parts(folder):
        save(folder / "training" / "a" / "0.png", grey())
        save(folder / "testing" / "a" / "0.png", grey())

    def part_and_class(folder):
        save(folder / "train" / "a" / "0.png", grey())
        save(folder / "valid" / "a" / "0.png", grey())

    def test_alone(folder):
        save(folder / "test" / "a" / "0.png", grey())

    def empty_test(folder):
        save(folder / "train" / "a" / "0.png", grey())
        (folder / "test").mkdir()

    def few(folder):
        save(folder / "0.png", grey())
        save(folder / "1.png", grey())

    def masks(folder):
        for i in range(3):
            save(folder / f"{i}.png", np.eye(4, dtype="uint8"))

    cases = [
        (nothing, ["must hold PNG or JPEG files", "Received: no files"]),
        (other_kinds, ["Image.open(path).save('name.png')", ".bmp, .gif files"]),
        (sizes, ["one size", "3 sizes", "6 x 5", "5 x 6", "ImageOps.fit", "1.png"]),
        (deep, ["0.png", "8 bits", "np.savez"]),
        (both, ["loose.png", "beside class folders"]),
        (wrapped, ["unpacked", "['cats']", "holds the class folders"]),
        (other_parts, ["train and", "['testing', 'training']"]),
        (part_and_class, ["train and", "['train', 'valid']"]),
        (test_alone, ["train and", "['test']"]),
        (empty_test, ["test must hold PNG or JPEG"]),
        (few, ["at least 3 images", "2 image"]),
        (masks, ["mask of 0 and 1"]),
    ]
    for make, words in cases:
        folder = tmp_path / make.__name__
        folder.mkdir()
        make(folder)
        message = refusal(folder)
        for word in words:
            assert word in message, (make.__name__, message)
    assert f"{tmp_path / 'nowhere'} does not exist" in refusal(tmp_path / "nowhere")


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    png = save(tmp_path / "good.png", grey(40, 40)).read_bytes()
    jpg = save(tmp_path / "good.jpg", grey(40, 40)).read_bytes()
    gif = save(tmp_path / "good.gif", grey(40, 40)).read_bytes()
    # A PNG whose data unpack to a flood of bytes, or whose header asks for one.
    flood = png[:16] + b"\x00\x01\x86\xa0\x00\x01\x86\xa0" + png[24:29]
    flood += zlib.crc32(flood[12:29]).to_bytes(4, "big") + png[33:]
    broken = {
        "empty.png": b"",
        "text.jpg": b"<html>not found</html>",
        "half.png": png[: len(png) // 2],
        "half.jpg": jpg[: len(jpg) // 2],
        "renamed.png": gif,
        "flood.png": flood,
    }
    for name, content in broken.items():
        folder = tmp_path / name.replace(".", "_")
        save(folder / "a.png", grey(40, 40))
        (folder / name).write_bytes(content)
        message = refusal(folder, data.DatasetUnavailable)
        assert str(folder / name) in message
        assert "Remove it" in message


def test_a_folder_too_large_for_memory_is_refused_before_it_is_read(
    tmp_path, monkeypatch
):
    for i in range(6):
        save(tmp_path / f"{i}.png", colour(50, 40))
    n_pixels = 6 * 50 * 40 * 3
    monkeypatch.setattr(files, "LARGEST_DATA", 9 * n_pixels)
    data.load(tmp_path)
    monkeypatch.setattr(files, "LARGEST_DATA", 9 * n_pixels - 1)
    monkeypatch.setattr(folders, "_pixels", lambda *_: pytest.fail("was read"))
    message = refusal(tmp_path)
    assert "too large" in message
    assert "(6, 50, 40, 3)" in message
