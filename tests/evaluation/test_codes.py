"""Probes, sparse counts, Jacobians and likelihoods against theory."""

import types
import warnings

import numpy as np
import pytest
from scipy import optimize, stats
from sklearn.exceptions import ConvergenceWarning

from aelab import evaluation


def blobs(n, spread, seed=8, units=4):
    """Codes of `n` examples of each of three classes around corners of a cube."""
    centres = np.eye(3, units)
    y = np.repeat([3, 5, 7], n)
    noise = np.random.default_rng(seed).normal(0, spread, (3 * n, units))
    return centres.repeat(n, axis=0) + noise, y


def test_probe_has_the_accuracy_that_theory_gives():
    """Two normals at +1 and -1: the normal distribution's value at 1, 0.8413."""
    rng = np.random.default_rng(10)
    y = rng.integers(0, 2, 40_000)
    z = (2 * y - 1 + rng.normal(size=y.shape))[:, None]
    found = evaluation.linear_probe(z[::2], y[::2], z[1::2], y[1::2])
    assert found == pytest.approx(0.8413, abs=0.01)


def test_probe_finds_nothing_where_nothing_is():
    """More units than codes: on the training codes, the same probe is perfect."""
    rng = np.random.default_rng(11)
    z, y = rng.normal(size=(1100, 200)), rng.integers(0, 2, 1100)
    probe = evaluation.fit_probe(z[:100], y[:100])
    assert probe.accuracy(z[:100], y[:100]) == 1
    assert probe.accuracy(z[100:], y[100:]) == pytest.approx(0.5, abs=0.06)


def test_probe_ignores_scale_shift_and_shape():
    (z, y), (z_test, y_test) = blobs(200, 0.6), blobs(200, 0.6, seed=13)
    plain = evaluation.linear_probe(z, y, z_test, y_test)
    assert 0.6 < plain < 0.95
    scale, shift = np.array([1e-4, 1, 30, 1e4]), np.array([0, 1e-3, 5, 1e4])
    moved = evaluation.linear_probe(
        z * scale + shift, y, z_test * scale + shift, y_test
    )
    assert moved == plain
    square = [codes.reshape(-1, 2, 2) for codes in (z, z_test)]
    assert evaluation.linear_probe(square[0], y, square[1], y_test) == plain


def test_probe_takes_its_scale_from_the_training_codes_alone():
    """An outlier among the test codes changes no other test code's answer."""
    (z, y), (z_test, y_test) = blobs(100, 0.4), blobs(100, 0.4, seed=14)
    probe = evaluation.fit_probe(z, y)
    outliers = z_test + 1000 * (np.arange(300)[:, None] % 2)
    np.testing.assert_array_equal(
        probe.predict(outliers)[::2], probe.predict(outliers[::2])
    )
    assert probe.accuracy(outliers[::2], y_test[::2]) > 0.8
    by_hand = np.mean([p == t for p, t in zip(probe.predict(z), y, strict=True)])
    assert probe.accuracy(z, y) == by_hand


def test_probe_minimises_the_penalised_likelihood():
    """For two classes that is one weight and one bias: minimised here without it."""
    rng = np.random.default_rng(15)
    y = np.repeat([0, 1], [25, 15])
    z = y + rng.normal(size=40)
    u, sign = (z - z.mean()) / z.std(), 2 * y - 1
    for l2 in (1.0, 30.0):
        probe = evaluation.fit_probe(z[:, None], y, l2).pipeline[-1]
        best = optimize.minimize(
            lambda p, l2=l2: (
                np.log1p(np.exp(-sign * (p[0] * u + p[1]))).sum() + l2 / 2 * p[0] ** 2
            ),
            [0.0, 0.0],
        )
        found = [probe.coef_.item(), probe.intercept_.item()]
        np.testing.assert_allclose(found, best.x, atol=1e-3)


def test_probe_converges_without_a_warning():
    """Codes that are hard to fit: correlated, float32, one unit dead."""
    rng = np.random.default_rng(15)
    z = rng.normal(size=(600, 3)) @ rng.normal(size=(3, 40))
    z = (z + 0.01 * rng.normal(size=z.shape)).astype("float32")
    z[:, 7] = 0.1
    y = (z[:, 0] + rng.normal(size=600) > 0).astype(int)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        warnings.simplefilter("error", RuntimeWarning)
        found = evaluation.linear_probe(z[:400], y[:400], z[400:], y[400:])
    assert 0.6 < found < 1


