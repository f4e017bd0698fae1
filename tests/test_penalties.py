"""Penalties against plain sums, closed forms and finite differences; TopK, Sampling."""

import keras
import numpy as np
import pytest
from keras import layers as keras_layers
from keras import ops

from aelab import evaluation, glyphs, layers, losses, models, penalties, training


@pytest.fixture(scope="module")
def x():
    return glyphs.draw(300, seed=3).images


def small(**options):
    keras.utils.set_random_seed(0)
    options = {"latent_activation": "sigmoid", **options}
    return models.dense_autoencoder((28, 28, 1), (16,), 8, **options)


def one_layer(size=6, units=4, activation="sigmoid"):
    keras.utils.set_random_seed(1)
    return keras.Sequential(
        [keras.Input((size,)), keras_layers.Dense(units, activation, name="code")]
    )


def number(tensor):
    return float(ops.convert_to_numpy(tensor))


def test_l1_is_the_mean_of_sums(x):
    model = small(latent_activation="linear")
    expected = np.abs(model.encode(x)).sum(axis=1).mean()
    found = number(penalties.L1Sparsity(0.1)(x, encoder=model.encoder))
    assert found == pytest.approx(expected, rel=1e-5)


def test_l1_sums_over_a_code_map(x):
    model = models.conv_autoencoder((28, 28, 1), (4, 4))
    expected = np.abs(model.encode(x)).sum(axis=(1, 2, 3)).mean()
    found = number(penalties.L1Sparsity(0.1)(x, encoder=model.encoder))
    assert found == pytest.approx(expected, rel=1e-4)


def test_kl_is_that_of_the_mean_activity(x):
    encoder = small().encoder
    activity = ops.convert_to_numpy(encoder(x)).mean(axis=0, keepdims=True)
    expected = number(losses.kl_bernoulli(0.05, activity)[0])
    found = number(penalties.KLSparsity(0.05, 1.0)(x, encoder=encoder))
    assert found == pytest.approx(expected, rel=0.01)


class Units:
    """An encoder that hands its input on and claims to end in a sigmoid."""

    layers = (keras_layers.Activation("sigmoid"),)

    def __call__(self, x):
        return x


def test_sparsity_does_not_depend_on_the_batch_size():
    # Sparse activities, as of trained units: near the target, and scattered.
    z = np.random.default_rng(0).beta(0.5, 4.0, (12_800, 50)).astype("float32")
    exact = number(losses.kl_bernoulli(0.05, z.mean(axis=0, keepdims=True))[0])
    penalty, batches = penalties.KLSparsity(0.05, 1.0), np.split(z, 400)
    found = np.mean([number(penalty(batch, encoder=Units())) for batch in batches])
    assert found == pytest.approx(exact, rel=0.03)
    means = [batch.mean(axis=0, keepdims=True) for batch in batches]
    plain = np.mean([number(losses.kl_bernoulli(0.05, mean)[0]) for mean in means])
    assert plain > 1.05 * exact
    l1 = [number(penalties.L1Sparsity(1.0)(part, encoder=Units())) for part in batches]
    assert np.mean(l1) == pytest.approx(z.sum(axis=1).mean(), rel=1e-5)


def test_kl_brings_the_activity_to_its_target(x):
    model = small(penalty=penalties.KLSparsity(0.1, 1.0))
    model.compile(keras.optimizers.Adam(1e-2), loss="mse", **training.fast_settings())
    assert np.abs(model.encode(x).mean(axis=0) - 0.1).min() > 0.1
    model.fit(x, epochs=30, verbose=0)
    assert np.abs(model.encode(x).mean(axis=0) - 0.1).max() < 0.05


def test_kl_refuses_codes_that_are_no_probabilities(x):
    model = small(latent_activation="relu")
    with pytest.raises(ValueError, match="end the encoder in a sigmoid"):
        penalties.KLSparsity(0.05, 1.0)(x, encoder=model.encoder)


