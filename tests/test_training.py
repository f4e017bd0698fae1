"""The schedule, the ramp, the progress line, and one call that trains."""

import keras
import numpy as np
import pytest

from aelab import evaluation, layers, models, penalties, training


def small(**options):
    keras.utils.set_random_seed(0)
    return models.dense_autoencoder((28, 28, 1), (32,), 8, **options)


def test_schedule_rises_and_falls_to_zero():
    schedule = training.warmup_cosine(2e-3, n_images=1000, batch_size=40, epochs=5)
    steps = 25 * 5
    rates = np.array([float(schedule(step)) for step in range(steps + 1)])
    top = int(0.05 * steps)
    assert rates[0] == 0
    assert rates.max() == pytest.approx(2e-3)
    assert rates.argmax() == top
    assert (np.diff(rates[:top]) > 0).all()
    assert (np.diff(rates[top:]) < 0).all()
    assert rates[-1] == pytest.approx(0, abs=1e-9)
    # 1001 images need a step more an epoch.
    longer = training.warmup_cosine(2e-3, n_images=1001, batch_size=40, epochs=5)
    assert float(longer(steps)) > 0


def test_train_is_the_recipe_written_out(x):
    by_call, by_hand = small(), small()
    keras.utils.set_random_seed(1)
    history = training.train(
        by_call,
        x,
        epochs=3,
        peak=4e-3,
        batch_size=50,
        clipnorm=1.0,
        loss="binary_crossentropy",
        validation_data=(x[:20], x[:20]),
    )
    keras.utils.set_random_seed(1)
    schedule = training.warmup_cosine(4e-3, 300, 50, 3)
    optimizer = keras.optimizers.Adam(schedule, clipnorm=1.0)
    by_hand.compile(optimizer, loss="binary_crossentropy")
    expected = by_hand.fit(
        x, batch_size=50, epochs=3, validation_data=(x[:20], x[:20]), verbose=0
    ).history
    np.testing.assert_allclose(history.history["loss"], expected["loss"], rtol=1e-3)
    assert len(history.history["val_loss"]) == 3
    assert history.seconds > 0
    with pytest.raises(ValueError, match="fast_settings"):
        training.train(by_call, iter([x]), epochs=1)


def test_train_stops_where_the_loss_is_no_number(x):
    model = small(output_activation="linear")
    with pytest.warns(UserWarning, match="NaN or infinite in epoch 1"):
        history = training.train(model, 1e30 * x, epochs=50, peak=1.0)
    assert len(history.history["loss"]) < 50


def test_settings_are_the_callers_own():
    # On a CPU, TensorFlow's `jit_compile` is set anew in each call.
    for name in ("jit_compile", "steps_per_execution"):
        training.fast_settings()[name] = "changed"
        assert training.fast_settings()[name] != "changed"


def test_train_hands_on_what_it_is_given(x, monkeypatch):
    asked = []
    real = training.fast_settings

    def settings(n_steps=None):
        asked.append(n_steps)
        return real(n_steps)

    monkeypatch.setattr(training, "fast_settings", settings)
    model = small()
    training.train(
        model, x[:50], epochs=2, batch_size=20, clipnorm=0.5, weight_decay=1e-3
    )
    assert asked == [6]  # 20 + 20 + 10 images, twice
    assert model.optimizer.clipnorm == 0.5
    assert model.optimizer.weight_decay == 1e-3


def test_progress_keeps_the_last_line_and_the_seconds(x, monkeypatch):
    shown = []

    class Handle:
        def display(self, line):
            shown.append(line)

        update = display

    monkeypatch.setattr(training.display, "DisplayHandle", Handle)
    model = small()
    model.compile("adam")
    progress = training.Progress()
    early = keras.callbacks.EarlyStopping("loss", patience=1, min_delta=10.0)
    model.fit(x, epochs=50, verbose=0, callbacks=[progress, early])
    assert shown[0] == "training ..."
    assert shown[-1].startswith("epoch 2 of 50, ")
    assert "reconstruction" not in shown[-1]  # It is the loss, said once.
    assert progress.seconds > 0


def test_a_ramp_moves_k_while_it_trains(x, tmp_path):
    active = []

    class Look(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            active.append(np.count_nonzero(model.encode(x[:9]), axis=1).mean())

    top_k = layers.TopK(4, k_max=20)
    model = models.dense_autoencoder((28, 28, 1), (), 40, latent_layers=[top_k])
    model.compile("adam", **training.fast_settings())
    ramp = training.Ramp(top_k.k, 19, 4, epochs=4)
    model.fit(x, epochs=6, verbose=0, callbacks=[ramp, Look()])
    assert active == [19, 15, 12, 8, 4, 4]  # 15.25, 11.5 and 7.75, rounded
    model.save(tmp_path / "model.keras")
    restored = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(restored.encode(x), model.encode(x), atol=1e-5)


def test_a_ramp_moves_a_penaltys_weight_under_the_compiled_step(x):
    model = small(penalty=penalties.L1Sparsity(1.0))
    model.compile("adam", **training.fast_settings())
    ramp = training.Ramp(model.penalty.weight, 0.0, 0.4, epochs=2)
    logs = model.fit(x, epochs=4, verbose=0, callbacks=[ramp]).history
    loss, error, penalty = (
        np.array(logs[name]) for name in ("loss", "reconstruction", "penalty")
    )
    np.testing.assert_allclose((loss - error) / penalty, [0, 0.2, 0.4, 0.4], atol=1e-4)


def test_bad_arguments_are_named():
    good = {"peak": 1e-3, "n_images": 10, "batch_size": 2, "epochs": 1}
    for argument, value in (
        ("peak", -1.0),
        ("n_images", 0),
        ("batch_size", 0),
        ("epochs", -2),
        ("epochs", 1.5),
        ("warmup", 1.5),
        ("warmup", 3),
    ):
        with pytest.raises(ValueError, match=f"{argument}={value}"):
            training.warmup_cosine(**{**good, argument: value})
    with pytest.raises(ValueError, match="epochs=0"):
        training.Ramp(keras.Variable(0.0), 0, 1, epochs=0)
    with pytest.raises(ValueError, match="Keras variable"):
        training.Ramp(penalties.L1Sparsity(0.1), 0, 1, epochs=2)


def test_the_shortest_training_learns(x):
    model = small()
    before = evaluation.mse(x, model.reconstruct(x))
    training.train(model, x[:100], epochs=1)
    assert evaluation.mse(x, model.reconstruct(x)) != before


def test_settings_follow_the_device(monkeypatch):
    monkeypatch.setattr(training.keras.backend, "backend", lambda: "tensorflow")
    for on_gpu, jit_compile in ((True, "auto"), (False, False)):
        monkeypatch.setattr(training, "on_gpu", lambda answer=on_gpu: answer)
        assert training.fast_settings()["jit_compile"] == jit_compile
    assert training.fast_settings(50)["steps_per_execution"] == 1
    assert training.fast_settings(5000)["steps_per_execution"] > 1
