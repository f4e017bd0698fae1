# %% [markdown]
# # 06 Draw a digit that nobody wrote
#
# **You will** train an autoencoder whose code can be drawn at random, and have it draw
# digits that are in no data set.
#
# **You will learn** to
# - see why a plain autoencoder cannot do that;
# - give a code a mean and a spread, and train through a random draw;
# - derive the loss of a variational autoencoder (VAE), and check each term by integration;
# - tell a likelihood from a cross-entropy, and a bound from the number it bounds;
# - weigh rate against distortion, and spot a posterior that has collapsed.
#
# **You need** lessons 01 and 03.
#
# **Time** 60 minutes to read. All cells together take {{minutes}} minutes on two CPU
# cores; on a GPU they have not been timed yet.

# %% [markdown]
# ## Setup
#
# After a restart of the kernel, begin again with this cell: each cell needs what those before
# it have made.

# %% tags=["setup"]
import os
from typing import NamedTuple

os.environ.setdefault("KERAS_BACKEND", "tensorflow")  # or "jax", or "torch"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow: errors alone

import keras
import matplotlib.pyplot as plt
import numpy as np
from keras import ops
from scipy import integrate, stats
from sklearn.decomposition import PCA

from aelab import data, evaluation, layers, lesson, losses, models, plots, training

plots.use_style()
images = lesson.start(seed=5)

# %% tags=["budget"]
budget = lesson.budget(
    full=dict(
        n_train=55_000,
        epochs=5,
        long_epochs=20,
        flat_epochs=10,
        n_trial=15_000,
        trial_epochs=8,
        betas=(0.1, 0.5, 1.0, 2.0, 5.0, 20.0),
        n_letters=12_000,
        letter_epochs=16,
        n_drawn=1_000,
        n_samples=500,
        n_sampled=1_000,
        batch_size=128,
    ),
    quick=dict(
        n_train=1_600,
        epochs=7,
        long_epochs=7,
        flat_epochs=1,
        n_trial=1_000,
        trial_epochs=10,
        betas=(0.1, 1.0, 5.0, 20.0),
        n_letters=1_200,
        letter_epochs=12,
        n_drawn=200,
        n_samples=20,
        n_sampled=200,
        batch_size=32,
    ),
)

# %%
x_train = images.x_train[: budget.n_train]
x_val, x_test = images.x_val, images.x_test
image_shape, n_pixels = x_train.shape[1:], x_train[0].size

# %% [markdown]
# ## A failure on purpose: draw from a plain autoencoder
#
# The decoder of lesson 01 turns 32 numbers into a digit. So let us make up 32 numbers and
# see what it draws. Which numbers? Nobody told the model how its codes should be spread,
# so we try two guesses: standard normal numbers, and normal numbers with the mean and the
# covariance of the codes of training images.
#
# > **Predict.** Which of the two draws digits?

# %%
plain = models.dense_autoencoder(image_shape)
history = training.train(
    plain, x_train, epochs=2 * budget.epochs, batch_size=budget.batch_size
)
codes = plain.encode(x_train)

# %%
rng = np.random.default_rng(0)
standard = rng.normal(size=(budget.n_drawn, codes.shape[1])).astype("float32")
fitted = rng.multivariate_normal(codes.mean(axis=0), np.cov(codes.T), budget.n_drawn)
drawn = {
    "standard normal": plain.decode(standard),
    "fitted normal": plain.decode(fitted.astype("float32")),
}
print(f"deviation of the codes' units: {codes.std(axis=0).round(1)[:8]} ...")

# %%
plots.image_rows(
    {
        "real": x_train[:10],
        "standard\nnormal": drawn["standard normal"][:10],
        "fitted\nnormal": drawn["fitted normal"][:10],
    },
    title="A plain autoencoder's decoder does not know which codes are likely",
)
plt.show()

# %% [markdown]
# To have a number as well: how far is each drawing from the most similar real image? For
# comparison, real images that were held out. It is a crude measure.

# %%
x_known = x_train[:10_000]
compared = {"held-out images": x_val[: budget.n_drawn]}
compared |= {f"plain, {name}": x for name, x in drawn.items()}
nearest = {
    name: float(evaluation.distance_to_nearest(x, x_known).mean())
    for name, x in compared.items()
}
lesson.Table(("drawn from", "MSE to the nearest real image"), nearest.items())

# %% [markdown]
# **What to notice**
# - Standard normal codes are far too small: the codes live on a scale of their own.
# - With the right mean and covariance the drawings look like handwriting, but few are
#   digits. The space between the codes has holes that no training image ever visited.
# - So two things are missing: a known distribution of the codes, and a decoder that has
#   been trained everywhere on it. A VAE asks for both in its loss.

# %%
assert codes.std(axis=0).mean() > 2
if lesson.on_mnist(images):
    assert nearest["held-out images"] == min(nearest.values())

