"""What every model of the course is, and the plain autoencoder.

Everything is `keras.ops` and overrides of `call` and `compute_loss`: the same code
runs on TensorFlow, JAX and PyTorch.
"""

import functools
import inspect
import warnings

import keras
import numpy as np
from keras import ops

from aelab import checks
from aelab.penalties import Penalty

# What each output activation can reach; targets outside cannot be learnt.
OUTPUT_RANGES = {"sigmoid": (0.0, 1.0), "tanh": (-1.0, 1.0), "relu": (0.0, np.inf)}


class TrainingStopped(KeyboardInterrupt):
    """Training was stopped by hand: a notebook shows the message alone."""

    def _render_traceback_(self):
        return [str(self)]


class _Mean(keras.losses.Loss):
    """Values that are losses already, reduced as Keras reduces every loss.

    So sample weights, a smaller last batch, several replicas and precision are Keras's
    affair and not ours.
    """

    def call(self, y_true, y_pred):
        return y_pred


class ImageModel(keras.Model):
    """Base of the models: how they are compiled, trained, measured and saved.

    A subclass defines `call`, which returns a dict of tensors that are named for what
    they are, and `_input_shape` and `_output_shape`, the shapes of a batch, None where
    they may vary. It names in `saved_parts` the arguments that are models or layers.
    `check_loss`, `loss_parts` and `images_in` are those of a model whose call returns a
    `reconstruction`; another model defines its own.

    Args:
        output_range: Pair `(low, high)` that outputs cannot leave, or None where it is
            not known. Targets outside are refused.
    """

    saved_parts = ()

    def __init__(self, output_range=None, **kwargs):
        super().__init__(**kwargs)
        self.output_range = None if output_range is None else tuple(output_range)
        self.reconstruction_tracker = keras.metrics.Mean(name="reconstruction")
        self.loss = None
        self._mean = _Mean(name="mean")

    def build(self, input_shape):
        """Nothing to do: the parts come built."""
        self.built = True

    def compile(
        self, optimizer="rmsprop", loss=None, loss_weights=None, *args, **kwargs
    ):
        """As in Keras; `loss` may be left out, since every model has a default.

        Raises:
            ValueError: If the model cannot honour the loss, or for `loss_weights`.
        """
        if loss_weights is not None:
            raise ValueError(
                "There is one loss, so loss_weights has no meaning. "
                f"Received: loss_weights={loss_weights}"
            )
        chosen = self.check_loss(loss)
        # Keras holds no loss of its own: `compute_loss` makes it from `loss_parts`.
        super().compile(optimizer, None, None, *args, **kwargs)
        self.loss = chosen

    def check_loss(self, loss):
        """The loss that `compile` will use, given its argument.

        By default the squared error, or any one loss that Keras knows or that is a
        function.
        """
        return check_image_loss(loss)

    def loss_parts(self, x, y, y_pred):
        """What the loss of a batch consists of.

        Args:
            x: Tensor of inputs, before any corruption.
            y: Tensor of targets.
            y_pred: What the call returned for `x`.

        Returns:
            Dict from the name of a part to a pair `(weight, values)`: float32 values of
            shape `(n,)`, one for each image, or of shape `()`. The loss is their
            weighted sum, averaged over the batch, and each part is logged by
            `{name}_tracker`.
        """
        values = loss_of_images(self.loss, y, y_pred["reconstruction"])
        return {"reconstruction": (1.0, values)}

    def images_in(self, y_pred):
        """Tensor of images in what a call returned."""
        return y_pred["reconstruction"]

    @functools.wraps(keras.Model.fit)
    def fit(self, *args, **kwargs):
        call = inspect.signature(keras.Model.fit).bind(self, *args, **kwargs)
        options = call.arguments
        del options["self"]
        if options.get("class_weight") is not None:
            raise ValueError(
                "class_weight needs classes as targets, and these are images: give "
                "sample_weight, one weight for each image."
            )
        options["y"] = self._checked_targets(options)
        validation = options.get("validation_data")
        if _is_data_set(validation):
            self._check_first_batch(validation, "validation ")
        elif validation is not None:
            x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(validation)
            held_out = {"x": x, "y": y, "sample_weight": sample_weight}
            y = self._checked_targets(held_out, "validation ")
            options["validation_data"] = (x, y, sample_weight)
        self._check_schedule()
        self._build_optimizer()
        # Elsewhere a stop takes nothing away.
        before = self._values() if keras.backend.backend() == "jax" else []
        try:
            history = super().fit(**options)
        except KeyboardInterrupt:
            self._forget_interrupted_step(before)
            raise TrainingStopped(
                "Training was stopped. The model keeps what it has learned so far: run "
                "the cell again to train on, or make the model anew."
            ) from None
        losses = history.history.get("loss", [])
        if not np.isfinite(losses).all():
            epoch = int(np.argmin(np.isfinite(losses))) + 1
            warnings.warn(
                f"The loss became NaN or infinite in epoch {epoch}: make the model "
                "anew, and train it with a lower learning rate or with clipnorm=1.0.",
                stacklevel=2,
            )
        return history

    @functools.wraps(keras.Model.evaluate)
    def evaluate(self, *args, **kwargs):
        call = inspect.signature(keras.Model.evaluate).bind(self, *args, **kwargs)
        options = call.arguments
        del options["self"]
        options.update(options.pop("kwargs", {}))
        options["y"] = self._checked_targets(options)
        return super().evaluate(**options)

    def compute_loss(
        self, x=None, y=None, y_pred=None, sample_weight=None, training=True
    ):
        """The weighted sum of `loss_parts`, averaged over the batch: a scalar tensor.

        Kernel regularizers, if layers have any, are added to it and not logged.
        """
        n = ops.shape(x)[0]
        if sample_weight is not None:
            sample_weight = ops.cast(ops.reshape(sample_weight, (-1,)), "float32")
        total = 0.0
        for name, (weight, values) in self.loss_parts(
            x, x if y is None else y, y_pred
        ).items():
            if len(values.shape) > 1:
                raise ValueError(
                    f"{name} must be one value for each image, shape (n,), or one for "
                    f"the batch. Received: {name} of shape {tuple(values.shape)}"
                )
            values = ops.broadcast_to(ops.cast(values, "float32"), (n,))
            total = total + weight * values
            weighted = values if sample_weight is None else values * sample_weight
            # Counted by images, like Keras's `loss`, or a smaller last batch would
            # weigh as much as a full one.
            getattr(self, f"{name}_tracker").update_state(ops.mean(weighted), n)
        loss = self._mean(total, total, sample_weight)
        for regularizer in self.losses:
            regularizer = ops.reshape(ops.cast(regularizer, "float32"), (1,))
            loss = loss + self._mean(regularizer, regularizer)
        return loss

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        """As in Keras, for the images alone."""
        y = x if y is None else y
        return super().compute_metrics(x, y, self.images_in(y_pred), sample_weight)

    def get_config(self):
        """Arguments from which Keras builds the model again."""
        config = super().get_config()
        config["output_range"] = self.output_range
        for part in self.saved_parts:
            config[part] = keras.saving.serialize_keras_object(getattr(self, part))
        return config

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """A model from what `get_config` gave."""
        config = dict(config)
        for part in cls.saved_parts:
            config[part] = keras.saving.deserialize_keras_object(
                config[part], custom_objects=custom_objects
            )
        return cls(**config)

    def get_compile_config(self):
        """As in Keras, with the loss that Keras does not hold."""
        if not self.compiled:
            return {}
        loss = keras.saving.serialize_keras_object(self.loss)
        return {**super().get_compile_config(), "loss": loss}

    @functools.wraps(keras.Model.summary)
    def summary(self, *args, expand_nested=True, **kwargs):
        return super().summary(*args, expand_nested=expand_nested, **kwargs)

    def compile_from_config(self, config):
        """As in Keras, which leaves it to each class with a `compile` of its own."""
        self.compile(**keras.saving.deserialize_keras_object(config))
        self.optimizer.build(self.trainable_variables)

    def _build_optimizer(self):
        """Make the optimizer's variables before TensorFlow traces the training step.

        Keras makes them in the first step. TensorFlow then traces it once more, without
        them, which can take longer than a short training.
        """
        if keras.backend.backend() != "tensorflow" or not self.compiled:
            return
        if not self.optimizer.built:
            with self.distribute_strategy.scope():
                self.optimizer.build(self.trainable_variables)

    def _checked_corruption(self, corruption):
        """A corruption that is a layer, or None; ValueError for anything else."""
        if corruption is not None and not isinstance(corruption, keras.layers.Layer):
            raise ValueError(
                "corruption must be a layer, such as corruption.MaskPixels(0.5), or "
                f"None. Received: corruption={corruption!r}"
            )
        return corruption

    def _checked_targets(self, options, kind=""):
        """Check the images of a `fit` or an `evaluate`, and give its targets."""
        x, y = options.get("x"), options.get("y")
        if y is None and _is_data_set(x):
            self._check_first_batch(x, kind)
            return None
        given = x if y is None else y
        x, y = (_to_numpy(a) if ops.is_tensor(a) else a for a in (x, y))
        if isinstance(x, np.ndarray):
            self._check_inputs(f"{kind}x", x)
        target, argument = (x, "x") if y is None else (y, "y")
        if isinstance(target, np.ndarray):
            if y is None and not _fits(target.shape, self._output_shape()):
                raise ValueError(
                    f"{kind}y is missing: this model gives images of another shape, "
                    f"{self._output_shape()[1:]}, than it takes. Hand over the targets."
                )
            check_images(f"{kind}{argument}", target, self._output_shape())
            if isinstance(x, np.ndarray):
                self._check_sides(f"{kind}{argument}", x, target)
            self._check_range(f"{kind}{argument}", target)
        sample_weight = options.get("sample_weight")
        if sample_weight is None:
            return options.get("y")
        if np.shape(sample_weight) not in [(len(target),), (len(target), 1)]:
            raise ValueError(
                f"{kind}sample_weight must hold one weight for each image, shape "
                f"({len(target)},). Received: shape {np.shape(sample_weight)}"
            )
        return given  # Keras drops the weights of examples without targets.

    def _check_first_batch(self, data, kind):
        """Check the images in the first batch of a data set."""
        first = next(_all_batches(data), None)
        if first is not None:
            x, y, _ = keras.utils.unpack_x_y_sample_weight(first)
            batch = {"x": _to_numpy(x), "y": None if y is None else _to_numpy(y)}
            self._checked_targets(batch, kind)

    def _check_sides(self, argument, x, target):
        """Raise ValueError if inputs with open sides lead to images of other sides."""
        if None in self._input_shape()[1:]:
            found = self.images_in(self(x[:1])).shape[1:]
            if tuple(found) != target.shape[1:]:
                raise ValueError(
                    f"{argument} must hold images of shape {tuple(found)}, which this "
                    f"model makes of shape {x.shape[1:]}: one that halves its "
                    "images n times gives back sides that are multiples of 2 ** n. "
                    f"Received: {argument} of shape {target.shape}"
                )

    def _check_inputs(self, argument, x):
        """Raise ValueError unless an array holds images that the model can take."""
        check_images(argument, x, self._input_shape())
        if self.output_range == (0, 1):  # then inputs are images of that kind, too
            checks.eight_bits(argument, x)

    def _check_range(self, argument, target):
        low, high = self.output_range or (-np.inf, np.inf)
        smallest, largest = target.min(), target.max()
        if smallest < low - checks.ROUNDING or largest > high + checks.ROUNDING:
            raise ValueError(
                f"{argument} holds targets that the model cannot reach: its output "
                f"lies in [{low:g}, {high:g}]. Scale the images into it (8-bit values "
                "/ 255 lie in [0, 1]), or choose another output_activation. "
                f"Received: values in [{smallest:.9g}, {largest:.9g}]"
            )

    def _check_schedule(self):
        """Warn if nothing would be learned."""
        optimizer = getattr(self, "optimizer", None)
        if optimizer is None or int(ops.convert_to_numpy(optimizer.iterations)) == 0:
            return
        if float(ops.convert_to_numpy(optimizer.learning_rate)) == 0:
            warnings.warn(
                "The learning rate is 0: its schedule is at its end, so that this "
                "training changes nothing. Compile the model with a new schedule.",
                stacklevel=3,
            )

    def _values(self):
        """All variables with their values, those of the optimizer too."""
        optimizer = getattr(self, "optimizer", None)  # none before `compile`
        variables = [*self.variables, *getattr(optimizer, "variables", [])]
        return [(variable, ops.convert_to_numpy(variable)) for variable in variables]

    def _forget_interrupted_step(self, before):
        """Make the model trainable after a stop in the middle of a first step.

        The backend's half-built training function and an optimizer whose variables were
        half made are of no use; neither holds anything learned. On JAX, Keras takes the
        values out of all variables for the first step, so they are put back.
        """
        self.train_function = None
        try:
            n_steps = int(ops.convert_to_numpy(self.optimizer.iterations))
        except TypeError:  # what reading a variable without a value raises
            for variable, value in before:
                variable.assign(value)
            n_steps = int(ops.convert_to_numpy(self.optimizer.iterations))
        if n_steps == 0:
            config = self.optimizer.get_config()
            self.optimizer = type(self.optimizer).from_config(config)


