"""Strong rivals without a network: what a model must beat to have learned something.

Each is given the chance that a network has: PCA may be clipped as a sigmoid clips,
filters may undo the bias of the noise, and settings are chosen on validation images.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import linalg, ndimage, optimize, special
from sklearn.decomposition import PCA
from sklearn.metrics import euclidean_distances
from sklearn.mixture import GaussianMixture
from threadpoolctl import threadpool_limits

from aelab import checks

# Up to here the covariance of the pixels is cheap: 0.1 s for 784, 5 s for 3,000.
_EXACT_PCA = 2000
# The normal equations of ridge regression hold this many values squared, twice.
_LARGEST_RIDGE = 6000
# What `tune_filter` tries, by kind.
FILTERS = {
    "gaussian": (0.4, 0.6, 0.8, 1.0, 1.2, 1.4, 1.6),
    "median": (3, 5),
    "wiener": tuple((size, p) for size in (3, 5) for p in (0.02, 0.05, 0.1, 0.2)),
}
# What it tries besides where known pixels are given.
FILTERS_WITH_KNOWN = {"normalised convolution": (0.5, 0.6, 0.8, 1.0, 1.2, 1.4)}


def fit_pca(x, n_components, seed=0):
    """Principal components of images: the best linear code. Lesson 01.

    Exact, from the covariance of the pixels, for images of up to 2,000 values. That
    cost grows with their number cubed, so for larger images few components are found
    by a randomised method, whose error is larger by about a hundredth.

    Args:
        x: Array of training images, shape `(n, ...)`.
        n_components: Integer, size of the code, from 1 to n and to the number of
            values per image.
        seed: Integer, of the randomised method.

    Returns:
        A fitted `sklearn.decomposition.PCA` on flattened images.

    Raises:
        ValueError: If `n_components` does not fit the array, or a value is not finite.

    Example:
        >>> x = np.array([[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]])
        >>> pca = fit_pca(x, 1)
        >>> pca.mean_, pca.explained_variance_ratio_
        (array([1., 1.]), array([1.]))

    Reference: Halko, Martinsson and Tropp, 2011, "Finding structure with randomness",
    SIAM Review 53, 217-288, on the randomised method.
    """
    flat = _flat_images("x", x)
    checks.integer("n_components", n_components)
    if n_components > min(flat.shape):
        raise ValueError(
            f"n_components must be from 1 to {min(flat.shape)} for x of shape "
            f"{np.shape(x)}. Received: n_components={n_components}"
        )
    solver = "covariance_eigh"
    if flat.shape[1] > _EXACT_PCA:
        few = n_components < 0.8 * min(flat.shape)
        solver = "randomized" if few else "full"
    pca = PCA(n_components, svd_solver=solver, random_state=checks.seed("seed", seed))
    # Centred before the covariance is formed: a mean far from 0 would cost digits.
    mean = flat.mean(axis=0, dtype="float64").astype(flat.dtype)
    pca.fit(flat - mean)
    pca.mean_ = pca.mean_ + mean
    return pca


def pca_reconstruct(pca, x, n_components=None, clip=None):
    """Images, projected on the first components and brought back. Lesson 01.

    Args:
        pca: What `fit_pca` returned.
        x: Array of images, shape `(n, ...)`.
        n_components: Integer from 1, components to keep. Default: all that were fitted.
        clip: Pair `(low, high)` that the result is clipped to. `(0, 1)` is fair beside
            a network that ends in a sigmoid. Default: not clipped.

    Returns:
        Array of the shape of `x`.

    Raises:
        ValueError: If `x` has another number of values per image than `pca`, there are
            not that many components, or `clip` is no pair.

    Example:
        >>> pca = fit_pca(np.array([[0.0, 0.0], [1.0, 1.0], [0.5, 0.5]]), 1)
        >>> x = np.array([[0.2, 0.4], [1.5, 1.5]])
        >>> pca_reconstruct(pca, x, clip=(0, 1)).round(3)
        array([[0.3, 0.3],
               [1. , 1. ]])
    """
    fitted, n_values = pca.components_.shape
    flat = _flat_images("x", x)
    if flat.shape[1] != n_values:
        raise ValueError(
            f"x must hold images of {n_values} values, as the PCA was fitted to. "
            f"Received: x of shape {np.shape(x)}"
        )
    n_components = fitted if n_components is None else n_components
    checks.integer("n_components", n_components)
    if n_components > fitted:
        raise ValueError(
            f"n_components must be from 1 to {fitted}, as were fitted. "
            f"Received: n_components={n_components}"
        )
    components = pca.components_[:n_components]
    x_hat = (flat - pca.mean_) @ components.T @ components + pca.mean_
    return _clip(x_hat, clip).reshape(np.shape(x))


def principal_angles(a, b):
    """Angles between the subspaces that the columns of two matrices span. Lesson 02.

    Args:
        a: Matrix of shape `(dimensions, k)`.
        b: Matrix of shape `(dimensions, l)`.

    Returns:
        float64 array of angles in degrees, largest first: all 0 where one subspace
        holds the other. As many as the smaller subspace has dimensions: `min(k, l)`
        where all columns are linearly independent, fewer where they are not, as with
        a dead unit.

    Raises:
        ValueError: If `a` and `b` are no matrices of as many rows, hold NaN or infinite
            values, or one of them is all 0 and spans nothing.

    Example:
        >>> plane = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]])
        >>> line = np.array([[1.0], [0.0], [1.0]])
        >>> principal_angles(plane, line).round(6)
        array([45.])

    Reference: Björck and Golub, 1973, "Numerical methods for computing angles between
    linear subspaces", Mathematics of Computation 27, 579-594.
    """
    matrices = []
    for argument, matrix in (("a", a), ("b", b)):
        matrix = np.asarray(matrix, "float64")
        if matrix.ndim != 2 or not matrix.any():
            raise ValueError(
                f"{argument} must be a matrix of shape (dimensions, k), not all 0. "
                f"Received: {argument} of shape {matrix.shape}"
            )
        checks.finite(argument, matrix)
        matrices.append(matrix)
    a, b = matrices
    if len(a) != len(b):
        raise ValueError(
            "a and b must have as many rows. Received: a of shape "
            f"{a.shape}, b of shape {b.shape}"
        )
    return np.degrees(linalg.subspace_angles(a, b))


@dataclass(frozen=True)
class Restorer:
    """A tuned rival that repairs images: `tune_filter`, `ridge_restorer`. Lesson 04.

    Formula: clip(gain * restore(x) + offset).

    Args:
        name: String that names the method and its setting.
        restore: Function of an array of images and of the array of known pixels, or
            None: the images before gain and offset.
        gain: Float.
        offset: Float, in units of the images.
        clip: Pair `(low, high)`, or None.
        mse: Float, error on the validation images, over the pixels that were repaired.

    Example:
        >>> halved = Restorer("halved", lambda x, known: x / 2, 1.0, 0.25, (0, 1), 0.0)
        >>> print(halved)
        halved, gain 1, offset 0.25
        >>> halved.apply(np.ones((1, 2, 2, 1))).ravel()
        array([0.75, 0.75, 0.75, 0.75], dtype=float32)
    """

    name: str
    restore: Callable
    gain: float
    offset: float
    clip: tuple | None
    mse: float

    def __str__(self):
        return f"{self.name}, gain {self.gain:.3g}, offset {self.offset:.3g}"

    def apply(self, x, known=None):
        """Repair images.

        Args:
            x: Array of corrupted images, shape `(n, height, width, channels)`.
            known: Boolean array, true where a pixel of `x` was not corrupted, of the
                shape of `x` or with one channel: such pixels are kept. Default: none is
                known to be intact.

        Returns:
            float32 array of the shape of `x`.

        Raises:
            ValueError: If `x` holds no images, or `known` does not match.
        """
        x = checks.images("x", x, -np.inf, np.inf)
        known = _check_known(known, x)
        restored = self.gain * self.restore(x, known) + self.offset
        restored = _clip(restored, self.clip).astype("float32")
        return restored if known is None else np.where(known, x, restored)


def tune_filter(noisy, clean, filters=None, known=None, clip=(0, 1)):
    """The best classical filter, with the gain and offset that suit it. Lesson 04.

    Filters average, so they neither remove the grey that clipped noise leaves on black
    pixels nor restore the brightness that masking takes. A gain and an offset after
    the filter do both. They are fitted for each candidate by `fit_gain_offset`, and the
    candidate of the lowest mean squared error wins.

    Args:
        noisy: Array of corrupted validation images, shape `(n, height, width,
            channels)`. A few hundred are enough.
        clean: Array of the same images, clean.
        filters: Dict from a kind to a sequence of its settings: `"gaussian"`, standard
            deviations in pixels; `"median"`, odd sides of the window; `"wiener"`, pairs
            of an odd side and the power of the noise; `"normalised convolution"`, which
            needs `known`, standard deviations. Default: `FILTERS`, and with `known`
            `FILTERS_WITH_KNOWN` as well.
        known: Boolean array, true where a pixel of `noisy` is known to be intact, of
            the shape of `noisy` or with one channel: such pixels are kept, whatever the
            filter, and the others are to be filled. Default: none is known.
        clip: Pair `(low, high)` that the result is clipped to, or None.

    Returns:
        A `Restorer`: `name`, `gain`, `offset`, `mse` and `apply(x, known=None)`.

    Raises:
        ValueError: If the arrays do not match, a kind is unknown or a setting is out
            of range.

    Example:
        >>> clean = np.zeros((8, 12, 12, 1))
        >>> clean[:, 4:8] = 1
        >>> noise = np.random.default_rng(0).normal(0, 0.5, clean.shape)
        >>> noisy = (clean + noise).clip(0, 1)
        >>> best = tune_filter(noisy, clean, {"gaussian": (0.5, 1.0), "median": (3,)})
        >>> best.name, best.mse < 0.5 * float(np.square(noisy - clean).mean())
        ('Gaussian filter, sigma 1', True)

    Reference: Knutsson and Westin, 1993, "Normalized and differential convolution",
    CVPR, 515-523, on filters for images with missing pixels.
    """
    noisy = checks.images("noisy", noisy, -np.inf, np.inf)
    if filters is None:
        filters = FILTERS if known is None else FILTERS | FILTERS_WITH_KNOWN
    candidates = []
    for kind, settings in filters.items():
        checks.choice("a kind of filters", kind, tuple(_MAKERS))
        if kind in FILTERS_WITH_KNOWN and known is None:
            raise ValueError(
                f"The filter {kind!r} needs known: a boolean array, true where a pixel "
                "is intact."
            )
        candidates += [_MAKERS[kind](setting) for setting in settings]
    return _best(candidates, noisy, clean, known, clip)


def ridge_restorer(
    noisy,
    clean,
    noisy_val,
    clean_val,
    alphas=(1, 3, 10, 30, 100, 300, 1000, 3000, 10_000),
    known_val=None,
    clip=(0, 1),
):
    """The best linear map from corrupted to clean images, tuned. Lesson 04.

    Ridge regression of all clean pixels on all corrupted ones. The weight of its
    penalty is chosen on validation images, together with a gain and an offset: a linear
    map that overshoots and is clipped does better than one that does not.

    Formula: minimises, over the training images, |clean - noisy W - b|^2 + alpha |W|^2.

    Args:
        noisy: Array of corrupted training images, shape `(n, height, width, channels)`.
        clean: Array of the same images, clean.
        noisy_val: Array of corrupted validation images, `(m, height, width, channels)`.
        clean_val: Array of the same images, clean.
        alphas: Sequence of floats above 0 to choose from.
        known_val: Boolean array, true where a pixel of `noisy_val` is known to be
            intact, as in `tune_filter`.
        clip: Pair `(low, high)` that the result is clipped to, or None.

    Returns:
        A `Restorer`: `name`, `gain`, `offset`, `mse` and `apply(x, known=None)`.

    Raises:
        ValueError: If the arrays do not match, an alpha is not positive, or an image
            has more than 6,000 values: restore patches then.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> clean = rng.random((300, 4, 1, 1)).repeat(4, axis=2)  # rows of one grey
        >>> noisy = clean + rng.normal(0, 0.3, clean.shape)
        >>> ridge = ridge_restorer(noisy[:200], clean[:200], noisy[200:], clean[200:])
        >>> ridge.mse < 0.3**2 / 3  # it averages four pixels
        True
    """
    _check_same("noisy", noisy, "clean", clean)
    noisy_val = checks.images("noisy_val", noisy_val, -np.inf, np.inf)
    inputs = _flat_images("noisy", noisy)
    targets = _flat_images("clean", clean)
    if inputs.shape[1] > _LARGEST_RIDGE:
        raise ValueError(
            f"noisy must hold images of at most {_LARGEST_RIDGE} values: cut them into "
            f"patches. Received: noisy of shape {np.shape(noisy)}"
        )
    if inputs.shape[1] != noisy_val[0].size:
        raise ValueError(
            "noisy and noisy_val must hold images of one size. Received: noisy of "
            f"shape {np.shape(noisy)}, noisy_val of shape {noisy_val.shape}"
        )
    for alpha in alphas:
        checks.positive("an alpha", alpha)
    input_mean = inputs.mean(axis=0, dtype="float64")
    target_mean = targets.mean(axis=0, dtype="float64")
    gram, moments = 0.0, 0.0
    for start in range(0, len(inputs), 4096):  # float64 copies stay small
        a = inputs[start : start + 4096] - input_mean
        gram += a.T @ a
        moments += a.T @ (targets[start : start + 4096] - target_mean)
    # One decomposition serves every alpha: (gram + alpha I)^-1 is vectors
    # / (values + alpha) vectors^T.
    values, vectors = linalg.eigh(gram)
    moments = vectors.T @ moments

    def candidate(alpha):
        weights = vectors @ (moments / (values + alpha)[:, None])
        bias = target_mean - input_mean @ weights
        weights, bias = weights.astype("float32"), bias.astype("float32")

        def restore(x, known):
            return (x.reshape(len(x), -1) @ weights + bias).reshape(x.shape)

        return f"ridge regression, alpha {alpha:g}", restore

    return _best(map(candidate, alphas), noisy_val, clean_val, known_val, clip)


def fit_gain_offset(estimate, target, clip=(0, 1)):
    """The gain and offset that bring an estimate nearest to its target. Lesson 04.

    Formula: minimises mean((clip(gain * estimate + offset) - target)^2).

    Without clipping that is a regression line. With it a larger gain pays, because what
    overshoots is clipped again: the line is where the search (Nelder and Mead) begins.

    Args:
        estimate: Array of numbers, any shape, for example filtered images.
        target: Array of the same shape.
        clip: Pair `(low, high)` that the result will be clipped to, or None.

    Returns:
        gain: Float.
        offset: Float, in units of `target`.

    Raises:
        ValueError: If the arrays do not match or are not finite, or `clip` is no pair.

    Example:
        >>> gain, offset = fit_gain_offset([0.2, 0.3, 0.4], [0.0, 0.5, 1.0], clip=None)
        >>> round(gain, 6), round(offset, 6)
        (5.0, -1.0)
    """
    estimate = np.asarray(estimate, "float64").ravel()
    target = np.asarray(target, "float64").ravel()
    if estimate.shape != target.shape or estimate.size == 0:
        raise ValueError(
            "estimate and target must be arrays of one size, not empty. Received: "
            f"{estimate.size} and {target.size} values"
        )
    checks.finite("estimate", estimate)
    checks.finite("target", target)
    _clip(target, clip)  # Refuses what is no pair.
    mean, spread = estimate.mean(), estimate.std()
    if spread <= 1e-12 * abs(mean):
        return 0.0, float(target.mean())
    u = (estimate - mean) / spread
    line = np.array([(u * (target - target.mean())).mean(), target.mean()])
    if clip is not None:
        # About 100,000 pixels tell two numbers well enough. The same for every
        # candidate, and in units of the range, so that tolerances mean the same.
        every = -(-u.size // 2**17)
        u, t = u[::every], target[::every]
        scale = float(clip[1] - clip[0])
        line = optimize.minimize(
            lambda p: np.square(_clip(scale * (p[0] * u + p[1]), clip) - t).mean(),
            line / scale,
            method="Nelder-Mead",
            options={"xatol": 1e-4, "fatol": 1e-9 * scale**2},
        ).x
        line = line * scale
    gain = line[0] / spread
    return float(gain), float(line[1] - gain * mean)


def best_denoiser(noisy, clean, stddev):
    """The mean of clean examples, given noisy ones: the least error. Lesson 04.

    If each clean example is equally probable, and Gaussian noise is added and nothing
    clipped, this is the answer with the least mean squared error.

    Args:
        noisy: Array of shape `(n, ...)`: examples with noise.
        clean: Array of shape `(m, ...)`: all examples as they could be without noise.
        stddev: Standard deviation of the noise, above 0, in the unit of `clean`.

    Returns:
        Array of the shape of `noisy`.

    Raises:
        ValueError: If the examples are of different shapes, or if `stddev` is not
            above 0.

    Reference:
        K. Miyasawa, *An Empirical Bayes Estimator of the Mean of a Normal Population*,
        Bulletin de l'Institut international de statistique 38, 1961.

    Example:
        >>> best_denoiser(np.array([[0.0], [0.9]]), np.array([[-1.0], [1.0]]), 0.3)
        array([[0.],
               [1.]])
    """
    rows, examples = _flat_images("noisy", noisy), _flat_images("clean", clean)
    if np.shape(noisy)[1:] != np.shape(clean)[1:]:
        raise ValueError(
            "noisy and clean must hold examples of the same shape. Received: shapes "
            f"{np.shape(noisy)} and {np.shape(clean)}"
        )
    checks.positive("stddev", stddev)
    squares = euclidean_distances(rows, examples, squared=True)
    weights = special.softmax(-squares / (2 * stddev**2), axis=1)
    return (weights @ examples).reshape(np.shape(noisy))


def straighten(x):
    """Grey images, centred and made upright by their moments. Lesson 07.

    The centre of mass is brought to the middle of the image. Then rows are shifted
    sideways, in proportion to their height, until rows and columns are uncorrelated:
    that takes the slant out of handwriting. No label and no training is needed.

    Formula: slant = sum(ink * dx * dy) / sum(ink * dy^2), dx and dy from the centre of
    mass; out(row, column) = in(row + my, column + mx + slant * (row - middle)), with
    (my, mx) the way from the middle to the centre of mass, linear interpolation and 0
    outside.

    Args:
        x: Array of bright images on black, at least 0, shape `(n, height, width, 1)`.

    Returns:
        float32 array of the shape of `x`. An image without ink stays as it is; one
        whose ink lies in a single row is only centred.

    Raises:
        ValueError: If `x` holds no grey images, or negative values.

    Example:
        >>> x = np.eye(5)[None, ..., None]  # a diagonal line
        >>> straighten(x)[0, ..., 0].astype(int)
        array([[0, 0, 1, 0, 0],
               [0, 0, 1, 0, 0],
               [0, 0, 1, 0, 0],
               [0, 0, 1, 0, 0],
               [0, 0, 1, 0, 0]])
    """
    x = checks.images("x", x, low=0, high=np.inf, channels=1)
    rows = np.arange(x.shape[1]) - (x.shape[1] - 1) / 2
    columns = np.arange(x.shape[2]) - (x.shape[2] - 1) / 2
    straight = np.empty(x.shape, "float32")
    for image, out in zip(x[..., 0].astype("float64"), straight[..., 0], strict=True):
        ink = image.sum()
        if ink == 0:
            out[:] = 0
            continue
        by_row, by_column = image.sum(axis=1) / ink, image.sum(axis=0) / ink
        my, mx = by_row @ rows, by_column @ columns
        height = by_row @ (rows - my) ** 2
        slant = (rows - my) @ image @ (columns - mx) / ink / height if height else 0.0
        # affine_transform asks where each pixel of the result comes from:
        # input position = matrix @ output position + offset.
        matrix = np.array([[1.0, 0.0], [slant, 1.0]])
        offset = [my, mx - slant * (x.shape[1] - 1) / 2]
        ndimage.affine_transform(
            image, matrix, offset, output=out, order=1, mode="grid-constant"
        )
    return straight


def random_features(x, n_features, seed=0):
    """What an untrained dense layer makes of images. Lesson 05.

    Formula: relu(x W), with W uniform as Glorot and Bengio (2010) start a layer, up to
    sqrt(6 / (values per image + n_features)) either way. It is the control for every
    learned code of its size: many random features can be read well, too.

    Args:
        x: Array of images, shape `(n, ...)`.
        n_features: Integer from 1, number of units.
        seed: Integer, of the weights: equal seeds give equal layers, so that training
            and test images meet the same.

    Returns:
        float32 array of shape `(n, n_features)`.

    Raises:
        ValueError: If `x` is empty or not finite, or a number is out of range.

    Example:
        >>> z = random_features(np.ones((2, 28, 28, 1)), 1000, seed=0)
        >>> z.shape, bool(0.4 < (z > 0).mean() < 0.6), bool((z[0] == z[1]).all())
        ((2, 1000), True, True)

    Reference: Glorot and Bengio, 2010, "Understanding the difficulty of training deep
    feedforward neural networks", AISTATS.
    """
    flat = _flat_images("x", x).astype("float32")
    checks.integer("n_features", n_features)
    rng = np.random.default_rng(checks.seed("seed", seed))
    limit = np.sqrt(6 / (flat.shape[1] + n_features))
    weights = rng.uniform(-limit, limit, (flat.shape[1], n_features))
    return np.maximum(flat @ weights.astype("float32"), 0)


@dataclass(frozen=True)
class Sampler:
    """A mixture of Gaussians to draw codes or images from. Lesson 06.

    `gaussian_sampler`, `mixture_sampler` and `pca_sampler` make it.

    Args:
        weights: Array of shape `(k,)`, probability of each component.
        means: Array of shape `(k, units)`.
        covariances: Array of shape `(k, units, units)`.
        shape: Shape of one code.
        decode: Function from codes to images, or None where codes are wanted.
    """

    weights: np.ndarray
    means: np.ndarray
    covariances: np.ndarray
    shape: tuple
    decode: Callable | None = None

    def sample(self, n, seed=0):
        """Draw codes, or images where the sampler can decode.

        Args:
            n: Integer from 1.
            seed: Integer, of the draws.

        Returns:
            float32 array of shape `(n, *shape)`, or of n images, in random order.

        Raises:
            ValueError: If a number is out of range.
        """
        checks.integer("n", n)
        rng = np.random.default_rng(checks.seed("seed", seed))
        drawn = rng.choice(len(self.weights), size=n, p=self.weights)
        eps = rng.normal(size=(n, self.means.shape[1]))
        z = np.empty_like(eps)
        for k in np.unique(drawn):
            factor = np.linalg.cholesky(self.covariances[k])
            z[drawn == k] = self.means[k] + eps[drawn == k] @ factor.T
        z = z.reshape(n, *self.shape).astype("float32")
        return z if self.decode is None else self.decode(z)


def gaussian_sampler(z):
    """A Gaussian that has the mean and the covariance of codes. Lesson 06.

    Args:
        z: Array of codes, shape `(n, ...)`, n at least 2.

    Returns:
        A `Sampler`: `sample(n, seed)` draws codes.

    Raises:
        ValueError: If there are fewer than two codes, or they are not finite.

    Example:
        >>> z = np.random.default_rng(0).normal([3.0, -3.0], [0.1, 2.0], (5000, 2))
        >>> drawn = gaussian_sampler(z).sample(5000, seed=1)
        >>> bool(np.allclose(drawn.mean(axis=0), [3, -3], atol=0.1))
        True
    """
    return mixture_sampler(z, n_components=1)


def mixture_sampler(z, n_components=20, seed=0):
    """A mixture of Gaussians, each with its own covariance, on codes. Lesson 06.

    The honest rival of a variational autoencoder: with it the code of a plain
    autoencoder can be drawn from, too.

    Args:
        z: Array of codes, shape `(n, ...)`, n at least 2. Some thousand codes are
            enough for 20 components of 32 units; the time grows with their number.
        n_components: Integer from 1 to n.
        seed: Integer, of the k-means that EM starts from.

    Returns:
        A `Sampler`: `sample(n, seed)` draws codes.

    Raises:
        ValueError: If there are too few codes, or they are not finite.

    Example:
        >>> z = np.array([0.0, 0.1, 9.9, 10.0])[:, None]  # two clusters, a gap between
        >>> drawn = mixture_sampler(z, n_components=2).sample(100, seed=0)
        >>> bool(((drawn > 1) & (drawn < 9)).any())
        False

    Reference: Ghosh et al., 2020, "From variational to deterministic autoencoders",
    ICLR, arXiv:1903.12436.
    """
    flat = checks.codes("z", z)
    checks.integer("n_components", n_components)
    checks.seed("seed", seed)
    if len(flat) < max(2, n_components):
        raise ValueError(
            f"z must hold {max(2, n_components)} codes or more for n_components="
            f"{n_components}. Received: z of shape {np.shape(z)}"
        )
    # To deviations around 1, so that 1e-6 is little beside every variance.
    mean, scale = flat.mean(axis=0), flat.std() or 1.0
    mixture = GaussianMixture(n_components, max_iter=200, random_state=seed)
    with threadpool_limits(1):
        mixture.fit((flat - mean) / scale)
    return Sampler(
        weights=mixture.weights_ / mixture.weights_.sum(),
        means=mixture.means_ * scale + mean,
        covariances=mixture.covariances_ * scale**2,
        shape=np.shape(z)[1:],
    )


def pca_sampler(x, n_components, n_gaussians=1, clip=(0, 1), seed=0):
    """Images drawn from a Gaussian, or a mixture, on their PCA code. Lesson 06.

    Args:
        x: Array of training images, shape `(n, ...)`.
        n_components: Integer, size of the PCA code.
        n_gaussians: Integer, components of the mixture.
        clip: Pair `(low, high)` that the images are clipped to, or None.
        seed: Integer, of the mixture's start.

    Returns:
        A `Sampler`: `sample(n, seed)` draws images of the shape of `x[0]`.

    Raises:
        ValueError: As `fit_pca` and `mixture_sampler`.

    Example:
        >>> x = np.random.default_rng(0).random((100, 4, 4, 1))
        >>> pca_sampler(x, n_components=3).sample(10, seed=0).shape
        (10, 4, 4, 1)
    """
    pca = fit_pca(x, n_components, seed)
    codes = mixture_sampler(pca.transform(_flat_images("x", x)), n_gaussians, seed)

    def decode(z):
        images = _clip(z @ pca.components_ + pca.mean_, clip)
        return images.reshape(len(z), *np.shape(x)[1:]).astype("float32")

    return Sampler(codes.weights, codes.means, codes.covariances, codes.shape, decode)


def _gaussian(sigma):
    checks.positive("a sigma", sigma)

    def restore(x, known):
        return _blur(x, sigma)

    return f"Gaussian filter, sigma {sigma:g}", restore


def _median(size):
    _check_window(size)

    def restore(x, known):
        return ndimage.median_filter(x, (1, size, size, 1))

    return f"median filter, {size} x {size}", restore


def _wiener(setting):
    if not isinstance(setting, (tuple, list)) or len(setting) != 2:
        raise ValueError(
            "A setting of 'wiener' must be a pair (side, power of the noise). "
            f"Received: {setting!r}"
        )
    size, power = setting
    _check_window(size)
    checks.positive("a power", power)

    def restore(x, known):
        # The less a window varies beyond the noise, the nearer to its mean.
        x = x.astype("float64")
        window = (1, size, size, 1)
        mean = ndimage.uniform_filter(x, window, mode="constant")
        variance = ndimage.uniform_filter(x**2, window, mode="constant") - mean**2
        excess = np.maximum(variance - power, 0)
        return mean + excess / np.maximum(variance, power) * (x - mean)

    return f"Wiener filter, {size} x {size}, noise {power:g}", restore


def _normalised_convolution(sigma):
    checks.positive("a sigma", sigma)

    def restore(x, known):
        if known is None:
            raise ValueError(
                "known is missing: normalised convolution needs the mask of the pixels "
                "that were not lost. Hand it over as apply(x, known)."
            )
        # The weighted mean of the known pixels alone; 0 where none is near.
        weight = _blur(known.astype("float64"), sigma)
        total = _blur(np.where(known, x, 0.0), sigma)
        return np.divide(total, weight, out=np.zeros(x.shape), where=weight > 1e-12)

    return f"normalised convolution, sigma {sigma:g}", restore


_MAKERS = {
    "gaussian": _gaussian,
    "median": _median,
    "wiener": _wiener,
    "normalised convolution": _normalised_convolution,
}


def _blur(x, sigma):
    return ndimage.gaussian_filter(x, (0, sigma, sigma, 0))


def _best(candidates, noisy, clean, known, clip):
    """The candidate of the lowest error after gain, offset and clipping."""
    _check_same("noisy images", noisy, "clean images", clean)
    clean = checks.images("clean images", clean, -np.inf, np.inf)
    known = _check_known(known, noisy)
    asked = np.s_[:] if known is None else ~known
    if known is not None and known.all():
        raise ValueError("known must leave a pixel to restore: all are known.")
    best = None
    for name, restore in candidates:
        estimate, target = restore(noisy, known)[asked], clean[asked]
        gain, offset = fit_gain_offset(estimate, target, clip)
        error = np.square(_clip(gain * estimate + offset, clip) - target).mean()
        if best is None or error < best.mse:
            best = Restorer(name, restore, gain, offset, clip, float(error))
    if best is None:
        raise ValueError("filters or alphas must hold a setting. Received: none")
    return best


def _flat_images(argument, x):
    """Images as a matrix, one in a row, in their own floating-point type."""
    x = np.asarray(x)
    if x.ndim < 2 or x.size == 0:
        raise ValueError(
            f"{argument} must hold images in shape (n, ...), n at least 1. "
            f"Received: {argument} of shape {x.shape}"
        )
    checks.finite(argument, x)
    if x.dtype not in ("float32", "float64"):
        x = x.astype("float32")
    return x.reshape(len(x), -1)


def _check_same(name, x, other_name, y):
    if np.shape(x) != np.shape(y):
        raise ValueError(
            f"{name} and {other_name} must be the same images. Received: shapes "
            f"{np.shape(x)} and {np.shape(y)}"
        )


def _check_known(known, x):
    if known is None:
        return None
    known = np.asarray(known)
    shapes = (x.shape, (*x.shape[:3], 1))
    if known.dtype != bool or known.shape not in shapes:
        raise ValueError(
            f"known must be a boolean array of shape {' or '.join(map(str, shapes))}, "
            "true where a pixel is intact. "
            f"Received: dtype {known.dtype}, shape {known.shape}"
        )
    return np.broadcast_to(known, x.shape)


def _check_window(size):
    checks.integer("the side of a window", size)
    if size % 2 == 0:
        raise ValueError(f"The side of a window must be odd. Received: {size}")


def _clip(x, clip):
    """`x`, clipped to a pair (low, high), if there is one."""
    if clip is None:
        return x
    if not isinstance(clip, (tuple, list)) or len(clip) != 2 or not clip[0] < clip[1]:
        raise ValueError(
            "clip must be a pair (low, high), such as (0, 1), or None. "
            f"Received: clip={clip!r}"
        )
    return np.clip(x, clip[0], clip[1])
