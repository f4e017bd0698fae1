"""Two devices train what one trains: losses, parts and weights."""

import json
import os
import subprocess
import sys

import keras
import numpy as np
import pytest

# Devices must be split before the backend starts: a process of its own.
RUN = """
import contextlib, json, os, sys
import numpy as np
backend = os.environ["KERAS_BACKEND"]
if backend == "jax":
    os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=2"
else:
    import tensorflow as tf
    cpu = tf.config.list_physical_devices("CPU")[0]
    two = [tf.config.LogicalDeviceConfiguration()] * 2
    tf.config.set_logical_device_configuration(cpu, two)
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
import keras
from aelab import models, penalties

rng = np.random.default_rng(0)
x = rng.random((44, 6, 6, 1), "float32")  # batches of 16: the last has 12
weights = rng.random(44) * 2

def regularised():
    model = models.dense_autoencoder((6, 6, 1), (8,), 4)
    encoder = keras.Sequential([
        keras.Input((6, 6, 1)),
        keras.layers.Flatten(),
        keras.layers.Dense(4, kernel_regularizer=keras.regularizers.L2(0.1)),
    ])
    return models.Autoencoder(
        encoder, model.decoder, penalty=penalties.Contractive(0.01, exact=True)
    )

MODELS = {
    "penalised": lambda: models.dense_autoencoder(
        (6, 6, 1), (8,), 4, penalty=penalties.L1Sparsity(0.3)
    ),
    "regularised": regularised,
    "variational": lambda: models.dense_vae((6, 6, 1), (8,), 4, beta=2.0),
}

@contextlib.contextmanager
def devices(n):
    if backend == "jax":
        from keras import distribution
        before = distribution.distribution()
        names = distribution.list_devices()[:n]
        distribution.set_distribution(distribution.DataParallel(devices=names))
        yield
        distribution.set_distribution(before)
    elif n == 1:
        yield
    else:
        with strategy.scope():
            yield

found = {}
for name, make in MODELS.items():
    for n in (1, 2):
        with devices(n):
            keras.utils.set_random_seed(1)
            model = make()
            if name == "variational":
                model.sampling.call = lambda inputs: inputs[0]  # nothing drawn
            model.compile(keras.optimizers.SGD(0.01))
            logs = model.evaluate(
                x, sample_weight=weights, batch_size=16, verbose=0, return_dict=True
            )
            history = model.fit(
                x, batch_size=16, epochs=2, shuffle=False, sample_weight=weights,
                verbose=0,
            ).history
            total = float(sum(np.abs(w).sum() for w in model.get_weights()))
        found[f"{name} {n}"] = {
            **logs,
            **{f"fit {key}": values[-1] for key, values in history.items()},
            "weights": total,
        }
json.dump(found, open(sys.argv[1], "w"))
"""


@pytest.mark.skipif(keras.backend.backend() == "torch", reason="no such strategy")
def test_two_devices_train_what_one_trains(tmp_path):
    path = tmp_path / "found.json"
    subprocess.run([sys.executable, "-c", RUN, str(path)], env=os.environ, check=True)
    found = json.loads(path.read_text())
    for name in ("penalised", "regularised", "variational"):
        one, two = found[f"{name} 1"], found[f"{name} 2"]
        assert two == pytest.approx(one, rel=1e-4), name
        beta_or_weight = {"penalised": 0.3, "regularised": 0.01, "variational": 2.0}
        part = "kl" if name == "variational" else "penalty"
        for logs, prefix in ((two, ""), (two, "fit ")):
            parts = logs[f"{prefix}reconstruction"]
            parts += beta_or_weight[name] * logs[prefix + part]
            extra = logs[f"{prefix}loss"] - parts
            if name == "regularised":
                assert extra > 1e-3
            else:
                assert extra == pytest.approx(0, abs=1e-4)
    assert np.isfinite(found["variational 2"]["loss"])
