# %% [markdown]
# # 02 Let the encoder see neighbourhoods
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

os.environ.setdefault("KERAS_BACKEND", "tensorflow")  # or "jax", or "torch"

import keras
import matplotlib.pyplot as plt
import numpy as np
from keras import layers, ops

from aelab import compression, evaluation, lesson, models, plots, training

plots.use_style()
images, full = lesson.start(seed=2)

# %% tags=["budget"]
n_train, epochs, n_trial, trial_epochs, batch_size = (
    (55_000, 5, 15_000, 3, 64) if full else (5_000, 6, 1_500, 6, 32)
)

# %%
x_train, x_val, x_test = images.x_train[:n_train], images.x_val, images.x_test
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
# Here `x` has a border of zeros already: on every side for `s = 1`, below and to the right
# for `s = 2`. The *stride* `s` says how far the window moves. With `s = 2` the result has
# half the height and half the width. Nine weights do for the whole image, and a stroke is
# found by the same weights wherever it stands. (Mathematicians would turn the kernel by
# half a turn and call ours a *cross-correlation*. Neural networks do not mind.)
#
# > **Predict.** The kernel below is -1 in its left column and +1 in its right column.
# > What will it light up on a digit?


# %%
def convolve(image, kernel, stride):
    """Slide a 3 x 3 kernel over an image, with a border of zeros where it needs one."""
    padded = np.pad(image, (0, 1) if stride == 2 else 1)
    rows, columns = (range(0, size, stride) for size in image.shape)
    return np.array(
        [[np.sum(padded[r : r + 3, c : c + 3] * kernel) for c in columns] for r in rows]
    )


# %%
kernel = np.array([[-1, 0, 1], [-1, 0, 1], [-1, 0, 1]], "float32")
image = x_train[0, ..., 0]
edges = convolve(image, kernel, stride=1)
halved = convolve(image, kernel, stride=2)
print(f"image {image.shape}, stride 1 {edges.shape}, stride 2 {halved.shape}")

# %%
plots.reconstructions(
    np.stack([image, np.clip(edges, 0, 3) / 3, np.clip(-edges, 0, 3) / 3])[..., None],
    row_names=("",),
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
def paint(small, kernel):
    """Transposed convolution with stride 2: each value paints the kernel."""
    large = np.zeros((2 * small.shape[0] + 1, 2 * small.shape[1] + 1))
    for r, c in np.ndindex(small.shape):
        large[2 * r : 2 * r + 3, 2 * c : 2 * c + 3] += small[r, c] * kernel
    return large[:-1, :-1]


# %%
z = np.random.default_rng(0).normal(size=halved.shape)
left, right = np.sum(halved * z), np.sum(image * paint(z, kernel))
print(f"<A x, z> = {left:.4f}   <x, A' z> = {right:.4f}")
assert np.isclose(left, right)

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
        layers.Conv2DTranspose(1, 3, 2, padding="same", activation="sigmoid"),
    ]
)

# %% tags=["nbval-check-output"]
for layer in (*encoder.layers, *decoder.layers):
    print(f"{layer.output.shape[1:]!s:14} {layer.count_params():7,} weights")

# %% [markdown]
# Compare with lesson 01: its model for a 32-number code has 222,384 weights. This one has
# a fifth of that. And the package builds the same model:

# %%
lecture = models.conv_autoencoder(image_shape, filters=(16, 32, 64))
lecture.set_weights(encoder.get_weights() + decoder.get_weights())
by_hand = ops.convert_to_numpy(decoder(encoder(x_val[:50])))
assert np.allclose(lecture.reconstruct(x_val[:50]), by_hand, atol=1e-6)

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
# `train` keeps to the lecture's recipe when it is given a constant rate. Without one it
# takes the schedule of lesson 01.


