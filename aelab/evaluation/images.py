"""Errors of reconstructed, repaired and generated images."""

import numpy as np
from scipy import ndimage
from sklearn.metrics import pairwise_distances_argmin

from aelab import checks

# Values that are brought to float64 at a time: 8 MiB.
_BLOCK = 2**20


def image_errors(x, x_hat):
    """Mean squared error of each image, over its pixels. Lesson 01.

    Formula: mean_i((x_i - x_hat_i)^2) over the pixels i, computed in float64.

    Args:
        x: Array of images, shape `(n, ...)`, any range.
        x_hat: Array of their reconstructions, same shape; or one image of shape
            `x.shape[1:]`, which is held against every image of `x`.

    Returns:
        float64 array of shape `(n,)`, in squared units of `x`.

    Raises:
        ValueError: If the shapes do not match, there is no image, or a value is NaN,
            infinite or beyond 1e100.

    Example:
        >>> x = np.array([[[0.0, 1.0]], [[0.5, 0.5]]])  # two images of 1 x 2 pixels
        >>> image_errors(x, np.zeros_like(x))
        array([0.5 , 0.25])
    """
    x, x_hat = _pair(x, x_hat)
    return np.concatenate(
        [
            np.square(np.subtract(a, b, dtype="float64")).reshape(len(a), -1).mean(1)
            for a, b in _blocks(x, x_hat)
        ]
    )


def mse(x, x_hat):
    """Mean squared error over all pixels of all images. Lesson 01.

    Formula: the mean of `image_errors`.

    Args:
        x: Array of images, shape `(n, ...)`, any range.
        x_hat: Array of their reconstructions, same shape, or one image for all.

    Returns:
        Float, in squared units of `x`.

    Raises:
        ValueError: As `image_errors`.

    Example:
        >>> mse(np.array([[[0.0, 1.0]], [[0.5, 0.5]]]), np.zeros((2, 1, 2)))
        0.375
    """
    return float(image_errors(x, x_hat).mean())


def psnr(x, x_hat):
    """Peak signal-to-noise ratio of each image, for pixels in [0, 1]. Lesson 01.

    Formula: -10 log10(mean_i((x_i - x_hat_i)^2)). Ten decibels more are a tenth of the
    squared error; equal images have an infinite ratio.

    Args:
        x: Array of images in [0, 1], shape `(n, ...)`.
        x_hat: Array of their reconstructions, same shape, or one image for all.

    Returns:
        float64 array of shape `(n,)`, in decibels.

    Raises:
        ValueError: As `image_errors`, and if `x` leaves [0, 1].

    Example:
        >>> psnr(np.zeros((1, 8, 8, 1)), np.full((1, 8, 8, 1), 0.1)).round(6)
        array([20.])
    """
    errors = image_errors(x, x_hat)
    checks.value_range("x", x)
    with np.errstate(divide="ignore"):
        return -10 * np.log10(errors)


def mean_psnr(x, x_hat):
    """Peak signal-to-noise ratio, averaged over images. Lesson 04.

    Formula: the mean of `psnr`. It is not the ratio of the mean error: an image that
    is repaired very well counts more here. One pair of equal images makes it infinite.

    Args:
        x: Array of images in [0, 1], shape `(n, ...)`.
        x_hat: Array of their reconstructions, same shape, or one image for all.

    Returns:
        Float, in decibels.

    Raises:
        ValueError: As `psnr`.

    Example:
        >>> x = np.zeros((2, 8, 8, 1))
        >>> x_hat = x + np.array([0.1, 0.01]).reshape(2, 1, 1, 1)
        >>> round(mean_psnr(x, x_hat), 6)  # of 20 and 40 dB
        30.0
    """
    return float(psnr(x, x_hat).mean())


def cross_entropy(x, x_hat):
    """Mean binary cross-entropy of a pixel, for pixels in [0, 1]. Lesson 03.

    Formula: the mean over all pixels of -(x log(x_hat) + (1 - x) log(1 - x_hat)).

    `x_hat` is clipped to [1e-7, 1 - 1e-7] first, as Keras does: where it says 0 and the
    pixel is 1, that costs 16.1 nats instead of infinitely many. For a model that often
    says exactly 0 or 1, such as clipped PCA, the number therefore depends on the
    clipping: compare such a model by `mse`.

    Args:
        x: Array of images in [0, 1], shape `(n, ...)`.
        x_hat: Array of probabilities in [0, 1], same shape, or one image for all. Not
            logits.

    Returns:
        Float, in nats per pixel. For grey pixels its lower bound, which a perfect copy
        reaches, is the entropy `cross_entropy(x, x)`.

    Raises:
        ValueError: As `image_errors`, and if `x` or `x_hat` leaves [0, 1].

    Example:
        >>> x = np.array([[1.0, 0.0]])
        >>> round(cross_entropy(x, np.array([[0.5, 0.5]])), 4)  # log(2)
        0.6931
    """
    x, x_hat = _pair(x, x_hat)
    checks.value_range("x", x)
    checks.value_range("x_hat", x_hat)
    total = 0.0
    for a, b in _blocks(x, x_hat):
        p = np.clip(b.astype("float64"), 1e-7, 1 - 1e-7)
        total -= (a * np.log(p) + (1 - a.astype("float64")) * np.log(1 - p)).sum()
    return float(total / x.size)


