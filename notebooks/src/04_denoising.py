# %% [markdown]
# # 04 Learn what a digit is by cleaning it
#
# **You will** train networks that clean noise they have never seen off images they have
# never seen, and beat three tuned filters that know nothing about digits.
#
# **You will learn** to
# - corrupt images in three ways, afresh for every batch, and keep the target clean;
# - score a repair in decibels beside the corrupted image and beside *tuned* filters;
# - find out what a denoiser does with a corruption it was not trained on;
# - see what happens when the noise is drawn only once;
# - ask with a linear probe whether cleaning teaches anything about the image.
#
# **You need** lessons 01 and 03.
#
# **Time** 45 minutes to read. All cells together take {{minutes}} minutes on two CPU
# cores; on a GPU they have not been timed yet.

# %% [markdown]
# ## Setup

# %% tags=["setup"]
import os
from typing import NamedTuple

os.environ.setdefault("KERAS_BACKEND", "tensorflow")  # or "jax", or "torch"

import keras
import matplotlib.pyplot as plt
import numpy as np
from scipy import ndimage, signal
from sklearn.linear_model import Ridge

from aelab import corruption, evaluation, lesson, models, plots, training

plots.use_style()
images = lesson.start(seed=3)

# %% tags=["budget"]
budget = lesson.budget(
    full=dict(
        n_train=55_000,
        n_val=2_000,
        n_tune=500,
        epochs=3,
        batch_size=64,
        peak=1e-2,
        n_few=2_000,
        few_epochs=40,
        n_probe=10_000,
    ),
    quick=dict(
        n_train=2_500,
        n_val=400,
        n_tune=200,
        epochs=5,
        batch_size=32,
        peak=4e-3,
        n_few=200,
        few_epochs=60,
        n_probe=1_500,
    ),
)

# %%
x_train, x_val = images.x_train[: budget.n_train], images.x_val[: budget.n_val]
x_test = images.x_test
image_shape = x_train.shape[1:]

# %% [markdown]
# ## Three ways to spoil an image
#
# Lessons 01 and 03 asked for the image back and gave the image. Now we give a corrupted
# one, `x_noisy`, and still ask for the clean `x`. Three kinds of corruption:
#
# $$x_{\mathrm{noisy}} = \mathrm{clip}(x + \sigma\,\epsilon,\ 0,\ 1), \quad
# \epsilon \sim \mathcal{N}(0, 1) \qquad \text{Gaussian}$$
#
# $$x_{\mathrm{noisy}} = m\,x, \quad m \in \{0, 1\},\ P(m = 0) = \tfrac{1}{2}
# \qquad \text{masking}$$
#
# and *salt-and-pepper noise*: a fraction of the pixels, here a fifth, turns white or black
# with equal probability, whatever was there.
#
# > **Predict.** The Gaussian noise has mean 0. What is the mean of a black pixel after
# > noise with sigma 0.5 and clipping?


# %%
def by_hand(x, rng):
    """The three kinds of corruption, in NumPy."""
    gaussian = np.clip(x + 0.5 * rng.normal(size=x.shape), 0, 1)
    masked = x * (rng.random(x.shape) >= 0.5)
    draws = rng.random(x.shape)
    salted = np.where(draws < 0.2, draws < 0.1, x)
    return {"Gaussian": gaussian, "mask": masked, "salt": salted}


# %%
rng = np.random.default_rng(0)
black = by_hand(np.zeros((1000, *image_shape)), rng)["Gaussian"]
print(f"a black pixel becomes {black.mean():.4f} on average")
print(f"half a bell curve says {0.5 / np.sqrt(2 * np.pi):.4f}")
assert abs(black.mean() - 0.5 / np.sqrt(2 * np.pi)) < 0.006

# %% [markdown]
# So the noise has a mean after all: what would fall below black is cut off there, and
# the background turns grey. (A little is missing. The few values above 1 are cut, too.)
#
# The package has the three as Keras layers. `corrupt_array` corrupts an array outside any
# model. Same mean, same spread:

# %%
corruptions = {
    "Gaussian": corruption.AdditiveGaussian(stddev=0.5),
    "mask": corruption.MaskPixels(rate=0.5),
    "salt": corruption.SaltAndPepper(rate=0.2),
}
noisy_val = {
    name: layer.corrupt_array(x_val, seed=1) for name, layer in corruptions.items()
}
for name, expected in by_hand(x_val, rng).items():
    assert abs(noisy_val[name].mean() - expected.mean()) < 0.003
    assert abs(noisy_val[name].std() - expected.std()) < 0.003

