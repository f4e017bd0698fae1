"""The VAE's contract, its numbers, and what is computed from its codes."""

import subprocess
import sys

import keras
import numpy as np
import pytest
from keras import ops
from scipy import stats

from aelab import evaluation, explorer, glyphs, layers, models, training


@pytest.fixture(scope="module")
def x():
    return glyphs.draw(300, seed=3).images


def small(build=models.dense_vae, **options):
    keras.utils.set_random_seed(0)
    shapes = {"hidden_units": (32,)} if build is models.dense_vae else {}
    vae = build((28, 28, 1), latent_dim=6, **shapes, **options)
    vae.compile(keras.optimizers.Adam(3e-3), **training.fast_settings())
    return vae


@pytest.mark.parametrize("build", [models.dense_vae, models.conv_vae])
@pytest.mark.parametrize("shape", [(28, 28, 1), (13, 9, 3)])
def test_any_shape_comes_out_as_it_went_in(build, shape):
    x = np.random.default_rng(0).random((5, *shape), dtype="float32")
    vae = build(shape, latent_dim=3)
    z_mean, z_log_var = vae.encode(x)
    assert z_mean.shape == z_log_var.shape == (5, 3)
    for images in (vae.reconstruct(x), vae.decode(z_mean), vae.sample(5)):
        assert images.shape == x.shape
        assert images.min() >= 0
        assert images.max() <= 1


@pytest.mark.parametrize("beta", [0.0, 1.0, 4.0])
@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
def test_loss_is_the_sum_of_its_parts(x, beta, likelihood):
    vae = small(beta=beta, likelihood=likelihood)
    # 300 images in batches of 128: the last batch is smaller.
    history = vae.fit(x, epochs=2, batch_size=128, verbose=0).history
    logs = vae.evaluate(x, batch_size=128, verbose=0, return_dict=True)
    for found in (logs, {name: values[-1] for name, values in history.items()}):
        parts = found["reconstruction"] + beta * found["kl"]
        assert found["loss"] == pytest.approx(parts, rel=1e-5)
    z_mean, z_log_var = vae.encode(x)
    kl = evaluation.kl_per_unit(z_mean, z_log_var).sum()
    assert logs["kl"] == pytest.approx(kl, rel=1e-4)
    assert logs["reconstruction"] == pytest.approx(vae.nll(x, z_mean).mean(), rel=1e-4)


def test_reconstruction_is_the_cross_entropy_of_what_decode_gives(x):
    vae = small()
    z_mean, _ = vae.encode(x)
    p = np.clip(vae.decode(z_mean).astype("float64"), 1e-12, 1 - 1e-12)
    expected = -(x * np.log(p) + (1 - x) * np.log(1 - p)).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(vae.nll(x, z_mean), expected, rtol=1e-4)


def test_gaussian_reconstruction_has_the_learnt_scale(x):
    vae = small(likelihood="gaussian")
    vae.compile(keras.optimizers.Adam(1e-2), **training.fast_settings())
    vae.fit(x, epochs=30, verbose=0)
    z_mean, _ = vae.encode(x)
    scale = np.exp(float(ops.convert_to_numpy(vae.log_variance)) / 2)
    assert scale < 0.5
    density = stats.norm.logpdf(x, vae.decode(z_mean), scale).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(vae.nll(x, z_mean), -density, rtol=1e-3)


def test_weights_of_examples_count(x):
    vae, weights = small(), np.repeat([1.0, 0.0], 150)
    half = vae.evaluate(x[:150], verbose=0, return_dict=True)
    whole = vae.evaluate(
        x, x, sample_weight=weights, batch_size=300, verbose=0, return_dict=True
    )
    assert whole["loss"] == pytest.approx(half["loss"] / 2, rel=1e-4)


def test_codes_are_drawn_in_training_alone(x):
    vae = small()
    calls = [ops.convert_to_numpy(vae(x[:3])["pixels"]) for _ in range(2)]
    np.testing.assert_array_equal(*calls)
    drawn = [ops.convert_to_numpy(vae(x[:3], training=True)["pixels"]) for _ in "ab"]
    assert np.abs(drawn[0] - drawn[1]).max() > 1e-3
    asked = small(sample_at_inference=True)
    drawn = [ops.convert_to_numpy(asked(x[:3])["pixels"]) for _ in "ab"]
    assert np.abs(drawn[0] - drawn[1]).max() > 1e-3


def test_same_seed_same_run(x):
    runs = []
    for seed in (0, 0, 1):
        keras.utils.set_random_seed(seed)
        vae = models.dense_vae((28, 28, 1), (16,), 4)
        vae.compile("adam", **training.fast_settings())
        vae.fit(x, epochs=2, verbose=0)
        runs.append(vae.encode(x)[0])
    np.testing.assert_allclose(runs[0], runs[1], atol=1e-5)
    assert np.abs(runs[0] - runs[2]).max() > 1e-3