def closed_form(encoder, x):
    """The squared norm of a sigmoid layer's Jacobian: (h (1 - h))^2 sum_i w_ij^2."""
    h = ops.convert_to_numpy(encoder(x))
    kernel = encoder.get_layer("code").get_weights()[0]
    return (np.square(h * (1 - h)) * np.square(kernel).sum(axis=0)).sum(axis=1).mean()


def test_exact_contraction_is_the_closed_form():
    encoder = one_layer()
    x = np.random.default_rng(0).random((5, 6), dtype="float32")
    found = number(penalties.Contractive(1.0, exact=True)(x, encoder=encoder))
    assert found == pytest.approx(closed_form(encoder, x), rel=1e-4)


def test_estimated_contraction_is_unbiased():
    encoder, penalty = one_layer(), penalties.Contractive(1.0, seed=0)
    x = np.random.default_rng(0).random((500, 6), dtype="float32")
    draws = [number(penalty(x, encoder=encoder)) for _ in range(40)]
    error = np.std(draws) / np.sqrt(len(draws))
    assert len(set(draws)) == 40
    assert abs(np.mean(draws) - closed_form(encoder, x)) < 4 * error
    assert error < 0.02 * np.mean(draws)


def test_exact_contraction_agrees_with_differences_on_deep_encoders():
    keras.utils.set_random_seed(2)
    model = models.conv_autoencoder((5, 4, 1), (3, 3), latent_dim=3, activation="silu")
    x = np.random.default_rng(0).random((4, 5, 4, 1), dtype="float32")
    total, h = 0.0, 1e-2
    for i in range(20):
        step = np.zeros((1, 20), "float32")
        step[0, i] = h
        step = step.reshape(1, 5, 4, 1)
        change = (model.encode(x + step) - model.encode(x - step)) / (2 * h)
        total += np.square(change).sum() / len(x)
    found = number(penalties.Contractive(1.0, exact=True)(x, encoder=model.encoder))
    assert found == pytest.approx(total, rel=1e-2)


def test_jacobian_norm_by_differences_is_the_closed_form():
    encoder = one_layer()
    x = np.random.default_rng(0).random((500, 6), dtype="float32")
    found = evaluation.jacobian_norm(lambda x: ops.convert_to_numpy(encoder(x)), x)
    assert found == pytest.approx(closed_form(encoder, x), rel=0.05)


def test_contraction_makes_codes_hold_still(x):
    norms = []
    for weight in (0.0, 1.0):
        how = {"activation": "silu", "latent_activation": "linear"}
        model = small(penalty=penalties.Contractive(weight), **how)
        model.compile("adam", "mse", **training.fast_settings())
        model.fit(x, epochs=10, verbose=0)
        norms.append(evaluation.jacobian_norm(model.encode, x))
    assert norms[1] < 0.5 * norms[0]


MADE = {
    "Contractive, exact": lambda: penalties.Contractive(0.1, exact=True),
    "L1Sparsity": lambda: penalties.L1Sparsity(0.01),
    "KLSparsity": lambda: penalties.KLSparsity(0.05, 0.1),
    "Contractive": lambda: penalties.Contractive(0.1, seed=3),
}