# %%
plots.image_rows(
    {
        "image": x_val[:8],
        "Gaussian\n0.5": noisy_val["Gaussian"][:8],
        "masked\n50 %": noisy_val["mask"][:8],
        "salt and\npepper 20 %": noisy_val["salt"][:8],
    },
    title="One set of images, three kinds of corruption",
)
plt.show()

# %% [markdown]
# ## Decibels
#
# How bad is that? Engineers measure it by the *peak signal-to-noise ratio*, in decibels:
#
# $$\mathrm{psnr} = -10 \log_{10} \mathrm{mse}(x, \hat x)$$
#
# for images in [0, 1]. Ten decibels more are a tenth of the error, three are half of it.
# We average it over images.
#
# > **Predict.** Which is nearer to the image, in decibels: the image with Gaussian noise,
# > or a sheet of black?


# %%
average = x_train.mean(axis=0)
scores = {
    "black sheet": evaluation.mean_psnr(x_val, np.zeros_like(x_val)),
    "average image": evaluation.mean_psnr(x_val, average),
}
scores |= {
    name: evaluation.mean_psnr(x_val, noisy) for name, noisy in noisy_val.items()
}
lesson.Table(("what", "PSNR (dB)"), scores.items(), digits=2)

# %% [markdown]
# **What to notice**
# - By this measure the noisy image is no better than a sheet of black. You could read the
#   first and not the second. Decibels count pixels. They do not read.
# - So once networks are compared we print a second measure beside it: *structural
#   similarity*, SSIM, which compares small windows by their mean, spread and correlation.
#   It is 1 for equal images.
# - The mask loses half of the ink and leaves the background alone, so it scores best.

# %%
assert scores["Gaussian"] < scores["black sheet"] + 1
assert scores["mask"] == max(scores.values())

# %% [markdown]
# ## What a filter can do
#
# Filters clean images without having learned anything. A *median* filter replaces each
# pixel by the middle one of its window. A *Gaussian* filter takes a weighted mean. A
# *Wiener* filter takes a mean, too, but less of it where the window varies more than the
# noise would explain.
#
# Each has a setting. A baseline that was not tuned is no baseline, so we try them all on
# training images, and take the best to the validation images.
#
# > **Predict.** Which filter for which corruption?


# %%
def classical(x, kind, setting):
    """Filter images: a window for the median, a width, or (window, noise power)."""
    if kind == "median":
        return ndimage.median_filter(x, (1, setting, setting, 1))
    if kind == "Gaussian filter":
        return ndimage.gaussian_filter(x, (0, setting, setting, 0))
    window, noise = setting
    with np.errstate(divide="ignore", invalid="ignore"):
        cleaned = signal.wiener(x.astype("float64"), (1, window, window, 1), noise)
    return np.clip(np.nan_to_num(cleaned), 0, 1)


settings = [("median", window) for window in (3, 5)]
settings += [("Gaussian filter", sigma) for sigma in (0.4, 0.6, 0.8, 1.0, 1.4)]
settings += [("Wiener", (w, noise)) for w in (3, 5) for noise in (0.05, 0.1, 0.2)]


# %%
class Tuned(NamedTuple):
    """A filter, and the PSNR that it reached on the images that chose it."""

    kind: str
    setting: object
    psnr: float


def tune(layer, x):
    """The best filter against a corruption: a `Tuned`."""
    noisy = layer.corrupt_array(x, seed=2)
    tried = []
    for kind, setting in settings:
        psnr = evaluation.mean_psnr(x, classical(noisy, kind, setting))
        tried.append(Tuned(kind, setting, psnr))
    return max(tried, key=lambda candidate: candidate.psnr)


# %%
tuned = {
    name: tune(layer, x_train[: budget.n_tune]) for name, layer in corruptions.items()
}
best_filter = {
    name: classical(noisy_val[name], chosen.kind, chosen.setting)
    for name, chosen in tuned.items()
}
filtered = {name: evaluation.mean_psnr(x_val, x) for name, x in best_filter.items()}

# %% [markdown]
# A fairer rival has seen digits. A *linear* map from noisy to clean pixels, fitted by
# least squares with a small penalty on large weights (*ridge regression*), knows which
# pixels go together. It has 784 x 784 weights and no bend.


