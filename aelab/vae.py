"""The variational autoencoder: a code with a spread, and a loss with two parts."""

import keras
import numpy as np
from keras import ops

from aelab import layers, losses
from aelab.autoencoder import EncoderDecoder, check_array

LIKELIHOODS = ("bernoulli", "gaussian")


@keras.saving.register_keras_serializable(package="aelab")
class VariationalAutoencoder(EncoderDecoder):
    """An encoder to a distribution over codes, and a decoder of codes drawn from it.

    The loss is `reconstruction + beta * kl`, in training and in evaluation, both parts
    in nats for each image: the negative log-likelihood, summed over pixels, and the KL
    divergence of the code's distribution from N(0, 1), summed over units; each averaged
    over the batch and logged under its own name. With beta = 1 the loss is -ELBO, an
    upper bound on -log p(x) (of black and white `x`, if Bernoulli), if the code is
    drawn: so it is in training. In evaluation the code is `z_mean` unless
    `sample_at_inference` is set, and the loss is no bound. Compile without a loss.
    Kernel regularizers, if layers have any, are added to `loss` alone. Lesson 05.

    A call returns a dict of tensors: `pixels` (what the decoder gives), `z_mean`,
    `z_log_var`.

    Args:
        encoder: Keras model from images to `[z_mean, z_log_var]`, the mean and the log
            variance of each code unit, both of shape `(n, latent_dim)`.
        decoder: Keras model from codes to logits of pixels ("bernoulli") or to their
            means ("gaussian").
        beta: Weight of the KL, 0 or more. Kept as the variable `beta`, which
            `training.Ramp` can move.
        likelihood: `"bernoulli"`, or `"gaussian"` with one log variance for all pixels,
            `log_variance`, learnt with the weights.
        sample_at_inference: Whether evaluation draws codes, too.
        seed: Integer for the draws. Default: from Keras's global seed.

    Raises:
        ValueError: If `beta` or `likelihood` is none of the above, or the encoder does
            not give two tensors.

    Reference: Kingma and Welling, 2014, "Auto-Encoding Variational Bayes".
    """

    def __init__(
        self,
        encoder,
        decoder,
        beta=1.0,
        likelihood="bernoulli",
        sample_at_inference=False,
        seed=None,
        **kwargs,
    ):
        super().__init__(encoder, decoder, **kwargs)
        if not beta >= 0:
            raise ValueError(f"beta must be 0 or more. Received: beta={beta}")
        if likelihood not in LIKELIHOODS:
            raise ValueError(
                f"likelihood must be one of {LIKELIHOODS}. "
                f"Received: likelihood={likelihood!r}"
            )
        if len(encoder.outputs) != 2:
            raise ValueError(
                "encoder must give [z_mean, z_log_var]. "
                f"Received: an encoder with {len(encoder.outputs)} outputs"
            )
        self.likelihood, self.sample_at_inference = likelihood, sample_at_inference
        self.sampling = layers.Sampling(seed)
        constant = keras.initializers.Constant
        self.beta = self.add_weight(
            shape=(), initializer=constant(beta), trainable=False, name="beta"
        )
        if likelihood == "gaussian":
            self.log_variance = self.add_weight(
                shape=(), initializer="zeros", name="log_variance"
            )
        self.kl_tracker = keras.metrics.Mean(name="kl")
        self.build(encoder.input_shape)

    def call(self, x, training=False):
        z_mean, z_log_var = self.encoder(x)
        drawn = training or self.sample_at_inference
        z = self.sampling([z_mean, z_log_var]) if drawn else z_mean
        return {"pixels": self.decoder(z), "z_mean": z_mean, "z_log_var": z_log_var}

    def compute_loss(
        self, x=None, y=None, y_pred=None, sample_weight=None, training=True
    ):
        reconstruction = self._nll(x if y is None else y, y_pred["pixels"])
        kl = losses.kl_standard_normal(y_pred["z_mean"], y_pred["z_log_var"])
        if sample_weight is not None:
            weight = ops.cast(ops.reshape(sample_weight, (-1,)), "float32")
            reconstruction, kl = reconstruction * weight, kl * weight
        # Weighted like Keras's own `loss`, or a smaller last batch would count more.
        n = ops.shape(kl)[0]
        reconstruction, kl = ops.mean(reconstruction), ops.mean(kl)
        self.reconstruction_tracker.update_state(reconstruction, n)
        self.kl_tracker.update_state(kl, n)
        return reconstruction + self.beta * kl + sum(self.losses)

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        images = self._as_images(y_pred["pixels"])
        y = x if y is None else y
        return super().compute_metrics(x, y, images, sample_weight)

    def sample(self, n, seed=None):
        """Draw `n` images: codes from N(0, 1), decoded. NumPy array `(n, ...)`."""
        rng = np.random.default_rng(seed)
        z = rng.normal(size=(n, *self.decoder.input_shape[1:]))
        return self.decode(z.astype("float32"))

    def nll(self, x, z, batch_size=1000):
        """-log p(x | z) of each image under its own code: NumPy array `(n,)`, nats."""
        x, z = np.asarray(x, "float32"), np.asarray(z, "float32")
        if len(x) != len(z):
            raise ValueError(
                "x and z must have one code for each image. "
                f"Received: x of shape {x.shape}, z of shape {z.shape}"
            )
        check_array(x, self.encoder.input_shape, "x")
        check_array(z, self.decoder.input_shape, "z")
        batches = [slice(i, i + batch_size) for i in range(0, len(x), batch_size)]
        parts = [self._nll(x[batch], self.decoder(z[batch])) for batch in batches]
        return np.concatenate([ops.convert_to_numpy(part) for part in parts])

    def get_config(self):
        serialize = keras.saving.serialize_keras_object
        return {
            "name": self.name,
            "encoder": serialize(self.encoder),
            "decoder": serialize(self.decoder),
            "beta": float(ops.convert_to_numpy(self.beta)),
            "likelihood": self.likelihood,
            "sample_at_inference": self.sample_at_inference,
            "seed": self.sampling.seed,
        }

    @classmethod
    def from_config(cls, config):
        restore = keras.saving.deserialize_keras_object
        parts = {part: restore(config[part]) for part in ("encoder", "decoder")}
        return cls(**{**config, **parts})

    def _nll(self, x, pixels):
        if self.likelihood == "bernoulli":
            return losses.bernoulli_nll(x, pixels)
        return losses.gaussian_nll(x, pixels, self.log_variance)

    def _code(self, x):
        return self.encoder(x)[0]

    def _as_images(self, pixels):
        return ops.sigmoid(pixels) if self.likelihood == "bernoulli" else pixels

    def _draw(self, z):
        return self._as_images(self.decoder(z))

    def _output_activation(self):
        if self.likelihood == "bernoulli":
            return "sigmoid"
        return super()._output_activation()
