# %% [markdown]
# # 01 Squeeze a digit into 32 values and draw it again
#
# An image of a handwritten digit has 784 pixels. Nobody needs 784 numbers to say which
# digit it is and how it is written: most pixels are black, and neighbouring pixels are mostly
# alike. So it should be possible to describe the image with far fewer values, and to draw it
# again from that description alone. A neural network can find such a description by itself,
# although nobody tells it what a digit is. On MNIST, a standard collection of 70,000 such
# images, its error with 32 values for each image is less than half of that of principal
# component analysis, the classical method. A second part asks where this lead comes from: from
# better values, or from a better way to draw an image from them.
#
# **You will** train a network that squeezes a digit into 32 values and draws it again, compare it
# fairly with simpler methods, and find out where its lead comes from.
#
# **You will learn to**
# - build an encoder and a decoder in plain Keras and train them without labels;
# - judge an error against a baseline and against a rival of the same size;
# - read training and validation curves, and find out what a change of the learning rate
#   does;
# - look into a latent space, and say what its points do and do not mean.
#
# **You need** Python, NumPy, and one Keras model that you have trained yourself.
#
# **Time** 45 minutes to read the first part, which is a lesson of its own, 20 for the
# second, and 20 for the exercises. All cells together take {{minutes}} minutes on two CPU
# cores.

# %% [markdown]
# ## Setup
#
# The first lines choose Keras's ***backend***, the library that does the computing. The
# last line loads the images and fixes the ***seed***, the number from which all random
# numbers start. (After a restart of the kernel, begin again with this cell: each cell needs
# what those before it have made.)

# %% tags=["setup"]
import os

os.environ.setdefault("KERAS_BACKEND", "tensorflow")  # or "jax", or "torch"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow: errors alone

import keras
import matplotlib.pyplot as plt
import numpy as np
from keras import layers, ops
from scipy import ndimage

from aelab import evaluation, exercises, lesson, models, plots, records, training

plots.use_style()
images = lesson.start(seed=1)

# %% [markdown]
# The next cell says how many images and how many ***epochs*** (passes over all training
# images) the lesson takes. All numbers in the text, and everything under *What to notice*,
# describe MNIST at the `full` budget. With other settings they can differ; `quick` is for a
# fast check that everything runs. Cells with `assert` are the lesson's claims,
# as code, and stop the notebook where a claim does not hold. `lesson.on_mnist(images)` is
# true for MNIST at full budget.

# %% tags=["budget"]
budget = lesson.budget(
    full=dict(
        n_train=55_000,
        epochs=20,
        peaks=(2e-3, 5e-3, 1e-2),
        decoder_peaks=(5e-3, 5e-2, 2e-1),
        map_epochs=15,
        seeds=(1, 2, 3),
    ),
    quick=dict(
        n_train=2_000,
        epochs=20,
        peaks=(5e-3,),
        decoder_peaks=(2e-2,),
        map_epochs=10,
        seeds=(1,),
    ),
)

# %% [markdown]
# ## What is an autoencoder, and what is it for?
#
# An ***autoencoder*** is a neural network that is trained to return its own input. Taken by
# itself that would be useless; what makes it worth something here is a narrow place in its
# middle. The first half of the network, the ***encoder***, turns the image into a short list
# of values, the ***code***. The second half, the ***decoder***, sees nothing but the code and
# has to draw the image from it. What it draws is called the ***reconstruction***. Because the
# code is so short, the two halves can only succeed together if it holds what matters about the
# image and leaves out what can be guessed.
#
# This is the network that you will have trained at the end of this lesson.

# %%
sketch = models.dense_autoencoder(
    images.x_train.shape[1:], hidden_units=(128, 64), latent_dim=32
)
plots.architecture(sketch, title="From an image to 32 values, and back to an image")
plt.show()

# %% [markdown]
# A short code that still holds what matters is useful in many ways, and this course takes
# them in turn:
#
# - **compression**: the code is smaller than the image (this lesson and lesson 02;
#   lesson 03 counts it in bits);
# - **denoising**: noise is not typical of digits, and a short code leaves most of it
#   out (lesson 04);
# - **features**: with an additional term in the loss, each value of the code can stand
#   for something that one can name (lesson 05);
# - **generation**: with a change to the training, a decoder can turn random codes into
#   digits that nobody has written (lesson 06);
# - **maps and search**: similar images have similar codes, so that a collection can be
#   looked at, sorted and searched (lessons 07 and 08).
#
# In all of them the learning is ***unsupervised***: the data are images alone, and no
# label says what they show.
#
# The images come in three parts. We train on the ***training images***. While we work,
# we compare models on the ***validation images***, which take no part in the training
# (where they do, the text says so). We make no choice with the ***test images***, so they
# can measure the results at the end.

# %%
x_train = images.x_train[: budget.n_train]
x_val = images.x_val
x_test = images.x_test
image_shape = x_train.shape[1:]
n_pixels = x_train[0].size
print(f"one image: shape {image_shape}, {n_pixels} values from 0 (black) to 1 (white)")
plots.image_rows({"image": x_train[:8]}, title="Eight of the training images")
plt.show()

# %% [markdown]
# ## How small an error is small?
#
# Suppose somebody shows you an autoencoder with an error of 0.05. Is that small? You cannot
# tell until you know the error of a model that has understood nothing at all.
#
# We measure how far a reconstruction $\hat x$ is from its image $x$ by the ***mean
# squared error*** (MSE): take the difference in each of the $p$ pixels, square it, and
# average.
#
# $$\mathrm{mse}(x, \hat x) = \frac{1}{p} \sum_{i=1}^{p} (x_i - \hat x_i)^2$$
#
# For several images, their errors are averaged as well. The simplest possible model
# ignores its input and always draws the same picture.
#
# > **Predict.** If you may draw only one picture for all digits, which one has the
# > lower error: a black sheet, because most pixels are black anyway, or the average of
# > all training images? By what factor? Write your guess down.

# %%
average_image = x_train.mean(axis=0)
black_image = np.zeros_like(average_image)
baseline = evaluation.mse(x_val, np.broadcast_to(average_image, x_val.shape))
error_of_black = evaluation.mse(x_val, np.broadcast_to(black_image, x_val.shape))

print(f"black sheet    {error_of_black:.4f}")
print(f"average image  {baseline:.4f}")
print(f"factor         {error_of_black / baseline:.2f}")

# %%
averages = np.stack([average_image] * 8)
errors = evaluation.image_errors(x_val[:8], averages)
plots.image_rows(
    {
        "image": x_val[:8],
        "average image": averages,
        "|difference|": np.abs(x_val[:8] - averages),
    },
    column_names=[f"MSE {error:.3f}" for error in errors],
    title="One picture for all images, and where it is wrong",
)
plt.show()

# %% [markdown]
# **What to notice**
# - The average image looks like no digit, and still has a much lower error than the
#   black sheet. Squared error rewards a compromise: where the images disagree, grey is
#   the safest answer. Remember this when a reconstruction looks blurred.
# - The error of the average image is our ***baseline***. A model that only reaches the
#   baseline has learned nothing about the single image.
# - It would be wrong to call this error small because it is close to 0. The model that
#   has it cannot tell a 1 from an 8.

# %%
assert baseline < 0.8 * error_of_black
if lesson.on_mnist(images):
    assert 1.6 < error_of_black / baseline < 1.7

# %% [markdown]
# ## The smallest autoencoder
#
# We begin with one layer in each half, written out in plain Keras. The encoder computes
# 32 values from all pixels, and the decoder computes all pixels from the 32 values:
#
# $$z = \mathrm{relu}(x\,W_1 + b_1) \qquad \hat x = \mathrm{sigmoid}(z\,W_2 + b_2)$$
#
# Here $x$ is the image as a row of 784 pixels, $W_1$ a matrix of 784 x 32 weights, $z$
# the code, a row of 32 values, and $W_2$ a matrix of 32 x 784 weights; $b_1$ and $b_2$
# are the ***biases***, 32 and 784 numbers that are added. The ***ReLU*** replaces
# negative values by zero. The ***sigmoid***, $1 / (1 + e^{-a})$, maps any number $a$
# into the range from 0 to 1, which is where the pixels are. A function that is applied to
# each sum of a layer, such as these two, is called its ***activation***.
#
# A code that is shorter than the input is called ***undercomplete***, and the narrow
# place in the network is its ***bottleneck***.
#
# > **Predict.** How many ***trainable parameters***, weights and biases, do the two layers
# > have?

# %%
encoder = keras.Sequential(
    [
        keras.Input(image_shape),
        layers.Flatten(),
        layers.Dense(32, activation="relu", name="code"),
    ],
    name="encoder",
)
decoder = keras.Sequential(
    [
        keras.Input((32,)),
        layers.Dense(n_pixels, activation="sigmoid", name="pixels"),
        layers.Reshape(image_shape),
    ],
    name="decoder",
)
smallest = keras.Sequential([encoder, decoder], name="smallest")

# %% tags=["nbval-check-output"]
in_encoder = n_pixels * 32 + 32
in_decoder = 32 * n_pixels + n_pixels
assert smallest.count_params() == in_encoder + in_decoder
print(
    f"{in_encoder:,} + {in_decoder:,} = {smallest.count_params():,} trainable parameters"
)

# %%
plots.architecture(smallest, title="The smallest autoencoder: one layer on each side")
plt.show()

# %% [markdown]
# Training is ordinary Keras with one unusual thing: the target is the input. `fit` gets
# `x_train` twice, once as what the network sees and once as what it should return. The
# MSE between the two is the ***reconstruction loss***. In each epoch the images are taken in
# groups of 128, called ***batches***. After each batch all weights are changed a little, and
# one such change is a ***step***. The rule for it is ***Adam***, a form of gradient descent
# that adapts the size of the steps to each weight. The network never learns from the validation
# images, but after each epoch Keras measures the loss on them too. `training.Progress` shows
# one line while you wait.

# %%
smallest.compile(optimizer=keras.optimizers.Adam(1e-3), loss="mse")
history = smallest.fit(
    x_train,
    x_train,
    epochs=budget.epochs,
    batch_size=128,
    validation_data=(x_val, x_val),
    verbose=0,
    callbacks=[training.Progress()],
)

# %%
plots.curves(
    None,
    {
        "training images": history.history["loss"],
        "validation images": history.history["val_loss"],
        "baseline: average image": baseline,
    },
    xlabel="epoch",
    ylabel="MSE (per pixel)",
    title="The loss on seen and on unseen images",
    log="y",
)
plt.show()

