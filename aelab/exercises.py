"""Checks of the exercises: whether an answer is right, or what is likely wrong with it.

They stand here and not in the notebooks, so that no cell beside an exercise gives its
answer away. Each takes the learner's answer first, and returns True or a sentence for
`lesson.check` to print.
"""

import numbers

import numpy as np

from aelab import evaluation

__all__ = [
    "check_best_epoch",
    "check_best_relu",
    "check_conv_weights",
    "check_error_ratio",
    "check_fewest_components",
    "check_hardest_class",
    "check_line_angle",
    "check_max_pool",
    "check_mse",
    "check_receptive_field",
    "check_streaks",
]


def check_mse(my_mse):
    """Whether a function computes the mean squared error. Lesson 01.

    Args:
        my_mse: Function of two arrays of images, shape
            `(n, height, width, channels)`.

    Returns:
        True; None if the function returns None, as the stub does; or a sentence on the
        likely mistake.

    Example:
        >>> check_mse(lambda x, x_hat: np.mean((x - x_hat) ** 2))
        True
        >>> check_mse(lambda x, x_hat: np.mean(x - x_hat))
        'Without the square, errors of opposite sign cancel each other.'
    """
    if not callable(my_mse):
        return "my_mse should be a function of two arrays: def my_mse(x, x_hat)."
    rng = np.random.default_rng(0)
    x = rng.random((5, 4, 3, 1))
    x_hat = rng.random((5, 4, 3, 1))
    received = my_mse(x.copy(), x_hat.copy())
    if received is None:
        return None
    difference = x - x_hat
    right = evaluation.mse(x, x_hat)
    if np.shape(received):
        return (
            f"It returns an array of shape {np.shape(received)}: average over the "
            "images as well, so that one number is left."
        )
    mistakes = {
        "Without the square, errors of opposite sign cancel each other.": (
            difference.mean()
        ),
        "That is the mean absolute error: square each difference.": (
            np.abs(difference).mean()
        ),
        "You took the root of it, which the formula does not.": np.sqrt(right),
        "The formula divides by the number of pixels: take the mean, not the sum.": (
            right * difference.size
        ),
        "You added the pixels up: the formula divides by their number as well.": (
            right * difference[0].size
        ),
        "Square each difference before you average, not after.": difference.mean() ** 2,
        "You divide by 784: take the number of pixels of the arrays that come in.": (
            right * difference[0].size / 784
        ),
    }
    hint = (
        "For two arrays of random numbers it should return "
        f"{right:.4f}, and it returns {float(received):.4f}."
    )
    found = _compare(received, right, mistakes, hint)
    if found is True and not np.isclose(my_mse(x, x), 0):
        return "Between an image and itself the error should be 0."
    return found


def check_fewest_components(n_components, pca, x, target):
    """Whether PCA needs this many components to come down to an error. Lesson 01.

    Args:
        n_components: Integer, the learner's answer.
        pca: What `evaluation.fit_pca` returned.
        x: Array of images, shape `(n, ...)`.
        target: The mean squared error to come down to, clipped to [0, 1].

    Returns:
        True, or a sentence on the likely mistake.
    """
    most = len(pca.components_)
    if not _is_integer(n_components):
        return f"n_components should be an integer. It is {n_components!r}."
    if not 1 <= n_components <= most:
        return f"pca holds components 1 to {most}. n_components is {n_components}."

    def error_with(n, clip):
        return evaluation.mse(x, evaluation.pca_reconstruct(pca, x, n, clip))

    enough = error_with(n_components, clip=(0, 1)) <= target
    one_less_is_enough = (
        n_components > 1 and error_with(n_components - 1, clip=(0, 1)) <= target
    )
    if enough and not one_less_is_enough:
        return True
    unclipped = error_with(n_components, clip=None) <= target
    one_less_unclipped = (
        n_components > 1 and error_with(n_components - 1, clip=None) <= target
    )
    if unclipped and not one_less_unclipped:
        return "That is right for PCA that is not clipped: pass clip=(0, 1)."
    if not enough:
        return "With so few components the error is still above that of the model."
    return "Fewer components would do: the smallest number is asked for."


