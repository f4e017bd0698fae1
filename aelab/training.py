"""What makes training fast and steady: settings, a schedule, progress, and a ramp."""

import math
import time

import keras
from IPython import display
from keras import ops

from aelab import checks

# Starting a step takes time that small models notice: several run in one call.
FAST_SETTINGS = {
    "tensorflow": {"jit_compile": "auto", "steps_per_execution": 32},
    "jax": {"jit_compile": True, "steps_per_execution": 8},
    "torch": {"jit_compile": False, "steps_per_execution": 1},
}
SHORT = 1000  # steps below which a training is short


def train(
    model,
    x,
    y=None,
    *,
    epochs,
    peak=3e-3,
    batch_size=128,
    loss=None,
    clipnorm=None,
    weight_decay=None,
    validation_data=None,
    callbacks=(),
):
    """Compile a model with Adam and a schedule, train it, and show the progress.

    Lesson 01 writes this out; the later lessons import it.

    Args:
        model: A Keras model.
        x: Array of training images, shape `(n, ...)`.
        y: Array of targets. Default: what the model takes for them, its inputs.
        epochs: Passes over the images, at least 1.
        peak: Highest learning rate: see `warmup_cosine`.
        batch_size: Images a step, at least 1.
        loss: As in `compile`. Default: the model's own.
        clipnorm: Gradients longer than this are shortened to it. Default: none are.
        weight_decay: Fraction of each weight, times the learning rate, that is taken
            off in a step. Default: none.
        validation_data: As in `fit`: its losses are shown and kept beside the others.
        callbacks: Keras callbacks besides the progress.

    Returns:
        Keras's `History`: `history` holds a list for each quantity, one value for each
        epoch; `seconds` is how long the training took. It stops early where the loss
        is no longer a number.

    Raises:
        ValueError: If `x` has no length, or a number is out of range.
    """
    if not hasattr(x, "shape"):
        raise ValueError(
            "x must be an array of images: for a data set, compile the model with "
            f"warmup_cosine and fast_settings, and fit it. Received: {type(x)}"
        )
    schedule = warmup_cosine(peak, len(x), batch_size, epochs)
    optimizer = keras.optimizers.Adam(
        schedule, clipnorm=clipnorm, weight_decay=weight_decay
    )
    n_steps = math.ceil(len(x) / batch_size) * epochs
    model.compile(optimizer, loss=loss, **fast_settings(n_steps))
    progress = Progress()
    history = model.fit(
        x,
        y,
        batch_size=batch_size,
        epochs=epochs,
        verbose=0,
        validation_data=validation_data,
        callbacks=[progress, keras.callbacks.TerminateOnNaN(), *callbacks],
    )
    history.seconds = progress.seconds
    return history


def warmup_cosine(peak, n_images, batch_size, epochs, warmup=0.05):
    """Learning rate that rises to `peak`, then falls to zero along a cosine.

    The warm-up lets Adam measure its averages before it takes large steps; the
    fall lets the weights settle. Lesson 01 shows what it buys.

    Args:
        peak: Highest learning rate.
        n_images: Number of training images, at least 1.
        batch_size: Images a step, at least 1.
        epochs: Passes over the images, all that will be trained, at least 1.
        warmup: Fraction of all steps spent rising, in [0, 1). Where that is less than
            one step, the rate begins at `peak`.

    Returns:
        A `keras.optimizers.schedules.CosineDecay`.

    Raises:
        ValueError: If a number is out of range.

    Example:
        >>> rate = warmup_cosine(0.01, n_images=1000, batch_size=10, epochs=1)
        >>> [round(float(rate(step)), 4) for step in (0, 5, 100)]
        [0.0, 0.01, 0.0]
    """
    checks.positive("peak", peak)
    checks.integer("n_images", n_images)
    checks.integer("batch_size", batch_size)
    checks.integer("epochs", epochs)
    checks.fraction("warmup", warmup)
    steps = math.ceil(n_images / batch_size) * epochs
    rising = int(warmup * steps)
    if rising == 0:
        return keras.optimizers.schedules.CosineDecay(peak, steps)
    return keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0,
        decay_steps=max(1, steps - rising),
        warmup_target=peak,
        warmup_steps=rising,
    )


