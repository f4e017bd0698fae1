# %% [markdown]
# # 04 Wake few units at a time
#
# **You will** give an autoencoder more units than the image has pixels, keep it from
# copying, and find out what such a code is worth.
#
# **You will learn** to
# - count what sparsity means: units awake for an image, units that never wake;
# - charge a code for being awake, by L1 and by a target activity;
# - let only the k strongest units speak;
# - charge it for moving when the image moves, the contractive penalty;
# - ask whether a learned code beats random features, and accept the answer.
#
# **You need** lessons 01 to 03.
#
# **Time** 50 minutes to read. All cells together take {{minutes}} minutes on two CPU
# cores; on a GPU they have not been timed yet.

# %% [markdown]
# ## Setup

# %% tags=["setup"]
import os

os.environ.setdefault("KERAS_BACKEND", "tensorflow")  # or "jax", or "torch"

import keras
import matplotlib.pyplot as plt
import numpy as np
from keras import ops

from aelab import (
    corruption,
    evaluation,
    layers,
    lesson,
    models,
    penalties,
    plots,
    training,
)

plots.use_style()
images, full = lesson.start(seed=4)

# %% tags=["budget"]
n_train, epochs, long_epochs, batch_size = (
    (55_000, 4, 12, 128) if full else (2_500, 6, 10, 64)
)
units, k, l1_weight = 1000, 25, 1e-4

# %%
x_train, x_val, x_test = images.x_train[:n_train], images.x_val, images.x_test
image_shape, n_pixels = x_train.shape[1:], x_train[0].size
real = full and images.name == "mnist"

# %% [markdown]
# ## The failure of lesson 01, in numbers
#
# A code with more units than there are pixels can copy. It needs no idea of what an image
# is. The cure in lessons 01 and 02 was a narrow code. There is another one: many units, but
# only a few of them may be *awake* for any one image. The code of a 7 is then the short
# list of units that it wakes.
#
# First the patient: one layer of relu units, more than pixels, no penalty. `train` is the
# function of the earlier lessons.


# %%
def train(model, x, epochs, peak=2e-3, batch_size=batch_size, callbacks=()):
    """Train with warm-up and cosine, by the squared error; return the seconds."""
    rate = training.warmup_cosine(peak, len(x), batch_size, epochs)
    model.compile(keras.optimizers.Adam(rate), loss="mse", **training.fast_settings())
    progress, how = lesson.Progress(), {"batch_size": batch_size, "epochs": epochs}
    model.fit(x, verbose=0, callbacks=[progress, *callbacks], **how)
    return progress.seconds


def one_layer(latent_activation="relu", k=None, k_max=None, **options):
    """Pixels, one layer of code units (of which the k largest stay), pixels."""
    keras.utils.set_random_seed(4)
    base = models.dense_autoencoder(
        *(image_shape, (), units),
        latent_activation=latent_activation,
        output_activation="linear",
    )
    kept = [] if k is None else [layers.TopK(k, k_max)]
    encoder = keras.Sequential([*base.encoder.layers, *kept])
    return models.Autoencoder(encoder, base.decoder, **options)


# %%
trained = {"plain": one_layer()}
seconds = train(trained["plain"], x_train, epochs)
codes = trained["plain"].encode(x_val)
print(f"MSE {evaluation.mse(x_val, trained['plain'].reconstruct(x_val)):.5f}")
print(f"units awake for an image: {np.mean(np.sum(codes > 0, axis=1)):.0f} of {units}")

# %% [markdown]
# ## What to count
#
# > **Predict.** Two codes of 100 units. One has a single unit at 50, the other has fifty
# > units at 1. Which has the higher mean activity?

# %% tags=["nbval-check-output"]
loud, many = np.zeros((1, 100)), np.zeros((1, 100))
loud[0, 0], many[0, :50] = 50, 1
for z in (loud, many):
    print(f"mean activity {z.mean():.2f}, awake {evaluation.mean_l0(z):.0f}")