def test_probe_refuses_what_does_not_match():
    z, y = blobs(10, 0.1)
    refused = [
        ((z, y[1:], z, y), r"y_train, at least one.*\(29,\)"),
        ((z, y, z, y[:, None]), r"y_test, at least one.*\(30, 1\)"),
        ((z, y, z[:0], y[:0]), "at least one"),
        ((z, y, z[:, :3], y), r"code of shape \(4,\).*\(30, 3\)"),
        ((z[:10], y[:10], z, y), "shuffle.*class 3 alone"),
        ((z, 0 * y - 1, z, y), "-1 stands for images without labels"),
        ((z * np.nan, y, z, y), "z_train holds NaN"),
        ((z, y, z, y, 0.0), "l2 must be above 0"),
    ]
    for arguments, message in refused:
        with pytest.raises(ValueError, match=message):
            evaluation.linear_probe(*arguments)


def test_counts_of_sparse_codes():
    z = np.array([[0.0, 1.0, -2.0, 0.0], [0.0, 0.0, 3.0, 1e-4]])
    assert evaluation.mean_l0(z) == 2.0
    assert evaluation.mean_l0(z, threshold=1e-3) == 1.5
    dead = [True, False, False, False]
    np.testing.assert_array_equal(evaluation.dead_units(z), dead)
    dead = [True, False, False, True]
    np.testing.assert_array_equal(evaluation.dead_units(z, threshold=1e-3), dead)


def test_active_units_are_those_that_vary():
    rng = np.random.default_rng(0)
    z_mean = rng.normal(size=(1000, 4)) * [1.0, 0.05, 0.2, 0.0] + [0, 5, 0, 3]
    found = evaluation.active_units(z_mean)
    np.testing.assert_array_equal(found, [True, False, True, False])


def curved(x):
    """A function whose Jacobian is diagonal: cos of each pixel."""
    return np.sin(x.reshape(len(x), -1))


@pytest.mark.parametrize("offset", [0.0, 20.0])
def test_jacobian_norm_matches_the_derivative(offset):
    x = np.random.default_rng(1).random((400, 2, 3, 1)) + offset
    exact = np.square(np.cos(x)).reshape(400, -1).sum(axis=1).mean()
    found = evaluation.jacobian_norm(curved, x, n_directions=40)
    assert found == pytest.approx(exact, rel=0.03)
    smallest = 1e-4 * x.max()
    at_the_limit = evaluation.jacobian_norm(curved, x, 40, step=smallest * 1.001)
    assert at_the_limit == pytest.approx(found, rel=0.01)


def test_jacobian_norm_refuses_what_gives_no_number():
    x = np.ones((5, 4))
    refused = [
        ({"n_directions": 0}, "n_directions must be an integer of at least 1"),
        ({"n_directions": -1}, "n_directions=-1"),
        ({"step": 0}, "step must be above 0"),
        ({"step": 1e-8}, r"at least 1e-4 times.*float32.*step=1e-08"),
        ({"step": np.nan}, "step"),
        ({"seed": -1}, "seed"),
    ]
    for arguments, message in refused:
        with pytest.raises(ValueError, match=message):
            evaluation.jacobian_norm(curved, x, **arguments)
    with pytest.raises(ValueError, match=r"encode\(x\) holds NaN"):
        evaluation.jacobian_norm(lambda x: x * np.nan, x)


def test_kl_per_unit_matches_numerical_integration():
    mean, log_variance = np.array([[0.3, -2.0]]), np.array([[0.5, -3.0]])
    grid = np.linspace(-12, 12, 200_001)[:, None]
    q = stats.norm(mean, np.exp(log_variance / 2))
    integrand = q.pdf(grid) * (q.logpdf(grid) - stats.norm.logpdf(grid))
    by_hand = np.trapezoid(integrand, grid, axis=0)
    found = evaluation.kl_per_unit(mean, log_variance)
    np.testing.assert_allclose(found, by_hand, rtol=1e-6)
    # Averaged over images, one number for each unit.
    two = evaluation.kl_per_unit(np.array([[0.0, 1.0], [2.0, 1.0]]), np.zeros((2, 2)))
    np.testing.assert_allclose(two, [1.0, 0.5])