def ssim(x, x_hat):
    """Structural similarity of each image, for pixels in [0, 1]. Lesson 04.

    Nearer to what the eye sees than `psnr`. As `keras.ops.image.ssim`.

    Formula, with means m, variances v and covariance c under Gaussian weights (sigma
    1.5, windows of 11 x 11 pixels, or of the largest odd size that fits), c1 = 0.01^2,
    c2 = 0.03^2, y for `x_hat`:
    `(2 m_x m_y + c1) (2 c + c2) / ((m_x^2 + m_y^2 + c1) (v_x + v_y + c2))`,
    averaged over the windows that lie inside the image, and over the channels.

    Args:
        x: Array of images in [0, 1], shape `(n, height, width, channels)`.
        x_hat: Array of their reconstructions, same shape, or one image for all.

    Returns:
        float64 array of shape `(n,)`, no unit: 1 for equal images.

    Raises:
        ValueError: As `psnr`, and for another rank.

    Example:
        >>> x = np.eye(16)[None, ..., None]
        >>> ssim(x, x), ssim(x, np.zeros_like(x)).round(3)
        (array([1.]), array([0.002]))

    Reference: Wang et al., 2004, "Image quality assessment: from error visibility to
    structural similarity", IEEE Transactions on Image Processing 13, 600-612.
    """
    x = checks.images("x", x)
    x, x_hat = _pair(x, x_hat)
    return np.concatenate(
        [_ssim_map(a, b).mean(axis=(1, 2, 3)) for a, b in _blocks(x, x_hat)]
    )


def distance_to_nearest(x, references):
    """Squared error between each image and the nearest of the references. Lesson 06.

    Formula: min_r(mean_i((x_i - r_i)^2)) over the references r.

    It shows whether generated images are copies of training images. It is no measure of
    quality: a black or a blurred image is near to all others.

    Args:
        x: Array of images, shape `(n, ...)`.
        references: Array of the images to search, shape `(m, ...)`. They are searched
            in blocks, so that memory stays small.

    Returns:
        float64 array of shape `(n,)`, in squared units of `x`.

    Raises:
        ValueError: If an image and a reference differ in shape, there is none of
            either, or a value is NaN, infinite or beyond 1e100.

    Example:
        >>> references = np.array([[0.0, 0.0], [1.0, 1.0]])
        >>> distance_to_nearest(np.array([[0.9, 0.9], [0.0, 0.0]]), references).round(6)
        array([0.01, 0.  ])
    """
    references = np.asarray(references)
    if np.shape(x)[1:] != references.shape[1:] or references.size == 0:
        raise ValueError(
            "x and references must hold images of one shape, at least one each. "
            f"Received: x of shape {np.shape(x)}, references of shape "
            f"{references.shape}"
        )
    x = checks.codes("x", x)
    nearest = np.full(len(x), np.inf)
    for start in range(0, len(references), 4096):
        block = checks.codes("references", references[start : start + 4096])
        # Which one is nearest is found by products, which lose digits far from 0: so
        # the block is centred. How near it is comes from the difference itself.
        centre = block.mean(axis=0)
        found = pairwise_distances_argmin(x - centre, block - centre)
        nearest = np.minimum(nearest, image_errors(x, block[found]))
    return nearest


def _pair(x, x_hat):
    """Two arrays of images of one shape, finite and not too large."""
    x, x_hat = np.asarray(x), np.asarray(x_hat)
    if x.ndim > 1 and x_hat.shape == x.shape[1:]:
        x_hat = np.broadcast_to(x_hat, x.shape)
    if x.ndim < 2 or x.shape != x_hat.shape or x.size == 0:
        raise ValueError(
            "x and x_hat must hold the same images in shape (n, ...), n at least 1. "
            f"Received: x of shape {x.shape}, x_hat of shape {x_hat.shape}"
        )
    for argument, array in (("x", x), ("x_hat", x_hat)):
        checks.finite(argument, array)
        checks.value_range(argument, array, -checks.LARGEST, checks.LARGEST)
    return x, x_hat


def _blocks(x, x_hat):
    """Pairs of a few images each, so that float64 copies stay small."""
    n_images = max(1, _BLOCK // x[0].size)
    for start in range(0, len(x), n_images):
        yield x[start : start + n_images], x_hat[start : start + n_images]


def _ssim_map(x, y):
    _, height, width, _ = x.shape
    radius = min(5, (min(height, width) - 1) // 2)
    weights = np.exp(-np.square(np.arange(-radius, radius + 1) / 1.5) / 2)
    weights /= weights.sum()

    def mean(a):  # The Gaussian is separable: along columns, then along rows.
        a = ndimage.correlate1d(a, weights, axis=1)[:, radius : height - radius]
        return ndimage.correlate1d(a, weights, axis=2)[:, :, radius : width - radius]

    x, y = x.astype("float64"), y.astype("float64")
    m_x, m_y = mean(x), mean(y)
    product = m_x * m_y
    squares = m_x**2 + m_y**2
    covariance = mean(x * y) - product
    variances = mean(x**2 + y**2) - squares
    c1, c2 = 0.01**2, 0.03**2
    luminance = (2 * product + c1) / (squares + c1)
    return luminance * (2 * covariance + c2) / (variances + c2)