@pytest.mark.parametrize("name", MADE)
def test_a_penalised_model_comes_back_whole(x, tmp_path, name):
    model = small(penalty=MADE[name]())
    x = x[:40] if "exact" in name else x
    model.compile("adam", loss="mse", **training.fast_settings())
    history = model.fit(x, epochs=1, batch_size=128, verbose=0).history
    total = history["reconstruction"][-1]
    total += model.penalty.weight * history["penalty"][-1]
    assert history["loss"][-1] == pytest.approx(total, rel=1e-5)
    assert history["penalty"][-1] > 0
    model.save(tmp_path / "model.keras")
    restored = keras.saving.load_model(tmp_path / "model.keras")
    assert restored.penalty.get_config() == model.penalty.get_config()
    np.testing.assert_allclose(restored.encode(x), model.encode(x), atol=1e-6)
    restored.fit(x, epochs=1, verbose=0)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: penalties.L1Sparsity(-1), "weight=-1"),
        (lambda: penalties.Contractive(float("nan")), "weight=nan"),
        (lambda: penalties.KLSparsity(0, 1.0), "target=0"),
        (lambda: penalties.KLSparsity(1.0, 1.0), "target=1.0"),
        (lambda: layers.TopK(0), "k=0"),
        (lambda: layers.TopK(2.5), "k=2.5"),
        (lambda: layers.TopK(5, k_max=4), "k_max=4"),
        (lambda: layers.TopK(5)(np.zeros((2, 4), "float32")), "k_max=5"),
        (lambda: training.Ramp(None, 0, 1, 0), "epochs=0"),
    ],
)
def test_bad_arguments_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_top_k_keeps_the_largest_and_nothing_else():
    z = np.random.default_rng(0).normal(size=(50, 9)).astype("float32")
    kept = ops.convert_to_numpy(layers.TopK(3)(z))
    ranks = (-z).argsort(axis=1).argsort(axis=1)
    np.testing.assert_array_equal(kept, np.where(ranks < 3, z, 0))


def test_top_k_follows_its_variable():
    z = np.random.default_rng(0).normal(size=(50, 9)).astype("float32")
    layer = layers.TopK(3, k_max=9)
    for k in (1, 5, 9):
        layer.k.assign(k)
        assert evaluation.mean_l0(ops.convert_to_numpy(layer(z))) == k
    assert layer.get_config()["k"] == 9


def test_a_ramp_moves_k_while_it_trains(x, tmp_path):
    seen = []

    class Look(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append(evaluation.mean_l0(model.encode(x)))

    base = models.dense_autoencoder((28, 28, 1), (), 40, latent_activation="linear")
    top_k = layers.TopK(4, k_max=20)
    encoder = keras.Sequential([*base.encoder.layers, top_k])
    model = models.Autoencoder(encoder, base.decoder)
    model.compile("adam", loss="mse", **training.fast_settings())
    ramp = training.Ramp(top_k.k, 20, 4, epochs=4)
    model.fit(x, epochs=6, verbose=0, callbacks=[ramp, Look()])
    assert seen == [20, 16, 12, 8, 4, 4]
    model.save(tmp_path / "model.keras")
    restored = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(restored.encode(x), model.encode(x), atol=1e-6)


def test_a_gradient_passes_through_the_kept_units_alone():
    inner = keras.Sequential(
        [keras.Input((1,)), keras_layers.Dense(4, use_bias=False), layers.TopK(2)]
    )
    before = np.array([[1.0, 4.0, 2.0, 3.0]], "float32")
    inner.set_weights([before, *inner.get_weights()[1:]])
    inner.compile(keras.optimizers.SGD(1.0), loss="mse")
    inner.fit(np.ones((1, 1)), np.zeros((1, 4)), verbose=0)
    moved = inner.get_weights()[0] != before
    np.testing.assert_array_equal(moved, [[False, True, False, True]])


def test_sampling_draws_what_it_says():
    layer, n = layers.Sampling(seed=0), 40_000
    z_mean = np.full((n, 2), [1.0, -2.0], "float32")
    z_log_var = np.full((n, 2), [-2.0, 1.0], "float32")
    first, second = (ops.convert_to_numpy(layer([z_mean, z_log_var])) for _ in range(2))
    assert not np.array_equal(first, second)
    np.testing.assert_allclose(first.mean(axis=0), [1.0, -2.0], atol=0.05)
    np.testing.assert_allclose(first.var(axis=0), np.exp([-2.0, 1.0]), rtol=0.03)
    assert abs(np.corrcoef(first.T)[0, 1]) < 0.02