# %% [markdown]
# **What to notice**
# - Both curves fall together and end close to each other. If the training curve went on
#   falling alone, the network would be learning its training images by heart, which is
#   called ***overfitting***. Lesson 02 shows a case.
# - The training curve starts above the validation curve, although these are the images
#   that the network learns from. The training loss is averaged over the epoch, while the
#   network was still getting better; the validation loss is measured at its end.
# - It would be wrong to read the quality of a model off its training loss alone. What
#   counts is the error on images that it has not seen.

# %%
assert history.history["val_loss"][-1] < 0.7 * baseline
assert history.history["val_loss"][0] < history.history["loss"][0]
if lesson.on_mnist(images):
    assert history.history["val_loss"][-1] < 0.2 * baseline
    assert abs(history.history["val_loss"][-1] / history.history["loss"][-1] - 1) < 0.05

# %% [markdown]
# ### What does a code look like?
#
# Nobody has told the network what its 32 values should mean, so let us look at them.
# The encoder alone turns images into codes, and the decoder alone turns codes into
# images.

# %%
codes = encoder.predict(x_val, verbose=0)
reconstructions = decoder.predict(codes[:8], verbose=0)
print(f"codes of all validation images: shape {codes.shape}")
print(f"the first five of the 32 values of the first image: {codes[0, :5].round(1)}")
print(f"of all values of all codes, {np.mean(codes > 0):.1%} are above zero")

# %%
errors = evaluation.image_errors(x_val[:8], reconstructions)
figure, axes = plt.subplots(
    3, 4, figsize=(9, 5.2), layout="constrained", height_ratios=(1, 1.2, 1)
)
for i in range(4):
    plots.draw_picture(axes[0, i], plots.as_pictures(x_val[i : i + 1])[0])
    axes[1, i].bar(np.arange(1, 33), codes[i], color="C0")
    axes[1, i].set(ylim=(0, codes[:4].max() * 1.05), xlabel="index in the code")
    axes[1, i].set_xticks((1, 8, 16, 24, 32))
    plots.draw_picture(axes[2, i], plots.as_pictures(reconstructions[i : i + 1])[0])
    axes[2, i].set_title(f"MSE {errors[i]:.3f}", fontsize=10)
for ax, name in zip(
    axes[:, 0], ("image", "code:\n32 values", "recon-\nstruction"), strict=True
):
    ax.set_ylabel(name, rotation=0, ha="right", va="center")
figure.suptitle("From an image to its code, and back")
plots.describe(
    figure,
    "Four digits, below each a bar chart of the 32 values of its code, and below that its "
    f"reconstruction. {np.mean(codes > 0):.1%} of the values are above zero, and their "
    "heights differ from image to image.",
)
plt.show()

# %% [markdown]
# The values alone say little, but each of them belongs to a pattern. The decoder
# multiplies $z$ by $W_2$, so row $k$ of $W_2$ tells how much each pixel's sum, before the
# sigmoid, grows when the $k$-th value of the code grows by 1.
#
# > **Predict.** Will these pictures look like whole digits, like strokes, or like
# > nothing that you can name?

# %%
W_2 = ops.convert_to_numpy(decoder.get_layer("pixels").kernel)  # shape (32, 784)
plots.weights(
    W_2[:16].T,
    image_shape,
    title="16 of the 32 rows of $W_2$: what a value adds (red) or takes away (blue)",
)
plt.show()

# %% [markdown]
# How many of its values does the decoder need? We start from the average code and replace its
# values, one after the other, by the image's own. We begin with the value that changes the
# drawing most: its difference from the average, times the length of its row of $W_2$. The
# columns say how many have been replaced.

# %%
# Begin with the average code, and put in the image's own values, the largest changes first.
counts = (0, 1, 2, 4, 8, 16, 32)
mean_code = codes.mean(axis=0)
rows = {}
for i in (0, 1, 2):
    change = np.abs(codes[i] - mean_code) * np.linalg.norm(W_2, axis=1)
    order = np.argsort(-change)
    mixed = np.stack([mean_code] * len(counts))
    for row, count in enumerate(counts):
        mixed[row, order[:count]] = codes[i, order[:count]]
    drawn = decoder.predict(mixed, verbose=0)
    rows[f"image {i + 1}"] = np.concatenate([drawn, x_val[i : i + 1]])
plots.image_rows(
    rows,
    column_names=[f"{count} of 32" for count in counts] + ["image"],
    title="What the decoder draws as more values of the code are the image's own",
)
plt.show()

# %% [markdown]
# **What to notice**
# - Hardly any pattern is a digit. Most are faint mixtures of red and blue spread over the
#   middle of the image; in some of them one spot or arc is stronger than the rest.
# - In the last figure, which replaces the values in one order of many and shows three images,
#   the digits can be recognised only when eight or more of the values are the image's own. So
#   it seems that what the code says about a digit is spread over many of them. Nothing in the
#   loss asks for anything else; lesson 05 adds something that does.
# - In the figure with the bar charts the first and the fourth image both show a 4, and their
#   codes are different. It would be wrong to expect one code for one digit.

# %% [markdown]
# ## A rival of the same size
#
# The average image is an easy rival. A fair one has to describe an image by 32 values as
# well. The standard one is ***principal component analysis*** (PCA), which is computed
# directly, without gradient descent.
#
# Think of an image as a point in a space with one axis for each pixel. A direction in this
# space has one number for each pixel, so it can be shown as an image, too. All training
# images together are a cloud of points. The cloud is long in some directions and flat in most
# others, because pixels depend on each other. PCA looks for the direction in which the points vary
# most, then for the one at a right angle to the first in which they vary most, and so on.
# These directions are the ***principal components***. The figure shows them for a cloud in
# two dimensions, in which each training image has two coordinates, the average brightness
# of its left and of its right half. (Each component is drawn two standard deviations long.)

# %%
middle = image_shape[1] // 2
left_half = x_train[:1000, :, :middle].mean(axis=(1, 2, 3))
right_half = x_train[:1000, :, middle:].mean(axis=(1, 2, 3))
cloud = np.stack([left_half, right_half], axis=1)  # shape (1000, 2)
center = cloud.mean(axis=0)
variances, directions = np.linalg.eigh(np.cov(cloud.T))  # the longest comes last

ax = plt.subplots(figsize=(5.2, 5.2), layout="constrained")[1]
ax.scatter(cloud[:, 0], cloud[:, 1], s=8, color="0.75")
ax.set(xlim=(0, cloud[:, 0].max() + 0.02), ylim=(0, cloud[:, 1].max() + 0.02))
ax.axline(center, center + directions[:, -1], color="0.5", linewidth=1)
for name, i, place in (("first", -1, (0.24, 0.16)), ("second", -2, (0.035, 0.14))):
    upwards = directions[:, i] * np.sign(directions[1, i])
    tip = center + 2 * np.sqrt(variances[i]) * upwards  # two standard deviations long
    ax.plot([center[0], tip[0]], [center[1], tip[1]], color="black", linewidth=3)
    ax.annotate(
        f"{name}\ncomponent", tip, place, ha="center", arrowprops={"arrowstyle": "-"}
    )
# One image, and what is left of it when only the first component is kept.
point = cloud[np.argmax(np.abs((cloud - center) @ directions[:, -2]))]
kept = center + (point - center) @ directions[:, -1] * directions[:, -1]
ax.plot([point[0], kept[0]], [point[1], kept[1]], ":", color="C1", zorder=3)
for word, place, filled, away in (
    ("an image", point, "full", (-45, 0)),
    ("its reconstruction from\nthe first component", kept, "none", (60, -42)),
):
    ax.plot(*place, "o", color="C1", fillstyle=filled, markersize=9, zorder=4)
    ax.annotate(
        word,
        place,
        away,
        textcoords="offset points",
        ha="center",
        arrowprops={"arrowstyle": "-", "color": "C1"},
    )
ax.set(
    xlabel="brightness of the left half",
    ylabel="brightness of the right half",
    title="The two principal components of 1,000 points",
    aspect="equal",
)
plots.describe(
    ax.figure,
    "A cloud of points with two lines from its centre: the first principal component "
    "along its length, and the second, shorter one at a right angle. One point is joined "
    "to the point of the first component's line that is nearest to it.",
)
plt.show()

# %% [markdown]
# To encode an image with the first $k$ components, subtract the average image $\bar x$
# and ***project*** what is left onto the $k$ directions, that is, measure how far it
# reaches in each of them. To decode, multiply the components by these numbers, add them
# up, and add the average again:
#
# $$z = (x - \bar x)\,V_k^\top \qquad \hat x = \bar x + z\,V_k$$
#
# The rows of $V_k$, a matrix of $k$ x 784 numbers, are the components, each of length
# 1. Both steps are ***linear***: they only take weighted sums and add constants. No other
# linear encoder and decoder with $k$ values has a lower error on the training images; lesson
# 02 shows why.
#
# A rival deserves the same chance. What PCA reconstructs can leave the range from 0 to 1, which
# the sigmoid of our network cannot, so we set values below 0 to 0 and values above 1 to 1:
# the result is ***clipped***. And before the clipping we multiply all pixels by a
# ***gain*** and add an ***offset***, the two numbers for which the error on training images is
# lowest, estimated on 5,000 of them. With a gain above 1 more pixels are clipped to exactly
# black or white. Most pixels are nearly black or nearly white, so this can help.
#
# > **Predict.** PCA with gain and offset and the two layers both have 32 values for each
# > image. Which error is lower on images that neither has seen, and by how much?

# %%
pca = evaluation.fit_pca(x_train, n_components=min(200, n_pixels, len(x_train)))
plots.weights(
    pca.components_[:16].T,
    image_shape,
    title="The first 16 principal components (red positive, blue negative)",
)
plt.show()

# %%
drawn = evaluation.pca_reconstruct(pca, x_train[:5_000], n_components=32)
gain, offset = evaluation.fit_gain_offset(drawn, x_train[:5_000], clip=(0, 1))
print(f"best gain {gain:.2f}, best offset {offset:.2f}")


def pca_with_gain(x):
    """PCA with 32 components, then gain and offset, clipped."""
    drawn = evaluation.pca_reconstruct(pca, x, n_components=32)
    return np.clip(gain * drawn + offset, 0, 1)


