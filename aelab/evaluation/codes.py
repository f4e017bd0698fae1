"""What a code holds, how sparse and how smooth it is, and the code of a VAE."""

import numpy as np
from scipy.special import logsumexp
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits


def linear_probe(z_train, y_train, z_test, y_test):
    """How well a linear classifier reads the classes off a frozen code. Lesson 03.

    Logistic regression (L2 penalty, C = 1) on codes whose units are brought to mean 0
    and variance 1 as measured on the training codes: so a code's scale cannot matter.

    Args:
        z_train, y_train: Training codes, shape `(n, ...)`; their classes, `(n,)`.
        z_test, y_test: Held-out codes and their classes, likewise.

    Returns: float, accuracy on the held-out codes, in [0, 1].
    Raises: ValueError if codes and classes do not match, or `y_train` has one class.
    Reference: Alain and Bengio, 2016, on linear classifier probes, arXiv:1610.01644.
    """
    code_size = np.shape(z_train)[1:]
    for name, z, y in (("train", z_train, y_train), ("test", z_test, y_test)):
        if np.ndim(y) != 1 or np.shape(z) != (len(y), *code_size) or np.size(z) == 0:
            raise ValueError(
                f"z_{name} must hold a code of shape {code_size} for each class in the "
                f"flat array y_{name}, at least one. Received: z_{name} of shape "
                f"{np.shape(z)}, y_{name} of shape {np.shape(y)}"
            )
    if len(np.unique(y_train)) < 2:
        raise ValueError(
            "y_train must hold two classes or more: shuffle before you cut a subset. "
            f"Received: y_train of the class {np.ravel(y_train)[0]} alone"
        )
    # In float64, so that scaling a code with a large mean costs no digits.
    flat = [np.asarray(z, "float64").reshape(len(z), -1) for z in (z_train, z_test)]
    probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=10_000))
    # On one thread: two, on a busy machine, were seen to take 20 to 90 times as long.
    with threadpool_limits(1, user_api="blas"):
        return float(probe.fit(flat[0], y_train).score(flat[1], y_test))


def mean_l0(z, threshold=0.0):
    """How many units are awake for an image, on average. Lesson 04.

    A unit counts as awake if its absolute value is above `threshold`. A mean activity
    says less: one unit at 50 and fifty at 1 have the same.

    Args:
        z: Array of codes, shape `(n, ...)`.
        threshold: 0 for codes with exact zeros (relu, `TopK`).

    Returns: float, in units an image. Raises: ValueError without a finite code.
    """
    return float((np.abs(flat_codes(z)) > threshold).sum(axis=1).mean())


def dead_units(z, threshold=0.0):
    """Which units are asleep for every image. Lesson 04.

    Args and errors as `mean_l0`. Returns: boolean array, one value a unit.
    """
    return (np.abs(flat_codes(z)) <= threshold).all(axis=0)


def jacobian_norm(encode, x, n_directions=20, step=1e-2, seed=0):
    """How strongly codes answer to small changes of their images. Lesson 04.

    Formula: the mean over images of sum_ij((dz_j / dx_i)^2), the squared Frobenius
    norm of the Jacobian, estimated from central differences along `n_directions`
    random directions, the same for every function.

    Args:
        encode: Function from an array of images to an array of codes.
        x: Array of images, shape `(n, ...)`.
        n_directions: Directions to try for each image; the relative error falls with
            the root of their number times n.
        step: Length of a step, in units of `x` for each pixel.
        seed: Of the directions.

    Returns: float, squared code units for each squared image unit.
    """
    x, rng, total = np.asarray(x, "float32"), np.random.default_rng(seed), 0.0
    for _ in range(n_directions):
        v = rng.normal(size=x.shape).astype("float32")
        change = flat_codes(encode(x + step * v)) - flat_codes(encode(x - step * v))
        total += np.square(change / (2 * step)).sum(axis=1).mean()
    return float(total / n_directions)