class EncoderDecoder(ImageModel):
    """A model with a code: an encoder and a decoder.

    Args:
        encoder: Keras model from images to codes.
        decoder: Keras model from codes to images.
        output_range: As in `ImageModel`.
    """

    saved_parts = ("encoder", "decoder")

    def __init__(self, encoder, decoder, output_range=None, **kwargs):
        super().__init__(output_range, **kwargs)
        self.encoder = encoder
        self.decoder = decoder
        for output in encoder.outputs:
            if not _fits(tuple(output.shape), decoder.input_shape):
                raise ValueError(
                    "The decoder must take what the encoder gives. Received: codes of "
                    f"shape {tuple(output.shape)}, a decoder for {decoder.input_shape}"
                )

    def encode(self, x, batch_size=1000):
        """Codes of images.

        Args:
            x: Array of shape `(n, ...)`, or a data set (tf.data, PyDataset, DataLoader)
                whose batches begin with such arrays. No corruption is applied.
            batch_size: Images at a time, for arrays.

        Returns:
            float32 NumPy array of shape `(n, ...)`, one code for each image.

        Raises:
            ValueError: If `x` does not fit the encoder, is empty, or holds NaN.
        """
        return in_batches(self._code, "x", x, self._check_inputs, batch_size)

    def decode(self, z, batch_size=1000):
        """Images of codes.

        Args:
            z: Array of codes, shape `(n, ...)`, or a data set of them.
            batch_size: Codes at a time, for arrays.

        Returns:
            float32 NumPy array of images, shape `(n, ...)`.

        Raises:
            ValueError: If `z` does not fit the decoder, is empty, or holds NaN.
        """
        return in_batches(self._images, "z", z, self._check_codes, batch_size)

    def reconstruct(self, x, batch_size=1000):
        """Images, encoded and decoded: `decode(encode(x))`.

        Args:
            x: As in `encode`. No corruption is applied, whatever its `at_inference`.
            batch_size: Images at a time, for arrays.

        Returns:
            float32 NumPy array of images, shape `(n, ...)`.

        Raises:
            ValueError: As `encode`.
        """
        return self.decode(self.encode(x, batch_size), batch_size)

    def _code(self, x):
        return self.encoder(x)

    def _images(self, z):
        return self.decoder(z)

    def _check_codes(self, argument, z):
        check_array(argument, z, self.decoder.input_shape)

    def _input_shape(self):
        return self.encoder.input_shape

    def _output_shape(self):
        return self.decoder.output_shape


