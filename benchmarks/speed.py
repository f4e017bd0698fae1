"""Seconds an epoch of the lecture's models, and what the quicker ways cost.

python benchmarks/speed.py [--model dense|conv|vae|all] [--repeats 3] [--record]

Runs a plain PyTorch loop and aelab on each installed backend, alternating, each in a
process of its own. Prints numbers and ratios; `--record` keeps them in results.json.
Needs PyTorch and MNIST. Seconds an epoch are those of the quickest epoch after the
first, over all runs: other work on a machine can only add to them. The recipe is the
lecture's (Adam 1e-3, batch 128) on all 60,000 training images. The rest are medians.

The dense model of lesson 01 is also timed until its test MSE is 0.0100: the loop with
the lecture's recipe, measured after each epoch (the measuring is not counted); aelab
with `TARGET_RECIPE`, whose last epoch must reach it, or the run stops. Compiling, what
a first epoch takes longer than the others, is told apart; ratios are printed with and
without it.

The convolutional model of lesson 02 also runs in the ways of `CONV_VARIANTS`. Each row
tells the test cross-entropy after all its epochs: speed that costs quality should not
pass for a gift. So does the convolutional VAE of lesson 05, in nats an image.
"""

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import time
from itertools import islice, pairwise

import numpy as np

TARGET = 0.0100
EPOCHS = 4  # timed for the seconds an epoch; the first left out
# A short memory of squared gradients suits so short a run.
TARGET_RECIPE = {"epochs": 3, "batch_size": 128, "peak": 1e-2, "warmup": 0.15}
TARGET_BETA_2 = 0.95
BACKENDS = ("tensorflow", "jax", "torch")
# Quicker ways on TensorFlow: what they change of the lecture's recipe.
CONV_VARIANTS = {
    "aelab, tensorflow, batch 256, rate 2e-3": {"batch_size": 256, "rate": 2e-3},
    "aelab, tensorflow, mixed_bfloat16": {"policy": "mixed_bfloat16"},
}
LOOP = "a plain PyTorch loop"
# Sections of results.json.
SECTIONS = {"dense": "speed", "conv": "speed_conv", "vae": "speed_vae"}


def images(shape):
    """All 60,000 training images and the test images, each in the given shape."""
    from aelab import data

    found = data.load("mnist")
    x = np.concatenate([found.x_train, found.x_val])
    return x.reshape(-1, *shape), found.x_test.reshape(-1, *shape)


def bce(x, x_hat):
    """Binary cross-entropy per pixel, in nats; `bce(x, x)` is the floor."""
    x, x_hat = x.astype("float64"), np.clip(x_hat.astype("float64"), 1e-7, 1 - 1e-7)
    return float(-np.mean(x * np.log(x_hat) + (1 - x) * np.log(1 - x_hat)))


def torch_epochs(model, x, loss):
    """Train as most PyTorch tutorials do; after each epoch, yield its seconds."""
    import torch
    from torch.utils.data import DataLoader, TensorDataset

    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    loader = DataLoader(TensorDataset(x), batch_size=128, shuffle=True)
    while True:
        began = time.perf_counter()
        for (batch,) in loader:
            optimizer.zero_grad()
            loss(model(batch), batch).backward()
            optimizer.step()
        yield time.perf_counter() - began


def dense_loop():
    """The lecture's dense model in a plain PyTorch loop."""
    import torch
    from torch import nn

    x, x_test = map(torch.from_numpy, images((784,)))
    torch.manual_seed(0)
    widths = (784, 128, 64, 32, 64, 128, 784)
    stack = []
    for i, (n_in, n_out) in enumerate(pairwise(widths)):
        stack += [nn.Linear(n_in, n_out)] + ([] if i in (2, 5) else [nn.ReLU()])
    model = nn.Sequential(*stack, nn.Sigmoid())
    epochs = torch_epochs(model, x, nn.functional.mse_loss)
    seconds, error = [], 1.0
    while error > TARGET:
        seconds.append(next(epochs))
        with torch.no_grad():
            error = float(nn.functional.mse_loss(model(x_test), x_test))
    return dense_report(seconds, seconds, error)