pca_clipped = evaluation.pca_reconstruct(pca, x_val, n_components=32, clip=(0, 1))
x_hat_smallest = smallest.predict(x_val, verbose=0)
pca_error = evaluation.mse(x_val, pca_clipped)
gain_error = evaluation.mse(x_val, pca_with_gain(x_val))
smallest_error = evaluation.mse(x_val, x_hat_smallest)
plots.image_rows(
    {
        "image": x_val[:8],
        f"PCA, clipped\nmean MSE {pca_error:.4f}": pca_clipped[:8],
        f"PCA with gain\nmean MSE {gain_error:.4f}": pca_with_gain(x_val[:8]),
        f"two layers\nmean MSE {smallest_error:.4f}": x_hat_smallest[:8],
    },
    title="32 values each: PCA and two layers (mean MSE of all validation images)",
)
plt.show()

# %% [markdown]
# **What to notice**
# - The two-layer autoencoder has the lowest error, but a gain and an offset already close
#   about half of the gap between it and clipped PCA. If you do not give a rival every help
#   it can get, your own model looks better than it is.
# - It would be wrong to say that this network has found a better description of a digit
#   than PCA. Perhaps it only has the better *decoder*. Nearly all values of its code are
#   above zero, so its ReLU hardly ever acts, and without it the encoder is as linear as
#   PCA's. The second part of the lesson comes back to this.

# %%
by_gain = (pca_error - gain_error) / (pca_error - smallest_error)
if lesson.on_mnist(images):
    assert smallest_error < 0.9 * gain_error < gain_error < 0.9 * pca_error
    assert 0.4 < by_gain < 0.6
    assert np.mean(codes > 0) > 0.95

# %% [markdown]
# ## More layers, and what the initial weights change
#
# One layer on each side can only compute one weighted sum for each value. A deeper encoder
# narrows layer by layer, from 784 pixels to 128, 64 and finally 32 values, with a ReLU after
# each layer but the last, and the decoder widens again in the same way (this is the network
# in the first drawing of the lesson). The code has no activation, so that its values may
# have any sign and size.
#
# When you rebuild a model in another library, you often get another loss although every
# stated setting is the same. Here is such a case. A lecture on deep learning (unpublished
# notes, in PyTorch) trains this model for 20 epochs
# with Adam, a learning rate of 0.001 and batches of 128 images, and prints its training
# loss. With the same recipe, Keras gives another loss. Why? The notes do not say from which
# random weights the training starts, and here the two libraries differ. Keras draws the
# weights of a Dense layer, uniformly, from the range $\pm\sqrt{6 / (n + m)}$ for $n$ inputs and
# $m$ outputs (***Glorot initialisation***) and sets all biases to zero. PyTorch draws weights
# and biases from the range $\pm 1 / \sqrt n$, which for the weights is smaller than Keras's
# in all layers but the last. So we write the model with the ***initialiser***
# left open and train it both ways.


# %%
def dense(library, n_inputs, n_outputs, activation):
    """A Dense layer, initialised as "keras" or "pytorch" does it."""
    if library == "keras":
        kernel = keras.initializers.GlorotUniform()
        bias = keras.initializers.Zeros()
    else:
        limit = 1 / np.sqrt(n_inputs)
        kernel = keras.initializers.RandomUniform(-limit, limit)
        bias = keras.initializers.RandomUniform(-limit, limit)
    return layers.Dense(
        n_outputs,
        activation=activation,
        kernel_initializer=kernel,
        bias_initializer=bias,
    )


def deep_autoencoder(library):
    """784-128-64-32-64-128-784, initialised as "keras" or "pytorch" does it."""
    encoder = keras.Sequential(
        [
            keras.Input(image_shape),
            layers.Flatten(),
            dense(library, n_pixels, 128, "relu"),
            dense(library, 128, 64, "relu"),
            dense(library, 64, 32, None),
        ],
        name="encoder",
    )
    decoder = keras.Sequential(
        [
            keras.Input((32,)),
            dense(library, 32, 64, "relu"),
            dense(library, 64, 128, "relu"),
            dense(library, 128, n_pixels, "sigmoid"),
            layers.Reshape(image_shape),
        ],
        name="decoder",
    )
    return models.Autoencoder(encoder, decoder)


# %% [markdown]
# `models.Autoencoder` is the package's class for an encoder and a decoder. Like the
# `Sequential` above, it applies first the encoder and then the decoder, and it has three
# methods for arrays: `encode`, `decode`, and `reconstruct`, which is both. Given the weights of
# our smallest model, the package's version of it draws the same images.

# %%
packaged = models.dense_autoencoder(
    image_shape, hidden_units=(), latent_dim=32, latent_activation="relu"
)
packaged.set_weights(smallest.get_weights())
assert np.allclose(packaged.reconstruct(x_val), x_hat_smallest, atol=1e-5)

# %% [markdown]
# The lecture trained on all 60,000 images of MNIST. At full budget we do the same: the
# validation images choose nothing in this section, so they may join the training images.
# We train the model with Keras's initialisation first.

# %%
x_all = np.concatenate([x_train, x_val]) if lesson.full() else x_train


def fit_as_lecture(autoencoder, learning_rate, x):
    """The lecture's recipe with a learning rate, on the images x; Keras's history."""
    autoencoder.compile(
        optimizer=keras.optimizers.Adam(learning_rate),
        loss="mse",
        **training.fast_settings(),  # how Keras runs the steps: faster, same result
    )
    return autoencoder.fit(
        x,
        x,
        epochs=budget.epochs,
        batch_size=128,
        verbose=0,
        callbacks=[training.Progress()],
    )


def train_deep(library, learning_rate, seed):
    """A deep model, trained on all images: it, and its losses after each epoch."""
    keras.utils.set_random_seed(seed)
    autoencoder = deep_autoencoder(library)
    history = fit_as_lecture(autoencoder, learning_rate, x_all)
    return autoencoder, history.history["loss"]


as_keras, losses_seen = train_deep("keras", 1e-3, seed=1)

# %% [markdown]
# One run depends on chance, so each training is repeated from several seeds (three at full
# budget), with each of the two initialisations. We compare training losses, because those are
# what the lecture printed, and keep the test error of each model for later.
#
# At full budget the comparisons of this lesson take about forty trainings; together they took
# the times that are printed below, more than half an hour on two CPU cores. So each of them is
# written as a function that returns only numbers, and is called through `records.result_of`. We
# have called them all once, and their results came with the package. If the function, its
# arguments and the images are the same as then, `result_of` reads the result and says when it
# was computed and how long it took. If one of these differs, because you have changed a line,
# chosen another budget or brought your own images, it trains. (It does not notice another
# backend, or a change in the package itself. To train everything yourself, run
# `records.begin()` before the next cell.) The model above is there to check the records:
# trained from the same seed, on the same backend and a similar machine, it should have nearly
# the same loss; elsewhere the two may differ by more than two seeds do.
#
# > **Predict.** Both initialisations are random. Which of them will have the lower loss after
# > 20 epochs, or will the curves meet before?


# %%
def test_error(autoencoder):
    """The MSE on the test images."""
    return evaluation.mse(x_test, autoencoder.reconstruct(x_test))


def constant_rate(library, rate, seed):
    """Train a deep model at a constant rate: its losses, and its test error."""
    autoencoder, losses = train_deep(library, rate, seed)
    return {"losses": losses, "test_mse": test_error(autoencoder)}


def over_seeds(run, **arguments):
    """What a run returns for each seed: losses, shape (seeds, epochs), and test errors."""
    results = [records.result_of(run, **arguments, seed=seed) for seed in budget.seeds]
    losses = np.array([result["losses"] for result in results])
    errors = np.array([result["test_mse"] for result in results])
    return losses, errors


keras_losses, keras_errors = over_seeds(constant_rate, library="keras", rate=1e-3)
pytorch_losses, pytorch_errors = over_seeds(constant_rate, library="pytorch", rate=1e-3)
print(f"loss at the end, seed 1: trained here {losses_seen[-1]:.5f}, ", end="")
print(f"recorded {keras_losses[0, -1]:.5f}")

# %%
lecture_epochs = [1, 2, 3, 4, 5, 10, 15, 20]
lecture_losses = [0.0595, 0.0307, 0.0243, 0.0212, 0.0191, 0.0134, 0.0112, 0.0100]
ax = plots.curves(
    None,
    {
        "initialised as in PyTorch": pytorch_losses.mean(axis=0),
        "initialised as in Keras": keras_losses.mean(axis=0),
        "lecture (PyTorch, MNIST)": (lecture_epochs, lecture_losses),
    },
    xlabel="epoch",
    ylabel="training MSE (per pixel)",
    title="One model and recipe, two initialisations (mean, thin: each seed)",
    log="y",
)
ax.get_lines()[-1].set_linestyle("none")  # the lecture printed these eight values only
for losses, color in ((pytorch_losses, "C0"), (keras_losses, "C1")):
    for of_seed in losses:
        ax.plot(range(1, budget.epochs + 1), of_seed, color=color, linewidth=0.5)
ax.legend()
plt.show()

# %%
if lesson.on_mnist(images):
    ends = {
        "PyTorch": pytorch_losses[:, -1].mean(),
        "Keras": keras_losses[:, -1].mean(),
    }
    for library, end in ends.items():
        below = 1 - end / lecture_losses[-1]
        print(f"initialised as in {library}: ends {below:.0%} below the lecture's loss")
    explained = (ends["PyTorch"] - ends["Keras"]) / (lecture_losses[-1] - ends["Keras"])
    print(
        "the initialiser explains "
        f"{explained:.0%} of the difference between Keras and the lecture"
    )

# %% [markdown]
# **What to notice**
# - The deeper model ends with a lower training loss than the two-layer one, with either
#   initialisation. (It has also seen 5,000 more images. The second part asks whether the
#   layers are the cause.)
# - The curve with PyTorch's initialisation follows the lecture's points and ends a little
#   below them; the one with Keras's runs far below. So the initialiser, which is easily
#   overlooked, explains most of the difference between this one run of the lecture and those
#   of a Keras user. What is left may be chance, or a detail in which the libraries differ,
#   such as a small constant of Adam.
# - Neither library is better. Each of them can be told to initialise like the other, as we
#   just did.

# %%
if lesson.full():
    assert keras_losses[:, -1].max() < pytorch_losses[:, -1].min()
if lesson.on_mnist(images):
    on_tensorflow = keras.backend.backend() == "tensorflow"
    nearly = 0.02 if on_tensorflow else 0.1  # elsewhere a seed draws other weights
    assert abs(losses_seen[-1] / keras_losses[0, -1] - 1) < nearly
    ratio = pytorch_losses[:, np.array(lecture_epochs) - 1] / lecture_losses
    assert np.abs(ratio - 1).max() < 0.10
    assert 0.6 < explained < 0.9
    assert pytorch_losses[:, -1].max() < lecture_losses[-1]
    assert pytorch_losses[:, -1].max() < history.history["loss"][-1]

