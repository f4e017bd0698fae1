"""Checks of the exercises: whether an answer is right, or what is likely wrong with it.

They stand here and not in the notebooks, so that no cell beside an exercise gives its
answer away. Each takes the learner's answer first, and returns True or a sentence for
`lesson.check` to print.
"""

import numbers
import re
import warnings

import keras
import numpy as np

from aelab.models.arithmetic import innermost_layers

__all__ = [
    "check_average_bits",
    "check_best_answer",
    "check_best_relu",
    "check_epochs_trained",
    "check_gain_and_offset",
    "check_join",
    "check_layer_cost",
    "check_learning_rate",
    "check_line_angle",
    "check_lopsided",
    "check_mask",
    "check_most_similar",
    "check_receptive_field",
    "check_streaks",
    "check_transposed_row",
]


def check_learning_rate(learning_rate):
    """Whether a function gives the rate of a warm-up and a cosine. Lesson 01.

    Args:
        learning_rate: Function of the number of a step, the peak, the number of steps
            of the warm-up and the number of all steps.

    Returns:
        True; None if the function returns None, as the stub does; or a sentence on the
        likely mistake.
    """
    if not callable(learning_rate):
        return (
            "learning_rate should be a function: "
            "def learning_rate(step, peak, n_warmup, n_steps)."
        )
    peak, n_warmup, n_steps = 0.4, 10, 110
    received = {
        step: learning_rate(step, peak, n_warmup, n_steps)
        for step in (0, 3, 10, 35, 60, 110)
    }
    call = "learning_rate({}, peak=0.4, n_warmup=10, n_steps=110)"
    missing = [step for step, rate in received.items() if rate is None]
    if len(missing) == len(received):
        return None
    if missing:
        said = call.format(missing[0])
        return f"{said} returns None: does every branch end in a return?"
    t = 25  # step 35, less the warm-up
    fall = 1 + np.cos(np.pi * t / 100)
    mistakes = {
        "In the formula t counts the steps after the warm-up: subtract n_warmup.": (
            peak / 2 * (1 + np.cos(np.pi * 35 / 100))
        ),
        "In the formula T is the number of steps after the warm-up, not of all.": (
            peak / 2 * (1 + np.cos(np.pi * t / 110))
        ),
        "After the warm-up, t and T both leave its steps out: subtract n_warmup.": (
            peak / 2 * (1 + np.cos(np.pi * 35 / 110))
        ),
        "You left out the one half: at its highest the cosine plus 1 is 2.": (
            peak * fall
        ),
        "np.cos takes radians: write np.pi * t / T.": (
            peak / 2 * (1 + np.cos(180 * t / 100))
        ),
        "You left out pi: half a wave of the cosine is pi long.": (
            peak / 2 * (1 + np.cos(t / 100))
        ),
        "You left out the 1: the cosine alone goes below zero.": peak / 2 * (fall - 1),
        "That rises: it is 1 plus the cosine, not 1 minus it.": peak / 2 * (2 - fall),
        "That falls along a straight line, not along a cosine.": peak * (1 - t / 100),
        "You left out the peak, by which all is multiplied.": fall / 2,
        "It is still the warm-up's line: after n_warmup steps the cosine takes over.": (
            peak * 35 / n_warmup
        ),
        "That is the peak itself: after the warm-up the rate should fall.": peak,
    }
    found = _compare(
        received[35],
        peak / 2 * fall,
        mistakes,
        f"{call.format(35)} should return {peak / 2 * fall:.4f}. "
        f"It returns {received[35]!r}.",
    )
    if found is not True:
        return found
    found = _compare(
        received[3],
        peak * 3 / n_warmup,
        {
            "In the warm-up the rate should rise from zero, not be the peak already.": (
                peak
            ),
            "The formula is for the steps after the warm-up. Before, the rate rises.": (
                peak / 2 * (1 + np.cos(np.pi * -7 / 100))
            ),
            "The warm-up should end at the peak: divide by n_warmup.": (
                peak * 3 / n_steps
            ),
            "The warm-up rises to the peak, not to 1.": 3 / n_warmup,
        },
        f"{call.format(3)} is in the warm-up, where the rate rises along a straight "
        f"line. It should return {peak * 3 / n_warmup:.4f} and returns "
        f"{received[3]!r}.",
    )
    if found is not True:
        return found
    for step, right in {0: 0.0, 10: peak, 60: peak / 2, 110: 0.0}.items():
        if not np.isclose(received[step], right, atol=1e-9):
            return (
                f"{call.format(step)} should return {right}. "
                f"It returns {received[step]!r}."
            )
    other = learning_rate(3, peak=0.1, n_warmup=2, n_steps=4)
    if not np.isclose(other, 0.05):
        return (
            "It is right for one peak and one number of steps, and not for others: "
            "compute it from the four arguments."
        )
    return True