# %% [markdown]
# ## A code with a spread
#
# The encoder of a VAE gives two vectors, `z_mean` and `z_log_var`. They describe a cloud
# of codes for one image: independent normal distributions with mean $\mu$ and variance
# $\sigma^2 = e^{\mathtt{z\_log\_var}}$. The decoder gets one draw from the cloud, so it
# has to cope with every code in there. And if something keeps the clouds wide and near 0,
# they overlap, and the holes close.

# %% [markdown]
# But how to train through a draw? Write it as
#
# $$z = \mu + \sigma\,\epsilon, \qquad \epsilon \sim \mathcal N(0, 1)$$
#
# Now the dice are an input, and `z` is a smooth function of $\mu$ and $\sigma$. This is
# the *reparameterisation trick*.
#
# > **Predict.** `z_log_var` is -2. What is the standard deviation of the draws?

# %%
z_mean, z_log_var = np.full(100_000, 1.0), np.full(100_000, -2.0)
eps = np.random.default_rng(1).normal(size=z_mean.shape)
by_hand = z_mean + np.exp(z_log_var / 2) * eps
print(f"mean {by_hand.mean():.3f}, standard deviation {by_hand.std():.3f}")

# %%
packaged = ops.convert_to_numpy(layers.Sampling(seed=1)([z_mean, z_log_var]))
assert abs(packaged.mean() - by_hand.mean()) < 0.01
assert abs(packaged.std() - np.exp(-1)) < 0.01
assert abs(by_hand.std() - np.exp(-1)) < 0.01

# %% [markdown]
# ## The loss, in half a page
#
# Let codes have the distribution $p(z) = \mathcal N(0, I)$, and let the decoder say how
# likely an image is for a code, $p(x \mid z)$. How likely is the image then, whatever the
# code? $p(x) = \int p(x \mid z)\,p(z)\,dz$. For nearly every code $p(x \mid z)$ is next to
# nothing, so guessing codes would take forever. The encoder knows where to look. For its
# cloud $q(z \mid x)$
#
# $$\log p(x) = \log \mathbb E_q\!\left[\frac{p(x \mid z)\,p(z)}{q(z \mid x)}\right]
# \ \ge\ \mathbb E_q\big[\log p(x \mid z)\big] -
# \mathbb E_q\!\left[\log \frac{q(z \mid x)}{p(z)}\right]$$
#
# because the logarithm of a mean is at least the mean of the logarithms.

# %% [markdown]
# The right side is
# the *evidence lower bound*, ELBO. Its negative is our loss:
#
# $$\mathrm{loss} = \underbrace{-\mathbb E_q[\log p(x \mid z)]}_{\texttt{reconstruction}}
# \; + \; \underbrace{\mathrm{KL}(q \,\|\, p)}_{\texttt{kl}}$$
#
# Both are in *nats for each image*: summed over pixels, and summed over units. The first
# is what is lost, the second is what the code costs.

# %% [markdown]
# ## The KL term, each part with its sign
#
# $$\mathrm{kl} = \tfrac12 \sum_j \big(\mu_j^2 + \sigma_j^2 - \log \sigma_j^2 - 1\big)$$
#
# - $\mu^2$: a fee for moving away from the middle.
# - $\sigma^2$: a fee for clouds that are too wide.
# - $-\log\sigma^2$: a fee for clouds that are too narrow, without which every cloud would
#   shrink to a point, and we would be back at the plain autoencoder.
# - $-1$: so that it is 0 when the cloud is $\mathcal N(0, 1)$ and says nothing at all.

# %% [markdown]
# Some notes print $\mu^2 + \sigma^2 - \log \sigma - 1$, without the half and with
# $\log\sigma$ for $\log\sigma^2$. Which is right? We integrate and see.
#
# > **Predict.** Can both be right? A divergence is 0 where two distributions are equal, and
# > positive elsewhere. Look at a mean of 0 and a log variance of -0.5.


# %%
def kl(z_mean, z_log_var):
    """KL divergence of N(z_mean, exp(z_log_var)) from N(0, 1), for one unit."""
    return 0.5 * (z_mean**2 + np.exp(z_log_var) - z_log_var - 1)


def kl_with_the_slip(z_mean, z_log_var):
    """What some notes print."""
    return z_mean**2 + np.exp(z_log_var) - z_log_var / 2 - 1


def kl_by_integration(z_mean, z_log_var):
    """The definition: the integral of q log(q / p)."""
    q, p = stats.norm(z_mean, np.exp(z_log_var / 2)), stats.norm()
    integral, _ = integrate.quad(
        lambda z: q.pdf(z) * (q.logpdf(z) - p.logpdf(z)),
        z_mean - 12 * q.std(),
        z_mean + 12 * q.std(),
    )
    return integral


# %% tags=["nbval-check-output"]
class Divergence(NamedTuple):
    """The divergence of one cloud, found in three ways."""

    integral: float
    formula: float
    slip: float