# %% [markdown]
# ## A better learning rate
#
# So far the ***learning rate***, the size of the steps, was constant. There are two ways in
# which a constant 0.001 may be wrong. It may simply be too small. Or no constant rate may be
# right: the rate should be large in the beginning, when the weights are far from where they
# should be, and small in the end, so that they can settle.
#
# A ***schedule*** changes the rate while the training runs. Ours rises in a straight line
# to a peak within the first twentieth of the steps, the ***warm-up***, and the usual reason
# given is that Adam's first steps rest on the gradients of few images and can be much too
# large. Then it falls to zero along half a period of a cosine. If $t$ counts the steps after
# the warm-up, $T$ is their number, and $\eta$ (eta) is the learning rate,
#
# $$\eta(t) = \tfrac{1}{2}\,\eta_{\mathrm{peak}} \left(1 + \cos \frac{\pi t}{T}\right)$$

# %%
steps_per_epoch = int(np.ceil(len(x_all) / 128))
n_steps = steps_per_epoch * budget.epochs
n_warmup = int(0.05 * n_steps)


def schedule(peak):
    """Warm-up to the peak, then a cosine to zero, over all steps of the training."""
    return keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0,
        warmup_target=peak,
        warmup_steps=n_warmup,
        decay_steps=n_steps - n_warmup,
    )


some_steps = np.linspace(0, n_steps, 101).astype(int)
rates = [float(schedule(5e-3)(step)) for step in some_steps]
ax = plots.curves(
    some_steps / steps_per_epoch,
    {
        "schedule, peak 0.005": rates,
        "constant 0.0025, its average": 2.5e-3,
        "constant 0.001 (lecture)": 1e-3,
    },
    xlabel="epoch",
    ylabel="learning rate",
    title="The learning rate while the training runs",
)
ax.set_ylim(top=7e-3)  # room for the legend
ax.set_xticks(range(0, budget.epochs + 1, 5))
plt.show()

# %% [markdown]
# **Exercise 1.** Write `learning_rate(step, peak, n_warmup, n_steps)`, with NumPy alone:
# the learning rate at a step. The first `n_warmup` of all `n_steps` steps are the warm-up,
# in which the rate rises in a straight line from 0; at step `n_warmup` it is at the peak,
# and at step `n_steps` back at zero. When it is accepted, compute the mean rate over all steps
# of a schedule with the peak 0.002. With which constant rate should this schedule be
# compared? You will need the answer below.


# %% tags=["exercise"]
def learning_rate(step, peak, n_warmup, n_steps):
    return None  # your code here


# %% tags=["solution"]
def learning_rate(step, peak, n_warmup, n_steps):
    if step < n_warmup:
        return peak * step / n_warmup
    t = step - n_warmup
    return peak / 2 * (1 + np.cos(np.pi * t / (n_steps - n_warmup)))


# %% tags=["nbval-check-output"]
lesson.check(1, learning_rate, exercises.check_learning_rate)

# %% tags=["solution"]
rates_of_2e3 = [learning_rate(step, 2e-3, n_warmup, n_steps) for step in range(n_steps)]
print(f"mean rate of the schedule with peak 0.002: {np.mean(rates_of_2e3):.5f}")
print("so compare it with the constant rate 0.001, which is the lecture's")

# %% [markdown]
# How large should the peak be? The validation images choose it: we train on the training
# images alone, once with each of four peaks (at full budget), and watch both losses.


# %%
def with_peak(peak):
    """Train on the training images alone: the losses, and the validation error."""
    keras.utils.set_random_seed(1)
    autoencoder = deep_autoencoder("keras")
    autoencoder.compile(
        optimizer=keras.optimizers.Adam(schedule(peak)),
        loss="mse",
        **training.fast_settings(),
    )
    history = autoencoder.fit(
        x_train,
        x_train,
        epochs=budget.epochs,
        batch_size=128,
        validation_data=(x_val, x_val),
        verbose=0,
        callbacks=[training.Progress()],
    )
    error = evaluation.mse(x_val, autoencoder.reconstruct(x_val))
    return {**history.history, "val_mse": error}


of_peaks = {
    peak: records.result_of(with_peak, peak=peak) for peak in (*budget.peaks, 2e-2)
}
peak_errors = {peak: result["val_mse"] for peak, result in of_peaks.items()}
lesson.Table(
    ("peak", "validation MSE"),
    [(f"{peak:g}", error) for peak, error in peak_errors.items()],
)

# %%
plots.curves(
    None,
    {
        "training images": of_peaks[5e-3]["loss"],
        "validation images": of_peaks[5e-3]["val_loss"],
    },
    xlabel="epoch",
    ylabel="MSE (per pixel)",
    title="The deep model with the schedule, peak 0.005",
    log="y",
)
plt.show()

# %% [markdown]
# The two peaks in the middle are equally good, and better than a smaller and a larger one. We
# take the smaller of the two, 0.005. The validation loss falls with the training loss until the
# end and stays close to it, so there is hardly any overfitting.
#
# Two things have changed at once: the rate is larger, and it follows a schedule. Which of them
# helps? We need four trainings, a smaller and a larger rate, each constant and with a schedule.
# But what is the same rate for both? A schedule has only about half of its peak on average, so
# one with the peak 0.001 takes smaller steps than the constant 0.001. We compare at equal
# *averages*: the lecture's constant 0.001 with a schedule whose peak is 0.002, and the constant
# 0.0025 with the peak 0.005 that we have chosen. (You computed the first of these averages in
# exercise 1.) Layers, initial weights, batches and epochs stay what they were, and we train on
# all images again.
#
# > **Predict.** Order the four by their loss at the end.


# %%
def with_schedule(peak, seed):
    """Train a deep model with the schedule: its losses, and its test error."""
    autoencoder, losses = train_deep("keras", schedule(peak), seed)
    return {"losses": losses, "test_mse": test_error(autoencoder)}


large_losses, large_errors = over_seeds(constant_rate, library="keras", rate=2.5e-3)
small_losses, small_errors = over_seeds(with_schedule, peak=2e-3)
scheduled_losses, scheduled_errors = over_seeds(with_schedule, peak=5e-3)

# %% [markdown]
# The best of the four we train here as well, because later we want to look at what it draws.

# %%
deep, deep_losses = train_deep("keras", schedule(5e-3), seed=1)
print(f"loss at the end, seed 1: trained here {deep_losses[-1]:.5f}, ", end="")
print(f"recorded {scheduled_losses[0, -1]:.5f}")

# %%
plots.curves(
    None,
    {
        "constant 0.001 (lecture)": keras_losses.mean(axis=0),
        "schedule, average 0.001": small_losses.mean(axis=0),
        "constant 0.0025": large_losses.mean(axis=0),
        "schedule, average 0.0025": scheduled_losses.mean(axis=0),
    },
    xlabel="epoch",
    ylabel="training MSE (per pixel)",
    title="Two average rates, constant and with a schedule (means over the seeds)",
    log="y",
)
plt.show()


def show(values):
    """The mean, and ± the standard deviation if there are several."""
    if len(values) == 1:
        return f"{values[0]:.5f}"
    return f"{values.mean():.5f} ± {values.std(ddof=1):.5f}"


lesson.Table(
    ("learning rate", "training MSE of the last epoch"),
    [
        ("constant 0.001 (lecture)", show(keras_losses[:, -1])),
        ("schedule, peak 0.002, average 0.001", show(small_losses[:, -1])),
        ("constant 0.0025", show(large_losses[:, -1])),
        ("schedule, peak 0.005, average 0.0025", show(scheduled_losses[:, -1])),
    ],
)

# %% [markdown]
# **What to notice**
# - At an equal average rate the schedule ends lower than the constant rate, by about an eighth at
#   0.001 and by about a fifth at 0.0025 (the number after ± is the standard deviation over the
#   seeds, and the differences are much larger). So the schedule helps by itself.
# - The larger rate helps by itself, too: by about a tenth where the rate is constant. Each of the
#   two alone brings the loss to nearly the same value.
# - Together they lower it by 28 %. If the two effects were independent, their factors would
#   multiply and give about 22 %. So the schedule helps more at the larger rate. A guess at the
#   reason: its steps become small in the end.
# - It would be wrong to say that 0.0025 is the best constant rate. We chose only the peak of the
#   schedule on validation images, and compared the constant rates that belong to two peaks.

# %%
assert scheduled_losses[:, -1].max() < keras_losses[:, -1].min()
if lesson.on_mnist(images):
    assert abs(deep_losses[-1] / scheduled_losses[0, -1] - 1) < nearly
    of_5e3 = of_peaks[5e-3]
    assert 1 < of_5e3["val_loss"][-1] / of_5e3["loss"][-1] < 1.1
    assert of_5e3["val_loss"][-1] == min(of_5e3["val_loss"])
    of_middle = max(peak_errors[5e-3], peak_errors[1e-2])
    assert min(peak_errors[2e-3], peak_errors[2e-2]) > 1.1 * of_middle
    assert abs(peak_errors[5e-3] / peak_errors[1e-2] - 1) < 0.03
    ends = {
        name: losses[:, -1].mean()
        for name, losses in {
            "small": keras_losses,
            "small, schedule": small_losses,
            "large": large_losses,
            "large, schedule": scheduled_losses,
        }.items()
    }
    by_schedule = 1 - ends["small, schedule"] / ends["small"]
    by_schedule_of_large = 1 - ends["large, schedule"] / ends["large"]
    by_rate = 1 - ends["large"] / ends["small"]
    assert 0.10 < by_schedule < 0.15
    assert 0.17 < by_schedule_of_large < 0.23
    assert 0.08 < by_rate < 0.13
    assert abs(ends["large"] / ends["small, schedule"] - 1) < 0.03
    by_both = 1 - ends["large, schedule"] / ends["small"]
    assert 0.25 < by_both < 0.31
    assert by_both > 1 - (1 - by_schedule) * (1 - by_rate)
    for better, worse in (
        (small_losses, keras_losses),
        (large_losses, keras_losses),
        (scheduled_losses, small_losses),
        (scheduled_losses, large_losses),
    ):
        assert better[:, -1].max() < worse[:, -1].min()

# %% [markdown]
# From now on the lessons use the package's function `training.train`, which does what
# we have just written out: compile with Adam and this schedule, fit, and show the
# progress line.

# %%
from_package = training.warmup_cosine(5e-3, len(x_all), 128, budget.epochs)
assert np.allclose(rates, [float(from_package(step)) for step in some_steps])