# %%
def fit_linear(layer, x):
    """The linear map from corrupted to clean images."""
    noisy = layer.corrupt_array(x, seed=3)
    return Ridge(alpha=300).fit(noisy.reshape(len(x), -1), x.reshape(len(x), -1))


# %%
linear = {}
for name, layer in corruptions.items():
    if x_train[0].size > 6_000:
        print("The linear map is left out: it has too many weights for these images.")
        linear[name] = np.nan
        continue
    ridge = fit_linear(layer, x_train[:20_000])
    x_hat = ridge.predict(noisy_val[name].reshape(len(x_val), -1))
    x_hat = x_hat.reshape(x_val.shape).clip(0, 1)
    linear[name] = evaluation.mean_psnr(x_val, x_hat)
lesson.Table(
    ("corruption", "noisy", "best filter", "its PSNR", "linear map"),
    [
        (
            name,
            scores[name],
            f"{chosen.kind} {chosen.setting}",
            filtered[name],
            linear[name],
        )
        for name, chosen in tuned.items()
    ],
    digits=2,
)

# %% [markdown]
# **What to notice**
# - The median is made for salt-and-pepper noise: a lone outlier in a window of nine is never in the
#   middle. It wins on clipped Gaussian noise, too. Half of the black pixels stay at 0
#   there, so the middle of a black window stays dark where a mean turns grey. Masking
#   with probability 0.5 is too much for it.
# - Knowing the data beats knowing the noise on two of three, by a lot. On salt-and-pepper
#   noise the two are close. The linear map was trained on pairs, as our networks will be.

# %%
assert tuned["salt"].kind == "median"
assert linear["Gaussian"] > filtered["Gaussian"]
assert linear["mask"] > filtered["mask"]

# %% [markdown]
# ## A denoising autoencoder
#
# What to change in an autoencoder? Almost nothing. Corrupt the input in training, leave
# the target clean:
#
# $$\mathrm{loss} = \ell\big(x,\ \mathrm{decode}(\mathrm{encode}(x_{\mathrm{noisy}}))\big)$$
#
# Copying is no longer the best answer. To remove noise the model must know what an image
# looks like without it. We write the corruption as a Keras layer. It draws new noise in each
# call, and rests when `training` is false:


# %%
class Noise(keras.layers.Layer):
    """Gaussian noise with standard deviation 0.5, clipped to [0, 1], in training."""

    def __init__(self):
        super().__init__()
        self.seed_generator = keras.random.SeedGenerator(0)

    def call(self, x, training=False):
        if not training:
            return x
        noise = keras.random.normal(keras.ops.shape(x), seed=self.seed_generator)
        return keras.ops.clip(x + 0.5 * noise, 0, 1)


# %%
for layer in (corruptions["Gaussian"], Noise()):
    once = keras.ops.convert_to_numpy(layer(x_val, training=True))
    again = keras.ops.convert_to_numpy(layer(x_val, training=True))
    print(f"mean {once.mean():.3f}, deviation {once.std():.3f}")
    assert abs(once.std() - noisy_val["Gaussian"].std()) < 0.002
    assert not np.array_equal(once, again)
    assert np.array_equal(keras.ops.convert_to_numpy(layer(x_val)), x_val)

# %% [markdown]
# That is all there is to `models.Autoencoder(..., corruption=layer)`. Ours or the
# package's, it takes either.
#
# As a network we take the convolutions of lesson 03, with other widths. A vector of 128
# numbers in the middle sees the whole image at once, as the 64 did there. New are *skip
# connections*: on the way down each size of the feature map is kept, and on the way up it
# is joined again, so that fine detail need not pass through the vector. A network of this
# shape is called a *U-Net*, in the package `models.unet`. In lesson 01's task that would
# be cheating. Here it is not: what is handed over is noisy.


# %%
def denoiser(layer):
    """A U-Net that repairs what the layer corrupts."""
    return models.unet(
        image_shape,
        filters=(8, 24, 32),
        latent_dim=128,
        activation="silu",
        corruption=layer,
    )


def train(model, x, y=None, *, epochs, batch_size=budget.batch_size, peak=budget.peak):
    """Train as in lesson 01, by the binary cross-entropy; return the seconds it took."""
    history = training.train(
        model,
        x,
        y,
        epochs=epochs,
        batch_size=batch_size,
        peak=peak,
        clipnorm=1.0,
        loss="binary_crossentropy",
    )
    return history.seconds