def check_hardest_class(label, errors, labels):
    """Whether a class has the highest mean error. Lesson 01.

    Args:
        label: Integer, the learner's answer.
        errors: Array of one error for each image, shape `(n,)`.
        labels: Integers from 0, shape `(n,)`; -1 where there is none.

    Returns:
        True, or a sentence on the likely mistake.
    """
    if not _is_integer(label):
        return f"hardest should be the index of a class, an integer. It is {label!r}."
    known = labels >= 0
    classes = np.unique(labels[known])
    if label not in classes:
        return f"hardest should be a label of the images. It is {label}."
    means = [errors[labels == c].mean() for c in classes]
    sums = [errors[labels == c].sum() for c in classes]
    if label == classes[np.argmax(means)]:
        return True
    if label == classes[np.argmin(means)]:
        return "That is the class with the lowest mean error."
    if label == classes[np.argmax(sums)]:
        return "You added the errors up: a class with more images is no harder."
    if label == labels[known][np.argmax(errors[known])]:
        return "The single worst image is of this class: average over the class."
    return "Average the errors within each class, and take the largest average."


def check_line_angle(line_angle):
    """Whether a function gives the angle between two lines, in degrees. Lesson 02.

    Args:
        line_angle: Function of two vectors.

    Returns:
        True; None if the function returns None; or a sentence on the likely mistake.
    """
    if not callable(line_angle):
        return "line_angle should be a function of two vectors: def line_angle(a, b)."
    a = np.array([3.0, 0.0, 1.0])
    b = np.array([-1.0, 2.0, 0.5])
    received = line_angle(a.copy(), b.copy())
    if received is None:
        return None
    if np.shape(received):
        return f"It returns an array of shape {np.shape(received)}, not one number."
    if np.isnan(received):
        return (
            "It returns nan: no angle has a cosine above 1. Divide by the lengths of "
            "both vectors."
        )
    cosine = a @ b / (np.linalg.norm(a) * np.linalg.norm(b))
    right = np.degrees(np.arccos(abs(cosine)))
    mistakes = {
        "That is in radians: np.degrees turns it into degrees.": np.radians(right),
        "That is the cosine of the angle, not the angle.": cosine,
        "A line has no front: between two lines the angle is never above 90 degrees.": (
            np.degrees(np.arccos(cosine))
        ),
        "Take the inverse of the cosine, not of the sine.": (
            np.degrees(np.arcsin(abs(cosine)))
        ),
        "Divide by the lengths of both vectors before you take the angle.": (
            np.degrees(np.arccos(min(1.0, abs(a @ b))))
        ),
    }
    hint = (
        f"For the vectors {a} and {b} it should return {right:.2f}, and it returns "
        f"{float(received):.2f}."
    )
    found = _compare(received, right, mistakes, hint)
    same = (line_angle(2 * b, b), line_angle(np.ones(3), np.ones(3)))
    if found is True and not np.allclose(same, 0, atol=1e-3):
        return (
            "For two vectors of one direction it should return 0. Rounding may lift "
            "the cosine a little above 1: take the smaller of it and 1."
        )
    return found


