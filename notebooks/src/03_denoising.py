# %% [markdown]
# # 03 Learn what a digit is by cleaning it
#
# **You will** train networks that clean noise they have never seen off images they have
# never seen, and beat three tuned filters that know nothing about digits.
#
# **You will learn** to
# - damage images in three ways, afresh for every batch, and keep the target clean;
# - score a repair in decibels beside the damaged image and beside *tuned* filters;
# - find out what a denoiser does with damage it was not trained on;
# - see what happens when the noise is drawn only once;
# - ask with a linear probe whether cleaning teaches anything about the image.
#
# **You need** lessons 01 and 02.
#
# **Time** 45 minutes to read. All cells together take {{minutes}} minutes on two CPU
# cores; on a GPU they have not been timed yet.

# %% [markdown]
# ## Setup

# %% tags=["setup"]
import os

os.environ.setdefault("KERAS_BACKEND", "tensorflow")  # or "jax", or "torch"

import keras
import matplotlib.pyplot as plt
import numpy as np
from scipy import ndimage, signal
from sklearn.linear_model import Ridge

from aelab import corruption, evaluation, lesson, models, plots, training

plots.use_style()
images, full = lesson.start(seed=3)

# %% tags=["budget"]
n_train, epochs, batch_size, highest_rate, n_few, n_probe, n_val = (
    (55_000, 3, 64, 1e-2, 2_000, 10_000, 2_000)
    if full
    else (2_500, 5, 32, 4e-3, 200, 1_500, 400)
)

# %%
x_train, x_val, x_test = images.x_train[:n_train], images.x_val[:n_val], images.x_test
image_shape, real = x_train.shape[1:], full and images.name == "mnist"

# %% [markdown]
# ## Three ways to spoil an image
#
# Lessons 01 and 02 asked for the image back and gave the image. Now we give a damaged
# one, `x_noisy`, and still ask for the clean `x`. Three kinds of damage:
#
# $$x_{\mathrm{noisy}} = \mathrm{clip}(x + \sigma\,\epsilon,\ 0,\ 1), \quad
# \epsilon \sim \mathcal{N}(0, 1) \qquad \text{Gaussian}$$
#
# $$x_{\mathrm{noisy}} = m\,x, \quad m \in \{0, 1\},\ P(m = 0) = \tfrac{1}{2}
# \qquad \text{masking}$$
#
# and *salt-and-pepper*: a share of the pixels, here a fifth, turns white or black with
# equal chance, whatever was there.
#
# > **Predict.** The Gaussian noise has mean 0. What is the mean of a black pixel after
# > noise with sigma 0.5 and clipping?


# %%
def by_hand(x, rng):
    """The three kinds of damage, in NumPy."""
    gaussian = np.clip(x + 0.5 * rng.normal(size=x.shape), 0, 1)
    masked = x * (rng.random(x.shape) >= 0.5)
    draws = rng.random(x.shape)
    specks = np.where(draws < 0.2, draws < 0.1, x)
    return {"Gaussian": gaussian, "mask": masked, "specks": specks}


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
# The package has the three as Keras layers. `apply` damages an array outside any model.
# Same mean, same spread:

# %%
damages = {
    "Gaussian": corruption.AdditiveGaussian(0.5),
    "mask": corruption.MaskPixels(0.5),
    "specks": corruption.SaltAndPepper(0.2),
}
noisy_val = {name: damage.apply(x_val, seed=1) for name, damage in damages.items()}
for name, expected in by_hand(x_val, rng).items():
    assert abs(noisy_val[name].mean() - expected.mean()) < 0.002
    assert abs(noisy_val[name].std() - expected.std()) < 0.002