@keras.saving.register_keras_serializable(package="aelab")
class Autoencoder(EncoderDecoder):
    """An encoder and a decoder, trained to give back what went in. Lessons 01 to 05.

    `fit(x)` learns to return `x`, `fit(x, y)` to return `y`. The loss is
    `reconstruction + penalty.weight * penalty`, in training and in evaluation; each
    part is logged under its own name and averaged over the images. `reconstruction` is
    the loss handed to `compile`, by default the squared error, averaged over the values
    of an image. Sample weights, one for each image, multiply both parts.

    A call returns a dict of tensors: `reconstruction`, `code`.

    Args:
        encoder: Keras model from images to codes.
        decoder: Keras model from codes to images.
        corruption: Layer applied to the input before the encoder, or None. It is
            called with `training`, so that it can rest at inference.
        penalty: A `penalties.Penalty` on the code that is decoded, or None.
        output_range: Pair `(low, high)` that the decoder's outputs cannot leave, or
            None where it is not known. Targets outside are refused.

    Raises:
        ValueError: If encoder, decoder and penalty do not fit each other.
    """

    saved_parts = ("encoder", "decoder", "corruption", "penalty")

    def __init__(
        self,
        encoder,
        decoder,
        corruption=None,
        penalty=None,
        output_range=None,
        **kwargs,
    ):
        super().__init__(encoder, decoder, output_range, **kwargs)
        if len(encoder.outputs) != 1:
            raise ValueError(
                "encoder must give one code. "
                f"Received: an encoder with {len(encoder.outputs)} outputs"
            )
        self.corruption = self._checked_corruption(corruption)
        self.penalty = penalty
        if penalty is not None:
            if not isinstance(penalty, Penalty):
                raise ValueError(
                    "penalty must be a penalties.Penalty, such as L1Sparsity(0.1). "
                    f"Received: penalty={penalty!r}"
                )
            penalty.check_encoder(encoder)
            self.penalty_tracker = keras.metrics.Mean(name="penalty")
        self.build(encoder.input_shape)

    def call(self, x, training=False):
        """Tensor of images to a dict: their `reconstruction` and their `code`."""
        if self.corruption is not None:
            x = self.corruption(x, training=training)
        code = self.encoder(x, training=training)
        reconstruction = self.decoder(code, training=training)
        return {"reconstruction": reconstruction, "code": code}

    def loss_parts(self, x, y, y_pred):
        """`reconstruction`, and `penalty` if there is one."""
        parts = super().loss_parts(x, y, y_pred)
        if self.penalty is not None:
            measured = self.penalty.measure(y_pred["code"], x, self.encoder)
            parts["penalty"] = (self.penalty.weight, measured)
        return parts