def check_lopsided(lopsided, image_shape):
    """Whether a function builds a flat encoder and a deep decoder. Lesson 01.

    Args:
        lopsided: Function of the number of values in the code.
        image_shape: Shape of one image, `(height, width, channels)`.

    Returns:
        True; None if the function returns None; or a sentence on the likely mistake.
    """
    if not callable(lopsided) or isinstance(lopsided, keras.Model):
        return "lopsided should be a function of latent_dim that returns a model."
    try:
        model = lopsided(5)
    except (TypeError, ValueError) as error:
        return (
            "Building it stops. A Dense layer needs a row of pixels: begin with "
            f"keras.Input(image_shape) and layers.Flatten(). Keras says: {error}"
        )
    if model is None:
        return None
    if not isinstance(model, keras.Model):
        return f"It should return one Keras model. It returns {type(model).__name__}."
    if not model.built:
        return "The model does not know its input: begin with keras.Input(image_shape)."
    if tuple(model.output_shape[1:]) != tuple(image_shape):
        return (
            f"Its output has the shape {tuple(model.output_shape[1:])}, an image has "
            f"{tuple(image_shape)}: end with layers.Reshape(image_shape)."
        )
    units = []
    activations = [None]  # of the input, before the first Dense layer
    for layer in innermost_layers(model):
        if isinstance(layer, keras.layers.Dense):
            units.append(layer.units)
            activations.append(_name_of(layer.activation))
        elif isinstance(layer, keras.layers.Activation):
            activations[-1] = _name_of(layer.activation)
        elif isinstance(layer, keras.layers.ReLU):
            activations[-1] = "relu"
    right = [5, 64, 128, int(np.prod(image_shape))]
    if units == [32, *right[1:]]:
        return "For latent_dim = 5 the code still has 32 values: use latent_dim."
    if units == [128, 64, *right]:
        return "The encoder is deep here: it should be one Dense layer, the code."
    if units == [5, 128, 64, right[-1]]:
        return "The decoder should widen: 64 units first, then 128."
    if units != right:
        return (
            f"For latent_dim = 5 the units of the Dense layers should be {right}. "
            f"They are {units}."
        )
    code, *hidden, pixels = activations[1:]
    if activations[0] is not None:
        return "The pixels go into the Dense layer as they are, without an activation."
    if code != "linear":
        return "The code should have no activation, so that its values have any sign."
    if hidden != ["relu", "relu"]:
        return (
            "A hidden layer has no ReLU: without it, two layers are no more than one."
        )
    if pixels != "sigmoid":
        return "The last layer needs a sigmoid, so that pixels stay between 0 and 1."
    return True


def check_most_similar(most_similar):
    """Whether a function finds the code nearest to one of many. Lesson 01.

    Args:
        most_similar: Function of a number of a row and of an array of codes.

    Returns:
        True; None if the function returns None; or a sentence on the likely mistake.
    """
    if not callable(most_similar):
        return "most_similar should be a function: def most_similar(i, codes)."
    codes = np.array(
        [[1.0, 1], [-3, 4], [-5, -3], [6, 4.2], [1.2, 6], [-2, 3], [2.5, 0.5], [9, -2]]
    )
    received = most_similar(0, codes.copy())
    if received is None:
        return None
    if not _is_integer(received):
        return f"It should return the number of a row. It returns {received!r}."
    sentences = {
        0: "That is the row itself: look for the nearest of the others.",
        1: "Add the squares up along each row, with axis=1, not along the columns.",
        2: "Square the differences before you add them up, or they cancel each other.",
        3: "The largest product is not the smallest distance.",
        4: "Compare all values of a code, not the first one alone.",
        5: "Numbers shift where a row is left out: row 6 is number 5 without row 0.",
        7: "That is the farthest row.",
    }
    if received != 6:
        return sentences.get(
            int(received), f"For row 0 of {codes.tolist()} it should return 6."
        )
    for row, right in ((7, 3), (2, 5)):
        if most_similar(row, codes.copy()) != right:
            return (
                f"It is right for row 0 of {codes.tolist()}, but for row {row} it "
                f"should return {right}: by the Euclidean distance, and not for one "
                "case only."
            )
    return True


def check_line_angle(line_angle):
    """Whether a function gives the angle between two lines, in degrees. Lesson 02.

    Args:
        line_angle: Function of two vectors.

    Returns:
        True; None if the function returns None; or a sentence on the likely mistake.
    """
    if not callable(line_angle):
        return "line_angle should be a function of two vectors: def line_angle(u, v)."
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
            "both vectors, with brackets around their product."
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
    if found is True and np.allclose(same, 180, atol=1e-3):
        return (
            "For two vectors of one direction it returns 180: between two lines the "
            "angle is never above 90 degrees."
        )
    if found is True and not np.allclose(same, 0, atol=1e-3):
        return (
            "For two vectors of one direction it should return 0. Rounding may lift "
            "the cosine a little above 1: take the smaller of it and 1."
        )
    return found


def check_epochs_trained(epochs_trained):
    """Whether a function tells when early stopping ends a training. Lesson 02.

    Args:
        epochs_trained: Function of a list of losses and the patience.

    Returns:
        True; None if the function returns None; or a sentence on the likely mistake.
    """
    if not callable(epochs_trained):
        return (
            "epochs_trained should be a function: "
            "def epochs_trained(val_losses, patience)."
        )
    losses = [0.9, 0.5, 0.6, 0.7, 0.4, 0.7, 0.6, 0.5, 0.45, 0.6, 0.3, 0.35]
    received = epochs_trained(list(losses), 3)
    if received is None:
        return None
    if not _is_integer(received):
        return f"It should return a number of epochs. It returns {received!r}."
    sentences = {
        5: "That is the best epoch until then: the training goes on a little after it.",
        6: "After a new lowest loss, begin to wait anew.",
        7: "Counted from 1, the first epoch is epoch 1.",
        9: "That is one too late: stop when the last `patience` epochs have failed.",
        11: "That is the best epoch of all, which the training never reaches.",
        12: (
            "12 is all epochs: it never stopped. Compare with the lowest loss so far, "
            "not with the epoch before: a loss that falls may still lie above it."
        ),
    }
    if received != 8:
        return sentences.get(
            int(received),
            f"For the losses {losses} and a patience of 3 it should return 8, not "
            f"{received}.",
        )
    for losses, patience, right, said in (
        ([0.9, 0.5, 0.6, 0.4, 0.7, 0.6], 1, 3, "use the patience"),
        ([0.5, 0.5, 0.4], 1, 2, "an equal loss is no progress"),
        ([0.5, 0.4, 0.3], 2, 3, "it may never stop"),
        ([5, 3, 4, 4, 2], 2, 4, "any first loss is the lowest until then"),
    ):
        received = epochs_trained(list(losses), patience)
        if received != right:
            return (
                f"For the losses {losses} and a patience of {patience} it should "
                f"return {right}, not {received}: {said}."
            )
    return True