# %% [markdown]
# ## A code that we can see
#
# We cannot draw a space with 32 dimensions, but we can draw one with two. The space of
# all codes is called the ***latent space***: *latent* means hidden, because the codes
# are not in the data, the network has to find them. Let us train an autoencoder whose
# code has only two values, so that each image becomes a point in a plane. Because the decoder
# has only two values to work from, we give both halves wider layers, 256 and 128 units. (The
# peak of 0.003 was not tuned for this model.)
#
# > **Predict.** The network never sees a label. If we colour each point by the digit
# > that its image shows, will each digit have a region of its own, or will the colours
# > be mixed everywhere?

# %%
keras.utils.set_random_seed(1)
flat = models.dense_autoencoder(image_shape, hidden_units=(256, 128), latent_dim=2)
training.train(flat, x_train, epochs=budget.map_epochs, peak=3e-3)
z_val = flat.encode(x_val)
print(f"codes of the validation images: shape {z_val.shape}")

# %% [markdown]
# The left half of the figure shows where the encoder puts 700 of the validation images,
# each drawn as a small digit. On the right the decoder draws an image at each of 15 x 15
# places of the same plane. Many images crowd together in one corner, so the axes are
# stretched: the places are chosen so that along each axis equally many images lie between
# two neighbours, and the ticks say which values belong to them. (The outermost two percent
# on each side are not drawn.)

# %%
parts = np.linspace(0.02, 0.98, 15)  # fractions of the images
z_1 = np.quantile(z_val[:, 0], parts)
z_2 = np.quantile(z_val[:, 1], parts)
plane = np.stack(np.meshgrid(z_1, z_2), axis=-1)  # shape (15, 15, 2): all pairs
decoded = flat.decode(plane.reshape(-1, 2)).reshape(15, 15, *image_shape)


def draw_map(ax, z, title):
    """700 images as digits in the plane of their codes, axes stretched alike."""
    places = [np.quantile(z[:, k], parts) for k in range(2)]
    inside = (z > [places[0][0], places[1][0]]) & (z < [places[0][-1], places[1][-1]])
    shown = np.flatnonzero(inside.all(axis=1))[:700]
    x, y = (np.interp(z[shown, k], places[k], range(15)) for k in range(2))
    for label in np.unique(images.y_val[shown]):
        of_class = images.y_val[shown] == label
        marker = f"${label}$" if label >= 0 else "o"
        color = f"C{label % 10}"
        ax.scatter(x[of_class], y[of_class], s=28, marker=marker, color=color, lw=0.3)
    ax.set(title=title, xlim=(-0.5, 14.5), ylim=(-0.5, 14.5), box_aspect=1)
    ax.set(xlabel="first value (stretched)", ylabel="second value (stretched)")
    ax.set_xticks(range(0, 15, 2), [f"{value:.2g}" for value in places[0][::2]])
    ax.set_yticks(range(0, 15, 2), [f"{value:.2g}" for value in places[1][::2]])
    ax.grid(False)


figure, (left, right) = plt.subplots(1, 2, figsize=(9, 4.7), layout="constrained")
draw_map(left, z_val, "Where the encoder puts the images")
plots.manifold(decoded, z_1, z_2, title="What the decoder draws there", ax=right)
right.set(xlabel="first value (stretched)", ylabel="second value (stretched)")
plots.describe(
    figure,
    "Left, a plane with 700 small digits, coloured by class: most digits of a class lie "
    "together. Right, the images that the decoder draws at the places of a grid in the "
    "same plane.",
)
plt.show()

# %% [markdown]
# **What to notice**
# - Most images of one digit lie together although no label was used; a few digits have more
#   than one region. Look back and forth between the two halves: the encoder puts images
#   where the decoder draws similar ones.
# - Where the regions of two digits meet, the decoder draws shapes that are no digits.
#   Lesson 06 is about this.
# - The axes have no meaning. If all codes were rotated, or stretched, and the first layer of
#   the decoder undid it, the loss would be the same. So a distance on the map has no unit, and
#   twice as far does not mean half as similar. Which points are *near* each other can still be
#   useful, as the next cell shows.

# %% [markdown]
# Is such a map worth more than a simpler one? PCA with two components makes a map of
# the same size (with gain and offset of its own). For each image we let the ten nearest of
# the other points vote which digit it is (a ***k-nearest-neighbour classifier*** with k =
# 10). The neighbours are found by the distance between the codes as they are, not stretched.
# Always answering with the most frequent digit is the trivial baseline.

# %%
pca_map = pca.transform(x_val.reshape(len(x_val), n_pixels))[:, :2]
drawn = evaluation.pca_reconstruct(pca, x_train[:5_000], n_components=2)
gain_2, offset_2 = evaluation.fit_gain_offset(drawn, x_train[:5_000], clip=(0, 1))


def pca_2(x):
    """PCA with two components, then gain and offset of its own, clipped."""
    drawn = evaluation.pca_reconstruct(pca, x, n_components=2)
    return np.clip(gain_2 * drawn + offset_2, 0, 1)


flat_error = evaluation.mse(x_val, flat.reconstruct(x_val))
pca_2_error = evaluation.mse(x_val, pca_2(x_val))
keras.utils.set_random_seed(1)
untrained = models.dense_autoencoder(image_shape, hidden_units=(256, 128), latent_dim=2)
if images.class_names:
    most_frequent = np.bincount(images.y_val).max() / len(images.y_val)
    votes = {
        "most frequent class": most_frequent,
        "PCA": evaluation.neighbour_accuracy(pca_map, images.y_val),
        "untrained": evaluation.neighbour_accuracy(
            untrained.encode(x_val), images.y_val
        ),
        "autoencoder": evaluation.neighbour_accuracy(z_val, images.y_val),
    }
else:  # images without labels: nobody knows which votes are right
    names = ("most frequent class", "PCA", "untrained", "autoencoder")
    votes = dict.fromkeys(names, np.nan)
lesson.Table(
    ("two values for each image", "validation MSE", "accuracy of 10 neighbours' vote"),
    [
        (
            "none: average image, most frequent class",
            baseline,
            votes["most frequent class"],
        ),
        ("PCA with gain and offset", pca_2_error, votes["PCA"]),
        ("the same network, untrained", "-", votes["untrained"]),
        ("autoencoder", flat_error, votes["autoencoder"]),
    ],
)

# %%
figure, axes = plt.subplots(1, 2, figsize=(9, 4.7), layout="constrained")
for ax, name, z in (
    (axes[0], "autoencoder", z_val),
    (axes[1], "PCA", pca_map),
):
    draw_map(ax, z, f"{name}: accuracy of the vote {votes[name]:.2f}")
figure.suptitle("Two values for each image: two maps, stretched in the same way")
plots.describe(
    figure,
    "Two planes with 700 small digits each. On the autoencoder's most classes have "
    "regions of their own; on PCA's they overlap much more.",
)
plt.show()

# %% [markdown]
# **What to notice**
# - The autoencoder's map tells much more about the digit than PCA's map of the same size or
#   that of the untrained network (one seed). Both maps are stretched in the same way, so that
#   neither looks better because of its scale.
# - It would be wrong to say that the map separates all digits: those that look alike, such as
#   4 and 9, lie on top of each other.

# %%
if lesson.full():
    assert flat_error < 0.9 * pca_2_error
if lesson.on_mnist(images):
    assert flat_error < 0.8 * pca_2_error
    assert votes["autoencoder"] > max(votes["PCA"], votes["untrained"]) + 0.3

# %% [markdown]
# **Exercise 2.** Search by codes: write `most_similar(i, codes)`. `codes` is an array of
# shape `(n, k)`, one code in each row. Return the index of the row, other than `i`, whose
# ***Euclidean distance*** to row `i` is smallest: the root of the sum of the squared
# differences. When it is accepted, look at an image beside the one that you found, for
# example for `i = 7`: `plots.image_rows({"pair": x_val[[i, most_similar(i, z_val)]]})`. Do
# both show the same digit? Try ten values of `i`.


# %% tags=["exercise"]
def most_similar(i, codes):
    return None  # your code here


# %% tags=["solution"]
def most_similar(i, codes):
    distances = np.sum((codes - codes[i]) ** 2, axis=1)
    distances[i] = np.inf
    return int(np.argmin(distances))


# %% tags=["nbval-check-output"]
lesson.check(2, most_similar, exercises.check_most_similar)

# %% [markdown]
# ## The best and the worst cases
#
# An average hides the cases that make it up. How are the errors of the single images
# distributed, and which of the validation images does the two-layer model reconstruct best,
# and which worst? (At full budget the deep models have been trained on these images, so for
# them it would not be a fair test.)
#
# > **Predict.** Which digit will you find most often among the best, and which kind of
# > writing among the worst?

# %%
errors = evaluation.image_errors(x_val, x_hat_smallest)
order = np.argsort(errors)
if images.class_names:
    by_class = [errors[images.y_val == k] for k in range(len(images.class_names))]
    ax = plt.subplots(figsize=(8, 3.4), layout="constrained")[1]
    ax.boxplot(by_class, tick_labels=images.class_names, whis=(5, 95), sym="")
    ax.axhline(errors.mean(), color="0.5", linestyle="--", label="mean of all images")
    ax.set(xlabel="class", ylabel="MSE (per pixel)")
    ax.set_title(
        "The errors of the two layers, by class (box: middle 50 %, whiskers: 90 %)"
    )
    ax.legend()
    medians = ", ".join(
        f"{name} {np.median(of_class):.4f}"
        for name, of_class in zip(images.class_names, by_class, strict=True)
    )
    plots.describe(
        ax.figure, f"A box for the errors of each class. Medians: {medians}."
    )
    plt.show()

# %%
for name, chosen in {"lowest": order[:8], "highest": order[-8:]}.items():
    plots.image_rows(
        {"image": x_val[chosen], "reconstruction": x_hat_smallest[chosen]},
        column_names=[f"MSE {error:.4f}" for error in errors[chosen]],
        title=f"Two layers: the eight validation images with the {name} error",
    )
    plt.show()

# %% [markdown]
# **What to notice**
# - The eight lowest errors all belong to a 1: one straight stroke. The highest
#   belong mostly to digits with long, curved strokes.
# - The average error says little about a single image: on unusual ones strokes are lost or
#   blurred.

