"""The variational autoencoder: a distribution over codes, and a loss with two parts."""

import keras
import numpy as np
from keras import ops

from aelab import checks, layers, losses
from aelab.models.autoencoder import EncoderDecoder, check_images, in_batches

LIKELIHOODS = ("bernoulli", "gaussian")
SMALLEST_VARIANCE = 1e-8  # of the pixels


@keras.saving.register_keras_serializable(package="aelab")
class VariationalAutoencoder(EncoderDecoder):
    """An encoder to a distribution over codes, and a decoder of codes drawn from it.

    The loss is `reconstruction + beta * kl`, in training and in evaluation, both parts
    in nats for each image: the negative log-likelihood, summed over pixels, and the KL
    divergence of the code's distribution from N(0, 1), summed over units; each averaged
    over the batch and logged under its own name. With beta = 1 the loss is -ELBO, an
    upper bound on -log p(x) (of black and white `x`, if Bernoulli), if the code is
    drawn: so it is in training. In evaluation the code is `z_mean` unless
    `sample_at_inference` is set, and the loss is no bound. Sample weights, one for each
    image, multiply both parts. Compile without a loss. Lesson 06.

    A call returns a dict of tensors: `logits` ("bernoulli") or `mean` ("gaussian"),
    what the decoder gives; `z_mean`; `z_log_var`.

    Args:
        encoder: Keras model from images to `[z_mean, z_log_var]`, the mean and the log
            variance of each code unit, both of shape `(n, latent_dim)`.
        decoder: Keras model from codes to logits of pixels ("bernoulli") or to their
            means ("gaussian").
        beta: Weight of the KL, 0 or more. Kept as the variable `beta`, which
            `training.Ramp` can move.
        likelihood: `"bernoulli"`, or `"gaussian"` with one variance for all pixels,
            whose logarithm, the variable `log_variance`, is learned with the weights.
        variance: Variance of the pixels to start from, for `"gaussian"`: about the
            squared error that the model will reach.
        sample_at_inference: Whether evaluation draws codes, too.
        seed: Integer for the draws. Default: from Keras's global seed.

    Raises:
        ValueError: If an argument is none of the above, or the encoder does not give
            two tensors.

    Reference: Kingma and Welling, 2014, "Auto-Encoding Variational Bayes".
    """

    def __init__(
        self,
        encoder,
        decoder,
        beta=1.0,
        likelihood="bernoulli",
        variance=0.01,
        sample_at_inference=False,
        seed=None,
        **kwargs,
    ):
        checks.number("beta", beta, low=0)
        checks.choice("likelihood", likelihood, LIKELIHOODS)
        checks.number("variance", variance, low=SMALLEST_VARIANCE)
        if not isinstance(encoder.output, (list, tuple)) or len(encoder.output) != 2:
            raise ValueError(
                "encoder must give the list [z_mean, z_log_var]. "
                f"Received: an encoder that gives {encoder.output}"
            )
        output_range = (0.0, 1.0) if likelihood == "bernoulli" else None
        super().__init__(encoder, decoder, output_range=output_range, **kwargs)
        self.likelihood = likelihood
        self.sample_at_inference = sample_at_inference
        self.sampling = layers.Sampling(seed, name="sampling")
        self._beta = self.add_weight(
            shape=(),
            initializer=keras.initializers.Constant(beta),
            dtype="float32",
            trainable=False,
            name="beta",
        )
        if likelihood == "gaussian":
            self.log_variance = self.add_weight(
                shape=(),
                initializer=keras.initializers.Constant(np.log(variance)),
                dtype="float32",
                name="log_variance",
            )
        self.kl_tracker = keras.metrics.Mean(name="kl")
        self.build(encoder.input_shape)

    @property
    def beta(self):
        """Weight of the KL, a variable; `vae.beta = 2.0` assigns to it."""
        return self._beta

    @beta.setter
    def beta(self, value):
        self._beta.assign(value)

    @property
    def decoded(self):
        """The name of what the decoder gives: `"logits"` or `"mean"`."""
        return "logits" if self.likelihood == "bernoulli" else "mean"

    def call(self, x, training=False):
        """Tensor of images to a dict: what is decoded, `z_mean` and `z_log_var`."""
        z_mean, z_log_var = self.encoder(x, training=training)
        drawn = training or self.sample_at_inference
        z = self.sampling([z_mean, z_log_var]) if drawn else z_mean
        decoded = self.decoder(z, training=training)
        return {self.decoded: decoded, "z_mean": z_mean, "z_log_var": z_log_var}

    def check_loss(self, loss):
        """None: a variational autoencoder has a loss of its own."""
        if loss is not None:
            raise ValueError(
                "A variational autoencoder has its own loss, reconstruction + beta * "
                "kl: compile it without one, and choose likelihood and beta when you "
                f"build it. Received: loss={loss!r}"
            )

    def loss_parts(self, x, y, y_pred):
        """`reconstruction` and `kl`, in nats for each image."""
        nll = self._nll(y, y_pred[self.decoded])
        kl = losses.kl_standard_normal(y_pred["z_mean"], y_pred["z_log_var"])
        return {"reconstruction": (1.0, nll), "kl": (self.beta, kl)}

    def images_in(self, y_pred):
        """The images in what a call returned."""
        return self._as_images(y_pred[self.decoded])

    def posterior(self, x, batch_size=1000):
        """The distribution of each image's code, as the encoder approximates it.

        Args:
            x: Array of images, shape `(n, ...)`, or a data set of them.
            batch_size: Images at a time, for arrays.

        Returns:
            `(z_mean, z_log_var)`: float32 NumPy arrays of shape `(n, latent_dim)`, the
            means and the logarithms of the variances. `encode` gives the first.

        Raises:
            ValueError: As `encode`.
        """
        z_mean, z_log_var = in_batches(
            self.encoder, "x", x, self._check_inputs, batch_size
        )
        return z_mean, z_log_var

    def sample(self, n, seed=None):
        """Draw images: codes from N(0, 1), decoded.

        Args:
            n: Number of images, at least 1.
            seed: Integer for the codes. Default: from Keras's global seed.

        Returns:
            float32 NumPy array of images, shape `(n, ...)`.

        Raises:
            ValueError: If `n` is below 1.
        """
        checks.integer("n", n)
        shape = (n, *self.decoder.input_shape[1:])
        z = keras.random.normal(shape, dtype="float32", seed=seed)
        return self.decode(ops.convert_to_numpy(z))

    def nll(self, x, z, batch_size=1000):
        """Negative log-likelihood of each image under its own code: -log p(x | z).

        Args:
            x: Array of images as the decoder gives them, shape `(n, ...)`.
            z: Array of as many codes, shape `(n, latent_dim)`.
            batch_size: Pairs at a time.

        Returns:
            float32 NumPy array of shape `(n,)`, in nats.

        Raises:
            ValueError: If there is not one code for each image, or they do not fit.
        """
        x = np.asarray(x)
        z = np.asarray(z)
        checks.integer("batch_size", batch_size)
        check_images("x", x, self._output_shape())
        self._check_range("x", x)
        self._check_codes("z", z)
        if len(x) != len(z):
            raise ValueError(
                "x and z must have one code for each image. "
                f"Received: x of shape {x.shape}, z of shape {z.shape}"
            )
        parts = []
        for start in range(0, len(x), batch_size):
            batch = slice(start, start + batch_size)
            decoded = self.decoder(z[batch].astype("float32"))
            part = self._nll(x[batch].astype("float32"), decoded)
            parts.append(ops.convert_to_numpy(part))
        return np.concatenate(parts)

    def get_config(self):
        """Arguments from which Keras builds the model again, with the present beta."""
        config = super().get_config()
        del config["output_range"]  # It follows from the likelihood.
        config.update(
            beta=float(ops.convert_to_numpy(self.beta)),
            likelihood=self.likelihood,
            sample_at_inference=self.sample_at_inference,
            seed=self.sampling.seed,
        )
        if self.likelihood == "gaussian":
            variance = float(ops.convert_to_numpy(ops.exp(self.log_variance)))
            config["variance"] = max(variance, SMALLEST_VARIANCE)
        return config

    def _nll(self, x, decoded):
        if self.likelihood == "bernoulli":
            return losses.bernoulli_nll(x, decoded)
        return losses.gaussian_nll(x, decoded, self.log_variance)

    def _code(self, x):
        return self.encoder(x)[0]

    def _as_images(self, decoded):
        return ops.sigmoid(decoded) if self.likelihood == "bernoulli" else decoded

    def _images(self, z):
        return self._as_images(self.decoder(z))
