# %% [markdown]
# # 05 Wake few units at a time
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
# **You need** lessons 01 to 04.
#
# **Time** 50 minutes to read. All cells together take {{minutes}} minutes on two CPU
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
images = lesson.start(seed=4)

# %% tags=["budget"]
budget = lesson.budget(
    full=dict(n_train=55_000, epochs=4, long_epochs=12, batch_size=128),
    quick=dict(n_train=1_024, epochs=5, long_epochs=4, batch_size=64),
)
units, k, l1_weight = 1000, 25, 1e-4

# %%
x_train, y_train = images.x_train[: budget.n_train], images.y_train[: budget.n_train]
x_val, x_test = images.x_val, images.x_test
image_shape = x_train.shape[1:]
lowest_label = min(images.y_train.min(), images.y_val.min(), images.y_test.min())
labelled = len(images.class_names) > 1 and lowest_label >= 0
if not labelled:
    print("The probes of this lesson need labels: here they are skipped, and show nan.")

# %% [markdown]
# ## The failure of lesson 02, in numbers
#
# A code with more units than there are pixels can copy. It needs no idea of what an image
# is. The cure in lesson 02 was a narrow code. There is another one: many units, but
# only a few of them may be *awake* for any one image. The code of a 7 is then the short
# list of units that it wakes.
#
# First the patient: one layer of relu units, more than pixels, no penalty.
# `training.train` is the recipe that lesson 01 writes out.

# %%
recipe = {"peak": 2e-3, "batch_size": budget.batch_size}


def one_layer(latent_activation="relu", **options):
    """Pixels, one layer of code units, pixels."""
    keras.utils.set_random_seed(4)
    return models.dense_autoencoder(
        image_shape,
        hidden_units=(),
        latent_dim=units,
        latent_activation=latent_activation,
        output_activation="linear",
        **options,
    )


# %%
trained = {"plain": one_layer()}
history = training.train(trained["plain"], x_train, epochs=budget.epochs, **recipe)
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
class Count(NamedTuple):
    """Units awake for an image, on average, and units that never wake."""

    active: float
    dead: int


def count(z, threshold=0.0):
    """Count the units that are awake, in NumPy."""
    active = np.abs(z) > threshold
    return Count(active=active.sum(axis=1).mean(), dead=(~active).all(axis=0).sum())


# %%
assert count(codes).active == evaluation.mean_l0(codes)
assert count(codes).dead == evaluation.dead_units(codes).sum()
assert count(codes).active > units / 10

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


def measured(penalty, model, x):
    """A penalty of the package on a model's codes, averaged over images."""
    return float(ops.mean(penalty.measure(model.encode(x), x, model.encoder)))


packaged = measured(penalties.L1Sparsity(l1_weight), trained["plain"], x_val)
assert np.isclose(packaged, l1(codes), rtol=1e-4)

# %%
trained["L1"] = one_layer(penalty=penalties.L1Sparsity(l1_weight))
history = training.train(trained["L1"], x_train, epochs=budget.epochs, **recipe)
counted = count(trained["L1"].encode(x_val))
print(f"awake {counted.active:.1f}, dead {counted.dead}")

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
    active = target * np.log(target / activity)
    return np.sum(active + (1 - target) * np.log((1 - target) / (1 - activity)))


# %%
target = 0.05
kl_penalty = penalties.KLSparsity(target, weight=1e-4)
trained["KL"] = one_layer("sigmoid", penalty=kl_penalty)
activity = trained["KL"].encode(x_val).mean(axis=0)
packaged = measured(kl_penalty, trained["KL"], x_val)
assert np.isclose(packaged, kl_to_target(target, activity), rtol=1e-3)

# %%
history = training.train(trained["KL"], x_train, epochs=budget.epochs, **recipe)
z = trained["KL"].encode(x_val)
counted = count(z, threshold=0.1)
print(f"mean activity of the units: {z.mean():.3f}, target {target}")
print(f"above 0.1: {counted.active:.0f} units an image, never: {counted.dead}")

