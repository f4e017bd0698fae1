"""The variational autoencoder: its loss, its draws, its likelihoods, its errors."""

import keras
import numpy as np
import pytest
from keras import ops
from scipy import stats

from aelab import evaluation, models, penalties, training


def small(build=models.dense_vae, **options):
    keras.utils.set_random_seed(0)
    if build is models.dense_vae:
        options = {"hidden_units": (32,), **options}
    vae = build((28, 28, 1), latent_dim=6, **options)
    vae.compile(keras.optimizers.Adam(3e-3), **training.fast_settings())
    return vae


@pytest.mark.parametrize(
    ("beta", "likelihood"), [(0.0, "bernoulli"), (4.0, "bernoulli"), (1.0, "gaussian")]
)
def test_loss_is_the_sum_of_its_parts(x, beta, likelihood):
    vae = small(beta=beta, likelihood=likelihood)
    # 300 images in batches of 128: the last batch is smaller.
    history = vae.fit(x, epochs=2, batch_size=128, verbose=0).history
    logs = vae.evaluate(x, batch_size=128, verbose=0, return_dict=True)
    for found in (logs, {name: values[-1] for name, values in history.items()}):
        parts = found["reconstruction"] + beta * found["kl"]
        assert found["loss"] == pytest.approx(parts, rel=1e-5)
    z_mean, z_log_var = vae.posterior(x)
    np.testing.assert_array_equal(z_mean, vae.encode(x))
    kl = evaluation.kl_per_unit(z_mean, z_log_var).sum()
    assert logs["kl"] == pytest.approx(kl, rel=1e-4)
    assert logs["reconstruction"] == pytest.approx(vae.nll(x, z_mean).mean(), rel=1e-4)


def test_regularizers_and_weights_of_images_count(x):
    vae = small(beta=2.0)
    image = keras.Input((28, 28, 1))
    flat = keras.layers.Flatten()(image)
    z_mean = keras.layers.Dense(6, kernel_regularizer=keras.regularizers.L2(0.5))
    z_log_var = keras.layers.Dense(6)
    encoder = keras.Model(image, [z_mean(flat), z_log_var(flat)])
    vae = models.VariationalAutoencoder(encoder, vae.decoder, beta=2.0)
    vae.compile("adam")
    weights = np.repeat([1.5, 0.0], 150)
    for given in ({}, {"y": x}):
        logs = vae.evaluate(
            x, sample_weight=weights, verbose=0, return_dict=True, **given
        )
        half = vae.evaluate(x[:150], verbose=0, return_dict=True)
        for part in ("reconstruction", "kl"):
            assert logs[part] == pytest.approx(0.75 * half[part], rel=1e-4)
        extra = logs["loss"] - logs["reconstruction"] - 2 * logs["kl"]
        squares = np.square(z_mean.get_weights()[0]).sum()
        assert extra == pytest.approx(0.5 * squares, rel=1e-3)


def test_reconstruction_is_the_cross_entropy_of_what_decode_gives(x):
    vae = small()
    z = vae.encode(x)
    p = np.clip(vae.decode(z).astype("float64"), 1e-12, 1 - 1e-12)
    expected = -(x * np.log(p) + (1 - x) * np.log(1 - p)).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(vae.nll(x, z), expected, rtol=1e-4)


def test_a_gaussian_starts_where_it_can_learn(x):
    vae = small(likelihood="gaussian", variance=0.02)
    assert float(ops.convert_to_numpy(vae.log_variance)) == pytest.approx(np.log(0.02))
    average = evaluation.mse(x, np.broadcast_to(x.mean(axis=0), x.shape))
    vae.fit(x, epochs=60, verbose=0)
    z = vae.encode(x)
    assert evaluation.mse(x, vae.decode(z)) < 0.75 * average
    scale = np.exp(float(ops.convert_to_numpy(vae.log_variance)) / 2)
    density = stats.norm.logpdf(x, vae.decode(z), scale).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(vae.nll(x, z), -density, rtol=1e-3)
    assert vae.images_in(vae(x[:1])).shape == (1, 28, 28, 1)
    assert set(vae(x[:1])) == {"mean", "z_mean", "z_log_var"}