# %% [markdown]
# ### What makes an image hard? (You may skip this section.)
#
# What makes the error of an image large? Four hypotheses come to mind, and for each there is
# a measure.
#
# | hypothesis | why | measured by |
# |---|---|---|
# | ink | a nearly black image has little to get wrong | the MSE of a black sheet, which is the mean square of the pixels |
# | thin strokes | what blurs an image loses thin lines first | the mean distance of a stroke's pixels to the nearest dark one |
# | long outline | there, pixels change quickly from black to white | the MSE between the image and its blur over 3 x 3 pixels |
# | unusual image | the network can only learn what it has often seen | the MSE to the most similar of 20,000 training images |
#
# We measure by the ***correlation*** how strongly each of them is related to the two-layer
# network's error. It runs from -1 (one falls as the other rises) through 0 (no linear
# relation) to 1 (they rise together along a line).
#
# > **Predict.** Which of the four are related to the error, and which are not?

# %%
some = slice(0, 1000)  # of the validation images: comparing all of them takes long
x_some = x_val[some]
blurred = ndimage.uniform_filter(x_some, size=(1, 3, 3, 1))
to_the_dark = [ndimage.distance_transform_edt(x.max(axis=-1) > 0.5) for x in x_some]
measures = {
    "ink (MSE of a black sheet)": evaluation.image_errors(
        x_some, np.zeros_like(x_some)
    ),
    "thickness of strokes (pixels)": np.array(
        [d.sum() / max(1, np.sum(d > 0)) for d in to_the_dark]
    ),
    "outline (MSE of the blurred image)": evaluation.image_errors(x_some, blurred),
    "unusual (MSE to the nearest training image)": evaluation.distance_to_nearest(
        x_some, x_train[:20_000]
    ),
}
correlations = {
    name: np.corrcoef(errors[some], measure)[0, 1] for name, measure in measures.items()
}
figure, axes = plt.subplots(2, 2, figsize=(7, 5.6), layout="constrained", sharey=True)
for ax, (name, measure) in zip(axes.flat, measures.items(), strict=True):
    ax.scatter(measure, errors[some], s=6, color="black", alpha=0.3, linewidths=0)
    ax.set(xlabel=name, title=f"correlation {correlations[name]:.2f}")
    ax.locator_params(axis="x", nbins=4)
for ax in axes[:, 0]:
    ax.set_ylabel("error of the two layers (MSE)")
figure.suptitle("The error of 1,000 validation images against four measures")
found = ", ".join(f"{name} {value:.2f}" for name, value in correlations.items())
plots.describe(
    figure, f"Four scatter plots of the network's error. Correlations: {found}."
)
plt.show()

# %% [markdown]
# **What to notice**
# - Two measures are strongly correlated with the error, and by similar amounts: the outline, and
#   how unusual the image is. Ink and thickness, each taken alone, are only weakly correlated
#   with it. (Thickness is measured coarsely: strokes one and two pixels wide get the same
#   value.) The two strong ones are correlated
#   with each other as well, and a correlation does not prove a cause.
# - A high error of the blurred image does not mean thin strokes. Blurring changes an image at
#   its edges, and thick strokes have edges, too.

# %%
if lesson.on_mnist(images):
    by_name = {name.split()[0]: value for name, value in correlations.items()}
    assert abs(by_name["ink"]) < 0.3
    assert abs(by_name["thickness"]) < 0.3
    assert min(by_name["outline"], by_name["unusual"]) > 0.6
    assert abs(by_name["outline"] - by_name["unusual"]) < 0.1
    outlines, nearest = list(measures.values())[2:]
    assert np.corrcoef(outlines, nearest)[0, 1] > 0.4
    assert (images.y_val[order[:8]] == 1).all()

# %% [markdown]
# ## From one image to another
#
# A code is a point, so between two codes there is a straight line, and the decoder can
# draw every point on it. This is called ***interpolation***:
#
# $$z(t) = (1 - t)\,z_a + t\,z_b \qquad t = 0, \tfrac14, \tfrac12, \tfrac34, 1$$
#
# The same can be done with the pixels themselves. It is then a ***cross-fade***: one image
# fades out while the other fades in.
#
# > **Predict.** Halfway between two images, what does the cross-fade show? What do you
# > expect of the decoder, between two images of one digit and between two digits?


# %%
def partner(i, same_class):
    """Index of the next test image after i that shows the same digit, or another."""
    matches = images.y_test == images.y_test[i]
    candidates = np.flatnonzero(matches if same_class else ~matches)
    candidates = candidates[candidates > i]
    return candidates[0] if len(candidates) else i + 1


def interpolate(a, b):
    """Five arrays between two arrays, both ends included; shape (5, ...)."""
    return np.stack([(1 - t) * a + t * b for t in (0, 0.25, 0.5, 0.75, 1)])


def interpolations(i, same_class):
    """Five images between test image i and its partner: by codes, and by pixels."""
    pair = np.stack([x_test[i], x_test[partner(i, same_class)]])
    z_a, z_b = deep.encode(pair)
    return deep.decode(interpolate(z_a, z_b)), interpolate(pair[0], pair[1])


# %%
for words, same_class in (("Within a class", True), ("Across classes", False)):
    rows = {}
    for i in (2, 3):
        by_codes, by_pixels = interpolations(i, same_class)
        words_of_pair = f"pair {i - 1}"
        if images.class_names:
            names = [
                images.class_names[images.y_test[k]]
                for k in (i, partner(i, same_class))
            ]
            words_of_pair = f"{names[0]} to {names[1]}"
        rows[f"{words_of_pair}: codes"] = by_codes
        rows[f"{words_of_pair}: pixels"] = by_pixels
    plots.image_rows(
        rows,
        column_names=["t = 0", "0.25", "0.5", "0.75", "t = 1"],
        title=f"{words}: from one test image to another",
    )
    plt.show()

# %% [markdown]
# **What to notice**
# - At t = 0.5 the cross-fade shows both images at once, each half as bright. Several of the
#   decoder's images look like one digit, but in others strokes fade and break on the way,
#   above all across classes.
# - The ends of the rows called "codes" are reconstructions, not the images themselves.
# - It would be wrong to say that every point between two codes is a digit. These are
#   four pairs, and an impression. Lesson 06 finds a measure for it, and a remedy.

# %% [markdown]
# ## What has been reached?
#
# We measure the models on the test images, which no choice has used. For comparison we add
# PCA with gain and offset.

# %%
test_mse = {
    "average image (baseline)": np.array(
        [evaluation.mse(x_test, np.broadcast_to(average_image, x_test.shape))]
    ),
    "PCA with gain and offset": np.array(
        [evaluation.mse(x_test, pca_with_gain(x_test))]
    ),
    "two layers, constant 0.001": np.array([test_error(packaged)]),
    "deep, constant 0.001, PyTorch's initialisation": pytorch_errors,
    "deep, constant 0.001": keras_errors,
    "deep, schedule, average 0.001": small_errors,
    "deep, constant 0.0025": large_errors,
    "deep, schedule, average 0.0025": scheduled_errors,
}
lesson.Table(
    ("32 values", "test MSE"),
    [(name, show(errors)) for name, errors in test_mse.items()],
)

# %%
pca_errors = test_mse["PCA with gain and offset"]
two_layer_error = test_mse["two layers, constant 0.001"][0]
plots.image_rows(
    {
        "test image": x_test[:8],
        f"PCA with gain\nmean MSE {pca_errors.mean():.4f}": pca_with_gain(x_test[:8]),
        f"two layers, constant\nmean MSE {two_layer_error:.4f}": packaged.reconstruct(
            x_test[:8]
        ),
        f"deep, schedule\nmean MSE {scheduled_errors.mean():.4f}": deep.reconstruct(
            x_test[:8]
        ),
    },
    title="Reconstructed from 32 values each (mean MSE of all test images)",
)
plt.show()

# %% [markdown]
# **What to notice**
# - The deep model with the schedule has less than half of the error of PCA, with as many values
#   for each image. The same model at the lecture's constant rate
#   already covers almost three quarters of the way from PCA's error to that of the best
#   model, and with PyTorch's initialisation about half.
# - The test errors of the four combinations of rate and schedule show the same picture as the
#   training losses: the constant 0.001 has the highest, the schedule with the average 0.0025 the
#   lowest, and the two between them cannot be told apart. Each of the four differs by less than
#   3 % from its training loss.
# - It would be wrong to say that the deep model's *code* must then be twice as good. That is
#   the question of the second part.

# %%
assert scheduled_errors.max() < keras_errors.min()
if lesson.on_mnist(images):
    assert abs(test_error(deep) / scheduled_errors[0] - 1) < 0.1
    assert scheduled_errors.max() <= 0.0056
    assert scheduled_errors.max() < 0.5 * pca_errors.min()
    assert keras_errors.max() <= 0.0080
    assert keras_errors.max() < pytorch_errors.min()
    way = pca_errors[0] - scheduled_errors.mean()
    assert 0.65 < (pca_errors[0] - keras_errors.mean()) / way < 0.78
    assert 0.4 < (pca_errors[0] - pytorch_errors.mean()) / way < 0.6
    for errors, losses in (
        (keras_errors, keras_losses),
        (small_errors, small_losses),
        (large_errors, large_losses),
        (scheduled_errors, scheduled_losses),
    ):
        assert abs(errors.mean() / losses[:, -1].mean() - 1) < 0.03
    assert scheduled_errors.max() < min(small_errors.min(), large_errors.min())

# %% [markdown]
# Here the first part ends. If you stop here, read the summary at the end, but do not run the
# cells of its two tables: they need results of the second part. The table above holds all
# numbers of the first part.
#
# ## Second part: where does the lead come from?
#
# ### Was it the layers?
#
# Would the two layers have come as close as the deep model, if they had been trained with the
# schedule? We give them the same images and the same number of epochs, and choose the peak of
# their schedule as we did for the deep model, among the same four values.


# %%
def train_two_layers(peak, x, seed):
    """The two-layer autoencoder, trained on the images x: it, and its losses."""
    keras.utils.set_random_seed(seed)
    autoencoder = models.dense_autoencoder(
        image_shape, hidden_units=(), latent_dim=32, latent_activation="relu"
    )
    history = fit_as_lecture(autoencoder, schedule(peak), x)
    return autoencoder, history.history["loss"]


def two_layers_validated(peak):
    """The validation error of the two layers, trained on the training images."""
    autoencoder, _ = train_two_layers(peak, x_train, seed=1)
    return evaluation.mse(x_val, autoencoder.reconstruct(x_val))


shallow_errors = {
    peak: records.result_of(two_layers_validated, peak=peak)
    for peak in (*budget.peaks, 2e-2)
}
shallow_peak = min(shallow_errors, key=shallow_errors.get)
lesson.Table(
    ("two layers: peak", "validation MSE"),
    [(f"{peak:g}", error) for peak, error in shallow_errors.items()],
    digits=5,
)