# %% [markdown]
# Cross-entropy and squared error agree on the best answer: where the noise leaves several
# possible, both ask for their mean. The cross-entropy is easier to train with a sigmoid.
# The rate is high, so `clipnorm` shortens gradients that are longer than 1: one wild batch
# cannot throw the weights away.
#
# > **Predict.** The best filter gained about five decibels on Gaussian noise. How many
# > more will the network gain?

# %%
specialists = {"Gaussian": denoiser(corruptions["Gaussian"])}
train(specialists["Gaussian"], x_train, epochs=budget.epochs)
cleaned = specialists["Gaussian"].reconstruct(noisy_val["Gaussian"])
cleaned_psnr = evaluation.mean_psnr(x_val, cleaned)
print(
    f"noisy {scores['Gaussian']:.2f} dB, best filter {filtered['Gaussian']:.2f} dB, "
    f"linear {linear['Gaussian']:.2f} dB, network {cleaned_psnr:.2f} dB"
)

# %%
plots.image_rows(
    {
        "noisy": noisy_val["Gaussian"][:8],
        "best filter": best_filter["Gaussian"][:8],
        "network": cleaned[:8],
        "image": x_val[:8],
    },
    title="The filter smooths what is there, the network draws what should be there",
)
plt.show()

# %% [markdown]
# **What to notice**
# - The network's strokes are whole, on a clean ground. It has an opinion on what may
#   stand there.
# - Where the noise leaves two answers open, it draws the mean of both, a grey smear.
# - Wrong conclusion: "it recovers the image". It draws a *likely* image. All eight may be
#   right here: draw more, and look for a digit that came out as another one.

# %%
assert cleaned_psnr > filtered["Gaussian"] + 3
assert cleaned_psnr > linear["Gaussian"]

# %% [markdown]
# ## Does the validation loss measure the task?
#
# A trap. Keras switches noise layers off outside training. So a validation loss of our
# network measures how well it copies *clean* images, which nobody asked for. Every
# corruption here has a switch for that: `at_inference=True`.
#
# > **Predict.** Same weights, same images. How many times larger is the loss once the
# > corruption is on?


# %%
def twin(model, layer):
    """The same weights behind another corruption."""
    other = denoiser(layer)
    other.network.set_weights(model.network.get_weights())
    return other


# %%
honest = twin(
    specialists["Gaussian"],
    corruption.AdditiveGaussian(stddev=0.5, at_inference=True),
)
losses = {}
for name, model in {"off": specialists["Gaussian"], "on": honest}.items():
    model.compile(loss="binary_crossentropy")
    losses[name] = model.evaluate(x_val, verbose=0, return_dict=True)["loss"]
losses["by hand"] = evaluation.cross_entropy(x_val, cleaned)
floor = evaluation.cross_entropy(x_val, x_val)
lesson.Table(
    ("corruption in evaluate()", "loss (nats / pixel)", "above the floor"),
    [(name, loss, loss - floor) for name, loss in losses.items()],
)

# %% [markdown]
# With the switch on, `evaluate` agrees with what we work out by hand on other noise. The
# raw losses look alike, since most of each is the floor of lesson 03, the cost of a
# perfect copy. Above the floor, which is what the model can do something about, the honest
# loss is about twice the other.

# %%
assert abs(losses["on"] / losses["by hand"] - 1) < 0.02
assert losses["off"] - floor < 0.8 * (losses["on"] - floor)

# %% [markdown]
# ## What is it good at?
#
# Two more specialists, for masks (an epoch less will do) and for salt-and-pepper noise,
# and one network that is *blind*: each image of a batch gets Gaussian noise of its own
# level, anywhere from 0 to 1, and nobody tells the network which. Then each cleans every
# kind of corruption, and clean images, too.
#
# > **Predict.** What does a network that was trained on masks do with Gaussian noise? And
# > what does a denoiser do to an image that has no noise at all?

# %%
for name, epochs in {"mask": budget.epochs - 1, "salt": budget.epochs}.items():
    specialists[name] = denoiser(corruptions[name])
    train(specialists[name], x_train, epochs=epochs)

# %%
blind = denoiser(corruption.AdditiveGaussian(stddev=(0.0, 1.0)))
train(blind, x_train, epochs=budget.epochs)

