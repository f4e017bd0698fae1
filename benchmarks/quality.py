"""What models and their codes are worth over several seeds, into results.json.

python benchmarks/quality.py [--section quality|codes|all] [--seeds 0 1 2]

Section `quality` holds the test errors of lesson 01's recipes, trained on all 60,000
images of MNIST; `codes` the codes of lessons 01 to 06, as lesson 06 compares them,
trained on its 55,000. Then `python benchmarks/results.py` renders the README's tables.
"""

import argparse
import time

import keras
import numpy as np
import results
from sklearn.cluster import KMeans

from aelab import corruption, data, evaluation, layers, models, training

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


def measure_quality(seeds):
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


def sparse(shape, units=1000, k=70):
    """One layer of which the k strongest units stay, half the pixels hidden."""
    base = models.dense_autoencoder(
        *(shape, (), units), latent_activation="relu", output_activation="linear"
    )
    encoder = keras.Sequential([*base.encoder.layers, layers.TopK(k)])
    return models.Autoencoder(encoder, base.decoder, corruption.MaskPixels(0.5))


def learned_codes(shape):
    """By name: a function that makes the model, and epochs."""

    def dense(size, damage=None):
        return models.dense_autoencoder(shape, (512, 256), size, corruption=damage)

    return {
        "01 dense": (lambda: dense(32), 5),
        "02 convolutional": (
            lambda: models.conv_autoencoder(shape, (16, 32, 64), 32),
            5,
        ),
        "03 denoising": (lambda: dense(32, corruption.MaskPixels(0.5)), 5),
        "04 k-sparse, denoising": (lambda: sparse(shape), 5),
        "05 variational": (lambda: models.dense_vae(shape, (512, 256), 32), 5),
        "06 not moved": (lambda: dense(10), 8),
        "06 moved": (lambda: dense(10, corruption.RandomAffine(1.0)), 8),
    }


def code_of(model, x):
    """Codes as a matrix; of a VAE their means."""
    z = model.encode(x)
    z = z[0] if isinstance(model, models.VariationalAutoencoder) else z
    return z.reshape(len(z), -1)


def worth(encode, images, seed, x_hat=None):
    """What a code is worth on the test images."""
    y_train, y_test = images.y_train[:5000], images.y_test
    z_train, z_test = encode(images.x_train[:5000]), encode(images.x_test)
    clusters = KMeans(10, n_init=10, random_state=seed).fit_predict(z_test)
    return {
        "size": z_test.shape[1],
        "mse": None if x_hat is None else evaluation.mse(images.x_test, x_hat),
        "probe": evaluation.linear_probe(z_train, y_train, z_test, y_test),
        "precision": evaluation.retrieval_precision(z_test, y_test),
        "clusters": evaluation.cluster_agreement(y_test, clusters)["accuracy"],
    }


def train_code(make, epochs, x, seed):
    """A model trained as in lesson 06."""
    keras.utils.set_random_seed(seed)
    model = make()
    rate = training.warmup_cosine(2e-3, len(x), 128, epochs)
    vae = isinstance(model, models.VariationalAutoencoder)
    model.compile(
        keras.optimizers.Adam(rate, clipnorm=1.0),
        loss=None if vae else "mse",
        **training.fast_settings(),
    )
    model.fit(x, epochs=epochs, batch_size=128, verbose=0)
    return model


def measure_codes(seeds):
    images, rows = data.load("mnist"), []
    shape = images.x_train.shape[1:]
    pca = evaluation.fit_pca(images.x_train, 32)
    average = np.broadcast_to(images.x_train.mean(axis=0), images.x_test.shape)
    for seed in seeds:
        plain = {"pixels": (lambda x: x.reshape(len(x), -1), None)}
        for n in (32, 10):
            plain[f"PCA, {n}"] = (
                lambda x, n=n: pca.transform(x.reshape(len(x), -1))[:, :n],
                evaluation.pca_reconstruct(pca, images.x_test, n),
            )
        keras.utils.set_random_seed(seed)
        untrained = models.dense_autoencoder(shape, (512, 256), 32)
        plain["untrained"] = (untrained.encode, None)
        found = {name: worth(e, images, seed, x) for name, (e, x) in plain.items()}
        for name, (make, epochs) in learned_codes(shape).items():
            model = train_code(make, epochs, images.x_train, seed)
            x_hat = model.reconstruct(images.x_test)
            found[name] = worth(lambda x, m=model: code_of(m, x), images, seed, x_hat)
            print(seed, name, found[name], flush=True)
        rows.append(found)
    return {
        "seeds": list(seeds),
        "floor": evaluation.mse(images.x_test, average),
        "rows": [
            {
                "code": name,
                "size": row["size"],
                **{
                    key: [found[name][key] for found in rows]
                    for key in ("mse", "probe", "precision", "clusters")
                },
            }
            for name, row in rows[0].items()
        ],
    }


SECTIONS = {"quality": measure_quality, "codes": measure_codes}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--section", choices=[*SECTIONS, "all"], default="all")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    options = parser.parse_args()
    for section, measure in SECTIONS.items():
        if options.section in (section, "all"):
            results.record(section, measure(options.seeds))
