"""Each check: what it lets through, and the words of what it refuses."""

import numpy as np
import pytest

from aelab import checks

IMAGES = np.full((2, 3, 4, 1), 0.5, "float32")


def test_what_is_right_passes():
    checks.choice("kind", "b", ("a", "b"))
    checks.number("x", np.float32(0.5), low=0, high=1)
    checks.fraction("rate", 0)
    checks.integer("n", np.int64(3))
    assert checks.integers("shape", [28, np.int64(28), 1]) == (28, 28, 1)
    assert checks.integers("units", ()) == ()
    assert checks.seed("seed", 2**31 - 1) == 2**31 - 1
    checks.finite("x", np.zeros(3))
    checks.value_range("x", np.array([0, 1.000001]))
    assert checks.images("x", IMAGES) is IMAGES
    assert checks.images("x", IMAGES * 4 - 1, low=-1, high=1).max() == 1


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: checks.choice("kind", "c", ("a", "b")), r"'a', 'b'.*kind='c'"),
        (lambda: checks.number("x", np.nan), "x=nan"),
        (lambda: checks.number("x", "1"), "x='1'"),
        (lambda: checks.number("x", True), "x=True"),
        (lambda: checks.number("x", 2, low=0, high=1), "from 0 to 1.*x=2"),
        (lambda: checks.fraction("rate", 1.0), "rate=1.0"),
        (lambda: checks.fraction("rate", -0.1), "rate=-0.1"),
        (lambda: checks.integer("n", 0), "at least 1.*n=0"),
        (lambda: checks.integer("n", 2.0), "n=2.0"),
        (lambda: checks.integer("n", True), "n=True"),
        (lambda: checks.integers("units", 128), r"tuple of integers.*units=128"),
        (lambda: checks.integers("units", (1, 0)), "at least 1"),
        (lambda: checks.integers("units", (1, 2.5)), "at least 1"),
        (lambda: checks.integers("shape", (2, 3, 4), length=2), "2 entries"),
        (lambda: checks.seed("seed", 2**31), "below"),
        (lambda: checks.seed("seed", -1), "seed=-1"),
        (lambda: checks.finite("x", np.array([1, np.inf])), "1 of 2"),
        (lambda: checks.value_range("x", np.array([0, 255])), "divide 8-bit"),
        (lambda: checks.value_range("x", np.array([-1, 1])), r"\(x \+ 1\) / 2"),
        (lambda: checks.value_range("x", np.array([0, 1.001])), r"\[0, 1.001"),
        (lambda: checks.images("x", IMAGES[0]), r"image\[None"),
        (lambda: checks.images("x", IMAGES[:0]), "at least 1"),
        (lambda: checks.images("x", IMAGES, channels=3), r"3 channel"),
        (lambda: checks.images("x", IMAGES * np.nan), "NaN"),
    ],
)
def test_what_is_wrong_is_named_with_its_value(call, words):
    with pytest.raises(ValueError, match=words):
        call()