def check_best_epoch(best_epoch):
    """Whether a function finds the epoch with the lowest loss, from 1. Lesson 02.

    Args:
        best_epoch: Function of a list of numbers.

    Returns:
        True; None if the function returns None; or a sentence on the likely mistake.
    """
    if not callable(best_epoch):
        return "best_epoch should be a function of a list: def best_epoch(val_losses)."
    losses = [0.7, 0.5, 0.3, 0.4, 0.3, 0.9, 0.35]
    received = best_epoch(list(losses))
    if received is None:
        return None
    if not _is_integer(received):
        return f"It should return the number of an epoch. It returns {received!r}."
    sentences = {
        2: "Epochs are counted from 1: the first loss belongs to epoch 1.",
        5: "If several epochs are equally low, take the first.",
        6: "That is the epoch with the highest loss.",
        7: "That is the last epoch, which is not the best one here.",
    }
    if received != 3:
        return sentences.get(
            received, f"For the losses {losses} it should return 3, not {received}."
        )
    for losses, right in (([0.2, 0.1], 2), ([0.5, 0.6, 0.2], 3)):
        if best_epoch(losses) != right:
            return f"Right for one list and wrong for another: {losses} gives {right}."
    return True


def check_best_relu(answer, x):
    """Whether a number is the least MSE of outputs from 0 upwards. Lesson 02.

    Args:
        answer: The learner's number.
        x: The images to be given back, an array with values below 0.

    Returns:
        True, or a sentence on the likely mistake.
    """
    if not isinstance(answer, numbers.Real) or isinstance(answer, bool):
        return f"best_relu should be one number. It is {answer!r}."
    negative = np.minimum(x, 0).astype("float64")
    right = float(np.mean(negative**2))
    mistakes = {
        "Average over all pixels, not only over the negative ones.": (
            float(np.mean(negative[negative < 0] ** 2))
        ),
        "Square the differences before you average.": float(np.mean(negative)),
        "That is the root of it.": np.sqrt(right),
        "Those are the values that the ReLU can reach. What of the others?": (
            float(np.mean(np.maximum(x, 0).astype("float64") ** 2))
        ),
        "A ReLU is not limited to 1: values above 1 are within its reach.": (
            float(np.mean((x - np.clip(x, 0, 1)).astype("float64") ** 2))
        ),
        "It can do better than to give 0 everywhere.": (
            float(np.mean(x.astype("float64") ** 2))
        ),
    }
    hint = "What is the best output for a pixel below 0, and what for one above?"
    return _compare(answer, right, mistakes, hint)


def check_max_pool(max_pool):
    """Whether a function takes the maximum of each 2 x 2 square. Lesson 03.

    Args:
        max_pool: Function of an array of shape `(height, width)`.

    Returns:
        True; None if the function returns None; or a sentence on the likely mistake.
    """
    if not callable(max_pool):
        return "max_pool should be a function of an array: def max_pool(image)."
    image = np.random.default_rng(0).normal(size=(6, 8)) - 1  # of both signs
    received = max_pool(image.copy())
    if received is None:
        return None
    received = np.asarray(received)
    if received.shape != (3, 4):
        return (
            f"For an array of shape (6, 8) it returns shape {received.shape}: one "
            "number for each square of 2 x 2 makes shape (3, 4)."
        )
    squares = image.reshape(3, 2, 4, 2)
    right = squares.max(axis=(1, 3))
    mistakes = {
        "That is the average of each square, not its maximum.": (
            squares.mean(axis=(1, 3))
        ),
        "That is the sum of each square, not its maximum.": squares.sum(axis=(1, 3)),
        "That is the minimum of each square.": squares.min(axis=(1, 3)),
        "Take the largest number, not the one that is largest without its sign.": (
            np.abs(squares).max(axis=(1, 3))
        ),
        "Those are the upper left numbers of the squares: compare all four.": (
            image[::2, ::2]
        ),
        "Compare rows as well as columns: you took the maximum of two numbers.": (
            np.maximum(image[::2, ::2], image[::2, 1::2])
        ),
        "Compare columns as well as rows: you took the maximum of two numbers.": (
            np.maximum(image[::2, ::2], image[1::2, ::2])
        ),
        "A square whose numbers are all below zero has a maximum below zero.": (
            np.maximum(right, 0)
        ),
        "The axes are mixed up: reshape to (height // 2, 2, width // 2, 2).": (
            image.reshape(2, 3, 2, 4).max(axis=(0, 2))
        ),
    }
    hint = "Print a 4 x 4 array and what your function makes of it, side by side."
    return _compare(received, right, mistakes, hint)


