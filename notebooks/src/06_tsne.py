# %% [markdown]
# # 06 Look at a code, and doubt what you see
#
# **You will** draw maps of codes that have 64 numbers an image, put a number beside each
# map, and sort digits into classes without being told the classes.
#
# **You will learn** to
# - draw a map by PCA and by t-SNE, and say what t-SNE minimises;
# - measure a map: trustworthiness, neighbour overlap, accuracy of the neighbours;
# - name what a map does not show, each with an experiment;
# - cluster codes, score clusters, search by code, and place a new image on an old map;
# - say which of the codes of lessons 01 to 05 is good for what.
#
# **You need** lessons 01 to 05.
#
# **Time** 60 minutes to read. All cells together take {{minutes}} minutes on two CPU
# cores; on a GPU they have not been timed yet.

# %% [markdown]
# ## Setup

# %% tags=["setup"]
import os
import time

os.environ.setdefault("KERAS_BACKEND", "tensorflow")  # or "jax", or "torch"

import keras
import matplotlib.pyplot as plt
import numpy as np
from scipy import optimize, spatial
from sklearn import cluster, manifold, mixture

from aelab import (
    corruption,
    evaluation,
    glyphs,
    layers,
    lesson,
    models,
    plots,
    training,
)

plots.use_style()
images, full = lesson.start(seed=6)

# %% tags=["budget"]
n_train, epochs, long_epochs, n_letters, letter_epochs, n_map, n_digits, batch_size = (
    (55_000, 5, 8, 12_000, 12, 1_500, 5_000, 128)
    if full
    else (2_500, 4, 8, 2_000, 8, 300, 600, 64)
)

# %%
x_train, x_test, y_test = images.x_train[:n_train], images.x_test, images.y_test
image_shape, real = x_train.shape[1:], full and images.name == "mnist"

# %% [markdown]
# ## A code that nobody can look at
#
# We draw letters, as in lesson 05, but all 26 of them, and train the convolutional
# autoencoder of lesson 02 with a code of 64 units. It is never told which letter it sees.
# Each held-out letter is then a point in a space of 64 dimensions.


# %%
def train(model, x, epochs, loss="mse", peak=2e-3):
    """Train with warm-up and cosine."""
    rate = training.warmup_cosine(peak, len(x), batch_size, epochs)
    optimizer = keras.optimizers.Adam(rate, clipnorm=1.0)
    model.compile(optimizer, loss=loss, **training.fast_settings())
    how = {"batch_size": batch_size, "epochs": epochs, "verbose": 0}
    model.fit(x, callbacks=[lesson.Progress()], **how)


# %%
alphabet = list(glyphs.CHARACTERS[:26])
letters = glyphs.draw(n_letters + n_map, seed=2, characters="".join(alphabet))
seen, held_out = letters.images[:n_letters], letters.images[n_letters:]
y_letters = letters.labels[n_letters:]
reader = models.conv_autoencoder(seen.shape[1:], (16, 32, 64), 64)
z_untrained = reader.encode(held_out)
train(reader, seen, letter_epochs)
z_letters = reader.encode(held_out)

# %% [markdown]
# To look at it, we need two dimensions. The simplest map is the one of lesson 01: the first
# two principal components, of the pixels or of the codes.
#
# > **Predict.** 26 letters, two dimensions. Will letters of one kind lie together? In both
# > maps?


# %%
def pca_map(z):
    """The first two principal components."""
    return evaluation.fit_pca(z, 2).transform(z.reshape(len(z), -1))


letter_maps = {
    "pixels, PCA": (held_out, pca_map(held_out)),
    "codes, PCA": (z_letters, pca_map(z_letters)),
}


