"""Right answers are taken, and the usual wrong ones are refused with what is wrong."""

import numpy as np
import pytest

from aelab import evaluation, exercises


def mse(x, x_hat):
    return np.mean((x - x_hat) ** 2)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda x, x_hat: np.mean(x_hat - x), "Without the square"),
        (lambda x, x_hat: np.mean(np.abs(x - x_hat)), "absolute"),
        (lambda x, x_hat: np.sqrt(mse(x, x_hat)), "root"),
        (lambda x, x_hat: np.sum((x - x_hat) ** 2), "mean, not the sum"),
        (lambda x, x_hat: np.sum((x - x_hat) ** 2) / len(x), "added the pixels up"),
        (lambda x, x_hat: np.mean(x - x_hat) ** 2, "before you average"),
        (lambda x, x_hat: np.mean((x - x_hat) ** 2, axis=(1, 2, 3)), "shape (5,)"),
        (lambda x, x_hat: 0.0672, "0.0672"),
        (0.0672, "function"),
    ],
)
def test_wrong_errors_are_named(answer, said):
    assert said in exercises.check_mse(answer)


def test_the_mean_squared_error_is_taken_in_any_form():
    assert exercises.check_mse(mse) is True
    assert exercises.check_mse(lambda x, x_hat: ((x_hat - x) ** 2).mean().item())
    assert exercises.check_mse(lambda x, x_hat: None) is None

    copied = []

    def copies_the_number(x, x_hat):
        copied.append(mse(x, x_hat))
        return copied[0]

    assert "itself" in exercises.check_mse(copies_the_number)

    def spoils_its_arguments(x, x_hat):
        x -= x_hat
        return np.mean(x**2)

    assert exercises.check_mse(spoils_its_arguments) is True


@pytest.fixture(scope="module")
def images():
    """Images whose pixels depend on each other, and stay in [0, 1] by clipping."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 12)) @ rng.normal(size=(12, 16))
    return np.clip(x / 4 + 0.2, 0, 1).reshape(300, 4, 4, 1)


def test_only_the_fewest_components_are_taken(images):
    pca = evaluation.fit_pca(images, 14)

    def errors(clip):
        return [
            evaluation.mse(images, evaluation.pca_reconstruct(pca, images, k, clip))
            for k in range(1, 15)
        ]

    target = errors(clip=(0, 1))[5] * 1.0001  # six components reach it
    unclipped = 1 + int(np.argmax(np.array(errors(clip=None)) <= target))
    assert unclipped > 6

    def check(n):
        return exercises.check_fewest_components(n, pca, images, target)

    assert check(6) is True
    assert check(np.int64(6)) is True
    assert "still above" in check(5)
    assert "clip" in check(unclipped)
    assert "Fewer" in check(14)
    assert "1 to 14" in check(0)
    assert "integer" in check(6.0)


def test_the_class_of_the_highest_mean_is_taken():
    labels = np.array([0, 0, 0, 0, 1, 1, 2, 2, 3, 3, -1])
    errors = np.array([0.3, 0.3, 0.3, 0.3, 0.5, 0.5, 0.1, 0.1, 0.7, 0.2, 9.0])

    def check(label):
        return exercises.check_hardest_class(label, errors, labels)

    assert check(1) is True
    assert check(np.int64(1)) is True
    assert "lowest" in check(2)
    assert "added" in check(0)
    assert "single worst" in check(3)
    assert "label of the images" in check(-1)
    assert "integer" in check("1")
    assert "integer" in check(0.5)


def angle(a, b):
    cosine = abs(a @ b) / np.linalg.norm(a) / np.linalg.norm(b)
    return np.degrees(np.arccos(np.clip(cosine, 0, 1)))


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda a, b: np.radians(angle(a, b)), "radians"),
        (lambda a, b: np.cos(np.radians(angle(a, b))), "cosine of the angle"),
        (
            lambda a, b: np.degrees(
                np.arccos(a @ b / np.linalg.norm(a) / np.linalg.norm(b))
            ),
            "no front",
        ),
        (lambda a, b: 90 - angle(a, b), "not of the sine"),
        (lambda a, b: np.degrees(np.arccos(min(1, abs(a @ b)))), "lengths"),
        (lambda a, b: np.nan, "nan"),
        (lambda a, b: np.degrees(a * b), "array"),
        (lambda a, b: angle(a, b) if abs(a @ b) < 5 else np.nan, "Rounding"),
        (45.0, "function"),
    ],
)
def test_wrong_angles_are_named(answer, said):
    assert said in exercises.check_line_angle(answer)


def test_the_angle_between_lines_is_taken():
    assert exercises.check_line_angle(angle) is True
    assert exercises.check_line_angle(lambda a, b: None) is None


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda losses: int(np.argmin(losses)), "counted from 1"),
        (lambda losses: int(np.argmax(losses)) + 1, "highest"),
        (len, "last epoch"),
        (min, "number of an epoch"),
        (lambda losses: len(losses) - int(np.argmin(losses[::-1])), "take the first"),
        (lambda losses: 3, "wrong for another"),
        (lambda losses: 1, "should return 3"),
        (3, "function"),
    ],
)
def test_wrong_epochs_are_named(answer, said):
    assert said in exercises.check_best_epoch(answer)


def test_the_first_lowest_epoch_is_taken():
    assert exercises.check_best_epoch(lambda v: v.index(min(v)) + 1) is True
    assert exercises.check_best_epoch(lambda v: np.argmin(v) + 1) is True
    assert exercises.check_best_epoch(lambda v: None) is None


def test_the_best_that_a_relu_can_do_is_taken():
    x = np.random.default_rng(0).normal(size=(50, 4, 4, 1)).astype("float32")

    def check(answer):
        return exercises.check_best_relu(answer, x)

    assert check(evaluation.mse(x, np.maximum(x, 0))) is True
    assert check(np.float32(evaluation.mse(x, np.maximum(x, 0)))) is True
    assert "all pixels" in check(np.mean(x[x < 0] ** 2))
    assert "Square" in check(np.mean(np.minimum(x, 0)))
    assert "root" in check(np.sqrt(evaluation.mse(x, np.maximum(x, 0))))
    assert "What of the others" in check(np.mean(np.maximum(x, 0) ** 2))
    assert "not limited to 1" in check(evaluation.mse(x, np.clip(x, 0, 1)))
    assert "give 0 everywhere" in check(np.mean(x**2))
    assert "one number" in check("0.3")
    assert "What is the best output" in check(0.3)
