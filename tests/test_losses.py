"""Closed forms against integrals, sums over outcomes, SciPy, and extreme values."""

import itertools

import keras
import numpy as np
import pytest
from keras import ops
from scipy import integrate, special, stats

from aelab import losses

RNG = np.random.default_rng(0)


def numbers(tensor):
    return ops.convert_to_numpy(tensor)


def slopes(function, at):
    """Derivatives of a loss by the backend, one for each of several values."""
    at = ops.convert_to_tensor(np.reshape(at, (-1, 1)), dtype="float32")
    return numbers(ops.jvp(function, (at,), (ops.ones_like(at),))[1])


def test_bernoulli_is_a_distribution():
    logits = RNG.normal(size=(1, 4)) * 3
    outcomes = np.array(list(itertools.product([0, 1], repeat=4)), "float32")
    nll = numbers(losses.bernoulli_nll(outcomes, np.repeat(logits, 16, axis=0)))
    assert np.exp(-nll).sum() == pytest.approx(1, abs=1e-5)


def test_bernoulli_agrees_with_scipy_on_any_shape():
    x = (RNG.random((3, 5, 5, 2)) < 0.5).astype("float32")
    logits = RNG.normal(size=x.shape)
    expected = -stats.bernoulli.logpmf(x, special.expit(logits)).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(
        numbers(losses.bernoulli_nll(x, logits)), expected, rtol=1e-5
    )


def test_bernoulli_on_grey_is_lowest_where_the_mean_is_the_grey():
    x = np.full((101, 1), 0.3, "float32")
    p = np.linspace(0.01, 0.99, 101)[:, None]
    nll = numbers(losses.bernoulli_nll(x, special.logit(p)))
    assert p[nll.argmin(), 0] == pytest.approx(0.3, abs=0.01)


@pytest.mark.parametrize(("mean", "log_variance"), [(0.0, 0.0), (1.5, -3.0), (-2, 2)])
def test_gaussian_integrates_to_one(mean, log_variance):
    grid = np.linspace(mean - 40, mean + 40, 200_001)[:, None]
    nll = numbers(losses.gaussian_nll(grid, np.full_like(grid, mean), log_variance))
    area = integrate.trapezoid(np.exp(-nll.astype("float64")), grid[:, 0])
    assert area == pytest.approx(1, abs=1e-4)


def test_gaussian_agrees_with_scipy():
    x, mean, log_variance = RNG.normal(size=(3, 7, 8))
    density = stats.norm.logpdf(x, mean, np.exp(log_variance / 2))
    np.testing.assert_allclose(
        numbers(losses.gaussian_nll(x, mean, log_variance)),
        -density.sum(axis=1),
        rtol=1e-4,
    )


@pytest.mark.parametrize(
    ("z_mean", "z_log_var"), [(0.0, 0.0), (0.7, -4.0), (-2.0, 1.3)]
)
def test_kl_agrees_with_the_integral(z_mean, z_log_var):
    deviation = np.exp(z_log_var / 2)
    q, p = stats.norm(z_mean, deviation), stats.norm()
    z = np.linspace(z_mean - 12 * deviation, z_mean + 12 * deviation, 100_001)
    integral = integrate.trapezoid(q.pdf(z) * (q.logpdf(z) - p.logpdf(z)), z)
    found = numbers(losses.kl_standard_normal([[z_mean]], [[z_log_var]]))[0]
    assert found == pytest.approx(integral, rel=1e-4, abs=1e-5)
    printed = z_mean**2 + deviation**2 - np.log(deviation) - 1  # the known slip
    if (z_mean, z_log_var) != (0.0, 0.0):
        assert abs(printed - integral) > 0.05


def test_kl_agrees_with_draws():
    z_mean, z_log_var = RNG.normal(size=(2, 3))
    z = z_mean + np.exp(z_log_var / 2) * RNG.normal(size=(400_000, 3))
    q = stats.norm(z_mean, np.exp(z_log_var / 2))
    terms = (q.logpdf(z) - stats.norm.logpdf(z)).sum(axis=1)
    error = terms.std() / np.sqrt(len(terms))
    found = numbers(losses.kl_standard_normal(z_mean[None], z_log_var[None]))[0]
    assert abs(found - terms.mean()) < 4 * error


@pytest.mark.parametrize("target", [0.05, 0.5, 0.9])
def test_kl_bernoulli_agrees_with_the_sum_over_outcomes(target):
    activity = RNG.uniform(0.01, 0.99, (6, 3))
    outcomes = target * np.log(target / activity)
    outcomes += (1 - target) * np.log((1 - target) / (1 - activity))
    found = numbers(losses.kl_bernoulli(target, activity))
    np.testing.assert_allclose(found, outcomes.sum(axis=1), rtol=1e-4, atol=1e-5)
    even = numbers(losses.kl_bernoulli(target, np.full((1, 3), target)))
    assert even[0] == pytest.approx(0, abs=1e-5)