# %%
def train(autoencoder, x, epochs, batch_size=batch_size, rate=None):
    """Train by the binary cross-entropy; return the seconds it took."""
    rate = rate or training.warmup_cosine(3e-3, len(x), batch_size, epochs)
    autoencoder.compile(
        keras.optimizers.Adam(rate),
        loss="binary_crossentropy",
        **training.fast_settings(),
    )
    progress, how = lesson.Progress(), {"batch_size": batch_size, "epochs": epochs}
    autoencoder.fit(x, verbose=0, callbacks=[progress], **how)
    return progress.seconds


# %% [markdown]
# As in lesson 01, the lecture's own recipe may have all 60,000 images: it chooses
# nothing. It is Adam at 0.001, batches of 128, five epochs.

# %%
everything = np.concatenate([x_train, x_val]) if full else x_train[:n_trial]
lecture = models.conv_autoencoder(image_shape, filters=(16, 32, 64))
lecture_batch = 128 if full else batch_size
lecture_seconds = train(lecture, everything, epochs, lecture_batch, rate=1e-3)
lecture_bce = bce(x_test, lecture.reconstruct(x_test))
print(
    f"test BCE {lecture_bce:.4f}, floor {floor:.4f}, excess {lecture_bce - floor:.4f}"
)

# %%
plots.reconstructions(
    *(x_test[:8], lecture.reconstruct(x_test[:8])),
    row_names=("test image", "lecture's\nmodel"),
    title=f"Nearly perfect: {lecture_bce - floor:.4f} nats a pixel above the floor",
)
plt.show()

# %% [markdown]
# **What to notice**
# - Hardly any difference can be seen, after five short epochs and with few weights.
# - The code is a map of 7 x 7 x 64 = 3,136 numbers, for 784 pixels. It is four times
#   *larger* than the image. This is the overcomplete code of lesson 01's failure, in a
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
dense_seconds = train(dense, x_train, 3 * epochs)

# %%
conv = models.conv_autoencoder(
    image_shape, filters=(16, 32, 64), latent_dim=64, activation="silu"
)
conv_seconds = train(conv, x_train, epochs)

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
    [("PCA", "-", "-", errors["PCA"])]
    + [(n, f"{weights[n]:,}", f"{seconds[n]:.0f}", errors[n]) for n in weights],
)

