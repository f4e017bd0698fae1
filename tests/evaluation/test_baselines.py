"""Baselines against brute force, closed forms and scikit-learn."""

import numpy as np
import pytest
from scipy import ndimage, signal, stats
from sklearn.linear_model import Ridge

from aelab import evaluation
from aelab.evaluation import baselines


def test_pca_matches_the_singular_value_decomposition():
    """Far from 0 as well, in float32, where a covariance by products loses digits."""
    rng = np.random.default_rng(1)
    spread = rng.normal(size=(50, 6, 2, 1)) * np.arange(1, 7).reshape(6, 1, 1)
    for x, tolerance in ((spread, 1e-8), ((spread + 1e4).astype("float32"), 0.01)):
        mean = x.reshape(50, 12).mean(axis=0, dtype="float64")
        u, s, vt = np.linalg.svd(x.reshape(50, 12) - mean, full_matrices=False)
        pca = evaluation.fit_pca(x, 5)
        for k in (1, 3, 5):
            best = (u[:, :k] * s[:k]) @ vt[:k] + mean
            found = evaluation.pca_reconstruct(pca, x, k)
            assert found.shape == x.shape
            np.testing.assert_allclose(found.reshape(50, 12), best, atol=tolerance)
        default = evaluation.pca_reconstruct(pca, x)
        np.testing.assert_array_equal(default, found)


def test_clipping_brings_pca_nearer():
    rng = np.random.default_rng(2)
    x = np.round(rng.random((200, 8, 8, 1)))
    pca = evaluation.fit_pca(x, 10)
    free = evaluation.pca_reconstruct(pca, x)
    clipped = evaluation.pca_reconstruct(pca, x, clip=(0, 1))
    np.testing.assert_array_equal(clipped, free.clip(0, 1))
    assert evaluation.mse(x, clipped) < evaluation.mse(x, free)


def test_pca_of_many_pixels_is_nearly_as_good_and_repeatable(monkeypatch):
    """It is randomised, with a seed: here above 100 values instead of 2,000."""
    monkeypatch.setattr(baselines, "_EXACT_PCA", 100)
    rng = np.random.default_rng(3)
    scale = np.exp(-np.arange(60) / 20)
    x = (rng.normal(size=(300, 60)) * scale) @ rng.normal(size=(60, 220))
    x = (x + 0.1 * rng.normal(size=x.shape)).reshape(300, 22, 10, 1)
    flat = x.reshape(300, -1)
    s = np.linalg.svd(flat - flat.mean(axis=0), compute_uv=False)
    best = np.square(s[20:]).sum() / x.size
    pca = evaluation.fit_pca(x, 20)
    assert pca.svd_solver == "randomized"
    error = evaluation.mse(x, evaluation.pca_reconstruct(pca, x))
    assert best <= error * (1 + 1e-9)
    assert error < 1.01 * best
    again = evaluation.fit_pca(x, 20, seed=0)
    np.testing.assert_array_equal(pca.components_, again.components_)
    # All components that there are: exact.
    whole = evaluation.fit_pca(x[:30], 30)
    np.testing.assert_allclose(evaluation.pca_reconstruct(whole, x[:30]), x[:30])


def test_pca_refuses_what_does_not_fit():
    x = np.random.default_rng(4).random((50, 12))
    for n, message in ((0, "at least 1"), (13, "from 1 to 12.*=13"), (2.0, "integer")):
        with pytest.raises(ValueError, match=message):
            evaluation.fit_pca(x, n)
    with pytest.raises(ValueError, match="x holds NaN"):
        evaluation.fit_pca(x * np.nan, 2)
    pca = evaluation.fit_pca(x, 3)
    refused = [
        ({"x": x, "n_components": 4}, "from 1 to 3, as were fitted"),
        ({"x": x[:, :5]}, r"images of 12 values.*\(50, 5\)"),
        ({"x": x, "clip": (1, 0)}, r"pair.*clip=\(1, 0\)"),
        ({"x": x, "clip": 1}, "clip=1"),
    ]
    for arguments, message in refused:
        with pytest.raises(ValueError, match=message):
            evaluation.pca_reconstruct(pca, **arguments)


