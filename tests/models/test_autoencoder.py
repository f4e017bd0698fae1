"""What every model promises: codes, images, losses, weights, inputs, errors."""

import keras
import numpy as np
import pytest
from keras import ops

from aelab import corruption, evaluation, layers, models, penalties, training


@keras.saving.register_keras_serializable(package="tests")
class Darken(keras.layers.Layer):
    """A corruption that leaves nothing of the input, in training alone."""

    def call(self, x, training=False):
        return ops.zeros_like(x) if training else x


def small(**options):
    keras.utils.set_random_seed(0)
    model = models.dense_autoencoder((28, 28, 1), (32,), 8, **options)
    model.compile("adam", **training.fast_settings())
    return model


BUILDERS = {
    "dense": lambda: models.dense_autoencoder((9, 7, 3), (16,), 4),
    "dense, flat": lambda: models.dense_autoencoder((9,), (), 4),
    "dense, dropout": lambda: models.dense_autoencoder((9,), (5,), 4, dropout=0.1),
    "conv, map": lambda: models.conv_autoencoder((9, 7, 3), (3, 4, 5)),
    "conv, resize, dropout": lambda: models.conv_autoencoder(
        (9, 7, 3), (3, 4, 5), 4, downsampling="max", upsampling="resize", dropout=0.1
    ),
    "conv, vector": lambda: models.conv_autoencoder((9, 7, 3), (3, 4), 5),
    "conv, signal": lambda: models.conv_autoencoder((13, 2), (3, 4), 5),
    "recurrent": lambda: models.recurrent_autoencoder((6, 2), (5, 4), 3),
    "dense VAE": lambda: models.dense_vae((9, 7, 3), (16,), 4),
    "conv VAE": lambda: models.conv_vae((9, 7, 3), (3, 4), 5),
    "Gaussian VAE": lambda: models.conv_vae((13, 2), (3, 4), 5, likelihood="gaussian"),
    "U-Net": lambda: models.unet((9, 7, 3), 2, (3, 4, 5), latent_dim=6),
}


@pytest.mark.parametrize("name", BUILDERS)
def test_one_contract_for_every_model(name):
    model = BUILDERS[name]()
    x = np.random.default_rng(0).random((5, *model._input_shape()[1:]), "float32")
    y_pred = model(x)
    assert isinstance(y_pred, dict)
    reconstruction = model.reconstruct(x)
    assert reconstruction.dtype == np.float32
    assert reconstruction.shape == (5, *model._output_shape()[1:])
    images = ops.convert_to_numpy(model.images_in(y_pred))
    np.testing.assert_allclose(images, reconstruction, atol=1e-5)
    if isinstance(model, models.UNet):
        assert not hasattr(model, "encode")
    else:
        z = model.encode(x)
        assert z.shape == (5, *model.decoder.input_shape[1:])
        np.testing.assert_allclose(model.decode(z), reconstruction, atol=1e-5)
        two_at_a_time = model.encode(x, batch_size=2)
        np.testing.assert_allclose(two_at_a_time, z, atol=1e-5)
    model.compile("adam")
    target = np.random.default_rng(1).random(reconstruction.shape, "float32")
    assert np.isfinite(model.fit(x, target, verbose=0).history["loss"]).all()


@pytest.mark.parametrize("name", BUILDERS)
def test_two_models_have_the_same_layer_names(name):
    first, second = (
        [layer.name for layer in BUILDERS[name]()._flatten_layers()] for _ in "ab"
    )
    assert first == second
    assert not any("cropping" in name for name in first)


def test_the_summary_shows_the_layers_inside(capsys):
    models.dense_autoencoder((9, 7, 3), (16,), 4).summary()
    assert "encoder_1" in capsys.readouterr().out


def test_what_steers_training_is_assigned_and_not_replaced(x):
    """A compiled step keeps the variable: another in its place would do nothing."""
    model = small(
        penalty=penalties.L1Sparsity(1.0), latent_layers=[layers.TopK(4, k_max=8)]
    )
    cheap = model.evaluate(x, verbose=0, return_dict=True)
    model.penalty.weight = 100.0
    dear = model.evaluate(x, verbose=0, return_dict=True)
    assert dear["loss"] - dear["reconstruction"] == pytest.approx(
        100 * cheap["penalty"], rel=1e-4
    )
    top_k = model.encoder.layers[-1]
    top_k.k = 2
    assert evaluation.mean_l0(model.encode(x)) <= 2
    vae = models.dense_vae((28, 28, 1), (), 4)
    vae.compile("adam")
    vae.evaluate(x, verbose=0)
    vae.beta = 7.0
    logs = vae.evaluate(x, verbose=0, return_dict=True)
    assert logs["loss"] - logs["reconstruction"] == pytest.approx(
        7 * logs["kl"], rel=1e-3
    )