# %% [markdown]
# The mean has come down, if not all the way: a larger weight would press harder, at a price
# in error. Units that are quiet on average share the work among images, so the codes get
# sparser, too. But no value is exactly 0. We count a sigmoid as awake above 0.1, and say so.
#
# One property has to be checked. A mean over few images scatters, and a unit would pay for
# its scatter, too. If the penalty came out larger in small batches, `weight` would mean
# something else for each batch size. So the package takes the expected scatter off.


# %%
def over_batches(model, x, batch_size):
    """The penalty that a model was trained with, averaged over batches."""
    values = [
        measured(model.penalty, model, x[start : start + batch_size])
        for start in range(0, len(x), batch_size)
    ]
    return float(np.mean(values))


some = x_train[:1024]
small_batches = {name: over_batches(trained[name], some, 32) for name in ("L1", "KL")}
large_batches = {name: over_batches(trained[name], some, 256) for name in ("L1", "KL")}
lesson.Table(
    ("penalty", "batches of 32", "batches of 256"),
    [(name, small_batches[name], large_batches[name]) for name in small_batches],
    digits=2,
)

# %%
for name in small_batches:
    assert abs(small_batches[name] / large_batches[name] - 1) < 0.03
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
packaged = ops.convert_to_numpy(layers.TopK(k)(some))
assert np.array_equal(packaged, top_k(some, k))

# %% [markdown]
# It dies: a loser stays where it is, and the others get better. So we let `k` start high
# and lower it epoch by epoch. It is a variable of the layer, and `training.Ramp` moves it.