# %%
def two_layers_with_schedule(peak, seed):
    """Train the two layers on all images: their losses, and their test error."""
    autoencoder, losses = train_two_layers(peak, x_all, seed)
    return {"losses": losses, "test_mse": test_error(autoencoder)}


shallow_losses, shallow_test = over_seeds(two_layers_with_schedule, peak=shallow_peak)
print(f"two layers, schedule: training MSE {show(shallow_losses[:, -1])}")
print(f"deep model, schedule: training MSE {show(scheduled_losses[:, -1])}")
more_weights = deep.count_params() / packaged.count_params()
print(f"parameters of the deep model over those of the two layers: {more_weights:.1f}")

# %% [markdown]
# **What to notice**
# - The deep model has a far lower training loss, with the same recipe and a code of the same
#   size. The table of test errors at the end shows the same on
#   unseen images.
# - This does not show that depth alone is the cause. The deep model also has many more
#   parameters, and a code without ReLU.

# %%
if lesson.on_mnist(images):
    assert scheduled_losses[:, -1].max() < 0.7 * shallow_losses[:, -1].min()

# %% [markdown]
# ### Is it the code, or the decoder?
#
# The deep model has a far lower error than PCA with as many values. Has it found a better
# *code*, or does it only have a better *decoder*? We can exchange one of the two at a time:
# keep PCA's code, and train only a decoder for it. We train two such decoders from new random
# weights. One has the same layers as the deep model's decoder, 32-64-128-784, and we call it
# the *deep decoder*. The other is a single layer with a sigmoid. Each gets a schedule of the
# same shape and as many epochs as the deep model, and its peak is chosen on the validation
# images, as that of the deep model was. And the other way round, we give the deep model's code
# to the best linear decoder: the weights with the lowest MSE on the training images, computed
# directly (***least squares***), and then helped by gain, offset and clipping as PCA is.
#
# The figure shows the four combinations of PCA's and the deep model's halves.

# %%
figure, ax = plt.subplots(figsize=(9, 2.6), layout="constrained")
ax.set(xlim=(0, 9), ylim=(0, 2.6))
ax.axis("off")
box = {"boxstyle": "round,pad=0.5", "facecolor": "white", "edgecolor": "black"}
places = {
    "image": (0.6, 1.3),
    "PCA's encoder": (2.8, 1.9),
    "deep encoder": (2.8, 0.7),
    "linear decoder": (5.8, 1.9),
    "deep decoder": (5.8, 0.7),
    "reconstruction": (8.2, 1.3),
}
for name, (x, y) in places.items():
    ax.text(x, y, name, ha="center", va="center", bbox=box)
encoders, decoders = (
    ("PCA's encoder", "deep encoder"),
    ("linear decoder", "deep decoder"),
)
half_widths = {"image": 0.45, "reconstruction": 0.75}
steps = [("image", name) for name in encoders]
steps += [(start, end) for start in encoders for end in decoders]
steps += [(name, "reconstruction") for name in decoders]
for start, end in steps:
    x_start, y_start = places[start]
    x_end, y_end = places[end]
    ax.annotate(
        "",
        (x_end - half_widths.get(end, 0.75), y_end),
        (x_start + half_widths.get(start, 0.75), y_start),
        arrowprops={"arrowstyle": "->", "color": "0.3"},
    )
ax.set_title(
    "Two encoders with codes of 32 values, and two decoders: four combinations"
)
plots.describe(
    figure,
    "Arrows lead from the image to two encoders, PCA's and the deep one, from each of them "
    "to two decoders, linear and deep, and from these to the reconstruction.",
)
plt.show()

# %% [markdown]
# > **Predict.** PCA's code was computed without gradient descent. If a decoder like that of
# > the deep model is trained for it, how near will it come to the deep model's error?


# %%
def pca_code(x):
    """The first 32 values of PCA's code, shape (n, 32)."""
    return pca.transform(x.reshape(len(x), n_pixels))[:, :32]


def decoder_for_pca(hidden_units, peak, x, seed):
    """A decoder that has learned to draw the images x from PCA's code."""
    keras.utils.set_random_seed(seed)
    decoder = models.dense_decoder(image_shape, hidden_units, latent_dim=32)
    decoder.compile(
        optimizer=keras.optimizers.Adam(schedule(peak)),
        loss="mse",
        **training.fast_settings(),
    )
    decoder.fit(
        pca_code(x),
        x,
        epochs=budget.epochs,
        batch_size=128,
        verbose=0,
        callbacks=[training.Progress()],
    )
    return decoder


def decoder_validated(hidden_units, peak):
    """The validation error of a decoder that has seen the training images."""
    decoder = decoder_for_pca(hidden_units, peak, x_train, seed=1)
    return evaluation.mse(x_val, decoder.predict(pca_code(x_val), verbose=0))


one_layer_errors = {
    peak: records.result_of(decoder_validated, hidden_units=(), peak=peak)
    for peak in budget.decoder_peaks
}
deep_errors = {
    peak: records.result_of(decoder_validated, hidden_units=(64, 128), peak=peak)
    for peak in (*budget.peaks, 2e-2, 4e-2)
}
one_layer_peak = min(one_layer_errors, key=one_layer_errors.get)
deep_peak = min(deep_errors, key=deep_errors.get)
lesson.Table(
    ("decoder on PCA's code", "peak", "validation MSE"),
    [
        *[
            ("one layer", f"{peak:g}", error)
            for peak, error in one_layer_errors.items()
        ],
        *[("deep", f"{peak:g}", error) for peak, error in deep_errors.items()],
    ],
    digits=5,
)


# %%
def decoder_tested(hidden_units, peak, seed):
    """The test error of a decoder that has seen all images."""
    decoder = decoder_for_pca(hidden_units, peak, x_all, seed)
    return evaluation.mse(x_test, decoder.predict(pca_code(x_test), verbose=0))


one_layer_test = [
    records.result_of(decoder_tested, hidden_units=(), peak=one_layer_peak, seed=seed)
    for seed in budget.seeds
]
deep_decoder_test = [
    records.result_of(decoder_tested, hidden_units=(64, 128), peak=deep_peak, seed=seed)
    for seed in budget.seeds
]
deep_decoder = decoder_for_pca((64, 128), deep_peak, x_all, seed=1)  # for its pictures


# %%
def with_ones(z):
    """Codes with a column of ones, for the constant of a linear decoder."""
    return np.concatenate([z, np.ones((len(z), 1))], axis=1)


z = with_ones(deep.encode(x_all))
weights = np.linalg.lstsq(z, x_all.reshape(len(x_all), n_pixels))[0]
again = (z[:5_000] @ weights).reshape(-1, *image_shape)
its_gain, its_offset = evaluation.fit_gain_offset(again, x_all[:5_000], clip=(0, 1))
drawn = (with_ones(deep.encode(x_test)) @ weights).reshape(x_test.shape)
linear_decoder_test = evaluation.mse(
    x_test, np.clip(its_gain * drawn + its_offset, 0, 1)
)

# %%
# No choice was made on the test images, so they may judge here.
ladder = {
    ("PCA's", "linear, gain and offset"): pca_errors,
    ("PCA's", "one trained layer, sigmoid"): np.array(one_layer_test),
    ("PCA's", "deep"): np.array(deep_decoder_test),
    ("of the two layers", "one layer, sigmoid"): shallow_test,
    ("of the deep model", "linear, gain and offset"): np.array([linear_decoder_test]),
    ("of the deep model", "deep: its own"): scheduled_errors,
}
lesson.Table(
    ("code of 32 values", "decoder", "test MSE"),
    [(code, decoder, show(errors)) for (code, decoder), errors in ladder.items()],
)

# %%
figure, ax = plt.subplots(figsize=(9, 3.4), layout="constrained")
looks = {
    "PCA's": ("C0", ""),
    "of the two layers": ("0.75", ""),
    "of the deep model": ("C1", "//"),
}
names = []
for row, (code, its_decoder) in enumerate(ladder):
    found = ladder[code, its_decoder]
    color, hatch = looks[code]
    spread = found.std(ddof=1) if len(found) > 1 else 0
    ax.barh(row, found.mean(), xerr=spread, color=color, hatch=hatch, edgecolor="white")
    ax.text(found.mean() + spread, row, f"  {found.mean():.4f}", va="center")
    whose = "PCA's code" if code == "PCA's" else f"code {code}"
    names.append(
        f"{whose} \u2192 {its_decoder.replace('deep: its own', 'its own decoder')}"
    )
ax.set_yticks(range(len(ladder)), names)
ax.invert_yaxis()
ax.set_axisbelow(True)
ax.set(
    xlabel="test MSE (per pixel)",
    title="The test error of six pairs of code and decoder",
)
ax.locator_params(axis="x", nbins=4)
ax.margins(x=0.2)
words = ", ".join(
    f"{name} {errors.mean():.4f}"
    for name, errors in zip(names, ladder.values(), strict=True)
)
plots.describe(figure, f"A bar for each pair of a code and a decoder: {words}.")
plt.show()

# %%
x_some = x_test[:8]
drawn_by = {
    "PCA, linear decoder": (pca_with_gain(x_some), pca_errors),
    "PCA, deep decoder": (
        deep_decoder.predict(pca_code(x_some), verbose=0),
        ladder["PCA's", "deep"],
    ),
    "deep model": (deep.reconstruct(x_some), scheduled_errors),
}
rows = {"test image": x_some}
error_rows = {}
for name, (x_hat, its_errors) in drawn_by.items():
    rows[f"{name}\nmean MSE {its_errors.mean():.4f}"] = x_hat
    error_rows[f"|error| x 3:\n{name}"] = 3 * np.abs(x_hat - x_some)
plots.image_rows(
    rows | error_rows,
    title="A better decoder, and a code trained with it (mean MSE of all test images)",
)
plt.show()

# %%
of_pca = ladder["PCA's", "linear, gain and offset"].mean()
of_deep_decoder = ladder["PCA's", "deep"].mean()
of_deep_model = ladder["of the deep model", "deep: its own"].mean()
of_one_layer = ladder["PCA's", "one trained layer, sigmoid"].mean()
of_two_layers = ladder["of the two layers", "one layer, sigmoid"].mean()
by_decoder = (of_pca - of_deep_decoder) / (of_pca - of_deep_model)
by_one_layer = (of_pca - of_one_layer) / (of_pca - of_two_layers)
if lesson.full():
    print("How much of the gap to PCA with gain is closed by the decoder alone?")
    print(f"deep model: {by_decoder:.0%}, two layers: {by_one_layer:.0%}")

