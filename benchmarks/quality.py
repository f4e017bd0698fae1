"""Test errors of lesson 01's models over several seeds, into results.json.

python benchmarks/quality.py [--seeds 0 1 2]

The lesson's recipes, on all 60,000 training images of MNIST. Then
`python benchmarks/results.py` renders the README's table.
"""

import argparse
import time

import keras
import numpy as np
import results

from aelab import data, evaluation, models, training

# name: (builder arguments, epochs, batch size, peak rate or None, weight decay)
RECIPES = {
    "two layers": (((), 32, {"latent_activation": "relu"}), 20, 128, None, None),
    "lecture's model": (((128, 64), 32, {}), 20, 128, None, None),
    "the same, with a schedule": (((128, 64), 32, {}), 20, 128, 5e-3, None),
    "wide, one minute": (((512, 256), 32, {"activation": "silu"}), 24, 192, 5e-3, 0.05),
}


def train(x, seed, build, epochs, batch_size, peak, weight_decay):
    """A model trained by one recipe, and its seconds."""
    keras.utils.set_random_seed(seed)
    hidden_units, latent_dim, options = build
    autoencoder = models.dense_autoencoder(
        x.shape[1:], hidden_units, latent_dim, **options
    )
    rate = training.warmup_cosine(peak, len(x), batch_size, epochs) if peak else 1e-3
    optimizer = keras.optimizers.Adam(rate, weight_decay=weight_decay)
    autoencoder.compile(optimizer, loss="mse", **training.fast_settings())
    began = time.perf_counter()
    autoencoder.fit(x, epochs=epochs, batch_size=batch_size, verbose=0)
    return autoencoder, time.perf_counter() - began


def row(name, code, reconstructions, x_test, parameters=0, seconds=0.0):
    """One line of the table: a list entry for each seed's reconstructions."""
    return {
        "model": name,
        "code": code,
        "parameters": parameters,
        "seconds": round(float(np.median(seconds)), 1),
        "mse": [round(evaluation.mse(x_test, r), 6) for r in reconstructions],
        "psnr": [
            round(float(evaluation.psnr(x_test, r).mean()), 3) for r in reconstructions
        ],
    }


def measure(seeds):
    images = data.load("mnist")
    x, x_test = np.concatenate([images.x_train, images.x_val]), images.x_test
    average = np.broadcast_to(x.mean(axis=0), x_test.shape)
    pca = evaluation.fit_pca(x, 32)
    rows = [row("average image", 0, [average], x_test)]
    for code in (16, 32):
        x_hat = evaluation.pca_reconstruct(pca, x_test, code)
        rows.append(row(f"PCA, {code}", code, [x_hat], x_test))
    for name, (build, *recipe) in RECIPES.items():
        reconstructions, seconds = [], []
        for seed in seeds:
            autoencoder, elapsed = train(x, seed, build, *recipe)
            reconstructions.append(autoencoder.reconstruct(x_test))
            seconds.append(elapsed)
        parameters = autoencoder.count_params()
        rows.append(row(name, build[1], reconstructions, x_test, parameters, seconds))
        print(rows[-1], flush=True)
    return {"seeds": list(seeds), "backend": keras.backend.backend(), "rows": rows}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    results.record("quality", measure(parser.parse_args().seeds))
