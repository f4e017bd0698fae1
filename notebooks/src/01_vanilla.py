# %% [markdown]
# # 01 Compress a digit to 32 numbers and bring it back
#
# **You will** train a network that squeezes an image of 784 pixels into 32 numbers and
# draws the image again from those 32 alone, and measure what got lost on the way.
#
# **You will learn** to
# - build an encoder, a bottleneck and a decoder, and train them without a single label;
# - hold an error against a floor and a baseline before calling it small;
# - show with numbers that a linear autoencoder finds what PCA finds;
# - tell learning from memorising, and compressing from copying;
# - pick an output activation that can reach the data.
#
# **You need** Python and NumPy, and to know what a Dense layer and a gradient step are.
#
# **Time** 45 minutes to read. All cells together take {{minutes}} minutes on two CPU
# cores; on a GPU they have not been timed yet.

# %% [markdown]
# ## Setup
#
# The first lines choose what does the arithmetic. The last one loads the images, sets
# every random seed, and says what this lesson runs on.

# %% tags=["setup"]
import os

os.environ.setdefault("KERAS_BACKEND", "tensorflow")  # or "jax", or "torch"

import keras
import matplotlib.pyplot as plt
import numpy as np
from keras import layers, ops
from sklearn.neighbors import NearestNeighbors

from aelab import evaluation, lesson, models, plots, training

plots.use_style()
images, full = lesson.start(seed=1)

# %% [markdown]
# The next line sets the size of this lesson's experiments. `full` is what you want.
# The automatic tests take `quick`.

# %% tags=["budget"]
n_train, epochs, trial_epochs = (55_000, 20, 4) if full else (6_000, 12, 12)

# %%
x_train, x_val, x_test = images.x_train[:n_train], images.x_val, images.x_test
image_shape, n_pixels = x_train.shape[1:], x_train[0].size
plots.reconstructions(
    x_train[:8], row_names=("image",), title="Eight images to learn from"
)
plt.show()

# %% [markdown]
# ## Before any learning: what would a single picture cost?
#
# An autoencoder is a pair of functions. The *encoder* turns an image `x` into a short
# code `z`. The *decoder* turns the code into an image `x_hat`, the *reconstruction*.
# Nobody says what the code should mean. The only wish is that `x_hat` be like `x`.
#
# How alike they are, we measure by the mean squared error over the `p` pixels:
#
# $$\mathrm{mse}(x, \hat x) = \frac{1}{p} \sum_{i=1}^{p} (x_i - \hat x_i)^2$$
#
# Pixels lie between 0 (black) and 1 (white), so an error of 1 is the worst there is.
# That makes every error look small. We need something to compare with. Take a decoder
# that ignores its code and always paints one picture, the average of all training
# images. No code, no network. Whatever we build has to do better.
#
# > **Predict.** What is the error of that one picture: nearer to 0.5, to 0.1, or to
# > 0.05? And an all-black sheet: better or worse?

# %%
average = x_train.mean(axis=0)
floor = evaluation.mse(x_val, np.broadcast_to(average, x_val.shape))
black = evaluation.mse(x_val, np.zeros_like(x_val))
print(f"always the average: {floor:.4f}   always black: {black:.4f}")

# %%
plots.reconstructions(
    *(x_val[:8], np.broadcast_to(average, x_val[:8].shape)),
    row_names=("image", "average"),
    title=f"One picture for all: MSE {floor:.4f} without a code",
)
plt.show()

# %% [markdown]
# **What to notice**
# - Most pixels are black in nearly every image, so even a fixed picture is right about
#   them. This is the *floor*: an autoencoder at this error has learned nothing.
# - The average is grey where images disagree. Squared error rewards hedging. Keep that
#   in mind when a reconstruction looks blurred.
# - Wrong conclusion: "an error below 0.1 is good". Here it is what nothing costs.

# %%
assert floor < black

# %% [markdown]
# ## The smallest autoencoder: one layer in, one layer out
#
# We start with two layers, written out by hand. The first reads all pixels and makes 32
# numbers. The second reads the 32 numbers and makes all pixels:
#
# $$z = \mathrm{relu}(x\,W_1 + b_1) \qquad \hat x = \mathrm{sigmoid}(z\,W_2 + b_2)$$
#
# 32 is far fewer than 784, so the code cannot hold a copy. A code smaller than the
# input is called *undercomplete*; the narrow place is the *bottleneck*. The sigmoid
# keeps every output pixel between 0 and 1, where the true pixels are.
#
# > **Predict.** How many weights does this model have? One multiplication for each
# > layer, and do not forget the biases.