def test_arrays_lists_and_data_sets_give_the_same_codes(x):
    class Batches(keras.utils.PyDataset):
        def __len__(self):
            return 3

        def __getitem__(self, i):
            part = x[i * 100 : (i + 1) * 100]
            return part, part, np.ones(100)

    model = small()
    z, x_hat = model.encode(x), model.reconstruct(x)
    as_generator = (x[i : i + 100] for i in (0, 100, 200))
    for same in (Batches(), list(x), ops.convert_to_tensor(x), as_generator):
        np.testing.assert_allclose(model.encode(same), z, atol=1e-5)
    np.testing.assert_allclose(model.reconstruct(Batches()), x_hat, atol=1e-5)
    data_sets = [Batches()]
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        data_sets.append(tf.data.Dataset.from_tensor_slices(x).batch(100))
        data_sets.append(tf.data.Dataset.from_tensor_slices((x, x)).batch(100))
    if keras.backend.backend() == "torch":
        from torch.utils.data import DataLoader

        data_sets.append(DataLoader(list(zip(x, x, strict=True)), batch_size=100))
    for data_set in data_sets:
        np.testing.assert_allclose(model.encode(data_set), z, atol=1e-5)
        logs = model.evaluate(data_set, verbose=0, return_dict=True)
        assert logs["loss"] == pytest.approx(evaluation.mse(x, x_hat), rel=1e-4)
    for data_set in data_sets:
        before = evaluation.mse(x, model.reconstruct(x))
        model.fit(data_set, epochs=3, verbose=0)
        assert evaluation.mse(x, model.reconstruct(x)) < before


def test_fit_learns_its_input_or_its_targets(x):
    model = small()
    before = evaluation.mse(x, model.reconstruct(x))
    model.fit(x, epochs=20, verbose=0)
    assert evaluation.mse(x, model.reconstruct(x)) < 0.7 * before
    model.fit(x, np.zeros_like(x), epochs=20, verbose=0)
    assert model.reconstruct(x).mean() < 0.05


@pytest.mark.parametrize("weight", [0.0, 0.03])
def test_loss_is_the_sum_of_its_parts(x, weight):
    model = small(penalty=penalties.L1Sparsity(weight))
    # 300 images in batches of 128: the last batch is smaller.
    history = model.fit(x, epochs=2, batch_size=128, verbose=0).history
    logs = model.evaluate(x, batch_size=128, verbose=0, return_dict=True)
    for found in (logs, {name: values[-1] for name, values in history.items()}):
        parts = found["reconstruction"] + weight * found["penalty"]
        assert found["loss"] == pytest.approx(parts, rel=1e-5)
    l1 = np.abs(model.encode(x)).sum(axis=1).mean()
    assert logs["penalty"] == pytest.approx(l1, rel=1e-4)
    error = evaluation.mse(x, model.reconstruct(x))
    assert logs["reconstruction"] == pytest.approx(error, rel=1e-4)
    # The weight is a variable of the compiled step, not a constant in it.
    model.penalty.weight.assign(10.0)
    logs = model.evaluate(x, verbose=0, return_dict=True)
    assert logs["loss"] == pytest.approx(error + 10 * l1, rel=1e-4)


def test_weights_of_images_count_everywhere(x):
    weights = np.random.default_rng(0).random(300) * 2
    penalised = small(penalty=penalties.L1Sparsity(0.1))
    # An image is as wide as a batch here: weights must not fall on its columns.
    for model in (penalised, small()):
        errors = evaluation.image_errors(x, model.reconstruct(x))
        l1 = np.abs(model.encode(x)).sum(axis=1)
        expected = {"reconstruction": (weights * errors).mean()}
        expected["loss"] = expected["reconstruction"]
        if model.penalty is not None:
            expected["penalty"] = (weights * l1).mean()
            expected["loss"] += 0.1 * expected["penalty"]
        model.optimizer.learning_rate = 0.0
        history = model.fit(
            x,
            batch_size=28,
            sample_weight=weights,
            validation_data=(x, None, weights),
            verbose=0,
        ).history
        for logs in (
            model.evaluate(
                x, sample_weight=weights, batch_size=28, verbose=0, return_dict=True
            ),
            model.evaluate(
                x, x, sample_weight=weights[:, None], verbose=0, return_dict=True
            ),
            {name: history[name][0] for name in expected},
            {name: history[f"val_{name}"][0] for name in expected},
        ):
            assert logs == pytest.approx(expected, rel=1e-4)
    with pytest.raises(ValueError, match="one weight for each image"):
        small().fit(x, x, sample_weight=np.ones((300, 28, 28)), verbose=0)
    with pytest.raises(ValueError, match="sample_weight"):
        small().fit(x, class_weight={0: 1.0}, verbose=0)