def check_best_relu(answer, x):
    """Whether a number is the least MSE of outputs from 0 upwards. Lesson 02.

    Args:
        answer: The learner's number.
        x: The images to be given back, an array with values below 0.

    Returns:
        True, or a sentence on the likely mistake.
    """
    value = np.asarray(answer)  # a tensor of one number will do
    if value.ndim:
        return f"best_relu should be one number. It is an array of shape {value.shape}."
    if value.dtype.kind not in "fiu":
        return f"best_relu should be one number. It is {answer!r}."
    answer = float(value)
    negative = np.minimum(x, 0).astype("float64")
    right = float(np.mean(negative**2))
    of_average = "That is the error of the average image, which is no output of a ReLU."
    mistakes = {
        "Average over all pixels, not only over the negative ones.": (
            float(np.mean(negative[negative < 0] ** 2))
        ),
        "Square the differences before you average.": float(np.mean(negative)),
        "That is the root of it.": np.sqrt(right),
        "Nothing is to be divided by 4: the unit is that of standard.": right / 4,
        "Those are the values that the ReLU can reach. What of the others?": (
            float(np.mean(np.maximum(x, 0).astype("float64") ** 2))
        ),
        "A ReLU is not limited to 1: values above 1 are within its reach.": (
            float(np.mean((x - np.clip(x, 0, 1)).astype("float64") ** 2))
        ),
        "It can do better than to give 0 everywhere.": (
            float(np.mean(x.astype("float64") ** 2))
        ),
        of_average: float(np.mean((x - x.mean(axis=0)).astype("float64") ** 2)),
    }
    if abs(answer - right) < 0.01 * right and not np.isclose(answer, right, rtol=1e-4):
        if any(np.isclose(answer, round(right, n), rtol=1e-6) for n in range(1, 6)):
            return "Right, but rounded: give six decimals or more."
        return (
            "Close, but of other images than standard: it holds the validation images, "
            "scaled by the mean and the standard deviation of the training images."
        )
    if abs(answer / mistakes[of_average] - 1) < 0.01:  # of the training images, too
        return of_average
    hint = "What is the best output for a pixel below 0, and what for one above?"
    return _compare(answer, right, mistakes, hint)


def check_transposed_row(transposed_row):
    """Whether a function computes a transposed convolution of a row. Lesson 03.

    Args:
        transposed_row: Function of the values, the kernel and the stride.

    Returns:
        True; None if the function returns None; or a sentence on the likely mistake.

    Example:
        >>> check_transposed_row(lambda values, kernel, stride: np.zeros(9))
        'The next copy lies 2 places further on, but nothing was added.'
    """
    if not callable(transposed_row):
        return (
            "transposed_row should be a function: "
            "def transposed_row(values, kernel, stride)."
        )
    values = np.array([2.0, -1.0, 3.0, 0.5])
    kernel = np.array([1.0, 10.0, 100.0])
    try:
        received = transposed_row(values.copy(), kernel.copy(), 2)
    except TypeError as error:
        if "same_kind" in str(error):
            return (
                "Your row holds integers only, and the values may have decimals: make "
                "it by np.zeros(length), without int."
            )
        raise
    except (IndexError, ValueError) as error:
        if "broadcast" in str(error) or "out of bounds" in str(error):
            return (
                "A copy of the kernel does not fit into its place: for 4 values, a "
                "kernel of 3 and a stride of 2, where does the last copy end, and how "
                "long must the row be?"
            )
        raise
    if received is None:
        return None
    received = np.asarray(received, "float64")
    right = np.zeros(9)
    beside = np.zeros(9)
    without_kernel = np.zeros(9)
    how_many = np.zeros(9)
    overwritten = np.zeros(9)
    turned = np.zeros(9)
    for i, value in enumerate(values):
        place = slice(2 * i, 2 * i + 3)
        right[place] += value * kernel
        overwritten[place] = value * kernel
        turned[place] += value * kernel[::-1]
        beside[i : i + 3] += value * kernel
        without_kernel[place] += value
        how_many[place] += 1
    exchanged = np.zeros(8)
    for i, number in enumerate(kernel):
        exchanged[2 * i : 2 * i + 4] += number * values
    if received.shape == (8,) and np.allclose(received, exchanged):
        return "values and kernel are exchanged: a copy of the kernel for each value."
    if received.shape == (8,):
        return "The row has length 8: the last copy is cut off, or begins too early."
    if received.shape == (6,) or received.shape == (12,):
        return (
            f"The row has length {received.size}: four copies of 3, each 2 places "
            "after the one before, need another length."
        )
    if received.shape != (9,):
        return (
            "For 4 values, a kernel of 3 and a stride of 2 the row has length 9. The "
            f"shape of yours is {received.shape}."
        )
    mistakes = {
        "Where copies overlap they should be added: += instead of =.": overwritten,
        "The kernel is turned round: it should be added as it is.": turned,
        "Multiply each copy of the kernel by its value.": np.array(
            [1, 10, 101, 10, 101, 10, 101, 10, 100]
        ),
        "The next copy lies 2 places further on, but nothing was added.": np.zeros(9),
        "The copies lie one place apart: the stride is 2.": beside,
        "Add the kernel, multiplied by the value, not the value alone.": without_kernel,
        "Where copies overlap their sum is asked for, not their mean.": (
            right / how_many
        ),
        "Only the first copy was added: is the return inside the loop?": np.append(
            values[0] * kernel, np.zeros(6)
        ),
        "The sign is wrong: add the copies.": -right,
    }
    hint = (
        f"For the values {values.tolist()}, the kernel {kernel.tolist()} and a "
        f"stride of 2 it should return {right.tolist()}, and it returns "
        f"{received.tolist()}."
    )
    found = _compare(received, right, mistakes, hint)
    if found is True:
        try:
            again = np.asarray(transposed_row(np.ones(3), np.ones(2), 3))
        except (ValueError, IndexError):
            again = None
        if not np.array_equal(again, [1, 1, 0, 1, 1, 0, 1, 1]):
            return (
                "It is right for a kernel of 3 and a stride of 2, but not for a kernel "
                "of 2 and a stride of 3: use the length of the kernel, and the stride."
            )
    return found


