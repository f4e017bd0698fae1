"""Errors of reconstructions, and PCA to hold them against."""

import numpy as np
from scipy import linalg, ndimage
from sklearn.decomposition import PCA


def image_errors(x, x_hat):
    """Squared error of each image, averaged over its pixels. Lesson 01.

    Formula: mean_i((x_i - x_hat_i)^2) over the pixels i

    Args:
        x: Array of images, shape `(n, ...)`, any range.
        x_hat: Their reconstructions, same shape.

    Returns:
        float64 array of shape `(n,)`, in squared units of `x`.

    Raises:
        ValueError: If the shapes differ, there is no image, or a value is NaN.
    """
    x, x_hat = np.asarray(x), np.asarray(x_hat)
    if x.shape != x_hat.shape or x.size == 0:
        raise ValueError(
            "x and x_hat must hold the same images, at least one. Received: x of "
            f"shape {x.shape}, x_hat of shape {x_hat.shape}"
        )
    difference = np.subtract(x, x_hat, dtype=np.result_type(x, x_hat, np.float32))
    errors = np.square(difference).reshape(len(x), -1).mean(axis=1, dtype="float64")
    if np.isnan(errors).any():
        raise ValueError(
            f"x or x_hat holds NaN in {np.isnan(errors).sum()} of {len(x)} images."
        )
    return errors


def mse(x, x_hat):
    """Mean squared error over all pixels of all images. Lesson 01.

    Args and errors as `image_errors`. Returns: float, in squared units of `x`.
    """
    return float(image_errors(x, x_hat).mean())


def _check_unit_range(x):
    if not (x.min() >= 0 and x.max() <= 1):
        raise ValueError(
            "x must lie in [0, 1], or its peak is not 1: divide 8-bit grey values by "
            f"255. Received: x in [{x.min():g}, {x.max():g}]"
        )


def psnr(x, x_hat):
    """Peak signal-to-noise ratio of each image, for pixels in [0, 1]. Lesson 01.

    Formula: -10 log10(mean_i((x_i - x_hat_i)^2)); infinite for equal images.

    Args and errors as `image_errors`, and ValueError if `x` is not in [0, 1].
    Returns: float64 array of shape `(n,)`, in decibels.
    """
    x = np.asarray(x)
    errors = image_errors(x, x_hat)
    _check_unit_range(x)
    with np.errstate(divide="ignore"):
        return -10 * np.log10(errors)


def ssim(x, x_hat):
    """Structural similarity of each image, for pixels in [0, 1]. Lesson 03.

    Nearer to what the eye sees than `psnr`. As `keras.ops.image.ssim`.

    Formula, with means m, variances v and covariance c under Gaussian weights (11 x 11
    pixels, sigma 1.5), c1 = 0.01^2, c2 = 0.03^2, y for `x_hat`:
    `(2 m_x m_y + c1) (2 c + c2) / ((m_x^2 + m_y^2 + c1) (v_x + v_y + c2))`,
    averaged over the windows that lie inside the image, and over the channels.

    Args and errors as `psnr`, for shape `(n, height, width, channels)`, at least 11 x
    11 pixels. Returns: float64 array of shape `(n,)`, no unit; 1 for equal images.
    Reference: Wang et al., 2004, "Image quality assessment", IEEE TIP 13, 600-612.
    """
    x, x_hat = np.asarray(x), np.asarray(x_hat)
    image_errors(x, x_hat)  # Refuses pairs that do not match.
    _check_unit_range(x)
    if x.ndim != 4 or min(x.shape[1:3]) < 11:
        raise ValueError(
            "x must have shape (n, height, width, channels), sides at least 11: add a "
            f"channel axis by x[..., None], or use psnr. Received: x of shape {x.shape}"
        )
    batches = min(len(x), -(-x.size // 2**20))  # So that memory stays small.
    pairs = zip(*(np.array_split(a, batches) for a in (x, x_hat)), strict=True)
    return np.concatenate([_ssim_map(*pair).mean(axis=(1, 2, 3)) for pair in pairs])


def _ssim_map(x, y):
    weights = np.exp(-np.square(np.arange(-5, 6) / 1.5) / 2)
    weights /= weights.sum()

    def mean(a):  # The Gaussian is separable: along columns, then along rows.
        a = ndimage.correlate1d(a, weights, axis=1)[:, 5:-5]
        return ndimage.correlate1d(a, weights, axis=2)[:, :, 5:-5]

    x, y = x.astype("float64"), y.astype("float64")
    m_x, m_y = mean(x), mean(y)
    product, squares = m_x * m_y, m_x**2 + m_y**2
    covariance = mean(x * y) - product
    variances = mean(x**2 + y**2) - squares
    c1, c2 = 0.01**2, 0.03**2
    luminance = (2 * product + c1) / (squares + c1)
    return luminance * (2 * covariance + c2) / (variances + c2)


def fit_pca(x, n_components):
    """Principal components of images: the best linear code. Lesson 01.

    Args:
        x: Array of training images, shape `(n, ...)`.
        n_components: Size of the code, at least 1, at most n and the pixels.

    Returns:
        A fitted `sklearn.decomposition.PCA` on flattened images.

    Raises:
        ValueError: If `n_components` does not fit the array.
    """
    flat = np.asarray(x).reshape(len(x), -1)
    if not 1 <= n_components <= min(flat.shape):
        raise ValueError(
            f"n_components must be from 1 to {min(flat.shape)} for x of shape "
            f"{np.shape(x)}. Received: n_components={n_components}"
        )
    # Exact, and quicker than SVD of the images: it needs their covariance alone.
    return PCA(n_components, svd_solver="covariance_eigh").fit(flat)


def pca_reconstruct(pca, x, n_components=None):
    """Images, projected on the first components and brought back. Lesson 01.

    Args:
        pca: What `fit_pca` returned.
        x: Array of images, shape `(n, ...)`.
        n_components: How many components to keep. Default: all that were fitted.

    Returns: array of the shape of `x`. Not clipped: values may leave the range of `x`.
    """
    components = pca.components_[:n_components]
    codes = (np.reshape(x, (len(x), -1)) - pca.mean_) @ components.T
    return (codes @ components + pca.mean_).reshape(np.shape(x))


def principal_angles(a, b):
    """Angles between the subspaces that the columns of two matrices span. Lesson 01.

    Args: a, b, matrices of shapes `(dimensions, k)` and `(dimensions, l)`.
    Returns: float64 array of `min(k, l)` angles in degrees, largest first: all 0 where
    one subspace holds the other.
    """
    a, b = np.asarray(a, "float64"), np.asarray(b, "float64")
    return np.degrees(linalg.subspace_angles(a, b))
