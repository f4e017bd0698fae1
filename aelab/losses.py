"""Losses of the course, in nats: one number for each example, summed over its values.

Pure functions on `keras.ops`, in float32 whatever comes in. Take their mean over a
batch, and no number depends on the batch's size.
"""

import math

from keras import ops

# Beyond this the exponential of a log variance goes on as a straight line: no overflow,
# and a gradient that still leads back.
LARGEST_EXPONENT = 20.0
# Keeps the divergence finite for an activity of exactly 0 or 1.
MARGIN = 1e-6


def bernoulli_nll(x, logits):
    """Negative log-likelihood of binary pixels. Lesson 06.

    Formula: sum_i(log(1 + exp(logits_i)) - x_i logits_i), which is the binary
    cross-entropy of `x` and sigmoid(logits). For grey `x` it is that and no likelihood.

    Args:
        x: Tensor of targets in [0, 1], shape `(n, ...)`.
        logits: Tensor of the same shape, any range: log(p / (1 - p)).

    Returns:
        float32 tensor of shape `(n,)`, in nats, summed over all axes but the first.

    Raises:
        ValueError: If the shapes differ.

    Example:
        >>> float(bernoulli_nll([[1.0, 0.0]], [[0.0, 0.0]])[0])  # two fair coins
        1.3862943649291992
    """
    x, logits = _float32(x), _float32(logits)
    _check_shapes("x", x, "logits", logits)
    return _sum(ops.softplus(logits) - x * logits)


def gaussian_nll(x, mean, log_variance):
    """Negative log-likelihood under independent normal distributions. Lesson 06.

    Formula: 1/2 sum_i(log(2 pi) + log_variance + (x_i - mean_i)^2 / variance), but
    for log variances below -20, where 1 / variance goes on as its tangent.

    Args:
        x: Tensor of targets, shape `(n, ...)`.
        mean: Tensor of the same shape.
        log_variance: Tensor of the same shape, or one number for all values.

    Returns:
        float32 tensor of shape `(n,)`, in nats; densities, so it may be negative.

    Raises:
        ValueError: If the shapes differ.

    Example:
        >>> float(gaussian_nll([[0.5]], [[0.5]], 0.0)[0])  # log(2 pi) / 2
        0.9189385175704956
    """
    x, mean, log_variance = _float32(x), _float32(mean), _float32(log_variance)
    _check_shapes("x", x, "mean", mean)
    if len(log_variance.shape) > 0:
        _check_shapes("x", x, "log_variance", log_variance)
    squares = ops.square(x - mean) * _exp(-log_variance)
    return _sum(math.log(2 * math.pi) + log_variance + squares) / 2


def kl_standard_normal(z_mean, z_log_var):
    """KL divergence of N(z_mean, exp(z_log_var)) from N(0, 1). Lesson 06.

    Formula: 1/2 sum_j(z_mean_j^2 + exp(z_log_var_j) - z_log_var_j - 1), but for log
    variances above 20, where the exponential goes on as its tangent.

    Args:
        z_mean: Tensor of shape `(n, ...)`.
        z_log_var: Tensor of the same shape: the logarithm of the *variance*.

    Returns:
        float32 tensor of shape `(n,)`, in nats, 0 or more but for rounding.

    Raises:
        ValueError: If the shapes differ.

    Example:
        >>> float(kl_standard_normal([[1.0]], [[0.0]])[0])
        0.5

    Reference: Kingma and Welling, 2014, "Auto-Encoding Variational Bayes", appendix B.
    """
    z_mean, z_log_var = _float32(z_mean), _float32(z_log_var)
    _check_shapes("z_mean", z_mean, "z_log_var", z_log_var)
    return _sum(ops.square(z_mean) + _exp(z_log_var) - z_log_var - 1) / 2


def kl_bernoulli(target, activity):
    """KL divergence of Bernoulli(target) from Bernoulli(activity). Lesson 05.

    Formula: sum_j(t log(t / a_j) + (1 - t) log((1 - t) / (1 - a_j)))

    Args:
        target: Number in (0, 1), t.
        activity: Tensor of values a in [0, 1], shape `(n, units)`.

    Returns:
        float32 tensor of shape `(n,)`, in nats, summed over units; finite for
        activities of 0 and 1.

    Raises:
        ValueError: If `target` is not inside (0, 1).

    Example:
        >>> round(float(kl_bernoulli(0.05, [[0.5]])[0]), 4)
        0.4946
    """
    if not 0 < target < 1:
        raise ValueError(f"target must be in (0, 1). Received: target={target}")
    activity = (_float32(activity) + MARGIN) / (1 + 2 * MARGIN)
    active = target * (math.log(target) - ops.log(activity))
    inactive = (1 - target) * (math.log(1 - target) - ops.log(1 - activity))
    return _sum(active + inactive)


def _check_shapes(name, x, other_name, other):
    """Refuse tensors that NumPy's rules would silently stretch to one shape."""
    pairs = zip(x.shape, other.shape, strict=False)
    # A dimension that is not known yet is None.
    differ = any(a != b and None not in (a, b) for a, b in pairs)
    if len(x.shape) != len(other.shape) or differ:
        raise ValueError(
            f"{name} and {other_name} must have one shape. Received: {name} of shape "
            f"{tuple(x.shape)}, {other_name} of shape {tuple(other.shape)}"
        )


def _exp(x):
    """exp(x) up to `LARGEST_EXPONENT`, then its tangent."""
    over = ops.relu(x - LARGEST_EXPONENT)
    return ops.exp(ops.minimum(x, LARGEST_EXPONENT)) * (1 + over)


def _float32(x):
    return ops.cast(x, "float32")


def _sum(x):
    return ops.sum(x, axis=tuple(range(1, len(x.shape))))
