"""Seconds an epoch and seconds to a quality, for the lecture's model of lesson 01.

python benchmarks/speed.py [--repeats 3] [--record]

Runs a plain PyTorch loop and aelab on each installed backend, alternating, each in a
process of its own. Prints medians and ratios; `--record` keeps them in results.json.
Needs PyTorch and MNIST. Two times are taken:

- seconds an epoch: the lecture's recipe (Adam 1e-3, batch 128), steady epochs;
- seconds until the test MSE is 0.0100: the loop with the lecture's recipe, measured
  after each epoch (the measuring is not counted); aelab with `TARGET_RECIPE`, whose
  last epoch must reach it, or the run stops. Compiling, what a first epoch takes
  longer than the others, is told apart; ratios are printed with and without it.
"""

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import time
from itertools import pairwise

import numpy as np

TARGET = 0.0100
EPOCHS = 4  # timed for the seconds an epoch; the first is left out
# A short memory of squared gradients suits so short a run.
TARGET_RECIPE = {"epochs": 3, "batch_size": 128, "peak": 1e-2, "warmup": 0.15}
TARGET_BETA_2 = 0.95
BACKENDS = ("tensorflow", "jax", "torch")


def images():
    """All 60,000 training images and the test images, flat."""
    from aelab import data

    found = data.load("mnist")
    x = np.concatenate([found.x_train, found.x_val])
    return x.reshape(len(x), -1), found.x_test.reshape(len(found.x_test), -1)


def torch_loop():
    """The lecture's model as most PyTorch tutorials train it."""
    import torch
    from torch import nn
    from torch.utils.data import DataLoader, TensorDataset

    x, x_test = map(torch.from_numpy, images())
    torch.manual_seed(0)
    widths = (784, 128, 64, 32, 64, 128, 784)
    stack = []
    for i, (n_in, n_out) in enumerate(pairwise(widths)):
        stack += [nn.Linear(n_in, n_out)] + ([] if i in (2, 5) else [nn.ReLU()])
    model = nn.Sequential(*stack, nn.Sigmoid())
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    loader = DataLoader(TensorDataset(x), batch_size=128, shuffle=True)
    seconds, error = [], 1.0
    while error > TARGET:
        began = time.perf_counter()
        for (batch,) in loader:
            optimizer.zero_grad()
            loss = nn.functional.mse_loss(model(batch), batch)
            loss.backward()
            optimizer.step()
        seconds.append(time.perf_counter() - began)
        with torch.no_grad():
            error = float(nn.functional.mse_loss(model(x_test), x_test))
    return report(seconds, seconds, error)


def aelab_run():
    """The same model by aelab on the backend that KERAS_BACKEND names."""
    import keras

    from aelab import evaluation, models

    x, x_test = images()

    class Clock(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            self.marks = [time.perf_counter()]

        def on_epoch_end(self, epoch, logs=None):
            self.marks.append(time.perf_counter())

    def fit(optimizer, epochs, batch_size):
        keras.utils.set_random_seed(0)
        autoencoder = models.dense_autoencoder((784,))
        autoencoder.compile(optimizer, loss="mse", **models.fast_settings())
        clock = Clock()
        options = {"epochs": epochs, "batch_size": batch_size, "verbose": 0}
        autoencoder.fit(x, callbacks=[clock], **options)
        return autoencoder, np.diff(clock.marks).tolist()

    recipe = TARGET_RECIPE
    schedule = models.warmup_cosine(n_images=len(x), **recipe)
    optimizer = keras.optimizers.Adam(schedule, beta_2=TARGET_BETA_2)
    autoencoder, seconds = fit(optimizer, recipe["epochs"], recipe["batch_size"])
    error = evaluation.mse(x_test, autoencoder.reconstruct(x_test))
    if error > TARGET:
        raise RuntimeError(f"TARGET_RECIPE ends at {error:.4f}, not at {TARGET}")
    _, steady = fit(keras.optimizers.Adam(1e-3), EPOCHS, 128)
    return report(steady, seconds, error)


def report(steady, to_target, error):
    """Seconds of a steady epoch, of compiling, and to the target without it."""
    compiling = max(0.0, to_target[0] - float(np.median(to_target[1:])))
    return {
        "epoch": float(np.median(steady[1:])),
        "compile": compiling,
        "to_target": sum(to_target) - compiling,
        "error": error,
    }


def limit():
    """Floating-point operations of an epoch over this machine's matrix-product rate.

    A step costs two operations for each weight and image forwards, and four
    backwards, but for the first layer, whose input needs no gradient.
    """
    import torch

    widths = (784, 128, 64, 32, 64, 128, 784)
    products = [a * b for a, b in pairwise(widths)]
    operations = 60_000 * (6 * sum(products) - 2 * products[0])
    a = torch.rand(2048, 2048)
    rates = []
    for _ in range(20):
        began = time.perf_counter()
        a @ a
        rates.append(2 * 2048**3 / (time.perf_counter() - began))
    rate = float(np.median(rates))
    return {
        "gflop": operations / 1e9,
        "gflops": rate / 1e9,
        "seconds": operations / rate,
    }


def in_process(job):
    """Run one job in a fresh process and return what it reports."""
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    if job in BACKENDS:
        environment["KERAS_BACKEND"] = job
    done = subprocess.run(
        [sys.executable, __file__, "--job", job],
        env=environment,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def measure(repeats):
    """Alternate all jobs, and put medians beside the loop's."""
    jobs = ["loop", *(b for b in BACKENDS if importlib.util.find_spec(b))]
    runs = {job: [] for job in jobs}
    for _ in range(repeats):
        for job in jobs:
            runs[job].append(in_process(job))
            print(job, runs[job][-1], flush=True)
    rows = []
    for job, reports in runs.items():
        row = {key: float(np.median([r[key] for r in reports])) for key in reports[0]}
        row["name"] = "a plain PyTorch loop" if job == "loop" else f"aelab, {job}"
        rows.append(row)
    for row in rows:
        row["epoch_ratio"] = rows[0]["epoch"] / row["epoch"]
        row["target_ratio"] = rows[0]["to_target"] / row["to_target"]
        whole = row["to_target"] + row["compile"]
        row["whole_ratio"] = (rows[0]["to_target"] + rows[0]["compile"]) / whole
    bound = limit()
    bound["share"] = bound["seconds"] / rows[1]["epoch"]
    return {"repeats": repeats, "target": TARGET, "rows": rows, "limit": bound}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--record", action="store_true")
    parser.add_argument("--job", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.job:
        print(json.dumps(torch_loop() if options.job == "loop" else aelab_run()))
        return
    speed = measure(options.repeats)
    print(json.dumps(speed, indent=1))
    if options.record:
        import results

        results.record("speed", speed)


if __name__ == "__main__":
    main()
