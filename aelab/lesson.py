"""What every lesson's cells call: the start, training progress, checks, the table."""

import logging
import os
import time

import keras
from IPython import display

from aelab import budget, data


def start(seed):
    """Load the images, seed everything, and say what the lesson runs on.

    Args:
        seed: Integer for Python, NumPy and Keras.

    Returns:
        `(images, full)`: a `data.Images`, and whether the budget is full.

    Raises:
        ValueError: If `AELAB_BUDGET` or `AELAB_DATASET` is unknown.
        DatasetUnavailable: If the data set cannot be had.
    """
    full = budget() == "full"
    # TensorFlow warns on the error stream of each new model that it compiles again.
    logging.getLogger("tensorflow").setLevel("ERROR")
    keras.utils.set_random_seed(seed)
    images = data.load()
    print(f"{describe_machine()}. Budget: {budget()}. Seed: {seed}.")
    shape = "x".join(map(str, images.x_train.shape[1:]))
    print(
        f"{images.name}, {shape}: {len(images.x_train):,} training, "
        f"{len(images.x_val):,} validation, {len(images.x_test):,} test images."
    )
    return images, full


def describe_machine():
    """Keras, backend, device and precision in one line."""
    device = str(keras.ops.ones(1).device).lower()
    device = f"{os.cpu_count()} CPU cores" if "cpu" in device else "GPU"
    return (
        f"Keras {keras.__version__} on {keras.backend.backend()}, {device}, "
        f"{keras.config.dtype_policy().name}"
    )


class _Line(str):
    """Text that a notebook shows without quotes."""

    __repr__ = str.__str__


class Progress(keras.callbacks.Callback):
    """One line on the training, renewed in place; what stays is the last one.

    A Keras progress bar would leave a line for each step in a stored notebook.
    After training, `seconds` holds how long it took.
    """

    def on_train_begin(self, logs=None):
        self.began = self.drawn = time.perf_counter()
        self.handle = display.DisplayHandle()
        self.handle.display(_Line("training ..."))

    def on_epoch_end(self, epoch, logs=None):
        now = time.perf_counter()
        last = epoch + 1 == self.params["epochs"]
        if last or now - self.drawn > 1:
            self.drawn = now
            if logs.get("reconstruction") == logs["loss"]:
                logs = {k: v for k, v in logs.items() if k != "reconstruction"}
            numbers = ", ".join(f"{name} {value:.4g}" for name, value in logs.items())
            done = f"epoch {epoch + 1} of {self.params['epochs']}"
            line = _Line(f"{done}, {now - self.began:.0f} s: {numbers}")
            self.handle.update(line)

    def on_train_end(self, logs=None):
        self.seconds = time.perf_counter() - self.began


def check(exercise, answer, solved, hint):
    """Say whether an exercise is open, solved, or not there yet.

    Args:
        exercise: Number of the exercise.
        answer: What the learner's cell made, or None while it is a stub.
        solved: Function of the answer that returns whether it is right.
        hint: Printed beside an answer that is not.
    """
    if answer is None:
        print(f"Exercise {exercise}: open.")
    elif solved(answer):
        print(f"Exercise {exercise}: solved.")
    else:
        print(f"Exercise {exercise}: not yet. {hint}")


class Table:
    """Rows of names and numbers, as text in a terminal and as a table on a page.

    Args:
        columns: Names of the columns.
        rows: Sequences of as many cells. Text stays as it is; floats are shown with
            `digits` decimals.
        digits: Decimals.
    """

    def __init__(self, columns, rows, digits=4):
        self.columns = tuple(columns)
        self.rows = [tuple(self._text(cell, digits) for cell in row) for row in rows]
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(
                    f"Each row must have {len(self.columns)} cells, one for each of "
                    f"{self.columns}. Received: {row}"
                )

    @staticmethod
    def _text(cell, digits):
        return f"{cell:.{digits}f}" if isinstance(cell, float) else str(cell)

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
        lines = [self.columns, ("---",) * len(self.columns), *self.rows]
        return "\n".join("| " + " | ".join(line) + " |" for line in lines)