def output_range(activation):
    """The range that an output activation, by name or as a function, can reach."""
    activation = keras.activations.get(activation)
    return OUTPUT_RANGES.get(getattr(activation, "__name__", None))


def check_image_loss(loss):
    """The squared error by default; ValueError for what is no single mean loss."""
    if loss is None:
        return "mse"
    if isinstance(loss, (dict, list, tuple)):
        raise ValueError(
            f"loss must be one loss, for the image alone. Received: loss={loss!r}"
        )
    found = keras.losses.get(loss)
    reduction = getattr(found, "reduction", "sum_over_batch_size")
    if reduction != "sum_over_batch_size":
        raise ValueError(
            "loss must average over the batch (reduction 'sum_over_batch_size'), or it "
            f"would depend on the batch's size. Received: reduction={reduction!r}"
        )
    return loss


def loss_of_images(loss, y, y_pred):
    """The loss of each image, averaged over its pixels: float32, shape `(n,)`.

    Keras's losses average over the last axis alone and leave a value for each pixel,
    which sample weights of shape `(n,)` would not fit.
    """
    loss = keras.losses.get(loss)
    function = loss.call if isinstance(loss, keras.losses.Loss) else loss
    values = ops.cast(function(ops.cast(y, y_pred.dtype), y_pred), "float32")
    return ops.mean(values, axis=tuple(range(1, len(values.shape))))


