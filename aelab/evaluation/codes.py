"""What a code holds, how sparse and how smooth it is, and the code of a VAE."""

from dataclasses import dataclass

import numpy as np
from scipy.special import logsumexp
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from aelab import checks

# exp(709) is the largest that float64 holds.
_LARGEST_LOG_VARIANCE = 700.0
_LARGEST_MEAN = 1e100


def linear_probe(z_train, y_train, z_test, y_test, l2=1.0):
    """Accuracy of a linear classifier that reads the classes off a code. Lesson 04.

    The code is frozen: the classifier is fitted to it, by `fit_probe`, and to nothing
    else.

    Args:
        z_train: Training codes, shape `(n, ...)`.
        y_train: Their classes, shape `(n,)`.
        z_test: Held-out codes, shape `(m, ...)`.
        y_test: Their classes, shape `(m,)`.
        l2: Float above 0, weight of the penalty, as in `fit_probe`.

    Returns:
        Float, accuracy on the held-out codes, in [0, 1].

    Raises:
        ValueError: If codes and classes do not match, `y_train` has a single class, or
            `l2` is not positive.

    Example:
        >>> z, y = np.array([[0.0], [1.0], [4.0], [5.0]]), np.array([0, 0, 1, 1])
        >>> linear_probe(z, y, z_test=np.array([[0.5], [9.0]]), y_test=np.array([0, 1]))
        1.0

    Reference: Alain and Bengio, 2016, "Understanding intermediate layers using linear
    classifier probes", arXiv:1610.01644.
    """
    _check_classes("train", z_train, y_train, np.shape(z_train)[1:])
    _check_classes("test", z_test, y_test, np.shape(z_train)[1:])
    return fit_probe(z_train, y_train, l2).accuracy(z_test, y_test)


def fit_probe(z, y, l2=1.0):
    """A linear classifier on a frozen code, to be asked more than once. Lesson 05.

    Logistic regression on codes whose units are brought to mean 0 and variance 1 as
    measured on `z`, so that the scale of a code cannot matter. A code of many units
    needs a larger penalty than a small one: choose it on validation images.

    Formula: minimises the sum over the codes of -log p(y | z), plus l2 / 2 times the
    sum of the squared weights.

    Args:
        z: Training codes, shape `(n, ...)`.
        y: Their classes, shape `(n,)`.
        l2: Float above 0, weight of the penalty: 1 / C of scikit-learn.

    Returns:
        A `Probe`, with the methods `predict` and `accuracy`.

    Raises:
        ValueError: If codes and classes do not match, `y` has a single class, or `l2`
            is not positive.

    Example:
        >>> probe = fit_probe(np.array([[0.0], [1.0], [4.0], [5.0]]), [0, 0, 1, 1])
        >>> probe.predict(np.array([[0.5], [9.0]]))
        array([0, 1])
    """
    checks.positive("l2", l2)
    shape = np.shape(z)[1:]
    _check_classes("train", z, y, shape)
    classes = np.unique(y)
    if len(classes) < 2:
        cure = "shuffle before you cut a subset"
        if np.array_equal(classes, [-1]):
            cure = "-1 stands for images without labels, which no probe can use"
        raise ValueError(
            f"y_train must hold two classes or more: {cure}. "
            f"Received: y_train of the class {classes[0]} alone"
        )
    classifier = LogisticRegression(C=1 / l2, max_iter=10_000)
    pipeline = make_pipeline(StandardScaler(), classifier)
    # In float64, so that scaling a code with a large mean costs no digits. On one
    # thread: two, on a busy machine, were seen to take 20 to 90 times as long.
    with threadpool_limits(1, user_api="blas"):
        return Probe(pipeline.fit(checks.codes("z_train", z), y), shape)


@dataclass(frozen=True)
class Probe:
    """A fitted linear classifier on a code; `fit_probe` makes it. Lesson 05.

    Args:
        pipeline: Fitted scikit-learn pipeline.
        shape: Shape of one code.
    """

    pipeline: Pipeline
    shape: tuple

    def predict(self, z):
        """The class that the probe reads off each code.

        Args:
            z: Codes, shape `(n, ...)`.

        Returns:
            Array of shape `(n,)`, of the classes seen in training.

        Raises:
            ValueError: If the codes are not of the size seen in training.
        """
        if np.shape(z)[1:] != self.shape:
            raise ValueError(
                f"z must hold codes of shape {self.shape}. "
                f"Received: z of shape {np.shape(z)}"
            )
        with threadpool_limits(1, user_api="blas"):
            return self.pipeline.predict(checks.codes("z", z))

    def accuracy(self, z, y):
        """Fraction of the codes whose class the probe names.

        Args:
            z: Codes, shape `(n, ...)`.
            y: Their classes, shape `(n,)`.

        Returns:
            Float in [0, 1].

        Raises:
            ValueError: If codes and classes do not match.
        """
        _check_classes("test", z, y, self.shape)
        return float((self.predict(z) == np.asarray(y)).mean())