def conv_loop():
    """The lecture's convolutional model in a plain PyTorch loop."""
    import torch
    from torch import nn

    x, x_test = map(torch.from_numpy, images((1, 28, 28)))
    torch.manual_seed(0)
    halve = {"kernel_size": 3, "stride": 2, "padding": 1}
    double = {**halve, "output_padding": 1}
    model = nn.Sequential(
        *(nn.Conv2d(1, 16, **halve), nn.ReLU()),
        *(nn.Conv2d(16, 32, **halve), nn.ReLU()),
        *(nn.Conv2d(32, 64, 3, padding=1), nn.ReLU()),
        *(nn.Conv2d(64, 32, 3, padding=1), nn.ReLU()),
        *(nn.ConvTranspose2d(32, 16, **double), nn.ReLU()),
        *(nn.ConvTranspose2d(16, 1, **double), nn.Sigmoid()),
    )
    epochs = torch_epochs(model, x, nn.functional.binary_cross_entropy)
    seconds = list(islice(epochs, EPOCHS))
    with torch.no_grad():
        x_hat = torch.cat([model(batch) for batch in x_test.split(1000)])
    return conv_report(seconds, x_test.numpy(), x_hat.numpy())


def vae_loop():
    """The lecture's convolutional VAE in a plain PyTorch loop."""
    import torch
    from torch import nn

    class Vae(nn.Module):
        def __init__(self):
            super().__init__()
            halve = {"kernel_size": 3, "stride": 2, "padding": 1}
            double = {**halve, "output_padding": 1}
            self.encoder = nn.Sequential(
                *(nn.Conv2d(1, 16, **halve), nn.ReLU()),
                *(nn.Conv2d(16, 32, **halve), nn.ReLU()),
                *(nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.Flatten()),
            )
            self.heads = nn.ModuleList(nn.Linear(3136, 128) for _ in range(2))
            self.decoder = nn.Sequential(
                *(nn.Linear(128, 3136), nn.ReLU(), nn.Unflatten(1, (64, 7, 7))),
                *(nn.Conv2d(64, 32, 3, padding=1), nn.ReLU()),
                *(nn.ConvTranspose2d(32, 16, **double), nn.ReLU()),
                nn.ConvTranspose2d(16, 1, **double),
            )

        def forward(self, x):
            h = self.encoder(x)
            z_mean, z_log_var = (head(h) for head in self.heads)
            z = z_mean + torch.exp(z_log_var / 2) * torch.randn_like(z_mean)
            return self.decoder(z), z_mean, z_log_var

    def loss(found, x):
        logits, z_mean, z_log_var = found
        bits = nn.functional.binary_cross_entropy_with_logits
        kl = (z_mean**2 + z_log_var.exp() - z_log_var - 1).sum() / 2
        return (bits(logits, x, reduction="sum") + kl) / len(x)

    x, x_test = map(torch.from_numpy, images((1, 28, 28)))
    torch.manual_seed(0)
    model = Vae()
    seconds = list(islice(torch_epochs(model, x, loss), EPOCHS))
    with torch.no_grad():
        nats = [float(loss(model(batch), batch)) for batch in x_test.split(1000)]
    return {"epoch": min(seconds[1:]), "quality": float(np.mean(nats))}