# %%
encoder = keras.Sequential(
    [
        keras.Input(image_shape),
        layers.Flatten(name="flatten"),
        layers.Dense(32, activation="relu", name="code"),
    ],
    name="encoder",
)
decoder = keras.Sequential(
    [
        keras.Input((32,)),
        layers.Dense(n_pixels, activation="sigmoid", name="pixels"),
        layers.Reshape(image_shape, name="reconstruction"),
    ],
    name="decoder",
)

# %% tags=["nbval-check-output"]
by_hand = keras.Sequential([encoder, decoder], name="by_hand")
print(
    f"{by_hand.count_params():,} weights, {32 / n_pixels:.1%} of the numbers in the code"
)

# %% [markdown]
# Training is ordinary Keras. The one unusual thing is the target: it is the input. `fit`
# gets `x_train` twice, and no label anywhere. That is why this is called *unsupervised*.

# %%
by_hand.compile(optimizer=keras.optimizers.Adam(1e-3), loss="mse")
progress = lesson.Progress()
history = by_hand.fit(
    *(x_train, x_train),
    epochs=epochs // 5,
    batch_size=128,
    verbose=0,
    callbacks=[progress],
)

# %% [markdown]
# The package has this model as `dense_autoencoder` with no hidden layers. It is the same
# thing and hides nothing: give it the same weights, and it must give the same images.

# %%
packaged = models.dense_autoencoder(
    image_shape, hidden_units=(), latent_dim=32, latent_activation="relu"
)
packaged.set_weights(by_hand.get_weights())
assert np.allclose(
    packaged.reconstruct(x_val[:100]),
    ops.convert_to_numpy(by_hand(x_val[:100])),
    atol=1e-6,
)

# %% [markdown]
# From here on we train models by the dozen, so we fold the recipe into one function.
# `training.fast_settings()` holds the compile options that make small models quick; they
# change the time and not the result. The learning rate we will come back to.


# %%
def train(autoencoder, x, epochs, learning_rate=1e-3, batch_size=128):
    """Train an autoencoder on `x`; return its losses and its seconds."""
    autoencoder.compile(
        keras.optimizers.Adam(learning_rate), loss="mse", **training.fast_settings()
    )
    progress = lesson.Progress()
    history = autoencoder.fit(
        x, epochs=epochs, batch_size=batch_size, verbose=0, callbacks=[progress]
    )
    return history.history["loss"], progress.seconds


# %%
smallest = models.dense_autoencoder(
    image_shape, hidden_units=(), latent_dim=32, latent_activation="relu"
)
smallest_losses, smallest_seconds = train(smallest, x_train, epochs)
smallest_error = evaluation.mse(x_val, smallest.reconstruct(x_val))
print(f"validation MSE {smallest_error:.4f}, floor {floor:.4f}")

# %%
plots.reconstructions(
    *(x_val[:8], smallest.reconstruct(x_val[:8])),
    row_names=("image", "from 32\nnumbers"),
    title=f"Two layers: validation MSE {smallest_error:.4f}",
)
plt.show()

# %% [markdown]
# Each number of the code has a picture of its own: the weights from that number to the
# pixels. The decoder adds up these pictures, each as strongly as its number says.
#
# > **Predict.** Will the pictures look like whole characters, like strokes, or like
# > nothing you could name?

# %%
plots.weights(
    np.asarray(smallest.decoder.get_layer("pixels").kernel).T,
    image_shape,
    title="What each of the 32 numbers paints (red adds light, blue takes it away)",
)
plt.show()

# %% [markdown]
# **What to notice**
# - The pictures are blobs and stripes spread over the whole middle, hardly ever a
#   character. A code is a mixture: no single number is responsible for a "7".
# - Nothing told the model to share the work in this way. It is what lowers the error.

# %%
assert smallest_error < floor / 2

# %% [markdown]
# ## A linear autoencoder is PCA
#
# Leave out the relu and the sigmoid, and the model can only add and scale. Then theory
# says exactly how good it can get. Among all linear codes of size `k`, none has a lower
# squared error than the first `k` *principal components*: the directions along which
# the images differ most. So a linear autoencoder that is trained to the end must reach
# PCA's error, and its decoder must span PCA's subspace:
#
# $$\min_{W_1, W_2} \lVert x - x\,W_1 W_2 \rVert^2 = \lVert x - x\,V_k V_k^{\top}
# \rVert^2 \qquad \mathrm{span}(W_2^{\top}) = \mathrm{span}(V_k)$$
#
# (for images with their average taken off; our biases see to that). We check both.
# Two subspaces are compared by their *principal angles*: all zero if they coincide.
#
# > **Predict.** PCA solves an eigenvalue problem. The autoencoder takes small random
# > steps. How close will it come: within a factor of two, within 10 %, within 1 %?