def _check_classes(part, z, y, shape):
    if np.ndim(y) != 1 or np.shape(z) != (len(y), *shape) or np.size(z) == 0:
        raise ValueError(
            f"z_{part} must hold a code of shape {shape} for each class in the flat "
            f"array y_{part}, at least one. Received: z_{part} of shape {np.shape(z)}, "
            f"y_{part} of shape {np.shape(y)}"
        )


def mean_l0(z, threshold=0.0):
    """Number of active units for an image, on average. Lesson 05.

    A unit is active if its absolute value is above `threshold`. A mean activity says
    less: one unit at 50 and fifty at 1 have the same.

    Args:
        z: Array of codes, shape `(n, ...)`.
        threshold: Float from 0: 0 for codes with exact zeros (relu, `TopK`).

    Returns:
        Float, in units per image.

    Raises:
        ValueError: If `z` is empty or not finite, or `threshold` is negative.

    Example:
        >>> mean_l0(np.array([[0.0, 2.0, 0.0], [1.0, 3.0, 0.0]]))
        1.5
    """
    return float(_active(z, threshold).sum(axis=1).mean())


def dead_units(z, threshold=0.0):
    """Which units are inactive for every image. Lesson 05.

    Args:
        z: Array of codes, shape `(n, ...)`: of all training images, since a unit may be
            active for few of them.
        threshold: Float from 0, as in `mean_l0`.

    Returns:
        Boolean array, one value per unit of the flattened code.

    Raises:
        ValueError: As `mean_l0`.

    Example:
        >>> dead_units(np.array([[0.0, 2.0, 0.0], [1.0, 3.0, 0.0]]))
        array([False, False,  True])
    """
    return ~_active(z, threshold).any(axis=0)


def _active(z, threshold):
    checks.number("threshold", threshold, low=0)
    return np.abs(checks.codes("z", z)) > threshold


def jacobian_norm(encode, x, n_directions=20, step=1e-2, seed=0):
    """How strongly codes respond to small changes of their images. Lesson 05.

    Formula: the mean over images of sum_ij((dz_j / dx_i)^2), the squared Frobenius
    norm of the Jacobian, estimated from central differences along `n_directions`
    random directions v, the same for every function: the mean of
    sum_j((z_j(x + step v) - z_j(x - step v))^2) / (2 step)^2.

    Args:
        encode: Function from an array of images to an array of codes, for example
            `model.encode`. It gets float32, as networks compute.
        x: Array of images, shape `(n, ...)`.
        n_directions: Integer from 1, directions for each image; the relative error of
            the estimate falls with the root of their number times n.
        step: Float, in units of `x` for each pixel: small beside the images, and at
            least 1e-4 times their largest value, or rounding would decide the result.
        seed: Integer, of the directions.

    Returns:
        Float, squared code units per squared image unit.

    Raises:
        ValueError: If an argument is out of range, or images or codes are not finite.

    Example:
        >>> W = np.array([[1.0, 2.0], [3.0, 4.0]])
        >>> x = np.zeros((1000, 2))
        >>> round(jacobian_norm(lambda x: x @ W, x) / float((W**2).sum()), 1)
        1.0
    """
    checks.integer("n_directions", n_directions)
    checks.positive("step", step)
    x = np.asarray(x, "float64")
    checks.codes("x", x)
    smallest = 1e-4 * (np.abs(x).max() or 1.0)
    if step < smallest:
        raise ValueError(
            "step must be at least 1e-4 times the largest pixel, or the rounding of "
            f"float32 decides the result: use {smallest:g} or more. "
            f"Received: step={step}"
        )
    rng = np.random.default_rng(checks.seed("seed", seed))
    total = 0.0
    for _ in range(n_directions):
        v = rng.normal(size=x.shape).astype("float32")
        above = checks.codes("encode(x)", encode((x + step * v).astype("float32")))
        below = checks.codes("encode(x)", encode((x - step * v).astype("float32")))
        total += np.square((above - below) / (2 * step)).sum(axis=1).mean()
    return float(total / n_directions)


def kl_per_unit(z_mean, z_log_var):
    """What each code unit of a VAE costs, averaged over images. Lesson 06.

    Formula: mean_n(1/2 (z_mean^2 + exp(z_log_var) - z_log_var - 1)). The sum over the
    units is the KL term of the loss (for log variances up to 20, where the loss goes on
    as a straight line). A unit near 0 carries nothing.

    Args:
        z_mean: Array of means, shape `(n, latent_dim)`.
        z_log_var: Array of log variances, same shape, at most 700.

    Returns:
        float64 array of shape `(latent_dim,)`, in nats.

    Raises:
        ValueError: If the shapes differ, a value is NaN or infinite, a log variance is
            above 700 or a mean beyond 1e100: the exponential or the square would
            overflow.

    Example:
        >>> kl_per_unit(np.array([[0.0, 2.0]]), np.zeros((1, 2)))
        array([0., 2.])
    """
    z_mean, z_log_var = _check_posterior(z_mean, z_log_var)
    return (z_mean**2 + np.exp(z_log_var) - z_log_var - 1).mean(axis=0) / 2