CASES = {
    "bernoulli": lambda v: losses.bernoulli_nll(ops.zeros_like(v), v),
    "bernoulli, x = 1": lambda v: losses.bernoulli_nll(ops.ones_like(v), v),
    "gaussian, mean": lambda v: losses.gaussian_nll(ops.zeros_like(v), v, 0.0),
    "gaussian, log variance": lambda v: losses.gaussian_nll(
        ops.ones_like(v), ops.zeros_like(v), v
    ),
    "kl, mean": lambda v: losses.kl_standard_normal(v, ops.zeros_like(v)),
    "kl, log variance": lambda v: losses.kl_standard_normal(ops.zeros_like(v), v),
}


@pytest.mark.parametrize("name", CASES)
def test_extreme_values_stay_finite(name):
    values = np.array([[-1000], [-90], [-30], [0], [30], [90], [1000]], "float32")
    assert np.isfinite(numbers(CASES[name](values))).all()
    assert np.isfinite(slopes(CASES[name], values)).all()


@pytest.mark.parametrize("name", CASES)
def test_gradients_agree_with_differences(name):
    values = np.array([[-1.7], [0.0], [0.4]], "float32")
    h = 1e-2
    above, below = (numbers(CASES[name](values + side)) for side in (h, -h))
    found = slopes(CASES[name], values)
    np.testing.assert_allclose(found, (above - below) / (2 * h), atol=2e-3)


def test_a_log_variance_gone_astray_is_led_back():
    upper, lower = slopes(CASES["kl, log variance"], [200.0, -200.0])
    assert upper > 0 > lower
    assert slopes(CASES["gaussian, log variance"], [-200.0]) < 0


def test_a_log_variance_is_exact_up_to_its_tangent():
    kl = numbers(CASES["kl, log variance"](np.array([[19.9], [25.0]], "float32")))
    assert kl[0] == pytest.approx((np.exp(19.9) - 19.9 - 1) / 2, rel=1e-5)
    assert kl[1] == pytest.approx((np.exp(20) * 6 - 25 - 1) / 2, rel=1e-5)


def test_units_that_are_never_or_always_active_cost_a_finite_amount():
    def cost(activity):
        return losses.kl_bernoulli(0.05, activity)

    never, always = numbers(cost(np.array([[0.0], [1.0]], "float32")))
    # log(1e-6) and its kin: the margin that keeps the logarithm finite.
    none = 0.05 * np.log(0.05 / 1e-6) + 0.95 * np.log(0.95)
    all_the_time = 0.05 * np.log(0.05) + 0.95 * np.log(0.95 / 1e-6)
    assert never == pytest.approx(none, rel=0.01)
    assert always == pytest.approx(all_the_time, rel=0.02)
    upward, downward = slopes(cost, [0.0, 1.0])
    assert upward < 0 < downward


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: losses.bernoulli_nll(np.zeros((2,)), np.zeros((3, 1))), "logits"),
        (lambda: losses.bernoulli_nll(np.zeros((2, 1)), np.zeros((2, 3))), "logits"),
        (lambda: losses.gaussian_nll(np.zeros((2, 3)), np.zeros((2, 1)), 0.0), "mean"),
        (
            lambda: losses.gaussian_nll(
                np.zeros((20, 1)), np.zeros((20, 1)), np.zeros((20, 5))
            ),
            "log_variance",
        ),
        (
            lambda: losses.kl_standard_normal(np.zeros((2, 3)), np.zeros((2, 1))),
            "z_log_var",
        ),
        (lambda: losses.kl_bernoulli(0, np.zeros((2, 3))), "target=0"),
        (lambda: losses.kl_bernoulli(1, np.zeros((2, 3))), "target=1"),
        (lambda: losses.kl_bernoulli(float("nan"), np.zeros((2, 3))), "target=nan"),
    ],
)
def test_shapes_that_would_be_stretched_are_refused(make, words):
    with pytest.raises(ValueError, match=words):
        make()


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_is_summed_in_float32(dtype):
    x, logits = RNG.random((2, 784)), RNG.normal(size=(2, 784)) * 5
    half = [ops.cast(v, dtype) for v in (x, logits)]
    found = losses.bernoulli_nll(*half)
    assert keras.backend.standardize_dtype(found.dtype) == "float32"
    rounded = [ops.cast(v, "float32") for v in half]
    exact = numbers(losses.bernoulli_nll(*rounded))
    np.testing.assert_allclose(numbers(found), exact, rtol=1e-5)


@pytest.mark.parametrize("size", [1, 32, 256])
def test_no_number_depends_on_its_batch(size):
    x, z = RNG.random((256, 6)).astype("float32"), RNG.normal(size=(256, 6))
    for loss in (
        lambda part: losses.bernoulli_nll(x[part], z[part]),
        lambda part: losses.gaussian_nll(x[part], z[part], -1.0),
        lambda part: losses.kl_standard_normal(z[part], x[part]),
        lambda part: losses.kl_bernoulli(0.1, x[part]),
    ):
        parts = [slice(i, i + size) for i in range(0, 256, size)]
        split = np.concatenate([numbers(loss(part)) for part in parts])
        np.testing.assert_allclose(split, numbers(loss(slice(None))), rtol=1e-5)