def linear_gaussian(n=60):
    """x = A z + noise: log p(x) and the posterior are known. The columns of A are
    orthogonal, so the posterior's units are independent, each with its own variance.
    """
    rng = np.random.default_rng(2)
    columns = np.linalg.qr(rng.normal(size=(5, 3)))[0] * [0.5, 1.5, 3.0]
    deviation = 0.4
    covariance = columns @ columns.T + deviation**2 * np.eye(5)
    x = rng.multivariate_normal(np.zeros(5), covariance, n)
    exact = stats.multivariate_normal(np.zeros(5), covariance).logpdf(x)
    variance = 1 / (1 + np.square(columns).sum(axis=0) / deviation**2)
    z_mean = x @ columns / deviation**2 * variance
    z_log_var = np.broadcast_to(np.log(variance), z_mean.shape)

    def nll(x, z):
        return -stats.norm.logpdf(x, z @ columns.T, deviation).sum(axis=1)

    return types.SimpleNamespace(
        x=x, exact=exact, z_mean=z_mean, z_log_var=z_log_var, nll=nll
    )


def test_log_likelihood_is_exact_under_the_true_posterior():
    """In three dimensions: a mean over the units instead of their sum would differ."""
    known = linear_gaussian()
    found = evaluation.log_likelihood(
        known.x, known.z_mean, known.z_log_var, known.nll, n_samples=3
    )
    np.testing.assert_allclose(found, known.exact, atol=1e-8)


def test_log_likelihood_rises_to_the_truth_from_a_poor_encoder():
    known = linear_gaussian()
    x, z_mean, z_log_var = known.x, known.z_mean, known.z_log_var
    exact, nll = known.exact, known.nll
    poor, wide = 0.9 * z_mean, z_log_var + 0.5

    def estimate(n_samples, seed=1):
        found = evaluation.log_likelihood(x, poor, wide, nll, n_samples, seed)
        return found.mean()

    means = [estimate(1), estimate(10), estimate(2000)]
    assert means[0] < means[1] < means[2]
    assert means[2] == pytest.approx(exact.mean(), abs=0.02)
    # With one sample it is the ELBO: short by KL(q || p(z | x)), known in closed form.
    elbo = np.mean([estimate(1, seed) for seed in range(150)])
    ratio = np.exp(0.5)
    gap = (ratio - 1 - 0.5 + np.square(0.1 * z_mean) / np.exp(z_log_var)) / 2
    assert elbo == pytest.approx((exact - gap.sum(axis=1)).mean(), abs=0.07)


def test_log_likelihood_asks_for_one_number_an_image():
    """A column of costs would be broadcast to a matrix without a word."""
    known = linear_gaussian(4)
    x, z_mean, z_log_var = known.x, known.z_mean, known.z_log_var
    nll = known.nll
    wrong = [
        (lambda x, z: nll(x, z)[:, None], r"each of the 4 images.*shape \(4, 1\)"),
        (lambda x, z: nll(x, z) * np.nan, "4 NaN"),
    ]
    for function, message in wrong:
        with pytest.raises(ValueError, match=message):
            evaluation.log_likelihood(x, z_mean, z_log_var, function)


def test_codes_that_do_not_fit_are_refused():
    z, x = np.zeros((2, 3)), np.zeros((2, 5))
    likelihood = evaluation.log_likelihood
    refused = [
        (evaluation.mean_l0, (np.zeros(3),), r"\(n, ...\).*z of shape \(3,\)"),
        (evaluation.mean_l0, (z, -1), "threshold"),
        (evaluation.dead_units, (z * np.nan,), "z holds NaN or infinite values"),
        (evaluation.active_units, (z[:0],), r"z_mean of shape \(0, 3\)"),
        (evaluation.kl_per_unit, (z, z[:, :1]), r"one shape.*z_log_var.*\(2, 1\)"),
        (evaluation.kl_per_unit, (z, z + 710), r"z_log_var must lie in.*700"),
        (evaluation.kl_per_unit, (z + 1e200, z), "z_mean must lie in"),
        (likelihood, (x, z[:1], z[:1], None), r"2 images, z_mean of shape \(1, 3\)"),
        (likelihood, (x, z, z[:1], None), "must have one shape"),
        (likelihood, (x, z, z + 1500, None), r"z_log_var must lie in.*1500"),
        (likelihood, (x, z, z, None, 0), "n_samples must be an integer"),
    ]
    for function, arguments, message in refused:
        with pytest.raises(ValueError, match=message):
            function(*arguments)