# %%
networks = specialists | {"blind": blind}
inputs = noisy_val | {"clean": x_val}
repaired = {
    (name, kind): model.reconstruct(x)
    for name, model in networks.items()
    for kind, x in inputs.items()
}
matrix = {pair: evaluation.mean_psnr(x_val, x) for pair, x in repaired.items()}
similarity = {pair: evaluation.ssim(x_val, x).mean() for pair, x in repaired.items()}


# %%
def by_kind(values, title, digits):
    """A table with a row for each network and a column for each kind of input."""
    rows = [(name, *[values[name, kind] for kind in inputs]) for name in networks]
    return lesson.Table((title, *inputs), rows, digits)


by_kind(matrix, "PSNR (dB), trained on", digits=1)

# %%
by_kind(similarity, "SSIM, trained on", digits=3)

# %%
plots.image_rows(
    {
        "masked\n50 %": noisy_val["mask"][:8],
        "mask's\nspecialist": repaired["mask", "mask"][:8],
        "salt and\npepper 20 %": noisy_val["salt"][:8],
        "salt's\nspecialist": repaired["salt", "salt"][:8],
    },
    title="Each specialist at its own work",
)
plt.show()

# %%
plots.image_rows(
    {
        "noisy": noisy_val["Gaussian"][:8],
        "Gaussian's\nspecialist": repaired["Gaussian", "Gaussian"][:8],
        "mask's": repaired["mask", "Gaussian"][:8],
        "salt's": repaired["salt", "Gaussian"][:8],
        "blind": repaired["blind", "Gaussian"][:8],
    },
    title="Gaussian noise, cleaned by four networks",
)
plt.show()

# %% [markdown]
# **What to notice**
# - Each specialist is best at its own corruption. Off the diagonal it depends. Gaussian's
#   specialist cleans salt and pepper better than the median does: to it they are strong
#   noise. The other way round fails: the mask's and the salt's specialists leave Gaussian
#   noise worse than they found it.
# - The specialist for masks believes every bright pixel, since a mask never brightens
#   one. Noise brightens many.
# - A clean image comes back changed. Gaussian's specialist has never seen one. The blind
#   network has nearly, in the low levels, and does it less harm.
# - Wrong conclusion: "a denoiser removes noise". It removes what it was trained on, and
#   what looks like that. What it does to other corruptions has to be measured.

# %%
for kind in corruptions:
    assert matrix[kind, kind] > max(matrix[n, kind] for n in specialists) - 0.5
    assert matrix[kind, kind] > filtered[kind] + 0.5
assert matrix["mask", "Gaussian"] < scores["Gaussian"]
assert matrix["blind", "clean"] > matrix["Gaussian", "clean"]
cost_of_blindness = matrix["Gaussian", "Gaussian"] - matrix["blind", "Gaussian"]
assert cost_of_blindness < (0.5 if lesson.on_mnist(images) else 1)

# %% [markdown]
# ## What does it cost not to know the level?
#
# The honest rivals of the blind network are networks that know. We have one for 0.5. For
# 0.25 and 0.75 we save time: each starts from the blind network's weights and trains on,
# at its one level only. So they have had all of the blind one's training, and more.
#
# > **Predict.** By how many decibels does each specialist win at its own level? And what
# > does it cost to believe in 0.5 when the level is another?