cases = [(0.0, 0.0), (0.0, -0.5), (1.0, 0.0), (0.0, -2.0), (1.5, -3.0)]
divergences = {
    (mean, log_var): Divergence(
        integral=kl_by_integration(mean, log_var),
        formula=kl(mean, log_var),
        slip=kl_with_the_slip(mean, log_var),
    )
    for mean, log_var in cases
}
lesson.Table(
    ("mean, log variance", "integral", "formula", "with the slip"),
    [(str(case), *found) for case, found in divergences.items()],
)

# %%
for found in list(divergences.values())[1:]:
    assert abs(found.integral - found.formula) < 1e-6
    assert abs(found.integral - found.slip) > 0.1
assert divergences[0.0, -0.5].slip < 0
means, log_vars = np.array(cases, "float32").T[..., None]
packaged = ops.convert_to_numpy(losses.kl_standard_normal(means, log_vars))
formulas = [found.formula for found in divergences.values()]
assert np.allclose(packaged, formulas, atol=1e-6)

# %% [markdown]
# The slip is negative where a divergence cannot be. It is, but for a constant, the
# divergence from $\mathcal N(0, \tfrac12)$: a model trained with it packs its codes too
# tightly for what is drawn later.
#
# ## The lecture's VAE
#
# The convolutions of lesson 03, a code of 128 units, five epochs of Adam at 0.001. The
# package's class logs the two parts under their own names. Beside it the same trunk as a
# plain autoencoder, with the same code size.
#
# > **Predict.** Which of the two reconstructs better? By how much, in MSE?

# %%
progress = training.Progress()
as_in_lecture = {
    "batch_size": budget.batch_size,
    "epochs": budget.epochs,
    "verbose": 0,
    "callbacks": [progress],
}
lecture = models.conv_vae(image_shape, filters=(16, 32, 64), latent_dim=128)
lecture.compile(keras.optimizers.Adam(1e-3), **training.fast_settings())
lecture.fit(x_train, **as_in_lecture)
lecture_seconds = progress.seconds

# %%
rival = models.conv_autoencoder(image_shape, filters=(16, 32, 64), latent_dim=128)
rival.compile(
    keras.optimizers.Adam(1e-3), loss="binary_crossentropy", **training.fast_settings()
)
rival.fit(x_train, **as_in_lecture)
rival_seconds = progress.seconds


# %%
class Parts(NamedTuple):
    """The two parts of the loss and their sum, -ELBO, in nats an image."""

    reconstruction: float
    kl: float
    total: float


def minus_elbo(vae, x, seed=0):
    """The parts of the loss, with one code drawn from each image's cloud."""
    z_mean, z_log_var = vae.posterior(x)
    eps = np.random.default_rng(seed).normal(size=z_mean.shape)
    z = z_mean + np.exp(z_log_var / 2) * eps
    reconstruction = float(vae.nll(x, z).mean())
    rate = float(evaluation.kl_per_unit(z_mean, z_log_var).sum())
    return Parts(reconstruction, rate, reconstruction + rate)


lecture_parts = minus_elbo(lecture, x_val)
lesson.Table(("reconstruction", "kl", "sum (nats / image)"), [lecture_parts], digits=1)

# %%
pictures = {"plain": rival.reconstruct(x_val), "VAE": lecture.reconstruct(x_val)}
lecture_mse = {name: evaluation.mse(x_val, x) for name, x in pictures.items()}
plots.image_rows(
    {
        "image": x_val[:8],
        f"plain\nMSE {lecture_mse['plain']:.4f}": pictures["plain"][:8],
        f"VAE\nMSE {lecture_mse['VAE']:.4f}": pictures["VAE"][:8],
    },
    title="The same trunk and code size: the first sharper, the second smoother",
)
plt.show()

# %% [markdown]
# **What to notice**
# - The VAE's error is a few times larger. It pays for each nat of its code, and where
#   clouds overlap its decoder has learned the average of their images. In return its
#   codes lie where we know.
# - Wrong conclusion: "$-\log p(x)$ is at most this loss". That holds for pixels that are
#   black or white, like coins. Ours are grey. The sum is a cross-entropy with a price on
#   the code. It can be compared between models, but it bounds no likelihood of a grey image.

# %%
logs = lecture.evaluate(x_val, verbose=0, return_dict=True)
assert abs(logs["loss"] - logs["reconstruction"] - logs["kl"]) < 1e-3 * logs["loss"]
assert lecture_mse["plain"] < lecture_mse["VAE"]
if lesson.on_mnist(images):
    assert lecture_parts.total <= 107

# %% [markdown]
# ## A true likelihood
#
# So we make the coins real. Each pixel is drawn black or white, with its grey value as
# the chance of white. Then $p(x \mid z)$ is a probability, and `-ELBO` is an upper bound
# on $-\log p(x)$. Divided by $\log 2$ it is a number of bits in which the image can be
# stored without loss.
#
# The draw is made anew in every epoch. That gives the model many versions of each image,
# and is a setting to state beside the number.


# %%
def flip(x, rng):
    """Draw each pixel black or white, white with its grey value as the chance."""
    return (rng.random(x.shape, dtype="float32") < x).astype("float32")


