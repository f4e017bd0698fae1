"""What every lesson's cells call: the start, the budget, checks, the table."""

import ast
import logging
import numbers
import os
import types

import keras
import numpy as np
from IPython import get_ipython

from aelab import data, settings, training
from aelab.training import Progress

__all__ = [
    "Progress",
    "Table",
    "budget",
    "check",
    "describe_machine",
    "full",
    "on_mnist",
    "start",
]

# In the quick budget, so that tests spend no time on precision that they do not need.
QUICK_VAL, QUICK_TEST = 400, 600
LEAST = 64  # training images, and pixels of an image: what PCA needs for 64 components
LEAST_HELD_OUT = 12  # validation and test images: as many as a figure shows


def start(seed):
    """Load the images, seed everything, and say what the lesson runs on.

    In the quick budget the validation and test images are cut to 400 and 600. On images
    other than MNIST and glyphs, an `assert` of a later cell that does not hold prints
    what was expected and what came, instead of stopping the lesson: it speaks of MNIST.

    Args:
        seed: Integer for Python, NumPy and Keras.

    Returns:
        A `data.Images`.

    Raises:
        ValueError: If `AELAB_BUDGET` or `AELAB_DATASET` is unknown, if Keras is set up
            in a way that the lessons cannot honour, or if there are too few images.
        DatasetUnavailable: If the data set could not be loaded.
    """
    settings.budget()  # An unknown one is refused before the images are loaded.
    _check_keras()
    # TensorFlow warns on the error stream of each new model that it compiles again.
    logging.getLogger("tensorflow").setLevel("ERROR")
    keras.utils.set_random_seed(seed)
    images = data.load()
    n_images, n_pixels = len(images.x_train), images.x_train[0].size
    if min(n_images, n_pixels) < LEAST:
        raise ValueError(
            f"A lesson needs at least {LEAST} training images of {LEAST} pixels. "
            f"Received: {images.name}, {n_images} images of {n_pixels} pixels"
        )
    n_held_out = min(len(images.x_val), len(images.x_test))
    if n_held_out < LEAST_HELD_OUT:
        raise ValueError(
            f"A lesson needs at least {LEAST_HELD_OUT} validation and as many test "
            f"images. Received: {images.name}, with {len(images.x_val)} and "
            f"{len(images.x_test)}"
        )
    if images.class_names and not _labelled(images):
        images = images._replace(
            y_train=np.full_like(images.y_train, -1),
            y_val=np.full_like(images.y_val, -1),
            y_test=np.full_like(images.y_test, -1),
            class_names=(),
        )
        print(
            "Not every image has a label, or there is one class alone: sections that "
            "need labels are passed over."
        )
    if not full():
        images = images._replace(
            x_val=images.x_val[:QUICK_VAL],
            y_val=images.y_val[:QUICK_VAL],
            x_test=images.x_test[:QUICK_TEST],
            y_test=images.y_test[:QUICK_TEST],
        )
    print(f"{describe_machine()}. Budget: {settings.budget()}. Seed: {seed}.")
    shape = "x".join(map(str, images.x_train.shape[1:]))
    print(
        f"{images.name}, {shape}: {len(images.x_train):,} training, "
        f"{len(images.x_val):,} validation, {len(images.x_test):,} test images."
    )
    if not on_mnist(images):
        print("The numbers in the text are those of MNIST at full budget.")
    _tell_a_stop()
    if images.name not in ("mnist", "glyphs"):
        _report_instead_of_stopping()
    return images


def full():
    """Whether the budget is full: all images, all epochs."""
    return settings.budget() == "full"


def on_mnist(images):
    """Whether the text's own numbers should come out: MNIST at full budget.

    Args:
        images: What `start` returned.
    """
    return full() and images.name == "mnist"


def budget(full, quick):
    """The numbers that decide how long a lesson takes, for the budget that is set.

    Args:
        full: Dict from names to numbers, for the full budget.
        quick: Dict with the same names, for tests.

    Returns:
        A namespace: `budget(...).epochs` is the number called `epochs`.

    Raises:
        ValueError: If the two do not have the same names.

    Example:
        >>> sizes = budget(full=dict(epochs=20), quick=dict(epochs=2))
        >>> sizes.epochs in (2, 20)
        True
    """
    if full.keys() != quick.keys():
        raise ValueError(
            "full and quick must have the same names. "
            f"Received: full={sorted(full)}, quick={sorted(quick)}"
        )
    chosen = full if settings.budget() == "full" else quick
    return types.SimpleNamespace(**chosen)


def describe_machine():
    """Keras, backend, device and precision in one line."""
    device = "GPU" if training.on_gpu() else f"{os.cpu_count()} CPU cores"
    return (
        f"Keras {keras.__version__} on {keras.backend.backend()}, {device}, "
        f"{keras.config.dtype_policy().name}"
    )