def test_principal_angles_of_known_subspaces():
    plane = np.eye(3)[:, :2]
    angle = np.radians(30)
    tilted = np.array([[1, 0], [0, np.cos(angle)], [0, np.sin(angle)]])
    found = evaluation.principal_angles(plane, tilted)
    np.testing.assert_allclose(found, [30, 0], atol=1e-5)
    mixed = plane @ np.array([[1.0, 2.0], [3.0, -1.0]])
    np.testing.assert_allclose(evaluation.principal_angles(plane, mixed), 0, atol=1e-5)
    # A dead unit, or one twice, spans nothing more.
    dependent = np.column_stack([tilted, 0 * tilted[:, 0], tilted[:, 1]])
    found = evaluation.principal_angles(np.eye(3), dependent)
    np.testing.assert_allclose(found, [0, 0], atol=1e-5)
    found = evaluation.principal_angles(plane, dependent[:, 1:])
    np.testing.assert_allclose(found, [30], atol=1e-5)


def test_principal_angles_refuse_what_spans_nothing():
    refused = [
        (np.eye(3), np.zeros((3, 2)), "b must be a matrix.*not all 0"),
        (np.ones(3), np.eye(3), r"a must be a matrix.*\(3,\)"),
        (np.eye(3), np.eye(2), r"as many rows.*\(3, 3\).*\(2, 2\)"),
        (np.full((3, 3), np.inf), np.eye(3), "a holds NaN"),
    ]
    for a, b, message in refused:
        with pytest.raises(ValueError, match=message):
            evaluation.principal_angles(a, b)


def test_gain_and_offset_match_a_grid():
    rng = np.random.default_rng(5)
    target = (rng.random(4000) < 0.3).astype(float)
    estimate = 40 + 5 * target + rng.normal(0, 2, 4000)
    line = np.polyfit(estimate, target, 1)
    found = evaluation.fit_gain_offset(estimate, target, clip=None)
    np.testing.assert_allclose(found, line, rtol=1e-9)

    def error(gain, offset):
        return np.square((gain * estimate + offset).clip(0, 1) - target).mean()

    gain, offset = evaluation.fit_gain_offset(estimate, target)
    # Gains, and the value at which the line crosses one half.
    grid = [
        error(g, 0.5 - g * middle)
        for g in np.linspace(0.05, 0.5, 91)
        for middle in np.linspace(40, 46, 61)
    ]
    assert error(gain, offset) <= min(grid) + 1e-5
    assert error(gain, offset) < error(*line) - 0.01
    assert gain > 1.2 * line[0]


def test_gain_and_offset_do_not_depend_on_the_units():
    """8-bit images: the same line, 255 times as steep."""
    rng = np.random.default_rng(6)
    target = rng.random(3000)
    estimate = target + rng.normal(0, 0.5, 3000)
    gain, offset = evaluation.fit_gain_offset(estimate, target)
    large = evaluation.fit_gain_offset(estimate / 1000, 255 * target, (0, 255))
    np.testing.assert_allclose(large, (255_000 * gain, 255 * offset), rtol=1e-2)
    # An estimate that says nothing: the mean.
    found = evaluation.fit_gain_offset(np.full(3000, 0.7), target)
    np.testing.assert_allclose(found, (0, target.mean()))
    with pytest.raises(ValueError, match="3000 and 2 values"):
        evaluation.fit_gain_offset(estimate, target[:2])


def drawings(n, seed=7, side=14):
    """Smooth white shapes on black, and a generator for their noise."""
    rng = np.random.default_rng(seed)
    rough = rng.normal(size=(n, side, side, 1))
    smooth = ndimage.gaussian_filter(rough, (0, 1.5, 1.5, 0))
    return (smooth > 0.1).astype("float32"), rng