# %%
pca = evaluation.fit_pca(x_train, min(200, n_pixels, len(x_train)))
pca_error = evaluation.mse(x_val, evaluation.pca_reconstruct(pca, x_val, 16))
linear = models.dense_autoencoder(
    image_shape, hidden_units=(), latent_dim=16, output_activation="linear"
)
n_epochs = epochs // 2 if full else 4 * epochs
schedule = training.warmup_cosine(1e-2, len(x_train), 128, n_epochs)
_, linear_seconds = train(linear, x_train, n_epochs, schedule)
linear_error = evaluation.mse(x_val, linear.reconstruct(x_val))

# %%
W2 = np.asarray(linear.decoder.get_layer("pixels").kernel).T
angles = evaluation.principal_angles(W2, pca.components_[:16].T)
print(f"PCA {pca_error:.5f}, linear autoencoder {linear_error:.5f}")
print(f"ratio {linear_error / pca_error:.4f}")
print(f"angles: largest {angles[0]:.2f}, median {np.median(angles):.2f} degrees")

# %%
units = W2[:, :8] / np.linalg.norm(W2[:, :8], axis=0)
plots.weights(
    np.concatenate([pca.components_[:8].T, units], axis=1),
    image_shape,
    title="Above: 8 principal components. Below: 8 units of the linear decoder",
)
plt.show()

# %% [markdown]
# **What to notice**
# - The errors agree to better than a percent. Gradient descent found by small steps
#   what the eigenvalue problem gives at once.
# - The subspaces agree, but the pictures do not. Any mixture of the components spans
#   the same subspace, and the error does not care which one it gets.
# - If the last component inside and the first one outside matter almost equally, either
#   would do, and the largest angle stays loose. That is why we print the median, too.
# - Wrong conclusion: "then autoencoders are a slow PCA". That holds for *linear* ones.

# %%
assert abs(linear_error / pca_error - 1) < 0.01
assert np.median(angles) < 2

# %% [markdown]
# ## Add depth: the lecture's model
#
# Now the layers get company and the relus come back. The encoder narrows in steps, 784
# to 128 to 64 to 32, and the decoder widens in the same steps. The code itself stays
# linear, so that its numbers may take any sign and size.
#
# This is the model of the lecture notes that this course grew from, and they print
# their training loss: 0.0595 after the first epoch, 0.0100 after the twentieth, with
# Adam at a learning rate of 0.001 and batches of 128, on all 60,000 images.
#
# We give this recipe all it had there: the validation images go back to the training
# set for the next three runs. They choose nothing, so nothing is spoiled; they will be
# judged by test images.
#
# > **Predict.** Same model, same recipe, newer software. Will our curve lie on theirs?

# %%
everything = np.concatenate([x_train, x_val]) if full else x_train
lecture = models.dense_autoencoder(image_shape, hidden_units=(128, 64), latent_dim=32)
lecture_losses, lecture_seconds = train(lecture, everything, epochs)

# %% [markdown]
# One thing in the recipe is plainly naive: the learning rate never changes. Large steps
# are good at the start and harmful at the end, when they keep kicking the weights out
# of the valley they found. A *schedule* lets the rate rise to five times the old one
# within the first steps, and then sink along a cosine to zero over the `T` steps left:
#
# $$\eta(t) = \tfrac{1}{2}\,\eta_{\mathrm{peak}} \left(1 + \cos \frac{\pi t}{T}\right)$$
#
# Everything else stays: same layers, same batches, same number of epochs.

# %%
improved = models.dense_autoencoder(image_shape, hidden_units=(128, 64), latent_dim=32)
schedule = training.warmup_cosine(5e-3, len(everything), 128, epochs)
improved_losses, improved_seconds = train(improved, everything, epochs, schedule)

# %%
printed = ([1, 2, 3, 4, 5, 10, 15, 20],)
printed += ([0.0595, 0.0307, 0.0243, 0.0212, 0.0191, 0.0134, 0.0112, 0.0100],)
plots.training_curves(
    {
        "constant rate": lecture_losses,
        "warm-up and cosine": improved_losses,
        "printed in the lecture (MNIST)": printed,
    },
    title="The same model and the same epochs, a better learning rate",
    ylabel="training MSE (per pixel)",
)
plt.show()

# %% [markdown]
# **What to notice**
# - The new schedule is behind after the first epoch, while it warms up, and ahead at the
#   end. Nothing but the learning rate differs.
# - On MNIST even the old recipe ends below the lecture's last point. The recipe is
#   theirs, but the layers start from other random weights, and their notes do not say
#   which.
# - Wrong conclusion: "the training loss is the result". It is measured on images that
#   the model has seen, while it was still changing. The table below uses test images.