# %%
plots.reconstructions(
    *(x_val[:8], *(x_hat[:8] for x_hat in x_hats.values())),
    row_names=("image", *x_hats),
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
trial, trials, x_trial = {}, [], x_train[:n_trial]
pairs = [(how, "transpose") for how in ("stride", "max", "average")]
for down, up in (*pairs, ("stride", "resize")):
    how = {"downsampling": down, "upsampling": up, "activation": "silu"}
    model = models.conv_autoencoder(image_shape, latent_dim=64, **how)
    spent = train(model, x_trial, trial_epochs, batch_size=32)
    trial[down, up] = model, evaluation.mse(x_val, model.reconstruct(x_val))
    trials.append((down, up, f"{spent:.0f}", trial[down, up][1]))
lesson.Table(("shrink by", "grow by", "seconds", "validation MSE"), trials)

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
trial_errors = {pair: error for pair, (_, error) in trial.items()}
ratio = trial_errors["stride", "resize"] / trial_errors["stride", "transpose"]
assert ratio < (1 if full else 1.3)
for pooling in ("max", "average"):
    pooled = trial_errors[pooling, "transpose"]
    assert trial_errors["stride", "transpose"] < (1.1 if full else 1.3) * pooled

# %% [markdown]
# ## Checkerboards
#
# Transposed convolutions have a known fault. The kernel is 3 wide and moves by 2, so
# brushes overlap at every other pixel and not at the ones between. Even a constant map
# is painted as a grid. We measure it: in each 2 x 2 square, how strong is the pattern
# light-dark-dark-light, as a share of all there is to see? Pixels drawn independently at
# random would have a quarter.
#
# $$\mathrm{checker}(x) = \frac{\overline{(x_{00} - x_{01} - x_{10} + x_{11})^2}}
# {16\;\mathrm{var}(x)}$$
#
# > **Predict.** Does training remove the grid?


# %%
def checker(x):
    """Share of the 2 x 2 checkerboard pattern in the variance of images."""
    a, b = x[:, ::2, ::2], x[:, ::2, 1::2]
    c, d = x[:, 1::2, ::2], x[:, 1::2, 1::2]
    return float(np.mean((a - b - c + d) ** 2) / 16 / np.var(x))


# %%
shares, untrained, redrawn = {"images": checker(x_val)}, {}, {}
for upsampling in ("transpose", "resize"):
    how = {"upsampling": upsampling, "activation": "silu"}
    fresh = models.conv_autoencoder(image_shape, latent_dim=64, **how)
    untrained[upsampling] = fresh.reconstruct(x_val[:1000])
    shares[upsampling, "untrained"] = checker(untrained[upsampling])
    redrawn[upsampling] = trial["stride", upsampling][0].reconstruct(x_val)
    shares[upsampling, "trained"] = checker(redrawn[upsampling])
for name, share in shares.items():
    print(f"{share:7.2%}  {name if isinstance(name, str) else ', '.join(name)}")


# %%
def contrast(x):
    """Stretch faint images for a look: mean to grey, four deviations to the ends."""
    return 0.5 + (x - x.mean()) / (8 * x.std())


plots.reconstructions(
    *(contrast(untrained["transpose"][:8]), contrast(untrained["resize"][:8])),
    row_names=("transpose", "resize"),
    title="Untrained decoders, contrast stretched: the grid is there before any learning",
)
plt.show()

# %%
plots.reconstructions(
    *(x_val[:8], redrawn["transpose"][:8], redrawn["resize"][:8]),
    row_names=("image", "transpose", "resize"),
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
assert shares["transpose", "untrained"] > 2 * shares["resize", "untrained"]
assert shares["transpose", "trained"] < shares["transpose", "untrained"] / 2

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
def rate_distortion(z_train, z, decode):
    """Bits a pixel and MSE of a quantised code, over a range of steps."""
    bits, errors = [], []
    for step in z_train.std() * np.array([2, 1.4, 1, 0.7, 0.5, 0.35, 0.25, 0.12]):
        symbols = compression.quantise(z, step)
        learned = compression.quantise(z_train, step)
        cost = compression.code_bits(learned, symbols).mean()
        x_hat = decode((symbols * step).astype("float32"))
        bits.append(cost / np.prod(image_shape))
        errors.append(evaluation.mse(x_val, x_hat))
    return bits, errors


# %%
def from_pca(z):
    """Images of PCA codes."""
    return pca.inverse_transform(z).reshape(-1, *image_shape)


flat_train, flat_val = (x.reshape(len(x), -1) for x in (x_train, x_val))
curves = {
    "convolutional, 64": rate_distortion(
        conv.encode(x_train), conv.encode(x_val), conv.decode
    ),
    "PCA, 64": rate_distortion(
        pca.transform(flat_train), pca.transform(flat_val), from_pca
    ),
}

# %%
by_jpeg = [compression.jpeg(x_val, quality) for quality in (1, 3, 5, 8, 12, 20, 35)]
curves["JPEG"] = (
    [bits / np.prod(image_shape) for _, bits in by_jpeg],
    [evaluation.mse(x_val, x_hat) for x_hat, _ in by_jpeg],
)
plots.rate_distortion(curves, title="A learned code wins where bits are few")
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
def error_at(name, rate):
    """MSE of a curve at a rate in bits a pixel, read off between its points."""
    bits, errors = (
        np.array(values)[np.argsort(curves[name][0])] for values in curves[name]
    )
    return float(np.interp(rate, bits, errors))


# %%
smallest = curves["JPEG"][0][0]
at_smallest = {name: error_at(name, smallest) for name in curves}
print(f"errors at JPEG's lowest rate, {smallest:.2f} bits a pixel:")
print("  ".join(f"{name}: {error:.4f}" for name, error in at_smallest.items()))
assert at_smallest["convolutional, 64"] < at_smallest["JPEG"]
assert at_smallest["convolutional, 64"] < at_smallest["PCA, 64"]
assert curves["JPEG"][1][-1] < min(curves["convolutional, 64"][1])

# %% [markdown]
# ## Bring your own size
#
# Halving 27 gives 14, and doubling 14 gives 28: a row too many. `conv_autoencoder` keeps
# count on the way down and cuts on the way up.

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
shifts = range(6)
by_shift = {
    name: [
        evaluation.mse(shift(x_val, pixels), model.reconstruct(shift(x_val, pixels)))
        for pixels in shifts
    ]
    for name, model in (
        ("dense, 64", dense),
        ("convolutional, 64", conv),
        ("convolutional, map", lecture),
    )
}

# %%
ax = plots.error_curves(
    list(shifts),
    by_shift,
    title="A vector code is tied to the place, a map is not",
    xlabel="shift to the right (pixels)",
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
train(repaired, x_moved, 2 * trial_epochs, batch_size=32)
moved_val = shift(x_val, 5)
repaired_error = evaluation.mse(moved_val, repaired.reconstruct(moved_val))
print(f"5 pixels off: {by_shift['convolutional, 64'][5]:.4f} before, ", end="")
print(f"{repaired_error:.4f} after training on shifted images")

# %% [markdown]
# Less than half of the error is left. It stays above the unshifted one: the model now has
# more kinds of image to fit into the same 64 numbers, and was trained for less time.

# %%
growth = {name: errors[5] / errors[0] for name, errors in by_shift.items()}
assert by_shift["convolutional, map"][5] < by_shift["convolutional, 64"][5] / 2
assert by_shift["convolutional, 64"][5] < by_shift["dense, 64"][5]
assert repaired_error < 0.8 * by_shift["convolutional, 64"][5]

# %% [markdown]
# ## The numbers of this lesson
#
# The last column, SSIM, measures structure instead of pixels and is 1 for equal images.
# Lesson 03 explains it.

# %%
average = np.broadcast_to(x_train.mean(axis=0), x_test.shape)
kept = {
    "average image": (0, 0, None, average),
    "PCA": (64, 0, None, evaluation.pca_reconstruct(pca, x_test)),
    "dense": (64, dense.count_params(), dense_seconds, dense.reconstruct(x_test)),
    "convolutional": (64, conv.count_params(), conv_seconds, conv.reconstruct(x_test)),
}
x_hat = lecture.reconstruct(x_test)
kept["lecture's"] = (code_size, lecture.count_params(), lecture_seconds, x_hat)

# %% tags=["numbers"]
test_mse = {name: evaluation.mse(x_test, row[3]) for name, row in kept.items()}
lesson.Table(
    ("model", "code", "weights", "seconds", "test MSE", "test BCE", "SSIM"),
    [
        (
            *(name, f"{code:,}", f"{count:,}" if count else "-"),
            *(f"{seconds:.0f}" if seconds else "-", test_mse[name]),
            *(bce(x_test, x_hat), f"{evaluation.ssim(x_test, x_hat).mean():.3f}"),
        )
        for name, (code, count, seconds, x_hat) in kept.items()
    ],
)

# %%
assert test_mse["convolutional"] < min(test_mse["dense"], test_mse["PCA"])
if full and images.name == "mnist":
    assert lecture_bce <= 0.0650
    assert abs(floor - 0.0581) < 0.0001

# %% [markdown]
# ## Exercises
#
# Each has a stub that runs, and a check that says whether you are there. The solutions
# are in `solutions/02_conv.ipynb`.
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
narrow_seconds = train(narrow, x_train[:15_000], epochs, batch_size=32)
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