def test_beta_trades_rate_for_distortion(x):
    logs = []
    for beta in (0.1, 10.0):
        vae = small(beta=beta)
        vae.fit(x, epochs=20, verbose=0)
        logs.append(vae.evaluate(x, verbose=0, return_dict=True))
    assert logs[0]["kl"] > 2 * logs[1]["kl"]
    assert logs[0]["reconstruction"] < logs[1]["reconstruction"]


def test_beta_warms_up_under_the_compiled_step(x):
    vae = small(beta=1.0)
    ramp = training.Ramp(vae.beta, 0.0, 1.0, epochs=4)
    history = vae.fit(x, epochs=6, verbose=0, callbacks=[ramp]).history
    parts = (np.array(history[name]) for name in ("loss", "reconstruction", "kl"))
    loss, reconstruction, kl = parts
    beta = (loss - reconstruction) / kl
    np.testing.assert_allclose(beta, [0, 0.25, 0.5, 0.75, 1, 1], atol=1e-3)


def test_it_learns(x):
    vae = small()
    before = vae.evaluate(x, verbose=0, return_dict=True)["loss"]
    vae.fit(x, epochs=30, verbose=0)
    after = vae.evaluate(x, verbose=0, return_dict=True)
    assert after["loss"] < 0.7 * before
    assert after["kl"] > 1


def test_targets_metrics_and_images_out_of_reach(x):
    vae = small()
    vae.compile("adam", metrics=["mse"])
    logs = vae.evaluate(x, np.zeros_like(x), verbose=0, return_dict=True)
    assert logs["mse"] == pytest.approx(np.square(vae.reconstruct(x)).mean(), rel=1e-3)
    with pytest.raises(ValueError, match=r"reaches \[0, 1\]"):
        vae.fit(2 * x, verbose=0)


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
def test_saved_in_one_process_it_samples_in_another(x, tmp_path, likelihood):
    vae = small(likelihood=likelihood, beta=0.5)
    vae.fit(x, epochs=1, verbose=0)
    vae.save(tmp_path / "vae.keras")
    np.save(tmp_path / "x.npy", x)
    code = """
import sys, keras, numpy as np
from aelab import models
vae = keras.saving.load_model(sys.argv[1] + "/vae.keras")
x = np.load(sys.argv[1] + "/x.npy")
loss = vae.evaluate(x, verbose=0, return_dict=True)["loss"]
arrays = {"sample": vae.sample(4, seed=1), "mean": vae.encode(x)[0], "loss": loss}
np.savez(sys.argv[1] + "/out.npz", **arrays)
vae.fit(x, epochs=1, verbose=0)
"""
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
    out = np.load(tmp_path / "out.npz")
    np.testing.assert_allclose(out["sample"], vae.sample(4, seed=1), atol=1e-5)
    np.testing.assert_allclose(out["mean"], vae.encode(x)[0], atol=1e-5)
    loss = vae.evaluate(x, verbose=0, return_dict=True)["loss"]
    assert float(out["loss"]) == pytest.approx(loss, rel=1e-5)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_gives_nearly_the_same_loss(x, policy):
    exact, before = small(), keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        vae = small()
        vae.set_weights(exact.get_weights())
        parts = [m.evaluate(x, verbose=0, return_dict=True) for m in (vae, exact)]
        vae.fit(x, epochs=2, verbose=0)
        after = vae.evaluate(x, verbose=0, return_dict=True)
    finally:
        keras.config.set_dtype_policy(before)
    for name in ("loss", "reconstruction", "kl"):
        assert parts[0][name] == pytest.approx(parts[1][name], rel=0.02)
    assert after["loss"] < parts[0]["loss"]
    assert vae.sample(2).dtype == np.float32


def test_a_log_variance_gone_astray_leaves_the_draw_finite():
    z_mean, z_log_var = np.zeros((100, 2), "float32"), np.full((100, 2), 500.0)
    drawn = layers.Sampling(seed=0)([z_mean, z_log_var.astype("float32")])
    assert np.isfinite(ops.convert_to_numpy(drawn)).all()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: small(beta=-1.0), "beta=-1.0"),
        (lambda: small(likelihood="poisson"), "likelihood='poisson'"),
        (lambda: models.dense_vae((28, 28, 1), latent_dim=0), "latent_dim"),
        (lambda: models.conv_vae((28, 28, 1), latent_dim=0), "latent_dim"),
        (lambda: models.conv_vae((28, 28, 1), upsampling="none"), "upsampling='none'"),
        (lambda: small().nll(np.zeros((2, 28, 28, 1)), np.zeros((3, 6))), "one code"),
        (lambda: small().encode(np.zeros((2, 28, 28))), "shape"),
        (
            lambda: models.VariationalAutoencoder(
                models.dense_autoencoder((4,)).encoder, None
            ),
            "1 outputs",
        ),
    ],
)
def test_bad_arguments_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def linear_gaussian(n=200, seed=0):
    """A model whose log p(x) is known: z ~ N(0, 1), x = w z + b + noise."""
    rng = np.random.default_rng(seed)
    w, b, scale = np.array([1.5, -0.5, 0.3]), np.array([0.2, 0.0, 1.0]), 0.6
    x = rng.normal(size=(n, 1)) * w + b + scale * rng.normal(size=(n, 3))
    covariance = np.outer(w, w) + scale**2 * np.eye(3)
    exact = stats.multivariate_normal(b, covariance).logpdf(x)
    precision = 1 + w @ w / scale**2
    posterior = ((x - b) @ w / scale**2 / precision)[:, None]

    def nll(x, z):
        return -stats.norm.logpdf(x, z * w + b, scale).sum(axis=1)

    return x, exact, posterior, np.full((n, 1), -np.log(precision)), nll


