"""Penalties against plain sums, closed forms and finite differences."""

import keras
import numpy as np
import pytest
from keras import ops
from scipy import special

from aelab import evaluation, losses, models, penalties, training


def small(**options):
    keras.utils.set_random_seed(0)
    options = {"latent_activation": "sigmoid", **options}
    return models.dense_autoencoder((28, 28, 1), (16,), 8, **options)


def one_layer(size=6, units=4, activation="sigmoid"):
    keras.utils.set_random_seed(1)
    return keras.Sequential(
        [keras.Input((size,)), keras.layers.Dense(units, activation, name="latent")]
    )


def arrays(tensor):
    return ops.convert_to_numpy(tensor)


def test_l1_is_the_sum_of_absolute_values():
    z = np.random.default_rng(0).normal(size=(5, 4, 3, 2)).astype("float32")
    found = arrays(penalties.L1Sparsity(0.1).measure(z, None, None))
    np.testing.assert_allclose(found, np.abs(z).sum(axis=(1, 2, 3)), rtol=1e-5)


@pytest.mark.parametrize("target", [0.05, 0.5])
def test_kl_is_that_of_the_mean_activity_less_its_bias(target):
    z = np.random.default_rng(0).uniform(0.2, 0.9, (300, 8))
    mean, step = z.mean(axis=0), 1e-4
    below, kl, above = (
        special.rel_entr(target, a) + special.rel_entr(1 - target, 1 - a)
        for a in (mean - step, mean, mean + step)
    )
    curvature = (below - 2 * kl + above) / step**2
    variance_of_mean = z.var(axis=0, ddof=1) / len(z)
    expected = (kl - curvature * variance_of_mean / 2).sum()
    found = penalties.KLSparsity(target, 1.0).measure(z, None, None)
    assert float(arrays(found)) == pytest.approx(expected, rel=1e-4)


def test_the_bias_of_small_batches_is_taken_off_for_even_activities():
    # Half of the units are active on average: both terms of the curvature count.
    z = np.random.default_rng(0).beta(2.0, 2.0, (1_600, 400)).astype("float32")
    penalty = penalties.KLSparsity(0.5, 1.0)
    batches = np.split(z, 200)  # of 8
    found = np.mean([arrays(penalty.measure(batch, None, None)) for batch in batches])
    uncorrected = np.mean(
        [arrays(losses.kl_bernoulli(0.5, b.mean(axis=0)[None]))[0] for b in batches]
    )
    exact = arrays(losses.kl_bernoulli(0.5, z.mean(axis=0)[None]))[0]
    assert abs(found - exact) < 0.06 * (uncorrected - exact)


def test_sparsity_does_not_depend_on_the_batch_size():
    # Sparse activities, as of trained units: near the target, and scattered.
    z = np.random.default_rng(0).beta(0.5, 4.0, (12_800, 50)).astype("float32")
    exact = arrays(losses.kl_bernoulli(0.05, z.mean(axis=0, keepdims=True)))[0]
    penalty = penalties.KLSparsity(0.05, 1.0)
    batches = np.split(z, 400)
    found = np.mean([arrays(penalty.measure(batch, None, None)) for batch in batches])
    assert found == pytest.approx(exact, rel=0.03)
    means = [batch.mean(axis=0, keepdims=True) for batch in batches]
    uncorrected = np.mean([arrays(losses.kl_bernoulli(0.05, m))[0] for m in means])
    assert uncorrected > 1.05 * exact


def test_kl_brings_the_activity_to_its_target(x):
    model = small(penalty=penalties.KLSparsity(0.1, 1.0))
    model.compile(keras.optimizers.Adam(1e-2), **training.fast_settings())
    assert np.abs(model.encode(x).mean(axis=0) - 0.1).min() > 0.1
    model.fit(x, epochs=30, verbose=0)
    assert np.abs(model.encode(x).mean(axis=0) - 0.1).max() < 0.05


def closed_form(encoder, x):
    """The squared norm of a sigmoid layer's Jacobian: (h (1 - h))^2 sum_i w_ij^2."""
    h = arrays(encoder(x))
    kernel = encoder.get_layer("latent").get_weights()[0]
    return (np.square(h * (1 - h)) * np.square(kernel).sum(axis=0)).sum(axis=1)


def test_exact_contraction_is_the_closed_form_of_each_image():
    encoder = one_layer()
    x = np.random.default_rng(0).random((5, 6), dtype="float32")
    found = penalties.Contractive(1.0, exact=True).measure(None, x, encoder)
    np.testing.assert_allclose(arrays(found), closed_form(encoder, x), rtol=1e-4)