def filtered(x, kind, setting):
    """What the filters are, by SciPy."""
    if kind == "gaussian":
        return ndimage.gaussian_filter(x, (0, setting, setting, 0))
    if kind == "median":
        return ndimage.median_filter(x, (1, setting, setting, 1))
    size, power = setting
    with np.errstate(divide="ignore", invalid="ignore"):
        return signal.wiener(x.astype("float64"), (1, size, size, 1), noise=power)


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("gaussian", (0.5, 1.0, 3.0)),
        ("median", (3, 7)),
        ("wiener", ((3, 0.1), (5, 0.3))),
    ],
)
def test_the_filter_of_lowest_error_wins(kind, settings):
    clean, rng = drawings(60)
    noisy = (clean + rng.normal(0, 0.5, clean.shape)).clip(0, 1)
    found = evaluation.tune_filter(noisy, clean, {kind: settings})
    errors = []
    for setting in settings:
        estimate = filtered(noisy, kind, setting)
        gain, offset = evaluation.fit_gain_offset(estimate, clean)
        errors.append(evaluation.mse(clean, (gain * estimate + offset).clip(0, 1)))
    assert found.mse == pytest.approx(min(errors), rel=1e-6)
    assert evaluation.mse(clean, found.apply(noisy)) == pytest.approx(min(errors), 1e-5)
    assert found.mse < 0.6 * evaluation.mse(clean, noisy)


def test_gain_and_offset_undo_the_bias_of_clipped_noise():
    clean, rng = drawings(150)
    noisy = (clean + rng.normal(0, 0.5, clean.shape)).clip(0, 1)
    best = evaluation.tune_filter(noisy[:100], clean[:100])
    restored = best.apply(noisy[100:])
    assert restored.dtype == "float32"
    plain = [filtered(noisy[100:], "gaussian", s) for s in (0.6, 0.8, 1.0, 1.2)]
    best_plain = min(evaluation.mse(clean[100:], x) for x in plain)
    assert evaluation.mse(clean[100:], restored) < 0.7 * best_plain
    assert str(best) == f"{best.name}, gain {best.gain:.3g}, offset {best.offset:.3g}"


def test_known_pixels_are_kept_and_fill_the_others():
    clean, rng = drawings(80)
    known = rng.random(clean.shape) > 0.5
    masked = clean * known
    blind = evaluation.tune_filter(masked, clean)
    told = evaluation.tune_filter(masked, clean, known=known)
    assert told.name.startswith("normalised convolution")
    restored = told.apply(masked, known)
    np.testing.assert_array_equal(restored[known], clean[known])
    missing = np.square(restored - clean)[~known].mean()
    assert told.mse == pytest.approx(missing, rel=1e-5)
    assert evaluation.mse(clean, restored) < 0.7 * blind.mse
    # By the definition, at one pixel: the weighted mean of the known ones.
    one = evaluation.tune_filter(
        masked, clean, {"normalised convolution": (1.0,)}, known
    )
    away = np.arange(14)
    weights = np.exp(-((away - 6) ** 2) / 2)[:, None] * np.exp(-((away - 7) ** 2) / 2)
    weights = weights * known[0, ..., 0]
    expected = (weights * masked[0, ..., 0]).sum() / weights.sum()
    assert one.restore(masked, known)[0, 6, 7, 0] == pytest.approx(expected, abs=1e-3)
    # What stands in the missing pixels does not matter.
    garbled = np.where(known, clean, 9)
    np.testing.assert_array_equal(
        one.restore(garbled, known), one.restore(masked, known)
    )


def test_known_pixels_may_be_given_once_for_all_channels():
    clean, rng = drawings(20)
    colour = clean.repeat(3, axis=-1) * np.array([1.0, 0.5, 0.2], "float32")
    known = rng.random(clean.shape) > 0.5
    settings = {"normalised convolution": (1.0,)}
    once = evaluation.tune_filter(colour * known, colour, settings, known)
    thrice = evaluation.tune_filter(
        colour * known, colour, settings, known.repeat(3, axis=-1)
    )
    assert (once.gain, once.offset) == (thrice.gain, thrice.offset)
    nothing = np.zeros_like(known)  # no known pixel is near: no division by 0
    assert np.isfinite(once.apply(colour * 0, nothing)).all()