def check_array(argument, x, expected):
    """Raise ValueError unless an array fits a model's `(None, ...)`, without NaN."""
    if len(x) == 0 or not _fits(x.shape, expected):
        sizes = ", ".join("any" if side is None else str(side) for side in expected[1:])
        name = argument.split()[-1]  # "validation x" is an x
        raise ValueError(
            f"{argument} must have shape (n, {sizes}) with n at least 1; one example "
            f"is {name}[None]. Received: {argument} of shape {x.shape}"
        )
    checks.finite(argument, x)


def check_images(argument, x, expected):
    """`check_array`, and ValueError for images of integers that are not 0 and 1."""
    check_array(argument, x, expected)
    if np.issubdtype(x.dtype, np.integer):
        checks.eight_bits(argument, x)


def in_batches(function, argument, data, check, batch_size):
    """Apply a function of tensors to an array or a data set, batch by batch.

    Not by `Model.predict`, which compiles: a lesson asks dozens of small models for a
    few images each, and compiling one takes longer than its answer.

    Args:
        function: From a tensor to a tensor, or to a list of them.
        argument: Name of `data` in errors.
        data: Array, or data set whose batches begin with the inputs.
        check: Function of `argument` and a batch that raises ValueError where the batch
            does not fit.
        batch_size: Examples at a time, for arrays.

    Returns:
        float32 NumPy arrays in the structure that the function returns.

    Raises:
        ValueError: If `data` does not fit, or is empty.
    """
    checks.integer("batch_size", batch_size)
    parts = []
    for batch in _batches(data, batch_size):
        check(argument, batch)
        parts.append(keras.tree.map_structure(_to_float32, function(batch)))
    if not parts:
        raise ValueError(f"{argument} must hold at least one example. Received: none")
    return keras.tree.map_structure(lambda *part: np.concatenate(part), *parts)


