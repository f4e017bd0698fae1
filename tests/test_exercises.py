"""Right answers are taken, and the usual wrong ones are refused with what is wrong."""

import keras
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
        (lambda x, x_hat: np.sum((x - x_hat) ** 2) / len(x) / 784, "by 784"),
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
        (lambda a, b: np.nan if a.sum() == 3 else angle(a, b), "Rounding"),
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
        (
            lambda losses: next(
                (i for i in range(1, len(losses)) if losses[i] > losses[i - 1]),
                len(losses),
            ),
            "wrong for another",
        ),
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


def squares(image):
    height, width = image.shape
    return image.reshape(height // 2, 2, width // 2, 2)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda image: squares(image).mean(axis=(1, 3)), "average"),
        (lambda image: squares(image).min(axis=(1, 3)), "minimum"),
        (lambda image: squares(image).sum(axis=(1, 3)), "sum"),
        (lambda image: np.abs(squares(image)).max(axis=(1, 3)), "without its sign"),
        (lambda image: image[::2, ::2], "compare all four"),
        (lambda image: squares(image)[:, 0].max(axis=2), "Compare rows as well"),
        (lambda image: squares(image)[..., 0].max(axis=1), "Compare columns as well"),
        (lambda image: np.maximum(squares(image).max(axis=(1, 3)), 0), "below zero"),
        (lambda image: image.reshape(2, 3, 2, 4).max(axis=(0, 2)), "mixed up"),
        (lambda image: image.max(), "shape ()"),
        (lambda image: np.ones((3, 4)), "side by side"),
        (4.0, "function"),
    ],
)
def test_wrong_pooling_is_named(answer, said):
    assert said in exercises.check_max_pool(answer)


def test_max_pooling_is_taken():
    assert exercises.check_max_pool(lambda image: squares(image).max(axis=(1, 3)))
    assert exercises.check_max_pool(lambda image: None) is None


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda size, n_in, n_out: size**2 * n_in * n_out, "biases are missing"),
        (lambda size, n_in, n_out: size**2 * n_in * n_out + 1, "not one in all"),
        (lambda size, n_in, n_out: size**2 * n_in * n_out + n_in, "that comes in"),
        (lambda size, n_in, n_out: (size**2 + 1) * n_in * n_out, "kernel and channel"),
        (lambda size, n_in, n_out: size**2 * n_out + n_out, "block"),
        (lambda size, n_in, n_out: size**2 * n_in + n_out, "a kernel for each"),
        (lambda size, n_in, n_out: size * n_in * n_out + n_out, "two sides"),
        (lambda size, n_in, n_out: 9 * n_in * n_out + n_out, "3 x 3 only"),
        (lambda size, n_in, n_out: 28 * 28 * 532, "no part"),
        (lambda size, n_in, n_out: 28 * 28 * n_in, "should return 532"),
        (lambda size, n_in, n_out: 532, "all three arguments"),
        (lambda size, n_in, n_out: 4.5, "integer"),
        (18_496, "function"),
    ],
)
def test_wrong_counts_of_weights_are_named(answer, said):
    assert said in exercises.check_conv_weights(answer)


def test_the_weights_of_a_convolution_are_those_of_keras():
    def count(size, n_in, n_out):
        layer = keras.layers.Conv2D(n_out, size)
        layer.build((None, 28, 28, n_in))
        return layer.count_params()

    assert exercises.check_conv_weights(count) is True
    assert exercises.check_conv_weights(lambda size, n_in, n_out: None) is None


def field(convolutions):
    seen, step = 1, 1
    for size, stride in convolutions:
        seen += (size - 1) * step
        step *= stride
    return seen


def way_back_from_the_front(convolutions):
    seen = 1
    for size, stride in convolutions:
        seen = (seen - 1) * stride + size
    return seen


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda c: sum(size for size, _ in c), "sum of the kernels"),
        (lambda c: 1 + sum(size - 1 for size, _ in c), "every stride were 1"),
        (lambda c: int(np.prod([size for size, _ in c])), "product"),
        (lambda c: 65, "own stride"),
        (lambda c: 29, "multiply"),
        (lambda c: field(c) - 1, "begin with 1"),
        (lambda c: 56, "not 3"),
        (lambda c: 25, "the first one too"),
        (way_back_from_the_front, "begin with the last"),
        (lambda c: 99, "should return 47"),
        (lambda c: 47, "not for one layer"),
        (lambda c: [47], "number of pixels"),
        (15, "function"),
    ],
)
def test_wrong_receptive_fields_are_named(answer, said):
    assert said in exercises.check_receptive_field(answer)


def test_the_receptive_field_is_that_of_a_gradient():
    """One output of a stack of convolutions of ones, and the pixels it depends on."""

    def measure(convolutions):
        reached = {0}
        for size, stride in reversed(convolutions):
            reached = {stride * p + i for p in reached for i in range(size)}
        return len(range(min(reached), max(reached) + 1))

    assert exercises.check_receptive_field(field) is True
    assert exercises.check_receptive_field(measure) is True
    assert exercises.check_receptive_field(lambda convolutions: None) is None


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda before, after: 10 ** ((after - before) / 10), "turn it round"),
        (lambda before, after: 10 ** ((before - after) / 20), "roots"),
        (lambda before, after: 10 ** (before - after), "tenths"),
        (lambda before, after: np.exp((before - after) / 10), "base 10"),
        (lambda before, after: before / after, "logarithms"),
        (lambda before, after: after - before, "difference"),
        (lambda before, after: 0.5, "should return 0.251"),
        (lambda before, after: np.ones(2), "array"),
        (0.25, "function"),
    ],
)
def test_wrong_ratios_are_named(answer, said):
    assert said in exercises.check_error_ratio(answer)


def test_the_ratio_of_errors_is_taken():
    def ratio(before, after):
        return 10 ** (-after / 10) / 10 ** (-before / 10)

    assert exercises.check_error_ratio(ratio) is True
    assert exercises.check_error_ratio(lambda before, after: None) is None


def whiten(x, white):
    return np.where(white, np.float32(1), x)


def in_place(x, rate, rng):
    x[:, :, rng.random(x.shape[2]) < rate] = 1
    return x


def as_many(x, rate, rng):
    order = rng.random((len(x), 1, x.shape[2], 1)).argsort(axis=2)
    return whiten(x, order < rate * x.shape[2])


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (in_place, "was changed"),
        (
            lambda x, rate, rng: whiten(x, rng.random((len(x), 12, 1, 1)) < rate),
            "rows",
        ),
        (lambda x, rate, rng: whiten(x, rng.random(x.shape) < rate), "one by one"),
        (
            lambda x, rate, rng: whiten(x, rng.random((1, 1, 30, 1)) < rate),
            "same streaks",
        ),
        (
            lambda x, rate, rng: whiten(x, rng.random((len(x), 1, 30, 1)) > rate),
            "1 - rate",
        ),
        (
            lambda x, rate, rng: whiten(x, rng.random((len(x), 1, 30, 1)) < 0.5),
            "of the columns",
        ),
        (as_many, "same number"),
        (lambda x, rate, rng: x[..., 0], "keep the shape"),
        (lambda x, rate, rng: x * 0, "or be 1"),
        (np.ones(3), "function"),
    ],
)
def test_wrong_streaks_are_named(answer, said):
    assert said in exercises.check_streaks(answer)


def test_streaks_are_taken():
    def streaks(x, rate, rng):
        return whiten(x, rng.random((len(x), 1, x.shape[2], 1)) < rate)

    assert exercises.check_streaks(streaks) is True
    assert exercises.check_streaks(lambda x, rate, rng: None) is None