# %% [markdown]
# The same mean, and one code is fifty times as sparse. So we never judge sparsity by the
# mean. We count the units awake for an image, $L_0$, and the *dead* ones, which sleep for
# every image and are money spent for nothing:


# %%
def count(z, threshold=0.0):
    """Units awake for an image, and units that never wake, in NumPy."""
    awake = np.abs(z) > threshold
    return awake.sum(axis=1).mean(), (~awake).all(axis=0).sum()


# %%
assert count(codes)[0] == evaluation.mean_l0(codes)
assert count(codes)[1] == evaluation.dead_units(codes).sum()
assert count(codes)[0] > units / 10

# %% [markdown]
# ## A price on being awake: L1
#
# The simplest charge is proportional to the activity:
#
# $$\mathrm{loss} = \mathrm{mse}(x, \hat x) + \mathtt{weight} \cdot
# \frac1n \sum_n \sum_j |z_{nj}|$$
#
# A unit whose help is worth less than its fee goes to exactly 0, thanks to relu. The fee
# is summed over units and averaged over images: it must not depend on the size of the
# batch.


# %%
def l1(z):
    """Mean over images of the sum of absolute values."""
    return np.abs(z).sum(axis=1).mean()


packaged = penalties.L1Sparsity(l1_weight)(x_val, encoder=trained["plain"].encoder)
assert np.isclose(float(packaged), l1(codes), rtol=1e-4)

# %%
trained["L1"] = one_layer(penalty=penalties.L1Sparsity(l1_weight))
seconds = train(trained["L1"], x_train, epochs)
print("awake {:.1f}, dead {}".format(*count(trained["L1"].encode(x_val))))

# %% [markdown]
# ## A target activity: KL
#
# Another wish: each unit should be awake for a small share of images, `target` = 0.05. With
# a sigmoid, activities lie between 0 and 1, and we may read the mean activity $\hat a_j$ of
# a unit as a chance. The KL divergence tells how far it is from the target:
#
# $$\mathrm{penalty} = \sum_j \Big( t \log \frac{t}{\hat a_j} +
# (1 - t) \log \frac{1 - t}{1 - \hat a_j} \Big)$$
#
# > **Predict.** Does this make a *code* sparse, or a *unit*?


# %%
def kl_to_target(target, activity):
    """Sum over units of KL(Bernoulli(target) || Bernoulli(activity)), in nats."""
    awake = target * np.log(target / activity)
    return np.sum(awake + (1 - target) * np.log((1 - target) / (1 - activity)))


# %%
target = 0.05
kl_penalty = penalties.KLSparsity(target, weight=1e-4)
trained["KL"] = one_layer("sigmoid", penalty=kl_penalty)
activity = trained["KL"].encode(x_val).mean(axis=0)
packaged = trained["KL"].penalty(x_val, encoder=trained["KL"].encoder)
assert np.isclose(float(packaged), kl_to_target(target, activity), rtol=1e-3)

# %%
seconds = train(trained["KL"], x_train, epochs)
z = trained["KL"].encode(x_val)
print(f"mean activity of the units: {z.mean():.3f}, target {target}")
print("above 0.1: {:.0f} units an image, never: {}".format(*count(z, 0.1)))

# %% [markdown]
# The mean has come down, if not all the way: a larger weight would press harder, at a price
# in error. Units that are quiet on average share the work among images, so the codes get
# sparser, too. But no value is exactly 0. We count a sigmoid as awake above 0.1, and say so.
#
# One property has to be checked. A mean over few images scatters, and a unit would pay for
# its scatter, too. If the penalty came out larger in small batches, `weight` would mean
# something else for each batch size. So the package takes the expected scatter off.

# %%
by_batch = {}
for name in ("L1", "KL"):
    penalty, encoder = trained[name].penalty, trained[name].encoder
    by_batch[name] = [
        np.mean(
            [
                float(penalty(x_val[i : i + n], encoder=encoder))
                for i in range(0, 1024, n)
            ]
        )
        for n in (32, 256)
    ]