def check_conv_weights(conv_weights):
    """Whether a function counts the weights of a convolution. Lesson 03.

    Args:
        conv_weights: Function of the kernel's side, and the channels in and out.

    Returns:
        True; None if the function returns None; or a sentence on the likely mistake.
    """
    if not callable(conv_weights):
        return (
            "conv_weights should be a function: "
            "def conv_weights(size, channels_in, channels_out)."
        )
    size, n_in, n_out = 5, 3, 7
    received = conv_weights(size, n_in, n_out)
    if received is None:
        return None
    if not _is_integer(received):
        return f"It should return an integer. It returns {received!r}."
    right = size * size * n_in * n_out + n_out
    mistakes = {
        "The biases are missing: one for each channel that comes out.": right - n_out,
        "There is one bias for each channel that comes out, not one in all.": (
            right - n_out + 1
        ),
        "There is one bias for each channel that comes out, not for each that comes "
        "in.": right - n_out + n_in,
        "There is one bias for each channel that comes out, not one for each kernel "
        "and channel.": right - n_out + n_in * n_out,
        "A window reads all channels that come in: its kernel is a block.": (
            size * size * n_out + n_out
        ),
        "There is a kernel for each channel that comes out.": size * size * n_in
        + n_out,
        "The kernel has two sides: size x size.": size * n_in * n_out + n_out,
        "That is right for kernels of 3 x 3 only: use size.": 9 * n_in * n_out + n_out,
        "The size of the image plays no part: the weights are shared by all places.": (
            right * 28 * 28
        ),
    }
    hint = (
        f"For kernels of 5 x 5, 3 channels in and 7 out it should return {right}, and "
        f"it returns {received}."
    )
    found = _compare(received, right, mistakes, hint)
    if found is True and conv_weights(1, 2, 4) != 12:
        return (
            "It is right for one case and wrong for another: use all three arguments."
        )
    return found


def check_receptive_field(receptive_field):
    """Whether a function gives the receptive field of convolutions. Lesson 03.

    Args:
        receptive_field: Function of a list of pairs `(kernel size, stride)`.

    Returns:
        True; None if the function returns None; or a sentence on the likely mistake.
    """
    if not callable(receptive_field):
        return (
            "receptive_field should be a function of a list of pairs: "
            "def receptive_field(convolutions)."
        )
    convolutions = [(3, 2), (5, 3), (7, 1)]
    received = receptive_field(list(convolutions))
    if received is None:
        return None
    if not _is_integer(received):
        return f"It should return a number of pixels. It returns {received!r}."
    right = 1 + 2 * 1 + 4 * 2 + 6 * 6
    sentences = {
        3
        + 5
        + 7: "That is the sum of the kernels. Neighbours overlap, strides spread.",
        1 + 2 + 4 + 6: "That would be right if every stride were 1.",
        3 * 5 * 7: "That is the product of the kernels: neighbours overlap.",
        1 + 2 * 2 + 4 * 6 + 6 * 6: (
            "A layer's own stride does not widen its own window: it only counts for "
            "the layers after it."
        ),
        1 + 2 * 1 + 4 * 2 + 6 * 3: (
            "The steps multiply: a step of the third map is 2 x 3 pixels long."
        ),
        right
        - 1: "One number sees itself, before any layer: begin with 1, not with 0.",
        1 + 3 * 1 + 5 * 2 + 7 * 6: (
            "A kernel of 3 reaches 2 steps beyond its first pixel, not 3."
        ),
        1 + 2 * 1 + 4 * 1 + 6 * 3: (
            "Every stride counts for all layers after it, the first one too."
        ),
        17: (
            "You went from the image inwards with the rule for the way back: begin "
            "with the last layer."
        ),
    }
    if received != right:
        return sentences.get(
            int(received),
            f"For {convolutions} it should return {right}, and it returns {received}.",
        )
    if receptive_field([(7, 4)]) != 7 or receptive_field([(3, 2), (3, 2)]) != 7:
        return "It is right for three layers, but not for one layer, or for two."
    return True