# %%
assert improved_losses[-1] < 0.97 * lecture_losses[-1]

# %%
plots.reconstructions(
    *(x_test[:8], lecture.reconstruct(x_test[:8]), improved.reconstruct(x_test[:8])),
    row_names=("test image", "lecture", "schedule"),
    title="Eight test images and what 32 numbers bring back",
)
plt.show()

# %% [markdown]
# ## Spend a minute: a wider model
#
# In 2006 Hinton and Salakhutdinov made deep autoencoders work. Theirs was
# 784-1000-500-250-30, trained layer by layer before it was trained as a whole, and its
# error on the MNIST test images was 3.00 a digit, summed over pixels: 3.00 / 784 =
# 0.0038 a pixel. Nobody trains layer by layer any more. Can one minute on a laptop's
# cores get there?
#
# Our code has two numbers more. We take wider layers (512 and 256), the smooth activation silu, larger batches with a
# higher peak, and a *weight decay* that pulls all weights towards zero.

# %%
wide_epochs = 24 if full else epochs
schedule = training.warmup_cosine(5e-3, len(everything), 192, wide_epochs)
wide = models.dense_autoencoder(image_shape, (512, 256), 32, activation="silu")
wide.compile(
    keras.optimizers.AdamW(schedule, weight_decay=0.05),
    loss="mse",
    **training.fast_settings(),
)
progress = lesson.Progress()
wide_history = wide.fit(
    everything, epochs=wide_epochs, batch_size=192, verbose=0, callbacks=[progress]
)
wide_seconds = progress.seconds

# %% [markdown]
# Its number waits in the table at the end. You may guess now.
#
# ## How many numbers does a character need?
#
# PCA cannot bend. A non-linear model can lay its few directions along a curved sheet. We
# train one model for each code size, a few epochs each, and put PCA of the same size
# beside it. These models see the training images only and are judged by validation.
#
# > **Predict.** Where is the gain over PCA largest: at a code of 2, of 16, or of 64?

# %%
sizes = (2, 8, 16, 32, 64)
pca_errors, errors = [], []
for size in sizes:
    x_hat = evaluation.pca_reconstruct(pca, x_val, size)
    pca_errors.append(evaluation.mse(x_val, x_hat))
    autoencoder = models.dense_autoencoder(image_shape, (256, 128), size)
    schedule = training.warmup_cosine(5e-3, len(x_train), 128, trial_epochs)
    train(autoencoder, x_train, trial_epochs, schedule)
    errors.append(evaluation.mse(x_val, autoencoder.reconstruct(x_val)))

# %%
plots.error_against_size(
    sizes,
    {"PCA": pca_errors, "autoencoder": errors, "average image": floor},
    title="Where bending pays: small and middle-sized codes",
)
plt.show()
gains = np.divide(pca_errors, errors)
print("PCA's error, in units of the autoencoder's:")
print("  ".join(f"{size}: {gain:.2f}" for size, gain in zip(sizes, gains, strict=True)))

# %% [markdown]
# **What to notice**
# - With 8 or 16 numbers the non-linear code is far better than PCA of the same size.
# - At 64 the gain has shrunk again. PCA gets better with every component, and this
#   network got no wider and trained no longer for its larger code.
# - Wrong conclusion: "the autoencoder always wins". Give it few images or little time
#   and a large code, and PCA, which needs no training at all, may pass it.

# %%
assert min(gains[sizes.index(8)], gains[sizes.index(16)]) > 1.05
assert gains[sizes.index(64)] < gains.max()

# %% [markdown]
# ## It may memorise
#
# A model with nearly half a million weights and only 200 images has an easy way out:
# learn these 200 by heart. The training error cannot tell you. Only images that the
# model has never seen can.
#
# Three remedies are commonly named. *Dropout* switches off random units in training.
# *Weight decay* keeps weights small. And there is *more data*. All four runs below take
# about the same number of steps.
#
# > **Predict.** How many times larger is the error on new images than on the 200? Which
# > remedy helps most?


# %%
def memory_run(x, epochs, dropout=0.0, weight_decay=0.0):
    """Train on few images; return errors on them and on new ones."""
    autoencoder = models.dense_autoencoder(image_shape, (256, 128), 32, dropout=dropout)
    optimizer = keras.optimizers.AdamW(3e-3, weight_decay=weight_decay)
    autoencoder.compile(optimizer, loss="mse", **training.fast_settings())
    autoencoder.fit(
        x, epochs=epochs, batch_size=32, verbose=0, callbacks=[lesson.Progress()]
    )
    seen, new = x[:200], x_val[:2000]
    return [evaluation.mse(part, autoencoder.reconstruct(part)) for part in (seen, new)]


