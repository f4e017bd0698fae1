"""Numbers: errors of reconstructions, and the baselines to hold them against.

Arrays in, numbers and arrays out (NumPy, SciPy and scikit-learn); no model is seen.
"""

import numpy as np
from scipy import linalg
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
    errors = np.square(x - x_hat).reshape(len(x), -1).mean(axis=1, dtype="float64")
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


def psnr(x, x_hat):
    """Peak signal-to-noise ratio of each image, for pixels in [0, 1]. Lesson 01.

    Formula: -10 log10(mean_i((x_i - x_hat_i)^2)); infinite for equal images.

    Args and errors as `image_errors`, and ValueError if `x` is not in [0, 1].
    Returns: float64 array of shape `(n,)`, in decibels.
    """
    x = np.asarray(x)
    errors = image_errors(x, x_hat)
    if x.min() < 0 or x.max() > 1:
        raise ValueError(
            "x must lie in [0, 1], or its peak is not 1: divide 8-bit grey values by "
            f"255. Received: x in [{x.min():g}, {x.max():g}]"
        )
    with np.errstate(divide="ignore"):
        return -10 * np.log10(errors)


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

    Returns:
        Array of the shape of `x`. Not clipped: values may leave the range of `x`.
    """
    components = pca.components_[:n_components]
    codes = (np.reshape(x, (len(x), -1)) - pca.mean_) @ components.T
    return (codes @ components + pca.mean_).reshape(np.shape(x))


def principal_angles(a, b):
    """Angles between the subspaces that the columns of two matrices span. Lesson 01.

    Args:
        a: Matrix of shape `(dimensions, k)`.
        b: Matrix of shape `(dimensions, l)`.

    Returns:
        float64 array of `min(k, l)` angles in degrees, largest first: all 0 where
        one subspace holds the other.
    """
    a, b = np.asarray(a, "float64"), np.asarray(b, "float64")
    return np.degrees(linalg.subspace_angles(a, b))