# %%
knowing = {0.5: specialists["Gaussian"]}
for level in (0.25, 0.75):
    knowing[level] = twin(blind, corruption.AdditiveGaussian(level))
    train(knowing[level], x_train[: len(x_train) // 4], epochs=1, peak=2e-3)

# %%
levels = (0.1, 0.25, 0.4, 0.5, 0.6, 0.75, 0.9, 1.0)
x_some = x_val[:500]


def psnr_by_level(model):
    """Mean PSNR of what a network makes of `x_some`, for each level of noise."""
    psnr = {}
    for level in levels:
        noisy = corruption.AdditiveGaussian(level).corrupt_array(x_some, seed=4)
        psnr[level] = evaluation.mean_psnr(x_some, model.reconstruct(noisy))
    return psnr


blind_psnr = psnr_by_level(blind)
knowing_psnr = {level: psnr_by_level(knowing[level]) for level in sorted(knowing)}

# %%
plots.curves(
    levels,
    {f"trained at {level}": list(psnr.values()) for level, psnr in knowing_psnr.items()}
    | {"blind: 0 to 1": list(blind_psnr.values())},
    xlabel="standard deviation of the noise",
    ylabel="PSNR (dB)",
    title="The blind network keeps up with each specialist where that one is best",
)
plt.show()

# %%
behind = {
    level: psnr[level] - blind_psnr[level] for level, psnr in knowing_psnr.items()
}
lesson.Table(("level", "specialist - blind (dB)"), behind.items(), digits=2)

# %% [markdown]
# **What to notice**
# - At its own level each specialist wins by a fraction of a decibel. That is the price of
#   not knowing: the noise itself shows how strong it is.
# - Away from its own level a specialist falls behind, and far away it falls far. It
#   believes in a level that is not there.

# %%
strongest = levels[-1]
wrong = blind_psnr[strongest] - knowing_psnr[0.25][strongest]
assert wrong > (0.5 if lesson.full() else 0)
assert max(behind.values()) < (0.5 if lesson.on_mnist(images) else 1.5)

# %% [markdown]
# ## A failure on purpose: draw the noise once
#
# Many tutorials corrupt the training set once, before training, and reuse it in every
# epoch. It saves a line. We do so with few images, many epochs and a small dense model, and
# beside it the same run with fresh noise.
#
# > **Predict.** Which run has the better score on its own training images? Which on new
# > ones?

# %%
x_few = x_train[: budget.n_few]
noisy_few = corruptions["Gaussian"].corrupt_array(x_few, seed=5)


def small_denoiser(layer=None):
    """A dense autoencoder, with a corruption or without."""
    return models.dense_autoencoder(
        image_shape,
        hidden_units=(512,),
        latent_dim=128,
        activation="silu",
        corruption=layer,
    )


few = {"epochs": budget.few_epochs, "batch_size": 32, "peak": 2e-3}
drawn_once = small_denoiser()
train(drawn_once, noisy_few, x_few, **few)
drawn_afresh = small_denoiser(corruptions["Gaussian"])
train(drawn_afresh, x_few, **few)


# %%
class Run(NamedTuple):
    """PSNR of a network on noisy images that one run has seen, and on new ones."""

    seen: float
    new: float

    @property
    def gap(self):
        return self.seen - self.new


runs = {
    name: Run(
        seen=evaluation.mean_psnr(x_few, model.reconstruct(noisy_few)),
        new=evaluation.mean_psnr(x_val, model.reconstruct(noisy_val["Gaussian"])),
    )
    for name, model in {"drawn once": drawn_once, "fresh": drawn_afresh}.items()
}
lesson.Table(
    ("noise", "those noisy images (dB)", "new images (dB)", "gap"),
    [(name, run.seen, run.new, run.gap) for name, run in runs.items()],
    digits=2,
)

# %%
some = noisy_val["Gaussian"][:8]
plots.image_rows(
    {
        "new,\nnoisy": some,
        "noise\ndrawn once": drawn_once.reconstruct(some),
        "fresh\nnoise": drawn_afresh.reconstruct(some),
    },
    title="New images: who learned the speckle by heart takes speckle for strokes",
)
plt.show()

# %% [markdown]
# **What to notice**
# - Noise that comes back in every epoch is a name tag. The network learns which speckle
#   belongs to which image, and recalls the image. On the noisy images that it has seen it
#   looks splendid. On new ones it is the worse of the two.
# - Fresh noise leaves a gap as well: the images are few. But each of them now comes in as
#   many guises as there are epochs.
# - Wrong conclusion: "train longer and watch the training loss". The training loss is what
#   is wrong here.

# %%
assert runs["drawn once"].gap > 2 * runs["fresh"].gap
assert runs["fresh"].new > runs["drawn once"].new + 0.5

# %% [markdown]
# ## Does cleaning teach anything?
#
# To fill in what is missing, a network has to know how strokes go on. Does its *code* then
# say more about the image? We ask with a *linear probe*: freeze the encoder, encode clean
# images, and fit a linear classifier on the codes. The labels are used for this question
# only.
#
# Two models of lesson 03 with a code of 64, no skip connections, the same training. One
# copies, one fills in masks. Beside them an encoder that was never trained, and PCA.
#
# > **Predict.** Order the four.

# %%
coders = {
    name: models.conv_autoencoder(
        image_shape, latent_dim=64, activation="silu", corruption=layer
    )
    for name, layer in {
        "untrained": None,
        "plain": None,
        "denoising": corruptions["mask"],
    }.items()
}
for name in ("plain", "denoising"):
    half = x_train[: len(x_train) // 2]
    train(coders[name], half, epochs=budget.epochs, peak=3e-3)


# %%
def labelled(x, y):
    """Images whose class is known, and their classes."""
    return x[y >= 0], y[y >= 0]


x_probe, y_probe = labelled(x_train, images.y_train[: len(x_train)])
x_probe, y_probe = x_probe[: budget.n_probe], y_probe[: budget.n_probe]
x_asked, y_asked = labelled(x_val, images.y_val[: len(x_val)])
can_probe = len(np.unique(y_probe)) > 1 and len(y_asked) > 0


# %%
def probe(encode):
    """Accuracy of a linear probe on the codes that a function gives."""
    z_probe, z_asked = encode(x_probe), encode(x_asked)
    return evaluation.linear_probe(z_probe, y_probe, z_asked, y_asked)


pca = evaluation.fit_pca(x_train, 64)
probes = {}
if can_probe:
    probes["PCA"] = probe(lambda x: pca.transform(x.reshape(len(x), -1)))
    for name, model in coders.items():
        probes[name] = probe(model.encode)
else:
    print("These images have no labels, which a probe needs: it is left out.")
lesson.Table(("code of 64 numbers", "probe's accuracy"), probes.items(), digits=3)

# %% [markdown]
# **What to notice**
# - Both trained codes beat PCA and the untrained encoder. But filling in did not beat
#   copying here. The two are close, and this is one run of each.
# - The denoising encoder has a harder task and has hardly met a clean image. The gains
#   that made denoising autoencoders famous came from wide, overcomplete codes, long
#   training and fine-tuning with labels. Lessons 05 and 09 come back to that.
# - Guessing gives a tenth. The untrained encoder is far above that. Without it, any of
#   these numbers would look like an achievement.
# - Wrong conclusion: "so denoising is useless for features". One size of code, one corruption,
#   one short training. It is a measurement, not a law.

# %%
if can_probe:
    slack = 0.02 if lesson.on_mnist(images) else 0.15
    assert probes["denoising"] < probes["plain"] + slack
if lesson.on_mnist(images):
    assert min(probes["plain"], probes["denoising"]) > probes["untrained"] + 0.03

# %% [markdown]
# ## The numbers of this lesson


# %%
class Result(NamedTuple):
    """A row of the table: PSNR in dB, and SSIM, of the test images."""

    noisy: float
    filtered: float
    repaired: float
    filtered_ssim: float
    repaired_ssim: float


def measured(kind, model):
    """The row of a network and of the best filter, for one kind of corruption."""
    noisy = corruptions[kind].corrupt_array(x_test, seed=6)
    filtered = classical(noisy, tuned[kind].kind, tuned[kind].setting)
    repaired = model.reconstruct(noisy)
    return Result(
        noisy=evaluation.mean_psnr(x_test, noisy),
        filtered=evaluation.mean_psnr(x_test, filtered),
        repaired=evaluation.mean_psnr(x_test, repaired),
        filtered_ssim=evaluation.ssim(x_test, filtered).mean(),
        repaired_ssim=evaluation.ssim(x_test, repaired).mean(),
    )


results = {kind: measured(kind, model) for kind, model in specialists.items()}
results["Gaussian, blind"] = measured("Gaussian", blind)

# %% tags=["numbers"]
lesson.Table(
    (
        "test images",
        "noisy (dB)",
        "best filter",
        "network",
        "SSIM: filter",
        "SSIM: network",
    ),
    [
        (
            name,
            f"{row.noisy:.2f}",
            f"{row.filtered:.2f}",
            f"{row.repaired:.2f}",
            f"{row.filtered_ssim:.3f}",
            f"{row.repaired_ssim:.3f}",
        )
        for name, row in results.items()
    ],
)

# %%
for row in results.values():
    assert row.repaired > row.filtered + 0.5
if lesson.on_mnist(images):
    assert results["Gaussian"].repaired > max(20.3, results["Gaussian"].filtered + 5)
    assert results["mask"].repaired > 22.5
    assert results["salt"].repaired > 23.5

# %% [markdown]
# ## Exercises
#
# Each has a stub that runs, and a check that says whether you are there. The solutions
# are in `solutions/04_denoising.ipynb`.
#
# **1 (work out).** A denoiser raises the PSNR from 9.4 to 20.4 dB. By what factor did the
# mean squared error fall?

# %% tags=["exercise"]
factor = None  # your number here

# %% tags=["solution"]
factor = 10 ** ((20.4 - 9.4) / 10)

# %% tags=["nbval-check-output"]
lesson.check(
    1, factor, lambda f: abs(f - 12.6) < 0.1, "Ten decibels are a factor of ten."
)

# %% [markdown]
# **2 (write a few lines).** Rain leaves bright vertical streaks. Write `streaks(x, rate,
# rng)`: in each image every column turns white, from top to bottom, with probability
# `rate`, independently of the others. Leave `x` itself as it was.

# %% tags=["exercise"]
streaks = None  # a function of images, a rate, and a NumPy generator


# %% tags=["solution"]
def streaks(x, rate, rng):
    """Turn each column of each image white with probability `rate`."""
    wet = rng.random((len(x), 1, x.shape[2], 1)) < rate
    return np.where(wet, np.float32(1), x)


# %% tags=["nbval-check-output"]
def makes_streaks(function):
    grey = np.full((500, 12, 40, 1), 0.5, "float32")
    wet = function(grey, 0.3, np.random.default_rng(0)) == 1
    columns = wet.mean(axis=(1, 3))
    whole = set(np.unique(columns)) <= {0, 1}
    untouched = (grey == 0.5).all()
    drawn = abs(columns.mean() - 0.3) < 0.02 and columns.std(axis=0).min() > 0.2
    return whole and untouched and drawn


lesson.check(2, streaks, makes_streaks, "Draw a number for each image and column.")

# %% [markdown]
# **3 (build).** One network for all three kinds. Train `generalist` with
# `corruption.OneOf([...])`, so that it beats the best filter on each of them. It need
# not see all images.

# %% tags=["exercise"]
generalist = None  # a trained model

# %% tags=["solution"]
generalist = denoiser(corruption.OneOf(list(corruptions.values())))
train(generalist, x_train[:20_000], epochs=budget.epochs)


# %% tags=["nbval-check-output"]
def beats_all_filters(model):
    return all(
        evaluation.mean_psnr(x_val, model.reconstruct(noisy)) > filtered[name]
        for name, noisy in noisy_val.items()
    )


lesson.check(3, generalist, beats_all_filters, "Print its PSNR for each corruption.")

# %% [markdown]
# ## Summary
#
# - Corrupt the input, keep the target clean, draw the corruption afresh. Nothing else
#   changes.
# - A network that has learned the images beats tuned filters by a wide margin, on the
#   corruption that it was trained on. On another it may help, or do worse than nothing.
# - Training on all levels costs little at any one of them.
# - Measure the task: corruption on in validation, on images that training never saw.
#
# ## What to remember, in numbers

# %%
lesson.Table(
    ("remember", "number"),
    [
        ("Gaussian noise 0.5, noisy", f"{results['Gaussian'].noisy:.1f} dB"),
        ("the best tuned filter", f"{results['Gaussian'].filtered:.1f} dB"),
        ("a network for it", f"{results['Gaussian'].repaired:.1f} dB"),
        ("a blind network", f"{results['Gaussian, blind'].repaired:.1f} dB"),
        (
            "the mask's network on Gaussian noise",
            f"{matrix['mask', 'Gaussian']:.1f} dB",
        ),
        ("gap, noise drawn once", f"{runs['drawn once'].gap:.1f} dB"),
        ("gap, fresh noise", f"{runs['fresh'].gap:.1f} dB"),
    ],
)

# %% [markdown]
# ## References
#
# - P. Vincent, H. Larochelle, Y. Bengio and P.-A. Manzagol, *Extracting and Composing
#   Robust Features with Denoising Autoencoders*, ICML 2008. The idea, with masks.
# - P. Vincent and others, *Stacked Denoising Autoencoders*, JMLR 11, 2010. The long
#   version: kinds of noise, and what the codes are worth.
# - O. Ronneberger, P. Fischer and T. Brox, *U-Net*, MICCAI 2015, arXiv:1505.04597. Skip
#   connections between equal sizes.
# - K. Zhang and others, *Beyond a Gaussian Denoiser*, IEEE TIP 26, 2017. One network for
#   all levels of noise.
# - Z. Wang and others, *Image Quality Assessment*, IEEE TIP 13, 2004. Structural
#   similarity.
# - G. Alain and Y. Bengio, *Understanding Intermediate Layers Using Linear Classifier
#   Probes*, 2016, arXiv:1610.01644. What a probe can say.