lesson.Table(
    ("penalty", "batches of 32", "batches of 256"),
    [(name, *map(float, values)) for name, values in by_batch.items()],
    digits=2,
)

# %%
for few, many in by_batch.values():
    assert abs(few / many - 1) < 0.1
assert target < z.mean() < activity.mean()

# %% [markdown]
# ## Only the k strongest: TopK
#
# Why pay, if one can forbid? A *k-sparse* autoencoder keeps the `k` largest units of each
# code and sets the others to 0. No weight to tune: $L_0$ is `k`.
#
# > **Predict.** Only winners get a gradient. What becomes of a unit that never wins?


# %%
def top_k(z, k):
    """Keep the k largest values of each row."""
    threshold = np.sort(z, axis=1)[:, -k][:, None]
    return np.where(z >= threshold, z, 0)


# %%
some = np.random.default_rng(0).normal(size=(100, units)).astype("float32")
packaged = ops.convert_to_numpy(layers.TopK(25)(some))
assert np.array_equal(packaged, top_k(some, 25))

# %% [markdown]
# It dies: a loser stays where it is, and the others get better. So we let `k` start high
# and lower it epoch by epoch. It is a variable of the layer, and `training.Ramp` moves it.


# %%
def anneal(model, start, stop, epochs):
    """A callback that lowers the k of a model's last encoder layer."""
    return training.Ramp(model.encoder.layers[-1].k, start, stop, epochs // 2)


trained["k-sparse"] = model = one_layer("linear", k, 10 * k)
seconds = train(model, x_train, epochs, callbacks=[anneal(model, 10 * k, k, epochs)])
print("awake {:.1f}, dead {}".format(*count(model.encode(x_val))))

# %% [markdown]
# ## A price on moving: contraction
#
# The fourth way does not ask for silence. It asks the code to hold still when the image
# moves a little. How a code answers to small changes is written in its *Jacobian*,
# $J_{ji} = \partial z_j / \partial x_i$, and the penalty is the sum of its squares:
#
# $$\mathrm{penalty} = \frac1n \sum_n \sum_{ij} J_{ji}^2$$

# %% [markdown]
# The reconstruction asks to keep what tells images apart, the penalty to forget all else.
# For a single sigmoid layer the sum has a closed form, since $\sigma' = h\,(1 - h)$:
#
# $$\sum_{ij} J_{ji}^2 = \sum_j \big(h_j (1 - h_j)\big)^2 \sum_i w_{ij}^2$$
#
# with the activities $h$ and the weights $w$.
#
# > **Predict.** 784 pixels and 1000 units: the Jacobian has 784,000 entries for each image.
# > Must we compute them all?


# %%
def closed_form(model, x):
    """The squared norm of a sigmoid layer's Jacobian, averaged over images."""
    h, kernel = model.encode(x), model.encoder.get_layer("code").get_weights()[0]
    return float(((h * (1 - h)) ** 2 @ (kernel**2).sum(axis=0)).mean())


# %%
keras.utils.set_random_seed(4)
contractive = penalties.Contractive(weight=1e-4)
trained["contractive"] = one_layer("sigmoid", penalty=contractive)
some = x_val[:500]
estimates = [
    float(contractive(some, encoder=trained["contractive"].encoder)) for _ in range(20)
]
norms = {
    "closed form": closed_form(trained["contractive"], some),
    "random directions, gradients": float(np.mean(estimates)),
    "random directions, differences": evaluation.jacobian_norm(
        trained["contractive"].encode, some
    ),
}
lesson.Table(("squared norm of the Jacobian", "value"), norms.items(), digits=2)

# %% [markdown]
# No. For a random direction $v$ from $\mathcal N(0, I)$ the expectation of
# $\lVert J v \rVert^2$ is exactly that sum. One product with `J` for each image, by
# `keras.ops.jvp`, is an unbiased estimate, and training averages over many. It works for
# deep encoders, where there is no closed form.

# %%
for value in norms.values():
    assert abs(value / norms["closed form"] - 1) < 0.05

# %%
seconds = train(trained["contractive"], x_train, epochs)
print(f"norm before {norms['closed form']:.1f}, ", end="")
print(f"after {closed_form(trained['contractive'], some):.2f}")

# %% [markdown]
# ## What are these codes worth?
#
# Five codes of 1000 units. For each we count, and we ask the *linear probe* of lesson 03
# what it says about the class. On 55,000 codes that is faster in mini-batches, so we write
# it out: standardise the units, then logistic regression.


# %%
def fit_probe(encode):
    """Fit logistic regression on frozen codes; return a function that scores it."""
    z = encode(x_train)
    mean, deviation = z.mean(axis=0), z.std(axis=0) + 1e-3
    classes = keras.layers.Dense(len(images.class_names))
    logistic = keras.Sequential([keras.Input((z.shape[1],)), classes])
    logistic.compile(
        keras.optimizers.Adam(training.warmup_cosine(2e-3, len(z), 256, 10)),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        **training.fast_settings(),
    )
    y = images.y_train[:n_train]
    logistic.fit((z - mean) / deviation, y, batch_size=256, epochs=10, verbose=0)

    def accuracy(x, y):
        logits = logistic.predict((encode(x) - mean) / deviation, 1000, verbose=0)
        return float((logits.argmax(axis=1) == y).mean())

    return accuracy


# %% [markdown]
# One more number, free of scale: we add a little noise to the image and see how far the code
# *moves*, as a share of the codes' spread. A code can make its Jacobian small by being
# small. This it cannot fool.
#
# > **Predict.** Which code has the best probe? Which moves least?


# %%
def moves(model, x):
    """How far codes move when images are nudged, as a share of their spread."""
    nudge = np.random.default_rng(3).normal(size=x.shape).astype("float32") * 0.1
    z = model.encode(x)
    moved = model.encode(x + nudge) - z
    return float(np.sqrt((moved**2).sum() / ((z - z.mean(axis=0)) ** 2).sum()))


# %%
columns = ("code", "MSE", "awake", "dead", "probe", "Jacobian", "moves")
thresholds = {"KL": 0.1, "contractive": 0.1}
readers = {name: fit_probe(model.encode) for name, model in trained.items()}


def facts(name, model, x, y):
    """Error, units awake, dead units, probe, Jacobian, and answer to a nudge."""
    z, threshold = model.encode(x), thresholds.get(name, 0.0)
    return (
        evaluation.mse(x, model.reconstruct(x)),
        evaluation.mean_l0(z, threshold),
        int(evaluation.dead_units(z, threshold).sum()),
        readers[name](x, y),
        evaluation.jacobian_norm(model.encode, x[:100]),
        moves(model, x[:500]),
    )


def as_text(name, error, awake, dead, accuracy, norm, share):
    """A row of the table."""
    first = (name, f"{error:.4f}", f"{awake:.0f}", str(dead), f"{accuracy:.3f}")
    return *first, f"{norm:.0f}", f"{share:.2f}"


# %%
table = {
    name: facts(name, model, x_val, images.y_val) for name, model in trained.items()
}
lesson.Table(columns, [as_text(name, *row) for name, row in table.items()])

# %%
drawn = [model.reconstruct(x_val[:8]) for model in trained.values()]
plots.reconstructions(
    *(x_val[:8], *drawn),
    row_names=("image", *trained),
    title="All five draw the digits: the differences are in the codes",
)
plt.show()

# %% [markdown]
# A mean over units hides who does the work. So for each unit we take the share of images
# that wake it, and sort the units by it:

# %%
shares = {
    name: np.sort((np.abs(model.encode(x_val)) > thresholds.get(name, 0)).mean(axis=0))
    for name, model in trained.items()
}
plots.error_curves(
    range(1, units, 25),
    {name: share[::-25] for name, share in shares.items()},
    title="Who is awake: for each code, its units from busy to dead",
    xlabel="units, the busiest first",
    ylabel="share of images that wake it",
)
plt.show()

# %% [markdown]
# **What to notice**
# - The plain code has the lowest error and wakes hundreds of units. It copies.
# - The mean activity would have told little. L1 and TopK have exact zeros, KL has none.
# - Under TopK a minority does all the work. Under KL everybody does a bit.
# - The Jacobian column depends on the scale of a code, so it ranks codes of one kind only.
#   The last column compares all. The contractive code moves least. The other sigmoid, KL's,
#   comes close without being asked.
# - Wrong conclusion: "sparser is better". The sparsest code here has the highest error,
#   and the probes do not rank by sparsity.

# %%
assert table["plain"][0] == min(row[0] for row in table.values())
assert table["L1"][1] < table["plain"][1]
assert abs(table["k-sparse"][1] - k) < 1
assert table["contractive"][5] < table["plain"][5]

# %% [markdown]
# ## What the units look for
#
# Each unit of the decoder paints one picture, as strongly as it is awake. Thirty-two of
# them, taken from those that are awake most often:


# %%
def paintings(model, n=32):
    """What the decoder paints for the units that are awake most often."""
    z, kernel = model.encode(x_val), model.decoder.get_layer("pixels").get_weights()[0]
    return kernel[np.argsort(-(np.abs(z) > 0.1).mean(axis=0))[:n]].T


# %%
plots.weights(
    *(paintings(trained["plain"]), image_shape),
    title="Plain: units paint noise that cancels out",
)
plt.show()

# %%
plots.weights(
    *(paintings(trained["k-sparse"]), image_shape),
    title="k-sparse: units paint strokes",
)
plt.show()

# %% [markdown]
# ## A failure on purpose: kill the units
#
# A penalty that is too strong silences units for good. A relu that sleeps for every training
# image gets no gradient any more. TopK can do the same: with a small `k` from the first step
# on, the early winners take it all. We count as dead who sleeps for all validation images.
#
# > **Predict.** Of 1000 units, how many die under an L1 weight 10 times ours? And how many
# > of the k-sparse ones without the slow start?

# %%
deaths = {}
for name, weight in (("L1, ten times the weight", 10), ("L1, our weight", 1)):
    model = one_layer(penalty=penalties.L1Sparsity(weight * l1_weight))
    seconds = train(model, x_train, max(2, epochs // 2))
    error = evaluation.mse(x_val, model.reconstruct(x_val))
    deaths[name] = (int(count(model.encode(x_val))[1]), error)

# %%
for name, start in (("k = 25 from the start", k), ("k from 250 to 25", 10 * k)):
    model = one_layer("linear", k, 10 * k)
    callbacks = [anneal(model, start, k, epochs)]
    seconds = train(model, x_train, epochs, callbacks=callbacks)
    error = evaluation.mse(x_val, model.reconstruct(x_val))
    deaths[name] = (int(count(model.encode(x_val))[1]), error)
rows = [(name, str(dead), error) for name, (dead, error) in deaths.items()]
lesson.Table(("training", f"dead of {units}", "MSE"), rows)

# %% [markdown]
# **What to notice**
# - The repairs: a weaker penalty, and a `k` that falls slowly. Neither is a cure: many units
#   still die. And the slow start costs some error in so short a run, since half of it is
#   spent with more units awake than there will be in the end.
# - Dead units do not show in the loss curve, and the penalty only falls when they die.
#   Count them.

# %%
dead_by = {name: number for name, (number, _) in deaths.items()}
assert dead_by["L1, ten times the weight"] > dead_by["L1, our weight"]
assert dead_by["k from 250 to 25"] < dead_by["k = 25 from the start"]

# %% [markdown]
# ## The honest question: does learning beat luck?
#
# A layer of 1000 relu units with *random* weights, never trained, is a rich code, too. A
# linear probe on it is far better than on raw pixels. So any learned code has to be held
# against it.
#
# To win, we put together what the course has so far. Sparsity, with `k` falling from 400
# to 70. The damage of lesson 03, half of the pixels masked, so that units have to know what
# goes with what. And more epochs. At encoding we may wake more units than in training:
# `k` is a variable.
#
# > **Predict.** Raw pixels, random units, the five codes above, and this new one: order
# > them by probe.

# %%
best = one_layer("relu", 70, 400, corruption=corruption.MaskPixels(0.5))
ramp = anneal(best, 400, 70, long_epochs)
best_seconds = train(best, x_train, long_epochs, callbacks=[ramp])

# %%
raw, untrained = "raw pixels", "untrained relu units"
readers[raw] = fit_probe(lambda x: x.reshape(len(x), -1))
readers[untrained] = fit_probe(one_layer("relu").encode)


def wake(k):
    """An encoder that leaves k units of the best model awake."""

    def encode(x):
        best.encoder.layers[-1].k.assign(k)
        return best.encode(x)

    return encode


awake = (70, 140, 280)
combined = {k: f"k-sparse and denoising, k = {k}" for k in awake}
readers |= {name: fit_probe(wake(k)) for k, name in combined.items()}

# %%
probes = {name: read(x_val, images.y_val) for name, read in readers.items()}
lesson.Table(("frozen code", "probe's accuracy"), probes.items(), digits=3)

# %%
best.encoder.layers[-1].k.assign(70)
plots.weights(
    *(paintings(best), image_shape),
    title="k-sparse and denoising: local pieces of strokes",
)
plt.show()

# %% [markdown]
# **What to notice**
# - Random units are hard to beat. None of the five codes above is better than no training
#   at all.
# - Sparsity, damage and more epochs together beat them. Which of the three did it, this
#   table does not tell.
# - Waking more units than in training changes little here: relu leaves few others to wake.
# - Wrong conclusion: "learned features are better". Some are. Without the row of the
#   untrained layer nobody would know which.

# %%
best_k = max(combined, key=lambda k: probes[combined[k]])
if real:
    assert probes[combined[best_k]] > probes[untrained] + 0.005
    assert max(probes[name] for name in trained) < probes[untrained]

# %% [markdown]
# ## The numbers of this lesson
#
# The `k` at encoding was chosen on validation images. Now the test images, for the first
# time. A threshold of 0.1 makes a sigmoid count as awake; the others have exact zeros.

# %%
final = {
    name: facts(name, model, x_test, images.y_test) for name, model in trained.items()
}
name = combined[best_k]
wake(best_k)(x_test[:1])
final[name] = facts(name, best, x_test, images.y_test)
average = np.broadcast_to(x_train.mean(axis=0), x_test.shape)
baseline = evaluation.mse(x_test, average)
pca = evaluation.fit_pca(x_train, k)
by_pca = evaluation.mse(x_test, evaluation.pca_reconstruct(pca, x_test))

# %% tags=["numbers"]
test_probe = {n: readers[n](x_test, images.y_test) for n in (raw, untrained)}
empty = ("-",) * 3
rows = [("average image", f"{baseline:.4f}", "0", *empty, "-")]
rows += [(f"PCA, {k} components", f"{by_pca:.4f}", str(k), *empty, "-")]
rows += [(n, "-", "-", "-", f"{p:.3f}", "-", "-") for n, p in test_probe.items()]
rows += [as_text(name, *row) for name, row in final.items()]
lesson.Table(columns, rows)

# %% [markdown]
# The last row has the best probe and a poor MSE. Its encoder has only ever met images with
# half of their ink, so from a whole image its decoder paints one that is far too bright. It
# is a code to read, not to draw from.

# %%
learned = final[combined[best_k]][3]
assert final["plain"][0] < final["k-sparse"][0] < baseline
if real:
    assert learned > max(0.970, test_probe[untrained])

# %% [markdown]
# ## Exercises
#
# Each has a stub that runs, and a check that says whether you are there. The solutions
# are in `solutions/04_sparse.ipynb`.
#
# **1 (work out).** A unit has a mean activity of 0.5, the target is 0.05. How many nats does
# it cost?

# %% tags=["exercise"]
nats = None  # your number here

# %% tags=["solution"]
nats = 0.05 * np.log(0.05 / 0.5) + 0.95 * np.log(0.95 / 0.5)

# %% tags=["nbval-check-output"]
lesson.check(1, nats, lambda n: abs(n - 0.4946) < 1e-3, "Two terms, one is negative.")

# %% [markdown]
# **2 (write a line or two).** Write `share_of_images(z)`: for each unit, the share of images
# for which it is awake (not 0). A dead unit has 0.

# %% tags=["exercise"]
share_of_images = None  # a function of an array of codes


# %% tags=["solution"]
def share_of_images(z):
    """For each unit, the share of images that wake it."""
    return (z != 0).mean(axis=0)


# %% tags=["nbval-check-output"]
def counts_shares(function):
    z = np.array([[0.0, 1.0, -2.0], [0.0, 0.0, 3.0], [0.0, 0.5, 1.0], [0.0, 0.0, 9.0]])
    return np.allclose(function(z), [0, 0.5, 1])


lesson.check(2, share_of_images, counts_shares, "A negative unit is awake, too.")

# %% [markdown]
# **3 (build).** Train `lively` by `one_layer` with an L1 penalty of your choice on
# `x_train[:15_000]`, so that it wakes at most a third as many units as the plain code, and
# its validation error is below that of the k-sparse one.

# %% tags=["exercise"]
lively = None  # a trained model

# %% tags=["solution"]
lively = one_layer(penalty=penalties.L1Sparsity(4 * l1_weight))
seconds = train(lively, x_train[:15_000], epochs, batch_size=64)


# %% tags=["nbval-check-output"]
def is_lively(model):
    error = evaluation.mse(x_val, model.reconstruct(x_val))
    few = evaluation.mean_l0(model.encode(x_val)) <= table["plain"][1] / 3
    return few and error < table["k-sparse"][0]


lesson.check(3, lively, is_lively, "Print its error and count(lively.encode(x_val)).")

# %% [markdown]
# ## Summary
#
# - An overcomplete code is kept from copying by few awake units, or by holding still.
# - Sparsity is counted: units awake for an image, units that never wake.
# - No loss may depend on the size of a batch, or its weight would mean something else for
#   each.
# - Before praising a learned code, probe an untrained one.
#
# ## What to remember, in numbers

# %%
lesson.Table(
    ("remember", "number"),
    [
        ("probe on raw pixels", f"{test_probe[raw]:.3f}"),
        ("on 1000 untrained units", f"{test_probe[untrained]:.3f}"),
        ("on a short k-sparse code", f"{final['k-sparse'][3]:.3f}"),
        ("on a sparse and denoising one", f"{learned:.3f}"),
        ("units awake, plain", f"{table['plain'][1]:.0f} of {units}"),
        ("units dead, L1 too strong", str(dead_by["L1, ten times the weight"])),
    ],
)

# %% [markdown]
# ## References
#
# - A. Ng, *Sparse Autoencoder*, CS294A lecture notes, 2011. The KL to a target activity.
# - A. Makhzani and B. Frey, *k-Sparse Autoencoders*, ICLR 2014, arXiv:1312.5663. TopK,
#   the falling k, and more units awake at encoding.
# - S. Rifai and others, *Contractive Auto-Encoders*, ICML 2011. The price on the Jacobian.
# - A. Coates, A. Ng and H. Lee, *An Analysis of Single-Layer Networks in Unsupervised
#   Feature Learning*, AISTATS 2011. How far random and simple features go.
# - M. Hutchinson, *A Stochastic Estimator of the Trace of the Influence Matrix*,
#   Communications in Statistics 19, 1990. Why random directions suffice.
