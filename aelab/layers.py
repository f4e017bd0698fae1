"""Small layers: drawing a code, and keeping the k strongest of its units."""

import keras
import numpy as np
from keras import ops

from aelab.losses import LARGEST_EXPONENT


@keras.saving.register_keras_serializable(package="aelab")
class Sampling(keras.layers.Layer):
    """Draws a code by the reparameterisation trick. Lesson 05.

    Formula: z = z_mean + exp(z_log_var / 2) * eps, with eps from N(0, 1): a gradient
    passes to both inputs, since the randomness comes in from outside. In float32
    whatever the policy, and finite for any log variance.

    Call it with `[z_mean, z_log_var]`, tensors of one shape; it returns a tensor of
    that shape, drawn afresh in each call.

    Args:
        seed: Integer. Default: drawn from Keras's global seed.
    """

    def __init__(self, seed=None, **kwargs):
        super().__init__(**{**kwargs, "dtype": "float32"})
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, inputs):
        z_mean, z_log_var = inputs
        eps = keras.random.normal(ops.shape(z_mean), seed=self.seed_generator)
        deviation = ops.exp(ops.minimum(z_log_var, LARGEST_EXPONENT) / 2)
        return z_mean + deviation * eps

    def compute_output_shape(self, input_shape):
        return input_shape[0]

    def get_config(self):
        return {**super().get_config(), "seed": self.seed}


@keras.saving.register_keras_serializable(package="aelab")
class TopK(keras.layers.Layer):
    """Keeps the k largest units of each code and sets the rest to 0. Lesson 04.

    `k` is a variable: `training.Ramp` can lower it during training, and a larger k at
    encoding wakes more units than the model was trained with. Units that tie with the
    k-th largest are kept, too.

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
        self.k_max = k if k_max is None else k_max
        whole = all(isinstance(v, (int, np.integer)) for v in (k, self.k_max))
        if not (whole and 1 <= k <= self.k_max):
            raise ValueError(
                "k must be a whole number from 1 to k_max. "
                f"Received: k={k}, k_max={self.k_max}"
            )
        options = {"dtype": "int32", "trainable": False, "name": "k"}
        initializer = keras.initializers.Constant(k)
        self.k = self.add_weight(shape=(), initializer=initializer, **options)

    def build(self, input_shape):
        if input_shape[-1] < self.k_max:
            raise ValueError(
                f"k_max must be at most the number of units, {input_shape[-1]}. "
                f"Received: k_max={self.k_max}"
            )

    def call(self, x):
        largest = ops.top_k(x, self.k_max)[0]
        k = ops.clip(self.k, 1, self.k_max)
        threshold = ops.take(largest, k - 1, axis=-1)[..., None]
        return ops.where(x >= threshold, x, ops.zeros_like(x))

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        k = min(int(ops.convert_to_numpy(self.k)), self.k_max)
        return {**super().get_config(), "k": k, "k_max": self.k_max}