def _is_data_set(data):
    """Whether this is no array, and gives its batches anew each time it is asked."""
    if isinstance(data, keras.utils.PyDataset):
        return True
    if isinstance(data, (list, tuple, dict)) or hasattr(data, "__array__"):
        return False
    # A generator is left alone: what it gives once is gone.
    return hasattr(data, "__iter__") and not hasattr(data, "__next__")


def _all_batches(data):
    """The batches of a data set as they come, one after the other."""
    if isinstance(data, keras.utils.PyDataset):
        return (data[i] for i in range(data.num_batches))
    return iter(data)


def _batches(data, batch_size):
    """NumPy arrays: slices of an array, or the inputs of a data set's batches."""
    if isinstance(data, (list, tuple)) or hasattr(data, "__array__"):
        data = np.asarray(data) if isinstance(data, (list, tuple)) else data
        data = _to_numpy(data)
        starts = range(0, max(1, len(data)), batch_size)
        batches = (data[start : start + batch_size] for start in starts)
    else:
        batches = _all_batches(data)
    for batch in batches:
        x, _, _ = keras.utils.unpack_x_y_sample_weight(batch)
        yield _to_numpy(x)


def _to_numpy(x):
    return x if isinstance(x, np.ndarray) else ops.convert_to_numpy(x)


def _to_float32(tensor):
    """NumPy array of a tensor, whose own dtype may be one that NumPy lacks."""
    return ops.convert_to_numpy(ops.cast(tensor, "float32"))


def _fits(shape, expected):
    """Whether a shape is the expected one, None standing for any size."""
    pairs = zip(shape[1:], expected[1:], strict=False)
    same = all(a == b or None in (a, b) for a, b in pairs)
    return len(shape) == len(expected) and same
