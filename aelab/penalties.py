"""Penalties on a code, which `Autoencoder` adds to its loss. Lesson 05.

To write one, subclass `Penalty` and define `measure`; register the class, and a model
that was saved with it loads again:

    import keras
    from keras import ops
    from aelab import models, penalties

    @keras.saving.register_keras_serializable(package="my_course")
    class L2Penalty(penalties.Penalty):
        def measure(self, z, x, encoder):
            z = ops.cast(z, "float32")  # codes may come in half precision
            units = tuple(range(1, len(z.shape)))  # of a vector or a feature map
            return ops.sum(ops.square(z), axis=units)

    models.dense_autoencoder((28, 28, 1), penalty=L2Penalty(0.01))

In the logs each is called `penalty`. A further argument of `__init__` has to be
returned by a `get_config` of its own, as in `KLSparsity`. A penalty of the whole batch
returns one value, shape `()`; one that cannot work with every encoder refuses it in
`check_encoder`. Test a penalty through `fit`: in a compiled step a size such as
`ops.shape(z)[0]` is a tensor; `z.shape[1]` is a number, but None in a feature map of
images of any size. `ops.reshape(z, (ops.shape(z)[0], -1))` does without it.
"""

import math

import keras
from keras import ops

from aelab import checks, losses


class Penalty(keras.layers.Layer):
    """Base of the penalties: a number for each image that `weight` multiplies.

    A Keras layer, so that a model tracks and saves its variables. `weight` is such a
    variable, not trained: set it (`penalty.weight = 0.1`) or let `training.Ramp` move
    it.

    Args:
        weight: Weight of the penalty in the loss, 0 or more.

    Raises:
        ValueError: If `weight` is negative or no number.
    """

    def __init__(self, weight, **kwargs):
        super().__init__(**kwargs)
        checks.number("weight", weight, low=0)
        self._weight = self.add_weight(
            shape=(),
            initializer=keras.initializers.Constant(weight),
            dtype="float32",
            trainable=False,
            name="weight",
        )
        self.built = True  # There is nothing else to build.

    @property
    def weight(self):
        """Weight of the penalty in the loss, a variable; setting it assigns to it."""
        return self._weight

    @weight.setter
    def weight(self, value):
        self._weight.assign(value)

    def check_encoder(self, encoder):
        """Raise ValueError if the penalty cannot work with an encoder."""

    def measure(self, z, x, encoder):
        """The penalty of a batch, before it is weighted. Subclasses define it.

        Args:
            z: Tensor of codes as they are decoded, shape `(n, ...)`.
            x: Tensor of the input images, before any corruption, shape `(n, ...)`.
            encoder: The Keras model from images to codes.

        Returns:
            Tensor of shape `(n,)`, one value for each image, or of shape `()`, one
            value for the batch that does not grow with its size.
        """
        raise NotImplementedError(f"{type(self).__name__} must define measure().")

    def get_config(self):
        """Arguments from which Keras builds the penalty again."""
        weight = float(ops.convert_to_numpy(self.weight))
        return {**super().get_config(), "weight": weight}


@keras.saving.register_keras_serializable(package="aelab")
class L1Sparsity(Penalty):
    """The sum of a code's absolute values. Lesson 05.

    Formula: sum_j(abs(z_j)) for each image

    Args:
        weight: Weight of the penalty in the loss, 0 or more.
    """

    def measure(self, z, x, encoder):
        """float32 tensor of shape `(n,)`, in units of the code."""
        z = ops.cast(z, "float32")
        return ops.sum(ops.abs(z), axis=tuple(range(1, len(z.shape))))