def check_error_ratio(error_ratio):
    """Whether a function turns a gain in decibels into a ratio of errors. Lesson 04.

    Args:
        error_ratio: Function of the PSNR before and after, in decibels.

    Returns:
        True; None if the function returns None; or a sentence on the likely mistake.
    """
    if not callable(error_ratio):
        return (
            "error_ratio should be a function of two numbers: "
            "def error_ratio(before, after)."
        )
    before, after = 9.0, 15.0
    received = error_ratio(before, after)
    if received is None:
        return None
    if np.shape(received):
        return f"It returns an array of shape {np.shape(received)}, not one number."
    right = 10 ** ((before - after) / 10)
    mistakes = {
        "That is the error before divided by the one after: turn it round.": 1 / right,
        "That is the ratio of the roots: the formula has 10 log10, not 20 log10.": (
            10 ** ((before - after) / 20)
        ),
        "Decibels are tenths: divide the difference by 10 first.": (
            10 ** (before - after)
        ),
        "The logarithm of the formula is that of base 10.": (
            np.exp((before - after) / 10)
        ),
        "Decibels are logarithms: their ratio is not the ratio of the errors.": (
            before / after
        ),
        "That is the difference in decibels: turn it into a ratio.": after - before,
    }
    hint = (
        f"From 9 to 15 dB it should return {right:.3f}, and it returns "
        f"{float(received):.3f}."
    )
    return _compare(received, right, mistakes, hint)


def check_streaks(streaks):
    """Whether a function turns random columns of images white. Lesson 04.

    Args:
        streaks: Function of an array of images, a rate and a NumPy generator.

    Returns:
        True; None if the function returns None; or a sentence on the likely mistake.
    """
    if not callable(streaks):
        return "streaks should be a function: def streaks(x, rate, rng)."
    grey = np.full((400, 12, 30, 1), 0.5, "float32")
    received = streaks(grey, 0.3, np.random.default_rng(0))
    if received is None:
        return None
    if not (grey == 0.5).all():
        return "The array x was changed: write into a copy, or use np.where."
    received = np.asarray(received)
    if received.shape != grey.shape:
        return f"It should keep the shape {grey.shape}. It returns {received.shape}."
    if not np.isin(received, (0.5, 1)).all():
        return "A pixel should stay as it is, or be 1, which is white."
    white = (received == 1)[..., 0]
    if (white.all(axis=2) | ~white.any(axis=2)).all() and white.any():
        return "Those are rows: a streak runs from top to bottom, in one column."
    columns = white.mean(axis=1)  # of each image: what of a column is white
    if not np.isin(columns, (0, 1)).all():
        return "Pixels turned white one by one: draw one number for each column."
    if (columns == columns[0]).all():
        return "All images have the same streaks: draw for each image anew."
    if abs(columns.mean() - 0.7) < 0.03:
        return "Columns turn white with the probability 1 - rate: turn the sign round."
    if abs(columns.mean() - 0.3) > 0.03:
        return f"With rate 0.3, {columns.mean():.0%} of the columns turned white."
    counts = columns.sum(axis=1)
    if counts.std() < 1:
        return (
            "Each image has the same number of streaks: columns should turn white "
            "independently of each other."
        )
    return True


def _is_integer(value):
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def _compare(received, right, mistakes, hint):
    """True for the right answer; else the sentence of the mistake that leads to it."""
    if np.allclose(received, right, rtol=1e-4):
        return True
    for sentence, value in mistakes.items():
        if np.allclose(np.abs(received), np.abs(value), rtol=1e-4):
            return sentence
    return hint