def test_tune_filter_refuses_what_it_cannot_tune():
    clean, _ = drawings(5)
    known = np.ones(clean.shape, bool)
    refused = [
        ({"filters": {"mean": (3,)}}, "'mean'"),
        ({"filters": {}}, "must hold a setting"),
        ({"filters": {"median": (4,)}}, "odd"),
        ({"filters": {"gaussian": (0,)}}, "a sigma must be above 0"),
        ({"filters": {"wiener": (3,)}}, "pair"),
        ({"filters": {"normalised convolution": (1,)}}, "needs known"),
        ({"clean": clean[:4]}, r"\(5, 14, 14, 1\) and \(4, 14, 14, 1\)"),
        ({"noisy": clean[0]}, r"\(n, height, width, channels\)"),
        ({"known": known[:, :3]}, "boolean array of shape"),
        ({"known": known.astype(float)}, "dtype float64"),
        ({"known": known}, "all are known"),
        ({"clip": (1, 1)}, "pair"),
    ]
    for arguments, message in refused:
        with pytest.raises(ValueError, match=message):
            evaluation.tune_filter(**{"noisy": clean, "clean": clean, **arguments})


def test_ridge_matches_scikit_learn():
    clean, rng = drawings(700, side=8)
    noisy = clean + rng.normal(0, 0.7, clean.shape)
    alphas = (0.1, 30, 1000)
    found = evaluation.ridge_restorer(
        noisy[:500], clean[:500], noisy[500:], clean[500:], alphas
    )
    errors = []
    for alpha in alphas:
        ridge = Ridge(alpha=alpha)
        ridge.fit(noisy[:500].reshape(500, -1), clean[:500].reshape(500, -1))
        estimate = ridge.predict(noisy[500:].reshape(200, -1)).reshape(-1, 8, 8, 1)
        gain, offset = evaluation.fit_gain_offset(estimate, clean[500:])
        restored = (gain * estimate + offset).clip(0, 1)
        errors.append(evaluation.mse(clean[500:], restored))
        if found.name == f"ridge regression, alpha {alpha:g}":
            np.testing.assert_allclose(found.apply(noisy[500:]), restored, atol=2e-3)
    assert found.mse == pytest.approx(min(errors), rel=1e-4)
    assert errors.index(min(errors)) == 1


def test_ridge_refuses_what_does_not_match():
    x = np.random.default_rng(8).random((9, 4, 4, 1))
    large = np.zeros((2, 80, 80, 1))
    refused = [
        ({"clean": x[:8]}, "noisy and clean must be the same images"),
        ({"clean_val": x[:8]}, "must be the same images"),
        ({"noisy_val": x[:, :3], "clean_val": x[:, :3]}, "of one size"),
        ({"alphas": (0,)}, "an alpha must be above 0"),
        ({"alphas": ()}, "must hold a setting"),
        ({"noisy": large, "clean": large}, "at most 6000 values.*patches"),
        ({"noisy": x * np.nan}, "noisy holds NaN"),
    ]
    plain = {"noisy": x, "clean": x, "noisy_val": x, "clean_val": x}
    for arguments, message in refused:
        with pytest.raises(ValueError, match=message):
            evaluation.ridge_restorer(**{**plain, **arguments})


def moments(image):
    """Centre of mass, and the covariance of row and column, by loops."""
    points = [(i, j, v) for (i, j), v in np.ndenumerate(image)]
    total = sum(v for *_, v in points)
    row = sum(i * v for i, _, v in points) / total
    column = sum(j * v for _, j, v in points) / total
    mixed = sum((i - row) * (j - column) * v for i, j, v in points) / total
    return row, column, mixed


def test_straightened_images_are_centred_and_upright():
    i, j = np.mgrid[:31, :27]
    leaning = [
        np.exp(-(((i - 12) / 4) ** 2 + ((j - 15 - lean * (i - 12)) / 1.5) ** 2))
        for lean in (-0.6, 0.0, 0.4)
    ]
    x = np.array(leaning)[..., None]
    found = evaluation.straighten(x)
    assert found.shape == x.shape
    assert found.dtype == "float32"
    for image in found[..., 0]:
        row, column, mixed = moments(image)
        assert (row, column) == pytest.approx((15, 13), abs=0.02)
        assert mixed == pytest.approx(0, abs=0.02)
        # However it leaned and wherever it stood, it is the same afterwards.
        np.testing.assert_allclose(image, found[1, ..., 0], atol=0.1)


