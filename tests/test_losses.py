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


def slope(function, at):
    """Derivative of a loss by the backend, through a model of one weight."""
    weight = keras.Variable(np.full((1, 1), at, "float32"))
    step = keras.optimizers.SGD(1.0)
    inner = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])

    class Loss(keras.losses.Loss):
        def call(self, y_true, y_pred):
            return function(y_pred)

    inner.set_weights([numbers(weight)])
    inner.compile(step, loss=Loss(), run_eagerly=True)
    one = np.ones((1, 1), "float32")
    inner.fit(one, one, verbose=0)
    return float(at - inner.get_weights()[0][0, 0])


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


@pytest.mark.parametrize("z_mean", [0.0, 0.7, -2.0])
@pytest.mark.parametrize("z_log_var", [0.0, -4.0, 1.3])
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
@pytest.mark.parametrize("value", [-1000.0, -90.0, -30.0, 0.0, 30.0, 90.0, 1000.0])
def test_extreme_values_stay_finite(name, value):
    assert np.isfinite(numbers(CASES[name](np.array([[value]], "float32")))).all()
    assert np.isfinite(slope(CASES[name], value))


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("value", [-1.7, 0.0, 0.4])
def test_gradients_agree_with_differences(name, value):
    h = 1e-2
    sides = numbers(CASES[name](np.array([[value + h], [value - h]], "float32")))
    difference = (sides[0] - sides[1]) / (2 * h)
    assert slope(CASES[name], value) == pytest.approx(difference, abs=2e-3)


def test_a_log_variance_gone_astray_is_led_back():
    assert slope(CASES["kl, log variance"], 200.0) > 0
    assert slope(CASES["kl, log variance"], -200.0) < 0
    assert slope(CASES["gaussian, log variance"], -200.0) < 0


@pytest.mark.parametrize("activity", [0.0, 1.0])
def test_units_that_never_or_always_fire_cost_a_finite_price(activity):
    def price(v):
        return losses.kl_bernoulli(0.05, v)

    assert 0.4 < numbers(price(np.array([[activity]], "float32")))[0] < 20
    toward_target = slope(price, activity)
    assert np.isfinite(toward_target)
    assert (toward_target < 0) == (activity == 0)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_is_summed_in_float32(dtype):
    x, logits = RNG.random((2, 784)), RNG.normal(size=(2, 784)) * 5
    half = [ops.cast(v, dtype) for v in (x, logits)]
    found = losses.bernoulli_nll(*half)
    assert keras.backend.standardize_dtype(found.dtype) == "float32"
    rounded = [ops.cast(v, "float32") for v in half]
    exact = numbers(losses.bernoulli_nll(*rounded))
    np.testing.assert_allclose(numbers(found), exact, rtol=1e-6)


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