def active_units(z_mean, threshold=0.01):
    """Which units of a VAE's code depend on the image. Lesson 06.

    Formula: var_n(z_mean_j) > threshold.

    Args:
        z_mean: Array of means, shape `(n, latent_dim)`.
        threshold: Float from 0, in squared code units.

    Returns:
        Boolean array of shape `(latent_dim,)`.

    Raises:
        ValueError: If `z_mean` is empty or not finite, or `threshold` is negative.

    Example:
        >>> active_units(np.array([[0.0, 1.0], [0.01, -1.0]]))
        array([False,  True])

    Reference: Burda, Grosse and Salakhutdinov, 2016, "Importance Weighted
    Autoencoders", section 5.2, arXiv:1509.00519.
    """
    checks.number("threshold", threshold, low=0)
    return checks.codes("z_mean", z_mean).var(axis=0) > threshold


def log_likelihood(x, z_mean, z_log_var, nll, n_samples=500, seed=0):
    """Estimate of log p(x) of each image by importance sampling. Lesson 06.

    Formula: log(mean_s(p(x | z_s) p(z_s) / q(z_s | x))), with z_s drawn from
    q = N(z_mean, exp(z_log_var)) and p(z) = N(0, 1). In expectation a lower bound that
    rises to log p(x) with the number of samples; one sample gives the ELBO.

    Args:
        x: Array of images, shape `(n, ...)`.
        z_mean: Means of their codes by the encoder, shape `(n, latent_dim)`.
        z_log_var: Log variances, same shape, at most 700.
        nll: Function of images and as many codes that returns -log p(x | z) of each
            pair, in nats, shape `(n,)`: `VariationalAutoencoder.nll`.
        n_samples: Integer from 1, draws for each image.
        seed: Integer, of the draws.

    Returns:
        float64 array of shape `(n,)`, in nats per image.

    Raises:
        ValueError: If the codes do not match the images, `nll` returns another shape or
            NaN, or an argument is out of range, as in `kl_per_unit`.

    Example:
        >>> z_mean, z_log_var = np.zeros((1, 2)), np.zeros((1, 2))  # q is the prior
        >>> nll = lambda x, z: np.full(len(x), 3.0)  # and z makes no difference
        >>> log_likelihood(np.zeros((1, 4)), z_mean, z_log_var, nll, n_samples=10)
        array([-3.])

    Reference: Burda, Grosse and Salakhutdinov, 2016, "Importance Weighted
    Autoencoders", arXiv:1509.00519.
    """
    z_mean, z_log_var = _check_posterior(z_mean, z_log_var)
    if len(x) != len(z_mean):
        raise ValueError(
            "x must hold an image for each row of z_mean. "
            f"Received: {len(x)} images, z_mean of shape {z_mean.shape}"
        )
    checks.integer("n_samples", n_samples)
    rng = np.random.default_rng(checks.seed("seed", seed))
    weights = []
    for _ in range(n_samples):
        eps = rng.normal(size=z_mean.shape)
        z = z_mean + np.exp(z_log_var / 2) * eps
        # log p(z) - log q(z | x); the constants cancel.
        log_ratio = (eps**2 + z_log_var - z**2).sum(axis=1) / 2
        cost = np.asarray(nll(x, z), "float64")
        if cost.shape != (len(x),) or np.isnan(cost).any():
            raise ValueError(
                f"nll must return one number for each of the {len(x)} images, not NaN. "
                f"Received: shape {cost.shape}, {np.isnan(cost).sum()} NaN"
            )
        weights.append(log_ratio - cost)
    return logsumexp(weights, axis=0) - np.log(n_samples)


def _check_posterior(z_mean, z_log_var):
    """Means and log variances as float64 matrices of one shape."""
    z_mean = checks.codes("z_mean", z_mean)
    z_log_var = checks.codes("z_log_var", z_log_var)
    if z_mean.shape != z_log_var.shape:
        raise ValueError(
            "z_mean and z_log_var must have one shape. Received: z_mean of shape "
            f"{z_mean.shape}, z_log_var of shape {z_log_var.shape}"
        )
    checks.value_range("z_mean", z_mean, -_LARGEST_MEAN, _LARGEST_MEAN)
    checks.value_range("z_log_var", z_log_var, -np.inf, _LARGEST_LOG_VARIANCE)
    return z_mean, z_log_var