# %%
def side_by_side(maps, labels, names, columns=2, height=4):
    """Maps beside one another, each under its name."""
    n_rows = -(-len(maps) // columns)
    axes = plt.subplots(n_rows, columns, figsize=(8, height * n_rows))[1]
    for ax, (name, points) in zip(axes.flat, maps.items(), strict=True):
        plots.latent_scatter(points, labels, names, name, ax=ax)
        for text in ax.texts:
            text.set_fontsize(10 if columns == 2 else 7)


side_by_side(
    {f"{name}: letters overlap": m for name, (_, m) in letter_maps.items()},
    *(y_letters, alphabet),
)
plt.show()

# %% [markdown]
# ## A number for a map
#
# A map is good if what is near in the code is near on the map. So we take the `k` = 10
# nearest neighbours of each point, in both, and count how many are the same:
#
# $$\mathrm{overlap} = \frac{1}{nk} \sum_i
# \big| N_k^{\mathrm{code}}(i) \cap N_k^{\mathrm{map}}(i) \big|$$
#
# By chance it is $k / (n - 1)$.


# %%
def overlap(z, points, k=10):
    """Share of the k nearest neighbours that a map keeps, by brute force."""
    kept = 0
    for i in range(len(z)):
        near = []
        for space in (z, points):
            distance = np.sum((space - space[i]) ** 2, axis=1)
            distance[i] = np.inf
            near.append(set(np.argsort(distance)[:k]))
        kept += len(near[0] & near[1])
    return kept / (len(z) * k)


# %%
some, some_map = z_letters[:200].astype("float64"), letter_maps["codes, PCA"][1][:200]
packaged = evaluation.neighbour_overlap(some, some_map)
assert np.isclose(packaged, overlap(some, some_map))

# %% [markdown]
# Two more numbers stand beside it. *Trustworthiness* looks at the false friends: points that
# are among the 10 nearest on the map and not in the code. Each costs by how far down the
# code's list it really stands. It is 1 without any, and about 0.5 by chance. And the
# *neighbours' accuracy*: let the 10 nearest on the map vote on the class. It uses labels, but
# only to score. The first two judge a map against the space that it shows, each against its own.


# %%
def judge(z, points, labels):
    """Trustworthiness, neighbour overlap, and accuracy of the neighbours, at 10."""
    flat = z.reshape(len(z), -1)
    return (
        float(manifold.trustworthiness(flat, points, n_neighbors=10)),
        evaluation.neighbour_overlap(flat, points),
        evaluation.neighbour_accuracy(points, labels),
    )


columns = ("map of", "trustworthiness", "overlap", "neighbours' accuracy")
by_chance = ("chance", 0.5, 10 / (n_map - 1), 1 / len(alphabet))
letter_scores = {
    name: judge(z, points, y_letters) for name, (z, points) in letter_maps.items()
}
rows = [by_chance, *((name, *row) for name, row in letter_scores.items())]
lesson.Table(columns, rows, digits=3)

# %% [markdown]
# Two components keep few of the neighbours, and these hardly tell the letter. PCA keeps what
# varies most, whatever that is, and its map is flat: it cannot unfold anything.
#
# ## t-SNE: keep the neighbours, give up the rest
#
# t-SNE turns distances into chances. In the code, `i` picks `j` as its neighbour with a
# chance that falls like a Gaussian:
#
# $$p_{j|i} \propto e^{-\lVert z_i - z_j \rVert^2 / 2\sigma_i^2}, \qquad
# p_{ij} = \frac{p_{j|i} + p_{i|j}}{2n}$$
#
# The width $\sigma_i$ is chosen for each point, so that it has the same number of
# neighbours, in effect, everywhere: the *perplexity*, $e^{\mathrm{entropy}}$ of $p_{\cdot|i}$.

# %% [markdown]
# On the map the chances fall more slowly, with the heavy tail of a Student t distribution,
# so that what is only moderately near may move apart:
#
# $$q_{ij} \propto \frac{1}{1 + \lVert y_i - y_j \rVert^2}, \qquad
# \mathrm{loss} = \mathrm{KL}(P \,\|\, Q) = \sum_{ij} p_{ij} \log \frac{p_{ij}}{q_{ij}}$$
#
# The points $y_i$ themselves are what is trained. There is no network.
#
# > **Predict.** A pair with a large $p_{ij}$ far apart on the map, or a pair with a small
# > $p_{ij}$ close together: which costs more?


# %%
def affinities(z, perplexity):
    """P: for each pair the chance to be neighbours, the widths found by bisection."""
    squares = spatial.distance.cdist(z, z, "sqeuclidean")
    low, high = np.full((len(z), 1), 1e-9), np.full((len(z), 1), 1e9)
    for _ in range(100):
        middle = np.sqrt(low * high)  # 1 / (2 sigma^2)
        p = np.exp(-middle * squares) * (1 - np.eye(len(z)))
        p /= p.sum(axis=1, keepdims=True) + 1e-300
        entropy = -(p * np.log(p + 1e-300)).sum(axis=1, keepdims=True)
        too_wide = np.exp(entropy) > perplexity
        low, high = np.where(too_wide, middle, low), np.where(too_wide, high, middle)
    return (p + p.T) / (2 * len(z))


def map_loss(p, points):
    """KL(P || Q) of a map."""
    q = 1 / (1 + spatial.distance.cdist(points, points, "sqeuclidean"))
    q *= 1 - np.eye(len(points))
    q /= q.sum()
    return float((p * np.log((p + 1e-300) / (q + 1e-300))).sum())


# %%
exact = manifold.TSNE(perplexity=20, method="exact", init="pca", random_state=6).fit(
    some
)
p = affinities(some, 20)
flat_loss = min(map_loss(p, scale * some_map) for scale in np.logspace(-3, 2, 30))
print(f"loss of the trained map {map_loss(p, exact.embedding_):.3f}", end=", ")
print(f"scikit-learn says {exact.kl_divergence_:.3f}")
print(f"loss of the PCA map, at its best scale, {flat_loss:.3f}")

# %% [markdown]
# The first kind costs more: a large $p$ meets a small $q$. So neighbours are kept together.
# A false friend is cheap. That is why we measure trustworthiness.

# %%
assert abs(map_loss(p, exact.embedding_) / exact.kl_divergence_ - 1) < 0.02
assert map_loss(p, exact.embedding_) < flat_loss


# %%
def tsne(z, perplexity=30, seed=6, init="pca"):
    """A map by t-SNE."""
    settings = {"perplexity": perplexity, "random_state": seed, "init": init}
    return manifold.TSNE(**settings).fit_transform(z.reshape(len(z), -1))


letter_maps |= {
    "pixels, t-SNE": (held_out, tsne(held_out)),
    "untrained codes, t-SNE": (z_untrained, tsne(z_untrained)),
    "codes, t-SNE": (z_letters, tsne(z_letters)),
}
for name in ("pixels, t-SNE", "untrained codes, t-SNE", "codes, t-SNE"):
    letter_scores[name] = judge(*letter_maps[name], y_letters)

# %%
side_by_side(
    {
        f"{name}: neighbours right for {letter_scores[name][2]:.0%}": letter_maps[name][
            1
        ]
        for name in ("pixels, t-SNE", "codes, t-SNE")
    },
    *(y_letters, alphabet),
)
plt.show()

# %%
rows = [by_chance, *((name, *row) for name, row in letter_scores.items())]
in_code = {"pixels themselves": held_out, "codes themselves": z_letters}
rows += [
    (name, "1", "1", evaluation.neighbour_accuracy(z, y_letters))
    for name, z in in_code.items()
]
lesson.Table(columns, rows, digits=3)

# %% [markdown]
# **What to notice**
# - t-SNE keeps several times as many neighbours as PCA, and letters of one kind now lie
#   together, in one piece or in a few.
# - The map is not the code. The last rows ask the neighbours in all dimensions.
# - Wrong conclusion: "the network has understood letters, look at the islands". The map of
#   raw pixels has islands, too. What training added stands in the last column, between the
#   rows of pixels, untrained codes and codes.

# %%
for space in ("pixels", "codes"):
    flat, unfolded = (letter_scores[f"{space}, {how}"] for how in ("PCA", "t-SNE"))
    assert all(new > old for old, new in zip(flat, unfolded, strict=True))
if full:
    trained_map = letter_scores["codes, t-SNE"]
    assert trained_map[2] > letter_scores["pixels, t-SNE"][2] + 0.05
    assert trained_map[2] > letter_scores["untrained codes, t-SNE"][2] + 0.05

# %%
plots.image_scatter(
    *(letter_maps["codes, t-SNE"][1], held_out),
    title="The same map with the letters on it: neighbours look alike",
    n_cells=22,
)
plt.show()

# %% [markdown]
# ## A failure on purpose: clusters in pure noise
#
# Here are 500 points with nothing to find: each of 50 coordinates is an independent normal
# number. One map has perplexity 2, the other 30.
#
# To say "clumped" with a number, we take the mean distance to the nearest point, over what
# it would be for points scattered evenly over the same area. 1 is even, less is clumped.
#
# > **Predict.** What will the two maps look like?


# %%
def evenness(points):
    """Mean distance to the nearest point, over that of evenly scattered points."""
    distance = spatial.KDTree(points).query(points, k=2)[0][:, 1]
    density = len(points) / spatial.ConvexHull(points).volume
    return float(distance.mean() * 2 * np.sqrt(density))


noise = np.random.default_rng(0).normal(size=(500, 50)).astype("float32")
noise_maps = {f"perplexity {p}": tsne(noise, p) for p in (2, 30)}
even = {name: evenness(points) for name, points in noise_maps.items()}

# %%
side_by_side(
    {f"{name}: evenness {even[name]:.2f}": m for name, m in noise_maps.items()},
    *(np.zeros(500, int), [""]),
    height=3.5,
)
plt.show()

# %% [markdown]
# With a perplexity of 2, each point is told to have two neighbours and to care for nobody
# else. So it gets its two, and they clump. The clumps are made by the setting. Before you
# believe in an island, raise the perplexity, and look whether it stays. If it goes, that
# proves little: a high perplexity merges small islands that are real.

# %%
assert even["perplexity 2"] < even["perplexity 30"] - 0.1

# %% [markdown]
# ## What else a map does not show
#
# Three experiments with clusters that we make ourselves in 50 dimensions, so that we know
# the truth:
# - *distances*: three clusters on a line, the second gap 10 times the first;
# - *sizes*: two clusters, one 10 times as wide as the other;
# - *numbers*: two clusters equally wide, one with 10 times as many points.
#
# > **Predict.** The three ratios on the map: 10, 10 and 1?


# %%
def made_clusters(centres, widths, sizes):
    """Points around places on a line in 50 dimensions, and who belongs where."""
    rng = np.random.default_rng(1)
    parts = [rng.normal(0, w, (n, 50)) for w, n in zip(widths, sizes, strict=True)]
    for part, place in zip(parts, centres, strict=True):
        part[:, 0] += place
    return np.concatenate(parts), np.repeat(range(len(sizes)), sizes)


def centre(x, member, i):
    return x[member == i].mean(axis=0)


def width(x, member, i):
    """Root mean square distance from the middle of cluster i."""
    from_centre = x[member == i] - centre(x, member, i)
    return np.sqrt((from_centre**2).sum(axis=1).mean())


def gaps(x, member):
    """The second gap between three clusters, over the first."""
    a, b, c = (centre(x, member, i) for i in range(3))
    return np.linalg.norm(c - b) / np.linalg.norm(b - a)


def widths(x, member):
    """How wide the second cluster is, over the first."""
    return width(x, member, 1) / width(x, member, 0)


# %%
hidden = {
    "gap between clusters": (gaps, made_clusters((0, 30, 330), (1, 1, 1), [100] * 3)),
    "width of a cluster": (widths, made_clusters((0, 100), (1, 10), (100, 100))),
    "width, ten times the points": (widths, made_clusters((0, 30), (1, 1), (40, 400))),
}
ratios = {
    name: (float(measure(x, member)), float(measure(tsne(x, 20), member)))
    for name, (measure, (x, member)) in hidden.items()
}
lesson.Table(
    ("ratio", "in truth", "on the map"), [(n, *r) for n, r in ratios.items()], digits=1
)

# %% [markdown]
# **What to notice**
# - The gap that is ten times as wide looks much like the other. Far is far: beyond the
#   neighbours nothing pulls.
# - The wide cluster shrinks, since $\sigma_i$ adapts to it. Where points are many, the map
#   makes room, however close they are in truth.
# - So from a map read who is near to whom. Do not read distances between islands, nor their
#   sizes, nor the density.

# %%
assert ratios["gap between clusters"][1] < 4 < 9 < ratios["gap between clusters"][0]
assert ratios["width of a cluster"][1] < 3 < 9 < ratios["width of a cluster"][0]
assert ratios["width, ten times the points"][1] > 1.5

# %% [markdown]
# ## One map has many versions
#
# One code of letters, and four perplexities; then three seeds, each from two starts: from
# the PCA map, and from random places.
#
# > **Predict.** Which changes the picture more: the seed or the start?

# %%
by_perplexity = {p: tsne(z_letters, p) for p in (2, 5, 30, 100)}
perplexity_scores = {
    p: judge(z_letters, m, y_letters) for p, m in by_perplexity.items()
}

# %%
side_by_side(
    {f"perplexity {p}": m for p, m in by_perplexity.items()},
    *(y_letters, alphabet),
    columns=4,
    height=2.3,
)
plt.show()

# %%
rows = [(f"perplexity {p}", *row) for p, row in perplexity_scores.items()]
rows.insert(0, ("PCA", *letter_scores["codes, PCA"]))
lesson.Table(columns, rows, digits=3)

# %%
starts = {
    (start, seed): tsne(z_letters, 30, seed, start)
    for start in ("pca", "random")
    for seed in (1, 2, 3)
}
side_by_side(
    {f"{start}, seed {seed}": m for (start, seed), m in starts.items()},
    *(y_letters, alphabet),
    columns=3,
    height=2.6,
)
plt.show()

# %%
start_scores = {run: judge(z_letters, m, y_letters) for run, m in starts.items()}
rows = [(f"{start}, seed {seed}", *r) for (start, seed), r in start_scores.items()]
lesson.Table(columns, rows, digits=3)

# %% [markdown]
# How alike are two maps? *Procrustes* turns, mirrors and scales one until it fits the other
# best, and gives the share of variance that remains. And the overlap of neighbours can be
# taken between two maps, too.


# %%
def agreement(maps):
    """Procrustes' rest and neighbour overlap, averaged over pairs of maps."""
    pairs = [(a, b) for i, a in enumerate(maps) for b in maps[:i]]
    rest = [spatial.procrustes(a, b)[2] for a, b in pairs]
    return np.mean(rest), np.mean([evaluation.neighbour_overlap(*p) for p in pairs])


# %%
alike = {
    start: tuple(map(float, agreement([starts[start, seed] for seed in (1, 2, 3)])))
    for start in ("pca", "random")
}
alike["one of each"] = tuple(
    map(float, agreement([starts["pca", 1], starts["random", 1]]))
)
alike_columns = ("start", "what Procrustes leaves", "neighbours in common")
lesson.Table(
    alike_columns,
    [(name, *row) for name, row in alike.items()],
    digits=3,
)

# %% [markdown]
# **What to notice**
# - The start decides. From the PCA map all seeds give one and the same map. From random
#   places the islands come again, but lie elsewhere: where an island lies is an accident.
# - Most neighbours stay in common, even where the picture looks new. They are what t-SNE
#   keeps. So all these maps are about equally good, by all three numbers.
# - At perplexity 2 the map crumbles, and keeps fewer neighbours. From 5 to 100 trust and
#   overlap change less than the look.

# %%
assert alike["pca"][0] < alike["random"][0]
assert alike["random"][1] > (0.5 if full else 0.3)
crumbled, whole = (np.array(perplexity_scores[p][:2]) for p in (2, 30))
assert np.all(crumbled < whole)
spreads = np.ptp(list(start_scores.values()), axis=0)
assert spreads[0] < 0.03
assert spreads.max() < (0.1 if full else 0.2)

# %% [markdown]
# ## Digits: the codes of lessons 01 to 05
#
# Now five models on the digits, one from each lesson, with a code of 32 units where it makes
# sense. Beside them, as always, what needs no training of a network: pixels, PCA, and the
# encoder of lesson 01 as it starts.


# %%
def dense(size=32, **options):
    keras.utils.set_random_seed(6)
    return models.dense_autoencoder(image_shape, (512, 256), size, **options)


def sparse(units=1000, k=70):
    """Lesson 04's best: one layer, the k strongest units stay, half the pixels hidden."""
    base = models.dense_autoencoder(
        *(image_shape, (), units), latent_activation="relu", output_activation="linear"
    )
    encoder = keras.Sequential([*base.encoder.layers, layers.TopK(k)])
    return models.Autoencoder(encoder, base.decoder, corruption.MaskPixels(0.5))


untrained = dense()
trained = {
    "01 dense": dense(),
    "02 convolutional": models.conv_autoencoder(image_shape, (16, 32, 64), 32),
    "03 denoising": dense(corruption=corruption.MaskPixels(0.5)),
    "04 k-sparse, denoising": sparse(),
    "05 variational": models.dense_vae(image_shape, (512, 256), 32),
}

# %%
for name, model in trained.items():
    train(model, x_train, epochs, loss=None if "05" in name else "mse")


# %%
def encode(model, x):
    """The code of each image; of a VAE its mean."""
    z = model.encode(x)
    return z[0] if isinstance(model, models.VariationalAutoencoder) else z


pca = evaluation.fit_pca(x_train, 32)


def components(x, n):
    return pca.transform(x.reshape(len(x), -1))[:, :n]


encoders = {
    "pixels": lambda x: x,
    "PCA, 32": lambda x: components(x, 32),
    "PCA, 10": lambda x: components(x, 10),
    "untrained": untrained.encode,
}
encoders |= {n: lambda x, m=model: encode(m, x) for n, model in trained.items()}
codes = {name: encoder(images.x_val) for name, encoder in encoders.items()}

# %% [markdown]
# And their maps, with the numbers beside them. The images are validation images.

# %%
names, y_val = images.class_names, images.y_val
digit_maps = {n: tsne(codes[n][:n_map]) for n in ("pixels", "01 dense")}
side_by_side({f"{n}, t-SNE": m for n, m in digit_maps.items()}, *(y_val[:n_map], names))
plt.show()

# %%
digit_maps = {f"{n}, t-SNE": (codes[n][:n_map], m) for n, m in digit_maps.items()}
few = codes["01 dense"][:n_map]
digit_maps["01 dense, PCA"] = (few, pca_map(few))
digit_scores = {n: judge(z, m, y_val[:n_map]) for n, (z, m) in digit_maps.items()}
rows = [(name, *row) for name, row in digit_scores.items()]
rows += [
    (
        f"{n} themselves",
        "1",
        "1",
        evaluation.neighbour_accuracy(z[:n_map], y_val[:n_map]),
    )
    for n, z in codes.items()
    if n in ("pixels", "01 dense")
]
lesson.Table(columns, rows, digits=3)

# %% [markdown]
# On digits the raw pixels come closer to the learned code than they did on letters. One
# reason may be that MNIST's digits are centred and of one size, and the letters were not.

# %%
flat, unfolded = (digit_scores[f"01 dense, {how}"] for how in ("PCA", "t-SNE"))
assert all(new > old for old, new in zip(flat, unfolded, strict=True))

# %% [markdown]
# ## Clusters, without labels
#
# Enough looking. Can a program find the ten digits, if nobody tells it which is which?
# *k-means* puts ten centres so that the images are near to theirs: the sum of squared
# distances, its *inertia*, is small. It ends in a different place from each start, so we
# take the best of ten by inertia. No label is used.
#
# For the score, clusters have to be matched to digits, one to one, with as many hits as can
# be. Then accuracy can be counted. *ARI* and *NMI* need no matching.
#
# > **Predict.** The accuracy of k-means on raw pixels? Guessing has 0.1.


# %%
def by_k_means(z, seed=6):
    """As many clusters as classes: the best of ten starts, by inertia."""
    flat = z.reshape(len(z), -1)
    return cluster.KMeans(len(names), n_init=10, random_state=seed).fit_predict(flat)


def matched_accuracy(labels, clusters):
    """Share of hits, if clusters are matched to labels as well as can be."""
    counts = np.zeros((len(names), len(names)), int)
    np.add.at(counts, (clusters, labels), 1)
    matched = optimize.linear_sum_assignment(counts, maximize=True)
    return counts[matched].sum() / len(labels)


# %%
found = {name: by_k_means(z) for name, z in codes.items()}
agreements = {n: evaluation.cluster_agreement(y_val, c) for n, c in found.items()}
for name, c in found.items():
    by_hand = matched_accuracy(y_val, c)
    assert np.isclose(agreements[name]["accuracy"], by_hand)

# %%
cluster_columns = ("clusters by k-means on", "accuracy", "ARI", "NMI")
rows = [(name, *agreed.values()) for name, agreed in agreements.items()]
lesson.Table(cluster_columns, rows, digits=3)

# %% [markdown]
# What are these clusters, if not the digits? The average image of each tells, and under
# which label most of its images go:


# %%
def show_clusters(name, title):
    """The average image of each cluster, with its most frequent label."""
    groups = [found[name] == c for c in range(min(10, len(names)))]
    labels = [np.bincount(y_val[group], minlength=len(names)) for group in groups]
    heads = [f"{names[n.argmax()]}: {n.max() / n.sum():.0%}" for n in labels]
    averages = np.stack([images.x_val[group].mean(axis=0) for group in groups])
    plots.reconstructions(averages, row_names=(name,), title=title, column_names=heads)
    plt.show()
    return [int(n.argmax()) for n in labels]


heads = show_clusters(
    "01 dense", "Clusters of a plain code: some are digits, some slants"
)

# %% [markdown]
# **What to notice**
# - Learning to reconstruct does not do much for clusters. A code has to hold slant, stroke
#   and place, for the decoder needs them, and k-means counts them like everything else.
# - So a 1 that leans and one that stands have a cluster each, and other digits share one.

# %%
if real:
    assert heads.count(1) == 2
    assert max(row["accuracy"] for row in agreements.values()) < 0.75

# %% [markdown]
# ## Teach it what to forget
#
# In lesson 03 a model learned to give back the image without its noise. The same can be done
# with other damage. Move the image at random: turn it, lean it, scale it, shift it. And ask
# for the digit as it stood before. How it stood, the moved image does not tell. So there is
# no use for slant, size and place in the code.
#
# We give it 10 numbers and a few more epochs. For a fair comparison a second model gets the
# same, but no moves.
#
# > **Predict.** What will the moves do to the reconstruction? And to k-means?

# %%
moves = corruption.RandomAffine(1.0)
plots.reconstructions(
    *(images.x_val[:10], *(moves.apply(images.x_val[:10], seed) for seed in (1, 2))),
    row_names=("image", "moved", "moved\nagain"),
    title="One digit, many ways to put it down",
)
plt.show()

# %%
trained |= {"not moved": dense(10), "moved": dense(10, corruption=moves)}
for name in ("not moved", "moved"):
    train(trained[name], x_train, long_epochs)
    encoders[name] = trained[name].encode
    codes[name] = encoders[name](images.x_val)
    found[name] = by_k_means(codes[name])
    agreements[name] = evaluation.cluster_agreement(y_val, found[name])

# %%
plots.reconstructions(
    images.x_val[:10],
    *(trained[name].reconstruct(images.x_val[:10]) for name in ("not moved", "moved")),
    row_names=("image", "not moved", "moved"),
    title="Ten numbers: what is not worth keeping comes back as an average",
)
plt.show()

# %%
shown = ("pixels", "01 dense", "not moved", "moved")
rows = [(name, *agreements[name].values()) for name in shown]
lesson.Table(cluster_columns, rows, digits=3)

# %%
heads = show_clusters("moved", "Clusters of the code that forgets: digits")

# %% [markdown]
# Its pictures are poor, and its clusters are the best. A code is good *for something*. Ten
# numbers help by themselves, since there is less room for how a digit was written. The moves
# do the rest. That a leaning digit is the same digit was our knowledge, put in by hand.
# Stroke and style stay in the code: nobody changed those.
#
# Training and clustering used no labels. But how far to move, and the ten units, were chosen
# by labels of validation images. So the method is not entirely without labels.

# %%
if full:
    assert agreements["moved"]["accuracy"] > agreements["pixels"]["accuracy"]
if real:
    rival = max(row["accuracy"] for n, row in agreements.items() if n != "moved")
    assert agreements["moved"]["accuracy"] > rival + 0.05

# %% [markdown]
# ## Now the test images: search
#
# Everything is decided, so the test images come out. First a search: give an image, get the
# ten nearest. *Precision at 10* is the share of the ten that show the same digit, averaged
# over all test images as queries. What is wrong gets a red frame.
#
# > **Predict.** Pixels, 32 principal components, or the ten numbers that forget: which finds
# > the most?

# %%
test_codes = {name: encoder(x_test) for name, encoder in encoders.items()}
nearest = {n: evaluation.nearest(test_codes[n]) for n in ("pixels", "PCA, 32", "moved")}
queries = np.random.default_rng(3).choice(len(x_test), 5, replace=False)
right = {n: y_test[near] == y_test[:, None] for n, near in nearest.items()}


# %%
def show_search(name, what):
    """Five queries and their ten nearest, in one space."""
    plots.retrieval(
        *(x_test[queries], x_test[nearest[name][queries]], right[name][queries]),
        title=f"Nearest by {what}: precision at 10 is {right[name].mean():.3f}",
    )
    plt.show()


show_search("pixels", "pixels")

# %%
show_search("PCA, 32", "32 principal components")

# %%
show_search("moved", "the code of ten numbers that forgets")

# %% [markdown]
# **What to notice**
# - All three are good, pixels included: of ten neighbours nine are right. With 784 numbers
#   an image, pixels are the slowest to search.
# - By the code that forgets, a slanted digit finds upright ones. It still finds strokes of
#   its own thickness: that was not among the moves.

# %%
precision = evaluation.retrieval_precision(test_codes["moved"], y_test)
assert np.isclose(right["moved"].mean(), precision)
if real:
    assert precision > right["pixels"].mean() + 0.01

# %% [markdown]
# ## Which code is the best?
#
# All of them, one table, the same test images: what is lost in the picture, what a linear
# probe reads (trained on `n_digits` codes), whether neighbours are of one kind, and whether
# clusters are classes.
#
# > **Predict.** Will one code win all four columns?

# %%
probed = {n: e(x_train[:n_digits]) for n, e in encoders.items()}
kinds = images.y_train[: len(probed["pixels"])]


def worth(name):
    """Numbers in the code, probe, precision at 10, accuracy of clusters."""
    z = test_codes[name]
    agreed = evaluation.cluster_agreement(y_test, by_k_means(z))
    return (
        str(z[0].size),
        evaluation.linear_probe(probed[name], kinds, z, y_test),
        evaluation.retrieval_precision(z, y_test),
        agreed["accuracy"],
    )


table = {name: worth(name) for name in encoders}

# %%
errors = {n: evaluation.mse(x_test, m.reconstruct(x_test)) for n, m in trained.items()}
for n in (32, 10):
    by_pca = evaluation.pca_reconstruct(pca, x_test, n)
    errors[f"PCA, {n}"] = evaluation.mse(x_test, by_pca)
average = np.broadcast_to(x_train.mean(axis=0), x_test.shape)
floor = evaluation.mse(x_test, average)

# %%
rows = [
    (n, size, f"{errors[n]:.4f}" if n in errors else "-", *numbers)
    for n, (size, *numbers) in table.items()
]

# %% tags=["numbers"]
rows.insert(0, ("average image", "0", f"{floor:.4f}", "-", "-", "-"))
what = ("code", "numbers", "MSE", "probe", "precision at 10", "k-means")
lesson.Table(what, rows, digits=3)

# %% [markdown]
# **What to notice**
# - No code wins every column. Of lessons 01 to 05 the convolutional one draws best and finds
#   best, the sparse one is read best by a probe, and the variational one has the best
#   clusters.
# - The two that saw half of the pixels in training draw whole images too bright. Their error
#   says little about their codes.
# - Pixels and PCA are strong among neighbours: a hard baseline. By clusters they are weak.
# - Wrong conclusion: "the last row is the best code". For telling digits apart it is hard to
#   beat. To draw them, ten numbers that had nothing to forget are far better.

# %%
if real:
    assert errors["moved"] > 1.3 * errors["not moved"]
    learned = {
        n: row[1:] for n, row in table.items() if n[:2] in ("01", "02", "03", "05")
    }
    assert max(learned, key=lambda n: learned[n][1]) == "02 convolutional"
    assert table["moved"][3] == max(row[3] for row in table.values())
    assert table["moved"][3] >= 0.80

# %% [markdown]
# ## Clusters through the map
#
# t-SNE pulls neighbours together and opens gaps between. So a map can be easier to cluster
# than the code that it shows. Ten Gaussian clouds, a *mixture*, are fitted to the map, and
# the best of ten starts is taken by likelihood. That this helps was seen on validation
# images. Along the way we look at the clock.
#
# > **Predict.** t-SNE looks at pairs. Twice the points: how much longer?

# %%
z_test, map_seconds = test_codes["moved"], {}
for n in (n_digits // 5, 2 * n_digits // 5, n_digits):
    began = time.perf_counter()
    final_map = tsne(z_test[:n])
    map_seconds[n] = time.perf_counter() - began

# %%
rows = [(str(n), spent) for n, spent in map_seconds.items()]
lesson.Table(("points", "seconds for a map"), rows, digits=1)

# %% [markdown]
# Distant points are lumped together (Barnes and Hut), and pairs need not be gone through one
# by one. So the time grows faster than the number of points, but not with its square.


# %%
def by_mixture(z):
    """As many Gaussian clouds as classes: the best of ten starts, by likelihood."""
    clouds = mixture.GaussianMixture(len(names), n_init=10, random_state=6)
    return clouds.fit_predict(z)


# %%
y_final, spaces = y_test[:n_digits], {"code": z_test[:n_digits], "map": final_map}
four = {
    f"{name} on the {where}": evaluation.cluster_agreement(y_final, method(space))
    for name, method in (("k-means", by_k_means), ("mixture", by_mixture))
    for where, space in spaces.items()
}

# %%
through_map = four["mixture on the map"]["accuracy"]
plots.latent_scatter(
    *(final_map, y_final, names),
    title=f"Test images: a mixture on this map is right for {through_map:.1%}",
)
plt.show()

# %%
final_scores = judge(z_test[:n_digits], final_map, y_final)
lesson.Table(columns, [("test digits, moved", *final_scores)], digits=3)

# %%
rows = [(name, *agreed.values()) for name, agreed in four.items()]
lesson.Table(("clusters", "accuracy", "ARI", "NMI"), rows, digits=3)

# %% [markdown]
# Both methods gain by the map, whose islands are round and far apart. So a map may be used
# to find clusters, as long as a number says how good they are.
#
# And why is k-means on the code so much worse here than in the table before? It sees fewer
# images, and it is touchy. Here are ten runs from one start each, best inertia first:

# %%
ends = [
    cluster.KMeans(len(names), n_init=1, random_state=seed).fit(spaces["code"])
    for seed in range(10)
]
ends.sort(key=lambda end: end.inertia_)

# %%
rows = [
    (
        f"{end.inertia_ / ends[0].inertia_:.3f}",
        evaluation.cluster_agreement(y_final, end.labels_)["accuracy"],
    )
    for end in ends
]
lesson.Table(("inertia, over the best", "accuracy"), rows, digits=3)

# %% [markdown]
# Ends that are next to each other by inertia lie far apart by accuracy, and ten other starts
# may well miss the best of these. So say how many starts there were. And do not let the
# labels choose among them, or the score is no longer that of a method without labels.

# %%
if real:
    assert np.ptp([accuracy for _, accuracy in rows]) > 0.05
    for how in ("k-means", "mixture"):
        on_code, on_map = (four[f"{how} on the {w}"]["accuracy"] for w in spaces)
        assert on_code < on_map
    assert through_map >= 0.90

# %% [markdown]
# ## A new image on an old map
#
# Tomorrow another digit comes in. Where does it go? t-SNE has trained points, not a
# function, so there is nothing to apply. A simple way: find its five nearest neighbours by
# code, and put it in the middle of their places on the map.
#
# Two tests. A map is drawn of four fifths of the points, and the others are placed on it: do
# their neighbours there tell the right class? And some points of the map itself are placed
# anew: how far from their true places? That is the best case, for they had a say in the map.


# %%
def place(z_new, z_known, points, k=5):
    """The mean of the places of the k nearest known codes."""
    return points[evaluation.nearest(z_known, k, queries=z_new)].mean(axis=1)


cut = n_digits * 4 // 5
z_known, z_new = z_test[:cut], z_test[cut:n_digits]
known = tsne(z_known)
placed = place(z_new, z_known, known)


# %%
def right_by_vote(space, queries):
    """Share of new points whose ten nearest known ones have their class in majority."""
    votes = y_final[:cut][evaluation.nearest(space, 10, queries=queries)]
    return float(np.mean([np.bincount(v).argmax() for v in votes] == y_final[cut:]))


again = np.arange(cut) % 5 == 0
replaced = place(z_known[again], z_known[~again], known[~again])


def misplaced(points):
    """Median distance to the true places, as a share of the map's width."""
    distance = np.linalg.norm(points - known[again], axis=1)
    return float(np.median(distance) / np.ptp(known, axis=0).mean())


# %%
middle = known.mean(axis=0)
off = {"placed": misplaced(replaced), "middle": misplaced(middle)}
right_class = {
    "placed": right_by_vote(known, placed),
    "middle": right_by_vote(known, np.tile(middle, (len(z_new), 1))),
    "code": right_by_vote(z_known, z_new),
}

# %%
rows = [
    ("in the middle of the map", f"{off['middle']:.3f}", right_class["middle"]),
    ("among its neighbours", f"{off['placed']:.3f}", right_class["placed"]),
    ("not at all: by the code", "-", right_class["code"]),
]
lesson.Table(("placed", "off by (share of width)", "right by vote"), rows, digits=3)

# %% [markdown]
# Half of the points land within a small share of the width, and their new neighbours are
# right nearly as often as those in the code. What it cannot do is to open a new island for a
# digit of a kind never seen. openTSNE and umap-learn are packages with a `transform` of
# their own for this; the course does without them.

# %%
assert off["placed"] < 0.5 * off["middle"]
assert right_class["middle"] < right_class["placed"]
assert right_class["placed"] > right_class["code"] - (0.1 if full else 0.2)

# %% [markdown]
# ## Exercises
#
# Each has a stub that runs, and a check that says whether you are there. The solutions
# are in `solutions/06_tsne.ipynb`.
#
# **1 (work out).** A point picks its neighbours with chances 1/2, 1/4 and 1/4. What is the
# perplexity?

# %% tags=["exercise"]
perplexity = None  # your number here

# %% tags=["solution"]
perplexity = 2 ** (0.5 * 1 + 0.25 * 2 + 0.25 * 2)

# %% tags=["nbval-check-output"]
lesson.check(
    1,
    perplexity,
    lambda p: abs(p - 8**0.5) < 1e-3,
    "Entropy first; then its exponential.",
)

# %% [markdown]
# **2 (write a line or two).** *Purity* lets each cluster take its most frequent label, even
# one that another cluster has taken. Write `purity(labels, clusters)`. Then think: what is
# the purity of as many clusters as images?

# %% tags=["exercise"]
purity = None  # a function of two arrays of whole numbers


# %% tags=["solution"]
def purity(labels, clusters):
    """Share of images that have the most frequent label of their cluster."""
    frequent = [np.bincount(labels[clusters == c]).max() for c in np.unique(clusters)]
    return sum(frequent) / len(labels)


# %% tags=["nbval-check-output"]
def is_purity(function):
    labels, clusters = np.array([0, 0, 1, 1, 1, 2]), np.array([5, 5, 5, 3, 3, 3])
    alone = function(labels, np.arange(6))
    return abs(function(labels, clusters) - 4 / 6) < 1e-9 and alone == 1


lesson.check(
    2, purity, is_purity, "np.bincount counts labels; np.unique lists clusters."
)

# %% [markdown]
# **3 (build).** Train `searcher` on `x_train[:15_000]`, with a code of 16 numbers whose
# precision at 10 on validation images is above that of 16 principal components.

# %% tags=["exercise"]
searcher = None  # a trained model

# %% tags=["solution"]
searcher = models.dense_autoencoder(
    image_shape, (512, 256), 16, corruption=corruption.RandomAffine(0.5)
)
train(searcher, x_train[:15_000], 2 * long_epochs)


# %% tags=["nbval-check-output"]
def finds_more(model):
    z = encode(model, images.x_val)
    rival = evaluation.retrieval_precision(components(images.x_val, 16), y_val)
    return z.shape[1] == 16 and evaluation.retrieval_precision(z, y_val) > rival


lesson.check(3, searcher, finds_more, "What should a code forget, to find digits?")

# %% [markdown]
# ## Summary
#
# - PCA's map is flat: it draws no two points farther apart than they are, and many nearer.
#   t-SNE's keeps neighbours and little else.
# - A map needs a number: trustworthiness, overlap, and for classes the neighbours' accuracy.
# - Islands can come from the perplexity, their places from the start, their sizes from the
#   method.
# - A code is good for something: to draw, to search, to tell apart. What it was taught to
#   forget is part of that.
#
# ## What to remember, in numbers

# %%
k_means = {n: row[3] for n, row in table.items()}
lesson.Table(
    ("remember", "number"),
    [
        ("neighbours kept, letters, PCA", f"{letter_scores['codes, PCA'][1]:.2f}"),
        ("neighbours kept, letters, t-SNE", f"{letter_scores['codes, t-SNE'][1]:.2f}"),
        ("k-means on pixels", f"{k_means['pixels']:.2f}"),
        ("on a plain code of 32 numbers", f"{k_means['01 dense']:.2f}"),
        ("on ten numbers, nothing moved", f"{k_means['not moved']:.2f}"),
        ("on ten numbers that forget moves", f"{k_means['moved']:.2f}"),
        (f"through a map of {n_digits:,} of them", f"{through_map:.2f}"),
        (f"seconds for a map of {n_digits:,} points", f"{map_seconds[n_digits]:.0f}"),
    ],
)

# %% [markdown]
# ## References
#
# - L. van der Maaten and G. Hinton, *Visualizing Data using t-SNE*, JMLR 9, 2008. The
#   method, and why the tail is heavy.
# - L. van der Maaten, *Accelerating t-SNE using Tree-Based Algorithms*, JMLR 15, 2014. Why
#   5,000 points take seconds.
# - M. Wattenberg, F. Viegas and I. Johnson, *How to Use t-SNE Effectively*, Distill, 2016.
#   More experiments with what a map does not show.
# - D. Kobak and P. Berens, *The art of using t-SNE for single-cell transcriptomics*, Nature
#   Communications 10, 2019. Why to start from PCA.
# - J. Venna and S. Kaski, *Neighborhood preservation in nonlinear projection methods*, ICANN
#   2001. Trustworthiness.
# - P. Clark and F. Evans, *Distance to Nearest Neighbor as a Measure of Spatial
#   Relationships in Populations*, Ecology 35, 1954. The evenness of points.
# - J. Xie, R. Girshick and A. Farhadi, *Unsupervised Deep Embedding for Clustering
#   Analysis*, ICML 2016. Clusters of digits by deep codes, and the score by matching.