def fast_settings(n_steps=None):
    """Arguments for `compile` that make small models train fast here.

    They depend on the backend and on the device: XLA slows small models down on
    TensorFlow's CPU, and speeds them up on a GPU.

    Args:
        n_steps: Steps that will be trained, if known. To have several in one call takes
            a second more to prepare, which a short training does not win back.

    Returns:
        Dict of `jit_compile` and `steps_per_execution`, yours to change.
    """
    settings = dict(FAST_SETTINGS[keras.backend.backend()])
    if n_steps is not None and n_steps < SHORT:
        settings["steps_per_execution"] = 1
    if keras.backend.backend() == "tensorflow" and not on_gpu():
        settings["jit_compile"] = False
    return settings


def on_gpu():
    """Whether Keras puts tensors on an accelerator rather than on the CPU."""
    return "cpu" not in str(ops.ones(1).device).lower()


class Line(str):
    """Text that a notebook shows without quotes."""

    __repr__ = str.__str__


class Progress(keras.callbacks.Callback):
    """One line on the training, renewed in place; what stays is the last one.

    A Keras progress bar would leave a line for each step in a stored notebook.
    After training, `seconds` holds how long it took.
    """

    def on_train_begin(self, logs=None):
        """Show a first line."""
        self.began = time.perf_counter()
        self.drawn = self.began
        self.line = Line("training ...")
        self.shown = self.line
        self.handle = display.DisplayHandle()
        self.handle.display(self.line)

    def on_epoch_end(self, epoch, logs=None):
        """Renew the line, at most once a second."""
        now = time.perf_counter()
        logs = dict(logs or {})
        for prefix in ("", "val_"):
            if logs.get(f"{prefix}reconstruction") == logs.get(f"{prefix}loss"):
                logs.pop(f"{prefix}reconstruction", None)
        numbers = ", ".join(f"{name} {value:.4g}" for name, value in logs.items())
        done = f"epoch {epoch + 1} of {self.params['epochs']}"
        self.line = Line(f"{done}, {now - self.began:.0f} s: {numbers}")
        if now - self.drawn > 1:
            self._draw()

    def on_train_end(self, logs=None):
        """Show the last line, wherever the training ended."""
        self.seconds = time.perf_counter() - self.began
        if self.shown is not self.line:
            self._draw()

    def _draw(self):
        self.drawn = time.perf_counter()
        self.shown = self.line
        self.handle.update(self.line)


class Ramp(keras.callbacks.Callback):
    """Moves a variable in equal steps, epoch by epoch, and then leaves it there.

    The first epoch runs at `start`, epoch number `epochs + 1` and all later ones at
    `stop`. With `vae.beta` it is the warm-up of lesson 06, with the `k` of a `TopK`
    layer the annealing of lesson 05; a penalty's `weight` will do as well. Integer
    variables are rounded.

    Args:
        variable: Keras variable that holds one number.
        start: Its value in the first epoch.
        stop: Its value in the end.
        epochs: Epochs that it takes, at least 1.

    Raises:
        ValueError: If `variable` is none, `epochs` is below 1, or a value is no number.
    """

    def __init__(self, variable, start, stop, epochs):
        super().__init__()
        if not isinstance(variable, keras.Variable):
            raise ValueError(
                "variable must be a Keras variable, such as vae.beta, penalty.weight "
                f"or top_k.k. Received: variable={variable!r}"
            )
        checks.number("start", start)
        checks.number("stop", stop)
        checks.integer("epochs", epochs)
        self.variable = variable
        self.start = start
        self.stop = stop
        self.epochs = epochs

    def on_epoch_begin(self, epoch, logs=None):
        """Give the variable its value for this epoch."""
        done = min(1.0, epoch / self.epochs)
        value = self.start + done * (self.stop - self.start)
        if keras.backend.is_int_dtype(self.variable.dtype):
            value = round(value)
        self.variable.assign(ops.cast(value, self.variable.dtype))