# %% [markdown]
# **What to notice**
# - A better decoder alone closes most of the gap between PCA and the deep model: PCA's code
#   stays as it is, and only its linear decoder is replaced by a deep one. In the same way, a
#   trained layer with a sigmoid on PCA's code closes most of the gap between PCA and the
#   two-layer autoencoder.
# - A part of the gap remains. The deep model, whose code was trained together with its decoder,
#   has a clearly lower error than PCA's code with a decoder of the same layers, although each had
#   a peak of its own. (We tried four peaks for the deep model and five for that decoder. What we
#   have not tried is to bring PCA's 32 values, whose spreads differ widely, to one scale before
#   the decoder sees them. It may make the rest of the gap smaller.)
# - How much of the lead we attribute to the decoder depends on which half we exchange first.
#   If we exchange the code first and keep a linear decoder, the error even rises (one seed).
#   Before gain, offset and clipping this had to be so on the training images, since no code of
#   32 values gives a linear decoder a lower error there than PCA's; after them, and on test
#   images, it is what we measured. What an encoder finds is worth something only together with
#   a decoder that can use it.
# - It would be wrong to say that this autoencoder has its low error because its code is so
#   much better than PCA's. (This is about the squared error with 32 values. The map above, of
#   another autoencoder with two values, was judged by another measure: its code told much
#   more about the digit than PCA's.)

# %%
if lesson.on_mnist(images):
    assert 0.8 < by_decoder < 0.92
    assert 0.6 < by_one_layer < 0.9
    assert scheduled_errors.max() < 0.9 * ladder["PCA's", "deep"].min()
    with_linear_decoder = ladder["of the deep model", "linear, gain and offset"]
    assert 1.1 < with_linear_decoder.mean() / of_pca < 1.25

# %% [markdown]
# **Exercise 3.** If the decoder accounts for most of the lead, perhaps the encoder need not be
# deep. Write `lopsided(latent_dim)` in plain Keras: a model from images to images (shape
# `image_shape`) whose encoder is one Dense layer without activation, and whose decoder
# has two hidden layers of 64 and 128 units with ReLU before the pixels. The pixels should
# stay between 0 and 1. It need not be compiled. The cell after the check trains yours, with
# 32 values.
#
# > **Predict.** Where in the table above does it belong, and what would that tell about the
# > encoder?


# %% tags=["exercise"]
def lopsided(latent_dim):
    return None  # your model here


# %% tags=["solution"]
def lopsided(latent_dim):
    return keras.Sequential(
        [
            keras.Input(image_shape),
            layers.Flatten(),
            layers.Dense(latent_dim),
            layers.Dense(64, activation="relu"),
            layers.Dense(128, activation="relu"),
            layers.Dense(n_pixels, activation="sigmoid"),
            layers.Reshape(image_shape),
        ]
    )


# %% tags=["nbval-check-output"]
lesson.check(3, lopsided, lambda build: exercises.check_lopsided(build, image_shape))

# %%
keras.utils.set_random_seed(1)
one_and_three = lopsided(32)
if one_and_three is None:
    print("Write the model first.")
else:
    fit_as_lecture(one_and_three, schedule(5e-3), x_all)
    error = evaluation.mse(x_test, one_and_three.predict(x_test, verbose=0))
    print(f"one layer in the encoder, three in the decoder: test MSE {error:.5f}")

# %% tags=["solution"]
closed = (of_deep_decoder - error) / (of_deep_decoder - of_deep_model)
if lesson.on_mnist(images):
    print(f"of the gap between PCA's code and the deep model, closed: {closed:.0%}")
    assert 0.35 < closed < 0.65

# %% [markdown] tags=["solution"]
# So about half of what was better about the trained code is reached by a single linear layer, if
# it is trained together with a deep decoder (from one seed, at the deep model's peak). Perhaps it
# has learned another projection than PCA's, one that suits this decoder; we have not compared the
# two, and it may only have scaled the values better. The rest may come from the layers of the deep
# encoder, or from the peak, which was not chosen for this model.

# %% [markdown]
# ## The numbers of this lesson
#
# The main errors on the test images, for looking up. At full budget the deep
# models, the two layers with the schedule and the decoders for PCA's code were trained on
# all 60,000 images, the others on 55,000. Where a model was trained from several seeds, the
# table shows the mean and, after the sign ±, the standard deviation.


# %% tags=["numbers"]
test_mse["two layers, schedule"] = shallow_test
test_mse["PCA's code, one layer with a sigmoid"] = ladder[
    "PCA's", "one trained layer, sigmoid"
]
test_mse["PCA's code, deep decoder"] = ladder["PCA's", "deep"]
x_hat = evaluation.pca_reconstruct(pca, x_test, n_components=32, clip=(0, 1))
test_mse["PCA, clipped"] = np.array([evaluation.mse(x_test, x_hat)])
test_mse["2 values: PCA with gain and offset"] = np.array(
    [evaluation.mse(x_test, pca_2(x_test))]
)
test_mse["2 values: autoencoder"] = np.array([test_error(flat)])
in_order = sorted(test_mse, key=lambda name: -test_mse[name].mean())
lesson.Table(
    ("model (32 values, if not said)", "test MSE"),
    [(name, show(test_mse[name])) for name in in_order],
)

# %%
if lesson.on_mnist(images):
    assert scheduled_errors.max() < 0.7 * shallow_test.min()

# %% [markdown]
# ## Open project: share the weights
#
# The decoder of the two-layer model has a matrix of its own, $W_2$. Could it use the
# encoder's matrix instead, transposed: $\hat x = \mathrm{sigmoid}(z\,W_1^\top + b_2)$?
# Such weights are called ***tied***. Write a Keras layer that holds on to the encoder's
# Dense layer and uses its `kernel`, build a tied autoencoder with it, and find out what
# tying costs in error and saves in weights: with 32 values, with 8, with 128, and with
# as many weights as the untied model has. What does a fair comparison keep equal? There
# is no check for this one.

# %% [markdown]
# ## Summary
#
# - An autoencoder learns to return its input through a bottleneck. No label is needed;
#   the code is whatever helps the decoder.
# - An error only means something next to a baseline, next to a rival of the same size
#   that was given the same chance, and on images that the model has not seen.
# - On MNIST, with 32 values, a deep decoder trained on PCA's code closes most of the gap
#   between PCA and the deep model. The deep model's code with a linear decoder closes none of
#   it. So the code and the decoder must be judged together (second part).
# - The same model with another initialisation, or with another learning rate and a schedule,
#   can have a clearly different error. So a result belongs to a model *and* its
#   recipe.
# - In the latent space that we could see, most images of one digit lie together.
#   Between two codes the decoder may still draw something that is no digit.
#
# ### What to remember, in numbers

# %%
lesson.Table(
    ("remember, for 32 values", "test MSE"),
    [
        (name, float(test_mse[name].mean()))
        for name in (
            "average image (baseline)",
            "PCA with gain and offset",
            "two layers, schedule",
            "deep, constant 0.001",
            "PCA's code, deep decoder",
            "deep, schedule, average 0.0025",
        )
    ],
)

# %% [markdown]
# ### Terms
#
# - **autoencoder**: a network that is trained to return its own input.
# - **encoder, decoder**: its first half, from the image to the code, and its second
#   half, from the code to the image.
# - **code**: the values between the two; **latent space**: the space of all codes.
# - **reconstruction**: the image that the decoder draws; **reconstruction loss**: how
#   far it is from the input.
# - **undercomplete**: with fewer values in the code than in the input; **bottleneck**:
#   the narrow place where the code is.
# - **MSE**: mean squared error, over all pixels.
# - **activation**: a function that is applied to each sum of a layer; **ReLU, sigmoid**: two
#   of them; **bias**: a number that a unit adds.
# - **gain and offset**: two numbers by which all pixels are multiplied and shifted.
# - **unsupervised**: learning from data without labels.
# - **training, validation, test images**: to learn from, to compare and choose by, and
#   to measure with in the end.
# - **baseline**: the error of a model that ignores its input, here the average image.
# - **principal components**: directions at right angles in which the images vary most;
#   **projection**: measuring how far an image reaches in each of them; **linear**: made of
#   weighted sums and constants only.
# - **PCA**: principal component analysis, the linear encoder and decoder with the
#   lowest MSE on the training images; **clipped**: with values outside [0, 1] set to
#   the nearer end.
# - **initialiser**: the rule by which the initial random weights are drawn; **Glorot
#   initialisation**: the one that Keras uses for Dense layers.
# - **learning rate, schedule, warm-up**: the size of the steps, how it changes during
#   the training, and its rise in the beginning.
# - **Adam**: a form of gradient descent that adapts the size of the steps to each weight;
#   **batch**: the images of one step; **step**: one change of all weights.
# - **trainable parameters**: all weights and biases; **tied weights**: a decoder that uses the
#   encoder's matrix, transposed.
# - **backend**: the library that does Keras's computing.
# - **Euclidean distance**: the root of the sum of the squared differences.
# - **epoch**: one pass over all training images; **seed**: the number from which random
#   numbers start.
# - **k-nearest-neighbour classifier**: gives an example the class of most of its k
#   nearest neighbours.
# - **least squares**: the weights with the lowest squared error, computed directly.
# - **correlation**: how closely two quantities follow a line together: 1 if they rise
#   together, -1 if one falls as the other rises, 0 without any linear relation.
# - **overfitting**: the training loss keeps falling while the validation loss stalls or
#   rises.
# - **interpolation**: computing the points between two codes, which are then decoded.
#
# ## References
#
# - Y. LeCun, L. Bottou, Y. Bengio and P. Haffner, *Gradient-Based Learning Applied to
#   Document Recognition*, Proceedings of the IEEE 86, 1998. Where MNIST comes from.
# - I. Goodfellow, Y. Bengio and A. Courville, *Deep Learning*, chapter 14, 2016. The
#   textbook chapter on autoencoders, to read next.
# - G. Hinton and R. Salakhutdinov, *Reducing the Dimensionality of Data with Neural
#   Networks*, Science 313, 2006. The paper that made deep autoencoders work; lesson 02
#   compares with its numbers.
# - X. Glorot and Y. Bengio, *Understanding the Difficulty of Training Deep Feedforward
#   Neural Networks*, AISTATS, 2010. Where Keras's initialiser comes from.
# - D. Kingma and J. Ba, *Adam: A Method for Stochastic Optimization*, ICLR 2015,
#   arXiv:1412.6980. The optimiser.
# - I. Loshchilov and F. Hutter, *SGDR: Stochastic Gradient Descent with Warm Restarts*,
#   2017, arXiv:1608.03983. Where the cosine schedule comes from.