def check_average_bits(average_bits):
    """Whether a function computes what symbols cost in bits. Lesson 03.

    Args:
        average_bits: Function of two arrays of integers.

    Returns:
        True; None if the function returns None; or a sentence on the likely mistake.
    """
    if not callable(average_bits):
        return "average_bits should be a function: def average_bits(seen, symbols)."
    seen = np.array([0, 0, 0, 0, 0, 1, 1, 1, -1, -2, -3, 2, 2])
    symbols = np.array([1, -2, 0, 2, 1, 2])
    try:
        received = average_bits(seen.copy(), symbols.copy())
    except ValueError as error:
        if "negative" in str(error):
            return "Symbols may be negative, and np.bincount cannot count these."
        if "broadcast" in str(error):
            return (
                "Not every symbol of `seen` is in `symbols`: look each of `symbols` "
                "up in the counts of `seen`."
            )
        raise
    except KeyError:
        return (
            "A symbol was looked up that was not counted: count in `seen`, and look up "
            "those of `symbols`."
        )
    if received is None:
        return None
    if np.ndim(received):
        return (
            f"It returns an array of shape {np.shape(received)}: take the average, so "
            "that one number is left."
        )

    def bits(one, other):
        return np.array([-np.log2(np.mean(one == symbol)) for symbol in other])

    right = bits(seen, symbols).mean()
    with np.errstate(divide="ignore"):  # -1 and -3 are not among `symbols`
        turned_round = bits(symbols, seen).mean()
    # Counted from the least symbol of each array: another one.
    displaced = bits(seen - seen.min(), symbols - symbols.min())
    # np.bincount(seen - seen.min())[symbols]: an index below 0 counts from the end.
    counts = np.bincount(seen - seen.min())
    not_displaced = -np.log2(counts[symbols] / len(seen))
    probabilities = np.array([np.mean(seen == symbol) for symbol in symbols])
    weighted = -probabilities * np.log2(probabilities)
    mistakes = {
        "The sign is wrong: the logarithm of a probability is negative.": -right,
        "Those are nats: take the logarithm with base 2.": right * np.log(2),
        "That is the sum: average over the symbols.": right * len(symbols),
        "That is the entropy of `seen`: what do the symbols of `symbols` cost?": (
            bits(seen, seen).mean()
        ),
        "That is the entropy of `symbols`: the probabilities come from `seen`.": (
            bits(symbols, symbols).mean()
        ),
        "The two arrays are mixed up: learn from `seen`, code `symbols`.": (
            turned_round
        ),
        "Symbols of both signs are different symbols: do not take absolute values.": (
            bits(np.abs(seen), np.abs(symbols)).mean()
        ),
        "Subtract the same number, the least of `seen`, from both arrays.": (
            displaced.mean()
        ),
        "That is the cost of symbols that are all equally frequent.": np.log2(6),
        "Average over all symbols as often as they occur, not once for each kind.": (
            bits(seen, np.unique(symbols)).mean()
        ),
        "Divide the counts by the number of symbols in `seen`, not in `symbols`.": (
            -np.mean([np.log2(np.sum(seen == s) / len(symbols)) for s in symbols])
        ),
        "Take the logarithm of each probability first, and then the average.": (
            -np.log2(np.mean([np.mean(seen == symbol) for symbol in symbols]))
        ),
        "Weight each symbol by how often it occurs in `symbols`, not in `seen`.": (
            weighted.sum()
        ),
        "Weight each kind of symbol by how often it occurs in `symbols`.": (
            weighted[np.unique(symbols, return_index=True)[1]].sum()
        ),
        "Is the return inside the loop? That is the first symbol alone.": (
            bits(seen, symbols[:1]).mean() / len(symbols)
        ),
        "`symbols` must be displaced by the same number as `seen`.": (
            not_displaced.mean()
        ),
        "Divide the counts by their number: probabilities add up to 1.": (
            np.mean([np.log2(np.sum(seen == symbol)) for symbol in symbols])
        ),
    }
    hint = (
        f"For seen = {seen.tolist()} and symbols = {symbols.tolist()} it should return "
        f"{right:.4f}, and it returns {float(received):.4f}."
    )
    found = _compare(received, right, mistakes, hint)
    if found is True and not np.isclose(
        average_bits(np.array([7, 7, 8, 8]), np.array([7])), 1
    ):
        return "It is right for one pair of arrays and wrong for another."
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
    convolutions = [(3, 2), (4, 3), (9, 1)]
    received = receptive_field(list(convolutions))
    if received is None:
        return None
    if not _is_whole(received):
        return f"It should return a number of pixels. It returns {received!r}."
    right = 1 + 2 * 1 + 3 * 2 + 8 * 6
    spread = (
        "neighbouring windows overlap, and a stride sets them further apart. Count how "
        "many pixels each layer adds."
    )
    # What each slip comes to for these three layers.
    sentences = {
        15: "That is the answer for the example. Compute it from the list.",
        3 + 4 + 9: f"That is the sum of the kernels, but {spread}",
        3 * 4 * 9: f"That is the product of the kernels, but {spread}",
        1 + 2 + 3 + 8: "That would be right if every stride were 1.",
        1 + 2 * 2 + 3 * 6 + 8 * 6: (
            "A layer's own stride does not widen its own window: it only counts for "
            "the layers after it. (From the last layer to the first: n values span "
            "n - 1 strides and a kernel, not n strides.)"
        ),
        1 + 2 * 2 + 3 * 3 + 8 * 1: (
            "Each layer is multiplied by its own stride here. What counts are the "
            "strides of all layers before it, multiplied with each other."
        ),
        1 + 2 * 1 + 3 * 2 + 8 * 3: (
            "The steps multiply: a step of the second map is 2 x 3 pixels long."
        ),
        1 + 2 * 1 + 3 * 1 + 8 * 3: (
            "Every stride counts for all layers after it, the first one too."
        ),
        right - 1: "One number sees itself, before any layer: begin with 1, not 0.",
        1 + 3 * 1 + 4 * 2 + 9 * 6: (
            "A kernel of 3 reaches 2 steps beyond its first pixel, not 3."
        ),
        ((1 * 2 + 3) * 3 + 4) * 1 + 9: (
            "A map of n values, read with a stride, spans (n - 1) strides and a "
            "kernel, not n strides; and the last layer comes first."
        ),
        (((1 - 1) * 2 + 3 - 1) * 3 + 4 - 1) * 1 + 9: (
            "Your rule is right from the last layer to the first: begin "
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


def check_layer_cost(layer_cost):
    """Whether a function counts a convolution's weights and its arithmetic. Lesson 03.

    Args:
        layer_cost: Function of the height and the width of the image, the numbers of
            input and output channels, the side of the kernel and the stride.

    Returns:
        True; None if the function returns None; or a sentence on the likely mistake.
    """
    if not callable(layer_cost):
        return (
            "layer_cost should be a function: "
            "def layer_cost(height, width, n_in, n_out, size, stride)."
        )
    call = "layer_cost(27, 20, n_in=3, n_out=8, size=5, stride=2)"
    received = layer_cost(27, 20, n_in=3, n_out=8, size=5, stride=2)
    if received is None:
        return None
    if np.shape(received) != (2,) or not all(_is_whole(number) for number in received):
        return (
            "It should return two whole numbers: the weights and the multiplications. "
            f"{call} returns {received!r}."
        )
    weights, multiplications = received
    kernels = 5 * 5 * 3 * 8
    places = 14 * 10
    if (multiplications, weights) == (kernels + 8, kernels * places):
        return "Return the weights first, and then the multiplications."
    of_weights = {
        kernels: "Each output channel has a bias as well.",
        kernels + 1: "There is a bias for each output channel, not one for the layer.",
        kernels + 3: "There is a bias for each output channel, not for each input.",
        5 * 5 * 8
        + 8: "A kernel is a block: it is as deep as there are input channels.",
        5 * 5 * 3 + 1: "That is one block: there is one for each output channel.",
        5 * 3 * 8 + 8: "A kernel of side 5 has 5 x 5 weights for each input channel.",
        (kernels + 8) * places: "The weights are shared: count them once.",
    }
    if weights != kernels + 8:
        return of_weights.get(
            int(weights),
            f"{call} should give {kernels + 8} weights, and gives {weights}.",
        )
    of_arithmetic = {
        (kernels + 8)
        * places: "A bias is added, not multiplied: leave the biases out.",
        kernels * 27 * 20: "With a stride of 2 the window stops at fewer places.",
        kernels * 27 * 20 // 4: "27 pixels with a stride of 2 are 14 places: round up.",
        5 * 5 * 8 * places: "Each product is with a weight, and a block is n_in deep.",
        kernels * 13 * 10: "27 pixels with a stride of 2 are 14 places: round up.",
        kernels * 27 * 20 // 2: "The stride counts for the rows and for the columns.",
        kernels: "Each weight is used at every place of the map.",
        kernels * 23 * 16: 'With padding="same" there are windows at the border, too.',
        kernels * 12 * 8: 'With padding="same" there are windows at the border, too.',
        5 * 5 * 3 * places: "There is a block for each output channel: times n_out.",
        places * 8: "Each value of the map is a sum of 5 x 5 x 3 products.",
    }
    if multiplications != kernels * places:
        return of_arithmetic.get(
            int(multiplications),
            f"{call} should give {kernels * places:,} multiplications, and gives "
            f"{multiplications:,}.",
        )
    if tuple(layer_cost(28, 28, n_in=1, n_out=16, size=3, stride=1)) != (160, 112_896):
        return "It is right for one layer, but not for one of stride 1."
    return True


def check_streaks(streaks):
    """Whether a function turns random columns of images white. Lesson 04.

    Args:
        streaks: Function of an array of images, a rate and a NumPy generator.

    Returns:
        True; None if the function returns None; or a sentence on the likely mistake.
    """
    if not callable(streaks):
        return "streaks should be a function: def streaks(x, rate, rng)."
    # Values of many kinds: on equal ones 0.5 + 0.5 * streak would look right.
    grey = np.random.default_rng(1).uniform(0.1, 0.9, (400, 12, 30, 3))
    grey = grey.astype("float32")
    before = grey.copy()
    try:
        received = streaks(grey, 0.3, np.random.default_rng(0))
    except (AttributeError, TypeError) as error:
        return (
            "It stops. rng is a Generator: rng.random((n, width)) takes the shape as a "
            f"tuple. NumPy says: {error}"
        )
    except (IndexError, ValueError) as error:
        return (
            "It stops. In images of shape (n, height, width, channels) the columns are "
            "counted by x.shape[2]; draws of shape (n, 1, width, 1) fit all rows and "
            f"channels. NumPy says: {error}"
        )
    if not np.array_equal(grey, before):
        return (
            "The array x was changed: write into a copy, or use np.where, and return "
            "the result."
        )
    if received is None:
        return None
    received = np.asarray(received)
    if received.shape != grey.shape:
        return f"It should keep the shape {grey.shape}. It returns {received.shape}."
    if not ((received == before) | (received == 1)).all():
        return "A pixel should stay as it is, or be 1, which is white."
    white = received == 1
    if white.all() or not white.any():
        return "With rate 0.3 some columns should turn white, and others not."
    pixels = white.any(axis=3)
    if (pixels.all(axis=(1, 2)) | ~pixels.any(axis=(1, 2))).all():
        return "Whole images turned white: draw one number for each column."
    if (pixels.all(axis=2) | ~pixels.any(axis=2)).all():
        return "Those are rows: a streak runs from top to bottom, in one column."
    if not np.isin(pixels.mean(axis=1), (0, 1)).all():
        return "Pixels turned white one by one: draw one number for each column."
    if (white != white[..., :1]).any():
        return "A streak is white, in all channels: draw once for all of them."
    white = white[..., 0]
    columns = white.mean(axis=1)  # of each image: what of a column is white
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
    if not (np.asarray(streaks(grey, 1.0, np.random.default_rng(0))) == 1).all():
        return "With rate 1 all columns should turn white: use the argument rate."
    again = np.asarray(streaks(grey, 0.3, np.random.default_rng(0)))
    others = np.asarray(streaks(grey, 0.3, np.random.default_rng(1)))
    if not np.array_equal(again, received) or np.array_equal(others, received):
        return "Draw from rng, so that the caller decides about the random numbers."
    return True


def check_mask(mask_class):
    """Whether a class is a Keras layer that masks pixels in training. Lesson 04.

    Args:
        mask_class: Class, or a function that makes a layer of a rate.

    Returns:
        True; None if the layer returns None; or a sentence on the likely mistake.
    """
    if not callable(mask_class) or isinstance(mask_class, keras.layers.Layer):
        return "Mask should be the class, not a layer: class Mask(keras.layers.Layer)."
    rng = np.random.default_rng(0)
    x = rng.uniform(0.2, 1, (300, 8, 9, 1)).astype("float32")
    try:
        layer = mask_class(0.3)
        outputs = [layer(x, training=True), layer(x, training=True)]
        outputs.append(layer(x, training=False))
    except (AttributeError, IndexError, TypeError, ValueError) as error:
        own = f"'{getattr(mask_class, '__name__', '')}' object has no attribute"
        if own in str(error):
            return (
                "It uses an attribute that it does not have. What call needs, such as "
                "self.seed_generator, is made in __init__, after super().__init__()."
            )
        of_arrays = (
            "ensor' object has no attribute",
            "object has no attribute 'copy'",
            "item assignment",
            "only integers, slices",
            "only integer scalar",
        )
        if any(words in str(error) for words in of_arrays):
            return (
                "x is a tensor, not an array of NumPy: it has no copy() and cannot be "
                "written into. Choose with ops.where(condition, 0.0, x)."
            )
        return (
            f"Making the layer with Mask(0.3), or calling it, stops: {_reason(error)}"
        )
    if any(output is None for output in outputs):
        if outputs[0] is None:
            return None
        return "In training it returns an image, and otherwise None."
    outputs = [keras.ops.convert_to_numpy(output) for output in outputs]
    if any(output.shape != x.shape for output in outputs):
        return f"It should keep the shape {x.shape}. It returns {outputs[0].shape}."
    first, second, outside = outputs
    if np.array_equal(first, x):
        if not np.array_equal(outside, x):
            return (
                "It masks outside of training and not in it: turn the question round."
            )
        return "In training nothing is masked."
    if not np.array_equal(outside, x):
        return "Outside of training the images should stay as they are."
    if first.dtype == bool:
        return (
            "It returns bool where the images were numbers: choose with ops.where, or "
            "turn the comparison into numbers with ops.cast before you multiply."
        )
    kept = first != 0
    if not kept.any():
        return "With rate 0.3 every pixel is masked."
    ratio = first[kept] / x[kept]
    if np.allclose(ratio, 1 / 0.7, rtol=1e-3):
        return "Dropout also divides what is left by 1 - rate. A mask does not."
    if not np.allclose(ratio, 1):
        return "A pixel that is not masked should stay as it is."
    if (kept == kept[:1]).all():
        return "All images have the same mask: draw one number for each pixel of each."
    for axes, what in {(1, 2): "images", (2,): "rows", (1,): "columns"}.items():
        if np.isin(kept.mean(axis=axes), (0, 1)).all():
            return f"Whole {what} are masked: draw one number for each pixel."
    masked = 1 - kept.mean()
    if abs(masked - 0.618) < 0.03:  # the normal distribution below 0.3
        return "Draw from keras.random.uniform: normal draws are below rate too often."
    if abs(masked - 0.7) < 0.03:
        return "Pixels are masked with the probability 1 - rate: turn the sign round."
    if abs(masked - 0.3) > 0.03:
        return f"With rate 0.3, {masked:.0%} of the pixels were masked."
    if np.array_equal(first, second):
        return (
            "Two calls give the same mask: draw in call, with a "
            "keras.random.SeedGenerator that __init__ makes."
        )
    if keras.ops.convert_to_numpy(mask_class(1.0)(x, training=True)).any():
        return "With rate 1 all pixels should be masked: use the argument rate."
    # NumPy's random numbers would be drawn once, when a training step is compiled.
    model = keras.Sequential([keras.Input(x.shape[1:]), mask_class(0.3)])
    model.compile(loss="mse")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # there is nothing to train in it
        try:
            # In fit the size of a batch is not known beforehand, as it is here.
            history = model.fit(
                x, x, batch_size=200, epochs=4, shuffle=False, verbose=0
            )
        except Exception as error:  # whatever a backend raises while it compiles
            return (
                "In fit it stops: use keras.random, not NumPy, and ops.shape(x), not "
                "x.shape, which need not know the size of a batch. Keras says: "
                + _reason(error)
            )
    losses = history.history["loss"]
    if np.allclose(losses, losses[0], rtol=1e-6):  # two may be alike by chance
        return (
            "In a compiled training step the mask is drawn once and stays: use "
            "keras.random, not NumPy."
        )
    return True


def check_gain_and_offset(gain_and_offset):
    """Whether a function fits a gain and an offset by least squares. Lesson 04.

    Args:
        gain_and_offset: Function of two arrays of images, filtered and clean, that
            returns two numbers.

    Returns:
        True; None if the function returns None; or a sentence on the likely mistake.
    """
    if not callable(gain_and_offset):
        return "gain_and_offset should be a function: def gain_and_offset(filtered, x)."
    rng = np.random.default_rng(0)
    x = rng.random((6, 4, 5, 1))
    filtered = 0.3 * x + 0.2 + 0.05 * rng.normal(size=x.shape)
    try:
        received = gain_and_offset(filtered.copy(), x.copy())
    except (AttributeError, IndexError, TypeError, ValueError) as error:
        return (
            "It stops. Functions such as np.polyfit and np.cov want flat arrays: "
            f"filtered.ravel() and x.ravel(). NumPy says: {error}"
        )
    if received is None:
        return None
    try:
        received = np.array(received, "float64")
    except (TypeError, ValueError):
        return "It should return two numbers: return gain, offset."
    if received.shape != (2,):
        return (
            "It should return two numbers, one pair for all images together: return "
            f"gain, offset. It returns an array of shape {received.shape}."
        )
    y_mean, x_mean = filtered.mean(), x.mean()
    covariance = np.mean((filtered - y_mean) * (x - x_mean))
    gain = covariance / filtered.var()
    offset = x_mean - gain * y_mean
    backwards = covariance / x.var()
    spread = x.std() / filtered.std()
    no_offset = np.sum(filtered * x) / np.sum(filtered**2)
    mistakes = {
        "The order is gain, offset.": (offset, gain),
        "gain * filtered + offset should come near x: you fitted x to filtered.": (
            backwards,
            y_mean - backwards * x_mean,
        ),
        "That makes mean and standard deviation equal, which is not the least error: "
        "noise calls for a smaller gain.": (spread, x_mean - spread * y_mean),
        "That is the best gain without an offset: fit both together.": (no_offset, 0),
        "The gain is right. Where does the mean of the filtered images go?": (
            gain,
            x_mean - y_mean,
        ),
        "A covariance is made of differences from the mean: subtract both means.": (
            no_offset,
            x_mean - no_offset * y_mean,
        ),
        "The gain is right, and the offset has the wrong sign.": (gain, -offset),
    }
    gains = {
        "Divide the covariance by the variance, not by the standard deviation.": (
            covariance / filtered.std()
        ),
        "That is the correlation: divide by the variance of the filtered images.": (
            covariance / filtered.std() / x.std()
        ),
        "np.cov divides by n - 1 and np.var by n: take the same for both.": (
            gain * x.size / (x.size - 1)
        ),
        "Take the mean of the products, not their sum.": gain * x.size,
    }
    for sentence, value in gains.items():
        mistakes[sentence] = (value, x_mean - value * y_mean)
    if np.allclose(received, (gain, offset), rtol=1e-4):
        return True
    for sentence, value in mistakes.items():
        if np.allclose(received, value, rtol=1e-3):
            return sentence
    error = np.mean((received[0] * filtered + received[1] - x) ** 2)
    least = np.mean((gain * filtered + offset - x) ** 2)
    return (
        "Fit one pair to all images together, and do not clip. With your two numbers "
        f"the mean squared error is {error:.6f}; the least is {least:.6f}."
    )


def check_join(join):
    """Whether a function makes one step of a U-Net's decoder. Lesson 04.

    Args:
        join: Function of two tensors, the decoder's maps and the encoder's maps of
            twice their size, that returns 16 maps of that size.

    Returns:
        True; None if the function returns None; or a sentence on the likely mistake.
    """
    if not callable(join):
        return "join should be a function: def join(x, before)."
    x, before = keras.Input((4, 5, 8)), keras.Input((8, 10, 16))
    try:
        joined = join(x, before)
    except (AttributeError, TypeError, ValueError) as error:
        if "boolean" in str(error):
            return (
                "A layer is made first and then called on a tensor: conv(16)(tensor), "
                "not conv(tensor)."
            )
        return (
            "With 4 x 5 x 8 from the decoder and 8 x 10 x 16 from the encoder it stops "
            "(is x doubled before you join, and is it "
            f"Concatenate()([first, second])?): {_reason(error)}"
        )
    if joined is None:
        return None
    if not keras.backend.is_keras_tensor(joined):
        return "It should return a tensor: call each layer on one, as in conv(16)(x)."
    shape = tuple(joined.shape[1:])
    if shape[:2] == (4, 5):
        return "The result has the size of x: it should be x that is doubled."
    if shape[:2] != (8, 10):
        return (
            "The result should have the size of before, 8 x 10; it has "
            f"{shape[0]} x {shape[1]}. Concatenate() joins the last axis, the channels."
        )
    if shape[2] != 16:
        return (
            f"The result should have 16 channels; it has {shape[2]}. The convolution "
            "comes last, after the maps are joined."
        )
    unused_before = "The encoder's maps change nothing in the result: join them to x."
    unused_x = "The decoder's maps x change nothing in the result."
    try:
        model = keras.Model([x, before], joined)
    except ValueError:  # so Keras 3.13 says that an input is not used
        try:
            keras.Model(x, joined)
        except ValueError:
            return unused_x
        return unused_before
    rng = np.random.default_rng(0)
    images = [rng.normal(size=(2, *tensor.shape[1:])) for tensor in (x, before)]
    as_it_is = model.predict(images, verbose=0)
    without = [np.zeros_like(maps) for maps in images]
    if np.allclose(as_it_is, model.predict([images[0], without[1]], verbose=0)):
        return unused_before
    if np.allclose(as_it_is, model.predict([without[0], images[1]], verbose=0)):
        return unused_x
    if any(type(step).__name__ == "Add" for step in model.operations):
        return "The maps are added. Joined side by side they keep all their channels."
    kernels = [w.shape for w in model.trainable_weights if len(w.shape) == 4]
    if not any(shape[2] == 32 and shape[3] == 16 for shape in kernels):
        return (
            "No convolution reads 16 + 16 channels: double x to 16 channels by "
            "double(16), and then join."
        )
    return True


def check_best_answer(best_answer):
    """Whether a function is the best denoiser of points. Lesson 04.

    Args:
        best_answer: Function of noisy points, clean points, and the standard deviation
            of the noise, that returns a point for each noisy one.

    Returns:
        True; None if the function returns None; or a sentence on the likely mistake.
    """
    if not callable(best_answer):
        return "best_answer should be a function: def best_answer(noisy, clean, sigma)."
    rng = np.random.default_rng(0)
    clean = rng.normal(size=(5, 2))
    noisy = rng.normal(size=(3, 2))
    sigma = 0.7
    try:
        received = best_answer(noisy.copy(), clean.copy(), sigma)
    except (IndexError, TypeError, ValueError) as error:
        hint = ""
        if "broadcast" in str(error):
            hint = (
                ". For each noisy point the sum runs over the clean points: "
                "weights.sum(axis=1, keepdims=True) has the shape (n, 1)."
            )
        if "matmul" in str(error):
            hint = (
                ". Sum the squares over the last axis: weights have the shape (n, m)."
            )
        return f"With 3 noisy and 5 clean points it stops: {error}{hint}"
    if received is None:
        return None
    try:
        received = np.array(received, "float64")
    except (TypeError, ValueError):
        return "It should return an array of points."
    if received.shape != noisy.shape:
        return (
            "It should return a point for each noisy one: for 3 noisy and 5 clean ones "
            f"the shape (3, 2). It returns {received.shape}."
        )
    squares = ((noisy[:, None] - clean[None]) ** 2).sum(axis=2)
    distances = np.sqrt(squares)
    apart = np.exp(-((noisy[:, None] - clean[None]) ** 2) / (2 * sigma**2))

    def mean(exponent):
        """The mean of the clean points, weighted by the exponential of something."""
        weights = np.exp(exponent)
        return weights @ clean / weights.sum(axis=1, keepdims=True)

    weights = np.exp(-squares / (2 * sigma**2))
    right = mean(-squares / (2 * sigma**2))
    mistakes = {
        "That is the arrow. The answer is where it ends.": right - noisy,
        "Divide by the sum of the weights.": weights @ clean,
        "Divide by the sum of the weights, not by their number.": (
            weights @ clean / len(clean)
        ),
        "That is the mean of the weights: divide by their sum.": (
            weights @ clean / weights.mean(axis=1, keepdims=True)
        ),
        "Each noisy point has its own weights: their sum runs over the clean points.": (
            weights / weights.sum(axis=0) @ clean
        ),
        "Divide by the sum of each row of weights, not by the sum of all.": (
            weights @ clean / weights.sum()
        ),
        "Far points should weigh less: the exponent is negative.": mean(
            squares / (2 * sigma**2)
        ),
        "The exponent has the squared distance, not the distance.": mean(
            -distances / (2 * sigma**2)
        ),
        "The exponent is divided by two sigma squared: square sigma.": mean(
            -squares / (2 * sigma)
        ),
        "The exponent is divided by two sigma squared: where is the two?": mean(
            -squares / sigma**2
        ),
        "The exponent is divided by two sigma squared: where is sigma?": mean(
            -squares / 2
        ),
        "A squared distance is the sum of the squares, not their mean.": mean(
            -squares / 2 / (2 * sigma**2)
        ),
        "The exponent is divided by (2 * sigma**2): mind the parentheses.": mean(
            -squares / 2 * sigma**2
        ),
        "That is the nearest clean point; all of them count, by their weight.": clean[
            squares.argmin(axis=1)
        ],
        "That is the mean of all clean points: each has a weight.": np.broadcast_to(
            clean.mean(axis=0), noisy.shape
        ),
        "A pair of points has one weight: sum the squares over the last axis first.": (
            (apart * clean).sum(axis=1) / apart.sum(axis=1)
        ),
        "The weights should multiply the clean points, not the noisy ones.": noisy,
    }
    if np.allclose(received, right, rtol=1e-4):
        return True
    for sentence, value in mistakes.items():
        if np.allclose(received, value, rtol=1e-4):
            return sentence
    return (
        f"For one of the points the answer is {np.round(right[0], 3)}, and yours is "
        f"{np.round(received[0], 3)}. Do all weights use this noisy point?"
    )


def _name_of(activation):
    """What an activation is called: a function, or a layer such as `ReLU()`."""
    return getattr(activation, "__name__", type(activation).__name__).lower()


def _is_whole(value):
    """Whether a value is one whole number, of whatever type."""
    is_number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    return is_number and float(value).is_integer()


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


def _reason(error):
    """The line of an error that says what is wrong, without colours.

    Keras puts a line before it, on the layer that was called, and a page behind it.
    """
    text = re.sub(r"\x1b\[[0-9;]*m", "", str(error))
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    told = [line for line in lines if not line.startswith("Exception encountered")]
    return next(iter(told), type(error).__name__)