@keras.saving.register_keras_serializable(package="aelab")
class KLSparsity(Penalty):
    """Distance of the units' mean activities from a target, in nats. Lesson 05.

    Formula: sum_j(KL(Bernoulli(target) || Bernoulli(mean_n(z_nj))))

    The mean over a batch of n images is itself an estimate, with variance v_j / n, and
    the KL of an estimate is too large on average: by 1/2 KL''(mean) v_j / n, the second
    term of its Taylor series. That bias is taken off, so that the number hardly depends
    on the batch size; near 0 it may come out a little below. Use batches in which each
    unit is active several times.

    Args:
        target: Mean activity that each unit should have, in (0, 1).
        weight: Weight of the penalty in the loss, 0 or more.

    Raises:
        ValueError: If an argument is out of range, or, when a model is built with it,
            the code does not end in a sigmoid: other activities have no Bernoulli
            distribution.

    Reference: Ng, 2011, "Sparse Autoencoder", CS294A lecture notes.
    """

    def __init__(self, target, weight, **kwargs):
        super().__init__(weight, **kwargs)
        if not 0 < target < 1:
            raise ValueError(f"target must be in (0, 1). Received: target={target}")
        self.target = target

    def check_encoder(self, encoder):
        """Raise ValueError unless the encoder's output comes from a sigmoid."""
        # The layer that gives the code, wherever it stands in the list.
        layer = encoder.outputs[0]._keras_history.operation
        activation = getattr(layer, "activation", None)
        if activation is not keras.activations.sigmoid:
            raise ValueError(
                "KLSparsity needs activities in [0, 1]: end the encoder in a sigmoid "
                "(latent_activation='sigmoid'). Received: an encoder that ends in "
                f"{layer.name!r} with activation {activation}"
            )

    def measure(self, z, x, encoder):
        """float32 tensor of shape `()`, in nats, for the batch's mean activities."""
        z = ops.cast(z, "float32")
        z = ops.reshape(z, (ops.shape(z)[0], -1))
        n = ops.cast(ops.shape(z)[0], "float32")
        activity = ops.mean(z, axis=0)
        kl = losses.kl_bernoulli(self.target, activity[None])[0]
        # What the KL is too large by, on average: half its curvature in the mean
        # activity times the variance of that mean.
        squares = ops.sum(ops.square(z - activity), axis=0)
        variance_of_mean = squares / ops.maximum(n - 1, 1) / n
        curvature = self.target / ops.square(activity + losses.MARGIN)
        curvature += (1 - self.target) / ops.square(1 - activity + losses.MARGIN)
        return kl - ops.sum(curvature * variance_of_mean) / 2

    def get_config(self):
        """Arguments from which Keras builds the penalty again."""
        return {**super().get_config(), "target": self.target}


@keras.saving.register_keras_serializable(package="aelab")
class Contractive(Penalty):
    """How strongly a code responds to small changes of the image. Lesson 05.

    Formula: sum_ij((dz_j / dx_i)^2) for each image, the squared Frobenius norm of the
    encoder's Jacobian J. Estimated by ||J v||^2 with one v from N(0, I) for each image,
    whose expectation is that norm; v is drawn afresh in each call.

    The Jacobian is that of the encoder as it is at inference (no dropout), at the
    uncorrupted image.

    Args:
        weight: Weight of the penalty in the loss, 0 or more.
        exact: Take every column of J in its turn: as many passes through the encoder
            as an image has values. For small inputs.
        seed: Integer. Default: drawn from Keras's global seed.

    Reference: Rifai et al., 2011, "Contractive Auto-Encoders", ICML.
    """

    def __init__(self, weight, exact=False, seed=None, **kwargs):
        super().__init__(weight, **kwargs)
        self.exact = exact
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def measure(self, z, x, encoder):
        """float32 tensor of shape `(n,)`, in squared code units per squared pixel."""
        x = ops.cast(x, encoder.inputs[0].dtype)
        if not self.exact:
            shape = ops.shape(x)
            v = keras.random.normal(shape, dtype=x.dtype, seed=self.seed_generator)
            return self._squared_change(encoder, x, v)
        size = math.prod(x.shape[1:])
        n = ops.shape(x)[0]
        # Each image, once with each unit vector.
        unit_vectors = ops.reshape(ops.eye(size, dtype=x.dtype), (size, *x.shape[1:]))
        v = ops.tile(unit_vectors, (n, *[1] * (len(x.shape) - 1)))
        columns = self._squared_change(encoder, ops.repeat(x, size, axis=0), v)
        return ops.sum(ops.reshape(columns, (n, size)), axis=1)

    def _squared_change(self, encoder, x, v):
        """Squared length of J v at each image."""
        _, change = ops.jvp(encoder, (x,), (v,))
        change = ops.cast(change, "float32")
        return ops.sum(ops.square(change), axis=tuple(range(1, len(change.shape))))

    def get_config(self):
        """Arguments from which Keras builds the penalty again."""
        return {**super().get_config(), "exact": self.exact, "seed": self.seed}
