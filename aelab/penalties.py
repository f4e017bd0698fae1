"""What a code is charged for: penalties that `Autoencoder` adds to its loss.

Each is called with a batch of clean images and the encoder, and returns a scalar that
`weight` multiplies: an average over the batch, so that its size does not matter.
"""

import math

import keras
from keras import ops

from aelab import losses


class _Penalty(keras.layers.Layer):
    def __init__(self, weight, **kwargs):
        super().__init__(**kwargs)
        if not weight >= 0:
            raise ValueError(f"weight must be 0 or more. Received: weight={weight}")
        self.weight = weight

    def get_config(self):
        return {**super().get_config(), "weight": self.weight}


@keras.saving.register_keras_serializable(package="aelab")
class L1Sparsity(_Penalty):
    """The sum of a code's absolute values, averaged over the batch. Lesson 04.

    Formula: mean_n(sum_j(abs(z_nj)))

    Args:
        weight: What the loss multiplies it by, 0 or more.
    """

    def call(self, x, encoder):
        code = ops.cast(encoder(x), "float32")
        return ops.mean(ops.sum(ops.abs(code), axis=tuple(range(1, len(code.shape)))))


@keras.saving.register_keras_serializable(package="aelab")
class KLSparsity(_Penalty):
    """How far the units' mean activities are from a target, in nats. Lesson 04.

    Formula: sum_j(KL(Bernoulli(target) || Bernoulli(mean_n(z_nj))))

    The mean over a batch of n images scatters, with variance v_j / n, and the KL of a
    mean that scatters is too large: by 1/2 KL''(mean) v_j / n to second order. That is
    taken off, so that the number hardly depends on the batch size; near 0 it may come
    out a little below. Use batches in which each unit wakes several times.

    Args:
        target: Mean activity that each unit should have, in (0, 1).
        weight: What the loss multiplies it by, 0 or more.

    Raises:
        ValueError: If an argument is out of range, or the encoder does not end in a
            sigmoid: other activities have no Bernoulli distribution.

    Reference: Ng, 2011, "Sparse Autoencoder", CS294A lecture notes.
    """

    def __init__(self, target, weight, **kwargs):
        super().__init__(weight, **kwargs)
        if not 0 < target < 1:
            raise ValueError(f"target must be in (0, 1). Received: target={target}")
        self.target = target

    def call(self, x, encoder):
        activation = getattr(encoder.layers[-1], "activation", None)
        if activation is not keras.activations.sigmoid:
            raise ValueError(
                "KLSparsity needs activities in [0, 1]: end the encoder in a sigmoid "
                f"(latent_activation='sigmoid'). Received: activation={activation}"
            )
        code = ops.cast(encoder(x), "float32")
        code = ops.reshape(code, (ops.shape(code)[0], -1))
        activity = ops.mean(code, axis=0, keepdims=True)
        n = ops.cast(ops.shape(code)[0], "float32")
        squares = ops.sum(ops.square(code - activity), axis=0)
        scatter = squares / ops.maximum(n - 1, 1) / n
        curvature = self.target / ops.square(activity + losses.MARGIN)
        curvature += (1 - self.target) / ops.square(1 - activity + losses.MARGIN)
        kl = losses.kl_bernoulli(self.target, activity)[0]
        return kl - ops.sum(curvature[0] * scatter) / 2

    def get_config(self):
        return {**super().get_config(), "target": self.target}


@keras.saving.register_keras_serializable(package="aelab")
class Contractive(_Penalty):
    """How strongly a code answers to small changes of the image. Lesson 04.

    Formula: mean_n(sum_ij((dz_nj / dx_ni)^2)), the squared Frobenius norm of the
    encoder's Jacobian J. Estimated by ||J v||^2 with one v from N(0, I) for each image,
    whose expectation is that norm; v is drawn afresh in each call.

    Args:
        weight: What the loss multiplies it by, 0 or more.
        exact: Take every column of J in its turn: as many passes through the encoder
            as an image has values. For small inputs.
        seed: Integer. Default: drawn from Keras's global seed.

    Reference: Rifai et al., 2011, "Contractive Auto-Encoders", ICML.
    """

    def __init__(self, weight, exact=False, seed=None, **kwargs):
        super().__init__(weight, **kwargs)
        self.exact, self.seed = exact, seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, x, encoder):
        n = ops.shape(x)[0]
        if self.exact:
            size = math.prod(x.shape[1:])
            units = ops.reshape(ops.eye(size, dtype=x.dtype), (size, *x.shape[1:]))
            v = ops.tile(units, (n, *[1] * (len(x.shape) - 1)))
            x = ops.repeat(x, size, axis=0)
        else:
            shape = ops.shape(x)
            v = keras.random.normal(shape, dtype=x.dtype, seed=self.seed_generator)
        _, change = ops.jvp(encoder, (x,), (v,))
        return ops.sum(ops.square(ops.cast(change, "float32"))) / ops.cast(n, "float32")

    def get_config(self):
        return {**super().get_config(), "exact": self.exact, "seed": self.seed}