# %%
passes = 100 if full else 60
memory = {
    "200 images": memory_run(x_train[:200], passes),
    "200, dropout 0.2": memory_run(x_train[:200], passes, dropout=0.2),
    "200, weight decay 0.1": memory_run(x_train[:200], passes, weight_decay=0.1),
    "4,000 images": memory_run(x_train[:4000], passes // 20),
}
lesson.Table(
    ("trained on", "error on its own images", "error on new images", "ratio"),
    [(name, seen, new, f"{new / seen:.1f}") for name, (seen, new) in memory.items()],
)

# %% [markdown]
# **What to notice**
# - On its own images the first model looks far better than the one that had 4,000. On
#   new ones it is far worse. That gap is what *overfitting* means.
# - Dropout and weight decay hardly move the error on new images. Twenty times the
#   images, for the same number of steps, moves it a lot.
# - Wrong conclusion: "dropout cures overfitting". It narrows the gap mostly by making
#   the model worse on the images that it has.

# %%
seen, new = memory["200 images"]
assert new > 3 * seen
on_new = {name: errors_of[1] for name, errors_of in memory.items()}
assert on_new["4,000 images"] < 0.8 * on_new["200, dropout 0.2"]
assert on_new["4,000 images"] < 0.8 * on_new["200, weight decay 0.1"]

# %% [markdown]
# ## Can the output reach the data?
#
# The last activation decides which values a pixel can take. A sigmoid gives values from
# 0 to 1, a tanh from -1 to 1. Some pipelines scale their images to [-1, 1], and somebody
# always leaves the sigmoid in place. No training can repair that: half of the range is
# out of reach. We can work out the damage beforehand. The best that such an output
# can do for a pixel at -1 is 0.
#
# > **Predict.** Best possible error of a sigmoid output on images in [-1, 1], compared
# > with the average image: better or worse?

# %%
signed_train, signed_val = 2 * x_train - 1, 2 * x_val - 1
# An error of 2 in [-1, 1] is an error of 1 in [0, 1]: divide squares by 4.
best_sigmoid = evaluation.mse(signed_val, np.clip(signed_val, 0, 1)) / 4
print(f"sigmoid on [-1, 1], at its very best: {best_sigmoid:.4f}, floor {floor:.4f}")

# %% [markdown]
# The package refuses to start such a training, and says why.

# %%
try:
    models.dense_autoencoder(image_shape).fit(signed_train)
except ValueError as error:
    print(error)

# %%
outputs = {}
for activation in ("sigmoid", "linear", "tanh"):
    signed = activation == "tanh"
    autoencoder = models.dense_autoencoder(
        image_shape, (256, 128), 32, output_activation=activation
    )
    x, x_new = (signed_train, signed_val) if signed else (x_train, x_val)
    schedule = training.warmup_cosine(3e-3, len(x), 128, trial_epochs)
    train(autoencoder, x, trial_epochs, schedule)
    error = evaluation.mse(x_new, autoencoder.reconstruct(x_new))
    outputs[activation] = error / 4 if signed else error

# %%
lesson.Table(
    ("output", "images in", "validation MSE, in units of [0, 1]"),
    [
        ("sigmoid", "[0, 1]", outputs["sigmoid"]),
        ("linear", "[0, 1]", outputs["linear"]),
        ("tanh", "[-1, 1]", outputs["tanh"]),
        ("sigmoid, at its best", "[-1, 1]", best_sigmoid),
    ],
)

# %% [markdown]
# **What to notice**
# - Every output that can reach its images works. The mismatch is not a little worse: it
#   is worse than having no model at all.
# - Errors can only be compared in the same units. Without the division by 4 the tanh
#   row would look four times as bad as it is.

# %%
assert best_sigmoid > 2 * floor > 4 * max(outputs.values())

# %% [markdown]
# ## The two halves need not match
#
# We drew the decoder as the encoder's mirror image. That is a habit and no law. Leave out
# the hidden layers on one side, and a little over half of the weights remain.
#
# > **Predict.** Which side can do without: the one that reads or the one that draws?

# %%
sides = (
    ("both", (256, 128), (128, 256)),
    ("encoder", (256, 128), ()),
    ("decoder", (), (128, 256)),
)
rows, half_errors = [], []
for side, encoder_units, decoder_units in sides:
    autoencoder = models.dense_autoencoder(
        image_shape, encoder_units, 32, decoder_units=decoder_units
    )
    schedule = training.warmup_cosine(3e-3, len(x_train), 128, trial_epochs)
    train(autoencoder, x_train, trial_epochs, schedule)
    half_errors.append(evaluation.mse(x_val, autoencoder.reconstruct(x_val)))
    rows.append((side, f"{autoencoder.count_params():,}", half_errors[-1]))
lesson.Table(("hidden layers in", "weights", "validation MSE"), rows)

# %% [markdown]
# **What to notice**
# - All three do far better than the floor, and the two halves have the same number of
#   weights.
# - Which half matters more is not the same for every set of images and every length of
#   training. Try it on yours before you believe a rule.

# %%
assert max(half_errors) < floor / 2

# %% [markdown]
# ## Walk from one image to another
#
# A code is a point. Between two points there is a straight line, and the decoder can draw
# every point on it:
#
# $$z(t) = (1 - t)\,z_a + t\,z_b \qquad t = 0, \tfrac14, \tfrac12, \tfrac34, 1$$
#
# The same can be done with pixels, where it is a plain cross-fade.
#
# > **Predict.** Halfway between two images: what does the cross-fade show? What would
# > you expect of the decoder?

# %%
steps = np.array([0, 0.25, 0.5, 0.75, 1], "float32")
z_a, z_b = improved.encode(x_test[[2, 10]])
through_codes = improved.decode(np.outer(1 - steps, z_a) + np.outer(steps, z_b))
t = steps[:, None, None, None]
through_pixels = (1 - t) * x_test[2] + t * x_test[10]

# %%
plots.reconstructions(
    *(through_codes, through_pixels),
    row_names=("codes", "pixels"),
    column_names=[f"t = {step:g}" for step in steps],
    title="From one test image to another, through codes and through pixels",
)
plt.show()

# %% [markdown]
# One pair proves nothing. Take 300 pairs of test images and their midpoints, and ask of
# each: how far is it from the nearest *real* training image? Real test images set the
# mark.

# %%
neighbours = NearestNeighbors(n_neighbors=1).fit(x_train.reshape(len(x_train), -1))


def distance_to_real(x):
    """Squared distance to the nearest training image, a pixel, on average."""
    distances, _ = neighbours.kneighbors(x.reshape(len(x), -1))
    return float(np.mean(distances**2) / x[0].size)


# %%
half = min(300, len(x_test) // 2)
a, b = x_test[:half], x_test[half : 2 * half]
z_middle = (improved.encode(a) + improved.encode(b)) / 2
midpoints = {
    "real test images": a,
    "midpoints of codes": improved.decode(z_middle),
    "midpoints of pixels": (a + b) / 2,
}
distances = {name: distance_to_real(x) for name, x in midpoints.items()}
grey = {name: float(np.mean((x > 0.25) & (x < 0.75))) for name, x in midpoints.items()}
lesson.Table(
    ("images", "distance to the nearest real image", "share of grey pixels"),
    [(name, distances[name], grey[name]) for name in midpoints],
)

# %% [markdown]
# **What to notice**
# - A cross-fade shows both images at once, half as bright. The midpoint of two codes is
#   closer to something real, and has fewer undecided grey pixels.
# - It is still greyer than a real image. Between two codes there are regions that the
#   decoder was never asked to draw. Lesson 05 is about filling them.

# %%
assert distances["midpoints of codes"] < 0.95 * distances["midpoints of pixels"]
assert grey["midpoints of codes"] < 0.8 * grey["midpoints of pixels"]

# %% [markdown]
# ## A failure on purpose: the copying machine
#
# If 32 numbers are good, would 1,024 be better? That is more than there are pixels: an
# *overcomplete* code. We keep it linear, so that it can do as it likes.
#
# > **Predict.** What will its error be on test images? And on images such as it has
# > never seen, two characters laid over each other?

# %%
copier = models.dense_autoencoder(
    image_shape, hidden_units=(), latent_dim=1024, output_activation="linear"
)
schedule = training.warmup_cosine(1e-3, len(x_train), 128, trial_epochs)
train(copier, x_train, trial_epochs, schedule)
overlaid = np.maximum(x_test[:-1], x_test[1:])

# %%
foreign = {}
for name, autoencoder in (("1,024 numbers", copier), ("32 numbers", improved)):
    own = evaluation.mse(x_test, autoencoder.reconstruct(x_test))
    foreign[name] = own, evaluation.mse(overlaid, autoencoder.reconstruct(overlaid))
lesson.Table(
    ("code", "error on single characters", "error on two overlaid", "ratio"),
    [(name, *pair, f"{pair[1] / pair[0]:.1f}") for name, pair in foreign.items()],
)

# %%
pairs = overlaid[:8]
plots.reconstructions(
    *(pairs, copier.reconstruct(pairs), improved.reconstruct(pairs)),
    row_names=("two overlaid", "1,024 numbers", "32 numbers"),
    title="The copier copies what it is shown; the bottleneck cannot",
)
plt.show()

# %% [markdown]
# **What to notice**
# - The copier has the lowest error of this lesson, by far, and it is worth nothing. It
#   passes on the overlaid pairs too, with an error that the narrow model does not even
#   reach on single characters. Its code is the image, mixed linearly.
# - The narrow model struggles with pairs. That is a good sign: it has spent its 32 numbers
#   on what single characters look like, and has none to spare for anything else.
# - The repair used here is the bottleneck. Lesson 03 corrupts the input and lesson 04
#   charges for the code: with either, a wide code can learn something too.
# - Wrong conclusion: "lower error, better model". Compare only codes of the same size.

# %%
copied, bottleneck = foreign["1,024 numbers"], foreign["32 numbers"]
assert copied[0] < bottleneck[0] / 3
assert copied[1] < bottleneck[0] / 2
assert bottleneck[1] > 1.3 * bottleneck[0]

# %% [markdown]
# ## The numbers of this lesson
#
# Now the test images, which chose nothing so far, measure every model that we keep. PSNR
# says the same on a logarithmic scale, in decibels: $-10 \log_{10}$ of an image's error,
# averaged over images. Higher is better, and 3 dB are a factor of two.

# %%
test_rows = {
    "average image": (0, "-", "-", np.broadcast_to(average, x_test.shape)),
    "PCA, 16": (16, "-", "-", evaluation.pca_reconstruct(pca, x_test, 16)),
    "PCA, 32": (32, "-", "-", evaluation.pca_reconstruct(pca, x_test, 32)),
}
for name, size, autoencoder, seconds in (
    ("linear autoencoder", 16, linear, linear_seconds),
    ("two layers", 32, smallest, smallest_seconds),
    ("lecture's model", 32, lecture, lecture_seconds),
    ("the same, with a schedule", 32, improved, improved_seconds),
    ("wide, one minute", 32, wide, wide_seconds),
):
    weights = f"{autoencoder.count_params():,}"
    x_hat = autoencoder.reconstruct(x_test)
    test_rows[name] = (size, weights, f"{seconds:.0f}", x_hat)

# %% tags=["numbers"]
test_mse = {name: evaluation.mse(x_test, row[3]) for name, row in test_rows.items()}
psnr = {name: evaluation.psnr(x_test, row[3]).mean() for name, row in test_rows.items()}
lesson.Table(
    ("model", "code", "weights", "seconds", "test MSE", "PSNR (dB)"),
    [
        (name, *row[:3], test_mse[name], f"{psnr[name]:.1f}")
        for name, row in test_rows.items()
    ],
)

# %%
scheduled, widest = test_mse["the same, with a schedule"], test_mse["wide, one minute"]
assert scheduled < test_mse["lecture's model"] < test_mse["average image"] / 2
assert abs(test_mse["linear autoencoder"] / test_mse["PCA, 16"] - 1) < 0.01

# %% [markdown]
# The bounds that belong to MNIST at full length: the lecture's own 0.0100 with its recipe
# and with the schedule, and 0.0045 for the minute.

# %%
if full and images.name == "mnist":
    assert lecture_losses[-1] < 0.0100
    assert test_mse["lecture's model"] <= 0.0080
    assert scheduled <= 0.0060
    assert widest <= 0.0045
    print(f"Hinton and Salakhutdinov, 30 numbers: {3.00 / 784:.4f}")
    print(f"here, 32 numbers, in a minute: {widest:.4f}")

# %% [markdown]
# ## Exercises
#
# Each has a stub that runs, and a check that says whether you are there. The solutions
# are in `solutions/01_vanilla.ipynb`.
#
# **1 (change a number).** How many principal components does PCA need to come down to
# the error of the scheduled model? Set `n_components` to the smallest number that does
# it, on the 1,000 images of `few`. `pca` holds 200 components.

# %%
few = x_test[:1000]
target = evaluation.mse(few, improved.reconstruct(few))


def pca_error_with(n):
    """Error of `few` through the first n components."""
    return evaluation.mse(few, evaluation.pca_reconstruct(pca, few, n))


# %% tags=["exercise"]
n_components = None  # your number here

# %% tags=["solution"]
n_components = next(n for n in range(1, 201) if pca_error_with(n) <= target)
print(f"{n_components} components for an error of {target:.4f}")

# %% tags=["nbval-check-output"]
lesson.check(
    1,
    n_components,
    lambda n: pca_error_with(n) <= target < pca_error_with(n - 1),
    "It must reach the target, and one component fewer must not.",
)

# %% [markdown]
# **2 (write five lines).** Which class is the hardest to reconstruct? Average the error of
# the scheduled model on the test images within each class of `images.y_test`, and put
# the class (its index) with the highest average into `hardest`. Guess first.

# %% tags=["exercise"]
hardest = None  # an index into images.class_names

# %% tags=["solution"]
image_errors = evaluation.image_errors(x_test, improved.reconstruct(x_test))
labels = range(len(images.class_names))
by_class = [image_errors[images.y_test == label].mean() for label in labels]
hardest = int(np.argmax(by_class))
print(f"hardest {images.class_names[hardest]}, error {max(by_class):.4f}")
print(f"easiest {images.class_names[np.argmin(by_class)]}, error {min(by_class):.4f}")


# %% tags=["nbval-check-output"]
def is_hardest(label):
    errors_of = evaluation.image_errors(x_test, improved.reconstruct(x_test))
    averages = np.bincount(images.y_test, errors_of) / np.bincount(images.y_test)
    return label == np.argmax(averages)


lesson.check(2, hardest, is_hardest, "Average the errors within each class.")

# %% [markdown]
# **3 (build).** *Tie* the weights: let the decoder of the two-layer model use the
# encoder's own matrix, transposed, so that only its bias is new. Write a layer that holds
# on to the encoder's Dense layer, build `tied` as a `models.Autoencoder` with a code of 32
# relu units and a sigmoid output, and train it. It should have
# 784 · 32 + 32 + 784 weights. Does it lose much against the untied one?

# %% tags=["exercise"]
tied = None  # a trained models.Autoencoder


# %% tags=["solution"]
class Transposed(layers.Layer):
    """A Dense layer, run backwards: its matrix transposed, a bias of its own."""

    def __init__(self, dense, **kwargs):
        super().__init__(**kwargs)
        self.dense = dense

    def build(self, input_shape):
        self.bias = self.add_weight(shape=(self.dense.kernel.shape[0],), name="bias")

    def call(self, z):
        return ops.sigmoid(z @ ops.transpose(self.dense.kernel) + self.bias)


# %% tags=["solution"]
code = layers.Dense(32, activation="relu", name="code")
reader = [keras.Input(image_shape), layers.Flatten(), code]
painter = [keras.Input((32,)), Transposed(code), layers.Reshape(image_shape)]
tied = models.Autoencoder(keras.Sequential(reader), keras.Sequential(painter))
train(tied, x_train, epochs)
tied_error = evaluation.mse(x_val, tied.reconstruct(x_val))
print(f"tied {tied_error:.4f}, untied {smallest_error:.4f}")


# %% tags=["nbval-check-output"]
def is_tied(model):
    good = evaluation.mse(x_val, model.reconstruct(x_val)) < 0.7 * floor
    return good and model.count_params() == n_pixels * 32 + 32 + n_pixels


lesson.check(
    3,
    tied,
    is_tied,
    "Compare model.count_params() with the text, then train for longer.",
)

# %% [markdown]
# ## Summary
#
# - An autoencoder learns to return its input through a narrow place. The code is whatever
#   helps.
# - Without nonlinearities it finds PCA's subspace and PCA's error. With them it can be
#   far better at the same code size.
# - The training recipe matters, too: a schedule cost nothing and took a good part off
#   the error.
# - An error means something beside a floor, a baseline of the same code size, and images
#   that the model has not seen.
#
# ## What to remember, in numbers

# %%
lesson.Table(
    ("remember", "number"),
    [
        ("the floor: one picture for all", test_mse["average image"]),
        ("PCA with 32 numbers", test_mse["PCA, 32"]),
        ("the lecture's model, 32 numbers", test_mse["lecture's model"]),
        ("the same with a schedule", scheduled),
        ("one minute, wider", widest),
        ("linear autoencoder over PCA, at 16", linear_error / pca_error),
        ("200 images by heart: new over seen", f"{new / seen:.1f}"),
    ],
)

# %% [markdown]
# ## References
#
# - G. Hinton and R. Salakhutdinov, *Reducing the Dimensionality of Data with Neural
#   Networks*, Science 313, 2006. The paper that made deep autoencoders work, and the line
#   to cross in this lesson.
# - H. Bourlard and Y. Kamp, *Auto-Association by Multilayer Perceptrons and Singular Value
#   Decomposition*, Biological Cybernetics 59, 1988. Why a linear autoencoder is PCA.
# - P. Baldi and K. Hornik, *Neural Networks and Principal Component Analysis: Learning
#   from Examples Without Local Minima*, Neural Networks 2, 1989. Why gradient descent gets
#   there: the other stationary points are saddles.
# - I. Loshchilov and F. Hutter, *SGDR: Stochastic Gradient Descent with Warm Restarts*,
#   2017, arXiv:1608.03983. Where the cosine schedule comes from.
# - I. Goodfellow, Y. Bengio and A. Courville, *Deep Learning*, chapter 14, 2016. The
#   textbook chapter on autoencoders, to read next.