def check(exercise, answer, solved, hint=""):
    """Say whether an exercise is open, solved, or not there yet.

    Args:
        exercise: Number of the exercise.
        answer: What the learner's cell made, or None while it is a stub.
        solved: Function of the answer. It returns whether the answer is right, or a
            sentence that says what is wrong with it, or None for a stub. What it raises
            for an answer of another kind is told, and does not stop the lesson.
        hint: Printed beside an answer that is not right, where `solved` says no more.
    """
    try:
        right = None if answer is None else solved(answer)
    except Exception as error:  # a learner's answer may be anything
        print(f"Exercise {exercise}: not yet. {hint}".rstrip())
        print(f"The check stopped at: {type(error).__name__}: {error}")
        return
    if right is None:
        print(f"Exercise {exercise}: open.")
        if callable(answer):
            print("Your function returns None so far.")
    elif isinstance(right, str):
        print(f"Exercise {exercise}: not yet. {right}")
    elif right:
        print(f"Exercise {exercise}: solved.")
    else:
        print(f"Exercise {exercise}: not yet. {hint}".rstrip())


class Table:
    """Rows of names and numbers, as text in a terminal and as a table on a page.

    Args:
        columns: Names of the columns.
        rows: Sequences of as many cells. Text and integers stay as they are; other
            numbers are shown with `digits` decimals.
        digits: Decimals.

    Raises:
        ValueError: If a row has more or fewer cells than there are columns.
    """

    def __init__(self, columns, rows, digits=4):
        self.columns = tuple(_cell(name, digits) for name in columns)
        self.rows = [tuple(_cell(value, digits) for value in row) for row in rows]
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(
                    f"Each row must have {len(self.columns)} cells, one for each of "
                    f"{self.columns}. Received: {row}"
                )

    def __repr__(self):
        lines = [self.columns, *self.rows]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        return "\n".join(
            "  ".join(
                cell.ljust(width) for cell, width in zip(line, widths, strict=True)
            ).rstrip()
            for line in lines
        )

    def _repr_markdown_(self):
        rule = ("---",) * len(self.columns)
        lines = []
        for line in (self.columns, rule, *self.rows):
            escaped = [cell.replace("|", "\\|") for cell in line]
            lines.append("| " + " | ".join(escaped) + " |")
        return "\n".join(lines)


def _check_keras():
    """Refuse a Keras that is set up in a way that the lessons cannot honour."""
    backend = keras.backend.backend()
    if "KERAS_BACKEND" in os.environ and backend != settings.backend():
        raise ValueError(
            "KERAS_BACKEND was set after Keras was imported: restart the kernel. "
            f"Received: KERAS_BACKEND={settings.backend()!r}, Keras on {backend!r}"
        )
    data_format = keras.config.image_data_format()
    if data_format != "channels_last":
        raise ValueError(
            "The lessons' images have their channels last: call "
            "keras.config.set_image_data_format('channels_last'), or correct "
            f"~/.keras/keras.json. Received: image_data_format={data_format!r}"
        )
    if keras.config.floatx() != "float32":
        raise ValueError(
            "The lessons' numbers are those of float32: call "
            "keras.config.set_floatx('float32'), or correct ~/.keras/keras.json. "
            f"Received: floatx={keras.config.floatx()!r}"
        )


def _cell(value, digits):
    """The text of a table's cell, on one line."""
    # NumPy's and Keras's numbers of any precision included; booleans are integers.
    if isinstance(value, numbers.Real) and not isinstance(value, numbers.Integral):
        return f"{float(value):.{digits}f}"
    return " ".join(str(value).split())


def _labelled(images):
    """Whether every image has a label, and there are two classes or more."""
    least = min(np.min(y) for y in (images.y_train, images.y_val, images.y_test))
    return len(images.class_names) > 1 and least >= 0


def _tell_a_stop():
    """Let a notebook show one line, and no traceback, where a cell was interrupted."""
    shell = get_ipython()
    if shell is None:
        return

    def told(shell, kind, error, traceback, tb_offset=None):
        lines = [str(error) or "Stopped. Run the cell again to go on."]
        shell._showtraceback(kind, error, lines)
        return lines

    shell.set_custom_exc((KeyboardInterrupt,), told)


def _report_instead_of_stopping():
    """Let an `assert` in later cells print what it expected, where it does not hold."""
    shell = get_ipython()
    if shell is None:
        return
    shell.user_ns["_expect"] = _expect
    for transformer in shell.ast_transformers:
        if isinstance(transformer, _Expectations):
            return
    shell.ast_transformers.append(_Expectations())


class _Expectations(ast.NodeTransformer):
    """Turns `assert a < b` into `_expect("a < b", lambda: a < b, [lambda: a, ...])`."""

    def visit_Assert(self, node):
        sides = []
        if isinstance(node.test, ast.Compare):
            sides = [node.test.left, *node.test.comparators]
        call = ast.Call(
            func=ast.Name("_expect", ast.Load()),
            args=[
                ast.Constant(ast.unparse(node.test)),
                _function_of(node.test),
                ast.List([_function_of(side) for side in sides], ast.Load()),
            ],
            keywords=[],
        )
        return ast.fix_missing_locations(ast.copy_location(ast.Expr(call), node))


def _function_of(expression):
    no_arguments = ast.arguments(
        posonlyargs=[], args=[], kwonlyargs=[], kw_defaults=[], defaults=[]
    )
    return ast.Lambda(no_arguments, expression)


def _expect(source, claim, sides):
    """Print a claim that does not hold here, with the values that it compares."""
    if claim():
        return
    values = " | ".join(_cell(side(), 4) for side in sides)
    print(f"Expected on MNIST: {source}")
    print(f"Here: {values or 'it does not hold'}")