def fit(build, x, optimizer, loss, epochs, batch_size=128):
    """A model of aelab, trained on KERAS_BACKEND, and the seconds of each epoch."""
    import keras

    from aelab import training

    class Clock(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            self.marks = [time.perf_counter()]

        def on_epoch_end(self, epoch, logs=None):
            self.marks.append(time.perf_counter())

    keras.utils.set_random_seed(0)
    autoencoder = build(x.shape[1:])
    autoencoder.compile(optimizer, loss=loss, **training.fast_settings())
    clock, how = Clock(), {"epochs": epochs, "batch_size": batch_size, "verbose": 0}
    autoencoder.fit(x, callbacks=[clock], **how)
    return autoencoder, np.diff(clock.marks).tolist()


def dense_aelab():
    """The lecture's dense model by aelab."""
    import keras

    from aelab import evaluation, models, training

    x, x_test = images((784,))
    schedule = training.warmup_cosine(n_images=len(x), **TARGET_RECIPE)
    optimizer = keras.optimizers.Adam(schedule, beta_2=TARGET_BETA_2)
    how = {key: TARGET_RECIPE[key] for key in ("epochs", "batch_size")}
    autoencoder, seconds = fit(models.dense_autoencoder, x, optimizer, "mse", **how)
    error = evaluation.mse(x_test, autoencoder.reconstruct(x_test))
    if error > TARGET:
        raise RuntimeError(f"TARGET_RECIPE ends at {error:.4f}, not at {TARGET}")
    optimizer = keras.optimizers.Adam(1e-3)
    _, steady = fit(models.dense_autoencoder, x, optimizer, "mse", EPOCHS)
    return dense_report(steady, seconds, error)


def conv_aelab(batch_size=128, rate=1e-3, policy="float32"):
    """The lecture's convolutional model by aelab."""
    import keras

    from aelab import models

    keras.config.set_dtype_policy(policy)
    x, x_test = images((28, 28, 1))
    recipe = (keras.optimizers.Adam(rate), "binary_crossentropy", EPOCHS)
    autoencoder, seconds = fit(models.conv_autoencoder, x, *recipe, batch_size)
    return conv_report(seconds, x_test, autoencoder.reconstruct(x_test))


def vae_aelab():
    """The lecture's convolutional VAE by aelab."""
    import keras

    from aelab import models

    def build(shape):
        return models.conv_vae(shape, sample_at_inference=True)

    x, x_test = images((28, 28, 1))
    vae, seconds = fit(build, x, keras.optimizers.Adam(1e-3), None, EPOCHS)
    logs = vae.evaluate(x_test, verbose=0, return_dict=True)
    return {"epoch": min(seconds[1:]), "quality": logs["loss"]}


def dense_report(steady, to_target, error):
    """Seconds of an epoch, of compiling, and to the target without it."""
    compiling = max(0.0, to_target[0] - float(np.median(to_target[1:])))
    return {
        "epoch": min(steady[1:]),
        "compile": compiling,
        "to_target": sum(to_target) - compiling,
        "error": error,
    }


def conv_report(seconds, x_test, x_hat):
    """Seconds of an epoch, and the test BCE after all of them."""
    return {"epoch": min(seconds[1:]), "quality": bce(x_test, x_hat)}


def limit():
    """Operations of a dense epoch over this machine's matrix-product rate.

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


def jobs(model):
    """What the rows of a table run: `{name: (function, backend, its arguments)}`."""
    loop, aelab, variants = {
        "dense": (dense_loop, dense_aelab, {}),
        "conv": (conv_loop, conv_aelab, CONV_VARIANTS),
        "vae": (vae_loop, vae_aelab, {}),
    }[model]
    found = {f"aelab, {backend}": (aelab, backend, {}) for backend in BACKENDS}
    found |= {name: (aelab, "tensorflow", how) for name, how in variants.items()}
    installed = {
        name: job for name, job in found.items() if importlib.util.find_spec(job[1])
    }
    return {LOOP: (loop, "torch", {}), **installed}


def in_process(model, name, backend):
    """Run one job in a fresh process and return what it reports."""
    environment = {"TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_BACKEND": backend}
    done = subprocess.run(
        [sys.executable, __file__, "--model", model, "--job", name],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def alternate(model, repeats):
    """Run all jobs in turn, and put their seconds beside the loop's: table rows."""
    backends = {name: backend for name, (_, backend, _) in jobs(model).items()}
    runs = {name: [] for name in backends}
    for _ in range(repeats):
        for name, backend in backends.items():
            runs[name].append(in_process(model, name, backend))
            print(name, runs[name][-1], flush=True)
    rows = []
    for name, reports in runs.items():
        row = {key: float(np.median([r[key] for r in reports])) for key in reports[0]}
        row["epoch"] = min(report["epoch"] for report in reports)
        rows.append({"name": name, **row})
    for row in rows:
        row["epoch_ratio"] = rows[0]["epoch"] / row["epoch"]
    return rows


def measure_dense(repeats):
    """Rows of the dense model, with the ways to the target, and the limit."""
    rows = alternate("dense", repeats)
    for row in rows:
        row["target_ratio"] = rows[0]["to_target"] / row["to_target"]
        whole = row["to_target"] + row["compile"]
        row["whole_ratio"] = (rows[0]["to_target"] + rows[0]["compile"]) / whole
    bound = limit()
    bound["share"] = bound["seconds"] / rows[1]["epoch"]
    return {"repeats": repeats, "target": TARGET, "rows": rows, "limit": bound}


def measure_quality(model, repeats):
    """Rows of a model with what it reached, and the BCE that none gets below."""
    rows = alternate(model, repeats)
    _, x_test = images((28, 28, 1))
    floor = bce(x_test, x_test)
    return {"repeats": repeats, "epochs": EPOCHS, "floor": floor, "rows": rows}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", choices=(*SECTIONS, "all"), default="all")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--record", action="store_true")
    parser.add_argument("--job", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.job:
        function, _, how = jobs(options.model)[options.job]
        print(json.dumps(function(**how)))
        return
    for model in SECTIONS if options.model == "all" else (options.model,):
        if model == "dense":
            speed = measure_dense(options.repeats)
        else:
            speed = measure_quality(model, options.repeats)
        print(json.dumps(speed, indent=1))
        if options.record:
            import results

            results.record(SECTIONS[model], speed)


if __name__ == "__main__":
    main()