# %%
def anneal(model, start, stop, epochs):
    """A callback that lowers the k of a model's last encoder layer."""
    return training.Ramp(model.encoder.layers[-1].k, start, stop, epochs // 2)


def train_k_sparse(start):
    """A model with k units awake in the end, `start` of them in the first epoch."""
    model = one_layer("linear", latent_layers=[layers.TopK(k, k_max=10 * k)])
    training.train(
        model,
        x_train,
        epochs=budget.epochs,
        callbacks=[anneal(model, start, k, budget.epochs)],
        **recipe,
    )
    return model


# %%
trained["k-sparse"] = train_k_sparse(start=10 * k)
counted = count(trained["k-sparse"].encode(x_val))
print(f"awake {counted.active:.1f}, dead {counted.dead}")

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
    h = model.encode(x)
    kernel, _ = model.encoder.get_layer("latent").get_weights()
    return float(((h * (1 - h)) ** 2 @ (kernel**2).sum(axis=0)).mean())


# %%
keras.utils.set_random_seed(4)
contractive = penalties.Contractive(weight=1e-4)
trained["contractive"] = one_layer("sigmoid", penalty=contractive)
some = x_val[:500]
estimates = [measured(contractive, trained["contractive"], some) for _ in range(20)]
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
history = training.train(
    trained["contractive"], x_train, epochs=budget.epochs, **recipe
)
print(f"norm before {norms['closed form']:.1f}, ", end="")
print(f"after {closed_form(trained['contractive'], some):.2f}")

# %% [markdown]
# ## What are these codes worth?
#
# Five codes of 1000 units. For each we count, and we ask the *linear probe* of lesson 04
# what it says about the class. On 55,000 codes that is faster in mini-batches, so we write
# it out: standardise the units, then logistic regression.


# %%
def fit_probe(encode):
    """Fit logistic regression on frozen codes; return a function that scores it."""
    if not labelled:
        return lambda x, y: np.nan
    z = encode(x_train)
    mean, deviation = z.mean(axis=0), z.std(axis=0) + 1e-3
    classes = keras.layers.Dense(len(images.class_names))
    logistic = keras.Sequential([keras.Input((z.shape[1],)), classes])
    logistic.compile(
        keras.optimizers.Adam(training.warmup_cosine(2e-3, len(z), 256, 10)),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        **training.fast_settings(),
    )
    logistic.fit((z - mean) / deviation, y_train, batch_size=256, epochs=10, verbose=0)

    def accuracy(x, y):
        logits = ops.convert_to_numpy(logistic((encode(x) - mean) / deviation))
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


class Facts(NamedTuple):
    """What is measured of a model and its code."""

    mse: float
    active: float
    dead: int
    probe: float
    jacobian: float
    moves: float


def facts(name, model, x, y):
    """Measure a model and its code on images and their labels."""
    z, threshold = model.encode(x), thresholds.get(name, 0.0)
    return Facts(
        mse=evaluation.mse(x, model.reconstruct(x)),
        active=evaluation.mean_l0(z, threshold),
        dead=int(evaluation.dead_units(z, threshold).sum()),
        probe=readers[name](x, y),
        jacobian=evaluation.jacobian_norm(model.encode, x[:100]),
        moves=moves(model, x[:500]),
    )


def as_text(name, row):
    """A row of the table."""
    return (
        name,
        f"{row.mse:.4f}",
        f"{row.active:.0f}",
        str(row.dead),
        f"{row.probe:.3f}",
        f"{row.jacobian:.0f}",
        f"{row.moves:.2f}",
    )


# %%
table = {
    name: facts(name, model, x_val, images.y_val) for name, model in trained.items()
}
lesson.Table(columns, [as_text(name, row) for name, row in table.items()])

# %%
drawn = {name: model.reconstruct(x_val[:8]) for name, model in trained.items()}
plots.image_rows(
    {"image": x_val[:8], **drawn},
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
plots.curves(
    range(1, units, 25),
    {name: share[::-25] for name, share in shares.items()},
    xlabel="units, the busiest first",
    ylabel="share of images that wake it",
    title="Who is awake: for each code, its units from busy to dead",
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
assert table["plain"].mse == min(row.mse for row in table.values())
assert table["L1"].active < table["plain"].active
assert abs(table["k-sparse"].active - k) < 1
assert table["contractive"].moves < table["plain"].moves
if lesson.on_mnist(images):
    steadiest = sorted(table, key=lambda name: table[name].moves)
    assert steadiest[:2] == ["contractive", "KL"]

# %% [markdown]
# ## What the units look for
#
# Each unit of the decoder paints one picture, as strongly as it is awake. Thirty-two of
# them, taken from those that are awake most often:


# %%
def paintings(model, n=32):
    """What the decoder paints for the units that are awake most often."""
    z = model.encode(x_val)
    kernel, _ = model.decoder.get_layer("pixels").get_weights()
    return kernel[np.argsort(-(np.abs(z) > 0.1).mean(axis=0))[:n]].T


# %%
plots.weights(
    paintings(trained["plain"]),
    image_shape,
    title="Plain: units paint noise that cancels out",
)
plt.show()

# %%
plots.weights(
    paintings(trained["k-sparse"]),
    image_shape,
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
hurt = {}
for name, weight in (("L1, ten times the weight", 10), ("L1, our weight", 1)):
    hurt[name] = one_layer(penalty=penalties.L1Sparsity(weight * l1_weight))
    training.train(hurt[name], x_train, epochs=max(2, budget.epochs // 2), **recipe)

# %%
hurt["k = 25 from the start"] = train_k_sparse(start=k)
hurt["k from 250 to 25"] = trained["k-sparse"]
dead = {name: count(model.encode(x_val)).dead for name, model in hurt.items()}
rows = [
    (name, dead[name], evaluation.mse(x_val, model.reconstruct(x_val)))
    for name, model in hurt.items()
]
lesson.Table(("training", f"dead of {units}", "MSE"), rows)

# %% [markdown]
# **What to notice**
# - The repairs: a weaker penalty, and a `k` that falls slowly. Neither is a cure: many units
#   still die. And the slow start costs some error in so short a run, since half of it is
#   spent with more units awake than there will be in the end.
# - Dead units do not show in the loss curve, and the penalty only falls when they die.
#   Count them.

# %%
assert dead["L1, ten times the weight"] > dead["L1, our weight"]
assert dead["k from 250 to 25"] < dead["k = 25 from the start"]

# %% [markdown]
# ## The honest question: does learning beat luck?
#
# A layer of 1000 relu units with *random* weights, never trained, is a rich code, too. A
# linear probe on it is far better than on raw pixels. So any learned code has to be held
# against it.
#
# To win, we put together what the course has so far. Sparsity, with `k` falling from 400
# to 70. The corruption of lesson 04, half of the pixels masked, so that units have to know what
# goes with what. And more epochs. At encoding we may wake more units than in training:
# `k` is a variable.
#
# > **Predict.** Raw pixels, random units, the five codes above, and this new one: order
# > them by probe.

# %%
best = one_layer(
    latent_layers=[layers.TopK(70, k_max=400)],
    corruption=corruption.MaskPixels(rate=0.5),
)
history = training.train(
    best,
    x_train,
    epochs=budget.long_epochs,
    callbacks=[anneal(best, 400, 70, budget.long_epochs)],
    **recipe,
)

# %%
raw, untrained = "raw pixels", "untrained relu units"
readers[raw] = fit_probe(lambda x: x.reshape(len(x), -1))
readers[untrained] = fit_probe(one_layer().encode)


def wake(k):
    """An encoder that leaves k units of the best model awake."""

    def encode(x):
        best.encoder.layers[-1].k.assign(k)
        return best.encode(x)

    return encode


combined = {k: f"k-sparse and denoising, k = {k}" for k in (70, 140, 280)}
readers |= {name: fit_probe(wake(k)) for k, name in combined.items()}

# %%
probes = {name: read(x_val, images.y_val) for name, read in readers.items()}
lesson.Table(("frozen code", "probe's accuracy"), probes.items(), digits=3)

# %%
best.encoder.layers[-1].k.assign(70)
plots.weights(
    paintings(best),
    image_shape,
    title="k-sparse and denoising: local pieces of strokes",
)
plt.show()

# %% [markdown]
# **What to notice**
# - Random units are hard to beat. None of the five codes above is better than no training
#   at all.
# - Sparsity, corruption and more epochs together beat them. Which of the three did it, this
#   table does not tell.
# - Waking more units than in training changes little here: relu leaves few others to wake.
# - Wrong conclusion: "learned features are better". Some are. Without the row of the
#   untrained layer nobody would know which.

# %%
best_k = max(combined, key=lambda k: probes[combined[k]])
if lesson.on_mnist(images):
    assert probes[combined[best_k]] > probes[untrained] + 0.005
    assert max(probes[name] for name in trained) < probes[untrained]
    assert np.ptp([probes[name] for name in combined.values()]) < 0.01

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
best.encoder.layers[-1].k.assign(best_k)
final[name] = facts(name, best, x_test, images.y_test)
baseline = evaluation.mse(x_test, x_train.mean(axis=0))
pca = evaluation.fit_pca(x_train, k)
by_pca = evaluation.mse(x_test, evaluation.pca_reconstruct(pca, x_test))

# %% tags=["numbers"]
test_probe = {n: readers[n](x_test, images.y_test) for n in (raw, untrained)}
rows = [
    ("average image", f"{baseline:.4f}", "0", "-", "-", "-", "-"),
    (f"PCA, {k} components", f"{by_pca:.4f}", str(k), "-", "-", "-", "-"),
]
rows += [(n, "-", "-", "-", f"{p:.3f}", "-", "-") for n, p in test_probe.items()]
rows += [as_text(name, row) for name, row in final.items()]
lesson.Table(columns, rows)

# %% [markdown]
# The last row has the best probe and a poor MSE. Its encoder has only ever met images with
# half of their ink, so from a whole image its decoder paints one that is far too bright. It
# is a code to read, not to draw from.

# %%
learned = final[combined[best_k]].probe
assert final["plain"].mse < final["k-sparse"].mse < baseline
if lesson.on_mnist(images):
    assert learned > max(0.970, test_probe[untrained])

# %% [markdown]
# ## Exercises
#
# Each has a stub that runs, and a check that says whether you are there. The solutions
# are in `solutions/05_sparse.ipynb`.
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
history = training.train(
    lively, x_train[:15_000], epochs=2 * budget.epochs, peak=4e-3, batch_size=64
)


# %% tags=["nbval-check-output"]
def is_lively(model):
    error = evaluation.mse(x_val, model.reconstruct(x_val))
    few = evaluation.mean_l0(model.encode(x_val)) <= table["plain"].active / 3
    return few and error < table["k-sparse"].mse


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
        ("on a short k-sparse code", f"{final['k-sparse'].probe:.3f}"),
        ("on a sparse and denoising one", f"{learned:.3f}"),
        ("units awake, plain", f"{table['plain'].active:.0f} of {units}"),
        ("units dead, L1 too strong", str(dead["L1, ten times the weight"])),
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
