"""The course's three environment variables and Keras's own, and what they may say."""

import os
from pathlib import Path

BACKENDS = ("tensorflow", "jax", "torch")
BUDGETS = ("full", "quick")


def budget():
    """`"full"` or `"quick"`, from the environment variable `AELAB_BUDGET`.

    Raises:
        ValueError: If the variable says anything else.
    """
    return _choice("AELAB_BUDGET", BUDGETS, "full")


def backend():
    """The Keras backend that `KERAS_BACKEND` asks for; TensorFlow if it is not set.

    Raises:
        ValueError: If the variable names none of `BACKENDS`.
    """
    return _choice("KERAS_BACKEND", BACKENDS, "tensorflow")


def data_folder():
    """The folder that `AELAB_DATA` names, as a string, or None."""
    return os.environ.get("AELAB_DATA") or None


def absolute(path):
    """A path that holds in any folder: from here, or from the home folder (`~`)."""
    return Path(path).expanduser().resolve()


def dataset():
    """The data set that `AELAB_DATASET` names, or `"auto"`."""
    return os.environ.get("AELAB_DATASET") or "auto"


def _choice(variable, choices, default):
    value = os.environ.get(variable) or default
    if value not in choices:
        raise ValueError(
            f"{variable} must be one of {', '.join(choices)}. "
            f"Received: {variable}={value!r}"
        )
    return value
