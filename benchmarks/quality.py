"""What models and their codes are worth over several seeds.

python -m benchmarks.quality [--sections quality codes] [--seeds 0 1 2] [--record]

Section `quality` holds the test errors of lesson 01's recipes, trained on all 60,000
images of MNIST; `codes` the codes of lessons 01 to 07, as lesson 07 compares them,
trained on its 55,000. `--record` keeps the numbers in results.json, from which
`python -m tools.results` renders the README's tables. `--images` and `--epochs` are for
a quick trial: such numbers are worth nothing.
"""

import argparse
from collections.abc import Callable
from typing import NamedTuple

import keras
import numpy as np
from sklearn.cluster import KMeans

from aelab import corruption, evaluation, layers, models
from benchmarks.recipes import LESSON_01, Recipe, count_weights, load, train
from tools import results

N_PROBE = 5000  # codes that a probe learns from
N_STARTS = 10  # starts of k-means
MEASURES = ("mse", "probe", "precision", "clusters")


def quality_row(name, code, reconstructions, x_test, weights=0, seconds=0.0):
    """One line of the table, with a list entry for each seed's reconstructions."""
    return {
        "model": name,
        "code": code,
        "parameters": weights,
        "seconds": round(float(np.median(seconds)), 1),
        "mse": [round(evaluation.mse(x_test, x_hat), 6) for x_hat in reconstructions],
        "psnr": [
            round(evaluation.mean_psnr(x_test, x_hat), 3) for x_hat in reconstructions
        ],
    }


def measure_quality(images, options):
    """Test errors of lesson 01's recipes, beside those of PCA."""
    x = np.concatenate([images.x_train, images.x_val])
    x_test = images.x_test
    average = np.broadcast_to(x.mean(axis=0), x_test.shape)
    pca = evaluation.fit_pca(x, 32)
    rows = [quality_row("average image", 0, [average], x_test)]
    for size in (16, 32):
        x_hat = evaluation.pca_reconstruct(pca, x_test, size, clip=(0, 1))
        rows.append(quality_row(f"PCA, {size}, clipped", size, [x_hat], x_test))
    for name, recipe in LESSON_01.items():
        recipe = recipe._replace(epochs=options.epochs or recipe.epochs)
        reconstructions = []
        seconds = []
        for seed in options.seeds:
            model, of_epochs = train(recipe, x, seed)
            reconstructions.append(model.reconstruct(x_test))
            seconds.append(sum(of_epochs))
        size = model.encoder.output_shape[-1]
        weights = count_weights(model)
        row = quality_row(name, size, reconstructions, x_test, weights, seconds)
        rows.append(row)
        print(row, flush=True)
    return {"rows": rows}


def short(build, epochs=5):
    """The recipe of lesson 07, for a function from the shape of an image to a model."""
    return Recipe(build, epochs, rate=2e-3, schedule=True, clipnorm=1.0)


def dense(shape, latent_dim=32, **options):
    """The dense model of lesson 07."""
    return models.dense_autoencoder(shape, (512, 256), latent_dim, **options)


def sparse(shape):
    """One layer whose 70 strongest units stay, with half of the pixels masked."""
    return models.dense_autoencoder(
        shape,
        hidden_units=(),
        latent_dim=1000,
        latent_activation="relu",
        latent_layers=[layers.TopK(70)],
        output_activation="linear",
        corruption=corruption.MaskPixels(0.5),
    )


LESSON_07 = {
    "01 dense": short(dense),
    "03 convolutional": short(
        lambda shape: models.conv_autoencoder(shape, (16, 32, 64), 32)
    ),
    "04 denoising": short(
        lambda shape: dense(shape, corruption=corruption.MaskPixels(0.5))
    ),
    "05 k-sparse, denoising": short(sparse),
    "06 variational": short(lambda shape: models.dense_vae(shape, (512, 256), 32)),
    "07 not moved": short(lambda shape: dense(shape, 10), epochs=8),
    "07 moved": short(
        lambda shape: dense(shape, 10, corruption=corruption.RandomAffine(1.0)),
        epochs=8,
    ),
}


class Coder(NamedTuple):
    """What makes codes of images, and images of them again, if anything does."""

    encode: Callable
    reconstruct: Callable | None = None
    epochs: int = 0


def pca_coder(pca, n):
    """The first n components, and images clipped as a sigmoid's are."""
    return Coder(
        lambda x: pca.transform(x.reshape(len(x), -1))[:, :n],
        lambda x: evaluation.pca_reconstruct(pca, x, n, clip=(0, 1)),
    )


def coders(images, seed, options):
    """Pairs of a name and a `Coder`: first those that are not trained."""
    x = images.x_train
    yield "pixels", Coder(lambda x: x)
    pca = evaluation.fit_pca(x, 32)
    for n in (32, 10):
        yield f"PCA, {n}", pca_coder(pca, n)
    keras.utils.set_random_seed(seed)
    yield "untrained", Coder(dense(x.shape[1:]).encode)
    for name, recipe in LESSON_07.items():
        recipe = recipe._replace(epochs=options.epochs or recipe.epochs)
        model, _ = train(recipe, x, seed)
        yield name, Coder(model.encode, model.reconstruct, recipe.epochs)


def worth(coder, images, seed):
    """What the codes of the test images are worth."""
    x_test, y_test = images.x_test, images.y_test
    z_train = coder.encode(images.x_train[:N_PROBE])
    z_test = coder.encode(x_test)
    z_test = z_test.reshape(len(z_test), -1)
    z_train = z_train.reshape(len(z_train), -1)
    error = None
    if coder.reconstruct is not None:
        error = evaluation.mse(x_test, coder.reconstruct(x_test))
    k_means = KMeans(len(images.class_names), n_init=N_STARTS, random_state=seed)
    agreement = evaluation.cluster_agreement(y_test, k_means.fit_predict(z_test))
    return {
        "size": z_test.shape[1],
        "epochs": coder.epochs,
        "mse": error,
        "probe": evaluation.linear_probe(
            z_train, images.y_train[:N_PROBE], z_test, y_test
        ),
        "precision": evaluation.retrieval_precision(z_test, y_test),
        "clusters": agreement["accuracy"],
    }


def measure_codes(images, options):
    """What the codes of all lessons are worth, beside codes that cost no training."""
    reports = {}
    for seed in options.seeds:
        for name, coder in coders(images, seed, options):
            report = worth(coder, images, seed)
            reports.setdefault(name, []).append(report)
            print(seed, name, report, flush=True)
    rows = []
    for name, of_seeds in reports.items():
        row = {"code": name, **of_seeds[0]}
        row |= {measure: [r[measure] for r in of_seeds] for measure in MEASURES}
        rows.append(row)
    average = images.x_train.mean(axis=0)
    return {
        "probe_codes": N_PROBE,
        "starts": N_STARTS,
        "floor": evaluation.mse(images.x_test, average),
        "rows": rows,
    }


SECTIONS = {"quality": measure_quality, "codes": measure_codes}


def main():
    """Measure the sections that are asked for."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.quality",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--sections", nargs="+", choices=SECTIONS, default=[*SECTIONS])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--images", type=int, help="of each part; default: all")
    parser.add_argument("--epochs", type=int, help="default: those of each recipe")
    parser.add_argument("--record", action="store_true")
    options = parser.parse_args()
    images = load(options.images)
    for section in options.sections:
        numbers = SECTIONS[section](images, options)
        numbers["seeds"] = options.seeds
        numbers["run"] = results.describe_run(keras.backend.backend())
        if options.record:
            results.record(section, numbers)


if __name__ == "__main__":
    main()