def test_estimated_contraction_is_unbiased():
    encoder, penalty = one_layer(), penalties.Contractive(1.0, seed=0)
    x = np.random.default_rng(0).random((500, 6), dtype="float32")
    draws = [arrays(penalty.measure(None, x, encoder)).mean() for _ in range(40)]
    error = np.std(draws) / np.sqrt(len(draws))
    assert len(set(draws)) == 40
    assert abs(np.mean(draws) - closed_form(encoder, x).mean()) < 4 * error
    assert error < 0.02 * np.mean(draws)


def test_exact_contraction_agrees_with_differences_on_deep_encoders():
    keras.utils.set_random_seed(2)
    encoder = models.conv_encoder((5, 4, 1), (3, 3), latent_dim=3, activation="silu")
    x = np.random.default_rng(0).random((4, 5, 4, 1), dtype="float32")
    total, h = 0.0, 1e-2
    for i in range(20):
        step = np.zeros((1, 20), "float32")
        step[0, i] = h
        step = step.reshape(1, 5, 4, 1)
        change = (arrays(encoder(x + step)) - arrays(encoder(x - step))) / (2 * h)
        total += np.square(change).sum(axis=1)
    found = penalties.Contractive(1.0, exact=True).measure(None, x, encoder)
    np.testing.assert_allclose(arrays(found), total, rtol=2e-2)


def test_contraction_makes_codes_hold_still(x):
    norms = []
    for weight in (0.0, 1.0):
        model = small(
            penalty=penalties.Contractive(weight),
            activation="silu",
            latent_activation="linear",
        )
        model.compile("adam", **training.fast_settings())
        model.fit(x, epochs=10, verbose=0)
        norms.append(evaluation.jacobian_norm(model.encode, x))
    assert norms[1] < 0.5 * norms[0]


@keras.saving.register_keras_serializable(package="tests")
class L2Penalty(penalties.Penalty):
    """A penalty as a reader would write it: the pattern of the module's docstring."""

    def measure(self, z, x, encoder):
        units = tuple(range(1, len(z.shape)))
        return ops.sum(ops.square(z), axis=units)


class EveryUnit(penalties.Penalty):
    """Forgets to sum over the units."""

    def measure(self, z, x, encoder):
        return ops.square(z)


def test_a_penalty_that_is_no_value_for_each_image_is_named(x):
    model = small(penalty=EveryUnit(1.0))
    model.compile("adam")
    with pytest.raises(ValueError, match="penalty must be one value for each image"):
        model.fit(x, verbose=0)


def test_a_readers_penalty_trains_is_logged_and_comes_back(x, tmp_path):
    model = small(latent_activation="linear", penalty=L2Penalty(0.03))
    model.compile("adam")
    logs = model.fit(x, verbose=0).history
    total = logs["reconstruction"][0] + 0.03 * logs["penalty"][0]
    assert logs["loss"][0] == pytest.approx(total, rel=1e-5)
    model.save(tmp_path / "model.keras")
    restored = keras.saving.load_model(tmp_path / "model.keras")
    assert isinstance(restored.penalty, L2Penalty)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: penalties.L1Sparsity(-1), "weight=-1"),
        (lambda: penalties.L1Sparsity("0.1"), "weight='0.1'"),
        (lambda: penalties.Contractive(float("nan")), "weight=nan"),
        (lambda: penalties.KLSparsity(0, 1.0), "target=0"),
        (lambda: penalties.KLSparsity(1.0, 1.0), "target=1.0"),
        (
            lambda: small(
                latent_activation="relu", penalty=penalties.KLSparsity(0.05, 1.0)
            ),
            "end the encoder in a sigmoid",
        ),
        (lambda: small(penalty=keras.layers.Dense(3)), r"penalties\.Penalty"),
        (lambda: penalties.Penalty(1.0).measure(None, None, None), None),
    ],
)
def test_bad_arguments_are_named(make, message):
    error = NotImplementedError if message is None else ValueError
    with pytest.raises(error, match=message):
        make()


def test_an_encoder_of_layers_that_another_has_is_judged_by_its_own_end():
    old = models.dense_autoencoder((9,), (5,), 3, latent_activation="sigmoid").encoder
    again = keras.Sequential([keras.Input((9,)), *old.layers[1:]])
    penalties.KLSparsity(0.05, 1.0).check_encoder(again)


def test_the_jacobian_is_that_without_dropout():
    x = np.random.default_rng(0).random((32, 6), "float32")
    model = models.dense_autoencoder(
        (6,), (16,), 4, dropout=0.5, penalty=penalties.Contractive(1.0, exact=True)
    )
    model.compile(keras.optimizers.SGD(0.0))
    first, second = model.fit(x, epochs=2, verbose=0).history["penalty"]
    assert first == pytest.approx(second, rel=1e-5)