def test_codes_are_drawn_in_training_alone(x):
    vae = small()

    def logits(model, **options):
        return ops.convert_to_numpy(model(x[:3], **options)["logits"])

    np.testing.assert_array_equal(logits(vae), logits(vae))
    assert np.abs(logits(vae, training=True) - logits(vae, training=True)).max() > 1e-3
    asked = small(sample_at_inference=True)
    assert np.abs(logits(asked) - logits(asked)).max() > 1e-3


def test_seeds_repeat_runs_and_samples(x):
    runs = []
    for seed in (0, 0, 1):
        keras.utils.set_random_seed(seed)
        vae = models.dense_vae((28, 28, 1), (16,), 4)
        vae.compile("adam", **training.fast_settings())
        vae.fit(x, epochs=2, verbose=0)
        runs.append((vae.encode(x), vae.sample(3)))
    (codes, drawn), (same_codes, same_drawn), (other_codes, other_drawn) = runs
    np.testing.assert_allclose(codes, same_codes, atol=1e-5)
    np.testing.assert_allclose(drawn, same_drawn, atol=1e-5)
    assert np.abs(codes - other_codes).max() > 1e-3
    assert np.abs(drawn - other_drawn).max() > 1e-3
    np.testing.assert_array_equal(vae.sample(3, seed=4), vae.sample(3, seed=4))
    assert np.abs(vae.sample(3) - vae.sample(3)).max() > 0


def test_beta_trades_rate_for_distortion(x):
    logs = []
    for beta in (0.1, 10.0):
        vae = small(beta=beta)
        vae.fit(x, epochs=20, verbose=0)
        logs.append(vae.evaluate(x, verbose=0, return_dict=True))
    loose, tight = logs
    assert loose["kl"] > 2 * tight["kl"]
    assert loose["reconstruction"] < tight["reconstruction"]


def test_it_learns(x):
    vae = small(models.conv_vae, filters=(4, 8))
    before = vae.evaluate(x, verbose=0, return_dict=True)["loss"]
    vae.fit(x, epochs=30, verbose=0)
    after = vae.evaluate(x, verbose=0, return_dict=True)
    assert after["loss"] < 0.7 * before
    assert after["kl"] > 1


def test_beta_warms_up_under_the_compiled_step(x):
    vae = small(beta=1.0)
    ramp = training.Ramp(vae.beta, 0.0, 1.0, epochs=4)
    history = vae.fit(x, epochs=6, verbose=0, callbacks=[ramp]).history
    loss, reconstruction, kl = (
        np.array(history[name]) for name in ("loss", "reconstruction", "kl")
    )
    beta = (loss - reconstruction) / kl
    np.testing.assert_allclose(beta, [0, 0.25, 0.5, 0.75, 1, 1], atol=1e-3)


def test_targets_metrics_and_images_out_of_reach(x):
    vae = small()
    vae.compile("adam", metrics=["mse"])
    logs = vae.evaluate(x, np.zeros_like(x), verbose=0, return_dict=True)
    assert logs["mse"] == pytest.approx(np.square(vae.reconstruct(x)).mean(), rel=1e-3)
    logs = vae.evaluate(x, verbose=0, return_dict=True)
    assert logs["mse"] == pytest.approx(evaluation.mse(x, vae.reconstruct(x)), rel=1e-3)
    with pytest.raises(ValueError, match=r"lies in \[0, 1\]"):
        vae.fit(2 * x, verbose=0)