def test_keras_arguments_keep_their_places(x):
    model = small()
    history = model.fit(x, x, 100, 3, 0)
    assert len(history.history["loss"]) == 3
    assert history.params["steps"] == 3
    error = evaluation.mse(x, model.reconstruct(x))
    assert model.evaluate(x, x, 100, 0) == pytest.approx([error, error], rel=1e-4)
    split = model.fit(x, validation_split=0.2, verbose=0).history
    assert np.isfinite(split["val_loss"]).all()
    model.compile("adam", "mse", None, ["mae"])
    assert "mae" in model.fit(x, verbose=0).history


def test_any_single_loss_and_metrics(x):
    def largest_error(y_true, y_pred):  # one value for each image, as some have
        return ops.max(ops.abs(y_true - y_pred), axis=(1, 2, 3))

    model = small()
    x_hat = model.reconstruct(x)
    off = np.abs(x - x_hat)
    for loss, expected in (
        (None, evaluation.mse(x, x_hat)),
        ("binary_crossentropy", evaluation.cross_entropy(x, x_hat)),
        (keras.losses.MeanAbsoluteError(), off.mean()),
        (largest_error, off.max(axis=(1, 2, 3)).mean()),
    ):
        model.compile("adam", loss, metrics=["mae"])
        logs = model.evaluate(x, verbose=0, return_dict=True)
        assert logs["loss"] == pytest.approx(expected, rel=1e-4)
        assert logs["mae"] == pytest.approx(off.mean(), rel=1e-4)
    for bad in ({"loss": ["mse", "mae"]}, {"loss": "mse", "loss_weights": [1.0]}):
        with pytest.raises(ValueError, match="one loss"):
            model.compile("adam", **bad)
    with pytest.raises(ValueError, match="reduction='sum'"):
        model.compile("adam", keras.losses.MeanSquaredError(reduction="sum"))


def test_kernel_regularizers_count_in_the_loss_alone(x):
    image = keras.Input((28, 28, 1))
    flat = keras.layers.Flatten()(image)
    regularised = keras.layers.Dense(4, kernel_regularizer=keras.regularizers.L2(0.5))
    encoder = keras.Model(image, regularised(flat))
    model = models.Autoencoder(encoder, models.dense_decoder((28, 28, 1), (), 4))
    model.compile("adam")
    logs = model.evaluate(x, verbose=0, return_dict=True)
    expected = 0.5 * np.square(regularised.get_weights()[0]).sum()
    assert logs["loss"] - logs["reconstruction"] == pytest.approx(expected, rel=1e-3)


def test_the_code_that_is_decoded_is_the_code_that_is_penalised(x):
    # Nothing of the image is left: every code is the same, and so is what it costs.
    dark = small(corruption=Darken(), penalty=penalties.L1Sparsity(1.0))
    blank = np.abs(dark.encode(np.zeros_like(x[:1]))).sum()
    dark.optimizer.learning_rate = 0.0
    logs = dark.fit(x, verbose=0).history
    assert logs["penalty"][0] == pytest.approx(blank, abs=1e-5)
    # Dropout acts on the penalised code, too: no two epochs measure the same.
    noisy = small(dropout=0.5, penalty=penalties.L1Sparsity(1.0))
    noisy.optimizer.learning_rate = 0.0
    first, second = noisy.fit(x, epochs=2, verbose=0).history["penalty"]
    assert abs(first - second) > 1e-4 * first


def test_corruption_acts_in_training_and_rests_at_inference(x):
    model = small(corruption=Darken())
    lit = ops.convert_to_numpy(model(x[:5])["reconstruction"])
    np.testing.assert_allclose(lit, model.reconstruct(x[:5]), atol=1e-5)
    dark = ops.convert_to_numpy(model(x[:5], training=True)["reconstruction"])
    assert np.abs(dark - lit).max() > 1e-3
    np.testing.assert_allclose(dark, np.broadcast_to(dark[:1], dark.shape), atol=1e-5)
    always = small(corruption=corruption.MaskPixels(1.0, at_inference=True))
    error = evaluation.mse(x, always.reconstruct(np.zeros_like(x)))
    logs = always.evaluate(x, verbose=0, return_dict=True)
    assert logs["loss"] == pytest.approx(error, rel=1e-4)


@pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="TensorFlow alone traces a step"
)
def test_a_training_step_is_traced_once(x):
    """Tracing takes most of the time of a short training."""
    traced = []

    class Counting(keras.layers.Layer):
        def call(self, z):
            traced.append(z)
            return z

    model = small(latent_layers=[Counting()])
    traced.clear()
    model.fit(x, verbose=0)
    assert len(traced) == 1


def test_same_seed_same_run(x):
    runs = []
    for _ in range(2):
        model = small(dropout=0.1)
        model.fit(x, epochs=2, verbose=0)
        runs.append(model.reconstruct(x))
    np.testing.assert_allclose(*runs, atol=1e-5)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda x: x * 255, r"in \[0, 1\].*255"),
        (lambda x: 2 * x - 1, r"Received: values in \[-1, 1\]"),
        (lambda x: np.where(x > 0.5, np.nan, x), "NaN"),
        (lambda x: x[:0], "n at least 1"),
        (lambda x: x[..., 0], r"shape \(n, 28, 28, 1\)"),
        (lambda x: x[:, :27], r"\(300, 27, 28, 1\)"),
        (lambda x: (255 * x).astype("uint8"), "uint8, values up to 255"),
    ],
)
def test_what_cannot_be_learnt_is_refused(x, spoil, words):
    model, bad = small(), spoil(x)
    for call in (
        lambda: model.fit(bad, verbose=0),
        lambda: model.evaluate(bad, verbose=0),
        lambda: model.fit(x, validation_data=(bad, bad), verbose=0),
        lambda: model.fit(x, validation_data=bad, verbose=0),
    ):
        with pytest.raises(ValueError, match=words):
            call()


def test_a_rounding_error_is_no_fault(x):
    small().fit(np.where(x == 1, np.float32(1.0000002), x), verbose=0)


def test_targets_must_lie_in_reach_of_the_output(x):
    signed = 2 * x - 1
    small(output_activation="tanh").fit(signed, verbose=0)
    small(output_activation="linear").fit(100 * signed, verbose=0)
    with pytest.raises(ValueError, match=r"\[0, inf\]"):
        small(output_activation="relu").fit(signed, verbose=0)


def test_methods_refuse_what_does_not_fit(x):
    model = small()
    for call, words in (
        (lambda: model.encode(np.full_like(x, np.nan)), "NaN"),
        (lambda: model.reconstruct(x[0]), "shape"),
        (lambda: model.encode(x[:0]), "at least 1"),
        (lambda: model.encode(iter([])), "at least one example"),
        (lambda: model.encode((255 * x).astype("uint8")), "as_images"),
        (lambda: model.decode(np.zeros((2, 9), "float32")), r"z must.*\(n, 8\)"),
        (lambda: model.encode(x, batch_size=0), "batch_size=0"),
        (lambda: model.reconstruct(x, batch_size=-1), "batch_size=-1"),
    ):
        with pytest.raises(ValueError, match=words):
            call()
    with pytest.raises(ValueError, match="decoder must take what the encoder gives"):
        models.Autoencoder(model.encoder, models.dense_decoder((28, 28, 1), (), 9))
    for wrong in (0.3, corruption.MaskPixels):
        with pytest.raises(ValueError, match="corruption must be a layer"):
            small(corruption=wrong)
    vae = models.dense_vae((28, 28, 1), (), 8)
    with pytest.raises(ValueError, match="2 outputs"):
        models.Autoencoder(vae.encoder, model.decoder)


class StopOnce(keras.layers.Layer):
    """A corruption that is stopped by hand, the first time that it is traced."""

    stopped = False

    def call(self, x, training=False):
        if training and not self.stopped:
            self.stopped = True
            raise KeyboardInterrupt
        return x


def test_a_stop_in_the_first_step_leaves_a_model_that_trains(x):
    model = small(corruption=StopOnce())
    fresh = model.get_weights()
    with pytest.raises(KeyboardInterrupt, match="run the cell again") as stopped:
        model.fit(x, verbose=0)
    # A notebook shows these lines alone.
    assert stopped.value._render_traceback_() == [str(stopped.value)]
    for before, after in zip(fresh, model.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)
    before = evaluation.mse(x, model.reconstruct(x))
    model.fit(x, epochs=20, verbose=0)
    trained = evaluation.mse(x, model.reconstruct(x))
    assert trained < 0.8 * before
    # A new recipe for a trained model, stopped at once, loses nothing.
    model.corruption.stopped = False
    model.compile("adam", **training.fast_settings())
    with pytest.raises(KeyboardInterrupt):
        model.fit(x, verbose=0)
    assert evaluation.mse(x, model.reconstruct(x)) == pytest.approx(trained, rel=1e-4)


