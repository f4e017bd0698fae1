"""Small layers: drawing a code, and keeping the k strongest of its units."""

import keras
import numpy as np
from keras import ops

from aelab import checks
from aelab.losses import LARGEST_EXPONENT


@keras.saving.register_keras_serializable(package="aelab")
class Sampling(keras.layers.Layer):
    """Draws a code by the reparameterisation trick. Lesson 06.

    Formula: z = z_mean + exp(z_log_var / 2) * eps, with eps from N(0, 1): a gradient
    passes to both inputs, since the randomness comes in from outside. Finite for any
    log variance.

    Call it with `[z_mean, z_log_var]`, tensors of one shape; it returns a tensor of
    that shape, drawn afresh in each call.

    Args:
        seed: Integer. Default: drawn from Keras's global seed.
        dtype: float32 unless set: half precision is too coarse for the draws.
    """

    def __init__(self, seed=None, dtype="float32", **kwargs):
        super().__init__(dtype=dtype, **kwargs)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, inputs):
        """Tensors `[z_mean, z_log_var]` to a code drawn from their distribution."""
        z_mean, z_log_var = inputs
        eps = keras.random.normal(
            ops.shape(z_mean), dtype=self.compute_dtype, seed=self.seed_generator
        )
        deviation = ops.exp(ops.minimum(z_log_var, LARGEST_EXPONENT) / 2)
        return z_mean + deviation * eps

    def compute_output_shape(self, input_shape):
        """The shape of either input."""
        return input_shape[0]

    def get_config(self):
        """Arguments from which Keras builds the layer again."""
        return {**super().get_config(), "seed": self.seed}


@keras.saving.register_keras_serializable(package="aelab")
class TopK(keras.layers.Layer):
    """Keeps the k largest units of each code and sets the rest to 0. Lesson 05.

    `k` is a variable: `training.Ramp` can lower it during training, and a larger k at
    encoding leaves more units active than the model was trained with. Units that tie
    with the k-th largest are kept, too. In a feature map the units of a place are its
    channels.

    Args:
        k: Units to keep, at least 1.
        k_max: The largest k that will be set later; a larger one counts as `k_max`.
            Default: `k`.

    Raises:
        ValueError: If `k` is below 1 or above `k_max`, or `k_max` above the units.

    Reference: Makhzani and Frey, 2014, "k-Sparse Autoencoders", arXiv:1312.5663.
    """

    def __init__(self, k, k_max=None, **kwargs):
        super().__init__(**kwargs)
        checks.integer("k", k)
        self.k_max = k if k_max is None else k_max
        checks.integer("k_max", self.k_max, low=k)
        self._k = self.add_weight(
            shape=(),
            initializer=keras.initializers.Constant(k),
            dtype="int32",
            trainable=False,
            name="k",
        )

    @property
    def k(self):
        """Units to keep, a variable; `layer.k = 5` assigns to it."""
        return self._k

    @k.setter
    def k(self, value):
        self._k.assign(value)

    def build(self, input_shape):
        """Check that there are as many units as may be kept."""
        if input_shape[-1] < self.k_max:
            raise ValueError(
                f"k_max must be at most the number of units, {input_shape[-1]}. "
                f"Received: k_max={self.k_max}"
            )

    def call(self, x):
        """Tensor `(..., units)` to the same with all but k units set to 0."""
        largest = ops.top_k(x, self.k_max)[0]
        k = ops.clip(self.k, 1, self.k_max)
        threshold = ops.take(largest, k - 1, axis=-1)[..., None]
        return ops.where(x >= threshold, x, ops.zeros_like(x))

    def compute_output_shape(self, input_shape):
        """The input's shape."""
        return input_shape

    def get_config(self):
        """Arguments from which Keras builds the layer again, with the present k."""
        k = int(np.clip(ops.convert_to_numpy(self.k), 1, self.k_max))
        return {**super().get_config(), "k": k, "k_max": self.k_max}
