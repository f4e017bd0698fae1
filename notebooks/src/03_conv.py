# %% [markdown]
# # 03 Let the encoder see neighbourhoods
#
# **You will** build an autoencoder that looks at an image through small windows, give it
# an honest bottleneck, and use it to compress digits to a counted number of bits.
#
# **You will learn** to
# - work out a convolution and a transposed convolution by hand;
# - read a cross-entropy against the floor below which no model can get;
# - tell a code that compresses from one that is larger than the image;
# - choose between stride and pooling, transposing and resizing, by numbers;
# - put a price in bits on a code, beside PCA and JPEG.
#
# **You need** lesson 01.
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
from keras import layers, ops

from aelab import evaluation, lesson, models, plots, training

plots.use_style()
images = lesson.start(seed=2)

# %% tags=["budget"]
budget = lesson.budget(
    full=dict(
        n_train=55_000,
        epochs=5,
        batch_size=64,
        lecture_batch_size=128,
        n_trial=15_000,
        trial_epochs=3,
    ),
    quick=dict(
        n_train=5_000,
        epochs=7,
        batch_size=32,
        lecture_batch_size=32,
        n_trial=1_500,
        trial_epochs=6,
    ),
)

# %%
x_train = images.x_train[: budget.n_train]
x_trial = x_train[: budget.n_trial]
x_val, x_test = images.x_val, images.x_test
image_shape = x_train.shape[1:]

# %% [markdown]
# ## One small window, everywhere
#
# A Dense layer has a weight for each pair of a pixel and a unit. It does not know that
# two pixels are neighbours: shuffle all pixels in the same way, and it learns as well as
# before. A *convolution* knows. It has one small window of weights, the *kernel*, and
# slides it over the image. At each place it multiplies and adds:
#
# $$y_{r,c} = \sum_{i=0}^{2} \sum_{j=0}^{2} k_{i,j}\; x_{s r + i,\; s c + j}$$
#
# Here `x` has a border of zeros already: on every side for `s = 1`, and for `s = 2` below
# and to the right (where the number of rows or columns is even). The *stride* `s` says how far the window moves. With `s = 2` the result has
# half the height and half the width. Nine weights do for the whole image, and a stroke is
# found by the same weights wherever it stands. (Mathematicians would turn the kernel by
# half a turn and call ours a *cross-correlation*. Neural networks do not mind.)
#
# > **Predict.** The kernel below is -1 in its left column and +1 in its right column.
# > What will it light up on a digit?