def kl_per_unit(z_mean, z_log_var):
    """What each code unit of a VAE costs, averaged over images. Lesson 05.

    Formula: mean_n(1/2 (z_mean^2 + exp(z_log_var) - z_log_var - 1)); their sum is the
    KL term of the loss. A unit near 0 carries nothing.

    Args:
        z_mean: Array of means, shape `(n, latent_dim)`.
        z_log_var: Array of log variances, same shape.

    Returns: float64 array of shape `(latent_dim,)`, in nats.
    Raises: ValueError if the shapes differ, or a value is NaN or infinite.
    """
    z_mean, z_log_var = flat_codes(z_mean), flat_codes(z_log_var)
    if z_mean.shape != z_log_var.shape:
        raise ValueError(
            "z_mean and z_log_var must have one shape. "
            f"Received: {z_mean.shape} and {z_log_var.shape}"
        )
    return (z_mean**2 + np.exp(z_log_var) - z_log_var - 1).mean(axis=0) / 2


def active_units(z_mean, threshold=0.01):
    """Which units of a VAE move with the image. Lesson 05.

    Formula: var_n(z_mean_j) > threshold.

    Args:
        z_mean: Array of means, shape `(n, latent_dim)`.
        threshold: In squared code units.

    Returns: boolean array of shape `(latent_dim,)`.
    Raises: ValueError without a finite code.
    Reference: Burda, Grosse and Salakhutdinov, 2016, "Importance Weighted
    Autoencoders", section 5.2.
    """
    return flat_codes(z_mean).var(axis=0) > threshold


def log_likelihood(x, z_mean, z_log_var, nll, n_samples=500, seed=0):
    """log p(x) of each image by importance sampling from the encoder. Lesson 05.

    Formula: log(mean_s(p(x | z_s) p(z_s) / q(z_s | x))), with z_s drawn from
    q = N(z_mean, exp(z_log_var)) and p(z) = N(0, 1). In expectation a lower bound that
    rises to log p(x) with the number of samples; one sample gives the ELBO.

    Args:
        x: Array of images, shape `(n, ...)`.
        z_mean, z_log_var: Their codes by the encoder, shape `(n, latent_dim)`.
        nll: Function of images and as many codes that returns -log p(x | z) of each
            pair, in nats: `VariationalAutoencoder.nll`.
        n_samples: Draws for each image, at least 1.
        seed: Of the draws.

    Returns: float64 array of shape `(n,)`, in nats.
    Raises: ValueError if the codes do not match or `n_samples` is below 1.
    """
    z_mean, z_log_var = flat_codes(z_mean), flat_codes(z_log_var)
    if len(x) != len(z_mean) or z_mean.shape != z_log_var.shape or n_samples < 1:
        raise ValueError(
            "There must be a z_mean and a z_log_var for each image, and a sample or "
            f"more. Received: {len(x)} images, shapes {z_mean.shape} and "
            f"{z_log_var.shape}, n_samples={n_samples}"
        )
    rng, weights = np.random.default_rng(seed), []
    for _ in range(n_samples):
        eps = rng.normal(size=z_mean.shape)
        z = z_mean + np.exp(z_log_var / 2) * eps
        # log p(z) - log q(z | x); the constants cancel.
        log_ratio = (eps**2 + z_log_var - z**2).sum(axis=1) / 2
        weights.append(log_ratio - nll(x, z))
    return logsumexp(weights, axis=0) - np.log(n_samples)


def flat_codes(z):
    """Codes as a float64 matrix, refused where a value is NaN or infinite."""
    z = np.asarray(z, "float64")
    if z.ndim < 2 or z.size == 0 or not np.isfinite(z).all():
        raise ValueError(
            "Codes must have shape (n, ...), with n at least 1 and every value finite. "
            f"Received: an array of shape {z.shape}"
        )
    return z.reshape(len(z), -1)