def test_straightening_leaves_an_upright_image_alone():
    x = np.zeros((3, 9, 9, 1))
    x[0, 3:6, 4] = 1  # centred, upright
    x[1, 4, 2:7] = 1  # a single row: it has no slant
    np.testing.assert_array_equal(evaluation.straighten(x), x.astype("float32"))
    with pytest.raises(ValueError, match="1 channel"):
        evaluation.straighten(x.repeat(3, axis=-1))
    with pytest.raises(ValueError, match="x must lie in"):
        evaluation.straighten(x - 1)


def test_random_features_are_an_untrained_layer():
    x = np.random.default_rng(9).random((40, 6, 5, 1))
    z = evaluation.random_features(x, 2000, seed=1)
    assert z.shape == (40, 2000)
    assert z.dtype == "float32"
    # The weights of the layer, read off by images with a single white pixel.
    pixels = np.eye(30).reshape(30, 6, 5, 1)
    weights = evaluation.random_features(pixels, 2000, seed=1)
    weights -= evaluation.random_features(-pixels, 2000, seed=1)
    np.testing.assert_allclose(
        z, (x.reshape(40, 30) @ weights).clip(min=0), rtol=1e-4, atol=1e-5
    )
    limit = np.sqrt(6 / 2030)
    uniform = stats.uniform(-limit, 2 * limit)
    assert stats.kstest(weights.ravel(), uniform.cdf).pvalue > 0.01
    assert not np.allclose(z, evaluation.random_features(x, 2000, seed=2))
    with pytest.raises(ValueError, match="n_features"):
        evaluation.random_features(x, 0)


def test_a_gaussian_has_the_moments_of_the_codes():
    """Of codes with a shape, far apart in scale, one unit dead."""
    rng = np.random.default_rng(10)
    mixing = np.array([[1.0, 0.8, 0.0], [0.0, 0.6, 0.0], [0.0, 0.0, 0.1]])
    flat = np.column_stack([rng.normal(size=(4000, 3)) @ mixing, np.full(4000, 7.0)])
    flat = 1e-4 * flat + 5
    sampler = evaluation.gaussian_sampler(flat.reshape(4000, 2, 2))
    np.testing.assert_allclose(sampler.means[0], flat.mean(axis=0))
    covariance = np.cov(flat.T, bias=True)
    np.testing.assert_allclose(sampler.covariances[0], covariance, atol=1e-12)
    drawn = sampler.sample(4000, seed=3)
    assert drawn.shape == (4000, 2, 2)
    assert drawn.dtype == "float32"
    np.testing.assert_array_equal(drawn, sampler.sample(4000, seed=3))
    assert (drawn != sampler.sample(4000, seed=4)).any()
    found = np.cov(drawn.reshape(4000, 4).T.astype("float64"))
    np.testing.assert_allclose(found, covariance, atol=0.1e-8)


def test_a_mixture_finds_what_codes_were_drawn_from():
    rng = np.random.default_rng(11)
    component = rng.choice(2, size=6000, p=[0.3, 0.7])
    means = np.array([[0.0, 0.0], [6.0, 1.0]])
    wide = np.array([[1.0, 0.2], [0.5, 2.0]])
    z = means[component] + rng.normal(size=(6000, 2)) * wide[component]
    sampler = evaluation.mixture_sampler(z, 2, seed=0)
    order = np.argsort(sampler.weights)
    np.testing.assert_allclose(sampler.weights[order], [0.3, 0.7], atol=0.02)
    np.testing.assert_allclose(sampler.means[order], means, atol=0.1)
    variances = np.diagonal(sampler.covariances[order], axis1=1, axis2=2)
    np.testing.assert_allclose(variances, wide**2, rtol=0.1, atol=0.02)
    drawn = sampler.sample(6000, seed=1)
    for unit in range(2):
        assert stats.ks_2samp(drawn[:, unit], z[:, unit]).pvalue > 0.01
    # In random order: the first half is as mixed as the second.
    assert abs((drawn[:3000, 0] > 3).mean() - (drawn[3000:, 0] > 3).mean()) < 0.06