class Coins(keras.utils.PyDataset):
    """Batches of images whose pixels are flipped anew in every epoch."""

    def __init__(self, x, batch_size, seed=0):
        super().__init__()
        self.x, self.batch_size = x, batch_size
        self.rng = np.random.default_rng(seed)
        self.on_epoch_end()

    def __len__(self):
        return -(-len(self.x) // self.batch_size)

    def __getitem__(self, i):
        chosen = self.order[i * self.batch_size : (i + 1) * self.batch_size]
        return (flip(self.x[chosen], self.rng),)

    def on_epoch_end(self):
        self.order = self.rng.permutation(len(self.x))


# %%
binary = models.dense_vae(image_shape, (512, 512), 40)
rate = training.warmup_cosine(2e-3, len(x_train), budget.batch_size, budget.long_epochs)
binary.compile(keras.optimizers.Adam(rate), **training.fast_settings())
binary.fit(
    Coins(x_train, budget.batch_size),
    epochs=budget.long_epochs,
    verbose=0,
    callbacks=[progress],
)
binary_seconds = progress.seconds

# %% [markdown]
# How far is the bound from the truth? Average over more than one draw *inside* the
# logarithm:
#
# $$\log p(x) \approx \log \frac{1}{S} \sum_{s=1}^{S}
# \frac{p(x \mid z_s)\,p(z_s)}{q(z_s \mid x)}, \qquad z_s \sim q(z \mid x)$$
#
# This is *importance sampling*. In expectation it is the ELBO with one draw, and rises
# towards $\log p(x)$ with more.
#
# > **Predict.** The floor: a model without a code, each pixel an independent coin with its
# > mean as chance. 100 nats, 200, or 500?


# %%
def without_code(x):
    """Nats an image when each pixel is a coin with its training mean as chance."""
    average = np.clip(x_train.mean(axis=0), 1e-3, 1 - 1e-3)
    logits = np.broadcast_to(np.log(average / (1 - average)), x.shape)
    return float(ops.mean(losses.bernoulli_nll(x, logits)))


coins_val = flip(x_val, np.random.default_rng(6))
binary_val = minus_elbo(binary, coins_val)
print(f"no code: {without_code(coins_val):.1f} nats", end="    ")
print(f"-ELBO: {binary_val.total:.1f} nats, of which kl {binary_val.kl:.1f}")


# %%
def bound(vae, x, n_samples):
    """Upper bound on -log p(x) by importance sampling, averaged over images."""
    z_mean, z_log_var = vae.posterior(x)
    return -evaluation.log_likelihood(x, z_mean, z_log_var, vae.nll, n_samples).mean()


few = coins_val[:200]
bounds = {n: bound(binary, few, n) for n in (1, 10, budget.n_samples)}
lesson.Table(
    (f"-log p(x), {len(few)} images, by", "nats / image"),
    [(f"{n} draws", found) for n, found in bounds.items()],
    digits=2,
)

# %% [markdown]
# **What to notice**
# - The code saves more than half of what the image costs without one.
# - The estimate falls as draws are added, by a few nats, and is still an upper bound. The
#   encoder's cloud is not the true one, $p(z \mid x)$: the ELBO pays for the difference,
#   and the decoder is better than its ELBO.

# %%
assert bounds[1] > bounds[10] > bounds[budget.n_samples]
assert binary_val.total < (0.6 if lesson.full() else 0.95) * without_code(coins_val)

# %% [markdown]
# ## Draw
#
# Now codes from $\mathcal N(0, I)$, which the KL has pulled all clouds towards.
#
# > **Predict.** Will they be nearer to real images than the plain autoencoder's?

# %%
samples = binary.sample(budget.n_drawn, seed=1)
distances = evaluation.distance_to_nearest(samples, x_known)
nearest["VAE, standard normal"] = float(distances.mean())
plots.image_rows(
    list(samples[:40].reshape(4, 10, *image_shape)),
    title="Forty digits that nobody wrote, none of them chosen",
)
plt.show()

# %%
lesson.Table(("drawn from", "MSE to the nearest real image"), nearest.items())

# %% [markdown]
# **What to notice**
# - Most can be read. Some are no digit. None was picked for the picture.
# - These are *samples*: nothing went into the encoder. Do not take reconstructions for
#   them.
# - Wrong conclusion: "the nearer to real images, the better". The decoder draws the mean of
#   its pixels, which is smooth, and smooth images have small distances. A model that
#   repeats its training images would win.

# %%
assert nearest["VAE, standard normal"] < nearest["plain, fitted normal"]

# %% [markdown]
# ## From one digit to another
#
# In lesson 01 we walked from one code to another. Here is the same walk in a latent space
# that was trained to have few holes.

# %%
# The first image of another class, or simply the last one where none is known.
of_others = np.flatnonzero(images.y_val != images.y_val[0])
other = of_others[0] if len(of_others) else -1
z_0, z_1 = binary.encode(coins_val[[0, other]])
steps = np.linspace(0, 1, 9, dtype="float32")[:, None]
walk = binary.decode((1 - steps) * z_0 + steps * z_1)
share = steps[..., None, None]
mixed = (1 - share) * x_val[0] + share * x_val[other]
plots.image_rows(
    {"codes": walk, "pixels": mixed},
    column_names=[f"{step:.2f}" for step in steps.ravel()],
    title="Mixed codes bend one digit into the other, mixed pixels lay one over the other",
)
plt.show()

# %% [markdown]
# ## All of a small latent space
#
# A code of two numbers can be seen whole. We take the values where the normal distribution
# has its quantiles, so that each cell stands for the same share of draws.

# %%
flat = models.dense_vae(image_shape, (512, 256), 2)
history = training.train(
    flat, x_train, epochs=budget.flat_epochs, batch_size=budget.batch_size
)
values = stats.norm.ppf(np.linspace(0.03, 0.97, 16)).astype("float32")
grid = np.stack(np.meshgrid(values, values), axis=-1)
manifold = flat.decode(grid.reshape(-1, 2)).reshape(16, 16, *image_shape)

# %%
plots.manifold(
    manifold,
    values,
    title="What a code of two numbers can draw, each cell equally likely",
)
plt.show()

# %% [markdown]
# ## What does each unit do?
#
# Forty units were offered. How many are used? A unit that costs nothing says nothing. A
# unit is *active* if its mean moves from image to image: variance above 0.01.

# %%
z_mean, z_log_var = binary.posterior(coins_val)
unit_kl = evaluation.kl_per_unit(z_mean, z_log_var)
active = evaluation.active_units(z_mean)
order = np.argsort(-unit_kl)
print(f"{active.sum()} of {len(active)} units are active")
print(f"nats of the first six: {unit_kl[order[:6]].round(2)}")
print(f"nats of the last six:  {unit_kl[order[-6:]].round(2)}")

# %%
plots.LatentExplorer(binary.decode, z_mean[0], order[:6])

# %% [markdown]
# Where this page is alive, move the sliders. On a still page each row moves one unit and
# leaves the others at the code of one image.

# %%
assert unit_kl[active].sum() > 0.9 * unit_kl.sum()
assert unit_kl[~active].max(initial=0) < 0.1 * unit_kl.max()

# %% [markdown]
# ## Which unit found the slant?
#
# On handwritten digits nobody can say what a unit *should* have found. So we draw the
# letter H ourselves, each time with a known slant, rotation, size, stroke and place, in
# eight fonts, and train small VAEs on it without telling them any of that. The code is made
# four times as dear, `beta=4`, so the loss they print is reconstruction + 4 kl. What that
# does, the section after this one shows. We train three, each from other random weights,
# for one alone may be lucky. Beside them stands PCA with as many components, which is
# told no more than they are.
#
# > **Predict.** Will one unit follow the slant, or will all of them a little? Will it be
# > a better follower than a component of PCA?

# %%
letters = data.glyphs.draw(budget.n_letters, seed=1, characters="H")
factors = dict(zip(data.glyphs.FACTORS, letters.factors.T, strict=True))
# How far an upright stroke leans, whoever made it lean. Rotation counts anticlockwise.
factors["lean"] = factors["slant"] - np.tan(np.radians(factors["rotation"]))
cut = budget.n_letters * 3 // 4
h_train, h_val = letters.images[:cut], letters.images[cut:]

codes = {}
for number in (1, 2, 3):
    small = models.dense_vae(h_train.shape[1:], (256, 128), 10, beta=4.0)
    training.train(
        small, h_train, epochs=budget.letter_epochs, batch_size=budget.batch_size
    )
    codes[f"VAE {number}"] = small.encode(h_val)
pca = PCA(10).fit(h_train.reshape(len(h_train), -1))
codes["PCA"] = pca.transform(h_val.reshape(len(h_val), -1))

# %%
names = ("slant", "rotation", "lean", "stroke")


def slant_follower(code):
    """The unit that follows the slant most closely, and how it goes with each factor."""
    by_unit = np.array(
        [[np.corrcoef(z, factors[name][cut:])[0, 1] for name in names] for z in code.T]
    )
    unit = int(np.nanargmax(abs(by_unit[:, 0])))
    return unit, dict(zip(names, map(float, by_unit[unit]), strict=True))


rows = []
found = {}
for name, code in codes.items():
    slant_unit, correlation = slant_follower(code)
    found[name] = {factor: abs(value) for factor, value in correlation.items()}
    rows.append((name, str(slant_unit), *correlation.values()))
lesson.Table(("code", "unit", *names), rows, digits=2)

# %%
slant_unit, correlation = slant_follower(codes["VAE 3"])
steps = np.linspace(-2, 2, 9)
row = np.tile(codes["VAE 3"].mean(axis=0), (9, 1)).astype("float32")
row[:, slant_unit] = steps * np.sign(correlation["slant"])
plots.image_rows(
    {f"unit {slant_unit}": small.decode(row)},
    title="The unit of VAE 3 that follows the slant, from -2 to 2",
)
plt.show()

# %% [markdown]
# In each code the unit that rises with the slant falls with the rotation, or the other way
# round: either can make a letter lean. What the unit has really found is how far the
# strokes lean: with that its correlation is higher still, each time. A unit finds what the
# pixels show, not what our list of factors calls it.
#
# The three VAEs do not agree on how closely: training starts from other weights and ends at
# another code. And a component of PCA, which needs no beta and no steps of training,
# follows the lean at least as closely as they do on average. So this is not what a VAE is
# for. That a unit means something is a property of the images as much as of the model.

# %%
vaes = [found[name] for name in found if name != "PCA"]
vae_slant = float(np.mean([unit["slant"] for unit in vaes]))
vae_lean = float(np.mean([unit["lean"] for unit in vaes]))
if lesson.full():
    assert vae_slant > 0.5
    assert vae_lean > 0.65
    assert found["PCA"]["lean"] > max(0.8, vae_lean - 0.05)
    assert all(unit["lean"] > unit["slant"] for unit in found.values())
    for code in codes.values():
        correlation = slant_follower(code)[1]
        assert correlation["slant"] * correlation["rotation"] < 0
assert vae_lean > vae_slant > 0.2

# %% [markdown]
# ## Beta: what is a nat of code worth?
#
# $$\mathrm{loss} = \mathrm{reconstruction} + \beta \cdot \mathrm{kl}$$
#
# With `beta = 1` it is the bound. A larger beta makes the code dear, a smaller one makes it
# cheap. The KL is a *rate*, what the code carries. The reconstruction is a *distortion*,
# what is lost.
#
# > **Predict.** Draw the curve of distortion against rate before you run it.


# %%
class State(NamedTuple):
    """Distortion, rate and their sum in nats an image, and the active units."""

    distortion: float
    rate: float
    total: float
    active: int


def state(vae):
    """What a VAE reaches on validation images of black and white."""
    parts = minus_elbo(vae, coins_val)
    active = int(evaluation.active_units(vae.encode(coins_val)).sum())
    return State(parts.reconstruction, parts.kl, parts.total, active)


# %%
x_trial = flip(x_train[: budget.n_trial], np.random.default_rng(7))
trial = {"epochs": budget.trial_epochs, "batch_size": 64}
sweep = {}
for beta in budget.betas:
    vae = models.dense_vae(image_shape, (256,), 20, beta=beta)
    training.train(vae, x_trial, **trial)
    sweep[beta] = state(vae)

# %%
lesson.Table(
    ("beta", "rate", "distortion", "sum", "active units of 20"),
    [(f"{b:g}", s.rate, s.distortion, s.total, s.active) for b, s in sweep.items()],
    digits=1,
)

# %%
rates = [reached.rate for reached in sweep.values()]
distortions = [reached.distortion for reached in sweep.values()]
plots.curves(
    rates,
    {"beta from 0.1 (right) to 20 (left)": distortions},
    xlabel="rate: KL (nats / image)",
    ylabel="distortion (nats / image)",
    title="Each beta is a point on one curve: what is not paid is lost",
)
plt.show()

# %% [markdown]
# **What to notice**
# - The sum, `-ELBO`, is lowest near `beta = 1`, since that is what this model minimised.
#   Other betas buy a sharper picture or a shorter code, at a loss.
# - When the code gets dear, units go to sleep. Being *active* is not much: with `beta = 20`
#   some still move by more than 0.01 in variance, and all together carry next to nothing.
# - Wrong conclusion: "a lower loss is a better model". Losses at two betas are two
#   different quantities. Compare their parts.

# %%
assert rates == sorted(rates, reverse=True)
assert sweep[1.0].total < min(sweep[0.1].total, sweep[20.0].total)
assert sweep[20.0].active < sweep[0.1].active
if lesson.on_mnist(images):
    assert sweep[20.0].active > 0
    assert sweep[20.0].rate < 1

# %% [markdown]
# ## The betas that nobody stated
#
# Many tutorials have no beta and still have one. A *mean* over pixels where a sum belongs
# makes the reconstruction 784 times cheaper, so the KL is 784 times dearer. We write down
# five losses as they are met in the wild, and compute what each is in our terms: the price
# of a nat of code in nats of reconstruction.
#
# > **Predict.** Which of them are VAEs with `beta = 1`?

# %%
wild = {
    "sum over pixels, sum over units": lambda r, k: r.sum(1).mean() + k.sum(1).mean(),
    "mean over pixels, sum over units": lambda r, k: r.mean() + k.sum(1).mean(),
    "sum over pixels, mean over units": lambda r, k: r.sum(1).mean() + k.mean(),
    "mean over pixels, mean over units": lambda r, k: r.mean() + k.mean(),
    f"{n_pixels} x mean over pixels, half the sum over units": lambda r, k: (
        n_pixels * r.mean() + 0.5 * k.sum(1).mean()
    ),
}


def hidden_beta(loss, n_units=20):
    """Price of one nat of code in nats of reconstruction, for one image."""
    pixels, units = np.ones((1, n_pixels)) / n_pixels, np.ones((1, n_units)) / n_units
    return loss(0 * pixels, units) / loss(pixels, 0 * units)


# %% tags=["nbval-check-output"]
hidden = {name: float(hidden_beta(loss)) for name, loss in wild.items()}
lesson.Table(
    (f"{n_pixels} pixels, 20 units", "beta"),
    [(name, f"{beta:.4g}") for name, beta in hidden.items()],
)

# %% [markdown]
# **What to notice**
# - Only the first is the bound. The second pays 784 times too much for its code, and
#   the sweep above shows what happens at 20 already. The third pays a twentieth.
# - So two models that are both called a VAE can be points far apart on the curve.

# %%
assert abs(hidden["sum over pixels, sum over units"] - 1) < 1e-9
assert abs(hidden["mean over pixels, sum over units"] - n_pixels) < 1e-6

# %% [markdown]
# ## Posterior collapse, and a way out
#
# If the code is too dear, the encoder gives up. Every cloud becomes $\mathcal N(0, 1)$, the
# KL is 0, and the decoder draws the average image. This is *posterior collapse*. We provoke
# it with the second loss of the table, stated as what it is, `beta = 784`.
#
# The first repair is to state beta and set it to 1. But a model can also collapse early at
# an honest beta, while its decoder cannot read yet. Against that there is a *warm-up*: beta
# climbs from 0 to 1 over the first half of the epochs: `training.Ramp` moves the variable
# `beta`. We start twice from the collapsed weights, once with beta 1 from the first step,
# once with the warm-up.

# %%
too_dear = f"beta {n_pixels}"
collapsed = models.dense_vae(image_shape, (256,), 20, beta=float(n_pixels))
training.train(collapsed, x_trial, **trial)
states = {too_dear: state(collapsed)}
gone = collapsed.reconstruct(coins_val[:8])
weights = collapsed.get_weights()

# %%
for name, start in (("then beta 1", 1.0), ("then 0 to 1", 0.0)):
    collapsed.set_weights(weights)
    ramp = training.Ramp(collapsed.beta, start, 1.0, epochs=budget.trial_epochs // 2)
    training.train(collapsed, x_trial, callbacks=[ramp], **trial)
    states[name] = state(collapsed)
lesson.Table(
    ("training", "reconstruction", "kl", "sum", "active units"),
    [(name, *reached) for name, reached in states.items()],
    digits=1,
)

# %%
plots.image_rows(
    {
        "image": coins_val[:8],
        "collapsed": gone,
        "after a\nwarm-up": collapsed.reconstruct(coins_val[:8]),
    },
    title="A collapsed VAE draws one picture for all, and can be woken",
)
plt.show()

# %% [markdown]
# Both wake it, since what had put it to sleep is gone. The warm-up adds little here. It
# matters where decoders are strong enough to do without a code.

# %%
assert states[too_dear].rate < 0.5
assert states[too_dear].active == 0
assert min(states["then beta 1"].rate, states["then 0 to 1"].rate) > 5

# %% [markdown]
# ## The numbers of this lesson

# %%
coins_test = flip(x_test, np.random.default_rng(8))
lecture_test, binary_test = minus_elbo(lecture, x_test), minus_elbo(binary, coins_test)
few = coins_test[: budget.n_sampled]
few_test = minus_elbo(binary, few)
likelihood = bound(binary, few, budget.n_samples)
mse_floor = evaluation.mse(x_test, x_train.mean(axis=0))
mses = {
    "plain": evaluation.mse(x_test, rival.reconstruct(x_test)),
    "VAE": evaluation.mse(x_test, lecture.reconstruct(x_test)),
}

# %% tags=["numbers"]
by_draws = f"these, -log p(x) by {budget.n_samples} draws"
reached = [
    ("lecture's VAE, grey pixels", x_test, lecture_test.total, lecture_seconds),
    (
        "dense VAE, black and white, -ELBO",
        coins_test,
        binary_test.total,
        binary_seconds,
    ),
    (f"the same, {len(few)} images, -ELBO", few, few_test.total, binary_seconds),
    (by_draws, few, likelihood, binary_seconds),
]
rows = [
    (name, f"{without_code(x):.1f}", f"{total:.1f} nats", f"{seconds:.0f}")
    for name, x, total, seconds in reached
]
rows += [
    (f"MSE, {name}", f"{mse_floor:.4f}", f"{mses[name]:.4f}", f"{seconds:.0f}")
    for name, seconds in (("plain", rival_seconds), ("VAE", lecture_seconds))
]
lesson.Table(("test images", "floor, no code", "reached", "seconds"), rows)

# %%
assert lecture_test.total < without_code(x_test)
assert likelihood < few_test.total < without_code(few)
if lesson.on_mnist(images):
    assert lecture_test.total <= 106
    assert binary_test.total <= 96

# %% [markdown]
# ## Exercises
#
# Each has a stub that runs, and a check that says whether you are there. The solutions
# are in `solutions/06_vae.ipynb`.
#
# **1 (work out).** A unit has `z_mean = 1` and `z_log_var = 0`. How many nats does it cost?

# %% tags=["exercise"]
nats = None  # your number here

# %% tags=["solution"]
nats = 0.5 * (1**2 + 1 - 0 - 1)

# %% tags=["nbval-check-output"]
lesson.check(1, nats, lambda n: abs(n - 0.5) < 1e-9, "Put both numbers into kl().")

# %% [markdown]
# **2 (write a line or two).** The prior need not be $\mathcal N(0, 1)$. Write `kl_between(mean,
# log_var, prior_mean, prior_log_var)`, the KL divergence of one normal distribution from
# another. With a prior of mean 0 and log variance 0 it is `kl`.

# %% tags=["exercise"]
kl_between = None  # a function of four numbers


# %% tags=["solution"]
def kl_between(mean, log_var, prior_mean, prior_log_var):
    """KL divergence of N(mean, exp(log_var)) from N(prior_mean, exp(prior_log_var))."""
    shift = (mean - prior_mean) ** 2 / np.exp(prior_log_var)
    ratio = log_var - prior_log_var
    return 0.5 * (shift + np.exp(ratio) - ratio - 1)


# %% tags=["nbval-check-output"]
def is_divergence(function):
    q, p = stats.norm(0.5, np.exp(-0.4)), stats.norm(-1, np.exp(0.3))
    integral, _ = integrate.quad(
        lambda z: q.pdf(z) * (q.logpdf(z) - p.logpdf(z)), -10, 10
    )
    return (
        abs(function(0.5, -0.8, -1, 0.6) - integral) < 1e-6
        and abs(function(1.5, -3.0, 0, 0) - kl(1.5, -3.0)) < 1e-9
    )


lesson.check(
    2, kl_between, is_divergence, "Shift and scale both until the prior is N(0, 1)."
)

# %% [markdown]
# **3 (build).** A frugal VAE: train `frugal` on `x_trial`, so that on `coins_val` its code
# costs less than with `beta = 5` in the sweep, and the sum of both parts is below that with
# `beta = 20`. No beta of the sweep does both.

# %% tags=["exercise"]
frugal = None  # a trained VAE

# %% tags=["solution"]
frugal = models.dense_vae(image_shape, (256,), 20, beta=8.0)
history = training.train(frugal, x_trial, **trial)


# %% tags=["nbval-check-output"]
def is_frugal(vae):
    reached = minus_elbo(vae, coins_val)
    return reached.kl < sweep[5.0].rate and reached.total < sweep[20.0].total


lesson.check(3, frugal, is_frugal, "Which two betas of the sweep lie on either side?")

# %% [markdown]
# ## Summary
#
# - A VAE's encoder gives a cloud, its loss charges for the cloud's distance from
#   $\mathcal N(0, I)$, and so its decoder knows the codes that one can draw.
# - The loss is a bound on $-\log p(x)$ if the pixels are what the likelihood says, both
#   parts are sums, and beta is 1. Importance sampling gives a tighter one.
# - Beta chooses a point between rate and distortion. State it.
#
# ## What to remember, in numbers

# %%
lesson.Table(
    ("remember", "number"),
    [
        ("no code at all, black and white", f"{without_code(few):.0f} nats"),
        (f"-ELBO of a dense VAE, {len(few)} images", f"{few_test.total:.1f} nats"),
        ("-log p(x) of the same", f"{likelihood:.1f} nats"),
        ("active units", f"{active.sum()} of {len(active)}"),
        ("MSE, VAE over plain", f"{mses['VAE'] / mses['plain']:.1f}"),
        ("beta of mean over pixels, sum over units", str(n_pixels)),
        ("lean of H and its best unit, three VAEs", f"{vae_lean:.2f}"),
        ("lean of H and its best component of PCA", f"{found['PCA']['lean']:.2f}"),
    ],
)

# %% [markdown]
# ## References
#
# - D. Kingma and M. Welling, *Auto-Encoding Variational Bayes*, ICLR 2014,
#   arXiv:1312.6114. The model, the trick, and the KL in appendix B.
# - D. Rezende, S. Mohamed and D. Wierstra, *Stochastic Backpropagation*, ICML 2014. The
#   same idea, found at the same time.
# - Y. Burda, R. Grosse and R. Salakhutdinov, *Importance Weighted Autoencoders*, ICLR 2016,
#   arXiv:1509.00519. More draws inside the logarithm, and active units.
# - I. Higgins and others, *beta-VAE*, ICLR 2017. What a larger beta does to the units.
# - A. Alemi and others, *Fixing a Broken ELBO*, ICML 2018, arXiv:1711.00464. Rate and
#   distortion.
# - S. Bowman and others, *Generating Sentences from a Continuous Space*, CoNLL 2016. The
#   collapse, and the warm-up.