def test_log_likelihood_is_exact_under_the_true_posterior():
    x, exact, z_mean, z_log_var, nll = linear_gaussian()
    found = evaluation.log_likelihood(x, z_mean, z_log_var, nll, n_samples=3)
    np.testing.assert_allclose(found, exact, atol=1e-8)


def test_log_likelihood_rises_to_the_truth_from_a_poor_encoder():
    x, exact, z_mean, z_log_var, nll = linear_gaussian()
    poor = (x, 0.5 * z_mean, z_log_var + 1.0, nll)
    means = [evaluation.log_likelihood(*poor, n, seed=1).mean() for n in (1, 10, 2000)]
    assert means[0] < means[1] < means[2]
    assert means[2] == pytest.approx(exact.mean(), abs=0.02)
    # With one sample it is the ELBO: short by KL(q || p(z | x)), known in closed form.
    elbo = np.mean(
        [evaluation.log_likelihood(*poor, 1, seed=s).mean() for s in range(1, 400)]
    )
    variance = np.exp(z_log_var)
    gap = (np.e - 1 - 1 + np.square(0.5 * z_mean) / variance) / 2
    assert elbo == pytest.approx((exact - gap[:, 0]).mean(), abs=0.03)


def test_active_units_are_those_that_move():
    rng = np.random.default_rng(0)
    z_mean = rng.normal(size=(1000, 4)) * [1.0, 0.05, 0.2, 0.0] + [0, 5, 0, 3]
    np.testing.assert_array_equal(
        evaluation.active_units(z_mean), [True, False, True, False]
    )


def test_counts_of_sparse_codes():
    z = np.array([[0.0, 1.0, -2.0, 0.0], [0.0, 0.0, 3.0, 1e-4]])
    assert evaluation.mean_l0(z) == 2.0
    assert evaluation.mean_l0(z, threshold=1e-3) == 1.5
    np.testing.assert_array_equal(evaluation.dead_units(z), [True, False, False, False])
    np.testing.assert_array_equal(
        evaluation.dead_units(z, threshold=1e-3), [True, False, False, True]
    )


@pytest.mark.parametrize(
    "call",
    [
        lambda: evaluation.mean_l0(np.zeros(3)),
        lambda: evaluation.dead_units(np.full((2, 3), np.nan)),
        lambda: evaluation.active_units(np.zeros((0, 3))),
        lambda: evaluation.kl_per_unit(np.zeros((2, 3)), np.zeros((2, 4))),
        lambda: evaluation.log_likelihood(
            np.zeros((2, 1)), np.zeros((3, 1)), np.zeros((3, 1)), None
        ),
    ],
)
def test_codes_that_do_not_fit_are_refused(call):
    with pytest.raises(ValueError, match="shape"):
        call()


class Stub:
    """Draws a square as bright as the code's first unit says."""

    def __call__(self, z):
        bright = np.clip(0.5 + z[:, 0] / 6, 0, 1)
        return np.broadcast_to(bright[:, None, None, None], (len(z), 8, 8, 1))


def test_explorer_moves_its_image():
    made = explorer.LatentExplorer(Stub(), np.zeros(3), units=[0, 2])
    box, picture = made.widgets().children
    before = picture.value
    box.children[1].value = 2.0
    assert picture.value == before
    box.children[0].value = 2.0
    assert picture.value != before


def test_explorer_shows_rows_where_widgets_are_missing(monkeypatch):
    made = explorer.LatentExplorer(Stub(), np.zeros(3), units=[0, 2])
    view = "application/vnd.jupyter.widget-view+json"
    assert {"image/png", view} <= set(made._repr_mimebundle_())
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    bundle = made._repr_mimebundle_()
    assert view not in bundle
    assert len(bundle["image/png"]) > 1000
    axes = made.rows(n_steps=5)
    brightness = [ax.images[0].get_array().mean() for ax in axes[0]]
    assert brightness == sorted(brightness)
    assert len({ax.images[0].get_array().mean() for ax in axes[1]}) == 1


def test_explorer_refuses_units_outside_the_code():
    with pytest.raises(ValueError, match="units"):
        explorer.LatentExplorer(Stub(), np.zeros(3), units=[3])