def test_pca_sampler_draws_images_from_the_first_components():
    clean, _ = drawings(400, side=6)
    sampler = evaluation.pca_sampler(clean, 5, clip=None)
    drawn = sampler.sample(3000, seed=0)
    assert drawn.shape == (3000, 6, 6, 1)
    pca = evaluation.fit_pca(clean, 5)
    found = drawn.reshape(3000, 36)
    back = evaluation.pca_reconstruct(pca, drawn)
    np.testing.assert_allclose(back, drawn, atol=1e-5)  # nothing else is in them
    np.testing.assert_allclose(found.mean(0), pca.mean_, atol=0.03)
    variance = pca.transform(found).var(axis=0)
    np.testing.assert_allclose(variance, pca.explained_variance_, rtol=0.15)
    clipped = evaluation.pca_sampler(clean, 5).sample(100)
    assert (clipped.min(), clipped.max()) == (0, 1)


def test_samplers_refuse_what_they_cannot_fit_or_draw():
    z = np.random.default_rng(12).random((10, 3))
    refused = [
        (lambda: evaluation.gaussian_sampler(z[:1]), "2 codes or more"),
        (lambda: evaluation.mixture_sampler(z, 11), "11 codes or more"),
        (lambda: evaluation.mixture_sampler(z, 0), "n_components"),
        (lambda: evaluation.mixture_sampler(z * np.nan, 2), "z holds NaN"),
        (lambda: evaluation.gaussian_sampler(z).sample(0), "n must be an integer"),
        (lambda: evaluation.gaussian_sampler(z).sample(1, seed=-1), "seed"),
    ]
    for call, message in refused:
        with pytest.raises(ValueError, match=message):
            call()


def test_no_denoiser_errs_less_than_the_best_one():
    rng = np.random.default_rng(0)
    clean = rng.normal(size=(5, 2, 3))
    drawn = clean[rng.integers(0, 5, size=20_000)]
    noisy = drawn + 0.7 * rng.normal(size=drawn.shape)
    best = evaluation.best_denoiser(noisy, clean, 0.7)
    # By the sum that defines it, and against the same with other levels and shrinking.
    weights = np.exp(-((noisy[:9, None] - clean) ** 2).sum(axis=(2, 3)) / (2 * 0.49))
    by_hand = np.einsum("nm,mij->nij", weights, clean) / weights.sum(1)[:, None, None]
    np.testing.assert_allclose(best[:9], by_hand, rtol=1e-6)
    error = np.mean((best - drawn) ** 2)
    for stddev in (0.4, 0.6, 0.8, 1.2):
        other = evaluation.best_denoiser(noisy, clean, stddev)
        assert error < np.mean((other - drawn) ** 2)
    assert error < np.mean((0.95 * best - drawn) ** 2)
    # Far away, where every weight is 0 in floating point, the nearest one remains.
    far = evaluation.best_denoiser(clean[:1] + 1e4, clean, 0.1)
    assert np.isfinite(far).all()
    with pytest.raises(ValueError, match="same shape"):
        evaluation.best_denoiser(noisy, clean[:, :1], 0.7)
    with pytest.raises(ValueError, match="stddev must be above 0"):
        evaluation.best_denoiser(noisy, clean, 0)


def test_the_default_filters_are_those_that_can_be_made():
    kinds = baselines.FILTERS | baselines.FILTERS_WITH_KNOWN
    assert set(kinds) == set(baselines._MAKERS)


def test_a_filter_of_known_pixels_says_that_it_needs_them():
    clean = np.random.default_rng(0).random((3, 8, 8, 1))
    known = np.ones(clean.shape, bool)
    known[0, 4, 4] = False
    only = {"normalised convolution": (1.0,)}
    restorer = evaluation.tune_filter(clean, clean, only, known)
    with pytest.raises(ValueError, match="known is missing"):
        restorer.apply(clean)