class StopsOnce(keras.optimizers.Adam):
    """Stops in its first step, when its variables have been made."""

    stopped = False

    def update_step(self, gradient, variable, learning_rate):
        if not StopsOnce.stopped:
            StopsOnce.stopped = True
            raise KeyboardInterrupt
        super().update_step(gradient, variable, learning_rate)


def test_a_stop_in_the_optimizers_first_step_leaves_a_model_that_trains(x):
    StopsOnce.stopped = False
    model = small()
    model.compile(StopsOnce(1e-2), **training.fast_settings())
    before = evaluation.mse(x, model.reconstruct(x))
    with pytest.raises(KeyboardInterrupt):
        model.fit(x, verbose=0)
    model.fit(x, epochs=20, verbose=0)
    assert evaluation.mse(x, model.reconstruct(x)) < 0.8 * before


def test_a_stop_in_a_later_epoch_keeps_what_was_learned(x):
    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 2:
                raise KeyboardInterrupt

    model = small()
    with pytest.raises(KeyboardInterrupt, match="what it has learned"):
        model.fit(x, epochs=9, verbose=0, callbacks=[Stop()])
    reached = evaluation.mse(x, model.reconstruct(x))
    assert int(ops.convert_to_numpy(model.optimizer.iterations)) == 30
    model.fit(x, epochs=5, verbose=0)
    assert int(ops.convert_to_numpy(model.optimizer.iterations)) == 80
    assert evaluation.mse(x, model.reconstruct(x)) < reached


def test_images_of_8_bits_are_refused_in_data_sets_and_tensors_too(x):
    class Batches(keras.utils.PyDataset):
        def __len__(self):
            return 1

        def __getitem__(self, i):
            return 255 * x, 255 * x

    model = small()
    for bad in (Batches(), ops.convert_to_tensor(255 * x)):
        for call in (model.fit, model.evaluate):
            with pytest.raises(ValueError, match=r"x must lie in \[0, 1\].*255"):
                call(bad, verbose=0)
    with pytest.raises(ValueError, match=r"validation x must lie in \[0, 1\]"):
        model.fit(x, validation_data=Batches(), verbose=0)
    model.fit(ops.convert_to_tensor(x), verbose=0)  # and others are not


def test_training_that_changes_nothing_is_told(x):
    model = small()
    schedule = training.warmup_cosine(1e-3, len(x), 100, 2)
    model.compile(keras.optimizers.Adam(schedule))
    model.fit(x, batch_size=100, epochs=2, verbose=0)
    with pytest.warns(UserWarning, match="schedule is at its end"):
        model.fit(x, batch_size=100, verbose=0)


@pytest.mark.parametrize("policy", ["float64", "mixed_bfloat16", "bfloat16"])
def test_other_precisions_give_nearly_the_same_loss(x, policy):
    if policy == "float64" and keras.backend.backend() == "jax":
        pytest.skip("JAX computes in float32 unless it is told otherwise")
    builders = (
        lambda: models.dense_autoencoder(
            (28, 28, 1), (16,), 4, penalty=penalties.L1Sparsity(0.1)
        ),
        lambda: models.conv_vae((13, 12, 1), (3, 4), 4, beta=0.1),
        lambda: models.unet((13, 12, 1), filters=(3, 4)),
    )
    for build in builders:
        exact = build()
        exact.compile("adam")
        before = keras.config.dtype_policy()
        keras.config.set_dtype_policy(policy)
        try:
            model = build()
            model.compile("adam")
            model.set_weights(exact.get_weights())
            images = x[:100, :13, :12] if model._input_shape()[1] == 13 else x[:100]
            found = model.evaluate(images, verbose=0, return_dict=True)
            model.fit(images, verbose=0)
        finally:
            keras.config.set_dtype_policy(before)
        expected = exact.evaluate(images, verbose=0, return_dict=True)
        assert found == pytest.approx(expected, rel=0.03, abs=0.01)
        assert model.reconstruct(images).dtype == np.float32


def test_values_of_8_bits_are_refused_and_codes_of_integers_are_not(x):
    model = small()
    for give in (model.encode, model.reconstruct, lambda images: model.fit(images, x)):
        with pytest.raises(ValueError, match=r"x must lie in \[0, 1\].*255"):
            give(255 * x)
    assert model.encode(x + 3).shape == (300, 8)  # as noise may make it
    assert model.decode(np.full((2, 8), 3)).shape == (2, 28, 28, 1)
    with pytest.raises(ValueError, match=r"one example is z\[None\]"):
        model.decode(np.zeros(8, "float32"))