# %%
plots.reconstructions(
    *(x_val[:8], *(noisy[:8] for noisy in noisy_val.values())),
    row_names=("image", "Gaussian\n0.5", "half\nmasked", "specks\n20 %"),
    title="One set of images, three kinds of damage",
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
def decibels(x, x_hat):
    """Mean over images of the peak signal-to-noise ratio."""
    return float(evaluation.psnr(x, x_hat).mean())


average = x_train.mean(axis=0)
scores = {
    "black sheet": decibels(x_val, np.zeros_like(x_val)),
    "average image": decibels(x_val, np.broadcast_to(average, x_val.shape)),
}
scores |= {name: decibels(x_val, noisy) for name, noisy in noisy_val.items()}
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
# > **Predict.** Which filter for which damage?


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
x_tune, tuned = x_train[:500], {}
for name, damage in damages.items():
    noisy = damage.apply(x_tune, seed=2)
    for kind, setting in settings:
        score = decibels(x_tune, classical(noisy, kind, setting))
        tuned[name] = max(
            tuned.get(name, (0,)), (score, kind, setting), key=lambda t: t[0]
        )
best_filter = {
    name: classical(noisy_val[name], kind, setting)
    for name, (_, kind, setting) in tuned.items()
}
filtered = {name: decibels(x_val, x_hat) for name, x_hat in best_filter.items()}

# %% [markdown]
# A fairer rival has seen digits. A *linear* map from noisy to clean pixels, fitted by
# least squares with a small price on large weights (*ridge regression*), knows which
# pixels go together. It has 784 x 784 weights and no bend.

# %%
linear = {}
x_pairs = x_train[:20_000]
flat = x_pairs.reshape(len(x_pairs), -1)
for name, damage in damages.items():
    noisy = damage.apply(x_pairs, seed=3).reshape(flat.shape)
    ridge = Ridge(alpha=300).fit(noisy, flat)
    x_hat = ridge.predict(noisy_val[name].reshape(n_val, -1))
    linear[name] = decibels(x_val, x_hat.reshape(x_val.shape).clip(0, 1))
lesson.Table(
    ("damage", "noisy", "best filter", "its PSNR", "linear map"),
    [
        (n, scores[n], f"{tuned[n][1]} {tuned[n][2]}", filtered[n], linear[n])
        for n in damages
    ],
    digits=2,
)

# %% [markdown]
# **What to notice**
# - The median is made for specks: a lone outlier in a window of nine is never in the
#   middle. It wins on clipped Gaussian noise, too. Half of the black pixels stay at 0
#   there, so the middle of a black window stays dark where a mean turns grey. Half a
#   mask is too much for it.
# - Knowing the data beats knowing the noise on two of three, by a lot. On specks the two
#   are close. The linear map was trained on pairs, as our networks will be.

# %%
assert tuned["specks"][1] == "median"
assert linear["Gaussian"] > filtered["Gaussian"]
assert linear["mask"] > filtered["mask"]

# %% [markdown]
# ## A denoising autoencoder
#
# What to change in an autoencoder? Almost nothing. Damage the input in training, leave the
# target clean:
#
# $$\mathrm{loss} = \ell\big(x,\ \mathrm{decode}(\mathrm{encode}(x_{\mathrm{noisy}}))\big)$$
#
# Copying is no longer the best answer. To remove noise the model must know what an image
# looks like without it. We write the damage as a Keras layer. It draws new noise in each
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
packaged, own = damages["Gaussian"], Noise()
for layer in (packaged, own):
    once, again = (np.asarray(layer(x_val, training=True)) for _ in range(2))
    print(f"mean {once.mean():.3f}, deviation {once.std():.3f}")
    assert abs(once.std() - noisy_val["Gaussian"].std()) < 0.002
    assert not np.array_equal(once, again)
    assert np.array_equal(np.asarray(layer(x_val)), x_val)

# %% [markdown]
# That is all there is to `models.Autoencoder(..., corruption=layer)`. Ours or the
# package's, it takes either.
#
# As a network we take the convolutions of lesson 02, with other widths. A vector of 128
# numbers in the middle sees the whole image at once, as the 64 did there. New are *skip
# connections*: they hand the encoder's larger maps straight to the decoder, so that fine
# detail need not pass through the vector. In lesson 01's task that would be cheating. Here
# it is not: what is handed over is noisy.


# %%
def denoiser(damage):
    """A convolutional autoencoder with skip connections that repairs `damage`."""
    return models.skip_autoencoder(
        image_shape,
        filters=(12, 32, 32),
        latent_dim=128,
        activation="silu",
        corruption=damage,
    )


def train(autoencoder, x, epochs, y=None, batch_size=batch_size, peak=highest_rate):
    """Train with warm-up and cosine, by the binary cross-entropy."""
    rate = training.warmup_cosine(peak, len(x), batch_size, epochs)
    autoencoder.compile(
        keras.optimizers.Adam(rate, clipnorm=1.0),
        loss="binary_crossentropy",
        **training.fast_settings(),
    )
    progress, how = lesson.Progress(), {"batch_size": batch_size, "epochs": epochs}
    autoencoder.fit(x, y, verbose=0, callbacks=[progress], **how)
    return progress.seconds


# %% [markdown]
# Cross-entropy and squared error agree on the best answer: where the noise leaves several
# possible, both ask for their mean. The cross-entropy is easier to train with a sigmoid.
# The rate is high, so `clipnorm` shortens gradients that are longer than 1: one wild batch
# cannot throw the weights away.
#
# > **Predict.** The best filter gained about five decibels on Gaussian noise. How many
# > more will the network gain?

# %%
specialists = {"Gaussian": denoiser(corruption.AdditiveGaussian(0.5))}
seconds = {"Gaussian": train(specialists["Gaussian"], x_train, epochs)}
cleaned = specialists["Gaussian"].reconstruct(noisy_val["Gaussian"])
print(
    f"noisy {scores['Gaussian']:.2f} dB, best filter {filtered['Gaussian']:.2f} dB, ",
    end="",
)
print(f"linear {linear['Gaussian']:.2f} dB, network {decibels(x_val, cleaned):.2f} dB")

# %%
plots.reconstructions(
    *(noisy_val["Gaussian"][:8], best_filter["Gaussian"][:8], cleaned[:8], x_val[:8]),
    row_names=("noisy", "best filter", "network", "image"),
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
assert decibels(x_val, cleaned) > filtered["Gaussian"] + 3
assert decibels(x_val, cleaned) > linear["Gaussian"]

# %% [markdown]
# ## Does the validation loss measure the task?
#
# A trap. Keras switches noise layers off outside training. So a validation loss of our
# network measures how well it copies *clean* images, which nobody asked for. Every
# corruption here has a switch for that: `at_inference=True`.
#
# > **Predict.** Same weights, same images. How many times larger is the loss once the
# > damage is on?


# %%
def cross_entropy(x, x_hat):
    """Binary cross-entropy per pixel, in nats."""
    x_hat = np.clip(x_hat.astype("float64"), 1e-7, 1 - 1e-7)
    return float(-np.mean(x * np.log(x_hat) + (1 - x) * np.log(1 - x_hat)))


# %%
def twin(model, damage):
    """The same weights behind another damage."""
    other = denoiser(damage)
    other.encoder.set_weights(model.encoder.get_weights())
    other.decoder.set_weights(model.decoder.get_weights())
    return other


# %%
honest = twin(
    specialists["Gaussian"], corruption.AdditiveGaussian(0.5, at_inference=True)
)
losses = {}
for name, model in (("off", specialists["Gaussian"]), ("on", honest)):
    model.compile(loss="binary_crossentropy")
    losses[name] = model.evaluate(x_val, verbose=0, return_dict=True)["loss"]
losses["by hand"] = cross_entropy(x_val, cleaned)
floor = cross_entropy(x_val, x_val)
lesson.Table(
    ("damage in evaluate()", "loss (nats / pixel)", "above the floor"),
    [(name, loss, loss - floor) for name, loss in losses.items()],
)

# %% [markdown]
# With the switch on, `evaluate` agrees with what we work out by hand on other noise. The
# raw losses look alike, since most of each is the floor of lesson 02, the cost of a
# perfect copy. Above the floor, which is what the model can do something about, the honest
# loss is about twice the other.

# %%
assert abs(losses["on"] / losses["by hand"] - 1) < 0.02
assert losses["off"] - floor < 0.8 * (losses["on"] - floor)

# %% [markdown]
# ## What is it good at?
#
# Two more specialists, for masks (an epoch less will do) and for specks, and one network
# that is *blind*: each image of a batch gets Gaussian noise of its own level, anywhere
# from 0 to 1, and nobody tells the network which. Then each cleans every kind of damage,
# and clean images, too.
#
# > **Predict.** What does a network that was trained on masks do with Gaussian noise? And
# > what does a denoiser do to an image that has no noise at all?

# %%
for name, n_epochs in (("mask", epochs - 1), ("specks", epochs)):
    specialists[name] = denoiser(damages[name])
    seconds[name] = train(specialists[name], x_train, n_epochs)

# %%
blind = denoiser(corruption.AdditiveGaussian((0.0, 1.0)))
seconds["blind"] = train(blind, x_train, epochs)

# %%
inputs = {**noisy_val, "clean": x_val}
repaired = {
    (name, kind): model.reconstruct(x)
    for name, model in (*specialists.items(), ("blind", blind))
    for kind, x in inputs.items()
}
matrix = {pair: decibels(x_val, x_hat) for pair, x_hat in repaired.items()}
similarity = {
    pair: float(evaluation.ssim(x_val, x_hat).mean())
    for pair, x_hat in repaired.items()
}


# %%
def by_kind(values, title, digits):
    """A table with a row for each network and a column for each damage."""
    rows = [
        (name, *(values[name, kind] for kind in inputs))
        for name in (*specialists, "blind")
    ]
    return lesson.Table((title, *inputs), rows, digits)


by_kind(matrix, "PSNR (dB), trained on", digits=1)

# %%
by_kind(similarity, "SSIM, trained on", digits=3)

# %%
plots.reconstructions(
    *(rows[:8] for n in ("mask", "specks") for rows in (noisy_val[n], repaired[n, n])),
    row_names=("half\nmasked", "repaired", "specks\n20 %", "repaired"),
    title="Each specialist at its own work",
)
plt.show()

# %%
plots.reconstructions(
    noisy_val["Gaussian"][:8],
    *(repaired[name, "Gaussian"][:8] for name in (*specialists, "blind")),
    row_names=("noisy", "Gaussian's\nspecialist", "mask's", "specks'", "blind"),
    title="Gaussian noise, cleaned by four networks",
)
plt.show()

# %% [markdown]
# **What to notice**
# - Each specialist is best at its own damage. Off the diagonal it depends. Gaussian's
#   specialist cleans specks better than the median does: to it a speck is strong noise.
#   The other way round fails: the mask's and the specks' specialists leave Gaussian noise
#   worse than they found it.
# - The specialist for masks believes every bright pixel, since a mask never brightens
#   one. Noise brightens many.
# - A clean image comes back changed. Gaussian's specialist has never seen one. The blind
#   network has nearly, in the low levels, and does it less harm.
# - Wrong conclusion: "a denoiser removes noise". It removes what it was trained on, and
#   what looks like that. What it does to other damage has to be measured.

# %%
for kind in damages:
    assert matrix[kind, kind] > max(matrix[n, kind] for n in specialists) - 0.5
    assert matrix[kind, kind] > filtered[kind] + 0.5
assert matrix["mask", "Gaussian"] < scores["Gaussian"]
assert matrix["blind", "clean"] > matrix["Gaussian", "clean"]
assert matrix["Gaussian", "Gaussian"] - matrix["blind", "Gaussian"] < (
    0.5 if real else 1
)

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
    train(knowing[level], x_train[: n_train // 4], 1, peak=2e-3)

# %%
levels = (0.1, 0.25, 0.4, 0.5, 0.6, 0.75, 0.9, 1.0)
rivals = {f"trained at {level}": knowing[level] for level in sorted(knowing)}
rivals["blind: 0 to 1"] = blind
by_level = {name: [] for name in rivals}
for level in levels:
    noisy = corruption.AdditiveGaussian(level).apply(x_val[:500], seed=4)
    for name, model in rivals.items():
        by_level[name].append(decibels(x_val[:500], model.reconstruct(noisy)))

# %%
ax = plots.error_curves(
    levels,
    by_level,
    title="The blind network keeps up with each specialist where that one is best",
    xlabel="standard deviation of the noise",
    ylabel="PSNR (dB)",
)
plt.show()

# %%
behind = {
    level: by_level[f"trained at {level}"][levels.index(level)]
    - by_level["blind: 0 to 1"][levels.index(level)]
    for level in sorted(knowing)
}
lesson.Table(("level", "specialist - blind (dB)"), behind.items(), digits=2)

# %% [markdown]
# **What to notice**
# - At its own level each specialist wins by a fraction of a decibel. That is the price of
#   not knowing: the noise itself shows how strong it is.
# - Away from its own level a specialist falls behind, and far away it falls far. It
#   believes in a level that is not there.

# %%
wrong = by_level["blind: 0 to 1"][-1] - by_level["trained at 0.25"][-1]
assert wrong > (0.5 if full else 0)
assert max(behind.values()) < (0.5 if real else 1.5)

# %% [markdown]
# ## A failure on purpose: draw the noise once
#
# Many tutorials damage the training set once, before training, and reuse it in every
# epoch. It saves a line. We do so with few images, many epochs and a small dense model, and
# beside it the same run with fresh noise.
#
# > **Predict.** Which run has the better score on its own training images? Which on new
# > ones?

# %%
x_few = x_train[:n_few]
noisy_few = damages["Gaussian"].apply(x_few, seed=5)
runs, pictures = {}, {}
for name in ("drawn once", "fresh"):
    fresh = name == "fresh"
    model = models.dense_autoencoder(
        *(image_shape, (512,), 128),
        activation="silu",
        corruption=corruption.AdditiveGaussian(0.5) if fresh else None,
    )
    how = {"batch_size": 32, "peak": 2e-3}
    train(
        model,
        x_few if fresh else noisy_few,
        40,
        None if fresh else x_few,
        **how,
    )
    pictures[name] = model.reconstruct(noisy_val["Gaussian"])
    runs[name] = (
        decibels(x_few, model.reconstruct(noisy_few)),
        decibels(x_val, pictures[name]),
    )
lesson.Table(
    ("noise", "those noisy images (dB)", "new images (dB)", "gap"),
    [(name, seen, new, seen - new) for name, (seen, new) in runs.items()],
    digits=2,
)

# %%
plots.reconstructions(
    *(noisy_val["Gaussian"][:8], pictures["drawn once"][:8], pictures["fresh"][:8]),
    row_names=("new,\nnoisy", "noise\ndrawn once", "fresh\nnoise"),
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
gaps = {name: seen - new for name, (seen, new) in runs.items()}
assert gaps["drawn once"] > 2 * gaps["fresh"]
assert runs["fresh"][1] > runs["drawn once"][1] + (0.5 if full else 0)

# %% [markdown]
# ## Does cleaning teach anything?
#
# To fill in what is missing, a network has to know how strokes go on. Does its *code* then
# say more about the image? We ask with a *linear probe*: freeze the encoder, encode clean
# images, and fit a linear classifier on the codes. The labels are used for this question
# only.
#
# Two models of lesson 02 with a code of 64, no skip connections, the same training. One
# copies, one fills in masks. Beside them an encoder that was never trained, and PCA.
#
# > **Predict.** Order the four.

# %%
x_probe, y_probe = x_train[:n_probe], images.y_train[:n_probe]
coders = {
    name: models.conv_autoencoder(
        image_shape, latent_dim=64, activation="silu", corruption=damage
    )
    for name, damage in (
        ("untrained", None),
        ("plain", None),
        ("denoising", damages["mask"]),
    )
}
for name in ("plain", "denoising"):
    train(coders[name], x_train[: n_train // 2], epochs, peak=3e-3)

# %%
pca = evaluation.fit_pca(x_train, 64)
codes = {"PCA": [pca.transform(x.reshape(len(x), -1)) for x in (x_probe, x_val)]}
codes |= {
    name: [model.encode(x) for x in (x_probe, x_val)] for name, model in coders.items()
}
probes = {
    name: evaluation.linear_probe(z, y_probe, z_val, images.y_val[:n_val])
    for name, (z, z_val) in codes.items()
}
lesson.Table(("code of 64 numbers", "probe's accuracy"), probes.items(), digits=3)

# %% [markdown]
# **What to notice**
# - Both trained codes beat PCA and the untrained encoder. But filling in did not beat
#   copying here. The two are close, and this is one run of each.
# - The denoising encoder has a harder task and has hardly met a clean image. The gains
#   that made denoising autoencoders famous came from wide, overcomplete codes, long
#   training and fine-tuning with labels. Lessons 04 and 09 come back to that.
# - Guessing gives a tenth. The untrained encoder is far above that. Without it, any of
#   these numbers would look like an achievement.
# - Wrong conclusion: "so denoising is useless for features". One size of code, one damage,
#   one short training. It is a measurement, not a law.

# %%
assert probes["denoising"] < probes["plain"] + (0.02 if real else 0.15)
if real:
    assert min(probes["plain"], probes["denoising"]) > probes["untrained"] + 0.03

# %% [markdown]
# ## The numbers of this lesson

# %%
kept = {}
for name, damage in damages.items():
    noisy = damage.apply(x_test, seed=6)
    _, kind, setting = tuned[name]
    kept[name] = (
        *(noisy, classical(noisy, kind, setting)),
        specialists[name].reconstruct(noisy),
    )
kept["Gaussian, blind"] = (
    *kept["Gaussian"][:2],
    blind.reconstruct(kept["Gaussian"][0]),
)

# %% tags=["numbers"]
test_psnr = {
    name: [decibels(x_test, x_hat) for x_hat in row] for name, row in kept.items()
}
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
            *(name, *(f"{value:.2f}" for value in test_psnr[name])),
            *(f"{evaluation.ssim(x_test, x_hat).mean():.3f}" for x_hat in row[1:]),
        )
        for name, row in kept.items()
    ],
)

# %%
assert all(network > best + 0.5 for _, best, network in test_psnr.values())
if real:
    assert test_psnr["Gaussian"][2] > max(20.3, test_psnr["Gaussian"][1] + 5)
    assert test_psnr["mask"][2] > 22.5
    assert test_psnr["specks"][2] > 23.5

# %% [markdown]
# ## Exercises
#
# Each has a stub that runs, and a check that says whether you are there. The solutions
# are in `solutions/03_denoising.ipynb`.
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
# **2 (write a few lines).** Rain leaves bright vertical streaks. Write `streaks(x, share,
# rng)`: in each image every column turns white, from top to bottom, with probability
# `share`, independently of the others. Leave `x` itself as it was.

# %% tags=["exercise"]
streaks = None  # a function of images, a share, and a NumPy generator


# %% tags=["solution"]
def streaks(x, share, rng):
    """Turn each column of each image white with probability `share`."""
    wet = rng.random((len(x), 1, x.shape[2], 1)) < share
    return np.where(wet, np.float32(1), x)


# %% tags=["nbval-check-output"]
def makes_streaks(function):
    grey = np.full((500, 12, 40, 1), 0.5, "float32")
    wet = function(grey, 0.3, np.random.default_rng(0)) == 1
    columns = wet.mean(axis=(1, 3))
    whole, untouched = set(np.unique(columns)) <= {0, 1}, (grey == 0.5).all()
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
generalist = denoiser(corruption.OneOf(list(damages.values())))
seconds["generalist"] = train(generalist, x_train[:20_000], epochs)


# %% tags=["nbval-check-output"]
def beats_all_filters(model):
    return all(
        decibels(x_val, model.reconstruct(noisy_val[name])) > filtered[name]
        for name in damages
    )


lesson.check(3, generalist, beats_all_filters, "Print its decibels for each damage.")

# %% [markdown]
# ## Summary
#
# - Damage the input, keep the target clean, draw the damage afresh. Nothing else changes.
# - A network that has learned the images beats tuned filters by a wide margin, on the
#   damage that it was trained on. On other damage it may help, or do worse than nothing.
# - Training on all levels costs little at any one of them.
# - Measure the task: damage on in validation, on images that training never saw.
#
# ## What to remember, in numbers

# %%
lesson.Table(
    ("remember", "number"),
    [
        ("Gaussian noise 0.5, noisy", f"{test_psnr['Gaussian'][0]:.1f} dB"),
        ("the best tuned filter", f"{test_psnr['Gaussian'][1]:.1f} dB"),
        ("a network for it", f"{test_psnr['Gaussian'][2]:.1f} dB"),
        ("a blind network", f"{test_psnr['Gaussian, blind'][2]:.1f} dB"),
        (
            "the mask's network on Gaussian noise",
            f"{matrix['mask', 'Gaussian']:.1f} dB",
        ),
        ("gap, noise drawn once", f"{gaps['drawn once']:.1f} dB"),
        ("gap, fresh noise", f"{gaps['fresh']:.1f} dB"),
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