# %%
def border(size, stride):
    """Zeros before and after a row of pixels, so that the last window is whole."""
    n_windows = -(-size // stride)
    missing = (n_windows - 1) * stride + 3 - size
    return missing // 2, missing - missing // 2


def convolve(image, kernel, stride):
    """Slide a 3 x 3 kernel over an image, with a border of zeros where it needs one."""
    height, width = image.shape
    padded = np.pad(image, (border(height, stride), border(width, stride)))
    return np.array(
        [
            [
                np.sum(padded[r : r + 3, c : c + 3] * kernel)
                for c in range(0, width, stride)
            ]
            for r in range(0, height, stride)
        ]
    )


# %%
kernel = np.array([[-1, 0, 1], [-1, 0, 1], [-1, 0, 1]], "float32")
image = x_train[0, ..., 0]
edges = convolve(image, kernel, stride=1)
halved = convolve(image, kernel, stride=2)
print(f"image {image.shape}, stride 1 {edges.shape}, stride 2 {halved.shape}")

# %%
plots.image_rows(
    [np.stack([image, np.clip(edges, 0, 3) / 3, np.clip(-edges, 0, 3) / 3])[..., None]],
    column_names=("image", "brighter to the right", "darker to the right"),
    title="Nine weights find the edges of strokes",
)
plt.show()

# %% [markdown]
# Keras has this as `Conv2D`. We lend it our kernel and get our numbers.

# %%
for stride, by_hand in ((1, edges), (2, halved)):
    layer = layers.Conv2D(1, 3, strides=stride, padding="same", use_bias=False)
    layer.build((None, *image_shape[:2], 1))
    layer.set_weights([kernel[..., None, None]])
    by_keras = ops.convert_to_numpy(layer(image[None, ..., None]))[0, ..., 0]
    assert np.allclose(by_hand, by_keras, atol=1e-5)

# %% [markdown]
# ## The way back: painting with the kernel
#
# The decoder has to go from small to large. A *transposed convolution* runs the same
# wiring backwards. Each value of the small map takes the kernel as a brush and paints it,
# as strongly as it says, at its place in the large image. Where brushes overlap, they
# add up.
#
# It is called transposed because it is. Write the convolution as a matrix `A` on
# flattened images. Then painting is the transposed matrix, and for any image `x` and any
# map `z`
#
# $$\langle A x,\; z \rangle = \langle x,\; A^{\top} z \rangle$$
#
# It is not the inverse: painting what a convolution saw does not bring the image back.


# %%
def paint(small, kernel, shape):
    """Transposed convolution with stride 2: each value paints the kernel."""
    (top, bottom), (left, right) = border(shape[0], 2), border(shape[1], 2)
    large = np.zeros((top + shape[0] + bottom, left + shape[1] + right))
    for r, c in np.ndindex(small.shape):
        large[2 * r : 2 * r + 3, 2 * c : 2 * c + 3] += small[r, c] * kernel
    return large[top : top + shape[0], left : left + shape[1]]


# %%
z = np.random.default_rng(0).normal(size=halved.shape)
in_map = np.sum(halved * z)
in_image = np.sum(image * paint(z, kernel, image.shape))
print(f"<A x, z> = {in_map:.4f}   <x, A' z> = {in_image:.4f}")
assert np.isclose(in_map, in_image)

# %% [markdown]
# ## The lecture's model
#
# Three convolutions: 16 windows with stride 2, 32 with stride 2, 64 with stride 1. The
# image shrinks from 28 x 28 to 7 x 7 while the number of *channels* grows: each window
# gives a map of its own. From the second layer on, a window is 3 x 3 in size and reads all
# channels that come in, so 32 windows on 16 channels have 3 x 3 x 16 x 32 weights, and 32
# biases. The decoder goes back the same way. We write it out once in plain Keras.

# %%
encoder = keras.Sequential(
    [
        keras.Input(image_shape),
        layers.Conv2D(16, 3, strides=2, padding="same", activation="relu"),
        layers.Conv2D(32, 3, strides=2, padding="same", activation="relu"),
        layers.Conv2D(64, 3, padding="same", activation="relu"),
    ]
)
decoder = keras.Sequential(
    [
        keras.Input(encoder.output_shape[1:]),
        layers.Conv2D(32, 3, padding="same", activation="relu"),
        layers.Conv2DTranspose(16, 3, 2, padding="same", activation="relu"),
        layers.Conv2DTranspose(
            image_shape[-1], 3, 2, padding="same", activation="sigmoid"
        ),
    ]
)

# %% tags=["nbval-check-output"]
for layer in encoder.layers + decoder.layers:
    print(f"{layer.output.shape[1:]!s:14} {layer.count_params():7,} weights")

# %% [markdown]
# Compare with lesson 01: its model for a 32-number code has 222,384 weights. This one has
# a fifth of that. And the package builds the same model:

# %%
lecture = models.conv_autoencoder(image_shape, filters=(16, 32, 64))
lecture.set_weights(encoder.get_weights() + decoder.get_weights())
by_hand = ops.convert_to_numpy(decoder(encoder(x_val[:50])))
by_package = lecture.reconstruct(x_val[:50])
if by_hand.shape == by_package.shape:
    assert np.allclose(by_hand, by_package, atol=1e-6)
else:
    print("By hand the images grow too large: see the section Bring your own size.")

# %% [markdown]
# The lecture trains it with the *binary cross-entropy*, pixel by pixel:
#
# $$\mathrm{bce}(x, \hat x) = -\frac{1}{p} \sum_{i=1}^{p} \big( x_i \log \hat x_i +
# (1 - x_i) \log (1 - \hat x_i) \big)$$
#
# For pixels that are 0 or 1 its minimum is 0. Ours are grey, and for a grey pixel even
# the perfect answer costs something: at `x = 0.5` it is `log 2`. So this loss has a
# *floor*, and the floor depends on the images.
#
# > **Predict.** What does a perfect copy of MNIST cost: 0, 0.06, or 0.2 a pixel?


# %%
def bce(x, x_hat):
    """Binary cross-entropy per pixel, in nats."""
    x, x_hat = x.astype("float64"), np.clip(x_hat.astype("float64"), 1e-7, 1 - 1e-7)
    return float(-np.mean(x * np.log(x_hat) + (1 - x) * np.log(1 - x_hat)))


floor = bce(x_test, x_test)
print(f"a perfect copy of the test images: {floor:.4f} nats a pixel")

# %% [markdown]
# The package has it as `evaluation.cross_entropy`.

# %%
assert abs(evaluation.cross_entropy(x_test, x_test) - floor) < 1e-9

# %% [markdown]
# `train` is the recipe of lesson 01, schedule included, with this loss.


# %%
def train(autoencoder, x, epochs, batch_size=budget.batch_size):
    """Train by the binary cross-entropy; return the seconds it took."""
    history = training.train(
        autoencoder,
        x,
        epochs=epochs,
        batch_size=batch_size,
        loss="binary_crossentropy",
    )
    return history.seconds


# %% [markdown]
# As in lesson 01, the lecture's own recipe may have all 60,000 images: it chooses
# nothing. It is Adam at a constant 0.001, batches of 128, five epochs.

# %%
everything = np.concatenate([x_train, x_val]) if lesson.full() else x_trial
lecture = models.conv_autoencoder(image_shape, filters=(16, 32, 64))
lecture.compile(
    keras.optimizers.Adam(1e-3),
    loss="binary_crossentropy",
    **training.fast_settings(),
)
progress = lesson.Progress()
lecture.fit(
    everything,
    epochs=budget.epochs,
    batch_size=budget.lecture_batch_size,
    verbose=0,
    callbacks=[progress],
)
lecture_seconds = progress.seconds

# %%
lecture_bce = evaluation.cross_entropy(x_test, lecture.reconstruct(x_test))
print(
    f"test BCE {lecture_bce:.4f}, floor {floor:.4f}, excess {lecture_bce - floor:.4f}"
)

# %%
plots.image_rows(
    {"test image": x_test[:8], "lecture's\nmodel": lecture.reconstruct(x_test[:8])},
    title=f"Nearly perfect: {lecture_bce - floor:.4f} nats a pixel above the floor",
)
plt.show()

# %% [markdown]
# **What to notice**
# - Hardly any difference can be seen, after five short epochs and with few weights.
# - The code is a map of 7 x 7 x 64 = 3,136 numbers, for 784 pixels. It is four times
#   *larger* than the image. This is the overcomplete code of lesson 02's failure, in a
#   better dress: nothing was compressed.
# - Wrong conclusion: "0.06 is the error". Nearly all of it is the floor. What the model
#   loses is the excess over it.

# %% tags=["nbval-check-output"]
code_size = int(np.prod(lecture.encoder.output_shape[1:]))
print(f"{code_size:,} numbers in the code, {np.prod(image_shape)} pixels")

# %%
assert 0 < lecture_bce - floor < floor

# %% [markdown]
# ## An honest bottleneck
#
# Flatten the map and squeeze it through a Dense layer into 64 numbers. Now the convolution
# has to earn its place: against PCA with 64 components, and against a dense model with
# the same code, the same recipe, and more weights.
#
# One thing is not equal. Dense layers are quick: while the convolutional model sees the
# images once, the dense one sees them three to four times. So it gets three times the
# epochs.
#
# The smooth activation silu replaces relu in both. A relu that is off for every image gets
# no gradient and may never come back. silu has a slope below zero, too. Both models get
# it, so it does not decide between them.
#
# > **Predict.** Rank them: PCA, dense, convolutional.

# %%
pca = evaluation.fit_pca(x_train, 64)
dense = models.dense_autoencoder(
    image_shape, hidden_units=(320, 160), latent_dim=64, activation="silu"
)
dense_seconds = train(dense, x_train, 3 * budget.epochs)

# %%
conv = models.conv_autoencoder(
    image_shape, filters=(16, 32, 64), latent_dim=64, activation="silu"
)
conv_seconds = train(conv, x_train, budget.epochs)

# %%
x_hats = {
    "PCA": evaluation.pca_reconstruct(pca, x_val),
    "dense": dense.reconstruct(x_val),
    "convolutional": conv.reconstruct(x_val),
}
weights = {"dense": dense.count_params(), "convolutional": conv.count_params()}
seconds = {"dense": dense_seconds, "convolutional": conv_seconds}
errors = {name: evaluation.mse(x_val, x_hat) for name, x_hat in x_hats.items()}
lesson.Table(
    ("64 numbers by", "weights", "seconds", "validation MSE"),
    [
        (
            name,
            f"{weights[name]:,}" if name in weights else "-",
            f"{seconds[name]:.0f}" if name in seconds else "-",
            error,
        )
        for name, error in errors.items()
    ],
)

# %%
plots.image_rows(
    {"image": x_val[:8]} | {name: x_hat[:8] for name, x_hat in x_hats.items()},
    title="The same 64 numbers, three ways to spend them",
)
plt.show()

# %% [markdown]
# **What to notice**
# - The convolutional model has the lowest error, with fewer weights and a third of the
#   epochs. Most of its weights sit in the two Dense layers around the code. The
#   convolutions have few weights. Their price is time.
# - This is the fair comparison, since all three have 64 numbers. The lecture's model
#   above has 49 times as many and cannot be put into this table.
# - Wrong conclusion: "convolutions are always better". Look at the seconds: each image
#   costs them more arithmetic, and the dense model stopped with time left over.

# %%
assert weights["convolutional"] < 0.8 * weights["dense"]
assert errors["convolutional"] < min(errors["dense"], errors["PCA"])

# %% [markdown]
# ## Stride or pooling, transposing or resizing
#
# There are other ways to shrink. *Pooling* convolves at full size and then keeps the
# largest (max) or the mean (average) of each 2 x 2 square. And another way to grow: repeat
# every value to a 2 x 2 square (*resize*) and convolve. We change one thing at a time. All
# four models get the same images, epochs and recipe.
#
# > **Predict.** A strided convolution computes a quarter of the outputs, one followed by
# > pooling computes them all. How much more time is that? Does it buy a lower error?


# %%
class Trial(NamedTuple):
    """A model that was trained briefly, the seconds that took, and its error."""

    model: models.Autoencoder
    seconds: float
    error: float


def try_out(downsampling, upsampling):
    """Train a model that shrinks and grows in the given ways: a `Trial`."""
    model = models.conv_autoencoder(
        image_shape,
        latent_dim=64,
        downsampling=downsampling,
        upsampling=upsampling,
        activation="silu",
    )
    spent = train(model, x_trial, budget.trial_epochs, batch_size=32)
    return Trial(model, spent, evaluation.mse(x_val, model.reconstruct(x_val)))


# %%
trials = {
    (down, up): try_out(down, up)
    for down, up in (
        ("stride", "transpose"),
        ("max", "transpose"),
        ("average", "transpose"),
        ("stride", "resize"),
    )
}
lesson.Table(
    ("shrink by", "grow by", "seconds", "validation MSE"),
    [
        (down, up, f"{trial.seconds:.0f}", trial.error)
        for (down, up), trial in trials.items()
    ],
)

# %% [markdown]
# **What to notice**
# - Pooling convolves at full size and pays for it in time. It does not buy a lower error
#   here: the stride learns its own way to shrink.
# - Resizing beats transposing in this short run. It takes a little more time, since it
#   convolves at full size, and it starts without the grid of the next section. This
#   table cannot say which of the two makes the difference.
# - Wrong conclusion: "the lowest number in this table is the best design". Each row is
#   one short run with one seed. Such a table rules out what is much worse, no more.

# %%
strided = trials["stride", "transpose"].error
assert trials["stride", "resize"].error < (1 if lesson.full() else 1.3) * strided
for pooling in ("max", "average"):
    pooled = trials[pooling, "transpose"].error
    assert strided < (1.1 if lesson.full() else 1.3) * pooled

# %% [markdown]
# ## Checkerboards
#
# Transposed convolutions have a known fault. The kernel is 3 wide and moves by 2, so
# brushes overlap at every other pixel and not at the ones between. Even a constant map
# is painted as a grid. We measure it: in each 2 x 2 square, how strong is the pattern
# light-dark-dark-light, as a fraction of all there is to see? Pixels drawn independently
# at random would have a quarter.
#
# $$\mathrm{checker}(x) = \frac{\overline{(x_{00} - x_{01} - x_{10} + x_{11})^2}}
# {16\;\mathrm{var}(x)}$$
#
# > **Predict.** Does training remove the grid?


# %%
def checker(x):
    """Fraction of the 2 x 2 checkerboard pattern in the variance of images."""
    x = x[:, : x.shape[1] // 2 * 2, : x.shape[2] // 2 * 2]
    a, b = x[:, ::2, ::2], x[:, ::2, 1::2]
    c, d = x[:, 1::2, ::2], x[:, 1::2, 1::2]
    return float(np.mean((a - b - c + d) ** 2) / 16 / np.var(x))


# %%
untrained, trained = {}, {}
for upsampling in ("transpose", "resize"):
    fresh = models.conv_autoencoder(
        image_shape, latent_dim=64, upsampling=upsampling, activation="silu"
    )
    untrained[upsampling] = fresh.reconstruct(x_val[:1000])
    trained[upsampling] = trials["stride", upsampling].model.reconstruct(x_val)
grid_untrained = {name: checker(x_hat) for name, x_hat in untrained.items()}
grid_trained = {name: checker(x_hat) for name, x_hat in trained.items()}
print(f"images: {checker(x_val):.2%}")
lesson.Table(
    ("grow by", "untrained", "trained"),
    [
        (name, f"{grid_untrained[name]:.2%}", f"{grid_trained[name]:.2%}")
        for name in untrained
    ],
)


# %%
def contrast(x):
    """Stretch faint images for a look: mean to grey, four deviations to the ends."""
    return 0.5 + (x - x.mean()) / (8 * x.std())


plots.image_rows(
    {name: contrast(x_hat[:8]) for name, x_hat in untrained.items()},
    title="Untrained decoders, contrast stretched: the grid is there before any learning",
)
plt.show()

# %%
plots.image_rows(
    {"image": x_val[:8]} | {name: x_hat[:8] for name, x_hat in trained.items()},
    title="The same decoders, trained: the grid is gone",
)
plt.show()

# %% [markdown]
# **What to notice**
# - Before training, the transposed convolution puts far more of its variance into the
#   grid than resizing does. The grid comes from the wiring, not from the data.
# - Training brings it down, because the loss charges for it. Where a loss does not look
#   at single pixels, it can stay.
# - Both trained models have less of the pattern than the images themselves, whose edges
#   are sharper.

# %%
assert grid_untrained["transpose"] > 2 * grid_untrained["resize"]
assert grid_trained["transpose"] < grid_untrained["transpose"] / 2

# %% [markdown]
# ## What does a code cost in bits?
#
# "64 numbers" is not a size. A number can be stored with many digits or with few. So
# *quantise* it: divide by a step and round. The symbols that come out are stored by an
# *entropy coder*, which gives frequent symbols short codes. A symbol of probability `p`
# costs
#
# $$\mathrm{bits} = -\log_2 p$$
#
# We learn the frequencies from training codes and charge validation codes, so learning
# them by heart does not help. No file is written: an ideal entropy coder comes within a
# hair of this count. A coarser step costs fewer bits and more error: that is a curve, not a
# number. PCA codes get the same treatment. JPEG writes real files. So that its header does
# not count against each small image, all images go into one large picture.
#
# > **Predict.** At a third of a bit a pixel, which has the lowest error?


# %%
class Curve(NamedTuple):
    """What codes of growing size cost, in bits a pixel, and the MSE that is left."""

    bits: list
    errors: list


def rate_distortion(z_train, z, decode):
    """The curve of a quantised code, over a range of steps."""
    bits, errors = [], []
    for step in z_train.std() * np.array([2, 1.4, 1, 0.7, 0.5, 0.35, 0.25, 0.12]):
        symbols = evaluation.quantise(z, step)
        learned = evaluation.quantise(z_train, step)
        cost = evaluation.code_bits(learned, symbols).mean()
        x_hat = decode((symbols * step).astype("float32"))
        bits.append(cost / np.prod(image_shape))
        errors.append(evaluation.mse(x_val, x_hat))
    return Curve(bits, errors)


def jpeg_curve(qualities=(1, 3, 5, 8, 12, 20, 35)):
    """The curve of JPEG, over a range of qualities."""
    bits, errors = [], []
    for quality in qualities:
        x_hat, cost = evaluation.jpeg(x_val, quality)
        bits.append(cost / np.prod(image_shape))
        errors.append(evaluation.mse(x_val, x_hat))
    return Curve(bits, errors)


# %%
def from_pca(z):
    """Images of PCA codes."""
    return pca.inverse_transform(z).reshape(-1, *image_shape)


flat_train, flat_val = x_train.reshape(len(x_train), -1), x_val.reshape(len(x_val), -1)
curves = {
    "convolutional, 64": rate_distortion(
        conv.encode(x_train), conv.encode(x_val), conv.decode
    ),
    "PCA, 64": rate_distortion(
        pca.transform(flat_train), pca.transform(flat_val), from_pca
    ),
}

# %%
is_grey = image_shape[-1] == 1
if is_grey:
    curves["JPEG"] = jpeg_curve()
else:
    print("JPEG is left out: our count of its bits is for grey images.")
plots.curves(
    None,
    curves,
    xlabel="rate (bits / pixel)",
    ylabel="validation MSE (per pixel)",
    title="A learned code wins where bits are few",
    log="xy",
)
plt.show()

# %% [markdown]
# **What to notice**
# - A curve is better the further it lies to the lower left. At low rates the learned
#   code is far ahead of JPEG: JPEG has to serve every photograph there is, our code
#   only such images as these.
# - Both 64-number codes run into a wall. More bits for each number do not help when 64
#   numbers are all there are. JPEG has no such wall and passes them at high rates.
# - A few bits for each number are enough: the flat part begins where the rounding
#   error sinks below the error of the model itself.
# - Not counted: the decoder's own weights. They pay off for thousands of images, not
#   for one.


# %%
def error_at(curve, rate):
    """MSE of a curve at a rate in bits a pixel, read off between its points."""
    order = np.argsort(curve.bits)
    return np.interp(rate, np.array(curve.bits)[order], np.array(curve.errors)[order])


# %%
lowest_rate = min(curves["JPEG" if is_grey else "PCA, 64"].bits)
at_lowest = {name: error_at(curve, lowest_rate) for name, curve in curves.items()}
print(f"errors at the lowest rate, {lowest_rate:.2f} bits a pixel:")
print("  ".join(f"{name}: {error:.4f}" for name, error in at_lowest.items()))

# %%
assert at_lowest["convolutional, 64"] < at_lowest["PCA, 64"]
if is_grey:
    assert at_lowest["convolutional, 64"] < at_lowest["JPEG"]
    assert min(curves["JPEG"].errors) < min(curves["convolutional, 64"].errors)

# %% [markdown]
# ## Bring your own size
#
# Halving 27 gives 14, and doubling 14 gives 28: a row too many. `conv_autoencoder` keeps
# count on the way down and crops on the way up.

# %% tags=["nbval-check-output"]
rng = np.random.default_rng(0)
for shape in ((27, 27, 1), (45, 33, 1), (32, 32, 3)):
    some = rng.random((2, *shape), dtype="float32")
    model = models.conv_autoencoder(shape, filters=(8, 16, 16))
    code, out = model.encode(some).shape[1:], model.reconstruct(some).shape[1:]
    print(f"in {shape}, code {code}, out {out}")
    assert out == shape

# %% [markdown]
# ## A failure on purpose: move the image a little
#
# Convolutions treat all places alike. So a digit that is shifted by three pixels should
# be no harder than before. Move the validation images to the right and measure.
#
# > **Predict.** Three models: dense with 64 numbers, convolutional with 64 numbers, and
# > the lecture's, whose code is a map. Which of them notice the shift?


# %%
def shift(x, pixels):
    """Move images to the right; black comes in from the left."""
    moved = np.zeros_like(x)
    moved[:, :, pixels:] = x[:, :, : x.shape[2] - pixels]
    return moved


# %%
shifts = [0, 1, 2, 3, 4, 5]
by_shift = {
    name: [
        evaluation.mse(shift(x_val, pixels), model.reconstruct(shift(x_val, pixels)))
        for pixels in shifts
    ]
    for name, model in {
        "dense, 64": dense,
        "convolutional, 64": conv,
        "convolutional, map": lecture,
    }.items()
}

# %%
plots.curves(
    shifts,
    by_shift,
    xlabel="shift to the right (pixels)",
    ylabel="validation MSE (per pixel)",
    title="A vector code is tied to the place, a map is not",
)
plt.show()

# %% [markdown]
# **What to notice**
# - The map code hardly notices: it moves along with the image, exactly so for every 4
#   pixels, the product of the strides. (It also has 49 times as many numbers.) Both vector
#   codes suffer, the dense one more. The Dense layer around the code has a weight for each
#   place, and those to the right were seldom used in training.
# - Wrong conclusion: "convolutions make a model blind to shifts". They make the *map*
#   move with the image. What reads the map decides what happens next.
#
# The repair is in the data: show the model shifted images.

# %%
rng = np.random.default_rng(1)
moves = rng.integers(0, 6, size=len(x_trial))
x_moved = np.concatenate([shift(x_trial[moves == k], k) for k in shifts])
repaired = models.conv_autoencoder(image_shape, latent_dim=64, activation="silu")
train(repaired, x_moved, 2 * budget.trial_epochs, batch_size=32)

# %%
moved_val = shift(x_val, shifts[-1])
repaired_error = evaluation.mse(moved_val, repaired.reconstruct(moved_val))
unmoved = {name: errors_of[0] for name, errors_of in by_shift.items()}
moved = {name: errors_of[-1] for name, errors_of in by_shift.items()}
print(
    f"{shifts[-1]} pixels off: {moved['convolutional, 64']:.4f} before, "
    f"{repaired_error:.4f} after training on shifted images"
)

# %% [markdown]
# Less than half of the error is left. It stays above the unshifted one: the model now has
# more kinds of image to fit into the same 64 numbers, and was trained for less time.

# %%
assert moved["convolutional, map"] < moved["convolutional, 64"] / 2
assert moved["convolutional, 64"] < moved["dense, 64"]
assert repaired_error < 0.8 * moved["convolutional, 64"]

# %% [markdown]
# ## The numbers of this lesson
#
# The last column, SSIM, measures structure instead of pixels and is 1 for equal images.
# Lesson 04 explains it.


# %%
class Result(NamedTuple):
    """A row of the table: what a model has, took and reached."""

    code: int
    weights: str
    seconds: str
    mse: float
    bce: float
    ssim: float


def measured(code, x_hat, weights="-", seconds="-"):
    """The row of images that a method of this code size draws for the test images."""
    return Result(
        code,
        weights,
        seconds,
        mse=evaluation.mse(x_test, x_hat),
        bce=evaluation.cross_entropy(x_test, np.clip(x_hat, 0, 1)),
        ssim=evaluation.ssim(x_test, x_hat).mean(),
    )


results = {
    "average image": measured(0, x_train.mean(axis=0)),
    "PCA": measured(64, evaluation.pca_reconstruct(pca, x_test)),
}
for name, code, model, spent in (
    ("dense", 64, dense, dense_seconds),
    ("convolutional", 64, conv, conv_seconds),
    ("lecture's", code_size, lecture, lecture_seconds),
):
    results[name] = measured(
        code,
        model.reconstruct(x_test),
        weights=f"{model.count_params():,}",
        seconds=f"{spent:.0f}",
    )

# %% tags=["numbers"]
lesson.Table(
    ("model", "code", "weights", "seconds", "test MSE", "test BCE", "SSIM"),
    [
        (
            name,
            f"{row.code:,}",
            row.weights,
            row.seconds,
            row.mse,
            row.bce,
            f"{row.ssim:.3f}",
        )
        for name, row in results.items()
    ],
)

# %%
test_mse = {name: row.mse for name, row in results.items()}
assert test_mse["convolutional"] < min(test_mse["dense"], test_mse["PCA"])
if lesson.on_mnist(images):
    assert lecture_bce <= 0.0650
    assert abs(floor - 0.0581) < 0.0001

# %% [markdown]
# ## Exercises
#
# Each has a stub that runs, and a check that says whether you are there. The solutions
# are in `solutions/03_conv.ipynb`.
#
# **1 (work out).** A convolution with 3 x 3 kernels reads 32 channels and writes 64. How
# many weights does it have, biases included? Does the size of the image matter?

# %% tags=["exercise"]
n_weights = None  # your number here

# %% tags=["solution"]
n_weights = 3 * 3 * 32 * 64 + 64

# %% tags=["nbval-check-output"]
lesson.check(
    1, n_weights, lambda n: n == 18_496, "One kernel for each pair of channels."
)

# %% [markdown]
# **2 (write five lines).** How many pixels of a row can one value of the code map see? Each
# layer adds `(kernel - 1)` steps, and a step is as long as the product of all strides
# before it. Write `receptive_field(convolutions)` for a list of pairs `(kernel, stride)`.
# For the lecture's encoder, `[(3, 2), (3, 2), (3, 1)]`, it is 15.

# %% tags=["exercise"]
receptive_field = None  # a function of a list of pairs


# %% tags=["solution"]
def receptive_field(convolutions):
    """Pixels of a row that one output of a stack of convolutions depends on."""
    seen, step = 1, 1
    for kernel, stride in convolutions:
        seen += (kernel - 1) * step
        step *= stride
    return seen


# %% tags=["nbval-check-output"]
lesson.check(
    2,
    receptive_field,
    lambda f: (f([(3, 2), (3, 2), (3, 1)]), f([(5, 1)]), f([(3, 1)] * 3)) == (15, 5, 7),
    "Try f([(3, 1), (3, 1)]) by hand: it is 5.",
)

# %% [markdown]
# **3 (build).** A code map need not be overcomplete. Build and train `narrow`, a
# `conv_autoencoder` without `latent_dim` whose code has fewer numbers than the image has
# pixels, and which beats PCA with 64 components on the validation images. Which entry of
# `filters` sets the size of the code?

# %% tags=["exercise"]
narrow = None  # a trained model

# %% tags=["solution"]
narrow = models.conv_autoencoder(image_shape, filters=(16, 32, 8), activation="silu")
train(narrow, x_train[:15_000], budget.epochs, batch_size=32)
print(narrow.encoder.output_shape, evaluation.mse(x_val, narrow.reconstruct(x_val)))


# %% tags=["nbval-check-output"]
def is_narrow(model):
    small = np.prod(model.encoder.output_shape[1:]) < np.prod(image_shape)
    return small and evaluation.mse(x_val, model.reconstruct(x_val)) < errors["PCA"]


lesson.check(3, narrow, is_narrow, "Print model.encoder.output_shape and the error.")

# %% [markdown]
# ## Summary
#
# - A convolution shares one window of weights among all places. Its transpose paints with
#   the same window.
# - Read a loss against its floor, and a code against the size of its image.
# - At equal code size the convolutional model beats the dense one with fewer weights.
# - Bits, not numbers, are the size of a code. A learned code is strong where bits are few
#   and the images are of the kind that it has learned.
#
# ## What to remember, in numbers

# %%
growth = {name: moved[name] / unmoved[name] for name in moved}
lesson.Table(
    ("remember", "number"),
    [
        ("cross-entropy of a perfect copy", floor),
        ("test BCE of the lecture's model, 3,136 numbers", lecture_bce),
        ("test MSE of PCA, 64 numbers", test_mse["PCA"]),
        ("dense, 64 numbers", test_mse["dense"]),
        ("convolutional, 64 numbers", test_mse["convolutional"]),
        ("error at 5 pixels over error at 0, dense", f"{growth['dense, 64']:.0f}"),
        ("the same, code map", f"{growth['convolutional, map']:.1f}"),
    ],
)

# %% [markdown]
# ## References
#
# - V. Dumoulin and F. Visin, *A Guide to Convolution Arithmetic for Deep Learning*, 2016,
#   arXiv:1603.07285. Every case of stride and padding, drawn.
# - A. Odena, V. Dumoulin and C. Olah, *Deconvolution and Checkerboard Artifacts*, Distill,
#   2016. Where the grid comes from, and resizing as the cure.
# - J. Masci and others, *Stacked Convolutional Auto-Encoders for Hierarchical Feature
#   Extraction*, ICANN 2011. An early one, with max pooling.
# - J. Ballé, V. Laparra and E. Simoncelli, *End-to-End Optimized Image Compression*, 2017,
#   arXiv:1611.01704. Learning the code and its price in bits together.
# - G. Wallace, *The JPEG Still Picture Compression Standard*, IEEE Transactions on Consumer
#   Electronics 38, 1992. What the other curve does.
# - T. Cover and J. Thomas, *Elements of Information Theory*, 2nd edition, 2006, chapter 5.
#   Why a symbol costs the logarithm of its probability.
