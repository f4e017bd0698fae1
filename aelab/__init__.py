"""aelab: a course on autoencoders, as lessons on a small Keras 3 package.

data           images to learn from: MNIST, Fashion-MNIST, glyphs, or your own
sources        where the files of MNIST and Fashion-MNIST come from
glyphs         letters and digits drawn with known factors, no file needed
models         builders of autoencoders and variational autoencoders
autoencoder    the class that they build: it encodes, decodes, reconstructs
vae            the variational one: its code has a spread, its loss two parts
losses         likelihoods and KL divergences, in nats for each example
penalties      what a code is charged for: L1, KL to a target activity, the Jacobian
layers         drawing a code, keeping its k strongest units
training       settings that train fast, the schedule, and the ramp
stacks         the Keras layers that the builders join
corruption     layers that damage images: noise, masks, specks, random moves
evaluation     numbers: errors, baselines, probes, neighbours, clusters
compression    bits of a quantised code, and JPEG beside it
plots          pictures: arrays in, Axes out: images, curves, maps
explorer       a latent space under sliders
lesson         what every lesson's setup cell calls

`python -m aelab run 01` runs a lesson, `python -m aelab doctor` checks the machine.
"""

import os

__version__ = "0.1.0"

BACKENDS = ("tensorflow", "jax", "torch")
BUDGETS = ("full", "quick")


def budget():
    """`"full"` or `"quick"`, from the environment variable `AELAB_BUDGET`."""
    value = os.environ.get("AELAB_BUDGET") or "full"
    if value not in BUDGETS:
        raise ValueError(
            f"AELAB_BUDGET must be one of {', '.join(BUDGETS)}. "
            f"Received: AELAB_BUDGET={value!r}"
        )
    return value


# Here, because it must come before the first `import keras` of any module.
if (os.environ.get("KERAS_BACKEND") or "tensorflow") not in BACKENDS:
    raise ValueError(
        f"KERAS_BACKEND must be one of {', '.join(BACKENDS)}. "
        f"Received: KERAS_BACKEND={os.environ['KERAS_BACKEND']!r}"
    )