def heads_as_a_dict():
    image = keras.Input((4,))
    head = keras.layers.Dense(2)(image)
    return keras.Model(image, {"z_mean": head, "z_log_var": head})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: small(beta=-1.0), "beta=-1.0"),
        (lambda: small(beta="1"), "beta='1'"),
        (lambda: small(likelihood="poisson"), "likelihood='poisson'"),
        (lambda: small(likelihood="gaussian", variance=0), "variance=0"),
        (lambda: small().compile("adam", loss="mse"), "own loss.*'mse'"),
        (lambda: small().nll(np.zeros((2, 28, 28, 1)), np.zeros((3, 6))), "one code"),
        (lambda: small().encode(np.zeros((2, 28, 28))), "shape"),
        (lambda: small().decode(small().posterior(np.zeros((2, 28, 28, 1)))), "z must"),
        (lambda: small().sample(0), "n=0"),
        (
            lambda: small().nll(np.zeros((2, 28, 28, 1)), np.zeros((2, 6)), 0),
            "batch_size=0",
        ),
        (
            lambda: models.VariationalAutoencoder(models.dense_encoder((4,)), None),
            r"\[z_mean, z_log_var\]",
        ),
        (
            lambda: models.VariationalAutoencoder(heads_as_a_dict(), None),
            r"\[z_mean, z_log_var\]",
        ),
    ],
)
def test_bad_arguments_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_likelihoods_speak_of_the_images_that_are_decoded(x):
    """An encoder of small images with a decoder of large ones."""
    small_images = x[:5, ::2, ::2]
    encoder = models.dense_vae((14, 14, 1), (), 4).encoder
    decoder = models.dense_vae((28, 28, 1), (), 4).decoder
    vae = models.VariationalAutoencoder(encoder, decoder)
    z = vae.encode(small_images)
    p = vae.decode(z)
    expected = -(x[:5] * np.log(p) + (1 - x[:5]) * np.log(1 - p)).sum((1, 2, 3))
    np.testing.assert_allclose(vae.nll(x[:5], z), expected, rtol=1e-4)
    for wrong in (255 * x[:5], (255 * x[:5]).astype("uint8")):
        with pytest.raises(ValueError, match=r"255|8-bit"):
            vae.nll(wrong, z)


def test_defaults_are_the_bound_and_a_variance_to_learn_from():
    for build in (models.dense_vae, models.conv_vae):
        vae = build((12, 12, 1), (3, 4), 2, likelihood="gaussian")
        assert float(ops.convert_to_numpy(vae.beta)) == 1
        found = float(ops.convert_to_numpy(vae.log_variance))
        assert found == pytest.approx(np.log(0.01), rel=1e-5)
        vae = build((12, 12, 1), (3, 4), 2, likelihood="gaussian", variance=0.02)
        found = float(ops.convert_to_numpy(vae.log_variance))
        assert found == pytest.approx(np.log(0.02), rel=1e-5)


def test_the_class_itself_defaults_to_the_bound():
    made = models.dense_vae((9,), (), 2)
    vae = models.VariationalAutoencoder(
        made.encoder, made.decoder, likelihood="gaussian"
    )
    config = vae.get_config()
    assert config["beta"] == 1
    assert config["variance"] == pytest.approx(0.01, rel=1e-5)
    assert not config["sample_at_inference"]


def test_what_training_made_of_a_variance_can_be_saved(tmp_path):
    vae = models.dense_vae((9,), (), 2, likelihood="gaussian")
    vae.log_variance.assign(-50.0)
    vae.save(tmp_path / "vae.keras")
    loaded = keras.saving.load_model(tmp_path / "vae.keras")
    assert float(ops.convert_to_numpy(loaded.log_variance)) == -50


def test_steering_variables_keep_their_precision_under_bfloat16():
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("bfloat16")
    try:
        vae = models.dense_vae((9,), (), 2, beta=0.1)
        penalty = penalties.L1Sparsity(0.1)
    finally:
        keras.config.set_dtype_policy(before)
    for variable in (vae.beta, penalty.weight):
        found = float(ops.convert_to_numpy(variable))
        assert found == pytest.approx(0.1, rel=1e-6)


def test_the_output_range_follows_from_the_likelihood():
    vae = models.dense_vae((9,), (), 2)
    with pytest.raises(TypeError, match="output_range"):
        models.VariationalAutoencoder(vae.encoder, vae.decoder, output_range=(-1, 1))
